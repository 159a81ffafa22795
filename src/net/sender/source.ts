/**
 * A source that has been opened, as the sender sees it.
 *
 * There are two kinds, and the difference between them is the only thing a sender asks about.
 *
 *   can be read again   a file. The sender opens it anew for each connection, and reads it from
 *                       whatever offset the server names. It may have changed in between.
 *   can be read once    a stream, or a folder that is packed on the way. Nobody knows its length.
 *                       It lives as long as the run, and keeps what the server has not stored.
 *
 * file-source.ts is the first kind, extensions/stream/stream-source.ts the second. send.ts hands
 * the sender a function that opens either. Never here: offers, windows, answers
 * (send-conversation.ts).
 */
import type { FilespoolError } from "../../protocol/errors.ts";
import type { Source, StreamSource } from "../options.ts";
import type { Connection } from "../wire/connection.ts";

/** How the content of a large source is to be sent. */
export interface Sending {
  /** Most bytes of one data frame. */
  readonly chunkBytes: number;
  readonly algorithm: string;
  /**
   * False once the server wants no more of it, or the connection is gone. Asked before each piece.
   */
  readonly shouldContinue: () => boolean;
  /** Waits until the condition holds or the connection is gone. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

/** What both kinds of source have. */
interface Opened {
  /** The path as it was given, for messages. */
  readonly path: string;
  /** The name under which it travels. */
  readonly name: string;
  /** Bytes; Infinity as long as nobody knows. */
  readonly size: number;
  /** The transfer id: 32 hexadecimal digits. */
  readonly transfer: string;
  /** What the content is a form of: "tar" for a folder, undefined for a file as it is. */
  readonly kind: string | undefined;
  /**
   * Permission bits, and time of change in seconds since 1970 as decimal text. Undefined for a
   * source that has none.
   */
  readonly mode: number | undefined;
  readonly mtime: string | undefined;
  /**
   * Sends the content from byte `from` on.
   * @returns the digest of the whole content, or null when `shouldContinue` said no
   * @throws FilespoolError file-changed, file-unreadable: the fault of this source alone
   */
  sendOver(connection: Connection, from: number, sending: Sending): Promise<string | null>;
  /** This connection needs the source no longer. What has to outlive a connection stays open. */
  close(): void;
}

/** A source that can be opened anew. */
export interface RereadableSource extends Opened {
  readonly isReadOnce: false;
  /**
   * Whether another content may have had the same transfer id. Then a server that says it has the
   * file already is believed only if its digest is right (adr/0090).
   */
  readonly isDoubtful: boolean;
  /**
   * The transfer id that this source has if the plain id belongs to another content. The id is
   * derived from the digest as well. For "" the result is the plain id.
   */
  transferWith(digest: string): string;
  /**
   * Reads the whole content for its digest, and sends nothing.
   * @returns the digest, or null when `shouldContinue` said no
   * @throws FilespoolError as `sendOver`
   */
  digest(sending: Omit<Sending, "until">): Promise<string | null>;
  /**
   * Reads the whole content of a small source, into `room` if it fits there.
   * @returns the content. If the source does not have the size that it reports (a file of /proc), a
   * stream to send in its place.
   * @throws FilespoolError file-changed, file-unreadable
   */
  prepare(room: Buffer): Uint8Array | StreamSource;
}

/** A source that outlives its connections, because it cannot be opened anew. */
export interface ReadOnceSource extends Opened {
  readonly isReadOnce: true;
  /**
   * The server has all bytes before `offset` on disk and will not ask for them again, so they need
   * not be kept.
   * @throws FilespoolError offset-gap: the server claims bytes that were not sent
   */
  release(offset: number): void;
  /** The transfer is over, well or for good: lets go of everything. A second call does no harm. */
  end(): void;
}

/** Either kind. `isReadOnce` tells them apart. */
export type OpenSource = RereadableSource | ReadOnceSource;

/** What all sources of a run have in common. */
export interface OpenOptions {
  readonly queue: string;
  /** What transfer ids are derived from, beside the file: the user's secret; new with `again`. */
  readonly key: string;
  readonly salt: string;
  readonly algorithm: string;
  readonly bufferBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Called when a stream has more to send, or has ended. */
  readonly onChange: () => void;
  /** Called for what is left out of a folder. */
  readonly warn: (path: string, why: string) => void;
  /** Called for an entry of a folder with a name that cannot be sent. The rest goes on. */
  readonly refuse: (path: string, failure: FilespoolError) => void;
}

/**
 * Opens a source. The result is a promise only if there is something to wait for: a tick of a
 * coarse clock, or the code that packs folders.
 * @throws FilespoolError file-unreadable, file-changed
 */
export type OpenSourceFunction = (source: Source, options: OpenOptions) => OpenSource | Promise<OpenSource>;
