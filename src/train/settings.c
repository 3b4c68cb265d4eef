/* SPDX-License-Identifier: Apache-2.0 */
#include "train/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "train/optimizer.h"

static void default_real(double *value, double def)
{
    if (*value == 0)
        *value = def;
}

static void default_int(int64_t *value, int64_t def)
{
    if (*value == 0)
        *value = def;
}

void fv_settings_defaults(fv_fit_options *o)
{
    const fv_optimizer *optimizer = fv_optimizer_get(o->optimizer);
    default_int(&o->epochs, 100);
    default_int(&o->batch_size, 64);
    default_int(&o->val_interval, 1);
    default_real(&o->lr, optimizer ? optimizer->default_lr : 0);
    default_real(&o->momentum, o->optimizer == FV_SGD ? 0.9 : -1);
    default_real(&o->beta1, 0.9);
    default_real(&o->beta2, 0.999);
    default_real(&o->eps, 1e-8);
    default_real(&o->alpha, 0.99);
    default_real(&o->decay_epochs, 30);
    default_real(&o->decay_rate, 0.1);
    default_real(&o->huber_delta, 1);
    default_real(&o->model_ema_decay, 0.9998);
    if (!o->monitor)
        o->monitor = o->validation ? "val_top1" : "train_loss";
}

void fv_settings_task(fv_fit_options *o, fv_task task)
{
    static const uint32_t traits[] = {[FV_TASK_MULTILABEL] = FV_T_SET_LABELS, [FV_TASK_REGRESS] = FV_T_VALUE_LABELS};
    int count;
    const fv_op *const *list = fv_op_list(&count);
    if (task == FV_TASK_CLASSIFY)
        return;
    for (int i = 0; i < count && !o->loss; i++)
        if (list[i]->traits & traits[task])
            o->loss = list[i]->name;
    if (!o->monitor)
        o->monitor = o->validation ? "val_loss" : "train_loss";
}

/* Allowed ranges; names are the flags'. */
static const struct {
    const char *name;
    size_t offset;
    double min, max;
    bool open_min; /* min itself is not allowed */
} ranges[] = {
    {"lr", offsetof(fv_fit_options, lr), 0, 1e6, true},
    {"momentum", offsetof(fv_fit_options, momentum), -1, 1, false},
    {"opt-beta1", offsetof(fv_fit_options, beta1), 0, 1, false},
    {"opt-beta2", offsetof(fv_fit_options, beta2), 0, 1, false},
    {"opt-eps", offsetof(fv_fit_options, eps), 0, 1, true},
    {"opt-alpha", offsetof(fv_fit_options, alpha), 0, 1, false},
    {"wd", offsetof(fv_fit_options, weight_decay), 0, 1e3, false},
    {"l1", offsetof(fv_fit_options, l1), 0, 1e3, false},
    {"clip-grad", offsetof(fv_fit_options, clip_norm), 0, 1e9, false},
    {"model-ema-decay", offsetof(fv_fit_options, model_ema_decay), 0, 1, false},
    {"clip-value", offsetof(fv_fit_options, clip_value), 0, 1e9, false},
    {"label-smoothing", offsetof(fv_fit_options, label_smoothing), 0, 0.999, false},
    {"warmup-epochs", offsetof(fv_fit_options, warmup_epochs), 0, 1e6, false},
    {"warmup-lr", offsetof(fv_fit_options, warmup_lr), 0, 1e6, false},
    {"min-lr", offsetof(fv_fit_options, min_lr), 0, 1e6, false},
    {"decay-epochs", offsetof(fv_fit_options, decay_epochs), 0, 1e6, true},
    {"decay-rate", offsetof(fv_fit_options, decay_rate), 0, 1, true},
    {"min-delta", offsetof(fv_fit_options, min_delta), 0, 1e9, false},
    {"huber-delta", offsetof(fv_fit_options, huber_delta), 0, 1e9, true},
};

static const struct {
    const char *name;
    size_t offset;
    int64_t min, max;
} counts[] = {
    {"epochs", offsetof(fv_fit_options, epochs), 1, 1000000},
    {"batch-size", offsetof(fv_fit_options, batch_size), 1, 1000000},
    {"max-steps", offsetof(fv_fit_options, max_steps), 0, INT64_MAX},
    {"patience", offsetof(fv_fit_options, patience), 0, 1000000},
    {"recovery-interval", offsetof(fv_fit_options, recovery_interval), 0, INT64_MAX},
    {"val-interval", offsetof(fv_fit_options, val_interval), 1, 1000000},
};

