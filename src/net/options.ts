/**
 * What a sender and a receiver are asked to do, and what they report at the end: the library's parameters.
 *
 * The command line fills these in from flags, environment, file and prompts (cli/settings/settings.ts), and passes them on
 * as they are, so that whatever it can do a program can do as well.
 */
import { resolve } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { About, TransferEvent } from "./events.ts";
import type { Preserve } from "./receiver/file-attributes.ts";

/** How this version names itself to a peer. */
export const AGENT = "filespool/0.1";

/** What holds for an option that is not given, at either end. */
export const DEFAULTS = {
  host: "localhost",
  port: 5011,
  queue: "default",
  bufferBytes: LIMITS.bufferBytesDefault,
  retryMs: 60_000,
  connectRetryMs: 0,
  connectTimeoutMs: 10_000,
} as const;

/** Whose certificate a client accepts. Without either field: one for that host, by an authority that this machine trusts. */
export interface TlsTrust {
  /** SHA-256 of the server's certificate (DER), 64 hexadecimal digits; one of several while a certificate is replaced. */
  readonly fingerprints?: readonly string[];
  /** Certificates (PEM) of the authorities that are trusted instead of this machine's. */
  readonly ca?: string;
}

/** A certificate and its private key, both PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** For each option its default is in DEFAULTS. */
export interface ClientOptions {
  readonly host?: string;
  readonly port?: number;
  readonly queue?: string;
  /** Most bytes of one data frame of a large file. */
  readonly bufferBytes?: number;
  /** How long to keep trying without progress once there was a connection. */
  readonly retryMs?: number;
  /** The same before the first connection; 0 fails at once. */
  readonly connectRetryMs?: number;
  /** From the look-up of a name to the server's first word, ms; then the attempt has failed. */
  readonly connectTimeoutMs?: number;
  /** What proves a right to the server, where it asks for that. A secret: keep it out of argument lists and logs. */
  readonly token?: string;
  /** Encrypts the connection, and says whom to trust; absent: plain TCP. */
  readonly tls?: TlsTrust;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TransferEvent) => void;
}

/** With the defaults filled in. */
export const complete = <T extends ClientOptions>(options: T) => ({ ...DEFAULTS, ...options });

/** Content that is read once and whose length is known at its end. The transfer is cancelled if the stream fails. */
export interface StreamSource {
  readonly name: string;
  /** A Readable, or anything else that gives bytes. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** How messages call it; `name` unless given. */
  readonly path?: string;
  /** What the content is a form of: "tar" for a folder. */
  readonly kind?: string;
  /**
   * Transfer id (32 hexadecimal digits) of a stream that gives the same bytes whenever it is opened anew, so that it is
   * stored once however often it is sent. Without it, each stream is a transfer of its own.
   */
  readonly transfer?: string;
}

/** A file that is sent only if it still is the one that was seen: see `identityOf` in file-identity.ts. */
export interface FileSource {
  readonly path: string;
  readonly identity: string;
}

/** Something to send; a text is the path of a file or folder. */
export type Source = string | FileSource | StreamSource;

/** A file by its absolute path, whatever the working folder is by then; where that is gone, by the path that was given. */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path;
  }
}

/** How events call what is sent: a file by its absolute path, a stream by its label. */
export function labelOf(source: string | FileSource | Pick<StreamSource, "path" | "name">): string {
  if (typeof source === "string") return absolutePath(source);
  return "name" in source ? (source.path ?? source.name) : absolutePath(source.path);
}

export interface SendOptions extends ClientOptions {
  /**
   * Paths of files, or streams; taken one by one, so there may be any number. An asynchronous list may have nothing to
   * give for a while: the connection is kept, and replaced when it is lost, until the list ends. What it throws ends the run.
   */
  readonly files: Iterable<Source> | AsyncIterable<Source>;
  /** Stores a new copy even if this very file was stored before. */
  readonly again?: boolean;
  /** A secret of the user that stays the same from run to run, so that a killed run is continued by the next. */
  readonly senderKey?: string;
  /** "blake3" (default) or "sha256", where the server knows it; otherwise the first of its own that we know. */
  readonly digest?: string;
}

