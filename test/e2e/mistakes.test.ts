/**
 * What goes wrong on a disk, with a name or with a certificate, at real processes: people read what happened, to which
 * file or address, and what to do; scripts get the documented exit code; and what could be done was done.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { builtMain } from "../support/built.ts";
import { MiB, namesIn, textsIn, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place, type Program, type StartOptions } from "../support/process-program.ts";

/** Sends as a person does. */
const sending = (place: Place, port: number, words: readonly string[], options: StartOptions = {}): Program =>
  place.start(["send", "--yes", "--port", String(port), ...words], options);

/** Everything that waits, by name. */
async function collected(place: Place, port: number): Promise<Record<string, string>> {
  await place.run(place.receive(port));
  return textsIn(place.path("inbox"));
}

test("an expired certificate: which server has it, and who must renew it; nothing is sent", async () => {
  const place = new Place();
  const day = 86_400_000;
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    ...{ keyType: "ec", curve: "P-256", algorithm: "sha256" },
    ...{ notBeforeDate: new Date(Date.now() - 9 * day), notAfterDate: new Date(Date.now() - day) },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  const [certFile, keyFile] = [writeSmall(place.path("cert.pem"), cert), writeSmall(place.path("key.pem"), key)];
  chmodSync(keyFile, 0o600);
  const { port } = await place.serve("--tls-cert", certFile, "--tls-key", keyFile);
  const file = writeSmall(place.path("a"), "a");
  const sender = await place.run(sending(place, port, ["--tls-ca", certFile, file]), 4);
  expect(sender.stderr).toBe(
    `error: the certificate of localhost:${port} is refused: it has expired; its owner must renew it\n` +
      "       ask the operator of the server for its fingerprint (filespool token list shows it), and give it with --fingerprint\n",
  );
  expect(namesIn(place.path("spool", "data"))).toEqual([]);
});

test("files that vanish, while they are sent or before: each is named, nothing of them is stored, and the rest is", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const gate = await Gate.before(port);
  const [big, gone] = [writeBig(place.path("big"), 24 * MiB), writeBig(place.path("gone"), 2 * MiB)];
  const shut = gate.shutAfter(8 * MiB, "up");
  const sender = sending(place, gate.port, [big, gone, writeSmall(place.path("last"), "last")]);
  await sender.during(shut);
  for (const path of [big, gone]) rmSync(path);
  gate.open();
  await place.run(sender, 7);
  expect(sender.stderr).toBe(
    [
      `failed    ${big} was deleted or replaced while it was being sent; nothing was stored`,
      "          send it again when no program writes to it, or send its present content: filespool send --name NAME - < FILE",
      `failed    cannot send ${gone}: there is no such file or folder (ENOENT)`,
      "          check the path, and that you may read it",
      "",
    ].join("\n"),
  );
  expect(await collected(place, port)).toEqual({ last: "last" });
});

test("a file that is cut short while it is sent is refused by its name, and sent when nobody writes to it", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const gate = await Gate.before(port);
  const [big, last] = [writeBig(place.path("big"), 48 * MiB), writeSmall(place.path("last"), "last")];
  const shut = gate.shutAfter(8 * MiB, "up");
  const sender = sending(place, gate.port, [big, last]);
  await sender.during(shut);
  truncateSync(big, 16 * MiB);
  gate.open();
  await place.run(sender, 7);
  expect(sender.stderr).toMatch(
    new RegExp(`^failed +.*${big}.*\\n +send it again when no program writes to it.*--name NAME - < FILE\\n$`),
  );
  await place.run(sending(place, port, [big]));
  expect(Object.keys(await collected(place, port)).sort()).toEqual(["big", "last"]);
  expect(statSync(place.path("inbox", "big")).size).toBe(16 * MiB);
});

test("a name that no folder may have: it is said which and why, and the others are sent", async () => {
  const place = new Place();
  const { port } = await place.serve();
  // Made harmless for Windows it is one byte longer, and then too long for anybody.
  const name = `con.${"x".repeat(251)}`;
  const sender = await place.run(
    sending(place, port, [writeSmall(place.path(name), "x"), writeSmall(place.path("a"), "a")]),
    4,
  );
  expect(sender.stderr).toMatch(
    /^failed +.*con\.xxx.*is longer than 255 bytes\n +rename the file, and send it again\n$/,
  );
  expect(await collected(place, port)).toEqual({ a: "a" });
});

// The administrator may read everything, so the sender has to be somebody else.
const uid = process.getuid?.() === 0 ? 65_534 : undefined;
const asOther = uid === undefined ? {} : { uid, gid: uid };
const reads = spawnSync(process.execPath, [builtMain(), "--version"], { ...asOther, cwd: "/" });
const canTry = process.platform !== "win32" && reads.status === 0;
test.runIf(canTry)(
  `a folder with a file that may not be read is not stored in part${canTry ? "" : " (SKIPPED: no other user can run the program here)"}`,
  async () => {
    const place = new Place();
    const { port } = await place.serve();
    const folder = place.path("photos");
    mkdirSync(folder);
    writeSmall(place.path("photos", "a"), "a");
    chmodSync(writeSmall(place.path("photos", "secret"), "s"), 0);
    const last = writeSmall(place.path("last"), "last");
    mkdirSync(place.path("state"));
    if (uid !== undefined) for (const path of [place.folder, place.path("state")]) chownSync(path, uid, uid);
    const sender = await place.run(sending(place, port, [folder, last], uid === undefined ? {} : { uid }), 7);
    expect(sender.stderr).toMatch(
      /^failed +.*photos\/secret.*permission.*\n +check the path, and that you may read it\n$/,
    );
    expect(await collected(place, port)).toEqual({ last: "last" });
  },
);

/** A small disk of its own, which only the administrator can make. */
function smallDisk(place: Place): string {
  const disk = place.path("disk");
  mkdirSync(disk);
  const made = spawnSync("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", disk]);
  if (made.status !== 0) return "";
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  return disk;
}

const canMount =
  spawnSync("sh", ["-c", "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && umount $d; s=$?; rmdir $d; exit $s"]).status ===
  0;
const why = canMount ? "" : " (SKIPPED: no disk can be mounted here)";
test.runIf(canMount)(
  `a full disk under the spool: a server says so at its start, a sender when it comes; with room, the same command continues${why}`,
  async () => {
    const place = new Place();
    const disk = smallDisk(place);
    const fill = () => spawnSync("dd", ["if=/dev/zero", `of=${disk}/rest`, "bs=4k"]);
    fill();
    const spool = `${disk}/spool`;
    const failed = await place.run(place.start(["serve", "--yes", "--port", "0", "--spool", spool]), 5);
    expect(failed.stderr).toBe(
      `error: no space left for ${spool}/index.mdb\n       make room on that disk, or use another one\n`,
    );
    rmSync(`${disk}/rest`);
    const { port } = await place.serve("--spool", spool);
    const [small, big] = [writeSmall(place.path("small"), "small"), writeBig(place.path("big"), 24 * MiB)];
    await place.run(sending(place, port, ["--retry", "0", small]));
    fill();
    const sender = await place.run(sending(place, port, ["--retry", "0", big]), 5);
    expect(sender.stderr).toMatch(/^error: localhost:\d+: .*disk.*full.*\n +make room on the disk, or try again later/);
    rmSync(`${disk}/rest`);
    await place.run(sending(place, port, [big]));
    expect(Object.keys(await collected(place, port)).sort()).toEqual(["big", "small"]);
  },
);
