#include "client/cairnsql_var.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool cairnsql_var_valid(const char *name)
{
    if (!*name)
        return false;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (!((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_' &&
            *c < 0x80)
            return false;
    return true;
}

/* Index of the name, or of where it belongs. */
static size_t find_place(const struct cairnsql_vars *vars, const char *name, bool *found)
{
    size_t i = 0;
    int order = 1;
    while (i < vars->count && (order = strcmp(vars->items[i].name, name)) < 0)
        i++;
    *found = i < vars->count && order == 0;
    return i;
}

const char *cairnsql_var_get(const struct cairnsql_vars *vars, const char *name)
{
    bool found;
    size_t i = find_place(vars, name, &found);
    return found ? vars->items[i].value : NULL;
}

bool cairnsql_var_bool(const struct cairnsql_vars *vars, const char *name)
{
    const char *value = cairnsql_var_get(vars, name);
    return value && (!*value || strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0 ||
                     strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0);
}

static void remove_at(struct cairnsql_vars *vars, size_t i)
{
    free(vars->items[i].name);
    free(vars->items[i].value);
    memmove(vars->items + i, vars->items + i + 1, (vars->count - i - 1) * sizeof *vars->items);
    vars->count--;
}

void cairnsql_var_set(struct cairnsql_vars *vars, const char *name, const char *value)
{
    bool found;
    size_t i = find_place(vars, name, &found);
    if (!value) {
        if (found)
            remove_at(vars, i);
        return;
    }
    char *copy = strdup(value);
    if (found) {
        free(vars->items[i].value);
        vars->items[i].value = copy;
        return;
    }
    if (vars->count == vars->capacity) {
        vars->capacity = vars->capacity ? vars->capacity * 2 : 16;
        vars->items = realloc(vars->items, vars->capacity * sizeof *vars->items);
        if (!vars->items)
            abort();
    }
    memmove(vars->items + i + 1, vars->items + i, (vars->count - i) * sizeof *vars->items);
    vars->items[i] = (struct cairnsql_var){strdup(name), copy};
    vars->count++;
}

void cairnsql_vars_done(struct cairnsql_vars *vars)
{
    while (vars->count)
        remove_at(vars, vars->count - 1);
    free(vars->items);
    *vars = (struct cairnsql_vars){0};
}
