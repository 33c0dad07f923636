/* host.h: what expressions and system tables ask of the session: struct expr_host and struct system_source.
 *
 * A session_host is made for each statement or portal and lives as long as that: it names the session, the catalog view the statement
 * was planned with, and the statement's clock. type_env in it has names filled in: literals, parameters and results are read and
 * printed by it.
 */
#ifndef CAIRN_SERVER_SQL_HOST_H
#define CAIRN_SERVER_SQL_HOST_H

#include "planner/catalog/system_table.h"
#include "server/sql/session.h"

struct session_host {
    struct expr_host host;       /* first: what expressions get */
    struct session *session;
    const struct catalog_view *view;
    const struct kv_read *read;  /* NULL while planning */
    struct system_source system; /* what CATALOG_SCAN gets */
};

/* Cheap: it runs for every statement. view and read outlive the host. */
void session_host_init(struct session_host *h, struct session *s, const struct catalog_view *view,
                       int64_t statement_us);
/* Frees what session->sequences holds. */
void host_session_done(struct session *s);
/* Names of reg* types and zones: type_env.names; names_ctx is the session_host. */
extern const struct type_names session_type_names;

#endif
