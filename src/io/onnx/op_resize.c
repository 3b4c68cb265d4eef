/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resize and Upsample. Every element along an axis is a weighted sum of a few others: taps with weights that depend on
 * sizes alone. Whole factors are upsample2d's; everything else is gathered tap by tap, one axis after the other.
 */
#include <math.h>
#include <string.h>

#include "io/onnx/node.h"

enum { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC };
enum { TAPS_MAX = 64 };

typedef struct resize {
    int mode;
    char coordinates[64], nearest[64];
    double cubic_a, extrapolation;
    bool antialias, exclude_outside;
    int64_t in[FV_MAX_RANK], out[FV_MAX_RANK]; /* in the file's order */
    double scale[FV_MAX_RANK], roi[2][FV_MAX_RANK];
} resize;

/* Taps of one axis: [tap][output]. */
typedef struct taps {
    int count;
    int64_t *index;
    float *weight;
    float *outside; /* 1 where an output lies outside of a cropped box; NULL: none does */
} taps;

/* Where output x lies among the inputs. */
static double origin(const resize *r, int d, int64_t x)
{
    const double in = (double)r->in[d], s = r->scale[d], out = s * in, at = (double)x; /* out: not rounded */
    const char *mode = r->coordinates;
    if (strcmp(mode, "asymmetric") == 0)
        return at / s;
    if (strcmp(mode, "align_corners") == 0)
        return out == 1 ? 0.0 : at * (in - 1) / (out - 1);
    if (strcmp(mode, "tf_half_pixel_for_nn") == 0)
        return (at + 0.5) / s;
    if (strcmp(mode, "pytorch_half_pixel") == 0)
        return out > 1 ? (at + 0.5) / s - 0.5 : 0.0;
    if (strcmp(mode, "half_pixel_symmetric") == 0)
        return in / 2 * (1 - (double)r->out[d] / out) + (at + 0.5) / s - 0.5;
    if (strcmp(mode, "tf_crop_and_resize") == 0) {
        const double begin = r->roi[0][d], end = r->roi[1][d];
        return out > 1 ? begin * (in - 1) + at * (end - begin) * (in - 1) / (out - 1) : 0.5 * (begin + end) * (in - 1);
    }
    return (at + 0.5) / s - 0.5;
}

static int64_t nearest(const char *mode, double x)
{
    if (strcmp(mode, "floor") == 0)
        return (int64_t)floor(x);
    if (strcmp(mode, "ceil") == 0)
        return (int64_t)ceil(x);
    if (strcmp(mode, "round_prefer_ceil") == 0)
        return (int64_t)floor(x + 0.5);
    return (int64_t)ceil(x - 0.5);
}

static double kernel(const resize *r, double x)
{
    const double a = r->cubic_a;
    x = fabs(x);
    if (r->mode == MODE_LINEAR)
        return x < 1 ? 1 - x : 0.0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
}

/* Adds a weight to a tap of output o; false: there are too many. */
static bool add_tap(taps *t, int64_t out, int64_t o, int64_t index, double weight, int *used)
{
    for (int k = 0; k < *used; k++)
        if (t->index[k * out + o] == index) {
            t->weight[k * out + o] += (float)weight;
            return true;
        }
    if (*used == TAPS_MAX)
        return false;
    t->index[*used * out + o] = index;
    t->weight[*used * out + o] = (float)weight;
    t->count = ++*used > t->count ? *used : t->count;
    return true;
}

