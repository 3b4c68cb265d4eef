/* SPDX-License-Identifier: Apache-2.0 */
#include "train/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "train/optimizer.h"

/* ---- the table ---- */

#define FV_SETTING_ROW(kind, member, key, aliases, letter, initial, min, max, choices, verbs, level, value, help)      \
    {key,   aliases,  letter, FV_SETTING_##kind, offsetof(fv_fit_options, member), min, max, choices, 0, level,        \
     value, #initial, help},
static const fv_setting_row rows[] = {FV_FIT_SETTINGS(FV_SETTING_ROW)};
enum { ROWS = sizeof rows / sizeof rows[0] };

const fv_setting_row *fv_fit_settings(int *count)
{
    *count = ROWS;
    return rows;
}

void fv_fit_defaults(fv_fit_options *options)
{
    *options = (fv_fit_options){FV_FIT_DEFAULTS};
}

fv_status fv_fit_set(fv_ctx *ctx, fv_fit_options *options, const char *key, const char *text)
{
    const char *keys[ROWS + 1];
    char expected[FV_SETTING_TEXT_MAX];
    for (int i = 0; i < ROWS; i++) {
        keys[i] = rows[i].key;
        if (!fv_setting_has_name(&rows[i], key, strlen(key)))
            continue;
        if (fv_setting_read(&rows[i], text, options, expected))
            return FV_OK;
        return fv_fail(ctx, FV_ERR_VALUE, "%s: found '%s', expected %s", rows[i].key, text, expected);
    }
    keys[ROWS] = NULL;
    const char *nearest = fv_text_nearest(key, keys);
    return fv_fail(ctx, FV_ERR_UNKNOWN_OPTION, "training has no setting %s%s%s%s", key,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* ---- what follows from other settings ---- */

void fv_settings_resolve(fv_fit_options *o)
{
    const fv_optimizer_info *optimizer = fv_optimizer_about(o->optimizer);
    if (o->batch_size == 0)
        o->batch_size = 64;
    if (isnan(o->lr))
        o->lr = optimizer ? optimizer->lr : 0;
    if (isnan(o->momentum))
        o->momentum = optimizer ? optimizer->momentum : 0;
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

/* ---- checks ---- */

/* A list that nothing was put in, which is no value. */
static bool is_empty(const fv_setting_row *row, const fv_fit_options *o)
{
    return row->kind == FV_SETTING_LIST &&
           ((const fv_real_list *)(const void *)((const char *)o + row->offset))->count == 0;
}

static fv_status check_schedule(fv_ctx *ctx, const fv_fit_options *o)
{
    const fv_real_list *at = &o->decay_milestones;
    if (o->warmup_epochs > 0 && o->warmup_steps > 0)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--warmup-epochs %g and --warmup-steps %lld say the same twice",
                       o->warmup_epochs, (long long)o->warmup_steps);
    if (o->warmup_epochs >= (double)o->epochs)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--warmup-epochs %g is not below --epochs %lld", o->warmup_epochs,
                       (long long)o->epochs);
    if (o->max_momentum > 0 && o->base_momentum > o->max_momentum)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--base-momentum %g is above --max-momentum %g", o->base_momentum,
                       o->max_momentum);
    if (fv_schedule_cycles_momentum(o) && fv_optimizer_momentum(o) == 0)
        return fv_fail_hint(
            ctx,
            fv_fail(ctx, FV_ERR_CONFLICT, "--max-momentum %g has no effect here: the optimizer has no momentum",
                    o->max_momentum),
            "give it one: --%s", fv_optimizer_takes(o->optimizer, "momentum") ? "momentum 0.9" : "opt-betas 0.9,0.999");
    if (o->schedule == FV_MULTISTEP && at->count == 0)
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_CONFLICT, "--sched multistep: the rate decays nowhere"),
                            "say behind which epochs: --decay-milestones 30,60");
    for (int i = 1; i < at->count; i++)
        if (at->value[i] <= at->value[i - 1])
            return fv_fail(ctx, FV_ERR_VALUE, "--decay-milestones: %g stands behind %g: expected epochs that rise",
                           at->value[i], at->value[i - 1]);
    return FV_OK;
}

