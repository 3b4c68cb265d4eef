/* SPDX-License-Identifier: Apache-2.0 */
/* RMSprop (Tieleman and Hinton, 2012), with optional momentum on the scaled step. */
#include "ops/attr.h"
#include "train/optimizer.h"

static int rmsprop_slots(const fv_fit_options *options)
{
    return options->momentum > 0 ? 2 : 1;
}

static void rmsprop_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    const fv_rmsprop_attr attr = {
        .alpha = options->alpha, .eps = options->eps, .momentum = options->momentum, .weight_decay = u->decay};
    fv_emit(b, "rmsprop_step", &attr, (fv_val *[]){u->wei, u->d_wei, u->run, u->scale, u->slot[0], u->slot[1]}, 6);
}

const fv_optimizer fv_optimizer_rmsprop = {
    .info = {.name = "rmsprop", .lr = 1e-3, .tuning_lr = 1e-4, .takes = {"momentum", "opt-eps", "opt-alpha"}},
    .slot_names = {"square", "velocity"},
    .slots = rmsprop_slots,
    .emit = rmsprop_emit};
