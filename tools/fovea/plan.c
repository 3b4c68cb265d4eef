/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan: before anything is trained. Which of its questions is asked, and whether its options go together. */
#include <string.h>

#include "options.h"
#include "plan.h"

typedef enum question { DEVICE, TRANSFER, RUN, CURVE, NONE } question;

/* Keys between blanks. A run has all of train's options, a curve those of the learning rate, and these. */
static const struct {
    const char *asks;   /* options that ask it, the first that was typed being named */
    const char *others; /* that have a part in it */
    const char *what;
} questions[] = {
    [DEVICE] = {" ram flash ms gmacs params int8 ", " img-size in-chans ", "which networks fit a device"},
    [TRANSFER] =
        {" from ",
         " data weights limit seed task val-split allow-extra max-bad allow-empty ignore-exif max-pixels salvage "
         "img-size ",
         "what of a trained network to train"},
    [RUN] = {" data probe price-per-hour config ", " ", "what a run takes"},
    [CURVE] = {" lr-curve ", " config directory force ", "the learning rate over a run"},
};

static const char everywhere[] = " json threads memory quiet verbose ";

static bool has_key(const char *keys, const char *key)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", key);
    return strstr(keys, word) != NULL;
}

/* Whether it is a setting of training that says something about its learning rate. */
static bool is_of_rates(const char *key)
{
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    for (int i = 0; i < count; i++)
        for (int k = 0; strcmp(rows[i].key, key) == 0 && k < n_options; k++)
            if (strcmp(options[k].key, key) == 0 && (options[k].verbs & V_PLAN))
                return true;
    return false;
}

static bool has_part(question q, const char *key)
{
    if (has_key(questions[q].asks, key) || has_key(questions[q].others, key) || has_key(everywhere, key))
        return true;
    if (q == CURVE)
        return is_of_rates(key);
    return q == RUN && !has_key(questions[DEVICE].asks, key) && !has_key(" limit lr-curve ", key);
}

/* The option that asks the question; NULL: none does. */
static const char *asked_by(question q)
{
    const char *key;
    for (int i = 0; (key = option_typed_next(&i));)
        if (has_key(questions[q].asks, key))
            return key;
    return NULL;
}

/* Settings of the rate alone do not say which question is meant. */
static question find_question(const settings *c)
{
    if (c->lr_curve)
        return CURVE;
    if (c->from)
        return TRANSFER;
    if (c->data)
        return RUN;
    return asked_by(DEVICE) || option_typed("img-size") ? DEVICE : asked_by(RUN) ? RUN : NONE;
}

static fv_status refuse_strangers(question q)
{
    const char *key, *asks = asked_by(q);
    for (int i = 0; (key = option_typed_next(&i));)
        if (!has_part(q, key))
            return complain(FV_ERR_CONFLICT, "ask one after the other",
                            "fovea plan: --%s has no part in %s, which --%s asks for", key, questions[q].what,
                            asks ? asks : "img-size");
    return FV_OK;
}

static fv_status tell_usage(void)
{
    const char *key;
    for (int i = 0; (key = option_typed_next(&i));)
        if (is_of_rates(key))
            return complain(FV_ERR_USAGE, "fovea plan --lr-curve NAME --sched onecycle --epochs 20",
                            "fovea plan: what is to be done with --%s? give --lr-curve, or --data", key);
    return complain(FV_ERR_USAGE, "fovea plan --data PATH, or fovea plan --ram 320K --flash 1M --ms 50",
                    "fovea plan: for which data, or for which device?");
}

static fv_status answer(question q, settings *c)
{
    fv_ctx *ctx;
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, q == CURVE ? plan_rate(ctx, c) : q == TRANSFER ? plan_data(ctx, c) : plan_device(ctx, c));
    fv_ctx_destroy(&ctx);
    return status;
}

fv_status verb_plan(settings *c)
{
    const question q = find_question(c);
    if (q == NONE)
        return tell_usage();
    FV_TRY(refuse_strangers(q));
    if ((q == TRANSFER || q == RUN) && !c->data)
        return complain(FV_ERR_USAGE, "fovea plan --data PATH [--model NAME|FILE]",
                        "fovea plan: for which data? give --data");
    return q == RUN ? plan_run(c) : answer(q, c);
}
