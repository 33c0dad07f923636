/* sort.h: our own sorting, with a context.
 *
 * libc's qsort changes algorithm with free memory; results must not depend on that. sort_stable is
 * a merge sort (bottom-up, insertion-sorted runs of 12) that takes scratch memory from the caller
 * or malloc; sort_pointers is the same on an array of pointers. compare returns <0, 0, >0 and must
 * be a total order; equal elements keep their order.
 */
#ifndef CAIRN_BASE_SORT_H
#define CAIRN_BASE_SORT_H

#include <stddef.h>

typedef int sort_compare_fn(const void *a, const void *b, void *ctx);

/* scratch: count * size bytes, or NULL to use malloc (aborts when out of memory). */
void sort_stable(void *items, size_t count, size_t size, sort_compare_fn *compare, void *ctx,
                 void *scratch);
/* compare gets the pointers themselves, not pointers to them. */
void sort_pointers(void **items, size_t count, sort_compare_fn *compare, void *ctx, void **scratch);
/* First position whose element is not less than key; compare(element, key, ctx). */
size_t sort_lower_bound(const void *items, size_t count, size_t size, const void *key,
                        sort_compare_fn *compare, void *ctx);

#endif
