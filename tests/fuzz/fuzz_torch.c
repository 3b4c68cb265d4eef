/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of tensors on any bytes, PyTorch's above all: what one accepts can be read whole. */
#include "fuzz_memory.h"
#include "io/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, false);
    fv_tensor_file *file = NULL;
    float chunk[64];
    if (fv_tensor_file_parse(ctx, "fuzz-input/none", data, (int64_t)size, &file) == FV_OK) {
        for (int64_t i = 0; i < fv_tensor_file_count(file); i++) {
            const fv_st_entry *e = fv_tensor_file_entry(file, i);
            const int64_t count = fv_shape_count(&e->shape);
            for (int64_t k = 0; k < count; k += 64) {
                if (fv_tensor_file_floats(file, e, k, count - k < 64 ? count - k : 64, chunk) != FV_OK)
                    break;
            }
            if (fv_tensor_file_find(file, e->name) != e)
                abort(); /* names are unique */
        }
        fv_tensor_file_close(&file);
    } else if (file || !*fv_ctx_error(ctx)) {
        abort(); /* a refusal says why */
    }
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
