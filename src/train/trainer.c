/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "model/model.h"

static bool decays(fv_slot_kind kind, const fv_fit_options *options)
{
    return kind == FV_SLOT_WEIGHT || (kind == FV_SLOT_BIAS && options->decay_bias) ||
           (kind == FV_SLOT_NORM && options->decay_norm);
}

static fv_status collect_tensors(fv_trainer *t)
{
    fv_model *m = t->model;
    t->params = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *t->params);
    t->states = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *t->states);
    if (!t->params || !t->states)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *slot = &m->slots[i];
        if (slot->kind == FV_SLOT_STATE) {
            t->states[t->n_states++] = slot->data;
            t->states_count += fv_tensor_count(slot->data);
            continue;
        }
        fv_trainer_param *p = &t->params[t->n_params++];
        p->name = slot->name;
        p->tensor = slot->data;
        p->decay = decays(slot->kind, &t->options);
        for (int s = 0; s < t->slots; s++) {
            p->slot[s] = fv_calloc(t->ctx, (size_t)fv_tensor_count(slot->data), sizeof(float));
            if (!p->slot[s])
                return FV_ERR_NO_MEMORY;
        }
    }
    t->states_before = fv_calloc(t->ctx, (size_t)t->states_count + 1, sizeof(float));
    return t->states_before ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_trainer_create(fv_model *model, const fv_fit_options *options, fv_trainer **trainer)
{
    *trainer = NULL;
    fv_ctx *ctx = model->ctx;
    if (!model->finished)
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "fv_trainer_create: the model is not finished; call fv_model_finish first");
    fv_fit_options resolved = *options;
    fv_settings_defaults(&resolved);
    FV_TRY(fv_settings_check(ctx, &resolved));
    fv_trainer *t = fv_new(ctx, fv_trainer);
    if (!t)
        return FV_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->model = model;
    t->options = resolved;
    t->optimizer = fv_optimizer_get(resolved.optimizer);
    t->kernels = fv_kernels_get(fv_ctx_isa_id(ctx));
    t->slots = t->optimizer->slots(&resolved);
    fv_status status = fv_settings_loss(ctx, &resolved, &t->loss);
    if (status == FV_OK) {
        t->target_dtype = (t->loss->traits & FV_T_CLASS_LABELS) && !resolved.soft_targets ? FV_I32 : FV_F32;
        t->loss_attr = fv_calloc(ctx, 1, t->loss->attr_size + 1);
        status = t->loss_attr ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK) {
        fv_settings_loss_attr(t->loss, &resolved, t->loss_attr);
        status = collect_tensors(t);
    }
    if (status == FV_OK)
        status = fv_wisdom_create(ctx, &t->wisdom);
    if (status != FV_OK)
        fv_trainer_destroy(&t);
    *trainer = t;
    return status;
}

void fv_trainer_destroy(fv_trainer **trainer)
{
    fv_trainer *t = trainer ? *trainer : NULL;
    if (!t)
        return;
    for (int i = 0; i < FV_TRAINER_EXECS; i++) {
        fv_exec_destroy(&t->exec[i].exec);
        fv_free(t->ctx, t->exec[i].gradient);
    }
    for (int i = 0; i < t->n_params; i++)
        for (int s = 0; s < FV_OPTIMIZER_SLOTS; s++)
            fv_free(t->ctx, t->params[i].slot[s]);
    fv_free(t->ctx, t->params);
    fv_free(t->ctx, t->states);
    fv_free(t->ctx, t->states_before);
    fv_free(t->ctx, t->loss_attr);
    fv_wisdom_destroy(&t->wisdom);
    fv_free(t->ctx, t);
    *trainer = NULL;
}

static fv_status compile(fv_trainer *t, int64_t n, fv_trainer_exec *slot)
{
    fv_exec_options options = {
        .batch = n,
        .dtype = FV_F32,
        .training = true,
        .loss = t->loss,
        .loss_attr = t->loss_attr,
        .target_dtype = t->target_dtype,
        .optimize = true,
        .wisdom = t->wisdom,
        .binding = fv_model_binding(t->model),
    };
    slot->gradient = fv_calloc(t->ctx, (size_t)t->n_params + 1, sizeof *slot->gradient);
    if (!slot->gradient)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_exec_create(t->ctx, t->model->graph, &options, &slot->exec));
    for (int i = 0; i < t->n_params; i++)
        slot->gradient[i] = fv_exec_gradient(slot->exec, t->params[i].name);
    slot->n = n;
    return FV_OK;
}

