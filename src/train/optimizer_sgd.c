/* SPDX-License-Identifier: Apache-2.0 */
/* Stochastic gradient descent with momentum (Polyak 1964) or Nesterov's momentum; weight decay is coupled (L2). */
#include "train/optimizer.h"

#include "kernels/optim/optim.h"

static int sgd_slots(const fv_fit_options *options)
{
    return options->momentum > 0;
}

static void sgd_step(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *u, double lr, int64_t t)
{
    fv_sgd o = {.lr = (float)lr,
                .momentum = options->momentum > 0 ? (float)options->momentum : 0,
                .weight_decay = u->decay,
                .grad_scale = 1,
                .nesterov = options->nesterov};
    (void)t;
    kernels->optim->sgd(&o, u->count, u->gradient, u->weight, u->slot[0]);
}

const fv_optimizer fv_optimizer_sgd = {"sgd", 0.1, sgd_slots, sgd_step};
