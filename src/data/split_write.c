/* SPDX-License-Identifier: Apache-2.0 */
/* Dividing a data set of files, and writing that down as a manifest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/source/manifest.h"

typedef struct divider {
    fv_ctx *ctx;
    fv_dataset *splits[FV_SPLIT_COUNT]; /* as they are in the data */
    uint64_t *unit;                     /* of the train split's samples */
    uint8_t *side;
    char *root, *folder; /* real paths: what names are relative to, and the manifest's folder */
    fv_str text;
    fv_split_report *report;
} divider;

/* ---- the manifest ---- */

/* The path from the manifest's folder to root/name. */
static void put_path(divider *v, const char *name, fv_str *path)
{
    const char *a = v->folder, *b = v->root;
    path->size = 0;
    if (name[0] == '/') {
        fv_str_append(path, name);
        return;
    }
    size_t same = 0; /* up to a slash that both have */
    for (size_t i = 0;; i++) {
        const bool end_a = a[i] == '/' || a[i] == '\0', end_b = b[i] == '/' || b[i] == '\0';
        if (end_a && end_b)
            same = i;
        if (a[i] != b[i] || a[i] == '\0')
            break;
    }
    for (const char *p = a + same; *p; p++) {
        if (*p == '/' && p[1] != '\0')
            fv_str_append(path, "../");
    }
    b += same;
    while (*b == '/')
        b++;
    fv_str_printf(path, "%s%s%s", b, *b ? "/" : "", name);
}

static void put_label(divider *v, const fv_dataset *d, int64_t i)
{
    char number[32];
    const float *targets = fv_dataset_targets(d, i);
    fv_str names = {.ctx = v->ctx};
    if (!targets) {
        fv_str_csv(&v->text, fv_dataset_class_name(d, fv_dataset_label(d, i)));
        return;
    }
    for (int64_t k = 0; k < d->classes.count; k++) {
        if (d->source->kind == FV_TASK_REGRESS)
            fv_str_printf(&v->text, "%s%s", k ? "," : "", fv_float_text(targets[k], number));
        else if (targets[k] != 0.0f)
            fv_str_printf(&names, "%s%s", names.size ? "|" : "", d->classes.name[k]);
    }
    if (d->source->kind == FV_TASK_MULTILABEL)
        fv_str_csv(&v->text, fv_str_get(&names));
    v->text.failed |= names.failed;
    fv_str_free(&names);
}

static void put_header(divider *v, const fv_dataset *d)
{
    bool names = false; /* which would be read as something else */
    for (int64_t k = 0; d->source->kind == FV_TASK_CLASSIFY && k < d->classes.count; k++)
        names |= fv_manifest_misreads(d->classes.name[k]);
    fv_str_append(&v->text, "path,");
    if (d->source->kind != FV_TASK_REGRESS)
        fv_str_append(&v->text, names ? "class_name" : "label");
    for (int64_t k = 0; d->source->kind == FV_TASK_REGRESS && k < d->classes.count; k++)
        fv_str_printf(&v->text, "%starget%lld", k ? "," : "", (long long)k);
    fv_str_append(&v->text, ",split");
    fv_str_append(&v->text, d->weights ? ",weight" : "");
    fv_str_append(&v->text, d->groups ? ",group" : "");
    fv_str_append(&v->text, "\r\n");
}

/* Its own name, so that the manifest says what it was made from; what is known by number alone as that. */
static void put_group(divider *v, const fv_dataset *d, int64_t i)
{
    const char *const *names = d->source->group_names;
    if (!v->splits[FV_SPLIT_TRAIN]->groups)
        return;
    fv_str_append(&v->text, ",");
    if (fv_dataset_group(d, i) && names)
        fv_str_csv(&v->text, names[d->index[i]]);
    else if (fv_dataset_group(d, i))
        fv_str_printf(&v->text, "%016" PRIx64, fv_dataset_group(d, i));
}

