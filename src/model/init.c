/* SPDX-License-Identifier: Apache-2.0 */
/* Starting weights: every number is a pure function of (seed, name of the tensor, index in the file's order). */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/threads.h"
#include "model/model.h"

typedef enum draw_kind { FV_DRAW_CONSTANT, FV_DRAW_UNIFORM, FV_DRAW_NORMAL } draw_kind;

/* Variance of a weight: gain / (in * fan_in + out * fan_out). */
static const struct {
    draw_kind draw;
    double gain, in, out;
} fv_schemes[FV_INIT_COUNT] = {
    [FV_INIT_DEFAULT] = {FV_DRAW_UNIFORM, 1.0 / 3, 1, 0},    [FV_INIT_XAVIER_UNIFORM] = {FV_DRAW_UNIFORM, 2, 1, 1},
    [FV_INIT_XAVIER_NORMAL] = {FV_DRAW_NORMAL, 2, 1, 1},     [FV_INIT_HE_UNIFORM] = {FV_DRAW_UNIFORM, 2, 1, 0},
    [FV_INIT_HE_NORMAL] = {FV_DRAW_NORMAL, 2, 1, 0},         [FV_INIT_LECUN_NORMAL] = {FV_DRAW_NORMAL, 1, 1, 0},
    [FV_INIT_GAUSSIAN] = {FV_DRAW_NORMAL, 0, 0, 0},          [FV_INIT_CONSTANT] = {FV_DRAW_CONSTANT, 0, 0, 0},
    [FV_INIT_HE_NORMAL_FAN_OUT] = {FV_DRAW_NORMAL, 2, 0, 1},
};

const char *const fv_init_list[FV_INIT_COUNT + 1] = {
    "default",      "xavier_uniform", "xavier_normal", "he_uniform",        "he_normal",
    "lecun_normal", "gaussian",       "constant",      "he_normal_fan_out", NULL,
};

const char *const *fv_init_names(void)
{
    return fv_init_list;
}

/* Numbers of one task: a whole number of Philox blocks. */
#define FV_DRAW_CHUNK ((int64_t)1 << 14)

typedef struct drawing {
    const fv_slot *slot;
    float *dst;
    uint64_t seed, name;
    draw_kind draw;
    double scale; /* bound of a uniform draw, standard deviation of a normal one, the constant */
} drawing;

/* Index here of element i of the file's order. */
static int64_t place(const fv_slot *slot, int64_t i)
{
    const int64_t row = slot->mid * slot->inner;
    const int64_t o = i / row, c = i % row / slot->mid, m = i % slot->mid;
    return o * row + m * slot->inner + c;
}

static void draw_chunk(void *arg, int64_t task, int worker)
{
    const drawing *d = arg;
    const int64_t count = fv_tensor_count(d->slot->data), begin = task * FV_DRAW_CHUNK;
    const int64_t end = begin + FV_DRAW_CHUNK < count ? begin + FV_DRAW_CHUNK : count;
    (void)worker;
    for (int64_t i = begin; i < end; i += 4) {
        uint32_t word[4];
        float value[4];
        fv_philox(d->seed, FV_RANDOM_INIT, (uint64_t)i / 4, d->name, word);
        if (d->draw == FV_DRAW_NORMAL) {
            fv_normal2(word[0], word[1], value);
            fv_normal2(word[2], word[3], value + 2);
        } else {
            for (int k = 0; k < 4; k++)
                value[k] = 2.0f * fv_uniform(word[k]) - 1.0f;
        }
        for (int k = 0; k < 4 && i + k < end; k++)
            d->dst[place(d->slot, i + k)] = (float)(d->scale * (double)value[k]);
    }
}

void fv_slot_start(fv_ctx *ctx, const fv_slot *slot, uint64_t seed, fv_init init, double value)
{
    drawing d = {.slot = slot,
                 .dst = fv_tensor_data(slot->data),
                 .seed = seed,
                 .name = fv_hash_name(slot->name),
                 .draw = fv_schemes[init].draw};
    const int64_t count = fv_tensor_count(slot->data);
    if (d.draw == FV_DRAW_CONSTANT) {
        for (int64_t i = 0; i < count; i++)
            fv_set(slot->dtype, fv_tensor_data(slot->data), i, value);
        return;
    }
    double fans = fv_schemes[init].in * (double)slot->fan_in + fv_schemes[init].out * (double)slot->fan_out;
    double deviation = fans > 0 ? sqrt(fv_schemes[init].gain / fans) : value != 0 ? value : 0.01;
    d.scale = d.draw == FV_DRAW_UNIFORM ? sqrt(3.0) * deviation : deviation;
    if (init == FV_INIT_DEFAULT)
        d.scale = 1 / sqrt(fans);
    fv_parallel(ctx, (count + FV_DRAW_CHUNK - 1) / FV_DRAW_CHUNK, 0, draw_chunk, &d);
}

fv_status fv_model_init(fv_model *model, uint64_t seed, fv_init scheme)
{
    if ((unsigned)scheme >= FV_INIT_COUNT || scheme == FV_INIT_CONSTANT)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': init scheme %d cannot start all weights", model->name,
                       (int)scheme);
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: call fv_model_finish first",
                       model->name);
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        fv_init init = slot->init;
        double value = slot->init_value;
        if (scheme != FV_INIT_DEFAULT && slot->weighted) {
            init = slot->kind == FV_SLOT_BIAS ? FV_INIT_CONSTANT : scheme;
            value = 0;
        }
        fv_slot_start(model->ctx, slot, seed, init, value);
    }
    for (int i = 0; i < model->n_counters; i++)
        model->counters[i].value = 0;
    fv_model_touch(model);
    return FV_OK;
}
