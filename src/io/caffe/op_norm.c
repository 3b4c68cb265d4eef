/* SPDX-License-Identifier: Apache-2.0 */
/* Normalizations, and what scales and shifts after them. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

/* ---- batch normalization ---- */

/* `value` for every channel. */
static fv_value filled(fv_import *im, int64_t count, float value)
{
    const fv_shape shape = {1, {count}};
    void *data;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_import_alloc(im, count * (int64_t)sizeof(float), &data)) != FV_OK)
        return fv_no_value;
    for (int64_t i = 0; i < count; i++)
        ((float *)data)[i] = value;
    return fv_import_constant(im, FV_F32, &shape, data);
}

static fv_status channels_of(const fv_caffe_layer *l, const fv_foreign *f, int64_t *c)
{
    *c = f->shape.rank < 2 ? 0 : f->shape.dim[1];
    return *c ? FV_OK : fv_caffe_cannot(l, "it takes %d dimensions, expected 2 or more", f->shape.rank);
}

/* Whether s scales (and shifts) the channels of what it takes by blobs of its own. */
static bool scales_channels(const fv_caffe_layer *s, const FvCaffe__Scale *p, int64_t c)
{
    return strcmp(s->type, "Scale") == 0 && s->n_bottom == 1 && s->n_top == 1 && p && p->num_axes == 1 &&
           p->axis == 1 && fv_caffe_blob_count(s, 0) == c && (!p->bias_term || fv_caffe_blob_count(s, 1) == c);
}

/* The Scale behind a layer, when nothing else takes what lies between. */
static fv_caffe_layer *scale_behind(const fv_caffe_layer *l, int64_t c, const FvCaffe__Scale **p)
{
    const fv_caffe_value *v = &l->out[0];
    if (v->users != 1 || v->answer || strcmp(v->user->type, "Scale") != 0 || !v->user->live)
        return NULL;
    *p = FV_CAFFE_PARAM(v->user, "scale_param", Scale, scale);
    return scales_channels(v->user, *p, c) ? v->user : NULL;
}

typedef struct norm {
    fv_value scale, shift, mean, var;
    double eps;
} norm;

static fv_value normalize(fv_caffe_layer *l, const norm *n, double momentum)
{
    fv_import *im = &l->net->im;
    const fv_batch_norm_attr attr = {.eps = n->eps, .momentum = momentum};
    fv_foreign *f = fv_caffe_in(l, 0);
    const fv_value in[5] = {fv_import_get(im, f, f->shape.rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE), n->scale,
                            n->shift, n->mean, n->var};
    im->label = l->name;
    return fv_import_emit(im, "batch_norm", &attr, in, 5);
}

static fv_order order_of(const fv_caffe_layer *l)
{
    return fv_caffe_in(l, 0)->shape.rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE;
}

/* Scale and shift of a Scale layer behind, which is mapped with this one: one normalization to train on. */
static fv_status take_scale(fv_caffe_layer *l, int64_t c, norm *n)
{
    const FvCaffe__Scale *p = NULL;
    fv_caffe_layer *s = scale_behind(l, c, &p);
    fv_import *im = &l->net->im;
    fv_foreign *f;
    if (!s) {
        n->scale = filled(im, c, 1.0f);
        n->shift = filled(im, c, 0.0f);
        return FV_OK;
    }
    FV_TRY(fv_caffe_blob(s, 0, c, &f));
    n->scale = fv_caffe_vector(l, f, FV_ROLE_PARAM, 1.0, "weight");
    if (p->bias_term) {
        FV_TRY(fv_caffe_blob(s, 1, c, &f));
        n->shift = fv_caffe_vector(l, f, FV_ROLE_PARAM, 1.0, "bias");
    } else {
        n->shift = filled(im, c, 0.0f);
    }
    s->done = true;
    return FV_OK;
}

/* The result, which is also that of a Scale layer that was mapped with this one. */
static fv_status normalized(fv_caffe_layer *l, fv_value y)
{
    FV_TRY(fv_caffe_result(l, 0, y, order_of(l)));
    if (l->out[0].users == 1 && l->out[0].user->done) {
        fv_foreign *f = fv_arena_memdup(l->net->im.arena, l->out[0].f, sizeof *f);
        if (!f)
            return FV_ERR_NO_MEMORY;
        f->name = l->out[0].user->out[0].name;
        l->out[0].user->out[0].f = f;
    }
    return FV_OK;
}

