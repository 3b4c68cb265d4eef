/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of everything but products against the operators' references on random shapes. Results have the same bits on
   every instruction set and with one and several threads; those that are stated chains also have the reference's. */
#include "op_check.h"

static fv_shape channels_of(fv_shape s)
{
    return (fv_shape){1, {s.dim[s.rank - 1]}};
}

/* ---- tests ---- */

static void test_activations(void **state)
{
    (void)state;
    static const char *const names[] = {"relu",         "relu6",      "leaky_relu", "sigmoid", "tanh",
                                        "hard_sigmoid", "hard_swish", "silu",       "gelu",    "erf"};
    fv_act_attr attr = {.alpha = 0.2, .approximate = 1};
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            fv_shape s = image();
            const bool set = strcmp(names[i], "leaky_relu") == 0 || strcmp(names[i], "gelu") == 0;
            const void *a = set && (names[i][0] != 'g' || pick(0, 1)) ? &attr : NULL;
            op_case x = {.op = names[i], .attr = a, .shape = {s}, .n_in = 1, .tolerance = 4e-7};
            check_case(&x, NULL);
            if (strcmp(names[i], "erf") == 0)
                continue;
            char name[40];
            snprintf(name, sizeof name, "%s_bwd", names[i]);
            op_case y = {.op = name, .attr = a, .shape = {s, s}, .n_in = 2, .tolerance = 1e-6};
            check_case(&y, NULL);
        }
}

static void test_elementwise(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        fv_shape s = image(), c = channels_of(s), one = {1, {1}}, pooled = {4, {s.dim[0], 1, 1, s.dim[3]}};
        fv_eltwise_attr add = {.activation = (int32_t)pick(0, 2)};
        check_case(&(op_case){.op = "add", .attr = &add, .shape = {s, s}, .n_in = 2}, NULL);
        fv_shape b = pick(0, 1) ? s : pick(0, 1) ? pooled : (fv_shape){2, {s.dim[0], s.dim[3]}};
        check_case(&(op_case){.op = "mul", .shape = {s, b}, .n_in = 2}, NULL);
        check_case(&(op_case){.op = "mul_reduce", .shape = {s, s}, .n_in = 2}, NULL);
        fv_shape slopes = pick(0, 1) ? c : one;
        check_case(&(op_case){.op = "prelu", .shape = {s, slopes}, .n_in = 2}, NULL);
        check_case(&(op_case){.op = "prelu_bwd", .shape = {s, s, slopes}, .n_in = 3}, NULL);
        fv_dropout_attr drop = {.rate = round % 3 ? 0.3 : 0.0, .stream = pick(0, 5)};
        check_case(&(op_case){.op = "dropout", .attr = &drop, .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "dropout_bwd", .attr = &drop, .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "stochastic_depth", .attr = &drop, .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "stochastic_depth_bwd", .attr = &drop, .shape = {s}, .n_in = 1}, NULL);
        fv_lrn_attr lrn = {.size = pick(1, 9), .alpha = 0.5, .beta = pick(0, 1) ? 0.75 : 0.6, .k = 1.5};
        check_case(&(op_case){.op = "lrn", .attr = &lrn, .shape = {s}, .n_in = 1, .tolerance = 1e-6}, NULL);
        check_case(&(op_case){.op = "prelu_bwd_partial", .shape = {s, s, slopes}, .n_in = 3}, NULL);
        check_case(&(op_case){.op = "channel_sum", .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "channel_sum_partial", .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "all_reduce", .shape = {s}, .n_in = 1}, NULL);
        op_case sum = {.op = "round_sum", .shape = {c, s}, .dtype = {FV_F64}, .n_in = (int)pick(1, 2)};
        check_case(&sum, NULL);
    }
}

/* dst must be the forward's result. */
static void make_lrn(const fv_node *node, memory *m)
{
    const fv_call call = {.node = node, .in = (void *const *)&m->in[1], .out = (void *const *)&m->in[2]};
    fv_op_find(contexts[0], "lrn")->ref(&call);
}

