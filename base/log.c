#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/core.h"
#include "base/env.h"

enum { LINE_MAX_BYTES = 4000 };

struct line {
    char *out;
    size_t size; /* what may be used, "..." and newline kept in reserve */
    size_t len;
    bool cut;
};

static void put(struct line *line, const char *text, size_t n)
{
    if (line->len + n > line->size) {
        line->cut = true;
        n = line->size - line->len;
    }
    memcpy(line->out + line->len, text, n);
    line->len += n;
}

static void put_number(struct line *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void put_number(struct line *line, const char *fmt, ...)
{
    char text[64];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n > 0)
        put(line, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static bool is_plain(const char *text, size_t n)
{
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return false;
    }
    return true;
}

static void put_text(struct line *line, const char *text, size_t n)
{
    if (is_plain(text, n)) {
        put(line, text, n);
        return;
    }
    put(line, "\"", 1);
    for (size_t i = 0; i < n && !line->cut; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            put(line, pair, 2);
        } else if (c < ' ' || c == 0x7f) {
            put_number(line, "\\x%02x", c);
        } else {
            put(line, text + i, 1);
        }
    }
    put(line, "\"", 1);
}

static void put_err(struct line *line, const struct err *err)
{
    put_number(line, "%s", err_sqlstate(err->code));
    put(line, " message=", 9);
    put_text(line, err->message, strnlen(err->message, sizeof err->message));
    if (err->file[0]) {
        put(line, " at=", 4);
        put(line, err->file, strnlen(err->file, sizeof err->file));
        put_number(line, ":%d", err->line);
    }
}

static void put_field(struct line *line, const struct log *log, const struct log_field *f)
{
    put(line, " ", 1);
    put(line, f->key, strlen(f->key));
    put(line, "=", 1);
    const char *text = f->bytes;
    switch (f->kind) {
    case LOG_KIND_U64:
        put_number(line, "%llu", (unsigned long long)f->u64);
        break;
    case LOG_KIND_I64:
        put_number(line, "%lld", (long long)f->i64);
        break;
    case LOG_KIND_DOUBLE:
        put_number(line, "%.6g", f->number);
        break;
    case LOG_KIND_TEXT:
        put_text(line, text ? text : "", text ? strlen(text) : 0);
        break;
    case LOG_KIND_ERR:
        put_err(line, f->bytes);
        break;
    case LOG_KIND_HEX:
        for (size_t i = 0; i < f->len; i++)
            put_number(line, "%02x", ((const unsigned char *)text)[i]);
        break;
    case LOG_KIND_USER:
        if (atomic_load_explicit(&log->user_data, memory_order_relaxed))
            put_text(line, text ? text : "", f->len);
        else
            put_number(line, "<redacted %zu bytes>", f->len);
        break;
    }
}

static void put_time(struct line *line, uint64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    put_number(line, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(wall_us % 1000000));
}

size_t log_format(const struct log *log, enum log_level level, const char *event,
                  const struct log_field *fields, uint64_t wall_us, int core, char *out,
                  size_t size)
{
    static const char letters[LOG_LEVEL_COUNT] = {'D', 'I', 'W', 'E'};
    struct line line = {.out = out, .size = size - 5};
    put_time(&line, wall_us);
    put_number(&line, " %c node=%u", letters[level], log->node_id);
    if (core >= 0)
        put_number(&line, " core=%d", core);
    put(&line, " event=", 7);
    put(&line, event, strlen(event));
    for (const struct log_field *f = fields; f->key && !line.cut; f++)
        put_field(&line, log, f);
    line.size = size - 1;
    if (line.cut)
        put(&line, "...", 3);
    put(&line, "\n", 1);
    out[line.len] = 0;
    return line.len;
}

void log_init(struct log *log, struct env *env, uint32_t node_id)
{
    memset(log, 0, sizeof *log);
    log->env = env;
    log->node_id = node_id;
    atomic_store(&log->level, LOG_INFO);
}

void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields)
{
    atomic_fetch_add_explicit(&log->counts[level], 1, memory_order_relaxed);
    if (!log_wants(log, level))
        return;
    char text[LINE_MAX_BYTES];
    struct core *core = core_running();
    size_t n = log_format(log, level, event, fields, env_wall_us(log->env),
                          core ? (int)core->index : -1, text, sizeof text);
    log->env->ops->log_write(log->env, text, n);
}
