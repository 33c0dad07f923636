/* ast.h: the syntax tree.
 *
 * Nodes are plain structs laid out by ast.def (open it beside this file): `struct ast_<name>`
 * begins with `struct ast_node`, whose tag is `AST_<name>`. They follow PostgreSQL's parse nodes
 * closely, so what is known about binding those holds here, with these differences:
 *   - AND, OR and chains of one operator are n-ary: `1 + 2 + 3` is one a_expr with three args, to
 *     be folded from the left; a chain of one set operation (`a UNION b UNION c`) is one
 *     select_stmt with three arms.
 *   - Parentheses leave no trace in the tree.
 *   - LIKE, ILIKE and SIMILAR keep their pattern and escape as args instead of wrapping calls.
 *   - UPDATE ... SET (a, b) = source is one multi_assign.
 *
 * Invariants
 * 1. A tree is immutable once parse_sql has returned, and lives exactly as long as the arena it was
 *    parsed into.
 * 2. Every node carries the bytes [start, end) it was written in and `at`, the byte PostgreSQL
 *    points an error about it at (the operator of an expression, the :: of a cast); parse_position
 *    turns a byte into characters.
 * 3. No path from a root is longer than AST_DEPTH_MAX nodes: a consumer may recurse if it can
 *    afford that many frames (base/task.h's stack_call), else parse_sql has answered 54001.
 * 4. A list has no NULL items except where ast.def says so.
 *
 * Node tables (ast_info) drive the walker, equality, dump and copy: consumers that must see "every
 * child" use ast_children and never list a node's fields by hand. */
#ifndef CAIRN_PARSER_AST_H
#define CAIRN_PARSER_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define AST_DEPTH_MAX 2500

enum ast_tag {
    AST_none = 0,
#define ENUM_BEGIN(name)
#define VALUE(constant, text)
#define ENUM_END(name)
#define NODE_BEGIN(name) AST_##name,
#define NODE(field)
#define PTR(field, type)
#define LIST(field)
#define STR(field)
#define BOOL(field)
#define INT(field)
#define ENUM(field, type)
#define OFFSETS(field)
#define NODE_END(name)
#include "parser/ast.def"
    AST_TAG_COUNT
};

struct ast_node {
    uint16_t tag; /* enum ast_tag */
    uint16_t spare;
    uint32_t start; /* bytes of the query string */
    uint32_t end;
    uint32_t at;
};

struct ast_list {
    uint32_t count;
    uint32_t capacity;
    struct ast_node **items;
};

struct ast_offsets {
    uint32_t count;
    uint32_t capacity;
    uint32_t *items;
};

#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END
#undef NODE_BEGIN
#undef NODE_END
#define ENUM_BEGIN(name) \
    enum ast_##name \
    {
#define VALUE(constant, text) constant,
#define ENUM_END(name) \
    } \
    ;
#define NODE_BEGIN(name)
#define NODE_END(name)
#include "parser/ast.def"

#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END
#undef NODE_BEGIN
#undef NODE
#undef PTR
#undef LIST
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef OFFSETS
#undef NODE_END
#define ENUM_BEGIN(name)
#define VALUE(constant, text)
#define ENUM_END(name)
#define NODE_BEGIN(name) \
    struct ast_##name { \
        struct ast_node node;
#define NODE(field) struct ast_node *field;
#define PTR(field, type) struct ast_##type *field;
#define LIST(field) struct ast_list *field;
#define STR(field) const char *field;
#define BOOL(field) bool field;
#define INT(field) int64_t field;
#define ENUM(field, type) enum ast_##type field;
#define OFFSETS(field) struct ast_offsets *field;
#define NODE_END(name) \
    } \
    ;
#include "parser/ast.def"
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END
#undef NODE_BEGIN
#undef NODE
#undef PTR
#undef LIST
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef OFFSETS
#undef NODE_END

/* ast_is(column_ref, node): node may be NULL. ast_to(column_ref, node): the caller has looked at
 * the tag. */
#define ast_is(type, n) (ast_tag_of((const struct ast_node *)(n)) == AST_##type)
#define ast_to(type, n) ((struct ast_##type *)(n))

static inline enum ast_tag ast_tag_of(const struct ast_node *node)
{
    return node ? (enum ast_tag)node->tag : AST_none;
}

static inline uint32_t ast_count(const struct ast_list *list)
{
    return list ? list->count : 0;
}

/* Item i of a list of `string` nodes. */
static inline const char *ast_string_at(const struct ast_list *list, uint32_t i)
{
    return ast_to(string, list->items[i])->text;
}

enum ast_field_kind {
    AST_FIELD_NODE, /* also PTR */
    AST_FIELD_LIST,
    AST_FIELD_STR,
    AST_FIELD_BOOL,
    AST_FIELD_INT,
    AST_FIELD_ENUM,
    AST_FIELD_OFFSETS
};

struct ast_field {
    const char *name;
    uint16_t kind; /* enum ast_field_kind */
    uint16_t offset;
    const char *const *words; /* ENUM: text of each value */
};

struct ast_node_info {
    const char *name; /* "column_ref" */
    uint16_t size;
    uint16_t field_count;
    const struct ast_field *fields;
};

const struct ast_node_info *ast_info(enum ast_tag tag);
const char *ast_object_kind_name(enum ast_object_kind kind); /* "TABLE" */

/* Building trees: the grammar's actions, and planners that turn stored objects back into SQL. */
struct ast_node *ast_new_node(struct arena *arena, enum ast_tag tag);
#define ast_new(arena, type) ((struct ast_##type *)ast_new_node((arena), AST_##type))
struct ast_list *ast_list_add(struct arena *arena, struct ast_list *list,
                              void *node); /* list may be NULL */
struct ast_node *ast_new_string(struct arena *arena, const char *text);
struct ast_list *ast_name_list(struct arena *arena, const char *schema,
                               const char *name); /* schema may be NULL */
void ast_offsets_add(struct arena *arena, struct ast_offsets **offsets, uint32_t offset);

/* Calls visit for each direct child in field order, lists flattened; stops and returns the first
 * non-zero. */
int ast_children(const struct ast_node *node, int (*visit)(struct ast_node *child, void *context),
                 void *context);
/* Pre-order over the whole tree without recursion. visit: 0 go on, > 0 skip this node's children, <
 * 0 stop. Returns the < 0 given, else 0. `scratch` holds the work list. */
int ast_walk(struct ast_node *root, struct arena *scratch,
             int (*visit)(struct ast_node *node, void *context), void *context);
/* Same meaning: everything but positions. Neither recurses. */
bool ast_equal(const struct ast_node *a, const struct ast_node *b, struct arena *scratch);
/* Longest path, root = 1. */
uint32_t ast_depth(struct ast_node *root, struct arena *scratch);
/* "(a_expr kind=op name=(\"+\") args=(...))": for tests and debugging. positions adds @start-end.
 */
char *ast_dump(struct arena *arena, const struct ast_node *node, bool positions);

#endif
