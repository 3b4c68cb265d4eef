/* SPDX-License-Identifier: Apache-2.0 */
/* From reals to integers with scales and back; sparse tensors, which are whole once they are read. */
#include <string.h>

#include "io/tflite/quant.h"

static fv_status map_quantize(const fv_tflite_node *n)
{
    fv_order order;
    fv_tflite_pair in, out;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    fv_foreign *f = n->in[0];
    order = fv_import_common(&f, 1, f->shape.rank);
    fv_value x = fv_import_get(n->im, f, order);
    if (f->dtype == FV_F32) {
        const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->out_at[0]);
        return fv_tflite_result(n, 0, fv_tflite_quantized(n->im, x, out.dtype, &s), order);
    }
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    if (in.scale == out.scale && in.zero == out.zero && in.dtype == out.dtype)
        return fv_tflite_alias(n, 0, f);
    return fv_tflite_result(n, 0, fv_tflite_rescaled(n->im, x, &in, &out), order);
}

static fv_status map_dequantize(const fv_tflite_node *n)
{
    fv_tflite_pair in;
    fv_order order;
    FV_TRY(fv_tflite_need(n, 1));
    fv_foreign *f = n->in[0];
    if (f->dtype == FV_F32)
        return fv_tflite_alias(n, 0, f);
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->in_at[0]);
    order = fv_import_common(&f, 1, f->shape.rank);
    fv_value x = fv_import_get(n->im, f, order);
    return fv_tflite_result(n, 0, fv_tflite_dequantized(n->im, x, in.dtype, &s, false), order);
}

/* Weights that are kept in less: floats from here on. */
static fv_status fold_dequantize(const fv_tflite_node *n)
{
    fv_foreign *f;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_reals(n, 0, &f));
    return fv_tflite_alias(n, 0, f);
}

static fv_status fold_same(const fv_tflite_node *n)
{
    FV_TRY(fv_tflite_need(n, 1));
    return fv_tflite_alias(n, 0, n->in[0]);
}

static const char variables[] = "the network has variables: networks whose results depend on their operands alone are "
                                "supported";

static fv_status refuse_graphs(const fv_tflite_node *n)
{
    return fv_tflite_cannot(n, "it runs another of the file's %lld subgraphs: networks of one are supported",
                            (long long)n->file->graphs);
}

const fv_tflite_op fv_tflite_quant_ops[] = {
    {"QUANTIZE", map_quantize, NULL, NULL},
    {"DEQUANTIZE", map_dequantize, fold_dequantize, NULL},
    {"DENSIFY", NULL, fold_same, "it is supported of constants alone"},
    {"FAKE_QUANT", NULL, NULL, "supported are QUANTIZE and DEQUANTIZE"},
    {"VAR_HANDLE", NULL, NULL, variables},
    {"READ_VARIABLE", NULL, NULL, variables},
    {"ASSIGN_VARIABLE", NULL, NULL, variables},
    {"CALL_ONCE", refuse_graphs, refuse_graphs, NULL},
    {"WHILE", refuse_graphs, refuse_graphs, NULL},
    {"IF", refuse_graphs, refuse_graphs, NULL},
    {0},
};
