/**
 * Archives of other programs, sent by somebody who has a sender of their own: what is in them lands whole, or they are
 * refused by the name of what is in them; nothing lands short, and what is behind them in the queue lands.
 */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { archiveIn, packed, sendArchives, TOOLS } from "../support/foreign-tar.ts";
import { namesIn } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { type Item, ROOT, readTree, tarEntry, underUmask } from "../support/trees.ts";

const LONG = "n".repeat(140);
const DEEP = `${"p".repeat(120)}/${"q".repeat(120)}`;

/** A folder as people have them, with times to the second. @param isLong with names for which an old header has no room */
function writeFolder(place: Place, isLong: boolean): string {
  const folder = place.path("packed");
  mkdirSync(`${folder}/sub`, { recursive: true });
  const files = ["a", "sub/b", ...(isLong ? [LONG, DEEP] : [])];
  if (isLong) mkdirSync(`${folder}/${DEEP.split("/")[0]}`);
  for (const file of files) writeFileSync(`${folder}/${file}`, `content of ${file}`);
  symlinkSync("sub/b", `${folder}/link`);
  if (isLong) symlinkSync("t".repeat(140), `${folder}/long link`);
  linkSync(`${folder}/a`, `${folder}/hard`);
  const folders = isLong ? [...DEEP.split("/").slice(0, 1), "sub", "."] : ["sub", "."];
  for (const file of [...files, ...folders]) utimesSync(`${folder}/${file}`, 1, 1_500_000_000);
  return folder;
}

const python = (format: number) =>
  `python3 -c "import tarfile; t = tarfile.open('$1', 'w', format=${format}); t.add('.', '.'); t.close()"`;
const packers: [tool: keyof typeof TOOLS, line: string, isLong: boolean][] = [
  ["GNU tar", "tar --format=gnu -cf $1 .", true],
  ["GNU tar", "tar --format=oldgnu -cf $1 .", true],
  ["GNU tar", "tar --format=posix -cf $1 .", true],
  ["GNU tar", "tar --format=posix --pax-option='comment=of all',comment:=of_one -cf $1 .", true],
  ["GNU tar", "tar --format=ustar -cf $1 .", false],
  ["GNU tar", "tar --format=v7 -cf $1 .", false],
  ["bsdtar", "bsdtar --format=pax -cf $1 .", true],
  ["bsdtar", "bsdtar --format=gnutar -cf $1 .", true],
  ["bsdtar", "bsdtar --format=ustar -cf $1 .", false],
  ["bsdtar", "bsdtar --format=v7tar -cf $1 .", false],
  ["busybox", "busybox tar -cf $1 .", true],
  ["python3", python(1), true],
  ["python3", python(2), true],
];

const withoutTimes = (items: Item[]) => items.map(({ mtimeMs: _, ...item }) => item);

for (const tool of ["GNU tar", "bsdtar", "busybox", "python3"] as const) {
  test.runIf(TOOLS[tool])(
    `folders that ${tool} has packed land as they were, in each of its formats${TOOLS[tool] ? "" : " (SKIPPED: it is not here)"}`,
    async () => {
      const place = new Place();
      const { port } = await place.serve();
      const wanted: Record<string, Item[]> = {};
      for (const [number, [, line, isLong]] of packers.filter(([by]) => by === tool).entries()) {
        execFileSync("rm", ["-rf", place.path("packed")]);
        const folder = writeFolder(place, isLong);
        const name = `d${number}`;
        await sendArchives(port, { [name]: packed(folder, archiveIn(place, name), line) });
        wanted[name] = underUmask(readTree(folder));
      }
      await place.run(place.receive(port));
      for (const [name, items] of Object.entries(wanted)) expect(readTree(place.path("inbox", name))).toEqual(items);
    },
  );
}

test.runIf(TOOLS.git)(
  `what git archives lands, with its header for all entries and without an entry for the folder itself${TOOLS.git ? "" : " (SKIPPED: no git)"}`,
  async () => {
    const place = new Place();
    const { port } = await place.serve();
    const folder = writeFolder(place, true);
    const git = "git -c user.name=x -c user.email=x@x -c init.defaultBranch=x";
    const made = `${git} init -q . && git add -A && ${git} commit -qm x`;
    await sendArchives(port, {
      plain: packed(folder, archiveIn(place, "plain"), `(${made}) && git archive HEAD > $1`),
      prefixed: packed(folder, archiveIn(place, "prefixed"), "git archive --prefix=./ HEAD > $1"),
    });
    execFileSync("rm", ["-rf", `${folder}/.git`]);
    await place.run(place.receive(port));
    const items = withoutTimes(readTree(folder));
    // Git keeps of a mode whether a file may be run, and writes the same mode for all others.
    const modeless = (list: { mode: number }[]) => list.map(({ mode: _, ...item }) => item);
    for (const name of ["plain", "prefixed"])
      expect(modeless(withoutTimes(readTree(place.path("inbox", name))))).toEqual(modeless(items));
  },
);

