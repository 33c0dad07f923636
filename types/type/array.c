#include "types/type/array.h"

#include <stdlib.h>

#include "base/key.h"
#include "types/type/numeric.h"
#include "types/type/scalar_io.h"

uint32_t array_element_type(uint32_t array_type)
{
    const struct type_info *t = type_info(array_type);
    return t && t->category == 'A' ? t->elem : 0;
}

uint32_t array_type_of(uint32_t elem_type)
{
    const struct type_info *t = type_info(elem_type);
    return t ? t->array : 0;
}

bool array_open(const struct bytes_view *v, struct array *out)
{
    struct buf_reader r = buf_reader_of(view_data(v), v->len);
    *out = (struct array){.elem = buf_take_le32(&r), .n_dims = buf_take_le32(&r)};
    if (r.bad || out->n_dims > ARRAY_DIMS_MAX)
        return false;
    uint64_t n = out->n_dims ? 1 : 0;
    for (uint32_t i = 0; i < out->n_dims; i++) {
        out->dims[i] = (int32_t)buf_take_le32(&r);
        out->lower[i] = (int32_t)buf_take_le32(&r);
        if (out->dims[i] <= 0)
            return false;
        n *= (uint64_t)out->dims[i];
        if (n > ARRAY_ELEMENTS_MAX)
            return false;
    }
    out->n = (uint32_t)n;
    out->at = r.at;
    out->end = r.end;
    return !r.bad;
}

bool array_next(struct array *a, struct datum *out)
{
    if ((size_t)(a->end - a->at) < 4)
        return false;
    const struct type_info *t = type_info(a->elem);
    enum phys_kind kind = t ? (enum phys_kind)t->phys : PHYS_BYTES;
    int32_t len = (int32_t)load_le32(a->at);
    a->at += 4;
    if (len < 0) {
        *out = datum_null(kind);
        return true;
    }
    if (a->end - a->at < len)
        return false;
    *out = (struct datum){.kind = (uint8_t)kind, .dec_scale = -1};
    if (kind == PHYS_BYTES)
        out->u.bytes = view_of(a->at, (uint32_t)len);
    else if (len == phys_width[kind])
        memcpy(&out->u, a->at, (size_t)len);
    else
        return false;
    a->at += len;
    return true;
}

void array_begin(struct array_builder *b, uint32_t elem)
{
    *b = (struct array_builder){.elem = elem};
}

void array_shape(struct array_builder *b, uint32_t n_dims, const int32_t *dims,
                 const int32_t *lower)
{
    b->n_dims = n_dims;
    memcpy(b->dims, dims, n_dims * sizeof *dims);
    memcpy(b->lower, lower, n_dims * sizeof *lower);
}

void array_add(struct array_builder *b, const struct datum *value)
{
    b->n++;
    if (value->null) {
        buf_put_le32(&b->bytes, UINT32_MAX);
        return;
    }
    struct datum v = *value;
    struct arena scratch;
    arena_init(&scratch, NULL);
    if (b->elem == TYPE_NUMERIC && v.kind != PHYS_BYTES) {
        struct numeric n;
        numeric_open(&v, &scratch, &n);
        v = numeric_close_num(&n, &scratch);
    }
    if (v.kind == PHYS_BYTES) {
        buf_put_le32(&b->bytes, v.u.bytes.len);
        buf_put(&b->bytes, view_data(&v.u.bytes), v.u.bytes.len);
    } else {
        buf_put_le32(&b->bytes, phys_width[v.kind]);
        buf_put(&b->bytes, &v.u, phys_width[v.kind]);
    }
    arena_done(&scratch);
}

struct datum array_end(struct array_builder *b, struct arena *arena)
{
    if (b->n == 0)
        b->n_dims = 0;
    else if (b->n_dims == 0) {
        b->n_dims = 1;
        b->dims[0] = (int32_t)b->n;
        b->lower[0] = 1;
    }
    size_t len = 8 + 8 * (size_t)b->n_dims + b->bytes.len;
    uint8_t *p = arena_alloc(arena, len);
    store_le32(p, b->elem);
    store_le32(p + 4, b->n_dims);
    for (uint32_t i = 0; i < b->n_dims; i++) {
        store_le32(p + 8 + 8 * i, (uint32_t)b->dims[i]);
        store_le32(p + 12 + 8 * i, (uint32_t)b->lower[i]);
    }
    if (b->bytes.len)
        memcpy(p + 8 + 8 * b->n_dims, b->bytes.data, b->bytes.len);
    array_abandon(b);
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    d.u.bytes = view_of(p, (uint32_t)len);
    return d;
}

