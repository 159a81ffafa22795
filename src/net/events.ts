/**
 * What the three programs tell whoever runs them: one union of events, for a terminal, for `--json` and
 * for the users of the library alike. Nothing in here prints; the command line decides how it looks.
 *
 * Field names are the ones of the `--json` output. Bytes are counts of bytes, `...Ms` are milliseconds.
 */
import type { ErrorCode } from "../protocol/errors.ts";

/** The fields that say which file an event is about. */
export interface About {
  /** Transfer id: 32 hexadecimal digits, chosen by the sender. */
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  /** Size of the whole file, bytes. */
  readonly size: number;
}

export type TransferEvent =
  /** `server` is its agent string; `durability` is what `stored` means there. */
  | {
      readonly event: "connected";
      readonly host: string;
      readonly port: number;
      readonly server: string;
      readonly durability: string;
    }
  | ({ readonly event: "offered"; readonly path: string } & About)
  /** `offset`: bytes the other end has already, which are not sent again. */
  | ({ readonly event: "resumed"; readonly offset: number } & About)
  /** `offset`: bytes acknowledged as durable by the server (sending) or written and synced here (receiving). */
  | ({ readonly event: "progress"; readonly offset: number } & About)
  /** `repeated`: the server had the file already; `collected`: and somebody has taken it since. */
  | ({
      readonly event: "stored";
      readonly digest: string;
      readonly repeated: boolean;
      readonly collected: boolean;
    } & About)
  /** `attempt`: 1 for the first time this file is handed to anybody. */
  | ({ readonly event: "delivered"; readonly digest: string; readonly attempt: number } & About)
  /** In the folder under `path`, verified. `skipped`: a file of that name was there, and the policy is skip. */
  | ({ readonly event: "landed"; readonly digest: string; readonly path: string; readonly skipped: boolean } & About)
  | ({ readonly event: "acked" } & About)
  /** This file failed for good (this run); the others go on. */
  | ({
      readonly event: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly path?: string;
    } & Partial<About>)
  /** The connection or the file will be tried again in `delayMs`. */
  | {
      readonly event: "retrying";
      readonly delayMs: number;
      readonly attempt: number;
      readonly code: ErrorCode;
      readonly message: string;
    };

export type ServerEvent =
  | { readonly event: "listening"; readonly host: string; readonly port: number }
  | {
      readonly event: "connected";
      readonly role: "sender" | "receiver";
      readonly peer: string;
      readonly queue?: string;
    }
  | {
      readonly event: "disconnected";
      readonly role: "sender" | "receiver";
      readonly peer: string;
      readonly code?: ErrorCode;
      readonly message?: string;
    }
  | ({ readonly event: "resumed"; readonly peer: string; readonly offset: number } & About)
  | ({ readonly event: "stored"; readonly peer: string; readonly digest: string; readonly repeated: boolean } & About)
  | ({ readonly event: "delivered"; readonly peer: string; readonly attempt: number } & About)
  | ({ readonly event: "acked"; readonly peer: string } & About)
  | ({
      readonly event: "refused";
      readonly peer: string;
      readonly code: ErrorCode;
      readonly message: string;
    } & Partial<About>)
  /** `dead`: it failed too often and is a dead letter now. */
  | ({ readonly event: "returned"; readonly peer: string; readonly reason: string; readonly dead: boolean } & About)
  | { readonly event: "error"; readonly code: ErrorCode; readonly message: string }
  /** The server no longer takes new work and waits for `connections` to finish theirs. */
  | { readonly event: "draining"; readonly connections: number };
