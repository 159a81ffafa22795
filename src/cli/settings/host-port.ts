/**
 * A port that stands behind a host, read together with the setting of its own.
 *
 * Of two sources the stronger one holds, as everywhere (resolve.ts); two that are equally strong and differ contradict each
 * other, and that is told. So an address can be copied from the line of a server as it is: `--host [::1]:5011`.
 */
import { UsageError } from "../exit-codes.ts";
import type { Command } from "./command-names.ts";
import { ORIGINS, type Settings, withOrigin } from "./origins.ts";
import { placeOf } from "./place.ts";
import { valueTypeOf } from "./settings.ts";

/** Settings that name a host, each with the one for its port. */
const PAIRS = [
  ["host", "port"],
  ["metrics-host", "metrics-port"],
] as const;

/**
 * The same settings with each host apart from its port.
 * @throws UsageError for a port that is none, and for two that contradict each other
 */
export function withPorts(command: Command, settings: Settings): Settings {
  return PAIRS.reduce((changed, [hostName, portName]) => withPort(command, changed, hostName, portName), settings);
}

function withPort(
  command: Command,
  settings: Settings,
  hostName: (typeof PAIRS)[number][0],
  portName: (typeof PAIRS)[number][1],
): Settings {
  const { values, origins } = settings;
  const place = placeOf(values[hostName]);
  if (place === null) return settings; // its type lets nothing pass that is no place
  const bare = withOrigin(settings, hostName, place.host, origins[hostName]);
  if (place.port === undefined) return bare;
  const { parse, accepts } = valueTypeOf(portName, command);
  const port = parse(place.port) as number | null;
  const [host, other] = [origins[hostName], origins[portName]];
  if (port === null)
    throw new UsageError(`${host.label} does not accept ${JSON.stringify(values[hostName])}: its port is ${accepts}`);
  const [mine, theirs] = [ORIGINS.indexOf(host.kind), ORIGINS.indexOf(other.kind)];
  if (mine === theirs && port !== values[portName])
    throw new UsageError(
      `${host.label} says port ${port}, and ${other.label} says ${values[portName]}; leave one of them out`,
    );
  return theirs <= mine ? bare : withOrigin(bare, portName, port, host);
}
