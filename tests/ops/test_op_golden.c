/* SPDX-License-Identifier: Apache-2.0 */
/* The reference loops, forward and backward, in f32 and f64, against PyTorch's vectors (tests/golden/README.md). */
#include "golden.h"

/* How a family's cases become operators. `attr` reads a case's attributes over the operator's defaults. */
typedef struct family {
    const char *file, *op; /* op NULL: the case's name up to a known operator (activations, losses) */
    const char *in[6];     /* golden names of the operands in order */
    void (*attr)(const golden *g, const char *name, void *attr);
} family;

static void conv2d_attr(const golden *g, const char *name, void *attr)
{
    fv_conv2d_attr *a = attr;
    golden_pair(g, name, "stride", a->stride);
    golden_pair(g, name, "dilation", a->dilation);
    a->groups = (int64_t)golden_number(g, name, "groups", 1);
    static const char *const sides[] = {"pad_top", "pad_left", "pad_bottom", "pad_right"};
    for (int i = 0; i < 4; i++)
        a->pad[i] = (int64_t)golden_number(g, name, sides[i], -1);
}

/* A padding of both sides as top, left, bottom, right. */
static void even_pad(const golden *g, const char *name, int64_t pad[4])
{
    golden_pair(g, name, "pad", pad);
    pad[2] = pad[0];
    pad[3] = pad[1];
}

static void conv_transpose2d_attr(const golden *g, const char *name, void *attr)
{
    fv_conv_transpose2d_attr *a = attr;
    golden_pair(g, name, "stride", a->stride);
    golden_pair(g, name, "dilation", a->dilation);
    golden_pair(g, name, "output_padding", a->output_pad);
    even_pad(g, name, a->pad);
    a->groups = (int64_t)golden_number(g, name, "groups", 1);
}

static void pool_attr(const golden *g, const char *name, void *attr)
{
    fv_pool2d_attr *a = attr;
    if (strcmp(name, "global") == 0)
        return;
    golden_pair(g, name, "size", a->size);
    golden_pair(g, name, "stride", a->stride);
    even_pad(g, name, a->pad);
    a->ceil = golden_number(g, name, "ceil", 0) != 0;
    a->count_include_pad = golden_number(g, name, "count_include_pad", 1) != 0;
}

static void batch_norm_attr(const golden *g, const char *name, void *attr)
{
    fv_batch_norm_attr *a = attr;
    a->eps = golden_number(g, name, "eps", a->eps);
    a->momentum = golden_number(g, name, "momentum", a->momentum);
}

static void activation_attr(const golden *g, const char *name, void *attr)
{
    if (strcmp(name, "leaky_relu") == 0)
        ((fv_act_attr *)attr)->alpha = golden_number(g, name, "slope", 0);
}

static void lrn_attr(const golden *g, const char *name, void *attr)
{
    fv_lrn_attr *a = attr;
    a->size = (int64_t)golden_number(g, name, "size", 0);
    a->alpha = golden_number(g, name, "alpha", 0);
    a->beta = golden_number(g, name, "beta", 0);
    a->k = golden_number(g, name, "k", 0);
}

static void upsample_attr(const golden *g, const char *name, void *attr)
{
    fv_upsample_attr *a = attr;
    char mode[64];
    int64_t out[2];
    op_array src = golden_tensor(g, name, "src");
    golden_pair(g, name, "out", out);
    for (int i = 0; i < 2; i++)
        a->scale[i] = out[i] / src.shape.dim[i + 1];
    assert_true(golden_attribute(g, name, "mode", mode));
    a->mode = strcmp(mode, "bilinear") == 0;
    free(src.data);
}

static void loss_attr(const golden *g, const char *name, void *attr)
{
    fv_loss_attr *a = attr;
    a->smoothing = golden_number(g, name, "smoothing", a->smoothing);
    a->delta = golden_number(g, name, "delta", a->delta);
    a->temperature = golden_number(g, name, "temperature", a->temperature);
}

static const family families[] = {
    {"ops_conv2d.safetensors", "conv2d", {"src", "wei", "bia"}, conv2d_attr},
    {"ops_conv_transpose2d.safetensors", "conv_transpose2d", {"src", "wei", "bia"}, conv_transpose2d_attr},
    {"ops_max_pool2d.safetensors", "max_pool2d", {"src"}, pool_attr},
    {"ops_avg_pool2d.safetensors", "avg_pool2d", {"src"}, pool_attr},
    {"ops_batch_norm.safetensors", "batch_norm", {"src", "wei", "bia", "mean", "var"}, batch_norm_attr},
    {"ops_activation.safetensors", NULL, {"src", "wei"}, activation_attr},
    {"ops_lrn.safetensors", "lrn", {"src"}, lrn_attr},
    {"ops_upsample.safetensors", "upsample2d", {"src"}, upsample_attr},
    {"ops_loss.safetensors", NULL, {"src", "target"}, loss_attr},
};

