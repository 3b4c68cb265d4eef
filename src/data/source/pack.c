/* SPDX-License-Identifier: Apache-2.0 */
/* The packed file (data/pack/format.h): the tables in memory, records read when they are asked for, each checked when
 * first used. Not mapped: a file that is cut short while it is in use must not end the program. Small pixels are all
 * read at once. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "data/pack/format.h"

/* Where records are that small a system call for each costs more than its bytes; they are kept in memory then, as long
 * as all of them take but a part of what the process may use. */
#define SMALL_RECORD ((int64_t)4096)
#define KEPT_BYTES   ((int64_t)1 << 30)
#define KEPT_PART    8
/* Bytes that are read and checked at a time, while they are in the cache. */
#define RUN_BYTES ((int64_t)256 << 10)

/* What is known of a record. */
enum { UNKNOWN, GOOD, BAD };

/* An open file, its outer parts checked. */
typedef struct pack_file {
    fv_reader reader;
    uint8_t *tables; /* from the index to the footer */
    const uint8_t *index, *names, *classes, *targets;
    int64_t count, index_at, names_size, classes_size, n_classes;
    int64_t split_first[FV_SPLIT_COUNT + 1];
    fv_task kind;
    uint32_t flags;
    int64_t h, w, c;
    fv_depth depth;
} pack_file;

typedef struct pack_source {
    fv_source base;
    pack_file file;
    int64_t first; /* record of sample 0 */
    _Atomic uint8_t *known;
    uint8_t *pixels; /* of all records, where they are small and sound; else NULL */
} pack_source;

/* ---- opening ---- */

static fv_status fail_cut(fv_ctx *ctx, const char *path, int64_t size)
{
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA_TRUNCATED,
                                "%s: truncated at byte %lld: the end of a packed file is not there", path,
                                (long long)size),
                        "copy the file again, or pack the data again");
}

static fv_status check_header(fv_ctx *ctx, const char *path, pack_file *f)
{
    const int64_t size = f->reader.size;
    uint8_t p[FV_PACK_HEADER] = {0};
    FV_TRY(fv_reader_get_all(ctx, path, &f->reader, 0, p, size < FV_PACK_HEADER ? (size_t)size : sizeof p));
    if (size < 12 || memcmp(p, FV_PACK_MAGIC, 8) != 0)
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte 0: no packed file: its first bytes are others", path);
    const uint32_t version = (uint32_t)fv_pack_get(p + FV_PACK_H_VERSION, 4);
    if (version != FV_PACK_VERSION)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_DATA_FORMAT,
                                    "%s: byte 8: a packed file of version %u, this program reads version %u", path,
                                    version, FV_PACK_VERSION),
                            "pack the data again with this program, or use the one that wrote it");
    if (size < FV_PACK_HEADER + FV_PACK_FOOTER)
        return fail_cut(ctx, path, size);
    if (fv_pack_get(p + FV_PACK_H_CRC, 4) != fv_crc32c(p, FV_PACK_H_CRC))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte 0: the header's checksum is wrong", path);
    return FV_OK;
}

static fv_status fail_tables(fv_ctx *ctx, const char *path, int64_t byte, const char *what)
{
    return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte %lld: %s", path, (long long)byte, what);
}

