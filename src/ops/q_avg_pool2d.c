/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/q_pool.h"

static fv_cost q_avg_pool2d_cost(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    return fv_cost_of(node, 0.0, fv_count_out(node, 0) * (double)(attr->size[0] * attr->size[1] + 1));
}

/* Rounded to the nearest integer, halves away from 0. */
static int64_t mean_of(const fv_q_box *b)
{
    const int64_t count = (b->h1 - b->h0) * (b->w1 - b->w0);
    int64_t sum = 0;
    for (int64_t y = b->h0; y < b->h1; y++)
        for (int64_t x = b->w0; x < b->w1; x++)
            sum += fv_q_get(b->dtype, b->src, fv_index4(b->dim, b->n, y, x, b->c));
    return count < 1 ? 0 : (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static void q_avg_pool2d_ref(const fv_call *call)
{
    fv_q_pool_ref(call, mean_of);
}

const fv_op fv_op_q_avg_pool2d = {
    .name = "q_avg_pool2d",
    .doc =
        "avg_pool2d of 8-bit integers of one scale: the mean of the pixels of a window, padding not counted, rounded "
        "to the nearest integer, halves away from 0, within min and max.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_avg_pool2d_attr),
    .attrs = fv_q_pool_attrs,
    .infer = fv_q_pool_infer,
    .cost = q_avg_pool2d_cost,
    .reach = fv_pool_reach,
    .ref = q_avg_pool2d_ref,
};
