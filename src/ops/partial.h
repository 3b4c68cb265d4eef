/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the samples of a piece of a batch, made one sum and rounded. */
#ifndef FV_OPS_PARTIAL_H
#define FV_OPS_PARTIAL_H

#include "ops/ref.h"

/* `sums` (f64) of this run's samples, added to those of all other pieces of the batch and rounded to dtype. */
fv_val *fv_emit_rounded(fv_builder *b, fv_val *sums, fv_dtype dtype);
/* The same, divided by the number of values of which `like` (any dtype) has this run's. */
fv_val *fv_emit_mean(fv_builder *b, fv_val *sums, fv_val *like, fv_dtype dtype);

#endif
