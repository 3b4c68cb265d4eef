/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a head: "256,relu,drop=0.5". */
#ifndef FV_NN_HEAD_TEXT_H
#define FV_NN_HEAD_TEXT_H

#include <fovea/model.h>

/* One layer of a head. */
typedef struct fv_head_item fv_head_item;
struct fv_head_item {
    fv_value (*make)(fv_model *m, const char *name, const fv_head_item *item, fv_value x);
    bool tensors; /* it has some */
    double number;
    fv_activation activation;
};

#define FV_HEAD_ITEMS 32

/* VALUE naming the item that is none. NULL and "linear": none. */
fv_status fv_head_read(fv_ctx *ctx, const char *text, fv_head_item items[FV_HEAD_ITEMS], int *count);

#endif
