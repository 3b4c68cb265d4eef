/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a data set: source, split, classes; looking at it. */
#include "data/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* Where the samples of a split come from. */
typedef struct origin {
    fv_split split; /* of the source */
    bool hold_out;  /* divide it: */
    bool want_held; /* the part held out, or the rest */
} origin;

/* A test split whose labels are kept back has nothing to be scored by. */
static fv_status fail_unlabeled(fv_ctx *ctx, const char *path, const char *folder)
{
    return fv_fail_hint(
        ctx, fv_fail(ctx, FV_ERR_DATA_EMPTY, "%s: images without labels: no class folders in the test split", folder),
        "expected one folder per class with its images in it; `fovea predict --data %s --split test "
        "--model FILE` tells the classes of images without labels",
        path);
}

static fv_status fail_no_split(fv_ctx *ctx, const fv_source_type *type, const char *path, fv_split split)
{
    fv_str found = {.ctx = ctx};
    char *folder = NULL;
    if (split == FV_SPLIT_TEST && type->unlabeled)
        FV_TRY(type->unlabeled(ctx, path, &folder));
    if (folder) {
        const fv_status none = fail_unlabeled(ctx, path, folder);
        fv_free(ctx, folder);
        return none;
    }
    for (int i = 0; i < FV_SPLIT_COUNT; i++) {
        bool has = false;
        if (type->has_split(ctx, path, (fv_split)i, &has) == FV_OK && has)
            fv_str_printf(&found, "%s%s", found.size ? ", " : "", fv_split_name((fv_split)i));
    }
    fv_status status = fv_fail_hint(ctx,
                                    fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no '%s' split here (found: %s)", path,
                                            fv_split_name(split), found.size ? fv_str_get(&found) : "none"),
                                    "%s",
                                    split == FV_SPLIT_VAL ? "hold samples out with --val-split 0.2, or name a "
                                                            "split that there is"
                                                          : "name a split that there is");
    fv_str_free(&found);
    return status;
}

static fv_status find_origin(fv_ctx *ctx, const fv_source_type *type, const char *path,
                             const fv_dataset_options *options, fv_split split, origin *from)
{
    bool has = false, has_val = false, has_train = false;
    FV_TRY(type->has_split(ctx, path, split, &has));
    FV_TRY(type->has_split(ctx, path, FV_SPLIT_VAL, &has_val));
    FV_TRY(type->has_split(ctx, path, FV_SPLIT_TRAIN, &has_train));
    const bool folds = options->folds > 0 && has_train && split != FV_SPLIT_TEST;
    const bool divide = folds || (options->val_split > 0 && !has_val && has_train);
    *from = (origin){.split = split, .hold_out = divide && split == FV_SPLIT_TRAIN};
    if (has && !(folds && split == FV_SPLIT_VAL))
        return FV_OK;
    if (split == FV_SPLIT_VAL && divide) {
        *from = (origin){.split = FV_SPLIT_TRAIN, .hold_out = true, .want_held = true};
        return FV_OK;
    }
    return fail_no_split(ctx, type, path, split);
}

/* Allocates what is known of each sample. */
static fv_status alloc_samples(fv_dataset *d)
{
    const fv_source *source = d->source;
    const size_t n = (size_t)source->count;
    int64_t numbers = 0;
    if (source->targets && !fv_size_mul(source->count, d->classes.count, &numbers))
        return fv_fail_memory(d->ctx, SIZE_MAX, "targets");
    d->index = fv_malloc(d->ctx, n * sizeof *d->index);
    d->labels = fv_malloc(d->ctx, n * sizeof *d->labels);
    d->state = fv_calloc(d->ctx, n, sizeof *d->state);
    d->targets = source->targets ? fv_calloc(d->ctx, (size_t)numbers, sizeof *d->targets) : NULL;
    d->weights = source->weights ? fv_malloc(d->ctx, n * sizeof *d->weights) : NULL;
    d->groups = source->groups ? fv_malloc(d->ctx, n * sizeof *d->groups) : NULL;
    return d->index && d->labels && d->state && (d->targets || !source->targets) && (d->weights || !source->weights) &&
                   (d->groups || !source->groups)
               ? FV_OK
               : FV_ERR_NO_MEMORY;
}

/* Sample n of the data set is sample i of the source: targets under the data set's numbering. Returns the label: MULTI
 * the first class that it has. */
