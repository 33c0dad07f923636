/* The state store's map against a sorted array, and its encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/tablet/state_map.h"

enum { KEYS = 300, STEPS = 20000 };

struct model {
    bool in[KEYS];
    uint32_t value[KEYS];
};

static size_t make_key(uint32_t k, char *out)
{
    /* Keys of several lengths, prefixes of each other among them. */
    return (size_t)sprintf(out, "%0*u%s", 1 + (int)(k % 3), k, k % 2 ? "x" : "");
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_equal(const struct state_map *map, const struct model *model)
{
    char *sorted[KEYS];
    size_t n = 0, bytes = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        if (!model->in[k])
            continue;
        char key[32];
        bytes += make_key(k, key) + sizeof(uint32_t);
        sorted[n++] = strdup(key);
    }
    qsort(sorted, n, sizeof sorted[0], compare_text);
    assert_int_equal(map->count, n);
    assert_int_equal(map->bytes, bytes);
    const struct state_node *node = state_map_seek(map, NULL, 0);
    for (size_t i = 0; i < n; i++, node = state_node_next(node)) {
        assert_non_null(node);
        size_t len;
        const uint8_t *key = state_node_key(node, &len);
        assert_int_equal(len, strlen(sorted[i]));
        assert_memory_equal(key, sorted[i], len);
        assert_ptr_equal(state_map_seek(map, key, len), node);
        free(sorted[i]);
    }
    assert_null(node);
}

static void run_steps(struct state_map *map, struct model *model, uint64_t seed, int steps)
{
    struct prng prng;
    prng_init(&prng, seed);
    for (int i = 0; i < steps; i++) {
        uint32_t k = (uint32_t)prng_below(&prng, KEYS), v = (uint32_t)prng_next(&prng);
        char key[32];
        size_t len = make_key(k, key);
        const uint8_t *got;
        size_t got_len;
        bool found = state_map_get(map, key, len, &got, &got_len);
        assert_int_equal(found, model->in[k]);
        if (found) {
            assert_int_equal(got_len, sizeof v);
            assert_memory_equal(got, &model->value[k], sizeof v);
        }
        if (prng_chance(&prng, 0.4)) {
            assert_int_equal(state_map_del(map, key, len), model->in[k]);
            model->in[k] = false;
        } else {
            state_map_put(map, key, len, &v, sizeof v);
            model->in[k] = true;
            model->value[k] = v;
        }
        if (i % 500 == 0)
            check_equal(map, model);
    }
    check_equal(map, model);
}

static void test_against_model(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct state_map map;
        struct model model = {0};
        state_map_init(&map);
        run_steps(&map, &model, seed, STEPS);
        state_map_done(&map);
    }
}

static void test_encoding_forgets_history(void **state)
{
    struct state_map a, b;
    struct model model = {0};
    state_map_init(&a);
    state_map_init(&b);
    run_steps(&a, &model, 7, 5000);
    struct buf first = {0}, second = {0};
    state_map_encode(&a, &first);
    state_map_put(&b, "gone", 4, "x", 1);
    struct buf_reader in = buf_reader_of(first.data, first.len);
    assert_int_equal(state_map_decode(&b, &in, NULL), 0);
    assert_int_equal(buf_reader_left(&in), 0);
    check_equal(&b, &model);
    state_map_encode(&b, &second);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buf_done(&first);
    buf_done(&second);
    state_map_done(&a);
    state_map_done(&b);
}

static void test_damaged_is_refused(void **state)
{
    struct state_map map;
    state_map_init(&map);
    state_map_put(&map, "a", 1, "1", 1);
    state_map_put(&map, "b", 1, "2", 1);
    struct buf bytes = {0};
    state_map_encode(&map, &bytes);
    for (size_t cut = 0; cut < bytes.len; cut++) {
        struct buf_reader in = buf_reader_of(bytes.data, cut);
        struct err err = {0};
        assert_int_equal(state_map_decode(&map, &in, &err), ERR_DATA_CORRUPTED);
        assert_int_equal(map.count, 0);
    }
    bytes.data[bytes.len - 3] = 'a'; /* key b becomes a second a: not ascending */
    struct buf_reader in = buf_reader_of(bytes.data, bytes.len);
    assert_int_equal(state_map_decode(&map, &in, NULL), ERR_DATA_CORRUPTED);
    buf_done(&bytes);
    state_map_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_encoding_forgets_history),
        cmocka_unit_test(test_damaged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
