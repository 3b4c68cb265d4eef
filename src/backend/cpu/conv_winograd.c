/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of convolutions of 3x3, 5x5 and lines of 3 or 7 taps with stride 1 by minimal filtering (kernels/winograd),
 * in the engine of conv_tiles.h. */
#include "backend/cpu/conv_tiles.h"
#include "kernels/winograd/winograd.h"

/* What tells the solvers apart; begins as conv_igemm's argument does. */
typedef struct winograd_use {
    fv_conv_use use;
    int64_t m, taps;     /* of a tile of results and of the filter, along an axis */
    bool squares, lines; /* filters of taps x taps; of one row or one column */
    const char *refusal; /* of others */
    double line;         /* operations of the transform of a line of points */
} winograd_use;

static const char *winograd_reject(const fv_solver *self, const fv_problem *problem)
{
    const winograd_use *use = self->arg;
    if (problem->dtype == FV_F64)
        return "not float32 and not halves";
    const fv_conv_geom g = use->use.geom(problem->node);
    const int64_t r = g.win.size[0], s = g.win.size[1];
    const bool square = r == use->taps && s == use->taps, line = r * s == use->taps && (r == 1 || s == 1);
    if (!(use->squares && square) && !(use->lines && line))
        return use->refusal;
    return fv_conv_tiles_reject(self, problem);
}

static fv_conv_tiles_use tiles_of(const winograd_use *use, const fv_conv_geom *g)
{
    fv_conv_tiles_use tiles = {.points = 1, .flops = use->line};
    for (int i = 0; i < 2; i++) {
        tiles.m[i] = g->win.size[i] == 1 ? 1 : use->m;
        tiles.points *= tiles.m[i] + g->win.size[i] - 1;
    }
    if (g->win.size[0] > 1 && g->win.size[1] > 1)
        tiles.flops *= (double)(2 * (use->m + use->taps - 1));
    return tiles;
}

static double winograd_cost(const fv_solver *self, const fv_problem *problem)
{
    const winograd_use *use = self->arg;
    const fv_conv_geom g = use->use.geom(problem->node);
    const fv_tiles s = fv_conv_tiles_shape(&use->use, problem->node);
    fv_conv_tiles_use tiles = tiles_of(use, &g);
    tiles.half = problem->dtype == FV_F16;
    return fv_conv_tiles_cost(&s, &tiles, g.n);
}

static fv_status winograd_prepare(fv_plan *plan)
{
    const winograd_use *use = plan->solver->arg;
    const fv_conv_geom g = use->use.geom(plan->problem.node);
    fv_conv_tiles_use tiles = tiles_of(use, &g);
    tiles.kernels = &plan->kernels->winograd->tiles;
    return fv_conv_tiles_prepare(plan, &tiles);
}

/* The same tiles forward and backward. */
#define USES(name_, ...)                                                                                               \
    static const winograd_use name_##_forward = {.use = FV_CONV_TILES_FORWARD, __VA_ARGS__};                           \
    static const winograd_use name_##_backward = {.use = FV_CONV_TILES_BACKWARD, __VA_ARGS__}

#define OF_3 .taps = 3, .squares = true, .lines = true, .refusal = "not 3x3, 1x3 or 3x1"
USES(m2, .m = 2, .line = 4, OF_3);
USES(m4, .m = 4, .line = 18, OF_3);
USES(m6, .m = 6, .line = 45, OF_3);
USES(m2_of_5, .m = 2, .line = 18, .taps = 5, .squares = true, .refusal = "not 5x5");
USES(m4_of_7, .m = 4, .line = 80, .taps = 7, .lines = true, .refusal = "not 1x7 or 7x1");

#define ROWS(bits_, version_, error_, half_error_, use_)                                                               \
    FV_CONV_TILES_ROW("cpu.conv2d." bits_, "conv2d", bits_, version_, error_, half_error_, use_##_forward,             \
                      winograd_reject, winograd_cost, winograd_prepare),                                               \
        FV_CONV_TILES_ROW("cpu.conv2d_bwd_data." bits_, "conv2d_bwd_data", bits_, version_, error_, 0.0,               \
                          use_##_backward, winograd_reject, winograd_cost, winograd_prepare)

extern const fv_solver fv_cpu_conv_winograd_solvers[];
const fv_solver fv_cpu_conv_winograd_solvers[] = {
    ROWS("winograd_2", 3, 1e-6, 5e-4, m2),        ROWS("winograd_4", 2, 4e-6, 2e-3, m4),
    ROWS("winograd_6", 2, 1.5e-5, 1.5e-2, m6),    ROWS("winograd_2_5", 1, 2e-6, 8e-4, m2_of_5),
    ROWS("winograd_4_7", 1, 3e-6, 4e-3, m4_of_7), {.name = NULL},
};
