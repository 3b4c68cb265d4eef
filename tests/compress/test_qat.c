/* SPDX-License-Identifier: Apache-2.0 */
/* Training for integers: what it computes is what the model in integers computes, to the bit; it gives back what
 * quantizing takes; the same bits for any number of threads; and what it refuses. */
#define FV_TEST_THREADS 1
#include "compress/nets.h"

/* What is rare: operands that are used twice, or by layers of floats and of integers; constants; a dense layer over
 * maps; layers that training leaves in floats in the middle. */
static fv_model *odd_layers(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value in = fv_input(m, 28, 28, 1);
    fv_value x = fv_avg_pool2d(m, in, .size = {2, 2});
    fv_value y = net_conv(m, x, "a", 6, 3, 1);
    fv_value slopes[2] = {y, fv_parameter(m, "slopes", &(fv_shape){1, {6}}, FV_INIT_CONSTANT, 0.25)};
    y = fv_layer(m, "prelu", slopes, 2, NULL);
    fv_value z = net_conv(m, x, "b", 6, 1, 1);
    fv_value both[2] = {y, z}, twice[2] = {y, y};
    fv_value gap = fv_layer(m, "sub", both, 2, NULL);
    x = fv_activate(m, fv_add(m, gap, fv_layer(m, "mul", twice, 2, NULL)), FV_HARD_SIGMOID);
    x = net_layer(m, "clamp", net_layer(m, "pad", x, "pad=1 value=0.5"), "min=0.1 max=0.8");
    fv_value soft = net_layer(m, "softmax", x, "");
    fv_value parts[3] = {x, soft, x};
    x = net_layer(m, "slice", fv_concat(m, parts, 3), "axis=3 begin=2 count=12");
    x = net_layer(m, "transpose", x, "perm=0,2,1,3");
    x = net_layer(m, "crop", x, "pad=1,2,3,1");
    x = net_conv(m, net_layer(m, "upsample2d", x, "scale=2"), "c", 8, 3, 4);
    fv_value pixels[2] = {x, fv_parameter(m, "pixels", &(fv_shape){2, {8, 8}}, FV_INIT_HE_NORMAL, 0)};
    x = fv_activate(m, fv_layer(m, "dense", pixels, 2, NULL), FV_RELU);
    fv_value mean = net_layer(m, "reduce_mean", x, "axes=1,2");
    x = fv_flatten(m, net_layer(m, "adaptive_avg_pool2d", x, "output=1"));
    OK(fv_model_finish(m, fv_dense(m, fv_add(m, x, mean), .name = "fc", .units = 10)));
    return m;
}

/* Blocks as those of MobileNetV2. */
static fv_model *mobile(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "stem", .filters = 8, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    x = fv_batch_norm(m, x, .name = "bn0", .activation = FV_RELU6);
    for (int i = 0; i < 2; i++) {
        char name[3][16];
        for (int k = 0; k < 3; k++)
            snprintf(name[k], sizeof name[k], "block%d.%d", i, k);
        fv_value y = fv_batch_norm(m, net_conv(m, x, name[0], 24, 1, 1), .activation = FV_RELU6);
        y = fv_batch_norm(m, net_conv(m, y, name[1], 24, 3, -1), .activation = FV_RELU6);
        x = fv_add(m, x, fv_batch_norm(m, net_conv(m, y, name[2], 8, 1, 1)));
    }
    x = fv_flatten(m, fv_global_avg_pool(m, x));
    OK(fv_model_finish(m, fv_dense(m, x, .name = "classifier", .units = 10)));
    return m;
}

