import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RECORDING, type Recording, record } from "../../scripts/record-transfer.ts";
import { crc32 } from "../../src/protocol/checksum.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES } from "../../src/protocol/frame.ts";
import { memberRanges } from "../../website/src/live/explorer/members.ts";
import {
  decodeState,
  edited,
  encodeState,
  initial,
  PIECES,
  presets,
  withByte,
} from "../../website/src/live/explorer/state.ts";
import { LAYOUT, readStream } from "../../website/src/live/explorer/stream.ts";
import { fromHex, toHex } from "../../website/src/live/shared/bytes.ts";

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const vectors = json(join(import.meta.dirname, "../vectors/frames.json"));
const recording: Recording = json(RECORDING);
const all = presets(vectors, recording);
const anyPreset = fc.constantFrom(...all);

describe("what the explorer says of a stream", () => {
  test.each(vectors.frames as { title: string; hex: string; type: string }[])("whole: $title", ({ hex, type }) => {
    const { frames, verdict } = readStream(fromHex(hex));
    expect(verdict.kind).toBe("done");
    expect(frames.map(({ title, state }) => [title.split(" ")[0], state])).toEqual([[type, "whole"]]);
  });

  test.each((vectors.damaged as { title: string; hex: string; error: string | null }[]).filter(({ hex }) => hex))(
    "not whole: $title",
    ({ hex, error }) => {
      const { verdict } = readStream(fromHex(hex));
      expect(verdict.kind === "error" ? verdict.code : verdict.kind).toBe(error ?? "waiting");
      if (verdict.kind === "error") expect(verdict.means).toBe(ERRORS[verdict.code].means);
    },
  );

  test("it does not depend on the pieces in which the stream came", () => {
    fc.assert(
      fc.property(anyPreset, fc.constantFrom(...PIECES), fc.nat(), ({ bytes }, pieceBytes, cut) => {
        const part = bytes.subarray(0, cut % (bytes.length + 1));
        const { pushes: _, ...whole } = readStream(part);
        const { pushes, ...pieces } = readStream(part, pieceBytes);
        // An error ends the stream: fewer bytes may have been looked at, but the answer is the same.
        expect(pieces.verdict).toEqual(whole.verdict);
        if (whole.verdict.kind !== "error") expect(pieces.frames).toEqual(whole.frames);
        expect(pushes.reduce((bytes, { from, to }) => bytes + to - from, 0)).toBeLessThanOrEqual(part.length);
      }),
    );
  });

  test("cut anywhere, it waits or is between two frames, and never errs", () => {
    for (const { bytes, group } of all.filter(({ group }) => group !== "Unfinished or damaged"))
      for (let cut = 0; cut <= bytes.length; cut++)
        expect([group, cut, readStream(bytes.subarray(0, cut)).verdict.kind]).not.toContain("error");
  });

  test("no flipped bit of a whole frame goes unnoticed", () => {
    const { bytes } = all.find(({ id }) => id === "ack") as (typeof all)[number];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      const { edits } = withByte(initial("ack"), bytes, at, (bytes[at] as number) ^ (1 << (bit & 7)));
      expect([bit, readStream(edited(bytes, edits)).verdict.kind]).toEqual([bit, "error"]);
    }
  });

  test("every byte of a whole frame belongs to exactly one field, or is a brace or comma of its JSON", () => {
    for (const { bytes } of all.filter(({ group }) => group === "One frame")) {
      const { fields } = readStream(bytes).frames[0] as { fields: readonly { from: number; to: number }[] };
      const owners = Array.from(bytes, (_, at) => fields.filter(({ from, to }) => from <= at && at < to).length);
      for (const [at, count] of owners.entries())
        if (count !== 1)
          expect([count, String.fromCharCode(bytes[at] as number)]).toEqual([0, expect.stringMatching(/[{},]/)]);
    }
  });
});

test("the picture of the header is where the encoder puts things", () => {
  const header = encodeHeader(0x06, Uint8Array.of(1, 2, 3), crc32, 0x0102030405, 0x80);
  const at = (id: string) => {
    const { at, bytes } = LAYOUT.find((row) => row.id === id) as (typeof LAYOUT)[number];
    return Number.parseInt(toHex(header.subarray(at, at + bytes)), 16);
  };
  const { headerSum: _, magic: __, ...rest } = Object.fromEntries(LAYOUT.map(({ id }) => [id, at(id)]));
  expect(decodeHeader(header)).toEqual(rest);
  expect(LAYOUT.reduce((bytes, row) => bytes + row.bytes, 0)).toBe(HEADER_BYTES);
});

test("members of a JSON text are found where they stand, whatever is in them", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (object, isSpaced) => {
      const payload = new TextEncoder().encode(JSON.stringify(object, null, isSpaced ? 1 : 0));
      const found = memberRanges(payload);
      const entries = Object.entries(JSON.parse(JSON.stringify(object))).filter(([key]) => key !== "");
      expect(found.map(({ key, value }) => [key, JSON.parse(value)])).toEqual(entries);
    }),
  );
  expect(memberRanges(new TextEncoder().encode('{"a":'))).toEqual([]);
  expect(memberRanges(new TextEncoder().encode("[1,2]"))).toEqual([]);
});

describe("a view as a link", () => {
  test("means the same view again", () => {
    fc.assert(
      fc.property(
        anyPreset,
        fc.array(fc.tuple(fc.nat(), fc.nat(255))),
        fc.nat(),
        fc.constantFrom(...PIECES),
        (preset, edits, cut, pieceBytes) => {
          const length = preset.bytes.length;
          let state = { ...initial(preset.id), arrived: cut < length ? cut : null, pieceBytes: pieceBytes as number };
          for (const [at, byte] of edits) state = withByte(state, preset.bytes, at % length, byte) as typeof state;
          expect(decodeState(encodeState(state), all)).toEqual(state);
        },
      ),
    );
  });

  test("from a stranger is harmless", () => {
    expect(decodeState("no-such-thing_1-ff", all)).toBeNull();
    expect(decodeState("__proto__", all)).toBeNull();
    expect(decodeState("ack_999999-00.x.-1-00.3-zz_abc_99", all)).toEqual(initial("ack"));
    fc.assert(fc.property(fc.string(), (text) => void decodeState(`ack_${text}`, all)));
  });

  test("every preset has a name of its own", () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });
});

test("the recording is what a transfer says today, but for its ids", async () => {
  const shape = ({ streams }: Recording) =>
    streams.map(({ id, hex }) => ({
      id,
      frames: readStream(fromHex(hex)).frames.map(({ title, fields }) => [title, ...fields.map(({ label }) => label)]),
    }));
  const now = shape(await record());
  expect(now).toEqual(shape(recording));
  expect(now.flatMap(({ frames }) => frames.map(([title]) => title))).toEqual(
    expect.arrayContaining(["offer", "stored", "acked"]),
  );
});
