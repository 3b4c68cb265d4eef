/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors that belong to others, on the device: themselves where its memory is the host's, else copies. */
#include <string.h>

#include "exec/internal.h"

typedef struct store_copy {
    char *name;
    void *host, *device;
    size_t bytes;
} store_copy;

struct fv_store {
    fv_ctx *ctx;
    const fv_device *device;
    fv_binding binding;
    store_copy *copies;
    int32_t count, room;
};

fv_status fv_store_create(fv_ctx *ctx, const fv_binding *binding, fv_store **store)
{
    *store = fv_new(ctx, fv_store);
    if (!*store)
        return FV_ERR_NO_MEMORY;
    **store = (fv_store){.ctx = ctx, .device = fv_device_of(ctx), .binding = *binding};
    return FV_OK;
}

void fv_store_destroy(fv_store **store)
{
    fv_store *s = store ? *store : NULL;
    if (!s)
        return;
    for (int32_t i = 0; i < s->count; i++) {
        s->device->release(s->device->user, s->ctx, s->copies[i].device);
        fv_free(s->ctx, s->copies[i].name);
    }
    fv_free(s->ctx, s->copies);
    fv_free(s->ctx, s);
    *store = NULL;
}

/* Appends a copy of `host`, which is already there for the device to read. */
static fv_status store_add(fv_store *s, const char *name, void *host, size_t bytes, void **data)
{
    if (s->count == s->room) {
        int32_t room = s->room ? 2 * s->room : 32;
        store_copy *copies = fv_realloc(s->ctx, s->copies, (size_t)room * sizeof *copies);
        if (!copies)
            return FV_ERR_NO_MEMORY;
        s->copies = copies;
        s->room = room;
    }
    store_copy copy = {.name = fv_strdup(s->ctx, name), .host = host, .bytes = bytes};
    copy.device = copy.name ? s->device->alloc(s->device->user, s->ctx, bytes > 0 ? bytes : 1) : NULL;
    if (!copy.device) {
        fv_free(s->ctx, copy.name);
        return FV_ERR_NO_MEMORY;
    }
    s->device->upload(s->device->user, copy.device, host, bytes);
    s->copies[s->count++] = copy;
    *data = copy.device;
    return FV_OK;
}

fv_status fv_store_find(fv_store *s, const fv_val *val, void **data)
{
    *data = NULL;
    void *host = s->binding.find ? s->binding.find(s->binding.user, val->name, &val->shape) : NULL;
    if (!host)
        return FV_OK;
    if (s->device->host_memory) {
        *data = host;
        return FV_OK;
    }
    const size_t bytes = (size_t)fv_shape_count(&val->shape) * fv_dtype_size(val->dtype);
    for (int32_t i = 0; i < s->count; i++) {
        store_copy *c = &s->copies[i];
        if (strcmp(c->name, val->name) != 0)
            continue;
        if (c->host == host && c->bytes == bytes) {
            *data = c->device;
            return FV_OK;
        }
        /* A model with another head: no program uses the old copy any more. */
        s->device->release(s->device->user, s->ctx, c->device);
        fv_free(s->ctx, c->name);
        *c = s->copies[--s->count];
        break;
    }
    return store_add(s, val->name, host, bytes, data);
}

void fv_store_upload(fv_store *s)
{
    for (int32_t i = 0; s && i < s->count; i++)
        s->device->upload(s->device->user, s->copies[i].device, s->copies[i].host, s->copies[i].bytes);
}

void fv_store_download(fv_store *s)
{
    for (int32_t i = 0; s && i < s->count; i++)
        s->device->download(s->device->user, s->copies[i].host, s->copies[i].device, s->copies[i].bytes);
}
