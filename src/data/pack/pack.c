/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pack/pack.h"

#include <string.h>

#include "data/image/resize.h"
#include "data/pack/format.h"

enum { CHUNK = 64, LOOKED_AT = 24 };

/* ---- one sample ---- */

/* Brings the image to the size asked for. Only the part that is kept is computed: a strip of 1 x 100,000 pixels would
 * be terabytes when resized as a whole. */
static fv_status fit(const fv_packer *p, fv_image *image, fv_image_error *error)
{
    const int64_t h = p->options.h, w = p->options.w;
    if (!p->options.raw || h == 0)
        return FV_OK;
    fv_resize_spec spec = fv_resize_whole(image, h, w, FV_FILTER_BILINEAR, true);
    if (p->options.crop) { /* the smaller scale that covers both sides, rounded up; the middle of that */
        const bool tall = image->h * w >= image->w * h;
        spec.h = tall ? (image->h * w + image->w - 1) / image->w : h;
        spec.w = tall ? w : (image->w * h + image->h - 1) / image->h;
        spec.window = (fv_resize_window){(spec.h - h) / 2, (spec.w - w) / 2, h, w};
    }
    if (image->h == h && image->w == w)
        return FV_OK;
    const int64_t room = h * w * image->c * (int64_t)fv_depth_bytes(image->depth);
    fv_image fitted = {.h = h, .w = w, .c = image->c, .depth = image->depth, .bands = image->bands};
    fv_resize_scratch scratch = {.ctx = p->ctx};
    fitted.data = fv_malloc(p->ctx, (size_t)room);
    const fv_status status = fitted.data ? fv_resize(&scratch, image, &spec, fitted.data) : FV_ERR_NO_MEMORY;
    fv_scratch_free(&scratch);
    if (status != FV_OK) {
        fv_image_free(p->ctx, &fitted);
        return status == FV_ERR_NO_MEMORY
                   ? fv_sample_fail(error, status, FV_FAULT_NONE, -1, "no memory for resizing %lld x %lld pixels",
                                    (long long)image->h, (long long)image->w)
                   : fv_sample_fail(error, FV_ERR_DATA_FORMAT, FV_FAULT_NONE, -1,
                                    "%lld x %lld pixels cannot be resized to %lld x %lld", (long long)image->h,
                                    (long long)image->w, (long long)h, (long long)w);
    }
    fv_image_free(p->ctx, image);
    *image = fitted;
    return FV_OK;
}

static fv_status decode(const fv_packer *p, fv_pack_item *item)
{
    fv_image image = {0};
    fv_decode_options options = item->dataset->decode;
    options.keep_depth = true;
    FV_TRY(fv_dataset_fetch((fv_dataset *)item->dataset, item->sample, &options, NULL, &image, NULL, &item->error));
    const fv_status status = fit(p, &image, &item->error);
    if (status != FV_OK) {
        fv_image_free(p->ctx, &image);
        return status;
    }
    item->kind = FV_PACK_PIXELS;
    item->data = image.data;
    item->h = image.h;
    item->w = image.w;
    item->c = image.c;
    item->depth = image.depth;
    item->bands = image.bands;
    if (image.bands && image.c == 4 && p->options.shards)
        return fv_sample_fail(
            &item->error, FV_ERR_DATA_FORMAT, FV_FAULT_CHANNELS, -1,
            "4 bands, none of them opacity, which pixels in shards would not tell from RGBA: pack them "
            "as one file, or without --raw");
    item->size = image.h * image.w * image.c * (int64_t)fv_depth_bytes(image.depth);
    if (image.h > UINT32_MAX || image.w > UINT32_MAX || image.c > UINT16_MAX)
        return fv_sample_fail(&item->error, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, -1,
                              "%lld x %lld x %lld: more than a record can be", (long long)image.h, (long long)image.w,
                              (long long)image.c);
    return FV_OK;
}

static fv_status prepare(const fv_packer *p, fv_pack_item *item)
{
    fv_source *source = item->dataset->source;
    if (!p->options.raw && source->ops->read) {
        const fv_status status =
            source->ops->read(source, item->dataset->index[item->sample], &item->data, &item->size, &item->error);
        item->kind = FV_PACK_FILE;
        if (status == FV_OK && item->size == 0)
            return fv_sample_fail(&item->error, FV_ERR_DATA_FORMAT, FV_FAULT_EMPTY, 0, "the file is empty (0 bytes)");
        if (status != FV_ERR_UNSUPPORTED)
            return status;
    }
    return decode(p, item);
}

/* ---- all samples ---- */

typedef struct chunk {
    int64_t done, total; /* samples of all splits, the bad ones too */
    const fv_packer *packer;
    fv_pack_item items[CHUNK];
} chunk;

