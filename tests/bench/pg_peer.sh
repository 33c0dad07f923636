#!/bin/sh
# pg_peer.sh: PostgreSQL as the peer: alone, or with streaming standbys and quorum commit.
#
#   pg_peer.sh start [STANDBYS]   makes (once) and starts the primary and so many standbys
#   pg_peer.sh sync on|off        synchronous_standby_names = 'ANY 1 (s1, s2, ...)', or none; waits for it
#   pg_peer.sh alone              stops the standbys: the single server
#   pg_peer.sh pid | conninfo | status | stop | destroy
#
# PEER_DIR (BENCH_DIR/pg), PEER_PORT (5632; standbys follow), PEER_CONF (more postgresql.conf lines),
# PGBIN (newest /usr/lib/postgresql/*/bin). fsync and full_page_writes are on: durability is what is compared.
# Started as root, the servers run as postgres.
set -eu
. "$(dirname "$0")/lib.sh"
DIR=${PEER_DIR:-$BENCH_DIR/pg} PORT=${PEER_PORT:-5632} U=postgres
PGBIN=${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)}
[ -x "$PGBIN/postgres" ] || fail "no PostgreSQL server below /usr/lib/postgresql"
as() { if [ "$(id -un)" = "$U" ]; then "$@"; else runuser -u "$U" -- "$@"; fi; }
ask() { psql -X -q -t -A -h 127.0.0.1 -p "$1" -U "$U" -d postgres -c "$2"; }
running() { as "$PGBIN/pg_ctl" -D "$1" status >/dev/null 2>&1; }
boot() { running "$1" || as "$PGBIN/pg_ctl" -D "$1" -l "$1/log" -w -t 60 start >/dev/null; }

# A quarter of the memory for shared buffers, at most 4 GB: PostgreSQL's own advice.
memory_mb() { awk '/^MemTotal/ { m = $2 / 4096; print (m > 4096 ? 4096 : int(m)) }' /proc/meminfo; }

make_primary() {
    mb=$(memory_mb)
    as "$PGBIN/initdb" -D "$DIR/primary" -U "$U" -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
    as tee -a "$DIR/primary/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $PORT
unix_socket_directories = '$DIR'
max_connections = 1200
shared_buffers = ${mb}MB
effective_cache_size = $((mb * 3))MB
work_mem = 128MB
maintenance_work_mem = 512MB
wal_level = replica
wal_buffers = 64MB
max_wal_size = 8GB
min_wal_size = 1GB
checkpoint_timeout = 15min
random_page_cost = 1.1
effective_io_concurrency = 32
max_parallel_workers_per_gather = 1
max_wal_senders = 8
wal_keep_size = 1GB
jit = off
${PEER_CONF:-}
CONF
    echo "host replication all 127.0.0.1/32 trust" | as tee -a "$DIR/primary/pg_hba.conf" >/dev/null
}

make_standby() { # number
    as "$PGBIN/pg_basebackup" -h 127.0.0.1 -p "$PORT" -U "$U" -D "$DIR/s$1" -X stream -c fast -R
    as sed -i '/^primary_conninfo/d' "$DIR/s$1/postgresql.auto.conf"
    as tee -a "$DIR/s$1/postgresql.conf" >/dev/null <<CONF
port = $((PORT + $1))
shared_buffers = 512MB
primary_conninfo = 'host=127.0.0.1 port=$PORT user=$U application_name=s$1'
CONF
}

standby_names() { (cd "$DIR" && ls -d s[0-9]* 2>/dev/null | paste -sd, -); }

case ${1:-} in
start)
    mkdir -p "$DIR"
    chown "$U" "$DIR" 2>/dev/null || true
    [ -d "$DIR/primary" ] || make_primary
    boot "$DIR/primary"
    i=1
    while [ "$i" -le "${2:-0}" ]; do
        [ -d "$DIR/s$i" ] || make_standby "$i"
        boot "$DIR/s$i"
        i=$((i + 1))
    done
    ;;
sync)
    if [ "${2:-}" = on ]; then
        ask "$PORT" "alter system set synchronous_standby_names = 'ANY 1 ($(standby_names))'"
        want="select count(*) > 0 from pg_stat_replication where sync_state = 'quorum'"
    else
        ask "$PORT" "alter system reset synchronous_standby_names"
        want="select count(*) = 0 from pg_stat_replication where sync_state = 'quorum'"
    fi
    ask "$PORT" "select pg_reload_conf()" >/dev/null
    i=0
    until [ "$(ask "$PORT" "$want")" = t ]; do
        i=$((i + 1))
        [ $i -lt 300 ] || fail "the standbys do not follow: $(ask "$PORT" 'select * from pg_stat_replication')"
        sleep 0.1
    done
    ;;
alone) # without standbys; `start N` and `sync on` bring them back
    "$0" sync off
    for d in "$DIR"/s[0-9]*; do
        [ -d "$d" ] && running "$d" && as "$PGBIN/pg_ctl" -D "$d" -m fast -w stop >/dev/null || true
    done
    ;;
stop)
    for d in "$DIR"/s[0-9]* "$DIR/primary"; do
        [ -d "$d" ] && running "$d" && as "$PGBIN/pg_ctl" -D "$d" -m fast -w stop >/dev/null || true
    done
    ;;
destroy) "$0" stop; rm -rf "$DIR" ;;
status) for d in "$DIR/primary" "$DIR"/s[0-9]*; do
    [ -d "$d" ] && echo "$d: $(running "$d" && echo running || echo stopped)"
done ;;
pid) head -1 "$DIR/primary/postmaster.pid" ;;
conninfo) echo "host=127.0.0.1 port=$PORT user=$U dbname=postgres" ;;
*) sed -n '2,12p' "$0"; exit 2 ;;
esac