static fv_status check_footer(fv_ctx *ctx, const char *path, pack_file *f)
{
    const int64_t size = f->reader.size, at = size - FV_PACK_FOOTER;
    uint8_t p[FV_PACK_FOOTER];
    FV_TRY(fv_reader_get_all(ctx, path, &f->reader, at, p, sizeof p));
    if (memcmp(p, FV_PACK_END, 8) != 0 || (int64_t)fv_pack_get(p + FV_PACK_F_FILE_SIZE, 8) != size)
        return fail_cut(ctx, path, size);
    if (fv_pack_get(p + FV_PACK_F_CRC, 4) != fv_crc32c(p, FV_PACK_F_CRC))
        return fail_tables(ctx, path, at, "the footer's checksum is wrong");
    const uint64_t count = fv_pack_get(p + FV_PACK_F_COUNT, 8), index = fv_pack_get(p + FV_PACK_F_INDEX, 8),
                   names = fv_pack_get(p + FV_PACK_F_NAMES, 8), classes = fv_pack_get(p + FV_PACK_F_CLASSES, 8),
                   targets = fv_pack_get(p + FV_PACK_F_TARGETS, 8);
    f->n_classes = (int64_t)fv_pack_get(p + FV_PACK_F_N_CLASSES, 4);
    f->kind = (fv_task)fv_pack_get(p + FV_PACK_F_KIND, 4);
    const uint64_t numbers = f->kind == FV_TASK_CLASSIFY ? 0 : count * (uint64_t)f->n_classes;
    if (count < 1 || count > (uint64_t)size / FV_PACK_ENTRY || index < (uint64_t)FV_PACK_HEADER || index > names ||
        names - index != count * FV_PACK_ENTRY || names > classes || classes > targets || targets > (uint64_t)at ||
        (uint64_t)at - targets != numbers * 4 || f->kind >= FV_TASK_COUNT || f->n_classes < 1)
        return fail_tables(ctx, path, at, "the footer contradicts itself");
    const size_t tables = (size_t)((uint64_t)at - index);
    if (!(f->tables = fv_malloc(ctx, tables)))
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_reader_get_all(ctx, path, &f->reader, (int64_t)index, f->tables, tables));
    if (fv_pack_get(p + FV_PACK_F_TABLES_CRC, 4) != fv_crc32c(f->tables, tables))
        return fail_tables(ctx, path, (int64_t)index, "the checksum of the tables is wrong");
    f->flags = (uint32_t)fv_pack_get(p + FV_PACK_F_FLAGS, 4);
    f->h = (int64_t)fv_pack_get(p + FV_PACK_F_H, 4);
    f->w = (int64_t)fv_pack_get(p + FV_PACK_F_W, 4);
    f->c = (int64_t)fv_pack_get(p + FV_PACK_F_C, 4);
    f->depth = (fv_depth)fv_pack_get(p + FV_PACK_F_DEPTH, 4);
    f->count = (int64_t)count;
    f->index_at = (int64_t)index;
    f->index = f->tables;
    f->names = f->tables + (names - index);
    f->names_size = (int64_t)(classes - names);
    f->classes = f->tables + (classes - index);
    f->classes_size = (int64_t)(targets - classes);
    f->targets = f->tables + (targets - index);
    for (int s = 0; s < FV_SPLIT_COUNT; s++) {
        const uint64_t n = fv_pack_get(p + FV_PACK_F_SPLITS + 8 * s, 8);
        if (n > count)
            return fail_tables(ctx, path, at, "more records in a split than in all");
        f->split_first[s + 1] = f->split_first[s] + (int64_t)n;
    }
    return f->split_first[FV_SPLIT_COUNT] == f->count ? FV_OK
                                                      : fail_tables(ctx, path, at, "the splits are not all records");
}

static const uint8_t *entry_of(const pack_file *f, int64_t record)
{
    return f->index + record * FV_PACK_ENTRY;
}

/* Every entry speaks of bytes that are there, so that nothing needs to be checked later. */
static fv_status check_entries(fv_ctx *ctx, const char *path, const pack_file *f)
{
    if (f->names_size < 1 || f->names[f->names_size - 1] != 0)
        return fail_tables(ctx, path, f->index_at, "the names do not end");
    for (int64_t i = 0; i < f->count; i++) {
        const uint8_t *e = entry_of(f, i);
        const uint64_t offset = fv_pack_get(e + FV_PACK_E_OFFSET, 8), size = fv_pack_get(e + FV_PACK_E_SIZE, 8);
        const int64_t h = (int64_t)fv_pack_get(e + FV_PACK_E_H, 4), w = (int64_t)fv_pack_get(e + FV_PACK_E_W, 4),
                      c = (int64_t)fv_pack_get(e + FV_PACK_E_C, 2);
        const int kind = e[FV_PACK_E_KIND], depth = e[FV_PACK_E_DEPTH] & ~FV_PACK_BANDS;
        int64_t bytes = 0;
        bool good = offset >= (uint64_t)FV_PACK_HEADER && offset <= (uint64_t)f->index_at &&
                    size <= (uint64_t)f->index_at - offset && kind <= FV_PACK_FILE &&
                    fv_pack_get(e + FV_PACK_E_LABEL, 4) < (uint64_t)f->n_classes &&
                    fv_pack_get(e + FV_PACK_E_NAME, 8) < (uint64_t)f->names_size;
        if (good && kind == FV_PACK_PIXELS)
            good = h > 0 && w > 0 && c > 0 && depth < FV_DEPTH_COUNT && fv_size_mul(h, w, &bytes) &&
                   fv_size_mul(bytes, c * (int64_t)fv_depth_bytes((fv_depth)depth), &bytes) &&
                   (uint64_t)bytes == size && offset % fv_depth_bytes((fv_depth)depth) == 0;
        if (good && (f->flags & FV_PACK_UNIFORM))
            good = kind == FV_PACK_PIXELS && h == f->h && w == f->w && c == f->c && depth == (int)f->depth;
        if (!good)
            return fail_tables(ctx, path, f->index_at + i * FV_PACK_ENTRY,
                               "an entry of the index contradicts the file");
    }
    return FV_OK;
}

