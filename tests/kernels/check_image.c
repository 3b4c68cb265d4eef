/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of image resampling: integers and chains of fused multiply-adds, so everything must be equal. */
#include "check_image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/image/image.h"

typedef struct rows_case {
    fv_resize_axis axis;
    int64_t c, in; /* pixels that outputs use */
} rows_case;

/* A weight, some as large as 255 times all of them may be. */
static void weight_make(fvc *t, bool used, int64_t taps, int16_t *high, int16_t *low)
{
    const int64_t most = 8400000 / taps, w = used ? fvc_int(t, 0, 4) ? fvc_int(t, -most, most) : most : 0;
    *high = (int16_t)(w >> FV_RESIZE_LOW);
    *low = (int16_t)(w & ((1 << FV_RESIZE_LOW) - 1));
}

static int64_t weight_of(int16_t high, int16_t low)
{
    return (int64_t)high * (1 << FV_RESIZE_LOW) + low;
}

/* An axis with random places, numbers of taps and weights. */
static void axis_make(fvc *t, rows_case *x, int64_t most_taps, int64_t most_outputs)
{
    fv_resize_axis *a = &x->axis;
    static const int channels[] = {3, 3, 3, 4, 1, 1, 2, 5, 12, 16, 17, 40};
    x->c = channels[fvc_int(t, 0, 11)];
    *a = (fv_resize_axis){.count = fvc_size(t, most_outputs), .most = (int32_t)fvc_int(t, 1, most_taps)};
    a->width = (a->most + FV_RESIZE_TAPS - 1) / FV_RESIZE_TAPS * FV_RESIZE_TAPS;
    a->first = fvc_buffer(t, (size_t)a->count * 4, 4);
    a->taps = fvc_buffer(t, (size_t)a->count * 4, 4);
    a->high = fvc_buffer(t, (size_t)(a->count * a->width) * 2, 2);
    a->low = fvc_buffer(t, (size_t)(a->count * a->width) * 2, 2);
    a->real = fvc_floats(t, a->count * a->width);
    x->in = 0;
    for (int64_t i = 0; i < a->count; i++) {
        a->first[i] = (int32_t)(i * fvc_int(t, 0, 2));
        a->taps[i] = i == 0 ? a->most : (int32_t)fvc_int(t, 1, a->most);
        x->in = a->first[i] + a->taps[i] > x->in ? a->first[i] + a->taps[i] : x->in;
        for (int64_t k = 0; k < a->width; k++) {
            weight_make(t, k < a->taps[i], a->taps[i], a->high + i * a->width + k, a->low + i * a->width + k);
            a->real[i * a->width + k] = k < a->taps[i] ? fvc_real(t) : 0.0f;
        }
    }
}

static uint8_t rounded(int64_t sum)
{
    const int64_t v = (sum + (INT64_C(1) << (FV_RESIZE_BITS - 1))) >> FV_RESIZE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static uint8_t *random_bytes(fvc *t, int64_t n)
{
    uint8_t *p = fvc_buffer(t, (size_t)n, 1);
    const bool extreme = fvc_int(t, 0, 4) == 0;
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint8_t)(extreme ? 255 : fvc_int(t, 0, 255));
    return p;
}

