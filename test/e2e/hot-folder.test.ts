/**
 * Who watches a target folder for complete files waits for "closed after writing" or "moved here", and nothing else. Each
 * file that lands gives exactly one of these under its final name, however it got that name.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { builtPreload } from "../support/built.ts";
import { KiB, noise } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const canWatch = spawnSync("inotifywait", ["--help"]).error === undefined;
if (!canWatch) console.warn("SKIPPED: what a watched folder sees: inotifywait (inotify-tools) is missing");

/** What is seen in a folder: "EVENT name" for each event, in order. */
class Watch {
  readonly events: string[] = [];
  readonly #folder: string;
  #wake: () => void = () => {};

  private constructor(folder: string, watcher: ChildProcess) {
    this.#folder = folder;
    watcher.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.events.push(...text.trim().split("\n"));
      this.#wake();
    });
  }

  static async start(folder: string): Promise<Watch> {
    mkdirSync(folder, { recursive: true });
    const watcher = spawn("inotifywait", ["-m", "--format", "%e %f", folder], { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void watcher.kill("SIGKILL"));
    const watch = new Watch(folder, watcher);
    let said = "";
    await new Promise<void>((ready) =>
      watcher.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (said.includes("Watches established")) ready();
      }),
    );
    return watch;
  }

  /** How often each visible name was said to be complete, up to now. */
  async complete(): Promise<Record<string, number>> {
    const last = `.last-${Math.random()}`;
    writeFileSync(`${this.#folder}/${last}`, "");
    while (!this.events.includes(`CLOSE_WRITE,CLOSE ${last}`)) await new Promise<void>((wake) => (this.#wake = wake));
    const counts: Record<string, number> = {};
    for (const event of this.events) {
      const [, name = ""] = /^(?:CLOSE_WRITE,CLOSE|MOVED_TO(?:,ISDIR)?) ([^.].*)$/.exec(event) ?? [];
      if (name !== "") counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }
}

/** A server that has a small file, a large one, an empty one and a folder. */
async function filled() {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("folder"));
  writeFileSync(place.path("folder/inner"), "inner");
  writeFileSync(place.path("small"), "small");
  writeFileSync(place.path("empty"), "");
  writeFileSync(place.path("large"), noise(300 * KiB, 7));
  await place.run(place.send(port, "small", "empty", "large", "folder"));
  return { place, port, watch: await Watch.start(place.path("inbox")) };
}

const ALL = ["small", "empty", "large", "folder"];
const once = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]));

describe.skipIf(!canWatch)("a watched folder sees each file complete exactly once", () => {
  test.each(
    ["refuse", "rename", "overwrite", "skip"].flatMap((policy) => [[policy, ""] as const, [policy, "true"] as const]),
  )("in an empty folder (%s, command: %j)", async (policy, exec) => {
    const { place, port, watch } = await filled();
    const words = exec === "" ? [] : ["--exec", exec];
    await place.run(place.receive(port, "--if-exists", policy, ...words));
    expect(await watch.complete()).toEqual(once(ALL));
  });

  test.each([
    ["rename", ALL.map((name) => `${name} (1)`)],
    ["overwrite", ALL],
    ["skip", []],
  ] as const)("where the names are taken (%s)", async (policy, names) => {
    const { place, port } = await filled();
    await place.run(place.receive(port));
    await place.run(place.send(port, "--again", ...ALL));
    const watch = await Watch.start(place.path("inbox"));
    await place.run(place.receive(port, "--if-exists", policy));
    expect(await watch.complete()).toEqual(once(names));
  });

  test("under a name that was chosen", async () => {
    const { place, port, watch } = await filled();
    const words = ["--json", "--port", String(port), "--output", place.path("inbox/chosen")];
    await place.run(place.start(["receive", ...words]));
    expect(await watch.complete()).toEqual({ chosen: 1 });
    await place.run(place.start(["receive", ...words, "--if-exists", "overwrite"]));
    expect(await watch.complete()).toEqual({ chosen: 2 });
  });

  test("for each landing, where a command that fails has a file taken back", async () => {
    const { place, port, watch } = await filled();
    const exec = 'test -e "$HOME/mark" || { touch "$HOME/mark"; exit 1; }';
    await place.run(place.receive(port, "--count", "4", "--exec", exec));
    expect(await watch.complete()).toEqual({ ...once(ALL), small: 2 });
  });

  test.each(["before unlink 1", "after link 1", "after unlink 1"])(
    "at least, where the receiver is killed in between (%s)",
    async (fault) => {
      const { place, port, watch } = await filled();
      const points = fileURLToPath(new URL("../crash/fault-points.ts", import.meta.url));
      const env = { FILESPOOL_FAULT: fault, NODE_OPTIONS: `--import ${builtPreload(points)}` };
      const words = ["receive", "--json", "--port", String(port), "--out", "inbox"];
      expect(await place.start(words, { env }).ended).toBe("SIGKILL");
      await place.run(place.start(words));
      const complete = await watch.complete();
      expect(Object.keys(complete).sort()).toEqual([...ALL].sort());
    },
  );
});
