/* SPDX-License-Identifier: Apache-2.0 */
/* Life of an import, values by name, nodes, refusals. */
#include "io/import/build.h"
#include "io/import/fuse.h"

#include <stdio.h>
#include <string.h>

/* Bytes of computed constants for a byte of the file, and for any file. */
#define BUDGET_PER_BYTE 6
#define BUDGET_FREE     (INT64_C(16) << 20)

fv_status fv_import_begin(fv_ctx *ctx, const char *file, int64_t bytes, bool whole, fv_import *im)
{
    *im = (fv_import){.ctx = ctx, .file = file, .whole = whole};
    if (!fv_size_mul(bytes, BUDGET_PER_BYTE, &im->budget) || !fv_size_add(im->budget, BUDGET_FREE, &im->budget))
        im->budget = INT64_MAX;
    FV_TRY(fv_arena_create(ctx, &im->arena));
    FV_TRY(fv_model_create(ctx, &im->model));
    const char *slash = strrchr(file, '/'), *leaf = slash ? slash + 1 : file, *dot = strrchr(leaf, '.');
    snprintf(im->model->name, sizeof im->model->name, "%.*s", (int)(dot && dot > leaf ? dot - leaf : 100), leaf);
    return FV_OK;
}

void fv_import_end(fv_import *im)
{
    fv_model_destroy(&im->model);
    fv_arena_destroy(&im->arena);
    fv_free(im->ctx, im->table);
    fv_free(im->ctx, im->fills);
    fv_free(im->ctx, im->refusals);
    *im = (fv_import){.ctx = im->ctx};
}

fv_status fv_import_alloc(fv_import *im, int64_t size, void **data)
{
    *data = NULL;
    if (size > im->budget)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s: constants that its graph computes need %lld bytes more, which is out of all proportion to "
                       "the file",
                       im->file, (long long)size);
    im->budget -= size;
    *data = fv_arena_alloc(im->arena, (size_t)size + 1);
    return *data ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- values ---- */

static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

static fv_foreign **place_of(const fv_import *im, const char *name)
{
    uint32_t mask = (uint32_t)im->cap_table - 1, at = hash_of(name) & mask;
    while (im->table[at] && strcmp(im->table[at]->name, name) != 0)
        at = (at + 1) & mask;
    return &im->table[at];
}

fv_foreign *fv_import_find(const fv_import *im, const char *name)
{
    return im->cap_table ? *place_of(im, name) : NULL;
}

static fv_status grow_table(fv_import *im)
{
    if (2 * (im->n_values + 1) <= im->cap_table)
        return FV_OK;
    fv_foreign **old = im->table;
    const int32_t count = im->cap_table, grown = count ? 2 * count : 256;
    fv_foreign **table = fv_calloc(im->ctx, (size_t)grown, sizeof(fv_foreign *));
    if (!table)
        return FV_ERR_NO_MEMORY;
    im->table = table;
    im->cap_table = grown;
    for (int32_t i = 0; i < count; i++)
        if (old[i])
            *place_of(im, old[i]->name) = old[i];
    fv_free(im->ctx, old);
    return FV_OK;
}

fv_status fv_import_add(fv_import *im, const char *name, fv_foreign **value)
{
    *value = NULL;
    FV_TRY(grow_table(im));
    fv_foreign **place = place_of(im, name);
    if (*place)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: the value '%.200s' is computed twice", im->file, name);
    fv_foreign *f = fv_arena_alloc(im->arena, sizeof *f);
    if (!f)
        return FV_ERR_NO_MEMORY;
    *f = (fv_foreign){.name = name, .form = {-1, -1, -1}};
    *place = *value = f;
    im->n_values++;
    return FV_OK;
}

fv_status fv_import_alias(fv_import *im, const char *name, const fv_foreign *of)
{
    fv_foreign *f;
    FV_TRY(fv_import_add(im, name, &f));
    *f = *of;
    f->name = name;
    return FV_OK;
}

/* A name that is free in the graph: `base`, or that and a number. */
static const char *free_name(const fv_import *im, const char *base, char name[FV_NAME_MAX])
{
    snprintf(name, FV_NAME_MAX, "%.230s", base);
    for (int i = 2; fv_graph_find(im->model->graph, name) && i < 10000000; i++)
        snprintf(name, FV_NAME_MAX, "%.230s_%d", base, i);
    return name;
}

