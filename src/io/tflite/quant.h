/* SPDX-License-Identifier: Apache-2.0 */
/* Integers with scales: what the mappings of several operators share. */
#ifndef FV_IO_TFLITE_QUANT_H
#define FV_IO_TFLITE_QUANT_H

#include "io/tflite/node.h"
#include "ops/quantized.h"

/* One scale and zero point of an 8-bit tensor; fails by name for others. */
typedef fv_q_pair fv_tflite_pair;
fv_status fv_tflite_in_pair(const fv_tflite_node *n, int i, fv_tflite_pair *pair);
fv_status fv_tflite_out_pair(const fv_tflite_node *n, int i, fv_tflite_pair *pair);
/* [low, high] of the result within a fused activation. */
fv_status fv_tflite_limits(const fv_tflite_node *n, int64_t activation, fv_tflite_pair *out);

/* Real numbers as integers with that scale; back again, or their logarithms. */
fv_value fv_tflite_quantized(fv_import *im, fv_value x, fv_dtype dtype, const fv_tflite_scales *s);
fv_value fv_tflite_dequantized(fv_import *im, fv_value x, fv_dtype dtype, const fv_tflite_scales *s, bool logarithm);
/* An operator of one 8-bit variable, as a table. */
fv_value fv_tflite_lookup(fv_import *im, fv_value x, const fv_q_table *table);
/* x, which has the scale of `in`, with the scale of `out`. */
fv_value fv_tflite_rescaled(fv_import *im, fv_value x, const fv_tflite_pair *in, const fv_tflite_pair *out);

/* A product of integers: which operands are the image and the bias (its filters are operand 1), and how. */
typedef struct fv_tflite_product {
    int src, bias;
    int64_t groups, filters, activation;
    fv_tflite_window win;
} fv_tflite_product;
fv_status fv_tflite_quantized_conv(const fv_tflite_node *n, const fv_tflite_product *p, fv_value src, fv_value wei,
                                   fv_value *dst);

#endif
