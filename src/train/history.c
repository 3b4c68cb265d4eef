/* SPDX-License-Identifier: Apache-2.0 */
#include "train/history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/checkpoint.h"

static int64_t period_of(const fv_fit_options *o)
{
    return o->save_period > 0 ? o->save_period : o->checkpoint_hist > 0 ? 1 : 0;
}

static const char *name_of(int64_t epoch, char name[48])
{
    snprintf(name, 48, "epoch-%04lld.safetensors", (long long)epoch);
    return name;
}

int64_t fv_history_files(const fv_fit_options *o, int64_t done, const fv_history *history)
{
    const int64_t period = period_of(o), all = period ? o->epochs / period - done / period : 0;
    const int64_t ranks = o->checkpoint_hist + 1 - history->count; /* a model comes before another goes */
    if (all <= 0 || o->checkpoint_hist == 0)
        return all > 0 ? all : 0;
    return all < ranks ? all : ranks > 1 ? ranks : 1;
}

void fv_history_look(fv_history *h, const fv_checkpoints *c)
{
    char name[48];
    int kept = 0;
    for (int i = 0; i < h->count; i++)
        if (fv_checkpoints_has(c, name_of(h->list[i].epoch, name)))
            h->list[kept++] = h->list[i];
    h->count = kept;
}

/* The rank of an epoch: behind all that are better, and those that are as good, which are earlier. */
static int rank_of(const fv_history *h, double metric, bool higher_is_better)
{
    int rank = 0;
    while (rank < h->count && (higher_is_better ? h->list[rank].metric >= metric : h->list[rank].metric <= metric))
        rank++;
    return rank;
}

static void insert(fv_history *h, int rank, int64_t epoch, double metric)
{
    memmove(&h->list[rank + 1], &h->list[rank], (size_t)(h->count - rank) * sizeof h->list[0]);
    h->list[rank].epoch = epoch;
    h->list[rank].metric = metric;
    h->count++;
}

/* Removes models until `most` are left. */
static fv_status shorten(fv_history *h, const fv_checkpoints *c, int64_t most)
{
    char name[48];
    while (h->count > most) {
        FV_TRY(fv_checkpoints_drop(c, name_of(h->list[h->count - 1].epoch, name)));
        h->count--;
    }
    return FV_OK;
}

fv_status fv_history_epoch(fv_history *h, fv_checkpoints *c, const fv_fit_options *o, const fv_monitor *monitor,
                           const fv_fit_event *e)
{
    char name[48];
    const int64_t period = period_of(o);
    const double metric = fv_monitor_value(monitor, e);
    if (period == 0 || e->epoch % period != 0)
        return FV_OK;
    name_of(e->epoch, name);
    if (o->checkpoint_hist == 0)
        return fv_checkpoints_copy(c, "last.safetensors", name);
    if (!isfinite(metric)) /* it has no rank */
        return FV_OK;
    const int rank = rank_of(h, metric, monitor->metric->higher_is_better);
    if (rank < o->checkpoint_hist) {
        FV_TRY(fv_checkpoints_copy(c, "last.safetensors", name));
        insert(h, rank, e->epoch, metric);
    }
    return shorten(h, c, o->checkpoint_hist);
}
