/* write_int.h: what the writing operators share: a target table's storages, constraint checks, errors in PostgreSQL's words.
 *
 * A target row is a "full row" (plan.h): one vector per live column, hidden row id last. rows are written in batches, one kv_write a
 * storage. Order per row: not null, check; per statement: uniqueness and foreign keys at its end.
 */
#ifndef CAIRN_EXECUTOR_WRITE_INT_H
#define CAIRN_EXECUTOR_WRITE_INT_H

#include "executor/exec_int.h"

struct target_index {
    const struct plan_target_index *plan;
    const struct kv_schema *schema;
    const struct plan_key_part **parts;
    struct program *exprs; /* by key position; absent where a column */
    struct program predicate;
};

struct target {
    struct exec *x;
    const struct plan_target *plan;
    uint32_t n_row;
    const struct plan_col **cols;
    uint32_t n_indexes;
    struct target_index *indexes;
    struct program *checks;
};

int target_open(struct exec *x, plan_off at, struct target *out, struct err *err);
/* rows: n dense rows of the full row. Reports the first failing row. */
int target_check(struct target *t, struct batch *rows, struct err *err);
/* Key bytes of each row in an index; skip[i] set where the predicate leaves the row out (skip may be NULL). */
int target_keys(struct target *t, uint32_t index, struct batch *rows, struct bytes_view *keys, bool *skip, struct arena *arena, struct err *err);
/* Stored value vectors of an index's value columns for all rows. */
int target_values(struct target *t, uint32_t index, struct batch *rows, struct vec **columns, struct arena *arena, struct err *err);
/* Writes rows [all, or those where pick[i]] of one index. results: per picked row. */
int target_write(struct target *t, uint32_t index, uint8_t op, struct batch *rows, const bool *pick, uint8_t *results, bool bulk,
                 const struct bytes_view *moved_to, struct arena *arena, struct err *err);
int target_duplicate(struct target *t, uint32_t index, struct batch *rows, uint32_t row, struct err *err);
void target_row_text(struct target *t, struct batch *rows, uint32_t row, struct buf *out);

/* Old rows become new ones, row by row: deletes before inserts over the whole batch, so that a key one row frees may be taken by another. */
int target_replace(struct target *t, struct batch *old, struct batch *new_rows, struct err *err);
/* The same for a statement of many batches. */
int target_replace_all(struct target *t, struct store *old, struct store *new_rows, struct err *err);
int target_remove(struct target *t, struct batch *old, struct err *err);
/* Stable column id of each full-row position. */
uint32_t *target_ids(struct target *t);
/* The row a key of an index leads to: its newest version, locked. *row NULL: gone. key: the table's key of it, in the row's arena. */
int target_fetch(struct target *t, uint32_t index, const struct bytes_view *index_key, bool lock, struct batch **row,
                 struct bytes_view *key, struct err *err);

/* Foreign keys: old and new rows gathered over the statement. */
struct foreign_keys {
    struct target *t;
    struct store added, removed;
};
int foreign_check(struct foreign_keys *f, struct err *err);

#endif
