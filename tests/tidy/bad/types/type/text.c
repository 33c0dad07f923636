#include <string.h>
#include "types/type/text.h"

#include "base/zebra.h"
#include "base/apple.h"
#include <stdio.h>
#include "parser/ast.h"
#include "types/expr/expr.h"
#include "text.h"

static int counter;
static __thread int mine;
int open_global = 1;

long ask(void)
{
    return time(NULL) + rand(); 
}
