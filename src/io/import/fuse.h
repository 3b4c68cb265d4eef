/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that files compute node by node. */
#ifndef FV_IO_IMPORT_FUSE_H
#define FV_IO_IMPORT_FUSE_H

#include "io/import/build.h"

/* A node that computes what another one and those before it would. */
typedef struct fv_fusion {
    const char *op;
    fv_value in[3];
    int n;
    union {
        fv_act_attr act;
        fv_layer_norm_attr norm;
    } attr;
} fv_fusion;

/* Whether the node `op` of a and b would end such a computation. */
bool fv_import_fuses(const fv_import *im, const char *op, fv_value a, fv_value b, fv_fusion *f);
/* Takes nodes and parameters out of the model's graph that no output depends on. */
fv_status fv_import_drop_unused(fv_import *im);

#endif
