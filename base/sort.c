#include "base/sort.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN = 12 };

static void *must_scratch(size_t count, size_t size)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes);
    if (!p) {
        fprintf(stderr, "cairn: out of memory sorting %zu elements\n", count);
        abort();
    }
    return p;
}

static void insert_run(void **a, size_t n, sort_compare_fn *compare, void *ctx)
{
    for (size_t i = 1; i < n; i++) {
        void *x = a[i];
        size_t j = i;
        while (j > 0 && compare(a[j - 1], x, ctx) > 0) {
            a[j] = a[j - 1];
            j--;
        }
        a[j] = x;
    }
}

/* Merges from[lo, mid) and from[mid, hi) into to[lo, hi). */
static void merge_runs(void **from, void **to, size_t lo, size_t mid, size_t hi,
                       sort_compare_fn *compare, void *ctx)
{
    if (mid < hi && compare(from[mid - 1], from[mid], ctx) <= 0) {
        memcpy(to + lo, from + lo, (hi - lo) * sizeof *to);
        return;
    }
    size_t i = lo, j = mid, k = lo;
    while (i < mid && j < hi)
        to[k++] = compare(from[i], from[j], ctx) <= 0 ? from[i++] : from[j++];
    while (i < mid)
        to[k++] = from[i++];
    while (j < hi)
        to[k++] = from[j++];
}

void sort_pointers(void **items, size_t count, sort_compare_fn *compare, void *ctx, void **scratch)
{
    for (size_t lo = 0; lo < count; lo += RUN)
        insert_run(items + lo, count - lo < RUN ? count - lo : RUN, compare, ctx);
    if (count <= RUN)
        return;
    void **own = scratch ? NULL : must_scratch(count, sizeof *items);
    void **from = items, **to = scratch ? scratch : own;
    for (size_t width = RUN; width < count; width *= 2) {
        for (size_t lo = 0; lo < count; lo += 2 * width) {
            size_t mid = lo + width < count ? lo + width : count;
            size_t hi = mid + width < count ? mid + width : count;
            merge_runs(from, to, lo, mid, hi, compare, ctx);
        }
        void **swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    free(own);
}

void sort_stable(void *items, size_t count, size_t size, sort_compare_fn *compare, void *ctx,
                 void *scratch)
{
    if (count < 2)
        return;
    /* Sort pointers, then copy once: elements move twice however many passes there are. */
    void **pointers = must_scratch(count, 2 * sizeof *pointers);
    for (size_t i = 0; i < count; i++)
        pointers[i] = (char *)items + i * size;
    sort_pointers(pointers, count, compare, ctx, pointers + count);
    char *own = scratch ? NULL : must_scratch(count, size);
    char *out = scratch ? scratch : own;
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * size, pointers[i], size);
    memcpy(items, out, count * size);
    free(own);
    free(pointers);
}

size_t sort_lower_bound(const void *items, size_t count, size_t size, const void *key,
                        sort_compare_fn *compare, void *ctx)
{
    size_t lo = 0, hi = count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare((const char *)items + mid * size, key, ctx) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
