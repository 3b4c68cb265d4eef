/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the transforms of tiles (kernels/tiles.h): filters of single channels, with the scalar variant's bits and
 * near sums in float64. */
#include "fvcheck.h"

#include <math.h>
#include <string.h>

#include "kernels/fft/fft.h"
#include "kernels/winograd/winograd.h"

/* One filter per channel; of patches and sums, points have so many parts. */
typedef struct tile_case {
    fv_tiles s;
    int64_t images, tiles, points, v_parts, parts;
    float *src, *wei, *add, *bias;
    fv_tile_end end;
    double bound; /* of the error, in sums of absolute products */
} tile_case;

static const fv_tile_kernels *family(const fv_kernels *k, const tile_case *x)
{
    return x->parts == 1 ? &k->winograd->tiles : &k->fft->tiles;
}

static float *reals(fvc *t, int64_t n)
{
    float *p = fvc_floats(t, n);
    fvc_fill_real(t, p, n);
    return p;
}

static void make_case(fvc *t, tile_case *x, const int64_t size[2], int64_t side)
{
    fv_tiles *s = &x->s;
    int64_t behind[2];
    for (int i = 0; i < 2; i++) {
        s->n[i] = s->m[i] + size[i] - 1;
        s->pad[i] = fvc_int(t, 0, size[i] < 5 ? size[i] : 5);
        behind[i] = fvc_int(t, 0, size[i] < 5 ? size[i] - 1 : 4);
    }
    s->h = fvc_int(t, size[0], side);
    s->w = fvc_int(t, size[1], side);
    s->p = s->h + s->pad[0] + behind[0] - size[0] + 1;
    s->q = s->w + s->pad[1] + behind[1] - size[1] + 1;
    s->tiles_y = (s->p + s->m[0] - 1) / s->m[0];
    s->tiles_x = (s->q + s->m[1] - 1) / s->m[1];
    s->c = s->k = fvc_size(t, 40);
    x->images = fvc_int(t, 1, 2);
    x->tiles = x->images * s->tiles_y * s->tiles_x;
    x->src = reals(t, x->images * s->h * s->w * s->c);
    x->wei = reals(t, size[0] * size[1] * s->c);
    x->bias = fvc_int(t, 0, 1) ? reals(t, s->k) : NULL;
    x->add = fvc_int(t, 0, 1) ? reals(t, x->images * s->p * s->q * s->k) : NULL;
    x->end = (fv_tile_end){
        .bias = x->bias, .add = x->add, .clamp = fvc_int(t, 0, 1) == 1, .lo = -0.5f, .hi = (float)size[0]};
}

/* What one instruction set makes of it. */
typedef struct tile_result {
    float *v, *u, *dst;
    int64_t v_count, u_count, dst_count;
} tile_result;

static void multiply(const tile_case *x, const tile_result *r, float *sums)
{
    const int64_t c = x->s.c;
    for (int64_t i = 0; i < x->points * x->tiles * c; i++) {
        const int64_t point = i / (x->tiles * c), k = i % c;
        const float *v = r->v + i / c * x->v_parts * c + k, *u = r->u + point * x->parts * c + k;
        float *sum = sums + i / c * x->parts * c + k;
        if (x->parts == 1) {
            sum[0] = v[0] * u[0];
            continue;
        }
        sum[0] = v[0] * u[0] - v[c] * u[c];
        sum[c] = v[c] * u[0] + v[0] * u[c];
        sum[0] += v[2 * c] == -v[c] ? 0.0f : 1.0f;
    }
}

static tile_result compute(fvc *t, const fv_kernels *k, const tile_case *x, const int64_t size[2], int64_t cut)
{
    const fv_tiles *s = &x->s;
    const fv_tile_kernels *f = family(k, x);
    const int64_t c = s->c, v_step = x->tiles * x->v_parts * c, s_step = x->tiles * x->parts * c, c_cut = c / 3;
    tile_result r = {.v_count = x->points * v_step,
                     .u_count = x->points * x->parts * c,
                     .dst_count = x->images * s->p * s->q * s->k};
    r.v = fvc_floats(t, r.v_count);
    r.u = fvc_floats(t, r.u_count);
    r.dst = fvc_floats(t, r.dst_count);
    float *sums = fvc_floats(t, x->points * s_step);
    f->input(s, x->src, 0, cut, 0, c, r.v, v_step);
    f->input(s, x->src, cut, x->tiles - cut, 0, c_cut, r.v + cut * x->v_parts * c, v_step);
    f->input(s, x->src, cut, x->tiles - cut, c_cut, c, r.v + cut * x->v_parts * c, v_step);
    f->filter(s, x->wei, (int64_t[]){size[1] * c, c}, c, r.u, c, 1);
    multiply(x, &r, sums);
    f->output(s, &x->end, sums, s_step, 0, cut, 0, c, r.dst);
    f->output(s, &x->end, sums + cut * x->parts * c, s_step, cut, x->tiles - cut, 0, c_cut, r.dst);
    f->output(s, &x->end, sums + cut * x->parts * c, s_step, cut, x->tiles - cut, c_cut, c, r.dst);
    return r;
}

