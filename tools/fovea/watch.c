/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <string.h>
#include <time.h>

#include "progress.h"

/* Seconds: before a live line is drawn, as most calls are done by then; between two drawings; and between lines where
 * nothing can be drawn over. */
static const double draw_after = 0.3, draw_every = 0.1, tell_every = 30, json_every = 1;

static struct {
    int style;
    bool stops, stopped;
    const char *done_what, *unit; /* of the call that is followed; NULL: none yet */
    int64_t done;
    double begun, last; /* it, and its last line */
} seen;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "scored 1200 of 5000 images  24%  812/s  ETA 00:00:05" */
static void describe(const fv_how_far *p, double seconds, char *line, size_t size)
{
    const double rate = seconds > 0 ? (double)p->done / seconds : 0;
    char left[32];
    int n = snprintf(line, size, "%s %lld", p->done_what, (long long)p->done);
    if (p->total > 0)
        n += snprintf(line + n, size - (size_t)n, " of %lld", (long long)p->total);
    n += snprintf(line + n, size - (size_t)n, " %s", p->unit);
    if (p->total > 0)
        n += snprintf(line + n, size - (size_t)n, "  %.0f%%", 100.0 * (double)p->done / (double)p->total);
    n += snprintf(line + n, size - (size_t)n, rate < 10 ? "  %.2g/s" : "  %.0f/s", rate);
    progress_duration(rate > 0 ? (double)(p->total - p->done) / rate : 0, left);
    if (p->total > 0 && rate > 0)
        snprintf(line + n, size - (size_t)n, "  ETA %s", left);
}

static void tell(const fv_how_far *p, double seconds)
{
    char line[256];
    describe(p, seconds, line, sizeof line);
    flockfile(stderr);
    if (seen.style == PROGRESS_BAR) {
        fprintf(stderr, "\r%.*s\033[K", progress_columns() - 1, line);
        bar_drawn = true;
    } else if (seen.style == PROGRESS_JSON) {
        fprintf(stderr, "{\"%s\":%lld,\"total\":%lld,\"unit\":\"%s\",\"seconds\":%.3f}\n", p->done_what,
                (long long)p->done, (long long)p->total, p->unit, seconds);
    } else {
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
    funlockfile(stderr);
}

static bool follow(void *user, const fv_how_far *p)
{
    const double time = now();
    const bool another = !seen.unit || strcmp(seen.unit, p->unit) != 0 || strcmp(seen.done_what, p->done_what) != 0;
    (void)user;
    if (another || p->done < seen.done) {
        seen.begun = seen.last = time;
        seen.done_what = p->done_what;
        seen.unit = p->unit;
    }
    seen.done = p->done;
    const double every = seen.style == PROGRESS_BAR    ? draw_every
                         : seen.style == PROGRESS_JSON ? json_every
                                                       : tell_every;
    const bool waits = seen.style == PROGRESS_BAR && time - seen.begun < draw_after;
    if (seen.style != PROGRESS_NONE && !waits && time - seen.last >= every) {
        seen.last = time;
        tell(p, time - seen.begun);
    }
    return watch_asked();
}

bool watch_asked(void)
{
    seen.stopped |= seen.stops && caught_signal != 0;
    return seen.stopped;
}

void watch_begin(const settings *c, fv_ctx *ctx)
{
    memset(&seen, 0, sizeof seen);
    seen.style = progress_make(c).style;
    seen.stops = true;
    signals_catch();
    fv_ctx_watch(ctx, follow, NULL);
}

void watch_only(void)
{
    seen.stops = seen.stopped = false;
}

void watch_again(void)
{
    seen.stops = true;
}

bool watch_step(const char *done_what, const char *unit, int64_t done, int64_t total)
{
    return seen.style != PROGRESS_AUTO && follow(NULL, &(fv_how_far){done_what, unit, done, total});
}

fv_status watch_own(const char *done_what, const char *unit, int64_t done, int64_t total)
{
    if (!watch_step(done_what, unit, done, total))
        return FV_OK;
    char of[32] = "";
    if (total > 0)
        snprintf(of, sizeof of, " of %lld", (long long)total);
    return complain(FV_ERR_INTERRUPTED, "nothing was written; start it again", "interrupted: %s %lld%s %s", done_what,
                    (long long)done, of, unit);
}

void watch_end(void)
{
    bar_wipe();
}

bool watch_stopped(void)
{
    return seen.stopped;
}
