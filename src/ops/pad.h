/* SPDX-License-Identifier: Apache-2.0 */
/* What pad and crop share. */
#ifndef FV_OPS_PAD_H
#define FV_OPS_PAD_H

#include "ops/window.h"

/* clang-format off: one row per line */
#define FV_PAD_ROWS                                                                                                    \
    {"pad",                                                                                                            \
     FV_ATTR_PAD,                                                                                                      \
     offsetof(fv_pad_attr, pad),                                                                                       \
     0,                                                                                                                \
     0,                                                                                                                \
     FV_WINDOW_MAX,                                                                                                    \
     NULL,                                                                                                             \
     "Rows and columns: top, left, bottom, right."},                                                                   \
    {                                                                                                                  \
        "channels", FV_ATTR_INT2, offsetof(fv_pad_attr, channels), 0, 0, 1 << 24, NULL, "Channels before and behind."  \
    }
/* clang-format on */

/* Rows, columns and channels added or taken: before, and in total. */
static inline void fv_pad_margins(const fv_pad_attr *attr, int64_t before[3], int64_t total[3])
{
    for (int i = 0; i < 2; i++) {
        before[i] = attr->pad[i];
        total[i] = attr->pad[i] + attr->pad[i + 2];
    }
    before[2] = attr->channels[0];
    total[2] = attr->channels[0] + attr->channels[1];
}

#endif
