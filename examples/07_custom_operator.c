/* SPDX-License-Identifier: Apache-2.0 */
/* An operator of your own, softplus(x) = log(1 + e^x): planned, differentiated and trained like the built-in ones. */
#include <math.h>
#include <stdio.h>

#include <fovea/fovea.h>

/* The result has the dtype and shape of the operand. */
static fv_status infer(fv_ctx *ctx, const fv_node *node)
{
    if (node->in[0]->dtype != FV_F32 && node->in[0]->dtype != FV_F64)
        return fv_node_fail(ctx, node, "src must be f32 or f64, found %s", fv_dtype_name(node->in[0]->dtype));
    node->out[0]->dtype = node->in[0]->dtype;
    node->out[0]->shape = node->in[0]->shape;
    return FV_OK;
}

/* d_src = d_dst * sigmoid(src): gradients are ordinary nodes, here of operators that exist. */
static fv_status grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *slope = fv_emit(b, "sigmoid", NULL, node->in, 1);
    d_in[0] = fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], slope}, 2);
    return FV_OK;
}

static void ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    for (int64_t i = 0; i < fv_shape_count(&dst->shape); i++) {
        double x = fv_get(dst->dtype, call->in[0], i);
        fv_set(dst->dtype, call->out[0], i, fmax(x, 0) + log1p(exp(-fabs(x))));
    }
}

static const fv_op softplus = {
    .name = "softplus",
    .doc = "dst = log(1 + e^src), elementwise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_MONOTONE,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .infer = infer,
    .grad = grad,
    .ref = ref,
};

/* A network with the operator learns exclusive or. */
static fv_status train(fv_ctx *ctx, fv_model **m, fv_trainer **trainer)
{
    static const float points[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    static const int32_t labels[4] = {0, 1, 1, 0};
    double loss;
    FV_TRY(fv_op_register(ctx, &softplus));
    FV_TRY(fv_model_create(ctx, m));
    fv_value x = fv_dense(*m, fv_flatten(*m, fv_input(*m, 1, 1, 2)), .units = 8);
    x = fv_layer(*m, "softplus", &x, 1, NULL);
    FV_TRY(fv_model_finish(*m, fv_dense(*m, x, .units = 2)));
    FV_TRY(fv_model_init(*m, 1, FV_INIT_HE_NORMAL));
    const fv_fit_options options = FV_FIT_OPTIONS(.optimizer = FV_ADAM);
    FV_TRY(fv_trainer_create(*m, &options, trainer));
    for (int step = 0; step <= 400; step++) {
        FV_TRY(fv_trainer_gradient(*trainer, &points[0][0], labels, 4, &loss));
        FV_TRY(fv_trainer_apply(*trainer, 0.05));
        if (step % 100 == 0)
            printf("step %3d  loss %.5f\n", step, loss);
    }
    return loss < 0.01 ? FV_OK : FV_ERR_GATE;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_model *m = NULL;
    fv_trainer *trainer = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = train(ctx, &m, &trainer);
    if (status != FV_OK)
        fprintf(stderr, "%s: %s\n", fv_status_name(status), fv_ctx_error(ctx));
    fv_trainer_destroy(&trainer);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
