/* SPDX-License-Identifier: Apache-2.0 */
/* Sections without weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/darknet/net.h"

/* ---- activations ---- */

/* x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2); from 20 on it is x. */
static fv_value mish(fv_import *im, fv_value x)
{
    fv_value e = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "min", NULL, x, fv_import_number(im, 20.0)));
    fv_value two = fv_import_number(im, 2.0);
    fv_value n = fv_import_emit2(im, "mul", NULL, e, fv_import_emit2(im, "add", NULL, e, two));
    fv_value share = fv_import_emit2(im, "div", NULL, n, fv_import_emit2(im, "add", NULL, n, two));
    return fv_import_emit2(im, "mul", NULL, x, share);
}

static fv_value leaky(fv_import *im, fv_value x)
{
    return fv_import_emit1(im, "leaky_relu", &(fv_act_attr){.alpha = 0.1}, x);
}

static fv_value hard_tanh(fv_import *im, fv_value x)
{
    return fv_import_emit1(im, "clamp", &(fv_clamp_attr){-1.0, 1.0}, x);
}

/* e^x - 1 below 0 */
static fv_value elu(fv_import *im, fv_value x)
{
    fv_value zero = fv_import_number(im, 0.0);
    fv_value low = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "min", NULL, x, zero));
    low = fv_import_emit2(im, "sub", NULL, low, fv_import_number(im, 1.0));
    return fv_import_emit2(im, "add", NULL, fv_import_emit2(im, "max", NULL, x, zero), low);
}

static const fv_import_activation activations[] = {
    {"linear", NULL, NULL},   {"leaky", NULL, leaky}, {"relu", "relu", NULL},
    {"relu6", "relu6", NULL}, {"mish", NULL, mish},   {"logistic", "sigmoid", NULL},
    {"swish", "silu", NULL},  {"tanh", "tanh", NULL}, {"hardtan", NULL, hard_tanh},
    {"elu", NULL, elu},
};

fv_status fv_darknet_activate(fv_darknet_net *net, const char *fallback, fv_value x, fv_value *y)
{
    enum { COUNT = sizeof activations / sizeof activations[0] };
    const fv_darknet_option *o = fv_darknet_find(net->section, "activation");
    return fv_import_activate(&net->im, activations, COUNT, o ? o->value : fallback, x, y);
}

static fv_status map_activation(fv_darknet_net *net, fv_value x, fv_value *y)
{
    return fv_darknet_activate(net, "linear", x, y);
}

/* ---- windows ---- */

/* Output floor((h + padding - size) / stride) + 1, `padding` rows in all, half of them rounded down in front. */
static fv_status map_pool(fv_darknet_net *net, fv_value x, fv_value *y)
{
    const fv_darknet_cfg *cfg = &net->cfg;
    const fv_darknet_section *s = net->section;
    const bool average = strncmp(s->name, "local_avg", 9) == 0;
    static const char *const refused[] = {"maxpool_depth", "antialiasing", NULL};
    fv_pool2d_attr attr = {.count_include_pad = false};
    int64_t size, padding;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_strides(net, 1, attr.stride));
    const int64_t step = attr.stride[0] > attr.stride[1] ? attr.stride[0] : attr.stride[1];
    FV_TRY(fv_darknet_int(cfg, s, "size", step, 1, 65536, &size));
    FV_TRY(fv_darknet_int(cfg, s, "padding", size - 1, 0, 65536, &padding));
    for (int i = 0; i < 2; i++) {
        attr.size[i] = size;
        attr.pad[i] = padding / 2;
        attr.pad[i + 2] = padding - padding / 2;
    }
    *y = fv_import_emit1(&net->im, average ? "avg_pool2d" : "max_pool2d", &attr, fv_darknet_image(net, x));
    return FV_OK;
}

static fv_status map_avgpool(fv_darknet_net *net, fv_value x, fv_value *y)
{
    *y = fv_import_emit1(&net->im, "global_avg_pool", NULL, fv_darknet_image(net, x));
    return FV_OK;
}

static fv_status map_upsample(fv_darknet_net *net, fv_value x, fv_value *y)
{
    int64_t stride;
    double scale;
    fv_upsample_attr attr = {.mode = 0};
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "stride", 2, -1024, 1024, &stride));
    FV_TRY(fv_darknet_real(&net->cfg, net->section, "scale", 1.0, &scale));
    if (stride < 1)
        return fv_darknet_cannot(net, "stride=%lld: reducing is not supported, repeating pixels is", (long long)stride);
    attr.scale[0] = attr.scale[1] = stride;
    *y = fv_import_emit1(&net->im, "upsample2d", &attr, fv_darknet_image(net, x));
    if (scale != 1.0)
        *y = fv_import_emit2(&net->im, "mul", NULL, *y, fv_import_number(&net->im, scale));
    return FV_OK;
}

