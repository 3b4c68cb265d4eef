/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of darknet's networks on any two files: the text, a byte 0, and the weights behind it. */
#include <stdlib.h>
#include <string.h>

#include <fovea/fovea.h>

#include "fuzz_files.h"
#include "fuzz_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "[net]\nwidth=8\nheight=8\nchannels=4\n";
    fuzz_memory memory;
    fv_ctx *ctx = fuzz_ctx(&memory, size, true);
    const uint8_t *zero = memchr(data, 0, size);
    const size_t text = zero ? (size_t)(zero - data) : size, rest = zero ? size - text - 1 : 0;
    char cfg[256], weights[256];
    uint8_t *whole = malloc(text + sizeof head);
    fv_model *model = NULL;
    if (!fuzz_dir() || !whole)
        abort();
    /* An input that begins with a layer gets the network's section. */
    const size_t before = text > 1 && data[0] == '[' && data[1] != 'n' ? sizeof head - 1 : 0;
    memcpy(whole, head, before);
    memcpy(whole + before, data, text);
    fuzz_write(fuzz_dir(), "a.cfg", whole, before + text);
    fuzz_write(fuzz_dir(), "a.weights", zero ? zero + 1 : data, rest);
    snprintf(cfg, sizeof cfg, "%s/a.cfg", fuzz_dir());
    snprintf(weights, sizeof weights, "%s/a.weights", fuzz_dir());
    const fv_status status = fv_model_import(ctx, cfg, &(fv_import_options){.weights = weights}, &model);
    fuzz_imported(ctx, status, model);
    fuzz_ctx_end(ctx, &memory);
    free(whole);
    return 0;
}