fv_status fv_import_input(fv_import *im, const char *name, fv_dtype dtype, const fv_shape *shape, bool last)
{
    fv_foreign *f;
    fv_shape in = *shape;
    fv_model *m = im->model;
    FV_TRY(fv_import_add(im, name, &f));
    f->dtype = dtype;
    f->shape = *shape;
    f->batched = !im->whole;
    const bool wrapped = im->whole && (shape->rank == 0 || shape->dim[0] != 1);
    if (wrapped && shape->rank == FV_MAX_RANK)
        return fv_fail(im->ctx, FV_ERR_UNSUPPORTED, "%s: input '%.200s' has %d dimensions and none is the batch",
                       im->file, name, FV_MAX_RANK);
    if (wrapped) {
        in = (fv_shape){.rank = shape->rank + 1, .dim = {1}};
        memcpy(in.dim + 1, shape->dim, (size_t)shape->rank * sizeof *in.dim);
    } else if (last && shape->rank >= 3) {
        for (int d = 1; d < shape->rank; d++)
            in.dim[fv_import_axis(FV_ORDER_LAST, d, shape->rank)] = shape->dim[d];
    }
    fv_value v = fv_input_tensor(m, name, dtype, &in);
    FV_TRY(fv_model_note_port(m, name,
                              wrapped                    ? FV_LAYOUT_WHOLE
                              : last && shape->rank >= 3 ? FV_LAYOUT_NCHW
                                                         : FV_LAYOUT_PLAIN));
    if (wrapped) {
        im->label = NULL;
        im->base = name;
        const fv_shape one = {1, {1}};
        v = fv_import_reshape(im, v, shape->rank ? shape : &one, false);
    }
    f->form[!wrapped && last && shape->rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE] = v.id;
    return m->error;
}

fv_status fv_import_given_size(const fv_import *im, const fv_import_options *o, const char *name, int rank, int d,
                               bool last, int64_t *size)
{
    static const int in_first[4] = {0, 2, 3, 1},
                     in_last[4] = {0, 3, 1, 2}; /* where n h w c, n c h w have dimension d */
    const fv_shape *s = NULL;
    *size = 0;
    for (int i = 0; i < o->n_values; i++)
        if (strcmp(o->values[i].name, name) == 0 || (o->n_values == 1 && !*o->values[i].name))
            s = fv_tensor_shape(o->values[i].tensor);
    if (!s && o->n_values == 0)
        return FV_OK;
    if (!s)
        return fv_fail_hint(im->ctx,
                            fv_fail(im->ctx, FV_ERR_MODEL,
                                    "%s: input '%.200s': dimension %d is left open by the file, and no array is given "
                                    "for this input",
                                    im->file, name, d),
                            "give it one: --input %.200s=FILE", name);
    if (s->rank != rank)
        return fv_fail_hint(im->ctx,
                            fv_fail(im->ctx, FV_ERR_MODEL,
                                    "%s: input '%.200s' has %d dimensions, the array that it is given has %d", im->file,
                                    name, rank, s->rank),
                            "give an array of the input's dimensions, the batch first");
    const bool turned = rank == 4 && o->values_order != 0 && (o->values_order == 2) != last;
    *size = s->dim[!turned ? d : last ? in_first[d] : in_last[d]];
    if (*size < 1)
        return fv_fail(im->ctx, FV_ERR_MODEL, "%s: input '%.200s': the array that it is given is empty", im->file,
                       name);
    return FV_OK;
}

fv_status fv_import_output(fv_import *im, const char *name, fv_foreign *f)
{
    const bool turned = f->shape.rank == 4 && f->form[FV_ORDER_FILE] < 0 && f->form[FV_ORDER_LAST] >= 0;
    const bool whole = !f->batched;
    im->label = NULL;
    im->base = name;
    fv_value v = fv_import_get(im, f, turned ? FV_ORDER_LAST : FV_ORDER_FILE);
    FV_TRY(fv_model_note_port(im->model, name,
                              turned       ? FV_LAYOUT_NCHW
                              : im->scores ? FV_LAYOUT_SCORES
                              : whole      ? FV_LAYOUT_WHOLE
                                           : FV_LAYOUT_PLAIN));
    fv_output(im->model, name, v);
    return im->model->error;
}

