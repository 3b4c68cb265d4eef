/* SPDX-License-Identifier: Apache-2.0 */
/* What values hold on calibration images, and the ranges that follow. Images are read once, in their order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quantize.h"

/* Channels from here on, times the median one's largest number, stand out. */
#define FV_OUTLIER 8.0

typedef struct observing {
    fv_quantizer *q;
    fv_session *session;
    fv_loader *loader;
    fv_q_likeness *likeness;
    const char **names; /* of values that are read from the session, by place in `vals` */
    const fv_val **vals;
    int count;
    float *room;
    int64_t image; /* numbers of one */
    int64_t total;
} observing;

static fv_status no_memory_for(bool ok)
{
    return ok ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- one image ---- */

static fv_status see(observing *o, const fv_val *val, const float *x)
{
    fv_q_value *v = &o->q->values[val->id];
    const int64_t count = fv_shape_count(&val->shape), channels = val->shape.dim[val->shape.rank - 1];
    if (v->seen && !fv_histogram_add(v->seen, x, count))
        return fv_fail_hint(o->q->ctx,
                            fv_fail(o->q->ctx, FV_ERR_DIVERGED,
                                    "calibration image %lld: '%s' of model '%s' is not finite", (long long)o->q->images,
                                    val->name, o->q->model->name),
                            "its weights or the pixels are too large for float32: look at the images, or train it "
                            "anew with a lower learning rate");
    for (int64_t i = 0; i < count; i += channels)
        for (int64_t c = 0; c < channels; c++) {
            const float a = fabsf(x[i + c]);
            v->channel_max[c] = a > v->channel_max[c] ? a : v->channel_max[c];
            if (v->sum)
                v->sum[c] += (double)x[i + c];
        }
    return FV_OK;
}

static fv_status see_image(observing *o, const float *image)
{
    fv_quantizer *q = o->q;
    const fv_graph *g = q->model->graph;
    /* Some are kept, evenly spread, to measure errors on. */
    const int64_t want = q->o.measured < o->total ? q->o.measured : o->total;
    if (q->n_kept < want && q->images * want >= q->n_kept * o->total)
        memcpy(q->kept + q->n_kept++ * o->image, image, (size_t)o->image * sizeof *image);
    memcpy(fv_session_input(o->session), image, (size_t)o->image * sizeof *image);
    FV_TRY(fv_session_run(o->session));
    for (int32_t v = 0; v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT && q->values[v].channel_max)
            FV_TRY(see(o, g->vals[v], image));
    for (int i = 0; i < o->count; i++) {
        FV_TRY(fv_session_get(o->session, o->names[i], o->room,
                              (size_t)fv_shape_count(&o->vals[i]->shape) * sizeof(float)));
        FV_TRY(see(o, o->vals[i], o->room));
    }
    if (o->likeness)
        FV_TRY(fv_q_likeness_add(o->likeness, image));
    q->images++;
    return FV_OK;
}

static fv_status see_all(observing *o)
{
    for (fv_batch batch;;) {
        FV_TRY(fv_loader_next(o->loader, &batch));
        if (batch.n == 0)
            return FV_OK;
        for (int64_t i = 0; i < batch.n; i++)
            FV_TRY(see_image(o, batch.images + i * o->image));
        FV_TRY(fv_watch(o->q->ctx, "calibrated on", "images", o->q->images, o->total));
    }
}

/* ---- preparing ---- */

/* Whether a layer with weights takes it. */
static bool feeds_weights(const fv_quantizer *q, const fv_val *val)
{
    for (int i = 0; i < q->n_units; i++)
        if (q->units[i].row.weighted && !q->units[i].no_rule && q->units[i].node->in[0] == val)
            return true;
    return false;
}

static fv_status list_values(observing *o)
{
    fv_quantizer *q = o->q;
    const fv_graph *g = q->model->graph;
    int64_t most = 1;
    o->names = fv_calloc(q->ctx, (size_t)g->n_vals + 1, sizeof *o->names);
    o->vals = fv_calloc(q->ctx, (size_t)g->n_vals + 1, sizeof *o->vals);
    FV_TRY(no_memory_for(o->names && o->vals));
    for (int32_t v = 0; v < g->n_vals; v++) {
        const fv_val *val = g->vals[v];
        fv_q_value *value = &q->values[v];
        const bool mean = q->o.bias_correction && feeds_weights(q, val);
        if (!value->observed && !mean)
            continue;
        const size_t channels = (size_t)val->shape.dim[val->shape.rank - 1];
        value->seen = value->observed ? fv_calloc(q->ctx, 1, sizeof *value->seen) : NULL;
        value->channel_max = fv_calloc(q->ctx, channels, sizeof(float));
        value->sum = mean ? fv_calloc(q->ctx, channels, sizeof *value->sum) : NULL;
        FV_TRY(no_memory_for((value->seen || !value->observed) && value->channel_max && (value->sum || !mean)));
        if (val->role != FV_ROLE_COMPUTED)
            continue;
        o->names[o->count] = val->name;
        o->vals[o->count++] = val;
        most = fv_shape_count(&val->shape) > most ? fv_shape_count(&val->shape) : most;
    }
    o->room = fv_malloc(q->ctx, (size_t)most * sizeof *o->room);
    return no_memory_for(o->room != NULL);
}

static fv_status prepare(observing *o, fv_dataset *data)
{
    fv_quantizer *q = o->q;
    const fv_pipeline *p = fv_model_pipeline(q->model);
    const fv_loader_options loader = {.batch_size = 8, .workers = q->o.workers};
    o->image = p->h * p->w * p->c;
    o->total = fv_dataset_count(data);
    FV_TRY(list_values(o));
    q->kept = fv_malloc(q->ctx, (size_t)((q->o.measured > 0 ? q->o.measured : 0) * o->image + 1) * sizeof(float));
    FV_TRY(no_memory_for(q->kept != NULL));
    const fv_session_options so = {.batch = 1, .values = o->names, .n_values = o->count};
    FV_TRY(fv_session_create_with(q->model, &so, &o->session));
    if (q->before) /* the first time */
        FV_TRY(fv_q_likeness_create(q, &o->likeness));
    FV_TRY(fv_loader_create(data, p, &loader, &o->loader));
    return fv_loader_start(o->loader, 0, 0);
}

fv_status fv_q_observe(fv_quantizer *q, fv_dataset *data)
{
    observing o = {.q = q};
    fv_status status = prepare(&o, data);
    if (status == FV_OK)
        status = see_all(&o);
    if (status == FV_OK && q->images == 0)
        status = fv_fail_hint(
            q->ctx,
            fv_fail(q->ctx, FV_ERR_DATA_EMPTY, "none of the %lld calibration images could be read", (long long)o.total),
            "`fovea data check` says what is wrong with each");
    if (status == FV_OK && o.likeness)
        status = fv_q_likeness_judge(q, o.likeness);
    fv_q_likeness_destroy(&o.likeness);
    fv_loader_destroy(&o.loader);
    fv_session_destroy(&o.session);
    fv_free(q->ctx, o.names);
    fv_free(q->ctx, o.vals);
    fv_free(q->ctx, o.room);
    return status;
}

void fv_q_forget(fv_quantizer *q)
{
    for (int32_t v = 0; q->values && v < q->model->graph->n_vals; v++) {
        fv_q_value *value = &q->values[v];
        fv_free(q->ctx, value->seen);
        fv_free(q->ctx, value->channel_max);
        fv_free(q->ctx, value->sum);
        value->seen = NULL;
        value->channel_max = NULL;
        value->sum = NULL;
    }
    fv_free(q->ctx, q->kept);
    q->kept = NULL;
    q->n_kept = q->images = 0;
}

/* ---- ranges ---- */

/* The range of those that share a scale holds that of each; ends are floats, as files hold them. */
static void range_values(fv_quantizer *q)
{
    const fv_graph *g = q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        fv_q_value *value = &q->values[v], *root = &q->values[fv_q_root(q, v)];
        root->whole = root->whole || value->whole;
    }
    for (int32_t v = 0; v < g->n_vals; v++) {
        fv_q_value *value = &q->values[v], *root = &q->values[fv_q_root(q, v)];
        if (!value->observed || root->fixed)
            continue;
        if (value->seen)
            fv_histogram_range(value->seen, root->whole ? FV_CALIBRATION_MINMAX : q->o.calibration, q->o.percentile,
                               &value->range[0], &value->range[1]);
        root->low = fmin(root->low, (double)(float)value->range[0]);
        root->high = fmax(root->high, (double)(float)value->range[1]);
    }
}