static void test_lrn_gradient(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        fv_shape s = image();
        fv_lrn_attr lrn = {.size = pick(1, 9), .alpha = 0.5, .beta = pick(0, 1) ? 0.75 : 0.6, .k = 1.5};
        op_case x = {.op = "lrn_bwd", .attr = &lrn, .shape = {s, s, s}, .n_in = 3, .tolerance = 4e-6};
        check_case(&x, make_lrn);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        fv_shape s = image(), t = s, u = s;
        t.dim[3] = pick(1, 30);
        check_case(&(op_case){.op = "concat", .shape = {s, t, s}, .n_in = 3}, NULL);
        fv_slice_attr slice = {.axis = -1, .begin = pick(0, s.dim[3] - 1)};
        slice.count = pick(1, s.dim[3] - slice.begin);
        check_case(&(op_case){.op = "slice", .attr = &slice, .shape = {s}, .n_in = 1}, NULL);
        fv_slice_attr back = {.axis = -1, .begin = pick(0, 5), .channels = s.dim[3] + 9};
        check_case(&(op_case){.op = "slice_bwd", .attr = &back, .shape = {s}, .n_in = 1}, NULL);
        bool deep = pick(0, 1);
        fv_pad_attr pad = {.pad = {pick(0, 2), pick(0, 2), pick(0, 2), pick(0, 2)},
                           .channels = {deep ? pick(0, 3) : 0, deep ? pick(0, 3) : 0},
                           .value = pick(0, 1) ? 0.0 : 1.5};
        check_case(&(op_case){.op = "pad", .attr = &pad, .shape = {s}, .n_in = 1}, NULL);
        for (int i = 1; i < 4; i++)
            u.dim[i] += 7;
        pad.value = 0.0;
        check_case(&(op_case){.op = "crop", .attr = &pad, .shape = {u}, .n_in = 1}, NULL);
        fv_groups_attr groups = {.groups = pick(1, 5)};
        t.dim[3] *= groups.groups;
        check_case(&(op_case){.op = "channel_shuffle", .attr = &groups, .shape = {t}, .n_in = 1}, NULL);
        /* The same of bytes. */
        const fv_dtype dtype = pick(0, 1) ? FV_U8 : FV_I8;
        op_case x = {.op = "concat", .shape = {s, t, s}, .dtype = {dtype, dtype, dtype}, .n_in = 3, .below = 128};
        check_case(&x, NULL);
        x = (op_case){.op = "slice", .attr = &slice, .shape = {s}, .dtype = {dtype}, .n_in = 1, .below = 128};
        check_case(&x, NULL);
        x = (op_case){
            .op = "channel_shuffle", .attr = &groups, .shape = {t}, .dtype = {dtype}, .n_in = 1, .below = 128};
        check_case(&x, NULL);
        fv_upsample_attr up = {.scale = {pick(1, 3), pick(1, 3)}, .mode = (int32_t)pick(0, 1)};
        x = (op_case){.op = "upsample2d", .attr = &up, .shape = {s}, .n_in = 1, .tolerance = 1e-6};
        check_case(&x, NULL);
        s.dim[1] *= up.scale[0];
        s.dim[2] *= up.scale[1];
        x = (op_case){.op = "upsample2d_bwd", .attr = &up, .shape = {s}, .n_in = 1, .tolerance = 2e-6};
        check_case(&x, NULL);
    }
}

/* arg must name taps that exist: those that win for some random src. */
static void make_arg(const fv_node *node, memory *m)
{
    fv_ctx *ctx = contexts[0];
    fv_graph *graph;
    fv_val *src;
    fv_node *train;
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &graph), FV_OK);
    assert_int_equal(fv_graph_input(graph, "src", FV_F32, &node->out[0]->shape, &src), FV_OK);
    fv_pool2d_attr attr = *(const fv_pool2d_attr *)node->attr;
    attr.activation = 0;
    assert_int_equal(fv_graph_add(graph, fv_op_find(ctx, "max_pool2d_train"), "n", &attr, &src, 1, &train), FV_OK);
    memory t;
    memory_make(&t, train);
    fill(src, t.in[0], 1);
    const fv_call call = {.node = train, .in = (void *const *)t.in, .out = (void *const *)t.out};
    train->op->ref(&call);
    memcpy(m->in[1], t.out[1], val_bytes(train->out[1]));
    memory_free(&t);
    fv_graph_destroy(&graph);
}

