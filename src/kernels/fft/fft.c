/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/fft/fft.h"

#include "kernels/simd/tile_walk.h"

/* cos(2 pi k / 64) */
#define C1  0.99518472667219688624
#define C2  0.98078528040323044913
#define C3  0.95694033573220886494
#define C4  0.92387953251128675613
#define C5  0.88192126434835502971
#define C6  0.83146961230254523708
#define C7  0.77301045336273696081
#define C8  0.70710678118654752440
#define C9  0.63439328416364549822
#define C10 0.55557023301960222474
#define C11 0.47139673682599764856
#define C12 0.38268343236508977173
#define C13 0.29028467725446236764
#define C14 0.19509032201612826785
#define C15 0.09801714032956060199

/* The same for k = 0 .. 63; -sin(2 pi k / 64) = cosine[k + 16]. */
static const float cosine[64] = {
    (float)1,   (float)C1,   (float)C2,   (float)C3,   (float)C4,   (float)C5,   (float)C6,   (float)C7,
    (float)C8,  (float)C9,   (float)C10,  (float)C11,  (float)C12,  (float)C13,  (float)C14,  (float)C15,
    (float)0,   (float)-C15, (float)-C14, (float)-C13, (float)-C12, (float)-C11, (float)-C10, (float)-C9,
    (float)-C8, (float)-C7,  (float)-C6,  (float)-C5,  (float)-C4,  (float)-C3,  (float)-C2,  (float)-C1,
    (float)-1,  (float)-C1,  (float)-C2,  (float)-C3,  (float)-C4,  (float)-C5,  (float)-C6,  (float)-C7,
    (float)-C8, (float)-C9,  (float)-C10, (float)-C11, (float)-C12, (float)-C13, (float)-C14, (float)-C15,
    (float)0,   (float)C15,  (float)C14,  (float)C13,  (float)C12,  (float)C11,  (float)C10,  (float)C9,
    (float)C8,  (float)C7,   (float)C6,   (float)C5,   (float)C4,   (float)C3,   (float)C2,   (float)C1};

/* ---- one line ---- */

/* n complex numbers; of each, VF lines beside each other. */
typedef struct line {
    vf re[FV_FFT_MAX], im[FV_FFT_MAX];
} line;

FV_INLINE void put_product(line *y, int to, vf re, vf im, float cos, float minus_sin)
{
    const vf c = vf_set1(cos), s = vf_set1(minus_sin);
    y->re[to] = vf_fnma(im, s, vf_mul(re, c));
    y->im[to] = vf_fma(im, c, vf_mul(re, s));
}

/* Stockham's passes: n points are left of each of s transforms. */
FV_INLINE void radix_4(const int n, const int s, const line *x, line *y)
{
    const int quarter = n / 4 * s;
    for (int p = 0; p < n / 4; p++) {
        const int k = p * (FV_FFT_MAX / n);
        for (int q = 0; q < s; q++) {
            const int a = q + s * p, b = a + quarter, c = b + quarter, d = c + quarter, to = q + 4 * s * p;
            const vf re_ac = vf_add(x->re[a], x->re[c]), re_a_c = vf_sub(x->re[a], x->re[c]);
            const vf im_ac = vf_add(x->im[a], x->im[c]), im_a_c = vf_sub(x->im[a], x->im[c]);
            const vf re_bd = vf_add(x->re[b], x->re[d]), re_b_d = vf_sub(x->re[b], x->re[d]);
            const vf im_bd = vf_add(x->im[b], x->im[d]), im_b_d = vf_sub(x->im[b], x->im[d]);
            y->re[to] = vf_add(re_ac, re_bd);
            y->im[to] = vf_add(im_ac, im_bd);
            if (n == 4) { /* all factors are 1 */
                y->re[to + s] = vf_add(re_a_c, im_b_d);
                y->im[to + s] = vf_sub(im_a_c, re_b_d);
                y->re[to + 2 * s] = vf_sub(re_ac, re_bd);
                y->im[to + 2 * s] = vf_sub(im_ac, im_bd);
                y->re[to + 3 * s] = vf_sub(re_a_c, im_b_d);
                y->im[to + 3 * s] = vf_add(im_a_c, re_b_d);
                continue;
            }
            put_product(y, to + s, vf_add(re_a_c, im_b_d), vf_sub(im_a_c, re_b_d), cosine[k], cosine[k + 16]);
            put_product(y, to + 2 * s, vf_sub(re_ac, re_bd), vf_sub(im_ac, im_bd), cosine[2 * k], cosine[2 * k + 16]);
            put_product(y, to + 3 * s, vf_sub(re_a_c, im_b_d), vf_add(im_a_c, re_b_d), cosine[3 * k],
                        cosine[3 * k + 16]);
        }
    }
}

