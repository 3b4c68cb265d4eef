/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data split: a manifest that says which sample is for what. */
#include <sys/stat.h>

#include "data.h"
#include "show.h"
#include "watch.h"

fv_status data_split(settings *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "split");
    fv_split_report r;
    struct stat st;
    bool has_val = false;
    if (!path)
        return FV_ERR_USAGE;
    if (!c->output)
        return complain(FV_ERR_USAGE, NULL, "fovea data split: --output FILE.csv is missing");
    if (stat(c->output, &st) == 0 && !c->force)
        return complain(FV_ERR_CONFLICT, "choose another --output, or replace it with --force", "%s: exists already",
                        c->output);
    const fv_dataset_options o = {.seed = (uint64_t)c->fit.seed, .allow_empty = c->allow_empty, .task = c->task};
    fv_status status = fv_dataset_has_split(ctx, path, "val", &has_val);
    const double val = has_val && !option_given("val") ? 0 : c->val_share;
    const double test = option_given("test") ? c->test_amount : 0;
    if (status == FV_OK)
        status = fv_dataset_split(ctx, path, &o, val, test, c->output, &r);
    watch_end();
    if (status != FV_OK)
        return report(ctx, status);
    if (c->json) {
        printf("{\"train\":%lld,\"val\":%lld,\"test\":%lld,\"same_content\":%lld,\"lists_classes\":%s}\n",
               (long long)r.samples[0], (long long)r.samples[1], (long long)r.samples[2], (long long)r.same_content,
               r.lists_classes ? "true" : "false");
        return 0;
    }
    printf("%s: %lld training, %lld val, %lld test images", c->output, (long long)r.samples[0], (long long)r.samples[1],
           (long long)r.samples[2]);
    if (r.same_content)
        printf("; %lld files have the content of another one and are on its side", (long long)r.same_content);
    puts(r.lists_classes ? "; classes.txt beside it keeps the numbers of the classes" : "");
    return 0;
}