static void test_pools(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape s = image(), dst = s, one = {4, {s.dim[0], 1, 1, s.dim[3]}};
        fv_pool2d_attr a = {.ceil = pick(0, 1), .count_include_pad = pick(0, 1), .src_size = {s.dim[1], s.dim[2]}};
        for (int i = 0; i < 2; i++) {
            a.size[i] = pick(1, 3);
            a.pad[i] = pick(0, a.size[i] - 1);
            a.pad[i + 2] = pick(0, a.size[i] - 1);
            if (s.dim[i + 1] + a.pad[i] + a.pad[i + 2] < a.size[i])
                a.size[i] = 1, a.pad[i] = a.pad[i + 2] = 0;
            a.stride[i] = pick(0, 3);
            int64_t stride = a.stride[i] ? a.stride[i] : a.size[i];
            int64_t room = s.dim[i + 1] + a.pad[i] + a.pad[i + 2] - a.size[i];
            dst.dim[i + 1] = room / stride + 1;
            if (a.ceil && room % stride != 0 && dst.dim[i + 1] * stride < s.dim[i + 1] + a.pad[i])
                dst.dim[i + 1]++;
        }
        check_case(&(op_case){.op = "avg_pool2d", .attr = &a, .shape = {s}, .n_in = 1, .tolerance = 0}, NULL);
        check_case(&(op_case){.op = "avg_pool2d_bwd", .attr = &a, .shape = {dst}, .n_in = 1}, NULL);
        op_case bwd = {.op = "max_pool2d_bwd", .attr = &a, .shape = {dst, dst}, .dtype = {FV_F32, FV_U8}, .n_in = 2};
        bwd.below = 1;
        check_case(&bwd, make_arg);
        a.activation = (int32_t)pick(0, 2);
        check_case(&(op_case){.op = "max_pool2d", .attr = &a, .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "max_pool2d_train", .attr = &a, .shape = {s}, .n_in = 1}, NULL);
        fv_adaptive_pool_attr ad = {.output = {pick(1, 7), pick(1, 7)}, .src_size = {s.dim[1], s.dim[2]}};
        check_case(&(op_case){.op = "adaptive_avg_pool2d", .attr = &ad, .shape = {s}, .n_in = 1}, NULL);
        fv_shape small = {4, {s.dim[0], ad.output[0], ad.output[1], s.dim[3]}};
        check_case(&(op_case){.op = "adaptive_avg_pool2d_bwd", .attr = &ad, .shape = {small}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "global_avg_pool", .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "global_avg_pool_bwd", .attr = &ad, .shape = {one}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "global_max_pool", .shape = {s}, .n_in = 1}, NULL);
        check_case(&(op_case){.op = "global_max_pool_bwd", .shape = {one, s, one}, .n_in = 3}, NULL);
    }
}

/* Both halves of batch norm in training and of its gradient. */
static void check_norm_halves(fv_shape s, const fv_batch_norm_attr *a)
{
    fv_shape c = channels_of(s), sums = {2, {2, c.dim[0]}};
    int masked = a->activation != 0;
    const op_case halves[] = {
        {.op = "batch_norm_train_partial", .shape = {s}, .n_in = 1},
        {"batch_norm_train_finish", a, {s, c, c, c, c, sums}, {[5] = FV_F64}, 6, 0, 1e-6},
        {"batch_norm_bwd_partial", a, {s, s, c, s}, {FV_F32}, 3 + masked, 0, 1e-5},
        {"batch_norm_bwd_finish", a, {s, s, c, c, c, sums, s}, {[5] = FV_F64}, 6 + masked, 0, 1e-5},
        {.op = "batch_norm_rstd", .attr = a, .shape = {c}, .n_in = 1}};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
        check_case(&halves[i], NULL);
}

static void test_norm(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape s = pick(0, 3) ? image() : (fv_shape){2, {pick(2, 40), pick(1, 90)}};
        if (s.dim[0] == 1)
            s.dim[0] = 2;
        fv_shape c = channels_of(s);
        fv_batch_norm_attr a = {.activation = (int32_t)pick(0, 2), .eps = 1e-3, .momentum = 0.1};
        op_case x = {.op = "batch_norm", .attr = &a, .shape = {s, c, c, c, c}, .n_in = 5};
        check_case(&x, NULL);
        x.op = "batch_norm_train";
        x.tolerance = 1e-6;
        check_case(&x, NULL);
        op_case y = {.op = "batch_norm_bwd", .attr = &a, .shape = {s, s, c, c, c, s}, .n_in = 6, .tolerance = 1e-5};
        if (a.activation == 0)
            y.n_in = 5;
        check_case(&y, NULL);
        a.frozen = true;
        check_case(&y, NULL);
        check_norm_halves(s, &a);
        fv_shape wei = {4, {pick(1, 40), pick(1, 3), pick(1, 3), pick(1, 40)}}, k = {1, {wei.dim[0]}}, none = {0, {0}};
        fv_batch_norm_attr f = {.eps = 1e-3};
        op_case z = {.op = "bn_fold", .attr = &f, .shape = {wei, pick(0, 1) ? k : none, k, k, k, k}, .n_in = 6};
        check_case(&z, NULL);
    }
}

