/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

int figures_of(const fv_metrics *m, const fv_evaluation *e, figure list[MAX_FIGURES])
{
    const fv_task task = fv_evaluation_task(e);
    int count, n = 0;
    const fv_metric *metrics = fv_metric_list(&count);
    for (int i = 0; i < count; i++)
        if (metrics[i].called[task])
            list[n++] = (figure){metrics[i].name, m ? fv_metric_value(&metrics[i], m) : (double)NAN,
                                 metrics[i].higher_is_better, metrics[i].percent};
    if (task == FV_TASK_REGRESS)
        return n;
    fv_class_score macro, weighted;
    fv_evaluation_means(e, &macro, &weighted);
    const figure more[] = {
        {"macro_precision", macro.precision, true, true},
        {"macro_recall", macro.recall, true, true},
        {"macro_f1", macro.f1, true, true},
        {"weighted_precision", weighted.precision, true, true},
        {"weighted_recall", weighted.recall, true, true},
        {"weighted_f1", weighted.f1, true, true},
        {"calibration_error", fv_evaluation_calibration_error(e), false, true},
    };
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        list[n++] = more[i];
    return n;
}

/* ---- gates ---- */

static fv_status unknown_name(const char *name, const figure *list, int n)
{
    const char *names[MAX_FIGURES + 1] = {NULL};
    char all[512] = "";
    for (int i = 0; i < n; i++) {
        names[i] = list[i].name;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", list[i].name);
    }
    const char *nearest = fv_nearest(name, names);
    if (nearest)
        snprintf(all, sizeof all, "did you mean '%s'?", nearest);
    return complain(FV_ERR_VALUE, all, "--gate %s: nothing of that name is measured here", name);
}

/* The limit of "NAME=LIMIT"; a share may be a percentage. */
static fv_status read_limit(const char *word, const char *text, const figure *f, double *limit)
{
    char *end;
    *limit = strtod(text, &end);
    const bool percent = f->percent && strcmp(end, "%") == 0;
    if (end == text || (*end && !percent) || !isfinite(*limit))
        return complain(FV_ERR_VALUE, "write for example --gate top1=0.9", "--gate %s: '%s' is not a number", word,
                        text);
    *limit /= percent ? 100 : 1;
    if (f->percent && (*limit < 0 || *limit > 1)) {
        char hint[96];
        snprintf(hint, sizeof hint, "write %s=0.9 or %s=90%%", f->name, f->name);
        return complain(FV_ERR_VALUE, hint, "--gate %s: %s is a share, from 0 to 1", word, f->name);
    }
    return FV_OK;
}

static fv_status parse_one(char *word, const figure *list, int n, gate *g)
{
    char shown[128];
    snprintf(shown, sizeof shown, "%s", word);
    char *limit = strchr(word, '=');
    if (!limit || limit == word)
        return complain(FV_ERR_VALUE, "write for example --gate top1=0.9", "--gate %s: expected NAME=LIMIT", word);
    *limit++ = 0;
    for (char *p = word; *p; p++)
        *p = (char)(*p == '-' ? '_' : *p);
    const figure *f = NULL;
    for (int i = 0; i < n; i++)
        f = strcmp(list[i].name, word) == 0 ? &list[i] : f;
    if (!f)
        return unknown_name(word, list, n);
    *g = (gate){.name = f->name, .at_most = !f->higher_is_better, .value = NAN};
    return read_limit(shown, limit, f, &g->limit);
}

fv_status gates_parse(const char *text, const fv_evaluation *e, gates *g)
{
    figure list[MAX_FIGURES];
    *g = (gates){.count = 0};
    char *copy = text ? strdup(text) : NULL, *rest = copy;
    if (!copy)
        return text ? FV_ERR_NO_MEMORY : FV_OK;
    const int n = figures_of(NULL, e, list);
    fv_status status = FV_OK;
    while (status == FV_OK && rest) {
        char *word = strsep(&rest, ",");
        if (g->count == MAX_GATES)
            status = complain(FV_ERR_VALUE, NULL, "--gate: more than %d limits", MAX_GATES);
        else
            status = parse_one(word, list, n, &g->list[g->count++]);
    }
    free(copy);
    return status;
}

void gates_judge(gates *g, const fv_metrics *m, const fv_evaluation *e)
{
    figure list[MAX_FIGURES];
    const int n = figures_of(m, e, list);
    for (int i = 0; i < g->count; i++) {
        gate *one = &g->list[i];
        for (int k = 0; k < n; k++)
            one->value = list[k].name == one->name ? list[k].value : one->value;
        const double slack = 1e-9 * fabs(one->limit); /* a number that was printed with 10 digits is reached */
        one->passed = one->at_most ? one->value <= one->limit + slack : one->value >= one->limit - slack;
    }
}

fv_status gates_result(const gates *g)
{
    char text[1024] = "";
    for (int i = 0; i < g->count; i++) {
        const gate *one = &g->list[i];
        if (!one->passed)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s is %.10g, asked for is at %s %.10g",
                     *text ? "; " : "", one->name, one->value, one->at_most ? "most" : "least", one->limit);
    }
    return *text ? complain(FV_ERR_GATE, NULL, "--gate: %s", text) : FV_OK;
}
