/* SPDX-License-Identifier: Apache-2.0 */
/* --head and --pool: what a network's classifier is, what stays of the rest, and texts that are no head. */
#include "support/support.h"

#include "model/model.h"
#include "nn/top.h"

static void put(fv_model *m, const fv_head_options *o, fv_load_report **report)
{
    if (fv_model_replace_head(m, o, report) != FV_OK)
        fail_msg("%s: %s (%s)", m->name, fv_ctx_error(m->ctx), fv_ctx_hint(m->ctx));
}

/* Where each kind of architecture ends: the operator of what the classifier is fed with, and its first layer. */
static void test_tops(void **state)
{
    static const struct {
        const char *zoo, *row, *map, *first;
        int64_t side;
    } rows[] = {
        {"vgg11", "flatten", "max_pool2d", "classifier.0", 7},
        {"alexnet", "flatten", "max_pool2d", "classifier.1", 6},
        {"mobilenet_v2", "flatten", "relu6", "classifier.1", 7},
        {"mobilenet_v3_small", "flatten", "hard_swish", "classifier.0", 7},
        {"resnet18", "flatten", "relu", "fc", 7},
        {"densenet121", "flatten", "relu", "classifier", 7},
        {"convnext_tiny", "flatten", "add", "classifier.2", 7},
        {"squeezenet1_1", NULL, "concat", "classifier.1", 13},
        {"lenet", "flatten", "max_pool2d", "fc1", 5},
        {"ds_cnn", "flatten", "relu", NULL, 0},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = NULL;
        fv_top top;
        assert_int_equal(fv_model_zoo(ctx, rows[k].zoo, NULL, &m), FV_OK);
        if (fv_top_find(m, &top) != FV_OK)
            fail_msg("%s: %s", rows[k].zoo, fv_ctx_error(ctx));
        const char *row = top.row ? top.row->def->op->name : "";
        const char *map = top.map ? top.map->def->op->name : "", *first = top.first ? top.first->name : "";
        if (strcmp(row, rows[k].row ? rows[k].row : "") != 0 || strcmp(map, rows[k].map) != 0 ||
            (rows[k].first && strcmp(first, rows[k].first) != 0) ||
            (rows[k].side && top.map->shape.dim[1] != rows[k].side))
            fail_msg("%s: row of %s, map of %s, classifier from %s", rows[k].zoo, row, map, first);
        assert_int_equal(top.pool != NULL, rows[k].row == NULL);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Values of tensors that are in both models are the same. */
static void check_body(fv_model *before, fv_model *now, int stay)
{
    int same = 0;
    for (int i = 0; i < now->n_slots; i++) {
        const fv_slot *a = &now->slots[i], *b = fv_model_slot(before, a->name);
        if (strncmp(a->name, "head", 4) == 0)
            continue;
        assert_non_null(b);
        assert_memory_equal(fv_tensor_const_data(a->data), fv_tensor_const_data(b->data), fv_tensor_bytes(a->data));
        same++;
    }
    assert_int_equal(same, stay);
}

static void check_report(const fv_load_report *r, int stay, int new, int gone)
{
    int counts[4] = {0};
    for (int i = 0; i < fv_load_report_count(r); i++)
        counts[fv_load_report_row(r, i)->verdict]++;
    assert_int_equal(counts[FV_LOADED], stay);
    assert_int_equal(counts[FV_MISSING], new);
    assert_int_equal(counts[FV_UNUSED], gone);
    assert_int_equal(counts[FV_SHAPE_MISMATCH], 0);
}

/* The body computes what it did: behind an unchanged body the same row enters the head. */
static void test_replaced(void **state)
{
    static const struct {
        const char *zoo;
        fv_head_options o;
        int64_t inputs; /* of the first dense layer */
        int stay, new, gone;
    } rows[] = {
        {"lenet", {.layers = "16, relu, drop=0.5"}, 400, 4, 4, 6},
        {"lenet", {.layers = "linear", .pool = FV_POOL_AVG, .classes = 3}, 16, 4, 2, 6},
        {"lenet", {.pool = FV_POOL_GEM, .classes = 4}, 16, 4, 3, 6},
        {"lenet", {.layers = "8,bn,gelu,ln,prelu", .pool = FV_POOL_MAX}, 16, 4, 11, 6},
        {"lenet", {.layers = "8", .img_size = {20, 36}}, 16 * 3 * 7, 4, 4, 6},
        {"resnet8", {.layers = "12,silu"}, 64, 39, 4, 2},
        {"resnet8", {.layers = "12", .pool = FV_POOL_FLATTEN, .img_size = {16, 16}}, 64 * 16, 39, 4, 2},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = NULL, *before = NULL;
        fv_load_report *report = NULL;
        const fv_head_options *o = &rows[k].o;
        assert_int_equal(fv_model_zoo(ctx, rows[k].zoo, NULL, &m), FV_OK);
        assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
        assert_int_equal(fv_model_clone(m, &before), FV_OK);
        put(m, o, &report);
        check_body(before, m, rows[k].stay);
        check_report(report, rows[k].stay, rows[k].new, rows[k].gone);
        assert_int_equal(fv_model_classes(m), o->classes ? o->classes : 10);
        for (int i = 0; i < m->n_slots; i++)
            if (strncmp(m->slots[i].name, "head.", 5) == 0 && m->slots[i].shape.rank == 2) {
                assert_int_equal(m->slots[i].shape.dim[1], rows[k].inputs);
                break;
            }
        assert_int_equal(m->pipeline.h, o->img_size[0] ? o->img_size[0] : before->pipeline.h);
        assert_int_equal(m->pipeline.w, o->img_size[1] ? o->img_size[1] : before->pipeline.w);
        fv_session *s = NULL;
        assert_int_equal(fv_session_create(m, 2, &s), FV_OK);
        memset(fv_session_input(s), 0, (size_t)(2 * m->pipeline.h * m->pipeline.w * m->pipeline.c) * sizeof(float));
        assert_int_equal(fv_session_run(s), FV_OK);
        fv_session_destroy(&s);
        /* A second head takes the place of the first. */
        fv_load_report_destroy(&report);
        put(m, &(fv_head_options){.layers = "5", .seed = 1}, &report);
        check_body(before, m, rows[k].stay);
        assert_int_equal(m->n_slots - rows[k].stay - (o->pool == FV_POOL_GEM), 4);
        fv_load_report_destroy(&report);
        fv_model_destroy(&before);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Networks that end with a map, with a pooled one, or with rows whose last layer is a convolution; a name that is
 * taken. */
static void test_ends(void **state)
{
    static const struct {
        int end;
        const char *pool; /* the operator before the new head's first layer */
        int64_t inputs;
        int gone;
    } rows[] = {
        {0, "flatten", 5 * 5 * 6, 0}, /* a map */
        {1, "flatten", 6, 0},         /* pooled, no classifier before that: there is a normalization */
        {2, "flatten", 6, 2},         /* scores of a map, pooled */
        {3, "flatten", 5 * 5 * 6, 4}, /* a convolution down to one pixel, and another */
        {4, "flatten", 6, 2},         /* pooled, and a convolution of one pixel */
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = NULL;
        fv_load_report *report = NULL;
        int gone = 0;
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = fv_input(m, 7, 7, 3);
        x = fv_conv2d(m, x, .name = "head.0", .filters = 6, .kernel = {3, 3});
        x = fv_batch_norm(m, x, .name = "bn", .activation = FV_RELU);
        if (rows[k].end == 2)
            x = fv_conv2d(m, fv_dropout(m, x, 0.5), .filters = 4, .kernel = {1, 1}, .activation = FV_RELU);
        if (rows[k].end == 3)
            x = fv_conv2d(m, x, .filters = 9, .kernel = {5, 5}, .activation = FV_RELU);
        if (rows[k].end == 1 || rows[k].end == 2 || rows[k].end == 4)
            x = fv_global_avg_pool(m, x);
        if (rows[k].end >= 3)
            x = fv_conv2d(m, x, .filters = 4, .kernel = {1, 1});
        if (rows[k].end > 0)
            x = fv_flatten(m, x);
        assert_int_equal(fv_model_finish(m, x), FV_OK);
        put(m, &(fv_head_options){.layers = "3", .classes = 2}, &report);
        const fv_slot *wei = fv_model_slot(m, "head2.0.weight");
        assert_non_null(wei);
        if (wei->shape.dim[1] != rows[k].inputs)
            fail_msg("end %d: %lld inputs", rows[k].end, (long long)wei->shape.dim[1]);
        for (int i = 0; i < fv_load_report_count(report); i++)
            gone += fv_load_report_row(report, i)->verdict == FV_UNUSED;
        assert_int_equal(gone, rows[k].gone);
        fv_load_report_destroy(&report);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* An architecture that is built with a head never has the tensors that this takes away, and is what replacing makes. */
static void test_built_with(void **state)
{
    static const char *const names[] = {"lenet", "googlenet"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int k = 0; k < 2; k++) {
        fv_model *a = NULL, *b = NULL;
        fv_load_report *report = NULL;
        char first[65], second[65];
        const fv_head_options head = {.layers = "9,relu,drop=0.1", .pool = FV_POOL_GEM, .classes = 4};
        const int64_t side = k ? 64 : 28;
        fv_zoo_options zoo = {.img_size = {side, side}, .dropout = -1};
        assert_int_equal(fv_model_zoo(ctx, names[k], &zoo, &a), FV_OK);
        put(a, &head, NULL);
        zoo.head = &head;
        zoo.head_report = &report;
        if (fv_model_zoo(ctx, names[k], &zoo, &b) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_model_init(a, 3, FV_INIT_DEFAULT), FV_OK);
        assert_int_equal(fv_model_init(b, 3, FV_INIT_DEFAULT), FV_OK);
        fv_model_sha256(a, first);
        fv_model_sha256(b, second);
        assert_string_equal(first, second);
        assert_memory_equal(&a->pipeline, &b->pipeline, sizeof a->pipeline);
        assert_int_equal(a->aux.count, b->aux.count);
        assert_true(fv_load_report_count(report) > 5);
        fv_load_report_destroy(&report);
        fv_model_destroy(&a);
        fv_model_destroy(&b);
    }
    fv_ctx_destroy(&ctx);
    ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    int64_t peak;
    const fv_head_options head = {.layers = "8", .pool = FV_POOL_AVG};
    assert_int_equal(fv_model_zoo(ctx, "alexnet", &(fv_zoo_options){.dropout = -1, .head = &head}, &m), FV_OK);
    fv_ctx_memory(ctx, NULL, &peak);
    assert_in_range(peak, fv_model_weight_bytes(m), fv_model_weight_bytes(m) + 1000000);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Auxiliary heads get the new number of classes, and what they hang on stays. */
static void test_aux(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_aux_info aux;
    (void)state;
    assert_int_equal(fv_model_zoo(ctx, "googlenet", &(fv_zoo_options){.img_size = {64, 64}, .dropout = -1}, &m), FV_OK);
    put(m, &(fv_head_options){.layers = "8,relu", .pool = FV_POOL_MAX, .classes = 3}, NULL);
    assert_true(fv_model_aux_head(m, 0, &aux) && fv_model_aux_head(m, 1, &aux));
    assert_int_equal(fv_model_slot(m, "aux2.fc2.weight")->shape.dim[0], 3);
    assert_null(fv_model_slot(m, "fc.weight"));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Only the output layer anew, where views count the classes or a bias is added by a node of its own. */
static void test_reset(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        fv_model *m = NULL;
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = fv_conv2d(m, fv_input(m, 6, 6, 3), .name = "conv", .filters = 5, .kernel = {3, 3});
        if (kind == 0) { /* scores of a map */
            x = fv_global_avg_pool(m, fv_conv2d(m, x, .name = "last", .filters = 7, .kernel = {1, 1}));
            x = fv_layer(m, "reshape", &x, 1, &(fv_layer_options){.attributes = "dims=7"});
        } else {
            x = fv_dense(m, fv_flatten(m, x), .name = "last", .units = 7, .no_bias = true);
            const fv_value b = fv_parameter(m, "shift", &(fv_shape){1, {7}}, FV_INIT_CONSTANT, 0);
            x = kind == 1 ? fv_add(m, x, b) : fv_add(m, b, x);
        }
        assert_int_equal(fv_model_finish(m, x), FV_OK);
        if (fv_model_reset_head(m, 3, 1) != FV_OK)
            fail_msg("kind %d: %s", kind, fv_ctx_error(ctx));
        assert_int_equal(fv_model_classes(m), 3);
        assert_int_equal(fv_model_slot(m, "last.weight")->shape.dim[0], 3);
        assert_true(fv_model_in_head(m, kind ? "shift" : "last.bias"));
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } texts[] = {
        {"", "item 1 is '', expected a layer"},
        {"256,", "item 2 is '', expected a layer"},
        {"0", "expected 1 to 1048576 units"},
        {"-3", "expected 1 to 1048576 units"},
        {"2.5", "expected 1 to 1048576 units"},
        {"8,relo", "item 2 is 'relo', which is no layer of a head: did you mean 'relu'?"},
        {"8,drop", "expected drop=P"},
        {"8,drop=1", "from 0 to 0.999"},
        {"8,relu=1", "expected it without a number"},
        {"8,bn=1", "expected it without a number"},
        {"linear,8", "item 1 is 'linear'"},
        {"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "item 33 is '1', expected 32 items"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    int layers = 0;
    char before[65], after[65];
    (void)state;
    assert_int_equal(fv_head_check(ctx, "256, relu ,drop=0.5,bn", &layers), FV_OK);
    assert_int_equal(layers, 3);
    assert_int_equal(fv_head_check(ctx, NULL, &layers), FV_OK);
    assert_int_equal(layers, 1);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(m, before);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        assert_int_equal(fv_model_replace_head(m, &(fv_head_options){.layers = texts[k].text}, NULL), FV_ERR_VALUE);
        if (!strstr(fv_ctx_error(ctx), texts[k].says))
            fail_msg("'%s': %s", texts[k].text, fv_ctx_error(ctx));
    }
    /* Too small for the layers of the body. */
    assert_int_not_equal(fv_model_replace_head(m, &(fv_head_options){.img_size = {3, 3}}, NULL), FV_OK);
    fv_model_sha256(m, after);
    assert_string_equal(before, after);
    fv_model_destroy(&m);
    /* Nothing but a classifier. */
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_dense(m, fv_flatten(m, fv_input(m, 4, 4, 1)), .units = 8, .activation = FV_RELU);
    assert_int_equal(fv_model_finish(m, fv_dense(m, x, .units = 2)), FV_OK);
    assert_int_equal(fv_model_replace_head(m, &(fv_head_options){.layers = "8"}, NULL), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "no layers with weights stand before 'dense_1'"));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tops),    cmocka_unit_test(test_replaced),   cmocka_unit_test(test_ends),
        cmocka_unit_test(test_aux),     cmocka_unit_test(test_built_with), cmocka_unit_test(test_reset),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
