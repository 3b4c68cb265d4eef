/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times fv_resize for bench/peers/resize_pillow.py: one line "h w c out_h out_w filter seconds" in (filter by name),
 * one line with the fastest run in microseconds of processor time out, until the end of input. One thread.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ctx.h"
#include "data/image/resize.h"

#define BATCH 3e-5 /* seconds that are timed at once at least, so that reading the clock counts little */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static fv_status measure(fv_resize_scratch *scratch, const fv_image *src, const fv_resize_spec *spec, double seconds,
                         double *best)
{
    uint8_t *dst = fv_malloc(scratch->ctx, (size_t)(spec->h * spec->w * src->c));
    fv_status status = dst ? fv_resize(scratch, src, spec, dst) : FV_ERR_NO_MEMORY;
    const double begin = now();
    *best = 1e9;
    int calls = 1;
    for (double last = begin; status == FV_OK && last - begin < seconds;) {
        for (int i = 0; i < calls && status == FV_OK; i++)
            status = fv_resize(scratch, src, spec, dst);
        const double end = now(), each = (end - last) / calls;
        *best = each < *best ? each : *best;
        calls *= end - last < BATCH ? 2 : 1;
        last = end;
    }
    fv_free(scratch->ctx, dst);
    return status;
}

int main(void)
{
    fv_ctx *ctx = NULL;
    char line[256], name[32];
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_resize_scratch scratch = {.ctx = ctx};
    fv_status status = FV_OK;
    while (status == FV_OK && fgets(line, sizeof line, stdin)) {
        long long h, w, c, out_h, out_w;
        double seconds, best;
        if (sscanf(line, "%lld %lld %lld %lld %lld %31s %lf", &h, &w, &c, &out_h, &out_w, name, &seconds) != 7)
            break;
        int filter = 0;
        while (filter < FV_FILTER_COUNT && strcmp(fv_filter_names()[filter], name) != 0)
            filter++;
        fv_image src = {.data = fv_malloc(ctx, (size_t)(h * w * c)), .h = h, .w = w, .c = c};
        if (!src.data)
            break;
        for (int64_t i = 0; i < h * w * c; i++)
            src.data[i] = (uint8_t)(i * 2654435761u >> 13);
        const fv_resize_spec spec = fv_resize_whole(&src, out_h, out_w, (fv_filter)filter, true);
        status = measure(&scratch, &src, &spec, seconds, &best);
        fv_image_free(ctx, &src);
        if (status == FV_OK)
            printf("%.2f\n", best * 1e6);
        fflush(stdout);
    }
    if (status != FV_OK)
        fprintf(stderr, "fvresize: %s\n", fv_ctx_error(ctx));
    fv_scratch_free(&scratch);
    fv_ctx_destroy(&ctx);
    return status != FV_OK;
}
