/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of a recipe, as commands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress.h"
#include "options.h"

/* What a stage may be. */
static const struct {
    const char *name, *verb;
} kinds[] = {{"train", "train"},       {"distill", "train"},       {"prune", "prune"},
             {"quantize", "quantize"}, {"calibrate", "calibrate"}, {"factorize", "factorize"}};

enum { KINDS = sizeof kinds / sizeof *kinds };

static const verb *find_verb(const char *name)
{
    const verb *v = verbs;
    while (strcmp(v->name, name) != 0)
        v++;
    return v;
}

static fv_status choose(const char *path, const fv_config_stage *given, chain_stage *s)
{
    const char *names[KINDS + 1] = {NULL};
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(given->name, kinds[i].name) != 0)
            continue;
        s->name = kinds[i].name;
        s->verb = find_verb(kinds[i].verb);
        return FV_OK;
    }
    const char *nearest = fv_nearest(given->name, names);
    return complain(FV_ERR_UNKNOWN_OPTION, "stages are train, distill, prune, quantize, calibrate, factorize",
                    "%s:%d:%d: no stage is called '%s'%s%s%s", path, given->line, given->column, given->name,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* Keys that the chain gives each stage, or that are its own. */
static const char kept[] = " config directory output experiment resume json quiet verbose no-color progress force "
                           "max-drop model weights split seconds ";

static bool is_kept(const fv_setting_row *o)
{
    char key[64];
    snprintf(key, sizeof key, " %s ", o->key);
    return strstr(kept, key) != NULL;
}

/* The gate is the chain's, and the quantizer's too. */
static fv_status take_gate(const char *path, const fv_setting *set, chain_stage *s)
{
    char *end;
    s->max_drop = strtod(set->value, &end);
    if (*set->value && !*end && s->max_drop >= 0 && s->max_drop <= 100)
        return FV_OK;
    return complain(FV_ERR_VALUE, "correct the file there",
                    "%s:%d:%d: max-drop: found '%s', expected points from 0 to "
                    "100",
                    path, set->line, set->column, set->value);
}

static bool may_say(const chain_stage *s, const char *key)
{
    static const char never[] = " config directory output experiment resume json quiet verbose no-color progress ";
    char word[64];
    snprintf(word, sizeof word, " %s ", key);
    return !strstr(never, word) && (s->verb->mask & V_TRAIN || strcmp(key, "model") != 0);
}

/* Within the stage's own command: what it was given, and what the chain was given that it takes too. */
static fv_status take_words(const chain *k, chain_stage *s, const settings *own)
{
    for (int i = 0; i < n_options; i++) {
        const fv_setting_row *o = &options[i];
        if (!(o->verbs & s->verb->mask))
            continue;
        const settings *from = option_row_given(o) ? own : option_row_given_below(o) && !is_kept(o) ? k->c : NULL;
        if (from && option_is_set(o, from) && !words_set(&s->words, option_word(o, from)))
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

static fv_status read_settings(chain *k, const fv_config *config, int i)
{
    chain_stage *s = &k->stage[i];
    settings own;
    help_kind help;
    fv_status status = options_read(s->verb, 0, NULL, &own, &help);
    for (int n = 0; status == FV_OK && n < fv_config_count(config); n++) {
        const fv_setting *set = fv_config_get(config, n);
        if (set->stage != i)
            continue;
        const bool gate = strcmp(set->key, "max-drop") == 0;
        if (!may_say(s, set->key))
            status = complain(FV_ERR_CONFLICT, "leave it out", "%s:%d:%d: a stage has no %s of its own", k->c->config,
                              set->line, set->column, set->key);
        if (status == FV_OK && gate)
            status = take_gate(k->c->config, set, s);
        if (status == FV_OK && (!gate || s->verb->mask == V_QUANTIZE))
            status = options_read_setting(s->verb, k->c->config, set, &own);
    }
    return status == FV_OK ? take_words(k, s, &own) : status;
}

/* The teacher is the model that was given, unless another one is named. */
static fv_status name_teacher(const chain *k, chain_stage *s)
{
    char *word = NULL;
    for (int i = 0; i < s->words.count; i++)
        if (strncmp(s->words.word[i], "--teacher=", 10) == 0)
            return FV_OK;
    return asprintf(&word, "--teacher=%s", k->stage[0].model) >= 0 && words_set(&s->words, word)
               ? FV_OK
               : (fv_status)FV_ERR_NO_MEMORY;
}

/* FNV-1a: what is done already is known by the names of its files. */
static uint64_t mix(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return (h ^ 0xff) * 0x100000001b3;
}

static bool is_of_speed(const char *word)
{
    for (int i = 0; i < n_options; i++)
        if (options[i].level == FV_SPEED && fv_setting_has_name(&options[i], word + 2, strcspn(word + 2, "=")))
            return true;
    return false;
}

/* A stage is known by what it is told and by all before it. */
static void name_runs(chain *k, const char *digest)
{
    uint64_t h = mix(0xcbf29ce484222325, digest);
    for (int i = 1; i < k->count; i++) {
        chain_stage *s = &k->stage[i];
        h = mix(h, s->name);
        for (int n = 0; n < s->words.count; n++)
            if (!is_of_speed(s->words.word[n]))
                h = mix(h, s->words.word[n]);
        snprintf(s->run, sizeof s->run, "%d-%s-%08x", i, s->name, (unsigned)(h >> 32));
        snprintf(s->model, sizeof s->model, "%s/%s.safetensors", k->s.dir, s->run);
    }
}

static fv_status read_stages(chain *k, const fv_config *config)
{
    const char *path = k->c->config;
    const fv_config_stage *given;
    if (!fv_config_stage_at(config, 1))
        return complain(FV_ERR_VALUE, "add `stages:` and lines such as `- quantize: {max-drop: 1}`",
                        "%s: no stages are in this recipe", path);
    for (k->count = 1; (given = fv_config_stage_at(config, k->count)); k->count++) {
        if (k->count > CHAIN_STAGES)
            return complain(FV_ERR_VALUE, "make two recipes of it", "%s:%d:%d: more than %d stages", path, given->line,
                            given->column, CHAIN_STAGES);
        chain_stage *s = &k->stage[k->count];
        s->max_drop = NAN;
        FV_TRY(choose(path, given, s));
        if (!options_push())
            return FV_ERR_NO_MEMORY;
        const fv_status status = read_settings(k, config, k->count);
        options_pop();
        FV_TRY(status);
        if (strcmp(s->name, "distill") == 0)
            FV_TRY(name_teacher(k, s));
    }
    return FV_OK;
}

fv_status chain_read(chain *k)
{
    fv_ctx *ctx = NULL;
    fv_config *config = NULL;
    fv_model *model = NULL;
    char digest[65];
    FV_TRY(context_open(k->c, &ctx));
    fv_status status = fv_config_read(ctx, k->c->config, &config);
    if (status == FV_OK)
        status = read_stages(k, config);
    if (status == FV_OK)
        status = model_open_trained(ctx, k->c, &model);
    if (status == FV_OK) {
        fv_model_sha256(model, digest);
        name_runs(k, digest);
    }
    status = report(ctx, status);
    fv_model_destroy(&model);
    fv_config_destroy(&config);
    fv_ctx_destroy(&ctx);
    return status;
}
