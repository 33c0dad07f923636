#!/bin/sh
# tidy_test.sh TIDY: the checker is checked. The tree below bad/ breaks every rule at least once; what the
# checker says about it must be exactly bad.expected, and a tree without faults must pass. Ends with
# "N passed, N failed".
set -u
TIDY=$1
HERE=$(cd "$(dirname "$0")" && pwd)
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
passed=0 failed=0
result() { # what, status
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; fi
}

cp -R "$HERE/bad" "$W/bad"
# sizes: a file of 1001 lines with a function of 71, a header of 401
{
    echo "int long_one(int x)"; echo "{"
    awk 'BEGIN { for (i = 0; i < 71; i++) print "    x++;" }'
    echo "}"
    awk 'BEGIN { for (i = 0; i < 927; i++) print "" }'
} >"$W/bad/raft/long.c"
{ echo "/* long.h: too long */"; awk 'BEGIN { for (i = 0; i < 400; i++) print "" }'; } >"$W/bad/raft/long.h"
"$TIDY" "$W/bad" >"$W/out" 2>/dev/null
[ $? = 1 ]
result "a bad tree must fail with status 1" $?
if [ "${UPDATE:-}" = 1 ]; then cp "$W/out" "$HERE/bad.expected"; fi
diff "$HERE/bad.expected" "$W/out"
result "faults of the bad tree" $?
for check in include include-order system thread-local typedef macro global blank columns file-size \
    function-size left-over workplace essay readme exception; do
    grep -q ": $check: " "$W/out"
    result "no planted fault was found by $check" $?
done

mkdir -p "$W/good/base"
cp "$HERE/bad/base/clean.c" "$HERE/bad/base/clean.h" "$HERE/bad/base/env_uv_clock.c" "$HERE/bad/base/README.md" \
    "$W/good/base"
"$TIDY" "$W/good" >"$W/out" 2>/dev/null
result "a good tree must pass: $(cat "$W/out")" $?
# taken away, an exception must be missed
"$TIDY" "$HERE/bad" 2>/dev/null | grep -c ': system: ' >"$W/with"
: >"$W/bad/tests/tidy/exceptions.txt"
"$TIDY" "$W/bad" 2>/dev/null | grep -c ': system: ' >"$W/without"
[ "$(cat "$W/without")" -gt "$(cat "$W/with")" ]
result "an exception must excuse something" $?
echo "tidy: $passed passed, $failed failed"
[ $failed = 0 ]
