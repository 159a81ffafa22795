/**
 * A host with or without its port, as our programs print it and as people type it.
 *
 *   files.example.org   files.example.org:5011   192.0.2.7:5011   [::1]   [::1]:5011   ::1   fe80::1%eth0
 *
 * An IPv6 address without brackets is all host, because its last part could be a port as well. Read next: host-port.ts.
 */
import { isIPv6 } from "node:net";

/** Its parts as text; null for what is no such place. `port` is not looked at. */
export function placeOf(text: string): { host: string; port: string | undefined } | null {
  if (isIPv6(text)) return { host: text, port: undefined };
  const [, address, name, port] = /^(?:\[(.+)\]|([^:[\]]+))(?::([^:]*))?$/.exec(text) ?? [];
  const host = address ?? name;
  if (host === undefined || (address !== undefined && !isIPv6(address))) return null;
  return { host, port };
}
