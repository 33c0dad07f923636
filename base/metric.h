/* metric.h: counters, gauges and histograms.
 *
 * The metrics are listed in metric.def. Each core has a block of slots of its own, so counting is
 * an addition without atomics contention; the reader (GET /metrics) sums over the cores. Slots are
 * written with relaxed atomic stores by one thread and may be read by any.
 *
 *     metric_add(core->metrics, METRIC_rpc_requests, 1);
 *     metric_observe(core->metrics, METRIC_rpc_latency_us, us);
 *
 * Histograms have fixed buckets at powers of two of the unit (1, 2, 4, ... 2^30), which costs a
 * count of leading zeros. Threads that are no core (lanes, jobs) use the block metric_shared(),
 * with atomic additions.
 *
 * Floors above add lines to metric.def; labels are part of the name there (no run-time label sets).
 * Values with labels known only at run time (per tablet) are printed by their owner through
 * metric_print_*.
 */
#ifndef CAIRN_BASE_METRIC_H
#define CAIRN_BASE_METRIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_BUCKETS = 32 };

enum metric {
#define METRIC(kind, name, help) METRIC_##name,
#include "base/metric.def"
#undef METRIC
    METRIC_COUNT
};

struct metric_histogram {
    _Atomic uint64_t buckets[METRIC_BUCKETS]; /* [i]: values < 2^i, the last: all others */
    _Atomic uint64_t sum;
};

struct metric_slots {
    _Atomic int64_t values[METRIC_COUNT];
    struct metric_histogram *histograms[METRIC_COUNT]; /* NULL for the others */
    bool shared;                                       /* several writers */
};

/* One per node: the slots of its cores and the shared one. */
struct metrics {
    uint32_t core_count;
    struct metric_slots **cores;
    struct metric_slots *shared;
};

struct metrics *metrics_create(uint32_t core_count);
void metrics_destroy(struct metrics *metrics);
static inline struct metric_slots *metric_shared(struct metrics *m)
{
    return m->shared;
}

static inline void metric_add(struct metric_slots *slots, enum metric which, int64_t delta)
{
    _Atomic int64_t *v = &slots->values[which];
    if (__builtin_expect(slots->shared, 0))
        atomic_fetch_add_explicit(v, delta, memory_order_relaxed);
    else
        atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + delta,
                              memory_order_relaxed);
}
/* A gauge's value of this core; the node's is the sum over cores. */
static inline void metric_set(struct metric_slots *slots, enum metric which, int64_t value)
{
    atomic_store_explicit(&slots->values[which], value, memory_order_relaxed);
}
void metric_observe(struct metric_slots *slots, enum metric which, uint64_t value);

int64_t metric_total(const struct metrics *metrics, enum metric which);
/* The value below which the fraction q of observations lies (upper bound of its bucket). */
uint64_t metric_quantile(const struct metrics *metrics, enum metric which, double q);
/* Prometheus text exposition format, every metric of metric.def. */
void metrics_print(const struct metrics *metrics, struct buf *out);
/* One line of the owner's: name{label="value"} number; prints the HELP and TYPE lines first if
 * `help`. */
void metric_print_labelled(struct buf *out, const char *name, const char *help,
                           enum metric_kind kind, const char *label, const char *label_value,
                           double value);
const char *metric_name(enum metric which);

#endif
