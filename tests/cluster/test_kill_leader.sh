#!/bin/sh
# kill -9 of the leading node under a write load, ROUNDS times: the next acknowledged write through another node comes soon, every
# acknowledged row is there afterwards, the killed node catches up. Times are printed, not asserted; only a wait of over 30 s fails.
. "$(dirname "$0")/common.sh"
ROUNDS=${ROUNDS:-3}
start_cluster "$1"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
sql "$(node_url 1)" -c 'CREATE TABLE acked (id int PRIMARY KEY)' || exit 1
id=0
passed=0
failed=0
leader() { curl -s "http://$(node_http "$1" | sed 's#^http://##')/status" | sed -n 's/.*"id":2,"core":[0-9]*,"role":"[a-z-]*","leader":\([0-9]*\).*/\1/p'; }
round=0
while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    for n in 1 2 3 4 5; do
        id=$((id + 1))
        sql "$(node_url 2)" -c "INSERT INTO acked VALUES ($id)" || id=$((id - 1))
    done
    victim=$(leader 1)
    [ -n "$victim" ] || victim=1
    other=$((victim % 3 + 1))
    store=$(node_store "$victim")
    args=$(tr '\0' '\n' <"/proc/$(node_pid "$victim")/cmdline" | tail -n +2)
    kill -KILL "$(node_pid "$victim")"
    start=$(date +%s%N)
    id=$((id + 1))
    tries=0
    until sql "$(node_url "$other")" -c "INSERT INTO acked VALUES ($id)" >/dev/null 2>"$DIR/err"; do
        # A write whose answer was lost may be there.
        grep -q 'duplicate key' "$DIR/err" && break
        tries=$((tries + 1))
        [ "$tries" -gt 300 ] && break
        sleep 0.05
    done
    ms=$((($(date +%s%N) - start) / 1000000))
    rows=$(sql "$(node_url "$other")" -c 'SELECT count(*) FROM acked')
    # shellcheck disable=SC2086
    "$1/cairnd" $args >>"$DIR/restart.log" 2>&1 &
    sed -i "s/^node $victim pid=[0-9]*/node $victim pid=$!/" "$DIR/demo.log"
    tries=0
    until [ "$(sql "$(node_url "$victim")" -c 'SELECT count(*) FROM acked' 2>/dev/null)" = "$rows" ]; do
        tries=$((tries + 1))
        [ "$tries" -gt 300 ] && break
        sleep 0.1
    done
    if [ "$rows" = "$id" ] && [ "$tries" -le 300 ] && [ "$ms" -lt 30000 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "round $round: $rows rows of $id acknowledged"
    fi
    echo "round $round: node $victim killed, next write after $ms ms, $rows rows, store $store back"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