/*
 * With s the stride and the elements of x in darknet's order seen as [c/s2][h][s][w][s], s2 = s * s: the result is
 * [s][s][c/s2][h][w], seen as (c s2) x (h/s) x (w/s).
 */
static fv_status map_reorg(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"reverse", "flatten", "extra", NULL};
    fv_import *im = &net->im;
    int64_t s, d[3];
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "stride", 1, 1, 1024, &s));
    fv_darknet_size(net, x, d);
    if (d[0] % s || d[1] % s || d[2] % (s * s))
        return fv_darknet_cannot(net, "stride=%lld divides no image of %lld rows, %lld columns and %lld channels",
                                 (long long)s, (long long)d[0], (long long)d[1], (long long)d[2]);
    const fv_shape five = {5, {1, d[2] / (s * s) * d[0], s, d[1], s}};
    const fv_shape image = {4, {1, d[2] * s * s, d[0] / s, d[1] / s}};
    fv_value v = fv_import_transpose(im, fv_darknet_image(net, x), (const int[]){0, 3, 1, 2});
    v = fv_import_reshape(im, v, &five, true);
    v = fv_import_transpose(im, v, (const int[]){0, 2, 4, 1, 3});
    v = fv_import_reshape(im, v, &image, true);
    *y = fv_import_transpose(im, v, (const int[]){0, 2, 3, 1});
    return FV_OK;
}

/* ---- other layers' results ---- */

/* The layer that a number means: from the one at hand backwards, or from the first on. */
static fv_status layer_of(const fv_darknet_net *net, int64_t number, fv_value *x)
{
    const int64_t at = number < 0 ? net->index + number : number;
    if (at < 0 || at >= net->index)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT,
                       "%s:%d: [%.40s], layer %d, takes layer %lld: only those before it, 0 to %d, are there",
                       net->cfg.path, net->section->line, net->section->name, net->index, (long long)at,
                       net->index - 1);
    const fv_darknet_layer *layer = &net->layers[at];
    if (layer->state == FV_DARKNET_DETECTION)
        return fv_darknet_cannot(net, "it takes the boxes of layer %lld: detection layers are where a network ends",
                                 (long long)at);
    *x = layer->value;
    return FV_OK;
}

/* A part of the channels. */
static fv_value part(fv_darknet_net *net, fv_value x, int64_t begin, int64_t count)
{
    return fv_import_emit1(&net->im, "slice", &(fv_slice_attr){.begin = begin, .count = count, .axis = 3}, x);
}

/* `from` added to x; of other channels than x's the first, as far as both have them. */
static fv_status add_layer(fv_darknet_net *net, fv_value from, fv_value *x)
{
    int64_t a[3], b[3];
    fv_darknet_size(net, *x, a);
    fv_darknet_size(net, from, b);
    if (a[0] != b[0] || a[1] != b[1])
        return fv_darknet_cannot(net, "it adds %lldx%lld pixels to %lldx%lld: supported are equal sizes",
                                 (long long)b[0], (long long)b[1], (long long)a[0], (long long)a[1]);
    from = fv_darknet_image(net, from);
    if (b[2] > a[2])
        from = part(net, from, 0, a[2]);
    else if (b[2] < a[2])
        from = fv_import_emit1(&net->im, "pad", &(fv_pad_attr){.channels = {0, a[2] - b[2]}}, from);
    *x = fv_import_emit2(&net->im, "add", NULL, *x, from);
    return FV_OK;
}

/* How many weights a shortcut has for each of its layers: one, one by channel, or (0) none. */
static fv_status weights_of(const fv_darknet_net *net, int64_t channels, int64_t *count)
{
    const fv_darknet_option *o = fv_darknet_find(net->section, "weights_type");
    *count = 0;
    if (!o || strcmp(o->value, "none") == 0)
        return FV_OK;
    if (strcmp(o->value, "per_feature") == 0 || strcmp(o->value, "per_layer") == 0)
        *count = 1;
    else if (strcmp(o->value, "per_channel") == 0)
        *count = channels;
    return *count ? FV_OK : fv_darknet_cannot(net, "weights_type=%.40s (line %d) is not supported", o->value, o->line);
}

/* x times the next weights of the file; with none of them x itself. */
static fv_value weighed(fv_darknet_net *net, fv_value x, int64_t weights, int layer)
{
    char leaf[24];
    snprintf(leaf, sizeof leaf, "weight_%d", layer);
    return weights ? fv_import_emit2(&net->im, "mul", NULL, x, fv_darknet_vector(net, weights, leaf)) : x;
}

