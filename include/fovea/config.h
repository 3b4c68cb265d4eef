/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: flat YAML or JSON files of settings, as the program's `-c FILE` and args.yaml. */
#ifndef FOVEA_CONFIG_H
#define FOVEA_CONFIG_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_config fv_config;

/** One setting. Texts live as long as the config. */
typedef struct fv_setting {
    const char *key;   /* '_' is read as '-' */
    const char *value; /* scalars as written; lists joined by commas; "" for null */
    int line, column;  /* of the value; 0 when unknown */
    int stage;         /* that it is of, from 1 on; 0: of the whole file */
} fv_setting;

/** An item of the list `stages:`, such as `- prune: {target-macs: 0.6}`; what is set there are settings of its number.
 */
typedef struct fv_config_stage {
    const char *name; /* "prune" */
    int line, column;
} fv_config_stage;

/**
 * Reads key: value pairs; the sections `model:`, `data:` and `aug:` may hold one more level, whose keys count as if
 * they stood at the top. `stages:` is a list of names, each alone or with a map of its own settings. SYNTAX or VALUE
 * with file, line and column.
 */
FV_API fv_status fv_config_read(fv_ctx *ctx, const char *path, fv_config **config);
FV_API void fv_config_destroy(fv_config **config);
FV_API int fv_config_count(const fv_config *config);
FV_API const fv_setting *fv_config_get(const fv_config *config, int i);
/** Stage i, from 1 on, as long as the config lives; NULL: there are fewer. */
FV_API const fv_config_stage *fv_config_stage_at(const fv_config *config, int i);

/** The word of `words` (NULL-terminated) nearest to `word`, or NULL when none is near: for "did you mean". */
FV_API const char *fv_nearest(const char *word, const char *const *words);
/**
 * The first character of a text (a file's or class's name may hold anything) as it can stand in a line: control
 * characters as \n or \x1b, bytes that are not UTF-8 as \xe9, what turns the direction of writing as \u202e, all else
 * as it is. Returns how many bytes of the text it is, 0 at the end; `shown` gets at most 7 bytes and a NUL. Any thread.
 */
FV_API size_t fv_text_show(const char *text, char shown[8]);

#ifdef __cplusplus
}
#endif
#endif
