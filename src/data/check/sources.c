/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets that a source opens by itself: IDX, CIFAR, and whatever has a row in sources.def. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/check/check.h"
#include "data/source/manifest.h"

static fv_status probe(fv_check_report *r, bool *yes)
{
    const fv_source_type *type = NULL;
    FV_TRY(fv_source_find(r->ctx, r->path, &type)); /* tells what is there when it is no data set */
    *yes = true;
    r->source_name = type->name;
    return FV_OK;
}

/* What a failure to open means, by the kind of source. */
static int fault_of(const char *source, fv_status status)
{
    static const struct {
        const char *source;
        int fault;
    } own[] = {{"manifest", FV_FAULT_MANIFEST}, {"pack", FV_FAULT_PACK}, {"tar", FV_FAULT_TAR}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(own[i].source, source) == 0)
            return own[i].fault;
    }
    return status == FV_ERR_DATA_TRUNCATED ? FV_FAULT_TRUNCATED
           : status == FV_ERR_DATA_CLASSES ? FV_FAULT_CLASSES
                                           : FV_FAULT_NOT_IMAGE;
}

/* ---- what a source says while it opens ---- */

typedef struct listener {
    fv_check_report *r;
    const char *source;
    fv_split split;
    fv_log_sink before;
    fv_status status;
} listener;

/* A warning "PATH/FILE: byte N: text" as a finding; other lines go where they would have gone. */
static void hear(void *user, fv_log_level level, const char *topic, const char *line)
{
    listener *l = user;
    if (level > FV_LOG_WARN || l->status != FV_OK) {
        if (l->before.fn)
            l->before.fn(l->before.user, level, topic, line);
        return;
    }
    char file[512] = ".";
    long long byte = -1;
    line = fv_check_inside(l->r, line);
    const char *colon = strstr(line, ": ");
    if (colon && colon > line)
        snprintf(file, sizeof file, "%.*s", (int)(colon - line), line);
    if (colon)
        line = colon + 2;
    const char *slash = strrchr(file, '/');
    if (l->r->file && (strcmp(file, ".") == 0 || strcmp(slash ? slash + 1 : file, l->r->file) == 0))
        snprintf(file, sizeof file, "%s", l->r->file); /* the one that was given */
    if (sscanf(line, "byte %lld", &byte) != 1)
        byte = -1;
    /* What opening calls an error is a sample that is left out. */
    const fv_verdict verdict = level == FV_LOG_ERROR ? FV_VERDICT_QUARANTINE : FV_VERDICT_WARN;
    l->status = fv_check_add(l->r, fault_of(l->source, FV_OK), verdict, file, -1, byte, "%s", line);
    if (l->status == FV_OK)
        l->r->rows[l->r->n_rows - 1].split = fv_split_name(l->split);
}

static fv_status open_split(fv_check_report *r, const fv_source_type *type, fv_split split,
                            const fv_dataset_options *options, fv_source **source)
{
    listener l = {.r = r, .source = type->name, .split = split};
    l.before = fv_log_redirect(r->ctx, (fv_log_sink){hear, &l, .all = true});
    fv_status status = type->open(r->ctx, r->path, split, options, source);
    fv_log_redirect(r->ctx, l.before);
    if (status == FV_OK && l.status != FV_OK)
        fv_source_destroy(source);
    return l.status != FV_OK ? l.status : status;
}

/* Looking for splits reads what opening will read again, with the same warnings. */
static fv_status find_split(fv_check_report *r, const fv_source_type *type, fv_split split, bool *has)
{
    const fv_log_sink before = fv_log_redirect(r->ctx, (fv_log_sink){.fn = NULL});
    fv_status status = type->has_split(r->ctx, r->path, split, has);
    fv_log_redirect(r->ctx, before);
    return status;
}

/* ---- manifests: every bad line is a finding ---- */

typedef struct bad_lines {
    fv_check_report *r;
    const char *name;
} bad_lines;

static fv_status tell_line(void *arg, int64_t line, int column, const char *text)
{
    const bad_lines *b = arg;
    return fv_check_add(b->r, FV_FAULT_MANIFEST, FV_VERDICT_REJECT, b->name, -1, -1, "line %lld, column %d: %s",
                        (long long)line, column, text);
}

