/**
 * A small web server beside the real one, for monitoring: /metrics, /healthz and /readyz. An
 * extension.
 *
 *   GET /healthz   200 while the process answers at all; restart it when it does not
 *   GET /readyz    200 when a sender or receiver would be served now, else 503 with the reason
 *   GET /metrics   the numbers of metrics.ts in Prometheus' text format
 *
 * It has a port of its own, because the other one speaks frames, and because people who may see
 * numbers are seldom those who may send (adr/0042). It is made for a few patient readers on the
 * same network, and bounded accordingly: connections, headers, and the time for each. It reads no
 * body, changes nothing, and logs nothing. A request for a host name that is not ours gets 421: it
 * may come from a page in a browser nearby.
 *
 * Invariant: no request waits for a transfer, or holds one up.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, type Server as WebServer } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Why the server is not ready, or null when it is. */
  readonly whyNotReady: () => string | null | Promise<string | null>;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

// Enough for a few scrapers and probes that keep their connections. Others are closed before a byte
// of theirs is read.
const CONNECTIONS_MAX = 32;
// Most bytes of headers. A scraper's are some hundred.
const HEADER_BYTES_MAX = 8 * 1024;
/** Time for a request to arrive, ms. A scraper sends it in one packet. */
const REQUEST_MS = 5_000;
// Longer than most pauses between scrapes, so that a scraper keeps its connection.
const IDLE_MS = 30_000;
/** All paths there are, for a sentence. */
const PATHS = "/metrics, /healthz and /readyz";

/**
 * A web server that listens from `open` to `close`. It keeps nothing: each answer asks the options,
 * so it cannot be out of date, and does not know what a spool is.
 */
export class MetricsServer {
  readonly host: string;
  readonly port: number;
  readonly #server: WebServer;

  /**
   * Starts to listen.
   * @throws FilespoolError address-unusable
   */
  static async open(options: MetricsServerOptions): Promise<MetricsServer> {
    const { host, port } = options;
    const server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: IDLE_MS,
      },
      (request, response) => {
        answer(request, response, options).catch(() => say(response, 500, "the numbers cannot be read; see the log"));
      },
    );
    server.maxConnections = CONNECTIONS_MAX;
    server.maxHeadersCount = 100;
    server.listen({ host, port });
    try {
      await once(server, "listening");
    } catch (error) {
      const why = `cannot serve metrics on ${host}:${port}: ${describe(error)}`;
      throw new FilespoolError("address-unusable", why, { cause: error });
    }
    return new MetricsServer(server, host);
  }

  private constructor(server: WebServer, host: string) {
    const address = server.address();
    this.host = host;
    this.port = typeof address === "object" && address ? address.port : 0;
    this.#server = server;
    // No transfer depends on it, so its own troubles end nothing.
    server.on("error", () => {});
  }

  /** Ends at once. A reader that is cut off asks again. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/**
 * Answers one request. If it throws, the reader gets a 500 without details: the reader is not
 * always the owner of the server, who finds them in the log.
 */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: MetricsServerOptions,
): Promise<void> {
  const { method, url = "/" } = request;
  if (!isOurs(request.headers.host, options.host)) {
    response.setHeader("connection", "close");
    return say(response, 421, "this server has no such host name; ask by its address");
  }
  // A body is not read, and would hold the connection. The answer ends it.
  if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined)
    response.setHeader("connection", "close");
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return say(response, 405, "only GET and HEAD are answered here");
  }
  const [path] = url.split("?", 1);
  if (path === "/healthz") return say(response, 200, "ok");
  if (path === "/readyz") {
    const reason = await options.whyNotReady();
    return reason === null ? say(response, 200, "ready") : say(response, 503, `not ready: ${reason}`);
  }
  if (path === "/metrics") {
    const text = await options.metrics.text();
    response.setHeader("content-type", options.metrics.contentType);
    response.end(text);
    return;
  }
  say(response, 404, `no such page; there are ${PATHS}`);
}

/**
 * Whether a request was meant for us. A page in a browser may use a name of its own that leads to
 * our address (DNS rebinding), and would read the answer. Such a name can be registered, so it has
 * a dot. Ours are addresses, names without a dot (as in a container network), this machine's own
 * name, and the name that is listened on. Why: adr/0086.
 * @param header the Host header; absent with HTTP/1.0, which no browser speaks
 */
export function isOurs(header: string | undefined, listensOn: string): boolean {
  if (header === undefined) return true;
  const name = header
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  if (isIP(name) || !name.includes(".") || name.endsWith(".localhost")) return true;
  return name === listensOn.toLowerCase() || name === hostname().toLowerCase();
}

/**
 * Answers with a sentence as plain text. Probes look at the number, people at the words. It is
 * never cached, because it is about this moment.
 */
function say(response: ServerResponse, status: number, sentence: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(`${sentence}\n`);
}
