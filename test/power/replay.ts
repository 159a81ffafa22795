/**
 * Plays a trace back onto the model of the disk, step by step. Whatever it does not know makes it stop: a call that is
 * left out here would be a disk that keeps more promises than the real one.
 */
import { basename, dirname } from "node:path";
import { type Change, DiskFile, DiskFolder, type Node } from "./disk.ts";
import { type Call, descriptorOf, numbersIn, type Step, stringsIn } from "./trace.ts";

interface Descriptor {
  readonly node: Node;
  position: number;
  readonly appends: boolean;
  readonly isDataSynced: boolean;
}

const READ_ONLY = new Set(["close", "lseek", "mmap", "sync_file_range"]);
const WRITES = new Set(["write", "writev", "pwrite64", "pwritev", "pwritev2"]);

export class Replay {
  /** Stands for the traced folder, which is durably there before the program starts. */
  readonly root = new DiskFolder();
  readonly #folder: string;
  readonly #descriptors = new Map<number, Descriptor>();
  /** What has to be done when a call that has started ends. */
  readonly #endings = new Map<Call, () => void>();
  /** Links elsewhere that lead into the folder, with what they lead to: what is opened through one is opened here. */
  readonly #links = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns the lines that the step says, if it is a write to standard output; "changed" for a step that the disk sees. */
  step({ edge, call }: Step): { said: string[]; changed: boolean } {
    if (edge === "end") {
      const ending = this.#endings.get(call);
      this.#endings.delete(call);
      ending?.();
      if (/^open/.test(call.name)) this.#opened(call);
      return { said: [], changed: ending !== undefined };
    }
    if (call.result < 0) return { said: [], changed: false };
    const { fd, path } = descriptorOf(call);
    const isHere = path === this.#folder || path.startsWith(`${this.#folder}/`);
    if (fd <= 2 && WRITES.has(call.name) && !isHere) {
      const text = Buffer.concat(stringsIn(call)).toString();
      return { said: text.split("\n").filter((line) => line.startsWith('{"event"')), changed: false };
    }
    const ending = this.#start(call, fd, isHere);
    if (ending) this.#endings.set(call, ending);
    return { said: [], changed: ending !== null };
  }

  #start(call: Call, fd: number, isHere: boolean): (() => void) | null {
    const { name, args } = call;
    if (/^(openat|open|creat)$/.test(name)) return this.#open(call);
    if (/^(rename|link|unlink|mkdir|rmdir)/.test(name)) return this.#changeNames(call);
    if (name === "symlink") return this.#link(call);
    if (!isHere) {
      if (args.includes('"') && /truncate|symlink/.test(name)) throw new Error(`${name} is not modelled`);
      return null;
    }
    const descriptor = this.#descriptors.get(fd);
    if (name === "lseek" && descriptor && args.includes("SEEK_SET")) descriptor.position = call.result;
    const isLock = descriptorOf(call).path.endsWith("index.mdb-lock");
    if (name === "mmap" && args.includes("PROT_WRITE") && args.includes("MAP_SHARED") && !isLock)
      throw new Error(`writes through mapped memory are not modelled: ${args}`);
    if (READ_ONLY.has(name)) return null;
    if (!descriptor) throw new Error(`${name} on a descriptor that was never opened: ${args.slice(0, 100)}`);
    const { node } = descriptor;
    if (name === "fsync" || name === "fdatasync") return node.sync();
    if (!(node instanceof DiskFile)) throw new Error(`${name} on a folder`);
    if (WRITES.has(name)) return this.#write(call, node, descriptor);
    if (name === "ftruncate") return ended(node.resize(numbersIn(call).at(-1) as number));
    throw new Error(`${name} is not modelled`);
  }

  #write(call: Call, node: DiskFile, descriptor: Descriptor): () => void {
    const bytes = Buffer.concat(stringsIn(call)).subarray(0, call.result);
    const isPlaced = call.name.startsWith("p");
    const numbers = numbersIn(call);
    // pwrite64(fd, bytes, count, offset) and pwritev(fd, [...], count, offset); pwritev2 has flags after that.
    const offset = isPlaced ? (numbers[1] as number) : descriptor.appends ? node.size : descriptor.position;
    if (!isPlaced) descriptor.position = offset + bytes.length;
    const change = node.write(offset, bytes);
    return () => {
      change.state = descriptor.isDataSynced ? "durable" : "ended";
    };
  }

  #open(call: Call): (() => void) | null {
    const path = this.#pathsOf(call)[0];
    if (path === undefined || path === null) return null;
    const { args } = call;
    const node = this.#find(path);
    if (node instanceof DiskFile) return args.includes("O_TRUNC") ? ended(node.resize(0)) : null;
    if (node || !args.includes("O_CREAT")) return null;
    return ended(this.#parent(path).change([basename(path), new DiskFile()]));
  }

  #opened(call: Call): void {
    const path = this.#pathsOf(call)[0];
    if (path === undefined || path === null || call.result < 0) return;
    const node = this.#find(path);
    if (!node) throw new Error(`opened, but not there: ${path}`);
    const { args } = call;
    this.#descriptors.set(call.result, {
      ...{ node, position: 0, appends: args.includes("O_APPEND") },
      isDataSynced: /\bO_D?SYNC\b/.test(args),
    });
  }

  #changeNames(call: Call): (() => void) | null {
    const [path, to] = this.#pathsOf(call);
    if (path === undefined || (path === null && !to)) return null;
    if (path === null) throw new Error(`${call.name} from outside`);
    if (call.name.startsWith("mkdir")) return ended(this.#parent(path).change([basename(path), new DiskFolder()]));
    if (/^(unlink|rmdir)/.test(call.name)) return ended(this.#parent(path).change([basename(path), null]));
    const node = this.#find(path);
    if (!to || !node) throw new Error(`${call.name} to outside, or of nothing`);
    if (call.name.startsWith("link")) return ended(this.#parent(to).change([basename(to), node]));
    if (dirname(path) !== dirname(to)) throw new Error("a rename across folders is not modelled");
    return ended(this.#parent(path).change([basename(path), null], [basename(to), node]));
  }

  #link(call: Call): null {
    const [target = "", path = ""] = stringsIn(call).map(String);
    if (path.startsWith(`${this.#folder}/`)) throw new Error("a symbolic link in the folder is not modelled");
    this.#links.set(path, target);
    return null;
  }

  /** The paths that a call names, below the folder; null for one elsewhere. */
  #pathsOf(call: Call): (string | null)[] {
    return stringsIn(call).map((bytes) => {
      const given = bytes.toString();
      // Removing a link removes no file.
      const path = /^open/.test(call.name) ? (this.#links.get(given) ?? given) : given;
      if (path === this.#folder) return "";
      return path.startsWith(`${this.#folder}/`) ? path.slice(this.#folder.length + 1) : null;
    });
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of path === "" ? [] : path.split("/"))
      node = node instanceof DiskFolder ? node.names.get(part) : undefined;
    return node;
  }

  #parent(path: string): DiskFolder {
    const folder = this.#find(dirname(path) === "." ? "" : dirname(path));
    if (!(folder instanceof DiskFolder)) throw new Error(`not a folder: ${path}`);
    return folder;
  }
}

const ended = (change: Change) => () => {
  change.state = "ended";
};
