/* SPDX-License-Identifier: Apache-2.0 */
/* Matrices of warps, and where points and boxes go. */
#include <math.h>
#include <string.h>

#include "base/angle.h"
#include "data/image/warp.h"

void fv_warp_multiply(const double a[9], const double b[9], double out[9])
{
    double m[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            m[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    memcpy(out, m, sizeof m);
}

bool fv_warp_invert(const double a[9], double out[9])
{
    double m[9], det;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int r = (j + 1) % 3, s = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            m[3 * i + j] = a[3 * r + c] * a[3 * s + d] - a[3 * r + d] * a[3 * s + c];
        }
    det = a[0] * m[0] + a[1] * m[3] + a[2] * m[6];
    if (!isfinite(det) || det == 0.0)
        return false;
    for (int i = 0; i < 9; i++)
        out[i] = m[i] / det;
    return true;
}

void fv_warp_identity(fv_warp *warp)
{
    static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    memcpy(warp->m, identity, sizeof identity);
}

/* Puts a step behind the warp; `back` takes its output to its input, relative to (cx, cy). */
static void append(fv_warp *warp, const double back[4], double cx, double cy)
{
    const double m[9] = {back[0], back[1], cx - (back[0] * cx + back[1] * cy),
                         back[2], back[3], cy - (back[2] * cx + back[3] * cy),
                         0,       0,       1};
    fv_warp_multiply(warp->m, m, warp->m);
}

void fv_warp_rotate(fv_warp *warp, double degrees, double cx, double cy)
{
    double s, c;
    fv_sincos_turns(degrees / 360.0, &s, &c);
    append(warp, (double[4]){c, -s, s, c}, cx, cy);
}

void fv_warp_translate(fv_warp *warp, double dx, double dy)
{
    fv_warp_multiply(warp->m, (double[9]){1, 0, -dx, 0, 1, -dy, 0, 0, 1}, warp->m);
}

void fv_warp_scale(fv_warp *warp, double sy, double sx, double cx, double cy)
{
    append(warp, (double[4]){1.0 / sx, 0, 0, 1.0 / sy}, cx, cy);
}

void fv_warp_shear(fv_warp *warp, double ky, double kx, double cx, double cy)
{
    const double det = 1.0 - kx * ky;
    append(warp, (double[4]){1.0 / det, -kx / det, -ky / det, 1.0 / det}, cx, cy);
}

/* Twice the signed area of the triangle of three corners. */
static double turn(const double *p, int i, int j, int k)
{
    return (p[2 * j] - p[2 * i]) * (p[2 * k + 1] - p[2 * i + 1]) -
           (p[2 * j + 1] - p[2 * i + 1]) * (p[2 * k] - p[2 * i]);
}

/* The unit square to a quadrilateral (Heckbert, "Fundamentals of texture mapping and image warping", 1989), inverted.
 */
bool fv_warp_perspective(fv_warp *warp, int64_t h, int64_t w, const double displacement[8])
{
    const double fh = (double)h, fw = (double)w, corner[8] = {0, 0, fw, 0, fw, fh, 0, fh};
    double p[8], back[9];
    for (int i = 0; i < 8; i++)
        p[i] = corner[i] + displacement[i];
    for (int i = 0; i < 4; i++)
        if (!(fabs(turn(p, i, (i + 1) % 4, (i + 2) % 4)) > 1e-9 * fh * fw))
            return false;
    const double dx1 = p[2] - p[4], dx2 = p[6] - p[4], sx = p[0] - p[2] + p[4] - p[6];
    const double dy1 = p[3] - p[5], dy2 = p[7] - p[5], sy = p[1] - p[3] + p[5] - p[7];
    const double den = dx1 * dy2 - dx2 * dy1;
    const double g = (sx * dy2 - dx2 * sy) / den, k = (dx1 * sy - sx * dy1) / den;
    const double quad[9] = {p[2] - p[0] + g * p[2],
                            p[6] - p[0] + k * p[6],
                            p[0],
                            p[3] - p[1] + g * p[3],
                            p[7] - p[1] + k * p[7],
                            p[1],
                            g,
                            k,
                            1};
    if (!fv_warp_invert(quad, back))
        return false;
    for (int j = 0; j < 3; j++) {
        back[j] *= fw;
        back[3 + j] *= fh;
    }
    fv_warp_multiply(warp->m, back, warp->m);
    return true;
}

/* The radius at which the lens folds over: the least r > 0 at which d/dr r (1 + k1 r^2 + k2 r^4) is 0. */
static double fold_of(double k1, double k2)
{
    if (k2 == 0.0)
        return k1 < 0.0 ? sqrt(-1.0 / (3.0 * k1)) : INFINITY;
    const double within = 9.0 * k1 * k1 - 20.0 * k2, root = sqrt(within > 0.0 ? within : 0.0);
    const double a = (-3.0 * k1 - root) / (10.0 * k2), b = (-3.0 * k1 + root) / (10.0 * k2);
    const double low = a < b ? a : b, high = a < b ? b : a;
    return within < 0.0 || high <= 0.0 ? INFINITY : sqrt(low > 0.0 ? low : high);
}

static double bend(double k1, double k2, double r)
{
    const double r2 = r * r;
    return r * (1.0 + r2 * (k1 + k2 * r2));
}

/* r up to the fold of r (1 + k1 r^2 + k2 r^4) = bent, by Newton's method between bounds. */
static double unbend(double k1, double k2, double fold, double bent)
{
    double low = 0.0, high = fold, r = bent;
    if (isinf(fold))
        for (high = bent; bend(k1, k2, high) < bent;)
            high *= 2.0;
    for (int i = 0; i < 100; i++) {
        if (!(r >= low && r <= high))
            r = 0.5 * (low + high);
        const double r2 = r * r, slope = 1.0 + r2 * (3.0 * k1 + 5.0 * k2 * r2), miss = bend(k1, k2, r) - bent;
        if (fabs(miss) < 1e-13 * (1.0 + bent))
            break;
        if (miss > 0.0)
            high = r;
        else
            low = r;
        r = slope > 0.0 ? r - miss / slope : -1.0;
    }
    return r;
}

/* Where points go; how many of them an output point shows. What lies beyond the lens goes to its fold, or is NaN. */
static int64_t map_points(const fv_warp *warp, int64_t h, int64_t w, bool to_fold, double *xy, int64_t n)
{
    const double cx = 0.5 * (double)w, cy = 0.5 * (double)h, radius = sqrt(cx * cx + cy * cy);
    const bool lens = warp->k1 != 0.0 || warp->k2 != 0.0;
    const double fold = fold_of(warp->k1, warp->k2), farthest = bend(warp->k1, warp->k2, lens ? fold : 0.0);
    double back[9];
    const bool known = fv_warp_invert(warp->m, back);
    int64_t shown = 0;
    for (int64_t i = 0; i < n; i++, xy += 2) {
        double dx = xy[0] - cx, dy = xy[1] - cy;
        const double bent = sqrt(dx * dx + dy * dy) / radius;
        const bool beyond = lens && !isinf(fold) && bent > farthest;
        if (lens && bent > 0.0) {
            const double r = !beyond ? unbend(warp->k1, warp->k2, fold, bent) : to_fold ? fold : NAN;
            dx *= r / bent;
            dy *= r / bent;
        }
        const double x = cx + dx, y = cy + dy;
        const double z = known ? back[6] * x + back[7] * y + back[8] : 0.0;
        xy[0] = z > 0.0 ? (back[0] * x + back[1] * y + back[2]) / z : NAN;
        xy[1] = z > 0.0 ? (back[3] * x + back[4] * y + back[5]) / z : NAN;
        shown += !beyond;
    }
    return shown;
}

void fv_warp_points(const fv_warp *warp, int64_t h, int64_t w, double *xy, int64_t n)
{
    map_points(warp, h, w, false, xy, n);
}

double fv_warp_box(const fv_warp *warp, int64_t h, int64_t w, int64_t out_h, int64_t out_w, fv_box *box)
{
    enum { SIDE = 16 };
    /* A lens bends the sides, a matrix does not. */
    const int side = warp->k1 != 0.0 || warp->k2 != 0.0 ? SIDE : 1, n = 4 * side;
    double p[8 * SIDE];
    for (int i = 0; i < side; i++) {
        const double x = box->x0 + (box->x1 - box->x0) * i / side, y = box->y0 + (box->y1 - box->y0) * i / side;
        const double outline[8] = {
            x, box->y0, box->x1, y, box->x1 - (x - box->x0), box->y1, box->x0, box->y1 - (y - box->y0)};
        memcpy(p + 8 * i, outline, sizeof outline);
    }
    /* One with no part of its outline in sight fills the sight or is out of it. */
    const double cx = 0.5 * (double)w, cy = 0.5 * (double)h;
    bool seen =
        map_points(warp, h, w, true, p, n) > 0 || (box->x0 < cx && cx < box->x1 && box->y0 < cy && cy < box->y1);
    fv_box hull = {.x0 = INFINITY, .y0 = INFINITY, .x1 = -INFINITY, .y1 = -INFINITY};
    for (int i = 0; i < n; i++) {
        seen = seen && isfinite(p[2 * i]) && isfinite(p[2 * i + 1]);
        hull.x0 = p[2 * i] < hull.x0 ? p[2 * i] : hull.x0;
        hull.y0 = p[2 * i + 1] < hull.y0 ? p[2 * i + 1] : hull.y0;
        hull.x1 = p[2 * i] > hull.x1 ? p[2 * i] : hull.x1;
        hull.y1 = p[2 * i + 1] > hull.y1 ? p[2 * i + 1] : hull.y1;
    }
    const double area = (hull.x1 - hull.x0) * (hull.y1 - hull.y0);
    box->x0 = hull.x0 > 0.0 ? hull.x0 : 0.0;
    box->y0 = hull.y0 > 0.0 ? hull.y0 : 0.0;
    box->x1 = hull.x1 < (double)out_w ? hull.x1 : (double)out_w;
    box->y1 = hull.y1 < (double)out_h ? hull.y1 : (double)out_h;
    if (!seen || !(area > 0.0) || !(box->x0 < box->x1) || !(box->y0 < box->y1)) {
        box->x0 = box->y0 = box->x1 = box->y1 = 0.0;
        return 0.0;
    }
    return (box->x1 - box->x0) * (box->y1 - box->y0) / area;
}