static int64_t take_targets(fv_dataset *d, int64_t n, int64_t i, const int64_t *map)
{
    const fv_source *source = d->source;
    float *to = d->targets + n * d->classes.count;
    const float *from = source->targets + i * source->classes.count;
    int64_t label = -1;
    for (int64_t k = 0; k < source->classes.count; k++) {
        if (map[k] < 0)
            continue;
        to[map[k]] = from[k];
        if (from[k] != 0.0f && (label < 0 || map[k] < label))
            label = map[k];
    }
    return source->kind == FV_TASK_MULTILABEL && label >= 0 ? label : 0;
}

/* Fills index and labels with the samples that belong. */
static fv_status select_samples(fv_dataset *d, const origin *from, const int64_t *map, const bool *held)
{
    const fv_source *source = d->source;
    int64_t n = 0, dropped = 0;
    FV_TRY(alloc_samples(d));
    for (int64_t i = 0; i < source->count; i++) {
        if (held && held[i] != from->want_held)
            continue;
        const int64_t label = source->targets ? take_targets(d, n, i, map) : map[source->labels[i]];
        if (label < 0) {
            dropped++;
            continue;
        }
        if (d->weights)
            d->weights[n] = source->weights[i];
        if (d->groups)
            d->groups[n] = source->groups[i];
        d->index[n] = i;
        d->labels[n++] = (int32_t)label;
    }
    d->count = n;
    if (dropped > 0)
        fv_log(d->ctx, FV_LOG_WARN, "data", "%s: %lld sample%s of unknown classes left out", d->path,
               (long long)dropped, dropped == 1 ? "" : "s");
    if (n == 0)
        return fv_fail(d->ctx, FV_ERR_DATA_EMPTY, "%s: no samples left in split '%s'", d->path,
                       from->want_held ? "val" : fv_split_name(from->split));
    return FV_OK;
}

/* Numbers to predict must all be there, under the names wanted. */
static fv_status check_targets(const fv_dataset *d)
{
    const fv_source *source = d->source;
    if (source->kind != FV_TASK_REGRESS)
        return FV_OK;
    int64_t *map = fv_malloc(d->ctx, (size_t)(d->classes.count + 1) * sizeof *map);
    fv_status status = map ? fv_names_map(d->ctx, &d->classes, &source->classes, map) : FV_ERR_NO_MEMORY;
    for (int64_t k = 0; status == FV_OK && k < d->classes.count; k++) {
        if (map[k] < 0)
            status = fv_fail(d->ctx, FV_ERR_DATA_CLASSES, "%s: no target '%s' here, one of %lld wanted", d->path,
                             d->classes.name[k], (long long)d->classes.count);
    }
    fv_free(d->ctx, map);
    return status;
}

/* A model stores names as UTF-8: others would come back changed, two of them perhaps as one. */
static fv_status check_names(const fv_dataset *d)
{
    for (int64_t k = 0; k < d->classes.count; k++) {
        if (!fv_text_is_utf8(d->classes.name[k]))
            return fv_fail_hint(d->ctx,
                                fv_fail(d->ctx, FV_ERR_DATA_CLASSES,
                                        "%s: class '%s': the name is not UTF-8, as models store it", d->path,
                                        d->classes.name[k]),
                                "rename the class, or save the list of classes as UTF-8");
    }
    return FV_OK;
}

static fv_status take_samples(fv_dataset *d, const fv_dataset_options *options, const origin *from)
{
    const fv_source *source = d->source;
    const fv_names given = {options->classes, options->n_classes};
    bool *held = NULL;
    FV_TRY(fv_names_copy(d->arena, options->classes ? &given : &source->train, &d->classes));
    FV_TRY(check_names(d));
    int64_t *map = fv_malloc(d->ctx, (size_t)(source->classes.count + 1) * sizeof *map);
    fv_str what = {.ctx = d->ctx};
    fv_str_printf(&what, "%s (%s)", d->path, fv_split_name(from->split));
    fv_status status = map ? fv_str_status(&what) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_classes_map(d->ctx, fv_str_get(&what), &source->classes, &d->classes, options->allow_extra, map);
    if (status == FV_OK)
        status = check_targets(d);
    if (status == FV_OK && from->hold_out) {
        held = fv_malloc(d->ctx, (size_t)source->count * sizeof *held);
        status = !held                ? FV_ERR_NO_MEMORY
                 : options->folds > 0 ? fv_split_fold(d->source, options->folds, options->fold - 1, options->group_by,
                                                      options->seed, held)
                                      : fv_split_hold_out(d->source, options->val_split, options->seed, held);
    }
    if (status == FV_OK)
        status = select_samples(d, from, map, held);
    fv_str_free(&what);
    fv_free(d->ctx, map);
    fv_free(d->ctx, held);
    return status;
}

