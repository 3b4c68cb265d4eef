/* SPDX-License-Identifier: Apache-2.0 */
/* What solvers of depthwise convolutions share. */
#ifndef FV_BACKEND_CPU_DEPTHWISE_H
#define FV_BACKEND_CPU_DEPTHWISE_H

#include "kernels/depthwise/depthwise.h"
#include "ops/conv_geom.h"

fv_depthwise_shape fv_depthwise_shape_of(const fv_conv_geom *geom);

#endif
