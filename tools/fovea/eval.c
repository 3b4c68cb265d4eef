/* SPDX-License-Identifier: Apache-2.0 */
/* fovea eval: score a model, or several together, on a split. */
#include <math.h>
#include <string.h>

#include "eval_files.h"
#include "findings.h"
#include "memory_text.h"
#include "output.h"
#include "test_time.h"
#include "watch.h"

fv_status split_choose(fv_ctx *ctx, settings *c)
{
    static const char *const order[] = {"val", "test", "train"};
    const int count = c->val_split > 0 ? 1 : 3;
    bool has = false;
    for (int i = 0; i < count && !has; i++) {
        c->split = order[i];
        FV_TRY(fv_dataset_has_split(ctx, c->data, c->split, &has));
    }
    if (has && strcmp(c->split, "train") == 0)
        note("%s: neither a val nor a test split there: scoring all of it", c->data);
    return FV_OK;
}

/* Bytes that answers may take which curves are drawn from. */
#define ANSWERS ((int64_t)1 << 26)

typedef struct scoring {
    ensemble models;
    fv_dataset *data;
    fv_metrics metrics;
    fv_evaluation *evaluation;
    gates gates;
} scoring;

static fv_status evaluate(fv_ctx *ctx, settings *c, scoring *s)
{
    static const char cure[] = "use a smaller --batch-size, or raise --memory";
    ensemble *e = &s->models;
    fv_memory plan;
    FV_TRY(ensemble_open(ctx, c, e));
    FV_TRY(fv_evaluation_create(ctx, fv_model_task(e->model[0]), fv_model_classes(e->model[0]), &s->evaluation));
    if (c->curves || c->report)
        fv_evaluation_keep_answers(s->evaluation, ANSWERS);
    FV_TRY(eval_files_begin(c, e->model[0]));
    FV_TRY(gates_parse(c->gate, s->evaluation, &s->gates));
    if (!c->split)
        FV_TRY(split_choose(ctx, c));
    FV_TRY(data_open(ctx, c, c->split, e->model[0], &s->data));
    if (ensemble_is_plain(c, e)) {
        FV_TRY(fv_evaluate_memory(e->model[0], s->data, c->fit.batch_size, (int)c->fit.workers, &plan));
        FV_TRY(memory_tell(ctx, "scoring", &plan, cure));
        FV_TRY(
            fv_evaluate_into(e->model[0], s->data, c->fit.batch_size, (int)c->fit.workers, &s->metrics, s->evaluation));
    } else {
        FV_TRY(ensemble_predictor(c, e));
        FV_TRY(fv_predictor_memory(e->predictor, s->data, &plan));
        FV_TRY(memory_tell(ctx, "scoring", &plan, cure));
        FV_TRY(fv_predictor_evaluate_into(e->predictor, s->data, &s->metrics, s->evaluation));
    }
    FV_TRY(metrics_lost(&s->metrics, s->data, c->model));
    gates_judge(&s->gates, &s->metrics, s->evaluation);
    return FV_OK;
}

/* A member of an object, null for what was not measured. */
static void put_json(const char *key, double value)
{
    printf(isfinite(value) ? ",\"%s\":%.10g" : ",\"%s\":null", key, value);
}

static void print_json(const scoring *s, const findings *f)
{
    const fv_metrics *m = &s->metrics;
    printf("{\"samples\":%lld", (long long)m->samples);
    int count;
    const fv_metric *list = fv_metric_list(&count);
    for (int i = 1; i <= count; i++) { /* the loss comes last */
        const fv_metric *metric = &list[i % count];
        if (metric->called[m->task] || metric->called[FV_TASK_CLASSIFY])
            put_json(metric->name, fv_metric_value(metric, m));
    }
    printf(",\"img_per_s\":%.1f", m->img_per_s);
    if (m->task != FV_TASK_CLASSIFY)
        printf(",\"task\":\"%s\"", fv_task_names()[m->task]);
    if (s->models.predictor)
        printf(",\"forwards\":%lld", (long long)fv_predictor_forwards(s->models.predictor));
    findings_json(f, stdout);
    puts("}");
}

