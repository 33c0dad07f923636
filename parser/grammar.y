/* grammar.y: the language.
 *
 * PostgreSQL 15's grammar, production for production and under its names, in Lemon's notation. Read it as the
 * reference of what Cairn's SQL is. A terminal in capitals is the keyword itself; IDENT, SCONST, ICONST, FCONST, BCONST,
 * XCONST, PARAM and OP come from the scanner; NOT_LA, NULLS_LA and WITH_LA from the one-token filter between the two.
 * The productions of the keyword classes (unreserved_keyword, ...) are generated from keywords.def and appended.
 *
 * Rules of the file
 * 1. No conflict: lemon's exit status fails the build. Neither %fallback nor %token_class, nor a precedence that is
 *    not written at the rule that needs it (lemon takes the first terminal of a rule, bison the last).
 * 2. Actions only build nodes, through build_int.h; a check that needs more than the tokens at hand is the binder's.
 * 3. When an action runs, everything of its rule is shifted and nothing more: ps->prev_end is the rule's end, and
 *    START(x) of its first symbol its start. */

%name parse_grammar
%token_prefix TK_
%token_type {struct parse_token}
%default_type {struct parse_token}
%extra_context {struct parse_state *ps}
%stack_size 0
%start_symbol top
%include {
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "parser/build_int.h"
#define YYNOERRORRECOVERY 1
#define parse_grammar_ENGINEALWAYSONSTACK 1
#define YYPARSEFREENEVERNULL 1
/* The automaton's stack grows in the statement's arena, and no further than build_grow_stack allows. */
#define malloc(bytes) build_grow_stack(p->ps, NULL, 0, (bytes))
#define realloc(old, bytes) build_grow_stack(p->ps, (old), p->yystksz * sizeof(yyStackEntry), (bytes))
#define free(old) ((void)(old))
}
%syntax_error { (void)yymajor; build_syntax_error(ps, &TOKEN); }
%stack_overflow { build_too_deep(ps); }

/* What no production has: a character that starts no token. */
%token INVALID.

%nonassoc SET.
%left UNION EXCEPT.
%left INTERSECT.
%left OR.
%left AND.
%right NOT.
%nonassoc IS ISNULL NOTNULL.
%nonassoc LT GT EQ LESS_EQUALS GREATER_EQUALS NOT_EQUALS.
%nonassoc BETWEEN IN LIKE ILIKE SIMILAR NOT_LA.
%nonassoc ESCAPE.
%nonassoc UNBOUNDED.
%nonassoc IDENT PARTITION RANGE ROWS GROUPS PRECEDING FOLLOWING CUBE ROLLUP.
%left OP OPERATOR.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%left CARET.
%left AT.
%left COLLATE.
%right UMINUS.
%left LBRACKET RBRACKET.
%left LPAREN RPAREN.
%left TYPECAST.
%left DOT.
%left JOIN CROSS LEFT FULL RIGHT INNER NATURAL.

%code {
/* Feeds the automaton until the text ends or something fails. Returns the number of tokens. */
int parse_run(struct parse_state *ps, struct filter *filter, int mode)
{
    yyParser parser;
    struct parse_token token = {0};
    bool at_start = true;
    int count = 0;
    parse_grammarInit(&parser, ps);
    if (mode)
        parse_grammar(&parser, mode, token);
    while (!ps->failed) {
        int code = filter_next(filter, &token);
        if (code == SCAN_ERROR) {
            ps->failed = true;
            break;
        }
        if (at_start)
            ps->statement_start = token.start;
        at_start = code == TK_SEMI;
        ps->look = token;
        parse_grammar(&parser, code, token);
        if (code == 0)
            break;
        ps->prev_start = token.start;
        ps->prev_end = token.end;
        count++;
    }
    return count;
}
}

/* ==== entry ==== */

top ::= stmtmulti.
top ::= MODE_EXPR a_expr(B). { ps->root = B; }
top ::= MODE_TYPE_NAME type_name(B). { ps->root = &B->node; }

stmtmulti ::= stmtmulti SEMI toplevel_stmt.
stmtmulti ::= toplevel_stmt.
toplevel_stmt ::= stmt(B). { build_statement(ps, B); }
toplevel_stmt ::= transaction_stmt_legacy(B). { build_statement(ps, B); }

%type stmt {struct ast_node *}
stmt(A) ::= . { A = NULL; }
stmt(A) ::= UNSUPPORTED(B). { struct ast_unsupported_stmt *n = NEW(unsupported_stmt, B); n->name = B.text; A = &n->node; }
stmt(A) ::= alter_database_stmt(B). { A = B; }
stmt(A) ::= alter_default_privileges_stmt(B). { A = B; }
stmt(A) ::= alter_domain_stmt(B). { A = B; }
stmt(A) ::= alter_enum_stmt(B). { A = B; }
stmt(A) ::= alter_object_schema_stmt(B). { A = B; }
stmt(A) ::= alter_owner_stmt(B). { A = B; }
stmt(A) ::= alter_role_stmt(B). { A = B; }
stmt(A) ::= alter_seq_stmt(B). { A = B; }
stmt(A) ::= alter_system_stmt(B). { A = B; }
stmt(A) ::= alter_table_stmt(B). { A = B; }
stmt(A) ::= alter_composite_type_stmt(B). { A = B; }
stmt(A) ::= analyze_stmt(B). { A = B; }
stmt(A) ::= call_stmt(B). { A = B; }
stmt(A) ::= check_point_stmt(B). { A = B; }
stmt(A) ::= close_portal_stmt(B). { A = B; }
stmt(A) ::= cluster_stmt(B). { A = B; }
stmt(A) ::= comment_stmt(B). { A = B; }
stmt(A) ::= constraints_set_stmt(B). { A = B; }
stmt(A) ::= copy_stmt(B). { A = B; }
stmt(A) ::= create_as_stmt(B). { A = B; }
stmt(A) ::= create_domain_stmt(B). { A = B; }
stmt(A) ::= create_function_stmt(B). { A = B; }
stmt(A) ::= create_mat_view_stmt(B). { A = B; }
stmt(A) ::= create_role_stmt(B). { A = B; }
stmt(A) ::= create_schema_stmt(B). { A = B; }
stmt(A) ::= create_seq_stmt(B). { A = B; }
stmt(A) ::= create_stmt(B). { A = B; }
stmt(A) ::= createdb_stmt(B). { A = B; }
stmt(A) ::= deallocate_stmt(B). { A = B; }
stmt(A) ::= declare_cursor_stmt(B). { A = B; }
stmt(A) ::= define_type_stmt(B). { A = B; }
stmt(A) ::= delete_stmt(B). { A = B; }
stmt(A) ::= discard_stmt(B). { A = B; }
stmt(A) ::= do_stmt(B). { A = B; }
stmt(A) ::= drop_owned_stmt(B). { A = B; }
stmt(A) ::= drop_role_stmt(B). { A = B; }
stmt(A) ::= drop_stmt(B). { A = B; }
stmt(A) ::= dropdb_stmt(B). { A = B; }
stmt(A) ::= execute_stmt(B). { A = B; }
stmt(A) ::= explain_stmt(B). { A = B; }
stmt(A) ::= fetch_stmt(B). { A = B; }
stmt(A) ::= grant_role_stmt(B). { A = B; }
stmt(A) ::= grant_stmt(B). { A = B; }
stmt(A) ::= index_stmt(B). { A = B; }
stmt(A) ::= insert_stmt(B). { A = B; }
stmt(A) ::= listen_stmt(B). { A = B; }
stmt(A) ::= load_stmt(B). { A = B; }
stmt(A) ::= lock_stmt(B). { A = B; }
stmt(A) ::= merge_stmt(B). { A = B; }
stmt(A) ::= notify_stmt(B). { A = B; }
stmt(A) ::= prepare_stmt(B). { A = B; }
stmt(A) ::= reassign_owned_stmt(B). { A = B; }
stmt(A) ::= refresh_mat_view_stmt(B). { A = B; }
stmt(A) ::= reindex_stmt(B). { A = B; }
stmt(A) ::= rename_stmt(B). { A = B; }
stmt(A) ::= revoke_role_stmt(B). { A = B; }
stmt(A) ::= revoke_stmt(B). { A = B; }
stmt(A) ::= select_stmt(B). { A = B; }
stmt(A) ::= transaction_stmt(B). { A = B; }
stmt(A) ::= truncate_stmt(B). { A = B; }
stmt(A) ::= unlisten_stmt(B). { A = B; }
stmt(A) ::= update_stmt(B). { A = B; }
stmt(A) ::= vacuum_stmt(B). { A = B; }
stmt(A) ::= variable_reset_stmt(B). { A = B; }
stmt(A) ::= variable_set_stmt(B). { A = B; }
stmt(A) ::= variable_show_stmt(B). { A = B; }
stmt(A) ::= view_stmt(B). { A = B; }

/* ==== queries ==== */

%type select_stmt {struct ast_node *}
select_stmt(A) ::= select_no_parens(B). [UMINUS] { A = &B->node; }
select_stmt(A) ::= select_with_parens(B). [UMINUS] { A = &B->node; }
%type select_with_parens {struct ast_select_stmt *}
select_with_parens(A) ::= LPAREN select_no_parens(B) RPAREN. { A = B; }
select_with_parens(A) ::= LPAREN select_with_parens(B) RPAREN. { A = B; }
%type select_no_parens {struct ast_select_stmt *}
select_no_parens(A) ::= simple_select(B). { A = B; }
select_no_parens(A) ::= select_clause(B) sort_clause(C). { A = build_select_options(ps, B, C, NULL, NULL, NULL); }
select_no_parens(A) ::= select_clause(B) opt_sort_clause(C) for_locking_clause(D) opt_select_limit(E). {
    A = build_select_options(ps, B, C, D, &E, NULL); }
select_no_parens(A) ::= select_clause(B) opt_sort_clause(C) select_limit(D) opt_for_locking_clause(E). {
    A = build_select_options(ps, B, C, E, &D, NULL); }
select_no_parens(A) ::= with_clause(W) select_clause(B). { A = build_select_options(ps, B, NULL, NULL, NULL, W); }
select_no_parens(A) ::= with_clause(W) select_clause(B) sort_clause(C). {
    A = build_select_options(ps, B, C, NULL, NULL, W); }
select_no_parens(A) ::= with_clause(W) select_clause(B) opt_sort_clause(C) for_locking_clause(D) opt_select_limit(E). {
    A = build_select_options(ps, B, C, D, &E, W); }
select_no_parens(A) ::= with_clause(W) select_clause(B) opt_sort_clause(C) select_limit(D) opt_for_locking_clause(E). {
    A = build_select_options(ps, B, C, E, &D, W); }
%type select_clause {struct ast_select_stmt *}
select_clause(A) ::= simple_select(B). { A = B; }
select_clause(A) ::= select_with_parens(B). { A = B; }

%type simple_select {struct ast_select_stmt *}
simple_select(A) ::= SELECT(S) opt_all_clause opt_target_list(T) into_clause(I) from_clause(F) where_clause(W)
                     group_clause(G) having_clause(H) window_clause(Y). {
    A = build_select(ps, S.start, T, I, F, W, &G, H, Y); }
simple_select(A) ::= SELECT(S) distinct_clause(D) target_list(T) into_clause(I) from_clause(F) where_clause(W)
                     group_clause(G) having_clause(H) window_clause(Y). {
    A = build_select(ps, S.start, T, I, F, W, &G, H, Y); A->distinct = true; A->distinct_on = D; }
simple_select(A) ::= values_clause(B). { A = B; }
simple_select(A) ::= TABLE(T) relation_expr(B). { A = build_table_select(ps, T.start, B); }
simple_select(A) ::= select_clause(B) UNION(O) set_quantifier(Q) select_clause(C). [UNION] {
    A = build_setop(ps, AST_SETOP_UNION, Q.value, B, O.start, C); }
simple_select(A) ::= select_clause(B) INTERSECT(O) set_quantifier(Q) select_clause(C). [INTERSECT] {
    A = build_setop(ps, AST_SETOP_INTERSECT, Q.value, B, O.start, C); }
simple_select(A) ::= select_clause(B) EXCEPT(O) set_quantifier(Q) select_clause(C). [EXCEPT] {
    A = build_setop(ps, AST_SETOP_EXCEPT, Q.value, B, O.start, C); }
set_quantifier(A) ::= ALL(B). { A = B; A.value = 1; }
set_quantifier(A) ::= DISTINCT(B). { A = B; A.value = 0; }
set_quantifier(A) ::= . { A = TOKEN_NONE; }

%type with_clause {struct ast_with_clause *}
with_clause(A) ::= WITH(W) cte_list(B). { A = NEW(with_clause, W); A->ctes = B; }
with_clause(A) ::= WITH_LA(W) cte_list(B). { A = NEW(with_clause, W); A->ctes = B; }
with_clause(A) ::= WITH(W) RECURSIVE cte_list(B). { A = NEW(with_clause, W); A->ctes = B; A->recursive = true; }
%type opt_with_clause {struct ast_with_clause *}
opt_with_clause(A) ::= with_clause(B). { A = B; }
opt_with_clause(A) ::= . { A = NULL; }
%type cte_list {struct ast_list *}
cte_list(A) ::= common_table_expr(B). { A = LIST1(B); }
cte_list(A) ::= cte_list(B) COMMA common_table_expr(C). { A = ADD(B, C); }
%type common_table_expr {struct ast_node *}
common_table_expr(A) ::= name(N) opt_name_list(C) AS opt_materialized(M) LPAREN preparable_stmt(Q) RPAREN
                         opt_search_clause(S) opt_cycle_clause(Y). {
    struct ast_common_table_expr *n = NEW(common_table_expr, N);
    n->name = N.text; n->columns = C; n->materialize = (enum ast_cte_materialize)M.value;
    n->query = Q; n->search = S; n->cycle = Y; A = &n->node; }
opt_materialized(A) ::= MATERIALIZED(B). { A = B; A.value = AST_CTE_MATERIALIZED; }
opt_materialized(A) ::= NOT(B) MATERIALIZED. { A = B; A.value = AST_CTE_NOT_MATERIALIZED; }
opt_materialized(A) ::= . { A = TOKEN_NONE; }
%type opt_search_clause {struct ast_cte_search *}
opt_search_clause(A) ::= SEARCH(S) DEPTH FIRST BY columnList(C) SET col_id(N). {
    A = NEW(cte_search, S); A->columns = C; A->sequence_column = N.text; }
opt_search_clause(A) ::= SEARCH(S) BREADTH FIRST BY columnList(C) SET col_id(N). {
    A = NEW(cte_search, S); A->columns = C; A->breadth_first = true; A->sequence_column = N.text; }
opt_search_clause(A) ::= . { A = NULL; }
%type opt_cycle_clause {struct ast_cte_cycle *}
opt_cycle_clause(A) ::= CYCLE(S) columnList(C) SET col_id(M) TO aexpr_const(V) DEFAULT aexpr_const(D) USING col_id(P). {
    A = NEW(cte_cycle, S); A->columns = C; A->mark_column = M.text; A->mark_value = V; A->mark_default = D;
    A->path_column = P.text; }
opt_cycle_clause(A) ::= CYCLE(S) columnList(C) SET col_id(M) USING col_id(P). {
    A = NEW(cte_cycle, S); A->columns = C; A->mark_column = M.text; A->path_column = P.text; }
opt_cycle_clause(A) ::= . { A = NULL; }

%type into_clause {struct ast_into_clause *}
into_clause(A) ::= INTO(I) opt_temp_table_name(R). { A = NEW(into_clause, I); A->relation = R; }
into_clause(A) ::= . { A = NULL; }
%type opt_temp_table_name {struct ast_range_var *}
opt_temp_table_name(A) ::= TEMPORARY opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= TEMP opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= LOCAL TEMPORARY opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= LOCAL TEMP opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= GLOBAL TEMPORARY opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= GLOBAL TEMP opt_table qualified_name(R). { A = R; A->persistence = AST_TEMPORARY; }
opt_temp_table_name(A) ::= UNLOGGED opt_table qualified_name(R). { A = R; A->persistence = AST_UNLOGGED; }
opt_temp_table_name(A) ::= TABLE qualified_name(R). { A = R; }
opt_temp_table_name(A) ::= qualified_name(R). { A = R; }
opt_table ::= TABLE.
opt_table ::= .
opt_all_clause ::= ALL.
opt_all_clause ::= .
%type distinct_clause {struct ast_list *}
distinct_clause(A) ::= DISTINCT. { A = NULL; }
distinct_clause(A) ::= DISTINCT ON LPAREN expr_list(B) RPAREN. { A = B; }

%type opt_target_list {struct ast_list *}
opt_target_list(A) ::= target_list(B). { A = B; }
opt_target_list(A) ::= . { A = NULL; }
%type target_list {struct ast_list *}
target_list(A) ::= target_el(B). { A = LIST1(B); }
target_list(A) ::= target_list(B) COMMA target_el(C). { A = ADD(B, C); }
%type target_el {struct ast_node *}
target_el(A) ::= a_expr(B) AS col_label(C). { A = build_res_target(ps, B->start, C.text, B); }
target_el(A) ::= a_expr(B) bare_col_label(C). { A = build_res_target(ps, B->start, C.text, B); }
target_el(A) ::= a_expr(B). { A = build_res_target(ps, B->start, NULL, B); }
target_el(A) ::= STAR(B). { A = build_res_target(ps, B.start, NULL, build_star_ref(ps, B)); }

%type from_clause {struct ast_list *}
from_clause(A) ::= FROM from_list(B). { A = B; }
from_clause(A) ::= . { A = NULL; }
%type from_list {struct ast_list *}
from_list(A) ::= table_ref(B). { A = LIST1(B); }
from_list(A) ::= from_list(B) COMMA table_ref(C). { A = ADD(B, C); }

%type where_clause {struct ast_node *}
where_clause(A) ::= WHERE a_expr(B). { A = B; }
where_clause(A) ::= . { A = NULL; }
%type where_or_current_clause {struct ast_node *}
where_or_current_clause(A) ::= WHERE a_expr(B). { A = B; }
where_or_current_clause(A) ::= WHERE CURRENT(C) OF cursor_name(N). {
    struct ast_current_of *n = NEW(current_of, C); n->cursor = N.text; A = &n->node; }
where_or_current_clause(A) ::= . { A = NULL; }

%type group_clause {struct group_clause}
group_clause(A) ::= GROUP BY set_quantifier(Q) group_by_list(B). {
    A.items = B; A.distinct = Q.end != Q.start && Q.value == 0; }
group_clause(A) ::= . { A.items = NULL; A.distinct = false; }
%type group_by_list {struct ast_list *}
group_by_list(A) ::= group_by_item(B). { A = LIST1(B); }
group_by_list(A) ::= group_by_list(B) COMMA group_by_item(C). { A = ADD(B, C); }
%type group_by_item {struct ast_node *}
group_by_item(A) ::= a_expr(B). { A = B; }
group_by_item(A) ::= LPAREN(L) RPAREN. { A = build_grouping_set(ps, L.start, AST_GROUPING_EMPTY, NULL); }
group_by_item(A) ::= CUBE(L) LPAREN expr_list(B) RPAREN. { A = build_grouping_set(ps, L.start, AST_GROUPING_CUBE, B); }
group_by_item(A) ::= ROLLUP(L) LPAREN expr_list(B) RPAREN. {
    A = build_grouping_set(ps, L.start, AST_GROUPING_ROLLUP, B); }
group_by_item(A) ::= GROUPING(L) SETS LPAREN group_by_list(B) RPAREN. {
    A = build_grouping_set(ps, L.start, AST_GROUPING_SETS, B); }

%type having_clause {struct ast_node *}
having_clause(A) ::= HAVING a_expr(B). { A = B; }
having_clause(A) ::= . { A = NULL; }

%type sort_clause {struct ast_list *}
sort_clause(A) ::= ORDER BY sortby_list(B). { A = B; }
%type opt_sort_clause {struct ast_list *}
opt_sort_clause(A) ::= sort_clause(B). { A = B; }
opt_sort_clause(A) ::= . { A = NULL; }
%type sortby_list {struct ast_list *}
sortby_list(A) ::= sortby(B). { A = LIST1(B); }
sortby_list(A) ::= sortby_list(B) COMMA sortby(C). { A = ADD(B, C); }
%type sortby {struct ast_node *}
sortby(A) ::= a_expr(B) USING(U) qual_all_Op(O) opt_nulls_order(N). {
    struct ast_sort_by *n = NEW(sort_by, B); n->expr = B; n->dir = AST_SORT_USING; n->using_op = O; n->node.at = U.start;
    n->nulls = (enum ast_sort_nulls)N.value; A = &n->node; }
sortby(A) ::= a_expr(B) opt_asc_desc(D) opt_nulls_order(N). {
    struct ast_sort_by *n = NEW(sort_by, B); n->expr = B; n->dir = (enum ast_sort_dir)D.value;
    n->nulls = (enum ast_sort_nulls)N.value; A = &n->node; }
opt_asc_desc(A) ::= ASC(B). { A = B; A.value = AST_SORT_ASC; }
opt_asc_desc(A) ::= DESC(B). { A = B; A.value = AST_SORT_DESC; }
opt_asc_desc(A) ::= . { A = TOKEN_NONE; }
opt_nulls_order(A) ::= NULLS_LA(B) FIRST. { A = B; A.value = AST_NULLS_FIRST; }
opt_nulls_order(A) ::= NULLS_LA(B) LAST. { A = B; A.value = AST_NULLS_LAST; }
opt_nulls_order(A) ::= . { A = TOKEN_NONE; }

%type select_limit {struct select_limit}
select_limit(A) ::= limit_clause(L) offset_clause(O). { A = L; A.offset = O; }
select_limit(A) ::= offset_clause(O) limit_clause(L). { A = L; A.offset = O; }
select_limit(A) ::= limit_clause(L). { A = L; }
select_limit(A) ::= offset_clause(O). { A.count = NULL; A.with_ties = false; A.offset = O; }
%type opt_select_limit {struct select_limit}
opt_select_limit(A) ::= select_limit(B). { A = B; }
opt_select_limit(A) ::= . { A.count = NULL; A.with_ties = false; A.offset = NULL; }
%type limit_clause {struct select_limit}
limit_clause(A) ::= LIMIT select_limit_value(B). { A.count = B; A.offset = NULL; A.with_ties = false; }
limit_clause(A) ::= LIMIT(L) select_limit_value COMMA select_offset_value. {
    A.count = A.offset = NULL; A.with_ties = false;
    build_error(ps, ERR_SYNTAX_ERROR, L.start, "LIMIT #,# syntax is not supported");
    (void)err_hint(ps->err, "Use separate LIMIT and OFFSET clauses."); }
limit_clause(A) ::= FETCH first_or_next select_fetch_first_value(B) row_or_rows ONLY. {
    A.count = B; A.offset = NULL; A.with_ties = false; }
limit_clause(A) ::= FETCH first_or_next select_fetch_first_value(B) row_or_rows WITH TIES. {
    A.count = B; A.offset = NULL; A.with_ties = true; }
limit_clause(A) ::= FETCH(F) first_or_next row_or_rows ONLY. {
    A.count = build_int_const(ps, F.start, 1); A.offset = NULL; A.with_ties = false; }
limit_clause(A) ::= FETCH(F) first_or_next row_or_rows WITH TIES. {
    A.count = build_int_const(ps, F.start, 1); A.offset = NULL; A.with_ties = true; }
%type offset_clause {struct ast_node *}
offset_clause(A) ::= OFFSET select_offset_value(B). { A = B; }
offset_clause(A) ::= OFFSET select_fetch_first_value(B) row_or_rows. { A = B; }
%type select_limit_value {struct ast_node *}
select_limit_value(A) ::= a_expr(B). { A = B; }
select_limit_value(A) ::= ALL(B). { A = build_null_const(ps, B); }
%type select_offset_value {struct ast_node *}
select_offset_value(A) ::= a_expr(B). { A = B; }
%type select_fetch_first_value {struct ast_node *}
select_fetch_first_value(A) ::= c_expr(B). { A = B; }
select_fetch_first_value(A) ::= PLUS(S) i_or_f_const(B). { A = build_prefix_op(ps, S, B); }
select_fetch_first_value(A) ::= MINUS(S) i_or_f_const(B). { A = build_negate(ps, S, B); }
%type i_or_f_const {struct ast_node *}
i_or_f_const(A) ::= iconst(B). { A = build_int_const(ps, B.start, B.value); }
i_or_f_const(A) ::= FCONST(B). { A = build_text_const(ps, AST_CONST_FLOAT, B); }
row_or_rows ::= ROW.
row_or_rows ::= ROWS.
first_or_next ::= FIRST.
first_or_next ::= NEXT.

%type for_locking_clause {struct ast_list *}
for_locking_clause(A) ::= for_locking_items(B). { A = B; }
for_locking_clause(A) ::= FOR READ ONLY. { A = NULL; }
%type opt_for_locking_clause {struct ast_list *}
opt_for_locking_clause(A) ::= for_locking_clause(B). { A = B; }
opt_for_locking_clause(A) ::= . { A = NULL; }
%type for_locking_items {struct ast_list *}
for_locking_items(A) ::= for_locking_item(B). { A = LIST1(B); }
for_locking_items(A) ::= for_locking_items(B) for_locking_item(C). { A = ADD(B, C); }
%type for_locking_item {struct ast_node *}
for_locking_item(A) ::= for_locking_strength(S) locked_rels_list(R) opt_nowait_or_skip(W). {
    struct ast_locking_clause *n = NEW(locking_clause, S); n->strength = (enum ast_lock_strength)S.value;
    n->relations = R; n->wait = (enum ast_lock_wait)W.value; A = &n->node; }
for_locking_strength(A) ::= FOR(B) UPDATE. { A = B; A.value = AST_LOCK_UPDATE; }
for_locking_strength(A) ::= FOR(B) NO KEY UPDATE. { A = B; A.value = AST_LOCK_NO_KEY_UPDATE; }
for_locking_strength(A) ::= FOR(B) SHARE. { A = B; A.value = AST_LOCK_SHARE; }
for_locking_strength(A) ::= FOR(B) KEY SHARE. { A = B; A.value = AST_LOCK_KEY_SHARE; }
%type locked_rels_list {struct ast_list *}
locked_rels_list(A) ::= OF qualified_name_list(B). { A = B; }
locked_rels_list(A) ::= . { A = NULL; }
opt_nowait_or_skip(A) ::= NOWAIT(B). { A = B; A.value = AST_LOCK_NOWAIT; }
opt_nowait_or_skip(A) ::= SKIP(B) LOCKED. { A = B; A.value = AST_LOCK_SKIP; }
opt_nowait_or_skip(A) ::= . { A = TOKEN_NONE; }

%type values_clause {struct ast_select_stmt *}
values_clause(A) ::= VALUES(V) LPAREN(L) expr_list(B) RPAREN. {
    A = NEW(select_stmt, V); A->values = LIST1(build_node_list(ps, L.start, B)); }
values_clause(A) ::= values_clause(C) COMMA LPAREN(L) expr_list(B) RPAREN. {
    A = C; A->values = ADD(A->values, build_node_list(ps, L.start, B)); A->node.end = ps->prev_end; }

/* ==== FROM ==== */

%type table_ref {struct ast_node *}
table_ref(A) ::= relation_expr(B) opt_alias_clause(C). { B->alias = C; B->node.end = ps->prev_end; A = &B->node; }
table_ref(A) ::= relation_expr(B) opt_alias_clause(C) tablesample_clause(D). {
    B->alias = C; D->relation = &B->node; D->node.start = B->node.start; A = &D->node; }
table_ref(A) ::= func_table(B) func_alias_clause(C). { A = build_function_alias(ps, B, &C, false, B->node.start); }
table_ref(A) ::= LATERAL(L) func_table(B) func_alias_clause(C). { A = build_function_alias(ps, B, &C, true, L.start); }
table_ref(A) ::= xmltable(B) opt_alias_clause(C). { A = build_unsupported_table(ps, B, C, false); }
table_ref(A) ::= LATERAL xmltable(B) opt_alias_clause(C). { A = build_unsupported_table(ps, B, C, true); }
table_ref(A) ::= select_with_parens(B) opt_alias_clause(C). { A = build_subselect(ps, B, C, false, B->node.start); }
table_ref(A) ::= LATERAL(L) select_with_parens(B) opt_alias_clause(C). { A = build_subselect(ps, B, C, true, L.start); }
table_ref(A) ::= joined_table(B). { A = &B->node; }
table_ref(A) ::= LPAREN joined_table(B) RPAREN alias_clause(C). { B->alias = C; B->node.end = ps->prev_end; A = &B->node; }

%type joined_table {struct ast_join_expr *}
joined_table(A) ::= LPAREN joined_table(B) RPAREN. { A = B; }
joined_table(A) ::= table_ref(L) CROSS(O) JOIN table_ref(R). {
    A = build_join(ps, AST_JOIN_INNER, false, L, O.start, R, NULL); }
joined_table(A) ::= table_ref(L) join_type(O) JOIN table_ref(R) join_qual(Q). {
    A = build_join(ps, (enum ast_join_kind)O.value, false, L, O.start, R, &Q); }
joined_table(A) ::= table_ref(L) JOIN(O) table_ref(R) join_qual(Q). {
    A = build_join(ps, AST_JOIN_INNER, false, L, O.start, R, &Q); }
joined_table(A) ::= table_ref(L) NATURAL(O) join_type(T) JOIN table_ref(R). {
    A = build_join(ps, (enum ast_join_kind)T.value, true, L, O.start, R, NULL); }
joined_table(A) ::= table_ref(L) NATURAL(O) JOIN table_ref(R). {
    A = build_join(ps, AST_JOIN_INNER, true, L, O.start, R, NULL); }
join_type(A) ::= FULL(B) opt_outer. { A = B; A.value = AST_JOIN_FULL; }
join_type(A) ::= LEFT(B) opt_outer. { A = B; A.value = AST_JOIN_LEFT; }
join_type(A) ::= RIGHT(B) opt_outer. { A = B; A.value = AST_JOIN_RIGHT; }
join_type(A) ::= INNER(B). { A = B; A.value = AST_JOIN_INNER; }
opt_outer ::= OUTER.
opt_outer ::= .
%type join_qual {struct join_qual}
join_qual(A) ::= USING LPAREN name_list(B) RPAREN opt_alias_clause_for_join_using(C). {
    A.using_columns = B; A.using_alias = C; A.on = NULL; }
join_qual(A) ::= ON a_expr(B). { A.using_columns = NULL; A.using_alias = NULL; A.on = B; }
%type opt_alias_clause_for_join_using {struct ast_alias *}
opt_alias_clause_for_join_using(A) ::= AS(B) col_id(C). { A = build_alias(ps, B.start, C, NULL); }
opt_alias_clause_for_join_using(A) ::= . { A = NULL; }

%type alias_clause {struct ast_alias *}
alias_clause(A) ::= AS(B) col_id(C) LPAREN name_list(D) RPAREN. { A = build_alias(ps, B.start, C, D); }
alias_clause(A) ::= AS(B) col_id(C). { A = build_alias(ps, B.start, C, NULL); }
alias_clause(A) ::= col_id(C) LPAREN name_list(D) RPAREN. { A = build_alias(ps, C.start, C, D); }
alias_clause(A) ::= col_id(C). { A = build_alias(ps, C.start, C, NULL); }
%type opt_alias_clause {struct ast_alias *}
opt_alias_clause(A) ::= alias_clause(B). { A = B; }
opt_alias_clause(A) ::= . { A = NULL; }
%type func_alias_clause {struct func_alias}
func_alias_clause(A) ::= alias_clause(B). { A.alias = B; A.column_defs = NULL; }
func_alias_clause(A) ::= AS LPAREN table_func_element_list(C) RPAREN. { A.alias = NULL; A.column_defs = C; }
func_alias_clause(A) ::= AS(S) col_id(B) LPAREN table_func_element_list(C) RPAREN. {
    A.alias = build_alias(ps, S.start, B, NULL); A.column_defs = C; }
func_alias_clause(A) ::= col_id(B) LPAREN table_func_element_list(C) RPAREN. {
    A.alias = build_alias(ps, B.start, B, NULL); A.column_defs = C; }
