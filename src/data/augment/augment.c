/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an augmentation pipeline made into steps, and the steps run. */
#include "data/augment/augment.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_STEPS 64

typedef struct step {
    const fv_augment_op *op;
    double p;
    fv_range arg[FV_AUGMENT_PARAMS];
    uint32_t index; /* its place in the text: which random numbers are its own */
} step;

struct fv_augment {
    fv_ctx *ctx;
    step frame; /* op NULL: none */
    step samples[MAX_STEPS], batches[MAX_STEPS];
    int n_samples, n_batches;
};

static const fv_augment_op *const ops[] = {
#define FV_AUGMENT(name) &fv_augment_##name,
#include "data/augment/augment_ops.def"
#undef FV_AUGMENT
};
#define N_OPS (sizeof ops / sizeof *ops)

const fv_augment_op *fv_augment_op_find(const char *name)
{
    for (size_t i = 0; i < N_OPS; i++) {
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    }
    return NULL;
}

/* ---- reading ---- */

static const fv_augment_param probability = {
    "p", FV_PARAM_NUMBER, {1, 1}, 0, 1, NULL, "share of the samples that the step happens to"};

/* "rotate degrees=15 p=0.5" being read: `place` is what messages call it. */
typedef struct reader {
    fv_ctx *ctx;
    int number;
    uint32_t given; /* parameters of the step so far */
    char word[64];
} reader;

static void copy_word(char word[64], const char *from, size_t n)
{
    n = n < 63 ? n : 63;
    memcpy(word, from, n);
    word[n] = '\0';
}

static fv_status fail_operator(const reader *r)
{
    const char *names[N_OPS + 1] = {0};
    for (size_t i = 0; i < N_OPS; i++)
        names[i] = ops[i]->name;
    const char *nearest = fv_text_nearest(r->word, names);
    return fv_fail_hint(r->ctx,
                        fv_fail(r->ctx, FV_ERR_VALUE, "augment: step %d: no operator '%s'%s%s%s", r->number, r->word,
                                nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : ""),
                        "`fovea help augment` lists the operators");
}

static fv_status fail_parameter(const reader *r, const fv_augment_op *op)
{
    char known[512] = "p";
    for (const fv_augment_param *a = op->params; a && a->key; a++)
        snprintf(known + strlen(known), sizeof known - strlen(known), ", %s", a->key);
    return fv_fail_hint(r->ctx,
                        fv_fail(r->ctx, FV_ERR_VALUE, "augment: step %d: %s has no '%s'", r->number, op->name, r->word),
                        "it takes %s, written key=value", known);
}

static fv_status fail_value(const reader *r, const fv_augment_op *op, const fv_augment_param *param)
{
    char expected[256] = "";
    if (param->kind == FV_PARAM_CHOICE) {
        for (int i = 0; param->names[i]; i++)
            snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s", i ? ", " : "one of ",
                     param->names[i]);
    } else {
        fv_text_format(expected, sizeof expected, "%s from %g to %g%s",
                       param->kind == FV_PARAM_WHOLE || param->kind == FV_PARAM_WHOLES ? "a whole number" : "a number",
                       param->min, param->max,
                       param->kind == FV_PARAM_RANGE || param->kind == FV_PARAM_WHOLES ? ", or two as low..high"
                       : param->kind == FV_PARAM_SPREAD ? " (v stands for -v..v), or two as low..high"
                                                        : "");
    }
    return fv_fail(r->ctx, FV_ERR_VALUE, "augment: step %d: %s %s: found '%s', expected %s", r->number, op->name,
                   param->key, r->word, expected);
}

