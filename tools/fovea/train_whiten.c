/* SPDX-License-Identifier: Apache-2.0 */
#include "train_whiten.h"

#include <stdlib.h>
#include <string.h>

#include <fovea/whiten.h>

/* The text that --freeze becomes; runs of --folds take it one after another. */
static char frozen[1024];

static bool is_number(const char *text)
{
    char *end;
    (void)strtoll(text, &end, 10);
    return *end == '\0';
}

static bool lists(const char *names, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = names; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* A number of layers has the first among them, and so has what lists it. */
static fv_status freeze(settings *c, const char *tensor)
{
    char text[sizeof frozen];
    const char *before = c->fit.freeze && strcmp(c->fit.freeze, "none") != 0 ? c->fit.freeze : "";
    if (*before && (is_number(before) || lists(before, tensor)))
        return FV_OK;
    if ((size_t)snprintf(text, sizeof text, "%s%s%s", before, *before ? "," : "", tensor) >= sizeof text)
        return complain(FV_ERR_VALUE, "use * and ? for names that are alike", "--freeze: the text is too long");
    memcpy(frozen, text, sizeof frozen);
    c->fit.freeze = frozen;
    return FV_OK;
}

fv_status train_whiten(settings *c, fv_dataset *train, fv_model *model)
{
    const fv_whiten_options options = {.seed = (uint64_t)c->fit.seed, .workers = (int)c->fit.workers};
    fv_whiten_report r;
    FV_TRY(fv_model_whiten(model, train, &options, &r));
    note("--whiten: %s: %lld filters of %lldx%lldx%lld along %lld directions of patches of %lld images, variance %.3g "
         "to "
         "%.3g; it stays so",
         r.tensor, (long long)r.filters, (long long)r.r, (long long)r.s, (long long)r.c, (long long)r.directions,
         (long long)r.samples, r.largest, r.smallest);
    return freeze(c, r.tensor);
}
