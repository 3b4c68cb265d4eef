/* SPDX-License-Identifier: Apache-2.0 */
/* fovea features: what layers of a network make of the images of a data set, as a file. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backbone.h"
#include "output.h"
#include "show.h"
#include "watch.h"

typedef struct job {
    backbone b;
    fv_dataset *data;
    fv_feature_table *table;
    const char *split;
} job;

/* The folder that a file lies in. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash && slash > path ? (int)(slash - path) : 1, slash ? path : ".");
}

static fv_status compute(fv_ctx *ctx, settings *c, job *j)
{
    char folder[PATH_MAX];
    const bool all = c->layer && strcmp(c->layer, "all") == 0;
    const fv_features_options options = backbone_options(c, all ? FV_POOLING_AVG : FV_POOLING_NONE);
    if (options.pool == FV_POOLING_NONE && option_given("grid"))
        return complain(FV_ERR_CONFLICT, "add --pool avg, max or gem",
                        "--grid has no effect here: maps stay as they are");
    FV_TRY(backbone_open(ctx, c, &options, &j->b));
    int stages = 0;
    while (fv_features_stage(j->b.features, stages))
        stages++;
    FV_TRY(fv_feature_file_check(ctx, c->output, stages));
    FV_TRY(backbone_data(ctx, c, &j->b, NULL, &j->split, &j->data));
    folder_of(c->output, folder);
    FV_TRY(backbone_rows(ctx, c, &j->b, j->data, folder, &j->table));
    return fv_feature_table_write(j->table, c->output);
}

static void print_json(const settings *c, const job *j)
{
    json_t *stages = json_array();
    for (int i = 0; fv_feature_table_stage(j->table, i); i++) {
        const fv_feature_stage *s = fv_feature_table_stage(j->table, i);
        json_array_append_new(stages, json_pack("{s:o, s:s, s:I}", "layer", show_json(s->name), "pool",
                                                fv_pooling_names()[s->pool], "numbers", (json_int_t)s->width));
    }
    json_t *all =
        json_pack("{s:o, s:o, s:s, s:I, s:o}", "file", show_json(c->output), "data", show_json(c->data), "split",
                  j->split, "samples", (json_int_t)fv_feature_table_count(j->table), "layers", stages);
    json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
}

static void print_text(const settings *c, const job *j)
{
    char text[96];
    printf("%s: %lld images of %s (%s)\n", c->output, (long long)fv_feature_table_count(j->table), c->data, j->split);
    for (int i = 0; fv_feature_table_stage(j->table, i); i++) {
        const fv_feature_stage *s = fv_feature_table_stage(j->table, i);
        const fv_shape value = s->shape;
        printf("  %-40s %s", s->name, fv_shape_text(&value, text));
        if (s->pool != FV_POOLING_NONE)
            printf(" pooled (%s)", fv_pooling_names()[s->pool]);
        printf(": %lld numbers\n", (long long)s->width);
    }
}

fv_status verb_features(settings *c)
{
    fv_ctx *ctx;
    job j = {.data = NULL};
    if (!c->data || !option_given("model") || !c->output)
        return complain(
            FV_ERR_USAGE, NULL,
            "fovea features: --model NAME|FILE, --data PATH and --output FILE.npy|.npz|.csv|.safetensors are "
            "needed");
    FV_TRY(output_check(c, c->data, "output", c->output, OUTPUT_FEATURES));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, ctx);
    status = report(ctx, compute(ctx, c, &j));
    watch_end();
    if (status == FV_OK)
        (c->json ? print_json : print_text)(c, &j);
    fv_feature_table_destroy(&j.table);
    fv_dataset_destroy(&j.data);
    backbone_close(&j.b);
    fv_ctx_destroy(&ctx);
    return status;
}
