/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has while it trains or scores: one plan for all who ask. Everything is compiled as the run will
 * compile it, so that the sizes are those of the run; nothing that is planned is allocated.
 */
#include <string.h>

#include "base/ctx.h"
#include "data/loader.h"
#include "train/image_size.h"
#include "train/pieces.h"
#include "train/predictor.h"
#include "train/trainer.h"

#define PROGRAMS_MAX 4
/* What the program and its libraries have in memory once they have trained or scored, and a thread for itself:
 * constant, so that a plan is the same each time it is made. */
#define TRAIN_BYTES  INT64_C(9200000)
#define EVAL_BYTES   INT64_C(6600000)
#define THREAD_BYTES INT64_C(160000)
/* Logs, tables and the page of a run, while they are written. */
#define REPORT_BYTES INT64_C(700000)

static const char *const titles[] = {
#define FV_MEMORY_TITLE(name, title) title,
    FV_MEMORY_LIST(FV_MEMORY_TITLE)
#undef FV_MEMORY_TITLE
};

const char *fv_memory_part(const fv_memory *memory, int i, int64_t *bytes)
{
    const int64_t parts[] = {
#define FV_MEMORY_BYTES(name, title) memory->name,
        FV_MEMORY_LIST(FV_MEMORY_BYTES)
#undef FV_MEMORY_BYTES
    };
    if (i < 0 || i >= (int)(sizeof parts / sizeof *parts))
        return NULL;
    *bytes = parts[i];
    return titles[i];
}

/* Programs that take turns in one memory: packed weights of all, and an instance of the largest. */
typedef struct turns {
    fv_program *trained[PROGRAMS_MAX], *shared[PROGRAMS_MAX]; /* the latter are given back to the model */
    int n_trained, n_shared;
    int64_t before; /* bytes in use before they were compiled */
    const fv_program *largest;
    int64_t packed;
} turns;

static void take_turn(turns *t, const fv_program *p)
{
    t->packed += fv_program_memory_use(p).packed;
    if (!t->largest || fv_program_memory_use(p).instance > fv_program_memory_use(t->largest).instance)
        t->largest = p;
}

static fv_status plan_trained(turns *t, fv_trainer *trainer, int64_t n)
{
    if (n == 0)
        return FV_OK;
    FV_TRY(fv_trainer_program(trainer, n, &t->trained[t->n_trained]));
    take_turn(t, t->trained[t->n_trained++]);
    return FV_OK;
}

static fv_status plan_shared(turns *t, fv_model *model, const fv_program_key *key)
{
    if (key->batch == 0)
        return FV_OK;
    FV_TRY(fv_model_take_program(model, key, &t->shared[t->n_shared]));
    take_turn(t, t->shared[t->n_shared++]);
    return FV_OK;
}

static int64_t gradient_bytes(const fv_program *p)
{
    const fv_port *port;
    int64_t sum = 0;
    for (int32_t i = 0; (port = fv_program_port_at(p, FV_PORT_GRADIENT, i)); i++)
        sum += fv_shape_count(&port->val->shape) * (int64_t)fv_dtype_size(port->val->dtype);
    return sum;
}

/* Adds what was planned, and forgets it. */
static void end_turns(turns *t, fv_model *model, fv_memory *m)
{
    int64_t now;
    fv_ctx_memory(model->ctx, &now, NULL);
    if (t->largest) {
        const fv_program_memory use = fv_program_memory_use(t->largest);
        const int64_t gradients = gradient_bytes(t->largest);
        m->gradients += gradients < use.activations ? gradients : use.activations;
        m->activations += use.instance - use.workspace - m->gradients;
        m->workspace += use.workspace;
        m->packed += t->packed;
        m->data += now - t->before;
    }
    for (int i = 0; i < t->n_trained; i++)
        fv_program_release(&t->trained[i]);
    for (int i = 0; i < t->n_shared; i++)
        fv_model_give_program(model, &t->shared[i]);
}

/* What there is already: the process itself, the weights, and all else that the context knows of. */
static void plan_present(fv_model *model, int64_t code, int workers, fv_memory *m)
{
    const int64_t threads = fv_ctx_threads(model->ctx) + workers;
    int64_t now;
    fv_ctx_memory(model->ctx, &now, NULL);
    *m = (fv_memory){.code = code + THREAD_BYTES * threads, .weights = fv_model_weight_bytes(model)};
    m->data = now - m->weights;
}

/* Together; `reading` is what there was at a time before, when files were beside the weights that were read from them,
 * where that is more than all that will be. */
