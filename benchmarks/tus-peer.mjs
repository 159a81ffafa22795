/** A resumable upload by tus, with its own server and client, and a plain GET for the way back. */
import { createReadStream, createWriteStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { pipeline } from "node:stream/promises";

const [how, ...rest] = process.argv.slice(2);

if (how === "serve") {
  const [port, folder] = rest;
  const { Server } = await import("@tus/server");
  const { FileStore } = await import("@tus/file-store");
  const tus = new Server({ path: "/files", datastore: new FileStore({ directory: folder }) });
  const server = createServer((request, response) => void tus.handle(request, response));
  server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
} else if (how === "up") {
  const [port, file, url] = rest;
  const { Upload } = await import("tus-js-client");
  await new Promise((onSuccess, onError) => {
    const upload = new Upload(createReadStream(file, { highWaterMark: 1024 * 1024 }), {
      ...{ endpoint: `http://127.0.0.1:${port}/files`, uploadSize: statSync(file).size, chunkSize: 64 * 1024 * 1024 },
      ...{ onError, onSuccess },
    });
    upload.start();
    upload.options.onAfterResponse = () => upload.url && writeFileSync(url, upload.url);
  });
} else {
  const [url, out] = rest;
  const response = await new Promise((got) => get(readFileSync(url, "utf8"), got));
  if (response.statusCode !== 200) throw new Error(`GET: ${response.statusCode}`);
  await pipeline(response, createWriteStream(out));
}
