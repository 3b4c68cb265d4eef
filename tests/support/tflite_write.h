/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small TFLite files, table by table: for tests of what reads them. Parents come before what they point to. */
#ifndef FV_TESTS_TFLITE_WRITE_H
#define FV_TESTS_TFLITE_WRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct tflite_out {
    uint8_t data[16384];
    size_t size;
} tflite_out;

static inline void tflite_put(tflite_out *o, size_t at, uint32_t value, int width)
{
    for (int i = 0; i < width; i++)
        o->data[at + (size_t)i] = (uint8_t)(value >> (8 * i));
}

/* Room for `bytes` at a multiple of 16. */
static inline size_t tflite_room(tflite_out *o, size_t bytes)
{
    o->size = (o->size + 15) / 16 * 16;
    const size_t at = o->size;
    memset(o->data + at, 0, bytes);
    o->size += bytes;
    return at;
}

/* A table whose fields of `mask` are there, 4 bytes each; returns its place. */
static inline size_t tflite_table(tflite_out *o, uint32_t mask)
{
    uint32_t fields = 0, used = 0;
    while (mask >> fields)
        fields++;
    const size_t at = tflite_room(o, 4 + 2 * fields), table = tflite_room(o, 4 + 4 * fields);
    for (uint32_t i = 0; i < fields; i++)
        if (mask >> i & 1)
            tflite_put(o, at + 4 + 2 * i, 4 + 4 * used++, 2);
    tflite_put(o, at, 4 + 2 * fields, 2);
    tflite_put(o, at + 2, 4 + 4 * used, 2);
    tflite_put(o, table, (uint32_t)(table - at), 4);
    return table;
}

/* Where field i of a table is. */
static inline size_t tflite_slot(const tflite_out *o, size_t table, int i)
{
    const size_t fields = table - (size_t)(o->data[table] | o->data[table + 1] << 8);
    return table + (size_t)(o->data[fields + 4 + 2 * (size_t)i] | o->data[fields + 5 + 2 * (size_t)i] << 8);
}

static inline void tflite_int(tflite_out *o, size_t table, int i, int32_t value)
{
    tflite_put(o, tflite_slot(o, table, i), (uint32_t)value, 4);
}

/* Makes the offset at `slot` lead to `to`. */
static inline void tflite_point(tflite_out *o, size_t slot, size_t to)
{
    tflite_put(o, slot, (uint32_t)(to - slot), 4);
}

static inline size_t tflite_child(tflite_out *o, size_t table, int i, uint32_t mask)
{
    const size_t child = tflite_table(o, mask);
    tflite_point(o, tflite_slot(o, table, i), child);
    return child;
}

/* A vector of `count` elements; returns the place of the first. */
static inline size_t tflite_list(tflite_out *o, size_t table, int i, const void *data, size_t count, size_t width)
{
    const size_t at = tflite_room(o, 16 + count * width + 1) + 12; /* elements at a multiple of 16 */
    tflite_put(o, at, (uint32_t)count, 4);
    if (data)
        memcpy(o->data + at + 4, data, count * width);
    tflite_point(o, tflite_slot(o, table, i), at);
    return at + 4;
}

static inline void tflite_text(tflite_out *o, size_t table, int i, const char *text)
{
    tflite_list(o, table, i, text, strlen(text), 1);
}

/* ---- networks ---- */

typedef struct tflite_tensor {
    const char *name;
    int type;
    int32_t shape[4];
    int rank;
    const void *data; /* NULL: computed */
    size_t bytes;
    int scales, axis; /* how many scales */
    const float *scale;
    const int64_t *zero;
} tflite_tensor;

typedef struct tflite_node {
    int code; /* index into the list of codes */
    int32_t in[4], out;
    int n_in;
    uint32_t options; /* which of its fields are there */
    int32_t value[8]; /* of those, by field; floats as their bits */
} tflite_node;

typedef struct tflite_net {
    const int *codes;
    int n_codes;
    const tflite_tensor *tensors;
    int n_tensors;
    const tflite_node *nodes;
    int n_nodes;
    int32_t input, output;
} tflite_net;

static inline void tflite_write_tensor(tflite_out *o, size_t slot, const tflite_tensor *t, int buffer)
{
    const size_t table = tflite_table(o, t->scales ? 0x1f : 0x0f);
    tflite_point(o, slot, table);
    tflite_list(o, table, 0, t->shape, (size_t)t->rank, 4);
    tflite_int(o, table, 1, t->type);
    tflite_int(o, table, 2, buffer);
    tflite_text(o, table, 3, t->name);
    if (!t->scales)
        return;
    const size_t q = tflite_child(o, table, 4, 0x4c);
    tflite_list(o, q, 2, t->scale, (size_t)t->scales, 4);
    tflite_list(o, q, 3, t->zero, (size_t)t->scales, 8);
    tflite_int(o, q, 6, t->axis);
}