static bool output_taps(const resize *r, int d, int64_t o, taps *t)
{
    const int64_t in = r->in[d];
    const double x = origin(r, d, o), shrink = r->antialias && r->scale[d] < 1 ? r->scale[d] : 1.0;
    const double support = (r->mode == MODE_LINEAR ? 1.0 : 2.0) / shrink;
    double sum = 0;
    int used = 0;
    if (t->outside)
        t->outside[o] = x < 0 || x > (double)(in - 1);
    if (r->mode == MODE_NEAREST) {
        const int64_t at = nearest(r->nearest, x);
        return add_tap(t, r->out[d], o, at < 0 ? 0 : at >= in ? in - 1 : at, 1.0, &used);
    }
    const int64_t first = (int64_t)floor(x - support), last = (int64_t)ceil(x + support);
    if (last - first > 4 * TAPS_MAX)
        return false;
    for (int64_t i = first; i <= last; i++)
        sum += r->exclude_outside && (i < 0 || i >= in) ? 0.0 : kernel(r, ((double)i - x) * shrink);
    if (!r->antialias && !r->exclude_outside)
        sum = 1.0;
    for (int64_t i = first; i <= last; i++) {
        const bool out = i < 0 || i >= in;
        const double weight = kernel(r, ((double)i - x) * shrink) / sum;
        if (weight != 0.0 && !(r->exclude_outside && out) &&
            !add_tap(t, r->out[d], o,
                     i < 0     ? 0
                     : i >= in ? in - 1
                               : i,
                     weight, &used))
            return false;
    }
    return used > 0 || add_tap(t, r->out[d], o, 0, 0.0, &used);
}

static fv_status find_taps(const fv_onnx_node *n, const resize *r, int d, taps *t)
{
    void *index, *weight, *outside = NULL;
    const int64_t out = r->out[d];
    FV_TRY(fv_import_alloc(n->im, out * TAPS_MAX * (int64_t)sizeof *t->index, &index));
    FV_TRY(fv_import_alloc(n->im, out * TAPS_MAX * (int64_t)sizeof *t->weight, &weight));
    if (strcmp(r->coordinates, "tf_crop_and_resize") == 0)
        FV_TRY(fv_import_alloc(n->im, out * (int64_t)sizeof *t->outside, &outside));
    *t = (taps){0, index, weight, outside};
    for (int64_t o = 0; o < out; o++)
        if (!output_taps(r, d, o, t))
            return fv_onnx_cannot(n, "more than %d elements meet in one", TAPS_MAX);
    return FV_OK;
}

/* The sum over taps of weight times what lies there, along `axis` of x. */
static fv_value apply(fv_import *im, const taps *t, const resize *r, int d, int axis, fv_value x)
{
    const int64_t out = r->out[d];
    const fv_shape list = {1, {out}};
    fv_shape beside = {.rank = fv_import_shape(im, x)->rank};
    const fv_axis_attr along = {.axis = axis};
    fv_value y = fv_no_value;
    bool ones = t->count == 1;
    for (int k = 0; k < beside.rank; k++)
        beside.dim[k] = k == axis ? out : 1;
    for (int64_t o = 0; o < out && ones; o++)
        ones = t->weight[o] == 1.0f;
    for (int k = 0; k < t->count; k++) {
        fv_value part =
            fv_import_emit2(im, "gather", &along, x, fv_import_constant(im, FV_I64, &list, t->index + k * out));
        if (!ones)
            part = fv_import_emit2(im, "mul", NULL, part, fv_import_constant(im, FV_F32, &beside, t->weight + k * out));
        y = k ? fv_import_emit2(im, "add", NULL, y, part) : part;
    }
    if (!t->outside)
        return y;
    for (int64_t o = 0; o < out; o++) /* outside everything is the one number */
        t->weight[o] = 1.0f - t->outside[o];
    y = fv_import_emit2(im, "mul", NULL, y, fv_import_constant(im, FV_F32, &beside, t->weight));
    for (int64_t o = 0; o < out; o++)
        t->weight[o] = t->outside[o] * (float)r->extrapolation;
    return fv_import_emit2(im, "add", NULL, y, fv_import_constant(im, FV_F32, &beside, t->weight));
}

