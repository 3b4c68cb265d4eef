/* SPDX-License-Identifier: Apache-2.0 */
#include "train/average.h"

#include <string.h>

fv_status fv_average_create(fv_model *model, fv_average **average)
{
    fv_ctx *ctx = model->ctx;
    fv_average *a = *average = fv_new(ctx, fv_average);
    if (!a)
        return FV_ERR_NO_MEMORY;
    a->model = model;
    a->data = fv_calloc(ctx, (size_t)model->n_slots + 1, sizeof *a->data);
    fv_status status = a->data ? FV_OK : FV_ERR_NO_MEMORY;
    fv_model_sync(model);
    for (int i = 0; status == FV_OK && i < model->n_slots; i++) {
        if (model->slots[i].dtype != FV_F32)
            continue;
        size_t count = (size_t)fv_tensor_count(model->slots[i].data);
        a->data[i] = fv_calloc(ctx, count, sizeof(float));
        if (a->data[i])
            memcpy(a->data[i], fv_slot_data(&model->slots[i]), count * sizeof(float));
        else
            status = FV_ERR_NO_MEMORY;
    }
    if (status != FV_OK)
        fv_average_destroy(average);
    return status;
}

void fv_average_destroy(fv_average **average)
{
    fv_average *a = average ? *average : NULL;
    if (!a)
        return;
    fv_ctx *ctx = a->model->ctx;
    for (int i = 0; a->data && i < a->model->n_slots; i++)
        fv_free(ctx, a->data[i]);
    fv_free(ctx, a->data);
    fv_free(ctx, a);
    *average = NULL;
}

float *fv_average_of(const fv_average *average, const char *name, size_t size)
{
    for (int i = 0; average && i < average->model->n_slots; i++) {
        const char *slot = average->model->slots[i].name;
        if (strncmp(slot, name, size) == 0 && slot[size] == '\0')
            return average->data[i];
    }
    return NULL;
}

void fv_average_swap(fv_average *average)
{
    fv_model *model = average->model;
    fv_model_sync(model);
    for (int i = 0; i < model->n_slots; i++) {
        float *a = average->data[i], *b = fv_slot_data(&model->slots[i]);
        for (int64_t k = 0; a && k < fv_tensor_count(model->slots[i].data); k++) {
            float kept = a[k];
            a[k] = b[k];
            b[k] = kept;
        }
    }
    fv_model_touch(model);
}
