/* scalar_io.h: text forms of the simple scalars: integers, floats, booleans, uuid, OIDs. Errors as
 * PostgreSQL words them. */
#ifndef CAIRN_TYPES_TYPE_SCALAR_IO_H
#define CAIRN_TYPES_TYPE_SCALAR_IO_H

#include "types/type/type.h"

/* Appends a number in decimal, faster than printf. */
void scalar_put_int(struct buf *out, int64_t v);
/* The shortest text that reads back as the same value (digits_less > 0: that many digits fewer than
 * full precision). */
void scalar_put_float8(struct buf *out, double v, int digits_less);
void scalar_put_float4(struct buf *out, float v, int digits_less);

int scalar_int_in(const char *text, size_t len, int64_t min, int64_t max, const char *type_name,
                  int64_t *out, struct err *err) MUST_CHECK;
int scalar_float8_in(const char *text, size_t len, double *out, struct err *err) MUST_CHECK;
int scalar_float4_in(const char *text, size_t len, float *out, struct err *err) MUST_CHECK;
int scalar_bool_in(const char *text, size_t len, bool *out, struct err *err) MUST_CHECK;
int scalar_uuid_in(const char *text, size_t len, uint8_t out[16], struct err *err) MUST_CHECK;
void scalar_uuid_out(const uint8_t uuid[16], struct buf *out);
int scalar_oid_in(const char *text, size_t len, const char *type_name, uint32_t *out,
                  struct err *err) MUST_CHECK;

static inline bool scalar_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
