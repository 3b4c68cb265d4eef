/* SPDX-License-Identifier: Apache-2.0 */
/* Problems as people write them, exact results, and what is known of every algorithm on a problem. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "bench/internal.h"
#include "ops/ops.h"
#include "plan/internal.h"

#define ALL ((1u << FV_BENCH_DIRECTIONS) - 1)

static fv_bench *bench_of(fv_ctx *ctx)
{
    fv_bench *b = NULL;
    assert_int_equal(fv_bench_create(ctx, &b), FV_OK);
    return b;
}

/* ---- words ---- */

static void test_words(void **state)
{
    static const char *const rows[][3] = {
        {"n1h56w56c64 k64r3s3 p1", "conv2d f32 n1h56w56c64 k64r3s3c64:const pad=1", "n1h56w56c64 k64r3s3 p1"},
        {"h8c3  k4r1", "conv2d f32 n1h8w8c3 k4r1s1c3:const", "n1h8w8c3 k4r1s1"},
        {"c6w9n2h7 s2r3k8 p0x1 u2x1 d2 g3", "conv2d f32 n2h7w9c6 k8r3s2c2:const stride=2,1 pad=0,1 dilation=2 groups=3",
         NULL},
        {"n2h7w9c6 k9r3s2c2 p0x1 u2x1 g3", "conv2d f32 n2h7w9c6 k9r3s2c2:const stride=2,1 pad=0,1,0,1 groups=3",
         "n2h7w9c6 k9r3s2 p0x1 u2x1 g3"},
        {"n1h5w5c2 k2r3 pad=1,0,0,1 activation=relu", "conv2d f32 n1h5w5c2 k2r3s3c2:const activation=relu pad=1,0,0,1",
         "n1h5w5c2 k2r3s3 pad=1,0,0,1 activation=relu"},
        {"dense f32 n3i5 o7i5:const", "dense f32 n3i5 o7i5:const", "3x7x5"},
        {"conv2d_bwd_data f32 n1p4q4k2 k2r3s3c3 pad=1 size=4", "conv2d_bwd_data f32 n1p4q4k2 k2r3s3c3 pad=1 size=4",
         "n1h4w4c3 k2r3s3 p1"},
        {"", NULL, "images such as"},
        {"n1h8w8 k4r1", NULL, "'n1h8w8': expected images such as n1h56w56c64"},
        {"n0h8w8c3 k4r1", NULL, "'n0h8w8c3': expected images"},
        {"n1h8h8c3 k4r1", NULL, "'n1h8h8c3'"},
        {"n1h8w8c3", NULL, "expected filters such as k64r3s3"},
        {"n1h8w8c3 r3s3", NULL, "'r3s3': expected filters"},
        {"n1h8w8c3 k4r3 q1", NULL, "'q1': expected pN (padding)"},
        {"n1h8w8c3 k4r3 p1x", NULL, "'p1x'"},
        {"n1h8w8c3 k4r3 g1x1", NULL, "'g1x1'"},
        {"n1h8w8c3 k4r3 g0", NULL, "'g0': expected groups"},
        {"n1h8w8c3 k4r3 pad=x", NULL, "pad: expected"},
        {"n1h8w8c3 k4r3 pat=1", NULL, "pat"},
        {"n1h8w8c6 k4r3 g4", NULL, "groups=4 does not divide 6 input channels"},
        {"n1h2w2c6 k4r3", NULL, "3x3 filter does not fit into the 2x2 input"},
        {"n1h8w8c3 k4r3 p99999999999999999999", NULL, "99999999999999999999"},
        {"n99999999999999999999h8w8c3 k4r3", NULL, "expected images"},
        {"n4611686018427387904h64w64c64 k4r3", NULL, ""},
        {"max_pool2d f32 n1h8w8c4 size=2", NULL, "expected conv2d, dense, or a gradient"},
        {"conv2x f32 n1h8w8c4", NULL, "did you mean 'conv2d'"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_bench *b = bench_of(ctx);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int before = fv_bench_count(b);
        const fv_status status = fv_bench_add_conv(b, rows[i][0], 1u << FV_BENCH_FWD);
        if (rows[i][1] && status == FV_OK && rows[i][2]) {
            const fv_bench_problem *p = fv_bench_problem_at(b, before);
            assert_string_equal(p->text, rows[i][1]);
            assert_string_equal(p->shape, rows[i][2]);
        } else if (rows[i][2]) {
            if (rows[i][1] || status == FV_OK || !strstr(fv_ctx_error(ctx), rows[i][2]))
                fail_msg("'%s': %s, '%s'", rows[i][0], fv_status_name(status), fv_ctx_error(ctx));
            assert_null(strchr(fv_ctx_error(ctx), '\n'));
            assert_int_equal(fv_bench_count(b), before);
        } else { /* 8 filters in 3 groups */
            assert_int_not_equal(status, FV_OK);
            assert_non_null(strstr(fv_ctx_error(ctx), "groups=3"));
        }
    }
    assert_int_equal(fv_bench_add_gemm(b, 3, 0, 4, ALL), FV_ERR_VALUE);
    fv_bench_destroy(&b);
    fv_ctx_destroy(&ctx);
}

/* ---- directions, models ---- */

static void test_directions(void **state)
{
    static const char *const want[] = {"conv2d f32 n2h7w9c6 k9r3s2c2:const stride=2 pad=1 groups=3",
                                       "conv2d_bwd_data f32 n2p4q5k9 k9r3s2c2 stride=2 pad=1 groups=3 size=7,9",
                                       "conv2d_bwd_weights f32 n2p4q5k9 n2h7w9c6 stride=2 pad=1 groups=3 size=3,2",
                                       "dense f32 1x3x5 o7i5:const",
                                       "dense_bwd_data f32 1x3x7 o7i5",
                                       "dense_bwd_weights f32 1x3x7 1x3x5"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_bench *b = bench_of(ctx);
    (void)state;
    assert_int_equal(fv_bench_add_conv(b, "n2h7w9c6 k9r3s2 p1 u2 g3 activation=relu", ALL), FV_OK);
    assert_int_equal(fv_bench_add_gemm(b, 3, 7, 5, ALL), FV_OK);
    assert_int_equal(fv_bench_count(b), 6);
    for (int i = 0; i < 6; i++) {
        const fv_bench_problem *p = fv_bench_problem_at(b, i);
        if (i > 0) /* whose activation is not in the text above */
            assert_string_equal(p->text, want[i]);
        assert_int_equal(p->direction, i % 3);
        /* All three directions cost the same. */
        assert_true(p->macs == (i < 3 ? 2.0 * 4 * 5 * 9 * 3 * 2 * 2 : 3.0 * 7 * 5));
        assert_true(p->flops >= 2 * p->macs && p->bytes > 0);
    }
    assert_null(fv_bench_problem_at(b, 6));
    fv_bench_destroy(&b);
    fv_ctx_destroy(&ctx);
}

static int count_layers(fv_ctx *ctx, const char *name, int64_t batch, const char *layers, unsigned directions,
                        int *kinds)
{
    fv_model *m = NULL;
    fv_bench *b = bench_of(ctx);
    int count = 0;
    assert_int_equal(fv_model_zoo(ctx, name, NULL, &m), FV_OK);
    const fv_status status = fv_bench_add_model(b, m, batch, layers, directions);
    for (int i = 0; i < fv_bench_count(b); i++)
        count += (int)fv_bench_problem_at(b, i)->count;
    *kinds = fv_bench_count(b);
    fv_bench_destroy(&b);
    fv_model_destroy(&m);
    return status == FV_OK ? count : -1;
}

static void test_models(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int kinds;
    (void)state;
    assert_int_equal(count_layers(ctx, "lenet", 1, NULL, 1, &kinds), 5);
    assert_int_equal(kinds, 5);
    assert_int_equal(count_layers(ctx, "lenet", 4, NULL, ALL, &kinds), 15);
    /* Depthwise and pointwise layers are two, although plans join them. */
    assert_int_equal(count_layers(ctx, "mobilenet_v2", 1, NULL, 1, &kinds), 53);
    assert_in_range(kinds, 20, 40);
    assert_int_equal(count_layers(ctx, "lenet", 1, "fc*,conv1", 1, &kinds), 4);
    assert_int_equal(count_layers(ctx, "lenet", 1, "nothing", 1, &kinds), -1);
    if (!strstr(fv_ctx_error(ctx), "called 'nothing'"))
        fail_msg("%s", fv_ctx_error(ctx));

    fv_ctx_destroy(&ctx);
}

/* ---- exact results ---- */

/* Small whole numbers, so that the reference loops are exact too. */
static void whole_numbers(const fv_node *node, void *const *in)
{
    for (int i = 0; i < node->n_in; i++)
        for (int64_t k = 0; node->in[i] && k < fv_shape_count(&node->in[i]->shape); k++)
            fv_dtype_set(node->in[i]->dtype, in[i], k, (double)((k * 7 + i * 3 + k / 11) % 9 - 4));
}

static void test_exact(void **state)
{
    static const char *const texts[] = {
        "conv2d f32 n2h9w8c6 k8r3s2c3:const k8:const pad=2,0,1,1 dilation=2,1 groups=2",
        "conv2d f32 n2h6w6c8 k16r3s3c8:const - n2h6w6c16 pad=1 activation=relu6",
        "conv2d f16 n2h9w8c6 k8r3s2c3:const k8:const n2h8w8c8 pad=2,0,1,1 dilation=2,1 groups=2",
        "conv2d f32 n1h9w7c4 k4r5s3c1:const stride=2,3 pad=2,1 groups=4",
        "conv2d_bwd_data f32 n2p4q4k8 k8r2s2c8 stride=3 size=11",
        "conv2d_bwd_data f32 n2p9q9k8 k8r3s2c3 pad=2,1,2,1 dilation=2,1 groups=2 size=9,8",
        "conv2d_bwd_weights f32 n2p9q9k8 n2h9w8c6 pad=2,1,2,1 dilation=2,1 groups=2 size=3,2",
        "conv2d_bwd_weights f32 n4p3q6k5 n4h7w11c3 stride=3,2 pad=2,1 size=5,3",
        "dense f32 n5i7 o3i7:const o3 activation=relu",
        "dense_bwd_data f32 n5o3 o3i7",
        "dense_bwd_weights f32 n4o3 n4i7",
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fv_graph *graph = NULL;
        fv_node *node = NULL;
        fv_scene scene;
        fv_exact exact;
        if (fv_problem_parse(ctx, texts[i], &graph, &node) != FV_OK)
            fail_msg("%s: %s", texts[i], fv_ctx_error(ctx));
        assert_int_equal(fv_scene_make(ctx, node, &scene), FV_OK);
        whole_numbers(node, scene.in);
        node->op->ref(&(fv_call){.node = node, .in = scene.in, .out = scene.out});
        for (int part = 0; part < 2; part++) { /* all, and some */
            assert_int_equal(fv_exact_make(ctx, node, scene.in, part ? 1.0 : 1e9, &exact), FV_OK);
            assert_true(part ? exact.count <= 64 : exact.count == exact.results);
            const fv_dtype dtype = node->out[0]->dtype;
            const int64_t middle = exact.at[exact.count / 2];
            const double error = fv_exact_error(&exact, dtype, scene.out[0]);
            if (error != 0.0)
                fail_msg("%s: %g apart", texts[i], error);
            fv_dtype_set(dtype, scene.out[0], middle, fv_dtype_get(dtype, scene.out[0], middle) + 0.5);
            assert_true(fv_exact_error(&exact, dtype, scene.out[0]) == 0.5);
            fv_dtype_set(dtype, scene.out[0], middle, NAN);
            assert_true(isinf(fv_exact_error(&exact, dtype, scene.out[0])));
            fv_exact_free(&exact);
            node->op->ref(&(fv_call){.node = node, .in = scene.in, .out = scene.out});
        }
        fv_scene_free(&scene);
        fv_graph_destroy(&graph);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- running ---- */

static const fv_bench_row *row_of(const fv_bench_rows *rows, const char *algorithm)
{
    for (int i = 0; i < rows->count; i++)
        if (strcmp(rows->row[i].algorithm, algorithm) == 0)
            return &rows->row[i];
    fail_msg("no row '%s'", algorithm);
    return NULL;
}

static void check_rows(const char *text, const fv_bench_rows *rows)
{
    int chosen = 0, computed = 0;
    for (int i = 0; i < rows->count; i++) {
        const fv_bench_row *r = &rows->row[i];
        chosen += r->chosen;
        computed += !r->refused[0];
        if (r->refused[0]) {
            assert_true(r->runs == 0 && r->ms == 0 && r->max_error == 0 && !r->chosen);
            continue;
        }
        assert_true(r->runs == 1 && r->ms > 0 && r->best_ms > 0);
        if (!(r->bound > 0 && r->max_error <= r->bound))
            fail_msg("%s by %s: error %g, bound %g", text, r->solver, r->max_error, r->bound);
    }
    assert_int_equal(chosen, 1);
    assert_true(computed > 0);
}

static void test_rows(void **state)
{
    static const char *const texts[] = {"n2h14w14c32 k48r3s3 p1", "n1h9w9c24 k24r3s3 p1 u2 g24", "n3h7w7c40 k24r1s1",
                                        "n1h20w20c3 k16r7s7 p3 u2 activation=relu",
                                        "dense f32 n3i200 o70i200:const o70:const activation=relu"};
    static fv_bench_rows rows;
    const fv_bench_options options = {.seconds = 0};
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_bench *b = bench_of(ctx);
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(fv_bench_add_conv(b, texts[i], ALL), FV_OK);
    for (int i = 0; i < fv_bench_count(b); i++) {
        const char *text = fv_bench_problem_at(b, i)->text;
        if (fv_bench_run(ctx, text, &options, &rows) != FV_OK)
            fail_msg("%s: %s", text, fv_ctx_error(ctx));
        check_rows(text, &rows);
        assert_true(rows.compared > 0 && rows.compared <= rows.results);
        if (i == 0) {
            assert_string_equal(row_of(&rows, "gemm")->refused, "not 1x1 with stride 1 and no padding");
            assert_false(row_of(&rows, "winograd_4")->packs_each);
            assert_true(row_of(&rows, "winograd_4")->max_error > row_of(&rows, "winograd_2")->max_error);
            assert_int_equal(row_of(&rows, "winograd_6")->packed_bytes / row_of(&rows, "winograd_4")->packed_bytes, 1);
            assert_true(row_of(&rows, "im2col")->workspace_bytes >= 2 * 14 * 14 * 32 * 9 * (int64_t)sizeof(float) / 2);
        } else if (i == 1) {
            assert_true(row_of(&rows, "winograd_4")->packs_each); /* weights change between gradients */
        }
    }
    fv_bench_destroy(&b);
    fv_ctx_destroy(&ctx);
}

/* The same convolutions, stored as halves; nothing else is. */
static void test_halves(void **state)
{
    static fv_bench_rows rows;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_bench *b = bench_of(ctx);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_bench_add_conv(b, "n2h14c32 k48r3 p1 activation=relu", 1), FV_OK);
    assert_int_equal(fv_bench_store(b, FV_F64), FV_ERR_VALUE);
    assert_int_equal(fv_bench_store(b, FV_F16), FV_OK);
    assert_int_equal(fv_bench_add_conv(b, "n2h14c32 k48r3 p1 activation=relu", 1), FV_OK);
    assert_int_equal(fv_bench_add_conv(b, "n2h14c32 k48r3 p1", ALL), FV_ERR_UNSUPPORTED);
    assert_int_equal(fv_bench_add_gemm(b, 3, 7, 5, 1), FV_ERR_UNSUPPORTED);
    const fv_bench_problem *wide = fv_bench_problem_at(b, 0), *half = fv_bench_problem_at(b, 1);
    assert_string_equal(half->text, "conv2d f16 n2h14w14c32 k48r3s3c32:const activation=relu pad=1");
    assert_string_equal(half->shape, wide->shape);
    assert_true(half->macs == wide->macs && 2 * half->bytes == wide->bytes);
    assert_int_equal(fv_bench_run(ctx, half->text, &(fv_bench_options){.seconds = 0}, &rows), FV_OK);
    check_rows(half->text, &rows);
    assert_true(row_of(&rows, "igemm")->max_error > 1e-4 && row_of(&rows, "winograd_4")->eligible);
    assert_false(row_of(&rows, "winograd_6")->eligible);
    /* Of a network its convolutions. */
    const int before = fv_bench_count(b);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_bench_add_model(b, m, 1, NULL, 1), FV_OK);
    assert_int_equal(fv_bench_count(b), before + 2);
    fv_model_destroy(&m);
    fv_bench_destroy(&b);
    fv_ctx_destroy(&ctx);
}

static void test_asked_for(void **state)
{
    static fv_bench_rows rows;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *text = "conv2d f32 n1h14w14c32 k48r3s3c32:const pad=1";
    (void)state;
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.algorithms = "im2col,winograd_2"}, &rows), FV_OK);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.row[0].solver, "cpu.conv2d.im2col");
    assert_string_equal(rows.row[1].solver, "cpu.conv2d.winograd_2");
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.algorithms = "igemm,wino"}, &rows), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "'wino'"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "im2col"));
    /* The operators' loops where they are asked for. */
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.algorithms = "reference"}, &rows), FV_OK);
    assert_int_equal(rows.count, 1);
    assert_true(rows.row[0].max_error > 0 && rows.row[0].max_error <= rows.row[0].bound);
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.no_error = true}, &rows), FV_OK);
    assert_true(rows.compared == 0 && rows.row[1].runs == 1 && rows.row[1].max_error == 0);
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.processor_time = true}, &rows), FV_OK);
    assert_true(rows.row[1].runs == 1 && rows.row[1].ms > 0);
    fv_ctx *two = fv_test_ctx(2, NULL, NULL);
    assert_int_equal(fv_bench_run(two, text, &(fv_bench_options){.processor_time = true}, &rows), FV_ERR_CONFLICT);
    fv_ctx_destroy(&two);
    assert_int_equal(fv_bench_run(ctx, "relu f32 8x8", NULL, &rows), FV_ERR_VALUE);
    fv_ctx_destroy(&ctx);
}

