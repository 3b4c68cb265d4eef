/* SPDX-License-Identifier: Apache-2.0 */
/* Folder of classes: ROOT/SPLIT/CLASS/... or ROOT/CLASS/..., images judged by content when they are decoded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/marks/marks.h"
#include "data/source/folder_scan.h"

typedef struct folder_source {
    fv_source base;
    fv_folder_scan scan;
    const char *root;
} folder_source;

static fv_status folder_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    fv_arena *arena = NULL;
    fv_names classes = {0};
    if (place->is_file)
        return FV_OK;
    FV_TRY(fv_marks_refuse(ctx, place->path));
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = fv_folder_classes(ctx, arena, place->path, "", &classes);
    *yes = classes.count > 0;
    fv_arena_destroy(&arena);
    return status;
}

static fv_status folder_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    fv_arena *arena = NULL;
    const char *dir = NULL;
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = fv_folder_locate(ctx, arena, path, split, &dir);
    *has = dir != NULL;
    /* Nothing to train on beside a "test" that may be a class: which of the two is the question. */
    for (int other = FV_SPLIT_TRAIN + 1; status == FV_OK && split == FV_SPLIT_TRAIN && !*has && other < FV_SPLIT_COUNT;
         other++) {
        status = fv_folder_locate(ctx, arena, path, (fv_split)other, &dir);
        if (status == FV_OK && dir)
            status = fv_folder_refuse_ambiguous(ctx, path, dir);
    }
    if (status == FV_OK && *has && split == FV_SPLIT_TEST) {
        status = fv_folder_unlabeled(ctx, arena, path, &dir);
        *has = dir == NULL;
    }
    fv_arena_destroy(&arena);
    return status;
}

static fv_status folder_unlabeled(fv_ctx *ctx, const char *path, char **folder)
{
    fv_arena *arena = NULL;
    const char *dir = NULL;
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = fv_folder_unlabeled(ctx, arena, path, &dir);
    if (status == FV_OK && dir && !(*folder = fv_path_join(ctx, path, dir)))
        status = FV_ERR_NO_MEMORY;
    fv_arena_destroy(&arena);
    return status;
}

static void folder_destroy(fv_source *base)
{
    folder_source *s = (folder_source *)base;
    fv_folder_scan_free(base->ctx, &s->scan);
    fv_free(base->ctx, base->labels);
}

static void folder_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s", ((const folder_source *)base)->scan.files[i].path);
}

/* The path inside the split, so that a sample stays what it is when the root moves. */
static uint64_t folder_key(const fv_source *base, int64_t i)
{
    const folder_source *s = (const folder_source *)base;
    const char *path = s->scan.files[i].path;
    size_t skip = strlen(s->scan.dir);
    path += skip ? skip + 1 : 0;
    return fv_text_key(path);
}

static int64_t folder_bytes(const fv_source *base, int64_t i)
{
    return ((const folder_source *)base)->scan.files[i].bytes;
}

static fv_status folder_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                              fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    const folder_source *s = (const folder_source *)base;
    char *path = fv_path_join(base->ctx, s->root, s->scan.files[i].path);
    if (!path) {
        *image = (fv_image){0};
        *error = (fv_image_error){.status = FV_ERR_NO_MEMORY, .byte = -1, .text = "no memory for a path"};
        return FV_ERR_NO_MEMORY;
    }
    fv_status status = fv_image_read_quiet(base->ctx, path, options, request, image, notes, error);
    fv_free(base->ctx, path);
    return status;
}

static fv_status folder_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    const folder_source *s = (const folder_source *)base;
    return fv_sample_read_file(base->ctx, s->root, s->scan.files[i].path, data, size, error);
}

static fv_status folder_head(fv_source *base, int64_t i, uint8_t *data, size_t room, size_t *got)
{
    const folder_source *s = (const folder_source *)base;
    return fv_sample_read_head(base->ctx, s->root, s->scan.files[i].path, 0, data, room, got);
}

