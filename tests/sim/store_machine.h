/* store_machine.h: registers as a replicated state machine, to prove storage/tablet without
 * storage/txn.
 *
 * Commands: set a register (and write it as a row version to a tablet), create and drop tablets,
 * carry ballast (commands of several MiB). A register holds the number of the command that wrote it
 * last and how often it was written. The state store also holds a running digest of all commands
 * applied, with their index: two replicas at the same applied index have the same state store, byte
 * for byte, or a law was broken.
 *
 *     command := u8 op, u64 number, then
 *       SET     u32 register                      answer: u64 writes so far (this one included)
 *       CREATE  u64 storage                       answer: none
 *       DROP    u64 storage                       answer: none
 *       BALLAST bytes                             answer: u64 their hash
 *       SCRATCH u8 reset, u32 register answer: none; a tablet that is emptied by dropping and
 *       creating it again under its name
 */
#ifndef CAIRN_TESTS_SIM_STORE_MACHINE_H
#define CAIRN_TESTS_SIM_STORE_MACHINE_H

#include "base/buf.h"
#include "storage/tablet/group.h"

enum { MACHINE_SET = 1, MACHINE_CREATE, MACHINE_DROP, MACHINE_BALLAST, MACHINE_SCRATCH,
       MACHINE_MANY };
#define MACHINE_STORAGE UINT64_C(20000) /* the tablet that SET writes to */
#define MACHINE_SCRATCH_STORAGE UINT64_C(25000)
#define MACHINE_MANY_STORAGE UINT64_C(26000)
/* Storage ids are unique in a node: what a command calls `storage` is this one. */
uint64_t machine_storage(const struct group *group, uint64_t storage);

/* What machine_factory may point to (or NULL): hears of each command applied, on every replica. */
struct store_machine_watch {
    void (*applied)(struct store_machine_watch *watch, const struct group *group, raft_index index,
                    uint64_t digest, uint64_t number);
    /* The state store was replaced: `again` after the first time of a boot (a snapshot). */
    void (*loaded)(struct store_machine_watch *watch, const struct group *group, bool again);
};

struct store_machine {
    struct store_machine_watch *watch;
    struct group *group;
    raft_term leading; /* 0 = not */
    uint64_t applied, loads;
    raft_index last_index; /* of this boot */
};

extern const struct group_machine_ops store_machine_ops;

void machine_put_set(struct buf *out, uint64_t number, uint32_t reg);
void machine_put_create(struct buf *out, uint64_t number, uint64_t storage);
void machine_put_drop(struct buf *out, uint64_t number, uint64_t storage);
void machine_put_ballast(struct buf *out, uint64_t number, size_t bytes);

void machine_put_scratch(struct buf *out, uint64_t number, bool reset, uint32_t reg);

/* Of `bytes` bytes at least: from 256 KiB on it is applied in a fiber. */
void machine_put_many(struct buf *out, uint64_t number, uint32_t rows, size_t bytes);
/* What all rows of the last MANY hold; false = none yet. */
bool machine_many(const struct group *group, uint32_t *rows, uint64_t *number);

/* What the scratch tablet must hold for the register: false = nothing. */
bool machine_scratch(const struct group *group, uint32_t reg, uint64_t *number);
/* What a register holds: false = never written. */
bool machine_register(const struct group *group, uint32_t reg, uint64_t *number, uint64_t *writes);
/* Was the command applied? (The machine remembers every number.) */
bool machine_knows(const struct group *group, uint64_t number);
uint64_t machine_digest(const struct group *group);
/* The row key of a register, and the schema of every tablet here. */
void machine_key(uint32_t reg, uint8_t out[4]);
const struct kv_schema *machine_schema(uint64_t storage, struct kv_schema *schema);

#endif
