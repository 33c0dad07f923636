#include "storage/sst/enc_test.h"

#include "base/sort.h"
#include "storage/sst/bitpack.h"

#define INT128_MAX ((int128)(((uint128)1 << 127) - 1))
#define INT128_MIN (-INT128_MAX - 1)

static int compare_datums(const void *a, const void *b, void *arg)
{
    return datum_compare(a, b);
}

static void prepare_in(struct enc_test *t, const struct kv_test *test, struct arena *arena)
{
    t->values = arena_array(arena, struct datum, test->n_values + 1);
    for (uint32_t i = 0; i < test->n_values; i++) {
        if (test->values[i].null)
            continue;
        struct datum d = test->values[i];
        if (t->is_integer) {
            /* One kind for all, so that sorting and searching compare alike. */
            int128 v = datum_integer(&d);
            d = enc_integer_datum(PHYS_INT128, -1, v);
        }
        t->values[t->n_values++] = d;
    }
    sort_stable(t->values, t->n_values, sizeof *t->values, compare_datums, NULL, NULL);
    if (!t->n_values) {
        t->never = true;
    } else if (t->is_integer) {
        t->lo = t->values[0].u.i128;
        t->hi = t->values[t->n_values - 1].u.i128;
    }
}

void enc_test_prepare(struct enc_test *t, const struct kv_test *test, struct arena *arena)
{
    *t = (struct enc_test){
        .column_id = test->column_id, .op = test->op, .lo = INT128_MIN, .hi = INT128_MAX};
    if (test->op == KV_IS_NULL || test->op == KV_NOT_NULL)
        return;
    if (test->n_values == 0) {
        t->never = true;
        return;
    }
    t->is_integer = phys_is_integer(test->values[0].kind);
    if (test->op == KV_IN) {
        prepare_in(t, test, arena);
        return;
    }
    t->values = arena_new(arena, struct datum);
    t->values[0] = test->values[0];
    t->n_values = 1;
    if (test->values[0].null) {
        t->never = true;
        return;
    }
    if (!t->is_integer)
        return;
    int128 v = datum_integer(&test->values[0]);
    switch ((enum kv_test_op)test->op) {
    case KV_EQ:
        t->lo = t->hi = v;
        break;
    case KV_LE:
        t->hi = v;
        break;
    case KV_GE:
        t->lo = v;
        break;
    case KV_LT:
        t->never = v == INT128_MIN;
        t->hi = t->never ? v : v - 1;
        break;
    case KV_GT:
        t->never = v == INT128_MAX;
        t->lo = t->never ? v : v + 1;
        break;
    case KV_IS_NULL:
    case KV_NOT_NULL:
    case KV_IN:
        break;
    }
}

/* Position of the value in the sorted list, or of the first greater one. */
static uint32_t find_value(const struct enc_test *t, const struct datum *value)
{
    return (uint32_t)sort_lower_bound(t->values, t->n_values, sizeof *t->values, value,
                                      compare_datums, NULL);
}

static bool match_in(const struct enc_test *t, const struct datum *value)
{
    uint32_t at = find_value(t, value);
    return at < t->n_values && datum_compare(&t->values[at], value) == 0;
}

static bool match_compare(uint8_t op, int cmp)
{
    switch ((enum kv_test_op)op) {
    case KV_EQ:
        return cmp == 0;
    case KV_LT:
        return cmp < 0;
    case KV_LE:
        return cmp <= 0;
    case KV_GT:
        return cmp > 0;
    case KV_GE:
        return cmp >= 0;
    case KV_IS_NULL:
    case KV_NOT_NULL:
    case KV_IN:
        break;
    }
    return false;
}

bool enc_test_match(const struct enc_test *t, const struct datum *value)
{
    if (t->op == KV_IS_NULL)
        return value->null;
    if (value->null || t->never)
        return false;
    if (t->op == KV_NOT_NULL)
        return true;
    if (t->is_integer) {
        int128 v = datum_integer(value);
        if (v < t->lo || v > t->hi)
            return false;
        struct datum wide = enc_integer_datum(PHYS_INT128, -1, v);
        return t->op != KV_IN || match_in(t, &wide);
    }
    if (t->op == KV_IN)
        return match_in(t, value);
    return match_compare(t->op, datum_compare(value, &t->values[0]));
}

/* ---- zone maps ---- */

static enum enc_zone zone_integer(const struct enc_test *t, int128 min, int128 max)
{
    if (max < t->lo || min > t->hi)
        return ENC_ZONE_NONE;
    if (t->op != KV_IN)
        return min >= t->lo && max <= t->hi ? ENC_ZONE_ALL : ENC_ZONE_SOME;
    struct datum low = enc_integer_datum(PHYS_INT128, -1, min);
    uint32_t at = find_value(t, &low);
    if (at == t->n_values || t->values[at].u.i128 > max)
        return ENC_ZONE_NONE;
    return min == max ? ENC_ZONE_ALL : ENC_ZONE_SOME;
}

