/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/peers.h"

#include "base/ctx.h"
#include "ops/ops.h"
#include "ops/ref.h"

fv_status fv_piece_shards(fv_ctx *ctx, const fv_batch_part *part, int64_t samples, int *shards)
{
    int64_t total = part->total;
    int whole = part->shards > 0 ? part->shards : fv_shards(total);
    if (total < 1 || whole > FV_SHARDS_MAX || (whole & (whole - 1)) != 0 || total % whole != 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "a batch of %lld samples in %d shards: expected a power of two up to %d that divides the batch",
                       (long long)total, whole, FV_SHARDS_MAX);
    int64_t per = total / whole, count = samples / per;
    if (samples < 1 || samples > total || samples % per != 0 || (count & (count - 1)) != 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "a piece of %lld samples of a batch of %lld: the batch has %d shards of %lld samples, and a "
                       "piece must be a power of two of them",
                       (long long)samples, (long long)total, whole, (long long)per);
    *shards = (int)count;
    return FV_OK;
}
