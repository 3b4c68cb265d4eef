/* SPDX-License-Identifier: Apache-2.0 */
/* What loading weights did with each tensor. */
#include "model/model.h"

struct fv_load_report {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_load_row *rows;
    int count, capacity;
};

fv_status fv_load_report_create(fv_ctx *ctx, fv_load_report **out)
{
    *out = NULL;
    fv_load_report *report = fv_new(ctx, fv_load_report);
    if (!report)
        return FV_ERR_NO_MEMORY;
    report->ctx = ctx;
    fv_status status = fv_arena_create(ctx, &report->arena);
    if (status != FV_OK)
        fv_load_report_destroy(&report);
    *out = report;
    return status;
}

void fv_load_report_destroy(fv_load_report **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_load_report *report = *ptr;
    *ptr = NULL;
    fv_free(report->ctx, report->rows);
    fv_arena_destroy(&report->arena);
    fv_free(report->ctx, report);
}

fv_status fv_load_report_add(fv_load_report *report, const fv_load_row *row)
{
    if (report->count == report->capacity) {
        int grown = report->capacity ? report->capacity * 2 : 64;
        fv_load_row *rows = fv_realloc(report->ctx, report->rows, (size_t)grown * sizeof *rows);
        if (!rows)
            return FV_ERR_NO_MEMORY;
        report->rows = rows;
        report->capacity = grown;
    }
    char *name = fv_arena_strdup(report->arena, row->name);
    if (!name)
        return FV_ERR_NO_MEMORY;
    report->rows[report->count] = *row;
    report->rows[report->count++].name = name;
    return FV_OK;
}

int fv_load_report_count(const fv_load_report *report)
{
    return report->count;
}

const fv_load_row *fv_load_report_row(const fv_load_report *report, int i)
{
    return i >= 0 && i < report->count ? &report->rows[i] : NULL;
}
