/**
 * A disk that loses what was not synced. The laws run the reader's copy on it (install-disk.ts puts it behind node:fs).
 *
 * Each call is counted, and the power can be cut before any of them. The disk is stricter than a real one. A file's bytes
 * are durable after `sync` on it, and the names in a folder after `sync` on the folder. A power cut loses the rest. A kill
 * loses nothing, because the kernel lives on.
 */
import { Handle } from "./disk-handle.ts";
import { asText, cloneOf, fresh, type Node, newNode, remainsOf, statsOf, systemError } from "./disk-node.ts";

/** What every call throws once the power is cut, or the program is dead. */
export class PowerCut extends Error {}

const disks = new Map<number, Disk>();
const PATH = /[\\/]workshop-disk[\\/](?<id>\d+)(?<rest>[\\/].*)?$/;

/** Which disk serves a path, and where on it; null for a path of your machine. */
export function placeOf(path: unknown): { disk: Disk; rest: string } | null {
  const found = typeof path === "string" ? PATH.exec(path)?.groups : undefined;
  const disk = found && disks.get(Number(found.id));
  return disk ? { disk, rest: found.rest ?? "/" } : null;
}

export class Disk {
  readonly #id = fresh();
  /** The folder of this disk: everything below it is here and not on your machine. */
  root = `/workshop-disk/${this.#id}`;
  /** Each call so far, in a few words: "rename spool/uploads/1 spool/queues/2". */
  readonly calls: string[] = [];
  syncs = 0;
  /** The call with this number, counted from 0, is never carried out, and none after it. */
  cutAt = Number.POSITIVE_INFINITY;
  /** Asked before each call. A promise holds the call back: a slow disk. */
  before: ((call: string) => Promise<void> | undefined) | null = null;
  isCut = false;
  readonly #top: Node;

