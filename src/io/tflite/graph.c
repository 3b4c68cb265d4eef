/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the graph: inputs, operators in order, outputs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/tflite/quant.h"

/* Fields of the tables, by number. */
enum { TENSOR_SHAPE, TENSOR_SIGNATURE = 7 };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS = 4 };
enum { CODE_OLD, CODE_CUSTOM, CODE_NUMBER = 3 };
enum { NUMBER_CUSTOM = 32 };

static const void *const tables[] = {
    fv_tflite_conv_ops, fv_tflite_pool_ops,  fv_tflite_dense_ops, fv_tflite_activation_ops, fv_tflite_math_ops,
    fv_tflite_part_ops, fv_tflite_shape_ops, fv_tflite_quant_ops, fv_tflite_resize_ops,     fv_tflite_reduce_ops,
};

static bool is_mapped(const void *row)
{
    return ((const fv_tflite_op *)row)->map != NULL;
}

static const fv_import_rows rows = {tables, sizeof tables / sizeof tables[0], sizeof(fv_tflite_op), is_mapped};

/* ---- ends ---- */

/* Sizes that the file leaves open: of images they are asked for, others cannot be. */
static fv_status open_sizes(fv_import *im, const char *name, fv_flat_table t, const fv_import_options *o,
                            fv_shape *shape)
{
    const fv_flat_vector sizes = fv_flat_list(t, TENSOR_SIGNATURE, 4);
    for (int d = 1; d < shape->rank; d++) {
        const bool side = shape->rank == 4 && d < 3;
        int64_t given = 0;
        if (d >= sizes.count || fv_flat_list_int(sizes, d) >= 0)
            continue;
        if (side && o->img_size[d - 1] > 0)
            given = o->img_size[d - 1];
        else
            FV_TRY(fv_import_given_size(im, o, name, shape->rank, d, true, &given));
        shape->dim[d] = given;
        if (given < 1)
            return fv_fail_hint(im->ctx,
                                fv_fail(im->ctx, FV_ERR_MODEL,
                                        "%s: TFLite: input '%.200s': dimension %d is left open by the file%s", im->file,
                                        name, d, side ? ", and nothing says how large an image is" : ""),
                                side ? "give its size: --img-size HxW" : "convert the network with that size fixed");
    }
    return FV_OK;
}

static fv_status add_input(fv_import *im, fv_tflite_file *file, int64_t tensor, const fv_import_options *o)
{
    const fv_flat_table t = tensor >= 0 && tensor < file->tensors.count ? fv_flat_list_child(file->tensors, tensor)
                                                                        : (fv_flat_table){&file->flat, 0};
    const fv_flat_vector dims = fv_flat_list(t, TENSOR_SHAPE, 4);
    const char *name = fv_tflite_tensor_name(file, tensor);
    fv_shape shape = {.rank = (int32_t)dims.count};
    fv_dtype dtype;
    if (t.at == 0 || file->value[tensor])
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: an input is no tensor, or there twice", im->file);
    if (dims.count > FV_MAX_RANK || !fv_tflite_dtype(fv_tflite_type(file, tensor), &dtype) || dtype == FV_F16 ||
        dtype == FV_BF16)
        return fv_fail(im->ctx, FV_ERR_MODEL, "%s: TFLite: input '%.200s' is %s of %lld dimensions: not supported",
                       im->file, name, fv_tflite_type_name(fv_tflite_type(file, tensor)), (long long)dims.count);
    for (int d = 0; d < shape.rank; d++)
        shape.dim[d] = fv_flat_list_int(dims, d);
    if (!im->whole && shape.rank == 0)
        return fv_import_merges(im);
    if (shape.rank > 0 && (!im->whole || shape.dim[0] < 1))
        shape.dim[0] = 1;
    FV_TRY(open_sizes(im, name, t, o, &shape));
    if (fv_shape_count(&shape) < 1)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: input '%.200s': its dimensions are impossible",
                       im->file, name);
    if (!*name || fv_import_find(im, name))
        name = fv_arena_printf(im->arena, "input_%lld", (long long)tensor);
    if (!name)
        return FV_ERR_NO_MEMORY;
    const fv_tflite_scales s = fv_tflite_scales_of(file, tensor);
    const bool real = !im->whole && (dtype == FV_I8 || dtype == FV_U8) && s.count == 1;
    FV_TRY(fv_import_input(im, name, real ? FV_F32 : dtype, &shape, false));
    fv_foreign *f = file->value[tensor] = fv_import_find(im, name);
    if (real) {
        im->base = name;
        FV_TRY(fv_model_note_integers(im->model, name, FV_LAYOUT_INTEGERS, dtype, fv_tflite_scale(&s, 0),
                                      fv_tflite_zero(&s, 0)));
        f->dtype = dtype;
        f->form[FV_ORDER_FILE] = fv_tflite_quantized(im, (fv_value){f->form[FV_ORDER_FILE]}, dtype, &s).id;
    }
    for (int i = 0; i < o->n_values; i++)
        if (strcmp(o->values[i].name, name) == 0 || (o->n_values == 1 && !*o->values[i].name))
            f->known = o->values[i].tensor;
    return im->model->error;
}

