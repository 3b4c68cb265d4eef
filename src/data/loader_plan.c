/* SPDX-License-Identifier: Apache-2.0 */
/* How many threads and slots a loader has, and the memory that they take: known before it is made. */
#include "data/balance.h"
#include "data/loader.h"

/* Samples that are looked at for the size of the images, and the size that stands for data that are not there yet. */
enum { LOOKED_AT = 16, USUAL_PIXELS = 500 * 375, USUAL_FILE = 64 << 10 };
/* What decoding an image takes beside its pixels: tables, rows, and what is at hand of the file. */
enum { DECODER_BYTES = 96 << 10 };

/* Samples in memory cost a worker a microsecond: one thread feeds any network. */
int fv_loader_threads(fv_ctx *ctx, const fv_dataset *d, const fv_loader_options *o)
{
    const bool in_memory = d && d->source->pixels;
    const int n = o->workers > 0 ? o->workers : o->workers < 0 ? 0 : in_memory ? 1 : fv_ctx_threads(ctx);
    return n > FV_MAX_WORKERS ? FV_MAX_WORKERS : n;
}

fv_balance_input fv_loader_balance(const fv_dataset *d, const fv_loader_options *o)
{
    return (fv_balance_input){.labels = d->labels,
                              .n = d->count,
                              .classes = fv_dataset_classes(d),
                              .how = o->balance,
                              .power = o->balance_power > 0 ? o->balance_power : 1};
}

bool fv_loader_balances(const fv_dataset *d, const fv_loader_options *o)
{
    return o->shuffle && o->balance != FV_BALANCE_NONE && o->balance != FV_BALANCE_WEIGHTS &&
           fv_dataset_task(d) == FV_TASK_CLASSIFY;
}

fv_status fv_loader_places(const fv_dataset *d, const fv_loader_options *o, int64_t *places)
{
    const fv_balance_input in = fv_loader_balance(d, o);
    *places = d->count;
    return fv_loader_balances(d, o) ? fv_balance_order(d->ctx, &in, o->seed, 0, NULL, places) : FV_OK;
}

int64_t fv_loader_slots(const fv_loader_options *o, int threads, int64_t places)
{
    const int64_t ahead = threads == 0 ? 0 : o->queue > 0 ? o->queue : threads > 1 ? 4 : 2;
    const int64_t batches = (places + o->batch_size - 1) / o->batch_size;
    return ahead < batches ? ahead + 1 : batches > 0 ? batches : 1;
}

int64_t fv_loader_slot_bytes(int64_t places, int64_t sample_size, const fv_loader_options *o, int64_t n_targets)
{
    const int64_t n = o->batch_size < places ? o->batch_size : places;
    return n * ((sample_size + n_targets) * (int64_t)sizeof(float) + 20) +
           (sample_size + n_targets) * (int64_t)sizeof(float);
}

int64_t fv_loader_memory(const fv_dataset *d, const fv_pipeline *pipeline, const fv_loader_options *o)
{
    fv_loader_bytes bytes;
    fv_loader_plan(d->ctx, d, pipeline, o, &bytes);
    return bytes.batches;
}

/* Pixels and bytes of the largest image among some, by what their headers say. */
static void look_at_images(const fv_dataset *d, int64_t *pixels, int64_t *file)
{
    const fv_source_ops *ops = d->source->ops;
    const int64_t n = d->count < LOOKED_AT ? d->count : LOOKED_AT;
    fv_decode_options header_only = d->decode;
    header_only.max_pixels = 1;
    for (int64_t t = 0; t < n; t++) {
        const int64_t i = d->index[t * d->count / n];
        fv_image image = {0};
        fv_decode_notes notes = {0};
        fv_image_error error = {0};
        const fv_status status = ops->image(d->source, i, &header_only, NULL, &image, &notes, &error);
        const int64_t found = status == FV_OK ? image.h * image.w : error.h * error.w;
        const int64_t bytes = ops->bytes ? ops->bytes(d->source, i) : 0;
        fv_image_free(d->ctx, &image);
        *pixels = found > *pixels ? found : *pixels;
        *file = bytes > *file ? bytes : *file;
    }
}

void fv_loader_plan(fv_ctx *ctx, const fv_dataset *d, const fv_pipeline *p, const fv_loader_options *o,
                    fv_loader_bytes *bytes)
{
    const int threads = fv_loader_threads(ctx, d, o);
    const int64_t sample = p->h * p->w * p->c, classes = d ? fv_dataset_classes(d) : 0;
    int64_t places = INT64_MAX / 2, pixels = d ? 0 : USUAL_PIXELS, file = d ? 0 : USUAL_FILE;
    if (d && fv_loader_places(d, o, &places) != FV_OK)
        places = d->count;
    if (d && !d->source->pixels && d->source->ops->image)
        look_at_images(d, &pixels, &file);
    *bytes = (fv_loader_bytes){
        .batches = fv_loader_slots(o, threads, places) * fv_loader_slot_bytes(places, sample, o, classes),
        .decoding = (threads > 0 ? threads : 1) * (3 * pixels + file + 2 * sample + DECODER_BYTES)};
}
