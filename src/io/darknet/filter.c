/* SPDX-License-Identifier: Apache-2.0 */
/* Sections with weights, in the order that a .weights has them. */
#include <stdio.h>
#include <string.h>

#include "io/darknet/net.h"

/* The next `count` numbers; NULL: no memory. What the file does not hold is noted by the sum of what was taken. */
static fv_foreign *take(fv_darknet_net *net, int64_t count)
{
    fv_darknet_weights *w = &net->weights;
    fv_foreign *f = fv_arena_alloc(net->im.arena, sizeof *f);
    if (!f)
        return NULL;
    const bool there = count <= w->count && w->taken <= w->count - count;
    *f =
        (fv_foreign){.name = net->label, .dtype = FV_F32, .shape = {1, {count}}, .initial = true, .form = {-1, -1, -1}};
    f->data = there ? w->data + w->taken * 4 : w->data;
    if (!fv_size_add(w->taken, count, &w->taken))
        w->taken = INT64_MAX;
    return f;
}

static fv_value vector(fv_darknet_net *net, const fv_foreign *f, fv_role role, const char *leaf)
{
    char name[128];
    if (!f) {
        fv_model_set_error(net->im.model, FV_ERR_NO_MEMORY);
        return fv_no_value;
    }
    const fv_pick pick = fv_pick_all(&f->shape);
    snprintf(name, sizeof name, "%s.%s", net->label, leaf);
    return fv_import_weight(&net->im, f, role, &f->shape, &pick, 1.0, name);
}

fv_value fv_darknet_vector(fv_darknet_net *net, int64_t count, const char *leaf)
{
    return vector(net, take(net, count), FV_ROLE_PARAM, leaf);
}

/* What normalizes k channels, from the file: its shift first, the rest in `rest`. */
typedef struct norm {
    fv_foreign *shift, *scale, *mean, *var;
} norm;

static void take_statistics(fv_darknet_net *net, int64_t k, norm *n)
{
    n->scale = take(net, k);
    n->mean = take(net, k);
    n->var = take(net, k);
}

static fv_value normalize(fv_darknet_net *net, fv_value x, const norm *n)
{
    fv_batch_norm_attr attr = {.eps = 1e-6, .momentum = 0.01};
    const fv_value in[5] = {
        x, vector(net, n->scale, FV_ROLE_PARAM, "bn.weight"), vector(net, n->shift, FV_ROLE_PARAM, "bn.bias"),
        vector(net, n->mean, FV_ROLE_STATE, "bn.running_mean"), vector(net, n->var, FV_ROLE_STATE, "bn.running_var")};
    return fv_import_emit(&net->im, "batch_norm", &attr, in, 5);
}

/* ---- convolutional ---- */

static fv_status window_of(const fv_darknet_net *net, fv_conv2d_attr *attr, int64_t *size)
{
    const fv_darknet_cfg *cfg = &net->cfg;
    const fv_darknet_section *s = net->section;
    int64_t pad, padding, dilation;
    FV_TRY(fv_darknet_int(cfg, s, "size", 1, 1, 65535, size));
    FV_TRY(fv_darknet_int(cfg, s, "pad", 0, 0, 65535, &pad));
    FV_TRY(fv_darknet_int(cfg, s, "padding", 0, 0, 65535, &padding));
    FV_TRY(fv_darknet_int(cfg, s, "dilation", 1, 1, 65535, &dilation));
    FV_TRY(fv_darknet_int(cfg, s, "groups", 1, 1, 1 << 24, &attr->groups));
    FV_TRY(fv_darknet_strides(net, 1, attr->stride));
    if (*size == 1)
        dilation = 1;
    if (pad)
        padding = *size / 2;
    if (dilation > 1 && 2 * padding != *size - 1)
        return fv_darknet_cannot(net, "dilation=%lld with size=%lld padding=%lld: supported is an odd size with pad=1",
                                 (long long)dilation, (long long)*size, (long long)padding);
    if (padding * dilation > 65535)
        return fv_darknet_cannot(net, "a padding of %lld is larger than 65535", (long long)(padding * dilation));
    for (int i = 0; i < 4; i++)
        attr->pad[i] = padding * dilation;
    attr->dilation[0] = attr->dilation[1] = dilation;
    return FV_OK;
}

static fv_status too_many(const fv_darknet_net *net)
{
    return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [%.40s] has more weights than can be addressed",
                   net->cfg.path, net->section->line, net->section->name);
}

static fv_status map_convolutional(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"flipped",        "binary",       "xnor",        "dontload",
                                          "dontloadscales", "antialiasing", "share_index", NULL};
    fv_conv2d_attr attr = {0};
    fv_import *im = &net->im;
    int64_t filters, size, normalized, count, d[3];
    norm n;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "filters", 1, 1, INT32_MAX, &filters));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "batch_normalize", 0, 0, 2, &normalized));
    FV_TRY(window_of(net, &attr, &size));
    fv_darknet_size(net, x, d);
    if (d[2] % attr.groups || filters % attr.groups)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s:%d: [%.40s] groups=%lld does not divide %lld channels and %lld filters", net->cfg.path,
                       net->section->line, net->section->name, (long long)attr.groups, (long long)d[2],
                       (long long)filters);
    const int64_t c = d[2] / attr.groups;
    if (!fv_size_mul(size * size, c, &count) || !fv_size_mul(count, filters, &count) || count > INT64_MAX / 8)
        return too_many(net);
    n.shift = take(net, filters);
    if (normalized)
        take_statistics(net, filters, &n);
    const fv_foreign *wei = take(net, count);
    if (!n.shift || !wei)
        return FV_ERR_NO_MEMORY;
    const fv_shape shape = {4, {filters, size, size, c}};
    const fv_pick pick = {4, {filters, size, size, c}, {c * size * size, size, 1, size * size}};
    char name[128];
    snprintf(name, sizeof name, "%s.weight", net->label);
    fv_value in[3] = {fv_darknet_image(net, x), fv_import_weight(im, wei, FV_ROLE_PARAM, &shape, &pick, 1.0, name)};
    if (!normalized)
        in[2] = vector(net, n.shift, FV_ROLE_PARAM, "bias");
    im->label = net->label;
    fv_value v = fv_import_emit(im, "conv2d", &attr, in, normalized ? 2 : 3);
    return fv_darknet_activate(net, "logistic", normalized ? normalize(net, v, &n) : v, y);
}

