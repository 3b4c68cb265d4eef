/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "train/judge.h"

#include <math.h>
#include <stdio.h>

#include "data/augment/augment.h"
#include "data/pixel_range.h"

fv_stop fv_run_ended(const fv_progress *p, const fv_fit_options *o)
{
    if (p->epoch >= o->epochs)
        return FV_STOP_DONE;
    if (o->max_steps > 0 && p->global_step >= o->max_steps)
        return FV_STOP_STEPS;
    /* Within an epoch its end decides. */
    return o->patience > 0 && p->bad_epochs >= o->patience && p->step == 0 ? FV_STOP_EARLY : FV_STOP_NOT;
}

fv_stop fv_run_over(const fv_progress *p, const fv_fit_options *o)
{
    const fv_stop ended = fv_run_ended(p, o);
    return ended == FV_STOP_STEPS && !p->finished && p->step > 0 ? FV_STOP_NOT : ended;
}

bool fv_judge_epoch(fv_progress *p, const fv_fit_options *o, const fv_monitor *monitor, const fv_fit_event *e)
{
    const double metric = fv_monitor_value(monitor, e), sign = monitor->metric->higher_is_better ? 1 : -1;
    if (p->epoch == 0 || e->train_loss < p->lowest_loss)
        p->lowest_loss = e->train_loss;
    if (!isfinite(metric))
        return false;
    const bool best = p->best_epoch == 0 || sign * (metric - p->best_metric) > o->min_delta;
    if (best) {
        p->best_metric = metric;
        p->best_epoch = e->epoch;
    }
    p->bad_epochs = best ? 0 : p->bad_epochs + 1;
    return best;
}

bool fv_judge_loss(fv_progress *p, const fv_fit_options *o, double loss, const char *cause, char text[256])
{
    static const double runaway = 1e9; /* of no loss that learns */
    /* With a teacher the labels' loss, which is told, is a small part of what becomes less, and may rise at first. */
    const bool flat = p->epoch == 2 && p->first_loss > 0 && loss > 0.99 * p->first_loss && o->n_teachers == 0;
    text[0] = '\0';
    if (p->epoch == 0)
        p->first_loss = loss;
    if (loss > runaway)
        fv_text_format(
            text, 256,
            "the loss is %.3g: the weights have run away, and what the network says means nothing; try --lr %.2g in "
            "another run",
            loss, o->lr / 10);
    else if (p->epoch > 0 && loss > 3 * p->lowest_loss && p->lowest_loss > 0)
        fv_text_format(text, 256, "the loss is %.1f times its lowest: the learning rate may be too high; try --lr %.2g",
                       loss / p->lowest_loss, o->lr / 3);
    else if (flat && cause)
        snprintf(text, 256, "the loss hardly moved in three epochs: %s; see to that first", cause);
    else if (flat)
        fv_text_format(
            text, 256,
            "the loss hardly moved in three epochs: the learning rate may be too low; try --lr %.2g; `fovea sanity` "
            "with this run's options tells more",
            o->lr * 10);
    return text[0] != '\0';
}

fv_status fv_judge_pixels(fv_dataset *dataset, const char *augment, bool *odd, char text[FV_JUDGE_TEXT])
{
    fv_pixel_range range;
    char what[400];
    fv_augment *steps = NULL;
    *odd = false;
    FV_TRY(fv_dataset_pixel_range(dataset, &range));
    if (!fv_pixel_range_odd(&range, what, sizeof what))
        return FV_OK;
    FV_TRY(fv_augment_create(dataset->ctx, augment, &steps));
    const char *step = range.images ? fv_augment_cuts(steps) : NULL;
    snprintf(text, FV_JUDGE_TEXT, "%.480s: %s%s%s%s", dataset->path, what, step ? "; the step '" : "", step ? step : "",
             step ? "' cuts off what is beyond, so that training sees other pixels than scoring" : "");
    fv_augment_destroy(&steps);
    *odd = true;
    return FV_OK;
}

bool fv_judge_answers(const fv_model *model, const fv_metrics *m, bool last, char text[FV_JUDGE_TEXT])
{
    char more[64] = "";
    text[0] = '\0';
    if (m->never > 1)
        snprintf(more, sizeof more, ", nor that of %lld other classes", (long long)m->never - 1);
    if (m->lost > 0)
        snprintf(text, FV_JUDGE_TEXT, "validation: what the model computes is not finite for %lld of %lld samples",
                 (long long)m->lost, (long long)m->samples);
    else if (last && m->one_class >= 0)
        snprintf(text, FV_JUDGE_TEXT,
                 "validation: all %lld samples are taken for class '%.200s': the network has not learned to tell "
                 "classes apart; `fovea sanity` with this run's options tells why",
                 (long long)m->samples, fv_model_class_name(model, m->one_class));
    else if (last && m->never > 0)
        snprintf(text, FV_JUDGE_TEXT,
                 "validation: class '%.200s' is never the answer%s, though samples are of it: where it is rare in "
                 "training --balance oversample helps, else more --epochs; `fovea eval` shows what it is taken for",
                 fv_model_class_name(model, m->never_class), more);
    return text[0] != '\0';
}