static void test_layer_norm(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const fv_shape s = pick(0, 3) ? image() : (fv_shape){2, {pick(1, 40), pick(2, 90)}}, none = {0, {0}};
        const fv_shape scale = pick(0, 2) ? channels_of(s) : none, shift = pick(0, 2) ? channels_of(s) : none;
        const fv_layer_norm_attr a = {.eps = 1e-2};
        op_case x = {.op = "layer_norm", .attr = &a, .shape = {s, scale, shift}, .n_in = 3, .tolerance = 2e-6};
        check_case(&x, NULL);
        x = (op_case){"layer_norm_bwd", &a, {s, s, scale}, {FV_F32}, 3, 0, 1e-5};
        if (s.dim[s.rank - 1] >= 16) /* of fewer channels the reference computes it */
            check_case(&x, NULL);
        x = (op_case){"layer_norm_bwd_scale", &a, {s, s}, {FV_F32}, 2, 0, 1e-5};
        check_case(&x, NULL);
        x.op = "layer_norm_bwd_scale_partial";
        check_case(&x, NULL);
    }
}

static void test_softmax_and_losses(void **state)
{
    (void)state;
    static const char *const pairs[] = {"mse", "mae", "huber", "sigmoid_bce"};
    for (int round = 0; round < ROUNDS; round++) {
        fv_shape s = {2, {pick(1, pick(0, 4) ? 20 : 300), pick(1, pick(0, 4) ? 40 : 300)}}, n = {1, {s.dim[0]}};
        fv_shape one = {1, {1}};
        check_case(&(op_case){.op = "softmax", .shape = {s}, .n_in = 1, .tolerance = 1e-6}, NULL);
        check_case(&(op_case){.op = "log_softmax", .shape = {s}, .n_in = 1, .tolerance = 1e-6}, NULL);
        check_case(&(op_case){.op = "softmax_bwd", .shape = {s, s}, .n_in = 2, .tolerance = 1e-5}, NULL);
        check_case(&(op_case){.op = "log_softmax_bwd", .shape = {s, s}, .n_in = 2, .tolerance = 2e-5}, NULL);
        fv_loss_attr a = {.smoothing = pick(0, 1) ? 0.1 : 0.0, .delta = 0.5};
        bool labels = pick(0, 1);
        fv_shape target = labels ? n : s;
        fv_dtype type = labels ? FV_I32 : FV_F32;
        op_case x = {.op = "softmax_cross_entropy", .attr = &a, .shape = {s, target}, .dtype = {FV_F32, type}};
        x.n_in = 2;
        x.below = s.dim[1];
        x.tolerance = 1e-5;
        check_case(&x, NULL);
        x = (op_case){.op = "softmax_cross_entropy_bwd", .attr = &a, .shape = {one, s, target}, .n_in = 3};
        x.dtype[2] = type;
        x.below = s.dim[1];
        x.tolerance = 2e-6;
        check_case(&x, NULL);
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
            fv_shape p = pick(0, 1) ? s : image();
            const void *attr = strcmp(pairs[i], "huber") == 0 ? &a : NULL;
            char name[40];
            check_case(&(op_case){.op = pairs[i], .attr = attr, .shape = {p, p}, .n_in = 2, .tolerance = 1e-6}, NULL);
            snprintf(name, sizeof name, "%s_bwd", pairs[i]);
            check_case(&(op_case){.op = name, .attr = attr, .shape = {one, p, p}, .n_in = 3, .tolerance = 1e-6}, NULL);
        }
    }
}