static double exact(const tile_case *x, const int64_t size[2], int64_t at, double *absolute)
{
    const fv_tiles *s = &x->s;
    const int64_t k = at % s->k, q = at / s->k % s->q, p = at / s->k / s->q % s->p, image = at / s->k / s->q / s->p;
    double sum = 0.0;
    *absolute = 0.0;
    for (int64_t i = 0; i < size[0] * size[1]; i++) {
        const int64_t y = p - s->pad[0] + i / size[1], z = q - s->pad[1] + i % size[1];
        const double w = (double)x->wei[i * s->c + k];
        *absolute += fabs(w);
        if (y >= 0 && y < s->h && z >= 0 && z < s->w)
            sum += w * (double)x->src[((image * s->h + y) * s->w + z) * s->c + k];
    }
    sum += (x->bias ? (double)x->bias[k] : 0.0) + (x->add ? (double)x->add[at] : 0.0);
    if (!x->end.clamp)
        return sum;
    return sum < (double)x->end.lo ? (double)x->end.lo : sum > (double)x->end.hi ? (double)x->end.hi : sum;
}

static void run_case(fvc *t, tile_case *x, const int64_t size[2], int64_t side)
{
    make_case(t, x, size, side);
    const int64_t cut = fvc_int(t, 0, x->tiles);
    const tile_result got = compute(t, t->k, x, size, cut), want = compute(t, t->scalar, x, size, x->tiles);
    fvc_equal(t, "points", got.v, want.v, want.v_count);
    fvc_equal(t, "points of filters", got.u, want.u, want.u_count);
    fvc_equal(t, "results", got.dst, want.dst, want.dst_count);
    for (int64_t i = 0; i < got.dst_count && !t->failed; i++) {
        double absolute;
        const double sum = exact(x, size, i, &absolute), off = fabs((double)got.dst[i] - sum);
        if (!(off <= x->bound * absolute + 3e-7 * fabs(sum) + 3e-7))
            fvc_fail(t, "element %lld of %lld x %lld filters, tiles of %lld x %lld: %g, exactly %g", (long long)i,
                     (long long)size[0], (long long)size[1], (long long)x->s.m[0], (long long)x->s.m[1],
                     (double)got.dst[i], sum);
    }
    fvc_reset(t);
}

static void run_winograd(fvc *t)
{
    static const struct {
        int64_t m[2], size[2];
    } all[] = {{{2, 2}, {3, 3}}, {{4, 4}, {3, 3}}, {{6, 6}, {3, 3}}, {{2, 2}, {5, 5}},
               {{1, 2}, {1, 3}}, {{2, 1}, {3, 1}}, {{1, 4}, {1, 3}}, {{4, 1}, {3, 1}},
               {{1, 6}, {1, 3}}, {{6, 1}, {3, 1}}, {{1, 4}, {1, 7}}, {{4, 1}, {7, 1}}};
    for (int round = 0; round < fvc_rounds(96) && !t->failed; round++) {
        const size_t i = (size_t)round % (sizeof all / sizeof all[0]);
        tile_case x = {.s.m = {all[i].m[0], all[i].m[1]}, .v_parts = 1, .parts = 1, .bound = 1.5e-5};
        x.points = (x.s.m[0] + all[i].size[0] - 1) * (x.s.m[1] + all[i].size[1] - 1);
        run_case(t, &x, all[i].size, 20);
    }
}

static void run_fft(fvc *t)
{
    for (int round = 0; round < fvc_rounds(24) && !t->failed; round++) {
        const int64_t n = 16 << round % 3, size[2] = {fvc_int(t, 1, n * 2 / 3), fvc_int(t, 1, n * 2 / 3)};
        tile_case x = {.s.m = {n - size[0] + 1, n - size[1] + 1}, .v_parts = 3, .parts = 2, .bound = 3e-6};
        x.points = FV_FFT_POINTS(n);
        run_case(t, &x, size, n == 64 ? 45 : 30);
    }
}

const fv_check fv_check_tiles[] = {
    {"tiles.winograd", run_winograd, NULL}, {"tiles.fft", run_fft, NULL}, {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static const fv_kernels *right;
static fv_winograd_kernels broken_winograd;
static fv_fft_kernels broken_fft;

static void output_without_end(const fv_tiles *tiles, const fv_tile_end *end, const float *s, int64_t s_step,
                               int64_t first, int64_t count, int64_t k0, int64_t k1, float *dst)
{
    fv_tile_end none = *end;
    none.add = NULL;
    right->winograd->tiles.output(tiles, &none, s, s_step, first, count, k0, k1, dst);
}

static void filter_turned(const fv_tiles *tiles, const float *tap, const int64_t tap_step[2], int64_t count, float *u,
                          int64_t u_step, int64_t step)
{
    const int64_t last = (tiles->n[1] - tiles->m[1]) * tap_step[1];
    right->fft->tiles.filter(tiles, tap + last, (int64_t[]){tap_step[0], -tap_step[1]}, count, u, u_step, step);
}

static void install_without_end(fv_kernels *k)
{
    right = fv_kernels_get(k->isa);
    broken_winograd = *k->winograd;
    broken_winograd.tiles.output = output_without_end;
    k->winograd = &broken_winograd;
}

static void install_turned(fv_kernels *k)
{
    right = fv_kernels_get(k->isa);
    broken_fft = *k->fft;
    broken_fft.tiles.filter = filter_turned;
    k->fft = &broken_fft;
}

const fv_broken fv_broken_tiles[] = {{"winograd.output: forgets the residual", "tiles.winograd", install_without_end},
                                     {"fft.filter: mirrors the filter", "tiles.fft", install_turned},
                                     {NULL, NULL, NULL}};
