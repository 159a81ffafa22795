/**
 * What a sender and a receiver are asked to do, and what they report at the end: the library's
 * parameters.
 *
 * The command line fills these in from flags, environment, file and prompts
 * (cli/settings/settings.ts) and passes them on unchanged. So a program can ask for whatever a
 * command can ask for.
 *
 * Never here: what a server is asked to do (create-server.ts), and any check of a value that a
 * person typed. An option that is left out has the value of `DEFAULTS`, or the one in its comment.
 */
import { resolve } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { About, TransferEvent } from "./events.ts";
import type { Preserve } from "./receiver/file-attributes.ts";

/** How this version names itself to a peer. For logs only; nothing is decided by it. */
export const AGENT = "filespool/0.1";

/** The value of each option that is not given, for server and clients alike. */
export const DEFAULTS = {
  host: "localhost",
  port: 5011,
  queue: "default",
  bufferBytes: LIMITS.bufferBytesDefault,
  retryMs: 60_000,
  connectRetryMs: 0,
  connectTimeoutMs: 10_000,
} as const;

/**
 * Whose certificate a client accepts. With no field: one for that host that this machine trusts.
 */
export interface TlsTrust {
  /**
   * SHA-256 of the server's certificate (DER), 64 hexadecimal digits. Several while a certificate
   * is being replaced; any one of them will do.
   */
  readonly fingerprints?: readonly string[];
  /** Certificates (PEM) of authorities to trust in place of this machine's. */
  readonly ca?: string;
}

/** A certificate and its private key, both PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What every run of a client is asked. The defaults are in DEFAULTS. */
export interface ClientOptions {
  readonly host?: string;
  readonly port?: number;
  readonly queue?: string;
  /** Most bytes of one data frame of a large file. */
  readonly bufferBytes?: number;
  /** How long to keep trying without progress once a server has answered, ms. */
  readonly retryMs?: number;
  /** The same before a server has answered at all, ms. 0: the first failure ends the run. */
  readonly connectRetryMs?: number;
  /** Time for one attempt to connect, ms: from the look-up of the name to the server's welcome. */
  readonly connectTimeoutMs?: number;
  /**
   * Proves a right to a server that asks for one. A secret: keep it out of argument lists and logs.
   */
  readonly token?: string;
  /** Encrypts the connection, and says which server to trust. Absent: plain TCP. */
  readonly tls?: TlsTrust;
  /** Ends the run early. It then fails with the code "interrupted". */
  readonly signal?: AbortSignal;
  /** Hears what happens, while it happens. It must not throw. */
  readonly onEvent?: (event: TransferEvent) => void;
}

/** The options of a run with the defaults filled in. */
export const complete = <T extends ClientOptions>(options: T) => ({ ...DEFAULTS, ...options });

/**
 * Content that is read once, and whose length is known only at its end. If the stream fails, its
 * transfer is cancelled and nothing is stored.
 */
export interface StreamSource {
  readonly name: string;
  /** A Readable, or anything else that yields bytes. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** What messages and events call it; `name` unless given. */
  readonly path?: string;
  /** What the receiver makes of it: "tar" is unpacked into a folder. Absent: a file as it is. */
  readonly kind?: string;
  /**
   * Transfer id (32 hexadecimal digits) of a stream that gives the same bytes each time. It is
   * stored once, however often it is sent. Without an id each stream is a new transfer.
   */
  readonly transfer?: string;
}

/** A file to send only if it still is the one that was seen: `identityOf` in file-identity.ts. */
export interface FileSource {
  readonly path: string;
  readonly identity: string;
}

/** Something to send. A string is the path of a file or folder. */
export type Source = string | FileSource | StreamSource;

/**
 * An absolute path, which stays right when the working folder changes later. If the working folder
 * itself is gone, the path as it was given.
 */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path;
  }
}

/** What events call a source: a file by its absolute path, a stream by its label. */
export function labelOf(source: string | FileSource | Pick<StreamSource, "path" | "name">): string {
  if (typeof source === "string") return absolutePath(source);
  return "name" in source ? (source.path ?? source.name) : absolutePath(source.path);
}

/** What one run of a sender is asked. */
export interface SendOptions extends ClientOptions {
  /**
   * Paths of files, or streams. They are taken one at a time, so the list may be endless.
   *
   * An asynchronous list may have nothing to give for a while. The run then keeps its connection,
   * and replaces one that is lost, until the list ends. If the list throws, the run fails with that
   * error.
   */
  readonly files: Iterable<Source> | AsyncIterable<Source>;
  /** Stores a new copy even if this very file is stored already. */
  readonly again?: boolean;
  /**
   * A secret of this user that is the same in every run. Transfer ids are derived from it, so that
   * a new run continues what a killed one began. Without it, each run begins anew.
   */
  readonly senderKey?: string;
  /** "blake3" or "sha256". Unless given: the first in the server's list that this end knows. */
  readonly digest?: string;
}

