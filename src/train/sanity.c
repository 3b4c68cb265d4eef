/* SPDX-License-Identifier: Apache-2.0 */
/* Two batches by heart: what is trained, how, and what is looked at on the way. */
#include "train/sanity.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/evaluate.h"
#include "train/judge.h"
#include "train/losses.h"
#include "train/sanity_probe.h"
#include "train/tally.h"

/* Other images that the network is asked about. */
enum { OTHERS = 400 };
/* A loss that no network comes back from. */
static const double runaway = 1e9;

const char *fv_sanity_name(fv_sanity_verdict v)
{
    static const char *const names[] = {
#define FV_SANITY_ROW(id, name, title) name,
        FV_SANITY_LIST(FV_SANITY_ROW)
#undef FV_SANITY_ROW
    };
    return (unsigned)v < FV_SANITY_COUNT ? names[v] : "";
}

const char *fv_sanity_title(fv_sanity_verdict v)
{
    static const char *const titles[] = {
#define FV_SANITY_ROW(id, name, title) title,
        FV_SANITY_LIST(FV_SANITY_ROW)
#undef FV_SANITY_ROW
    };
    return (unsigned)v < FV_SANITY_COUNT ? titles[v] : "";
}

const char *fv_sanity_say(const fv_sanity *s, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    fv_text_vformat(text, sizeof text, format, args);
    va_end(args);
    return fv_arena_strdup(s->arena, text);
}

/* ---- the start, again and again ---- */

/* All tensors of the model to or from one block. */
static void copy_slots(fv_model *m, char *block, bool save)
{
    fv_model_sync(m);
    for (int i = 0; i < m->n_slots; i++) {
        const size_t bytes = fv_tensor_bytes(m->slots[i].data);
        char *data = fv_tensor_data(m->slots[i].data);
        memcpy(save ? block : data, save ? data : block, bytes);
        block += bytes;
    }
    if (!save)
        fv_model_touch(m);
}

static fv_status keep_start(fv_sanity_work *w)
{
    size_t bytes = 1;
    for (int i = 0; i < w->model->n_slots; i++)
        bytes += fv_tensor_bytes(w->model->slots[i].data);
    w->start = fv_malloc(w->ctx, bytes);
    if (!w->start)
        return FV_ERR_NO_MEMORY;
    copy_slots(w->model, w->start, true);
    return FV_OK;
}

/* Weights as they were given, and an optimizer that remembers nothing. */
static void begin_anew(fv_sanity_work *w)
{
    fv_trainer *t = w->trainer;
    copy_slots(w->model, w->start, false);
    for (int i = 0; i < t->n_params; i++)
        for (int s = 0; s < FV_OPTIMIZER_SLOTS; s++)
            if (t->params[i].slot[s])
                memset(t->params[i].slot[s], 0, fv_tensor_bytes(t->params[i].tensor));
    fv_trainer_touch(t);
    t->step = 0;
}

/* What is drawn at random in the network is left out: its rates are exchanged for `rates`, by node. */
static void exchange_rates(fv_model *m, double *rates)
{
    for (int32_t i = 0; i < m->graph->n_nodes; i++) {
        const fv_node *node = m->graph->nodes[i];
        for (const fv_attr *a = node->op->attrs; (node->op->traits & FV_T_STOCHASTIC) && a && a->key; a++) {
            double before;
            char *place = (char *)(uintptr_t)node->attr + a->offset;
            if (a->kind != FV_ATTR_REAL || strcmp(a->key, "rate") != 0)
                continue;
            memcpy(&before, place, sizeof before);
            memcpy(place, &rates[i], sizeof before);
            rates[i] = before;
        }
    }
}

/* ---- its steps ---- */

/* Of the batches, once each. */
typedef struct pass {
    double loss, right; /* sums; of numbers to predict the squares of what is missed */
    int64_t seen;
} pass;

static double squares_missed(const float *values, const fv_batch *b)
{
    double sum = 0;
    for (int64_t i = 0; i < b->n * b->n_targets; i++) {
        const double d = (double)values[i] - (double)b->targets[i];
        sum += d * d;
    }
    return sum;
}

static double share_right(const fv_sanity_work *w, const pass *p)
{
    if (w->model->task != FV_TASK_REGRESS)
        return p->right / (double)p->seen;
    return 1 - p->right / (w->variance > 0 ? w->variance : 1);
}

