/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the vectors of tests/golden. Tensors of 4 dimensions are stored n c h w and handed out n h w c. Header only. */
#ifndef FV_TESTS_OPS_GOLDEN_H
#define FV_TESTS_OPS_GOLDEN_H

#include "op_run.h"

#include "base/doc.h"
#include "base/file.h"

typedef struct golden {
    fv_ctx *ctx;
    uint8_t *file;
    int64_t size, data; /* data: where the tensors begin */
    fv_doc *doc;
} golden;

static inline golden golden_open(fv_ctx *ctx, const char *name)
{
    golden g = {.ctx = ctx};
    char path[512];
    const char *source = getenv("FOVEA_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s", source ? source : ".", name);
    OP_OK(ctx, fv_file_read(ctx, path, 0, false, &g.file, &g.size));
    uint64_t header;
    memcpy(&header, g.file, sizeof header);
    assert_true(header < (uint64_t)g.size - 8);
    g.data = 8 + (int64_t)header;
    OP_OK(ctx, fv_doc_parse_json(ctx, name, (const char *)g.file + 8, (size_t)header, &g.doc));
    return g;
}

static inline void golden_close(golden *g)
{
    fv_doc_destroy(&g->doc);
    fv_free(g->ctx, g->file);
}

/* Text of the metadata under `key`; NULL when absent. */
static inline const char *golden_text(const golden *g, const char *key)
{
    const fv_doc_node *node = fv_doc_get(fv_doc_get(fv_doc_root(g->doc), "__metadata__"), key);
    return node ? node->text : NULL;
}

/* "key=value" of a case: the value into text[64]; false when absent. */
static inline bool golden_attribute(const golden *g, const char *name, const char *key, char text[64])
{
    size_t length = strlen(key);
    for (const char *p = golden_text(g, name); p && *p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
        if (strncmp(p, key, length) == 0 && p[length] == '=') {
            snprintf(text, 64, "%.*s", (int)strcspn(p + length + 1, " "), p + length + 1);
            return true;
        }
    }
    return false;
}

static inline double golden_number(const golden *g, const char *name, const char *key, double otherwise)
{
    char text[64];
    return golden_attribute(g, name, key, text) ? strtod(text, NULL) : otherwise;
}

/* "3x2" into a pair. */
static inline void golden_pair(const golden *g, const char *name, const char *key, int64_t pair[2])
{
    char text[64];
    long long a = 0, b = 0;
    assert_true(golden_attribute(g, name, key, text) && sscanf(text, "%lldx%lld", &a, &b) == 2);
    pair[0] = a;
    pair[1] = b;
}

/* Tensor CASE.OPERAND; rank 0 when there is none. The caller frees .data. */
static inline op_array golden_tensor(const golden *g, const char *name, const char *operand)
{
    char key[128];
    op_array a = {.dtype = FV_F64};
    snprintf(key, sizeof key, "%s.%s", name, operand);
    const fv_doc_node *node = fv_doc_get(fv_doc_root(g->doc), key);
    if (!node)
        return a;
    const fv_doc_node *dims = fv_doc_get(node, "shape");
    fv_shape stored = {.rank = (int32_t)dims->count};
    for (int i = 0; i < stored.rank; i++)
        stored.dim[i] = dims->child[i].integer;
    if (stored.rank == 0)
        stored = (fv_shape){.rank = 1, .dim = {1}};
    a.shape = stored;
    if (stored.rank == 4) {
        a.shape.dim[1] = stored.dim[2];
        a.shape.dim[2] = stored.dim[3];
        a.shape.dim[3] = stored.dim[1];
    }
    bool integers = strcmp(fv_doc_get(node, "dtype")->text, "I64") == 0;
    const uint8_t *from = g->file + g->data + fv_doc_get(node, "data_offsets")->child[0].integer;
    a.data = malloc((size_t)op_count(&stored) * sizeof(double));
    int64_t c = stored.rank == 4 ? stored.dim[1] : 1, plane = stored.rank == 4 ? stored.dim[2] * stored.dim[3] : 1;
    for (int64_t i = 0; i < op_count(&stored); i++) {
        float real;
        int64_t integer, to = i / (c * plane) * (c * plane) + i % plane * c + i / plane % c;
        memcpy(&real, from + i * (int64_t)sizeof real, sizeof real);
        if (integers)
            memcpy(&integer, from + i * (int64_t)sizeof integer, sizeof integer);
        a.data[to] = integers ? (double)integer : (double)real;
    }
    a.dtype = integers ? FV_I32 : FV_F64;
    return a;
}

/* Fails unless |value - golden| <= bound * largest |golden| everywhere; bound for f64 is the rounding of the file. */
static inline void golden_compare(const golden *g, const char *name, const char *operand, const op_run *run,
                                  const fv_val *val, double bound)
{
    op_array want = golden_tensor(g, name, operand);
    char a[96], b[96];
    if (want.shape.rank == 0)
        fail_msg("%s: no golden %s", name, operand);
    if (op_count(&want.shape) != op_count(&val->shape))
        fail_msg("%s.%s: shape %s, expected %s", name, operand, fv_shape_text(&val->shape, a),
                 fv_shape_text(&want.shape, b));
    double largest = 0.0, worst = 0.0;
    for (int64_t i = 0; i < op_count(&want.shape); i++) {
        double error = fabs(op_at(run, val, i) - want.data[i]);
        largest = fmax(largest, fabs(want.data[i]));
        worst = isnan(error) || error > worst ? error : worst;
    }
    if (!(worst <= bound * largest))
        fail_msg("%s.%s (%s): error %g beside %g", name, operand, fv_dtype_name(val->dtype), worst, largest);
    free(want.data);
}

#endif
