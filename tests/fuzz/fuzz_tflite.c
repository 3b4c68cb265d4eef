/* SPDX-License-Identifier: Apache-2.0 */
/* The importer of TensorFlow Lite on any bytes: within a bound of memory, and what it accepts is a model. */
#include "fuzz_memory.h"
#include "io/tflite/tflite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, false);
    const fv_import_source source = {"/nowhere/fuzz.tflite", data, (int64_t)size};
    const fv_import_options sizes = {.img_size = {8, 8}};
    fv_model *model = NULL;
    (void)fv_tflite_is(data, (int64_t)size);
    const fv_status status = fv_tflite_read(ctx, &source, &sizes, &model);
    fuzz_imported(ctx, status, model);
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
