/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices. */
#include <string.h>

#include "io/onnx/quant.h"

/* A matrix of the file's, [in][out] or (transposed) [out][in], as a parameter [out][in]; `image` non-NULL: the inputs
 * are a flattened c h w in the file and h w c here. */
static fv_value matrix(const fv_onnx_node *n, const fv_foreign *w, bool transposed, double factor, const int64_t *image)
{
    const int64_t in = w->shape.dim[transposed ? 1 : 0], out = w->shape.dim[transposed ? 0 : 1];
    const int64_t step_in = transposed ? 1 : out, step_out = transposed ? in : 1;
    const fv_shape shape = {2, {out, in}};
    fv_pick pick = {2, {out, in}, {step_out, step_in}};
    if (image) {
        const int64_t hw = image[0] * image[1];
        pick = (fv_pick){3, {out, hw, image[2]}, {step_out, step_in, hw * step_in}};
    }
    return fv_import_weight(n->im, w, FV_ROLE_PARAM, &shape, &pick, factor, NULL);
}

/* Rows times a constant matrix; a flattened image stays as it is. */
static fv_value rows_times(const fv_onnx_node *n, fv_foreign *x, const fv_foreign *w, bool transposed, double factor,
                           fv_value bias)
{
    const bool row = x->form[FV_ORDER_ROW] >= 0 && x->form[FV_ORDER_FILE] < 0;
    fv_value in[3] = {fv_import_get(n->im, x, row ? FV_ORDER_ROW : FV_ORDER_FILE),
                      matrix(n, w, transposed, factor, row ? x->image : NULL), bias};
    return fv_import_emit(n->im, "dense", NULL, in, bias.id >= 0 ? 3 : 2);
}

/* Sums of rows of 8-bit integers, [..., in], and a constant matrix of such, as a convolution of 1 x 1: [..., out]. */
static fv_status integer_rows(const fv_onnx_node *n, const fv_onnx_product *p, bool transposed, fv_onnx_numbers *sums)
{
    fv_import *im = n->im;
    fv_foreign *x = p->x.q;
    const fv_foreign *w = p->w.q;
    const int rank = x->shape.rank;
    const int64_t in = w->shape.dim[transposed ? 1 : 0], out = p->filters;
    const int64_t step_in = transposed ? 1 : out, step_out = transposed ? in : 1;
    const bool row = rank == 2 && x->form[FV_ORDER_ROW] >= 0 && x->form[FV_ORDER_FILE] < 0;
    const fv_conv2d_attr attr = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    const fv_shape filters = {4, {out, 1, 1, in}};
    fv_pick pick = {2, {out, in}, {step_out, step_in}};
    fv_shape image = {4, {x->shape.dim[0], 1, 1, in}}, to = x->shape;
    if (row) {
        const int64_t hw = x->image[0] * x->image[1];
        pick = (fv_pick){3, {out, hw, x->image[2]}, {step_out, step_in, hw * step_in}};
    }
    for (int d = 1; d < rank - 1; d++)
        image.dim[2] *= x->shape.dim[d];
    fv_value v = fv_import_reshape(im, fv_import_get(im, x, row ? FV_ORDER_ROW : FV_ORDER_FILE), &image, x->batched);
    FV_TRY(fv_onnx_product_sums(n, p, &attr, v, &filters, &pick, sums));
    to.dim[rank - 1] = out;
    sums->sum = fv_import_reshape(im, sums->sum, &to, x->batched);
    sums->order = FV_ORDER_FILE;
    return im->model->error;
}

/* Whether operand a of rows fits a matrix b of constants. */
static bool rows_fit(const fv_foreign *a, const fv_foreign *b, bool transposed)
{
    return b->shape.rank == 2 && a->shape.rank >= 2 &&
           a->shape.dim[a->shape.rank - 1] == b->shape.dim[transposed ? 1 : 0];
}

static fv_status note_rows(const fv_onnx_node *n, const fv_onnx_product *p, bool transposed)
{
    fv_onnx_numbers sums;
    FV_TRY(integer_rows(n, p, transposed, &sums));
    return fv_onnx_note(n, &sums, fv_import_shape(n->im, sums.sum));
}

