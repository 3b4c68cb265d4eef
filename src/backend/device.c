/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a device, and which device a context computes on. */
#include "backend/device.h"

#include <string.h>

static void *host_alloc(void *user, fv_ctx *ctx, size_t size)
{
    (void)user;
    return fv_malloc(ctx, size);
}

static void host_release(void *user, fv_ctx *ctx, void *memory)
{
    (void)user;
    fv_free(ctx, memory);
}

static void host_copy(void *user, void *dst, const void *src, size_t size)
{
    (void)user;
    memcpy(dst, src, size);
}

static void host_fill(void *user, void *dst, int byte, size_t size)
{
    (void)user;
    memset(dst, byte, size);
}

static void host_submit(void *user, void (*work)(void *arg), void *arg)
{
    (void)user;
    work(arg);
}

static void host_synchronize(void *user)
{
    (void)user;
}

const fv_device fv_cpu_device = {
    .name = "cpu",
    .host_memory = true,
    .alloc = host_alloc,
    .release = host_release,
    .upload = host_copy,
    .download = host_copy,
    .fill = host_fill,
    .submit = host_submit,
    .synchronize = host_synchronize,
    .providers = fv_cpu_providers,
};

static const char device_key;

const fv_device *fv_device_of(const fv_ctx *ctx)
{
    const fv_device *device = fv_ctx_attached(ctx, &device_key);
    return device ? device : &fv_cpu_device;
}

static void forget(fv_ctx *ctx, void *device)
{
    (void)ctx;
    (void)device;
}

fv_status fv_device_use(fv_ctx *ctx, const fv_device *device)
{
    return fv_ctx_attach(ctx, &device_key, (void *)(uintptr_t)device, forget);
}
