/* SPDX-License-Identifier: Apache-2.0 */
/* What the walks over the nodes of files share. */
#include "io/import/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- rows ---- */

static const void *row_at(const fv_import_rows *rows, size_t table, size_t i)
{
    return (const char *)rows->table[table] + i * rows->size;
}

/* NULL: the row ends its table. */
static const char *name_of(const void *row)
{
    return *(const char *const *)row;
}

const void *fv_import_find_row(const fv_import_rows *rows, const char *name)
{
    for (size_t t = 0; t < rows->n_tables; t++)
        for (size_t i = 0; name_of(row_at(rows, t, i)); i++)
            if (strcmp(name_of(row_at(rows, t, i)), name) == 0)
                return row_at(rows, t, i);
    return NULL;
}

const char *fv_import_nearest(const fv_import_rows *rows, const char *what, const char *name, char text[160])
{
    const char *names[256];
    int count = 0;
    for (size_t t = 0; t < rows->n_tables; t++)
        for (size_t i = 0; name_of(row_at(rows, t, i)) && count < 255; i++)
            if (rows->is_mapped(row_at(rows, t, i)))
                names[count++] = name_of(row_at(rows, t, i));
    names[count] = NULL;
    const char *near = fv_text_nearest(name, names);
    snprintf(text, 160, "this %s is not supported%s%s", what, near ? "; the nearest that is: " : "", near ? near : "");
    return text;
}

fv_status fv_import_activate(fv_import *im, const fv_import_activation *rows, int count, const char *name, fv_value x,
                             fv_value *y)
{
    const char *names[64];
    *y = x;
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].op)
            *y = fv_import_emit1(im, rows[i].op, NULL, x);
        else if (rows[i].make)
            *y = rows[i].make(im, x);
        return FV_OK;
    }
    int known = 0;
    for (; known < count && known < 63; known++)
        names[known] = rows[known].name;
    names[known] = NULL;
    const char *near = fv_text_nearest(name, names);
    return fv_import_cannot(im, "the activation '%.40s' is not supported%s%s", name,
                            near ? "; the nearest that is: " : "", near ? near : "");
}

/* ---- nodes ---- */

fv_status fv_import_cannot(const fv_import *im, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    fv_text_vformat(text, sizeof text, format, args);
    va_end(args);
    return fv_fail(im->ctx, FV_ERR_UNSUPPORTED, "%s", text);
}

fv_status fv_import_axis_of(const fv_import_node *n, int64_t given, int rank, int *axis)
{
    *axis = (int)(given < 0 ? given + rank : given);
    if (given >= -rank && given < rank)
        return FV_OK;
    *axis = 0;
    return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: %s: %s '%.100s': axis %lld of %d dimensions", n->im->file,
                   n->format, n->op, n->name, (long long)given, rank);
}

fv_status fv_import_free_axis_of(const fv_import_node *n, const fv_foreign *f, int64_t given, int *axis)
{
    FV_TRY(fv_import_axis_of(n, given, f->shape.rank, axis));
    return *axis == 0 && f->batched ? fv_import_merges(n->im) : FV_OK;
}

bool fv_import_batched(const fv_import_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->batched)
            return true;
    return false;
}

bool fv_import_constants(const fv_import_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->data)
            return false;
    return true;
}

bool fv_foreign_is_known(fv_foreign *f)
{
    if (!f->data && f->known) {
        f->data = fv_tensor_const_data(f->known);
        f->dtype = fv_tensor_dtype(f->known);
        f->shape = *fv_tensor_shape(f->known);
    }
    return f->data != NULL;
}

fv_status fv_import_result(const fv_import_node *n, bool batched, fv_value v, fv_order order, const fv_shape *shape,
                           fv_foreign *result)
{
    fv_import *im = n->im;
    if (im->model->error != FV_OK || v.id < 0)
        return im->model->error != FV_OK ? im->model->error
                                         : fv_fail(im->ctx, FV_ERR_INTERNAL, "%s '%.100s': no value", n->op, n->name);
    if (fv_shape_count(shape) != fv_shape_count(fv_import_shape(im, v)))
        return fv_fail(im->ctx, FV_ERR_INTERNAL, "%s '%.100s': its result has another shape than expected", n->op,
                       n->name);
    if (batched && (shape->rank < 1 || shape->dim[0] != 1))
        return fv_import_merges(im);
    *result = (fv_foreign){.shape = *shape, .batched = batched, .form = {-1, -1, -1}};
    result->dtype = fv_import_dtype(im, v);
    result->form[order == FV_ORDER_LAST && shape->rank < 3 ? FV_ORDER_FILE : order] = v.id;
    for (int k = 0; order == FV_ORDER_ROW && k < n->n_in; k++)
        if (n->in[k] && n->in[k]->form[FV_ORDER_ROW] >= 0)
            memcpy(result->image, n->in[k]->image, sizeof result->image);
    return FV_OK;
}

