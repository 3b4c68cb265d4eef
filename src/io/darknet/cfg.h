/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a .cfg: sections of options, `key=value` a line; blanks do not count, lines of # and ; are comments. */
#ifndef FV_IO_DARKNET_CFG_H
#define FV_IO_DARKNET_CFG_H

#include "base/arena.h"

typedef struct fv_darknet_option {
    const char *key, *value;
    int line;
} fv_darknet_option;

typedef struct fv_darknet_section {
    const char *name; /* without the brackets */
    int line;
    int n_options;
    const fv_darknet_option *options;
} fv_darknet_section;

typedef struct fv_darknet_cfg {
    fv_ctx *ctx;
    const char *path; /* for messages */
    int n_sections;
    fv_darknet_section *sections;
} fv_darknet_cfg;

/* Reads the text; everything is the arena's. MODEL_FORMAT with the line. */
fv_status fv_darknet_parse(fv_ctx *ctx, fv_arena *arena, const char *path, const uint8_t *data, int64_t size,
                           fv_darknet_cfg *cfg);

/* The option, or NULL. Given twice, the first counts, as in darknet. */
const fv_darknet_option *fv_darknet_find(const fv_darknet_section *s, const char *key);
/* A whole number in [min, max], or `fallback` where the section does not give it. MODEL_FORMAT with the line. */
fv_status fv_darknet_int(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, int64_t fallback,
                         int64_t min, int64_t max, int64_t *value);
fv_status fv_darknet_real(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, double fallback,
                          double *value);
/* Numbers between commas, at most `max`; none when the option is not there. */
fv_status fv_darknet_list(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, int max,
                          int64_t *values, int *count);

#endif