fv_status fv_import_scores(fv_import *im, const char *name, const fv_foreign *f, int axis, bool *left_out)
{
    *left_out = im->answer && strcmp(im->answer, name) == 0 && f->batched && f->shape.rank == 2 && axis == 1;
    if (!*left_out)
        return FV_OK;
    im->scores = true;
    return fv_import_alias(im, name, f);
}

/* ---- nodes ---- */

fv_value fv_import_emit(fv_import *im, const char *op, const void *attr, const fv_value *in, int n)
{
    char base[FV_NAME_MAX], name[FV_NAME_MAX];
    if (im->label)
        free_name(im, im->label, name);
    else {
        snprintf(base, sizeof base, "%.180s.%.40s", im->base ? im->base : "import", op);
        free_name(im, base, name);
    }
    im->label = NULL;
    return fv_nn_append(im->model, op, name, attr, in, n);
}

fv_value fv_import_emit1(fv_import *im, const char *op, const void *attr, fv_value x)
{
    return fv_import_emit(im, op, attr, &x, 1);
}

fv_value fv_import_emit2(fv_import *im, const char *op, const void *attr, fv_value a, fv_value b)
{
    fv_fusion f;
    if (!attr && fv_import_fuses(im, op, a, b, &f)) {
        im->fused = true;
        return fv_import_emit(im, f.op, &f.attr, f.in, f.n);
    }
    return fv_import_emit(im, op, attr, (fv_value[]){a, b}, 2);
}

const fv_shape *fv_import_shape(const fv_import *im, fv_value x)
{
    static const fv_shape none = {.rank = 0};
    return x.id < 0 ? &none : &im->model->graph->vals[x.id]->shape;
}

fv_dtype fv_import_dtype(const fv_import *im, fv_value x)
{
    return x.id < 0 ? FV_F32 : im->model->graph->vals[x.id]->dtype;
}

fv_value fv_import_reshape(fv_import *im, fv_value x, const fv_shape *shape, bool batched)
{
    const int first = batched ? 1 : 0;
    fv_reshape_attr attr = {.dims.count = shape->rank - first, .whole = !batched};
    if (x.id < 0 || fv_shape_equal(fv_import_shape(im, x), shape))
        return x;
    memcpy(attr.dims.value, shape->dim + first, (size_t)attr.dims.count * sizeof *shape->dim);
    return fv_import_emit1(im, "reshape", &attr, x);
}

fv_value fv_import_transpose(fv_import *im, fv_value x, const int *perm)
{
    const fv_shape from = *fv_import_shape(im, x);
    fv_dims_attr attr = {.dims.count = from.rank};
    fv_shape to = from;
    int last = -1;
    bool same = true; /* whether memory order stays: dimensions above 1 keep their order */
    for (int d = 0; d < from.rank; d++) {
        attr.dims.value[d] = perm[d];
        to.dim[d] = from.dim[perm[d]];
        if (to.dim[d] != 1) {
            same = same && perm[d] > last;
            last = perm[d];
        }
    }
    const bool batched = !im->whole && from.rank > 0 && perm[0] == 0;
    return same && (batched || im->whole) ? fv_import_reshape(im, x, &to, batched)
                                          : fv_import_emit1(im, "transpose", &attr, x);
}

fv_value fv_import_number(fv_import *im, double value)
{
    const fv_shape one = {1, {1}};
    return fv_import_constant(im, FV_F32, &one, &(float){(float)value});
}

fv_value fv_import_constant(fv_import *im, fv_dtype dtype, const fv_shape *shape, const void *data)
{
    fv_tensor *t = NULL;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, dtype, shape, &t)) != FV_OK)
        return fv_no_value;
    memcpy(fv_tensor_data(t), data, fv_tensor_bytes(t));
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

fv_value fv_import_cast(fv_import *im, fv_value x, fv_dtype dtype)
{
    const fv_cast_attr attr = {.dtype = (int32_t)dtype};
    return x.id < 0 || fv_import_dtype(im, x) == dtype ? x : fv_import_emit1(im, "cast", &attr, x);
}

/* ---- refusing ---- */

