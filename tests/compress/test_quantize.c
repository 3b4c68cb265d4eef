/* SPDX-License-Identifier: Apache-2.0 */
/* Networks in integers: every kind of layer, the same bits everywhere, files, gates, and what calibration is refused.
 */
#define FV_TEST_THREADS 1
#include <sys/stat.h>

#include "compress/nets.h"

static const fv_quantize_row *row_of(const fv_quantizer *q, const char *layer)
{
    for (int i = 0; i < fv_quantizer_count(q); i++)
        if (strcmp(fv_quantizer_row(q, i)->layer, layer) == 0)
            return fv_quantizer_row(q, i);
    fail_msg("no row of '%s'", layer);
    return NULL;
}

/* Logits of the first image, alone or behind others in a batch. */
static void logits(fv_model *m, fv_dataset *data, int64_t batch, float out[10])
{
    fv_session *s;
    fv_shape shape;
    const int64_t size = 28 * 28;
    if (fv_session_create(m, batch, &s) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    for (int64_t i = 0; i < batch; i++) {
        fv_image image = {0};
        OK(fv_dataset_image(data, batch - 1 - i, &image, NULL));
        OK(fv_pipeline_apply(ctx, fv_model_pipeline(m), &image, fv_session_input(s) + i * size));
        fv_image_free(ctx, &image);
    }
    assert_int_equal(fv_session_run(s), FV_OK);
    memcpy(out, fv_session_output(s, &shape) + (batch - 1) * 10, 10 * sizeof *out);
    fv_session_destroy(&s);
}

static void test_every_layer(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(200, "train");
    fv_model *m = net_every_layer(), *made;
    fv_quantizer *q;
    int integers = 0;
    net_train(m, data);
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){.calibration = FV_CALIBRATION_MSE}, &q));
    OK(fv_quantizer_make(q, &made));
    OK(fv_quantizer_measure(q, made));
    assert_int_equal(fv_quantizer_images(q), 200);
    for (int i = 0; i < fv_quantizer_count(q); i++) {
        const fv_quantize_row *r = fv_quantizer_row(q, i);
        integers += r->integer;
        if (strcmp(r->op, "lrn") == 0)
            assert_string_equal(r->why, "its operator has no integer form here");
        else if (!r->integer)
            fail_msg("%s '%s' stays in floats: %s", r->op, r->layer, r->why);
        else if (!(r->own_db > 25) || !(r->db > 15))
            fail_msg("%s '%s': %.1f dB by itself, %.1f dB with all", r->op, r->layer, r->own_db, r->db);
    }
    assert_true(integers >= 20);
    /* Normalization is gone, and its activation rides in the layer before it. */
    assert_true(row_of(q, "stem")->low == 0 && row_of(q, "stem")->high <= 6);
    assert_null(fv_graph_find(made->graph, "bn"));
    fv_quantizer_destroy(&q);
    fv_model_destroy(&made);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* One model file whatever the threads; one answer whatever the threads, the batch, and the way through a file. */
static void test_same_bits(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(200, "train");
    fv_model *m = net_every_layer(), *made[2], *loaded;
    char hex[2][65], path[2][300];
    float first[10], other[10];
    net_train(m, data);
    for (int i = 0; i < 2; i++) {
        OK(fv_quantize(m, data, &(fv_quantize_options){.workers = i ? 2 : -1}, &made[i]));
        fv_model_sha256(made[i], hex[i]);
        snprintf(path[i], sizeof path[i], "%s/%d.safetensors", dir, i);
        OK(fv_model_save(made[i], path[i]));
    }
    assert_string_equal(hex[0], hex[1]);
    logits(made[0], data, 1, first);
    logits(made[0], data, 5, other);
    assert_memory_equal(first, other, sizeof first);
    fv_ctx *three = fv_test_ctx(3, NULL, NULL);
    assert_int_equal(fv_model_load(three, path[1], &loaded), FV_OK);
    logits(loaded, data, 1, other);
    fv_model_destroy(&loaded);
    fv_ctx_destroy(&three);
    assert_memory_equal(first, other, sizeof first);
    for (int i = 0; i < 2; i++)
        fv_model_destroy(&made[i]);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* ---- what is broken on purpose ---- */

static fv_model *plain(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 8, .kernel = {5, 5}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "conv2", .filters = 16, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 32, .activation = FV_RELU);
    OK(fv_model_finish(m, fv_dense(m, x, .name = "fc2", .units = 10)));
    return m;
}

