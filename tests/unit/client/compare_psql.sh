#!/bin/sh
# compare_psql.sh CAIRNSQL HOST PORT USER DB: the same input through psql and through cairnsql; what they print, what they
# complain about and how they exit must be the same, byte for byte (but for the program's name). Needs psql.
set -u
shell=$1 host=$2 port=$3 user=$4 db=$5
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$here/compare_psql.sql" "$tmp/script.sql"
printf '1\t2\n3\t\\N\n' > "$tmp/rows.tsv"
cd "$tmp" || exit 1
passed=0 failed=0

reset() {
    psql -X -q -h "$host" -p "$port" -U "$user" "$db" >/dev/null 2>&1 <<SQL
drop view if exists cmp_v; drop table if exists cmp_u; drop table if exists cmp_t; drop table if exists cmp_c;
create table cmp_c (a int, b int);
SQL
}

compare() { # name input-file options...
    name=$1 input=$2
    shift 2
    reset
    psql -X -h "$host" -p "$port" -U "$user" "$db" "$@" < "$input" > psql.out 2> psql.err
    psql_rc=$?
    reset
    "$shell" -h "$host" -p "$port" -U "$user" "$db" "$@" < "$input" > ours.out 2> ours.raw
    ours_rc=$?
    sed 's/cairnsql/psql/g' ours.raw > ours.err
    if cmp -s psql.out ours.out && cmp -s psql.err ours.err && [ "$psql_rc" = "$ours_rc" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name (exit $psql_rc, ours $ours_rc)"
        diff psql.out ours.out | head -20
        diff psql.err ours.err | head -20
    fi
}

compare file /dev/null -f script.sql
compare input script.sql
compare dash script.sql -f -
compare stop /dev/null -v ON_ERROR_STOP=1 -f script.sql
compare unaligned /dev/null -A -t -f script.sql
compare csv /dev/null --csv -f script.sql
compare expanded /dev/null -x -f script.sql
compare quiet /dev/null -q -f script.sql
compare echo /dev/null -a -f script.sql
compare commands /dev/null -c 'select 1 as a; select 2; select nosuch; select 3'
compare last_command /dev/null -c 'selec' -c 'select 2'
compare failed_command /dev/null -c 'select 1' -c 'selec'
compare no_file /dev/null -f /nonexistent.sql
compare copy_in rows.tsv -c 'copy cmp_c from stdin' -c 'table cmp_c'
compare copy_file /dev/null -c '\copy cmp_c from rows.tsv' -c '\copy cmp_c to stdout' -c '\copy cmp_c to pstdout csv header'
compare transaction /dev/null -1 -c 'create table cmp_never (a int)' -c 'selec'
compare separator /dev/null -A -F, -c 'select 1, 2, null'
reset
psql -X -q -h "$host" -p "$port" -U "$user" "$db" -c 'drop table cmp_c' >/dev/null 2>&1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