static void run_rows(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        rows_case x;
        axis_make(t, &x, 30, 70);
        const fv_resize_axis *a = &x.axis;
        /* Exactly what may be read lies before the unreadable page, where it is more than every buffer's tail. */
        int64_t last = 0;
        for (int64_t i = 0; i < a->count; i++)
            last = a->first[i] > last ? a->first[i] : last;
        const int64_t over = (last + a->width) * x.c + 64 - FVC_TAIL, used = x.in * x.c;
        const uint8_t *src[FV_RESIZE_ROWS];
        uint8_t *dst[FV_RESIZE_ROWS], *want[FV_RESIZE_ROWS];
        const int64_t rows = fvc_int(t, 1, FV_RESIZE_ROWS), n = a->count * x.c;
        for (int64_t r = 0; r < FV_RESIZE_ROWS; r++) {
            if (r >= rows) { /* as callers do at the end of an image */
                src[r] = src[r - 1];
                dst[r] = dst[r - 1];
                continue;
            }
            src[r] = random_bytes(t, over > used ? over : used);
            dst[r] = fvc_buffer(t, (size_t)n, 1);
            want[r] = fvc_buffer(t, (size_t)n, 1);
            for (int64_t i = 0; i < n; i++) {
                int64_t sum = 0;
                for (int32_t k = 0; k < a->taps[i / x.c]; k++)
                    sum += weight_of(a->high[i / x.c * a->width + k], a->low[i / x.c * a->width + k]) *
                           src[r][(a->first[i / x.c] + k) * x.c + i % x.c];
                want[r][i] = rounded(sum);
            }
        }
        t->k->image->resize_rows(a, x.c, src, dst);
        for (int64_t r = 0; r < rows; r++)
            fvc_equal_bytes(t, "row", dst[r], want[r], (size_t)n);
        fvc_reset(t);
    }
}

static void run_column(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 400), stride = n + (fvc_int(t, 0, 1) ? fvc_int(t, 0, 30) : 0);
        const int32_t taps = (int32_t)fvc_int(t, 1, 30);
        const int64_t size = (taps - 1) * stride + n;
        /* Within a buffer's tail, so that the unreadable page follows at once; its canary reads as 255. */
        const uint8_t *src = random_bytes(t, size > FVC_TAIL ? size - FVC_TAIL : size);
        uint8_t *dst = fvc_buffer(t, (size_t)n, 1), *want = fvc_buffer(t, (size_t)n, 1);
        int16_t *high = fvc_buffer(t, 32 * 2, 2), *low = fvc_buffer(t, 32 * 2, 2);
        for (int32_t k = 0; k < 32; k++)
            weight_make(t, k < taps, taps, high + k, low + k);
        for (int64_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (int32_t k = 0; k < taps; k++)
                sum += weight_of(high[k], low[k]) * src[k * stride + j];
            want[j] = rounded(sum);
        }
        t->k->image->resize_column(n, taps, high, low, src, stride, dst);
        fvc_equal_bytes(t, "column", dst, want, (size_t)n);
        fvc_reset(t);
    }
}

static void run_real(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        rows_case x;
        axis_make(t, &x, 20, 50);
        const fv_resize_axis *a = &x.axis;
        const int64_t n = a->count * x.c, stride = n + fvc_int(t, 0, 9);
        float *src = fvc_floats(t, x.in * x.c), *dst = fvc_floats(t, n), *want = fvc_floats(t, n);
        fvc_fill_real(t, src, x.in * x.c);
        for (int64_t i = 0; i < n; i++) {
            want[i] = 0.0f;
            for (int32_t k = 0; k < a->taps[i / x.c]; k++)
                want[i] = fmaf(a->real[i / x.c * a->width + k], src[(a->first[i / x.c] + k) * x.c + i % x.c], want[i]);
        }
        t->k->image->resize_rows_f32(a, x.c, src, dst);
        fvc_equal(t, "row", dst, want, n);

        const int64_t size = (a->most - 1) * stride + n;
        float *rows = fvc_floats(t, size);
        fvc_fill_real(t, rows, size);
        for (int64_t j = 0; j < n; j++) {
            want[j] = 0.0f;
            for (int32_t k = 0; k < a->most; k++)
                want[j] = fmaf(a->real[k], rows[k * stride + j], want[j]);
        }
        t->k->image->resize_column_f32(n, a->most, a->real, rows, stride, dst);
        fvc_equal(t, "column", dst, want, n);
        fvc_reset(t);
    }
}

/* ---- timing: a 500 x 375 photograph to 224 x 224, bilinear ---- */

typedef struct bench {
    const fv_image_kernels *k;
    fv_resize_axis axis;
    int64_t c;
    const uint8_t *src[FV_RESIZE_ROWS];
    uint8_t *dst[FV_RESIZE_ROWS];
} bench;

