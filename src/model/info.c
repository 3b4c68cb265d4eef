/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a model: a row per layer, text, checksum. */
#include <string.h>

#include "base/file.h"
#include "model/model.h"

int fv_model_layer_count(const fv_model *model)
{
    return model->finished ? model->graph->n_nodes : 0;
}

/* ---- rows ---- */

/* Whether a node before `n` uses the value: shared parameters are counted where they come first. */
static bool used_before(const fv_graph *g, int n, const fv_val *val)
{
    for (int i = 0; i < n; i++) {
        for (int32_t k = 0; k < g->nodes[i]->n_in; k++) {
            if (g->nodes[i]->in[k] == val)
                return true;
        }
    }
    return false;
}

/* Absurd networks see absurdly far: 2^53 pixels stand for all that is more. */
static int64_t round_up(double x)
{
    if (!(x < 0x1p53))
        return (int64_t)1 << 53;
    int64_t whole = (int64_t)x;
    return (double)whole < x ? whole + 1 : whole;
}

void fv_model_layer(const fv_model *model, int i, fv_layer_info *info)
{
    const fv_graph *g = model->graph;
    *info = (fv_layer_info){.name = "", .op = ""};
    if (i < 0 || i >= fv_model_layer_count(model))
        return;
    const fv_node *node = g->nodes[i];
    info->name = node->name;
    info->op = node->op->name;
    info->output = node->out[0]->shape;
    info->training = fv_model_for_training(model, node->out[0]->id);
    for (int32_t k = 0; k < node->n_in; k++) {
        const fv_val *in = node->in[k];
        if (in && in->role == FV_ROLE_PARAM && !used_before(g, i, in))
            info->parameters += fv_shape_count(&in->shape);
    }
    fv_cost cost = {.flops = (double)fv_shape_count(&info->output)};
    if (node->op->cost)
        cost = node->op->cost(node);
    info->macs = cost.macs;
    info->flops = cost.flops;
    if (!(node->op->traits & FV_T_VIEW))
        info->activation_bytes = fv_shape_count(&info->output) * (int64_t)fv_dtype_size(node->out[0]->dtype);
    const fv_view *view = &model->views[node->out[0]->id];
    for (int d = 0; d < 2; d++) {
        info->receptive_field[d] = round_up(view->field[d]);
        info->jump[d] = round_up(view->jump[d]);
        info->start[d] = view->start[d];
        info->whole[d] = view->whole[d];
    }
}

/* ---- text ---- */

fv_status fv_model_text(const fv_model *model, char **text)
{
    fv_str out = {.ctx = model->ctx};
    *text = NULL;
    fv_graph_text(model->graph, &out);
    for (int i = 0; i < model->aux.count; i++)
        fv_str_printf(&out, "aux    %s weight=%g\n", model->graph->vals[model->aux.head[i].val]->name,
                      model->aux.head[i].weight);
    fv_status status = fv_str_status(&out);
    if (status != FV_OK) {
        fv_str_free(&out);
        return status;
    }
    *text = out.data ? out.data : fv_strdup(model->ctx, "");
    return *text ? FV_OK : FV_ERR_NO_MEMORY;
}

void fv_text_free(fv_ctx *ctx, char *text)
{
    fv_free(ctx, text);
}

/* ---- checksum ---- */

/* Numbers go in as 8 bytes, least first, so that machines agree. */
static void hash_number(fv_sha256 *h, int64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> (8 * i));
    fv_sha256_update(h, bytes, sizeof bytes);
}

/* The dtype is told of others than f32, of which most models consist. */
static void hash_tensor(fv_sha256 *h, fv_dtype dtype, const fv_shape *shape, const fv_tensor *data)
{
    if (dtype != FV_F32)
        fv_sha256_update(h, fv_dtype_name(dtype), strlen(fv_dtype_name(dtype)) + 1);
    hash_number(h, shape->rank);
    for (int d = 0; d < shape->rank; d++)
        hash_number(h, shape->dim[d]);
    if (data)
        fv_sha256_update(h, fv_tensor_const_data(data), fv_tensor_bytes(data));
}

void fv_model_sha256(const fv_model *model, char hex[65])
{
    fv_sha256 h;
    uint8_t digest[32];
    fv_model_sync(model);
    fv_sha256_init(&h);
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        fv_sha256_update(&h, slot->name, strlen(slot->name) + 1);
        hash_tensor(&h, slot->dtype, &slot->shape, slot->data);
    }
    for (int32_t i = 0; i < model->graph->n_vals; i++) {
        const fv_val *val = model->graph->vals[i];
        if (val->role != FV_ROLE_CONST)
            continue;
        fv_sha256_update(&h, val->name, strlen(val->name) + 1);
        hash_tensor(&h, val->dtype, &val->shape, val->elements);
    }
    fv_sha256_final(&h, digest);
    fv_sha256_hex(digest, hex);
}