export interface SendSummary {
  /** Files stored by this run, and files that the server had already. */
  stored: number;
  repeated: number;
  /** Bytes of the files of both kinds. */
  bytes: number;
  /** One for each file that was not stored. */
  failures: FilespoolError[];
}

/** What to do when the target folder has a file of that name. */
export type IfExists = "refuse" | "rename" | "overwrite" | "skip";

/** What a hook hears of a file that has landed. */
export interface LandedFile {
  readonly transfer: string;
  readonly queue: string;
  /** As the sender called it. */
  readonly name: string;
  readonly size: number;
  readonly digest: string;
  /** Where it is, absolute, so that no program can take a name like "--output=x" for an option. A folder, if one was sent. */
  readonly path: string;
  /** The run is to end: so should the hook. */
  readonly signal: AbortSignal;
}

/** Takes contents instead of a target folder, each verified and whole. */
export interface ContentSink {
  /**
   * Takes a content, and resolves when all of it was taken; the ack follows. A second call comes after the end of the first.
   * @throws FilespoolError interrupted when nobody takes any more; whatever it throws ends the run, and is no failed attempt
   */
  readonly write: (
    file: About,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<void>;
  /** A folder that nobody else can look into, for what is too large to be verified in memory; asked for when such a file comes. */
  readonly folder: () => Promise<string>;
}

export interface ReceiveOptions extends ClientOptions {
  /** Target folder; created when it is missing. Not used with `sink`. A relative path is taken from the working folder at the start. */
  readonly out: string;
  /** Takes what would land; `onLanded` and `ifExists` have no meaning then. */
  readonly sink?: ContentSink;
  /** Default "refuse". */
  readonly ifExists?: IfExists;
  /** Ends after so many files, and waits for them. Otherwise the run ends when the queue is empty, ... */
  readonly count?: number;
  /** ... or never, ... */
  readonly follow?: boolean;
  /** ... or when nothing has arrived for so long. */
  readonly waitMs?: number;
  /** Lands under this name, whatever the sender called it. */
  readonly as?: string;
  /** Names that begin with a dot get a "_" in front (landing-names.ts), unless this is true or `as` is given. */
  readonly allowDotfiles?: boolean;
  /** Files and folders on which, in which and around which nothing may land: settings, secrets, state of this program. */
  readonly ownPlaces?: readonly string[];
  /** False lands a folder as the archive that it travels as. */
  readonly unpack?: boolean;
  /**
   * Runs for each landed file before its ack, one at a time. If it fails, the file is taken away again and the delivery
   * counts as a failed attempt; a run that waits for files tries again. After a crash it may run twice for a file (hooked-landing.ts).
   */
  readonly onLanded?: (file: LandedFile) => Promise<void> | void;
  /** The pause after a hook that failed, 1 s; it doubles while that goes on, to 60 times as much (hook-backoff.ts). */
  readonly hookPauseMs?: number;
  /** Whether a single file gets the permission bits (as far as the umask allows) and the time of change that it has at the sender. Default "all". */
  readonly preserve?: Preserve;
  /** "none" leaves syncing of landed files to the operating system. */
  readonly durability?: "fsync" | "none";
}

/**
 * With the defaults filled in, and the target folder as it is now: a program that changes its working folder later does
 * not change where files land.
 * @throws FilespoolError folder-unusable: the folder is relative, and the working folder is gone
 */
export function completeReceive(options: ReceiveOptions) {
  try {
    return { ...complete(options), out: resolve(options.out) };
  } catch (cause) {
    const what = `cannot find ${options.out}: the working folder was removed; change to another one`;
    throw new FilespoolError("folder-unusable", what, { cause });
  }
}

export interface ReceiveSummary {
  landed: number;
  skipped: number;
  /** Files that other receivers had when the queue was last found empty; they come back unless those take them. */
  elsewhere: number;
  /** Bytes of the files that landed. */
  bytes: number;
  /** One for each delivery that could not land. */
  failures: FilespoolError[];
}
