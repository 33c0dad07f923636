/* Sessions over tables of a running node: what a transaction, a portal and a cached plan promise.
 */
#include <pthread.h>

#include "tests/unit/server/wire_client.h"

static void test_rows(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "create table t (id int primary key, v text)", "C:CREATE TABLE Z:I");
    check_query(&c, "insert into t values (1, 'a'), (2, 'b')", "C:INSERT 0 2 Z:I");
    check_query(&c, "insert into t values (3, 'c'); insert into t values (1, 'x')",
                "C:INSERT 0 1 E:23505 Z:I");
    check_query(&c, "select * from t order by id", "T D:1,a D:2,b C:SELECT 2 Z:I");
    check_query(
        &c,
        "begin; insert into t values (4, 'd'); savepoint s; delete from t; rollback to s; commit",
        "C:BEGIN C:INSERT 0 1 C:SAVEPOINT C:DELETE 3 C:ROLLBACK C:COMMIT Z:I");
    check_query(&c, "select count(*) from t", "T D:3 C:SELECT 1 Z:I");
    check_query(&c, "begin read only; insert into t values (9)", "C:BEGIN E:25006 Z:E");
    check_query(&c, "rollback", "C:ROLLBACK Z:I");
    check_query(
        &c, "begin; create table u (a int); insert into u values (1); rollback; select * from u",
        "C:BEGIN C:CREATE TABLE C:INSERT 0 1 C:ROLLBACK E:42P01 Z:I");
    check_query(&c,
                "begin; declare k cursor for select id from t order by id; delete from t; fetch "
                "all k; rollback",
                "C:BEGIN C:DECLARE CURSOR C:DELETE 3 T D:1 D:2 D:4 C:FETCH 3 C:ROLLBACK Z:I");
    check_query(&c, "drop table t", "C:DROP TABLE Z:I");
    client_close(&c);
}

/* A data change runs to its end however few of its rows are fetched. */
static void test_returning_with_limit(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "create table r (id int primary key)", "C:CREATE TABLE Z:I");
    put_message(&c, 'P', "ssh", "", "insert into r select generate_series(1, 5) returning id", 0);
    put_message(&c, 'B', "sshhh", "", "", 0, 0, 0);
    put_message(&c, 'E', "si", "", 2);
    check_sync(&c, "1 2 D:1 D:2 s Z:I");
    check_query(&c, "select count(*) from r", "T D:5 C:SELECT 1 Z:I");
    check_query(&c, "drop table r", "C:DROP TABLE Z:I");
    client_close(&c);
}

/* Prepared statements follow their tables through changes made elsewhere. */
static void test_plans_follow_tables(void **state)
{
    struct client a, b;
    client_start(&a);
    client_start(&b);
    check_query(&a, "create table p (id int primary key, v int); insert into p values (1, 10)",
                "C:CREATE TABLE C:INSERT 0 1 Z:I");
    put_message(&a, 'P', "ssh", "q", "select v from p where id = $1", 0);
    check_sync(&a, "1 Z:I");
    for (int i = 0; i < 3; i++) {
        put_message(&a, 'B', "sshhibh", "", "q", 0, 1, 1, "1", 1, 0);
        put_message(&a, 'E', "si", "", 0);
        check_sync(&a, "2 D:10 C:SELECT 1 Z:I");
        check_query(&b, i == 0 ? "alter table p add column w int" : "create index on p (v)",
                    i == 0 ? "C:ALTER TABLE Z:I" : "C:CREATE INDEX Z:I");
    }
    check_query(&b, "drop table p; create table p (id int primary key, v text)",
                "C:DROP TABLE C:CREATE TABLE Z:I");
    put_message(&a, 'B', "sshhibh", "", "q", 0, 1, 1, "1", 1, 0);
    put_message(&a, 'E', "si", "", 0);
    check_sync(&a, "2 C:SELECT 0 Z:I");
    check_query(&b, "drop table p", "C:DROP TABLE Z:I");
    put_message(&a, 'B', "sshhibh", "", "q", 0, 1, 1, "1", 1, 0);
    check_sync(&a, "E:42P01 Z:I");
    client_close(&a);
    client_close(&b);
}

static void test_copy_in(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "create table k (id int primary key, v text)", "C:CREATE TABLE Z:I");
    put_message(&c, 'Q', "s", "copy k from stdin");
    put_message(&c, 'd', "b", "1\ta\\tb\n2", 8); /* a line in two pieces */
    put_message(&c, 'd', "b", "\t\\N\n", 4);
    put_message(&c, 'c', "");
    client_flush(&c);
    assert_string_equal(read_until(&c, 'Z'), "G C:COPY 2 Z:I");
    check_query(&c, "select * from k order by id", "T D:1,a\tb D:2,NULL C:SELECT 2 Z:I");
    put_message(&c, 'Q', "s", "copy k (id, v) from stdin csv header");
    put_message(&c, 'd', "b", "id,v\n3,\"x\ny\"\n4\n", 16);
    put_message(&c, 'c', "");
    client_flush(&c);
    assert_string_equal(read_until(&c, 'Z'), "G E:22P04 Z:I");
    put_message(&c, 'Q', "s", "copy k from stdin");
    put_message(&c, 'd', "b", "7\tz\n", 4);
    put_message(&c, 'f', "s", "enough");
    client_flush(&c);
    assert_string_equal(read_until(&c, 'Z'), "G E:57014 Z:I");
    check_query(&c, "select count(*) from k", "T D:2 C:SELECT 1 Z:I");
    check_query(&c, "copy k to stdout", "H d:1\ta\\tb d:2\t\\N c C:COPY 2 Z:I");
    check_query(&c, "drop table k", "C:DROP TABLE Z:I");
    client_close(&c);
}

/* ---- writers of one row ---- */

enum { WRITERS = 4, INCREMENTS = 100 };

struct writer {
    pthread_t thread;
    int failed;
};

static void *run_writer(void *arg)
{
    struct writer *w = arg;
    struct client c;
    client_start(&c);
    for (int i = 0; i < INCREMENTS; i++) {
        put_message(&c, 'Q', "s", "update h set n = n + 1 where id = 1");
        client_flush(&c);
        w->failed += !strstr(read_until(&c, 'Z'), "UPDATE 1");
    }
    client_close(&c);
    return NULL;
}

/* READ COMMITTED shows no serialization failure: the server runs what conflicts again. */
static void test_hot_row(void **state)
{
    struct client c;
    struct writer writers[WRITERS] = {0};
    client_start(&c);
    check_query(&c, "create table h (id int primary key, n int); insert into h values (1, 0)",
                "C:CREATE TABLE C:INSERT 0 1 Z:I");
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]), 0);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].failed, 0);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "T D:%d C:SELECT 1 Z:I", WRITERS * INCREMENTS);
    check_query(&c, "select n from h", expected);
    check_query(&c, "drop table h", "C:DROP TABLE Z:I");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_returning_with_limit),
        cmocka_unit_test(test_plans_follow_tables),
        cmocka_unit_test(test_copy_in),
        cmocka_unit_test(test_hot_row),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
