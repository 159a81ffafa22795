import { expect, test } from "vitest";
import { CROWD, YoungMemory } from "../../src/cli/commands/serve-memory.ts";
import type { ServerEvent } from "../../src/net/events.ts";

test("in a crowd V8's young memory does not grow, and may again when the crowd has gone", () => {
  const flags: string[] = [];
  const memory = new YoungMemory((flag) => void flags.push(flag));
  const tell = (event: string, times: number) => {
    for (let time = 0; time < times; time++) memory.observe({ event } as ServerEvent);
  };
  tell("connected", CROWD - 1);
  tell("stored", 10_000);
  expect(flags).toEqual([]);
  tell("connected", 1);
  tell("connected", 500);
  expect(flags).toEqual(["--semi-space-growth-factor=1"]);
  tell("disconnected", 500);
  expect(flags).toHaveLength(1);
  tell("disconnected", 1);
  expect(flags.slice(1)).toEqual(["--semi-space-growth-factor=2"]);
});
