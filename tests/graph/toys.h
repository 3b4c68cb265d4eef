/* SPDX-License-Identifier: Apache-2.0 */
/* Operators made up for testing the graph floor, which knows no real ones. They have traits and shapes, no arithmetic.
 */
#ifndef FV_TESTS_GRAPH_TOYS_H
#define FV_TESTS_GRAPH_TOYS_H

#include "support/support.h"

#include "graph/graph.h"

typedef struct toy_attr {
    int32_t activation;
    int64_t stride[2], pad[4], groups;
    double alpha;
    bool ceil;
    fv_ints dims;
} toy_attr;

/* The table: what find_op of a graph is. */
const fv_op *toy_find(fv_ctx *ctx, const char *name);

/* Building in one call each; they fail the test when the graph refuses. */
fv_val *toy_input(fv_graph *g, const char *name, int64_t n, int64_t width);
fv_val *toy_param(fv_graph *g, const char *name, fv_role role, int64_t width);
fv_val *toy_node(fv_graph *g, const char *op, const char *name, int n_in, fv_val *a, fv_val *b, fv_val *c, fv_val *d);
#define toy_unary(g, op, name, x)     toy_node(g, op, name, 1, x, NULL, NULL, NULL)
#define toy_binary(g, op, name, x, y) toy_node(g, op, name, 2, x, y, NULL, NULL)

/* The whole graph as text, in a static buffer. */
const char *toy_text(const fv_graph *g);

#endif
