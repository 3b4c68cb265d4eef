/* SPDX-License-Identifier: Apache-2.0 */
/* The update where the host may not touch the memory it works on, and what a profile says about it. */
#include "golden.h"

#include "base/file.h"
#include "support/guarded_device.h"
#include "train/state.h"
#include "train/trainer.h"
#include "train/update.h"

enum { BATCH = 6, STEPS = 3 };

/* Trains resnet8; the state file with weights, optimizer's memory and averages is what is compared. */
static void train(fv_ctx *ctx, const fv_fit_options *options, const char *path)
{
    fv_model *m;
    fv_trainer *t;
    int64_t h, w, c;
    int32_t labels[BATCH];
    const fv_identity identity = {.model = "resnet8", .options = options};
    const fv_progress progress = {.epoch = 1};
    assert_int_equal(fv_model_zoo(ctx, "resnet8", &(fv_zoo_options){.classes = 10, .dropout = -1}, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 7, FV_INIT_DEFAULT), FV_OK);
    if (fv_trainer_create(m, options, &t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_input_size(m, &h, &w, &c);
    float *images = malloc((size_t)(BATCH * h * w * c) * sizeof *images);
    assert_non_null(images);
    for (int step = 0; step < STEPS; step++) {
        double loss;
        golden_batch(step, BATCH, h, w, c, images, labels);
        if (fv_trainer_gradient(t, images, labels, BATCH, &loss) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_true(fv_trainer_finite(t));
        assert_int_equal(fv_trainer_apply(t, 0.01), FV_OK);
    }
    assert_int_equal(fv_state_save(t, &progress, &identity, path), FV_OK);
    free(images);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
}

static void test_guarded(void **state)
{
    (void)state;
    char dir[256], host[300], other[300];
    fv_test_dir_create(dir);
    snprintf(host, sizeof host, "%s/host.state", dir);
    snprintf(other, sizeof other, "%s/guarded.state", dir);
    for (int i = 0; i < FV_OPTIMIZER_COUNT; i++) {
        const fv_fit_options options =
            FV_FIT_OPTIONS(.optimizer = (fv_optimizer_kind)i, .weight_decay = 0.01, .l1 = 1e-4, .clip_norm = 0.5,
                           .clip_value = 0.3, .model_ema = true, .model_ema_decay = 0.9);
        guarded_memory memory;
        fv_device device;
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        train(ctx, &options, host);
        fv_ctx_destroy(&ctx);
        ctx = fv_test_ctx(2, NULL, NULL);
        guarded_begin(&memory, &device);
        assert_int_equal(fv_device_use(ctx, &device), FV_OK);
        train(ctx, &options, other);
        assert_true(memory.submits > STEPS && memory.live == 0);
        uint8_t *a = NULL, *b = NULL;
        int64_t size_a, size_b;
        assert_int_equal(fv_file_read(ctx, host, 1 << 26, false, &a, &size_a), FV_OK);
        assert_int_equal(fv_file_read(ctx, other, 1 << 26, false, &b, &size_b), FV_OK);
        assert_int_equal(size_a, size_b);
        assert_memory_equal(a, b, (size_t)size_a);
        fv_free(ctx, a);
        fv_free(ctx, b);
        fv_ctx_destroy(&ctx);
        guarded_end(&memory);
    }
    fv_test_dir_remove(dir);
}

static bool decays(void *user, const char *param)
{
    (void)user;
    (void)param;
    return true;
}

static fv_status append(void *user, fv_graph *g, const char *const *params, fv_val *const *gradients, int32_t count,
                        int32_t *first)
{
    const fv_update_options options = {.fit = user, .decays = decays};
    return fv_add_update(g, &options, params, gradients, count, first);
}

/* The nodes of the update are in the table like any others, with solver and time. */
static void test_profile(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_fit_options fit = FV_FIT_OPTIONS(.optimizer = FV_ADAM, .clip_norm = 1);
    fv_model *m;
    fv_trainer *t;
    assert_int_equal(fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.classes = 10, .dropout = -1}, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 7, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_trainer_create(m, &fit, &t), FV_OK);
    const fv_objective objective = {t->losses[0].name, 1.0};
    const fv_program_options options = {
        .batch = BATCH,
        .dtype = FV_F32,
        .lowering = FV_LOWER_TRAINING,
        .optimize = true,
        .profile = true,
        .objectives = &objective,
        .n_objectives = 1,
        .update = {.append = append, .user = &t->options},
        .stores = {fv_model_store(m), t->store},
    };
    fv_program *program = NULL;
    fv_instance *x = NULL;
    fv_str text = {.ctx = ctx};
    if (fv_program_create(ctx, t->graph, &options, &program) != FV_OK ||
        fv_instance_create(program, NULL, NULL, &x) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    const double run[2] = {0.1, 1};
    const fv_port *port = fv_program_port(program, FV_PORT_INPUT, FV_UPDATE_RUN);
    assert_int_equal(fv_instance_write(x, port, run, sizeof run), FV_OK);
    assert_int_equal(fv_instance_run(x, NULL), FV_OK);
    assert_int_equal(fv_instance_run(x, &(fv_run){.stage = FV_STAGE_UPDATE}), FV_OK);
    fv_instance_profile_text(x, &text);
    assert_int_equal(fv_str_status(&text), FV_OK);
    static const char *const rows[] = {"cpu.adam_step", "cpu.all_finite", "cpu.global_norm", "clip_scale"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strstr(text.data, rows[i]))
            fail_msg("no %s in\n%s", rows[i], text.data);
    int steps = 0;
    for (const char *at = text.data; (at = strstr(at, "cpu.adam_step")); at++)
        steps++;
    assert_int_equal(steps, t->n_params);
    fv_str_free(&text);
    fv_instance_destroy(&x);
    fv_program_release(&program);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guarded),
        cmocka_unit_test(test_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
