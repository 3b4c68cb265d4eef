/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors reader on any bytes: what it accepts can be read whole. */
#include <stdlib.h>

#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fv_ctx_options options = {.threads = 1};
    fv_ctx *ctx = NULL;
    fv_safetensors *file = NULL;
    float chunk[64];
    int64_t number;
    char hex[65];
    if (fv_ctx_create(&options, &ctx) != FV_OK)
        abort();
    if (fv_safetensors_parse(ctx, "input", data, (int64_t)size, &file) == FV_OK) {
        int64_t bytes = 0;
        for (int64_t i = 0; i < fv_safetensors_count(file); i++) {
            const fv_st_entry *e = fv_safetensors_entry(file, i);
            const int64_t count = fv_shape_count(&e->shape);
            bytes += e->end - e->begin;
            for (int64_t k = 0; k < count; k += 64) {
                if (fv_safetensors_floats(file, e, k, count - k < 64 ? count - k : 64, chunk) != FV_OK)
                    break;
            }
            if (count > 0)
                (void)fv_safetensors_integers(file, e, count - 1, 1, &number);
            if (fv_safetensors_find(file, e->name) != e)
                abort(); /* names are unique */
        }
        if (bytes > (int64_t)size)
            abort();
        fv_safetensors_sha256(file, hex);
        (void)fv_safetensors_verify(file, NULL);
        fv_safetensors_close(&file);
    } else if (file || !*fv_ctx_error(ctx)) {
        abort(); /* a refusal says why */
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
