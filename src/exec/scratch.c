/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that instances take turns in. */
#include "exec/scratch.h"

fv_status fv_scratch_create(fv_ctx *ctx, fv_scratch **scratch)
{
    *scratch = fv_new(ctx, fv_scratch);
    if (!*scratch)
        return FV_ERR_NO_MEMORY;
    (*scratch)->ctx = ctx;
    (*scratch)->device = fv_device_of(ctx);
    return FV_OK;
}

void fv_scratch_destroy(fv_scratch **scratch)
{
    fv_scratch *s = scratch ? *scratch : NULL;
    if (!s)
        return;
    if (s->data)
        s->device->release(s->device->user, s->ctx, s->data);
    fv_free(s->ctx, s);
    *scratch = NULL;
}

fv_status fv_scratch_reserve(fv_scratch *s, int64_t bytes)
{
    if (s->data && s->size >= bytes)
        return FV_OK;
    if (s->data)
        s->device->release(s->device->user, s->ctx, s->data);
    s->size = bytes > 0 ? bytes : 1;
    s->data = s->device->alloc(s->device->user, s->ctx, (size_t)s->size);
    if (!s->data)
        s->size = 0;
    for (fv_instance *i = s->instances; s->data && i; i = i->next)
        fv_instance_bind(i);
    return s->data ? FV_OK : FV_ERR_NO_MEMORY;
}

void fv_scratch_join(fv_scratch *s, fv_instance *instance)
{
    instance->scratch = s;
    instance->next = s->instances;
    s->instances = instance;
}

void fv_scratch_leave(fv_scratch *s, fv_instance *instance)
{
    fv_instance **at = &s->instances;
    while (*at && *at != instance)
        at = &(*at)->next;
    if (*at)
        *at = instance->next;
}
