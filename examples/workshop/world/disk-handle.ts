/** An open file or folder of the workshop's disk, with the functions that a FileHandle of Node's has. */
import { asText, fresh, type Node, statsOf, systemError } from "./disk-node.ts";

/** What a handle has of its disk: the step before each call. */
export interface Stepping {
  syncs: number;
  step(call: string, ...paths: string[]): Promise<void>;
}

export class Handle {
  readonly #disk: Stepping;
  readonly #node: Node;
  readonly #path: string;
  readonly #flags: string;
  #isOpen = true;

  constructor(disk: Stepping, node: Node, path: string, flags: string) {
    this.#disk = disk;
    this.#node = node;
    this.#path = path;
    this.#flags = flags;
  }

  async #step(call: string): Promise<Node> {
    if (!this.#isOpen) throw systemError("EBADF", call, this.#path);
    await this.#disk.step(call, this.#path);
    return this.#node;
  }

  async stat(options?: { bigint?: boolean }): Promise<object> {
    return statsOf(await this.#step("stat"), options);
  }

  async read(into: Uint8Array, at = 0, length = into.length - at, position = 0): Promise<{ bytesRead: number }> {
    const { bytes } = await this.#step("read");
    return { bytesRead: bytes.copy(into, at, position, position + length) };
  }

  async readFile(options?: unknown): Promise<Buffer | string> {
    return asText((await this.#step("read")).bytes, options);
  }

  async appendFile(content: Uint8Array | string): Promise<void> {
    const node = await this.#step("append");
    node.bytes = Buffer.concat([node.bytes, Buffer.from(content)]);
    node.changes = fresh();
  }

  async writeFile(content: Uint8Array | string): Promise<void> {
    const node = await this.#step("write");
    node.bytes = Buffer.from(content);
  }

  async write(content: Uint8Array, at = 0, length = content.length - at, position?: number | null) {
    const node = await this.#step("write");
    const piece = Buffer.from(content.subarray(at, at + length));
    const end = this.#flags.startsWith("a") ? node.bytes.length : (position ?? node.bytes.length);
    const grown = Buffer.alloc(Math.max(node.bytes.length, end + piece.length));
    node.bytes.copy(grown);
    piece.copy(grown, end);
    node.bytes = grown;
    return { bytesWritten: piece.length, buffer: content };
  }

  async truncate(length = 0): Promise<void> {
    const node = await this.#step("truncate");
    node.bytes = Buffer.from(node.bytes.subarray(0, length));
  }

  async sync(): Promise<void> {
    const node = await this.#step(this.#node.names ? "sync folder" : "sync");
    this.#disk.syncs++;
    node.durableBytes = node.bytes;
    node.durableNames = new Map(node.names ?? []);
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }
}