/* Logits of the first n images, in batches. */
static float *logits(fv_model *m, fv_dataset *data, int64_t n, int64_t batch)
{
    fv_session *s;
    fv_shape shape;
    float *all = malloc((size_t)n * 10 * sizeof *all);
    assert_non_null(all);
    if (fv_session_create(m, batch, &s) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    for (int64_t i = 0; i < n; i += batch) {
        for (int64_t k = 0; k < batch; k++) {
            fv_image image = {0};
            OK(fv_dataset_image(data, i + k, &image, NULL));
            OK(fv_pipeline_apply(ctx, fv_model_pipeline(m), &image, fv_session_input(s) + k * 784));
            fv_image_free(ctx, &image);
        }
        assert_int_equal(fv_session_run(s), FV_OK);
        memcpy(all + i * 10, fv_session_output(s, &shape), (size_t)batch * 10 * sizeof *all);
    }
    fv_session_destroy(&s);
    return all;
}

static fv_model *trainable(fv_model *m, fv_dataset *data, const fv_quantize_options *o)
{
    fv_quantizer *q;
    fv_model *qat;
    OK(fv_quantizer_create(m, data, o, &q));
    OK(fv_quantizer_make_trainable(q, &qat));
    fv_quantizer_destroy(&q);
    return qat;
}

static fv_model *integers_of(fv_model *qat)
{
    fv_quantizer *q;
    fv_model *made;
    OK(fv_quantizer_of_trained(qat, NULL, &q));
    OK(fv_quantizer_make(q, &made));
    fv_quantizer_destroy(&q);
    return made;
}

static void assert_same_logits(fv_model *a, fv_model *b, fv_dataset *data, int64_t batch)
{
    enum { IMAGES = 60 };
    float *x = logits(a, data, IMAGES, 1), *y = logits(b, data, IMAGES, batch);
    for (int i = 0; i < IMAGES * 10; i++)
        if (x[i] != y[i])
            fail_msg("image %d, class %d: %g in training, %g in integers", i / 10, i % 10, (double)x[i], (double)y[i]);
    free(x);
    free(y);
}

/* Before training and behind it, on images of both splits, one by one and in batches. */
static void check_network(fv_model *(*make)(void), const fv_quantize_options *o)
{
    fv_dataset *data = net_digits(200, "train");
    fv_model *m = make();
    net_train(m, data);
    fv_model *qat = trainable(m, data, o), *made = integers_of(qat), *same;
    assert_same_logits(qat, made, data, 20);
    /* Nothing was trained yet: they are the integers of quantizing alone. */
    OK(fv_quantize(m, data, o, &same));
    assert_same_logits(same, made, data, 1);
    fv_model_destroy(&made);
    OK(fv_fit(qat, data, .epochs = 1, .batch_size = 25, .lr = 0.02));
    made = integers_of(qat);
    assert_same_logits(qat, made, data, 20);
    fv_model *all[] = {made, same, qat, m};
    for (size_t i = 0; i < 4; i++)
        fv_model_destroy(&all[i]);
    fv_dataset_destroy(&data);
}

static void test_same_integers(void **state)
{
    (void)state;
    check_network(net_every_layer, &(fv_quantize_options){.measured = -1});
    check_network(net_every_layer,
                  &(fv_quantize_options){.measured = -1, .per_tensor = true, .skip = "deep,concat*,fc1"});
    check_network(odd_layers, &(fv_quantize_options){.measured = -1});
    check_network(mobile, &(fv_quantize_options){.measured = -1, .weight_bits = 4});
}

static const float *tensor_of(fv_model *m, const char *name)
{
    const fv_slot *slot = fv_model_slot(m, name);
    if (!slot)
        fail_msg("no tensor '%s'", name);
    fv_model_sync(m);
    return fv_slot_data(slot);
}

/* Ranges of layers follow the batches; that of the image stays, and so does a frozen one. */
static void test_ranges(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(200, "train");
    fv_model *m = mobile();
    net_train(m, data);
    fv_model *qat = trainable(m, data, &(fv_quantize_options){.measured = -1, .calibration = FV_CALIBRATION_MINMAX});
    const char *name[3] = {NULL};
    float before[3][2];
    for (int i = 0, k = 0; i < qat->n_slots && k < 3; i++) /* of the input, then of layers */
        if (qat->slots[i].kind == FV_SLOT_STATE)
            name[k++] = qat->slots[i].name;
    assert_non_null(name[2]);
    for (int i = 0; i < 3; i++)
        memcpy(before[i], tensor_of(qat, name[i]), sizeof before[i]);
    assert_true(before[0][0] < before[0][1]);
    OK(fv_fit(qat, data, .epochs = 1, .batch_size = 25, .lr = 0.01, .freeze = name[2]));
    assert_memory_equal(tensor_of(qat, name[0]), before[0], sizeof before[0]);
    assert_memory_not_equal(tensor_of(qat, name[1]), before[1], sizeof before[1]);
    assert_memory_equal(tensor_of(qat, name[2]), before[2], sizeof before[2]);
    fv_model_destroy(&qat);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* Of what is no such model, and of such a one. */
static void test_refused(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(50, "train");
    fv_model *m = mobile();
    fv_quantizer *q;
    net_train(m, data);
    fv_model *qat = trainable(m, data, NULL), *made = integers_of(qat);
    assert_false(fv_model_trains_integers(m) || fv_model_trains_integers(made));
    assert_true(fv_model_trains_integers(qat));
    assert_int_equal(fv_quantizer_of_trained(m, NULL, &q), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "was not trained for integers"));
    assert_int_equal(fv_quantizer_create(qat, data, NULL, &q), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "was trained for integers"));
    assert_int_equal(fv_quantizer_create(m, data, &(fv_quantize_options){.weight_bits = 9}, &q), FV_ERR_VALUE);
    fv_model *all[] = {made, qat, m};
    for (size_t i = 0; i < 3; i++)
        fv_model_destroy(&all[i]);
    fv_dataset_destroy(&data);
}

/* A small network, so that each of its allocations can fail. */
static fv_status train_once(fv_ctx *own, void *path)
{
    fv_model *m = NULL, *qat = NULL, *made = NULL;
    fv_dataset *data = NULL;
    fv_quantizer *q = NULL, *after = NULL;
    fv_status status = fv_model_create(own, &m);
    if (status == FV_OK) {
        fv_value x = fv_conv2d(m, fv_input(m, 28, 28, 1), .filters = 2, .kernel = {7, 7}, .stride = {7, 7});
        status = fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_activate(m, x, FV_RELU)), .units = 10));
    }
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_dataset_open(own, path, &(fv_dataset_options){.split = "train"}, &data);
    if (status == FV_OK)
        status = fv_quantizer_create(m, data, &(fv_quantize_options){.workers = -1, .measured = -1, .force = true}, &q);
    if (status == FV_OK)
        status = fv_quantizer_make_trainable(q, &qat);
    if (status == FV_OK)
        status = fv_quantizer_of_trained(qat, NULL, &after);
    if (status == FV_OK)
        status = fv_quantizer_make(after, &made);
    fv_model_destroy(&made);
    fv_quantizer_destroy(&after);
    fv_model_destroy(&qat);
    fv_quantizer_destroy(&q);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/ten", dir);
    OK(fv_make_digits(ctx, path, 10, 10, 5));
    assert_true(fv_test_each_allocation(train_once, path) > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_integers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
