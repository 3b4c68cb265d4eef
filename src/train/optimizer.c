/* SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer.h"

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

const char *const *fv_optimizer_names(void)
{
    return names;
}
