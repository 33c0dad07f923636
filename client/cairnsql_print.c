#include "client/cairnsql_print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"

/* A cell as it is shown: its lines, each with its width. */
struct line {
    char *text;
    int width;
};

struct cell {
    struct line *lines;
    int count;
};

/* Shown cells of a table, headers first. */
struct grid {
    int columns;
    struct cell *headers;
    int *widths;
    int header_lines;
};

/* ---- texts to lines ---- */

static void add_line(struct cell *cell, struct buf *text, int width)
{
    cell->lines = realloc(cell->lines, (size_t)(cell->count + 1) * sizeof *cell->lines);
    if (!cell->lines)
        abort();
    cell->lines[cell->count++] = (struct line){strdup(buf_text(text)), width};
    buf_reset(text);
}

/* One character of `text` into out; returns its bytes, adds its columns to *width. */
static size_t put_char(struct buf *out, const char *text, int *width)
{
    unsigned char c = (unsigned char)*text;
    if (c == '\t') {
        do {
            buf_put_text(out, " ");
            (*width)++;
        } while (*width % 8 != 0);
        return 1;
    }
    if (c == '\r') {
        buf_put_text(out, "\\r");
        *width += 2;
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        buf_printf(out, "\\x%02X", c);
        *width += 4;
        return 1;
    }
    mbstate_t state = {0};
    wchar_t wide;
    size_t n = c < 0x80 ? 1 : mbrtowc(&wide, text, strlen(text), &state);
    if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
        n = 1;
    int columns = c < 0x80 ? 1 : wcwidth(wide);
    *width += columns < 0 ? 1 : columns;
    buf_put(out, text, n);
    return n;
}

static struct cell make_cell(const char *text)
{
    struct cell cell = {0};
    struct buf line;
    int width = 0;
    buf_init(&line);
    while (*text) {
        if (*text == '\n') {
            add_line(&cell, &line, width);
            width = 0;
            text++;
        } else {
            text += put_char(&line, text, &width);
        }
    }
    add_line(&cell, &line, width);
    buf_done(&line);
    return cell;
}

static void drop_cell(struct cell *cell)
{
    for (int i = 0; i < cell->count; i++)
        free(cell->lines[i].text);
    free(cell->lines);
}

static int cell_width(const struct cell *cell)
{
    int width = 0;
    for (int i = 0; i < cell->count; i++)
        width = cell->lines[i].width > width ? cell->lines[i].width : width;
    return width;
}

int cairnsql_text_width(const char *text)
{
    struct cell cell = make_cell(text);
    int width = cell_width(&cell);
    drop_cell(&cell);
    return width;
}

static const char *text_at(const struct cairnsql_table *t, int row, int column,
                           const struct cairnsql_print_options *o)
{
    const char *text = t->cells[row * t->columns + column];
    return text ? text : o->null_text ? o->null_text : "";
}

static void repeat(FILE *out, char c, int n)
{
    for (int i = 0; i < n; i++)
        fputc(c, out);
}

static void print_footers(FILE *out, const struct cairnsql_table *t,
                          const struct cairnsql_print_options *o)
{
    if (o->tuples_only)
        return;
    for (int i = 0; i < t->footer_count; i++)
        fprintf(out, "%s\n", t->footers[i]);
    if (!t->footer_count && t->default_footer && !o->footer_off)
        fprintf(out, t->rows == 1 ? "(%d row)\n" : "(%d rows)\n", t->rows);
}

/* ---- aligned ---- */

static struct grid make_grid(const struct cairnsql_table *t, const struct cairnsql_print_options *o)
{
    struct grid grid = {.columns = t->columns, .header_lines = t->columns ? 1 : 0};
    grid.headers = calloc((size_t)t->columns + 1, sizeof *grid.headers);
    grid.widths = calloc((size_t)t->columns + 1, sizeof *grid.widths);
    for (int c = 0; c < t->columns; c++) {
        grid.headers[c] = make_cell(t->headers[c]);
        grid.widths[c] = cell_width(&grid.headers[c]);
        if (grid.headers[c].count > grid.header_lines)
            grid.header_lines = grid.headers[c].count;
        for (int r = 0; r < t->rows; r++) {
            int width = cairnsql_text_width(text_at(t, r, c, o));
            grid.widths[c] = width > grid.widths[c] ? width : grid.widths[c];
        }
    }
    return grid;
}

