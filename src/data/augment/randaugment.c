/* SPDX-License-Identifier: Apache-2.0 */
/* RandAugment (Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", 2019):
 * `n` operators drawn from a list, all at magnitude `m` of 30. */
#include "data/augment/augment.h"

static const fv_augment_param randaugment_params[] = {
    {"n", FV_PARAM_WHOLE, {2, 2}, 1, 16, NULL, "operators for each sample"},
    {"m", FV_PARAM_NUMBER, {9, 9}, 0, 30, NULL, "magnitude"},
    {0},
};

/* An operator of the list: its parameter number `param` is `at0` at magnitude 0 and `at30` at 30; `sided`: one of both
 * directions is drawn. param -1: there is nothing to set. */
static const struct entry {
    const fv_augment_op *op;
    int param;
    double at0, at30;
    enum { ONE_WAY, NEGATED, AROUND_ONE } sides;
} entries[] = {
    {NULL, -1, 0, 0, ONE_WAY}, /* as it is */
    {&fv_augment_shear, 0, 0, 16.7, NEGATED},
    {&fv_augment_shear, 1, 0, 16.7, NEGATED},
    {&fv_augment_shift, 0, 0, 0.45, NEGATED},
    {&fv_augment_shift, 1, 0, 0.45, NEGATED},
    {&fv_augment_rotate, 0, 0, 30, NEGATED},
    {&fv_augment_brightness, 0, 0, 0.9, AROUND_ONE},
    {&fv_augment_saturation, 0, 0, 0.9, AROUND_ONE},
    {&fv_augment_contrast, 0, 0, 0.9, AROUND_ONE},
    {&fv_augment_sharpness, 0, 0, 0.9, AROUND_ONE},
    {&fv_augment_posterize, 0, 8, 4, ONE_WAY},
    {&fv_augment_solarize, 0, 255, 0, ONE_WAY},
    {&fv_augment_autocontrast, -1, 0, 0, ONE_WAY},
    {&fv_augment_equalize, -1, 0, 0, ONE_WAY},
};

static fv_status apply_entry(fv_augment_call *call, const struct entry *e, double magnitude)
{
    fv_range arg[FV_AUGMENT_PARAMS];
    double value = e->at0 + (e->at30 - e->at0) * magnitude / 30;
    const bool other_way = fv_draw_word(&call->draw) >> 31;
    if (e->sides != ONE_WAY && other_way)
        value = -value;
    if (e->sides == AROUND_ONE)
        value += 1;
    /* What the entry does not set must stay where it is: half ranges of both directions are 0, factors 1. */
    for (int i = 0; e->op->params && e->op->params[i].key; i++) {
        const fv_augment_param *p = &e->op->params[i];
        arg[i] = p->def;
        if (p->kind == FV_PARAM_SPREAD)
            arg[i] = (fv_range){0, 0};
        if (i == e->param)
            arg[i] = (fv_range){value, value};
    }
    fv_augment_call inner = *call;
    inner.arg = arg;
    fv_status status = e->op->apply(&inner);
    call->draw = inner.draw;
    return status;
}

static fv_status randaugment_apply(fv_augment_call *call)
{
    const int64_t n = (int64_t)call->arg[0].low;
    const double magnitude = call->arg[1].low;
    for (int64_t i = 0; i < n; i++) {
        const struct entry *e = &entries[fv_draw_below(&call->draw, (int64_t)(sizeof entries / sizeof *entries))];
        if (e->op)
            FV_TRY(apply_entry(call, e, magnitude));
    }
    return FV_OK;
}

const fv_augment_op fv_augment_randaugment = {
    .name = "randaugment",
    .doc = "some operators out of a list of fourteen, all at one magnitude",
    .stage = FV_STAGE_SAMPLE,
    .cuts = true,
    .params = randaugment_params,
    .apply = randaugment_apply,
};
