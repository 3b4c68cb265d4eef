/* SPDX-License-Identifier: Apache-2.0 */
#include "train/norms.h"

#include <math.h>
#include <string.h>

const char fv_norms_head[] = "epoch,step,tensor,weight_norm,gradient_norm\n";

static double norm(const float *v, int64_t n)
{
    double squares = 0;
    for (int64_t i = 0; i < n; i++)
        squares += (double)v[i] * (double)v[i];
    return sqrt(squares);
}

/* A name as CSV has it. */
static void put_name(fv_str *out, const char *name)
{
    if (!strpbrk(name, ",\"\r\n")) {
        fv_str_append(out, name);
        return;
    }
    fv_str_append(out, "\"");
    for (; *name; name++)
        fv_str_append_n(out, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
    fv_str_append(out, "\"");
}

static void put_norm(fv_str *out, double value)
{
    char text[32];
    fv_str_append(out, ",");
    if (isfinite(value))
        fv_str_append(out, fv_double_text(value, text));
}

void fv_norms_note(fv_journal *j, fv_trainer *t, int64_t epoch, int64_t step)
{
    if (!j || j->norms < 0)
        return;
    fv_model_sync(t->model);
    for (int i = 0; i < t->model->n_slots; i++) {
        const fv_slot *slot = &t->model->slots[i];
        fv_shape shape;
        if (slot->kind != FV_SLOT_WEIGHT || slot->dtype != FV_F32 || t->frozen[i])
            continue;
        const float *gradient = fv_trainer_gradient_of(t, slot->name, &shape);
        if (!gradient)
            continue;
        fv_str_printf(&j->line, "%lld,%lld,", (long long)epoch, (long long)step);
        put_name(&j->line, slot->name);
        put_norm(&j->line, norm(fv_slot_data(slot), fv_shape_count(&slot->shape)));
        put_norm(&j->line, norm(gradient, fv_shape_count(&shape)));
        fv_str_append(&j->line, "\n");
        fv_journal_put(j, j->norms);
    }
}
