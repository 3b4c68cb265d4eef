/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of upper floors that live as long as the context. */
#include "base/ctx_impl.h"

fv_status fv_ctx_attach(fv_ctx *ctx, const void *key, void *object, void (*destroy)(fv_ctx *ctx, void *object))
{
    fv_attachment *a = fv_new(ctx, fv_attachment);
    if (!a)
        return FV_ERR_NO_MEMORY;
    *a = (fv_attachment){.key = key, .object = object, .destroy = destroy, .next = ctx->attachments};
    ctx->attachments = a;
    return FV_OK;
}

void *fv_ctx_attached(const fv_ctx *ctx, const void *key)
{
    for (const fv_attachment *a = ctx->attachments; a; a = a->next) {
        if (a->key == key)
            return a->object;
    }
    return NULL;
}

void fv_ctx_detach_all(fv_ctx *ctx)
{
    while (ctx->attachments) {
        fv_attachment *a = ctx->attachments;
        ctx->attachments = a->next;
        a->destroy(ctx, a->object);
        fv_free(ctx, a);
    }
}
