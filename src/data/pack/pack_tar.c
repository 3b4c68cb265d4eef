/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing WebDataset shards: OUTPUT/SPLIT-000000.tar with NNNNNNNNN.jpg (whatever the file is), NNNNNNNNN.cls (the
 * class index) and NNNNNNNNN.json (where the sample came from, its key, weight, group, and labels that are not one
 * class); pixels as NNNNNNNNN.npy. OUTPUT/classes.txt names the classes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "data/pack/format.h"
#include "data/pack/pack.h"
#include "data/source/tar_scan.h"

typedef struct shard_sink {
    fv_packer *packer;
    fv_ctx *ctx;
    const char *output;
    fv_writer *writer; /* of the shard being written; NULL: none */
    fv_split split;
    int64_t shard_bytes;            /* so far */
    int64_t shards[FV_SPLIT_COUNT]; /* begun of each split: the number of its next one */
    fv_pack_report *report;
} shard_sink;

static fv_status end_shard(shard_sink *s)
{
    static const uint8_t zeros[1024];
    if (!s->writer)
        return FV_OK;
    fv_status status = fv_writer_put(s->writer, zeros, sizeof zeros);
    if (status == FV_OK)
        status = fv_writer_commit(&s->writer);
    else
        fv_writer_abort(&s->writer);
    s->report->bytes += s->shard_bytes + (int64_t)sizeof zeros;
    s->report->files++;
    s->shard_bytes = 0;
    return status;
}

/* The caller frees. */
static char *shard_path(shard_sink *s, fv_split split, int64_t number)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%06" PRId64 ".tar", fv_split_name(split), number);
    return fv_path_join(s->ctx, s->output, name);
}

/* Some shards of a data set would pass for all of it. */
static void remove_shards(shard_sink *s)
{
    for (int k = 0; k < FV_SPLIT_COUNT; k++)
        for (int64_t i = 0; i < s->shards[k]; i++) {
            char *path = shard_path(s, (fv_split)k, i);
            if (path)
                (void)remove(path);
            fv_free(s->ctx, path);
        }
}

static fv_status begin_shard(shard_sink *s, fv_split split)
{
    s->split = split;
    char *path = shard_path(s, split, s->shards[split]);
    if (!path)
        return FV_ERR_NO_MEMORY;
    s->shards[split]++;
    const fv_status status = fv_writer_open(s->ctx, path, &s->writer);
    fv_free(s->ctx, path);
    return status;
}

/* One member, its data in up to two parts. */
static fv_status put_member(shard_sink *s, const char *name, const void *a, size_t n, const void *b, size_t m)
{
    static const uint8_t zeros[512];
    uint8_t header[512];
    if (!fv_tar_header(header, name, (int64_t)(n + m), '0'))
        return fv_fail(s->ctx, FV_ERR_DATA_TOO_LARGE, "%s: %zu bytes: more than a member of a shard can be", name,
                       n + m);
    const size_t gap = (512 - (n + m) % 512) % 512;
    FV_TRY(fv_writer_put(s->writer, header, sizeof header));
    FV_TRY(fv_writer_put(s->writer, a, n));
    if (m > 0)
        FV_TRY(fv_writer_put(s->writer, b, m));
    s->shard_bytes += 512 + (int64_t)(n + m + gap);
    return gap ? fv_writer_put(s->writer, zeros, gap) : FV_OK;
}

/* The header of an NPY file of these pixels: 128 bytes. */
static void npy_header(const fv_pack_item *item, char header[128])
{
    static const char *const types[FV_DEPTH_COUNT] = {"|u1", "<u2", "<f4"};
    memset(header, ' ', 128);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int n = snprintf(header + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%lld, %lld, %lld), }",
                           types[item->depth], (long long)item->h, (long long)item->w, (long long)item->c);
    header[10 + n] = ' ';
    header[127] = '\n';
}

enum { EXTENSION = 16 };

/* What the image's member is called behind the dot. */
static const char *extension_of(const fv_pack_item *item, char word[EXTENSION])
{
    if (item->kind == FV_PACK_PIXELS)
        return "npy";
    const fv_image_format *format = fv_image_sniff(item->data, (size_t)item->size);
    if (!format)
        snprintf(word, EXTENSION, "jpg"); /* content that no decoder knows: it will be told when it is read */
    else
        snprintf(word, EXTENSION, "%.*s", (int)strcspn(format->extensions + 1, " "), format->extensions + 1);
    return word;
}

