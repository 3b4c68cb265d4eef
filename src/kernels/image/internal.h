/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the image family share: members of the table that are defined beside it. */
#ifndef FV_KERNELS_IMAGE_INTERNAL_H
#define FV_KERNELS_IMAGE_INTERNAL_H

#include "kernels/image/image.h"
#include "kernels/simd/simd_bytes.h"

void FV_SYM(fv_image_weights)(const fv_resize_curve *curve, fv_resize_axis *axis);
void FV_SYM(fv_image_quads)(fv_resize_axis *axis);
void FV_SYM(fv_image_nearest)(const fv_resize_curve *curve, int64_t count, int32_t *to);
void FV_SYM(fv_image_pick_table)(fv_image_pick *pick);
void FV_SYM(fv_image_pick_rows)(const fv_image_pick *p, const uint8_t *src, int64_t times, uint8_t *dst);
void FV_SYM(fv_image_positions)(const fv_warp_map *map, int64_t y, int64_t x, int64_t n, int32_t *qx, int32_t *qy);
void FV_SYM(fv_image_bilinear)(const uint8_t *src, int64_t stride, int64_t c, int64_t n, const int32_t *qx,
                               const int32_t *qy, uint8_t *dst);
void FV_SYM(fv_image_sharpen)(int64_t n, int64_t c, int64_t stride, float factor, const uint8_t *src, uint8_t *dst);
void FV_SYM(fv_image_normals)(const uint32_t word[4], uint64_t first, int64_t n, float *dst);
void FV_SYM(fv_image_add_noise)(int64_t n, float scale, const float *normal, uint8_t *v);

#endif
