/* SPDX-License-Identifier: Apache-2.0 */
/* Every gradient against central differences in float64, along random directions, batch sums by 1 to 8 shards. */
#include "op_run.h"

/* Operands of a row: dimensions; a leading 0: absent. */
typedef struct gradient_case {
    const char *op, *attr;
    int64_t in[6][6]; /* each ends with 0 */
    double spread;    /* of the operands; 0: 1 */
    fv_dtype target;  /* of operand 1 of a loss: F32 or I32 */
} gradient_case;

static const gradient_case cases[] = {
    {"conv2d", "", .in = {{2, 5, 6, 3}, {4, 3, 3, 3}}},
    {"conv2d", "pad=1 activation=relu", .in = {{2, 5, 6, 3}, {4, 3, 3, 3}, {4}}},
    {"conv2d", "stride=2,1 pad=1,0,0,2 dilation=1,2 groups=2 activation=relu6",
     .in = {{4, 7, 6, 4}, {6, 3, 2, 2}, {6}, {4, 3, 6, 6}}, 2},
    {"conv2d", "groups=4 stride=2 pad=1", .in = {{2, 6, 5, 4}, {8, 3, 3, 1}, {8}}},
    {"conv_transpose2d", "", .in = {{2, 3, 4, 3}, {3, 3, 3, 2}, {2}}},
    {"conv_transpose2d", "stride=2,3 pad=1,0,1,0 output_pad=1,2 dilation=2,1 groups=2",
     .in = {{2, 3, 4, 4}, {4, 3, 2, 3}, {6}}},
    {"dense", "activation=relu", .in = {{4, 7}, {5, 7}, {5}, {4, 5}}},
    {"dense", "", .in = {{3, 7}, {5, 7}}},
    {"flatten", "", .in = {{2, 3, 2, 4}}},
    {"reshape", "dims=4,-1", .in = {{2, 3, 2, 4}}},
    {"max_pool2d", "size=3 stride=2 pad=1", .in = {{2, 7, 6, 3}}},
    {"max_pool2d", "size=3,2 stride=2,3 ceil=true activation=relu", .in = {{2, 6, 7, 2}}},
    {"avg_pool2d", "size=3 stride=2 pad=1 ceil=true", .in = {{2, 6, 7, 3}}},
    {"avg_pool2d", "size=3,2 stride=1 pad=1,0,2,1 count_include_pad=false", .in = {{2, 6, 7, 3}}},
    {"adaptive_avg_pool2d", "output=3,5", .in = {{2, 7, 4, 3}}},
    {"global_avg_pool", "", .in = {{2, 3, 4, 5}}},
    {"global_max_pool", "", .in = {{2, 3, 4, 5}}},
    {"batch_norm", "", .in = {{8, 3, 2, 3}, {3}, {3}, {3}, {3}}},
    {"batch_norm", "activation=relu eps=0.01", .in = {{6, 5}, {5}, {5}, {5}, {5}}},
    {"relu", "", .in = {{3, 4, 2, 2}}},
    {"relu6", "", .in = {{3, 4, 2, 2}}, .spread = 8},
    {"leaky_relu", "alpha=0.2", .in = {{3, 40}}},
    {"sigmoid", "", .in = {{3, 40}}, .spread = 4},
    {"tanh", "", .in = {{3, 40}}, .spread = 2},
    {"hard_sigmoid", "", .in = {{3, 40}}, .spread = 5},
    {"hard_swish", "", .in = {{3, 40}}, .spread = 5},
    {"silu", "", .in = {{3, 40}}, .spread = 5},
    {"erf", "", .in = {{3, 40}}, .spread = 2},
    {"gelu", "", .in = {{3, 40}}, .spread = 4},
    {"gelu", "approximate=tanh", .in = {{3, 40}}, .spread = 4},
    {"layer_norm", "", .in = {{4, 3, 2, 5}, {5}, {5}}},
    {"layer_norm", "eps=0.1", .in = {{3, 7}, {7}}},
    {"layer_norm", "", .in = {{2, 3, 6}, {0}, {6}}, .spread = 3},
    {"stochastic_depth", "rate=0.4", .in = {{8, 3, 2, 2}}},
    {"dense", "activation=relu", .in = {{4, 2, 3, 7}, {5, 7}, {5}, {4, 2, 3, 5}}},
    {"prelu", "", .in = {{4, 2, 3, 3}, {3}}},
    {"prelu", "", .in = {{4, 2, 3, 3}, {1}}},
    {"dropout", "rate=0.4", .in = {{3, 40}}},
    {"add", "activation=relu", .in = {{2, 3, 2, 3}, {2, 3, 2, 3}}},
    {"mul", "", .in = {{2, 3, 2, 3}, {2, 3, 2, 3}}},
    {"mul", "", .in = {{2, 3, 2, 3}, {2, 1, 1, 3}}},
    {"mul", "", .in = {{2, 3, 2, 3}, {2, 3}}},
    {"concat", "", .in = {{2, 3, 2, 3}, {2, 3, 2, 1}, {2, 3, 2, 4}}},
    {"slice", "begin=1 count=3", .in = {{2, 3, 2, 5}}},
    {"channel_shuffle", "groups=3", .in = {{2, 2, 2, 12}}},
    {"pad", "pad=1,2,0,1 channels=2,1 value=0.5", .in = {{2, 3, 2, 3}}},
    {"crop", "pad=1,0,0,1 channels=1,1", .in = {{2, 3, 4, 5}}},
    {"upsample2d", "scale=2,3", .in = {{2, 3, 2, 3}}},
    {"upsample2d", "scale=3,2 mode=bilinear", .in = {{2, 3, 4, 2}}},
    {"lrn", "alpha=0.5", .in = {{2, 2, 2, 7}}, .spread = 2},
    {"lrn", "size=4 alpha=0.3 beta=0.5 k=2", .in = {{2, 2, 2, 3}}, .spread = 2},
    {"softmax", "", .in = {{2, 2, 3, 5}}, .spread = 3},
    {"log_softmax", "", .in = {{4, 6}}, .spread = 3},
    {"softmax_cross_entropy", "smoothing=0.1", .in = {{8, 5}, {8}}, .spread = 3, .target = FV_I32},
    {"softmax_cross_entropy", "smoothing=0.2", .in = {{6, 5}, {6, 5}}, .spread = 3, .target = FV_F32},
    {"sigmoid_bce", "", .in = {{4, 5}, {4, 5}}, .spread = 4, .target = FV_F32},
    {"mse", "", .in = {{4, 5}, {4, 5}}, .spread = 2, .target = FV_F32},
    {"mae", "", .in = {{8, 5}, {8, 5}}, .spread = 2, .target = FV_F32},
    {"huber", "delta=0.5", .in = {{4, 5}, {4, 5}}, .spread = 2, .target = FV_F32},
};

