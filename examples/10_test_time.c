/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of augmented batches, whose order and pixels are functions of (seed, epoch, place) alone, feeds a trainer;
 * then images are looked at more than once: views, passes with dropout.
 */
#include <stdio.h>

#include <fovea/fovea.h>

enum { BATCH = 50 };

/* Takes all batches of an epoch; *sum tells streams apart. */
static fv_status stream(fv_loader *loader, int64_t epoch, fv_trainer *trainer, double *sum)
{
    fv_batch batch;
    double loss = 0;
    *sum = 0;
    FV_TRY(fv_loader_start(loader, epoch, 0));
    for (;;) {
        FV_TRY(fv_loader_next(loader, &batch));
        if (batch.n == 0)
            return FV_OK;
        for (int64_t i = 0; i < batch.n * 28 * 28; i++)
            *sum += batch.images[i] * (double)(i % 97);
        if (!trainer)
            continue;
        FV_TRY(fv_trainer_gradient(trainer, batch.images, batch.labels, batch.n, &loss));
        FV_TRY(fv_trainer_apply(trainer, 1e-3));
    }
}

static fv_status train(fv_dataset *digits, fv_model *model, fv_loader **loader, fv_trainer **trainer)
{
    double sum[3];
    fv_loader_options options = {.batch_size = BATCH, .shuffle = true, .seed = 42};
    options.augment = "rotate degrees=10; shift x=0.1 y=0.1; noise sigma=5 p=0.5";
    FV_TRY(fv_loader_create(digits, fv_model_pipeline(model), &options, loader));
    for (int k = 0; k < 3; k++)
        FV_TRY(stream(*loader, k % 2, NULL, &sum[k])); /* epochs 0, 1, 0 */
    printf("epoch 0 %s epoch 1; epoch 0 again is %s\n", sum[0] == sum[1] ? "equals" : "differs from",
           sum[0] == sum[2] ? "the same to the last bit" : "another");
    const fv_fit_options recipe = FV_FIT_OPTIONS(.optimizer = FV_ADAM, .batch_size = BATCH, .seed = 1);
    FV_TRY(fv_trainer_create(model, &recipe, trainer));
    for (int64_t epoch = 0; epoch < 4; epoch++)
        FV_TRY(stream(*loader, epoch, *trainer, &sum[0]));
    return FV_OK;
}

static fv_status ask(fv_model *model, fv_dataset *test, const char *what, const fv_predictor_options *options)
{
    fv_predictor *predictor = NULL;
    fv_metrics m;
    FV_TRY(fv_predictor_create(&model, 1, options, &predictor));
    fv_status status = fv_predictor_evaluate(predictor, test, &m);
    if (status == FV_OK)
        printf("%-22s %2d runs an image, top1 %.1f %%, loss %.3f\n", what, (int)fv_predictor_forwards(predictor),
               100 * m.top1, m.loss);
    fv_predictor_destroy(&predictor);
    return status;
}

/* How sure the network is of one digit. */
static fv_status doubt(fv_ctx *ctx, fv_model *model, fv_dataset *test)
{
    fv_predictor *predictor = NULL;
    fv_image image = {0};
    float mean[10], std[10];
    FV_TRY(fv_dataset_image(test, 0, &image, NULL));
    fv_status status = fv_predictor_create(&model, 1, &(fv_predictor_options){.mc_dropout = 64, .seed = 7}, &predictor);
    if (status == FV_OK)
        status = fv_predictor_run(predictor, &image, 0, mean, std);
    for (int k = 0; status == FV_OK && k < 10; k++)
        if (mean[k] > 0.01f)
            printf("a %d with %.2f, give or take %.2f\n", k, (double)mean[k], (double)std[k]);
    fv_predictor_destroy(&predictor);
    fv_image_free(ctx, &image);
    return status;
}

static fv_status run(fv_ctx *ctx, const char *data, fv_dataset **sets, fv_model **model, fv_loader **loader,
                     fv_trainer **trainer)
{
    FV_TRY(fv_make_digits(ctx, data, 2000, 300, 1));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train"}, &sets[0]));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "test"}, &sets[1]));
    FV_TRY(fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.classes = 10, .dropout = 0.3}, model));
    FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT));
    FV_TRY(train(sets[0], *model, loader, trainer));
    FV_TRY(ask(*model, sets[1], "one look", NULL));
    FV_TRY(ask(*model, sets[1], "five crops, two scales", &(fv_predictor_options){.tta = "5crop", .scales = "29,31"}));
    FV_TRY(ask(*model, sets[1], "passes with dropout", &(fv_predictor_options){.mc_dropout = 16}));
    return doubt(ctx, *model, sets[1]);
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_dataset *sets[2] = {NULL, NULL};
    fv_model *model = NULL;
    fv_loader *loader = NULL;
    fv_trainer *trainer = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = run(ctx, "example-10", sets, &model, &loader, &trainer);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_trainer_destroy(&trainer);
    fv_loader_destroy(&loader);
    fv_dataset_destroy(&sets[0]);
    fv_dataset_destroy(&sets[1]);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