func_alias_clause(A) ::= . { A.alias = NULL; A.column_defs = NULL; }
%type table_func_element_list {struct ast_list *}
table_func_element_list(A) ::= table_func_element(B). { A = LIST1(B); }
table_func_element_list(A) ::= table_func_element_list(B) COMMA table_func_element(C). { A = ADD(B, C); }
%type table_func_element {struct ast_node *}
table_func_element(A) ::= col_id(B) type_name(C) opt_collate_clause(D). {
    struct ast_column_def *n = NEW(column_def, B); n->name = B.text; n->type = C; n->collation = D; A = &n->node; }
%type opt_collate_clause {struct ast_list *}
opt_collate_clause(A) ::= COLLATE any_name(B). { A = B; }
opt_collate_clause(A) ::= . { A = NULL; }

%type relation_expr {struct ast_range_var *}
relation_expr(A) ::= qualified_name(B). { A = B; }
relation_expr(A) ::= qualified_name(B) STAR. { A = B; }
relation_expr(A) ::= ONLY(O) qualified_name(B). { A = B; A->only = true; A->node.start = O.start; }
relation_expr(A) ::= ONLY(O) LPAREN qualified_name(B) RPAREN. { A = B; A->only = true; A->node.start = O.start; }
%type relation_expr_list {struct ast_list *}
relation_expr_list(A) ::= relation_expr(B). { A = LIST1(B); }
relation_expr_list(A) ::= relation_expr_list(B) COMMA relation_expr(C). { A = ADD(B, C); }
/* Without AS, a SET here is the clause's and never the alias. */
%type relation_expr_opt_alias {struct ast_range_var *}
relation_expr_opt_alias(A) ::= relation_expr(B). [UMINUS] { A = B; }
relation_expr_opt_alias(A) ::= relation_expr(B) col_id(C). { A = B; A->alias = build_alias(ps, C.start, C, NULL); }
relation_expr_opt_alias(A) ::= relation_expr(B) AS(S) col_id(C). { A = B; A->alias = build_alias(ps, S.start, C, NULL); }

%type func_table {struct ast_range_function *}
func_table(A) ::= func_expr_windowless(B) opt_ordinality(C). {
    A = NEW(range_function, B); A->functions = LIST1(build_function_item(ps, B, NULL)); A->ordinality = C.value; }
func_table(A) ::= ROWS(R) FROM LPAREN rowsfrom_list(B) RPAREN opt_ordinality(C). {
    A = NEW(range_function, R); A->functions = B; A->is_rows_from = true; A->ordinality = C.value; }
%type rowsfrom_list {struct ast_list *}
rowsfrom_list(A) ::= rowsfrom_item(B). { A = LIST1(B); }
rowsfrom_list(A) ::= rowsfrom_list(B) COMMA rowsfrom_item(C). { A = ADD(B, C); }
%type rowsfrom_item {struct ast_node *}
rowsfrom_item(A) ::= func_expr_windowless(B) opt_col_def_list(C). { A = build_function_item(ps, B, C); }
%type opt_col_def_list {struct ast_list *}
opt_col_def_list(A) ::= AS LPAREN table_func_element_list(B) RPAREN. { A = B; }
opt_col_def_list(A) ::= . { A = NULL; }
opt_ordinality(A) ::= WITH_LA(B) ORDINALITY. { A = B; A.value = 1; }
opt_ordinality(A) ::= . { A = TOKEN_NONE; }

%type tablesample_clause {struct ast_range_table_sample *}
tablesample_clause(A) ::= TABLESAMPLE(T) func_name(N) LPAREN expr_list(E) RPAREN opt_repeatable_clause(R). {
    A = NEW(range_table_sample, T); A->method = N; A->args = E; A->repeatable = R; }
%type opt_repeatable_clause {struct ast_node *}
opt_repeatable_clause(A) ::= REPEATABLE LPAREN a_expr(B) RPAREN. { A = B; }
opt_repeatable_clause(A) ::= . { A = NULL; }

%type xmltable {struct ast_node *}
xmltable(A) ::= XMLTABLE(X) LPAREN c_expr xmlexists_argument COLUMNS xmltable_column_list RPAREN. {
    A = build_unsupported(ps, X, "XMLTABLE", NULL); }
xmltable(A) ::= XMLTABLE(X) LPAREN XMLNAMESPACES LPAREN xml_namespace_list RPAREN COMMA c_expr xmlexists_argument COLUMNS
                xmltable_column_list RPAREN. { A = build_unsupported(ps, X, "XMLTABLE", NULL); }
xmltable_column_list ::= xmltable_column_el.
xmltable_column_list ::= xmltable_column_list COMMA xmltable_column_el.
xmltable_column_el ::= col_id type_name.
xmltable_column_el ::= col_id type_name xmltable_column_option_list.
xmltable_column_el ::= col_id FOR ORDINALITY.
xmltable_column_option_list ::= xmltable_column_option_el.
xmltable_column_option_list ::= xmltable_column_option_list xmltable_column_option_el.
xmltable_column_option_el ::= IDENT b_expr.
xmltable_column_option_el ::= DEFAULT b_expr.
xmltable_column_option_el ::= NOT NULL.
xmltable_column_option_el ::= NULL.
xml_namespace_list ::= xml_namespace_el.
xml_namespace_list ::= xml_namespace_list COMMA xml_namespace_el.
xml_namespace_el ::= b_expr AS col_label.
xml_namespace_el ::= DEFAULT b_expr.

/* ==== types ==== */

%type type_name {struct ast_type_name *}
type_name(A) ::= simple_typename(B) opt_array_bounds(C). { A = B; A->array_bounds = C; A->node.end = ps->prev_end; }
type_name(A) ::= SETOF(S) simple_typename(B) opt_array_bounds(C). {
    A = B; A->array_bounds = C; A->setof = true; A->node.start = S.start; A->node.end = ps->prev_end; }
type_name(A) ::= simple_typename(B) ARRAY LBRACKET iconst(C) RBRACKET. {
    A = B; A->array_bounds = LIST1(build_integer(ps, C.start, C.value)); A->node.end = ps->prev_end; }
type_name(A) ::= SETOF(S) simple_typename(B) ARRAY LBRACKET iconst(C) RBRACKET. {
    A = B; A->array_bounds = LIST1(build_integer(ps, C.start, C.value)); A->setof = true; A->node.start = S.start;
    A->node.end = ps->prev_end; }
type_name(A) ::= simple_typename(B) ARRAY(C). {
    A = B; A->array_bounds = LIST1(build_integer(ps, C.start, -1)); A->node.end = ps->prev_end; }
type_name(A) ::= SETOF(S) simple_typename(B) ARRAY(C). {
    A = B; A->array_bounds = LIST1(build_integer(ps, C.start, -1)); A->setof = true; A->node.start = S.start;
    A->node.end = ps->prev_end; }
%type opt_array_bounds {struct ast_list *}
opt_array_bounds(A) ::= opt_array_bounds(B) LBRACKET(L) RBRACKET. { A = ADD(B, build_integer(ps, L.start, -1)); }
opt_array_bounds(A) ::= opt_array_bounds(B) LBRACKET(L) iconst(C) RBRACKET. {
    A = ADD(B, build_integer(ps, L.start, C.value)); }
opt_array_bounds(A) ::= . { A = NULL; }
%type simple_typename {struct ast_type_name *}
simple_typename(A) ::= generic_type(B). { A = B; }
simple_typename(A) ::= numeric_type(B). { A = B; }
simple_typename(A) ::= bit_type(B). { A = B; }
simple_typename(A) ::= character_type(B). { A = B; }
simple_typename(A) ::= const_datetime(B). { A = B; }
simple_typename(A) ::= const_interval(B) opt_interval(C). { A = B; A->typmods = C; A->node.end = ps->prev_end; }
simple_typename(A) ::= const_interval(B) LPAREN iconst(C) RPAREN. {
    A = B; A->typmods = build_interval_typmods(ps, 0x7fff, &C); A->node.end = ps->prev_end; }
%type const_typename {struct ast_type_name *}
const_typename(A) ::= numeric_type(B). { A = B; }
const_typename(A) ::= const_bit(B). { A = B; }
const_typename(A) ::= const_character(B). { A = B; }
const_typename(A) ::= const_datetime(B). { A = B; }
%type generic_type {struct ast_type_name *}
generic_type(A) ::= type_function_name(B) opt_type_modifiers(C). {
    A = NEW(type_name, B); A->names = LIST1(STRING(B)); A->typmods = C; }
generic_type(A) ::= type_function_name(B) attrs(D) opt_type_modifiers(C). {
    A = NEW(type_name, B); A->names = build_prepend(ps, STRING(B), D); A->typmods = C; }
%type opt_type_modifiers {struct ast_list *}
opt_type_modifiers(A) ::= LPAREN expr_list(B) RPAREN. { A = B; }
opt_type_modifiers(A) ::= . { A = NULL; }
%type numeric_type {struct ast_type_name *}
numeric_type(A) ::= INT(B). { A = build_system_type(ps, B.start, "int4", NULL); }
numeric_type(A) ::= INTEGER(B). { A = build_system_type(ps, B.start, "int4", NULL); }
numeric_type(A) ::= SMALLINT(B). { A = build_system_type(ps, B.start, "int2", NULL); }
numeric_type(A) ::= BIGINT(B). { A = build_system_type(ps, B.start, "int8", NULL); }
numeric_type(A) ::= REAL(B). { A = build_system_type(ps, B.start, "float4", NULL); }
numeric_type(A) ::= FLOAT(B). { A = build_system_type(ps, B.start, "float8", NULL); }
numeric_type(A) ::= FLOAT(B) LPAREN iconst(C) RPAREN. { A = build_float_type(ps, B.start, C); }
numeric_type(A) ::= DOUBLE(B) PRECISION. { A = build_system_type(ps, B.start, "float8", NULL); }
numeric_type(A) ::= DECIMAL(B) opt_type_modifiers(C). { A = build_system_type(ps, B.start, "numeric", C); }
numeric_type(A) ::= DEC(B) opt_type_modifiers(C). { A = build_system_type(ps, B.start, "numeric", C); }
numeric_type(A) ::= NUMERIC(B) opt_type_modifiers(C). { A = build_system_type(ps, B.start, "numeric", C); }
numeric_type(A) ::= BOOLEAN(B). { A = build_system_type(ps, B.start, "bool", NULL); }
%type bit_type {struct ast_type_name *}
bit_type(A) ::= bit_with_length(B). { A = B; }
bit_type(A) ::= bit_without_length(B). { A = B; }
%type const_bit {struct ast_type_name *}
const_bit(A) ::= bit_with_length(B). { A = B; }
const_bit(A) ::= bit_without_length(B). { A = B; A->typmods = NULL; }
%type bit_with_length {struct ast_type_name *}
bit_with_length(A) ::= BIT(B) opt_varying(V) LPAREN expr_list(C) RPAREN. {
    A = build_system_type(ps, B.start, V.value ? "varbit" : "bit", C); }
%type bit_without_length {struct ast_type_name *}
bit_without_length(A) ::= BIT(B) opt_varying(V). {
    A = V.value ? build_system_type(ps, B.start, "varbit", NULL)
                : build_system_type(ps, B.start, "bit", LIST1(build_int_const(ps, B.start, 1))); }
%type character_type {struct ast_type_name *}
character_type(A) ::= character_with_length(B). { A = B; }
character_type(A) ::= character_without_length(B). { A = B; }
%type const_character {struct ast_type_name *}
const_character(A) ::= character_with_length(B). { A = B; }
const_character(A) ::= character_without_length(B). { A = B; A->typmods = NULL; }
%type character_with_length {struct ast_type_name *}
character_with_length(A) ::= character(B) LPAREN iconst(C) RPAREN. {
    A = build_system_type(ps, B.start, B.value ? "varchar" : "bpchar", LIST1(build_int_const(ps, C.start, C.value))); }
%type character_without_length {struct ast_type_name *}
character_without_length(A) ::= character(B). {
    A = B.value ? build_system_type(ps, B.start, "varchar", NULL)
                : build_system_type(ps, B.start, "bpchar", LIST1(build_int_const(ps, B.start, 1))); }
character(A) ::= CHARACTER(B) opt_varying(V). { A = B; A.value = V.value; }
character(A) ::= CHAR(B) opt_varying(V). { A = B; A.value = V.value; }
character(A) ::= VARCHAR(B). { A = B; A.value = 1; }
character(A) ::= NATIONAL(B) CHARACTER opt_varying(V). { A = B; A.value = V.value; }
character(A) ::= NATIONAL(B) CHAR opt_varying(V). { A = B; A.value = V.value; }
character(A) ::= NCHAR(B) opt_varying(V). { A = B; A.value = V.value; }
opt_varying(A) ::= VARYING(B). { A = B; A.value = 1; }
opt_varying(A) ::= . { A = TOKEN_NONE; }
%type const_datetime {struct ast_type_name *}
const_datetime(A) ::= TIMESTAMP(B) LPAREN iconst(C) RPAREN opt_timezone(Z). {
    A = build_system_type(ps, B.start, Z.value ? "timestamptz" : "timestamp", LIST1(build_int_const(ps, C.start, C.value))); }
const_datetime(A) ::= TIMESTAMP(B) opt_timezone(Z). {
    A = build_system_type(ps, B.start, Z.value ? "timestamptz" : "timestamp", NULL); }
const_datetime(A) ::= TIME(B) LPAREN iconst(C) RPAREN opt_timezone(Z). {
    A = build_system_type(ps, B.start, Z.value ? "timetz" : "time", LIST1(build_int_const(ps, C.start, C.value))); }
const_datetime(A) ::= TIME(B) opt_timezone(Z). { A = build_system_type(ps, B.start, Z.value ? "timetz" : "time", NULL); }
%type const_interval {struct ast_type_name *}
const_interval(A) ::= INTERVAL(B). { A = build_system_type(ps, B.start, "interval", NULL); }
opt_timezone(A) ::= WITH_LA(B) TIME ZONE. { A = B; A.value = 1; }
opt_timezone(A) ::= WITHOUT TIME ZONE. { A = TOKEN_NONE; }
opt_timezone(A) ::= . { A = TOKEN_NONE; }
/* Masks are PostgreSQL's: 1 << field, with MONTH 1, YEAR 2, DAY 3, HOUR 10, MINUTE 11, SECOND 12. */
%type opt_interval {struct ast_list *}
opt_interval(A) ::= YEAR. { A = build_interval_typmods(ps, 1 << 2, NULL); }
opt_interval(A) ::= MONTH. { A = build_interval_typmods(ps, 1 << 1, NULL); }
opt_interval(A) ::= DAY. { A = build_interval_typmods(ps, 1 << 3, NULL); }
opt_interval(A) ::= HOUR. { A = build_interval_typmods(ps, 1 << 10, NULL); }
opt_interval(A) ::= MINUTE. { A = build_interval_typmods(ps, 1 << 11, NULL); }
opt_interval(A) ::= interval_second(B). { A = build_interval_typmods(ps, 1 << 12, B.end ? &B : NULL); }
opt_interval(A) ::= YEAR TO MONTH. { A = build_interval_typmods(ps, 1 << 2 | 1 << 1, NULL); }
opt_interval(A) ::= DAY TO HOUR. { A = build_interval_typmods(ps, 1 << 3 | 1 << 10, NULL); }
opt_interval(A) ::= DAY TO MINUTE. { A = build_interval_typmods(ps, 1 << 3 | 1 << 10 | 1 << 11, NULL); }
opt_interval(A) ::= DAY TO interval_second(B). {
    A = build_interval_typmods(ps, 1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, B.end ? &B : NULL); }
opt_interval(A) ::= HOUR TO MINUTE. { A = build_interval_typmods(ps, 1 << 10 | 1 << 11, NULL); }
opt_interval(A) ::= HOUR TO interval_second(B). {
    A = build_interval_typmods(ps, 1 << 10 | 1 << 11 | 1 << 12, B.end ? &B : NULL); }
opt_interval(A) ::= MINUTE TO interval_second(B). {
    A = build_interval_typmods(ps, 1 << 11 | 1 << 12, B.end ? &B : NULL); }
opt_interval(A) ::= . { A = NULL; }
interval_second(A) ::= SECOND. { A = TOKEN_NONE; }
interval_second(A) ::= SECOND LPAREN iconst(B) RPAREN. { A = B; }

/* ==== expressions ==== */

%type a_expr {struct ast_node *}
a_expr(A) ::= c_expr(B). { A = B; }
a_expr(A) ::= a_expr(B) TYPECAST(T) type_name(C). [TYPECAST] { A = build_cast(ps, B->start, T.start, B, C); }
a_expr(A) ::= a_expr(B) COLLATE(T) any_name(C). [COLLATE] {
    struct ast_collate_clause *n = NEW(collate_clause, B); n->arg = B; n->name = C; n->node.at = T.start; A = &n->node; }
a_expr(A) ::= a_expr(B) AT(T) TIME ZONE a_expr(C). [AT] {
    A = build_sql_call(ps, B->start, T.start, "timezone", LIST2(C, B)); }
a_expr(A) ::= PLUS(O) a_expr(B). [UMINUS] { A = build_prefix_op(ps, O, B); }
a_expr(A) ::= MINUS(O) a_expr(B). [UMINUS] { A = build_negate(ps, O, B); }
a_expr(A) ::= a_expr(B) PLUS(O) a_expr(C). [PLUS] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) MINUS(O) a_expr(C). [MINUS] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) STAR(O) a_expr(C). [STAR] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) SLASH(O) a_expr(C). [SLASH] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) PERCENT(O) a_expr(C). [PERCENT] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) CARET(O) a_expr(C). [CARET] { A = build_op(ps, B, O, C); }
a_expr(A) ::= a_expr(B) LT(O) a_expr(C). [LT] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) GT(O) a_expr(C). [GT] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) EQ(O) a_expr(C). [EQ] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) LESS_EQUALS(O) a_expr(C). [LESS_EQUALS] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) GREATER_EQUALS(O) a_expr(C). [GREATER_EQUALS] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) NOT_EQUALS(O) a_expr(C). [NOT_EQUALS] { A = build_compare(ps, B, O, C); }
a_expr(A) ::= a_expr(B) qual_Op(O) a_expr(C). [OP] { A = build_named_op(ps, B, O, C); }
a_expr(A) ::= qual_Op(O) a_expr(B). [OP] { A = build_named_prefix_op(ps, O, B); }
a_expr(A) ::= a_expr(B) AND(O) a_expr(C). [AND] { A = build_and_or(ps, AST_BOOL_AND, B, O, C); }
a_expr(A) ::= a_expr(B) OR(O) a_expr(C). [OR] { A = build_and_or(ps, AST_BOOL_OR, B, O, C); }
a_expr(A) ::= NOT(O) a_expr(B). [NOT] { A = build_not(ps, O, B); }
a_expr(A) ::= NOT_LA(O) a_expr(B). [NOT] { A = build_not(ps, O, B); }
a_expr(A) ::= a_expr(B) LIKE(O) a_expr(C). [LIKE] { A = build_match(ps, AST_EXPR_LIKE, "~~", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) LIKE(O) a_expr(C) ESCAPE a_expr(D). [LIKE] {
    A = build_match(ps, AST_EXPR_LIKE, "~~", B, O, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(O) LIKE a_expr(C). [NOT_LA] { A = build_match(ps, AST_EXPR_LIKE, "!~~", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(O) LIKE a_expr(C) ESCAPE a_expr(D). [NOT_LA] {
    A = build_match(ps, AST_EXPR_LIKE, "!~~", B, O, C, D); }
a_expr(A) ::= a_expr(B) ILIKE(O) a_expr(C). [ILIKE] { A = build_match(ps, AST_EXPR_ILIKE, "~~*", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) ILIKE(O) a_expr(C) ESCAPE a_expr(D). [ILIKE] {
    A = build_match(ps, AST_EXPR_ILIKE, "~~*", B, O, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(O) ILIKE a_expr(C). [NOT_LA] {
    A = build_match(ps, AST_EXPR_ILIKE, "!~~*", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(O) ILIKE a_expr(C) ESCAPE a_expr(D). [NOT_LA] {
    A = build_match(ps, AST_EXPR_ILIKE, "!~~*", B, O, C, D); }
a_expr(A) ::= a_expr(B) SIMILAR(O) TO a_expr(C). [SIMILAR] { A = build_match(ps, AST_EXPR_SIMILAR, "~", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) SIMILAR(O) TO a_expr(C) ESCAPE a_expr(D). [SIMILAR] {
    A = build_match(ps, AST_EXPR_SIMILAR, "~", B, O, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(O) SIMILAR TO a_expr(C). [NOT_LA] {
    A = build_match(ps, AST_EXPR_SIMILAR, "!~", B, O, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(O) SIMILAR TO a_expr(C) ESCAPE a_expr(D). [NOT_LA] {
    A = build_match(ps, AST_EXPR_SIMILAR, "!~", B, O, C, D); }
a_expr(A) ::= a_expr(B) IS(O) NULL. [IS] { A = build_null_test(ps, B, O, false); }
a_expr(A) ::= a_expr(B) ISNULL(O). [ISNULL] { A = build_null_test(ps, B, O, false); }
a_expr(A) ::= a_expr(B) IS(O) NOT NULL. [IS] { A = build_null_test(ps, B, O, true); }
a_expr(A) ::= a_expr(B) NOTNULL(O). [NOTNULL] { A = build_null_test(ps, B, O, true); }
a_expr(A) ::= row(B) OVERLAPS(O) row(C). { A = build_overlaps(ps, B, O, C); }
a_expr(A) ::= a_expr(B) IS(O) TRUE. [IS] { A = build_bool_test(ps, B, O, AST_IS_TRUE); }
a_expr(A) ::= a_expr(B) IS(O) NOT TRUE. [IS] { A = build_bool_test(ps, B, O, AST_IS_NOT_TRUE); }
a_expr(A) ::= a_expr(B) IS(O) FALSE. [IS] { A = build_bool_test(ps, B, O, AST_IS_FALSE); }
a_expr(A) ::= a_expr(B) IS(O) NOT FALSE. [IS] { A = build_bool_test(ps, B, O, AST_IS_NOT_FALSE); }
a_expr(A) ::= a_expr(B) IS(O) UNKNOWN. [IS] { A = build_bool_test(ps, B, O, AST_IS_UNKNOWN); }
a_expr(A) ::= a_expr(B) IS(O) NOT UNKNOWN. [IS] { A = build_bool_test(ps, B, O, AST_IS_NOT_UNKNOWN); }
a_expr(A) ::= a_expr(B) IS(O) DISTINCT FROM a_expr(C). [IS] {
    A = build_expr(ps, AST_EXPR_DISTINCT, "=", B, O, LIST2(B, C)); }
a_expr(A) ::= a_expr(B) IS(O) NOT DISTINCT FROM a_expr(C). [IS] {
    A = build_expr(ps, AST_EXPR_NOT_DISTINCT, "=", B, O, LIST2(B, C)); }
a_expr(A) ::= a_expr(B) BETWEEN(O) opt_asymmetric b_expr(C) AND a_expr(D). [BETWEEN] {
    A = build_expr(ps, AST_EXPR_BETWEEN, "BETWEEN", B, O, LIST3(B, C, D)); }
a_expr(A) ::= a_expr(B) NOT_LA(O) BETWEEN opt_asymmetric b_expr(C) AND a_expr(D). [NOT_LA] {
    A = build_expr(ps, AST_EXPR_NOT_BETWEEN, "NOT BETWEEN", B, O, LIST3(B, C, D)); }
a_expr(A) ::= a_expr(B) BETWEEN(O) SYMMETRIC b_expr(C) AND a_expr(D). [BETWEEN] {
    A = build_expr(ps, AST_EXPR_BETWEEN_SYM, "BETWEEN SYMMETRIC", B, O, LIST3(B, C, D)); }
a_expr(A) ::= a_expr(B) NOT_LA(O) BETWEEN SYMMETRIC b_expr(C) AND a_expr(D). [NOT_LA] {
    A = build_expr(ps, AST_EXPR_NOT_BETWEEN_SYM, "NOT BETWEEN SYMMETRIC", B, O, LIST3(B, C, D)); }
a_expr(A) ::= a_expr(B) IN(O) in_expr(C). [IN] { A = build_in(ps, B, O, C, false); }
a_expr(A) ::= a_expr(B) NOT_LA(O) IN in_expr(C). [NOT_LA] { A = build_in(ps, B, O, C, true); }
a_expr(A) ::= a_expr(B) subquery_Op(O) sub_type(T) select_with_parens(C). [OP] {
    A = build_sub_link(ps, B->start, (enum ast_sub_link_kind)T.value, B, O, &C->node); A->at = O->items[0]->start; }
a_expr(A) ::= a_expr(B) subquery_Op(O) sub_type(T) LPAREN a_expr(C) RPAREN. [OP] {
    A = build_op_any_all(ps, T.value == AST_SUB_ANY ? AST_EXPR_OP_ANY : AST_EXPR_OP_ALL, B, O, C); }
a_expr(A) ::= UNIQUE(U) opt_unique_null_treatment select_with_parens. {
    A = build_unsupported(ps, U, "UNIQUE predicate", NULL); }
a_expr(A) ::= a_expr(B) IS DOCUMENT. [IS] { A = build_unsupported_on(ps, B, "IS DOCUMENT"); }
a_expr(A) ::= a_expr(B) IS NOT DOCUMENT. [IS] { A = build_unsupported_on(ps, B, "IS NOT DOCUMENT"); }
a_expr(A) ::= a_expr(B) IS(O) NORMALIZED. [IS] { A = build_is_normalized(ps, B, O, NULL, false); }
a_expr(A) ::= a_expr(B) IS(O) unicode_normal_form(F) NORMALIZED. [IS] { A = build_is_normalized(ps, B, O, &F, false); }
a_expr(A) ::= a_expr(B) IS(O) NOT NORMALIZED. [IS] { A = build_is_normalized(ps, B, O, NULL, true); }
a_expr(A) ::= a_expr(B) IS(O) NOT unicode_normal_form(F) NORMALIZED. [IS] { A = build_is_normalized(ps, B, O, &F, true); }
a_expr(A) ::= DEFAULT(D). { struct ast_set_to_default *n = NEW(set_to_default, D); A = &n->node; }

/* What BETWEEN's first bound may be: no AND, IN, LIKE, IS NULL at its top. */
%type b_expr {struct ast_node *}
b_expr(A) ::= c_expr(B). { A = B; }
b_expr(A) ::= b_expr(B) TYPECAST(T) type_name(C). [TYPECAST] { A = build_cast(ps, B->start, T.start, B, C); }
b_expr(A) ::= PLUS(O) b_expr(B). [UMINUS] { A = build_prefix_op(ps, O, B); }
b_expr(A) ::= MINUS(O) b_expr(B). [UMINUS] { A = build_negate(ps, O, B); }
b_expr(A) ::= b_expr(B) PLUS(O) b_expr(C). [PLUS] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) MINUS(O) b_expr(C). [MINUS] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) STAR(O) b_expr(C). [STAR] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) SLASH(O) b_expr(C). [SLASH] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) PERCENT(O) b_expr(C). [PERCENT] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) CARET(O) b_expr(C). [CARET] { A = build_op(ps, B, O, C); }
b_expr(A) ::= b_expr(B) LT(O) b_expr(C). [LT] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) GT(O) b_expr(C). [GT] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) EQ(O) b_expr(C). [EQ] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) LESS_EQUALS(O) b_expr(C). [LESS_EQUALS] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) GREATER_EQUALS(O) b_expr(C). [GREATER_EQUALS] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) NOT_EQUALS(O) b_expr(C). [NOT_EQUALS] { A = build_compare(ps, B, O, C); }
b_expr(A) ::= b_expr(B) qual_Op(O) b_expr(C). [OP] { A = build_named_op(ps, B, O, C); }
b_expr(A) ::= qual_Op(O) b_expr(B). [OP] { A = build_named_prefix_op(ps, O, B); }
b_expr(A) ::= b_expr(B) IS(O) DISTINCT FROM b_expr(C). [IS] {
    A = build_expr(ps, AST_EXPR_DISTINCT, "=", B, O, LIST2(B, C)); }
b_expr(A) ::= b_expr(B) IS(O) NOT DISTINCT FROM b_expr(C). [IS] {
    A = build_expr(ps, AST_EXPR_NOT_DISTINCT, "=", B, O, LIST2(B, C)); }
b_expr(A) ::= b_expr(B) IS DOCUMENT. [IS] { A = build_unsupported_on(ps, B, "IS DOCUMENT"); }
b_expr(A) ::= b_expr(B) IS NOT DOCUMENT. [IS] { A = build_unsupported_on(ps, B, "IS NOT DOCUMENT"); }

/* What needs no precedence: constants, names, calls, anything in brackets. */
%type c_expr {struct ast_node *}
c_expr(A) ::= columnref(B). { A = B; }
c_expr(A) ::= aexpr_const(B). { A = B; }
c_expr(A) ::= PARAM(P) opt_indirection(I). {
    struct ast_param_ref *n = NEW(param_ref, P); n->number = P.value; n->node.end = P.end;
    A = build_indirection(ps, P.start, &n->node, I); }
c_expr(A) ::= LPAREN(L) a_expr(B) RPAREN opt_indirection(I). { A = build_indirection(ps, L.start, B, I); }
c_expr(A) ::= case_expr(B). { A = B; }
c_expr(A) ::= func_expr(B). { A = B; }
c_expr(A) ::= select_with_parens(B). [UMINUS] {
    A = build_sub_link(ps, B->node.start, AST_SUB_EXPR, NULL, NULL, &B->node); }
c_expr(A) ::= select_with_parens(B) indirection(I). {
    A = build_indirection(ps, B->node.start,
        build_sub_link(ps, B->node.start, AST_SUB_EXPR, NULL, NULL, &B->node), I); }
c_expr(A) ::= EXISTS(E) select_with_parens(B). { A = build_sub_link(ps, E.start, AST_SUB_EXISTS, NULL, NULL, &B->node); }
c_expr(A) ::= ARRAY(E) select_with_parens(B). { A = build_sub_link(ps, E.start, AST_SUB_ARRAY, NULL, NULL, &B->node); }
c_expr(A) ::= ARRAY(E) array_expr(B). { A = B; A->start = A->at = E.start; }
c_expr(A) ::= explicit_row(B). { A = B; }
c_expr(A) ::= implicit_row(B). { A = B; }
c_expr(A) ::= GROUPING(G) LPAREN expr_list(B) RPAREN. {
    struct ast_grouping_func *n = NEW(grouping_func, G); n->args = B; A = &n->node; }

%type func_application {struct ast_func_call *}
func_application(A) ::= func_name(N) LPAREN RPAREN. { A = build_call(ps, N, NULL); }
func_application(A) ::= func_name(N) LPAREN func_arg_list(L) opt_sort_clause(S) RPAREN. {
    A = build_call(ps, N, L); A->order_by = S; }
func_application(A) ::= func_name(N) LPAREN VARIADIC func_arg_expr(L) opt_sort_clause(S) RPAREN. {
    A = build_call(ps, N, LIST1(L)); A->variadic = true; A->order_by = S; }
func_application(A) ::= func_name(N) LPAREN func_arg_list(L) COMMA VARIADIC func_arg_expr(X) opt_sort_clause(S) RPAREN. {
    A = build_call(ps, N, ADD(L, X)); A->variadic = true; A->order_by = S; }
func_application(A) ::= func_name(N) LPAREN ALL func_arg_list(L) opt_sort_clause(S) RPAREN. {
    A = build_call(ps, N, L); A->order_by = S; }
func_application(A) ::= func_name(N) LPAREN DISTINCT func_arg_list(L) opt_sort_clause(S) RPAREN. {
    A = build_call(ps, N, L); A->order_by = S; A->distinct = true; }
func_application(A) ::= func_name(N) LPAREN STAR RPAREN. { A = build_call(ps, N, NULL); A->star = true; }

%type func_expr {struct ast_node *}
func_expr(A) ::= func_application(B) within_group_clause(W) filter_clause(F) over_clause(O). {
    A = build_call_clauses(ps, B, W, F, O); }
func_expr(A) ::= func_expr_common_subexpr(B). { A = B; }
%type func_expr_windowless {struct ast_node *}
func_expr_windowless(A) ::= func_application(B). { A = &B->node; }
func_expr_windowless(A) ::= func_expr_common_subexpr(B). { A = B; }

%type func_expr_common_subexpr {struct ast_node *}
func_expr_common_subexpr(A) ::= COLLATION(T) FOR LPAREN a_expr(B) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "pg_collation_for", LIST1(B)); }
func_expr_common_subexpr(A) ::= CURRENT_DATE(T). { A = build_sql_value(ps, T, AST_CURRENT_DATE, -1); }
func_expr_common_subexpr(A) ::= CURRENT_TIME(T). { A = build_sql_value(ps, T, AST_CURRENT_TIME, -1); }
func_expr_common_subexpr(A) ::= CURRENT_TIME(T) LPAREN iconst(B) RPAREN. {
    A = build_sql_value(ps, T, AST_CURRENT_TIME, B.value); }
func_expr_common_subexpr(A) ::= CURRENT_TIMESTAMP(T). { A = build_sql_value(ps, T, AST_CURRENT_TIMESTAMP, -1); }
func_expr_common_subexpr(A) ::= CURRENT_TIMESTAMP(T) LPAREN iconst(B) RPAREN. {
    A = build_sql_value(ps, T, AST_CURRENT_TIMESTAMP, B.value); }
func_expr_common_subexpr(A) ::= LOCALTIME(T). { A = build_sql_value(ps, T, AST_LOCALTIME, -1); }
func_expr_common_subexpr(A) ::= LOCALTIME(T) LPAREN iconst(B) RPAREN. {
    A = build_sql_value(ps, T, AST_LOCALTIME, B.value); }
func_expr_common_subexpr(A) ::= LOCALTIMESTAMP(T). { A = build_sql_value(ps, T, AST_LOCALTIMESTAMP, -1); }
func_expr_common_subexpr(A) ::= LOCALTIMESTAMP(T) LPAREN iconst(B) RPAREN. {
    A = build_sql_value(ps, T, AST_LOCALTIMESTAMP, B.value); }
func_expr_common_subexpr(A) ::= CURRENT_ROLE(T). { A = build_sql_value(ps, T, AST_CURRENT_ROLE, -1); }
func_expr_common_subexpr(A) ::= CURRENT_USER(T). { A = build_sql_value(ps, T, AST_CURRENT_USER, -1); }
func_expr_common_subexpr(A) ::= SESSION_USER(T). { A = build_sql_value(ps, T, AST_SESSION_USER, -1); }
func_expr_common_subexpr(A) ::= USER(T). { A = build_sql_value(ps, T, AST_USER, -1); }
func_expr_common_subexpr(A) ::= CURRENT_CATALOG(T). { A = build_sql_value(ps, T, AST_CURRENT_CATALOG, -1); }
func_expr_common_subexpr(A) ::= CURRENT_SCHEMA(T). { A = build_sql_value(ps, T, AST_CURRENT_SCHEMA, -1); }
func_expr_common_subexpr(A) ::= CAST(T) LPAREN a_expr(B) AS type_name(C) RPAREN. {
    A = build_cast(ps, T.start, T.start, B, C); }
func_expr_common_subexpr(A) ::= EXTRACT(T) LPAREN extract_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "extract", L); }
func_expr_common_subexpr(A) ::= NORMALIZE(T) LPAREN a_expr(B) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "normalize", LIST1(B)); }
func_expr_common_subexpr(A) ::= NORMALIZE(T) LPAREN a_expr(B) COMMA unicode_normal_form(F) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "normalize", LIST2(B, build_text_const(ps, AST_CONST_STRING, F))); }
func_expr_common_subexpr(A) ::= OVERLAY(T) LPAREN overlay_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "overlay", L); }
func_expr_common_subexpr(A) ::= OVERLAY(T) LPAREN func_arg_list_opt(L) RPAREN. {
    A = build_plain_call(ps, T.start, "overlay", L); }
