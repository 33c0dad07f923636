#!/bin/sh
# sysbench.sh: sysbench's OLTP loads over the PostgreSQL protocol.
#
#   sysbench.sh [-h HOST] [-p PORT] [-U USER] [-d DB] [-n TABLES] [-z ROWS] [-t "THREADS"] [-T SECONDS]
#               [-r REPS] [-w "oltp_point_select oltp_read_write oltp_write_only"] [-x "more options"] [-i]
#   -i  the tables are there; do not prepare
# Percentiles are upper bounds of the buckets of sysbench's histogram.
set -u
. "$(dirname "$0")/lib.sh"
TABLES=4 ROWS=100000 THREADS="1 8 32" SECS=15 REPS=3 LOADS="oltp_point_select oltp_read_write oltp_write_only"
MORE= PREPARE=1 bad=0
while getopts h:p:U:d:n:z:t:T:r:w:x:i o; do case $o in
    h) HOST=$OPTARG ;; p) PORT=$OPTARG ;; U) DBUSER=$OPTARG ;; d) DB=$OPTARG ;; n) TABLES=$OPTARG ;;
    z) ROWS=$OPTARG ;; t) THREADS=$OPTARG ;; T) SECS=$OPTARG ;; r) REPS=$OPTARG ;; w) LOADS=$OPTARG ;;
    x) MORE=$OPTARG ;; i) PREPARE=0 ;; *) exit 2 ;;
esac; done
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
sb() { # load command, more options
    l=$1; shift
    # shellcheck disable=SC2086
    sysbench "$l" --db-driver=pgsql --pgsql-host="$HOST" --pgsql-port="$PORT" --pgsql-user="$DBUSER" \
        --pgsql-db="$DB" --tables="$TABLES" --table-size="$ROWS" $MORE "$@"
}
if [ $PREPARE = 1 ]; then
    sb oltp_read_write cleanup >/dev/null 2>&1
    t=$(now)
    sb oltp_read_write prepare >&2 || exit 1
    fig "bench=sysbench target=$TARGET tables=$TABLES rows=$ROWS metric=prepare value=$(since "$t") unit=s rep=1"
fi
for l in $LOADS; do for t in $THREADS; do
    r=1
    while [ "$r" -le "$REPS" ]; do
        try=1
        while :; do
            wait_quiet
            cpu_begin
            sb "$l" run --threads="$t" --time="$SECS" --histogram=on --percentile=99 >"$W/out" 2>&1 ||
                { note "sysbench failed: $l, $t threads"; tail -5 "$W/out" >&2; bad=1; }
            cpu_end
            disturbed "$try" || break
            try=$((try + 1))
        done
        awk -v tag="bench=sysbench target=$TARGET load=$l clients=$t" -v end="rep=$r foreign=$FOREIGN" '
            /^ *[0-9.]+ \|/ { n++; up[n] = $1; count[n] = $NF; all += $NF }
            /transactions:/ { gsub(/[(]/, "", $3); tps = $3 }
            /queries:/ && /per sec/ { gsub(/[(]/, "", $3); qps = $3 }
            /ignored errors:/ { ignored = $3 }
            END {
                printf "FIG %s metric=tps value=%.1f unit=tps %s\n", tag, tps, end
                printf "FIG %s metric=qps value=%.1f unit=qps %s\n", tag, qps, end
                split("50 95 99", p, " ")
                for (k = 1; k <= 3; k++) {
                    c = 0
                    for (i = 1; i <= n; i++) {
                        c += count[i]
                        if (c >= all * p[k] / 100) {
                            printf "FIG %s metric=p%s value=%.3f unit=ms %s\n", tag, p[k], up[i], end
                            break
                        }
                    }
                }
                if (ignored + 0 > 0)
                    printf "FIG %s metric=ignored_errors value=%d unit=count %s\n", tag, ignored, end
            }' "$W/out"
        r=$((r + 1))
    done
done; done
exit $bad
