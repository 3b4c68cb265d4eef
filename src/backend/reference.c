/* SPDX-License-Identifier: Apache-2.0 */
/* The solver of last resort: an operator's own reference loops. */
#include "backend/solver.h"

static const char *reference_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->node->op->ref ? NULL : "the operator has no reference loops";
}

static double reference_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    double flops = 0.0;
    if (node->op->cost) {
        flops = node->op->cost(node).flops;
    } else {
        for (int i = 0; i < node->n_out; i++)
            flops += (double)fv_shape_count(&node->out[i]->shape);
    }
    /* Above what any real solver says, so that it is never chosen while there is another. */
    return 1e6 + 100.0 * flops;
}

static void reference_run(const fv_plan *plan, const fv_call *call)
{
    plan->problem.node->op->ref(call);
}

const fv_solver fv_reference_solvers[] = {
    {.name = "reference",
     .version = 1,
     .bits = FV_BITS_REFERENCE,
     .reject = reference_reject,
     .cost = reference_cost,
     .run = reference_run},
    {.name = NULL},
};

static const fv_solver *const reference_tables[] = {fv_reference_solvers, NULL};

const fv_solver_provider fv_reference_provider = {.name = "reference", .tables = reference_tables};
