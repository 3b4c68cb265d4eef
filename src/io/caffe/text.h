/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a .prototxt: messages of caffe.proto as protobuf's text format has them. */
#ifndef FV_IO_CAFFE_TEXT_H
#define FV_IO_CAFFE_TEXT_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* A field that caffe.proto does not have. */
typedef struct fv_caffe_unknown {
    const ProtobufCMessage *in;
    const char *name;
    int line;
    struct fv_caffe_unknown *next;
} fv_caffe_unknown;

/* Reads the text into `message`, which is initialized; everything is the arena's. MODEL_FORMAT with the line. */
fv_status fv_caffe_parse(fv_ctx *ctx, fv_arena *arena, const char *path, const uint8_t *data, int64_t size,
                         ProtobufCMessage *message, fv_caffe_unknown **unknown);

#endif
