#include "types/func/func.h"

#include "types/func/func_index.h" /* generated */
#include "types/func/kernels.h"

#define ARGS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define K(kernel) kernel
#define NOK NULL
#define FUNC(oid, name, kind, vol, flags, variadic, result, cost, n_args, n_defaults, args, src,   \
             kernel)                                                                               \
    static const uint32_t args_of_##oid[] = args;
#include "types/func/func.def"
#undef FUNC

#define FUNC(oid_, name_, kind_, vol_, flags_, variadic_, result_, cost_, n_args_, n_def_, args_,  \
             src_, k_)                                                                             \
    {.oid = oid_,                                                                                  \
     .name = name_,                                                                                \
     .kind = kind_,                                                                                \
     .volatility = vol_,                                                                           \
     .flags = flags_,                                                                              \
     .n_args = n_args_,                                                                            \
     .n_defaults = n_def_,                                                                         \
     .variadic = variadic_,                                                                        \
     .result = result_,                                                                            \
     .args = args_of_##oid_,                                                                       \
     .cost = cost_,                                                                                \
     .src = src_,                                                                                  \
     .kernel = k_},
static const struct func_info funcs[] = {
#include "types/func/func.def"
};

#define OPER(oid_, name_, left_, right_, result_, func_, com_, neg_, rest_, join_, merge_, hash_)  \
    {.oid = oid_,                                                                                  \
     .name = name_,                                                                                \
     .left = left_,                                                                                \
     .right = right_,                                                                              \
     .result = result_,                                                                            \
     .func = func_,                                                                                \
     .commutator = com_,                                                                           \
     .negator = neg_,                                                                              \
     .restrict_func = rest_,                                                                       \
     .join_func = join_,                                                                           \
     .can_merge = merge_,                                                                          \
     .can_hash = hash_},
static const struct oper_info opers[] = {
#include "types/func/oper.def"
};

#define CAST(oid_, from_, to_, func_, context_, method_)                                           \
    {.oid = oid_, .from = from_, .to = to_, .func = func_, .context = context_, .method = method_},
static const struct cast_info casts[] = {
#include "types/func/cast.def"
};

#define OPCLASS(oid_, name_, family_, method_, type_, default_, lt_, le_, eq_, ge_, gt_, cmp_)     \
    {.oid = oid_,                                                                                  \
     .name = name_,                                                                                \
     .family = family_,                                                                            \
     .method = method_,                                                                            \
     .type = type_,                                                                                \
     .is_default = default_,                                                                       \
     .lt = lt_,                                                                                    \
     .le = le_,                                                                                    \
     .eq = eq_,                                                                                    \
     .ge = ge_,                                                                                    \
     .gt = gt_,                                                                                    \
     .cmp = cmp_},
#define STRATEGY(oper, strategy)
static const struct opclass_info opclasses[] = {
#include "types/func/opclass.def"
};
#undef OPCLASS
#undef STRATEGY

struct oper_strategy_row {
    uint32_t oper;
    uint8_t strategy;
};
#define OPCLASS(...)
#define STRATEGY(oper_, strategy_) {.oper = oper_, .strategy = strategy_},
static const struct oper_strategy_row strategies[] = {
#include "types/func/opclass.def"
};

enum {
    N_FUNCS = sizeof funcs / sizeof *funcs,
    N_OPERS = sizeof opers / sizeof *opers,
    N_CASTS = sizeof casts / sizeof *casts,
    N_OPCLASSES = sizeof opclasses / sizeof *opclasses,
    N_STRATEGIES = sizeof strategies / sizeof *strategies,
};
_Static_assert(sizeof func_name_order / sizeof *func_name_order == N_FUNCS,
               "index is of this table");
_Static_assert(sizeof oper_name_order / sizeof *oper_name_order == N_OPERS,
               "index is of this table");

const struct func_info *func_table(uint32_t *count)
{
    *count = N_FUNCS;
    return funcs;
}

const struct func_info *func_info(uint32_t oid)
{
    uint32_t lo = 0, hi = N_FUNCS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (funcs[mid].oid < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < N_FUNCS && funcs[lo].oid == oid ? &funcs[lo] : NULL;
}

static int compare_name(const char *entry, const char *name, size_t len)
{
    int cmp = strncmp(entry, name, len);
    return cmp ? cmp : entry[len] != 0;
}

const struct func_info *func_by_name(uint32_t at)
{
    return &funcs[func_name_order[at]];
}

uint32_t func_find(const char *name, size_t len, uint32_t *first)
{
    uint32_t lo = 0, hi = N_FUNCS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (compare_name(func_by_name(mid)->name, name, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    uint32_t end = lo;
    while (end < N_FUNCS && compare_name(func_by_name(end)->name, name, len) == 0)
        end++;
    *first = lo;
    return end - lo;
}

const struct oper_info *oper_table(uint32_t *count)
{
    *count = N_OPERS;
    return opers;
}

const struct oper_info *oper_info(uint32_t oid)
{
    uint32_t lo = 0, hi = N_OPERS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (opers[mid].oid < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < N_OPERS && opers[lo].oid == oid ? &opers[lo] : NULL;
}

const struct oper_info *oper_by_name(uint32_t at)
{
    return &opers[oper_name_order[at]];
}

uint32_t oper_find(const char *name, size_t len, uint32_t *first)
{
    uint32_t lo = 0, hi = N_OPERS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (compare_name(oper_by_name(mid)->name, name, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    uint32_t end = lo;
    while (end < N_OPERS && compare_name(oper_by_name(end)->name, name, len) == 0)
        end++;
    *first = lo;
    return end - lo;
}

const struct oper_info *oper_exact(const char *name, uint32_t left, uint32_t right)
{
    uint32_t first;
    uint32_t n = oper_find(name, strlen(name), &first);
    for (uint32_t i = 0; i < n; i++) {
        const struct oper_info *o = oper_by_name(first + i);
        if (o->left == left && o->right == right)
            return o;
    }
    return NULL;
}

const struct cast_info *cast_table(uint32_t *count)
{
    *count = N_CASTS;
    return casts;
}

const struct cast_info *cast_find(uint32_t from, uint32_t to)
{
    uint32_t lo = 0, hi = N_CASTS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        const struct cast_info *c = &casts[mid];
        if (c->from < from || (c->from == from && c->to < to))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < N_CASTS && casts[lo].from == from && casts[lo].to == to ? &casts[lo] : NULL;
}

const struct opclass_info *opclass_table(uint32_t *count)
{
    *count = N_OPCLASSES;
    return opclasses;
}

const struct opclass_info *opclass_default(uint32_t method, uint32_t type)
{
    uint32_t want = type;
    const struct type_info *t = type_info(type);
    if (type == TYPE_VARCHAR)
        want = TYPE_TEXT;
    else if (t && t->category == 'A' && t->elem && type != TYPE_OIDVECTOR &&
             type != TYPE_INT2VECTOR)
        want = TYPE_ANYARRAY;
    else if (t && strncmp(t->name, "reg", 3) == 0 && t->phys == PHYS_INT64)
        want = TYPE_OID;
    for (uint32_t i = 0; i < N_OPCLASSES; i++)
        if (opclasses[i].method == method && opclasses[i].type == want && opclasses[i].is_default)
            return &opclasses[i];
    return NULL;
}

enum opclass_strategy oper_strategy(uint32_t oper)
{
    uint32_t lo = 0, hi = N_STRATEGIES;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (strategies[mid].oper < oper)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < N_STRATEGIES && strategies[lo].oper == oper)
        return (enum opclass_strategy)strategies[lo].strategy;
    return STRATEGY_NONE;
}
