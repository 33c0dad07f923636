/* plan.h: the physical plan, an immutable, position-independent buffer: also the wire format between nodes.
 *
 * The planner writes it with a plan_builder; the executor runs it, here or on other nodes, where it travels once and is then
 * named by its hash. References inside are byte offsets from the start of the buffer (plan_off, 0 = none). It never holds a
 * parameter value, a timestamp, a node address or a list of tablets: those come with the start message (executor/start.h).
 *
 *   plan_header | operators, expression programs, schemas, strings ... in any order, each 8-byte aligned
 *
 * Operators form trees, one a fragment. Fragment 0 is the root: it runs at the gateway and alone writes. Another fragment runs on
 * every node that leads shards of the storage named in it (plan_fragment.place), each instance scanning its node's shards, and
 * sends its rows to the EXCHANGE operator that names it. A plan whose data is all local, or that touches one shard, is
 * run as if each EXCHANGE were its fragment's tree (the executor inlines it): one mechanism, no second plan.
 *
 * Rows between operators are batches; an operator's output columns are cols[0..n_cols). Expression programs (types/expr) of an
 * operator read the columns of its child's batch by position; for joins: the left (outer) child's columns, then the right's. An
 * outer parameter ($outer k) is a value an APPLY, LOOKUP_JOIN or expression subquery sets before it opens its inner plan.
 *
 * Pipelines are numbered over the whole plan: operators up to a breaker (hash build, sort, aggregation) share one. The executor
 * records each pipeline's actuals under its number (planner/cost).
 *
 * Demand (types/expr, sql.md): next(op, rows_max) never computes a row its consumer cannot use, where the row's computation may fail
 * or has side effects; rows before a failing row are delivered first.
 *
 * Invariants
 * 1. plan_check() accepted it: every offset lies inside, every tree is finite, every column reference exists. A plan from a peer is checked
 *    before it runs; nothing in it is trusted.
 * 2. The same statement, catalog version and settings give the same bytes.
 */
#ifndef CAIRN_PLANNER_PLAN_H
#define CAIRN_PLANNER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

typedef uint32_t plan_off;

/* plan_key_part.column from here on: number of an expression of plan_target_index.exprs. */
enum { PLAN_EXPR_PART = 0x8000 };
enum { PLAN_MAGIC = 0x4e4c5043 /* "CPLN" */, PLAN_VERSION = 1 };

/* What an offset called "program" points to: a compiled expression (types/expr). */
struct plan_program {
    uint32_t len;
    uint32_t spare;
    /* `len` bytes of program follow, 8-byte aligned */
};

/* An array of uint32 (offsets or numbers) elsewhere in the buffer. */
struct plan_list {
    uint32_t n;
    plan_off at;
};

struct plan_bytes {
    uint32_t len;
    plan_off at;
};

enum plan_command { PLAN_SELECT, PLAN_INSERT, PLAN_UPDATE, PLAN_DELETE };

enum plan_flags {
    PLAN_READ_ONLY = 1,       /* no operator writes or locks */
    PLAN_RETURNS_ROWS = 2,    /* SELECT or RETURNING */
    PLAN_VOLATILE = 4,        /* some program is volatile: never retried silently after it ran */
};

struct plan_header {
    uint32_t magic;
    uint16_t version;
    uint16_t command;        /* enum plan_command */
    uint32_t total_bytes;
    uint32_t flags;
    uint64_t catalog_version; /* it was bound against */
    struct plan_list fragments; /* offsets of struct plan_fragment; [0] is the root */
    struct plan_list subplans;  /* offsets of struct plan_subplan, by number */
    struct plan_list schemas;   /* offsets of struct plan_bytes: kv_schema_encode bytes */
    struct plan_list depends;   /* object OIDs the plan is void without: catalog looks at their versions */
    struct plan_list params;    /* type OID of $1.. */
    struct plan_list columns;   /* offsets of struct plan_result_column */
    uint32_t n_pipelines;
    uint32_t n_outer;           /* number of $outer slots */
    uint32_t n_ctes;            /* number of CTE / spool slots */
    float cost_est;             /* microseconds of CPU, from planner/cost */
};

struct plan_result_column {
    plan_off name; /* NUL-terminated */
    uint32_t type_oid;
    int32_t typmod;
    uint32_t table_oid; /* 0 = not a plain column */
    int32_t attnum;
};

struct plan_fragment {
    plan_off root;
    int32_t place; /* index into schemas: runs where its shards lead; -1 = at the gateway */
};

