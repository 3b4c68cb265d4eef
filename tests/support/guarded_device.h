/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second device for tests, whose memory the host may not touch: it computes on the processor with the CPU's solvers,
 * but its memory is mapped without access except inside its own hooks. A read or write from anywhere else ends the
 * test. One caller thread at a time.
 */
#ifndef FV_TESTS_GUARDED_DEVICE_H
#define FV_TESTS_GUARDED_DEVICE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/device.h"

#define GUARDED_ROOM ((size_t)2 << 30) /* addresses; memory is taken as it is touched */

typedef struct guarded_memory {
    char *base;
    size_t used;
    int open;                                          /* depth of hooks that have access */
    int64_t uploads, downloads, submits, live, opened; /* counts, for the test to see that the device was used */
} guarded_memory;

static inline void guarded_open(guarded_memory *m)
{
    if (m->open++ == 0 && m->used > 0 && mprotect(m->base, m->used, PROT_READ | PROT_WRITE) != 0)
        abort();
    m->opened++;
}

static inline void guarded_close(guarded_memory *m)
{
    if (--m->open == 0 && m->used > 0 && mprotect(m->base, m->used, PROT_NONE) != 0)
        abort();
}

static inline void *guarded_alloc(void *user, fv_ctx *ctx, size_t size)
{
    guarded_memory *m = user;
    size_t room = (size + FV_TAIL_PAD + 4095) / 4096 * 4096;
    if (m->used + room > GUARDED_ROOM) {
        fv_fail_memory(ctx, size, "the guarded device");
        return NULL;
    }
    char *data = m->base + m->used;
    m->used += room;
    m->live++;
    if (m->open && mprotect(data, room, PROT_READ | PROT_WRITE) != 0)
        abort();
    return data;
}

/* Addresses are never used again, so that a stale one is found too. */
static inline void guarded_release(void *user, fv_ctx *ctx, void *memory)
{
    guarded_memory *m = user;
    (void)ctx;
    if ((char *)memory < m->base || (char *)memory >= m->base + m->used)
        abort();
    m->live--;
}

static inline void guarded_upload(void *user, void *dst, const void *src, size_t size)
{
    guarded_memory *m = user;
    guarded_open(m);
    memcpy(dst, src, size);
    guarded_close(m);
    m->uploads++;
}

static inline void guarded_download(void *user, void *dst, const void *src, size_t size)
{
    guarded_memory *m = user;
    guarded_open(m);
    memcpy(dst, src, size);
    guarded_close(m);
    m->downloads++;
}

static inline void guarded_fill(void *user, void *dst, int byte, size_t size)
{
    guarded_memory *m = user;
    guarded_open(m);
    memset(dst, byte, size);
    guarded_close(m);
}

static inline void guarded_submit(void *user, void (*work)(void *arg), void *arg)
{
    guarded_memory *m = user;
    guarded_open(m);
    work(arg);
    guarded_close(m);
    m->submits++;
}

static inline void guarded_synchronize(void *user)
{
    (void)user;
}

static inline void guarded_begin(guarded_memory *m, fv_device *device)
{
    *m = (guarded_memory){.base =
                              mmap(NULL, GUARDED_ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    if (m->base == MAP_FAILED)
        abort();
    *device = (fv_device){.name = "guarded",
                          .user = m,
                          .alloc = guarded_alloc,
                          .release = guarded_release,
                          .upload = guarded_upload,
                          .download = guarded_download,
                          .fill = guarded_fill,
                          .submit = guarded_submit,
                          .synchronize = guarded_synchronize,
                          .providers = fv_cpu_providers};
}

static inline void guarded_end(guarded_memory *m)
{
    munmap(m->base, GUARDED_ROOM);
}

#endif
