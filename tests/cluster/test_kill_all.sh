#!/bin/sh
# kill -9 of all nodes at once while rows are written, ROUNDS times; after a restart everything acknowledged is there.
. "$(dirname "$0")/common.sh"
ROUNDS=${ROUNDS:-3}
start_cluster "$1"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
sql "$(node_url 1)" -c 'CREATE TABLE acked (id int PRIMARY KEY)' || exit 1
passed=0
failed=0
round=0
while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    : >"$DIR/acked"
    (
        i=0
        while i=$((i + 1)); do
            sql "$(node_url $((i % 3 + 1)))" -c "INSERT INTO acked VALUES ($((round * 100000 + i)))" 2>/dev/null || exit 0
            echo $((round * 100000 + i)) >>"$DIR/acked"
        done
    ) &
    writer=$!
    sleep 1.5
    kill -KILL "$(node_pid 1)" "$(node_pid 2)" "$(node_pid 3)" 2>/dev/null
    wait "$writer"
    stop_cluster
    start_cluster "$1" "$PORT"
    sql "$(node_url $((round % 3 + 1)))" -c "SELECT id FROM acked WHERE id > $((round * 100000))" | sort >"$DIR/found"
    sort "$DIR/acked" | comm -23 - "$DIR/found" >"$DIR/lost"
    if [ -s "$DIR/lost" ]; then
        failed=$((failed + 1))
        echo "round $round: lost: $(tr '\n' ' ' <"$DIR/lost")"
    else
        passed=$((passed + 1))
        echo "round $round: $(wc -l <"$DIR/acked") acknowledged rows, none lost"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
