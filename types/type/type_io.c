#include <stdlib.h>

#include "types/type/array.h"
#include "types/type/datetime.h"
#include "types/type/numeric.h"
#include "types/type/scalar_io.h"
#include "types/type/text.h"
#include "types/type/type.h"

enum { NAME_BYTES_MAX = 63, CHAR_LENGTH_MAX = 10 * 1024 * 1024 };

static struct datum bool_datum(bool v)
{
    return (struct datum){.kind = PHYS_BOOL, .dec_scale = -1, .u.b = v};
}
static struct datum i16_datum(int16_t v)
{
    return (struct datum){.kind = PHYS_INT16, .dec_scale = -1, .u.i16 = v};
}
static struct datum i32_datum(int32_t v)
{
    return (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = v};
}
static struct datum f32_datum(float v)
{
    return (struct datum){.kind = PHYS_FLOAT32, .dec_scale = -1, .u.f32 = v};
}
static struct datum f64_datum(double v)
{
    return (struct datum){.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = v};
}
static struct datum bytes_datum(struct arena *arena, const void *data, size_t len)
{
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    d.u.bytes = view_copy(arena, data, (uint32_t)len);
    return d;
}

/* ---- lengths ------------------------------------------------------------------------------- */

static bool only_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p == ' ')
        p++;
    return p == end;
}

/* varchar(n): too long is an error unless only blanks are lost or the cast is explicit. */
static int fit_varchar(const uint8_t *p, size_t len, int32_t typmod, bool explicit_cast,
                       struct arena *arena, struct datum *out, struct err *err)
{
    if (typmod >= 4 && len > (size_t)typmod - 4) {
        size_t keep = text_offset(p, len, (uint64_t)typmod - 4);
        if (keep < len && !explicit_cast && !only_blanks(p + keep, p + len))
            return err_set(err, ERR_STRING_DATA_RIGHT_TRUNCATION,
                           "value too long for type character varying(%d)", typmod - 4);
        len = keep;
    }
    *out = bytes_datum(arena, p, len);
    return 0;
}

static int fit_bpchar(const uint8_t *p, size_t len, int32_t typmod, bool explicit_cast,
                      struct arena *arena, struct datum *out, struct err *err)
{
    if (typmod < 4) {
        *out = bytes_datum(arena, p, len);
        return 0;
    }
    uint64_t want = (uint64_t)typmod - 4;
    uint32_t have = text_chars(p, len);
    if (have > want) {
        size_t keep = text_offset(p, len, want);
        if (!explicit_cast && !only_blanks(p + keep, p + len))
            return err_set(err, ERR_STRING_DATA_RIGHT_TRUNCATION,
                           "value too long for type character(%d)", typmod - 4);
        *out = bytes_datum(arena, p, keep);
        return 0;
    }
    size_t total = len + (want - have);
    uint8_t *padded = arena_alloc(arena, total + 1);
    memcpy(padded, p, len);
    memset(padded + len, ' ', total - len);
    *out = (struct datum){.kind = PHYS_BYTES, .dec_scale = -1};
    out->u.bytes = view_of(padded, (uint32_t)total);
    return 0;
}

static struct datum fit_name(const uint8_t *p, size_t len, struct arena *arena)
{
    size_t keep = 0;
    while (keep < len) {
        uint32_t n = text_char_len(p + keep, p + len);
        if (keep + n > NAME_BYTES_MAX)
            break;
        keep += n;
    }
    return bytes_datum(arena, p, keep);
}

int type_coerce_length(uint32_t oid, int32_t typmod, bool explicit_cast, const struct datum *value,
                       struct arena *arena, struct datum *out, struct err *err)
{
    if (value->null || typmod < 0) {
        *out = *value;
        return 0;
    }
    const struct bytes_view *v = &value->u.bytes;
    int rc = 0;
    switch (oid) {
    case TYPE_VARCHAR:
        return fit_varchar(view_data(v), v->len, typmod, explicit_cast, arena, out, err);
    case TYPE_BPCHAR:
        return fit_bpchar(view_data(v), v->len, typmod, explicit_cast, arena, out, err);
    case TYPE_NUMERIC: {
        struct numeric n;
        numeric_open(value, arena, &n);
        rc = numeric_apply_typmod(&n, typmod, arena, err);
        if (rc == 0)
            *out = numeric_close(&n, arena);
        return rc;
    }
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        *out = *value;
        out->u.i64 = datetime_round(value->u.i64, typmod);
        return 0;
    case TYPE_TIMETZ: {
        struct timetz t = timetz_load(v);
        t.us = datetime_round(t.us, typmod);
        *out = timetz_datum(&t);
        return 0;
    }
    case TYPE_INTERVAL: {
        struct interval iv = interval_load(v);
        rc = interval_apply_typmod(&iv, typmod, err);
        if (rc == 0)
            *out = interval_datum(&iv, arena);
        return rc;
    }
    default:
        *out = *value;
        return 0;
    }
}

