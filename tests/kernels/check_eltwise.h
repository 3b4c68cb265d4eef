/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the eltwise family that live in check_eltwise_more.c. */
#ifndef FV_TESTS_KERNELS_CHECK_ELTWISE_H
#define FV_TESTS_KERNELS_CHECK_ELTWISE_H

#include "fvcheck_near.h"

#include "kernels/eltwise/eltwise.h"

void fvc_run_resample(fvc *t);
void fvc_run_lrn(fvc *t);
void fvc_run_dropout(fvc *t);

#endif