static inline void tflite_write(tflite_out *o, const tflite_net *net)
{
    o->size = 16;
    memset(o->data, 0, 16);
    memcpy(o->data + 4, "TFL3", 4);
    const size_t model = tflite_table(o, 0x17);
    tflite_point(o, 0, model);
    tflite_int(o, model, 0, 3);
    const size_t codes = tflite_list(o, model, 1, NULL, (size_t)net->n_codes, 4);
    for (int i = 0; i < net->n_codes; i++) {
        const size_t code = tflite_table(o, 0x9);
        tflite_point(o, codes + 4 * (size_t)i, code);
        tflite_int(o, code, 0, net->codes[i]);
        tflite_int(o, code, 3, net->codes[i]);
    }
    const size_t buffers = tflite_list(o, model, 4, NULL, (size_t)net->n_tensors + 1, 4);
    for (int i = 0; i <= net->n_tensors; i++) {
        const tflite_tensor *t = i ? &net->tensors[i - 1] : NULL;
        const size_t buffer = tflite_table(o, t && t->data ? 1 : 0);
        tflite_point(o, buffers + 4 * (size_t)i, buffer);
        if (t && t->data)
            tflite_list(o, buffer, 0, t->data, t->bytes, 1);
    }
    const size_t graphs = tflite_list(o, model, 2, NULL, 1, 4), graph = tflite_table(o, 0xf);
    tflite_point(o, graphs, graph);
    tflite_list(o, graph, 1, &net->input, 1, 4);
    tflite_list(o, graph, 2, &net->output, 1, 4);
    const size_t tensors = tflite_list(o, graph, 0, NULL, (size_t)net->n_tensors, 4);
    for (int i = 0; i < net->n_tensors; i++)
        tflite_write_tensor(o, tensors + 4 * (size_t)i, &net->tensors[i], i + 1);
    const size_t nodes = tflite_list(o, graph, 3, NULL, (size_t)net->n_nodes, 4);
    for (int i = 0; i < net->n_nodes; i++) {
        const tflite_node *n = &net->nodes[i];
        const size_t table = tflite_table(o, 0x17);
        tflite_point(o, nodes + 4 * (size_t)i, table);
        tflite_int(o, table, 0, n->code);
        tflite_list(o, table, 1, n->in, (size_t)n->n_in, 4);
        tflite_list(o, table, 2, &n->out, 1, 4);
        const size_t options = tflite_child(o, table, 4, n->options);
        for (int k = 0; k < 8; k++)
            if (n->options >> k & 1)
                tflite_int(o, options, k, n->value[k]);
    }
}

/* ---- a small one: 6 x 6 x 2 -> convolution (3 x 3, SAME, RELU) -> mean -> matrix -> softmax ---- */

enum { TFLITE_CONV = 3, TFLITE_DENSE = 9, TFLITE_SOFTMAX = 25, TFLITE_MEAN = 40, TFLITE_RFFT2D = 131 };

typedef struct tflite_small {
    float conv[4][3][3][2], conv_bias[4], dense[3][4], dense_bias[3];
} tflite_small;

static inline void tflite_small_weights(tflite_small *w)
{
    float *at = (float *)w;
    uint32_t seed = 5;
    for (size_t i = 0; i < sizeof *w / sizeof(float); i++) {
        seed = seed * 1664525u + 1013904223u;
        at[i] = (float)(seed >> 8) / 16777216.0f - 0.5f;
    }
}

