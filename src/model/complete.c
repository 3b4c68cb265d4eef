/* SPDX-License-Identifier: Apache-2.0 */
/* The end of making a model: its slots get their tensors, from a source or new ones. */
#include "model/model.h"
#include "tensor/within.h"

/* From so many bytes on weights lie in one block. */
#define FV_ONE_BLOCK ((int64_t)4 << 20)

/* All weights that are not there yet, before one of them is allocated: a text of a few bytes may describe more than
 * there is. */
static fv_status check_budget(const fv_model *model)
{
    const int64_t limit = fv_ctx_memory_limit(model->ctx);
    const fv_slot *largest = NULL;
    char shape[96];
    int64_t now, sum = 0, need = 0;
    bool fits = true;
    fv_ctx_memory(model->ctx, &now, NULL);
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        const int64_t count = fv_shape_count(&slot->shape);
        if (slot->data)
            continue;
        fits = fits && fv_size_mul(count, (int64_t)fv_dtype_size(slot->dtype), &need) && fv_size_add(sum, need, &sum);
        if (!largest || count > fv_shape_count(&largest->shape))
            largest = slot;
    }
    if (!largest || limit <= 0 || (fits && fv_size_add(sum, now, &need) && need <= limit))
        return FV_OK;
    return fv_fail_hint(
        model->ctx,
        fv_fail(model->ctx, FV_ERR_OVER_BUDGET,
                "model '%s': its weights need %s%.1f MiB and %.1f MiB are in use, but the limit is %.1f MiB; the "
                "largest: '%s' %s",
                model->name, fits ? "" : "more than ", (double)sum / 1048576, (double)now / 1048576,
                (double)limit / 1048576, largest->name, fv_shape_text(&largest->shape, shape)),
        "use a smaller model, or raise --memory");
}

/* Bytes of a slot that is not there yet and may lie beside others. */
static int64_t bytes_beside(const fv_slot *slot)
{
    const bool beside = !slot->data && fv_tensor_is_whole(slot->dtype, &slot->shape);
    return beside ? fv_shape_count(&slot->shape) * (int64_t)fv_dtype_size(slot->dtype) : 0;
}

/* What is not there yet. Much of it lies in one block, which the system brings in large pages. */
static fv_status allocate(fv_model *model)
{
    fv_tensor *block = NULL;
    int64_t sum = 0, at = 0;
    for (int i = 0; i < model->n_slots; i++)
        sum += bytes_beside(&model->slots[i]);
    if (sum >= FV_ONE_BLOCK)
        FV_TRY(fv_tensor_create(model->ctx, FV_U8, &(fv_shape){1, {sum}}, &block));
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < model->n_slots; i++) {
        fv_slot *slot = &model->slots[i];
        const int64_t bytes = block ? bytes_beside(slot) : 0;
        if (bytes > 0)
            status = fv_tensor_within(block, at, slot->dtype, &slot->shape, &slot->data);
        else if (!slot->data)
            status = fv_tensor_create(model->ctx, slot->dtype, &slot->shape, &slot->data);
        at += bytes;
    }
    fv_tensor_destroy(&block);
    return status;
}

fv_status fv_model_complete_with(fv_model *model, const fv_tensor_source *source)
{
    FV_TRY(fv_model_check(model));
    FV_TRY(fv_model_derive_views(model));
    for (int i = 0; source && i < model->n_slots; i++)
        FV_TRY(source->take(source->user, &model->slots[i], &model->slots[i].data));
    FV_TRY(check_budget(model));
    FV_TRY(allocate(model));
    fv_model_input_size(model, &model->pipeline.h, &model->pipeline.w, &model->pipeline.c);
    model->finished = true;
    return FV_OK;
}

fv_status fv_model_complete(fv_model *model)
{
    return fv_model_complete_with(model, NULL);
}

static fv_status share_slot(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    fv_model *from = user;
    const fv_slot *other = fv_model_slot(from, slot->name);
    if (!other || other->dtype != slot->dtype || !fv_shape_equal(&other->shape, &slot->shape))
        return fv_fail(from->ctx, FV_ERR_INTERNAL, "model '%s' has no tensor '%s' to share", from->name, slot->name);
    return fv_tensor_share(other->data, tensor);
}

fv_status fv_model_complete_sharing(fv_model *model, fv_model *from)
{
    fv_model_sync(from);
    return fv_model_complete_with(model, &(fv_tensor_source){share_slot, from});
}
