/* type.h: the built-in SQL types: what they are, how they lie in memory, on disk, in keys and on
 * the wire.
 *
 * Everything is driven by type.def, whose lines are PostgreSQL 15's pg_type rows plus two columns
 * of ours: the physical kind (base/column.h) and whether physical equality and order are SQL's.
 *
 * How values lie in memory
 *   bool BOOL | int2 INT16 | int4, date INT32 | int8, time, timestamp, timestamptz INT64 (us since
 * 2000-01-01) | float4/8 FLOAT32/64 oid, reg*, xid, cid: INT64 (0 .. 2^32-1) | "char", name, text,
 * varchar, bpchar, bytea, unknown, cstring: BYTES uuid BYTES(16) | interval BYTES(16): int64 us,
 * int32 days, int32 months, little endian | timetz BYTES(12): int64 us, int32 zone date: INT32_MIN
 * / INT32_MAX are -infinity / infinity; timestamps likewise with INT64 arrays, int2vector,
 * oidvector: BYTES, array.h's flat form numeric: a `dec` vector (INT64 or INT128 scaled by
 * 10^dec_scale, one scale a vector) or a `num` vector (BYTES, numeric.h; dec_scale = -1). In a dec
 * vector the kind's greatest value is NaN. A vector's dec_scale is the display scale of each of its
 * values.
 *
 * How they are stored. type_storage(oid, typmod) names kind and scale: numeric(p,s) is dec INT64
 * for p <= 18, dec INT128 for p <= 38, any other numeric is num. Everything else is stored as it
 * lies in memory. type_store turns a value or vector in memory into the stored form (numeric only;
 * everything else passes through untouched); reading back needs nothing: a stored dec vector is a
 * legal vector in memory.
 *
 * Keys. TYPE_KEY_PLAIN: base/key.h over the stored value is the SQL order. TYPE_KEY_OPAQUE (floats,
 * num, interval, bpchar, timetz, arrays): type_key_bytes gives bytes whose memcmp order is the SQL
 * order and whose equality is SQL equality; they are stored as a BYTES column beside the value.
 *
 * Invariants
 * 1. type_in(type_out(v)) = v for every value of every type; type_recv(type_send(v)) = v.
 * 2. type_key_bytes(a) == type_key_bytes(b) iff a = b; memcmp of them orders as SQL does.
 * 3. type_canon of two vectors of one (oid, typmod) gives vectors of one physical kind whose
 * physical equality (and, with base/key.h, order) is SQL's: what hash joins, grouping and sorting
 * work on.
 *
 * Everything here is pure: no globals, no waiting, results in the arena passed. Errors carry
 * PostgreSQL's SQLSTATE and wording.
 */
#ifndef CAIRN_TYPES_TYPE_TYPE_H
#define CAIRN_TYPES_TYPE_TYPE_H

#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"

enum type_oid {
    TYPE_NONE = 0,
#define TYPE(NAME, oid, ...) TYPE_##NAME = oid,
#include "types/type/type.def"
#undef TYPE
};

enum type_flags {
    TYPE_PHYS_EQUAL = 1, /* SQL equality is physical equality */
    TYPE_PHYS_ORDER = 2, /* SQL order is datum_compare's (implies PHYS_EQUAL) */
    TYPE_ORDERED = 4,    /* has a btree operator class */
    TYPE_PSEUDO = 8,     /* never a column's type */
};

struct type_info {
    uint32_t oid;
    const char *name;
    int16_t len; /* pg_type.typlen */
    bool byval;
    char kind; /* typtype: b base, p pseudo, ... */
    char category;
    bool preferred;
    char delim;
    uint32_t relid;
    uint32_t elem;  /* element type of an array-like type */
    uint32_t array; /* its array type, 0 = none */
    uint32_t in, out, recv, send, modin, modout, analyze, subscript; /* pg_proc OIDs */
    char align;
    char storage;
    uint32_t collation;
    uint8_t phys; /* enum phys_kind in memory; numeric: BYTES (may also come as INT64/INT128 dec) */
    uint8_t flags; /* enum type_flags */
};

/* All built-in types in OID order. */
const struct type_info *type_table(uint32_t *count);
const struct type_info *type_info(uint32_t oid); /* NULL when not built in */
/* pg_type name ("int4"), as stored: no aliases, no schema. */
const struct type_info *type_by_name(const char *name, size_t len);
/* SQL's own spelling: "integer", "character varying(20)", "timestamp(3) without time zone",
 * "text[]". typmod -1 = none. Unknown OIDs give "???". */
void type_format(uint32_t oid, int32_t typmod, struct buf *out);
/* The same into static-like storage of the arena. */
const char *type_name(uint32_t oid, struct arena *arena);

/* ---- what text forms depend on ------------------------------------------------------------- */

struct tz; /* tz.h */

/* reg* types: names to OIDs and back, from the catalog in memory. */
struct type_names {
    /* text is what the user wrote; reg is the type (TYPE_REGCLASS...). Error: undefined object. */
    int (*oid_of)(void *ctx, uint32_t reg, const char *text, size_t len, uint32_t *oid,
                  struct err *err);
    /* Appends the name (qualified and quoted where needed); false = no such object (the number is
     * printed). */
    bool (*name_of)(void *ctx, uint32_t reg, uint32_t oid, struct buf *out);
    /* A zone by name, NULL = no such zone. */
    const struct tz *(*zone_of)(void *ctx, const char *name, size_t len);
};

