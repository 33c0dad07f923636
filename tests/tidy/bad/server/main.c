#include "client/shell.h"
#include "executor/executor.h"
#include "planner/planner.h"
