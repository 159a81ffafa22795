/**
 * What settings of `serve` must not be said together, each by itself being right.
 *
 * `serve` refuses to start over the first, a reload changes nothing, and `filespool config check` lists them all. Rules
 * about one setting alone are its type (value-types.ts), and the one about the address of the server needs somebody to
 * ask (prompts.ts).
 */
import { isLoopback } from "../../net/server/access.ts";
import { UsageError } from "../exit-codes.ts";
import type { Settings } from "../settings/origins.ts";
import { exactDuration } from "../settings/units.ts";

/** What is wrong, in sentences that name the places that would have to change. Empty when nothing is. */
export function brokenRules({ values, origins }: Settings): string[] {
  const broken: string[] = [];
  const port = values["metrics-port"];
  const host = values["metrics-host"];
  if (port !== undefined && port !== 0 && port === values.port) {
    broken.push(
      `${origins["metrics-port"].label} and ${origins.port.label} both say ${port}: senders and metrics need a port each`,
    );
  }
  if (port !== undefined && !isLoopback(host) && !values["metrics-insecure"] && !values.insecure) {
    broken.push(
      `${origins["metrics-host"].label} says ${host}, where other machines could read the names of queues without a ` +
        "password: add --metrics-insecure if you mean it, or use localhost",
    );
  }
  if (values.log === "-" && values.json) {
    broken.push(`${origins.log.label} and ${origins.json.label} both want stdout: log to a file, or leave --json out`);
  }
  return broken;
}

/** @throws UsageError with the first of them */
export function checkServe(settings: Settings): void {
  const [first] = brokenRules(settings);
  if (first !== undefined) throw new UsageError(first);
}

/**
 * What is allowed and may surprise: a sentence for each, told when the server starts. A lease that is over before a silent
 * connection is given up counts as a failed delivery; the other way round it is released, and nothing is counted.
 */
export function doubts({ values, origins }: Settings): string[] {
  const silentMs = values["idle-timeout"] + values.heartbeat;
  if (values.lease > silentMs) return [];
  const [lease, silent] = [values.lease, silentMs].map(exactDuration);
  return [
    `${origins.lease.label} says ${lease}, and a receiver whose line is cut off is noticed after up to ${silent} ` +
      "(--idle-timeout and --heartbeat): until then its files come back as failed deliveries",
  ];
}
