/* err.h: how a failure travels.
 *
 * A function that can fail returns an `int` code (0 is OK), is marked MUST_CHECK and takes
 * `struct err *err` as its last parameter. The detail is written once, where the fault is found:
 *
 *     return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
 *
 * and callers only pass the code up. Expected outcomes (not found, end of scan, leader elsewhere)
 * are results, never errors. Outputs are written only on success.
 *
 * Invariants
 * 1. code == 0 if and only if no error was set since err_clear.
 * 2. All text lives inside the struct: an err can be copied, sent to a peer, or outlive an arena.
 *
 * A broken invariant in a floor whose state dies with the statement (parser, types, planner,
 * executor, server/sql) is `if (bug_if(cond, err)) return err->code;` : XX000 with file and line;
 * the statement fails, the node lives. `assert` (on in release builds) aborts, and is only for
 * shared or durable state: base, raft, storage.
 */
#ifndef CAIRN_BASE_ERR_H
#define CAIRN_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

enum err_code {
    ERR_OK = 0,
#define ERR(name, sqlstate) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

struct err {
    int code;          /* enum err_code */
    int32_t position;  /* 1-based character position in the statement's text, 0 = none */
    char message[400]; /* one line, PostgreSQL's wording where PostgreSQL has one */
    char detail[400];
    char hint[256];
    char where[128];      /* context line(s), "" = none */
    char schema_name[64]; /* the wire protocol's object fields; "" = absent */
    char table_name[64];
    char column_name[64];
    char type_name[64];
    char constraint_name[64];
    char file[48]; /* where in our source it was raised */
    int32_t line;
};

void err_clear(struct err *err);

/* Sets code and message, and clears the other fields. Returns `code`. err may be NULL (code only).
 */
int err_set_at(struct err *err, const char *file, int line, enum err_code code, const char *fmt,
               ...) PRINTF_LIKE(5, 6);
#define err_set(err, ...) err_set_at((err), __FILE__, __LINE__, __VA_ARGS__)

/* Adds to an error already set. Each returns err->code so that calls chain in a return. */
int err_detail(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* position: 1-based character offset; kept only if none was set. */
int err_position(struct err *err, int32_t position);

const char *err_sqlstate(int code);             /* "22012"; "00000" for ERR_OK */
int err_code_of_sqlstate(const char *sqlstate); /* ERR_INTERNAL_ERROR when unknown */

/* True, with XX000 set, when `cond` holds: a bug of ours that only this statement pays for. */
#define bug_if(cond, err)                                                                          \
    (__builtin_expect(!!(cond), 0) && bug_report((err), __FILE__, __LINE__, #cond))
bool bug_report(struct err *err, const char *file, int line, const char *what);
uint64_t bug_count(void); /* how many since the process started (a metric) */

#endif
