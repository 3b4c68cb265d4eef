/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on the same input. */
#ifndef FOVEA_COMPARE_H
#define FOVEA_COMPARE_H

#include "cli.h"

/* Notes how far a network as it is used, fused, is from its layers one by one: of small networks by the loops that
 * define them. */
fv_status compare_execution(fv_ctx *ctx, fv_model *model, const char *name);

/* The weights of network i of "FILE[,FILE...]"; NULL: none are given for it. The caller frees. */
char *compare_weights(const settings *c, int i);

#endif
