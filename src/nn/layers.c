/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that own weights: convolutions, dense, normalizations, single parameters. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"

/* Bias of a layer whose weights start by `init`: PyTorch's own for DEFAULT, else 0. */
static fv_value make_bias(fv_model *m, const char *full, int64_t count, fv_init init)
{
    const fv_shape shape = {1, {count}};
    return fv_nn_param(m, full, "bias", FV_ROLE_PARAM, &shape, init == FV_INIT_DEFAULT ? init : FV_INIT_CONSTANT, 0);
}

static void default_pair(const int64_t given[2], int64_t pair[2])
{
    for (int d = 0; d < 2; d++)
        pair[d] = given[d] == 0 ? 1 : given[d];
}

/* Whether x is an image; if not, the model's error says what to do. */
static bool need_image(fv_model *m, const char *op, const char *full, fv_value x)
{
    char text[96];
    const fv_shape *shape = fv_nn_shape(m, x);
    if (shape->rank == 4)
        return true;
    fv_nn_refuse(m, FV_ERR_SHAPE, "put this layer before the flatten", op, full,
                 "its input is %s: expected n x h x w x c", fv_shape_text(shape, text));
    return false;
}

/* Filter geometry that is wrong whatever the input's size. */
static bool check_filters(fv_model *m, const char *op, const char *full, int64_t c, int64_t filters,
                          const int64_t kernel[2], int64_t groups)
{
    char hint[128];
    if (filters < 1 || kernel[0] < 1 || kernel[1] < 1) {
        fv_nn_refuse(m, FV_ERR_VALUE, "give the layer filters and a kernel, e.g. 32 and 3 x 3", op, full,
                     "filters=%lld kernel=%lld,%lld: expected numbers above 0", (long long)filters,
                     (long long)kernel[0], (long long)kernel[1]);
    } else if (groups < 1 || c % groups != 0) {
        snprintf(hint, sizeof hint, "use a number of groups that divides %lld", (long long)c);
        fv_nn_refuse(m, FV_ERR_SHAPE, hint, op, full, "groups=%lld does not divide %lld input channels",
                     (long long)groups, (long long)c);
    } else if (filters % groups != 0) {
        snprintf(hint, sizeof hint, "use a multiple of %lld filters", (long long)groups);
        fv_nn_refuse(m, FV_ERR_SHAPE, hint, op, full, "groups=%lld does not divide %lld filters", (long long)groups,
                     (long long)filters);
    }
    return m->error == FV_OK;
}

/* TensorFlow's rule: output = ceil(input / stride); of an odd number of padded pixels, one more behind. */
static void pad_same(const fv_shape *src, const int64_t kernel[2], fv_conv2d_attr *attr)
{
    for (int d = 0; d < 2; d++) {
        int64_t in = src->dim[1 + d], stride = attr->stride[d];
        int64_t out = (in + stride - 1) / stride;
        int64_t total = (out - 1) * stride + (kernel[d] - 1) * attr->dilation[d] + 1 - in;
        total = total > 0 ? total : 0;
        attr->pad[d] = total / 2;
        attr->pad[d + 2] = total - total / 2;
    }
}

fv_value fv_conv2d_with(fv_model *m, fv_value x, const fv_conv2d_options *o)
{
    static const char op[] = "conv2d";
    char full[FV_NAME_MAX];
    fv_conv2d_attr attr;
    fv_value in[3] = {x};
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1) || !need_image(m, op, full, x))
        return fv_no_value;
    const fv_shape *src = fv_nn_shape(m, x);
    const int64_t c = src->dim[3];
    fv_attr_defaults(fv_op_find(m->ctx, op), &attr);
    default_pair(o->stride, attr.stride);
    default_pair(o->dilation, attr.dilation);
    attr.groups = o->groups == 0 ? 1 : o->groups == -1 ? c : o->groups;
    int64_t filters = o->filters == 0 && o->groups == -1 ? c : o->filters;
    if (!check_filters(m, op, full, c, filters, o->kernel, attr.groups))
        return fv_no_value;
    if (attr.stride[0] < 1 || attr.stride[1] < 1 || attr.dilation[0] < 1 || attr.dilation[1] < 1)
        return fv_nn_refuse(m, FV_ERR_VALUE, NULL, op, full, "stride=%lld,%lld dilation=%lld,%lld: expected 1 or more",
                            (long long)attr.stride[0], (long long)attr.stride[1], (long long)attr.dilation[0],
                            (long long)attr.dilation[1]);
    if (o->same && (o->pad[0] || o->pad[1] || o->pad[2] || o->pad[3]))
        return fv_nn_refuse(m, FV_ERR_CONFLICT, "drop one of them", op, full, "both same and pad are given");
    memcpy(attr.pad, o->pad, sizeof attr.pad);
    if (o->same)
        pad_same(src, o->kernel, &attr);
    const fv_shape shape = {4, {filters, o->kernel[0], o->kernel[1], c / attr.groups}};
    in[1] = fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &shape, o->init, o->init_value);
    if (!o->no_bias)
        in[2] = make_bias(m, full, filters, o->init);
    fv_value y = fv_nn_append(m, op, full, &attr, in, o->no_bias ? 2 : 3);
    return fv_nn_activate(m, full, y, o->activation);
}

