/* coerce.c: PostgreSQL's rules for turning one type into another (parser/parse_coerce.c is the reference). */
#include <string.h>

#include "planner/bind/bind_int.h"

static bool is_array_like(uint32_t type)
{
    const struct type_info *t = type_info(type);
    return t && t->elem && t->len == -1 && type != TYPE_NAME;
}

static bool is_polymorphic(uint32_t type)
{
    switch (type) {
    case TYPE_ANYELEMENT: case TYPE_ANYARRAY: case TYPE_ANYNONARRAY: case TYPE_ANYENUM:
    case TYPE_ANYCOMPATIBLE: case TYPE_ANYCOMPATIBLEARRAY: case TYPE_ANYCOMPATIBLENONARRAY: return true;
    default: return false;
    }
}

static bool accepts_polymorphic(uint32_t from, uint32_t to)
{
    if (from == TYPE_UNKNOWN)
        return true;
    bool array = is_array_like(from);
    switch (to) {
    case TYPE_ANYARRAY: case TYPE_ANYCOMPATIBLEARRAY: return array;
    case TYPE_ANYNONARRAY: case TYPE_ANYCOMPATIBLENONARRAY: return !array;
    case TYPE_ANYENUM: return false;
    default: return true;
    }
}

/* How from becomes to: 0 not at all, 'r' relabel, 'f' function, 'i' through text, 'a' array element by element. */
static char find_path(uint32_t from, uint32_t to, enum coercion context, uint32_t *func)
{
    *func = 0;
    if (from == to)
        return 'r';
    const struct cast_info *cast = cast_find(from, to);
    if (cast) {
        bool allowed = context == COERCE_EXPLICIT || cast->context == 'i' ||
                       (context == COERCE_ASSIGNMENT && cast->context == 'a');
        if (!allowed)
            return 0;
        *func = cast->func;
        return cast->method == 'f' ? 'f' : cast->method == 'i' ? 'i' : 'r';
    }
    /* The vectors are arrays to read from, not to make of arrays. */
    if (is_array_like(from) && is_array_like(to) && to != TYPE_OIDVECTOR && to != TYPE_INT2VECTOR) {
        uint32_t inner;
        char path = find_path(type_info(from)->elem, type_info(to)->elem, context, &inner);
        if (path == 0)
            return 0;
        *func = path == 'f' ? inner : 0;
        return path == 'r' ? 'r' : 'a';
    }
    /* PostgreSQL's implicit text I/O casts: to string types by assignment, from them explicitly. */
    const struct type_info *f = type_info(from), *t = type_info(to);
    if (!f || !t || (f->flags & TYPE_PSEUDO) || (t->flags & TYPE_PSEUDO))
        return 0;
    if (context != COERCE_IMPLICIT && t->category == 'S')
        return 'i';
    if (context == COERCE_EXPLICIT && f->category == 'S')
        return 'i';
    return 0;
}

bool coerce_possible(uint32_t from, uint32_t to, enum coercion context)
{
    if (from == to || to == TYPE_ANY || from == TYPE_UNKNOWN)
        return true;
    if (is_polymorphic(to))
        return accepts_polymorphic(from, to);
    if (to == TYPE_RECORD)
        return from == TYPE_RECORD;
    uint32_t func;
    return find_path(from, to, context, &func) != 0;
}

static bool has_length(uint32_t type)
{
    switch (type) {
    case TYPE_VARCHAR: case TYPE_BPCHAR: case TYPE_NUMERIC: case TYPE_TIMESTAMP: case TYPE_TIMESTAMPTZ:
    case TYPE_TIME: case TYPE_TIMETZ: case TYPE_INTERVAL: return true;
    default: return false;
    }
}

static struct expr *apply_length(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, bool is_explicit)
{
    if (typmod < 0 || e->typmod == typmod || !has_length(type))
        return e;
    struct expr *out = expr_new(b->arena, EXPR_COERCE_LENGTH, type, typmod, 1);
    out->args[0] = e;
    out->sub = is_explicit;
    out->position = e->position;
    out->form = is_explicit ? EXPR_FORM_EXPLICIT_CAST : EXPR_FORM_IMPLICIT_CAST;
    return out;
}

