/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_AUGMENT_TEXT_H
#define FOVEA_AUGMENT_TEXT_H

#include "cli.h"

/* --augment and the short flags as one text; "" when there are none. The caller frees. */
fv_status augment_text(const settings *c, char **text);

/* The name of one of these options that was given and does something; NULL: there is none. */
const char *augment_given(const settings *c);

#endif