static const int swap[2] = {1, 0};

static fv_value matrix_of(const fv_onnx_node *n, fv_foreign *f, bool transposed)
{
    fv_value v = fv_import_get(n->im, f, FV_ORDER_FILE);
    return transposed ? fv_import_transpose(n->im, v, swap) : v;
}

static fv_value scaled(fv_import *im, fv_value v, double factor)
{
    return factor == 1.0 ? v : fv_import_emit2(im, "mul", NULL, v, fv_import_number(im, factor));
}

static fv_status map_gemm(const fv_onnx_node *n)
{
    const double alpha = fv_onnx_real(n, "alpha", 1.0), beta = fv_onnx_real(n, "beta", 1.0);
    const bool ta = fv_onnx_int(n, "transA", 0) != 0, tb = fv_onnx_int(n, "transB", 0) != 0;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    fv_foreign *a = n->in[0], *b = n->in[1], *c = n->n_in > 2 ? n->in[2] : NULL;
    if (a->shape.rank != 2 || b->shape.rank != 2)
        return fv_onnx_cannot(n, "its operands have %d and %d dimensions, expected 2", a->shape.rank, b->shape.rank);
    if ((ta && a->batched) || b->batched || (c && c->batched && c->shape.rank < 2))
        return fv_import_merges(n->im);
    fv_onnx_product p;
    bool apart;
    if (!ta && (!c || beta == 1.0) && rows_fit(a, b, tb) &&
        fv_onnx_product_of(n, (const int[]){0, 1, 2}, tb ? 0 : 1, &p, &apart) && !apart && (!c || alpha == 1.0)) {
        p.alpha = (float)alpha;
        return note_rows(n, &p, tb);
    }
    FV_TRY(fv_onnx_settle_all(n));
    const int64_t units = b->shape.dim[tb ? 0 : 1];
    const bool bias = c && c->data && fv_foreign_count(c) == units && units > 0 && c->shape.rank > 0 &&
                      c->shape.dim[c->shape.rank - 1] == units;
    fv_value y;
    if (b->data && !ta) {
        y = rows_times(n, a, b, tb, alpha, bias ? fv_import_vector(n->im, c, FV_ROLE_PARAM, beta) : fv_no_value);
    } else {
        y = fv_import_emit2(n->im, "dense", NULL, matrix_of(n, a, ta), matrix_of(n, b, !tb));
        y = scaled(n->im, y, alpha);
    }
    if (c && !(bias && b->data && !ta))
        y = fv_import_emit2(n->im, "add", NULL, y, scaled(n->im, fv_import_get(n->im, c, FV_ORDER_FILE), beta));
    return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
}

/* x [n, ..., c] times a constant matrix [c][out], or (transposed) [out][c]: a convolution of 1 x 1, which keeps samples
 * apart. */
static fv_value by_convolution(const fv_onnx_node *n, fv_value x, const fv_shape *shape, bool batched,
                               const fv_foreign *w, bool transposed)
{
    fv_shape to = *shape;
    const int rank = to.rank;
    const int64_t in = w->shape.dim[transposed ? 1 : 0], out = w->shape.dim[transposed ? 0 : 1];
    const fv_shape filters = {4, {out, 1, 1, in}};
    const fv_pick pick = {2, {out, in}, {transposed ? in : 1, transposed ? 1 : out}};
    fv_shape image = {4, {to.dim[0], 1, 1, in}};
    for (int d = 1; d < rank - 1; d++)
        image.dim[d == 1 && rank == 4 ? 1 : 2] *= to.dim[d];
    fv_value v = fv_import_reshape(n->im, x, &image, batched);
    v = fv_import_emit2(n->im, "conv2d", NULL, v,
                        fv_import_weight(n->im, w, FV_ROLE_PARAM, &filters, &pick, 1.0, NULL));
    to.dim[rank - 1] = out;
    return fv_import_reshape(n->im, v, &to, batched);
}

