/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what a resize prepares: weights, tables of four outputs, nearest samples, rows of copies, narrow rows. */
#include "check_image.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/image/image.h"

static double uniform(fvc *t, double lo, double hi)
{
    return lo + (hi - lo) * ((double)fvc_real(t) * 0.5 + 0.5);
}

static double curve_at(fv_resize_shape shape, double x)
{
    const double pi = 3.141592653589793, m = fabs(x);
    switch (shape) {
    case FV_SHAPE_TRIANGLE:
        return m < 1 ? 1 - m : 0;
    case FV_SHAPE_BOX:
        return x > -0.5 && x <= 0.5 ? 1 : 0;
    case FV_SHAPE_CUBIC:
        return m < 1 ? 1.5 * m * m * m - 2.5 * m * m + 1 : m < 2 ? -0.5 * m * m * m + 2.5 * m * m - 4 * m + 2 : 0;
    case FV_SHAPE_LANCZOS:
        return m == 0 ? 1 : m < 3 ? sin(pi * x) * sin(pi * x / 3) * 3 / (pi * pi * x * x) : 0;
    }
    return 0;
}

static void axis_buffers(fvc *t, fv_resize_axis *a, bool real)
{
    const size_t weights = (size_t)(a->count * a->width), quads = (size_t)(a->count + FV_RESIZE_QUADS - 1);
    a->first = fvc_buffer(t, (size_t)a->count * 4, 4);
    a->taps = fvc_buffer(t, (size_t)a->count * 4, 4);
    if (real) {
        a->real = fvc_buffer(t, weights * 4, 4);
        return;
    }
    a->high = fvc_buffer(t, weights * 2, 2);
    a->low = fvc_buffer(t, weights * 2, 2);
    a->quad_pick = fvc_buffer(t, quads * 4, 1);
    a->quad_high = fvc_buffer(t, quads * (size_t)a->width * 2, 2);
    a->quad_low = fvc_buffer(t, quads * (size_t)a->width * 2, 2);
}

/* A random axis as resizing has it, its curve and room for its weights. */
static fv_resize_curve random_axis(fvc *t, fv_resize_axis *a, bool real, int64_t in, int64_t out)
{
    static const double support[] = {
        [FV_SHAPE_TRIANGLE] = 1, [FV_SHAPE_CUBIC] = 2, [FV_SHAPE_BOX] = 0.5, [FV_SHAPE_LANCZOS] = 3};
    fv_resize_curve c = {.shape = (fv_resize_shape)fvc_int(t, 0, 3), .in = in};
    double to = (double)in;
    if (fvc_int(t, 0, 1)) {
        c.from = uniform(t, 0, (double)in * 0.4);
        to = uniform(t, (double)in * 0.6, (double)in);
    }
    c.scale = (to - c.from) / (double)out;
    const double wide = c.scale > 1 ? c.scale : 1;
    c.support = support[c.shape] * wide;
    c.narrow = 1 / wide;
    c.begin = fvc_int(t, 0, out - 1);
    const int64_t reach = (int64_t)ceil(c.support) * 2 + 1;
    *a = (fv_resize_axis){.count = fvc_int(t, 1, out - c.begin)};
    a->width = ((reach < in ? reach : in) + FV_RESIZE_TAPS - 1) / FV_RESIZE_TAPS * FV_RESIZE_TAPS;
    c.line = fvc_buffer(t, (size_t)(a->width + 1) * FV_RESIZE_BLOCK * sizeof *c.line, sizeof *c.line);
    axis_buffers(t, a, real);
    return c;
}

static double weight_of(const fv_resize_axis *a, int64_t i)
{
    return a->real ? (double)a->real[i] : ldexp(a->high[i] * (1 << FV_RESIZE_LOW) + a->low[i], -FV_RESIZE_BITS);
}

