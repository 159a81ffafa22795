/** Page 3: chunks come twice, overlap or leave a gap, and the file is right or there is none. */
import type { Data } from "../../../minimal/connection.ts";
import type { GrowingFile as Ours } from "../../../minimal/growing-file.ts";
import { digestOf } from "../../../src/disk/digest.ts";
import { Disk } from "../world/disk.ts";
import { settle } from "../world/wire.ts";
import { broken, codeOf, expect, type Laws, type Load } from "./law.ts";

const FILE = Buffer.from("abcdefghijklmnopqrstuvwxyz");
const DIGEST = digestOf("sha256", FILE);
const MiB = 1024 * 1024;

export const chunk = (bytes: Buffer, from: number, to: number): Data => {
  const piece = bytes.subarray(from, to);
  return { type: "data", offset: from, length: piece.length, parts: [piece] };
};

export async function laws(load: Load): Promise<Laws> {
  const { openGrowingFile } = await load("growing-file");

  async function open(size = FILE.length): Promise<{ disk: Disk; file: Ours }> {
    const disk = new Disk();
    return { disk, file: await openGrowingFile(`${disk.root}/part`, size, "sha256") };
  }

  /** Takes these pieces of the alphabet, and finishes it. */
  async function take(...cuts: (readonly [number, number])[]): Promise<void> {
    const { disk, file } = await open();
    for (const [from, to] of cuts) {
      await file.append(chunk(FILE, from, to));
      const length = disk.files().get("part")?.length;
      expect(file.next === length, `after ${from} to ${to}, next is ${file.next} and the file has ${length} bytes`);
    }
    const text = disk.files().get("part")?.toString();
    expect(text === FILE.toString(), `on the disk is ${text}`);
    await file.finish(DIGEST, FILE.length);
    expect(disk.files().get("part")?.toString() === FILE.toString(), "finish changed the file");
  }

  return {
    "chunks in order make the file, whatever their size": async () => {
      for (let size = 1; size <= FILE.length; size++)
        await take(
          ...Array.from({ length: Math.ceil(FILE.length / size) }, (_, at): [number, number] => [
            at * size,
            Math.min((at + 1) * size, FILE.length),
          ]),
        );
    },

    "a chunk that comes twice changes nothing": () => take([0, 10], [10, 20], [10, 20], [0, 10], [20, 26]),

    "a chunk that overlaps adds only what is new": () => take([0, 10], [5, 15], [0, 26]),

    "a gap is an error, and nothing is written": async () => {
      const { disk, file } = await open();
      await file.append(chunk(FILE, 0, 10));
      const code = await codeOf(() => file.append(chunk(FILE, 20, 26)));
      expect(code === "offset-gap", `bytes 10 to 19 never came: ${code}`);
      const text = disk.files().get("part")?.toString();
      expect(text === "abcdefghij", `bytes 10 to 19 never came, and on the disk is ${text}`);
    },

    "bytes behind the end are an error": async () => {
      const { file } = await open(20);
      const code = await codeOf(() => file.append(chunk(FILE, 0, 26)));
      expect(code === "size-mismatch", `26 bytes came for a file of 20: ${code}`);
    },

    "append resolves when the bytes are written: a slow disk holds back the sender": async () => {
      const { disk, file } = await open();
      let release = () => {};
      const held = new Promise<void>((done) => {
        release = done;
      });
      disk.before = () => held;
      let isWritten = false;
      const appending = file.append(chunk(FILE, 0, 26)).then(() => {
        isWritten = true;
      });
      await settle();
      expect(!isWritten, "the disk had not taken the bytes, and append had resolved");
      release();
      await appending;
    },

    "another content or a short one is refused, and nothing of it is kept": async () => {
      for (const [size, digest, wanted] of [
        [26, DIGEST.replace(/^./, (first) => (first === "0" ? "1" : "0")), "digest-mismatch"],
        [25, DIGEST, "size-mismatch"],
      ] as const) {
        const { disk, file } = await open();
        await file.append(chunk(FILE, 0, 26));
        const code = await codeOf(() => file.finish(digest, size));
        expect(code === wanted, `26 bytes came for ${size} with ${wanted}: ${code}`);
        expect(!disk.files().has("part"), `after ${wanted} the file is still there`);
      }
    },

    "what is finished survives a power cut": async () => {
      const { disk, file } = await open();
      await file.append(chunk(FILE, 0, 26));
      await file.finish(DIGEST, FILE.length);
      const text = disk.afterPowerCut().files().get("part")?.toString();
      expect(text === FILE.toString(), `after the cut there is ${text ?? "no file"}`);
    },

    "a crash costs at most some 16 MiB: a long file is synced on its way": async () => {
      const { disk, file } = await open(20 * MiB);
      const piece = Buffer.alloc(4 * MiB, "m");
      for (let at = 0; at < 5; at++) await file.append({ ...chunk(piece, 0, 4 * MiB), offset: at * 4 * MiB });
      if (file.durable < 16 * MiB) broken(`20 MiB were taken, and durable is ${file.durable}`);
      const there = disk.afterPowerCut().files().get("part")?.length ?? 0;
      expect(there >= file.durable, `durable is ${file.durable}, and a power cut leaves ${there} bytes`);
    },
  };
}
