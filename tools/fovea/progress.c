/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

progress progress_make(const cli *c)
{
    const char *term = getenv("TERM");
    bool dumb = term && strcmp(term, "dumb") == 0, terminal = isatty(STDERR_FILENO) && !dumb;
    progress p = {.style = c->progress, .interval = c->log_interval};
    if (c->quiet)
        p.style = PROGRESS_NONE;
    else if (p.style == PROGRESS_AUTO)
        p.style = terminal ? PROGRESS_BAR : PROGRESS_PLAIN;
    p.color = terminal && !c->no_color && !getenv("NO_COLOR");
    return p;
}

static void duration(double seconds, char text[32])
{
    long s = seconds > 0 && seconds < 1e9 ? lround(seconds) : 0;
    snprintf(text, 32, "%02ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void memory(int64_t bytes, char text[32])
{
    double mb = (double)bytes / 1048576;
    snprintf(text, 32, mb < 1000 ? "%.0fM" : "%.1fG", mb < 1000 ? mb : mb / 1024);
}

static int columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 100;
}

/* The parts behind the bar, in the order of importance from left to right. */
static void describe(const progress *p, const fv_fit_event *e, char *text, size_t size)
{
    char mem[32], eta[32];
    double left = (double)((e->epochs - e->epoch) * e->steps + e->steps - e->step);
    int64_t done = e->global_step - p->first_step;
    double batch = done > 0 ? e->seconds / (double)done : 0;
    memory(e->memory, mem);
    duration(left * batch, eta);
    snprintf(text, size, "loss %.3f (%.3f)  top1 %.1f  lr %.1e  %.0f img/s  data %.0f%%  mem %s  ETA %s", e->loss,
             e->mean_loss, 100 * e->train_top1, e->lr, e->img_per_s, 100 * e->data_wait, mem, eta);
}

static void draw_bar(progress *p, const fv_fit_event *e)
{
    enum { WIDTH = 10 };
    char bar[WIDTH + 1], rest[256], line[512];
    int done = (int)(e->step * WIDTH / (e->steps ? e->steps : 1));
    if (e->seconds - p->last < 0.1 && e->step < e->steps)
        return;
    p->last = e->seconds;
    memset(bar, ' ', WIDTH);
    memset(bar, '=', (size_t)done);
    if (done < WIDTH)
        bar[done] = '>';
    bar[WIDTH] = 0;
    describe(p, e, rest, sizeof rest);
    snprintf(line, sizeof line, "Epoch %lld/%lld  %lld/%lld [%s] %3.0f%%  %s", (long long)e->epoch,
             (long long)e->epochs, (long long)e->step, (long long)e->steps, bar,
             100.0 * (double)e->step / (double)(e->steps ? e->steps : 1), rest);
    flockfile(stderr);
    fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
    fflush(stderr);
    bar_drawn = true;
    funlockfile(stderr);
}

static void plain_step(const progress *p, const fv_fit_event *e)
{
    char rest[256];
    if (e->step % p->interval != 0)
        return;
    describe(p, e, rest, sizeof rest);
    fprintf(stderr, "Epoch %lld/%lld  %lld/%lld  %s\n", (long long)e->epoch, (long long)e->epochs, (long long)e->step,
            (long long)e->steps, rest);
}

static void epoch_line(progress *p, const fv_fit_event *e)
{
    const char *bold = p->color && e->best ? "\033[1m" : "", *reset = p->color && e->best ? "\033[0m" : "";
    bar_wipe();
    fprintf(stderr, "%sEpoch %lld/%lld  loss %.4f  top1 %.2f", bold, (long long)e->epoch, (long long)e->epochs,
            e->mean_loss, 100 * e->train_top1);
    if (isfinite(e->val_loss))
        fprintf(stderr, "  |  val loss %.4f  top1 %.2f  top5 %.2f", e->val_loss, 100 * e->val_top1, 100 * e->val_top5);
    fprintf(stderr, "  |  %.0f img/s  data %.0f%%%s%s\n", e->img_per_s, 100 * e->data_wait, e->best ? "  best" : "",
            reset);
}

static void json_line(const fv_fit_event *e)
{
    fprintf(stderr, "{\"epoch\":%lld,\"step\":%lld,\"steps\":%lld,\"lr\":%.9g,\"img_per_s\":%.1f", (long long)e->epoch,
            (long long)e->step, (long long)e->steps, e->lr, e->img_per_s);
    if (isfinite(e->mean_loss))
        fprintf(stderr, ",\"loss\":%.9g,\"top1\":%.6f", e->mean_loss, e->train_top1);
    if (e->kind == FV_EVENT_EPOCH && isfinite(e->val_loss))
        fprintf(stderr, ",\"val_loss\":%.9g,\"val_top1\":%.6f,\"val_top5\":%.6f", e->val_loss, e->val_top1,
                e->val_top5);
    fputs("}\n", stderr);
}

void progress_event(progress *p, const fv_fit_event *e)
{
    if (e->kind == FV_EVENT_START)
        p->first_step = e->global_step;
    if (e->kind == FV_EVENT_START && e->global_step > 0 && e->epoch <= e->epochs)
        note("resumed at epoch %lld, after %lld steps", (long long)e->epoch, (long long)e->global_step);
    if (e->kind == FV_EVENT_WARN)
        warn("%s", e->text);
    bool step = e->kind == FV_EVENT_STEP, epoch = e->kind == FV_EVENT_EPOCH;
    if (p->style == PROGRESS_JSON && (epoch || (step && e->step % p->interval == 0)))
        json_line(e);
    else if (p->style == PROGRESS_BAR && step)
        draw_bar(p, e);
    else if (p->style == PROGRESS_PLAIN && step)
        plain_step(p, e);
    else if (epoch && (p->style == PROGRESS_BAR || p->style == PROGRESS_PLAIN))
        epoch_line(p, e);
    if (e->kind == FV_EVENT_END)
        bar_wipe();
}
