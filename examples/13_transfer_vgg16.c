/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGG-16 without its top: the convolutions stay as they are, and what they make of 128 x 128 pixels is flattened for a
 * small head of 256 units, dropout and an output layer. A fifth of the images is held out. As nothing before the head
 * changes, what it makes of an image is computed once, and epochs behind the first cost next to nothing.
 *
 *     13_transfer_vgg16 [DATA [WEIGHTS]]
 *
 * DATA is a folder of classes (photos/cat/1.jpg, ...), WEIGHTS a file of torchvision's tensors of vgg16. Without
 * arguments the program draws a few digits and looks at them at 32 x 32, with weights that know nothing.
 */
#include <stdio.h>

#include <fovea/fovea.h>

static bool show(void *user, const fv_fit_event *e)
{
    (void)user;
    if (e->kind == FV_EVENT_NOTE)
        printf("%s\n", e->text);
    if (e->kind == FV_EVENT_EPOCH)
        printf("epoch %d  loss %.3f  validation top1 %.1f %%  %.0f images a second\n", (int)e->epoch, e->train_loss,
               100 * e->val_top1, e->img_per_s);
    return false;
}

/* Which tensors the file has, which begin anew and which of the file's are not used. */
static void tell(const fv_load_report *report)
{
    static const char *const words[] = {[FV_LOADED] = "loaded",
                                        [FV_MISSING] = "new",
                                        [FV_UNUSED] = "not used",
                                        [FV_SHAPE_MISMATCH] = "of another shape, new"};
    for (int i = 0; i < fv_load_report_count(report); i++)
        printf("  %-24s %s\n", fv_load_report_row(report, i)->name, words[fv_load_report_row(report, i)->verdict]);
}

static fv_status build(fv_ctx *ctx, const fv_dataset *data, int64_t side, const char *weights, fv_model **model)
{
    fv_load_report *report = NULL;
    const fv_head_options head = {.layers = "256,relu,drop=0.5", .pool = FV_POOL_FLATTEN};
    const fv_zoo_options zoo = {
        .classes = fv_dataset_classes(data), .img_size = {side, side}, .dropout = -1, .head = &head};
    FV_TRY(fv_model_zoo(ctx, "vgg16", &zoo, model));
    FV_TRY(fv_model_init(*model, 1, FV_INIT_DEFAULT));
    fv_status status = weights ? fv_model_load_weights(*model, weights, true, &report) : FV_OK;
    if (report)
        tell(report);
    fv_load_report_destroy(&report);
    return status;
}

static fv_status train(fv_ctx *ctx, const char *data, int64_t side, const char *weights, fv_dataset **sets,
                       fv_model **model)
{
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train", .val_split = 0.2}, &sets[0]));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "val", .val_split = 0.2}, &sets[1]));
    FV_TRY(build(ctx, sets[0], side, weights, model));
    return fv_fit(*model, sets[0], .epochs = 3, .batch_size = 8, .optimizer = FV_ADAM, .lr = 1e-3, .freeze = "features",
                  .validation = sets[1], .feature_cache = 64 << 20, .on_event = show);
}

int main(int argc, char **argv)
{
    fv_ctx *ctx = NULL;
    fv_dataset *sets[2] = {NULL, NULL};
    fv_model *model = NULL;
    const char *data = argc > 1 ? argv[1] : "example-13";
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = argc > 1 ? FV_OK : fv_make_digits(ctx, data, 40, 10, 0);
    if (status == FV_OK)
        status = train(ctx, data, argc > 1 ? 128 : 32, argc > 2 ? argv[2] : NULL, sets, &model);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&model);
    fv_dataset_destroy(&sets[1]);
    fv_dataset_destroy(&sets[0]);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
