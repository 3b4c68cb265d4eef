/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small .caffemodel files: for tests of what reads them. */
#ifndef FV_TESTS_CAFFE_WRITE_H
#define FV_TESTS_CAFFE_WRITE_H

#include <stdbool.h>

#include "support/onnx_write.h"

/* A blob of floats, behind field 7 of a layer (6 in the first generation of the format). `dims` NULL: the old way,
 * num, channels, height, width. */
static inline void caffe_blob(onnx_out *layer, bool old, const int64_t *dims, int rank, const float *data)
{
    onnx_out *b = calloc(1, sizeof *b), shape = {.size = 0};
    int64_t count = 1;
    for (int d = 0; d < rank; d++) {
        count *= dims[d];
        onnx_number(&shape, (uint64_t)dims[d]);
    }
    for (int d = 0; d < 4 && old; d++)
        onnx_int(b, 1 + d, d < 4 - rank ? 1 : dims[d - (4 - rank)]);
    onnx_bytes(b, 5, data, (size_t)count * sizeof *data);
    if (!old) {
        onnx_out packed = {.size = 0};
        onnx_bytes(&packed, 1, shape.data, shape.size);
        onnx_bytes(b, 7, packed.data, packed.size);
    }
    onnx_bytes(layer, old ? 6 : 7, b->data, b->size);
    free(b);
}

/* Begins a layer of the present format. */
static inline onnx_out *caffe_layer(const char *name, const char *type, const char *bottoms, const char *tops)
{
    onnx_out *l = calloc(1, sizeof *l);
    onnx_text(l, 1, name);
    onnx_text(l, 2, type);
    onnx_texts(l, 3, bottoms);
    onnx_texts(l, 4, tops);
    return l;
}

/* The same of 2014's, whose types are numbers. */
static inline onnx_out *caffe_old_layer(const char *name, int type, const char *bottoms, const char *tops)
{
    onnx_out *l = calloc(1, sizeof *l);
    onnx_texts(l, 2, bottoms);
    onnx_texts(l, 3, tops);
    onnx_text(l, 4, name);
    onnx_int(l, 5, type);
    return l;
}

/* Puts the layer into the file, and frees it. */
static inline void caffe_add(onnx_out *file, bool old, onnx_out *layer)
{
    onnx_bytes(file, old ? 2 : 100, layer->data, layer->size);
    free(layer);
}

#endif
