/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that make no values of the network: data, losses, measures; and those that cannot be had. */
#ifdef FV_WITH_CAFFE
#include "io/caffe/net.h"

#define SOURCE(type)                                                                                                   \
    {                                                                                                                  \
        type, NULL, NULL, NULL, FV_CAFFE_SOURCE, 0                                                                     \
    }
#define LOSS(type)                                                                                                     \
    {                                                                                                                  \
        type, NULL, NULL, NULL, FV_CAFFE_LOSS, 0                                                                       \
    }
#define WATCH(type)                                                                                                    \
    {                                                                                                                  \
        type, NULL, NULL, NULL, FV_CAFFE_WATCH, 0                                                                      \
    }

static const char boxes[] =
    "boxes are not computed: leave this layer and those behind it out of the .prototxt, and the "
    "maps before it are the outputs";
static const char recurrent[] = "recurrent layers are not supported";

const fv_caffe_op fv_caffe_other_ops[] = {
    SOURCE("Input"),
    SOURCE("Data"),
    SOURCE("ImageData"),
    SOURCE("MemoryData"),
    SOURCE("DummyData"),
    SOURCE("HDF5Data"),
    SOURCE("WindowData"),
    SOURCE("AnnotatedData"),
    SOURCE("ImageSegData"),
    LOSS("SoftmaxWithLoss"),
    LOSS("SigmoidCrossEntropyLoss"),
    LOSS("EuclideanLoss"),
    LOSS("HingeLoss"),
    LOSS("InfogainLoss"),
    LOSS("MultinomialLogisticLoss"),
    LOSS("ContrastiveLoss"),
    LOSS("SmoothL1Loss"),
    LOSS("MultiBoxLoss"),
    LOSS("CenterLoss"),
    LOSS("TripletLoss"),
    WATCH("Accuracy"),
    WATCH("DetectionEvaluate"),
    WATCH("HDF5Output"),
    {"Silence", NULL, NULL, NULL, FV_CAFFE_SILENCE, 0},
    {"PriorBox", NULL, NULL, boxes, FV_CAFFE_PLAIN, 0},
    {"DetectionOutput", NULL, NULL, boxes, FV_CAFFE_PLAIN, 0},
    {"Proposal", NULL, NULL, boxes, FV_CAFFE_PLAIN, 0},
    {"Python", NULL, NULL, "it is a program in Python, and nothing of a file is run", FV_CAFFE_PLAIN, 0},
    {"RNN", NULL, NULL, recurrent, FV_CAFFE_PLAIN, 0},
    {"LSTM", NULL, NULL, recurrent, FV_CAFFE_PLAIN, 0},
    {"Recurrent", NULL, NULL, recurrent, FV_CAFFE_PLAIN, 0},
    {"Parameter", NULL, NULL, "a parameter without a layer is not supported", FV_CAFFE_PLAIN, 0},
    {"Filter", NULL, NULL, "choosing samples of a batch is not supported", FV_CAFFE_PLAIN, 0},
    {"BatchReindex", NULL, NULL, "choosing samples of a batch is not supported", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