fv_value fv_conv_transpose2d_with(fv_model *m, fv_value x, const fv_conv_transpose2d_options *o)
{
    static const char op[] = "conv_transpose2d";
    char full[FV_NAME_MAX];
    fv_conv_transpose2d_attr attr = {{0}, {0}, {0}, {0}, 0};
    fv_value in[3] = {x};
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1) || !need_image(m, op, full, x))
        return fv_no_value;
    const int64_t c = fv_nn_shape(m, x)->dim[3];
    default_pair(o->stride, attr.stride);
    default_pair(o->dilation, attr.dilation);
    memcpy(attr.pad, o->pad, sizeof attr.pad);
    memcpy(attr.output_pad, o->output_pad, sizeof attr.output_pad);
    attr.groups = o->groups == 0 ? 1 : o->groups == -1 ? c : o->groups;
    int64_t filters = o->filters == 0 && o->groups == -1 ? c : o->filters;
    if (!check_filters(m, op, full, c, filters, o->kernel, attr.groups))
        return fv_no_value;
    const fv_shape shape = {4, {c, o->kernel[0], o->kernel[1], filters / attr.groups}};
    in[1] = fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &shape, o->init, o->init_value);
    if (!o->no_bias)
        in[2] = make_bias(m, full, filters, o->init);
    fv_value y = fv_nn_append(m, op, full, &attr, in, o->no_bias ? 2 : 3);
    return fv_nn_activate(m, full, y, o->activation);
}

fv_value fv_dense_with(fv_model *m, fv_value x, const fv_dense_options *o)
{
    static const char op[] = "dense";
    char full[FV_NAME_MAX], text[96];
    fv_value in[3] = {x};
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1))
        return fv_no_value;
    const fv_shape *src = fv_nn_shape(m, x);
    if (src->rank == 4 && src->dim[1] == 1 && src->dim[2] == 1) { /* one pixel is a row already */
        in[0] = fv_flatten(m, x);
        if (!fv_nn_check(m, op, full, in, 1))
            return fv_no_value;
        src = fv_nn_shape(m, in[0]);
    }
    if (src->rank != 2)
        return fv_nn_refuse(m, FV_ERR_SHAPE, "put a flatten or a global_avg_pool before it", op, full,
                            "its input is %s: expected one row per image", fv_shape_text(src, text));
    if (o->units < 1)
        return fv_nn_refuse(m, FV_ERR_VALUE, NULL, op, full, "units=%lld: expected a number above 0",
                            (long long)o->units);
    const fv_shape shape = {2, {o->units, src->dim[1]}};
    in[1] = fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &shape, o->init, o->init_value);
    if (!o->no_bias)
        in[2] = make_bias(m, full, o->units, o->init);
    fv_value y = fv_nn_append(m, op, full, NULL, in, o->no_bias ? 2 : 3);
    return fv_nn_activate(m, full, y, o->activation);
}

fv_value fv_batch_norm_with(fv_model *m, fv_value x, const fv_batch_norm_options *o)
{
    static const char op[] = "batch_norm";
    static const struct {
        const char *leaf;
        fv_role role;
        double start;
    } rows[4] = {{"weight", FV_ROLE_PARAM, 1},
                 {"bias", FV_ROLE_PARAM, 0},
                 {"running_mean", FV_ROLE_STATE, 0},
                 {"running_var", FV_ROLE_STATE, 1}};
    char full[FV_NAME_MAX];
    fv_batch_norm_attr attr;
    fv_value in[5] = {x};
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1))
        return fv_no_value;
    const fv_op *row = fv_op_find(m->ctx, op);
    const fv_shape *src = fv_nn_shape(m, x);
    const fv_shape shape = {1, {src->dim[src->rank - 1]}};
    if (row)
        fv_attr_defaults(row, &attr);
    if (o->eps != 0)
        attr.eps = o->eps;
    if (o->momentum != 0)
        attr.momentum = o->momentum;
    for (int i = 0; i < 4; i++)
        in[1 + i] = fv_nn_param(m, full, rows[i].leaf, rows[i].role, &shape, FV_INIT_CONSTANT, rows[i].start);
    fv_value y = fv_nn_append(m, op, full, &attr, in, 5);
    return fv_nn_activate(m, full, y, o->activation);
}

fv_value fv_layer_norm_with(fv_model *m, fv_value x, const fv_layer_norm_options *o)
{
    static const char op[] = "layer_norm";
    char full[FV_NAME_MAX];
    fv_layer_norm_attr attr;
    fv_value in[3] = {x};
    int n_in = 1;
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1))
        return fv_no_value;
    const fv_shape *src = fv_nn_shape(m, x);
    const fv_shape shape = {1, {src->dim[src->rank - 1]}};
    fv_attr_defaults(fv_op_find(m->ctx, op), &attr);
    if (o->eps != 0)
        attr.eps = o->eps;
    if (!o->no_affine)
        in[n_in++] = fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &shape, FV_INIT_CONSTANT, 1);
    if (!o->no_affine && !o->no_bias)
        in[n_in++] = fv_nn_param(m, full, "bias", FV_ROLE_PARAM, &shape, FV_INIT_CONSTANT, 0);
    fv_value y = fv_nn_append(m, op, full, &attr, in, n_in);
    return fv_nn_activate(m, full, y, o->activation);
}

fv_value fv_parameter(fv_model *m, const char *name, const fv_shape *shape, fv_init init, double init_value)
{
    char full[FV_NAME_MAX];
    if (!fv_nn_name(m, "parameter", name, full))
        return fv_no_value;
    return fv_model_new_param(m, full, FV_ROLE_PARAM, FV_F32, shape, init, init_value);
}

fv_value fv_state(fv_model *m, const char *name, fv_dtype dtype, const fv_shape *shape, double value)
{
    char full[FV_NAME_MAX];
    if (!fv_nn_name(m, "state", name, full))
        return fv_no_value;
    return fv_model_new_param(m, full, FV_ROLE_STATE, dtype, shape, FV_INIT_CONSTANT, value);
}
