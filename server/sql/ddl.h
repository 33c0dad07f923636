/* ddl.h: statements that change the catalog, and the locks that keep them and other statements apart.
 *
 * A DDL statement reads s->view, makes changed objects, puts them into s->txn.overlay (so that the rest of the transaction sees them),
 * writes their rows through catalog_store.h and their storages through kv.h, all in session_kv(s). At COMMIT the session calls
 * ddl_before_commit, kv_commit, ddl_after_commit.
 *
 * Weak locks. Every statement names the objects it uses (plan_header.depends) by ddl_use before it runs: the node remembers them in memory
 * until the transaction ends. A DDL transaction asks every live node to stop granting on its objects and to wait for those that
 * conflict (PostgreSQL's lock table) before it changes them, and tells them the new versions before its client is answered.
 */
#ifndef CAIRN_SERVER_SQL_DDL_H
#define CAIRN_SERVER_SQL_DDL_H

#include "server/sql/session.h"

struct command_result {
    char tag[96]; /* "CREATE TABLE" */
};

/* Is it one of ours (else the session looks further)? */
bool ddl_handles(const struct ast_node *stmt);
/* Runs CREATE, ALTER, DROP, TRUNCATE, COMMENT, GRANT, REVOKE, REINDEX, LOCK TABLE ... `text` is the whole query string, for positions. */
int ddl_run(struct task *task, struct session *s, const struct ast_node *stmt, const char *text,
            struct command_result *result, struct err *err) MUST_CHECK;

enum ddl_lock_mode { /* PostgreSQL's numbers */
    DDL_ACCESS_SHARE = 1,
    DDL_ROW_SHARE,
    DDL_ROW_EXCLUSIVE,
    DDL_SHARE_UPDATE_EXCLUSIVE,
    DDL_SHARE,
    DDL_SHARE_ROW_EXCLUSIVE,
    DDL_EXCLUSIVE,
    DDL_ACCESS_EXCLUSIVE,
};
/* Weak modes only. *stale: an object changed since the view was taken; refresh and plan again (nothing is held). */
int ddl_use(struct task *task, struct session *s, const uint32_t *oids, uint32_t n, enum ddl_lock_mode mode,
            bool *stale, struct err *err) MUST_CHECK;
/* Around kv_commit of a transaction whose overlay is not empty. */
int ddl_before_commit(struct task *task, struct session *s, struct err *err) MUST_CHECK;
void ddl_after_commit(struct task *task, struct session *s, hlc_time commit_ts);
/* The end of every transaction, after ddl_after_commit if that was called: gives locks back. */
void ddl_end(struct task *task, struct session *s);
/* ROLLBACK TO a savepoint: the overlay was rolled back already. */
void ddl_rollback_to(struct session *s, uint32_t seq);

/* Node level: registers RPC handlers (before rpc_listen) and frees. Methods 160 to 191. */
int ddl_node_init(struct sql_node *node, struct err *err) MUST_CHECK;
void ddl_node_done(struct sql_node *node);

#endif
