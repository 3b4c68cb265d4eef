/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from kernels.c, which needs no other floor. */
#include "base/ctx.h"
#include "kernels/kernels.h"

const fv_kernels *fv_kernels_of(const fv_ctx *ctx)
{
    return fv_kernels_get(fv_ctx_isa_id(ctx));
}