static void call_rows(void *arg)
{
    bench *b = arg;
    for (int y = 0; y < 375; y += FV_RESIZE_ROWS)
        b->k->resize_rows(&b->axis, b->c, b->src, b->dst);
}

static void call_column(void *arg)
{
    bench *b = arg;
    for (int y = 0; y < 224; y++)
        b->k->resize_column(224 * b->c, 5, b->axis.high, b->axis.low, b->src[0], 224 * b->c, b->dst[0]);
}

static void bench_rows(fvc *t)
{
    static int32_t first[224], taps[224];
    static int16_t high[224 * 8], low[224 * 8];
    static uint8_t src[FV_RESIZE_ROWS][3000], dst[FV_RESIZE_ROWS][1000];
    bench b = {.k = t->k->image,
               .axis = {.count = 224, .width = 8, .most = 5, .first = first, .taps = taps, .high = high, .low = low}};
    for (int i = 0; i < 224; i++) {
        first[i] = i * 495 / 224;
        taps[i] = 5;
        for (int k = 0; k < 5; k++)
            high[i * 8 + k] = low[i * 8 + k] = 204;
    }
    for (int r = 0; r < FV_RESIZE_ROWS; r++) {
        b.src[r] = src[r];
        b.dst[r] = dst[r];
    }
    for (b.c = 1; b.c <= 4; b.c++) {
        char label[64];
        snprintf(label, sizeof label, "rows 500 to 224, %d channels, x 375", (int)b.c);
        fvc_time(t, label, 0, 375.0 * 500 * (double)b.c, call_rows, &b);
    }
    b.c = 3;
    fvc_time(t, "columns 375 to 224, 3 channels", 0, 224.0 * 5 * 224 * 3, call_column, &b);
}

const fv_check fv_check_image[] = {{"image.rows", run_rows, bench_rows},
                                   {"image.column", run_column, NULL},
                                   {"image.real", run_real, NULL},
                                   {"image.weights", image_run_weights, NULL},
                                   {"image.quads", image_run_quads, NULL},
                                   {"image.nearest", image_run_nearest, NULL},
                                   {"image.pick", image_run_pick, NULL},
                                   {"image.narrow", image_run_narrow, NULL},
                                   {"image.positions", image_run_positions, NULL},
                                   {"image.bilinear", image_run_bilinear, image_bench_more},
                                   {"image.sharpen", image_run_sharpen, NULL},
                                   {"image.noise", image_run_noise, NULL},
                                   {NULL, NULL, NULL}};

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

static void rows_write_over(const fv_resize_axis *a, int64_t c, const uint8_t *const *src, uint8_t *const *dst)
{
    right->resize_rows(a, c, src, dst);
    dst[0][a->count * c] = 7;
}

static void rows_forget_last(const fv_resize_axis *a, int64_t c, const uint8_t *const *src, uint8_t *const *dst)
{
    fv_resize_axis less = *a;
    less.count -= a->count > 1;
    right->resize_rows(&less, c, src, dst);
}

static void rows_drop_low(const fv_resize_axis *a, int64_t c, const uint8_t *const *src, uint8_t *const *dst)
{
    static int16_t none[100000];
    fv_resize_axis other = *a;
    other.low = none;
    right->resize_rows(&other, c, src, dst);
}

static void column_read_over(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src,
                             int64_t stride, uint8_t *dst)
{
    right->resize_column(n, taps, high, low, src, stride, dst);
    volatile uint8_t beyond = src[(taps - 1) * stride + n + 15];
    (void)beyond;
}

static void column_drop_odd(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src,
                            int64_t stride, uint8_t *dst)
{
    right->resize_column(n, taps > 1 ? taps & ~1 : 1, high, low, src, stride, dst);
}

static void column_two_roundings(int64_t n, int32_t taps, const float *weight, const float *src, int64_t stride,
                                 float *dst)
{
    for (int64_t j = 0; j < n; j++) {
        dst[j] = 0.0f;
        for (int32_t k = 0; k < taps; k++) {
            volatile float product = weight[k] * src[k * stride + j];
            dst[j] += product;
        }
    }
}

