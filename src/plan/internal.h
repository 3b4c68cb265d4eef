/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plan floor share. */
#ifndef FV_PLAN_INTERNAL_H
#define FV_PLAN_INTERNAL_H

#include "plan/plan.h"

/* fv_problem_text with ":const" behind operands that do not change between runs: the key of wisdom. */
fv_status fv_problem_text_const(const fv_node *node, fv_dtype dtype, uint32_t const_in, fv_str *out);

/* The remembered solver of a problem, or NULL; its version into *version. */
const char *fv_wisdom_find(const fv_wisdom *wisdom, const char *problem, int *version);
/* Remembers or replaces. Texts are copied. */
fv_status fv_wisdom_put(fv_wisdom *wisdom, const char *problem, const char *solver, int version);

#endif
