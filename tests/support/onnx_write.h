/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small ONNX files, field by field: for tests of what reads them. */
#ifndef FV_TESTS_ONNX_WRITE_H
#define FV_TESTS_ONNX_WRITE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A message that grows. */
typedef struct onnx_out {
    uint8_t data[60000];
    size_t size;
} onnx_out;

static inline void onnx_number(onnx_out *o, uint64_t value)
{
    for (; value > 127; value >>= 7)
        o->data[o->size++] = (uint8_t)(value | 128);
    o->data[o->size++] = (uint8_t)value;
}

static inline void onnx_int(onnx_out *o, int field, int64_t value)
{
    onnx_number(o, (uint64_t)field << 3);
    onnx_number(o, (uint64_t)value);
}

static inline void onnx_bytes(onnx_out *o, int field, const void *data, size_t size)
{
    onnx_number(o, (uint64_t)field << 3 | 2);
    onnx_number(o, size);
    memcpy(o->data + o->size, data, size);
    o->size += size;
}

static inline void onnx_text(onnx_out *o, int field, const char *text)
{
    onnx_bytes(o, field, text, strlen(text));
}

/* "a,b,,c" as texts of a field. */
static inline void onnx_texts(onnx_out *o, int field, const char *list)
{
    for (const char *end; *list; list = *end ? end + 1 : end) {
        end = strchr(list, ',') ? strchr(list, ',') : list + strlen(list);
        onnx_bytes(o, field, list, (size_t)(end - list));
    }
}

/* A tensor message without a name; raw NULL: no elements. */
static inline void onnx_tensor_body(onnx_out *o, int type, const int64_t *dims, int rank, const void *raw, size_t size)
{
    for (int d = 0; d < rank; d++)
        onnx_int(o, 1, dims[d]);
    onnx_int(o, 2, type);
    if (raw)
        onnx_bytes(o, 9, raw, size);
}

/* An initializer of a graph. */
static inline void onnx_weight(onnx_out *graph, const char *name, int type, const int64_t *dims, int rank,
                               const void *raw, size_t size)
{
    onnx_out *t = calloc(1, sizeof *t);
    onnx_tensor_body(t, type, dims, rank, raw, size);
    onnx_text(t, 8, name);
    onnx_bytes(graph, 5, t->data, t->size);
    free(t);
}

/* An initializer whose elements lie in another file. */
static inline void onnx_outside(onnx_out *graph, const char *name, const int64_t *dims, int rank, const char *location,
                                const char *offset)
{
    onnx_out *t = calloc(1, sizeof *t);
    onnx_tensor_body(t, 1, dims, rank, NULL, 0);
    onnx_text(t, 8, name);
    for (int i = 0; i < 2; i++) {
        onnx_out pair = {.size = 0};
        onnx_text(&pair, 1, i ? "offset" : "location");
        onnx_text(&pair, 2, i ? offset : location);
        onnx_bytes(t, 13, pair.data, pair.size);
    }
    onnx_int(t, 14, 1);
    onnx_bytes(graph, 5, t->data, t->size);
    free(t);
}

/* A float tensor by name in a graph's inputs (field 11) or outputs (12); a dimension of -1: "N". */
static inline void onnx_value(onnx_out *graph, int field, const char *name, const int64_t *dims, int rank)
{
    onnx_out shape = {.size = 0}, type = {.size = 0}, outer = {.size = 0}, value = {.size = 0};
    for (int d = 0; d < rank; d++) {
        onnx_out dim = {.size = 0};
        if (dims[d] < 0)
            onnx_text(&dim, 2, "N");
        else
            onnx_int(&dim, 1, dims[d]);
        onnx_bytes(&shape, 1, dim.data, dim.size);
    }
    onnx_int(&type, 1, 1);
    onnx_bytes(&type, 2, shape.data, shape.size);
    onnx_bytes(&outer, 1, type.data, type.size);
    onnx_text(&value, 1, name);
    onnx_bytes(&value, 2, outer.data, outer.size);
    onnx_bytes(graph, field, value.data, value.size);
}

