#include "types/type/type.h"

#include <math.h>

#include "base/key.h"
#include "types/type/array.h"
#include "types/type/datetime.h"
#include "types/type/numeric_vec.h"
#include "types/type/text.h"

#define TYPE(NAME, oid_, name_, len_, byval_, kind_, category_, preferred_, delim_, relid_, elem_, \
             array_, in_, out_, recv_, send_, modin_, modout_, analyze_, subscript_, align_,       \
             storage_, collation_, phys_, flags_)                                                  \
    {.oid = oid_,                                                                                  \
     .name = name_,                                                                                \
     .len = len_,                                                                                  \
     .byval = byval_,                                                                              \
     .kind = kind_,                                                                                \
     .category = category_,                                                                        \
     .preferred = preferred_,                                                                      \
     .delim = delim_,                                                                              \
     .relid = relid_,                                                                              \
     .elem = elem_,                                                                                \
     .array = array_,                                                                              \
     .in = in_,                                                                                    \
     .out = out_,                                                                                  \
     .recv = recv_,                                                                                \
     .send = send_,                                                                                \
     .modin = modin_,                                                                              \
     .modout = modout_,                                                                            \
     .analyze = analyze_,                                                                          \
     .subscript = subscript_,                                                                      \
     .align = align_,                                                                              \
     .storage = storage_,                                                                          \
     .collation = collation_,                                                                      \
     .phys = phys_,                                                                                \
     .flags = flags_},
static const struct type_info types[] = {
#include "types/type/type.def"
};
#undef TYPE

enum { N_TYPES = sizeof types / sizeof *types };

const struct type_env type_env_default = {0};

const struct type_info *type_table(uint32_t *count)
{
    *count = N_TYPES;
    return types;
}

