/* Commands cut into log entries and put together again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "storage/tablet/group_chunk.h"

static uint8_t *make_bytes(size_t n, uint64_t seed)
{
    uint8_t *bytes = malloc(n ? n : 1);
    struct prng prng;
    prng_init(&prng, seed);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)prng_next(&prng);
    return bytes;
}

static struct raft_entry *split_at(const void *bytes, size_t n, raft_index first, raft_term term,
                                   struct raft_entry **entries)
{
    size_t count = group_chunk_count(n);
    group_chunk_split(bytes, n, entries);
    for (size_t i = 0; i < count; i++) {
        assert_true(entries[i]->size_bytes <= GROUP_CHUNK_BYTES_MAX);
        entries[i]->index = first + i;
        entries[i]->term = term;
    }
    return entries[0];
}

static void drop_all(struct raft_entry **entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        raft_entry_unref(entries[i]);
}

static void test_round_trip(void **state)
{
    const size_t sizes[] = {0,           1,           1000, GROUP_CHUNK_BYTES_MAX - 11,
                            GROUP_CHUNK_BYTES_MAX - 10, GROUP_CHUNK_BYTES_MAX, 5u << 20};
    struct group_chunks chunks;
    group_chunks_init(&chunks);
    raft_index index = 1;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint8_t *bytes = make_bytes(sizes[s], s);
        struct raft_entry *entries[16];
        size_t count = group_chunk_count(sizes[s]);
        split_at(bytes, sizes[s], index, 3, entries);
        const uint8_t *got;
        size_t got_len;
        for (size_t i = 0; i < count; i++) {
            enum group_chunk_result r = group_chunks_add(&chunks, entries[i], &got, &got_len);
            assert_int_equal(r, i + 1 == count ? GROUP_CHUNK_COMMAND : GROUP_CHUNK_NONE);
            raft_index boundary = group_chunk_boundary(&chunks, index + i);
            assert_int_equal(boundary, i + 1 == count ? index + i : index - 1);
        }
        assert_int_equal(got_len, sizes[s]);
        assert_memory_equal(got, bytes, sizes[s]);
        drop_all(entries, count);
        index += count;
        free(bytes);
    }
    group_chunks_done(&chunks);
}

/* A new leader's entries end what the old one left half done. */
static void test_cut_by_new_term(void **state)
{
    uint8_t *bytes = make_bytes(3u << 20, 1);
    struct raft_entry *entries[8], *next[8];
    size_t count = group_chunk_count(3u << 20), len;
    const uint8_t *got;
    struct group_chunks chunks;
    group_chunks_init(&chunks);
    split_at(bytes, 3u << 20, 10, 5, entries);
    assert_int_equal(group_chunks_add(&chunks, entries[0], &got, &len), GROUP_CHUNK_NONE);
    assert_int_equal(group_chunks_add(&chunks, entries[1], &got, &len), GROUP_CHUNK_NONE);
    assert_int_equal(group_chunk_boundary(&chunks, 11), 9);
    struct raft_entry *noop = raft_entry_create(RAFT_ENTRY_NOOP, NULL, 0);
    noop->index = 12;
    noop->term = 6;
    assert_int_equal(group_chunks_add(&chunks, noop, &got, &len), GROUP_CHUNK_NONE);
    assert_int_equal(group_chunk_boundary(&chunks, 12), 12);
    /* The old tail is nothing without its beginning. */
    entries[2]->index = 13;
    assert_int_equal(group_chunks_add(&chunks, entries[2], &got, &len), GROUP_CHUNK_NONE);
    entries[3]->index = 14;
    assert_int_equal(group_chunks_add(&chunks, entries[3], &got, &len), GROUP_CHUNK_NONE);
    split_at("new", 3, 15, 6, next);
    assert_int_equal(group_chunks_add(&chunks, next[0], &got, &len), GROUP_CHUNK_COMMAND);
    assert_int_equal(len, 3);
    drop_all(entries, count);
    drop_all(next, 1);
    raft_entry_unref(noop);
    group_chunks_done(&chunks);
    free(bytes);
}

static void test_gap_and_wrong_term(void **state)
{
    uint8_t *bytes = make_bytes(2u << 20, 1);
    struct raft_entry *entries[8];
    size_t count = group_chunk_count(2u << 20), len;
    const uint8_t *got;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct group_chunks chunks;
        group_chunks_init(&chunks);
        split_at(bytes, 2u << 20, 1, 1, entries);
        assert_int_equal(group_chunks_add(&chunks, entries[0], &got, &len), GROUP_CHUNK_NONE);
        if (wrong)
            entries[1]->term = 2;
        else
            entries[1]->index = 3;
        for (size_t i = 1; i < count; i++)
            assert_int_equal(group_chunks_add(&chunks, entries[i], &got, &len), GROUP_CHUNK_NONE);
        drop_all(entries, count);
        group_chunks_done(&chunks);
    }
    free(bytes);
}

static void test_malformed(void **state)
{
    const uint8_t unknown_version[] = {0x23, 'x'}, size_too_small[] = {0x11, 1, 'a', 'b'};
    struct raft_entry *a = raft_entry_create(RAFT_ENTRY_COMMAND, unknown_version, 2);
    struct raft_entry *b = raft_entry_create(RAFT_ENTRY_COMMAND, size_too_small, 4);
    struct raft_entry *c = raft_entry_create(RAFT_ENTRY_COMMAND, NULL, 0);
    struct group_chunks chunks;
    group_chunks_init(&chunks);
    const uint8_t *got;
    size_t len;
    assert_int_equal(group_chunks_add(&chunks, a, &got, &len), GROUP_CHUNK_MALFORMED);
    assert_int_equal(group_chunks_add(&chunks, b, &got, &len), GROUP_CHUNK_MALFORMED);
    assert_int_equal(group_chunks_add(&chunks, c, &got, &len), GROUP_CHUNK_MALFORMED);
    raft_entry_unref(a);
    raft_entry_unref(b);
    raft_entry_unref(c);
    group_chunks_done(&chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_by_new_term),
        cmocka_unit_test(test_gap_and_wrong_term),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
