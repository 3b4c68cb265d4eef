/* SPDX-License-Identifier: Apache-2.0 */
/* What is in front of a network: layers that resize, crop or scale the pixels of its input. */
#include "io/keras/net.h"

/* The layer that takes a result, within a network if one takes it; *g and *layer become its own. NULL: none does. */
static const fv_keras_layer *taker(const fv_keras_graph **g, int *layer)
{
    for (int i = 0; i < (*g)->n_layers; i++) {
        const fv_keras_layer *l = &(*g)->layers[i];
        for (int c = 0; c < l->n_calls; c++)
            for (int k = 0; k < l->call[c]->n_refs; k++) {
                if (!l->call[c]->ref[k].name || l->call[c]->ref[k].layer != *layer)
                    continue;
                if (l->inner) {
                    *g = l->inner;
                    *layer = l->inner->in[0].layer;
                    return l->inner->n_in == 1 ? taker(g, layer) : NULL;
                }
                *layer = i;
                return l;
            }
    }
    return NULL;
}

const fv_keras_layer *fv_keras_front(const fv_keras_graph *g, int input, const char *kind)
{
    static const char *const passes[] = {"Resizing", "CenterCrop", "Rescaling", "Permute", "Reshape"};
    int layer = input;
    for (int steps = 0; steps < 16; steps++) {
        const fv_keras_layer *l = taker(&g, &layer);
        bool pass = l && l->op && l->op->map == fv_keras_same;
        if (!l || strcmp(l->kind, kind) == 0)
            return l;
        for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++)
            pass = pass || strcmp(l->kind, passes[i]) == 0;
        if (!pass)
            return NULL;
    }
    return NULL;
}