static void drop_grid(struct grid *grid)
{
    for (int c = 0; c < grid->columns; c++)
        drop_cell(&grid->headers[c]);
    free(grid->headers);
    free(grid->widths);
}

static void print_rule(FILE *out, const struct grid *grid, int border)
{
    if (border == 1)
        fputc('-', out);
    else if (border == 2)
        fputs("+-", out);
    for (int c = 0; c < grid->columns; c++) {
        repeat(out, '-', grid->widths[c]);
        if (c + 1 < grid->columns)
            fputs(border == 0 ? " " : "-+-", out);
    }
    if (border == 2)
        fputs("-+", out);
    else if (border == 1)
        fputc('-', out);
    fputc('\n', out);
}

static void print_headers(FILE *out, const struct grid *grid, int border)
{
    for (int l = 0; l < grid->header_lines; l++) {
        if (border == 2)
            fputc('|', out);
        for (int c = 0; c < grid->columns; c++) {
            const struct cell *h = &grid->headers[c];
            const struct line *line = l < h->count ? &h->lines[l] : NULL;
            int space = grid->widths[c] - (line ? line->width : 0);
            if (border != 0)
                fputc(' ', out);
            fprintf(out, "%*s%s%*s", space / 2, "", line ? line->text : "", (space + 1) / 2, "");
            fputc(l + 1 < h->count ? '+' : ' ', out);
            if (border != 0 && c + 1 < grid->columns)
                fputc('|', out);
        }
        if (border == 2)
            fputc('|', out);
        fputc('\n', out);
    }
}

static void print_cell_line(FILE *out, const struct cell *cell, int l, int width, bool right,
                            bool pad)
{
    const struct line *line = l < cell->count ? &cell->lines[l] : NULL;
    bool more = l + 1 < cell->count;
    int space = width - (line ? line->width : 0);
    if (!line) {
        fprintf(out, "%*s", pad ? width : 0, "");
    } else if (right) {
        fprintf(out, "%*s%s", space, "", line->text);
    } else {
        fputs(line->text, out);
        if (pad || more)
            fprintf(out, "%*s", space, "");
    }
    if (more)
        fputc('+', out);
    else if (pad)
        fputc(' ', out);
}

static void print_row(FILE *out, const struct cairnsql_table *t, const struct grid *grid, int row,
                      const struct cairnsql_print_options *o)
{
    struct cell *cells = calloc((size_t)t->columns + 1, sizeof *cells);
    int lines = 1;
    for (int c = 0; c < t->columns; c++) {
        cells[c] = make_cell(text_at(t, row, c, o));
        lines = cells[c].count > lines ? cells[c].count : lines;
    }
    for (int l = 0; l < lines; l++) {
        if (o->border == 2)
            fputc('|', out);
        for (int c = 0; c < t->columns; c++) {
            if (o->border != 0)
                fputc(' ', out);
            print_cell_line(out, &cells[c], l, grid->widths[c], t->right && t->right[c],
                            o->border == 2 || c + 1 < t->columns);
            if (o->border != 0 && c + 1 < t->columns)
                fputc('|', out);
        }
        if (o->border == 2)
            fputc('|', out);
        fputc('\n', out);
    }
    for (int c = 0; c < t->columns; c++)
        drop_cell(&cells[c]);
    free(cells);
}

static void print_title(FILE *out, const char *title, int total_width)
{
    int width = cairnsql_text_width(title);
    if (width >= total_width)
        fprintf(out, "%s\n", title);
    else
        fprintf(out, "%*s%s\n", (total_width - width) / 2, "", title);
}

static void print_aligned(FILE *out, const struct cairnsql_table *t,
                          const struct cairnsql_print_options *o)
{
    struct grid grid = make_grid(t, o);
    int total = o->border == 0   ? t->columns
                : o->border == 1 ? t->columns * 3 - (t->columns > 0)
                                 : t->columns * 3 + 1;
    for (int c = 0; c < t->columns; c++)
        total += grid.widths[c];
    if (t->title && !o->tuples_only)
        print_title(out, t->title, total);
    if (!o->tuples_only) {
        if (o->border == 2)
            print_rule(out, &grid, o->border);
        print_headers(out, &grid, o->border);
        print_rule(out, &grid, o->border);
    }
    for (int r = 0; r < t->rows && t->columns; r++)
        print_row(out, t, &grid, r, o);
    if (o->border == 2)
        print_rule(out, &grid, o->border);
    print_footers(out, t, o);
    fputc('\n', out);
    drop_grid(&grid);
}

