/* SPDX-License-Identifier: Apache-2.0 */
#include "train/rates.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "train/image_size.h"
#include "train/layers.h"
#include "train/phases.h"

static fv_status fail_item(const fv_model *m, const char *item)
{
    return fv_fail_hint(m->ctx,
                        fv_fail(m->ctx, FV_ERR_VALUE,
                                "--lr-mult: found '%s', expected NAME=F with a factor above 0, at most 1e6", item),
                        "as in --lr-mult 'features.*=0.01,classifier=0.1'; --freeze keeps tensors as they are");
}

static fv_status mark_item(const fv_model *m, char *item, double *rate)
{
    char *equals = strrchr(item, '=');
    double factor;
    bool any = false;
    if (!equals || equals == item || !fv_text_to_double(equals + 1, &factor) || !(factor > 0) || factor > 1e6)
        return fail_item(m, item);
    *equals = '\0';
    for (int i = 0; i < m->n_slots; i++) {
        if (!fv_layer_named(item, m->slots[i].name))
            continue;
        rate[i] = factor;
        any = any || m->slots[i].kind != FV_SLOT_STATE;
    }
    return any ? FV_OK : fv_layer_unknown(m, "lr-mult", item);
}

static fv_status mark_items(const fv_model *m, const char *text, double *rate)
{
    char item[256];
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", n < sizeof item ? (int)n : (int)sizeof item - 1, at);
        FV_TRY(n < sizeof item ? mark_item(m, item, rate) : fail_item(m, item));
        at += n + (at[n] == ',');
    }
    return FV_OK;
}

fv_status fv_rates_mark(const fv_model *m, const fv_fit_options *o, double *rate)
{
    double decay = 1;
    for (int i = 0; i < m->n_slots; i++)
        rate[i] = 1;
    if (o->lr_mult)
        FV_TRY(mark_items(m, o->lr_mult, rate));
    /* Tensors of one layer, and its normalization, stand behind the weight that begins it. */
    for (int i = m->n_slots - 1; i >= 0; i--) {
        if (m->slots[i].aux) /* beside the layers that lead to the output */
            continue;
        rate[i] *= decay;
        if (m->slots[i].kind == FV_SLOT_WEIGHT)
            decay *= o->layer_decay;
    }
    return FV_OK;
}

fv_status fv_fit_phase(const fv_model *m, const fv_fit_options *o, int phase, int64_t *epoch)
{
    fv_phases p;
    FV_TRY(fv_phases_read(m->ctx, o, &p));
    *epoch = phase >= 0 && phase < p.count ? p.after[phase] + 1 : 0;
    return FV_OK;
}

fv_status fv_fit_image_size(const fv_model *m, const fv_fit_options *o, int64_t epoch, int64_t size[2])
{
    fv_phases p;
    FV_TRY(fv_phases_read(m->ctx, o, &p));
    FV_TRY(fv_image_sizes_check(m, o, &p));
    const fv_pipeline pipeline = fv_image_size_pipeline(m, &p, fv_phases_at(&p, epoch - 1));
    size[0] = pipeline.h;
    size[1] = pipeline.w;
    return FV_OK;
}

fv_status fv_fit_shares(const fv_model *m, const fv_fit_options *o, int64_t epoch, double *share)
{
    fv_phases p;
    FV_TRY(fv_phases_read(m->ctx, o, &p));
    bool *frozen = fv_calloc(m->ctx, (size_t)m->n_slots + 1, sizeof *frozen);
    if (!frozen)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_phase_mark(m, o, fv_phases_at(&p, epoch - 1), frozen);
    if (status == FV_OK)
        status = fv_rates_mark(m, o, share);
    for (int i = 0; i < m->n_slots && status == FV_OK; i++)
        share[i] = frozen[i] || m->slots[i].kind == FV_SLOT_STATE ? 0 : share[i];
    fv_free(m->ctx, frozen);
    return status;
}
