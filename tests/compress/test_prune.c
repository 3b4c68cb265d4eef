/* SPDX-License-Identifier: Apache-2.0 */
/* Networks without some of their channels compute what they do with the weights zero that read these. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "compress/prune.h"
#include "compress/network.h"

static void run(fv_model *m, float *out, int64_t n)
{
    fv_session *s;
    int64_t h, w, c;
    fv_model_input_size(m, &h, &w, &c);
    if (fv_session_create(m, 1, &s) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    fv_selftest_input(3, 0, h * w * c, fv_session_input(s));
    assert_int_equal(fv_session_run(s), FV_OK);
    memcpy(out, fv_session_output(s, NULL), (size_t)n * sizeof *out);
    fv_session_destroy(&s);
}

/* Weights that read what is gone become zero. */
static void zero_readers(const fv_pruner *p, fv_model *m)
{
    for (int32_t i = 0; i < p->n_makers; i++) {
        const prune_maker *maker = &p->makers[i];
        const fv_shape *s = &maker->val->shape;
        float *w = fv_slot_data(fv_model_slot(m, maker->val->name));
        for (int64_t e = 0; e < fv_shape_count(s); e++) {
            int64_t at = e;
            for (int d = s->rank - 1; d >= 0; at /= s->dim[d], d--) {
                const int64_t k = fv_channels_class(p->channels, maker->val, d, at % s->dim[d]);
                if (d != maker->dim && k >= 0 && p->gone[k])
                    w[e] = 0;
            }
        }
    }
    fv_model_touch(m);
}

/* Both, on one input; how many channels went. */
static int64_t compare(fv_pruner *p, const char *what)
{
    fv_model *small, *zeroed;
    fv_prune_row *rows;
    int count;
    const int64_t n = fv_shape_count(&p->model->graph->outputs[0]->shape);
    float *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
    double most = 0, apart = 0, macs = 0;
    int64_t gone = 0;
    if (fv_pruner_apply(p, &small, &rows, &count) != FV_OK)
        fail_msg("%s: %s", what, fv_ctx_error(p->model->ctx));
    assert_int_equal(fv_model_clone(p->model, &zeroed), FV_OK);
    zero_readers(p, zeroed);
    run(small, a, n);
    run(zeroed, b, n);
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)b[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    }
    if (!(apart <= 1e-5 * most) || most == 0)
        fail_msg("%s: results differ by %g of %g", what, apart, most);
    for (int i = 0; i < count; i++) {
        gone += rows[i].channels[0] - rows[i].channels[1];
        if (rows[i].channels[1] < 1 || (rows[i].why && rows[i].channels[1] != rows[i].channels[0]))
            fail_msg("%s: '%s' has %lld channels left", what, rows[i].layer, (long long)rows[i].channels[1]);
    }
    fv_totals t;
    assert_int_equal(fv_model_totals(small, &t), FV_OK);
    assert_int_equal(fv_pruner_macs(p, &macs), FV_OK);
    assert_true(macs == t.macs);
    fv_prune_rows_free(p->model->ctx, rows);
    fv_model_destroy(&small);
    fv_model_destroy(&zeroed);
    free(a);
    free(b);
    return gone;
}