const struct type_info *type_info(uint32_t oid)
{
    uint32_t lo = 0, hi = N_TYPES;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (types[mid].oid < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < N_TYPES && types[lo].oid == oid ? &types[lo] : NULL;
}

const struct type_info *type_by_name(const char *name, size_t len)
{
    for (uint32_t i = 0; i < N_TYPES; i++)
        if (strlen(types[i].name) == len && memcmp(types[i].name, name, len) == 0)
            return &types[i];
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

static void format_interval_fields(int32_t range, struct buf *out)
{
    static const struct {
        int32_t mask;
        const char *text;
    } fields[] = {
        {1 << 2, " year"},
        {1 << 1, " month"},
        {1 << 3, " day"},
        {1 << 10, " hour"},
        {1 << 11, " minute"},
        {1 << 12, " second"},
        {1 << 2 | 1 << 1, " year to month"},
        {1 << 3 | 1 << 10, " day to hour"},
        {1 << 3 | 1 << 10 | 1 << 11, " day to minute"},
        {1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"},
        {1 << 10 | 1 << 11, " hour to minute"},
        {1 << 10 | 1 << 11 | 1 << 12, " hour to second"},
        {1 << 11 | 1 << 12, " minute to second"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].mask == range)
            buf_put_text(out, fields[i].text);
}

static void format_time(const char *name, const char *zone, int32_t typmod, struct buf *out)
{
    buf_put_text(out, name);
    if (typmod >= 0)
        buf_printf(out, "(%d)", typmod);
    buf_put_text(out, zone);
}

static void format_char(const char *name, int32_t typmod, struct buf *out)
{
    buf_put_text(out, name);
    if (typmod > 4)
        buf_printf(out, "(%d)", typmod - 4);
}

static void format_numeric(int32_t typmod, struct buf *out)
{
    buf_put_text(out, "numeric");
    if (typmod >= 4)
        buf_printf(out, "(%d,%d)", numeric_typmod_precision(typmod), numeric_typmod_scale(typmod));
}

/* False: the type has no spelling of its own. */
static bool format_scalar(uint32_t oid, int32_t typmod, struct buf *out)
{
    switch (oid) {
    case TYPE_BOOL:
        buf_put_text(out, "boolean");
        return true;
    case TYPE_INT2:
        buf_put_text(out, "smallint");
        return true;
    case TYPE_INT4:
        buf_put_text(out, "integer");
        return true;
    case TYPE_INT8:
        buf_put_text(out, "bigint");
        return true;
    case TYPE_FLOAT4:
        buf_put_text(out, "real");
        return true;
    case TYPE_FLOAT8:
        buf_put_text(out, "double precision");
        return true;
    case TYPE_CHAR:
        buf_put_text(out, "\"char\"");
        return true;
    case TYPE_ANY:
        buf_put_text(out, "\"any\"");
        return true;
    case TYPE_NUMERIC:
        format_numeric(typmod, out);
        return true;
    case TYPE_VARCHAR:
        format_char("character varying", typmod, out);
        return true;
    case TYPE_BPCHAR:
        format_char(typmod >= 4 ? "character" : "bpchar", typmod, out);
        return true;
    case TYPE_TIME:
        format_time("time", " without time zone", typmod, out);
        return true;
    case TYPE_TIMETZ:
        format_time("time", " with time zone", typmod, out);
        return true;
    case TYPE_TIMESTAMP:
        format_time("timestamp", " without time zone", typmod, out);
        return true;
    case TYPE_TIMESTAMPTZ:
        format_time("timestamp", " with time zone", typmod, out);
        return true;
    case TYPE_INTERVAL:
        buf_put_text(out, "interval");
        if (typmod >= 0) {
            format_interval_fields((typmod >> 16) & 0x7fff, out);
            if ((typmod & 0xffff) != 0xffff)
                buf_printf(out, "(%d)", typmod & 0xffff);
        }
        return true;
    default:
        return false;
    }
}

void type_format(uint32_t oid, int32_t typmod, struct buf *out)
{
    const struct type_info *t = type_info(oid);
    if (oid == 0) {
        buf_put_text(out, "-");
        return;
    }
    if (!t) {
        buf_put_text(out, "???");
        return;
    }
    bool is_array = t->category == 'A' && t->elem && t->name[0] == '_';
    uint32_t base = is_array ? t->elem : oid;
    if (!format_scalar(base, typmod, out))
        buf_put_text(out, is_array ? type_info(base)->name : t->name);
    if (is_array)
        buf_put_text(out, "[]");
}

const char *type_name(uint32_t oid, struct arena *arena)
{
    if (oid == TYPE_BPCHAR)
        return "character";
    struct buf text = {0};
    type_format(oid, -1, &text);
    const char *name = arena_strndup(arena, (const char *)text.data, text.len);
    buf_done(&text);
    return name;
}

/* ---- storage ------------------------------------------------------------------------------- */

static bool is_plain_key(uint32_t oid)
{
    const struct type_info *t = type_info(oid);
    return t && (t->flags & TYPE_PHYS_ORDER);
}

struct type_storage type_storage(uint32_t oid, int32_t typmod)
{
    const struct type_info *t = type_info(oid);
    struct type_storage st = {.kind = t ? t->phys : PHYS_BYTES, .dec_scale = -1};
    if (oid == TYPE_NUMERIC && typmod >= 4) {
        int32_t precision = numeric_typmod_precision(typmod), scale = numeric_typmod_scale(typmod);
        int32_t digits = scale < 0 ? precision - scale : precision;
        if (digits <= NUMERIC_DEC128_DIGITS && scale <= NUMERIC_DEC128_DIGITS) {
            st.kind = digits <= NUMERIC_DEC64_DIGITS ? PHYS_INT64 : PHYS_INT128;
            st.dec_scale = (int16_t)(scale > 0 ? scale : 0);
            st.key_form = TYPE_KEY_PLAIN;
            return st;
        }
    }
    if (is_plain_key(oid))
        st.key_form = TYPE_KEY_PLAIN;
    else
        st.key_form = t && (t->flags & TYPE_ORDERED) ? TYPE_KEY_OPAQUE : TYPE_KEY_NONE;
    return st;
}

static bool is_stored_form(const struct datum *d, struct type_storage st)
{
    return d->kind == st.kind && d->dec_scale == st.dec_scale;
}

static int store_numeric(struct type_storage st, const struct datum *value, struct arena *arena,
                         struct datum *out, struct err *err)
{
    struct numeric n;
    numeric_open(value, arena, &n);
    if (st.dec_scale < 0) {
        *out = numeric_close_num(&n, arena);
        return 0;
    }
    *out = (struct datum){.kind = st.kind, .dec_scale = st.dec_scale};
    int128 v;
    if (n.kind == NUMERIC_NAN)
        v = st.kind == PHYS_INT64 ? (int128)NUMERIC_DEC64_NAN : NUMERIC_DEC128_NAN;
    else if (!numeric_to_i128(&n, st.dec_scale, &v) ||
             (st.kind == PHYS_INT64 && (v >= NUMERIC_DEC64_NAN || v < INT64_MIN)))
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    if (st.kind == PHYS_INT64)
        out->u.i64 = (int64_t)v;
    else
        out->u.i128 = v;
    return 0;
}

int type_store(uint32_t oid, int32_t typmod, const struct datum *value, struct arena *arena,
               struct datum *out, struct err *err)
{
    struct type_storage st = type_storage(oid, typmod);
    if (value->null) {
        *out = datum_null((enum phys_kind)st.kind);
        out->dec_scale = st.dec_scale;
        return 0;
    }
    if (oid != TYPE_NUMERIC || is_stored_form(value, st)) {
        *out = *value;
        return 0;
    }
    return store_numeric(st, value, arena, out, err);
}

int type_store_vec(uint32_t oid, int32_t typmod, struct vec *in, const uint16_t *sel,
                   uint32_t n_sel, struct arena *arena, struct vec *out, struct err *err)
{
    struct type_storage st = type_storage(oid, typmod);
    if (oid != TYPE_NUMERIC || (in->kind == st.kind && in->dec_scale == st.dec_scale)) {
        *out = *in;
        return 0;
    }
    struct vec v;
    vec_alloc(&v, (enum phys_kind)st.kind, in->n, arena);
    v.dec_scale = st.dec_scale;
    uint32_t count = sel ? n_sel : in->n;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        struct datum d = vec_datum(in, row), stored;
        if (d.null) {
            vec_set_null(&v, row, arena);
            continue;
        }
        int rc = store_numeric(st, &d, arena, &stored, err);
        if (rc)
            return rc;
        vec_put(&v, row, &stored, arena);
    }
    *out = v;
    return 0;
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* An integer that orders as the float does: -0 is 0, every NaN the greatest. */
static int64_t float_order(double v)
{
    if (isnan(v))
        return INT64_MAX;
    if (v == 0)
        return 0;
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

static int32_t float4_order(float v)
{
    if (isnan(v))
        return INT32_MAX;
    if (v == 0)
        return 0;
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >= 0 ? bits : INT32_MIN - bits;
}

static void put_be128(struct buf *out, int128 v)
{
    uint128 u = (uint128)v ^ ((uint128)1 << 127);
    buf_put_be64(out, (uint64_t)(u >> 64));
    buf_put_be64(out, (uint64_t)u);
}

static void put_opaque(uint32_t oid, const struct datum *d, struct buf *out)
{
    switch (oid) {
    case TYPE_FLOAT4:
        buf_put_be32(out, (uint32_t)float4_order(d->u.f32) ^ 0x80000000u);
        break;
    case TYPE_FLOAT8:
        buf_put_be64(out, (uint64_t)float_order(d->u.f64) ^ (UINT64_C(1) << 63));
        break;
    case TYPE_NUMERIC:
        numeric_key_append(d, out);
        break;
    case TYPE_INTERVAL: {
        struct interval iv = interval_load(&d->u.bytes);
        put_be128(out, interval_span(&iv));
        break;
    }
    case TYPE_TIMETZ: {
        struct timetz t = timetz_load(&d->u.bytes);
        buf_put_be64(out, (uint64_t)(t.us + t.zone * US_PER_SEC) ^ (UINT64_C(1) << 63));
        buf_put_be32(out, (uint32_t)t.zone ^ 0x80000000u);
        break;
    }
    case TYPE_BPCHAR:
        buf_put(out, view_data(&d->u.bytes), text_bpchar_len(&d->u.bytes));
        break;
    default:
        array_key_append(&d->u.bytes, out);
        break;
    }
}

static bool is_opaque(uint32_t oid, const struct datum *d)
{
    return oid == TYPE_NUMERIC || !is_plain_key(oid);
}

struct datum type_key_bytes(uint32_t oid, const struct datum *value, struct arena *arena)
{
    struct buf bytes = {0};
    if (is_opaque(oid, value)) {
        put_opaque(oid, value, &bytes);
    } else {
        struct key_part part = {.kind = value->kind, .dec_scale = -1};
        key_append(&bytes, &part, value);
        buf_consume(&bytes, 1);
    }
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    d.u.bytes = view_copy(arena, bytes.data, (uint32_t)bytes.len);
    buf_done(&bytes);
    return d;
}

void type_key_append(struct buf *out, uint32_t oid, bool desc, bool nulls_first,
                     const struct datum *value)
{
    struct key_part part = {
        .kind = value->kind, .desc = desc, .nulls_first = nulls_first, .dec_scale = -1};
    if (value->null || !is_opaque(oid, value)) {
        key_append(out, &part, value);
        return;
    }
    struct buf bytes = {0};
    put_opaque(oid, value, &bytes);
    struct datum d = datum_bytes(bytes.data, (uint32_t)bytes.len);
    part.kind = PHYS_BYTES;
    key_append(out, &part, &d);
    buf_done(&bytes);
}

/* ---- canonical forms ----------------------------------------------------------------------- */

static struct datum canon_value(uint32_t oid, struct type_storage st, const struct datum *value,
                                struct arena *arena)
{
    struct datum d = *value;
    struct err ignored;
    switch (oid) {
    case TYPE_FLOAT4:
        return (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = float4_order(d.u.f32)};
    case TYPE_FLOAT8:
        return (struct datum){.kind = PHYS_INT64, .dec_scale = -1, .u.i64 = float_order(d.u.f64)};
    case TYPE_BPCHAR:
        d.u.bytes = view_of(view_data(&value->u.bytes), text_bpchar_len(&value->u.bytes));
        return d;
    case TYPE_NUMERIC:
        if (st.dec_scale >= 0 && store_numeric(st, value, arena, &d, &ignored) == 0) {
            d.dec_scale = -1;
            return d;
        }
        return type_key_bytes(oid, value, arena);
    default:
        return is_plain_key(oid) ? d : type_key_bytes(oid, value, arena);
    }
}

static uint8_t canon_kind(uint32_t oid, struct type_storage st, uint8_t kind)
{
    const struct type_info *t = type_info(oid);
    switch (oid) {
    case TYPE_FLOAT4:
        return PHYS_INT32;
    case TYPE_FLOAT8:
        return PHYS_INT64;
    case TYPE_NUMERIC:
        return st.dec_scale >= 0 ? st.kind : PHYS_BYTES;
    default:
        return t && is_plain_key(oid) ? kind : PHYS_BYTES;
    }
}

struct datum type_canon_datum(uint32_t oid, int32_t typmod, const struct datum *value,
                              struct arena *arena)
{
    struct type_storage st = type_storage(oid, typmod);
    if (value->null)
        return datum_null((enum phys_kind)canon_kind(oid, st, value->kind));
    return canon_value(oid, st, value, arena);
}

void type_canon(uint32_t oid, int32_t typmod, struct vec *in, const uint16_t *sel, uint32_t n_sel,
                struct arena *arena, struct vec *out)
{
    struct type_storage st = type_storage(oid, typmod);
    bool same = oid == TYPE_NUMERIC
                    ? in->kind == st.kind && in->dec_scale == st.dec_scale && st.dec_scale >= 0
                    : is_plain_key(oid);
    if (same) {
        *out = *in;
        out->dec_scale = -1;
        return;
    }
    struct vec v;
    vec_alloc(&v, (enum phys_kind)canon_kind(oid, st, in->kind), in->form == VEC_CONST ? 1 : in->n,
              arena);
    uint32_t count = in->form == VEC_CONST ? 1 : sel ? n_sel : in->n;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = in->form == VEC_CONST ? 0 : sel ? sel[i] : i;
        struct datum d = vec_datum(in, row);
        if (d.null) {
            vec_set_null(&v, row, arena);
            continue;
        }
        struct datum c = canon_value(oid, st, &d, arena);
        memcpy((char *)v.data + (size_t)row * phys_width[v.kind], &c.u, phys_width[v.kind]);
    }
    if (in->form == VEC_CONST) {
        v.form = VEC_CONST;
        v.n = in->n;
    }
    *out = v;
}

/* ---- comparing ----------------------------------------------------------------------------- */

int type_compare(uint32_t oid, const struct datum *a, const struct datum *b)
{
    switch (oid) {
    case TYPE_NUMERIC:
        return numeric_compare(a, b);
    case TYPE_INTERVAL:
        return interval_compare(&a->u.bytes, &b->u.bytes);
    case TYPE_TIMETZ:
        return timetz_compare(&a->u.bytes, &b->u.bytes);
    case TYPE_BPCHAR:
        return text_compare_bpchar(&a->u.bytes, &b->u.bytes);
    default:
        break;
    }
    const struct type_info *t = type_info(oid);
    if (t && t->category == 'A')
        return array_compare(&a->u.bytes, &b->u.bytes);
    return datum_compare(a, b);
}