func_expr_common_subexpr(A) ::= POSITION(T) LPAREN position_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "position", L); }
func_expr_common_subexpr(A) ::= SUBSTRING(T) LPAREN substr_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "substring", L); }
func_expr_common_subexpr(A) ::= SUBSTRING(T) LPAREN func_arg_list_opt(L) RPAREN. {
    A = build_plain_call(ps, T.start, "substring", L); }
func_expr_common_subexpr(A) ::= SUBSTRING(T) LPAREN a_expr(B) SIMILAR a_expr(C) ESCAPE a_expr(D) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "substring", LIST3(B, C, D)); ast_to(func_call, A)->form = AST_FORM_CALL; }
func_expr_common_subexpr(A) ::= TREAT(T) LPAREN a_expr(B) AS type_name(C) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, build_last_name(C->names), LIST1(B)); }
func_expr_common_subexpr(A) ::= TRIM(T) LPAREN BOTH trim_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "btrim", L); }
func_expr_common_subexpr(A) ::= TRIM(T) LPAREN LEADING trim_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "ltrim", L); }
func_expr_common_subexpr(A) ::= TRIM(T) LPAREN TRAILING trim_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "rtrim", L); }
func_expr_common_subexpr(A) ::= TRIM(T) LPAREN trim_list(L) RPAREN. {
    A = build_sql_call(ps, T.start, T.start, "btrim", L); }
func_expr_common_subexpr(A) ::= NULLIF(T) LPAREN a_expr(B) COMMA a_expr(C) RPAREN. {
    A = build_expr(ps, AST_EXPR_NULLIF, "=", NULL, T, LIST2(B, C)); }
func_expr_common_subexpr(A) ::= COALESCE(T) LPAREN expr_list(L) RPAREN. {
    struct ast_coalesce_expr *n = NEW(coalesce_expr, T); n->args = L; A = &n->node; }
func_expr_common_subexpr(A) ::= GREATEST(T) LPAREN expr_list(L) RPAREN. {
    struct ast_min_max_expr *n = NEW(min_max_expr, T); n->args = L; n->kind = AST_GREATEST; A = &n->node; }
func_expr_common_subexpr(A) ::= LEAST(T) LPAREN expr_list(L) RPAREN. {
    struct ast_min_max_expr *n = NEW(min_max_expr, T); n->args = L; n->kind = AST_LEAST; A = &n->node; }
func_expr_common_subexpr(A) ::= XMLCONCAT(T) LPAREN expr_list RPAREN. { A = build_unsupported(ps, T, "XMLCONCAT", NULL); }
func_expr_common_subexpr(A) ::= XMLELEMENT(T) LPAREN NAME col_label RPAREN. {
    A = build_unsupported(ps, T, "XMLELEMENT", NULL); }
func_expr_common_subexpr(A) ::= XMLELEMENT(T) LPAREN NAME col_label COMMA xml_attributes RPAREN. {
    A = build_unsupported(ps, T, "XMLELEMENT", NULL); }
func_expr_common_subexpr(A) ::= XMLELEMENT(T) LPAREN NAME col_label COMMA expr_list RPAREN. {
    A = build_unsupported(ps, T, "XMLELEMENT", NULL); }
func_expr_common_subexpr(A) ::= XMLELEMENT(T) LPAREN NAME col_label COMMA xml_attributes COMMA expr_list RPAREN. {
    A = build_unsupported(ps, T, "XMLELEMENT", NULL); }
func_expr_common_subexpr(A) ::= XMLEXISTS(T) LPAREN c_expr xmlexists_argument RPAREN. {
    A = build_unsupported(ps, T, "XMLEXISTS", NULL); }
func_expr_common_subexpr(A) ::= XMLFOREST(T) LPAREN xml_attribute_list RPAREN. {
    A = build_unsupported(ps, T, "XMLFOREST", NULL); }
func_expr_common_subexpr(A) ::= XMLPARSE(T) LPAREN document_or_content a_expr xml_whitespace_option RPAREN. {
    A = build_unsupported(ps, T, "XMLPARSE", NULL); }
func_expr_common_subexpr(A) ::= XMLPI(T) LPAREN NAME col_label RPAREN. { A = build_unsupported(ps, T, "XMLPI", NULL); }
func_expr_common_subexpr(A) ::= XMLPI(T) LPAREN NAME col_label COMMA a_expr RPAREN. {
    A = build_unsupported(ps, T, "XMLPI", NULL); }
func_expr_common_subexpr(A) ::= XMLROOT(T) LPAREN a_expr COMMA xml_root_version opt_xml_root_standalone RPAREN. {
    A = build_unsupported(ps, T, "XMLROOT", NULL); }
func_expr_common_subexpr(A) ::= XMLSERIALIZE(T) LPAREN document_or_content a_expr AS simple_typename RPAREN. {
    A = build_unsupported(ps, T, "XMLSERIALIZE", NULL); }
xml_root_version ::= VERSION a_expr.
xml_root_version ::= VERSION NO VALUE.
opt_xml_root_standalone ::= COMMA STANDALONE YES.
opt_xml_root_standalone ::= COMMA STANDALONE NO.
opt_xml_root_standalone ::= COMMA STANDALONE NO VALUE.
opt_xml_root_standalone ::= .
xml_attributes ::= XMLATTRIBUTES LPAREN xml_attribute_list RPAREN.
xml_attribute_list ::= xml_attribute_el.
xml_attribute_list ::= xml_attribute_list COMMA xml_attribute_el.
xml_attribute_el ::= a_expr AS col_label.
xml_attribute_el ::= a_expr.
document_or_content ::= DOCUMENT.
document_or_content ::= CONTENT.
xml_whitespace_option ::= PRESERVE WHITESPACE.
xml_whitespace_option ::= STRIP WHITESPACE.
xml_whitespace_option ::= .
xmlexists_argument ::= PASSING c_expr.
xmlexists_argument ::= PASSING c_expr xml_passing_mech.
xmlexists_argument ::= PASSING xml_passing_mech c_expr.
xmlexists_argument ::= PASSING xml_passing_mech c_expr xml_passing_mech.
xml_passing_mech ::= BY REF.
xml_passing_mech ::= BY VALUE.

%type within_group_clause {struct ast_list *}
within_group_clause(A) ::= WITHIN GROUP LPAREN sort_clause(B) RPAREN. { A = B; }
within_group_clause(A) ::= . { A = NULL; }
%type filter_clause {struct ast_node *}
filter_clause(A) ::= FILTER LPAREN WHERE a_expr(B) RPAREN. { A = B; }
filter_clause(A) ::= . { A = NULL; }

%type window_clause {struct ast_list *}
window_clause(A) ::= WINDOW window_definition_list(B). { A = B; }
window_clause(A) ::= . { A = NULL; }
%type window_definition_list {struct ast_list *}
window_definition_list(A) ::= window_definition(B). { A = LIST1(B); }
window_definition_list(A) ::= window_definition_list(B) COMMA window_definition(C). { A = ADD(B, C); }
%type window_definition {struct ast_node *}
window_definition(A) ::= col_id(N) AS window_specification(B). {
    B->name = N.text; B->node.start = N.start; A = &B->node; }
%type over_clause {struct ast_window_def *}
over_clause(A) ::= OVER window_specification(B). { A = B; }
over_clause(A) ::= OVER col_id(N). { A = NEW(window_def, N); A->name = N.text; A->end_bound = AST_BOUND_CURRENT_ROW; }
over_clause(A) ::= . { A = NULL; }
%type window_specification {struct ast_window_def *}
window_specification(A) ::= LPAREN(L) opt_existing_window_name(N) opt_partition_clause(P) opt_sort_clause(S)
                            opt_frame_clause(F) RPAREN. {
    A = build_window(ps, L.start, N.text, P, S, &F); }
/* The name is taken only when what follows cannot be the start of another clause: see the precedences. */
opt_existing_window_name(A) ::= col_id(B). { A = B; }
opt_existing_window_name(A) ::= . [OP] { A = TOKEN_NONE; }
%type opt_partition_clause {struct ast_list *}
opt_partition_clause(A) ::= PARTITION BY expr_list(B). { A = B; }
opt_partition_clause(A) ::= . { A = NULL; }
%type opt_frame_clause {struct window_frame}
opt_frame_clause(A) ::= RANGE frame_extent(B) opt_window_exclusion_clause(X). {
    A = B; A.frame = AST_FRAME_RANGE; A.exclude = (enum ast_frame_exclude)X.value; }
opt_frame_clause(A) ::= ROWS frame_extent(B) opt_window_exclusion_clause(X). {
    A = B; A.frame = AST_FRAME_ROWS; A.exclude = (enum ast_frame_exclude)X.value; }
opt_frame_clause(A) ::= GROUPS frame_extent(B) opt_window_exclusion_clause(X). {
    A = B; A.frame = AST_FRAME_GROUPS; A.exclude = (enum ast_frame_exclude)X.value; }
opt_frame_clause(A) ::= . { A = build_frame_default(); }
%type frame_extent {struct window_frame}
frame_extent(A) ::= frame_bound(B). { A = build_frame(ps, &B, NULL); }
frame_extent(A) ::= BETWEEN frame_bound(B) AND frame_bound(C). { A = build_frame(ps, &B, &C); }
%type frame_bound {struct frame_bound}
frame_bound(A) ::= UNBOUNDED(T) PRECEDING. { A = (struct frame_bound){T.start, AST_BOUND_UNBOUNDED_PRECEDING, NULL}; }
frame_bound(A) ::= UNBOUNDED(T) FOLLOWING. { A = (struct frame_bound){T.start, AST_BOUND_UNBOUNDED_FOLLOWING, NULL}; }
frame_bound(A) ::= CURRENT(T) ROW. { A = (struct frame_bound){T.start, AST_BOUND_CURRENT_ROW, NULL}; }
frame_bound(A) ::= a_expr(B) PRECEDING. { A = (struct frame_bound){B->start, AST_BOUND_PRECEDING, B}; }
frame_bound(A) ::= a_expr(B) FOLLOWING. { A = (struct frame_bound){B->start, AST_BOUND_FOLLOWING, B}; }
opt_window_exclusion_clause(A) ::= EXCLUDE(B) CURRENT ROW. { A = B; A.value = AST_EXCLUDE_CURRENT_ROW; }
opt_window_exclusion_clause(A) ::= EXCLUDE(B) GROUP. { A = B; A.value = AST_EXCLUDE_GROUP; }
opt_window_exclusion_clause(A) ::= EXCLUDE(B) TIES. { A = B; A.value = AST_EXCLUDE_TIES; }
opt_window_exclusion_clause(A) ::= EXCLUDE NO OTHERS. { A = TOKEN_NONE; }
opt_window_exclusion_clause(A) ::= . { A = TOKEN_NONE; }

%type row {struct ast_node *}
row(A) ::= explicit_row(B). { A = B; }
row(A) ::= implicit_row(B). { A = B; }
%type explicit_row {struct ast_node *}
explicit_row(A) ::= ROW(R) LPAREN expr_list(B) RPAREN. { A = build_row(ps, R.start, B, true); }
explicit_row(A) ::= ROW(R) LPAREN RPAREN. { A = build_row(ps, R.start, NULL, true); }
%type implicit_row {struct ast_node *}
implicit_row(A) ::= LPAREN(L) expr_list(B) COMMA a_expr(C) RPAREN. { A = build_row(ps, L.start, ADD(B, C), false); }
sub_type(A) ::= ANY(B). { A = B; A.value = AST_SUB_ANY; }
sub_type(A) ::= SOME(B). { A = B; A.value = AST_SUB_ANY; }
sub_type(A) ::= ALL(B). { A = B; A.value = AST_SUB_ALL; }

all_Op(A) ::= OP(B). { A = B; }
all_Op(A) ::= math_op(B). { A = B; }
math_op(A) ::= PLUS(B). { A = B; }
math_op(A) ::= MINUS(B). { A = B; }
math_op(A) ::= STAR(B). { A = B; }
math_op(A) ::= SLASH(B). { A = B; }
math_op(A) ::= PERCENT(B). { A = B; }
math_op(A) ::= CARET(B). { A = B; }
math_op(A) ::= LT(B). { A = B; }
math_op(A) ::= GT(B). { A = B; }
math_op(A) ::= EQ(B). { A = B; }
math_op(A) ::= LESS_EQUALS(B). { A = B; }
math_op(A) ::= GREATER_EQUALS(B). { A = B; }
math_op(A) ::= NOT_EQUALS(B). { A = B; }
%type qual_Op {struct ast_list *}
qual_Op(A) ::= OP(B). { A = LIST1(STRING(B)); }
qual_Op(A) ::= OPERATOR(T) LPAREN any_operator(B) RPAREN. { A = B; A->items[0]->start = T.start; }
%type qual_all_Op {struct ast_list *}
qual_all_Op(A) ::= all_Op(B). { A = LIST1(STRING(B)); }
qual_all_Op(A) ::= OPERATOR LPAREN any_operator(B) RPAREN. { A = B; }
%type subquery_Op {struct ast_list *}
subquery_Op(A) ::= all_Op(B). { A = LIST1(STRING(B)); }
subquery_Op(A) ::= OPERATOR LPAREN any_operator(B) RPAREN. { A = B; }
subquery_Op(A) ::= LIKE(B). { A = LIST1(build_string(ps, B.start, B.end, "~~")); }
subquery_Op(A) ::= NOT_LA(B) LIKE. { A = LIST1(build_string(ps, B.start, B.end, "!~~")); }
subquery_Op(A) ::= ILIKE(B). { A = LIST1(build_string(ps, B.start, B.end, "~~*")); }
subquery_Op(A) ::= NOT_LA(B) ILIKE. { A = LIST1(build_string(ps, B.start, B.end, "!~~*")); }
%type any_operator {struct ast_list *}
any_operator(A) ::= all_Op(B). { A = LIST1(STRING(B)); }
any_operator(A) ::= col_id(B) DOT any_operator(C). { A = build_prepend(ps, STRING(B), C); }

%type expr_list {struct ast_list *}
expr_list(A) ::= a_expr(B). { A = LIST1(B); }
expr_list(A) ::= expr_list(B) COMMA a_expr(C). { A = ADD(B, C); }
%type func_arg_list {struct ast_list *}
func_arg_list(A) ::= func_arg_expr(B). { A = LIST1(B); }
func_arg_list(A) ::= func_arg_list(B) COMMA func_arg_expr(C). { A = ADD(B, C); }
%type func_arg_expr {struct ast_node *}
func_arg_expr(A) ::= a_expr(B). { A = B; }
func_arg_expr(A) ::= param_name(N) COLON_EQUALS a_expr(B). { A = build_named_arg(ps, N, B); }
func_arg_expr(A) ::= param_name(N) EQUALS_GREATER a_expr(B). { A = build_named_arg(ps, N, B); }
%type func_arg_list_opt {struct ast_list *}
func_arg_list_opt(A) ::= func_arg_list(B). { A = B; }
func_arg_list_opt(A) ::= . { A = NULL; }
param_name(A) ::= type_function_name(B). { A = B; }

%type type_list {struct ast_list *}
type_list(A) ::= type_name(B). { A = LIST1(B); }
type_list(A) ::= type_list(B) COMMA type_name(C). { A = ADD(B, C); }
%type array_expr {struct ast_node *}
array_expr(A) ::= LBRACKET(L) expr_list(B) RBRACKET. { A = build_array(ps, L.start, B); }
array_expr(A) ::= LBRACKET(L) array_expr_list(B) RBRACKET. { A = build_array(ps, L.start, B); }
array_expr(A) ::= LBRACKET(L) RBRACKET. { A = build_array(ps, L.start, NULL); }
%type array_expr_list {struct ast_list *}
array_expr_list(A) ::= array_expr(B). { A = LIST1(B); }
array_expr_list(A) ::= array_expr_list(B) COMMA array_expr(C). { A = ADD(B, C); }
%type extract_list {struct ast_list *}
extract_list(A) ::= extract_arg(F) FROM a_expr(B). { A = LIST2(build_text_const(ps, AST_CONST_STRING, F), B); }
extract_arg(A) ::= IDENT(B). { A = B; }
extract_arg(A) ::= YEAR(B). { A = B; }
extract_arg(A) ::= MONTH(B). { A = B; }
extract_arg(A) ::= DAY(B). { A = B; }
extract_arg(A) ::= HOUR(B). { A = B; }
extract_arg(A) ::= MINUTE(B). { A = B; }
extract_arg(A) ::= SECOND(B). { A = B; }
extract_arg(A) ::= sconst(B). { A = B; }
unicode_normal_form(A) ::= NFC(B). { A = B; A.text = "NFC"; }
unicode_normal_form(A) ::= NFD(B). { A = B; A.text = "NFD"; }
unicode_normal_form(A) ::= NFKC(B). { A = B; A.text = "NFKC"; }
unicode_normal_form(A) ::= NFKD(B). { A = B; A.text = "NFKD"; }
%type overlay_list {struct ast_list *}
overlay_list(A) ::= a_expr(B) PLACING a_expr(C) FROM a_expr(D) FOR a_expr(E). { A = ADD(LIST3(B, C, D), E); }
overlay_list(A) ::= a_expr(B) PLACING a_expr(C) FROM a_expr(D). { A = LIST3(B, C, D); }
%type position_list {struct ast_list *}
position_list(A) ::= b_expr(B) IN b_expr(C). { A = LIST2(C, B); }
%type substr_list {struct ast_list *}
substr_list(A) ::= a_expr(B) FROM a_expr(C) FOR a_expr(D). { A = LIST3(B, C, D); }
substr_list(A) ::= a_expr(B) FOR a_expr(D) FROM a_expr(C). { A = LIST3(B, C, D); }
substr_list(A) ::= a_expr(B) FROM a_expr(C). { A = LIST2(B, C); }
substr_list(A) ::= a_expr(B) FOR a_expr(D). { A = build_substring_for(ps, B, D); }
%type trim_list {struct ast_list *}
trim_list(A) ::= a_expr(B) FROM expr_list(C). { A = ADD(C, B); }
trim_list(A) ::= FROM expr_list(C). { A = C; }
trim_list(A) ::= expr_list(C). { A = C; }
%type in_expr {struct ast_node *}
in_expr(A) ::= select_with_parens(B). { A = build_sub_link(ps, B->node.start, AST_SUB_ANY, NULL, NULL, &B->node); }
in_expr(A) ::= LPAREN(L) expr_list(B) RPAREN. { A = build_node_list(ps, L.start, B); }

%type case_expr {struct ast_node *}
case_expr(A) ::= CASE(C) case_arg(B) when_clause_list(W) case_default(D) END. {
    struct ast_case_expr *n = NEW(case_expr, C); n->arg = B; n->whens = W; n->otherwise = D; A = &n->node; }
%type when_clause_list {struct ast_list *}
when_clause_list(A) ::= when_clause(B). { A = LIST1(B); }
when_clause_list(A) ::= when_clause_list(B) when_clause(C). { A = ADD(B, C); }
%type when_clause {struct ast_node *}
when_clause(A) ::= WHEN(W) a_expr(B) THEN a_expr(C). {
    struct ast_case_when *n = NEW(case_when, W); n->expr = B; n->result = C; A = &n->node; }
%type case_default {struct ast_node *}
case_default(A) ::= ELSE a_expr(B). { A = B; }
case_default(A) ::= . { A = NULL; }
%type case_arg {struct ast_node *}
case_arg(A) ::= a_expr(B). { A = B; }
case_arg(A) ::= . { A = NULL; }

%type columnref {struct ast_node *}
columnref(A) ::= col_id(B). { A = build_column_ref(ps, B, NULL); }
columnref(A) ::= col_id(B) indirection(C). { A = build_column_ref(ps, B, C); }
%type indirection_el {struct ast_node *}
indirection_el(A) ::= DOT attr_name(B). { A = STRING(B); }
indirection_el(A) ::= DOT STAR(B). { struct ast_star *n = NEW(star, B); A = &n->node; }
indirection_el(A) ::= LBRACKET(L) a_expr(B) RBRACKET. { A = build_indices(ps, L.start, false, NULL, B); }
indirection_el(A) ::= LBRACKET(L) opt_slice_bound(B) COLON opt_slice_bound(C) RBRACKET. {
    A = build_indices(ps, L.start, true, B, C); }
%type opt_slice_bound {struct ast_node *}
opt_slice_bound(A) ::= a_expr(B). { A = B; }
opt_slice_bound(A) ::= . { A = NULL; }
%type indirection {struct ast_list *}
indirection(A) ::= indirection_el(B). { A = LIST1(B); }
indirection(A) ::= indirection(B) indirection_el(C). { A = ADD(B, C); }
%type opt_indirection {struct ast_list *}
opt_indirection(A) ::= . { A = NULL; }
opt_indirection(A) ::= opt_indirection(B) indirection_el(C). { A = ADD(B, C); }
opt_asymmetric ::= ASYMMETRIC.
opt_asymmetric ::= .

%type aexpr_const {struct ast_node *}
aexpr_const(A) ::= iconst(B). { A = build_int_const(ps, B.start, B.value); }
aexpr_const(A) ::= FCONST(B). { A = build_text_const(ps, AST_CONST_FLOAT, B); }
aexpr_const(A) ::= sconst(B). { A = build_text_const(ps, AST_CONST_STRING, B); }
aexpr_const(A) ::= BCONST(B). { A = build_text_const(ps, AST_CONST_BIT, B); }
aexpr_const(A) ::= XCONST(B). { A = build_text_const(ps, AST_CONST_BIT, B); }
aexpr_const(A) ::= func_name(N) sconst(B). { A = build_typed_literal(ps, build_type_of_name(ps, N, NULL), B); }
aexpr_const(A) ::= func_name(N) LPAREN func_arg_list(L) opt_sort_clause(S) RPAREN sconst(B). {
    A = build_typed_literal(ps, build_type_of_call(ps, N, L, S), B); }
aexpr_const(A) ::= const_typename(T) sconst(B). { A = build_typed_literal(ps, T, B); }
aexpr_const(A) ::= const_interval(T) sconst(B) opt_interval(I). {
    T->typmods = I; A = build_typed_literal(ps, T, B); }
aexpr_const(A) ::= const_interval(T) LPAREN iconst(P) RPAREN sconst(B). {
    T->typmods = build_interval_typmods(ps, 0x7fff, &P); A = build_typed_literal(ps, T, B); }
aexpr_const(A) ::= TRUE(B). { A = build_bool_const(ps, B, true); }
aexpr_const(A) ::= FALSE(B). { A = build_bool_const(ps, B, false); }
aexpr_const(A) ::= NULL(B). { A = build_null_const(ps, B); }
iconst(A) ::= ICONST(B). { A = B; }
sconst(A) ::= SCONST(B). { A = B; }
/* value: the number, negated */
signed_iconst(A) ::= iconst(B). { A = B; }
signed_iconst(A) ::= PLUS iconst(B). { A = B; }
signed_iconst(A) ::= MINUS iconst(B). { A = B; A.value = -B.value; }

/* ==== names ==== */

col_id(A) ::= IDENT(B). { A = B; }
col_id(A) ::= unreserved_keyword(B). { A = B; }
col_id(A) ::= col_name_keyword(B). { A = B; }
type_function_name(A) ::= IDENT(B). { A = B; }
type_function_name(A) ::= unreserved_keyword(B). { A = B; }
type_function_name(A) ::= type_func_name_keyword(B). { A = B; }
non_reserved_word(A) ::= IDENT(B). { A = B; }
non_reserved_word(A) ::= unreserved_keyword(B). { A = B; }
non_reserved_word(A) ::= col_name_keyword(B). { A = B; }
non_reserved_word(A) ::= type_func_name_keyword(B). { A = B; }
col_label(A) ::= IDENT(B). { A = B; }
col_label(A) ::= unreserved_keyword(B). { A = B; }
col_label(A) ::= col_name_keyword(B). { A = B; }
col_label(A) ::= type_func_name_keyword(B). { A = B; }
col_label(A) ::= reserved_keyword(B). { A = B; }
bare_col_label(A) ::= IDENT(B). { A = B; }
bare_col_label(A) ::= bare_label_keyword(B). { A = B; }
name(A) ::= col_id(B). { A = B; }
cursor_name(A) ::= name(B). { A = B; }
attr_name(A) ::= col_label(B). { A = B; }
file_name(A) ::= sconst(B). { A = B; }
%type name_list {struct ast_list *}
name_list(A) ::= name(B). { A = LIST1(STRING(B)); }
name_list(A) ::= name_list(B) COMMA name(C). { A = ADD(B, STRING(C)); }
%type opt_name_list {struct ast_list *}
opt_name_list(A) ::= LPAREN name_list(B) RPAREN. { A = B; }
opt_name_list(A) ::= . { A = NULL; }
%type any_name {struct ast_list *}
any_name(A) ::= col_id(B). { A = LIST1(STRING(B)); }
any_name(A) ::= col_id(B) attrs(C). { A = build_prepend(ps, STRING(B), C); }
%type any_name_list {struct ast_list *}
any_name_list(A) ::= any_name(B). { A = LIST1(build_name_node(ps, B)); }
any_name_list(A) ::= any_name_list(B) COMMA any_name(C). { A = ADD(B, build_name_node(ps, C)); }
%type attrs {struct ast_list *}
attrs(A) ::= DOT attr_name(B). { A = LIST1(STRING(B)); }
attrs(A) ::= attrs(B) DOT attr_name(C). { A = ADD(B, STRING(C)); }
%type qualified_name {struct ast_range_var *}
qualified_name(A) ::= col_id(B). { A = NEW(range_var, B); A->name = B.text; }
qualified_name(A) ::= col_id(B) indirection(C). { A = build_qualified_name(ps, B, C); }
%type qualified_name_list {struct ast_list *}
qualified_name_list(A) ::= qualified_name(B). { A = LIST1(B); }
qualified_name_list(A) ::= qualified_name_list(B) COMMA qualified_name(C). { A = ADD(B, C); }
%type func_name {struct ast_list *}
func_name(A) ::= type_function_name(B). { A = LIST1(STRING(B)); }
func_name(A) ::= col_id(B) indirection(C). { A = build_func_name(ps, B, C); }
%type role_spec {struct ast_role_spec *}
role_spec(A) ::= non_reserved_word(B). { A = build_role_spec(ps, B); }
role_spec(A) ::= CURRENT_ROLE(B). { A = NEW(role_spec, B); A->kind = AST_ROLE_CURRENT_ROLE; }
role_spec(A) ::= CURRENT_USER(B). { A = NEW(role_spec, B); A->kind = AST_ROLE_CURRENT_USER; }
role_spec(A) ::= SESSION_USER(B). { A = NEW(role_spec, B); A->kind = AST_ROLE_SESSION_USER; }
role_id(A) ::= role_spec(B). { A = build_role_id(ps, B); }
%type role_list {struct ast_list *}
role_list(A) ::= role_spec(B). { A = LIST1(B); }
role_list(A) ::= role_list(B) COMMA role_spec(C). { A = ADD(B, C); }

/* ==== changing data ==== */

%type preparable_stmt {struct ast_node *}
preparable_stmt(A) ::= select_stmt(B). { A = B; }
preparable_stmt(A) ::= insert_stmt(B). { A = B; }
preparable_stmt(A) ::= update_stmt(B). { A = B; }
preparable_stmt(A) ::= delete_stmt(B). { A = B; }
preparable_stmt(A) ::= merge_stmt(B). { A = B; }

%type insert_stmt {struct ast_node *}
insert_stmt(A) ::= opt_with_clause(W) INSERT(S) INTO insert_target(T) insert_rest(R) opt_on_conflict(C) returning_clause(G). {
    R->with = W; R->relation = T; R->on_conflict = C; R->returning = G;
    A = build_finish(ps, &R->node, W ? W->node.start : S.start); }
%type insert_target {struct ast_range_var *}
insert_target(A) ::= qualified_name(B). { A = B; }
insert_target(A) ::= qualified_name(B) AS(S) col_id(C). { A = B; A->alias = build_alias(ps, S.start, C, NULL); }
%type insert_rest {struct ast_insert_stmt *}
insert_rest(A) ::= select_stmt(B). { A = NEW(insert_stmt, B); A->query = B; }
insert_rest(A) ::= OVERRIDING(O) override_kind(K) VALUE select_stmt(B). {
    A = NEW(insert_stmt, O); A->query = B; A->overriding = (enum ast_overriding)K.value; }
insert_rest(A) ::= LPAREN(L) insert_column_list(C) RPAREN select_stmt(B). {
    A = NEW(insert_stmt, L); A->query = B; A->columns = C; }
