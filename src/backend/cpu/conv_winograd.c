/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of 3x3 convolutions with stride 1 by minimal filtering (kernels/winograd), in the engine of conv_tiles.h. */
#include "backend/cpu/conv_tiles.h"
#include "kernels/winograd/winograd.h"

/* What tells the solvers apart; begins as conv_igemm's argument does. */
typedef struct winograd_use {
    fv_conv_use use;
    int64_t m;     /* side of a tile of results */
    double spared; /* part of the product's cost that the estimate allows for */
} winograd_use;

static const char *winograd_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    if (problem->dtype != FV_F32)
        return "not float32";
    const fv_conv_geom g = use->geom(problem->node);
    if (g.win.size[0] != 3 || g.win.size[1] != 3)
        return "not 3x3";
    return fv_conv_tiles_reject(self, problem);
}

/* That of the exact chains and a little more: an estimate keeps those, and asking or measuring takes these. */
static double winograd_cost(const fv_solver *self, const fv_problem *problem)
{
    const winograd_use *use = self->arg;
    return (1.0 + use->spared) * fv_conv_igemm_cost(self, problem);
}

static fv_status winograd_prepare(fv_plan *plan)
{
    const winograd_use *use = plan->solver->arg;
    const fv_conv_tiles_use tiles = {
        .kernels = &plan->kernels->winograd->tiles, .m = {use->m, use->m}, .points = (use->m + 2) * (use->m + 2)};
    return fv_conv_tiles_prepare(plan, &tiles);
}

static const winograd_use forward_2 = {.use = FV_CONV_TILES_FORWARD, .m = 2, .spared = 0.03};
static const winograd_use forward_4 = {.use = FV_CONV_TILES_FORWARD, .m = 4, .spared = 0.02};
static const winograd_use forward_6 = {.use = FV_CONV_TILES_FORWARD, .m = 6, .spared = 0.04};
static const winograd_use backward_2 = {.use = FV_CONV_TILES_BACKWARD, .m = 2, .spared = 0.03};
static const winograd_use backward_4 = {.use = FV_CONV_TILES_BACKWARD, .m = 4, .spared = 0.02};
static const winograd_use backward_6 = {.use = FV_CONV_TILES_BACKWARD, .m = 6, .spared = 0.04};

#define ROW(name_, op_, bits_, error_, use_)                                                                           \
    FV_CONV_TILES_ROW(name_, op_, bits_, 1, error_, use_, winograd_reject, winograd_cost, winograd_prepare)

extern const fv_solver fv_cpu_conv_winograd_solvers[];
const fv_solver fv_cpu_conv_winograd_solvers[] = {
    ROW("cpu.conv2d.winograd_2", "conv2d", "winograd_2", 1e-6, forward_2),
    ROW("cpu.conv2d.winograd_4", "conv2d", "winograd_4", 4e-6, forward_4),
    ROW("cpu.conv2d.winograd_6", "conv2d", "winograd_6", 1.5e-5, forward_6),
    ROW("cpu.conv2d_bwd_data.winograd_2", "conv2d_bwd_data", "winograd_2", 1e-6, backward_2),
    ROW("cpu.conv2d_bwd_data.winograd_4", "conv2d_bwd_data", "winograd_4", 4e-6, backward_4),
    ROW("cpu.conv2d_bwd_data.winograd_6", "conv2d_bwd_data", "winograd_6", 1.5e-5, backward_6),
    {.name = NULL},
};
