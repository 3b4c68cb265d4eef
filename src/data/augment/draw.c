/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of augmentation, drawn from Philox with a counter of (epoch, step, sample, call). */
#include <math.h>

#include "base/random.h"
#include "data/augment/augment.h"
#include "kernels/math/math.h"

void fv_draw_begin(fv_draw *draw, uint64_t seed, uint64_t epoch, uint64_t sample, uint32_t step)
{
    *draw = (fv_draw){.seed = seed, .epoch = epoch, .sample = sample, .step = step, .used = 4};
}

/* Epochs below 2^32, samples below 2^40 and calls below 2^24 have counters of their own. */
uint32_t fv_draw_word(fv_draw *draw)
{
    if (draw->used == 4) {
        fv_philox(draw->seed, FV_RANDOM_AUGMENT, draw->epoch | (uint64_t)draw->step << 32,
                  draw->sample | (uint64_t)draw->calls << 40, draw->word);
        draw->calls++;
        draw->used = 0;
    }
    return draw->word[draw->used++];
}

double fv_draw_uniform(fv_draw *draw, double low, double high)
{
    return low + (high - low) * ((double)fv_draw_word(draw) * 0x1p-32);
}

double fv_draw_range(fv_draw *draw, fv_range range)
{
    return fv_draw_uniform(draw, range.low, range.high);
}

int64_t fv_draw_below(fv_draw *draw, int64_t n)
{
    return (int64_t)((uint64_t)fv_draw_word(draw) * (uint64_t)n >> 32);
}

int64_t fv_draw_whole(fv_draw *draw, fv_range range)
{
    const int64_t low = (int64_t)floor(range.low + 0.5), high = (int64_t)floor(range.high + 0.5);
    return low + fv_draw_below(draw, high - low + 1);
}

double fv_draw_normal(fv_draw *draw)
{
    float pair[2];
    const uint32_t u = fv_draw_word(draw), v = fv_draw_word(draw);
    fv_normal2(u, v, pair);
    return (double)pair[0];
}

static double log_uniform(fv_draw *draw)
{
    return (double)fv_logf((float)(((double)fv_draw_word(draw) + 0.5) * 0x1p-32));
}

/* Gamma(a + 1) by Marsaglia and Tsang ("A simple method for generating gamma variables", 2000), then to the power of
 * U^(1/a) for Gamma(a); as a logarithm, because for small a it is tiny. */
static double log_gamma_variate(fv_draw *draw, double a)
{
    const double d = a + 1.0 - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = fv_draw_normal(draw), t = 1.0 + c * x, v = t * t * t;
        const double u = log_uniform(draw);
        if (v > 0.0 && u < 0.5 * x * x + d - d * v + d * (double)fv_logf((float)v))
            return (double)fv_logf((float)(d * v)) + log_uniform(draw) / a;
    }
}

double fv_draw_beta(fv_draw *draw, double a)
{
    const double x = log_gamma_variate(draw, a), y = log_gamma_variate(draw, a);
    const double z = y - x; /* X / (X + Y) = 1 / (1 + e^(y - x)) */
    return z > 80.0 ? 0.0 : z < -80.0 ? 1.0 : 1.0 / (1.0 + (double)fv_expf((float)z));
}
