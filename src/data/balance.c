/* SPDX-License-Identifier: Apache-2.0 */
#include "data/balance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/random.h"

/* Natural logarithm of x >= 1 and exponential, each one sequence of exactly rounded operations: how often a class is
 * drawn must not depend on the machine's mathematics library. */
static double own_log(double x)
{
    static const double ln2 = 0.693147180559945309417232;
    int e = 0;
    const double m = frexp(x, &e), z = (m - 1.0) / (m + 1.0), z2 = z * z; /* log m = 2 atanh z, |z| <= 1/3 */
    double sum = 0.0;
    for (int k = 35; k >= 1; k -= 2)
        sum = sum * z2 + 1.0 / k;
    return 2.0 * z * sum + e * ln2;
}

static double own_exp(double x)
{
    const double part = x / 1024.0;
    double sum = 1.0;
    for (int k = 14; k >= 1; k--)
        sum = 1.0 + part / k * sum;
    for (int k = 0; k < 10; k++)
        sum = sum * sum;
    return sum;
}

/* ratio^power for ratio > 0. */
static double own_pow(double ratio, double power)
{
    if (power == 0.0 || ratio == 1.0)
        return 1.0;
    if (power == 1.0)
        return ratio;
    return ratio >= 1.0 ? own_exp(power * own_log(ratio)) : 1.0 / own_exp(power * own_log(1.0 / ratio));
}

/* counts[k] of the labels; checks what is common to both functions. */
static fv_status count_labels(fv_ctx *ctx, const int32_t *labels, int64_t n, int64_t classes, double power,
                              int64_t **counts)
{
    *counts = NULL;
    if (!(power >= 0.0 && power <= 1.0))
        return fv_fail(ctx, FV_ERR_VALUE, "balance: power %g, expected 0 to 1", power);
    if (n < 1 || classes < 1)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "balance: %lld samples of %lld classes, expected at least one",
                       (long long)n, (long long)classes);
    *counts = fv_calloc(ctx, (size_t)classes, sizeof **counts);
    if (!*counts)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < 0 || labels[i] >= classes) {
            fv_free(ctx, *counts);
            *counts = NULL;
            return fv_fail(ctx, FV_ERR_ARGUMENT, "balance: label %d of sample %lld, expected 0 to %lld", labels[i],
                           (long long)i, (long long)classes - 1);
        }
        (*counts)[labels[i]]++;
    }
    return FV_OK;
}

/* How often a class with `have` samples is drawn; `whole` is the largest or smallest class. */
static int64_t target_of(int64_t have, int64_t whole, fv_balance how, double power)
{
    if (have == 0 || how == FV_BALANCE_NONE || how == FV_BALANCE_WEIGHTS)
        return have;
    const double target = (double)whole * own_pow((double)have / (double)whole, 1.0 - power);
    return target < 1.0 ? 1 : (int64_t)(target + 0.5);
}

/* The samples by class: class k has list[first[k]] to list[first[k + 1] - 1]. */
static void group_by_class(const int32_t *labels, int64_t n, int64_t classes, const int64_t *counts, int64_t *first,
                           int64_t *list)
{
    first[0] = 0;
    for (int64_t k = 0; k < classes; k++)
        first[k + 1] = first[k] + counts[k];
    for (int64_t i = 0; i < n; i++)
        list[first[labels[i]]++] = i;
    for (int64_t k = classes; k > 0; k--)
        first[k] = first[k - 1];
    first[0] = 0;
}

/* The epoch's draws, class by class, then shuffled through `place`. */
static void draw(const int64_t *first, const int64_t *list, const int64_t *target, int64_t classes, uint64_t seed,
                 uint64_t epoch, int64_t *chosen, const int64_t *place, int64_t *order)
{
    int64_t at = 0;
    for (int64_t k = 0; k < classes; k++) {
        const int64_t have = first[k + 1] - first[k];
        if (have == 0)
            continue;
        const uint64_t own_seed = seed + 0x9E3779B97F4A7C15u * (uint64_t)(k + 1);
        fv_permutation(own_seed, FV_RANDOM_BALANCE, epoch, have, chosen);
        for (int64_t t = 0; t < target[k]; t++)
            order[place[at++]] = list[first[k] + chosen[t % have]];
    }
}

fv_status fv_balance_order(fv_ctx *ctx, const int32_t *labels, int64_t n, int64_t classes, fv_balance how, double power,
                           uint64_t seed, int64_t epoch, int64_t *order, int64_t *count)
{
    int64_t *counts = NULL, whole = 0, total = 0;
    *count = 0;
    FV_TRY(count_labels(ctx, labels, n, classes, power, &counts));
    for (int64_t k = 0; k < classes; k++) {
        const bool better = how == FV_BALANCE_UNDERSAMPLE ? counts[k] < whole : counts[k] > whole;
        if (counts[k] > 0 && (whole == 0 || better))
            whole = counts[k];
    }
    int64_t *target = fv_malloc(ctx, (size_t)classes * sizeof *target);
    for (int64_t k = 0; target && k < classes; k++) {
        target[k] = target_of(counts[k], whole, how, power);
        total += target[k];
    }
    fv_status status = target ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && order) {
        int64_t *first = fv_malloc(ctx, (size_t)(classes + 1) * sizeof *first);
        int64_t *work = fv_malloc(ctx, (size_t)(2 * n + total) * sizeof *work);
        if (first && work) {
            int64_t *list = work, *chosen = work + n, *place = work + 2 * n;
            group_by_class(labels, n, classes, counts, first, list);
            fv_permutation(seed, FV_RANDOM_SHUFFLE, (uint64_t)epoch, total, place);
            draw(first, list, target, classes, seed, (uint64_t)epoch, chosen, place, order);
        } else {
            status = FV_ERR_NO_MEMORY;
        }
        fv_free(ctx, first);
        fv_free(ctx, work);
    }
    fv_free(ctx, target);
    fv_free(ctx, counts);
    *count = status == FV_OK ? total : 0;
    return status;
}

fv_status fv_balance_weights(fv_ctx *ctx, const int32_t *labels, int64_t n, int64_t classes, fv_balance how,
                             double power, float *weights)
{
    int64_t *counts = NULL;
    FV_TRY(count_labels(ctx, labels, n, classes, power, &counts));
    double sum = 0.0;
    for (int64_t k = 0; k < classes; k++) {
        const double share = (double)counts[k] / (double)n;
        const double weight = how == FV_BALANCE_WEIGHTS && counts[k] > 0 ? own_pow(share, -power) : 1.0;
        sum += share * weight;
        weights[k] = counts[k] > 0 || how != FV_BALANCE_WEIGHTS ? (float)weight : 0.0f;
    }
    for (int64_t k = 0; how == FV_BALANCE_WEIGHTS && k < classes; k++)
        weights[k] = (float)((double)weights[k] / sum);
    fv_free(ctx, counts);
    return FV_OK;
}
