/* system_rows_builtin.c: rows of what is compiled in: types, functions, operators, casts, operator classes. */
#include <stdio.h>
#include <string.h>

#include "planner/catalog/system_rows_int.h"
#include "types/func/agg.h"
#include "types/func/func.h"
#include "types/type/type.h"

enum { LANGUAGE_INTERNAL = 12, AM_BTREE = 403, AM_HASH = 405 };

void make_pg_type(struct system_rows *rows)
{
    uint32_t n;
    const struct type_info *t = type_table(&n);
    for (uint32_t i = 0; i < n; i++, t++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", t->oid);
        system_row_text(rows, "typname", t->name);
        system_row_int(rows, "typnamespace", OID_PG_CATALOG);
        system_row_int(rows, "typowner", OID_ROLE_CAIRN);
        system_row_int(rows, "typlen", t->len);
        system_row_bool(rows, "typbyval", t->byval);
        system_row_char(rows, "typtype", t->kind);
        system_row_char(rows, "typcategory", t->category);
        system_row_bool(rows, "typispreferred", t->preferred);
        system_row_bool(rows, "typisdefined", true);
        system_row_char(rows, "typdelim", t->delim);
        system_row_int(rows, "typrelid", t->relid);
        system_row_int(rows, "typsubscript", t->subscript);
        system_row_int(rows, "typelem", t->elem);
        system_row_int(rows, "typarray", t->array);
        system_row_int(rows, "typinput", t->in);
        system_row_int(rows, "typoutput", t->out);
        system_row_int(rows, "typreceive", t->recv);
        system_row_int(rows, "typsend", t->send);
        system_row_int(rows, "typmodin", t->modin);
        system_row_int(rows, "typmodout", t->modout);
        system_row_int(rows, "typanalyze", t->analyze);
        system_row_char(rows, "typalign", t->align);
        system_row_char(rows, "typstorage", t->storage);
        system_row_int(rows, "typtypmod", -1);
        system_row_int(rows, "typcollation", t->collation);
    }
}

static void add_proc(struct system_rows *rows, const struct func_info *f)
{
    int64_t *args = arena_array(rows->arena, int64_t, f->n_args + 1);
    for (uint32_t k = 0; k < f->n_args; k++)
        args[k] = f->args[k];
    system_row_begin(rows);
    system_row_int(rows, "oid", f->oid);
    system_row_text(rows, "proname", f->name);
    system_row_int(rows, "pronamespace", OID_PG_CATALOG);
    system_row_int(rows, "proowner", OID_ROLE_CAIRN);
    system_row_int(rows, "prolang", LANGUAGE_INTERNAL);
    system_row_float(rows, "procost", f->cost);
    system_row_float(rows, "prorows", f->flags & FUNC_RETSET ? 1000 : 0);
    system_row_int(rows, "provariadic", f->variadic);
    system_row_char(rows, "prokind", f->kind);
    system_row_bool(rows, "proleakproof", f->flags & FUNC_LEAKPROOF);
    system_row_bool(rows, "proisstrict", f->flags & FUNC_STRICT);
    system_row_bool(rows, "proretset", f->flags & FUNC_RETSET);
    system_row_char(rows, "provolatile", f->volatility);
    system_row_char(rows, "proparallel", f->volatility == 'v' ? 'u' : 's');
    system_row_int(rows, "pronargs", f->n_args);
    system_row_int(rows, "pronargdefaults", f->n_defaults);
    system_row_int(rows, "prorettype", f->result);
    system_row_ints(rows, "proargtypes", TYPE_OIDVECTOR, args, f->n_args);
    system_row_text(rows, "prosrc", f->src ? f->src : f->name);
}

void make_pg_proc(struct system_rows *rows)
{
    uint32_t n;
    const struct func_info *f = func_table(&n);
    for (uint32_t i = 0; i < n; i++)
        add_proc(rows, &f[i]);
}

