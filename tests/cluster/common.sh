# common.sh: a throw-away cluster of three real processes; sourced by the tests of this folder.
#
#   start_cluster BUILD_DIR [PORT]   nodes on SQL ports PORT, PORT+1, PORT+2; sets DIR, URLS and node_pid/node_url
#   Everything ends with the script.
set -u
DIR=
DEMO_PID=

stop_cluster() {
    [ -n "$DEMO_PID" ] && kill -TERM "$DEMO_PID" 2>/dev/null && wait "$DEMO_PID" 2>/dev/null
    DEMO_PID=
    # What kill -9 tests restarted by themselves.
    [ -n "$DIR" ] && pkill -KILL -f "$DIR/" 2>/dev/null
    return 0
}

finish() {
    stop_cluster
    [ -n "$DIR" ] && [ -z "${KEEP:-}" ] && rm -rf "$DIR"
}
trap finish EXIT
trap 'exit 1' INT TERM

free_port() { # a base port whose three neighbours nobody uses
    p=$((20000 + $$ % 20000))
    while ss -ltn 2>/dev/null | grep -qE "127.0.0.1:($p|$((p + 1))|$((p + 2))) "; do p=$((p + 10)); done
    echo "$p"
}

start_cluster() {
    BUILD=$1
    PORT=${2:-$(free_port)}
    [ -n "$DIR" ] || DIR=$(mktemp -d)
    : >"$DIR/demo.log"
    "$BUILD/cairnd" demo --nodes 3 --dir "$DIR/nodes" --sql-port "$PORT" --no-shell >"$DIR/demo.log" 2>"$DIR/demo.err" &
    DEMO_PID=$!
    i=0
    while ! grep -q '^ready' "$DIR/demo.log"; do
        i=$((i + 1))
        if [ "$i" -gt 300 ] || ! kill -0 "$DEMO_PID" 2>/dev/null; then
            echo "the cluster did not become ready:"
            cat "$DIR/demo.log" "$DIR/demo.err"
            exit 1
        fi
        sleep 0.1
    done
    URLS=$(sed -n 's/.*sql=\([^ ]*\).*/\1/p' "$DIR/demo.log" | paste -sd, -)
}

node_pid() { sed -n "s/^node $1 pid=\([0-9]*\).*/\1/p" "$DIR/demo.log"; }
node_url() { sed -n "s/^node $1 .*sql=\([^ ]*\).*/\1/p" "$DIR/demo.log"; }
node_http() { sed -n "s/^node $1 .*http=\([^ ]*\).*/\1/p" "$DIR/demo.log"; }
node_store() { sed -n "s/^node $1 .*store=\([^ ]*\).*/\1/p" "$DIR/demo.log"; }
