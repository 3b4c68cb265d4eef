/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs the layers of two networks by the heaviest common subsequence. */
#include "align.h"

#include <stdlib.h>
#include <string.h>

/* Weights of a pair, and how many cells the table may have. */
enum { SAME_NAME = 1000, SAME_KIND = 3, CELLS_MAX = 32 << 20 };

static bool take_layers(const fv_model *m, align_layer **layers, int *count)
{
    const int n = fv_model_layer_count(m);
    align_layer *list = calloc((size_t)n + 1, sizeof *list);
    fv_port_info port;
    *layers = list;
    *count = 0;
    for (int k = 0; list && k < n; k++) {
        fv_layer_info l;
        fv_model_layer(m, k, &l);
        if (l.training)
            continue;
        const int i = (*count)++;
        list[i] = (align_layer){.value = l.name, .op = l.op, .shape = l.output, .match = -1};
        for (int o = 0; fv_model_port(m, true, o, &port); o++)
            list[i].output = list[i].output || strcmp(port.name, l.name) == 0;
        if (i > 0 && strcmp(l.op, "batch_norm") == 0 && fv_shape_equal(&list[i - 1].shape, &l.output))
            list[i - 1].inner = true;
    }
    return list != NULL;
}

static const char *kind_of(const align_layer *l)
{
    return strcmp(l->op, "batch_norm") == 0 ? "conv2d" : l->op;
}

static int weight_of(const align_layer *a, const align_layer *b)
{
    if (!fv_shape_equal(&a->shape, &b->shape))
        return 0;
    if (strcmp(a->value, b->value) == 0)
        return SAME_NAME;
    return !a->inner && !b->inner && strcmp(kind_of(a), kind_of(b)) == 0 ? SAME_KIND : 0;
}

/* table[i][j]: the most that layers from i on and from j on are worth together. */
static void pair(align *al, int32_t *table)
{
    const int n = al->count[0], m = al->count[1];
    const size_t row = (size_t)m + 1;
    for (int i = n - 1; i >= 0; i--)
        for (int j = m - 1; j >= 0; j--) {
            const int w = weight_of(&al->layer[0][i], &al->layer[1][j]);
            const int32_t down = table[(size_t)(i + 1) * row + (size_t)j],
                          right = table[(size_t)i * row + (size_t)j + 1];
            const int32_t both = w ? w + table[(size_t)(i + 1) * row + (size_t)j + 1] : 0;
            const int32_t most = down > right ? down : right;
            table[(size_t)i * row + (size_t)j] = both > most ? both : most;
        }
    for (int i = 0, j = 0; i < n && j < m;) {
        const int32_t here = table[(size_t)i * row + (size_t)j];
        const int w = weight_of(&al->layer[0][i], &al->layer[1][j]);
        if (w && here == w + table[(size_t)(i + 1) * row + (size_t)j + 1]) {
            al->layer[0][i].match = j;
            al->layer[1][j].match = i;
            i++;
            j++;
        } else if (here == table[(size_t)(i + 1) * row + (size_t)j]) {
            i++;
        } else {
            j++;
        }
    }
}

/* Names alone, for networks of very many layers. */
static void pair_names(align *al)
{
    for (int i = 0; i < al->count[0]; i++)
        for (int j = 0; j < al->count[1] && al->layer[0][i].match < 0; j++)
            if (weight_of(&al->layer[0][i], &al->layer[1][j]) == SAME_NAME) {
                al->layer[0][i].match = j;
                al->layer[1][j].match = i;
            }
}

bool align_models(const fv_model *a, const fv_model *b, align *al)
{
    *al = (align){.count = {0, 0}};
    if (!take_layers(a, &al->layer[0], &al->count[0]) || !take_layers(b, &al->layer[1], &al->count[1]))
        return false;
    const int64_t cells = (int64_t)(al->count[0] + 1) * (al->count[1] + 1);
    if (cells > CELLS_MAX) {
        pair_names(al);
        return true;
    }
    int32_t *table = calloc((size_t)cells, sizeof *table);
    if (table)
        pair(al, table);
    free(table);
    return table != NULL;
}

void align_free(align *al)
{
    free(al->layer[0]);
    free(al->layer[1]);
    *al = (align){.count = {0, 0}};
}
