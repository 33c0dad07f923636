#!/bin/sh
# run.sh: every test, one after another; ends with "N passed, N failed".
#
#   tests/run.sh BUILD_DIR [PATTERN]     only tests whose name contains PATTERN
#
# A unit test is a cmocka program: each of its tests counts. Every other test is a command that either prints a closing line
# "N passed, N failed" of its own, which is added, or counts as one by its exit status. What fails prints its output.
set -u
B=${1:?usage: tests/run.sh BUILD_DIR [PATTERN]}
PATTERN=${2:-}
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
passed=0
failed=0
: "${TEST_TIMEOUT:=300}"

# count NAME STATUS OUTPUT_FILE
count() {
    name=$1 status=$2 out=$3
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
    ok=$(grep -ac '^\[       OK \]' "$out")
    bad=$(grep -aE '^\[  FAILED  \] [a-z]' "$out" | sort -u | wc -l)
    if [ -n "$line" ]; then
        ok=${line%% passed*}
        bad=$(echo "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')
    elif [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
        [ "$status" -eq 0 ] && ok=1
    fi
    # A crash or a leak after the last test is a failure too.
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    passed=$((passed + ok))
    failed=$((failed + bad))
    if [ "$bad" -ne 0 ]; then
        echo "FAIL  $name (exit status $status)"
        tail -c 6000 "$out" | sed 's/^/      /'
    else
        echo "ok    $name ($ok)"
    fi
}

# run NAME COMMAND...
run() {
    name=$1
    shift
    case "$name" in *"$PATTERN"*) ;; *) return ;; esac
    timeout "$TEST_TIMEOUT" "$@" >"$TMP/out" 2>&1 </dev/null
    count "$name" $? "$TMP/out"
}

for t in $(find "$B/tests/unit" -type f -name 'test_*' ! -name '*.*' | LC_ALL=C sort); do
    run "${t#"$B/tests/"}" "$t"
done
. tests/suite.sh
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
