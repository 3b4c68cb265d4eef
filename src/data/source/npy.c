/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy arrays: images.npy of (N, height, width) or (N, height, width, bands) beside labels.npy, as DIR/images.npy,
 * DIR/SPLIT_images.npy or DIR/SPLIT/images.npy, or the path of the images' file itself. Images are read one by one (not
 * mapped: a file that is cut short while it is in use must not end the program); those of an array whose first index is
 * fastest lie scattered over all of the file, which is therefore turned in memory when it is opened. Labels:
 * (N) or (N, 1) integers are classes, (N) or (N, K) floats are numbers to predict, (N, K) integers or booleans of 0 and
 * 1 are sets of classes, other (N, K) integers numbers to predict.
 */
#include "io/npy.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/source/source.h"

enum { HEAD_MAX = 1 << 17 };

typedef struct npy_file {
    fv_reader reader;
    fv_npy npy;
} npy_file;

typedef struct npy_source {
    fv_source base;
    npy_file images;
    fv_depth depth;
    int64_t sample;  /* elements of one */
    uint8_t *turned; /* all elements in C order, as they are in the file; NULL: read one by one */
    const char *name;
    _Atomic uint8_t *checked; /* floats: whether a sample is known to be finite */
} npy_source;

static void close_file(npy_file *f)
{
    fv_reader_close(&f->reader);
}

/* The header, from as much of the file as the longest one takes. */
static fv_status read_header(fv_ctx *ctx, const char *path, npy_file *f)
{
    fv_image_error error = {.byte = -1};
    fv_image_job job = {.ctx = ctx, .error = &error};
    const size_t size = f->reader.size < HEAD_MAX ? (size_t)f->reader.size : (size_t)HEAD_MAX;
    uint8_t *head = fv_malloc(ctx, size + 1);
    if (!head)
        return FV_ERR_NO_MEMORY;
    job.data = head;
    job.size = size;
    fv_status status = fv_reader_get_all(ctx, path, &f->reader, 0, head, size);
    if (status == FV_OK && !fv_npy_sniff(head, size))
        status = fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: the content looks like %s, expected an NPY array", path,
                         fv_image_looks_like(head, size));
    else if (status == FV_OK && (status = fv_npy_parse(&job, head, size, &f->npy)) != FV_OK)
        fv_fail(ctx, status, "%s: %s", path, error.text);
    fv_free(ctx, head);
    return status;
}

static fv_status open_file(fv_ctx *ctx, const char *path, npy_file *f)
{
    *f = (npy_file){0};
    FV_TRY(fv_reader_open(ctx, path, &f->reader));
    fv_status status = read_header(ctx, path, f);
    const int64_t have = f->reader.size - (int64_t)f->npy.data;
    if (status == FV_OK && have < f->npy.data_bytes)
        status = fv_fail(ctx, FV_ERR_DATA_TRUNCATED, "%s: truncated at byte %lld: the header promises %lld bytes", path,
                         (long long)f->reader.size, (long long)f->npy.data + (long long)f->npy.data_bytes);
    else if (status == FV_OK && have > f->npy.data_bytes)
        status = fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte %lld: %lld bytes more than the header's array", path,
                         (long long)f->npy.data + (long long)f->npy.data_bytes, (long long)(have - f->npy.data_bytes));
    if (status != FV_OK)
        close_file(f);
    return status;
}

/* ---- which files ---- */

#define IMAGES "images.npy"

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* "train_images.npy": the split that such a name is of; "images.npy" is the train split's; -1. */
static int split_of_name(const char *name)
{
    char word[32];
    const size_t n = strlen(name), m = strlen(IMAGES);
    if (strcmp(name, IMAGES) == 0)
        return FV_SPLIT_TRAIN;
    if (!ends_with(name, "_" IMAGES) || n - m - 1 >= sizeof word)
        return -1;
    snprintf(word, sizeof word, "%.*s", (int)(n - m - 1), name);
    return fv_split_parse(word);
}