static const fv_source_ops folder_ops = {.destroy = folder_destroy,
                                         .name = folder_name,
                                         .key = folder_key,
                                         .bytes = folder_bytes,
                                         .image = folder_image,
                                         .read = folder_read,
                                         .head = folder_head};

static const char *first_of(const fv_folder_scan *scan, fv_folder_oddity kind)
{
    for (int64_t i = 0; i < scan->n_notes; i++) {
        if (scan->notes[i].kind == kind)
            return scan->notes[i].path;
    }
    return "";
}

static void tell_oddities(fv_ctx *ctx, const char *root, const fv_folder_scan *scan)
{
    static const struct {
        fv_folder_oddity kind;
        fv_log_level level;
        const char *one, *many, *text;
    } told[] = {
        {FV_ODD_HIDDEN, FV_LOG_INFO, "hidden or system file", "hidden or system files", " skipped"},
        {FV_ODD_OWN, FV_LOG_INFO, "file or folder", "files or folders", " that fovea wrote left out"},
        {FV_ODD_STRAY, FV_LOG_WARN, "file or folder", "files or folders", " outside the class folders skipped"},
        {FV_ODD_SPECIAL, FV_LOG_WARN, "FIFO, socket or device", "FIFOs, sockets or devices", " skipped"},
        {FV_ODD_DANGLING, FV_LOG_WARN, "link", "links", " to something that is not there skipped"},
        {FV_ODD_LOOP, FV_LOG_WARN, "link", "links", " leading back up not followed"},
        {FV_ODD_NESTED, FV_LOG_INFO, "folder inside class folders, whose files",
         "folders inside class folders, whose files", " belong to the class"},
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        int64_t n = scan->odd[told[i].kind];
        if (n > 0)
            fv_log(ctx, told[i].level, "data", "%s: %lld %s%s (first: %s)", root, (long long)n,
                   n == 1 ? told[i].one : told[i].many, told[i].text, first_of(scan, told[i].kind));
    }
}

/* They count like files that cannot be decoded. */
static fv_status list_losses(fv_source *base, const fv_folder_scan *scan)
{
    fv_source_loss *losses = fv_arena_alloc(base->arena, (size_t)(scan->n_notes + 1) * sizeof *losses);
    if (!losses)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < scan->n_notes; i++) {
        const char *why = fv_folder_loss(scan->notes[i].kind);
        if (why)
            losses[base->n_bad++] = (fv_source_loss){scan->notes[i].path, why};
    }
    base->losses = losses;
    if (base->n_bad > 0)
        base->bad = fv_arena_printf(base->arena, "%s: %s", losses[0].name, losses[0].why);
    return base->n_bad == 0 || base->bad ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Class folders that are two here and would be one on another system. */
static fv_status check_alike(fv_ctx *ctx, const char *root, const fv_names *classes)
{
    fv_names_pair pair;
    FV_TRY(fv_names_alike(ctx, classes, &pair));
    if (pair.a) {
        fv_status status = fv_fail_hint(
            ctx,
            fv_fail(ctx, FV_ERR_DATA_CLASSES,
                    "%s: class folders '%s' and '%s' differ only by letter case, the encoding of accents or blanks at "
                    "the end%s: one class on other systems",
                    root, pair.a, pair.b, pair.unseen),
            "rename or merge them");
        fv_names_pair_free(ctx, &pair);
        return status;
    }
    FV_TRY(fv_names_resemble(ctx, classes, &pair));
    if (pair.a)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: class folders '%s' and '%s' look alike: are they one class?", root,
               pair.a, pair.b);
    fv_names_pair_free(ctx, &pair);
    return FV_OK;
}