/* The inner plan of a subquery evaluated by an expression (EXPR_SUBQUERY) or an APPLY. */
enum plan_subplan_kind {
    PLAN_SUB_SCALAR, /* one column; no row = null; a second row = 21000 */
    PLAN_SUB_EXISTS,
    PLAN_SUB_ANY,    /* x op ANY (subquery): the inner plan gives one bool column, x op y: true / null / false by SQL's rules */
    PLAN_SUB_ALL,
    PLAN_SUB_ARRAY,
};
struct plan_subplan {
    plan_off root;
    uint16_t kind;
    bool memoise;              /* deterministic: equal outer parameters may reuse the answer */
    struct plan_list outer;    /* $outer slot numbers it reads that its caller sets, in the order of the caller's arguments */
};

/* An output column of an operator. */
struct plan_col {
    uint32_t type_oid;
    int32_t typmod;
    uint8_t kind; /* enum phys_kind; for numeric: as stored or BYTES, see types/type storage forms */
    int16_t dec_scale;
};

enum plan_op_kind {
#define PLAN_OP(name, struct_name) PLAN_OP_##name,
#include "planner/plan_op.def"
#undef PLAN_OP
    PLAN_OP_COUNT
};

/* Every operator starts with this. */
struct plan_op {
    uint16_t kind; /* enum plan_op_kind */
    uint16_t pipeline;
    uint16_t id; /* number over the whole plan: where actuals are kept */
    uint16_t n_children;
    plan_off children[2];
    uint32_t n_cols;
    plan_off cols;     /* struct plan_col[n_cols] */
    float rows_est;
    float cost_est;    /* of this operator alone, microseconds */
    plan_off title;    /* EXPLAIN's line, e.g. "Index Scan using t_pkey on t"; only in plans made for EXPLAIN */
    plan_off details;  /* EXPLAIN's further lines, '\n' separated */
};

/* ---- scans ---------------------------------------------------------------------------------- */

/* One bound of a key part or one equality value: an expression program without column inputs (constants, parameters,
 * $outer). If it gives null the span is empty. */
struct plan_span {
    struct plan_list eq;  /* programs for the leading key parts */
    plan_off low, high;   /* programs for the next key part; 0 = open */
    bool low_incl, high_incl;
};

enum plan_test_op { PLAN_TEST_EQ, PLAN_TEST_LT, PLAN_TEST_LE, PLAN_TEST_GT, PLAN_TEST_GE, PLAN_TEST_IS_NULL, PLAN_TEST_NOT_NULL };

/* Pushed to storage; values computed at open, converted to the column's physical kind by the executor's rules (a program already
 * of the column's type). A null value makes the scan empty. */
struct plan_test {
    uint32_t column_id;
    uint16_t op; /* enum plan_test_op */
    plan_off value;
};

/* How a key part is made from a value: enough for the executor to write keys. */
struct plan_key_part {
    uint32_t type_oid; /* of the SQL column or expression */
    int32_t typmod;
    uint32_t collation;
    uint16_t column;   /* of the row the key is made from (see the user of this struct) */
    uint8_t kind;      /* physical kind of the key column */
    int16_t dec_scale;
    bool opaque;       /* key bytes come from types/ and are stored as BYTES */
    bool desc, nulls_first;
};

struct plan_scan {
    struct plan_op op;
    uint16_t schema;          /* index into header.schemas */
    bool ordered, reverse;
    bool with_key;            /* the key bytes are one more column at the end */
    bool locks;               /* lock rows of full-key spans as they are read (see lock) */
    uint8_t lock;             /* enum kv_lock_mode */
    uint8_t wait;             /* enum kv_wait */
    struct plan_list columns; /* stable column ids of the storage, one per output column (before with_key) */
    struct plan_list spans;   /* offsets of struct plan_span; none = whole storage */
    struct plan_list tests;   /* offsets of struct plan_test */
    struct plan_list key;     /* offsets of struct plan_key_part, all parts of the storage's key */
    plan_off filter;          /* program over the output columns; 0 = none. Its columns are decoded first */
    uint32_t table_oid;
    uint32_t index_oid;       /* 0 = the table itself */
};

/* Rows of a system table: compiled in + stored + the transaction's own. Evaluated by the catalog (executor/host). */
struct plan_catalog_scan {
    struct plan_op op;
    uint32_t table_oid;
    struct plan_list attnums; /* one per output column */
    plan_off filter;
};

/* Rows pushed from outside (COPY FROM): batches of the operator's columns come from exec's source callback. */
struct plan_source {
    struct plan_op op;
};

struct plan_values {
    struct plan_op op;
    uint32_t n_rows;
    struct plan_list programs; /* n_rows x n_cols, row by row */
};

