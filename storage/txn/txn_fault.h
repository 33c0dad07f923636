/* txn_fault.h: planted bugs. Bits of kv_node_config.faults; only tests set them, to show that the
 * checkers see. */
#ifndef CAIRN_STORAGE_TXN_TXN_FAULT_H
#define CAIRN_STORAGE_TXN_TXN_FAULT_H

enum txn_fault {
    TXN_FAULT_LOST_PREPARE = 1 << 0,       /* apply answers "prepared" and keeps nothing */
    TXN_FAULT_LOCK_ONLY_LEFT_OUT = 1 << 1, /* groups with locks but no rows are no participants */
    TXN_FAULT_FORBID_IN_MEMORY = 1 << 2,   /* apply of a forbid writes nothing */
    TXN_FAULT_STALE_LEASE_READ = 1 << 3,   /* reads are served without asking for the lease */
    TXN_FAULT_PUBLISH_LATE = 1 << 4, /* rows are not held against readers while the entry travels */
    TXN_FAULT_NO_MARKER = 1 << 5,    /* a resolve leaves no marker */
    TXN_FAULT_OUTCOME_UNCHECKED =
        1 << 6, /* commit and prepare entries do not look for their own outcome */
    TXN_FAULT_ABORT_EARLY = 1 << 7, /* a refused commit is reported as aborted without asking */
    TXN_FAULT_LOCKS_UNCHECKED =
        1 << 8, /* commit and prepare do not ask whether the locks still stand */
    TXN_FAULT_NEWER_UNCHECKED = 1 << 9, /* a lock does not look for newer versions */
    TXN_FAULT_NO_RESTART =
        1 << 10, /* who was prepared below T and came out above it is passed over */
    TXN_FAULT_PREPARED_DROPPED = 1 << 13, /* a new leader forgets prepared locks */
    TXN_FAULT_VOID_KEPT = 1 << 14,        /* rolled back rows are committed */
};

#endif
