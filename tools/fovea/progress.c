/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

progress progress_make(const settings *c)
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

void progress_duration(double seconds, char text[32])
{
    long s = seconds > 0 && seconds < 1e9 ? lround(seconds) : 0;
    snprintf(text, 32, "%02ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void memory(int64_t bytes, char text[32])
{
    double mb = (double)bytes / 1048576;
    snprintf(text, 32, mb < 1000 ? "%.0fM" : "%.1fG", mb < 1000 ? mb : mb / 1024);
}

int progress_columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 100;
}

/* A loss that grew out of hand keeps its column. */
static void loss_text(double loss, int digits, char text[32])
{
    snprintf(text, 32, fabs(loss) < 1e5 ? "%.*f" : "%.*e", digits, loss);
}

/* The parts of a progress line, and in what order they go where room is short. */
enum { P_LOSS, P_TOP1, P_LR, P_SPEED, P_DATA, P_MEMORY, P_ETA, PARTS };
static const int by_importance[PARTS] = {P_LOSS, P_ETA, P_TOP1, P_SPEED, P_LR, P_DATA, P_MEMORY};

static void make_parts(const progress *p, const fv_fit_event *e, char part[PARTS][64])
{
    char now[32], mean[32], mem[32], eta[32];
    memory(e->memory, mem);
    progress_duration(fv_eta_left(&p->eta, e), eta);
    loss_text(e->loss, 3, now);
    loss_text(e->train_loss, 3, mean);
    snprintf(part[P_LOSS], 64, "  loss %.20s (%.20s)", now, mean);
    part[P_TOP1][0] = 0;
    if (isfinite(e->train_top1))
        snprintf(part[P_TOP1], 64, "  top1 %.1f", 100 * e->train_top1);
    snprintf(part[P_LR], 64, "  lr %.1e", e->lr);
    snprintf(part[P_SPEED], 64, "  %.0f img/s", e->img_per_s);
    snprintf(part[P_DATA], 64, "  data %.0f%%", 100 * e->data_wait);
    snprintf(part[P_MEMORY], 64, "  mem %s", mem);
    snprintf(part[P_ETA], 64, "  ETA %s", eta);
}

/* Appends the parts to a line that may grow to `width` characters. */
static void append_parts(const progress *p, const fv_fit_event *e, size_t width, char line[512])
{
    char part[PARTS][64];
    bool shown[PARTS] = {false};
    size_t used = strlen(line);
    make_parts(p, e, part);
    for (int i = 0; i < PARTS; i++) {
        size_t n = strlen(part[by_importance[i]]);
        shown[by_importance[i]] = used + n <= width;
        used += used + n <= width ? n : 0;
    }
    for (int i = 0; i < PARTS; i++)
        if (shown[i])
            strcat(line, part[i]);
}

static void draw_bar(progress *p, const fv_fit_event *e)
{
    char bar[32], line[512];
    int width = progress_columns() - 1, size = width >= 140 ? 20 : 10;
    int done = (int)(e->step * size / (e->steps ? e->steps : 1));
    if (e->seconds - p->last < 0.1 && e->step < e->steps)
        return;
    p->last = e->seconds;
    memset(bar, ' ', (size_t)size);
    memset(bar, '=', (size_t)done);
    if (done < size)
        bar[done] = '>';
    bar[size] = 0;
    snprintf(line, 128, "Epoch %lld/%lld  %lld/%lld [%s] %3.0f%%", (long long)e->epoch, (long long)e->epochs,
             (long long)e->step, (long long)e->steps, bar, 100.0 * (double)e->step / (double)(e->steps ? e->steps : 1));
    append_parts(p, e, (size_t)width, line);
    flockfile(stderr);
    fprintf(stderr, "\r%.*s\033[K", width, line);
    fflush(stderr);
    bar_drawn = true;
    funlockfile(stderr);
}

/* Every so many steps, and where these take long after half a minute. */
static void plain_step(progress *p, const fv_fit_event *e)
{
    char line[512];
    if (e->step % p->interval != 0 && e->seconds - p->last < 30)
        return;
    p->last = e->seconds;
    snprintf(line, 128, "Epoch %lld/%lld  %lld/%lld", (long long)e->epoch, (long long)e->epochs, (long long)e->step,
             (long long)e->steps);
    append_parts(p, e, sizeof line - 1, line);
    fprintf(stderr, "%s\n", line);
}

/* The metrics of training, or of validation, that were measured: "  top1 97.50  ..."; at most `most` of them. */
static int metrics_part(const fv_fit_event *e, bool validation, const char *first, int most, char *line, size_t room)
{
    int count, n = 0, shown = 0;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++) {
        const double value = fv_monitor_value(&list[i], e);
        char text[32];
        if (list[i].validation != validation || !isfinite(value) || shown == most)
            continue;
        n += snprintf(line + n, room - (size_t)n, "%s%s %s", shown ? "  " : first, list[i].metric->brief,
                      fv_metric_text(list[i].metric, value, text));
        shown++;
    }
    return n;
}

/* One line an epoch. On a terminal too narrow for it the less important parts go, the speed first. */
static void epoch_line(const progress *p, const fv_fit_event *e)
{
    char line[512], *bold = p->color && e->best ? "\033[1m" : "", *reset = *bold ? "\033[0m" : "";
    int width = isatty(STDERR_FILENO) ? progress_columns() : 1000;
    for (int level = 0; level < 3; level++) {
        int n = snprintf(line, sizeof line, "Epoch %lld/%lld", (long long)e->epoch, (long long)e->epochs);
        n += metrics_part(e, false, "  ", FV_METRIC_COUNT, line + n, sizeof line - (size_t)n);
        n += metrics_part(e, true, "  |  val ", level < 2 ? FV_METRIC_COUNT : 2, line + n, sizeof line - (size_t)n);
        if (level < 1)
            n += snprintf(line + n, sizeof line - (size_t)n, "  |  %.0f img/s  data %.0f%%", e->img_per_s,
                          100 * e->data_wait);
        if (e->best)
            n += snprintf(line + n, sizeof line - (size_t)n, "  best");
        if (n <= width)
            break;
    }
    flockfile(stderr);
    bar_wipe();
    fprintf(stderr, "%s%s%s\n", bold, line, reset);
    funlockfile(stderr);
}

static void json_line(const fv_fit_event *e)
{
    fprintf(stderr, "{\"epoch\":%lld,\"step\":%lld,\"steps\":%lld,\"lr\":%.9g,\"img_per_s\":%.1f", (long long)e->epoch,
            (long long)e->step, (long long)e->steps, e->lr, e->img_per_s);
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++) {
        const double value = fv_monitor_value(&list[i], e);
        if (isfinite(value) && (!list[i].validation || e->kind == FV_EVENT_EPOCH))
            fprintf(stderr, list[i].metric->percent ? ",\"%s\":%.6f" : ",\"%s\":%.9g",
                    list[i].name + (list[i].validation ? 0 : strlen("train_")), value);
    }
    fputs("}\n", stderr);
}

void progress_event(progress *p, const fv_fit_event *e)
{
    fv_eta_event(&p->eta, e);
    if (e->kind == FV_EVENT_START && e->global_step > 0 && e->epoch <= e->epochs)
        note("resumed at epoch %lld, after %lld steps", (long long)e->epoch, (long long)e->global_step);
    if (e->kind == FV_EVENT_WARN)
        warn("%s", e->text);
    if (e->kind == FV_EVENT_NOTE)
        note("%s", e->text);
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
