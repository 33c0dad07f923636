#!/bin/bash
# health.sh: healthy means that the node answers clients. Sends PostgreSQL's SSLRequest to the SQL port and
# wants its one-byte answer, S (TLS) or N (none); the connection is then closed, nothing is authenticated.
# CAIRN_HEALTH_HOST (this container's address) and CAIRN_HEALTH_PORT (7432) say where.
# bash for /dev/tcp: the image holds no client program.
host=${CAIRN_HEALTH_HOST:-$(hostname -i 2>/dev/null | cut -d ' ' -f 1)}
for h in "${host:-127.0.0.1}" 127.0.0.1; do
    if exec 3<>"/dev/tcp/$h/${CAIRN_HEALTH_PORT:-7432}"; then
        printf '\000\000\000\010\004\322\026\057' >&3
        IFS= read -r -n 1 -t 2 answer <&3
        [ "$answer" = S ] || [ "$answer" = N ]
        exit
    fi 2>/dev/null
done
exit 1
