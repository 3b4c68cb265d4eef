/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a data set over before it is used: the layouts, the checks, and the report they fill. */
#include "data/check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"

/* Asked in this order whether a path is theirs: what would also pass for a folder of classes comes first. */
static const fv_check_layout *const layouts[] = {&fv_check_yolo, &fv_check_coco, &fv_check_masks, &fv_check_folder,
                                                 &fv_check_sources};

static fv_status judge_layout(fv_check_report *r)
{
    return r->layout->judge ? r->layout->judge(r) : FV_OK;
}

static const struct {
    const char *name;
    fv_status (*run)(fv_check_report *r);
} checks[] = {
    {"files", fv_check_files},     {"layout", judge_layout},  {"marks", fv_check_marks},
    {"classes", fv_check_classes}, {"names", fv_check_names}, {"duplicates", fv_check_duplicates},
    {"balance", fv_check_balance},
};

fv_status fv_check_add(fv_check_report *r, int fault, fv_verdict verdict, const char *file, int64_t sample,
                       int64_t byte, const char *format, ...)
{
    if (r->n_rows == r->rows_capacity) {
        int64_t more = r->rows_capacity ? r->rows_capacity * 2 : 32;
        fv_finding *rows = fv_realloc(r->ctx, r->rows, (size_t)more * sizeof *rows);
        if (!rows)
            return FV_ERR_NO_MEMORY;
        r->rows = rows;
        r->rows_capacity = more;
    }
    char detail[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    fv_finding row = {.fault = fault,
                      .verdict = verdict,
                      .file = fv_arena_strdup(r->arena, file),
                      .detail = fv_arena_strdup(r->arena, detail),
                      .sample = sample,
                      .byte = byte,
                      .split = sample >= 0 ? fv_split_name((fv_split)r->samples[sample].split) : NULL};
    if (!row.file || !row.detail)
        return FV_ERR_NO_MEMORY;
    r->rows[r->n_rows++] = row;
    return FV_OK;
}

fv_status fv_check_add_sample(fv_check_report *r, fv_split split, const char *name, fv_check_sample **sample)
{
    if (r->n_samples == r->samples_capacity) {
        int64_t more = r->samples_capacity ? r->samples_capacity * 2 : 256;
        fv_check_sample *samples = fv_realloc(r->ctx, r->samples, (size_t)more * sizeof *samples);
        if (!samples)
            return FV_ERR_NO_MEMORY;
        r->samples = samples;
        r->samples_capacity = more;
    }
    fv_check_sample *s = &r->samples[r->n_samples];
    *s = (fv_check_sample){.name = fv_arena_strdup(r->arena, name),
                           .label = -1,
                           .split = (uint8_t)split,
                           .bad_byte = -1,
                           .index = r->n_samples - r->splits[split].first};
    if (!s->name)
        return FV_ERR_NO_MEMORY;
    r->n_samples++;
    *sample = s;
    return FV_OK;
}

void fv_check_begin_split(fv_check_report *r, fv_split split, const char *where)
{
    fv_check_split *s = &r->splits[split];
    s->present = true;
    s->where = where[0] ? where : ".";
    s->first = r->n_samples;
}

void fv_check_end_split(fv_check_report *r, fv_split split)
{
    r->splits[split].count = r->n_samples - r->splits[split].first;
}

const char *fv_check_inside(const fv_check_report *r, const char *text)
{
    const size_t n = strlen(r->root);
    if (strncmp(text, r->root, n) != 0)
        return text;
    return text[n] == '/' ? text + n + 1 : text[n] == ':' || (n > 0 && text[n - 1] == '/') ? text + n : text;
}

const char *fv_check_said(const fv_check_report *r, const char *file)
{
    const char *text = fv_check_inside(r, fv_ctx_error(r->ctx));
    const size_t n = strlen(file);
    if (strncmp(text, file, n) == 0 && text[n] == ':')
        text += n;
    return text + strspn(text, ": ");
}

/* ---- the order of findings ---- */

static int compare_rows(const void *a, const void *b)
{
    const fv_finding *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? -1 : 1;
    if (x->fault != y->fault)
        return x->fault < y->fault ? -1 : 1;
    const int names = strcmp(x->file, y->file);
    return names ? names : strcmp(x->detail, y->detail);
}

/* ---- making a report ---- */

fv_marks_place fv_check_place(const fv_check_report *r)
{
    return (fv_marks_place){.ctx = r->ctx, .root = r->root, .file = r->file};
}

static fv_status find_layout(fv_check_report *r)
{
    const fv_marks_place place = fv_check_place(r);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts && !r->layout; i++) {
        const fv_check_layout *layout = layouts[i];
        bool yes = false;
        FV_TRY(layout->marks ? layout->marks->probe(&place, &yes) : layout->probe(r, &yes));
        if (yes)
            r->layout = layout;
    }
    return FV_OK;
}

