/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan: before anything is trained. Which of its questions is asked, and whether its options go together. */
#include "plan.h"

/* Options of the one question alone. */
static const char *const of_device[] = {"ram", "flash", "ms", "gmacs", "int8"};
enum { OF_DEVICE = sizeof of_device / sizeof *of_device };

fv_status verb_plan(settings *c)
{
    fv_ctx *ctx;
    bool device = false;
    for (int i = 0; i < OF_DEVICE; i++)
        device |= option_given(of_device[i]);
    if (!device)
        return complain(FV_ERR_USAGE, "fovea plan --ram 320K --flash 1M --ms 50, or some of them",
                        "fovea plan: for which device?");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, plan_device(ctx, c));
    fv_ctx_destroy(&ctx);
    return status;
}
