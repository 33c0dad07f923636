/* store_machine.c: see store_machine.h. State: 'd' digest; 'r' register -> number, writes; 'n'
 * number -> nothing. */
#include "tests/sim/store_machine.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/row.h"
#include "storage/kv.h"

static struct kv_column columns[2] = {
    {.id = 1, .kind = PHYS_INT32, .dec_scale = -1},
    {.id = 2, .kind = PHYS_INT64, .dec_scale = -1},
};
static struct kv_key_part key_parts[1] = {{.column = 0}};

const struct kv_schema *machine_schema(uint64_t storage, struct kv_schema *schema)
{
    static uint32_t groups[1];
    columns[0].absent = datum_null(PHYS_INT32);
    columns[1].absent = datum_null(PHYS_INT64);
    *schema = (struct kv_schema){.id = storage,
                                 .home = storage,
                                 .version = 1,
                                 .n_columns = 2,
                                 .n_key = 1,
                                 .n_shards = 1,
                                 .groups = groups,
                                 .columns = columns,
                                 .key = key_parts};
    return schema;
}

uint64_t machine_storage(const struct group *group, uint64_t storage)
{
    return storage + group_id(group) * UINT64_C(1000000);
}

void machine_key(uint32_t reg, uint8_t out[4])
{
    store_be32(out, reg ^ 0x80000000u); /* key.h's INT32, not nullable */
}

static void put_head(struct buf *out, uint8_t op, uint64_t number)
{
    buf_put_u8(out, op);
    buf_put_le64(out, number);
}

void machine_put_set(struct buf *out, uint64_t number, uint32_t reg)
{
    put_head(out, MACHINE_SET, number);
    buf_put_le32(out, reg);
}

void machine_put_create(struct buf *out, uint64_t number, uint64_t storage)
{
    put_head(out, MACHINE_CREATE, number);
    buf_put_le64(out, storage);
}

void machine_put_drop(struct buf *out, uint64_t number, uint64_t storage)
{
    put_head(out, MACHINE_DROP, number);
    buf_put_le64(out, storage);
}

void machine_put_ballast(struct buf *out, uint64_t number, size_t bytes)
{
    put_head(out, MACHINE_BALLAST, number);
    uint8_t *at = buf_extend(out, bytes);
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number + i * 31 + (i >> 8));
}

void machine_put_scratch(struct buf *out, uint64_t number, bool reset, uint32_t reg)
{
    put_head(out, MACHINE_SCRATCH, number);
    buf_put_u8(out, reset);
    buf_put_le32(out, reg);
}

void machine_put_many(struct buf *out, uint64_t number, uint32_t rows, size_t bytes)
{
    put_head(out, MACHINE_MANY, number);
    buf_put_le32(out, rows);
    memset(buf_extend(out, bytes), 0x5a, bytes);
}

bool machine_many(const struct group *group, uint32_t *rows, uint64_t *number)
{
    const uint8_t *value;
    size_t len;
    if (!group_state_get(group, "m", 1, &value, &len))
        return false;
    *number = load_le64(value);
    *rows = load_le32(value + 8);
    return true;
}

bool machine_scratch(const struct group *group, uint32_t reg, uint64_t *number)
{
    uint8_t key[5] = {'x'};
    const uint8_t *value;
    size_t len;
    store_be32(key + 1, reg);
    if (!group_state_get(group, key, sizeof key, &value, &len))
        return false;
    *number = load_le64(value);
    return true;
}

static void reg_key(uint32_t reg, uint8_t out[5])
{
    out[0] = 'r';
    store_be32(out + 1, reg);
}

bool machine_register(const struct group *group, uint32_t reg, uint64_t *number, uint64_t *writes)
{
    uint8_t key[5];
    const uint8_t *value;
    size_t len;
    reg_key(reg, key);
    if (!group_state_get(group, key, sizeof key, &value, &len))
        return false;
    *number = load_le64(value);
    *writes = load_le64(value + 8);
    return true;
}

bool machine_knows(const struct group *group, uint64_t number)
{
    uint8_t key[9] = {'n'};
    const uint8_t *value;
    size_t len;
    store_be64(key + 1, number);
    return group_state_get(group, key, sizeof key, &value, &len);
}

uint64_t machine_digest(const struct group *group)
{
    const uint8_t *value;
    size_t len;
    return group_state_get(group, "d", 1, &value, &len) ? load_le64(value) : 0;
}

static bool put_row(struct group_apply *apply, uint64_t storage, raft_index index, uint64_t number,
                    uint32_t reg)
{
    struct buf row = {0};
    struct datum cell = datum_i64((int64_t)number);
    uint8_t row_key[5] = {0x02}; /* not null */
    row_begin(&row);
    row_append(&row, 2, &cell);
    machine_key(reg, row_key + 1);
    bool there = group_tablet_put(apply, storage, 0, row_key, sizeof row_key, hlc_make(index, 0),
                                  row.data, row.len);
    buf_done(&row);
    return there;
}

