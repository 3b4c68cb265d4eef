/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon,
 * 2024): the momentum of a matrix, or of filters as a matrix k x (r s c), with singular values near 1 in the place of
 * its own. As torch.optim.Muon has it: a running mean with Nesterov's momentum, five Newton-Schulz iterations, a step
 * sqrt(k / (r s c)) times as long where that is above 1, decoupled weight decay. All products are float32. Biases and
 * normalization take steps of gradient descent with Nesterov's momentum.
 */
#include <math.h>

#include "ops/attr.h"
#include "train/optimizer.h"

enum { ITERATIONS = 5 };
/* X becomes a X + b (X X') X + c (X X')^2 X, which takes a singular value s to a s + b s^3 + c s^5: in five iterations
 * all from 0.004 on come into about 0.7 to 1.2. */
static const double a = 3.4445, b = -4.7750, c = 2.0315;
/* Least norm that a matrix is divided by. */
#define NORM_LEAST 1e-7

static int muon_slots(const fv_fit_options *options)
{
    return options->momentum > 0;
}

static fv_val *transposed(fv_builder *to, fv_val *x)
{
    return fv_emit(to, "transpose", NULL, &x, 1);
}

/* x * factor + y * share */
static fv_val *sum(fv_builder *to, fv_val *x, double factor, fv_val *y, double share)
{
    fv_val *scale = factor == 1 ? NULL : fv_emit_const(to, factor, &(fv_shape){1, {1}});
    return fv_emit(to, "l2_grad", &(fv_l2_attr){share}, (fv_val *[]){x, y, scale}, 3);
}

/* x y' of matrices. */
static fv_val *product(fv_builder *to, fv_val *x, fv_val *y)
{
    return fv_emit(to, "dense", NULL, (fv_val *[]){x, y}, 2);
}

/* What has the singular vectors of a matrix that is no wider than high, and singular values near 1: `x` is X' of the
 * formula. */
static fv_val *orthogonal(fv_builder *to, fv_val *x)
{
    const fv_clamp_attr least = {.min = NORM_LEAST, .max = 3.4028234663852886e38};
    fv_val *norm = fv_emit(to, "global_norm", NULL, &x, 1);
    norm = fv_emit(to, "clamp", &least, &norm, 1);
    x = fv_emit(to, "div", NULL, (fv_val *[]){x, norm}, 2);
    for (int i = 0; i < ITERATIONS; i++) {
        fv_val *wide = transposed(to, x), *square = product(to, wide, wide);
        fv_val *factor = sum(to, square, b, product(to, square, square), c);
        x = sum(to, product(to, x, factor), 1, x, a);
    }
    return x;
}

static void emit_matrix(fv_builder *to, const fv_fit_options *options, const fv_step_operands *u)
{
    const fv_shape *shape = &u->wei->shape;
    const int64_t rows = shape->dim[0], columns = fv_shape_count(shape) / rows;
    const fv_momentum_attr momentum = {options->momentum};
    fv_val *x = u->d_wei;
    if (options->momentum > 0)
        x = fv_emit(to, "nesterov_mean", &momentum, (fv_val *[]){x, u->run, u->scale, u->slot[0]}, 4);
    if (shape->rank > 2)
        x = fv_emit(to, "flatten", NULL, &x, 1);
    x = rows > columns ? orthogonal(to, x) : transposed(to, orthogonal(to, transposed(to, x)));
    fv_reshape_attr filters = {.dims.count = shape->rank - 1};
    for (int i = 1; i < shape->rank; i++)
        filters.dims.value[i - 1] = shape->dim[i];
    if (shape->rank > 2)
        x = fv_emit(to, "reshape", &filters, &x, 1);
    fv_val *longer = NULL;
    if (rows > columns)
        longer = fv_emit_const(to, sqrt((double)rows / (double)columns), &(fv_shape){1, {1}});
    fv_emit(to, "sgd_step", &(fv_sgd_attr){.weight_decay = u->decay}, (fv_val *[]){u->wei, x, u->run, longer, NULL}, 5);
}

static void muon_emit(fv_builder *to, const fv_fit_options *options, const fv_step_operands *u)
{
    const fv_sgd_attr plain = {
        .momentum = options->momentum, .weight_decay = u->decay, .nesterov = options->momentum > 0};
    if (u->adapts)
        emit_matrix(to, options, u);
    else
        fv_emit(to, "sgd_step", &plain, (fv_val *[]){u->wei, u->d_wei, u->run, u->scale, u->slot[0]}, 5);
}

const fv_optimizer fv_optimizer_muon = {
    .info = {.name = "muon", .lr = 0.02, .tuning_lr = 2e-3, .momentum = 0.95, .takes = {"momentum"}},
    .slot_names = {"velocity"},
    .slots = muon_slots,
    .emit = muon_emit};
