/* column.h: SQL-free physical values in memory: vectors and batches of them.
 *
 * A vector is one physical kind with a validity bitmap. A batch is up to BATCH_ROWS rows of vectors
 * of equal length plus an optional selection vector. Storage hands batches out, the executor passes
 * them between operators, the exchange sends them to other cores (by pointer) and nodes (encoded).
 *
 * Kinds. BOOL is one byte (0/1) a value; INT16/32/64, FLOAT32/64 are the machine's; INT128 is __int128;
 * BYTES is a 16-byte view. What an INT64 means (a bigint, a timestamp, a decimal scaled by 10^dec_scale)
 * is the business of types/. A vector of SQL numeric is `dec` (INT64 or INT128, one dec_scale >= 0 for
 * the whole vector) or `num` (BYTES, self-describing); everything else has dec_scale = -1.
 *
 * Forms. FLAT: data[i]. CONST: data[0] stands for every row (valid[0] too). DICT: codes[i] indexes the
 * FLAT vector `dict`; a null row is a null bit of this vector, the dictionary holds no nulls but may hold entries
 * no selected row uses: only total (never failing) kernels may run on dictionary entries. ENCODED: still in
 * storage's block encoding; read through `enc` (vec_flatten decodes it, once, selected rows or all).
 *
 * Invariants
 * 1. valid == NULL means no row is null. Bit i of valid (LSB first) set = row i is not null.
 * 2. data under a null bit or outside the selection is initialised memory but meaningless: never read for meaning.
 * 3. sel, when present, is strictly ascending; n_sel <= n_rows <= BATCH_ROWS.
 * 4. A bytes_view of length <= 12 is inline and its unused bytes are zero; otherwise the pointer stays valid
 *    as long as the batch (its arena and pins) does.
 * 5. A batch is owned by one fiber at a time and moves by ownership, never by copying.
 *
 * Learned from Umbra (strings), DuckDB and Velox (vector forms), MonetDB/X100 (batches).
 */
#ifndef CAIRN_BASE_COLUMN_H
#define CAIRN_BASE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

enum { BATCH_ROWS = 2048, BATCH_WORDS = BATCH_ROWS / 64, VIEW_INLINE = 12 };

typedef __int128 int128;
typedef unsigned __int128 uint128;

enum phys_kind {
    PHYS_BOOL = 1,
    PHYS_INT16,
    PHYS_INT32,
    PHYS_INT64,
    PHYS_INT128,
    PHYS_FLOAT32,
    PHYS_FLOAT64,
    PHYS_BYTES,
    PHYS_KIND_COUNT
};

enum vec_form { VEC_FLAT, VEC_CONST, VEC_DICT, VEC_ENCODED };

struct bytes_view {
    union {
        struct {
            uint32_t len;
            uint8_t inl[VIEW_INLINE];
        };
        struct {
            uint32_t far_len; /* the same length */
            uint8_t prefix[4];
            const uint8_t *ptr;
        };
    };
};
_Static_assert(sizeof(struct bytes_view) == 16, "a view is 16 bytes");

/* One scalar, for constants, parameters, zone maps, range tests. */
struct datum {
    uint8_t kind; /* enum phys_kind */
    bool null;
    int16_t dec_scale; /* -1 unless dec */
    union {
        bool b;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        int128 i128;
        float f32;
        double f64;
        struct bytes_view bytes;
    } u;
};

struct vec;

/* What storage implements for a vector still encoded in its block. */
struct vec_codec {
    /* Decodes rows sel[0..n_sel) (sel NULL = all n rows) into flat `data` (kind's width, n entries) and, when the vector
     * has nulls, `valid`. Positions not selected may be left as they are. Bytes may point into the pinned block. */
    void (*decode)(const struct vec *v, const uint16_t *sel, uint32_t n_sel, void *data, struct arena *arena);
};

struct vec {
    uint8_t kind; /* enum phys_kind */
    uint8_t form; /* enum vec_form */
    int16_t dec_scale;
    uint32_t n;
    uint64_t *valid;            /* NULL = no nulls; BATCH_WORDS words at most */
    void *data;                 /* FLAT, CONST; ENCODED: NULL until flattened */
    const struct vec *dict;     /* DICT */
    const uint16_t *codes;      /* DICT */
    const struct vec_codec *codec; /* ENCODED */
    const void *enc;            /* ENCODED: the codec's */
    uint32_t enc_row;           /* ENCODED: first row of the vector within its block */
    bool has_min_max;           /* ENCODED/DICT: min and max below bound the values (zone map) */
    struct datum *min_max;      /* [2] when has_min_max */
};

