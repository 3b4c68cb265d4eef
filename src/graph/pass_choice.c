/* SPDX-License-Identifier: Apache-2.0 */
/* One number of an output, chosen at run time: what is differentiated when an answer is explained. */
#include "graph/internal.h"

typedef struct choice {
    fv_val *from, *which, *sum;
} choice;

static fv_status append(fv_builder *b, void *arg)
{
    choice *c = arg;
    fv_val *chosen = fv_emit(b, "mul", NULL, (fv_val *[]){c->from, c->which}, 2);
    c->sum = fv_emit(b, "reduce_sum", NULL, &chosen, 1);
    return b->status;
}

fv_status fv_pass_choice(const fv_graph *g, const char *input, fv_graph **out, fv_val **sum)
{
    FV_TRY(fv_pass_dead(g, out, NULL));
    choice c = {.from = (*out)->outputs[0]};
    fv_status status = fv_graph_input(*out, input, c.from->dtype, &c.from->shape, &c.which);
    if (status == FV_OK)
        status = fv_graph_extend(*out, input, append, &c);
    if (status != FV_OK)
        fv_graph_destroy(out);
    *sum = c.sum;
    return status;
}
