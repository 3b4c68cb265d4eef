/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, blobs, operands and results, as mappings see them. */
#ifdef FV_WITH_CAFFE
#include "io/caffe/net.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const void *fv_caffe_param_of(const fv_caffe_layer *l, const char *field, const ProtobufCMessageDescriptor *type)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(l->message->descriptor, field);
    const ProtobufCMessage *const *there =
        f ? (const ProtobufCMessage *const *)(const void *)((const char *)l->message + f->offset) : NULL;
    if (there && *there)
        return *there;
    ProtobufCMessage *none = fv_arena_alloc(l->net->im.arena, type->sizeof_message);
    if (none)
        type->message_init(none);
    else
        fv_model_set_error(l->net->im.model, FV_ERR_NO_MEMORY);
    return none;
}

/* ---- operands ---- */

fv_foreign *fv_caffe_in(const fv_caffe_layer *l, int i)
{
    return l->in[i]->f;
}

fv_status fv_caffe_axis(const fv_caffe_layer *l, int64_t given, int rank, int *axis)
{
    *axis = 0;
    if (given < -rank || given >= rank)
        return fv_caffe_cannot(l, "axis %lld of %d dimensions", (long long)given, rank);
    *axis = (int)(given < 0 ? given + rank : given);
    return FV_OK;
}

fv_status fv_caffe_free_axis(const fv_caffe_layer *l, const fv_foreign *f, int64_t given, int *axis)
{
    FV_TRY(fv_caffe_axis(l, given, f->shape.rank, axis));
    return *axis == 0 && f->batched ? fv_import_merges(&l->net->im) : FV_OK;
}

bool fv_caffe_batched(const fv_caffe_layer *l)
{
    for (int i = 0; i < l->n_bottom; i++)
        if (l->in[i]->f && l->in[i]->f->batched)
            return true;
    return false;
}

fv_value fv_caffe_unary(const fv_caffe_layer *l, fv_order *order)
{
    fv_foreign *f = fv_caffe_in(l, 0);
    *order = fv_import_common(&f, 1, f->shape.rank);
    return fv_import_get(&l->net->im, f, *order);
}

fv_value fv_caffe_apart(const fv_caffe_layer *l, fv_foreign *f, fv_order *order)
{
    *order = fv_import_common(&f, 1, f->shape.rank);
    if (*order == FV_ORDER_ROW)
        *order = FV_ORDER_FILE;
    return fv_import_get(&l->net->im, f, *order);
}

fv_status fv_caffe_image(const fv_caffe_layer *l, int i, fv_value *v)
{
    fv_foreign *f = fv_caffe_in(l, i);
    if (f->shape.rank != 4)
        return fv_caffe_cannot(l, "it takes %d dimensions, expected an image of 4", f->shape.rank);
    *v = fv_import_get(&l->net->im, f, FV_ORDER_LAST);
    return FV_OK;
}

/* ---- blobs ---- */

/* How many numbers a blob holds. */
static int64_t count_of(const FvCaffe__Blob *b)
{
    return (int64_t)(b->n_data ? b->n_data : b->n_double_data);
}

int64_t fv_caffe_blob_count(const fv_caffe_layer *l, int i)
{
    return i < l->n_blobs ? count_of(l->blobs[i]) : -1;
}

fv_status fv_caffe_blob(const fv_caffe_layer *l, int i, int64_t count, fv_foreign **blob)
{
    fv_foreign *f = fv_arena_alloc(l->net->im.arena, sizeof *f);
    *blob = NULL;
    if (!f)
        return FV_ERR_NO_MEMORY;
    if (l->n_blobs == 0)
        return fv_caffe_cannot(l, "there are no weights for it in %.200s", l->net->weights_path);
    if (i >= l->n_blobs)
        return fv_caffe_cannot(l, "it has %d blobs of weights, expected %d", l->n_blobs, i + 1);
    const FvCaffe__Blob *b = l->blobs[i];
    if (count_of(b) != count || count < 1)
        return fv_caffe_cannot(l, "blob %d of its weights has %lld numbers, expected %lld", i, (long long)count_of(b),
                               (long long)count);
    *f = (fv_foreign){.name = l->name, .shape = {1, {count}}, .initial = true, .form = {-1, -1, -1}};
    f->dtype = b->n_data ? FV_F32 : FV_F64;
    f->data = b->n_data ? (const void *)b->data : (const void *)b->double_data;
    *blob = f;
    return FV_OK;
}

fv_value fv_caffe_weight(const fv_caffe_layer *l, const fv_foreign *blob, fv_role role, const fv_shape *shape,
                         const fv_pick *pick, double factor, const char *leaf)
{
    char name[FV_NAME_MAX];
    snprintf(name, sizeof name, "%.200s.%s", l->name, leaf);
    return fv_import_weight(&l->net->im, blob, role, shape, pick, factor, name);
}

