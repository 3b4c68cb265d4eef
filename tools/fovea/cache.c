/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <string.h>
#include <sys/stat.h>

static char packed[4300];

fv_status cache_on_disk(fv_ctx *ctx, cli *c, const char *dir)
{
    struct stat st;
    if (c->cache != CACHE_DISK)
        return FV_OK;
    snprintf(packed, sizeof packed, "%s/cache.fvpack", dir);
    c->packed = packed;
    if (stat(packed, &st) == 0)
        return FV_OK;
    fv_packer *packer = NULL;
    fv_pack_report r;
    int64_t samples = 0, bytes = 0;
    const fv_dataset_options o = {.val_split = c->val_split,
                                  .seed = (uint64_t)c->seed,
                                  .allow_extra = c->allow_extra,
                                  .allow_empty = c->allow_empty,
                                  .max_bad = c->max_bad > 0 ? c->max_bad : 1e-12, /* 0 would be the default */
                                  .quarantine_csv = c->quarantine,
                                  .decode = {c->max_pixels, c->ignore_exif, c->salvage},
                                  .task = c->task};
    fv_status status = fv_packer_create(ctx, c->data, &o, &(fv_pack_options){.raw = true}, &packer);
    if (status == FV_OK)
        status = fv_packer_size(packer, &samples, &bytes);
    if (status == FV_OK) {
        note("cache: %lld images, about %.1f MB in %s", (long long)samples, (double)bytes / 1048576, packed);
        status = fv_packer_write(packer, packed, &r);
    }
    fv_packer_destroy(&packer);
    return status;
}

fv_status cache_in_memory(fv_ctx *ctx, const cli *c, const fv_model *model, int64_t planned, fv_dataset *train,
                          fv_dataset *val)
{
    int64_t left = fv_ctx_memory_limit(ctx) - planned;
    fv_dataset *sets[] = {train, val};
    static const char *const names[] = {"training", "validation"};
    for (int i = 0; i < 2 && c->cache == CACHE_RAM; i++) {
        int64_t bytes = 0;
        if (!sets[i])
            continue;
        FV_TRY(fv_dataset_cache(sets[i], fv_model_pipeline(model), left, &bytes));
        if (bytes == 0) {
            note("cache: the %s images are in memory or stored as pixels already", names[i]);
            continue;
        }
        note("cache: %s images need about %.1f MB, %s %.1f MB", names[i], (double)bytes / 1048576,
             bytes <= left ? "which fit into" : "of which as many are kept as fit into", (double)left / 1048576);
        const int64_t enough = bytes + bytes / 4 + (1 << 20); /* sizes vary; the rest is the other set's */
        if (enough < left)
            FV_TRY(fv_dataset_cache(sets[i], fv_model_pipeline(model), enough, &bytes));
        left -= enough < left ? enough : left;
        if (left == 0)
            break;
    }
    return FV_OK;
}
