/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of fovea train that contradict each other, or that nothing would look at: refused before anything is read.
 */
#include <string.h>

#include "train_check.h"

static bool is_model_file(const cli *c)
{
    const char *dot = strrchr(c->model, '.');
    return strpbrk(c->model, "/.") && !(dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0));
}

static bool is_new_network(const cli *c)
{
    return !is_model_file(c) || c->reset_head;
}

bool train_takes_model_file(const cli *c)
{
    return is_model_file(c);
}

static bool has_weights(const cli *c)
{
    return c->weights || (is_model_file(c) && c->reset_head);
}

static bool is_adam(const cli *c)
{
    return c->opt == FV_ADAM || c->opt == FV_ADAMW;
}

static bool takes_momentum(const cli *c)
{
    return c->opt == FV_SGD || c->opt == FV_RMSPROP || c->momentum == 0;
}

static bool has_eps(const cli *c)
{
    return c->opt != FV_SGD;
}

static bool is_rmsprop(const cli *c)
{
    return c->opt == FV_RMSPROP;
}

static bool is_sgd(const cli *c)
{
    return c->opt == FV_SGD && c->momentum != 0;
}

static bool has_warmup(const cli *c)
{
    return c->warmup_epochs > 0;
}

static bool has_steps(const cli *c)
{
    return c->sched == FV_STEP;
}

static bool has_decline(const cli *c)
{
    return c->sched != FV_CONSTANT;
}

static bool is_cross_entropy(const cli *c)
{
    return !c->loss || strcmp(c->loss, "softmax_cross_entropy") == 0;
}

static bool has_average(const cli *c)
{
    return c->model_ema;
}

static bool is_huber(const cli *c)
{
    return c->loss && strcmp(c->loss, "huber") == 0;
}

static bool is_resumed(const cli *c)
{
    return c->resume != NULL;
}

static bool has_no_norm(const cli *c)
{
    return c->norm == NORM_AUTO;
}

static bool has_no_cache(const cli *c)
{
    return c->cache == CACHE_NONE;
}

static bool has_clahe(const cli *c)
{
    return c->contrast == FV_CONTRAST_CLAHE;
}

static const struct {
    const char *option;
    bool (*used)(const cli *c);
    const char *why;
} rules[] = {
    {"reset-head", is_model_file, "it needs a model file as --model"},
    {"partial", has_weights, "it needs --weights"},
    {"img-size", is_new_network, "a model file has an input size of its own"},
    {"in-chans", is_new_network, "a model file has channels of its own"},
    {"drop", is_new_network, "a model file has dropout of its own"},
    {"init", is_new_network, "a model file has weights of its own"},
    {"momentum", takes_momentum, "it belongs to --opt sgd and rmsprop"},
    {"nesterov", is_sgd, "it belongs to --opt sgd with --momentum above 0"},
    {"opt-betas", is_adam, "it belongs to --opt adam and adamw"},
    {"opt-eps", has_eps, "it does not belong to --opt sgd"},
    {"opt-alpha", is_rmsprop, "it belongs to --opt rmsprop"},
    {"warmup-lr", has_warmup, "it needs --warmup-epochs"},
    {"decay-epochs", has_steps, "it belongs to --sched step"},
    {"decay-rate", has_steps, "it belongs to --sched step"},
    {"min-lr", has_decline, "it does not belong to --sched constant"},
    {"label-smoothing", is_cross_entropy, "it belongs to --loss softmax_cross_entropy"},
    {"huber-delta", is_huber, "it belongs to --loss huber"},
    {"model-ema-decay", has_average, "it needs --model-ema"},
    {"force", is_resumed, "it needs --resume"},
    {"mean", has_no_norm, "--norm says the same"},
    {"std", has_no_norm, "--norm says the same"},
    {"fast-decode", has_no_cache, "--cache holds whole images"},
    {"clahe-tiles", has_clahe, "it needs --contrast clahe"},
    {"clahe-clip", has_clahe, "it needs --contrast clahe"},
};

fv_status train_check(const cli *c)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (option_changed(rules[i].option, c) && !rules[i].used(c))
            return (fv_status)-complain(FV_ERR_CONFLICT, "drop one of the two", "--%s has no effect here: %s",
                                        rules[i].option, rules[i].why);
    if (c->warmup_epochs > 0 && c->warmup_epochs >= (double)c->epochs)
        return (fv_status)-complain(FV_ERR_CONFLICT, "warm up for fewer epochs than there are",
                                    "--warmup-epochs %g is not below --epochs %lld", c->warmup_epochs,
                                    (long long)c->epochs);
    if (c->betas.count != 2 || c->betas.value[0] >= 1 || c->betas.value[1] >= 1)
        return (fv_status)-complain(FV_ERR_VALUE, "write for example --opt-betas 0.9,0.999",
                                    "--opt-betas: expected two numbers from 0 to below 1");
    return FV_OK;
}
