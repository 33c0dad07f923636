/* The wire protocol against a running node: startup, simple and extended queries, errors, hostile
 * bytes, cancel, COPY. */
#include "tests/unit/server/wire_client.h"

static void test_startup(void **state)
{
    struct client c;
    uint8_t answer;
    client_connect(&c);
    put_message(&c, 0, "i", 80877103); /* SSLRequest */
    client_flush(&c);
    assert_true(client_read(&c, &answer, 1) && answer == 'N');
    put_message(&c, 0, "i", 80877104); /* GSSENCRequest */
    client_flush(&c);
    assert_true(client_read(&c, &answer, 1) && answer == 'N');
    put_message(&c, 0, "isssssss", 196610, "user", "cairn", "_pq_.new", "1", "options",
                "-c statement_timeout=7s", "");
    client_flush(&c);
    assert_int_equal(strncmp(read_until(&c, 'Z'), "v R S", 5),
                     0); /* database = user; a newer minor version */
    check_query(&c, "show statement_timeout", "T D:7s C:SHOW Z:I");
    client_close(&c);
}

static void check_refused(const char *user, const char *database, const char *name,
                          const char *value, const char *expected)
{
    struct client c;
    client_connect(&c);
    put_message(&c, 0, "isssssss", 196608, "user", user, "database", database, name, value, "");
    client_flush(&c);
    assert_non_null(strstr(read_until(&c, 'Z'), expected));
    client_close(&c);
}

static void test_refusals(void **state)
{
    check_refused("nobody", "cairn", "a.b", "c", "E:28000 EOF");
    check_refused("cairn", "nowhere", "a.b", "c", "E:3D000 EOF");
    check_refused("cairn", "cairn", "nosuch", "c", "E:42704 EOF");
    check_refused("cairn", "cairn", "client_encoding", "latin1", "E:22023 EOF");
}

static void check_bad_start(const void *data, size_t len, const char *expected)
{
    struct client c;
    client_connect(&c);
    client_send(&c, data, len);
    assert_string_equal(read_until(&c, 'Z'), expected);
    client_close(&c);
}

static void test_bad_startup_bytes(void **state)
{
    check_bad_start("\0\0\0\3", 4, "E:08P01 EOF");
    check_bad_start("\0\0\x4e\x20", 4, "E:08P01 EOF"); /* 20,000 bytes announced */
    check_bad_start("GET / HTTP/1.1\r\n\r\n", 18, "E:08P01 EOF");
    check_bad_start("\0\0\0\x09\0\3\0\0x", 9, "E:08P01 EOF");
    check_bad_start("\0\0\0\x09\0\3\0\0\0", 9, "E:28000 EOF");
    check_bad_start("\0\0\0\x08\0\x63\0\0", 8, "E:0A000 EOF");
    /* Bytes before the answer to SSLRequest could be forged later. */
    check_bad_start("\0\0\0\x08\x04\xd2\x16\x2fQ", 9, "E:08P01 EOF");
}

static void test_simple(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "select 1, null, 'x'", "T D:1,NULL,x C:SELECT 1 Z:I");
    check_query(&c, "select 1; select 2", "T D:1 C:SELECT 1 T D:2 C:SELECT 1 Z:I");
    check_query(&c, "select 1; select 1/0; select 3", "T D:1 C:SELECT 1 T E:22012 Z:I");
    check_query(&c, "", "I Z:I");
    check_query(&c, " ; ;", "I Z:I");
    check_query(&c, "selec", "E:42601 Z:I");
    check_query(&c, "select '\xff'", "E:22021 Z:I");
    check_query(&c, "select $1", "E:42P02 Z:I");
    check_query(&c, "listen x", "E:0A000 Z:I");
    client_close(&c);
}

