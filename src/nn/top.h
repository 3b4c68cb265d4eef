/* SPDX-License-Identifier: Apache-2.0 */
/* Where a network ends and its classifier begins, read off the graph. */
#ifndef FV_NN_TOP_H
#define FV_NN_TOP_H

#include "model/model.h"

/* All values are the model's; map and row may both be there, and one of them is. */
typedef struct fv_top {
    const fv_val *map;    /* the last map, n h w c; NULL: there is none */
    const fv_val *row;    /* what the classifier is fed with, a row or one pixel; NULL: it works on the map */
    const fv_node *first; /* the classifier's first layer; NULL: the network ends without one */
    const fv_node *pool;  /* what makes scores of a map of them; NULL: the classifier is no such */
} fv_top;

/*
 * A classifier is what stands at the end in one chain: dense layers, and convolutions of one pixel or down to one, with
 * what works element by element between and behind them and dropout before them; or the one convolution whose map is
 * pooled to scores. MODEL where the end is of another kind, or where nothing with weights stands before it.
 */
fv_status fv_top_find(const fv_model *model, fv_top *top);

#endif
