/* SPDX-License-Identifier: Apache-2.0 */
/* A plan of memory in words. */
#ifndef FOVEA_MEMORY_TEXT_H
#define FOVEA_MEMORY_TEXT_H

#include <stddef.h>

#include <fovea/train.h>

/* "activations 80.1 MiB, weights 12.0 MiB, ...": the largest parts first, at most `most` of them. */
void memory_text(const fv_memory *plan, int most, char *text, size_t size);

/* Says a plan and the limit, or tells that it is over it (OVER_BUDGET) and what to do about that. `what` is what the
 * memory is for: "scoring". */
fv_status memory_tell(const fv_ctx *ctx, const char *what, const fv_memory *plan, const char *cure);

#endif
