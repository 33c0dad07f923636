/* The binary forms: round trips, known bytes, hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "raft/raft_msg.h"
#include "tests/fuzz/fuzz_raft_msg.c" /* the property a mutated message must keep */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Small, large and full-width values alike. */
static uint64_t draw_value(uint64_t *state)
{
    return next_random(state) >> (next_random(state) % 64);
}

static const struct raft_conf *make_conf(uint64_t *state)
{
    struct raft_conf *conf = calloc(1, sizeof(*conf));
    uint64_t count = next_random(state) % (RAFT_MEMBERS_MAX + 1);

    conf->index = draw_value(state);
    for (uint64_t i = 0; i < count; i++)
        raft_conf_put(conf, (struct raft_member){
                                .replica_id = draw_value(state) + 1,
                                .node_id = (uint32_t)draw_value(state),
                                .generation = (uint32_t)draw_value(state),
                                .roles = (uint8_t)(1 + next_random(state) % 7)});
    return conf;
}

static void add_entries(struct raft_message *msg, uint64_t *state)
{
    uint64_t count = next_random(state) % 6;
    raft_term term = msg->log_term;

    if (count == 0)
        return;
    msg->entries = calloc(count, sizeof(*msg->entries));
    for (uint64_t i = 0; i < count; i++) {
        uint8_t bytes[200];
        uint32_t size = (uint32_t)(next_random(state) % sizeof(bytes));
        struct raft_entry *entry;

        for (uint32_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)next_random(state);
        entry = raft_entry_create((enum raft_entry_kind)(1 + next_random(state) % 3), bytes, size);
        term += next_random(state) % 3 + (term == 0);
        entry->term = term;
        entry->index = msg->index + 1 + i;
        msg->entries[msg->entries_count++] = entry;
    }
    if (msg->term < term)
        msg->term = term;
}

static void make_message(struct raft_message *msg, int kind, uint64_t *state)
{
    *msg = (struct raft_message){
        .kind = (uint8_t)kind,
        .flags = (uint8_t)(next_random(state) & RAFT_FLAG_ALL),
        .from_node = (uint32_t)draw_value(state),
        .to_node = (uint32_t)draw_value(state),
        .from_generation = (uint32_t)draw_value(state),
        .to_generation = (uint32_t)draw_value(state),
        .group_id = draw_value(state),
        .from = draw_value(state),
        .to = draw_value(state),
        .from_epoch = draw_value(state),
        .to_epoch = draw_value(state),
        .term = draw_value(state) >> 1,
    };
    if (kind == RAFT_MSG_APPEND) {
        msg->index = draw_value(state) >> 1;
        msg->log_term = draw_value(state) >> 2;
        msg->commit = draw_value(state);
        msg->sent_us = draw_value(state);
        msg->round = draw_value(state);
        msg->read_limit = draw_value(state);
        if (msg->term < msg->log_term)
            msg->term = msg->log_term;
        add_entries(msg, state);
    } else if (kind == RAFT_MSG_APPEND_RESP) {
        msg->index = draw_value(state);
        msg->match = draw_value(state);
        msg->hint_index = draw_value(state);
        msg->hint_term = draw_value(state);
        msg->sent_us = draw_value(state);
        msg->round = draw_value(state);
        msg->read_limit = draw_value(state);
    } else if (kind == RAFT_MSG_VOTE || kind == RAFT_MSG_PREVOTE) {
        msg->vote_term = draw_value(state);
        msg->index = draw_value(state);
        msg->log_term = draw_value(state);
    } else if (kind == RAFT_MSG_VOTE_RESP || kind == RAFT_MSG_PREVOTE_RESP) {
        msg->vote_term = draw_value(state);
        msg->read_limit = draw_value(state);
    } else if (kind == RAFT_MSG_SNAPSHOT) {
        msg->index = draw_value(state);
        msg->log_term = draw_value(state);
        msg->conf = make_conf(state);
    } else if (kind == RAFT_MSG_REFILL_RESP) {
        msg->index = draw_value(state);
    }
}