FV_INLINE void radix_2(const int s, const line *x, line *y)
{
    for (int q = 0; q < s; q++) {
        y->re[q] = vf_add(x->re[q], x->re[q + s]);
        y->im[q] = vf_add(x->im[q], x->im[q + s]);
        y->re[q + s] = vf_sub(x->re[q], x->re[q + s]);
        y->im[q + s] = vf_sub(x->im[q], x->im[q + s]);
    }
}

/* Sums of x[j] exp(-2 pi i j k / n), in x itself. The way back is the same with re and im exchanged. */
static void transform(int n, line *x)
{
    line y;
    if (n == 16) {
        radix_4(16, 1, x, &y);
        radix_4(4, 4, &y, x);
        return;
    }
    line z;
    if (n == 32) {
        radix_4(32, 1, x, &y);
        radix_4(8, 4, &y, &z);
        radix_2(16, &z, x);
        return;
    }
    radix_4(64, 1, x, &y);
    radix_4(16, 4, &y, &z);
    radix_4(4, 16, &z, x);
}

/* Of the transform of a + i b, where a and b are real: point k of 2 a and of 2 b. */
typedef struct two {
    vf a_re, a_im, b_re, b_im;
} two;

FV_INLINE two split(const line *x, int k, int n)
{
    const int l = (n - k) & (n - 1);
    return (two){.a_re = vf_add(x->re[k], x->re[l]),
                 .a_im = vf_sub(x->im[k], x->im[l]),
                 .b_re = vf_add(x->im[k], x->im[l]),
                 .b_im = vf_sub(x->re[l], x->re[k])};
}

/* The other way, to points k and n - k of a + i b, with re and im exchanged. */
FV_INLINE void merge(two t, int k, int n, line *x)
{
    const int l = (n - k) & (n - 1);
    x->im[l] = vf_add(t.a_re, t.b_im);
    x->re[l] = vf_sub(t.b_re, t.a_im);
    x->im[k] = vf_sub(t.a_re, t.b_im);
    x->re[k] = vf_add(t.b_re, t.a_im);
}

/* ---- squares ---- */

/* Columns 0 .. n / 2 after the transform along rows; the first and the last are real and lie in line 0, as its real and
 * its imaginary part. Lines are a little apart from powers of two. */
#define PITCH(n) ((n) + 2)
typedef struct square {
    vf re[FV_FFT_MAX / 2 * PITCH(FV_FFT_MAX)], im[FV_FFT_MAX / 2 * PITCH(FV_FFT_MAX)];
} square;

static void put_zeros(int n, int y, square *z)
{
    for (int v = 0; v < n / 2; v++) {
        const int at = v * PITCH(n) + y;
        z->re[at] = z->im[at] = z->re[at + 1] = z->im[at + 1] = vf_zero();
    }
}

