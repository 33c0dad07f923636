/* sql_int.h: what the files of this folder share: plans, prepared statements, portals, transaction
 * steps. */
#ifndef CAIRN_SERVER_SQL_SQL_INT_H
#define CAIRN_SERVER_SQL_SQL_INT_H

#include "server/sql/ddl.h"
#include "server/sql/host.h"
#include "server/sql/session.h"

#define SQL_EPOCH_US UINT64_C(946684800000000) /* 2000-01-01 in us since 1970 */

/* ---- plans (plan_cache.c) ---- */

struct plan_cache;

/* A loaded plan with what the session must know of it. Counted; shared by the sessions of a core.
 */
struct cached_plan {
    uint32_t refs;
    bool cached; /* found by its key; else private to a portal */
    struct arena arena;
    const uint8_t *key;
    uint32_t key_len;
    struct list_node lru;
    struct exec_plan *exec;
    uint32_t flags;   /* enum plan_flags */
    uint16_t command; /* enum plan_command */
    uint32_t n_params;
    const uint32_t *params;
    struct result_shape shape; /* formats all text */
    uint32_t n_depends;
    const uint32_t *depends;
    uint64_t *versions;
    uint64_t catalog_number; /* the versions were compared at */
};

struct plan_cache *plan_cache_create(void);
void plan_cache_destroy(struct plan_cache *cache);
void cached_plan_unref(struct cached_plan *p);
struct cached_plan *cached_plan_ref(struct cached_plan *p);

struct prepared;
/* The plan for the prepared statement as things stand (view refreshed), planned anew if need be.
 * One reference. */
int plan_get(struct task *task, struct session *s, struct prepared *p, struct cached_plan **out,
             struct err *err) MUST_CHECK;
/* Is this text one plannable statement with a valid plan? Then no parsing is needed. */
bool plan_is_cached(struct session *s, const char *text, size_t len, const uint32_t *types,
                    uint32_t n_types);
/* Loads a plan made elsewhere (COPY, nested statements), uncached. One reference. */
int plan_load(struct session *s, const struct plan *plan, struct cached_plan **out,
              struct err *err) MUST_CHECK;

/* ---- prepared statements and portals ---- */

struct prepared {
    uint32_t refs;
    struct arena arena;
    const char *name;
    const char *text; /* of the statement alone, unless shown otherwise */
    size_t len;
    struct ast_node *node; /* NULL: empty, or not parsed yet */
    bool parsed, empty, plannable, from_sql;
    const char *whole; /* the query string the node's offsets count in */
    size_t whole_len;
    uint32_t n_types;
    uint32_t *types;  /* parameters; given ones and, after planning, inferred ones */
    uint32_t n_given; /* as the client declared them */
    uint32_t *given;
    struct cached_plan *plan;  /* the last one */
    uint64_t plan_stamp;       /* session.view_stamp it was good for */
    struct result_shape shape; /* of a utility statement with rows */
    bool has_shape;
    uint64_t prepared_us;
};

enum portal_state { PORTAL_NEW, PORTAL_OPEN, PORTAL_DONE };

struct portal {
    struct arena arena;
    char *name;
    struct prepared *prepared; /* NULL: made by a command from a plan */
    struct cached_plan *plan;  /* NULL: a utility statement */
    uint32_t n_params;
    struct datum *params;
    struct result_shape shape; /* with the client's formats */
    uint8_t state;
    bool is_cursor, scroll, no_scroll, hold, binary, sent_any;
    bool timing; /* EXPLAIN ANALYZE */
    bool pinned; /* its statement runs: the end of its transaction does not drop it */
    struct mem_account account;
    struct session_host host;
    struct catalog_view view; /* counted catalog; search path copied */
    struct kv_read read;
    struct exec *exec;
    int (*source)(void *ctx, struct task *task, uint32_t rows_max, struct batch **out,
                  struct err *err); /* COPY FROM */
    void *source_ctx;
    /* Stored rows: DML with RETURNING under a row limit, scrollable and held cursors. */
    bool stores;
    struct batch **stored;
    uint64_t n_stored, stored_capacity, stored_rows;
    uint64_t
        position; /* rows given so far (cursor: on row `position`; past the end stored_rows + 1) */
    uint64_t affected;
    uint64_t number; /* in order of creation */
    const char *query;
};

struct prepared *prepared_create(const char *name);
struct prepared *prepared_ref(struct prepared *p);
void prepared_unref(struct prepared *p);
/* NULL: none (26000 is set). name "" is the unnamed one. */
struct prepared *prepared_find(struct session *s, const char *name, struct err *err);
int prepared_need_ast(struct task *task, struct session *s, struct prepared *p,
                      struct err *err) MUST_CHECK;

/* A portal named `name`, replacing the unnamed one; 42P03 when it exists. */
int portal_create(struct task *task, struct session *s, const char *name, struct portal **out,
                  struct err *err) MUST_CHECK;
struct portal *portal_find(struct session *s, const char *name);
void portal_drop(struct task *task, struct session *s, struct portal *p);
/* Those made since `first`, at the end of a transaction or savepoint; held cursors that were stored
 * stay if keep_held or older. */
