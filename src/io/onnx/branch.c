/* SPDX-License-Identifier: Apache-2.0 */
/* If: exporters write it where they did not know a shape; once sizes are known, so is the branch. */
#include "io/onnx/file.h"

#ifdef FV_WITH_ONNX
#include <string.h>

enum { DEPTH_MAX = 8 };

/* The graph of an attribute, which is parsed now. */
static fv_status unpack(const fv_onnx_node *n, fv_onnx_file *file, const char *name, const FvOnnx__Graph **graph)
{
    const FvOnnx__Node *node = n->message;
    const FvOnnx__Attribute *a = NULL;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            a = node->attribute[i];
    if (!a || !a->has_g)
        return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: If '%.100s' has no %s", file->path, n->name, name);
    if (file->n_branches == FV_ONNX_BRANCHES || file->depth == DEPTH_MAX)
        return fv_onnx_cannot(n, "more than %d branches, or %d within each other", FV_ONNX_BRANCHES, DEPTH_MAX);
    FvOnnx__Graph *g = fv_onnx__graph__unpack(file->allocator, a->g.len, a->g.data);
    if (!g)
        return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s of If '%.100s' cannot be read", file->path, name,
                       n->name);
    file->branches[file->n_branches++] = g;
    *graph = g;
    return FV_OK;
}

fv_status fv_onnx_walk_branch(const fv_onnx_node *n, fv_onnx_file *file)
{
    const FvOnnx__Graph *g = NULL;
    FV_TRY(fv_onnx_need_constant(n, 0, "its condition"));
    if (fv_foreign_count(n->in[0]) != 1)
        return fv_onnx_cannot(n, "a condition of %lld values", (long long)fv_foreign_count(n->in[0]));
    FV_TRY(unpack(n, file, fv_foreign_integer(n->in[0], 0) ? "then_branch" : "else_branch", &g));
    file->depth++;
    const fv_status status = fv_onnx_walk(n->im, file, g);
    file->depth--;
    if (status != FV_OK || n->im->merges)
        return status;
    if ((size_t)n->n_out > g->n_output)
        return fv_onnx_cannot(n, "%d results of a branch that has %lld", n->n_out, (long long)g->n_output);
    for (int i = 0; i < n->n_out; i++) {
        const fv_foreign *f = g->output[i]->name ? fv_import_find(n->im, g->output[i]->name) : NULL;
        if (!f)
            return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: If '%.100s': a branch does not compute '%.100s'",
                           file->path, n->name, g->output[i]->name ? g->output[i]->name : "");
        if (*n->out[i])
            FV_TRY(fv_import_alias(n->im, n->out[i], f));
    }
    return FV_OK;
}

#endif
