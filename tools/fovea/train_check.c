/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of fovea train that contradict each other, or that nothing would look at: refused before anything is read.
 */
#include <math.h>
#include <string.h>

#include "head.h"
#include "train_check.h"

static bool is_model_file(const settings *c)
{
    return strpbrk(c->model, "/.") && !model_is_recipe(c->model) && !model_is_architecture(c->model);
}

static bool is_new_network(const settings *c)
{
    return !is_model_file(c) || c->reset_head;
}

bool train_takes_model_file(const settings *c)
{
    return is_model_file(c);
}

static bool has_old_head(const settings *c)
{
    return !head_wanted(c);
}

static bool has_weights(const settings *c)
{
    return c->weights || (is_model_file(c) && c->reset_head);
}

static bool has_momentum(const settings *c)
{
    return isnan(c->fit.momentum) ? fv_optimizer_about(c->fit.optimizer)->momentum > 0 : c->fit.momentum > 0;
}

static bool has_average(const settings *c)
{
    return c->fit.model_ema;
}

static bool has_lookahead(const settings *c)
{
    return c->fit.lookahead > 0;
}

static bool cycles_momentum(const settings *c)
{
    return c->fit.max_momentum > 0;
}

static bool has_warmup(const settings *c)
{
    return c->fit.warmup_epochs > 0 || c->fit.warmup_steps > 0;
}

/* Only one of cyclic's forms decays. */
static bool decays(const settings *c)
{
    return c->fit.schedule != FV_CYCLIC || c->fit.cycle_mode == FV_EXP_RANGE;
}

static bool is_resumed(const settings *c)
{
    return c->resume != NULL || c->lr_curve != NULL; /* of plan: to replace a file */
}

static bool has_no_norm(const settings *c)
{
    return c->norm == NORM_AUTO;
}

static bool has_no_cache(const settings *c)
{
    return c->cache == CACHE_NONE;
}

static bool has_clahe(const settings *c)
{
    return c->contrast == FV_CONTRAST_CLAHE;
}

static bool has_folds(const settings *c)
{
    return c->cross_folds > 0;
}

static bool is_untrained(const settings *c)
{
    return is_new_network(c) && !c->weights;
}

static bool wants_integers(const settings *c)
{
    return c->qat;
}

static bool wants_no_integers(const settings *c)
{
    return !c->qat;
}

static bool by_share(const settings *c)
{
    return strcmp(fv_calibration_names()[c->calibration], "percentile") == 0;
}

static bool has_no_folds(const settings *c)
{
    return c->cross_folds == 0;
}

static bool has_teacher(const settings *c)
{
    return c->teacher != NULL;
}

static bool has_teachers(const settings *c)
{
    return c->teacher && strchr(c->teacher, ',');
}

static bool has_hint(const settings *c)
{
    return c->fit.hint != NULL;
}

static bool has_attention(const settings *c)
{
    return c->fit.attention != NULL;
}

static const struct {
    const char *option;
    bool (*used)(const settings *c);
    const char *why;
} rules[] = {
    {"reset-head", is_model_file, "it needs a model file as --model"},
    {"reset-head", has_old_head, "--head and --pool begin the head anew"},
    {"partial", has_weights, "it needs --weights"},
    {"in-chans", is_new_network, "a model file has channels of its own"},
    {"drop", is_new_network, "a model file has dropout of its own"},
    {"drop-path", is_new_network, "a model file has residual blocks of its own"},
    {"init", is_new_network, "a model file has weights of its own"},
    {"whiten", is_untrained, "trained weights stay as they are"},
    {"nesterov", has_momentum, "it needs --momentum above 0"},
    {"lookahead-alpha", has_lookahead, "it needs --lookahead"},
    {"model-ema-decay", has_average, "it needs --model-ema"},
    {"base-momentum", cycles_momentum, "it needs --max-momentum"},
    {"warmup-lr", has_warmup, "it needs --warmup-epochs or --warmup-steps"},
    {"decay-epochs", decays, "of --sched cyclic it belongs to --cycle-mode exp_range"},
    {"decay-rate", decays, "of --sched cyclic it belongs to --cycle-mode exp_range"},
    {"force", is_resumed, "it needs --resume"},
    {"mean", has_no_norm, "--norm says the same"},
    {"std", has_no_norm, "--norm says the same"},
    {"fast-decode", has_no_cache, "--cache holds whole images"},
    {"fold", has_folds, "it needs --folds"},
    {"group-by", has_folds, "it needs --folds"},
    {"val-split", has_no_folds, "--folds says what is validated on"},
    {"teacher-weights", has_teachers, "it needs several files as --teacher"},
    {"kd-temperature", has_teacher, "it needs --teacher"},
    {"distill-loss-weight", has_teacher, "it needs --teacher"},
    {"task-loss-weight", has_teacher, "it needs --teacher"},
    {"hint", has_teacher, "it needs --teacher"},
    {"hint-loss-weight", has_hint, "it needs --hint"},
    {"attention", has_teacher, "it needs --teacher"},
    {"attention-loss-weight", has_attention, "it needs --attention"},
    {"calibration", wants_integers, "it needs --qat"},
    {"percentile", wants_integers, "it needs --qat"},
    {"percentile", by_share, "it needs --calibration percentile"},
    {"samples", wants_integers, "it needs --qat"},
    {"per-tensor", wants_integers, "it needs --qat"},
    {"weight-bits", wants_integers, "it needs --qat"},
    {"skip", wants_integers, "it needs --qat"},
    {"freeze", wants_no_integers, "--qat trains all layers"},
    {"unfreeze-at", wants_no_integers, "--qat trains all layers"},
    {"freeze-norm", wants_no_integers, "--qat makes normalization part of the weights before it"},
    {"norm-weight-decay", wants_no_integers, "--qat makes normalization part of the weights before it"},
    {"grad-accum-steps", wants_no_integers, "--qat sees ranges of whole batches"},
    {"clahe-tiles", has_clahe, "it needs --contrast clahe"},
    {"clahe-clip", has_clahe, "it needs --contrast clahe"},
};

