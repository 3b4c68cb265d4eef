/* SPDX-License-Identifier: Apache-2.0 */
#include "train/phases.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "train/freeze.h"
#include "train/image_size.h"

/* One item of the text: EPOCH:NAMES. */
typedef struct item {
    int64_t epoch; /* from 1 */
    char what[256];
} item;

static fv_status refuse(fv_ctx *ctx, const char *text, int number, const char *found, const char *why)
{
    return fv_fail_hint(
        ctx, fv_fail(ctx, FV_ERR_VALUE, "--unfreeze-at '%.200s': item %d is '%s': %s", text, number, found, why),
        "as in --unfreeze-at '5:features.1[0-9],10:*': in epoch 5 layers of these names begin to learn, "
        "in epoch 10 all");
}

/* Takes the item at *at, and goes behind it. */
static fv_status next_item(fv_ctx *ctx, const char *text, const char **at, int number, item *it)
{
    char word[300];
    const size_t n = strcspn(*at, ",");
    snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : (int)sizeof word - 1, *at);
    *at += n + ((*at)[n] == ',');
    char *colon = strchr(word, ':');
    if (!colon || colon == word)
        return refuse(ctx, text, number, word, "expected EPOCH:NAMES");
    if (!colon[1] || strlen(colon + 1) >= sizeof it->what)
        return refuse(ctx, text, number, word, "expected a name, or a number of layers, behind the colon");
    snprintf(it->what, sizeof it->what, "%s", colon + 1);
    *colon = '\0';
    if (!fv_text_to_int(word, &it->epoch) || it->epoch < 2 || it->epoch > 1000000) {
        *colon = ':';
        return refuse(ctx, text, number, word, "expected an epoch from 2 on: what learns from the first is not frozen");
    }
    return FV_OK;
}

static fv_status add_epoch(fv_ctx *ctx, int64_t after, fv_phases *p)
{
    int at = p->count;
    while (at > 0 && p->after[at - 1] > after)
        at--;
    if (at > 0 && p->after[at - 1] == after)
        return FV_OK;
    if (p->count == FV_PHASES_MAX)
        return fv_fail(ctx, FV_ERR_VALUE, "--unfreeze-at and --progressive-resize: more than %d epochs",
                       FV_PHASES_MAX - 1);
    memmove(&p->after[at + 1], &p->after[at], (size_t)(p->count - at) * sizeof p->after[0]);
    p->after[at] = after;
    p->count++;
    return FV_OK;
}

/* Phases of --progressive-resize among those that there are, and each one's size. */
static fv_status add_sizes(fv_ctx *ctx, const fv_fit_options *o, fv_phases *p)
{
    fv_image_size list[FV_PHASES_MAX];
    int count;
    FV_TRY(fv_image_sizes_read(ctx, o, list, &count));
    for (int i = 0; i < count; i++)
        FV_TRY(add_epoch(ctx, list[i].after, p));
    for (int k = 0; k < p->count; k++)
        for (int i = 0; i < count && list[i].after <= p->after[k]; i++)
            memcpy(p->size[k], list[i].side, sizeof p->size[k]);
    return FV_OK;
}

static fv_status add_unfreezing(fv_ctx *ctx, const fv_fit_options *o, fv_phases *p)
{
    item it;
    int number = 0;
    const char *text = o->unfreeze_at;
    if (!text)
        return FV_OK;
    if (!o->freeze || !*o->freeze || strcmp(o->freeze, "none") == 0)
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_CONFLICT, "--unfreeze-at has no effect here: nothing is frozen"),
                            "say with --freeze what is frozen at first");
    const char *at = text;
    const size_t size = strlen(text);
    do {
        FV_TRY(next_item(ctx, text, &at, ++number, &it));
        FV_TRY(add_epoch(ctx, it.epoch - 1, p));
    } while (*at);
    return size && text[size - 1] == ',' ? refuse(ctx, text, number + 1, "", "expected EPOCH:NAMES") : FV_OK;
}

fv_status fv_phases_read(fv_ctx *ctx, const fv_fit_options *o, fv_phases *p)
{
    *p = (fv_phases){.count = 1};
    FV_TRY(add_unfreezing(ctx, o, p));
    return add_sizes(ctx, o, p);
}

int fv_phases_at(const fv_phases *p, int64_t completed)
{
    int phase = 0;
    while (phase + 1 < p->count && p->after[phase + 1] <= completed)
        phase++;
    return phase;
}

/* Takes out of the frozen set what an item names, or by its number what lies behind the first layers. */
static fv_status release(const fv_model *m, const char *text, int number, const item *it, bool *frozen)
{
    bool any = false, *named = fv_calloc(m->ctx, (size_t)m->n_slots + 1, sizeof *named);
    bool layers = false;
    if (!named)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_freeze_layers(m, "unfreeze-at", it->what, 0, named, &layers);
    for (int i = 0; status == FV_OK && i < m->n_slots; i++) {
        const bool out = frozen[i] && named[i] != layers; /* a number says what stays */
        any = any || (out && m->slots[i].kind != FV_SLOT_STATE);
        frozen[i] = frozen[i] && !out;
    }
    fv_free(m->ctx, named);
    if (status == FV_OK && !any) {
        char found[300];
        snprintf(found, sizeof found, "%lld:%s", (long long)it->epoch, it->what);
        return refuse(m->ctx, text, number, found, "nothing that it names is frozen until then");
    }
    return status;
}

fv_status fv_phase_mark(const fv_model *m, const fv_fit_options *o, int phase, bool *frozen)
{
    fv_phases p;
    FV_TRY(fv_phases_read(m->ctx, o, &p));
    FV_TRY(fv_freeze_mark(m, o->freeze, frozen));
    for (int k = 1; o->unfreeze_at && k <= phase && k < p.count; k++) {
        int number = 0;
        for (const char *at = o->unfreeze_at; *at;) {
            item it;
            FV_TRY(next_item(m->ctx, o->unfreeze_at, &at, ++number, &it));
            if (it.epoch - 1 == p.after[k])
                FV_TRY(release(m, o->unfreeze_at, number, &it, frozen));
        }
    }
    return FV_OK;
}
