/* SPDX-License-Identifier: Apache-2.0 */
#include "findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

/* Text shows tables of classes whole up to CLASSES rows and the matrix up to MATRIX classes: what is larger is cut to
 * what matters most. JSON has the matrix up to JSON_MATRIX classes: beyond, its pairs say the same in less. */
enum { CLASSES = 60, FEWER = 20, MATRIX = 20, PAIRS = 20, JSON_MATRIX = 1000 };

static const char *class_name(const findings *f, int64_t k)
{
    return fv_model_class_name(f->model, k);
}

/* ---- text ---- */

/* A name in a column: `width` characters, cut where it is longer. */
static void put_name(FILE *out, const char *name, int width)
{
    char shown[8];
    int n = 0;
    for (size_t step; n < width && (step = fv_text_show(name, shown)) > 0; name += step) {
        int more = 0;
        for (const char *p = shown; *p; p++)
            more += (*p & 0xc0) != 0x80;
        if (n + more > width)
            break;
        fputs(shown, out);
        n += more;
    }
    fprintf(out, "%*s", width - n, "");
}

static int name_width(const findings *f)
{
    int width = (int)sizeof "weighted mean" - 1;
    for (int64_t k = 0; k < fv_evaluation_classes(f->evaluation); k++) {
        const int n = (int)strlen(class_name(f, k));
        width = n > width ? n : width;
    }
    return width < 32 ? width : 32;
}

static void put_share(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "  %8.4f", value);
    else
        fprintf(out, "  %8s", "-");
}

static void put_score(FILE *out, const char *name, int width, const fv_class_score *s)
{
    put_name(out, name, width);
    put_share(out, s->precision);
    put_share(out, s->recall);
    put_share(out, s->f1);
    fprintf(out, "  %7lld\n", (long long)s->samples);
}

/* Of many classes those with the lowest f1. */
static void text_classes(const findings *f, FILE *out)
{
    const fv_evaluation *e = f->evaluation;
    const int64_t classes = fv_evaluation_classes(e);
    const int width = name_width(f);
    fv_class_score s, macro, weighted;
    fv_ranked_class *rows = calloc((size_t)classes, sizeof *rows);
    int64_t n = 0;
    if (rows && classes > CLASSES) {
        const int64_t all = fv_evaluation_ranking(e, rows);
        n = all < FEWER ? all : FEWER;
        fprintf(out, "\nThe %lld of %lld classes with the lowest f1 (--json and --out csv have all):\n", (long long)n,
                (long long)all);
    } else {
        fputc('\n', out);
    }
    for (; rows && classes <= CLASSES && n < classes; n++)
        rows[n].class_index = n;
    fprintf(out, "%-*s  precision    recall        f1  samples\n", width - 1, "class");
    for (int64_t i = 0; i < n; i++) {
        fv_evaluation_class(e, rows[i].class_index, &s);
        put_score(out, class_name(f, rows[i].class_index), width, &s);
    }
    free(rows);
    fv_evaluation_means(e, &macro, &weighted);
    put_score(out, "mean", width, &macro);
    put_score(out, "weighted mean", width, &weighted);
}

static int digits_of(int64_t n)
{
    int digits = 1;
    while ((n /= 10) > 0)
        digits++;
    return digits;
}

static void text_matrix(const findings *f, FILE *out)
{
    const fv_evaluation *e = f->evaluation;
    const int64_t classes = fv_evaluation_classes(e);
    const int width = name_width(f);
    int64_t largest = classes - 1;
    for (int64_t t = 0; t < classes; t++)
        for (int64_t k = 0; k < classes; k++)
            largest = fv_evaluation_confusion(e, t, k) > largest ? fv_evaluation_confusion(e, t, k) : largest;
    const int cell = digits_of(largest) + 2;
    fprintf(out, "\nConfusion matrix (rows: what it is, columns: what was said)\n%*s", width + 4, "");
    for (int64_t k = 0; k < classes; k++)
        fprintf(out, "%*lld", cell, (long long)k);
    fputc('\n', out);
    for (int64_t t = 0; t < classes; t++) {
        fprintf(out, "%3lld ", (long long)t);
        put_name(out, class_name(f, t), width);
        for (int64_t k = 0; k < classes; k++) {
            const int64_t n = fv_evaluation_confusion(e, t, k);
            if (n > 0)
                fprintf(out, "%*lld", cell, (long long)n);
            else
                fprintf(out, "%*s", cell, ".");
        }
        fputc('\n', out);
    }
}

