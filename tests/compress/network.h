/* SPDX-License-Identifier: Apache-2.0 */
/* A network that is pruned, with numbers in it that all count. */
#ifndef FV_TESTS_COMPRESS_NETWORK_H
#define FV_TESTS_COMPRESS_NETWORK_H

#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "model/model.h"

static uint64_t state_of;

static inline double draw(void)
{
    state_of = state_of * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(state_of >> 40) / (double)(1 << 24);
}

static inline int64_t pick(int64_t n)
{
    return (int64_t)(draw() * (double)n);
}

/* Weights of a usual size, and normalizations whose numbers all count. */
static inline void fill(fv_model *m)
{
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *s = &m->slots[i];
        const bool positive = strstr(s->name, "var") || (s->kind != FV_SLOT_WEIGHT && strstr(s->name, ".weight"));
        const double width = s->kind == FV_SLOT_WEIGHT ? sqrt(24.0 / (double)s->fan_in) : 0.4;
        for (int64_t e = 0; e < fv_shape_count(&s->shape); e++)
            fv_slot_data(s)[e] = (float)(positive ? 0.7 + 0.6 * draw() : width * (draw() - 0.5));
    }
    fv_model_touch(m);
}

static inline fv_model *network(fv_ctx *ctx, int64_t filters)
{
    fv_model *m;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_conv2d(m, fv_input(m, 8, 8, 3), .name = "a", .filters = filters, .kernel = {3, 3});
    x = fv_batch_norm(m, x, .name = "bn", .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "b", .filters = 20, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_flatten(m, x);
    x = fv_dense(m, x, .name = "c", .units = 24, .activation = FV_RELU);
    assert_int_equal(fv_model_finish(m, fv_dense(m, x, .name = "d", .units = 4)), FV_OK);
    fill(m);
    return m;
}

#endif
