/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: many small objects with one lifetime (a graph, a parsed document), freed together. */
#ifndef FV_BASE_ARENA_H
#define FV_BASE_ARENA_H

#include "base/ctx.h"

typedef struct fv_arena fv_arena;

fv_status fv_arena_create(fv_ctx *ctx, fv_arena **arena);
void fv_arena_destroy(fv_arena **arena);
/* Zeroed, 16-byte aligned; NULL on failure (NO_MEMORY recorded). Lives until the arena is destroyed. */
void *fv_arena_alloc(fv_arena *arena, size_t size);
char *fv_arena_strdup(fv_arena *arena, const char *text);
char *fv_arena_printf(fv_arena *arena, const char *format, ...) FV_PRINTF(2, 3);
void *fv_arena_memdup(fv_arena *arena, const void *data, size_t size);

#endif
