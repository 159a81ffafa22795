/**
 * The settings of `serve` that bound it and that let others watch it: rows of the table in settings.ts.
 *
 * Every bound of a server that is not part of the protocol is here, with its default from the code that keeps to it
 * (spool/contract.ts, protocol/limits.ts), so that a number is written down once. Most of these a server that runs can
 * take over on SIGHUP: serve-reload.ts says which. Ranges catch typing mistakes, and keep apart what must not meet: a peer of
 * any version pings every ten seconds and waits thirty, so no server may be less patient or quieter than that.
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
  // Each connection costs memory, whoever it is from. The refusal is temporary, so that clients come back.
  "max-connections": setting(count(1, 65_535), {
    fallback: 10_000,
    on: ["serve"],
    help: "connections at a time; further ones are asked to come back later",
  }),
  // Refused for good, and at the offer: before a byte of the file has been sent.
  "max-file-size": setting(orUnlimited(size(1), "unlimited"), {
    fallback: Infinity,
    on: ["serve"],
    help: "largest file that is taken",
  }),
  // Room is reserved when a file is offered, so that two uploads cannot both run into the end of it.
  "max-spool-size": setting(orUnlimited(size(1), "unlimited"), {
    fallback: SPOOL_LIMITS.spoolBytesMax,
    on: ["serve"],
    help: "bytes of all files in the spool, unfinished uploads included",
  }),
  // Bytes alone are no bound: ten million empty files have not one byte of content.
  "max-queue-files": setting(count(1, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.queueFilesMax,
    on: ["serve"],
    help: "files that may wait in one queue",
  }),
  // Queues are made by whoever names one, and each of them is rows in the index.
  "max-queues": setting(count(1, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.queuesMax,
    on: ["serve"],
    help: "queues that have anything; files for further ones are asked to come back later",
  }),
  // Small files are in it, so with a bound it is they that are refused first.
  "max-index-size": setting(orUnlimited(size(MiB), "unlimited"), {
    fallback: SPOOL_LIMITS.indexBytesMax,
    on: ["serve"],
    help: "bytes that the index may have in use, small files included",
  }),
  // The disk is shared with programs that fail in worse ways than a sender that is told to come back.
  "min-free-disk": setting(size(0), {
    fallback: SPOOL_LIMITS.diskFreeBytesMin,
    on: ["serve"],
    help: "refuse new files when the disk would have less than this left",
  }),
  // Too short, and a slow receiver loses its file while it works; too long, and a dead one keeps it from the next.
  lease: setting(duration(SECOND, DAY), {
    fallback: SPOOL_LIMITS.leaseMs,
    on: ["serve"],
    help: "a receiver that shows no progress for so long loses its file to the next one",
  }),
  // Unfinished uploads hold a reservation each. Senders that never return must not fill the spool.
  "upload-ttl": setting(duration(SECOND, YEARS), {
    fallback: SPOOL_LIMITS.uploadTtlMs,
    on: ["serve"],
    help: "keep an unfinished upload so long after its last progress",
  }),
  // Apart from the above: an abandoned upload is rubbish, an uncollected file is somebody's. So never, unless asked.
  "file-ttl": setting(orUnlimited(duration(SECOND, YEARS), "never"), {
    fallback: SPOOL_LIMITS.fileTtlMs,
    on: ["serve"],
    help: "files that nobody collected for so long expire, and dead letters so long after they died",
  }),
  // An operator who wants to see what nobody came for gets it as dead letters, which expire in their turn.
  "if-expired": setting(oneOf(["remove", "dead"], "what"), {
    fallback: SPOOL_LIMITS.ifExpired,
    on: ["serve"],
    help: "what becomes of a file that expires: remove it, or make it a dead letter",
  }),
  // Less than the ten seconds after which container managers usually kill: an end of our own is the better one.
  drain: setting(duration(0, DAY), {
    fallback: 8 * SECOND,
    on: ["serve"],
    help: "on SIGTERM, wait so long for transfers that are under way",
  }),
  // A reservation and an open file each. Senders that begin and never go on are cut off here, not by the memory.
  "max-uploads": setting(count(1, 1_000_000), {
    fallback: SPOOL_LIMITS.uploadsMax,
    on: ["serve"],
    help: "unfinished uploads at a time; further files are asked to come back later",
  }),
  // A file that kills each of its receivers must not go round for ever, nor be lost because one of them had a bad day.
  "max-failures": setting(count(1, 1_000_000), {
    fallback: SPOOL_LIMITS.failuresMax,
    on: ["serve"],
    help: "failed deliveries after which a file becomes a dead letter",
  }),
  // As long as a sender may take to come back and ask "did you get it?" without getting a second copy made.
  "remember-for": setting(duration(SECOND, YEARS), {
    fallback: SPOOL_LIMITS.tombstoneTtlMs,
    on: ["serve"],
    help: "remember collected files so long, so that sending one again makes no second copy",
  }),
  // Seven days of a busy server would be hundreds of millions.
  "max-remembered": setting(count(0, Number.MAX_SAFE_INTEGER), {
    fallback: SPOOL_LIMITS.tombstonesMax,
    on: ["serve"],
    help: "remember so many collected files at most; the oldest are forgotten first",
  }),
  // How patient it is with a peer. Without these, one that says nothing, or one byte a minute, stays for ever.
  "handshake-timeout": setting(duration(SECOND, DAY), {
    fallback: LIMITS.handshakeMs,
    on: ["serve"],
    help: "close a connection that has not said hello after so long",
  }),
  heartbeat: setting(duration(SECOND, LIMITS.idleMs / 2 - SECOND), {
    fallback: LIMITS.heartbeatMs,
    on: ["serve"],
    help: "send a sign of life after so long without another frame",
  }),
  "idle-timeout": setting(duration(LIMITS.heartbeatMs * 2 + SECOND, DAY), {
    fallback: LIMITS.idleMs,
    on: ["serve"],
    help: "give up a connection from which nothing was heard for so long",
  }),
  "stall-timeout": setting(duration(SECOND, DAY), {
    fallback: LIMITS.stallMs,
    on: ["serve"],
    help: "wait so long for the rest of a frame, and more for a long one",
  }),
  "min-rate": setting(size(1), {
    fallback: LIMITS.bytesPerSecondMin,
    on: ["serve"],
    help: "slowest peer that is waited for, bytes per second",
  }),
  "max-pings": setting(count(1, 1_000_000), {
    fallback: LIMITS.pingsPerSecondMax,
    on: ["serve"],
    help: "frames per second that say nothing, before a peer counts as a flood",
  }),

  // Who watches it. Off unless asked for: a port that nobody knows of is a door that nobody locks.
  "metrics-port": optional(count(0, 65_535), {
    on: ["serve"],
    help: "port for /metrics, /healthz and /readyz over HTTP; 0 for any free one",
    unset: "none of them",
  }),
  "metrics-host": setting(PLACE, { fallback: "localhost", on: ["serve"], help: "address for these three" }),
  // Apart from --insecure: a server with TLS and tokens may well show its numbers to a network that it trusts.
  "metrics-insecure": setting(toggle, {
    fallback: false,
    on: ["serve"],
    help: "let other machines read the metrics, names of queues included, without a password",
  }),
  // "-" for containers, whose engine keeps what is written to stdout. People's lines make room for it there.
  log: optional(text("file", 'the path of a file, or "-" for stdout'), {
    on: ["serve"],
    help: "log in NDJSON to this file, opened anew on SIGHUP; - for stdout",
    unset: "no log",
  }),
  "log-level": setting(oneOf(["debug", "info", "warn", "error"], "level"), {
    fallback: "info",
    on: ["serve"],
    help: "what is logged: debug, info, warn or error, and what is worse",
  }),
} as const;
