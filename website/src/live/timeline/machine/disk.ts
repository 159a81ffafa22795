/**
 * A disk in memory that keeps apart what the kernel would say now and what a power cut would leave.
 *
 * Content becomes durable when its file is synced, a name when its folder is, and neither before. When only a program
 * dies, nothing is lost, because the kernel goes on. Refuses to know time, and what the files mean. Invariant: after
 * `cutPower` exactly that is here which was synced.
 */

export class Inode {
  readonly number: number;
  readonly isFolder: boolean;
  content = new Uint8Array(0);
  durable = new Uint8Array(0);
  links = 0;

  constructor(number: number, isFolder: boolean) {
    this.number = number;
    this.isFolder = isFolder;
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

/** What Node would throw. */
export const diskError = (code: string, text: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${text}, '${path}'`), { code, path, syscall: "open" });

export class Disk {
  /** Told of each change of a file, under each of its names. */
  onChange: (path: string) => void = () => {};
  #names = new Map<string, Inode>([["/", new Inode(0, true)]]);
  #durableNames = new Map(this.#names);
  #count = 0;

  find(path: string): Inode | undefined {
    return this.#names.get(path);
  }

  /** @throws ENOENT */
  get(path: string): Inode {
    const inode = this.find(path);
    if (!inode) throw diskError("ENOENT", "no such file or directory", path);
    return inode;
  }

  create(path: string, isFolder = false): Inode {
    this.get(folderOf(path));
    return this.#name(path, new Inode(++this.#count, isFolder));
  }

  #name(path: string, inode: Inode): Inode {
    this.remove(path);
    inode.links++;
    this.#names.set(path, inode);
    this.onChange(path);
    return inode;
  }

  /** @throws EEXIST */
  link(from: string, to: string): void {
    if (this.find(to)) throw diskError("EEXIST", "file already exists", to);
    this.#name(to, this.get(from));
  }

  rename(from: string, to: string): void {
    const inode = this.get(from);
    this.#name(to, inode);
    this.remove(from);
  }

  remove(path: string): void {
    const inode = this.find(path);
    if (!inode) return;
    inode.links--;
    this.#names.delete(path);
    this.onChange(path);
  }

  list(folder: string): string[] {
    const start = folder === "/" ? folder : `${folder}/`;
    return [...this.#names.keys()]
      .filter((path) => path !== folder && folderOf(path) === folder)
      .map((path) => path.slice(start.length));
  }

  write(inode: Inode, content: Uint8Array<ArrayBuffer>): void {
    inode.content = content;
    this.#tell(inode);
  }

  sync(inode: Inode): void {
    if (inode.isFolder) this.#syncNames(inode);
    else inode.durable = inode.content;
    this.#tell(inode);
  }

  #syncNames(inode: Inode): void {
    const [folder = ""] = [...this.#names].find(([, one]) => one === inode) ?? [];
    for (const path of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      if (folderOf(path) !== folder) continue;
      const now = this.#names.get(path);
      if (now) this.#durableNames.set(path, now);
      else this.#durableNames.delete(path);
      this.onChange(path);
    }
  }

  #tell(inode: Inode): void {
    for (const [path, one] of this.#names) if (one === inode) this.onChange(path);
  }

  /** Bytes of a file that would survive: none, as long as its name would not. */
  durableBytes(path: string): number {
    const inode = this.find(path);
    return inode && this.#durableNames.get(path) === inode ? inode.durable.length : 0;
  }

  cutPower(): void {
    const before = this.#names;
    this.#names = new Map(this.#durableNames);
    for (const inode of this.#names.values()) {
      inode.content = inode.durable;
      inode.links = 0;
    }
    for (const inode of this.#names.values()) inode.links++;
    for (const path of new Set([...before.keys(), ...this.#names.keys()])) this.onChange(path);
  }
}
