/**
 * `filespool serve`: a spool on disk and a server in front of it, until somebody says stop.
 *
 * The two ways to stop differ in who asks. SIGTERM comes from whoever runs the machine: what is under way
 * may finish (`--drain`), new work is told to come back, and the exit code is 0, because ending was the
 * order. Ctrl-C comes from a person who wants the prompt back: connections are cut at once. That costs the
 * peers a resume and nobody a file, since whatever was reported stored is on disk.
 *
 *   SIGTERM    no new work, what is under way may finish for `--drain`, exit code 0
 *   SIGINT     connections are cut at once, exit code 130
 *   SIGKILL    or the power: nothing is said to anybody, and the next start finds all that was stored
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

/** How a running server is told to stop. main.ts makes signals of the process into these two. */
export interface Stops {
  /** SIGINT: at once. */
  readonly interrupt: AbortSignal;
  /** SIGTERM: when what is under way has finished. */
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
  // A log on stdout has it for itself, so people's lines are left out; what ends the run is still said on stderr.
  const isShown = values.log !== "-";
  const log = values.log === undefined ? null : await openLog(values.log, values, report.complain);
  let watch: ServeMetrics | null = null;
  try {
    // Only who asked for it loads it: neither is needed to serve.
    if (values["metrics-port"] !== undefined)
      watch = await (await import("./serve-metrics.ts")).ServeMetrics.open(
        values,
        values["metrics-port"],
        environment.now,
      );
    // One way for all that is said, whoever says it, so that screen and log never differ in what happened.
    const tell = (event: ServerEvent | OperateEvent): void => {
      if (isShown) report.server(event);
      log?.observe(event);
    };
    // Whoever reads what we print may go away; files have to be served all the same.
    staysOn(context, (message) => {
      tell({ event: "output-lost", message });
      if (values.json || !isShown) report.complain(message); // whoever reads stdout is not there
    });
    // Metrics count everything, also what is neither shown nor logged.
    const young = new YoungMemory();
    const onEvent = (event: ServerEvent): void => {
      young.observe(event);
      watch?.observe(event);
      tell(event);
    };
    // The spool before the server: one that listens and then finds its disk unusable would have made promises by then.
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
      // Whatever can be exchanged while it runs has its hook here.
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
      report.remark(line`files in ${folder}, durability ${durability}, buffer ${exactSize(bufferBytes)}`);
      for (const doubt of doubts(settings)) report.complain(doubt);
      if (isShown && identity) report.say(line`certificate ${await fingerprintFor(identity)}`);
      // The original's own words. They come after the address, which `listening` has just named.
      if (isShown) report.say("Waiting for sender...");
      await firstOf(environment);
      await server.close({ drainMs: environment.interrupt.aborted ? 0 : reloader.values.drain });
    } finally {
      watch?.detach();
      // Only after the server: a connection that is still being served writes to it.
      await spool.close();
    }
  } finally {
    await watch?.close();
    context.stdout.sayLeftOut();
    await log?.close();
  }
  // Interrupted is told by the exit code alone: whoever pressed Ctrl-C need not be told of an error.
  if (isShown) report.done({}, "Stopped.");
  return environment.interrupt.aborted ? EXIT.interrupted : EXIT.done;
}

/** Settings that a spool or a server looks up whenever it needs them, so that they may change under it. */
const LIVE_LIMITS: readonly SettingName[] = [
  ...(["max-spool-size", "max-file-size", "max-queue-files", "max-uploads", "min-free-disk"] as const),
  ...(["max-queues", "max-index-size", "if-expired", "max-remembered"] as const),
  ...(["upload-ttl", "file-ttl", "remember-for", "max-failures", "max-connections", "max-pings"] as const),
  ...(["handshake-timeout", "heartbeat", "idle-timeout", "stall-timeout", "min-rate"] as const),
];

/** The bounds of the store, by the names that it has for them. */
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

/** Those of the network. A connection keeps the ones with which it was accepted. */
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
 * Bounds are numbers that are looked up at each use, so to change them is to write them. Nothing is thrown out because
 * a count is over its new bound; only what comes next is refused.
 */
function limitsHook(server: Server, spool: LocalSpool): ReloadHook {
  return {
    settings: LIVE_LIMITS,
    prepare: (values) => () => {
      // Leases that are out were granted for the old time, and receivers have been told of it: not while it runs.
      const { leaseMs } = spool.limits;
      Object.assign(spool.limits, spoolLimitsOf(values), { leaseMs });
      Object.assign(server.limits, netLimitsOf(values));
    },
  };
}

/** A certificate that was renewed: new connections get it, those that are there keep theirs. Tokens need no hook. */
const certificateHook = (server: Server): ReloadHook => ({
  settings: ["tls-cert", "tls-key"],
  prepare: async (values) => {
    const identity = await identityOf(values);
    if (identity) (await import("../../net/extensions/trust/tls.ts")).checkIdentity(identity);
    return () => identity && server.useCertificate(identity);
  },
});

/** Loaded with TLS only: a server that does not encrypt needs none of it. */
const fingerprintFor = async ({ cert }: TlsIdentity): Promise<string> =>
  (await import("../../net/extensions/trust/tls.ts")).fingerprintOf(cert);

/** The level, and the file itself: after a rotation, the next line goes into the new one. */
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
 * The first failure to open is the end of the start, since who asked for a log wants one; later ones are told and
 * survived.
 * @throws FilespoolError folder-unusable
 */
const openLog = async (path: string, values: Values, warn: (sentence: string) => void): Promise<Log> =>
  (await import("./serve-log.ts")).Log.open(path, values["log-level"], warn);

/** Resolves when one of the two signals has come, also when it came before anybody waited for it. */
function firstOf({ interrupt, terminate }: Stops): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [interrupt, terminate]) {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