static fv_status compute(fv_sanity_work *w, const fv_batch *b, const float **scores, double *loss, bool *finite)
{
    double all;
    const void *target = b->targets ? (const void *)b->targets : b->labels;
    FV_TRY(fv_trainer_gradient(w->trainer, b->images, target, b->n, &all));
    *loss = fv_trainer_output_loss(w->trainer);
    *finite = isfinite(all) && fv_trainer_finite(w->trainer) && *loss < runaway;
    *scores = fv_trainer_logits(w->trainer, NULL);
    return *scores ? FV_OK : FV_ERR_NO_MEMORY;
}

static bool are_probabilities(const fv_sanity_work *w, const float *scores, int64_t n)
{
    const int64_t classes = w->model->n_classes;
    bool yes = w->model->task == FV_TASK_CLASSIFY && classes > 1;
    for (int64_t i = 0; i < n && yes; i++) {
        double sum = 0;
        for (int64_t k = 0; k < classes; k++) {
            yes &= scores[i * classes + k] >= 0;
            sum += (double)scores[i * classes + k];
        }
        yes &= fabs(sum - 1) < 1e-4;
    }
    return yes;
}

static void count(const fv_sanity_work *w, const fv_batch *b, const float *scores, double loss, pass *p)
{
    const fv_task task = w->model->task;
    p->loss += loss * (double)b->n;
    p->right += task == FV_TASK_REGRESS ? squares_missed(scores, b)
                                        : (double)fv_count_right(task, scores, w->model->n_classes, b);
    p->seen += b->n;
}

static void end_pass(const fv_sanity_work *w, fv_sanity_try *t, pass *p)
{
    t->last = p->loss / (double)p->seen;
    t->top1 = share_right(w, p);
    t->lowest = t->last < t->lowest ? t->last : t->lowest;
    t->highest = t->last > t->highest ? t->last : t->highest;
    t->learned = t->top1 >= FV_SANITY_TOP1 && (w->model->task == FV_TASK_REGRESS || t->last < FV_SANITY_LOSS);
    *p = (pass){0};
}

/* A retry that a third of its steps has not helped is given up. */
static bool is_idle(const fv_sanity_work *w, const fv_sanity_try *t)
{
    return w->s->n_tries > 1 && 3 * t->steps > w->steps && t->lowest > 0.9 * t->first;
}

/* Constant, and over the second half of the steps down to nothing, as schedules do: what a network knows by then is not
 * hidden by the noise of steps that are too long for the end. */
static double rate_at(const fv_sanity_work *w, const fv_sanity_try *t)
{
    const double half = (double)w->steps / 2, at = (double)t->steps;
    return at < half ? t->lr : t->lr * (1 - (at - half) / ((double)w->steps - half));
}

static fv_status one_step(fv_sanity_work *w, fv_sanity_try *t, pass *p)
{
    const bool main = w->s->n_tries == 1;
    const int at = (int)(t->steps % w->data.count);
    const fv_batch *b = &w->data.batches[at];
    const float *scores;
    double loss;
    FV_TRY(compute(w, b, &scores, &loss, &t->finite));
    if (t->steps == 0)
        t->first = loss;
    if (t->steps == 0 && main) {
        w->sums_to_one = are_probabilities(w, scores, b->n);
        fv_probe_gradients(w->trainer, 0, w->s);
    }
    if (!t->finite) {
        t->highest = INFINITY;
        fv_trainer_rollback(w->trainer);
        return FV_OK;
    }
    count(w, b, scores, loss, p);
    if (at == w->data.count - 1)
        end_pass(w, t, p);
    if (t->learned)
        return FV_OK;
    FV_TRY(fv_trainer_apply(w->trainer, rate_at(w, t)));
    if (t->steps++ == 0 && main)
        fv_probe_change(w->model, w->start, w->s);
    return FV_OK;
}

/* ---- other images ---- */

static int64_t largest(const float *row, int64_t n)
{
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++)
        best = row[k] > row[best] ? k : best;
    return best;
}