static void close_file(fv_ctx *ctx, pack_file *f)
{
    fv_reader_close(&f->reader);
    fv_free(ctx, f->tables);
    f->tables = NULL;
}

static fv_status open_file(fv_ctx *ctx, const char *path, pack_file *f)
{
    *f = (pack_file){0};
    FV_TRY(fv_reader_open(ctx, path, &f->reader));
    fv_status status = check_header(ctx, path, f);
    if (status == FV_OK)
        status = check_footer(ctx, path, f);
    if (status != FV_OK)
        close_file(ctx, f);
    return status;
}

static fv_status pack_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    (void)ctx;
    *yes = place->is_file && place->head_size >= 8 && memcmp(place->head, FV_PACK_MAGIC, 8) == 0;
    return FV_OK;
}

static fv_status pack_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    pack_file f;
    FV_TRY(open_file(ctx, path, &f));
    *has = f.split_first[split + 1] > f.split_first[split];
    close_file(ctx, &f);
    return FV_OK;
}

/* ---- samples ---- */

static void pack_destroy(fv_source *base)
{
    pack_source *s = (pack_source *)base;
    close_file(base->ctx, &s->file);
    fv_free(base->ctx, s->pixels);
    fv_free(base->ctx, (void *)s->known);
    fv_free(base->ctx, base->labels);
    fv_free(base->ctx, base->targets);
    fv_free(base->ctx, base->weights);
    fv_free(base->ctx, base->groups);
}

static const uint8_t *entry(const fv_source *base, int64_t i)
{
    const pack_source *s = (const pack_source *)base;
    return entry_of(&s->file, s->first + i);
}

static void pack_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    const pack_source *s = (const pack_source *)base;
    snprintf(text, size, "%s", (const char *)s->file.names + fv_pack_get(entry(base, i) + FV_PACK_E_NAME, 8));
}

static uint64_t pack_key(const fv_source *base, int64_t i)
{
    return fv_pack_get(entry(base, i) + FV_PACK_E_KEY, 8);
}

static int64_t pack_bytes(const fv_source *base, int64_t i)
{
    return (int64_t)fv_pack_get(entry(base, i) + FV_PACK_E_SIZE, 8);
}

static uint32_t pack_crc(const fv_source *base, int64_t i)
{
    return (uint32_t)fv_pack_get(entry(base, i) + FV_PACK_E_CRC, 4);
}

/* Reads a record, and checks its sum the first time; *data is the caller's. */
static fv_status pack_record(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    pack_source *s = (pack_source *)base;
    const uint8_t *e = entry(base, i);
    const int64_t offset = (int64_t)fv_pack_get(e + FV_PACK_E_OFFSET, 8);
    uint8_t known = atomic_load_explicit(&s->known[i], memory_order_relaxed);
    fv_status status = FV_OK;
    *size = pack_bytes(base, i);
    *data = known == BAD ? NULL : fv_malloc(base->ctx, (size_t)*size + 1);
    if (known != BAD && !*data)
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for a record");
    if (*data)
        status = fv_sample_get(&s->file.reader, offset, *data, (size_t)*size, error);
    if (status == FV_OK && known == UNKNOWN) {
        known = fv_crc32c(*data, (size_t)*size) == pack_crc(base, i) ? GOOD : BAD;
        atomic_store_explicit(&s->known[i], known, memory_order_relaxed);
    }
    if (status == FV_OK && known == BAD)
        status = fv_sample_fail(error, FV_ERR_DATA_FORMAT, FV_FAULT_PACK, offset,
                                "record %lld at byte %lld of the packed file: its checksum is wrong",
                                (long long)(s->first + i), (long long)offset);
    if (status != FV_OK) {
        fv_free(base->ctx, *data);
        *data = NULL;
        *size = 0;
    }
    return status;
}

