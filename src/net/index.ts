/**
 * The library: `import { createServer, LocalSpool, send, receive } from "filespool"`.
 *
 * Everything the command line does goes through these four, and through the events they report.
 */
export { ERRORS, type ErrorCode, type ErrorKind, FilespoolError } from "../protocol/errors.ts";
export { LIMITS } from "../protocol/limits.ts";
export { SPOOL_LIMITS, type Spool, type SpoolLimits } from "../spool/contract.ts";
export { LocalSpool, type LocalSpoolOptions } from "../spool/local/store.ts";
export { MemorySpool } from "../spool/memory/store.ts";
export type { Access, Gate, Right } from "./access.ts";
export type { About, ServerEvent, TransferEvent } from "./events.ts";
export { formatInvite, type Invite, parseInvite } from "./invite.ts";
export { type OperateOptions, type Operator, operate, type QueueInfo, type TransferInfo } from "./operate.ts";
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
export { type ReceiptOptions, type ReceiptSummary, receipts } from "./receipts.ts";
export { receive } from "./receiver.ts";
export { send } from "./sender.ts";
export { createServer, type NetLimits, type Server, type ServerOptions } from "./server.ts";
export { fingerprintOf, ownIdentity } from "./tls.ts";
export { TokenGate, type TokenGateOptions } from "./token-gate.ts";
export { createToken, readTokens, revokeToken, rotateToken, type TokenRecord, type TokenWish } from "./tokens.ts";
export { watchFolder } from "./watch-folder.ts";
export { IGNORED, type WatchOptions, type WatchSummary } from "./watch-options.ts";
