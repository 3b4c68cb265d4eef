/* SPDX-License-Identifier: Apache-2.0 */
/* Separable resampling of images of any depth and number of channels. */
#ifndef FV_DATA_RESIZE_H
#define FV_DATA_RESIZE_H

#include <fovea/data.h>

/* Memory that is used again from image to image; zero-initialise with the context. */
typedef struct fv_resize_scratch {
    fv_ctx *ctx;
    void *data;
    size_t capacity;
} fv_resize_scratch;
/* At least `size` bytes, old content lost; NULL on failure (NO_MEMORY recorded). */
void *fv_scratch_get(fv_resize_scratch *scratch, size_t size);
void fv_scratch_free(fv_resize_scratch *scratch);

/* A part of an image: rows [y, y + h), columns [x, x + w). */
typedef struct fv_resize_window {
    int64_t y, x, h, w;
} fv_resize_window;

/*
 * The box [y0, y1) x [x0, x1) of the source, in pixels and their fractions (0 <= y0 < y1 <= src->h, the same for x),
 * is resized to h x w; of that the part `window` is computed, or all when window.h is 0.
 *
 * Output i of an axis is the weighted mean of the samples t near center = x0 + (i + 0.5) s, s = (x1 - x0) / w, with
 * weight k((t + 0.5 - center) / r); r = max(s, 1) with antialias, else 1. k: triangle (BILINEAR), Keys' cubic with
 * a = -1/2 (BICUBIC), box of width 1 (AREA), sinc windowed by sinc over 3 lobes (LANCZOS). NEAREST takes the sample
 * that holds the center. What Pillow's resize computes.
 */
typedef struct fv_resize_spec {
    double y0, x0, y1, x1;
    int64_t h, w;
    fv_filter filter;
    bool antialias;
    fv_resize_window window;
    /* Where only a part of an image was decoded: src is the rows from `top` and the columns from `left` of full_h x
     * full_w, which the box refers to, and has all that the window needs. The result is that of the whole image, to the
     * byte. full_h 0: src is all of it. */
    int64_t full_h, full_w, top, left;
} fv_resize_spec;

/*
 * dst: window.h x window.w x c of src's depth. 8 bits: weights of 22 fractional bits, each pass rounded to 8 bits, rows
 * first unless the height shrinks by more than twice what the width does: Pillow's very bytes (13.0). 16 bits and
 * floats: two passes in float32, one rounding at the end; floats are not clamped. The bytes are those of the whole
 * result, whatever the window, and the same on every instruction set. ARGUMENT for a box or sizes that make no sense,
 * NO_MEMORY. Any thread, one scratch each.
 */
fv_status fv_resize(fv_resize_scratch *scratch, const fv_image *src, const fv_resize_spec *spec, uint8_t *dst);

/* The whole of src to h x w. */
static inline fv_resize_spec fv_resize_whole(const fv_image *src, int64_t h, int64_t w, fv_filter filter,
                                             bool antialias)
{
    return (fv_resize_spec){
        .y1 = (double)src->h, .x1 = (double)src->w, .h = h, .w = w, .filter = filter, .antialias = antialias};
}

#endif
