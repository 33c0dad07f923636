/* sequence.h: sequences at run time, and the small transactions of one row they are made of.
 *
 * A sequence's state is a row of CATALOG_SEQUENCE (database, OID: last value, whether it was handed out), changed by transactions
 * of their own: values come one after the other whichever node asks, and the user's rollback gives none back. There is no row until
 * the first use: the sequence starts at its start value. Several values may be taken at once (the rows of one INSERT); they are
 * used up by the statement that took them.
 *
 * Per session: what currval and lastval answer.
 */
#ifndef CAIRN_SERVER_SQL_SEQUENCE_H
#define CAIRN_SERVER_SQL_SEQUENCE_H

#include "server/sql/session.h"

/* n_ahead: so many values will be asked for in a row, this one included (>= 1). */
int sequence_nextval(struct task *task, struct session *s, const struct catalog_view *view, uint32_t oid, uint32_t n_ahead,
                     int64_t *value, struct err *err) MUST_CHECK;
int sequence_currval(struct session *s, const struct catalog_view *view, uint32_t oid, int64_t *value, struct err *err) MUST_CHECK;
int sequence_lastval(struct session *s, const struct catalog_view *view, int64_t *value, struct err *err) MUST_CHECK;
int sequence_setval(struct task *task, struct session *s, const struct catalog_view *view, uint32_t oid, int64_t value,
                    bool is_called, struct err *err) MUST_CHECK;
/* pg_sequence_last_value: *called false = never used. */
int sequence_peek(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, int64_t *last, bool *called,
                  struct err *err) MUST_CHECK;
/* Sets (or removes) the row whatever it was. */
int sequence_put(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, int64_t last, bool called,
                 struct err *err) MUST_CHECK;
int sequence_remove(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, struct err *err) MUST_CHECK;
void sequence_session_done(struct session *s);
void sequence_discard(struct session *s); /* DISCARD SEQUENCES */

/* ---- read, change and write one row in a transaction of its own --------------------------------------------- */

struct row_update {
    struct sql_node *node;
    storage_id storage;
    const struct datum *key;
    uint32_t n_key;
    uint32_t column_ids[2]; /* the columns behind the key, all of them */
    uint32_t n_columns;
    struct kv_txn *txn;     /* between begin and end */
    bool found;
};
/* Locks the row and reads its columns. */
int row_update_begin(struct task *task, struct row_update *u, struct datum *values, bool *found, struct err *err) MUST_CHECK;
/* Writes (values NULL: deletes) and commits. *again: somebody was first, begin anew. */
int row_update_end(struct task *task, struct row_update *u, const struct datum *values, bool *again,
                   struct err *err) MUST_CHECK;

#endif
