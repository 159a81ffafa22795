/**
 * The settings of `serve` for its limits, its metrics and its log: rows of the table in settings.ts.
 *
 * Every limit of a server that is not part of the protocol is here. Its default comes from the code that applies it
 * (spool/contract.ts, protocol/limits.ts), so each number is written down once. A running server takes over most of these
 * on SIGHUP: see serve-reload.ts. Ranges catch typing mistakes. They also keep times compatible: a peer of any version pings
 * every ten seconds and waits thirty, so no server may wait less or ping less often.
 *
 * Never here: what a setting does. Read next: serve.ts.
 */
import { LIMITS } from "../../protocol/limits.ts";
import { SPOOL_LIMITS } from "../../spool/contract.ts";
import { optional, setting } from "./setting.ts";
import { count, duration, oneOf, orUnlimited, PLACE, size, text, toggle } from "./value-types.ts";

const MiB = 1024 * 1024;
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const YEARS = 3_650 * DAY;

export const SERVE_SETTINGS = {
  // Each connection costs memory. The refusal is temporary, so clients come back.
  "max-connections": setting(count(1, 65_535), {
    fallback: 10_000,
    on: ["serve"],
    help: "most connections at a time; the server asks further clients to come back later",
  }),
  // Refused for good, at the offer, before the client has sent a byte of the file.
  "max-file-size": setting(orUnlimited(size(1), "unlimited"), {
    fallback: Infinity,
    on: ["serve"],
    help: "largest file that the server accepts",
  }),
  // The server reserves room when a file is offered, so two uploads cannot both run out of it half-way.
  "max-spool-size": setting(orUnlimited(size(1), "unlimited"), {
    fallback: SPOOL_LIMITS.spoolBytesMax,
    on: ["serve"],
    help: "most bytes in the spool, unfinished uploads included",
  }),
  // Bytes alone limit too little: ten million empty files have no content at all.
  "max-queue-files": setting(count(1, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.queueFilesMax,
    on: ["serve"],
    help: "most files that may wait in one queue",
  }),
  // A sender makes a queue by naming it, and each queue takes rows in the index.
  "max-queues": setting(count(1, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.queuesMax,
    on: ["serve"],
    help: "most queues that hold anything; files for further queues are refused for now",
  }),
  // The index holds the small files, so a limit refuses small files first.
  "max-index-size": setting(orUnlimited(size(MiB), "unlimited"), {
    fallback: SPOOL_LIMITS.indexBytesMax,
    on: ["serve"],
    help: "largest size of the index, which holds the small files",
  }),
  // Other programs on this disk fail worse than a sender that is told to come back later.
  "min-free-disk": setting(size(0), {
    fallback: SPOOL_LIMITS.diskFreeBytesMin,
    on: ["serve"],
    help: "refuse a new file if it would leave less than this free on the disk",
  }),
  // Too short: a slow receiver loses its file while it works. Too long: a dead receiver keeps it from the next one.
  lease: setting(duration(SECOND, DAY), {
    fallback: SPOOL_LIMITS.leaseMs,
    on: ["serve"],
    help: "how long a receiver may hold a file without progress; then the next receiver gets it",
  }),
  // Each unfinished upload reserves room. Senders that never return must not fill the spool.
  "upload-ttl": setting(duration(SECOND, YEARS), {
    fallback: SPOOL_LIMITS.uploadTtlMs,
    on: ["serve"],
    help: "keep an unfinished upload for this long after its last progress",
  }),
  // Not the same as upload-ttl: an abandoned upload is rubbish, but somebody may still want an uncollected file.
  "file-ttl": setting(orUnlimited(duration(SECOND, YEARS), "never"), {
    fallback: SPOOL_LIMITS.fileTtlMs,
    on: ["serve"],
    help: "a file expires when nobody has collected it for this long, and a dead letter this long after it became one",
  }),
  // With "dead", an operator sees what nobody collected. Dead letters expire in their turn.
  "if-expired": setting(oneOf(["remove", "dead"], "what"), {
    fallback: SPOOL_LIMITS.ifExpired,
    on: ["serve"],
    help: "what to do with a file that expires: remove it, or make it a dead letter",
  }),
  // Less than the ten seconds after which container managers usually kill a process: an orderly end is better.
  drain: setting(duration(0, DAY), {
    fallback: 8 * SECOND,
    on: ["serve"],
    help: "on SIGTERM, let running transfers finish for this long",
  }),
  // Each costs a reservation and an open file. This limit stops senders that begin uploads and never go on.
  "max-uploads": setting(count(1, 1_000_000), {
    fallback: SPOOL_LIMITS.uploadsMax,
    on: ["serve"],
    help: "most unfinished uploads at a time; further files are refused for now",
  }),
  // A file that crashes each of its receivers must not circulate forever, nor be given up after one bad day.
  "max-failures": setting(count(1, 1_000_000), {
    fallback: SPOOL_LIMITS.failuresMax,
    on: ["serve"],
    help: "a file becomes a dead letter after this many failed deliveries",
  }),
  // For this long, a sender may come back and ask "did you get it?" without making a second copy.
  "remember-for": setting(duration(SECOND, YEARS), {
    fallback: SPOOL_LIMITS.tombstoneTtlMs,
    on: ["serve"],
    help: "remember a collected file for this long; sending it again then stores no second copy",
  }),
  // Seven days of a busy server could be hundreds of millions of files.
  "max-remembered": setting(count(0, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.tombstonesMax,
    on: ["serve"],
    help: "most collected files to remember; the oldest are forgotten first",
  }),
  // How long the server waits for a peer. Without these, a peer that sends nothing, or one byte a minute, stays forever.
  "handshake-timeout": setting(duration(SECOND, DAY), {
    fallback: LIMITS.handshakeMs,
    on: ["serve"],
    help: "close a connection whose client has not introduced itself after this long",
  }),
  heartbeat: setting(duration(SECOND, LIMITS.idleMs / 2 - SECOND), {
    fallback: LIMITS.heartbeatMs,
    on: ["serve"],
    help: "send a ping after this long without another frame",
  }),
  "idle-timeout": setting(duration(LIMITS.heartbeatMs * 2 + SECOND, DAY), {
    fallback: LIMITS.idleMs,
    on: ["serve"],
    help: "close a connection on which nothing has arrived for this long",
  }),
  "stall-timeout": setting(duration(SECOND, DAY), {
    fallback: LIMITS.stallMs,
    on: ["serve"],
    help: "longest wait for the rest of a frame; a long frame gets more time (see --min-rate)",
  }),
  "min-rate": setting(size(1), {
    fallback: LIMITS.bytesPerSecondMin,
    on: ["serve"],
    help: "slowest transfer that the server accepts, in bytes per second",
  }),
  "max-pings": setting(count(1, 1_000_000), {
    fallback: LIMITS.pingsPerSecondMax,
    on: ["serve"],
    help: "most pings per second; the server disconnects a peer that sends more",
  }),

  // Metrics. Off by default: nobody protects a port that nobody knows of.
  "metrics-port": optional(count(0, 65_535), {
    on: ["serve"],
    help: "serve /metrics, /healthz and /readyz over HTTP on this port; 0 picks a free one",
    unset: "no metrics",
  }),
  "metrics-host": setting(PLACE, {
    fallback: "localhost",
    on: ["serve"],
    help: "address for /metrics, /healthz and /readyz",
  }),
  // Separate from --insecure: a server with TLS and tokens may show its metrics to a network that it trusts.
  "metrics-insecure": setting(toggle, {
    fallback: false,
    on: ["serve"],
    help: "let other machines read the metrics without a password; the metrics name the queues",
  }),
  // "-" for containers, whose engine keeps what is written to stdout. The lines for people are then left out.
  log: optional(text("file", 'the path of a file, or "-" for stdout'), {
    on: ["serve"],
    help: "write a log (NDJSON) to this file, or - for stdout; SIGHUP opens the file again",
    unset: "no log",
  }),
  "log-level": setting(oneOf(["debug", "info", "warn", "error"], "level"), {
    fallback: "info",
    on: ["serve"],
    help: "least important messages in the log: debug, info, warn or error",
  }),
} as const;
