/**
 * Checks what is deployed, as far as that goes without deploying it: `npm run deploy:check`.
 *
 * Each file is read by the strictest reader at hand: the Dockerfile by the linter of Docker's own language server, the
 * compose files by docker-compose where there is one and by a linter that knows their schema, the manifest by the models
 * made from Kubernetes' API, the unit by systemd. A reader that this machine does not have is named, in capitals; the
 * others decide. What only shows when it runs is tried by scripts/container-test.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { validate } from "dockerfile-utils";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Service } from "kubernetes-models/v1/Service";
import { parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const problems: string[] = [];

function report(what: string, found: readonly string[]): void {
  problems.push(...found.map((problem) => `${what}: ${problem}`));
  console.log(`${found.length === 0 ? "ok      " : "WRONG   "} ${what}`);
  for (const problem of found) console.log(`         ${problem}`);
}

const skip = (what: string, why: string): void => console.log(`SKIPPED  ${what}: ${why}`);

/** What a program says about a file when it does not like it; null when the program is not here. */
function said(command: string, ...words: string[]): string[] | null {
  const { error, status, stdout, stderr } = spawnSync(command, words, { cwd: root, encoding: "utf8" });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return null;
  return status === 0 ? [] : `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
}

function checkDockerfile(): void {
  const found = validate(read("Dockerfile")).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`);
  report("Dockerfile", found);
  // What the build copies has to be let in, or it fails on every machine but the one where it is cached.
  const letIn = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"));
  const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
    paths?.split(" "),
  );
  report(
    ".dockerignore",
    copied.flatMap((path) => {
      if (path === undefined || !existsSync(join(root, path)))
        return [`the Dockerfile copies ${path}, which is not there`];
      return letIn.includes(`!${path}`) ? [] : [`the Dockerfile copies ${path}, which is not let in`];
    }),
  );
}

/** Plugins of Docker are programs that can be called by their path. */
const COMPOSE = ["docker-compose", "/usr/libexec/docker/cli-plugins/docker-compose"];

function checkCompose(file: string): void {
  // An address that comes from a variable looks to it like none.
  const words = [file, "--quiet", "--disable-rule", "no-unbound-port-interfaces"];
  const linted = said(process.execPath, join(root, "node_modules/.bin/dclint"), ...words) ?? ["dclint is missing"];
  report(`${file} (schema)`, linted);
  for (const program of COMPOSE) {
    const found = said(program, "-f", file, "config", "--quiet");
    if (found !== null) return report(`${file} (docker-compose)`, found);
  }
  skip(`${file} (docker-compose)`, "it is not installed here");
}

const MODELS = { ConfigMap, Service, StatefulSet, NetworkPolicy };

function checkManifest(file: string): void {
  const found: string[] = [];
  for (const document of parseAllDocuments(read(file))) {
    for (const { message } of document.errors) found.push(message);
    const value = document.toJS() as { kind?: string; apiVersion?: string };
    const Model = MODELS[value?.kind as keyof typeof MODELS] as
      | (new (
          json: object,
        ) => { apiVersion: string; validate(): void })
      | undefined;
    if (Model === undefined) {
      found.push(`there is no model for the kind ${value?.kind}`);
      continue;
    }
    const model = new Model(value);
    try {
      model.validate();
    } catch (error) {
      found.push(`${value.kind}: ${(error as Error).message}`);
    }
  }
  report(file, found);
}

function checkUnit(file: string): void {
  const folder = mkdtempSync(join(tmpdir(), "filespool-unit-"));
  try {
    // The program itself need not be installed where its unit is checked.
    const unit = join(folder, "filespool.service");
    writeFileSync(
      unit,
      read(file)
        .replace("/usr/local/bin/filespool", process.execPath)
        .replace(/^Documentation=.*\n/m, ""),
    );
    const { error, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
    if (error) return skip(file, `systemd-analyze cannot run here (${(error as NodeJS.ErrnoException).code})`);
    // A misspelled key is a warning and exit code 0; and what it says of other units of this machine is not ours.
    report(
      file,
      stderr.split("\n").filter((line) => line.includes("filespool.service")),
    );
    // "Exposure" counts what a unit may still do, from 0 to 100; services that nobody has looked at have 96.
    report(`${file} (exposure)`, said("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit) ?? []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

checkDockerfile();
checkCompose("compose.yaml");
checkCompose("deploy/compose.server.yaml");
checkManifest("deploy/kubernetes.yaml");
checkUnit("deploy/filespool.service");
if (problems.length > 0) {
  console.error(`${problems.length} found. What is deployed is not tried before it is right.`);
  process.exit(1);
}
