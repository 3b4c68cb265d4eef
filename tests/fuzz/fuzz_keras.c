/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of Keras's files on any bytes, as a network and as weights: within a bound of memory. */
#include <stdlib.h>

#include "fuzz_memory.h"
#include "io/keras/keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fv_import_source source = {"/nowhere/fuzz.keras", data, (int64_t)size};
    const fv_import_options sizes = {.img_size = {8, 8}};
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, true);
    fv_model *model = NULL;
    fv_tensor_file *file = NULL;
    (void)fv_keras_is(data, (int64_t)size);
    const fv_status status = fv_keras_read(ctx, &source, &sizes, &model);
    fuzz_imported(ctx, status, model);
    if (fv_tensor_file_create(ctx, "/nowhere/fuzz.h5", "Keras", &file) == FV_OK) {
        (void)fv_keras_read_weights(file, data, (int64_t)size);
        fv_tensor_file_close(&file);
    }
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