/* Integers leave as the numbers that they stand for; of a softmax as the logarithms, which are scores. */
static fv_status add_output(fv_import *im, fv_tflite_file *file, int64_t tensor)
{
    fv_foreign *f;
    FV_TRY(fv_tflite_value(im, file, tensor, &f));
    if (!f)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: output '%.200s' is computed by nothing", im->file,
                       fv_tflite_tensor_name(file, tensor));
    if (!f->batched && !im->whole) { /* a shape, for instance: the batch would not be in it */
        im->merges = true;
        return FV_OK;
    }
    const char *name = fv_tflite_tensor_name(file, tensor);
    name = *name ? name : f->name;
    if (file->spread[tensor])
        return fv_import_refuse(im, "SPACE_TO_BATCH_ND", name, "its result is one of the network's");
    const fv_tflite_scales s = fv_tflite_scales_of(file, tensor);
    if (im->whole || (f->dtype != FV_I8 && f->dtype != FV_U8) || s.count != 1)
        return fv_import_output(im, name, f);
    im->label = NULL;
    im->base = name;
    fv_value v = fv_tflite_dequantized(im, fv_import_get(im, f, FV_ORDER_FILE), f->dtype, &s, file->scores);
    FV_TRY(fv_model_note_integers(im->model, name, file->scores ? FV_LAYOUT_INTEGER_SCORES : FV_LAYOUT_INTEGERS,
                                  f->dtype, fv_tflite_scale(&s, 0), fv_tflite_zero(&s, 0)));
    fv_output(im->model, name, v);
    return im->model->error;
}

/* ---- nodes ---- */

/* Computes a node of constants by a model of its own. */
static fv_status compute(const fv_tflite_node *n, const fv_tflite_op *op, fv_import_fold *fold)
{
    fv_tflite_node inner = *n;
    fv_foreign *out[FV_TFLITE_OPERANDS];
    inner.im = &fold->sub;
    memcpy(inner.in, fold->in, (size_t)n->n_in * sizeof *inner.in);
    const fv_status mapped = op->map(&inner);
    for (int i = 0; i < n->n_out; i++) { /* the file's values are those of the import again */
        out[i] = n->file->value[n->out_at[i]];
        n->file->value[n->out_at[i]] = NULL;
    }
    FV_TRY(mapped);
    FV_TRY(fv_import_fold_compute(fold, out, n->n_out));
    for (int i = 0; i < n->n_out; i++) {
        void *data;
        if (!out[i])
            continue;
        FV_TRY(fv_tflite_result_constant(n, i, out[i]->dtype, &out[i]->shape, &data));
        n->file->value[n->out_at[i]]->initial = fold->initial;
        FV_TRY(fv_import_fold_take(fold, out[i], data));
    }
    return FV_OK;
}

static fv_status fold_by_graph(const fv_tflite_node *n, const fv_tflite_op *op)
{
    fv_import_fold fold;
    const fv_import_node node = fv_tflite_common(n);
    fv_status status = fv_import_fold_begin(&node, 0, &fold);
    if (status == FV_OK)
        status = compute(n, op, &fold);
    fv_import_fold_end(&fold);
    return status;
}

/* Values that are spread over the batch go through convolutions alone. */
static bool takes_spread(const char *op)
{
    return strcmp(op, "CONV_2D") == 0 || strcmp(op, "DEPTHWISE_CONV_2D") == 0 || strcmp(op, "BATCH_TO_SPACE_ND") == 0;
}

static fv_status map_node(const fv_tflite_node *n, const fv_tflite_op *op)
{
    const fv_import_node node = fv_tflite_common(n);
    const bool constant = fv_import_constants(&node);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->file->spread[n->in_at[i]] && !(i == 0 && takes_spread(n->op)))
            return fv_tflite_cannot(n, "its operand is spread over the batch by SPACE_TO_BATCH_ND, where convolutions "
                                       "alone are supported");
    if (constant && op->fold)
        return op->fold(n);
    if (!op->map)
        return fv_tflite_cannot(n, "%s", op->near ? op->near : "it is supported of constants alone");
    return constant ? fold_by_graph(n, op) : op->map(n);
}

static fv_status mark_missing(const fv_tflite_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        fv_foreign *f = n->file->value[n->out_at[i]];
        if (!f)
            FV_TRY(fv_tflite_new_value(n->im, n->file, n->out_at[i], &f));
        f->missing = true;
    }
    return FV_OK;
}

/* What was refused is noted, and what depends on it is passed over. */
static fv_status settle(const fv_tflite_node *n, fv_status status)
{
    bool refused;
    FV_TRY(fv_import_settle(n->im, n->op, n->name, status, &refused));
    return refused ? mark_missing(n) : FV_OK;
}