void array_abandon(struct array_builder *b)
{
    buf_done(&b->bytes);
}

/* ---- text -------------------------------------------------------------------------------------
 */

struct reader {
    const struct type_env *env;
    const char *text, *p, *end;
    size_t len;
    struct arena *arena;
    struct array_builder b;
    uint32_t elem;
    int32_t typmod;
    char delim;
    int32_t counts[ARRAY_DIMS_MAX]; /* what the bounds in front promise */
    struct buf item;
    struct err *err;
};

static int malformed(struct reader *r, const char *detail)
{
    err_set(r->err, ERR_INVALID_TEXT_REPRESENTATION, "malformed array literal: \"%.*s\"",
            (int)r->len, r->text);
    return err_detail(r->err, "%s", detail);
}

static void skip_spaces(struct reader *r)
{
    while (r->p < r->end && scalar_is_space(*r->p))
        r->p++;
}

static int read_item(struct reader *r)
{
    buf_reset(&r->item);
    bool quoted = r->p < r->end && *r->p == '"';
    size_t keep = 0; /* up to the last character that is not a trailing blank */
    if (quoted) {
        for (r->p++; r->p < r->end && *r->p != '"'; r->p++) {
            if (*r->p == '\\' && ++r->p == r->end)
                break;
            buf_put_u8(&r->item, (uint8_t)*r->p);
        }
        if (r->p == r->end)
            return malformed(r, "Unexpected end of input.");
        r->p++;
        keep = r->item.len;
        skip_spaces(r);
        if (r->p < r->end && *r->p != r->delim && *r->p != '}')
            return malformed(r, "Unexpected array element.");
    } else {
        for (; r->p < r->end && *r->p != r->delim && *r->p != '}'; r->p++) {
            if (*r->p == '{' || *r->p == '"')
                return malformed(r, *r->p == '{' ? "Unexpected \"{\" character."
                                                 : "Unexpected array element.");
            bool escaped = *r->p == '\\' && r->p + 1 < r->end;
            r->p += escaped;
            buf_put_u8(&r->item, (uint8_t)*r->p);
            if (escaped || !scalar_is_space(*r->p))
                keep = r->item.len;
        }
        if (r->p == r->end)
            return malformed(r, "Unexpected end of input.");
        if (keep == 0)
            return malformed(r, *r->p == '}' ? "Unexpected \"}\" character."
                                             : "Unexpected \",\" character.");
    }
    struct datum d;
    if (!quoted && keep == 4 && strncasecmp((char *)r->item.data, "null", 4) == 0) {
        d = datum_null(PHYS_BYTES);
    } else {
        buf_reserve(&r->item, 1);
        int rc = type_in(r->env, r->elem, r->typmod, (const char *)r->item.data, keep, r->arena, &d,
                         r->err);
        if (rc)
            return rc;
    }
    array_add(&r->b, &d);
    return 0;
}

