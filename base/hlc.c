#include "base/hlc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"

enum { SAMPLE_LIFE_US = 10 * 1000 * 1000 };

void hlc_init(struct hlc *hlc, struct env *env, uint64_t offset_max_us)
{
    memset(hlc, 0, sizeof *hlc);
    hlc->env = env;
    hlc->offset_max_us = offset_max_us;
    hlc->peers = calloc(HLC_PEER_MAX, sizeof *hlc->peers);
    if (!hlc->peers) {
        fprintf(stderr, "cairn: out of memory for the clock\n");
        abort();
    }
}

void hlc_done(struct hlc *hlc)
{
    free(hlc->peers);
    hlc->peers = NULL;
}

hlc_time hlc_now(struct hlc *hlc)
{
    hlc_time wall = hlc_make(env_wall_us(hlc->env), 0);
    uint64_t last = atomic_load_explicit(&hlc->last, memory_order_relaxed);
    hlc_time next;
    do {
        next = wall > last ? wall : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&hlc->last, &last, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return next;
}

hlc_time hlc_last(const struct hlc *hlc)
{
    return atomic_load_explicit(&hlc->last, memory_order_acquire);
}

void hlc_merge_trusted(struct hlc *hlc, hlc_time seen)
{
    uint64_t last = atomic_load_explicit(&hlc->last, memory_order_relaxed);
    while (last < seen && !atomic_compare_exchange_weak_explicit(
                              &hlc->last, &last, seen, memory_order_acq_rel, memory_order_relaxed))
        ;
}

enum hlc_result hlc_merge(struct hlc *hlc, hlc_time seen)
{
    if (seen <= atomic_load_explicit(&hlc->last, memory_order_relaxed))
        return HLC_OK;
    if (hlc_micros(seen) > env_wall_us(hlc->env) + hlc->offset_max_us)
        return HLC_TOO_FAR_AHEAD;
    hlc_merge_trusted(hlc, seen);
    return HLC_OK;
}

/* ---- offsets ---- */

static struct hlc_peer *find_peer(const struct hlc *hlc, uint32_t node_id)
{
    for (uint32_t i = 0; i < hlc->peer_count; i++)
        if (hlc->peers[i].node_id == node_id)
            return &hlc->peers[i];
    return NULL;
}

/* The sample with the smallest error bound says most. */
static const struct hlc_sample *best_sample(const struct hlc_peer *peer)
{
    const struct hlc_sample *best = NULL;
    for (int i = 0; i < peer->sample_count; i++)
        if (!best || peer->samples[i].error_us < best->error_us)
            best = &peer->samples[i];
    return best;
}

/* Surely beyond the bound: even the most favourable reading of the sample is. */
static bool is_surely_off(const struct hlc_sample *s, uint64_t bound_us)
{
    uint64_t off = (uint64_t)(s->offset_us < 0 ? -s->offset_us : s->offset_us);
    return off > s->error_us && off - s->error_us > bound_us;
}

static void judge(struct hlc *hlc, uint64_t now_us)
{
    uint64_t bound = hlc->offset_max_us * 8 / 10;
    uint32_t fresh = 0, off = 0;
    for (uint32_t i = 0; i < hlc->peer_count; i++) {
        const struct hlc_peer *peer = &hlc->peers[i];
        uint64_t age = now_us > peer->sampled_at_us ? now_us - peer->sampled_at_us : 0;
        if (!peer->sample_count || age > SAMPLE_LIFE_US)
            continue;
        fresh++;
        off += is_surely_off(best_sample(peer), bound);
    }
    atomic_store_explicit(&hlc->fenced, fresh > 0 && off * 2 > fresh, memory_order_release);
}

void hlc_sample(struct hlc *hlc, uint32_t node_id, uint64_t sent_us, uint64_t peer_us,
                uint64_t got_us)
{
    if (got_us < sent_us)
        return; /* our wall clock was set back in between: says nothing */
    struct hlc_peer *peer = find_peer(hlc, node_id);
    if (!peer) {
        if (hlc->peer_count == HLC_PEER_MAX)
            return;
        peer = &hlc->peers[hlc->peer_count++];
        *peer = (struct hlc_peer){.node_id = node_id};
    }
    uint64_t half = (got_us - sent_us + 1) / 2;
    peer->samples[peer->sample_next] =
        (struct hlc_sample){.offset_us = (int64_t)(peer_us - (sent_us + half)), .error_us = half};
    peer->sample_next = (uint8_t)((peer->sample_next + 1) % HLC_SAMPLE_COUNT);
    if (peer->sample_count < HLC_SAMPLE_COUNT)
        peer->sample_count++;
    peer->sampled_at_us = got_us;
    judge(hlc, got_us);
}

void hlc_forget_peer(struct hlc *hlc, uint32_t node_id)
{
    struct hlc_peer *peer = find_peer(hlc, node_id);
    if (!peer)
        return;
    *peer = hlc->peers[--hlc->peer_count];
    judge(hlc, env_wall_us(hlc->env));
}

bool hlc_offset(const struct hlc *hlc, uint32_t node_id, struct hlc_sample *out)
{
    const struct hlc_peer *peer = find_peer(hlc, node_id);
    if (!peer || !peer->sample_count)
        return false;
    *out = *best_sample(peer);
    return true;
}

bool hlc_is_fenced(const struct hlc *hlc)
{
    return atomic_load_explicit(&hlc->fenced, memory_order_acquire);
}