/* `bad`: one more operator, which is not supported. */
static inline void tflite_small_file(tflite_out *o, const tflite_small *w, int bad)
{
    static const int codes[] = {TFLITE_CONV, TFLITE_MEAN, TFLITE_DENSE, TFLITE_SOFTMAX, TFLITE_RFFT2D};
    static const int32_t axes[2] = {1, 2};
    const tflite_tensor tensors[] = {
        {"image", 0, {1, 6, 6, 2}, 4, NULL, 0, 0, 0, NULL, NULL},
        {"conv/weights", 0, {4, 3, 3, 2}, 4, w->conv, sizeof w->conv, 0, 0, NULL, NULL},
        {"conv/bias", 0, {4}, 1, w->conv_bias, sizeof w->conv_bias, 0, 0, NULL, NULL},
        {"conv", 0, {1, 1, 1, 1}, 4, NULL, 0, 0, 0, NULL, NULL}, /* a shape that is not true */
        {"axes", 2, {2}, 1, axes, sizeof axes, 0, 0, NULL, NULL},
        {"mean", 0, {1, 4}, 2, NULL, 0, 0, 0, NULL, NULL},
        {"dense/weights", 0, {3, 4}, 2, w->dense, sizeof w->dense, 0, 0, NULL, NULL},
        {"dense/bias", 0, {3}, 1, w->dense_bias, sizeof w->dense_bias, 0, 0, NULL, NULL},
        {"dense", 0, {1, 3}, 2, NULL, 0, 0, 0, NULL, NULL},
        {"probabilities", 0, {1, 3}, 2, NULL, 0, 0, 0, NULL, NULL},
        {"more", 0, {1, 3}, 2, NULL, 0, 0, 0, NULL, NULL},
    };
    const tflite_node nodes[] = {
        {0, {0, 1, 2}, 3, 3, 0xf, {0, 1, 1, 1}},        {1, {3, 4}, 5, 2, 0x1, {0}}, {2, {5, 6, 7}, 8, 3, 0x1, {0}},
        {3, {8}, 9, 1, 0x1, {0x3f800000 /* beta 1 */}}, {4, {9}, 10, 1, 0x1, {0}},
    };
    const tflite_net net = {codes, 5, tensors, 11, nodes, bad ? 5 : 4, 0, bad ? 10 : 9};
    tflite_write(o, &net);
}

/* The convolution alone, of integers: a scale for each filter. */
typedef struct tflite_integers {
    int8_t conv[4][3][3][2];
    int32_t bias[4];
    float scale[4], in, out;
    int64_t in_zero, out_zero;
} tflite_integers;

static inline void tflite_integer_weights(tflite_integers *w)
{
    uint32_t seed = 9;
    *w = (tflite_integers){.scale = {0.011f, 0.02f, 0.0075f, 0.03f}, .in = 0.05f, .out = 0.04f, .in_zero = -7};
    w->out_zero = 13;
    for (int i = 0; i < 72; i++) {
        seed = seed * 1664525u + 1013904223u;
        (&w->conv[0][0][0][0])[i] = (int8_t)((int)(seed >> 24) - 128);
        w->bias[i % 4] = (int32_t)(seed >> 20) - 2048;
    }
}

static inline void tflite_integer_file(tflite_out *o, const tflite_integers *w)
{
    static const int codes[] = {TFLITE_CONV};
    static const int64_t none[4] = {0};
    const tflite_tensor tensors[] = {
        {"image", 9, {1, 6, 6, 2}, 4, NULL, 0, 1, 0, &w->in, &w->in_zero},
        {"conv/weights", 9, {4, 3, 3, 2}, 4, w->conv, sizeof w->conv, 4, 0, w->scale, none},
        {"conv/bias", 2, {4}, 1, w->bias, sizeof w->bias, 0, 0, NULL, NULL},
        {"conv", 9, {1, 6, 6, 4}, 4, NULL, 0, 1, 0, &w->out, &w->out_zero},
    };
    const tflite_node nodes[] = {{0, {0, 1, 2}, 3, 3, 0xf, {0, 1, 1, 3 /* RELU6 */}}};
    const tflite_net net = {codes, 1, tensors, 4, nodes, 1, 0, 3};
    tflite_write(o, &net);
}

/* The same filters, transposed: 3 x 4 x 2 with stride 2 to 6 x 8 (SAME), or to 7 x 9 (VALID). */
static inline void tflite_transposed_file(tflite_out *o, const tflite_integers *w, bool valid)
{
    static const int codes[] = {67};
    static const int64_t none[4] = {0};
    const int32_t size[4] = {1, valid ? 7 : 6, valid ? 9 : 8, 4};
    const tflite_tensor tensors[] = {
        {"image", 9, {1, 3, 4, 2}, 4, NULL, 0, 1, 0, &w->in, &w->in_zero},
        {"size", 2, {4}, 1, size, sizeof size, 0, 0, NULL, NULL},
        {"conv/weights", 9, {4, 3, 3, 2}, 4, w->conv, sizeof w->conv, 4, 0, w->scale, none},
        {"conv/bias", 2, {4}, 1, w->bias, sizeof w->bias, 0, 0, NULL, NULL},
        {"conv", 9, {1, size[1], size[2], 4}, 4, NULL, 0, 1, 0, &w->out, &w->out_zero},
    };
    const tflite_node nodes[] = {{0, {1, 2, 0, 3}, 4, 4, 0xf, {valid, 2, 2, 3 /* RELU6 */}}};
    const tflite_net net = {codes, 1, tensors, 5, nodes, 1, 0, 4};
    tflite_write(o, &net);
}

#endif
