/**
 * The health check of the container: asks /readyz of the server in the same container, and exits 0 or 1.
 *
 * Plain JavaScript with nothing but Node, because the image has neither curl nor a compiler, and it runs every ten
 * seconds. It knows no settings but the two variables by which the image says where /readyz is.
 */
import { get } from "node:http";

const TIMEOUT_MS = 2000;
const { FILESPOOL_METRICS_HOST: host = "", FILESPOOL_METRICS_PORT: port = "5012" } = process.env;

// A server that answers on every address answers on this one, which is the only one sure to be there.
const isWildcard = host === "" || host === "0.0.0.0" || host === "::";

/** Says why, for whoever inspects the container, and ends. */
function end(sentence, code) {
  console.log(sentence);
  process.exit(code);
}

const request = get(
  { host: isWildcard ? "localhost" : host, port, path: "/readyz", timeout: TIMEOUT_MS, agent: false },
  (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (piece) => {
      if (text.length < 1000) text += piece;
    });
    response.on("end", () => end(text.trim(), response.statusCode === 200 ? 0 : 1));
  },
);
request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
request.on("error", (error) => end(`not ready: ${error.message}`, 1));