/**
 * What one run of a sender has achieved. Each file is counted once: as one of these, or a failure.
 */
export interface SendSummary {
  /** `stored`: brought to the server by this run. `repeated`: the server had them already. */
  stored: number;
  repeated: number;
  /** Size of all those files together, bytes. */
  bytes: number;
  /** One for each file that was not stored, with the reason. */
  failures: FilespoolError[];
}

/** What to do when the target folder has something of that name. */
export type IfExists = "refuse" | "rename" | "overwrite" | "skip";

/** What a hook is told about a file that has landed. */
export interface LandedFile {
  readonly transfer: string;
  readonly queue: string;
  /** The name under which the sender sent it. `path` may end differently. */
  readonly name: string;
  readonly size: number;
  readonly digest: string;
  /**
   * Where it is: an absolute path, so that no program can take a name like "--output=x" for an
   * option. The path of a folder, if a folder was sent.
   */
  readonly path: string;
  /** Aborted when the run is to end. The hook should then end too. */
  readonly signal: AbortSignal;
}

/**
 * Takes contents in place of a target folder. Each content is complete and verified before the
 * first byte of it is handed over.
 */
export interface ContentSink {
  /**
   * Takes one content. Resolves when all of it was taken; the ack follows. Contents come one after
   * the other, never two at a time.
   * @throws FilespoolError interrupted when nobody takes any more. Whatever it throws ends the run
   * and does not count as a failed attempt.
   */
  readonly write: (
    file: About,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<void>;
  /**
   * A folder that only this user can read, for a content that is too large to be verified in
   * memory. Called each time such a content comes.
   */
  readonly folder: () => Promise<string>;
}

/**
 * What one run of a receiver is asked. It takes what is there and ends, unless it is told
 * otherwise.
 */
export interface ReceiveOptions extends ClientOptions {
  /**
   * Target folder; created when it is missing. A relative path starts from the working folder at
   * the beginning of the run. Not used with `sink`.
   */
  readonly out: string;
  /** Takes the contents instead of the folder. `onLanded` and `ifExists` are ignored then. */
  readonly sink?: ContentSink;
  /** What to do when a name is taken. Default "refuse": the file waits in its queue. */
  readonly ifExists?: IfExists;
  /** Ends after exactly so many files, and waits until they have come. */
  readonly count?: number;
  /** Never ends by itself. */
  readonly follow?: boolean;
  /** Ends when nothing has arrived for so long, ms. */
  readonly waitMs?: number;
  /** Lands under this name instead of the sender's. */
  readonly as?: string;
  /** Lets names keep a dot in front. Otherwise it gets a "_" before it, unless `as` is given. */
  readonly allowDotfiles?: boolean;
  /**
   * Files and folders of programs on this machine: settings, secrets, state. Nothing lands on them,
   * in them, or around them.
   */
  readonly ownPlaces?: readonly string[];
  /** False: a folder lands as the archive in which it travels. Default true. */
  readonly unpack?: boolean;
  /**
   * Runs for each landed file before its ack, one at a time. If it fails, the file is taken away
   * again and the delivery counts as a failed attempt. A run that waits for files tries again.
   * After a crash it may run twice for one file (extensions/hook/hooked-landing.ts).
   */
  readonly onLanded?: (file: LandedFile) => Promise<void> | void;
  /**
   * The pause after a hook has failed, ms; 1,000 unless given. It doubles with each failure, up to
   * 60 times as much (extensions/hook/hook-backoff.ts).
   */
  readonly hookPauseMs?: number;
  /**
   * Which attributes of the sender's file are kept: permission bits (as far as the umask allows)
   * and time of change. Default "all". A folder brings its own, in its archive.
   */
  readonly preserve?: Preserve;
  /**
   * "fsync" (default): an ack means that the file survives a power cut here. "none" leaves syncing
   * to the operating system.
   */
  readonly durability?: "fsync" | "none";
}

/**
 * The options of a run with the defaults filled in. The target folder becomes absolute now, so that
 * a program which changes its working folder later does not change where files land.
 * @throws FilespoolError folder-unusable: the path is relative, and the working folder is gone
 */
export function completeReceive(options: ReceiveOptions) {
  try {
    return { ...complete(options), out: resolve(options.out) };
  } catch (cause) {
    const what = `cannot find ${options.out}: the working folder was removed; change to another one`;
    throw new FilespoolError("folder-unusable", what, { cause });
  }
}

/** What one run of a receiver has achieved, over all of its connections. */
export interface ReceiveSummary {
  landed: number;
  skipped: number;
  /**
   * Files that other receivers held when the queue was last found empty. They come back unless
   * those receivers ack them.
   */
  elsewhere: number;
  /** Bytes of the files that landed. */
  bytes: number;
  /** One for each file that did not land, with the reason. */
  failures: FilespoolError[];
}
