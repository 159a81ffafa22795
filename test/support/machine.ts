/** What a figure has to say of where it comes from. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

const said = (command: string, ...words: string[]): string => {
  try {
    return execFileSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
};

/** The machine, the versions and the time of a run. @param folder where the run writes: its file system is named */
export function machine(folder: string): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    commit: said("git", "rev-parse", "--short", "HEAD"),
    changed: said("git", "status", "--porcelain", "--untracked-files=no") !== "",
    node: process.version,
    machine: {
      cpu: cpu?.model.trim(),
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      fileSystem: said("stat", "-f", "-c", "%T", folder),
    },
  };
}
