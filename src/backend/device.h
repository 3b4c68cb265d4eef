/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device: memory, a queue, and its solvers. Programs keep packed weights on it, instances their activations; what
 * goes in and comes out is copied by it. A device is one folder with one table of this type; the processor itself is
 * the first (fv_cpu_device).
 */
#ifndef FV_BACKEND_DEVICE_H
#define FV_BACKEND_DEVICE_H

#include "backend/solver.h"

typedef struct fv_device {
    const char *name; /* "cpu" */
    void *user;       /* the device's own, handed to every hook */
    /* Its addresses are the host's: weights and inputs need no copies. Else nothing but its hooks may follow them. */
    bool host_memory;
    /* `size` bytes, FV_ALIGN aligned and with FV_TAIL_PAD readable bytes behind; NULL with NO_MEMORY recorded. */
    void *(*alloc)(void *user, fv_ctx *ctx, size_t size);
    void (*release)(void *user, fv_ctx *ctx, void *memory);
    /* Host to device, device to host, and one byte repeated; in the order of the queue, done when they return. */
    void (*upload)(void *user, void *dst, const void *src, size_t size);
    void (*download)(void *user, void *dst, const void *src, size_t size);
    void (*fill)(void *user, void *dst, int byte, size_t size);
    /* Queues work(arg), which may follow device addresses and runs in order of submission; the device may run it at
     * once. */
    void (*submit)(void *user, void (*work)(void *arg), void *arg);
    /* Waits until everything submitted is done. */
    void (*synchronize)(void *user);
    /* Who computes on it, ends with NULL. */
    const fv_solver_provider *const *providers;
} fv_device;

/* The host: plain memory of the context, work done at once by the calling thread and the context's pool. */
extern const fv_device fv_cpu_device;

/* The device that programs of this context are compiled for: fv_cpu_device until another one was set. The device must
 * outlive the context. Not while programs of the context exist. */
const fv_device *fv_device_of(const fv_ctx *ctx);
fv_status fv_device_use(fv_ctx *ctx, const fv_device *device);

#endif