insert_rest(A) ::= LPAREN(L) insert_column_list(C) RPAREN OVERRIDING override_kind(K) VALUE select_stmt(B). {
    A = NEW(insert_stmt, L); A->query = B; A->columns = C; A->overriding = (enum ast_overriding)K.value; }
insert_rest(A) ::= DEFAULT(D) VALUES. { A = NEW(insert_stmt, D); }
override_kind(A) ::= USER(B). { A = B; A.value = AST_OVERRIDING_USER; }
override_kind(A) ::= SYSTEM(B). { A = B; A.value = AST_OVERRIDING_SYSTEM; }
%type insert_column_list {struct ast_list *}
insert_column_list(A) ::= insert_column_item(B). { A = LIST1(B); }
insert_column_list(A) ::= insert_column_list(B) COMMA insert_column_item(C). { A = ADD(B, C); }
%type insert_column_item {struct ast_node *}
insert_column_item(A) ::= col_id(B) opt_indirection(C). {
    struct ast_res_target *n = NEW(res_target, B); n->name = B.text; n->indirection = C; A = &n->node; }
%type opt_on_conflict {struct ast_on_conflict *}
opt_on_conflict(A) ::= ON(O) CONFLICT opt_conf_expr(I) DO UPDATE SET set_clause_list(S) where_clause(W). {
    A = build_on_conflict(ps, O.start, AST_CONFLICT_UPDATE, I, S, W); }
opt_on_conflict(A) ::= ON(O) CONFLICT opt_conf_expr(I) DO NOTHING. {
    A = build_on_conflict(ps, O.start, AST_CONFLICT_NOTHING, I, NULL, NULL); }
opt_on_conflict(A) ::= . { A = NULL; }
%type opt_conf_expr {struct ast_on_conflict *}
opt_conf_expr(A) ::= LPAREN(L) index_params(B) RPAREN where_clause(C). {
    A = NEW(on_conflict, L); A->index_elems = B; A->index_where = C; }
opt_conf_expr(A) ::= ON(O) CONSTRAINT name(B). { A = NEW(on_conflict, O); A->constraint = B.text; }
opt_conf_expr(A) ::= . { A = NULL; }
%type returning_clause {struct ast_list *}
returning_clause(A) ::= RETURNING target_list(B). { A = B; }
returning_clause(A) ::= . { A = NULL; }

%type delete_stmt {struct ast_node *}
delete_stmt(A) ::= opt_with_clause(W) DELETE(S) FROM relation_expr_opt_alias(R) using_clause(U) where_or_current_clause(C)
                  returning_clause(G). {
    struct ast_delete_stmt *n = NEW(delete_stmt, S); n->with = W; n->relation = R; n->using_items = U; n->where = C;
    n->returning = G; A = build_finish(ps, &n->node, W ? W->node.start : S.start); }
%type using_clause {struct ast_list *}
using_clause(A) ::= USING from_list(B). { A = B; }
using_clause(A) ::= . { A = NULL; }

%type update_stmt {struct ast_node *}
update_stmt(A) ::= opt_with_clause(W) UPDATE(S) relation_expr_opt_alias(R) SET set_clause_list(L) from_clause(F)
                  where_or_current_clause(C) returning_clause(G). {
    struct ast_update_stmt *n = NEW(update_stmt, S); n->with = W; n->relation = R; n->targets = L; n->from = F;
    n->where = C; n->returning = G; A = build_finish(ps, &n->node, W ? W->node.start : S.start); }
%type set_clause_list {struct ast_list *}
set_clause_list(A) ::= set_clause(B). { A = LIST1(B); }
set_clause_list(A) ::= set_clause_list(B) COMMA set_clause(C). { A = ADD(B, C); }
%type set_clause {struct ast_node *}
set_clause(A) ::= set_target(B) EQ a_expr(C). {
    ast_to(res_target, B)->val = C; A = B; A->end = ps->prev_end; }
set_clause(A) ::= LPAREN(L) set_target_list(B) RPAREN EQ a_expr(C). {
    struct ast_multi_assign *n = NEW(multi_assign, L); n->targets = B; n->source = C; A = &n->node; }
%type set_target {struct ast_node *}
set_target(A) ::= col_id(B) opt_indirection(C). {
    struct ast_res_target *n = NEW(res_target, B); n->name = B.text; n->indirection = C; A = &n->node; }
%type set_target_list {struct ast_list *}
set_target_list(A) ::= set_target(B). { A = LIST1(B); }
set_target_list(A) ::= set_target_list(B) COMMA set_target(C). { A = ADD(B, C); }

%type merge_stmt {struct ast_node *}
merge_stmt(A) ::= opt_with_clause(W) MERGE(S) INTO relation_expr_opt_alias(R) USING table_ref(U) ON a_expr(O)
                 merge_when_list(L). {
    struct ast_merge_stmt *n = NEW(merge_stmt, S); n->with = W; n->relation = R; n->source = U; n->on = O; n->whens = L;
    A = build_finish(ps, &n->node, W ? W->node.start : S.start); }
%type merge_when_list {struct ast_list *}
merge_when_list(A) ::= merge_when_clause(B). { A = LIST1(B); }
merge_when_list(A) ::= merge_when_list(B) merge_when_clause(C). { A = ADD(B, C); }
%type merge_when_clause {struct ast_node *}
merge_when_clause(A) ::= WHEN(S) MATCHED opt_merge_when_condition(C) THEN merge_update(B). {
    A = build_merge_when(ps, S.start, true, C, B); }
merge_when_clause(A) ::= WHEN(S) MATCHED opt_merge_when_condition(C) THEN merge_delete(B). {
    A = build_merge_when(ps, S.start, true, C, B); }
merge_when_clause(A) ::= WHEN(S) NOT MATCHED opt_merge_when_condition(C) THEN merge_insert(B). {
    A = build_merge_when(ps, S.start, false, C, B); }
merge_when_clause(A) ::= WHEN(S) MATCHED opt_merge_when_condition(C) THEN DO(D) NOTHING. {
    A = build_merge_when(ps, S.start, true, C, NEW(merge_when, D)); }
merge_when_clause(A) ::= WHEN(S) NOT MATCHED opt_merge_when_condition(C) THEN DO(D) NOTHING. {
    A = build_merge_when(ps, S.start, false, C, NEW(merge_when, D)); }
%type opt_merge_when_condition {struct ast_node *}
opt_merge_when_condition(A) ::= AND a_expr(B). { A = B; }
opt_merge_when_condition(A) ::= . { A = NULL; }
%type merge_update {struct ast_merge_when *}
merge_update(A) ::= UPDATE(S) SET set_clause_list(B). {
    A = NEW(merge_when, S); A->action = AST_MERGE_UPDATE; A->targets = B; }
%type merge_delete {struct ast_merge_when *}
merge_delete(A) ::= DELETE(S). { A = NEW(merge_when, S); A->action = AST_MERGE_DELETE; }
%type merge_insert {struct ast_merge_when *}
merge_insert(A) ::= INSERT(S) merge_values_clause(V). { A = build_merge_insert(ps, S.start, NULL, 0, V); }
merge_insert(A) ::= INSERT(S) OVERRIDING override_kind(K) VALUE merge_values_clause(V). {
    A = build_merge_insert(ps, S.start, NULL, K.value, V); }
merge_insert(A) ::= INSERT(S) LPAREN insert_column_list(C) RPAREN merge_values_clause(V). {
    A = build_merge_insert(ps, S.start, C, 0, V); }
merge_insert(A) ::= INSERT(S) LPAREN insert_column_list(C) RPAREN OVERRIDING override_kind(K) VALUE merge_values_clause(V). {
    A = build_merge_insert(ps, S.start, C, K.value, V); }
merge_insert(A) ::= INSERT(S) DEFAULT VALUES. { A = build_merge_insert(ps, S.start, NULL, 0, NULL); }
%type merge_values_clause {struct ast_list *}
merge_values_clause(A) ::= VALUES LPAREN expr_list(B) RPAREN. { A = B; }

/* ---- COPY ---- */

%type copy_stmt {struct ast_node *}
copy_stmt(A) ::= COPY(S) opt_binary(I) qualified_name(R) opt_column_list(L) copy_from(D) opt_program(P) copy_file_name(F)
                copy_delimiter(E) opt_with copy_options(O) where_clause(W). {
    struct ast_copy_stmt *n = NEW(copy_stmt, S); n->relation = R; n->columns = L; n->is_from = D.value;
    n->is_program = P.value; n->filename = F.text; n->options = build_concat(ps, build_concat(ps, I, E), O); n->where = W;
    build_check_copy(ps, n, P.start, W);
    A = &n->node; }
copy_stmt(A) ::= COPY(S) LPAREN preparable_stmt(Q) RPAREN TO opt_program(P) copy_file_name(F) opt_with copy_options(O). {
    struct ast_copy_stmt *n = NEW(copy_stmt, S); n->query = Q; n->is_program = P.value; n->filename = F.text; n->options = O;
    build_check_copy(ps, n, P.start, NULL);
    A = &n->node; }
copy_from(A) ::= FROM(B). { A = B; A.value = 1; }
copy_from(A) ::= TO(B). { A = B; A.value = 0; }
opt_program(A) ::= PROGRAM(B). { A = B; A.value = 1; }
opt_program(A) ::= . { A = TOKEN_NONE; }
copy_file_name(A) ::= sconst(B). { A = B; }
copy_file_name(A) ::= STDIN. { A = TOKEN_NONE; }
copy_file_name(A) ::= STDOUT. { A = TOKEN_NONE; }
%type copy_options {struct ast_list *}
copy_options(A) ::= copy_opt_list(B). { A = B; }
copy_options(A) ::= LPAREN copy_generic_opt_list(B) RPAREN. { A = B; }
%type copy_opt_list {struct ast_list *}
copy_opt_list(A) ::= copy_opt_list(B) copy_opt_item(C). { A = ADD(B, C); }
copy_opt_list(A) ::= . { A = NULL; }
%type copy_opt_item {struct ast_node *}
copy_opt_item(A) ::= BINARY(T). { A = build_def(ps, T.start, "format", build_string(ps, T.start, T.end, "binary")); }
copy_opt_item(A) ::= FREEZE(T). { A = build_def(ps, T.start, "freeze", build_string(ps, T.start, T.end, "true")); }
copy_opt_item(A) ::= DELIMITER(T) opt_as sconst(B). { A = build_def(ps, T.start, "delimiter", STRING(B)); }
copy_opt_item(A) ::= NULL(T) opt_as sconst(B). { A = build_def(ps, T.start, "null", STRING(B)); }
copy_opt_item(A) ::= CSV(T). { A = build_def(ps, T.start, "format", build_string(ps, T.start, T.end, "csv")); }
copy_opt_item(A) ::= HEADER(T). { A = build_def(ps, T.start, "header", build_string(ps, T.start, T.end, "true")); }
copy_opt_item(A) ::= QUOTE(T) opt_as sconst(B). { A = build_def(ps, T.start, "quote", STRING(B)); }
copy_opt_item(A) ::= ESCAPE(T) opt_as sconst(B). { A = build_def(ps, T.start, "escape", STRING(B)); }
copy_opt_item(A) ::= FORCE(T) QUOTE columnList(B). {
    A = build_def(ps, T.start, "force_quote", build_node_list(ps, T.start, B)); }
copy_opt_item(A) ::= FORCE(T) QUOTE STAR(B). {
    struct ast_star *n = NEW(star, B); A = build_def(ps, T.start, "force_quote", &n->node); }
copy_opt_item(A) ::= FORCE(T) NOT NULL columnList(B). {
    A = build_def(ps, T.start, "force_not_null", build_node_list(ps, T.start, B)); }
copy_opt_item(A) ::= FORCE(T) NULL columnList(B). {
    A = build_def(ps, T.start, "force_null", build_node_list(ps, T.start, B)); }
copy_opt_item(A) ::= ENCODING(T) sconst(B). { A = build_def(ps, T.start, "encoding", STRING(B)); }
%type opt_binary {struct ast_list *}
opt_binary(A) ::= BINARY(T). {
    A = LIST1(build_def(ps, T.start, "format", build_string(ps, T.start, T.end, "binary"))); }
opt_binary(A) ::= . { A = NULL; }
%type copy_delimiter {struct ast_list *}
copy_delimiter(A) ::= opt_using DELIMITERS(T) sconst(B). { A = LIST1(build_def(ps, T.start, "delimiter", STRING(B))); }
copy_delimiter(A) ::= . { A = NULL; }
opt_using ::= USING.
opt_using ::= .
opt_as ::= AS.
opt_as ::= .
opt_with ::= WITH.
opt_with ::= WITH_LA.
opt_with ::= .
%type copy_generic_opt_list {struct ast_list *}
copy_generic_opt_list(A) ::= copy_generic_opt_elem(B). { A = LIST1(B); }
copy_generic_opt_list(A) ::= copy_generic_opt_list(B) COMMA copy_generic_opt_elem(C). { A = ADD(B, C); }
%type copy_generic_opt_elem {struct ast_node *}
copy_generic_opt_elem(A) ::= col_label(B) copy_generic_opt_arg(C). { A = build_def(ps, B.start, B.text, C); }
%type copy_generic_opt_arg {struct ast_node *}
copy_generic_opt_arg(A) ::= opt_boolean_or_string(B). { A = STRING(B); }
copy_generic_opt_arg(A) ::= numeric_only(B). { A = B; }
copy_generic_opt_arg(A) ::= STAR(B). { struct ast_star *n = NEW(star, B); A = &n->node; }
copy_generic_opt_arg(A) ::= LPAREN(L) copy_generic_opt_arg_list(B) RPAREN. { A = build_node_list(ps, L.start, B); }
copy_generic_opt_arg(A) ::= . { A = NULL; }
%type copy_generic_opt_arg_list {struct ast_list *}
copy_generic_opt_arg_list(A) ::= opt_boolean_or_string(B). { A = LIST1(STRING(B)); }
copy_generic_opt_arg_list(A) ::= copy_generic_opt_arg_list(B) COMMA opt_boolean_or_string(C). { A = ADD(B, STRING(C)); }

opt_boolean_or_string(A) ::= TRUE(B). { A = B; }
opt_boolean_or_string(A) ::= FALSE(B). { A = B; }
opt_boolean_or_string(A) ::= ON(B). { A = B; }
opt_boolean_or_string(A) ::= non_reserved_word_or_sconst(B). { A = B; }
non_reserved_word_or_sconst(A) ::= non_reserved_word(B). { A = B; }
non_reserved_word_or_sconst(A) ::= sconst(B). { A = B; }
%type numeric_only {struct ast_node *}
numeric_only(A) ::= FCONST(B). { A = build_text_const(ps, AST_CONST_FLOAT, B); }
numeric_only(A) ::= PLUS FCONST(B). { A = build_text_const(ps, AST_CONST_FLOAT, B); }
numeric_only(A) ::= MINUS(O) FCONST(B). { A = build_negate(ps, O, build_text_const(ps, AST_CONST_FLOAT, B)); }
numeric_only(A) ::= signed_iconst(B). { A = build_int_const(ps, B.start, B.value); }
%type numeric_only_list {struct ast_list *}
numeric_only_list(A) ::= numeric_only(B). { A = LIST1(B); }
numeric_only_list(A) ::= numeric_only_list(B) COMMA numeric_only(C). { A = ADD(B, C); }

%type columnList {struct ast_list *}
columnList(A) ::= columnElem(B). { A = LIST1(STRING(B)); }
columnList(A) ::= columnList(B) COMMA columnElem(C). { A = ADD(B, STRING(C)); }
columnElem(A) ::= col_id(B). { A = B; }
%type opt_column_list {struct ast_list *}
opt_column_list(A) ::= LPAREN columnList(B) RPAREN. { A = B; }
opt_column_list(A) ::= . { A = NULL; }

/* ==== session and transaction ==== */

%type transaction_stmt {struct ast_node *}
transaction_stmt(A) ::= ABORT(S) opt_transaction opt_transaction_chain(C). {
    A = build_transaction(ps, S.start, AST_TRANS_ROLLBACK, NULL, C.value, NULL); }
transaction_stmt(A) ::= START(S) TRANSACTION transaction_mode_list_or_empty(L). {
    A = build_transaction(ps, S.start, AST_TRANS_START, NULL, 0, L); }
transaction_stmt(A) ::= COMMIT(S) opt_transaction opt_transaction_chain(C). {
    A = build_transaction(ps, S.start, AST_TRANS_COMMIT, NULL, C.value, NULL); }
transaction_stmt(A) ::= ROLLBACK(S) opt_transaction opt_transaction_chain(C). {
    A = build_transaction(ps, S.start, AST_TRANS_ROLLBACK, NULL, C.value, NULL); }
transaction_stmt(A) ::= SAVEPOINT(S) col_id(N). {
    A = build_transaction(ps, S.start, AST_TRANS_SAVEPOINT, N.text, 0, NULL); }
transaction_stmt(A) ::= RELEASE(S) SAVEPOINT col_id(N). {
    A = build_transaction(ps, S.start, AST_TRANS_RELEASE, N.text, 0, NULL); }
transaction_stmt(A) ::= RELEASE(S) col_id(N). {
    A = build_transaction(ps, S.start, AST_TRANS_RELEASE, N.text, 0, NULL); }
transaction_stmt(A) ::= ROLLBACK(S) opt_transaction TO SAVEPOINT col_id(N). {
    A = build_transaction(ps, S.start, AST_TRANS_ROLLBACK_TO, N.text, 0, NULL); }
transaction_stmt(A) ::= ROLLBACK(S) opt_transaction TO col_id(N). {
    A = build_transaction(ps, S.start, AST_TRANS_ROLLBACK_TO, N.text, 0, NULL); }
transaction_stmt(A) ::= PREPARE(S) TRANSACTION sconst(N). {
    A = build_transaction(ps, S.start, AST_TRANS_PREPARE, N.text, 0, NULL); }
transaction_stmt(A) ::= COMMIT(S) PREPARED sconst(N). {
    A = build_transaction(ps, S.start, AST_TRANS_COMMIT_PREPARED, N.text, 0, NULL); }
transaction_stmt(A) ::= ROLLBACK(S) PREPARED sconst(N). {
    A = build_transaction(ps, S.start, AST_TRANS_ROLLBACK_PREPARED, N.text, 0, NULL); }
/* Not statements of a function's BEGIN ATOMIC ... END. */
%type transaction_stmt_legacy {struct ast_node *}
transaction_stmt_legacy(A) ::= BEGIN(S) opt_transaction transaction_mode_list_or_empty(L). {
    A = build_transaction(ps, S.start, AST_TRANS_BEGIN, NULL, 0, L); }
transaction_stmt_legacy(A) ::= END(S) opt_transaction opt_transaction_chain(C). {
    A = build_transaction(ps, S.start, AST_TRANS_COMMIT, NULL, C.value, NULL); }
opt_transaction ::= WORK.
opt_transaction ::= TRANSACTION.
opt_transaction ::= .
opt_transaction_chain(A) ::= AND(B) CHAIN. { A = B; A.value = 1; }
opt_transaction_chain(A) ::= AND NO CHAIN. { A = TOKEN_NONE; }
opt_transaction_chain(A) ::= . { A = TOKEN_NONE; }
%type transaction_mode_item {struct ast_node *}
transaction_mode_item(A) ::= ISOLATION(S) LEVEL iso_level(L). {
    A = build_def(ps, S.start, "transaction_isolation", build_text_const(ps, AST_CONST_STRING, L)); }
transaction_mode_item(A) ::= READ(S) ONLY. {
    A = build_def(ps, S.start, "transaction_read_only", build_int_const(ps, S.start, 1)); }
transaction_mode_item(A) ::= READ(S) WRITE. {
    A = build_def(ps, S.start, "transaction_read_only", build_int_const(ps, S.start, 0)); }
transaction_mode_item(A) ::= DEFERRABLE(S). {
    A = build_def(ps, S.start, "transaction_deferrable", build_int_const(ps, S.start, 1)); }
transaction_mode_item(A) ::= NOT(S) DEFERRABLE. {
    A = build_def(ps, S.start, "transaction_deferrable", build_int_const(ps, S.start, 0)); }
%type transaction_mode_list {struct ast_list *}
transaction_mode_list(A) ::= transaction_mode_item(B). { A = LIST1(B); }
transaction_mode_list(A) ::= transaction_mode_list(B) COMMA transaction_mode_item(C). { A = ADD(B, C); }
transaction_mode_list(A) ::= transaction_mode_list(B) transaction_mode_item(C). { A = ADD(B, C); }
%type transaction_mode_list_or_empty {struct ast_list *}
transaction_mode_list_or_empty(A) ::= transaction_mode_list(B). { A = B; }
transaction_mode_list_or_empty(A) ::= . { A = NULL; }
iso_level(A) ::= READ(B) UNCOMMITTED. { A = B; A.text = "read uncommitted"; }
iso_level(A) ::= READ(B) COMMITTED. { A = B; A.text = "read committed"; }
iso_level(A) ::= REPEATABLE(B) READ. { A = B; A.text = "repeatable read"; }
iso_level(A) ::= SERIALIZABLE(B). { A = B; A.text = "serializable"; }

%type variable_set_stmt {struct ast_node *}
variable_set_stmt(A) ::= SET(S) set_rest(B). { A = build_finish(ps, &B->node, S.start); }
variable_set_stmt(A) ::= SET(S) LOCAL set_rest(B). { B->is_local = true; A = build_finish(ps, &B->node, S.start); }
variable_set_stmt(A) ::= SET(S) SESSION set_rest(B). { A = build_finish(ps, &B->node, S.start); }
%type set_rest {struct ast_variable_set_stmt *}
set_rest(A) ::= TRANSACTION(T) transaction_mode_list(B). { A = build_set(ps, T.start, AST_SET_MULTI, "TRANSACTION", B); }
set_rest(A) ::= SESSION(T) CHARACTERISTICS AS TRANSACTION transaction_mode_list(B). {
    A = build_set(ps, T.start, AST_SET_MULTI, "SESSION CHARACTERISTICS", B); }
set_rest(A) ::= set_rest_more(B). { A = B; }
%type generic_set {struct ast_variable_set_stmt *}
generic_set(A) ::= var_name(N) TO var_list(B). { A = build_set(ps, N.start, AST_SET_VALUE, N.text, B); }
generic_set(A) ::= var_name(N) EQ var_list(B). { A = build_set(ps, N.start, AST_SET_VALUE, N.text, B); }
generic_set(A) ::= var_name(N) TO DEFAULT. { A = build_set(ps, N.start, AST_SET_DEFAULT, N.text, NULL); }
generic_set(A) ::= var_name(N) EQ DEFAULT. { A = build_set(ps, N.start, AST_SET_DEFAULT, N.text, NULL); }
%type set_rest_more {struct ast_variable_set_stmt *}
set_rest_more(A) ::= generic_set(B). { A = B; }
set_rest_more(A) ::= var_name(N) FROM CURRENT. { A = build_set(ps, N.start, AST_SET_CURRENT, N.text, NULL); }
set_rest_more(A) ::= TIME(T) ZONE zone_value(B). {
    A = build_set(ps, T.start, B ? AST_SET_VALUE : AST_SET_DEFAULT, "timezone", B ? LIST1(B) : NULL); }
set_rest_more(A) ::= CATALOG(T) sconst. {
    A = build_set(ps, T.start, AST_SET_VALUE, "", NULL);
    build_error(ps, ERR_FEATURE_NOT_SUPPORTED, ps->prev_start, "current database cannot be changed"); }
set_rest_more(A) ::= SCHEMA(T) sconst(B). {
    A = build_set(ps, T.start, AST_SET_VALUE, "search_path", LIST1(build_text_const(ps, AST_CONST_STRING, B))); }
set_rest_more(A) ::= NAMES(T) opt_encoding(B). {
    A = build_set(ps, T.start, B ? AST_SET_VALUE : AST_SET_DEFAULT, "client_encoding", B ? LIST1(B) : NULL); }
set_rest_more(A) ::= ROLE(T) non_reserved_word_or_sconst(B). {
    A = build_set(ps, T.start, AST_SET_VALUE, "role", LIST1(build_text_const(ps, AST_CONST_STRING, B))); }
set_rest_more(A) ::= SESSION(T) AUTHORIZATION non_reserved_word_or_sconst(B). {
    A = build_set(ps, T.start, AST_SET_VALUE, "session_authorization", LIST1(build_text_const(ps, AST_CONST_STRING, B))); }
set_rest_more(A) ::= SESSION(T) AUTHORIZATION DEFAULT. {
    A = build_set(ps, T.start, AST_SET_DEFAULT, "session_authorization", NULL); }
set_rest_more(A) ::= XML(T) OPTION document_or_content. {
    A = build_set(ps, T.start, AST_SET_VALUE, "xmloption", LIST1(build_last_word(ps))); }
set_rest_more(A) ::= TRANSACTION(T) SNAPSHOT sconst(B). {
    A = build_set(ps, T.start, AST_SET_MULTI, "TRANSACTION SNAPSHOT",
        LIST1(build_text_const(ps, AST_CONST_STRING, B))); }
var_name(A) ::= col_id(B). { A = B; }
var_name(A) ::= var_name(B) DOT col_id(C). {
    A = B; A.end = C.end; A.text = arena_printf(ps->arena, "%s.%s", B.text, C.text); }
%type var_list {struct ast_list *}
var_list(A) ::= var_value(B). { A = LIST1(B); }
var_list(A) ::= var_list(B) COMMA var_value(C). { A = ADD(B, C); }
%type var_value {struct ast_node *}
var_value(A) ::= opt_boolean_or_string(B). { A = build_text_const(ps, AST_CONST_STRING, B); }
var_value(A) ::= numeric_only(B). { A = B; }
%type zone_value {struct ast_node *}
zone_value(A) ::= sconst(B). { A = build_text_const(ps, AST_CONST_STRING, B); }
zone_value(A) ::= IDENT(B). { A = build_text_const(ps, AST_CONST_STRING, B); }
zone_value(A) ::= const_interval(T) sconst(B) opt_interval(I). {
    T->typmods = I; build_check_zone_interval(ps, T); A = build_typed_literal(ps, T, B); }
zone_value(A) ::= const_interval(T) LPAREN iconst(P) RPAREN sconst(B). {
    T->typmods = build_interval_typmods(ps, 0x7fff, &P); A = build_typed_literal(ps, T, B); }
zone_value(A) ::= numeric_only(B). { A = B; }
zone_value(A) ::= DEFAULT. { A = NULL; }
zone_value(A) ::= LOCAL. { A = NULL; }
%type opt_encoding {struct ast_node *}
opt_encoding(A) ::= sconst(B). { A = build_text_const(ps, AST_CONST_STRING, B); }
opt_encoding(A) ::= DEFAULT. { A = NULL; }
opt_encoding(A) ::= . { A = NULL; }

%type variable_reset_stmt {struct ast_node *}
variable_reset_stmt(A) ::= RESET(S) reset_rest(B). { A = build_finish(ps, &B->node, S.start); }
%type reset_rest {struct ast_variable_set_stmt *}
reset_rest(A) ::= generic_reset(B). { A = B; }
reset_rest(A) ::= TIME(T) ZONE. { A = build_set(ps, T.start, AST_SET_RESET, "timezone", NULL); }
reset_rest(A) ::= TRANSACTION(T) ISOLATION LEVEL. {
    A = build_set(ps, T.start, AST_SET_RESET, "transaction_isolation", NULL); }
reset_rest(A) ::= SESSION(T) AUTHORIZATION. { A = build_set(ps, T.start, AST_SET_RESET, "session_authorization", NULL); }
%type generic_reset {struct ast_variable_set_stmt *}
generic_reset(A) ::= var_name(N). { A = build_set(ps, N.start, AST_SET_RESET, N.text, NULL); }
generic_reset(A) ::= ALL(T). { A = build_set(ps, T.start, AST_SET_RESET_ALL, NULL, NULL); }
%type set_reset_clause {struct ast_variable_set_stmt *}
set_reset_clause(A) ::= SET set_rest(B). { A = B; }
set_reset_clause(A) ::= variable_reset_stmt(B). { A = ast_to(variable_set_stmt, B); }
%type function_set_reset_clause {struct ast_node *}
function_set_reset_clause(A) ::= SET set_rest_more(B). { A = &B->node; }
function_set_reset_clause(A) ::= variable_reset_stmt(B). { A = B; }

%type variable_show_stmt {struct ast_node *}
variable_show_stmt(A) ::= SHOW(S) var_name(N). { A = build_show(ps, S.start, N.text); }
variable_show_stmt(A) ::= SHOW(S) TIME ZONE. { A = build_show(ps, S.start, "timezone"); }
variable_show_stmt(A) ::= SHOW(S) TRANSACTION ISOLATION LEVEL. { A = build_show(ps, S.start, "transaction_isolation"); }
variable_show_stmt(A) ::= SHOW(S) SESSION AUTHORIZATION. { A = build_show(ps, S.start, "session_authorization"); }
variable_show_stmt(A) ::= SHOW(S) ALL. { A = build_show(ps, S.start, "all"); }

%type constraints_set_stmt {struct ast_node *}
constraints_set_stmt(A) ::= SET(S) CONSTRAINTS constraints_set_list(L) constraints_set_mode(M). {
    struct ast_constraints_set_stmt *n = NEW(constraints_set_stmt, S); n->constraints = L; n->deferred = M.value;
    A = &n->node; }
%type constraints_set_list {struct ast_list *}
constraints_set_list(A) ::= ALL. { A = NULL; }
constraints_set_list(A) ::= qualified_name_list(B). { A = B; }
constraints_set_mode(A) ::= DEFERRED(B). { A = B; A.value = 1; }
constraints_set_mode(A) ::= IMMEDIATE(B). { A = B; A.value = 0; }

%type explain_stmt {struct ast_node *}
explain_stmt(A) ::= EXPLAIN(S) explainable_stmt(B). { A = build_explain(ps, S.start, NULL, B); }
explain_stmt(A) ::= EXPLAIN(S) analyze_keyword(Y) opt_verbose(V) explainable_stmt(B). {
    A = build_explain(ps, S.start, build_flags(ps, "analyze", Y, "verbose", V), B); }
explain_stmt(A) ::= EXPLAIN(S) VERBOSE(V) explainable_stmt(B). {
    A = build_explain(ps, S.start, LIST1(build_def(ps, V.start, "verbose", NULL)), B); }
explain_stmt(A) ::= EXPLAIN(S) LPAREN utility_option_list(O) RPAREN explainable_stmt(B). {
    A = build_explain(ps, S.start, O, B); }
%type explainable_stmt {struct ast_node *}
explainable_stmt(A) ::= select_stmt(B). { A = B; }
explainable_stmt(A) ::= insert_stmt(B). { A = B; }
explainable_stmt(A) ::= update_stmt(B). { A = B; }
explainable_stmt(A) ::= delete_stmt(B). { A = B; }
explainable_stmt(A) ::= merge_stmt(B). { A = B; }
explainable_stmt(A) ::= declare_cursor_stmt(B). { A = B; }
explainable_stmt(A) ::= create_as_stmt(B). { A = B; }
explainable_stmt(A) ::= create_mat_view_stmt(B). { A = B; }
explainable_stmt(A) ::= refresh_mat_view_stmt(B). { A = B; }
explainable_stmt(A) ::= execute_stmt(B). { A = B; }
%type utility_option_list {struct ast_list *}
utility_option_list(A) ::= utility_option_elem(B). { A = LIST1(B); }
utility_option_list(A) ::= utility_option_list(B) COMMA utility_option_elem(C). { A = ADD(B, C); }
%type utility_option_elem {struct ast_node *}
utility_option_elem(A) ::= utility_option_name(B) utility_option_arg(C). { A = build_def(ps, B.start, B.text, C); }
utility_option_name(A) ::= non_reserved_word(B). { A = B; }
utility_option_name(A) ::= analyze_keyword(B). { A = B; A.text = "analyze"; }
%type utility_option_arg {struct ast_node *}
utility_option_arg(A) ::= opt_boolean_or_string(B). { A = STRING(B); }
utility_option_arg(A) ::= numeric_only(B). { A = B; }
utility_option_arg(A) ::= . { A = NULL; }
analyze_keyword(A) ::= ANALYZE(B). { A = B; A.value = 1; }
analyze_keyword(A) ::= ANALYSE(B). { A = B; A.value = 1; }
opt_verbose(A) ::= VERBOSE(B). { A = B; A.value = 1; }
opt_verbose(A) ::= . { A = TOKEN_NONE; }
opt_full(A) ::= FULL(B). { A = B; A.value = 1; }
opt_full(A) ::= . { A = TOKEN_NONE; }
opt_freeze(A) ::= FREEZE(B). { A = B; A.value = 1; }
opt_freeze(A) ::= . { A = TOKEN_NONE; }
opt_analyze(A) ::= analyze_keyword(B). { A = B; }
opt_analyze(A) ::= . { A = TOKEN_NONE; }

