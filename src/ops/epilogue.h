/* SPDX-License-Identifier: Apache-2.0 */
/* The activation that rides in another operator (FV_T_FUSES_ACTIVATION): attribute, value, gradient. */
#ifndef FV_OPS_EPILOGUE_H
#define FV_OPS_EPILOGUE_H

#include "ops/ref.h"

/* "none", "relu", "relu6": the activations with fuses_as, indexed by fv_activation. */
extern const char *const fv_epilogue_names[];

/* The row of an attribute table; `T` is the attribute struct, which begins with `int32_t activation`. */
#define FV_EPILOGUE_ROW(T)                                                                                             \
    {                                                                                                                  \
        "activation", FV_ATTR_ENUM, offsetof(T, activation), 0, 0, 2, fv_epilogue_names,                               \
            "Activation applied to the result: none, relu or relu6."                                                   \
    }

/* activation(x); NaN stays NaN. */
double fv_epilogue_apply(int32_t activation, double x);
/* d * activation'(.), written in terms of the activation's result y. */
double fv_epilogue_mask(int32_t activation, double y, double d);
/* The gradient in front of the node's activation, from the gradient d_dst of its first result. */
fv_val *fv_epilogue_grad(fv_builder *b, const fv_node *node, int32_t activation, fv_val *d_dst);

#endif