/* Matrices with their rows and columns exchanged. */
static fv_value exchanged(fv_import *im, fv_value x, int rank)
{
    int perm[FV_MAX_RANK];
    for (int d = 0; d < rank; d++)
        perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    return im->model->error == FV_OK ? fv_import_transpose(im, x, perm) : fv_no_value;
}

/* A constant matrix times x [n, ..., in, columns]: w x = (x' w')'. */
static fv_value from_the_left(const fv_onnx_node *n, fv_foreign *x, const fv_foreign *w)
{
    const int rank = x->shape.rank;
    fv_shape turned = x->shape;
    turned.dim[rank - 1] = x->shape.dim[rank - 2];
    turned.dim[rank - 2] = x->shape.dim[rank - 1];
    fv_value v = exchanged(n->im, fv_import_get(n->im, x, FV_ORDER_FILE), rank);
    return exchanged(n->im, by_convolution(n, v, &turned, x->batched, w, true), rank);
}

enum { PRODUCTS_MAX = 256 };

/* Stacks as large as each other of matrices [..., rows, inner] and [..., inner, columns], one product for each. */
static fv_status stacks(const fv_onnx_node *n, fv_value a, fv_value b, fv_value *y)
{
    fv_import *im = n->im;
    const fv_shape da = *fv_import_shape(im, a), db = *fv_import_shape(im, b);
    const int rank = da.rank;
    const int64_t rows = da.dim[rank - 2], inner = da.dim[rank - 1], columns = db.dim[rank - 1];
    int64_t count = 1;
    fv_shape to = da;
    for (int d = 0; d < rank - 2; d++)
        count *= da.dim[d];
    if (count > PRODUCTS_MAX)
        return fv_onnx_cannot(n, "%lld products of computed matrices: at most %d", (long long)count, PRODUCTS_MAX);
    const fv_shape sa = {3, {count, rows, inner}}, sb = {3, {count, inner, columns}}, ma = {2, {rows, inner}},
                   mb = {2, {inner, columns}}, one = {3, {1, rows, columns}};
    const fv_axis_attr along = {.axis = 0};
    a = fv_import_reshape(im, a, &sa, false);
    b = fv_import_reshape(im, b, &sb, false);
    for (int64_t i = 0; i < count; i++) {
        const fv_slice_attr part = {.begin = i, .count = 1, .axis = 0};
        fv_value pa = fv_import_reshape(im, fv_import_emit1(im, "slice", &part, a), &ma, false);
        fv_value pb = fv_import_reshape(im, fv_import_emit1(im, "slice", &part, b), &mb, false);
        fv_value p = fv_import_emit2(im, "dense", NULL, pa, fv_import_transpose(im, pb, swap));
        p = fv_import_reshape(im, p, &one, false);
        *y = i ? fv_import_emit2(im, "concat", &along, *y, p) : p;
    }
    to.dim[rank - 1] = columns;
    *y = fv_import_reshape(im, *y, &to, false);
    return FV_OK;
}

enum { TERMS_MAX = 1 << 24 };

/* Any two: elements of [..., rows, inner, 1] times [..., 1, inner, columns], summed over inner. Samples stay apart. */
static fv_status by_terms(const fv_onnx_node *n, const fv_foreign *fa, const fv_foreign *fb, fv_value a, fv_value b,
                          fv_value *y)
{
    fv_import *im = n->im;
    fv_shape sa = fa->shape, sb = fb->shape, to;
    const int ra = sa.rank, rb = sb.rank, rank = ra > rb ? ra : rb;
    double terms = (double)sa.dim[ra - 2] * (double)sa.dim[ra - 1] * (double)sb.dim[rb - 1];
    fv_reduce_attr inner = {.axes = {1, {rank - 1}}};
    if (rank == FV_MAX_RANK)
        return fv_onnx_cannot(n, "computed matrices in %d dimensions: at most %d", rank, FV_MAX_RANK - 1);
    to = ra > rb ? sa : sb;
    for (int d = 0; d < rank - 2; d++) {
        const int64_t p = d >= rank - ra ? sa.dim[d - (rank - ra)] : 1,
                      q = d >= rank - rb ? sb.dim[d - (rank - rb)] : 1;
        if (p != q && p != 1 && q != 1)
            return fv_onnx_cannot(n, "stacks of %lld and %lld matrices", (long long)p, (long long)q);
        to.dim[d] = p > q ? p : q;
        terms *= (double)to.dim[d];
    }
    if (terms > TERMS_MAX)
        return fv_onnx_cannot(n, "a product of computed matrices with %.0f terms for a sample: at most %d", terms,
                              TERMS_MAX);
    to.dim[rank - 2] = sa.dim[ra - 2];
    to.dim[rank - 1] = sb.dim[rb - 1];
    sa.dim[sa.rank++] = 1;
    sb.dim[rb] = sb.dim[rb - 1];
    sb.dim[rb - 1] = sb.dim[rb - 2];
    sb.dim[rb - 2] = 1;
    sb.rank++;
    a = fv_import_reshape(im, a, &sa, fa->batched);
    b = fv_import_reshape(im, b, &sb, fb->batched);
    *y = fv_import_emit1(im, "reduce_sum", &inner, fv_import_emit2(im, "mul", NULL, a, b));
    *y = fv_import_reshape(im, *y, &to, fa->batched || fb->batched);
    return FV_OK;
}