/* "sgd, rmsprop and adam" of those that take the setting; false: none does, it is no setting of theirs. */
static bool list_takers(const char *key, const char *const *names, bool (*takes)(int kind, const char *key),
                        char text[256])
{
    int n = 0, last = -1;
    text[0] = '\0';
    for (int k = 0; names[k]; k++)
        last = takes(k, key) ? k : last;
    for (int k = 0; k <= last; k++)
        if (takes(k, key))
            snprintf(text + strlen(text), 256 - strlen(text), "%s%s",
                     n++ == 0    ? ""
                     : k == last ? " and "
                                 : ", ",
                     names[k]);
    return n > 0;
}

static fv_status no_effect(const char *key, const char *belongs, const char *to)
{
    char hint[128];
    snprintf(hint, sizeof hint, "leave out --%s, or choose what it belongs to", key);
    return complain(FV_ERR_CONFLICT, hint, "--%s has no effect here: %s%s", key, belongs, to);
}

/* What belongs to some optimizers, schedules or losses, as their rows say, and not to those of the run. */
static fv_status check_takers(const settings *c)
{
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    const fv_optimizer_info *optimizer = fv_optimizer_about(c->fit.optimizer);
    for (int i = 0; i < count; i++) {
        char takers[256];
        const char *key = rows[i].key;
        if (!option_changed(key, c))
            continue;
        const bool usual =
            rows[i].offset == offsetof(fv_fit_options, momentum) && c->fit.momentum == optimizer->momentum;
        if (!usual && !fv_optimizer_takes(c->fit.optimizer, key) &&
            list_takers(key, fv_optimizer_names(), fv_optimizer_takes, takers))
            return no_effect(key, "it belongs to --opt ", takers);
        if (!fv_schedule_takes(c->fit.schedule, key) &&
            list_takers(key, fv_schedule_names(), fv_schedule_takes, takers))
            return no_effect(key, "it belongs to --sched ", takers);
        const char *loss = fv_loss_of_setting(key);
        if (loss && !fv_loss_takes(c->fit.loss, key))
            return no_effect(key, "it belongs to --loss ", loss);
    }
    return FV_OK;
}

fv_status train_check(const settings *c)
{
    FV_TRY(check_takers(c));
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (option_changed(rules[i].option, c) && !rules[i].used(c))
            return no_effect(rules[i].option, rules[i].why, "");
    if (c->cross_folds > 0 && c->fold == 0)
        return complain(FV_ERR_CONFLICT, "name one of them with --fold, or use fovea train, which runs them all",
                        "--folds %lld: one of them is meant here", (long long)c->cross_folds);
    if (c->fold > c->cross_folds)
        return complain(FV_ERR_VALUE, "folds are counted from 1", "--fold %lld: there are %lld folds",
                        (long long)c->fold, (long long)c->cross_folds);
    if (c->fold > 0 && c->cache == CACHE_DISK)
        return complain(FV_ERR_CONFLICT, "use --cache ram", "--folds: no part of the data is packed on disk");
    if (c->fit.warmup_epochs > 0 && c->fit.warmup_epochs >= (double)c->fit.epochs)
        return complain(FV_ERR_CONFLICT, "warm up for fewer epochs than there are",
                        "--warmup-epochs %g is not below --epochs %lld", c->fit.warmup_epochs,
                        (long long)c->fit.epochs);
    return FV_OK;
}
