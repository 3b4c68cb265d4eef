/* SPDX-License-Identifier: Apache-2.0 */
/* The sample on its way: two buffers that take turns, and geometry that waits until pixels are needed. */
#include <string.h>

#include "data/augment/augment.h"
#include "data/image/filter.h"

static int64_t bytes_of(const fv_image *image)
{
    return image->h * image->w * image->c * (int64_t)fv_depth_bytes(image->depth);
}

void fv_canvas_free(fv_canvas *canvas)
{
    for (int i = 0; i < 2; i++) {
        fv_scratch_free(&canvas->buffer[i]);
        fv_scratch_free(&canvas->mask_buffer[i]);
    }
    fv_scratch_free(&canvas->work);
}

fv_status fv_canvas_turn(fv_canvas *canvas, int64_t h, int64_t w, fv_image *old)
{
    *old = canvas->image;
    fv_image next = *old;
    next.h = h;
    next.w = w;
    const int at = canvas->borrowed ? canvas->at : 1 - canvas->at;
    next.data = fv_scratch_get(&canvas->buffer[at], (size_t)bytes_of(&next));
    if (!next.data)
        return FV_ERR_NO_MEMORY;
    canvas->at = at;
    canvas->image = next;
    canvas->borrowed = false;
    return FV_OK;
}

static fv_status warp_image(fv_canvas *canvas)
{
    fv_image old;
    FV_TRY(fv_canvas_turn(canvas, canvas->image.h, canvas->image.w, &old));
    return fv_warp_image(&canvas->work, &old, &canvas->warp, &canvas->image);
}

static fv_status warp_mask(fv_canvas *canvas)
{
    fv_warp warp = canvas->warp;
    warp.filter = FV_FILTER_NEAREST;
    fv_image next = canvas->mask;
    const int at = 1 - canvas->mask_at;
    next.data = fv_scratch_get(&canvas->mask_buffer[at], (size_t)bytes_of(&next));
    if (!next.data)
        return FV_ERR_NO_MEMORY;
    memset(warp.value, 255, sizeof warp.value); /* outside is ignored */
    FV_TRY(fv_warp_image(&canvas->work, &canvas->mask, &warp, &next));
    canvas->mask = next;
    canvas->mask_at = at;
    return FV_OK;
}

/* Boxes are followed by their corners; those of which little is left in the image go. */
static void warp_boxes(fv_canvas *canvas)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < canvas->n_boxes; i++) {
        fv_box box = canvas->boxes[i];
        const int64_t h = canvas->image.h, w = canvas->image.w;
        const double left = fv_warp_box(&canvas->warp, h, w, h, w, &box);
        if (left >= 0.1)
            canvas->boxes[kept++] = box;
    }
    canvas->n_boxes = kept;
}

fv_status fv_canvas_pixels(fv_canvas *canvas)
{
    if (canvas->warped) {
        canvas->warped = false;
        FV_TRY(warp_image(canvas));
        if (canvas->mask.data)
            FV_TRY(warp_mask(canvas));
        warp_boxes(canvas);
    }
    if (!canvas->borrowed)
        return FV_OK;
    fv_image old;
    FV_TRY(fv_canvas_turn(canvas, canvas->image.h, canvas->image.w, &old));
    memcpy(canvas->image.data, old.data, (size_t)bytes_of(&old));
    return FV_OK;
}

fv_status fv_canvas_warp(fv_canvas *canvas, const fv_warp *warp)
{
    /* Only plain matrices multiply, and only when both treat the outside in the same way. */
    const bool joins = canvas->warped && canvas->warp.k1 == 0 && canvas->warp.k2 == 0 && warp->k1 == 0 &&
                       warp->k2 == 0 && canvas->warp.fill == warp->fill && canvas->warp.filter == warp->filter;
    if (!joins) {
        if (canvas->warped)
            FV_TRY(fv_canvas_pixels(canvas));
        canvas->warp = *warp;
        canvas->warped = true;
        return FV_OK;
    }
    /* Output -> middle by the new one, middle -> source by the one before. */
    fv_warp_multiply(canvas->warp.m, warp->m, canvas->warp.m);
    return FV_OK;
}
