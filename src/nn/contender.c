/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of the zoo on a device: what each needs, and whether that is within bounds. */
#include <math.h>

#include "base/file.h"
#include "model/footprint.h"
#include "nn/zoo.h"

/* What the share of a machine's roofs that networks reach is measured with: quick, and unlike each other. */
static const char *const yardsticks[] = {"resnet20", "squeezenet1_1", "mobilenet_v1_0.25"};
enum { YARDSTICKS = sizeof yardsticks / sizeof *yardsticks, RUNS = 4 };

/* The quickest of a few runs behind a first one. */
static fv_status time_runs(fv_model *model, double *seconds)
{
    fv_session *session = NULL;
    *seconds = INFINITY;
    fv_status status = fv_model_init(model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_session_create(model, 1, &session);
    if (status == FV_OK)
        status = fv_session_run(session);
    for (int run = 0; run < RUNS && status == FV_OK; run++) {
        const double start = fv_time_monotonic();
        status = fv_session_run(session);
        const double taken = fv_time_monotonic() - start;
        *seconds = taken < *seconds ? taken : *seconds;
    }
    fv_session_destroy(&session);
    return status;
}

fv_status fv_device_speed_measure(fv_ctx *ctx, fv_device_speed *speed)
{
    double logs = 0;
    *speed = (fv_device_speed){.share = 1};
    FV_TRY(fv_machine_measure(ctx, &speed->machine));
    for (int i = 0; i < YARDSTICKS; i++) {
        fv_model *model = NULL;
        fv_footprint f;
        double least = 0, taken = 0;
        FV_TRY(fv_model_zoo(ctx, yardsticks[i], NULL, &model));
        fv_status status = fv_model_needs(model, FV_NUMBERS_FLOAT32, &speed->machine, &f, &least);
        if (status == FV_OK)
            status = time_runs(model, &taken);
        fv_model_destroy(&model);
        FV_TRY(status);
        logs += log(least / taken);
    }
    speed->share = exp(logs / YARDSTICKS);
    return FV_OK;
}

/* The network cannot take such an input: SHAPE, VALUE and the like, as opposed to no memory. */
static bool is_about_the_network(fv_status status)
{
    return status != FV_OK && status != FV_ERR_NO_MEMORY && status != FV_ERR_OVER_BUDGET &&
           status != FV_ERR_UNKNOWN_OPTION;
}

fv_status fv_zoo_contender(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_numbers numbers,
                           const fv_device_bounds *bounds, const fv_device_speed *speed, fv_contender *c)
{
    fv_model *model = NULL;
    double seconds = 0;
    *c = (fv_contender){.name = name};
    fv_status status = fv_zoo_draft(ctx, name, options, &model);
    if (is_about_the_network(status)) {
        c->over = FV_NOT_BUILT;
        return FV_OK;
    }
    FV_TRY(status);
    fv_model_input_size(model, &c->h, &c->w, &c->c);
    status = fv_model_needs(model, numbers, &speed->machine, &c->need, &seconds);
    fv_model_destroy(&model);
    FV_TRY(status);
    c->ms = speed->gmacs > 0 ? 1e-6 * c->need.macs / speed->gmacs : 1e3 * seconds / speed->share;
    c->over |= bounds->ram > 0 && c->need.peak_bytes > bounds->ram ? FV_OVER_RAM : 0;
    c->over |= bounds->flash > 0 && c->need.weight_bytes > bounds->flash ? FV_OVER_FLASH : 0;
    c->over |= bounds->ms > 0 && c->ms > bounds->ms ? FV_OVER_TIME : 0;
    c->over |= bounds->parameters > 0 && c->need.parameters > bounds->parameters ? FV_OVER_PARAMETERS : 0;
    return FV_OK;
}
