/* SPDX-License-Identifier: Apache-2.0 */
/* What is known to be unwise in a network and its recipe, each with its reason. Looks at traits, not at names. */
#include <fovea/sanity.h>
#include <fovea/zoo.h>

#include <string.h>

#include "base/text.h"
#include "model/model.h"

/* Weighted layers one behind the other that learn without help; weights an image that last layers may have. */
enum { DEEP = 10, WEIGHTS_AN_IMAGE = 1000 };

typedef struct lint {
    const fv_model *model;
    const fv_lint_options *options;
    void (*tell)(void *user, const char *line);
    void *user;
    /* By value: */
    int32_t *depth;       /* weighted layers on the longest way there */
    const fv_node **gate; /* the sigmoid or tanh, behind weights, that it comes from without others between; NULL */
} lint;

/* The one operand that is computed or an input; NULL: there are several, or none. */
static const fv_val *only_source(const fv_node *node)
{
    const fv_val *found = NULL;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        if (!v || (v->role != FV_ROLE_COMPUTED && v->role != FV_ROLE_INPUT))
            continue;
        if (found)
            return NULL;
        found = v;
    }
    return found;
}

/* " and 3 others" */
static const char *and_others(int n, char text[32])
{
    text[0] = '\0';
    if (n > 1)
        fv_text_format(text, 32, " and %d other%s", n - 1, n > 2 ? "s" : "");
    return text;
}

/* ---- the network ---- */

static void walk(lint *l, const fv_node *node, const fv_node **first, int *gates)
{
    const fv_val *source = only_source(node);
    int32_t depth = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && l->depth[node->in[i]->id] > depth)
            depth = l->depth[node->in[i]->id];
    const fv_node *gate = source ? l->gate[source->id] : NULL;
    if (fv_node_weighted(node) && gate) {
        *first = *first ? *first : gate;
        *gates += 1;
    }
    if (fv_node_weighted(node))
        gate = NULL;
    else if ((node->op->traits & FV_T_SATURATES) && depth > 0)
        gate = node;
    for (int32_t i = 0; i < node->n_out; i++) {
        l->depth[node->out[i]->id] = depth + fv_node_weighted(node);
        l->gate[node->out[i]->id] = gate;
    }
}

static void look_at_gates(lint *l)
{
    const fv_graph *g = l->model->graph;
    const fv_node *first = NULL;
    char more[32];
    int n = 0;
    for (int32_t i = 0; i < g->n_nodes; i++)
        walk(l, g->nodes[i], &first, &n);
    if (n > 0)
        fv_text_tell(
            l->tell, l->user,
            "'%s'%s: %s between layers with weights: away from 0 its gradient is nearly 0, so that the layers before "
            "it learn slowly or not at all; relu passes it on whole",
            first->name, and_others(n, more), first->op->name);
}

static void look_at_pools(const lint *l)
{
    const fv_graph *g = l->model->graph;
    const fv_node *first = NULL;
    char more[32];
    int n = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        const fv_node *before = node->op->traits & FV_T_MAXIMUM ? node->in[0]->def : NULL;
        if (!before || !(before->op->traits & FV_T_MONOTONE))
            continue;
        first = first ? first : before;
        n++;
    }
    if (n > 0)
        fv_text_tell(
            l->tell, l->user,
            "'%s'%s: %s in front of a maximum: behind it the results are the same and it has less to do (a quarter "
            "behind a 2x2 pool); this program exchanges them by itself, others that run the network may not",
            first->name, and_others(n, more), first->op->name);
}

/* Whether the node has a scale or a shift, or keeps statistics. */
static bool normalizes(const fv_node *node)
{
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] &&
            (node->in[i]->role == FV_ROLE_STATE || (node->op->kinds && node->op->kinds[i] == FV_OPERAND_NORM)))
            return true;
    return false;
}

static void look_at_depth(const lint *l)
{
    const fv_graph *g = l->model->graph;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        int32_t sources = 0;
        for (int32_t k = 0; k < g->nodes[i]->n_in; k++)
            sources += g->nodes[i]->in[k] && g->nodes[i]->in[k]->role == FV_ROLE_COMPUTED;
        if (normalizes(g->nodes[i]) || sources > 1) /* which is a way around */
            return;
    }
    const int32_t depth = g->n_outputs > 0 ? l->depth[g->outputs[0]->id] : 0;
    if (depth > DEEP)
        fv_text_tell(
            l->tell, l->user,
            "%d layers with weights one behind the other, without normalization and without a way around: the "
            "gradient shrinks or grows with each of them; put batch_norm behind convolutions, or add what is before "
            "a block to what is behind it",
            depth);
}

static void look_at_width(const lint *l)
{
    const fv_graph *g = l->model->graph;
    const int64_t images = l->options->images;
    int64_t weights = 0;
    const fv_node *largest = NULL;
    int64_t most = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        const fv_val *weight = fv_node_weighted(node) && node->in[1] ? node->in[1] : NULL;
        if (!weight || weight->shape.rank != 2 || weight->role != FV_ROLE_PARAM)
            continue;
        const int64_t n = fv_shape_count(&weight->shape);
        weights += n;
        largest = n > most ? node : largest;
        most = n > most ? n : most;
    }
    if (images > 0 && !l->options->trained && weights > WEIGHTS_AN_IMAGE * images)
        fv_text_tell(
            l->tell, l->user,
            "the last layers ('%s' above all) have %lld weights for %lld images, %lld for each: they learn these by "
            "heart; narrower ones, or a mean over the map in front of one (--head linear --pool avg), generalize "
            "better",
            largest->name, (long long)weights, (long long)images, (long long)(weights / images));
}

/* ---- the recipe ---- */

static void look_at_recipe(const lint *l)
{
    const fv_graph *g = l->model->graph;
    const fv_fit_options *fit = l->options->fit;
    bool drops = false;
    for (int32_t i = 0; i < g->n_nodes; i++)
        drops |= (g->nodes[i]->op->traits & FV_T_STOCHASTIC) != 0;
    if (fit && !(fit->weight_decay > 0) && !(fit->l1 > 0) && !drops)
        fv_text_tell(
            l->tell, l->user,
            "neither weight decay nor dropout: nothing keeps the network from learning the images by heart; --wd "
            "1e-4, or --drop 0.5 where the network has dropout");
}

static bool is_known(const char *name)
{
    for (const char *const *known = fv_zoo_names(); *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

fv_status fv_lint(const fv_model *model, const fv_lint_options *options, void (*tell)(void *user, const char *line),
                  void *user)
{
    const size_t room = (size_t)model->graph->n_vals + 1;
    lint l = {.model = model, .options = options, .tell = tell, .user = user};
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_lint: the model is not finished; call fv_model_finish first");
    l.depth = fv_calloc(model->ctx, room, sizeof *l.depth);
    l.gate = fv_calloc(model->ctx, room, sizeof *l.gate);
    fv_status status = l.depth && l.gate ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && (options->own || !is_known(fv_model_name(model)))) {
        look_at_gates(&l);
        look_at_pools(&l);
        look_at_depth(&l);
    }
    if (status == FV_OK) {
        look_at_width(&l);
        look_at_recipe(&l);
    }
    fv_free(model->ctx, l.depth);
    fv_free(model->ctx, l.gate);
    return status;
}
