#include <assert.h>
#include <stdlib.h>

#include "base/sort.h"
#include "storage/lsm/manifest_int.h"

void manifest_state_init(struct manifest_state *s)
{
    *s = (struct manifest_state){.next_number = 1};
    hashmap_init(&s->tablets);
    intmap_init(&s->groups);
    intmap_init(&s->refs);
}

static void free_tablet(struct mf_tablet *t)
{
    for (size_t i = 0; i < t->n_files; i++)
        free((void *)(uintptr_t)t->files[i].min_key);
    free(t->files);
    buf_done(&t->schema);
    free(t);
}

static void free_group(struct mf_group *g)
{
    buf_done(&g->inline_state);
    free(g);
}

void manifest_state_done(struct manifest_state *s)
{
    for (size_t i = 0; i < s->tablets.entry_count; i++)
        if (s->tablets.entries[i].value)
            free_tablet(s->tablets.entries[i].value);
    for (size_t i = 0; i < s->groups.entry_count; i++)
        if (s->groups.entries[i].value)
            free_group(s->groups.entries[i].value);
    hashmap_done(&s->tablets);
    intmap_done(&s->groups);
    intmap_done(&s->refs);
    buf_done(&s->dropped);
    buf_done(&s->dropped_ckp);
}

static void name_tablet(struct tablet_id id, uint8_t name[10])
{
    store_be64(name, id.storage);
    store_be16(name + 8, id.shard);
}

struct mf_tablet *manifest_state_tablet(const struct manifest_state *s, struct tablet_id id)
{
    uint8_t name[10];
    name_tablet(id, name);
    return hashmap_get(&s->tablets, name, sizeof name);
}

static int compare_names(const void *a, const void *b, void *arg)
{
    return memcmp(((const struct mf_tablet *)a)->name, ((const struct mf_tablet *)b)->name, 10);
}

struct mf_tablet **manifest_state_sorted(const struct manifest_state *s)
{
    struct mf_tablet **out = malloc((s->tablets.count + 1) * sizeof *out);
    assert(out);
    size_t n = 0;
    for (size_t i = 0; i < s->tablets.entry_count; i++)
        if (s->tablets.entries[i].value)
            out[n++] = s->tablets.entries[i].value;
    sort_pointers((void **)out, n, compare_names, NULL, NULL);
    return out;
}

/* ---- reference counts ---- */

static void change_refs(struct manifest_state *s, uint64_t number, int change)
{
    uintptr_t refs = (uintptr_t)intmap_get(&s->refs, number) + (uintptr_t)(intptr_t)change;
    if (refs) {
        intmap_put(&s->refs, number, (void *)refs);
        return;
    }
    intmap_remove(&s->refs, number);
    buf_put_le64(&s->dropped, number);
}

/* ---- operations ---- */

static struct tablet_id take_id(struct buf_reader *in)
{
    struct tablet_id id = {.storage = buf_take_varint(in)};
    uint64_t shard = buf_take_varint(in);
    in->bad |= shard > UINT16_MAX;
    id.shard = (uint16_t)shard;
    return id;
}

static struct mf_tablet *need_tablet(struct manifest_state *s, struct tablet_id id)
{
    struct mf_tablet *t = manifest_state_tablet(s, id);
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    assert(t);
    t->id = id;
    name_tablet(id, t->name);
    hashmap_put(&s->tablets, t->name, sizeof t->name, t);
    return t;
}

static void apply_tablet(struct manifest_state *s, struct buf_reader *in)
{
    struct tablet_id id = take_id(in);
    uint64_t group = buf_take_varint(in), flushed = buf_take_varint(in);
    size_t len = 0;
    const uint8_t *schema = buf_take_sized(in, &len);
    if (in->bad)
        return;
    struct mf_tablet *t = need_tablet(s, id);
    t->group = (uint32_t)group;
    t->flushed = flushed > t->flushed ? flushed : t->flushed;
    buf_reset(&t->schema);
    buf_put(&t->schema, schema, len);
}

static void apply_tablet_drop(struct manifest_state *s, struct buf_reader *in)
{
    struct mf_tablet *t = manifest_state_tablet(s, take_id(in));
    if (in->bad || !t)
        return;
    for (size_t i = 0; i < t->n_files; i++)
        change_refs(s, t->files[i].number, -1);
    hashmap_remove(&s->tablets, t->name, sizeof t->name);
    free_tablet(t);
}