static int read_literal(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, struct expr **out,
                        struct err *err)
{
    struct datum value = {.kind = type_info(type) ? type_info(type)->phys : PHYS_BYTES, .null = true, .dec_scale = -1};
    if (!e->value.null) {
        const char *text = (const char *)view_data(&e->value.u.bytes);
        int rc = type_in(b->opt->env, type, typmod, text, e->value.u.bytes.len, b->arena, &value, err);
        if (rc)
            return bind_expr_error(b, e, err);
        /* The plan holds the relation's OID: it is void when another gets the name. */
        if (type == TYPE_REGCLASS)
            bind_depend(b, (uint32_t)value.u.i64);
    }
    *out = expr_const(b->arena, type, typmod, &value);
    (*out)->position = e->position;
    return 0;
}

static int set_param_type(struct binder *b, struct expr *e, uint32_t type, struct expr **out, struct err *err)
{
    uint32_t known = b->param_types[e->index];
    if (known != 0 && known != TYPE_UNKNOWN && known != type) {
        err_set(err, ERR_AMBIGUOUS_PARAMETER, "inconsistent types deduced for parameter $%u", e->index + 1);
        err_detail(err, "%s versus %s", type_name(known, b->arena), type_name(type, b->arena));
        return bind_expr_error(b, e, err);
    }
    b->param_types[e->index] = type;
    *out = expr_clone(b->arena, e);
    (*out)->type = type;
    return 0;
}

static int report_cannot_cast(struct binder *b, struct expr *e, uint32_t type, struct err *err)
{
    err_set(err, ERR_CANNOT_COERCE, "cannot cast type %s to %s", type_name(e->type, b->arena),
            type_name(type, b->arena));
    return bind_expr_error(b, e, err);
}

static struct expr *make_cast(struct binder *b, struct expr *e, enum expr_op op, uint32_t type)
{
    struct expr *out = expr_new(b->arena, op, type, -1, 1);
    out->args[0] = e;
    out->position = e->position;
    return out;
}

static int call_cast(struct binder *b, struct expr *e, uint32_t func, uint32_t type, int32_t typmod, bool is_explicit,
                     struct expr **out, struct err *err)
{
    const struct func_info *info = func_info(func);
    if (!info)
        return report_cannot_cast(b, e, type, err);
    struct expr *args[3] = {e};
    uint32_t n = 1;
    if (info->n_args >= 2) {
        struct datum mod = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = typmod};
        args[n++] = expr_const(b->arena, TYPE_INT4, -1, &mod);
    }
    if (info->n_args >= 3) {
        struct datum flag = {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = is_explicit};
        args[n++] = expr_const(b->arena, TYPE_BOOL, -1, &flag);
    }
    *out = expr_call(b->arena, func, type, args, n);
    (*out)->position = e->position;
    (*out)->form = is_explicit ? EXPR_FORM_EXPLICIT_CAST : EXPR_FORM_IMPLICIT_CAST;
    return 0;
}