static void test_memory(void **state)
{
    static fv_bench_rows rows;
    fv_ctx *ctx = NULL;
    int64_t before, peak;
    (void)state;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1, .memory = 2 << 20}, &ctx), FV_OK);
    fv_ctx_memory(ctx, &before, NULL);
    /* Operands of terabytes: nothing of them is allocated. */
    assert_int_equal(fv_bench_run(ctx, "conv2d f32 n64h20000w20000c64 k64r3s3c64:const", NULL, &rows),
                     FV_ERR_OVER_BUDGET);
    fv_ctx_memory(ctx, NULL, &peak);
    assert_in_range(peak - before, 0, 1 << 20);
    /* Patches of 3.5 MiB: the others go on without it. */
    const char *text = "conv2d f32 n1h56w56c32 k16r3s3c32:const pad=1";
    assert_int_equal(fv_bench_run(ctx, text, &(fv_bench_options){.no_error = true}, &rows), FV_OK);
    assert_non_null(strstr(row_of(&rows, "im2col")->refused, "MiB are left of the memory"));
    assert_string_equal(row_of(&rows, "igemm")->refused, "");
    fv_ctx_destroy(&ctx);
}

static fv_status bench_everything(fv_ctx *ctx, void *arg)
{
    fv_bench *b = NULL;
    static fv_bench_rows rows;
    (void)arg;
    FV_TRY(fv_bench_create(ctx, &b));
    fv_status status = fv_bench_add_conv(b, "n1h6w6c4 k4r3 p1", ALL);
    if (status == FV_OK)
        status = fv_bench_store(b, FV_F16);
    if (status == FV_OK)
        status = fv_bench_add_conv(b, "n1h6w6c4 k4r3 p1", 1);
    for (int i = 0; status == FV_OK && i < fv_bench_count(b); i++)
        status = fv_bench_run(ctx, fv_bench_problem_at(b, i)->text, &(fv_bench_options){.seconds = 0}, &rows);
    fv_bench_destroy(&b);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_in_range(fv_test_each_allocation(bench_everything, NULL), 20, 2000);
}

