/* catalog_codec.c: catalog objects to and from their stored protobuf form (descriptor.proto). */
#include "planner/catalog/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "planner/catalog/descriptor.pb-c.h"

typedef Cairn__CatColumn pb_column;
typedef Cairn__CatKeyPart pb_key_part;
typedef Cairn__CatIndex pb_index;
typedef Cairn__CatConstraint pb_constraint;
typedef Cairn__CatSequence pb_sequence;
typedef Cairn__CatRelation pb_relation;
typedef Cairn__CatObject pb_object;

/* protobuf's absent string is "", ours is NULL. */
static char *text_out(const char *text)
{
    return text ? (char *)text : (char *)"";
}

static const char *text_in(struct arena *arena, const char *text)
{
    return text && text[0] ? arena_strdup(arena, text) : NULL;
}

static char *char_out(struct arena *arena, char c)
{
    return c ? arena_strndup(arena, &c, 1) : (char *)"";
}

static ProtobufCBinaryData schema_out(struct arena *arena, const struct kv_schema *schema)
{
    if (!schema)
        return (ProtobufCBinaryData){0};
    struct buf bytes;
    buf_init(&bytes);
    kv_schema_encode(schema, &bytes);
    ProtobufCBinaryData out = {bytes.len, arena_memdup(arena, bytes.data, bytes.len)};
    buf_done(&bytes);
    return out;
}

static void column_out(struct arena *arena, const struct cat_column *c, pb_column *out)
{
    cairn__cat_column__init(out);
    out->attnum = c->attnum;
    out->name = text_out(c->name);
    out->type_oid = c->type_oid;
    out->typmod = c->typmod;
    out->not_null = c->not_null;
    out->dropped = c->dropped;
    out->has_default = c->has_default;
    out->default_expr = text_out(c->default_expr);
    out->generated_expr = text_out(c->generated_expr);
    out->identity = char_out(arena, c->identity);
    out->sequence_oid = c->sequence_oid;
    out->absent = (ProtobufCBinaryData){c->absent_len, (uint8_t *)c->absent};
    out->collation = c->collation;
    out->ndims = c->ndims;
}

static void column_in(struct arena *arena, const pb_column *c, struct cat_column *out)
{
    *out = (struct cat_column){
        .attnum = c->attnum,
        .name = arena_strdup(arena, c->name),
        .type_oid = c->type_oid,
        .typmod = c->typmod,
        .collation = c->collation,
        .not_null = c->not_null,
        .dropped = c->dropped,
        .has_default = c->has_default,
        .identity = c->identity[0],
        .default_expr = text_in(arena, c->default_expr),
        .generated_expr = text_in(arena, c->generated_expr),
        .sequence_oid = c->sequence_oid,
        .ndims = c->ndims,
    };
    if (c->absent.len) {
        out->absent = arena_memdup(arena, c->absent.data, c->absent.len);
        out->absent_len = (uint32_t)c->absent.len;
    }
}

static void index_out(struct arena *arena, const struct cat_index *x, pb_index *out)
{
    cairn__cat_index__init(out);
    out->oid = x->oid;
    out->name = text_out(x->name);
    out->constraint_oid = x->constraint_oid;
    out->storage_id = x->storage;
    out->primary = x->primary;
    out->unique = x->unique;
    out->nulls_not_distinct = x->nulls_not_distinct;
    out->valid = x->valid;
    out->n_keys = x->n_keys;
    out->keys = arena_array(arena, pb_key_part *, x->n_keys);
    for (uint32_t i = 0; i < x->n_keys; i++) {
        pb_key_part *k = out->keys[i] = arena_new(arena, pb_key_part);
        cairn__cat_key_part__init(k);
        k->attnum = x->keys[i].attnum;
        k->expr = text_out(x->keys[i].expr);
        k->desc = x->keys[i].desc;
        k->nulls_first = x->keys[i].nulls_first;
        k->type_oid = x->keys[i].type_oid;
        k->typmod = x->keys[i].typmod;
        k->collation = x->keys[i].collation;
    }
    out->n_include = x->n_include;
    out->include = x->include;
    out->predicate = text_out(x->predicate);
    out->schema = schema_out(arena, x->schema);
}

