/* session.h: one client's session: who it is, its transaction, settings, prepared statements and
 * portals.
 *
 * pgwire owns the connection and drives a session through the entry points at the end of this file;
 * whatever the session has to say goes out through struct session_client, so tests and the demo
 * drive it the same way without a socket.
 *
 *     pgwire -> session_query / session_parse, _bind, _execute, _sync -> statement.c (plan, run,
 * retry)
 *                                                                     -> utility.c   (BEGIN, SET,
 * PREPARE, cursors, ...)
 *                                                                     -> ddl.h       (everything
 * that changes the catalog)
 *
 * Transaction states are PostgreSQL's: idle, in a block, in a failed block. Statements sent
 * together in one simple query, or up to one Sync, share an implicit block that commits at its end.
 * A statement outside blocks commits before its command tag is sent, and may be run again from its
 * start (kv_txn_retry) as long as none of its output left the buffer.
 *
 * Settings are immutable counted snapshots (session_setting.h): SET makes a new one, a rollback
 * puts the old pointer back.
 *
 * Invariants
 * 1. A session belongs to one core; one fiber at a time works on it (session->task), none while it
 * is idle.
 * 2. In a failed block only ROLLBACK, COMMIT and ROLLBACK TO run; everything else is 25P02.
 * 3. txn.overlay is NULL or holds exactly this transaction's uncommitted catalog changes;
 * view.overlay is the same pointer.
 * 4. What a portal or prepared statement needs lies in its own arena: it survives the message that
 * made it.
 */
#ifndef CAIRN_SERVER_SQL_SESSION_H
#define CAIRN_SERVER_SQL_SESSION_H

#include "base/core.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/prng.h"
#include "base/rpc.h"
#include "executor/exec.h"
#include "parser/parser.h"
#include "planner/planner.h"
#include "server/sql/node_catalog.h"
#include "server/sql/session_setting.h"
#include "storage/kv.h"
#include "types/expr/host.h"

struct store;
struct placement;
struct session;
struct portal;
struct prepared;

#define CAIRN_VERSION "0.1"
#define CAIRN_VERSION_PG                                                                           \
    "15.6 (Cairn " CAIRN_VERSION ")" /* server_version: drivers parse the number */

/* ---- what the sessions of a node share ---------------------------------------------------------
 */

struct sql_node {
    struct env *env;
    struct runtime *runtime;
    struct rpc *rpc;
    struct store *store;
    struct placement *placement;
    struct kv *kv;
    struct exec_remote *remote; /* fragments on other nodes */
    struct log *log;
    struct node_catalog *catalog;
    struct ddl_node *ddl; /* object locks: server/sql/ddl_node.c */
    struct zone_cache *zones;
    struct session_settings *defaults; /* of new sessions */
    struct mem_account account;        /* unlimited; sum over sessions is in the metrics */
    _Atomic uint64_t next_row_id;      /* hidden row ids, see session_row_id */
    _Atomic uint32_t next_session;
    _Atomic uint32_t n_sessions;
    uint64_t boot_us; /* wall clock at start: pg_postmaster_start_time */
    _Atomic bool accepting, stopping;
    char sql_address[120]; /* inet_server_addr, /status */
};

/* What a core's sessions share: in core->local[CORE_LOCAL_SERVER]. */
struct sql_core {
    struct sql_node *node;
    struct list sessions; /* struct session.link */
    struct intmap by_pid;
    struct plan_cache *plans;
    struct list connections; /* of pgwire */
    uint32_t n_connections;
};
struct sql_core *sql_core_of(struct core *core);
/* On the core itself, before its first and after its last session. */
void sql_core_open(struct core *core, struct sql_node *node);
void sql_core_close(struct core *core);

/* ---- the client's side of a session ---- */

struct result_column {
    const char *name;
    uint32_t type_oid;
    int32_t typmod;
    uint32_t table_oid;
    int32_t attnum;
    int16_t format; /* 0 text, 1 binary */
};
struct result_shape {
    uint32_t n;
    struct result_column *columns;
};

enum copy_format { COPY_TEXT, COPY_CSV, COPY_BINARY };

