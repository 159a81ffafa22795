import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { MUTANTS } from "./test/mutants/table.ts";
const copy = mkdtempSync("/tmp/w/simmut-");
for (const n of ["src","test","package.json","tsconfig.json"]) cpSync(n, copy + "/" + n, { recursive: true });
symlinkSync("/work/main/node_modules", copy + "/node_modules");
const one = copy + "/one.ts";
writeFileSync(one, `import { planOf } from "./test/simulation/plan.ts";
import { simulate } from "./test/simulation/run.ts";
import { simulatedModules } from "./test/simulation/modules.ts";
const modules = await simulatedModules();
for (let seed = 1; seed <= 200; seed++) { const o = await simulate(planOf(seed), modules); if (o.broken.length) { console.log("seed " + seed + ": " + o.broken[0]); process.exit(1); } }`);
for (const m of MUTANTS) {
  if (!/^src\/(net|spool|protocol)/.test(m.file)) continue;
  const path = copy + "/" + m.file; const orig = readFileSync(path, "utf8");
  if (orig.split(m.from).length !== 2) { console.log("NOT PLANTED", m.name); continue; }
  writeFileSync(path, orig.replace(m.from, () => m.to));
  const t = Date.now();
  const r = spawnSync("nice", ["node", "--import", "tsx", one], { cwd: copy, encoding: "utf8", timeout: 120_000 });
  console.log(r.status === 0 ? "survived" : "NOTICED ", m.name, "|", (r.stdout.trim().split("\n").pop() ?? "").slice(0, 140), r.status === 1 ? "" : r.stderr.slice(0, 200), Math.round((Date.now() - t) / 1000), "s");
  writeFileSync(path, orig);
}
