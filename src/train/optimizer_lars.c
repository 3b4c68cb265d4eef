/* SPDX-License-Identifier: Apache-2.0 */
/* LARS (You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017): a layer's step is as long as
 * its weights let it be. Biases and normalization take plain steps of gradient descent. */
#include "ops/attr.h"
#include "train/optimizer.h"

static int lars_slots(const fv_fit_options *options)
{
    return options->momentum > 0;
}

static void lars_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    fv_sgd_attr attr = {.momentum = options->momentum, .weight_decay = u->decay, .nesterov = options->nesterov};
    fv_val *d_wei = u->d_wei, *scale = u->scale;
    if (u->adapts) {
        const fv_trust_attr trust = {.coefficient = options->trust_coef, .weight_decay = u->decay, .eps = options->eps};
        fv_val *wei = fv_emit(b, "global_norm", NULL, (fv_val *[]){u->wei}, 1);
        fv_val *step = fv_emit(b, "global_norm", NULL, &d_wei, 1);
        fv_val *ratio = fv_emit(b, "trust_ratio", &trust, (fv_val *[]){wei, step, scale}, 3);
        d_wei = fv_emit(b, "l2_grad", &(fv_l2_attr){u->decay}, (fv_val *[]){d_wei, u->wei, scale}, 3);
        scale = ratio;
        attr.weight_decay = 0;
    }
    fv_emit(b, "sgd_step", &attr, (fv_val *[]){u->wei, d_wei, u->run, scale, u->slot[0]}, 5);
}

const fv_optimizer fv_optimizer_lars = {.info = {.name = "lars",
                                                 .lr = 1,
                                                 .tuning_lr = 0.1,
                                                 .momentum = 0.9,
                                                 .takes = {"momentum", "nesterov", "trust-coef", "opt-eps"}},
                                        .slot_names = {"velocity"},
                                        .slots = lars_slots,
                                        .emit = lars_emit};
