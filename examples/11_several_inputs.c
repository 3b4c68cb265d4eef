/* SPDX-License-Identifier: Apache-2.0 */
/* Two images in, a mask and a vector out, a loss for each: where does the right image differ, and in which third? */
#include <stdio.h>
#include <string.h>

#include <fovea/fovea.h>

enum { N = 16, SIZE = 16 };
static float left[N][SIZE][SIZE], right[N][SIZE][SIZE], mask[N][SIZE][SIZE], loss[2];
static int32_t third[N];

/* The right image is the left one with a bright square in one of three stripes. */
static void draw(uint32_t seed)
{
    for (int i = 0; i < N * SIZE * SIZE; i++) {
        const int image = i / (SIZE * SIZE), y = i / SIZE % SIZE, x = i % SIZE, of = third[image] = image % 3;
        left[image][y][x] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
        mask[image][y][x] = y > 5 && y < 10 && x > 5 * of && x < 5 * of + 5;
        right[image][y][x] = mask[image][y][x] > 0 ? 1.0f : left[image][y][x];
    }
}

static fv_status build(fv_model *m, fv_tensor *order)
{
    const fv_shape image = {4, {1, SIZE, SIZE, 1}};
    fv_value in[] = {fv_input_tensor(m, "left", FV_F32, &image), fv_input_tensor(m, "right", FV_F32, &image)};
    fv_value x = fv_conv2d(m, fv_concat(m, in, 2), .filters = 8, .kernel = {3, 3}, .same = true, .activation = FV_RELU);
    fv_output(m, "mask", fv_conv2d(m, x, .filters = 1, .kernel = {3, 3}, .same = true));
    x = fv_dense(m, fv_flatten(m, fv_max_pool2d(m, x, .size = {4, 4})), .units = 3);
    fv_value classes[] = {x, fv_constant(m, "order", order)}; /* a table of integers, and a gather along the classes */
    fv_output(m, "third", fv_layer(m, "gather", classes, 2, &(fv_layer_options){.attributes = "axis=1"}));
    FV_TRY(fv_model_finish_outputs(m));
    return fv_model_init(m, 1, FV_INIT_DEFAULT);
}

static fv_status run(fv_ctx *ctx, fv_model **model, fv_tensor **order, fv_trainer **trainer)
{
    const fv_loss_spec losses[] = {{"sigmoid_bce", "mask", "wanted_mask", "mask_loss", .weight = 2},
                                   {"softmax_cross_entropy", "third", "wanted_third", "third_loss", .weight = 1}};
    FV_TRY(fv_model_create(ctx, model));
    FV_TRY(fv_tensor_create(ctx, FV_I64, &(fv_shape){1, {3}}, order));
    memcpy(fv_tensor_data(*order), (const int64_t[]){2, 0, 1}, 3 * sizeof(int64_t));
    FV_TRY(build(*model, *order));
    const fv_fit_options options = FV_FIT_OPTIONS(.optimizer = FV_ADAM, .lr = 1e-2);
    FV_TRY(fv_trainer_create_with(*model, &options, losses, 2, trainer));
    for (uint32_t step = 1; step <= 200; step++) {
        draw(step);
        FV_TRY(fv_trainer_begin(*trainer, N));
        FV_TRY(fv_trainer_set(*trainer, "left", left));
        FV_TRY(fv_trainer_set(*trainer, "right", right));
        FV_TRY(fv_trainer_set(*trainer, "wanted_mask", mask));
        FV_TRY(fv_trainer_set(*trainer, "wanted_third", third));
        FV_TRY(fv_trainer_compute(*trainer, NULL));
        FV_TRY(fv_trainer_apply(*trainer, options.lr));
    }
    for (int i = 0; i < 2; i++)
        FV_TRY(fv_trainer_get(*trainer, losses[i].name, &loss[i], sizeof loss[i]));
    return FV_OK;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_model *model = NULL;
    fv_tensor *order = NULL;
    fv_trainer *trainer = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    const fv_status status = run(ctx, &model, &order, &trainer);
    printf("mask %.4f  third %.4f  %s\n", (double)loss[0], (double)loss[1], status == FV_OK ? "" : fv_ctx_error(ctx));
    fv_trainer_destroy(&trainer);
    fv_tensor_destroy(&order);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return status == FV_OK && loss[0] < 0.05f && loss[1] < 0.1f ? 0 : 1;
}