fv_status fv_import_refuse(fv_import *im, const char *op, const char *name, const char *why)
{
    for (int i = 0; i < im->n_refusals; i++) {
        fv_refusal *r = &im->refusals[i];
        if (strcmp(r->op, op) == 0 && strcmp(r->why, why) == 0) {
            r->count++;
            return FV_OK;
        }
    }
    if (im->n_refusals == im->cap_refusals) {
        const int grown = im->cap_refusals ? 2 * im->cap_refusals : 16;
        fv_refusal *list = fv_realloc(im->ctx, im->refusals, (size_t)grown * sizeof *list);
        if (!list)
            return FV_ERR_NO_MEMORY;
        im->refusals = list;
        im->cap_refusals = grown;
    }
    fv_refusal r = {fv_arena_strdup(im->arena, op), fv_arena_strdup(im->arena, why), fv_arena_strdup(im->arena, name),
                    1};
    if (!r.op || !r.why || !r.first)
        return FV_ERR_NO_MEMORY;
    im->refusals[im->n_refusals++] = r;
    return FV_OK;
}

fv_status fv_import_merges(fv_import *im)
{
    im->merges = true;
    return fv_fail(im->ctx, FV_ERR_UNSUPPORTED, "it works along the batch, the first dimension");
}

/* "FILE: 3 nodes are not supported: Einsum 'e1': why; LSTM 'a' and 1 more: why" */
static fv_status fail_refused(const fv_import *im)
{
    int64_t nodes = 0;
    fv_str text = {.ctx = im->ctx};
    for (int i = 0; i < im->n_refusals; i++)
        nodes += im->refusals[i].count;
    fv_str_printf(&text, "%s: %lld node%s of the graph cannot be imported:", im->file, (long long)nodes,
                  nodes == 1 ? "" : "s");
    for (int i = 0; i < im->n_refusals; i++) {
        const fv_refusal *r = &im->refusals[i];
        fv_str_printf(&text, "%s %s '%.80s'", i ? ";" : "", r->op, r->first);
        if (r->count > 1)
            fv_str_printf(&text, " and %lld more", (long long)r->count - 1);
        fv_str_printf(&text, ": %s", r->why);
    }
    fv_status status = fv_str_status(&text);
    if (status == FV_OK)
        status = fv_fail(im->ctx, FV_ERR_MODEL, "%s", fv_str_get(&text));
    fv_str_free(&text);
    return status;
}

/* ---- the end ---- */

/* count numbers from element `from` on, `stride` apart, times the factor. */
static void fill_run(const fv_import_fill *f, int64_t from, int64_t stride, int64_t count, float *dst)
{
    const fv_foreign *src = f->from;
    if (src->dtype == FV_F32 && f->factor == 1.0 && stride == 1) {
        memcpy(dst, (const float *)src->data + from, (size_t)count * sizeof *dst);
    } else if (src->dtype == FV_F32 && f->factor == 1.0) {
        const float *at = (const float *)src->data + from;
        for (int64_t i = 0; i < count; i++)
            dst[i] = at[i * stride];
    } else {
        for (int64_t i = 0; i < count; i++) {
            const double x = fv_get(src->dtype, src->data, from + i * stride);
            dst[i] = (float)(f->factor == 1.0 ? x : x * f->factor);
        }
    }
}

static void fill(const fv_import_fill *f, float *dst)
{
    const fv_pick *p = &f->pick;
    const int inner = p->rank - 1;
    int64_t at[FV_MAX_RANK] = {0}, from = 0, runs = 1;
    for (int d = 0; d < inner; d++)
        runs *= p->dim[d];
    const int64_t length = p->rank ? p->dim[inner] : 1;
    for (int64_t i = 0; i < runs; i++, dst += length) {
        fill_run(f, from, p->rank ? p->stride[inner] : 1, length, dst);
        for (int d = inner - 1; d >= 0; d--) {
            from += p->stride[d];
            if (++at[d] < p->dim[d])
                break;
            from -= p->stride[d] * p->dim[d];
            at[d] = 0;
        }
    }
}

fv_status fv_import_finish(fv_import *im, fv_model **model)
{
    fv_model *m = im->model;
    if (im->n_refusals > 0)
        return fail_refused(im);
    if (im->fused && m->error == FV_OK)
        FV_TRY(fv_import_drop_unused(im));
    FV_TRY(fv_model_finish_outputs(m));
    for (int i = 0; i < im->n_fills; i++) {
        fv_slot *slot = fv_model_slot(m, m->graph->vals[im->fills[i].val]->name);
        if (!slot)
            return fv_fail(im->ctx, FV_ERR_INTERNAL, "%s: a weight is not in the model", im->file);
        fill(&im->fills[i], fv_slot_data(slot));
    }
    fv_model_touch(m);
    *model = m;
    im->model = NULL;
    return FV_OK;
}
