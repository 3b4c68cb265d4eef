/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region: a chain of nodes, each the only reader of the one before it, that one solver computes together. Compiled
 * graphs have it, models do not: it is not in the table of operators.
 */
#ifndef FV_OPS_REGION_H
#define FV_OPS_REGION_H

#include "graph/graph.h"

#define FV_REGION_PARTS      4
#define FV_REGION_OPERANDS   16
#define FV_REGION_ATTR_BYTES 160

typedef struct fv_region_part {
    const fv_op *op;
    _Alignas(16) unsigned char attr[FV_REGION_ATTR_BYTES]; /* the part's own attributes */
} fv_region_part;

/*
 * Attributes of the operator. in[0] of the region is that of the first part, in[0] of every other part is the result of
 * the one before it; then come, part after part, operands 1 to op->n_in_max - 1 of each, absent ones as NULL, so that
 * their places do not depend on what is absent.
 */
typedef struct fv_region_attr {
    int32_t n_parts;
    fv_region_part part[FV_REGION_PARTS];
} fv_region_attr;

extern const fv_op fv_region_op;

/* The parts as nodes. Their values belong to *parts, which must stay where it is; operands are those of the region. */
typedef struct fv_region_nodes {
    int n;
    fv_node node[FV_REGION_PARTS];
    fv_val val[FV_REGION_PARTS]; /* results */
    fv_val *in[FV_REGION_PARTS][FV_REGION_OPERANDS], *out[FV_REGION_PARTS][1];
} fv_region_nodes;

/* Fails only where a part's shapes do not fit, which infer has told; ctx may then be NULL. */
fv_status fv_region_expand(fv_ctx *ctx, const fv_node *region, fv_region_nodes *parts);
/* Operand i >= 1 of part p among those of the region. */
int fv_region_operand(const fv_region_attr *attr, int part, int i);
/* Attributes and operands of the region that a chain of nodes makes; false when it has no room for them. */
bool fv_region_make(const fv_node *const *chain, int n, fv_region_attr *attr, fv_val *in[FV_REGION_OPERANDS],
                    int *n_in);

#endif