/* The context's error as a finding, with what to do about it. */
static fv_status tell_error(fv_check_report *r, int fault, const char *file, int64_t byte)
{
    const char *hint = fv_ctx_hint(r->ctx);
    return fv_check_add(r, fault, FV_VERDICT_REJECT, file, -1, byte, "%s%s%s", fv_check_said(r, file),
                        hint && *hint ? "; " : "", hint ? hint : "");
}

/* *bad: there are such lines, so that opening it would fail. */
static fv_status check_manifest(fv_check_report *r, bool *bad)
{
    static const char *const names[] = {"manifest.csv", "manifest.jsonl"};
    const int64_t before = r->n_rows;
    bad_lines b = {r, r->file ? r->file : names[0]};
    char *path = fv_path_join(r->ctx, r->root, b.name);
    if (path && !r->file && !fv_path_exists(path)) {
        fv_free(r->ctx, path);
        b.name = names[1];
        path = fv_path_join(r->ctx, r->root, b.name);
    }
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_manifest m = {.on_bad = tell_line, .on_bad_arg = &b};
    const fv_log_sink heard = fv_log_redirect(r->ctx, (fv_log_sink){.fn = NULL}); /* opening it says the same again */
    fv_status status = fv_manifest_read(r->ctx, r->arena, path, r->options.data.task, r->root, &m);
    fv_log_redirect(r->ctx, heard);
    fv_manifest_free(&m);
    fv_free(r->ctx, path);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    *bad = status != FV_OK;
    if (*bad && r->n_rows == before)
        FV_TRY(tell_error(r, FV_FAULT_MANIFEST, b.name, -1));
    return FV_OK;
}

/* ---- splits ---- */

static fv_status add_samples(fv_check_report *r, fv_split split)
{
    fv_check_split *s = &r->splits[split];
    const fv_source *source = s->source;
    char name[4200];
    for (int64_t i = 0; i < source->count; i++) {
        fv_check_sample *sample = NULL;
        source->ops->name(source, i, name, sizeof name);
        FV_TRY(fv_check_add_sample(r, split, name, &sample));
        sample->label = source->kind == FV_TASK_CLASSIFY ? source->labels[i] : -1;
        sample->bytes = source->ops->bytes(source, i);
        sample->format = source->pixels ? "" : NULL;
    }
    return FV_OK;
}

/* A file of many samples that cannot be read is not one file less: the run cannot start. */
static fv_status tell_failure(fv_check_report *r, const fv_source_type *type, fv_split split, fv_status status)
{
    if (status == FV_ERR_NO_MEMORY)
        return status;
    const char *text = fv_ctx_error(r->ctx), *place = strstr(text, "byte ");
    long long byte = -1;
    if (!place || sscanf(place, "byte %lld", &byte) != 1)
        byte = -1;
    FV_TRY(tell_error(r, fault_of(type->name, status), r->file ? r->file : fv_split_name(split), byte));
    fv_fail_clear(r->ctx);
    return FV_OK;
}

/* *broken: not even the splits can be told. */
static fv_status list_split(fv_check_report *r, const fv_source_type *type, fv_split split, bool *broken)
{
    fv_check_split *s = &r->splits[split];
    fv_dataset_options options = r->options.data;
    bool has = false;
    options.allow_empty = options.allow_extra = true; /* told as findings */
    fv_status status = find_split(r, type, split, &has);
    if (status == FV_OK && !has)
        return FV_OK;
    *broken = status != FV_OK;
    if (status == FV_OK)
        status = open_split(r, type, split, &options, &s->source);
    if (status != FV_OK)
        return tell_failure(r, type, split, status);
    fv_check_begin_split(r, split, fv_split_name(split));
    if (s->source->kind != FV_TASK_REGRESS) {
        s->classes = s->source->classes;
        if (r->classes.count == 0)
            r->classes = s->source->train;
    }
    FV_TRY(add_samples(r, split));
    fv_check_end_split(r, split);
    return FV_OK;
}

static fv_status list(fv_check_report *r)
{
    const fv_source_type *type = NULL;
    bool bad = false;
    FV_TRY(fv_source_find(r->ctx, r->path, &type));
    if (type == &fv_source_manifest)
        FV_TRY(check_manifest(r, &bad));
    for (int k = 0; k < FV_SPLIT_COUNT && !bad; k++)
        FV_TRY(list_split(r, type, (fv_split)k, &bad));
    return FV_OK;
}

const fv_check_layout fv_check_sources = {.name = "source", .probe = probe, .list = list};