/* Depthwise shapes that the general convolution tests reach too seldom. */
static void test_depthwise(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape s = image(), dst = s;
        int64_t mul = pick(0, 4) ? 1 : 2, c = s.dim[3];
        fv_conv2d_attr a = {.groups = c, .activation = (int32_t)pick(0, 2)};
        int64_t size[2];
        for (int i = 0; i < 2; i++) {
            static const int64_t sizes[] = {3, 3, 5, 1, 2};
            size[i] = sizes[pick(0, 4)];
            a.stride[i] = pick(1, 2);
            a.dilation[i] = pick(0, 3) ? 1 : 2;
            int64_t reach = (size[i] - 1) * a.dilation[i];
            a.pad[i] = pick(0, reach);
            a.pad[i + 2] = reach - a.pad[i];
            dst.dim[i + 1] = (s.dim[i + 1] - 1) / a.stride[i] + 1;
        }
        dst.dim[3] = c * mul;
        fv_shape wei = {4, {c * mul, size[0], size[1], 1}}, bia = {1, {c * mul}}, none = {0, {0}};
        op_case x = {.op = "conv2d", .attr = &a, .shape = {s, wei, pick(0, 1) ? bia : none}, .n_in = 4};
        x.shape[3] = pick(0, 2) ? none : dst;
        check_case(&x, NULL);
        a.activation = 0;
        a.size[0] = s.dim[1];
        a.size[1] = s.dim[2];
        check_case(&(op_case){.op = "conv2d_bwd_data", .attr = &a, .shape = {dst, wei}, .n_in = 2}, NULL);
        a.size[0] = size[0];
        a.size[1] = size[1];
        check_case(&(op_case){.op = "conv2d_bwd_weights", .attr = &a, .shape = {dst, s}, .n_in = 2}, NULL);
    }
}

static bool is_mine(const fv_solver *solver)
{
    bool product = strncmp(solver->op, "conv", 4) == 0 || strncmp(solver->op, "dense", 5) == 0;
    bool integers = strncmp(solver->op, "q_", 2) == 0 || strncmp(solver->op, "quantize", 8) == 0 ||
                    strcmp(solver->op, "lookup") == 0 || /* test_q_solvers.c */
                    strncmp(solver->op, "qat_", 4) == 0; /* test_qat_solvers.c */
    return !is_update(solver) && !integers && (!product || strstr(solver->name, "depthwise"));
}

/* Repeated operands, transposed and gathered arrays, sums over axes; blocks, tails and single elements. */
static void test_arrays(void **state)
{
    (void)state;
    static const char *const binaries[] = {"add", "sub", "mul", "div", "max", "min"};
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t n = pick(1, 9), h = pick(1, 9), w = pick(1, 9), c = pick(1, 140);
        const fv_shape whole = {4, {n, h, w, c}}, row = {1, {c}}, column = {4, {1, h, 1, 1}}, one = {1, {1}};
        const fv_shape others[] = {row, column, one};
        for (size_t k = 0; k < sizeof binaries / sizeof *binaries; k++) {
            const fv_eltwise_attr add = {.activation = k == 0 ? (int32_t)pick(0, 2) : 0};
            for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                op_case x = {.op = binaries[k], .attr = k == 0 ? &add : NULL, .shape = {whole, others[i]}, .n_in = 2};
                check_case(&x, NULL);
                x.shape[0] = others[i];
                x.shape[1] = whole;
                check_case(&x, NULL);
            }
        }
        fv_dims_attr perm = {.dims = {4, {0, 3, 1, 2}}};
        check_case(&(op_case){.op = "transpose", .attr = &perm, .shape = {whole}, .n_in = 1}, NULL);
        perm.dims = (fv_ints){0};
        check_case(&(op_case){.op = "transpose", .attr = &perm, .shape = {whole}, .n_in = 1}, NULL);
        const fv_axis_attr axis = {.axis = 1};
        check_case(&(op_case){.op = "gather",
                              .attr = &axis,
                              .shape = {whole, {1, {5}}},
                              .dtype = {FV_F32, FV_I32},
                              .n_in = 2,
                              .below = h},
                   NULL);
        static const fv_ints axes[] = {{1, {0}}, {2, {1, 2}}, {1, {-1}}, {0}, {2, {0, 3}}};
        for (size_t k = 0; k < sizeof axes / sizeof *axes; k++) {
            const fv_reduce_attr reduce = {.axes = axes[k], .keepdims = round % 2};
            check_case(&(op_case){.op = "reduce_sum", .attr = &reduce, .shape = {whole}, .n_in = 1}, NULL);
            check_case(&(op_case){.op = "reduce_mean", .attr = &reduce, .shape = {whole}, .n_in = 1}, NULL);
        }
    }
}

static void test_all_compared(void **state)
{
    (void)state;
    check_all_compared(is_mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),  cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_lrn_gradient), cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pools),        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_layer_norm),   cmocka_unit_test(test_softmax_and_losses),
        cmocka_unit_test(test_depthwise),    cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_all_compared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