  constructor(top = newNode("folder")) {
    this.#top = top;
    disks.set(this.#id, this);
  }

  /** What the disk would be if the power failed now, and the machine started again. With `names: "all"` the disk was quick to write names, and only those. */
  afterPowerCut({ names = "synced" }: { names?: "synced" | "all" } = {}): Disk {
    return new Disk(remainsOf(this.#top, names));
  }

  /** The disk for the program that is started after this one was killed. What was not synced is still not synced. */
  afterKill(): Disk {
    return new Disk(cloneOf(this.#top));
  }

  /** From now on this disk is found where the other one was, as after a restart. */
  inPlaceOf(other: Disk): this {
    this.root = other.root;
    disks.set(Number(PATH.exec(other.root)?.groups?.id), this);
    return this;
  }

  /** All files by their paths below the top, for the laws. Asking is no call. */
  files(): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    const walk = (node: Node, path: string) => {
      for (const [name, child] of node.names ?? [])
        if (child.names) walk(child, `${path}${name}/`);
        else found.set(`${path}${name}`, child.bytes);
    };
    walk(this.#top, "");
    return found;
  }

  /** Puts a file there, durably, as if it had been there before. */
  put(path: string, bytes: Uint8Array | string): void {
    const names = path.split("/");
    let at = this.#top;
    for (const name of names.slice(0, -1)) {
      const next = at.names?.get(name) ?? newNode("folder");
      at.names?.set(name, next);
      at.durableNames.set(name, next);
      at = next;
    }
    const file = newNode("file");
    file.bytes = Buffer.from(bytes);
    file.durableBytes = file.bytes;
    at.names?.set(names.at(-1) as string, file);
    at.durableNames.set(names.at(-1) as string, file);
  }

  /** Removes a name, as somebody who tidies up would. Asking is no call. */
  take(path: string): void {
    const { folder, name } = this.#place(`/${path}`, "take");
    folder.names?.delete(name);
    folder.durableNames.delete(name);
  }

  async step(call: string, ...paths: string[]): Promise<void> {
    const words = [call, ...paths.map((path) => path.replace(/^[\\/]/, ""))].join(" ");
    if (!this.isCut) await this.before?.(words);
    if (this.calls.length >= this.cutAt) this.isCut = true;
    if (this.isCut) throw new PowerCut(`the power was cut before: ${words}`);
    this.calls.push(words);
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#top;
    for (const name of path.split(/[\\/]/).filter(Boolean)) at = at?.names?.get(name);
    return at;
  }

  #get(path: string, call: string): Node {
    const node = this.#find(path);
    if (!node) throw systemError("ENOENT", call, path);
    return node;
  }

  #place(path: string, call: string): { folder: Node; name: string } {
    const names = path.split(/[\\/]/).filter(Boolean);
    const name = names.pop() as string;
    const folder = this.#get(names.join("/"), call);
    if (!folder.names) throw systemError("ENOTDIR", call, path);
    return { folder, name };
  }

  #file(path: string, flags: string): Node {
    const known = this.#find(path);
    if (known?.names && flags !== "r") throw systemError("EISDIR", "open", path);
    if (known && flags.includes("x")) throw systemError("EEXIST", "open", path);
    if (!known && flags.startsWith("r")) throw systemError("ENOENT", "open", path);
    if (known && flags.startsWith("w")) known.bytes = Buffer.alloc(0);
    if (known) return known;
    const { folder, name } = this.#place(path, "open");
    const file = newNode("file");
    folder.names?.set(name, file);
    return file;
  }

  async open(path: string, flags = "r"): Promise<Handle> {
    await this.step("open", path);
    return new Handle(this, this.#file(path, flags), path, flags);
  }

  async readFile(path: string, options?: unknown): Promise<Buffer | string> {
    await this.step("readFile", path);
    return asText(this.#get(path, "open").bytes, options);
  }

  /** With `flush` it is three calls, as on a real disk: the file is there before it has bytes, and these before the sync. */
  async writeFile(path: string, content: Uint8Array | string, options?: unknown): Promise<void> {
    const handle = await this.open(path, "w");
    await handle.writeFile(content);
    if ((options as { flush?: boolean } | undefined)?.flush) await handle.sync();
  }

  async appendFile(path: string, content: Uint8Array | string): Promise<void> {
    await this.step("appendFile", path);
    const file = this.#file(path, "a");
    file.bytes = Buffer.concat([file.bytes, Buffer.from(content)]);
  }

  /** The newest name first: a folder has no order that a program may rely on. */
  async readdir(path: string): Promise<string[]> {
    await this.step("readdir", path);
    return [...(this.#get(path, "scandir").names?.keys() ?? [])].reverse();
  }

  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    await this.step("mkdir", path);
    const known = this.#find(path);
    if (known && !(options?.recursive && known.names)) throw systemError("EEXIST", "mkdir", path);
    let at = this.#top;
    const names = path.split(/[\\/]/).filter(Boolean);
    for (const [index, name] of names.entries()) {
      const next = at.names?.get(name);
      if (!next && index < names.length - 1 && !options?.recursive) throw systemError("ENOENT", "mkdir", path);
      const folder = next ?? newNode("folder");
      at.names?.set(name, folder);
      at = folder;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.step("rename", from, to);
    const node = this.#get(from, "rename");
    const target = this.#place(to, "rename");
    const source = this.#place(from, "rename");
    source.folder.names?.delete(source.name);
    target.folder.names?.set(target.name, node);
    node.changes = fresh();
  }

  async link(from: string, to: string): Promise<void> {
    await this.step("link", from, to);
    const node = this.#get(from, "link");
    const { folder, name } = this.#place(to, "link");
    if (folder.names?.has(name)) throw systemError("EEXIST", "link", to);
    folder.names?.set(name, node);
    node.links++;
  }

  async rm(path: string, options?: { force?: boolean }): Promise<void> {
    await this.step("rm", path);
    const node = this.#find(path);
    if (!node && options?.force) return;
    if (!node) throw systemError("ENOENT", "rm", path);
    const { folder, name } = this.#place(path, "rm");
    folder.names?.delete(name);
    node.links--;
  }

  async rmdir(path: string): Promise<void> {
    await this.step("rmdir", path);
    if (this.#get(path, "rmdir").names?.size !== 0) throw systemError("ENOTEMPTY", "rmdir", path);
    const { folder, name } = this.#place(path, "rmdir");
    folder.names?.delete(name);
  }

  async stat(path: string, options?: { bigint?: boolean }): Promise<object> {
    await this.step("stat", path);
    return statsOf(this.#get(path, "stat"), options);
  }

  async *createReadStream(path: string, { start = 0, highWaterMark = 65_536 } = {}): AsyncGenerator<Buffer> {
    await this.step("read", path);
    const { bytes } = this.#get(path, "open");
    for (let at = start; at < bytes.length; at += highWaterMark) yield bytes.subarray(at, at + highWaterMark);
  }
}
