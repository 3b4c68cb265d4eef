/* SPDX-License-Identifier: Apache-2.0 */
/* Stochastic gradient descent with momentum (Polyak 1964) or Nesterov's momentum; weight decay is coupled (L2). */
#include "ops/attr.h"
#include "train/optimizer.h"

static int sgd_slots(const fv_fit_options *options)
{
    return options->momentum > 0;
}

static void sgd_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    const fv_sgd_attr attr = {.momentum = options->momentum, .weight_decay = u->decay, .nesterov = options->nesterov};
    fv_emit(b, "sgd_step", &attr, (fv_val *[]){u->wei, u->d_wei, u->run, u->scale, u->slot[0]}, 5);
}

const fv_optimizer fv_optimizer_sgd = {
    .info = {.name = "sgd", .lr = 0.1, .tuning_lr = 1e-3, .momentum = 0.9, .takes = {"momentum", "nesterov"}},
    .slot_names = {"velocity"},
    .slots = sgd_slots,
    .emit = sgd_emit};
