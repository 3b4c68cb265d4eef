/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trainer.h"

#include <string.h>

#include "model/model.h"
#include "train/update.h"

int fv_trainer_pieces(const fv_trainer *t, int64_t n)
{
    return fv_pieces_count(n, t->options.grad_accum_steps);
}

/* The instance, and room for the whole batch where it holds a piece of it. */
static fv_status make_instance(fv_trainer *t, int64_t n, int pieces, fv_trainer_exec *e)
{
    const char *scalars[FV_LOSSES_MAX];
    FV_TRY(fv_instance_create(e->program, t->scratch, NULL, &e->instance));
    for (int32_t i = 0; i < t->n_losses; i++)
        scalars[i] = t->losses[i].name;
    return pieces > 1 ? fv_pieces_create(e->instance, n, pieces, t->graph, scalars, t->n_losses, &e->pieces) : FV_OK;
}

fv_status fv_trainer_program(fv_trainer *t, int64_t n, fv_program **program)
{
    const int pieces = fv_trainer_pieces(t, n);
    FV_TRY(fv_model_check_batch(t->model, n));
    fv_objective objectives[FV_LOSSES_MAX];
    for (int32_t i = 0; i < t->n_losses; i++)
        objectives[i] = (fv_objective){t->losses[i].name, t->losses[i].weight};
    fv_program_options options = {
        .batch = n / pieces,
        .part = {.total = pieces > 1 ? n : 0},
        .own_statistics = true, /* the next piece has not run yet */
        .dtype = FV_F32,
        .lowering = t->options.freeze_norm ? FV_LOWER_FROZEN : FV_LOWER_TRAINING,
        .optimize = true,
        .objectives = objectives,
        .n_objectives = t->n_losses,
        .update = {.append = fv_trainer_append_update, .user = t},
        .wisdom = t->wisdom,
        .unbound = t->planned,
        .stores = {NULL, t->store},
    };
    options.stores[0] = fv_model_store(t->model);
    return fv_program_create(t->ctx, t->graph, &options, program);
}

static fv_status compile(fv_trainer *t, int64_t n, fv_trainer_exec *e)
{
    e->gradient = fv_calloc(t->ctx, (size_t)t->n_params + 1, sizeof *e->gradient);
    if (!e->gradient)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_trainer_program(t, n, &e->program));
    for (int i = 0; i < t->n_params; i++)
        e->gradient[i] = fv_program_port(e->program, FV_PORT_GRADIENT, t->params[i].name);
    e->loss = fv_program_port(e->program, FV_PORT_OUTPUT, t->losses[0].name);
    e->run = fv_program_port(e->program, FV_PORT_INPUT, FV_UPDATE_RUN);
    e->finite = fv_program_port(e->program, FV_PORT_OUTPUT, FV_UPDATE_FINITE);
    e->n = n;
    return make_instance(t, n, fv_trainer_pieces(t, n), e);
}

/* What is compiled for a batch of n; the one compiled last makes room when all places are taken. */
static fv_status find_exec(fv_trainer *t, int64_t n, fv_trainer_exec **found)
{
    fv_trainer_exec *free_slot = NULL;
    for (int i = 0; i < FV_TRAINER_EXECS; i++) {
        if (t->exec[i].instance && t->exec[i].n == n) {
            *found = &t->exec[i];
            return FV_OK;
        }
        if (!t->exec[i].instance && !free_slot)
            free_slot = &t->exec[i];
    }
    if (!free_slot)
        free_slot = &t->exec[FV_TRAINER_EXECS - 1];
    t->current = NULL; /* what it left in the scratch may be gone */
    t->phase = FV_TRAINER_IDLE;
    fv_trainer_free_exec(t, free_slot);
    fv_status status = compile(t, n, free_slot);
    if (status != FV_OK) {
        fv_trainer_free_exec(t, free_slot);
        return status;
    }
    *found = free_slot;
    return FV_OK;
}

fv_status fv_trainer_prepare(fv_trainer *t, int64_t n)
{
    fv_trainer_exec *unused;
    if (t->trunk)
        FV_TRY(fv_trunk_prepare(t->trunk));
    if (t->distill)
        FV_TRY(fv_distill_prepare(t->distill, t->wisdom));
    return find_exec(t, n, &unused);
}

/* Running statistics to or from the trainer's copy. */
static void copy_states(fv_trainer *t, bool save)
{
    char *p = t->undo.data;
    if (t->n_states == 0)
        return;
    fv_model_sync(t->model);
    for (int i = 0; i < t->n_states; i++) {
        size_t bytes = fv_tensor_bytes(t->states[i]);
        char *data = fv_tensor_data(t->states[i]);
        memcpy(save ? p : data, save ? data : p, bytes);
        p += bytes;
    }
}

void fv_trainer_rollback(fv_trainer *t)
{
    copy_states(t, false);
    fv_model_touch(t->model);
}

