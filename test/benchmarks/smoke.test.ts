import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const bench = (...words: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", "benchmarks/bench.ts", ...words], {
    ...{ cwd: ROOT, encoding: "utf8", timeout: 200_000, env: { ...process.env, NODE_V8_COVERAGE: "" } },
  });

test("the suite runs from end to end, writes its samples, draws them, and leaves nothing behind", {
  timeout: 240_000,
}, () => {
  // It measures what is built, so this builds, if nobody has.
  if (!existsSync(join(ROOT, "dist/cli/filespool.cjs"))) spawnSync(process.execPath, [join(ROOT, "scripts/build.mjs")]);
  const folder = mkdtempSync(join(tmpdir(), "filespool-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [out, plot, work] = ["out.json", "out.svg", "work"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(work);
  const one = [
    "--buffer-size",
    "64KiB",
    "--file-size",
    "1MiB",
    "--durability",
    "fsync",
    "--place",
    "disk",
    "--repeats",
    "1",
  ];
  const ran = bench("--part", "sweep", ...one, "--folder", work, "--out", out, "--plot", plot);
  expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: "" });
  expect(ran.stdout).toContain("filespool, buffer 64KiB, fsync");
  const { cases, skipped, node } = JSON.parse(readFileSync(out, "utf8"));
  expect(cases).toMatchObject(
    ["off", "on"].map((tls) => ({ key: `filespool/1MiB/64KiB/fsync/tls-${tls}/disk`, files: 64, bytes: 64 * 2 ** 20 })),
  );
  const [{ ms, uploadMs, downloadMs, usage }] = cases[0].samples;
  expect(uploadMs + downloadMs).toBeCloseTo(ms);
  for (const program of ["sender", "receiver"]) expect(usage[program].cpuMs).toBeGreaterThan(0);
  expect(Object.keys(usage)).toEqual(["server", "sender", "receiver"]);
  expect({ skipped, node }).toEqual({ skipped: [], node: process.version });
  expect(readFileSync(plot, "utf8")).toContain("<svg");
  expect(readdirSync(work)).toEqual([]);
  expect(bench("--compare", out, out).stdout).toContain("too few samples");
  expect(bench("--place", "moon")).toMatchObject({
    ...{ status: 2, stderr: '--place does not accept "moon": it takes memory, disk\n' },
  });
});
