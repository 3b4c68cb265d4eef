/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry: one warp that is projective and bends as a lens does, for pixels, points and boxes. */
#ifndef FV_DATA_WARP_H
#define FV_DATA_WARP_H

#include <fovea/augment.h>

#include "data/image/resize.h"

/* What lies outside the image. */
typedef enum fv_fill {
    FV_FILL_CONSTANT, /* the given value */
    FV_FILL_EDGE,     /* a a a | a b c d | d d d */
    FV_FILL_REFLECT,  /* d c b | a b c d | c b a */
    FV_FILL_WRAP,     /* b c d | a b c d | a b c */
} fv_fill;
/* Which of n samples stands at place i; -1: the constant. */
int64_t fv_fill_index(int64_t i, int64_t n, fv_fill fill);

/*
 * Output pixel centers to source pixel centers. Coordinates are (x, y) in pixels; the center of the first pixel is
 * (0.5, 0.5). p = m (x, y, 1), divided by its third number; then the lens: with d = p - center of the source image,
 * r = |d| / (half its diagonal): source = center + d (1 + k1 r^2 + k2 r^4).
 */
typedef struct fv_warp {
    double m[9]; /* row-major */
    double k1, k2;
    fv_fill fill;
    uint8_t value[16]; /* for CONSTANT, per channel, on the scale of 8 bits; channels beyond 16 take the last */
    fv_filter filter;  /* NEAREST, BILINEAR or BICUBIC */
} fv_warp;

/*
 * dst (h and w set, data of dst->h * dst->w * src->c elements the caller's; c and depth are set here) = src through
 * the warp. Positions are rounded to 1/1024 pixel, so that identity, flips, quarter turns and shifts by whole pixels
 * copy pixels exactly. 8 bits in integers, other depths in float32. Same bits on every instruction set.
 * ARGUMENT (filter, empty sizes), NO_MEMORY.
 */
fv_status fv_warp_image(fv_resize_scratch *scratch, const fv_image *src, const fv_warp *warp, fv_image *dst);

/*
 * Builders compose: each puts its own step behind those already in the warp, as seen by the content: starting from
 * the identity, fv_warp_rotate then fv_warp_translate turns the picture and then moves it. They change m only.
 */
void fv_warp_identity(fv_warp *warp);
/* Counter-clockwise as one looks at the picture, about the point (cx, cy); multiples of 90 are exact. */
void fv_warp_rotate(fv_warp *warp, double degrees, double cx, double cy);
/* Content moves by (dx, dy) pixels: right and down. */
void fv_warp_translate(fv_warp *warp, double dx, double dy);
/* Content grows by sy and sx about (cx, cy); a negative factor mirrors. Factors are not 0. */
void fv_warp_scale(fv_warp *warp, double sy, double sx, double cx, double cy);
/* x' = x + kx (y - cy), y' = y + ky (x - cx) for the content; kx ky is not 1. */
void fv_warp_shear(fv_warp *warp, double ky, double kx, double cx, double cy);
/*
 * The corners of an h x w image, in the order top left, top right, bottom right, bottom left, move by displacement
 * (dx, dy) each. false, and the warp unchanged, when three of the moved corners lie on a line.
 */
bool fv_warp_perspective(fv_warp *warp, int64_t h, int64_t w, const double displacement[8]);

/* out = a b, 3 x 3, row-major; out may be a or b. */
void fv_warp_multiply(const double a[9], const double b[9], double out[9]);
/* out = the inverse of a; out may be a. false when a has none. */
bool fv_warp_invert(const double a[9], double out[9]);

/*
 * Where n points (x, y) of the h x w source go in the output; in place. The lens is inverted by Newton's method to
 * 1e-9 pixel. A point that no output point shows (behind the horizon, beyond the lens) becomes NaN.
 */
void fv_warp_points(const fv_warp *warp, int64_t h, int64_t w, double *xy, int64_t n);

/*
 * The smallest upright box around the four corners of `box` of the h x w source, with a lens around 64 points of its
 * outline (those beyond the lens count as where it folds over), clipped to the out_h x out_w output. Returns the share
 * of its area that clipping left, 0 when nothing is left (*box is then empty).
 */
double fv_warp_box(const fv_warp *warp, int64_t h, int64_t w, int64_t out_h, int64_t out_w, fv_box *box);

#endif