static void positions_round_down(const fv_warp_map *map, int64_t y, int64_t x, int64_t n, int32_t *qx, int32_t *qy)
{
    fv_warp_map other = *map;
    other.shift += 0.5 / FV_WARP_ONE;
    right->warp_positions(&other, y, x, n, qx, qy);
}

static void bilinear_write_over(const uint8_t *src, int64_t stride, int64_t c, int64_t n, const int32_t *qx,
                                const int32_t *qy, uint8_t *dst)
{
    right->warp_bilinear(src, stride, c, n, qx, qy, dst);
    dst[n * c] = 0;
}

static void sharpen_ties(int64_t n, int64_t c, int64_t stride, float factor, const uint8_t *src, uint8_t *dst)
{
    right->sharpen(n, c, stride, factor, src, dst);
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(dst[i] + (dst[i] > 0 && dst[i] < 255 && factor < 0));
}

static void normals_restart(const uint32_t word[4], uint64_t first, int64_t n, float *dst)
{
    (void)first;
    right->normals(word, 0, n, dst);
}

static void noise_drops_fraction(int64_t n, float scale, const float *normal, uint8_t *v)
{
    for (int64_t i = 0; i < n; i++) {
        const float y = (float)v[i] + scale * normal[i];
        v[i] = (uint8_t)(y < 0 ? 0 : y > 255 ? 255 : y);
    }
}

static void install_positions(fv_kernels *k)
{
    broken_begin(k)->warp_positions = positions_round_down;
}
static void install_bilinear(fv_kernels *k)
{
    broken_begin(k)->warp_bilinear = bilinear_write_over;
}
static void install_sharpen(fv_kernels *k)
{
    broken_begin(k)->sharpen = sharpen_ties;
}
static void install_restart(fv_kernels *k)
{
    broken_begin(k)->normals = normals_restart;
}
static void install_fraction(fv_kernels *k)
{
    broken_begin(k)->add_noise = noise_drops_fraction;
}
static void install_write_over(fv_kernels *k)
{
    broken_begin(k)->resize_rows = rows_write_over;
}
static void install_forget(fv_kernels *k)
{
    broken_begin(k)->resize_rows = rows_forget_last;
}
static void install_low(fv_kernels *k)
{
    broken_begin(k)->resize_rows = rows_drop_low;
}
static void install_read_over(fv_kernels *k)
{
    broken_begin(k)->resize_column = column_read_over;
}
static void install_odd(fv_kernels *k)
{
    broken_begin(k)->resize_column = column_drop_odd;
}
static void install_roundings(fv_kernels *k)
{
    broken_begin(k)->resize_column_f32 = column_two_roundings;
}

const fv_broken fv_broken_image[] = {
    {"image.rows: writes one byte too many", "image.rows", install_write_over},
    {"image.rows: forgets the last output", "image.rows", install_forget},
    {"image.rows: drops the lower bits of weights", "image.rows", install_low},
    {"image.column: reads behind the last row", "image.column", install_read_over},
    {"image.column: drops the odd tap", "image.column", install_odd},
    {"image.real: rounds twice", "image.real", install_roundings},
    {"image.weights: one too small", "image.weights", image_install_weights},
    {"image.quads: where they do not fit", "image.quads", image_install_quads},
    {"image.nearest: without the sums' rounding", "image.nearest", image_install_nearest},
    {"image.pick: a row too few", "image.pick", image_install_pick},
    {"image.narrow: drops the last tap", "image.narrow", image_install_narrow},
    {"image.positions: rounds down", "image.positions", install_positions},
    {"image.bilinear: writes one byte too many", "image.bilinear", install_bilinear},
    {"image.sharpen: off by one", "image.sharpen", install_sharpen},
    {"image.normals: always from the beginning", "image.noise", install_restart},
    {"image.add_noise: drops the fraction", "image.noise", install_fraction},
    {NULL, NULL, NULL}};
