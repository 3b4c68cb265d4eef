/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the graph: inputs, initializers, nodes in order, outputs. */
#include "io/onnx/file.h"

#ifdef FV_WITH_ONNX
#include <stdio.h>
#include <string.h>

#include "io/onnx/quant.h"

static const void *const tables[] = {
    fv_onnx_conv_ops,       fv_onnx_pool_ops,   fv_onnx_dense_ops,  fv_onnx_norm_ops,
    fv_onnx_activation_ops, fv_onnx_math_ops,   fv_onnx_shape_ops,  fv_onnx_constant_ops,
    fv_onnx_part_ops,       fv_onnx_reduce_ops, fv_onnx_resize_ops, fv_onnx_quant_ops,
};

static bool is_mapped(const void *row)
{
    const fv_onnx_op *op = row;
    return op->map || op->fold;
}

static const fv_import_rows rows = {tables, sizeof tables / sizeof tables[0], sizeof(fv_onnx_op), is_mapped};
static const void *const microsoft[] = {fv_onnx_microsoft_ops};
static const fv_import_rows microsoft_rows = {microsoft, 1, sizeof(fv_onnx_op), is_mapped};

/* ---- leaves ---- */

static fv_status add_initializers(fv_import *im, const FvOnnx__Graph *g)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        const FvOnnx__Tensor *t = g->initializer[i];
        fv_foreign *f;
        if (!t->name || !*t->name)
            return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: initializer %lld has no name", im->file,
                           (long long)i);
        FV_TRY(fv_import_add(im, t->name, &f));
        f->initial = true;
        FV_TRY(fv_onnx_read_tensor(im, t, t->name, f));
    }
    return FV_OK;
}

static bool takes(const FvOnnx__Node *node, const char *name)
{
    for (size_t k = 0; k < node->n_input; k++)
        if (strcmp(node->input[k], name) == 0)
            return true;
    return false;
}

/* Whether a node takes a value. */
static bool is_taken(const FvOnnx__Graph *g, const char *name)
{
    bool taken = !name;
    for (size_t i = 0; i < g->n_node && !taken; i++)
        taken = takes(g->node[i], name);
    return taken;
}

/* Whether whatever takes an input of four dimensions first turns it to n c h w: then it is n h w c. */
static bool has_channels_last(const FvOnnx__Graph *g, const char *name)
{
    static const int64_t perm[4] = {0, 3, 1, 2};
    bool any = false;
    for (size_t i = 0; i < g->n_node; i++) {
        const FvOnnx__Node *node = g->node[i];
        if (!takes(node, name))
            continue;
        if (!node->op_type || strcmp(node->op_type, "Transpose") != 0)
            return false;
        for (size_t a = 0; a < node->n_attribute; a++)
            if (node->attribute[a]->n_ints == 4 && memcmp(node->attribute[a]->ints, perm, sizeof perm) == 0)
                any = true;
    }
    return any;
}

/* Sizes of an image that the file leaves open, from the options. `at`: dimensions of rows and columns. */
static fv_status open_sizes(fv_import *im, const FvOnnx__ValueInfo *info, const fv_import_options *o, bool last,
                            fv_shape *shape)
{
    const int at = shape->rank == 4 ? (last ? 1 : 2) : -1;
    for (int d = 0; d < shape->rank; d++) {
        const bool side = at > 0 && (d == at || d == at + 1);
        int64_t given = 0;
        if (shape->dim[d] > 0)
            continue;
        if (side && o->img_size[d - at] > 0)
            given = o->img_size[d - at];
        else
            FV_TRY(fv_import_given_size(im, o, info->name, shape->rank, d, last, &given));
        shape->dim[d] = given;
        if (given < 1)
            return fv_fail_hint(im->ctx,
                                fv_fail(im->ctx, FV_ERR_MODEL,
                                        "%s: ONNX: input '%.200s': dimension %d is left open by "
                                        "the file%s",
                                        im->file, info->name, d,
                                        side ? ", and nothing says how large an image is" : ", and is not the batch"),
                                side ? "give its size: --img-size HxW" : "export the network with that size fixed");
    }
    return FV_OK;
}

