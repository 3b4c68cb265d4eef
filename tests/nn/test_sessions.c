/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of one model: threads that share a program, values by name, fewer samples, other devices. */
#include <pthread.h>

#include "support/guarded_device.h"
#include "support/support.h"

#include <fovea/fovea.h>

enum { THREADS = 8, BATCH = 2, SIZE = 65, ROUNDS = 3, CLASSES = 10, PIXELS = SIZE * SIZE * 3 };

static fv_model *make(fv_ctx *ctx, const char *zoo)
{
    fv_model *m;
    const fv_zoo_options o = {.classes = CLASSES, .img_size = {SIZE, SIZE}, .dropout = -1};
    if (fv_model_zoo(ctx, zoo, &o, &m) != FV_OK || fv_model_init(m, 3, FV_INIT_DEFAULT) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

static void fill(float *x, int64_t count, uint32_t seed)
{
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
    }
}

typedef struct caller {
    fv_model *model;
    uint32_t seed;
    fv_status status;
    float outputs[ROUNDS][BATCH * CLASSES];
} caller;

static void *predict(void *arg)
{
    caller *c = arg;
    fv_session *s = NULL;
    c->status = fv_session_create(c->model, BATCH, &s);
    for (int r = 0; c->status == FV_OK && r < ROUNDS; r++) {
        fill(fv_session_input(s), BATCH * PIXELS, c->seed + (uint32_t)r);
        c->status = fv_session_run(s);
        if (c->status == FV_OK)
            memcpy(c->outputs[r], fv_session_output(s, NULL), sizeof c->outputs[r]);
    }
    fv_session_destroy(&s);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static caller together[THREADS], alone;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = make(ctx, "squeezenet1_1");
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        together[i] = (caller){.model = m, .seed = 100u * (uint32_t)i};
        assert_int_equal(pthread_create(&thread[i], NULL, predict, &together[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(together[i].status, FV_OK);
        alone = (caller){.model = m, .seed = 100u * (uint32_t)i};
        predict(&alone);
        assert_int_equal(alone.status, FV_OK);
        assert_memory_equal(alone.outputs, together[i].outputs, sizeof alone.outputs);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* The first session pays for packed weights, the others for activations alone. */
static void test_memory(void **state)
{
    (void)state;
    static fv_test_allocator a;
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_model *m = make(ctx, "squeezenet1_1");
    fv_session *s[4];
    int64_t at[5] = {a.live_bytes};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fv_session_create(m, 1, &s[i]), FV_OK);
        assert_int_equal(fv_session_run(s[i]), FV_OK);
        at[i + 1] = a.live_bytes;
    }
    int64_t weights = fv_model_parameters(m) * (int64_t)sizeof(float), each = at[2] - at[1];
    assert_true(at[1] - at[0] > each + weights / 2);
    for (int i = 2; i < 4; i++)
        assert_int_equal(at[i + 1] - at[i], each);
    for (int i = 0; i < 4; i++)
        fv_session_destroy(&s[i]);
    assert_true(a.live_bytes - at[0] < 4096); /* the program went with its last session */
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

/* A refresh through any session is a refresh for all. */
static void test_refresh(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx, "squeezenet1_1");
    fv_session *s[2];
    float out[3][CLASSES];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fv_session_create(m, 1, &s[i]), FV_OK);
        fill(fv_session_input(s[i]), PIXELS, 5);
    }
    assert_int_equal(fv_session_run(s[0]), FV_OK);
    memcpy(out[0], fv_session_output(s[0], NULL), sizeof out[0]);
    assert_int_equal(fv_model_init(m, 4, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_session_refresh(s[0]), FV_OK);
    for (int i = 0; i < 2; i++) {
        fill(fv_session_input(s[i]), PIXELS, 5);
        assert_int_equal(fv_session_run(s[i]), FV_OK);
        memcpy(out[i + 1], fv_session_output(s[i], NULL), sizeof out[0]);
    }
    assert_memory_equal(out[1], out[2], sizeof out[1]);
    assert_memory_not_equal(out[0], out[1], sizeof out[1]);
    for (int i = 0; i < 2; i++)
        fv_session_destroy(&s[i]);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* A session made after the weights changed has the new ones, also while one with the old ones is alive: and so have
 * fv_predict and the vectors of a saved file. */
static void test_new_session_after_a_change(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx, "squeezenet1_1"), *other = make(ctx, "squeezenet1_1");
    fv_session *old, *new, *alone;
    const float *out;
    float kept[CLASSES], expected[CLASSES];
    assert_int_equal(fv_session_create(m, 1, &old), FV_OK);
    fill(fv_session_input(old), PIXELS, 5);
    assert_int_equal(fv_session_run(old), FV_OK);
    memcpy(kept, fv_session_output(old, NULL), sizeof kept);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fv_model_init(i ? m : other, 4, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_session_create(other, 1, &alone), FV_OK);
    assert_int_equal(fv_session_create(m, 1, &new), FV_OK);
    fill(fv_session_input(alone), PIXELS, 5);
    fill(fv_session_input(new), PIXELS, 5);
    assert_int_equal(fv_session_run(alone), FV_OK);
    assert_int_equal(fv_session_run(new), FV_OK);
    memcpy(expected, fv_session_output(alone, NULL), sizeof expected);
    assert_memory_equal(fv_session_output(new, NULL), expected, sizeof expected);
    assert_memory_not_equal(expected, kept, sizeof expected);
    /* Through a tensor too. */
    fv_session_destroy(&new);
    float *weight = fv_tensor_data(fv_model_tensor(m, 0, NULL, NULL));
    weight[0] += 1.0f;
    assert_int_equal(fv_session_create(m, 1, &new), FV_OK);
    fill(fv_session_input(new), PIXELS, 5);
    assert_int_equal(fv_session_run(new), FV_OK);
    out = fv_session_output(new, NULL);
    assert_memory_not_equal(out, expected, sizeof expected);
    fv_session_destroy(&new);
    fv_session_destroy(&old);
    fv_session_destroy(&alone);
    fv_model_destroy(&other);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* By name and by pointer, on the host and on a device whose memory the host may not touch. */
static void test_names(void **state)
{
    (void)state;
    guarded_memory memory;
    fv_device device;
    static float images[BATCH * PIXELS], inner[2][BATCH * 64 * 64 * 64];
    float out[2][BATCH * CLASSES];
    size_t bytes = 0;
    guarded_begin(&memory, &device);
    fill(images, BATCH * PIXELS, 8);
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        if (k)
            assert_int_equal(fv_device_use(ctx, &device), FV_OK);
        fv_model *m = make(ctx, "squeezenet1_1");
        fv_session *s;
        fv_dtype dtype;
        fv_shape shape;
        const char *values[] = {"features.0"};
        const fv_session_options o = {.batch = BATCH, .values = values, .n_values = 1};
        if (fv_session_create_with(m, &o, &s) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_session_describe(s, values[0], &dtype, &shape), FV_OK);
        bytes = (size_t)fv_shape_count(&shape) * sizeof(float);
        assert_true(dtype == FV_F32 && bytes <= sizeof inner[k]);
        assert_int_equal(fv_session_set(s, "input", images, sizeof images), FV_OK);
        assert_int_equal(fv_session_set(s, "input", images, sizeof images + 1), FV_ERR_ARGUMENT);
        assert_int_equal(fv_session_set(s, "nothing", images, 4), FV_ERR_ARGUMENT);
        assert_int_equal(fv_session_run(s), FV_OK);
        assert_int_equal(fv_session_get(s, values[0], inner[k], bytes), FV_OK);
        memcpy(out[k], fv_session_output(s, NULL), sizeof out[k]);
        float first[CLASSES];
        assert_int_equal(fv_session_run_n(s, 1), FV_OK);
        memcpy(first, fv_session_output(s, NULL), sizeof first);
        assert_memory_equal(first, out[k], sizeof first);
        assert_int_equal(fv_session_run_n(s, 0), FV_ERR_ARGUMENT);
        assert_int_equal(fv_session_run_n(s, BATCH + 1), FV_ERR_ARGUMENT);
        fv_session_destroy(&s);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_memory_equal(inner[0], inner[1], bytes);
    float negative = 0; /* the convolution's own values: the activation behind it did not swallow them */
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        negative = inner[0][i] < negative ? inner[0][i] : negative;
    assert_true(negative < 0);
    assert_int_equal(memory.live, 0);
    guarded_end(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refresh), cmocka_unit_test(test_new_session_after_a_change),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
