/* SPDX-License-Identifier: Apache-2.0 */
/* Post-training quantization: Jacob et al., 2018; the integers are those of TensorFlow Lite's int8 specification. */
#include "compress/qat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- making a quantizer ---- */

static fv_status check_options(fv_ctx *ctx, const fv_quantize_options *o)
{
    if ((int)o->calibration < 0 || o->calibration >= FV_CALIBRATION_COUNT)
        return fv_fail(ctx, FV_ERR_VALUE, "quantize: there is no calibration number %d", (int)o->calibration);
    if (!(o->percentile > 0 && o->percentile <= 100))
        return fv_fail(ctx, FV_ERR_VALUE, "quantize: percentile %g: expected above 0, at most 100", o->percentile);
    if (o->weight_bits < 2 || o->weight_bits > 8)
        return fv_fail(ctx, FV_ERR_VALUE, "quantize: weights of %d bits: expected 2 to 8", o->weight_bits);
    if (o->ranges && (o->equalize || o->bias_correction))
        return fv_fail(ctx, FV_ERR_CONFLICT, "quantize: %s needs images, and ranges are taken from a model",
                       o->equalize ? "equalization" : "bias correction");
    return FV_OK;
}

fv_status fv_q_check_integers(const fv_model *model)
{
    const fv_graph *g = model->graph;
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (fv_q_is_integer(g->nodes[n]->op))
            return fv_fail_hint(model->ctx,
                                fv_fail(model->ctx, FV_ERR_MODEL, "model '%s' has integers already: '%s' is a %s",
                                        model->name, g->nodes[n]->name, g->nodes[n]->op->name),
                                "quantize the model in floats that it was made from");
    return FV_OK;
}

/* Weights that are not also the given model's. */
static fv_status make_private(fv_quantizer *q)
{
    fv_model *own;
    FV_TRY(fv_model_clone(q->model, &own));
    fv_model_destroy(&q->model);
    q->model = own;
    return FV_OK;
}

static fv_status observe(fv_quantizer *q, fv_model *model, fv_dataset *data)
{
    FV_TRY(fv_q_check_data(q, data));
    q->before = model;
    const fv_status status = fv_q_observe(q, data);
    q->before = NULL;
    FV_TRY(status);
    if (q->o.equalize) {
        FV_TRY(fv_q_equalize(q));
        fv_q_forget(q);
        FV_TRY(fv_q_observe(q, data));
    }
    return FV_OK;
}

static fv_status create(fv_quantizer *q, fv_model *model, fv_dataset *data)
{
    FV_TRY(check_options(q->ctx, &q->o));
    FV_TRY(fv_model_need_plain(model, "quantizing"));
    FV_TRY(fv_q_check_integers(model));
    if (fv_model_trains_integers(model))
        return fv_fail_hint(
            q->ctx,
            fv_fail(q->ctx, FV_ERR_MODEL, "model '%s' was trained for integers: its ranges are known", model->name),
            "`fovea quantize MODEL --output FILE` without --data makes its integers; train it further "
            "without --qat");
    FV_TRY(fv_model_fold(model, &q->model));
    if (q->o.equalize)
        FV_TRY(make_private(q));
    FV_TRY(fv_q_plan(q));
    if (!q->o.ranges)
        FV_TRY(observe(q, model, data));
    FV_TRY(fv_q_choose(q));
    return fv_q_measure(q, NULL);
}

