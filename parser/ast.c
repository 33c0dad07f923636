#include "parser/ast.h"

#include <string.h>

/* ---- the tables ---- */

#define ENUM_BEGIN(name) static const char *const words_of_##name[] = {
#define VALUE(constant, text) [constant] = text,
#define ENUM_END(name) \
    } \
    ;
#define NODE_BEGIN(name)
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

/* Each node's block declares `self` only to have its type at hand for offsetof. */
#define AT(field) (uint16_t) offsetof(__typeof__(*self), field)
#define ENUM_BEGIN(name)
#define VALUE(constant, text)
#define ENUM_END(name)
#define NODE_BEGIN(name) \
    case AST_##name: { \
        struct ast_##name *self = NULL; \
        (void)self; \
        static const char node_name[] = #name; \
        static const struct ast_field fields[] = {
#define NODE(field) {#field, AST_FIELD_NODE, AT(field), NULL},
#define PTR(field, type) {#field, AST_FIELD_NODE, AT(field), NULL},
#define LIST(field) {#field, AST_FIELD_LIST, AT(field), NULL},
#define STR(field) {#field, AST_FIELD_STR, AT(field), NULL},
#define BOOL(field) {#field, AST_FIELD_BOOL, AT(field), NULL},
#define INT(field) {#field, AST_FIELD_INT, AT(field), NULL},
#define ENUM(field, type) {#field, AST_FIELD_ENUM, AT(field), words_of_##type},
#define OFFSETS(field) {#field, AST_FIELD_OFFSETS, AT(field), NULL},
#define NODE_END(name) \
    { \
        NULL, 0, 0, NULL \
    } \
    } \
    ; \
    static const struct ast_node_info info = {node_name, sizeof(struct ast_##name), \
                                              sizeof fields / sizeof fields[0] - 1, fields}; \
    return &info; \
    }

const struct ast_node_info *ast_info(enum ast_tag tag)
{
    switch (tag) {
#include "parser/ast.def"
    case AST_none:
    case AST_TAG_COUNT:
        break;
    }
    return NULL;
}

const char *ast_object_kind_name(enum ast_object_kind kind)
{
    return words_of_object_kind[kind];
}

/* ---- building ---- */

struct ast_node *ast_new_node(struct arena *arena, enum ast_tag tag)
{
    struct ast_node *node = arena_zalloc(arena, ast_info(tag)->size);
    node->tag = (uint16_t)tag;
    return node;
}

struct ast_list *ast_list_add(struct arena *arena, struct ast_list *list, void *node)
{
    if (!list) {
        /* One block for the usual short list. */
        list = arena_alloc(arena, sizeof *list + 3 * sizeof(void *));
        list->count = 0;
        list->capacity = 3;
        list->items = (struct ast_node **)(list + 1);
    }
    if (list->count == list->capacity) {
        struct ast_node **grown = arena_alloc(arena, 2 * (size_t)list->capacity * sizeof(void *));
        memcpy(grown, list->items, list->count * sizeof(void *));
        list->items = grown;
        list->capacity *= 2;
    }
    list->items[list->count++] = node;
    return list;
}

struct ast_node *ast_new_string(struct arena *arena, const char *text)
{
    struct ast_string *n = ast_new(arena, string);
    n->text = text;
    return &n->node;
}

struct ast_list *ast_name_list(struct arena *arena, const char *schema, const char *name)
{
    struct ast_list *list =
        schema ? ast_list_add(arena, NULL, ast_new_string(arena, schema)) : NULL;
    return ast_list_add(arena, list, ast_new_string(arena, name));
}

void ast_offsets_add(struct arena *arena, struct ast_offsets **offsets, uint32_t offset)
{
    struct ast_offsets *o = *offsets;
    if (!o) {
        o = *offsets = arena_alloc(arena, sizeof *o + 4 * sizeof(uint32_t));
        o->count = 0;
        o->capacity = 4;
        o->items = (uint32_t *)(o + 1);
    }
    if (o->count == o->capacity) {
        uint32_t *grown = arena_alloc(arena, 2 * (size_t)o->capacity * sizeof(uint32_t));
        memcpy(grown, o->items, o->count * sizeof(uint32_t));
        o->items = grown;
        o->capacity *= 2;
    }
    o->items[o->count++] = offset;
}

/* ---- reading fields ---- */

static const void *field_of(const struct ast_node *node, const struct ast_field *field)
{
    return (const char *)node + field->offset;
}

static struct ast_node *node_of(const struct ast_node *node, const struct ast_field *field)
{
    return *(struct ast_node *const *)field_of(node, field);
}

static struct ast_list *list_of(const struct ast_node *node, const struct ast_field *field)
{
    return *(struct ast_list *const *)field_of(node, field);
}

