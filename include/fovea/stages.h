/* SPDX-License-Identifier: Apache-2.0 */
/* A model that was made smaller stage by stage, on one HTML page. */
#ifndef FOVEA_STAGES_H
#define FOVEA_STAGES_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model of the chain; the first is the one that was given. All texts are borrowed, and may be any text. */
typedef struct fv_stage_row {
    const char *name, *settings; /* "prune"; what it was told, "": nothing */
    const char *score_text;      /* "91.50 %" */
    double score;                /* as it stands in the drawing: 91.5 */
    double ms, p99_ms;           /* of an image alone */
    double macs;
    int64_t parameters, bytes, peak_bytes; /* of the file; the most memory that running it took */
} fv_stage_row;

/** What a layer takes before all stages and behind them; NaN: it is not there. */
typedef struct fv_stage_layer {
    const char *name;
    double before_ms, after_ms;
} fv_stage_layer;

typedef struct fv_stages_page {
    const char *title, *about, *metric; /* metric: "top-1", as the axis has it */
    const char *command;                /* that makes all of it again */
    const char *processor;
    const fv_stage_row *rows;
    int n_rows;
    const fv_stage_layer *layers; /* those that are not among the slowest 30 are told as a sum */
    int n_layers;
} fv_stages_page;

/** A table, score over milliseconds, bars by layer; needs nothing else. Written atomically. NO_MEMORY, and what writing
 * says. */
FV_API fv_status fv_stages_write_html(fv_ctx *ctx, const fv_stages_page *page, const char *path);

#ifdef __cplusplus
}
#endif
#endif
