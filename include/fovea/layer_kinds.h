/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of architecture files (fv_model_read_architecture) as a list. */
#ifndef FOVEA_LAYER_KINDS_H
#define FOVEA_LAYER_KINDS_H

#include <fovea/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_layer_kind {
    const char *name;
    const char *doc;     /* what it computes: formula, operands and shapes */
    const char *main;    /* the key that a bare value stands for ("dense: 10"); NULL: none */
    const fv_attr *keys; /* ends with a NULL key; NULL: none. A default that is out of range: the key must be given, or
                            follows from the rest */
    int inputs[2];       /* how many values it takes: at least, at most */
} fv_layer_kind;

/** Layer i, sorted by name; false behind the last. */
FV_API bool fv_layer_kind_at(int i, fv_layer_kind *kind);

#ifdef __cplusplus
}
#endif
#endif
