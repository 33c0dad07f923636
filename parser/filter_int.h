/* filter_int.h: what an LALR(1) grammar cannot see, between scanner and grammar.
 *
 * A word that means two things is told apart by the token after it and given a token of its own:
 * NOT before BETWEEN, IN, LIKE, ILIKE, SIMILAR (NOT_LA); NULLS before FIRST, LAST (NULLS_LA); WITH
 * before TIME, ORDINALITY (WITH_LA); IF before EXISTS or NOT EXISTS (IF_LA: the one place that
 * looks two tokens ahead, where PostgreSQL doubles every production instead). U& literals are
 * joined with their UESCAPE. A statement listed in unsupported.def becomes one UNSUPPORTED token up
 * to its semicolon.
 *
 * Invariant: tokens come out in text order and none is lost; positions are those of the scanner. */
#ifndef CAIRN_PARSER_FILTER_INT_H
#define CAIRN_PARSER_FILTER_INT_H

#include "parser/scan_int.h"

#define FILTER_AHEAD_MAX 8

struct filter {
    struct scan scan;
    struct {
        struct parse_token token;
        int code;
    } ahead[FILTER_AHEAD_MAX]; /* ring of tokens read but not given out */
    unsigned first;
    unsigned count;
    bool at_statement_start;
};

void filter_init(struct filter *filter, const char *text, uint32_t len, struct arena *arena,
                 struct err *err);
int filter_next(struct filter *filter, struct parse_token *token); /* as scan_next */

#endif