struct batch {
    uint32_t n_rows;
    uint32_t n_cols;
    uint32_t n_sel;
    const uint16_t *sel; /* NULL = rows 0..n_rows */
    struct vec *cols;
    struct arena *arena; /* owns everything allocated for this batch */
    void (*unpin)(void *pins); /* releases blocks the vectors point into; NULL = none */
    void *pins;
};

static inline const uint8_t *view_data(const struct bytes_view *v)
{
    return v->len <= VIEW_INLINE ? v->inl : v->ptr;
}

/* Borrows `data` when it is longer than VIEW_INLINE. */
static inline struct bytes_view view_of(const void *data, uint32_t len)
{
    struct bytes_view v = {.len = len};
    if (len <= VIEW_INLINE) {
        if (len)
            memcpy(v.inl, data, len);
    } else {
        memcpy(v.prefix, data, 4);
        v.ptr = (const uint8_t *)data;
    }
    return v;
}

struct bytes_view view_copy(struct arena *arena, const void *data, uint32_t len);
bool view_equal(const struct bytes_view *a, const struct bytes_view *b);
int view_compare(const struct bytes_view *a, const struct bytes_view *b); /* memcmp order, shorter first */

extern const uint8_t phys_width[PHYS_KIND_COUNT]; /* bytes a value takes in FLAT data */

static inline bool bit_get(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}
static inline void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= (uint64_t)1 << (i & 63);
}
static inline void bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] &= ~((uint64_t)1 << (i & 63));
}

static inline bool vec_is_null(const struct vec *v, uint32_t row)
{
    return v->valid && !bit_get(v->valid, v->form == VEC_CONST ? 0 : row);
}

/* Number of live rows and the i-th of them. */
static inline uint32_t batch_count(const struct batch *b)
{
    return b->sel ? b->n_sel : b->n_rows;
}
static inline uint32_t batch_row(const struct batch *b, uint32_t i)
{
    return b->sel ? b->sel[i] : i;
}

/* A FLAT vector with zeroed data for n rows, no nulls. */
void vec_alloc(struct vec *v, enum phys_kind kind, uint32_t n, struct arena *arena);
/* Gives the vector a validity bitmap with every row valid (keeps one already there). */
void vec_need_valid(struct vec *v, struct arena *arena);
void vec_set_null(struct vec *v, uint32_t row, struct arena *arena);
void vec_const(struct vec *v, const struct datum *value, uint32_t n, struct arena *arena);
/* Makes the vector FLAT in place; only rows of sel (NULL = all) need be right afterwards. */
void vec_flatten(struct vec *v, const uint16_t *sel, uint32_t n_sel, struct arena *arena);
/* Any form. The datum borrows long bytes. */
struct datum vec_datum(const struct vec *v, uint32_t row);
/* v FLAT and of the datum's kind; bytes are copied into the arena. */
void vec_put(struct vec *v, uint32_t row, const struct datum *value, struct arena *arena);

/* Same kind, neither null: <0, 0, >0 in the kind's physical order (floats: -0 = 0, NaN greatest). */
int datum_compare(const struct datum *a, const struct datum *b);
struct datum datum_copy(const struct datum *d, struct arena *arena);
static inline struct datum datum_null(enum phys_kind kind)
{
    return (struct datum){.kind = (uint8_t)kind, .null = true, .dec_scale = -1};
}
static inline struct datum datum_i64(int64_t x)
{
    return (struct datum){.kind = PHYS_INT64, .dec_scale = -1, .u.i64 = x};
}
static inline struct datum datum_bytes(const void *data, uint32_t len)
{
    return (struct datum){.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = view_of(data, len)};
}

/* An owned batch: a heap struct with an arena of its own (charged to `account`) and n_cols zeroed vectors. */
struct batch *batch_create(uint32_t n_cols, struct mem_account *account);
void batch_destroy(struct batch *b); /* unpins, frees; NULL is fine */
/* Copies the live rows of src (flattened, dense) into a new owned batch. */
struct batch *batch_compact(const struct batch *src, struct mem_account *account);

#endif
