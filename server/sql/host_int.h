/* host_int.h: what host.c, host_catalog.c and host_names.c share: answering one call. */
#ifndef CAIRN_SERVER_SQL_HOST_INT_H
#define CAIRN_SERVER_SQL_HOST_INT_H

#include "server/sql/host.h"

struct host_answer {
    struct session_host *host;
    const struct catalog_view *view;
    const struct datum *args;
    uint32_t n_args;
    struct arena *arena;
    struct datum *out;
};

void answer_null(struct host_answer *a);
void answer_text(struct host_answer *a, const char *text); /* NULL = null */
void answer_buf(struct host_answer *a, struct buf *take_text);
void answer_bool(struct host_answer *a, bool value);
void answer_int(struct host_answer *a, int64_t value); /* in out's kind */
uint32_t arg_oid(const struct host_answer *a, uint32_t i);
const char *arg_text(const struct host_answer *a, uint32_t i);

/* False: not one of these. */
int host_catalog_call(struct host_answer *a, enum host_func func, bool *handled, struct err *err) MUST_CHECK;
int host_relation_of(struct host_answer *a, const char *text, const struct cat_object **obj, uint32_t *index_oid,
                     struct err *err) MUST_CHECK;

#endif
