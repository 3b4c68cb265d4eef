/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/tune.h>

#include <math.h>

#include "base/random.h"

/* FNV-1a. */
static uint64_t hash_of(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        h = (h ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return h;
}

double fv_tune_draw(uint64_t seed, int64_t trial, const char *key)
{
    uint32_t word[4];
    fv_philox(seed, FV_RANDOM_TUNE, (uint64_t)trial, hash_of(key), word);
    return (double)(((uint64_t)word[0] << 32 | word[1]) >> 11) * 0x1p-53;
}

int fv_tune_rungs(int64_t epochs, int64_t trials, int64_t reduction, int64_t rungs[FV_RUNGS_MAX])
{
    int64_t back[FV_RUNGS_MAX], at = epochs, left = trials;
    int n = 0;
    back[n++] = epochs;
    while (n < FV_RUNGS_MAX && reduction > 1 && left > reduction && at > 1) {
        at = (at + reduction - 1) / reduction;
        left /= reduction;
        back[n++] = at;
    }
    for (int i = 0; i < n; i++)
        rungs[i] = back[n - 1 - i];
    return n;
}

int64_t fv_tune_promote(const double *score, const bool *here, int64_t n, bool higher_is_better, int64_t reduction,
                        bool *goes_on)
{
    const double sign = higher_is_better ? 1 : -1;
    int64_t others = 0, count = 0;
    for (int64_t i = 0; i < n; i++) {
        others += i > 0 && here[i];
        goes_on[i] = i == 0 && here[i] && isfinite(score[i]);
        count += goes_on[i];
    }
    for (int64_t left = others > 0 && others < reduction ? 1 : others / reduction; left > 0; left--) {
        int64_t best = -1;
        for (int64_t i = 1; i < n; i++)
            if (here[i] && !goes_on[i] && isfinite(score[i]) && (best < 0 || sign * (score[i] - score[best]) > 0))
                best = i;
        if (best < 0)
            break;
        goes_on[best] = true;
        count++;
    }
    return count;
}

/* Student's t of 97.5 % for 1 to 30 degrees of freedom; beyond, the first terms of its expansion around the normal
 * distribution's (Abramowitz and Stegun, 26.7.5). */
static double student(int64_t degrees)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const double z = 1.959964;
    if (degrees <= (int64_t)(sizeof table / sizeof *table))
        return table[degrees - 1];
    return z + (z * z * z + z) / (4 * (double)degrees);
}

void fv_mean_of(const double *values, int64_t n, fv_mean *mean)
{
    double sum = 0, squares = 0;
    *mean = (fv_mean){.mean = NAN, .deviation = NAN, .error = NAN, .margin = NAN};
    for (int64_t i = 0; i < n; i++) {
        mean->n += isfinite(values[i]);
        sum += isfinite(values[i]) ? values[i] : 0;
    }
    if (mean->n == 0)
        return;
    mean->mean = sum / (double)mean->n;
    if (mean->n < 2)
        return;
    for (int64_t i = 0; i < n; i++)
        squares += isfinite(values[i]) ? (values[i] - mean->mean) * (values[i] - mean->mean) : 0;
    mean->deviation = sqrt(squares / (double)(mean->n - 1));
    mean->error = mean->deviation / sqrt((double)mean->n);
    mean->margin = student(mean->n - 1) * mean->error;
}
