/* SPDX-License-Identifier: Apache-2.0 */
/* How far layers in integers are from what they were: on the images kept for it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quantize.h"

/* Two sessions side by side: in floats, and what is measured; their values by unit. */
typedef struct measuring {
    fv_quantizer *q;
    fv_session *session[2];
    const char **names[2];
    int32_t count[2];
    float *room[2];
    bool alone;
} measuring;

static bool is_measured(const fv_q_unit *u, bool alone)
{
    return !u->no_rule && (alone || u->row.integer);
}

static fv_status open_sessions(measuring *m, fv_model *model)
{
    fv_quantizer *q = m->q;
    fv_model *of[2] = {q->model, model};
    int64_t most = 1;
    for (int i = 0; i < q->n_units; i++) {
        const int64_t n = fv_shape_count(&q->units[i].result->shape);
        most = n > most ? n : most;
    }
    for (int k = 0; k < 2; k++) {
        m->names[k] = fv_calloc(q->ctx, (size_t)q->n_units + 1, sizeof *m->names[k]);
        m->room[k] = fv_malloc(q->ctx, (size_t)most * sizeof *m->room[k]);
        if (!m->names[k] || !m->room[k])
            return FV_ERR_NO_MEMORY;
        for (int i = 0; i < q->n_units; i++)
            if (is_measured(&q->units[i], m->alone))
                m->names[k][m->count[k]++] = k ? q->units[i].made : q->units[i].result->name;
        const fv_session_options o = {.batch = 1, .values = m->names[k], .n_values = m->count[k]};
        FV_TRY(fv_session_create_with(of[k], &o, &m->session[k]));
    }
    return FV_OK;
}

static int64_t channels_of(const fv_q_unit *u)
{
    return u->result->shape.rank > 0 ? u->result->shape.dim[u->result->shape.rank - 1] : 1;
}

static fv_status compare_unit(measuring *m, fv_q_unit *u)
{
    const int64_t count = fv_shape_count(&u->result->shape);
    const fv_q_pair *pair = fv_q_pair_of(m->q, u->result);
    FV_TRY(fv_session_get(m->session[0], u->result->name, m->room[0], (size_t)count * sizeof(float)));
    FV_TRY(fv_session_get(m->session[1], u->made, m->room[1], (size_t)count));
    const int8_t *q = (const int8_t *)m->room[1];
    const int64_t channels = channels_of(u);
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)m->room[0][i], gap = x - pair->scale * (double)(q[i] - pair->zero);
        u->sums[i % channels * 2] += x * x;
        u->sums[i % channels * 2 + 1] += gap * gap;
    }
    return FV_OK;
}

static fv_status measure_image(measuring *m, const float *image, int64_t size)
{
    for (int k = 0; k < 2; k++) {
        memcpy(fv_session_input(m->session[k]), image, (size_t)size * sizeof *image);
        FV_TRY(fv_session_run(m->session[k]));
    }
    for (int i = 0; i < m->q->n_units; i++)
        if (is_measured(&m->q->units[i], m->alone))
            FV_TRY(compare_unit(m, &m->q->units[i]));
    return FV_OK;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the median channel among those that hold anything: one that is far larger than the others must not speak for
 * them. The sums are overwritten. */
static double decibels(double *sums, int64_t channels)
{
    int64_t n = 0;
    for (int64_t c = 0; c < channels; c++)
        if (sums[2 * c] > 0)
            sums[n++] = sums[2 * c + 1] / sums[2 * c];
    qsort(sums, (size_t)n, sizeof *sums, by_size);
    return n > 0 ? -10 * log10(sums[n / 2]) : INFINITY;
}

static fv_status measure(measuring *m)
{
    fv_quantizer *q = m->q;
    const fv_pipeline *p = fv_model_pipeline(q->model);
    const int64_t size = p->h * p->w * p->c;
    for (int i = 0; i < q->n_units; i++) {
        q->units[i].sums = fv_calloc(q->ctx, 2 * (size_t)channels_of(&q->units[i]), sizeof(double));
        if (!q->units[i].sums)
            return FV_ERR_NO_MEMORY;
    }
    for (int64_t i = 0; i < q->n_kept; i++) {
        FV_TRY(measure_image(m, q->kept + i * size, size));
        FV_TRY(fv_watch(q->ctx, "errors measured on", "images", i + 1, q->n_kept));
    }
    for (int i = 0; i < q->n_units; i++) {
        fv_q_unit *u = &q->units[i];
        const double db = is_measured(u, m->alone) ? decibels(u->sums, channels_of(u)) : NAN;
        *(m->alone ? &u->row.own_db : &u->row.db) = db;
    }
    return FV_OK;
}

/* The network in which layers are by themselves, as a model. */
static fv_status make_apart(fv_quantizer *q, fv_model **model)
{
    fv_graph *graph;
    *model = NULL;
    FV_TRY(fv_q_build(q, true, &graph));
    fv_status status = fv_model_create(q->ctx, model);
    if (status == FV_OK) {
        fv_model_take_graph(*model, &graph);
        status = fv_model_complete_sharing(*model, q->model);
    }
    fv_graph_destroy(&graph);
    if (status != FV_OK)
        fv_model_destroy(model);
    return status;
}

fv_status fv_q_measure(fv_quantizer *q, fv_model *model)
{
    measuring m = {.q = q, .alone = model == NULL};
    fv_model *apart = NULL;
    if (q->n_kept == 0)
        return FV_OK;
    fv_status status = m.alone ? make_apart(q, &apart) : FV_OK;
    if (status == FV_OK)
        status = open_sessions(&m, m.alone ? apart : model);
    if (status == FV_OK)
        status = measure(&m);
    for (int k = 0; k < 2; k++) {
        fv_session_destroy(&m.session[k]);
        fv_free(q->ctx, m.names[k]);
        fv_free(q->ctx, m.room[k]);
    }
    for (int i = 0; i < q->n_units; i++) {
        fv_free(q->ctx, q->units[i].sums);
        q->units[i].sums = NULL;
    }
    fv_model_destroy(&apart);
    return status;
}
