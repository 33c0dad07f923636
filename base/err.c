#include "base/err.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char sqlstates[ERR_COUNT][6] = {
    [ERR_OK] = "00000",
#define ERR(name, sqlstate) [ERR_##name] = sqlstate,
#include "base/err.def"
#undef ERR
};

/* A count for the metrics page only: nothing reads it to decide anything. */
static _Atomic uint64_t bugs;

void err_clear(struct err *err)
{
    if (err)
        memset(err, 0, sizeof *err);
}

static void format_into(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);
    if (n < 0) {
        out[0] = 0;
        return;
    }
    if ((size_t)n < size)
        return;
    /* Cut at a character boundary: half a UTF-8 sequence would itself be a protocol error. */
    size_t end = strlen(out);
    size_t lead = end;
    while (lead > 0 && ((unsigned char)out[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0 || (unsigned char)out[lead - 1] < 0xc0)
        return;
    unsigned char first = (unsigned char)out[lead - 1];
    size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (end - (lead - 1) < need)
        out[lead - 1] = 0;
}

int err_set_at(struct err *err, const char *file, int line, enum err_code code, const char *fmt,
               ...)
{
    if (!err)
        return (int)code;
    err_clear(err);
    err->code = (int)code;
    err->line = line;
    const char *slash = strrchr(file, '/');
    snprintf(err->file, sizeof err->file, "%s", slash ? slash + 1 : file);
    va_list args;
    va_start(args, fmt);
    format_into(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return (int)code;
}

int err_detail(struct err *err, const char *fmt, ...)
{
    if (!err)
        return ERR_INTERNAL_ERROR;
    va_list args;
    va_start(args, fmt);
    format_into(err->detail, sizeof err->detail, fmt, args);
    va_end(args);
    return err->code;
}

int err_hint(struct err *err, const char *fmt, ...)
{
    if (!err)
        return ERR_INTERNAL_ERROR;
    va_list args;
    va_start(args, fmt);
    format_into(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
    return err->code;
}

int err_position(struct err *err, int32_t position)
{
    if (!err)
        return ERR_INTERNAL_ERROR;
    if (err->position == 0)
        err->position = position;
    return err->code;
}

const char *err_sqlstate(int code)
{
    if (code < 0 || code >= ERR_COUNT)
        return "XX000";
    return sqlstates[code];
}

int err_code_of_sqlstate(const char *sqlstate)
{
    for (int code = 0; code < ERR_COUNT; code++)
        if (strcmp(sqlstates[code], sqlstate) == 0)
            return code;
    return ERR_INTERNAL_ERROR;
}

bool bug_report(struct err *err, const char *file, int line, const char *what)
{
    atomic_fetch_add_explicit(&bugs, 1, memory_order_relaxed);
    err_set_at(err, file, line, ERR_INTERNAL_ERROR, "internal error: %s (%s:%d)", what, file, line);
    err_hint(err, "This is a bug in Cairn: please report the statement and this message.");
    return true;
}

uint64_t bug_count(void)
{
    return atomic_load_explicit(&bugs, memory_order_relaxed);
}