static float *weights(fv_model *m, const char *name)
{
    return fv_tensor_data(fv_model_find_tensor(m, name));
}

/* The same function: one channel of conv1 is larger by a factor, and what conv2 makes of it smaller. */
static void add_outlier(fv_model *m, float factor)
{
    float *w = weights(m, "conv1.weight"), *b = weights(m, "conv1.bias"), *next = weights(m, "conv2.weight");
    for (int i = 0; i < 25; i++)
        w[i] *= factor;
    b[0] *= factor;
    for (int k = 0; k < 16 * 9; k++) /* k r s c */
        next[k * 8] /= factor;
    fv_model_touch(m);
}

/* The same of fc1 and fc2. */
static void add_outlier_behind(fv_model *m, float factor)
{
    float *w = weights(m, "fc1.weight"), *next = weights(m, "fc2.weight");
    for (int i = 0; i < 400; i++)
        w[i] *= factor;
    weights(m, "fc1.bias")[0] *= factor;
    for (int k = 0; k < 10; k++)
        next[k * 32] /= factor;
    fv_model_touch(m);
}

static void kill_filter(fv_model *m)
{
    memset(weights(m, "conv1.weight") + 3 * 25, 0, 25 * sizeof(float));
    weights(m, "conv1.bias")[3] = 0;
    memset(weights(m, "fc1.weight"), 0, 32 * 400 * sizeof(float));
    memset(weights(m, "fc1.bias"), 0, 32 * sizeof(float));
    fv_model_touch(m);
}

static void test_floors(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m = plain(), *made;
    fv_quantizer *q;
    float out[10];
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    kill_filter(m);
    add_outlier(m, 500.0f);
    OK(fv_quantizer_create(m, data, NULL, &q));
    OK(fv_quantizer_make(q, &made));
    const fv_quantize_row *r = row_of(q, "conv1");
    assert_int_equal(r->dead, 1);
    assert_int_equal(r->outliers, 1);
    assert_int_equal(r->worst, 0);
    assert_true(r->outlier_ratio > 100);
    assert_non_null(strstr(r->why, "all zero"));
    r = row_of(q, "fc1");
    assert_int_equal(r->dead, 32);
    assert_true(r->scale > 0 && isfinite(r->scale));
    assert_non_null(strstr(r->why, "constant 0"));
    logits(made, data, 1, out);
    for (int i = 0; i < 10; i++)
        assert_true(isfinite(out[i]));
    fv_quantizer_destroy(&q);
    fv_model_destroy(&made);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* One scale for all filters and a channel that is 3,000 times the others: two layers in floats give everything back,
 * and no other layer is kept. */
static void test_gate(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(400, "train"), *test = net_digits(400, "test");
    fv_model *m = plain(), *made;
    fv_quantizer *q;
    fv_quantize_gate gate = {.max_drop = 100, .batch_size = 25, .workers = -1};
    OK(fv_model_init(m, 1, FV_INIT_HE_NORMAL));
    OK(fv_fit(m, data, .epochs = 4, .batch_size = 16, .lr = 0.05));
    add_outlier(m, 3000.0f);
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){FV_CALIBRATION_MINMAX, .per_tensor = true}, &q));
    OK(fv_quantizer_meet(q, m, test, &gate, &made));
    assert_int_equal(gate.kept, 0);
    assert_true(gate.before > 60 && gate.all < gate.before - 20);
    fv_model_destroy(&made);
    gate.max_drop = 2;
    OK(fv_quantizer_meet(q, m, test, &gate, &made));
    assert_int_equal(gate.kept, 2);
    assert_true(gate.after >= gate.before - 2);
    assert_false(row_of(q, "conv1")->integer);
    assert_false(row_of(q, "conv2")->integer);
    assert_true(row_of(q, "fc1")->integer && row_of(q, "fc2")->integer);
    assert_string_equal(row_of(q, "conv1")->why, "to keep the accuracy");
    /* They have the largest errors of their own. */
    for (int i = 0; i < fv_quantizer_count(q); i++) {
        const fv_quantize_row *r = fv_quantizer_row(q, i);
        if (r->weighted && r->integer)
            assert_true(r->own_db > row_of(q, "conv1")->own_db && r->own_db > row_of(q, "conv2")->own_db);
    }
    fv_model_destroy(&made);
    fv_quantizer_destroy(&q);
    /* Where the layers that may stay are not enough, they are named. */
    add_outlier_behind(m, 3000.0f);
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){FV_CALIBRATION_MINMAX, .per_tensor = true}, &q));
    assert_int_equal(fv_quantizer_meet(q, m, test, &gate, &made), FV_ERR_GATE);
    assert_null(made);
    assert_non_null(strstr(fv_ctx_error(ctx), "in floats"));
    assert_non_null(strstr(fv_ctx_error(ctx), "more than 2 points are lost"));
    fv_quantizer_destroy(&q);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_dataset_destroy(&test);
}