/* A set-returning function in FROM, or ProjectSet. */
struct plan_function_scan {
    struct plan_op op;
    uint32_t func_oid;
    struct plan_list args; /* programs without column inputs */
    bool ordinality;
};

/* ---- one input ------------------------------------------------------------------------------ */

struct plan_filter {
    struct plan_op op;
    plan_off program;
};

/* Columns c of the output = programs[c] over the child's columns. */
struct plan_project {
    struct plan_op op;
    struct plan_list programs;
};

/* Project where some outputs are set-returning functions: rows multiply. srf[c] = function OID or 0; args as programs. */
struct plan_project_set {
    struct plan_op op;
    struct plan_list programs;  /* one per output; 0 where srf */
    struct plan_list srf;       /* function OID or 0 per output */
    struct plan_list srf_args;  /* offsets of struct plan_list, per output (0 = none) */
};

struct plan_sort_key {
    uint16_t column; /* of the child */
    bool desc, nulls_first;
    uint32_t type_oid;
    uint32_t collation;
};

struct plan_sort {
    struct plan_op op;
    struct plan_list keys;  /* offsets of struct plan_sort_key */
    plan_off limit;         /* top-N: program giving int8; 0 = full sort */
    plan_off offset;        /* added to limit */
};

struct plan_limit {
    struct plan_op op;
    plan_off limit;  /* programs giving int8; 0 = none; null = none */
    plan_off offset;
    bool with_ties;
    struct plan_list ties; /* sort keys when with_ties */
};

/* DISTINCT over all columns, or DISTINCT ON: keeps the first row per value of `columns` (child sorted by them if ordered). */
struct plan_distinct {
    struct plan_op op;
    struct plan_list columns; /* column numbers; all columns when n == 0 */
    bool ordered;
};

enum plan_agg_mode { PLAN_AGG_COMPLETE, PLAN_AGG_PARTIAL, PLAN_AGG_FINAL };

struct plan_agg_call {
    uint32_t agg_oid;         /* function OID of the aggregate */
    struct plan_list args;    /* column numbers of the child (arguments are projected below). FINAL: the state column */
    plan_off filter;          /* program; 0 = none */
    bool distinct;
    struct plan_list order;   /* plan_sort_key: ORDER BY inside the call */
    uint32_t type_oid;        /* result */
    int32_t typmod;
};

/* Output: group columns, then one column per call (PARTIAL: a BYTES state each). No groups: always one row. */
struct plan_aggregate {
    struct plan_op op;
    uint16_t mode; /* enum plan_agg_mode */
    bool ordered;  /* child comes sorted by the group columns */
    struct plan_list groups;      /* child columns */
    struct plan_list calls;       /* offsets of struct plan_agg_call */
    struct plan_list sets;        /* grouping sets: offsets of plan_list of positions into groups; n == 0: just one set, all */
    bool grouping_column;         /* one more output: INT64 bitmap of groups absent from the row's set */
};

/* Window functions over a child sorted by (partition, order). Output: child's columns, then one per call. */
struct plan_window_call {
    uint32_t func_oid;
    bool is_aggregate;
    struct plan_list args;
    plan_off filter;
    uint32_t type_oid;
    int32_t typmod;
    uint8_t frame_mode;           /* 0 rows, 1 range, 2 groups */
    uint8_t start_kind, end_kind; /* 0 unbounded preceding, 1 offset preceding, 2 current row, 3 offset following, 4 unb. following */
    plan_off start_offset, end_offset;
    uint8_t exclude;
};
struct plan_window {
    struct plan_op op;
    struct plan_list partition; /* plan_sort_key */
    struct plan_list order;     /* plan_sort_key */
    struct plan_list calls;
};

/* ---- joins ---------------------------------------------------------------------------------- */

enum plan_join_type { PLAN_JOIN_INNER, PLAN_JOIN_LEFT, PLAN_JOIN_FULL, PLAN_JOIN_SEMI, PLAN_JOIN_ANTI, PLAN_JOIN_SINGLE };

/* children[0] probes, children[1] is built. LEFT: rows of children[0] are kept. FULL: both. SEMI/ANTI: output is children[0]'s columns only.
 * null_aware: NOT IN's rule for nulls. SINGLE: at most one match, else 21000, when the row is consumed. */
struct plan_hash_join {
    struct plan_op op;
    uint16_t join_type;
    bool null_aware;
    struct plan_list left_keys;  /* column numbers of children[0] */
    struct plan_list right_keys; /* of children[1]; equal types pairwise */
    plan_off residual;           /* program over left ++ right columns; part of the join condition */
};

