/**
 * Ceilings and peers: the same file there and back by other tools, whole commands, with their servers already running.
 *
 * None of them does all that Filespool does. What each verifies and syncs stands beside its figure: most do neither. The
 * first in a list of cases is the ceiling that the table compares with.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatSize } from "./format.ts";
import { background, run, tempFolder } from "./programs.ts";
import type { Case, Place, Sample, Skipped } from "./types.ts";

const RAW = fileURLToPath(new URL("raw-socket.mjs", import.meta.url));
const TUS = fileURLToPath(new URL("tus-peer.mjs", import.meta.url));

export interface Peers {
  readonly cases: Case[];
  readonly skipped: Skipped[];
}

/** What a peer does with one file: up into its server, and down again to `out`. */
interface Peer {
  readonly name: string;
  readonly checks: string;
  readonly syncs: string;
  up(file: string): Promise<{ ms: number }>;
  down(out: string): Promise<{ ms: number }>;
}

/** Resolves when a server accepts connections. */
async function listening(port: number): Promise<void> {
  const { connect } = await import("node:net");
  for (let attempt = 0; attempt < 200; attempt++) {
    const isThere = await new Promise<boolean>((answer) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => {
        socket.destroy();
        answer(true);
      }).on("error", () => answer(false));
    });
    if (isThere) return;
    await new Promise((wait) => setTimeout(wait, 25));
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

const SKIPPED_HOW: Record<string, string> = {
  socat: "socat",
  nginx: "nginx-light",
  curl: "curl",
  rsync: "rsync",
  sshd: "openssh-server",
};

/** Where a program is, or null. */
function find(program: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? null;
}

/** One direction by socat: a listener writes what a client reads. */
async function socat(bytes: number, from: string, to: string, listens: "writer" | "reader"): Promise<{ ms: number }> {
  const port = await freePort();
  const block = ["-u", `-b${bytes}`];
  const listen = `TCP-LISTEN:${port},reuseaddr,bind=127.0.0.1`;
  const [server, client] =
    listens === "writer"
      ? [
          [listen, `CREATE:${to}`],
          [`OPEN:${from}`, `TCP:127.0.0.1:${port}`],
        ]
      : [
          [`OPEN:${from}`, listen],
          [`TCP:127.0.0.1:${port}`, `CREATE:${to}`],
        ];
  const served = run(["socat", "-dd", ...block, ...server]);
  await new Promise((wait) => setTimeout(wait, 100)); // asking whether it listens would use its one connection up
  const begunMs = performance.now();
  await Promise.all([run(["socat", ...block, ...client]), served]);
  return { ms: performance.now() - begunMs };
}

/** All that can run here, for one file size and one place. `file` is what is sent. */
export async function peersOf(file: string, fileBytes: number, place: Place, parent: string): Promise<Peers> {
  const folder = tempFolder(parent);
  const kept = (name: string) => join(folder, name);
  const peers: Peer[] = [];
  const skipped: Skipped[] = [];
  const has = (name: string, ...programs: string[]): boolean => {
    const missing = programs.filter((program) => !find(program));
    for (const program of missing)
      skipped.push({ name, reason: `${program} is not installed (${SKIPPED_HOW[program]})` });
    return missing.length === 0;
  };
  const nothing = { checks: "nothing", syncs: "nothing" };

  if (has("socat", "socat"))
    for (const [name, block] of [
      ["socat, blocks of 64 KiB", 65536],
      ["socat, its default of 8 KiB", 8192],
    ] as const)
      peers.push({
        ...{ name, ...nothing },
        up: (from) => socat(block, from, kept("socat"), "writer"),
        down: (out) => socat(block, kept("socat"), out, "reader"),
      });
  const rawPort = await freePort();
  await background([process.execPath, RAW, "serve", String(rawPort), kept("raw")], /ready/);
  peers.push({
    ...{ name: "raw sockets in Node", ...nothing },
    up: (from) => run([process.execPath, RAW, "up", String(rawPort), from]),
    down: (out) => run([process.execPath, RAW, "down", String(rawPort), out]),
  });
  peers.push({
    ...{ name: "cp, no network", ...nothing },
    up: (from) => run(["cp", from, kept("cp")]),
    down: (out) => run(["cp", kept("cp"), out]),
  });
  if (has("nginx + curl", "nginx", "curl")) peers.push(await nginx(kept("nginx")));
  if (has("rsync daemon", "rsync")) peers.push(await rsync(kept("rsync")));
  if (has("scp", "sshd", "scp")) peers.push(await scp(kept("scp")));
  const tus = await tusPeer(kept("tus"));
  if (tus) peers.push(tus);
  else skipped.push({ name: "tus", reason: "npm install --no-save @tus/server @tus/file-store tus-js-client" });

  const size = formatSize(fileBytes);
  const cases = peers.map(
    ({ name, checks, syncs, up, down }): Case => ({
      ...{ key: `peer/${name}/${size}/${place}`, group: `${size} ${place}`, label: name, checks, syncs },
      ...{ bytes: fileBytes, files: 1 },
      run: async (): Promise<Sample> => {
        const out = kept("out");
        const { ms: uploadMs } = await up(file);
        const { ms: downloadMs } = await down(out);
        rmSync(out);
        return { ms: uploadMs + downloadMs, uploadMs, downloadMs, usage: {} };
      },
    }),
  );
  return { cases, skipped };
}

