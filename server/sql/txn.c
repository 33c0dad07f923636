/* txn.c: the transaction state machine of a session (session.h says the rules). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/sql/sql_int.h"

static uint8_t isolation_of(int choice) /* of the setting's words */
{
    return choice >= 2 ? KV_REPEATABLE_READ : KV_READ_COMMITTED;
}

void txn_enter(struct session *s, bool implicit_block)
{
    struct session_txn *t = &s->txn;
    if (!t->settings) {
        t->settings = session_settings_ref(s->settings);
        t->settings_session = session_settings_ref(s->settings_session);
        t->start_us = (int64_t)(env_wall_us(s->node->env) - SQL_EPOCH_US);
        t->isolation = isolation_of(s->settings->s.default_transaction_isolation);
        t->read_only = s->settings->s.default_transaction_read_only;
        s->transaction_us = env_wall_us(s->node->env);
        t->portals = s->portal_count;
    }
    if (implicit_block && t->block == TXN_NONE)
        t->block = TXN_IMPLICIT;
}

struct kv_txn *session_kv(struct session *s)
{
    struct session_txn *t = &s->txn;
    uint64_t lock_ns = (uint64_t)s->settings->s.lock_timeout * 1000000;
    uint64_t deadline = s->task && s->task->deadline != TASK_FOREVER ? s->task->deadline : 0;
    if (!t->kv) {
        struct kv_txn_options options = {.isolation = (enum kv_isolation)t->isolation,
                                         .read_only = t->read_only,
                                         .session = s->number,
                                         .deadline_ns = deadline,
                                         .lock_timeout_ns = lock_ns,
                                         .class_ = TASK_TXN};
        t->kv = kv_txn_begin(s->node->kv, &options);
    } else {
        kv_txn_set_deadline(t->kv, deadline, lock_ns);
    }
    return t->kv;
}

/* ---- ends ---- */

static void drop_savepoint(struct session *s)
{
    struct session_savepoint *sp = s->txn.savepoints;
    s->txn.savepoints = sp->outer;
    session_settings_unref(sp->settings);
    session_settings_unref(sp->settings_session);
    free(sp->name);
    free(sp);
}

static void put_settings(struct session *s, struct session_settings *in_force,
                         struct session_settings *kept)
{
    session_settings_ref(in_force);
    session_settings_ref(kept);
    session_settings_unref(s->settings);
    session_settings_unref(s->settings_session);
    s->settings = in_force;
    s->settings_session = kept;
    s->type_env = s->settings->env;
}

static void end_transaction(struct task *task, struct session *s, bool committed)
{
    struct session_txn *t = &s->txn;
    ddl_end(task, s);
    while (t->savepoints)
        drop_savepoint(s);
    if (t->overlay)
        catalog_overlay_destroy(t->overlay);
    if (t->settings) {
        if (committed)
            put_settings(s, s->settings_session, s->settings_session);
        else
            put_settings(s, t->settings, t->settings_session);
        session_settings_unref(t->settings);
        session_settings_unref(t->settings_session);
    }
    struct arena arena = t->arena;
    arena_reset(&arena);
    *t = (struct session_txn){.arena = arena};
    s->transaction_us = 0;
}

int txn_commit(struct task *task, struct session *s, struct err *err)
{
    struct session_txn *t = &s->txn;
    int rc = portal_hold_all(task, s, err);
    if (!rc && t->kv && !catalog_overlay_empty(t->overlay))
        rc = ddl_before_commit(task, s, err);
    if (rc) {
        txn_abort(task, s);
        return rc;
    }
    portal_drop_since(task, s, 0, true);
    if (t->kv) {
        hlc_time commit_ts = 0;
        struct kv_txn *kv = t->kv;
        t->kv = NULL;
        rc = kv_commit(task, kv, &commit_ts, err);
        if (!rc && !catalog_overlay_empty(t->overlay))
            ddl_after_commit(task, s, commit_ts);
    }
    end_transaction(task, s, !rc);
    return rc;
}

static void abort_storage(struct task *task, struct session *s)
{
    if (!s->txn.kv)
        return;
    struct kv_txn *kv = s->txn.kv;
    s->txn.kv = NULL;
    task_mask(task);
    kv_abort(task, kv);
    task_unmask(task);
}

void txn_abort(struct task *task, struct session *s)
{
    portal_drop_since(task, s, 0, false);
    abort_storage(task, s);
    end_transaction(task, s, false);
}

/* Back to a savepoint, which stays. False: the transaction is lost as a whole. */
static bool roll_back_to(struct task *task, struct session *s, struct session_savepoint *sp)
{
    if (!s->txn.kv)
        return false;
    struct err ignored;
    task_mask(task);
    int rc = kv_rollback_to(task, s->txn.kv, sp->seq, &ignored);
    task_unmask(task);
    if (rc) {
        abort_storage(task, s);
        return false;
    }
    if (s->txn.overlay)
        catalog_overlay_rollback(s->txn.overlay, sp->seq);
    ddl_rollback_to(s, sp->seq);
    put_settings(s, sp->settings, sp->settings_session);
    return true;
}

