/* tpch_gen.c: TPC-H data at any scale factor, to the specification's clauses 4.2.2 and 4.2.3.
 *
 *     tpch_gen -s SCALE [-T TABLE|all] [-o DIRECTORY]
 *
 * Writes DIRECTORY/TABLE.tbl, columns separated by '|', none after the last. Orders and lineitem
 * are drawn together, so that o_totalprice and o_orderstatus follow from the lines. Deterministic:
 * the same scale factor gives the same bytes on any machine.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/tpch_text.h"

enum {
    SUPPLIERS = 10000,
    PARTS = 200000,
    CUSTOMERS = 150000,
    ORDERS = 1500000,
    CLERKS = 1000,
    LINES_MAX = 7,
    SUPPLIERS_PER_PART = 4,
    ODD_COMMENT_EVERY = 2000, /* 5 * SF of each kind among 10000 * SF suppliers */
    TEXT_BYTES = 256,
    DAY_LAST_ORDER = 2405, /* 1998-08-02: 1998-12-31 less 151 days, counted from 1992-01-01 */
    DAY_CURRENT = 1263,    /* 1995-06-17 */
};

enum column {
    C_ADDRESS = 1,
    C_NATION,
    C_PHONE,
    C_ACCTBAL,
    C_SEGMENT,
    C_COMMENT,
    S_ADDRESS = 11,
    S_NATION,
    S_PHONE,
    S_ACCTBAL,
    S_COMMENT,
    S_ODD,
    P_NAME = 21,
    P_BRAND,
    P_TYPE,
    P_SIZE,
    P_CONTAINER,
    P_COMMENT,
    PS_QUANTITY = 31,
    PS_COST,
    PS_COMMENT,
    O_CUSTOMER = 41,
    O_DATE,
    O_PRIORITY,
    O_CLERK,
    O_COMMENT,
    O_LINES,
    L_LINE = 51,
    L_COMMENT,
    R_COMMENT = 61,
    N_COMMENT,
};

struct gen {
    int64_t suppliers, parts, customers, orders, clerks;
    struct text_pool pool;
    const char *dir;
    FILE *file, *lines;
};

struct line {
    int64_t part, supplier, quantity, price_cents, discount, tax;
    int ship, commit, receipt;
    char returned, status;
    const char *instruction, *mode;
};

static const struct {
    const char *name;
    int region;
} nations[] = {
    {"ALGERIA", 0},       {"ARGENTINA", 1}, {"BRAZIL", 1}, {"CANADA", 1},
    {"EGYPT", 4},         {"ETHIOPIA", 0},  {"FRANCE", 3}, {"GERMANY", 3},
    {"INDIA", 2},         {"INDONESIA", 2}, {"IRAN", 4},   {"IRAQ", 4},
    {"JAPAN", 2},         {"JORDAN", 4},    {"KENYA", 0},  {"MOROCCO", 0},
    {"MOZAMBIQUE", 0},    {"PERU", 1},      {"CHINA", 2},  {"ROMANIA", 3},
    {"SAUDI ARABIA", 4},  {"VIETNAM", 2},   {"RUSSIA", 3}, {"UNITED KINGDOM", 3},
    {"UNITED STATES", 1},
};
static const char *const regions[] = {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};

enum { NATIONS = sizeof nations / sizeof nations[0], REGIONS = sizeof regions / sizeof regions[0] };

static struct draw start(enum column column, int64_t row)
{
    return (struct draw){(uint64_t)column, (uint64_t)row, 0};
}

static int64_t one(enum column column, int64_t row, int64_t low, int64_t high)
{
    struct draw d = start(column, row);
    return draw_range(&d, low, high);
}

static const char *one_word(enum column column, int64_t row, enum word_list list)
{
    struct draw d = start(column, row);
    return draw_word(&d, list);
}

static const char *text_of(const struct gen *g, enum column column, int64_t row, int min, int max,
                           char *out)
{
    struct draw d = start(column, row);
    draw_text(&d, &g->pool, min, max, out);
    return out;
}

static void print_cents(FILE *f, int64_t cents)
{
    int64_t positive = cents < 0 ? -cents : cents;
    fprintf(f, "%s%lld.%02lld", cents < 0 ? "-" : "", (long long)(positive / 100),
            (long long)(positive % 100));
}