/* The images of a split; NULL when there are none. The caller's. */
static fv_status find_images(fv_ctx *ctx, const char *path, fv_split split, char **file)
{
    char **names = NULL;
    int64_t count = 0;
    *file = NULL;
    if (!fv_path_is_dir(path)) { /* the one file, of its own split */
        const char *slash = strrchr(path, '/');
        const int own = split_of_name(slash ? slash + 1 : path);
        if ((own < 0 ? FV_SPLIT_TRAIN : own) != (int)split)
            return FV_OK;
        *file = fv_strdup(ctx, path);
        return *file ? FV_OK : FV_ERR_NO_MEMORY;
    }
    FV_TRY(fv_path_list(ctx, path, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && !*file && status == FV_OK; i++) {
        char *try = NULL;
        if (split_of_name(names[i]) == (int)split)
            try = fv_path_join(ctx, path, names[i]);
        else if (fv_split_parse(names[i]) == (int)split && strlen(names[i]) < 32) {
            char inside[64];
            snprintf(inside, sizeof inside, "%s/" IMAGES, names[i]);
            try = fv_path_join(ctx, path, inside);
        } else
            continue;
        status = try ? FV_OK : FV_ERR_NO_MEMORY;
        if (try && fv_path_exists(try))
            *file = try;
        else
            fv_free(ctx, try);
    }
    fv_free(ctx, names);
    return status;
}

/* labels.npy that belongs to images.npy; the caller's. */
static char *labels_of(fv_ctx *ctx, const char *images)
{
    char *path = fv_malloc(ctx, strlen(images) + 1);
    if (!path)
        return NULL;
    const size_t n = strlen(images) - strlen(IMAGES);
    memcpy(path, images, n);
    strcpy(path + n, "labels.npy"); /* as long */
    return path;
}

static fv_status npy_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    if (place->is_file) {
        *yes = ends_with(place->path, IMAGES) && fv_npy_sniff(place->head, place->head_size);
        return FV_OK;
    }
    for (int s = 0; s < FV_SPLIT_COUNT && !*yes; s++) {
        char *file = NULL;
        FV_TRY(find_images(ctx, place->path, (fv_split)s, &file));
        *yes = file != NULL;
        fv_free(ctx, file);
    }
    return FV_OK;
}

static fv_status npy_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    char *file = NULL;
    FV_TRY(find_images(ctx, path, split, &file));
    *has = file != NULL;
    fv_free(ctx, file);
    return FV_OK;
}

/* ---- samples ---- */

static void npy_destroy(fv_source *base)
{
    npy_source *s = (npy_source *)base;
    close_file(&s->images);
    fv_free(base->ctx, s->turned);
    fv_free(base->ctx, (void *)s->checked);
    fv_free(base->ctx, base->labels);
    fv_free(base->ctx, base->targets);
}

static void npy_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s[%lld]", ((const npy_source *)base)->name, (long long)i);
}

static uint64_t npy_key(const fv_source *base, int64_t i)
{
    (void)base;
    return (uint64_t)i;
}

static int64_t npy_bytes(const fv_source *base, int64_t i)
{
    const npy_source *s = (const npy_source *)base;
    (void)i;
    return s->sample * s->images.npy.item_bytes;
}

static fv_status check_finite(npy_source *s, int64_t i, const float *values, fv_image_error *error)
{
    for (int64_t k = 0; k < s->sample; k++) {
        if (!isfinite(values[k]))
            return fv_sample_fail(error, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE, -1,
                                  "%g at row %lld, column %lld, band %lld", (double)values[k],
                                  (long long)(k / s->base.c / s->base.w), (long long)(k / s->base.c % s->base.w),
                                  (long long)(k % s->base.c));
    }
    atomic_store_explicit(&s->checked[i], 1, memory_order_relaxed);
    return FV_OK;
}

/* Brings an array whose first index is fastest into C order: element e of image i is at i + N e', where e' is e with
 * its indices reversed. */
