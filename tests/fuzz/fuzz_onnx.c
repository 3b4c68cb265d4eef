/* SPDX-License-Identifier: Apache-2.0 */
/* The importer of ONNX on any bytes: within a bound of memory, and what it accepts is a model. */
#include <stdlib.h>

#include "io/onnx/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of some kilobytes has no need of more: 16 times its size and 64 MB are the most that an import may take. */
static void *bounded_alloc(void *user, size_t size, size_t align)
{
    void *ptr = NULL;
    (void)user;
    return size <= (size_t)80 << 20 && posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
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
    const fv_import_source source = {"/nowhere/fuzz.onnx", data, (int64_t)size};
    const fv_import_options sizes = {.img_size = {8, 8}};
    fv_ctx *ctx = NULL;
    fv_model *model = NULL;
    if (fv_ctx_create(&options, &ctx) != FV_OK)
        abort();
    (void)fv_onnx_is(data, (int64_t)size);
    if (fv_onnx_read(ctx, &source, &sizes, &model) == FV_OK) {
        fv_port_info port;
        if (!fv_model_port(model, true, 0, &port) || !port.name)
            abort(); /* a model has an output */
        fv_model_destroy(&model);
    } else if (model || !*fv_ctx_error(ctx)) {
        abort(); /* a refusal says why */
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