void image_run_weights(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        fv_resize_axis a, u;
        const bool real = round % 3 == 0;
        const fv_resize_curve c = random_axis(t, &a, real, fvc_size(t, 300), fvc_size(t, 100));
        u = a;
        axis_buffers(t, &u, real);
        t->k->image->resize_weights(&c, &a);
        t->scalar->image->resize_weights(&c, &u);
        const size_t weights = (size_t)(a.count * a.width);
        fvc_equal_bytes(t, "first against scalar", a.first, u.first, (size_t)a.count * 4);
        fvc_equal_bytes(t, "taps against scalar", a.taps, u.taps, (size_t)a.count * 4);
        if (real)
            fvc_equal(t, "weights against scalar", a.real, u.real, (int64_t)weights);
        else if (fvc_equal_bytes(t, "upper parts against scalar", a.high, u.high, weights * 2))
            fvc_equal_bytes(t, "lower parts against scalar", a.low, u.low, weights * 2);
        int32_t most = 0;
        for (int64_t i = 0; i < a.count && !t->failed; i++) {
            const double center = c.from + ((double)(c.begin + i) + 0.5) * c.scale;
            const double lo = center - c.support + 0.5, hi = center + c.support + 0.5;
            const int64_t first = lo < 0 ? 0 : (int64_t)lo, end = hi > (double)c.in ? c.in : (int64_t)hi;
            double sum = 0;
            for (int64_t k = first; k < end; k++)
                sum += curve_at(c.shape, ((double)k - center + 0.5) * c.narrow);
            if (a.first[i] != first || a.taps[i] != end - first)
                fvc_fail(t, "output %d: %d taps from %d on, expected %d from %d on", (int)i, a.taps[i], a.first[i],
                         (int)(end - first), (int)first);
            most = a.taps[i] > most ? a.taps[i] : most;
            /* Near a zero of Lanczos' curve the sum may be tiny: what is left of it is rounding. */
            for (int64_t k = 0; k < a.width && fabs(sum) > 1e-3 && !t->failed; k++) {
                const double x = ((double)(first + k) - center + 0.5) * c.narrow;
                const double want = k < end - first ? curve_at(c.shape, x) / sum : 0;
                if (fabs(weight_of(&a, i * a.width + k) - want) > ldexp(0.51, -FV_RESIZE_BITS))
                    fvc_fail(t, "weight %d of output %d is %.9g, expected %.9g", (int)k, (int)i,
                             weight_of(&a, i * a.width + k), want);
            }
        }
        if (a.most != most)
            fvc_fail(t, "at most %d taps, expected %d", a.most, most);
        fvc_reset(t);
    }
}

/* Rows of one channel by the tables of four outputs: as without them. */
void image_run_quads(fvc *t)
{
    int used = 0;
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        fv_resize_axis a;
        const int64_t in = fvc_size(t, 200), out = fvc_int(t, in / 10 + 1, round % 3 ? in * 3 : in / 3 + 1);
        const fv_resize_curve c = random_axis(t, &a, false, in, out);
        const size_t room = (size_t)(in + a.width + 64);
        const uint8_t *src[FV_RESIZE_ROWS];
        uint8_t *got[FV_RESIZE_ROWS], *want[FV_RESIZE_ROWS];
        t->scalar->image->resize_weights(&c, &a);
        for (int r = 0; r < FV_RESIZE_ROWS; r++) {
            uint8_t *line = fvc_buffer(t, room, 1);
            for (size_t i = 0; i < room; i++)
                line[i] = (uint8_t)fvc_int(t, 0, 255);
            src[r] = line;
            got[r] = fvc_buffer(t, (size_t)a.count, 1);
            want[r] = fvc_buffer(t, (size_t)a.count, 1);
        }
        t->scalar->image->resize_rows(&a, 1, src, want);
        t->k->image->resize_quads(&a);
        used += a.quads;
        for (int64_t i = 0; i < a.count; i += 4) {
            const int64_t last = i + 3 < a.count ? i + 3 : a.count - 1;
            if (a.first[last] - a.first[i] > 14 && a.quads)
                fvc_fail(t, "outputs %d to %d lie too far apart for a table", (int)i, (int)last);
        }
        t->k->image->resize_rows(&a, 1, src, got);
        for (int r = 0; r < FV_RESIZE_ROWS; r++)
            fvc_equal_bytes(t, "row", got[r], want[r], (size_t)a.count);
        fvc_reset(t);
    }
    if (used < fvc_rounds(100) && !t->failed)
        fvc_fail(t, "tables were made %d times of %d", used, fvc_rounds(300));
}