/* One brace level at `depth`; every array of a level must have the same length. */
static int read_level(struct reader *r, uint32_t depth)
{
    if (depth >= ARRAY_DIMS_MAX)
        return err_set(r->err, ERR_PROGRAM_LIMIT_EXCEEDED,
                       "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                       (int)depth + 1, ARRAY_DIMS_MAX);
    int32_t n = 0;
    r->p++; /* { */
    skip_spaces(r);
    bool leaf = false, branch = false;
    if (r->p < r->end && *r->p == '}' && depth == 0) {
        r->p++;
        return 0;
    }
    for (;;) {
        skip_spaces(r);
        if (r->p == r->end)
            return malformed(r, "Unexpected end of input.");
        bool nested = *r->p == '{';
        if ((nested && leaf) || (!nested && branch))
            return malformed(r,
                             nested ? "Unexpected \"{\" character." : "Unexpected array element.");
        leaf |= !nested;
        branch |= nested;
        int rc = nested ? read_level(r, depth + 1) : read_item(r);
        if (rc)
            return rc;
        n++;
        skip_spaces(r);
        if (r->p < r->end && *r->p == r->delim) {
            r->p++;
            continue;
        }
        if (r->p < r->end && *r->p == '}') {
            r->p++;
            break;
        }
        return malformed(r, "Unexpected end of input.");
    }
    uint32_t dims = depth + 1;
    if (dims > r->b.n_dims)
        r->b.n_dims = dims;
    if (leaf && dims < r->b.n_dims)
        return malformed(r,
                         "Multidimensional arrays must have sub-arrays with matching dimensions.");
    if (r->b.dims[depth] && r->b.dims[depth] != n)
        return malformed(r,
                         "Multidimensional arrays must have sub-arrays with matching dimensions.");
    r->b.dims[depth] = n;
    return 0;
}

/* [l:u][l:u]= in front of the braces. */
static int read_bounds(struct reader *r, uint32_t *n_bounds)
{
    *n_bounds = 0;
    while (r->p < r->end && *r->p == '[') {
        char *next;
        if (*n_bounds == ARRAY_DIMS_MAX)
            return malformed(r, "Too many dimensions.");
        long lower = strtol(r->p + 1, &next, 10), upper = lower;
        bool has_upper = next < r->end && *next == ':';
        if (has_upper)
            upper = strtol(next + 1, &next, 10);
        else {
            upper = lower;
            lower = 1;
        }
        if (next >= r->end || *next != ']')
            return malformed(r, "Missing \"]\" after array dimensions.");
        if (upper < lower)
            return err_set(r->err, ERR_ARRAY_SUBSCRIPT_ERROR,
                           "upper bound cannot be less than lower bound");
        r->b.lower[*n_bounds] = (int32_t)lower;
        r->counts[*n_bounds] = (int32_t)(upper - lower + 1);
        (*n_bounds)++;
        r->p = next + 1;
        skip_spaces(r);
    }
    if (*n_bounds == 0)
        return 0;
    if (r->p == r->end || *r->p != '=')
        return malformed(r, "Missing \"=\" after array dimensions.");
    r->p++;
    skip_spaces(r);
    return 0;
}

int array_in(const struct type_env *env, uint32_t array_type, int32_t typmod, const char *text,
             size_t len, struct arena *arena, struct datum *out, struct err *err)
{
    /* strtol needs an end */
    char *copy = arena_strndup(arena, text, len);
    struct reader r = {.env = env,
                       .text = copy,
                       .p = copy,
                       .end = copy + len,
                       .len = len,
                       .arena = arena,
                       .elem = array_element_type(array_type),
                       .typmod = typmod,
                       .err = err};
    r.delim = type_info(r.elem)->delim;
    array_begin(&r.b, r.elem);
    for (int i = 0; i < ARRAY_DIMS_MAX; i++)
        r.b.lower[i] = 1;
    skip_spaces(&r);
    uint32_t n_bounds;
    int rc = read_bounds(&r, &n_bounds);
    if (rc == 0 && (r.p == r.end || *r.p != '{'))
        rc = malformed(&r, "Array value must start with \"{\" or dimension information.");
    if (rc == 0)
        rc = read_level(&r, 0);
    skip_spaces(&r);
    if (rc == 0 && r.p != r.end)
        rc = malformed(&r, "Junk after closing right brace.");
    bool kept = n_bounds == 0 || n_bounds == r.b.n_dims;
    for (uint32_t i = 0; i < n_bounds; i++)
        kept &= r.counts[i] == r.b.dims[i];
    if (rc == 0 && !kept)
        rc = malformed(&r, "Specified array dimensions do not match array contents.");
    buf_done(&r.item);
    if (rc) {
        array_abandon(&r.b);
        return rc;
    }
    *out = array_end(&r.b, arena);
    return 0;
}

static void put_item(const struct buf *item, char delim, struct buf *out)
{
    bool quote =
        item->len == 0 || (item->len == 4 && strncasecmp((char *)item->data, "null", 4) == 0);
    for (size_t i = 0; i < item->len; i++) {
        char c = (char)item->data[i];
        quote |= c == '"' || c == '\\' || c == '{' || c == '}' || c == delim || scalar_is_space(c);
    }
    if (!quote) {
        buf_put(out, item->data, item->len);
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0; i < item->len; i++) {
        if (item->data[i] == '"' || item->data[i] == '\\')
            buf_put_u8(out, '\\');
        buf_put_u8(out, item->data[i]);
    }
    buf_put_u8(out, '"');
}

static int corrupt(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed array");
}

int array_out(const struct type_env *env, const struct bytes_view *v, struct buf *out,
              struct err *err)
{
    struct array a;
    if (!array_open(v, &a))
        return corrupt(err);
    if (a.n_dims == 0) {
        buf_put_text(out, "{}");
        return 0;
    }
    bool bounds = false;
    for (uint32_t i = 0; i < a.n_dims; i++)
        bounds |= a.lower[i] != 1;
    for (uint32_t i = 0; bounds && i < a.n_dims; i++)
        buf_printf(out, "[%d:%d]", a.lower[i], a.lower[i] + a.dims[i] - 1);
    if (bounds)
        buf_put_u8(out, '=');
    const struct type_info *t = type_info(a.elem);
    char delim = t ? t->delim : ',';
    struct buf item = {0};
    buf_reserve(&item, 32);
    struct datum d;
    int rc = 0;
    for (uint32_t i = 0; i < a.n && rc == 0; i++) {
        /* Braces open where a higher dimension begins, and close where it ends. */
        uint32_t span = 1, opened = 0, closed = 0;
        for (uint32_t k = a.n_dims; k-- > 0;) {
            span *= (uint32_t)a.dims[k];
            opened += i % span == 0;
            closed += (i + 1) % span == 0;
        }
        if (i)
            buf_put_u8(out, (uint8_t)delim);
        while (opened--)
            buf_put_u8(out, '{');
        if (!array_next(&a, &d)) {
            rc = corrupt(err);
        } else if (d.null) {
            buf_put_text(out, "NULL");
        } else {
            buf_reset(&item);
            rc = type_out(env, a.elem, &d, &item, err);
            put_item(&item, delim, out);
        }
        while (closed--)
            buf_put_u8(out, '}');
    }
    buf_done(&item);
    return rc;
}

/* ---- binary ------------------------------------------------------------------------------------
 */

int array_send(const struct type_env *env, const struct bytes_view *v, struct buf *out,
               struct err *err)
{
    struct array a;
    if (!array_open(v, &a))
        return corrupt(err);
    struct array probe = a;
    struct datum d;
    bool nulls = false;
    while (array_next(&probe, &d))
        nulls |= d.null;
    buf_put_be32(out, a.n_dims);
    buf_put_be32(out, nulls);
    buf_put_be32(out, a.elem);
    for (uint32_t i = 0; i < a.n_dims; i++) {
        buf_put_be32(out, (uint32_t)a.dims[i]);
        buf_put_be32(out, (uint32_t)a.lower[i]);
    }
    while (array_next(&a, &d)) {
        size_t at = out->len;
        buf_put_be32(out, UINT32_MAX);
        if (d.null)
            continue;
        int rc = type_send(env, a.elem, &d, out, err);
        if (rc)
            return rc;
        store_be32(out->data + at, (uint32_t)(out->len - at - 4));
    }
    return 0;
}

static int bad_wire(const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID_BINARY_REPRESENTATION, "%s", what);
}

