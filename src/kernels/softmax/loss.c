/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise losses. */
#include "kernels/eltwise/map.h"
#include "kernels/math/vmath.h"
#include "kernels/softmax/internal.h"

/* k[0] = delta, k[1] = scale */
typedef vf (*loss_fn)(const vf *k, vf x, vf t);

FV_INLINE vf mse(const vf *k, vf x, vf t)
{
    (void)k;
    vf d = vf_sub(x, t);
    return vf_mul(d, d);
}

FV_INLINE vf mae(const vf *k, vf x, vf t)
{
    (void)k;
    return vf_abs(vf_sub(x, t));
}

FV_INLINE vf huber(const vf *k, vf x, vf t)
{
    vf half = vf_set1(0.5f), d = vf_abs(vf_sub(x, t));
    vf near = vf_mul(vf_mul(half, d), d), far = vf_mul(k[0], vf_fnma(half, k[0], d));
    return vf_select(vf_gt(d, k[0]), far, near);
}

FV_INLINE vf bce(const vf *k, vf x, vf t)
{
    (void)k;
    vf tail = fv_vf_log1p(fv_vf_exp(vf_neg(vf_abs(x))));
    return vf_add(vf_fnma(x, t, vf_max(vf_zero(), x)), tail);
}

FV_INLINE vf mse_grad(const vf *k, vf x, vf t)
{
    vf d = vf_sub(x, t);
    return vf_mul(vf_add(d, d), k[1]);
}

/* NaN stays NaN: it is neither above nor below, so d itself (0 or NaN) is taken. */
FV_INLINE vf mae_grad(const vf *k, vf x, vf t)
{
    vf d = vf_sub(x, t), one = vf_set1(1.0f);
    vf sign = vf_select(vf_gt(d, vf_zero()), one, vf_select(vf_lt(d, vf_zero()), vf_neg(one), d));
    return vf_mul(sign, k[1]);
}

FV_INLINE vf huber_grad(const vf *k, vf x, vf t)
{
    vf d = vf_sub(x, t);
    return vf_mul(vf_max(vf_neg(k[0]), vf_min(k[0], d)), k[1]);
}

FV_INLINE vf bce_grad(const vf *k, vf x, vf t)
{
    return vf_mul(vf_sub(fv_vf_sigmoid(x), t), k[1]);
}

FV_INLINE void rows_of(int64_t rows, int64_t c, const float *src, const float *target, float *losses, loss_fn f,
                       const vf *k)
{
    for (int64_t i = 0; i < rows; i++) {
        v16 sum = v16_zero();
        for (int64_t j = 0; j < c; j += 16) {
            int n = c - j < 16 ? (int)(c - j) : 16;
            v16 x = v16_load_n(src + i * c + j, n), t = v16_load_n(target + i * c + j, n);
            for (int part = 0; part < V16_PARTS; part++) {
                vf v = f(k, x.v[part], t.v[part]);
                int m = v16_part(n, part);
                sum.v[part] = vf_add(sum.v[part], m < VF ? vf_select(vm_first(m), v, vf_zero()) : v);
            }
        }
        losses[i] = v16_sum(sum);
    }
}

void FV_SYM(fv_sm_loss)(fv_loss_kind kind, float delta, int64_t rows, int64_t c, const float *src, const float *target,
                        float *losses)
{
    vf k[2] = {vf_set1(delta), vf_set1(1.0f)};
    switch (kind) {
    case FV_LOSS_MAE:
        rows_of(rows, c, src, target, losses, mae, k);
        break;
    case FV_LOSS_HUBER:
        rows_of(rows, c, src, target, losses, huber, k);
        break;
    case FV_LOSS_BCE:
        rows_of(rows, c, src, target, losses, bce, k);
        break;
    default:
        rows_of(rows, c, src, target, losses, mse, k);
    }
}

void FV_SYM(fv_sm_loss_grad)(fv_loss_kind kind, float delta, float scale, int64_t n, const float *src,
                             const float *target, float *d_src)
{
    vf k[2] = {vf_set1(delta), vf_set1(scale)};
    switch (kind) {
    case FV_LOSS_MAE:
        fv_map2(n, src, target, d_src, mae_grad, k);
        break;
    case FV_LOSS_HUBER:
        fv_map2(n, src, target, d_src, huber_grad, k);
        break;
    case FV_LOSS_BCE:
        fv_map2(n, src, target, d_src, bce_grad, k);
        break;
    default:
        fv_map2(n, src, target, d_src, mse_grad, k);
    }
}
