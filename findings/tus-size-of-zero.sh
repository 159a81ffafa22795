#!/usr/bin/env bash
# A resumable upload of a file whose size says 0 stores nothing and succeeds.
#
# Files of /proc, and those of some network and FUSE file systems, have the size 0 in their status and a content all the same. An
# upload that takes its length from the status sends 0 bytes of it. tus fixes the length when the upload is created, so the
# server cannot notice; only a client that reads on to the end of the file could.
#
# Seen with tus-js-client 4.3.1, @tus/server 2.4.5 and @tus/file-store 2.1.1 on Node 20.20.2: onSuccess is called, and
# the stored file has 0 bytes. curl 7.88.1 does the same: `curl -T /proc/cpuinfo URL` sends "Content-Length: 0" and exits with 0.
# `cp` and `cat` copy all of it.
set -euo pipefail
for tool in npm node; do
  command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 2; }
done
[ "$(wc -c < /proc/cpuinfo)" -gt 0 ] || { echo "this needs a /proc/cpuinfo with a content"; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '{"private":true}' > package.json
timeout 180 npm install --silent --no-audit --no-fund tus-js-client@4.3.1 @tus/server@2.4.5 @tus/file-store@2.1.1 ||
  { echo "the packages could not be installed"; exit 2; }

mkdir store
cat > upload.mjs <<'JS'
import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";
import { Upload } from "tus-js-client";

const server = new Server({ path: "/files", datastore: new FileStore({ directory: "store" }) });
const http = createServer((request, response) => server.handle(request, response)).listen(0, "127.0.0.1", () => {
  const end = (outcome) => {
    const stored = readdirSync("store").filter((name) => !name.endsWith(".json"));
    const sizes = stored.map((name) => statSync(`store/${name}`).size);
    console.log(`${outcome}; read ${readFileSync("/proc/cpuinfo").length > 0 ? "some" : "no"} bytes; stored ${sizes}`);
    process.exit(0);
  };
  const upload = new Upload(createReadStream("/proc/cpuinfo"), {
    endpoint: `http://127.0.0.1:${http.address().port}/files`,
    retryDelays: null,
    onError: (error) => end(`failed: ${error.message}`),
    onSuccess: () => end("success"),
  });
  upload.start();
});
JS
timeout 30 node upload.mjs | tee said
if command -v curl >/dev/null; then
  cat > announced.cjs <<'JS'
const { spawn } = require("node:child_process");
const http = require("node:http").createServer((request, response) => {
  console.log(`curl announced ${request.headers["content-length"]} bytes`);
  response.end();
  http.close();
});
http.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${http.address().port}/x`;
  const curl = spawn("curl", ["-sS", "-m", "10", "-T", "/proc/cpuinfo", url], { stdio: "inherit" });
  curl.on("close", (code) => console.log(`curl exit code ${code}`));
});
JS
  timeout 30 node announced.cjs
fi
if grep -qx 'success; read some bytes; stored 0' said; then
  echo "as described: the upload succeeded, and nothing was stored"
else
  echo "this has changed"
  exit 1
fi
