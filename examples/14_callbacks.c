/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that a run calls: one looks for a learning rate first, one follows the loss from step to step and slows the
 * run down where it jumps, one stops it once the validation set is known well enough.
 */
#include <stdio.h>

#include <fovea/fovea.h>

/* What the callbacks of this run keep. */
typedef struct keeper {
    double mean; /* running mean of the loss */
    int jumps;
    double wanted; /* share of right answers at which the run may end */
} keeper;

static void look_at_loss(void *user, const fv_fit_event *e, fv_fit_control *control)
{
    keeper *k = user;
    if (k->mean > 0 && e->loss > 2 * k->mean) {
        control->scale *= 0.5; /* of the schedule's rates, from here on: it belongs to the run's state */
        snprintf(control->note, sizeof control->note, "step %d: the loss jumps to %.2f", (int)e->global_step, e->loss);
        k->jumps++;
    }
    k->mean = k->mean > 0 ? 0.9 * k->mean + 0.1 * e->loss : e->loss;
}

static void look_at_validation(void *user, const fv_fit_event *e, fv_fit_control *control)
{
    const keeper *k = user;
    printf("epoch %d: lr %.4f, loss %.4f, validation: loss %.4f, top1 %.1f %%\n", (int)e->epoch, e->lr, e->train_loss,
           e->val_loss, 100 * e->val_top1);
    control->stop = e->val_top1 >= k->wanted;
}

/* The steepest place of the curve that a rising rate draws. */
static fv_status find_rate(fv_model *model, fv_dataset *data, fv_fit_options *options)
{
    enum { STEPS = 60 };
    fv_lr_point points[STEPS];
    fv_lr_found found;
    const fv_lr_find_options find = {.lr_min = 1e-5, .lr_max = 10, .steps = STEPS, .diverged = 4};
    FV_TRY(fv_lr_find(model, data, options, &find, points, &found));
    printf("loss %.3f at first, lowest %.3f at rate %.4f, falls fastest at %.4f\n", found.loss_first, found.loss_lowest,
           found.minimum, found.steepest);
    if (found.minimum > 0) /* it may be NaN */
        options->lr = found.minimum / 10;
    return FV_OK;
}

static fv_status train(fv_ctx *ctx, const char *data, fv_dataset **images, fv_dataset **val, fv_model **model)
{
    keeper k = {.wanted = 0.9};
    const fv_callback callbacks[] = {{.step_end = look_at_loss, .user = &k},
                                     {.validation_end = look_at_validation, .user = &k}};
    fv_fit_result result;
    FV_TRY(fv_make_digits(ctx, data, 1000, 200, 3));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train"}, images));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "test"}, val));
    FV_TRY(fv_model_zoo(ctx, "lenet", NULL, model));
    FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT));
    fv_fit_options options =
        FV_FIT_OPTIONS(.epochs = 20, .batch_size = 25, .optimizer = FV_ADAM, .schedule = FV_ONECYCLE,
                       .validation = *val, .callbacks = callbacks, .n_callbacks = 2);
    FV_TRY(find_rate(*model, *images, &options));
    FV_TRY(fv_fit_with(*model, *images, &options, &result));
    printf("%s after %d epochs; the loss jumped %d times\n", fv_stop_text(result.stop), (int)result.epochs_run,
           k.jumps);
    return FV_OK;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_dataset *images = NULL, *val = NULL;
    fv_model *model = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = train(ctx, "example-14", &images, &val, &model);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&model);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&images);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