static enum enc_zone zone_datum(const struct enc_test *t, const struct datum *min,
                                const struct datum *max)
{
    if (t->op == KV_IN) {
        uint32_t at = find_value(t, min);
        bool none = at == t->n_values || datum_compare(&t->values[at], max) > 0;
        return none ? ENC_ZONE_NONE : ENC_ZONE_SOME;
    }
    int low = datum_compare(min, &t->values[0]), high = datum_compare(max, &t->values[0]);
    bool may;
    switch ((enum kv_test_op)t->op) {
    case KV_EQ:
        may = low <= 0 && high >= 0;
        break;
    case KV_LT:
        may = low < 0;
        break;
    case KV_LE:
        may = low <= 0;
        break;
    case KV_GT:
        may = high > 0;
        break;
    default:
        may = high >= 0;
        break;
    }
    if (!may)
        return ENC_ZONE_NONE;
    bool all = t->op != KV_EQ && match_compare(t->op, low) && match_compare(t->op, high);
    return all ? ENC_ZONE_ALL : ENC_ZONE_SOME;
}

enum enc_zone enc_test_zone(const struct enc_test *t, const struct datum *min,
                            const struct datum *max, uint32_t null_count, uint32_t n)
{
    if (t->op == KV_IS_NULL)
        return null_count == 0 ? ENC_ZONE_NONE : null_count == n ? ENC_ZONE_ALL : ENC_ZONE_SOME;
    if (t->op == KV_NOT_NULL)
        return null_count == n ? ENC_ZONE_NONE : null_count == 0 ? ENC_ZONE_ALL : ENC_ZONE_SOME;
    if (t->never || null_count == n)
        return ENC_ZONE_NONE;
    if (!min || !max)
        return ENC_ZONE_SOME;
    enum enc_zone zone = t->is_integer ? zone_integer(t, datum_integer(min), datum_integer(max))
                                       : zone_datum(t, min, max);
    return zone == ENC_ZONE_ALL && null_count ? ENC_ZONE_SOME : zone;
}

/* ---- chunks ---- */

static size_t words_of(uint32_t n)
{
    return ((size_t)n + 63) / 64;
}

static void clear_bits(uint64_t *mask, uint32_t n)
{
    memset(mask, 0, words_of(n) * 8);
}

static void and_valid(const struct enc_chunk *c, uint64_t *mask, bool want_null)
{
    if (c->null_count == 0 || c->null_count == c->n) {
        bool all_null = c->null_count == c->n;
        if (all_null != want_null)
            clear_bits(mask, c->n);
        return;
    }
    for (size_t w = 0; w < words_of(c->n); w++)
        mask[w] &= want_null ? ~c->valid[w] : c->valid[w];
}

/* The integer range as a range of offsets from `base`. False: empty. */
static bool offset_range(const struct enc_test *t, int128 base, uint64_t *lo, uint64_t *span)
{
    if (t->hi < base)
        return false;
    uint128 from = t->lo > base ? (uint128)t->lo - (uint128)base : 0;
    uint128 to = (uint128)t->hi - (uint128)base;
    if (from > UINT64_MAX)
        return false;
    if (to > UINT64_MAX)
        to = UINT64_MAX;
    *lo = (uint64_t)from;
    *span = (uint64_t)to - (uint64_t)from;
    return true;
}

static void and_words(uint64_t *mask, const uint64_t *with, uint32_t n)
{
    for (size_t w = 0; w < words_of(n); w++)
        mask[w] &= with[w];
}

/* IN over offsets: few values one comparison pass each, many by searching. */
static void filter_for_in(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask,
                          uint64_t *scratch)
{
    uint64_t group[BITPACK_GROUP];
    clear_bits(scratch, c->n);
    for (uint32_t g = 0; g * BITPACK_GROUP < c->n; g++) {
        uint32_t first = g * BITPACK_GROUP, left = c->n - first;
        bitpack_unpack_group(c->packed, c->n, c->width, g, group);
        for (uint32_t k = 0; k < (left < BITPACK_GROUP ? left : BITPACK_GROUP); k++) {
            if (!bit_get(mask, first + k))
                continue;
            struct datum d =
                enc_integer_datum(PHYS_INT128, -1, (int128)((uint128)c->base + group[k]));
            if (match_in(t, &d))
                bit_set(scratch, first + k);
        }
    }
    and_words(mask, scratch, c->n);
}

static void filter_for(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask,
                       uint64_t *scratch)
{
    uint64_t lo = 0, span = 0;
    if (!offset_range(t, c->base, &lo, &span)) {
        clear_bits(mask, c->n);
        return;
    }
    if (t->op == KV_IN && t->n_values > 1) {
        filter_for_in(t, c, mask, scratch);
        return;
    }
    bitpack_filter(c->packed, c->n, c->width, lo, span, scratch);
    and_words(mask, scratch, c->n);
}

