/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of an image a caller wants, in the coordinates in which the file stores it. */
#include "io/image.h"

#include <math.h>

/* A position along an axis of n pixels, from the other end if the axis is turned around. */
static double along(double at, int64_t n, bool flip)
{
    return flip ? (double)n - at : at;
}

/* [a, b), in any order, as whole pixels of [0, n), at least one. */
static void cover(double a, double b, int64_t n, int64_t *lo, int64_t *hi)
{
    const double from = a < b ? a : b, to = a < b ? b : a;
    *lo = from > 0.0 ? (from < (double)n ? (int64_t)floor(from) : n - 1) : 0;
    *hi = to < (double)n ? (to > 0.0 ? (int64_t)ceil(to) : 1) : n;
    if (*hi <= *lo)
        *hi = *lo + 1;
}

fv_image_part fv_image_ask(fv_image_job *job, int64_t h, int64_t w)
{
    fv_image_request *r = job->request;
    if (!r)
        return (fv_image_part){0, 0, h, w};
    const fv_orientation o = fv_orientation_get(job->options.ignore_exif ? 1 : job->orientation);
    r->full_h = o.swap ? w : h;
    r->full_w = o.swap ? h : w;
    r->y = r->x = 0.0;
    r->step = 1.0;
    r->choose(r, r->full_h, r->full_w);
    fv_image_part p;
    const double row0 = o.swap ? r->x0 : r->y0, row1 = o.swap ? r->x1 : r->y1;
    const double col0 = o.swap ? r->y0 : r->x0, col1 = o.swap ? r->y1 : r->x1;
    cover(along(row0, h, o.flip_row), along(row1, h, o.flip_row), h, &p.y0, &p.y1);
    cover(along(col0, w, o.flip_col), along(col1, w, o.flip_col), w, &p.x0, &p.x1);
    return p;
}

void fv_image_gave(fv_image_job *job, int64_t h, int64_t w, const fv_image_part *part)
{
    fv_image_request *r = job->request;
    if (!r)
        return;
    const fv_orientation o = fv_orientation_get(job->options.ignore_exif ? 1 : job->orientation);
    const int64_t row = o.flip_row ? h - part->y1 : part->y0, col = o.flip_col ? w - part->x1 : part->x0;
    r->y = (double)(o.swap ? col : row);
    r->x = (double)(o.swap ? row : col);
}
