/* bind_type.c: type names of the grammar to type OIDs and modifiers. */
#include <string.h>

#include "parser/parser.h"
#include "planner/bind/bind_int.h"

static int report_no_type(const struct planner_options *options, const char *name, const struct ast_node *at,
                          struct err *err)
{
    err_set(err, ERR_UNDEFINED_OBJECT, "type \"%s\" does not exist", name);
    if (options->text)
        err_position(err, parse_position(options->text, options->text_len, at->at));
    return err->code;
}

static int read_mods(const struct ast_type_name *name, int32_t *mods, uint32_t *n, struct err *err)
{
    *n = ast_count(name->typmods);
    if (*n > 4)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid type modifier");
    for (uint32_t i = 0; i < *n; i++) {
        const struct ast_node *item = name->typmods->items[i];
        if (ast_is(a_const, item) && ast_to(a_const, item)->kind == AST_CONST_INT)
            mods[i] = (int32_t)ast_to(a_const, item)->ival;
        else if (ast_is(integer, item))
            mods[i] = (int32_t)ast_to(integer, item)->value;
        else
            return err_set(err, ERR_SYNTAX_ERROR, "type modifiers must be simple constants or identifiers");
    }
    return 0;
}

int bind_type_name(const struct planner_options *options, const struct ast_type_name *name, struct arena *arena,
                   uint32_t *type, int32_t *typmod, struct err *err)
{
    uint32_t parts = ast_count(name->names);
    const char *text = ast_string_at(name->names, parts - 1);
    if (name->setof || name->percent_type)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s in a type name is not supported",
                       name->setof ? "SETOF" : "%TYPE");
    if (parts > 1 && strcmp(ast_string_at(name->names, parts - 2), "pg_catalog") != 0)
        return report_no_type(options, text, &name->node, err);
    const struct type_info *t = type_by_name(text, strlen(text));
    if (!t) {
        static const char *const later[] = {"json", "jsonb", "xml", "inet", "cidr", "macaddr", "money", "tsvector",
                                            "tsquery", "bit", "varbit", "point", "line", "box", "circle", "polygon",
                                            "path", "lseg", "int4range", "int8range", "numrange", "tsrange",
                                            "tstzrange", "daterange", "macaddr8", "jsonpath"};
        for (size_t i = 0; i < sizeof later / sizeof *later; i++)
            if (strcmp(text, later[i]) == 0)
                return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "type %s is not supported", text);
        return report_no_type(options, text, &name->node, err);
    }
    int32_t mods[4];
    uint32_t n_mods;
    int rc = read_mods(name, mods, &n_mods, err);
    *typmod = -1;
    if (rc == 0 && n_mods)
        rc = type_mod_in(t->oid, mods, n_mods, typmod, err);
    if (rc) {
        if (options->text)
            err_position(err, parse_position(options->text, options->text_len, name->node.at));
        return rc;
    }
    *type = t->oid;
    if (ast_count(name->array_bounds)) {
        if (!t->array)
            return err_set(err, ERR_UNDEFINED_OBJECT, "could not find array type for data type %s",
                           type_name(t->oid, arena));
        *type = t->array;
    }
    return 0;
}