void txn_fail(struct task *task, struct session *s)
{
    if (s->txn.block == TXN_FAILED)
        return;
    if (s->txn.block != TXN_BLOCK) {
        txn_abort(task, s);
        return;
    }
    s->txn.block = TXN_FAILED;
    portal_drop_since(task, s, s->txn.savepoints ? s->txn.savepoints->portals : 0, false);
    if (s->txn.savepoints)
        roll_back_to(task, s, s->txn.savepoints);
    else
        abort_storage(task, s);
}

void session_fail(struct task *task, struct session *s)
{
    task_cancel_clear(task);
    txn_fail(task, s);
}

int session_sync(struct task *task, struct session *s, struct err *err)
{
    if (txn_in_block(s) || !s->txn.settings)
        return 0;
    return txn_commit(task, s, err);
}

char session_status(const struct session *s)
{
    return s->txn.block == TXN_BLOCK ? 'T' : s->txn.block == TXN_FAILED ? 'E' : 'I';
}

int session_forbid_block(struct session *s, const char *what, struct err *err)
{
    if (s->txn.block != TXN_NONE)
        return err_set(err, ERR_ACTIVE_SQL_TRANSACTION, "%s cannot run inside a transaction block",
                       what);
    return 0;
}

/* ---- modes ---- */

static const char *const_text(const struct ast_node *arg)
{
    if (ast_is(a_const, arg))
        return ast_to(a_const, arg)->text;
    return ast_is(string, arg) ? ast_to(string, arg)->text : NULL;
}

static int set_isolation(struct session *s, const char *word, bool of_session, struct err *err)
{
    if (strcasecmp(word, "serializable") == 0)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "isolation level SERIALIZABLE is not supported");
    if (of_session)
        return session_setting_set(s, "default_transaction_isolation", word, false, err);
    uint8_t level =
        strcasecmp(word, "repeatable read") == 0 ? KV_REPEATABLE_READ : KV_READ_COMMITTED;
    if (level != s->txn.isolation) {
        if (s->txn.ran_statement || s->txn.kv)
            return err_set(err, ERR_ACTIVE_SQL_TRANSACTION,
                           "SET TRANSACTION ISOLATION LEVEL must be called before any query");
        if (s->txn.savepoints)
            return err_set(
                err, ERR_ACTIVE_SQL_TRANSACTION,
                "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
    }
    s->txn.isolation = level;
    return 0;
}

