/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the image family that check_image_more.c adds to the table in check_image.c. */
#ifndef FV_TESTS_KERNELS_CHECK_IMAGE_H
#define FV_TESTS_KERNELS_CHECK_IMAGE_H

#include "fvcheck.h"

void image_run_positions(fvc *t);
void image_run_bilinear(fvc *t);
void image_run_sharpen(fvc *t);
void image_run_noise(fvc *t);
void image_bench_more(fvc *t);

#endif
