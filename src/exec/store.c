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
    pthread_mutex_t mutex; /* guards the copies */
    store_copy *copies;
    int32_t count, room;
};

fv_status fv_store_create(fv_ctx *ctx, const fv_binding *binding, fv_store **store)
{
    *store = fv_new(ctx, fv_store);
    if (!*store)
        return FV_ERR_NO_MEMORY;
    **store = (fv_store){.ctx = ctx, .device = fv_device_of(ctx), .binding = *binding};
    pthread_mutex_init(&(*store)->mutex, NULL);
    return FV_OK;
}

void fv_store_clear(fv_store *s)
{
    for (int32_t i = 0; i < s->count; i++) {
        s->device->release(s->device->user, s->ctx, s->copies[i].device);
        fv_free(s->ctx, s->copies[i].name);
    }
    s->count = 0;
}

void fv_store_destroy(fv_store **store)
{
    fv_store *s = store ? *store : NULL;
    if (!s)
        return;
    fv_store_clear(s);
    pthread_mutex_destroy(&s->mutex);
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
    pthread_mutex_lock(&s->mutex);
    fv_status status = FV_OK;
    for (int32_t i = 0; i < s->count && !*data; i++) {
        if (strcmp(s->copies[i].name, val->name) == 0)
            *data = s->copies[i].device;
    }
    if (!*data)
        status = store_add(s, val->name, host, bytes, data);
    pthread_mutex_unlock(&s->mutex);
    return status;
}

void fv_store_upload(fv_store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    for (int32_t i = 0; i < s->count; i++)
        s->device->upload(s->device->user, s->copies[i].device, s->copies[i].host, s->copies[i].bytes);
    pthread_mutex_unlock(&s->mutex);
}

void fv_store_download(fv_store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    for (int32_t i = 0; i < s->count; i++)
        s->device->download(s->device->user, s->copies[i].host, s->copies[i].device, s->copies[i].bytes);
    pthread_mutex_unlock(&s->mutex);
}
