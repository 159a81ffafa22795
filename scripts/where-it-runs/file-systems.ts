/** File systems in a file, mounted for as long as something is tried on them. Needs root. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const IMAGE_MIB = 600;

export interface FileSystem {
  readonly name: string;
  /** Makes it in a file, or null where it needs none. */
  readonly make: readonly string[] | null;
  readonly mount: (image: string, place: string, folder: string) => readonly string[];
  /** Its tools, as they call themselves. */
  readonly version: () => string;
}

const loop =
  (type: string, options = "loop") =>
  (image: string, place: string) => ["mount", "-t", type, "-o", options, image, place];
const said =
  (pattern: RegExp, ...command: string[]) =>
  (): string => {
    const { stdout, stderr } = spawnSync(command[0] as string, command.slice(1), { encoding: "utf8" });
    return pattern.exec(`${stdout}${stderr}`)?.[1] ?? "";
  };
const kernel = said(/^(\d+\.\d+)/, "uname", "-r");

export const FILE_SYSTEMS: readonly FileSystem[] = [
  {
    name: "ext4",
    make: ["mkfs.ext4", "-q", "-F"],
    mount: loop("ext4"),
    version: said(/mke2fs (\S+)/, "mkfs.ext4", "-V"),
  },
  { name: "xfs", make: ["mkfs.xfs", "-q", "-f"], mount: loop("xfs"), version: said(/version (\S+)/, "mkfs.xfs", "-V") },
  {
    name: "btrfs",
    make: ["mkfs.btrfs", "-q", "-f"],
    mount: loop("btrfs"),
    version: said(/v(\S+)/, "mkfs.btrfs", "-V"),
  },
  {
    name: "tmpfs",
    make: null,
    mount: (_, place) => ["mount", "-t", "tmpfs", "-o", `size=${IMAGE_MIB}m`, "tmpfs", place],
    version: kernel,
  },
  {
    name: "overlay",
    make: null,
    mount: (_, place, folder) => {
      // An overlay on an overlay is refused, so its upper layer is on a file system of its own.
      const base = join(folder, "base");
      mkdirSync(base);
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${IMAGE_MIB}m`, "tmpfs", base]);
      for (const name of ["lower", "upper", "work"]) mkdirSync(join(base, name));
      const layers = ["lower", "upper", "work"].map((name) => `${name}dir=${join(base, name)}`).join(",");
      return ["mount", "-t", "overlay", "-o", layers, "overlay", place];
    },
    version: kernel,
  },
  { name: "exfat (the kernel's)", make: ["mkfs.exfat"], mount: loop("exfat"), version: kernel },
  {
    name: "exfat (exfat-fuse)",
    make: ["mkfs.exfat"],
    mount: (image, place) => ["mount.exfat-fuse", image, place],
    version: said(/exfat (\d\S+)/, "mount.exfat-fuse", "-V"),
  },
  { name: "ntfs (ntfs3, the kernel's)", make: ["mkfs.ntfs", "-q", "-F", "-Q"], mount: loop("ntfs3"), version: kernel },
  {
    name: "ntfs (ntfs-3g)",
    make: ["mkfs.ntfs", "-q", "-F", "-Q"],
    mount: (image, place) => ["ntfs-3g", image, place],
    version: said(/ntfs-3g (\S+)/, "ntfs-3g", "--version"),
  },
];

/** Does something on a file system of its own. @throws Error when it cannot be made or mounted here */
export async function mounted(
  system: FileSystem,
  folder: string,
  work: (place: string) => Promise<void>,
): Promise<void> {
  const image = join(folder, "image");
  const place = join(folder, "mounted");
  mkdirSync(place);
  if (system.make !== null) {
    writeFileSync(image, "");
    truncateSync(image, IMAGE_MIB * 1024 * 1024);
    command([...system.make, image]);
  }
  command(system.mount(image, place, folder));
  try {
    await work(place);
  } finally {
    for (const path of [place, join(folder, "base")]) spawnSync("umount", ["-l", path]);
  }
}

function command([program = "", ...words]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (error) throw new Error(`${program} is not installed`);
  if (status !== 0) throw new Error(/^.*: (.*)$/m.exec(stderr)?.[1] ?? `${program} ended with ${status}`);
}