int ast_children(const struct ast_node *node, int (*visit)(struct ast_node *child, void *context),
                 void *context)
{
    const struct ast_node_info *info = ast_info((enum ast_tag)node->tag);
    for (uint16_t f = 0; f < info->field_count; f++) {
        const struct ast_field *field = &info->fields[f];
        int rc = 0;
        if (field->kind == AST_FIELD_NODE) {
            struct ast_node *child = node_of(node, field);
            rc = child ? visit(child, context) : 0;
        } else if (field->kind == AST_FIELD_LIST) {
            struct ast_list *list = list_of(node, field);
            for (uint32_t i = 0; i < ast_count(list) && rc == 0; i++)
                rc = list->items[i] ? visit(list->items[i], context) : 0;
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- a stack of work, so that nothing here recurses ---- */

struct work {
    const void *a; /* node, or text of a dump */
    const void *b;
    uint32_t depth;
    bool is_text;
};

struct work_stack {
    struct arena *arena;
    struct work *items;
    size_t count;
    size_t capacity;
};

static void push_work(struct work_stack *stack, struct work work)
{
    if (stack->count == stack->capacity) {
        size_t capacity = stack->capacity ? stack->capacity * 2 : 64;
        struct work *grown = arena_alloc(stack->arena, capacity * sizeof *grown);
        if (stack->count)
            memcpy(grown, stack->items, stack->count * sizeof *grown);
        stack->items = grown;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = work;
}

/* Turns items [from, count) round, so that what was pushed first is popped first. */
static void reverse_work(struct work_stack *stack, size_t from)
{
    for (size_t i = from, k = stack->count; i + 1 < k; i++, k--) {
        struct work swap = stack->items[i];
        stack->items[i] = stack->items[k - 1];
        stack->items[k - 1] = swap;
    }
}

struct push_context {
    struct work_stack *stack;
    uint32_t depth;
};

static int push_child(struct ast_node *child, void *context)
{
    struct push_context *push = context;
    push_work(push->stack, (struct work){.a = child, .depth = push->depth});
    return 0;
}

int ast_walk(struct ast_node *root, struct arena *scratch,
             int (*visit)(struct ast_node *node, void *context), void *context)
{
    struct work_stack stack = {.arena = scratch};
    struct push_context push = {.stack = &stack};
    if (root)
        push_work(&stack, (struct work){.a = root});
    while (stack.count) {
        struct ast_node *node = (struct ast_node *)stack.items[--stack.count].a;
        int rc = visit(node, context);
        if (rc < 0)
            return rc;
        if (rc > 0)
            continue;
        size_t from = stack.count;
        (void)ast_children(node, push_child, &push);
        reverse_work(&stack, from);
    }
    return 0;
}

uint32_t ast_depth(struct ast_node *root, struct arena *scratch)
{
    struct work_stack stack = {.arena = scratch};
    uint32_t deepest = 0;
    if (root)
        push_work(&stack, (struct work){.a = root, .depth = 1});
    while (stack.count) {
        struct work work = stack.items[--stack.count];
        deepest = work.depth > deepest ? work.depth : deepest;
        struct push_context push = {.stack = &stack, .depth = work.depth + 1};
        (void)ast_children(work.a, push_child, &push);
    }
    return deepest;
}

/* ---- equality ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool equal_lists(struct work_stack *stack, const struct ast_list *a,
                        const struct ast_list *b)
{
    if (ast_count(a) != ast_count(b))
        return false;
    for (uint32_t i = 0; i < ast_count(a); i++)
        push_work(stack, (struct work){.a = a->items[i], .b = b->items[i]});
    return true;
}

static bool equal_field(struct work_stack *stack, const struct ast_node *a,
                        const struct ast_node *b, const struct ast_field *field)
{
    const void *x = field_of(a, field);
    const void *y = field_of(b, field);
    switch ((enum ast_field_kind)field->kind) {
    case AST_FIELD_NODE:
        push_work(stack, (struct work){.a = node_of(a, field), .b = node_of(b, field)});
        return true;
    case AST_FIELD_LIST:
        return equal_lists(stack, list_of(a, field), list_of(b, field));
    case AST_FIELD_STR:
        return same_text(*(const char *const *)x, *(const char *const *)y);
    case AST_FIELD_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case AST_FIELD_INT:
        return *(const int64_t *)x == *(const int64_t *)y;
    case AST_FIELD_ENUM:
        return *(const int *)x == *(const int *)y;
    case AST_FIELD_OFFSETS:
        return true;
    }
    return false;
}

bool ast_equal(const struct ast_node *a, const struct ast_node *b, struct arena *scratch)
{
    struct work_stack stack = {.arena = scratch};
    push_work(&stack, (struct work){.a = a, .b = b});
    while (stack.count) {
        struct work work = stack.items[--stack.count];
        const struct ast_node *x = work.a;
        const struct ast_node *y = work.b;
        if (ast_tag_of(x) != ast_tag_of(y))
            return false;
        if (!x)
            continue;
        const struct ast_node_info *info = ast_info((enum ast_tag)x->tag);
        for (uint16_t f = 0; f < info->field_count; f++)
            if (!equal_field(&stack, x, y, &info->fields[f]))
                return false;
    }
    return true;
}

/* ---- dump ---- */

struct dump {
    struct work_stack stack;
    char *text;
    size_t len;
    size_t bytes;
};

static void dump_bytes(struct dump *dump, const char *text, size_t len)
{
    if (dump->len + len + 1 > dump->bytes) {
        size_t bytes = (dump->bytes + len) * 2 + 256;
        char *grown = arena_alloc(dump->stack.arena, bytes);
        if (dump->len)
            memcpy(grown, dump->text, dump->len);
        dump->text = grown;
        dump->bytes = bytes;
    }
    memcpy(dump->text + dump->len, text, len);
    dump->len += len;
    dump->text[dump->len] = 0;
}

static void push_text(struct dump *dump, const char *text)
{
    push_work(&dump->stack, (struct work){.a = text, .is_text = true});
}

static const char *quoted(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    char *out = arena_alloc(arena, 2 * len + 3);
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            *at++ = '\\';
        *at++ = text[i];
    }
    *at++ = '"';
    *at = 0;
    return out;
}

static void dump_list(struct dump *dump, const struct ast_list *list)
{
    push_text(dump, "(");
    for (uint32_t i = 0; i < list->count; i++) {
        if (i)
            push_text(dump, " ");
        if (list->items[i])
            push_work(&dump->stack, (struct work){.a = list->items[i]});
        else
            push_text(dump, "null");
    }
    push_text(dump, ")");
}

/* Fields that say nothing (NULL, false, first enum value, empty) are left out. */
static void dump_field(struct dump *dump, const struct ast_node *node,
                       const struct ast_field *field)
{
    struct arena *arena = dump->stack.arena;
    const void *at = field_of(node, field);
    const char *text = NULL;
    switch ((enum ast_field_kind)field->kind) {
    case AST_FIELD_NODE:
        if (node_of(node, field)) {
            push_text(dump, arena_printf(arena, " %s=", field->name));
            push_work(&dump->stack, (struct work){.a = node_of(node, field)});
        }
        return;
    case AST_FIELD_LIST:
        if (list_of(node, field)) {
            push_text(dump, arena_printf(arena, " %s=", field->name));
            dump_list(dump, list_of(node, field));
        }
        return;
    case AST_FIELD_STR:
        text = *(const char *const *)at;
        if (text)
            push_text(dump, arena_printf(arena, " %s=%s", field->name, quoted(arena, text)));
        return;
    case AST_FIELD_BOOL:
        if (*(const bool *)at)
            push_text(dump, arena_printf(arena, " %s", field->name));
        return;
    case AST_FIELD_INT:
        if (*(const int64_t *)at)
            push_text(dump, arena_printf(arena, " %s=%lld", field->name,
                                         (long long)*(const int64_t *)at));
        return;
    case AST_FIELD_ENUM:
        if (*(const int *)at)
            push_text(dump,
                      arena_printf(arena, " %s=%s", field->name, field->words[*(const int *)at]));
        return;
    case AST_FIELD_OFFSETS:
        return;
    }
}

char *ast_dump(struct arena *arena, const struct ast_node *node, bool positions)
{
    struct dump dump = {.stack = {.arena = arena}};
    dump_bytes(&dump, "", 0);
    push_work(&dump.stack, (struct work){.a = node});
    while (dump.stack.count) {
        struct work work = dump.stack.items[--dump.stack.count];
        if (work.is_text) {
            dump_bytes(&dump, work.a, strlen(work.a));
            continue;
        }
        const struct ast_node *n = work.a;
        size_t from = dump.stack.count;
        if (ast_is(string, n)) {
            push_text(&dump, quoted(arena, ast_to(string, n)->text));
        } else if (!n) {
            push_text(&dump, "null");
        } else {
            const struct ast_node_info *info = ast_info((enum ast_tag)n->tag);
            push_text(&dump, arena_printf(arena, "(%s", info->name));
            if (positions)
                push_text(&dump, arena_printf(arena, "@%u-%u", n->start, n->end));
            for (uint16_t f = 0; f < info->field_count; f++)
                dump_field(&dump, n, &info->fields[f]);
            push_text(&dump, ")");
        }
        reverse_work(&dump.stack, from);
    }
    return dump.text;
}
