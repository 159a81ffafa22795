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
 * time that the modules take. V8 checks its version and flags and ignores a cache that does not fit; the name says
 * the rest. Why: adr/0061.
 */
const DISK_THREADS = 16;

const fs = process.getBuiltinModule("node:fs");
const { Script } = process.getBuiltinModule("node:vm");

if (process.env.UV_THREADPOOL_SIZE === undefined) {
  process.env.UV_THREADPOOL_SIZE = String(DISK_THREADS);
  fs.stat(".", () => {}); // now they are there
  delete process.env.UV_THREADPOOL_SIZE;
}

const filename = `${__dirname}/command.cjs`;
const cache = `${__dirname}/command-${process.version}-${process.platform}-${process.arch}.cache`;
const program = new Script(fs.readFileSync(filename, "utf8"), {
  filename,
  cachedData: fs.existsSync(cache) ? fs.readFileSync(cache) : undefined,
});
program.runInThisContext()(require, filename);
