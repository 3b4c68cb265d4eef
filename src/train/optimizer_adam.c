/* SPDX-License-Identifier: Apache-2.0 */
/* Adam (Kingma and Ba, 2015) with coupled weight decay, and AdamW (Loshchilov and Hutter, 2019) with decoupled decay.
 */
#include "ops/attr.h"
#include "train/optimizer.h"

static int adam_slots(const fv_fit_options *options)
{
    (void)options;
    return 2;
}

static void emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u, bool decoupled)
{
    const fv_adam_attr attr = {.beta1 = options->betas[0],
                               .beta2 = options->betas[1],
                               .eps = options->eps,
                               .weight_decay = u->decay,
                               .decoupled = decoupled};
    fv_emit(b, "adam_step", &attr, (fv_val *[]){u->wei, u->d_wei, u->run, u->scale, u->slot[0], u->slot[1]}, 6);
}

static void adam_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    emit(b, options, u, false);
}

static void adamw_emit(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u)
{
    emit(b, options, u, true);
}

const fv_optimizer fv_optimizer_adam = {
    .info = {.name = "adam", .lr = 1e-3, .tuning_lr = 1e-4, .takes = {"opt-betas", "opt-eps"}},
    .slot_names = {"mean", "square"},
    .slots = adam_slots,
    .emit = adam_emit};
const fv_optimizer fv_optimizer_adamw = {
    .info = {.name = "adamw", .lr = 1e-3, .tuning_lr = 1e-4, .takes = {"opt-betas", "opt-eps"}},
    .slot_names = {"mean", "square"},
    .slots = adam_slots,
    .emit = adamw_emit};
