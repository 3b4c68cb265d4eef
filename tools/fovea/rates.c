/* SPDX-License-Identifier: Apache-2.0 */
#include "rates.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One tensor that training could change. */
typedef struct tensor_rate {
    const char *name;
    fv_shape shape;
    double lr; /* 0: frozen */
} tensor_rate;

/* The rates of a phase of --unfreeze-at, which begins with an epoch. */
typedef struct phase_rates {
    int64_t epoch;
    tensor_rate *list; /* in the order of the model's tensors */
    int count;
} phase_rates;

enum { PHASES_MAX = 64 };

typedef struct all_rates {
    phase_rates phase[PHASES_MAX];
    int count;
} all_rates;

static fv_status collect(const fv_fit_options *fit, fv_model *model, phase_rates *p)
{
    const int n = fv_model_tensor_count(model);
    double *share = calloc((size_t)n + 1, sizeof *share);
    p->list = calloc((size_t)n + 1, sizeof *p->list);
    fv_status status = share && p->list ? fv_fit_shares(model, fit, p->epoch, share) : FV_ERR_NO_MEMORY;
    for (int i = 0; i < n && status == FV_OK; i++) {
        bool trained;
        const char *name;
        const fv_tensor *t = fv_model_tensor(model, i, &name, &trained);
        if (trained)
            p->list[p->count++] = (tensor_rate){name, *fv_tensor_shape(t), fit->lr * share[i]};
    }
    free(share);
    return status;
}

static void rates_free(all_rates *a)
{
    for (int i = 0; i < a->count; i++)
        free(a->phase[i].list);
    a->count = 0;
}

static fv_status collect_all(const fv_fit_options *fit, fv_model *model, all_rates *a)
{
    fv_status status = FV_OK;
    int64_t epoch = 1;
    *a = (all_rates){.count = 0};
    while (status == FV_OK && a->count < PHASES_MAX) {
        status = fv_fit_phase(model, fit, a->count, &epoch);
        if (status != FV_OK || epoch == 0)
            break;
        phase_rates *p = &a->phase[a->count++];
        p->epoch = epoch;
        status = collect(fit, model, p);
    }
    if (status != FV_OK)
        rates_free(a);
    return status;
}

static void shape_text(const fv_shape *s, char text[128])
{
    int n = 0;
    text[0] = '\0';
    for (int i = 0; i < s->rank && n < 100; i++)
        n += snprintf(text + n, 128 - (size_t)n, "%s%lld", i ? "x" : "", (long long)s->dim[i]);
}

static void print_json(const all_rates *a)
{
    json_t *array = json_array();
    for (int i = 0; i < a->phase[0].count; i++) {
        const tensor_rate *t = &a->phase[0].list[i];
        json_t *row = json_pack("{s:s, s:f, s:b}", "tensor", t->name, "lr", t->lr, "frozen", t->lr == 0);
        json_t *later = a->count > 1 ? json_array() : NULL;
        for (int k = 1; k < a->count; k++)
            json_array_append_new(
                later, json_pack("{s:I, s:f}", "epoch", (json_int_t)a->phase[k].epoch, "lr", a->phase[k].list[i].lr));
        if (later)
            json_object_set_new(row, "later", later);
        json_array_append_new(array, row);
    }
    json_dumpf(array, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(array);
}

static void print_table(const all_rates *a)
{
    const phase_rates *first = &a->phase[0];
    int width = 6;
    char text[128];
    for (int i = 0; i < first->count; i++)
        width = (int)strlen(first->list[i].name) > width ? (int)strlen(first->list[i].name) : width;
    printf("%-*s  %-16s  %s", width, "tensor", "shape", a->count > 1 ? "learning rate  " : "learning rate");
    for (int k = 1; k < a->count; k++)
        printf("%sfrom epoch %lld", k > 1 ? "  " : "", (long long)a->phase[k].epoch);
    putchar('\n');
    for (int i = 0; i < first->count; i++) {
        shape_text(&first->list[i].shape, text);
        printf("%-*s  %-16s  ", width, first->list[i].name, text);
        for (int k = 0; k < a->count; k++) {
            const double lr = a->phase[k].list[i].lr;
            snprintf(text, sizeof text, lr > 0 ? "%.6g" : "frozen", lr);
            k + 1 < a->count ? printf("%-13s  ", text) : printf("%s\n", text);
        }
    }
}

fv_status rates_print(const settings *c, fv_model *model)
{
    all_rates a;
    FV_TRY(collect_all(&c->fit, model, &a));
    c->json ? print_json(&a) : print_table(&a);
    rates_free(&a);
    return FV_OK;
}

/* Tensors [from, to) have one rate. */
static void tell_range(const tensor_rate *list, int from, int to)
{
    char rate[48];
    snprintf(rate, sizeof rate, list[from].lr > 0 ? "lr %.6g" : "frozen", list[from].lr);
    if (to - from == 1)
        note("%s: %s", rate, list[from].name);
    else
        note("%s: %s to %s (%d tensors)", rate, list[from].name, list[to - 1].name, to - from);
}

static void tell_phase(const phase_rates *p)
{
    for (int from = 0, to = 1; from < p->count; to++) {
        if (to < p->count && p->list[to].lr == p->list[from].lr)
            continue;
        tell_range(p->list, from, to);
        from = to;
    }
}

/* A phase may differ in the size of images alone. */
static bool same_rates(const phase_rates *a, const phase_rates *b)
{
    for (int i = 0; i < a->count; i++)
        if (a->list[i].lr != b->list[i].lr)
            return false;
    return true;
}

fv_status rates_tell(const fv_fit_options *fit, fv_model *model)
{
    all_rates a;
    if (!fit->lr_mult && fit->layer_decay == 1 && !fit->unfreeze_at)
        return FV_OK;
    FV_TRY(collect_all(fit, model, &a));
    tell_phase(&a.phase[0]);
    for (int k = 1; k < a.count; k++) {
        if (same_rates(&a.phase[k - 1], &a.phase[k]))
            continue;
        note("from epoch %lld on%s", (long long)a.phase[k].epoch,
             a.phase[k].epoch > fit->epochs ? " (the run ends before it):" : ":");
        tell_phase(&a.phase[k]);
    }
    rates_free(&a);
    return FV_OK;
}
