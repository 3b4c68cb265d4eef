/* SPDX-License-Identifier: Apache-2.0 */
/* RMSprop (Tieleman and Hinton, 2012), with optional momentum on the scaled step. */
#include "train/optimizer.h"

#include "kernels/optim/optim.h"

static int rmsprop_slots(const fv_fit_options *options)
{
    return options->momentum > 0 ? 2 : 1;
}

static void rmsprop_step(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *u, double lr,
                         int64_t t)
{
    fv_rmsprop o = {.lr = (float)lr,
                    .alpha = options->alpha,
                    .eps = (float)options->eps,
                    .weight_decay = u->decay,
                    .momentum = options->momentum > 0 ? (float)options->momentum : 0,
                    .grad_scale = 1};
    (void)t;
    kernels->optim->rmsprop(&o, u->count, u->gradient, u->weight, u->slot[0], NULL, u->slot[1]);
}

const fv_optimizer fv_optimizer_rmsprop = {"rmsprop", 1e-3, rmsprop_slots, rmsprop_step};
