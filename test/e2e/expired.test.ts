/** A file that nobody collected in time: whoever sends it again hears that, and not that it is stored or was collected. */
import { expect, test } from "vitest";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

test("a file that expired is told as expired, and --again stores it", async () => {
  const place = new Place();
  const server = await place.serve("--file-ttl", "1s");
  const path = writeSmall(place.path("note.txt"), "a note");
  // Waits for whatever becomes of it: nobody collects it, and the server sweeps every second.
  const first = await place.run(place.send(server.port, "--wait", "5m", path), 4);
  const { transfer } = await first.seen("stored");
  const again = await place.run(place.send(server.port, path), 4);
  expect(await again.seen("refused")).toMatchObject({ code: "expired", transfer });
  expect(again.events.map(({ event }) => event)).not.toContain("stored");
  await place.run(place.send(server.port, "--again", path));
});
