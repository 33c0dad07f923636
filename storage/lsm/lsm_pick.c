#include "storage/lsm/lsm_int.h"

/* Tiers above a leveled last run. A run's tier is how often 8 goes into its size, counted from
 * the size of a flush. Three runs in a tier (or too many of lower ones) are merged with
 * everything newer; when what lies above the last run reaches an eighth of it, or runs are
 * many, all of it joins the last run. A file of the last run that is mostly dead versions is
 * rewritten alone. */

enum { RATIO = 8, RUNS_A_TIER = 2, UPPER_RUNS_MAX = 7, GARBAGE_SHARE = 3 };

static uint32_t tier_of(uint64_t bytes, uint64_t unit)
{
    uint32_t tier = 0;
    for (uint64_t limit = unit * 2; bytes > limit && tier < 20; limit *= RATIO)
        tier++;
    return tier;
}

static bool pick_garbage(const struct lsm_version *v, hlc_time horizon, struct lsm_pick *pick)
{
    if (!v->n_runs || v->runs[v->n_runs - 1].id != 0)
        return false;
    const struct lsm_run *last = &v->runs[v->n_runs - 1];
    for (size_t i = 0; i < last->n_files; i++) {
        const struct manifest_file *f = &last->files[i]->meta;
        uint64_t dead = f->row_count - f->key_count + f->delete_count;
        if (f->max_ts > horizon || dead * GARBAGE_SHARE < f->row_count || dead == 0)
            continue;
        *pick = (struct lsm_pick){
            .first_run = v->n_runs - 1, .n_runs = 1, .into_last = true, .only_file = (int64_t)i};
        return true;
    }
    return false;
}

bool lsm_pick_compaction(const struct lsm_version *v, uint64_t unit_bytes, hlc_time horizon,
                         struct lsm_pick *pick)
{
    bool has_last = v->n_runs && v->runs[v->n_runs - 1].id == 0;
    size_t upper = v->n_runs - has_last;
    uint64_t upper_bytes = 0, last_bytes = has_last ? v->runs[v->n_runs - 1].bytes : 0;
    for (size_t i = 0; i < upper; i++)
        upper_bytes += v->runs[i].bytes;
    if (upper > UPPER_RUNS_MAX || (upper > RUNS_A_TIER && upper_bytes * RATIO >= last_bytes)) {
        *pick = (struct lsm_pick){.n_runs = v->n_runs, .into_last = true, .only_file = -1};
        return true;
    }
    for (size_t n = 0, in_tier = 0; n < upper; n++) {
        uint32_t tier = tier_of(v->runs[n].bytes, unit_bytes);
        in_tier = n && tier_of(v->runs[n - 1].bytes, unit_bytes) == tier ? in_tier + 1 : 1;
        bool ends = n + 1 == upper || tier_of(v->runs[n + 1].bytes, unit_bytes) != tier;
        if (ends && in_tier > RUNS_A_TIER) {
            *pick = (struct lsm_pick){.n_runs = n + 1, .only_file = -1};
            return true;
        }
    }
    return pick_garbage(v, horizon, pick);
}
