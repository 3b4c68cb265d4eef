/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-layer equalization (Nagel et al., 2019): channel i of what one layer makes and another one takes is scaled by
 * a factor f_i on the way out of the first and by 1 / f_i on the way into the second. The network computes the same,
 * as what stands between them is max(x, 0) or less, and the numbers of all channels share the levels of one scale
 * better. The paper balances weights of both layers; where filters have scales of their own, the first one's weights do
 * not matter, and what is balanced is the activations (their largest on the calibration images) with the weights of the
 * second, as Xiao et al., 2023, do.
 */
#include <math.h>
#include <string.h>

#include "compress/quantize.h"
#include "ops/attr.h"

/* A channel is not scaled by more: images that it was not measured on may have larger numbers. */
#define FACTOR_MOST 4096.0

/* Of weights of which each layer has one scale. */
enum { SWEEPS = 20 };

/* Two layers, and what is between them. */
typedef struct pair {
    fv_quantizer *q;
    const fv_q_unit *first;
    const fv_node *second;
    int64_t channels;
    double *factor;
    double ceiling; /* of the activation; infinite: none */
} pair;

static float *weights_of(const fv_quantizer *q, const fv_node *node, int operand)
{
    const fv_val *val = node->n_in > operand ? node->in[operand] : NULL;
    const fv_slot *slot =
        val && val->role == FV_ROLE_PARAM && q->uses[val->id] == 1 ? fv_model_slot_of(q->model, val->id) : NULL;
    return slot ? fv_slot_data(slot) : NULL;
}

static const fv_node *sole_user(const fv_quantizer *q, const fv_val *val)
{
    const fv_graph *g = q->model->graph;
    for (int32_t n = 0; q->uses[val->id] == 1 && n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] == val)
                return i == 0 ? g->nodes[n] : NULL;
    return NULL; /* several, or an output */
}

/* Whether the node commutes with factors of channels, whose last dimension is a multiple of theirs. */
static bool passes(const fv_node *node)
{
    static const char *const ops[] = {"max_pool2d", "avg_pool2d", "global_avg_pool", "flatten"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(node->op->name, ops[i]) == 0)
            return true;
    return false;
}

static bool find_pair(fv_quantizer *q, const fv_q_unit *u, pair *p)
{
    double least, most;
    bool bounded = false;
    if (u->no_rule || !u->row.weighted || !weights_of(q, u->node, 1) || !q->values[u->result->id].channel_max ||
        (u->node->n_in > 2 && u->node->in[2] && !weights_of(q, u->node, 2)))
        return false;
    if (u->clamp && (!fv_q_is_clamp(u->clamp, &least, &most, &bounded) || least != 0))
        return false;
    const fv_node *next = sole_user(q, u->result);
    while (next && passes(next))
        next = sole_user(q, next->out[0]);
    if (!next || !fv_node_weighted(next) || !weights_of(q, next, 1) || !fv_q_rule_find(next->op))
        return false;
    *p = (pair){q, u, next, u->node->in[1]->shape.dim[0], NULL, bounded ? most : INFINITY};
    return fv_shape_last(&next->in[0]->shape) % p->channels == 0;
}

/* ---- the second layer, by channels of its operand ---- */

typedef void (*element_fn)(void *arg, int64_t filter, int64_t channel, float *w);

/* Columns of a matrix behind a flattened map are pixels of channels. */
static void visit(const pair *p, element_fn fn, void *arg)
{
    const fv_shape *s = &p->second->in[1]->shape;
    float *w = weights_of(p->q, p->second, 1);
    const int64_t filters = s->dim[0], each = fv_shape_count(s) / filters, depth = fv_shape_last(s);
    const int64_t groups = s->rank == 4 ? fv_shape_last(&p->second->in[0]->shape) / depth : 1;
    for (int64_t k = 0; k < filters; k++)
        for (int64_t i = 0; i < each; i++)
            fn(arg, k, (k / (filters / groups) * depth + i % depth) % p->channels, w + k * each + i);
}

typedef struct reading {
    double *filter_most, *channel_most;
    bool relative; /* to the largest of the filter */
} reading;

static void read_filter(void *arg, int64_t filter, int64_t channel, float *w)
{
    reading *r = arg;
    (void)channel;
    r->filter_most[filter] = fmax(r->filter_most[filter], fabs((double)*w));
}

static void read_channel(void *arg, int64_t filter, int64_t channel, float *w)
{
    reading *r = arg;
    const double most = r->relative ? r->filter_most[filter] : 1;
    if (most > 0)
        r->channel_most[channel] = fmax(r->channel_most[channel], fabs((double)*w) / most);
}

