/**
 * `filespool serve`: a server with a spool on disk, until a signal stops it.
 *
 * SIGTERM comes from the system: running transfers may finish (`--drain`), new ones are told to come back later, and the
 * exit code is 0, because the server did what it was told. Ctrl-C comes from a person who wants the shell back: the server
 * closes all connections at once. The peers resume later, and no file is lost, because what was reported stored is on disk.
 *
 *   SIGTERM    no new work, running transfers may finish for `--drain`, exit code 0
 *   SIGINT     connections are closed at once, exit code 130
 *   SIGKILL    or a power cut: the peers hear nothing, and the next start finds everything that was stored
 *
 * Never here: who may listen where (prompts.ts asks before the command starts), and what happens on a connection
 * (net/create-server.ts) or on disk (spool/local/store.ts).
 */
import {
  createServer,
  type NetLimits,
  type Server,
  type ServerEvent,
  type SpoolLimits,
  type TlsIdentity,
} from "../../net/index.ts";
import { LocalSpool } from "../../spool/local-spool.ts";
import type { Context } from "../command.ts";
import { warnIfOpen } from "../credentials/client.ts";
import { markSpool, warnOfOpenSpool } from "../credentials/own-spool.ts";
import { gateOf, identityOf } from "../credentials/server.ts";
import { EXIT } from "../exit-codes.ts";
import { line } from "../report/escape.ts";
import type { OperateEvent } from "../report/event-text.ts";
import { staysOn } from "../report/outlet.ts";
import type { Settings } from "../settings/origins.ts";
import type { SettingName, Values } from "../settings/settings.ts";
import { exactSize } from "../settings/units.ts";
import type { Log } from "./serve-log.ts";
import { YoungMemory } from "./serve-memory.ts";
import type { ServeMetrics } from "./serve-metrics.ts";
import { Reloader, type ReloadHook } from "./serve-reload.ts";
import { checkServe, doubts } from "./serve-rules.ts";

/** The two ways to stop a server; main.ts makes them from signals of the process. */
export interface Stops {
  /** SIGINT: at once. */
  readonly interrupt: AbortSignal;
  /** SIGTERM: when running transfers have finished. */
  readonly terminate: AbortSignal;
}

/**
 * Serves until one of the two signals comes.
 * @returns the exit code
 * @throws FilespoolError spool-locked, spool-unusable, folder-unusable (the log); address-unusable
 */
export async function serve(settings: Settings, context: Context): Promise<number> {
  const { report, environment, reread } = context;
  const { values } = settings;
  const { host, port, insecure, durability, spool: folder } = values;
  const bufferBytes = values["buffer-size"];
  // With a log on stdout, lines for people are left out. An error that ends the run still goes to stderr.
  const isShown = values.log !== "-";
  const log = values.log === undefined ? null : await openLog(values.log, values, report.warn);
  let watch: ServeMetrics | null = null;
  try {
    // Loaded only with --metrics-port.
    if (values["metrics-port"] !== undefined)
      watch = await (await import("./serve-metrics.ts")).ServeMetrics.open(
        values,
        values["metrics-port"],
        environment.now,
      );
    // How long the stop lets transfers finish, ms; set before the server closes.
    let drainMs = 0;
    // All events go this way, so screen and log never differ.
    const tell = (event: ServerEvent | OperateEvent): void => {
      if (isShown) report.server(event, drainMs);
      log?.observe(event);
    };
    // The reader of our output may go away; the server goes on.
    staysOn(context, (message) => {
      tell({ event: "output-lost", message });
      if (values.json || !isShown) report.warn(message); // nobody reads stdout
    });
    // Metrics count every event, even if it is neither shown nor logged.
    const young = new YoungMemory();
    const onEvent = (event: ServerEvent): void => {
      young.observe(event);
      watch?.observe(event);
      tell(event);
    };
    // The spool opens before the server listens: a server that listens and then finds its disk unusable has already made promises.
    const identity = await identityOf(values);
    if (values["tls-key"] !== undefined) await warnIfOpen(values["tls-key"], report);
    const gate = await gateOf(values, (error) => tell({ event: "error", code: error.code, message: error.message }));
    const spool = await LocalSpool.open({ folder, durability, bufferBytes, limits: spoolLimitsOf(values) });
    try {
      await markSpool(folder);
      await warnOfOpenSpool(folder, report);
      const served = watch ? watch.timed(spool) : spool;
      const server = await createServer({
        host,
        port,
        insecure,
        bufferBytes,
        spool: served,
        limits: netLimitsOf(values),
        onEvent,
        ...(identity && { tls: identity }),
        ...(gate && { gate }),
      });
      watch?.attach(server, spool);
      if (watch) tell({ event: "metrics", host: watch.host, port: watch.port });
      // One hook for each thing that a reload can change.
      const hooks: ReloadHook[] = [limitsHook(server, spool), { settings: ["drain"], prepare: () => () => {} }];
      if (log) hooks.push(logHook(log));
      if (identity) hooks.push(certificateHook(server));
      const rereadChecked = async () => {
        const again = await reread();
        checkServe(again);
        return again;
      };
      const reloader = new Reloader({ settings, reread: rereadChecked, hooks, tell });
      environment.onHangup?.(() => void reloader.reload());
      report.remark(line`files are kept in ${folder}; durability ${durability}, buffer ${exactSize(bufferBytes)}`);
      for (const doubt of doubts(settings)) report.warn(doubt);
      if (isShown && identity) report.say(line`certificate ${await fingerprintFor(identity)}`);
      // The words of the original program. `listening` has just printed the address.
      if (isShown) report.say("Waiting for sender...");
      await firstOf(environment);
      drainMs = environment.interrupt.aborted ? 0 : reloader.values.drain;
      await server.close({ drainMs });
    } finally {
      watch?.detach();
      // Only after the server: open connections still write to the spool.
      await spool.close();
    }
  } finally {
    await watch?.close();
    context.stdout.sayLeftOut();
    await log?.close();
  }
  // Ctrl-C is no error; only the exit code tells of it.
  if (isShown) report.done({}, "Stopped.");
  return environment.interrupt.aborted ? EXIT.interrupted : EXIT.done;
}