/* Blobs: mean and variance, both times the third; five of them (NVIDIA's): scale and shift too. */
static fv_status map_batch_norm(fv_caffe_layer *l)
{
    const FvCaffe__BatchNorm *p = FV_CAFFE_PARAM(l, "batch_norm_param", BatchNorm, batch_norm);
    fv_import *im = &l->net->im;
    fv_foreign *mean, *var, *total, *own[2];
    int64_t c;
    if (!p)
        return FV_ERR_NO_MEMORY;
    norm n = {.eps = (double)p->eps};
    FV_TRY(channels_of(l, fv_caffe_in(l, 0), &c));
    FV_TRY(fv_caffe_blob(l, 0, c, &mean));
    FV_TRY(fv_caffe_blob(l, 1, c, &var));
    FV_TRY(fv_caffe_blob(l, 2, 1, &total));
    const double sum = fv_foreign_real(total, 0), factor = sum == 0 ? 0.0 : 1.0 / sum;
    if (l->n_blobs == 5) {
        FV_TRY(fv_caffe_blob(l, 3, c, &own[0]));
        FV_TRY(fv_caffe_blob(l, 4, c, &own[1]));
        n.scale = fv_caffe_vector(l, own[0], FV_ROLE_PARAM, 1.0, "weight");
        n.shift = fv_caffe_vector(l, own[1], FV_ROLE_PARAM, 1.0, "bias");
    } else {
        FV_TRY(take_scale(l, c, &n));
    }
    n.mean = fv_caffe_vector(l, mean, FV_ROLE_STATE, factor, "running_mean");
    n.var = fv_caffe_vector(l, var, FV_ROLE_STATE, factor, "running_var");
    if (p->has_use_global_stats && !p->use_global_stats)
        fv_log(im->ctx, FV_LOG_INFO, "import",
               "%s: %s '%.100s' has use_global_stats=false, which is for training: its stored statistics are taken",
               l->net->path, l->type, l->name);
    return normalized(l, normalize(l, &n, 1.0 - (double)p->moving_average_fraction));
}

/* PSPNet's: scale, shift, mean, variance. SegNet's, written for inference: scale and shift alone. */
static fv_status map_bn(fv_caffe_layer *l)
{
    static const char *const leaves[] = {"weight", "bias", "running_mean", "running_var"};
    const FvCaffe__Bn *p = l->param;
    fv_import *im = &l->net->im;
    fv_value v[4];
    int64_t c;
    FV_TRY(channels_of(l, fv_caffe_in(l, 0), &c));
    const int count = l->n_blobs >= 4 ? 4 : 2;
    if (count == 2 && (!p->bn_mode || strcmp(p->bn_mode, "INFERENCE") != 0))
        return fv_caffe_cannot(l, "%d blobs: expected scale, shift, mean and variance, or bn_mode: INFERENCE",
                               l->n_blobs);
    for (int i = 0; i < count; i++) {
        fv_foreign *f;
        FV_TRY(fv_caffe_blob(l, i, c, &f));
        v[i] = fv_caffe_vector(l, f, i < 2 ? FV_ROLE_PARAM : FV_ROLE_STATE, 1.0, leaves[i]);
    }
    if (count == 4) {
        const norm n = {v[0], v[1], v[2], v[3], (double)p->eps};
        return fv_caffe_result(l, 0, normalize(l, &n, 0.1), order_of(l));
    }
    fv_value y = fv_import_emit2(im, "mul", NULL, fv_import_get(im, fv_caffe_in(l, 0), order_of(l)), v[0]);
    return fv_caffe_result(l, 0, fv_import_emit2(im, "add", NULL, y, v[1]), order_of(l));
}

/* ---- scale and bias ---- */

/* A blob or bottom 1, whose dimensions are those of x from `axis` on, with 1s behind. */
static fv_status beside(fv_caffe_layer *l, const char *leaf, int blob, int axis, int64_t n_axes, fv_order order,
                        fv_value *v)
{
    fv_import *im = &l->net->im;
    const fv_shape *s = &fv_caffe_in(l, 0)->shape;
    fv_shape wide = {.rank = s->rank};
    int64_t count = 1;
    const int end = n_axes < 0 ? s->rank : axis + (int)n_axes;
    if (end > s->rank)
        return fv_caffe_cannot(l, "axis=%d num_axes=%lld of %d dimensions", axis, (long long)n_axes, s->rank);
    for (int d = 0; d < s->rank; d++) {
        wide.dim[d] = d >= axis && d < end ? s->dim[d] : 1;
        count *= wide.dim[d];
    }
    fv_foreign *f;
    FV_TRY(fv_caffe_blob(l, blob, count, &f));
    if (axis == 1 && end == 2 && order != FV_ORDER_ROW && (order == FV_ORDER_LAST || s->rank == 2)) {
        *v = fv_caffe_vector(l, f, FV_ROLE_PARAM, 1.0, leaf);
        return FV_OK;
    }
    f->shape = wide; /* in the graph's order, as a parameter */
    fv_shape here = wide;
    fv_pick pick = {.rank = s->rank};
    int64_t step = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        const int to = fv_import_axis(order, d, s->rank);
        here.dim[to] = pick.dim[to] = wide.dim[d];
        pick.stride[to] = step;
        step *= wide.dim[d];
    }
    *v = fv_caffe_weight(l, f, FV_ROLE_PARAM, &here, &pick, 1.0, leaf);
    if (im->model->error != FV_OK)
        return im->model->error;
    return FV_OK;
}