/* Days since 1992-01-01 as a date. */
static void print_date(FILE *f, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1992, month = 0;
    for (;; year++) {
        int days = year % 4 == 0 ? 366 : 365;
        if (day < days)
            break;
        day -= days;
    }
    for (;; month++) {
        int days = lengths[month] + (month == 1 && year % 4 == 0);
        if (day < days)
            break;
        day -= days;
    }
    fprintf(f, "%d-%02d-%02d", year, month + 1, day + 1);
}

static void print_phone(FILE *f, enum column column, int64_t row, int64_t nation)
{
    struct draw d = start(column, row);
    long long a = draw_range(&d, 100, 999), b = draw_range(&d, 100, 999);
    long long c = draw_range(&d, 1000, 9999);
    fprintf(f, "%lld-%lld-%lld-%lld", (long long)nation + 10, a, b, c);
}

static int64_t retail_cents(int64_t part)
{
    return 90000 + part / 10 % 20001 + 100 * (part % 1000);
}

/* The i-th of a part's four suppliers. */
static int64_t supplier_of(const struct gen *g, int64_t part, int64_t i)
{
    int64_t s = g->suppliers;
    return (part + i * (s / SUPPLIERS_PER_PART + (part - 1) / s)) % s + 1;
}

static void make_region(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int i = 0; i < REGIONS; i++)
        fprintf(g->file, "%d|%s|%s\n", i, regions[i], text_of(g, R_COMMENT, i, 31, 115, text));
}

static void make_nation(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int i = 0; i < NATIONS; i++)
        fprintf(g->file, "%d|%s|%d|%s\n", i, nations[i].name, nations[i].region,
                text_of(g, N_COMMENT, i, 31, 114, text));
}

/* One supplier in 2000 has complaints, another recommendations (clause 4.2.3). */
static void mark_supplier(int64_t supplier, char *comment)
{
    int64_t block = (supplier - 1) / ODD_COMMENT_EVERY, at = (supplier - 1) % ODD_COMMENT_EVERY;
    struct draw d = start(S_ODD, block);
    int64_t complains = draw_range(&d, 0, ODD_COMMENT_EVERY - 1);
    int64_t recommends = (complains + draw_range(&d, 1, ODD_COMMENT_EVERY - 1)) % ODD_COMMENT_EVERY;
    if (at != complains && at != recommends)
        return;
    const char *word = at == complains ? "Complaints" : "Recommends";
    struct draw place = start(S_ODD, -supplier);
    int spare = (int)strlen(comment) - 18; /* both words take 18 characters */
    int before = (int)draw_range(&place, 0, spare);
    int between = (int)draw_range(&place, 0, spare - before);
    memcpy(comment + before, "Customer", 8);
    memcpy(comment + before + 8 + between, word, 10);
}

static void make_supplier(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int64_t i = 1; i <= g->suppliers; i++) {
        struct draw d = start(S_ADDRESS, i);
        int64_t nation = one(S_NATION, i, 0, NATIONS - 1);
        draw_v_string(&d, 10, 40, text);
        fprintf(g->file, "%lld|Supplier#%09lld|%s|%lld|", (long long)i, (long long)i, text,
                (long long)nation);
        print_phone(g->file, S_PHONE, i, nation);
        fputc('|', g->file);
        print_cents(g->file, one(S_ACCTBAL, i, -99999, 999999));
        text_of(g, S_COMMENT, i, 25, 100, text);
        mark_supplier(i, text);
        fprintf(g->file, "|%s\n", text);
    }
}

static void make_customer(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int64_t i = 1; i <= g->customers; i++) {
        struct draw d = start(C_ADDRESS, i);
        int64_t nation = one(C_NATION, i, 0, NATIONS - 1);
        draw_v_string(&d, 10, 40, text);
        fprintf(g->file, "%lld|Customer#%09lld|%s|%lld|", (long long)i, (long long)i, text,
                (long long)nation);
        print_phone(g->file, C_PHONE, i, nation);
        fputc('|', g->file);
        print_cents(g->file, one(C_ACCTBAL, i, -99999, 999999));
        fprintf(g->file, "|%s|%s\n", one_word(C_SEGMENT, i, WORDS_segments),
                text_of(g, C_COMMENT, i, 29, 116, text));
    }
}

/* Five different colours. */
static void print_part_name(FILE *f, int64_t part)
{
    struct draw d = start(P_NAME, part);
    int order[128], count = word_count(WORDS_colors);
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = 0; i < 5; i++) {
        int64_t pick = draw_range(&d, i, count - 1);
        int other = order[i];
        order[i] = order[pick];
        order[pick] = other;
        fprintf(f, "%s%s", i ? " " : "", word_at(WORDS_colors, order[i]));
    }
}

