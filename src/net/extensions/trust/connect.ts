/**
 * The connector of every run: plain TCP, or TLS if the options say whom to trust.
 *
 * The core knows it by an interface (client/dial.ts). The first run that encrypts loads the code
 * for it, because loading takes longer than a plain run over loopback.
 *
 * Never here: what TLS checks (tls.ts). Why TLS: adr/0037.
 */
import { type Connector, connect, type Dial } from "../../client/dial.ts";
import { DEFAULTS } from "../../options.ts";
import { Connection } from "../../wire/connection.ts";
import { TIMER_MAX_MS } from "../../wire/deadlines.ts";
import { SocketReader } from "../../wire/socket-reader.ts";

/** Time for one attempt, ms, as far as a timer reaches. */
const timeoutOf = ({ connectTimeoutMs = DEFAULTS.connectTimeoutMs }: Dial): number =>
  Math.min(connectTimeoutMs, TIMER_MAX_MS);

export const CONNECTOR: Connector = {
  async connect(host, port, dial, memory) {
    const { signal, tls } = dial;
    if (!tls) return connect(host, port, dial, memory);
    const { connectTls } = await import("./tls.ts");
    const socket = await connectTls({ host, port, timeoutMs: timeoutOf(dial), signal }, tls);
    const reader = new SocketReader(memory);
    return new Connection(reader.follow(socket), reader);
  },

  // A server that encrypts cannot read a plain hello, and closes the connection. So try to encrypt.
  async explainSilence(host, port, dial) {
    if (dial.tls) return;
    const { demandPlain } = await import("./tls.ts");
    await demandPlain({ host, port, timeoutMs: timeoutOf(dial), signal: dial.signal });
  },
};
