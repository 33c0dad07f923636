/* join_list.c: see join_list.h. */
#include "storage/placement/join_list.h"

#include <stdio.h>
#include <stdlib.h>

int join_address_split(const char *address, char *host, size_t host_size, uint16_t *port,
                       struct err *err)
{
    const char *colon = strrchr(address, ':');
    const char *from = address, *to = colon;
    if (colon && *address == '[') {
        from = address + 1;
        to = colon > from && colon[-1] == ']' ? colon - 1 : from;
    }
    char *end = NULL;
    unsigned long number = colon && colon[1] >= '0' && colon[1] <= '9'
                               ? strtoul(colon + 1, &end, 10)
                               : 0;
    if (!colon || to <= from || !end || *end || number > 65535 ||
        (size_t)(to - from) >= host_size)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "\"%s\" is not an address HOST:PORT",
                       address);
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = 0;
    *port = (uint16_t)number;
    return 0;
}

/* Puts one address in its place. */
static int insert_address(struct join_list *list, const char *address, struct err *err)
{
    if (list->count == STORE_NODES_MAX)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "more than %d addresses to join",
                       STORE_NODES_MAX);
    uint32_t at = list->count;
    for (; at > 0; at--) {
        int c = strcmp(list->addresses[at - 1], address);
        if (c == 0)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                           "address \"%s\" stands twice in the list to join", address);
        if (c < 0)
            break;
    }
    memmove(list->addresses[at + 1], list->addresses[at],
            (list->count - at) * sizeof list->addresses[0]);
    snprintf(list->addresses[at], STORE_ADDRESS_MAX, "%s", address);
    list->count++;
    return 0;
}

int join_list_parse(const char *text, struct join_list *out, struct err *err)
{
    struct join_list *list = calloc(1, sizeof *list + sizeof list->addresses[0]);
    if (!list)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    int rc = 0;
    while (!rc) {
        text += strspn(text, " ");
        size_t len = strcspn(text, ","), used = len;
        while (used && text[used - 1] == ' ')
            used--;
        char address[STORE_ADDRESS_MAX], host[STORE_ADDRESS_MAX];
        uint16_t port;
        if (used >= sizeof address)
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "address to join is too long");
        if (rc)
            break;
        memcpy(address, text, used);
        address[used] = 0;
        rc = join_address_split(address, host, sizeof host, &port, err);
        if (!rc)
            rc = insert_address(list, address, err);
        if (!text[len])
            break;
        text += len + 1;
    }
    if (!rc)
        *out = *list;
    free(list);
    return rc;
}

int join_list_find(const struct join_list *list, const char *address)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->addresses[i], address) == 0)
            return (int)i;
    return -1;
}

bool join_list_equal(const struct join_list *a, const struct join_list *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp(a->addresses[i], b->addresses[i]) != 0)
            return false;
    return true;
}