static void make_part(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int64_t i = 1; i <= g->parts; i++) {
        struct draw brand = start(P_BRAND, i), type = start(P_TYPE, i), box = start(P_CONTAINER, i);
        int maker = (int)draw_range(&brand, 1, 5);
        fprintf(g->file, "%lld|", (long long)i);
        print_part_name(g->file, i);
        fprintf(g->file, "|Manufacturer#%d|Brand#%d%d", maker, maker,
                (int)draw_range(&brand, 1, 5));
        fprintf(g->file, "|%s", draw_word(&type, WORDS_type_size));
        fprintf(g->file, " %s", draw_word(&type, WORDS_type_finish));
        fprintf(g->file, " %s", draw_word(&type, WORDS_type_metal));
        fprintf(g->file, "|%lld", (long long)one(P_SIZE, i, 1, 50));
        fprintf(g->file, "|%s", draw_word(&box, WORDS_container_size));
        fprintf(g->file, " %s|", draw_word(&box, WORDS_container_kind));
        print_cents(g->file, retail_cents(i));
        fprintf(g->file, "|%s\n", text_of(g, P_COMMENT, i, 5, 22, text));
    }
}

static void make_partsupp(struct gen *g)
{
    char text[TEXT_BYTES];
    for (int64_t part = 1; part <= g->parts; part++)
        for (int64_t i = 0; i < SUPPLIERS_PER_PART; i++) {
            int64_t row = part * SUPPLIERS_PER_PART + i;
            fprintf(g->file, "%lld|%lld|%lld|", (long long)part, (long long)supplier_of(g, part, i),
                    (long long)one(PS_QUANTITY, row, 1, 9999));
            print_cents(g->file, one(PS_COST, row, 100, 100000));
            fprintf(g->file, "|%s\n", text_of(g, PS_COMMENT, row, 49, 198, text));
        }
}

/* Eight keys used, then twenty-four left out (clause 4.2.3). */
static int64_t order_key(int64_t index)
{
    return (index / 8) * 32 + index % 8 + 1;
}

static void draw_line(const struct gen *g, int64_t row, int order_day, struct line *l)
{
    struct draw d = start(L_LINE, row);
    l->part = draw_range(&d, 1, g->parts);
    l->supplier = supplier_of(g, l->part, draw_range(&d, 0, SUPPLIERS_PER_PART - 1));
    l->quantity = draw_range(&d, 1, 50);
    l->price_cents = l->quantity * retail_cents(l->part);
    l->discount = draw_range(&d, 0, 10);
    l->tax = draw_range(&d, 0, 8);
    l->ship = order_day + (int)draw_range(&d, 1, 121);
    l->commit = order_day + (int)draw_range(&d, 30, 90);
    l->receipt = l->ship + (int)draw_range(&d, 1, 30);
    int64_t returned = draw_range(&d, 0, 1);
    l->returned = l->receipt > DAY_CURRENT ? 'N' : returned ? 'R' : 'A';
    l->status = l->ship > DAY_CURRENT ? 'O' : 'F';
    l->instruction = draw_word(&d, WORDS_instructions);
    l->mode = draw_word(&d, WORDS_modes);
}

static void print_line(struct gen *g, int64_t key, int number, int64_t row, const struct line *l)
{
    char text[TEXT_BYTES];
    FILE *f = g->lines;
    fprintf(f, "%lld|%lld|%lld|%d|%lld|", (long long)key, (long long)l->part,
            (long long)l->supplier, number, (long long)l->quantity);
    print_cents(f, l->price_cents);
    fprintf(f, "|0.%02d|0.%02d|%c|%c|", (int)l->discount, (int)l->tax, l->returned, l->status);
    print_date(f, l->ship);
    fputc('|', f);
    print_date(f, l->commit);
    fputc('|', f);
    print_date(f, l->receipt);
    fprintf(f, "|%s|%s|%s\n", l->instruction, l->mode, text_of(g, L_COMMENT, row, 10, 43, text));
}