static fv_status add_input(fv_import *im, const FvOnnx__Graph *g, const FvOnnx__ValueInfo *info,
                           const fv_import_options *o)
{
    const FvOnnx__TensorType *type = info->type ? info->type->tensor_type : NULL;
    fv_shape shape = {.rank = 0};
    fv_dtype dtype;
    if (!info->name || !*info->name)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: an input has no name", im->file);
    if (fv_import_find(im, info->name))
        return FV_OK; /* files of IR 3 list their weights among the inputs */
    if (!type || !fv_onnx_dtype(type->has_elem_type ? type->elem_type : 0, &dtype))
        return fv_fail(im->ctx, FV_ERR_MODEL,
                       "%s: ONNX: input '%.200s' is no tensor of numbers that can be had (type %d)", im->file,
                       info->name, type ? (int)type->elem_type : 0);
    if (!type->shape)
        return fv_fail(im->ctx, FV_ERR_MODEL,
                       "%s: ONNX: input '%.200s': the file does not say how many dimensions it has", im->file,
                       info->name);
    if (type->shape->n_dim > FV_MAX_RANK)
        return fv_fail(im->ctx, FV_ERR_MODEL, "%s: ONNX: input '%.200s' has %lld dimensions: at most %d are supported",
                       im->file, info->name, (long long)type->shape->n_dim, FV_MAX_RANK);
    shape.rank = (int32_t)type->shape->n_dim;
    for (int d = 0; d < shape.rank; d++)
        shape.dim[d] = type->shape->dim[d]->has_dim_value ? type->shape->dim[d]->dim_value : 0;
    if (!im->whole && shape.rank == 0)
        return fv_import_merges(im);
    im->single = im->single || (shape.rank > 0 && shape.dim[0] == 1);
    const bool last = shape.rank == 4 && has_channels_last(g, info->name);
    if (im->whole && shape.rank > 0 && shape.dim[0] < 1)
        FV_TRY(fv_import_given_size(im, o, info->name, shape.rank, 0, last, &shape.dim[0]));
    if (shape.rank > 0 && (!im->whole || shape.dim[0] < 1))
        shape.dim[0] = 1;
    FV_TRY(open_sizes(im, info, o, last, &shape));
    if (fv_shape_count(&shape) < 0)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: input '%.200s': its dimensions are impossible",
                       im->file, info->name);
    FV_TRY(fv_import_input(im, info->name, dtype, &shape, shape.rank == 4 && !last));
    for (int i = 0; i < o->n_values; i++)
        if (strcmp(o->values[i].name, info->name) == 0 || (o->n_values == 1 && !*o->values[i].name))
            fv_import_find(im, info->name)->known = o->values[i].tensor;
    return FV_OK;
}

/* One batch: inputs whose first dimensions are different numbers are no samples of one. */
static fv_status check_batch(fv_import *im, const FvOnnx__Graph *g)
{
    int64_t batch = 0;
    for (size_t i = 0; i < g->n_input && !im->whole; i++) {
        const FvOnnx__TensorType *type = g->input[i]->type ? g->input[i]->type->tensor_type : NULL;
        const fv_foreign *f = g->input[i]->name ? fv_import_find(im, g->input[i]->name) : NULL;
        if (!type || !type->shape || !type->shape->n_dim || !f || f->data || !type->shape->dim[0]->has_dim_value)
            continue;
        const int64_t size = type->shape->dim[0]->dim_value;
        if (batch > 0 && size != batch)
            return fv_import_merges(im);
        batch = size;
    }
    return FV_OK;
}

/* ---- nodes ---- */

/* Computes a node of constants by a model of its own; *done false: they are too large, or it is a sum over the first
 * dimension, which is left for the network. */
