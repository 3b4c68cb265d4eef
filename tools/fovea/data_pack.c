/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data pack: a data set as one file, or as shards. */
#include <string.h>
#include <sys/stat.h>

#include "data.h"
#include "show.h"
#include "watch.h"

enum { FORMAT_FVPACK, FORMAT_TAR };
enum { RESIZE_AUTO, RESIZE_STRETCH, RESIZE_CROP };

/* "1.5 GB" in powers of ten. */
static const char *size_text(int64_t bytes, char text[32])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1000 && unit < 5) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 32, unit ? "%.3g %s" : "%.0f %s", value, units[unit]);
    return text;
}

static fv_status check_flags(const settings *c)
{
    if (!c->output)
        return complain(FV_ERR_USAGE, NULL, "fovea data pack: --output is missing");
    if (c->raw_pixels && c->original)
        return complain(FV_ERR_CONFLICT, NULL, "fovea data pack: --raw or --original, not both");
    if (!c->raw_pixels && (option_given("img-size") || option_given("resize")))
        return complain(FV_ERR_CONFLICT, "add --raw, or drop it", "fovea data pack: --%s is for --raw",
                        option_given("img-size") ? "img-size" : "resize");
    if (option_given("resize") && !option_given("img-size"))
        return complain(FV_ERR_CONFLICT, NULL, "fovea data pack: --resize needs --img-size");
    if (c->format != FORMAT_TAR && option_given("shard-size"))
        return complain(FV_ERR_CONFLICT, NULL, "fovea data pack: --shard-size is for --format tar");
    struct stat st;
    if (c->format == FORMAT_FVPACK && !c->force && stat(c->output, &st) == 0 && S_ISREG(st.st_mode))
        return complain(FV_ERR_CONFLICT, "choose another --output, or replace it with --force", "%s: exists already",
                        c->output);
    return FV_OK;
}

static void print_report(const settings *c, const fv_pack_report *r)
{
    char size[32];
    if (c->json) {
        fputs("{\"output\":", stdout);
        json_t *name = show_json(c->output);
        json_dumpf(name, stdout, JSON_ENCODE_ANY);
        json_decref(name);
        printf(",\"train\":%lld,\"val\":%lld,\"test\":%lld,\"left_out\":%lld,\"files\":%lld,\"bytes\":%lld}\n",
               (long long)r->samples[0], (long long)r->samples[1], (long long)r->samples[2], (long long)r->left_out,
               (long long)r->files, (long long)r->bytes);
        return;
    }
    printf("%s: %lld training, %lld val, %lld test images in %lld file%s, %s", c->output, (long long)r->samples[0],
           (long long)r->samples[1], (long long)r->samples[2], (long long)r->files, r->files == 1 ? "" : "s",
           size_text(r->bytes, size));
    if (r->left_out)
        printf("; %lld unreadable images left out", (long long)r->left_out);
    putchar('\n');
}

fv_status data_pack(settings *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "pack");
    if (!path)
        return FV_ERR_USAGE;
    FV_TRY(check_flags(c));
    fv_packer *packer = NULL;
    const fv_dataset_options o = data_options(c);
    const bool sized = option_given("img-size");
    const fv_pack_options p = {.shards = c->format == FORMAT_TAR,
                               .raw = c->raw_pixels,
                               .h = sized ? c->img_size[0] : 0,
                               .w = sized ? c->img_size[1] : 0,
                               .crop = c->resize == RESIZE_CROP,
                               .shard_bytes = c->shard_size};
    fv_pack_report r;
    int64_t samples = 0, bytes = 0;
    char size[32];
    fv_status status = fv_packer_create(ctx, path, &o, &p, &packer);
    if (status == FV_OK)
        status = fv_packer_size(packer, &samples, &bytes);
    if (status == FV_OK) {
        note("%s: %lld images, about %s", c->output, (long long)samples, size_text(bytes, size));
        status = fv_packer_write(packer, c->output, &r);
    }
    watch_end();
    if (status == FV_OK)
        print_report(c, &r);
    fv_packer_destroy(&packer);
    return report(ctx, status);
}
