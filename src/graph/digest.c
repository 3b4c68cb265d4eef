/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph is, as one number of 256 bits. */
#include <string.h>

#include "base/file.h"
#include "graph/internal.h"

/* Numbers go in as 8 bytes, least first; texts behind their length, so that no two sequences look alike. */
static void put_number(fv_sha256 *h, int64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> (8 * i));
    fv_sha256_update(h, bytes, sizeof bytes);
}

static void put_text(fv_sha256 *h, const char *text)
{
    put_number(h, (int64_t)strlen(text));
    fv_sha256_update(h, text, strlen(text));
}

static void put_type(fv_sha256 *h, const fv_val *val)
{
    put_text(h, fv_dtype_name(val->dtype));
    put_number(h, val->shape.rank);
    for (int d = 0; d < val->shape.rank; d++)
        put_number(h, val->shape.dim[d]);
}

static void put_leaf(fv_sha256 *h, const fv_val *val)
{
    put_text(h, fv_role_list()[val->role]);
    put_text(h, val->name);
    put_type(h, val);
    if (val->role != FV_ROLE_CONST)
        return;
    const int64_t count = fv_tensor_count(val->elements);
    put_number(h, count);
    fv_sha256_update(h, fv_tensor_const_data(val->elements), (size_t)count * fv_dtype_size(val->dtype));
}

static void put_attributes(fv_sha256 *h, const fv_node *node)
{
    for (const fv_attr *a = node->op->attrs; a && a->key; a++) {
        const int64_t width = fv_attr_width(a, node->attr);
        put_text(h, a->key);
        put_number(h, width);
        for (int64_t i = 0; i < width; i++) {
            int64_t number;
            if (a->kind == FV_ATTR_REAL) {
                const double real = fv_attr_get(a, node->attr, i);
                memcpy(&number, &real, sizeof number);
            } else {
                number = fv_attr_get_int(a, node->attr, i);
            }
            put_number(h, number);
        }
    }
}

static void put_node(fv_sha256 *h, const fv_node *node)
{
    put_text(h, node->op->name);
    put_text(h, node->name);
    put_attributes(h, node);
    put_number(h, node->n_in);
    for (int32_t i = 0; i < node->n_in; i++)
        put_text(h, node->in[i] ? node->in[i]->name : "");
    put_number(h, node->n_out);
    for (int32_t i = 0; i < node->n_out; i++)
        put_type(h, node->out[i]);
}

void fv_graph_digest(const fv_graph *g, uint8_t digest[32])
{
    fv_sha256 h;
    int64_t leaves = 0;
    fv_sha256_init(&h);
    for (int32_t i = 0; i < g->n_vals; i++)
        leaves += g->vals[i]->role != FV_ROLE_COMPUTED;
    put_number(&h, leaves);
    for (int32_t i = 0; i < g->n_vals; i++) {
        if (g->vals[i]->role != FV_ROLE_COMPUTED)
            put_leaf(&h, g->vals[i]);
    }
    put_number(&h, g->n_nodes);
    for (int32_t n = 0; n < g->n_nodes; n++)
        put_node(&h, g->nodes[n]);
    put_number(&h, g->n_outputs);
    for (int32_t i = 0; i < g->n_outputs; i++) {
        put_text(&h, g->output_names[i]);
        put_text(&h, g->outputs[i]->name);
    }
    fv_sha256_final(&h, digest);
}