static void test_blocks(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "begin", "C:BEGIN Z:T");
    check_query(&c, "begin", "N:25001 C:BEGIN Z:T");
    check_query(&c, "select 1/0", "T E:22012 Z:E");
    check_query(&c, "select 1", "E:25P02 Z:E");
    check_query(&c, "commit", "C:ROLLBACK Z:I");
    check_query(&c, "commit", "N:25P01 C:COMMIT Z:I");
    check_query(&c, "savepoint a", "E:25P01 Z:I");
    check_query(&c, "begin; savepoint a; select 1/0", "C:BEGIN C:SAVEPOINT T E:22012 Z:E");
    check_query(&c, "rollback to b", "E:3B001 Z:E");
    check_query(&c, "rollback to a", "C:ROLLBACK Z:T");
    check_query(&c, "release a; commit", "C:RELEASE C:COMMIT Z:I");
    check_query(&c, "begin isolation level serializable", "E:0A000 Z:I");
    check_query(&c, "begin isolation level repeatable read, read only", "C:BEGIN Z:T");
    check_query(&c, "show transaction_isolation", "T D:repeatable read C:SHOW Z:T");
    check_query(&c, "commit and chain", "C:COMMIT Z:T");
    check_query(&c, "show transaction_read_only", "T D:on C:SHOW Z:T");
    check_query(&c, "set application_name = 'x'", "C:SET S Z:T");
    check_query(&c, "rollback", "C:ROLLBACK S Z:I");
    check_query(&c, "begin; set local bytea_output = escape; show bytea_output",
                "C:BEGIN C:SET T D:escape C:SHOW Z:T");
    check_query(&c, "commit; show bytea_output", "C:COMMIT T D:hex C:SHOW Z:I");
    check_query(&c, "begin; select 1; commit; select 2; rollback",
                "C:BEGIN T D:1 C:SELECT 1 C:COMMIT T D:2 C:SELECT 1 N:25P01 C:ROLLBACK Z:I");
    client_close(&c);
}

static void test_extended(void **state)
{
    struct client c;
    client_start(&c);
    put_message(&c, 'P', "ssh", "a", "select $1::int + 1, $2::text", 0);
    put_message(&c, 'D', "bs", "S", 1, "a");
    put_message(&c, 'B', "sshhhibibh", "", "a", 1, 0, 2, 2, "41", 2, 2, "hi", 2, 0);
    put_message(&c, 'D', "bs", "P", 1, "");
    put_message(&c, 'E', "si", "", 0);
    check_sync(&c, "1 t T 2 T D:42,hi C:SELECT 1 Z:I");
    /* Binary in and out; a null. */
    put_message(&c, 'B', "sshhhhibihh", "", "a", 2, 1, 0, 2, 4, "\0\0\0\5", 4, -1, 1, 0);
    put_message(&c, 'E', "si", "", 0);
    check_sync(&c, "2 D:6,NULL C:SELECT 1 Z:I");
    /* Row limits. */
    put_message(&c, 'P', "ssh", "", "select generate_series(1,5)", 0);
    put_message(&c, 'B', "sshhh", "p", "", 0, 0, 0);
    put_message(&c, 'E', "si", "p", 2);
    put_message(&c, 'E', "si", "p", 2);
    put_message(&c, 'E', "si", "p", 2);
    put_message(&c, 'E', "si", "p", 2);
    check_sync(&c, "1 2 D:1 D:2 s D:3 D:4 s D:5 C:SELECT 1 C:SELECT 0 Z:I");
    /* After an error everything up to Sync is skipped. */
    put_message(&c, 'P', "ssh", "", "select 1/0", 0);
    put_message(&c, 'B', "sshhh", "", "", 0, 0, 0);
    put_message(&c, 'E', "si", "", 0);
    put_message(&c, 'P', "ssh", "never", "select 1", 0);
    check_sync(&c, "1 2 E:22012 Z:I");
    put_message(&c, 'B', "sshhh", "", "never", 0, 0, 0);
    check_sync(&c, "E:26000 Z:I");
    put_message(&c, 'P', "ssh", "a", "select 1", 0);
    check_sync(&c, "E:42P05 Z:I");
    put_message(&c, 'C', "bs", "S", 1, "a");
    put_message(&c, 'C', "bs", "S", 1, "nosuch");
    put_message(&c, 'P', "ssh", "a", "", 0);
    put_message(&c, 'B', "sshhh", "", "a", 0, 0, 0);
    put_message(&c, 'E', "si", "", 0);
    check_sync(&c, "3 3 1 2 I Z:I");
    put_message(&c, 'P', "ssh", "", "select 1; select 2", 0);
    check_sync(&c, "E:42601 Z:I");
    put_message(&c, 'B', "sshhhib", "", "a", 0, 1, 1, 1, "x", 1);
    check_sync(&c, "E:08P01 EOF"); /* layout */
    client_close(&c);
}

