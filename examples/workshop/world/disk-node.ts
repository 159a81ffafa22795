/** What lies on the workshop's disk: files and folders, each with what a power cut would leave of it. */

export interface Node {
  readonly number: number;
  bytes: Buffer;
  durableBytes: Buffer;
  /** The names in a folder; null for a file. */
  readonly names: Map<string, Node> | null;
  durableNames: Map<string, Node>;
  /** How many names it has. */
  links: number;
  /** Differs after each change, as a time would. */
  changes: number;
}

let count = 0;

/** A number that was never given before. */
export const fresh = (): number => ++count;

export const newNode = (kind: "file" | "folder"): Node => ({
  ...{ number: fresh(), bytes: Buffer.alloc(0), durableBytes: Buffer.alloc(0), links: 1, changes: fresh() },
  ...{ names: kind === "folder" ? new Map<string, Node>() : null, durableNames: new Map<string, Node>() },
});

/** Everything as it is, also what was not synced: what the kernel has when a program is killed. */
export function cloneOf(top: Node): Node {
  const copies = new Map<Node, Node>();
  const copy = (node: Node): Node => {
    const known = copies.get(node);
    if (known) return known;
    const made: Node = { ...node, names: node.names && new Map(), durableNames: new Map() };
    copies.set(node, made);
    for (const [name, child] of node.names ?? []) made.names?.set(name, copy(child));
    for (const [name, child] of node.durableNames) made.durableNames.set(name, copy(child));
    return made;
  };
  return copy(top);
}

/** What is there after a power cut: bytes that were synced, under names that were, or under all names. */
export function remainsOf(top: Node, names: "synced" | "all"): Node {
  const copies = new Map<Node, Node>();
  const copy = (node: Node): Node => {
    const known = copies.get(node);
    if (known) known.links++;
    if (known) return known;
    const { durableBytes } = node;
    const made: Node = { ...node, bytes: durableBytes, names: node.names && new Map(), links: 1 };
    copies.set(node, made);
    for (const [name, child] of (names === "all" ? node.names : node.durableNames) ?? [])
      made.names?.set(name, copy(child));
    made.durableNames = new Map(made.names ?? []);
    return made;
  };
  return copy(top);
}

export function systemError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: the workshop's disk says so, ${call} '${path}'`), { code });
}

export function asText(bytes: Buffer, options: unknown): Buffer | string {
  const encoding = typeof options === "string" ? options : (options as { encoding?: string } | undefined)?.encoding;
  return encoding ? bytes.toString("utf8") : Buffer.from(bytes);
}

export function statsOf(node: Node, options?: { bigint?: boolean }): object {
  const { number: ino, links: nlink, changes } = node;
  const kinds = { isFile: () => node.names === null, isDirectory: () => node.names !== null };
  const size = node.bytes.length;
  if (!options?.bigint) return { ...kinds, ino, size, nlink, mode: 0o644, mtimeMs: changes, ctimeMs: changes };
  const times = { mtimeNs: BigInt(changes), ctimeNs: BigInt(changes) };
  return { ...kinds, ...times, ino: BigInt(ino), size: BigInt(size), nlink: BigInt(nlink), mode: 0o644n };
}
