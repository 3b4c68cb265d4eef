/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph: values and nodes in topological order, built by appending. A graph is never edited: passes read one
 * graph and append to a new one. All of it lives in one arena.
 */
#ifndef FV_GRAPH_GRAPH_H
#define FV_GRAPH_GRAPH_H

#include <fovea/op.h>

#include "base/arena.h"
#include "base/doc.h"
#include "base/json.h"
#include "base/text.h"

struct fv_graph {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_val **vals; /* by id */
    int32_t n_vals, cap_vals;
    fv_node **nodes; /* topological order */
    int32_t n_nodes, cap_nodes;
    fv_val **outputs;          /* what a run must produce, in order */
    const char **output_names; /* of outputs: the value's name unless given another */
    int32_t n_outputs, cap_outputs, cap_output_names;
    const fv_op *(*find_op)(fv_ctx *ctx, const char *name); /* the table above, handed in so that arrows point down */
    int32_t *index; /* open-addressed hash of names: id + 1 of a value, -(id + 1) of a node without outputs, 0: free */
    int32_t cap_index;
};

/* Most operands and outputs that an operator may have. */
#define FV_MAX_OPERANDS 64
#define FV_MAX_RESULTS  16

fv_status fv_graph_create(fv_ctx *ctx, const fv_op *(*find_op)(fv_ctx *, const char *), fv_graph **graph);
void fv_graph_destroy(fv_graph **graph);

/* Appends a value without a node. Names are copied and must be unique (ARGUMENT otherwise). */
fv_status fv_graph_input(fv_graph *g, const char *name, fv_dtype dtype, const fv_shape *shape, fv_val **val);
fv_status fv_graph_param(fv_graph *g, const char *name, fv_role role, fv_dtype dtype, const fv_shape *shape,
                         fv_val **val);
/* Constants: `value` everywhere; or the dtype, shape and elements of `tensor`, which is shared and must not change any
 * more. `name` NULL: made. */
fv_status fv_graph_const(fv_graph *g, double value, fv_dtype dtype, const fv_shape *shape, fv_val **val);
fv_status fv_graph_tensor(fv_graph *g, const char *name, const fv_tensor *tensor, fv_val **val);
/* Whether a constant is one element, repeated; its elements written out. */
bool fv_const_is_splat(const fv_val *val);
void fv_const_fill(const fv_val *val, void *data);

/*
 * Appends a node: copies attr (NULL: defaults) and operands, checks operand count, dtypes and attribute ranges, calls
 * infer. `name` NULL or "": made from the operator's name and a number. Outputs are named "<node>" or "<node>:<i>" for
 * i > 0.
 */
fv_status fv_graph_add(fv_graph *g, const fv_op *op, const char *name, const void *attr, fv_val *const *in, int n_in,
                       fv_node **node);
/* Appends what `append` emits by its builder; names derive from `base`. */
fv_status fv_graph_extend(fv_graph *g, const char *base, fv_status (*append)(fv_builder *b, void *arg), void *arg);
/* Appends an output, which is called as the value is; or `name`, which no other output may have. */
fv_status fv_graph_output(fv_graph *g, fv_val *val);
fv_status fv_graph_output_as(fv_graph *g, fv_val *val, const char *name);
/* Appends an output under a name that is not checked: that of another graph's. */
fv_status fv_graph_add_output(fv_graph *g, fv_val *val, const char *name);
/* Appends a copy of a value that no node computes (of any graph). Elements of constants are shared. */
fv_status fv_graph_copy_leaf(fv_graph *g, const fv_val *leaf, fv_val **val);
fv_val *fv_graph_find(const fv_graph *g, const char *name);  /* by value name; NULL if absent */
fv_val *fv_graph_named(const fv_graph *g, const char *name); /* by output name, else by value name */

/* Whether it computes with weights: a convolution, a dense layer. */
static inline bool fv_node_weighted(const fv_node *node)
{
    return (node->op->traits & FV_T_WEIGHTED) != 0;
}

/* Number of uses of each value by id (operands + outputs); `uses` has n_vals entries. */
void fv_graph_uses(const fv_graph *g, int32_t *uses);

/* Attributes: defaults; from a parsed document (unknown key, wrong type or range: message with place and nearest key);
 * to text. */