/* In the place of a sample that cannot be decoded its file, or nothing where not even that can be read. */
static void keep_bad(fv_pack_item *item)
{
    fv_source *source = item->dataset->source;
    fv_image_error unread = {0};
    const fv_split split = item->split;
    fv_free(source->ctx, item->data);
    *item = (fv_pack_item){.split = split, .dataset = item->dataset, .sample = item->sample, .kind = FV_PACK_FILE};
    if (!source->ops->read ||
        source->ops->read(source, item->dataset->index[item->sample], &item->data, &item->size, &unread) != FV_OK)
        item->size = 0;
}

static fv_status prepare_one(void *arg, int64_t i)
{
    chunk *c = arg;
    fv_pack_item *item = &c->items[i];
    item->error.status = FV_OK;
    if (prepare(c->packer, item) != FV_OK && item->error.status == FV_OK)
        fv_sample_fail(&item->error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for an image");
    if (c->packer->options.keep_bad && item->error.status != FV_OK && fv_error_is_quarantine(&item->error))
        keep_bad(item);
    return FV_OK; /* told in the item, so that the first one in order counts */
}

/* Sends one item on, or gives it up. */
static fv_status deliver(fv_packer *p, const fv_pack_sink *sink, fv_pack_item *item, fv_pack_report *report)
{
    fv_dataset *d = (fv_dataset *)item->dataset;
    if (item->error.status == FV_OK) {
        item->number = report->samples[item->split]++;
        return sink->put(sink->state, item);
    }
    if (!fv_error_is_quarantine(&item->error)) {
        char name[1024];
        fv_dataset_sample_name(d, item->sample, name, sizeof name);
        return fv_fail(p->ctx, item->error.status, "%s/%s: %s", d->path, name, item->error.text);
    }
    bool first = false;
    FV_TRY(fv_dataset_quarantine(d, item->sample, &item->error));
    report->left_out++;
    return fv_dataset_tell_bad(d, item->sample, &first);
}

static fv_status each_of_split(fv_packer *p, chunk *c, fv_split split, const fv_pack_sink *sink, fv_pack_report *report)
{
    fv_dataset *d = p->splits[split];
    fv_status status = FV_OK;
    for (int64_t from = 0; d && from < d->count && status == FV_OK; from += CHUNK) {
        const int64_t n = d->count - from < CHUNK ? d->count - from : CHUNK;
        for (int64_t i = 0; i < n; i++)
            c->items[i] = (fv_pack_item){.split = split, .dataset = d, .sample = from + i};
        status = fv_data_each(p->ctx, NULL, NULL, n, prepare_one, c);
        for (int64_t i = 0; i < n; i++) {
            if (status == FV_OK)
                status = deliver(p, sink, &c->items[i], report);
            fv_free(p->ctx, c->items[i].data);
        }
        c->done += n;
        if (status == FV_OK && (status = fv_watch(p->ctx, "packed", "images", c->done, c->total)) != FV_OK)
            status = fv_fail_prefix(p->ctx, status, p->path);
    }
    return status;
}

fv_status fv_packer_each(fv_packer *packer, const fv_pack_sink *sink, fv_pack_report *report)
{
    chunk *c = fv_new(packer->ctx, chunk);
    if (!c)
        return FV_ERR_NO_MEMORY;
    c->packer = packer;
    for (int s = 0; s < FV_SPLIT_COUNT; s++)
        c->total += packer->splits[s] ? packer->splits[s]->count : 0;
    fv_status status = FV_OK;
    for (int s = 0; s < FV_SPLIT_COUNT && status == FV_OK; s++)
        status = each_of_split(packer, c, (fv_split)s, sink, report);
    fv_free(packer->ctx, c);
    if (status == FV_OK && report->samples[0] + report->samples[1] + report->samples[2] == 0)
        status = fv_fail(packer->ctx, FV_ERR_DATA_EMPTY, "%s: no sample that can be read", packer->path);
    return status;
}

/* ---- making ---- */

static fv_status check_options(fv_ctx *ctx, const fv_pack_options *o)
{
    if (o->h < 0 || o->w < 0 || o->h > 1 << 20 || o->w > 1 << 20 || (o->h == 0) != (o->w == 0))
        return fv_fail(ctx, FV_ERR_VALUE, "fv_packer_create: size %lld x %lld", (long long)o->h, (long long)o->w);
    if (o->h > 0 && !o->raw)
        return fv_fail(ctx, FV_ERR_CONFLICT, "fv_packer_create: a size is for pixels (raw), files stay as they are");
    if (o->shard_bytes < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "fv_packer_create: shards of %lld bytes", (long long)o->shard_bytes);
    return FV_OK;
}

static fv_status fill(fv_packer *p, const char *path, const fv_dataset_options *options)
{
    bool has[FV_SPLIT_COUNT] = {false};
    FV_TRY(check_options(p->ctx, &p->options));
    if (!(p->path = fv_strdup(p->ctx, path)))
        return FV_ERR_NO_MEMORY;
    for (int s = 0; s < FV_SPLIT_COUNT; s++)
        FV_TRY(fv_dataset_has_split(p->ctx, path, fv_split_name((fv_split)s), &has[s]));
    for (int s = 0; s < FV_SPLIT_COUNT; s++) {
        fv_dataset_options o = *options;
        o.split = fv_split_name((fv_split)s);
        const bool held_out = s == FV_SPLIT_VAL && options->val_split > 0 && has[FV_SPLIT_TRAIN];
        if (has[s] || held_out)
            FV_TRY(fv_dataset_open(p->ctx, path, &o, &p->splits[s]));
    }
    return FV_OK;
}

fv_status fv_packer_create(fv_ctx *ctx, const char *path, const fv_dataset_options *options,
                           const fv_pack_options *pack, fv_packer **packer)
{
    *packer = NULL;
    fv_packer *p = fv_new(ctx, fv_packer);
    if (!p)
        return FV_ERR_NO_MEMORY;
    p->ctx = ctx;
    p->options = pack ? *pack : (fv_pack_options){0};
    const fv_status status = fill(p, path, options ? options : &(fv_dataset_options){0});
    if (status != FV_OK) {
        fv_packer_destroy(&p);
        return status;
    }
    *packer = p;
    return FV_OK;
}

void fv_packer_destroy(fv_packer **packer)
{
    if (!packer || !*packer)
        return;
    fv_packer *p = *packer;
    for (int s = 0; s < FV_SPLIT_COUNT; s++)
        fv_dataset_destroy(&p->splits[s]);
    fv_free(p->ctx, p->path);
    fv_free(p->ctx, p);
    *packer = NULL;
}

/* Bytes of the samples of a split: the sum of the files' where they are kept, else estimated from some. */
static fv_status size_of_split(const fv_packer *p, const fv_dataset *d, int64_t *bytes)
{
    const fv_source *source = d->source;
    *bytes = 0;
    if (!p->options.raw && source->ops->read) {
        for (int64_t i = 0; i < d->count; i++)
            *bytes += source->ops->bytes(source, d->index[i]);
        return FV_OK;
    }
    const int64_t looked_at = d->count < LOOKED_AT ? d->count : LOOKED_AT;
    int64_t sum = 0, n = 0;
    for (int64_t t = 0; t < looked_at; t++) {
        fv_pack_item item = {.dataset = d, .sample = t * d->count / looked_at};
        const fv_status status = decode(p, &item);
        fv_free(p->ctx, item.data);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            continue;
        sum += item.size;
        n++;
    }
    *bytes = n ? (int64_t)((double)sum / (double)n * (double)d->count) : 0;
    return FV_OK;
}

fv_status fv_packer_size(fv_packer *packer, int64_t *samples, int64_t *bytes)
{
    *samples = *bytes = 0;
    for (int s = 0; s < FV_SPLIT_COUNT; s++) {
        int64_t some = 0;
        const fv_dataset *d = packer->splits[s];
        if (!d)
            continue;
        FV_TRY(size_of_split(packer, d, &some));
        *samples += d->count;
        *bytes += some;
    }
    /* Entries and names of a packed file; headers of two members, padded, of shards. */
    *bytes += packer->options.shards ? *samples * 2048 : FV_PACK_HEADER + FV_PACK_FOOTER + *samples * 100;
    return FV_OK;
}

fv_status fv_packer_write(fv_packer *packer, const char *output, fv_pack_report *report)
{
    int64_t samples = 0, bytes = 0;
    *report = (fv_pack_report){0};
    FV_TRY(fv_packer_size(packer, &samples, &bytes));
    char *folder = fv_strdup(packer->ctx, output);
    if (!folder)
        return FV_ERR_NO_MEMORY;
    char *slash = strrchr(folder, '/');
    if (slash && slash > folder)
        *slash = '\0';
    else
        strcpy(folder, slash ? "/" : ".");
    const int64_t room = fv_path_free_bytes(folder);
    fv_free(packer->ctx, folder);
    if (room >= 0 && bytes > room)
        return fv_fail(packer->ctx, FV_ERR_NO_SPACE, "%s: about %lld bytes are needed, %lld are free", output,
                       (long long)bytes, (long long)room);
    return packer->options.shards ? fv_pack_write_shards(packer, output, report)
                                  : fv_pack_write_file(packer, output, report);
}
