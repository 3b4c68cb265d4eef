/* SPDX-License-Identifier: Apache-2.0 */
/* How operators of floats are computed with 8-bit integers: a row for each that can be, by TensorFlow Lite's int8
 * specification where that has it. */
#ifndef FV_OPS_Q_RULES_H
#define FV_OPS_Q_RULES_H

#include "graph/graph.h"
#include "ops/quantized.h"

/* Whose scale a result has. */
typedef enum fv_q_range {
    FV_Q_OWN,  /* one of its own, by what it holds */
    FV_Q_SAME, /* that of its operands, which have one scale */
    FV_Q_FIXED /* always the same one (fv_q_rule.scale, zero) */
} fv_q_range;

/* A node that becomes one of integers. It has no activation of its own: that is a node behind it. */
typedef struct fv_q_layer {
    const fv_node *node;             /* of floats */
    const char *name;                /* of what takes its place */
    const char *constants;           /* what names of its weights begin with */
    fv_val *in[FV_MAX_OPERANDS];     /* integers; of a weighted node the first operand alone */
    fv_q_pair pair[FV_MAX_OPERANDS]; /* theirs */
    fv_q_pair out;                   /* of the result, with the limits of an activation that rides along */
    fv_tensor *wei, *bia;            /* weighted: i8 in the node's shape, and i32, of the scale pair[0].scale * scale */
    const double *scale;             /* of the filters, bfloat16: one, or one for each */
    int64_t scales;
} fv_q_layer;

typedef struct fv_q_rule {
    const char *op;
    fv_q_range range;
    bool clamps; /* relu, relu6 and clamp behind it are limits of its result */
    double scale;
    int64_t zero;                               /* FIXED */
    const char *(*refuse)(const fv_node *node); /* why it stays in floats; NULL: it need not. The hook NULL: never */
    fv_status (*emit)(fv_graph *g, const fv_q_layer *l, fv_val **out);
} fv_q_rule;

/* NULL: there is none. */
const fv_q_rule *fv_q_rule_find(const fv_op *op);
/* Whether the node only keeps numbers above *least (and, where *bounded, below *most). */
bool fv_q_is_clamp(const fv_node *node, double *least, double *most, bool *bounded);
/* The function of one number that the node is; false: it is none that has a table. */
bool fv_q_curve_of(const fv_node *node, fv_q_curve *curve);
/* Whether results of the operator are integers with scales, or it makes such. */
bool fv_q_is_integer(const fv_op *op);

/* Nodes of a new graph: x as integers; x, of that pair, as floats; x in another pair. */
fv_status fv_q_emit_quantize(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *pair, fv_val **out);
fv_status fv_q_emit_reals(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *pair, fv_val **out);
fv_status fv_q_emit_rescale(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *from, const fv_q_pair *to,
                            fv_val **out);

#endif
