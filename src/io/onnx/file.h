/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder that know protobuf-c share. */
#ifndef FV_IO_ONNX_FILE_H
#define FV_IO_ONNX_FILE_H

#ifdef FV_WITH_ONNX
#include "io/onnx/node.h"
#include "io/onnx/onnx.h"
#include "onnx.pb-c.h"

/* Branches of a file's graph that are walked, at most. */
enum { FV_ONNX_BRANCHES = 256 };

/* The file, parsed. */
typedef struct fv_onnx_file {
    fv_ctx *ctx;
    const char *path;
    int64_t size;
    const FvOnnx__Model *model;
    int64_t opset;
    ProtobufCAllocator *allocator; /* of its messages */
    FvOnnx__Graph *branches[FV_ONNX_BRANCHES];
    int n_branches, depth; /* depth: branches within each other where the walk is */
} fv_onnx_file;

/* Elements of a tensor as a constant: shape, dtype, data. External data is read from beside the model. */
fv_status fv_onnx_read_tensor(fv_import *im, const FvOnnx__Tensor *tensor, const char *name, fv_foreign *to);
/* Bytes [offset, offset + size) of a file beside the model: data must be freed with the import. */
fv_status fv_onnx_read_external(fv_import *im, const FvOnnx__Tensor *tensor, const char *name, int64_t size,
                                const uint8_t **data);
/* The whole graph into im->model. */
fv_status fv_onnx_build(fv_import *im, fv_onnx_file *file, const fv_import_options *options);
/* The nodes of a graph in order; of a branch, its initializers first. */
fv_status fv_onnx_walk(fv_import *im, fv_onnx_file *file, const FvOnnx__Graph *graph);
/* An If whose condition is known: the branch that is taken stands for it. */
fv_status fv_onnx_walk_branch(const fv_onnx_node *n, fv_onnx_file *file);
#endif

#endif