static void check_equal(const struct raft_message *a, const struct raft_message *b)
{
    struct raft_message x = *a, y = *b;

    x.entries = y.entries = NULL;
    x.conf = y.conf = NULL;
    assert_memory_equal(&x, &y, sizeof(x));
    for (uint32_t i = 0; i < a->entries_count; i++) {
        const struct raft_entry *e = a->entries[i], *f = b->entries[i];

        assert_int_equal(e->index, f->index);
        assert_int_equal(e->term, f->term);
        assert_int_equal(e->kind, f->kind);
        assert_int_equal(e->size_bytes, f->size_bytes);
        assert_memory_equal(e->bytes, f->bytes, e->size_bytes);
    }
    assert_int_equal(a->conf != NULL, b->conf != NULL);
    if (a->conf != NULL)
        assert_true(raft_conf_equal(a->conf, b->conf));
}

static void test_round_trip(void **unused)
{
    uint64_t state = 42;

    for (int i = 0; i < 20000; i++) {
        struct raft_message msg, read, copy;
        uint8_t bytes[4096];
        size_t size, consumed = 0;

        make_message(&msg, 1 + i % (RAFT_MSG_KIND_END - 1), &state);
        size = raft_message_encoded_size(&msg);
        assert_true(size <= sizeof(bytes));
        assert_int_equal(raft_message_encode(&msg, bytes), size);
        assert_int_equal(raft_message_decode(bytes, sizeof(bytes), &read, &consumed, NULL), 0);
        assert_int_equal(consumed, size);
        check_equal(&msg, &read);
        raft_message_copy(&copy, &msg);
        check_equal(&msg, &copy);
        raft_message_clear(&copy);
        raft_message_clear(&read);
        raft_message_clear(&msg);
    }
}

static void test_every_cut_is_refused(void **unused)
{
    uint64_t state = 7;

    for (int i = 0; i < 500; i++) {
        struct raft_message msg, read;
        uint8_t *bytes;
        size_t size, consumed;

        make_message(&msg, 1 + i % (RAFT_MSG_KIND_END - 1), &state);
        size = raft_message_encoded_size(&msg);
        for (size_t cut = 0; cut < size; cut++) {
            bytes = malloc(size); /* so that a read behind the cut is seen by the sanitizer */
            raft_message_encode(&msg, bytes);
            bytes = realloc(bytes, cut + (cut == 0));
            assert_int_equal(raft_message_decode(bytes, cut, &read, &consumed, NULL),
                             ERR_DATA_CORRUPTED);
            free(bytes);
        }
        raft_message_clear(&msg);
    }
}

static void test_mutated_bytes(void **unused)
{
    uint64_t state = 99;

    for (int i = 0; i < 40000; i++) {
        struct raft_message msg;
        uint8_t bytes[4096];
        size_t size;

        make_message(&msg, 1 + i % (RAFT_MSG_KIND_END - 1), &state);
        size = raft_message_encode(&msg, bytes);
        for (uint64_t k = 1 + next_random(&state) % 4; k > 0; k--)
            bytes[next_random(&state) % size] = (uint8_t)next_random(&state);
        LLVMFuzzerTestOneInput(bytes, size);
        raft_message_clear(&msg);
    }
}

/* The format of version 1, byte by byte: a change here is a change of the protocol. */
static void test_known_bytes(void **unused)
{
    static const uint8_t expected[] = {
        1, 1, 4,            /* version, append, quiesce */
        7, 1, 2, 11, 12,    /* group, from, to, nodes */
        0, 3, 0xac, 2, 0, 5, /* generations, epochs (300), term */
        9, 4, 8, 0xe8, 7, 1, 0, /* index, log_term, commit, sent 1000, round, read limit */
        2, 1, 0, 2, 'h', 'i', 2, 1, 0,
    };
    struct raft_entry *entries[2] = {raft_entry_create(RAFT_ENTRY_COMMAND, "hi", 2),
                                     raft_entry_create(RAFT_ENTRY_NOOP, NULL, 0)};
    struct raft_message msg = {
        .kind = RAFT_MSG_APPEND, .flags = RAFT_FLAG_QUIESCE, .group_id = 7, .from = 1, .to = 2,
        .from_node = 11, .to_node = 12, .to_generation = 3, .from_epoch = 300, .term = 5,
        .index = 9, .log_term = 4, .commit = 8, .sent_us = 1000, .round = 1,
        .entries = entries, .entries_count = 2,
    };
    uint8_t bytes[128];

    entries[0]->index = 10;
    entries[0]->term = 4;
    entries[1]->index = 11;
    entries[1]->term = 5;
    assert_int_equal(raft_message_encode(&msg, bytes), sizeof(expected));
    assert_memory_equal(bytes, expected, sizeof(expected));
    raft_entry_unref(entries[0]);
    raft_entry_unref(entries[1]);
}

