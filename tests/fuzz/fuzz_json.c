/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "base/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fv_ctx *ctx;
    fv_doc *doc;
    if (!ctx && fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx) != FV_OK)
        return 0;
    if (fv_doc_parse_json(ctx, "input", (const char *)data, size, &doc) == FV_OK)
        fv_doc_destroy(&doc);
    return 0;
}