/* With options, and nothing else yet. */
static fv_status begin(fv_model *model, const fv_quantize_options *options, fv_quantizer **quantizer)
{
    fv_ctx *ctx = model->ctx;
    *quantizer = NULL;
    if (!model->finished)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be quantized", model->name);
    fv_quantizer *q = fv_calloc(ctx, 1, sizeof *q);
    if (!q)
        return FV_ERR_NO_MEMORY;
    q->ctx = ctx;
    q->o = options ? *options : (fv_quantize_options){0};
    q->o.percentile = q->o.percentile != 0 ? q->o.percentile : 99.99;
    q->o.measured = q->o.measured ? q->o.measured : 16;
    q->o.weight_bits = q->o.weight_bits ? q->o.weight_bits : 8;
    *quantizer = q;
    if (!q->o.skip)
        return FV_OK;
    const size_t size = strlen(q->o.skip) + 1;
    q->skip = fv_malloc(ctx, size);
    if (q->skip)
        memcpy(q->skip, q->o.skip, size);
    return q->skip ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_quantizer_create(fv_model *model, fv_dataset *calibration, const fv_quantize_options *options,
                              fv_quantizer **quantizer)
{
    if (!calibration && !(options && options->ranges))
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': neither images nor a model whose ranges are taken",
                       model->name);
    fv_status status = begin(model, options, quantizer);
    if (status == FV_OK)
        status = create(*quantizer, model, calibration);
    if (status != FV_OK)
        fv_quantizer_destroy(quantizer);
    return status;
}

fv_status fv_quantizer_of_trained(fv_model *trained, const fv_quantize_options *options, fv_quantizer **quantizer)
{
    fv_quantize_options o = {.io = options ? options->io : FV_IO_FLOAT};
    fv_status status = begin(trained, &o, quantizer);
    if (status == FV_OK)
        status = fv_qat_read(*quantizer, trained);
    if (status != FV_OK)
        fv_quantizer_destroy(quantizer);
    return status;
}

void fv_quantizer_destroy(fv_quantizer **quantizer)
{
    fv_quantizer *q = *quantizer;
    if (!q)
        return;
    if (q->model)
        fv_q_forget(q);
    for (int i = 0; i < q->n_warnings; i++)
        fv_free(q->ctx, q->warnings[i]);
    fv_free(q->ctx, q->warnings);
    fv_free(q->ctx, q->values);
    fv_free(q->ctx, q->units);
    fv_free(q->ctx, q->uses);
    fv_free(q->ctx, q->skip);
    fv_model_destroy(&q->model);
    fv_free(q->ctx, q);
    *quantizer = NULL;
}

/* ---- looking ---- */

int fv_quantizer_count(const fv_quantizer *q)
{
    return q->n_units;
}

const fv_quantize_row *fv_quantizer_row(const fv_quantizer *q, int i)
{
    return i >= 0 && i < q->n_units ? &q->units[i].row : NULL;
}

const char *fv_quantizer_warning(const fv_quantizer *q, int i)
{
    return i >= 0 && i < q->n_warnings ? q->warnings[i] : NULL;
}

int fv_quantizer_equalized(const fv_quantizer *q)
{
    return q->equalized;
}

int64_t fv_quantizer_images(const fv_quantizer *q)
{
    return q->images;
}

fv_status fv_quantizer_keep_float(fv_quantizer *q, int i, bool keep)
{
    if (i < 0 || i >= q->n_units || q->units[i].no_rule)
        return fv_fail(q->ctx, FV_ERR_ARGUMENT, "layer %d of model '%s' %s", i, q->model->name,
                       i < 0 || i >= q->n_units ? "does not exist" : "has no integer form");
    q->units[i].keep = keep || q->units[i].asked;
    return FV_OK;
}

/* ---- making a model ---- */

/* What stands out of a layer in integers, in words. */
static void explain(fv_q_unit *u)
{
    fv_quantize_row *r = &u->row;
    if (!r->integer || r->why[0])
        return;
    if (r->high - r->low <= 0)
        snprintf(r->why, sizeof r->why, "constant 0 on all images: a scale was made up");
    else if (r->dead > 0)
        snprintf(r->why, sizeof r->why, "%lld filter%s all zero", (long long)r->dead, r->dead == 1 ? " is" : "s are");
    else if (r->outliers > 0)
        snprintf(r->why, sizeof r->why, "channel %lld reaches %.0f times the median one, which has few levels left",
                 (long long)r->worst, r->outlier_ratio);
    else if (r->beyond > 0.001)
        snprintf(r->why, sizeof r->why, "%.2f %% of its numbers are cut off", 100 * r->beyond);
}