/* Matrices that are both computed. Samples are rows of `a`, or each has matrices of its own. */
static fv_status product(const fv_onnx_node *n, const fv_foreign *a, const fv_foreign *b, fv_value va, fv_value vb,
                         fv_value *y)
{
    const int ra = a->shape.rank, rb = b->shape.rank, rank = ra > rb ? ra : rb;
    if (va.id < 0 || vb.id < 0)
        return FV_OK; /* the model knows why */
    for (int i = 0; i < 2; i++) {
        const fv_foreign *f = i ? b : a, *other = i ? a : b;
        const bool rows = i == 0 && ra == 2 && rb == 2;
        if (f->batched && !rows &&
            (f->shape.rank < rank || rank < 3 ||
             (!other->batched && other->shape.rank == rank && other->shape.dim[0] != 1)))
            return fv_import_merges(n->im);
    }
    if (ra == 2 && rb == 2) {
        *y = fv_import_emit2(n->im, "dense", NULL, va, fv_import_transpose(n->im, vb, swap));
        return FV_OK;
    }
    const bool alike = ra == rb && memcmp(a->shape.dim, b->shape.dim, (size_t)(ra - 2) * sizeof *a->shape.dim) == 0;
    return alike && !a->batched && !b->batched ? stacks(n, va, vb, y) : by_terms(n, a, b, va, vb, y);
}

static fv_status check_product(const fv_onnx_node *n, const fv_foreign *a, const fv_foreign *b)
{
    const int ra = a->shape.rank, rb = b->shape.rank;
    if (ra < 2 || rb < 2)
        return fv_onnx_cannot(n, "operands of %d and %d dimensions: expected 2 or more", ra, rb);
    if (a->shape.dim[ra - 1] != b->shape.dim[rb - 2])
        return fv_onnx_cannot(n, "%lld columns times %lld rows", (long long)a->shape.dim[ra - 1],
                              (long long)b->shape.dim[rb - 2]);
    return FV_OK;
}

static fv_status map_matmul(const fv_onnx_node *n)
{
    fv_value y = fv_no_value;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    fv_foreign *a = n->in[0], *b = n->in[1];
    FV_TRY(check_product(n, a, b));
    fv_onnx_product p;
    bool apart;
    if (rows_fit(a, b, false) && fv_onnx_product_of(n, (const int[]){0, 1, -1}, 1, &p, &apart))
        return note_rows(n, &p, false);
    FV_TRY(fv_onnx_settle_all(n));
    if (b->shape.rank == 2 && b->data && a->shape.rank == 2)
        return fv_onnx_result(n, 0, rows_times(n, a, b, false, 1.0, fv_no_value), FV_ORDER_FILE);
    if (b->shape.rank == 2 && b->data) {
        y = by_convolution(n, fv_import_get(n->im, a, FV_ORDER_FILE), &a->shape, a->batched, b, false);
        return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
    }
    if (a->shape.rank == 2 && a->data && b->shape.rank > 2)
        return fv_onnx_result(n, 0, from_the_left(n, b, a), FV_ORDER_FILE);
    FV_TRY(product(n, a, b, fv_import_get(n->im, a, FV_ORDER_FILE), fv_import_get(n->im, b, FV_ORDER_FILE), &y));
    return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
}

