/* array.h: arrays: one flat, self-describing form, the same in memory, on disk and between nodes.
 *
 *   0        4       8                      8 + 8*ndim
 *   +--------+-------+-----------------------+-----------------------------------------
 *   | elem   | ndim  | ndim x (len, lbound)  | elements, row-major: length (-1 = null), value bytes
 *   +--------+-------+-----------------------+-----------------------------------------
 *   all int32 little endian. A value of a fixed-width kind is its bytes; numeric is num bytes;
 * others their bytes.
 *
 * An empty array has ndim 0. At most ARRAY_DIMS_MAX dimensions. int2vector and oidvector are
 * one-dimensional with lower bound 0. Bytes from outside are checked by array_open; a false answer
 * means corrupted data.
 */
#ifndef CAIRN_TYPES_TYPE_ARRAY_H
#define CAIRN_TYPES_TYPE_ARRAY_H

#include "types/type/type.h"

enum { ARRAY_DIMS_MAX = 6, ARRAY_ELEMENTS_MAX = 134217727 };

struct array {
    uint32_t elem; /* element type */
    uint32_t n_dims;
    uint32_t n; /* elements in all */
    int32_t dims[ARRAY_DIMS_MAX];
    int32_t lower[ARRAY_DIMS_MAX];
    const uint8_t *at, *end; /* the elements not yet read */
};

bool array_open(const struct bytes_view *v, struct array *out);
/* Reads the next element (borrowing long bytes); false at the end. */
bool array_next(struct array *a, struct datum *out);

/* Builds a one-dimensional array (or, with array_shape, any) element by element. */
struct array_builder {
    struct buf bytes;
    uint32_t elem;
    uint32_t n;
    uint32_t n_dims; /* 0 until shaped: one dimension is made at the end */
    int32_t dims[ARRAY_DIMS_MAX];
    int32_t lower[ARRAY_DIMS_MAX];
};
void array_begin(struct array_builder *b, uint32_t elem);
void array_shape(struct array_builder *b, uint32_t n_dims, const int32_t *dims,
                 const int32_t *lower);
void array_add(struct array_builder *b, const struct datum *value); /* may be null */
/* Frees the builder. */
struct datum array_end(struct array_builder *b, struct arena *arena);
void array_abandon(struct array_builder *b);

/* Element type of an array type, or 0. */
uint32_t array_element_type(uint32_t array_type);
uint32_t array_type_of(uint32_t elem_type);

int array_in(const struct type_env *env, uint32_t array_type, int32_t typmod, const char *text,
             size_t len, struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;
int array_out(const struct type_env *env, const struct bytes_view *v, struct buf *out,
              struct err *err) MUST_CHECK;
int array_recv(const struct type_env *env, uint32_t array_type, int32_t typmod, const uint8_t *data,
               size_t len, struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;
int array_send(const struct type_env *env, const struct bytes_view *v, struct buf *out,
               struct err *err) MUST_CHECK;
/* SQL comparison: element by element, shorter first; nulls equal each other and sort last. */
int array_compare(const struct bytes_view *a, const struct bytes_view *b);
void array_key_append(const struct bytes_view *v, struct buf *out);

/* The vectors' text form: numbers separated by blanks. */
int array_vector_in(uint32_t type, const char *text, size_t len, struct arena *arena,
                    struct datum *out, struct err *err) MUST_CHECK;
void array_vector_out(const struct bytes_view *v, struct buf *out);

#endif