static void text_pairs(const findings *f, FILE *out)
{
    fv_confused_pair p;
    char text[64];
    if (!fv_evaluation_pair(f->evaluation, 0, &p))
        return;
    fputs("\nMost often confused (--json and --out csv have all)\n", out);
    for (int64_t i = 0; i < PAIRS && fv_evaluation_pair(f->evaluation, i, &p); i++) {
        fprintf(out, "%s of ", count_of(p.count, "sample", "samples", text));
        show_text(out, class_name(f, p.truth));
        fputs(" taken for ", out);
        show_text(out, class_name(f, p.said));
        fputc('\n', out);
    }
}

static void text_sample(const findings *f, const fv_judged_sample *s, FILE *out)
{
    const fv_task task = fv_evaluation_task(f->evaluation);
    char name[4200], text[64];
    fv_dataset_sample_name(f->data, s->sample, name, sizeof name);
    fprintf(out, "%9.4g  ", (double)s->loss);
    show_text(out, name);
    if (task == FV_TASK_CLASSIFY) {
        fputs(": ", out);
        show_text(out, class_name(f, s->truth));
        if (s->right) {
            fprintf(out, " %.1f%%, right", 100 * (double)s->confidence);
        } else {
            fputs(", taken for ", out);
            show_text(out, class_name(f, s->said));
            fprintf(out, " %.1f%%", 100 * (double)s->confidence);
        }
    } else if (task == FV_TASK_MULTILABEL) {
        fprintf(out, ": %s missed, ", count_of(s->truth, "class", "classes", text));
        fprintf(out, "%lld made up", (long long)s->said);
    }
    fputc('\n', out);
}

static void text_worst(const findings *f, FILE *out)
{
    const fv_judged_sample *s;
    const int64_t n = fv_evaluation_count(f->evaluation);
    fprintf(out, "\nWorst %lld samples, by %s\n", (long long)(n < f->worst ? n : f->worst),
            fv_evaluation_task(f->evaluation) == FV_TASK_REGRESS ? "squared error" : "loss");
    for (int64_t i = 0; i < f->worst && (s = fv_evaluation_worst(f->evaluation, i)) != NULL; i++)
        text_sample(f, s, out);
}

static void text_targets(const findings *f, FILE *out)
{
    const int width = name_width(f);
    fv_target_score s;
    fprintf(out, "\n%-*s  mean abs. error         rms  mean error          R2\n", width, "target");
    for (int64_t k = 0; k < fv_evaluation_classes(f->evaluation); k++) {
        fv_evaluation_target(f->evaluation, k, &s);
        put_name(out, class_name(f, k), width);
        fprintf(out, "  %15.6g  %10.4g  %10.4g", s.mae, s.rmse, s.bias);
        if (isfinite(s.r2))
            fprintf(out, "  %10.4f\n", s.r2);
        else
            fprintf(out, "  %10s\n", "-");
    }
}

void findings_text(const findings *f, FILE *out)
{
    const fv_evaluation *e = f->evaluation;
    const fv_task task = fv_evaluation_task(e);
    if (task == FV_TASK_REGRESS)
        text_targets(f, out);
    else
        text_classes(f, out);
    if (task == FV_TASK_CLASSIFY && fv_evaluation_classes(e) <= MATRIX)
        text_matrix(f, out);
    else if (task == FV_TASK_CLASSIFY)
        text_pairs(f, out);
    if (task != FV_TASK_REGRESS)
        fprintf(out, "\nCalibration error %.4f: how far confidence is from being right, mean over %d bins\n",
                fv_evaluation_calibration_error(e), FV_CALIBRATION_BINS);
    text_worst(f, out);
}

/* ---- JSON ---- */

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *score_json(const fv_class_score *s)
{
    return json_pack("{s:o, s:o, s:o, s:I}", "precision", real(s->precision), "recall", real(s->recall), "f1",
                     real(s->f1), "samples", (json_int_t)s->samples);
}

