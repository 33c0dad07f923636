/* resolve.c: which operator or function a name and argument types mean (PostgreSQL: func_select_candidate). */
#include <stdio.h>
#include <string.h>

#include "planner/bind/bind_int.h"

enum { ARGS_MAX = 100, CANDIDATES_MAX = 256 };

/* One thing the name may be. types[] has n_args entries, variadic expanded. */
struct candidate {
    const struct func_info *func;
    const struct oper_info *oper;
    const uint32_t *types;
    bool expanded; /* a VARIADIC function called with loose arguments */
    uint32_t n_defaults;
};

struct choice {
    struct candidate items[CANDIDATES_MAX];
    uint32_t n;
};

static bool is_preferred(uint32_t type, char category)
{
    const struct type_info *t = type_info(type);
    return t && t->preferred && t->category == category;
}

static char category_of(uint32_t type)
{
    if (type == TYPE_UNKNOWN)
        return 'X';
    const struct type_info *t = type_info(type);
    return t ? t->category : 'U';
}

static bool fits(const struct candidate *c, const uint32_t *types, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!coerce_possible(types[i], c->types[i], COERCE_IMPLICIT))
            return false;
    return true;
}

/* Keeps the candidates with the highest score (if any scores). */
static void keep_best(struct choice *choice, const uint32_t *types, uint32_t n, bool count_preferred)
{
    uint32_t best = 0, kept = 0;
    for (uint32_t c = 0; c < choice->n; c++) {
        uint32_t score = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (types[i] == TYPE_UNKNOWN)
                continue;
            uint32_t want = choice->items[c].types[i];
            score += want == types[i] || (count_preferred && is_preferred(want, category_of(types[i])));
        }
        if (score > best || c == 0) {
            best = score;
            kept = 0;
        }
        if (score == best)
            choice->items[kept++] = choice->items[c];
    }
    choice->n = kept;
}

/* For the unknown at position i: the category its candidates agree on ('S' wins), or 0. */
static char slot_category(const struct choice *choice, uint32_t i, bool *preferred)
{
    char category = 0;
    bool conflict = false;
    *preferred = false;
    for (uint32_t c = 0; c < choice->n; c++) {
        uint32_t type = choice->items[c].types[i];
        char here = category_of(type);
        bool pref = is_preferred(type, here);
        if (category == 0) {
            category = here;
            *preferred = pref;
        } else if (here == category) {
            *preferred |= pref;
        } else if (here == 'S') {
            category = 'S';
            *preferred = pref;
        } else if (category != 'S') {
            conflict = true;
        }
    }
    return conflict && category != 'S' ? 0 : category;
}

static void choose_for_unknowns(struct choice *choice, const uint32_t *types, uint32_t n)
{
    char categories[ARGS_MAX];
    bool preferred[ARGS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        if (types[i] != TYPE_UNKNOWN)
            continue;
        categories[i] = slot_category(choice, i, &preferred[i]);
        if (categories[i] == 0)
            return;
    }
    struct choice filtered;
    filtered.n = 0;
    for (uint32_t c = 0; c < choice->n; c++) {
        bool keep = true;
        for (uint32_t i = 0; i < n && keep; i++) {
            if (types[i] != TYPE_UNKNOWN)
                continue;
            uint32_t type = choice->items[c].types[i];
            char here = category_of(type);
            keep = here == categories[i] && (!preferred[i] || is_preferred(type, here));
        }
        if (keep)
            filtered.items[filtered.n++] = choice->items[c];
    }
    if (filtered.n)
        *choice = filtered;
}

/* Last resort: all known arguments have one type; take the unknowns for that type too. */
static void choose_as_known(struct choice *choice, const uint32_t *types, uint32_t n)
{
    uint32_t known = TYPE_UNKNOWN;
    for (uint32_t i = 0; i < n; i++) {
        if (types[i] == TYPE_UNKNOWN)
            continue;
        if (known != TYPE_UNKNOWN && known != types[i])
            return;
        known = types[i];
    }
    if (known == TYPE_UNKNOWN)
        return;
    uint32_t found = 0, at = 0;
    for (uint32_t c = 0; c < choice->n; c++) {
        bool all = true;
        for (uint32_t i = 0; i < n && all; i++)
            all = coerce_possible(known, choice->items[c].types[i], COERCE_IMPLICIT);
        if (all) {
            found++;
            at = c;
        }
    }
    if (found == 1) {
        choice->items[0] = choice->items[at];
        choice->n = 1;
    }
}

