/* SPDX-License-Identifier: Apache-2.0 */
/* The architecture reader on any text: what it accepts is a model that can be printed. */
#include "fuzz_files.h"
#include "fuzz_memory.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    fv_model *model = NULL;
    char path[128], *text = NULL;
    if (size > 4096)
        return 0;
    /* A net of a gigabyte is refused instead of waited for. */
    fv_ctx *ctx = fuzz_ctx(&memory, size, true);
    const char *dir = fuzz_dir();
    if (!dir)
        abort();
    fuzz_write(dir, "net.yaml", data, size);
    snprintf(path, sizeof path, "%s/net.yaml", dir);
    if (fv_model_read_architecture(ctx, path, NULL, &model) == FV_OK) {
        if (fv_model_text(model, &text) != FV_OK)
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
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