/* Any condition; children[1] is spooled and rescanned. Cross join: condition 0. */
struct plan_nested_join {
    struct plan_op op;
    uint16_t join_type;
    bool null_aware;
    plan_off condition;
};

/* children[0]'s rows in batches -> point or prefix look-ups in a storage -> output left ++ right columns. */
struct plan_lookup_join {
    struct plan_op op;
    uint16_t join_type; /* INNER, LEFT, SEMI, ANTI */
    uint16_t schema;
    struct plan_list columns;   /* stable ids, right output columns */
    struct plan_list key;       /* plan_key_part of the storage */
    struct plan_list key_programs; /* programs over the left columns for the leading key parts */
    bool full_key;              /* all parts given and the key is unique: at most one match */
    bool with_key;
    struct plan_list tests;
    plan_off residual;          /* over left ++ right */
    uint32_t table_oid, index_oid;
};

/* LATERAL and subqueries that stay: children[0] outer; children[1] is opened per distinct outer parameters. */
struct plan_apply {
    struct plan_op op;
    uint16_t join_type; /* INNER, LEFT, SEMI, ANTI, SINGLE */
    bool memoise;
    struct plan_list outer;      /* $outer slots set ... */
    struct plan_list outer_from; /* ... from these columns of children[0] */
    plan_off condition;          /* over left ++ right */
};

/* ---- sets, CTEs ------------------------------------------------------------------------------ */

/* UNION ALL of two or more: children chained to the left (children[0] may be an APPEND too). */
struct plan_append {
    struct plan_op op;
};

enum plan_setop_kind { PLAN_INTERSECT, PLAN_INTERSECT_ALL, PLAN_EXCEPT, PLAN_EXCEPT_ALL };
struct plan_setop {
    struct plan_op op;
    uint16_t setop;
};

/* Runs children[0] once into spool `slot` (lazily, as its readers ask), then answers children[1]. */
struct plan_with {
    struct plan_op op;
    uint16_t slot;
};
struct plan_cte_scan {
    struct plan_op op;
    uint16_t slot;
};
/* WITH RECURSIVE: children[0] the first term, children[1] the recursive one, whose CTE_SCAN of `slot` reads the working table. */
struct plan_recursive {
    struct plan_op op;
    uint16_t slot;
    bool distinct;
};

/* ---- distribution ---------------------------------------------------------------------------- */

/* Rows of a remote fragment. merge keys: each instance's rows are sorted by them and are merged. */
struct plan_exchange {
    struct plan_op op; /* children: none */
    uint16_t fragment;
    uint16_t exchange; /* 0 gather; the others (hash, range, broadcast) are reserved for later plans and refused now */
    struct plan_list merge;
};

/* ---- writing ---------------------------------------------------------------------------------- */

/* One storage of the target: [0] is the table itself, the others its indexes. Rows are "full rows": every live column of the table in
 * attnum order (the operator's row layout), plus the hidden row id last when the table has no primary key. */
struct plan_target_index {
    uint16_t schema;
    bool unique;
    bool nulls_not_distinct;
    uint32_t oid;
    plan_off name;            /* constraint or index name, for the error and for ON CONFLICT ON CONSTRAINT */
    struct plan_list key;     /* plan_key_part; .column = position in the full row (or, >= 0x8000: expression number - 0x8000) */
    uint16_t n_unique;        /* leading parts that must be unique; the rest is the primary key's (see kv.h) */
    struct plan_list values;  /* value columns in the schema's order: full-row positions; opaque key parts' originals included */
    struct plan_list exprs;   /* programs over the full row for expression parts */
    plan_off predicate;       /* partial index: program over the full row; 0 = all rows */
};

struct plan_check {
    plan_off name;
    plan_off program; /* over the full row: false fails */
};

/* A foreign key seen from the referencing side (parent look-up at the end of the statement, KEY SHARE lock) or, reverse, from the referenced
 * side (no child may still point at a removed key). NO ACTION / RESTRICT. */
struct plan_foreign_key {
    plan_off name;            /* constraint */
    plan_off table, other_table;
    uint32_t other_oid;
    bool reverse;
    bool match_full;
    uint16_t schema;          /* the storage searched: the parent's key, or the child's index or table */
    struct plan_list columns; /* full-row positions of this side */
    struct plan_list key;     /* plan_key_part of the searched storage (leading parts used) */
    bool full_scan;           /* no index on the child: scan with tests on other_columns */
    struct plan_list other_columns; /* stable column ids on the other side, pairwise with columns */
};