int array_recv(const struct type_env *env, uint32_t array_type, int32_t typmod, const uint8_t *data,
               size_t len, struct arena *arena, struct datum *out, struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    uint32_t n_dims = buf_take_be32(&r), flags = buf_take_be32(&r), elem = buf_take_be32(&r);
    int32_t dims[ARRAY_DIMS_MAX] = {0}, lower[ARRAY_DIMS_MAX] = {0};
    if (r.bad || n_dims > ARRAY_DIMS_MAX)
        return bad_wire("invalid number of dimensions", err);
    if (flags > 1)
        return bad_wire("invalid array flags", err);
    uint32_t want = array_element_type(array_type);
    if (elem != want)
        return err_set(err, ERR_DATATYPE_MISMATCH,
                       "binary data has array element type %u instead of expected %u", elem, want);
    uint64_t n = n_dims ? 1 : 0;
    for (uint32_t i = 0; i < n_dims; i++) {
        dims[i] = (int32_t)buf_take_be32(&r);
        lower[i] = (int32_t)buf_take_be32(&r);
        n = dims[i] <= 0 ? 0 : n * (uint64_t)dims[i];
        if (n > ARRAY_ELEMENTS_MAX)
            return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED,
                           "array size exceeds the maximum allowed (%d)", ARRAY_ELEMENTS_MAX);
    }
    if (r.bad)
        return bad_wire("insufficient data left in message", err);
    struct array_builder b;
    array_begin(&b, elem);
    if (n)
        array_shape(&b, n_dims, dims, lower);
    int rc = 0;
    for (uint64_t i = 0; i < n && rc == 0; i++) {
        int32_t size = (int32_t)buf_take_be32(&r);
        const uint8_t *p = size > 0 ? buf_take(&r, (size_t)size) : r.at;
        struct datum d = datum_null(PHYS_BYTES);
        if (r.bad || size < -1)
            rc = bad_wire("insufficient data left in message", err);
        else if (size >= 0)
            rc = type_recv(env, elem, typmod, p, (size_t)size, arena, &d, err);
        if (rc == 0)
            array_add(&b, &d);
    }
    if (rc) {
        array_abandon(&b);
        return rc;
    }
    *out = array_end(&b, arena);
    return 0;
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

