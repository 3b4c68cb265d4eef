/* SPDX-License-Identifier: Apache-2.0 */
/* What can be read from a trainer: outputs, gradients and averages behind a step, and what its phase trains. */
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

static fv_status read_port(const fv_trainer *t, const fv_port *port, void *data, size_t bytes)
{
    const fv_pieces *pieces = t->current->pieces;
    const void *whole = pieces ? fv_pieces_whole(pieces, port) : NULL;
    if (!whole)
        return fv_instance_read(t->current->instance, port, data, bytes);
    const size_t most = (size_t)(fv_shape_count(&port->val->shape) * pieces->count) * fv_dtype_size(port->val->dtype);
    if (bytes > most)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "'%s': %zu bytes asked for, and it has %zu", port->name, bytes, most);
    memcpy(data, whole, bytes);
    return FV_OK;
}

static bool is_readable(const fv_trainer *t)
{
    return t->phase >= FV_TRAINER_COMPUTED;
}

fv_status fv_trainer_get(const fv_trainer *t, const char *output, void *data, size_t bytes)
{
    if (!is_readable(t))
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_get: nothing is computed; call fv_trainer_compute first");
    const fv_port *port = output ? fv_program_port(t->current->program, FV_PORT_OUTPUT, output) : NULL;
    if (!port)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_get: model '%s' has no output '%s'", t->model->name,
                       output ? output : "(none)");
    return read_port(t, port, data, bytes);
}

/* The floats of a port: where they are, or a copy in `room`. */
static const float *port_floats(const fv_trainer *t, const fv_port *port, float **room)
{
    const float *data = t->current->pieces ? fv_pieces_whole(t->current->pieces, port) : NULL;
    if (!data)
        data = fv_instance_map(t->current->instance, port);
    if (data)
        return data;
    const size_t bytes = (size_t)fv_shape_count(&port->val->shape) * sizeof(float);
    fv_free(t->ctx, *room);
    *room = fv_malloc(t->ctx, bytes);
    return *room && fv_instance_read(t->current->instance, port, *room, bytes) == FV_OK ? *room : NULL;
}

const float *fv_trainer_gradient_of(fv_trainer *t, const char *parameter, fv_shape *shape)
{
    for (int i = 0; is_readable(t) && i < t->n_params; i++)
        if (strcmp(t->params[i].name, parameter) == 0) {
            if (shape)
                *shape = *fv_tensor_shape(t->params[i].tensor);
            return t->current->gradient[i] ? port_floats(t, t->current->gradient[i], &t->host.gradient) : NULL;
        }
    return NULL;
}

const float *fv_trainer_logits(fv_trainer *t, fv_shape *shape)
{
    const fv_port *port = is_readable(t) ? fv_program_port_at(t->current->program, FV_PORT_OUTPUT, 0) : NULL;
    if (port && shape)
        *shape = port->val->shape;
    if (port && shape && t->current->pieces && fv_pieces_whole(t->current->pieces, port))
        shape->dim[0] *= t->current->pieces->count;
    return port ? port_floats(t, port, &t->host.logits) : NULL;
}

const float *fv_trainer_average_of(fv_trainer *t, const char *name, fv_shape *shape)
{
    const fv_slot *slot = t->average ? fv_model_slot(t->model, name) : NULL;
    if (slot && shape)
        *shape = slot->shape;
    fv_trainer_sync(t);
    return slot ? fv_average_of(t->average, name, strlen(name)) : NULL;
}

const char *fv_trainer_begun(const fv_trainer *t, int64_t epoch, char text[FV_TRAINER_TEXT])
{
    const char *first = "", *last = "";
    int begin = 0;
    long long all = 0, trained = 0;
    for (int i = 0, k = 0; i < t->model->n_slots; i++) {
        if (t->model->slots[i].kind == FV_SLOT_STATE)
            continue;
        const fv_trainer_param *p = &t->params[k++];
        const long long count = (long long)fv_tensor_count(p->tensor);
        all += count;
        trained += t->frozen[i] ? 0 : count;
        if (t->frozen[i] || p->since != t->start.begun[t->start.phase])
            continue;
        first = begin++ ? first : p->name;
        last = p->name;
    }
    if (begin == 0)
        return NULL;
    snprintf(text, FV_TRAINER_TEXT,
             "epoch %lld: --unfreeze-at: %d tensors begin to learn, '%.100s' to '%.100s'; %lld of %lld parameters are "
             "trained",
             (long long)epoch, begin, first, last, trained, all);
    return text;
}
