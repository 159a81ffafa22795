import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { start } from "./environment.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filespool-walk-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("on a terminal", () => {
  /** Types keys, each when the screen shows the text before it. */
  async function play(words: string[], script: [shows: string, keys: string][], env?: Record<string, string>) {
    const program = start(folder, words, { isTTY: true, ...(env && { env }) });
    for (const [shows, keys] of script) {
      await program.stdout.shows(shows);
      program.stdin.write(keys);
    }
    return program;
  }

  test("the original's walk: a server that asks, a client that sends, a client that receives", async () => {
    await writeFile(join(folder, "hello.txt"), "hello");
    const config = join(folder, "server.json");
    await writeFile(config, JSON.stringify({ port: 0, spool: join(folder, "spool") }));
    const server = await play(
      [],
      [
        ["Serve, send", "\r"],
        ["Host to listen", "\r"],
        ["Buffer size?", "4KiB\r"],
      ],
      { FILESPOOL_CONFIG: config },
    );
    await server.stdout.shows("Waiting for sender...");
    expect(server.stdout.text).toContain("Without questions: filespool serve --yes --buffer-size 4KiB");
    const port = /listening on localhost:(\d+)/.exec(server.stdout.text)?.[1] as string;

    const sender = await play(
      ["client"],
      [
        ["Host of", "\r"],
        ["Port of", `${port}\r`],
        ["Queue?", "\r"],
        ["Buffer size?", "\r"],
        ["Sender or", "\r"],
        ["Which file?", join(folder, "hel")],
        ["hello.txt", "\r"],
      ],
    );
    expect(await sender.code).toBe(0);
    const path = join(folder, "hello.txt");
    expect(sender.stdout.text).toContain(`Without questions: filespool send --yes --port ${port} ${path}\n`);

    const out = join(folder, "in");
    const receiver = await play(
      ["client"],
      [
        ["Host of", `localhost:${port}\r`],
        ["Queue?", "\r"],
        ["Buffer size?", "\r"],
        ["Sender or", "\u001b[B\r"],
        ["Folder to", `${out}\r`],
      ],
    );
    expect(await receiver.code).toBe(0);
    expect(await readFile(join(out, "hello.txt"), "utf8")).toBe("hello");
    server.terminate.abort();
    expect(await server.code).toBe(0);
  });

  test("an open address is confirmed, or refused", async () => {
    const words = ["serve", "--host", "0.0.0.0", "--port", "0", "--buffer-size", "4KiB"];
    const program = await play(words, [["anyway?", "n"]]);
    expect(await program.code).toBe(2);
  });

  test("Ctrl-C in a question ends with 130", async () => {
    const program = await play(["serve"], [["Port to listen", "\u0003"]]);
    expect(await program.code).toBe(130);
    expect(program.stderr.text).toBe("interrupted: cancelled\n");
  });
});
