/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data without training: open a set, check it, see how one image becomes the numbers a net gets, and draw batches whose
 * order and augmentation are functions of (seed, epoch, sample) alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include <fovea/fovea.h>

static void draw(const float *pixels, int64_t h, int64_t w)
{
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++)
            putchar(" .:-=+*#%@"[(int)(pixels[y * w + x] * 9.99f)]);
        putchar('\n');
    }
}

static fv_status show_image(fv_ctx *ctx, fv_dataset *digits, const fv_pipeline *pipeline)
{
    fv_image image = {0}, *p = &image;
    float *pixels = malloc((size_t)(pipeline->h * pipeline->w * pipeline->c) * sizeof(float));
    fv_status status = pixels ? fv_dataset_image(digits, 0, &image, NULL) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_pipeline_apply(ctx, pipeline, &image, pixels);
    if (status == FV_OK) {
        printf("sample 0 is a %s, %d x %d, here as %d x %d:\n",
               fv_dataset_class_name(digits, fv_dataset_label(digits, 0)), (int)p->h, (int)p->w, (int)pipeline->h,
               (int)pipeline->w);
        draw(pixels, pipeline->h, pipeline->w);
    }
    fv_image_free(ctx, &image);
    free(pixels);
    return status;
}

static fv_status show_batches(fv_loader *loader)
{
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        fv_batch batch;
        FV_TRY(fv_loader_start(loader, epoch % 2, 0)); /* 0, 1, 0: the third line repeats the first */
        FV_TRY(fv_loader_next(loader, &batch));
        printf("epoch %d:", (int)epoch % 2);
        for (int64_t i = 0; i < batch.n; i++)
            printf(" %d(%d)", (int)batch.samples[i], batch.labels[i]);
        printf("\n");
    }
    return FV_OK;
}

static fv_status run(fv_ctx *ctx, const char *data, fv_dataset **digits, fv_check_report **check, fv_loader **loader)
{
    int64_t images, classes;
    float mean[16], std[16];
    FV_TRY(fv_make_digits(ctx, data, 500, 100, 1));
    FV_TRY(fv_dataset_check(ctx, data, NULL, check));
    fv_check_report_totals(*check, &images, &classes);
    printf("%d images, %d classes, %d findings\n", (int)images, (int)classes, (int)fv_check_report_count(*check));
    FV_TRY(fv_dataset_open(ctx, data, &(fv_dataset_options){.split = "train"}, digits));
    FV_TRY(fv_dataset_statistics(*digits, 0, mean, std));
    printf("format %s, mean %.4f, standard deviation %.4f\n", fv_dataset_format(*digits), mean[0], std[0]);
    fv_pipeline pipeline = {.h = 20, .w = 20, .c = 1, .antialias = true, .std = {1}}; /* input = pixel / 255 */
    FV_TRY(show_image(ctx, *digits, &pipeline));
    fv_loader_options options = {.batch_size = 8, .shuffle = true, .seed = 42, .augment = "crop pad=2"};
    FV_TRY(fv_loader_create(*digits, &pipeline, &options, loader));
    return show_batches(*loader);
}

int main(void)
{
    fv_ctx *ctx = NULL;
    fv_dataset *digits = NULL;
    fv_check_report *check = NULL;
    fv_loader *loader = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = run(ctx, "example-09", &digits, &check, &loader);
    if (status != FV_OK)
        fprintf(stderr, "%s\n%s\n", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_loader_destroy(&loader);
    fv_dataset_destroy(&digits);
    fv_check_report_destroy(&check);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
