import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { content, sha256 } from "../support/content.ts";
import { Place } from "../support/process-program.ts";
import { Workspace } from "../support/workspace.ts";
import { landedIn, receiveMinimal, sendMinimal, serveMinimal } from "./programs.ts";

const CRASH_MAIN = fileURLToPath(new URL("./crash-main.ts", import.meta.url));
const SIZE = 2 * 1024 * 1024 + 123;

test("a server that is killed at each step of storing and of collecting has each file once", async () => {
  const world = new Place();
  const place = new Workspace();
  const path = place.write("file.bin", content(SIZE));
  const serve = async (port: number, CRASH_AT: string) => {
    const words = ["serve", "--json", "--port", String(port), "--spool", place.path("spool")];
    const server = world.script(CRASH_MAIN, words, { env: { CRASH_AT } });
    // One that dies while it starts says nothing.
    const listening = CRASH_AT.startsWith("rm") ? null : await server.seen("listening");
    return { server, port: Number(listening?.port) };
  };
  const first = await serve(0, "writeFile 1 after");
  const { port } = first;
  const sending = sendMinimal(port, [path]);
  expect(await first.server.ended).toBe("SIGKILL");
  for (const point of ["rename 1 before", "rename 1 after"])
    expect(await (await serve(port, point)).server.ended).toBe("SIGKILL");
  // From here on it is stored, and the sender hears so when it asks again.
  const collecting = await serve(port, "rename 1 before");
  expect((await sending).failures).toEqual([]);
  const receiving = receiveMinimal(port, place.path("out"));
  expect(await collecting.server.ended).toBe("SIGKILL");
  for (const point of ["rename 1 after", "rm 1 before"])
    expect(await (await serve(port, point)).server.ended).toBe("SIGKILL");
  const last = await serve(port, "");
  expect((await receiving).failures).toEqual([]);
  expect(landedIn(place)).toEqual([["file.bin", sha256(content(SIZE))]]);
  expect(["data", "uploads", "queues"].flatMap((name) => readdirSync(place.path("spool", name)))).toEqual([]);
  expect((await sendMinimal(port, [path])).told.at(-1)).toMatchObject({ event: "stored" });
  expect((await receiveMinimal(port, place.path("again"))).told).toEqual([]);
  expect(await last.server.kill("SIGTERM")).toBe(0);
});

test("a receiver that is killed at each step of landing lands a file once, also when somebody takes it away", async () => {
  const world = new Place();
  const place = new Workspace();
  const { port } = await serveMinimal(place.path("spool"));
  await sendMinimal(port, [place.write("file.bin", content(SIZE)), place.write("next.bin", content(7))]);
  const receive = (CRASH_AT: string) =>
    world.script(CRASH_MAIN, ["receive", "--json", "--port", String(port), "--output", place.path("out")], {
      env: { CRASH_AT },
    });
  expect(await receive("link 1 before").ended).toBe("SIGKILL");
  const visible = () => place.list().filter((name) => !name.startsWith("."));
  expect(visible()).toEqual([]);
  for (const point of ["link 1 after", "rename 1 before", "rename 1 after"]) {
    expect(await receive(point).ended).toBe("SIGKILL");
    expect(visible()).toEqual(["file.bin"]);
    expect(sha256(place.read("out", "file.bin"))).toBe(sha256(content(SIZE)));
  }
  rmSync(place.path("out", "file.bin"));
  expect(await receive("").ended).toBe(0);
  expect(place.list()).toEqual(["next.bin"]);
});
