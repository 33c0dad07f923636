/* log.h: the structured log.
 *
 * One line an event, key=value pairs, made to be grepped:
 *
 *     2026-03-01T12:00:00.123456Z W node=1 core=0 event=lease_lost group=17 term=9 reason="peer
 * down"
 *
 *     log_event(log, LOG_WARN, "lease_lost", LOG_U64("group", id), LOG_U64("term", term),
 *               LOG_TEXT("reason", text));
 *
 * Values that came from users (literals, keys, statement text) are passed with LOG_USER, and are
 * written as key=<redacted 12 bytes> unless the setting log_user_data is on. The type of the
 * argument decides, not the reader's good will.
 *
 * A logger belongs to a node; any thread may use it: a line is composed on the caller's stack and
 * given to env->log_write in one piece. In a simulator lines go to the run's trace.
 *
 * Invariants
 * 1. A line never contains a newline or control character (escaped inside quotes); at most 4,000
 * bytes, cut with "..." beyond.
 * 2. `event` and keys are literals in snake_case.
 */
#ifndef CAIRN_BASE_LOG_H
#define CAIRN_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct env;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

struct log {
    struct env *env;
    uint32_t node_id;
    _Atomic int level;      /* enum log_level: below it nothing is written */
    _Atomic bool user_data; /* write LOG_USER values in full */
    _Atomic uint64_t counts[LOG_LEVEL_COUNT];
};

enum log_kind {
    LOG_KIND_U64,
    LOG_KIND_I64,
    LOG_KIND_DOUBLE,
    LOG_KIND_TEXT,
    LOG_KIND_USER,
    LOG_KIND_ERR,
    LOG_KIND_HEX
};

struct log_field {
    const char *key; /* NULL ends the list */
    enum log_kind kind;
    union {
        uint64_t u64;
        int64_t i64;
        double number;
        const void *bytes;
    };
    size_t len;
};

#define LOG_U64(k, v) ((struct log_field){.key = (k), .kind = LOG_KIND_U64, .u64 = (v)})
#define LOG_I64(k, v) ((struct log_field){.key = (k), .kind = LOG_KIND_I64, .i64 = (v)})
#define LOG_DOUBLE(k, v) ((struct log_field){.key = (k), .kind = LOG_KIND_DOUBLE, .number = (v)})
#define LOG_TEXT(k, v) ((struct log_field){.key = (k), .kind = LOG_KIND_TEXT, .bytes = (v)})
#define LOG_USER(k, p, n)                                                                          \
    ((struct log_field){.key = (k), .kind = LOG_KIND_USER, .bytes = (p), .len = (n)})
#define LOG_HEX(k, p, n)                                                                           \
    ((struct log_field){.key = (k), .kind = LOG_KIND_HEX, .bytes = (p), .len = (n)})
/* sqlstate=... message="..." of a struct err */
#define LOG_ERR(e) ((struct log_field){.key = "err", .kind = LOG_KIND_ERR, .bytes = (e)})

void log_init(struct log *log, struct env *env, uint32_t node_id);
void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields);
#define log_event(log, level, event, ...)                                                          \
    log_fields((log), (level), (event), (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
static inline bool log_wants(const struct log *log, enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}
/* The line without writing it (tests, trace). Returns its length. */
size_t log_format(const struct log *log, enum log_level level, const char *event,
                  const struct log_field *fields, uint64_t wall_us, int core, char *out,
                  size_t size);

#endif
