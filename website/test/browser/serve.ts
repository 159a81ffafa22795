/**
 * Serves the built site for all tests of a run, on a free port of this machine, and ends with the run. Files only: what a
 * static host does, and nothing that would hide a mistake of the build. And axe, since a browser keeps a program that it
 * fetched compiled, and one that it is handed it compiles on every page.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, resolve } from "node:path";
import type { TestProject } from "vitest/node";

const folder = resolve(import.meta.dirname, "../../build");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Where axe is found; no page of the site has such an address. */
export const AXE = "/assets/axe-of-the-tests.js";
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The file that an address stands for; null for one that leads nowhere or out of the folder. */
function fileOf(address: string): string | null {
  if (address === AXE) return axe;
  const path = join(folder, normalize(decodeURIComponent(new URL(address, "http://site").pathname)));
  if (!path.startsWith(folder)) return null;
  if (existsSync(path) && statSync(path).isFile()) return path;
  const index = join(path, "index.html");
  return existsSync(index) ? index : null;
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(join(folder, "index.html")))
    throw new Error("there is no built site; run `npm run docs:build` first");
  const server = createServer((request, response) => {
    const path = fileOf(request.url ?? "/");
    if (path === null) return response.writeHead(404).end();
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    // Their names change with what is in them, so hosts let them be kept.
    const cache = request.url?.startsWith("/assets/") ? "max-age=31536000, immutable" : "no-cache";
    return response.writeHead(200, { "content-type": type, "cache-control": cache }).end(readFileSync(path));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  project.provide("site", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    readonly site: string;
  }
}
