/* SPDX-License-Identifier: Apache-2.0 */
/* A classifier and the network below it as one model. */
#include "transfer/features.h"

/* Of two classes the one vector speaks for the second: scores -z / 2 and z / 2 have the same softmax. */
static void scores_of_two(const double *from, int64_t n, float *first, float *second)
{
    for (int64_t j = 0; j < n; j++) {
        first[j] = (float)(-0.5 * from[j]);
        second[j] = (float)(0.5 * from[j]);
    }
}

static void round_all(const double *from, int64_t n, float *to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] = (float)from[j];
}

static fv_status build(fv_model *model, const fv_cut *cut, const fv_linear *l, int64_t width,
                       const char *const *class_names, fv_model **out)
{
    const int64_t vectors = fv_linear_vectors(l), classes = vectors == 1 ? 2 : vectors;
    float *weights = fv_calloc(model->ctx, (size_t)classes, (size_t)(width + 1) * sizeof *weights);
    if (!weights)
        return FV_ERR_NO_MEMORY;
    float *bias = weights + classes * width;
    if (vectors == 1) {
        scores_of_two(fv_linear_weights(l), width, weights, weights + width);
        scores_of_two(fv_linear_intercepts(l), 1, bias, bias + 1);
    } else {
        round_all(fv_linear_weights(l), vectors * width, weights);
        round_all(fv_linear_intercepts(l), vectors, bias);
    }
    const fv_cut_head head = {weights, bias, classes, width, class_names};
    fv_status status = fv_model_cut_head(model, cut, &head, out);
    /* What the network was trained on, and its terms; what was measured was measured of another head. */
    static const fv_card_item kept[] = {FV_CARD_DATA, FV_CARD_LICENSE};
    for (size_t i = 0; i < sizeof kept / sizeof *kept && status == FV_OK; i++)
        status = fv_model_set_card(*out, kept[i], fv_model_card(model, kept[i]));
    if (status != FV_OK)
        fv_model_destroy(out);
    fv_free(model->ctx, weights);
    return status;
}

fv_status fv_linear_model(fv_model *model, const fv_features_options *options, const fv_linear *linear,
                          const char *const *class_names, fv_model **out)
{
    fv_cut *cuts;
    int count;
    *out = NULL;
    FV_TRY(fv_features_cuts(model, options, &cuts, &count));
    fv_status status = FV_OK;
    if (count != 1)
        status = fv_fail(model->ctx, FV_ERR_VALUE, "a model of a classifier is of one layer, and %d were named", count);
    if (status == FV_OK)
        status = build(model, &cuts[0], linear, fv_linear_width(linear), class_names, out);
    fv_free(model->ctx, cuts);
    return status;
}