static fv_status check_options(fv_ctx *ctx, const fv_dataset_options *o, fv_split *split)
{
    static const char *const words[] = {"train", "val", "test", NULL};
    const int parsed = fv_split_parse(o->split);
    if (parsed < 0) {
        const char *near = fv_text_nearest(o->split, words);
        return fv_fail(ctx, FV_ERR_VALUE, "split '%s': expected train, val or test%s%s%s", o->split,
                       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    *split = (fv_split)parsed;
    if (!(o->val_split >= 0.0 && o->val_split < 1.0))
        return fv_fail(ctx, FV_ERR_VALUE, "val_split %g: expected at least 0 and below 1", o->val_split);
    if (o->folds != 0 && (o->folds < 2 || o->fold < 1 || o->fold > o->folds))
        return fv_fail(ctx, FV_ERR_VALUE, "fold %lld of %lld: expected at least 2 folds, and one of 1 to that",
                       (long long)o->fold, (long long)o->folds);
    if (!(o->max_bad >= 0.0 && o->max_bad <= 1.0))
        return fv_fail(ctx, FV_ERR_VALUE, "max_bad %g: expected 0 to 1", o->max_bad);
    if (o->classes && o->n_classes < 1)
        return fv_fail(ctx, FV_ERR_VALUE, "n_classes %lld: expected at least 1", (long long)o->n_classes);
    return fv_task_parse(ctx, o->task, &(fv_task){0});
}

/* Samples lost while the source was opened count like files that cannot be decoded. */
static fv_status check_lost(fv_dataset *d)
{
    const fv_source *s = d->source;
    const int64_t all = s->count + s->n_bad;
    d->csv_due = s->n_bad > 0 && s->losses && d->quarantine_csv;
    if ((double)s->n_bad <= d->max_bad * (double)all)
        return FV_OK;
    const bool written = d->csv_due && fv_dataset_write_quarantine(d) == FV_OK;
    d->csv_due = false;
    return fv_fail_hint(d->ctx,
                        fv_fail(d->ctx, FV_ERR_DATA_TOO_BAD,
                                "%s: %lld of %lld samples cannot be used, more than the share of %g allowed; the first "
                                "is %s",
                                d->path, (long long)s->n_bad, (long long)all, d->max_bad, s->bad),
                        "%s%s%srepair the samples or raise --max-bad", written ? "see " : "",
                        written ? d->quarantine_csv : "", written ? ", " : "");
}

static fv_status fill(fv_dataset *d, const char *path, const fv_dataset_options *options)
{
    fv_split split;
    origin from = {0};
    FV_TRY(check_options(d->ctx, options, &split));
    FV_TRY(fv_arena_create(d->ctx, &d->arena));
    d->path = fv_arena_strdup(d->arena, path);
    if (!d->path)
        return FV_ERR_NO_MEMORY;
    if (options->quarantine_csv && !(d->quarantine_csv = fv_arena_strdup(d->arena, options->quarantine_csv)))
        return FV_ERR_NO_MEMORY;
    d->decode = options->decode;
    d->max_bad = options->max_bad > 0 ? options->max_bad : 0.01;
    FV_TRY(fv_source_find(d->ctx, path, &d->type));
    FV_TRY(find_origin(d->ctx, d->type, path, options, split, &from));
    FV_TRY(d->type->open(d->ctx, path, from.split, options, &d->source));
    FV_TRY(fv_task_fits(d->ctx, path, options->task, d->source->kind));
    FV_TRY(check_lost(d));
    FV_TRY(take_samples(d, options, &from));
    return split == FV_SPLIT_TRAIN ? fv_dataset_check_usable(d, options->allow_empty) : FV_OK;
}

static fv_dataset *create(fv_ctx *ctx)
{
    fv_dataset *d = fv_new(ctx, fv_dataset);
    if (!d)
        return NULL;
    d->ctx = ctx;
    d->first_pause = FV_READ_PAUSE;
    atomic_init(&d->pins, 1);
    pthread_mutex_init(&d->mutex, NULL);
    return d;
}

fv_status fv_dataset_open(fv_ctx *ctx, const char *path, const fv_dataset_options *options, fv_dataset **dataset)
{
    *dataset = NULL;
    fv_dataset *d = create(ctx);
    if (!d)
        return FV_ERR_NO_MEMORY;
    fv_status status = fill(d, path, options ? options : &(fv_dataset_options){0});
    if (status != FV_OK) {
        fv_dataset_destroy(&d);
        return status;
    }
    *dataset = d;
    return FV_OK;
}

static fv_status fill_files(fv_dataset *d, const char *const *paths, int64_t count)
{
    static const fv_source_type type = {.name = "files"};
    d->type = &type;
    d->path = "";
    d->max_bad = 1.0;
    atomic_init(&d->told, UINT32_MAX); /* of conversions nothing is said, as when a file is read by itself */
    FV_TRY(fv_source_files(d->ctx, paths, count, &d->source));
    FV_TRY(alloc_samples(d));
    for (int64_t i = 0; i < count; i++) {
        d->index[i] = i;
        d->labels[i] = 0;
    }
    d->count = count;
    return FV_OK;
}

fv_status fv_dataset_files(fv_ctx *ctx, const char *const *paths, int64_t count, const fv_decode_options *decode,
                           fv_dataset **dataset)
{
    *dataset = NULL;
    fv_dataset *d = create(ctx);
    if (!d)
        return FV_ERR_NO_MEMORY;
    d->decode = decode ? *decode : (fv_decode_options){0};
    fv_status status = fill_files(d, paths, count);
    if (status != FV_OK)
        fv_dataset_destroy(&d);
    *dataset = d;
    return status;
}

static void free_if_last(fv_dataset *d)
{
    if (atomic_fetch_sub(&d->pins, 1) > 1)
        return;
    fv_cache_destroy(&d->cache);
    fv_source_destroy(&d->source);
    fv_free(d->ctx, d->index);
    fv_free(d->ctx, d->labels);
    fv_free(d->ctx, d->targets);
    fv_free(d->ctx, d->weights);
    fv_free(d->ctx, d->groups);
    fv_free(d->ctx, (void *)d->state);
    fv_free(d->ctx, d->rows);
    fv_arena_destroy(&d->arena);
    pthread_mutex_destroy(&d->mutex);
    fv_free(d->ctx, d);
}

void fv_dataset_destroy(fv_dataset **dataset)
{
    if (!dataset || !*dataset)
        return;
    fv_dataset *d = *dataset;
    *dataset = NULL;
    if (d->csv_due)
        fv_dataset_write_quarantine(d); /* a failure is in the context; there is nobody to return it to */
    free_if_last(d);
}

void fv_dataset_pin(fv_dataset *d)
{
    atomic_fetch_add(&d->pins, 1);
    fv_ctx_pin(d->ctx);
}

void fv_dataset_unpin(fv_dataset *d)
{
    fv_ctx *ctx = d->ctx;
    free_if_last(d);
    fv_ctx_unpin(ctx);
}
fv_status fv_dataset_has_split(fv_ctx *ctx, const char *path, const char *split, bool *has)
{
    const fv_source_type *type = NULL;
    fv_split which;
    *has = false;
    FV_TRY(check_options(ctx, &(fv_dataset_options){.split = split}, &which));
    FV_TRY(fv_source_find(ctx, path, &type));
    return type->has_split(ctx, path, which, has);
}

fv_status fv_dataset_unlabeled_test(fv_ctx *ctx, const char *path, char *folder, size_t size)
{
    const fv_source_type *type = NULL;
    char *found = NULL;
    if (size < 1)
        return fv_fail(ctx, FV_ERR_VALUE, "fv_dataset_unlabeled_test: no room for a path");
    folder[0] = '\0';
    FV_TRY(fv_source_find(ctx, path, &type));
    if (type->unlabeled)
        FV_TRY(type->unlabeled(ctx, path, &found));
    if (!found)
        return FV_OK;
    fv_status status = FV_OK;
    if ((size_t)snprintf(folder, size, "%s", found) >= size) {
        folder[0] = '\0';
        status = fv_fail(ctx, FV_ERR_VALUE, "%s: a path of more than %zu bytes", path, size - 1);
    }
    fv_free(ctx, found);
    return status;
}

const char *fv_dataset_format(const fv_dataset *dataset)
{
    return dataset->type->name;
}

int64_t fv_dataset_count(const fv_dataset *dataset)
{
    return dataset->count;
}

int64_t fv_dataset_classes(const fv_dataset *dataset)
{
    return dataset->classes.count;
}

const char *fv_dataset_summary(const fv_dataset *dataset, char text[96])
{
    static const char *const forms[FV_TASK_COUNT] = {
        "%lld image%s of %lld class%s", "%lld image%s of any of %lld class%s", "%lld image%s with %lld number%s each"};
    const fv_task task = fv_dataset_task(dataset);
    const long long count = fv_dataset_count(dataset), classes = fv_dataset_classes(dataset);
    snprintf(text, 96, forms[task], count, count == 1 ? "" : "s", classes,
             classes == 1              ? ""
             : task == FV_TASK_REGRESS ? "s"
                                       : "es");
    return text;
}

const char *fv_dataset_class_name(const fv_dataset *dataset, int64_t i)
{
    return i >= 0 && i < dataset->classes.count ? dataset->classes.name[i] : "";
}

void fv_dataset_size(const fv_dataset *dataset, int64_t *h, int64_t *w, int64_t *c)
{
    *h = dataset->source->h;
    *w = dataset->source->w;
    *c = dataset->source->c;
}

int32_t fv_dataset_label(const fv_dataset *dataset, int64_t i)
{
    return i >= 0 && i < dataset->count ? dataset->labels[i] : -1;
}

fv_task fv_dataset_task(const fv_dataset *dataset)
{
    return dataset->source->kind;
}

const float *fv_dataset_targets(const fv_dataset *dataset, int64_t i)
{
    return dataset->targets && i >= 0 && i < dataset->count ? dataset->targets + i * dataset->classes.count : NULL;
}

float fv_dataset_weight(const fv_dataset *dataset, int64_t i)
{
    if (i < 0 || i >= dataset->count)
        return 0.0f;
    return dataset->weights ? dataset->weights[i] : 1.0f;
}

uint64_t fv_dataset_group(const fv_dataset *dataset, int64_t i)
{
    return dataset->groups && i >= 0 && i < dataset->count ? dataset->groups[i] : 0;
}

void fv_dataset_sample_name(const fv_dataset *dataset, int64_t i, char *text, size_t size)
{
    if (size == 0)
        return;
    text[0] = '\0';
    if (i >= 0 && i < dataset->count)
        dataset->source->ops->name(dataset->source, dataset->index[i], text, size);
}

void fv_dataset_sample_path(const fv_dataset *d, int64_t i, char *text, size_t size)
{
    const int n = d->path[0] ? snprintf(text, size, "%s/", d->path) : 0;
    if (n >= 0 && (size_t)n < size)
        fv_dataset_sample_name(d, i, text + n, size - (size_t)n);
}

fv_status fv_dataset_image(fv_dataset *dataset, int64_t i, fv_image *image, fv_decode_notes *notes)
{
    fv_image_error error;
    char path[FV_SAMPLE_PATH];
    *image = (fv_image){0};
    if (i < 0 || i >= dataset->count)
        return fv_fail(dataset->ctx, FV_ERR_ARGUMENT, "fv_dataset_image: sample %lld of %lld", (long long)i,
                       (long long)dataset->count);
    fv_status status = fv_dataset_fetch(dataset, i, NULL, NULL, image, notes, &error);
    if (status == FV_OK)
        return FV_OK;
    fv_dataset_sample_path(dataset, i, path, sizeof path);
    return fv_fail(dataset->ctx, status, "%s: %s", path, error.text);
}

void fv_dataset_fingerprint(const fv_dataset *dataset, char hex[65])
{
    fv_sha256 hash;
    uint8_t digest[32];
    char line[1200], name[1024];
    fv_sha256_init(&hash);
    for (int64_t i = 0; i < dataset->count; i++) {
        fv_dataset_sample_name(dataset, i, name, sizeof name);
        int n =
            snprintf(line, sizeof line, "%s%c%lld %d\n", name, 0,
                     (long long)dataset->source->ops->bytes(dataset->source, dataset->index[i]), dataset->labels[i]);
        fv_sha256_update(&hash, line, (size_t)n);
        if (dataset->source->ops->crc) {
            const uint32_t crc = dataset->source->ops->crc(dataset->source, dataset->index[i]);
            fv_sha256_update(&hash, &crc, sizeof crc);
        }
        if (dataset->targets)
            fv_sha256_update(&hash, fv_dataset_targets(dataset, i), (size_t)dataset->classes.count * sizeof(float));
        if (dataset->weights)
            fv_sha256_update(&hash, &dataset->weights[i], sizeof(float));
    }
    for (int64_t i = 0; i < dataset->classes.count; i++)
        fv_sha256_update(&hash, dataset->classes.name[i], strlen(dataset->classes.name[i]) + 1);
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
}
