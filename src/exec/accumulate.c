/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a batch one after another: their sums are kept like the digits of a binary counter. */
#include <string.h>

#include "base/threads.h"
#include "exec/peers.h"

enum { LEVELS = 6, STRETCH = 1 << 14 };

/* Level i holds the sum of 2^i pieces, while the counter's digit i is 1. */
typedef struct accumulate_sum {
    void *level[LEVELS];
} accumulate_sum;

struct fv_accumulate {
    fv_ctx *ctx;
    int piece, pieces; /* that run now */
    accumulate_sum *sums;
    int32_t n_sums;
};

fv_status fv_accumulate_create(fv_ctx *ctx, fv_accumulate **accumulate)
{
    fv_accumulate *a = fv_new(ctx, fv_accumulate);
    *accumulate = a;
    if (!a)
        return FV_ERR_NO_MEMORY;
    a->ctx = ctx;
    return FV_OK;
}

void fv_accumulate_destroy(fv_accumulate **accumulate)
{
    fv_accumulate *a = accumulate ? *accumulate : NULL;
    if (!a)
        return;
    for (int32_t i = 0; i < a->n_sums; i++)
        for (int level = 0; level < LEVELS; level++)
            fv_free(a->ctx, a->sums[i].level[level]);
    fv_free(a->ctx, a->sums);
    fv_free(a->ctx, a);
    *accumulate = NULL;
}

static fv_status accumulate_grow(fv_accumulate *a, int32_t index)
{
    if (index < a->n_sums)
        return FV_OK;
    int32_t n = 2 * index + 16;
    accumulate_sum *grown = fv_realloc(a->ctx, a->sums, (size_t)n * sizeof *grown);
    if (!grown)
        return FV_ERR_NO_MEMORY;
    memset(grown + a->n_sums, 0, (size_t)(n - a->n_sums) * sizeof *grown);
    a->sums = grown;
    a->n_sums = n;
    return FV_OK;
}

typedef struct add_job {
    const void *before;
    void *data;
    int64_t count;
    fv_dtype dtype;
} add_job;

/* data = before + data. */
static void add_stretch(void *arg, int64_t task, int worker)
{
    const add_job *job = arg;
    int64_t begin = task * STRETCH, end = begin + STRETCH < job->count ? begin + STRETCH : job->count;
    (void)worker;
    if (job->dtype == FV_F32)
        for (int64_t i = begin; i < end; i++)
            ((float *)job->data)[i] = ((const float *)job->before)[i] + ((float *)job->data)[i];
    else
        for (int64_t i = begin; i < end; i++)
            ((double *)job->data)[i] = ((const double *)job->before)[i] + ((double *)job->data)[i];
}

static fv_status accumulate_combine(void *user, int32_t index, void *data, int64_t count, fv_dtype dtype)
{
    fv_accumulate *a = user;
    FV_TRY(accumulate_grow(a, index));
    void **level = a->sums[index].level;
    int carry = 0;
    for (; a->piece >> carry & 1; carry++) {
        add_job job = {.before = level[carry], .data = data, .count = count, .dtype = dtype};
        fv_parallel(a->ctx, (count + STRETCH - 1) / STRETCH, 0, add_stretch, &job);
    }
    if (a->piece + 1 == a->pieces)
        return FV_OK;
    size_t bytes = (size_t)count * fv_dtype_size(dtype);
    if (!level[carry] && !(level[carry] = fv_malloc(a->ctx, bytes)))
        return FV_ERR_NO_MEMORY;
    memcpy(level[carry], data, bytes);
    return FV_OK;
}

fv_peers fv_accumulate_peers(fv_accumulate *a, int piece, int pieces)
{
    a->piece = piece;
    a->pieces = pieces;
    return (fv_peers){.combine = accumulate_combine, .user = a};
}
