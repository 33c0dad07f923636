/* A store's directory and identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/tablet/store_dir.h"
#include "tests/support/rt_test.h"

static struct store_identity *make_identity(void)
{
    struct store_identity *id = calloc(1, sizeof *id);
    for (int i = 0; i < 16; i++)
        id->cluster_id[i] = (uint8_t)(i * 17);
    id->node_id = 2;
    id->boot_epoch = 7;
    id->n_data_groups = 3;
    id->n_nodes = 3;
    for (uint32_t i = 0; i < 3; i++) {
        id->nodes[i].id = i + 1;
        sprintf(id->nodes[i].rpc, "node%u:26257", i);
        sprintf(id->nodes[i].sql, "node%u:5432", i);
    }
    return id;
}

static void test_identity_bytes(void **state)
{
    struct store_identity *id = make_identity(), *got = calloc(1, sizeof *got);
    struct buf bytes = {0};
    struct err err = {0};
    store_identity_encode(id, &bytes);
    assert_int_equal(store_identity_decode(bytes.data, bytes.len, got, &err), 0);
    assert_memory_equal(id, got, sizeof *id);
    for (size_t cut = 0; cut < bytes.len; cut++)
        assert_int_not_equal(store_identity_decode(bytes.data, cut, got, &err), 0);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(store_identity_decode(bytes.data, bytes.len, got, &err), 0);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_done(&bytes);
    free(id);
    free(got);
}

static void set_identity(struct store_identity *id, void *arg)
{
    *id = *(struct store_identity *)arg;
}

static void life_body(struct task *task, void *arg)
{
    struct err err = {0};
    struct store_dir *dir, *again;
    rt_ok(store_dir_open(task, "s", &dir, &err), &err);
    rt_check(!dir->has_identity);
    rt_check(store_dir_open(task, "s", &again, &err) == ERR_OBJECT_IN_USE);
    rt_check(strstr(err.message, "another server") != NULL);
    struct store_identity *id = make_identity();
    rt_ok(store_dir_update(task, dir, set_identity, id, &err), &err);
    rt_ok(store_dir_boot(task, dir, &err), &err);
    store_dir_close(task, dir);
    rt_ok(store_dir_open(task, "s", &dir, &err), &err);
    rt_check(dir->has_identity && dir->identity.boot_epoch == 8);
    rt_check(dir->identity.node_id == 2 && strcmp(dir->identity.nodes[2].sql, "node2:5432") == 0);
    store_dir_close(task, dir);
    free(id);
}

static void test_life(void **state)
{
    rt_test_run(life_body, NULL);
}

/* An identity that is damaged, or missing beside a log, is never taken for a fresh store. */
static void lost_body(struct task *task, void *arg)
{
    struct err err = {0};
    struct store_dir *dir;
    enum fs_result result;
    rt_ok(store_dir_open(task, "s", &dir, &err), &err);
    store_dir_close(task, dir);
    rt_ok(file_replace(task, "s/IDENTITY", "garbage", 7, &err), &err);
    rt_check(store_dir_open(task, "s", &dir, &err) == ERR_DATA_CORRUPTED);
    rt_ok(fs_unlink(task, "s/IDENTITY", &result, &err), &err);
    rt_ok(fs_mkdir(task, "s/log", &result, &err), &err);
    rt_check(store_dir_open(task, "s", &dir, &err) == ERR_DATA_CORRUPTED);
    rt_check(strstr(err.message, "no identity") != NULL);
    rt_check(store_dir_open(task, "no/parent", &dir, &err) != 0);
}

static void test_lost_identity(void **state)
{
    rt_test_run(lost_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_bytes),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_lost_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