/* A setting without its "=VALUE"; the word may be one of a known setting, or a stray one. */
static fv_status fail_bare_word(const reader *r, const fv_augment_op *op)
{
    const fv_augment_param *a = op->params;
    while (a && a->key && strcmp(a->key, r->word) != 0)
        a++;
    if (strcmp(r->word, "p") != 0 && !(a && a->key))
        return fail_parameter(r, op);
    return fv_fail_hint(
        r->ctx, fv_fail(r->ctx, FV_ERR_VALUE, "augment: step %d: %s: '%s' has no value", r->number, op->name, r->word),
        "write %s=VALUE", r->word);
}

/* The number up to ".." or the end of text; false: none. */
static bool read_number(const char *text, const char **end, double *value)
{
    char digits[64];
    size_t n = 0;
    for (; text[n] && n < 63 && !(text[n] == '.' && text[n + 1] == '.'); n++)
        digits[n] = text[n];
    digits[n] = '\0';
    *end = text + n;
    return n > 0 && fv_text_to_double(digits, value) && *value == *value;
}

static bool read_range(const char *text, const fv_augment_param *param, fv_range *range)
{
    const char *end;
    if (param->kind == FV_PARAM_CHOICE) {
        for (int i = 0; param->names[i]; i++) {
            if (strcmp(param->names[i], text) == 0) {
                *range = (fv_range){i, i};
                return true;
            }
        }
        return false;
    }
    if (!read_number(text, &end, &range->low))
        return false;
    range->high = range->low;
    const bool two = strncmp(end, "..", 2) == 0;
    if (two && (param->kind == FV_PARAM_NUMBER || param->kind == FV_PARAM_WHOLE))
        return false;
    if (two && !read_number(end + 2, &end, &range->high))
        return false;
    if (!two && param->kind == FV_PARAM_SPREAD)
        range->low = -range->high;
    if (!two && param->kind == FV_PARAM_SPREAD && range->high < 0)
        return false;
    const bool inside = range->low <= range->high && range->low >= param->min && range->high <= param->max;
    if ((param->kind == FV_PARAM_WHOLE || param->kind == FV_PARAM_WHOLES) && inside &&
        (range->low != floor(range->low) || range->high != floor(range->high)))
        return false;
    return *end == '\0' && inside;
}

static fv_status read_pair(reader *r, step *s, const char *text, size_t size)
{
    const char *equals = memchr(text, '=', size);
    copy_word(r->word, text, equals ? (size_t)(equals - text) : size);
    if (!equals)
        return fail_bare_word(r, s->op);
    const fv_augment_param *param = strcmp(r->word, "p") == 0 ? &probability : NULL;
    fv_range p, *into = &p;
    for (int i = 0; !param && s->op->params && s->op->params[i].key; i++) {
        if (strcmp(s->op->params[i].key, r->word) == 0) {
            param = &s->op->params[i];
            into = &s->arg[i];
        }
    }
    if (!param)
        return fail_parameter(r, s->op);
    const size_t length = size - (size_t)(equals + 1 - text);
    copy_word(r->word, equals + 1, length);
    if (length >= sizeof r->word || !read_range(r->word, param, into))
        return fail_value(r, s->op, param);
    const uint32_t bit = param == &probability ? 1u << 31 : 1u << (into - s->arg);
    if (r->given & bit)
        return fv_fail(r->ctx, FV_ERR_VALUE, "augment: step %d: %s has '%s' twice", r->number, s->op->name, param->key);
    r->given |= bit;
    if (param == &probability)
        s->p = p.low;
    return FV_OK;
}

static fv_status read_step(reader *r, const char *text, size_t size, step *s)
{
    static const char blank[] = " \t\n\r";
    size_t at = 0, n = strcspn(text, blank);
    copy_word(r->word, text, n < size ? n : size);
    r->given = 0;
    s->op = fv_augment_op_find(r->word);
    if (!s->op)
        return fail_operator(r);
    s->p = s->op->p > 0 ? s->op->p : 1;
    for (int i = 0; s->op->params && s->op->params[i].key; i++)
        s->arg[i] = s->op->params[i].def;
    for (at = n;;) {
        at += strspn(text + at, blank);
        if (at >= size)
            return FV_OK;
        n = strcspn(text + at, blank);
        n = at + n < size ? n : size - at;
        FV_TRY(read_pair(r, s, text + at, n));
        at += n;
    }
}

