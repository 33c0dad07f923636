#include "types/expr/exec_int.h"
#include "types/type/numeric_vec.h"

/* x IN (constants). The list is turned into a hash set of canonical values (type_canon) once an
 * execution; a list of 50,000 terms costs one probe a row. Keys of up to 64 bits are hashed as
 * words, others as bytes. */

struct exec_set {
    struct func_state base;
    uint32_t type;
    bool wide; /* bytes */
    bool has_null;
    uint32_t n;
    uint32_t mask;            /* slots - 1 */
    uint64_t *words;          /* [n] */
    struct bytes_view *views; /* [n] */
    uint32_t *slots;          /* index + 1; 0 = free */
};

static uint64_t hash_word(uint64_t v)
{
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    v ^= v >> 32;
    return v * UINT64_C(0xd6e8feb86659fd93);
}

static uint64_t hash_view(const struct bytes_view *v)
{
    uint64_t h = v->len * UINT64_C(0x9e3779b97f4a7c15), w;
    const uint8_t *p = view_data(v);
    uint32_t len = v->len;
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = hash_word(h ^ w);
    }
    w = 0;
    if (len)
        memcpy(&w, p, len);
    return hash_word(h ^ w);
}

/* The word of a canonical value of a kind of at most 64 bits. */
static uint64_t value_word(const void *data, uint8_t kind, uint32_t at)
{
    switch ((enum phys_kind)kind) {
    case PHYS_BOOL:
        return ((const uint8_t *)data)[at];
    case PHYS_INT16:
        return (uint64_t)((const int16_t *)data)[at];
    case PHYS_INT32:
        return (uint64_t)((const int32_t *)data)[at];
    case PHYS_INT64:
        return (uint64_t)((const int64_t *)data)[at];
    default:
        return 0;
    }
}

static bool find_word(const struct exec_set *set, uint64_t w)
{
    for (uint32_t at = (uint32_t)hash_word(w) & set->mask; set->slots[at];
         at = (at + 1) & set->mask)
        if (set->words[set->slots[at] - 1] == w)
            return true;
    return false;
}

static bool find_view(const struct exec_set *set, const struct bytes_view *v)
{
    for (uint32_t at = (uint32_t)hash_view(v) & set->mask; set->slots[at];
         at = (at + 1) & set->mask)
        if (view_equal(&set->views[set->slots[at] - 1], v))
            return true;
    return false;
}

static void insert_slot(struct exec_set *set, uint64_t hash, uint32_t index)
{
    uint32_t at = (uint32_t)hash & set->mask;
    while (set->slots[at])
        at = (at + 1) & set->mask;
    set->slots[at] = index + 1;
}

static struct exec_set *build_set(struct expr_exec *x, uint32_t data)
{
    const uint8_t *at = program_data(x->program) + data;
    const uint8_t *end = program_data(x->program) + x->program->data_size;
    struct program_set head;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    struct exec_set *set = arena_new(x->arena, struct exec_set);
    set->type = head.type;
    set->has_null = head.has_null != 0;
    uint32_t slots = 16;
    while (slots < head.n * 2)
        slots *= 2;
    set->mask = slots - 1;
    set->slots = arena_array(x->arena, uint32_t, slots);
    set->words = arena_array(x->arena, uint64_t, head.n + 1);
    set->views = arena_array(x->arena, struct bytes_view, head.n + 1);
    for (uint32_t i = 0; i < head.n; i++) {
        struct datum d;
        if (!program_take_datum(&at, end, &d))
            break; /* cannot be: program_check walked it */
        struct datum c = type_canon_datum(head.type, -1, &d, x->arena);
        set->wide = c.kind == PHYS_BYTES;
        if (set->wide) {
            set->views[set->n] = c.u.bytes;
            if (!find_view(set, &c.u.bytes))
                insert_slot(set, hash_view(&c.u.bytes), set->n++);
        } else {
            uint64_t w = value_word(&c.u, c.kind, 0);
            set->words[set->n] = w;
            if (!find_word(set, w))
                insert_slot(set, hash_word(w), set->n++);
        }
    }
    return set;
}

static void probe_rows(struct expr_exec *x, const struct program_instr *in,
                       const struct exec_set *set, const struct vec *v)
{
    const struct exec_scope *s = exec_scope(x);
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    uint8_t *to = out->data;
    bool negate = in->sub;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        uint32_t at = v->form == VEC_CONST ? 0 : row;
        if (set->n == 0 && !set->has_null) {
            to[row] = negate; /* of nothing, even null */
            continue;
        }
        if (vec_is_null(v, row)) {
            exec_set_null(x, in, out, row);
            continue;
        }
        bool found = set->wide ? find_view(set, (const struct bytes_view *)v->data + at)
                               : find_word(set, value_word(v->data, v->kind, at));
        if (!found && set->has_null)
            exec_set_null(x, in, out, row);
        to[row] = found != negate;
    }
}

/* Membership of each dictionary entry, then of the rows by their codes. */
static bool probe_dict(struct expr_exec *x, const struct program_instr *in,
                       const struct exec_set *set, const struct vec *v)
{
    if (set->has_null || set->n == 0 || !set->wide || v->dict->n > exec_scope(x)->n)
        return false;
    struct vec *entries = arena_new(x->out_arena, struct vec);
    vec_alloc(entries, PHYS_BOOL, v->dict->n, x->out_arena);
    for (uint32_t i = 0; i < v->dict->n; i++)
        ((uint8_t *)entries->data)[i] =
            find_view(set, (const struct bytes_view *)v->dict->data + i) != in->sub;
    struct vec *out = &x->regs[in->out];
    *out = *v;
    out->kind = PHYS_BOOL;
    out->dict = entries;
    out->has_min_max = false;
    return true;
}

int exec_in(struct expr_exec *x, const struct program_instr *in)
{
    struct exec_set *set = (struct exec_set *)x->sites[in->site];
    if (!set) {
        set = build_set(x, in->func);
        x->sites[in->site] = &set->base;
    }
    const struct vec *arg = exec_arg(x, in, 0);
    const struct type_info *t = type_info(set->type);
    bool plain = t && (t->flags & TYPE_PHYS_EQUAL);
    if (arg->form == VEC_DICT && plain && probe_dict(x, in, set, arg))
        return 0;
    struct vec v = exec_flat_arg(x, in, 0);
    if (!plain) {
        const struct exec_scope *s = exec_scope(x);
        struct vec canon;
        type_canon(set->type, -1, &v, s->sel, s->n, x->out_arena, &canon);
        v = canon;
    }
    probe_rows(x, in, set, &v);
    return 0;
}
