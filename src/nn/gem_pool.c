/* SPDX-License-Identifier: Apache-2.0 */
/* The generalized mean of a map (Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation, 2018). */
#include "nn/build.h"

#include <stdio.h>

/* A node FULL.LEAF of one operand, or of one and the exponent. */
static fv_value step(fv_model *m, const char *full, const char *leaf, const char *op, const void *attr, fv_value x,
                     const fv_value *exponent)
{
    char name[FV_NAME_MAX + 16];
    const fv_value in[2] = {x, exponent ? *exponent : fv_no_value};
    snprintf(name, sizeof name, "%s.%s", full, leaf);
    return fv_nn_append(m, op, name, attr, in, exponent ? 2 : 1);
}

/* x^p is exp(p log x), so that p has a gradient. */
fv_value fv_gem_pool_with(fv_model *m, fv_value x, const fv_gem_pool_options *o)
{
    static const char op[] = "gem_pool";
    char full[FV_NAME_MAX];
    fv_clamp_attr least;
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1))
        return fv_no_value;
    if (fv_nn_shape(m, x)->rank != 4)
        return fv_nn_refuse(m, FV_ERR_SHAPE, NULL, op, full, "its input is no map n x h x w x c");
    if (!(o->p >= 0) || !(o->eps >= 0))
        return fv_nn_refuse(m, FV_ERR_VALUE, NULL, op, full, "p=%g eps=%g: expected numbers above 0", o->p, o->eps);
    fv_attr_defaults(fv_op_find(m->ctx, "clamp"), &least);
    least.min = o->eps > 0 ? o->eps : 1e-6;
    const fv_value p =
        fv_nn_param(m, full, "p", FV_ROLE_PARAM, &(fv_shape){1, {1}}, FV_INIT_CONSTANT, o->p > 0 ? o->p : 3);
    fv_value y = step(m, full, "clamp", "clamp", &least, x, NULL);
    y = step(m, full, "log", "log", NULL, y, NULL);
    y = step(m, full, "times_p", "mul", NULL, y, &p);
    y = step(m, full, "power", "exp", NULL, y, NULL);
    y = step(m, full, "mean", "global_avg_pool", NULL, y, NULL);
    y = step(m, full, "log_mean", "log", NULL, y, NULL);
    y = step(m, full, "by_p", "div", NULL, y, &p);
    return fv_nn_append(m, "exp", full, NULL, &y, 1);
}
