/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/q_pool.h"

static fv_cost q_max_pool2d_cost(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    return fv_cost_of(node, 0.0, fv_count_out(node, 0) * (double)(attr->size[0] * attr->size[1]));
}

static int64_t largest_of(const fv_q_box *b)
{
    int64_t best = -128;
    for (int64_t y = b->h0; y < b->h1; y++)
        for (int64_t x = b->w0; x < b->w1; x++) {
            const int64_t v = fv_q_get(b->dtype, b->src, fv_index4(b->dim, b->n, y, x, b->c));
            best = v > best ? v : best;
        }
    return best;
}

static void q_max_pool2d_ref(const fv_call *call)
{
    fv_q_pool_ref(call, largest_of);
}

const fv_op fv_op_q_max_pool2d = {
    .name = "q_max_pool2d",
    .doc = "max_pool2d of 8-bit integers of one scale: the largest pixel of a window, padding not counted, within min "
           "and max.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_avg_pool2d_attr),
    .attrs = fv_q_pool_attrs,
    .infer = fv_q_pool_infer,
    .cost = q_max_pool2d_cost,
    .reach = fv_pool_reach,
    .ref = q_max_pool2d_ref,
};
