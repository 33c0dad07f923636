/* hlc.h: the hybrid logical clock.
 *
 * A timestamp is 52 bits of microseconds since 1970 (until 2112) and 12 bits of logical counter;
 * the counter's overflow carries into the microseconds. hlc_now is greater than every timestamp
 * this clock gave out or merged before; hlc_merge takes in a timestamp that came with a message. So
 * timestamps follow causality and stay within the clock offset of real time (Kulkarni et al.,
 * "Logical Physical Clocks", 2014).
 *
 * One clock per node, shared by its cores: the state is one atomic word.
 *
 * Offsets. Each heartbeat round trip gives a sample of a peer's wall clock; the smallest error
 * bound of the last samples counts. A node whose offset to a majority of its reachable peers
 * exceeds 80 % of max_clock_offset is fenced: hlc_is_fenced is true and it must neither lead nor
 * serve. hlc_merge refuses a timestamp more than max_clock_offset ahead of the wall clock: a peer's
 * broken clock must not drag ours along.
 *
 * Invariants
 * 1. hlc_now never returns the same value twice and never goes back, also when the wall clock does.
 * 2. After hlc_merge(t) == HLC_OK, hlc_now > t.
 */
#ifndef CAIRN_BASE_HLC_H
#define CAIRN_BASE_HLC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct env;

typedef uint64_t hlc_time;
#define HLC_MAX UINT64_MAX
enum { HLC_LOGICAL_BITS = 12, HLC_PEER_MAX = 256, HLC_SAMPLE_COUNT = 8 };

static inline hlc_time hlc_make(uint64_t micros, uint32_t logical)
{
    return (micros << HLC_LOGICAL_BITS) | (logical & ((1u << HLC_LOGICAL_BITS) - 1));
}
static inline uint64_t hlc_micros(hlc_time time)
{
    return time >> HLC_LOGICAL_BITS;
}
static inline uint32_t hlc_logical(hlc_time time)
{
    return (uint32_t)(time & ((1u << HLC_LOGICAL_BITS) - 1));
}

enum hlc_result { HLC_OK, HLC_TOO_FAR_AHEAD };

struct hlc_sample {
    int64_t offset_us; /* peer - us */
    uint64_t error_us; /* half the round trip */
};

struct hlc_peer {
    uint32_t node_id; /* 0 = free */
    uint8_t sample_count, sample_next;
    struct hlc_sample samples[HLC_SAMPLE_COUNT];
    uint64_t sampled_at_us; /* our wall clock */
};

struct hlc {
    _Atomic uint64_t last;
    _Atomic bool fenced;
    struct env *env;
    uint64_t offset_max_us;
    struct hlc_peer *peers; /* HLC_PEER_MAX; written by the liveness core only */
    uint32_t peer_count;
};

/* offset_max_us: the setting max_clock_offset. */
void hlc_init(struct hlc *hlc, struct env *env, uint64_t offset_max_us);
void hlc_done(struct hlc *hlc);
/* A new timestamp. Any core. */
hlc_time hlc_now(struct hlc *hlc);
/* The last one given out or merged: no advance. */
hlc_time hlc_last(const struct hlc *hlc);
MUST_CHECK enum hlc_result hlc_merge(struct hlc *hlc, hlc_time seen);
/* Takes it in without the check: for timestamps read from the own disk at start. */
void hlc_merge_trusted(struct hlc *hlc, hlc_time seen);

/* A heartbeat answered: we sent at sent_us and got the answer at got_us (own wall clock), the
 * peer's wall clock said peer_us in between. Liveness core only. */
void hlc_sample(struct hlc *hlc, uint32_t node_id, uint64_t sent_us, uint64_t peer_us,
                uint64_t got_us);
void hlc_forget_peer(struct hlc *hlc, uint32_t node_id);
/* False when there is no sample. */
bool hlc_offset(const struct hlc *hlc, uint32_t node_id, struct hlc_sample *out);
bool hlc_is_fenced(const struct hlc *hlc);

#endif
