/* SPDX-License-Identifier: Apache-2.0 */
/* Inference sessions over executables. */
#include <math.h>

#include "kernels/math/math.h"
#include "model/model.h"

struct fv_session {
    fv_model *model;
    fv_exec *exec;
    int64_t batch;
    bool profile, sampling;
};

static fv_status compile(fv_session *session, bool profile, fv_exec **exec)
{
    const fv_exec_options options = {.batch = session->batch,
                                     .dtype = FV_F32,
                                     .optimize = true,
                                     .policy = FV_PLAN_ESTIMATE,
                                     .binding = fv_model_binding(session->model),
                                     .sampling = session->sampling,
                                     .profile = profile};
    return fv_exec_create(session->model->ctx, session->model->graph, &options, exec);
}

static fv_status create(fv_model *model, int64_t batch, bool sampling, fv_session **out)
{
    *out = NULL;
    if (!model->finished || batch < 1)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': a session needs a finished model and a batch above 0",
                       model->name);
    fv_session *session = fv_new(model->ctx, fv_session);
    if (!session)
        return FV_ERR_NO_MEMORY;
    session->model = model;
    session->batch = batch;
    session->sampling = sampling;
    fv_status status = compile(session, false, &session->exec);
    if (status != FV_OK)
        fv_session_destroy(&session);
    *out = session;
    return status;
}

fv_status fv_session_create(fv_model *model, int64_t batch, fv_session **out)
{
    return create(model, batch, false, out);
}

fv_status fv_session_create_sampling(fv_model *model, int64_t batch, fv_session **out)
{
    return create(model, batch, true, out);
}

bool fv_session_is_random(const fv_session *session)
{
    const fv_graph *g = fv_exec_graph(session->exec);
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op->traits & FV_T_STOCHASTIC)
            return true;
    return false;
}

void fv_session_destroy(fv_session **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_session *session = *ptr;
    *ptr = NULL;
    fv_exec_destroy(&session->exec);
    fv_free(session->model->ctx, session);
}

float *fv_session_input(fv_session *session)
{
    return fv_exec_input(session->exec, 0);
}

fv_status fv_session_run(fv_session *session)
{
    return fv_exec_run(session->exec, 0, 0);
}

fv_status fv_session_sample(fv_session *session, uint64_t seed, uint64_t step)
{
    return fv_exec_run(session->exec, seed, step);
}

const float *fv_session_output(const fv_session *session, fv_shape *shape)
{
    fv_shape ignored;
    return fv_exec_output(session->exec, 0, shape ? shape : &ignored);
}

fv_status fv_session_refresh(fv_session *session)
{
    return fv_exec_refresh(session->exec);
}

/* Hands growable text over to the caller. */
static fv_status give_text(fv_str *s, char **text)
{
    if (!s->data)
        fv_str_append(s, "");
    fv_status status = fv_str_status(s);
    if (status != FV_OK) {
        fv_str_free(s);
        return status;
    }
    *text = s->data;
    return FV_OK;
}

fv_status fv_session_profile(fv_session *session, bool on, char **table, char **trace)
{
    fv_ctx *ctx = session->model->ctx;
    fv_str rows = {.ctx = ctx}, json = {.ctx = ctx};
    if (table)
        *table = NULL;
    if (trace)
        *trace = NULL;
    if (table) {
        fv_exec_profile_text(session->exec, &rows);
        FV_TRY(give_text(&rows, table));
    }
    if (trace) {
        fv_exec_profile_trace(session->exec, &json);
        fv_status status = give_text(&json, trace);
        if (status != FV_OK) {
            fv_text_free(ctx, table ? *table : NULL);
            if (table)
                *table = NULL;
            return status;
        }
    }
    if (on == session->profile)
        return FV_OK;
    fv_exec *exec = NULL;
    fv_status status = compile(session, on, &exec);
    if (status != FV_OK) {
        fv_text_free(ctx, table ? *table : NULL);
        fv_text_free(ctx, trace ? *trace : NULL);
        if (table)
            *table = NULL;
        if (trace)
            *trace = NULL;
        return status;
    }
    fv_exec_destroy(&session->exec);
    session->exec = exec;
    session->profile = on;
    return FV_OK;
}

fv_status fv_model_session(fv_model *model, fv_session **session)
{
    *session = NULL;
    if (!model->session)
        FV_TRY(fv_session_create(model, 1, &model->session));
    else if (model->session_version != model->version)
        FV_TRY(fv_session_refresh(model->session));
    model->session_version = model->version;
    *session = model->session;
    return FV_OK;
}

void fv_softmax(const float *logits, int64_t count, float *probabilities)
{
    float largest = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    for (int64_t i = 0; i < count; i++) {
        probabilities[i] = fv_expf(logits[i] - largest);
        sum += (double)probabilities[i];
    }
    for (int64_t i = 0; i < count; i++)
        probabilities[i] = (float)((double)probabilities[i] / sum);
}

fv_status fv_model_memory(fv_model *model, int64_t batch, bool training, int64_t *bytes)
{
    fv_exec *exec = NULL;
    *bytes = 0;
    if (!model->finished || batch < 1)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': its memory needs a finished model and a batch above 0",
                       model->name);
    fv_exec_options options = {.batch = batch,
                               .dtype = FV_F32,
                               .optimize = true,
                               .policy = FV_PLAN_ESTIMATE,
                               .training = training,
                               .binding = fv_model_binding(model)};
    int count = 0;
    const fv_op *const *ops = fv_op_list(&count);
    bool classes = model->graph->outputs[0]->shape.rank == 2;
    for (int i = 0; training && i < count && !options.loss; i++) {
        if ((ops[i]->traits & FV_T_LOSS) && (!classes || (ops[i]->traits & FV_T_CLASS_LABELS)))
            options.loss = ops[i];
    }
    options.target_dtype = classes ? FV_I32 : FV_F32;
    FV_TRY(fv_exec_create(model->ctx, model->graph, &options, &exec));
    int64_t weights = 0;
    for (int i = 0; i < model->n_slots; i++)
        weights += fv_tensor_count(model->slots[i].data) * (int64_t)sizeof(float);
    *bytes = fv_exec_memory_use(exec).total + weights;
    if (training)
        *bytes += fv_model_parameters(model) * (int64_t)sizeof(float);
    fv_exec_destroy(&exec);
    return FV_OK;
}