static fv_status choose_values(fv_quantizer *q)
{
    const fv_graph *g = q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++)
        q->values[fv_q_root(q, v)].ranged |= q->values[v].observed;
    if (q->o.ranges)
        FV_TRY(fv_q_take_ranges(q));
    else
        range_values(q);
    for (int32_t v = 0; v < g->n_vals; v++) {
        fv_q_value *root = &q->values[v];
        if (root->same == v && !root->fixed)
            (void)fv_q_pair_set(root->low, root->high, &root->pair);
    }
    return FV_OK;
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Channels whose numbers leave the others few levels. */
static fv_status find_outliers(fv_quantizer *q, fv_q_unit *u)
{
    const fv_q_value *v = &q->values[u->result->id];
    const int64_t channels = u->result->shape.dim[u->result->shape.rank - 1];
    u->row.worst = -1;
    if (!v->channel_max || channels < 4)
        return FV_OK;
    float *sorted = fv_malloc(q->ctx, (size_t)channels * sizeof *sorted);
    FV_TRY(no_memory_for(sorted != NULL));
    memcpy(sorted, v->channel_max, (size_t)channels * sizeof *sorted);
    qsort(sorted, (size_t)channels, sizeof *sorted, by_size);
    const double median = (double)sorted[channels / 2], most = (double)sorted[channels - 1];
    fv_free(q->ctx, sorted);
    if (median <= 0)
        return FV_OK;
    u->row.outlier_ratio = most / median;
    for (int64_t c = 0; c < channels; c++) {
        u->row.outliers += (double)v->channel_max[c] >= FV_OUTLIER * median;
        if ((double)v->channel_max[c] == most && u->row.worst < 0)
            u->row.worst = c;
    }
    return FV_OK;
}

