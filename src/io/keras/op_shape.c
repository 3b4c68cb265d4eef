/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes: flattening, padding, cropping, enlarging. */
#include <string.h>

#include "io/keras/node.h"

static fv_status reshaped(const fv_keras_node *n, fv_value x, const fv_shape *shape)
{
    return fv_keras_result(n, fv_import_reshape(n->im, x, shape, true), FV_ORDER_FILE);
}

/* Rows of h w c, whatever the order of the operand; their length follows from it, as where a new last layer is put in.
 */
static fv_status map_flatten(const fv_keras_node *n)
{
    FV_TRY(fv_keras_need(n, 1));
    fv_value x = fv_import_get(n->im, n->in[0], fv_keras_order(n));
    if (n->in[0]->shape.rank == 2)
        return fv_keras_same(n);
    return fv_keras_result(n, fv_import_emit1(n->im, "flatten", NULL, x), FV_ORDER_FILE);
}

/* target_shape without the batch, or newshape (shape) with it; one may be -1. */
static fv_status map_reshape(const fv_keras_node *n)
{
    fv_shape to = {1, {1}};
    int open = -1;
    int64_t known = 1;
    FV_TRY(fv_keras_need(n, 1));
    const bool whole = fv_keras_get(n, "target_shape") == NULL;
    const fv_ints dims = fv_keras_ints(n, !whole ? "target_shape" : fv_keras_get(n, "newshape") ? "newshape" : "shape");
    const int first = whole ? 1 : 0;
    if (dims.count - first > FV_MAX_RANK - 1 || dims.count <= first ||
        (whole && dims.value[0] != -1 && dims.value[0] != 1))
        return fv_keras_cannot(n, "the new shape is none that keeps the batch, or has more than %d dimensions",
                               FV_MAX_RANK);
    for (int64_t i = first; i < dims.count; i++) {
        if (dims.value[i] == -1 && open < 0)
            open = to.rank;
        else if (dims.value[i] < 1 || !fv_size_mul(known, dims.value[i], &known))
            return fv_keras_cannot(n, "the new shape holds %lld", (long long)dims.value[i]);
        to.dim[to.rank++] = dims.value[i];
    }
    const int64_t count = fv_foreign_count(n->in[0]);
    if (open >= 0)
        to.dim[open] = count / known;
    if (fv_shape_count(&to) != count)
        return fv_keras_cannot(n, "%lld elements do not make the new shape", (long long)count);
    return reshaped(n, fv_import_get(n->im, n->in[0], FV_ORDER_FILE), &to);
}

static fv_status map_permute(const fv_keras_node *n)
{
    int perm[FV_MAX_RANK] = {0};
    bool seen[FV_MAX_RANK] = {true};
    FV_TRY(fv_keras_need(n, 1));
    const int rank = n->in[0]->shape.rank;
    const bool whole = fv_keras_get(n, "dims") == NULL; /* a function's: the batch is among them */
    const fv_ints dims = fv_keras_ints(n, !whole ? "dims" : fv_keras_get(n, "axes") ? "axes" : "perm");
    if (dims.count != rank - !whole)
        return fv_keras_cannot(n, "%lld axes of %d dimensions", (long long)dims.count, rank);
    for (int d = 1; d < rank; d++) {
        const int64_t from = dims.value[whole ? d : d - 1];
        if (from < 1 || from >= rank || seen[from])
            return fv_keras_cannot(n, "axis %lld is the batch, none or twice there", (long long)from);
        seen[from] = true;
        perm[d] = (int)from;
    }
    return fv_keras_result(n, fv_import_transpose(n->im, fv_import_get(n->im, n->in[0], FV_ORDER_FILE), perm),
                           FV_ORDER_FILE);
}

/* top, left, bottom, right: one number for all, one for each side, or two for each side; rows have columns alone */
static fv_status margins(const fv_keras_node *n, const char *key, int64_t pad[4])
{
    double value[4] = {1, 1, 1, 1};
    int count;
    const bool row = n->in[0]->shape.rank == 3;
    FV_TRY(fv_keras_reals(n, key, 4, value, &count));
    if (count == 3 || (row && count == 4))
        return fv_keras_cannot(n, "%s has %d numbers", key, count);
    for (int i = 0; i < 4; i++) {
        const int at = count < 2 ? 0 : row ? i / 2 : count == 2 ? i % 2 : i % 2 * 2 + i / 2;
        if (!(value[at] >= 0 && value[at] <= 65535))
            return fv_keras_cannot(n, "%s holds %g", key, value[at]);
        pad[i] = row && i % 2 == 0 ? 0 : (int64_t)value[at];
    }
    return FV_OK;
}

