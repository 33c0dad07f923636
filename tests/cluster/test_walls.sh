#!/bin/sh
# The walls (tests/sql/walls): every statement through a different node than the one before, with one tablet and with three.
. "$(dirname "$0")/common.sh"
start_cluster "$1"
total_ok=0
total_bad=0
for tablets in 1 3; do
    "$1/tests/sql/slt" --tablets "$tablets" --url "$URLS" tests/sql/walls/*.slt >"$DIR/out" 2>&1
    cat "$DIR/out"
    line=$(tail -n 1 "$DIR/out")
    total_ok=$((total_ok + ${line%% passed*}))
    total_bad=$((total_bad + $(echo "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')))
done
echo "$total_ok passed, $total_bad failed"
[ "$total_bad" -eq 0 ]
