/* SPDX-License-Identifier: Apache-2.0 */
/* What lies among data and is none of it: what operating systems put there, and what fovea wrote. */
#ifndef FV_DATA_SOURCE_ASIDE_H
#define FV_DATA_SOURCE_ASIDE_H

#include <stdbool.h>

/* A hidden file or folder, or one that a system makes for itself ("Thumbs.db", "@eaDir", "lost+found"): by name alone,
 * as such folders often cannot be read. Letter case does not count. */
bool fv_name_is_system(const char *name);
/* Whether a part of a path is called so: "photos/__MACOSX/1.jpg". */
bool fv_path_has_system(const char *path);
/* A file that fovea wrote and that is no image: a model, a state, a packed data set. By name. */
bool fv_name_is_own_file(const char *name);
/* A folder that fovea wrote: a run (args.yaml, weights/), shards, or folders that hold nothing but such. */
bool fv_path_is_own_folder(const char *path);

#endif
