/* SPDX-License-Identifier: Apache-2.0 */
/* One sample through an augmentation pipeline, for callers that do their own loading; and the colors of a data set. */
#include <string.h>

#include "data/dataset.h"
#include "data/image/pca.h"
#include "data/pipeline.h"

/* Mask and boxes into the frame: the box of the image that it shows, at the network's size. */
static fv_status frame_mask(fv_applier *a, const fv_resize_spec *frame, const fv_image *mask)
{
    fv_canvas *canvas = &a->canvas;
    fv_resize_spec spec = *frame;
    spec.filter = FV_FILTER_NEAREST;
    canvas->mask = (fv_image){.h = a->pipeline.h, .w = a->pipeline.w, .c = 1};
    canvas->mask_at = 0;
    canvas->mask.data = fv_scratch_get(&canvas->mask_buffer[0], (size_t)(canvas->mask.h * canvas->mask.w));
    return canvas->mask.data ? fv_resize(&canvas->work, mask, &spec, canvas->mask.data) : FV_ERR_NO_MEMORY;
}

static double inside(double v, double limit)
{
    return v < 0 ? 0 : v > limit ? limit : v;
}

static void frame_boxes(const fv_applier *a, const fv_resize_spec *s, fv_sample *sample)
{
    const double sy = (double)s->h / (s->y1 - s->y0), sx = (double)s->w / (s->x1 - s->x0);
    const double h = (double)a->pipeline.h, w = (double)a->pipeline.w;
    int64_t kept = 0;
    for (int64_t i = 0; i < sample->n_boxes; i++) {
        fv_box b = sample->boxes[i];
        const double y0 = (b.y0 - s->y0) * sy - (double)s->window.y, y1 = (b.y1 - s->y0) * sy - (double)s->window.y;
        const double x0 = (b.x0 - s->x0) * sx - (double)s->window.x, x1 = (b.x1 - s->x0) * sx - (double)s->window.x;
        const double area = (y1 - y0) * (x1 - x0);
        b.y0 = inside(y0, h);
        b.y1 = inside(y1, h);
        b.x0 = inside(x0, w);
        b.x1 = inside(x1, w);
        if (y1 > y0 && x1 > x0 && (b.y1 - b.y0) * (b.x1 - b.x0) >= 0.1 * area)
            sample->boxes[kept++] = b;
    }
    sample->n_boxes = kept;
}

/* A copy that belongs to the caller takes the place of what was there. */
static fv_status hand_out(fv_ctx *ctx, const fv_image *from, fv_image *to)
{
    const size_t size = (size_t)(from->h * from->w * from->c) * fv_depth_bytes(from->depth);
    uint8_t *data = fv_malloc(ctx, size);
    if (!data)
        return FV_ERR_NO_MEMORY;
    memcpy(data, from->data, size);
    fv_image_free(ctx, to);
    *to = *from;
    to->data = data;
    return FV_OK;
}

static fv_status apply(fv_applier *a, fv_shot *shot, fv_sample *sample)
{
    fv_canvas *canvas = &a->canvas;
    fv_shot_whole(shot, sample->image.h, sample->image.w);
    frame_boxes(a, &shot->spec, sample);
    canvas->boxes = sample->boxes;
    canvas->n_boxes = sample->n_boxes;
    if (sample->mask.data)
        FV_TRY(frame_mask(a, &shot->spec, &sample->mask));
    FV_TRY(fv_shot_pixels(shot, &sample->image));
    sample->n_boxes = canvas->n_boxes;
    if (sample->mask.data)
        FV_TRY(hand_out(canvas->work.ctx, &canvas->mask, &sample->mask));
    return hand_out(canvas->work.ctx, &canvas->image, &sample->image);
}

fv_status fv_augment_apply(fv_ctx *ctx, const fv_augment *augment, const fv_pipeline *pipeline, uint64_t seed,
                           uint64_t epoch, uint64_t index, fv_sample *sample, char *note, size_t note_size)
{
    const fv_image *image = &sample->image, *mask = &sample->mask;
    if (!image->data || image->h < 1 || image->w < 1 || !fv_pipeline_takes(pipeline, image))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "fv_augment_apply: an image with %lld channels for a network with %lld",
                       (long long)image->c, (long long)pipeline->c);
    if (mask->data && (mask->h != image->h || mask->w != image->w || mask->c != 1 || mask->depth != FV_DEPTH_8))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT,
                       "fv_augment_apply: a mask of %lld x %lld x %lld for an image of %lld x %lld", (long long)mask->h,
                       (long long)mask->w, (long long)mask->c, (long long)image->h, (long long)image->w);
    fv_applier applier;
    fv_shot shot;
    FV_TRY(fv_applier_init(ctx, pipeline, augment, &applier));
    fv_shot_begin(&shot, &applier, seed, epoch, index);
    shot.key.note = note;
    shot.key.note_size = note_size;
    fv_status status = apply(&applier, &shot, sample);
    fv_applier_free(&applier);
    return status;
}

/* ---- colors of a data set ---- */

typedef struct color_job {
    fv_dataset *dataset;
    fv_color_sums sums;
    int64_t other; /* channels of an image that are not three; -1: there is none */
    pthread_mutex_t mutex;
} color_job;

static fv_status add_colors(void *arg, int64_t i)
{
    color_job *job = arg;
    fv_image image = {0};
    fv_image_error error;
    fv_color_sums sums = {.c = 3};
    fv_decode_options decode = job->dataset->decode;
    decode.keep_depth = true; /* as training sees them */
    if (fv_dataset_fetch(job->dataset, i, &decode, NULL, &image, NULL, &error) != FV_OK)
        return fv_error_is_quarantine(&error) ? FV_OK : fv_fail(job->dataset->ctx, error.status, "%s", error.text);
    fv_color_sums_add(&sums, &image);
    pthread_mutex_lock(&job->mutex);
    fv_color_sums_merge(&job->sums, &sums);
    job->other = image.c != 3 && image.c > job->other ? image.c : job->other;
    pthread_mutex_unlock(&job->mutex);
    fv_image_free(job->dataset->ctx, &image);
    return FV_OK;
}

fv_status fv_dataset_color_axes(fv_dataset *dataset, int64_t limit, float value[3], float axis[9])
{
    color_job job = {.dataset = dataset, .sums.c = 3, .other = -1};
    const int64_t n = limit > 0 && limit < dataset->count ? limit : dataset->count;
    pthread_mutex_init(&job.mutex, NULL);
    fv_status status = fv_data_each(dataset->ctx, "measured", "images", n, add_colors, &job);
    pthread_mutex_destroy(&job.mutex);
    FV_TRY(status);
    if (job.sums.n < 2 && job.other >= 0)
        return fv_fail_hint(dataset->ctx,
                            fv_fail(dataset->ctx, FV_ERR_CONFLICT,
                                    "%s: the step pca (--pca-jitter) shifts the colors of images with three channels, "
                                    "but these have %lld",
                                    dataset->path, (long long)job.other),
                            "leave it out; `brightness` and `contrast` work on images without colors");
    if (job.sums.n < 2)
        return fv_fail(dataset->ctx, FV_ERR_DATA_EMPTY, "%s: no color images, so no color axes", dataset->path);
    fv_pca pca;
    fv_pca_rgb(&job.sums, &pca);
    for (int i = 0; i < 9; i++)
        axis[i] = (float)pca.vector[i];
    for (int i = 0; i < 3; i++)
        value[i] = (float)pca.value[i];
    return FV_OK;
}
