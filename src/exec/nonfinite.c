/* SPDX-License-Identifier: Apache-2.0 */
/* Which node made the first NaN or Inf: the same step once more with every value kept. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exec/internal.h"

/* What the second run needs of the first one: states (so that they are not updated twice) and inputs, by value. */
typedef struct shadow_memory {
    const fv_instance *of;
    void *room; /* as large as the largest value */
} shadow_memory;

static fv_status shadow_make(shadow_memory *shadow)
{
    const fv_program *p = shadow->of->program;
    int64_t most = 1;
    for (int32_t i = 0; i < p->graph->n_vals; i++)
        most = p->places[i].bytes > most ? p->places[i].bytes : most;
    shadow->room = fv_malloc(p->ctx, (size_t)most);
    return shadow->room ? FV_OK : FV_ERR_NO_MEMORY;
}

static const void *download(const shadow_memory *shadow, const fv_val *val)
{
    const fv_program *p = shadow->of->program;
    const fv_device *d = p->device;
    d->download(d->user, shadow->room, shadow->of->data[val->id], (size_t)p->places[val->id].bytes);
    return shadow->room;
}

/* Whether anything before the update reads or writes a value; what an optimizer remembers is not worth a copy. */
static bool is_computed_with(const fv_program *p, const fv_val *val)
{
    for (int32_t n = 0; n < p->first_update; n++) {
        for (int32_t i = 0; i < p->graph->nodes[n]->n_in; i++) {
            if (p->graph->nodes[n]->in[i] == val)
                return true;
        }
    }
    return false;
}

static void *shadow_find(void *user, const char *name, const fv_shape *shape)
{
    const shadow_memory *shadow = user;
    const fv_program *p = shadow->of->program;
    const fv_val *val = fv_graph_find(p->graph, name);
    return val && is_computed_with(p, val) && fv_shape_equal(&val->shape, shape)
               ? (void *)(uintptr_t)download(shadow, val)
               : NULL;
}

static bool has_nonfinite(const fv_val *val, const void *data)
{
    int64_t count = fv_shape_count(&val->shape);
    if (val->dtype != FV_F32 && val->dtype != FV_F64)
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(fv_get(val->dtype, data, i)))
            return true;
    }
    return false;
}

static fv_status copy_inputs(const shadow_memory *shadow, fv_instance *to)
{
    const fv_program *p = shadow->of->program;
    for (int32_t i = 0; i < p->n_ports; i++) {
        const fv_port *port = &p->ports[i];
        if (port->kind == FV_PORT_INPUT)
            FV_TRY(fv_instance_write(to, port, download(shadow, port->val), (size_t)p->places[port->val->id].bytes));
    }
    return FV_OK;
}

/* The first node in order whose output holds one. */
static void search(const fv_instance *x, shadow_memory *shadow, char *name, size_t size)
{
    const fv_program *p = x->program;
    shadow->of = x;
    for (int32_t n = 0; n < p->first_update; n++) {
        const fv_node *node = p->steps[n].node;
        for (int32_t i = 0; i < node->n_out; i++) {
            if (has_nonfinite(node->out[i], download(shadow, node->out[i]))) {
                snprintf(name, size, "%s", node->name);
                return;
            }
        }
    }
}

fv_status fv_instance_find_nonfinite(fv_instance *instance, const fv_run *run, char *name, size_t size)
{
    shadow_memory shadow = {.of = instance};
    const fv_binding states = {.find = shadow_find, .user = &shadow};
    fv_program *kept = NULL;
    fv_instance *clone = NULL;
    if (size > 0)
        name[0] = '\0';
    fv_status status = shadow_make(&shadow);
    if (status == FV_OK)
        status = fv_program_keep_all(instance->program, &kept);
    if (status == FV_OK)
        status = fv_instance_create(kept, NULL, &states, &clone);
    if (status == FV_OK)
        status = copy_inputs(&shadow, clone);
    if (status == FV_OK)
        status = fv_instance_run(clone, run);
    if (status == FV_OK)
        search(clone, &shadow, name, size);
    fv_instance_destroy(&clone);
    fv_program_release(&kept);
    fv_free(instance->program->ctx, shadow.room);
    return status;
}
