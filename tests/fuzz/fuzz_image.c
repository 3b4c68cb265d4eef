/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes into the image decoder; what decodes goes through the pipeline. */
#include <fovea/data.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fv_ctx *ctx;
    if (!ctx && fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx) != FV_OK)
        return 0;
    /* The last byte chooses the options. */
    const uint8_t choice = size > 0 ? data[size - 1] : 0;
    const fv_decode_options options = {.max_pixels = 1 << 18, .salvage = choice & 1, .ignore_exif = choice & 2};
    fv_pipeline pipeline = {.h = 8, .w = 8, .c = choice & 4 ? 3 : 1, .antialias = true, .resize_size = 9};
    pipeline.resize = choice & 8 ? FV_RESIZE_SHORT_CROP : FV_RESIZE_STRETCH;
    for (int i = 0; i < 16; i++)
        pipeline.std[i] = 1.0f;
    fv_image image;
    fv_decode_notes notes;
    float input[8 * 8 * 3];
    if (fv_image_decode(ctx, "fuzz", data, size, &options, &image, &notes) == FV_OK)
        (void)fv_pipeline_apply(ctx, &pipeline, &image, input);
    fv_image_free(ctx, &image);
    return 0;
}
