#include "types/type/array.h"
#include "types/type/datetime.h"
#include "types/type/numeric.h"
#include "types/type/text.h"
#include "types/type/type.h"

/* PostgreSQL's binary forms: big-endian fixed-width words for numbers and times, plain bytes for
 * strings. */

static int bad_length(uint32_t oid, struct err *err)
{
    const struct type_info *t = type_info(oid);
    return err_set(err, ERR_INVALID_BINARY_REPRESENTATION,
                   "incorrect binary data format for type %s", t ? t->name : "???");
}

static size_t fixed_width(uint32_t oid)
{
    switch (oid) {
    case TYPE_BOOL:
    case TYPE_CHAR:
        return 1;
    case TYPE_INT2:
        return 2;
    case TYPE_INT4:
    case TYPE_FLOAT4:
    case TYPE_DATE:
    case TYPE_OID:
    case TYPE_XID:
    case TYPE_CID:
        return 4;
    case TYPE_INT8:
    case TYPE_FLOAT8:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_XID8:
    case TYPE_PG_LSN:
        return 8;
    case TYPE_TIMETZ:
        return 12;
    case TYPE_INTERVAL:
    case TYPE_UUID:
        return 16;
    default: {
        const struct type_info *t = type_info(oid);
        return t && t->phys == PHYS_INT64 ? 4 : 0;
    }
    }
}

static int recv_time(uint32_t oid, int32_t typmod, struct datum *d, struct err *err)
{
    int64_t us = d->u.i64;
    if (oid == TYPE_TIME && (us < 0 || us > US_PER_DAY))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "time out of range");
    if (oid != TYPE_TIME && datetime_finite(us) && !datetime_in_range(us))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    if (oid == TYPE_TIME || datetime_finite(us))
        d->u.i64 = datetime_round(us, typmod);
    return 0;
}

static int recv_interval(const uint8_t *p, int32_t typmod, struct arena *arena, struct datum *out,
                         struct err *err)
{
    struct interval iv = {.us = (int64_t)load_be64(p),
                          .days = (int32_t)load_be32(p + 8),
                          .months = (int32_t)load_be32(p + 12)};
    int rc = interval_apply_typmod(&iv, typmod, err);
    if (rc == 0)
        *out = interval_datum(&iv, arena);
    return rc;
}

static int recv_timetz(const uint8_t *p, int32_t typmod, struct datum *out, struct err *err)
{
    struct timetz t = {.us = (int64_t)load_be64(p), .zone = (int32_t)load_be32(p + 8)};
    if (t.us < 0 || t.us > US_PER_DAY)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "time out of range");
    if (t.zone <= -57600 || t.zone >= 57600)
        return err_set(err, ERR_INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                       "time zone displacement out of range");
    t.us = datetime_round(t.us, typmod);
    *out = timetz_datum(&t);
    return 0;
}

static int recv_fixed(uint32_t oid, int32_t typmod, const uint8_t *p, struct arena *arena,
                      struct datum *out, struct err *err)
{
    const struct type_info *t = type_info(oid);
    *out = (struct datum){.kind = t->phys, .dec_scale = -1};
    switch (oid) {
    case TYPE_BOOL:
        out->u.b = p[0] != 0;
        return 0;
    case TYPE_CHAR:
        out->u.bytes = view_of(p, p[0] != 0);
        return 0;
    case TYPE_INT2:
        out->u.i16 = (int16_t)load_be16(p);
        return 0;
    case TYPE_INT4:
        out->u.i32 = (int32_t)load_be32(p);
        return 0;
    case TYPE_DATE:
        out->u.i32 = (int32_t)load_be32(p);
        if (date_finite(out->u.i32) && !date_in_range(out->u.i32))
            return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range");
        return 0;
    case TYPE_FLOAT4: {
        uint32_t bits = load_be32(p);
        memcpy(&out->u.f32, &bits, sizeof bits);
        return 0;
    }
    case TYPE_FLOAT8: {
        uint64_t bits = load_be64(p);
        memcpy(&out->u.f64, &bits, sizeof bits);
        return 0;
    }
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        out->u.i64 = (int64_t)load_be64(p);
        return recv_time(oid, typmod, out, err);
    case TYPE_INTERVAL:
        return recv_interval(p, typmod, arena, out, err);
    case TYPE_TIMETZ:
        return recv_timetz(p, typmod, out, err);
    case TYPE_UUID:
        out->u.bytes = view_copy(arena, p, 16);
        return 0;
    default:
        out->u.i64 = fixed_width(oid) == 4 ? (int64_t)load_be32(p) : (int64_t)load_be64(p);
        return 0;
    }
}

