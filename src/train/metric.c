/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics and monitors as tables, from the rows of fovea/metrics.def. */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "train/columns.h"

static const fv_metric metrics[] = {
#define FV_METRIC(id, how, higher, share, digits, chart, line, one, several, numbers, scalar)                          \
    {#id, chart, line, scalar, {one, several, numbers}, higher, share, digits, offsetof(fv_metrics, id)},
#include <fovea/metrics.def>
};

const fv_metric *fv_metric_list(int *count)
{
    *count = FV_METRIC_COUNT;
    return metrics;
}

double fv_metric_value(const fv_metric *metric, const fv_metrics *measured)
{
    return *(const double *)((const char *)measured + metric->offset);
}

const char *fv_metric_text(const fv_metric *metric, double value, char text[32])
{
    const double shown = metric->percent ? 100 * value : value;
    if (!isfinite(value))
        return "-";
    if (metric->decimals < 0)
        fv_text_format(text, 32, "%.*g", -metric->decimals, shown);
    else /* what grew out of hand keeps its column */
        fv_text_format(text, 32, fabs(shown) < 1e5 ? "%.*f" : "%.*e", metric->decimals, shown);
    return text;
}

static const fv_monitor monitors[] = {
#define FV_METRIC(id, ...)
#define FV_METRIC_TRAIN(id, ...) {"train_" #id, &metrics[FV_METRIC_##id], false, offsetof(fv_fit_event, train_##id)},
#include <fovea/metrics.def>
#define FV_METRIC(id, ...) {"val_" #id, &metrics[FV_METRIC_##id], true, offsetof(fv_fit_event, val_##id)},
#include <fovea/metrics.def>
};

const fv_monitor *fv_monitor_list(int *count)
{
    *count = FV_MONITOR_COUNT;
    return monitors;
}

double fv_monitor_value(const fv_monitor *monitor, const fv_fit_event *event)
{
    return *(const double *)((const char *)event + monitor->offset);
}

void fv_monitor_forget(fv_fit_event *event, bool validation)
{
    for (int i = 0; i < FV_MONITOR_COUNT; i++)
        if (monitors[i].validation == validation)
            *(double *)((char *)event + monitors[i].offset) = NAN;
}

void fv_monitor_take(fv_fit_event *event, const fv_metrics *measured)
{
    for (int i = 0; i < FV_MONITOR_COUNT; i++)
        if (monitors[i].validation)
            *(double *)((char *)event + monitors[i].offset) = fv_metric_value(monitors[i].metric, measured);
}

fv_status fv_monitor_to_card(const fv_fit_event *event, fv_model *model)
{
    char text[1024] = "", number[32];
    size_t used = 0;
    for (int wanted = 1; wanted >= 0 && used == 0; wanted--)
        for (int i = 0; i < FV_MONITOR_COUNT; i++) {
            const fv_metric *metric = monitors[i].metric;
            const double value = fv_monitor_value(&monitors[i], event);
            if (monitors[i].validation != (wanted == 1) || !isfinite(value))
                continue;
            const int n = snprintf(text + used, sizeof text - used, "%s%s %s%s", used ? ", " : "", monitors[i].name,
                                   fv_metric_text(metric, value, number), metric->percent ? " %" : "");
            used += n > 0 && used + (size_t)n < sizeof text ? (size_t)n : 0;
        }
    if (used > 0)
        snprintf(text + used, sizeof text - used, " at epoch %lld", (long long)event->epoch);
    return fv_model_set_card(model, FV_CARD_METRICS, text);
}

/* ---- the columns of results.csv ---- */

static const fv_column columns[FV_RESULT_COLUMNS] = {
    [FV_RESULT_EPOCH] = {"epoch", "epoch", 1, FV_SHOW_FIXED, 0, NULL},
    [FV_RESULT_STEP] = {"step", "step", 1, FV_SHOW_FIXED, 0, NULL},
    [FV_RESULT_TIME] = {"time_s", "time", 1e3, FV_SHOW_DURATION, 0, NULL},
    [FV_RESULT_LR] = {"lr", "lr", 0, FV_SHOW_SHORT, 4, NULL},
#define FV_METRIC(id, ...)
#define FV_METRIC_TRAIN(id, how, higher, share, digits, ...)                                                           \
    [FV_RESULT_train_##                                                                                                \
        id] = {"train_" #id, NULL, (share) ? 1e6 : 0, FV_SHOW_FIXED, digits, &monitors[FV_MONITOR_train_##id]},
#include <fovea/metrics.def>
#define FV_METRIC(id, how, higher, share, digits, ...)                                                                 \
    [FV_RESULT_val_##id] = {"val_" #id, NULL, (share) ? 1e6 : 0, FV_SHOW_FIXED, digits, &monitors[FV_MONITOR_val_##id]},
#include <fovea/metrics.def>
    [FV_RESULT_SPEED] = {"img_per_s", "img/s", 10, FV_SHOW_FIXED, 0, NULL},
    [FV_RESULT_DATA_WAIT] = {"data_wait_pct", "data wait %", 10, FV_SHOW_FIXED, 1, NULL},
    [FV_RESULT_MEMORY] = {"peak_mem_mb", "peak MB", 10, FV_SHOW_FIXED, 0, NULL},
};

const fv_column *fv_column_get(fv_result_column column)
{
    return &columns[column];
}

void fv_columns_of(const fv_fit_event *e, double value[FV_RESULT_COLUMNS])
{
    for (int c = 0; c < FV_RESULT_COLUMNS; c++)
        value[c] = columns[c].monitor ? fv_monitor_value(columns[c].monitor, e) : NAN;
    value[FV_RESULT_EPOCH] = (double)e->epoch;
    value[FV_RESULT_STEP] = (double)e->global_step;
    value[FV_RESULT_TIME] = e->seconds;
    value[FV_RESULT_LR] = e->lr;
    value[FV_RESULT_SPEED] = e->img_per_s;
    value[FV_RESULT_DATA_WAIT] = 100 * e->data_wait;
    value[FV_RESULT_MEMORY] = (double)e->memory / 1048576;
}

/* ---- why a run ends ---- */

const char *fv_stop_text(fv_stop stop)
{
    static const char *const texts[] = {
#define FV_STOP_ROW(id, text) text,
        FV_STOP_LIST(FV_STOP_ROW)
#undef FV_STOP_ROW
    };
    return (unsigned)stop < FV_STOP_COUNT ? texts[stop] : "";
}
