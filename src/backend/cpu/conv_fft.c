/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of convolutions with large filters and stride 1 by Fourier transforms of tiles (kernels/fft), in the engine
 * of conv_tiles.h. */
#include "backend/cpu/conv_tiles.h"
#include "backend/cpu/split.h"
#include "kernels/fft/fft.h"

/* Smaller filters gain nothing. */
#define TAPS_LEAST 25
/* Points of filters take hundreds of times the memory of the smallest ones; beyond this it is no longer worth it. */
#define PACKED_MOST (256.0 * (1 << 20))

/* Squares of n points. */
static fv_conv_tiles_use squares_of(const int64_t size[2], int64_t n)
{
    const double bits = n == 16 ? 4.0 : n == 32 ? 5.0 : 6.0;
    return (fv_conv_tiles_use){.m = {n - size[0] + 1, n - size[1] + 1},
                               .points = FV_FFT_POINTS(n),
                               .complex = true,
                               .flops = 5.0 * (double)(n * n) * bits};
}

/* The cheapest squares, chosen by the problem of one sample because bits depend on them; 0 points: none can be taken.
 */
static fv_conv_tiles_use best_squares(const fv_tiles *s, const int64_t size[2])
{
    fv_conv_tiles_use best = {.points = 0};
    for (int64_t n = 16; n <= FV_FFT_MAX; n *= 2) {
        const double packed = 2.0 * sizeof(float) * (double)FV_FFT_POINTS(n) * (double)s->c * (double)s->k;
        if (size[0] > n || size[1] > n || packed > PACKED_MOST)
            continue;
        const fv_conv_tiles_use use = squares_of(size, n);
        if (best.points == 0 || fv_conv_tiles_cost(s, &use, 1) < fv_conv_tiles_cost(s, &best, 1))
            best = use;
    }
    return best;
}

static const char *fft_reject(const fv_solver *self, const fv_problem *problem)
{
    const char *reason = fv_f32_reject(self, problem);
    if (!reason)
        reason = fv_conv_tiles_reject(self, problem);
    if (reason)
        return reason;
    const fv_conv_use *use = self->arg;
    const fv_conv_geom g = use->geom(problem->node);
    if (g.win.size[0] * g.win.size[1] < TAPS_LEAST)
        return "filters of fewer than 25 taps";
    if (g.win.size[0] > FV_FFT_MAX || g.win.size[1] > FV_FFT_MAX)
        return "filters of more than 64 rows or columns";
    const fv_tiles s = fv_conv_tiles_shape(use, problem->node);
    return best_squares(&s, g.win.size).points == 0 ? "transformed filters of more than 256 MiB" : NULL;
}

static double fft_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    const fv_conv_geom g = use->geom(problem->node);
    const fv_tiles s = fv_conv_tiles_shape(use, problem->node);
    const fv_conv_tiles_use tiles = best_squares(&s, g.win.size);
    return fv_conv_tiles_cost(&s, &tiles, g.n);
}

static fv_status fft_prepare(fv_plan *plan)
{
    const fv_conv_use *use = plan->solver->arg;
    const fv_conv_geom g = use->geom(plan->problem.node);
    const fv_tiles s = fv_conv_tiles_shape(use, plan->problem.node);
    fv_conv_tiles_use tiles = best_squares(&s, g.win.size);
    tiles.kernels = &plan->kernels->fft->tiles;
    return fv_conv_tiles_prepare(plan, &tiles);
}

static const fv_conv_use forward = FV_CONV_TILES_FORWARD, backward = FV_CONV_TILES_BACKWARD;

extern const fv_solver fv_cpu_conv_fft_solvers[];
const fv_solver fv_cpu_conv_fft_solvers[] = {
    FV_CONV_TILES_ROW("cpu.conv2d.fft", "conv2d", "fft", 2, 1e-6, 0.0, forward, fft_reject, fft_cost, fft_prepare),
    FV_CONV_TILES_ROW("cpu.conv2d_bwd_data.fft", "conv2d_bwd_data", "fft", 2, 1e-6, 0.0, backward, fft_reject, fft_cost,
                      fft_prepare),
    {.name = NULL},
};