static int char_mod(const char *name, const int32_t *mods, uint32_t n, int32_t *typmod,
                    struct err *err)
{
    if (n != 1)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid type modifier");
    if (mods[0] < 1)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "length for type %s must be at least 1",
                       name);
    if (mods[0] > CHAR_LENGTH_MAX)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "length for type %s cannot exceed %d",
                       name, CHAR_LENGTH_MAX);
    *typmod = mods[0] + 4;
    return 0;
}

static int numeric_mod_in(const int32_t *mods, uint32_t n, int32_t *typmod, struct err *err)
{
    if (n < 1 || n > 2)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid NUMERIC type modifier");
    int32_t scale = n == 2 ? mods[1] : 0;
    if (mods[0] < 1 || mods[0] > NUMERIC_PRECISION_MAX)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "NUMERIC precision %d must be between 1 and %d", mods[0],
                       NUMERIC_PRECISION_MAX);
    if (scale < -1000 || scale > 1000)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "NUMERIC scale %d must be between %d and %d", scale, -1000, 1000);
    *typmod = numeric_typmod(mods[0], scale);
    return 0;
}

static int time_mod(const char *name, const char *zone, const int32_t *mods, uint32_t n,
                    int32_t *typmod, struct err *err)
{
    if (n != 1)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid type modifier");
    if (mods[0] < 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "%s(%d)%s precision must not be negative",
                       name, mods[0], zone);
    *typmod = mods[0] > 6 ? 6 : mods[0];
    return 0;
}

static int interval_mod(const int32_t *mods, uint32_t n, int32_t *typmod, struct err *err)
{
    if (n < 1 || n > 2)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid INTERVAL type modifier");
    if (n == 1) {
        *typmod = mods[0] == 0x7fff ? -1 : (int32_t)((uint32_t)(mods[0] & 0x7fff) << 16 | 0xffff);
        return 0;
    }
    if (mods[1] < 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "INTERVAL(%d) precision must not be negative", mods[1]);
    int32_t precision = mods[1] > 6 ? 6 : mods[1];
    *typmod = (int32_t)((uint32_t)(mods[0] & 0x7fff) << 16 | (uint32_t)precision);
    return 0;
}

int type_mod_in(uint32_t oid, const int32_t *mods, uint32_t n_mods, int32_t *typmod,
                struct err *err)
{
    uint32_t elem = array_element_type(oid);
    switch (elem ? elem : oid) {
    case TYPE_VARCHAR:
        return char_mod("varchar", mods, n_mods, typmod, err);
    case TYPE_BPCHAR:
        return char_mod("char", mods, n_mods, typmod, err);
    case TYPE_NUMERIC:
        return numeric_mod_in(mods, n_mods, typmod, err);
    case TYPE_TIME:
        return time_mod("TIME", "", mods, n_mods, typmod, err);
    case TYPE_TIMETZ:
        return time_mod("TIME", " WITH TIME ZONE", mods, n_mods, typmod, err);
    case TYPE_TIMESTAMP:
        return time_mod("TIMESTAMP", "", mods, n_mods, typmod, err);
    case TYPE_TIMESTAMPTZ:
        return time_mod("TIMESTAMP", " WITH TIME ZONE", mods, n_mods, typmod, err);
    case TYPE_INTERVAL:
        return interval_mod(mods, n_mods, typmod, err);
    default: {
        const struct type_info *t = type_info(oid);
        return err_set(err, ERR_SYNTAX_ERROR, "type modifier is not allowed for type \"%s\"",
                       t ? t->name : "???");
    }
    }
}

/* ---- text in ------------------------------------------------------------------------------- */

