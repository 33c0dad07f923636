/* kv_sim_lsm.h: tablets of the simulated world: plain maps behind storage/lsm/lsm.h. */
#ifndef CAIRN_TESTS_SIM_KV_SIM_LSM_H
#define CAIRN_TESTS_SIM_KV_SIM_LSM_H

#include "storage/lsm/lsm.h"

struct prng;

struct sim_version { /* newest first */
    struct sim_version *older;
    hlc_time ts;
    bool deleted;
    uint32_t len;
    uint8_t *data;
};
struct sim_row {
    uint32_t key_len;
    uint8_t *key;
    struct sim_version *versions;
};

struct lsm {
    struct lsm *next;
    uint64_t storage;
    uint16_t shard;
    struct arena schema_arena;
    struct kv_schema *schema;
    uint32_t n_rows, cap_rows;
    struct sim_row *rows; /* by key */
    struct prng *rng;     /* draws where reading has to wait */
    uint32_t pins;
    bool dropped;
};

struct lsm *sim_lsm_create(const struct kv_schema *schema, uint16_t shard, struct prng *rng);
void sim_lsm_drop(struct lsm *lsm); /* freed when the last snapshot goes */
void sim_lsm_alter(struct lsm *lsm, const struct kv_schema *schema);
/* The same version twice is one. */
void sim_lsm_put(struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts, bool deleted,
                 const void *data, uint32_t len);

#endif
