/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets for buffers with known lifetimes: greedy by size, best fit (Pisarchyk and Lee, "Efficient memory management
 * for deep neural net inference", 2020). */
#include <stdlib.h>

#include "plan/plan.h"

#define FV_NO_OFFSET INT64_MAX

static const fv_block *block_of(const void *p)
{
    return *(fv_block *const *)p;
}

/* Largest first; among equals the one in use first, then the one listed first, so that the order is total. */
static int block_order(const void *pa, const void *pb)
{
    const fv_block *a = block_of(pa), *b = block_of(pb);
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a < b ? -1 : a > b;
}

static bool block_meet(const fv_block *a, const fv_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The smallest gap between placed blocks (sorted by offset) that holds `block`; else behind them all. */
static int64_t block_fit(fv_block *const *placed, int32_t count, const fv_block *block)
{
    int64_t best = FV_NO_OFFSET, best_gap = INT64_MAX, end = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!block_meet(placed[i], block))
            continue;
        int64_t gap = placed[i]->offset - end;
        if (gap >= block->size && gap < best_gap) {
            best = end;
            best_gap = gap;
        }
        int64_t behind = placed[i]->offset + placed[i]->size;
        end = behind > end ? behind : end;
    }
    return best == FV_NO_OFFSET ? end : best;
}

fv_status fv_memory_plan(fv_ctx *ctx, fv_block *blocks, int32_t count, int64_t *total)
{
    int64_t all = 0;
    *total = 0;
    if (count == 0)
        return FV_OK;
    for (int32_t i = 0; i < count; i++) {
        fv_block *b = &blocks[i];
        if (b->size < 0 || b->size > INT64_MAX - (int64_t)FV_ALIGN || b->first > b->last)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_memory_plan: block %d has an impossible size or lifetime", (int)i);
        b->size = (b->size + (int64_t)FV_ALIGN - 1) / (int64_t)FV_ALIGN * (int64_t)FV_ALIGN;
        if (!fv_size_add(all, b->size, &all))
            return fv_fail(ctx, FV_ERR_OVER_BUDGET, "the buffers together are larger than 2^63 bytes");
    }
    fv_block **order = fv_malloc(ctx, (size_t)count * 2 * sizeof(fv_block *));
    if (!order)
        return FV_ERR_NO_MEMORY;
    fv_block **placed = order + count;
    for (int32_t i = 0; i < count; i++)
        order[i] = &blocks[i];
    qsort(order, (size_t)count, sizeof(fv_block *), block_order);
    for (int32_t i = 0; i < count; i++) {
        fv_block *b = order[i];
        b->offset = block_fit(placed, i, b);
        if (b->offset + b->size > *total)
            *total = b->offset + b->size;
        int32_t at = i;
        for (; at > 0 && placed[at - 1]->offset > b->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = b;
    }
    fv_free(ctx, order);
    return FV_OK;
}