static int index_in(struct arena *arena, const pb_index *x, struct cat_index *out, struct err *err)
{
    *out = (struct cat_index){
        .oid = x->oid,
        .name = arena_strdup(arena, x->name),
        .constraint_oid = x->constraint_oid,
        .storage = x->storage_id,
        .primary = x->primary,
        .unique = x->unique,
        .nulls_not_distinct = x->nulls_not_distinct,
        .valid = x->valid,
        .n_keys = (uint32_t)x->n_keys,
        .n_include = (uint32_t)x->n_include,
        .include = arena_memdup(arena, x->include, x->n_include * sizeof *x->include),
        .predicate = text_in(arena, x->predicate),
    };
    out->keys = arena_array(arena, struct cat_key_part, x->n_keys);
    for (size_t i = 0; i < x->n_keys; i++)
        out->keys[i] = (struct cat_key_part){
            .attnum = x->keys[i]->attnum,
            .expr = text_in(arena, x->keys[i]->expr),
            .type_oid = x->keys[i]->type_oid,
            .typmod = x->keys[i]->typmod,
            .collation = x->keys[i]->collation,
            .desc = x->keys[i]->desc,
            .nulls_first = x->keys[i]->nulls_first,
        };
    if (!x->schema.len)
        return 0;
    return kv_schema_decode(x->schema.data, x->schema.len, arena, &out->schema, err);
}

static void constraint_out(struct arena *arena, const struct cat_constraint *c, pb_constraint *out)
{
    cairn__cat_constraint__init(out);
    out->oid = c->oid;
    out->name = text_out(c->name);
    out->kind = char_out(arena, c->kind);
    out->n_columns = c->n_columns;
    out->columns = c->columns;
    out->check_expr = text_out(c->check_expr);
    out->index_oid = c->index_oid;
    out->ref_table = c->ref_table;
    out->n_ref_columns = c->n_ref_columns;
    out->ref_columns = c->ref_columns;
    out->match = char_out(arena, c->match);
    out->on_update = char_out(arena, c->on_update);
    out->on_delete = char_out(arena, c->on_delete);
    out->deferrable = c->deferrable;
    out->validated = c->validated;
}

static void constraint_in(struct arena *arena, const pb_constraint *c, struct cat_constraint *out)
{
    *out = (struct cat_constraint){
        .oid = c->oid,
        .name = arena_strdup(arena, c->name),
        .kind = c->kind[0],
        .n_columns = (uint32_t)c->n_columns,
        .columns = arena_memdup(arena, c->columns, c->n_columns * sizeof *c->columns),
        .check_expr = text_in(arena, c->check_expr),
        .index_oid = c->index_oid,
        .ref_table = c->ref_table,
        .n_ref_columns = (uint32_t)c->n_ref_columns,
        .ref_columns = arena_memdup(arena, c->ref_columns, c->n_ref_columns * sizeof *c->ref_columns),
        .match = c->match[0],
        .on_update = c->on_update[0],
        .on_delete = c->on_delete[0],
        .deferrable = c->deferrable,
        .validated = c->validated,
    };
}

static pb_sequence *sequence_out(struct arena *arena, const struct cat_sequence *s)
{
    if (!s)
        return NULL;
    pb_sequence *out = arena_new(arena, pb_sequence);
    cairn__cat_sequence__init(out);
    out->type_oid = s->type_oid;
    out->start = s->start;
    out->increment = s->increment;
    out->min = s->min;
    out->max = s->max;
    out->cache = s->cache;
    out->cycle = s->cycle;
    out->owner_table = s->owner_table;
    out->owner_attnum = s->owner_attnum;
    return out;
}

