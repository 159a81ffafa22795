/** What is promised of an unfinished upload: its durable offset never goes back, and the disk has what it vouches for. */
import type { OfferAnswer, UploadWatcher } from "../../src/spool/contract.ts";

/** What only the oracle knows. */
export interface Hands {
  fails(what: string): void;
  nameOf(transfer: string): string;
  contentOf(name: string): Buffer | undefined;
  /** What the server's disk would have of an upload after a power cut. */
  onDisk(transfer: string): Buffer | undefined;
}

export class DurableOffsets {
  readonly #hands: Hands;
  /** By transfer, as its sender was told. */
  readonly #told = new Map<string, number>();

  constructor(hands: Hands) {
    this.#hands = hands;
  }

  offer(transfer: string, answer: OfferAnswer): OfferAnswer {
    if (answer.kind !== "upload") return answer;
    const { upload } = answer;
    const told = this.#told.get(transfer) ?? 0;
    if (upload.offset < told)
      this.#hands.fails(`an upload goes on at ${upload.offset}, and ${told} was said to be durable`);
    const finish = upload.finish.bind(upload);
    upload.finish = async (digest, size) => {
      await finish(digest, size).catch((error: unknown) => {
        if (/-mismatch$/.test((error as { code: string }).code)) this.#told.delete(transfer);
        throw error;
      });
    };
    const cancel = upload.cancel.bind(upload);
    upload.cancel = () => {
      this.#told.delete(transfer);
      return cancel();
    };
    return answer;
  }

  watcher(transfer: string, size: number, watcher: UploadWatcher): UploadWatcher {
    const name = this.#hands.nameOf(transfer);
    return {
      onSuperseded: () => watcher.onSuperseded(),
      onDurable: (offset) => {
        const told = this.#told.get(transfer) ?? 0;
        if (offset < told || offset > size)
          this.#hands.fails(`the durable offset of ${name} went from ${told} to ${offset}`);
        this.#told.set(transfer, offset);
        const known = this.#hands.contentOf(name)?.subarray(0, offset);
        const found = this.#hands.onDisk(transfer)?.subarray(0, offset);
        if (!known || !found?.equals(known))
          this.#hands.fails(`${offset} bytes of ${name} were said to be durable, and are not`);
        watcher.onDurable(offset);
      },
    };
  }
}