async function nginx(folder: string): Promise<Peer> {
  for (const name of ["data", "temp"]) mkdirSync(join(folder, name), { recursive: true });
  const port = await freePort();
  const isRoot = userInfo().uid === 0;
  writeFileSync(
    join(folder, "nginx.conf"),
    `${isRoot ? "user root;" : ""} daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http { access_log off; client_body_temp_path ${folder}/temp; sendfile on;
  server { listen 127.0.0.1:${port}; root ${folder}/data; client_max_body_size 0; dav_methods PUT; } }`,
  );
  await background([
    find("nginx") as string,
    "-p",
    folder,
    "-c",
    join(folder, "nginx.conf"),
    "-e",
    `${folder}/error.log`,
  ]);
  await listening(port);
  const url = `http://127.0.0.1:${port}/file`;
  return {
    ...{ name: "nginx DAV + curl", checks: "nothing", syncs: "nothing" },
    up: (from) => run(["curl", "-sf", "-T", from, url]),
    down: (out) => run(["curl", "-sf", "-o", out, url]),
  };
}

async function rsync(folder: string): Promise<Peer> {
  mkdirSync(join(folder, "data"), { recursive: true });
  const port = await freePort();
  const ids = userInfo().uid === 0 ? "uid = root\ngid = root\n" : "";
  writeFileSync(
    join(folder, "rsyncd.conf"),
    `use chroot = no\npid file = ${folder}/pid\n${ids}[data]\npath = ${folder}/data\nread only = false\n`,
  );
  await background([
    "rsync",
    "--daemon",
    "--no-detach",
    `--port=${port}`,
    "--address=127.0.0.1",
    `--config=${folder}/rsyncd.conf`,
  ]);
  await listening(port);
  const url = `rsync://127.0.0.1:${port}/data/file`;
  return {
    ...{ name: "rsync daemon", checks: "a digest", syncs: "nothing" },
    up: (from) => run(["rsync", "--whole-file", "--ignore-times", from, url]),
    down: (out) => run(["rsync", "--whole-file", "--ignore-times", url, out]),
  };
}

/** Paths of the keys and logs are below the system's temp folder: sshd refuses keys in folders that others may write to. */
async function scp(folder: string): Promise<Peer> {
  mkdirSync(folder, { recursive: true });
  const own = tempFolder(tmpdir());
  for (const key of ["host", "user"]) await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(own, key)]);
  const port = await freePort();
  const config = {
    ...{ Port: port, ListenAddress: "127.0.0.1", HostKey: `${own}/host`, PidFile: `${own}/pid`, UsePAM: "no" },
    ...{
      AuthorizedKeysFile: `${own}/user.pub`,
      StrictModes: "no",
      PermitRootLogin: "yes",
      Subsystem: "sftp internal-sftp",
    },
  };
  writeFileSync(
    join(own, "sshd_config"),
    Object.entries(config)
      .map((pair) => pair.join(" "))
      .join("\n"),
  );
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  await background([find("sshd") as string, "-D", "-e", "-f", join(own, "sshd_config")]);
  await listening(port);
  const flags = ["-q", "-P", String(port), "-i", join(own, "user"), "-o", "StrictHostKeyChecking=no"];
  const client = ["scp", ...flags, "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
  const there = `${userInfo().username}@127.0.0.1:${folder}/file`;
  return {
    ...{ name: "scp", checks: "packets (encrypted)", syncs: "nothing" },
    up: (from) => run([...client, from, there]),
    down: (out) => run([...client, there, out]),
  };
}

async function tusPeer(folder: string): Promise<Peer | null> {
  const isThere = await Promise.all(
    ["@tus/server", "@tus/file-store", "tus-js-client"].map((name) => import(name)),
  ).then(
    () => true,
    () => false,
  );
  if (!isThere) return null;
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  await background([process.execPath, TUS, "serve", String(port), folder], /ready/);
  const url = join(folder, "url");
  return {
    ...{ name: "tus (Node server and client)", checks: "nothing", syncs: "nothing" },
    up: (from) => run([process.execPath, TUS, "up", String(port), from, url]),
    down: (out) => run([process.execPath, TUS, "down", url, out]),
  };
}
