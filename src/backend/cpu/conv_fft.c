/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of convolutions with large filters and stride 1 by Fourier transforms of tiles (kernels/fft), in the engine
 * of conv_tiles.h. */
#include <math.h>

#include "backend/cpu/conv_tiles.h"
#include "kernels/fft/fft.h"

/* Smaller filters gain nothing. */
#define TAPS_LEAST 25
/* Points of filters take hundreds of times the memory of the smallest ones; beyond this it is no longer worth it. */
#define PACKED_MOST (256.0 * (1 << 20))

/*
 * What one sample takes with squares of n points, as fv_solver.cost counts: four real products for a complex one;
 * transforms, at a quarter of the products' speed; filters read once, and points and sums written and read, which
 * mostly happens in a cache of four times the memory's speed.
 */
static double cost_of(const fv_tiles *s, const int64_t size[2], int64_t n)
{
    const int64_t m[2] = {n - size[0] + 1, n - size[1] + 1};
    const double tiles = (double)((s->p + m[0] - 1) / m[0]) * (double)((s->q + m[1] - 1) / m[1]);
    const double c = (double)s->c, k = (double)s->k, points = (double)FV_FFT_POINTS(n),
                 bits = n == 16   ? 4
                        : n == 32 ? 5
                                  : 6;
    const double products = 2.0 * 4.0 * tiles * points * c * k / 100.0;
    const double transforms = tiles * (c + k) * 5.0 * (double)(n * n) * bits / 25.0;
    const double memory = 4.0 * points * (2.0 * c * k / 10.0 + tiles * 2.0 * (3.0 * c + 2.0 * k) / 40.0);
    return 500.0 + products + transforms + memory;
}

/* Points along a side of a tile's square, from the problem of one sample alone because bits depend on them; 0: none can
 * be taken. */
static int64_t best_side(const fv_tiles *s, const int64_t size[2], double *cost)
{
    int64_t best = 0;
    for (int64_t n = 16; n <= FV_FFT_MAX; n *= 2) {
        const double packed = 2.0 * sizeof(float) * (double)FV_FFT_POINTS(n) * (double)s->c * (double)s->k;
        if (size[0] > n || size[1] > n || packed > PACKED_MOST)
            continue;
        const double of_n = cost_of(s, size, n);
        if (best == 0 || of_n < *cost) {
            best = n;
            *cost = of_n;
        }
    }
    return best;
}

static const char *fft_reject(const fv_solver *self, const fv_problem *problem)
{
    const char *reason = fv_conv_tiles_reject(self, problem);
    if (reason)
        return reason;
    const fv_conv_use *use = self->arg;
    const fv_conv_geom g = use->geom(problem->node);
    if (g.win.size[0] * g.win.size[1] < TAPS_LEAST)
        return "filters of fewer than 25 taps";
    if (g.win.size[0] > FV_FFT_MAX || g.win.size[1] > FV_FFT_MAX)
        return "filters of more than 64 rows or columns";
    double cost;
    const fv_tiles s = fv_conv_tiles_shape(use, problem->node);
    return best_side(&s, g.win.size, &cost) == 0 ? "transformed filters of more than 256 MiB" : NULL;
}

/* An estimate keeps the exact chains for now, whose cost the maximum is a little more than: asking or measuring takes
 * these. Without it, `cost` is what this takes. */
static double fft_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    const fv_conv_geom g = use->geom(problem->node);
    const fv_tiles s = fv_conv_tiles_shape(use, problem->node);
    double cost = 0.0;
    best_side(&s, g.win.size, &cost);
    return fmax(1.05 * fv_conv_igemm_cost(self, problem), cost * (double)g.n);
}

static fv_status fft_prepare(fv_plan *plan)
{
    const fv_conv_use *use = plan->solver->arg;
    const fv_conv_geom g = use->geom(plan->problem.node);
    const fv_tiles s = fv_conv_tiles_shape(use, plan->problem.node);
    double cost;
    const int64_t n = best_side(&s, g.win.size, &cost);
    const fv_conv_tiles_use tiles = {.kernels = &plan->kernels->fft->tiles,
                                     .m = {n - g.win.size[0] + 1, n - g.win.size[1] + 1},
                                     .points = FV_FFT_POINTS(n),
                                     .complex = true};
    return fv_conv_tiles_prepare(plan, &tiles);
}

static const fv_conv_use forward = FV_CONV_TILES_FORWARD, backward = FV_CONV_TILES_BACKWARD;

extern const fv_solver fv_cpu_conv_fft_solvers[];
const fv_solver fv_cpu_conv_fft_solvers[] = {
    FV_CONV_TILES_ROW("cpu.conv2d.fft", "conv2d", "fft", 1, 1e-6, forward, fft_reject, fft_cost, fft_prepare),
    FV_CONV_TILES_ROW("cpu.conv2d_bwd_data.fft", "conv2d_bwd_data", "fft", 1, 1e-6, backward, fft_reject, fft_cost,
                      fft_prepare),
    {.name = NULL},
};