struct plan_target {
    uint32_t table_oid;
    plan_off schema_name, table_name;
    uint32_t n_row;                /* columns of the full row */
    struct plan_list column_names; /* per full-row position */
    struct plan_list row_cols;     /* offsets of struct plan_col per full-row position */
    struct plan_list indexes;      /* offsets of struct plan_target_index; [0] = the table */
    struct plan_list not_null;     /* full-row positions */
    struct plan_list checks;       /* offsets of struct plan_check */
    struct plan_list foreign_keys; /* offsets of struct plan_foreign_key */
    bool hidden_rowid;
};

/* INSERT. Child gives full rows (defaults already projected; hidden row id not: the operator makes it).
 * RETURNING is a PROJECT above: the operator's output is the full row as stored. */
enum plan_conflict { PLAN_CONFLICT_ERROR, PLAN_CONFLICT_NOTHING, PLAN_CONFLICT_UPDATE };
struct plan_insert {
    struct plan_op op;
    plan_off target;             /* struct plan_target */
    uint16_t on_conflict;
    struct plan_list arbiters;   /* positions into target->indexes; none = any (NOTHING only) */
    struct plan_list set;        /* DO UPDATE: programs, one per full-row position (old row ++ excluded row); 0 = unchanged */
    plan_off where;              /* program over old ++ excluded */
    bool bulk;                   /* COPY or CTAS into a storage of this transaction's own: kv_bulk_write allowed if kv says private */
};

/* UPDATE / DELETE. Child columns: the old full row, the table's key bytes (BYTES), then `n_carried` columns of other relations; for
 * READ COMMITTED the operator locks each row, and if it changed runs `recheck` and `set` on (new version, key, carried).
 * Output: new full row (UPDATE) or old (DELETE), then the carried columns (RETURNING may use them). */
struct plan_modify {
    struct plan_op op;
    plan_off target;
    uint16_t n_carried;
    bool key_changes;         /* UPDATE may change key columns: locks UPDATE instead of NO KEY UPDATE */
    struct plan_list set;     /* UPDATE: one program per full-row position over the child's columns; 0 = unchanged */
    plan_off recheck;         /* the statement's qualification over the child's columns; 0 = always true */
};

/* SELECT ... FOR UPDATE / SHARE. Child columns: the query's, of which for each locked relation a run [first, first + n_row) is the
 * relation's full row and `key` its key bytes. Re-check as for UPDATE. Output: the child's columns (new versions). */
struct plan_lock_rel {
    uint16_t schema;
    uint8_t mode; /* enum kv_lock_mode */
    uint8_t wait; /* enum kv_wait */
    uint16_t key; /* child column */
    struct plan_list columns;     /* child columns that come from this relation ... */
    struct plan_list column_ids;  /* ... and their stable ids */
};
struct plan_lock_rows {
    struct plan_op op;
    struct plan_list rels; /* offsets of struct plan_lock_rel */
    plan_off recheck;
};

/* ---- access ---------------------------------------------------------------------------------- */

struct plan {
    const uint8_t *data; /* 16-byte aligned */
    uint32_t size;
    uint64_t hash; /* of the bytes */
};

#define plan_at(plan, off, type) ((const type *)(const void *)((plan)->data + (off)))
#define plan_head(plan) plan_at(plan, 0, struct plan_header)

static inline uint32_t plan_list_get(const struct plan *plan, struct plan_list list, uint32_t i)
{
    return plan_at(plan, list.at, uint32_t)[i];
}
static inline const void *plan_program_code(const struct plan *plan, plan_off off, uint32_t *len)
{
    const struct plan_program *p = plan_at(plan, off, struct plan_program);
    *len = p->len;
    return p + 1;
}
static inline const char *plan_str(const struct plan *plan, plan_off off)
{
    return off ? (const char *)plan->data + off : "";
}

/* Takes bytes from outside (a peer): verifies invariant 1. */
int plan_check(const struct plan *plan, struct err *err) MUST_CHECK;

/* Writer. Offsets stay valid, pointers do not (the buffer grows): fill structs first, then put them. */
struct plan_builder {
    struct arena *arena;
    uint8_t *data;
    uint32_t size, capacity;
};
void plan_builder_init(struct plan_builder *b, struct arena *arena); /* reserves the header */
plan_off plan_put(struct plan_builder *b, const void *bytes, uint32_t size); /* 8-byte aligned */
plan_off plan_put_str(struct plan_builder *b, const char *text);
struct plan_list plan_put_list(struct plan_builder *b, const uint32_t *items, uint32_t n);
/* Copies the finished buffer, header filled in, to one aligned block in `arena`. */
int plan_finish(struct plan_builder *b, const struct plan_header *header, struct arena *arena, struct plan *out,
                struct err *err) MUST_CHECK;

#endif