static fv_status pack_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                            fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    const uint8_t *e = entry(base, i);
    uint8_t *data = NULL;
    int64_t size = 0;
    *image = (fv_image){0};
    FV_TRY(pack_record(base, i, &data, &size, error));
    if (e[FV_PACK_E_KIND] != FV_PACK_PIXELS) {
        const fv_status status =
            fv_image_decode_quiet(base->ctx, data, (size_t)size, options, request, image, notes, error);
        fv_free(base->ctx, data);
        return status;
    }
    *notes = (fv_decode_notes){.bad_byte = -1};
    *image = (fv_image){.data = data,
                        .h = (int64_t)fv_pack_get(e + FV_PACK_E_H, 4),
                        .w = (int64_t)fv_pack_get(e + FV_PACK_E_W, 4),
                        .c = (int64_t)fv_pack_get(e + FV_PACK_E_C, 2),
                        .depth = (fv_depth)(e[FV_PACK_E_DEPTH] & ~FV_PACK_BANDS),
                        .bands = (e[FV_PACK_E_DEPTH] & FV_PACK_BANDS) != 0};
    fv_image_answer_whole(request, image);
    return FV_OK;
}

static fv_status pack_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    *data = NULL;
    *size = 0;
    if (entry(base, i)[FV_PACK_E_KIND] == FV_PACK_PIXELS)
        return fv_sample_fail(error, FV_ERR_UNSUPPORTED, FV_FAULT_NONE, -1, "pixels, not an image file");
    return pack_record(base, i, data, size, error);
}

static const fv_source_ops pixel_ops = {.destroy = pack_destroy,
                                        .name = pack_name,
                                        .key = pack_key,
                                        .bytes = pack_bytes,
                                        .crc = pack_crc,
                                        .image = pack_image};
static const fv_source_ops file_ops = {.destroy = pack_destroy,
                                       .name = pack_name,
                                       .key = pack_key,
                                       .bytes = pack_bytes,
                                       .crc = pack_crc,
                                       .image = pack_image,
                                       .read = pack_read};

/* ---- the source ---- */

static fv_status load_classes(pack_source *s, const char *path)
{
    const pack_file *f = &s->file;
    fv_source *base = &s->base;
    const char **names = f->n_classes <= f->classes_size
                             ? fv_arena_alloc(base->arena, (size_t)(f->n_classes + 1) * sizeof *names)
                             : NULL;
    int64_t at = 0;
    if (f->n_classes > f->classes_size || f->classes[f->classes_size - 1] != 0)
        return fail_tables(base->ctx, path, f->index_at, "the class names do not end");
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 0; k < f->n_classes; k++) {
        if (at >= f->classes_size)
            return fail_tables(base->ctx, path, f->index_at, "fewer class names than classes");
        names[k] = (const char *)f->classes + at;
        at += (int64_t)strlen(names[k]) + 1;
    }
    base->classes = base->train = (fv_names){names, f->n_classes};
    return FV_OK;
}

static fv_status load_labels(pack_source *s)
{
    const pack_file *f = &s->file;
    fv_source *base = &s->base;
    fv_ctx *ctx = base->ctx;
    const size_t n = (size_t)base->count;
    const int64_t numbers = f->kind == FV_TASK_CLASSIFY ? 0 : base->count * f->n_classes; /* are in the file */
    s->known = fv_calloc(ctx, n, sizeof *s->known);
    base->labels = fv_malloc(ctx, n * sizeof *base->labels);
    base->targets = numbers ? fv_malloc(ctx, (size_t)numbers * sizeof *base->targets) : NULL;
    base->weights = f->flags & FV_PACK_WEIGHTS ? fv_malloc(ctx, n * sizeof *base->weights) : NULL;
    base->groups = f->flags & FV_PACK_GROUPS ? fv_malloc(ctx, n * sizeof *base->groups) : NULL;
    if (!s->known || !base->labels || (numbers && !base->targets) || (f->flags & FV_PACK_WEIGHTS && !base->weights) ||
        (f->flags & FV_PACK_GROUPS && !base->groups))
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < base->count; i++) {
        const uint8_t *e = entry(base, i);
        base->labels[i] = (int32_t)fv_pack_get(e + FV_PACK_E_LABEL, 4);
        if (base->weights)
            base->weights[i] = fv_pack_float(e + FV_PACK_E_WEIGHT);
        if (base->groups)
            base->groups[i] = fv_pack_get(e + FV_PACK_E_GROUP, 8);
    }
    for (int64_t k = 0; k < numbers; k++)
        base->targets[k] = fv_pack_float(f->targets + (s->first * f->n_classes + k) * 4);
    return FV_OK;
}