/* Rows of the patch, whose pixels lie `step` apart, to columns of twice their transforms. */
FV_INLINE void rows_to_columns(int n, const tile_patch *p, const int64_t step[2], const int lanes, square *z)
{
    for (int y = 0; y < n; y += 2) {
        if (y + 1 < p->y0 || y >= p->y1) {
            put_zeros(n, y, z);
            continue;
        }
        line x;
        const float *row = p->at + (y - p->y0) * step[0];
        for (int i = 0; i < n; i++) {
            const bool here = i >= p->x0 && i < p->x1;
            const float *at = row + (i - p->x0) * step[1];
            x.re[i] = here && y >= p->y0 ? tile_load(at, lanes) : vf_zero();
            x.im[i] = here && y + 1 < p->y1 ? tile_load(at + step[0], lanes) : vf_zero();
        }
        transform(n, &x);
        const two first = split(&x, 0, n), last = split(&x, n / 2, n);
        z->re[y] = first.a_re;
        z->re[y + 1] = first.b_re;
        z->im[y] = last.a_re;
        z->im[y + 1] = last.b_re;
        for (int v = 1; v < n / 2; v++) {
            const two t = split(&x, v, n);
            const int at = v * PITCH(n) + y;
            z->re[at] = t.a_re;
            z->im[at] = t.a_im;
            z->re[at + 1] = t.b_re;
            z->im[at + 1] = t.b_im;
        }
    }
}

/* Where points go: lane b of part j of point i to at + i * point + j * part + b * lane. */
typedef struct points {
    float *at;
    int64_t point, part, lane;
} points;

FV_INLINE void put_point(const points *to, int64_t i, vf re, vf im, const int lanes, const bool filter)
{
    float *at = to->at + i * to->point;
    if (!filter) {
        tile_store(at, re, lanes);
        tile_store(at + to->part, im, lanes);
        tile_store(at + 2 * to->part, vf_neg(im), lanes);
        return;
    }
    float re_lane[VF], im_lane[VF];
    vf_store(re_lane, re);
    vf_store(im_lane, im);
    for (int b = 0; b < lanes; b++, at += to->lane) {
        at[0] = re_lane[b];
        at[to->part] = im_lane[b];
    }
}

/* Points 0 .. n / 2 are the upper half of column 0, as many after them those of column n / 2, then come the columns
 * between them. Of a filter the conjugate ones, with all the factors. */
FV_INLINE void columns_to_points(int n, const square *z, const points *to, const int lanes, const bool filter)
{
    const float factor = 0.25f / (float)(n * n);
    const vf half = vf_set1(filter ? 0.5f * factor : 0.5f), half_im = filter ? vf_neg(half) : half;
    const vf one = vf_set1(factor), one_im = vf_neg(one);
    line x;
    for (int v = 0; v < n / 2; v++) {
        for (int u = 0; u < n; u++) {
            x.re[u] = z->re[v * PITCH(n) + u];
            x.im[u] = z->im[v * PITCH(n) + u];
        }
        transform(n, &x);
        for (int u = 0; v == 0 && u <= n / 2; u++) {
            const two t = split(&x, u, n);
            put_point(to, u, vf_mul(half, t.a_re), vf_mul(half_im, t.a_im), lanes, filter);
            put_point(to, n / 2 + 1 + u, vf_mul(half, t.b_re), vf_mul(half_im, t.b_im), lanes, filter);
        }
        for (int u = 0; v > 0 && u < n; u++) {
            const vf re = filter ? vf_mul(one, x.re[u]) : x.re[u], im = filter ? vf_mul(one_im, x.im[u]) : x.im[u];
            put_point(to, 2 + v * n + u, re, im, lanes, filter);
        }
    }
}

/* ---- the functions of the table ---- */

FV_INLINE void input_vector(const fv_tiles *s, const tile_patch *p, const int lanes, float *v, int64_t v_step)
{
    const points to = {.at = v, .point = v_step, .part = s->c, .lane = 1};
    square z;
    rows_to_columns((int)s->n[0], p, (int64_t[]){s->w * s->c, s->c}, lanes, &z);
    columns_to_points((int)s->n[0], &z, &to, lanes, false);
}

static void input(const fv_tiles *s, const float *src, int64_t first, int64_t count, int64_t c0, int64_t c1, float *v,
                  int64_t v_step)
{
    for (int64_t t = 0; t < count; t++, v += 3 * s->c) {
        tile_patch p = tile_patch_of(s, src, first + t);
        p.at += c0;
        for (int64_t c = c0; c < c1; c += VF, p.at += VF) {
            if (c + VF <= c1)
                input_vector(s, &p, VF, v + c, v_step);
            else
                input_vector(s, &p, (int)(c1 - c), v + c, v_step);
        }
    }
}

