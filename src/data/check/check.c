/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a data set over before it is used: every file decoded, every oddity listed with its verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/source/folder_scan.h"

struct fv_check_report {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_finding *rows;
    int64_t n_rows, capacity;
    int64_t images, classes;
    fv_str text;
};

/* What decoding one file told. */
typedef struct file_facts {
    fv_status status;
    fv_image_fault fault;
    int64_t h, w, c;
    fv_decode_notes notes;
    bool wrong_extension;
    char text[256];
} file_facts;

/* One split, scanned and decoded. */
typedef struct split_check {
    fv_check_report *report;
    const char *root;
    const fv_dataset_options *options;
    fv_split split;
    fv_folder_scan scan;
    file_facts *facts;
    int64_t *per_class; /* good images */
} split_check;

static fv_status add(fv_check_report *r, int fault, fv_verdict verdict, const char *file, const char *format, ...)
    FV_PRINTF(5, 6);
static fv_status add(fv_check_report *r, int fault, fv_verdict verdict, const char *file, const char *format, ...)
{
    if (r->n_rows == r->capacity) {
        int64_t more = r->capacity ? r->capacity * 2 : 32;
        fv_finding *rows = fv_realloc(r->ctx, r->rows, (size_t)more * sizeof *rows);
        if (!rows)
            return FV_ERR_NO_MEMORY;
        r->rows = rows;
        r->capacity = more;
    }
    char detail[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    fv_finding row = {.fault = fault,
                      .verdict = verdict,
                      .file = fv_arena_strdup(r->arena, file),
                      .detail = fv_arena_strdup(r->arena, detail)};
    if (!row.file || !row.detail)
        return FV_ERR_NO_MEMORY;
    r->rows[r->n_rows++] = row;
    return FV_OK;
}

/* ---- single files ---- */

static fv_status look_at(void *arg, int64_t i)
{
    split_check *s = arg;
    fv_ctx *ctx = s->report->ctx;
    file_facts *f = &s->facts[i];
    fv_image image;
    fv_image_error error = {0};
    char *path = fv_path_join(ctx, s->root, s->scan.files[i].path);
    if (!path)
        return FV_ERR_NO_MEMORY;
    f->status = fv_image_read_quiet(ctx, path, &s->options->decode, NULL, &image, &f->notes, &error);
    if (f->status == FV_OK) {
        f->h = image.h;
        f->w = image.w;
        f->c = image.c;
        fv_image_free(ctx, &image);
    } else {
        f->fault = error.fault;
        memcpy(f->text, error.text, sizeof f->text);
    }
    const fv_image_format *format = fv_image_format_find(f->notes.format);
    f->wrong_extension = format && !fv_image_extension_fits(format, path);
    fv_free(ctx, path);
    return f->status == FV_ERR_NO_MEMORY ? f->status : FV_OK;
}

static fv_status tell_file(fv_check_report *r, const char *path, const file_facts *f, bool odd_channels)
{
    const struct {
        bool happened;
        int fault;
        fv_verdict verdict;
        const char *text;
    } kinds[] = {
        {f->notes.salvaged, FV_FAULT_TRUNCATED, FV_VERDICT_WARN, "truncated: salvaged, the rest is grey"},
        {f->notes.corrupt_markers && !f->notes.salvaged, FV_FAULT_MARKERS, FV_VERDICT_WARN, f->notes.warning},
        {f->wrong_extension, FV_FAULT_NOT_IMAGE, FV_VERDICT_WARN, "the name says another format than the content"},
        {f->notes.cmyk, FV_FAULT_CMYK, FV_VERDICT_CONVERT, "CMYK converted to RGB"},
        {f->notes.alpha, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "transparency put on the background color"},
        {f->notes.palette && !f->notes.alpha, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "palette expanded to RGB"},
        {odd_channels, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "grey among color images: replicated to three channels"},
        {f->notes.sixteen_bit, FV_FAULT_SIXTEEN_BIT, FV_VERDICT_CONVERT, "16 bits per channel reduced to 8"},
        {f->notes.exif_rotated, FV_FAULT_ORIENTATION, FV_VERDICT_CONVERT, "turned upright as EXIF says"},
    };
    if (f->status != FV_OK) {
        const bool reject = f->status == FV_ERR_DATA_TOO_LARGE;
        return add(r, f->fault, reject ? FV_VERDICT_REJECT : FV_VERDICT_QUARANTINE, path, "%s", f->text);
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (kinds[k].happened)
            FV_TRY(add(r, kinds[k].fault, kinds[k].verdict, path, "%s (%s %lld x %lld)", kinds[k].text, f->notes.format,
                       (long long)f->w, (long long)f->h));
    }
    if (f->h == 1 || f->w == 1)
        FV_TRY(add(r, FV_FAULT_TINY, FV_VERDICT_WARN, path, "%lld x %lld pixels", (long long)f->w, (long long)f->h));
    return FV_OK;
}

static fv_status tell_files(split_check *s)
{
    int64_t color = 0;
    for (int64_t i = 0; i < s->scan.n_files; i++) {
        const file_facts *f = &s->facts[i];
        color += f->status == FV_OK && f->c >= 3;
        s->per_class[s->scan.files[i].label] += f->status == FV_OK;
    }
    for (int64_t i = 0; i < s->scan.n_files; i++) {
        const file_facts *f = &s->facts[i];
        FV_TRY(tell_file(s->report, s->scan.files[i].path, f, color > 0 && f->c == 1));
    }
    return FV_OK;
}

/* ---- the folder ---- */

static fv_status tell_layout(const split_check *s)
{
    static const struct {
        int fault;
        const char *text;
    } kinds[FV_ODD_COUNT] = {
        [FV_ODD_HIDDEN] = {FV_FAULT_LAYOUT, "hidden or system file: skipped"},
        [FV_ODD_STRAY] = {FV_FAULT_LAYOUT, "outside the class folders: skipped"},
        [FV_ODD_SPECIAL] = {FV_FAULT_LAYOUT, "FIFO, socket, device or dangling link: skipped"},
        [FV_ODD_LOOP] = {FV_FAULT_LAYOUT, "a link that leads back up: not followed"},
        [FV_ODD_NESTED] = {FV_FAULT_LAYOUT, "a folder inside a class folder: its files belong to the class"},
        [FV_ODD_EMPTY_CLASS] = {FV_FAULT_EMPTY_CLASS, "a class folder without files"},
    };
    for (int64_t i = 0; i < s->scan.n_notes; i++) {
        const fv_folder_note *note = &s->scan.notes[i];
        const bool reject = note->kind == FV_ODD_EMPTY_CLASS && s->split == FV_SPLIT_TRAIN && !s->options->allow_empty;
        FV_TRY(add(s->report, kinds[note->kind].fault, reject ? FV_VERDICT_REJECT : FV_VERDICT_WARN, note->path, "%s",
                   kinds[note->kind].text));
    }
    return FV_OK;
}

static fv_status tell_classes(const split_check *s, const fv_names *want, const char *whose)
{
    fv_check_report *r = s->report;
    const fv_names *have = &s->scan.classes;
    const char *dir = s->scan.dir[0] ? s->scan.dir : ".";
    char *found = fv_names_text(r->ctx, have), *expected = fv_names_text(r->ctx, want);
    fv_status status = found && expected ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; status == FV_OK && i < have->count; i++) {
        if (fv_names_find(want, have->name[i]) < 0)
            status = add(r, FV_FAULT_CLASSES, s->options->allow_extra ? FV_VERDICT_WARN : FV_VERDICT_REJECT, dir,
                         "class '%s' is not in %s: found %s; expected %s", have->name[i], whose, found, expected);
    }
    for (int64_t i = 0; status == FV_OK && i < want->count; i++) {
        if (fv_names_find(have, want->name[i]) < 0)
            status =
                add(r, FV_FAULT_CLASSES, FV_VERDICT_WARN, dir, "class '%s' of %s is missing", want->name[i], whose);
    }
    fv_free(r->ctx, found);
    fv_free(r->ctx, expected);
    return status;
}

