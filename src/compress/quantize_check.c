/* SPDX-License-Identifier: Apache-2.0 */
/* Whether calibration images can stand for those that a model was trained on. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compress/quantize.h"
#include "ops/attr.h"

/* Fewer images are refused, and fewer are warned of. */
enum { FEWEST = 8, ENOUGH = 64 };
/* Distance of the channels' means, in the deviations that the model knows, and factor between deviations. */
#define UNLIKE     1.0
#define UNLIKE_FAR 4.0

fv_status fv_q_warn(fv_quantizer *q, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)fv_text_vformat(text, sizeof text, format, args);
    va_end(args);
    const size_t size = strlen(text) + 1;
    char *copy = fv_malloc(q->ctx, size);
    char **list = copy ? fv_realloc(q->ctx, q->warnings, ((size_t)q->n_warnings + 2) * sizeof *list) : NULL;
    if (!list) {
        fv_free(q->ctx, copy);
        return FV_ERR_NO_MEMORY;
    }
    memcpy(copy, text, size);
    q->warnings = list;
    list[q->n_warnings++] = copy;
    list[q->n_warnings] = NULL;
    return FV_OK;
}

fv_status fv_q_check_data(fv_quantizer *q, fv_dataset *data)
{
    const int64_t n = fv_dataset_count(data), classes = fv_model_classes(q->model);
    const bool labeled = fv_dataset_task(data) == FV_TASK_CLASSIFY && fv_dataset_classes(data) > 0;
    int64_t same = 1;
    if (n < FEWEST && !q->o.force)
        return fv_fail_hint(q->ctx,
                            fv_fail(q->ctx, FV_ERR_DATA_EMPTY,
                                    "%lld calibration image%s: ranges of values need at least %d", (long long)n,
                                    n == 1 ? "" : "s", (int)FEWEST),
                            "name a few hundred images like those that the model will see; --force takes these");
    while (same < n && fv_dataset_label(data, same) == fv_dataset_label(data, 0))
        same++;
    if (labeled && fv_model_task(q->model) == FV_TASK_CLASSIFY && classes > 1 && n > 0 && same == n) {
        if (!q->o.force)
            return fv_fail_hint(
                q->ctx,
                fv_fail(q->ctx, FV_ERR_DATA_CLASSES,
                        "all %lld calibration images are of class '%s', and the model tells %lld apart: "
                        "values of the others would be cut off",
                        (long long)n, fv_dataset_class_name(data, fv_dataset_label(data, 0)), (long long)classes),
                "name the folder above it, so that every class is there; --force takes these");
        FV_TRY(fv_q_warn(q, "all %lld calibration images are of class '%s': values of the others may be cut off",
                         (long long)n, fv_dataset_class_name(data, fv_dataset_label(data, 0))));
    }
    if (n < ENOUGH)
        FV_TRY(fv_q_warn(q, "%lld calibration images are few: ranges may be cut off; %d or more are better",
                         (long long)n, (int)ENOUGH));
    return FV_OK;
}

/* ---- what the model knows of its training data ---- */

struct fv_q_likeness {
    fv_ctx *ctx;
    fv_session *session; /* up to the first normalization; NULL: none, the image itself is looked at */
    const fv_node *norm; /* of the model that was given */
    int64_t channels, count, size, image;
    double *sum, *squares;
    float *room;
};

/* The first node with running statistics, on the way from the image: operands src, gamma, beta, mean, var. */
static const fv_node *first_norm(const fv_model *model)
{
    const fv_graph *g = model->graph;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (node->op->fold && node->n_in == 5 && node->in[3]->role == FV_ROLE_STATE &&
            !fv_model_for_training(model, node->out[0]->id) && node->in[0]->def)
            return node;
    }
    return NULL;
}

static fv_status prepare(fv_quantizer *q, fv_q_likeness *l)
{
    const fv_pipeline *p = &q->model->pipeline;
    const fv_val *src = l->norm ? l->norm->in[0] : NULL;
    l->image = p->h * p->w * p->c;
    l->channels = src ? src->shape.dim[src->shape.rank - 1] : p->c;
    l->size = src ? fv_shape_count(&src->shape) : l->image;
    l->sum = fv_calloc(q->ctx, (size_t)l->channels, sizeof *l->sum);
    l->squares = fv_calloc(q->ctx, (size_t)l->channels, sizeof *l->squares);
    l->room = fv_malloc(q->ctx, (size_t)l->size * sizeof *l->room);
    if (!l->sum || !l->squares || !l->room)
        return FV_ERR_NO_MEMORY;
    return src ? fv_session_create_part(q->before, 1, NULL, src->name, NULL, NULL, &l->session) : FV_OK;
}

