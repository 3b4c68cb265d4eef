/* SPDX-License-Identifier: Apache-2.0 */
/* Inference sessions: an instance of a program that sessions of the model share. */
#include <math.h>
#include <string.h>

#include "kernels/math/math.h"
#include "model/model.h"

struct fv_session {
    fv_model *model;
    fv_program_key key; /* values: the session's own copies */
    fv_program *program;
    fv_instance *instance;
    fv_scratch *scratch;            /* NULL: memory of its own */
    const fv_port *input, *output;  /* the first ones */
    void *host_input, *host_output; /* where the device's memory is not the host's */
};

static size_t port_bytes(const fv_port *port)
{
    return (size_t)fv_shape_count(&port->val->shape) * fv_dtype_size(port->val->dtype);
}

/* An instance of the program of session->key, in the place of what the session has. */
static fv_status compile(fv_session *session)
{
    fv_ctx *ctx = session->model->ctx;
    fv_program *program = NULL;
    fv_instance *instance = NULL;
    FV_TRY(fv_model_take_program(session->model, &session->key, &program));
    fv_status status = fv_instance_create(program, session->scratch, NULL, &instance);
    if (status != FV_OK) {
        fv_model_give_program(session->model, &program);
        return status;
    }
    const fv_port *input = fv_program_port_at(program, FV_PORT_INPUT, 0);
    const fv_port *output = fv_program_port_at(program, FV_PORT_OUTPUT, 0);
    if (!fv_instance_map(instance, output) && !session->host_output) {
        if (!session->host_input)
            session->host_input = fv_calloc(ctx, 1, port_bytes(input));
        session->host_output = fv_calloc(ctx, 1, port_bytes(output));
        if (!session->host_input || !session->host_output) {
            fv_instance_destroy(&instance);
            fv_model_give_program(session->model, &program);
            return FV_ERR_NO_MEMORY;
        }
    }
    fv_instance_destroy(&session->instance);
    if (session->program)
        fv_model_give_program(session->model, &session->program);
    session->program = program;
    session->instance = instance;
    session->input = input;
    session->output = output;
    return FV_OK;
}

/* Whether the graph, which came from a file, does something along the batch: then it takes one sample. */
static bool has_no_batch(const fv_model *model)
{
    fv_port_info port;
    bool whole = false;
    for (int i = 0; fv_model_port(model, true, i, &port); i++)
        whole = whole || port.layout == FV_LAYOUT_WHOLE;
    return whole;
}

fv_status fv_model_check_batch(const fv_model *model, int64_t batch)
{
    if (batch < 2 || !has_no_batch(model))
        return FV_OK;
    return fv_fail_hint(model->ctx,
                        fv_fail(model->ctx, FV_ERR_SHAPE,
                                "model '%s': %lld samples: it takes one at a time, as its graph works along the "
                                "first dimension, the batch",
                                model->name, (long long)batch),
                        "give one sample a run (--batch-size 1), or export the network so that samples stay apart");
}

fv_status fv_session_create_by(fv_model *model, const fv_program_key *key, fv_scratch *scratch, fv_session **out)
{
    *out = NULL;
    if (!model->finished || key->batch < 1)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': a session needs a finished model and a batch above 0",
                       model->name);
    FV_TRY(fv_model_check_batch(model, key->batch));
    fv_session *session = fv_new(model->ctx, fv_session);
    if (!session)
        return FV_ERR_NO_MEMORY;
    session->model = model;
    session->scratch = scratch;
    fv_status status = fv_program_key_copy(model->ctx, key, &session->key); /* it may be compiled again */
    if (status == FV_OK)
        status = compile(session);
    if (status != FV_OK)
        fv_session_destroy(&session);
    *out = session;
    return status;
}

fv_status fv_session_create_with(fv_model *model, const fv_session_options *options, fv_session **out)
{
    const fv_program_key key = {.batch = options->batch,
                                .sampling = options->sampling,
                                .values = options->values,
                                .n_values = options->n_values > 0 ? options->n_values : 0};
    return fv_session_create_by(model, &key, NULL, out);
}

fv_status fv_session_create_within(fv_model *model, int64_t batch, fv_scratch *scratch, fv_wisdom *wisdom,
                                   fv_session **out)
{
    return fv_session_create_part(model, batch, NULL, NULL, scratch, wisdom, out);
}

fv_status fv_session_create_part(fv_model *model, int64_t batch, const char *from, const char *to, fv_scratch *scratch,
                                 fv_wisdom *wisdom, fv_session **out)
{
    return fv_session_create_by(model, &(fv_program_key){.batch = batch, .from = from, .to = to, .wisdom = wisdom},
                                scratch, out);
}

fv_status fv_session_create_as(fv_model *model, int64_t batch, fv_execution execution, fv_session **out)
{
    return fv_session_create_by(model, &(fv_program_key){.batch = batch, .execution = execution}, NULL, out);
}

fv_status fv_session_create(fv_model *model, int64_t batch, fv_session **out)
{
    return fv_session_create_with(model, &(fv_session_options){.batch = batch}, out);
}

fv_status fv_session_create_sampling(fv_model *model, int64_t batch, fv_session **out)
{
    return fv_session_create_with(model, &(fv_session_options){.batch = batch, .sampling = true}, out);
}

bool fv_session_is_random(const fv_session *session)
{
    return fv_program_is_random(session->program);
}

