/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizer steps, float32: one pass over a tensor, element by element, so any split gives the same bits. Formulas and
   the places of eps are PyTorch's. In all of them g = grad*grad_scale first (grad_scale carries gradient clipping). */
#ifndef FV_KERNELS_OPTIM_H
#define FV_KERNELS_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

/* g += weight_decay*p + l1*sign(p); velocity = momentum*velocity + g; step = nesterov ? g + momentum*velocity :
   velocity; p -= lr*step. velocity starts at 0 and may be NULL when momentum is 0. */
typedef struct fv_sgd {
    float lr, momentum, weight_decay, l1, grad_scale;
    bool nesterov;
} fv_sgd;

/* Adam (Kingma and Ba 2015): g += weight_decay*p; m += (1 - beta1)*(g - m); v = beta2*v + (1 - beta2)*g^2;
   p -= lr/correction1 * m / (sqrt(v)/sqrt(correction2) + eps), where correction_i = 1 - beta_i^step.
   AdamW (Loshchilov and Hutter 2019): decoupled; p *= 1 - lr*weight_decay first and g stays as it is. */
typedef struct fv_adam {
    float eps, weight_decay, grad_scale;
    double lr, beta1, beta2; /* 1 - 0.999 has only four good digits left in float32 */
    double correction1, correction2;
    bool decoupled;
} fv_adam;

/* g += weight_decay*p; s = alpha*s + (1 - alpha)*g^2; centered: a += (1 - alpha)*(g - a), s' = s - a^2, else s' = s;
   step = g / (sqrt(s') + eps); momentum > 0: velocity = momentum*velocity + step, step = velocity; p -= lr*step. */
typedef struct fv_rmsprop {
    float lr, eps, weight_decay, momentum, grad_scale;
    double alpha;
    bool centered;
} fv_rmsprop;

typedef struct fv_optim_kernels {
    void (*sgd)(const fv_sgd *o, int64_t n, const float *grad, float *param, float *velocity);
    void (*adam)(const fv_adam *o, int64_t n, const float *grad, float *param, float *m, float *v);
    /* average: when centered; velocity: when momentum > 0; else NULL. */
    void (*rmsprop)(const fv_rmsprop *o, int64_t n, const float *grad, float *param, float *square, float *average,
                    float *velocity);
    /* average += (1 - decay) * (param - average) */
    void (*ema)(double decay, int64_t n, const float *param, float *average);
} fv_optim_kernels;

#endif
