/* SPDX-License-Identifier: Apache-2.0 */
/* LAMB (You et al., "Large Batch Optimization for Deep Learning", 2020): Adam's direction with decoupled weight decay,
 * as long as the layer's weights let it be. Biases and normalization take Adam's steps. */
#include "ops/attr.h"
#include "train/optimizer.h"

static int lamb_slots(const fv_fit_options *options)
{
    (void)options;
    return 2;
}

static void lamb_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    const fv_adam_attr attr = {
        .beta1 = options->betas[0], .beta2 = options->betas[1], .eps = options->eps, .weight_decay = u->decay};
    fv_val *ratio = NULL;
    fv_val *step = fv_emit(b, "adam_direction", &attr,
                           (fv_val *[]){u->wei, u->d_wei, u->run, u->scale, u->slot[0], u->slot[1]}, 6);
    if (u->adapts) {
        fv_val *norm[2] = {fv_emit(b, "global_norm", NULL, (fv_val *[]){u->wei}, 1),
                           fv_emit(b, "global_norm", NULL, &step, 1)};
        ratio = fv_emit(b, "trust_ratio", &(fv_trust_attr){.coefficient = 1}, norm, 2);
    }
    fv_emit(b, "sgd_step", &(fv_sgd_attr){.momentum = 0}, (fv_val *[]){u->wei, step, u->run, ratio, NULL}, 5);
}

const fv_optimizer fv_optimizer_lamb = {
    .info = {.name = "lamb", .lr = 1e-3, .tuning_lr = 1e-4, .takes = {"opt-betas", "opt-eps"}},
    .slot_names = {"mean", "square"},
    .slots = lamb_slots,
    .emit = lamb_emit};