/* Bottom 1 in the order of bottom 0, its dimensions being those from `axis` on. */
static fv_status other_operand(fv_caffe_layer *l, int axis, fv_order order, fv_value *v)
{
    fv_import *im = &l->net->im;
    fv_foreign *x = fv_caffe_in(l, 0), *f = fv_caffe_in(l, 1);
    fv_shape wide = {.rank = x->shape.rank};
    if (axis + f->shape.rank > x->shape.rank)
        return fv_caffe_cannot(l, "blobs of %d and %d dimensions from axis %d on", x->shape.rank, f->shape.rank, axis);
    for (int d = 0; d < wide.rank; d++) {
        wide.dim[d] = d >= axis && d < axis + f->shape.rank ? f->shape.dim[d - axis] : 1;
        if (wide.dim[d] != 1 && wide.dim[d] != x->shape.dim[d])
            return fv_caffe_cannot(l, "dimension %d is %lld beside %lld", d, (long long)wide.dim[d],
                                   (long long)x->shape.dim[d]);
    }
    if (f->batched && axis != 0)
        return fv_import_merges(im);
    if (f->shape.rank == wide.rank) {
        *v = fv_import_get(im, f, order);
        return FV_OK;
    }
    fv_foreign turned = {
        .name = f->name, .dtype = f->dtype, .shape = wide, .batched = f->batched, .form = {-1, -1, -1}};
    turned.form[FV_ORDER_FILE] = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_FILE), &wide, f->batched).id;
    *v = fv_import_get(im, &turned, order);
    return im->model->error;
}

static fv_status map_scale(fv_caffe_layer *l)
{
    const bool bias = strcmp(l->type, "Bias") == 0;
    const FvCaffe__Scale *p = FV_CAFFE_PARAM(l, "scale_param", Scale, scale);
    const FvCaffe__Bias *b = FV_CAFFE_PARAM(l, "bias_param", Bias, bias);
    fv_import *im = &l->net->im;
    fv_order order;
    fv_value v;
    int axis;
    if (!p || !b)
        return FV_ERR_NO_MEMORY;
    const int64_t n_axes = bias ? b->num_axes : p->num_axes;
    if (l->n_bottom < 1 || l->n_bottom > 2 || l->n_top < 1)
        return fv_caffe_cannot(l, "it takes %d blobs, expected 1 or 2", l->n_bottom);
    fv_foreign *f = fv_caffe_in(l, 0);
    FV_TRY(fv_caffe_axis(l, bias ? b->axis : p->axis, f->shape.rank, &axis));
    if (l->n_bottom == 1 && axis == 0 && f->batched)
        return fv_import_merges(im);
    fv_value y = fv_caffe_apart(l, f, &order);
    im->label = NULL;
    if (l->n_bottom == 2)
        FV_TRY(other_operand(l, axis, order, &v));
    else
        FV_TRY(beside(l, bias ? "bias" : "weight", 0, axis, n_axes, order, &v));
    im->label = l->name;
    y = fv_import_emit2(im, bias ? "add" : "mul", NULL, y, v);
    if (!bias && p->bias_term) {
        FV_TRY(beside(l, "bias", l->n_bottom == 2 ? 0 : 1, axis,
                      l->n_bottom == 2 ? fv_caffe_in(l, 1)->shape.rank : n_axes, order, &v));
        y = fv_import_emit2(im, "add", NULL, y, v);
    }
    return fv_caffe_result(l, 0, y, order);
}

/* SENet's: bottom 0, a number for each channel, times bottom 1, plus bottom 2. */
static fv_status map_axpy(fv_caffe_layer *l)
{
    fv_import *im = &l->net->im;
    fv_value x, y;
    FV_TRY(fv_caffe_image(l, 1, &x));
    FV_TRY(fv_caffe_image(l, 2, &y));
    fv_foreign *f = fv_caffe_in(l, 0);
    const int64_t n = f->shape.rank ? f->shape.dim[0] : 0, c = fv_caffe_in(l, 1)->shape.dim[1];
    const fv_shape image = {4, {n, 1, 1, c}};
    if (f->shape.rank < 2 || fv_foreign_count(f) != n * c || f->shape.dim[1] != c)
        return fv_caffe_cannot(l, "its factors are not one for each of %lld channels", (long long)c);
    fv_value a = f->shape.rank == 4 ? fv_import_get(im, f, FV_ORDER_LAST)
                                    : fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_FILE), &image, f->batched);
    x = fv_import_emit2(im, "mul", NULL, x, a);
    return fv_caffe_result(l, 0, fv_import_emit2(im, "add", NULL, x, y), FV_ORDER_LAST);
}