static void apply_set(struct store_machine *m, struct group_apply *apply, raft_index index,
                      uint64_t number, uint32_t reg, struct buf *answer)
{
    uint64_t before, writes = 0;
    uint8_t key[5], value[16];
    (void)machine_register(m->group, reg, &before, &writes);
    reg_key(reg, key);
    store_le64(value, number);
    store_le64(value + 8, ++writes);
    group_state_put(apply, key, sizeof key, value, sizeof value);
    buf_put_le64(answer, writes);
    struct kv_schema schema;
    uint64_t storage = machine_storage(m->group, MACHINE_STORAGE);
    group_tablet_create(apply, machine_schema(storage, &schema), 0);
    bool there = put_row(apply, storage, index, number, reg);
    assert(there);
    (void)there;
}

static void apply_scratch(struct store_machine *m, struct group_apply *apply, raft_index index,
                          uint64_t number, struct buf_reader *in)
{
    uint64_t storage = machine_storage(m->group, MACHINE_SCRATCH_STORAGE);
    uint8_t key[5] = {'x'}, value[8];
    struct kv_schema schema;
    bool reset = buf_take_u8(in) != 0;
    uint32_t reg = buf_take_le32(in);
    if (reset) {
        group_tablet_drop(apply, storage, 0);
        group_state_del_span(apply, "x", 1, "y", 1);
    }
    group_tablet_create(apply, machine_schema(storage, &schema), 0);
    store_be32(key + 1, reg);
    store_le64(value, number);
    group_state_put(apply, key, sizeof key, value, sizeof value);
    (void)put_row(apply, storage, index, number, reg);
}

static void apply_many(struct store_machine *m, struct group_apply *apply, raft_index index,
                       uint64_t number, uint32_t rows)
{
    uint64_t storage = machine_storage(m->group, MACHINE_MANY_STORAGE);
    struct kv_schema schema;
    uint8_t value[12];
    group_tablet_create(apply, machine_schema(storage, &schema), 0);
    for (uint32_t i = 0; i < rows; i++)
        (void)put_row(apply, storage, index, number, i);
    store_le64(value, number);
    store_le32(value + 8, rows);
    group_state_put(apply, "m", 1, value, sizeof value);
}

static void apply_other(struct store_machine *m, struct group_apply *apply, uint8_t op,
                        raft_index index, struct buf_reader *in, struct buf *answer)
{
    struct kv_schema schema;
    uint8_t row_key[5] = {0x02};
    if (op == MACHINE_BALLAST) {
        buf_put_le64(answer, hash_bytes(in->at, buf_reader_left(in), 0));
        return;
    }
    uint64_t storage = machine_storage(m->group, buf_take_le64(in));
    if (op == MACHINE_DROP) {
        group_tablet_drop(apply, storage, 0);
        return;
    }
    group_tablet_create(apply, machine_schema(storage, &schema), 0);
    machine_key(1, row_key + 1);
    group_tablet_delete(apply, storage, 0, row_key, sizeof row_key, hlc_make(index, 0), NULL, 0);
}

static void apply(void *machine, struct group_apply *apply, const struct group_command *command,
                  struct buf *answer)
{
    struct store_machine *m = machine;
    assert(command->index > m->last_index); /* in order, each once */
    m->last_index = command->index;
    m->applied++;
    struct buf_reader in = buf_reader_of(command->bytes, command->size_bytes);
    uint8_t op = buf_take_u8(&in), known[9] = {'n'}, digest[8];
    uint64_t number = buf_take_le64(&in);
    if (op == MACHINE_SET)
        apply_set(m, apply, command->index, number, buf_take_le32(&in), answer);
    else if (op == MACHINE_MANY)
        apply_many(m, apply, command->index, number, buf_take_le32(&in));
    else if (op == MACHINE_SCRATCH)
        apply_scratch(m, apply, command->index, number, &in);
    else
        apply_other(m, apply, op, command->index, &in, answer);
    store_be64(known + 1, number);
    group_state_put(apply, known, sizeof known, "", 0);
    uint64_t h = hash_combine(machine_digest(m->group), command->index);
    h = hash_combine(h, hash_bytes(command->bytes, command->size_bytes, command->term));
    store_le64(digest, h);
    group_state_put(apply, "d", 1, digest, sizeof digest);
    if (m->watch)
        m->watch->applied(m->watch, m->group, command->index, h, number);
}

static void *create(void *factory, struct group *group)
{
    struct store_machine *m = calloc(1, sizeof *m);
    m->group = group;
    m->watch = factory;
    return m;
}

static void destroy(void *machine)
{
    free(machine);
}

static void state_loaded(void *machine)
{
    struct store_machine *m = machine;
    m->last_index = group_applied(m->group);
    if (m->watch && m->watch->loaded)
        m->watch->loaded(m->watch, m->group, m->loads > 0);
    m->loads++;
}

static void leader_started(void *machine, raft_term term)
{
    struct store_machine *m = machine;
    assert(m->leading == 0 && term > 0);
    m->leading = term;
}

static void leader_stopped(void *machine, raft_term term)
{
    struct store_machine *m = machine;
    assert(m->leading == term);
    m->leading = 0;
}

const struct group_machine_ops store_machine_ops = {.create = create,
                                                    .destroy = destroy,
                                                    .apply = apply,
                                                    .state_loaded = state_loaded,
                                                    .leader_started = leader_started,
                                                    .leader_stopped = leader_stopped};
