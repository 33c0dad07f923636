# shellcheck shell=sh
# container.sh: finds something that builds and runs containers. Sourced by image.sh and image_test.sh.
#
# Defines engine() (docker or podman with the options it needs) and ENGINE, or leaves with
# "SKIPPED: reason" and status 0: a machine that cannot run containers is no fault of the tree.
#
# podman runs with a store, a configuration and (image_test.sh) a network namespace of its own below
# CONTAINER_DIR (build/containers), so it touches nothing else on the machine. Without systemd it uses the
# cgroupfs manager, runc and file events.
#
# CONTAINER_ENGINE=docker|podman chooses; the default is docker when its engine answers, else podman.
ROOT=$(cd "$(dirname "$0")/.." && pwd)
CONTAINER_DIR=${CONTAINER_DIR:-$ROOT/build/containers}
BASE=docker.io/library/debian:bookworm-slim
IMAGE=${IMAGE:-localhost/cairn:latest}

note() { echo "image: $*" >&2; }
skip() { echo "SKIPPED: $*"; exit 0; }

configure_podman() {
    mkdir -p "$CONTAINER_DIR/run"
    cat >"$CONTAINER_DIR/storage.conf" <<CONF
[storage]
driver = "${CONTAINER_DRIVER:-overlay}"
graphroot = "$CONTAINER_DIR/storage"
runroot = "$CONTAINER_DIR/run"
CONF
    cat >"$CONTAINER_DIR/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    export CONTAINERS_STORAGE_CONF="$CONTAINER_DIR/storage.conf"
    export CONTAINERS_CONF="$CONTAINER_DIR/containers.conf"
    export DISABLE_HC_SYSTEMD=true
}

choose_engine() {
    ENGINE=${CONTAINER_ENGINE:-}
    if [ -z "$ENGINE" ]; then
        if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
            ENGINE=docker
        elif command -v podman >/dev/null; then
            ENGINE=podman
        else
            skip "neither a docker engine nor podman is here (deploy/deps.sh image installs podman)"
        fi
    fi
    [ "$ENGINE" = docker ] && return
    [ "$(id -u)" = 0 ] || skip "podman with a store of its own needs root"
    command -v runc >/dev/null || skip "no runc (deploy/deps.sh image)"
    configure_podman
    if ! podman info >"$CONTAINER_DIR/info" 2>&1; then
        skip "podman cannot run here: $(tail -1 "$CONTAINER_DIR/info")"
    fi
}

# In its own network namespace once one was made; building shares the machine's network for the packages.
engine() {
    if [ "$ENGINE" = docker ]; then
        docker "$@"
    elif [ -n "${NETNS:-}" ]; then
        nsenter --net="/run/netns/$NETNS" podman "$@"
    else
        podman "$@"
    fi
}

# The base image from its registry or, where none can be reached, from Debian's own packages.
fetch_base() {
    engine image inspect "$BASE" >/dev/null 2>&1 && return
    if timeout 60 "$ENGINE" pull -q "$BASE" >/dev/null 2>&1; then
        return
    fi
    command -v mmdebstrap >/dev/null || skip "no registry answers and mmdebstrap is not here"
    note "no registry answers: the base image is made from Debian's packages"
    tar=$CONTAINER_DIR/base.tar
    mkdir -p "$CONTAINER_DIR"
    mmdebstrap --quiet --variant=minbase --mode=root bookworm "$tar" >&2 ||
        skip "mmdebstrap cannot make a Debian base image here"
    engine import "$tar" "$BASE" >/dev/null || skip "$ENGINE cannot import the base image"
    rm -f "$tar"
}
