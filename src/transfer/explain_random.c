/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a map depends on what a network has learned: the randomization test. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "transfer/explain.h"

/* ---- weights drawn anew ---- */

/* From the normal distribution of what is there. */
static void draw_slot(const fv_slot *slot, uint64_t seed)
{
    float *w = fv_slot_data(slot);
    const int64_t n = fv_shape_count(&slot->shape);
    const uint64_t name = fv_hash_name(slot->name);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)w[i];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)w[i] - mean) * ((double)w[i] - mean);
    const double deviation = sqrt(squares / (double)n);
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t word[4];
        float value[4];
        fv_philox(seed, FV_RANDOM_EXPLAIN, (uint64_t)i / 4, name, word);
        fv_normal2(word[0], word[1], value);
        fv_normal2(word[2], word[3], value + 2);
        for (int k = 0; k < 4 && i + k < n; k++)
            w[i + k] = (float)(mean + deviation * (double)value[k]);
    }
}

/* The tensors of a layer: weight and bias. */
static void draw_layer(fv_model *m, const fv_node *node, uint64_t seed)
{
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_slot *slot = node->in[i] ? fv_model_slot_of(m, node->in[i]->id) : NULL;
        if (slot && slot->dtype == FV_F32 && slot->kind != FV_SLOT_STATE)
            draw_slot(slot, seed);
    }
}

static void restore(fv_model *from, fv_model *to)
{
    fv_model_sync(from);
    for (int i = 0; i < to->n_slots; i++)
        memcpy(fv_tensor_data(to->slots[i].data), fv_tensor_data(from->slots[i].data),
               fv_tensor_bytes(from->slots[i].data));
    fv_model_touch(to);
}

/* ---- maps ---- */

typedef struct ranked {
    float value;
    int64_t at;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->value < y->value ? -1 : x->value > y->value ? 1 : x->at < y->at ? -1 : x->at > y->at;
}

/* Ranks from 0 on, equal ones the mean of theirs, less the mean of all. */
static void rank(const float *map, int64_t n, ranked *order, double *ranks)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = (ranked){map[i], i};
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int64_t i = 0; i < n;) {
        int64_t end = i + 1;
        while (end < n && order[end].value == order[i].value)
            end++;
        for (int64_t k = i; k < end; k++)
            ranks[order[k].at] = (double)(i + end - 1) / 2 - (double)(n - 1) / 2;
        i = end;
    }
}

static double product(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Of ranks less their mean: nothing is left in a map whose cells are all equal. */
static double correlation(const double *first, const double *second, int64_t n)
{
    const double own = product(first, first, n), other = product(second, second, n);
    return own <= 0 ? (double)NAN : other <= 0 ? 0.0 : product(first, second, n) / sqrt(own * other);
}

/* ---- the test ---- */

void fv_explain_forget_copy(fv_explainer *e)
{
    fv_explainer_destroy(&e->random.explainer);
    fv_model_destroy(&e->random.copy);
    fv_free(e->ctx, e->random.rows);
    fv_free(e->ctx, (void *)(uintptr_t)e->random.layers);
    e->random.rows = NULL;
    e->random.layers = NULL;
    e->random.count = 0;
}

static bool has_weights(const fv_model *m, const fv_node *node)
{
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && fv_model_slot_of(m, node->in[i]->id))
            return true;
    return false;
}

/* A copy whose weights may change, its layers from the last on, and its explainer. */
static fv_status make_copy(fv_explainer *e)
{
    FV_TRY(fv_model_clone(e->model, &e->random.copy));
    const fv_graph *g = e->random.copy->graph;
    e->random.rows = fv_calloc(e->ctx, (size_t)g->n_nodes + 1, sizeof *e->random.rows);
    e->random.layers = fv_calloc(e->ctx, (size_t)g->n_nodes + 1, sizeof *e->random.layers);
    if (!e->random.rows || !e->random.layers)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = g->n_nodes - 1; n >= 0; n--) {
        const fv_node *node = g->nodes[n];
        if (fv_node_weighted(node) && !fv_model_for_training(e->random.copy, node->out[0]->id) &&
            has_weights(e->random.copy, node))
            e->random.layers[e->random.count++] = node;
    }
    if (e->random.count == 0)
        return fv_fail(e->ctx, FV_ERR_UNSUPPORTED, "model '%s' has no weights that could be drawn anew",
                       e->model->name);
    return fv_explainer_create(e->random.copy, &e->options, &e->random.explainer);
}

static fv_status refresh(fv_explainer *e)
{
    if (e->occlusion.session)
        return fv_session_refresh(e->occlusion.session);
    (void)fv_model_store(e->model);
    return fv_program_refresh(e->gradcam.program, e->gradcam.instance);
}

static fv_status run_steps(fv_explainer *e, const fv_image *image, int64_t class_index, uint64_t seed, ranked *order,
                           double *first, double *second)
{
    const int64_t n = e->h * e->w;
    fv_explanation x;
    restore(e->model, e->random.copy);
    FV_TRY(fv_explainer_run(e, image, class_index, &x));
    rank(x.map, n, order, first);
    class_index = x.class_index;
    for (int i = 0; i < e->random.count; i++) {
        draw_layer(e->random.copy, e->random.layers[i], seed);
        fv_model_touch(e->random.copy);
        FV_TRY(refresh(e->random.explainer));
        FV_TRY(fv_explainer_run(e->random.explainer, image, class_index, &x));
        rank(x.map, n, order, second);
        e->random.rows[i] = (fv_randomized){e->random.layers[i]->name, correlation(first, second, n)};
        FV_TRY(fv_watch(e->ctx, "drawn anew", "layers", i + 1, e->random.count));
    }
    return FV_OK;
}

fv_status fv_explainer_randomize(fv_explainer *e, const fv_image *image, int64_t class_index, uint64_t seed,
                                 const fv_randomized **rows, int *count)
{
    const size_t n = (size_t)(e->h * e->w);
    *rows = NULL;
    *count = 0;
    fv_status status = e->random.explainer ? FV_OK : make_copy(e);
    if (status != FV_OK) {
        fv_explain_forget_copy(e);
        return status;
    }
    ranked *order = fv_malloc(e->ctx, n * sizeof *order);
    double *ranks = fv_malloc(e->ctx, 2 * n * sizeof *ranks);
    status = order && ranks ? run_steps(e, image, class_index, seed, order, ranks, ranks + n) : FV_ERR_NO_MEMORY;
    fv_free(e->ctx, order);
    fv_free(e->ctx, ranks);
    *rows = e->random.rows;
    *count = status == FV_OK ? e->random.count : 0;
    return status;
}
