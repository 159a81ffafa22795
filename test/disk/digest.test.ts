import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createDigest, DIGESTS, digestPrefix, nativeChecksum } from "../../src/disk/digest.ts";
import { crc32 } from "../../src/protocol/checksum.ts";
import { contentOf, failure, inTempFolder } from "../spool/subject.ts";

const KNOWN = {
  blake3: {
    "": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    abc: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
  },
  sha256: {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    abc: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  },
};

test("every digest that is offered gives the published values", () => {
  expect(DIGESTS).toEqual(Object.keys(KNOWN));
  for (const [algorithm, values] of Object.entries(KNOWN)) {
    for (const [text, hex] of Object.entries(values)) {
      const digest = createDigest(algorithm);
      digest.update(new TextEncoder().encode(text));
      expect(digest.hex()).toBe(hex);
    }
    expect(createDigest(algorithm).hex()).toBe(values[""]);
  }
});

test("a digest does not depend on how the content is cut, or where in a buffer it lies", () => {
  const piece = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.constantFrom(...DIGESTS), fc.array(piece, { maxLength: 20 }), (algorithm, pieces) => {
      const [whole, cut] = [createDigest(algorithm), createDigest(algorithm)];
      whole.update(Buffer.concat(pieces));
      for (const bytes of pieces) {
        const shifted = new Uint8Array(bytes.length + 3);
        shifted.set(bytes, 3);
        cut.update(shifted.subarray(3));
      }
      expect(cut.hex()).toBe(whole.hex());
    }),
  );
});

test("an unknown digest is refused with the list of known ones", () => {
  for (const algorithm of ["md5", "", "BLAKE3", "toString"])
    expect(() => createDigest(algorithm)).toThrowError(expect.objectContaining({ code: "digest-unsupported" }));
  expect(() => createDigest("md5")).toThrowError(/"md5".*blake3, sha256/);
});

test("the native checksum is the portable one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(0xffff_ffff), (bytes, seed) => {
      expect(nativeChecksum(bytes, seed)).toBe(crc32(bytes, seed));
    }),
  );
});

test("the native checksum gives the numbers of zlib for long pieces, wherever in memory they begin", () => {
  const room = contentOf(1024 * 1024 + 64);
  fc.assert(
    fc.property(fc.nat(63), fc.nat(1024 * 1024), fc.nat(0xffff_ffff), (from, length, seed) => {
      const piece = room.subarray(from, from + length);
      expect(nativeChecksum(piece, seed)).toBe(zlibCrc32(piece, seed));
    }),
  );
});

test("the prefix of a file has the digest of these bytes alone, and must be there", () =>
  inTempFolder(async (folder) => {
    const content = contentOf(2_500_000);
    await writeFile(join(folder, "file"), content);
    const handle = await open(join(folder, "file"));
    for (const bytes of [0, 1, 1024 * 1024, 1024 * 1024 + 1, content.length]) {
      const [expected, found] = [createDigest("blake3"), createDigest("blake3")];
      expected.update(content.subarray(0, bytes));
      await digestPrefix(found, handle, bytes);
      expect(found.hex()).toBe(expected.hex());
    }
    expect(await failure(digestPrefix(createDigest("blake3"), handle, content.length + 1))).toBe("spool-unusable");
    await handle.close();
  }));
