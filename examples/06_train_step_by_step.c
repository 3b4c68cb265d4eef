/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One floor below fv_fit: the loop is yours. For every batch fv_trainer_gradient runs forward and backward,
 * fv_trainer_apply updates the weights; between the two the gradients can be looked at or changed.
 */
#include <math.h>
#include <stdio.h>

#include <fovea/fovea.h>

static fv_status build(fv_ctx *ctx, fv_model **m)
{
    FV_TRY(fv_model_create(ctx, m));
    fv_value x = fv_input(*m, 28, 28, 1);
    x = fv_conv2d(*m, x, .filters = 8, .kernel = {3, 3}, .same = true, .no_bias = true);
    x = fv_batch_norm(*m, x, .activation = FV_RELU);
    x = fv_max_pool2d(*m, x, .size = {4, 4});
    x = fv_dense(*m, fv_flatten(*m, x), .name = "head", .units = 10);
    FV_TRY(fv_model_finish(*m, x));
    return fv_model_init(*m, 7, FV_INIT_DEFAULT);
}

static double norm(const float *v, const fv_shape *shape)
{
    double sum = 0;
    for (int64_t i = 0; i < fv_shape_count(shape); i++)
        sum += (double)v[i] * v[i];
    return sqrt(sum);
}

static fv_status train(fv_model *model, fv_loader *loader, fv_trainer *trainer, const fv_fit_options *options)
{
    int64_t steps = fv_loader_batches(loader);
    for (int64_t epoch = 0; epoch < options->epochs; epoch++) {
        double sum = 0, loss, gradient = 0;
        int64_t seen = 0;
        FV_TRY(fv_loader_start(loader, epoch, 0)); /* the order is a function of (seed, epoch) */
        for (int64_t step = 0;; step++) {
            fv_batch batch;
            fv_shape shape;
            FV_TRY(fv_loader_next(loader, &batch));
            if (batch.n == 0)
                break;
            FV_TRY(fv_trainer_gradient(trainer, batch.images, batch.labels, batch.n, &loss));
            gradient = norm(fv_trainer_gradient_of(trainer, "head.weight", &shape), &shape);
            FV_TRY(fv_trainer_apply(trainer, fv_schedule_lr(options, (double)epoch + (double)step / (double)steps)));
            sum += loss * (double)batch.n;
            seen += batch.n;
        }
        char sha[65];
        fv_model_sha256(model, sha);
        printf("epoch %d  loss %.4f  |gradient of head.weight| %.4f  weights %.12s\n", (int)epoch + 1,
               sum / (double)seen, gradient, sha);
    }
    return FV_OK;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_model *model = NULL;
    fv_dataset *digits = NULL;
    fv_loader *loader = NULL;
    fv_trainer *trainer = NULL;
    fv_fit_options options =
        FV_FIT_OPTIONS(.epochs = 3, .optimizer = FV_SGD, .lr = 0.05, .momentum = 0.9, .schedule = FV_COSINE);
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = build(ctx, &model);
    if (status == FV_OK)
        status = fv_make_digits(ctx, "example-06", 1000, 1, 0);
    if (status == FV_OK)
        status = fv_dataset_open(ctx, "example-06", NULL, &digits);
    if (status == FV_OK)
        status = fv_loader_create(digits, fv_model_pipeline(model),
                                  &(fv_loader_options){.batch_size = 50, .shuffle = true}, &loader);
    if (status == FV_OK)
        status = fv_trainer_create(model, &options, &trainer);
    if (status == FV_OK)
        status = train(model, loader, trainer, &options);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_trainer_destroy(&trainer);
    fv_loader_destroy(&loader);
    fv_dataset_destroy(&digits);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