static void test_hostile(void **unused)
{
    static const uint8_t huge_count[] = {1, 1, 0, 7, 1, 2, 1, 2, 0, 0, 1, 0, 5,
                                         9, 4, 8, 0, 1, 0, 0xff, 0xff, 0x03, 1, 0, 0};
    static const uint8_t long_varint[] = {1, 8, 0, 0x87, 0x00, 1, 2, 1, 2, 0, 0, 1, 0, 5};
    static const uint8_t unknown_flag[] = {1, 8, 0x80, 7, 1, 2, 1, 2, 0, 0, 1, 0, 5};
    static const uint8_t other_version[] = {2, 8, 0, 7, 1, 2, 1, 2, 0, 0, 1, 0, 5};
    struct raft_message msg;
    struct err err = {0};
    size_t consumed;

    assert_int_equal(raft_message_decode(huge_count, sizeof(huge_count), &msg, &consumed, &err),
                     ERR_DATA_CORRUPTED);
    assert_string_equal(err.message, "malformed consensus message");
    assert_int_not_equal(
        raft_message_decode(long_varint, sizeof(long_varint), &msg, &consumed, NULL), 0);
    assert_int_not_equal(
        raft_message_decode(unknown_flag, sizeof(unknown_flag), &msg, &consumed, NULL), 0);
    assert_int_not_equal(
        raft_message_decode(other_version, sizeof(other_version), &msg, &consumed, NULL), 0);
    assert_string_equal(raft_msg_kind_name(RAFT_MSG_TIMEOUT_NOW), "timeout_now");
    assert_string_equal(raft_msg_kind_name(200), "unknown");
}

static void test_conf(void **unused)
{
    struct raft_conf conf = {.index = 5}, read;
    uint8_t bytes[RAFT_CONF_ENCODED_MAX];
    size_t size, consumed;

    for (uint64_t id = RAFT_MEMBERS_MAX; id >= 1; id--)
        assert_true(raft_conf_put(&conf, (struct raft_member){.replica_id = id * 1000000000000,
                                                              .node_id = UINT32_MAX,
                                                              .generation = UINT32_MAX,
                                                              .roles = RAFT_VOTER}));
    assert_false(raft_conf_put(&conf, (struct raft_member){.replica_id = 3, .roles = RAFT_VOTER}));
    assert_int_equal(raft_conf_find(&conf, 2000000000000), 1);
    assert_false(raft_conf_is_joint(&conf));
    assert_true(raft_conf_put(&conf, (struct raft_member){.replica_id = 2000000000000,
                                                          .roles = RAFT_VOTER_OUTGOING}));
    assert_true(raft_conf_is_joint(&conf));
    assert_true(raft_conf_is_voter(&conf, 2000000000000));
    size = raft_conf_encode(&conf, bytes);
    assert_true(size <= RAFT_CONF_ENCODED_MAX);
    assert_int_equal(raft_conf_decode(bytes, size, &read, &consumed, NULL), 0);
    assert_int_equal(consumed, size);
    assert_true(raft_conf_equal(&conf, &read));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(raft_conf_decode(bytes, cut, &read, &consumed, NULL), 0);
    /* members out of order */
    conf.members[0].replica_id = UINT64_MAX;
    size = raft_conf_encode(&conf, bytes);
    assert_int_not_equal(raft_conf_decode(bytes, size, &read, &consumed, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_mutated_bytes), cmocka_unit_test(test_known_bytes),
        cmocka_unit_test(test_hostile),     cmocka_unit_test(test_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
