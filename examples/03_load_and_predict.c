/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model file and an image: 03_load_and_predict MODEL.safetensors IMAGE. The file knows how the image becomes an input
 * and what the classes are called. Without arguments it makes a model and an image of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include <fovea/fovea.h>

/* An untrained network and a picture of a gradient, so that the example runs by itself. */
static fv_status make_own(fv_ctx *ctx, const char *model_path, const char *image_path)
{
    static const char *const names[] = {"cat", "dog", "horse"};
    static uint8_t pixels[48 * 64 * 3];
    fv_model *m = NULL;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i / 3 % 64 * 4);
    fv_status status = fv_model_zoo(ctx, "resnet8", &(fv_zoo_options){.classes = 3}, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_model_set_class_names(m, names, 3);
    if (status == FV_OK)
        status = fv_model_save(m, model_path);
    if (status == FV_OK)
        status = fv_image_write_png(ctx, image_path, &(fv_image){.data = pixels, .h = 48, .w = 64, .c = 3});
    fv_model_destroy(&m);
    return status;
}

static fv_status predict(fv_ctx *ctx, fv_model *m, const char *path)
{
    const int64_t classes = fv_model_classes(m);
    const fv_decode_options decoding = fv_pipeline_decoding(fv_model_pipeline(m), NULL); /* the model's own rule */
    fv_image image = {0};
    float *probabilities = malloc((size_t)classes * sizeof *probabilities);
    fv_status status = probabilities ? fv_image_read(ctx, path, &decoding, &image, NULL) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_predict(m, &image, probabilities);
    if (status == FV_OK) {
        int64_t best = 0;
        for (int64_t i = 1; i < classes; i++)
            best = probabilities[i] > probabilities[best] ? i : best;
        printf("%s (%lldx%lld): %s, %.1f %%\n", path, (long long)image.w, (long long)image.h,
               fv_model_class_name(m, best), 100 * (double)probabilities[best]);
    }
    fv_image_free(ctx, &image);
    free(probabilities);
    return status;
}

int main(int argc, char **argv)
{
    const char *model_path = argc > 2 ? argv[1] : "03_model.safetensors";
    const char *image_path = argc > 2 ? argv[2] : "03_image.png";
    fv_ctx *ctx = NULL;
    fv_model *m = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = argc > 2 ? FV_OK : make_own(ctx, model_path, image_path);
    if (status == FV_OK)
        status = fv_model_load(ctx, model_path, &m);
    if (status == FV_OK) {
        printf("%s: %s, %lld parameters, %lld classes\n", model_path, fv_model_name(m),
               (long long)fv_model_parameters(m), (long long)fv_model_classes(m));
        status = fv_model_selftest(m, NULL); /* does it compute here what it did where it was saved? */
    }
    if (status == FV_OK)
        status = predict(ctx, m, image_path);
    if (status != FV_OK)
        fprintf(stderr, "%s: %s\n%s\n", fv_status_name(status), fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
