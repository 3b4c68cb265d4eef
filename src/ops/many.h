/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that take any number of tensors of any shapes, up to FV_MANY; more are taken in groups, whose results are
 * taken again. */
#ifndef FV_OPS_MANY_H
#define FV_OPS_MANY_H

#include "ops/ref.h"

enum { FV_MANY = 32 };

#define FV_MANY_OPERANDS                                                                                               \
    "src0", "src1", "src2", "src3", "src4", "src5", "src6", "src7", "src8", "src9", "src10", "src11", "src12",         \
        "src13", "src14", "src15", "src16", "src17", "src18", "src19", "src20", "src21", "src22", "src23", "src24",    \
        "src25", "src26", "src27", "src28", "src29", "src30", "src31"
#define FV_MANY_LETTERS                                                                                                \
    "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", \
        "n", "n", "n", "n", "n", "n", "n", "n", "n"

/* Arrays are summed by stretches of this many elements, so that threads can share one. */
enum { FV_STRETCH = 16384 };

/* A binary tree of neighbors, (0 + 1) + (2 + 3) and so on, over terms that come one by one. */
typedef struct fv_tree {
    double level[64]; /* sums of 2^i terms */
    uint64_t count;
} fv_tree;

static inline void fv_tree_put(fv_tree *tree, double term)
{
    int i = 0;
    for (; tree->count >> i & 1; i++)
        term = tree->level[i] + term;
    tree->level[i] = term;
    tree->count++;
}

static inline double fv_tree_total(const fv_tree *tree)
{
    double total = 0.0;
    bool any = false;
    for (int i = 0; tree->count >> i; i++)
        if (tree->count >> i & 1) {
            total = any ? tree->level[i] + total : tree->level[i];
            any = true;
        }
    return total;
}

/* Sum of squares of elements [begin, end) in 16 lanes, which are added by halves. */
static inline double fv_squares(fv_dtype dtype, const void *src, int64_t begin, int64_t end)
{
    double lane[16] = {0};
    for (int64_t i = begin; i < end; i++) {
        double x = fv_get(dtype, src, i);
        lane[(i - begin) % 16] = fma(x, x, lane[(i - begin) % 16]);
    }
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

#endif
