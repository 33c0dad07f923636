/* raft_wire_int.h: bounds-checked varints for this folder's binary forms.
 *
 * A reader that ran past its end or met a malformed number is `bad` from then on and yields zeros,
 * so a decoder checks once at its end (and before it allocates).
 */
#ifndef CAIRN_RAFT_RAFT_WIRE_INT_H
#define CAIRN_RAFT_RAFT_WIRE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raft_wire_in {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline uint8_t read_u8(struct raft_wire_in *in)
{
    if (in->bad || in->at == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->at++;
}

/* Only the shortest form is accepted, so that a value has one encoding. */
static inline uint64_t read_varint(struct raft_wire_in *in)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t byte = read_u8(in);

        if (in->bad)
            return 0;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (byte == 0 && shift > 0)
                break;
            return value;
        }
    }
    in->bad = true;
    return 0;
}

static inline uint32_t read_varint32(struct raft_wire_in *in)
{
    uint64_t value = read_varint(in);

    if (value > UINT32_MAX)
        in->bad = true;
    return in->bad ? 0 : (uint32_t)value;
}

static inline size_t varint_size(uint64_t value)
{
    return value == 0 ? 1 : (size_t)(64 - __builtin_clzll(value) + 6) / 7;
}

static inline uint8_t *write_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

#endif
