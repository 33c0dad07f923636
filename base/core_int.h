/* core_int.h: making and freeing cores: for core.c and the tests of it. */
#ifndef CAIRN_BASE_CORE_INT_H
#define CAIRN_BASE_CORE_INT_H

#include "base/core.h"

struct core *core_create(struct runtime *runtime, uint32_t index);
void core_destroy(struct core *core);
/* Frees a runtime whose cores were taken down from outside (a simulated crash): joins nothing. */
void runtime_abandon(struct runtime *runtime);

#endif