static void print_order(struct gen *g, int64_t index, const struct line *lines, int count, int day)
{
    char text[TEXT_BYTES];
    struct draw d = start(O_CUSTOMER, index);
    int64_t customer, total = 0, key = order_key(index);
    int open = 0;
    do
        customer = draw_range(&d, 1, g->customers);
    while (customer % 3 == 0); /* a third of the customers never orders */
    for (int i = 0; i < count; i++) {
        total += lines[i].price_cents * (100 + lines[i].tax) * (100 - lines[i].discount);
        open += lines[i].status == 'O';
    }
    fprintf(g->file, "%lld|%lld|%c|", (long long)key, (long long)customer,
            open == 0       ? 'F'
            : open == count ? 'O'
                            : 'P');
    print_cents(g->file, (total + 5000) / 10000);
    fputc('|', g->file);
    print_date(g->file, day);
    fprintf(g->file, "|%s|Clerk#%09lld|0|%s\n", one_word(O_PRIORITY, index, WORDS_priorities),
            (long long)one(O_CLERK, index, 1, g->clerks),
            text_of(g, O_COMMENT, index, 19, 78, text));
}

static void make_orders(struct gen *g)
{
    struct line lines[LINES_MAX];
    for (int64_t index = 0; index < g->orders; index++) {
        int count = (int)one(O_LINES, index, 1, LINES_MAX);
        int day = (int)one(O_DATE, index, 0, DAY_LAST_ORDER);
        for (int i = 0; i < count; i++) {
            int64_t row = index * LINES_MAX + i;
            draw_line(g, row, day, &lines[i]);
            if (g->lines)
                print_line(g, order_key(index), i + 1, row, &lines[i]);
        }
        if (g->file)
            print_order(g, index, lines, count, day);
    }
}

static FILE *open_table(const struct gen *g, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.tbl", g->dir, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "tpch_gen: cannot write %s: %s\n", path, strerror(errno));
        exit(1);
    }
    setvbuf(f, NULL, _IOFBF, 1 << 20);
    return f;
}

static void close_table(FILE *f)
{
    if (f && (ferror(f) || fclose(f) != 0)) {
        fprintf(stderr, "tpch_gen: write failed: %s\n", strerror(errno));
        exit(1);
    }
}

/* Returns false when `only` names no table. */
static bool make_tables(struct gen *g, const char *only)
{
    static const struct {
        const char *name;
        void (*make)(struct gen *g);
    } tables[] = {{"region", make_region},     {"nation", make_nation},
                  {"supplier", make_supplier}, {"customer", make_customer},
                  {"part", make_part},         {"partsupp", make_partsupp}};
    bool all = strcmp(only, "all") == 0, found = all;
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (!all && strcmp(only, tables[i].name) != 0)
            continue;
        g->file = open_table(g, tables[i].name);
        tables[i].make(g);
        close_table(g->file);
        found = true;
    }
    bool orders = all || strcmp(only, "orders") == 0, lines = all || strcmp(only, "lineitem") == 0;
    g->file = orders ? open_table(g, "orders") : NULL;
    g->lines = lines ? open_table(g, "lineitem") : NULL;
    if (orders || lines)
        make_orders(g);
    close_table(g->file);
    close_table(g->lines);
    return found || orders || lines;
}

static int64_t scaled(double scale, int64_t rows)
{
    int64_t n = (int64_t)(scale * (double)rows + 0.5);
    return n < SUPPLIERS_PER_PART ? SUPPLIERS_PER_PART : n;
}

int main(int argc, char **argv)
{
    double scale = 1;
    const char *only = "all";
    struct gen g = {.dir = "."};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value && strcmp(argv[i], "-s") == 0)
            scale = atof(value);
        else if (value && strcmp(argv[i], "-T") == 0)
            only = value;
        else if (value && strcmp(argv[i], "-o") == 0)
            g.dir = value;
        else
            scale = 0;
    }
    if (!(scale > 0) || scale > 100000) {
        fprintf(stderr, "usage: tpch_gen -s SCALE [-T TABLE|all] [-o DIRECTORY]\n");
        return 2;
    }
    g.suppliers = scaled(scale, SUPPLIERS);
    g.parts = scaled(scale, PARTS);
    g.customers = scaled(scale, CUSTOMERS);
    g.orders = scaled(scale, ORDERS);
    g.clerks = scaled(scale, CLERKS);
    text_pool_create(&g.pool);
    bool found = make_tables(&g, only);
    text_pool_destroy(&g.pool);
    if (!found)
        fprintf(stderr, "tpch_gen: no table %s\n", only);
    return found ? 0 : 2;
}