static fv_status count_usable(fv_check_report *r)
{
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        fv_check_split *s = &r->splits[k];
        s->per_class = fv_calloc(r->ctx, (size_t)s->classes.count + 1, sizeof *s->per_class);
        s->own = fv_malloc(r->ctx, (size_t)(r->classes.count + 1) * sizeof *s->own);
        if (!s->per_class || !s->own)
            return FV_ERR_NO_MEMORY;
        FV_TRY(fv_names_map(r->ctx, &r->classes, &s->classes, s->own));
        for (int64_t i = s->first; i < s->first + s->count; i++) {
            const fv_check_sample *sample = &r->samples[i];
            if (sample->error)
                continue;
            const fv_source *source = s->source;
            const float *targets = source && source->kind == FV_TASK_MULTILABEL
                                       ? source->targets + sample->index * source->classes.count
                                       : NULL;
            s->usable++;
            if (sample->label >= 0)
                s->per_class[sample->label]++;
            for (int64_t c = 0; targets && c < s->classes.count; c++)
                s->per_class[c] += targets[c] != 0.0f;
        }
    }
    return FV_OK;
}

static fv_status copy_options(fv_check_report *r, const char *path, const fv_check_options *options)
{
    if (options)
        r->options = *options;
    fv_dataset_options *o = &r->options.data;
    const fv_names given = {o->classes, o->n_classes};
    fv_names copy = {0};
    if (o->classes)
        FV_TRY(fv_names_copy(r->arena, &given, &copy));
    o->classes = copy.name;
    o->quarantine_csv = NULL;
    o->decode.keep_depth = true; /* to see what the files have */
    if (o->task && !(o->task = fv_arena_strdup(r->arena, o->task)))
        return FV_ERR_NO_MEMORY;
    r->path = r->root = fv_arena_strdup(r->arena, path);
    if (!r->root || !fv_path_exists(path) || fv_path_is_dir(path))
        return r->root ? FV_OK : FV_ERR_NO_MEMORY;
    const char *slash = strrchr(path, '/');
    char *folder = fv_arena_strdup(r->arena, slash ? path : ".");
    if (!folder)
        return FV_ERR_NO_MEMORY;
    if (slash)
        folder[slash > path ? slash - path : 1] = '\0';
    r->file = r->path + (slash ? slash - path + 1 : 0);
    r->root = folder;
    return FV_OK;
}

/* What a model wants is judged, what the caller wants must be so. */
static fv_status check_task(fv_check_report *r)
{
    const bool model = r->options.data.classes != NULL;
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const fv_check_split *s = &r->splits[k];
        const fv_task kind = r->layout->marks ? FV_TASK_COUNT : s->source ? s->source->kind : FV_TASK_CLASSIFY;
        fv_task wanted;
        FV_TRY(fv_task_parse(r->ctx, r->options.data.task, &wanted));
        if (s->present && !model)
            FV_TRY(fv_task_fits(r->ctx, r->path, r->options.data.task, kind));
        else if (s->present && r->options.data.task && wanted != kind)
            FV_TRY(fv_check_add(r, FV_FAULT_MODEL_CLASSES, FV_VERDICT_REJECT, s->where, -1, -1,
                                "the model wants %s, but the samples have %s", fv_task_labels(wanted),
                                fv_task_labels(kind)));
    }
    return FV_OK;
}

static fv_status fill(fv_check_report *r, const char *path, const fv_check_options *options)
{
    FV_TRY(fv_task_parse(r->ctx, options ? options->data.task : NULL, &(fv_task){0}));
    FV_TRY(fv_arena_create(r->ctx, &r->arena));
    FV_TRY(copy_options(r, path, options));
    FV_TRY(find_layout(r));
    FV_TRY(r->layout->list(r));
    FV_TRY(check_task(r));
    FV_TRY(fv_check_look(r));
    FV_TRY(count_usable(r));
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        FV_TRY(checks[i].run(r));
    if (r->n_samples == 0 && r->n_rows == 0)
        FV_TRY(fv_check_add(r, FV_FAULT_EMPTY_CLASS, FV_VERDICT_REJECT, ".", -1, -1, "no images at all"));
    if (r->n_rows > 1)
        qsort(r->rows, (size_t)r->n_rows, sizeof *r->rows, compare_rows);
    return fv_check_describe(r);
}

