/* SPDX-License-Identifier: Apache-2.0 */
/* What PyTorch's vectors do not show: order of sums to the bit, NaN and signed zero, ties, random masks, lowering and
   folding, values worked out by hand. */
#include "op_run.h"

static fv_ctx *ctx;

static int setup(void **state)
{
    (void)state;
    ctx = fv_test_ctx(1, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_ctx_destroy(&ctx);
    return 0;
}

static op_array array(double *data, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (op_array){.dtype = FV_F64, .shape = {.rank = rank, .dim = {a, b, c, d}}, .data = data};
}

/* Runs one operator on f32 for inference and compares its first result. */
static void expect(const char *op, const char *attributes, const op_array *in, int n_in, const double *want,
                   int64_t count)
{
    _Alignas(16) unsigned char attr[256] = {0};
    fv_attr_defaults(fv_op_find(ctx, op), attr);
    OP_OK(ctx, fv_attr_parse(ctx, fv_op_find(ctx, op), attr, attributes));
    op_run run = op_run_create(ctx, op, fv_op_find(ctx, op)->attr_size ? attr : NULL, in, n_in, FV_F32, false);
    op_run_nodes(&run);
    assert_int_equal(op_count(&run.out[0]->shape), count);
    for (int64_t i = 0; i < count; i++) {
        double found = op_at(&run, run.out[0], i);
        bool same = isnan(want[i]) ? isnan(found) : found == want[i] && signbit(found) == signbit(want[i]);
        if (!same)
            fail_msg("%s %s: element %d is %.9g, expected %.9g", op, attributes, (int)i, found, want[i]);
    }
    op_run_destroy(&run);
}

#define EXPECT(op, attributes, in, ...)                                                                                \
    expect(op, attributes, in, (int)(sizeof(in) / sizeof *(in)), (const double[]){__VA_ARGS__},                        \
           (int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))

static void activations_pass_nan_and_zeros(void **state)
{
    (void)state;
    double x[] = {NAN, -0.0, 0.0, -3.0, INFINITY, -INFINITY, 7.0};
    op_array in[] = {array(x, 2, 1, 7, 0, 0)};
    EXPECT("relu", "", in, NAN, -0.0, 0.0, 0.0, INFINITY, 0.0, 7.0);
    EXPECT("relu6", "", in, NAN, -0.0, 0.0, 0.0, 6.0, 0.0, 6.0);
    EXPECT("leaky_relu", "alpha=0.5", in, NAN, -0.0, 0.0, -1.5, INFINITY, -INFINITY, 7.0);
    EXPECT("hard_sigmoid", "", in, NAN, 0.5, 0.5, 0.0, 1.0, 0.0, 1.0);
    EXPECT("sigmoid", "", in, NAN, 0.5, 0.5, (float)(1.0 / (1.0 + exp(3.0))), 1.0, 0.0,
           (float)(1.0 / (1.0 + exp(-7.0))));
    EXPECT("tanh", "", in, NAN, -0.0, 0.0, (float)tanh(-3.0), 1.0, -1.0, (float)tanh(7.0));
}

static void pools_by_hand(void **state)
{
    (void)state;
    double x[] = {-1, -2, -3, -4, -5, -6, -7, -8, -9}, nan[] = {1, NAN, 3, 2};
    op_array in[] = {array(x, 4, 1, 3, 3, 1)}, with_nan[] = {array(nan, 4, 1, 2, 2, 1)};
    EXPECT("max_pool2d", "pad=1", in, -1, -2, -4, -5);
    EXPECT("max_pool2d", "size=3,1 stride=1 activation=relu", in, 0, 0, 0);
    EXPECT("max_pool2d", "", with_nan, NAN);
    EXPECT("global_max_pool", "", with_nan, NAN);
    EXPECT("global_max_pool", "", in, -1);
    EXPECT("global_avg_pool", "", in, -5);
    EXPECT("avg_pool2d", "pad=1", in, -0.25, -1.25, -2.75, -7);
    EXPECT("avg_pool2d", "pad=1 count_include_pad=false", in, -1, -2.5, -5.5, -7);
    /* 5 to 3: [0,2) [1,4) [3,5) */
    double row[] = {1, 2, 4, 8, 16};
    op_array line[] = {array(row, 4, 1, 1, 5, 1)};
    EXPECT("adaptive_avg_pool2d", "output=1,3", line, 1.5, (float)(14.0 / 3.0), 12);
    EXPECT("adaptive_avg_pool2d", "output=1,7", line, 1, 1.5, 3, 4, 6, 12, 16);
}

static void movement_by_hand(void **state)
{
    (void)state;
    double x[] = {1, 2, 3, 4, 5, 6}, y[] = {7, 8};
    op_array in[] = {array(x, 2, 1, 6, 0, 0)}, two[] = {array(x, 2, 2, 3, 0, 0), array(y, 2, 2, 1, 0, 0)};
    op_array image[] = {array(x, 4, 1, 1, 2, 3)}, rows[] = {two[0]};
    EXPECT("channel_shuffle", "groups=2", in, 1, 4, 2, 5, 3, 6);
    EXPECT("channel_shuffle", "groups=3", in, 1, 3, 5, 2, 4, 6);
    EXPECT("concat", "", two, 1, 2, 3, 7, 4, 5, 6, 8);
    EXPECT("slice", "begin=1 count=2", rows, 2, 3, 5, 6);
    EXPECT("pad", "pad=0,1,0,0 channels=0,1 value=9", image, 9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9);
    EXPECT("crop", "pad=0,1,0,0 channels=1,1", image, 5);
    EXPECT("upsample2d", "scale=1,2", image, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6);
    EXPECT("upsample2d", "scale=1,2 mode=bilinear", image, 1, 2, 3, 1.75, 2.75, 3.75, 3.25, 4.25, 5.25, 4, 5, 6);
}

/* f32 sums whose result depends on their order: the reference must follow the order that kernels promise. */
static void sums_follow_the_promised_order(void **state)
{
    (void)state;
    enum { N = 4, H = 3, W = 3, C = 5, K = 2, TAPS = 2 * 2 * C };
    double src[N * H * W * C], wei[K * TAPS], bia[K] = {0.1f, -7.3f}, d[N * 2 * 2 * K];
    uint64_t random = 5;
    for (int i = 0; i < N * H * W * C; i++)
        src[i] = (float)(op_random(&random) * exp(8 * op_random(&random)));
    for (int i = 0; i < K * TAPS; i++)
        wei[i] = (float)op_random(&random);
    for (int i = 0; i < N * 2 * 2 * K; i++)
        d[i] = (float)op_random(&random);
    double dst[N * 2 * 2 * K], d_wei[K * TAPS];
    for (int n = 0; n < N; n++)
        for (int i = 0; i < 4 * K; i++) {
            int p = i / K / 2, q = i / K % 2, k = i % K;
            float acc = (float)bia[k];
            for (int t = 0; t < TAPS; t++) {
                int r = t / C / 2, s = t / C % 2, c = t % C;
                acc = fmaf((float)src[((n * H + p + r) * W + q + s) * C + c], (float)wei[k * TAPS + t], acc);
            }
            dst[n * 4 * K + i] = acc;
        }
    for (int k = 0; k < K; k++)
        for (int t = 0; t < TAPS; t++) {
            float part[N] = {0};
            for (int i = 0; i < N * 4; i++) {
                int n = i / 4, p = i / 2 % 2, q = i % 2, r = t / C / 2, s = t / C % 2, c = t % C;
                part[n] = fmaf((float)d[i * K + k], (float)src[((n * H + p + r) * W + q + s) * C + c], part[n]);
            }
            d_wei[k * TAPS + t] = (part[0] + part[1]) + (part[2] + part[3]);
        }
    op_array in[] = {array(src, 4, N, H, W, C), array(wei, 4, K, 2, 2, C), array(bia, 1, K, 0, 0, 0)};
    op_array bwd[] = {array(d, 4, N, 2, 2, K), in[0]};
    expect("conv2d", "", in, 3, dst, N * 4 * K);
    expect("conv2d_bwd_weights", "size=2", bwd, 2, d_wei, K * TAPS);
}

/* One-dimensional sums by 1, 2 and 4 shards: (1e8 + 1) rounds in float, so that the cut shows. */
static void shards_cut_sums(void **state)
{
    (void)state;
    double d[] = {1e8, 1, -1e8, 1}, one[] = {1, 1, 1, 1};
    op_array in[] = {array(d, 2, 4, 1, 0, 0), array(one, 2, 4, 1, 0, 0)};
    const double want[] = {1, 0, 0}; /* ((1e8 + 1) - 1e8) + 1; (1e8 + 1) + (-1e8 + 1); the same tree */
    for (int i = 0; i < 3; i++) {
        op_run run = op_run_create(ctx, "dense_bwd_weights", NULL, in, 2, FV_F32, false);
        run.shards = 1 << i;
        op_run_nodes(&run);
        assert_true(op_at(&run, run.out[0], 0) == want[i]);
        op_run_destroy(&run);
    }
}

static void ties_go_to_the_first(void **state)
{
    (void)state;
    double x[] = {3, 5, 5, 5}, zero[] = {0};
    op_array in[] = {array(x, 4, 1, 2, 2, 1)};
    static const char *const ops[] = {"global_max_pool", "max_pool2d"};
    for (int i = 0; i < 2; i++) {
        _Alignas(16) unsigned char attr[256] = {0};
        fv_attr_defaults(fv_op_find(ctx, ops[i]), attr);
        op_run run = op_run_create(ctx, ops[i], fv_op_find(ctx, ops[i])->attr_size ? attr : NULL, in, 1, FV_F32, true);
        op_set(run.target, run.data[run.target->id], zero);
        op_run_nodes(&run); /* loss = 5^2, its slope 10 */
        for (int j = 0; j < 4; j++)
            assert_true(op_at(&run, run.d_in[0], j) == (j == 1 ? 10.0 : 0.0));
        op_run_destroy(&run);
    }
}

static void labels_outside_the_classes_give_nan(void **state)
{
    (void)state;
    double logits[] = {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}, labels[] = {0, 3, -1, 2};
    op_array in[] = {array(logits, 2, 4, 3, 0, 0), array(labels, 1, 4, 0, 0, 0)};
    in[1].dtype = FV_I32;
    fv_loss_attr attr = {0};
    op_run run = op_run_create(ctx, "softmax_cross_entropy", &attr, in, 2, FV_F32, true);
    op_run_nodes(&run);
    assert_true(isnan(op_at(&run, run.out[0], 0)));
    for (int i = 0; i < 4; i++) {
        bool bad = i == 1 || i == 2;
        assert_true(isnan(op_at(&run, run.out[1], i)) == bad);
        for (int j = 0; j < 3; j++)
            assert_true(isnan(op_at(&run, run.d_in[0], i * 3 + j)) == bad);
    }
    op_run_destroy(&run);
}

static void certain_classes_have_finite_loss(void **state)
{
    (void)state;
    double logits[] = {-INFINITY, 4, 0}, soft[] = {0, 1, 0};
    op_array in[] = {array(logits, 2, 1, 3, 0, 0), array(soft, 2, 1, 3, 0, 0)};
    EXPECT("softmax_cross_entropy", "", in, (float)log1p(exp(-4.0)));
}

/* The mask of dropout: share, scale, same in the gradient, other with another step, seed or layer. */
static void dropout_masks(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static double x[COUNT], zero[COUNT];
    static bool kept[4][COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = 1.0;
    op_array in[] = {array(x, 2, 4, COUNT / 4, 0, 0)};
    fv_dropout_attr attr = {.rate = 0.3};
    op_run run = op_run_create(ctx, "dropout", &attr, in, 1, FV_F32, true);
    op_set(run.target, run.data[run.target->id], zero);
    for (int t = 0; t < 4; t++) {
        run.step = t == 1 ? 4 : 3;
        run.seed = t == 2 ? 8 : 7;
        op_run_nodes(&run);
        int count = 0;
        for (int i = 0; i < COUNT; i++) {
            double y = op_at(&run, run.out[0], i);
            kept[t][i] = y != 0.0;
            count += kept[t][i];
            assert_true(y == 0.0 || y == (double)(1.0f / (1.0f - 0.3f)));
            assert_true((op_at(&run, run.d_in[0], i) != 0.0) == kept[t][i]);
        }
        assert_true(fabs(count - 0.7 * COUNT) < 4 * sqrt(0.21 * COUNT));
    }
    assert_memory_equal(kept[0], kept[3], sizeof kept[0]);
    for (int t = 1; t < 3; t++) {
        int differ = 0;
        for (int i = 0; i < COUNT; i++)
            differ += kept[0][i] != kept[t][i];
        assert_true(fabs(differ - 0.42 * COUNT) < 5 * sqrt(0.25 * COUNT));
    }
    op_run_destroy(&run);
}

/* Whole samples go: their share, the scale, the same ones in the gradient, others with another step or seed. */
static void depth_masks(void **state)
{
    (void)state;
    enum { SAMPLES = 4000, EACH = 3 };
    static double x[SAMPLES * EACH], zero[SAMPLES * EACH];
    static bool kept[4][SAMPLES];
    for (int i = 0; i < SAMPLES * EACH; i++)
        x[i] = 1.0;
    op_array in[] = {array(x, 2, SAMPLES, EACH, 0, 0)};
    for (int t = 0; t < 4; t++) {
        fv_dropout_attr attr = {.rate = 0.3};
        op_run run = op_run_create(ctx, "stochastic_depth", &attr, in, 1, FV_F32, true);
        op_set(run.target, run.data[run.target->id], zero);
        run.step = t == 1 ? 4 : 3;
        run.seed = t == 2 ? 8 : 7;
        op_run_nodes(&run);
        int count = 0;
        for (int i = 0; i < SAMPLES; i++) {
            kept[t][i] = op_at(&run, run.out[0], EACH * i) != 0.0;
            count += kept[t][i];
            for (int k = EACH * i; k < EACH * (i + 1); k++) {
                assert_true(op_at(&run, run.out[0], k) == (kept[t][i] ? (double)(1.0f / (1.0f - 0.3f)) : 0.0));
                assert_true((op_at(&run, run.d_in[0], k) != 0.0) == kept[t][i]);
            }
        }
        assert_true(fabs(count - 0.7 * SAMPLES) < 4 * sqrt(0.21 * SAMPLES));
        op_run_destroy(&run);
    }
    assert_memory_equal(kept[0], kept[3], sizeof kept[0]);
    for (int t = 1; t < 3; t++) {
        int differ = 0;
        for (int i = 0; i < SAMPLES; i++)
            differ += kept[0][i] != kept[t][i];
        assert_true(fabs(differ - 0.42 * SAMPLES) < 5 * sqrt(0.25 * SAMPLES));
    }
}

/* Two dropouts of a network get streams of their own; inference has none at all. */
static void dropout_lowers(void **state)
{
    (void)state;
    fv_graph *g = NULL, *out = NULL;
    fv_val *x;
    fv_node *a, *b, *c;
    fv_shape shape = {.rank = 2, .dim = {1, 8}};
    OP_OK(ctx, fv_graph_create(ctx, fv_op_find, &g));
    OP_OK(ctx, fv_graph_input(g, "x", FV_F32, &shape, &x));
    OP_OK(ctx, fv_graph_add(g, &fv_op_dropout, "first", NULL, &x, 1, &a));
    OP_OK(ctx, fv_graph_add(g, &fv_op_dropout, "second", NULL, a->out, 1, &b));
    OP_OK(ctx, fv_graph_add(g, &fv_op_dropout, "none", &(fv_dropout_attr){.rate = 0}, b->out, 1, &c));
    OP_OK(ctx, fv_graph_output(g, c->out[0]));
    OP_OK(ctx, fv_pass_lower(g, 2, FV_F32, true, &out, NULL));
    assert_int_equal(out->n_nodes, 2);
    assert_int_not_equal(((const fv_dropout_attr *)out->nodes[0]->attr)->stream,
                         ((const fv_dropout_attr *)out->nodes[1]->attr)->stream);
    fv_graph_destroy(&out);
    OP_OK(ctx, fv_pass_lower(g, 2, FV_F32, false, &out, NULL));
    assert_int_equal(out->n_nodes, 0);
    assert_int_equal(out->outputs[0]->role, FV_ROLE_INPUT);
    fv_graph_destroy(&out);
    fv_graph_destroy(&g);
}

/* conv2d or dense, batch_norm with relu: folded and not folded give the same, and one node does the work. */
static void batch_norm_folds(const char *op, bool bias, int rank)
{
    enum { C = 3, K = 4 };
    fv_graph *g = NULL, *folded = NULL;
    fv_val *in[9] = {NULL};
    fv_node *first, *norm;
    fv_shape shapes[9] = {{rank, {2, C}}, {rank, {K, C}}, {1, {K}}, {0}, {1, {K}}, {1, {K}}, {1, {K}}, {1, {K}}};
    if (rank == 4) {
        shapes[0] = (fv_shape){4, {2, 5, 5, C}};
        shapes[1] = (fv_shape){4, {K, 3, 3, C}};
    }
    OP_OK(ctx, fv_graph_create(ctx, fv_op_find, &g));
    for (int i = 0; i < 8; i++) {
        char name[8];
        snprintf(name, sizeof name, "v%d", i);
        if (i != 3 && (i != 2 || bias))
            OP_OK(ctx, fv_graph_param(g, name, i > 5 ? FV_ROLE_STATE : FV_ROLE_PARAM, FV_F32, &shapes[i], &in[i]));
    }
    fv_batch_norm_attr attr = {.activation = FV_RELU, .eps = 1e-3, .momentum = 0.1};
    OP_OK(ctx, fv_graph_add(g, fv_op_find(ctx, op), "layer", NULL, in, 3, &first));
    in[3] = first->out[0];
    OP_OK(ctx, fv_graph_add(g, &fv_op_batch_norm, "bn", &attr, in + 3, 5, &norm));
    OP_OK(ctx, fv_graph_output(g, norm->out[0]));
    OP_OK(ctx, fv_pass_fold(g, &folded, NULL));
    const fv_node *last = folded->outputs[0]->def;
    assert_string_equal(last->op->name, op);
    assert_int_equal(*(const int32_t *)last->attr, FV_RELU);
    op_run run[2] = {{.ctx = ctx, .graph = g}, {.ctx = ctx, .graph = folded}};
    for (int j = 0; j < 2; j++) {
        uint64_t random = 11;
        op_run_alloc(&run[j]);
        for (int i = 0; i < 8; i++) {
            char name[8];
            snprintf(name, sizeof name, "v%d", i);
            fv_val *val = fv_graph_find(run[j].graph, name);
            for (int64_t k = 0; val && k < op_count(&val->shape); k++)
                fv_set(FV_F32, run[j].data[val->id], k, i == 7 ? 1.5 + op_random(&random) : op_random(&random));
        }
        op_run_nodes(&run[j]);
    }
    int positive = 0;
    for (int64_t i = 0; i < op_count(&norm->out[0]->shape); i++) {
        double a = op_at(&run[0], g->outputs[0], i), b = op_at(&run[1], folded->outputs[0], i);
        assert_true(fabs(a - b) < 1e-5);
        positive += a > 0;
    }
    assert_true(positive > 0);
    op_run_destroy(&run[0]);
    op_run_destroy(&run[1]);
}

static void batch_norm_folds_into_weights(void **state)
{
    (void)state;
    batch_norm_folds("conv2d", true, 4);
    batch_norm_folds("conv2d", false, 4);
    batch_norm_folds("dense", true, 2);
}

/* Running statistics move by momentum, the variance by its unbiased value; inference leaves them. */
static void batch_norm_updates_statistics(void **state)
{
    (void)state;
    double x[] = {1, 3, 5, 7}, one[] = {1}, mean[] = {10}, var[] = {2};
    op_array in[] = {array(x, 2, 4, 1, 0, 0), array(one, 1, 1, 0, 0, 0), array(one, 1, 1, 0, 0, 0),
                     array(mean, 1, 1, 0, 0, 0), array(var, 1, 1, 0, 0, 0)};
    in[3].role = in[4].role = FV_ROLE_STATE;
    fv_batch_norm_attr attr = {.eps = 0.0, .momentum = 0.25};
    for (int training = 0; training < 2; training++) {
        op_run run = op_run_create(ctx, "batch_norm", &attr, in, 5, FV_F64, training);
        op_run_nodes(&run);
        /* batch mean 4, unbiased variance 20 / 3 */
        assert_true(op_at(&run, run.in[3], 0) == (training ? 0.75 * 10 + 0.25 * 4 : 10));
        assert_true(fabs(op_at(&run, run.in[4], 0) - (training ? 0.75 * 2 + 0.25 * 20 / 3 : 2)) < 1e-15);
        double want = training ? (1 - 4) / sqrt(5.0) + 1 : (1 - 10) / sqrt(2.0) + 1;
        assert_true(fabs(op_at(&run, run.out[0], 0) - want) < 1e-15);
        op_run_destroy(&run);
    }
}

/* Pairs of ranges, of nothing and of what is not finite; gradients end where a range does. */
static void integers_of_training(void **state)
{
    (void)state;
    double range[] = {-1, 2}, none[] = {0, 0}, broken[] = {NAN, INFINITY};
    op_array of_range[] = {array(range, 1, 2, 0, 0, 0)}, of_none[] = {array(none, 1, 2, 0, 0, 0)},
             of_broken[] = {array(broken, 1, 2, 0, 0, 0)};
    EXPECT("qat_pair", "", of_range, (float)(3.0 / 255), -43);
    EXPECT("qat_pair", "", of_none, (float)(1.0 / 255), -128);
    EXPECT("qat_pair", "", of_broken, (float)(1.0 / 255), -128);
    double d[] = {1, 2, 3, 4, 5}, x[] = {-65.75, -65.8125, 62.25, 62.3125, NAN}, pair[] = {0.5, 3};
    op_array gradient[] = {array(d, 2, 1, 5, 0, 0), array(x, 2, 1, 5, 0, 0), array(pair, 1, 2, 0, 0, 0)};
    EXPECT("qat_straight_bwd", "", gradient, 1, 0, 3, 0, 0);
    op_array value[] = {array(x, 2, 1, 5, 0, 0), array(d, 2, 1, 5, 0, 0), array(pair, 1, 2, 0, 0, 0)};
    EXPECT("qat_straight", "", value, 1, 2, 3, 4, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_pass_nan_and_zeros),
        cmocka_unit_test(pools_by_hand),
        cmocka_unit_test(movement_by_hand),
        cmocka_unit_test(sums_follow_the_promised_order),
        cmocka_unit_test(shards_cut_sums),
        cmocka_unit_test(ties_go_to_the_first),
        cmocka_unit_test(labels_outside_the_classes_give_nan),
        cmocka_unit_test(certain_classes_have_finite_loss),
        cmocka_unit_test(dropout_masks),
        cmocka_unit_test(depth_masks),
        cmocka_unit_test(dropout_lowers),
        cmocka_unit_test(batch_norm_folds_into_weights),
        cmocka_unit_test(batch_norm_updates_statistics),
        cmocka_unit_test(integers_of_training),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