/* Tensors that a node takes and makes; *missing: one that it takes was refused. */
static fv_status read_ends(fv_tflite_node *n, fv_flat_table t, bool *missing)
{
    const fv_flat_vector in = fv_flat_list(t, OPERATOR_INPUTS, 4), out = fv_flat_list(t, OPERATOR_OUTPUTS, 4);
    *missing = false;
    if (in.count > FV_TFLITE_OPERANDS - 8 || out.count > FV_TFLITE_OPERANDS - 8)
        return fv_fail(n->im->ctx, FV_ERR_MODEL, "%s: TFLite: %s '%.100s' has %lld operands: at most %d are read",
                       n->im->file, n->op, n->name, (long long)in.count, FV_TFLITE_OPERANDS - 8);
    n->n_in = (int)in.count;
    n->n_out = (int)out.count;
    for (int i = 0; i < n->n_out; i++) {
        n->out_at[i] = fv_flat_list_int(out, i);
        if (n->out_at[i] < 0 || n->out_at[i] >= n->file->tensors.count || n->file->value[n->out_at[i]])
            return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT,
                           "%s: TFLite: result %d of %s is no tensor, or computed before", n->im->file, i, n->op);
    }
    for (int i = 0; i < n->n_in; i++) {
        n->in_at[i] = fv_flat_list_int(in, i);
        if (n->in_at[i] == -1)
            continue;
        FV_TRY(fv_tflite_value(n->im, n->file, n->in_at[i], &n->in[i]));
        if (!n->in[i])
            return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT,
                           "%s: TFLite: %s '%.100s' takes '%.100s', which nothing before it computes", n->im->file,
                           n->op, n->name, fv_tflite_tensor_name(n->file, n->in_at[i]));
        *missing = *missing || n->in[i]->missing;
    }
    return FV_OK;
}

/* "CONV_2D", or the name of a custom one; NULL: the number is not known, and is written to `text`. */
static const char *name_of(const fv_tflite_file *file, fv_flat_table t, char text[96])
{
    const int64_t index = fv_flat_int(t, OPERATOR_CODE, 0);
    const fv_flat_table code =
        index >= 0 && index < file->codes.count ? fv_flat_list_child(file->codes, index) : (fv_flat_table){t.flat, 0};
    const int64_t old = fv_flat_byte(code, CODE_OLD, 0), number = fv_flat_int(code, CODE_NUMBER, 0);
    const int64_t given = number > old ? number : old;
    const char *name = code.at ? fv_tflite_op_name(given) : NULL;
    snprintf(text, 96, "operator %lld", (long long)given);
    if (given == NUMBER_CUSTOM)
        snprintf(text, 96, "CUSTOM %.80s", fv_flat_text(code, CODE_CUSTOM));
    return given == NUMBER_CUSTOM ? NULL : name;
}

static fv_status walk_node(fv_import *im, fv_tflite_file *file, int64_t index)
{
    char text[160], custom[96];
    bool missing;
    const fv_flat_table t = fv_flat_list_child(file->operators, index);
    const char *known = name_of(file, t, custom);
    fv_tflite_node n = {
        .im = im, .file = file, .op = known ? known : custom, .options = fv_flat_child(t, OPERATOR_OPTIONS)};
    const fv_flat_vector out = fv_flat_list(t, OPERATOR_OUTPUTS, 4);
    const char *name = out.count > 0 ? fv_tflite_tensor_name(file, fv_flat_list_int(out, 0)) : "";
    char label[201];
    snprintf(label, sizeof label, "%.*s", (int)strcspn(name, ";") < 200 ? (int)strcspn(name, ";") : 200, name);
    n.name = *label ? label : n.op;
    if (t.at == 0)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: operator %lld is not there", im->file,
                       (long long)index);
    FV_TRY(read_ends(&n, t, &missing));
    const fv_tflite_op *op = known ? fv_import_find_row(&rows, known) : NULL;
    im->label = im->base = n.name;
    if (!op)
        FV_TRY(fv_import_refuse(im, n.op, n.name,
                                known ? fv_import_nearest(&rows, "operator", known, text)
                                      : "it is no operator of TensorFlow Lite's own; networks of those are read"));
    fv_status status = !op || missing ? mark_missing(&n) : settle(&n, map_node(&n, op));
    im->label = im->base = NULL;
    return status;
}

fv_status fv_tflite_build(fv_import *im, fv_tflite_file *file, const fv_import_options *options)
{
    file->scores = false;
    for (int64_t i = 0; i < file->inputs.count && !im->merges; i++) {
        fv_status status = add_input(im, file, fv_flat_list_int(file->inputs, i), options);
        if (status != FV_OK && !im->merges)
            return status;
    }
    const char *answer = fv_tflite_tensor_name(file, fv_flat_list_int(file->outputs, 0));
    im->answer = file->outputs.count == 1 && *answer ? answer : NULL;
    for (int64_t i = 0; i < file->operators.count && !im->merges; i++)
        FV_TRY(walk_node(im, file, i));
    if (im->merges || im->n_refusals > 0)
        return FV_OK;
    for (int64_t i = 0; i < file->outputs.count && !im->merges; i++)
        FV_TRY(add_output(im, file, fv_flat_list_int(file->outputs, i)));
    return FV_OK;
}
