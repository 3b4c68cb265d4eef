/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_PROGRAM_LR_FIND_H
#define FOVEA_PROGRAM_LR_FIND_H

/* Options of train without a part in it, a blank on both sides of each. */
extern const char lr_find_idle[];

#endif