/* The executable for a batch of n; the least useful one makes room when all places are taken. */
static fv_status find_exec(fv_trainer *t, int64_t n, fv_trainer_exec **found)
{
    fv_trainer_exec *free_slot = NULL;
    for (int i = 0; i < FV_TRAINER_EXECS; i++) {
        if (t->exec[i].exec && t->exec[i].n == n) {
            *found = &t->exec[i];
            return FV_OK;
        }
        if (!t->exec[i].exec && !free_slot)
            free_slot = &t->exec[i];
    }
    if (!free_slot)
        free_slot = &t->exec[FV_TRAINER_EXECS - 1];
    fv_exec_destroy(&free_slot->exec);
    fv_free(t->ctx, free_slot->gradient);
    *free_slot = (fv_trainer_exec){0};
    if (t->current == free_slot)
        t->current = NULL;
    fv_status status = compile(t, n, free_slot);
    if (status != FV_OK) {
        fv_exec_destroy(&free_slot->exec);
        fv_free(t->ctx, free_slot->gradient);
        *free_slot = (fv_trainer_exec){0};
        return status;
    }
    *found = free_slot;
    return FV_OK;
}

fv_status fv_trainer_prepare(fv_trainer *t, int64_t n)
{
    fv_trainer_exec *unused;
    return find_exec(t, n, &unused);
}

static void copy_states(fv_trainer *t, bool save)
{
    float *p = t->states_before;
    for (int i = 0; i < t->n_states; i++) {
        size_t bytes = (size_t)fv_tensor_count(t->states[i]) * sizeof(float);
        void *data = fv_tensor_data(t->states[i]);
        memcpy(save ? (void *)p : data, save ? data : (void *)p, bytes);
        p += fv_tensor_count(t->states[i]);
    }
}

void fv_trainer_rollback(fv_trainer *t)
{
    copy_states(t, false);
}

