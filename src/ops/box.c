/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pool.h"

void fv_box_mean_ref(const fv_call *call, fv_box_fn box_of)
{
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    fv_dtype dtype = fv_call_dtype(call);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < dst[1]; p++)
            for (int64_t q = 0; q < dst[2]; q++) {
                fv_pool_box box = box_of(call->node, src, dst, p, q);
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    double sum = 0.0;
                    for (int64_t h = box.h0; h < box.h1; h++)
                        for (int64_t w = box.w0; w < box.w1; w++)
                            sum = fv_chain_add(dtype, sum, fv_get(dtype, call->in[0], fv_index4(src, n, h, w, c)));
                    fv_set(dtype, call->out[0], i, sum / box.count);
                }
            }
}

void fv_box_mean_bwd_ref(const fv_call *call, fv_box_fn box_of)
{
    const int64_t *dst = fv_in_dims(call, 0), *src = fv_out_dims(call, 0);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(dtype, call->out[0], i, 0.0);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < dst[1]; p++)
            for (int64_t q = 0; q < dst[2]; q++) {
                fv_pool_box box = box_of(call->node, src, dst, p, q);
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    double d = fv_round(dtype, fv_get(dtype, call->in[0], i) / box.count);
                    for (int64_t h = box.h0; h < box.h1; h++)
                        for (int64_t w = box.w0; w < box.w1; w++) {
                            int64_t at = fv_index4(src, n, h, w, c);
                            fv_set(dtype, call->out[0], at, fv_get(dtype, call->out[0], at) + d);
                        }
                }
            }
}
