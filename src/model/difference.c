/* SPDX-License-Identifier: Apache-2.0 */
/* How far tensors are from each other. */
#include <math.h>

#include <fovea/difference.h>

/* The difference of two numbers: none between equal infinities, or two NaN. */
static double apart(double x, double y)
{
    if (x == y || (isnan(x) && isnan(y)))
        return 0.0;
    const double d = fabs(x - y);
    return isnan(d) ? INFINITY : d;
}

bool fv_tensor_compare(const fv_tensor *a, const fv_tensor *b, fv_difference *difference)
{
    const int64_t count = fv_tensor_count(a);
    fv_difference d = {.at = 0};
    double signal = 0, noise = 0;
    *difference = d;
    if (fv_tensor_count(b) != count)
        return false;
    for (int64_t i = 0; i < count; i++) {
        const double x = fv_dtype_get(fv_tensor_dtype(a), fv_tensor_const_data(a), i);
        const double gap = apart(x, fv_dtype_get(fv_tensor_dtype(b), fv_tensor_const_data(b), i));
        if (gap > d.largest) {
            d.largest = gap;
            d.at = i;
        }
        if (isfinite(x)) {
            d.scale = fmax(d.scale, fabs(x));
            signal += x * x;
        }
        noise += gap * gap;
    }
    d.relative = d.largest == 0 ? 0.0 : d.largest / d.scale;
    d.sqnr = noise == 0 ? INFINITY : 10.0 * log10(signal / noise);
    *difference = d;
    return true;
}