static void add_up(fv_ctx *ctx, fv_memory *m)
{
    int64_t now, most;
    fv_ctx_memory(ctx, &now, &most);
    m->total = m->reading = 0;
#define FV_MEMORY_SUM(name, title) m->total += m->name;
    FV_MEMORY_LIST(FV_MEMORY_SUM)
#undef FV_MEMORY_SUM
    m->reading = m->code + most > m->total ? m->code + most - m->total : 0;
    m->total += m->reading;
}

static void plan_loader(fv_ctx *ctx, const fv_dataset *data, const fv_pipeline *pipeline,
                        const fv_loader_options *options, fv_memory *m)
{
    fv_loader_bytes bytes;
    fv_loader_plan(ctx, data, pipeline, options, &bytes);
    m->loader += bytes.batches;
    m->decoding = bytes.decoding > m->decoding ? bytes.decoding : m->decoding; /* one loader reads at a time */
}

/* What the optimizer, averages, sums of pieces and the best weights hold beside the programs. */
static void plan_optimizer(const fv_trainer *t, const fv_pipeline *p, int pieces, fv_memory *m)
{
    int64_t parameters = 0;
    int levels = 0;
    for (int i = 0; i < t->model->n_slots; i++)
        if (t->model->slots[i].kind != FV_SLOT_STATE && !t->frozen[i])
            parameters += (int64_t)fv_tensor_bytes(t->model->slots[i].data);
    while (pieces >> (levels + 1))
        levels++;
    if (t->trunk) /* rows of a batch */
        m->activations += t->options.batch_size * t->trunk->size * (int64_t)sizeof(float);
    if (pieces > 1) /* the batch itself, out of which pieces are taken, and its outputs */
        m->activations += t->options.batch_size * (p->h * p->w * p->c + t->model->n_classes) * (int64_t)sizeof(float);
    m->optimizer = parameters * (t->slots + levels) + (int64_t)t->undo.bytes;
    if (t->options.model_ema)
        m->optimizer += m->weights;
    if (t->options.restore_best)
        m->weights += fv_model_weight_bytes(t->model);
}

static fv_status plan_turns(fv_trainer *trainer, const fv_dataset *train, const fv_loader_options *loader, turns *t)
{
    const fv_fit_options *o = &trainer->options;
    const int64_t batch = o->batch_size;
    const int64_t held = !train ? batch : o->validation ? fv_dataset_count(o->validation) : 0;
    int64_t places = batch;
    if (train)
        FV_TRY(fv_loader_places(train, loader, &places));
    FV_TRY(plan_trained(t, trainer, places >= batch ? batch : 0));
    FV_TRY(plan_trained(t, trainer, places % batch));
    const fv_trunk *trunk = trainer->trunk;
    const fv_program_key first = {
        .batch = trunk ? trunk->together : 0, .to = trunk ? trunk->cut : NULL, .wisdom = trainer->wisdom};
    const fv_program_key validation = {
        .batch = held < batch ? held : batch, .from = first.to, .wisdom = trainer->wisdom};
    FV_TRY(plan_shared(t, trainer->model, &first));
    FV_TRY(plan_shared(t, trainer->model, &validation));
    return plan_shared(t, trainer->model, &(fv_program_key){.batch = o->output || !train ? 1 : 0});
}

/* A loss for networks whose answer is not a row of classes, where none is asked for. */
static void choose_loss(const fv_model *model, fv_fit_options *o)
{
    int count = 0;
    const fv_op *const *ops = fv_op_list(&count);
    for (int i = 0; i < count && !o->loss && model->graph->outputs[0]->shape.rank != 2; i++)
        if ((ops[i]->traits & FV_T_LOSS) && !(ops[i]->traits & FV_T_CLASS_LABELS))
            o->loss = ops[i]->name;
}

static fv_status plan_phase(fv_model *model, fv_dataset *train, const fv_fit_options *o, fv_loader_options loader,
                            const fv_phases *phases, int phase, fv_memory *m)
{
    const fv_pipeline pipeline = fv_image_size_pipeline(model, phases, phase);
    fv_trainer *trainer = NULL;
    turns t = {.n_trained = 0};
    plan_present(model, TRAIN_BYTES, fv_loader_threads(model->ctx, train, &loader), m);
    fv_ctx_memory(model->ctx, &t.before, NULL);
    FV_TRY(fv_trainer_create_planned(model, o, phase, &trainer));
    fv_status status = plan_turns(trainer, train, &loader, &t);
    if (status == FV_OK && trainer->distill)
        status = fv_distill_plan(trainer->distill, trainer->wisdom, o->batch_size, m);
    end_turns(&t, model, m);
    plan_optimizer(trainer, &pipeline, fv_trainer_pieces(trainer, o->batch_size), m);
    fv_trainer_destroy(&trainer);
    plan_loader(model->ctx, train, &pipeline, &loader, m);
    loader.shuffle = false;
    if (!train || o->validation)
        plan_loader(model->ctx, o->validation, &model->pipeline, &loader, m);
    m->report = REPORT_BYTES;
    add_up(model->ctx, m);
    return status;
}