/* ---- expanded ---- */

/* The line before a record: -[ RECORD 1 ]+-----. record 0: a plain rule. */
static void print_record_rule(FILE *out, int border, int record, int header_width, int data_width)
{
    char fill = border > 0 ? '-' : ' ';
    int used = 0;
    fputs(border == 2 ? "+-" : border == 1 ? "-" : "", out);
    if (record)
        used = fprintf(out, border ? "[ RECORD %d ]" : "* Record %d", record);
    used += border != 2;
    repeat(out, fill, header_width - used);
    used -= header_width;
    for (const char *mark = border > 0 ? "-+-" : " "; *mark; mark++)
        if (used-- <= 0)
            fputc(*mark, out);
    repeat(out, fill, data_width - (used > 0 ? used : 0));
    fputs(border == 2 ? "-+\n" : "\n", out);
}

static void print_field(FILE *out, const struct cell *h, const struct cell *d, const int widths[2],
                        int border, bool multi)
{
    int lines = h->count > d->count ? h->count : d->count;
    for (int l = 0; l < lines; l++) {
        const struct line *name = l < h->count ? &h->lines[l] : NULL;
        const struct line *value = l < d->count ? &d->lines[l] : NULL;
        fputs(border == 2 ? "| " : "", out);
        fprintf(out, "%s%*s", name ? name->text : "", widths[0] - (name ? name->width : 0), "");
        if (border > 0 || multi)
            fputc(l + 1 < h->count ? '+' : ' ', out);
        fputs(border > 0 ? "|" : "", out);
        if (!value) {
            fprintf(out, border == 2 ? "%*s |\n" : "%*s\n", border == 2 ? widths[1] + 1 : 0, "");
            continue;
        }
        fprintf(out, " %s", value->text);
        bool more = l + 1 < d->count;
        if (border == 2 || more)
            fprintf(out, "%*s", widths[1] - value->width, "");
        fputs(more ? "+" : border == 2 ? " " : "", out);
        fputs(border == 2 ? "|\n" : "\n", out);
    }
}

/* Widths of the names and of the values, the latter no less than the record's heading needs.
 * Returns whether a name takes several lines. */
static bool measure_fields(const struct cairnsql_table *t, const struct grid *grid,
                           const struct cairnsql_print_options *o, int widths[2])
{
    bool multi_name = false, multi_value = false;
    for (int c = 0; c < t->columns; c++) {
        int header = cell_width(&grid->headers[c]);
        widths[0] = header > widths[0] ? header : widths[0];
        multi_name = multi_name || grid->headers[c].count > 1;
        for (int r = 0; r < t->rows; r++) {
            const char *text = text_at(t, r, c, o);
            int width = cairnsql_text_width(text);
            widths[1] = width > widths[1] ? width : widths[1];
            multi_value = multi_value || strchr(text, '\n');
        }
    }
    static const int around_heading[] = {9, 12, 15};
    static const int around_fields[] = {1, 3, 7};
    int digits = snprintf(NULL, 0, "%d", t->rows);
    int least = (o->tuples_only ? 0 : digits + around_heading[o->border]) - widths[0] -
                around_fields[o->border] - (o->border == 0 && multi_name) -
                (o->border < 2 && multi_value);
    widths[1] = least > widths[1] ? least : widths[1];
    return multi_name;
}

static void print_expanded(FILE *out, const struct cairnsql_table *t,
                           const struct cairnsql_print_options *o)
{
    if (t->title && !o->tuples_only)
        fprintf(out, "%s\n", t->title);
    if (t->rows == 0 || t->columns == 0) {
        print_footers(out, t, o);
        fputc('\n', out);
        return;
    }
    struct grid grid = make_grid(t, o);
    int widths[2] = {0, 0};
    bool multi = measure_fields(t, &grid, o, widths);
    for (int r = 0; r < t->rows; r++) {
        if (!o->tuples_only)
            print_record_rule(out, o->border, r + 1, widths[0], widths[1]);
        else if (r > 0 || o->border == 2)
            print_record_rule(out, o->border, 0, widths[0], widths[1]);
        for (int c = 0; c < t->columns; c++) {
            struct cell value = make_cell(text_at(t, r, c, o));
            print_field(out, &grid.headers[c], &value, widths, o->border, multi);
            drop_cell(&value);
        }
    }
    if (o->border == 2)
        print_record_rule(out, o->border, 0, widths[0], widths[1]);
    if (t->footer_count && !o->tuples_only) {
        if (o->border < 2)
            fputc('\n', out);
        print_footers(out, t, o);
    }
    fputc('\n', out);
    drop_grid(&grid);
}

