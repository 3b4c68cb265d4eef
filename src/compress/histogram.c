/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/histogram.h"

#include <math.h>
#include <string.h>

enum { HALF = FV_HISTOGRAM_HALF, LEVELS = 256 };

static const char *const names[FV_CALIBRATION_COUNT + 1] = {"mse", "minmax", "percentile", "entropy", NULL};

const char *const *fv_calibration_names(void)
{
    return names;
}

/* Twice the range: pairs of bins, counted from the middle, become one. */
static void grow(fv_histogram *h)
{
    int64_t *up = h->bin + HALF, *down = h->bin + HALF - 1;
    for (int i = 0; i < HALF; i++) {
        const bool inside = i < HALF / 2;
        up[i] = inside ? up[2 * i] + up[2 * i + 1] : 0;
        down[-i] = inside ? down[-2 * i] + down[-2 * i - 1] : 0;
    }
    h->limit *= 2;
}

bool fv_histogram_add(fv_histogram *h, const float *x, int64_t count)
{
    float low = 0, high = 0;
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
        finite = finite && isfinite(x[i]);
        low = i == 0 || x[i] < low ? x[i] : low;
        high = i == 0 || x[i] > high ? x[i] : high;
    }
    if (!finite)
        return false;
    const bool first = h->zeros + h->others == 0;
    const double most = fmax(fabs((double)low), fabs((double)high));
    h->low = first || (double)low < h->low ? (double)low : h->low;
    h->high = first || (double)high > h->high ? (double)high : h->high;
    if (h->limit == 0)
        h->limit = 1.001 * most; /* nothing is at the limit itself */
    while (h->limit <= most && most > 0)
        grow(h);
    const double bins = h->limit > 0 ? (double)HALF / h->limit : 0;
    for (int64_t i = 0; i < count; i++) {
        const double at = floor((double)x[i] * bins) + HALF;
        const int b = at < 0 ? 0 : at > 2 * HALF - 1 ? 2 * HALF - 1 : (int)at;
        h->zeros += x[i] == 0;
        h->others += x[i] != 0;
        h->bin[b] += x[i] != 0;
    }
    return true;
}

static double center(const fv_histogram *h, int b)
{
    return ((double)(b - HALF) + 0.5) * h->limit / HALF;
}

double fv_histogram_beyond(const fv_histogram *h, double low, double high)
{
    const double half = h->limit / (2 * HALF);
    int64_t beyond = 0;
    for (int b = 0; b < 2 * HALF; b++) /* bins that lie outside as a whole */
        beyond += center(h, b) + half <= low || center(h, b) - half >= high ? h->bin[b] : 0;
    return h->zeros + h->others > 0 ? (double)beyond / (double)(h->zeros + h->others) : 0;
}

/* ---- rules ---- */

/* Mean square of what 256 levels over the range lose. */
static double square_error(const fv_histogram *h, double low, double high)
{
    const double step = (high - low) / (LEVELS - 1), zero = rint(-low / step);
    double sum = 0;
    for (int b = 0; b < 2 * HALF; b++) {
        if (h->bin[b] == 0)
            continue;
        const double x = center(h, b), q = fmin(fmax(rint(x / step) + zero, 0), LEVELS - 1);
        const double gap = x - (q - zero) * step;
        sum += gap * gap * (double)h->bin[b];
    }
    return sum;
}

/* Kullback-Leibler divergence of what 256 levels can tell from what there is (Migacz, 2017): numbers beyond the range
 * are those at its ends. Zeros, which have a level of their own, are left out. */
static double divergence(const fv_histogram *h, double low, double high)
{
    const double step = (high - low) / (LEVELS - 1), zero = rint(-low / step), all = (double)h->others;
    double inside[LEVELS] = {0}, bins[LEVELS] = {0}, sum = 0, kept = 0, first = 0, last = 0;
    int begin = -1, end = -1;
    for (int b = 0; b < 2 * HALF; b++) {
        const double x = center(h, b), n = (double)h->bin[b];
        if (x < low || x > high) {
            first += x < low ? n : 0;
            last += x > high ? n : 0;
            continue;
        }
        const int level = (int)fmin(fmax(rint(x / step) + zero, 0), LEVELS - 1);
        begin = begin < 0 ? b : begin;
        end = b;
        inside[level] += n;
        bins[level] += n > 0;
        kept += n;
    }
    if (kept <= 0)
        return INFINITY;
    for (int b = begin; b <= end; b++) {
        const double n = (double)h->bin[b];
        const double p = (n + (b == begin ? first : 0) + (b == end ? last : 0)) / all;
        const int level = (int)fmin(fmax(rint(center(h, b) / step) + zero, 0), LEVELS - 1);
        const double q = n > 0 ? inside[level] / bins[level] / kept : 1e-9;
        sum += p > 0 ? p * log(p / q) : 0;
    }
    return sum;
}

typedef double (*loss_fn)(const fv_histogram *h, double low, double high);

/* Both ends drawn in together, then one by one. */
static void search(const fv_histogram *h, loss_fn loss, double *low, double *high)
{
    enum { STEPS = 40 };
    const double whole[2] = {*low, *high};
    double best = loss(h, whole[0], whole[1]), range[2] = {whole[0], whole[1]};
    for (int turn = 0; turn < 3; turn++) {
        const double from[2] = {range[0], range[1]};
        for (int i = 1; i < STEPS; i++) {
            const double share = 1.0 - 0.9 * i / STEPS;
            const double l = turn == 2 ? from[0] : whole[0] * share, u = turn == 1 ? from[1] : whole[1] * share;
            const double found = u > l ? loss(h, l, u) : INFINITY;
            if (found < best) {
                best = found;
                range[0] = l;
                range[1] = u;
            }
        }
    }
    *low = range[0];
    *high = range[1];
}

static void percentile_range(const fv_histogram *h, double percentile, double *low, double *high)
{
    const double all = (double)(h->zeros + h->others), tail = (1.0 - percentile / 100.0) / 2 * all;
    double below = 0, above = 0;
    int first = 0, last = 2 * HALF - 1;
    while (first < HALF && below + (double)h->bin[first] <= tail)
        below += (double)h->bin[first++];
    while (last >= HALF && above + (double)h->bin[last] <= tail)
        above += (double)h->bin[last--];
    *low = fmax(*low, (double)(first - HALF) * h->limit / HALF);
    *high = fmin(*high, (double)(last + 1 - HALF) * h->limit / HALF);
}

void fv_histogram_range(const fv_histogram *h, fv_calibration rule, double percentile, double *low, double *high)
{
    *low = fmin(h->low, 0);
    *high = fmax(h->high, 0);
    if (*high <= *low || h->limit == 0)
        return;
    if (rule == FV_CALIBRATION_PERCENTILE)
        percentile_range(h, percentile, low, high);
    else if (rule != FV_CALIBRATION_MINMAX)
        search(h, rule == FV_CALIBRATION_MSE ? square_error : divergence, low, high);
}
