/**
 * A port that is part of the host setting, such as `--host [::1]:5011`, together with the port setting.
 *
 * A person can so copy an address as a server prints it. The stronger source wins, as everywhere (resolve.ts). Two equally
 * strong sources that differ are an error.
 */
import { UsageError } from "../exit-codes.ts";
import type { Command } from "./command-names.ts";
import { ORIGINS, type Settings, withOrigin } from "./origins.ts";
import { placeOf } from "./place.ts";
import { valueTypeOf } from "./settings.ts";

/** Settings that name a host, each with the setting for its port. */
const PAIRS = [
  ["host", "port"],
  ["metrics-host", "metrics-port"],
] as const;

/**
 * The same settings with each host separated from its port.
 * @throws UsageError for an invalid port, and for two ports that contradict each other
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
  if (place === null) return settings; // cannot happen: the value type accepts only hosts
  const bare = withOrigin(settings, hostName, place.host, origins[hostName]);
  if (place.port === undefined) return bare;
  const { parse, accepts } = valueTypeOf(portName, command);
  const port = parse(place.port) as number | null;
  const [host, other] = [origins[hostName], origins[portName]];
  if (port === null)
    throw new UsageError(
      `${host.label} does not accept ${JSON.stringify(values[hostName])}: the port must be ${accepts}`,
    );
  const [mine, theirs] = [ORIGINS.indexOf(host.kind), ORIGINS.indexOf(other.kind)];
  if (mine === theirs && port !== values[portName])
    throw new UsageError(
      `${host.label} says port ${port}, and ${other.label} says ${values[portName]}; leave one of them out`,
    );
  return theirs <= mine ? bare : withOrigin(bare, portName, port, host);
}
