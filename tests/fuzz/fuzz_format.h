/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing of one image format: whole and in part, with all options; what comes out must be what it says. */
#ifndef FV_TESTS_FUZZ_FORMAT_H
#define FV_TESTS_FUZZ_FORMAT_H

#include <stdlib.h>
#include <string.h>

#include "io/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t fuzz_box[4];

static void fuzz_choose(fv_image_request *r, int64_t h, int64_t w)
{
    r->y0 = (double)h * fuzz_box[0] / 256.0;
    r->x0 = (double)w * fuzz_box[1] / 256.0;
    r->y1 = (double)h * fuzz_box[2] / 255.0;
    r->x1 = (double)w * fuzz_box[3] / 255.0;
    r->h = 1 + fuzz_box[0] / 16;
    r->w = 1 + fuzz_box[1] / 16;
}

/* The last five bytes choose the box and the options; they stay part of the file. */
static int fuzz_format(const fv_image_format *format, const uint8_t *data, size_t size)
{
    static fv_ctx *ctx;
    if (!ctx && fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx) != FV_OK)
        return 0;
    if (size < 5 || fv_image_sniff(data, size) != format)
        return 0;
    const uint8_t choice = data[size - 1];
    memcpy(fuzz_box, data + size - 5, 4);
    const fv_decode_options options = {.max_pixels = 1 << 16,
                                       .salvage = choice & 1,
                                       .ignore_exif = choice & 2,
                                       .keep_depth = choice & 4,
                                       .fast = choice & 8};
    fv_image_request request = {.choose = fuzz_choose};
    fv_image image;
    fv_decode_notes notes;
    fv_image_error error;
    if (fv_image_decode_quiet(ctx, data, size, &options, choice & 16 ? &request : NULL, &image, &notes, &error) ==
        FV_OK) {
        const size_t bytes = (size_t)(image.h * image.w * image.c) * fv_depth_bytes(image.depth);
        uint8_t sum = 0;
        for (size_t i = 0; i < bytes; i++)
            sum ^= image.data[i];
        if (image.h < 1 || image.w < 1 || image.c < 1 || (sum == 1 && bytes == 0))
            abort();
        fv_image_free(ctx, &image);
    }
    return 0;
}

#endif
