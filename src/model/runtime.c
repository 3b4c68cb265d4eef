/* SPDX-License-Identifier: Apache-2.0 */
/* What a model keeps for running: its weights on the device, and the programs that its sessions share. */
#include <pthread.h>
#include <string.h>

#include "model/model.h"

typedef struct cached_program {
    fv_program_key key; /* names copied */
    fv_program *program;
    uint64_t version; /* of the model whose weights it packs or has packed */
    int users;
    struct cached_program *next;
} cached_program;

struct fv_model_runtime {
    fv_ctx *ctx;
    pthread_mutex_t mutex; /* guards everything below */
    fv_store *store;
    bool device_newer; /* than the tensors */
    uint64_t uploaded; /* version of the model whose tensors the device has */
    cached_program *programs;
};

fv_status fv_model_runtime_create(fv_model *model)
{
    const fv_binding binding = fv_model_binding(model);
    fv_model_runtime *r = model->runtime = fv_new(model->ctx, fv_model_runtime);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->ctx = model->ctx;
    pthread_mutex_init(&r->mutex, NULL);
    return fv_store_create(model->ctx, &binding, &r->store);
}

static void free_cached(fv_ctx *ctx, cached_program *c)
{
    fv_program_key_clear(ctx, &c->key);
    fv_program_release(&c->program);
    fv_free(ctx, c);
}

void fv_model_runtime_destroy(fv_model_runtime **runtime)
{
    fv_model_runtime *r = runtime ? *runtime : NULL;
    if (!r)
        return;
    while (r->programs) {
        cached_program *c = r->programs;
        r->programs = c->next;
        free_cached(r->ctx, c);
    }
    fv_store_destroy(&r->store);
    pthread_mutex_destroy(&r->mutex);
    fv_free(r->ctx, r);
    *runtime = NULL;
}

/* ---- the weights ---- */

/* The store with what the tensors say. */
static fv_store *fresh_store(fv_model *model)
{
    fv_model_runtime *r = model->runtime;
    if (!r->device_newer && r->uploaded != model->version)
        fv_store_upload(r->store);
    r->uploaded = model->version;
    return r->store;
}

fv_store *fv_model_store(fv_model *model)
{
    pthread_mutex_lock(&model->runtime->mutex);
    fv_store *store = fresh_store(model);
    pthread_mutex_unlock(&model->runtime->mutex);
    return store;
}

void fv_model_touch(fv_model *model)
{
    pthread_mutex_lock(&model->runtime->mutex);
    model->version++;
    model->selftest.vectors = 0;
    model->card.temperature = 0;
    model->card.storage = FV_STORAGE_FLOAT32;
    model->runtime->device_newer = false;
    pthread_mutex_unlock(&model->runtime->mutex);
}

void fv_model_lend(fv_model *model)
{
    fv_model_sync(model);
    pthread_mutex_lock(&model->runtime->mutex);
    model->version++;
    pthread_mutex_unlock(&model->runtime->mutex);
}

void fv_model_forget_device(fv_model *model)
{
    fv_store_clear(model->runtime->store);
}

void fv_model_device_changed(fv_model *model)
{
    pthread_mutex_lock(&model->runtime->mutex);
    model->runtime->device_newer = true;
    pthread_mutex_unlock(&model->runtime->mutex);
}

void fv_model_sync(const fv_model *model)
{
    fv_model_runtime *r = model->runtime;
    pthread_mutex_lock(&r->mutex);
    if (r->device_newer)
        fv_store_download(r->store);
    r->device_newer = false;
    pthread_mutex_unlock(&r->mutex);
}

/* ---- programs ---- */