static op_array operand_of(const gradient_case *c, int i, uint64_t *random)
{
    op_array a = {.dtype = FV_F64};
    for (int d = 0; d < 5 && c->in[i][d]; d++)
        a.shape.dim[a.shape.rank++] = c->in[i][d];
    if (a.shape.rank == 0)
        return a;
    bool labels = i == 1 && c->target == FV_I32, state = strcmp(c->op, "batch_norm") == 0 && i >= 3;
    a.data = malloc((size_t)op_count(&a.shape) * sizeof(double));
    for (int64_t j = 0; j < op_count(&a.shape); j++)
        a.data[j] = labels ? (double)(j % 5) : op_random(random) * (c->spread != 0 ? c->spread : 1.0);
    if (labels)
        a.dtype = FV_I32;
    if (state) {
        a.role = FV_ROLE_STATE;
        for (int64_t j = 0; i == 4 && j < op_count(&a.shape); j++)
            a.data[j] = 1.0;
    }
    return a;
}

/* Loss with operands moved by t along the direction. */
static double moved(op_run *run, const op_array *in, double *const *direction, double t)
{
    for (int i = 0; i < run->n_in; i++)
        for (int64_t j = 0; run->in[i] && j < op_count(&run->in[i]->shape); j++)
            fv_set(run->in[i]->dtype, run->data[run->in[i]->id], j,
                   in[i].data[j] + (direction[i] ? t * direction[i][j] : 0.0));
    op_run_nodes(run);
    return op_at(run, run->loss, 0);
}