/* Cases whose operator is not the family's; NULL: one that fovea does not have. */
static const struct {
    const char *name, *op;
} others[] = {
    {"global", "global_avg_pool"},
    {"softmax_large", "softmax"},
    {"softmax_channels", "softmax"},
    {"prelu_channel", "prelu"},
    {"prelu_shared", "prelu"},
    {"ce", "softmax_cross_entropy"},
    {"ce_large", "softmax_cross_entropy"},
    {"ce_smooth", "softmax_cross_entropy"},
    {"ce_soft", "softmax_cross_entropy"},
    {"ce_soft_smooth", "softmax_cross_entropy"},
    {"kl", "softmax_kl"},
    {"kl_soft", "softmax_kl"},
    {"bce", "sigmoid_bce"},
    {"bce_large", "sigmoid_bce"},
    {"bce_share", "sigmoid_bce"},
    {"huber_half", "huber"},
    {"bce_weight", NULL},    /* weights of positive samples */
    {"nearest_odd", NULL},   /* sizes that are no multiple */
    {"bilinear_odd", NULL},  /* the same */
    {"bilinear_down", NULL}, /* the same */
    {"corners_2x", NULL},    /* align_corners */
    {"corners_odd", NULL},   /* align_corners */
};

static const fv_op *op_of(fv_ctx *ctx, const family *f, const char *name)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0)
            return others[i].op ? fv_op_find(ctx, others[i].op) : NULL;
    const fv_op *op = fv_op_find(ctx, f->op ? f->op : name);
    if (!op)
        fail_msg("%s: case %s is of no known operator", f->file, name);
    return op;
}

/* A target of the mean squared error behind the operator that makes the gradient of dst equal to golden d_dst. */
static void aim(const golden *g, const char *name, op_run *run)
{
    op_array d_dst = golden_tensor(g, name, "d_dst");
    int64_t count = op_count(&run->target->shape);
    assert_int_equal(op_count(&d_dst.shape), count);
    for (int64_t i = 0; i < count; i++)
        fv_set(run->target->dtype, run->data[run->target->id], i,
               op_at(run, run->out[0], i) - d_dst.data[i] * (double)count / 2.0);
    free(d_dst.data);
}

static void check_results(const golden *g, const family *f, const char *name, op_run *run, bool training, double bound)
{
    golden_compare(g, name, run->target ? "dst" : "loss", run, run->out[0], bound);
    if (!training)
        return;
    for (int i = 0; i < run->n_in; i++) {
        char d[32];
        snprintf(d, sizeof d, "d_%s", f->in[i]);
        if (run->d_in[i])
            golden_compare(g, name, d, run, run->d_in[i], bound);
    }
    if (run->n_in == 5) {
        golden_compare(g, name, "new_mean", run, run->in[3], bound);
        golden_compare(g, name, "new_var", run, run->in[4], bound);
    }
}

/* Error allowed, relative to the largest element. f64 is compared to what was rounded to float once. */
static double bound_of(const char *name, fv_dtype dtype)
{
    static const struct {
        const char *name;
        double bound;
    } losing[] = {
        {"far_mean", 2e-4},      /* a mean of 100 costs its digits */
        {"softmax_large", 2e-2}, /* probabilities within rounding of 0 and 1: their gradients cancel */
    };
    for (size_t i = 0; dtype == FV_F32 && i < sizeof losing / sizeof *losing; i++)
        if (strcmp(losing[i].name, name) == 0)
            return losing[i].bound;
    return dtype == FV_F64 ? 2e-7 : 1e-5;
}

static void check_case(const golden *g, const family *f, const char *name, const fv_op *op, fv_dtype dtype)
{
    _Alignas(16) unsigned char attr[256] = {0};
    op_array in[6] = {{0}};
    int n_in = 0;
    fv_attr_defaults(op, attr);
    if (op->attr_size && f->attr)
        f->attr(g, name, attr);
    for (int i = 0; i < 6 && f->in[i]; i++) {
        in[i] = golden_tensor(g, name, f->in[i]);
        if (in[i].shape.rank == 0 && i == 1 && (op->traits & FV_T_LOSS))
            in[i] = golden_tensor(g, name, strstr(name, "soft") ? "soft" : "label");
        if (in[i].shape.rank > 0)
            n_in = i + 1;
        in[i].role = op == &fv_op_batch_norm && i >= 3 ? FV_ROLE_STATE : FV_ROLE_PARAM;
    }
    bool training = golden_number(g, name, "training", 1) != 0;
    op_run run = op_run_create(g->ctx, op->name, op->attr_size ? attr : NULL, in, n_in, dtype, training);
    op_run_nodes(&run);
    if (run.target && training) {
        aim(g, name, &run);
        for (int i = 0; i < n_in; i++)
            if (run.in[i])
                op_set(run.in[i], run.data[run.in[i]->id], in[i].data);
        op_run_nodes(&run);
    }
    check_results(g, f, name, &run, training, bound_of(name, dtype));
    op_run_destroy(&run);
    for (int i = 0; i < 6; i++)
        free(in[i].data);
}

static void references_agree_with_pytorch(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int done = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        golden g = golden_open(ctx, families[i].file);
        char names[1024];
        snprintf(names, sizeof names, "%s", golden_text(&g, "cases"));
        for (char *rest = names, *name; (name = strtok_r(rest, " ", &rest));) {
            const fv_op *op = op_of(ctx, &families[i], name);
            if (!op)
                continue;
            check_case(&g, &families[i], name, op, FV_F32);
            check_case(&g, &families[i], name, op, FV_F64);
            done++;
        }
        golden_close(&g);
    }
    assert_true(done >= 75);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(references_agree_with_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