/* Asked in batches like those that were trained, whose statistics are their own. */
static fv_status ask_others(fv_sanity_work *w, int64_t *counts)
{
    const int64_t classes = w->model->n_classes;
    int64_t n = 0, right = 0;
    FV_TRY(fv_loader_start(w->data.loader, 0, w->data.count));
    for (fv_batch b; n < OTHERS;) {
        const float *scores;
        double loss;
        bool finite;
        FV_TRY(fv_loader_next(w->data.loader, &b));
        if (b.n != w->data.batches[0].n)
            break;
        FV_TRY(compute(w, &b, &scores, &loss, &finite));
        for (int64_t i = 0; i < b.n; i++) {
            const int64_t answer = largest(scores + i * classes, classes);
            right += answer == b.labels[i];
            counts[answer]++;
            counts[classes + b.labels[i]]++;
        }
        n += b.n;
        FV_TRY(fv_watch(w->ctx, "asked about", "other images", n, OTHERS));
    }
    w->s->others = fv_sanity_odds_of(n, right, counts, counts + classes, classes);
    return FV_OK;
}

/* Once: by the first attempt that learned. */
static fv_status look_at_others(fv_sanity_work *w, const fv_sanity_try *t)
{
    if (w->model->task != FV_TASK_CLASSIFY || !t->learned || w->s->others.images > 0)
        return FV_OK;
    int64_t *counts = fv_calloc(w->ctx, 2 * (size_t)w->model->n_classes, sizeof *counts);
    if (!counts)
        return FV_ERR_NO_MEMORY;
    const fv_status status = ask_others(w, counts);
    fv_free(w->ctx, counts);
    return status;
}

/* ---- the attempt ---- */

fv_status fv_sanity_attempt(fv_sanity_work *w, double lr)
{
    pass p = {0};
    fv_sanity_try *t = &w->s->tries[w->s->n_tries++];
    *t = (fv_sanity_try){.lr = lr, .finite = true, .highest = 0, .lowest = INFINITY, .last = NAN, .top1 = NAN};
    begin_anew(w);
    while (t->steps < w->steps && t->finite && !t->learned && !is_idle(w, t)) {
        FV_TRY(one_step(w, t, &p));
        FV_TRY(fv_watch(w->ctx, w->s->n_tries > 1 ? "tried again: trained" : "trained", "steps", t->steps, w->steps));
    }
    FV_TRY(look_at_others(w, t));
    if (w->s->n_tries > 1 || !t->finite)
        return FV_OK;
    fv_probe_gradients(w->trainer, 1, w->s);
    return fv_probe_units(w->trainer, &w->data, 1, w->s);
}

/* ---- all of it ---- */

static void measure_targets(fv_sanity_work *w)
{
    const int64_t width = w->data.batches[0].n_targets;
    for (int64_t k = 0; w->model->task == FV_TASK_REGRESS && k < width; k++) {
        double sum = 0, squares = 0, n = 0;
        for (int b = 0; b < w->data.count; b++)
            for (int64_t i = 0; i < w->data.batches[b].n; i++, n++) {
                const double x = (double)w->data.batches[b].targets[i * width + k];
                sum += x;
                squares += x * x;
            }
        w->variance += fmax(0, squares - sum * sum / n);
    }
}

static fv_status open_data(fv_sanity_work *w, fv_dataset *dataset)
{
    char line[FV_JUDGE_TEXT];
    const char *unused;
    int64_t targets = 0;
    bool odd, single;
    if (fv_dataset_classes(dataset) > w->model->n_classes)
        return fv_fail_classes(w->model, dataset);
    if (fv_dataset_count(dataset) == 0)
        return fv_fail(w->ctx, FV_ERR_DATA_EMPTY, "the training set is empty");
    FV_TRY(fv_judge_weights(dataset));
    FV_TRY(fv_judge_pixels(dataset, "", &odd, line));
    if (odd && !(w->s->pixels = fv_sanity_say(w->s, "%s", line)))
        return FV_ERR_NO_MEMORY;
    if (fv_judge_one_class(dataset, line))
        fv_log(w->ctx, FV_LOG_WARN, "sanity", "%s", line);
    FV_TRY(fv_judge_labels(w->model, dataset, &w->options, &targets, &unused));
    FV_TRY(fv_sanity_data_open(&w->data, w->model, dataset, &w->options, targets));
    w->options.soft_targets = fv_loader_targets(w->data.loader) > 0;
    for (int b = 0; b < w->data.count; b++)
        w->s->samples += w->data.batches[b].n;
    w->s->batches = w->data.count;
    measure_targets(w);
    return fv_judge_single_norm(w->model->graph, &w->options, w->data.batches[0].n / w->options.grad_accum_steps,
                                &single);
}