static fv_status add_step(reader *r, fv_augment *a, const step *s)
{
    if (s->op->stage == FV_STAGE_FRAME && a->frame.op)
        return fv_fail(r->ctx, FV_ERR_CONFLICT,
                       "augment: step %d: %s and %s both choose the part of the image that is shown; keep one",
                       r->number, a->frame.op->name, s->op->name);
    if (s->op->stage == FV_STAGE_FRAME)
        a->frame = *s;
    else if (s->op->stage == FV_STAGE_SAMPLE)
        a->samples[a->n_samples++] = *s;
    else
        a->batches[a->n_batches++] = *s;
    return FV_OK;
}

static fv_status read_text(fv_augment *a, const char *text)
{
    reader r = {.ctx = a->ctx};
    while (*text) {
        text += strspn(text, " \t\n\r;,");
        const size_t size = strcspn(text, ";,\n");
        if (size == 0)
            break;
        if (size >= 4 && strncmp(text, "none", 4) == 0 && 4 + strspn(text + 4, " \t\r") == size) {
            text += size; /* how a flag takes the steps of a recipe away */
            continue;
        }
        if (++r.number > MAX_STEPS)
            return fv_fail(a->ctx, FV_ERR_VALUE, "augment: more than %d steps", MAX_STEPS);
        step s = {.index = (uint32_t)r.number};
        FV_TRY(read_step(&r, text, size, &s));
        FV_TRY(add_step(&r, a, &s));
        text += size;
    }
    return FV_OK;
}

fv_status fv_augment_create(fv_ctx *ctx, const char *text, fv_augment **augment)
{
    *augment = NULL;
    fv_augment *a = fv_new(ctx, fv_augment);
    if (!a)
        return FV_ERR_NO_MEMORY;
    a->ctx = ctx;
    fv_status status = read_text(a, text ? text : "");
    if (status != FV_OK) {
        fv_free(ctx, a);
        return status;
    }
    *augment = a;
    return FV_OK;
}

void fv_augment_destroy(fv_augment **augment)
{
    if (!augment || !*augment)
        return;
    fv_free((*augment)->ctx, *augment);
    *augment = NULL;
}

/* ---- running ---- */

void fv_augment_note(fv_augment_call *call, const char *format, ...)
{
    if (!call->note)
        return;
    const size_t used = strlen(call->note);
    va_list args;
    va_start(args, format);
    if (used + 2 < call->note_size) {
        snprintf(call->note + used, call->note_size - used, "%s", used ? ", " : "");
        const size_t at = strlen(call->note);
        vsnprintf(call->note + at, call->note_size - at, format, args);
    }
    va_end(args);
}

/* Whether the step happens; its random numbers are ready. */
static bool happens(const step *s, fv_draw *draw, const fv_augment_key *key)
{
    fv_draw_begin(draw, key->seed, key->epoch, key->sample, s->index);
    return s->p >= 1 || fv_draw_uniform(draw, 0, 1) < s->p;
}

void fv_augment_frame(const fv_augment_key *key, int64_t h, int64_t w, fv_resize_spec *spec)
{
    const fv_augment *a = key->augment;
    if (key->note)
        key->note[0] = '\0';
    fv_frame_default(key->pipeline, h, w, spec);
    if (!a || !a->frame.op)
        return;
    fv_augment_call call = {
        .arg = a->frame.arg, .pipeline = key->pipeline, .note = key->note, .note_size = key->note_size};
    if (happens(&a->frame, &call.draw, key))
        a->frame.op->frame(&call, h, w, spec);
}

