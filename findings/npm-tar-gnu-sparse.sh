#!/usr/bin/env bash
# Two tar packages of npm unpack a sparse archive of GNU tar as a short file under another name, and report success.
#
# GNU tar writes sparse files in its PAX form 1.0: the entry is called GNUSparseFile.<pid>/<name>, its content is a map of the
# holes and then the data, and the true name and size are in the PAX keys GNU.sparse.name and GNU.sparse.realsize. A
# reader that does not know these keys has to refuse the entry, or it lands something else.
#
# Seen with tar 7.5.23 and tar-fs 3.1.3 (tar-stream 3.2.2), on an archive of GNU tar 1.34 with one file of 3 MiB:
# both end without error or warning, and leave GNUSparseFile.<pid>/s.bin with 4608 bytes. Python's tarfile and bsdtar know the form
# and restore s.bin with 3145728 bytes.
#
# Whoever receives archives from strangers by one of these packages has to look for the keys first.
set -euo pipefail
for tool in tar npm node; do
  command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 2; }
done
tar --version | grep -q 'GNU tar' || { echo "this needs GNU tar"; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '{"private":true}' > package.json
timeout 120 npm install --silent --no-audit --no-fund tar@7.5.23 tar-fs@3.1.3 tar-stream@3.2.2 ||
  { echo "the packages could not be installed"; exit 2; }

truncate -s 3M s.bin
printf hello | dd of=s.bin bs=1 seek=1500000 conv=notrunc status=none
tar --format=posix --sparse -cf s.tar s.bin
mkdir by-tar by-tar-fs

cat > unpack.cjs <<'JS'
const { createReadStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const warnings = [];
require("tar")
  .x({ file: "s.tar", cwd: "by-tar", onwarn: (code) => warnings.push(code) })
  .then(() => pipeline(createReadStream("s.tar"), require("tar-fs").extract("by-tar-fs")))
  .then(() => console.log(`both packages are done; warnings: ${warnings.length}`));
JS
timeout 60 node unpack.cjs | tee said
found=$(find by-tar by-tar-fs -type f -printf '%p %s\n' | sed 's/GNUSparseFile\.[0-9]*/GNUSparseFile.PID/' | sort)
echo "$found"

expected='by-tar-fs/GNUSparseFile.PID/s.bin 4608
by-tar/GNUSparseFile.PID/s.bin 4608'
if [ "$found" = "$expected" ] && grep -q 'warnings: 0' said; then
  echo "as described: 3145728 bytes were packed, and 4608 landed under another name"
else
  echo "this has changed"
  exit 1
fi
