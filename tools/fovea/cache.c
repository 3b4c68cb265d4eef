/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"
#include "run_dir.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static char packed[4300];
static bool written; /* by this process */

static const char *const split_names[] = {"train", "val", "test"};

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static void mix(uint64_t *key, const char *text)
{
    for (; *text; text++)
        *key = (*key ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
}

/* A number for all that the cached pixels and labels depend on. */
static fv_status find_key(fv_ctx *ctx, const char *path, const fv_dataset_options *options, uint64_t *key)
{
    char text[128];
    bool has_train = false;
    *key = UINT64_C(0xcbf29ce484222325);
    for (int s = 0; s < 3; s++) {
        bool has = false;
        fv_dataset *d = NULL;
        fv_dataset_options o = *options;
        o.split = split_names[s];
        o.quarantine_csv = NULL;
        FV_TRY(fv_dataset_has_split(ctx, path, o.split, &has));
        has_train = has_train || (s == 0 && has);
        if (!has && !(s == 1 && o.val_split > 0 && has_train))
            continue;
        FV_TRY(fv_dataset_open(ctx, path, &o, &d));
        snprintf(text, sizeof text, "%s %d ", o.split, (int)fv_dataset_task(d));
        mix(key, text);
        fv_dataset_fingerprint(d, text);
        mix(key, text);
        fv_dataset_destroy(&d);
    }
    snprintf(text, sizeof text, " max_pixels=%lld ignore_exif=%d salvage=%d", (long long)options->decode.max_pixels,
             options->decode.ignore_exif, options->decode.salvage);
    mix(key, text);
    return FV_OK;
}

/* Whether the packed file is there and all of it can be read; `why` has room for what is wrong with it. */
static fv_status is_sound(fv_ctx *ctx, const char *path, bool *sound, char *why, size_t size)
{
    fv_status status = FV_OK;
    bool any = false;
    for (int s = 0; s < 3 && status == FV_OK; s++) {
        bool has = false;
        fv_dataset *d = NULL;
        status = fv_dataset_has_split(ctx, path, split_names[s], &has);
        if (status != FV_OK || !has)
            continue;
        any = true;
        status = fv_dataset_open(ctx, path, &(fv_dataset_options){.split = split_names[s]}, &d);
        if (status == FV_OK)
            status = fv_dataset_check_sums(d);
        fv_dataset_destroy(&d);
    }
    *sound = status == FV_OK && any;
    snprintf(why, size, "%s", status == FV_OK ? "no split in it" : fv_ctx_error(ctx));
    return status == FV_ERR_NO_MEMORY ? status : FV_OK;
}

/* Caches of other data in the run's folder: only ours, by their names. */
static void remove_others(const char *dir, const char *keep)
{
    struct dirent *entry;
    DIR *folder = opendir(dir);
    while (folder && (entry = readdir(folder))) {
        char path[4400];
        uint64_t key;
        int end = 0;
        if (sscanf(entry->d_name, "cache-%16" SCNx64 ".fvpack%n", &key, &end) != 1 || end == 0 || entry->d_name[end])
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (strcmp(path, keep) == 0)
            continue;
        note("cache: %s is of other data or other decoding options: removed", path);
        remove(path);
    }
    if (folder)
        closedir(folder);
}

static fv_status write_cache(fv_ctx *ctx, const settings *c, const fv_dataset_options *options)
{
    fv_packer *packer = NULL;
    fv_pack_report r;
    int64_t samples = 0, bytes = 0;
    const fv_pack_options pack = {.raw = true, .keep_bad = true};
    fv_status status = fv_packer_create(ctx, c->data, options, &pack, &packer);
    if (status == FV_OK)
        status = fv_packer_size(packer, &samples, &bytes);
    if (status == FV_OK) {
        note("cache: %lld images, about %.1f MB in %s", (long long)samples, (double)bytes / 1048576, packed);
        status = fv_packer_write(packer, packed, &r);
    }
    fv_packer_destroy(&packer);
    written = status == FV_OK;
    return status;
}

fv_status cache_on_disk(fv_ctx *ctx, settings *c, const char *dir)
{
    struct stat st;
    uint64_t key;
    char why[1024];
    if (c->cache != CACHE_DISK)
        return FV_OK;
    const fv_dataset_options o = data_options(c);
    FV_TRY(find_key(ctx, c->data, &o, &key));
    snprintf(packed, sizeof packed, "%s/cache-%016" PRIx64 ".fvpack", dir, key);
    c->packed = packed;
    if (stat(packed, &st) == 0) {
        bool sound = false;
        FV_TRY(is_sound(ctx, packed, &sound, why, sizeof why));
        if (sound)
            return FV_OK;
        warn("cache: %s: damaged, and made anew: %s", packed, why);
    }
    return write_cache(ctx, c, &o);
}

void cache_settle(const char *dir, bool begun)
{
    if (packed[0] && begun)
        remove_others(dir, packed);
    else if (written)
        remove(packed);
}

fv_status cache_in_memory(const settings *c, const fv_model *model, int64_t *left, fv_dataset *train, fv_dataset *val)
{
    fv_dataset *sets[] = {train, val};
    static const char *const names[] = {"training", "validation"};
    if (c->cache != CACHE_NONE && fv_model_pipeline(model)->fast_decode)
        return complain(FV_ERR_CONFLICT, "leave --cache out",
                        "--cache holds whole images, and this model was trained with --fast-decode");
    for (int i = 0; i < 2 && c->cache == CACHE_RAM; i++) {
        int64_t bytes = 0;
        if (!sets[i])
            continue;
        FV_TRY(fv_dataset_cache(sets[i], fv_model_pipeline(model), *left, &bytes));
        if (bytes == 0) {
            note("cache: the %s images are in memory or stored as pixels already", names[i]);
            continue;
        }
        note("cache: %s images need about %.1f MB, %s %.1f MB", names[i], (double)bytes / 1048576,
             bytes <= *left ? "which fit into" : "of which as many are kept as fit into", (double)*left / 1048576);
        const int64_t enough = bytes + bytes / 4 + (1 << 20); /* sizes vary; the rest is the other set's */
        if (enough < *left)
            FV_TRY(fv_dataset_cache(sets[i], fv_model_pipeline(model), enough, &bytes));
        *left -= enough < *left ? enough : *left;
        if (*left == 0)
            break;
    }
    return FV_OK;
}
