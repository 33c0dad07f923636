#include "parser/parser.h"

#include <string.h>

#include "parser/build_int.h"

/* The smallest statement that could nest past the limit: no token makes more than four levels. */
#define DEPTH_CHECK_TOKENS (AST_DEPTH_MAX / 4)

int32_t parse_position(const char *text, size_t len, uint32_t byte_offset)
{
    int32_t position = 1;
    for (size_t i = 0; i < byte_offset && i < len; i++)
        position += ((unsigned char)text[i] & 0xc0) != 0x80;
    return position;
}

static void check_depth(struct parse_state *ps, struct ast_node *root)
{
    struct arena scratch;
    arena_init(&scratch, ps->arena->account);
    if (ast_depth(root, &scratch) > AST_DEPTH_MAX)
        build_too_deep(ps);
    arena_done(&scratch);
}

static int parse_text(struct parse_state *ps, const struct parse_options *options, int mode)
{
    struct err local;
    if (!ps->err) {
        err_clear(&local);
        ps->err = &local;
    }
    struct filter filter;
    filter_init(&filter, ps->text, ps->len, ps->arena, ps->err);
    filter.scan.backslash_quotes = options && options->nonstandard_strings;
    filter.at_statement_start = mode == 0;
    int tokens = parse_run(ps, &filter, mode);
    if (!ps->failed && tokens >= DEPTH_CHECK_TOKENS) {
        if (ps->root)
            check_depth(ps, ps->root);
        for (uint32_t i = 0; i < ps->statement_count && !ps->failed; i++)
            check_depth(ps, ps->statements[i].node);
    }
    return ps->failed ? ps->err->code : ERR_OK;
}

static int begin(struct parse_state *ps, const char *text, size_t len, struct arena *arena,
                 struct err *err)
{
    memset(ps, 0, sizeof *ps);
    ps->arena = arena;
    ps->err = err;
    ps->text = text;
    if (len >= UINT32_MAX - 1)
        return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "query string is longer than 4 GB");
    ps->len = (uint32_t)len;
    const char *nul = len ? memchr(text, 0, len) : NULL;
    if (nul) { /* valid UTF-8, but no text of SQL: names and strings of the tree end at one */
        err_set(err, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\": 0x00");
        if (err)
            err_position(err, parse_position(text, len, (uint32_t)(nul - text)));
        return ERR_CHARACTER_NOT_IN_REPERTOIRE;
    }
    return ERR_OK;
}

int parse_sql(const char *text, size_t len, struct arena *arena,
              const struct parse_options *options, struct parse_result *result, struct err *err)
{
    struct parse_state ps;
    int rc = begin(&ps, text, len, arena, err);
    if (rc == ERR_OK)
        rc = parse_text(&ps, options, 0);
    if (rc == ERR_OK)
        *result = (struct parse_result){ps.statements, ps.statement_count};
    return rc;
}

int parse_expression(const char *text, size_t len, struct arena *arena, struct ast_node **expr,
                     struct err *err)
{
    struct parse_state ps;
    int rc = begin(&ps, text, len, arena, err);
    if (rc == ERR_OK)
        rc = parse_text(&ps, NULL, TK_MODE_EXPR);
    if (rc == ERR_OK)
        *expr = ps.root;
    return rc;
}

int parse_type_name(const char *text, size_t len, struct arena *arena, struct ast_type_name **type,
                    struct err *err)
{
    struct parse_state ps;
    int rc = begin(&ps, text, len, arena, err);
    if (rc == ERR_OK)
        rc = parse_text(&ps, NULL, TK_MODE_TYPE_NAME);
    if (rc == ERR_OK)
        *type = ast_to(type_name, ps.root);
    return rc;
}
