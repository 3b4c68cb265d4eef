/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/epilogue.h"

const char *const fv_epilogue_names[] = {"none", "relu", "relu6", NULL};

/* Comparisons are written so that NaN fails them and passes through. */
double fv_epilogue_apply(int32_t activation, double x)
{
    if (activation == FV_ACT_NONE)
        return x;
    double y = x < 0.0 ? 0.0 : x;
    return activation == FV_RELU6 && y > 6.0 ? 6.0 : y;
}

double fv_epilogue_mask(int32_t activation, double y, double d)
{
    if (activation == FV_ACT_NONE)
        return d;
    return y <= 0.0 || (activation == FV_RELU6 && y >= 6.0) ? 0.0 : d;
}

fv_val *fv_epilogue_grad(fv_builder *b, const fv_node *node, int32_t activation, fv_val *d_dst)
{
    if (activation == FV_ACT_NONE)
        return d_dst;
    return fv_emit(b, activation == FV_RELU6 ? "relu6_bwd" : "relu_bwd", NULL, (fv_val *[]){d_dst, node->out[0]}, 2);
}