void fv_attr_defaults(const fv_op *op, void *attr);
fv_status fv_attr_read(const fv_op *op, void *attr, const fv_doc *doc, const fv_doc_node *map,
                       const char *const *also_allowed);
fv_status fv_attr_check(fv_ctx *ctx, const fv_op *op, const char *node, const void *attr);
/* "stride=2,2 pad=1,1,1,1": only attributes that differ from their defaults; one number when all are equal. */
void fv_attr_text(const fv_op *op, const void *attr, fv_str *out);
/* From such a text: VALUE or UNKNOWN_OPTION naming the nearest key. */
fv_status fv_attr_parse(fv_ctx *ctx, const fv_op *op, void *attr, const char *text);
/* `all` false: only those that differ from their defaults. */
void fv_attr_json(const fv_op *op, const void *attr, bool all, fv_json *out);

/* Whole graphs: verification (order, uniqueness, shapes re-inferred), text, JSON (the form in model files). */
fv_status fv_graph_verify(const fv_graph *g);
void fv_graph_text(const fv_graph *g, fv_str *out);
void fv_graph_json(const fv_graph *g, fv_json *out);
/* Whether the JSON form leaves out the elements of a constant, so that the file must carry them: there are more than
 * FV_CONST_INLINE, or half as many floats, whose text is long. */
bool fv_const_is_apart(const fv_val *val);
#define FV_CONST_INLINE 16
/* Where elements that stand apart come from: a tensor of that name, dtype and shape (the caller's), or a failure. */
typedef struct fv_const_source {
    fv_status (*load)(void *user, const char *name, fv_dtype dtype, const fv_shape *shape, fv_tensor **tensor);
    void *user;
} fv_const_source;
/* `apart` may be NULL: constants that stand apart are MODEL_FORMAT then. */
fv_status fv_graph_read_json(fv_ctx *ctx, const fv_op *(*find_op)(fv_ctx *, const char *), const fv_doc *doc,
                             const fv_doc_node *node, const fv_const_source *apart, fv_graph **graph);

/*
 * SHA-256 of everything that makes a graph what it is: names, roles, dtypes, shapes and elements of inputs, parameters,
 * states and constants; operators, names, attributes, operands and results of nodes; names and values of outputs. Not
 * of weights. A copy and a graph read back from a file have the digest of the first.
 */
void fv_graph_digest(const fv_graph *g, uint8_t digest[32]);

/* ---- passes: each makes *out from g; *out is NULL on failure; g stays as it is. `map` (n_vals of g entries or NULL)
 * receives for every value of g its counterpart in *out, or NULL when it is gone. ---- */

/* What a graph is compiled for. SAMPLING is inference in which operators with the trait STOCHASTIC do what they do in
 * training: dropout drops, normalization uses its running statistics. FROZEN is training in which operators that keep
 * statistics (operands of role STATE) do what they do in inference. DIFFERENTIABLE computes what inference does, by
 * operators that have gradients: FROZEN in which nothing is drawn. */
typedef enum fv_lowering {
    FV_LOWER_INFERENCE,
    FV_LOWER_TRAINING,
    FV_LOWER_SAMPLING,
    FV_LOWER_FROZEN,
    FV_LOWER_DIFFERENTIABLE
} fv_lowering;
/* Whether a graph so lowered is one to be trained. */
static inline bool fv_lowering_trains(fv_lowering lowering)
{
    return lowering == FV_LOWER_TRAINING || lowering == FV_LOWER_FROZEN;
}
/* A copy with another batch size, float dtype and the operators' `lower` hooks applied. dim 0 of every INPUT becomes n.
 */
fv_status fv_pass_lower(const fv_graph *g, int64_t n, fv_dtype dtype, fv_lowering lowering, fv_graph **out,
                        fv_val **map);
/* A scalar that is to become small, and its share in what is differentiated. */
typedef struct fv_gradient_loss {
    fv_val *val;
    double weight;
} fv_gradient_loss;
/* Most losses of one graph. */
#define FV_LOSSES_MAX 16
/*
 * Appends the gradient of the sum of weight * val over `losses` to a copy of g. `wanted` lists values of g; d_wanted[i]
 * receives the gradient value in *out (NULL when no loss depends on it). Gradients of a value with several uses are
 * added in order of use, first use first.
 */