/* Whether an image grows by whole factors as upsample2d has it. */
static bool is_plain(const resize *r, int rank, fv_upsample_attr *attr)
{
    const bool half = strcmp(r->coordinates, "half_pixel") == 0 || strcmp(r->coordinates, "pytorch_half_pixel") == 0;
    const bool simple = strcmp(r->coordinates, "asymmetric") == 0 && strcmp(r->nearest, "floor") == 0;
    if (rank != 4 || r->in[0] != r->out[0] || r->in[1] != r->out[1] || r->mode == MODE_CUBIC)
        return false;
    if (r->mode == MODE_LINEAR ? !half || r->exclude_outside
                               : !simple && !(half && strncmp(r->nearest, "round", 5) == 0))
        return false;
    attr->mode = r->mode == MODE_LINEAR;
    for (int i = 0; i < 2; i++) {
        attr->scale[i] = r->out[2 + i] / r->in[2 + i];
        if (attr->scale[i] < 1 || attr->scale[i] > 1024 || attr->scale[i] * r->in[2 + i] != r->out[2 + i] ||
            r->scale[2 + i] != (double)attr->scale[i])
            return false;
    }
    return true;
}

/* ---- what the node says ---- */

static fv_status set_size(const fv_onnx_node *n, resize *r, int d, double out)
{
    if (!(out >= 1) || out > (double)(1 << 24))
        return fv_onnx_cannot(n, "dimension %d becomes %g", d, out);
    r->out[d] = (int64_t)out;
    return FV_OK;
}

/* Sizes that keep an image's proportions: the smaller or the larger of the factors for all. */
static fv_status set_sizes(const fv_onnx_node *n, resize *r, const int *axes, int count, const fv_foreign *sizes)
{
    char text[64];
    const char *policy = fv_onnx_text(n, "keep_aspect_ratio_policy", "stretch", text);
    double common = 0;
    for (int i = 0; i < count; i++) {
        const double s = fv_foreign_real(sizes, i) / (double)r->in[axes[i]];
        common = i == 0 || (strcmp(policy, "not_larger") == 0 ? s < common : s > common) ? s : common;
        r->scale[axes[i]] = s;
        FV_TRY(set_size(n, r, axes[i], fv_foreign_real(sizes, i)));
    }
    for (int i = 0; i < count && strcmp(policy, "stretch") != 0; i++) {
        r->scale[axes[i]] = common;
        FV_TRY(set_size(n, r, axes[i], floor(common * (double)r->in[axes[i]] + 0.5)));
    }
    return FV_OK;
}

static fv_status set_scales(const fv_onnx_node *n, resize *r, const int *axes, int count, const fv_foreign *scales)
{
    int64_t listed = 0;
    const float *list = scales ? NULL : fv_onnx_floats(n, "scales", &listed);
    if (!scales && listed != count)
        return fv_onnx_cannot(n, "%lld scales for %d dimensions", (long long)listed, count);
    for (int i = 0; i < count; i++) {
        const double s = scales ? fv_foreign_real(scales, i) : (double)list[i];
        r->scale[axes[i]] = s;
        FV_TRY(set_size(n, r, axes[i], floor(s * (double)r->in[axes[i]])));
    }
    return FV_OK;
}

/* Operand i where it is given and not empty; it must be a constant of `count` numbers. */
static fv_status operand(const fv_onnx_node *n, int i, int count, const char *what, const fv_foreign **f)
{
    *f = i < n->n_in ? n->in[i] : NULL;
    if (!*f || ((*f)->data && fv_foreign_count(*f) == 0)) {
        *f = NULL;
        return FV_OK;
    }
    FV_TRY(fv_onnx_need_constant(n, i, what));
    return fv_foreign_count(*f) == count
               ? FV_OK
               : fv_onnx_cannot(n, "%s has %lld numbers, expected %d", what, (long long)fv_foreign_count(*f), count);
}