static void divide(void *arg, int64_t filter, int64_t channel, float *w)
{
    (void)filter;
    *w = (float)((double)*w / ((const double *)arg)[channel]);
}

/* ---- factors ---- */

static double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* What is to be made alike where a channel's factor is large: its numbers; with one scale for all filters of a layer,
 * as in the paper, the weights that make it. */
static double demand(const pair *p, int64_t i)
{
    const fv_shape *s = &p->first->node->in[1]->shape;
    const int64_t each = fv_shape_count(s) / s->dim[0];
    return p->q->o.per_tensor ? largest(weights_of(p->q, p->first->node, 1) + i * each, each)
                              : (double)p->q->values[p->first->result->id].channel_max[i];
}

/* Factors so that the channel with the largest numbers keeps them, or those that a ceiling cuts. */
static void normalize(const pair *p)
{
    const float *most = p->q->values[p->first->result->id].channel_max;
    double range = 0, at = 1;
    for (int64_t i = 0; i < p->channels; i++) {
        const double size = (double)most[i] * p->factor[i];
        if (size > range && p->factor[i] > 0) {
            range = size;
            at = p->factor[i];
        }
    }
    for (int64_t i = 0; i < p->channels; i++) {
        const double size = (double)most[i];
        double f = p->factor[i] > 0 ? p->factor[i] / at : 1;
        if (isfinite(p->ceiling)) {
            if (size >= p->ceiling * 0.999)
                f = 1; /* it is cut there, and must be cut at the same number */
            else if (size > 0)
                f = fmin(f, p->ceiling / size);
        }
        p->factor[i] = fmin(fmax(f, 1 / FACTOR_MOST), FACTOR_MOST);
    }
}

static fv_status choose(const pair *p)
{
    fv_ctx *ctx = p->q->ctx;
    const int64_t filters = p->second->in[1]->shape.dim[0];
    const bool own = fv_shape_last(&p->second->in[1]->shape) == 1 && p->second->in[1]->shape.rank == 4;
    reading r = {.relative = !p->q->o.per_tensor};
    r.filter_most = fv_calloc(ctx, (size_t)filters, sizeof *r.filter_most);
    r.channel_most = fv_calloc(ctx, (size_t)p->channels, sizeof *r.channel_most);
    if (r.filter_most && r.channel_most) {
        visit(p, read_filter, &r);
        visit(p, read_channel, &r);
        for (int64_t i = 0; i < p->channels; i++) {
            const double out = demand(p, i), in = r.channel_most[i];
            const bool free_weights = own && !p->q->o.per_tensor; /* filters of one channel each: only numbers matter */
            p->factor[i] = out > 0 && in > 0 ? (free_weights ? 1 / out : sqrt(in / out)) : 0;
        }
        normalize(p);
    }
    const bool there = r.filter_most && r.channel_most;
    fv_free(ctx, r.filter_most);
    fv_free(ctx, r.channel_most);
    return there ? FV_OK : FV_ERR_NO_MEMORY;
}

static void apply(const pair *p)
{
    const fv_node *node = p->first->node;
    const fv_shape *s = &node->in[1]->shape;
    const int64_t each = fv_shape_count(s) / s->dim[0];
    float *w = weights_of(p->q, node, 1), *b = weights_of(p->q, node, 2);
    float *most = p->q->values[p->first->result->id].channel_max;
    for (int64_t k = 0; k < p->channels; k++) {
        for (int64_t i = 0; i < each; i++)
            w[k * each + i] = (float)((double)w[k * each + i] * p->factor[k]);
        if (b)
            b[k] = (float)((double)b[k] * p->factor[k]);
        most[k] = (float)((double)most[k] * p->factor[k]);
    }
    visit(p, divide, p->factor);
}

static fv_status sweep(fv_quantizer *q, int *pairs)
{
    *pairs = 0;
    for (int i = 0; i < q->n_units; i++) {
        pair p;
        if (!find_pair(q, &q->units[i], &p))
            continue;
        p.factor = fv_calloc(q->ctx, (size_t)p.channels, sizeof *p.factor);
        const fv_status status = p.factor ? choose(&p) : FV_ERR_NO_MEMORY;
        if (status == FV_OK)
            apply(&p);
        fv_free(q->ctx, p.factor);
        FV_TRY(status);
        ++*pairs;
    }
    return FV_OK;
}

/* Weights that two pairs share are balanced in turns, until they hardly change; numbers are scaled once for all. */
fv_status fv_q_equalize(fv_quantizer *q)
{
    const int sweeps = q->o.per_tensor ? SWEEPS : 1;
    for (int i = 0; i < sweeps; i++)
        FV_TRY(sweep(q, &q->equalized));
    fv_model_touch(q->model);
    return FV_OK;
}
