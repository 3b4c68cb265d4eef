/* SPDX-License-Identifier: Apache-2.0 */
#include "train/pieces.h"

#include <string.h>

#include "base/ctx.h"
#include "ops/ops.h"

int fv_pieces_count(int64_t n, int64_t steps)
{
    int count = 1;
    while (2 * count <= steps && 2 * count <= fv_shards(n))
        count *= 2;
    return count;
}

static const fv_port *pieces_ports(const fv_pieces *p, int32_t *count)
{
    return fv_program_ports(fv_instance_program(p->instance), count);
}

static size_t port_bytes(const fv_port *port)
{
    return (size_t)fv_shape_count(&port->val->shape) * fv_dtype_size(port->val->dtype);
}

static bool is_cut(const fv_port *port, const fv_graph *graph, const char *const *scalars, int n_scalars)
{
    const fv_val *val = port->kind == FV_PORT_GRADIENT ? NULL : fv_graph_named(graph, port->name);
    if (!val || val->shape.rank < 1)
        return false;
    for (int i = 0; i < n_scalars; i++)
        if (strcmp(scalars[i], port->name) == 0)
            return false;
    return true;
}

fv_status fv_pieces_create(fv_instance *instance, int64_t n, int count, const fv_graph *graph,
                           const char *const *scalars, int n_scalars, fv_pieces **pieces)
{
    int32_t n_ports;
    fv_ctx *ctx = fv_program_ctx(fv_instance_program(instance));
    fv_pieces *p = fv_new(ctx, fv_pieces);
    *pieces = p;
    if (!p)
        return FV_ERR_NO_MEMORY;
    *p = (fv_pieces){.ctx = ctx, .instance = instance, .n = n, .count = count};
    const fv_port *ports = pieces_ports(p, &n_ports);
    p->whole = fv_calloc(ctx, (size_t)n_ports + 1, sizeof *p->whole);
    fv_status status = p->whole ? FV_OK : FV_ERR_NO_MEMORY;
    for (int32_t i = 0; status == FV_OK && i < n_ports; i++) {
        if (!is_cut(&ports[i], graph, scalars, n_scalars))
            continue;
        p->whole[i] = fv_calloc(ctx, (size_t)count, port_bytes(&ports[i]));
        status = p->whole[i] ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status != FV_OK)
        fv_pieces_destroy(pieces);
    return status;
}

void fv_pieces_destroy(fv_pieces **pieces)
{
    fv_pieces *p = pieces ? *pieces : NULL;
    int32_t n_ports;
    if (!p)
        return;
    (void)pieces_ports(p, &n_ports);
    for (int32_t i = 0; p->whole && i < n_ports; i++)
        fv_free(p->ctx, p->whole[i]);
    fv_free(p->ctx, p->whole);
    fv_free(p->ctx, p);
    *pieces = NULL;
}

void *fv_pieces_whole(const fv_pieces *p, const fv_port *port)
{
    int32_t n_ports;
    return p->whole[port - pieces_ports(p, &n_ports)];
}

/* Inputs of one piece into the instance, or outputs out of it. */
static fv_status copy_ports(const fv_pieces *p, fv_port_kind kind, int piece)
{
    int32_t n_ports;
    const fv_port *ports = pieces_ports(p, &n_ports);
    for (int32_t i = 0; i < n_ports; i++) {
        const size_t bytes = port_bytes(&ports[i]);
        char *at = p->whole[i] ? (char *)p->whole[i] + (size_t)piece * bytes : NULL;
        if (!at || ports[i].kind != kind)
            continue;
        if (kind == FV_PORT_INPUT)
            FV_TRY(fv_instance_write(p->instance, &ports[i], at, bytes));
        else
            FV_TRY(fv_instance_read(p->instance, &ports[i], at, bytes));
    }
    return FV_OK;
}

fv_status fv_pieces_run(const fv_pieces *p, fv_accumulate *accumulate, const fv_run *run)
{
    for (int j = 0; j < p->count; j++) {
        const fv_peers peers = fv_accumulate_peers(accumulate, j, p->count);
        fv_run one = *run;
        one.offset = j * (p->n / p->count);
        one.peers = &peers;
        FV_TRY(copy_ports(p, FV_PORT_INPUT, j));
        FV_TRY(fv_instance_run(p->instance, &one));
        FV_TRY(copy_ports(p, FV_PORT_OUTPUT, j));
    }
    return FV_OK;
}

fv_status fv_pieces_find_nonfinite(const fv_pieces *p, const fv_run *run, char *name, size_t size)
{
    if (size > 0)
        name[0] = '\0';
    for (int j = 0; j < p->count && size > 0 && !name[0]; j++) {
        fv_run one = *run;
        one.offset = j * (p->n / p->count);
        FV_TRY(copy_ports(p, FV_PORT_INPUT, j));
        FV_TRY(fv_instance_find_nonfinite(p->instance, &one, name, size));
    }
    return FV_OK;
}