/* Narrows `choice` to one, or leaves 0 (none fits) or several (ambiguous). */
static void select_candidate(struct choice *choice, const uint32_t *types, uint32_t n)
{
    uint32_t kept = 0;
    bool unknowns = false;
    for (uint32_t c = 0; c < choice->n; c++)
        if (fits(&choice->items[c], types, n))
            choice->items[kept++] = choice->items[c];
    choice->n = kept;
    for (uint32_t i = 0; i < n; i++)
        unknowns |= types[i] == TYPE_UNKNOWN;
    if (choice->n > 1)
        keep_best(choice, types, n, false);
    if (choice->n > 1)
        keep_best(choice, types, n, true);
    if (choice->n > 1 && unknowns)
        choose_for_unknowns(choice, types, n);
    if (choice->n > 1 && unknowns)
        choose_as_known(choice, types, n);
}

/* ---- operators ---- */

static const char *last_name(const struct ast_list *name)
{
    return ast_string_at(name, ast_count(name) - 1);
}

static const struct oper_info *exact_oper(const char *name, uint32_t left, uint32_t right)
{
    if (left == TYPE_UNKNOWN && right != TYPE_UNKNOWN)
        left = right;
    else if (right == TYPE_UNKNOWN && left != TYPE_UNKNOWN && left != 0)
        right = left;
    return oper_exact(name, left, right);
}

static const struct oper_info *choose_oper(struct binder *b, const char *name, uint32_t left, uint32_t right,
                                           bool *ambiguous)
{
    *ambiguous = false;
    const struct oper_info *exact = exact_oper(name, left, right);
    if (exact)
        return exact;
    struct choice choice_here, *choice = &choice_here;
    choice->n = 0;
    uint32_t first, count = oper_find(name, strlen(name), &first);
    for (uint32_t i = 0; i < count && choice->n < CANDIDATES_MAX; i++) {
        const struct oper_info *o = oper_by_name(first + i);
        if ((o->left == 0) != (left == 0))
            continue;
        uint32_t *types = arena_array(b->arena, uint32_t, 2);
        types[0] = left ? o->left : o->right;
        types[1] = o->right;
        choice->items[choice->n++] = (struct candidate){.oper = o, .types = types};
    }
    const uint32_t given[2] = {left ? left : right, right};
    select_candidate(choice, given, left ? 2 : 1);
    *ambiguous = choice->n > 1;
    return choice->n == 1 ? choice->items[0].oper : NULL;
}

static int report_no_oper(struct binder *b, const char *name, struct expr *left, struct expr *right, bool ambiguous,
                          const struct ast_node *at, struct err *err)
{
    char text[200];
    if (left)
        snprintf(text, sizeof text, "%s %s %s", type_name(left->type, b->arena), name,
                 type_name(right->type, b->arena));
    else
        snprintf(text, sizeof text, "%s %s", name, type_name(right->type, b->arena));
    if (ambiguous) {
        err_set(err, ERR_AMBIGUOUS_FUNCTION, "operator is not unique: %s", text);
        err_hint(err, "Could not choose a best candidate operator. You might need to add explicit type casts.");
    } else {
        err_set(err, ERR_UNDEFINED_FUNCTION, "operator does not exist: %s", text);
        err_hint(err, left ? "No operator matches the given name and argument types. You might need to add "
                             "explicit type casts."
                           : "No operator matches the given name and argument type. You might need to add an "
                             "explicit type cast.");
    }
    return bind_error(b, at, err);
}