void fv_session_destroy(fv_session **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_session *session = *ptr;
    fv_ctx *ctx = session->model->ctx;
    *ptr = NULL;
    fv_instance_destroy(&session->instance);
    if (session->program)
        fv_model_give_program(session->model, &session->program);
    fv_program_key_clear(ctx, &session->key);
    fv_free(ctx, session->host_input);
    fv_free(ctx, session->host_output);
    fv_free(ctx, session);
}

float *fv_session_input(fv_session *session)
{
    return session->host_input ? session->host_input : fv_instance_map(session->instance, session->input);
}

static fv_status run(fv_session *session, const fv_run *how)
{
    const fv_port *in = session->input, *out = session->output;
    if (session->host_input)
        FV_TRY(fv_instance_write(session->instance, in, session->host_input, port_bytes(in)));
    FV_TRY(fv_instance_run(session->instance, how));
    if (session->host_output)
        FV_TRY(fv_instance_read(session->instance, out, session->host_output, port_bytes(out)));
    return FV_OK;
}

fv_status fv_session_run(fv_session *session)
{
    return run(session, NULL);
}

fv_status fv_session_run_n(fv_session *session, int64_t samples)
{
    if (samples < 1)
        return fv_fail(session->model->ctx, FV_ERR_ARGUMENT, "fv_session_run_n: %lld samples: expected at least 1",
                       (long long)samples);
    return run(session, &(fv_run){.samples = samples});
}

fv_status fv_session_sample(fv_session *session, uint64_t seed, uint64_t step)
{
    return run(session, &(fv_run){.seed = seed, .step = step});
}

const float *fv_session_output(const fv_session *session, fv_shape *shape)
{
    if (shape)
        *shape = session->output->val->shape;
    return session->host_output ? session->host_output : fv_instance_map(session->instance, session->output);
}

/* ---- by name ---- */

static fv_status find_port(const fv_session *session, fv_port_kind kind, const char *name, const fv_port **port)
{
    *port = name ? fv_program_port(session->program, kind, name) : NULL;
    if (*port)
        return FV_OK;
    return fv_fail(session->model->ctx, FV_ERR_ARGUMENT, "model '%s': the session has no %s '%s'", session->model->name,
                   kind == FV_PORT_INPUT ? "input" : "output", name ? name : "(none)");
}

fv_status fv_session_set(fv_session *session, const char *name, const void *data, size_t bytes)
{
    const fv_port *port;
    FV_TRY(find_port(session, FV_PORT_INPUT, name, &port));
    if (!data)
        return fv_fail(session->model->ctx, FV_ERR_ARGUMENT, "fv_session_set: '%s': no data", name);
    if (session->host_input && port == session->input) {
        if (bytes > port_bytes(port))
            return fv_instance_write(session->instance, port, data, bytes); /* which refuses it */
        memcpy(session->host_input, data, bytes);
        return FV_OK;
    }
    return fv_instance_write(session->instance, port, data, bytes);
}

fv_status fv_session_get(const fv_session *session, const char *name, void *data, size_t bytes)
{
    const fv_port *port;
    FV_TRY(find_port(session, FV_PORT_OUTPUT, name, &port));
    return fv_instance_read(session->instance, port, data, bytes);
}

fv_ctx *fv_session_ctx(const fv_session *session)
{
    return session->model->ctx;
}

const fv_model *fv_session_model(const fv_session *session)
{
    return session->model;
}

fv_status fv_session_describe(const fv_session *session, const char *name, fv_dtype *dtype, fv_shape *shape)
{
    const fv_port *port = name ? fv_program_port(session->program, FV_PORT_INPUT, name) : NULL;
    if (!port)
        FV_TRY(find_port(session, FV_PORT_OUTPUT, name, &port));
    *dtype = port->val->dtype;
    *shape = port->val->shape;
    return FV_OK;
}

fv_status fv_session_refresh(fv_session *session)
{
    return fv_model_refresh_program(session->model, session->program, session->instance);
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
        fv_instance_profile_text(session->instance, &rows);
        FV_TRY(give_text(&rows, table));
    }
    if (trace) {
        fv_instance_profile_trace(session->instance, &json);
        fv_status status = give_text(&json, trace);
        if (status != FV_OK) {
            fv_text_free(ctx, table ? *table : NULL);
            if (table)
                *table = NULL;
            return status;
        }
    }
    if (on == session->key.profile)
        return FV_OK;
    session->key.profile = on;
    fv_status status = compile(session);
    if (status != FV_OK) {
        session->key.profile = !on;
        fv_text_free(ctx, table ? *table : NULL);
        fv_text_free(ctx, trace ? *trace : NULL);
        if (table)
            *table = NULL;
        if (trace)
            *trace = NULL;
    }
    return status;
}

fv_status fv_model_session(fv_model *model, fv_session **session)
{
    *session = NULL;
    fv_session *own = model->own.session;
    const bool stale = own && model->own.version != model->version;
    /* Another thread may be running a session of the same program: that one keeps it. */
    if (stale && fv_model_shares_program(model, own->program))
        fv_session_destroy(&model->own.session);
    else if (stale)
        FV_TRY(fv_session_refresh(own));
    if (!model->own.session)
        FV_TRY(fv_session_create(model, 1, &model->own.session));
    model->own.version = model->version;
    *session = model->own.session;
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
