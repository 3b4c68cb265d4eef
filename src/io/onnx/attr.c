/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of a node. */
#include "io/onnx/file.h"

#ifdef FV_WITH_ONNX
#include <stdio.h>
#include <string.h>

static const FvOnnx__Attribute *find(const fv_onnx_node *n, const char *name)
{
    const FvOnnx__Node *node = n->message;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

bool fv_onnx_has(const fv_onnx_node *n, const char *name)
{
    return find(n, name) != NULL;
}

int64_t fv_onnx_int(const fv_onnx_node *n, const char *name, int64_t otherwise)
{
    const FvOnnx__Attribute *a = find(n, name);
    return a && a->has_i ? a->i : otherwise;
}

double fv_onnx_real(const fv_onnx_node *n, const char *name, double otherwise)
{
    const FvOnnx__Attribute *a = find(n, name);
    return a && a->has_f ? (double)a->f : otherwise;
}

const char *fv_onnx_text(const fv_onnx_node *n, const char *name, const char *otherwise, char text[64])
{
    const FvOnnx__Attribute *a = find(n, name);
    if (a && a->has_s)
        snprintf(text, 64, "%.*s", (int)(a->s.len < 63 ? a->s.len : 63), (const char *)a->s.data);
    else
        snprintf(text, 64, "%s", otherwise);
    return text;
}

fv_ints fv_onnx_ints(const fv_onnx_node *n, const char *name)
{
    const FvOnnx__Attribute *a = find(n, name);
    fv_ints ints = {0};
    for (size_t i = 0; a && i < a->n_ints && i < 16; i++)
        ints.value[ints.count++] = a->ints[i];
    return ints;
}

const float *fv_onnx_floats(const fv_onnx_node *n, const char *name, int64_t *count)
{
    const FvOnnx__Attribute *a = find(n, name);
    *count = a ? (int64_t)a->n_floats : 0;
    return a ? a->floats : NULL;
}

fv_status fv_onnx_tensor(const fv_onnx_node *n, const char *name, const fv_foreign **tensor)
{
    const FvOnnx__Attribute *a = find(n, name);
    *tensor = NULL;
    if (!a || !a->t)
        return FV_OK;
    fv_foreign *f = fv_arena_alloc(n->im->arena, sizeof *f);
    if (!f)
        return FV_ERR_NO_MEMORY;
    *f = (fv_foreign){.name = n->name, .form = {-1, -1, -1}};
    FV_TRY(fv_onnx_read_tensor(n->im, a->t, n->name, f));
    *tensor = f;
    return FV_OK;
}

#endif
