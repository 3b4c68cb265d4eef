/* SPDX-License-Identifier: Apache-2.0 */
/* The layer functions: names, shapes, sticky errors and their texts, any operator, custom parameters. */
#include "support/support.h"

#include <math.h>

#include "model/model.h"

static fv_model *empty(fv_ctx *ctx)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    return m;
}

static void finish(fv_model *m, fv_value x)
{
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s (%s)", fv_ctx_error(m->ctx), fv_ctx_hint(m->ctx));
}

/* Output shape of the node of that name. */
static fv_shape shape_of(const fv_model *m, const char *name)
{
    const fv_val *val = fv_graph_find(m->graph, name);
    if (!val)
        fail_msg("no layer '%s'", name);
    return val->shape;
}

static void test_names(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = empty(ctx);
    (void)state;
    fv_value x = fv_input(m, 8, 8, 3);
    x = fv_conv2d(m, x, .filters = 4, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_conv2d(m, x, .filters = 4, .kernel = {1, 1}, .name = "conv2d_2");
    x = fv_conv2d(m, x, .filters = 4, .kernel = {1, 1}); /* the second name is taken: the third */
    fv_prefix(m, "deep.er");
    x = fv_batch_norm(m, x, .name = "bn");
    x = fv_conv2d(m, x, .filters = 2, .kernel = {1, 1});
    fv_prefix(m, "");
    x = fv_activate(m, x, FV_TANH);
    x = fv_dense(m, fv_flatten(m, x), .units = 2, .activation = FV_SOFTMAX);
    finish(m, x);
    static const char *const names[] = {"conv2d_1.weight",         "conv2d_1.bias",
                                        "conv2d_2.weight",         "conv2d_2.bias",
                                        "conv2d_3.weight",         "conv2d_3.bias",
                                        "deep.er.bn.weight",       "deep.er.bn.bias",
                                        "deep.er.bn.running_mean", "deep.er.bn.running_var",
                                        "deep.er.conv2d_4.weight", "deep.er.conv2d_4.bias",
                                        "dense_1.weight",          "dense_1.bias"};
    assert_int_equal(fv_model_tensor_count(m), 14);
    for (int i = 0; i < 14; i++) {
        const char *name = NULL;
        bool trained = false;
        fv_tensor *tensor = fv_model_tensor(m, i, &name, &trained);
        assert_string_equal(name, names[i]);
        assert_ptr_equal(tensor, fv_model_find_tensor(m, names[i]));
        assert_int_equal(trained, strstr(name, "running") == NULL);
    }
    assert_null(fv_model_tensor(m, 14, NULL, NULL));
    assert_null(fv_model_find_tensor(m, "conv2d_1"));
    shape_of(m, "conv2d_1.relu");
    shape_of(m, "tanh_1");
    shape_of(m, "dense_1.softmax");
    assert_string_equal(fv_model_class_name(m, 1), "1");
    assert_null(fv_model_class_name(m, 2));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* TensorFlow's `same`: output = ceil(input / stride), the odd pixel behind. */
static void test_same(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int64_t in = 1; in <= 12; in++) {
        for (int64_t k = 1; k <= 5; k++) {
            for (int64_t s = 1; s <= 4; s++) {
                for (int64_t d = 1; d <= 2; d++) {
                    fv_model *m = empty(ctx);
                    fv_value x = fv_input(m, in, in + 3, 1);
                    x = fv_conv2d(m, x, .name = "c", .filters = 1, .kernel = {k, k}, .stride = {s, s},
                                  .dilation = {d, d}, .same = true);
                    if (m->error != FV_OK)
                        fail_msg("%s", fv_ctx_error(ctx));
                    fv_shape shape = shape_of(m, "c");
                    assert_int_equal(shape.dim[1], (in + s - 1) / s);
                    assert_int_equal(shape.dim[2], (in + 3 + s - 1) / s);
                    fv_model_destroy(&m);
                }
            }
        }
    }
    /* 4 pixels, taps 3, stride 2: TensorFlow pads 0 in front, 1 behind */
    fv_model *m = empty(ctx);
    fv_conv2d(m, fv_input(m, 4, 4, 1), .filters = 1, .kernel = {3, 3}, .stride = {2, 2}, .same = true);
    char *text = NULL;
    assert_int_equal(fv_model_text(m, &text), FV_OK);
    assert_non_null(strstr(text, "pad=0,0,1,1"));
    fv_text_free(ctx, text);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static fv_value bad_kernel(fv_model *m, fv_value x)
{
    return fv_conv2d(m, x, .name = "big", .filters = 4, .kernel = {9, 9});
}
static fv_value bad_groups(fv_model *m, fv_value x)
{
    return fv_conv2d(m, x, .name = "res3a", .filters = 6, .kernel = {3, 3}, .groups = 4);
}
static fv_value no_filters(fv_model *m, fv_value x)
{
    return fv_conv2d(m, x, .kernel = {3, 3});
}
static fv_value bad_dense(fv_model *m, fv_value x)
{
    return fv_dense(m, x, .name = "fc", .units = 4);
}
static fv_value bad_concat(fv_model *m, fv_value x)
{
    return fv_concat(m, (fv_value[]){x, fv_max_pool2d(m, x, .size = {2, 2})}, 2);
}
static fv_value bad_add(fv_model *m, fv_value x)
{
    return fv_add(m, x, fv_conv2d(m, x, .filters = 5, .kernel = {1, 1}, .name = "side"));
}
static fv_value bad_op(fv_model *m, fv_value x)
{
    return fv_layer(m, "rellu", &x, 1, NULL);
}
static fv_value bad_attribute(fv_model *m, fv_value x)
{
    return fv_layer(m, "upsample2d", &x, 1, &(fv_layer_options){.name = "up", .attributes = "scala=2"});
}
static fv_value bad_value(fv_model *m, fv_value x)
{
    (void)x;
    return fv_add(m, (fv_value){-1}, (fv_value){77});
}
static fv_value taken_name(fv_model *m, fv_value x)
{
    x = fv_conv2d(m, x, .filters = 2, .kernel = {1, 1}, .name = "twice");
    return fv_conv2d(m, x, .filters = 2, .kernel = {1, 1}, .name = "twice");
}
static fv_value second_input(fv_model *m, fv_value x)
{
    (void)x;
    return fv_input(m, 4, 4, 1);
}
static fv_value bad_dropout(fv_model *m, fv_value x)
{
    return fv_dropout(m, x, 1.5);
}
static fv_value long_name(fv_model *m, fv_value x)
{
    char name[400];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    return fv_conv2d(m, x, .filters = 2, .kernel = {1, 1}, .name = name);
}
static fv_value many_channels(fv_model *m, fv_value x)
{
    fv_shape shape = {4, {INT64_MAX, 2, 2, 2}};
    (void)x;
    return fv_parameter(m, "huge", &shape, FV_INIT_DEFAULT, 0);
}

/* The first error sticks and is what finish reports, whatever the context said since. */
static void test_errors(void **state)
{
    static const struct {
        fv_value (*make)(fv_model *m, fv_value x);
        fv_status status;
        const char *words[3];
    } rows[] = {
        {bad_kernel, FV_ERR_SHAPE, {"conv2d 'big'", "1x8x8x6"}},
        {bad_groups, FV_ERR_SHAPE, {"conv2d 'res3a': groups=4 does not divide 6 input channels"}},
        {no_filters, FV_ERR_VALUE, {"'conv2d_1'", "filters=0"}},
        {bad_dense, FV_ERR_SHAPE, {"dense 'fc'", "1x8x8x6", "flatten"}},
        {bad_concat, FV_ERR_SHAPE, {"concat_1", "1x8x8x6", "1x4x4x6"}},
        {bad_add, FV_ERR_SHAPE, {"add_1", "1x8x8x6", "1x8x8x5"}},
        {bad_op, FV_ERR_UNKNOWN_OPTION, {"rellu", "'relu'"}},
        {bad_attribute, FV_ERR_UNKNOWN_OPTION, {"'up'", "scala", "scale"}},
        {bad_value, FV_ERR_ARGUMENT, {"operand 0"}},
        {taken_name, FV_ERR_ARGUMENT, {"twice"}},
        {second_input, FV_ERR_ARGUMENT, {"input"}},
        {bad_dropout, FV_ERR_VALUE, {"rate"}},
        {long_name, FV_ERR_ARGUMENT, {"longer"}},
        {many_channels, FV_ERR_SHAPE, {"huge"}},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = empty(ctx), *other = NULL;
        fv_value x = rows[i].make(m, fv_input(m, 8, 8, 6));
        assert_true(x.id < 0);
        x = fv_conv2d(m, x, .filters = 3, .kernel = {3, 3});
        x = fv_activate(m, fv_dense(m, fv_flatten(m, x), .units = 3), FV_RELU);
        assert_true(x.id < 0);
        assert_int_equal(fv_model_zoo(ctx, "nothing", NULL, &other), FV_ERR_UNKNOWN_OPTION); /* another message */
        fv_status status = fv_model_finish(m, x);
        char text[4096];
        snprintf(text, sizeof text, "%s | %s", fv_ctx_error(ctx), fv_ctx_hint(ctx));
        bool good = status == rows[i].status;
        for (int k = 0; k < 3 && rows[i].words[k]; k++)
            good = good && strstr(text, rows[i].words[k]);
        if (!good)
            fail_msg("row %d gave %s: %s", (int)i, fv_status_name(status), text);
        assert_int_equal(fv_model_finish(m, x), rows[i].status);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_finish(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = empty(ctx);
    fv_session *session = NULL;
    (void)state;
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_ERR_ARGUMENT);
    assert_int_equal(fv_session_create(m, 1, &session), FV_ERR_ARGUMENT);
    fv_value x = fv_input(m, 4, 4, 1);
    finish(m, fv_dense(m, fv_flatten(m, x), .units = 2));
    assert_int_equal(fv_model_finish(m, x), FV_ERR_ARGUMENT);
    assert_true(fv_flatten(m, x).id < 0); /* nothing can be added */
    for (int i = 0; i < m->n_slots; i++) {
        for (int64_t k = 0; k < fv_tensor_count(m->slots[i].data); k++)
            assert_true(fv_slot_data(&m->slots[i])[k] == 0);
    }
    const char *const names[] = {"a", "b", "c"};
    assert_int_equal(fv_model_set_class_names(m, names, 3), FV_ERR_DATA_CLASSES);
    assert_int_equal(fv_model_set_class_names(m, names, 2), FV_OK);
    assert_string_equal(fv_model_class_name(m, 0), "a");
    fv_pipeline p = *fv_model_pipeline(m);
    p.std[0] = 0;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_ERR_ARGUMENT);
    p.std[0] = 1;
    p.w = 5;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_ERR_SHAPE);
    fv_model_destroy(&m);
    m = empty(ctx);
    assert_int_equal(fv_model_finish(m, (fv_value){0}), FV_ERR_ARGUMENT);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What the session computes is what the layers mean: a convolution by hand. */
static void test_session(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = empty(ctx);
    fv_session *session = NULL;
    fv_shape shape;
    float probabilities[2];
    (void)state;
    fv_value x = fv_conv2d(m, fv_input(m, 3, 3, 2), .name = "c", .filters = 1, .kernel = {2, 2}, .activation = FV_RELU);
    finish(m, fv_dense(m, fv_flatten(m, x), .name = "d", .units = 2));
    float *w = fv_tensor_data(fv_model_find_tensor(m, "c.weight")),
          *d = fv_tensor_data(fv_model_find_tensor(m, "d.weight"));
    for (int i = 0; i < 8; i++)
        w[i] = (float)(i - 3);
    ((float *)fv_tensor_data(fv_model_find_tensor(m, "c.bias")))[0] = -4;
    for (int i = 0; i < 4; i++) {
        d[i] = 1;
        d[4 + i] = (float)i;
    }
    if (fv_session_create(m, 2, &session) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    float *in = fv_session_input(session);
    for (int i = 0; i < 36; i++)
        in[i] = (float)(i % 5);
    assert_int_equal(fv_session_run(session), FV_OK);
    const float *out = fv_session_output(session, &shape);
    assert_true(shape.rank == 2 && shape.dim[0] == 2 && shape.dim[1] == 2);
    for (int n = 0; n < 2; n++) {
        double sum = 0, weighted = 0;
        for (int p = 0; p < 2; p++)
            for (int q = 0; q < 2; q++) {
                double acc = -4;
                for (int r = 0; r < 2; r++)
                    for (int s = 0; s < 2; s++)
                        for (int c = 0; c < 2; c++)
                            acc += (double)w[(r * 2 + s) * 2 + c] *
                                   (double)(float)((((n * 3 + p + r) * 3 + q + s) * 2 + c) % 5);
                acc = acc > 0 ? acc : 0;
                sum += acc;
                weighted += (2 * p + q) * acc;
            }
        assert_true((double)out[n * 2] == sum && (double)out[n * 2 + 1] == weighted);
    }
    /* New weights take effect with a refresh. */
    ((float *)fv_tensor_data(fv_model_find_tensor(m, "d.bias")))[0] = 100;
    const float before = out[0];
    assert_int_equal(fv_session_refresh(session), FV_OK);
    assert_int_equal(fv_session_run(session), FV_OK);
    assert_true(fv_session_output(session, NULL)[0] == before + 100);
    fv_softmax((const float[]){1000, 999}, 2, probabilities);
    assert_true(fabs((double)probabilities[0] - 1 / (1 + exp(-1))) < 1e-6);
    assert_true(fabs((double)(probabilities[0] + probabilities[1]) - 1) < 1e-6);

    char *table = NULL, *trace = NULL;
    assert_int_equal(fv_session_profile(session, true, NULL, NULL), FV_OK);
    memset(fv_session_input(session), 0, 36 * sizeof(float));
    assert_int_equal(fv_session_run(session), FV_OK);
    assert_int_equal(fv_session_profile(session, false, &table, &trace), FV_OK);
    assert_non_null(strstr(table, "conv2d"));
    assert_true(trace[0] == '{' || trace[0] == '[');
    fv_text_free(ctx, table);
    fv_text_free(ctx, trace);
    fv_session_destroy(&session);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* A run allocates nothing once warm. */
static void test_steady(void **state)
{
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_model *m = NULL;
    fv_session *session = NULL, *own = NULL, *same = NULL;
    (void)state;
    assert_int_equal(fv_model_zoo(ctx, "resnet8", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_session_create(m, 2, &session), FV_OK);
    assert_int_equal(fv_model_session(m, &own), FV_OK);
    assert_int_equal(fv_session_run(session), FV_OK);
    assert_int_equal(fv_session_run(own), FV_OK);
    a.fail_all = true;
    assert_int_equal(fv_session_run(session), FV_OK);
    fv_model_touch(m);
    assert_int_equal(fv_model_session(m, &same), FV_OK);
    assert_ptr_equal(own, same);
    assert_int_equal(fv_session_run(own), FV_OK);
    a.fail_all = false;
    fv_session_destroy(&session);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void test_reset_head(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_model_zoo(ctx, "squeezenet1_1", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 4, FV_INIT_DEFAULT), FV_OK);
    const float kept = fv_slot_data(fv_model_slot(m, "features.0.weight"))[5];
    assert_int_equal(fv_model_reset_head(m, 0, 1), FV_ERR_SHAPE);
    assert_int_equal(fv_model_classes(m), 1000);
    if (fv_model_reset_head(m, 5, 9) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_classes(m), 5);
    assert_string_equal(fv_model_name(m), "squeezenet1_1");
    assert_true(fv_slot_data(fv_model_slot(m, "features.0.weight"))[5] == kept);
    const fv_slot *head = fv_model_slot(m, "classifier.1.weight");
    assert_int_equal(head->shape.dim[0], 5);
    assert_true(fv_slot_data(head)[7] != 0);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_same),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_finish),     cmocka_unit_test(test_session), cmocka_unit_test(test_steady),
        cmocka_unit_test(test_reset_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