/* What anyelement and its kin stand for, given the actual types. */
static uint32_t resolve_polymorphic(const uint32_t *declared, struct expr *const *args, uint32_t n, uint32_t result)
{
    uint32_t elem = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = args[i]->type;
        if (t == TYPE_UNKNOWN)
            continue;
        bool is_array = declared[i] == TYPE_ANYARRAY || declared[i] == TYPE_ANYCOMPATIBLEARRAY;
        bool is_elem = declared[i] == TYPE_ANYELEMENT || declared[i] == TYPE_ANYNONARRAY ||
                       declared[i] == TYPE_ANYCOMPATIBLE || declared[i] == TYPE_ANYCOMPATIBLENONARRAY;
        if (is_array && type_info(t) && type_info(t)->elem)
            elem = type_info(t)->elem;
        else if (is_elem && !elem)
            elem = t;
    }
    if (!elem)
        return result == TYPE_ANYARRAY || result == TYPE_ANYCOMPATIBLEARRAY ? TYPE_TEXT_ARRAY
               : result == TYPE_ANYELEMENT || result == TYPE_ANYCOMPATIBLE  ? TYPE_TEXT
                                                                            : result;
    switch (result) {
    case TYPE_ANYELEMENT: case TYPE_ANYNONARRAY: case TYPE_ANYCOMPATIBLE: case TYPE_ANYCOMPATIBLENONARRAY: return elem;
    case TYPE_ANYARRAY: case TYPE_ANYCOMPATIBLEARRAY: return type_info(elem) ? type_info(elem)->array : result;
    default: return result;
    }
}

int resolve_oper_name(struct binder *b, const char *name, struct expr *left, struct expr *right,
                      const struct ast_node *at, struct expr **out, struct err *err)
{
    if (strcmp(name, "!=") == 0)
        name = "<>";
    bool ambiguous;
    const struct oper_info *o = choose_oper(b, name, left ? left->type : 0, right->type, &ambiguous);
    if (!o)
        return report_no_oper(b, name, left, right, ambiguous, at, err);
    struct expr *given[2] = {left, right};
    const uint32_t declared[2] = {o->left, o->right};
    for (int i = left ? 0 : 1; i < 2; i++) {
        uint32_t want = resolve_polymorphic(declared, left ? given : given + 1, left ? 2 : 1, declared[i]);
        int rc = coerce_to(b, given[i], want, -1, COERCE_IMPLICIT, &given[i], err);
        if (rc)
            return rc;
    }
    const struct func_info *func = func_info(o->func);
    if (!func || !func->kernel) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "operator %s for %s is not supported", name,
                type_name(right->type, b->arena));
        return bind_error(b, at, err);
    }
    *out = expr_oper(b->arena, o, given[0], given[1]);
    (*out)->type = resolve_polymorphic(declared, left ? given : given + 1, left ? 2 : 1, (*out)->type);
    if (at && b->opt->text)
        (*out)->position = (int32_t)at->at + 1;
    return 0;
}

int resolve_oper(struct binder *b, const struct ast_list *name, struct expr *left, struct expr *right,
                 const struct ast_node *at, struct expr **out, struct err *err)
{
    if (ast_count(name) > 1 && strcmp(ast_string_at(name, 0), "pg_catalog") != 0) {
        err_set(err, ERR_UNDEFINED_FUNCTION, "operator does not exist: %s.%s", ast_string_at(name, 0),
                last_name(name));
        return bind_error(b, at, err);
    }
    return resolve_oper_name(b, last_name(name), left, right, at, out, err);
}

int resolve_equal(struct binder *b, uint32_t type, uint32_t *func, uint32_t *oper, const struct ast_node *at,
                  struct err *err)
{
    const struct opclass_info *c = opclass_default(403, type);
    const struct oper_info *o = c ? oper_info(c->eq) : oper_exact("=", type, type);
    if (!o) {
        err_set(err, ERR_UNDEFINED_FUNCTION, "could not identify an equality operator for type %s",
                type_name(type, b->arena));
        return bind_error(b, at, err);
    }
    *func = o->func;
    if (oper)
        *oper = o->oid;
    return 0;
}

/* ---- functions ---- */

static bool add_func(struct binder *b, struct choice *choice, const struct func_info *f, uint32_t n_args,
                     bool variadic)
{
    if (choice->n == CANDIDATES_MAX)
        return false;
    struct candidate c = {.func = f, .types = f->args};
    bool loose = f->variadic && !variadic && n_args + 1 >= f->n_args;
    if (loose && f->variadic) {
        uint32_t *types = arena_array(b->arena, uint32_t, n_args ? n_args : 1);
        for (uint32_t i = 0; i < n_args; i++)
            types[i] = i + 1 < f->n_args ? f->args[i] : f->variadic;
        c.types = types;
        c.expanded = true;
    } else if (f->n_args != n_args && !(n_args < f->n_args && n_args + f->n_defaults >= f->n_args)) {
        return false;
    }
    c.n_defaults = f->n_args > n_args ? f->n_args - n_args : 0;
    choice->items[choice->n++] = c;
    return true;
}