%type prepare_stmt {struct ast_node *}
prepare_stmt(A) ::= PREPARE(S) name(N) prep_type_clause(T) AS preparable_stmt(Q). {
    struct ast_prepare_stmt *n = NEW(prepare_stmt, S); n->name = N.text; n->types = T; n->query = Q; A = &n->node; }
%type prep_type_clause {struct ast_list *}
prep_type_clause(A) ::= LPAREN type_list(B) RPAREN. { A = B; }
prep_type_clause(A) ::= . { A = NULL; }
%type execute_stmt {struct ast_node *}
execute_stmt(A) ::= EXECUTE(S) name(N) execute_param_clause(P). {
    struct ast_execute_stmt *n = NEW(execute_stmt, S); n->name = N.text; n->params = P; A = &n->node; }
%type execute_param_clause {struct ast_list *}
execute_param_clause(A) ::= LPAREN expr_list(B) RPAREN. { A = B; }
execute_param_clause(A) ::= . { A = NULL; }
%type deallocate_stmt {struct ast_node *}
deallocate_stmt(A) ::= DEALLOCATE(S) name(N). {
    struct ast_deallocate_stmt *n = NEW(deallocate_stmt, S); n->name = N.text; A = &n->node; }
deallocate_stmt(A) ::= DEALLOCATE(S) PREPARE name(N). {
    struct ast_deallocate_stmt *n = NEW(deallocate_stmt, S); n->name = N.text; A = &n->node; }
deallocate_stmt(A) ::= DEALLOCATE(S) ALL. { struct ast_deallocate_stmt *n = NEW(deallocate_stmt, S); A = &n->node; }
deallocate_stmt(A) ::= DEALLOCATE(S) PREPARE ALL. {
    struct ast_deallocate_stmt *n = NEW(deallocate_stmt, S); A = &n->node; }

%type declare_cursor_stmt {struct ast_node *}
declare_cursor_stmt(A) ::= DECLARE(S) cursor_name(N) cursor_options(O) CURSOR opt_hold(H) FOR select_stmt(Q). {
    A = build_declare(ps, S.start, N.text, O.value | H.value, Q); }
/* value: bits of enum cursor_flag */
cursor_options(A) ::= . { A = TOKEN_NONE; }
cursor_options(A) ::= cursor_options(B) NO SCROLL. { A = B; A.value |= CURSOR_NO_SCROLL; }
cursor_options(A) ::= cursor_options(B) SCROLL. { A = B; A.value |= CURSOR_SCROLL; }
cursor_options(A) ::= cursor_options(B) BINARY. { A = B; A.value |= CURSOR_BINARY; }
cursor_options(A) ::= cursor_options(B) ASENSITIVE. { A = B; A.value |= CURSOR_ASENSITIVE; }
cursor_options(A) ::= cursor_options(B) INSENSITIVE. { A = B; A.value |= CURSOR_INSENSITIVE; }
opt_hold(A) ::= . { A = TOKEN_NONE; }
opt_hold(A) ::= WITH(B) HOLD. { A = B; A.value = CURSOR_HOLD; }
opt_hold(A) ::= WITHOUT HOLD. { A = TOKEN_NONE; }

%type fetch_stmt {struct ast_node *}
fetch_stmt(A) ::= FETCH(S) fetch_args(B). { A = build_finish(ps, &B->node, S.start); }
fetch_stmt(A) ::= MOVE(S) fetch_args(B). { B->is_move = true; A = build_finish(ps, &B->node, S.start); }
%type fetch_args {struct ast_fetch_stmt *}
fetch_args(A) ::= cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, 1, N); }
fetch_args(A) ::= from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, 1, N); }
fetch_args(A) ::= NEXT opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, 1, N); }
fetch_args(A) ::= PRIOR opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_BACKWARD, 1, N); }
fetch_args(A) ::= FIRST opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_ABSOLUTE, 1, N); }
fetch_args(A) ::= LAST opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_ABSOLUTE, -1, N); }
fetch_args(A) ::= ABSOLUTE signed_iconst(C) opt_from_in cursor_name(N). {
    A = build_fetch(ps, AST_FETCH_ABSOLUTE, C.value, N); }
fetch_args(A) ::= RELATIVE signed_iconst(C) opt_from_in cursor_name(N). {
    A = build_fetch(ps, AST_FETCH_RELATIVE, C.value, N); }
fetch_args(A) ::= signed_iconst(C) opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, C.value, N); }
fetch_args(A) ::= ALL opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, INT64_MAX, N); }
fetch_args(A) ::= FORWARD opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, 1, N); }
fetch_args(A) ::= FORWARD signed_iconst(C) opt_from_in cursor_name(N). {
    A = build_fetch(ps, AST_FETCH_FORWARD, C.value, N); }
fetch_args(A) ::= FORWARD ALL opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_FORWARD, INT64_MAX, N); }
fetch_args(A) ::= BACKWARD opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_BACKWARD, 1, N); }
fetch_args(A) ::= BACKWARD signed_iconst(C) opt_from_in cursor_name(N). {
    A = build_fetch(ps, AST_FETCH_BACKWARD, C.value, N); }
fetch_args(A) ::= BACKWARD ALL opt_from_in cursor_name(N). { A = build_fetch(ps, AST_FETCH_BACKWARD, INT64_MAX, N); }
from_in ::= FROM.
from_in ::= IN.
opt_from_in ::= from_in.
opt_from_in ::= .
%type close_portal_stmt {struct ast_node *}
close_portal_stmt(A) ::= CLOSE(S) cursor_name(N). {
    struct ast_close_stmt *n = NEW(close_stmt, S); n->name = N.text; A = &n->node; }
close_portal_stmt(A) ::= CLOSE(S) ALL. { struct ast_close_stmt *n = NEW(close_stmt, S); A = &n->node; }

%type listen_stmt {struct ast_node *}
listen_stmt(A) ::= LISTEN(S) col_id(N). { struct ast_listen_stmt *n = NEW(listen_stmt, S); n->name = N.text; A = &n->node; }
%type unlisten_stmt {struct ast_node *}
unlisten_stmt(A) ::= UNLISTEN(S) col_id(N). {
    struct ast_unlisten_stmt *n = NEW(unlisten_stmt, S); n->name = N.text; A = &n->node; }
unlisten_stmt(A) ::= UNLISTEN(S) STAR. { struct ast_unlisten_stmt *n = NEW(unlisten_stmt, S); A = &n->node; }
%type notify_stmt {struct ast_node *}
notify_stmt(A) ::= NOTIFY(S) col_id(N) notify_payload(P). {
    struct ast_notify_stmt *n = NEW(notify_stmt, S); n->name = N.text; n->payload = P.text; A = &n->node; }
notify_payload(A) ::= COMMA sconst(B). { A = B; }
notify_payload(A) ::= . { A = TOKEN_NONE; }
%type discard_stmt {struct ast_node *}
discard_stmt(A) ::= DISCARD(S) ALL. { A = build_discard(ps, S.start, AST_DISCARD_ALL); }
discard_stmt(A) ::= DISCARD(S) TEMP. { A = build_discard(ps, S.start, AST_DISCARD_TEMP); }
discard_stmt(A) ::= DISCARD(S) TEMPORARY. { A = build_discard(ps, S.start, AST_DISCARD_TEMP); }
discard_stmt(A) ::= DISCARD(S) PLANS. { A = build_discard(ps, S.start, AST_DISCARD_PLANS); }
discard_stmt(A) ::= DISCARD(S) SEQUENCES. { A = build_discard(ps, S.start, AST_DISCARD_SEQUENCES); }
%type check_point_stmt {struct ast_node *}
check_point_stmt(A) ::= CHECKPOINT(S). { struct ast_checkpoint_stmt *n = NEW(checkpoint_stmt, S); A = &n->node; }
%type load_stmt {struct ast_node *}
load_stmt(A) ::= LOAD(S) file_name(F). { struct ast_load_stmt *n = NEW(load_stmt, S); n->filename = F.text; A = &n->node; }
%type alter_system_stmt {struct ast_node *}
alter_system_stmt(A) ::= ALTER(S) SYSTEM SET generic_set(B). {
    struct ast_alter_system_stmt *n = NEW(alter_system_stmt, S); n->set = B; A = &n->node; }
alter_system_stmt(A) ::= ALTER(S) SYSTEM RESET generic_reset(B). {
    struct ast_alter_system_stmt *n = NEW(alter_system_stmt, S); n->set = B; A = &n->node; }

%type do_stmt {struct ast_node *}
do_stmt(A) ::= DO(S) dostmt_opt_list(B). { struct ast_do_stmt *n = NEW(do_stmt, S); n->args = B; A = &n->node; }
%type dostmt_opt_list {struct ast_list *}
dostmt_opt_list(A) ::= dostmt_opt_item(B). { A = LIST1(B); }
dostmt_opt_list(A) ::= dostmt_opt_list(B) dostmt_opt_item(C). { A = ADD(B, C); }
%type dostmt_opt_item {struct ast_node *}
dostmt_opt_item(A) ::= sconst(B). { A = build_def(ps, B.start, "as", STRING(B)); }
dostmt_opt_item(A) ::= LANGUAGE(L) non_reserved_word_or_sconst(B). { A = build_def(ps, L.start, "language", STRING(B)); }
%type call_stmt {struct ast_node *}
call_stmt(A) ::= CALL(S) func_application(B). {
    struct ast_call_stmt *n = NEW(call_stmt, S); n->call = B; A = &n->node; }

%type lock_stmt {struct ast_node *}
lock_stmt(A) ::= LOCK(S) opt_table relation_expr_list(R) opt_lock(M) opt_nowait(W). {
    struct ast_lock_stmt *n = NEW(lock_stmt, S); n->relations = R; n->mode = M.value; n->nowait = W.value; A = &n->node; }
opt_lock(A) ::= IN lock_type(B) MODE. { A = B; }
opt_lock(A) ::= . { A = TOKEN_NONE; A.value = 8; }
lock_type(A) ::= ACCESS(B) SHARE. { A = B; A.value = 1; }
lock_type(A) ::= ROW(B) SHARE. { A = B; A.value = 2; }
lock_type(A) ::= ROW(B) EXCLUSIVE. { A = B; A.value = 3; }
lock_type(A) ::= SHARE(B) UPDATE EXCLUSIVE. { A = B; A.value = 4; }
lock_type(A) ::= SHARE(B). { A = B; A.value = 5; }
lock_type(A) ::= SHARE(B) ROW EXCLUSIVE. { A = B; A.value = 6; }
lock_type(A) ::= EXCLUSIVE(B). { A = B; A.value = 7; }
lock_type(A) ::= ACCESS(B) EXCLUSIVE. { A = B; A.value = 8; }
opt_nowait(A) ::= NOWAIT(B). { A = B; A.value = 1; }
opt_nowait(A) ::= . { A = TOKEN_NONE; }

%type vacuum_stmt {struct ast_node *}
vacuum_stmt(A) ::= VACUUM(S) opt_full(F) opt_freeze(Z) opt_verbose(V) opt_analyze(Y) opt_vacuum_relation_list(R). {
    A = build_vacuum(ps, S.start, true,
        build_concat(ps, build_flags(ps, "full", F, "freeze", Z), build_flags(ps, "verbose", V, "analyze", Y)), R); }
vacuum_stmt(A) ::= VACUUM(S) LPAREN utility_option_list(O) RPAREN opt_vacuum_relation_list(R). {
    A = build_vacuum(ps, S.start, true, O, R); }
%type analyze_stmt {struct ast_node *}
analyze_stmt(A) ::= analyze_keyword(S) opt_verbose(V) opt_vacuum_relation_list(R). {
    A = build_vacuum(ps, S.start, false, build_flags(ps, "verbose", V, NULL, TOKEN_NONE), R); }
analyze_stmt(A) ::= analyze_keyword(S) LPAREN utility_option_list(O) RPAREN opt_vacuum_relation_list(R). {
    A = build_vacuum(ps, S.start, false, O, R); }
%type vacuum_relation {struct ast_node *}
vacuum_relation(A) ::= qualified_name(B) opt_name_list(C). {
    struct ast_vacuum_relation *n = NEW(vacuum_relation, B); n->relation = B; n->columns = C; A = &n->node; }
%type vacuum_relation_list {struct ast_list *}
vacuum_relation_list(A) ::= vacuum_relation(B). { A = LIST1(B); }
vacuum_relation_list(A) ::= vacuum_relation_list(B) COMMA vacuum_relation(C). { A = ADD(B, C); }
%type opt_vacuum_relation_list {struct ast_list *}
opt_vacuum_relation_list(A) ::= vacuum_relation_list(B). { A = B; }
opt_vacuum_relation_list(A) ::= . { A = NULL; }

%type reindex_stmt {struct ast_node *}
reindex_stmt(A) ::= REINDEX(S) reindex_target_type(K) opt_concurrently(C) qualified_name(R). {
    A = build_reindex(ps, S.start, K.value, NULL, C, R, NULL); }
reindex_stmt(A) ::= REINDEX(S) reindex_target_multitable(K) opt_concurrently(C) name(N). {
    A = build_reindex(ps, S.start, K.value, NULL, C, NULL, N.text); }
reindex_stmt(A) ::= REINDEX(S) LPAREN utility_option_list(O) RPAREN reindex_target_type(K) opt_concurrently(C)
                   qualified_name(R). { A = build_reindex(ps, S.start, K.value, O, C, R, NULL); }
reindex_stmt(A) ::= REINDEX(S) LPAREN utility_option_list(O) RPAREN reindex_target_multitable(K) opt_concurrently(C)
                   name(N). { A = build_reindex(ps, S.start, K.value, O, C, NULL, N.text); }
reindex_target_type(A) ::= INDEX(B). { A = B; A.value = AST_REINDEX_INDEX; }
reindex_target_type(A) ::= TABLE(B). { A = B; A.value = AST_REINDEX_TABLE; }
reindex_target_multitable(A) ::= SCHEMA(B). { A = B; A.value = AST_REINDEX_SCHEMA; }
reindex_target_multitable(A) ::= SYSTEM(B). { A = B; A.value = AST_REINDEX_SYSTEM; }
reindex_target_multitable(A) ::= DATABASE(B). { A = B; A.value = AST_REINDEX_DATABASE; }

%type cluster_stmt {struct ast_node *}
cluster_stmt(A) ::= CLUSTER(S) opt_verbose(V) qualified_name(R) cluster_index_specification(I). {
    A = build_cluster(ps, S.start, build_flags(ps, "verbose", V, NULL, TOKEN_NONE), R, I.text); }
cluster_stmt(A) ::= CLUSTER(S) LPAREN utility_option_list(O) RPAREN qualified_name(R) cluster_index_specification(I). {
    A = build_cluster(ps, S.start, O, R, I.text); }
cluster_stmt(A) ::= CLUSTER(S) opt_verbose(V). {
    A = build_cluster(ps, S.start, build_flags(ps, "verbose", V, NULL, TOKEN_NONE), NULL, NULL); }
cluster_stmt(A) ::= CLUSTER(S) opt_verbose(V) name(I) ON qualified_name(R). {
    A = build_cluster(ps, S.start, build_flags(ps, "verbose", V, NULL, TOKEN_NONE), R, I.text); }
cluster_index_specification(A) ::= USING name(B). { A = B; }
cluster_index_specification(A) ::= . { A = TOKEN_NONE; }

/* ==== tables ==== */

%type create_stmt {struct ast_node *}
create_stmt(A) ::= CREATE(S) opt_temp(T) TABLE opt_if_not_exists(X) qualified_name(R) LPAREN opt_table_element_list(E) RPAREN
                  opt_inherit(I) opt_partition_spec(P) table_access_method_clause(M) opt_with_options(W) on_commit_option(C)
                  opt_table_space(Z). {
    struct ast_create_stmt *n = build_create(ps, S.start, T, X, R, E, P, M, W, C, Z); n->inherits = I; A = &n->node; }
create_stmt(A) ::= CREATE(S) opt_temp(T) TABLE opt_if_not_exists(X) qualified_name(R) OF any_name(O)
                  opt_typed_table_element_list(E) opt_partition_spec(P) table_access_method_clause(M) opt_with_options(W)
                  on_commit_option(C) opt_table_space(Z). {
    struct ast_create_stmt *n = build_create(ps, S.start, T, X, R, E, P, M, W, C, Z);
    n->of_type = build_type_of_name(ps, O, NULL); A = &n->node; }
create_stmt(A) ::= CREATE(S) opt_temp(T) TABLE opt_if_not_exists(X) qualified_name(R) PARTITION OF qualified_name(O)
                  opt_typed_table_element_list(E) partition_bound_spec(B) opt_partition_spec(P) table_access_method_clause(M)
                  opt_with_options(W) on_commit_option(C) opt_table_space(Z). {
    struct ast_create_stmt *n = build_create(ps, S.start, T, X, R, E, P, M, W, C, Z);
    n->partition_of = O; n->bound = B; A = &n->node; }
/* value: enum ast_persistence */
opt_temp(A) ::= TEMPORARY(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= TEMP(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= LOCAL TEMPORARY(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= LOCAL TEMP(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= GLOBAL TEMPORARY(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= GLOBAL TEMP(B). { A = B; A.value = AST_TEMPORARY; }
opt_temp(A) ::= UNLOGGED(B). { A = B; A.value = AST_UNLOGGED; }
opt_temp(A) ::= . { A = TOKEN_NONE; }
opt_if_not_exists(A) ::= IF_LA(B) NOT EXISTS. { A = B; A.value = 1; }
opt_if_not_exists(A) ::= . { A = TOKEN_NONE; }
opt_if_exists(A) ::= IF_LA(B) EXISTS. { A = B; A.value = 1; }
opt_if_exists(A) ::= . { A = TOKEN_NONE; }
%type opt_table_element_list {struct ast_list *}
opt_table_element_list(A) ::= table_element_list(B). { A = B; }
opt_table_element_list(A) ::= . { A = NULL; }
%type opt_typed_table_element_list {struct ast_list *}
opt_typed_table_element_list(A) ::= LPAREN typed_table_element_list(B) RPAREN. { A = B; }
opt_typed_table_element_list(A) ::= . { A = NULL; }
%type table_element_list {struct ast_list *}
table_element_list(A) ::= table_element(B). { A = LIST1(B); }
table_element_list(A) ::= table_element_list(B) COMMA table_element(C). { A = ADD(B, C); }
%type typed_table_element_list {struct ast_list *}
typed_table_element_list(A) ::= typed_table_element(B). { A = LIST1(B); }
typed_table_element_list(A) ::= typed_table_element_list(B) COMMA typed_table_element(C). { A = ADD(B, C); }
%type table_element {struct ast_node *}
table_element(A) ::= columnDef(B). { A = &B->node; }
table_element(A) ::= table_like_clause(B). { A = B; }
table_element(A) ::= table_constraint(B). { A = &B->node; }
%type typed_table_element {struct ast_node *}
typed_table_element(A) ::= columnOptions(B). { A = B; }
typed_table_element(A) ::= table_constraint(B). { A = &B->node; }
%type columnDef {struct ast_column_def *}
columnDef(A) ::= col_id(B) type_name(T) opt_column_compression(C) create_generic_options(O) col_qual_list(Q). {
    A = build_column(ps, B, T, C.text, O, Q); }
%type columnOptions {struct ast_node *}
columnOptions(A) ::= col_id(B) col_qual_list(Q). { A = &build_column(ps, B, NULL, NULL, NULL, Q)->node; }
columnOptions(A) ::= col_id(B) WITH OPTIONS col_qual_list(Q). { A = &build_column(ps, B, NULL, NULL, NULL, Q)->node; }
column_compression(A) ::= COMPRESSION col_id(B). { A = B; }
column_compression(A) ::= COMPRESSION DEFAULT(B). { A = B; A.text = "default"; }
opt_column_compression(A) ::= column_compression(B). { A = B; }
opt_column_compression(A) ::= . { A = TOKEN_NONE; }
%type col_qual_list {struct ast_list *}
col_qual_list(A) ::= col_qual_list(B) col_constraint(C). { A = ADD(B, C); }
col_qual_list(A) ::= . { A = NULL; }
%type col_constraint {struct ast_node *}
col_constraint(A) ::= CONSTRAINT(S) name(N) col_constraint_elem(B). {
    B->name = N.text; B->node.start = S.start; A = &B->node; }
col_constraint(A) ::= col_constraint_elem(B). { A = &B->node; }
col_constraint(A) ::= constraint_attr(B). { A = &B->node; }
col_constraint(A) ::= COLLATE(S) any_name(B). {
    struct ast_collate_clause *n = NEW(collate_clause, S); n->name = B; A = &n->node; }
%type col_constraint_elem {struct ast_constraint *}
col_constraint_elem(A) ::= NOT(S) NULL. { A = build_constraint(ps, S.start, AST_CONSTR_NOT_NULL); }
col_constraint_elem(A) ::= NULL(S). { A = build_constraint(ps, S.start, AST_CONSTR_NULL); }
col_constraint_elem(A) ::= UNIQUE(S) opt_unique_null_treatment(U) opt_definition(D) opt_cons_table_space(Z). {
    A = build_constraint(ps, S.start, AST_CONSTR_UNIQUE); A->nulls_not_distinct = U.value; A->options = D;
    A->tablespace = Z.text; }
col_constraint_elem(A) ::= PRIMARY(S) KEY opt_definition(D) opt_cons_table_space(Z). {
    A = build_constraint(ps, S.start, AST_CONSTR_PRIMARY); A->options = D; A->tablespace = Z.text; }
col_constraint_elem(A) ::= CHECK(S) LPAREN a_expr(B) RPAREN opt_no_inherit(I). {
    A = build_constraint(ps, S.start, AST_CONSTR_CHECK); A->expr = B; A->no_inherit = I.value; }
col_constraint_elem(A) ::= DEFAULT(S) b_expr(B). { A = build_constraint(ps, S.start, AST_CONSTR_DEFAULT); A->expr = B; }
col_constraint_elem(A) ::= GENERATED(S) generated_when(W) AS IDENTITY opt_parenthesized_seq_opt_list(O). {
    A = build_constraint(ps, S.start, AST_CONSTR_IDENTITY); A->generated_always = W.value; A->options = O; }
col_constraint_elem(A) ::= GENERATED(S) generated_when(W) AS LPAREN a_expr(B) RPAREN STORED. {
    A = build_constraint(ps, S.start, AST_CONSTR_GENERATED); A->generated_always = true; A->expr = B;
    if (!W.value)
        build_error(ps, ERR_SYNTAX_ERROR, W.start, "for a generated column, GENERATED ALWAYS must be specified"); }
col_constraint_elem(A) ::= REFERENCES(S) qualified_name(R) opt_column_list(C) key_match(M) key_actions(K). {
    A = build_foreign_key(ps, S.start, NULL, R, C, M.value, &K); }
generated_when(A) ::= ALWAYS(B). { A = B; A.value = 1; }
generated_when(A) ::= BY(B) DEFAULT. { A = B; A.value = 0; }
opt_unique_null_treatment(A) ::= NULLS DISTINCT. { A = TOKEN_NONE; }
opt_unique_null_treatment(A) ::= NULLS(B) NOT DISTINCT. { A = B; A.value = 1; }
opt_unique_null_treatment(A) ::= . { A = TOKEN_NONE; }
%type constraint_attr {struct ast_constraint *}
constraint_attr(A) ::= DEFERRABLE(S). { A = build_constraint(ps, S.start, AST_CONSTR_ATTR_DEFERRABLE); }
constraint_attr(A) ::= NOT(S) DEFERRABLE. { A = build_constraint(ps, S.start, AST_CONSTR_ATTR_NOT_DEFERRABLE); }
constraint_attr(A) ::= INITIALLY(S) DEFERRED. { A = build_constraint(ps, S.start, AST_CONSTR_ATTR_DEFERRED); }
constraint_attr(A) ::= INITIALLY(S) IMMEDIATE. { A = build_constraint(ps, S.start, AST_CONSTR_ATTR_IMMEDIATE); }
%type table_like_clause {struct ast_node *}
table_like_clause(A) ::= LIKE(S) qualified_name(R) table_like_option_list(O). {
    struct ast_table_like *n = NEW(table_like, S); n->relation = R; n->options = O; A = &n->node; }
%type table_like_option_list {struct ast_list *}
table_like_option_list(A) ::= table_like_option_list(B) INCLUDING table_like_option(C). {
    A = ADD(B, build_def_action(ps, C.start, C.text, NULL, AST_DEF_ADD)); }
table_like_option_list(A) ::= table_like_option_list(B) EXCLUDING table_like_option(C). {
    A = ADD(B, build_def_action(ps, C.start, C.text, NULL, AST_DEF_DROP)); }
table_like_option_list(A) ::= . { A = NULL; }
table_like_option(A) ::= COMMENTS(B). { A = B; }
table_like_option(A) ::= COMPRESSION(B). { A = B; }
table_like_option(A) ::= CONSTRAINTS(B). { A = B; }
table_like_option(A) ::= DEFAULTS(B). { A = B; }
table_like_option(A) ::= IDENTITY(B). { A = B; }
table_like_option(A) ::= GENERATED(B). { A = B; }
table_like_option(A) ::= INDEXES(B). { A = B; }
table_like_option(A) ::= STATISTICS(B). { A = B; }
table_like_option(A) ::= STORAGE(B). { A = B; }
table_like_option(A) ::= ALL(B). { A = B; }
%type table_constraint {struct ast_constraint *}
table_constraint(A) ::= CONSTRAINT(S) name(N) constraint_elem(B). { A = B; A->name = N.text; A->node.start = S.start; }
table_constraint(A) ::= constraint_elem(B). { A = B; }
%type constraint_elem {struct ast_constraint *}
constraint_elem(A) ::= CHECK(S) LPAREN a_expr(B) RPAREN constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_CHECK); A->expr = B;
    build_constraint_attrs(ps, A, T, CAS_NOT_VALID | CAS_NO_INHERIT, "CHECK"); }
constraint_elem(A) ::= UNIQUE(S) opt_unique_null_treatment(U) LPAREN columnList(K) RPAREN opt_c_include(I)
                      opt_definition(D) opt_cons_table_space(Z) constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_UNIQUE); A->nulls_not_distinct = U.value; A->keys = K; A->including = I;
    A->options = D; A->tablespace = Z.text; build_constraint_attrs(ps, A, T, CAS_DEFER, "UNIQUE"); }
constraint_elem(A) ::= UNIQUE(S) existing_index(X) constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_UNIQUE); A->index_name = X.text;
    build_constraint_attrs(ps, A, T, CAS_DEFER, "UNIQUE"); }
constraint_elem(A) ::= PRIMARY(S) KEY LPAREN columnList(K) RPAREN opt_c_include(I) opt_definition(D)
                      opt_cons_table_space(Z) constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_PRIMARY); A->keys = K; A->including = I; A->options = D;
    A->tablespace = Z.text; build_constraint_attrs(ps, A, T, CAS_DEFER, "PRIMARY KEY"); }
constraint_elem(A) ::= PRIMARY(S) KEY existing_index(X) constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_PRIMARY); A->index_name = X.text;
    build_constraint_attrs(ps, A, T, CAS_DEFER, "PRIMARY KEY"); }
constraint_elem(A) ::= EXCLUDE(S) access_method_clause(M) LPAREN exclusion_constraint_list(E) RPAREN opt_c_include(I)
                      opt_definition(D) opt_cons_table_space(Z) opt_where_clause(W) constraint_attribute_spec(T). {
    A = build_constraint(ps, S.start, AST_CONSTR_EXCLUSION); A->access_method = M.text; A->exclusions = E;
    A->including = I; A->options = D; A->tablespace = Z.text; A->where = W;
    build_constraint_attrs(ps, A, T, CAS_DEFER, "EXCLUDE"); }
constraint_elem(A) ::= FOREIGN(S) KEY LPAREN columnList(K) RPAREN REFERENCES qualified_name(R) opt_column_list(C)
                      key_match(M) key_actions(Y) constraint_attribute_spec(T). {
    A = build_foreign_key(ps, S.start, K, R, C, M.value, &Y);
    build_constraint_attrs(ps, A, T, CAS_DEFER | CAS_NOT_VALID, "FOREIGN KEY"); }
opt_no_inherit(A) ::= NO(B) INHERIT. { A = B; A.value = 1; }
opt_no_inherit(A) ::= . { A = TOKEN_NONE; }
%type opt_c_include {struct ast_list *}
opt_c_include(A) ::= INCLUDE LPAREN columnList(B) RPAREN. { A = B; }
opt_c_include(A) ::= . { A = NULL; }
key_match(A) ::= MATCH(B) FULL. { A = B; A.value = AST_FK_MATCH_FULL; }
key_match(A) ::= MATCH(B) PARTIAL. {
    A = B; A.value = 0; build_error(ps, ERR_FEATURE_NOT_SUPPORTED, B.start, "MATCH PARTIAL not yet implemented"); }
key_match(A) ::= MATCH(B) SIMPLE. { A = B; A.value = AST_FK_MATCH_SIMPLE; }
key_match(A) ::= . { A = TOKEN_NONE; }
%type exclusion_constraint_list {struct ast_list *}
exclusion_constraint_list(A) ::= exclusion_constraint_elem(B). { A = LIST1(B); }
exclusion_constraint_list(A) ::= exclusion_constraint_list(B) COMMA exclusion_constraint_elem(C). { A = ADD(B, C); }
%type exclusion_constraint_elem {struct ast_node *}
exclusion_constraint_elem(A) ::= index_elem(B) WITH any_operator(C). {
    A = build_node_list(ps, B->start, LIST2(B, build_name_node(ps, C))); }
exclusion_constraint_elem(A) ::= index_elem(B) WITH OPERATOR LPAREN any_operator(C) RPAREN. {
    A = build_node_list(ps, B->start, LIST2(B, build_name_node(ps, C))); }
%type opt_where_clause {struct ast_node *}
opt_where_clause(A) ::= WHERE LPAREN a_expr(B) RPAREN. { A = B; }
opt_where_clause(A) ::= . { A = NULL; }
%type key_actions {struct key_actions}
key_actions(A) ::= key_update(B). { A = (struct key_actions){.on_update = B.value}; }
key_actions(A) ::= key_delete(B). { A = B; }
key_actions(A) ::= key_update(B) key_delete(C). { A = C; A.on_update = B.value; }
key_actions(A) ::= key_delete(B) key_update(C). { A = B; A.on_update = C.value; }
key_actions(A) ::= . { A = (struct key_actions){0}; }
key_update(A) ::= ON(O) UPDATE key_action(B). {
    A = O; A.value = B.on_delete;
    if (B.columns)
        build_error(ps, ERR_FEATURE_NOT_SUPPORTED, O.start, "a column list with %s is only supported for ON DELETE actions",
                    B.on_delete == AST_FK_SET_NULL ? "SET NULL" : "SET DEFAULT"); }
%type key_delete {struct key_actions}
key_delete(A) ::= ON DELETE key_action(B). { A = B; }
%type key_action {struct key_actions}
key_action(A) ::= NO ACTION. { A = (struct key_actions){.on_delete = AST_FK_NO_ACTION}; }
key_action(A) ::= RESTRICT. { A = (struct key_actions){.on_delete = AST_FK_RESTRICT}; }
key_action(A) ::= CASCADE. { A = (struct key_actions){.on_delete = AST_FK_CASCADE}; }
key_action(A) ::= SET NULL opt_column_list(B). { A = (struct key_actions){.on_delete = AST_FK_SET_NULL, .columns = B}; }
key_action(A) ::= SET DEFAULT opt_column_list(B). {
    A = (struct key_actions){.on_delete = AST_FK_SET_DEFAULT, .columns = B}; }
