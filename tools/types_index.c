/* types_index.c: prints the by-name orders of func.def and oper.def as C arrays (types/func/func.c
 * includes them).
 *
 * The .def files are in OID order, which is how they are looked up by OID; resolution by name needs
 * the other order, and a table sorted at start would be a mutable global.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    const char *name;
    unsigned at;
};

#define ARGS(...) 0
#define FUNC(oid, name, ...) {name, 0},
static struct entry funcs[] = {
#include "types/func/func.def"
};
#define OPER(oid, name, ...) {name, 0},
static struct entry opers[] = {
#include "types/func/oper.def"
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int cmp = strcmp(x->name, y->name);
    return cmp ? cmp : (x->at > y->at) - (x->at < y->at);
}

static void print_order(const char *what, struct entry *entries, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        entries[i].at = i;
    qsort(entries, n, sizeof *entries, compare_entries);
    printf("static const uint16_t %s_name_order[%u] = {", what, n);
    for (unsigned i = 0; i < n; i++)
        printf("%s%u,", i % 16 ? " " : "\n    ", entries[i].at);
    printf("\n};\n");
}

int main(void)
{
    printf("/* Made by tools/types_index.c from func.def and oper.def. */\n");
    print_order("func", funcs, sizeof funcs / sizeof *funcs);
    print_order("oper", opers, sizeof opers / sizeof *opers);
    return 0;
}
