#!/bin/sh
# image_test.sh: the image as users run it: three containers, one is killed, writing goes on.
#
# Checks that the server does not run as root, that health checks say healthy, that a write acknowledged
# through one node is read through another, that writes go on within FAILOVER_MAX seconds (10) after the
# kill, that nothing acknowledged is lost and that the killed node comes back and catches up. Ends with
# "N passed, N failed", or "SKIPPED: reason" where containers cannot run. Everything it starts is in a
# network namespace and a store of its own and is removed at the end.
set -u
. "$(dirname "$0")/container.sh"
FAILOVER_MAX=${FAILOVER_MAX:-10}
READY_MAX=${READY_MAX:-60}
choose_engine
command -v psql >/dev/null || skip "no psql (deploy/deps.sh test)"
engine image inspect "$IMAGE" >/dev/null 2>&1 || "$(dirname "$0")/image.sh" || { echo "image: not built"; exit 1; }
engine image inspect "$IMAGE" >/dev/null 2>&1 || skip "no image $IMAGE"

NET=cairntest SUBNET=10.99.77 passed=0 failed=0
clean_up() {
    for n in n1 n2 n3; do
        engine rm -f "cairn-$n" >/dev/null 2>&1
        engine volume rm -f "cairn-$n" >/dev/null 2>&1
    done
    engine network rm -f $NET >/dev/null 2>&1
    [ -n "${NETNS:-}" ] && ip netns del "$NETNS" 2>/dev/null
    return 0
}
trap clean_up EXIT
trap 'exit 1' INT TERM
if [ "$ENGINE" = podman ]; then
    NETNS=cairntest$$
    ip netns add $NETNS 2>/dev/null || skip "no network namespaces here"
    ip -n $NETNS link set lo up
    in_net() { nsenter --net="/run/netns/$NETNS" "$@"; }
else
    in_net() { "$@"; }
fi

check() { # what, status
    if [ "$2" = 0 ]; then passed=$((passed + 1)); echo "ok: $1"; else failed=$((failed + 1)); echo "FAILED: $1"; fi
}
address() { echo "$SUBNET.1${1#n}"; }
sql() { # node, statement
    in_net env PGCONNECT_TIMEOUT=2 timeout 20 psql -X -q -t -A -h "$(address "$1")" -p 7432 \
        -U cairn -d cairn -v ON_ERROR_STOP=1 -c "$2" 2>/dev/null
}
wait_for() { # seconds, command...: true as soon as the command is
    _end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $_end ] || return 1
        sleep 0.1
    done
}
answers() { [ "$(sql "$1" 'select 1')" = 1 ]; }
counts() { [ "$(sql "$1" 'select count(*) from image_test')" = "$2" ]; }
start_node() {
    engine run -d --name "cairn-$1" --hostname "$1" --network $NET --ip "$(address "$1")" \
        -v "cairn-$1:/var/lib/cairn" --memory 512m --cap-drop all "$IMAGE" start --store /var/lib/cairn \
        --sql "$(address "$1"):7432" --rpc "$(address "$1"):7500" --http "$(address "$1"):7480" \
        --join "$SUBNET.11:7500,$SUBNET.12:7500,$SUBNET.13:7500" --insecure
}

engine network create --internal --subnet $SUBNET.0/24 $NET >/dev/null ||
    skip "$ENGINE cannot make a network here"
for n in n1 n2 n3; do
    out=$(start_node $n 2>&1) || { echo "$out"; check "container $n starts" 1; }
done
for n in n1 n2 n3; do
    wait_for "$READY_MAX" answers $n
    check "$n answers" $?
done
if [ $failed != 0 ]; then
    for n in n1 n2 n3; do echo "--- $n"; engine logs --tail 20 "cairn-$n" 2>&1; done
    echo "image-test: $passed passed, $failed failed"
    exit 1
fi
[ "$(engine exec cairn-n1 id -u)" != 0 ]
check "the server does not run as root" $?
engine healthcheck run cairn-n1 >/dev/null 2>&1 || [ "$ENGINE" = docker ]
check "the health check says healthy" $?

sql n1 "create table image_test (id bigint primary key, node text)"
check "create table through n1" $?
sql n1 "insert into image_test select g, 'n1' from generate_series(1, 100) g"
check "100 rows through n1" $?
wait_for 10 counts n3 100
check "n3 reads them" $?

engine kill -s KILL cairn-n1 >/dev/null
start=$(date +%s%N)
wait_for "$FAILOVER_MAX" sql n2 "insert into image_test values (101, 'n2')"
check "writing goes on through n2" $?
echo "FIG bench=image target=cairn metric=write_after_kill value=$((($(date +%s%N) - start) / 1000000)) unit=ms rep=1"
acknowledged=101
for i in 102 103 104 105 106 107 108 109 110; do
    sql n3 "insert into image_test values ($i, 'n3')" && acknowledged=$((acknowledged + 1))
done
[ $acknowledged = 110 ]
check "and through n3" $?
wait_for 10 counts n2 110
check "nothing acknowledged is lost" $?

engine start cairn-n1 >/dev/null
wait_for "$READY_MAX" counts n1 110
check "the killed node is back and has caught up" $?
sql n1 "insert into image_test values (111, 'n1')"
check "and takes writes" $?

engine stop -t 30 cairn-n2 >/dev/null
[ "$(engine inspect --format '{{.State.ExitCode}}' cairn-n2)" = 0 ]
check "a stop ends the server in order" $?
echo "image-test: $passed passed, $failed failed"
[ $failed = 0 ]
