/** Laws of where code breaks: flags stay whole, long names have places to break, and what is copied is what was written. */
import { expect, it } from "vitest";
import { piecesOf } from "../src/code-words.ts";

const textOf = (text: string) => piecesOf(text).map((piece) => piece.text);
const isPlain = (text: string) => piecesOf(text).every(({ isWhole, mayEnd }) => !isWhole && !mayEnd);

it("a flag stays whole, alone or with its word, as long as it fits", () => {
  for (const flag of ["--follow", "-y", "--if-exists", "--count 3", "--durability none"]) {
    expect(piecesOf(flag)).toEqual([{ text: flag, isWhole: true, mayEnd: false }]);
  }
  expect(textOf("--max-free-disk-of-everything").length).toBeGreaterThan(1);
});

it("a short word stays whole in a long command, and a line may begin with each", () => {
  const pieces = piecesOf("npm run bench -- --part sweep --buffer-size 64KiB");
  expect(pieces.filter(({ isWhole }) => isWhole).map(({ text }) => text)).toEqual(["--", "--part", "--buffer-size"]);
  expect(pieces.some(({ mayEnd }) => mayEnd)).toBe(false);
});

it("a long name may break behind what joins its parts, a short one and a sentence as ever", () => {
  expect(textOf("filespool_transfers_refused_total")).toEqual(["filespool_", "transfers_", "refused_", "total"]);
  expect(textOf("src/disk/batch-writer.ts")).toEqual(["src/disk/", "batch-writer.ts"]);
  expect(textOf("terminationGracePeriodSeconds")).toEqual(["termination", "Grace", "Period", "Seconds"]);
  expect(piecesOf('{"name":"a.txt","size":12288,"left":1}', 32).map(({ text }) => text)).toEqual([
    '{"name":"a.txt",',
    '"size":12288,',
    '"left":1}',
  ]);
  for (const other of ["stored", "short_name", "a sentence with_an underscore in it"]) {
    expect(isPlain(other)).toBe(true);
  }
});

it("the pieces together are the text", () => {
  for (const text of [
    "",
    " ",
    "a-b",
    "--",
    "{}",
    "filespool://files.example.org:5011/photos#token=fst_1a2b&cert=<64>",
  ]) {
    expect(textOf(text).join("")).toBe(text);
  }
});
