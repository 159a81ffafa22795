/**
 * What a sender sends, seen from the sender: a source that has been opened.
 *
 * There are two kinds, and the difference between them is the only thing a sender asks about.
 *
 *   can be read again    a file. The sender opens it anew for each connection, and reads it from
 *                        whatever offset the server names. It may have changed in between.
 *   can be read once     a stream, or a folder that is packed on the way. Nobody knows its length. It
 *                        lives as long as the run, and keeps what the server does not have durably.
 *
 * file-source.ts is the first kind, extensions/stream/stream-source.ts the second. send.ts hands the
 * sender a function that opens either. Never here: offers, windows, answers (send-conversation.ts).
 */
import type { FilespoolError } from "../../protocol/errors.ts";
import type { Source, StreamSource } from "../options.ts";
import type { Connection } from "../wire/connection.ts";

/** How a large source is to be sent. */
export interface Sending {
  /** Most bytes of one data frame. */
  readonly chunkBytes: number;
  readonly algorithm: string;
  /** False when the server wants no more of it, or the connection is gone. */
  readonly shouldContinue: () => boolean;
  /** Waits until the condition holds or the connection is gone. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

/** What both kinds have. */
interface Opened {
  /** As it was given, for messages. */
  readonly path: string;
  /** The name under which it travels. */
  readonly name: string;
  /** Bytes; Infinity as long as nobody knows. */
  readonly size: number;
  /** The transfer id: 32 hexadecimal digits. */
  readonly transfer: string;
  /** What the content is a form of: "tar" for a folder, undefined for a file as it is. */
  readonly kind: string | undefined;
  /** Permission bits, and time of change in seconds since 1970 as decimal text; undefined for what has none. */
  readonly mode: number | undefined;
  readonly mtime: string | undefined;
  /**
   * Sends the content from byte `from` on.
   * @returns the digest of the whole content, or null when `shouldContinue` said no
   * @throws FilespoolError file-changed, file-unreadable: the fault of this source alone
   */
  sendOver(connection: Connection, from: number, sending: Sending): Promise<string | null>;
  /** This connection needs it no longer. What has to outlive a connection stays. */
  close(): void;
}

/** A source that can be opened anew. */
export interface RereadableSource extends Opened {
  readonly isReadOnce: false;
  /**
   * Whether another content may have had the same transfer id. Then a server that says to have it
   * already is believed only if its digest is right (adr/0090).
   */
  readonly isDoubtful: boolean;
  /** The transfer id of this source with another content than the one of the plain id; "" gives that one. */
  transferWith(digest: string): string;
  /** The digest of the whole content, which is sent nowhere. @returns null, @throws: as `sendOver` */
  digest(sending: Omit<Sending, "until">): Promise<string | null>;
  /**
   * Reads the whole content of a small source, into `room` where that is long enough.
   * @returns the content; or, of a source whose size is not what it says (a file of /proc), the stream
   * to send in its place
   * @throws FilespoolError file-changed, file-unreadable
   */
  prepare(room: Buffer): Uint8Array | StreamSource;
}

/** A source that outlives its connections, because it cannot be opened anew. */
export interface ReadOnceSource extends Opened {
  readonly isReadOnce: true;
  /** The server has all bytes before `offset` on disk, and will not ask for them again. @throws FilespoolError offset-gap */
  release(offset: number): void;
  /** The transfer is stored, or has failed for good: lets go of everything. Twice does no harm. */
  end(): void;
}

export type OpenSource = RereadableSource | ReadOnceSource;

/** What all sources of a run have in common. */
export interface OpenOptions {
  readonly queue: string;
  /** What transfer ids are derived from, beside the file: the user's secret, and with `again` something new. */
  readonly key: string;
  readonly salt: string;
  readonly algorithm: string;
  readonly bufferBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Called when a stream has more to send, or has ended. */
  readonly onChange: () => void;
  /** Called for what is left out of a folder. */
  readonly warn: (path: string, why: string) => void;
  /** Called for what is in a folder and has a name that cannot be sent; the rest of the folder goes on. */
  readonly refuse: (path: string, failure: FilespoolError) => void;
}

/**
 * Opens a source. A promise only where there is something to wait for: a tick of a coarse clock, or
 * the code that packs folders.
 * @throws FilespoolError file-unreadable, file-changed
 */
export type OpenSourceFunction = (source: Source, options: OpenOptions) => OpenSource | Promise<OpenSource>;
