/**
 * Parses a host with or without a port, as our programs print it and as people type it.
 *
 *   files.example.org   files.example.org:5011   192.0.2.7:5011   [::1]   [::1]:5011   ::1   fe80::1%eth0
 *
 * An IPv6 address without brackets has no port, because its last part could belong to the address. Read next: host-port.ts.
 */
import { isIPv6 } from "node:net";

/** The host and the port as text; null for any other text. The port is not checked. */
export function placeOf(text: string): { host: string; port: string | undefined } | null {
  if (isIPv6(text)) return { host: text, port: undefined };
  const [, address, name, port] = /^(?:\[(.+)\]|([^:[\]]+))(?::([^:]*))?$/.exec(text) ?? [];
  const host = address ?? name;
  if (host === undefined || (address !== undefined && !isIPv6(address))) return null;
  return { host, port };
}