/* Returns whether the gradient agrees along one random direction. */
static bool check_direction(op_run *run, const op_array *in, uint64_t *random, double *error)
{
    double *direction[16] = {NULL}, slope = 0.0, scale = 0.0;
    (void)moved(run, in, direction, 0.0);
    for (int i = 0; i < run->n_in; i++) {
        if (!run->d_in[i])
            continue;
        int64_t count = op_count(&run->in[i]->shape);
        direction[i] = malloc((size_t)count * sizeof(double));
        for (int64_t j = 0; j < count; j++) {
            direction[i][j] = op_random(random);
            slope += direction[i][j] * op_at(run, run->d_in[i], j);
            scale += fabs(op_at(run, run->d_in[i], j));
        }
    }
    const double h = 1e-6;
    double difference = (moved(run, in, direction, h) - moved(run, in, direction, -h)) / (2.0 * h);
    *error = fabs(difference - slope) / (scale + 1e-3);
    for (int i = 0; i < run->n_in; i++)
        free(direction[i]);
    return *error < 1e-7;
}

static void check_gradient(fv_ctx *ctx, const gradient_case *c, const void *attr, uint64_t seed)
{
    uint64_t random = seed;
    op_array in[6];
    int n_in = 0;
    for (int i = 0; i < 6; i++) {
        in[i] = operand_of(c, i, &random);
        if (in[i].shape.rank > 0)
            n_in = i + 1;
    }
    op_run run = op_run_create(ctx, c->op, attr, in, n_in, FV_F64, true);
    for (int64_t j = 0; run.target && j < op_count(&run.target->shape); j++)
        fv_set(FV_F64, run.data[run.target->id], j, op_random(&random));
    for (int i = 0; i < 4; i++) {
        double error;
        run.shards = 1 << i;
        if (!check_direction(&run, in, &random, &error))
            fail_msg("%s %s: gradient differs by %g", c->op, c->attr, error);
    }
    op_run_destroy(&run);
    for (int i = 0; i < 6; i++)
        free(in[i].data);
}

static void gradients_agree(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fv_op *op = fv_op_find(ctx, cases[i].op);
        _Alignas(16) unsigned char attr[256] = {0};
        fv_attr_defaults(op, attr);
        OP_OK(ctx, fv_attr_parse(ctx, op, attr, cases[i].attr));
        for (uint64_t seed = 1; seed <= 3; seed++)
            check_gradient(ctx, &cases[i], op->attr_size ? attr : NULL, seed * 1000 + i);
    }
    fv_ctx_destroy(&ctx);
}

static int64_t between(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)((op_random(random) + 1.0) / 2.0 * (double)(high - low + 1));
}

/* Random convolutions of all kinds: stride, dilation, uneven padding, groups, depthwise, filters larger than the input.
 */
static void random_convolutions(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    uint64_t random = 2024;
    int done = 0;
    while (done < 500) {
        fv_conv2d_attr attr = {.groups = between(&random, 1, 3)};
        for (int i = 0; i < 2; i++) {
            attr.stride[i] = between(&random, 1, 3);
            attr.dilation[i] = between(&random, 1, 2);
        }
        for (int i = 0; i < 4; i++)
            attr.pad[i] = between(&random, 0, 2);
        int64_t each = between(&random, 1, 2), filters = attr.groups * between(&random, 1, 2);
        gradient_case c = {
            "conv2d", "random",
            .in = {{between(&random, 1, 4), between(&random, 1, 6), between(&random, 1, 6), attr.groups * each},
                   {filters, between(&random, 1, 4), between(&random, 1, 4), each},
                   {filters}}};
        int64_t room[2];
        for (int i = 0; i < 2; i++)
            room[i] = c.in[0][i + 1] + attr.pad[i] + attr.pad[i + 2] - attr.dilation[i] * (c.in[1][i + 1] - 1);
        if (room[0] < 1 || room[1] < 1)
            continue;
        check_gradient(ctx, &c, &attr, (uint64_t)done);
        done++;
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree),
        cmocka_unit_test(random_convolutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