static fv_status check_numbers(const pack_source *s, const char *path)
{
    const fv_source *base = &s->base;
    bool good = true;
    for (int64_t k = 0; base->targets && k < base->count * base->classes.count; k++)
        good = good && isfinite(base->targets[k]);
    for (int64_t i = 0; base->weights && i < base->count; i++)
        good = good && base->weights[i] >= 0.0f && isfinite(base->weights[i]);
    return good ? FV_OK : fail_tables(base->ctx, path, s->file.index_at, "a weight or target is no finite number");
}

/* Whether the records are small pixels of one size that follow each other. */
static bool can_be_kept(const pack_source *s)
{
    const fv_source *base = &s->base;
    const pack_file *f = &s->file;
    const int64_t size = pack_bytes(base, 0), first = (int64_t)fv_pack_get(entry(base, 0) + FV_PACK_E_OFFSET, 8);
    const int64_t part = fv_ctx_memory_limit(base->ctx) / KEPT_PART, most = part < KEPT_BYTES ? part : KEPT_BYTES;
    if (!(f->flags & FV_PACK_UNIFORM) || f->depth != FV_DEPTH_8 || size > SMALL_RECORD || base->count > most / size)
        return false;
    for (int64_t i = 1; i < base->count; i++) {
        if ((int64_t)fv_pack_get(entry(base, i) + FV_PACK_E_OFFSET, 8) != first + i * size)
            return false;
    }
    return true;
}

/* Reads and checks the records; with one that is damaged, none is kept: each is then judged when it is asked for. */
static fv_status keep_pixels(pack_source *s)
{
    fv_source *base = &s->base;
    const int64_t size = pack_bytes(base, 0), first = (int64_t)fv_pack_get(entry(base, 0) + FV_PACK_E_OFFSET, 8);
    const int64_t run = RUN_BYTES / size;
    uint32_t *crc = fv_malloc(base->ctx, (size_t)run * sizeof *crc);
    bool good = true;
    s->pixels = fv_malloc(base->ctx, (size_t)(base->count * size));
    if (!crc || !s->pixels) {
        fv_free(base->ctx, crc);
        return FV_ERR_NO_MEMORY;
    }
    for (int64_t i = 0; i < base->count && good; i += run) {
        const int64_t n = base->count - i < run ? base->count - i : run;
        size_t got = 0;
        good = fv_reader_get(&s->file.reader, first + i * size, s->pixels + i * size, (size_t)(n * size), &got) == 0 &&
               got == (size_t)(n * size);
        if (good)
            fv_crc32c_each(s->pixels + i * size, (size_t)size, (size_t)n, crc);
        for (int64_t k = 0; k < n && good; k++)
            good = crc[k] == fv_pack_get(entry(base, i + k) + FV_PACK_E_CRC, 4);
    }
    fv_free(base->ctx, crc);
    if (!good) {
        fv_free(base->ctx, s->pixels);
        s->pixels = NULL;
    }
    base->pixels = s->pixels;
    base->bands = (entry(base, 0)[FV_PACK_E_DEPTH] & FV_PACK_BANDS) != 0; /* uniform: of all */
    return FV_OK;
}

static fv_status fill(pack_source *s, const char *path, fv_split split)
{
    fv_source *base = &s->base;
    pack_file *f = &s->file;
    FV_TRY(open_file(base->ctx, path, f));
    FV_TRY(check_entries(base->ctx, path, f));
    s->first = f->split_first[split];
    base->count = f->split_first[split + 1] - s->first;
    if (base->count == 0)
        return fv_fail(base->ctx, FV_ERR_NOT_FOUND, "%s: no records of split '%s'", path, fv_split_name(split));
    base->kind = f->kind;
    bool pixels = true;
    for (int64_t i = 0; i < base->count; i++)
        pixels = pixels && entry(base, i)[FV_PACK_E_KIND] == FV_PACK_PIXELS;
    base->ops = pixels ? &pixel_ops : &file_ops;
    base->stored = pixels;
    base->c = f->flags & FV_PACK_UNIFORM ? f->c : 3;
    if (f->flags & FV_PACK_UNIFORM) {
        base->h = f->h;
        base->w = f->w;
    }
    FV_TRY(load_classes(s, path));
    FV_TRY(load_labels(s));
    FV_TRY(check_numbers(s, path));
    return can_be_kept(s) ? keep_pixels(s) : FV_OK;
}

static fv_status pack_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                           fv_source **source)
{
    (void)options;
    pack_source *s = (pack_source *)fv_source_new(ctx, sizeof *s, &file_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    const fv_status status = fill(s, path, split);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_pack = {
    .name = "pack", .probe = pack_probe, .has_split = pack_has_split, .open = pack_open};
