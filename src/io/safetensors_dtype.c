/* SPDX-License-Identifier: Apache-2.0 */
/* Element types and how they become floats. Files are little endian, as are the machines this runs on. */
#include "io/safetensors_dtype.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors are read and written by copying bytes");

static void from_f32(const uint8_t *src, int64_t count, float *dst)
{
    if (count > 0)
        memcpy(dst, src, (size_t)count * sizeof *dst);
}

static void from_f64(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++) {
        double x;
        memcpy(&x, src + 8 * i, sizeof x);
        dst[i] = (float)x;
    }
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16. */
static float half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent == 31)
        return from_bits(sign | 0x7F800000u | fraction << 13);
    if (exponent == 0) {
        float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static uint16_t word(const uint8_t *src)
{
    return (uint16_t)(src[0] | src[1] << 8);
}

static void from_f16(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = half(word(src + 2 * i));
}

static void from_bf16(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = from_bits((uint32_t)word(src + 2 * i) << 16);
}

static void integers_i64(const uint8_t *src, int64_t count, int64_t *dst)
{
    if (count > 0)
        memcpy(dst, src, (size_t)count * sizeof *dst);
}

static void integers_i32(const uint8_t *src, int64_t count, int64_t *dst)
{
    for (int64_t i = 0; i < count; i++) {
        int32_t x;
        memcpy(&x, src + 4 * i, sizeof x);
        dst[i] = x;
    }
}

static void integers_u8(const uint8_t *src, int64_t count, int64_t *dst)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = src[i];
}

static void from_i64(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t x;
        integers_i64(src + 8 * i, 1, &x);
        dst[i] = (float)x;
    }
}

static void from_i32(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t x;
        integers_i32(src + 4 * i, 1, &x);
        dst[i] = (float)x;
    }
}

static void from_u8(const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = (float)src[i];
}

const fv_st_dtype_row fv_st_dtypes[FV_ST_DTYPE_COUNT] = {
    [FV_ST_F32] = {"F32", 4, from_f32, NULL},
    [FV_ST_F64] = {"F64", 8, from_f64, NULL},
    [FV_ST_F16] = {"F16", 2, from_f16, NULL},
    [FV_ST_BF16] = {"BF16", 2, from_bf16, NULL},
    [FV_ST_I64] = {"I64", 8, from_i64, integers_i64},
    [FV_ST_I32] = {"I32", 4, from_i32, integers_i32},
    [FV_ST_U8] = {"U8", 1, from_u8, integers_u8},
    [FV_ST_I8] = {"I8", 1, NULL, NULL},
    [FV_ST_I16] = {"I16", 2, NULL, NULL},
    [FV_ST_U16] = {"U16", 2, NULL, NULL},
    [FV_ST_U32] = {"U32", 4, NULL, NULL},
    [FV_ST_U64] = {"U64", 8, NULL, NULL},
    [FV_ST_BOOL] = {"BOOL", 1, NULL, NULL},
    [FV_ST_F8_E4M3] = {"F8_E4M3", 1, NULL, NULL},
    [FV_ST_F8_E5M2] = {"F8_E5M2", 1, NULL, NULL},
};

static fv_status refuse(fv_ctx *ctx, const fv_safetensors *file, const fv_st_entry *entry, const char *what)
{
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: tensor '%s' is %s: it cannot be read as %s",
                                fv_safetensors_name(file), entry->name, fv_st_dtypes[entry->dtype].name, what),
                        "store it as F32");
}

fv_status fv_safetensors_floats(const fv_safetensors *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                float *dst)
{
    const fv_st_dtype_row *row = &fv_st_dtypes[entry->dtype];
    if (!row->floats)
        return refuse(fv_safetensors_ctx(file), file, entry, "floats");
    row->floats(entry->data + begin * row->size, count, dst);
    return FV_OK;
}

fv_status fv_safetensors_integers(const fv_safetensors *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                  int64_t *dst)
{
    const fv_st_dtype_row *row = &fv_st_dtypes[entry->dtype];
    if (!row->integers)
        return refuse(fv_safetensors_ctx(file), file, entry, "whole numbers");
    row->integers(entry->data + begin * row->size, count, dst);
    return FV_OK;
}
