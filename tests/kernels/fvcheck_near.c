/* SPDX-License-Identifier: Apache-2.0 */
#include "fvcheck_near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fvc_near(fvc *t, const char *what, const float *got, const double *want, int64_t n, double bound, double scale)
{
    for (int64_t i = 0; i < n; i++) {
        float rounded = (float)want[i];
        double size = fmax(fmax(fabs(want[i]), scale), 0x1p-126); /* denormals have a fixed step */
        bool good = isnan(rounded)   ? isnan(got[i])
                    : isinf(rounded) ? got[i] == rounded
                                     : fabs((double)got[i] - want[i]) <= bound * 0x1p-24 * size;
        if (!good) {
            fvc_fail(t, "%s: element %lld of %lld is %.9g, expected %.9g", what, (long long)i, (long long)n,
                     (double)got[i], want[i]);
            return false;
        }
    }
    return true;
}

bool fvc_equal_f64(fvc *t, const char *what, const double *got, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof(double)) != 0 && !fvc_same_value(got[i], want[i])) {
            fvc_fail(t, "%s: element %lld of %lld is %a, expected %a", what, (long long)i, (long long)n, got[i],
                     want[i]);
            return false;
        }
    }
    return true;
}

double *fvc_doubles(fvc *t, int64_t n)
{
    return fvc_buffer(t, (size_t)n * sizeof(double), sizeof(double));
}

int32_t *fvc_int32s(fvc *t, int64_t n)
{
    return fvc_buffer(t, (size_t)n * sizeof(int32_t), sizeof(int32_t));
}

void fvc_fill_kind(fvc *t, float *p, int64_t n, int kind)
{
    if (kind == 0)
        fvc_fill_int(t, p, n, 8);
    else
        fvc_fill_real(t, p, n);
    if (kind == 2)
        fvc_fill_special(t, p, n);
}

float *fvc_bench_floats(fvc *t, int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof(float) + 1024) / 64 * 64);
    if (!p) {
        perror("fvcheck");
        exit(2);
    }
    fvc_fill_real(t, p, n);
    return p;
}