void metrics_text(const fv_metrics *m, const char *between, FILE *out)
{
    int count;
    const fv_metric *list = fv_metric_list(&count);
    const char *before = "";
    for (int i = 1; i <= count; i++) { /* the loss comes last */
        const fv_metric *metric = &list[i % count];
        char text[32];
        if (!metric->called[m->task])
            continue;
        fprintf(out, "%s%s %s%s", before, metric->called[m->task],
                fv_metric_text(metric, fv_metric_value(metric, m), text), metric->percent ? " %" : "");
        before = between;
    }
}

const char lost_cure[] = "its weights or the pixels are too large for float32; train it anew with a lower learning "
                         "rate (`fovea train --lr`), "
                         "or look at the images";

fv_status metrics_lost(const fv_metrics *m, const fv_dataset *data, const char *model)
{
    char name[1024];
    if (m->lost == 0)
        return FV_OK;
    fv_dataset_sample_name(data, m->first_lost, name, sizeof name);
    return complain(FV_ERR_DIVERGED, lost_cure,
                    "%s: what the model computes is not finite for %lld of %lld samples, the first is %s", model,
                    (long long)m->lost, (long long)m->samples, name);
}

static void print_scoring(const settings *c, const scoring *s)
{
    const fv_metrics *m = &s->metrics;
    const findings f = {s->models.model[0], s->data, m, s->evaluation, &s->gates, c->top_losses};
    if (c->out == OUT_JSON) {
        print_json(s, &f);
    } else if (c->out == OUT_CSV) {
        findings_csv(&f, stdout);
    } else {
        printf("%s on %s (%s): %lld samples  ", c->model, c->data, c->split, (long long)m->samples);
        metrics_text(m, "  ", stdout);
        printf("  (%.0f img/s)\n", m->img_per_s);
        findings_text(&f, stdout);
    }
}

static fv_status write_page(fv_ctx *ctx, const settings *c, const scoring *s)
{
    char title[4400], about[8800];
    if (!c->report)
        return FV_OK;
    snprintf(title, sizeof title, "%.2048s on %.2048s (%s)", c->model, c->data, c->split);
    snprintf(about, sizeof about, "fovea %s \xC2\xB7 %lld samples \xC2\xB7 %s", fv_version(),
             (long long)s->metrics.samples, fv_model_name(s->models.model[0]));
    const fv_evaluation_page page = {title,
                                     about,
                                     s->models.model[0],
                                     s->data,
                                     &s->metrics,
                                     s->evaluation,
                                     0,
                                     s->models.count == 1 ? s->models.model[0] : NULL};
    FV_TRY(fv_evaluation_write_html(ctx, &page, c->report));
    note("%s: what was found, with pictures", c->report);
    return FV_OK;
}

fv_status verb_eval(settings *c)
{
    fv_ctx *ctx;
    scoring s = {.data = NULL};
    curve_files files;
    char text[64];
    FV_TRY(output_form(c));
    if (!c->data || !option_given("model"))
        return complain(FV_ERR_USAGE, NULL, "fovea eval: --data PATH and --model FILE are needed");
    FV_TRY(output_check(c, c->data, "report", c->report, OUTPUT_PAGE));
    FV_TRY(eval_files_check(c, &files));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, ctx);
    status = report(ctx, evaluate(ctx, c, &s));
    watch_end();
    if (status == FV_OK) {
        print_scoring(c, &s);
        status = report(ctx, write_page(ctx, c, &s));
    }
    if (status == FV_OK)
        status = report(ctx, eval_files_write(ctx, c, &files, s.models.model[0], s.data, s.evaluation));
    if (s.metrics.quarantined)
        warn("%s could not be read; the score is without them", count_of(s.metrics.quarantined, "file", "files", text));
    if (status == FV_OK)
        status = gates_result(&s.gates);
    fv_evaluation_destroy(&s.evaluation);
    fv_dataset_destroy(&s.data);
    ensemble_close(&s.models);
    fv_ctx_destroy(&ctx);
    return status;
}
