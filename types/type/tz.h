/* tz.h: time zones from IANA's compiled files (TZif), given as bytes that the environment read once
 * at start.
 *
 * A zone answers two questions: which offset holds at an instant, and which instant a local time
 * means. For a local time that occurs twice or never, the answer is PostgreSQL's: in the hour that
 * occurs twice the standard-time (second) reading, in the hour that is skipped the offset before
 * the jump.
 *
 * Invariants
 * 1. A zone is immutable and holds no pointer into the bytes it was made from; it lives in the
 * arena given.
 * 2. Beyond the file's last transition the POSIX rule in its footer goes on for ever; before the
 * first, the first standard type holds. NULL as a zone is UTC everywhere.
 */
#ifndef CAIRN_TYPES_TYPE_TZ_H
#define CAIRN_TYPES_TYPE_TZ_H

#include "base/arena.h"
#include "base/err.h"

enum { TZ_ABBREV_MAX = 12 };

struct tz;

struct tz_offset {
    int32_t seconds; /* east of Greenwich */
    bool dst;
    const char *abbrev;
};

/* NULL: the bytes are no TZif file. */
const struct tz *tz_parse(const char *name, const uint8_t *data, size_t len, struct arena *arena);
/* A fixed offset (seconds east), named as PostgreSQL prints it: "<+03>-03". */
const struct tz *tz_fixed(int32_t seconds_east, struct arena *arena);
/* A POSIX zone specification ("EST5EDT", "<+03>-3"). NULL: none. */
const struct tz *tz_posix(const char *spec, size_t len, struct arena *arena);
const char *tz_name(const struct tz *zone);

/* us since 2000-01-01 UTC. */
struct tz_offset tz_at(const struct tz *zone, int64_t instant_us);
/* The offset to subtract from a local time (us since 2000-01-01 local). */
struct tz_offset tz_at_local(const struct tz *zone, int64_t local_us);

/* Zone abbreviations of PostgreSQL's Default set ("PST", "CEST"): seconds east; false = unknown. */
bool tz_abbrev(const char *name, size_t len, int32_t *seconds_east, bool *dst);

#endif
