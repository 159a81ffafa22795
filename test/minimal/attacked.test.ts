/** What an attack on the minimal programs found: each law at real sessions or programs, and mended. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { LEASE_MS, openQueues } from "../../minimal/queues.ts";
import { createServer as createMinimal } from "../../minimal/server.ts";
import { content } from "../support/content.ts";
import { listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";
import { MAIN, sendMinimal, serveMinimal } from "./programs.ts";

const KiB = 1024;