static fv_status refusal(fv_model *m, fv_dataset *data, const fv_quantize_options *o)
{
    fv_quantizer *q;
    const fv_status status = fv_quantizer_create(m, data, o, &q);
    assert_true((status == FV_OK) == (q != NULL));
    fv_quantizer_destroy(&q);
    return status;
}

static void test_refused(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train"), *few = net_digits(10, "train");
    fv_model *m = plain(), *made, *normed = net_every_layer();
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    OK(fv_dataset_keep(few, 5, 1));
    assert_int_equal(refusal(m, few, NULL), FV_ERR_DATA_EMPTY);
    assert_non_null(strstr(fv_ctx_error(ctx), "5 calibration images: ranges of values need at least 8"));
    assert_int_equal(refusal(m, few, &(fv_quantize_options){.force = true}), FV_OK);
    assert_int_equal(refusal(m, data, &(fv_quantize_options){.skip = "conv1,none*"}), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "is called 'none*'"));
    assert_int_equal(refusal(m, data, &(fv_quantize_options){.percentile = 101}), FV_ERR_VALUE);
    OK(fv_quantize(m, data, NULL, &made));
    assert_int_equal(refusal(made, data, NULL), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "has integers already"));
    fv_model_destroy(&made);
    /* A network that was trained on numbers 40 times as large. */
    net_train(normed, data);
    assert_int_equal(refusal(normed, data, NULL), FV_OK);
    fv_pipeline p = *fv_model_pipeline(normed);
    p.std[0] *= 40;
    OK(fv_model_set_pipeline(normed, &p));
    assert_int_equal(refusal(normed, data, NULL), FV_ERR_DATA);
    assert_non_null(strstr(fv_ctx_error(ctx), "unlike those the model was trained on: channels of 'bn'"));
    fv_quantizer *q;
    OK(fv_quantizer_create(normed, data, &(fv_quantize_options){.force = true}, &q));
    assert_non_null(strstr(fv_quantizer_warning(q, 0), "differ from those the model was trained on"));
    fv_quantizer_destroy(&q);
    fv_model_destroy(&normed);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_dataset_destroy(&few);
}

