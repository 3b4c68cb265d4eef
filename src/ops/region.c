/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/region.h"

#include <string.h>

#include "ops/check.h"

int fv_region_operand(const fv_region_attr *attr, int part, int i)
{
    int at = 1;
    for (int p = 0; p < part; p++)
        at += attr->part[p].op->n_in_max - 1;
    return at + i - 1;
}

bool fv_region_make(const fv_node *const *chain, int n, fv_region_attr *attr, fv_val *in[FV_REGION_OPERANDS], int *n_in)
{
    int room = 1;
    memset(attr, 0, sizeof *attr); /* padding too: attributes are compared as bytes */
    memset(in, 0, FV_REGION_OPERANDS * sizeof *in);
    for (int p = 0; p < n; p++)
        room += chain[p]->op->n_in_max - 1;
    if (n > FV_REGION_PARTS || room > FV_REGION_OPERANDS)
        return false;
    in[0] = chain[0]->in[0];
    attr->n_parts = n;
    for (int p = 0; p < n; p++) {
        attr->part[p].op = chain[p]->op;
        if (chain[p]->op->attr_size > FV_REGION_ATTR_BYTES || chain[p]->n_out != 1)
            return false;
        if (chain[p]->op->attr_size > 0)
            memcpy(attr->part[p].attr, chain[p]->attr, chain[p]->op->attr_size);
        for (int i = 1; i < chain[p]->n_in; i++)
            in[fv_region_operand(attr, p, i)] = chain[p]->in[i];
    }
    *n_in = room;
    return true;
}

fv_status fv_region_expand(fv_ctx *ctx, const fv_node *region, fv_region_nodes *parts)
{
    const fv_region_attr *attr = region->attr;
    parts->n = attr->n_parts;
    for (int p = 0; p < parts->n; p++) {
        const fv_op *op = attr->part[p].op;
        fv_node *node = &parts->node[p];
        parts->val[p] = (fv_val){.id = p, .name = region->name, .role = FV_ROLE_COMPUTED, .def = node};
        parts->out[p][0] = &parts->val[p];
        parts->in[p][0] = p == 0 ? region->in[0] : &parts->val[p - 1];
        int n_in = 1;
        for (int i = 1; i < op->n_in_max; i++) {
            const int at = fv_region_operand(attr, p, i);
            parts->in[p][i] = at < region->n_in ? region->in[at] : NULL;
            n_in = parts->in[p][i] ? i + 1 : n_in;
        }
        *node = (fv_node){.id = p,
                          .op = op,
                          .name = region->name,
                          .attr = attr->part[p].attr,
                          .n_in = n_in,
                          .n_out = 1,
                          .in = parts->in[p],
                          .out = parts->out[p]};
        FV_TRY(op->infer(ctx, node));
    }
    return FV_OK;
}

static fv_status region_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_region_nodes parts;
    FV_TRY(fv_region_expand(ctx, node, &parts));
    const fv_val *last = &parts.val[parts.n - 1];
    return fv_result(ctx, node, 0, last->dtype, last->shape.rank, last->shape.dim);
}

/* That of the parts, but for what passes from one to the next: it does not leave the cache. */
static fv_cost region_cost(const fv_node *node)
{
    fv_region_nodes parts;
    fv_cost sum = {0};
    if (fv_region_expand(NULL, node, &parts) != FV_OK)
        return sum;
    for (int p = 0; p < parts.n; p++) {
        const fv_node *part = &parts.node[p];
        const double count = (double)fv_shape_count(&parts.val[p].shape);
        const fv_cost c = part->op->cost ? part->op->cost(part) : (fv_cost){.flops = count, .bytes = 8.0 * count};
        const double kept = p + 1 < parts.n ? 2.0 * count * (double)fv_dtype_size(parts.val[p].dtype) : 0.0;
        sum.macs += c.macs;
        sum.flops += c.flops;
        sum.bytes += c.bytes - kept;
    }
    return sum;
}

static const char *const region_names[FV_REGION_OPERANDS + 1] = {"src",  "in1",  "in2",  "in3",  "in4",  "in5",
                                                                 "in6",  "in7",  "in8",  "in9",  "in10", "in11",
                                                                 "in12", "in13", "in14", "in15", "dst"};
static const char *const region_letters[FV_REGION_OPERANDS] = {"n", "x", "x", "x", "x", "x", "x", "x",
                                                               "x", "x", "x", "x", "x", "x", "x", "x"};

const fv_op fv_region_op = {
    .name = "region",
    .doc = "A chain of nodes that one solver computes together: the result of the last.",
    .n_in_min = 1,
    .n_in_max = FV_REGION_OPERANDS,
    .n_out = 1,
    .operands = region_names,
    .letters = region_letters,
    .attr_size = sizeof(fv_region_attr),
    .infer = region_infer,
    .cost = region_cost,
};
