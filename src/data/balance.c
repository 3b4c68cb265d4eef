/* SPDX-License-Identifier: Apache-2.0 */
#include "data/balance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/random.h"
#include "base/text.h"

static const char *const words[] = {"none", "oversample", "undersample", "weights", NULL};

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
static fv_status count_labels(fv_ctx *ctx, const fv_balance_input *in, int64_t **counts)
{
    const int32_t *labels = in->labels;
    const int64_t n = in->n, classes = in->classes;
    *counts = NULL;
    if (!(in->power >= 0.0 && in->power <= 1.0))
        return fv_fail(ctx, FV_ERR_VALUE, "balance: power %g, expected 0 to 1", in->power);
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
static int64_t target_of(const fv_balance_input *in, int64_t have, int64_t whole)
{
    if (have == 0 || in->how == FV_BALANCE_NONE || in->how == FV_BALANCE_WEIGHTS)
        return have;
    const double target = (double)whole * own_pow((double)have / (double)whole, 1.0 - in->power);
    return target < 1.0 ? 1 : (int64_t)(target + 0.5);
}

/* The samples by class: class k has list[first[k]] to list[first[k + 1] - 1]. */
static void group_by_class(const fv_balance_input *in, const int64_t *counts, int64_t *first, int64_t *list)
{
    first[0] = 0;
    for (int64_t k = 0; k < in->classes; k++)
        first[k + 1] = first[k] + counts[k];
    for (int64_t i = 0; i < in->n; i++)
        list[first[in->labels[i]]++] = i;
    for (int64_t k = in->classes; k > 0; k--)
        first[k] = first[k - 1];
    first[0] = 0;
}

/* One epoch's draws: class k target[k] times. */
typedef struct draws {
    const int64_t *counts, *target;
    int64_t total;
    uint64_t seed, epoch;
} draws;

/* The draws class by class, then shuffled. */
static fv_status draw(fv_ctx *ctx, const fv_balance_input *in, const draws *d, int64_t *order)
{
    int64_t *first = fv_malloc(ctx, (size_t)(in->classes + 1) * sizeof *first);
    int64_t *work = fv_malloc(ctx, (size_t)(2 * in->n + d->total) * sizeof *work);
    fv_status status = first && work ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        int64_t *list = work, *chosen = work + in->n, *place = work + 2 * in->n, at = 0;
        group_by_class(in, d->counts, first, list);
        fv_permutation(d->seed, FV_RANDOM_SHUFFLE, d->epoch, d->total, place);
        for (int64_t k = 0; k < in->classes; k++) {
            const int64_t have = first[k + 1] - first[k];
            if (have == 0)
                continue;
            const uint64_t own_seed = d->seed + 0x9E3779B97F4A7C15u * (uint64_t)(k + 1);
            fv_permutation(own_seed, FV_RANDOM_BALANCE, d->epoch, have, chosen);
            for (int64_t t = 0; t < d->target[k]; t++)
                order[place[at++]] = list[first[k] + chosen[t % have]];
        }
    }
    fv_free(ctx, first);
    fv_free(ctx, work);
    return status;
}

fv_status fv_balance_order(fv_ctx *ctx, const fv_balance_input *in, uint64_t seed, int64_t epoch, int64_t *order,
                           int64_t *count)
{
    int64_t *counts = NULL, whole = 0, total = 0;
    *count = 0;
    FV_TRY(count_labels(ctx, in, &counts));
    for (int64_t k = 0; k < in->classes; k++) {
        const bool better = in->how == FV_BALANCE_UNDERSAMPLE ? counts[k] < whole : counts[k] > whole;
        if (counts[k] > 0 && (whole == 0 || better))
            whole = counts[k];
    }
    int64_t *target = fv_malloc(ctx, (size_t)in->classes * sizeof *target);
    for (int64_t k = 0; target && k < in->classes; k++) {
        target[k] = target_of(in, counts[k], whole);
        total += target[k];
    }
    fv_status status = target ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && order)
        status = draw(ctx, in, &(draws){counts, target, total, seed, (uint64_t)epoch}, order);
    fv_free(ctx, target);
    fv_free(ctx, counts);
    *count = status == FV_OK ? total : 0;
    return status;
}

fv_status fv_balance_weights(fv_ctx *ctx, const fv_balance_input *in, float *weights)
{
    const bool weigh = in->how == FV_BALANCE_WEIGHTS;
    int64_t *counts = NULL;
    FV_TRY(count_labels(ctx, in, &counts));
    double sum = 0.0;
    for (int64_t k = 0; k < in->classes; k++) {
        const double share = (double)counts[k] / (double)in->n;
        const double weight = weigh && counts[k] > 0 ? own_pow(share, -in->power) : 1.0;
        sum += share * weight;
        weights[k] = counts[k] > 0 || !weigh ? (float)weight : 0.0f;
    }
    for (int64_t k = 0; weigh && k < in->classes; k++)
        weights[k] = (float)((double)weights[k] / sum);
    fv_free(ctx, counts);
    return FV_OK;
}

fv_status fv_balance_parse(fv_ctx *ctx, const char *text, fv_balance *how, double *power)
{
    char word[32];
    const size_t length = strcspn(text, "=");
    *how = FV_BALANCE_NONE;
    *power = 1.0;
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), text);
    int k = 0;
    while (words[k] && strcmp(words[k], word) != 0)
        k++;
    if (!words[k]) {
        const char *near = fv_text_nearest(word, words);
        return fv_fail(ctx, FV_ERR_VALUE,
                       "balance '%s': expected none, oversample, undersample or weights, or one of the last three with "
                       "=POWER%s%s%s",
                       text, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    *how = (fv_balance)k;
    if (text[length] == '=' && (!fv_text_to_double(text + length + 1, power) || !(*power >= 0.0 && *power <= 1.0)))
        return fv_fail(ctx, FV_ERR_VALUE, "balance '%s': the power behind = must be a number from 0 to 1", text);
    return FV_OK;
}
