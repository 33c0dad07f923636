# shellcheck shell=sh
# lib.sh: what the benchmark scripts share. Sourced, POSIX sh.
#
# A figure is one line on stdout, everything else goes to stderr:
#   FIG bench=NAME target=LABEL ... metric=NAME value=NUMBER unit=UNIT rep=N [foreign=PERCENT]
# foreign is the share of all CPU time that went to processes outside the benchmark meanwhile (-1: not
# known). TARGET names the server. report.sh turns figures into medians and ratios.
#
# QUIET_MAX    seconds to wait for an idle machine before a run; 0 does not wait     (default 30)
# FOREIGN_MAX  a run with more foreign CPU time than this is taken again ...          (default 10)
# TRIES        ... up to this many times                                               (default 3)
# BENCH_SHARES CPU shares of the benchmark's group, so that others cannot crowd it out (cgroup v1, root)

TARGET=${TARGET:-server}
QUIET_MAX=${QUIET_MAX:-30}
FOREIGN_MAX=${FOREIGN_MAX:-10}
TRIES=${TRIES:-3}
BENCH_DIR=${BENCH_DIR:-${TMPDIR:-/tmp}/cairn-bench}
BIN=${BIN:-$(cd "$(dirname "$0")/../.." && pwd)/build/tests/bench}

note() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
fail() { note "$*"; exit 1; }
fig() { printf 'FIG %s\n' "$*"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }

# Joins an accounting group of its own; servers started by a script of this folder belong to it too.
_group=
for _d in /sys/fs/cgroup/cpuacct /sys/fs/cgroup; do
    [ -w "$_d/cgroup.procs" ] && [ -z "$_group" ] || continue
    if mkdir -p "$_d/cairnbench" 2>/dev/null && echo $$ 2>/dev/null >"$_d/cairnbench/cgroup.procs"; then
        _group=$_d/cairnbench
    fi
done
if [ -n "${BENCH_SHARES:-}" ] && mkdir -p /sys/fs/cgroup/cpu/cairnbench 2>/dev/null; then
    echo "$BENCH_SHARES" >/sys/fs/cgroup/cpu/cairnbench/cpu.shares
    echo $$ >/sys/fs/cgroup/cpu/cairnbench/cgroup.procs
fi

_cpu_all() { awk '/^cpu / { idle = $5 + $6; for (i = 2; i <= 9; i++) t += $i; print t - idle, t }' /proc/stat; }
_cpu_own() { # clock ticks
    if [ -r "$_group/cpuacct.usage" ]; then
        awk -v hz="$(getconf CLK_TCK)" '{ printf "%d\n", $1 / 1e9 * hz }' "$_group/cpuacct.usage"
    elif [ -r "$_group/cpu.stat" ]; then
        awk -v hz="$(getconf CLK_TCK)" '/^usage_usec/ { printf "%d\n", $2 / 1e6 * hz }' "$_group/cpu.stat"
    else
        echo -1
    fi
}

cpu_begin() { _before="$(_cpu_all) $(_cpu_own)"; }
# Sets FOREIGN to the percentage of all CPU time others took since cpu_begin.
cpu_end() {
    FOREIGN=$(echo "$_before $(_cpu_all) $(_cpu_own)" | awk '{
        if ($3 < 0 || $5 <= $2) { print -1; exit }
        f = (($4 - $1) - ($6 - $3)) * 100 / ($5 - $2); printf "%.1f", (f < 0 ? 0 : f) }')
}
# True when the run just taken, attempt number $1, was disturbed and should be taken again.
disturbed() {
    if [ "${FOREIGN%.*}" -gt "$FOREIGN_MAX" ] && [ "$1" -lt "$TRIES" ]; then
        note "others took $FOREIGN% of the CPU: taken again"
        return 0
    fi
    return 1
}

wait_quiet() {
    _i=0
    while [ "$_i" -lt "$QUIET_MAX" ]; do
        _a=$(_cpu_all)
        sleep 1
        _busy=$(echo "$_a $(_cpu_all)" | awk '{ printf "%d", ($3 - $1) * 100 / ($4 - $2 + 1) }')
        [ "$_busy" -le 12 ] && return 0
        _i=$((_i + 1))
    done
    [ "$QUIET_MAX" = 0 ] || note "still $_busy% busy after $QUIET_MAX s: measured anyway"
    return 0
}

# Connection options shared by the load scripts: -h -p -U -d as in psql.
HOST=127.0.0.1 PORT=5432 DBUSER=postgres DB=postgres
run_psql() { psql -X -q -t -A -v ON_ERROR_STOP=1 -h "$HOST" -p "$PORT" -U "$DBUSER" -d "$DB" "$@"; }