fv_status fv_dataset_check(fv_ctx *ctx, const char *path, const fv_check_options *options, fv_check_report **report)
{
    *report = NULL;
    fv_check_report *r = fv_new(ctx, fv_check_report);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->ctx = ctx;
    r->text.ctx = ctx;
    pthread_mutex_init(&r->mutex, NULL);
    fv_status status = fill(r, path, options);
    if (status != FV_OK) {
        fv_check_report_destroy(&r);
        return status;
    }
    *report = r;
    return FV_OK;
}

void fv_check_report_destroy(fv_check_report **report)
{
    if (!report || !*report)
        return;
    fv_check_report *r = *report;
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        fv_source_destroy(&r->splits[k].source);
        fv_folder_scan_free(r->ctx, &r->splits[k].scan);
        fv_free(r->ctx, r->splits[k].per_class);
        fv_free(r->ctx, r->splits[k].own);
        fv_free(r->ctx, r->splits[k].marked);
        fv_free(r->ctx, r->splits[k].boxes);
    }
    fv_free(r->ctx, r->marks);
    for (int64_t i = 0; i < r->n_samples; i++)
        fv_free(r->ctx, r->samples[i].thumb);
    fv_free(r->ctx, r->samples);
    fv_str_free(&r->text);
    fv_free(r->ctx, r->rows);
    fv_arena_destroy(&r->arena);
    pthread_mutex_destroy(&r->mutex);
    fv_free(r->ctx, r);
    *report = NULL;
}

/* ---- reading a report ---- */

int64_t fv_check_report_count(const fv_check_report *report)
{
    return report->n_rows;
}

const fv_finding *fv_check_report_row(const fv_check_report *report, int64_t i)
{
    return i >= 0 && i < report->n_rows ? &report->rows[i] : NULL;
}

void fv_check_report_totals(const fv_check_report *report, int64_t *images, int64_t *classes)
{
    *images = report->n_samples;
    *classes = report->classes.count;
}

const char *fv_check_report_text(const fv_check_report *report)
{
    return fv_str_get(&report->text);
}

const char *fv_check_report_format(const fv_check_report *report)
{
    const fv_check_layout *layout = report->layout;
    return report->source_name ? report->source_name : layout->marks ? layout->marks->name : layout->name;
}

void fv_check_report_sample(const fv_check_report *report, int64_t i, fv_check_file *file)
{
    *file = (fv_check_file){.name = "", .split = ""};
    if (i < 0 || i >= report->n_samples)
        return;
    const fv_check_sample *s = &report->samples[i];
    const fv_check_split *split = &report->splits[s->split];
    *file = (fv_check_file){.name = s->name,
                            .split = fv_split_name((fv_split)s->split),
                            .class_name = s->label >= 0 ? split->classes.name[s->label] : NULL,
                            .format = s->format,
                            .bytes = s->bytes,
                            .h = s->h,
                            .w = s->w,
                            .c = s->c,
                            .depth = (fv_depth)s->depth,
                            .usable = !s->error};
}

fv_status fv_check_report_image(const fv_check_report *report, int64_t i, fv_image *image)
{
    fv_image_error error = {0};
    fv_decode_options decode = report->options.data.decode;
    *image = (fv_image){0};
    if (i < 0 || i >= report->n_samples)
        return fv_fail(report->ctx, FV_ERR_ARGUMENT, "fv_check_report_image: image %lld of %lld", (long long)i,
                       (long long)report->n_samples);
    decode.salvage = true;
    fv_status status = fv_check_image(report, i, &decode, image, NULL, &error);
    if (status == FV_OK)
        return FV_OK;
    return fv_fail(report->ctx, status, "%s/%s: %s", report->root, report->samples[i].name, error.text);
}

const char *fv_check_report_class(const fv_check_report *report, int64_t i)
{
    return i >= 0 && i < report->classes.count ? report->classes.name[i] : "";
}

int64_t fv_check_report_class_count(const fv_check_report *report, int64_t i, const char *split)
{
    const int which = fv_split_parse(split);
    if (which < 0 || i < 0 || i >= report->classes.count || !report->splits[which].present)
        return -1;
    const fv_check_split *s = &report->splits[which];
    if (s->marked)
        return s->marked[i];
    const int64_t own = s->own[i];
    return own < 0 ? 0 : s->per_class[own];
}

int64_t fv_check_report_class_boxes(const fv_check_report *report, int64_t i, const char *split)
{
    if (!report->layout->marks || report->layout->marks->kind != FV_MARKS_BOXES ||
        fv_check_report_class_count(report, i, split) < 0)
        return -1;
    return report->splits[fv_split_parse(split)].boxes[i];
}