static fv_status turn(npy_source *s, const char *path)
{
    const fv_source *b = &s->base;
    const fv_npy *npy = &s->images.npy;
    const size_t item = (size_t)npy->item_bytes, run = (size_t)b->count * item;
    uint8_t *column = fv_malloc(b->ctx, run);
    s->turned = fv_malloc(b->ctx, (size_t)npy->data_bytes);
    fv_status status = column && s->turned ? FV_OK : FV_ERR_NO_MEMORY;
    int64_t at = (int64_t)npy->data;
    for (int64_t t = 0; t < s->sample && status == FV_OK; t++, at += (int64_t)run) {
        const int64_t y = t % b->h, x = t / b->h % b->w, k = t / b->h / b->w;
        uint8_t *dst = s->turned + (size_t)((y * b->w + x) * b->c + k) * item;
        status = fv_reader_get_all(b->ctx, path, &s->images.reader, at, column, run);
        for (int64_t i = 0; i < b->count && status == FV_OK; i++, dst += (size_t)s->sample * item)
            memcpy(dst, column + (size_t)i * item, item);
    }
    fv_free(b->ctx, column);
    return status;
}

/* Whether elements become pixels as they are. */
static bool is_plain(const npy_source *s)
{
    const fv_npy *npy = &s->images.npy;
    return npy->kind != 'b' && (npy->item_bytes == 1 || !npy->big) && npy->item_bytes == (int)fv_depth_bytes(s->depth);
}

/* Fills image->data, which has room for the pixels. */
static fv_status fill_image(npy_source *s, int64_t i, fv_image *image, fv_image_error *error)
{
    const fv_npy *npy = &s->images.npy;
    fv_ctx *ctx = s->base.ctx;
    const size_t raw = (size_t)(s->sample * npy->item_bytes);
    const int64_t at = (int64_t)npy->data + i * (int64_t)raw;
    if (s->turned) {
        fv_npy_convert(npy, s->turned + (size_t)i * raw, s->sample, image->data);
        return FV_OK;
    }
    if (is_plain(s))
        return fv_sample_get(&s->images.reader, at, image->data, raw, error);
    uint8_t *bytes = fv_malloc(ctx, raw);
    if (!bytes)
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for an image");
    const fv_status status = fv_sample_get(&s->images.reader, at, bytes, raw, error);
    if (status == FV_OK)
        fv_npy_convert(npy, bytes, s->sample, image->data);
    fv_free(ctx, bytes);
    return status;
}

static fv_status npy_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                           fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    npy_source *s = (npy_source *)base;
    (void)options;
    *notes = (fv_decode_notes){.format = "npy", .bad_byte = -1};
    /* Nothing in an array says that a band is opacity. */
    *image = (fv_image){.h = base->h, .w = base->w, .c = base->c, .depth = s->depth, .bands = base->c == 4};
    image->data = fv_malloc(base->ctx, (size_t)s->sample * fv_depth_bytes(s->depth));
    fv_status status = image->data ? fill_image(s, i, image, error)
                                   : fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1,
                                                    "no memory for an "
                                                    "image");
    if (status == FV_OK && s->checked && !atomic_load_explicit(&s->checked[i], memory_order_relaxed))
        status = check_finite(s, i, (const float *)(const void *)image->data, error);
    if (status != FV_OK)
        fv_image_free(base->ctx, image);
    else
        fv_image_answer_whole(request, image);
    return status;
}

static const fv_source_ops npy_ops = {
    .destroy = npy_destroy, .name = npy_name, .key = npy_key, .bytes = npy_bytes, .image = npy_image};

