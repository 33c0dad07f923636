#include "raft/raft_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/raft_wire_int.h"

static const char *const kind_names[RAFT_MSG_KIND_END] = {
    [RAFT_MSG_APPEND] = "append",           [RAFT_MSG_APPEND_RESP] = "append_resp",
    [RAFT_MSG_VOTE] = "vote",               [RAFT_MSG_VOTE_RESP] = "vote_resp",
    [RAFT_MSG_PREVOTE] = "prevote",         [RAFT_MSG_PREVOTE_RESP] = "prevote_resp",
    [RAFT_MSG_TIMEOUT_NOW] = "timeout_now", [RAFT_MSG_RELEASE] = "release",
    [RAFT_MSG_SNAPSHOT] = "snapshot",       [RAFT_MSG_REFILL] = "refill",
    [RAFT_MSG_REFILL_RESP] = "refill_resp",
};

const char *raft_msg_kind_name(int kind)
{
    return kind > 0 && kind < RAFT_MSG_KIND_END ? kind_names[kind] : "unknown";
}

void raft_message_clear(struct raft_message *msg)
{
    for (uint32_t i = 0; i < msg->entries_count; i++)
        raft_entry_unref(msg->entries[i]);
    free(msg->entries);
    free((void *)msg->conf);
    memset(msg, 0, sizeof(*msg));
}

void raft_message_copy(struct raft_message *to, const struct raft_message *from)
{
    *to = *from;
    if (from->entries_count > 0) {
        to->entries = malloc(from->entries_count * sizeof(*to->entries));
        assert(to->entries != NULL);
        for (uint32_t i = 0; i < from->entries_count; i++)
            to->entries[i] = raft_entry_ref(from->entries[i]);
    } else {
        to->entries = NULL;
    }
    if (from->conf != NULL) {
        struct raft_conf *conf = malloc(sizeof(*conf));

        assert(conf != NULL);
        *conf = *from->conf;
        to->conf = conf;
    }
}

/* The numbers of a kind's body, in wire order. One list serves size, encode and decode. */
static int list_body(const struct raft_message *msg, size_t offsets[8])
{
#define AT(field) offsetof(struct raft_message, field)
    int n = 0;

    switch (msg->kind) {
    case RAFT_MSG_APPEND:
        offsets[n++] = AT(index);
        offsets[n++] = AT(log_term);
        offsets[n++] = AT(commit);
        offsets[n++] = AT(sent_us);
        offsets[n++] = AT(round);
        offsets[n++] = AT(read_limit);
        break;
    case RAFT_MSG_APPEND_RESP:
        offsets[n++] = AT(index);
        offsets[n++] = AT(match);
        offsets[n++] = AT(hint_index);
        offsets[n++] = AT(hint_term);
        offsets[n++] = AT(sent_us);
        offsets[n++] = AT(round);
        offsets[n++] = AT(read_limit);
        break;
    case RAFT_MSG_VOTE:
    case RAFT_MSG_PREVOTE:
        offsets[n++] = AT(vote_term);
        offsets[n++] = AT(index);
        offsets[n++] = AT(log_term);
        break;
    case RAFT_MSG_VOTE_RESP:
    case RAFT_MSG_PREVOTE_RESP:
        offsets[n++] = AT(vote_term);
        offsets[n++] = AT(read_limit);
        break;
    case RAFT_MSG_SNAPSHOT:
        offsets[n++] = AT(index);
        offsets[n++] = AT(log_term);
        break;
    case RAFT_MSG_REFILL_RESP:
        offsets[n++] = AT(index);
        break;
    default:
        break;
    }
    return n;
#undef AT
}

static uint64_t *field_at(const struct raft_message *msg, size_t offset)
{
    return (uint64_t *)((char *)msg + offset);
}

size_t raft_message_encoded_size(const struct raft_message *msg)
{
    size_t offsets[8];
    int fields = list_body(msg, offsets);
    size_t size = 3 + varint_size(msg->group_id) + varint_size(msg->from) +
                  varint_size(msg->to) + varint_size(msg->from_node) +
                  varint_size(msg->to_node) + varint_size(msg->from_generation) +
                  varint_size(msg->to_generation) + varint_size(msg->from_epoch) +
                  varint_size(msg->to_epoch) + varint_size(msg->term);

    for (int i = 0; i < fields; i++)
        size += varint_size(*field_at(msg, offsets[i]));
    if (msg->kind == RAFT_MSG_APPEND) {
        size += varint_size(msg->entries_count);
        for (uint32_t i = 0; i < msg->entries_count; i++) {
            const struct raft_entry *entry = msg->entries[i];

            size += 1 + varint_size(entry->term - msg->log_term) +
                    varint_size(entry->size_bytes) + entry->size_bytes;
        }
    }
    if (msg->kind == RAFT_MSG_SNAPSHOT) {
        uint8_t conf[RAFT_CONF_ENCODED_MAX];

        size += raft_conf_encode(msg->conf, conf);
    }
    return size;
}

static uint8_t *encode_entries(const struct raft_message *msg, uint8_t *at)
{
    at = write_varint(at, msg->entries_count);
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        const struct raft_entry *entry = msg->entries[i];

        *at++ = entry->kind;
        at = write_varint(at, entry->term - msg->log_term);
        at = write_varint(at, entry->size_bytes);
        memcpy(at, entry->bytes, entry->size_bytes);
        at += entry->size_bytes;
    }
    return at;
}