static int reg_in(const struct type_env *env, uint32_t oid, const char *text, size_t len,
                  struct datum *out, struct err *err)
{
    uint32_t value = 0;
    const struct type_info *t = type_info(oid);
    bool digits = len > 0;
    for (size_t i = 0; i < len; i++)
        digits &= text[i] >= '0' && text[i] <= '9';
    int rc = 0;
    if (len == 1 && text[0] == '-')
        value = 0;
    else if (digits)
        rc = scalar_oid_in(text, len, "oid", &value, err);
    else if (env->names)
        rc = env->names->oid_of(env->names_ctx, oid, text, len, &value, err);
    else
        rc = err_set(err, ERR_INVALID_TEXT_REPRESENTATION,
                     "invalid input syntax for type %s: \"%.*s\"", t->name, (int)len, text);
    if (rc == 0)
        *out = datum_i64(value);
    return rc;
}

static int lsn_in(const char *text, size_t len, struct datum *out, struct err *err)
{
    uint64_t parts[2] = {0, 0};
    int part = 0;
    uint32_t digits = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        int v = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (c == '/' && part == 0 && digits > 0) {
            part = 1;
            digits = 0;
            continue;
        }
        if (v < 0 || ++digits > 8)
            part = 2;
        if (part == 2)
            break;
        parts[part] = parts[part] << 4 | (unsigned)v;
    }
    if (part != 1 || digits == 0)
        return err_set(err, ERR_INVALID_TEXT_REPRESENTATION,
                       "invalid input syntax for type pg_lsn: \"%.*s\"", (int)len, text);
    *out = datum_i64((int64_t)(parts[0] << 32 | parts[1]));
    return 0;
}

/* xid and cid are read as strtoul does: what leads, modulo 2^32, never an error. */
static uint32_t loose_number(const char *text, size_t len)
{
    char copy[24] = "";
    memcpy(copy, text, len < sizeof copy - 1 ? len : sizeof copy - 1);
    return (uint32_t)strtoul(copy, NULL, 0);
}

static int no_input(uint32_t oid, struct err *err)
{
    const struct type_info *t = type_info(oid);
    if (oid == TYPE_RECORD)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "input of anonymous composite types is not implemented");
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot accept a value of type %s",
                   t ? t->name : "???");
}

static int number_in(uint32_t oid, const char *text, size_t len, struct datum *out, struct err *err)
{
    int64_t v = 0;
    int rc;
    switch (oid) {
    case TYPE_INT2:
        rc = scalar_int_in(text, len, INT16_MIN, INT16_MAX, "smallint", &v, err);
        *out = i16_datum((int16_t)v);
        return rc;
    case TYPE_INT4:
        rc = scalar_int_in(text, len, INT32_MIN, INT32_MAX, "integer", &v, err);
        *out = i32_datum((int32_t)v);
        return rc;
    case TYPE_INT8:
    case TYPE_XID8:
        rc = scalar_int_in(text, len, INT64_MIN, INT64_MAX, "bigint", &v, err);
        *out = datum_i64(v);
        return rc;
    case TYPE_FLOAT4: {
        float f = 0;
        rc = scalar_float4_in(text, len, &f, err);
        *out = f32_datum(f);
        return rc;
    }
    default: {
        double f = 0;
        rc = scalar_float8_in(text, len, &f, err);
        *out = f64_datum(f);
        return rc;
    }
    }
}

static int time_text_in(const struct type_env *env, uint32_t oid, int32_t typmod, const char *text,
                        size_t len, struct arena *arena, struct datum *out, struct err *err)
{
    int64_t us = 0;
    int32_t days = 0;
    int rc;
    switch (oid) {
    case TYPE_DATE:
        rc = date_in(env, text, len, &days, err);
        *out = i32_datum(days);
        return rc;
    case TYPE_TIME:
        rc = time_in(env, text, len, typmod, &us, err);
        *out = datum_i64(us);
        return rc;
    case TYPE_TIMETZ: {
        struct timetz t = {0};
        rc = timetz_in(env, text, len, typmod, &t, err);
        *out = timetz_datum(&t);
        return rc;
    }
    case TYPE_INTERVAL: {
        struct interval iv = {0};
        rc = interval_in(env, text, len, typmod, &iv, err);
        *out = interval_datum(&iv, arena);
        return rc;
    }
    default:
        rc = timestamp_in(env, text, len, typmod, oid == TYPE_TIMESTAMPTZ, &us, err);
        *out = datum_i64(us);
        return rc;
    }
}

