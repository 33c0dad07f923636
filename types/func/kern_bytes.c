/* bytea kernels: digests, encodings, bits. Digests come from OpenSSL's one-shot functions, which
 * hold no state. */
#include <openssl/evp.h>

#include "types/func/kern.h"
#include "types/type/text.h"

/* ---- digests
 * ------------------------------------------------------------------------------------------ */

static int digest_rows(struct func_call *call, const EVP_MD *md, bool hex, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        uint8_t sum[EVP_MAX_MD_SIZE];
        char text[2 * EVP_MAX_MD_SIZE];
        unsigned n = 0;
        if (!EVP_Digest(view_data(v), v->len, sum, &n, md, NULL))
            return fail_row(call, i,
                            err_set(err, ERR_INTERNAL_ERROR, "could not compute a digest"));
        for (unsigned k = 0; k < n; k++) {
            text[2 * k] = digits[sum[k] >> 4];
            text[2 * k + 1] = digits[sum[k] & 15];
        }
        out_bytes(call, row, hex ? (const void *)text : sum, hex ? 2 * n : n);
    }
    return 0;
}

KERNEL(md5_text)
{
    return digest_rows(call, EVP_md5(), true, err);
}
KERNEL(md5_bytea)
{
    return digest_rows(call, EVP_md5(), true, err);
}
KERNEL(sha224_bytea)
{
    return digest_rows(call, EVP_sha224(), false, err);
}
KERNEL(sha256_bytea)
{
    return digest_rows(call, EVP_sha256(), false, err);
}
KERNEL(sha384_bytea)
{
    return digest_rows(call, EVP_sha384(), false, err);
}
KERNEL(sha512_bytea)
{
    return digest_rows(call, EVP_sha512(), false, err);
}

/* ---- encode, decode
 * ------------------------------------------------------------------------------------ */

enum encoding { ENC_HEX, ENC_BASE64, ENC_ESCAPE, ENC_NONE };

static enum encoding encoding_of(const struct bytes_view *v)
{
    static const char *const names[] = {"hex", "base64", "escape"};
    for (int i = 0; i < 3; i++)
        if (strlen(names[i]) == v->len &&
            strncasecmp(names[i], (const char *)view_data(v), v->len) == 0)
            return (enum encoding)i;
    return ENC_NONE;
}

static int unknown_encoding(const struct bytes_view *v, struct err *err)
{
    return err_set(err, ERR_INVALID_PARAMETER_VALUE, "unrecognized encoding: \"%.*s\"", (int)v->len,
                   (const char *)view_data(v));
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Lines of 76 characters, as MIME has them. */
static void base64_encode(const uint8_t *p, uint32_t len, struct buf *out)
{
    uint32_t line = 0;
    for (uint32_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < len ? p[i + 2] : 0);
        buf_put_u8(out, (uint8_t)base64_digits[v >> 18]);
        buf_put_u8(out, (uint8_t)base64_digits[v >> 12 & 63]);
        buf_put_u8(out, (uint8_t)(i + 1 < len ? base64_digits[v >> 6 & 63] : '='));
        buf_put_u8(out, (uint8_t)(i + 2 < len ? base64_digits[v & 63] : '='));
        line += 4;
        if (line >= 76) {
            buf_put_u8(out, '\n');
            line = 0;
        }
    }
}

static int base64_decode(const uint8_t *p, uint32_t len, struct buf *out, struct err *err)
{
    uint32_t v = 0, have = 0, pad = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t c = p[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            continue;
        uint32_t digit = 0;
        if (c == '=') {
            if (have < 2 || (pad && have + pad != 3))
                return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                               "unexpected \"=\" while decoding base64 sequence");
            pad++;
        } else {
            const char *at = c && !pad ? strchr(base64_digits, c) : NULL;
            if (!at)
                return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                               "invalid symbol \"%.*s\" found while decoding "
                               "base64 sequence",
                               (int)text_char_len(p + i, p + len), p + i);
            digit = (uint32_t)(at - base64_digits);
            have++;
        }
        v = v << 6 | digit;
        if (have + pad == 4) {
            buf_put_u8(out, (uint8_t)(v >> 16));
            if (pad < 2)
                buf_put_u8(out, (uint8_t)(v >> 8));
            if (pad < 1)
                buf_put_u8(out, (uint8_t)v);
            v = have = pad = 0;
        }
    }
    if (have + pad) {
        err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid base64 end sequence");
        return err_hint(err,
                        "Input data is missing padding, is truncated, or is otherwise corrupted.");
    }
    return 0;
}

/* escape shows zero bytes and those above 127 in octal; unlike bytea's own form it leaves control
 * characters. */
static void escape_encode(const uint8_t *p, uint32_t len, struct buf *out)
{
    for (uint32_t i = 0; i < len; i++) {
        if (p[i] == 0 || p[i] >= 0x80)
            buf_printf(out, "\\%03o", p[i]);
        else if (p[i] == '\\')
            buf_put_text(out, "\\\\");
        else
            buf_put_u8(out, p[i]);
    }
}

KERNEL(binary_encode)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        buf_reset(&text);
        switch (encoding_of(arg_bytes(call, 1, row))) {
        case ENC_HEX:
            bytea_out(false, view_data(v), v->len, &text);
            break;
        case ENC_BASE64:
            base64_encode(view_data(v), v->len, &text);
            break;
        case ENC_ESCAPE:
            escape_encode(view_data(v), v->len, &text);
            break;
        case ENC_NONE:
            buf_done(&text);
            return fail_row(call, i, unknown_encoding(arg_bytes(call, 1, row), err));
        }
        bool hex = encoding_of(arg_bytes(call, 1, row)) == ENC_HEX;
        out_bytes(call, row, text.data + (hex ? 2 : 0), text.len - (hex ? 2 : 0));
    }
    buf_done(&text);
    return 0;
}