%type opt_inherit {struct ast_list *}
opt_inherit(A) ::= INHERITS LPAREN qualified_name_list(B) RPAREN. { A = B; }
opt_inherit(A) ::= . { A = NULL; }
%type opt_partition_spec {struct ast_partition_spec *}
opt_partition_spec(A) ::= partition_spec(B). { A = B; }
opt_partition_spec(A) ::= . { A = NULL; }
%type partition_spec {struct ast_partition_spec *}
partition_spec(A) ::= PARTITION(S) BY col_id(M) LPAREN part_params(B) RPAREN. { A = build_partition_spec(ps, S.start, M, B); }
%type part_params {struct ast_list *}
part_params(A) ::= part_elem(B). { A = LIST1(B); }
part_params(A) ::= part_params(B) COMMA part_elem(C). { A = ADD(B, C); }
%type part_elem {struct ast_node *}
part_elem(A) ::= col_id(B) opt_collate(C) opt_qualified_name(D). {
    A = &build_index_elem(ps, B.start, B.text, NULL, C, D)->node; }
part_elem(A) ::= func_expr_windowless(B) opt_collate(C) opt_qualified_name(D). {
    A = &build_index_elem(ps, B->start, NULL, B, C, D)->node; }
part_elem(A) ::= LPAREN(L) a_expr(B) RPAREN opt_collate(C) opt_qualified_name(D). {
    A = &build_index_elem(ps, L.start, NULL, B, C, D)->node; }
%type partition_bound_spec {struct ast_partition_bound *}
partition_bound_spec(A) ::= FOR(S) VALUES WITH LPAREN hash_partbound(B) RPAREN. { A = build_hash_bound(ps, S.start, B); }
partition_bound_spec(A) ::= FOR(S) VALUES IN LPAREN expr_list(B) RPAREN. {
    A = NEW(partition_bound, S); A->strategy = AST_PARTITION_LIST; A->datums = B; }
partition_bound_spec(A) ::= FOR(S) VALUES FROM LPAREN expr_list(B) RPAREN TO LPAREN expr_list(C) RPAREN. {
    A = NEW(partition_bound, S); A->strategy = AST_PARTITION_RANGE; A->lower = B; A->upper = C; }
partition_bound_spec(A) ::= DEFAULT(S). { A = NEW(partition_bound, S); A->is_default = true; }
%type hash_partbound {struct ast_list *}
hash_partbound(A) ::= hash_partbound_elem(B). { A = LIST1(B); }
hash_partbound(A) ::= hash_partbound(B) COMMA hash_partbound_elem(C). { A = ADD(B, C); }
%type hash_partbound_elem {struct ast_node *}
hash_partbound_elem(A) ::= non_reserved_word(B) iconst(C). {
    A = build_def(ps, B.start, B.text, build_integer(ps, C.start, C.value)); }
table_access_method_clause(A) ::= USING name(B). { A = B; }
table_access_method_clause(A) ::= . { A = TOKEN_NONE; }
%type opt_with_options {struct ast_list *}
opt_with_options(A) ::= WITH reloptions(B). { A = B; }
opt_with_options(A) ::= WITHOUT OIDS. { A = NULL; }
opt_with_options(A) ::= . { A = NULL; }
on_commit_option(A) ::= ON(B) COMMIT DROP. { A = B; A.value = AST_ONCOMMIT_DROP; }
on_commit_option(A) ::= ON(B) COMMIT DELETE ROWS. { A = B; A.value = AST_ONCOMMIT_DELETE; }
on_commit_option(A) ::= ON(B) COMMIT PRESERVE ROWS. { A = B; A.value = AST_ONCOMMIT_PRESERVE; }
on_commit_option(A) ::= . { A = TOKEN_NONE; }
opt_table_space(A) ::= TABLESPACE name(B). { A = B; }
opt_table_space(A) ::= . { A = TOKEN_NONE; }
opt_cons_table_space(A) ::= USING INDEX TABLESPACE name(B). { A = B; }
opt_cons_table_space(A) ::= . { A = TOKEN_NONE; }
existing_index(A) ::= USING INDEX name(B). { A = B; }
%type reloptions {struct ast_list *}
reloptions(A) ::= LPAREN reloption_list(B) RPAREN. { A = B; }
%type opt_reloptions {struct ast_list *}
opt_reloptions(A) ::= WITH reloptions(B). { A = B; }
opt_reloptions(A) ::= . { A = NULL; }
%type reloption_list {struct ast_list *}
reloption_list(A) ::= reloption_elem(B). { A = LIST1(B); }
reloption_list(A) ::= reloption_list(B) COMMA reloption_elem(C). { A = ADD(B, C); }
%type reloption_elem {struct ast_node *}
reloption_elem(A) ::= col_label(B) EQ def_arg(C). { A = build_def(ps, B.start, B.text, C); }
reloption_elem(A) ::= col_label(B). { A = build_def(ps, B.start, B.text, NULL); }
reloption_elem(A) ::= col_label(N) DOT col_label(B) EQ def_arg(C). {
    A = build_def(ps, N.start, B.text, C); ast_to(def_elem, A)->name_space = N.text; }
reloption_elem(A) ::= col_label(N) DOT col_label(B). {
    A = build_def(ps, N.start, B.text, NULL); ast_to(def_elem, A)->name_space = N.text; }
%type opt_definition {struct ast_list *}
opt_definition(A) ::= WITH definition(B). { A = B; }
opt_definition(A) ::= . { A = NULL; }
%type definition {struct ast_list *}
definition(A) ::= LPAREN def_list(B) RPAREN. { A = B; }
%type def_list {struct ast_list *}
def_list(A) ::= def_elem(B). { A = LIST1(B); }
def_list(A) ::= def_list(B) COMMA def_elem(C). { A = ADD(B, C); }
%type def_elem {struct ast_node *}
def_elem(A) ::= col_label(B) EQ def_arg(C). { A = build_def(ps, B.start, B.text, C); }
def_elem(A) ::= col_label(B). { A = build_def(ps, B.start, B.text, NULL); }
%type def_arg {struct ast_node *}
def_arg(A) ::= func_type(B). { A = &B->node; }
def_arg(A) ::= reserved_keyword(B). { A = STRING(B); }
def_arg(A) ::= qual_all_Op(B). { A = build_name_node(ps, B); }
def_arg(A) ::= numeric_only(B). { A = B; }
def_arg(A) ::= sconst(B). { A = STRING(B); }
def_arg(A) ::= NONE(B). { A = STRING(B); }
%type create_generic_options {struct ast_list *}
create_generic_options(A) ::= OPTIONS LPAREN generic_option_list(B) RPAREN. { A = B; }
create_generic_options(A) ::= . { A = NULL; }
%type generic_option_list {struct ast_list *}
generic_option_list(A) ::= generic_option_elem(B). { A = LIST1(B); }
generic_option_list(A) ::= generic_option_list(B) COMMA generic_option_elem(C). { A = ADD(B, C); }
%type generic_option_elem {struct ast_node *}
generic_option_elem(A) ::= col_label(B) sconst(C). { A = build_def(ps, B.start, B.text, STRING(C)); }
/* value: bits of enum constraint_attr */
constraint_attribute_spec(A) ::= . { A = TOKEN_NONE; }
constraint_attribute_spec(A) ::= constraint_attribute_spec(B) constraint_attribute_elem(C). {
    A = build_join_constraint_attrs(ps, B, C); }
constraint_attribute_elem(A) ::= NOT(B) DEFERRABLE. { A = B; A.value = CAS_NOT_DEFERRABLE; }
constraint_attribute_elem(A) ::= DEFERRABLE(B). { A = B; A.value = CAS_DEFERRABLE; }
constraint_attribute_elem(A) ::= INITIALLY(B) IMMEDIATE. { A = B; A.value = CAS_INITIALLY_IMMEDIATE; }
constraint_attribute_elem(A) ::= INITIALLY(B) DEFERRED. { A = B; A.value = CAS_INITIALLY_DEFERRED; }
constraint_attribute_elem(A) ::= NOT(B) VALID. { A = B; A.value = CAS_NOT_VALID; }
constraint_attribute_elem(A) ::= NO(B) INHERIT. { A = B; A.value = CAS_NO_INHERIT; }

%type create_as_stmt {struct ast_node *}
create_as_stmt(A) ::= CREATE(S) opt_temp(T) TABLE opt_if_not_exists(X) create_as_target(I) AS select_stmt(Q) opt_with_data(D). {
    A = build_create_as(ps, S.start, AST_OBJ_TABLE, T.value, X.value, I, Q, D.value); }
create_as_stmt(A) ::= CREATE(S) opt_temp(T) TABLE opt_if_not_exists(X) create_as_target(I) AS EXECUTE(E) name(N)
                    execute_param_clause(P) opt_with_data(D). {
    struct ast_execute_stmt *q = NEW(execute_stmt, E); q->name = N.text; q->params = P;
    A = build_create_as(ps, S.start, AST_OBJ_TABLE, T.value, X.value, I, &q->node, D.value); }
%type create_as_target {struct ast_into_clause *}
create_as_target(A) ::= qualified_name(R) opt_column_list(C) table_access_method_clause(M) opt_with_options(W) on_commit_option(O)
                        opt_table_space(Z). {
    A = NEW(into_clause, R); A->relation = R; A->columns = C; A->access_method = M.text; A->options = W;
    A->on_commit = (enum ast_on_commit)O.value; A->tablespace = Z.text; }
/* value 1: WITH NO DATA */
opt_with_data(A) ::= WITH DATA. { A = TOKEN_NONE; }
opt_with_data(A) ::= WITH(B) NO DATA. { A = B; A.value = 1; }
opt_with_data(A) ::= . { A = TOKEN_NONE; }
%type create_mat_view_stmt {struct ast_node *}
create_mat_view_stmt(A) ::= CREATE(S) opt_no_log(T) MATERIALIZED VIEW opt_if_not_exists(X) create_mv_target(I) AS select_stmt(Q)
                         opt_with_data(D). {
    A = build_create_as(ps, S.start, AST_OBJ_MATVIEW, T.value, X.value, I, Q, D.value); }
%type create_mv_target {struct ast_into_clause *}
create_mv_target(A) ::= qualified_name(R) opt_column_list(C) table_access_method_clause(M) opt_reloptions(W)
                        opt_table_space(Z). {
    A = NEW(into_clause, R); A->relation = R; A->columns = C; A->access_method = M.text; A->options = W;
    A->tablespace = Z.text; }
opt_no_log(A) ::= UNLOGGED(B). { A = B; A.value = AST_UNLOGGED; }
opt_no_log(A) ::= . { A = TOKEN_NONE; }
%type refresh_mat_view_stmt {struct ast_node *}
refresh_mat_view_stmt(A) ::= REFRESH(S) MATERIALIZED VIEW opt_concurrently(C) qualified_name(R) opt_with_data(D). {
    struct ast_refresh_stmt *n = NEW(refresh_stmt, S); n->concurrent = C.value; n->relation = R; n->no_data = D.value;
    A = &n->node; }
opt_concurrently(A) ::= CONCURRENTLY(B). { A = B; A.value = 1; }
opt_concurrently(A) ::= . { A = TOKEN_NONE; }

%type index_stmt {struct ast_node *}
index_stmt(A) ::= CREATE(S) opt_unique(U) INDEX opt_concurrently(C) opt_single_name(N) ON relation_expr(R)
                 access_method_clause(M) LPAREN index_params(P) RPAREN opt_include(I) opt_unique_null_treatment(D)
                 opt_reloptions(O) opt_table_space(Z) where_clause(W). {
    struct ast_index_stmt *n = build_index(ps, S.start, U, C, N.text, R, M.text, P, I); n->nulls_not_distinct = D.value;
    n->options = O; n->tablespace = Z.text; n->where = W; A = &n->node; }
index_stmt(A) ::= CREATE(S) opt_unique(U) INDEX opt_concurrently(C) IF_LA NOT EXISTS name(N) ON relation_expr(R)
                 access_method_clause(M) LPAREN index_params(P) RPAREN opt_include(I) opt_unique_null_treatment(D)
                 opt_reloptions(O) opt_table_space(Z) where_clause(W). {
    struct ast_index_stmt *n = build_index(ps, S.start, U, C, N.text, R, M.text, P, I); n->nulls_not_distinct = D.value;
    n->options = O; n->tablespace = Z.text; n->where = W; n->if_not_exists = true; A = &n->node; }
opt_unique(A) ::= UNIQUE(B). { A = B; A.value = 1; }
opt_unique(A) ::= . { A = TOKEN_NONE; }
opt_single_name(A) ::= col_id(B). { A = B; }
opt_single_name(A) ::= . { A = TOKEN_NONE; }
access_method_clause(A) ::= USING name(B). { A = B; }
access_method_clause(A) ::= . { A = TOKEN_NONE; }
%type index_params {struct ast_list *}
index_params(A) ::= index_elem(B). { A = LIST1(B); }
index_params(A) ::= index_params(B) COMMA index_elem(C). { A = ADD(B, C); }
%type index_elem_options {struct ast_index_elem *}
index_elem_options(A) ::= opt_collate(C) opt_qualified_name(D) opt_asc_desc(O) opt_nulls_order(N). {
    A = build_index_elem(ps, ps->prev_start, NULL, NULL, C, D); A->dir = (enum ast_sort_dir)O.value;
    A->nulls = (enum ast_sort_nulls)N.value; }
index_elem_options(A) ::= opt_collate(C) any_name(D) reloptions(R) opt_asc_desc(O) opt_nulls_order(N). {
    A = build_index_elem(ps, ps->prev_start, NULL, NULL, C, D); A->dir = (enum ast_sort_dir)O.value;
    A->nulls = (enum ast_sort_nulls)N.value; A->opclass_options = R; }
%type index_elem {struct ast_node *}
index_elem(A) ::= col_id(B) index_elem_options(O). { O->name = B.text; A = build_finish(ps, &O->node, B.start); }
index_elem(A) ::= func_expr_windowless(B) index_elem_options(O). { O->expr = B; A = build_finish(ps, &O->node, B->start); }
index_elem(A) ::= LPAREN(L) a_expr(B) RPAREN index_elem_options(O). {
    O->expr = B; A = build_finish(ps, &O->node, L.start); }
%type opt_include {struct ast_list *}
opt_include(A) ::= INCLUDE LPAREN index_including_params(B) RPAREN. { A = B; }
opt_include(A) ::= . { A = NULL; }
%type index_including_params {struct ast_list *}
index_including_params(A) ::= index_elem(B). { A = LIST1(B); }
index_including_params(A) ::= index_including_params(B) COMMA index_elem(C). { A = ADD(B, C); }
%type opt_collate {struct ast_list *}
opt_collate(A) ::= COLLATE any_name(B). { A = B; }
opt_collate(A) ::= . { A = NULL; }
%type opt_qualified_name {struct ast_list *}
opt_qualified_name(A) ::= any_name(B). { A = B; }
opt_qualified_name(A) ::= . { A = NULL; }

%type view_stmt {struct ast_node *}
view_stmt(A) ::= CREATE(S) opt_temp(T) VIEW qualified_name(R) opt_column_list(C) opt_reloptions(O) AS select_stmt(Q)
                opt_check_option(K). { A = build_view(ps, S.start, T.value, R, C, O, Q, K.value); }
view_stmt(A) ::= CREATE(S) OR REPLACE opt_temp(T) VIEW qualified_name(R) opt_column_list(C) opt_reloptions(O) AS
                select_stmt(Q) opt_check_option(K). {
    A = build_view(ps, S.start, T.value, R, C, O, Q, K.value); ast_to(view_stmt, A)->replace = true; }
view_stmt(A) ::= CREATE(S) opt_temp(T) RECURSIVE VIEW qualified_name(R) LPAREN columnList(C) RPAREN opt_reloptions(O) AS
                select_stmt(Q) opt_check_option(K). {
    A = build_view(ps, S.start, T.value, R, C, O, Q, K.value); ast_to(view_stmt, A)->recursive = true; }
view_stmt(A) ::= CREATE(S) OR REPLACE opt_temp(T) RECURSIVE VIEW qualified_name(R) LPAREN columnList(C) RPAREN
                opt_reloptions(O) AS select_stmt(Q) opt_check_option(K). {
    A = build_view(ps, S.start, T.value, R, C, O, Q, K.value); ast_to(view_stmt, A)->replace = true;
    ast_to(view_stmt, A)->recursive = true; }
opt_check_option(A) ::= WITH(B) CHECK OPTION. { A = B; A.value = AST_CHECK_CASCADED; }
opt_check_option(A) ::= WITH(B) CASCADED CHECK OPTION. { A = B; A.value = AST_CHECK_CASCADED; }
opt_check_option(A) ::= WITH(B) LOCAL CHECK OPTION. { A = B; A.value = AST_CHECK_LOCAL; }
opt_check_option(A) ::= . { A = TOKEN_NONE; }

%type create_seq_stmt {struct ast_node *}
create_seq_stmt(A) ::= CREATE(S) opt_temp(T) SEQUENCE opt_if_not_exists(X) qualified_name(R) opt_seq_opt_list(O). {
    struct ast_create_seq_stmt *n = NEW(create_seq_stmt, S); R->persistence = (enum ast_persistence)T.value;
    n->relation = R; n->options = O; n->if_not_exists = X.value; A = &n->node; }
%type alter_seq_stmt {struct ast_node *}
alter_seq_stmt(A) ::= ALTER(S) SEQUENCE opt_if_exists(X) qualified_name(R) seq_opt_list(O). {
    struct ast_alter_seq_stmt *n = NEW(alter_seq_stmt, S); n->relation = R; n->options = O; n->missing_ok = X.value;
    A = &n->node; }
%type opt_seq_opt_list {struct ast_list *}
opt_seq_opt_list(A) ::= seq_opt_list(B). { A = B; }
opt_seq_opt_list(A) ::= . { A = NULL; }
%type opt_parenthesized_seq_opt_list {struct ast_list *}
opt_parenthesized_seq_opt_list(A) ::= LPAREN seq_opt_list(B) RPAREN. { A = B; }
opt_parenthesized_seq_opt_list(A) ::= . { A = NULL; }
%type seq_opt_list {struct ast_list *}
seq_opt_list(A) ::= seq_opt_elem(B). { A = LIST1(B); }
seq_opt_list(A) ::= seq_opt_list(B) seq_opt_elem(C). { A = ADD(B, C); }
%type seq_opt_elem {struct ast_node *}
seq_opt_elem(A) ::= AS(S) simple_typename(B). { A = build_def(ps, S.start, "as", &B->node); }
seq_opt_elem(A) ::= CACHE(S) numeric_only(B). { A = build_def(ps, S.start, "cache", B); }
seq_opt_elem(A) ::= CYCLE(S). { A = build_def(ps, S.start, "cycle", build_bool_const(ps, S, true)); }
seq_opt_elem(A) ::= NO(S) CYCLE. { A = build_def(ps, S.start, "cycle", build_bool_const(ps, S, false)); }
seq_opt_elem(A) ::= INCREMENT(S) opt_by numeric_only(B). { A = build_def(ps, S.start, "increment", B); }
seq_opt_elem(A) ::= MAXVALUE(S) numeric_only(B). { A = build_def(ps, S.start, "maxvalue", B); }
seq_opt_elem(A) ::= MINVALUE(S) numeric_only(B). { A = build_def(ps, S.start, "minvalue", B); }
seq_opt_elem(A) ::= NO(S) MAXVALUE. { A = build_def(ps, S.start, "maxvalue", NULL); }
seq_opt_elem(A) ::= NO(S) MINVALUE. { A = build_def(ps, S.start, "minvalue", NULL); }
seq_opt_elem(A) ::= OWNED(S) BY any_name(B). { A = build_def(ps, S.start, "owned_by", build_name_node(ps, B)); }
seq_opt_elem(A) ::= SEQUENCE(S) NAME any_name(B). { A = build_def(ps, S.start, "sequence_name", build_name_node(ps, B)); }
seq_opt_elem(A) ::= START(S) opt_with numeric_only(B). { A = build_def(ps, S.start, "start", B); }
seq_opt_elem(A) ::= RESTART(S). { A = build_def(ps, S.start, "restart", NULL); }
seq_opt_elem(A) ::= RESTART(S) opt_with numeric_only(B). { A = build_def(ps, S.start, "restart", B); }
opt_by ::= BY.
opt_by ::= .

%type create_schema_stmt {struct ast_node *}
create_schema_stmt(A) ::= CREATE(S) SCHEMA opt_single_name(N) AUTHORIZATION role_spec(R) opt_schema_elt_list(E). {
    A = build_schema(ps, S.start, N.text, R, E, false); }
create_schema_stmt(A) ::= CREATE(S) SCHEMA col_id(N) opt_schema_elt_list(E). {
    A = build_schema(ps, S.start, N.text, NULL, E, false); }
create_schema_stmt(A) ::= CREATE(S) SCHEMA IF_LA NOT EXISTS opt_single_name(N) AUTHORIZATION role_spec(R) opt_schema_elt_list(E). {
    A = build_schema(ps, S.start, N.text, R, E, true); }
create_schema_stmt(A) ::= CREATE(S) SCHEMA IF_LA NOT EXISTS col_id(N) opt_schema_elt_list(E). {
    A = build_schema(ps, S.start, N.text, NULL, E, true); }
%type opt_schema_elt_list {struct ast_list *}
opt_schema_elt_list(A) ::= opt_schema_elt_list(B) schema_stmt(C). { A = ADD(B, C); }
opt_schema_elt_list(A) ::= . { A = NULL; }
%type schema_stmt {struct ast_node *}
schema_stmt(A) ::= create_stmt(B). { A = B; }
schema_stmt(A) ::= index_stmt(B). { A = B; }
schema_stmt(A) ::= create_seq_stmt(B). { A = B; }
schema_stmt(A) ::= grant_stmt(B). { A = B; }
schema_stmt(A) ::= view_stmt(B). { A = B; }

/* ==== types and functions ==== */

%type create_domain_stmt {struct ast_node *}
create_domain_stmt(A) ::= CREATE(S) DOMAIN any_name(N) opt_as type_name(T) col_qual_list(Q). {
    A = build_domain(ps, S.start, N, T, Q); }
%type alter_domain_stmt {struct ast_node *}
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) SET DEFAULT a_expr(B). {
    A = build_alter_domain(ps, S.start, N, "set default", NULL, B, 0, 0); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) DROP DEFAULT. {
    A = build_alter_domain(ps, S.start, N, "drop default", NULL, NULL, 0, 0); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) SET NOT NULL. {
    A = build_alter_domain(ps, S.start, N, "set not null", NULL, NULL, 0, 0); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) DROP NOT NULL. {
    A = build_alter_domain(ps, S.start, N, "drop not null", NULL, NULL, 0, 0); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) ADD table_constraint(B). {
    A = build_alter_domain(ps, S.start, N, "add", NULL, &B->node, 0, 0); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) DROP CONSTRAINT opt_if_exists(X) name(C) opt_drop_behavior(D). {
    A = build_alter_domain(ps, S.start, N, "drop", C.text, NULL, D.value, X.value); }
alter_domain_stmt(A) ::= ALTER(S) DOMAIN any_name(N) VALIDATE CONSTRAINT name(C). {
    A = build_alter_domain(ps, S.start, N, "validate", C.text, NULL, 0, 0); }

%type define_type_stmt {struct ast_node *}
define_type_stmt(A) ::= CREATE(S) TYPE any_name(N) AS LPAREN opt_table_func_element_list(L) RPAREN. {
    struct ast_composite_type_stmt *n = NEW(composite_type_stmt, S); n->name = N; n->columns = L; A = &n->node; }
define_type_stmt(A) ::= CREATE(S) TYPE any_name(N) AS ENUM LPAREN opt_enum_val_list(L) RPAREN. {
    struct ast_create_enum_stmt *n = NEW(create_enum_stmt, S); n->name = N; n->values = L; A = &n->node; }
define_type_stmt(A) ::= CREATE(S) TYPE any_name(N) AS RANGE definition(D). {
    struct ast_create_range_stmt *n = NEW(create_range_stmt, S); n->name = N; n->params = D; A = &n->node; }
define_type_stmt(A) ::= CREATE(S) TYPE any_name definition. { A = build_unsupported_stmt(ps, S.start, "CREATE TYPE"); }
define_type_stmt(A) ::= CREATE(S) TYPE any_name. { A = build_unsupported_stmt(ps, S.start, "CREATE TYPE"); }
%type opt_table_func_element_list {struct ast_list *}
opt_table_func_element_list(A) ::= table_func_element_list(B). { A = B; }
opt_table_func_element_list(A) ::= . { A = NULL; }
%type opt_enum_val_list {struct ast_list *}
opt_enum_val_list(A) ::= enum_val_list(B). { A = B; }
opt_enum_val_list(A) ::= . { A = NULL; }
%type enum_val_list {struct ast_list *}
enum_val_list(A) ::= sconst(B). { A = LIST1(STRING(B)); }
enum_val_list(A) ::= enum_val_list(B) COMMA sconst(C). { A = ADD(B, STRING(C)); }
%type alter_enum_stmt {struct ast_node *}
alter_enum_stmt(A) ::= ALTER(S) TYPE any_name(N) ADD VALUE opt_if_not_exists(X) sconst(V). {
    A = build_alter_enum(ps, S.start, N, NULL, V.text, NULL, false, X.value); }
alter_enum_stmt(A) ::= ALTER(S) TYPE any_name(N) ADD VALUE opt_if_not_exists(X) sconst(V) BEFORE sconst(P). {
    A = build_alter_enum(ps, S.start, N, NULL, V.text, P.text, false, X.value); }
alter_enum_stmt(A) ::= ALTER(S) TYPE any_name(N) ADD VALUE opt_if_not_exists(X) sconst(V) AFTER sconst(P). {
    A = build_alter_enum(ps, S.start, N, NULL, V.text, P.text, true, X.value); }
alter_enum_stmt(A) ::= ALTER(S) TYPE any_name(N) RENAME VALUE sconst(O) TO sconst(V). {
    A = build_alter_enum(ps, S.start, N, O.text, V.text, NULL, false, 0); }
%type alter_composite_type_stmt {struct ast_node *}
alter_composite_type_stmt(A) ::= ALTER(S) TYPE any_name(N) alter_type_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_TYPE, 0, build_range_var_of_name(ps, N), L); }
%type alter_type_cmds {struct ast_list *}
alter_type_cmds(A) ::= alter_type_cmd(B). { A = LIST1(B); }
alter_type_cmds(A) ::= alter_type_cmds(B) COMMA alter_type_cmd(C). { A = ADD(B, C); }
%type alter_type_cmd {struct ast_alter_table_cmd *}
alter_type_cmd(A) ::= ADD(S) ATTRIBUTE table_func_element(B) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_ADD_COLUMN, NULL, B); A->behavior = (enum ast_drop_behavior)D.value; }
alter_type_cmd(A) ::= DROP(S) ATTRIBUTE opt_if_exists(X) col_id(N) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_DROP_COLUMN, N.text, NULL); A->missing_ok = X.value;
    A->behavior = (enum ast_drop_behavior)D.value; }
alter_type_cmd(A) ::= ALTER(S) ATTRIBUTE col_id(N) opt_set_data TYPE type_name(T) opt_collate_clause(C)
                      opt_drop_behavior(D). {
    A = build_at_type(ps, S.start, N, T, C, NULL); A->behavior = (enum ast_drop_behavior)D.value; }

%type create_function_stmt {struct ast_node *}
create_function_stmt(A) ::= CREATE(S) opt_or_replace(X) FUNCTION func_name(N) func_args_with_defaults(L) RETURNS
                          func_return(R) opt_createfunc_opt_list(O) opt_routine_body(B). {
    A = build_function(ps, S.start, false, X.value, N, L, R, O, B); }
create_function_stmt(A) ::= CREATE(S) opt_or_replace(X) FUNCTION func_name(N) func_args_with_defaults(L) RETURNS TABLE(T)
                          LPAREN table_func_column_list(C) RPAREN opt_createfunc_opt_list(O) opt_routine_body(B). {
    A = build_function(ps, S.start, false, X.value, N, build_concat(ps, L, C), build_table_return(ps, T.start, C), O, B); }
create_function_stmt(A) ::= CREATE(S) opt_or_replace(X) FUNCTION func_name(N) func_args_with_defaults(L)
                          opt_createfunc_opt_list(O) opt_routine_body(B). {
    A = build_function(ps, S.start, false, X.value, N, L, NULL, O, B); }
create_function_stmt(A) ::= CREATE(S) opt_or_replace(X) PROCEDURE func_name(N) func_args_with_defaults(L)
                          opt_createfunc_opt_list(O) opt_routine_body(B). {
    A = build_function(ps, S.start, true, X.value, N, L, NULL, O, B); }
opt_or_replace(A) ::= OR(B) REPLACE. { A = B; A.value = 1; }
opt_or_replace(A) ::= . { A = TOKEN_NONE; }
%type func_args {struct ast_list *}
func_args(A) ::= LPAREN func_args_list(B) RPAREN. { A = B; }
func_args(A) ::= LPAREN RPAREN. { A = NULL; }
%type func_args_list {struct ast_list *}
func_args_list(A) ::= func_arg(B). { A = LIST1(B); }
func_args_list(A) ::= func_args_list(B) COMMA func_arg(C). { A = ADD(B, C); }
%type func_args_with_defaults {struct ast_list *}
func_args_with_defaults(A) ::= LPAREN func_args_with_defaults_list(B) RPAREN. { A = B; }
func_args_with_defaults(A) ::= LPAREN RPAREN. { A = NULL; }
%type func_args_with_defaults_list {struct ast_list *}
func_args_with_defaults_list(A) ::= func_arg_with_default(B). { A = LIST1(B); }
func_args_with_defaults_list(A) ::= func_args_with_defaults_list(B) COMMA func_arg_with_default(C). { A = ADD(B, C); }
%type func_arg {struct ast_func_param *}
func_arg(A) ::= arg_class(M) param_name(N) func_type(T). { A = build_param(ps, M.start, M.value, N.text, T); }
func_arg(A) ::= param_name(N) arg_class(M) func_type(T). { A = build_param(ps, N.start, M.value, N.text, T); }
func_arg(A) ::= param_name(N) func_type(T). { A = build_param(ps, N.start, 0, N.text, T); }
func_arg(A) ::= arg_class(M) func_type(T). { A = build_param(ps, M.start, M.value, NULL, T); }
func_arg(A) ::= func_type(T). { A = build_param(ps, T->node.start, 0, NULL, T); }
arg_class(A) ::= IN(B). { A = B; A.value = AST_PARAM_IN; }
arg_class(A) ::= OUT(B). { A = B; A.value = AST_PARAM_OUT; }
arg_class(A) ::= INOUT(B). { A = B; A.value = AST_PARAM_INOUT; }
arg_class(A) ::= IN(B) OUT. { A = B; A.value = AST_PARAM_INOUT; }
arg_class(A) ::= VARIADIC(B). { A = B; A.value = AST_PARAM_VARIADIC; }
%type func_return {struct ast_type_name *}
func_return(A) ::= func_type(B). { A = B; }
%type func_type {struct ast_type_name *}
func_type(A) ::= type_name(B). { A = B; }
func_type(A) ::= type_function_name(B) attrs(C) PERCENT TYPE. {
    A = NEW(type_name, B); A->names = build_prepend(ps, STRING(B), C); A->percent_type = true; }
func_type(A) ::= SETOF(S) type_function_name(B) attrs(C) PERCENT TYPE. {
    A = NEW(type_name, S); A->names = build_prepend(ps, STRING(B), C); A->percent_type = true; A->setof = true; }
%type func_arg_with_default {struct ast_node *}
func_arg_with_default(A) ::= func_arg(B). { A = &B->node; }
func_arg_with_default(A) ::= func_arg(B) DEFAULT a_expr(C). {
    B->default_value = C; B->node.end = ps->prev_end; A = &B->node; }
func_arg_with_default(A) ::= func_arg(B) EQ a_expr(C). {
    B->default_value = C; B->node.end = ps->prev_end; A = &B->node; }
