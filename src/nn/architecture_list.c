/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of architecture files as a list, sorted by name: those of the table and the operators that files may use.
 */
#include <fovea/layer_kinds.h>

#include <string.h>

#include "nn/architecture.h"

static bool is_own(const char *name)
{
    for (const fv_arch_layer *row = fv_arch_layers; row->keys.name; row++)
        if (strcmp(row->keys.name, name) == 0)
            return true;
    return false;
}

/* What a network may be made of: it has a gradient and one result, and brings no tensors of its own. */
static bool is_layer(const fv_op *op)
{
    const uint32_t others = FV_T_BACKWARD | FV_T_LOSS | FV_T_MEETS;
    return !(op->traits & others) && op->n_out == 1 && !op->updates && !op->kinds && op->n_in_min > 0 && op->grad &&
           !is_own(op->name);
}

static const fv_op *operator_of(const char *name)
{
    int count;
    const fv_op *const *ops = fv_op_list(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

static void describe_own(const fv_arch_layer *row, fv_layer_kind *info)
{
    const fv_op *op = operator_of(row->keys.name);
    *info = (fv_layer_kind){.name = row->keys.name,
                            .doc = row->keys.doc ? row->keys.doc
                                   : op          ? op->doc
                                                 : "",
                            .main = row->main,
                            .keys = row->keys.attrs,
                            .inputs = {1, 1}};
}

bool fv_layer_kind_at(int i, fv_layer_kind *info)
{
    int count, at = 0;
    const fv_op *const *ops = fv_op_list(&count);
    const fv_arch_layer *row = fv_arch_layers;
    for (int k = 0; i >= 0 && (k < count || row->keys.name); at++) {
        while (k < count && !is_layer(ops[k]))
            k++;
        const bool own = row->keys.name && (k >= count || strcmp(row->keys.name, ops[k]->name) < 0);
        if (!own && k >= count)
            break;
        if (at < i) {
            row += own;
            k += !own;
            continue;
        }
        if (own)
            describe_own(row, info);
        else
            *info = (fv_layer_kind){.name = ops[k]->name,
                                    .doc = ops[k]->doc,
                                    .keys = ops[k]->attrs,
                                    .inputs = {ops[k]->n_in_min, ops[k]->n_in_max}};
        return true;
    }
    return false;
}
