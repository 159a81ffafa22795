import { rmSync } from "node:fs";
import * as v from "valibot";
import { expect, test } from "vitest";
import { EVENT_SCHEMAS } from "../../src/cli/report/json-events.ts";
import { MiB, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place, type Program } from "../support/process-program.ts";

type CommandName = keyof typeof EVENT_SCHEMAS;

/** What is wrong with the lines that a program printed: an event that is not described, a field too many or too few. */
function faults(command: CommandName, program: Program): string[] {
  const rows: Readonly<Record<string, v.GenericSchema>> = EVENT_SCHEMAS[command];
  return program.events.flatMap((event) => {
    const row = Object.hasOwn(rows, event.event) ? rows[event.event] : undefined;
    if (row === undefined) return [`${command} prints ${event.event}, which is not described`];
    const { issues = [] } = v.safeParse(row, event);
    return issues.map((issue) => `${command} ${event.event} ${v.getDotPath(issue) ?? ""}: ${issue.message}`);
  });
}

test("every line that real runs print with --json is as described, with no field too many", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  const paths = ["a", "b"].map((name) => writeSmall(place.path(name), name));
  const big = writeBig(place.path("big"), 40 * MiB);
  const senders: Program[] = [];
  const receivers: Program[] = [];
  const ran = async (list: Program[], program: Program, code = 0) => void list.push(await place.run(program, code));

  // Stored, refused on this side, stored before; a cut in the middle, continued by the next run.
  await ran(senders, place.send(server.port, ...paths, place.path("gone")), 7);
  await ran(senders, place.send(server.port, paths[0] as string));
  const shut = gate.shutAfter(20 * MiB, "up");
  const cut = place.send(gate.port, big);
  await cut.during(shut);
  gate.open();
  senders.push(cut);
  expect(await cut.kill("SIGINT")).toBe(130);
  await ran(senders, place.send(gate.port, big));
  // Landed, skipped, refused by the policy, and nothing there any more.
  await ran(receivers, place.receive(server.port, "--count", "1"));
  await ran(senders, place.send(server.port, "--again", paths[0] as string));
  await ran(receivers, place.receive(server.port), 7);
  await ran(receivers, place.receive(server.port, "--if-exists", "skip"));
  await ran(receivers, place.receive(server.port));
  // A server that is away while somebody is patient, and one that ends in order.
  expect(await server.kill("SIGTERM")).toBe(0);
  await ran(senders, place.send(server.port, "--retry", "300ms", big), 3);
  rmSync(big);

  const found = [
    ...faults("serve", server),
    ...senders.flatMap((program) => faults("send", program)),
    ...receivers.flatMap((program) => faults("receive", program)),
  ];
  expect(found).toEqual([]);
  const seen = (programs: readonly Program[]) =>
    new Set(programs.flatMap((program) => program.events.map(({ event }) => event)));
  const sent = ["connected", "offered", "resumed", "progress", "stored", "refused", "retrying", "done", "error"];
  expect([...seen(senders)]).toEqual(expect.arrayContaining(sent));
  expect([...seen(receivers)]).toEqual(
    expect.arrayContaining(["connected", "delivered", "progress", "landed", "acked", "refused", "done", "error"]),
  );
  expect([...seen([server])]).toEqual(
    expect.arrayContaining([
      "listening",
      "connected",
      "disconnected",
      "resumed",
      "stored",
      "delivered",
      "acked",
      "done",
    ]),
  );
});

test("so is every line of the commands that look and change, also where they fail", async () => {
  const place = new Place();
  const { port } = await place.serve("--max-failures", "1");
  const paths = ["a", "b", "c"].map((name) => writeSmall(place.path(name), name));
  const sent = await place.run(place.send(port, "--queue", "q", ...paths));
  const [a, b] = sent.all("stored").map(({ transfer }) => transfer) as [string, string];
  await place.run(place.receive(port, "--queue", "q", "--count", "1", "--wait", "1s", "--exec", "exit 1"), 7);
  await place.run(place.send(port, "--queue", "q", writeSmall(place.path("d"), "d")));
  const none = "0".repeat(32);
  writeSmall(place.path("good.json"), '{"queue":"photos"}');
  writeSmall(place.path("bad.json"), '{"prot":1}');
  const at = ["--port", String(port)];
  const runs: readonly (readonly [words: readonly string[], code?: number])[] = [
    [["list", ...at]],
    [["list", "q", ...at]],
    [["dead", ...at]],
    [["status", a, none, ...at], 4],
    [["show", b, ...at]],
    [["show", none, ...at], 4],
    [["requeue", a, ...at]],
    [["requeue", none, ...at], 4],
    [["requeue", "--all", "--queue", "q", ...at]],
    [["cancel", b, ...at]],
    [["cancel", b, none, ...at], 4],
    [["purge", "q", ...at]],
    [["list", "--port", "1", "--retry", "200ms"], 3],
    [["token", "create", "--queue", "q"]],
    [["token", "list"]],
    [["token", "revoke", "00000000"], 2],
    [["invite", "--queue", "q"]],
    [["config", "check", "--config", "good.json"]],
    [["config", "check", "--config", "bad.json"], 2],
    [["config", "show", "send"]],
    [["config", "init", "--queue", "photos", "--config", "new.json"]],
  ];
  const found: string[] = [];
  const seen = new Set<string>();
  const ran = async (words: readonly string[], code = 0): Promise<Program> => {
    const program = await place.run(place.start([...words, "--json", "--yes"]), code);
    found.push(...faults(words[0] as CommandName, program));
    for (const { event } of program.events) seen.add(`${words[0]} ${event}`);
    return program;
  };
  for (const [words, code] of runs) await ran(words, code);
  // Who gives the whole token gets its id back, and not the secret.
  const secret = (await ran(["token", "create", "--queue", "q"])).events[0] as unknown as { id: string; token: string };
  const fresh = await ran(["token", "rotate", secret.token]);
  const revoked = await ran(["token", "revoke", secret.token]);
  expect([fresh.stdout + revoked.stdout, revoked.events[0]]).toEqual([
    expect.not.stringContaining(secret.token),
    { event: "revoked", id: secret.id },
  ]);
  expect(found).toEqual([]);
  const expected = ["list queue", "list transfer", "dead transfer", "requeue requeued", "cancel cancelled"];
  const others = [
    "cancel refused",
    "token token",
    "token revoked",
    "invite invite",
    "config mistake",
    "config setting",
  ];
  expect([...seen]).toEqual(expect.arrayContaining([...expected, ...others, "list error", "list done", "purge done"]));
});

test("an event with a field that nobody described is found", () => {
  const stray = { event: "listening", host: "localhost", port: 1, colour: "red" };
  expect(v.safeParse(EVENT_SCHEMAS.serve.listening, stray).success).toBe(false);
});