%type table_func_column_list {struct ast_list *}
table_func_column_list(A) ::= table_func_column(B). { A = LIST1(B); }
table_func_column_list(A) ::= table_func_column_list(B) COMMA table_func_column(C). { A = ADD(B, C); }
%type table_func_column {struct ast_node *}
table_func_column(A) ::= param_name(N) func_type(T). {
    A = &build_param(ps, N.start, AST_PARAM_TABLE, N.text, T)->node; }
%type opt_createfunc_opt_list {struct ast_list *}
opt_createfunc_opt_list(A) ::= createfunc_opt_list(B). { A = B; }
opt_createfunc_opt_list(A) ::= . { A = NULL; }
%type createfunc_opt_list {struct ast_list *}
createfunc_opt_list(A) ::= createfunc_opt_item(B). { A = LIST1(B); }
createfunc_opt_list(A) ::= createfunc_opt_list(B) createfunc_opt_item(C). { A = ADD(B, C); }
%type createfunc_opt_item {struct ast_node *}
createfunc_opt_item(A) ::= AS(S) func_as(B). { A = build_def(ps, S.start, "as", build_node_list(ps, S.start, B)); }
createfunc_opt_item(A) ::= LANGUAGE(S) non_reserved_word_or_sconst(B). { A = build_def(ps, S.start, "language", STRING(B)); }
createfunc_opt_item(A) ::= TRANSFORM(S) transform_type_list(B). {
    A = build_def(ps, S.start, "transform", build_node_list(ps, S.start, B)); }
createfunc_opt_item(A) ::= WINDOW(S). { A = build_def(ps, S.start, "window", build_bool_const(ps, S, true)); }
createfunc_opt_item(A) ::= common_func_opt_item(B). { A = B; }
%type common_func_opt_item {struct ast_node *}
common_func_opt_item(A) ::= CALLED(S) ON NULL INPUT. { A = build_def(ps, S.start, "strict", build_bool_const(ps, S, false)); }
common_func_opt_item(A) ::= RETURNS(S) NULL ON NULL INPUT. {
    A = build_def(ps, S.start, "strict", build_bool_const(ps, S, true)); }
common_func_opt_item(A) ::= STRICT(S). { A = build_def(ps, S.start, "strict", build_bool_const(ps, S, true)); }
common_func_opt_item(A) ::= IMMUTABLE(S). { A = build_def(ps, S.start, "volatility", STRING(S)); }
common_func_opt_item(A) ::= STABLE(S). { A = build_def(ps, S.start, "volatility", STRING(S)); }
common_func_opt_item(A) ::= VOLATILE(S). { A = build_def(ps, S.start, "volatility", STRING(S)); }
common_func_opt_item(A) ::= EXTERNAL(S) SECURITY DEFINER. {
    A = build_def(ps, S.start, "security", build_bool_const(ps, S, true)); }
common_func_opt_item(A) ::= EXTERNAL(S) SECURITY INVOKER. {
    A = build_def(ps, S.start, "security", build_bool_const(ps, S, false)); }
common_func_opt_item(A) ::= SECURITY(S) DEFINER. { A = build_def(ps, S.start, "security", build_bool_const(ps, S, true)); }
common_func_opt_item(A) ::= SECURITY(S) INVOKER. { A = build_def(ps, S.start, "security", build_bool_const(ps, S, false)); }
common_func_opt_item(A) ::= LEAKPROOF(S). { A = build_def(ps, S.start, "leakproof", build_bool_const(ps, S, true)); }
common_func_opt_item(A) ::= NOT(S) LEAKPROOF. { A = build_def(ps, S.start, "leakproof", build_bool_const(ps, S, false)); }
common_func_opt_item(A) ::= COST(S) numeric_only(B). { A = build_def(ps, S.start, "cost", B); }
common_func_opt_item(A) ::= ROWS(S) numeric_only(B). { A = build_def(ps, S.start, "rows", B); }
common_func_opt_item(A) ::= SUPPORT(S) any_name(B). { A = build_def(ps, S.start, "support", build_name_node(ps, B)); }
common_func_opt_item(A) ::= function_set_reset_clause(B). { A = build_def(ps, B->start, "set", B); }
common_func_opt_item(A) ::= PARALLEL(S) col_id(B). { A = build_def(ps, S.start, "parallel", STRING(B)); }
%type func_as {struct ast_list *}
func_as(A) ::= sconst(B). { A = LIST1(STRING(B)); }
func_as(A) ::= sconst(B) COMMA sconst(C). { A = LIST2(STRING(B), STRING(C)); }
%type transform_type_list {struct ast_list *}
transform_type_list(A) ::= FOR TYPE type_name(B). { A = LIST1(B); }
transform_type_list(A) ::= transform_type_list(B) COMMA FOR TYPE type_name(C). { A = ADD(B, C); }
%type opt_routine_body {struct ast_node *}
opt_routine_body(A) ::= return_stmt(B). { A = B; }
opt_routine_body(A) ::= BEGIN(S) ATOMIC routine_body_stmt_list(B) END. { A = build_node_list(ps, S.start, B); }
opt_routine_body(A) ::= . { A = NULL; }
%type return_stmt {struct ast_node *}
return_stmt(A) ::= RETURN(S) a_expr(B). { struct ast_return_stmt *n = NEW(return_stmt, S); n->value = B; A = &n->node; }
%type routine_body_stmt_list {struct ast_list *}
routine_body_stmt_list(A) ::= routine_body_stmt_list(B) routine_body_stmt(C) SEMI. { A = C ? ADD(B, C) : B; }
routine_body_stmt_list(A) ::= . { A = NULL; }
%type routine_body_stmt {struct ast_node *}
routine_body_stmt(A) ::= stmt(B). { A = B; }
routine_body_stmt(A) ::= return_stmt(B). { A = B; }
%type function_with_argtypes {struct ast_object_with_args *}
function_with_argtypes(A) ::= func_name(N) func_args(L). {
    A = NEW(object_with_args, N->items[0]); A->name = N; A->args = L; }
function_with_argtypes(A) ::= type_func_name_keyword(N). {
    A = NEW(object_with_args, N); A->name = LIST1(STRING(N)); A->args_unspecified = true; }
function_with_argtypes(A) ::= col_id(N). {
    A = NEW(object_with_args, N); A->name = LIST1(STRING(N)); A->args_unspecified = true; }
function_with_argtypes(A) ::= col_id(N) indirection(I). {
    A = NEW(object_with_args, N); A->name = build_func_name(ps, N, I); A->args_unspecified = true; }
%type function_with_argtypes_list {struct ast_list *}
function_with_argtypes_list(A) ::= function_with_argtypes(B). { A = LIST1(B); }
function_with_argtypes_list(A) ::= function_with_argtypes_list(B) COMMA function_with_argtypes(C). { A = ADD(B, C); }
%type aggregate_with_argtypes {struct ast_object_with_args *}
aggregate_with_argtypes(A) ::= func_name(N) aggr_args(L). {
    A = NEW(object_with_args, N->items[0]); A->name = N; A->args = L; }
%type aggregate_with_argtypes_list {struct ast_list *}
aggregate_with_argtypes_list(A) ::= aggregate_with_argtypes(B). { A = LIST1(B); }
aggregate_with_argtypes_list(A) ::= aggregate_with_argtypes_list(B) COMMA aggregate_with_argtypes(C). { A = ADD(B, C); }
%type aggr_args {struct ast_list *}
aggr_args(A) ::= LPAREN STAR RPAREN. { A = NULL; }
aggr_args(A) ::= LPAREN func_args_list(B) RPAREN. { A = B; }
aggr_args(A) ::= LPAREN ORDER BY func_args_list(B) RPAREN. { A = B; }
aggr_args(A) ::= LPAREN func_args_list(B) ORDER BY func_args_list(C) RPAREN. { A = build_concat(ps, B, C); }

/* ==== ALTER TABLE and its kin ==== */

%type alter_table_stmt {struct ast_node *}
alter_table_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_TABLE, X.value, R, L); }
alter_table_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) partition_cmd(C). {
    A = build_alter_table(ps, S.start, AST_OBJ_TABLE, X.value, R, LIST1(C)); }
alter_table_stmt(A) ::= ALTER(S) TABLE ALL IN TABLESPACE name SET TABLESPACE name opt_nowait. {
    A = build_unsupported_stmt(ps, S.start, "ALTER TABLE ALL IN TABLESPACE"); }
alter_table_stmt(A) ::= ALTER(S) TABLE ALL IN TABLESPACE name OWNED BY role_list SET TABLESPACE name opt_nowait. {
    A = build_unsupported_stmt(ps, S.start, "ALTER TABLE ALL IN TABLESPACE"); }
alter_table_stmt(A) ::= ALTER(S) INDEX opt_if_exists(X) qualified_name(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_INDEX, X.value, R, L); }
alter_table_stmt(A) ::= ALTER(S) INDEX opt_if_exists(X) qualified_name(R) index_partition_cmd(C). {
    if (X.value)
        build_error(ps, ERR_SYNTAX_ERROR, C->node.start, "syntax error at or near \"ATTACH\"");
    A = build_alter_table(ps, S.start, AST_OBJ_INDEX, 0, R, LIST1(C)); }
alter_table_stmt(A) ::= ALTER(S) INDEX opt_if_exists(X) qualified_name DEPENDS(D) ON EXTENSION name. {
    if (X.value)
        build_error(ps, ERR_SYNTAX_ERROR, D.start, "syntax error at or near \"DEPENDS\"");
    A = build_unsupported_stmt(ps, S.start, "ALTER INDEX DEPENDS ON EXTENSION"); }
alter_table_stmt(A) ::= ALTER(S) SEQUENCE opt_if_exists(X) qualified_name(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_SEQUENCE, X.value, R, L); }
alter_table_stmt(A) ::= ALTER(S) VIEW opt_if_exists(X) qualified_name(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_VIEW, X.value, R, L); }
alter_table_stmt(A) ::= ALTER(S) MATERIALIZED VIEW opt_if_exists(X) qualified_name(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_MATVIEW, X.value, R, L); }
alter_table_stmt(A) ::= ALTER(S) FOREIGN TABLE opt_if_exists(X) relation_expr(R) alter_table_cmds(L). {
    A = build_alter_table(ps, S.start, AST_OBJ_FOREIGN_TABLE, X.value, R, L); }
%type alter_table_cmds {struct ast_list *}
alter_table_cmds(A) ::= alter_table_cmd(B). { A = LIST1(B); }
alter_table_cmds(A) ::= alter_table_cmds(B) COMMA alter_table_cmd(C). { A = ADD(B, C); }
%type partition_cmd {struct ast_alter_table_cmd *}
partition_cmd(A) ::= ATTACH(S) PARTITION qualified_name(R) partition_bound_spec(B). {
    A = build_at_partition(ps, S.start, AST_AT_ATTACH_PARTITION, R, B, 0); }
partition_cmd(A) ::= DETACH(S) PARTITION qualified_name(R) opt_concurrently(C). {
    A = build_at_partition(ps, S.start, AST_AT_DETACH_PARTITION, R, NULL, C.value); }
partition_cmd(A) ::= DETACH(S) PARTITION qualified_name(R) FINALIZE. {
    A = build_at_partition(ps, S.start, AST_AT_DETACH_FINALIZE, R, NULL, 0); }
%type index_partition_cmd {struct ast_alter_table_cmd *}
index_partition_cmd(A) ::= ATTACH(S) PARTITION qualified_name(R). {
    A = build_at_partition(ps, S.start, AST_AT_ATTACH_PARTITION, R, NULL, 0); }

%type alter_table_cmd {struct ast_alter_table_cmd *}
alter_table_cmd(A) ::= ADD(S) columnDef(D). { A = build_at(ps, S.start, AST_AT_ADD_COLUMN, NULL, &D->node); }
alter_table_cmd(A) ::= ADD(S) IF_LA NOT EXISTS columnDef(D). {
    A = build_at(ps, S.start, AST_AT_ADD_COLUMN, NULL, &D->node); A->missing_ok = true; }
alter_table_cmd(A) ::= ADD(S) COLUMN columnDef(D). { A = build_at(ps, S.start, AST_AT_ADD_COLUMN, NULL, &D->node); }
alter_table_cmd(A) ::= ADD(S) COLUMN IF_LA NOT EXISTS columnDef(D). {
    A = build_at(ps, S.start, AST_AT_ADD_COLUMN, NULL, &D->node); A->missing_ok = true; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) alter_column_default(D). {
    A = build_at(ps, S.start, D ? AST_AT_SET_DEFAULT : AST_AT_DROP_DEFAULT, N.text, NULL); A->expr = D; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) DROP NOT NULL. {
    A = build_at(ps, S.start, AST_AT_DROP_NOT_NULL, N.text, NULL); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) SET NOT NULL. {
    A = build_at(ps, S.start, AST_AT_SET_NOT_NULL, N.text, NULL); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) DROP EXPRESSION. {
    A = build_at(ps, S.start, AST_AT_DROP_EXPRESSION, N.text, NULL); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) DROP EXPRESSION IF_LA EXISTS. {
    A = build_at(ps, S.start, AST_AT_DROP_EXPRESSION, N.text, NULL); A->missing_ok = true; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) SET STATISTICS signed_iconst(V). {
    A = build_at(ps, S.start, AST_AT_SET_STATISTICS, N.text, NULL); A->value = V.value; }
alter_table_cmd(A) ::= ALTER(S) opt_column iconst(N) SET STATISTICS signed_iconst(V). {
    A = build_at(ps, S.start, AST_AT_SET_STATISTICS, NULL, NULL); A->num = N.value; A->value = V.value;
    if (N.value <= 0 || N.value > INT16_MAX)
        build_error(ps, ERR_INVALID_PARAMETER_VALUE, N.start, "column number must be in range from 1 to %d", INT16_MAX); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) SET reloptions(O). {
    A = build_at(ps, S.start, AST_AT_SET_COLUMN_OPTIONS, N.text, NULL); A->options = O; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) RESET reloptions(O). {
    A = build_at(ps, S.start, AST_AT_RESET_COLUMN_OPTIONS, N.text, NULL); A->options = O; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) SET STORAGE col_id(V). {
    A = build_at(ps, S.start, AST_AT_SET_STORAGE, N.text, NULL); A->name2 = V.text; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) SET column_compression(V). {
    A = build_at(ps, S.start, AST_AT_SET_COMPRESSION, N.text, NULL); A->name2 = V.text; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) ADD(G) GENERATED generated_when(W) AS IDENTITY
                       opt_parenthesized_seq_opt_list(O). {
    struct ast_constraint *c = build_constraint(ps, G.start, AST_CONSTR_IDENTITY); c->generated_always = W.value;
    c->options = O; A = build_at(ps, S.start, AST_AT_ADD_IDENTITY, N.text, &c->node); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) alter_identity_column_option_list(O). {
    A = build_at(ps, S.start, AST_AT_SET_IDENTITY, N.text, NULL); A->options = O; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) DROP IDENTITY. {
    A = build_at(ps, S.start, AST_AT_DROP_IDENTITY, N.text, NULL); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) DROP IDENTITY IF_LA EXISTS. {
    A = build_at(ps, S.start, AST_AT_DROP_IDENTITY, N.text, NULL); A->missing_ok = true; }
alter_table_cmd(A) ::= DROP(S) opt_column IF_LA EXISTS col_id(N) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_DROP_COLUMN, N.text, NULL); A->missing_ok = true;
    A->behavior = (enum ast_drop_behavior)D.value; }
alter_table_cmd(A) ::= DROP(S) opt_column col_id(N) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_DROP_COLUMN, N.text, NULL); A->behavior = (enum ast_drop_behavior)D.value; }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) opt_set_data TYPE type_name(T) opt_collate_clause(C) alter_using(U). {
    A = build_at_type(ps, S.start, N, T, C, U); }
alter_table_cmd(A) ::= ALTER(S) opt_column col_id(N) alter_generic_options. {
    A = build_at_unsupported(ps, S.start, N.text); }
alter_table_cmd(A) ::= ADD(S) table_constraint(C). { A = build_at(ps, S.start, AST_AT_ADD_CONSTRAINT, NULL, &C->node); }
alter_table_cmd(A) ::= ALTER(S) CONSTRAINT name(N) constraint_attribute_spec(T). {
    struct ast_constraint *c = build_constraint(ps, N.start, AST_CONSTR_FOREIGN); c->name = N.text;
    build_constraint_attrs(ps, c, T, CAS_DEFER, "FOREIGN KEY");
    A = build_at(ps, S.start, AST_AT_ALTER_CONSTRAINT, N.text, &c->node); }
alter_table_cmd(A) ::= VALIDATE(S) CONSTRAINT name(N). {
    A = build_at(ps, S.start, AST_AT_VALIDATE_CONSTRAINT, N.text, NULL); }
alter_table_cmd(A) ::= DROP(S) CONSTRAINT IF_LA EXISTS name(N) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_DROP_CONSTRAINT, N.text, NULL); A->missing_ok = true;
    A->behavior = (enum ast_drop_behavior)D.value; }
alter_table_cmd(A) ::= DROP(S) CONSTRAINT name(N) opt_drop_behavior(D). {
    A = build_at(ps, S.start, AST_AT_DROP_CONSTRAINT, N.text, NULL); A->behavior = (enum ast_drop_behavior)D.value; }
alter_table_cmd(A) ::= SET(S) WITHOUT OIDS. { A = build_at(ps, S.start, AST_AT_SET_WITHOUT_OIDS, NULL, NULL); }
alter_table_cmd(A) ::= CLUSTER(S) ON name(N). { A = build_at(ps, S.start, AST_AT_CLUSTER_ON, N.text, NULL); }
alter_table_cmd(A) ::= SET(S) WITHOUT CLUSTER. { A = build_at(ps, S.start, AST_AT_SET_WITHOUT_CLUSTER, NULL, NULL); }
alter_table_cmd(A) ::= SET(S) LOGGED. { A = build_at(ps, S.start, AST_AT_SET_LOGGED, NULL, NULL); }
alter_table_cmd(A) ::= SET(S) UNLOGGED. { A = build_at(ps, S.start, AST_AT_SET_UNLOGGED, NULL, NULL); }
alter_table_cmd(A) ::= ENABLE(S) TRIGGER name(N). { A = build_at(ps, S.start, AST_AT_ENABLE_TRIGGER, N.text, NULL); }
alter_table_cmd(A) ::= ENABLE(S) ALWAYS TRIGGER name(N). {
    A = build_at(ps, S.start, AST_AT_ENABLE_TRIGGER, N.text, NULL); A->name2 = "always"; }
alter_table_cmd(A) ::= ENABLE(S) REPLICA TRIGGER name(N). {
    A = build_at(ps, S.start, AST_AT_ENABLE_TRIGGER, N.text, NULL); A->name2 = "replica"; }
alter_table_cmd(A) ::= ENABLE(S) TRIGGER ALL. {
    A = build_at(ps, S.start, AST_AT_ENABLE_TRIGGER, NULL, NULL); A->name2 = "all"; }
alter_table_cmd(A) ::= ENABLE(S) TRIGGER USER. {
    A = build_at(ps, S.start, AST_AT_ENABLE_TRIGGER, NULL, NULL); A->name2 = "user"; }
alter_table_cmd(A) ::= DISABLE(S) TRIGGER name(N). { A = build_at(ps, S.start, AST_AT_DISABLE_TRIGGER, N.text, NULL); }
alter_table_cmd(A) ::= DISABLE(S) TRIGGER ALL. {
    A = build_at(ps, S.start, AST_AT_DISABLE_TRIGGER, NULL, NULL); A->name2 = "all"; }
alter_table_cmd(A) ::= DISABLE(S) TRIGGER USER. {
    A = build_at(ps, S.start, AST_AT_DISABLE_TRIGGER, NULL, NULL); A->name2 = "user"; }
alter_table_cmd(A) ::= ENABLE(S) RULE name(N). { A = build_at(ps, S.start, AST_AT_ENABLE_RULE, N.text, NULL); }
alter_table_cmd(A) ::= ENABLE(S) ALWAYS RULE name(N). {
    A = build_at(ps, S.start, AST_AT_ENABLE_RULE, N.text, NULL); A->name2 = "always"; }
alter_table_cmd(A) ::= ENABLE(S) REPLICA RULE name(N). {
    A = build_at(ps, S.start, AST_AT_ENABLE_RULE, N.text, NULL); A->name2 = "replica"; }
alter_table_cmd(A) ::= DISABLE(S) RULE name(N). { A = build_at(ps, S.start, AST_AT_DISABLE_RULE, N.text, NULL); }
alter_table_cmd(A) ::= INHERIT(S) qualified_name(R). { A = build_at(ps, S.start, AST_AT_INHERIT, NULL, &R->node); }
alter_table_cmd(A) ::= NO(S) INHERIT qualified_name(R). { A = build_at(ps, S.start, AST_AT_NO_INHERIT, NULL, &R->node); }
alter_table_cmd(A) ::= OF(S) any_name(N). {
    A = build_at(ps, S.start, AST_AT_OF_TYPE, NULL, &build_type_of_name(ps, N, NULL)->node); }
alter_table_cmd(A) ::= NOT(S) OF. { A = build_at(ps, S.start, AST_AT_NOT_OF_TYPE, NULL, NULL); }
alter_table_cmd(A) ::= OWNER(S) TO role_spec(R). { A = build_at(ps, S.start, AST_AT_OWNER, NULL, &R->node); }
alter_table_cmd(A) ::= SET(S) ACCESS METHOD name(N). { A = build_at(ps, S.start, AST_AT_SET_ACCESS_METHOD, N.text, NULL); }
alter_table_cmd(A) ::= SET(S) TABLESPACE name(N). { A = build_at(ps, S.start, AST_AT_SET_TABLESPACE, N.text, NULL); }
alter_table_cmd(A) ::= SET(S) reloptions(O). { A = build_at(ps, S.start, AST_AT_SET_OPTIONS, NULL, NULL); A->options = O; }
alter_table_cmd(A) ::= RESET(S) reloptions(O). {
    A = build_at(ps, S.start, AST_AT_RESET_OPTIONS, NULL, NULL); A->options = O; }
alter_table_cmd(A) ::= REPLICA(S) IDENTITY replica_identity(I). {
    A = build_at(ps, S.start, AST_AT_REPLICA_IDENTITY, I.value ? "using" : I.text, NULL);
    A->name2 = I.value ? I.text : NULL; }
alter_table_cmd(A) ::= ENABLE(S) ROW LEVEL SECURITY. { A = build_at(ps, S.start, AST_AT_ENABLE_ROW_SECURITY, NULL, NULL); }
alter_table_cmd(A) ::= DISABLE(S) ROW LEVEL SECURITY. {
    A = build_at(ps, S.start, AST_AT_DISABLE_ROW_SECURITY, NULL, NULL); }
alter_table_cmd(A) ::= FORCE(S) ROW LEVEL SECURITY. { A = build_at(ps, S.start, AST_AT_FORCE_ROW_SECURITY, NULL, NULL); }
alter_table_cmd(A) ::= NO(S) FORCE ROW LEVEL SECURITY. {
    A = build_at(ps, S.start, AST_AT_NO_FORCE_ROW_SECURITY, NULL, NULL); }
alter_table_cmd(A) ::= alter_generic_options(S). { A = build_at_unsupported(ps, S.start, NULL); }
%type alter_column_default {struct ast_node *}
alter_column_default(A) ::= SET DEFAULT a_expr(B). { A = B; }
alter_column_default(A) ::= DROP DEFAULT. { A = NULL; }
%type alter_using {struct ast_node *}
alter_using(A) ::= USING a_expr(B). { A = B; }
alter_using(A) ::= . { A = NULL; }
/* value 1: USING INDEX text */
replica_identity(A) ::= NOTHING(B). { A = B; A.value = 0; }
replica_identity(A) ::= FULL(B). { A = B; A.value = 0; }
replica_identity(A) ::= DEFAULT(B). { A = B; A.value = 0; }
replica_identity(A) ::= USING INDEX name(B). { A = B; A.value = 1; }
opt_column ::= COLUMN.
opt_column ::= .
opt_set_data ::= SET DATA.
opt_set_data ::= .
opt_drop_behavior(A) ::= CASCADE(B). { A = B; A.value = AST_DROP_CASCADE; }
opt_drop_behavior(A) ::= RESTRICT(B). { A = B; A.value = AST_DROP_RESTRICT; }
opt_drop_behavior(A) ::= . { A = TOKEN_NONE; }
%type alter_identity_column_option_list {struct ast_list *}
alter_identity_column_option_list(A) ::= alter_identity_column_option(B). { A = LIST1(B); }
alter_identity_column_option_list(A) ::= alter_identity_column_option_list(B) alter_identity_column_option(C). {
    A = ADD(B, C); }
%type alter_identity_column_option {struct ast_node *}
alter_identity_column_option(A) ::= RESTART(S). { A = build_def(ps, S.start, "restart", NULL); }
alter_identity_column_option(A) ::= RESTART(S) opt_with numeric_only(B). { A = build_def(ps, S.start, "restart", B); }
alter_identity_column_option(A) ::= SET seq_opt_elem(B). { A = B; build_check_identity_option(ps, B); }
alter_identity_column_option(A) ::= SET(S) GENERATED generated_when(W). {
    A = build_def(ps, S.start, "generated", build_bool_const(ps, W, W.value)); }
alter_generic_options(A) ::= OPTIONS(S) LPAREN alter_generic_option_list RPAREN. { A = S; }
alter_generic_option_list ::= alter_generic_option_elem.
alter_generic_option_list ::= alter_generic_option_list COMMA alter_generic_option_elem.
alter_generic_option_elem ::= generic_option_elem.
alter_generic_option_elem ::= SET generic_option_elem.
alter_generic_option_elem ::= ADD generic_option_elem.
alter_generic_option_elem ::= DROP col_label.

/* ---- RENAME ---- */

%type rename_stmt {struct ast_node *}
rename_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_TABLE, AST_OBJ_TABLE, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) RENAME opt_column name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_COLUMN, AST_OBJ_TABLE, R, NULL, C.text, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) VIEW opt_if_exists(X) qualified_name(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_VIEW, AST_OBJ_VIEW, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) VIEW opt_if_exists(X) qualified_name(R) RENAME opt_column name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_COLUMN, AST_OBJ_VIEW, R, NULL, C.text, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) MATERIALIZED VIEW opt_if_exists(X) qualified_name(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_MATVIEW, AST_OBJ_MATVIEW, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) MATERIALIZED VIEW opt_if_exists(X) qualified_name(R) RENAME opt_column name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_COLUMN, AST_OBJ_MATVIEW, R, NULL, C.text, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) FOREIGN TABLE opt_if_exists(X) relation_expr(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_FOREIGN_TABLE, AST_OBJ_FOREIGN_TABLE, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) FOREIGN TABLE opt_if_exists(X) relation_expr(R) RENAME opt_column name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_COLUMN, AST_OBJ_FOREIGN_TABLE, R, NULL, C.text, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) SEQUENCE opt_if_exists(X) qualified_name(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_SEQUENCE, AST_OBJ_SEQUENCE, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) INDEX opt_if_exists(X) qualified_name(R) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_INDEX, AST_OBJ_INDEX, R, NULL, NULL, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) RENAME CONSTRAINT name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_TABCONSTRAINT, AST_OBJ_TABLE, R, NULL, C.text, N.text, X.value); }
rename_stmt(A) ::= ALTER(S) SCHEMA name(C) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_SCHEMA, 0, NULL, NULL, C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) DATABASE name(C) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_DATABASE, 0, NULL, NULL, C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) ROLE role_id(C) RENAME TO role_id(N). {
    A = build_rename(ps, S.start, AST_OBJ_ROLE, 0, NULL, NULL, C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) USER role_id(C) RENAME TO role_id(N). {
    A = build_rename(ps, S.start, AST_OBJ_ROLE, 0, NULL, NULL, C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) GROUP role_id(C) RENAME TO role_id(N). {
    A = build_rename(ps, S.start, AST_OBJ_ROLE, 0, NULL, NULL, C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) TYPE any_name(T) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_TYPE, 0, NULL, build_name_node(ps, T), NULL, N.text, 0); }
rename_stmt(A) ::= ALTER(S) TYPE any_name(T) RENAME ATTRIBUTE name(C) TO name(N) opt_drop_behavior(D). {
    A = build_rename(ps, S.start, AST_OBJ_ATTRIBUTE, AST_OBJ_TYPE, build_range_var_of_name(ps, T), NULL, C.text, N.text, 0);
    ast_to(rename_stmt, A)->behavior = (enum ast_drop_behavior)D.value; }
rename_stmt(A) ::= ALTER(S) DOMAIN any_name(T) RENAME TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_DOMAIN, 0, NULL, build_name_node(ps, T), NULL, N.text, 0); }
rename_stmt(A) ::= ALTER(S) DOMAIN any_name(T) RENAME CONSTRAINT name(C) TO name(N). {
    A = build_rename(ps, S.start, AST_OBJ_DOMCONSTRAINT, AST_OBJ_DOMAIN, NULL, build_name_node(ps, T), C.text, N.text, 0); }
rename_stmt(A) ::= ALTER(S) routine_kind(K) function_with_argtypes(F) RENAME TO name(N). {
    A = build_rename(ps, S.start, K.value, 0, NULL, &F->node, NULL, N.text, 0); }
/* value: enum ast_object_kind */
routine_kind(A) ::= FUNCTION(B). { A = B; A.value = AST_OBJ_FUNCTION; }
routine_kind(A) ::= PROCEDURE(B). { A = B; A.value = AST_OBJ_PROCEDURE; }
routine_kind(A) ::= ROUTINE(B). { A = B; A.value = AST_OBJ_ROUTINE; }

%type alter_object_schema_stmt {struct ast_node *}
alter_object_schema_stmt(A) ::= ALTER(S) TABLE opt_if_exists(X) relation_expr(R) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_TABLE, R, NULL, N.text, X.value); }
alter_object_schema_stmt(A) ::= ALTER(S) VIEW opt_if_exists(X) qualified_name(R) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_VIEW, R, NULL, N.text, X.value); }
alter_object_schema_stmt(A) ::= ALTER(S) MATERIALIZED VIEW opt_if_exists(X) qualified_name(R) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_MATVIEW, R, NULL, N.text, X.value); }
alter_object_schema_stmt(A) ::= ALTER(S) SEQUENCE opt_if_exists(X) qualified_name(R) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_SEQUENCE, R, NULL, N.text, X.value); }
alter_object_schema_stmt(A) ::= ALTER(S) FOREIGN TABLE opt_if_exists(X) relation_expr(R) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_FOREIGN_TABLE, R, NULL, N.text, X.value); }
alter_object_schema_stmt(A) ::= ALTER(S) TYPE any_name(T) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_TYPE, NULL, build_name_node(ps, T), N.text, 0); }
alter_object_schema_stmt(A) ::= ALTER(S) DOMAIN any_name(T) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, AST_OBJ_DOMAIN, NULL, build_name_node(ps, T), N.text, 0); }
alter_object_schema_stmt(A) ::= ALTER(S) routine_kind(K) function_with_argtypes(F) SET SCHEMA name(N). {
    A = build_set_schema(ps, S.start, K.value, NULL, &F->node, N.text, 0); }

%type alter_owner_stmt {struct ast_node *}
alter_owner_stmt(A) ::= ALTER(S) SCHEMA name(N) OWNER TO role_spec(R). {
    A = build_owner(ps, S.start, AST_OBJ_SCHEMA, STRING(N), R); }
alter_owner_stmt(A) ::= ALTER(S) DATABASE name(N) OWNER TO role_spec(R). {
    A = build_owner(ps, S.start, AST_OBJ_DATABASE, STRING(N), R); }
alter_owner_stmt(A) ::= ALTER(S) TYPE any_name(N) OWNER TO role_spec(R). {
    A = build_owner(ps, S.start, AST_OBJ_TYPE, build_name_node(ps, N), R); }
alter_owner_stmt(A) ::= ALTER(S) DOMAIN any_name(N) OWNER TO role_spec(R). {
    A = build_owner(ps, S.start, AST_OBJ_DOMAIN, build_name_node(ps, N), R); }
alter_owner_stmt(A) ::= ALTER(S) routine_kind(K) function_with_argtypes(F) OWNER TO role_spec(R). {
    A = build_owner(ps, S.start, K.value, &F->node, R); }