static fv_status load_images(npy_source *s, const char *path)
{
    fv_source *base = &s->base;
    fv_image_error error = {.byte = -1};
    fv_image_job job = {.ctx = base->ctx, .error = &error};
    FV_TRY(open_file(base->ctx, path, &s->images));
    const fv_npy *npy = &s->images.npy;
    if (fv_npy_check_pixels(&job, npy, &s->depth) != FV_OK)
        return fv_fail(base->ctx, FV_ERR_DATA_FORMAT, "%s: %s", path, error.text);
    if (npy->n_dims != 3 && npy->n_dims != 4)
        return fv_fail(base->ctx, FV_ERR_DATA_FORMAT,
                       "%s: an array of %d dimensions, expected (images, height, width) or (images, height, width, "
                       "bands)",
                       path, npy->n_dims);
    if (npy->n_dims == 4 && fv_npy_channels_first(npy->dims + 1))
        return fv_fail_hint(base->ctx,
                            fv_fail(base->ctx, FV_ERR_DATA_FORMAT,
                                    "%s: shape (%lld, %lld, %lld, %lld): images with their channels first, expected "
                                    "(images, height, width, channels)",
                                    path, (long long)npy->dims[0], (long long)npy->dims[1], (long long)npy->dims[2],
                                    (long long)npy->dims[3]),
                            "save x.transpose(0, 2, 3, 1)");
    base->count = npy->dims[0];
    base->h = npy->dims[1];
    base->w = npy->dims[2];
    base->c = npy->n_dims == 4 ? npy->dims[3] : 1;
    if (base->count < 1)
        return fv_fail(base->ctx, FV_ERR_DATA_EMPTY, "%s: the header says 0 images", path);
    if (npy->elements < 1)
        return fv_fail(base->ctx, FV_ERR_DATA_FORMAT, "%s: images of %lld x %lld x %lld", path, (long long)base->h,
                       (long long)base->w, (long long)base->c);
    s->sample = npy->elements / base->count;
    base->stored = true;
    if (npy->fortran)
        FV_TRY(turn(s, path));
    const char *slash = strrchr(path, '/');
    s->name = fv_arena_strdup(base->arena, slash ? slash + 1 : path);
    if (s->depth == FV_DEPTH_F32 && !(s->checked = fv_calloc(base->ctx, (size_t)base->count, sizeof *s->checked)))
        return FV_ERR_NO_MEMORY;
    return s->name ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- labels ---- */

/* The array of labels, its elements in memory. */
typedef struct label_file {
    npy_file file;
    uint8_t *data;
} label_file;

static void close_labels(fv_ctx *ctx, label_file *f)
{
    close_file(&f->file);
    fv_free(ctx, f->data);
    f->data = NULL;
}

static fv_status open_labels(fv_ctx *ctx, const char *path, label_file *f)
{
    *f = (label_file){0};
    FV_TRY(open_file(ctx, path, &f->file));
    const fv_npy *npy = &f->file.npy;
    f->data = fv_malloc(ctx, (size_t)npy->data_bytes + 1);
    const fv_status status =
        f->data ? fv_reader_get_all(ctx, path, &f->file.reader, (int64_t)npy->data, f->data, (size_t)npy->data_bytes)
                : FV_ERR_NO_MEMORY;
    if (status != FV_OK)
        close_labels(ctx, f);
    return status;
}

/* Element e in C order of an (N) or (N, K) array. */
static double value_at(const label_file *f, int64_t e)
{
    const fv_npy *npy = &f->file.npy;
    if (npy->fortran && npy->n_dims == 2)
        e = e / npy->dims[1] + e % npy->dims[1] * npy->dims[0];
    const uint8_t *p = f->data + (size_t)e * (size_t)npy->item_bytes;
    if (npy->kind == 'f') {
        float value = 0.0f;
        fv_npy_convert(npy, p, 1, &value);
        return (double)value;
    }
    uint64_t v = 0;
    for (int i = 0; i < npy->item_bytes; i++)
        v |= (uint64_t)p[i] << (8 * (npy->big ? npy->item_bytes - 1 - i : i));
    const int unused = 64 - 8 * npy->item_bytes;
    return npy->kind == 'i' ? (double)((int64_t)(v << unused) >> unused) : (double)v;
}

/* (N, 1) integers, as some tools save their classes, are (N); sets of classes keep their column. */
static void drop_column(label_file *f, fv_task kind)
{
    fv_npy *npy = &f->file.npy;
    if (kind != FV_TASK_MULTILABEL && npy->kind != 'f' && npy->n_dims == 2 && npy->dims[1] == 1)
        npy->n_dims = 1;
}

/* What labels of that form are. */
static fv_task guess_kind(const label_file *f)
{
    if (f->file.npy.kind == 'f')
        return FV_TASK_REGRESS;
    if (f->file.npy.n_dims == 1)
        return FV_TASK_CLASSIFY;
    for (int64_t e = 0; e < f->file.npy.elements; e++) {
        const double v = value_at(f, e);
        if (v != 0.0 && v != 1.0)
            return FV_TASK_REGRESS;
    }
    return FV_TASK_MULTILABEL;
}

static fv_status check_labels(fv_ctx *ctx, const char *path, const label_file *f, int64_t count, fv_task kind)
{
    const fv_npy *npy = &f->file.npy;
    const bool integer = npy->kind != 'f';
    if (npy->n_dims < 1 || npy->n_dims > 2 || (npy->n_dims == 2 && npy->dims[1] < 1))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: an array of %d dimensions, expected (images) or (images, numbers)",
                       path, npy->n_dims);
    if (count >= 0 && npy->dims[0] != count)
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: %lld labels, but there are %lld images", path,
                       (long long)npy->dims[0], (long long)count);
    if ((kind == FV_TASK_CLASSIFY && (npy->n_dims != 1 || !integer)) ||
        (kind == FV_TASK_MULTILABEL && npy->n_dims != 2))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: %d-dimensional %s cannot be %s", path, npy->n_dims,
                       integer ? "integers" : "floats",
                       kind == FV_TASK_CLASSIFY ? "classes: expected one integer per image"
                                                : "sets of classes: expected 0 or 1 for every image and class");
    for (int64_t e = 0; e < npy->elements; e++) {
        const double v = value_at(f, e);
        const char *want = kind == FV_TASK_CLASSIFY ? v < 0 || v >= FV_CLASSES_MAX ? "a class, 0 to 1,048,575" : NULL
                           : kind == FV_TASK_MULTILABEL ? v != 0.0 && v != 1.0 ? "0 or 1" : NULL
                           : isfinite(v)                ? NULL
                                                        : "a finite number";
        if (want)
            return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: element %lld is %g, expected %s", path, (long long)e, v, want);
    }
    return FV_OK;
}

