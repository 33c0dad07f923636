#!/bin/sh
# sitting.sh: the whole comparison in one sitting: PostgreSQL alone, PostgreSQL with two synchronous standbys
# and Cairn, in turn within every repetition, so that what the machine does meanwhile hits all alike.
#
#   sitting.sh [-h HOST] [-p PORT] [-U USER] [-d DB] [-s SCALE] [-c "CLIENTS"] [-T SECONDS] [-r REPS]
#              [-H TPCH_SCALE] [-q "TPC-H queries"] [-o FIGURES]
#
# The server to compare is running already (-h -p -U -d, default 127.0.0.1 7432 cairn cairn); peers are
# started and stopped here. -H 0 leaves TPC-H out. Figures go to FIGURES (BENCH_DIR/figures), the report to
# stdout. Exit status 1 when any load had errors, balances differed or an answer differed.
set -u
. "$(dirname "$0")/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
HOST=127.0.0.1 PORT=7432 DBUSER=cairn DB=cairn SCALE=10 CLIENTS="1 8 32" SECS=15 REPS=3 TPCH=0.1
QUERIES="01 03 06 12 14" OUT=$BENCH_DIR/figures bad=0
while getopts h:p:U:d:s:c:T:r:H:q:o: o; do case $o in
    h) HOST=$OPTARG ;; p) PORT=$OPTARG ;; U) DBUSER=$OPTARG ;; d) DB=$OPTARG ;; s) SCALE=$OPTARG ;;
    c) CLIENTS=$OPTARG ;; T) SECS=$OPTARG ;; r) REPS=$OPTARG ;; H) TPCH=$OPTARG ;; q) QUERIES=$OPTARG ;;
    o) OUT=$OPTARG ;; *) exit 2 ;;
esac; done
PEER_PORT=${PEER_PORT:-5632}
export PEER_PORT BENCH_DIR
mkdir -p "$BENCH_DIR"
: >"$OUT"
trap '"$HERE/pg_peer.sh" stop' EXIT
trap 'exit 1' INT TERM

on() { # target script arguments...: runs a script against one of the three
    target=$1 script=$2
    shift 2
    case $target in
    cairn) set -- "$@" -h "$HOST" -p "$PORT" -U "$DBUSER" -d "$DB" ;;
    *) set -- "$@" -h 127.0.0.1 -p "$PEER_PORT" -U postgres -d postgres ;;
    esac
    note "$target: $script $*"
    TARGET=$target "$HERE/$script" "$@" >>"$OUT" || { note "$target: $script failed"; bad=1; }
}
tpch() { # target command
    target=$1 command=$2
    shift 2
    case $target in
    cairn) set -- "$@" -h "$HOST" -p "$PORT" -U "$DBUSER" -d "$DB" ;;
    *) set -- "$@" -h 127.0.0.1 -p "$PEER_PORT" -U postgres -d postgres ;;
    esac
    TARGET=$target "$HERE/tpch.sh" "$command" -s "$TPCH" -q "$QUERIES" "$@" >>"$OUT" ||
        { note "$target: tpch $command failed"; bad=1; }
}
# Nothing runs beside the server being measured but what belongs to it.
mode() {
    case $1 in
    pg-sync) "$HERE/pg_peer.sh" start 2 && "$HERE/pg_peer.sh" sync on ;;
    *) "$HERE/pg_peer.sh" alone ;;
    esac
}

"$HERE/pg_peer.sh" start 2 || fail "the peer does not start"
"$HERE/pg_peer.sh" alone
on pg pgbench.sh -s "$SCALE" -r 0
on cairn pgbench.sh -s "$SCALE" -r 0
r=1
while [ "$r" -le "$REPS" ]; do
    for t in cairn pg pg-sync; do
        mode $t
        on $t pgbench.sh -n -v -s "$SCALE" -c "$CLIENTS" -T "$SECS" -r 1
    done
    r=$((r + 1))
done
"$HERE/pg_peer.sh" alone
if [ "$TPCH" != 0 ]; then
    rm -rf "$BENCH_DIR/answers-pg" "$BENCH_DIR/answers-cairn"
    for t in pg cairn; do
        tpch $t load
        tpch $t answers -a "$BENCH_DIR/answers-$t"
        tpch $t run -r "$REPS"
    done
    "$HERE/tpch.sh" compare -q "$QUERIES" -a "$BENCH_DIR/answers-pg" -b "$BENCH_DIR/answers-cairn" || bad=1
fi
"$HERE/report.sh" -t cairn -p "pg pg-sync" "$OUT"
exit $bad