static fv_pruner *open_pruner(fv_model *m, const fv_prune_options *o)
{
    fv_pruner *p;
    if (fv_pruner_create(m, o, &p) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    return p;
}

/* ---- the zoo ---- */

static void test_zoo(void **state)
{
    static const struct {
        const char *name;
        int64_t size;
    } nets[] = {{"resnet20", 32},           {"shufflenet_v2_x0_5", 64}, {"squeezenet1_1", 64},
                {"mobilenet_v3_small", 64}, {"mobilenet_v2", 64},       {"regnet_y_400mf", 64},
                {"efficientnet_b0", 64},    {"densenet121", 64},        {"googlenet", 64}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < FV_TEST_CASES(sizeof nets / sizeof *nets, 5); i++) {
        fv_model *m;
        double all, macs;
        const fv_zoo_options o = {.classes = 10, .img_size = {nets[i].size, nets[i].size}, .dropout = -1};
        if (fv_model_zoo(ctx, nets[i].name, &o, &m) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        fill(m);
        fv_pruner *p = open_pruner(m, &(fv_prune_options){.method = FV_PRUNE_L1, .round_to = 4});
        assert_int_equal(fv_pruner_macs(p, &all), FV_OK);
        assert_int_equal(fv_pruner_choose(p, 0.4, false, -1), FV_OK);
        assert_true(compare(p, nets[i].name) > 0);
        if (fv_pruner_choose_macs(p, 0.6, false) != FV_OK)
            fail_msg("%s: %s", nets[i].name, fv_ctx_error(ctx));
        assert_int_equal(fv_pruner_macs(p, &macs), FV_OK);
        if (macs > 0.6 * all || macs < 0.5 * all)
            fail_msg("%s: %g of the multiply-adds are left", nets[i].name, macs / all);
        fv_pruner_destroy(&p);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* The zoo's has 28 million weights: blocks of it, whose normalization over channels keeps all but what is inside. */
static void test_convnext(void **state)
{
    static const char text[] =
        "input: [16, 16, 3]\nlayers:\n  - conv2d: {filters: 16, kernel: 4, stride: 4, name: stem}\n"
        "  - convnext: {scale: 0.5, name: b0}\n  - convnext: {scale: 0.5, name: b1}\n"
        "  - global_avg_pool\n  - flatten\n  - dense: 10\n";
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m;
    char dir[256], path[300];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/net.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    if (fv_model_read_architecture(ctx, path, NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fill(m);
    fv_pruner *p = open_pruner(m, &(fv_prune_options){.method = FV_PRUNE_L2});
    assert_int_equal(fv_pruner_groups(p), 2); /* what a block widens to */
    assert_int_equal(fv_pruner_choose(p, 0.5, true, -1), FV_OK);
    assert_int_equal(compare(p, "convnext"), 2 * 32);
    fv_pruner_destroy(&p);
    fv_model_destroy(&m);
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* ---- random graphs ---- */

static fv_value value_of(fv_model *m, const char *op, fv_value x, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){.attributes = attributes});
}

static fv_value pair_of(fv_model *m, const char *op, fv_value a, fv_value b)
{
    return fv_layer(m, op, (fv_value[]){a, b}, 2, NULL);
}

static int64_t channels_of(const fv_model *m, fv_value x)
{
    if (x.id < 0)
        fail_msg("%s", m->error_text);
    const fv_shape *s = &m->graph->vals[x.id]->shape;
    return s->dim[s->rank - 1];
}

static fv_value conv(fv_model *m, fv_value x, int64_t filters, int64_t side, int64_t groups)
{
    const int64_t pad = side / 2;
    x = fv_conv2d(m, x, .filters = filters, .kernel = {side, side}, .pad = {pad, pad, pad, pad}, .groups = groups,
                  .no_bias = pick(2) == 0);
    return pick(2) ? fv_batch_norm(m, x, .activation = pick(2) ? FV_RELU : FV_ACT_NONE) : x;
}

/* One more layer, or several, of those that go on channels in their own ways. */
static fv_value grow(fv_model *m, fv_value x)
{
    static const char *const plain[] = {"silu", "sigmoid", "hard_swish", "tanh", "leaky_relu", "gelu"};
    const int64_t c = channels_of(m, x);
    char text[64];
    switch (pick(12)) {
    case 0:
        return conv(m, x, 4 + 4 * pick(5), 3, 1);
    case 1:
        return conv(m, x, c, 3, -1);
    case 2:
        return conv(m, x, 2 * c, 3, -1);
    case 3:
        return conv(m, x, c % 8 ? 2 * c : c, 3, c % 8 == 0 ? 8 : c % 2 == 0 ? 2 : 1);
    case 4:
        return value_of(m, plain[pick(6)], x, NULL);
    case 5:
        return pair_of(m, "add", conv(m, conv(m, x, 8 + 4 * pick(3), 1, 1), c, 3, 1), x);
    case 6:
        return pair_of(m, "concat", conv(m, x, 4 + 4 * pick(4), 3, 1), pick(2) ? x : conv(m, x, 8, 1, 1));
    case 7:
        if (c % 2)
            return x;
        snprintf(text, sizeof text, "groups=%d", c % 4 ? 2 : 4);
        return value_of(m, "channel_shuffle", x, text);
    case 8: { /* split, work on one part, put together */
        char other[64];
        const int64_t first = c / 2 + pick(2);
        snprintf(text, sizeof text, "begin=0 count=%lld", (long long)first);
        snprintf(other, sizeof other, "begin=%lld count=%lld", (long long)first, (long long)(c - first));
        return pair_of(m, "concat", value_of(m, "slice", x, text), conv(m, value_of(m, "slice", x, other), 8, 3, 1));
    }
    case 9: { /* squeeze and excitation */
        fv_value s = value_of(m, "global_avg_pool", x, NULL);
        s = value_of(m, "sigmoid", conv(m, value_of(m, "relu", conv(m, s, 4, 1, 1), NULL), c, 1, 1), NULL);
        return pair_of(m, "mul", x, s);
    }
    case 10: { /* the shortcut of a network without weights in it: zeros behind the channels */
        fv_value y = value_of(m, "pad", x, "channels=2,6");
        return pair_of(m, "add", y, conv(m, x, c + 8, 3, 1));
    }
    default:
        return pair_of(m, pick(2) ? "max" : "mul", conv(m, x, c, 3, 1), conv(m, x, c, 1, 1));
    }
}

static void test_random(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int64_t gone = 0;
    (void)state;
    for (int seed = 0; seed < FV_TEST_CASES(150, 20); seed++) {
        fv_model *m;
        char name[32];
        state_of = (uint64_t)seed * 977 + 1;
        snprintf(name, sizeof name, "graph %d", seed);
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = conv(m, fv_input(m, 9, 8, 3), 8 + 4 * pick(4), 3, 1);
        for (int64_t n = 2 + pick(7); n > 0; n--)
            x = grow(m, x);
        if (pick(2))
            x = fv_max_pool2d(m, x, .size = {2, 2});
        x = pick(2) ? value_of(m, "global_avg_pool", x, NULL) : x;
        x = fv_flatten(m, x);
        x = pick(2) ? fv_dense(m, x, .units = 12, .activation = FV_RELU) : x;
        if (fv_model_finish(m, fv_dense(m, x, .units = 5)) != FV_OK)
            fail_msg("%s: %s", name, fv_ctx_error(ctx));
        fill(m);
        fv_pruner *p;
        const fv_prune_options o = {.method = pick(2) ? FV_PRUNE_L1 : FV_PRUNE_L2, .round_to = 1 + pick(4)};
        if (fv_pruner_create(m, &o, &p) == FV_OK) {
            assert_int_equal(fv_pruner_choose(p, 0.2 + 0.6 * draw(), pick(2) == 0, -1), FV_OK);
            gone += compare(p, name);
        }
        fv_pruner_destroy(&p);
        fv_model_destroy(&m);
    }
    assert_true(gone > FV_TEST_CASES(1000, 100));
    fv_ctx_destroy(&ctx);
}

/* ---- what goes ---- */

static int64_t left_of(const fv_pruner *p, const char *layer)
{
    fv_prune_group g;
    for (int i = 0; fv_pruner_group(p, i, &g) == FV_OK; i++)
        if (strcmp(g.layer, layer) == 0)
            return g.left;
    fail_msg("no group '%s'", layer);
    return 0;
}

/* Channels that were made worth little go, those of numbers above 1000 stay; by filters and by scales. */
static void test_worth(void **state)
{
    static const int weak[] = {1, 4, 5, 9, 10, 11, 12, 14};
    static const char *const tensors[][2] = {{"a.weight", "l1"}, {"a.weight", "l2"}, {"bn.weight", "bn"}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int method = 0; method < 3; method++) {
        fv_model *m = network(ctx, 16), *copy;
        const fv_slot *s = fv_model_slot(m, tensors[method][0]);
        float *w = fv_slot_data(s);
        const int64_t row = fv_shape_count(&s->shape) / 16;
        assert_string_equal(fv_prune_methods()[method], tensors[method][1]);
        for (int k = 0; k < 8; k++)
            for (int64_t i = 0; i < row; i++)
                w[weak[k] * row + i] *= 1e-3f;
        fv_pruner *p = open_pruner(m, &(fv_prune_options){.method = (fv_prune_method)method});
        assert_int_equal(fv_pruner_choose(p, 8.0 / 60, false, -1), FV_OK);
        assert_int_equal(left_of(p, "a"), 8);
        assert_int_equal(left_of(p, "b"), 20);
        assert_int_equal(fv_pruner_apply(p, &copy, NULL, NULL), FV_OK);
        const float *kept = fv_slot_data(fv_model_slot(copy, tensors[method][0]));
        for (int c = 0, k = 0; c < 16; c++) {
            bool gone = false;
            for (int i = 0; i < 8; i++)
                gone = gone || weak[i] == c;
            if (gone)
                continue;
            assert_memory_equal(kept + k * row, w + c * row, (size_t)row * sizeof *w);
            k++;
        }
        fv_model_destroy(&copy);
        fv_pruner_destroy(&p);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Multiples, the least that is left, names, alike and one alone. */
static void test_amounts(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = network(ctx, 21);
    double macs;
    (void)state;
    fv_pruner *p = open_pruner(m, &(fv_prune_options){.method = FV_PRUNE_L1});
    assert_int_equal(fv_pruner_groups(p), 3);
    assert_int_equal(fv_pruner_choose(p, 0.5, true, -1), FV_OK);
    assert_int_equal(left_of(p, "a"), 8); /* of 10.5 */
    assert_int_equal(left_of(p, "b"), 8);
    assert_int_equal(left_of(p, "c"), 16); /* of 12 */
    assert_int_equal(fv_pruner_choose(p, 0.99, false, -1), FV_OK);
    assert_int_equal(left_of(p, "a") + left_of(p, "b") + left_of(p, "c"), 24);
    assert_int_equal(fv_pruner_choose(p, 0.5, true, 1), FV_OK);
    assert_int_equal(left_of(p, "a"), 21);
    assert_int_equal(left_of(p, "b"), 8);
    assert_int_equal(fv_pruner_choose(p, 0, false, -1), FV_OK);
    assert_int_equal(fv_pruner_macs(p, &macs), FV_OK);
    assert_true(macs == 36.0 * 27 * 21 + 16.0 * 9 * 21 * 20 + 16.0 * 20 * 24 + 24 * 4);
    assert_int_equal(fv_pruner_choose(p, 1, false, -1), FV_ERR_VALUE);
    assert_int_equal(fv_pruner_choose(p, -0.1, false, -1), FV_ERR_VALUE);
    assert_int_equal(fv_pruner_choose(p, 0.5, false, 3), FV_ERR_VALUE);
    assert_int_equal(fv_pruner_choose_macs(p, 0.001, false), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "cannot be pruned to 0.001"));
    fv_pruner_destroy(&p);
    p = open_pruner(m, &(fv_prune_options){.method = FV_PRUNE_L1, .round_to = 1, .skip = "b"});
    assert_int_equal(fv_pruner_groups(p), 2);
    assert_int_equal(fv_pruner_choose(p, 0.99, false, -1), FV_OK);
    assert_int_equal(left_of(p, "a"), 1);
    assert_int_equal(left_of(p, "c"), 1);
    assert_int_equal(compare(p, "the least"), 20 + 23);
    fv_pruner_destroy(&p);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void refuse(fv_model *m, const fv_prune_options *o, fv_status status, const char *text)
{
    fv_pruner *p;
    assert_int_equal(fv_pruner_create(m, o, &p), status);
    assert_null(p);
    if (!strstr(fv_ctx_error(m->ctx), text))
        fail_msg("'%s' does not say '%s'", fv_ctx_error(m->ctx), text);
}

static void test_refusals(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = network(ctx, 16), *flat;
    (void)state;
    refuse(m, &(fv_prune_options){.skip = "a,x*"}, FV_ERR_VALUE, "is called 'x*'");
    refuse(m, &(fv_prune_options){.skip = "?"}, FV_ERR_MODEL, "named to stay");
    refuse(m, &(fv_prune_options){.method = FV_PRUNE_TAYLOR}, FV_ERR_ARGUMENT, "needs a data set");
    refuse(m, &(fv_prune_options){.method = FV_PRUNE_METHOD_COUNT}, FV_ERR_ARGUMENT, "method");
    assert_int_equal(fv_model_create(ctx, &flat), FV_OK);
    fv_value x = value_of(flat, "softmax",
                          fv_conv2d(flat, fv_input(flat, 4, 4, 3), .name = "a", .filters = 16, .kernel = {1, 1}), NULL);
    assert_int_equal(fv_model_finish(flat, fv_dense(flat, fv_flatten(flat, x), .units = 4)), FV_OK);
    refuse(flat, &(fv_prune_options){.method = FV_PRUNE_L1}, FV_ERR_MODEL, "no channel can be taken away");
    fv_model_destroy(&flat);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Networks in which weights, or scales, are not there to be read. */
static void test_without_norm(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_dense(m, fv_flatten(m, fv_input(m, 4, 4, 1)), .name = "a", .units = 16, .activation = FV_RELU);
    assert_int_equal(fv_model_finish(m, fv_dense(m, x, .name = "b", .units = 4)), FV_OK);
    fill(m);
    refuse(m, &(fv_prune_options){.method = FV_PRUNE_BN}, FV_ERR_MODEL, "has no batch norm");
    fv_model_destroy(&m);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_model_finish(m, fv_flatten(m, fv_input(m, 4, 4, 1))), FV_OK);
    refuse(m, &(fv_prune_options){.method = FV_PRUNE_L1}, FV_ERR_MODEL, "no layer with float weights");
    fv_model *copy;
    assert_int_equal(fv_model_sparsify(m, &(fv_sparsify_options){.amount = 0.5}, &copy, NULL, NULL), FV_ERR_MODEL);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zoo),          cmocka_unit_test(test_convnext), cmocka_unit_test(test_random),
        cmocka_unit_test(test_worth),        cmocka_unit_test(test_amounts),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_without_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