static fv_status look(fv_sanity_work *w)
{
    FV_TRY(fv_trainer_create(w->model, &w->options, &w->trainer));
    FV_TRY(keep_start(w));
    FV_TRY(fv_probe_begin(w->trainer, w->s));
    fv_sanity_inputs_of(&w->data, &w->s->inputs);
    if (w->model->task == FV_TASK_CLASSIFY)
        FV_TRY(fv_sanity_labels_of(&w->data, w->s));
    FV_TRY(fv_probe_units(w->trainer, &w->data, 0, w->s));
    for (int i = 0; i < w->s->n_units; i++) /* where the attempt ends before */
        *(fv_sanity_units *)(uintptr_t)&w->s->units[i] = (fv_sanity_units){
            .name = w->s->units[i].name,
            .units = w->s->units[i].units,
            .dead = {w->s->units[i].dead[0], w->s->units[i].dead[0]},
            .bound = {w->s->units[i].bound[0], w->s->units[i].bound[0]},
        };
    FV_TRY(fv_sanity_attempt(w, w->options.lr));
    return fv_sanity_judge(w);
}

/* Everything that would keep a network from learning by heart is off. */
static void settle(fv_sanity_work *w)
{
    fv_fit_options *o = &w->options;
    fv_settings_task(o, w->model->task);
    fv_settings_resolve(o);
    w->steps = o->max_steps > 0 ? o->max_steps : FV_SANITY_STEPS_MAX;
    o->augment = NULL;
    o->label_smoothing = 0;
    o->balance = FV_BALANCE_NONE;
    o->model_ema = false;
    o->max_momentum = 0;
    o->unfreeze_at = o->progressive_resize = NULL;
}

static fv_status create(fv_ctx *ctx, fv_sanity **sanity)
{
    fv_sanity *s = fv_new(ctx, fv_sanity);
    *sanity = NULL;
    if (!s)
        return FV_ERR_NO_MEMORY;
    s->ctx = ctx;
    s->evidence = s->cure = "";
    const fv_status status = fv_arena_create(ctx, &s->arena);
    if (status != FV_OK)
        fv_free(ctx, s);
    else
        *sanity = s;
    return status;
}

fv_status fv_sanity_run(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_sanity **sanity)
{
    FV_TRY(fv_model_need_plain(model, "fv_sanity_run"));
    FV_TRY(create(model->ctx, sanity));
    fv_sanity_work w = {.ctx = model->ctx, .model = model, .options = *options, .s = *sanity};
    double *rates = fv_calloc(w.ctx, (size_t)model->graph->n_nodes + 1, sizeof *rates);
    fv_status status = rates ? fv_labels_adopt(model, train) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        settle(&w);
        exchange_rates(model, rates);
        status = fv_settings_check(w.ctx, &w.options);
        if (status == FV_OK)
            status = open_data(&w, train);
        if (status == FV_OK)
            status = look(&w);
        exchange_rates(model, rates);
    }
    fv_trainer_destroy(&w.trainer);
    if (w.start)
        copy_slots(model, w.start, false);
    fv_sanity_data_close(&w.data);
    fv_free(w.ctx, w.start);
    fv_free(w.ctx, rates);
    if (status != FV_OK)
        fv_sanity_destroy(sanity);
    return status;
}

fv_status fv_sanity_scores(fv_model *model, const fv_fit_options *options, fv_sanity **sanity)
{
    fv_fit_options o = *options;
    fv_loss loss = {0};
    *sanity = NULL;
    fv_settings_task(&o, model->task);
    FV_TRY(fv_settings_loss(model->ctx, &o, &loss.op));
    if (fv_judge_scores(model, &loss) == FV_OK)
        return FV_OK;
    FV_TRY(create(model->ctx, sanity));
    fv_sanity *s = *sanity;
    s->verdict = FV_SANITY_SOFTMAX;
    s->evidence = fv_sanity_say(s, "%s", fv_ctx_error(model->ctx));
    s->cure = fv_sanity_say(s, "%s", fv_ctx_hint(model->ctx));
    fv_fail_clear(model->ctx);
    if (s->evidence && s->cure)
        return FV_OK;
    fv_sanity_destroy(sanity);
    return FV_ERR_NO_MEMORY;
}

void fv_sanity_destroy(fv_sanity **sanity)
{
    fv_sanity *s = sanity ? *sanity : NULL;
    if (!s)
        return;
    fv_ctx *ctx = s->ctx;
    fv_arena_destroy(&s->arena);
    fv_free(ctx, s);
    *sanity = NULL;
}
