/* SPDX-License-Identifier: Apache-2.0 */
/* The table of dtypes: how an element of each becomes a double, and a double one of its elements. */
#include <math.h>
#include <string.h>

#include <fovea/tensor.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are read and written as files hold them");

/* ---- floats of 16 bits and less: `e` exponent bits, `f` fraction bits, IEEE 754 meaning ---- */

static double widen(uint32_t bits, int e, int f)
{
    const int bias = (1 << (e - 1)) - 1, top = (1 << e) - 1, exponent = (int)(bits >> f) & top;
    const uint64_t fraction = bits & ((UINT32_C(1) << f) - 1), sign = bits >> (e + f) & 1;
    const uint64_t scale = exponent == top ? 0x7FF : (uint64_t)(exponent - bias + 1023);
    const uint64_t wide = sign << 63 | scale << 52 | fraction << (52 - f);
    double x;
    if (exponent == 0)
        return copysign(ldexp((double)fraction, 1 - bias - f), sign ? -1.0 : 1.0);
    memcpy(&x, &wide, sizeof x);
    return x;
}

/* Rounds once, to nearest, ties to even; too large becomes infinite; a NaN stays one and keeps what fits of its
 * payload. */
static uint32_t narrow(double x, int e, int f)
{
    const int bias = (1 << (e - 1)) - 1;
    const uint32_t infinite = ((UINT32_C(1) << e) - 1) << f;
    uint64_t wide;
    int exponent;
    memcpy(&wide, &x, sizeof wide);
    const uint32_t sign = (uint32_t)(wide >> 63) << (e + f);
    if (x != x)
        return sign | infinite | UINT32_C(1) << (f - 1) | ((uint32_t)(wide >> (52 - f)) & ((UINT32_C(1) << f) - 1));
    if (x == 0.0 || isinf(x))
        return sign | (x == 0.0 ? 0 : infinite);
    frexp(x, &exponent);
    exponent--;
    const int lowest = 1 - bias, last = exponent > lowest ? exponent : lowest;
    if (last > bias)
        return sign | infinite;
    const uint32_t digits = (uint32_t)nearbyint(ldexp(fabs(x), f - last));
    /* Digits of a normal number count its leading 1, which is the lowest bit of the exponent; a carry goes there. */
    const uint32_t bits = (uint32_t)(last - lowest) * (UINT32_C(1) << f) + digits;
    return sign | (bits < infinite ? bits : infinite);
}

static double get_f16(const void *data, int64_t i)
{
    return widen(((const uint16_t *)data)[i], 5, 10);
}

static void set_f16(void *data, int64_t i, double value)
{
    ((uint16_t *)data)[i] = (uint16_t)narrow(value, 5, 10);
}

static double get_bf16(const void *data, int64_t i)
{
    return widen(((const uint16_t *)data)[i], 8, 7);
}

static void set_bf16(void *data, int64_t i, double value)
{
    ((uint16_t *)data)[i] = (uint16_t)narrow(value, 8, 7);
}

/* ---- floats of the machine ---- */

static double get_f32(const void *data, int64_t i)
{
    return (double)((const float *)data)[i];
}

static void set_f32(void *data, int64_t i, double value)
{
    ((float *)data)[i] = (float)value;
}

static double get_f64(const void *data, int64_t i)
{
    return ((const double *)data)[i];
}

static void set_f64(void *data, int64_t i, double value)
{
    ((double *)data)[i] = value;
}

/* ---- integers: towards zero, at most the largest, at least the smallest, NaN is 0 ---- */

static int64_t saturate(double value, double low, double high)
{
    return value != value ? 0 : (int64_t)(value < low ? low : value > high ? high : value);
}

static double get_i64(const void *data, int64_t i)
{
    return (double)((const int64_t *)data)[i];
}

static void set_i64(void *data, int64_t i, double value)
{
    ((int64_t *)data)[i] = value >= 0x1p63 ? INT64_MAX : saturate(value, -0x1p63, value);
}

static double get_i32(const void *data, int64_t i)
{
    return (double)((const int32_t *)data)[i];
}