static void count_dead(const fv_quantizer *q, fv_q_unit *u)
{
    if (!u->row.weighted || u->no_rule)
        return;
    const fv_slot *slot = fv_model_slot_of(q->model, u->node->in[1]->id);
    const int64_t filters = u->node->in[1]->shape.dim[0], each = fv_shape_count(&u->node->in[1]->shape) / filters;
    for (int64_t k = 0; slot && k < filters; k++) {
        const float *w = fv_slot_data(slot) + k * each;
        int64_t i = 0;
        while (i < each && w[i] == 0)
            i++;
        u->row.dead += i == each;
    }
}

fv_status fv_q_choose(fv_quantizer *q)
{
    FV_TRY(choose_values(q));
    for (int i = 0; i < q->n_units; i++) {
        fv_q_unit *u = &q->units[i];
        const fv_q_value *v = &q->values[u->result->id], *root = &q->values[fv_q_root(q, u->result->id)];
        u->row.low = root->low;
        u->row.high = root->high;
        u->row.scale = root->pair.scale;
        u->row.zero = root->pair.zero;
        u->row.beyond = v->seen ? fv_histogram_beyond(v->seen, root->low, root->high) : 0;
        FV_TRY(find_outliers(q, u));
        count_dead(q, u);
    }
    return FV_OK;
}
