/* SPDX-License-Identifier: Apache-2.0 */
#include "train_pixels.h"

/* Mean and deviation of the training set's pixels. */
static fv_status measure(const settings *c, fv_dataset *train, float mean[16], float std[16])
{
    int64_t h, w, channels;
    FV_TRY(fv_dataset_statistics(train, 0, mean, std));
    fv_dataset_size(train, &h, &w, &channels);
    for (int i = 1; i < 16 && channels == 1; i++) { /* the network may have more channels than the data */
        mean[i] = mean[0];
        std[i] = std[0];
    }
    note("%s: mean %.4f %.4f %.4f  std %.4f %.4f %.4f", c->norm == NORM_DATASET ? "--norm dataset" : "measured",
         mean[0], mean[1], mean[2], std[0], std[1], std[2]);
    return FV_OK;
}

fv_status train_pixels(const settings *c, fv_dataset *train, fv_model *model)
{
    fv_pipeline p = *fv_model_pipeline(model);
    float mean[16], std[16];
    const fv_real_list *lists[2] = {&c->mean, &c->std};
    for (int i = 0; i < 2; i++)
        if (lists[i]->count > 1 && lists[i]->count != p.c)
            return complain(FV_ERR_VALUE, "give one value for all channels, or one for each",
                            "--%s: %d values, but the network has %lld input channels", i ? "std" : "mean",
                            lists[i]->count, (long long)p.c);
    const bool own = c->mean.count || c->std.count || c->mean.measured || c->std.measured;
    const int norm = own ? NORM_UNIT : c->norm;
    const bool measured[2] = {c->mean.measured || norm == NORM_DATASET, c->std.measured || norm == NORM_DATASET};
    if (measured[0] || measured[1])
        FV_TRY(measure(c, train, mean, std));
    static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f}, imagenet_std[3] = {0.229f, 0.224f, 0.225f};
    for (int i = 0; i < 16; i++) {
        if (norm == NORM_UNIT || norm == NORM_MINUS1_1 || norm == NORM_PER_IMAGE) {
            p.mean[i] = norm == NORM_MINUS1_1 ? 0.5f : 0.0f;
            p.std[i] = norm == NORM_MINUS1_1 ? 0.5f : 1.0f;
        } else if (norm == NORM_IMAGENET) {
            p.mean[i] = imagenet_mean[i % 3];
            p.std[i] = imagenet_std[i % 3];
        }
        if (c->mean.count)
            p.mean[i] = (float)c->mean.value[i % c->mean.count];
        if (c->std.count)
            p.std[i] = (float)c->std.value[i % c->std.count];
        if (measured[0])
            p.mean[i] = mean[i];
        if (measured[1])
            p.std[i] = std[i];
    }
    if (option_given("ignore-exif"))
        p.ignore_exif = c->ignore_exif;
    if (option_given("fast-decode"))
        p.fast_decode = c->fast_decode;
    p.standardize = norm == NORM_PER_IMAGE;
    if (option_given("contrast"))
        p.contrast = (fv_contrast)c->contrast;
    for (int i = 0; i < 2 && option_given("clahe-tiles"); i++)
        p.clahe_tiles[i] = (int)c->clahe_tiles[i];
    if (option_given("clahe-clip"))
        p.clahe_clip = (float)c->clahe_clip;
    if (c->resize)
        p.resize = c->resize == 1 ? FV_RESIZE_STRETCH : FV_RESIZE_SHORT_CROP;
    if (c->interpolation)
        p.filter = (fv_filter)(c->interpolation - 1);
    if (p.resize == FV_RESIZE_SHORT_CROP && p.resize_size < (p.h > p.w ? p.h : p.w))
        p.resize_size = (p.h > p.w ? p.h : p.w);
    return fv_model_set_pipeline(model, &p);
}
