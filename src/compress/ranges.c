/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of values as a text that travels with a model in integers, and taken from there again. */
#include <math.h>
#include <string.h>

#include "base/doc.h"
#include "base/json.h"
#include "compress/quantize.h"

static bool is_ranged(const fv_quantizer *q, int32_t v)
{
    const fv_q_value *value = &q->values[v];
    return value->same == v && value->ranged && !value->fixed;
}

fv_status fv_q_note_ranges(const fv_quantizer *q, fv_model *made)
{
    const fv_graph *g = q->model->graph;
    fv_str text = {.ctx = q->ctx};
    fv_json j = {.out = &text};
    fv_json_begin_object(&j);
    fv_json_key(&j, "rule");
    fv_json_string(&j, fv_calibration_names()[q->o.calibration]);
    fv_json_key(&j, "images");
    fv_json_int(&j, q->images);
    fv_json_key(&j, "equalized");
    fv_json_bool(&j, q->equalized > 0);
    fv_json_key(&j, "values");
    fv_json_begin_object(&j);
    for (int32_t v = 0; v < g->n_vals; v++) {
        if (!is_ranged(q, v))
            continue;
        fv_json_key(&j, g->vals[v]->name);
        fv_json_begin_array(&j);
        fv_json_float(&j, (float)q->values[v].low);
        fv_json_float(&j, (float)q->values[v].high);
        fv_json_end_array(&j);
    }
    fv_json_end_object(&j);
    fv_json_end_object(&j);
    const fv_status status = fv_str_status(&text);
    made->card.ranges = status == FV_OK ? fv_arena_strdup(made->arena, fv_str_get(&text)) : NULL;
    fv_str_free(&text);
    return made->card.ranges ? FV_OK : FV_ERR_NO_MEMORY;
}

/* The float that the text stands for. (Two such conversions beside each other in memory are left out by gcc 12.2.) */
static fv_status read_end(const fv_doc *doc, const fv_doc_node *node, const char *what, double *end)
{
    double x;
    FV_TRY(fv_doc_real(doc, node, what, &x));
    const float rounded = (float)x;
    *end = (double)rounded;
    return isfinite(*end) ? FV_OK : fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "%s is %g", what, x);
}

static fv_status read_range(const fv_doc *doc, const fv_doc_node *list, fv_q_value *value)
{
    if (list->kind != FV_DOC_LIST || list->count != 2)
        return fv_doc_fail(doc, list, FV_ERR_MODEL_FORMAT, "expected the two ends of a range");
    FV_TRY(read_end(doc, &list->child[0], "the low end", &value->low));
    FV_TRY(read_end(doc, &list->child[1], "the high end", &value->high));
    if (!(value->low <= 0 && value->high >= 0))
        return fv_doc_fail(doc, list, FV_ERR_MODEL_FORMAT, "%g to %g: expected a range with 0 in it", value->low,
                           value->high);
    return FV_OK;
}

static fv_status read_values(fv_quantizer *q, const fv_doc *doc, const fv_doc_node *values)
{
    const fv_graph *g = q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        if (!is_ranged(q, v))
            continue;
        const fv_doc_node *list = values && values->kind == FV_DOC_MAP ? fv_doc_get(values, g->vals[v]->name) : NULL;
        if (!list)
            return fv_fail_hint(q->ctx,
                                fv_fail(q->ctx, FV_ERR_MODEL, "model '%s' in integers has no range of the value '%s'",
                                        q->o.ranges->name, g->vals[v]->name),
                                "name one that was made from this network, or calibrate on images (--data)");
        FV_TRY(read_range(doc, list, &q->values[v]));
    }
    return FV_OK;
}

static fv_status read_all(fv_quantizer *q, const fv_doc *doc)
{
    const fv_doc_node *root = fv_doc_root(doc), *images = NULL, *equalized = NULL, *rule = NULL;
    bool equal = false;
    if (root->kind == FV_DOC_MAP) {
        images = fv_doc_get(root, "images");
        equalized = fv_doc_get(root, "equalized");
        rule = fv_doc_get(root, "rule");
    }
    if (!images || !equalized || !rule)
        return fv_doc_fail(doc, root, FV_ERR_MODEL_FORMAT, "expected rule, images, equalized and values");
    FV_TRY(fv_doc_int(doc, images, "images", &q->images));
    FV_TRY(fv_doc_bool(doc, equalized, "equalized", &equal));
    for (int i = 0; rule->kind == FV_DOC_STRING && i < FV_CALIBRATION_COUNT; i++)
        if (strcmp(rule->text, fv_calibration_names()[i]) == 0)
            q->o.calibration = (fv_calibration)i;
    if (equal)
        return fv_fail_hint(q->ctx,
                            fv_fail(q->ctx, FV_ERR_MODEL,
                                    "the ranges of model '%s' in integers are of equalized weights, which this network "
                                    "does not have",
                                    q->o.ranges->name),
                            "calibrate on images with --equalize, or take ranges of a model that was made without");
    return read_values(q, doc, fv_doc_get(root, "values"));
}

fv_status fv_q_take_ranges(fv_quantizer *q)
{
    const char *text = q->o.ranges->card.ranges;
    fv_doc *doc = NULL;
    if (!text)
        return fv_fail_hint(q->ctx,
                            fv_fail(q->ctx, FV_ERR_MODEL, "model '%s' holds no ranges of values", q->o.ranges->name),
                            "models that `fovea quantize` makes in integers hold them");
    fv_status status = fv_doc_parse_json(q->ctx, "fovea.ranges", text, strlen(text), &doc);
    if (status == FV_OK)
        status = read_all(q, doc);
    fv_doc_destroy(&doc);
    return status == FV_OK || status == FV_ERR_NO_MEMORY || status == FV_ERR_MODEL ? status : FV_ERR_MODEL_FORMAT;
}