enum type_bytea_output { TYPE_BYTEA_HEX, TYPE_BYTEA_ESCAPE };
enum type_date_order { TYPE_ORDER_MDY, TYPE_ORDER_DMY, TYPE_ORDER_YMD };
enum type_date_style { TYPE_STYLE_ISO, TYPE_STYLE_SQL, TYPE_STYLE_POSTGRES, TYPE_STYLE_GERMAN };
enum type_interval_style {
    TYPE_INTERVAL_POSTGRES,
    TYPE_INTERVAL_POSTGRES_VERBOSE,
    TYPE_INTERVAL_SQL_STANDARD,
    TYPE_INTERVAL_ISO_8601
};

/* A zeroed one is: UTC, ISO/MDY, hex, shortest floats, names unknown. Borrowed everywhere; constant
 * for a statement. */
struct type_env {
    const struct tz *zone; /* NULL = UTC */
    uint8_t date_style, date_order, interval_style, bytea_output;
    int8_t float_digits_less; /* extra_float_digits = 1 - this; 0 (default) = shortest round trip */
    int64_t now_us;           /* transaction start, for 'now', 'today', ... */
    const struct type_names *names; /* NULL = no catalog: reg* print and read as numbers */
    void *names_ctx;
};
extern const struct type_env type_env_default;

/* ---- text and binary wire forms ------------------------------------------------------------ */

/* Reads PostgreSQL's text form. typmod is applied as an assignment of a literal would (varchar(n),
 * numeric(p,s), timestamp(p)). text needs no NUL. Numeric comes out as dec when it is short, else
 * num. */
int type_in(const struct type_env *env, uint32_t oid, int32_t typmod, const char *text, size_t len,
            struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;
/* Appends the text form of a non-null value. */
int type_out(const struct type_env *env, uint32_t oid, const struct datum *value, struct buf *out,
             struct err *err) MUST_CHECK;
/* Binary protocol form (PostgreSQL's typreceive / typsend), without the length word. */
int type_recv(const struct type_env *env, uint32_t oid, int32_t typmod, const uint8_t *data,
              size_t len, struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;
int type_send(const struct type_env *env, uint32_t oid, const struct datum *value, struct buf *out,
              struct err *err) MUST_CHECK;

/* Reads the parenthesised modifiers of a type name: varchar(20), numeric(10,2), timestamp(3),
 * interval fields. */
int type_mod_in(uint32_t oid, const int32_t *mods, uint32_t n_mods, int32_t *typmod,
                struct err *err) MUST_CHECK;
/* Makes a value fit its typmod as the length-coercion cast does. explicit_cast: varchar and char
 * are cut silently. */
int type_coerce_length(uint32_t oid, int32_t typmod, bool explicit_cast, const struct datum *value,
                       struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;

/* ---- storage and keys ---------------------------------------------------------------------- */

enum type_key_form { TYPE_KEY_NONE, TYPE_KEY_PLAIN, TYPE_KEY_OPAQUE }; /* NONE: not orderable */

struct type_storage {
    uint8_t kind;      /* enum phys_kind of the stored column */
    uint8_t key_form;  /* enum type_key_form */
    int16_t dec_scale; /* -1 unless dec */
};
struct type_storage type_storage(uint32_t oid, int32_t typmod);

/* In memory -> stored. The value already satisfies the typmod (binder casts first); a numeric that
 * does not fit is 22003. */
int type_store(uint32_t oid, int32_t typmod, const struct datum *value, struct arena *arena,
               struct datum *out, struct err *err) MUST_CHECK;
/* A whole vector; rows of sel (NULL = all). May share memory with `in`. */
int type_store_vec(uint32_t oid, int32_t typmod, struct vec *in, const uint16_t *sel,
                   uint32_t n_sel, struct arena *arena, struct vec *out,
                   struct err *err) MUST_CHECK;

/* Key bytes of a non-null value of any orderable type (PLAIN ones too: base/key.h's bytes without
 * marker). */
struct datum type_key_bytes(uint32_t oid, const struct datum *value, struct arena *arena);
/* Appends marker and bytes, DESC and nulls included: sort keys of any orderable type. value may be
 * null. */
void type_key_append(struct buf *out, uint32_t oid, bool desc, bool nulls_first,
                     const struct datum *value);

/* Gives `out` in canonical physical form (see invariant 3). Shares memory where nothing must
 * change. */
void type_canon(uint32_t oid, int32_t typmod, struct vec *in, const uint16_t *sel, uint32_t n_sel,
                struct arena *arena, struct vec *out);
struct datum type_canon_datum(uint32_t oid, int32_t typmod, const struct datum *value,
                              struct arena *arena);

/* SQL comparison by the default btree operator class; neither null. */
int type_compare(uint32_t oid, const struct datum *a, const struct datum *b);

#endif
