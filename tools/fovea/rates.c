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

/* In the order of the model's tensors; the caller frees. */
static fv_status collect(const fv_fit_options *fit, fv_model *model, tensor_rate **list, int *count)
{
    const int n = fv_model_tensor_count(model);
    double *share = calloc((size_t)n + 1, sizeof *share);
    *list = calloc((size_t)n + 1, sizeof **list);
    *count = 0;
    fv_status status = share && *list ? fv_fit_shares(model, fit, share) : FV_ERR_NO_MEMORY;
    for (int i = 0; i < n && status == FV_OK; i++) {
        bool trained;
        const char *name;
        const fv_tensor *t = fv_model_tensor(model, i, &name, &trained);
        if (trained)
            (*list)[(*count)++] = (tensor_rate){name, *fv_tensor_shape(t), fit->lr * share[i]};
    }
    free(share);
    if (status != FV_OK) {
        free(*list);
        *list = NULL;
    }
    return status;
}

static void shape_text(const fv_shape *s, char text[128])
{
    int n = 0;
    text[0] = '\0';
    for (int i = 0; i < s->rank && n < 100; i++)
        n += snprintf(text + n, 128 - (size_t)n, "%s%lld", i ? "x" : "", (long long)s->dim[i]);
}

static void print_json(const tensor_rate *list, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(
            array, json_pack("{s:s, s:f, s:b}", "tensor", list[i].name, "lr", list[i].lr, "frozen", list[i].lr == 0));
    json_dumpf(array, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(array);
}

fv_status rates_print(const settings *c, fv_model *model)
{
    tensor_rate *list;
    int count, width = 6;
    char shape[128];
    FV_TRY(collect(&c->fit, model, &list, &count));
    for (int i = 0; i < count; i++)
        width = (int)strlen(list[i].name) > width ? (int)strlen(list[i].name) : width;
    if (c->json) {
        print_json(list, count);
    } else {
        printf("%-*s  %-16s  %s\n", width, "tensor", "shape", "learning rate");
        for (int i = 0; i < count; i++) {
            shape_text(&list[i].shape, shape);
            printf("%-*s  %-16s  ", width, list[i].name, shape);
            list[i].lr > 0 ? printf("%.6g\n", list[i].lr) : printf("frozen\n");
        }
    }
    free(list);
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

fv_status rates_tell(const fv_fit_options *fit, fv_model *model)
{
    tensor_rate *list;
    int count;
    if (!fit->lr_mult && fit->layer_decay == 1)
        return FV_OK;
    FV_TRY(collect(fit, model, &list, &count));
    for (int from = 0, to = 1; from < count; to++) {
        if (to < count && list[to].lr == list[from].lr)
            continue;
        tell_range(list, from, to);
        from = to;
    }
    free(list);
    return FV_OK;
}
