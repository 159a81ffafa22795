/** One example of every message, and any legal message, for the tests and the golden vectors. */
import fc from "fast-check";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Body, ControlName, Message } from "../../src/protocol/messages.ts";
import { TRANSFER_STATES } from "../../src/protocol/operate-messages.ts";
import { SPOOL_LIMITS } from "../../src/spool/contract.ts";

export const TRANSFER = "000102030405060708090a0b0c0d0e0f";
/** BLAKE3 of "hello". */
export const DIGEST = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f";

/** The welcome is what a server says that nobody has configured, so that the reference shows true limits. */
export const SAMPLES: { readonly [N in ControlName]: Body<N> } = {
  hello: {
    versions: [1],
    role: "receiver",
    peer: "ffeeddccbbaa99887766554433221100",
    agent: "filespool/0.1.0",
    queue: "default",
    dataBytesMax: 262144,
    zeros: true,
  },
  welcome: {
    version: 1,
    agent: "filespool/0.1.0",
    durability: "fsync",
    digests: ["blake3", "sha256"],
    dataBytesMax: LIMITS.dataBytesMax,
    fileBytesMax: LIMITS.fileBytesMax,
    pipelineBytesMax: LIMITS.pipelineBytesMax,
    windowFiles: LIMITS.windowFiles,
    windowBytes: LIMITS.windowBytes,
    leaseMs: SPOOL_LIMITS.leaseMs,
    zeros: true,
  },
  error: { code: "shutting-down", message: "the server is shutting down" },
  ping: {},
  bye: {},
  offer: { transfer: TRANSFER, queue: "default", name: "a.txt", size: 5, algorithm: "blake3", wait: false },
  accept: { transfer: TRANSFER, offset: 50331648 },
  progress: { transfer: TRANSFER, offset: 67108864 },
  finish: { transfer: TRANSFER, digest: DIGEST },
  stored: { transfer: TRANSFER, digest: DIGEST, repeated: false, collected: false },
  cancel: { transfer: TRANSFER },
  refuse: { about: TRANSFER, code: "queue-full", message: "the queue holds as many files as it may" },
  want: { files: 64 },
  empty: {},
  deliver: {
    delivery: "7.1",
    transfer: TRANSFER,
    queue: "default",
    name: "a.txt",
    size: 5,
    algorithm: "blake3",
    digest: DIGEST,
    attempt: 1,
  },
  start: { delivery: "7.1", offset: 0 },
  working: { delivery: "7.1" },
  ack: { delivery: "7.1" },
  acked: { delivery: "7.1" },
  nack: { delivery: "7.1", counts: true, reason: "the content does not match its digest" },
  withdraw: { delivery: "7.1", code: "lease-lost", message: "the delivery is no longer leased to this receiver" },
  list: { what: "files", queue: "default", cursor: "173", rows: 100 },
  show: { transfer: TRANSFER, look: 7, waitMs: 60000 },
  requeue: { transfer: TRANSFER },
  purge: { queue: "default", deadOnly: false },
  tally: { queue: "default", files: 3, bytes: 15, dead: 1, uploads: 0 },
  row: {
    transfer: TRANSFER,
    state: "dead",
    queue: "default",
    name: "a.txt",
    size: 5,
    algorithm: "blake3",
    digest: DIGEST,
    atMs: 1700000002000,
    failures: 20,
    reason: "the folder is full",
    kind: "tar",
    firstFailedAtMs: 1700000000000,
    lastFailedAtMs: 1700000002000,
  },
  page: { next: "174" },
  state: {
    transfer: TRANSFER,
    look: 7,
    state: "uploading",
    queue: "default",
    name: "a.txt",
    size: 5,
    algorithm: "blake3",
    offset: 3,
    isActive: true,
    atMs: 1700000000000,
  },
  done: { files: 1 },
};

export const SAMPLE_MESSAGES: readonly Message[] = (Object.keys(SAMPLES) as ControlName[]).map(
  (type) => ({ type, ...SAMPLES[type] }) as Message,
);

/** Half a second before the last one of 1969: a number of JSON could say that, and not every nanosecond. */
const KEPT = { mode: 0o755, mtime: "-1.5" } as const;

/** A folder on its way, as a stream whose size is known at its end. */
export const STREAM_MESSAGES: readonly (readonly [title: string, message: Message])[] = [
  [
    "offer: of unknown size",
    { type: "offer", ...SAMPLES.offer, name: "photos", size: Infinity, wait: true, kind: "tar" },
  ],
  ["finish: of a size that the offer could not say", { type: "finish", ...SAMPLES.finish, size: 5 }],
  ["offer: with the mode and time of the file", { type: "offer", ...SAMPLES.offer, ...KEPT }],
  ["deliver: with the mode and time of the file", { type: "deliver", ...SAMPLES.deliver, ...KEPT }],
  ["deliver: a folder", { type: "deliver", ...SAMPLES.deliver, name: "photos", kind: "tar" }],
];

const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits });
const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
/** Any text, hostile characters and broken surrogates included, of at most `charsMax` code units. */
const text = (charsMax: number) =>
  fc
    .oneof(fc.string({ unit: "binary", maxLength: charsMax }), fc.string({ unit: codeUnit, maxLength: charsMax }))
    .map((any) => any.slice(0, charsMax));