static void test_network(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_bench_network *network = NULL;
    fv_bench_figures f;
    fv_bench_layer layer;
    int layers = 0;
    double flops = 0;
    (void)state;
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_bench_network_create(m, 0, false, &network), FV_ERR_ARGUMENT);
    assert_int_equal(fv_bench_network_create(m, 2, true, &network), FV_OK);
    for (int i = 0; i < 7; i++)
        assert_int_equal(fv_bench_network_run(network, 0), FV_OK);
    fv_bench_network_figures(network, &f);
    assert_int_equal(f.runs, 7);
    assert_true(0 < f.best_ms && f.best_ms <= f.p50_ms && f.p50_ms <= f.p90_ms && f.p90_ms <= f.p99_ms);
    assert_int_equal(f.weight_bytes, 61706 * (int64_t)sizeof(float));
    /* Weights twice, as most of them are packed; and a batch of pixels. */
    assert_true(f.planned_bytes > 3 * f.weight_bytes / 2 && f.planned_bytes <= f.peak_bytes);
    for (; fv_bench_network_layer(network, layers, &layer); layers++) {
        flops += layer.flops;
        assert_true(layer.name[0] && layer.op[0] && layer.solver[0] && layer.ms > 0);
    }
    assert_true(layers >= 5 && flops > 2 * 2 * 416520.0);
    fv_bench_network_destroy(&network);
    assert_int_equal(fv_bench_network_create(m, 1, false, &network), FV_OK);
    assert_false(fv_bench_network_layer(network, 0, &layer));
    fv_bench_network_destroy(&network);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_roof(void **state)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    double gflops = 0;
    (void)state;
    assert_int_equal(fv_machine_roof(ctx, &gflops), FV_OK);
    assert_true(gflops > 0.001 && gflops < 1e6);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),     cmocka_unit_test(test_directions), cmocka_unit_test(test_models),
        cmocka_unit_test(test_exact),     cmocka_unit_test(test_rows),       cmocka_unit_test(test_halves),
        cmocka_unit_test(test_asked_for), cmocka_unit_test(test_memory),     cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_roof),      cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
