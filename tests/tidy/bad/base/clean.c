#include "base/clean.h"

#include <stdio.h>
#include <string.h>

#include "base/other.h"

static const char *const words[] = {"typedef struct x x;", "rand()"};

clean_time ask(const struct clean *c)
{
    return c->time();
}