fv_status fv_settings_check(fv_ctx *ctx, const fv_fit_options *o)
{
    char found[FV_SETTING_TEXT_MAX], expected[FV_SETTING_TEXT_MAX];
    if (o->epochs == 0 && o->val_interval == 0)
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_ARGUMENT, "fit: the options hold no settings, not even defaults"),
                            "begin with fv_fit_defaults(&options), or FV_FIT_OPTIONS(.epochs = 5)");
    for (int i = 0; i < ROWS; i++)
        if (rows[i].kind != FV_SETTING_TEXT && !is_empty(&rows[i], o) && !fv_setting_check(&rows[i], o, expected))
            return fv_fail(ctx, FV_ERR_VALUE, "--%s: found %s, expected %s", rows[i].key,
                           fv_setting_print(&rows[i], o, found, sizeof found), expected);
    FV_TRY(check_schedule(ctx, o));
    if ((o->grad_accum_steps & (o->grad_accum_steps - 1)) != 0)
        return fv_fail(ctx, FV_ERR_VALUE, "--grad-accum-steps %lld: expected 1, 2, 4 or 8",
                       (long long)o->grad_accum_steps);
    if (o->batch_size > 0 && o->grad_accum_steps > fv_shards(o->batch_size))
        return fv_fail(ctx, FV_ERR_CONFLICT,
                       "--grad-accum-steps %lld: a batch of %lld can be cut into at most %d pieces; choose a "
                       "--batch-size that is a multiple of it",
                       (long long)o->grad_accum_steps, (long long)o->batch_size, fv_shards(o->batch_size));
    if (o->nesterov && (!fv_optimizer_takes(o->optimizer, "nesterov") || o->momentum == 0))
        return fv_fail(ctx, FV_ERR_CONFLICT, "--nesterov needs --opt sgd or lars with --momentum above 0");
    if (o->resume && !o->output)
        return fv_fail(ctx, FV_ERR_CONFLICT, "--resume needs a run folder (--output, --experiment)");
    return FV_OK;
}

fv_status fv_settings_warmup(fv_ctx *ctx, const fv_fit_options *o, int64_t steps)
{
    if (o->warmup_steps < o->epochs * steps)
        return FV_OK;
    return fv_fail(ctx, FV_ERR_CONFLICT, "--warmup-steps %lld: the run has %lld steps in all",
                   (long long)o->warmup_steps, (long long)(o->epochs * steps));
}

fv_status fv_fit_check(fv_ctx *ctx, const fv_fit_options *options, int64_t steps)
{
    fv_fit_options o = *options;
    fv_settings_resolve(&o);
    FV_TRY(fv_settings_check(ctx, &o));
    return fv_settings_warmup(ctx, &o, steps);
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

/* Keras' names of metrics, by ours. */
static const char *monitor_called(const char *name)
{
    static const char *const called[][2] = {{"val_accuracy", "val_top1"},
                                            {"val_acc", "val_top1"},
                                            {"accuracy", "train_top1"},
                                            {"acc", "train_top1"},
                                            {"loss", "train_loss"}};
    for (size_t i = 0; i < sizeof called / sizeof *called; i++)
        if (strcmp(called[i][0], name) == 0)
            return called[i][1];
    return name;
}

fv_status fv_settings_monitor(fv_ctx *ctx, const fv_fit_options *o, fv_task task, const fv_monitor **monitor)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    const char *names[FV_MONITOR_COUNT + 1] = {0};
    char known[256];
    for (int i = 0; i < count; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, monitor_called(o->monitor)) != 0)
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

/* Settings that are attributes of losses; those without a key are a teacher's. */
static const struct {
    const char *key, *attr;
    size_t offset;
} loss_settings[] = {
    {"label-smoothing", "smoothing", offsetof(fv_fit_options, label_smoothing)},
    {"huber-delta", "delta", offsetof(fv_fit_options, huber_delta)},
    {"", "temperature", offsetof(fv_fit_options, kd_temperature)},
};

static const fv_attr *find_attr(const fv_op *op, const char *name)
{
    for (const fv_attr *a = op->attrs; a && a->key; a++)
        if (a->kind == FV_ATTR_REAL && strcmp(a->key, name) == 0)
            return a;
    return NULL;
}

/* The loss of that name, or a loss for which `key` is an attribute; NULL: no such setting or loss. */
static const fv_op *find_taker(const char *loss, const char *key)
{
    int count;
    const fv_op *const *list = fv_op_list(&count);
    for (size_t k = 0; k < sizeof loss_settings / sizeof *loss_settings; k++)
        for (int i = 0; i < count && strcmp(loss_settings[k].key, key) == 0; i++)
            if ((list[i]->traits & FV_T_LOSS) && find_attr(list[i], loss_settings[k].attr) &&
                (!loss || strcmp(list[i]->name, loss) == 0))
                return list[i];
    return NULL;
}

const char *fv_loss_of_setting(const char *key)
{
    const fv_op *op = find_taker(NULL, key);
    return op ? op->name : NULL;
}

bool fv_loss_takes(const char *loss, const char *key)
{
    const fv_op *op = find_taker(loss, key);
    return op && (loss || (op->traits & FV_T_CLASS_LABELS));
}

void fv_settings_loss_attr(const fv_op *op, const fv_fit_options *o, void *attr)
{
    fv_attr_defaults(op, attr);
    for (size_t k = 0; k < sizeof loss_settings / sizeof *loss_settings; k++) {
        const fv_attr *a = find_attr(op, loss_settings[k].attr);
        if (a)
            *(double *)((char *)attr + a->offset) =
                *(const double *)(const void *)((const char *)o + loss_settings[k].offset);
    }
}