static fv_status read_modes(const fv_onnx_node *n, resize *r)
{
    char mode[64];
    const bool old = n->opset < 11; /* Upsample, and Resize as it was at first */
    fv_onnx_text(n, "mode", "nearest", mode);
    fv_onnx_text(n, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", r->coordinates);
    fv_onnx_text(n, "nearest_mode", old ? "floor" : "round_prefer_floor", r->nearest);
    r->mode = strcmp(mode, "nearest") == 0                                   ? MODE_NEAREST
              : strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0 ? MODE_LINEAR
              : strcmp(mode, "cubic") == 0                                   ? MODE_CUBIC
                                                                             : -1;
    r->cubic_a = fv_onnx_real(n, "cubic_coeff_a", -0.75);
    r->extrapolation = fv_onnx_real(n, "extrapolation_value", 0.0);
    r->antialias = fv_onnx_int(n, "antialias", 0) != 0;
    r->exclude_outside = fv_onnx_int(n, "exclude_outside", 0) != 0;
    return r->mode < 0 ? fv_onnx_cannot(n, "mode '%s'", mode) : FV_OK;
}

static fv_status read_node(const fv_onnx_node *n, resize *r)
{
    const fv_shape *s = &n->in[0]->shape;
    const fv_ints given = fv_onnx_ints(n, "axes");
    const int count = given.count ? (int)given.count : s->rank, first = n->opset < 11 ? 1 : 2;
    int axes[FV_MAX_RANK];
    const fv_foreign *scales, *sizes, *roi = NULL;
    FV_TRY(read_modes(n, r));
    if (count > s->rank)
        return fv_onnx_cannot(n, "%d axes of %d dimensions", count, s->rank);
    for (int i = 0; i < count; i++)
        FV_TRY(fv_onnx_axis(n, given.count ? given.value[i] : i, s->rank, &axes[i]));
    for (int d = 0; d < s->rank; d++) {
        r->in[d] = r->out[d] = s->dim[d];
        r->scale[d] = r->roi[1][d] = 1.0;
    }
    if (strcmp(r->coordinates, "tf_crop_and_resize") == 0)
        FV_TRY(operand(n, 1, 2 * count, "roi", &roi));
    for (int i = 0; roi && i < 2 * count; i++)
        r->roi[i / count][axes[i % count]] = fv_foreign_real(roi, i);
    FV_TRY(operand(n, first, count, "scales", &scales));
    FV_TRY(operand(n, first == 2 ? 3 : n->n_in, count, "sizes", &sizes));
    if (sizes)
        return set_sizes(n, r, axes, count, sizes);
    return set_scales(n, r, axes, count, scales);
}

static fv_status map_resize(const fv_onnx_node *n)
{
    resize r = {.mode = 0};
    fv_upsample_attr attr;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    FV_TRY(read_node(n, &r));
    if (f->batched && r.in[0] != r.out[0])
        return fv_import_merges(im);
    if (f->dtype != FV_F32)
        return fv_onnx_cannot(n, "of %s", fv_dtype_name(f->dtype));
    if (is_plain(&r, rank, &attr))
        return fv_onnx_result(n, 0, fv_import_emit1(im, "upsample2d", &attr, fv_import_get(im, f, FV_ORDER_LAST)),
                              FV_ORDER_LAST);
    fv_order order = fv_import_common(&f, 1, rank);
    order = order == FV_ORDER_ROW ? FV_ORDER_FILE : order;
    fv_value x = fv_import_get(im, f, order);
    bool any = false;
    for (int d = 0; d < rank; d++) {
        taps t;
        const bool cropped = strcmp(r.coordinates, "tf_crop_and_resize") == 0 && (r.roi[0][d] != 0 || r.roi[1][d] != 1);
        if (r.in[d] == r.out[d] && r.scale[d] == 1.0 && !cropped)
            continue;
        any = true;
        FV_TRY(find_taps(n, &r, d, &t));
        if (!cropped)
            t.outside = NULL;
        x = apply(im, &t, &r, d, fv_import_axis(order, d, rank), x);
    }
    return any ? fv_onnx_result(n, 0, x, order) : fv_import_alias(im, n->out[0], f);
}

const fv_onnx_op fv_onnx_resize_ops[] = {
    {"Resize", map_resize, NULL, NULL},
    {"Upsample", map_resize, NULL, NULL},
    {"GridSample", NULL, NULL, "supported is Resize"},
    {0},
};
