/* SPDX-License-Identifier: Apache-2.0 */
/* Separable resampling of 8-bit images. */
#ifndef FV_DATA_RESIZE_H
#define FV_DATA_RESIZE_H

#include <fovea/data.h>

/* Memory that is used again from image to image; zero-initialise with the context. */
typedef struct fv_scratch {
    fv_ctx *ctx;
    void *data;
    size_t capacity;
} fv_scratch;
/* At least `size` bytes, old content lost; NULL on failure (NO_MEMORY recorded). */
void *fv_scratch_get(fv_scratch *scratch, size_t size);
void fv_scratch_free(fv_scratch *scratch);

/* A part of an image: rows [y, y + h), columns [x, x + w). */
typedef struct fv_window {
    int64_t y, x, h, w;
} fv_window;

/*
 * The part `window` of src resized to h x w, into dst (window.h x window.w x c). Triangle filter, widened by the
 * reduction when `antialias`. Only what the window needs is computed; the bytes are those of the whole image.
 */
fv_status fv_resize_window(fv_scratch *scratch, const fv_image *src, int64_t h, int64_t w, bool antialias,
                           const fv_window *window, uint8_t *dst);

#endif
