/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary classifier of 64 x 64 pictures from nothing, on a stream of augmented images: every epoch sees each picture
 * turned by up to 20 degrees, shifted by up to a tenth and mirrored, and never twice the same.
 *
 *     12_binary_augmented [DATA]
 *
 * DATA is a folder with two folders of images (train/cat/1.jpg, ...). Without it the program draws stripes.
 */
#include <stdio.h>
#include <sys/stat.h>

#include <fovea/fovea.h>

enum { SIDE = 64, OF_A_CLASS = 60, EPOCHS = 4 };
static const char *const classes[] = {"across", "down"};

static uint32_t next(uint32_t *seed)
{
    return (*seed = *seed * 1664525u + 1013904223u) >> 8;
}

/* Stripes of any color, width and phase, across or down, with noise. */
static void draw(uint8_t *pixels, bool down, uint32_t *seed)
{
    const int width = 3 + (int)(next(seed) % 5), phase = (int)(next(seed) % 8);
    const uint8_t color[3] = {(uint8_t)next(seed), (uint8_t)next(seed), (uint8_t)next(seed)};
    for (int i = 0; i < SIDE * SIDE; i++) {
        const bool dark = ((down ? i % SIDE : i / SIDE) + phase) / width % 2;
        for (int c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)((dark ? 40 + color[c] / 4 : 128 + color[c] / 4) + next(seed) % 48);
    }
}

static fv_status make_pictures(fv_ctx *ctx, const char *data)
{
    static uint8_t pixels[SIDE * SIDE * 3];
    char path[256];
    uint32_t seed = 1;
    const fv_image image = {.data = pixels, .h = SIDE, .w = SIDE, .c = 3};
    for (int i = 0; i < 2 * OF_A_CLASS; i++) {
        snprintf(path, sizeof path, "%s", data);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/%s", data, classes[i % 2]);
        mkdir(path, 0777);
        draw(pixels, i % 2, &seed);
        snprintf(path, sizeof path, "%s/%s/%d.png", data, classes[i % 2], i);
        FV_TRY(fv_image_write_png(ctx, path, &image));
    }
    return FV_OK;
}

static fv_status build(fv_model *m)
{
    fv_value x = fv_input(m, SIDE, SIDE, 3);
    x = fv_conv2d(m, x, .filters = 16, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_conv2d(m, x, .filters = 32, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_conv2d(m, x, .filters = 32, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_dense(m, fv_flatten(m, x), .units = 64, .activation = FV_RELU);
    FV_TRY(fv_model_finish(m, fv_dense(m, fv_dropout(m, x, 0.5), .units = 2))); /* of two scores softmax is a sigmoid */
    fv_pipeline p = *fv_model_pipeline(m);
    for (int c = 0; c < 3; c++)
        p.mean[c] = 0.5f, p.std[c] = 0.2f;
    FV_TRY(fv_model_set_pipeline(m, &p));
    return fv_model_init(m, 1, FV_INIT_DEFAULT);
}

static bool show(void *user, const fv_fit_event *e)
{
    (void)user;
    if (e->kind == FV_EVENT_EPOCH)
        printf("epoch %d  loss %.3f  top1 %.1f %%  validation top1 %.1f %%\n", (int)e->epoch, e->train_loss,
               100 * e->train_top1, 100 * e->val_top1);
    return false;
}

static fv_status train(fv_ctx *ctx, const char *data, fv_dataset **sets, fv_model **model)
{
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train", .val_split = 0.2}, &sets[0]));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "val", .val_split = 0.2}, &sets[1]));
    FV_TRY(fv_model_create(ctx, model));
    FV_TRY(build(*model));
    return fv_fit(*model, sets[0], .epochs = EPOCHS, .batch_size = 8, .optimizer = FV_ADAM, .lr = 1e-3,
                  .augment = "rotate degrees=20 fill=edge; shift x=0.1 y=0.1 fill=edge; hflip", .validation = sets[1],
                  .on_event = show);
}

int main(int argc, char **argv)
{
    fv_ctx *ctx = NULL;
    fv_dataset *sets[2] = {NULL, NULL};
    fv_model *model = NULL;
    const char *data = argc > 1 ? argv[1] : "example-12";
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = argc > 1 ? FV_OK : make_pictures(ctx, data);
    if (status == FV_OK)
        status = train(ctx, data, sets, &model);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&model);
    fv_dataset_destroy(&sets[1]);
    fv_dataset_destroy(&sets[0]);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
