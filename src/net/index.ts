/**
 * The library: `import { createServer, LocalSpool, send, receive } from "filespool"`.
 *
 * Everything the command line does goes through these four, and through the events they report.
 */
export { ERRORS, type ErrorCode, type ErrorKind, FilespoolError } from "../protocol/errors.ts";
export { LIMITS } from "../protocol/limits.ts";
export { SPOOL_LIMITS, type Spool, type SpoolLimits } from "../spool/contract.ts";
export { LocalSpool, type LocalSpoolOptions } from "../spool/local-spool.ts";
export { MemorySpool } from "../spool/memory-spool.ts";
export { createServer, type ServerOptions } from "./create-server.ts";
export type { About, ServerEvent, TransferEvent } from "./events.ts";
export {
  type OperateOptions,
  type Operator,
  operate,
  type QueueInfo,
  type TransferInfo,
} from "./extensions/operate/operator.ts";
export { type ReceiptOptions, type ReceiptSummary, receipts } from "./extensions/operate/receipts.ts";
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
export { receive } from "./receive.ts";
export { send } from "./send.ts";
export type { Access, Gate, Right } from "./server/access.ts";
export type { Server } from "./server/server.ts";
export type { NetLimits } from "./server/session.ts";
