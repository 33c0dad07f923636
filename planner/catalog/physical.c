#include "planner/catalog/physical.h"

#include <string.h>

#include "base/row.h"
#include "types/type/type.h"

const struct cat_index *phys_primary(const struct cat_relation *r)
{
    return r->n_indexes && r->indexes[0].primary ? &r->indexes[0] : NULL;
}

static struct phys_part make_part(const struct cat_key_part *k, const struct cat_column *c, uint32_t at)
{
    struct phys_part p = {.attnum = k->attnum, .expr = at, .desc = k->desc, .nulls_first = k->nulls_first};
    p.type = c ? c->type_oid : k->type_oid;
    p.typmod = c ? c->typmod : k->typmod;
    p.collation = c ? c->collation : k->collation;
    struct type_storage s = type_storage(p.type, p.typmod);
    p.opaque = s.key_form == TYPE_KEY_OPAQUE;
    p.kind = p.opaque ? PHYS_BYTES : s.kind;
    p.dec_scale = p.opaque ? -1 : s.dec_scale;
    p.column_id = p.opaque ? CATALOG_OPAQUE + at : k->attnum ? (uint32_t)k->attnum : CATALOG_EXPR + at;
    return p;
}

static uint32_t own_parts(const struct cat_relation *r, const struct cat_index *x, struct phys_part *parts)
{
    for (uint32_t i = 0; i < x->n_keys; i++)
        parts[i] = make_part(&x->keys[i], x->keys[i].attnum ? cat_column_at(r, x->keys[i].attnum) : NULL, i);
    return x->n_keys;
}

static struct phys_part rowid_part(void)
{
    return (struct phys_part){.attnum = CATALOG_ROWID, .type = TYPE_INT8, .typmod = -1, .column_id = CATALOG_ROWID,
                              .kind = PHYS_INT64, .dec_scale = -1};
}

static uint32_t table_parts(const struct cat_relation *r, struct phys_part *parts)
{
    const struct cat_index *pk = phys_primary(r);
    if (pk)
        return own_parts(r, pk, parts);
    parts[0] = rowid_part();
    return 1;
}

static bool has_attnum(const struct phys_part *parts, uint32_t n, int32_t attnum)
{
    for (uint32_t i = 0; i < n; i++)
        if (parts[i].attnum == attnum && attnum != 0)
            return true;
    return false;
}

uint32_t phys_key(const struct cat_relation *r, const struct cat_index *index, struct arena *arena, struct phys_part **out)
{
    const struct cat_index *pk = phys_primary(r);
    uint32_t most = (index ? index->n_keys : 0) + (pk ? pk->n_keys : 1);
    struct phys_part *parts = *out = arena_array(arena, struct phys_part, most);
    if (!index || index->primary)
        return table_parts(r, parts);
    uint32_t own = own_parts(r, index, parts), n = own;
    struct phys_part *rest = arena_array(arena, struct phys_part, pk ? pk->n_keys : 1);
    uint32_t n_rest = table_parts(r, rest);
    for (uint32_t i = 0; i < n_rest; i++) {
        if (has_attnum(parts, own, rest[i].attnum))
            continue;
        struct phys_part p = rest[i];
        p.desc = p.nulls_first = false;
        if (index->unique) {
            p.tie = true;
            p.column_id = CATALOG_TIE + i;
        } else if (p.opaque) {
            p.column_id = CATALOG_OPAQUE + n;
        }
        parts[n++] = p;
    }
    return n;
}

uint32_t phys_unique_parts(const struct cat_relation *r, const struct cat_index *index)
{
    return index ? index->n_keys : 1;
}

struct columns {
    struct kv_column *items;
    uint32_t n;
};

static void add_column(struct columns *c, uint32_t id, uint8_t kind, int16_t dec_scale)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->items[i].id == id)
            return;
    c->items[c->n++] = (struct kv_column){.id = id, .kind = kind, .dec_scale = dec_scale,
                                          .absent = {.kind = kind, .null = true, .dec_scale = -1}};
}

static void add_attribute(struct columns *out, const struct cat_relation *r, int32_t attnum, bool with_absent)
{
    if (attnum == CATALOG_ROWID) {
        add_column(out, CATALOG_ROWID, PHYS_INT64, -1);
        return;
    }
    const struct cat_column *c = cat_column_at(r, attnum);
    struct type_storage s = type_storage(c->type_oid, c->typmod);
    uint32_t before = out->n;
    add_column(out, (uint32_t)attnum, s.kind, s.dec_scale);
    if (with_absent && out->n > before && c->absent_len) {
        struct datum value;
        if (row_find(c->absent, c->absent_len, (uint32_t)attnum, &value) == 1)
            out->items[before].absent = value;
    }
}

struct kv_schema *phys_schema(const struct cat_relation *r, const struct cat_index *index, storage_id id, storage_id home,
                              uint32_t version, uint16_t n_shards, struct arena *arena)
{
    struct phys_part *parts;
    bool table = !index || index->primary;
    uint32_t n_parts = phys_key(r, index, arena, &parts);
    struct columns c = {arena_array(arena, struct kv_column, r->n_columns + n_parts * 2 + 8 + (index ? index->n_include : 0)), 0};
    for (uint32_t i = 0; i < n_parts; i++)
        add_column(&c, parts[i].column_id, parts[i].kind, parts[i].dec_scale);
    for (uint32_t i = 0; table && i < r->n_columns; i++)
        if (!r->columns[i].dropped)
            add_attribute(&c, r, r->columns[i].attnum, true);
    for (uint32_t i = 0; !table && i < n_parts; i++)
        if (parts[i].attnum && (parts[i].opaque || parts[i].tie))
            add_attribute(&c, r, parts[i].attnum, false);
    for (uint32_t i = 0; !table && i < index->n_include; i++)
        add_attribute(&c, r, index->include[i], false);
    struct kv_schema *s = arena_new(arena, struct kv_schema);
    s->id = id;
    s->home = home;
    s->version = version;
    s->n_columns = (uint16_t)c.n;
    s->columns = c.items;
    s->n_key = (uint16_t)n_parts;
    s->key = arena_array(arena, struct kv_key_part, n_parts);
    for (uint32_t i = 0; i < n_parts; i++)
        s->key[i] = (struct kv_key_part){.column = (uint16_t)i, .desc = parts[i].desc, .nulls_first = parts[i].nulls_first};
    s->n_shards = n_shards ? n_shards : 1;
    s->n_hash_parts = s->n_shards > 1 ? 1 : 0;
    return s;
}

bool phys_column(const struct cat_relation *r, const struct cat_index *index, int32_t attnum, uint32_t *column_id)
{
    *column_id = (uint32_t)attnum;
    if (!index || index->primary)
        return true;
    for (uint32_t i = 0; i < index->n_keys; i++)
        if (index->keys[i].attnum == attnum)
            return true;
    for (uint32_t i = 0; i < index->n_include; i++)
        if (index->include[i] == attnum)
            return true;
    const struct cat_index *pk = phys_primary(r);
    if (!pk)
        return attnum == CATALOG_ROWID;
    for (uint32_t i = 0; i < pk->n_keys; i++)
        if (pk->keys[i].attnum == attnum)
            return true;
    return false;
}
