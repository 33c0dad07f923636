#!/bin/sh
# tour.sh DIR PORT CAIRNSQL: the scripted demo.
set -eu
DIR=$1 PORT=$2 SQL=$3
mkdir -p "$DIR"
build/cairnd demo --nodes 3 --dir "$DIR" --sql-port "$PORT" --no-shell >"$DIR/demo.log" 2>"$DIR/demo.err" &
DEMO=$!
EXTRA=
finish() {
    kill -TERM "$DEMO" $EXTRA 2>/dev/null || true
    wait 2>/dev/null || true
}
trap finish EXIT
i=0
until grep -q '^ready' "$DIR/demo.log"; do
    i=$((i + 1))
    [ "$i" -lt 300 ] && kill -0 "$DEMO" 2>/dev/null || { cat "$DIR/demo.log" "$DIR/demo.err"; exit 1; }
    sleep 0.1
done
cat "$DIR/demo.log"
url() { sed -n "s/^node $1 .*sql=\([^ ]*\).*/\1/p" "$DIR/demo.log"; }
pid() { sed -n "s/^node $1 pid=\([0-9]*\).*/\1/p" "$DIR/demo.log"; }
run() { # node, statement
    echo
    echo "node $1> $2"
    "$SQL" "$(url "$1")" -c "$2"
}
run 1 "DROP TABLE IF EXISTS stones"
run 1 "CREATE TABLE stones (id int PRIMARY KEY, name text NOT NULL, weight numeric(8,2))"
run 2 "INSERT INTO stones SELECT g, 'stone ' || g, g * 1.25 FROM generate_series(1, 1000) g"
run 3 "SELECT count(*), sum(weight), max(name) FROM stones"
VICTIM=1
echo
echo "kill -9 of node $VICTIM (pid $(pid $VICTIM))"
ARGS=$(tr '\0' ' ' <"/proc/$(pid $VICTIM)/cmdline" | cut -d' ' -f2-)
kill -KILL "$(pid $VICTIM)"
i=0
until "$SQL" "$(url 2)" -c "INSERT INTO stones VALUES (1001, 'written while a node is down', 1) ON CONFLICT DO NOTHING" >/dev/null 2>&1; do
    i=$((i + 1))
    [ "$i" -lt 200 ] || { echo "no write in 20 s"; exit 1; }
    sleep 0.1
done
run 3 "SELECT count(*) FROM stones"
echo
echo "restarting node $VICTIM with the same command"
# shellcheck disable=SC2086
build/cairnd $ARGS >>"$DIR/restart.log" 2>&1 &
EXTRA=$!
want=$("$SQL" "$(url 2)" -A -t -c "SELECT count(*), sum(weight), min(name), max(name) FROM stones")
i=0
until [ "$("$SQL" "$(url $VICTIM)" -A -t -c "SELECT count(*), sum(weight), min(name), max(name) FROM stones" 2>/dev/null)" = "$want" ]; do
    i=$((i + 1))
    [ "$i" -lt 200 ] || { echo "node $VICTIM did not catch up in 20 s"; exit 1; }
    sleep 0.1
done
for n in 1 2 3; do
    run $n "SELECT count(*), sum(weight), min(name), max(name) FROM stones"
done
echo
echo "three nodes, one answer: $want"
