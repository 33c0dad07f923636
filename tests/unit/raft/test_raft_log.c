/* The core's log against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "raft/raft_log_int.h"

#define INDEX_MAX 4000

struct model {
    raft_term terms[INDEX_MAX];
    raft_index start, last;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void append(struct raft_log *log, struct model *m, raft_term term)
{
    struct raft_entry *entry = raft_entry_create(RAFT_ENTRY_COMMAND, "x", 1);

    entry->index = ++m->last;
    entry->term = m->terms[m->last] = term;
    raft_log_append(log, entry);
    raft_entry_unref(entry);
}

static raft_index find_slowly(const struct model *m, raft_index index, raft_term term)
{
    if (index > m->last)
        index = m->last;
    while (index > m->start && m->terms[index] > term)
        index--;
    return index;
}

static void compare(const struct raft_log *log, const struct model *m, raft_index cached_first)
{
    raft_term term;

    assert_int_equal(log->start, m->start);
    assert_int_equal(log->last, m->last);
    assert_int_equal(raft_log_last_term(log), m->terms[m->last]);
    assert_false(raft_log_term(log, m->last + 1, &term));
    if (m->start > 0)
        assert_false(raft_log_term(log, m->start - 1, &term));
    for (raft_index i = m->start; i <= m->last; i++) {
        struct raft_entry *entry = raft_log_entry(log, i);

        assert_true(raft_log_term(log, i, &term));
        assert_int_equal(term, m->terms[i]);
        assert_int_equal(entry != NULL, i >= cached_first && i > m->start);
        if (entry != NULL) {
            assert_int_equal(entry->index, i);
            assert_int_equal(entry->term, m->terms[i]);
        }
    }
}

static void step(struct raft_log *log, struct model *m, uint64_t *state, raft_term *term)
{
    switch (next_random(state) % 8) {
    case 0:
        if (m->last > m->start) {
            raft_index from = m->start + 1 + next_random(state) % (m->last - m->start);

            raft_log_truncate(log, from);
            m->last = from - 1;
            (*term)++;
        }
        break;
    case 1:
        m->start += next_random(state) % (m->last - m->start + 1);
        raft_log_compact(log, m->start);
        break;
    case 2:
        raft_log_trim(log, m->last - next_random(state) % 3 % (m->last + 1),
                      next_random(state) % 500);
        break;
    case 3:
        if (next_random(state) % 10 == 0) {
            m->start = m->last = m->last + next_random(state) % 5;
            m->terms[m->start] = ++*term;
            raft_log_reset(log, m->start, *term);
        }
        break;
    default:
        *term += next_random(state) % 4 == 0;
        append(log, m, *term);
    }
}

static void test_against_model(void **unused)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct raft_log log;
        struct model *m = calloc(1, sizeof(*m));
        uint64_t state = seed;
        raft_term term = 1;

        raft_log_init(&log, 0, 0);
        for (int i = 0; i < 300; i++) {
            step(&log, m, &state, &term);
            compare(&log, m, log.cached_first);
            for (int k = 0; k < 4; k++) {
                raft_index index = m->start + next_random(&state) % (m->last - m->start + 3);
                raft_term upto = next_random(&state) % (term + 2);

                assert_int_equal(raft_log_find_term(&log, index, upto),
                                 find_slowly(m, index, upto));
            }
        }
        raft_log_done(&log);
        free(m);
    }
}

static void test_cache_is_counted(void **unused)
{
    struct raft_log log;
    struct model *m = calloc(1, sizeof(*m));

    raft_log_init(&log, 0, 0);
    for (int i = 0; i < 100; i++)
        append(&log, m, 1);
    assert_true(log.cache_bytes >= 100 * sizeof(struct raft_entry));
    raft_log_trim(&log, 60, 0);
    assert_int_equal(log.cached_first, 61);
    raft_log_trim(&log, 100, 0);
    assert_int_equal(log.cache_bytes, 0);
    assert_int_equal(log.cached_first, 101);
    compare(&log, m, 101);
    append(&log, m, 2);
    compare(&log, m, 101);
    raft_log_truncate(&log, 50); /* into what is no longer cached */
    m->last = 49;
    compare(&log, m, 50);
    append(&log, m, 3);
    compare(&log, m, 50);
    raft_log_done(&log);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_model),
                                       cmocka_unit_test(test_cache_is_counted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