/* ---- of integers, by definition ---- */

static fv_status integer_product(const fv_onnx_node *n, int a, int a_zero, int b, int b_zero, fv_value *y)
{
    fv_value v[2];
    FV_TRY(fv_onnx_need(n, a));
    FV_TRY(fv_onnx_need(n, b));
    fv_foreign *fa = n->in[a], *fb = n->in[b];
    FV_TRY(check_product(n, fa, fb));
    const fv_dtype dtype = fv_onnx_exact_float((double)fa->shape.dim[fa->shape.rank - 1]);
    FV_TRY(fv_onnx_shifted(n, a, a_zero, FV_ORDER_FILE, fa->shape.rank - 2, dtype, &v[0]));
    FV_TRY(fv_onnx_shifted(n, b, b_zero, FV_ORDER_FILE, fb->shape.rank - 1, dtype, &v[1]));
    return product(n, fa, fb, v[0], v[1], y);
}

static fv_status map_matmul_integer(const fv_onnx_node *n)
{
    fv_value y = fv_no_value;
    FV_TRY(integer_product(n, 0, 2, 1, 3, &y));
    return fv_onnx_result(n, 0, fv_import_cast(n->im, y, FV_I32), FV_ORDER_FILE);
}

static fv_status map_qlinear_matmul(const fv_onnx_node *n)
{
    fv_value y = fv_no_value;
    fv_onnx_product p;
    if (n->n_in > 7 && n->in[6] && n->in[7] && fv_onnx_product_given(n, (const int[]){0, 3, -1}, 1, &p) &&
        fv_onnx_is_scalar(n->in[6], n->in[7]) && rows_fit(p.x.q, p.w.q, false)) {
        fv_onnx_numbers sums;
        FV_TRY(integer_rows(n, &p, false, &sums));
        FV_TRY(fv_onnx_quantize_sums(n, &sums, n->in[6], n->in[7], &y));
        return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
    }
    FV_TRY(integer_product(n, 0, 2, 3, 5, &y));
    FV_TRY(fv_onnx_requantized(n, (const int[]){1, 4, 6, 7}, y, &y));
    return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
}

fv_status fv_onnx_map_qgemm(const fv_onnx_node *n)
{
    fv_value y;
    fv_onnx_product p;
    fv_onnx_numbers sums;
    const bool tb = fv_onnx_int(n, "transB", 0) != 0;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 3));
    if (fv_onnx_int(n, "transA", 0) != 0 || !fv_onnx_product_given(n, (const int[]){0, 3, 6}, tb ? 0 : 1, &p) ||
        !rows_fit(p.x.q, p.w.q, tb) || n->in[0]->shape.rank != 2)
        return fv_onnx_cannot(n, "supported is a product of rows of 8-bit integers with a constant matrix of such");
    p.alpha = (float)fv_onnx_real(n, "alpha", 1.0);
    if (n->n_in <= 7 || !n->in[7]) /* its result is floats */
        return note_rows(n, &p, tb);
    if (!fv_onnx_is_scalar(n->in[7], n->in[8]))
        return fv_onnx_cannot(n, "the scale and zero point of its result are no constants of one element");
    FV_TRY(integer_rows(n, &p, tb, &sums));
    FV_TRY(fv_onnx_quantize_sums(n, &sums, n->in[7], n->in[8], &y));
    return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
}

const fv_onnx_op fv_onnx_dense_ops[] = {
    {"Gemm", map_gemm, NULL, fv_onnx_integers},
    {"MatMul", map_matmul, NULL, fv_onnx_integers},
    {"MatMulInteger", map_matmul_integer, NULL, NULL},
    {"QLinearMatMul", map_qlinear_matmul, NULL, NULL},
    {"Einsum", NULL, NULL, "supported are MatMul and Gemm"},
    {0},
};
