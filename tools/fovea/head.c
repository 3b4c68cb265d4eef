/* SPDX-License-Identifier: Apache-2.0 */
#include "head.h"

#include <string.h>

bool head_wanted(const settings *c)
{
    return c->head || c->pool != FV_POOL_KEEP;
}

fv_status head_layers(fv_ctx *ctx, const settings *c, int *layers)
{
    FV_TRY(fv_head_check(ctx, c->head, layers));
    *layers += c->pool == FV_POOL_GEM;
    return FV_OK;
}

void head_ask(const settings *c, int64_t classes, new_head *h, fv_zoo_options *options)
{
    *h = (new_head){{.layers = c->head,
                     .pool = (fv_head_pool)c->pool,
                     .classes = classes,
                     .img_size = {c->img_size[0], c->img_size[1]},
                     .seed = (uint64_t)c->fit.seed},
                    NULL};
    options->head = head_wanted(c) ? &h->options : NULL;
    options->head_report = &h->report;
}

void head_forget(new_head *h)
{
    fv_load_report_destroy(&h->report);
}

bool head_is_new(const new_head *h, const char *name)
{
    for (int i = 0; h->report && i < fv_load_report_count(h->report); i++) {
        const fv_load_row *row = fv_load_report_row(h->report, i);
        if (row->verdict == FV_MISSING && strcmp(row->name, name) == 0)
            return true;
    }
    return false;
}

/* What came of each tensor; those that stay are counted. */
static void tell_tensors(const settings *c, const fv_load_report *r)
{
    static const char *const words[] = {[FV_LOADED] = "stays",
                                        [FV_MISSING] = "is new",
                                        [FV_UNUSED] = "is gone",
                                        [FV_SHAPE_MISMATCH] = "has another shape, starts anew"};
    int counts[4] = {0};
    for (int i = 0; i < fv_load_report_count(r); i++) {
        const fv_load_row *row = fv_load_report_row(r, i);
        char shape[96];
        counts[row->verdict]++;
        if (row->verdict != FV_LOADED || c->verbose)
            note("  %-32s %s: %s", row->name, words[row->verdict],
                 fv_shape_text(row->verdict == FV_UNUSED ? &row->file_shape : &row->model_shape, shape));
    }
    note("%s: tensors: %d stay, %d new, %d of another shape, %d gone", c->head ? "--head" : "--pool", counts[FV_LOADED],
         counts[FV_MISSING], counts[FV_SHAPE_MISMATCH], counts[FV_UNUSED]);
}

/* --drop is of the network's own layers, of which the head's may have been all. */
static fv_status check_drop(const fv_model *model)
{
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info layer;
        fv_model_layer(model, i, &layer);
        if (strcmp(layer.op, "dropout") == 0 && strncmp(layer.name, "head", 4) != 0)
            return FV_OK;
    }
    return complain(
        FV_ERR_CONFLICT, "say it in --head: 'drop=0.5'",
        "--drop has no effect here: the network has no dropout besides the classifier's, which a new head replaces");
}

fv_status head_settle(const settings *c, bool loaded, new_head *h, fv_model *model)
{
    if (!head_wanted(c))
        return FV_OK;
    if (loaded) {
        FV_TRY(fv_model_replace_head(model, &h->options, &h->report));
        tell_tensors(c, h->report);
    }
    return option_given("drop") ? check_drop(model) : FV_OK;
}
