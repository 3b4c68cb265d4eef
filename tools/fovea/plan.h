/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of fovea plan. */
#ifndef FOVEA_PLAN_VERB_H
#define FOVEA_PLAN_VERB_H

#include "cli.h"

/* Options of train without a part in a plan, a blank on both sides of each. */
extern const char plan_idle[];

/* What a run takes: memory, time, money; whether network and images go together; the command: --data. */
fv_status plan_run(settings *c);
/* Which networks of the zoo fit a device: --ram, --flash, --ms. */
fv_status plan_device(fv_ctx *ctx, const settings *c);
/* Which cell of transfer learning's table a network and data are in, and the command for it: --data, --from. */
fv_status plan_data(fv_ctx *ctx, const settings *c);
/* The learning rate of every step, as files: --lr-curve. */
fv_status plan_rate(fv_ctx *ctx, settings *c);

#endif