fv_status fv_q_likeness_create(fv_quantizer *q, fv_q_likeness **likeness)
{
    const fv_pipeline *p = &q->model->pipeline;
    const fv_node *norm = first_norm(q->before);
    bool scaled = false;
    *likeness = NULL;
    for (int64_t c = 0; c < p->c && c < 16; c++)
        scaled = scaled || p->mean[c] != 0;
    if (!norm && (!scaled || p->standardize)) /* nothing is known */
        return FV_OK;
    fv_q_likeness *l = fv_calloc(q->ctx, 1, sizeof *l);
    if (!l)
        return FV_ERR_NO_MEMORY;
    l->ctx = q->ctx;
    l->norm = norm;
    *likeness = l;
    return prepare(q, l);
}

fv_status fv_q_likeness_add(fv_q_likeness *l, const float *image)
{
    const float *x = image;
    if (l->session) {
        fv_shape shape;
        memcpy(fv_session_input(l->session), image, (size_t)l->image * sizeof *image);
        FV_TRY(fv_session_run(l->session));
        x = fv_session_output(l->session, &shape);
    }
    for (int64_t i = 0; i < l->size; i++) {
        const double v = (double)x[i];
        l->sum[i % l->channels] += v;
        l->squares[i % l->channels] += v * v;
    }
    l->count += l->size / l->channels;
    return FV_OK;
}

static double known(const fv_model *model, const fv_val *val, int64_t c)
{
    const fv_slot *slot = fv_model_slot_of(model, val->id);
    return slot ? (double)fv_slot_data(slot)[c] : 0;
}

fv_status fv_q_likeness_judge(fv_quantizer *q, fv_q_likeness *l)
{
    double far = 0, wide = 0;
    for (int64_t c = 0; c < l->channels; c++) {
        const double mean = l->sum[c] / (double)l->count, var = l->squares[c] / (double)l->count - mean * mean;
        const double mean0 = l->norm ? known(q->before, l->norm->in[3], c) : 0;
        const double var0 = l->norm ? known(q->before, l->norm->in[4], c) : 1;
        const double eps = l->norm ? ((const fv_batch_norm_attr *)l->norm->attr)->eps : 0;
        far += fabs(mean - mean0) / sqrt(var0 + eps) / (double)l->channels;
        wide += 0.5 * log((fmax(var, 0) + eps + 1e-12) / (var0 + eps + 1e-12)) / (double)l->channels;
    }
    const double factor = exp(fabs(wide));
    const char *than = wide > 0 ? "more" : "less";
    if (far < UNLIKE && factor < 1 + 2 * UNLIKE)
        return FV_OK;
    if ((far >= UNLIKE_FAR || factor >= 3 * UNLIKE_FAR) && !q->o.force)
        return fv_fail_hint(
            q->ctx,
            fv_fail(q->ctx, FV_ERR_DATA,
                    "calibration images are unlike those the model was trained on: channels of '%s' are %.1f "
                    "deviations off, and vary %.1f times %s",
                    l->norm ? l->norm->name : "the image", far, factor, than),
            "look at the pipeline (`fovea info`): mean, std and color order must be those of training; --force takes "
            "the images");
    return fv_q_warn(q,
                     "calibration images differ from those the model was trained on: channels of '%s' are %.1f "
                     "deviations off, and vary %.1f times %s",
                     l->norm ? l->norm->name : "the image", far, factor, than);
}

void fv_q_likeness_destroy(fv_q_likeness **l)
{
    if (!*l)
        return;
    fv_session_destroy(&(*l)->session);
    fv_free((*l)->ctx, (*l)->sum);
    fv_free((*l)->ctx, (*l)->squares);
    fv_free((*l)->ctx, (*l)->room);
    fv_free((*l)->ctx, *l);
    *l = NULL;
}
