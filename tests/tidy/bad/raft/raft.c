#include "storage/kv.h"
#include "base/clean.h"

#include <unistd.h>
