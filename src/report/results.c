/* SPDX-License-Identifier: Apache-2.0 */
#include "report/results.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum { FIELDS = 2 * FV_RESULT_COLUMNS };

/* Cuts a line at its commas in place; what is behind the last of FIELDS is dropped. */
static int cut(char *line, char *fields[FIELDS])
{
    int n = 0;
    for (char *p = line; p && n < FIELDS; n++) {
        fields[n] = p;
        p = strchr(p, ',');
        if (p)
            *p++ = '\0';
    }
    return n;
}

/* place[i]: the column of field i, -1 for one that is not known. */
static void read_header(char *line, int place[FIELDS])
{
    char *fields[FIELDS];
    int n = cut(line, fields);
    for (int i = 0; i < FIELDS; i++) {
        place[i] = -1;
        for (int c = 0; i < n && c < FV_RESULT_COLUMNS; c++)
            if (strcmp(fields[i], fv_column_get((fv_result_column)c)->name) == 0)
                place[i] = c;
    }
}

static void read_row(char *line, const int place[FIELDS], fv_results *r)
{
    char *fields[FIELDS];
    int n = cut(line, fields);
    for (int c = 0; c < FV_RESULT_COLUMNS; c++)
        r->column[c][r->rows] = NAN;
    for (int i = 0; i < n; i++)
        if (place[i] >= 0)
            (void)fv_text_to_double(fields[i], &r->column[place[i]][r->rows]);
    r->rows += isfinite(r->column[FV_RESULT_EPOCH][r->rows]);
}

/* Ends the line at `line` and gives the next one, or NULL at the end of the text. A line without its newline is not
 * complete and not a line. */
static char *end_line(char *line)
{
    char *end = strchr(line, '\n');
    if (!end)
        return NULL;
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    *end = '\0';
    return end + 1;
}

fv_status fv_results_read(fv_ctx *ctx, const char *path, fv_results *results)
{
    uint8_t *data;
    int64_t size, lines = 0;
    int place[FIELDS];
    *results = (fv_results){.ctx = ctx};
    FV_TRY(fv_file_read(ctx, path, (int64_t)1 << 28, false, &data, &size));
    for (int64_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        results->column[c] = fv_calloc(ctx, (size_t)lines + 1, sizeof(double));
        if (!results->column[c]) {
            fv_results_free(results);
            fv_free(ctx, data);
            return FV_ERR_NO_MEMORY;
        }
    }
    char *line = (char *)data, *next = end_line(line);
    if (next)
        read_header(line, place);
    while ((line = next) && (next = end_line(line)))
        read_row(line, place, results);
    fv_free(ctx, data);
    return FV_OK;
}

void fv_results_free(fv_results *r)
{
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        if (r->ctx)
            fv_free(r->ctx, r->column[c]);
        r->column[c] = NULL;
    }
    r->rows = 0;
}

int64_t fv_results_best(const fv_results *r, fv_result_column column, int sign)
{
    const double *v = r->column[column];
    int64_t best = -1;
    for (int64_t i = 0; i < r->rows; i++)
        if (isfinite(v[i]) && (best < 0 || sign * (v[i] - v[best]) > 0))
            best = i;
    return best;
}

double fv_results_last(const fv_results *r, fv_result_column column)
{
    for (int64_t i = r->rows - 1; i >= 0; i--)
        if (isfinite(r->column[column][i]))
            return r->column[column][i];
    return NAN;
}