struct session_client {
    const struct session_client_ops *ops;
};
/* Output is buffered by the client; calls with a task may sleep until there is room. */
struct session_client_ops {
    void (*describe)(struct session_client *c, const struct result_shape *shape);
    int (*rows)(struct task *task, struct session_client *c, const struct type_env *env,
                const struct result_shape *shape, struct batch *batch, struct err *err);
    void (*complete)(struct session_client *c, const char *tag);
    void (*suspended)(struct session_client *c);
    void (*empty)(struct session_client *c); /* EmptyQueryResponse */
    void (*error)(struct session_client *c, const struct err *err,
                  const char *severity); /* "ERROR", "WARNING", "NOTICE" */
    void (*parameter)(struct session_client *c, const char *name, const char *value);
    /* A place in the output; true when everything since it could be taken back. */
    uint64_t (*mark)(struct session_client *c);
    bool (*rewind)(struct session_client *c, uint64_t mark);
    int (*copy_out_begin)(struct session_client *c, enum copy_format format, uint32_t n_columns);
    int (*copy_out)(struct task *task, struct session_client *c, const void *data, size_t len,
                    struct err *err);
    void (*copy_out_end)(struct session_client *c);
    int (*copy_in_begin)(struct task *task, struct session_client *c, enum copy_format format,
                         uint32_t n_columns, struct err *err);
    /* One CopyData's bytes appended to out; *end: CopyDone. CopyFail is 57014. */
    int (*copy_in)(struct task *task, struct session_client *c, struct buf *out, bool *end,
                   struct err *err);
    void (*terminate)(
        struct session_client *c); /* ends the connection once the statement has ended */
};

/* ---- transactions ---- */

enum txn_block { TXN_NONE, TXN_IMPLICIT, TXN_BLOCK, TXN_FAILED };

struct session_savepoint {
    struct session_savepoint *outer;
    char *name;
    uint32_t seq;     /* kv_savepoint */
    uint64_t portals; /* session.portal_count then */
    struct session_settings *settings, *settings_session;
};

struct session_txn {
    uint8_t block; /* enum txn_block */
    bool read_only, deferrable;
    uint8_t isolation;               /* enum kv_isolation */
    bool ran_statement;              /* isolation can be changed no more */
    struct kv_txn *kv;               /* NULL: nothing read or written yet, or failed and aborted */
    struct catalog_overlay *overlay; /* NULL until DDL */
    struct session_savepoint *savepoints;                 /* innermost first */
    struct session_settings *settings, *settings_session; /* as they were at its start */
    int64_t start_us;                                     /* now(): us since 2000-01-01 UTC */
    uint64_t portals;                                     /* session.portal_count at its start */
    void *ddl;          /* server/sql/ddl's, from the first DDL or object lock to commit or abort */
    struct arena arena; /* lives as long as the transaction */
};

/* ---- the session ---- */

enum session_activity { SESSION_IDLE, SESSION_ACTIVE };

struct session {
    struct sql_node *node;
    struct sql_core *sql_core;
    struct core *core;
    struct task *task; /* at work on it now; NULL when idle */
    struct list_node link;
    struct session_client *client;
    uint32_t pid; /* core + cores * number: tells the core a cancel must go to */
    uint32_t secret;
    uint64_t number;
    uint32_t db_oid, role_oid, session_role_oid;
    char database[64], role[64], session_role[64];
    char client_address[64];
    uint64_t connected_us; /* wall clock */

    struct session_settings *settings; /* in force: what statements read */
    struct session_settings
        *settings_session;                   /* without SET LOCAL: what a commit leaves in force */
    struct session_settings *settings_start; /* RESET and DISCARD ALL go back to it */
    struct type_env type_env; /* of settings; names and now_us are filled per statement */
    char *reported[8];        /* ParameterStatus values last told */
    struct session_settings *reported_settings; /* counted: the snapshot they were taken from */

    struct session_txn txn;
    struct catalog_view view; /* of the statement being run; catalog is a counted reference */
    uint64_t view_stamp;      /* rises whenever view is made anew */
    uint64_t view_number;     /* node_catalog_number, settings and role it was made of */
    struct session_settings *view_settings; /* counted */
    uint32_t view_role;
    uint32_t search_path[32];

    struct hashmap prepared;  /* by name */
    struct hashmap portals;   /* by name; "" the unnamed one */
    struct prepared *unnamed; /* the unnamed statement */
    uint64_t portal_count;    /* made so far */

    struct mem_account account;
    struct arena message_arena; /* reset at every message */
    struct prng random;
    bool random_seeded;
    void *sequences; /* currval's memory: server/sql/host's, freed with the session by
                        host_session_done */

    /* For pg_stat_activity. */
    uint64_t activity_us, statement_us, transaction_us; /* wall clock */
    uint64_t statement_count;
    uint8_t activity;
    char statement_text[256];
    bool started;   /* create succeeded: settings are reported */
    bool terminate; /* pg_terminate_backend, shutdown: the connection ends after the statement */
};

struct session_start {
    struct session_client *client;
    const char *user, *database;
    const char *client_address;
    uint32_t n_options; /* startup parameters that are settings: name, value, ... */
    const char *const *options;
};
/* 28000 unknown role, 3D000 unknown database, 42704/22023 bad settings. */
int session_create(struct task *task, struct sql_node *node, const struct session_start *start,
                   struct session **out, struct err *err) MUST_CHECK;