/* ---- deconvolutional ---- */

/* Filters are c x k x r x s; the result has (h - 1) stride + size - 2 padding rows. */
static fv_status map_deconvolutional(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"dontload", "dontloadscales", NULL};
    fv_conv_transpose2d_attr attr = {.groups = 1, .dilation = {1, 1}};
    fv_import *im = &net->im;
    int64_t k, size, pad, padding, normalized, count, d[3];
    norm n;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "filters", 1, 1, INT32_MAX, &k));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "size", 1, 1, 65535, &size));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "pad", 0, 0, 65535, &pad));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "padding", 0, 0, 65535, &padding));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "batch_normalize", 0, 0, 2, &normalized));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "stride", 1, 1, 65535, &attr.stride[0]));
    attr.stride[1] = attr.stride[0];
    for (int i = 0; i < 4; i++)
        attr.pad[i] = pad ? size / 2 : padding;
    fv_darknet_size(net, x, d);
    if (!fv_size_mul(size * size, d[2], &count) || !fv_size_mul(count, k, &count) || count > INT64_MAX / 8)
        return too_many(net);
    n.shift = take(net, k);
    if (normalized)
        take_statistics(net, k, &n);
    const fv_foreign *wei = take(net, count);
    if (!n.shift || !wei)
        return FV_ERR_NO_MEMORY;
    const int64_t plane = size * size;
    const fv_shape shape = {4, {d[2], size, size, k}};
    const fv_pick pick = {4, {d[2], size, size, k}, {k * plane, size, 1, plane}};
    char name[128];
    snprintf(name, sizeof name, "%s.weight", net->label);
    fv_value in[3] = {fv_darknet_image(net, x), fv_import_weight(im, wei, FV_ROLE_PARAM, &shape, &pick, 1.0, name)};
    if (!normalized)
        in[2] = vector(net, n.shift, FV_ROLE_PARAM, "bias");
    im->label = net->label;
    fv_value v = fv_import_emit(im, "conv_transpose2d", &attr, in, normalized ? 2 : 3);
    return fv_darknet_activate(net, "logistic", normalized ? normalize(net, v, &n) : v, y);
}

/* ---- connected ---- */

/* Weights are k x (c h w), or (c h w) x k in files of very old versions. */
static fv_status map_connected(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"dontload", "dontloadscales", NULL};
    fv_import *im = &net->im;
    int64_t k, normalized, d[3], count, in_count;
    norm n;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "output", 1, 1, INT32_MAX, &k));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "batch_normalize", 0, 0, 2, &normalized));
    fv_darknet_size(net, x, d);
    if (!fv_size_mul(d[0] * d[1], d[2], &in_count) || !fv_size_mul(in_count, k, &count) || count > INT64_MAX / 8)
        return too_many(net);
    n.shift = take(net, k);
    const fv_foreign *wei = take(net, count);
    if (normalized)
        take_statistics(net, k, &n);
    if (!n.shift || !wei)
        return FV_ERR_NO_MEMORY;
    const int64_t step = net->weights.transposed ? k : 1, row = net->weights.transposed ? 1 : in_count;
    const fv_shape shape = {2, {k, in_count}};
    const fv_pick pick = {4, {k, d[0], d[1], d[2]}, {row, d[1] * step, step, d[0] * d[1] * step}};
    char name[128];
    snprintf(name, sizeof name, "%s.weight", net->label);
    fv_value in[3] = {fv_import_reshape(im, x, &(fv_shape){2, {1, in_count}}, true),
                      fv_import_weight(im, wei, FV_ROLE_PARAM, &shape, &pick, 1.0, name)};
    if (!normalized)
        in[2] = vector(net, n.shift, FV_ROLE_PARAM, "bias");
    im->label = net->label;
    fv_value v = fv_import_emit(im, "dense", &(fv_dense_attr){0}, in, normalized ? 2 : 3);
    return fv_darknet_activate(net, "logistic", normalized ? normalize(net, v, &n) : v, y);
}

const fv_darknet_kind fv_darknet_filter_kinds[] = {
    {"convolutional", "conv", map_convolutional, NULL, false, false},
    {"conv", "conv", map_convolutional, NULL, false, false},
    {"connected", "connected", map_connected, NULL, false, false},
    {"conn", "connected", map_connected, NULL, false, false},
    {"batchnorm", "batchnorm", NULL, "supported is batch_normalize=1 of a convolution", false, false},
    {"deconvolutional", "deconv", map_deconvolutional, NULL, false, false},
    {"deconv", "deconv", map_deconvolutional, NULL, false, false},
    {"local", "local", NULL, "supported is [convolutional]", false, false},
    {0},
};
