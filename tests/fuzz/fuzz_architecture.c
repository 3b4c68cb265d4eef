/* SPDX-License-Identifier: Apache-2.0 */
/* The architecture reader on any text: what it accepts is a model that can be printed. */
#include "fuzz_files.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Weights are only asked for, never used: a net of a gigabyte is refused instead of waited for. */
static void *bounded_alloc(void *user, size_t size, size_t align)
{
    void *ptr = NULL;
    (void)user;
    return size <= (size_t)64 << 20 && posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
}

static void bounded_release(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fv_ctx_options options = {.threads = 1, .allocator = {bounded_alloc, bounded_release, NULL}};
    fv_ctx *ctx = NULL;
    fv_model *model = NULL;
    char path[128], *text = NULL;
    if (size > 4096)
        return 0;
    if (fv_ctx_create(&options, &ctx) != FV_OK)
        abort();
    const char *dir = fuzz_dir();
    if (!dir)
        abort();
    fuzz_write(dir, "net.yaml", data, size);
    snprintf(path, sizeof path, "%s/net.yaml", dir);
    if (fv_model_read_architecture(ctx, path, NULL, &model) == FV_OK) {
        if (fv_model_text(model, false, &text) != FV_OK)
            abort();
        fv_text_free(ctx, text);
        for (int i = 0; i < fv_model_layer_count(model) && i < 100; i++) {
            fv_layer_info info;
            fv_model_layer(model, i, &info);
        }
        fv_model_destroy(&model);
    } else if (model || !*fv_ctx_error(ctx)) {
        abort();
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
