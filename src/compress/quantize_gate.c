/* SPDX-License-Identifier: Apache-2.0 */
/* The fewest layers in floats with which the accuracy holds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quantize.h"

/* Layers that are left out one by one: those with the largest errors of their own. */
enum { LEFT_OUT = 8 };

typedef struct meeting {
    fv_quantizer *q;
    fv_dataset *labeled;
    fv_quantize_gate *gate;
    int *order; /* units with weights, the worst first */
    int count;
    double score; /* of the model made last */
    fv_model *made;
} meeting;

static fv_status score(const meeting *m, fv_model *model, double *accuracy)
{
    fv_metrics metrics;
    FV_TRY(fv_evaluate(model, m->labeled, m->gate->batch_size, m->gate->workers, &metrics));
    *accuracy = 100 * metrics.top1;
    return FV_OK;
}

/* The model of the layers as they are kept now. */
static fv_status try_it(meeting *m)
{
    fv_model_destroy(&m->made);
    FV_TRY(fv_quantizer_make(m->q, &m->made));
    m->gate->trials++;
    return score(m, m->made, &m->score);
}

static bool holds(const meeting *m)
{
    return m->gate->before - m->score <= m->gate->max_drop + 1e-9;
}

static double error_of(const fv_q_unit *u)
{
    return isnan(u->row.own_db) ? INFINITY : u->row.own_db;
}

/* Insertion sorts: there are few, and equal ones keep their order. */
static void sort_by_error(meeting *m)
{
    for (int i = 1; i < m->count; i++)
        for (int k = i; k > 0 && error_of(&m->q->units[m->order[k]]) < error_of(&m->q->units[m->order[k - 1]]); k--) {
            const int t = m->order[k];
            m->order[k] = m->order[k - 1];
            m->order[k - 1] = t;
        }
}

/* Each of the worst alone in floats. *one: the first of those that give most back. */
static fv_status leave_out(meeting *m, int *one)
{
    const int count = m->count < LEFT_OUT ? m->count : LEFT_OUT;
    double best = -1;
    for (int i = 0; i < count; i++) {
        fv_q_unit *u = &m->q->units[m->order[i]];
        u->keep = true;
        const fv_status status = try_it(m);
        u->keep = false;
        FV_TRY(status);
        u->row.left_out = m->score;
        if (m->score > best) {
            best = m->score;
            *one = i;
        }
    }
    m->score = best;
    return FV_OK;
}

static fv_status fail_gate(const meeting *m, int most)
{
    fv_str names = {.ctx = m->q->ctx};
    for (int i = 0; i < most; i++) {
        fv_str_append(&names, i ? ", " : "");
        fv_str_show(&names, m->q->units[m->order[i]].row.layer);
    }
    const fv_status status = fv_fail_hint(
        m->q->ctx,
        fv_fail(m->q->ctx, FV_ERR_GATE,
                "accuracy %.2f %% with layers %s in floats, %.2f %% before: more than %.3g points are lost", m->score,
                fv_str_get(&names), m->gate->before, m->gate->max_drop),
        "allow more with --max-drop, calibrate on more images (--samples) or by another rule "
        "(--calibration, --equalize, --bias-correction), or train on");
    fv_str_free(&names);
    return status;
}

/* From the largest error of its own on, until it holds; then those that it holds without are taken back. */
static fv_status add_layers(meeting *m)
{
    const int most = m->count / 2 > 1 ? m->count / 2 : 1;
    int added = 0;
    while (added < most && !holds(m)) {
        m->q->units[m->order[added++]].keep = true;
        FV_TRY(try_it(m));
    }
    if (!holds(m))
        return fail_gate(m, most);
    for (int i = added - 2; i >= 0; i--) { /* the last one was needed */
        fv_q_unit *u = &m->q->units[m->order[i]];
        u->keep = false;
        FV_TRY(try_it(m));
        u->keep = !holds(m);
    }
    return holds(m) ? FV_OK : try_it(m);
}

static fv_status meet(meeting *m, fv_model *model)
{
    FV_TRY(score(m, model, &m->gate->before));
    FV_TRY(try_it(m));
    m->gate->all = m->score;
    for (int i = 0; i < m->q->n_units; i++)
        if (m->q->units[i].row.weighted && m->q->units[i].row.integer)
            m->order[m->count++] = i;
    if (holds(m) || m->count == 0)
        return holds(m) ? FV_OK : fail_gate(m, 0);
    int one = 0;
    sort_by_error(m);
    FV_TRY(leave_out(m, &one));
    if (holds(m)) { /* a single one is enough */
        m->q->units[m->order[one]].keep = true;
        FV_TRY(try_it(m));
    } else {
        m->score = m->gate->all; /* none is kept yet */
        FV_TRY(add_layers(m));
    }
    for (int i = 0; i < m->count; i++)
        m->gate->kept += m->q->units[m->order[i]].keep;
    return FV_OK;
}

fv_status fv_quantizer_meet(fv_quantizer *q, fv_model *model, fv_dataset *labeled, fv_quantize_gate *gate,
                            fv_model **made)
{
    meeting m = {.q = q, .labeled = labeled, .gate = gate};
    *made = NULL;
    gate->before = gate->all = gate->after = 0;
    gate->kept = gate->trials = 0;
    if (!(gate->max_drop >= 0 && gate->max_drop <= 100))
        return fv_fail(q->ctx, FV_ERR_VALUE, "quantize: max_drop %g: expected 0 to 100 points", gate->max_drop);
    if (fv_model_task(q->model) != FV_TASK_CLASSIFY)
        return fv_fail(q->ctx, FV_ERR_UNSUPPORTED,
                       "model '%s' does not tell classes apart: its accuracy cannot be kept", q->model->name);
    m.order = fv_calloc(q->ctx, (size_t)q->n_units + 1, sizeof *m.order);
    fv_status status = m.order ? meet(&m, model) : FV_ERR_NO_MEMORY;
    gate->after = m.score;
    fv_free(q->ctx, m.order);
    if (status != FV_OK)
        fv_model_destroy(&m.made);
    *made = m.made;
    return status;
}