/* Ranges of a model in integers make the same model again, and others, without an image. */
static void test_ranges(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m = plain(), *made, *again, *mixed[2], *other = net_every_layer(), *loaded;
    char hex[2][65], path[300];
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    OK(fv_quantize(m, data, NULL, &made));
    snprintf(path, sizeof path, "%s/int8.safetensors", dir);
    OK(fv_model_save(made, path));
    OK(fv_model_load(ctx, path, &loaded));
    OK(fv_quantize(m, NULL, &(fv_quantize_options){.ranges = loaded}, &again));
    fv_model_sha256(made, hex[0]);
    fv_model_sha256(again, hex[1]);
    assert_string_equal(hex[0], hex[1]);
    for (int i = 0; i < 2; i++) {
        const fv_quantize_options o = {.skip = "conv2,fc2", .io = FV_IO_FLOAT, .ranges = i ? again : NULL};
        OK(fv_quantize(m, i ? NULL : data, &o, &mixed[i]));
        fv_model_sha256(mixed[i], hex[i]);
        fv_model_destroy(&mixed[i]);
    }
    assert_string_equal(hex[0], hex[1]);
    /* Of another network, of none, of equalized weights; texts that are none. */
    OK(fv_model_init(other, 1, FV_INIT_DEFAULT));
    assert_int_equal(refusal(other, NULL, &(fv_quantize_options){.ranges = made}), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "has no range of the value"));
    assert_int_equal(refusal(m, NULL, &(fv_quantize_options){.ranges = m}), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "holds no ranges"));
    assert_int_equal(refusal(m, NULL, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(refusal(m, NULL, &(fv_quantize_options){.ranges = made, .equalize = true}), FV_ERR_CONFLICT);
    fv_model_destroy(&again);
    OK(fv_quantize(m, data, &(fv_quantize_options){.equalize = true}, &again));
    assert_int_equal(refusal(m, NULL, &(fv_quantize_options){.ranges = again}), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "equalized weights"));
    static const char *const texts[] = {
        "{",
        "[]",
        "{\"rule\":\"mse\",\"images\":1,\"equalized\":false}",
        "{\"rule\":\"mse\",\"images\":1,\"equalized\":3,\"values\":{}}",
        "{\"rule\":\"mse\",\"images\":1,\"equalized\":false,\"values\":{\"input\":[0]}}",
        "{\"rule\":\"mse\",\"images\":1,\"equalized\":false,\"values\":{\"input\":[1,2]}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        made->card.ranges = texts[i];
        const fv_status status = refusal(m, NULL, &(fv_quantize_options){.ranges = made});
        assert_int_equal(status, i == 2 ? FV_ERR_MODEL : FV_ERR_MODEL_FORMAT);
    }
    fv_model_destroy(&again);
    fv_model_destroy(&loaded);
    fv_model_destroy(&made);
    fv_model_destroy(&other);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* Between the integers of the image and those of the scores nothing that is computed is a float. */
static void check_integers_only(const fv_model *made)
{
    int in = 0, out = 0;
    for (int32_t n = 0; n < made->graph->n_nodes; n++) {
        const fv_node *node = made->graph->nodes[n];
        const bool enters = strcmp(node->op->name, "quantize") == 0, leaves = strcmp(node->op->name, "dequantize") == 0;
        in += enters;
        out += leaves;
        for (int32_t i = 0; i < node->n_in && !enters; i++)
            assert_false(node->in[i] && node->in[i]->def && fv_dtype_is_float(node->in[i]->dtype));
        for (int32_t i = 0; i < node->n_out && !leaves; i++)
            assert_false(fv_dtype_is_float(node->out[i]->dtype));
    }
    assert_int_equal(in, 1);
    assert_int_equal(out, 1);
}

/* What is left of the bytes of a convolution network, in which all is integers. */
static void test_size(void **state)
{
    (void)state;
    static const char *const names[2] = {"resnet20", "mobilenet_v1_0.25"};
    fv_dataset *data = net_digits(100, "train");
    char path[300];
    int64_t bytes[2];
    for (int i = 0; i < 2; i++) {
        fv_model *m, *made;
        OK(fv_model_zoo(ctx, names[i], &(fv_zoo_options){.img_size = {32, 32}, .channels = 1, .classes = 10}, &m));
        OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
        OK(fv_dataset_keep(data, 10, 1));
        OK(fv_quantize(m, data, &(fv_quantize_options){.force = true}, &made));
        check_integers_only(made);
        for (int k = 0; k < 2; k++) {
            struct stat st;
            snprintf(path, sizeof path, "%s/m%d.safetensors", dir, k);
            OK(fv_model_save(k ? made : m, path));
            assert_int_equal(stat(path, &st), 0);
            bytes[k] = (int64_t)st.st_size;
        }
        if ((double)bytes[1] > 0.27 * (double)bytes[0])
            fail_msg("%s: %lld of %lld bytes", names[i], (long long)bytes[1], (long long)bytes[0]);
        fv_model_destroy(&made);
        fv_model_destroy(&m);
        fv_dataset_destroy(&data);
        data = net_digits(100, "train");
    }
    fv_dataset_destroy(&data);
}

/* Layers in floats by name; integers at the borders. */
static void test_skip_and_io(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m = plain(), *made;
    fv_quantizer *q;
    fv_port_info in, out;
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){.skip = "conv2", .io = FV_IO_UINT8}, &q));
    OK(fv_quantizer_make(q, &made));
    assert_string_equal(row_of(q, "conv2")->why, "as asked");
    assert_true(row_of(q, "conv1")->integer);
    assert_true(fv_model_port(made, false, 0, &in) && fv_model_port(made, true, 0, &out));
    assert_int_equal(in.layout, FV_LAYOUT_INTEGERS);
    assert_int_equal(in.integers, FV_U8);
    assert_true(in.scale > 0 && in.zero >= 0 && in.zero <= 255);
    assert_int_equal(out.layout, FV_LAYOUT_INTEGERS);
    /* The file keeps them. */
    fv_model *loaded;
    fv_port_info again;
    char path[300];
    snprintf(path, sizeof path, "%s/io.safetensors", dir);
    OK(fv_model_save(made, path));
    OK(fv_model_load(ctx, path, &loaded));
    assert_true(fv_model_port(loaded, false, 0, &again));
    assert_true(again.integers == FV_U8 && again.scale == in.scale && again.zero == in.zero);
    fv_model_destroy(&loaded);
    fv_model_destroy(&made);
    fv_quantizer_destroy(&q);
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){.skip = "fc2", .io = FV_IO_INT8}, &q));
    assert_int_equal(fv_quantizer_make(q, &made), FV_ERR_CONFLICT);
    assert_null(made);
    fv_quantizer_destroy(&q);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* A small network, so that each of its allocations can fail. */
