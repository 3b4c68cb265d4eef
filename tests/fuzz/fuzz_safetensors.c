/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors reader on any bytes: what it accepts can be read whole; and the model in it, if there is one. */
#include "fuzz_memory.h"
#include "io/safetensors_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, false);
    fv_model *model = NULL;
    fv_tensor_file *file = NULL;
    float chunk[64];
    int64_t number;
    char hex[65];
    if (fv_safetensors_parse(ctx, "input", data, (int64_t)size, &file) == FV_OK) {
        int64_t bytes = 0;
        for (int64_t i = 0; i < fv_tensor_file_count(file); i++) {
            const fv_st_entry *e = fv_tensor_file_entry(file, i);
            const int64_t count = fv_shape_count(&e->shape);
            bytes += e->end - e->begin;
            for (int64_t k = 0; k < count; k += 64) {
                if (fv_tensor_file_floats(file, e, k, count - k < 64 ? count - k : 64, chunk) != FV_OK)
                    break;
            }
            if (count > 0)
                (void)fv_tensor_file_integers(file, e, count - 1, 1, &number);
            if (fv_tensor_file_find(file, e->name) != e)
                abort(); /* names are unique */
        }
        if (bytes > (int64_t)size)
            abort();
        fv_safetensors_sha256(file, hex);
        if (fv_safetensors_verify(file, NULL) == FV_OK && fv_model_read(ctx, file, &model) == FV_OK)
            fv_model_destroy(&model);
        if (model)
            abort();
        fv_tensor_file_close(&file);
    } else if (file || !*fv_ctx_error(ctx)) {
        abort(); /* a refusal says why */
    }
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
