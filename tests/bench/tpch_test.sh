#!/bin/sh
# tpch_test.sh TPCH_GEN: the generator against the specification, without a database: row counts, the same
# bytes every time and table by table, totals and states of orders from their lines, date rules, word lists.
# Ends with "N passed, N failed". (tpch.sh verify asks a server the same of the loaded data, and more.)
set -u
GEN=$1
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
passed=0 failed=0
check() { # what, expected, found
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1: expected $2, found $3"
    fi
}
mkdir "$W/a" "$W/b"
"$GEN" -s 0.01 -o "$W/a"
check "exit status" 0 $?
for t in region:5 nation:25 supplier:100 customer:1500 part:2000 partsupp:8000 orders:15000; do
    check "rows of ${t%:*}" "${t#*:}" "$(($(wc -l <"$W/a/${t%:*}.tbl")))"
done
# four lines an order on average, within three standard deviations
check "rows of lineitem" yes "$(awk 'END { print (NR > 59265 && NR < 60735 ? "yes" : NR) }' "$W/a/lineitem.tbl")"
for t in lineitem orders part supplier; do
    "$GEN" -s 0.01 -T $t -o "$W/b"
    check "$t alone is the same bytes" "$(cksum <"$W/a/$t.tbl")" "$(cksum <"$W/b/$t.tbl")"
done
check "all tables, byte for byte" "576079305 10504267" \
    "$(cat "$W"/a/customer.tbl "$W"/a/lineitem.tbl "$W"/a/nation.tbl "$W"/a/orders.tbl "$W"/a/part.tbl \
        "$W"/a/partsupp.tbl "$W"/a/region.tbl "$W"/a/supplier.tbl | cksum)"
check "columns of lineitem" 0 "$(awk -F '|' 'NF != 16' "$W/a/lineitem.tbl" | wc -l | tr -d ' ')"

check "orders that disagree with their lines" 0 "$(awk -F '|' '
    FNR == NR { total[$1] += $6 * (1 + $8) * (1 - $7); lines[$1]++; open[$1] += $10 == "O"; next }
    {
        state = open[$1] == 0 ? "F" : open[$1] == lines[$1] ? "O" : "P"
        off = $4 - total[$1]
        if (!lines[$1] || state != $3 || off > 0.0051 || off < -0.0051) bad++
    }
    END { print bad + 0 }' "$W/a/lineitem.tbl" "$W/a/orders.tbl")"
check "customers that must not order" 0 "$(awk -F '|' '$2 % 3 == 0' "$W/a/orders.tbl" | wc -l | tr -d ' ')"
check "order keys out of place" 0 "$(awk -F '|' '$1 % 32 < 1 || $1 % 32 > 8' "$W/a/orders.tbl" | wc -l | tr -d ' ')"
check "order dates out of range" 0 \
    "$(awk -F '|' '$5 < "1992-01-01" || $5 > "1998-08-02"' "$W/a/orders.tbl" | wc -l | tr -d ' ')"
check "flags that disagree with dates" 0 "$(awk -F '|' '
    ($11 > "1995-06-17") != ($10 == "O") || ($13 > "1995-06-17") != ($9 == "N") || $11 >= $13' \
    "$W/a/lineitem.tbl" | wc -l | tr -d ' ')"
check "parts whose name is not five different words" 0 "$(awk -F '|' '
    { n = split($2, w, " "); bad = n != 5; for (i in w) for (j in w) if (i < j && w[i] == w[j]) bad = 1
      if (bad) all++ } END { print all + 0 }' "$W/a/part.tbl")"
check "lines whose supplier does not sell the part" 0 "$(awk -F '|' '
    FNR == NR { sells[$1, $2] = 1; next } !(($2, $3) in sells)' "$W/a/partsupp.tbl" "$W/a/lineitem.tbl" |
    wc -l | tr -d ' ')"
"$GEN" -s 0 >/dev/null 2>&1
check "a scale of zero is refused" 2 $?
"$GEN" -s 0.01 -T nothing -o "$W/b" >/dev/null 2>&1
check "an unknown table is refused" 2 $?
"$GEN" -s 0.01 -o "$W/nowhere" >/dev/null 2>&1
check "a folder that is not there is an error" 1 $?
echo "tpch_gen: $passed passed, $failed failed"
[ $failed = 0 ]
