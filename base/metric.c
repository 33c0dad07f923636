#include "base/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric_info {
    const char *name;
    const char *help;
    enum metric_kind kind;
};

static const struct metric_info infos[METRIC_COUNT] = {
#define METRIC(k, n, h) [METRIC_##n] = {.name = #n, .help = h, .kind = METRIC_##k},
#include "base/metric.def"
#undef METRIC
};

static void *must_zalloc(size_t bytes)
{
    size_t rounded = (bytes + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, rounded);
    if (!p) {
        fprintf(stderr, "cairn: out of memory for metrics\n");
        abort();
    }
    return memset(p, 0, rounded);
}

static struct metric_slots *create_slots(bool shared)
{
    struct metric_slots *slots = must_zalloc(sizeof *slots);
    slots->shared = shared;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (infos[i].kind == METRIC_HISTOGRAM)
            slots->histograms[i] = must_zalloc(sizeof(struct metric_histogram));
    return slots;
}

static void destroy_slots(struct metric_slots *slots)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        free(slots->histograms[i]);
    free(slots);
}

struct metrics *metrics_create(uint32_t core_count)
{
    struct metrics *m = must_zalloc(sizeof *m);
    m->core_count = core_count;
    m->cores = must_zalloc(core_count * sizeof *m->cores);
    for (uint32_t i = 0; i < core_count; i++)
        m->cores[i] = create_slots(false);
    m->shared = create_slots(true);
    return m;
}

void metrics_destroy(struct metrics *metrics)
{
    for (uint32_t i = 0; i < metrics->core_count; i++)
        destroy_slots(metrics->cores[i]);
    destroy_slots(metrics->shared);
    free(metrics->cores);
    free(metrics);
}

static void bump(_Atomic uint64_t *v, uint64_t delta, bool shared)
{
    if (shared)
        atomic_fetch_add_explicit(v, delta, memory_order_relaxed);
    else
        atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + delta,
                              memory_order_relaxed);
}

/* Bucket i holds values below 2^i. */
static int bucket_of(uint64_t value)
{
    int bits = value ? 64 - __builtin_clzll(value) : 0;
    return bits < METRIC_BUCKETS - 1 ? bits : METRIC_BUCKETS - 1;
}

void metric_observe(struct metric_slots *slots, enum metric which, uint64_t value)
{
    struct metric_histogram *h = slots->histograms[which];
    bump(&h->buckets[bucket_of(value)], 1, slots->shared);
    bump(&h->sum, value, slots->shared);
}

static struct metric_slots *slots_at(const struct metrics *m, uint32_t i)
{
    return i < m->core_count ? m->cores[i] : m->shared;
}

int64_t metric_total(const struct metrics *metrics, enum metric which)
{
    int64_t total = 0;
    for (uint32_t i = 0; i <= metrics->core_count; i++) {
        struct metric_slots *s = slots_at(metrics, i);
        if (infos[which].kind != METRIC_HISTOGRAM) {
            total += atomic_load_explicit(&s->values[which], memory_order_relaxed);
            continue;
        }
        for (int b = 0; b < METRIC_BUCKETS; b++)
            total += (int64_t)atomic_load_explicit(&s->histograms[which]->buckets[b],
                                                   memory_order_relaxed);
    }
    return total;
}

static uint64_t bucket_total(const struct metrics *m, enum metric which, int bucket)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i <= m->core_count; i++)
        n += atomic_load_explicit(&slots_at(m, i)->histograms[which]->buckets[bucket],
                                  memory_order_relaxed);
    return n;
}

uint64_t metric_quantile(const struct metrics *metrics, enum metric which, double q)
{
    int64_t total = metric_total(metrics, which);
    double want = q * (double)total;
    uint64_t seen = 0;
    for (int b = 0; b < METRIC_BUCKETS; b++) {
        seen += bucket_total(metrics, which, b);
        if (seen && (double)seen >= want)
            return UINT64_C(1) << b;
    }
    return 0;
}

static void print_histogram(const struct metrics *m, enum metric which, struct buf *out)
{
    const char *name = infos[which].name;
    uint64_t seen = 0, sum = 0;
    for (int b = 0; b < METRIC_BUCKETS; b++) {
        seen += bucket_total(m, which, b);
        if (b < METRIC_BUCKETS - 1)
            buf_printf(out, "cairn_%s_bucket{le=\"%llu\"} %llu\n", name,
                       (unsigned long long)(UINT64_C(1) << b) - 1, (unsigned long long)seen);
    }
    for (uint32_t i = 0; i <= m->core_count; i++)
        sum += atomic_load_explicit(&slots_at(m, i)->histograms[which]->sum, memory_order_relaxed);
    buf_printf(out, "cairn_%s_bucket{le=\"+Inf\"} %llu\ncairn_%s_sum %llu\ncairn_%s_count %llu\n",
               name, (unsigned long long)seen, name, (unsigned long long)sum, name,
               (unsigned long long)seen);
}

static const char *kind_name(enum metric_kind kind)
{
    return kind == METRIC_COUNTER ? "counter" : kind == METRIC_GAUGE ? "gauge" : "histogram";
}

void metrics_print(const struct metrics *metrics, struct buf *out)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = &infos[i];
        buf_printf(out, "# HELP cairn_%s %s\n# TYPE cairn_%s %s\n", info->name, info->help,
                   info->name, kind_name(info->kind));
        if (info->kind == METRIC_HISTOGRAM)
            print_histogram(metrics, (enum metric)i, out);
        else
            buf_printf(out, "cairn_%s %lld\n", info->name,
                       (long long)metric_total(metrics, (enum metric)i));
    }
}

void metric_print_labelled(struct buf *out, const char *name, const char *help,
                           enum metric_kind kind, const char *label, const char *label_value,
                           double value)
{
    if (help)
        buf_printf(out, "# HELP cairn_%s %s\n# TYPE cairn_%s %s\n", name, help, name,
                   kind_name(kind));
    buf_printf(out, "cairn_%s{%s=\"", name, label);
    for (const char *p = label_value; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_put_u8(out, '\\');
        buf_put(out, *p == '\n' ? "\\n" : p, *p == '\n' ? 2 : 1);
    }
    buf_printf(out, "\"} %.17g\n", value);
}

const char *metric_name(enum metric which)
{
    return infos[which].name;
}
