/* SPDX-License-Identifier: Apache-2.0 */
/* What a network needs where it is used. */
#include "model/footprint.h"

static const char *const numbers_list[FV_NUMBERS_COUNT + 1] = {"float32", "int8"};
/* Bytes of a filter's element and of any other lasting one; how much smaller activations are than float32. */
static const struct {
    int64_t weight, other, shrink;
} sizes[FV_NUMBERS_COUNT] = {[FV_NUMBERS_FLOAT32] = {4, 4, 1}, [FV_NUMBERS_INT8] = {1, 4, 4}};

const char *const *fv_numbers_names(void)
{
    return numbers_list;
}

static void count_work(const fv_model *model, fv_footprint *f)
{
    const fv_graph *g = model->graph;
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (!fv_model_for_training(model, g->nodes[n]->out[0]->id))
            f->macs += fv_node_cost(g->nodes[n]).macs;
}

fv_status fv_model_needs(const fv_model *model, fv_numbers numbers, const fv_machine *machine, fv_footprint *f,
                         double *seconds)
{
    const fv_program_options options = {.batch = 1, .dtype = FV_F32, .optimize = true, .unbound = true};
    fv_program *program = NULL;
    fv_program_needs needs;
    *f = (fv_footprint){0};
    if ((int)numbers < 0 || numbers >= FV_NUMBERS_COUNT)
        return fv_fail(model->ctx, FV_ERR_VALUE, "numbers %d: expected float32 (0) or int8 (1)", (int)numbers);
    FV_TRY(fv_program_create(model->ctx, model->graph, &options, &program));
    fv_status status = fv_program_needs_of(program, 1e9 * machine->gflops_all, 1e9 * machine->copy_gb_per_s, &needs);
    fv_program_release(&program);
    FV_TRY(status);
    f->parameters = fv_model_parameters(model) - fv_model_aux_parameters(model);
    f->weight_bytes = needs.weights * sizes[numbers].weight + needs.others * sizes[numbers].other;
    f->peak_bytes = (needs.running + sizes[numbers].shrink - 1) / sizes[numbers].shrink;
    *seconds = needs.seconds;
    count_work(model, f);
    return FV_OK;
}

fv_status fv_model_footprint(const fv_model *model, fv_numbers numbers, fv_footprint *footprint)
{
    double seconds;
    *footprint = (fv_footprint){0};
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_model_footprint: model '%s' is not finished", model->name);
    return fv_model_needs(model, numbers, &(fv_machine){.gflops_all = 0}, footprint, &seconds);
}