static fv_status map_shortcut(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"weights_normalization", NULL};
    int64_t from[32], weights, d[3], other_size[3];
    int count;
    double alpha, beta;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_list(&net->cfg, net->section, "from", 32, from, &count));
    FV_TRY(fv_darknet_real(&net->cfg, net->section, "alpha", 1.0, &alpha));
    FV_TRY(fv_darknet_real(&net->cfg, net->section, "beta", 1.0, &beta));
    if (count == 0)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [shortcut] without from=LAYER", net->cfg.path,
                       net->section->line);
    if (alpha != 1.0 || beta != 1.0)
        return fv_darknet_cannot(net, "alpha=%g beta=%g: supported is the plain sum", alpha, beta);
    fv_darknet_size(net, x, d);
    FV_TRY(weights_of(net, d[2], &weights));
    x = weighed(net, fv_darknet_image(net, x), weights, 0);
    for (int i = 0; i < count; i++) {
        fv_value other;
        FV_TRY(layer_of(net, from[i], &other));
        fv_darknet_size(net, other, other_size);
        if (weights && other.id >= 0 && other_size[2] != d[2])
            return fv_darknet_cannot(net, "weights of %lld channels beside %lld", (long long)other_size[2],
                                     (long long)d[2]);
        if (weights && other.id >= 0)
            other = weighed(net, fv_darknet_image(net, other), weights, i + 1);
        if (other.id >= 0 && x.id >= 0)
            FV_TRY(add_layer(net, other, &x));
        else
            x = fv_no_value;
    }
    return x.id < 0 ? FV_OK : fv_darknet_activate(net, "linear", x, y);
}

/* Layer `from`, an image, times x: one number by channel, by pixel (scale_wh), or for each of its elements ([sam]). */
static fv_status map_scale(fv_darknet_net *net, fv_value x, fv_value *y)
{
    const bool whole = strcmp(net->section->name, "sam") == 0;
    int64_t from[2], by_pixel, a[3], b[3];
    int count;
    fv_value image;
    FV_TRY(fv_darknet_list(&net->cfg, net->section, "from", 2, from, &count));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "scale_wh", 0, 0, 1, &by_pixel));
    if (count != 1)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [%.40s] without from=LAYER", net->cfg.path,
                       net->section->line, net->section->name);
    FV_TRY(layer_of(net, from[0], &image));
    if (image.id < 0)
        return FV_OK;
    fv_darknet_size(net, x, a);
    fv_darknet_size(net, image, b);
    const bool pixels = a[0] == b[0] && a[1] == b[1], one = a[0] == 1 && a[1] == 1, channels = a[2] == b[2];
    if (whole ? !(pixels && channels) : by_pixel ? !(pixels && a[2] == 1) : !(one && channels))
        return fv_darknet_cannot(net, "%lldx%lldx%lld beside the %lldx%lldx%lld of layer %lld", (long long)a[0],
                                 (long long)a[1], (long long)a[2], (long long)b[0], (long long)b[1], (long long)b[2],
                                 (long long)from[0]);
    x = fv_import_emit2(&net->im, "mul", NULL, fv_darknet_image(net, image), fv_darknet_image(net, x));
    return fv_darknet_activate(net, "linear", x, y);
}

/* Layers side by side along the channels; with `groups` the part number `group_id` of each. */
static fv_status map_route(fv_darknet_net *net, fv_value unused, fv_value *y)
{
    static const char *const refused[] = {"stream", NULL};
    int64_t layers[FV_MAX_OPERANDS], groups, group, d[3], first[3] = {0};
    fv_value in[FV_MAX_OPERANDS];
    int count;
    bool missing = false;
    (void)unused;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_list(&net->cfg, net->section, "layers", FV_MAX_OPERANDS, layers, &count));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "groups", 1, 1, 65536, &groups));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "group_id", 0, 0, groups - 1, &group));
    if (count == 0)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [route] without layers=NUMBERS", net->cfg.path,
                       net->section->line);
    for (int i = 0; i < count; i++) {
        FV_TRY(layer_of(net, layers[i], &in[i]));
        missing = missing || in[i].id < 0;
    }
    for (int i = 0; i < count && !missing; i++) {
        in[i] = fv_darknet_image(net, in[i]);
        fv_darknet_size(net, in[i], d);
        if (i == 0)
            memcpy(first, d, sizeof first);
        if (d[0] != first[0] || d[1] != first[1])
            return fv_darknet_cannot(net, "layer %lld has %lldx%lld pixels beside %lldx%lld", (long long)layers[i],
                                     (long long)d[0], (long long)d[1], (long long)first[0], (long long)first[1]);
        if (d[2] % groups)
            return fv_darknet_cannot(net, "groups=%lld does not divide the %lld channels of layer %lld",
                                     (long long)groups, (long long)d[2], (long long)layers[i]);
        if (groups > 1)
            in[i] = part(net, in[i], group * (d[2] / groups), d[2] / groups);
    }
    if (!missing)
        *y = count == 1 ? in[0] : fv_import_emit(&net->im, "concat", &(fv_axis_attr){.axis = 3}, in, count);
    return FV_OK;
}