static void apply_file_add(struct manifest_state *s, struct buf_reader *in)
{
    struct mf_tablet *t = manifest_state_tablet(s, take_id(in));
    struct manifest_file f = {.number = buf_take_varint(in)};
    f.uid = buf_take_varint(in);
    f.generation = (uint32_t)buf_take_varint(in);
    f.size_bytes = buf_take_varint(in);
    f.row_count = buf_take_varint(in);
    f.key_count = buf_take_varint(in);
    f.delete_count = buf_take_varint(in);
    f.raw_bytes = buf_take_varint(in);
    f.min_ts = buf_take_varint(in);
    f.max_ts = buf_take_varint(in);
    f.run = buf_take_varint(in);
    size_t min_len = 0, max_len = 0;
    const uint8_t *min = buf_take_sized(in, &min_len), *max = buf_take_sized(in, &max_len);
    if (in->bad || !t) {
        in->bad = true;
        return;
    }
    uint8_t *keys = malloc(min_len + max_len + 1);
    assert(keys);
    memcpy(keys, min, min_len);
    memcpy(keys + min_len, max, max_len);
    f.min_key = keys;
    f.max_key = keys + min_len;
    f.min_key_len = (uint32_t)min_len;
    f.max_key_len = (uint32_t)max_len;
    if (t->n_files == t->cap_files) {
        t->cap_files = t->cap_files ? t->cap_files * 2 : 4;
        t->files = realloc(t->files, t->cap_files * sizeof *t->files);
        assert(t->files);
    }
    t->files[t->n_files++] = f;
    change_refs(s, f.number, 1);
    if (f.number >= s->next_number)
        s->next_number = f.number + 1;
}

static void apply_file_remove(struct manifest_state *s, struct buf_reader *in)
{
    struct mf_tablet *t = manifest_state_tablet(s, take_id(in));
    uint64_t number = buf_take_varint(in);
    for (size_t i = 0; t && !in->bad && i < t->n_files; i++) {
        if (t->files[i].number != number)
            continue;
        free((void *)(uintptr_t)t->files[i].min_key);
        memmove(&t->files[i], &t->files[i + 1], (t->n_files - i - 1) * sizeof *t->files);
        t->n_files--;
        change_refs(s, number, -1);
        return;
    }
}

static void drop_checkpoint(struct manifest_state *s, struct mf_group *g)
{
    if (g->number)
        buf_put_le64(&s->dropped_ckp, g->number);
    g->number = 0;
    buf_done(&g->inline_state);
}

static struct mf_group *need_group(struct manifest_state *s, uint32_t group)
{
    struct mf_group *g = intmap_get(&s->groups, group);
    if (g) {
        drop_checkpoint(s, g);
        return g;
    }
    g = calloc(1, sizeof *g);
    assert(g);
    g->group = group;
    intmap_put(&s->groups, group, g);
    return g;
}

static void apply_group(struct manifest_state *s, struct buf_reader *in, bool is_file)
{
    uint64_t group = buf_take_varint(in), index = buf_take_varint(in), number = 0, crc = 0;
    size_t len = 0;
    const uint8_t *state = NULL;
    if (is_file) {
        number = buf_take_varint(in);
        len = buf_take_varint(in);
        crc = buf_take_varint(in);
    } else {
        state = buf_take_sized(in, &len);
    }
    if (in->bad || group > UINT32_MAX) {
        in->bad = true;
        return;
    }
    struct mf_group *g = need_group(s, (uint32_t)group);
    g->index = index;
    g->state_len = len;
    g->number = number;
    g->crc = (uint32_t)crc;
    if (number >= s->next_number)
        s->next_number = number + 1;
    if (!is_file)
        buf_put(&g->inline_state, state, len);
}

static void apply_group_drop(struct manifest_state *s, struct buf_reader *in)
{
    struct mf_group *g = intmap_get(&s->groups, buf_take_varint(in));
    if (in->bad || !g)
        return;
    drop_checkpoint(s, g);
    intmap_remove(&s->groups, g->group);
    free_group(g);
}

static void apply_flushed(struct manifest_state *s, struct buf_reader *in)
{
    struct mf_tablet *t = manifest_state_tablet(s, take_id(in));
    uint64_t index = buf_take_varint(in);
    if (t && !in->bad && index > t->flushed)
        t->flushed = index;
}

bool manifest_state_apply(struct manifest_state *s, const uint8_t *body, size_t len)
{
    struct buf_reader in = buf_reader_of(body, len);
    while (buf_reader_left(&in) && !in.bad) {
        switch (buf_take_u8(&in)) {
        case MF_TABLET:
            apply_tablet(s, &in);
            break;
        case MF_TABLET_DROP:
            apply_tablet_drop(s, &in);
            break;
        case MF_FILE_ADD:
            apply_file_add(s, &in);
            break;
        case MF_FILE_REMOVE:
            apply_file_remove(s, &in);
            break;
        case MF_FLUSHED:
            apply_flushed(s, &in);
            break;
        case MF_GROUP_INLINE:
            apply_group(s, &in, false);
            break;
        case MF_GROUP_FILE:
            apply_group(s, &in, true);
            break;
        case MF_GROUP_DROP:
            apply_group_drop(s, &in);
            break;
        case MF_NEXT_NUMBER: {
            uint64_t next = buf_take_varint(&in);
            s->next_number = next > s->next_number ? next : s->next_number;
            break;
        }
        default:
            in.bad = true;
        }
    }
    return !in.bad;
}

/* ---- writing operations ---- */

static void put_id(struct buf *out, struct tablet_id id)
{
    buf_put_varint(out, id.storage);
    buf_put_varint(out, id.shard);
}

