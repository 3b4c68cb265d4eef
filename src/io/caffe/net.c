/* SPDX-License-Identifier: Apache-2.0 */
/* Maps the layers in order. */
#ifdef FV_WITH_CAFFE
#include "io/caffe/net.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const void *const tables[] = {
    fv_caffe_conv_ops, fv_caffe_dense_ops, fv_caffe_pool_ops, fv_caffe_norm_ops,   fv_caffe_activation_ops,
    fv_caffe_math_ops, fv_caffe_shape_ops, fv_caffe_part_ops, fv_caffe_resize_ops, fv_caffe_other_ops,
};

static bool is_mapped(const void *row)
{
    return ((const fv_caffe_op *)row)->map != NULL;
}

static const fv_import_rows rows = {tables, sizeof tables / sizeof tables[0], sizeof(fv_caffe_op), is_mapped};

const fv_caffe_op *fv_caffe_find_op(const char *type)
{
    return fv_import_find_row(&rows, type);
}

static fv_status refuse_type(fv_caffe_layer *l)
{
    char text[160];
    return fv_import_refuse(&l->net->im, *l->type ? l->type : "a layer without a type", l->name,
                            l->op ? l->op->near : fv_import_nearest(&rows, "type of layer", l->type, text));
}

/* Settings that caffe.proto does not have may change what a layer computes. */
static fv_status check_settings(const fv_caffe_layer *l)
{
    const ProtobufCFieldDescriptor *f =
        l->op->param ? protobuf_c_message_descriptor_get_field_by_name(l->message->descriptor, l->op->param) : NULL;
    const ProtobufCMessage *param =
        f ? *(const ProtobufCMessage *const *)(const void *)((const char *)l->message + f->offset) : NULL;
    for (const fv_caffe_unknown *u = param ? l->net->unknown : NULL; u; u = u->next)
        if (u->in == param)
            return fv_caffe_cannot(l, "its setting '%.60s' (line %d) is not known", u->name, u->line);
    if (param && param->n_unknown_fields)
        return fv_caffe_cannot(l, "its settings have a field %u, which is not known", param->unknown_fields[0].tag);
    return FV_OK;
}

/* Whether a failure is of the layer alone: then it is noted, and what depends on it is passed over. */
static fv_status settle(fv_caffe_layer *l, fv_status status)
{
    bool refused;
    FV_TRY(fv_import_settle(&l->net->im, l->type, l->name, status, &refused));
    for (int i = 0; refused && i < l->n_top; i++)
        l->out[i].f = NULL;
    return FV_OK;
}

/* Whether everything that it takes is there; what was refused was said before. */
static fv_status find_operands(const fv_caffe_layer *l, bool *missing)
{
    *missing = false;
    for (int i = 0; i < l->n_bottom; i++) {
        const fv_caffe_value *v = l->in[i];
        if (!v)
            return fv_fail(l->net->im.ctx, FV_ERR_MODEL_FORMAT,
                           "%s: Caffe: %s '%.100s' takes '%.100s', which nothing before it makes", l->net->path,
                           l->type, l->name, l->bottom[i]);
        const fv_caffe_op *op = v->maker->op;
        if (op && op->kind != FV_CAFFE_PLAIN && op->kind != FV_CAFFE_SOURCE)
            return fv_caffe_cannot(l, "it takes the result of %s '%.100s', which is for training", v->maker->type,
                                   v->maker->name);
        *missing = *missing || !v->f;
    }
    return FV_OK;
}

static fv_status check_blobs(const fv_caffe_layer *l)
{
    if (l->op->takes && l->n_bottom != l->op->takes)
        return fv_caffe_cannot(l, "it takes %d blobs, expected %d", l->n_bottom, l->op->takes);
    return l->n_top || !l->op->takes ? FV_OK : fv_caffe_cannot(l, "it makes 0 blobs, expected 1");
}

/* The message of its settings, whose type newer layers tell. */
static fv_status find_param(fv_caffe_layer *l)
{
    const char *name = l->op->param;
    const ProtobufCFieldDescriptor *f =
        name ? protobuf_c_message_descriptor_get_field_by_name(&fv_caffe__layer__descriptor, name) : NULL;
    l->param = f ? fv_caffe_param_of(l, name, f->descriptor) : NULL;
    return !f || l->param ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status map_layer(fv_caffe_layer *l)
{
    bool missing;
    fv_status status = find_operands(l, &missing);
    if (status != FV_OK || missing)
        return status;
    FV_TRY(check_settings(l));
    FV_TRY(check_blobs(l));
    FV_TRY(find_param(l));
    l->net->im.label = l->net->im.base = *l->name ? l->name : l->type;
    return l->op->map(l);
}

/* ---- outputs ---- */

static fv_status add_output(fv_caffe_net *net, const fv_caffe_value *v, bool only)
{
    fv_import *im = &net->im;
    fv_foreign *f = v->f;
    const int64_t *d = f->shape.dim;
    if (!f->batched && !im->whole) {
        im->merges = true;
        return FV_OK;
    }
    /* scores of one image, n x c x 1 x 1, are a row of classes */
    if (only && f->batched && f->shape.rank == 4 && d[2] == 1 && d[3] == 1) {
        fv_foreign *row = fv_arena_alloc(im->arena, sizeof *row);
        if (!row)
            return FV_ERR_NO_MEMORY;
        *row = *f;
        row->shape = (fv_shape){2, {d[0], d[1]}};
        im->label = NULL;
        im->base = v->name;
        row->form[FV_ORDER_FILE] = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_LAST), &row->shape, true).id;
        row->form[FV_ORDER_LAST] = -1;
        f = row;
    }
    return fv_import_output(im, v->name, f);
}

static fv_status add_outputs(fv_caffe_net *net)
{
    for (int i = 0; i < net->n_layers; i++)
        for (int k = 0; k < net->layers[i].n_top; k++) {
            const fv_caffe_value *v = &net->layers[i].out[k];
            if (v->answer && !v->f)
                return fv_fail(net->im.ctx, FV_ERR_INTERNAL, "%s: '%.100s' was not made", net->path, v->name);
            if (v->answer && !net->im.merges)
                FV_TRY(add_output(net, v, net->n_answers == 1));
        }
    return net->n_answers
               ? FV_OK
               : fv_fail(net->im.ctx, FV_ERR_MODEL, "%s: Caffe: it has no output that anything computes", net->path);
}

fv_status fv_caffe_build(fv_caffe_net *net)
{
    fv_import *im = &net->im;
    FV_TRY(fv_caffe_plan(net));
    for (int i = 0; i < net->n_layers && !im->merges; i++) {
        fv_caffe_layer *l = &net->layers[i];
        if (!l->live || l->done || (l->op && l->op->kind >= FV_CAFFE_LOSS))
            continue;
        if (l->op && l->op->kind == FV_CAFFE_SOURCE) {
            fv_status status = fv_caffe_source(l);
            if (status != FV_OK && !im->merges)
                return status;
        } else if (!l->op || !l->op->map) {
            FV_TRY(refuse_type(l));
        } else {
            FV_TRY(settle(l, map_layer(l)));
        }
    }
    return im->merges || im->n_refusals > 0 ? FV_OK : add_outputs(net);
}

#endif