static fv_status append_table(split_check *s)
{
    fv_check_report *r = s->report;
    int64_t good = 0;
    for (int64_t k = 0; k < s->scan.classes.count; k++) {
        fv_str_printf(&r->text, "%-6s %7lld  %s\n", fv_split_name(s->split), (long long)s->per_class[k],
                      s->scan.classes.name[k]);
        good += s->per_class[k];
    }
    fv_str_printf(&r->text, "%-6s %7lld  in all, %lld of them usable\n", fv_split_name(s->split),
                  (long long)s->scan.n_files, (long long)good);
    r->images += s->scan.n_files;
    if (s->split == FV_SPLIT_TRAIN && s->scan.classes.count == 1)
        FV_TRY(add(r, FV_FAULT_ONE_CLASS, FV_VERDICT_WARN, s->scan.dir[0] ? s->scan.dir : ".",
                   "a single class: there is nothing to tell apart"));
    return fv_str_status(&r->text);
}

static fv_status check_split(split_check *s, fv_names *train)
{
    fv_check_report *r = s->report;
    const char *dir = NULL;
    FV_TRY(fv_folder_locate(r->ctx, r->arena, s->root, s->split, &dir));
    if (!dir)
        return FV_OK;
    FV_TRY(fv_folder_scan_split(r->ctx, r->arena, s->root, dir, &s->scan));
    s->facts = fv_calloc(r->ctx, (size_t)s->scan.n_files + 1, sizeof *s->facts);
    s->per_class = fv_calloc(r->ctx, (size_t)s->scan.classes.count + 1, sizeof *s->per_class);
    if (!s->facts || !s->per_class)
        return FV_ERR_NO_MEMORY;
    FV_TRY(tell_layout(s));
    const fv_names given = {s->options->classes, s->options->n_classes};
    if (s->options->classes)
        FV_TRY(tell_classes(s, &given, "the model"));
    else if (train->count > 0)
        FV_TRY(tell_classes(s, train, "the train split"));
    if (train->count == 0)
        *train = s->scan.classes;
    FV_TRY(fv_data_each(r->ctx, s->scan.n_files, look_at, s));
    FV_TRY(tell_files(s));
    return append_table(s);
}