int coerce_to(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, enum coercion context,
              struct expr **out, struct err *err)
{
    bool is_explicit = context == COERCE_EXPLICIT;
    if (type == TYPE_ANY || is_polymorphic(type) || type == 0) {
        *out = e;
        return 0;
    }
    if (e->type == TYPE_UNKNOWN && e->op == EXPR_CONST) {
        /* A literal is read as its type; an explicit varchar(n) cast cuts, so read without length first. */
        bool cuts = is_explicit && has_length(type) && type != TYPE_INTERVAL; /* "1" year is read as years */
        int rc = read_literal(b, e, type, cuts ? -1 : typmod, out, err);
        if (rc == 0)
            *out = apply_length(b, *out, type, typmod, is_explicit);
        return rc;
    }
    if (e->type == TYPE_UNKNOWN && e->op == EXPR_PARAM) {
        int rc = set_param_type(b, e, type, out, err);
        if (rc == 0)
            *out = apply_length(b, *out, type, typmod, is_explicit);
        return rc;
    }
    if (e->op == EXPR_RELABEL && e->type == TYPE_UNKNOWN)
        e = e->args[0];
    uint32_t func;
    char path = find_path(e->type == TYPE_UNKNOWN ? TYPE_TEXT : e->type, type, context, &func);
    int rc = 0;
    switch (path) {
    case 0: return report_cannot_cast(b, e, type, err);
    case 'r':
        if (e->type != type) {
            e = make_cast(b, e, EXPR_RELABEL, type);
            e->typmod = -1;
        }
        break;
    case 'f': rc = call_cast(b, e, func, type, typmod, is_explicit, &e, err); break;
    case 'i': e = make_cast(b, e, EXPR_CAST_IO, type); break;
    default:
        e = make_cast(b, e, EXPR_CAST_ARRAY, type);
        e->func = func;
        break;
    }
    if (rc)
        return rc;
    if (is_explicit && e->op != EXPR_CONST && path != 'r')
        e->form = EXPR_FORM_EXPLICIT_CAST;
    *out = apply_length(b, e, type, typmod, is_explicit);
    return 0;
}

int coerce_assign(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, const char *column,
                  struct expr **out, struct err *err)
{
    if (e->type != TYPE_UNKNOWN && !coerce_possible(e->type, type, COERCE_ASSIGNMENT)) {
        err_set(err, ERR_DATATYPE_MISMATCH, "column \"%s\" is of type %s but expression is of type %s", column,
                type_name(type, b->arena), type_name(e->type, b->arena));
        err_hint(err, "You will need to rewrite or cast the expression.");
        return bind_expr_error(b, e, err);
    }
    return coerce_to(b, e, type, typmod, COERCE_ASSIGNMENT, out, err);
}

int coerce_bool(struct binder *b, struct expr *e, const char *what, struct expr **out, struct err *err)
{
    if (e->type == TYPE_BOOL) {
        *out = e;
        return 0;
    }
    if (!coerce_possible(e->type, TYPE_BOOL, COERCE_ASSIGNMENT)) {
        err_set(err, ERR_DATATYPE_MISMATCH, "argument of %s must be type boolean, not type %s", what,
                type_name(e->type, b->arena));
        return bind_expr_error(b, e, err);
    }
    return coerce_to(b, e, TYPE_BOOL, -1, COERCE_ASSIGNMENT, out, err);
}

int coerce_common(struct binder *b, struct expr *const *exprs, uint32_t n, const char *what, uint32_t *type,
                  struct err *err)
{
    uint32_t best = TYPE_UNKNOWN;
    bool same = true;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = exprs[i]->type;
        same &= t == exprs[0]->type;
        if (t == TYPE_UNKNOWN || t == best)
            continue;
        const struct type_info *have = type_info(best), *next = type_info(t);
        if (best == TYPE_UNKNOWN) {
            best = t;
        } else if (!have || !next || have->category != next->category) {
            err_set(err, ERR_DATATYPE_MISMATCH, "%s types %s and %s cannot be matched", what,
                    type_name(best, b->arena), type_name(t, b->arena));
            return bind_expr_error(b, exprs[i], err);
        } else if (!have->preferred && coerce_possible(best, t, COERCE_IMPLICIT) &&
                   !coerce_possible(t, best, COERCE_IMPLICIT)) {
            best = t;
        }
    }
    *type = best == TYPE_UNKNOWN ? TYPE_TEXT : best;
    return 0;
}

int32_t coerce_common_typmod(struct expr *const *exprs, uint32_t n, uint32_t type)
{
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i]->type != type || exprs[i]->typmod != exprs[0]->typmod)
            return -1;
    return n ? exprs[0]->typmod : -1;
}

int coerce_unknown_text(struct binder *b, struct expr *e, struct expr **out, struct err *err)
{
    *out = e;
    if (e->type != TYPE_UNKNOWN)
        return 0;
    return coerce_to(b, e, TYPE_TEXT, -1, COERCE_IMPLICIT, out, err);
}
