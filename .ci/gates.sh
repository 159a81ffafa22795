# shellcheck shell=bash
# What .ci/run and .ci/nightly have in common; they source it. Gates are counted, one that fails does not stop the others,
# and the last line is "N passed, N failed", where each test and each gate counts as one. The exit code is 0 only when
# nothing failed.

export CI=true
unset NODE_V8_COVERAGE

passed=0
failed=0
work=$(mktemp -d)

# Also when it is interrupted: nothing of it goes on in the background.
clean_up() {
  local file
  for file in "$work"/*.pid; do [ -e "$file" ] && kill "$(cat "$file")" 2>/dev/null; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

# tally TITLE STATUS SECONDS HOW
tally() {
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
    printf '=== %s: passed (%d s%s)\n' "$1" "$3" "$4"
  else
    failed=$((failed + 1))
    printf '=== %s: FAILED with exit code %d (%d s%s)\n' "$1" "$2" "$3" "$4"
  fi
  return "$2"
}

# gate TITLE MINUTES COMMAND...
gate() {
  local title=$1 minutes=$2 from=$SECONDS status
  shift 2
  printf '\n=== %s: %s\n' "$title" "$*"
  timeout --kill-after=10s "${minutes}m" "$@"
  status=$?
  tally "$title" $status $((SECONDS - from)) ""
}

# beside TITLE MINUTES COMMAND...: a gate in the background, in a list of them that is started with "&". What it says is kept
# for `judge`. It gives way to what runs in front, whose tests have time limits.
beside() {
  local title=$1 minutes=$2 file=$work/$1 from=$SECONDS status
  shift 2
  printf '%s\n' "$*" >"$file.command"
  timeout --kill-after=10s "${minutes}m" nice -n 5 "$@" >"$file.log" 2>&1 &
  echo $! >"$file.pid"
  wait $!
  status=$?
  rm -f "$file.pid"
  # In one step: whoever waits for the file reads all of it.
  echo "$status $((SECONDS - from))" >"$file.status.new"
  mv "$file.status.new" "$file.status"
  return $status
}

# judge TITLE LIST: waits for such a gate, shows what it said, and counts it. LIST is the process that its list runs in.
judge() {
  local title=$1 file=$work/$1 status seconds
  until [ -e "$file.status" ] || ! kill -0 "$2" 2>/dev/null; do sleep 0.2; done
  printf '\n=== %s: %s\n' "$title" "$(cat "$file.command" 2>/dev/null)"
  if [ ! -e "$file.status" ]; then
    echo "It was not tried, since what it needs has failed."
    tally "$title" 1 0 ""
    return
  fi
  cat "$file.log"
  read -r status seconds <"$file.status"
  tally "$title" "$status" "$seconds" ", beside others"
}

# tests FILE TITLE: the tests of a run, from the JSON that vitest has left. A file of tests that could not even be loaded has
# no tests to count, so it counts as one failure by itself. What failed is named once more, where it is found without reading
# everything.
tests() {
  local count names tests_passed tests_failed tests_skipped
  count='const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const broken = r.testResults.filter((f) => f.status === "failed" && !f.assertionResults.some((t) => t.status === "failed"));
console.log(r.numPassedTests, r.numFailedTests + broken.length, r.numPendingTests + r.numTodoTests);'
  # shellcheck disable=SC2016 # JavaScript, not the shell's
  names='const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const short = (text) => (text ?? "").split("\n").slice(0, 6).map((line) => `\n    ${line}`).join("");
for (const f of r.testResults) {
  const failed = f.assertionResults.filter((t) => t.status === "failed");
  const file = require("path").relative(process.cwd(), f.name);
  if (f.status === "failed" && failed.length === 0) console.log(`FAILED ${file}${short(f.message)}`);
  for (const t of failed) console.log(`FAILED ${file}: ${t.fullName}${short(t.failureMessages[0])}`);
}'
  if read -r tests_passed tests_failed tests_skipped < <(node -e "$count" "$1"); then
    node -e "$names" "$1"
    printf '\n%s: %d passed, %d failed, %d skipped\n' "$2" "$tests_passed" "$tests_failed" "$tests_skipped"
    passed=$((passed + tests_passed))
    failed=$((failed + tests_failed))
  else
    echo "$2: the run left no results to count."
  fi
}

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

# debian PROGRAM PACKAGE LOSS: installs a package when its program is missing; each by itself, so that one that cannot be
# had takes no other with it.
debian() {
  local program=$1 package=$2 loss=$3 sudo
  command -v "$program" >/dev/null && return
  sudo=$([ "$(id -u)" -eq 0 ] || echo "sudo -n")
  # shellcheck disable=SC2086
  if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "$package"; } >"$work/apt.log" 2>&1; then
    cat "$work/apt.log"
    echo "WARNING: $package is missing and could not be installed; $loss"
  fi
}