fv_value fv_caffe_vector(const fv_caffe_layer *l, const fv_foreign *blob, fv_role role, double factor, const char *leaf)
{
    const fv_shape shape = {1, {fv_foreign_count(blob)}};
    const fv_pick pick = fv_pick_all(&shape);
    return fv_caffe_weight(l, blob, role, &shape, &pick, factor, leaf);
}

/* ---- results ---- */

fv_status fv_caffe_result_as(fv_caffe_layer *l, int i, fv_value v, fv_order order, const fv_shape *shape)
{
    fv_foreign *in[FV_MAX_OPERANDS];
    fv_import_node n = {&l->net->im, "Caffe", l->type, l->name, in, 0};
    fv_foreign made;
    for (; n.n_in < l->n_bottom && n.n_in < FV_MAX_OPERANDS; n.n_in++)
        in[n.n_in] = l->in[n.n_in]->f;
    FV_TRY(fv_import_result(&n, fv_caffe_batched(l), v, order, shape, &made));
    if (i >= l->n_top)
        return FV_OK;
    fv_foreign *f = fv_arena_alloc(n.im->arena, sizeof *f);
    if (!f)
        return FV_ERR_NO_MEMORY;
    made.name = l->out[i].name;
    *f = made;
    l->out[i].f = f;
    return FV_OK;
}

fv_status fv_caffe_result(fv_caffe_layer *l, int i, fv_value v, fv_order order)
{
    const fv_shape shape = fv_import_file_shape(&l->net->im, v, order);
    return fv_caffe_result_as(l, i, v, order, &shape);
}

fv_status fv_caffe_same(fv_caffe_layer *l, int i)
{
    fv_foreign *f = fv_arena_alloc(l->net->im.arena, sizeof *f);
    if (!f)
        return FV_ERR_NO_MEMORY;
    *f = *fv_caffe_in(l, 0);
    f->name = l->out[i].name;
    l->out[i].f = f;
    return FV_OK;
}

/* A flattened image keeps its order. */
static fv_status flatten_image(fv_caffe_layer *l, int i, fv_foreign *f, const fv_shape *to)
{
    fv_import *im = &l->net->im;
    const fv_shape *s = &f->shape;
    const int64_t h = s->rank == 4 ? s->dim[2] : 1, w = s->dim[s->rank - 1], c = s->dim[1];
    fv_value v = fv_import_get(im, f, FV_ORDER_LAST);
    v = f->batched ? fv_import_emit1(im, "flatten", NULL, v) : fv_import_reshape(im, v, to, false);
    const bool same = h * w == 1 || c == 1;
    FV_TRY(fv_caffe_result_as(l, i, v, same ? FV_ORDER_FILE : FV_ORDER_ROW, to));
    if (!same)
        memcpy(l->out[i].f->image, (const int64_t[]){h, w, c}, sizeof l->out[i].f->image);
    return FV_OK;
}

fv_status fv_caffe_reshape(fv_caffe_layer *l, int i, const fv_shape *to)
{
    fv_import *im = &l->net->im;
    fv_foreign *f = fv_caffe_in(l, 0);
    const fv_shape *s = &f->shape;
    if (fv_shape_count(to) != fv_shape_count(s))
        return fv_caffe_cannot(l, "%lld elements under dimensions of %lld", (long long)fv_shape_count(s),
                               (long long)fv_shape_count(to));
    if (f->batched && (to->rank < 1 || to->dim[0] != 1))
        return fv_import_merges(im);
    if (fv_shape_equal(to, s))
        return fv_caffe_same(l, i);
    const bool last = f->form[FV_ORDER_FILE] < 0 && f->form[FV_ORDER_LAST] >= 0;
    if (last && to->rank == 2 && to->dim[0] == s->dim[0] && s->rank <= 4)
        return flatten_image(l, i, f, to);
    if (last && to->rank >= 3 && to->dim[0] == s->dim[0] && to->dim[1] == s->dim[1]) { /* pixels alone are renumbered */
        fv_shape turned = *to;
        for (int d = 1; d < to->rank; d++)
            turned.dim[fv_import_axis(FV_ORDER_LAST, d, to->rank)] = to->dim[d];
        fv_value v = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_LAST), &turned, f->batched);
        return fv_caffe_result_as(l, i, v, FV_ORDER_LAST, to);
    }
    const fv_shape one = {1, {1}};
    fv_value v = fv_import_get(im, f, FV_ORDER_FILE);
    v = fv_import_reshape(im, v, to->rank ? to : &one, f->batched && to->rank > 0);
    return fv_caffe_result_as(l, i, v, FV_ORDER_FILE, to);
}

/* ---- numbers ---- */

fv_value fv_caffe_linear(fv_import *im, fv_value x, double a, double b)
{
    if (a != 1.0)
        x = fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, a));
    return b != 0.0 ? fv_import_emit2(im, "add", NULL, x, fv_import_number(im, b)) : x;
}

#endif