/* Pixels around the image, or less of it. */
static fv_status framed(const fv_keras_node *n, const char *key, const char *op)
{
    fv_pad_attr attr = {.value = 0.0};
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(margins(n, key, attr.pad));
    return fv_keras_result_image(n, fv_import_emit1(n->im, op, &attr, x));
}

static fv_status map_zero_padding(const fv_keras_node *n)
{
    return framed(n, "padding", "pad");
}

static fv_status map_cropping(const fv_keras_node *n)
{
    return framed(n, "cropping", "crop");
}

static fv_status enlarged(const fv_keras_node *n, fv_value x, const int64_t scale[2], const char *how)
{
    fv_upsample_attr attr = {.scale = {scale[0], scale[1]}};
    if (strcmp(how, "nearest") != 0 && strcmp(how, "bilinear") != 0)
        return fv_keras_cannot(n, "interpolation '%.40s': supported are nearest and bilinear", how);
    attr.mode = strcmp(how, "bilinear") == 0;
    return fv_keras_result_image(n, fv_import_emit1(n->im, "upsample2d", &attr, x));
}

static fv_status map_upsampling(const fv_keras_node *n)
{
    int64_t scale[2];
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(fv_keras_pair(n, "size", n->in[0]->shape.rank - 2, 2, scale));
    return enlarged(n, x, scale, fv_keras_text(n, "interpolation", "nearest"));
}

/* height and width of the configuration beside those of x */
static fv_status asked_size(const fv_keras_node *n, fv_value x, int64_t asked[2], int64_t have[2])
{
    for (int i = 0; i < 2; i++) {
        have[i] = fv_import_shape(n->im, x)->dim[1 + i];
        asked[i] = fv_keras_int(n, i ? "width" : "height", 0);
        if (asked[i] < 1 || asked[i] > 65536)
            return fv_keras_cannot(n, "%s is %lld", i ? "width" : "height", (long long)asked[i]);
    }
    return FV_OK;
}

/* In front of a network whose size was open, images come in the size that is asked for. */
static fv_status map_resizing(const fv_keras_node *n)
{
    int64_t asked[2], have[2];
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(asked_size(n, x, asked, have));
    if (asked[0] == have[0] && asked[1] == have[1])
        return fv_keras_same(n);
    if (asked[0] % have[0] || asked[1] % have[1])
        return fv_keras_cannot(n, "from %lldx%lld to %lldx%lld: supported are whole factors", (long long)have[0],
                               (long long)have[1], (long long)asked[0], (long long)asked[1]);
    return enlarged(n, x, (const int64_t[]){asked[0] / have[0], asked[1] / have[1]},
                    fv_keras_text(n, "interpolation", "bilinear"));
}

static fv_status map_center_crop(const fv_keras_node *n)
{
    int64_t asked[2], have[2];
    fv_value x;
    fv_pad_attr attr = {.value = 0.0};
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(asked_size(n, x, asked, have));
    if (asked[0] == have[0] && asked[1] == have[1])
        return fv_keras_same(n);
    for (int i = 0; i < 2; i++) {
        if (asked[i] > have[i])
            return fv_keras_cannot(n, "%lld of %lld rows or columns", (long long)asked[i], (long long)have[i]);
        attr.pad[i] = (have[i] - asked[i]) / 2;
        attr.pad[i + 2] = have[i] - asked[i] - attr.pad[i];
    }
    return fv_keras_result_image(n, fv_import_emit1(n->im, "crop", &attr, x));
}

const fv_keras_op fv_keras_shape_ops[] = {
    {"Flatten", map_flatten, NULL, NULL},
    {"Reshape", map_reshape, NULL, NULL},
    {"Permute", map_permute, NULL, NULL},
    {"ZeroPadding2D", map_zero_padding, NULL, NULL},
    {"ZeroPadding1D", map_zero_padding, NULL, NULL},
    {"Cropping2D", map_cropping, NULL, NULL},
    {"Cropping1D", map_cropping, NULL, NULL},
    {"UpSampling2D", map_upsampling, NULL, NULL},
    {"UpSampling1D", map_upsampling, NULL, NULL},
    {"Resizing", map_resizing, NULL, NULL},
    {"CenterCrop", map_center_crop, NULL, NULL},
    {"RepeatVector", NULL, NULL, "supported is Reshape"},
    {0},
};

/* The same as functions; names without what stands before their last dot, in small letters and without '_'. */
const fv_keras_op fv_keras_function_shape_ops[] = {
    {"reshape", map_reshape, NULL, NULL},
    {"transpose", map_permute, NULL, NULL},
    {0},
};
