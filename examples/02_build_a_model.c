/* SPDX-License-Identifier: Apache-2.0 */
/* A network layer by layer, with a shortcut; what it costs; a file of it. */
#include <stdio.h>

#include <fovea/fovea.h>

/* Two convolutions around which the input passes unchanged. */
static fv_value residual(fv_model *m, fv_value x, int64_t channels)
{
    fv_value y = fv_conv2d(m, x, .filters = channels, .kernel = {3, 3}, .same = true, .no_bias = true);
    y = fv_batch_norm(m, y, .activation = FV_RELU);
    y = fv_conv2d(m, y, .filters = channels, .kernel = {3, 3}, .same = true, .no_bias = true);
    y = fv_batch_norm(m, y, .activation = FV_ACT_NONE);
    return fv_activate(m, fv_add(m, x, y), FV_RELU);
}

static fv_status build(fv_ctx *ctx, fv_model **out)
{
    fv_model *m = NULL;
    FV_TRY(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 32, 32, 3);
    x = fv_conv2d(m, x, .filters = 16, .kernel = {3, 3}, .same = true, .activation = FV_RELU, .name = "stem");
    x = residual(m, x, 16);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = residual(m, x, 16);
    /* Any operator by name: attributes as text. */
    x = fv_layer(m, "lrn", &x, 1, &(fv_layer_options){.attributes = "size=5"});
    x = fv_dropout(m, fv_flatten(m, fv_global_avg_pool(m, x)), 0.2);
    x = fv_dense(m, x, .units = 10, .name = "head");
    fv_status status = fv_model_finish(m, x); /* the first error of the chain surfaces here */
    if (status == FV_OK)
        status = fv_model_init(m, 42, FV_INIT_DEFAULT);
    if (status != FV_OK)
        fv_model_destroy(&m);
    *out = m;
    return status;
}

static void print_table(const fv_model *m)
{
    double macs = 0;
    printf("%-28s %-14s %10s %12s %6s\n", "layer", "output", "parameters", "multiply-adds", "sees");
    for (int i = 0; i < fv_model_layer_count(m); i++) {
        fv_layer_info info;
        char shape[96];
        fv_model_layer(m, i, &info);
        printf("%-28s %-14s %10lld %12.0f %3lldx%lld\n", info.name, fv_shape_text(&info.output, shape),
               (long long)info.parameters, info.macs, (long long)info.receptive_field[0],
               (long long)info.receptive_field[1]);
        macs += info.macs;
    }
    printf("%lld parameters, %.1f million multiply-adds\n", (long long)fv_model_parameters(m), macs / 1e6);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "02_model.safetensors";
    fv_ctx *ctx = NULL;
    fv_model *m = NULL;
    const fv_fit_options options = FV_FIT_OPTIONS(.batch_size = 64);
    fv_memory memory = {.total = 0};
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = build(ctx, &m);
    if (status == FV_OK) {
        print_table(m);
        status = fv_fit_memory(m, NULL, &options, &memory);
    }
    if (status == FV_OK) {
        printf("training with 64 images at a time: %.1f MB\n", (double)memory.total / 1e6);
        status = fv_model_save(m, path);
    }
    if (status == FV_OK)
        printf("saved to %s\n", path);
    else
        fprintf(stderr, "%s: %s\n%s\n", fv_status_name(status), fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