size_t raft_message_encode(const struct raft_message *msg, uint8_t *out)
{
    size_t offsets[8];
    int fields = list_body(msg, offsets);
    uint8_t *at = out;

    assert(msg->kind > 0 && msg->kind < RAFT_MSG_KIND_END);
    *at++ = RAFT_MSG_VERSION;
    *at++ = msg->kind;
    *at++ = msg->flags;
    at = write_varint(at, msg->group_id);
    at = write_varint(at, msg->from);
    at = write_varint(at, msg->to);
    at = write_varint(at, msg->from_node);
    at = write_varint(at, msg->to_node);
    at = write_varint(at, msg->from_generation);
    at = write_varint(at, msg->to_generation);
    at = write_varint(at, msg->from_epoch);
    at = write_varint(at, msg->to_epoch);
    at = write_varint(at, msg->term);
    for (int i = 0; i < fields; i++)
        at = write_varint(at, *field_at(msg, offsets[i]));
    if (msg->kind == RAFT_MSG_APPEND)
        at = encode_entries(msg, at);
    if (msg->kind == RAFT_MSG_SNAPSHOT) {
        uint8_t conf[RAFT_CONF_ENCODED_MAX];
        size_t conf_size = raft_conf_encode(msg->conf, conf);

        memcpy(at, conf, conf_size);
        at += conf_size;
    }
    return (size_t)(at - out);
}

static struct raft_entry *decode_entry(struct raft_wire_in *in, const struct raft_message *msg,
                                       raft_term *term_before)
{
    uint8_t kind = read_u8(in);
    uint64_t term_delta = read_varint(in);
    uint64_t size = read_varint(in);
    struct raft_entry *entry;

    if (kind < RAFT_ENTRY_COMMAND || kind > RAFT_ENTRY_CONF || size > RAFT_ENTRY_BYTES_MAX ||
        size > (uint64_t)(in->end - in->at) || term_delta > UINT64_MAX - msg->log_term)
        in->bad = true;
    if (in->bad || msg->log_term + term_delta < *term_before ||
        msg->log_term + term_delta == 0 || msg->log_term + term_delta > msg->term) {
        in->bad = true;
        return NULL;
    }
    entry = raft_entry_create((enum raft_entry_kind)kind, in->at, (uint32_t)size);
    in->at += size;
    entry->index = msg->index + 1 + msg->entries_count;
    entry->term = *term_before = msg->log_term + term_delta;
    return entry;
}

static void decode_entries(struct raft_wire_in *in, struct raft_message *msg)
{
    uint64_t count = read_varint(in);
    raft_term term_before = msg->log_term;

    /* An entry takes 3 bytes at least, so hostile counts cannot make us allocate much. */
    if (in->bad || count > RAFT_MSG_ENTRIES_MAX || count > (uint64_t)(in->end - in->at) / 3 ||
        msg->index > UINT64_MAX - 1 - count || msg->log_term > msg->term) {
        in->bad = true;
        return;
    }
    if (count == 0)
        return;
    msg->entries = calloc(count, sizeof(*msg->entries));
    assert(msg->entries != NULL);
    for (uint64_t i = 0; i < count; i++) {
        struct raft_entry *entry = decode_entry(in, msg, &term_before);

        if (entry == NULL)
            return;
        msg->entries[msg->entries_count++] = entry;
    }
}

static void decode_conf(struct raft_wire_in *in, struct raft_message *msg)
{
    struct raft_conf *conf;
    size_t consumed;

    if (in->bad)
        return;
    conf = malloc(sizeof(*conf));
    assert(conf != NULL);
    if (raft_conf_decode(in->at, (size_t)(in->end - in->at), conf, &consumed, NULL)) {
        free(conf);
        in->bad = true;
        return;
    }
    in->at += consumed;
    msg->conf = conf;
}

static void decode_header(struct raft_wire_in *in, struct raft_message *msg)
{
    if (read_u8(in) != RAFT_MSG_VERSION)
        in->bad = true;
    msg->kind = read_u8(in);
    msg->flags = read_u8(in);
    if (msg->kind == 0 || msg->kind >= RAFT_MSG_KIND_END || (msg->flags & ~RAFT_FLAG_ALL))
        in->bad = true;
    msg->group_id = read_varint(in);
    msg->from = read_varint(in);
    msg->to = read_varint(in);
    msg->from_node = read_varint32(in);
    msg->to_node = read_varint32(in);
    msg->from_generation = read_varint32(in);
    msg->to_generation = read_varint32(in);
    msg->from_epoch = read_varint(in);
    msg->to_epoch = read_varint(in);
    msg->term = read_varint(in);
}

int raft_message_decode(const uint8_t *bytes, size_t size_bytes, struct raft_message *msg,
                        size_t *consumed, struct err *err)
{
    struct raft_wire_in in = {bytes, bytes + size_bytes, false};
    struct raft_message read = {0};
    size_t offsets[8];
    int fields;

    decode_header(&in, &read);
    fields = list_body(&read, offsets);
    for (int i = 0; i < fields; i++)
        *field_at(&read, offsets[i]) = read_varint(&in);
    if (read.kind == RAFT_MSG_APPEND)
        decode_entries(&in, &read);
    if (read.kind == RAFT_MSG_SNAPSHOT)
        decode_conf(&in, &read);
    if (in.bad) {
        raft_message_clear(&read);
        return err_set(err, ERR_DATA_CORRUPTED, "malformed consensus message");
    }
    *msg = read;
    *consumed = (size_t)(in.at - bytes);
    return 0;
}
