/* SPDX-License-Identifier: Apache-2.0 */
/* One network in every format that `fovea quantize` makes. */
#ifndef FOVEA_FORMATS_H
#define FOVEA_FORMATS_H

#include "cli.h"

/* Files in a folder of their own, which goes with them. */
typedef struct formats {
    char folder[300];
    int count;
    char path[MAX_NETWORKS][360];
    struct {
        const char *name, *what;
    } format[MAX_NETWORKS];
} formats;

/* The model of a file as float32 and in every format. Those that need images take them from the train split of --data,
 * and are left out, which is noted, where it is not given. What fails was told when it returns. */
fv_status formats_make(settings *c, const char *model, formats *f);
/* Removes the files; takes what was never made. */
void formats_forget(formats *f);

#endif
