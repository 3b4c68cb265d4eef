/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/optim/optim.h"

#include <math.h>

#include "kernels/eltwise/map.h"

FV_INLINE vf get(const float *p, int64_t i, const int whole, int m)
{
    return whole ? vf_load(p + i) : vf_load_n(p + i, m);
}

FV_INLINE void put(float *p, int64_t i, vf v, const int whole, int m)
{
    if (whole)
        vf_store(p + i, v);
    else
        vf_store_n(p + i, v, m);
}

FV_INLINE vf sign_of(vf x)
{
    vf one = vf_set1(1.0f);
    return vf_select(vf_gt(x, vf_zero()), one, vf_select(vf_lt(x, vf_zero()), vf_neg(one), x));
}

FV_INLINE void sgd_at(const fv_sgd *o, int64_t i, const int whole, int m, const float *grad, float *param,
                      float *velocity)
{
    vf p = get(param, i, whole, m), g = vf_mul(get(grad, i, whole, m), vf_set1(o->grad_scale));
    g = vf_fma(vf_set1(o->weight_decay), p, g);
    if (o->l1 != 0.0f)
        g = vf_fma(vf_set1(o->l1), sign_of(p), g);
    if (o->momentum != 0.0f) {
        vf mu = vf_set1(o->momentum), v = vf_fma(mu, get(velocity, i, whole, m), g);
        put(velocity, i, v, whole, m);
        g = o->nesterov ? vf_fma(mu, v, g) : v;
    }
    put(param, i, vf_fnma(vf_set1(o->lr), g, p), whole, m);
}

static void optim_sgd(const fv_sgd *o, int64_t n, const float *grad, float *param, float *velocity)
{
    fv_sgd k = *o;
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        sgd_at(&k, i, 1, VF, grad, param, velocity);
    if (i < n)
        sgd_at(&k, i, 0, (int)(n - i), grad, param, velocity);
}

/* k: scale, decay of the gradient, factor of the parameter, 1 - beta1, beta2, 1 - beta2, 1/sqrt(correction2), eps,
   lr/correction1 */
FV_INLINE void adam_at(const vf *k, int64_t i, const int whole, int n, const float *grad, float *param, float *m,
                       float *v)
{
    vf p = get(param, i, whole, n), g = vf_mul(get(grad, i, whole, n), k[0]);
    g = vf_fma(k[1], p, g);
    p = vf_mul(p, k[2]);
    vf first = get(m, i, whole, n), second = vf_mul(get(v, i, whole, n), k[4]);
    first = vf_fma(k[3], vf_sub(g, first), first);
    second = vf_fma(vf_mul(k[5], g), g, second);
    vf denominator = vf_fma(vf_sqrt(second), k[6], k[7]);
    put(m, i, first, whole, n);
    put(v, i, second, whole, n);
    put(param, i, vf_fnma(k[8], vf_div(first, denominator), p), whole, n);
}

static void optim_adam(const fv_adam *o, int64_t n, const float *grad, float *param, float *m, float *v)
{
    float decay = o->decoupled ? 0.0f : o->weight_decay;
    double keep = o->decoupled ? 1.0 - o->lr * (double)o->weight_decay : 1.0;
    vf k[9] = {vf_set1(o->grad_scale),
               vf_set1(decay),
               vf_set1((float)keep),
               vf_set1((float)(1.0 - o->beta1)),
               vf_set1((float)o->beta2),
               vf_set1((float)(1.0 - o->beta2)),
               vf_set1((float)(1.0 / sqrt(o->correction2))),
               vf_set1(o->eps),
               vf_set1((float)(o->lr / o->correction1))};
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        adam_at(k, i, 1, VF, grad, param, m, v);
    if (i < n)
        adam_at(k, i, 0, (int)(n - i), grad, param, m, v);
}

FV_INLINE void rmsprop_at(const fv_rmsprop *o, vf rest, int64_t i, const int whole, int n, const float *grad,
                          float *param, float *square, float *average, float *velocity)
{
    vf p = get(param, i, whole, n), g = vf_mul(get(grad, i, whole, n), vf_set1(o->grad_scale));
    g = vf_fma(vf_set1(o->weight_decay), p, g);
    vf s = vf_fma(vf_mul(rest, g), g, vf_mul(vf_set1((float)o->alpha), get(square, i, whole, n)));
    put(square, i, s, whole, n);
    if (o->centered) {
        vf a = get(average, i, whole, n);
        a = vf_fma(rest, vf_sub(g, a), a);
        put(average, i, a, whole, n);
        s = vf_fnma(a, a, s);
    }
    vf step = vf_div(g, vf_add(vf_sqrt(s), vf_set1(o->eps)));
    if (o->momentum > 0.0f) {
        step = vf_fma(vf_set1(o->momentum), get(velocity, i, whole, n), step);
        put(velocity, i, step, whole, n);
    }
    put(param, i, vf_fnma(vf_set1(o->lr), step, p), whole, n);
}

static void optim_rmsprop(const fv_rmsprop *o, int64_t n, const float *grad, float *param, float *square,
                          float *average, float *velocity)
{
    fv_rmsprop k = *o;
    vf rest = vf_set1((float)(1.0 - o->alpha));
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        rmsprop_at(&k, rest, i, 1, VF, grad, param, square, average, velocity);
    if (i < n)
        rmsprop_at(&k, rest, i, 0, (int)(n - i), grad, param, square, average, velocity);
}

FV_INLINE void ema_at(vf rest, int64_t i, const int whole, int n, const float *param, float *average)
{
    vf a = get(average, i, whole, n);
    put(average, i, vf_fma(rest, vf_sub(get(param, i, whole, n), a), a), whole, n);
}

static void optim_ema(double decay, int64_t n, const float *param, float *average)
{
    vf rest = vf_set1((float)(1.0 - decay));
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        ema_at(rest, i, 1, VF, param, average);
    if (i < n)
        ema_at(rest, i, 0, (int)(n - i), param, average);
}

extern const fv_optim_kernels FV_SYM(fv_optim_kernels);
const fv_optim_kernels FV_SYM(fv_optim_kernels) = {
    .sgd = optim_sgd, .adam = optim_adam, .rmsprop = optim_rmsprop, .ema = optim_ema};
