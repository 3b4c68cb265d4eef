/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of fvbench share. */
#ifndef FV_BENCH_FVBENCH_H
#define FV_BENCH_FVBENCH_H

#include <fovea/fovea.h>

typedef struct fvbench_settings {
    const char *model, *problem; /* the bare word: a problem, or a path */
    const char *augment;
    int64_t batch, img_size;
    int threads;
    double seconds;
    bool profile, cold;
    bool training, verify_only;
    char **paths; /* all bare words */
    int n_paths;
} fvbench_settings;

fv_status fvbench_data(fv_ctx *ctx, const fvbench_settings *s);
fv_status fvbench_start(fv_ctx *ctx, const fvbench_settings *s);
/* What fvbench_start starts: main for it. */
int fvbench_start_parts(int argc, char **argv);
fv_status fvbench_overlap(fv_ctx *ctx, const fvbench_settings *s);
fv_status fvbench_list(fv_ctx *ctx, const fvbench_settings *s);
fv_status fvbench_check(fv_ctx *ctx, const fvbench_settings *s);

#endif
