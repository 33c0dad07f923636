#!/bin/sh
# report.sh: figures of a server beside its peers' of the same sitting.
#
#   report.sh -t cairn -p "pg pg-sync" FIGURES...
#
# Reduces repetitions to medians and prints, for each load, the server's median, each peer's and the ratio
# server / peer (times: below 1 is faster; rates: above 1 is faster). Figures disturbed by others (foreign
# above 10) are marked with !. Absolute values are this machine's, ratios are what may be quoted.
set -eu
T=cairn PEERS=pg
while getopts t:p: o; do case $o in
    t) T=$OPTARG ;; p) PEERS=$OPTARG ;; *) sed -n '2,9p' "$0"; exit 2 ;;
esac; done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,9p' "$0"; exit 2; }
echo "machine: $(nproc) x $(awk -F ': ' '/model name/ { print $2; exit }' /proc/cpuinfo)," \
    "$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), $(uname -sr)"
cat "$@" | awk -v server="$T" -v peers="$PEERS" '
function median(list, n,    a, i, j, t) {
    split(list, a, " ")
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
    return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
$1 == "FIG" {
    key = ""; target = value = unit = ""; foreign = 0
    for (i = 2; i <= NF; i++) {
        split($i, kv, "=")
        if (kv[1] == "target") target = kv[2]
        else if (kv[1] == "value") value = kv[2]
        else if (kv[1] == "unit") unit = kv[2]
        else if (kv[1] == "foreign") foreign = kv[2]
        else if (kv[1] != "rep" && kv[1] != "bench" && kv[1] != "own") key = key " " kv[2]
        else if (kv[1] == "bench") key = kv[2] key
    }
    if (!(key in seen)) { seen[key] = unit; order[++keys] = key }
    values[key, target] = values[key, target] " " value
    counts[key, target]++
    if (foreign > 10) shaky[key, target] = "!"
}
END {
    np = split(peers, peer, " ")
    printf "%-52s %12s", "figure", server
    for (p = 1; p <= np; p++) printf " %12s %7s", peer[p], "ratio"
    printf "  unit\n"
    for (k = 1; k <= keys; k++) {
        key = order[k]
        if (!((key, server) in counts)) continue
        m = median(values[key, server], counts[key, server])
        printf "%-52s %11.6g%1s", key, m, shaky[key, server]
        for (p = 1; p <= np; p++) {
            if (!((key, peer[p]) in counts)) { printf " %12s %7s", "-", "-"; continue }
            q = median(values[key, peer[p]], counts[key, peer[p]])
            printf " %11.6g%1s %7s", q, shaky[key, peer[p]], q ? sprintf("%.2f", m / q) : "-"
        }
        printf "  %s\n", seen[key]
    }
}'