static void put_samples(divider *v, fv_split split)
{
    const fv_dataset *d = v->splits[split], *train = v->splits[FV_SPLIT_TRAIN];
    fv_str path = {.ctx = v->ctx};
    char name[4200], number[32];
    for (int64_t i = 0; d && i < d->count; i++) {
        static const fv_split sides[] = {FV_SPLIT_TRAIN, FV_SPLIT_VAL, FV_SPLIT_TEST};
        const fv_split to = split == FV_SPLIT_TRAIN ? sides[v->side[i]] : split;
        fv_dataset_sample_name(d, i, name, sizeof name);
        put_path(v, name, &path);
        fv_str_csv(&v->text, fv_str_get(&path));
        fv_str_append(&v->text, ",");
        put_label(v, d, i);
        fv_str_printf(&v->text, ",%s", fv_split_name(to));
        if (train->weights)
            fv_str_printf(&v->text, ",%s", fv_float_text(fv_dataset_weight(d, i), number));
        put_group(v, d, i);
        fv_str_append(&v->text, "\r\n");
        v->report->samples[to]++;
    }
    v->text.failed |= path.failed;
    fv_str_free(&path);
}

/* ---- its classes ---- */

static bool same_names(const fv_names *a, const fv_names *b)
{
    bool same = a->count == b->count;
    for (int64_t k = 0; same && k < a->count; k++)
        same = strcmp(a->name[k], b->name[k]) == 0;
    return same;
}

/* Whether the manifest alone, by the names that its train split has, would number the classes like the data. */
static fv_status needs_list(const divider *v, bool *needs)
{
    const fv_dataset *d = v->splits[FV_SPLIT_TRAIN];
    const int64_t count = d->classes.count;
    bool *seen = fv_calloc(v->ctx, (size_t)count + 1, sizeof *seen);
    if (!seen)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < d->count; i++) {
        const float *targets = fv_dataset_targets(d, i);
        if (v->side[i] != 0)
            continue;
        if (!targets)
            seen[fv_dataset_label(d, i)] = true;
        for (int64_t k = 0; targets && k < count; k++)
            seen[k] |= targets[k] != 0.0f;
    }
    *needs = false;
    for (int64_t k = 0; k < count; k++)
        *needs |= !seen[k] || (k > 0 && strcmp(d->classes.name[k - 1], d->classes.name[k]) > 0);
    fv_free(v->ctx, seen);
    return FV_OK;
}

/* Sees to it that what is read as the manifest's classes.txt is right. */
static fv_status list_classes(divider *v, const char *path, const char *file)
{
    const fv_dataset *d = v->splits[FV_SPLIT_TRAIN];
    fv_arena *arena = NULL;
    fv_names there = {0};
    if (!fv_path_exists(file) || fv_path_is_dir(file)) {
        FV_TRY(needs_list(v, &v->report->lists_classes));
        if (!v->report->lists_classes)
            return FV_OK;
        FV_TRY(fv_names_check_lines(v->ctx, path, &d->classes));
        return fv_names_write(v->ctx, file, &d->classes);
    }
    FV_TRY(fv_arena_create(v->ctx, &arena));
    fv_status status = fv_names_read(arena, v->ctx, file, &there);
    if (status == FV_OK && !same_names(&there, &d->classes))
        status = fv_fail_hint(v->ctx,
                              fv_fail(v->ctx, FV_ERR_CONFLICT,
                                      "%s: lists other classes than %s, or in another order, and would number those of "
                                      "a manifest beside it",
                                      file, path),
                              "choose an --output in another folder");
    fv_arena_destroy(&arena);
    return status;
}

static fv_status write_classes(divider *v, const char *path)
{
    if (v->splits[FV_SPLIT_TRAIN]->source->kind == FV_TASK_REGRESS)
        return FV_OK;
    char *file = fv_path_join(v->ctx, v->folder, "classes.txt");
    const fv_status status = file ? list_classes(v, path, file) : FV_ERR_NO_MEMORY;
    fv_free(v->ctx, file);
    return status;
}

/* ---- all of it ---- */

