#!/bin/sh
# deps.sh KIND...: installs the Debian packages of these kinds (run, build, test, bench, image) from
# packages.txt. Asks for nothing; becomes root through sudo when it is not.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- build test
packages=
for kind in "$@"; do
    found=$(awk -v kind="$kind" '$1 == kind { print $2 }' "$HERE/packages.txt")
    [ -n "$found" ] || { echo "deps.sh: no kind '$kind' in packages.txt" >&2; exit 2; }
    packages="$packages $found"
done
missing=
for p in $packages; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || { echo "deps: everything is there"; exit 0; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -q
# shellcheck disable=SC2086
as_root apt-get install -y -q --no-install-recommends $missing