/* ---- others ---- */

/* Across channels the operator's own formula; within a channel x (1 + alpha mean(x^2))^-beta over a square of pixels.
 */
static fv_status map_lrn(fv_caffe_layer *l)
{
    const FvCaffe__Lrn *p = l->param;
    fv_import *im = &l->net->im;
    fv_value x;
    FV_TRY(fv_caffe_image(l, 0, &x));
    const int64_t size = p->local_size;
    if (size < 1 || size % 2 == 0 || size > 63)
        return fv_caffe_cannot(l, "local_size=%lld: expected an odd number to 63", (long long)size);
    if (p->norm_region == FV_CAFFE__LRN__REGION__ACROSS_CHANNELS) {
        const fv_lrn_attr attr = {.size = size, .alpha = (double)p->alpha, .beta = (double)p->beta, .k = (double)p->k};
        return fv_caffe_result(l, 0, fv_import_emit1(im, "lrn", &attr, x), FV_ORDER_LAST);
    }
    const fv_pool2d_attr window = {.size = {size, size},
                                   .stride = {1, 1},
                                   .pad = {size / 2, size / 2, size / 2, size / 2},
                                   .count_include_pad = true};
    const fv_pow_attr power = {.exponent = -(double)p->beta};
    fv_value y = fv_import_emit1(im, "avg_pool2d", &window, fv_import_emit2(im, "mul", NULL, x, x));
    y = fv_import_emit1(im, "pow", &power, fv_caffe_linear(im, y, (double)p->alpha, 1.0));
    return fv_caffe_result(l, 0, fv_import_emit2(im, "mul", NULL, x, y), FV_ORDER_LAST);
}

/* (x - mean) / (sqrt(variance) + eps) of each image, by channel or together. */
static fv_status map_mvn(fv_caffe_layer *l)
{
    const FvCaffe__Mvn *p = l->param;
    fv_import *im = &l->net->im;
    fv_value x;
    FV_TRY(fv_caffe_image(l, 0, &x));
    fv_reduce_attr axes = {.axes = {2, {1, 2}}, .keepdims = true};
    if (p->across_channels)
        axes.axes.value[axes.axes.count++] = 3;
    fv_value y = fv_import_emit2(im, "sub", NULL, x, fv_import_emit1(im, "reduce_mean", &axes, x));
    if (p->normalize_variance) {
        fv_value s = fv_import_emit1(im, "reduce_mean", &axes, fv_import_emit2(im, "mul", NULL, y, y));
        s = fv_caffe_linear(im, fv_import_emit1(im, "sqrt", NULL, s), 1.0, (double)p->eps);
        y = fv_import_emit2(im, "div", NULL, y, s);
    }
    return fv_caffe_result(l, 0, y, FV_ORDER_LAST);
}

/* x / sqrt(sum of squares + eps) of each pixel, or of the whole image, times a blob. */
static fv_status map_normalize(fv_caffe_layer *l)
{
    const FvCaffe__Norm *p = l->param;
    fv_import *im = &l->net->im;
    fv_foreign *f;
    fv_value x;
    FV_TRY(fv_caffe_image(l, 0, &x));
    const fv_reduce_attr pixel = {.axes = {1, {3}}, .keepdims = true},
                         whole = {.axes = {3, {1, 2, 3}}, .keepdims = true};
    FV_TRY(fv_caffe_blob(l, 0, p->channel_shared ? 1 : fv_caffe_in(l, 0)->shape.dim[1], &f));
    fv_value s = fv_import_emit2(im, "mul", NULL, x, x);
    s = fv_import_emit1(im, "reduce_sum", p->across_spatial ? &whole : &pixel, s);
    s = fv_import_emit1(im, "sqrt", NULL, fv_caffe_linear(im, s, 1.0, (double)p->eps));
    fv_value y = fv_import_emit2(im, "div", NULL, x, s);
    y = fv_import_emit2(im, "mul", NULL, y, fv_caffe_vector(l, f, FV_ROLE_PARAM, 1.0, "weight"));
    return fv_caffe_result(l, 0, y, FV_ORDER_LAST);
}

const fv_caffe_op fv_caffe_norm_ops[] = {
    {"BatchNorm", map_batch_norm, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"BN", map_bn, "bn_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Scale", map_scale, "scale_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Bias", map_scale, "bias_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Axpy", map_axpy, NULL, NULL, FV_CAFFE_PLAIN, 3},
    {"LRN", map_lrn, "lrn_param", NULL, FV_CAFFE_PLAIN, 1},
    {"MVN", map_mvn, "mvn_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Normalize", map_normalize, "norm_param", NULL, FV_CAFFE_PLAIN, 1},
    {0},
};

#endif