/* Class indices as the loss wants them: as they are, or one row of 0 and 1 per sample. */
static fv_status copy_target(fv_trainer *t, fv_exec *exec, const void *target, int64_t n)
{
    int64_t classes = fv_model_classes(t->model);
    const int32_t *labels = target;
    if (t->target_dtype == FV_F32) {
        memcpy(fv_exec_target(exec), target, (size_t)(n * classes) * sizeof(float));
        return FV_OK;
    }
    for (int64_t i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return fv_fail(t->ctx, FV_ERR_DATA_CLASSES,
                           "label %d of sample %lld in the batch: the model has %lld classes", labels[i], (long long)i,
                           (long long)classes);
    memcpy(fv_exec_target(exec), labels, (size_t)n * sizeof(int32_t));
    return FV_OK;
}

fv_status fv_trainer_gradient(fv_trainer *t, const float *images, const void *target, int64_t n, double *loss)
{
    if (n < 1)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_gradient: a batch of %lld samples", (long long)n);
    fv_trainer_exec *slot;
    FV_TRY(find_exec(t, n, &slot));
    t->current = slot;
    int64_t h, w, c;
    fv_model_input_size(t->model, &h, &w, &c);
    memcpy(fv_exec_input(slot->exec, 0), images, (size_t)(n * h * w * c) * sizeof(float));
    FV_TRY(copy_target(t, slot->exec, target, n));
    copy_states(t, true);
    FV_TRY(fv_exec_run(slot->exec, t->options.seed, (uint64_t)t->step));
    if (loss)
        *loss = fv_exec_loss(slot->exec);
    return FV_OK;
}

const float *fv_trainer_gradient_of(const fv_trainer *t, const char *parameter, fv_shape *shape)
{
    for (int i = 0; t->current && i < t->n_params; i++)
        if (strcmp(t->params[i].name, parameter) == 0) {
            if (shape)
                *shape = *fv_tensor_shape(t->params[i].tensor);
            return t->current->gradient[i];
        }
    return NULL;
}

const float *fv_trainer_logits(const fv_trainer *t, fv_shape *shape)
{
    return t->current ? fv_exec_output(t->current->exec, 0, shape) : NULL;
}

fv_status fv_trainer_blame(fv_trainer *t, char *name, size_t size)
{
    return fv_exec_find_nonfinite(t->current->exec, t->options.seed, (uint64_t)t->step, name, size);
}

/* ---- the update: every parameter cut into stretches, which run in parallel ---- */

enum { STRETCH = 16384 };

typedef struct update_job {
    fv_trainer *t;
    double lr;
    int finite; /* only ever lowered to 0 */
} update_job;

/* The parameter and first element of stretch `task`. */
static fv_trainer_param *find_stretch(fv_trainer *t, int64_t task, int *index, int64_t *begin, int64_t *count)
{
    for (int i = 0; i < t->n_params; i++) {
        int64_t n = fv_tensor_count(t->params[i].tensor);
        int64_t stretches = (n + STRETCH - 1) / STRETCH;
        if (task < stretches) {
            *index = i;
            *begin = task * STRETCH;
            *count = n - *begin < STRETCH ? n - *begin : STRETCH;
            return &t->params[i];
        }
        task -= stretches;
    }
    return NULL;
}

static int64_t count_stretches(const fv_trainer *t)
{
    int64_t n = 0;
    for (int i = 0; i < t->n_params; i++)
        n += (fv_tensor_count(t->params[i].tensor) + STRETCH - 1) / STRETCH;
    return n;
}

/* The gradient of l1 * |w| is l1 * sign(w), whatever the optimizer. */
static void add_l1(float *gradient, const float *weight, float l1, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        gradient[i] += weight[i] > 0 ? l1 : weight[i] < 0 ? -l1 : 0.0f;
}

static void update_stretch(void *arg, int64_t task, int worker)
{
    update_job *job = arg;
    fv_trainer *t = job->t;
    int index;
    int64_t begin, count;
    fv_trainer_param *p = find_stretch(t, task, &index, &begin, &count);
    float *gradient = p ? t->current->gradient[index] : NULL;
    (void)worker;
    if (!gradient)
        return;
    if (p->decay && t->options.l1 > 0)
        add_l1(gradient + begin, (const float *)fv_tensor_data(p->tensor) + begin, (float)t->options.l1, count);
    fv_update update = {
        .weight = (float *)fv_tensor_data(p->tensor) + begin,
        .gradient = gradient + begin,
        .count = count,
        .decay = p->decay ? (float)t->options.weight_decay : 0.0f,
    };
    for (int s = 0; s < t->slots; s++)
        update.slot[s] = p->slot[s] + begin;
    t->optimizer->step(t->kernels, &t->options, &update, job->lr, t->step + 1);
}

fv_status fv_trainer_apply(fv_trainer *t, double lr)
{
    if (!t->current)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_apply: no gradient yet; call fv_trainer_gradient first");
    update_job job = {.t = t, .lr = lr};
    fv_parallel(t->ctx, count_stretches(t), 0, update_stretch, &job);
    fv_model_count_batches(t->model, 1);
    fv_model_touch(t->model);
    t->step++;
    return FV_OK;
}

/* NaN and Inf are the bit patterns at and above 0x7f800000: one integer maximum finds them. */
static void check_stretch(void *arg, int64_t task, int worker)
{
    update_job *job = arg;
    int index;
    int64_t begin, count;
    fv_trainer_param *p = find_stretch(job->t, task, &index, &begin, &count);
    const float *gradient = p ? job->t->current->gradient[index] : NULL;
    (void)worker;
    if (!gradient)
        return;
    uint32_t worst = 0;
    for (int64_t i = begin; i < begin + count; i++) {
        uint32_t bits;
        memcpy(&bits, &gradient[i], sizeof bits);
        bits &= 0x7fffffffu;
        worst = bits > worst ? bits : worst;
    }
    if (worst >= 0x7f800000u)
        __atomic_store_n(&job->finite, 0, __ATOMIC_RELAXED);
}

bool fv_trainer_finite(fv_trainer *t)
{
    update_job job = {.t = t, .finite = 1};
    fv_parallel(t->ctx, count_stretches(t), 0, check_stretch, &job);
    return __atomic_load_n(&job.finite, __ATOMIC_RELAXED) != 0;
}
