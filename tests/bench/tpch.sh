#!/bin/sh
# tpch.sh: TPC-H: generates, loads, runs the 22 queries, compares answers.
#
#   tpch.sh load [options]      generates (once) and loads by COPY, then makes keys and indexes
#   tpch.sh run [options]       runs the queries REPS times, one figure each, and the geometric mean
#   tpch.sh answers [options]   writes the answers to -a DIRECTORY
#   tpch.sh compare -a DIR -b DIR   compares two directories of answers; exit status 1 when they differ
#   tpch.sh verify [options]    the specification's demands on the loaded data (consistency.sql)
#   options: [-h HOST] [-p PORT] [-U USER] [-d DB] [-s SCALE] [-q "01 03 ..."] [-r REPS] [-a DIR] [-K]
#   -K  no keys and indexes after the load
# Answers are compared as text, lines sorted where the query leaves their order open (ties), numbers as sent.
set -u
. "$(dirname "$0")/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
COMMAND=${1:-}
[ $# -gt 0 ] && shift
SCALE=1 REPS=3 A= B= KEYS=1
QUERIES="01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22"
while getopts h:p:U:d:s:q:r:a:b:K o; do case $o in
    h) HOST=$OPTARG ;; p) PORT=$OPTARG ;; U) DBUSER=$OPTARG ;; d) DB=$OPTARG ;; s) SCALE=$OPTARG ;;
    q) QUERIES=$OPTARG ;; r) REPS=$OPTARG ;; a) A=$OPTARG ;; b) B=$OPTARG ;; K) KEYS=0 ;; *) exit 2 ;;
esac; done
DATA=$BENCH_DIR/tpch-$SCALE
TABLES="region nation supplier customer part partsupp orders lineitem"
FRACTION=$(awk -v s="$SCALE" 'BEGIN { printf "%.10f", 0.0001 / s }')

generate() {
    [ -f "$DATA/done" ] && return
    [ -x "$BIN/tpch_gen" ] || fail "$BIN/tpch_gen is not built: make build/tests/bench/tpch_gen"
    mkdir -p "$DATA"
    t=$(now)
    "$BIN/tpch_gen" -s "$SCALE" -o "$DATA" || exit 1
    : >"$DATA/done"
    note "generated scale $SCALE in $(since "$t") s"
}

load() {
    generate
    run_psql -f "$HERE/tpch/drop.sql" 2>/dev/null
    run_psql -f "$HERE/tpch/schema.sql" || exit 1
    wait_quiet
    t=$(now)
    for table in $TABLES; do
        run_psql -c "\\copy $table from '$DATA/$table.tbl' with (format text, delimiter '|')" || exit 1
    done
    copy=$(since "$t")
    bytes=$(cat "$DATA"/*.tbl | wc -c)
    fig "bench=tpch target=$TARGET scale=$SCALE metric=copy value=$copy unit=s rep=1"
    fig "bench=tpch target=$TARGET scale=$SCALE metric=copy_rate" \
        "value=$(awk -v b="$bytes" -v t="$copy" 'BEGIN { printf "%.1f", b / 1e6 / t }') unit=MB/s rep=1"
    [ $KEYS = 0 ] && return
    t=$(now)
    run_psql -f "$HERE/tpch/keys.sql" || exit 1
    fig "bench=tpch target=$TARGET scale=$SCALE metric=keys value=$(since "$t") unit=s rep=1"
    run_psql -c "vacuum analyze" >/dev/null 2>&1 || run_psql -c analyze >/dev/null 2>&1 || note "no ANALYZE"
}

query() { run_psql -v fraction="$FRACTION" -f "$HERE/tpch/q$1.sql"; }

run() {
    r=1 bad=0
    W=$(mktemp -d)
    trap 'rm -rf "$W"' EXIT
    while [ "$r" -le "$REPS" ]; do
        for q in $QUERIES; do
            [ "$r" = 1 ] && query "$q" >/dev/null 2>&1 # warm
            try=1
            while :; do
                wait_quiet
                cpu_begin
                t=$(now)
                query "$q" >"$W/out" 2>"$W/err" || { note "Q$q: $(head -1 "$W/err")"; bad=1; break; }
                took=$(since "$t")
                cpu_end
                disturbed "$try" || break
                try=$((try + 1))
            done
            [ -s "$W/err" ] && continue
            echo "$took" >>"$W/times.$r"
            fig "bench=tpch target=$TARGET scale=$SCALE query=$q metric=seconds value=$took unit=s rep=$r" \
                "foreign=$FOREIGN"
        done
        [ -s "$W/times.$r" ] && awk -v tag="bench=tpch target=$TARGET scale=$SCALE" -v r="$r" '
            { s += log($1 > 0.0005 ? $1 : 0.0005) }
            END { printf "FIG %s queries=%d metric=geomean value=%.4f unit=s rep=%d\n", tag, NR, exp(s / NR), r }
        ' "$W/times.$r"
        r=$((r + 1))
    done
    exit $bad
}

answers() {
    [ -n "$A" ] || fail "answers needs -a DIRECTORY"
    mkdir -p "$A"
    bad=0
    for q in $QUERIES; do
        query "$q" >"$A/q$q.out" 2>"$A/q$q.err" || { note "Q$q: $(head -1 "$A/q$q.err")"; bad=1; }
        [ -s "$A/q$q.err" ] || rm -f "$A/q$q.err"
    done
    exit $bad
}

compare() {
    [ -d "$A" ] && [ -d "$B" ] || fail "compare needs -a DIRECTORY -b DIRECTORY"
    bad=0
    for q in $QUERIES; do
        if [ ! -f "$A/q$q.out" ] || [ ! -f "$B/q$q.out" ]; then
            echo "Q$q missing"; bad=1
        elif cmp -s "$A/q$q.out" "$B/q$q.out"; then
            echo "Q$q same ($(wc -l <"$A/q$q.out") rows)"
        elif [ "$(sort "$A/q$q.out" | cksum)" = "$(sort "$B/q$q.out" | cksum)" ]; then
            echo "Q$q same rows, other order ($(wc -l <"$A/q$q.out") rows)"
        else
            echo "Q$q DIFFERS"; diff "$A/q$q.out" "$B/q$q.out" | head -6; bad=1
        fi
    done
    exit $bad
}

verify() {
    found=$(run_psql -F ': ' -f "$HERE/tpch/consistency.sql") || exit 1
    printf '%s\n' "$found"
    printf '%s\n' "$found" | awk -F ': ' '$2 != 0 { bad = 1 } END { exit bad || NR < 9 }'
}

case $COMMAND in
load | run | answers | compare | verify) $COMMAND ;;
*) sed -n '2,12p' "$0"; exit 2 ;;
esac
