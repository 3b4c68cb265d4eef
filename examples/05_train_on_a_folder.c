/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains on a data set and writes a run folder: checkpoints, results.csv, TensorBoard events, report.html.
 *
 *     05_train_on_a_folder [DATA [RUN]]
 *
 * DATA is a folder of classes (DATA/train/cat/1.jpg, ...), an IDX or a CIFAR folder. Without arguments the program
 * draws a small set of digits into a temporary folder and trains on that.
 */
#include <stdio.h>

#include <fovea/fovea.h>

static bool show(void *user, const fv_fit_event *e)
{
    fv_report_event(user, e);
    if (e->kind == FV_EVENT_EPOCH)
        printf("epoch %d/%d  loss %.3f  top1 %.1f %%  validation top1 %.1f %%\n", (int)e->epoch, (int)e->epochs,
               e->train_loss, 100 * e->train_top1, 100 * e->val_top1);
    return false; /* true would stop the run, saved */
}

static fv_status train(fv_ctx *ctx, const char *data, const char *run, fv_dataset **sets, fv_model **model,
                       fv_report **report)
{
    /* A tenth of the training images is held out when the data has no "val" of its own. */
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train", .val_split = 0.1}, &sets[0]));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "val", .val_split = 0.1}, &sets[1]));
    int64_t h, w, c;
    fv_dataset_size(sets[0], &h, &w, &c);
    printf("%d training and %d validation images, %d classes\n", (int)fv_dataset_count(sets[0]),
           (int)fv_dataset_count(sets[1]), (int)fv_dataset_classes(sets[0]));

    /* Images of one small size go into the net as they are; photographs are brought to 64 x 64 by its pipeline. */
    bool small = h > 0 && h <= 64 && w <= 64;
    fv_zoo_options zoo = {.classes = fv_dataset_classes(sets[0]), .channels = c, .dropout = -1};
    zoo.img_size[0] = small ? h : 64;
    zoo.img_size[1] = small ? w : 64;
    FV_TRY(fv_model_zoo(ctx, "mnist_cnn", &zoo, model));
    FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT)); /* seed 0 */

    FV_TRY(fv_report_create(ctx, run, "example 05", report));
    FV_TRY(fv_fit(*model, sets[0], .epochs = 3, .batch_size = 32, .optimizer = FV_ADAM, .schedule = FV_COSINE,
                  .validation = sets[1], .output = run, .on_event = show, .user = *report));
    printf("weights: %s/weights/best.safetensors\nreport:  %s/report.html\n", run, run);
    return FV_OK;
}

int main(int argc, char **argv)
{
    fv_ctx *ctx = NULL;
    fv_dataset *sets[2] = {NULL, NULL};
    fv_model *model = NULL;
    fv_report *report = NULL;
    const char *data = argc > 1 ? argv[1] : "example-05/data", *run = argc > 2 ? argv[2] : "example-05/run";
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = argc > 1 ? FV_OK : fv_make_digits(ctx, data, 1000, 200, 0);
    if (status == FV_OK)
        status = train(ctx, data, run, sets, &model, &report);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_report_destroy(&report);
    fv_model_destroy(&model);
    fv_dataset_destroy(&sets[1]);
    fv_dataset_destroy(&sets[0]);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
