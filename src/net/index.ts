/**
 * The library: everything that `import ... from "filespool"` gives a program.
 *
 *   const spool = await LocalSpool.open({ folder: "./spool" });
 *   const server = await createServer({ port: 0, spool });
 *   const { port } = server;
 *   await send({ port, files: ["report.pdf"] });       // resolves once the server has it on disk
 *   await receive({ port, out: "./inbox" });           // resolves once the queue is empty
 *   await server.close();
 *   await spool.close();
 *
 * The command line goes through these functions too, so a program can do whatever a command can do.
 *
 * This file only exports. A name that is not listed here is internal and may change with any
 * version. Read next: options.ts (what a run is asked to do), events.ts (what it reports), then
 * send.ts, receive.ts and create-server.ts, which put the parts together.
 */
/** Every failure is a FilespoolError, with a code from one closed table. */
export { ERRORS, type ErrorCode, type ErrorKind, FilespoolError } from "../protocol/errors.ts";
export { LIMITS } from "../protocol/limits.ts";
/** Where a server keeps its files. MemorySpool forgets them when the process ends. */
export { SPOOL_LIMITS, type Spool, type SpoolLimits } from "../spool/contract.ts";
export { LocalSpool, type LocalSpoolOptions } from "../spool/local-spool.ts";
export { MemorySpool } from "../spool/memory-spool.ts";
export type { ManagedSpool } from "../spool/operate/contract.ts";
/** The server. It reports `ServerEvent`; a sender and a receiver report `TransferEvent`. */
export { createServer, type ServerOptions } from "./create-server.ts";
export type { About, ServerEvent, TransferEvent } from "./events.ts";
export {
  type OperateOptions,
  type Operator,
  operate,
  type QueueInfo,
  type TransferInfo,
} from "./extensions/operate/operator.ts";
/** Waits until receivers have collected what was sent. */
export { type ReceiptOptions, type ReceiptSummary, receipts } from "./extensions/operate/receipts.ts";
/** Protection: one string that invites a person, certificates, and tokens for single queues. */
export { formatInvite, type Invite, parseInvite } from "./extensions/trust/invite.ts";
export { fingerprintOf, ownIdentity } from "./extensions/trust/tls.ts";
export { TokenGate, type TokenGateOptions } from "./extensions/trust/token-gate.ts";
export {
  createToken,
  readTokens,
  revokeToken,
  rotateToken,
  type TokenRecord,
  type TokenWish,
} from "./extensions/trust/tokens.ts";
/** Sends each file that appears in a folder, once it is complete. */
export { watchFolder } from "./extensions/watch/watch-folder.ts";
export { IGNORED, type WatchOptions, type WatchSummary } from "./extensions/watch/watch-options.ts";
export type {
  ClientOptions,
  ContentSink,
  FileSource,
  IfExists,
  LandedFile,
  ReceiveOptions,
  ReceiveSummary,
  SendOptions,
  SendSummary,
  Source,
  StreamSource,
  TlsIdentity,
  TlsTrust,
} from "./options.ts";
/** The two ends of a transfer. Each call is one run, over as many connections as it needs. */
export { receive } from "./receive.ts";
export { send } from "./send.ts";
/** A program may decide itself who is let in: a `Gate` is all that a server asks. */
export type { Access, Gate, Right } from "./server/access.ts";
export type { Server } from "./server/server.ts";
export type { NetLimits } from "./server/session.ts";