static bool same_name(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_key(const fv_program_key *a, const fv_program_key *b)
{
    /* What a run's record chooses and receives is that run's alone. */
    bool same = !a->wisdom && !b->wisdom && a->batch == b->batch && a->sampling == b->sampling &&
                a->profile == b->profile && a->execution == b->execution && a->n_values == b->n_values &&
                same_name(a->from, b->from) && same_name(a->to, b->to);
    for (int32_t i = 0; same && i < a->n_values; i++)
        same = strcmp(a->values[i], b->values[i]) == 0;
    return same;
}

void fv_program_key_clear(fv_ctx *ctx, fv_program_key *key)
{
    for (int32_t i = 0; key->values && i < key->n_values; i++)
        fv_free(ctx, (void *)(uintptr_t)key->values[i]);
    fv_free(ctx, (void *)(uintptr_t)key->values);
    fv_free(ctx, (void *)(uintptr_t)key->from);
    fv_free(ctx, (void *)(uintptr_t)key->to);
    *key = (fv_program_key){0};
}

static fv_status copy_names(fv_ctx *ctx, const fv_program_key *key, fv_program_key *copy)
{
    char **names = key->n_values > 0 ? fv_calloc(ctx, (size_t)key->n_values, sizeof *names) : NULL;
    if (key->n_values > 0 && !names)
        return FV_ERR_NO_MEMORY;
    copy->values = (const char *const *)names;
    copy->n_values = names ? key->n_values : 0;
    for (int32_t i = 0; i < copy->n_values; i++) {
        if (!key->values[i])
            return fv_fail(ctx, FV_ERR_ARGUMENT, "a session's value %d has no name", (int)i);
        names[i] = fv_strdup(ctx, key->values[i]);
        if (!names[i])
            return FV_ERR_NO_MEMORY;
    }
    copy->from = key->from ? fv_strdup(ctx, key->from) : NULL;
    copy->to = key->to ? fv_strdup(ctx, key->to) : NULL;
    return (key->from && !copy->from) || (key->to && !copy->to) ? FV_ERR_NO_MEMORY : FV_OK;
}

fv_status fv_program_key_copy(fv_ctx *ctx, const fv_program_key *key, fv_program_key *copy)
{
    *copy = *key;
    copy->values = NULL;
    copy->from = copy->to = NULL;
    fv_status status = copy_names(ctx, key, copy);
    if (status != FV_OK)
        fv_program_key_clear(ctx, copy);
    return status;
}

static fv_status compile(fv_model *model, const fv_program_key *key, fv_program **program)
{
    fv_program_options options = {.batch = key->batch,
                                  .dtype = FV_F32,
                                  .lowering = key->sampling ? FV_LOWER_SAMPLING : FV_LOWER_INFERENCE,
                                  .optimize = key->execution == FV_EXECUTION_FUSED,
                                  .unfolded = model->unfolded,
                                  .profile = key->profile,
                                  .values = key->values,
                                  .n_values = key->n_values,
                                  .wisdom = key->wisdom,
                                  .policy =
                                      key->execution == FV_EXECUTION_REFERENCE ? FV_PLAN_REFERENCE : FV_PLAN_ESTIMATE};
    fv_graph *part = NULL;
    options.stores[0] = fresh_store(model);
    if (key->from || key->to)
        FV_TRY(fv_pass_slice(model->graph, key->from, key->to, NULL, 0, &part));
    fv_status status = fv_program_create(model->ctx, part ? part : model->graph, &options, program);
    fv_graph_destroy(&part);
    return status;
}

static fv_status take(fv_model *model, const fv_program_key *key, fv_program **program)
{
    fv_model_runtime *r = model->runtime;
    cached_program *c = r->programs;
    /* Sessions that have not been refreshed since the weights changed keep the program that they run. */
    while (c && !(c->version == model->version && same_key(&c->key, key)))
        c = c->next;
    if (!c) {
        c = fv_new(r->ctx, cached_program);
        if (!c)
            return FV_ERR_NO_MEMORY;
        fv_status status = fv_program_key_copy(r->ctx, key, &c->key);
        if (status == FV_OK)
            status = compile(model, key, &c->program);
        if (status != FV_OK) {
            free_cached(r->ctx, c);
            return status;
        }
        c->version = model->version;
        c->next = r->programs;
        r->programs = c;
    }
    c->users++;
    *program = c->program;
    return FV_OK;
}

fv_status fv_model_take_program(fv_model *model, const fv_program_key *key, fv_program **program)
{
    *program = NULL;
    pthread_mutex_lock(&model->runtime->mutex);
    fv_status status = take(model, key, program);
    pthread_mutex_unlock(&model->runtime->mutex);
    return status;
}

bool fv_model_shares_program(fv_model *model, const fv_program *program)
{
    fv_model_runtime *r = model->runtime;
    bool shared = false;
    pthread_mutex_lock(&r->mutex);
    for (const cached_program *c = r->programs; c; c = c->next)
        shared = shared || (c->program == program && c->users > 1);
    pthread_mutex_unlock(&r->mutex);
    return shared;
}

fv_status fv_model_refresh_program(fv_model *model, fv_program *program, fv_instance *instance)
{
    fv_model_runtime *r = model->runtime;
    pthread_mutex_lock(&r->mutex);
    (void)fresh_store(model);
    fv_status status = fv_program_refresh(program, instance);
    for (cached_program *c = r->programs; c; c = c->next) {
        if (c->program == program)
            c->version = model->version;
    }
    pthread_mutex_unlock(&r->mutex);
    return status;
}

void fv_model_give_program(fv_model *model, fv_program **program)
{
    fv_model_runtime *r = model->runtime;
    pthread_mutex_lock(&r->mutex);
    cached_program **at = &r->programs;
    while (*at && (*at)->program != *program)
        at = &(*at)->next;
    cached_program *c = *at;
    if (c && --c->users == 0) {
        *at = c->next;
        free_cached(r->ctx, c);
    }
    pthread_mutex_unlock(&r->mutex);
    *program = NULL;
}