static json_t *class_json(const findings *f, int64_t k)
{
    fv_class_score s;
    fv_evaluation_class(f->evaluation, k, &s);
    json_t *item = score_json(&s);
    json_object_set_new(item, "class", show_json(class_name(f, k)));
    json_object_set_new(item, "said", json_integer((json_int_t)s.said));
    json_object_set_new(item, "right", json_integer((json_int_t)s.right));
    if (fv_evaluation_has_curves(f->evaluation)) {
        double auc, precision;
        (void)fv_evaluation_areas(f->evaluation, k, &auc, &precision);
        json_object_set_new(item, "roc_auc", real(auc));
        json_object_set_new(item, "average_precision", real(precision));
    }
    return item;
}

static json_t *target_json(const findings *f, int64_t k)
{
    fv_target_score s;
    fv_evaluation_target(f->evaluation, k, &s);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "target", show_json(class_name(f, k)), "mae", real(s.mae), "rmse",
                     real(s.rmse), "bias", real(s.bias), "r2", real(s.r2));
}

static json_t *matrix_json(const fv_evaluation *e)
{
    const int64_t classes = fv_evaluation_classes(e);
    if (classes > JSON_MATRIX)
        return json_null();
    json_t *rows = json_array();
    for (int64_t t = 0; t < classes; t++) {
        json_t *row = json_array();
        for (int64_t k = 0; k < classes; k++)
            json_array_append_new(row, json_integer((json_int_t)fv_evaluation_confusion(e, t, k)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *pairs_json(const findings *f)
{
    json_t *list = json_array();
    fv_confused_pair p;
    for (int64_t i = 0; fv_evaluation_pair(f->evaluation, i, &p); i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "class", show_json(class_name(f, p.truth)), "said",
                                              show_json(class_name(f, p.said)), "count", (json_int_t)p.count));
    return list;
}

static json_t *bins_json(const fv_evaluation *e)
{
    json_t *list = json_array();
    for (int i = 0; i < FV_CALIBRATION_BINS; i++) {
        fv_calibration_bin b;
        fv_evaluation_bin(e, i, &b);
        json_array_append_new(list, json_pack("{s:f, s:f, s:I, s:o, s:o}", "low", b.low, "high", b.high, "count",
                                              (json_int_t)b.count, "confidence", real(b.confidence), "accuracy",
                                              real(b.accuracy)));
    }
    return list;
}

static json_t *worst_json(const findings *f)
{
    const fv_task task = fv_evaluation_task(f->evaluation);
    const fv_judged_sample *s;
    json_t *list = json_array();
    for (int64_t i = 0; i < f->worst && (s = fv_evaluation_worst(f->evaluation, i)) != NULL; i++) {
        char name[4200];
        fv_dataset_sample_name(f->data, s->sample, name, sizeof name);
        json_t *item = json_pack("{s:o, s:f}", "file", show_json(name), "loss", (double)s->loss);
        if (task == FV_TASK_CLASSIFY)
            json_object_update_new(
                item, json_pack("{s:o, s:o, s:f, s:f, s:b}", "class", show_json(class_name(f, s->truth)), "said",
                                show_json(class_name(f, s->said)), "confidence", (double)s->confidence,
                                "class_confidence", (double)s->truth_confidence, "right", s->right));
        else if (task == FV_TASK_MULTILABEL)
            json_object_update_new(item, json_pack("{s:i, s:i, s:b}", "missed", (int)s->truth, "made_up", (int)s->said,
                                                   "right", s->right));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *gates_json(const gates *g)
{
    json_t *list = json_array();
    for (int i = 0; i < g->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:o, s:b}", "name", g->list[i].name,
                                              g->list[i].at_most ? "at_most" : "at_least", g->list[i].limit, "value",
                                              real(g->list[i].value), "passed", g->list[i].passed));
    return list;
}

/* A member of an object that is written piece by piece; takes the value. */
static void put_member(FILE *out, const char *key, json_t *value)
{
    fprintf(out, ",\"%s\":", key);
    json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
    json_decref(value);
}

void findings_json(const findings *f, FILE *out)
{
    const fv_evaluation *e = f->evaluation;
    const fv_task task = fv_evaluation_task(e);
    fv_class_score macro, weighted;
    json_t *classes = json_array();
    for (int64_t k = 0; k < fv_evaluation_classes(e); k++)
        json_array_append_new(classes, task == FV_TASK_REGRESS ? target_json(f, k) : class_json(f, k));
    if (task != FV_TASK_REGRESS) {
        fv_evaluation_means(e, &macro, &weighted);
        put_member(out, "macro", score_json(&macro));
        put_member(out, "weighted", score_json(&weighted));
        put_member(out, "calibration_error", real(fv_evaluation_calibration_error(e)));
        put_member(out, "calibration", bins_json(e));
    }
    put_member(out, task == FV_TASK_REGRESS ? "targets" : "classes", classes);
    if (task == FV_TASK_CLASSIFY) {
        put_member(out, "confusion", matrix_json(e));
        put_member(out, "confused", pairs_json(f));
    }
    put_member(out, "worst", worst_json(f));
    if (f->gates->count > 0)
        put_member(out, "gates", gates_json(f->gates));
}

/* ---- CSV ---- */

/* One number and what it is of; NULL: of nothing in particular. */
static void put_row(FILE *out, const char *what, const char *class, const char *said, const char *file, double value)
{
    const char *const fields[] = {class, said, file};
    fputs(what, out);
    for (int i = 0; i < 3; i++) {
        fputc(',', out);
        show_csv(out, fields[i] ? fields[i] : "");
    }
    fputc(',', out);
    if (isfinite(value))
        fprintf(out, "%.10g", value);
    fputc('\n', out);
}

static void csv_class(const findings *f, int64_t k, FILE *out)
{
    const char *name = class_name(f, k);
    fv_class_score s;
    fv_target_score t;
    if (fv_evaluation_task(f->evaluation) == FV_TASK_REGRESS) {
        fv_evaluation_target(f->evaluation, k, &t);
        put_row(out, "mae", name, NULL, NULL, t.mae);
        put_row(out, "rmse", name, NULL, NULL, t.rmse);
        put_row(out, "bias", name, NULL, NULL, t.bias);
        put_row(out, "r2", name, NULL, NULL, t.r2);
        return;
    }
    fv_evaluation_class(f->evaluation, k, &s);
    put_row(out, "precision", name, NULL, NULL, s.precision);
    put_row(out, "recall", name, NULL, NULL, s.recall);
    put_row(out, "f1", name, NULL, NULL, s.f1);
    put_row(out, "samples", name, NULL, NULL, (double)s.samples);
    put_row(out, "said", name, NULL, NULL, (double)s.said);
    if (fv_evaluation_has_curves(f->evaluation)) {
        double auc, precision;
        (void)fv_evaluation_areas(f->evaluation, k, &auc, &precision);
        put_row(out, "roc_auc", name, NULL, NULL, auc);
        put_row(out, "average_precision", name, NULL, NULL, precision);
    }
}

/* The diagonal, and what was confused; all other cells are 0. */
static void csv_confusion(const findings *f, FILE *out)
{
    const fv_evaluation *e = f->evaluation;
    fv_confused_pair p;
    for (int64_t k = 0; k < fv_evaluation_classes(e); k++)
        put_row(out, "confusion", class_name(f, k), class_name(f, k), NULL, (double)fv_evaluation_confusion(e, k, k));
    for (int64_t i = 0; fv_evaluation_pair(e, i, &p); i++)
        put_row(out, "confusion", class_name(f, p.truth), class_name(f, p.said), NULL, (double)p.count);
}

void findings_csv(const findings *f, FILE *out)
{
    const fv_task task = fv_evaluation_task(f->evaluation);
    const fv_judged_sample *s;
    figure figures[MAX_FIGURES];
    const int n = figures_of(f->metrics, f->evaluation, figures);
    fputs("what,class,said,file,value\n", out);
    put_row(out, "samples", NULL, NULL, NULL, (double)f->metrics->samples);
    for (int i = 0; i < n; i++)
        put_row(out, figures[i].name, NULL, NULL, NULL, figures[i].value);
    for (int64_t k = 0; k < fv_evaluation_classes(f->evaluation); k++)
        csv_class(f, k, out);
    if (task == FV_TASK_CLASSIFY)
        csv_confusion(f, out);
    for (int64_t i = 0; i < f->worst && (s = fv_evaluation_worst(f->evaluation, i)) != NULL; i++) {
        char name[4200];
        const char *class = task == FV_TASK_CLASSIFY ? class_name(f, s->truth) : NULL;
        const char *said = task == FV_TASK_CLASSIFY ? class_name(f, s->said) : NULL;
        fv_dataset_sample_name(f->data, s->sample, name, sizeof name);
        put_row(out, "worst_loss", class, said, name, (double)s->loss);
        if (task == FV_TASK_CLASSIFY)
            put_row(out, "worst_confidence", class, said, name, (double)s->confidence);
    }
}
