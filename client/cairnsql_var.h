/* cairnsql_var.h: the shell's variables: name to text, in order of name.
 *
 * Ownership: values are copied in; what cairnsql_var_get returns is valid until the variable
 * changes. */
#ifndef CAIRN_CLIENT_CAIRNSQL_VAR_H
#define CAIRN_CLIENT_CAIRNSQL_VAR_H

#include <stdbool.h>
#include <stddef.h>

struct cairnsql_var {
    char *name;
    char *value;
};

struct cairnsql_vars {
    struct cairnsql_var *items;
    size_t count;
    size_t capacity;
};

bool cairnsql_var_valid(const char *name); /* letters, digits, underscore */
const char *cairnsql_var_get(const struct cairnsql_vars *vars, const char *name); /* NULL = unset */
/* on, true, yes, 1, and an empty value are true. */
bool cairnsql_var_bool(const struct cairnsql_vars *vars, const char *name);
void cairnsql_var_set(struct cairnsql_vars *vars, const char *name,
                      const char *value); /* NULL unsets */
void cairnsql_vars_done(struct cairnsql_vars *vars);

#endif