int txn_set_modes(struct session *s, const struct ast_list *options, bool of_session,
                  struct err *err)
{
    for (uint32_t i = 0; i < ast_count(options); i++) {
        const struct ast_def_elem *e = ast_to(def_elem, options->items[i]);
        bool on = ast_is(a_const, e->arg) && ast_to(a_const, e->arg)->ival;
        int rc = 0;
        if (strcmp(e->name, "transaction_isolation") == 0) {
            const char *word = const_text(e->arg);
            rc = set_isolation(s, word ? word : "", of_session, err);
        } else if (strcmp(e->name, "transaction_read_only") == 0) {
            if (of_session)
                rc = session_setting_set(s, "default_transaction_read_only", on ? "on" : "off",
                                         false, err);
            else if (!on && s->txn.read_only && s->txn.ran_statement)
                rc = err_set(err, ERR_ACTIVE_SQL_TRANSACTION,
                             "transaction read-write mode must be set before any query");
            else
                s->txn.read_only = on;
        } else if (of_session) {
            rc = session_setting_set(s, "default_transaction_deferrable", on ? "on" : "off", false,
                                     err);
        } else {
            s->txn.deferrable = on;
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- statements ---- */

static int begin_block(struct session *s, const struct ast_transaction_stmt *stmt, struct err *err)
{
    if (s->txn.block == TXN_BLOCK)
        session_notice(s, "WARNING", ERR_ACTIVE_SQL_TRANSACTION,
                       "there is already a transaction in progress");
    int rc = txn_set_modes(s, stmt->options, false, err);
    if (!rc)
        s->txn.block = TXN_BLOCK;
    return rc;
}

static void chain_block(struct session *s, const struct session_txn *before)
{
    txn_enter(s, false);
    s->txn.block = TXN_BLOCK;
    s->txn.isolation = before->isolation;
    s->txn.read_only = before->read_only;
    s->txn.deferrable = before->deferrable;
}

static int end_block(struct task *task, struct session *s, const struct ast_transaction_stmt *stmt,
                     bool commit, const char **tag, struct err *err)
{
    struct session_txn before = s->txn;
    if (!txn_in_block(s)) {
        if (stmt->chain)
            return err_set(err, ERR_NO_ACTIVE_SQL_TRANSACTION,
                           "%s AND CHAIN can only be used in transaction blocks",
                           commit ? "COMMIT" : "ROLLBACK");
        session_notice(s, "WARNING", ERR_NO_ACTIVE_SQL_TRANSACTION,
                       "there is no transaction in progress");
    }
    bool commits = commit && s->txn.block != TXN_FAILED;
    *tag = commits ? "COMMIT" : "ROLLBACK";
    int rc = 0;
    if (commits)
        rc = txn_commit(task, s, err);
    else
        txn_abort(task, s);
    if (!rc && stmt->chain)
        chain_block(s, &before);
    return rc;
}

static struct session_savepoint *find_savepoint(struct session *s, const char *name)
{
    struct session_savepoint *sp = s->txn.savepoints;
    while (sp && strcmp(sp->name, name))
        sp = sp->outer;
    return sp;
}

static int savepoint_statement(struct task *task, struct session *s,
                               const struct ast_transaction_stmt *stmt, struct err *err)
{
    const char *what = stmt->kind == AST_TRANS_SAVEPOINT ? "SAVEPOINT"
                       : stmt->kind == AST_TRANS_RELEASE ? "RELEASE SAVEPOINT"
                                                         : "ROLLBACK TO SAVEPOINT";
    if (!txn_in_block(s))
        return err_set(err, ERR_NO_ACTIVE_SQL_TRANSACTION,
                       "%s can only be used in transaction blocks", what);
    if (stmt->kind == AST_TRANS_SAVEPOINT) {
        struct session_savepoint *sp = calloc(1, sizeof *sp);
        sp->outer = s->txn.savepoints;
        sp->name = strdup(stmt->name);
        sp->portals = s->portal_count;
        sp->seq = kv_savepoint(session_kv(s));
        sp->settings = session_settings_ref(s->settings);
        sp->settings_session = session_settings_ref(s->settings_session);
        s->txn.savepoints = sp;
        return 0;
    }
    struct session_savepoint *sp = find_savepoint(s, stmt->name);
    if (!sp)
        return err_set(err, ERR_INVALID_SAVEPOINT, "savepoint \"%s\" does not exist", stmt->name);
    while (s->txn.savepoints != sp)
        drop_savepoint(s);
    if (stmt->kind == AST_TRANS_RELEASE) {
        drop_savepoint(s);
        return 0;
    }
    portal_drop_since(task, s, sp->portals, false);
    if (!roll_back_to(task, s, sp)) {
        s->txn.block = TXN_FAILED;
        err_set(err, ERR_SERIALIZATION_FAILURE,
                "could not roll back to savepoint \"%s\": the transaction was aborted", stmt->name);
        return err_hint(err, "The transaction might succeed if retried.");
    }
    s->txn.block = TXN_BLOCK;
    return 0;
}

int txn_statement(struct task *task, struct session *s, const struct ast_transaction_stmt *stmt,
                  const char **tag, struct err *err)
{
    switch (stmt->kind) {
    case AST_TRANS_BEGIN:
    case AST_TRANS_START:
        *tag = stmt->kind == AST_TRANS_BEGIN ? "BEGIN" : "START TRANSACTION";
        return begin_block(s, stmt, err);
    case AST_TRANS_COMMIT:
        return end_block(task, s, stmt, true, tag, err);
    case AST_TRANS_ROLLBACK:
        return end_block(task, s, stmt, false, tag, err);
    case AST_TRANS_SAVEPOINT:
        *tag = "SAVEPOINT";
        return savepoint_statement(task, s, stmt, err);
    case AST_TRANS_RELEASE:
        *tag = "RELEASE";
        return savepoint_statement(task, s, stmt, err);
    case AST_TRANS_ROLLBACK_TO:
        *tag = "ROLLBACK";
        return savepoint_statement(task, s, stmt, err);
    case AST_TRANS_PREPARE:
        return session_unsupported(err, "PREPARE TRANSACTION");
    case AST_TRANS_COMMIT_PREPARED:
        return session_unsupported(err, "COMMIT PREPARED");
    case AST_TRANS_ROLLBACK_PREPARED:
        return session_unsupported(err, "ROLLBACK PREPARED");
    }
    return bug_if(true, err) ? err->code : 0;
}

int txn_check_allowed(const struct session *s, const struct ast_node *node, struct err *err)
{
    if (s->txn.block != TXN_FAILED)
        return 0;
    if (ast_is(transaction_stmt, node)) {
        enum ast_transaction_kind kind = ast_to(transaction_stmt, node)->kind;
        if (kind == AST_TRANS_COMMIT || kind == AST_TRANS_ROLLBACK || kind == AST_TRANS_ROLLBACK_TO)
            return 0;
    }
    return err_set(
        err, ERR_IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block");
}
