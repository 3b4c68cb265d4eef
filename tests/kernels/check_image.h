/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the image family that check_image_more.c and check_image_tables.c add to the table in check_image.c. */
#ifndef FV_TESTS_KERNELS_CHECK_IMAGE_H
#define FV_TESTS_KERNELS_CHECK_IMAGE_H

#include "fvcheck.h"

void image_run_positions(fvc *t);
void image_run_bilinear(fvc *t);
void image_run_sharpen(fvc *t);
void image_run_noise(fvc *t);
void image_bench_more(fvc *t);

/* check_image_tables.c */
void image_run_weights(fvc *t);
void image_run_quads(fvc *t);
void image_run_nearest(fvc *t);
void image_run_pick(fvc *t);
void image_run_narrow(fvc *t);
void image_install_weights(fv_kernels *k);
void image_install_quads(fv_kernels *k);
void image_install_nearest(fv_kernels *k);
void image_install_pick(fv_kernels *k);
void image_install_narrow(fv_kernels *k);

#endif
