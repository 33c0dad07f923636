/* rows.c: RowDescription and DataRow: a batch's columns to the client's formats. */
#include <string.h>

#include "server/pgwire/pgwire_int.h"

void rows_describe(struct session_client *client, const struct result_shape *shape)
{
    struct pg_conn *c = (struct pg_conn *)client;
    size_t at = message_begin(c, 'T');
    buf_put_be16(&c->out, (uint16_t)shape->n);
    for (uint32_t i = 0; i < shape->n; i++) {
        const struct result_column *col = &shape->columns[i];
        const struct type_info *type = type_info(col->type_oid);
        buf_put(&c->out, col->name, strlen(col->name) + 1);
        buf_put_be32(&c->out, col->table_oid);
        buf_put_be16(&c->out, (uint16_t)col->attnum);
        buf_put_be32(&c->out, col->type_oid);
        buf_put_be16(&c->out, (uint16_t)(type ? type->len : -1));
        buf_put_be32(&c->out, (uint32_t)col->typmod);
        buf_put_be16(&c->out, (uint16_t)col->format);
    }
    message_end(c, at);
}

static void put_decimal(struct buf *out, int64_t v)
{
    char digits[24];
    int n = 0;
    uint64_t u = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[n++] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        digits[n++] = '-';
    uint8_t *at = buf_extend(out, (size_t)n);
    while (n)
        *at++ = (uint8_t)digits[--n];
}

static bool is_plain_text(uint32_t oid)
{
    return oid == TYPE_TEXT || oid == TYPE_VARCHAR || oid == TYPE_NAME || oid == TYPE_BPCHAR ||
           oid == TYPE_UNKNOWN;
}

/* One value behind its length word. */
static int put_value(struct buf *out, const struct type_env *env, const struct result_column *col,
                     const struct vec *v, uint32_t row, struct err *err)
{
    if (vec_is_null(v, row)) {
        buf_put_be32(out, UINT32_MAX);
        return 0;
    }
    size_t at = out->len;
    buf_put_be32(out, 0);
    int rc = 0;
    uint32_t i = v->form == VEC_CONST ? 0 : row;
    if (col->format == 0 && col->type_oid == TYPE_INT4) {
        put_decimal(out, ((const int32_t *)v->data)[i]);
    } else if (col->format == 0 && col->type_oid == TYPE_INT8) {
        put_decimal(out, ((const int64_t *)v->data)[i]);
    } else if (is_plain_text(col->type_oid)) {
        const struct bytes_view *b = &((const struct bytes_view *)v->data)[i];
        buf_put(out, view_data(b), b->len);
    } else {
        struct datum d = vec_datum(v, row);
        rc = col->format ? type_send(env, col->type_oid, &d, out, err)
                         : type_out(env, col->type_oid, &d, out, err);
    }
    store_be32(out->data + at, (uint32_t)(out->len - at - 4));
    return rc;
}

int rows_send(struct task *task, struct session_client *client, const struct type_env *env,
              const struct result_shape *shape, struct batch *batch, struct err *err)
{
    struct pg_conn *c = (struct pg_conn *)client;
    for (uint32_t i = 0; i < shape->n; i++) {
        struct vec *v = &batch->cols[i];
        if (v->form != VEC_FLAT && v->form != VEC_CONST)
            vec_flatten(v, batch->sel, batch->n_sel, batch->arena);
    }
    uint32_t n = batch_count(batch);
    for (uint32_t r = 0; r < n; r++) {
        uint32_t row = batch_row(batch, r);
        size_t at = message_begin(c, 'D');
        buf_put_be16(&c->out, (uint16_t)shape->n);
        for (uint32_t i = 0; i < shape->n; i++) {
            int rc = put_value(&c->out, env, &shape->columns[i], &batch->cols[i], row, err);
            if (rc) {
                c->out.len = at - 1;
                return rc;
            }
        }
        message_end(c, at);
        if (c->out.len >= FLUSH_BYTES) {
            int rc = conn_flush(task, c, err);
            if (rc)
                return rc;
        }
    }
    task_tick(task, n * (shape->n + 1) / 4 + 1);
    return task_check(task, err);
}
