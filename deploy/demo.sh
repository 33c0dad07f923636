#!/bin/sh
# demo.sh: `make demo`. Installs what is missing, builds, starts three nodes on loopback with a small sample, and opens a SQL shell; without
# a terminal it runs a short tour instead: create, load, query, kill -9 the leading node, keep writing, restart it, compare the nodes.
set -eu
cd "$(dirname "$0")/.."
DIR=${CAIRN_DEMO_DIR:-$PWD/build/demo}
PORT=${CAIRN_DEMO_PORT:-7432}
deploy/deps.sh build
make -j"$(nproc)" all
CAIRNSQL=build/cairnsql
if [ -t 0 ] && [ -t 1 ]; then
    exec build/cairnd demo --nodes 3 --dir "$DIR" --sql-port "$PORT"
fi
exec deploy/tour.sh "$DIR" "$PORT" "$CAIRNSQL"
