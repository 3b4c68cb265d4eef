/* SPDX-License-Identifier: Apache-2.0 */
/* Attribute structs of the operators. The keys, defaults and ranges are in each operator's file. */
#ifndef FV_OPS_ATTR_H
#define FV_OPS_ATTR_H

#include <fovea/op.h>

/* Structs of operators that fuse an activation begin with it (FV_T_FUSES_ACTIVATION). */
typedef struct fv_conv2d_attr {
    int32_t activation;
    int64_t stride[2], dilation[2];
    int64_t pad[4]; /* top, left, bottom, right */
    int64_t groups;
    int64_t size[2]; /* conv2d_bwd_data: h, w of src; conv2d_bwd_weights: r, s; conv2d: unused (0) */
} fv_conv2d_attr;

typedef struct fv_conv_transpose2d_attr {
    int64_t stride[2], dilation[2], pad[4], output_pad[2], groups;
} fv_conv_transpose2d_attr;

typedef struct fv_dense_attr {
    int32_t activation;
} fv_dense_attr;

typedef struct fv_reshape_attr {
    fv_ints dims; /* without the batch unless whole is true; one may be -1 */
    bool whole;   /* dims are all dimensions, the batch included */
} fv_reshape_attr;

typedef struct fv_dims_attr {
    fv_ints dims; /* expand: shape; transpose: order of the dimensions of src */
} fv_dims_attr;

typedef struct fv_reduce_attr {
    fv_ints axes; /* none: all */
    bool keepdims;
} fv_reduce_attr;

typedef struct fv_axis_attr {
    int64_t axis;
    int64_t size; /* gather_bwd: of src along the axis */
} fv_axis_attr;

typedef struct fv_cast_attr {
    int32_t dtype; /* fv_dtype */
} fv_cast_attr;

typedef struct fv_clamp_attr {
    double min, max;
} fv_clamp_attr;

typedef struct fv_pow_attr {
    double exponent;
} fv_pow_attr;

typedef struct fv_pool2d_attr {
    int32_t activation;
    int64_t size[2], stride[2], pad[4]; /* stride 0: equal to size */
    bool ceil, count_include_pad;
    int64_t src_size[2]; /* backward: h, w of src */
} fv_pool2d_attr;

typedef struct fv_adaptive_pool_attr {
    int64_t output[2];   /* p, q */
    int64_t src_size[2]; /* backward */
} fv_adaptive_pool_attr;

typedef struct fv_batch_norm_attr {
    int32_t activation;
    double eps, momentum; /* running = (1 - momentum) * running + momentum * batch */
    bool frozen;          /* backward: mean and variance do not depend on src */
} fv_batch_norm_attr;

typedef struct fv_layer_norm_attr {
    double eps;
} fv_layer_norm_attr;

typedef struct fv_round_sum_attr {
    int32_t dtype; /* FV_F32 or FV_F64 */
} fv_round_sum_attr;

typedef struct fv_act_attr {
    double alpha;        /* leaky_relu: slope for x < 0 */
    int32_t approximate; /* gelu: 0 exact, 1 by tanh */
} fv_act_attr;

typedef struct fv_eltwise_attr {
    int32_t activation;
} fv_eltwise_attr;

typedef struct fv_dropout_attr {
    double rate;
    int64_t stream; /* which dropout or stochastic depth of the network: part of the key of its random numbers */
} fv_dropout_attr;

typedef struct fv_slice_attr {
    int64_t begin, count; /* along the axis */
    int64_t channels;     /* backward: size of src along the axis */
    int64_t axis;
} fv_slice_attr;

typedef struct fv_groups_attr {
    int64_t groups;
} fv_groups_attr;

typedef struct fv_pad_attr {
    int64_t pad[4];      /* top, left, bottom, right */
    int64_t channels[2]; /* zeros before and behind the channels */
    double value;
} fv_pad_attr;

typedef struct fv_upsample_attr {
    int64_t scale[2];
    int32_t mode; /* 0 nearest, 1 bilinear (align_corners false) */
} fv_upsample_attr;