static void set_i32(void *data, int64_t i, double value)
{
    ((int32_t *)data)[i] = (int32_t)saturate(value, INT32_MIN, INT32_MAX);
}

static double get_i16(const void *data, int64_t i)
{
    return (double)((const int16_t *)data)[i];
}

static void set_i16(void *data, int64_t i, double value)
{
    ((int16_t *)data)[i] = (int16_t)saturate(value, INT16_MIN, INT16_MAX);
}

static double get_i8(const void *data, int64_t i)
{
    return (double)((const int8_t *)data)[i];
}

static void set_i8(void *data, int64_t i, double value)
{
    ((int8_t *)data)[i] = (int8_t)saturate(value, INT8_MIN, INT8_MAX);
}

static double get_u8(const void *data, int64_t i)
{
    return (double)((const uint8_t *)data)[i];
}

static void set_u8(void *data, int64_t i, double value)
{
    ((uint8_t *)data)[i] = (uint8_t)saturate(value, 0, UINT8_MAX);
}

static double get_bool(const void *data, int64_t i)
{
    return ((const uint8_t *)data)[i] != 0;
}

static void set_bool(void *data, int64_t i, double value)
{
    ((uint8_t *)data)[i] = value != 0.0;
}

/* ---- the table ---- */

#define FV_DTYPE_ROW(NAME, name, size, kind, file) {#name, size, kind, file, get_##name, set_##name},
static const fv_dtype_row rows[FV_DTYPE_COUNT] = {FV_DTYPE_LIST(FV_DTYPE_ROW)};
#undef FV_DTYPE_ROW

const fv_dtype_row *fv_dtype_find(fv_dtype dtype)
{
    return (unsigned)dtype < FV_DTYPE_COUNT ? &rows[dtype] : NULL;
}

size_t fv_dtype_size(fv_dtype dtype)
{
    return (unsigned)dtype < FV_DTYPE_COUNT ? rows[dtype].size : 0;
}

const char *fv_dtype_name(fv_dtype dtype)
{
    return (unsigned)dtype < FV_DTYPE_COUNT ? rows[dtype].name : "?";
}

bool fv_dtype_parse(const char *name, fv_dtype *dtype)
{
    for (int i = 0; i < FV_DTYPE_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *dtype = (fv_dtype)i;
            return true;
        }
    }
    return false;
}

bool fv_dtype_is_float(fv_dtype dtype)
{
    return (unsigned)dtype < FV_DTYPE_COUNT && rows[dtype].kind == FV_DTYPE_FLOAT;
}

double fv_dtype_get(fv_dtype dtype, const void *data, int64_t i)
{
    return (unsigned)dtype < FV_DTYPE_COUNT ? rows[dtype].get(data, i) : NAN;
}

void fv_dtype_set(fv_dtype dtype, void *data, int64_t i, double value)
{
    if ((unsigned)dtype < FV_DTYPE_COUNT)
        rows[dtype].set(data, i, value);
}

int64_t fv_dtype_get_integer(fv_dtype dtype, const void *data, int64_t i)
{
    const size_t size = fv_dtype_size(dtype);
    if (size == 0 || rows[dtype].kind == FV_DTYPE_FLOAT)
        return saturate(fv_dtype_get(dtype, data, i), -0x1p63, 0x1.fffffffffffffp62);
    uint64_t bits = 0;
    memcpy(&bits, (const char *)data + (size_t)i * size, size);
    const int unused = 64 - 8 * (int)size;
    bool negative = rows[dtype].kind == FV_DTYPE_SIGNED && bits >> (63 - unused) & 1;
    if (negative && unused > 0)
        bits |= UINT64_MAX << (64 - unused);
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void fv_dtype_set_integer(fv_dtype dtype, void *data, int64_t i, int64_t value)
{
    const size_t size = fv_dtype_size(dtype);
    if (size == 0 || rows[dtype].kind == FV_DTYPE_FLOAT)
        fv_dtype_set(dtype, data, i, (double)value);
    else if (rows[dtype].kind == FV_DTYPE_LOGICAL)
        fv_dtype_set(dtype, data, i, value != 0);
    else
        memcpy((char *)data + (size_t)i * size, &value, size);
}
