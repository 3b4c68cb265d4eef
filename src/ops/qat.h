/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training with integers in mind: operators of 8-bit integers whose scales are operands, as they change from step to
 * step. A pair is two floats, scale and zero point. What such an operator computes is what the one with the same scales
 * as attributes computes: `fv_qat_..._attr` make these.
 */
#ifndef FV_OPS_QAT_H
#define FV_OPS_QAT_H

#include "ops/quantized.h"

/* Limits of a result by the activation that rides in its operator. */
#define FV_QAT_LIMIT_ROWS(T)                                                                                           \
    {"least",                                                                                                          \
     FV_ATTR_REAL,                                                                                                     \
     offsetof(T, least),                                                                                               \
     -FV_Q_FAR,                                                                                                        \
     -FV_Q_FAR,                                                                                                        \
     FV_Q_FAR,                                                                                                         \
     NULL,                                                                                                             \
     "Results are not below it: an activation behind the operator."},                                                  \
    {                                                                                                                  \
        "most", FV_ATTR_REAL, offsetof(T, most), FV_Q_FAR, -FV_Q_FAR, FV_Q_FAR, NULL, "Results are not above it."      \
    }

typedef struct fv_qat_conv2d_attr {
    fv_q_conv2d_attr q; /* of which the scales and zero points are not used */
    double least, most;
} fv_qat_conv2d_attr;

typedef struct fv_qat_binary_attr {
    bool other; /* the difference, or prelu */
    double least, most;
} fv_qat_binary_attr;

typedef struct fv_qat_weights_attr {
    bool per_tensor;
    int64_t bits;
} fv_qat_weights_attr;

typedef struct fv_qat_observe_attr {
    double momentum;
} fv_qat_observe_attr;

/* Operand i is a pair. */
fv_status fv_qat_pair_check(fv_ctx *ctx, const fv_node *node, int i);
/* The pair that operand i is. */
fv_q_pair fv_qat_pair(const fv_call *call, int i);
/* The same with the limits least and most. */
fv_q_pair fv_qat_limited(const fv_call *call, int i, double least, double most);
/* Runs the reference loops of the operator with scales as attributes on the first n_in operands. */
void fv_qat_run_as(const fv_call *call, const fv_op *op, const void *attr, int32_t n_in);
/* qat_add and qat_mul: both operands and their pairs are checked; pairs of both, and of the result with its limits. */
fv_status fv_qat_binary_infer(fv_ctx *ctx, const fv_node *node);
fv_cost fv_qat_binary_cost(const fv_node *node);
void fv_qat_binary_pairs(const fv_call *call, fv_q_pair pair[3]);
/* qat_conv2d as q_conv2d: its attributes, and the factor of filter k. */
void fv_qat_conv2d_set(const fv_call *call, fv_q_conv2d_attr *attr);
void fv_qat_conv2d_factor(const fv_call *call, const fv_q_conv2d_attr *attr, int64_t k, int32_t *mul, int32_t *shift);
/* qat_observe_train: the range follows the least and the largest number that were seen. */
void fv_qat_follow(const fv_qat_observe_attr *attr, const double seen[2], fv_dtype dtype, void *range);
/* qat_weights of some of the filters. */
void fv_qat_filters(const fv_call *call, int64_t begin, int64_t end);
/* qat_add as q_add. */
void fv_qat_add_set(const fv_call *call, fv_q_add_attr *attr);

#endif
