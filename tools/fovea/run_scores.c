/* SPDX-License-Identifier: Apache-2.0 */
#include "run_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The field of that name in a file's first line; -1: none. */
static int field_of(const char *head, const char *name)
{
    const size_t n = strlen(name);
    for (int i = 0;; i++) {
        const size_t size = strcspn(head, ",\n");
        if (size == n && strncmp(head, name, n) == 0)
            return i;
        if (head[size] != ',')
            return -1;
        head += size + 1;
    }
}

/* NaN: empty, or there is no such field. */
static double value_of(const char *line, int field)
{
    for (; field > 0; field--) {
        line += strcspn(line, ",\n");
        if (*line != ',')
            return NAN;
        line++;
    }
    return field < 0 || *line == ',' || *line == '\n' ? NAN : strtod(line, NULL);
}

static void take_monitor(run_scores *s, const fv_monitor *monitor)
{
    s->monitor = monitor;
    s->best = NAN;
    s->best_epoch = 0;
}

static void take_value(run_scores *s, double value, int64_t epoch)
{
    const int sign = s->monitor->metric->higher_is_better ? 1 : -1;
    if (!isfinite(value) || (isfinite(s->best) && sign * (value - s->best) <= 0))
        return;
    s->best = value;
    s->best_epoch = epoch;
}

static const fv_monitor *monitor_named(const char *name)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; name && i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

void run_scores_read(const char *dir, const char *named, int64_t limit, run_scores *s)
{
    char path[4200], head[1024], line[1024];
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    *s = (run_scores){0};
    take_monitor(s, monitor_named(named) ? monitor_named(named) : &list[FV_MONITOR_val_top1]);
    snprintf(path, sizeof path, "%s/results.csv", dir);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(head, sizeof head, f))
        head[0] = '\0';
    while (f && head[0] && (limit == 0 || s->epochs < limit) && fgets(line, sizeof line, f)) {
        if (!strchr(line, '\n'))
            break; /* being written when the process was killed */
        const int64_t epoch = (int64_t)value_of(line, 0);
        const double loss = value_of(line, field_of(head, list[FV_MONITOR_val_loss].name));
        if (!named && s->epochs == 0 && isfinite(loss) && isnan(value_of(line, field_of(head, s->monitor->name))))
            take_monitor(s, &list[FV_MONITOR_val_loss]);
        take_value(s, value_of(line, field_of(head, s->monitor->name)), epoch);
        s->epochs = epoch;
        s->seconds = value_of(line, field_of(head, "time_s"));
    }
    if (f)
        fclose(f);
}
