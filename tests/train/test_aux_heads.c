/* SPDX-License-Identifier: Apache-2.0 */
/* Auxiliary heads in training, and nowhere else: golden steps (headnet) have their numbers. */
#include "support/folder.h"

#include <fovea/fovea.h>

#include "model/model.h"

static fv_ctx *ctx;
static char digits[512];

static int begin(void **state)
{
    setup(state);
    ctx = fv_test_ctx(2, NULL, NULL);
    snprintf(digits, sizeof digits, "%s", fv_test_path(dir, "digits"));
    return fv_make_digits(ctx, digits, 40, 8, 0) == FV_OK ? 0 : -1;
}

static int end(void **state)
{
    int64_t now = -1;
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
    return teardown(state);
}

/* A small network of batch norms with a head of that weight behind its first part; 0: without. */
static fv_model *make(double weight)
{
    char text[1024], head[256] = "";
    fv_model *m = NULL;
    if (weight > 0)
        snprintf(head, sizeof head,
                 "  - aux: %g\n    layers: [{conv2d: {filters: 4, kernel: 1, name: conv}}, {batch_norm: {activation: "
                 "relu, name: bn}}, global_avg_pool, flatten, {dense: {units: 10, name: fc}}]\n",
                 weight);
    snprintf(text, sizeof text,
             "name: small\ninput: [28, 28, 1]\nlayers:\n"
             "  - conv2d: {filters: 6, kernel: 5, stride: 2, bias: false, name: conv1}\n"
             "  - batch_norm: {activation: relu, name: bn1}\n%s"
             "  - conv2d: {filters: 8, kernel: 3, stride: 2, bias: false, name: conv2}\n"
             "  - batch_norm: {activation: relu, name: bn2}\n"
             "  - flatten\n  - dense: {units: 10, name: fc}\n",
             head);
    fv_test_write_text(fv_test_path(dir, "net.yaml"), text);
    if (fv_model_read_architecture(ctx, fv_test_path(dir, "net.yaml"), NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
    return m;
}

static fv_dataset *open_digits(void)
{
    fv_dataset *data = NULL;
    assert_int_equal(fv_dataset_open(ctx, digits, NULL, &data), FV_OK);
    return data;
}

/* The answers to two images. */
static void answer(fv_model *m, float answers[20])
{
    fv_session *s = NULL;
    fv_shape shape;
    assert_int_equal(fv_session_create(m, 2, &s), FV_OK);
    for (int i = 0; i < 2 * 28 * 28; i++)
        fv_session_input(s)[i] = (float)(i * 7 % 23) / 23.0f;
    assert_int_equal(fv_session_run(s), FV_OK);
    memcpy(answers, fv_session_output(s, &shape), 20 * sizeof *answers);
    fv_session_destroy(&s);
}

/* Inference has the bits, and the memory but for the weights, of the network without heads. */
static void test_inference(void **state)
{
    float a[20], b[20], c[20];
    fv_memory with, without;
    (void)state;
    fv_model *m = make(0.3), *plain = make(0);
    answer(m, a);
    answer(plain, b);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(fv_evaluate_memory(m, NULL, 4, 0, &with), FV_OK);
    assert_int_equal(fv_evaluate_memory(plain, NULL, 4, 0, &without), FV_OK);
    assert_int_equal(with.activations, without.activations);
    assert_int_equal(with.packed, without.packed);
    assert_int_equal(fv_model_drop_aux_heads(m), FV_OK);
    answer(m, c);
    assert_memory_equal(a, c, sizeof a);
    fv_model_destroy(&m);
    fv_model_destroy(&plain);
}

static bool keep_first(void *user, const fv_fit_event *e)
{
    double *first = user;
    if (e->kind == FV_EVENT_STEP && e->global_step == 1)
        *first = e->loss;
    return false;
}

/* What is told is the loss of the output; what is learned is more. */
static void test_told_loss(void **state)
{
    double told[2] = {-1, -2};
    float conv[2][6 * 25];
    (void)state;
    for (int i = 0; i < 2; i++) {
        fv_dataset *data = open_digits();
        fv_model *m = make(i ? 0.3 : 0);
        if (fv_fit(m, data, .epochs = 1, .batch_size = 8, .max_steps = 1, .on_event = keep_first, .user = &told[i]) !=
            FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        fv_model_sync(m);
        memcpy(conv[i], fv_slot_data(fv_model_slot(m, "conv1.weight")), sizeof conv[i]);
        fv_model_destroy(&m);
        fv_dataset_destroy(&data);
    }
    assert_true(told[0] == told[1]);
    assert_memory_not_equal(conv[0], conv[1], sizeof conv[0]);
}

static fv_status fit(fv_model *m, const char *folder, int64_t steps, bool resume)
{
    fv_dataset *data = open_digits();
    const fv_status status = fv_fit(m, data, .epochs = 3, .batch_size = 8, .lr = 0.05, .max_steps = steps,
                                    .output = fv_test_path(dir, folder), .resume = resume);
    fv_dataset_destroy(&data);
    return status;
}

/* A run that is stopped and goes on ends with the bits of one that was not, heads included; one with a head of another
 * weight, or without, is another run. */
static void test_resume(void **state)
{
    char whole[65], parts[65];
    (void)state;
    fv_model *m = make(0.3);
    assert_int_equal(fit(m, "whole", 0, false), FV_OK);
    fv_model_sha256(m, whole);
    fv_model_destroy(&m);
    m = make(0.3);
    assert_int_equal(fit(m, "parts", 5, false), FV_OK);
    fv_model_destroy(&m);
    for (int i = 0; i < 2; i++) {
        m = make(i ? 0 : 0.4);
        assert_int_equal(fit(m, "parts", 0, true), FV_ERR_CONFLICT);
        assert_non_null(
            strstr(fv_ctx_error(ctx), i ? "the set of the network's tensors" : "the network (its operators"));
        fv_model_destroy(&m);
    }
    m = make(0.3);
    if (fit(m, "parts", 0, true) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_sha256(m, parts);
    assert_string_equal(whole, parts);
    fv_model_destroy(&m);
}

/* What is frozen in front of a head is computed apart; the head is trained all the same. */
static void test_frozen_beginning(void **state)
{
    static const char *const names[] = {"conv1.weight", "aux1.conv.weight", "aux1.fc.weight", "conv2.weight"};
    (void)state;
    fv_model *m = make(0.3), *before = make(0.3);
    fv_dataset *data = open_digits();
    if (fv_fit(m, data, .epochs = 2, .batch_size = 8, .lr = 0.05, .freeze = "conv1,bn1") != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_sync(m);
    for (int i = 0; i < 4; i++) {
        const fv_slot *a = fv_model_slot(m, names[i]), *b = fv_model_slot(before, names[i]);
        const bool same = memcmp(fv_slot_data(a), fv_slot_data(b), fv_tensor_bytes(a->data)) == 0;
        if (same != (i == 0))
            fail_msg("%s %s", names[i], same ? "is what it was" : "changed");
    }
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_model_destroy(&before);
}

static int count(const fv_load_report *r, fv_load_verdict verdict, bool aux)
{
    int n = 0;
    for (int i = 0; i < fv_load_report_count(r); i++)
        n += fv_load_report_row(r, i)->verdict == verdict && fv_load_report_row(r, i)->aux == aux;
    return n;
}

/* A file keeps the heads; weights come into networks that have others. */
static void test_files(void **state)
{
    enum { HEAD = 8, TRUNK = 12 }; /* tensors of them */
    char with[512], without[512], text[2][65];
    fv_model *m = make(0.3), *plain = make(0), *back = NULL;
    fv_load_report *r = NULL;
    fv_aux_info head;
    (void)state;
    snprintf(with, sizeof with, "%s", fv_test_path(dir, "with.safetensors"));
    snprintf(without, sizeof without, "%s", fv_test_path(dir, "without.safetensors"));
    assert_int_equal(fv_model_save(m, with), FV_OK);
    assert_int_equal(fv_model_save(plain, without), FV_OK);
    assert_int_equal(fv_model_load(ctx, with, &back), FV_OK);
    assert_true(fv_model_aux_head(back, 0, &head) && head.weight == 0.3);
    assert_string_equal(head.name, "aux1.fc");
    fv_model_sha256(m, text[0]);
    fv_model_sha256(back, text[1]);
    assert_string_equal(text[0], text[1]);
    assert_int_equal(fv_model_selftest(back, NULL), FV_OK);
    fv_model_destroy(&back);
    /* Weights without heads: they keep how they started. */
    assert_int_equal(fv_model_init(m, 8, FV_INIT_DEFAULT), FV_OK);
    if (fv_model_load_weights(m, without, false, &r) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(count(r, FV_LOADED, false), TRUNK);
    assert_int_equal(count(r, FV_MISSING, true), HEAD);
    fv_load_report_destroy(&r);
    assert_memory_equal(fv_slot_data(fv_model_slot(m, "fc.weight")), fv_slot_data(fv_model_slot(plain, "fc.weight")),
                        fv_tensor_bytes(fv_model_slot(plain, "fc.weight")->data));
    /* Heads that nobody has a place for. */
    assert_int_equal(fv_model_load_weights(plain, with, false, &r), FV_OK);
    assert_int_equal(count(r, FV_LOADED, false), TRUNK);
    assert_int_equal(count(r, FV_UNUSED, false), HEAD + 1); /* and its counter */
    fv_load_report_destroy(&r);
    fv_model_destroy(&m);
    fv_model_destroy(&plain);
}

static fv_status whole_life(fv_ctx *c, void *arg)
{
    fv_model *m = NULL;
    fv_status status = fv_model_load(c, arg, &m);
    if (status == FV_OK)
        status = fv_model_drop_aux_heads(m);
    fv_model_destroy(&m);
    return status;
}

static void test_allocation_failures(void **state)
{
    char path[512];
    (void)state;
    fv_model *m = make(0.3);
    snprintf(path, sizeof path, "%s", fv_test_path(dir, "life.safetensors"));
    assert_int_equal(fv_model_save(m, path), FV_OK);
    fv_model_destroy(&m);
    assert_true(fv_test_each_allocation(whole_life, path) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference), cmocka_unit_test(test_told_loss),
        cmocka_unit_test(test_resume),    cmocka_unit_test(test_frozen_beginning),
        cmocka_unit_test(test_files),     cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
