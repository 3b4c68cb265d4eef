/* SPDX-License-Identifier: Apache-2.0 */
/* Adam (Kingma and Ba, 2015) with coupled weight decay, and AdamW (Loshchilov and Hutter, 2019) with decoupled decay.
 */
#include "train/optimizer.h"

#include "kernels/optim/optim.h"

static int adam_slots(const fv_fit_options *options)
{
    (void)options;
    return 2;
}

/* beta^t by squaring: plain multiplications, the same bits everywhere. */
static double power(double beta, int64_t t)
{
    double result = 1;
    for (; t > 0; t >>= 1, beta *= beta)
        if (t & 1)
            result *= beta;
    return result;
}

static void step(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *u, double lr, int64_t t,
                 bool decoupled)
{
    fv_adam o = {.lr = lr,
                 .beta1 = options->beta1,
                 .beta2 = options->beta2,
                 .eps = (float)options->eps,
                 .weight_decay = u->decay,
                 .grad_scale = 1,
                 .correction1 = 1 - power(options->beta1, t),
                 .correction2 = 1 - power(options->beta2, t),
                 .decoupled = decoupled};
    kernels->optim->adam(&o, u->count, u->gradient, u->weight, u->slot[0], u->slot[1]);
}

static void adam_step(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *u, double lr,
                      int64_t t)
{
    step(kernels, options, u, lr, t, false);
}

static void adamw_step(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *u, double lr,
                       int64_t t)
{
    step(kernels, options, u, lr, t, true);
}

const fv_optimizer fv_optimizer_adam = {"adam", 1e-3, adam_slots, adam_step};
const fv_optimizer fv_optimizer_adamw = {"adamw", 1e-3, adam_slots, adamw_step};