void image_run_nearest(fvc *t)
{
    for (int round = 0; round < fvc_rounds(500) && !t->failed; round++) {
        const int64_t in = fvc_int(t, 1, 600), out = round % 3 ? fvc_int(t, 1, 600) : (in + 1) / 2;
        fv_resize_curve c = {.in = in, .scale = (double)in / (double)out};
        if (round % 4 == 0) {
            c.from = uniform(t, 0, (double)in * 0.5);
            c.scale = ((double)in - c.from) / (double)out;
        }
        c.begin = fvc_int(t, 0, out - 1);
        const int64_t count = fvc_int(t, 1, out - c.begin);
        int32_t *got = fvc_buffer(t, (size_t)count * 4, 4), *want = fvc_buffer(t, (size_t)count * 4, 4);
        double at = c.from + c.scale * 0.5;
        for (int64_t i = 0; i < c.begin + count; i++, at += c.scale) {
            if (i >= c.begin)
                want[i - c.begin] = (int32_t)(at < (double)in ? at : (double)(in - 1));
        }
        t->k->image->nearest_samples(&c, count, got);
        fvc_equal_bytes(t, "sample", got, want, (size_t)count * 4);
        fvc_reset(t);
    }
}

void image_run_pick(fvc *t)
{
    int used = 0;
    static const int pixels[] = {1, 1, 3, 3, 3, 4, 2, 6, 12, 16, 17};
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int round = 0; round < fvc_rounds(500) && !t->failed; round++) {
        const int64_t pixel = pixels[fvc_int(t, 0, 10)], count = fvc_size(t, 200), n = count * pixel;
        const int64_t times = fvc_int(t, 1, 4), step = fvc_int(t, 1, 16);
        const size_t bytes = (size_t)n + 64;
        int32_t *first = fvc_buffer(t, (size_t)count * 4, 4), at = 0;
        for (int64_t i = 0; i < count; i++, at += (int32_t)(fvc_int(t, 0, step) / 4))
            first[i] = at;
        fv_image_pick p = {.count = count, .pixel = pixel, .first = first, .vbmi = cpu.vbmi && round % 2};
        p.at = fvc_buffer(t, bytes * 4, 4);
        p.base = fvc_buffer(t, (bytes / 16 + 1) * 4, 4);
        p.pick = fvc_buffer(t, bytes * FV_PICK_WINDOWS, 1);
        const int64_t size = (first[count - 1] + 1) * pixel;
        uint8_t *src = fvc_buffer(t, (size_t)(size + FV_PICK_OVER), 1);
        uint8_t *got = fvc_buffer(t, (size_t)(n * times + FV_PICK_OVER), 1), *want = fvc_buffer(t, (size_t)n, 1);
        for (int64_t i = 0; i < size; i++)
            src[i] = (uint8_t)fvc_int(t, 0, 255);
        for (int64_t i = 0; i < n; i++)
            want[i] = src[first[i / pixel] * pixel + i % pixel];
        t->k->image->pick_table(&p);
        used += p.windows > 0;
        for (int64_t g = 0; p.windows > 0 && g < p.groups; g++) {
            const int64_t group = (n + 63) / 64 * 64 / p.groups, end = p.base[g] + p.windows * group;
            if (end > size + FV_PICK_OVER)
                fvc_fail(t, "group %d is read up to byte %d of %d", (int)g, (int)end, (int)size);
        }
        if (p.windows > 0)
            t->k->image->pick_rows(&p, src, times, got);
        for (int64_t r = 0; r < times && p.windows > 0; r++)
            fvc_equal_bytes(t, "row", got + r * n, want, (size_t)n);
        fvc_reset(t);
    }
    if (t->k != t->scalar && used < fvc_rounds(100) && !t->failed)
        fvc_fail(t, "tables were made %d times of %d", used, fvc_rounds(500));
}

