/* SPDX-License-Identifier: Apache-2.0 */
/* How operators tie the channels of their operands and results (fv_op.channels): the usual ways. */
#ifndef FV_OPS_CHANNELS_H
#define FV_OPS_CHANNELS_H

#include <fovea/op.h>

/* Element by element: dimensions are aligned behind, as for repeating, and those of one size go together. */
void fv_channels_each(fv_channels *c, const fv_node *node);
/* Result i has the channels, the last dimension, of operand 0. */
void fv_channels_last(fv_channels *c, const fv_node *node);
/* Weights k ... c of `groups` between channels c of operand 0 and k of the result, bias and residual. Few groups keep
 * their number and become narrower, each by the same channels; of many (and of depthwise ones) whole groups go. */
void fv_channels_weighted(fv_channels *c, const fv_node *node, int64_t groups);
/* How many groups are left. */
int64_t fv_channels_groups(const fv_channels *c, const fv_node *node, int64_t groups);

#endif