fv_status fv_settings_check(fv_ctx *ctx, const fv_fit_options *o)
{
    if (!fv_optimizer_get(o->optimizer) || (unsigned)o->schedule >= FV_SCHEDULE_COUNT)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fit: unknown optimizer %d or schedule %d", (int)o->optimizer,
                       (int)o->schedule);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        double v = *(const double *)((const char *)o + ranges[i].offset);
        if (!(v >= ranges[i].min && v <= ranges[i].max) || (ranges[i].open_min && v == ranges[i].min))
            return fv_fail(ctx, FV_ERR_VALUE, "--%s: %g is out of range; allowed: %s%g to %g", ranges[i].name, v,
                           ranges[i].open_min ? "above " : "", ranges[i].min, ranges[i].max);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t v = *(const int64_t *)((const char *)o + counts[i].offset);
        if (v < counts[i].min || v > counts[i].max)
            return fv_fail(ctx, FV_ERR_VALUE, "--%s: %lld is out of range; allowed: %lld or more", counts[i].name,
                           (long long)v, (long long)counts[i].min);
    }
    if (o->warmup_epochs >= (double)o->epochs)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--warmup-epochs %g is not below --epochs %lld", o->warmup_epochs,
                       (long long)o->epochs);
    if (o->nesterov && (o->optimizer != FV_SGD || o->momentum <= 0))
        return fv_fail(ctx, FV_ERR_CONFLICT, "--nesterov needs --opt sgd with --momentum above 0");
    if (o->resume && !o->output)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--resume needs a run folder (--output, --experiment)");
    return FV_OK;
}

/* "train_loss, train_top1, ..." */
static const char *monitor_names(char text[256])
{
    int count, used = 0;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count && used < 256; i++)
        used += snprintf(text + used, 256 - (size_t)used, "%s%s", i ? ", " : "", list[i].name);
    return text;
}

fv_status fv_settings_monitor(fv_ctx *ctx, const fv_fit_options *o, fv_task task, const fv_monitor **monitor)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    const char *names[FV_MONITOR_COUNT + 1] = {0};
    char known[256];
    for (int i = 0; i < count; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, o->monitor) != 0)
            continue;
        if (list[i].validation && !o->validation)
            return fv_fail_hint(
                ctx,
                fv_fail(ctx, FV_ERR_CONFLICT, "--monitor %s: there is no validation set to measure it on", o->monitor),
                "add --val-split 0.2, a val folder, or use --monitor train_loss");
        if (!list[i].metric->called[task])
            return fv_fail_hint(ctx,
                                fv_fail(ctx, FV_ERR_CONFLICT, "--monitor %s is not measured where the task is %s",
                                        o->monitor, fv_task_names()[task]),
                                "use --monitor %s", o->validation ? "val_loss" : "train_loss");
        *monitor = &list[i];
        return FV_OK;
    }
    const char *nearest = fv_text_nearest(o->monitor, names);
    return fv_fail(ctx, FV_ERR_VALUE, "--monitor %s: no such metric; %s%s%s", o->monitor,
                   nearest ? "did you mean " : "one of ", nearest ? nearest : monitor_names(known), nearest ? "?" : "");
}

fv_status fv_settings_loss(fv_ctx *ctx, const fv_fit_options *o, const fv_op **op)
{
    int count;
    const fv_op *const *list = fv_op_list(&count);
    const char *names[64] = {0};
    int n = 0;
    *op = NULL;
    for (int i = 0; i < count; i++) {
        if (!(list[i]->traits & FV_T_LOSS))
            continue;
        if (n < 63)
            names[n++] = list[i]->name;
        if (o->loss ? strcmp(list[i]->name, o->loss) == 0 : (list[i]->traits & FV_T_CLASS_LABELS) != 0)
            *op = list[i];
    }
    if (*op)
        return FV_OK;
    const char *nearest = o->loss ? fv_text_nearest(o->loss, names) : NULL;
    char known[1024] = "";
    for (int i = 0, used = 0; i < n && used < (int)sizeof known; i++)
        used += snprintf(known + used, sizeof known - (size_t)used, "%s%s", i ? ", " : "", names[i]);
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_VALUE, "--loss %s: no such loss%s%s%s", o->loss ? o->loss : "(default)",
                                nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : ""),
                        "the losses are %s", known);
}

void fv_settings_loss_attr(const fv_op *op, const fv_fit_options *o, void *attr)
{
    fv_attr_defaults(op, attr);
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        if (a->kind == FV_ATTR_REAL && strcmp(a->key, "smoothing") == 0)
            *(double *)((char *)attr + a->offset) = o->label_smoothing;
        if (a->kind == FV_ATTR_REAL && strcmp(a->key, "delta") == 0)
            *(double *)((char *)attr + a->offset) = o->huber_delta;
    }
}