static pb_relation *relation_out(struct arena *arena, const struct cat_relation *r)
{
    pb_relation *out = arena_new(arena, pb_relation);
    cairn__cat_relation__init(out);
    out->kind = char_out(arena, r->kind);
    out->n_columns = r->n_columns;
    out->columns = arena_array(arena, pb_column *, r->n_columns);
    for (uint32_t i = 0; i < r->n_columns; i++)
        column_out(arena, &r->columns[i], out->columns[i] = arena_new(arena, pb_column));
    out->n_indexes = r->n_indexes;
    out->indexes = arena_array(arena, pb_index *, r->n_indexes);
    for (uint32_t i = 0; i < r->n_indexes; i++)
        index_out(arena, &r->indexes[i], out->indexes[i] = arena_new(arena, pb_index));
    out->n_constraints = r->n_constraints;
    out->constraints = arena_array(arena, pb_constraint *, r->n_constraints);
    for (uint32_t i = 0; i < r->n_constraints; i++)
        constraint_out(arena, &r->constraints[i], out->constraints[i] = arena_new(arena, pb_constraint));
    out->storage_id = r->storage;
    out->schema = schema_out(arena, r->schema);
    out->next_attnum = r->next_attnum;
    out->view_query = text_out(r->view_query);
    out->sequence = sequence_out(arena, r->sequence);
    out->n_options = r->n_options;
    out->options = (char **)r->options;
    out->n_depends = r->n_depends;
    out->depends = r->depends;
    out->n_referenced_by = r->n_referenced_by;
    out->referenced_by = r->referenced_by;
    out->hidden_rowid = r->hidden_rowid;
    return out;
}

static void sequence_in(struct arena *arena, const pb_sequence *s, struct cat_relation *r)
{
    if (!s)
        return;
    r->sequence = arena_new(arena, struct cat_sequence);
    *r->sequence = (struct cat_sequence){
        .type_oid = s->type_oid,
        .start = s->start,
        .increment = s->increment,
        .min = s->min,
        .max = s->max,
        .cache = s->cache,
        .cycle = s->cycle,
        .owner_table = s->owner_table,
        .owner_attnum = s->owner_attnum,
    };
}

static int relation_in(struct arena *arena, const pb_relation *r, struct cat_relation **out,
                       struct err *err)
{
    struct cat_relation *rel = arena_new(arena, struct cat_relation);
    rel->kind = r->kind[0];
    rel->hidden_rowid = r->hidden_rowid;
    rel->n_columns = (uint32_t)r->n_columns;
    rel->columns = arena_array(arena, struct cat_column, r->n_columns);
    for (size_t i = 0; i < r->n_columns; i++)
        column_in(arena, r->columns[i], &rel->columns[i]);
    rel->n_indexes = (uint32_t)r->n_indexes;
    rel->indexes = arena_array(arena, struct cat_index, r->n_indexes);
    for (size_t i = 0; i < r->n_indexes; i++) {
        int rc = index_in(arena, r->indexes[i], &rel->indexes[i], err);
        if (rc)
            return rc;
    }
    rel->n_constraints = (uint32_t)r->n_constraints;
    rel->constraints = arena_array(arena, struct cat_constraint, r->n_constraints);
    for (size_t i = 0; i < r->n_constraints; i++)
        constraint_in(arena, r->constraints[i], &rel->constraints[i]);
    rel->storage = r->storage_id;
    rel->next_attnum = r->next_attnum;
    rel->view_query = text_in(arena, r->view_query);
    sequence_in(arena, r->sequence, rel);
    rel->n_options = (uint32_t)r->n_options;
    rel->options = arena_array(arena, const char *, r->n_options);
    for (size_t i = 0; i < r->n_options; i++)
        rel->options[i] = arena_strdup(arena, r->options[i]);
    rel->n_depends = (uint32_t)r->n_depends;
    rel->depends = arena_memdup(arena, r->depends, r->n_depends * sizeof *r->depends);
    rel->n_referenced_by = (uint32_t)r->n_referenced_by;
    rel->referenced_by = arena_memdup(arena, r->referenced_by, r->n_referenced_by * sizeof *r->referenced_by);
    if (r->schema.len) {
        int rc = kv_schema_decode(r->schema.data, r->schema.len, arena, &rel->schema, err);
        if (rc)
            return rc;
    }
    *out = rel;
    return 0;
}

