/* cairnsql_split.h: where a statement ends, line by line.
 *
 * The splitter copies a line into the query, resolving :variables, until a semicolon outside
 * brackets, quotes and comments, or a backslash outside quotes. Its state carries over the end of a
 * line. It follows psql's rules: space and -- comments before a statement are dropped, inside it
 * kept; BEGIN ATOMIC ... END of a function's body hides its semicolons. */
#ifndef CAIRN_CLIENT_CAIRNSQL_SPLIT_H
#define CAIRN_CLIENT_CAIRNSQL_SPLIT_H

#include "base/buf.h"
#include "client/cairnsql_var.h"

enum cairnsql_split_mode {
    SPLIT_PLAIN,
    SPLIT_SINGLE,  /* '...' */
    SPLIT_ESCAPED, /* E'...' */
    SPLIT_DOUBLE,  /* "..." */
    SPLIT_DOLLAR,  /* $tag$...$tag$ */
    SPLIT_COMMENT  /* nesting */
};

enum cairnsql_split_end { SPLIT_LINE_END, SPLIT_SEMICOLON, SPLIT_BACKSLASH };

struct cairnsql_split {
    enum cairnsql_split_mode mode;
    unsigned comment_depth;
    unsigned paren_depth;
    unsigned body_depth; /* BEGIN ATOMIC and CASE of a function's body */
    unsigned
        word_count;  /* words since the statement began, while it may still be CREATE FUNCTION */
    bool is_routine; /* CREATE [OR REPLACE] FUNCTION or PROCEDURE */
    char words[4];   /* first letters of the first words, lower case */
    char tag[66];    /* of SPLIT_DOLLAR, with its dollars */
};

/* Statement over (or thrown away): what is left of the state is none. */
void cairnsql_split_reset(struct cairnsql_split *split);
/* Copies from line + *at on into query; *at is moved past what was consumed (the semicolon or
 * backslash included). */
enum cairnsql_split_end cairnsql_split_line(struct cairnsql_split *split,
                                            const struct cairnsql_vars *vars, const char *line,
                                            size_t *at, struct buf *query);
/* What an incomplete statement waits for, for the prompt: one of = - ' " $ * ( */
char cairnsql_split_waits(const struct cairnsql_split *split, const struct buf *query);
/* The value of :name (quote 0), :'name' or :"name", as psql quotes them, put at the end of out. */
void cairnsql_put_variable(struct buf *out, const char *value, char quote);

#endif
