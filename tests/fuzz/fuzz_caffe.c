/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of Caffe's networks on any files: behind a byte B a .caffemodel, else a text, a byte 0, and its weights.
 */
#include <string.h>

#include "fuzz_files.h"
#include "fuzz_memory.h"
#include "io/caffe/caffe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, false);
    const bool whole = size > 0 && data[0] == 'B';
    const uint8_t *zero = whole ? NULL : memchr(data, 0, size);
    const size_t first = zero ? (size_t)(zero - data) : size;
    char weights[256];
    fv_model *model = NULL;
    if (!fuzz_dir())
        abort();
    snprintf(weights, sizeof weights, "%s/a.caffemodel", fuzz_dir());
    fuzz_write(fuzz_dir(), "a.caffemodel", zero ? zero + 1 : data, zero ? size - first - 1 : 0);
    const fv_import_source source = {"/nowhere/fuzz", data + whole, (int64_t)(first - whole)};
    const fv_import_options options = {.img_size = {whole ? 8 : 0, whole ? 8 : 0}, .weights = whole ? NULL : weights};
    (void)fv_caffe_is(source.data, source.size);
    const fv_status status = fv_caffe_read(ctx, &source, &options, &model);
    fuzz_imported(ctx, status, model);
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