/* How many classes the labels speak of. */
static int64_t classes_in(const label_file *f)
{
    int64_t classes = f->data && f->file.npy.n_dims == 2 ? f->file.npy.dims[1] : 0;
    for (int64_t e = 0; f->data && f->file.npy.n_dims == 1 && e < f->file.npy.elements; e++) {
        const double v = value_at(f, e);
        classes = v >= (double)classes && v < FV_CLASSES_MAX ? (int64_t)v + 1 : classes;
    }
    return classes;
}

/* The same of a split's: 0 when there is no such split. */
static fv_status count_classes(fv_ctx *ctx, const char *path, fv_split split, fv_task kind, int64_t *classes)
{
    char *images = NULL, *labels = NULL;
    label_file f = {0};
    *classes = 0;
    FV_TRY(find_images(ctx, path, split, &images));
    fv_status status = FV_OK;
    if (images && !(labels = labels_of(ctx, images)))
        status = FV_ERR_NO_MEMORY;
    if (labels && fv_path_exists(labels))
        status = open_labels(ctx, labels, &f);
    if (status == FV_OK) {
        drop_column(&f, kind);
        *classes = classes_in(&f);
    }
    close_labels(ctx, &f);
    fv_free(ctx, images);
    fv_free(ctx, labels);
    return status;
}

static fv_status take_labels(npy_source *s, const label_file *f)
{
    fv_source *base = &s->base;
    const int64_t k = f->file.npy.n_dims == 2 ? f->file.npy.dims[1] : 1;
    base->labels = fv_calloc(base->ctx, (size_t)base->count, sizeof *base->labels);
    if (!base->labels)
        return FV_ERR_NO_MEMORY;
    if (base->kind == FV_TASK_CLASSIFY) {
        for (int64_t i = 0; i < base->count; i++)
            base->labels[i] = (int32_t)value_at(f, i);
        return FV_OK;
    }
    base->targets = fv_malloc(base->ctx, (size_t)f->file.npy.elements * sizeof *base->targets);
    if (!base->targets)
        return FV_ERR_NO_MEMORY;
    for (int64_t e = 0; e < f->file.npy.elements; e++)
        base->targets[e] = (float)value_at(f, e);
    for (int64_t i = 0; base->kind == FV_TASK_MULTILABEL && i < base->count; i++) {
        int64_t first = 0;
        while (first < k && base->targets[i * k + first] == 0.0f)
            first++;
        base->labels[i] = first < k ? (int32_t)first : 0;
    }
    return FV_OK;
}