static void test_implicit_transaction(void **state)
{
    struct client c;
    client_start(&c);
    put_message(&c, 'P', "ssh", "", "begin", 0);
    put_message(&c, 'B', "sshhh", "", "", 0, 0, 0);
    put_message(&c, 'E', "si", "", 0);
    put_message(&c, 'P', "ssh", "", "select 1", 0);
    put_message(&c, 'B', "sshhh", "", "", 0, 0, 0);
    put_message(&c, 'E', "si", "", 0);
    check_sync(&c, "1 2 C:BEGIN 1 2 D:1 C:SELECT 1 Z:T");
    put_message(&c, 'B', "sshhh", "", "nosuch", 0, 0, 0);
    check_sync(&c, "E:26000 Z:E");
    put_message(&c, 'P', "ssh", "", "select 1", 0);
    check_sync(&c, "E:25P02 Z:E");
    check_query(&c, "rollback", "C:ROLLBACK Z:I");
    /* Many statements in one write. */
    for (int i = 0; i < 50; i++) {
        put_message(&c, 'P', "ssh", "", "select 7", 0);
        put_message(&c, 'B', "sshhh", "", "", 0, 0, 0);
        put_message(&c, 'E', "si", "", 0);
        put_message(&c, 'S', "");
    }
    client_flush(&c);
    for (int i = 0; i < 50; i++)
        assert_string_equal(read_until(&c, 'Z'), "1 2 D:7 C:SELECT 1 Z:I");
    client_close(&c);
}

static void check_bad_message(const void *data, size_t len)
{
    struct client c;
    client_start(&c);
    client_send(&c, data, len);
    put_message(&c, 'S', "");
    client_flush(&c);
    assert_string_equal(read_until(&c, 'Z'), "E:08P01 EOF");
    client_close(&c);
}

static void test_hostile_messages(void **state)
{
    check_bad_message("\1\0\0\0\4", 5);
    check_bad_message("Q\0\0\0\3", 5);
    check_bad_message("Q\x7f\xff\xff\xff", 5);
    check_bad_message("Q\0\0\0\x0cselect 1", 13); /* no terminator */
    check_bad_message("Q\0\0\0\x07"
                      "a\0b",
                      8); /* something behind it */
    check_bad_message("P\0\0\0\5a", 6);
    check_bad_message("B\0\0\0\x10\0\0\0\0\0\1\0\0\0\xff\0\0", 17);
    check_bad_message("D\0\0\0\7Zx\0", 8);
    check_bad_message("E\0\0\0\6\0\0", 7);
    struct client c;
    client_start(&c); /* and the server lives */
    check_query(&c, "select 1", "T D:1 C:SELECT 1 Z:I");
    client_close(&c);
}

static void send_cancel(uint32_t pid, uint32_t secret)
{
    struct client c;
    client_connect(&c);
    put_message(&c, 0, "iii", 80877102, (int)pid, (int)secret);
    client_flush(&c);
    assert_string_equal(read_until(&c, 'Z'), "EOF");
    client_close(&c);
}

static void test_cancel(void **state)
{
    struct client c;
    client_start(&c);
    put_message(&c, 'Q', "s", "select count(*) from generate_series(1, 1000000000)");
    client_flush(&c);
    usleep(50000);
    send_cancel(c.pid, c.secret ^ 1); /* a wrong secret does nothing */
    send_cancel(c.pid + 1000, c.secret);
    send_cancel(c.pid, c.secret);
    assert_string_equal(read_until(&c, 'Z'), "T E:57014 Z:I");
    send_cancel(c.pid, c.secret); /* nothing runs */
    check_query(&c, "select 1", "T D:1 C:SELECT 1 Z:I");
    check_query(&c,
                "set statement_timeout = 50; select count(*) from generate_series(1, 1000000000)",
                "C:SET T E:57014 Z:I");
    client_close(&c);
}