/* The real path of a folder, or of the folder that a file is in. */
static fv_status real_folder(fv_ctx *ctx, const char *path, bool of_file, char **real)
{
    char *copy = fv_strdup(ctx, path);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    if (of_file) {
        char *slash = strrchr(copy, '/');
        if (slash)
            slash[slash == copy] = '\0';
    }
    char *found = realpath(of_file && !strchr(path, '/') ? "." : copy, NULL);
    fv_free(ctx, copy);
    *real = found ? fv_strdup(ctx, found) : NULL;
    const bool gone = !found;
    free(found);
    if (gone)
        return fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: the folder does not exist", path);
    return *real ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status check(const divider *v, const char *path, const double share[2])
{
    const fv_dataset *d = v->splits[FV_SPLIT_TRAIN];
    static const char *const files[] = {"folder", "manifest"};
    bool has_files = false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        has_files |= strcmp(d->type->name, files[i]) == 0;
    if (!has_files)
        return fv_fail_hint(v->ctx,
                            fv_fail(v->ctx, FV_ERR_UNSUPPORTED,
                                    "%s: samples of this kind of data (%s) are no files that a manifest could name",
                                    path, d->type->name),
                            "hold samples out with --val-split, also when packing");
    for (int s = FV_SPLIT_VAL; s <= FV_SPLIT_TEST; s++) {
        if (share[s - 1] > 0 && v->splits[s])
            return fv_fail_hint(
                v->ctx,
                fv_fail(v->ctx, FV_ERR_CONFLICT, "%s: has a %s split already", path, fv_split_name((fv_split)s)),
                "ask for a share of 0 of it");
    }
    if (!(share[0] >= 0 && share[1] >= 0 && share[0] + share[1] < 1))
        return fv_fail(v->ctx, FV_ERR_VALUE, "shares %g and %g: expected numbers whose sum is below 1", share[0],
                       share[1]);
    for (int64_t k = 0; d->source->kind == FV_TASK_MULTILABEL && k < d->classes.count; k++) {
        if (strchr(d->classes.name[k], '|'))
            return fv_fail_hint(v->ctx,
                                fv_fail(v->ctx, FV_ERR_DATA_CLASSES,
                                        "%s: class '%s': a manifest would read | as two classes", path,
                                        d->classes.name[k]),
                                "rename the class");
    }
    return FV_OK;
}

static fv_status divide(divider *v, const char *path, const fv_dataset_options *options, const double share[2],
                        const char *output)
{
    for (int s = 0; s < FV_SPLIT_COUNT; s++) {
        bool has = false;
        fv_dataset_options o = *options;
        o.split = fv_split_name((fv_split)s);
        o.val_split = 0;
        o.max_bad = 1.0; /* nothing is decoded, and what is no file gets no line */
        FV_TRY(fv_dataset_has_split(v->ctx, path, o.split, &has));
        if (has || s == FV_SPLIT_TRAIN)
            FV_TRY(fv_dataset_open(v->ctx, path, &o, &v->splits[s]));
    }
    FV_TRY(check(v, path, share));
    FV_TRY(real_folder(v->ctx, path, !fv_path_is_dir(path), &v->root));
    FV_TRY(real_folder(v->ctx, output, true, &v->folder));
    const fv_dataset *d = v->splits[FV_SPLIT_TRAIN];
    fv_split_copies copies;
    v->unit = fv_malloc(v->ctx, (size_t)d->count * sizeof *v->unit);
    v->side = fv_malloc(v->ctx, (size_t)d->count);
    if (!v->unit || !v->side)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_split_units(d->source, d->index, d->count, FV_SPLIT_READ_WHOLE, v->unit, &copies));
    v->report->same_content = copies.files;
    const fv_split_input in = {d->labels,
                               v->unit,
                               d->count,
                               &d->classes,
                               d->source->kind == FV_TASK_CLASSIFY,
                               .groups = d->source->groups,
                               .copies = copies.files > 0};
    FV_TRY(fv_split_assign(v->ctx, &in, share, options->seed, v->side));
    put_header(v, d);
    for (int s = 0; s < FV_SPLIT_COUNT; s++)
        put_samples(v, (fv_split)s);
    FV_TRY(fv_str_status(&v->text));
    FV_TRY(write_classes(v, path));
    return fv_file_write(v->ctx, output, v->text.data, v->text.size);
}

fv_status fv_dataset_split(fv_ctx *ctx, const char *path, const fv_dataset_options *options, double val, double test,
                           const char *output, fv_split_report *report)
{
    divider v = {.ctx = ctx, .text = {.ctx = ctx}, .report = report};
    const double share[2] = {val, test};
    *report = (fv_split_report){0};
    const fv_status status = divide(&v, path, options ? options : &(fv_dataset_options){0}, share, output);
    for (int s = 0; s < FV_SPLIT_COUNT; s++)
        fv_dataset_destroy(&v.splits[s]);
    fv_free(ctx, v.unit);
    fv_free(ctx, v.side);
    fv_free(ctx, v.root);
    fv_free(ctx, v.folder);
    fv_str_free(&v.text);
    return status;
}
