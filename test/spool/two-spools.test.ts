/** Two spools in one process, as two servers have: what is bounded in one says nothing about the other. */
import { expect, test } from "vitest";
import { WAITING_BYTES_MAX } from "../../src/disk/batch-writer.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { begin, contentOf, inTempFolder, offerOf } from "./subject.ts";

test("while much waits for the disk of one spool its uploads wait for each batch, and those of another spool do not", () =>
  inTempFolder((first) =>
    inTempFolder(async (second) => {
      const options = { inlineBytesMax: 0, bufferBytes: 1024 };
      const spools = [
        await InspectableSpool.open({ ...options, folder: first }),
        await InspectableSpool.open({ ...options, folder: second }),
      ];
      const uploads = [];
      for (const spool of spools) uploads.push(await begin(spool, offerOf(1, 4096)));
      const backlog = spools[0]?.parts.uploads.backlog;
      if (backlog) backlog.bytes += WAITING_BYTES_MAX;
      const waits = uploads.map((upload) => upload.append(0, [contentOf(1024)]));
      expect(waits).toEqual([expect.any(Promise), undefined]);
      if (backlog) backlog.bytes -= WAITING_BYTES_MAX;
      await Promise.all(waits);
      for (const spool of spools) await spool.close();
      expect(backlog?.bytes).toBe(0);
    }),
  ));
