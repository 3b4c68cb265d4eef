/* SPDX-License-Identifier: Apache-2.0 */
/* What networks cost in all, and how the layers of two of them stand to each other. */
#include <string.h>

#include <fovea/design.h>

#include "base/hash.h"
#include "model/model.h"

/* ---- in all ---- */

static bool is_weighted(const fv_node *node)
{
    for (int32_t i = 0; node->op->kinds && i < node->n_in; i++)
        if (node->op->kinds[i] == FV_OPERAND_WEIGHT && node->in[i])
            return true;
    return false;
}

/* Values that monotone activations give. */
static double activated(const fv_node *node)
{
    return (node->op->traits & FV_T_MONOTONE) && !(node->op->traits & FV_T_MAXIMUM)
               ? (double)fv_shape_count(&node->out[0]->shape)
               : 0.0;
}

/* Those that are spared where pooling comes first. */
static fv_status spared(const fv_graph *g, double *values)
{
    fv_graph *pooled;
    FV_TRY(fv_pass_pool_first(g, &pooled, NULL));
    *values = 0.0;
    for (int32_t n = 0; n < g->n_nodes; n++)
        *values += activated(g->nodes[n]);
    for (int32_t n = 0; n < pooled->n_nodes; n++)
        *values -= activated(pooled->nodes[n]);
    fv_graph_destroy(&pooled);
    return FV_OK;
}

fv_status fv_model_totals(const fv_model *model, fv_totals *t)
{
    const fv_graph *g = model->graph;
    *t = (fv_totals){.parameters = fv_model_parameters(model)};
    double less;
    FV_TRY(spared(g, &less));
    int *depth = fv_calloc(model->ctx, (size_t)g->n_vals + 1, sizeof *depth);
    if (!depth)
        return FV_ERR_NO_MEMORY;
    for (int n = 0; n < fv_model_layer_count(model); n++) {
        const fv_node *node = g->nodes[n];
        fv_layer_info l;
        fv_model_layer(model, n, &l);
        if (l.training)
            continue;
        t->layers++;
        t->macs += l.macs;
        t->flops += l.flops;
        t->activation_bytes += l.activation_bytes;
        t->activated += activated(node);
        int most = 0;
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i] && depth[node->in[i]->id] > most)
                most = depth[node->in[i]->id];
        most += is_weighted(node);
        t->weighted_layers += is_weighted(node);
        for (int32_t k = 0; k < node->n_out; k++)
            depth[node->out[k]->id] = most;
        t->depth = most > t->depth ? most : t->depth;
        if (l.output.rank == 4 && l.output.dim[1] * l.output.dim[2] > 1) {
            memcpy(t->receptive_field, l.receptive_field, sizeof t->receptive_field);
            memcpy(t->whole, l.whole, sizeof t->whole);
        }
    }
    t->activated_run = t->activated - less;
    fv_free(model->ctx, depth);
    return FV_OK;
}

/* ---- in a few words ---- */

/* k r s c of filters, o i of a matrix: "3x3 64>128"; depthwise ones have one channel each. */
static void weight_words(const fv_node *node, fv_str *out)
{
    for (int32_t i = 0; node->op->kinds && i < node->n_in; i++) {
        if (node->op->kinds[i] != FV_OPERAND_WEIGHT || !node->in[i])
            continue;
        const fv_shape *w = &node->in[i]->shape, *src = &node->in[0]->shape, *dst = &node->out[0]->shape;
        if (w->rank == 4)
            fv_str_printf(out, "%lldx%lld ", (long long)w->dim[1], (long long)w->dim[2]);
        if (src->rank > 0 && dst->rank > 0)
            fv_str_printf(out, "%lld>%lld", (long long)src->dim[src->rank - 1], (long long)dst->dim[dst->rank - 1]);
        return;
    }
}

static void layer_words(const fv_node *node, fv_str *out)
{
    weight_words(node, out);
    const size_t before = out->size;
    if (before)
        fv_str_append(out, " ");
    if (node->op->attrs)
        fv_attr_text(node->op, node->attr, out);
    if (before && out->size == before + 1)
        out->data[--out->size] = 0;
}

fv_status fv_model_layer_words(const fv_model *model, int i, char **text)
{
    fv_str out = {.ctx = model->ctx};
    *text = NULL;
    if (i < 0 || i >= fv_model_layer_count(model))
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' has %d layers: there is no layer %d", model->name,
                       fv_model_layer_count(model), i);
    layer_words(model->graph->nodes[i], &out);
    fv_status status = fv_str_status(&out);
    if (status == FV_OK)
        *text = fv_strdup(model->ctx, fv_str_get(&out));
    fv_str_free(&out);
    return status == FV_OK && !*text ? FV_ERR_NO_MEMORY : status;
}

/* ---- side by side ---- */

/* A layer as far as it is compared: hashes of what it is and what it gives. */
typedef struct face {
    const char *op, *name;
    uint64_t self, result;
} face;

static uint64_t hash_of(const void *data, size_t size)
{
    uint64_t lanes[2] = {0, 0};
    fv_hash_add(lanes, data, size);
    return lanes[0] ^ (lanes[1] << 1);
}