int array_compare(const struct bytes_view *x, const struct bytes_view *y)
{
    struct array a, b;
    if (!array_open(x, &a) || !array_open(y, &b))
        return view_compare(x, y);
    struct datum p, q;
    for (;;) {
        bool more_a = array_next(&a, &p), more_b = array_next(&b, &q);
        if (!more_a || !more_b) {
            if (more_a != more_b)
                return more_a ? 1 : -1;
            break;
        }
        if (p.null || q.null) {
            if (p.null != q.null)
                return p.null ? 1 : -1;
            continue;
        }
        int cmp = type_compare(a.elem, &p, &q);
        if (cmp)
            return cmp;
    }
    if (a.n_dims != b.n_dims)
        return a.n_dims < b.n_dims ? -1 : 1;
    for (uint32_t i = 0; i < a.n_dims; i++) {
        if (a.dims[i] != b.dims[i])
            return a.dims[i] < b.dims[i] ? -1 : 1;
        if (a.lower[i] != b.lower[i])
            return a.lower[i] < b.lower[i] ? -1 : 1;
    }
    return 0;
}

/* Elements as key parts (nulls last), an end mark below every part, then the shape. */
void array_key_append(const struct bytes_view *v, struct buf *out)
{
    struct array a;
    if (!array_open(v, &a)) {
        buf_put(out, view_data(v), v->len);
        return;
    }
    struct datum d;
    while (array_next(&a, &d))
        type_key_append(out, a.elem, false, false, &d);
    buf_put_u8(out, 0);
    buf_put_u8(out, (uint8_t)a.n_dims);
    for (uint32_t i = 0; i < a.n_dims; i++) {
        buf_put_be32(out, (uint32_t)a.dims[i]);
        buf_put_be32(out, (uint32_t)a.lower[i] ^ 0x80000000u);
    }
}

/* ---- int2vector, oidvector
 * ----------------------------------------------------------------------- */

int array_vector_in(uint32_t type, const char *text, size_t len, struct arena *arena,
                    struct datum *out, struct err *err)
{
    bool oids = type == TYPE_OIDVECTOR;
    struct array_builder b;
    array_begin(&b, oids ? TYPE_OID : TYPE_INT2);
    const char *p = text, *end = text + len;
    while (p < end) {
        while (p < end && scalar_is_space(*p))
            p++;
        const char *start = p;
        while (p < end && !scalar_is_space(*p))
            p++;
        if (p == start)
            break;
        int64_t v;
        int rc = scalar_int_in(start, (size_t)(p - start), oids ? 0 : INT16_MIN,
                               oids ? UINT32_MAX : INT16_MAX, oids ? "oid" : "smallint", &v, err);
        if (rc) {
            array_abandon(&b);
            return rc;
        }
        struct datum d = datum_i64(v);
        if (!oids)
            d = (struct datum){.kind = PHYS_INT16, .dec_scale = -1, .u.i16 = (int16_t)v};
        array_add(&b, &d);
    }
    if (b.n) {
        int32_t dims = (int32_t)b.n, lower = 0;
        array_shape(&b, 1, &dims, &lower);
    }
    *out = array_end(&b, arena);
    return 0;
}

void array_vector_out(const struct bytes_view *v, struct buf *out)
{
    struct array a;
    struct datum d;
    if (!array_open(v, &a))
        return;
    for (bool first = true; array_next(&a, &d); first = false) {
        if (!first)
            buf_put_u8(out, ' ');
        scalar_put_int(out, d.kind == PHYS_INT16 ? d.u.i16 : d.u.i64);
    }
}