/* Codes order like values and most tests hold for a range of codes; what does not (IN) is
 * looked up. */
static void filter_dict(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask,
                        uint64_t *scratch)
{
    uint64_t hit[65536 / 64];
    uint32_t lo = UINT32_MAX, hi = 0, hits = 0;
    memset(hit, 0, words_of(c->count) * 8);
    for (uint32_t i = 0; i < c->count; i++) {
        struct datum d = enc_entry(c, i);
        if (!enc_test_match(t, &d))
            continue;
        bit_set(hit, i);
        lo = lo == UINT32_MAX ? i : lo;
        hi = i;
        hits++;
    }
    if (!hits) {
        clear_bits(mask, c->n);
        return;
    }
    if (hits == hi - lo + 1) {
        bitpack_filter(c->packed, c->n, c->width, lo, hi - lo, scratch);
        and_words(mask, scratch, c->n);
        return;
    }
    uint32_t codes[BITPACK_GROUP];
    for (uint32_t g = 0; g * BITPACK_GROUP < c->n; g++) {
        uint32_t first = g * BITPACK_GROUP, left = c->n - first;
        bitpack_unpack_group32(c->packed, c->n, c->width, g, codes);
        for (uint32_t k = 0; k < (left < BITPACK_GROUP ? left : BITPACK_GROUP); k++)
            if (!bit_get(hit, codes[k]))
                bit_clear(mask, first + k);
    }
}

static void clear_range(uint64_t *mask, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to;) {
        if (i % 64 == 0 && to - i >= 64) {
            mask[i / 64] = 0;
            i += 64;
        } else {
            bit_clear(mask, i++);
        }
    }
}

static void filter_rle(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask)
{
    uint32_t from = 0;
    for (uint32_t r = 0; r < c->count; from = c->ends[r++]) {
        uint32_t row = from;
        struct enc_chunk plain = *c; /* the run's value, whatever validity says */
        plain.null_count = 0;
        struct datum d = enc_get(&plain, row);
        if (!enc_test_match(t, &d))
            clear_range(mask, from, c->ends[r]);
    }
}

static void filter_float64(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask)
{
    double bound = t->values[0].u.f64;
    for (uint32_t i = 0; i < c->n; i += 64) {
        uint64_t bits = 0;
        uint32_t count = c->n - i < 64 ? c->n - i : 64;
        for (uint32_t k = 0; k < count; k++) {
            double x;
            memcpy(&x, c->values + ((size_t)i + k) * 8, 8);
            /* NaN sorts above everything. */
            bool lt = x<bound, gt = x> bound || x != x;
            bool hit = t->op == KV_LT   ? lt
                       : t->op == KV_LE ? !gt
                       : t->op == KV_GT ? gt
                       : t->op == KV_GE ? !lt
                                        : !lt && !gt;
            bits |= (uint64_t)hit << k;
        }
        mask[i / 64] &= bits;
    }
}

static void filter_one_by_one(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask)
{
    for (size_t w = 0; w < words_of(c->n); w++) {
        uint64_t bits = mask[w];
        if (w == c->n / 64)
            bits &=
                ((uint64_t)1 << c->n % 64) - 1; /* what stands behind the last row is nobody's */
        for (; bits; bits &= bits - 1) {
            uint32_t row = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
            if (enc_is_blob(c, row))
                continue;
            struct datum d = enc_get(c, row);
            if (!enc_test_match(t, &d))
                bit_clear(mask, row);
        }
    }
}

void enc_test_filter(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask,
                     uint64_t *scratch)
{
    if (t->op == KV_IS_NULL || t->op == KV_NOT_NULL) {
        and_valid(c, mask, t->op == KV_IS_NULL);
        return;
    }
    if (t->never) {
        clear_bits(mask, c->n);
        return;
    }
    and_valid(c, mask, false);
    if (c->null_count == c->n)
        return;
    bool nan_free = t->n_values && t->op != KV_IN && t->values[0].kind == PHYS_FLOAT64 &&
                    t->values[0].u.f64 == t->values[0].u.f64;
    switch ((enum enc_kind)c->enc) {
    case ENC_CONST: {
        struct enc_chunk plain = *c;
        plain.null_count = 0;
        struct datum d = enc_get(&plain, 0);
        if (!enc_test_match(t, &d))
            clear_bits(mask, c->n);
        break;
    }
    case ENC_FOR:
        filter_for(t, c, mask, scratch);
        break;
    case ENC_RLE:
        filter_rle(t, c, mask);
        break;
    case ENC_DICT:
        filter_dict(t, c, mask, scratch);
        break;
    case ENC_PLAIN:
        if (c->kind == PHYS_FLOAT64 && nan_free)
            filter_float64(t, c, mask);
        else
            filter_one_by_one(t, c, mask);
        break;
    }
}