/* Of the phase that has most. */
fv_status fv_fit_memory(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_memory *m)
{
    fv_fit_options o = *options;
    *m = (fv_memory){0};
    fv_settings_task(&o, model->task);
    fv_settings_resolve(&o);
    fv_loader_options loader = {.batch_size = o.batch_size,
                                .shuffle = true,
                                .workers = (int)o.workers,
                                .augment = o.augment,
                                .balance = o.balance_power > 0 ? (fv_balance)o.balance : FV_BALANCE_NONE,
                                .balance_power = o.balance_power};
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_fit_memory: model '%s' is not finished", model->name);
    choose_loss(model, &o);
    fv_phases phases;
    FV_TRY(fv_phases_read(model->ctx, &o, &phases));
    FV_TRY(fv_image_sizes_check(model, &o, &phases));
    fv_status status = FV_OK;
    for (int k = 0; k < phases.count && status == FV_OK; k++) {
        fv_memory of_phase;
        status = plan_phase(model, train, &o, loader, &phases, k, &of_phase);
        *m = k == 0 || of_phase.total > m->total ? of_phase : *m;
    }
    return status;
}

fv_status fv_evaluate_memory(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers, fv_memory *m)
{
    const int64_t count = dataset ? fv_dataset_count(dataset) : INT64_MAX;
    const fv_loader_options loader = {.batch_size = batch_size > 0 ? batch_size : 64, .workers = workers};
    turns t = {.n_trained = 0};
    *m = (fv_memory){0};
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_evaluate_memory: model '%s' is not finished", model->name);
    plan_present(model, EVAL_BYTES, fv_loader_threads(model->ctx, dataset, &loader), m);
    fv_ctx_memory(model->ctx, &t.before, NULL);
    fv_status status =
        plan_shared(&t, model, &(fv_program_key){.batch = count < loader.batch_size ? count : loader.batch_size});
    end_turns(&t, model, m);
    plan_loader(model->ctx, dataset, &model->pipeline, &loader, m);
    add_up(model->ctx, m);
    return status;
}

/* Programs of every member for `together` images at a time; in the place of those that it has now. */
static fv_status plan_members(const fv_predictor *p, int64_t together, fv_memory *m)
{
    for (int i = 0; i < p->count; i++) {
        const fv_member *member = &p->members[i];
        fv_model *model = member->model;
        turns before = {.n_trained = 0}, t = {.n_trained = 0};
        fv_memory present = {0};
        fv_status status = FV_OK;
        fv_ctx_memory(model->ctx, &before.before, NULL);
        if (member->session)
            status = plan_shared(&before, model, &(fv_program_key){.batch = member->batch, .sampling = p->dropout});
        end_turns(&before, model, &present);
        m->data -= present.packed + present.activations + present.workspace + present.gradients;
        fv_ctx_memory(model->ctx, &t.before, NULL);
        if (status == FV_OK)
            status = plan_shared(
                &t, model, &(fv_program_key){.batch = fv_predictor_rows(p, member, together), .sampling = p->dropout});
        end_turns(&t, model, m);
        FV_TRY(status);
    }
    return FV_OK;
}

fv_status fv_predictor_plan(const fv_predictor *p, const fv_dataset *dataset, int64_t together, fv_memory *m)
{
    fv_model *first = p->members[0].model;
    const fv_pipeline *pipeline = &first->pipeline;
    const fv_loader_options loader = {.batch_size = together, .workers = p->workers, .queue = FV_PREDICTOR_AHEAD};
    fv_loader_bytes bytes;
    int64_t weights = 0;
    *m = (fv_memory){0};
    plan_present(first, EVAL_BYTES, fv_loader_threads(p->ctx, dataset, &loader), m);
    for (int i = 0; i < p->count; i++)
        weights += fv_model_weight_bytes(p->members[i].model);
    m->data -= weights - m->weights;
    m->weights = weights;
    FV_TRY(plan_members(p, together, m));
    fv_loader_plan(p->ctx, dataset, pipeline, &loader, &bytes);
    m->loader = bytes.batches / (pipeline->h * pipeline->w * pipeline->c) * p->size; /* all views of an image */
    m->decoding = bytes.decoding;
    add_up(p->ctx, m);
    return FV_OK;
}