static fv_status load_classes(npy_source *s, const char *path, fv_split split, const label_file *f)
{
    fv_source *base = &s->base;
    int64_t classes = classes_in(f), train = 0; /* of what is at hand: the files may be others by now */
    if (split != FV_SPLIT_TRAIN)
        FV_TRY(count_classes(base->ctx, path, FV_SPLIT_TRAIN, base->kind, &train));
    classes = train > classes && f->file.npy.n_dims == 1 ? train : classes;
    if (base->kind == FV_TASK_REGRESS) {
        const int64_t k = f->file.npy.n_dims == 2 ? f->file.npy.dims[1] : 1;
        const char **names = fv_arena_alloc(base->arena, (size_t)(k + 1) * sizeof *names);
        for (int64_t i = 0; names && i < k; i++) {
            names[i] = fv_arena_printf(base->arena, "target%lld", (long long)i);
            if (!names[i])
                return FV_ERR_NO_MEMORY;
        }
        base->classes = base->train = (fv_names){names, k};
        return names ? FV_OK : FV_ERR_NO_MEMORY;
    }
    char *file = fv_path_is_dir(path) ? fv_path_join(base->ctx, path, "classes.txt") : fv_strdup(base->ctx, "");
    if (!file)
        return FV_ERR_NO_MEMORY;
    fv_status status = file[0] && fv_path_exists(file) ? fv_names_read(base->arena, base->ctx, file, &base->train)
                                                       : fv_names_numbers(base->arena, classes, &base->train);
    const bool fits = f->file.npy.n_dims == 2 ? base->train.count == classes : base->train.count >= classes;
    if (status == FV_OK && !fits)
        status = fv_fail(base->ctx, FV_ERR_DATA_CLASSES, "%s: %lld names, but the labels have %lld classes", file,
                         (long long)base->train.count, (long long)classes);
    base->classes = base->train;
    fv_free(base->ctx, file);
    return status;
}

static fv_status load_labels(npy_source *s, const char *path, const char *images, fv_split split, const char *task)
{
    fv_source *base = &s->base;
    label_file f = {0};
    char *labels = labels_of(base->ctx, images);
    if (!labels)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    if (!fv_path_exists(labels))
        status =
            fv_fail_hint(base->ctx, fv_fail(base->ctx, FV_ERR_DATA, "%s: no labels.npy beside it (%s)", images, labels),
                         "expected an array of one label per image, or of one row per image");
    if (status == FV_OK)
        status = open_labels(base->ctx, labels, &f);
    if (status == FV_OK)
        status = fv_task_parse(base->ctx, task, &base->kind);
    drop_column(&f, base->kind);
    if (status == FV_OK && base->kind == FV_TASK_COUNT)
        base->kind = guess_kind(&f);
    if (status == FV_OK)
        status = check_labels(base->ctx, labels, &f, base->count, base->kind);
    if (status == FV_OK)
        status = load_classes(s, path, split, &f);
    if (status == FV_OK)
        status = take_labels(s, &f);
    close_labels(base->ctx, &f);
    fv_free(base->ctx, labels);
    return status;
}

static fv_status npy_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                          fv_source **source)
{
    npy_source *s = (npy_source *)fv_source_new(ctx, sizeof *s, &npy_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    char *images = NULL;
    fv_status status = find_images(ctx, path, split, &images);
    if (status == FV_OK && !images)
        status = fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no images.npy of split '%s'", path, fv_split_name(split));
    if (status == FV_OK)
        status = load_images(s, images);
    if (status == FV_OK)
        status = load_labels(s, path, images, split, options->task);
    fv_free(ctx, images);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_npy = {.name = "npy", .probe = npy_probe, .has_split = npy_has_split, .open = npy_open};