void image_run_narrow(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        fv_resize_axis a;
        const int64_t in = fvc_size(t, 120), n = fvc_int(t, 1, FV_RESIZE_NARROW - 1), stride = n + fvc_int(t, 0, 9);
        const fv_resize_curve c = random_axis(t, &a, false, in, fvc_size(t, 120));
        t->scalar->image->resize_weights(&c, &a);
        uint8_t *src = fvc_buffer(t, (size_t)(in * stride + FV_RESIZE_NARROW), 1);
        uint8_t *got = fvc_buffer(t, (size_t)((a.count + 3) * n + FV_RESIZE_NARROW), 1);
        uint8_t *want = fvc_buffer(t, (size_t)(a.count * n), 1);
        for (int64_t i = 0; i < in * stride; i++)
            src[i] = (uint8_t)fvc_int(t, 0, 255);
        for (int64_t i = 0; i < a.count; i++)
            t->scalar->image->resize_column(n, a.taps[i], a.high + i * a.width, a.low + i * a.width,
                                            src + a.first[i] * stride, stride, want + i * n);
        t->k->image->resize_narrow(&a, n, src, stride, got);
        fvc_equal_bytes(t, "rows", got, want, (size_t)(a.count * n));
        fvc_reset(t);
    }
}

/* ---- broken on purpose ---- */

static const fv_image_kernels *right;

static fv_image_kernels *broken_begin(fv_kernels *k)
{
    static fv_image_kernels copy;
    right = k->image;
    copy = *right;
    k->image = &copy;
    return &copy;
}

static void weights_round_down(const fv_resize_curve *curve, fv_resize_axis *a)
{
    right->resize_weights(curve, a);
    if (a->low)
        a->low[0] = (int16_t)(a->low[0] - (a->low[0] > 0));
}

static void quads_always(fv_resize_axis *a)
{
    right->resize_quads(a);
    a->quads = true;
}

static void nearest_without_steps(const fv_resize_curve *curve, int64_t count, int32_t *first)
{
    for (int64_t i = 0; i < count; i++)
        first[i] = (int32_t)(curve->from + ((double)(curve->begin + i) + 0.5) * curve->scale);
}

static void pick_once(const fv_image_pick *p, const uint8_t *src, int64_t times, uint8_t *dst)
{
    right->pick_rows(p, src, times > 1 ? times - 1 : 1, dst);
}

static void narrow_drops_tap(const fv_resize_axis *a, int64_t n, const uint8_t *src, int64_t stride, uint8_t *dst)
{
    fv_resize_axis less = *a;
    less.taps[0] -= less.taps[0] > 1;
    right->resize_narrow(&less, n, src, stride, dst);
}

void image_install_weights(fv_kernels *k)
{
    broken_begin(k)->resize_weights = weights_round_down;
}
void image_install_quads(fv_kernels *k)
{
    broken_begin(k)->resize_quads = quads_always;
}
void image_install_nearest(fv_kernels *k)
{
    broken_begin(k)->nearest_samples = nearest_without_steps;
}
void image_install_pick(fv_kernels *k)
{
    broken_begin(k)->pick_rows = pick_once;
}
void image_install_narrow(fv_kernels *k)
{
    broken_begin(k)->resize_narrow = narrow_drops_tap;
}