static fv_status compute(const fv_onnx_node *n, const fv_onnx_op *op, fv_import_fold *fold, bool *done)
{
    fv_onnx_node inner = *n;
    fv_foreign **out = fv_arena_alloc(n->im->arena, ((size_t)n->n_out + 1) * sizeof(fv_foreign *));
    if (!out)
        return FV_ERR_NO_MEMORY;
    inner.im = &fold->sub;
    inner.in = fold->in;
    FV_TRY(op->map(&inner));
    for (int i = 0; i < n->n_out; i++)
        out[i] = *n->out[i] ? fv_import_find(&fold->sub, n->out[i]) : NULL;
    FV_TRY(fv_import_fold_compute(fold, out, n->n_out));
    *done = fv_import_fold_done(fold);
    for (int i = 0; i < n->n_out && *done; i++) {
        void *data;
        if (!out[i])
            continue;
        FV_TRY(fv_onnx_result_constant(n, i, out[i]->dtype, &out[i]->shape, &data));
        fv_import_find(n->im, n->out[i])->initial = fold->initial;
        FV_TRY(fv_import_fold_take(fold, out[i], data));
    }
    return FV_OK;
}

static fv_status fold_by_graph(const fv_onnx_node *n, const fv_onnx_op *op, bool *done)
{
    fv_import_fold fold;
    const fv_import_node node = fv_onnx_common(n);
    fv_status status = fv_import_fold_begin(&node, 8, &fold);
    if (status == FV_OK)
        status = compute(n, op, &fold, done);
    fv_import_fold_end(&fold);
    return status;
}

static fv_status map_node(const fv_onnx_node *n, const fv_onnx_op *op)
{
    const fv_import_node node = fv_onnx_common(n);
    const bool constant = fv_import_constants(&node);
    if (constant && op->fold)
        return op->fold(n);
    if (!op->map)
        return fv_onnx_cannot(n, "%s", op->near ? op->near : "it is supported of constants alone");
    if (op->near != fv_onnx_integers)
        FV_TRY(fv_onnx_settle_all(n));
    bool done = false;
    if (constant)
        FV_TRY(fold_by_graph(n, op, &done));
    return done ? FV_OK : op->map(n);
}

fv_status fv_onnx_map_standard(const fv_onnx_node *n)
{
    return map_node(n, fv_import_find_row(&rows, n->op));
}

/* What was refused is noted, and what depends on it is passed over. */
static fv_status settle(const fv_onnx_node *n, fv_status status)
{
    fv_import *im = n->im;
    bool refused;
    FV_TRY(fv_import_settle(im, n->op, n->name, status, &refused));
    if (!refused)
        return FV_OK;
    for (int i = 0; i < n->n_out; i++) {
        fv_foreign *f = *n->out[i] ? fv_import_find(im, n->out[i]) : NULL;
        if (!f && *n->out[i])
            FV_TRY(fv_import_add(im, n->out[i], &f));
        if (f)
            f->missing = true;
    }
    return FV_OK;
}

/* Operands; *missing: one of them was refused. */
static fv_status operands(fv_import *im, const FvOnnx__Node *node, fv_onnx_node *n, bool *missing)
{
    *missing = false;
    n->in = fv_arena_alloc(im->arena, (node->n_input + 8) * sizeof *n->in);
    if (!n->in)
        return FV_ERR_NO_MEMORY;
    for (size_t i = 0; i < node->n_input; i++) {
        if (!*node->input[i])
            continue;
        n->in[i] = fv_import_find(im, node->input[i]);
        if (!n->in[i])
            return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                           "%s: ONNX: %s '%.100s' takes '%.200s', which nothing before it "
                           "computes",
                           im->file, n->op, n->name, node->input[i]);
        *missing = *missing || n->in[i]->missing;
    }
    return FV_OK;
}

