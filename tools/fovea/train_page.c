/* SPDX-License-Identifier: Apache-2.0 */
#include "train_page.h"
#include "memory_text.h"
#include "run_facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The words as a shell takes them. */
static char *command_line(const settings *c)
{
    size_t size = sizeof "fovea train";
    for (int i = 0; i < c->n_words; i++)
        size += 4 * strlen(c->words[i]) + 3;
    char *text = malloc(size), *to = text;
    if (!text)
        return NULL;
    to += sprintf(to, "fovea train");
    for (int i = 0; i < c->n_words; i++) {
        const char *word = c->words[i];
        const bool plain = *word && !strpbrk(word, " \t\n\"'\\$`!*?[]{}()<>|&;#~");
        *to++ = ' ';
        if (!plain)
            *to++ = '\'';
        for (; *word; word++)
            to += sprintf(to, *word == '\'' ? "'\\''" : "%c", *word);
        if (!plain)
            *to++ = '\'';
    }
    *to = 0;
    return text;
}

static fv_status put_facts(fv_ctx *ctx, const settings *c, const char *dir, const fv_model *model,
                           const fv_dataset *train, const fv_dataset *val, fv_report *report)
{
    char text[512], images[3][64];
    const char *slash = strrchr(dir, '/');
    char *command = command_line(c);
    fv_status status = command ? fv_report_fact(report, "command", command) : FV_ERR_NO_MEMORY;
    free(command);
    FV_TRY(status);
    FV_TRY(fv_report_fact(report, "run", slash ? slash + 1 : dir));
    snprintf(text, sizeof text, "%s, %lld parameters", fv_model_name(model), (long long)fv_model_parameters(model));
    FV_TRY(fv_report_fact(report, "model", text));
    snprintf(text, sizeof text, "%.256s: %s, %s, %s", c->data,
             count_of(fv_dataset_count(train), "training image", "training images", images[0]),
             count_of(val ? fv_dataset_count(val) : 0, "validation image", "validation images", images[1]),
             count_of(fv_dataset_classes(train), "class", "classes", images[2]));
    FV_TRY(fv_report_fact(report, "data", text));
    snprintf(text, sizeof text, "%.256s, %s, %s, %.1f GiB for plans", fv_ctx_processor(ctx), fv_ctx_isa(ctx),
             count_of(fv_ctx_threads(ctx), "thread", "threads", images[0]),
             (double)fv_ctx_memory_limit(ctx) / 1073741824);
    return fv_report_fact(report, "machine", text);
}

fv_status train_page_open(fv_ctx *ctx, const settings *c, const char *dir, const fv_model *model, fv_dataset *train,
                          const char *augment, fv_dataset *val, const fv_memory *plan, train_page *page)
{
    const fv_task task = fv_dataset_task(train);
    char parts[512], text[600];
    *page = (train_page){.train = train, .val = val};
    FV_TRY(fv_report_create(ctx, dir, fv_model_name(model), &page->report));
    FV_TRY(fv_report_histograms(page->report, c->histogram_interval));
    FV_TRY(put_facts(ctx, c, dir, model, train, val, page->report));
    memory_text(plan, 20, parts, sizeof parts);
    snprintf(text, sizeof text, "%.1f MB planned: %s", (double)plan->total / 1048576, parts);
    FV_TRY(fv_report_fact(page->report, "memory", text));
    FV_TRY(fv_report_batch(page->report, train, fv_model_pipeline(model), augment, (uint64_t)c->fit.seed));
    if (val) {
        FV_TRY(fv_evaluation_create(ctx, task, fv_model_classes(model), &page->latest));
        FV_TRY(fv_evaluation_create(ctx, task, fv_model_classes(model), &page->best));
    }
    return FV_OK;
}

void train_page_close(train_page *page)
{
    fv_report_destroy(&page->report);
    fv_evaluation_destroy(&page->latest);
    fv_evaluation_destroy(&page->best);
}

/* The validation's part of an event, as metrics. */
static fv_metrics metrics_of(const fv_fit_event *e, const fv_evaluation *evaluation)
{
    fv_metrics m = {.samples = fv_evaluation_count(evaluation), .task = fv_evaluation_task(evaluation)};
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++)
        if (list[i].validation)
            *(double *)((char *)&m + list[i].metric->offset) = fv_monitor_value(&list[i], e);
    return m;
}

void train_page_event(train_page *page, const fv_fit_event *e)
{
    if (page->latest && e->kind == FV_EVENT_EPOCH && e->best && isfinite(e->val_loss)) {
        fv_evaluation_swap(page->latest, page->best);
        page->best_metrics = metrics_of(e, page->best);
        page->best_epoch = e->epoch;
    }
    fv_report_event(page->report, e);
}

static fv_status put(train_page *page, const char *title, const char *about, fv_model *model, fv_dataset *data,
                     const fv_metrics *m, const fv_evaluation *evaluation, int64_t epoch)
{
    const fv_evaluation_page part = {title, about, model, data, m, evaluation, epoch, model};
    return fv_evaluation_count(evaluation) > 0 ? fv_report_evaluation(page->report, &part) : FV_OK;
}

fv_status train_page_validation(fv_ctx *ctx, const settings *c, train_page *page, int64_t best_epoch, const char *path)
{
    char about[160];
    fv_model *best = NULL;
    fv_status status = FV_OK;
    if (best_epoch == 0)
        return FV_OK;
    FV_TRY(fv_model_load(ctx, path, &best));
    if (page->val && page->best_epoch != best_epoch)
        status =
            fv_evaluate_into(best, page->val, c->fit.batch_size, (int)c->fit.workers, &page->best_metrics, page->best);
    snprintf(about, sizeof about, "The model of epoch %lld, the best one, on the validation set.",
             (long long)best_epoch);
    if (status == FV_OK && page->val)
        status = put(page, "Validation", about, best, page->val, &page->best_metrics, page->best, page->best_epoch);
    if (status == FV_OK)
        status = fv_report_network(page->report, best, page->val ? page->val : page->train);
    fv_model_destroy(&best);
    return status;
}

fv_status train_page_test(fv_ctx *ctx, const settings *c, const char *dir, train_page *page, fv_dataset *test,
                          const char *path)
{
    fv_model *best = NULL;
    fv_evaluation *findings = NULL;
    fv_metrics m;
    if (!test)
        return FV_OK;
    fv_status status = fv_model_load(ctx, path, &best);
    if (status == FV_OK)
        status = fv_evaluation_create(ctx, fv_model_task(best), fv_model_classes(best), &findings);
    if (status == FV_OK)
        status = fv_evaluate_into(best, test, c->fit.batch_size, (int)c->fit.workers, &m, findings);
    if (status == FV_OK)
        status = metrics_lost(&m, test, path);
    if (status == FV_OK)
        status = run_facts_keep_test(dir, &m);
    if (status == FV_OK) {
        printf("test: %lld samples, ", (long long)m.samples);
        metrics_text(&m, ", ", stdout);
        putchar('\n');
        status = put(page, "Test", "The best model on the test set.", best, test, &m, findings, 0);
    }
    fv_evaluation_destroy(&findings);
    fv_model_destroy(&best);
    return status;
}
