/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the graph floor share: the builder behind fv_emit and the skeleton of a pass. */
#ifndef FV_GRAPH_INTERNAL_H
#define FV_GRAPH_INTERNAL_H

#include "graph/graph.h"

struct fv_builder {
    fv_graph *g;
    const char *base; /* emitted names begin with it */
    fv_dtype dtype;   /* float type of constants */
    fv_status status; /* first failure */
    const bool *wanted;
    int32_t n_wanted; /* by id: whose gradient is wanted */
};

/* Like fv_node_fail with a status of its own. */
fv_status fv_node_error(fv_ctx *ctx, fv_status code, const fv_node *node, const char *format, ...) FV_PRINTF(4, 5);
/* Runs infer and checks that what it said is possible. */
fv_status fv_node_infer(fv_ctx *ctx, const fv_node *node);
/* Whether a value, or a node without outputs, has this name. */
bool fv_graph_taken(const fv_graph *g, const char *name);
/* Renames a node and its outputs; keeps the old name when the new one is taken. */
fv_status fv_graph_rename(fv_graph *g, fv_node *node, const char *name);
/* The elements of a constant (one, when it is repeated) in another dtype; the caller's. */
fv_status fv_const_convert(fv_ctx *ctx, const fv_val *val, fv_dtype dtype, fv_tensor **tensor);
/* Float type of the graph: that of its first float value; F32 without one. */
fv_dtype fv_graph_float(const fv_graph *g);

/* "computed", "input", "param", "state", "const". */
const char *const *fv_role_list(void);

/* Number of numbers of an attribute; for FV_ATTR_INTS as many as it has now. */
int64_t fv_attr_width(const fv_attr *a, const void *attr);
/* The i-th number of an attribute as a double (BOOL: 0 or 1, ENUM: its index). */
double fv_attr_get(const fv_attr *a, const void *attr, int64_t i);
/* The same exactly, for kinds other than REAL. */
int64_t fv_attr_get_int(const fv_attr *a, const void *attr, int64_t i);
void fv_attr_set(const fv_attr *a, void *attr, int64_t i, double real, int64_t integer);
/* "one or two integers (height, width) from 1", for messages. */
const char *fv_attr_expects(const fv_attr *a, char text[256]);
/* Whether a value lies in the attribute's range. */
bool fv_attr_in_range(const fv_attr *a, double value);

/* The skeleton of a pass: an output graph and what each value of the input graph became. */
typedef struct fv_rewrite {
    const fv_graph *g;
    fv_graph *out;
    fv_val **map;       /* by id of g */
    int32_t *uses;      /* by id of g: operands and outputs */
    fv_node **consumer; /* by id of g: the last node that uses it, or NULL */
    bool *skip;         /* by node of g: merged into another node */
    fv_builder b;
} fv_rewrite;

/* Allocates; copies inputs, parameters, states and constants when `leaves` is set. */
fv_status fv_rewrite_begin(fv_rewrite *rw, const fv_graph *g, bool leaves);
/* The node with its operands mapped. `attr` NULL: the node's own. */
fv_status fv_rewrite_copy(fv_rewrite *rw, const fv_node *node, const void *attr, fv_node **copy);
/* Copies outputs, hands over *out and map when status is FV_OK, and frees the rest. Returns the final status. */
fv_status fv_rewrite_end(fv_rewrite *rw, fv_status status, fv_graph **out, fv_val **map);
/* The only node that uses the value, and nothing else does; NULL otherwise. */
fv_node *fv_rewrite_sole_consumer(const fv_rewrite *rw, const fv_val *val);
/* Copy (in the output graph's arena) of the node's attributes with another activation; NULL when out of memory. */
void *fv_rewrite_activation(fv_rewrite *rw, const fv_node *node, fv_activation activation);
/* Whether the node has room for this activation and its operator accepts it. */
bool fv_rewrite_takes(const fv_node *node, fv_activation activation);

#endif