const bytes = fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER));
const token = fc.stringMatching(/^[\w.-]{1,64}$/);
const algorithm = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const queue = fc.constantFrom("default", "a", "Ü 1", "x._- y", "文件", "9".repeat(100));
const failure = { code: text(64), message: text(1000) };
const delivery = { delivery: token };
const transfer = { transfer: hex(32) };
const kept = { mode: fc.nat(0o777), mtime: fc.stringMatching(/^-?\d{1,12}(\.\d{1,9})?$/) };
const integer = fc.integer();
const optional = (fields: Record<string, fc.Arbitrary<unknown>>, ...requiredKeys: string[]) =>
  fc.record(fields, { requiredKeys });
const anyState = optional(
  {
    ...transfer,
    state: fc.constantFrom(...TRANSFER_STATES),
    queue,
    name: text(255),
    size: bytes,
    algorithm,
    digest: hex(64),
    offset: bytes,
    isActive: fc.boolean(),
    atMs: bytes,
    failures: bytes,
    reason: text(1000),
    firstFailedAtMs: bytes,
    lastFailedAtMs: bytes,
  },
  "transfer",
  "state",
);

const BODIES: { readonly [N in ControlName]: fc.Arbitrary<object> } = {
  hello: fc.record(
    {
      versions: fc.array(integer, { minLength: 1, maxLength: 16 }),
      role: fc.constantFrom("sender", "receiver", "operator"),
      peer: hex(32),
      agent: text(100),
      queue,
      dataBytesMax: bytes,
      zeros: fc.boolean(),
    },
    { requiredKeys: ["versions", "role", "peer", "agent"] },
  ),
  welcome: fc.record(
    {
      version: integer,
      agent: text(100),
      durability: fc.constantFrom("fsync", "none", "memory"),
      digests: fc.array(algorithm, { maxLength: 16 }),
      dataBytesMax: bytes,
      fileBytesMax: bytes,
      pipelineBytesMax: bytes,
      windowFiles: fc.integer({ min: 1 }),
      windowBytes: bytes,
      leaseMs: bytes,
      zeros: fc.boolean(),
    },
    {
      requiredKeys: [
        ...(["version", "agent", "durability", "digests", "dataBytesMax", "fileBytesMax"] as const),
        ...(["pipelineBytesMax", "windowFiles", "windowBytes", "leaseMs"] as const),
      ],
    },
  ),
  error: fc.record(failure),
  ping: fc.constant({}),
  bye: fc.constant({}),
  offer: fc.record(
    {
      ...{ ...transfer, queue, name: text(255), algorithm, wait: fc.boolean(), kind: algorithm, ...kept },
      size: fc.oneof(bytes, fc.constant(Infinity)),
    },
    { requiredKeys: ["transfer", "queue", "name", "size", "algorithm", "wait"] },
  ),
  accept: fc.record({ ...transfer, offset: bytes }),
  progress: fc.record({ ...transfer, offset: bytes }),
  finish: fc.record({ ...transfer, digest: hex(64), size: bytes }, { requiredKeys: ["transfer", "digest"] }),
  stored: fc.record({ ...transfer, digest: hex(64), repeated: fc.boolean(), collected: fc.boolean() }),
  cancel: fc.record(transfer),
  refuse: fc.record({ about: text(64), ...failure }),
  want: fc.record({ files: fc.integer({ min: 1, max: 256 }) }),
  empty: fc.constant({}),
  deliver: fc.record(
    {
      ...delivery,
      ...transfer,
      queue,
      name: text(255),
      size: bytes,
      algorithm,
      digest: hex(64),
      attempt: fc.integer({ min: 1, max: 1_000_000 }),
      ...kept,
    },
    { requiredKeys: ["delivery", "transfer", "queue", "name", "size", "algorithm", "digest", "attempt"] },
  ),
  start: fc.record({ ...delivery, offset: bytes }),
  working: fc.record(delivery),
  ack: fc.record(delivery),
  acked: fc.record(delivery),
  nack: fc.record({ ...delivery, counts: fc.boolean(), reason: text(1000) }),
  withdraw: fc.record({ ...delivery, ...failure }),
  list: optional(
    {
      what: fc.constantFrom("queues", "files", "dead", "uploads"),
      queue,
      cursor: text(200),
      rows: fc.integer({ min: 1, max: 100 }),
    },
    "what",
  ),
  show: optional({ ...transfer, look: bytes, waitMs: bytes }, "transfer", "look"),
  requeue: optional({ ...transfer, queue }),
  purge: fc.record({ queue, deadOnly: fc.boolean() }),
  tally: fc.record({ queue, files: bytes, bytes, dead: bytes, uploads: bytes }),
  row: anyState,
  page: optional({ next: text(200) }),
  state: fc.tuple(anyState, bytes).map(([state, look]) => ({ ...state, look })),
  done: fc.record({ files: bytes }),
};

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  ...(Object.keys(BODIES) as ControlName[]).map((type) => BODIES[type].map((body) => ({ type, ...body }) as Message)),
);