static int64_t unsigned_zero(const fv_quantizer *q, int64_t zero)
{
    return q->o.io == FV_IO_UINT8 ? zero + 128 : zero;
}

/* The unit whose result a value is; NULL: none. */
static const fv_q_unit *unit_of(const fv_quantizer *q, const fv_val *val)
{
    for (int i = 0; i < q->n_units; i++)
        if (q->units[i].result == val)
            return &q->units[i];
    return NULL;
}

static fv_status note_ports(const fv_quantizer *q, fv_model *made)
{
    const fv_graph *g = q->model->graph;
    const fv_dtype dtype = q->o.io == FV_IO_UINT8 ? FV_U8 : FV_I8;
    if (q->o.io == FV_IO_FLOAT)
        return FV_OK;
    for (int32_t v = 0; v < g->n_vals; v++) {
        char name[256];
        if (g->vals[v]->role != FV_ROLE_INPUT)
            continue;
        const fv_q_pair *pair = fv_q_pair_of(q, g->vals[v]);
        snprintf(name, sizeof name, "%.200s.int8", g->vals[v]->name);
        if (!fv_graph_find(made->graph, name))
            return fv_fail(q->ctx, FV_ERR_CONFLICT,
                           "the input '%s' cannot be integers: the first layer stays in floats", g->vals[v]->name);
        FV_TRY(fv_model_note_integers(made, g->vals[v]->name, FV_LAYOUT_INTEGERS, dtype, pair->scale,
                                      unsigned_zero(q, pair->zero)));
    }
    for (int32_t i = 0; i < g->n_outputs; i++) {
        const fv_q_unit *u = unit_of(q, g->outputs[i]);
        const fv_q_pair *pair = fv_q_pair_of(q, g->outputs[i]);
        if (!u || !u->row.integer)
            return fv_fail(q->ctx, FV_ERR_CONFLICT,
                           "the output '%s' cannot be integers: the last layer stays in floats", g->output_names[i]);
        FV_TRY(fv_model_note_integers(made, g->output_names[i], FV_LAYOUT_INTEGERS, dtype, pair->scale,
                                      unsigned_zero(q, pair->zero)));
    }
    return FV_OK;
}

static fv_status take_float(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    fv_quantizer *q = user;
    const fv_slot *from = fv_model_slot(q->model, slot->name);
    if (!from)
        return fv_fail(q->ctx, FV_ERR_INTERNAL, "quantizing lost the tensor '%s'", slot->name);
    return fv_tensor_share(from->data, tensor);
}

static fv_status make(fv_quantizer *q, fv_graph **graph, fv_model **model)
{
    FV_TRY(fv_model_create(q->ctx, model));
    fv_model_take_graph(*model, graph);
    FV_TRY(fv_model_complete_with(*model, &(fv_tensor_source){take_float, q}));
    FV_TRY(fv_model_copy_card(q->model, "quantized", *model));
    FV_TRY(note_ports(q, *model));
    FV_TRY(fv_q_note_ranges(q, *model));
    fv_model_touch(*model);
    for (int i = 0; i < q->n_units; i++)
        explain(&q->units[i]);
    return FV_OK;
}

fv_status fv_quantizer_make(fv_quantizer *q, fv_model **model)
{
    fv_graph *graph;
    *model = NULL;
    FV_TRY(fv_q_build(q, false, &graph));
    const fv_status status = make(q, &graph, model);
    fv_graph_destroy(&graph);
    if (status != FV_OK)
        fv_model_destroy(model);
    return status;
}

fv_status fv_quantizer_measure(fv_quantizer *q, fv_model *model)
{
    return fv_q_measure(q, model);
}

fv_status fv_quantize(fv_model *model, fv_dataset *calibration, const fv_quantize_options *options,
                      fv_model **quantized)
{
    fv_quantizer *q;
    fv_quantize_options o = options ? *options : (fv_quantize_options){0};
    o.measured = -1;
    *quantized = NULL;
    FV_TRY(fv_quantizer_create(model, calibration, &o, &q));
    const fv_status status = fv_quantizer_make(q, quantized);
    fv_quantizer_destroy(&q);
    return status;
}
