/* SPDX-License-Identifier: Apache-2.0 */
/* How far results are from what they were before layers were factored. */
#include <math.h>
#include <string.h>

#include <fovea/design.h>

#include "model/model.h"

typedef struct measured {
    fv_model *model[2];
    fv_session *session[2];
    const char **names; /* of results: of layers that became two, then of the model */
    double *wrong, *all;
    int count;
    float *room[2];
} measured;

static int64_t elements_of(const fv_model *model, const char *name)
{
    const fv_val *val = fv_graph_named(model->graph, name);
    return val ? fv_shape_count(&val->shape) : 0;
}

static fv_status open_sessions(measured *m)
{
    fv_ctx *ctx = m->model[0]->ctx;
    int64_t most = 1;
    for (int i = 0; i < m->count; i++) {
        const int64_t n = elements_of(m->model[0], m->names[i]);
        most = n > most ? n : most;
    }
    for (int k = 0; k < 2; k++) {
        const fv_session_options o = {.batch = 1, .values = m->names, .n_values = m->count - 1};
        FV_TRY(fv_session_create_with(m->model[k], &o, &m->session[k]));
        m->room[k] = fv_malloc(ctx, (size_t)most * sizeof(float));
        if (!m->room[k])
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

static fv_status add_image(measured *m, const float *image, int64_t number, int64_t size)
{
    for (int k = 0; k < 2; k++) {
        if (image)
            memcpy(fv_session_input(m->session[k]), image, (size_t)size * sizeof(float));
        else
            fv_selftest_input(1, number, size, fv_session_input(m->session[k]));
        FV_TRY(fv_session_run(m->session[k]));
    }
    for (int i = 0; i < m->count; i++) {
        const int64_t n = elements_of(m->model[0], m->names[i]);
        for (int k = 0; k < 2; k++)
            FV_TRY(fv_session_get(m->session[k], m->names[i], m->room[k], (size_t)n * sizeof(float)));
        for (int64_t e = 0; e < n; e++) {
            const double x = (double)m->room[0][e], gap = x - (double)m->room[1][e];
            m->wrong[i] += gap * gap;
            m->all[i] += x * x;
        }
    }
    return FV_OK;
}

static double share(const measured *m, int i)
{
    return m->all[i] > 0 ? sqrt(m->wrong[i] / m->all[i]) : 0;
}

/* Layers whose result is computed at all: those of auxiliary heads are not. */
static bool is_measured(const fv_model *model, const fv_factor_row *row)
{
    const fv_val *val = fv_graph_named(model->graph, row->layer);
    return row->factored && val && !fv_model_for_training(model, val->id) && val != model->graph->outputs[0];
}

static fv_status measure(measured *m, const float *images, int64_t count, fv_factor_row *rows, int n_rows,
                         double *error)
{
    int64_t h, w, c;
    FV_TRY(open_sessions(m));
    fv_model_input_size(m->model[0], &h, &w, &c);
    const int64_t size = h * w * c;
    for (int64_t i = 0; i < count; i++)
        FV_TRY(add_image(m, images ? images + i * size : NULL, i, size));
    int at = 0;
    *error = share(m, m->count - 1);
    for (int i = 0; i < n_rows; i++) {
        const fv_val *val = fv_graph_named(m->model[0]->graph, rows[i].layer);
        if (is_measured(m->model[0], &rows[i]))
            rows[i].output_error = share(m, at++);
        else if (rows[i].factored && val == m->model[0]->graph->outputs[0])
            rows[i].output_error = *error;
    }
    return FV_OK;
}

fv_status fv_factor_measure(fv_model *model, fv_model *copy, const float *images, int64_t count, fv_factor_row *rows,
                            int n_rows, double *error)
{
    fv_ctx *ctx = model->ctx;
    measured m = {.model = {model, copy}};
    FV_TRY(fv_model_need_plain(model, "measuring a factored network"));
    m.names = fv_calloc(ctx, (size_t)n_rows + 1, sizeof *m.names);
    m.wrong = fv_calloc(ctx, (size_t)n_rows + 1, sizeof *m.wrong);
    m.all = fv_calloc(ctx, (size_t)n_rows + 1, sizeof *m.all);
    fv_status status = m.names && m.wrong && m.all ? FV_OK : FV_ERR_NO_MEMORY;
    for (int i = 0; i < n_rows && status == FV_OK; i++)
        if (is_measured(model, &rows[i]))
            m.names[m.count++] = rows[i].layer;
    if (status == FV_OK) {
        m.names[m.count++] = model->graph->output_names[0];
        status = measure(&m, images, count, rows, n_rows, error);
    }
    for (int k = 0; k < 2; k++) {
        fv_session_destroy(&m.session[k]);
        fv_free(ctx, m.room[k]);
    }
    fv_free(ctx, m.names);
    fv_free(ctx, m.wrong);
    fv_free(ctx, m.all);
    return status;
}
