/* fuzz_main.h: a main for a fuzzer without libFuzzer: inputs drawn by the fuzzer itself, mutated
 * deterministically.
 *
 * The fuzzer defines LLVMFuzzerTestOneInput and fuzz_draw (a valid input from a seed). With
 * -DFUZZ_STANDALONE this main runs
 *
 *     fuzz_x [--seed N] [--runs N] [FILE...]    FILEs are run as they are
 *
 * and anything that aborts has been found; the seed printed last repeats it.
 */
#ifndef CAIRN_TESTS_FUZZ_FUZZ_MAIN_H
#define CAIRN_TESTS_FUZZ_FUZZ_MAIN_H

#include "base/buf.h"
#include "base/prng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_draw(struct prng *prng, struct buf *out);

#ifdef FUZZ_STANDALONE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mutate(struct prng *p, struct buf *b)
{
    for (uint64_t n = prng_below(p, 6); n-- > 0 && b->len;) {
        size_t at = prng_below(p, b->len), len = 1 + prng_below(p, 8);
        switch (prng_below(p, 5)) {
        case 0:
            b->data[at] ^= (uint8_t)(1u << prng_below(p, 8));
            break;
        case 1:
            b->data[at] = (uint8_t)prng_next(p);
            break;
        case 2:
            b->len = at;
            break;
        case 3:
            for (size_t i = at; i < b->len && i < at + len; i++)
                b->data[i] = prng_below(p, 2) ? 0xff : 0;
            break;
        default:
            for (size_t i = at; i + len < b->len && i < at + len; i++)
                b->data[i] = b->data[i + len];
        }
    }
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        return 1;
    }
    struct buf b = {0};
    size_t got;
    while ((got = fread(buf_extend(&b, 65536), 1, 65536, f)) > 0)
        b.len -= 65536 - got;
    fclose(f);
    b.len -= 65536;
    LLVMFuzzerTestOneInput(b.data, b.len);
    buf_done(&b);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long long seed = 1, runs = 20000;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtoull(argv[++i], NULL, 10);
        else if (run_file(argv[i]) == 0)
            files++;
        else
            return 1;
    }
    for (unsigned long long r = 0; r < runs && !files; r++) {
        struct prng p;
        struct buf b = {0}, exact = {0};
        prng_init(&p, seed + r);
        fuzz_draw(&p, &b);
        mutate(&p, &b);
        /* In memory of exactly its size, so that the sanitizer sees a read behind it. */
        exact.data = malloc(b.len ? b.len : 1);
        if (b.len)
            memcpy(exact.data, b.data, b.len);
        if (r % 10000 == 0)
            fprintf(stderr, "\r%s: seed %llu", argv[0], seed + r);
        LLVMFuzzerTestOneInput(exact.data, b.len);
        free(exact.data);
        buf_done(&b);
    }
    fprintf(stderr, "\r%s: %llu runs passed\n", argv[0], runs);
    return 0;
}
#endif

#endif
