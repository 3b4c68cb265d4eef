/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warm-up into a cosine, and a run that ends by itself: when the validation loss has not fallen for `patience` epochs
 * the run stops, and the model holds the weights of its best epoch again.
 */
#include <stdio.h>

#include <fovea/fovea.h>

static bool show(void *user, const fv_fit_event *e)
{
    (void)user;
    if (e->kind == FV_EVENT_EPOCH)
        printf("%5d  %8.5f  %10.4f  %15.4f %s\n", (int)e->epoch, e->lr, e->train_loss, e->val_loss,
               e->best ? "best" : "");
    if (e->kind == FV_EVENT_END)
        printf("end: %s\n", e->text);
    return false;
}

/* So few images that the net learns them by heart, which the validation loss tells. */
static fv_status train(fv_ctx *ctx, const char *data, fv_dataset **few, fv_dataset **val, fv_model **model)
{
    fv_fit_result result;
    fv_metrics metrics;
    FV_TRY(fv_make_digits(ctx, data, 300, 200, 3));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train"}, few));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "test"}, val));
    FV_TRY(fv_model_zoo(ctx, "lenet", NULL, model));
    FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT));
    fv_fit_options options =
        FV_FIT_OPTIONS(.epochs = 40, .batch_size = 20, .optimizer = FV_ADAMW, .lr = 3e-3, .weight_decay = 0.01,
                       .schedule = FV_COSINE, .warmup_epochs = 2, .warmup_lr = 1e-4, .min_lr = 1e-5, .validation = *val,
                       .monitor = "val_loss", .patience = 5, .restore_best = true, .on_event = show);
    printf("epoch        lr  train loss  validation loss\n");
    FV_TRY(fv_fit_with(*model, *few, &options, &result));
    FV_TRY(fv_evaluate(*model, *val, 50, 0, &metrics));
    printf("%d epochs run; the model is that of epoch %d: loss %.4f, top1 %.1f %%\n", (int)result.epochs_run,
           (int)result.best_epoch, metrics.loss, 100 * metrics.top1);
    return FV_OK;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_dataset *few = NULL, *val = NULL;
    fv_model *model = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = train(ctx, "example-08", &few, &val, &model);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&model);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&few);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