static fv_status quantize_once(fv_ctx *own, void *path)
{
    fv_model *m = NULL, *made = NULL;
    fv_dataset *data = NULL;
    fv_quantizer *q = NULL;
    fv_status status = fv_model_create(own, &m);
    if (status == FV_OK) {
        fv_value x = fv_conv2d(m, fv_input(m, 28, 28, 1), .filters = 4, .kernel = {7, 7}, .stride = {7, 7});
        x = fv_batch_norm(m, x, .activation = FV_RELU);
        status = fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .units = 10));
    }
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_dataset_open(own, path, &(fv_dataset_options){.split = "train"}, &data);
    if (status == FV_OK)
        status = fv_quantizer_create(
            m, data, &(fv_quantize_options){.workers = -1, .measured = 1, .skip = "none*", .force = true}, &q);
    if (status == FV_ERR_VALUE) /* no layer of that name */
        status = fv_quantizer_create(m, data, &(fv_quantize_options){.workers = -1, .measured = 1, .force = true}, &q);
    if (status == FV_OK)
        status = fv_quantizer_make(q, &made);
    if (status == FV_OK)
        status = fv_quantizer_measure(q, made);
    fv_quantizer_destroy(&q);
    fv_model_destroy(&made);
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
    assert_true(fv_test_each_allocation(quantize_once, path) > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_skip_and_io, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