/* ---- one step ---- */

/* The weighted sum of the losses. */
static double total_loss(const fv_trainer *t)
{
    const fv_trainer_exec *e = t->current;
    double sum = t->losses[0].weight * fv_instance_scalar(e->instance, e->loss);
    for (int32_t i = 1; i < t->n_losses; i++)
        sum += t->losses[i].weight *
               fv_instance_scalar(e->instance, fv_program_port(e->program, FV_PORT_OUTPUT, t->losses[i].name));
    return sum;
}

double fv_trainer_output_loss(const fv_trainer *t)
{
    return fv_instance_scalar(t->current->instance, t->current->loss);
}

/* Class indices are within the prediction's last dimension. */
static fv_status check_labels(const fv_trainer *t, const fv_port *target, const int32_t *labels, size_t count)
{
    int64_t classes = INT64_MAX;
    for (int32_t i = 0; i < t->graph->n_nodes; i++) {
        const fv_node *node = t->graph->nodes[i];
        if (!(node->op->traits & FV_T_LOSS) || strcmp(node->in[1]->name, target->name) != 0)
            continue;
        const int64_t own = node->in[0]->shape.dim[node->in[0]->shape.rank - 1];
        classes = own < classes ? own : classes;
    }
    for (size_t i = 0; i < count; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return fv_fail(t->ctx, FV_ERR_DATA_CLASSES,
                           "label %d of sample %lld in the batch: the model has %lld classes", labels[i], (long long)i,
                           (long long)classes);
    return FV_OK;
}

fv_status fv_trainer_begin(fv_trainer *t, int64_t n)
{
    if (n < 1)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "a batch of %lld samples: expected at least 1", (long long)n);
    t->phase = FV_TRAINER_IDLE;
    FV_TRY(find_exec(t, n, &t->current));
    int32_t ports;
    (void)fv_program_ports(t->current->program, &ports);
    fv_free(t->ctx, t->host.set);
    t->host.set = fv_calloc(t->ctx, (size_t)ports + 1, sizeof *t->host.set);
    if (!t->host.set)
        return FV_ERR_NO_MEMORY;
    t->phase = FV_TRAINER_BEGUN;
    return FV_OK;
}

static fv_status set_port(fv_trainer *t, const fv_port *port, const void *data)
{
    void *whole = t->current->pieces ? fv_pieces_whole(t->current->pieces, port) : NULL;
    const size_t count = (size_t)fv_shape_count(&port->val->shape) * (size_t)(whole ? t->current->pieces->count : 1);
    for (int32_t i = 0; i < t->n_losses; i++)
        if (t->losses[i].target_dtype == FV_I32 && strcmp(t->losses[i].target, port->name) == 0)
            FV_TRY(check_labels(t, port, data, count));
    const size_t bytes = count * fv_dtype_size(port->val->dtype);
    int32_t ports;
    t->host.set[port - fv_program_ports(t->current->program, &ports)] = true;
    if (!whole)
        return fv_instance_write(t->current->instance, port, data, bytes);
    memcpy(whole, data, bytes);
    return FV_OK;
}

/* What the teachers said of the batch that has begun. */
static fv_status set_teachers(fv_trainer *t)
{
    const char *input;
    const float *target;
    for (int i = 0; t->distill && (target = fv_distill_target(t->distill, i, &input)); i++)
        FV_TRY(set_port(t, fv_program_port(t->current->program, FV_PORT_INPUT, input), target));
    return FV_OK;
}

/* The images of the batch that has begun. */
static fv_status set_images(fv_trainer *t, const float *images)
{
    if (t->distill) {
        FV_TRY(fv_distill_run(t->distill, t->wisdom, images, NULL, t->current->n));
        FV_TRY(set_teachers(t));
    }
    const float *rows = images;
    if (t->trunk)
        FV_TRY(fv_trunk_run(t->trunk, images, t->current->n, &rows));
    return set_port(t, fv_program_port_at(t->current->program, FV_PORT_INPUT, 0), rows);
}

fv_status fv_trainer_set(fv_trainer *t, const char *input, const void *data)
{
    if (t->phase != FV_TRAINER_BEGUN)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_set: call fv_trainer_begin first");
    if (t->trunk && input && data && strcmp(input, t->trunk->input) == 0)
        return set_images(t, data);
    const fv_port *port = input ? fv_program_port(t->current->program, FV_PORT_INPUT, input) : NULL;
    if (t->distill && port && port == fv_program_port_at(t->current->program, FV_PORT_INPUT, 0) && data)
        return set_images(t, data);
    if (!port || port == t->current->run)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_set: model '%s' has no input '%s'", t->model->name,
                       input ? input : "(none)");
    if (!data)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_set: '%s': no data", input);
    return set_port(t, port, data);
}