static fv_status walk_node(fv_import *im, fv_onnx_file *file, const FvOnnx__Node *node)
{
    char text[160];
    bool missing;
    const char *op_type = node->op_type ? node->op_type : "", *domain = node->domain ? node->domain : "";
    fv_onnx_node n = {.im = im,
                      .message = node,
                      .op = op_type,
                      .opset = file->opset,
                      .n_in = (int)node->n_input,
                      .out = (const char *const *)node->output,
                      .n_out = (int)node->n_output};
    n.name = node->name && *node->name ? node->name : node->n_output > 0 ? node->output[0] : "";
    if (node->n_input > 4096 || node->n_output > 4096)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s '%.100s' has more than 4096 operands", im->file,
                       n.op, n.name);
    if (node->n_output == 0) /* mappings name their first */
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s '%.100s' has no results", im->file, n.op, n.name);
    FV_TRY(operands(im, node, &n, &missing));
    const bool standard = !*domain || strcmp(domain, "ai.onnx") == 0;
    const bool branches = standard && strcmp(op_type, "If") == 0;
    if (branches && !missing)
        return settle(&n, fv_onnx_walk_branch(&n, file));
    const fv_import_rows *known = standard ? &rows : strcmp(domain, "com.microsoft") == 0 ? &microsoft_rows : NULL;
    const fv_onnx_op *op = known ? fv_import_find_row(known, op_type) : NULL;
    im->label = im->base = *n.name ? n.name : op_type;
    if (!op || missing) {
        if (!standard)
            snprintf(text, sizeof text, "it is of the domain '%.80s', which is not ONNX's own", domain);
        fv_status status = FV_OK;
        if (!op && !branches)
            status = fv_import_refuse(im, op_type, n.name,
                                      standard ? fv_import_nearest(&rows, "operator", op_type, text) : text);
        for (int i = 0; status == FV_OK && i < n.n_out; i++) {
            fv_foreign *f;
            if (!*n.out[i])
                continue;
            status = fv_import_add(im, n.out[i], &f);
            if (status == FV_OK)
                f->missing = true;
        }
        return status;
    }
    return settle(&n, map_node(&n, op));
}

fv_status fv_onnx_walk(fv_import *im, fv_onnx_file *file, const FvOnnx__Graph *g)
{
    if (file->depth > 0)
        FV_TRY(add_initializers(im, g));
    for (size_t i = 0; i < g->n_node && !im->merges; i++)
        FV_TRY(walk_node(im, file, g->node[i]));
    return FV_OK;
}

fv_status fv_onnx_build(fv_import *im, fv_onnx_file *file, const fv_import_options *options)
{
    const FvOnnx__Graph *g = file->model->graph;
    FV_TRY(add_initializers(im, g));
    for (size_t i = 0; i < g->n_input && !im->merges; i++) {
        fv_status status = add_input(im, g, g->input[i], options);
        if (status != FV_OK && !im->merges)
            return status;
    }
    im->answer = g->n_output == 1 && !is_taken(g, g->output[0]->name) ? g->output[0]->name : NULL;
    if (!im->merges && check_batch(im, g) != FV_OK)
        return FV_OK;
    FV_TRY(fv_onnx_walk(im, file, g));
    if (im->merges || im->n_refusals > 0)
        return FV_OK;
    for (size_t i = 0; i < g->n_output; i++) {
        fv_foreign *f = g->output[i]->name ? fv_import_find(im, g->output[i]->name) : NULL;
        if (!f)
            return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: output '%.200s' is computed by nothing", im->file,
                           g->output[i]->name ? g->output[i]->name : "");
        if (!f->batched && !im->whole) { /* a shape, for instance: the batch would not be in it */
            im->merges = true;
            return FV_OK;
        }
        FV_TRY(fv_onnx_settle(im, f));
        FV_TRY(fv_import_output(im, g->output[i]->name, f));
    }
    return FV_OK;
}

#endif