static fv_status check_folder(fv_check_report *r, const char *path, const fv_dataset_options *options)
{
    fv_names train = {0};
    for (int i = 0; i < FV_SPLIT_COUNT; i++) {
        split_check s = {.report = r, .root = path, .options = options, .split = (fv_split)i};
        fv_status status = check_split(&s, &train);
        fv_free(r->ctx, s.facts);
        fv_free(r->ctx, s.per_class);
        fv_folder_scan_free(r->ctx, &s.scan);
        FV_TRY(status);
    }
    r->classes = train.count;
    return FV_OK;
}

/* ---- data in memory ---- */

static fv_status count_labels(fv_check_report *r, const fv_source *source, fv_split split)
{
    int64_t *counts = fv_calloc(r->ctx, (size_t)source->train.count + 1, sizeof *counts);
    if (!counts)
        return FV_ERR_NO_MEMORY;
    int64_t used = 0;
    for (int64_t i = 0; i < source->count; i++)
        used += counts[source->labels[i]]++ == 0;
    for (int64_t k = 0; k < source->train.count; k++)
        fv_str_printf(&r->text, "%-6s %7lld  %s\n", fv_split_name(split), (long long)counts[k], source->train.name[k]);
    fv_str_printf(&r->text, "%-6s %7lld  in all, %lld x %lld x %lld\n", fv_split_name(split), (long long)source->count,
                  (long long)source->h, (long long)source->w, (long long)source->c);
    fv_free(r->ctx, counts);
    r->images += source->count;
    r->classes = source->train.count;
    if (split == FV_SPLIT_TRAIN && used == 1)
        FV_TRY(add(r, FV_FAULT_ONE_CLASS, FV_VERDICT_WARN, ".", "all labels are the same"));
    return fv_str_status(&r->text);
}

/* A file of many samples that cannot be read is not one file less: the run cannot start. */
static fv_status check_memory(fv_check_report *r, const fv_source_type *type, const char *path,
                              const fv_dataset_options *options)
{
    for (int i = 0; i < FV_SPLIT_COUNT; i++) {
        bool has = false;
        fv_source *source = NULL;
        FV_TRY(type->has_split(r->ctx, path, (fv_split)i, &has));
        if (!has)
            continue;
        fv_status status = type->open(r->ctx, path, (fv_split)i, options, &source);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status == FV_OK)
            status = count_labels(r, source, (fv_split)i);
        else
            status = add(r, status == FV_ERR_DATA_TRUNCATED ? FV_FAULT_TRUNCATED : FV_FAULT_NOT_IMAGE,
                         FV_VERDICT_REJECT, fv_split_name((fv_split)i), "%s", fv_ctx_error(r->ctx));
        fv_source_destroy(&source);
        FV_TRY(status);
    }
    return FV_OK;
}

static fv_status fill(fv_check_report *r, const char *path, const fv_dataset_options *options)
{
    const fv_source_type *type = NULL;
    FV_TRY(fv_arena_create(r->ctx, &r->arena));
    FV_TRY(fv_source_find(r->ctx, path, &type));
    FV_TRY(type == &fv_source_folder ? check_folder(r, path, options) : check_memory(r, type, path, options));
    if (r->images == 0 && r->n_rows == 0)
        return add(r, FV_FAULT_EMPTY_CLASS, FV_VERDICT_REJECT, ".", "no images at all");
    return FV_OK;
}

fv_status fv_dataset_check(fv_ctx *ctx, const char *path, const fv_dataset_options *options, fv_check_report **report)
{
    *report = NULL;
    fv_check_report *r = fv_new(ctx, fv_check_report);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->ctx = ctx;
    r->text.ctx = ctx;
    fv_status status = fill(r, path, options ? options : &(fv_dataset_options){0});
    if (status != FV_OK) {
        fv_check_report_destroy(&r);
        return status;
    }
    *report = r;
    return FV_OK;
}

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
    *images = report->images;
    *classes = report->classes;
}

const char *fv_check_report_text(const fv_check_report *report)
{
    return fv_str_get(&report->text);
}

void fv_check_report_destroy(fv_check_report **report)
{
    if (!report || !*report)
        return;
    fv_check_report *r = *report;
    fv_str_free(&r->text);
    fv_free(r->ctx, r->rows);
    fv_arena_destroy(&r->arena);
    fv_free(r->ctx, r);
    *report = NULL;
}
