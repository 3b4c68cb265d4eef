/* SPDX-License-Identifier: Apache-2.0 */
/* Growing a scratch and telling its instances, within the exec floor. */
#ifndef FV_EXEC_SCRATCH_H
#define FV_EXEC_SCRATCH_H

#include "exec/internal.h"

/* At least `bytes`; what is in it is lost when it grows, and all its instances get their new addresses. After NO_MEMORY
 * it holds nothing, and none of its instances can run until it was reserved again. */
fv_status fv_scratch_reserve(fv_scratch *scratch, int64_t bytes);
void fv_scratch_join(fv_scratch *scratch, fv_instance *instance);
void fv_scratch_leave(fv_scratch *scratch, fv_instance *instance);
/* Addresses of everything that lies in the scratch or in the program's lasting memory. */
void fv_instance_bind(fv_instance *instance);

#endif