fv_status fv_augment_run(const fv_augment_key *key, fv_canvas *canvas)
{
    const fv_augment *a = key->augment;
    fv_augment_call call = {
        .pipeline = key->pipeline, .canvas = canvas, .note = key->note, .note_size = key->note_size};
    for (int i = 0; a && i < a->n_samples; i++) {
        const step *s = &a->samples[i];
        call.arg = s->arg;
        if (happens(s, &call.draw, key))
            FV_TRY(s->op->apply(&call));
    }
    return canvas->warped ? fv_canvas_pixels(canvas) : FV_OK;
}

bool fv_augment_mixes(const fv_augment *a)
{
    return a && a->n_batches > 0;
}

/* At most one of the mixing steps happens to a batch: each with its p, scaled down when they add up to more than 1. */
void fv_augment_mix(const fv_augment *a, uint64_t seed, uint64_t epoch, int64_t batch, const fv_mix *mix)
{
    double sum = 0, at = 0;
    for (int i = 0; i < a->n_batches; i++)
        sum += a->batches[i].p;
    fv_draw draw;
    fv_draw_begin(&draw, seed, epoch, (uint64_t)batch, 0);
    const double chosen = fv_draw_uniform(&draw, 0, sum > 1 ? sum : 1);
    for (int i = 0; i < a->n_batches; i++) {
        const step *s = &a->batches[i];
        at += s->p;
        if (chosen >= at)
            continue;
        fv_draw_begin(&draw, seed, epoch, (uint64_t)batch, s->index);
        s->op->mix(&draw, s->arg, mix);
        return;
    }
}

bool fv_augment_is_plain(const fv_augment *a)
{
    return !a || (!a->frame.op && a->n_samples == 0 && a->n_batches == 0);
}

const char *fv_augment_cuts(const fv_augment *a)
{
    for (int i = 0; a && i < a->n_samples; i++) {
        if (a->samples[i].op->cuts)
            return a->samples[i].op->name;
    }
    return NULL;
}

bool fv_augment_has(const fv_augment *a, const char *name)
{
    const fv_augment_op *op = fv_augment_op_find(name);
    bool has = a && op && a->frame.op == op;
    for (int i = 0; a && op && i < a->n_samples; i++)
        has |= a->samples[i].op == op;
    for (int i = 0; a && op && i < a->n_batches; i++)
        has |= a->batches[i].op == op;
    return has;
}

/* ---- for people ---- */

int fv_augment_count(void)
{
    return (int)N_OPS;
}

static int describe_param(const fv_augment_param *p, char *text, size_t size)
{
    char def[64];
    if (p->kind == FV_PARAM_CHOICE)
        snprintf(def, sizeof def, "%s", p->names[(int)p->def.low]);
    else if (p->kind == FV_PARAM_SPREAD && p->def.low == -p->def.high)
        fv_text_format(def, sizeof def, "%g (-v..v)", p->def.high);
    else if (p->def.low == p->def.high)
        fv_text_format(def, sizeof def, "%g", p->def.low);
    else
        fv_text_format(def, sizeof def, "%g..%g", p->def.low, p->def.high);
    int used = snprintf(text, size, "\n    %s=%s  %s", p->key, def, p->doc);
    for (int i = 0; p->kind == FV_PARAM_CHOICE && p->names[i] && (size_t)used < size; i++)
        used += snprintf(text + used, size - (size_t)used, "%s%s", i ? ", " : ": ", p->names[i]);
    return used;
}

void fv_augment_describe(int i, char *text, size_t size)
{
    const fv_augment_op *op = ops[i];
    size_t used = (size_t)snprintf(text, size, "%s: %s", op->name, op->doc);
    for (const fv_augment_param *p = op->params; p && p->key && used < size; p++)
        used += (size_t)describe_param(p, text + used, size - used);
    fv_augment_param share = probability;
    share.def.low = share.def.high = op->p > 0 ? op->p : 1;
    if (used < size)
        describe_param(&share, text + used, size - used);
}
