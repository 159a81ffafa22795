#!/usr/bin/env node
/**
 * The command as it is installed: the program (main.ts) as one script, with more threads for the disk than Node starts by itself.
 *
 * Node asks the disk with four threads, and reads how many there shall be when the first is needed. That is while it loads an
 * ES module, so by the time main.ts runs it is too late; this file is CommonJS, which is loaded without them. A sync waits
 * for the disk and takes no processor, and a disk writes many at a time as fast as one: sixteen threads land a sixth more
 * small files in the same time than four. Who has set UV_THREADPOOL_SIZE keeps what was set; what `--exec` starts, and whatever
 * else this process starts, is not to inherit ours. Why: adr/0057.
 *
 * The build makes one script of main.ts and all that it loads, and keeps what V8 has compiled of it: that is ready in half the
 * time that the modules take. It fits the Node that made it: beside it stands which one that was. Why: adr/0061, adr/0064.
 */
const DISK_THREADS = 16;

// In words that old versions of Node understand as well, and before anything that they lack: they would show a stack trace. Node
// 21 has some of it, and no one mends it any more. The same as "engines" in package.json.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19) || major === 21) {
  console.error(
    `error: Filespool needs Node 20.19 or newer${major === 21 ? ", but not 21" : ""}; this is ${process.version}.`,
  );
  process.exit(7); // what is wrong is on this machine
}

const fs = require("node:fs") as typeof import("node:fs");
const { Script } = require("node:vm") as typeof import("node:vm");

if (process.env.UV_THREADPOOL_SIZE === undefined) {
  process.env.UV_THREADPOOL_SIZE = String(DISK_THREADS);
  fs.stat(".", () => {}); // now they are there
  delete process.env.UV_THREADPOOL_SIZE;
}

// To see that a host is a name and no address, Node 20 compiles a pattern so long that V8 takes 8 ms to optimise it.
const { setFlagsFromString } = require("node:v8") as typeof import("node:v8");
const { isIPv6 } = require("node:net") as typeof import("node:net");
setFlagsFromString("--no-regexp-optimization");
for (const _ of ["interpreted", "compiled"]) isIPv6("localhost");
setFlagsFromString("--regexp-optimization");

const at = (name: string): string => `${__dirname}/command.${name}`;
const thisNode = JSON.stringify([process.version, process.platform, process.arch, process.config]);
const isCached = fs.existsSync(at("node.json")) && fs.readFileSync(at("node.json"), "utf8") === thisNode;

const filename = at("cjs");
// ASCII, which the build makes sure of, and which is read faster like this.
const program = new Script(fs.readFileSync(filename, "latin1"), {
  filename,
  cachedData: isCached ? fs.readFileSync(at("cache")) : undefined,
});
program.runInThisContext()(require, filename);
