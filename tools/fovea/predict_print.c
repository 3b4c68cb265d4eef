/* SPDX-License-Identifier: Apache-2.0 */
#include "predict.h"
#include "show.h"

void prediction_print_bad(const prediction *p, const char *name, const char *error)
{
    if (p->c->out == OUT_JSON) {
        json_t *line = json_pack("{s:o, s:o}", "file", show_json(name), "error", show_json(error));
        if (p->truth.there)
            truth_json(&p->truth, NULL, -1, line);
        json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        json_decref(line);
        putchar('\n');
    } else if (p->c->out == OUT_CSV) {
        show_csv(stdout, name);
        fputs(p->c->mc_dropout ? ",,,," : ",,,", stdout);
        if (p->truth.there)
            truth_csv(&p->truth, -1);
        show_csv(stdout, error);
        puts(p->explaining ? "," : "");
    } else {
        warn("%s", error);
    }
}

static void print_json(const prediction *p, const char *name)
{
    const bool values = p->task == FV_TASK_REGRESS;
    json_t *list = json_array(), *line;
    for (int64_t k = 0; k < p->topk; k++) {
        const int64_t i = p->order[k];
        json_t *item =
            json_pack("{s:o, s:I, s:f}", values ? "target" : "class", show_json(fv_model_class_name(p->model, i)),
                      "index", (json_int_t)i, values ? "value" : "probability", (double)p->probability[i]);
        if (p->c->mc_dropout)
            json_object_set_new(item, "std", json_real((double)p->deviation[i]));
        json_array_append_new(list, item);
    }
    line = json_pack("{s:o, s:o}", "file", show_json(name), "predictions", list);
    if (p->truth.there)
        truth_json(&p->truth, p->probability, p->order[0], line);
    if (p->explaining)
        json_object_set_new(line, "explanation", explain_json(p->explaining));
    json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(line);
    putchar('\n');
}

/* "cat 93.1%", "cat 93.1% +- 2.0%", "age 41.5". */
static void print_text(const prediction *p, int64_t i)
{
    const bool values = p->task == FV_TASK_REGRESS;
    const double factor = values ? 1 : 100;
    show_text(stdout, fv_model_class_name(p->model, i));
    printf(values ? " %.6g" : " %.1f%%", factor * (double)p->probability[i]);
    if (p->c->mc_dropout)
        printf(values ? " +- %.3g" : " +- %.1f%%", factor * (double)p->deviation[i]);
}

void prediction_print_good(const prediction *p, const char *name)
{
    if (p->c->out == OUT_JSON) {
        print_json(p, name);
        return;
    }
    for (int64_t k = 0; k < p->topk; k++) {
        const int64_t i = p->order[k];
        if (p->c->out == OUT_CSV) {
            show_csv(stdout, name);
            putchar(',');
            show_csv(stdout, fv_model_class_name(p->model, i));
            printf(",%.9g,", (double)p->probability[i]);
            if (p->c->mc_dropout)
                printf("%.9g,", (double)p->deviation[i]);
            if (p->truth.there)
                truth_csv(&p->truth, i);
            if (p->explaining) { /* behind an error that there is not */
                putchar(',');
                show_csv(stdout, explain_class(p->explaining) == i ? explain_picture(p->explaining) : "");
            }
            putchar('\n');
        } else {
            if (k == 0)
                show_text(stdout, name);
            fputs(k ? ", " : ": ", stdout);
            print_text(p, i);
        }
    }
    if (p->c->out == OUT_TEXT && p->truth.there)
        truth_text(&p->truth, p->probability, p->order[0]);
    if (p->c->out == OUT_TEXT)
        putchar('\n');
    if (p->c->out == OUT_TEXT && p->explaining)
        explain_text(p->explaining);
}

void prediction_print_head(const prediction *p)
{
    if (p->c->out == OUT_CSV)
        printf("file,%s,%s%serror%s\n", p->task == FV_TASK_REGRESS ? "target,value" : "class,probability",
               p->c->mc_dropout ? "std," : "", p->truth.there ? "label," : "", p->explaining ? ",picture" : "");
}
