/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that are trained with integers in mind. */
#ifndef FV_COMPRESS_QAT_H
#define FV_COMPRESS_QAT_H

#include "compress/quantize.h"

/* Names in the network that is trained: the range of a value, a state; behind a layer's name and a dot, its integers.
 */
#define FV_QAT_RANGE    "%.200s.range"
#define FV_QAT_INTEGERS "integers"

/* The graph of the network that is trained. */
fv_status fv_qat_build(fv_quantizer *q, fv_graph **graph);
/* Plan, weights and ranges of a model that was trained, in the place of calibration. */
fv_status fv_qat_read(fv_quantizer *q, fv_model *trained);

#endif