static fv_status check_empty(fv_ctx *ctx, const folder_source *s, fv_split split, bool allow_empty)
{
    const fv_folder_scan *scan = &s->scan;
    if (scan->classes.count == 0)
        return fv_fail_hint(
            ctx,
            fv_fail(ctx, FV_ERR_DATA_EMPTY, "%s%s%s: no class folders", s->root, scan->dir[0] ? "/" : "", scan->dir),
            "expected one folder per class with its images in it");
    if (scan->n_files == 0)
        return fv_fail(ctx, FV_ERR_DATA_EMPTY, "%s%s%s: %lld class folders, no file in any of them", s->root,
                       scan->dir[0] ? "/" : "", scan->dir, (long long)scan->classes.count);
    if (scan->odd[FV_ODD_EMPTY_CLASS] == 0)
        return FV_OK;
    const char *first = first_of(scan, FV_ODD_EMPTY_CLASS);
    if (split == FV_SPLIT_TRAIN && !allow_empty)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_DATA_EMPTY,
                                    "%s/%s: a class without images (empty classes in the train split: %lld)", s->root,
                                    first, (long long)scan->odd[FV_ODD_EMPTY_CLASS]),
                            "add images, remove the folder, or keep the class with --allow-empty");
    fv_log(ctx, FV_LOG_WARN, "data", "%s: %lld class folder%s without images (first: %s)", s->root,
           (long long)scan->odd[FV_ODD_EMPTY_CLASS], scan->odd[FV_ODD_EMPTY_CLASS] == 1 ? "" : "s", first);
    return FV_OK;
}

/* The names that labels are numbered by: classes.txt, else the train split's folders, else this split's own. */
static fv_status find_train_classes(folder_source *s, fv_split split)
{
    fv_source *base = &s->base;
    fv_ctx *ctx = base->ctx;
    char *file = fv_path_join(ctx, s->root, "classes.txt");
    if (!file)
        return FV_ERR_NO_MEMORY;
    const bool listed = fv_path_exists(file) && !fv_path_is_dir(file);
    fv_status status = listed ? fv_names_read(base->arena, ctx, file, &base->train) : FV_OK;
    fv_free(ctx, file);
    if (status != FV_OK || listed)
        return status;
    base->train = base->classes;
    if (split == FV_SPLIT_TRAIN)
        return FV_OK;
    const char *dir = NULL;
    FV_TRY(fv_folder_locate(ctx, base->arena, s->root, FV_SPLIT_TRAIN, &dir));
    return dir ? fv_folder_classes(ctx, base->arena, s->root, dir, &base->train) : FV_OK;
}

static fv_status fill(folder_source *s, const char *path, fv_split split, const fv_dataset_options *options)
{
    fv_source *base = &s->base;
    fv_ctx *ctx = base->ctx;
    const char *dir = NULL;
    s->root = fv_arena_strdup(base->arena, path);
    if (!s->root)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_folder_locate(ctx, base->arena, path, split, &dir));
    if (!dir)
        return fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no folder for split '%s'", path, fv_split_name(split));
    FV_TRY(fv_folder_scan_split(ctx, base->arena, path, dir, &s->scan));
    FV_TRY(check_empty(ctx, s, split, options->allow_empty));
    FV_TRY(check_alike(ctx, path, &s->scan.classes));
    tell_oddities(ctx, path, &s->scan);
    if (dir[0] && strcmp(dir, fv_split_name(split)) != 0)
        fv_log(ctx, FV_LOG_INFO, "data", "%s: folder '%s' is taken as the %s split", path, dir, fv_split_name(split));
    FV_TRY(list_losses(base, &s->scan));
    base->classes = s->scan.classes;
    base->count = s->scan.n_files;
    base->c = 3;
    base->labels = fv_malloc(ctx, (size_t)base->count * sizeof *base->labels);
    if (!base->labels)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < base->count; i++)
        base->labels[i] = s->scan.files[i].label;
    return find_train_classes(s, split);
}

static fv_status folder_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                             fv_source **source)
{
    folder_source *s = (folder_source *)fv_source_new(ctx, sizeof *s, &folder_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    fv_status status = fill(s, path, split, options);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_folder = {.name = "folder",
                                         .probe = folder_probe,
                                         .has_split = folder_has_split,
                                         .unlabeled = folder_unlabeled,
                                         .open = folder_open};
