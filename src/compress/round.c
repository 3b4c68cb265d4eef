/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as numbers of a smaller type, which files then hold them in. */
#include <fovea/compress.h>

#include <math.h>
#include <string.h>

#include "model/model.h"

/* The least scale of a filter: products with 127 are no denormals. */
#define SCALE_FLOOR 0x1p-100

typedef struct rounding {
    fv_model *model;
    fv_storage storage;
    fv_round_report report;
    double signal, noise;
} rounding;

/* The layer whose weight or bias a slot is; NULL: it is neither. */
static const fv_node *layer_of(const fv_model *model, const fv_slot *slot)
{
    const fv_graph *g = model->graph;
    for (int32_t n = 0; slot->weighted && n < g->n_nodes; n++)
        for (int32_t i = 1; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] && g->nodes[n]->in[i]->id == slot->val && fv_node_weighted(g->nodes[n]))
                return g->nodes[n];
    return NULL;
}

static bool is_rounded(const rounding *r, const char *skip, const fv_slot *slot)
{
    const bool kind = slot->kind == FV_SLOT_WEIGHT || (slot->kind == FV_SLOT_BIAS && r->storage != FV_STORAGE_INT8);
    const fv_node *layer = kind && slot->dtype == FV_F32 && slot->shape.rank > 0 ? layer_of(r->model, slot) : NULL;
    return layer && !fv_text_match_any(skip, layer->name);
}

static double to_half(fv_dtype dtype, float x)
{
    uint16_t bits;
    fv_dtype_set(dtype, &bits, 0, (double)x);
    return fv_dtype_get(dtype, &bits, 0);
}

/* A bfloat16 that is at least so much. */
static double scale_up(double least)
{
    const float scale = (float)fmax(least, SCALE_FLOOR);
    double up = to_half(FV_BF16, scale);
    for (float next = scale; up < least; up = to_half(FV_BF16, next))
        next *= 1.0f + 0x1p-8f;
    return up;
}

static fv_status check_range(const rounding *r, const fv_slot *slot)
{
    const float *x = fv_slot_data(slot);
    for (int64_t i = 0; r->storage == FV_STORAGE_FP16 && i < fv_shape_count(&slot->shape); i++)
        if (!isfinite(to_half(FV_F16, x[i])))
            return fv_fail_hint(r->model->ctx,
                                fv_fail(r->model->ctx, FV_ERR_MODEL,
                                        "model '%s': tensor '%s': element %lld is %g, and fp16 ends at 65504",
                                        r->model->name, slot->name, (long long)i, (double)x[i]),
                                "bf16 has the range of float32; or leave its layer out (--skip)");
    return FV_OK;
}

static void round_row(const rounding *r, float *x, int64_t n)
{
    double most = 0;
    if (r->storage != FV_STORAGE_INT8) {
        const fv_dtype dtype = r->storage == FV_STORAGE_FP16 ? FV_F16 : FV_BF16;
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)to_half(dtype, x[i]);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    const double scale = scale_up(most / 127);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * fmin(fmax(round((double)x[i] / scale), -127), 127) + 0.0); /* integers have no -0 */
}

static double decibels(double signal, double noise)
{
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static fv_status round_slot(rounding *r, const fv_slot *slot)
{
    const int64_t n = fv_shape_count(&slot->shape), rows = slot->shape.dim[0];
    float *x = fv_slot_data(slot), *was = fv_malloc(r->model->ctx, (size_t)n * sizeof *was);
    double signal = 0, noise = 0;
    if (!was)
        return FV_ERR_NO_MEMORY;
    memcpy(was, x, (size_t)n * sizeof *was);
    for (int64_t k = 0; k < rows; k++)
        round_row(r, x + k * (n / rows), n / rows);
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)was[i], gap = a - (double)x[i];
        signal += a * a;
        noise += gap * gap;
        r->report.vanished += was[i] != 0 && x[i] == 0;
    }
    fv_free(r->model->ctx, was);
    r->signal += signal;
    r->noise += noise;
    r->report.tensors++;
    r->report.elements += n;
    if (noise > 0 && (!r->report.worst || decibels(signal, noise) < r->report.worst_db)) {
        r->report.worst = slot->name;
        r->report.worst_db = decibels(signal, noise);
    }
    return FV_OK;
}

/* Every name is one of a layer with weights. */
static fv_status check_names(const rounding *r, const char *skip)
{
    char one[256];
    for (const char *p = skip; p && *p;) {
        const size_t length = strcspn(p, ",");
        bool found = false;
        (void)fv_text_format(one, sizeof one, "%.*s", (int)length, p);
        for (int i = 0; i < r->model->n_slots && !found; i++) {
            const fv_node *layer = layer_of(r->model, &r->model->slots[i]);
            found = layer && fv_text_match(one, layer->name);
        }
        if (!found)
            return fv_fail_hint(r->model->ctx,
                                fv_fail(r->model->ctx, FV_ERR_VALUE,
                                        "no layer with weights of model '%s' is called '%s'", r->model->name, one),
                                "`fovea info` lists them");
        p += length + (p[length] == ',');
    }
    return FV_OK;
}

static fv_status round_all(rounding *r, const char *skip)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < r->model->n_slots; i++)
            if (is_rounded(r, skip, &r->model->slots[i]))
                FV_TRY(pass == 0 ? check_range(r, &r->model->slots[i]) : round_slot(r, &r->model->slots[i]));
    if (r->report.tensors == 0)
        return fv_fail(r->model->ctx, FV_ERR_MODEL, "model '%s' has no float weights to be stored as %s%s",
                       r->model->name, fv_storage_names()[r->storage], skip ? " behind --skip" : "");
    return FV_OK;
}

fv_status fv_model_round(fv_model *model, fv_storage storage, const char *skip, fv_round_report *report)
{
    rounding r = {.model = model, .storage = storage};
    if (report)
        *report = (fv_round_report){.db = INFINITY, .worst_db = INFINITY};
    if (!model->finished || (unsigned)storage >= FV_STORAGE_COUNT)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "rounding model '%s': %s", model->name,
                       model->finished ? "there is no such storage" : "it is not finished");
    fv_model_sync(model);
    FV_TRY(check_names(&r, skip));
    if (storage != FV_STORAGE_FLOAT32) {
        const fv_status status = round_all(&r, skip);
        if (r.report.tensors > 0)
            fv_model_touch(model);
        FV_TRY(status);
    }
    model->card.storage = storage;
    if (storage != FV_STORAGE_FLOAT32)
        FV_TRY(fv_model_note_before(model, "rounded", model));
    r.report.db = decibels(r.signal, r.noise);
    r.report.worst_db = r.report.worst ? r.report.worst_db : INFINITY;
    if (report)
        *report = r.report;
    return FV_OK;
}
