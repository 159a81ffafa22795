/**
 * Settings of `serve` that are valid alone and contradict each other.
 *
 * With a broken rule `serve` does not start, and a reload changes nothing. `filespool config check` lists all broken rules.
 * A rule about one setting alone is its value type (value-types.ts). The rule about the address of the server may ask a
 * question, so it is in prompts.ts.
 */
import { isLoopback } from "../../net/server/access.ts";
import { UsageError } from "../exit-codes.ts";
import type { Settings } from "../settings/origins.ts";
import { exactDuration } from "../settings/units.ts";

/** One sentence for each broken rule; it names the settings to change. */
export function brokenRules({ values, origins }: Settings): string[] {
  const broken: string[] = [];
  const port = values["metrics-port"];
  const host = values["metrics-host"];
  if (port !== undefined && port !== 0 && port === values.port) {
    broken.push(`${origins["metrics-port"].label} and ${origins.port.label} are both ${port}: use two different ports`);
  }
  if (port !== undefined && !isLoopback(host) && !values["metrics-insecure"] && !values.insecure) {
    broken.push(
      `${origins["metrics-host"].label} is ${host}, so other machines could read the metrics and the names of queues ` +
        "without a password: use localhost, or add --metrics-insecure to accept that",
    );
  }
  if (values.log === "-" && values.json) {
    broken.push(
      `${origins.log.label} and ${origins.json.label} both write to stdout: write the log to a file, or leave out --json`,
    );
  }
  return broken;
}

/** @throws UsageError for the first broken rule */
export function checkServe(settings: Settings): void {
  const [first] = brokenRules(settings);
  if (first !== undefined) throw new UsageError(first);
}

/**
 * Warnings about settings that are allowed and may surprise; the server prints them at its start. If a lease ends before
 * the server gives up a silent connection, that counts as a failed delivery. Otherwise the server releases the lease
 * first, and nothing is counted.
 */
export function doubts({ values, origins }: Settings): string[] {
  const silentMs = values["idle-timeout"] + values.heartbeat;
  if (values.lease > silentMs) return [];
  const [lease, silent] = [values.lease, silentMs].map(exactDuration);
  return [
    `${origins.lease.label} is ${lease}, but the server needs up to ${silent} (--idle-timeout plus --heartbeat) to notice ` +
      "a receiver that was cut off: its files then count as failed deliveries",
  ];
}