void manifest_put_tablet(struct buf *out, struct tablet_id id, uint32_t group, uint64_t flushed,
                         const void *schema, size_t schema_len)
{
    buf_put_u8(out, MF_TABLET);
    put_id(out, id);
    buf_put_varint(out, group);
    buf_put_varint(out, flushed);
    buf_put_sized(out, schema, schema_len);
}

void manifest_put_file(struct buf *out, struct tablet_id id, const struct manifest_file *f)
{
    buf_put_u8(out, MF_FILE_ADD);
    put_id(out, id);
    buf_put_varint(out, f->number);
    buf_put_varint(out, f->uid);
    buf_put_varint(out, f->generation);
    buf_put_varint(out, f->size_bytes);
    buf_put_varint(out, f->row_count);
    buf_put_varint(out, f->key_count);
    buf_put_varint(out, f->delete_count);
    buf_put_varint(out, f->raw_bytes);
    buf_put_varint(out, f->min_ts);
    buf_put_varint(out, f->max_ts);
    buf_put_varint(out, f->run);
    buf_put_sized(out, f->min_key, f->min_key_len);
    buf_put_sized(out, f->max_key, f->max_key_len);
}

static void dump_group(const struct mf_group *g, struct buf *out)
{
    buf_put_u8(out, g->number ? MF_GROUP_FILE : MF_GROUP_INLINE);
    buf_put_varint(out, g->group);
    buf_put_varint(out, g->index);
    if (g->number) {
        buf_put_varint(out, g->number);
        buf_put_varint(out, g->state_len);
        buf_put_varint(out, g->crc);
    } else {
        buf_put_sized(out, g->inline_state.data, g->inline_state.len);
    }
}

void manifest_state_dump(const struct manifest_state *s, struct buf *out)
{
    buf_put_u8(out, MF_NEXT_NUMBER);
    buf_put_varint(out, s->next_number);
    struct mf_tablet **sorted = manifest_state_sorted(s);
    for (size_t i = 0; i < s->tablets.count; i++) {
        struct mf_tablet *t = sorted[i];
        manifest_put_tablet(out, t->id, t->group, t->flushed, t->schema.data, t->schema.len);
        for (size_t k = 0; k < t->n_files; k++)
            manifest_put_file(out, t->id, &t->files[k]);
    }
    free(sorted);
    for (size_t i = 0; i < s->groups.entry_count; i++)
        if (s->groups.entries[i].value)
            dump_group(s->groups.entries[i].value, out);
}

/* ---- edits ---- */

struct manifest_edit *manifest_edit_create(void)
{
    struct manifest_edit *edit = calloc(1, sizeof *edit);
    assert(edit);
    return edit;
}

void manifest_edit_destroy(struct manifest_edit *edit)
{
    if (!edit)
        return;
    while (edit->blobs) {
        struct manifest_blob *next = edit->blobs->next;
        buf_done(&edit->blobs->state);
        free(edit->blobs);
        edit->blobs = next;
    }
    buf_done(&edit->body);
    buf_done(&edit->full);
    free(edit);
}

void manifest_edit_tablet_put(struct manifest_edit *edit, struct tablet_id id, uint32_t group,
                              const void *schema, size_t schema_len)
{
    manifest_put_tablet(&edit->body, id, group, 0, schema, schema_len);
}

void manifest_edit_tablet_drop(struct manifest_edit *edit, struct tablet_id id)
{
    buf_put_u8(&edit->body, MF_TABLET_DROP);
    put_id(&edit->body, id);
}

void manifest_edit_file_add(struct manifest_edit *edit, struct tablet_id id,
                            const struct manifest_file *file)
{
    manifest_put_file(&edit->body, id, file);
}

void manifest_edit_file_remove(struct manifest_edit *edit, struct tablet_id id, uint64_t number)
{
    buf_put_u8(&edit->body, MF_FILE_REMOVE);
    put_id(&edit->body, id);
    buf_put_varint(&edit->body, number);
}

void manifest_edit_flushed(struct manifest_edit *edit, struct tablet_id id, uint64_t index)
{
    buf_put_u8(&edit->body, MF_FLUSHED);
    put_id(&edit->body, id);
    buf_put_varint(&edit->body, index);
}

void manifest_edit_group_put(struct manifest_edit *edit, uint32_t group, uint64_t index,
                             const void *state, size_t state_len)
{
    if (state_len > MANIFEST_INLINE_MAX) {
        struct manifest_blob *blob = calloc(1, sizeof *blob);
        assert(blob);
        blob->group = group;
        blob->index = index;
        buf_put(&blob->state, state, state_len);
        blob->next = edit->blobs;
        edit->blobs = blob;
        return;
    }
    buf_put_u8(&edit->body, MF_GROUP_INLINE);
    buf_put_varint(&edit->body, group);
    buf_put_varint(&edit->body, index);
    buf_put_sized(&edit->body, state, state_len);
}

void manifest_edit_group_drop(struct manifest_edit *edit, uint32_t group)
{
    buf_put_u8(&edit->body, MF_GROUP_DROP);
    buf_put_varint(&edit->body, group);
}
