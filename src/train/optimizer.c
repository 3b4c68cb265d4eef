/* SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer.h"

#include <string.h>

#include "train/settings.h"

static const fv_optimizer *const optimizers[] = {
#define FV_OPTIMIZER_ROW(id, name) &fv_optimizer_##name,
    FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW
};

static const char *const names[] = {
#define FV_OPTIMIZER_ROW(id, name) #name,
    FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW
        NULL};

const fv_optimizer *fv_optimizer_get(fv_optimizer_kind kind)
{
    return (unsigned)kind < FV_OPTIMIZER_COUNT ? optimizers[kind] : NULL;
}

const fv_optimizer_info *fv_optimizer_about(int kind)
{
    const fv_optimizer *optimizer = fv_optimizer_get((fv_optimizer_kind)kind);
    return optimizer ? &optimizer->info : NULL;
}

bool fv_optimizer_takes(int kind, const char *key)
{
    const fv_optimizer_info *info = fv_optimizer_about(kind);
    for (int i = 0; info && i < FV_OPTIMIZER_TAKES && info->takes[i]; i++)
        if (strcmp(info->takes[i], key) == 0)
            return true;
    return false;
}

double fv_optimizer_momentum(const fv_fit_options *options)
{
    return fv_optimizer_takes(options->optimizer, "momentum") ? options->momentum : options->betas[0];
}

int fv_optimizer_slots(const fv_fit_options *options)
{
    fv_fit_options resolved = *options;
    const fv_optimizer *optimizer = fv_optimizer_get((fv_optimizer_kind)options->optimizer);
    fv_settings_resolve(&resolved);
    return optimizer ? optimizer->slots(&resolved) + (options->lookahead > 0) : 0;
}

bool fv_optimizer_slot_copies(const fv_fit_options *options, int i)
{
    return options->lookahead > 0 && i == fv_optimizer_slots(options) - 1;
}

const char *fv_optimizer_slot_name(const fv_fit_options *options, int i)
{
    return fv_optimizer_slot_copies(options, i)
               ? "slow"
               : fv_optimizer_get((fv_optimizer_kind)options->optimizer)->slot_names[i];
}

const char *const *fv_optimizer_names(void)
{
    return names;
}
