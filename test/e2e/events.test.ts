import { rmSync } from "node:fs";
import * as v from "valibot";
import { expect, test } from "vitest";
import { EVENT_SCHEMAS } from "../../src/cli/event-schemas.ts";
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

test("an event with a field that nobody described is found", () => {
  const stray = { event: "listening", host: "localhost", port: 1, colour: "red" };
  expect(v.safeParse(EVENT_SCHEMAS.serve.listening, stray).success).toBe(false);
});
