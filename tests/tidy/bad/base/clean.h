/* clean.h: a header the checker has nothing to say about.
 *
 * time(NULL), __thread and rand() in a comment are words, not calls.
 */
#ifndef BAD_BASE_CLEAN_H
#define BAD_BASE_CLEAN_H

#include <stdint.h>

typedef int64_t clean_time;

struct clean {
    clean_time (*time)(void);
};

#endif
