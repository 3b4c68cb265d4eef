/* SPDX-License-Identifier: Apache-2.0 */
#include "test_time.h"

#include "class_names.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- models ---- */

static fv_status open_one(fv_ctx *ctx, const settings *c, const char *name, ensemble *e)
{
    settings one = *c;
    one.model = name;
    fv_model **model = &e->model[e->count];
    fv_status status = model_open_trained(ctx, &one, model);
    e->count += *model != NULL; /* one whose weights do not fit is there, too, and is to be closed */
    return status;
}

static fv_status open_list(fv_ctx *ctx, const settings *c, char *names, ensemble *e)
{
    if (c->weights)
        return complain(FV_ERR_CONFLICT, "name model files, which have weights of their own",
                        "--weights belongs to one model, --model %s names several", c->model);
    for (char *name = names; name;) {
        char *comma = strchr(name, ',');
        if (comma)
            *comma = 0;
        if (!*name)
            return complain(FV_ERR_VALUE, "write for example --model a.safetensors,b.safetensors",
                            "--model %s: a name is missing between commas", c->model);
        if (e->count == MAX_MODELS)
            return complain(FV_ERR_VALUE, NULL, "--model: more than %d models", MAX_MODELS);
        FV_TRY(open_one(ctx, c, name, e));
        name = comma ? comma + 1 : NULL;
    }
    return FV_OK;
}

bool ensemble_is_plain(const settings *c, const ensemble *e)
{
    return e->count == 1 && c->tta == 0 && !c->tta_scales && c->mc_dropout == 0;
}

static fv_status without_effect(const char *option, const char *why)
{
    char hint[96];
    snprintf(hint, sizeof hint, "leave out --%s", option);
    return complain(FV_ERR_CONFLICT, hint, "--%s has no effect here: %s", option, why);
}

static fv_status check(const settings *c, const ensemble *e)
{
    const bool plain = ensemble_is_plain(c, e);
    if (option_given("ensemble-weights") && e->count == 1)
        return without_effect("ensemble-weights", "there is one --model");
    if (option_given("ensemble-weights") && c->ensemble_weights.count != e->count)
        return complain(FV_ERR_VALUE, "give one weight for each model", "--ensemble-weights: %d weights for %d models",
                        c->ensemble_weights.count, e->count);
    if (option_changed("ensemble", c) && plain)
        return without_effect("ensemble", "there is one --model, looked at once");
    if (option_given("batch-size") && c->mc_dropout > 0)
        return without_effect("batch-size", "--mc-dropout runs its passes 16 at a time");
    return FV_OK;
}

fv_status ensemble_open(fv_ctx *ctx, const settings *c, ensemble *e)
{
    if (!strchr(c->model, ',') || access(c->model, F_OK) == 0) {
        FV_TRY(open_one(ctx, c, c->model, e));
        return check(c, e);
    }
    char *names = strdup(c->model);
    if (!names)
        return FV_ERR_NO_MEMORY;
    fv_status status = open_list(ctx, c, names, e);
    free(names);
    return status == FV_OK ? check(c, e) : status;
}

void ensemble_close(ensemble *e)
{
    fv_predictor_destroy(&e->predictor);
    for (int i = 0; i < e->count; i++)
        fv_model_destroy(&e->model[i]);
    e->count = 0;
}

/* ---- how they are asked ---- */

fv_status ensemble_predictor(const settings *c, ensemble *e)
{
    char text[64], views[32];
    const fv_predictor_options options = {
        .tta = option_text("tta", c, views, sizeof views),
        .scales = c->tta_scales,
        .weights = c->ensemble_weights.count ? c->ensemble_weights.value : NULL,
        .mean_logits = c->ensemble == 1,
        .mc_dropout = c->mc_dropout,
        .seed = (uint64_t)c->fit.seed,
        .batch_size = c->fit.batch_size,
        .workers = (int)c->fit.workers,
    };
    FV_TRY(class_names_share(e->model, e->count));
    FV_TRY(fv_predictor_create(e->model, e->count, &options, &e->predictor));
    if (!ensemble_is_plain(c, e))
        note("an image is %s of a network", count_of(fv_predictor_forwards(e->predictor), "run", "runs", text));
    return FV_OK;
}