int type_recv(const struct type_env *env, uint32_t oid, int32_t typmod, const uint8_t *data,
              size_t len, struct arena *arena, struct datum *out, struct err *err)
{
    const struct type_info *t = type_info(oid);
    size_t width = fixed_width(oid);
    if (t && width)
        return len == width ? recv_fixed(oid, typmod, data, arena, out, err) : bad_length(oid, err);
    switch (oid) {
    case TYPE_NUMERIC:
        return numeric_recv(data, len, typmod, arena, out, err);
    case TYPE_BYTEA:
        *out = (struct datum){.kind = PHYS_BYTES, .dec_scale = -1};
        out->u.bytes = view_copy(arena, data, (uint32_t)len);
        return 0;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_UNKNOWN:
    case TYPE_CSTRING:
    case TYPE_REFCURSOR:
        return type_in(env, oid, typmod, (const char *)data, len, arena, out, err);
    case TYPE_VOID:
        return type_in(env, oid, typmod, "", 0, arena, out, err);
    default:
        break;
    }
    if (t && t->category == 'A' && t->elem && t->kind == 'b')
        return array_recv(env, oid, typmod, data, len, arena, out, err);
    return err_set(err, ERR_UNDEFINED_FUNCTION, "no binary input function available for type %s",
                   t ? t->name : "???");
}

int type_send(const struct type_env *env, uint32_t oid, const struct datum *value, struct buf *out,
              struct err *err)
{
    const struct bytes_view *v = &value->u.bytes;
    uint32_t bits32;
    uint64_t bits64;
    switch (oid) {
    case TYPE_BOOL:
        buf_put_u8(out, value->u.b);
        return 0;
    case TYPE_CHAR:
        buf_put_u8(out, v->len ? view_data(v)[0] : 0);
        return 0;
    case TYPE_INT2:
        buf_put_be16(out, (uint16_t)value->u.i16);
        return 0;
    case TYPE_INT4:
    case TYPE_DATE:
        buf_put_be32(out, (uint32_t)value->u.i32);
        return 0;
    case TYPE_FLOAT4:
        memcpy(&bits32, &value->u.f32, sizeof bits32);
        buf_put_be32(out, bits32);
        return 0;
    case TYPE_FLOAT8:
        memcpy(&bits64, &value->u.f64, sizeof bits64);
        buf_put_be64(out, bits64);
        return 0;
    case TYPE_INT8:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_XID8:
    case TYPE_PG_LSN:
        buf_put_be64(out, (uint64_t)value->u.i64);
        return 0;
    case TYPE_NUMERIC:
        numeric_send(value, out);
        return 0;
    case TYPE_INTERVAL: {
        struct interval iv = interval_load(v);
        buf_put_be64(out, (uint64_t)iv.us);
        buf_put_be32(out, (uint32_t)iv.days);
        buf_put_be32(out, (uint32_t)iv.months);
        return 0;
    }
    case TYPE_TIMETZ: {
        struct timetz t = timetz_load(v);
        buf_put_be64(out, (uint64_t)t.us);
        buf_put_be32(out, (uint32_t)t.zone);
        return 0;
    }
    case TYPE_VOID:
        return 0;
    default:
        break;
    }
    const struct type_info *t = type_info(oid);
    if (t && t->phys == PHYS_INT64) {
        buf_put_be32(out, (uint32_t)value->u.i64);
        return 0;
    }
    if (t && t->category == 'A' && t->elem)
        return array_send(env, v, out, err);
    if (oid == TYPE_RECORD)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "binary output of anonymous records is not supported yet");
    buf_put(out, view_data(v), v->len);
    return 0;
}