const SPARSE: [tool: keyof typeof TOOLS, line: string][] = [
  ["GNU tar", "tar --format=posix --sparse --sparse-version=0.0 -cf $1 ."],
  ["GNU tar", "tar --format=posix --sparse --sparse-version=0.1 -cf $1 ."],
  ["GNU tar", "tar --format=posix --sparse --sparse-version=1.0 -cf $1 ."],
  ["GNU tar", "tar --format=gnu --sparse -cf $1 ."],
  ["GNU tar", "tar --format=oldgnu --sparse -cf $1 ."],
  ["bsdtar", "bsdtar --format=pax -cf $1 ."],
];
test.each(SPARSE.filter(([tool]) => TOOLS[tool]))(
  "a sparse file of %s (%s) is refused by that name, and does not land short",
  async (tool, line) => {
    const place = new Place();
    const { port } = await place.serve();
    mkdirSync(place.path("packed"));
    writeFileSync(place.path("packed/holes"), "begin");
    truncateSync(place.path("packed/holes"), 3 * 1024 * 1024);
    writeFileSync(place.path("packed/holes"), "end", { flag: "a" });
    const archive = packed(place.path("packed"), archiveIn(place, "sparse"), line);
    if (archive.length > 1024 * 1024) return console.warn(`SKIPPED: ${tool} finds no holes on this disk`);
    await sendArchives(port, { sparse: archive });
    writeFileSync(place.path("behind"), "behind it");
    await place.run(place.send(port, "behind"));
    const receiver = await place.run(place.receive(port), 4);
    const { message } = await receiver.seen("refused");
    expect(message).toContain("a sparse file in GNU's form; pack it without --sparse");
    expect(namesIn(place.path("inbox"))).toEqual(["behind"]);
  },
);

const OTHERS: [what: string, line: string, said: string][] = [
  ["an increment", "tar --format=gnu -g $1.snar -cf $1 .", "an increment and not all of the folder"],
  ["an increment in pax", "tar --format=posix -g $1.snar -cf $1 .", "an increment and not all of the folder"],
  ["a second volume", "tar --format=gnu -ML 10 -cf $1.1 -f $1 -f $1.3 .", "one of several volumes"],
  ["a second volume in pax", "tar --format=posix -ML 10 -cf $1.1 -f $1 -f $1.3 -f $1.4 .", "one of several volumes"],
  ["a pipe", "mkfifo p && tar -cf $1 . && rm p", "is a pipe"],
  ["two archives in one file", "tar -cf $1 . && cat $1 $1 > $1.2 && mv $1.2 $1", "something follows its end"],
  ["names that are no UTF-8", 'f=$(printf "caf\\351.txt"); touch $f; tar -cf $1 .; rm $f', "caf\\xe9.txt"],
  ["a path for all", "tar --format=posix --pax-option=path=x -cf $1 .", "a global header gives one path to all"],
  ["another character set", "tar --format=posix --pax-option=hdrcharset:=EBCDIC -cf $1 .", "character set"],
];
test.runIf(TOOLS["GNU tar"])(
  "what cannot be a whole folder is refused by its name, and the queue goes on",
  async () => {
    const place = new Place();
    const { port } = await place.serve();
    mkdirSync(place.path("packed"));
    writeFileSync(place.path("packed/big"), Buffer.alloc(25_000, "x"));
    for (const [what, line] of OTHERS)
      await sendArchives(port, { [what]: packed(place.path("packed"), archiveIn(place, "one"), line) });
    await sendArchives(port, { last: packed(place.path("packed"), archiveIn(place, "one"), "tar -cf $1 .") });
    const receiver = await place.run(place.receive(port), 4);
    for (const [name, , said] of OTHERS) {
      const refused = receiver.all("refused").find((event) => event.name === name);
      expect(`${name}: ${refused?.message}`).toContain(said);
    }
    expect(namesIn(place.path("inbox"))).toEqual(["last"]);
  },
);

test.runIf(TOOLS["GNU tar"])("labels, attributes and unknown records are left out with one warning each", async () => {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("packed"));
  for (const name of ["a", "b"]) writeFileSync(place.path("packed", name), name);
  const options = "SCHILY.xattr.user.note:=hi,SCHILY.acl.access:=user::rw-,NEW.thing:=1";
  await sendArchives(port, {
    labelled: packed(place.path("packed"), archiveIn(place, "one"), "tar --format=gnu -V LABEL -cf $1 ."),
    described: packed(
      place.path("packed"),
      archiveIn(place, "one"),
      `tar --format=posix --pax-option=${options} -cf $1 .`,
    ),
  });
  const receiver = await place.run(place.receive(port));
  expect(
    receiver
      .all("warning")
      .map(({ name, path, message }) => [name, path, message.split(":")[0]])
      .sort(),
  ).toEqual([
    ["described", "./", "extended attributes or access lists"],
    ["described", "./", 'what "NEW.thing" stands for in its header'],
    ["labelled", "LABEL", "the label of a volume"],
  ]);
  for (const name of ["labelled", "described"]) expect(readFileSync(place.path("inbox", name, "b"), "utf8")).toBe("b");
});

test("what one header says and another denies refuses the archive, so that no two programs read it in two ways", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const end = Buffer.alloc(1024);
  const long = tarEntry({ path: "@", type: "NextFileHasLongPath" }, "long\0");
  const negative = tarEntry({ path: "x", size: 0 });
  negative.write("ffffffffffffffffffffffff", 124, "hex"); // -1, in 256s
  await sendArchives(port, {
    "two names": Buffer.concat([ROOT, long, tarEntry({ path: "x" }, "x", { path: "é" }), end]),
    "two long names": Buffer.concat([ROOT, long, long, tarEntry({ path: "x" }, "x"), end]),
    "a negative size": Buffer.concat([ROOT, summed(negative), end]),
    "a header about nothing": Buffer.concat([ROOT, long, end]),
  });
  const receiver = await place.run(place.receive(port), 4);
  const said = receiver.all("refused").map(({ message }) => message.replace("the folder cannot be unpacked: ", ""));
  expect(said).toEqual([
    "an extended header and a GNU long name are about one entry",
    "two long names are about one entry",
    "the size of an entry is negative",
    "its last header is about nothing",
  ]);
  expect(namesIn(place.path("inbox"))).toEqual([]);
});

/** With the sum of what is in it now. */
function summed(header: Buffer): Buffer {
  header.fill(" ", 148, 156);
  const sum = header.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}
