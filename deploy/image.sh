#!/bin/sh
# image.sh: builds the container image (IMAGE, default localhost/cairn:latest) from what git tracks, so that a
# build tree or a local file never ends in it.
#
#   image.sh [--save FILE]    FILE: a docker archive, for `docker load`
set -eu
. "$(dirname "$0")/container.sh"
choose_engine
fetch_base
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
(cd "$ROOT" && git ls-files -z | xargs -0 sh -c 'for f; do [ -f "$f" ] && printf "%s\0" "$f"; done' sh |
    tar --null -T - -cf -) | tar -xf - -C "$context"
note "building $IMAGE with $ENGINE"
if [ "$ENGINE" = docker ]; then
    docker build -f "$context/deploy/Dockerfile" -t "$IMAGE" "$context"
else # health checks are kept by the docker format only
    podman build --network=host --format docker -f "$context/deploy/Dockerfile" -t "$IMAGE" "$context"
fi
engine image inspect --format '{{.Id}} {{.Size}} bytes, user {{.Config.User}}' "$IMAGE"
if [ "${1:-}" = --save ]; then
    engine save -o "$2" "$IMAGE"
fi