static int decode_row(struct func_call *call, uint32_t row, struct buf *text, struct datum *out,
                      struct err *err)
{
    const struct bytes_view *v = arg_bytes(call, 0, row);
    switch (encoding_of(arg_bytes(call, 1, row))) {
    case ENC_HEX:
        buf_put_text(text, "\\x");
        buf_put(text, view_data(v), v->len);
        return bytea_in((const char *)text->data, text->len, call->arena, out, err);
    case ENC_ESCAPE:
        return bytea_in((const char *)view_data(v), v->len, call->arena, out, err);
    case ENC_BASE64: {
        int rc = base64_decode(view_data(v), v->len, text, err);
        out->u.bytes = view_copy(call->arena, text->data, (uint32_t)text->len);
        return rc;
    }
    case ENC_NONE:
        break;
    }
    return unknown_encoding(arg_bytes(call, 1, row), err);
}

KERNEL(binary_decode)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
        buf_reset(&text);
        int rc = decode_row(call, row, &text, &d, err);
        if (rc) {
            buf_done(&text);
            return fail_row(call, i, rc);
        }
        out_view(call, row, d.u.bytes);
    }
    buf_done(&text);
    return 0;
}

/* ---- conversions: the database is UTF-8
 * ------------------------------------------------------------------- */

static bool is_utf8_name(const struct bytes_view *v)
{
    const char *p = (const char *)view_data(v);
    return (v->len == 4 && strncasecmp(p, "utf8", 4) == 0) ||
           (v->len == 5 && strncasecmp(p, "utf-8", 5) == 0);
}

static int other_encoding(const struct bytes_view *v, struct err *err)
{
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                   "conversion from or to encoding \"%.*s\" is not supported yet", (int)v->len,
                   (const char *)view_data(v));
}

KERNEL(pg_convert_from)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        if (!is_utf8_name(arg_bytes(call, 1, row)))
            return fail_row(call, i, other_encoding(arg_bytes(call, 1, row), err));
        int rc = text_check(view_data(v), v->len, err);
        if (rc)
            return fail_row(call, i, rc);
        out_view(call, row, *v);
    }
    return 0;
}

KERNEL(pg_convert_to)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        if (!is_utf8_name(arg_bytes(call, 1, row)))
            return fail_row(call, i, other_encoding(arg_bytes(call, 1, row), err));
        out_view(call, row, *arg_bytes(call, 0, row));
    }
    return 0;
}

KERNEL(getdatabaseencoding)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_text(call, call_row(call, i), "UTF8");
    return 0;
}

KERNEL(pg_client_encoding)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_text(call, call_row(call, i), "UTF8");
    return 0;
}

/* pg_enc numbers: the two a UTF-8 database meets. */
KERNEL(PG_encoding_to_char)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t n = arg_i32(call, 0, row);
        out_text(call, row, n == 6 ? "UTF8" : n == 0 ? "SQL_ASCII" : "");
    }
    return 0;
}

KERNEL(PG_char_to_encoding)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        bool ascii = v->len == 9 && strncasecmp((const char *)view_data(v), "sql_ascii", 9) == 0;
        out_i32(call, row, is_utf8_name(v) ? 6 : ascii ? 0 : -1);
    }
    return 0;
}

/* ---- bytes and bits
 * ----------------------------------------------------------------------------------------- */

static int index_error(int64_t at, int64_t max, struct err *err)
{
    return err_set(err, ERR_ARRAY_SUBSCRIPT_ERROR, "index %lld out of valid range, 0..%lld",
                   (long long)at, (long long)max);
}

KERNEL(byteaGetByte)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int32_t at = arg_i32(call, 1, row);
        if (at < 0 || (uint32_t)at >= v->len)
            return fail_row(call, i, index_error(at, (int64_t)v->len - 1, err));
        out_i32(call, row, view_data(v)[at]);
    }
    return 0;
}

KERNEL(byteaSetByte)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int32_t at = arg_i32(call, 1, row);
        if (at < 0 || (uint32_t)at >= v->len)
            return fail_row(call, i, index_error(at, (int64_t)v->len - 1, err));
        uint8_t *copy = arena_memdup(call->arena, view_data(v), v->len);
        copy[at] = (uint8_t)arg_i32(call, 2, row);
        out_view(call, row, view_of(copy, v->len));
    }
    return 0;
}

KERNEL(byteaGetBit)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t at = arg_i64(call, 1, row);
        if (at < 0 || at >= (int64_t)v->len * 8)
            return fail_row(call, i, index_error(at, (int64_t)v->len * 8 - 1, err));
        out_i32(call, row, view_data(v)[at / 8] >> (at % 8) & 1);
    }
    return 0;
}

KERNEL(byteaSetBit)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t at = arg_i64(call, 1, row);
        int32_t bit = arg_i32(call, 2, row);
        if (at < 0 || at >= (int64_t)v->len * 8)
            return fail_row(call, i, index_error(at, (int64_t)v->len * 8 - 1, err));
        if (bit != 0 && bit != 1)
            return fail_row(call, i,
                            err_set(err, ERR_INVALID_PARAMETER_VALUE, "new bit must be 0 or 1"));
        uint8_t *copy = arena_memdup(call->arena, view_data(v), v->len);
        copy[at / 8] = (uint8_t)((copy[at / 8] & ~(1 << (at % 8))) | bit << (at % 8));
        out_view(call, row, view_of(copy, v->len));
    }
    return 0;
}

KERNEL(bytea_bit_count)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t n = 0;
        for (uint32_t k = 0; k < v->len; k++)
            n += __builtin_popcount(view_data(v)[k]);
        out_i64(call, row, n);
    }
    return 0;
}