alter_owner_stmt(A) ::= ALTER(S) routine_kind(K) function_with_argtypes(F) alterfunc_opt_list(L) opt_restrict. {
    struct ast_alter_function_stmt *n = NEW(alter_function_stmt, S); n->kind = (enum ast_object_kind)K.value; n->func = F;
    n->actions = L; A = &n->node; }
alter_owner_stmt(A) ::= ALTER(S) routine_kind function_with_argtypes DEPENDS ON EXTENSION name. {
    A = build_unsupported_stmt(ps, S.start, "ALTER FUNCTION DEPENDS ON EXTENSION"); }
alter_owner_stmt(A) ::= ALTER(S) routine_kind function_with_argtypes NO DEPENDS ON EXTENSION name. {
    A = build_unsupported_stmt(ps, S.start, "ALTER FUNCTION DEPENDS ON EXTENSION"); }
alter_owner_stmt(A) ::= ALTER(S) MATERIALIZED VIEW opt_if_exists qualified_name DEPENDS ON EXTENSION name. {
    A = build_unsupported_stmt(ps, S.start, "ALTER MATERIALIZED VIEW DEPENDS ON EXTENSION"); }
alter_owner_stmt(A) ::= ALTER(S) TYPE any_name SET LPAREN def_list RPAREN. {
    A = build_unsupported_stmt(ps, S.start, "ALTER TYPE SET"); }
%type alterfunc_opt_list {struct ast_list *}
alterfunc_opt_list(A) ::= common_func_opt_item(B). { A = LIST1(B); }
alterfunc_opt_list(A) ::= alterfunc_opt_list(B) common_func_opt_item(C). { A = ADD(B, C); }
opt_restrict ::= RESTRICT.
opt_restrict ::= .

/* ---- DROP, TRUNCATE, COMMENT ---- */

%type drop_stmt {struct ast_node *}
drop_stmt(A) ::= DROP(S) object_type_any_name(K) opt_if_exists(X) any_name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, K.value, L, B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) drop_type_name(K) opt_if_exists(X) name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, K.value, build_names_of_strings(ps, L), B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) object_type_name_on_any_name(K) opt_if_exists(X) name(N) ON any_name(T) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, K.value, LIST1(build_name_node(ps, ADD(T, STRING(N)))), B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) TYPE opt_if_exists(X) type_name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, AST_OBJ_TYPE, L, B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) DOMAIN opt_if_exists(X) type_name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, AST_OBJ_DOMAIN, L, B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) INDEX CONCURRENTLY any_name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, AST_OBJ_INDEX, L, B.value, 0, 1); }
drop_stmt(A) ::= DROP(S) INDEX CONCURRENTLY IF_LA EXISTS any_name_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, AST_OBJ_INDEX, L, B.value, 1, 1); }
drop_stmt(A) ::= DROP(S) routine_kind(K) opt_if_exists(X) function_with_argtypes_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, K.value, L, B.value, X.value, 0); }
drop_stmt(A) ::= DROP(S) AGGREGATE opt_if_exists(X) aggregate_with_argtypes_list(L) opt_drop_behavior(B). {
    A = build_drop(ps, S.start, AST_OBJ_AGGREGATE, L, B.value, X.value, 0); }
%type type_name_list {struct ast_list *}
type_name_list(A) ::= type_name(B). { A = LIST1(B); }
type_name_list(A) ::= type_name_list(B) COMMA type_name(C). { A = ADD(B, C); }
object_type_any_name(A) ::= TABLE(B). { A = B; A.value = AST_OBJ_TABLE; }
object_type_any_name(A) ::= SEQUENCE(B). { A = B; A.value = AST_OBJ_SEQUENCE; }
object_type_any_name(A) ::= VIEW(B). { A = B; A.value = AST_OBJ_VIEW; }
object_type_any_name(A) ::= MATERIALIZED(B) VIEW. { A = B; A.value = AST_OBJ_MATVIEW; }
object_type_any_name(A) ::= INDEX(B). { A = B; A.value = AST_OBJ_INDEX; }
object_type_any_name(A) ::= FOREIGN(B) TABLE. { A = B; A.value = AST_OBJ_FOREIGN_TABLE; }
object_type_any_name(A) ::= COLLATION(B). { A = B; A.value = AST_OBJ_COLLATION; }
object_type_any_name(A) ::= CONVERSION(B). { A = B; A.value = AST_OBJ_CONVERSION; }
object_type_any_name(A) ::= STATISTICS(B). { A = B; A.value = AST_OBJ_STATISTICS; }
object_type_any_name(A) ::= TEXT(B) SEARCH PARSER. { A = B; A.value = AST_OBJ_TS_PARSER; }
object_type_any_name(A) ::= TEXT(B) SEARCH DICTIONARY. { A = B; A.value = AST_OBJ_TS_DICTIONARY; }
object_type_any_name(A) ::= TEXT(B) SEARCH TEMPLATE. { A = B; A.value = AST_OBJ_TS_TEMPLATE; }
object_type_any_name(A) ::= TEXT(B) SEARCH CONFIGURATION. { A = B; A.value = AST_OBJ_TS_CONFIGURATION; }
drop_type_name(A) ::= ACCESS(B) METHOD. { A = B; A.value = AST_OBJ_ACCESS_METHOD; }
drop_type_name(A) ::= EVENT(B) TRIGGER. { A = B; A.value = AST_OBJ_EVENT_TRIGGER; }
drop_type_name(A) ::= EXTENSION(B). { A = B; A.value = AST_OBJ_EXTENSION; }
drop_type_name(A) ::= FOREIGN(B) DATA WRAPPER. { A = B; A.value = AST_OBJ_FDW; }
drop_type_name(A) ::= opt_procedural LANGUAGE(B). { A = B; A.value = AST_OBJ_LANGUAGE; }
drop_type_name(A) ::= PUBLICATION(B). { A = B; A.value = AST_OBJ_PUBLICATION; }
drop_type_name(A) ::= SCHEMA(B). { A = B; A.value = AST_OBJ_SCHEMA; }
drop_type_name(A) ::= SERVER(B). { A = B; A.value = AST_OBJ_FOREIGN_SERVER; }
opt_procedural ::= PROCEDURAL.
opt_procedural ::= .
object_type_name_on_any_name(A) ::= POLICY(B). { A = B; A.value = AST_OBJ_POLICY; }
object_type_name_on_any_name(A) ::= RULE(B). { A = B; A.value = AST_OBJ_RULE; }
object_type_name_on_any_name(A) ::= TRIGGER(B). { A = B; A.value = AST_OBJ_TRIGGER; }

%type truncate_stmt {struct ast_node *}
truncate_stmt(A) ::= TRUNCATE(S) opt_table relation_expr_list(L) opt_restart_seqs(R) opt_drop_behavior(B). {
    struct ast_truncate_stmt *n = NEW(truncate_stmt, S); n->relations = L; n->restart_identity = R.value;
    n->behavior = (enum ast_drop_behavior)B.value; A = &n->node; }
opt_restart_seqs(A) ::= CONTINUE IDENTITY. { A = TOKEN_NONE; }
opt_restart_seqs(A) ::= RESTART(B) IDENTITY. { A = B; A.value = 1; }
opt_restart_seqs(A) ::= . { A = TOKEN_NONE; }

%type comment_stmt {struct ast_node *}
comment_stmt(A) ::= COMMENT(S) ON object_type_any_name(K) any_name(N) IS comment_text(T). {
    A = build_comment(ps, S.start, K.value, build_name_node(ps, N), T.text); }
comment_stmt(A) ::= COMMENT(S) ON COLUMN any_name(N) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_COLUMN, build_name_node(ps, N), T.text); }
comment_stmt(A) ::= COMMENT(S) ON object_type_name(K) name(N) IS comment_text(T). {
    A = build_comment(ps, S.start, K.value, build_name_node(ps, LIST1(STRING(N))), T.text); }
comment_stmt(A) ::= COMMENT(S) ON TYPE type_name(N) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_TYPE, &N->node, T.text); }
comment_stmt(A) ::= COMMENT(S) ON DOMAIN type_name(N) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_DOMAIN, &N->node, T.text); }
comment_stmt(A) ::= COMMENT(S) ON AGGREGATE aggregate_with_argtypes(N) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_AGGREGATE, &N->node, T.text); }
comment_stmt(A) ::= COMMENT(S) ON routine_kind(K) function_with_argtypes(N) IS comment_text(T). {
    A = build_comment(ps, S.start, K.value, &N->node, T.text); }
comment_stmt(A) ::= COMMENT(S) ON CONSTRAINT name(N) ON any_name(R) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_TABCONSTRAINT, build_name_node(ps, ADD(R, STRING(N))), T.text); }
comment_stmt(A) ::= COMMENT(S) ON CONSTRAINT name(N) ON DOMAIN any_name(R) IS comment_text(T). {
    A = build_comment(ps, S.start, AST_OBJ_DOMCONSTRAINT, build_name_node(ps, ADD(R, STRING(N))), T.text); }
comment_stmt(A) ::= COMMENT(S) ON object_type_name_on_any_name(K) name(N) ON any_name(R) IS comment_text(T). {
    A = build_comment(ps, S.start, K.value, build_name_node(ps, ADD(R, STRING(N))), T.text); }
comment_stmt(A) ::= COMMENT(S) ON OPERATOR any_operator LPAREN comment_oper_arg COMMA comment_oper_arg RPAREN IS comment_text. {
    A = build_unsupported_stmt(ps, S.start, "COMMENT ON OPERATOR"); }
comment_stmt(A) ::= COMMENT(S) ON OPERATOR comment_opclass any_name USING name IS comment_text. {
    A = build_unsupported_stmt(ps, S.start, "COMMENT ON OPERATOR CLASS"); }
comment_stmt(A) ::= COMMENT(S) ON CAST LPAREN type_name AS type_name RPAREN IS comment_text. {
    A = build_unsupported_stmt(ps, S.start, "COMMENT ON CAST"); }
comment_stmt(A) ::= COMMENT(S) ON TRANSFORM FOR type_name LANGUAGE name IS comment_text. {
    A = build_unsupported_stmt(ps, S.start, "COMMENT ON TRANSFORM"); }
comment_stmt(A) ::= COMMENT(S) ON LARGE OBJECT numeric_only IS comment_text. {
    A = build_unsupported_stmt(ps, S.start, "COMMENT ON LARGE OBJECT"); }
comment_oper_arg ::= type_name.
comment_oper_arg ::= NONE.
comment_opclass ::= CLASS.
comment_opclass ::= FAMILY.
object_type_name(A) ::= drop_type_name(B). { A = B; }
object_type_name(A) ::= DATABASE(B). { A = B; A.value = AST_OBJ_DATABASE; }
object_type_name(A) ::= ROLE(B). { A = B; A.value = AST_OBJ_ROLE; }
object_type_name(A) ::= SUBSCRIPTION(B). { A = B; A.value = AST_OBJ_SUBSCRIPTION; }
object_type_name(A) ::= TABLESPACE(B). { A = B; A.value = AST_OBJ_TABLESPACE; }
comment_text(A) ::= sconst(B). { A = B; }
comment_text(A) ::= NULL. { A = TOKEN_NONE; }

/* ==== databases, roles, rights ==== */

%type createdb_stmt {struct ast_node *}
createdb_stmt(A) ::= CREATE(S) DATABASE name(N) opt_with createdb_opt_list(O). {
    struct ast_create_database_stmt *n = NEW(create_database_stmt, S); n->name = N.text; n->options = O; A = &n->node; }
createdb_stmt(A) ::= CREATE(S) DATABASE name(N) opt_with. {
    struct ast_create_database_stmt *n = NEW(create_database_stmt, S); n->name = N.text; A = &n->node; }
%type createdb_opt_list {struct ast_list *}
createdb_opt_list(A) ::= createdb_opt_item(B). { A = LIST1(B); }
createdb_opt_list(A) ::= createdb_opt_list(B) createdb_opt_item(C). { A = ADD(B, C); }
%type createdb_opt_item {struct ast_node *}
createdb_opt_item(A) ::= createdb_opt_name(B) opt_equal numeric_only(C). { A = build_def(ps, B.start, B.text, C); }
createdb_opt_item(A) ::= createdb_opt_name(B) opt_equal opt_boolean_or_string(C). {
    A = build_def(ps, B.start, B.text, STRING(C)); }
createdb_opt_item(A) ::= createdb_opt_name(B) opt_equal DEFAULT. { A = build_def(ps, B.start, B.text, NULL); }
createdb_opt_name(A) ::= IDENT(B). { A = B; }
createdb_opt_name(A) ::= CONNECTION(B) LIMIT. { A = B; A.text = "connection_limit"; }
createdb_opt_name(A) ::= ENCODING(B). { A = B; }
createdb_opt_name(A) ::= LOCATION(B). { A = B; }
createdb_opt_name(A) ::= OWNER(B). { A = B; }
createdb_opt_name(A) ::= TABLESPACE(B). { A = B; }
createdb_opt_name(A) ::= TEMPLATE(B). { A = B; }
opt_equal ::= EQ.
opt_equal ::= .
%type alter_database_stmt {struct ast_node *}
alter_database_stmt(A) ::= ALTER(S) DATABASE name(N) WITH createdb_opt_list(O). {
    struct ast_alter_database_stmt *n = NEW(alter_database_stmt, S); n->name = N.text; n->options = O; A = &n->node; }
alter_database_stmt(A) ::= ALTER(S) DATABASE name(N) createdb_opt_list(O). {
    struct ast_alter_database_stmt *n = NEW(alter_database_stmt, S); n->name = N.text; n->options = O; A = &n->node; }
alter_database_stmt(A) ::= ALTER(S) DATABASE name(N) SET TABLESPACE name(T). {
    struct ast_alter_database_stmt *n = NEW(alter_database_stmt, S); n->name = N.text;
    n->options = LIST1(build_def(ps, T.start, "tablespace", STRING(T))); A = &n->node; }
alter_database_stmt(A) ::= ALTER(S) DATABASE name REFRESH COLLATION VERSION. {
    A = build_unsupported_stmt(ps, S.start, "ALTER DATABASE REFRESH COLLATION VERSION"); }
alter_database_stmt(A) ::= ALTER(S) DATABASE name(N) set_reset_clause(C). {
    struct ast_alter_database_set_stmt *n = NEW(alter_database_set_stmt, S); n->name = N.text; n->set = C; A = &n->node; }
%type dropdb_stmt {struct ast_node *}
dropdb_stmt(A) ::= DROP(S) DATABASE opt_if_exists(X) name(N). {
    struct ast_drop_database_stmt *n = NEW(drop_database_stmt, S); n->name = N.text; n->missing_ok = X.value; A = &n->node; }
dropdb_stmt(A) ::= DROP(S) DATABASE opt_if_exists(X) name(N) opt_with LPAREN drop_option_list(O) RPAREN. {
    struct ast_drop_database_stmt *n = NEW(drop_database_stmt, S); n->name = N.text; n->missing_ok = X.value;
    n->options = O; A = &n->node; }
%type drop_option_list {struct ast_list *}
drop_option_list(A) ::= FORCE(B). { A = LIST1(build_def(ps, B.start, "force", NULL)); }
drop_option_list(A) ::= drop_option_list(B) COMMA FORCE(C). { A = ADD(B, build_def(ps, C.start, "force", NULL)); }

%type create_role_stmt {struct ast_node *}
create_role_stmt(A) ::= CREATE(S) role_word(K) role_id(N) opt_with opt_role_list(O). {
    struct ast_create_role_stmt *n = NEW(create_role_stmt, S); n->kind = (enum ast_role_kind)K.value; n->name = N.text;
    n->options = O; A = &n->node; }
role_word(A) ::= ROLE(B). { A = B; A.value = AST_ROLE_ROLE; }
role_word(A) ::= USER(B). { A = B; A.value = AST_ROLE_USER; }
role_word(A) ::= GROUP(B). { A = B; A.value = AST_ROLE_GROUP; }
%type opt_role_list {struct ast_list *}
opt_role_list(A) ::= opt_role_list(B) create_opt_role_elem(C). { A = ADD(B, C); }
opt_role_list(A) ::= . { A = NULL; }
%type alter_opt_role_list {struct ast_list *}
alter_opt_role_list(A) ::= alter_opt_role_list(B) alter_opt_role_elem(C). { A = ADD(B, C); }
alter_opt_role_list(A) ::= . { A = NULL; }
%type alter_opt_role_elem {struct ast_node *}
alter_opt_role_elem(A) ::= PASSWORD(S) sconst(B). { A = build_def(ps, S.start, "password", STRING(B)); }
alter_opt_role_elem(A) ::= PASSWORD(S) NULL. { A = build_def(ps, S.start, "password", NULL); }
alter_opt_role_elem(A) ::= ENCRYPTED(S) PASSWORD sconst(B). { A = build_def(ps, S.start, "password", STRING(B)); }
alter_opt_role_elem(A) ::= UNENCRYPTED(S) PASSWORD sconst. {
    A = build_def(ps, S.start, "password", NULL);
    build_error(ps, ERR_FEATURE_NOT_SUPPORTED, S.start, "UNENCRYPTED PASSWORD is no longer supported");
    (void)err_hint(ps->err, "Remove UNENCRYPTED to store the password in encrypted form instead."); }
alter_opt_role_elem(A) ::= INHERIT(S). { A = build_def(ps, S.start, "inherit", build_bool_const(ps, S, true)); }
alter_opt_role_elem(A) ::= CONNECTION(S) LIMIT signed_iconst(B). {
    A = build_def(ps, S.start, "connectionlimit", build_integer(ps, B.start, B.value)); }
alter_opt_role_elem(A) ::= VALID(S) UNTIL sconst(B). { A = build_def(ps, S.start, "validuntil", STRING(B)); }
alter_opt_role_elem(A) ::= USER(S) role_list(B). { A = build_def(ps, S.start, "rolemembers", build_node_list(ps, S.start, B)); }
alter_opt_role_elem(A) ::= IDENT(S). { A = build_role_option(ps, S); }
%type create_opt_role_elem {struct ast_node *}
create_opt_role_elem(A) ::= alter_opt_role_elem(B). { A = B; }
create_opt_role_elem(A) ::= SYSID(S) iconst(B). { A = build_def(ps, S.start, "sysid", build_integer(ps, B.start, B.value)); }
create_opt_role_elem(A) ::= ADMIN(S) role_list(B). {
    A = build_def(ps, S.start, "adminmembers", build_node_list(ps, S.start, B)); }
create_opt_role_elem(A) ::= ROLE(S) role_list(B). {
    A = build_def(ps, S.start, "rolemembers", build_node_list(ps, S.start, B)); }
create_opt_role_elem(A) ::= IN(S) ROLE role_list(B). { A = build_def(ps, S.start, "addroleto", build_node_list(ps, S.start, B)); }
create_opt_role_elem(A) ::= IN(S) GROUP role_list(B). {
    A = build_def(ps, S.start, "addroleto", build_node_list(ps, S.start, B)); }
%type alter_role_stmt {struct ast_node *}
alter_role_stmt(A) ::= ALTER(S) ROLE role_spec(R) opt_with alter_opt_role_list(O). {
    struct ast_alter_role_stmt *n = NEW(alter_role_stmt, S); n->kind = AST_ROLE_ROLE; n->role = R; n->options = O;
    A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) ROLE role_spec(R) opt_in_database(D) set_reset_clause(C). {
    struct ast_alter_role_set_stmt *n = NEW(alter_role_set_stmt, S); n->role = R; n->database = D.text; n->set = C;
    A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) ROLE ALL opt_in_database(D) set_reset_clause(C). {
    struct ast_alter_role_set_stmt *n = NEW(alter_role_set_stmt, S); n->database = D.text; n->set = C; A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) USER role_spec(R) opt_with alter_opt_role_list(O). {
    struct ast_alter_role_stmt *n = NEW(alter_role_stmt, S); n->kind = AST_ROLE_USER; n->role = R; n->options = O;
    A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) USER role_spec(R) opt_in_database(D) set_reset_clause(C). {
    struct ast_alter_role_set_stmt *n = NEW(alter_role_set_stmt, S); n->role = R; n->database = D.text; n->set = C;
    A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) USER ALL opt_in_database(D) set_reset_clause(C). {
    struct ast_alter_role_set_stmt *n = NEW(alter_role_set_stmt, S); n->database = D.text; n->set = C; A = &n->node; }
alter_role_stmt(A) ::= ALTER(S) GROUP role_spec(R) ADD(T) USER role_list(L). {
    A = build_alter_group(ps, S.start, R, T.start, AST_DEF_ADD, L); }
alter_role_stmt(A) ::= ALTER(S) GROUP role_spec(R) DROP(T) USER role_list(L). {
    A = build_alter_group(ps, S.start, R, T.start, AST_DEF_DROP, L); }
opt_in_database(A) ::= IN DATABASE name(B). { A = B; }
opt_in_database(A) ::= . { A = TOKEN_NONE; }
%type drop_role_stmt {struct ast_node *}
drop_role_stmt(A) ::= DROP(S) role_word opt_if_exists(X) role_list(L). {
    struct ast_drop_role_stmt *n = NEW(drop_role_stmt, S); n->roles = L; n->missing_ok = X.value; A = &n->node; }
%type drop_owned_stmt {struct ast_node *}
drop_owned_stmt(A) ::= DROP(S) OWNED BY role_list(L) opt_drop_behavior(B). {
    struct ast_drop_owned_stmt *n = NEW(drop_owned_stmt, S); n->roles = L; n->behavior = (enum ast_drop_behavior)B.value;
    A = &n->node; }
%type reassign_owned_stmt {struct ast_node *}
reassign_owned_stmt(A) ::= REASSIGN(S) OWNED BY role_list(L) TO role_spec(R). {
    struct ast_reassign_owned_stmt *n = NEW(reassign_owned_stmt, S); n->roles = L; n->new_role = R; A = &n->node; }

%type grant_stmt {struct ast_node *}
grant_stmt(A) ::= GRANT(S) privileges(P) ON privilege_target(T) TO grantee_list(G) opt_grant_grant_option(O)
                 opt_granted_by(Y). { A = build_grant(ps, S.start, true, P, &T, G, O.value, Y, 0); }
%type revoke_stmt {struct ast_node *}
revoke_stmt(A) ::= REVOKE(S) privileges(P) ON privilege_target(T) FROM grantee_list(G) opt_granted_by(Y)
                  opt_drop_behavior(B). { A = build_grant(ps, S.start, false, P, &T, G, 0, Y, B.value); }
revoke_stmt(A) ::= REVOKE(S) GRANT OPTION FOR privileges(P) ON privilege_target(T) FROM grantee_list(G) opt_granted_by(Y)
                  opt_drop_behavior(B). { A = build_grant(ps, S.start, false, P, &T, G, 1, Y, B.value); }
%type privileges {struct ast_list *}
privileges(A) ::= privilege_list(B). { A = B; }
privileges(A) ::= ALL. { A = NULL; }
privileges(A) ::= ALL PRIVILEGES. { A = NULL; }
privileges(A) ::= ALL(L) LPAREN columnList(B) RPAREN. { A = LIST1(build_priv(ps, L.start, NULL, B)); }
privileges(A) ::= ALL(L) PRIVILEGES LPAREN columnList(B) RPAREN. { A = LIST1(build_priv(ps, L.start, NULL, B)); }
%type privilege_list {struct ast_list *}
privilege_list(A) ::= privilege(B). { A = LIST1(B); }
privilege_list(A) ::= privilege_list(B) COMMA privilege(C). { A = ADD(B, C); }
%type privilege {struct ast_node *}
privilege(A) ::= SELECT(P) opt_column_list(C). { A = build_priv(ps, P.start, P.text, C); }
privilege(A) ::= REFERENCES(P) opt_column_list(C). { A = build_priv(ps, P.start, P.text, C); }
privilege(A) ::= CREATE(P) opt_column_list(C). { A = build_priv(ps, P.start, P.text, C); }
privilege(A) ::= ALTER(P) SYSTEM. { A = build_priv(ps, P.start, "alter system", NULL); }
privilege(A) ::= col_id(P) opt_column_list(C). { A = build_priv(ps, P.start, P.text, C); }
%type privilege_target {struct privilege_target}
privilege_target(A) ::= qualified_name_list(B). { A = GRANT_ON(AST_OBJ_TABLE, B); }
privilege_target(A) ::= TABLE qualified_name_list(B). { A = GRANT_ON(AST_OBJ_TABLE, B); }
privilege_target(A) ::= SEQUENCE qualified_name_list(B). { A = GRANT_ON(AST_OBJ_SEQUENCE, B); }
privilege_target(A) ::= FOREIGN DATA WRAPPER name_list(B). { A = GRANT_ON(AST_OBJ_FDW, B); }
privilege_target(A) ::= FOREIGN SERVER name_list(B). { A = GRANT_ON(AST_OBJ_FOREIGN_SERVER, B); }
privilege_target(A) ::= FUNCTION function_with_argtypes_list(B). { A = GRANT_ON(AST_OBJ_FUNCTION, B); }
privilege_target(A) ::= PROCEDURE function_with_argtypes_list(B). { A = GRANT_ON(AST_OBJ_PROCEDURE, B); }
privilege_target(A) ::= ROUTINE function_with_argtypes_list(B). { A = GRANT_ON(AST_OBJ_ROUTINE, B); }
privilege_target(A) ::= DATABASE name_list(B). { A = GRANT_ON(AST_OBJ_DATABASE, B); }
privilege_target(A) ::= DOMAIN any_name_list(B). { A = GRANT_ON(AST_OBJ_DOMAIN, B); }
privilege_target(A) ::= LANGUAGE name_list(B). { A = GRANT_ON(AST_OBJ_LANGUAGE, B); }
privilege_target(A) ::= LARGE OBJECT numeric_only_list(B). { A = GRANT_ON(AST_OBJ_LARGE_OBJECT, B); }
privilege_target(A) ::= PARAMETER parameter_name_list(B). { A = GRANT_ON(AST_OBJ_PARAMETER, B); }
privilege_target(A) ::= SCHEMA name_list(B). { A = GRANT_ON(AST_OBJ_SCHEMA, B); }
privilege_target(A) ::= TABLESPACE name_list(B). { A = GRANT_ON(AST_OBJ_TABLESPACE, B); }
privilege_target(A) ::= TYPE any_name_list(B). { A = GRANT_ON(AST_OBJ_TYPE, B); }
privilege_target(A) ::= ALL TABLES IN SCHEMA name_list(B). { A = GRANT_ON_ALL(AST_OBJ_TABLE, B); }
privilege_target(A) ::= ALL SEQUENCES IN SCHEMA name_list(B). { A = GRANT_ON_ALL(AST_OBJ_SEQUENCE, B); }
privilege_target(A) ::= ALL FUNCTIONS IN SCHEMA name_list(B). { A = GRANT_ON_ALL(AST_OBJ_FUNCTION, B); }
privilege_target(A) ::= ALL PROCEDURES IN SCHEMA name_list(B). { A = GRANT_ON_ALL(AST_OBJ_PROCEDURE, B); }
privilege_target(A) ::= ALL ROUTINES IN SCHEMA name_list(B). { A = GRANT_ON_ALL(AST_OBJ_ROUTINE, B); }
%type parameter_name_list {struct ast_list *}
parameter_name_list(A) ::= parameter_name(B). { A = LIST1(STRING(B)); }
parameter_name_list(A) ::= parameter_name_list(B) COMMA parameter_name(C). { A = ADD(B, STRING(C)); }
parameter_name(A) ::= col_id(B). { A = B; }
parameter_name(A) ::= parameter_name(B) DOT col_id(C). {
    A = B; A.end = C.end; A.text = arena_printf(ps->arena, "%s.%s", B.text, C.text); }
%type grantee_list {struct ast_list *}
grantee_list(A) ::= grantee(B). { A = LIST1(B); }
grantee_list(A) ::= grantee_list(B) COMMA grantee(C). { A = ADD(B, C); }
%type grantee {struct ast_role_spec *}
grantee(A) ::= role_spec(B). { A = B; }
grantee(A) ::= GROUP role_spec(B). { A = B; }
opt_grant_grant_option(A) ::= WITH(B) GRANT OPTION. { A = B; A.value = 1; }
opt_grant_grant_option(A) ::= . { A = TOKEN_NONE; }
%type opt_granted_by {struct ast_role_spec *}
opt_granted_by(A) ::= GRANTED BY role_spec(B). { A = B; }
opt_granted_by(A) ::= . { A = NULL; }
%type grant_role_stmt {struct ast_node *}
grant_role_stmt(A) ::= GRANT(S) privilege_list(P) TO role_list(R) opt_grant_admin_option(O) opt_granted_by(Y). {
    A = build_grant_role(ps, S.start, true, P, R, O.value, Y, 0); }
%type revoke_role_stmt {struct ast_node *}
revoke_role_stmt(A) ::= REVOKE(S) privilege_list(P) FROM role_list(R) opt_granted_by(Y) opt_drop_behavior(B). {
    A = build_grant_role(ps, S.start, false, P, R, 0, Y, B.value); }
revoke_role_stmt(A) ::= REVOKE(S) ADMIN OPTION FOR privilege_list(P) FROM role_list(R) opt_granted_by(Y)
                      opt_drop_behavior(B). { A = build_grant_role(ps, S.start, false, P, R, 1, Y, B.value); }
opt_grant_admin_option(A) ::= WITH(B) ADMIN OPTION. { A = B; A.value = 1; }
opt_grant_admin_option(A) ::= . { A = TOKEN_NONE; }
%type alter_default_privileges_stmt {struct ast_node *}
alter_default_privileges_stmt(A) ::= ALTER(S) DEFAULT PRIVILEGES def_acl_option_list(O) def_acl_action(D). {
    struct ast_alter_default_privileges_stmt *n = NEW(alter_default_privileges_stmt, S); n->options = O;
    n->action = ast_to(grant_stmt, D); A = &n->node; }
%type def_acl_option_list {struct ast_list *}
def_acl_option_list(A) ::= def_acl_option_list(B) def_acl_option(C). { A = ADD(B, C); }
def_acl_option_list(A) ::= . { A = NULL; }
%type def_acl_option {struct ast_node *}
def_acl_option(A) ::= IN(S) SCHEMA name_list(B). { A = build_def(ps, S.start, "schemas", build_node_list(ps, S.start, B)); }
def_acl_option(A) ::= FOR(S) ROLE role_list(B). { A = build_def(ps, S.start, "roles", build_node_list(ps, S.start, B)); }
def_acl_option(A) ::= FOR(S) USER role_list(B). { A = build_def(ps, S.start, "roles", build_node_list(ps, S.start, B)); }
%type def_acl_action {struct ast_node *}
def_acl_action(A) ::= GRANT(S) privileges(P) ON defacl_privilege_target(T) TO grantee_list(G) opt_grant_grant_option(O). {
    struct privilege_target t = {AST_GRANT_DEFAULTS, T.value, NULL};
    A = build_grant(ps, S.start, true, P, &t, G, O.value, NULL, 0); }
def_acl_action(A) ::= REVOKE(S) privileges(P) ON defacl_privilege_target(T) FROM grantee_list(G) opt_drop_behavior(B). {
    struct privilege_target t = {AST_GRANT_DEFAULTS, T.value, NULL};
    A = build_grant(ps, S.start, false, P, &t, G, 0, NULL, B.value); }
def_acl_action(A) ::= REVOKE(S) GRANT OPTION FOR privileges(P) ON defacl_privilege_target(T) FROM grantee_list(G)
                    opt_drop_behavior(B). {
    struct privilege_target t = {AST_GRANT_DEFAULTS, T.value, NULL};
    A = build_grant(ps, S.start, false, P, &t, G, 1, NULL, B.value); }
defacl_privilege_target(A) ::= TABLES(B). { A = B; A.value = AST_OBJ_TABLE; }
defacl_privilege_target(A) ::= FUNCTIONS(B). { A = B; A.value = AST_OBJ_FUNCTION; }
defacl_privilege_target(A) ::= ROUTINES(B). { A = B; A.value = AST_OBJ_FUNCTION; }
defacl_privilege_target(A) ::= SEQUENCES(B). { A = B; A.value = AST_OBJ_SEQUENCE; }
defacl_privilege_target(A) ::= TYPES(B). { A = B; A.value = AST_OBJ_TYPE; }
defacl_privilege_target(A) ::= SCHEMAS(B). { A = B; A.value = AST_OBJ_SCHEMA; }