/* Every input has been given since the batch began. */
static fv_status check_set(const fv_trainer *t)
{
    int32_t count;
    const fv_port *ports = fv_program_ports(t->current->program, &count);
    for (int32_t i = 0; i < count; i++) {
        if (ports[i].kind == FV_PORT_INPUT && &ports[i] != t->current->run && !t->host.set[i])
            return fv_fail(t->ctx, FV_ERR_ARGUMENT, "model '%s': input '%s' of this batch was not set: fv_trainer_set",
                           t->model->name, ports[i].name);
    }
    return FV_OK;
}

fv_status fv_trainer_compute(fv_trainer *t, double *loss)
{
    if (t->phase != FV_TRAINER_BEGUN)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_compute: call fv_trainer_begin first");
    FV_TRY(check_set(t));
    (void)fv_model_store(t->model); /* the device has what the tensors say */
    copy_states(t, true);
    const fv_run run = {.seed = (uint64_t)t->options.seed, .step = (uint64_t)t->step};
    const fv_trainer_exec *e = t->current;
    fv_status status = e->pieces ? fv_pieces_run(e->pieces, t->accumulate, &run) : fv_instance_run(e->instance, &run);
    fv_model_device_changed(t->model); /* running statistics */
    FV_TRY(status);
    t->phase = FV_TRAINER_COMPUTED;
    if (loss)
        *loss = total_loss(t);
    return FV_OK;
}

fv_status fv_trainer_gradient(fv_trainer *t, const float *images, const void *target, int64_t n, double *loss)
{
    FV_TRY(fv_trainer_begin(t, n));
    FV_TRY(images ? set_images(t, images) : fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_gradient: no images"));
    FV_TRY(fv_trainer_set(t, t->losses[0].target, target));
    return fv_trainer_compute(t, loss);
}

fv_status fv_trainer_gradient_of_batch(fv_trainer *t, const fv_batch *batch, const float *rows, double *loss)
{
    if (t->distill)
        FV_TRY(fv_distill_run(t->distill, t->wisdom, batch->images, batch->samples, batch->n));
    FV_TRY(fv_trainer_begin(t, batch->n));
    FV_TRY(set_port(t, fv_program_port_at(t->current->program, FV_PORT_INPUT, 0), rows ? rows : batch->images));
    FV_TRY(set_teachers(t));
    FV_TRY(fv_trainer_set(t, t->losses[0].target, batch->targets ? (const void *)batch->targets : batch->labels));
    return fv_trainer_compute(t, loss);
}

fv_status fv_trainer_blame(fv_trainer *t, char *name, size_t size)
{
    const fv_run run = {.seed = (uint64_t)t->options.seed, .step = (uint64_t)t->step};
    (void)fv_model_store(t->model); /* states as they were before the step */
    if (t->current->pieces)
        return fv_pieces_find_nonfinite(t->current->pieces, &run, name, size);
    return fv_instance_find_nonfinite(t->current->instance, &run, name, size);
}

/* ---- the update ---- */

fv_status fv_trainer_apply(fv_trainer *t, double lr)
{
    return fv_trainer_apply_with(t, lr, fv_optimizer_momentum(&t->options));
}

fv_status fv_trainer_apply_with(fv_trainer *t, double lr, double momentum)
{
    const bool cycles = fv_schedule_cycles_momentum(&t->options);
    if (t->phase != FV_TRAINER_COMPUTED)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT,
                       "fv_trainer_apply: no gradient to apply; call fv_trainer_gradient or fv_trainer_compute first");
    if (!(lr >= 0) || lr > 1e30)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_apply: learning rate %g: expected a number from 0", lr);
    if (cycles ? !(momentum > 0 && momentum < 1) : momentum != fv_optimizer_momentum(&t->options))
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_apply_with: momentum %g: expected %s", momentum,
                       cycles ? "a number above 0, below 1" : "that of the options, which do not cycle it");
    t->phase = FV_TRAINER_APPLIED;
    const fv_trainer_exec *e = t->current;
    const double values[FV_RUN_MOST] = {lr, (double)(t->step + 1), momentum};
    const fv_run run = {.seed = t->options.seed, .step = (uint64_t)t->step, .stage = FV_STAGE_UPDATE};
    if (e->run)
        FV_TRY(fv_instance_write(e->instance, e->run, values,
                                 (size_t)fv_shape_count(&e->run->val->shape) * sizeof *values));
    FV_TRY(fv_instance_run(e->instance, &run));
    fv_model_count_batches(t->model, 1, t->frozen);
    fv_model_touch(t->model);
    fv_model_device_changed(t->model);
    t->step++;
    return FV_OK;
}

bool fv_trainer_finite(fv_trainer *t)
{
    return !t->current->finite || fv_instance_scalar(t->current->instance, t->current->finite) != 0;
}

void fv_trainer_sync(fv_trainer *t)
{
    fv_store_download(t->store);
}

void fv_trainer_touch(fv_trainer *t)
{
    fv_store_upload(t->store);
}