void session_destroy(struct task *task, struct session *s);

/* ---- driven by pgwire ---- */

/* A whole simple Query. Errors are told to the client; what remains is ReadyForQuery. */
void session_query(struct task *task, struct session *s, const char *text, size_t len);
int session_parse(struct task *task, struct session *s, const char *name, const char *text,
                  size_t len, const uint32_t *types, uint32_t n_types, struct err *err) MUST_CHECK;

struct bind_value {
    const uint8_t *data; /* NULL = null */
    uint32_t len;
};
struct session_bind {
    const char *portal, *statement;
    uint32_t n_formats;
    const int16_t *formats;
    uint32_t n_values;
    const struct bind_value *values;
    uint32_t n_result_formats;
    const int16_t *result_formats;
};
int session_bind(struct task *task, struct session *s, const struct session_bind *bind,
                 struct err *err) MUST_CHECK;
/* types, shape: borrowed until the next message; shape->n == 0: no rows (NoData). */
int session_describe_statement(struct task *task, struct session *s, const char *name,
                               const uint32_t **types, uint32_t *n_types,
                               const struct result_shape **shape, struct err *err) MUST_CHECK;
int session_describe_portal(struct task *task, struct session *s, const char *name,
                            const struct result_shape **shape, struct err *err) MUST_CHECK;
/* rows_max 0 = all. last: a Sync follows, so an implicit transaction may commit here. */
int session_execute(struct task *task, struct session *s, const char *portal, uint64_t rows_max,
                    bool last, struct err *err) MUST_CHECK;
void session_close_statement(struct session *s, const char *name);
void session_close_portal(struct task *task, struct session *s, const char *name);
/* Ends the implicit transaction. */
int session_sync(struct task *task, struct session *s, struct err *err) MUST_CHECK;
/* A message failed: rolls back what must be, makes a block a failed one. The caller has told the
 * client. */
void session_fail(struct task *task, struct session *s);
char session_status(const struct session *s); /* 'I' 'T' 'E' */

/* A statement's text arrives: for pg_stat_activity, statement_timeout. */
void session_activity_begin(struct task *task, struct session *s, const char *text, size_t len);
void session_activity_end(struct session *s);
/* statement_timeout starts to run (again): at every statement of a query string. */
void session_timeout_start(struct task *task, struct session *s);

/* ---- for ddl and host ---- */

/* The transaction, begun if need be. */
struct kv_txn *session_kv(struct session *s);
/* Refreshes s->view: newest catalog, overlay, search path. Call before looking at it in a new
 * statement. */
int session_view_refresh(struct task *task, struct session *s, struct err *err) MUST_CHECK;
/* Planner options for the current view, for the bind_* functions of planner.h. text may be NULL. */
void session_planner_options(struct session *s, const struct type_env *env, const char *text,
                             size_t len, struct planner_options *out);
/* Plans and runs a statement of a command's own (CREATE TABLE AS's INSERT, backfill, checks), in
 * this transaction and without output. Rows, if any, are given to each (may be NULL; it owns no
 * batch). */
int session_run_nested(struct task *task, struct session *s, const struct ast_node *stmt,
                       const char *text,
                       int (*each)(void *ctx, struct batch *batch, struct err *err), void *ctx,
                       uint64_t *affected, struct err *err) MUST_CHECK;
/* Told to the client when client_min_messages lets it. severity "NOTICE", "WARNING", "INFO". */
void session_notice(struct session *s, const char *severity, enum err_code code, const char *fmt,
                    ...) PRINTF_LIKE(4, 5);
void session_notice_err(struct session *s, const char *severity, const struct err *notice);
/* now() and statement_timestamp() clocks: us since 2000-01-01. */
int64_t session_clock(struct session *s);
uint64_t session_row_id(void *sql_node);
/* 0A000 "<what> is not supported". */
int session_unsupported(struct err *err, const char *what);
/* 25001 "<what> cannot run inside a transaction block". */
int session_forbid_block(struct session *s, const char *what, struct err *err) MUST_CHECK;

/* ---- other sessions of this node ---- */

struct session_info {
    uint32_t pid, db_oid, role_oid;
    char database[64], role[64], application_name[64], client_address[64], state[32], query[256];
    uint64_t connected_us, transaction_us, statement_us, activity_us; /* wall clock; 0 = none */
};
/* All sessions of the node in pid order, in the arena; visits every core. */
int session_list(struct task *task, struct sql_node *node, struct arena *arena,
                 struct session_info **out, uint32_t *n, struct err *err) MUST_CHECK;
/* Cancels the statement of a session (secret 0: not checked), or ends it. False: no such session.
 */
bool session_cancel(struct task *task, struct sql_node *node, uint32_t pid, uint32_t secret,
                    bool check_secret, bool terminate);

#endif
