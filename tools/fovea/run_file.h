/* SPDX-License-Identifier: Apache-2.0 */
/* A run's folder where a model's file is asked for. */
#ifndef FOVEA_RUN_FILE_H
#define FOVEA_RUN_FILE_H

#include "cli.h"

/* Where --model, --weights or the word of `info` names a run's folder, its best weights take the folder's place, or its
 * last where there are no best ones, or those of its latest epoch where it has neither; that is noted. NOT_FOUND, after
 * a message, when it has none. */
fv_status run_file_resolve(const verb *v, settings *c);

#endif