/* ---- the end ---- */

/* Whether nothing but a cost and dropout follows: the softmax is the network's answer. */
static bool is_answer(const fv_darknet_net *net)
{
    for (int i = net->index + 2; i < net->cfg.n_sections; i++)
        if (strcmp(net->cfg.sections[i].name, "cost") != 0 && strcmp(net->cfg.sections[i].name, "dropout") != 0)
            return false;
    return net->n_outputs == 0;
}

/* The last one is left out, as training and predictors take scores; whoever asks for the file's output gets it. */
static fv_status map_softmax(fv_darknet_net *net, fv_value x, fv_value *y)
{
    static const char *const refused[] = {"tree", "spatial", NULL};
    int64_t groups, d[3];
    double temperature;
    FV_TRY(fv_darknet_refuse_keys(net, refused));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "groups", 1, 1, 65536, &groups));
    FV_TRY(fv_darknet_real(&net->cfg, net->section, "temperature", 1.0, &temperature));
    fv_darknet_size(net, x, d);
    if (groups != 1 || d[0] != 1 || d[1] != 1 || temperature != 1.0)
        return fv_darknet_cannot(net,
                                 "groups=%lld temperature=%g over %lldx%lld pixels: supported is one row of "
                                 "channels as it is",
                                 (long long)groups, temperature, (long long)d[0], (long long)d[1]);
    x = fv_import_reshape(&net->im, x, &(fv_shape){2, {1, d[2]}}, true);
    net->im.scores = is_answer(net);
    *y = net->im.scores ? x : fv_import_emit1(&net->im, "softmax", &(fv_axis_attr){.axis = 1}, x);
    return FV_OK;
}

static fv_status map_same(fv_darknet_net *net, fv_value x, fv_value *y)
{
    (void)net;
    *y = x;
    return FV_OK;
}

const fv_darknet_kind fv_darknet_plain_kinds[] = {
    {"maxpool", "maxpool", map_pool, NULL, false, false},
    {"max", "maxpool", map_pool, NULL, false, false},
    {"local_avgpool", "avgpool", map_pool, NULL, false, false},
    {"local_avg", "avgpool", map_pool, NULL, false, false},
    {"avgpool", "avgpool", map_avgpool, NULL, false, false},
    {"avg", "avgpool", map_avgpool, NULL, false, false},
    {"upsample", "upsample", map_upsample, NULL, false, false},
    {"reorg", "reorg", map_reorg, NULL, false, false},
    {"shortcut", "shortcut", map_shortcut, NULL, false, false},
    {"scale_channels", "scale", map_scale, NULL, false, false},
    {"sam", "sam", map_scale, NULL, false, false},
    {"route", "route", map_route, NULL, true, false},
    {"activation", "activation", map_activation, NULL, false, false},
    {"dropout", "dropout", map_same, NULL, false, false},
    {"softmax", "softmax", map_softmax, NULL, false, false},
    {"soft", "softmax", map_softmax, NULL, false, false},
    {"cost", "cost", map_same, NULL, false, false},
    {"yolo", "yolo", map_same, NULL, false, true},
    {"region", "region", map_same, NULL, false, true},
    {"detection", "detection", map_same, NULL, false, true},
    {"crop", "crop", NULL, "crops of images belong to how an image is prepared", false, false},
    {"reorg3d", "reorg", NULL, "supported is [reorg]", false, false},
    {"rnn", "rnn", NULL, "recurrent layers are not supported", false, false},
    {"gru", "gru", NULL, "recurrent layers are not supported", false, false},
    {"lstm", "lstm", NULL, "recurrent layers are not supported", false, false},
    {"crnn", "crnn", NULL, "recurrent layers are not supported", false, false},
    {"conv_lstm", "lstm", NULL, "recurrent layers are not supported", false, false},
    {"Gaussian_yolo", "yolo", map_same, NULL, false, true},
    {0},
};