fv_status fv_pass_gradient(const fv_graph *g, const fv_gradient_loss *losses, int n_losses, fv_val *const *wanted,
                           int n_wanted, fv_val **d_wanted, fv_graph **out, fv_val **map);
/* A loss to be added to a graph: op(prediction, target), an INPUT of its own. */
typedef struct fv_loss {
    const fv_op *op;        /* with trait LOSS */
    const void *attr;       /* its attributes; NULL: defaults */
    const char *prediction; /* name of the value that is compared; NULL: the first output */
    fv_dtype target_dtype;  /* integers: class numbers, one per position; floats: as many as there are predictions, in
                               their dtype */
    const char *name;       /* of the loss, its node and its value; NULL: "loss" */
    const char *target;     /* of the INPUT; NULL: "target" */
} fv_loss;
/* A copy of g with the losses behind it. Outputs are those of g, then for each loss its value (a scalar) and, where the
 * operator gives them, the losses of the samples ("NAME:1"). ARGUMENT for what is no loss or not in the graph. */
fv_status fv_pass_loss(const fv_graph *g, const fv_loss *losses, int n_losses, fv_graph **out, fv_val **map);
/*
 * What g's outputs need, and behind it *sum, a scalar: the sum of the first output times `input`, an INPUT of its dtype
 * and shape: where that is 1 for one of the output's numbers and 0 elsewhere, that number. ARGUMENT: the name is taken.
 */
fv_status fv_pass_choice(const fv_graph *g, const char *input, fv_graph **out, fv_val **sum);
/*
 * For runs of pieces of a batch: every sum over samples becomes a value that passes through an operator with the trait
 * MEETS before it is used (fv_op.partial). `pooled`: statistics of the batch are those of all pieces; else each piece's
 * own. A run of the whole batch keeps its bits. Last of the passes: it takes fused nodes apart.
 */
fv_status fv_pass_partial(const fv_graph *g, bool pooled, fv_graph **out, fv_val **map);
/* Nodes that depend on constants alone become constants of their results' names, computed by the reference loops, up to
 * 64 MiB of operands and results and 1e9 operations in all. Nodes that draw, update, sum over samples or belong to
 * gradients stay. */
fv_status fv_pass_const(const fv_graph *g, fv_graph **out, fv_val **map);
/*
 * The part of g between two values, by name: `from` becomes an INPUT (NULL: g's own inputs), `to` the only output
 * (NULL: g's outputs). What neither they nor the values `also` (names or NULLs) need is gone. ARGUMENT when there is no
 * such value, or its node must run for another of its results.
 */
fv_status fv_pass_slice(const fv_graph *g, const char *from, const char *to, const char *const *also, int32_t n_also,
                        fv_graph **out);
/* A copy of g whose INPUT of that name has another shape, and all that follows from it. SHAPE, or what an operator
 * says, where it does not fit the weights, or an output would have another shape. */
fv_status fv_pass_input_shape(const fv_graph *g, const char *input, const fv_shape *shape, fv_graph **out);
/* Removes nodes that no output and no state update depends on. */
fv_status fv_pass_dead(const fv_graph *g, fv_graph **out, fv_val **map);
/* MAXIMUM(MONOTONE(x)) -> MONOTONE(MAXIMUM(x)) where the inner value has no other use: bit-exact, fewer elements. */
fv_status fv_pass_pool_first(const fv_graph *g, fv_graph **out, fv_val **map);
/* An activation behind a FUSES_ACTIVATION node whose value has no other use rides in that node. */
fv_status fv_pass_fuse_activation(const fv_graph *g, fv_graph **out, fv_val **map);
/*
 * The backward of an activation (fv_op.backward_of) whose result only feeds in[0] of a FUSES_ACTIVATION | BACKWARD node
 * rides in that node, whose last optional operand receives the activation's output.
 */
fv_status fv_pass_fuse_activation_backward(const fv_graph *g, fv_graph **out, fv_val **map);
/* ADD behind a FUSES_RESIDUAL node whose value has no other use. The fused node stands where the addition stood. */
fv_status fv_pass_fuse_residual(const fv_graph *g, fv_graph **out, fv_val **map);
/* Inference: operators with a `fold` hook fold into the weighted node before them. */
fv_status fv_pass_fold(const fv_graph *g, fv_graph **out, fv_val **map);

#endif
