/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of itself beside the network. */
#include <string.h>

#include "base/text.h"
#include "model/model.h"

static const char *const titles[FV_CARD_COUNT] = {
#define FV_CARD_ROW(id, key, title) title,
    FV_CARD_LIST(FV_CARD_ROW)
#undef FV_CARD_ROW
};

const char *fv_model_card(const fv_model *model, fv_card_item item)
{
    return (unsigned)item < FV_CARD_COUNT ? model->card.texts[item].text : NULL;
}

fv_status fv_model_set_card(fv_model *model, fv_card_item item, const char *text)
{
    const size_t size = text ? strlen(text) + 1 : 1;
    if ((unsigned)item >= FV_CARD_COUNT)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': %d is no item of a card", model->name, (int)item);
    if (size > FV_CARD_MAX + 1 || (text && !fv_text_is_utf8(text)))
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': %s: expected a text in UTF-8 of at most %d bytes",
                       model->name, titles[item], FV_CARD_MAX);
    fv_card_text *t = &model->card.texts[item];
    t->text = NULL;
    if (size == 1)
        return FV_OK;
    if (t->size < size) {
        t->size = 0;
        t->room = fv_arena_alloc(model->arena, size + 256);
        if (!t->room)
            return FV_ERR_NO_MEMORY;
        t->size = size + 256;
    }
    memmove(t->room, text, size); /* which may be what stands there */
    t->text = t->room;
    return FV_OK;
}

fv_status fv_model_note_before(const fv_model *model, const char *what, fv_model *copy)
{
    const char *measured = fv_model_card(model, FV_CARD_METRICS);
    fv_str text = {.ctx = model->ctx};
    if (!measured)
        return FV_OK;
    fv_str_printf(&text, "before it was %s: %s", what, measured);
    fv_status status = fv_str_status(&text);
    if (status == FV_OK && text.size <= FV_CARD_MAX)
        status = fv_model_set_card(copy, FV_CARD_METRICS, fv_str_get(&text));
    fv_str_free(&text);
    return status;
}