/** Settings that a reload can change, because the spool and the server read them at each use. */
const LIVE_LIMITS: readonly SettingName[] = [
  ...(["max-spool-size", "max-file-size", "max-queue-files", "max-uploads", "min-free-disk"] as const),
  ...(["max-queues", "max-index-size", "if-expired", "max-remembered"] as const),
  ...(["upload-ttl", "file-ttl", "remember-for", "max-failures", "max-connections", "max-pings"] as const),
  ...(["handshake-timeout", "heartbeat", "idle-timeout", "stall-timeout", "min-rate"] as const),
];

/** The limits of the spool, under the names of the library. */
const spoolLimitsOf = (values: Values): SpoolLimits => ({
  spoolBytesMax: values["max-spool-size"],
  fileBytesMax: values["max-file-size"],
  queueFilesMax: values["max-queue-files"],
  queuesMax: values["max-queues"],
  indexBytesMax: values["max-index-size"],
  uploadsMax: values["max-uploads"],
  diskFreeBytesMin: values["min-free-disk"],
  leaseMs: values.lease,
  failuresMax: values["max-failures"],
  uploadTtlMs: values["upload-ttl"],
  fileTtlMs: values["file-ttl"],
  ifExpired: values["if-expired"],
  tombstoneTtlMs: values["remember-for"],
  tombstonesMax: values["max-remembered"],
});

/** The limits of the network. A connection keeps those with which it began. */
const netLimitsOf = (values: Values): Partial<NetLimits> => ({
  connectionsMax: values["max-connections"],
  handshakeMs: values["handshake-timeout"],
  heartbeatMs: values.heartbeat,
  idleMs: values["idle-timeout"],
  stallMs: values["stall-timeout"],
  bytesPerSecondMin: values["min-rate"],
  pingsPerSecondMax: values["max-pings"],
});

/**
 * Limits are numbers that are read at each use, so a reload just writes them. Nothing is deleted because a count exceeds
 * its new limit; only new files or connections are refused.
 */
function limitsHook(server: Server, spool: LocalSpool): ReloadHook {
  return {
    settings: LIVE_LIMITS,
    prepare: (values) => () => {
      // The lease time stays: receivers hold leases of the old length, and know it.
      const { leaseMs } = spool.limits;
      Object.assign(spool.limits, spoolLimitsOf(values), { leaseMs });
      Object.assign(server.limits, netLimitsOf(values));
    },
  };
}

/** A renewed certificate: new connections get it, open connections keep theirs. Tokens need no hook. */
const certificateHook = (server: Server): ReloadHook => ({
  settings: ["tls-cert", "tls-key"],
  prepare: async (values) => {
    const identity = await identityOf(values);
    if (identity) (await import("../../net/extensions/trust/tls.ts")).checkIdentity(identity);
    return () => identity && server.useCertificate(identity);
  },
});

/** Loaded only with TLS. */
const fingerprintFor = async ({ cert }: TlsIdentity): Promise<string> =>
  (await import("../../net/extensions/trust/tls.ts")).fingerprintOf(cert);

/** The level, and the file itself: after a rotation, the next line goes into the new file. */
const logHook = (log: Log): ReloadHook => ({
  settings: ["log-level"],
  prepare: async (values) => {
    const reopen = await log.prepareReopen();
    return () => {
      reopen();
      log.level = values["log-level"];
    };
  },
});

/**
 * Opens the log. A failure here ends the start, because a person who asks for a log wants one. Later failures are only
 * warnings.
 * @throws FilespoolError folder-unusable
 */
const openLog = async (path: string, values: Values, warn: (sentence: string) => void): Promise<Log> =>
  (await import("./serve-log.ts")).Log.open(path, values["log-level"], warn);

/** Resolves when one of the two signals has come, even if it came before the call. */
function firstOf({ interrupt, terminate }: Stops): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [interrupt, terminate]) {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