static void describe_call(struct binder *b, struct buf *out, const char *name, struct expr *const *args, uint32_t n)
{
    buf_printf(out, "%s(", name);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", type_name(args[i]->type, b->arena));
    buf_put_text(out, ")");
}

static int report_no_func(struct binder *b, const char *name, struct expr *const *args, uint32_t n, bool ambiguous,
                          const struct ast_node *at, struct err *err)
{
    struct buf text;
    buf_init(&text);
    describe_call(b, &text, name, args, n);
    if (ambiguous) {
        err_set(err, ERR_AMBIGUOUS_FUNCTION, "function %s is not unique", buf_text(&text));
        err_hint(err, "Could not choose a best candidate function. You might need to add explicit type casts.");
    } else {
        err_set(err, ERR_UNDEFINED_FUNCTION, "function %s does not exist", buf_text(&text));
        err_hint(err, "No function matches the given name and argument types. You might need to add explicit "
                      "type casts.");
    }
    buf_done(&text);
    return bind_error(b, at, err);
}

static int coerce_args(struct binder *b, const struct candidate *c, struct expr **args, uint32_t n, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t want = resolve_polymorphic(c->types, args, n, c->types[i]);
        if (want == TYPE_ANY && args[i]->type == TYPE_UNKNOWN)
            want = TYPE_TEXT;
        if (args[i]->type == TYPE_UNKNOWN && (want == TYPE_ANYELEMENT || want == TYPE_ANYCOMPATIBLE))
            want = TYPE_TEXT;
        int rc = coerce_to(b, args[i], want, -1, COERCE_IMPLICIT, &args[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

int resolve_func(struct binder *b, const struct ast_list *name, struct expr **args, uint32_t n_args, bool variadic,
                 const struct ast_node *at, const struct func_info **func, uint32_t *result, struct err *err)
{
    const char *text = last_name(name);
    uint32_t parts = ast_count(name);
    bool foreign = parts > 1 && strcmp(ast_string_at(name, parts - 2), "pg_catalog") != 0;
    uint32_t types[ARGS_MAX];
    if (n_args > ARGS_MAX) {
        err_set(err, ERR_TOO_MANY_ARGUMENTS, "cannot pass more than %d arguments to a function", ARGS_MAX);
        return bind_error(b, at, err);
    }
    for (uint32_t i = 0; i < n_args; i++)
        types[i] = args[i]->type;
    struct choice choice_here, *choice = &choice_here;
    choice->n = 0;
    uint32_t first, count = foreign ? 0 : func_find(text, strlen(text), &first);
    const struct candidate *exact = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_func(b, choice, func_by_name(first + i), n_args, variadic))
            continue;
        const struct candidate *c = &choice->items[choice->n - 1];
        if (!c->expanded && memcmp(c->types, types, n_args * sizeof *types) == 0)
            exact = c;
    }
    struct candidate chosen;
    if (exact) {
        chosen = *exact;
    } else {
        select_candidate(choice, types, n_args);
        if (choice->n > 1) { /* a function without variadic expansion or defaults wins over one with */
            uint32_t kept = 0;
            for (uint32_t c = 0; c < choice->n; c++)
                if (!choice->items[c].expanded && choice->items[c].n_defaults == 0)
                    choice->items[kept++] = choice->items[c];
            choice->n = kept ? kept : choice->n;
        }
        if (choice->n != 1) {
            char full[160];
            snprintf(full, sizeof full, "%s%s%s", foreign ? ast_string_at(name, parts - 2) : "", foreign ? "." : "",
                     text);
            return report_no_func(b, full, args, n_args, choice->n > 1, at, err);
        }
        chosen = choice->items[0];
    }
    int rc = coerce_args(b, &chosen, args, n_args, err);
    if (rc)
        return rc;
    *func = chosen.func;
    *result = resolve_polymorphic(chosen.types, args, n_args, chosen.func->result);
    return 0;
}