static void describe(const fv_pack_item *item, fv_str *text)
{
    const fv_dataset *d = item->dataset;
    const float *targets = fv_dataset_targets(d, item->sample);
    char name[4200], group[32], key[32];
    fv_json j = {.out = text};
    fv_dataset_sample_name(d, item->sample, name, sizeof name);
    fv_json_begin_object(&j);
    fv_json_key(&j, "path");
    fv_json_string(&j, name);
    snprintf(key, sizeof key, "%016" PRIx64, d->source->ops->key(d->source, d->index[item->sample]));
    fv_json_key(&j, "key");
    fv_json_string(&j, key);
    if (!targets) {
        fv_json_key(&j, "label");
        fv_json_string(&j, fv_dataset_class_name(d, fv_dataset_label(d, item->sample)));
    } else {
        fv_json_key(&j, "label");
        fv_json_begin_array(&j);
        for (int64_t k = 0; k < d->classes.count; k++) {
            if (d->source->kind == FV_TASK_REGRESS)
                fv_json_float(&j, targets[k]);
            else if (targets[k] != 0.0f)
                fv_json_string(&j, d->classes.name[k]);
        }
        fv_json_end_array(&j);
    }
    if (d->weights) {
        fv_json_key(&j, "weight");
        fv_json_float(&j, d->weights[item->sample]);
    }
    if (d->groups && d->groups[item->sample]) {
        snprintf(group, sizeof group, "%016" PRIx64, d->groups[item->sample]);
        fv_json_key(&j, "group");
        fv_json_string(&j, group);
    }
    fv_json_end_object(&j);
}

static fv_status put_texts(shard_sink *s, const fv_pack_item *item)
{
    char name[64], label[32];
    fv_str text = {.ctx = s->ctx};
    const int32_t class = fv_dataset_label(item->dataset, item->sample);
    fv_status status = FV_OK;
    if (item->dataset->source->kind == FV_TASK_CLASSIFY) {
        const int n = snprintf(label, sizeof label, "%d", class);
        snprintf(name, sizeof name, "%09" PRId64 ".cls", item->number);
        status = put_member(s, name, label, (size_t)n, NULL, 0);
    }
    describe(item, &text);
    snprintf(name, sizeof name, "%09" PRId64 ".json", item->number);
    if (status == FV_OK)
        status = fv_str_status(&text);
    if (status == FV_OK)
        status = put_member(s, name, text.data, text.size, NULL, 0);
    fv_str_free(&text);
    return status;
}

static fv_status put_sample(void *state, const fv_pack_item *item)
{
    shard_sink *s = state;
    const int64_t limit = s->packer->options.shard_bytes ? s->packer->options.shard_bytes : 1000000000;
    char name[64], header[128], word[EXTENSION];
    if (s->writer && (s->split != item->split || s->shard_bytes >= limit))
        FV_TRY(end_shard(s));
    if (!s->writer)
        FV_TRY(begin_shard(s, item->split));
    snprintf(name, sizeof name, "%09" PRId64 ".%s", item->number, extension_of(item, word));
    if (item->kind == FV_PACK_PIXELS) {
        npy_header(item, header);
        FV_TRY(put_member(s, name, header, sizeof header, item->data, (size_t)item->size));
    } else {
        FV_TRY(put_member(s, name, item->data, (size_t)item->size, NULL, 0));
    }
    return put_texts(s, item);
}

/* Shards of another packing among ours would be read as ours. */
static fv_status check_folder(fv_ctx *ctx, const char *output)
{
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(fv_path_mkdirs(ctx, output));
    FV_TRY(fv_path_list(ctx, output, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        const size_t n = strlen(names[i]);
        if (n > 4 && strcmp(names[i] + n - 4, ".tar") == 0)
            status = fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_CONFLICT, "%s: has shards already (%s)", output, names[i]),
                                  "remove them, or choose another --output");
    }
    fv_free(ctx, names);
    return status;
}

/* The split whose classes number all labels. */
static const fv_dataset *first_split(const fv_packer *packer)
{
    const fv_dataset *d = NULL;
    for (int k = FV_SPLIT_COUNT - 1; k >= 0; k--)
        d = packer->splits[k] ? packer->splits[k] : d;
    return d;
}

/* A name that holds a line's end would be read as others, and move those behind it. */
static fv_status check_classes(const fv_packer *packer)
{
    const fv_dataset *d = first_split(packer);
    return d->source->kind == FV_TASK_REGRESS ? FV_OK : fv_names_check_lines(packer->ctx, d->path, &d->classes);
}

static fv_status write_classes(shard_sink *s)
{
    const fv_dataset *d = first_split(s->packer);
    if (d->source->kind == FV_TASK_REGRESS)
        return FV_OK;
    char *path = fv_path_join(s->ctx, s->output, "classes.txt");
    const fv_status status = path ? fv_names_write(s->ctx, path, &d->classes) : FV_ERR_NO_MEMORY;
    fv_free(s->ctx, path);
    return status;
}

fv_status fv_pack_write_shards(fv_packer *packer, const char *output, fv_pack_report *report)
{
    shard_sink s = {.packer = packer, .ctx = packer->ctx, .output = output, .report = report};
    FV_TRY(check_classes(packer));
    FV_TRY(check_folder(packer->ctx, output));
    fv_status status = fv_packer_each(packer, &(fv_pack_sink){put_sample, &s}, report);
    if (status == FV_OK)
        status = end_shard(&s);
    if (s.writer)
        fv_writer_abort(&s.writer);
    if (status == FV_OK)
        status = write_classes(&s);
    if (status != FV_OK)
        remove_shards(&s);
    return status;
}