/* A node; `name` NULL: none; attr, the attributes one behind the other (onnx_attr_*), may be NULL. */
static inline void onnx_node(onnx_out *graph, const char *op, const char *name, const char *in, const char *out,
                             const onnx_out *attr)
{
    onnx_out *n = calloc(1, sizeof *n);
    onnx_texts(n, 1, in);
    onnx_texts(n, 2, out);
    if (name)
        onnx_text(n, 3, name);
    onnx_text(n, 4, op);
    if (attr) {
        memcpy(n->data + n->size, attr->data, attr->size);
        n->size += attr->size;
    }
    onnx_bytes(graph, 1, n->data, n->size);
    free(n);
}

static inline void onnx_attr_int(onnx_out *attr, const char *name, int64_t value)
{
    onnx_out a = {.size = 0};
    onnx_text(&a, 1, name);
    onnx_int(&a, 3, value);
    onnx_int(&a, 20, 2);
    onnx_bytes(attr, 5, a.data, a.size);
}

static inline void onnx_attr_ints(onnx_out *attr, const char *name, const int64_t *values, int count)
{
    onnx_out a = {.size = 0};
    onnx_text(&a, 1, name);
    for (int i = 0; i < count; i++)
        onnx_int(&a, 8, values[i]);
    onnx_int(&a, 20, 7);
    onnx_bytes(attr, 5, a.data, a.size);
}

/* The file around a graph. */
static inline void onnx_model(onnx_out *file, const onnx_out *graph, int ir, int opset)
{
    onnx_out set = {.size = 0};
    onnx_int(file, 1, ir);
    onnx_text(file, 2, "fovea tests");
    onnx_bytes(file, 7, graph->data, graph->size);
    onnx_text(&set, 1, "");
    onnx_int(&set, 2, opset);
    onnx_bytes(file, 8, set.data, set.size);
}

static inline float onnx_draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1.0f;
}

/* A network n x 3 x 8 x 8 -> n x 5 probabilities: a convolution (4 filters of 3 x 3, padded), Relu, MaxPool, a
 * convolution's rows flattened, a matrix. Weights are drawn; those of the caller are filled. */
typedef struct onnx_small {
    float conv[4][3][3][3], conv_bias[4], fc[5][4 * 4 * 4], fc_bias[5];
} onnx_small;

static inline void onnx_small_weights(onnx_small *w)
{
    uint32_t seed = 1;
    float *all = (float *)w;
    for (size_t i = 0; i < sizeof *w / sizeof *all; i++)
        all[i] = onnx_draw(&seed);
}

static inline void onnx_small_file(onnx_out *file, const onnx_small *w)
{
    onnx_out *g = calloc(1, sizeof *g);
    onnx_out conv = {.size = 0}, pool = {.size = 0}, gemm = {.size = 0};
    onnx_attr_ints(&conv, "pads", (const int64_t[]){1, 1, 1, 1}, 4);
    onnx_attr_ints(&pool, "kernel_shape", (const int64_t[]){2, 2}, 2);
    onnx_attr_ints(&pool, "strides", (const int64_t[]){2, 2}, 2);
    onnx_attr_int(&gemm, "transB", 1);
    onnx_node(g, "Conv", "conv", "image,conv.weight,conv.bias", "a", &conv);
    onnx_node(g, "Relu", "relu", "a", "b", NULL);
    onnx_node(g, "MaxPool", "pool", "b", "c", &pool);
    onnx_node(g, "Flatten", "flatten", "c", "d", NULL);
    onnx_node(g, "Gemm", "fc", "d,fc.weight,fc.bias", "e", &gemm);
    onnx_node(g, "Softmax", "softmax", "e", "probabilities", NULL);
    onnx_weight(g, "conv.weight", 1, (const int64_t[]){4, 3, 3, 3}, 4, w->conv, sizeof w->conv);
    onnx_weight(g, "conv.bias", 1, (const int64_t[]){4}, 1, w->conv_bias, sizeof w->conv_bias);
    onnx_weight(g, "fc.weight", 1, (const int64_t[]){5, 64}, 2, w->fc, sizeof w->fc);
    onnx_weight(g, "fc.bias", 1, (const int64_t[]){5}, 1, w->fc_bias, sizeof w->fc_bias);
    onnx_value(g, 11, "image", (const int64_t[]){-1, 3, 8, 8}, 4);
    onnx_value(g, 12, "probabilities", (const int64_t[]){-1, 5}, 2);
    onnx_model(file, g, 8, 13);
    free(g);
}

#endif