void portal_drop_since(struct task *task, struct session *s, uint64_t first, bool keep_held);
int portal_hold_all(struct task *task, struct session *s, struct err *err) MUST_CHECK;
/* Where the rows of a run go: the client, or a function. */
struct row_target {
    bool to_client;
    const struct result_shape *shape; /* formats of this run */
    int (*each)(void *ctx, struct batch *batch, struct err *err);
    void *ctx;
};
/* Runs at most rows_max rows (0 = all). *done: nothing is left. first_error_retry: see
 * portal_run_retrying. */
int portal_run(struct task *task, struct session *s, struct portal *p,
               const struct row_target *target, uint64_t rows_max, bool *done, uint64_t *rows,
               struct err *err) MUST_CHECK;
/* Opens and runs, again after failures kv_txn_retry allows while the output can be taken back.
 * commit: the statement's transaction ends with it. */
int portal_run_retrying(struct task *task, struct session *s, struct portal *p,
                        const struct row_target *target, uint64_t rows_max, bool commit, bool *done,
                        uint64_t *rows, struct err *err) MUST_CHECK;
/* Opens without pulling a row: cursors read as of their DECLARE. */
int portal_open(struct task *task, struct session *s, struct portal *p, struct err *err) MUST_CHECK;
/* FETCH and MOVE. */
int portal_fetch(struct task *task, struct session *s, struct portal *p, uint8_t dir, int64_t count,
                 const struct row_target *target, uint64_t *rows, struct err *err) MUST_CHECK;
void portal_tag(const struct portal *p, uint64_t rows, char tag[96]);
void portal_set_formats(struct portal *p, const struct result_shape *shape, const int16_t *formats,
                        uint32_t n);

/* ---- transactions (txn.c) ---- */

/* Before every statement: starts the (implicit) transaction's clock. */
void txn_enter(struct session *s, bool implicit_block);
int txn_commit(struct task *task, struct session *s, struct err *err) MUST_CHECK;
void txn_abort(struct task *task, struct session *s);
/* After an error. */
void txn_fail(struct task *task, struct session *s);
int txn_statement(struct task *task, struct session *s, const struct ast_transaction_stmt *stmt,
                  const char **tag, struct err *err) MUST_CHECK;
/* 25P02 unless the statement may run in a failed block. */
int txn_check_allowed(const struct session *s, const struct ast_node *node,
                      struct err *err) MUST_CHECK;
int txn_set_modes(struct session *s, const struct ast_list *options, bool of_session,
                  struct err *err) MUST_CHECK;
static inline bool txn_in_block(const struct session *s)
{
    return s->txn.block == TXN_BLOCK || s->txn.block == TXN_FAILED;
}

/* ---- statements (statement.c, utility.c, copy.c) ---- */

bool statement_is_plannable(const struct ast_node *node);
const char *statement_tag(const struct ast_node *node); /* "CREATE TABLE", for messages */
/* Long texts are parsed by a worker. */
int statement_parse(struct task *task, struct session *s, struct arena *arena, const char *text,
                    size_t len, struct parse_result *result, struct err *err) MUST_CHECK;

struct utility_run {
    struct session *s;
    const struct ast_node *node;
    const char *text; /* whole query string */
    size_t len;
    const struct datum *params;
    const struct result_shape *shape; /* the client's formats; NULL: simple protocol */
    bool describe;                    /* send RowDescription before rows */
    bool top_level;                   /* not inside a function or several statements */
    bool last;                        /* the implicit transaction may end with it */
    char tag[96];
    bool no_tag; /* the statement said CommandComplete itself */
};
int utility_execute(struct task *task, struct utility_run *u, struct err *err) MUST_CHECK;
/* Result columns of a utility statement with rows; false: none. */
bool utility_shape(struct session *s, const struct ast_node *node, struct arena *arena,
                   struct result_shape *shape);
int utility_set(struct task *task, struct session *s, const struct ast_variable_set_stmt *stmt,
                const char **tag, struct err *err) MUST_CHECK;
int cursor_declare(struct task *task, struct utility_run *u,
                   const struct ast_declare_cursor_stmt *stmt, struct err *err) MUST_CHECK;
int cursor_fetch(struct task *task, struct utility_run *u, const struct ast_fetch_stmt *stmt,
                 struct err *err) MUST_CHECK;
int prepare_execute(struct task *task, struct utility_run *u, const struct ast_execute_stmt *stmt,
                    struct err *err) MUST_CHECK;
int prepare_statement(struct task *task, struct utility_run *u, const struct ast_prepare_stmt *stmt,
                      struct err *err) MUST_CHECK;
int explain_run(struct task *task, struct utility_run *u, const struct ast_explain_stmt *stmt,
                struct err *err) MUST_CHECK;
int copy_run(struct task *task, struct utility_run *u, const struct ast_copy_stmt *stmt,
             struct err *err) MUST_CHECK;

/* Rows of text for SHOW, EXPLAIN: n_rows x n_columns, NULL = null. */
int utility_send_text(struct task *task, struct utility_run *u, const struct result_shape *shape,
                      const char *const *cells, uint32_t n_rows, struct err *err) MUST_CHECK;
/* A plan's portal for a command of ours: no name, dropped by portal_drop. */
int portal_create_internal(struct session *s, struct cached_plan *take_plan, struct portal **out);
int portal_set_params(struct session *s, struct portal *p, const struct datum *params, uint32_t n);

#endif
