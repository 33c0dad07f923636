#!/bin/sh
# pgbench.sh: TPC-B-like and select-only load against anything that speaks the PostgreSQL protocol.
#
#   pgbench.sh [-h HOST] [-p PORT] [-U USER] [-d DB] [-s "SCALES"] [-k "select tpcb"]
#              [-m "simple extended prepared"] [-c "CLIENTS"] [-T SECONDS] [-r REPS] [-I STEPS] [-n]
#   -n  the tables are there; do not initialize      -I  pgbench's initialization steps (dtgvp)
#   -v  afterwards check that the balances agree (after tpcb)
# CLIENT_CPU=0 pins the client. Percentiles come from pgbench's transaction log (one line a transaction; for
# select-only with several clients a tenth is sampled).
set -u
. "$(dirname "$0")/lib.sh"
SCALES=10 KINDS="select tpcb" MODES=prepared CLIENTS="1 8 32" SECS=15 REPS=3 STEPS=dtgvp INIT=1 VERIFY=0
while getopts h:p:U:d:s:k:m:c:T:r:I:nv o; do case $o in
    h) HOST=$OPTARG ;; p) PORT=$OPTARG ;; U) DBUSER=$OPTARG ;; d) DB=$OPTARG ;; s) SCALES=$OPTARG ;;
    k) KINDS=$OPTARG ;; m) MODES=$OPTARG ;; c) CLIENTS=$OPTARG ;; T) SECS=$OPTARG ;; r) REPS=$OPTARG ;;
    I) STEPS=$OPTARG ;; n) INIT=0 ;; v) VERIFY=1 ;; *) exit 2 ;;
esac; done
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT

run_once() { # kind mode clients
    sampling=1 jobs=$(nproc) select=
    [ "$1" = select ] && select=-S
    [ "$1" = select ] && [ "$3" -gt 1 ] && sampling=0.1
    [ "$3" -lt "$jobs" ] && jobs=$3
    rm -f "$W"/log*
    ${CLIENT_CPU:+taskset -c "$CLIENT_CPU"} pgbench -h "$HOST" -p "$PORT" -U "$DBUSER" -n $select -M "$2" \
        -c "$3" -j "$jobs" -T "$SECS" -l --log-prefix="$W/log" --sampling-rate="$sampling" "$DB" \
        >"$W/out" 2>"$W/err" || { note "pgbench failed: $1 $2 $3 clients"; cat "$W/err" >&2; bad=1; }
}

percentiles() { # tag tail
    cat "$W"/log* 2>/dev/null | awk '{ print $3 }' | sort -n | awk -v tag="$1" -v end="$2" '
        { v[NR] = $1 }
        END {
            if (!NR) exit
            split("50 95 99", p, " ")
            for (i = 1; i <= 3; i++) {
                n = int(NR * p[i] / 100) + 1
                if (n > NR) n = NR
                printf "FIG %s metric=p%s value=%.3f unit=ms %s\n", tag, p[i], v[n] / 1000, end
            }
            printf "FIG %s metric=max value=%.3f unit=ms %s\n", tag, v[NR] / 1000, end
        }'
}

verify() { # the four sums of TPC-B
    sums=$(run_psql -F ' ' -c "select (select coalesce(sum(abalance), 0) from pgbench_accounts),
        (select coalesce(sum(tbalance), 0) from pgbench_tellers),
        (select coalesce(sum(bbalance), 0) from pgbench_branches),
        (select coalesce(sum(delta), 0) from pgbench_history)")
    echo "$sums" | awk '{ exit !($1 == $2 && $2 == $3 && $3 == $4) }' ||
        { note "balances differ: accounts tellers branches history = $sums"; bad=1; }
}

bad=0
for s in $SCALES; do
    if [ $INIT = 1 ]; then
        t=$(now)
        pgbench -h "$HOST" -p "$PORT" -U "$DBUSER" -i -I "$STEPS" -q -s "$s" "$DB" >"$W/init" 2>&1 ||
            { cat "$W/init" >&2; exit 1; }
        fig "bench=pgbench target=$TARGET scale=$s metric=init value=$(since "$t") unit=s rep=1"
    fi
    for k in $KINDS; do for m in $MODES; do for c in $CLIENTS; do
        r=1
        while [ "$r" -le "$REPS" ]; do
            try=1
            while :; do
                wait_quiet
                [ "$k" = tpcb ] && run_psql -c checkpoint >/dev/null 2>&1
                cpu_begin; run_once "$k" "$m" "$c"; cpu_end
                disturbed "$try" || break
                try=$((try + 1))
            done
            tag="bench=pgbench target=$TARGET scale=$s load=$k mode=$m clients=$c"
            end="rep=$r foreign=$FOREIGN"
            fig "$tag metric=tps value=$(awk '/^tps =/ { t = $3 } END { print t + 0 }' "$W/out") unit=tps $end"
            failed=$(awk '/failed transactions/ { print $5 }' "$W/out")
            [ "${failed:-0}" = 0 ] || fig "$tag metric=failed value=$failed unit=count $end"
            percentiles "$tag" "$end"
            r=$((r + 1))
        done
        [ $VERIFY = 1 ] && [ "$k" = tpcb ] && verify
    done; done; done
done
exit $bad