void cat_object_encode(const struct cat_object *obj, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    pb_object pb;
    cairn__cat_object__init(&pb);
    pb.format = 1;
    pb.oid = obj->oid;
    pb.db_oid = obj->db_oid;
    pb.class_oid = obj->class_oid;
    pb.name = text_out(obj->name);
    pb.namespace_oid = obj->namespace_oid;
    pb.owner = obj->owner;
    pb.comment = text_out(obj->comment);
    pb.n_column_comments = obj->n_column_comments;
    pb.column_comments = (char **)obj->column_comments;
    Cairn__CatNamespace ns;
    Cairn__CatDatabase db;
    Cairn__CatRole role;
    if (obj->relation) {
        pb.body_case = CAIRN__CAT_OBJECT__BODY_RELATION;
        pb.relation = relation_out(&scratch, obj->relation);
    } else if (obj->class_oid == CLASS_NAMESPACE) {
        cairn__cat_namespace__init(&ns);
        pb.body_case = CAIRN__CAT_OBJECT__BODY_NAMESPACE_;
        pb.namespace_ = &ns;
    } else if (obj->class_oid == CLASS_DATABASE) {
        cairn__cat_database__init(&db);
        pb.body_case = CAIRN__CAT_OBJECT__BODY_DATABASE;
        pb.database = &db;
    } else if (obj->role) {
        cairn__cat_role__init(&role);
        role.superuser = obj->role->superuser;
        role.login = obj->role->login;
        role.create_db = obj->role->create_db;
        role.create_role = obj->role->create_role;
        pb.body_case = CAIRN__CAT_OBJECT__BODY_ROLE;
        pb.role = &role;
    }
    size_t size = cairn__cat_object__get_packed_size(&pb);
    cairn__cat_object__pack(&pb, buf_extend(out, size));
    arena_done(&scratch);
}

static int object_in(const pb_object *pb, struct cat_object *obj, struct err *err)
{
    struct arena *arena = obj->arena;
    obj->namespace_oid = pb->namespace_oid;
    obj->owner = pb->owner;
    obj->comment = text_in(arena, pb->comment);
    obj->n_column_comments = (uint32_t)pb->n_column_comments;
    obj->column_comments = arena_array(arena, const char *, pb->n_column_comments);
    for (size_t i = 0; i < pb->n_column_comments; i++)
        obj->column_comments[i] = arena_strdup(arena, pb->column_comments[i]);
    if (pb->body_case == CAIRN__CAT_OBJECT__BODY_ROLE) {
        obj->role = arena_new(arena, struct cat_role);
        obj->role->superuser = pb->role->superuser;
        obj->role->login = pb->role->login;
        obj->role->create_db = pb->role->create_db;
        obj->role->create_role = pb->role->create_role;
    }
    if (pb->body_case == CAIRN__CAT_OBJECT__BODY_RELATION)
        return relation_in(arena, pb->relation, &obj->relation, err);
    return 0;
}

int cat_object_decode(const uint8_t *data, size_t len, hlc_time version, struct cat_object **out,
                      struct err *err)
{
    pb_object *pb = cairn__cat_object__unpack(NULL, len, data);
    if (!pb)
        return err_set(err, ERR_DATA_CORRUPTED, "a stored catalog object cannot be read");
    if (pb->format != 1) {
        uint32_t format = pb->format;
        cairn__cat_object__free_unpacked(pb, NULL);
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "catalog format %u is newer than this server", format);
    }
    struct cat_object *obj = cat_object_create(pb->class_oid, pb->oid, pb->db_oid, pb->name);
    obj->version = version;
    int rc = object_in(pb, obj, err);
    cairn__cat_object__free_unpacked(pb, NULL);
    if (rc) {
        cat_object_unref(obj);
        return rc;
    }
    *out = obj;
    return 0;
}

struct cat_object *cat_object_copy(const struct cat_object *obj)
{
    /* By its stored form: one list of fields to keep right instead of two. */
    struct buf bytes;
    buf_init(&bytes);
    cat_object_encode(obj, &bytes);
    struct cat_object *copy = NULL;
    int rc = cat_object_decode(bytes.data, bytes.len, 0, &copy, NULL);
    buf_done(&bytes);
    return rc ? NULL : copy;
}
