/* SPDX-License-Identifier: Apache-2.0 */
#include "base/angle.h"

#include <math.h>

/* The nearest quarter turn is split off, the rest (at most pi/4) goes by series. */
void fv_sincos_turns(double turns, double *sine, double *cosine)
{
    double quarters = (turns - floor(turns)) * 4.0;
    int q = (int)(quarters + 0.5);
    double x = (quarters - (double)q) * 1.5707963267948966, g = x * x;
    double s = 1.0, c = 1.0;
    for (int k = 18; k >= 2; k -= 2) {
        s = 1.0 - s * g / (double)(k * (k + 1));
        c = 1.0 - c * g / (double)(k * (k - 1));
    }
    s = s * x;
    const double sines[4] = {s, c, -s, -c};
    *sine = sines[q & 3];
    *cosine = sines[(q + 1) & 3];
}
