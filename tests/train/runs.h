/* SPDX-License-Identifier: Apache-2.0 */
/* Short training runs whose bits must never depend on threads, instruction set or machine. */
#ifndef FV_TESTS_RUNS_H
#define FV_TESTS_RUNS_H

#include "golden.h"

typedef struct bits_run {
    const char *name;
    const char *zoo;       /* NULL: opnet or headnet */
    const char *algorithm; /* of the plan; NULL: any */
    int64_t batch, steps;
    fv_fit_options options;
} bits_run;

/* A batch of 10 has 2 shards, one of 16 has 8, one of 7 has 1. */
#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define FORMULA FV_FIT_DEFAULTS.weight_decay = 0, .schedule = FV_CONSTANT
static const bits_run bits_runs[] = {
    {"mnist_cnn", "mnist_cnn", NULL, 16, 4, {FORMULA, .optimizer = FV_ADAM, .lr = 1e-3}},
    {"resnet8", "resnet8", NULL, 10, 4, {FORMULA, .lr = 0.05, .weight_decay = 1e-4, .nesterov = true}},
    {"opnet",
     NULL,
     NULL,
     7,
     4,
     {FORMULA, .lr = 0.02, .weight_decay = 1e-3, .decay_bias = true, .decay_norm = true, .l1 = 1e-5}},
    {"opnet_adamw",
     NULL,
     NULL,
     8,
     3,
     {FORMULA, .optimizer = FV_ADAMW, .lr = 1e-3, .weight_decay = 1e-2, .label_smoothing = 0.1}},
    {"lenet_rmsprop", "lenet", NULL, 6, 3, {FORMULA, .optimizer = FV_RMSPROP, .lr = 1e-3}},
    {"squeezenet_dropout", "squeezenet1_1", NULL, 2, 2, {FORMULA, .lr = 1e-3}},
    {"resnet8_muon", "resnet8", NULL, 10, 3, {FORMULA, .optimizer = FV_MUON, .lr = 0.02, .weight_decay = 0.1}},
    {"headnet", NULL, NULL, 10, 3, {FORMULA, .lr = 0.02, .weight_decay = 1e-4}},
    /* Without fast convolutions: as before there were any. */
    {"resnet8_direct", "resnet8", "direct", 10, 4, {FORMULA, .lr = 0.05, .weight_decay = 1e-4, .nesterov = true}},
};
#undef FORMULA
#pragma GCC diagnostic pop
enum { BITS_RUNS = sizeof bits_runs / sizeof bits_runs[0] };

/* Trains `steps` steps on the formula's batches; hex receives the hash of all weights and states. */
static inline void bits_of_run(fv_ctx *ctx, const bits_run *r, int64_t steps, char hex[65])
{
    fv_model *m;
    fv_trainer *t;
    int64_t h, w, c;
    fv_fit_options o = r->options;
    fv_zoo_options zoo = {.classes = 10, .dropout = -1};
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = r->algorithm}), FV_OK);
    if (r->zoo && strcmp(r->zoo, "squeezenet1_1") == 0)
        zoo.img_size[0] = zoo.img_size[1] = 65;
    if (r->zoo)
        assert_int_equal(fv_model_zoo(ctx, r->zoo, &zoo, &m), FV_OK);
    else
        m = strcmp(r->name, "headnet") == 0 ? golden_headnet(ctx) : golden_opnet(ctx);
    assert_int_equal(fv_model_init(m, 7, FV_INIT_DEFAULT), FV_OK);
    o.batch_size = r->batch;
    o.seed = 3;
    if (fv_trainer_create(m, &o, &t) != FV_OK)
        fail_msg("%s: %s", r->name, fv_ctx_error(ctx));
    fv_model_input_size(m, &h, &w, &c);
    float *images = malloc((size_t)(r->batch * h * w * c) * sizeof *images);
    int32_t *labels = malloc((size_t)r->batch * sizeof *labels);
    assert_true(images && labels);
    for (int64_t step = 0; step < steps; step++) {
        double loss;
        golden_batch(step, r->batch, h, w, c, images, labels);
        if (fv_trainer_gradient(t, images, labels, r->batch, &loss) != FV_OK)
            fail_msg("%s: %s", r->name, fv_ctx_error(ctx));
        assert_int_equal(fv_trainer_apply(t, o.lr), FV_OK);
    }
    fv_model_sha256(m, hex);
    free(images);
    free(labels);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
}

#endif