static int string_in(uint32_t oid, int32_t typmod, const char *text, size_t len,
                     struct arena *arena, struct datum *out, struct err *err)
{
    const uint8_t *p = (const uint8_t *)text;
    int rc = text_check(p, len, err);
    if (rc)
        return rc;
    switch (oid) {
    case TYPE_VARCHAR:
        return fit_varchar(p, len, typmod, false, arena, out, err);
    case TYPE_BPCHAR:
        return fit_bpchar(p, len, typmod, false, arena, out, err);
    case TYPE_NAME:
        *out = fit_name(p, len, arena);
        return 0;
    case TYPE_CHAR:
        if (len == 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
            p[3] >= '0' && p[3] <= '7') {
            uint8_t c = (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            *out = bytes_datum(arena, &c, c != 0);
            return 0;
        }
        *out = bytes_datum(arena, p, len ? 1 : 0);
        return 0;
    default:
        *out = bytes_datum(arena, p, len);
        return 0;
    }
}

int type_in(const struct type_env *env, uint32_t oid, int32_t typmod, const char *text, size_t len,
            struct arena *arena, struct datum *out, struct err *err)
{
    uint32_t value = 0;
    bool flag = false;
    int rc;
    switch (oid) {
    case TYPE_BOOL:
        rc = scalar_bool_in(text, len, &flag, err);
        *out = bool_datum(flag);
        return rc;
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_XID8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return number_in(oid, text, len, out, err);
    case TYPE_NUMERIC:
        return numeric_in(text, len, typmod, arena, out, err);
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_CHAR:
    case TYPE_UNKNOWN:
    case TYPE_CSTRING:
    case TYPE_REFCURSOR:
    case TYPE_ACLITEM:
        return string_in(oid, typmod, text, len, arena, out, err);
    case TYPE_BYTEA:
        return bytea_in(text, len, arena, out, err);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_INTERVAL:
        return time_text_in(env, oid, typmod, text, len, arena, out, err);
    case TYPE_UUID: {
        uint8_t uuid[16];
        rc = scalar_uuid_in(text, len, uuid, err);
        if (rc == 0)
            *out = bytes_datum(arena, uuid, sizeof uuid);
        return rc;
    }
    case TYPE_XID:
    case TYPE_CID:
        *out = datum_i64(loose_number(text, len));
        return 0;
    case TYPE_OID:
        rc = scalar_oid_in(text, len, type_info(oid)->name, &value, err);
        *out = datum_i64(value);
        return rc;
    case TYPE_PG_LSN:
        return lsn_in(text, len, out, err);
    case TYPE_VOID:
        *out = bytes_datum(arena, "", 0);
        return 0;
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return array_vector_in(oid, text, len, arena, out, err);
    default:
        break;
    }
    const struct type_info *t = type_info(oid);
    if (t && t->phys == PHYS_INT64 && strncmp(t->name, "reg", 3) == 0)
        return reg_in(env, oid, text, len, out, err);
    if (t && t->category == 'A' && t->kind == 'b')
        return array_in(env, oid, typmod, text, len, arena, out, err);
    return no_input(oid, err);
}

/* ---- text out ------------------------------------------------------------------------------ */

static void char_out(const struct bytes_view *v, struct buf *out)
{
    if (v->len == 0)
        return;
    uint8_t c = view_data(v)[0];
    if (c >= 0x80)
        buf_printf(out, "\\%03o", c);
    else
        buf_put_u8(out, c);
}

static void reg_out(const struct type_env *env, uint32_t oid, int64_t value, struct buf *out)
{
    if (value == 0)
        buf_put_u8(out, '-');
    else if (!env->names || !env->names->name_of(env->names_ctx, oid, (uint32_t)value, out))
        scalar_put_int(out, value);
}

/* (a,"b c",): quoted where empty, or holding one of ,()"\ or white space. */
static void put_field(const struct buf *text, struct buf *out)
{
    bool quote = text->len == 0;
    for (size_t i = 0; i < text->len; i++) {
        char c = (char)text->data[i];
        quote |= c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || scalar_is_space(c);
    }
    if (!quote) {
        buf_put(out, text->data, text->len);
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '"' || text->data[i] == '\\')
            buf_put_u8(out, text->data[i]);
        buf_put_u8(out, text->data[i]);
    }
    buf_put_u8(out, '"');
}

/* A record's bytes: count, then per field its type and a 24-byte datum head {kind, null, scale16,
 * len32, value[16]} with its bytes padded to 8 (types/expr/program_int.h writes them). */