static void filter(const fv_tiles *s, const float *tap, const int64_t tap_step[2], int64_t count, float *u,
                   int64_t u_step, int64_t step)
{
    const points to = {.at = u, .point = 2 * u_step, .part = u_step, .lane = step};
    tile_patch p = {.at = tap, .y1 = (int)(s->n[0] - s->m[0] + 1), .x1 = (int)(s->n[1] - s->m[1] + 1)};
    points at = to;
    square z;
    for (int64_t i = 0; i < count; i += VF, p.at += VF, at.at += VF * step) {
        const int lanes = count - i < VF ? (int)(count - i) : VF;
        rows_to_columns((int)s->n[0], &p, tap_step, lanes, &z);
        columns_to_points((int)s->n[0], &z, &at, lanes, true);
    }
}

/* Sums at points to columns of pixels. */
FV_INLINE void points_to_columns(int n, const float *sums, int64_t s_step, int64_t part, const int lanes, square *z)
{
    line x;
    for (int v = 0; v < n / 2; v++) {
        for (int u = 0; v == 0 && u <= n / 2; u++) {
            const float *a = sums + u * s_step, *b = a + (n / 2 + 1) * s_step;
            const two t = {.a_re = tile_load(a, lanes),
                           .a_im = tile_load(a + part, lanes),
                           .b_re = tile_load(b, lanes),
                           .b_im = tile_load(b + part, lanes)};
            merge(t, u, n, &x);
        }
        for (int u = 0; v > 0 && u < n; u++) {
            const float *a = sums + (2 + v * n + u) * s_step;
            x.im[u] = tile_load(a, lanes);
            x.re[u] = tile_load(a + part, lanes);
        }
        transform(n, &x);
        for (int y = 0; y < n; y++) {
            z->re[v * PITCH(n) + y] = x.im[y];
            z->im[v * PITCH(n) + y] = x.re[y];
        }
    }
}

FV_INLINE void output_vector(const fv_tiles *s, const fv_tile_end *end, const tile_square *to, int64_t k,
                             const int lanes, const float *sums, int64_t s_step, float *dst)
{
    const int n = (int)s->n[0];
    const vf bias = end->bias ? tile_load(end->bias + k, lanes) : vf_zero();
    square z;
    points_to_columns(n, sums, s_step, s->k, lanes, &z);
    for (int y = 0; y < to->rows; y += 2) {
        line x;
        x.im[0] = z.re[y];
        x.re[0] = z.re[y + 1];
        x.im[n / 2] = z.im[y];
        x.re[n / 2] = z.im[y + 1];
        for (int v = 1; v < n / 2; v++) {
            const int at = v * PITCH(n) + y;
            merge((two){z.re[at], z.im[at], z.re[at + 1], z.im[at + 1]}, v, n, &x);
        }
        transform(n, &x);
        const int64_t at = to->at + y * s->q * s->k + k;
        for (int i = 0; i < to->cols; i++) {
            tile_finish(end, x.im[i], bias, at + i * s->k, lanes, dst);
            if (y + 1 < to->rows)
                tile_finish(end, x.re[i], bias, at + (s->q + i) * s->k, lanes, dst);
        }
    }
}

static void output(const fv_tiles *s, const fv_tile_end *end, const float *sums, int64_t s_step, int64_t first,
                   int64_t count, int64_t k0, int64_t k1, float *dst)
{
    for (int64_t t = 0; t < count; t++, sums += 2 * s->k) {
        const tile_square to = tile_square_of(s, first + t);
        for (int64_t k = k0; k < k1; k += VF) {
            if (k + VF <= k1)
                output_vector(s, end, &to, k, VF, sums + k, s_step, dst);
            else
                output_vector(s, end, &to, k, (int)(k1 - k), sums + k, s_step, dst);
        }
    }
}

const fv_fft_kernels FV_SYM(fv_fft_kernels) = {.tiles = {.input = input, .output = output, .filter = filter}};