fv_status fv_judge_end(fv_ctx *ctx, const fv_progress *p, const fv_fit_options *o, const fv_monitor *monitor,
                       const char *weights, bool file)
{
    fv_status status = FV_OK;
    if (p->best_epoch > 0 && !file)
        status = fv_fail(ctx, FV_ERR_DIVERGED,
                         "%s/best.safetensors: the best model (epoch %lld, %s %.4g) is gone: the file was removed",
                         weights, (long long)p->best_epoch, monitor->name, p->best_metric);
    else if (p->best_epoch == 0 && (!file || !weights))
        status = fv_fail(ctx, FV_ERR_DIVERGED, "%s was never finite when it was measured: there is no best model",
                         monitor->name);
    if (status == FV_OK || !weights)
        return status;
    if (p->best_epoch > 0)
        return fv_fail_hint(ctx, status, "the weights of the last epoch are in %s/last.safetensors", weights);
    return fv_fail_hint(ctx, status,
                        "the weights of the last epoch are in %s/last.safetensors; try --lr %.2g in another run",
                        weights, o->lr / 10);
}

/* With nothing but zeros the loss is 0 whatever the network answers. */
fv_status fv_judge_weights(const fv_dataset *d)
{
    for (int64_t i = 0; i < d->count; i++) {
        if (!d->weights || d->weights[i] > 0.0f)
            return FV_OK;
    }
    return fv_fail_hint(d->ctx,
                        fv_fail(d->ctx, FV_ERR_DATA,
                                "%s: the weights of all %lld training samples are 0, so that nothing would be learned",
                                d->path, (long long)d->count),
                        "give the samples that count a weight above 0, or leave the weights out (then each counts 1)");
}

/* A run on one class ends with a perfect score that means nothing. */
bool fv_judge_one_class(const fv_dataset *d, char text[FV_JUDGE_TEXT])
{
    for (int64_t i = 0; i < d->count; i++) {
        if (d->labels[i] != d->labels[0])
            return false;
    }
    if (fv_dataset_task(d) != FV_TASK_CLASSIFY)
        return false;
    snprintf(text, FV_JUDGE_TEXT,
             "%.480s: all %lld training samples are of class '%.200s': there is nothing to tell apart", d->path,
             (long long)d->count, fv_dataset_class_name(d, d->labels[0]));
    return true;
}

/* The first layer that normalizes maps of 1 x 1; NULL: none. */
static const char *single_norm(const fv_graph *graph)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const fv_node *node = graph->nodes[i];
        bool keeps_state = false;
        for (int32_t k = 0; k < node->n_in; k++)
            keeps_state |= node->in[k] && node->in[k]->role == FV_ROLE_STATE;
        const fv_shape *src = &node->in[0]->shape;
        if (keeps_state && fv_shape_count(src) == src->dim[src->rank - 1])
            return node->name;
    }
    return NULL;
}

fv_status fv_judge_single_norm(const fv_graph *graph, const fv_fit_options *options, int64_t piece, bool *single)
{
    const char *layer = options->freeze_norm ? NULL : single_norm(graph);
    *single = layer != NULL;
    if (!layer || piece > 1)
        return FV_OK;
    return fv_fail_hint(
        graph->ctx,
        fv_fail(graph->ctx, FV_ERR_SHAPE,
                "'%s' normalizes maps of 1 x 1: one sample at a time has one value per channel, and no variance",
                layer),
        "use a --batch-size of 2 or more%s, larger images, or --freeze-norm",
        options->grad_accum_steps > 1 ? " for each piece" : "");
}

/* A loss of labels takes scores and makes probabilities of them itself. Behind an activation that has done so already,
 * or that cuts scores off, a network learns badly without an error. */
fv_status fv_judge_scores(const fv_model *m, const fv_loss *loss)
{
    const fv_graph *g = m->graph;
    const fv_val *v = loss->prediction ? fv_graph_named(g, loss->prediction) : g->n_outputs > 0 ? g->outputs[0] : NULL;
    if (!(loss->op->traits & (FV_T_CLASS_LABELS | FV_T_SET_LABELS)))
        return FV_OK;
    while (v && v->def && (v->def->op->traits & (FV_T_VIEW | FV_T_STOCHASTIC)))
        v = v->def->in[0];
    if (!v || !v->def || !(v->def->op->traits & FV_T_BOUNDED))
        return FV_OK;
    return fv_fail_hint(
        m->ctx,
        fv_fail(m->ctx, FV_ERR_CONFLICT,
                "model '%s' ends with %s ('%s'), but the loss %s expects scores without bounds, of which "
                "it makes probabilities itself",
                fv_model_name(m), v->def->op->name, v->def->name, loss->op->name),
        "take that activation off the last layer; answers are probabilities all the same");
}
