/* SPDX-License-Identifier: Apache-2.0 */
/* What a program needs whoever computes it: operands that last, the block that runs share, work by layer. */
#include "exec/internal.h"

static bool is_weight(const fv_node *node, int32_t i)
{
    return node->op->kinds && node->op->kinds[i] == FV_OPERAND_WEIGHT;
}

/* Elements of operands that stay the same from run to run, each value once: filters and matrices, and all others. */
static fv_status count_lasting(const fv_program *p, fv_program_needs *needs)
{
    bool *seen = fv_calloc(p->ctx, (size_t)p->graph->n_vals + 1, sizeof *seen);
    if (!seen)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_node *node = p->steps[n].node;
        for (int32_t i = 0; !p->steps[n].once && i < node->n_in; i++) {
            const fv_val *in = node->in[i];
            if (!in || !p->places[in->id].lasting || seen[in->id])
                continue;
            seen[in->id] = true;
            *(is_weight(node, i) ? &needs->weights : &needs->others) += fv_shape_count(&in->shape);
        }
    }
    fv_free(p->ctx, seen);
    return FV_OK;
}

fv_status fv_program_needs_of(const fv_program *p, double flops_rate, double bytes_rate, fv_program_needs *needs)
{
    *needs = (fv_program_needs){.running = p->memory.running + p->memory.inputs};
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_node *node = p->steps[n].node;
        if (p->steps[n].once || !p->steps[n].plan)
            continue;
        const fv_cost cost = fv_node_cost(node);
        const double compute = flops_rate > 0 ? cost.flops / flops_rate : 0;
        const double move = bytes_rate > 0 ? cost.bytes / bytes_rate : 0;
        needs->seconds += compute > move ? compute : move;
    }
    return count_lasting(p, needs);
}
