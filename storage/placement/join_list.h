/* join_list.h: the addresses of --join: the same list on every node, in any order.
 *
 * Sorted, the list numbers the nodes (position + 1) and names the coordinator of the bootstrap (the
 * first). Two lists are the same when their sorted addresses are equal as text: "localhost" and
 * "127.0.0.1" are two addresses.
 *
 * Fails: INVALID_PARAMETER_VALUE for an address that is not HOST:PORT, one that stands twice, too
 * many.
 */
#ifndef CAIRN_STORAGE_PLACEMENT_JOIN_LIST_H
#define CAIRN_STORAGE_PLACEMENT_JOIN_LIST_H

#include "storage/tablet/store_dir.h"

struct join_list {
    uint32_t count;
    char addresses[STORE_NODES_MAX][STORE_ADDRESS_MAX]; /* ascending */
};

/* "host:port,host:port"; spaces around addresses are ignored. */
int join_list_parse(const char *text, struct join_list *out, struct err *err) MUST_CHECK;
/* -1: not in it. */
int join_list_find(const struct join_list *list, const char *address);
bool join_list_equal(const struct join_list *a, const struct join_list *b);
/* "host:port", "[::1]:port"; host receives the name without brackets. */
int join_address_split(const char *address, char *host, size_t host_size, uint16_t *port,
                       struct err *err) MUST_CHECK;

#endif