void make_pg_operator(struct system_rows *rows)
{
    uint32_t n;
    const struct oper_info *o = oper_table(&n);
    for (uint32_t i = 0; i < n; i++, o++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", o->oid);
        system_row_text(rows, "oprname", o->name);
        system_row_int(rows, "oprnamespace", OID_PG_CATALOG);
        system_row_int(rows, "oprowner", OID_ROLE_CAIRN);
        system_row_char(rows, "oprkind", o->left ? 'b' : 'l');
        system_row_bool(rows, "oprcanmerge", o->can_merge);
        system_row_bool(rows, "oprcanhash", o->can_hash);
        system_row_int(rows, "oprleft", o->left);
        system_row_int(rows, "oprright", o->right);
        system_row_int(rows, "oprresult", o->result);
        system_row_int(rows, "oprcom", o->commutator);
        system_row_int(rows, "oprnegate", o->negator);
        system_row_int(rows, "oprcode", o->func);
        system_row_int(rows, "oprrest", o->restrict_func);
        system_row_int(rows, "oprjoin", o->join_func);
    }
}

void make_pg_cast(struct system_rows *rows)
{
    uint32_t n;
    const struct cast_info *c = cast_table(&n);
    for (uint32_t i = 0; i < n; i++, c++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", c->oid);
        system_row_int(rows, "castsource", c->from);
        system_row_int(rows, "casttarget", c->to);
        system_row_int(rows, "castfunc", c->func);
        system_row_char(rows, "castcontext", c->context);
        system_row_char(rows, "castmethod", c->method);
    }
}

void make_pg_opclass(struct system_rows *rows)
{
    uint32_t n;
    const struct opclass_info *o = opclass_table(&n);
    for (uint32_t i = 0; i < n; i++, o++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", o->oid);
        system_row_int(rows, "opcmethod", o->method);
        system_row_text(rows, "opcname", o->name);
        system_row_int(rows, "opcnamespace", OID_PG_CATALOG);
        system_row_int(rows, "opcowner", OID_ROLE_CAIRN);
        system_row_int(rows, "opcfamily", o->family);
        system_row_int(rows, "opcintype", o->type);
        system_row_bool(rows, "opcdefault", o->is_default);
    }
}

/* Families whose name is not their first class's. */
static const struct {
    uint32_t oid;
    const char *name;
} family_names[] = {
    {434, "datetime_ops"}, {1976, "integer_ops"}, {1977, "integer_ops"}, {1970, "float_ops"}, {1971, "float_ops"},
    {1994, "text_ops"},    {1995, "text_ops"},
};

static const char *family_name(const struct opclass_info *o)
{
    for (size_t i = 0; i < sizeof family_names / sizeof *family_names; i++)
        if (family_names[i].oid == o->family)
            return family_names[i].name;
    return o->name;
}

void make_pg_opfamily(struct system_rows *rows)
{
    uint32_t n;
    const struct opclass_info *o = opclass_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = o[k].family == o[i].family;
        if (seen)
            continue;
        system_row_begin(rows);
        system_row_int(rows, "oid", o[i].family);
        system_row_int(rows, "opfmethod", o[i].method);
        system_row_text(rows, "opfname", family_name(&o[i]));
        system_row_int(rows, "opfnamespace", OID_PG_CATALOG);
        system_row_int(rows, "opfowner", OID_ROLE_CAIRN);
    }
}

/* OIDs of rows PostgreSQL numbers at initdb: above the types and below user objects. */
void make_pg_amop(struct system_rows *rows)
{
    uint32_t n, number = 0;
    const struct opclass_info *o = opclass_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t opers[] = {o[i].lt, o[i].le, o[i].eq, o[i].ge, o[i].gt};
        for (uint32_t s = 0; s < 5; s++) {
            if (!opers[s])
                continue;
            system_row_begin(rows);
            system_row_int(rows, "oid", 13600 + number++);
            system_row_int(rows, "amopfamily", o[i].family);
            system_row_int(rows, "amoplefttype", o[i].type);
            system_row_int(rows, "amoprighttype", o[i].type);
            system_row_int(rows, "amopstrategy", o[i].method == AM_HASH ? 1 : s + 1);
            system_row_char(rows, "amoppurpose", 's');
            system_row_int(rows, "amopopr", opers[s]);
            system_row_int(rows, "amopmethod", o[i].method);
        }
    }
}