static fv_status make_faces(const fv_model *model, face **faces)
{
    const int n = fv_model_layer_count(model);
    fv_str words = {.ctx = model->ctx};
    *faces = fv_calloc(model->ctx, (size_t)n + 1, sizeof **faces);
    if (!*faces)
        return FV_ERR_NO_MEMORY;
    for (int k = 0; k < n; k++) {
        const fv_node *node = model->graph->nodes[k];
        words.size = 0;
        fv_str_append(&words, "");
        layer_words(node, &words);
        for (int32_t i = 0; i < node->n_in; i++) {
            char shape[96];
            if (node->in[i] && (node->in[i]->role == FV_ROLE_PARAM || node->in[i]->role == FV_ROLE_STATE))
                fv_str_printf(&words, ";%s", fv_shape_text(&node->in[i]->shape, shape));
        }
        (*faces)[k] = (face){.op = node->op->name, .name = node->name};
        (*faces)[k].self = hash_of(fv_str_get(&words), words.size);
        (*faces)[k].result = hash_of(node->out[0]->shape.dim, (size_t)node->out[0]->shape.rank * sizeof(int64_t));
    }
    const fv_status status = fv_str_status(&words);
    fv_str_free(&words);
    return status;
}

/* 0: they cannot be one another. */
static int likeness(const face *a, const face *b)
{
    if (strcmp(a->op, b->op) != 0)
        return 0;
    return 4 + 3 * (a->self == b->self) + 3 * (a->result == b->result) + (strcmp(a->name, b->name) == 0);
}

static bool is_same(const face *a, const face *b)
{
    return strcmp(a->op, b->op) == 0 && a->self == b->self && a->result == b->result;
}

enum { STEP_PAIR, STEP_A, STEP_B };

/* step[i * (m + 1) + j]: what the best alignment of a from i and b from j begins with; best: two rows of m + 1 sums. */
static void find_steps(const face *a, int n, const face *b, int m, int32_t *best, uint8_t *step)
{
    int32_t *row = best, *below = best + m + 1;
    for (int i = n; i >= 0; i--) {
        for (int j = m; j >= 0; j--) {
            const int like = i < n && j < m ? likeness(&a[i], &b[j]) : 0;
            const int32_t skip_a = i < n ? below[j] : -1, skip_b = j < m ? row[j + 1] : -1;
            const int32_t pair = like > 0 ? below[j + 1] + like : -1;
            const bool pairs = pair >= 0 && pair >= skip_a && pair >= skip_b;
            step[(size_t)i * (size_t)(m + 1) + (size_t)j] = (uint8_t)(pairs              ? STEP_PAIR
                                                                      : skip_a >= skip_b ? STEP_A
                                                                                         : STEP_B);
            row[j] = pairs ? pair : skip_a >= skip_b ? skip_a : skip_b;
            row[j] = row[j] < 0 ? 0 : row[j];
        }
        int32_t *t = row;
        row = below;
        below = t;
    }
}

static fv_status align_faces(fv_ctx *ctx, const face *a, int n, const face *b, int m, fv_layer_pair *pairs, int *count)
{
    int head = 0, tail = 0;
    while (head < n && head < m && is_same(&a[head], &b[head]))
        head++;
    while (tail < n - head && tail < m - head && is_same(&a[n - 1 - tail], &b[m - 1 - tail]))
        tail++;
    const int rows = n - head - tail, columns = m - head - tail;
    int32_t *best = fv_malloc(ctx, 2 * (size_t)(columns + 1) * sizeof *best);
    uint8_t *step = fv_malloc(ctx, (size_t)(rows + 1) * (size_t)(columns + 1));
    const fv_status status = best && step ? FV_OK : FV_ERR_NO_MEMORY;
    *count = 0;
    if (status == FV_OK) {
        find_steps(a + head, rows, b + head, columns, best, step);
        for (int i = 0, j = 0; i < n || j < m;) {
            const bool middle = i >= head && j >= head && (i < head + rows || j < head + columns);
            const int s = middle ? step[(size_t)(i - head) * (size_t)(columns + 1) + (size_t)(j - head)] : STEP_PAIR;
            fv_layer_pair *p = &pairs[(*count)++];
            *p = (fv_layer_pair){FV_LAYER_REMOVED, s == STEP_B ? -1 : i, s == STEP_A ? -1 : j};
            if (s == STEP_PAIR)
                p->match = is_same(&a[i], &b[j]) ? FV_LAYER_SAME : FV_LAYER_CHANGED;
            else if (s == STEP_B)
                p->match = FV_LAYER_ADDED;
            i += s != STEP_B;
            j += s != STEP_A;
        }
    }
    fv_free(ctx, best);
    fv_free(ctx, step);
    return status;
}

fv_status fv_model_align(const fv_model *a, const fv_model *b, fv_layer_pair **pairs, int *count)
{
    const int n = fv_model_layer_count(a), m = fv_model_layer_count(b);
    face *faces[2] = {NULL, NULL};
    *pairs = NULL;
    *count = 0;
    fv_status status = make_faces(a, &faces[0]);
    if (status == FV_OK)
        status = make_faces(b, &faces[1]);
    if (status == FV_OK && !(*pairs = fv_calloc(a->ctx, (size_t)(n + m) + 1, sizeof **pairs)))
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = align_faces(a->ctx, faces[0], n, faces[1], m, *pairs, count);
    fv_free(a->ctx, faces[0]);
    fv_free(b->ctx, faces[1]);
    if (status != FV_OK) {
        fv_layer_pairs_free(a->ctx, *pairs);
        *pairs = NULL;
    }
    return status;
}

void fv_layer_pairs_free(fv_ctx *ctx, fv_layer_pair *pairs)
{
    fv_free(ctx, pairs);
}