typedef struct fv_lrn_attr {
    int64_t size;
    double alpha, beta, k; /* dst = src / (k + alpha / size * sum of squares over size channels) ^ beta */
} fv_lrn_attr;

typedef struct fv_loss_attr {
    double smoothing;   /* softmax_cross_entropy: label smoothing in [0, 1) */
    double delta;       /* huber */
    double temperature; /* softmax_kl */
} fv_loss_attr;

/* ---- 8-bit integers with scales (ops/fixed.h) ---- */

typedef struct fv_q_conv2d_attr {
    fv_conv2d_attr conv;
    int64_t src_zero, wei_zero, dst_zero, min, max;
    bool once;                   /* one rounding of a product of 64 bits instead of two */
    double src_scale, dst_scale; /* with the scales of the filters instead of their factors */
} fv_q_conv2d_attr;

typedef struct fv_q_factor_attr {
    double src_scale, dst_scale;
    int64_t count;
    bool floats; /* the factor begins with a product of floats */
} fv_q_factor_attr;

typedef struct fv_dequantize_attr {
    double scale;
    int64_t zero;
    bool wide; /* dst is f64 */
} fv_dequantize_attr;

typedef struct fv_q_add_attr {
    int64_t zero[3], mul[3], shift[3]; /* of src0, src1, dst */
    int64_t left, min, max;
    bool subtract;
} fv_q_add_attr;

typedef struct fv_q_mul_attr {
    int64_t zero[3], mul[2], shift[2];
    int64_t min, max;
    bool by_sign;
} fv_q_mul_attr;

typedef struct fv_q_mean_attr {
    fv_ints axes;
    bool keepdims;
    int64_t src_zero, dst_zero, mul, shift;
    bool sum;
} fv_q_mean_attr;

/* q_avg_pool2d, q_max_pool2d */
typedef struct fv_q_avg_pool2d_attr {
    fv_pool2d_attr pool;
    int64_t min, max;
} fv_q_avg_pool2d_attr;

typedef struct fv_q_softmax_attr {
    int64_t mul, left; /* of differences, to 5 integer bits */
    int64_t least;     /* differences below it count as 0 */
} fv_q_softmax_attr;

typedef struct fv_q_resize_attr {
    int64_t size[2];
    bool align, half;
} fv_q_resize_attr;

typedef struct fv_quantize_samples_attr {
    bool pixels; /* every pixel by itself */
} fv_quantize_samples_attr;

typedef struct fv_quantize_attr {
    double scale;
    int64_t zero;
    int32_t to; /* 0 i8, 1 u8 */
} fv_quantize_attr;

typedef struct fv_quantize_sums_attr {
    int64_t zero, min, max;
    int32_t to; /* 0: i8, 1: u8 */
} fv_quantize_sums_attr;

/* ---- updates: what an optimizer's steps are set to; learning rate and step number are operands ---- */

typedef struct fv_sgd_attr {
    double momentum, weight_decay;
    bool nesterov;
} fv_sgd_attr;

typedef struct fv_adam_attr {
    double beta1, beta2, eps, weight_decay;
    bool decoupled; /* AdamW */
} fv_adam_attr;

typedef struct fv_rmsprop_attr {
    double alpha, eps, momentum, weight_decay;
} fv_rmsprop_attr;

typedef struct fv_ema_attr {
    double decay;
} fv_ema_attr;

typedef struct fv_momentum_attr {
    double momentum;
} fv_momentum_attr;

typedef struct fv_l1_attr {
    double l1;
} fv_l1_attr;

typedef struct fv_l2_attr {
    double l2;
} fv_l2_attr;

typedef struct fv_trust_attr {
    double coefficient, weight_decay, eps;
} fv_trust_attr;

typedef struct fv_lookahead_attr {
    double alpha;
    int64_t steps;
} fv_lookahead_attr;

typedef struct fv_limit_attr {
    double limit; /* clip_by_value: largest magnitude; clip_scale, max_norm: largest norm */
} fv_limit_attr;

#endif