void make_pg_amproc(struct system_rows *rows)
{
    uint32_t n;
    const struct opclass_info *o = opclass_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", 15600 + i);
        system_row_int(rows, "amprocfamily", o[i].family);
        system_row_int(rows, "amproclefttype", o[i].type);
        system_row_int(rows, "amprocrighttype", o[i].type);
        system_row_int(rows, "amprocnum", 1);
        system_row_int(rows, "amproc", o[i].cmp);
    }
}

static uint32_t find_function(const char *name)
{
    uint32_t first;
    uint32_t n = strcmp(name, "-") == 0 ? 0 : func_find(name, strlen(name), &first);
    return n ? func_by_name(first)->oid : 0;
}

void make_pg_aggregate(struct system_rows *rows)
{
    uint32_t n;
    const struct agg_info *a = agg_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        system_row_begin(rows);
        system_row_int(rows, "aggfnoid", a[i].oid);
        system_row_char(rows, "aggkind", 'n');
        system_row_int(rows, "aggtransfn", find_function(a[i].trans_func));
        system_row_int(rows, "aggfinalfn", find_function(a[i].final_func));
        system_row_char(rows, "aggfinalmodify", 'r');
        system_row_char(rows, "aggmfinalmodify", 'r');
        system_row_int(rows, "aggsortop", a[i].sort_oper);
        system_row_int(rows, "aggtranstype", a[i].trans_type);
    }
}

void make_pg_am(struct system_rows *rows)
{
    static const struct {
        uint32_t oid, handler;
        const char *name;
        char type;
    } methods[] = {{2, 3, "heap", 't'}, {AM_BTREE, 330, "btree", 'i'}, {AM_HASH, 331, "hash", 'i'}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", methods[i].oid);
        system_row_text(rows, "amname", methods[i].name);
        system_row_int(rows, "amhandler", methods[i].handler);
        system_row_char(rows, "amtype", methods[i].type);
    }
}

void make_pg_collation(struct system_rows *rows)
{
    static const struct {
        uint32_t oid;
        const char *name, *locale;
        int encoding;
    } collations[] = {{100, "default", NULL, -1}, {950, "C", "C", -1}, {951, "POSIX", "POSIX", -1}, {12340, "ucs_basic", "C", 6}};
    for (size_t i = 0; i < sizeof collations / sizeof *collations; i++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", collations[i].oid);
        system_row_text(rows, "collname", collations[i].name);
        system_row_int(rows, "collnamespace", OID_PG_CATALOG);
        system_row_int(rows, "collowner", OID_ROLE_CAIRN);
        system_row_char(rows, "collprovider", collations[i].oid == 100 ? 'd' : 'c');
        system_row_bool(rows, "collisdeterministic", true);
        system_row_int(rows, "collencoding", collations[i].encoding);
        system_row_text(rows, "collcollate", collations[i].locale);
        system_row_text(rows, "collctype", collations[i].locale);
    }
}

void make_pg_language(struct system_rows *rows)
{
    static const struct {
        uint32_t oid;
        const char *name;
        bool trusted;
    } languages[] = {{LANGUAGE_INTERNAL, "internal", false}, {13, "c", false}, {14, "sql", true}};
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", languages[i].oid);
        system_row_text(rows, "lanname", languages[i].name);
        system_row_int(rows, "lanowner", OID_ROLE_CAIRN);
        system_row_bool(rows, "lanpltrusted", languages[i].trusted);
    }
}

void make_pg_tablespace(struct system_rows *rows)
{
    static const char *const names[] = {"pg_default", "pg_global"};
    for (uint32_t i = 0; i < 2; i++) {
        system_row_begin(rows);
        system_row_int(rows, "oid", 1663 + i);
        system_row_text(rows, "spcname", names[i]);
        system_row_int(rows, "spcowner", OID_ROLE_CAIRN);
    }
}
