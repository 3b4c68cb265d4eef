/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan: before anything is trained. Which of its questions is asked, and whether its options go together. */
#include <string.h>

#include "plan.h"

/* Options of one question alone; lists end with NULL. */
static const char *const of_device[] = {"ram", "flash", "ms", "gmacs", "int8", "in-chans", NULL};
static const char *const of_data[] = {"data",        "from",       "weights",     "limit",   "seed",
                                      "task",        "val-split",  "allow-extra", "max-bad", "allow-empty",
                                      "ignore-exif", "max-pixels", "salvage",     NULL};

/* The first that was given; NULL: none. */
static const char *first_given(const char *const *keys)
{
    while (*keys && !option_given(*keys))
        keys++;
    return *keys;
}

/* Whether an option says something about the learning rate. */
static bool rate_given(void)
{
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    bool given = option_given("config");
    for (int i = 0; i < count; i++)
        given |= strcmp(rows[i].key, "seed") != 0 && option_given(rows[i].key);
    return given;
}

static fv_status plan_curve(settings *c, const char *other)
{
    fv_ctx *ctx;
    if (!c->lr_curve)
        return complain(FV_ERR_USAGE, "fovea plan --lr-curve NAME --sched onecycle --epochs 20",
                        "fovea plan: what is to be done with the schedule? give --lr-curve");
    if (other)
        return complain(FV_ERR_CONFLICT, "ask one after the other",
                        "fovea plan: --lr-curve is about a schedule, --%s is not", other);
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, plan_rate(ctx, c));
    fv_ctx_destroy(&ctx);
    return status;
}

fv_status verb_plan(settings *c)
{
    fv_ctx *ctx;
    const char *device = first_given(of_device), *data = first_given(of_data);
    if (c->lr_curve || (!device && !data && rate_given()))
        return plan_curve(c, device ? device : data);
    if (!device && !data && option_given("img-size")) /* which both questions have */
        device = "img-size";
    if (!device && !data)
        return complain(FV_ERR_USAGE, "fovea plan --ram 320K --flash 1M --ms 50, or fovea plan --data PATH --from NAME",
                        "fovea plan: for which device, or for which data?");
    if (device && data)
        return complain(FV_ERR_CONFLICT, "ask one after the other",
                        "fovea plan: --%s is about a device, --%s about taking a network to other data", device, data);
    if (data && (!c->data || !c->from))
        return complain(FV_ERR_USAGE, "fovea plan --data PATH --from NAME|FILE [--weights FILE]", "fovea plan: %s",
                        c->data ? "from which trained network? give --from" : "for which data? give --data");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, data ? plan_data(ctx, c) : plan_device(ctx, c));
    fv_ctx_destroy(&ctx);
    return status;
}