fv_status fv_import_result_data(const fv_import_node *n, fv_dtype dtype, const fv_shape *shape, void **data)
{
    const int64_t count = fv_shape_count(shape);
    int64_t bytes;
    *data = NULL;
    if (count < 0 || !fv_size_mul(count, (int64_t)fv_dtype_size(dtype), &bytes))
        return fv_import_cannot(n->im, "its result would be larger than can be addressed");
    return fv_import_alloc(n->im, bytes, data);
}

fv_status fv_import_settle(fv_import *im, const char *op, const char *name, fv_status status, bool *refused)
{
    *refused = false;
    if (status == FV_OK)
        status = im->model->error;
    if (status == FV_OK || im->merges)
        return FV_OK;
    if (status != FV_ERR_UNSUPPORTED && status != FV_ERR_SHAPE && status != FV_ERR_VALUE && status != FV_ERR_ARGUMENT)
        return status;
    FV_TRY(fv_import_refuse(im, op, name, im->model->error != FV_OK ? im->model->error_text : fv_ctx_error(im->ctx)));
    im->model->error = FV_OK;
    *refused = true;
    return FV_OK;
}

/* ---- nodes of constants ---- */

fv_status fv_import_fold_begin(const fv_import_node *n, int more, fv_import_fold *fold)
{
    fv_import *sub = &fold->sub;
    *fold = (fv_import_fold){.graph = NULL};
    FV_TRY(fv_import_begin(n->im->ctx, n->im->file, 0, true, sub));
    sub->budget = n->im->budget;
    sub->label = sub->base = n->name;
    fv_foreign *copies = fv_arena_alloc(sub->arena, ((size_t)n->n_in + 1) * sizeof *copies);
    fold->in = fv_arena_alloc(sub->arena, (size_t)(n->n_in + more) * sizeof(fv_foreign *));
    if (!copies || !fold->in)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < n->n_in + more; i++)
        fold->in[i] = NULL;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i])
            continue;
        copies[i] = *n->in[i];
        fold->initial = fold->initial || n->in[i]->initial;
        for (int k = 0; k < FV_ORDERS; k++)
            copies[i].form[k] = -1;
        copies[i].origin = NULL;
        fold->in[i] = &copies[i];
    }
    return FV_OK;
}

fv_status fv_import_fold_compute(fv_import_fold *fold, fv_foreign *const *out, int n_out)
{
    fv_model *m = fold->sub.model;
    for (int i = 0; i < n_out; i++) {
        const bool computed = out[i] && !out[i]->data;
        fv_value v = computed ? fv_import_get(&fold->sub, out[i], FV_ORDER_FILE) : fv_no_value;
        FV_TRY(m->error);
        if (v.id >= 0)
            FV_TRY(fv_graph_add_output(m->graph, m->graph->vals[v.id], out[i]->name));
    }
    return fv_pass_const(m->graph, &fold->graph, NULL);
}

bool fv_import_fold_done(const fv_import_fold *fold)
{
    for (int32_t i = 0; i < fold->graph->n_outputs; i++)
        if (fold->graph->outputs[i]->role != FV_ROLE_CONST)
            return false;
    return true;
}

fv_status fv_import_fold_take(fv_import_fold *fold, const fv_foreign *out, void *data)
{
    if (out->data) {
        memcpy(data, out->data, (size_t)fv_foreign_count(out) * fv_dtype_size(out->dtype));
        return FV_OK;
    }
    const fv_val *val = fold->graph->outputs[fold->taken++];
    if (val->role != FV_ROLE_CONST)
        return fv_import_cannot(&fold->sub, "its constants are too large to be computed ahead");
    fv_const_fill(val, data);
    return FV_OK;
}

void fv_import_fold_end(fv_import_fold *fold)
{
    fv_graph_destroy(&fold->graph);
    fv_import_end(&fold->sub);
}

/* ---- the whole ---- */

static fv_status read_once(fv_ctx *ctx, const char *path, int64_t bytes, fv_import_build build, void *file,
                           const fv_import_options *options, bool whole, bool *merges, fv_model **model)
{
    fv_import im;
    fv_status status = fv_import_begin(ctx, path, bytes, whole, &im);
    if (status == FV_OK)
        status = build(&im, file, options);
    if (status == FV_OK && !(im.merges && !whole))
        status = fv_import_finish(&im, model);
    *merges = im.merges;
    fv_import_end(&im);
    return status;
}

fv_status fv_import_read(fv_ctx *ctx, const char *path, int64_t bytes, fv_import_build build, void *file,
                         const fv_import_options *options, fv_model **model)
{
    bool merges = false;
    fv_status status = read_once(ctx, path, bytes, build, file, options, false, &merges, model);
    if (!*model && merges) {
        fv_fail_clear(ctx);
        status = read_once(ctx, path, bytes, build, file, options, true, &merges, model);
    }
    return status;
}
