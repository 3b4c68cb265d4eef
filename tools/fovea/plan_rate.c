/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan --lr-curve: the learning rate of every step of a run, before there is one. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "curve.h"
#include "plan.h"
#include "show.h"
#include "train_check.h"

enum { STEPS = 100, ROWS_MAX = 10000000 };

/* Steps, and the rate of each. */
typedef struct rate_curve {
    int64_t steps, n;
    double *epoch, *lr, highest, lowest;
} rate_curve;

/* The shortest text that reads back as the same number. */
static const char *exact(double value, char text[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static fv_status compute(const fv_fit_options *fit, rate_curve *r)
{
    r->epoch = calloc((size_t)r->n + 1, sizeof *r->epoch);
    r->lr = calloc((size_t)r->n + 1, sizeof *r->lr);
    if (!r->epoch || !r->lr)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for %lld steps", (long long)r->n);
    for (int64_t i = 0; i < r->n; i++) {
        r->epoch[i] = (double)i / (double)r->steps;
        r->lr[i] = fv_schedule_at(fit, i / r->steps, i % r->steps, r->steps);
        r->highest = i == 0 || r->lr[i] > r->highest ? r->lr[i] : r->highest;
        r->lowest = i == 0 || r->lr[i] < r->lowest ? r->lr[i] : r->lowest;
    }
    return FV_OK;
}

static fv_status write_curve(const settings *c, const curve_files *files, const rate_curve *r)
{
    char *csv = NULL, about[256], text[64], number[2][32];
    size_t size = 0;
    FILE *out = open_memstream(&csv, &size);
    if (!out)
        return FV_ERR_NO_MEMORY;
    const bool momentum = fv_schedule_cycles_momentum(&c->fit);
    fprintf(out, "step,epoch,lr%s\n", momentum ? ",momentum" : "");
    for (int64_t i = 0; i < r->n; i++) {
        fprintf(out, "%lld,%s,%s", (long long)i + 1, exact(r->epoch[i], number[0]), exact(r->lr[i], number[1]));
        if (momentum)
            fprintf(out, ",%s", exact(fv_schedule_momentum(&c->fit, i / r->steps, i % r->steps, r->steps), number[0]));
        fputc('\n', out);
    }
    if (fclose(out) != 0) {
        free(csv);
        return FV_ERR_NO_MEMORY;
    }
    snprintf(about, sizeof about, "%s schedule, %s of %lld steps, rates from %.4g to %.4g",
             fv_schedule_names()[c->fit.schedule], count_of(c->fit.epochs, "epoch", "epochs", text),
             (long long)r->steps, r->lowest, r->highest);
    const curve drawn = {.title = "Learning rate",
                         .about = about,
                         .x_name = "epoch",
                         .y_name = "lr",
                         .x = r->epoch,
                         .y = r->lr,
                         .n = r->n,
                         .from_zero = true};
    const fv_status status = curve_files_write(files, &drawn, csv, size);
    free(csv);
    return status;
}

static void tell(const settings *c, const curve_files *files, const rate_curve *r)
{
    const char *schedule = fv_schedule_names()[c->fit.schedule];
    if (c->json) {
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:o, s:o}", "schedule", schedule, "epochs",
                      (json_int_t)c->fit.epochs, "steps_per_epoch", (json_int_t)r->steps, "first", r->lr[0], "highest",
                      r->highest, "last", r->lr[r->n - 1], "csv", show_json(files->csv), "svg", show_json(files->svg));
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("%s schedule: first %.6g, highest %.6g, last %.6g\n", schedule, r->lr[0], r->highest, r->lr[r->n - 1]);
    printf("curve: %s\ndrawing: %s\n", files->csv, files->svg);
}

fv_status plan_rate(fv_ctx *ctx, settings *c)
{
    curve_files files;
    rate_curve r = {.steps = c->fit.steps_per_epoch > 0 ? c->fit.steps_per_epoch : STEPS};
    FV_TRY(train_check(c));
    FV_TRY(fv_fit_check(ctx, &c->fit, r.steps));
    if (c->fit.epochs > ROWS_MAX / r.steps)
        return complain(FV_ERR_VALUE, "use fewer --steps-per-epoch: the curve has the same form",
                        "--lr-curve: %lld epochs of %lld steps are more than %d rows", (long long)c->fit.epochs,
                        (long long)r.steps, ROWS_MAX);
    r.n = c->fit.epochs * r.steps;
    FV_TRY(curve_files_check(c, "lr-curve", c->lr_curve, &files));
    if (c->fit.steps_per_epoch == 0)
        note("--steps-per-epoch: %d are assumed", STEPS);
    if (c->fit.schedule == FV_PLATEAU)
        note("--sched plateau: what is drawn is a run that always improves");
    fv_status status = compute(&c->fit, &r);
    if (status == FV_OK)
        status = write_curve(c, &files, &r);
    if (status == FV_OK)
        tell(c, &files, &r);
    free(r.epoch);
    free(r.lr);
    return status;
}