static void test_cursors(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "declare a cursor for select 1", "E:25P01 Z:I");
    check_query(&c, "begin; declare a scroll cursor for select generate_series(1, 4)",
                "C:BEGIN C:DECLARE CURSOR Z:T");
    check_query(&c, "fetch 2 from a", "T D:1 D:2 C:FETCH 2 Z:T");
    check_query(&c, "fetch prior from a", "T D:1 C:FETCH 1 Z:T");
    check_query(&c, "fetch last from a", "T D:4 C:FETCH 1 Z:T");
    check_query(&c, "fetch backward 2 from a", "T D:3 D:2 C:FETCH 2 Z:T");
    check_query(&c, "move absolute 1 from a; fetch all from a",
                "C:MOVE 1 T D:2 D:3 D:4 C:FETCH 3 Z:T");
    check_query(&c, "savepoint s; declare b cursor for select 1; rollback to s; fetch b",
                "C:SAVEPOINT C:DECLARE CURSOR C:ROLLBACK E:34000 Z:E");
    check_query(&c, "rollback", "C:ROLLBACK Z:I");
    check_query(&c,
                "begin; declare h no scroll cursor with hold for select generate_series(1, 3); "
                "fetch h; commit",
                "C:BEGIN C:DECLARE CURSOR T D:1 C:FETCH 1 C:COMMIT Z:I");
    check_query(&c, "fetch all h", "T D:2 D:3 C:FETCH 2 Z:I");
    check_query(&c, "fetch prior h", "T E:55000 Z:I");
    check_query(&c, "close h", "C:CLOSE CURSOR Z:I");
    client_close(&c);
}

static void test_prepare(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "prepare p(int, text) as select $1 + 1, $2", "C:PREPARE Z:I");
    check_query(&c, "execute p(1, 'a')", "T D:2,a C:SELECT 1 Z:I");
    check_query(&c, "execute p(1)", "E:42601 Z:I");
    check_query(&c, "prepare p as select 1", "E:42P05 Z:I");
    check_query(&c, "deallocate p", "C:DEALLOCATE Z:I");
    check_query(&c, "execute p(1, 'a')", "E:26000 Z:I");
    check_query(&c, "discard all", "C:DISCARD ALL Z:I");
    client_close(&c);
}

static void test_copy_out(void **state)
{
    struct client c;
    client_start(&c);
    check_query(&c, "copy (select 1, null, e'a\\tb') to stdout",
                "H d:1\t\\N\ta\\tb c C:COPY 1 Z:I");
    check_query(&c, "copy (select 1 as a, 'x,y' as b) to stdout csv header",
                "H d:a,b d:1,\"x,y\" c C:COPY 1 Z:I");
    check_query(&c, "copy (select 1/0) to stdout", "H E:22012 Z:I");
    check_query(&c, "copy nosuch from stdin", "E:42P01 Z:I");
    put_message(&c, 'd', "b", "1\n", 2); /* what a client sent ahead is passed over */
    put_message(&c, 'c', "");
    check_query(&c, "select 1", "T D:1 C:SELECT 1 Z:I");
    check_query(&c, "copy (select 1) to '/tmp/x'", "E:0A000 Z:I");
    client_close(&c);
}

/* 20 MB in one statement, and as much out. */
static void test_large(void **state)
{
    struct client c;
    client_start(&c);
    size_t n = 20 << 20;
    char *sql = malloc(n + 32);
    strcpy(sql, "select length('");
    memset(sql + 15, 'x', n);
    strcpy(sql + 15 + n, "')");
    check_query(&c, sql, "T D:20971520 C:SELECT 1 Z:I");
    free(sql);
    check_query(&c, "select length(repeat('y', 30000000))", "T D:30000000 C:SELECT 1 Z:I");
    check_query(&c, "set statement_mem_limit = '1MB'; select repeat('y', 30000000)",
                "C:SET T E:53200 Z:I");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_startup),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bad_startup_bytes),
        cmocka_unit_test(test_simple),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_implicit_transaction),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_copy_out),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