static int record_out(const struct type_env *env, const struct bytes_view *v, struct buf *out,
                      struct err *err)
{
    struct buf_reader r = buf_reader_of(view_data(v), v->len);
    uint32_t n = buf_take_le32(&r);
    struct buf text = {0};
    int rc = 0;
    buf_put_u8(out, '(');
    for (uint32_t i = 0; i < n && rc == 0 && !r.bad; i++) {
        uint32_t oid = buf_take_le32(&r);
        struct datum d = {.kind = buf_take_u8(&r)};
        d.null = buf_take_u8(&r) != 0;
        d.dec_scale = (int16_t)buf_take_le16(&r);
        uint32_t len = buf_take_le32(&r);
        const uint8_t *value = buf_take(&r, 16);
        const uint8_t *bytes = buf_take(&r, len);
        size_t used = (size_t)(r.at - view_data(v)) - 4 * (i + 1) - 4;
        while (used++ & 7 && buf_reader_left(&r))
            buf_take_u8(&r);
        if (i)
            buf_put_u8(out, ',');
        if (d.null || r.bad || !value)
            continue;
        if (d.kind == PHYS_BYTES)
            d.u.bytes = view_of(bytes, len);
        else
            memcpy(&d.u, value, 16);
        buf_reset(&text);
        rc = type_out(env, oid, &d, &text, err);
        put_field(&text, out);
    }
    buf_put_u8(out, ')');
    buf_done(&text);
    return rc;
}

static void time_text_out(const struct type_env *env, uint32_t oid, const struct datum *value,
                          struct buf *out)
{
    switch (oid) {
    case TYPE_DATE:
        date_out(env, value->u.i32, out);
        return;
    case TYPE_TIME:
        time_out(value->u.i64, out);
        return;
    case TYPE_TIMETZ: {
        struct timetz t = timetz_load(&value->u.bytes);
        timetz_out(&t, out);
        return;
    }
    case TYPE_INTERVAL: {
        struct interval iv = interval_load(&value->u.bytes);
        interval_out(env, &iv, out);
        return;
    }
    default:
        timestamp_out(env, value->u.i64, oid == TYPE_TIMESTAMPTZ, out);
        return;
    }
}

int type_out(const struct type_env *env, uint32_t oid, const struct datum *value, struct buf *out,
             struct err *err)
{
    const struct bytes_view *v = &value->u.bytes;
    switch (oid) {
    case TYPE_BOOL:
        buf_put_u8(out, value->u.b ? 't' : 'f');
        return 0;
    case TYPE_INT2:
        scalar_put_int(out, value->u.i16);
        return 0;
    case TYPE_INT4:
        scalar_put_int(out, value->u.i32);
        return 0;
    case TYPE_INT8:
        scalar_put_int(out, value->u.i64);
        return 0;
    case TYPE_OID:
    case TYPE_XID:
    case TYPE_CID:
    case TYPE_XID8:
        scalar_put_int(out, value->u.i64);
        return 0;
    case TYPE_FLOAT4:
        scalar_put_float4(out, value->u.f32, env->float_digits_less);
        return 0;
    case TYPE_FLOAT8:
        scalar_put_float8(out, value->u.f64, env->float_digits_less);
        return 0;
    case TYPE_NUMERIC:
        numeric_out(value, out);
        return 0;
    case TYPE_CHAR:
        char_out(v, out);
        return 0;
    case TYPE_BYTEA:
        bytea_out(env->bytea_output == TYPE_BYTEA_ESCAPE, view_data(v), v->len, out);
        return 0;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_INTERVAL:
        time_text_out(env, oid, value, out);
        return 0;
    case TYPE_UUID:
        scalar_uuid_out(view_data(v), out);
        return 0;
    case TYPE_PG_LSN:
        buf_printf(out, "%X/%X", (unsigned)((uint64_t)value->u.i64 >> 32), (unsigned)value->u.i64);
        return 0;
    case TYPE_VOID:
        return 0;
    case TYPE_RECORD:
        return record_out(env, v, out, err);
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        array_vector_out(v, out);
        return 0;
    default:
        break;
    }
    const struct type_info *t = type_info(oid);
    if (t && t->phys == PHYS_INT64 && strncmp(t->name, "reg", 3) == 0) {
        reg_out(env, oid, value->u.i64, out);
        return 0;
    }
    if (t && t->category == 'A' && t->elem)
        return array_out(env, v, out, err);
    buf_put(out, view_data(v), v->len);
    return 0;
}