/* ---- unaligned and CSV ---- */

static void print_unaligned(FILE *out, const struct cairnsql_table *t,
                            const struct cairnsql_print_options *o)
{
    const char *separator = o->field_separator ? o->field_separator : "|";
    if (!o->tuples_only) {
        if (t->title)
            fprintf(out, "%s\n", t->title);
        for (int c = 0; c < t->columns; c++)
            fprintf(out, "%s%s", c ? separator : "", t->headers[c]);
        fputc('\n', out);
    }
    for (int r = 0; r < t->rows && t->columns; r++) {
        for (int c = 0; c < t->columns; c++)
            fprintf(out, "%s%s", c ? separator : "", text_at(t, r, c, o));
        fputc('\n', out);
    }
    print_footers(out, t, o);
}

static void print_unaligned_expanded(FILE *out, const struct cairnsql_table *t,
                                     const struct cairnsql_print_options *o)
{
    const char *separator = o->field_separator ? o->field_separator : "|";
    if (t->title && !o->tuples_only)
        fprintf(out, "%s\n", t->title);
    for (int r = 0; r < t->rows; r++) {
        if (r > 0)
            fputc('\n', out);
        for (int c = 0; c < t->columns; c++)
            fprintf(out, "%s%s%s\n", t->headers[c], separator, text_at(t, r, c, o));
    }
    if (t->footer_count && !o->tuples_only) {
        fputc('\n', out);
        print_footers(out, t, o);
    }
}

static void print_csv_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n") && strcmp(text, "\\.") != 0) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_csv(FILE *out, const struct cairnsql_table *t,
                      const struct cairnsql_print_options *o)
{
    for (int c = 0; c < t->columns && !o->tuples_only && o->expanded != EXPAND_ON; c++) {
        fputs(c ? "," : "", out);
        print_csv_field(out, t->headers[c]);
    }
    if (!o->tuples_only && o->expanded != EXPAND_ON)
        fputc('\n', out);
    for (int r = 0; r < t->rows && t->columns; r++) {
        for (int c = 0; c < t->columns; c++) {
            if (o->expanded == EXPAND_ON) {
                print_csv_field(out, t->headers[c]);
                fputc(',', out);
                print_csv_field(out, text_at(t, r, c, o));
                fputc('\n', out);
            } else {
                fputs(c ? "," : "", out);
                print_csv_field(out, text_at(t, r, c, o));
            }
        }
        if (o->expanded != EXPAND_ON)
            fputc('\n', out);
    }
}

void cairnsql_print_table(FILE *out, const struct cairnsql_table *table,
                          const struct cairnsql_print_options *options)
{
    bool expanded = options->expanded == EXPAND_ON;
    if (options->format == FORMAT_CSV)
        print_csv(out, table, options);
    else if (options->format == FORMAT_UNALIGNED)
        (expanded ? print_unaligned_expanded : print_unaligned)(out, table, options);
    else
        (expanded ? print_expanded : print_aligned)(out, table, options);
    fflush(out);
}

/* ---- results ---- */

static bool is_number(Oid type)
{
    static const Oid numbers[] = {20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i] == type)
            return true;
    return false;
}

void cairnsql_print_result(FILE *out, const PGresult *result, const char *title,
                           const struct cairnsql_print_options *options)
{
    int columns = PQnfields(result);
    int rows = PQntuples(result);
    const char **headers = calloc((size_t)columns + 1, sizeof *headers);
    const char **cells = calloc((size_t)columns * (size_t)rows + 1, sizeof *cells);
    bool *right = calloc((size_t)columns + 1, sizeof *right);
    for (int c = 0; c < columns; c++) {
        headers[c] = PQfname(result, c);
        right[c] = is_number(PQftype(result, c));
        for (int r = 0; r < rows; r++)
            cells[r * columns + c] = PQgetisnull(result, r, c) ? NULL : PQgetvalue(result, r, c);
    }
    struct cairnsql_table table = {.title = title ? title : options->title,
                                   .columns = columns,
                                   .rows = rows,
                                   .headers = headers,
                                   .cells = cells,
                                   .right = right,
                                   .default_footer = true};
    cairnsql_print_table(out, &table, options);
    free(headers);
    free(cells);
    free(right);
}
