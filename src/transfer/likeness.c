/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a sample: the means of the channels that batch norms read, of stages, and the network's own answers.
 * Then three numbers, none of which needs the data that the network was trained on.
 */
#include "transfer/likeness.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "transfer/stages.h"

enum { NORMS_MAX = 32, FOLDS = 5 };

/* A normalization, and the states that hold mean and variance of what it read in training. */
typedef struct norm {
    const char *input;
    fv_tensor *mean, *variance;
} norm;

typedef struct look {
    fv_model *model;
    fv_dataset *data;
    const fv_advise_options *options;
    fv_arena *arena;
    norm norms[NORMS_MAX];
    const char *stages[FV_PROBES_MAX], *answer; /* NULL: not asked for */
    int n_norms, n_stages;
    fv_feature_table *table;
} look;

/* ---- what is asked for ---- */

/* Of `count` things at most `most`, spread over all, the last among them: the i-th one's number. */
static int spread(int i, int count, int most)
{
    return count <= most ? i : (int)(((int64_t)(i + 1) * count) / most) - 1;
}

/* A state that counts batches is the mean of a normalization's input, the one behind it the variance. */
static bool read_norm(fv_model *model, const fv_node *node, norm *n)
{
    for (int32_t i = 0; node->op->kinds && i + 1 < node->n_in; i++) {
        const fv_val *mean = node->in[i], *variance = node->in[i + 1];
        if (node->op->kinds[i] != FV_OPERAND_COUNTED || !mean || !variance || variance->role != FV_ROLE_STATE ||
            node->in[0]->role != FV_ROLE_COMPUTED)
            continue;
        *n = (norm){node->in[0]->name, fv_model_slot(model, mean->name)->data,
                    fv_model_slot(model, variance->name)->data};
        return true;
    }
    return false;
}

static void choose_norms(look *l)
{
    const fv_graph *g = l->model->graph;
    norm n;
    int count = 0, seen = 0;
    for (int32_t k = 0; k < g->n_nodes; k++)
        count += !fv_model_for_training(l->model, g->nodes[k]->out[0]->id) && read_norm(l->model, g->nodes[k], &n);
    for (int32_t k = 0; k < g->n_nodes && l->n_norms < NORMS_MAX; k++) {
        if (fv_model_for_training(l->model, g->nodes[k]->out[0]->id) || !read_norm(l->model, g->nodes[k], &n))
            continue;
        if (spread(l->n_norms, count, NORMS_MAX) == seen++)
            l->norms[l->n_norms++] = n;
    }
}

static const fv_val *value_of(const fv_graph *g, const char *name)
{
    for (int32_t i = 0; i < g->n_vals; i++)
        if (strcmp(g->vals[i]->name, name) == 0)
            return g->vals[i];
    return NULL;
}

static fv_status choose_stages(look *l)
{
    const int32_t head = fv_stages_head(l->model);
    fv_features *all = NULL;
    int count = 0;
    FV_TRY(fv_features_create(l->model, &(fv_features_options){.layers = "all", .pool = FV_POOLING_AVG}, &all));
    const fv_feature_stage *s;
    for (int i = 0; (s = fv_features_stage(all, i)); i++) {
        const fv_val *v = value_of(l->model->graph, s->name);
        count = v && v->def && v->def->id < head ? i + 1 : count;
    }
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < count && i < FV_PROBES_MAX; i++) {
        l->stages[l->n_stages] =
            fv_arena_strdup(l->arena, fv_features_stage(all, spread(i, count, FV_PROBES_MAX))->name);
        status = l->stages[l->n_stages++] ? FV_OK : FV_ERR_NO_MEMORY;
    }
    fv_features_destroy(&all);
    if (status == FV_OK && l->n_stages == 0)
        status = fv_fail(l->model->ctx, FV_ERR_UNSUPPORTED, "model '%s' has no layer before its last one to learn from",
                         l->model->name);
    return status;
}

static bool is_listed(const look *l, const char *name)
{
    bool found = l->answer && strcmp(l->answer, name) == 0;
    for (int i = 0; i < l->n_stages; i++)
        found = found || strcmp(l->stages[i], name) == 0;
    return found;
}

/* All of it in one pass. */
static fv_status collect(look *l)
{
    fv_str names = {.ctx = l->model->ctx};
    fv_features *features = NULL;
    for (int i = 0; i < l->n_stages; i++)
        fv_str_printf(&names, "%s%s", i ? "," : "", l->stages[i]);
    if (l->answer)
        fv_str_printf(&names, ",%s", l->answer);
    for (int i = 0; i < l->n_norms; i++)
        if (!is_listed(l, l->norms[i].input))
            fv_str_printf(&names, ",%s", l->norms[i].input);
    const fv_features_options o = {
        .layers = fv_str_get(&names), .pool = FV_POOLING_AVG, .workers = l->options->workers};
    fv_status status = o.layers ? fv_features_create(l->model, &o, &features) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_features_collect(features, l->data, NULL, &l->table);
    fv_features_destroy(&features);
    fv_str_free(&names);
    return status;
}

/* All rows of a value that was asked for; the caller's. */
static fv_status rows_of(const look *l, const char *name, int64_t *width, float **rows)
{
    const int64_t n = fv_feature_table_count(l->table);
    const fv_feature_stage *s;
    *rows = NULL;
    for (int i = 0; (s = fv_feature_table_stage(l->table, i)); i++) {
        if (strcmp(s->name, name) != 0)
            continue;
        *width = s->width;
        *rows = fv_malloc(l->model->ctx, (size_t)(n * s->width) * sizeof **rows);
        if (!*rows)
            return FV_ERR_NO_MEMORY;
        fv_status status = fv_feature_table_get(l->table, i, 0, n, *rows);
        if (status != FV_OK) {
            fv_free(l->model->ctx, *rows);
            *rows = NULL;
        }
        return status;
    }
    return fv_fail(l->model->ctx, FV_ERR_INTERNAL, "no rows of '%s'", name);
}

/* ---- the three numbers ---- */

/* Mean over channels of |mean of the rows - running mean| / running deviation. */
static fv_status distance_of_norm(const look *l, const norm *n, double *distance)
{
    const int64_t count = fv_feature_table_count(l->table);
    const float *mean = fv_tensor_data(n->mean), *variance = fv_tensor_data(n->variance);
    int64_t width;
    float *x;
    FV_TRY(rows_of(l, n->input, &width, &x));
    *distance = 0;
    for (int64_t c = 0; c < width; c++) {
        double sum = 0;
        for (int64_t r = 0; r < count; r++)
            sum += (double)x[r * width + c];
        *distance += fabs(sum / (double)count - (double)mean[c]) / sqrt((double)variance[c] + 1e-5) / (double)width;
    }
    fv_free(l->model->ctx, x);
    return FV_OK;
}

static double plogp(double p)
{
    return p > 0 ? -p * log(p) : 0;
}

/* H(mean p) - mean H(p) of the answers p = softmax(scores), by log(classes). */
static fv_status measure_answers(const look *l, double *share)
{
    const int64_t count = fv_feature_table_count(l->table);
    const int64_t classes = fv_feature_table_classes(l->table);
    int64_t width;
    float *x;
    double within = 0, marginal = 0;
    FV_TRY(rows_of(l, l->answer, &width, &x));
    double *mean = fv_calloc(l->model->ctx, (size_t)width, sizeof *mean);
    for (int64_t r = 0; mean && r < count; r++) {
        float *p = x + r * width;
        fv_softmax(p, width, p);
        for (int64_t c = 0; c < width; c++) {
            within += plogp((double)p[c]) / (double)count;
            mean[c] += (double)p[c] / (double)count;
        }
    }
    for (int64_t c = 0; mean && c < width; c++)
        marginal += plogp(mean[c]);
    *share = (marginal - within) / log((double)(classes < width ? classes : width));
    const bool lost = !mean;
    fv_free(l->model->ctx, mean);
    fv_free(l->model->ctx, x);
    return lost ? FV_ERR_NO_MEMORY : FV_OK;
}

/* Rows that are learned from: of classes that have two of them or more, which are numbered anew. */
typedef struct labeled {
    int64_t *rows, n, classes, least; /* rows in order; least: of the smallest class */
    int32_t *y, *fold;
    uint64_t *groups;
} labeled;

/* Images of a group count once: they stay together. */
static bool is_first_of_group(const look *l, int64_t row)
{
    const uint64_t group = fv_feature_table_group(l->table, row);
    for (int64_t r = 0; group != 0 && r < row; r++)
        if (fv_feature_table_group(l->table, r) == group)
            return false;
    return true;
}

static fv_status number_labels(const look *l, labeled *t)
{
    const int64_t count = fv_feature_table_count(l->table), all = fv_feature_table_classes(l->table);
    int64_t *of = fv_calloc(l->model->ctx, (size_t)all * 2 + 1, sizeof *of), *number = of ? of + all : NULL;
    if (!of)
        return FV_ERR_NO_MEMORY;
    t->least = count;
    for (int64_t r = 0; r < count; r++)
        if (fv_feature_table_label(l->table, r) >= 0 && is_first_of_group(l, r))
            of[fv_feature_table_label(l->table, r)]++;
    for (int64_t c = 0; c < all; c++) {
        number[c] = of[c] < 2 ? -1 : t->classes++;
        t->least = of[c] >= 2 && of[c] < t->least ? of[c] : t->least;
    }
    for (int64_t r = 0; r < count; r++) {
        const int32_t label = fv_feature_table_label(l->table, r);
        if (label < 0 || number[label] < 0)
            continue;
        t->rows[t->n] = r;
        t->groups[t->n] = fv_feature_table_group(l->table, r);
        t->y[t->n++] = (int32_t)number[label];
    }
    fv_free(l->model->ctx, of);
    if (t->classes < 2)
        return fv_fail_hint(
            l->model->ctx,
            fv_fail(
                l->model->ctx, FV_ERR_DATA_EMPTY,
                "%lld of %lld classes have two or more of the %lld images looked at (of a group one counts): expected "
                "two such classes at least",
                (long long)t->classes, (long long)all, (long long)count),
            l->options->samples > 0 ? "look at more images (--limit), or give more of each class"
                                    : "give more images of each class");
    return FV_OK;
}

/* A stage's linear classifier over the folds. */
static fv_status probe(const look *l, const char *name, const labeled *t, int folds, fv_stage_probe *p)
{
    static const fv_linear_options options = {.c = 1, .standardize = true, .tolerance = 1e-3, .max_iterations = 500};
    fv_linear_data data = {.y = t->y, .n = t->n, .classes = t->classes};
    fv_linear_score score;
    float *x;
    FV_TRY(rows_of(l, name, &data.width, &x));
    for (int64_t i = 0; i < t->n; i++) /* in order: none is overwritten before it moved */
        memmove(x + i * data.width, x + t->rows[i] * data.width, (size_t)data.width * sizeof *x);
    data.x = x;
    fv_status status = fv_linear_folds(l->model->ctx, &data, &options, t->fold, folds, &score);
    if (status == FV_OK)
        *p = (fv_stage_probe){name, data.width, score.mean, score.deviation / sqrt(folds)};
    fv_free(l->model->ctx, x);
    return status;
}

static fv_status probe_stages(const look *l, labeled *t, fv_stage_probe *probes)
{
    fv_ctx *ctx = l->model->ctx;
    FV_TRY(number_labels(l, t));
    const int folds = t->least < FOLDS ? (int)t->least : FOLDS;
    FV_TRY(fv_linear_split(ctx, t->y, t->groups, t->n, t->classes, folds, l->options->seed, t->fold));
    for (int i = 0; i < l->n_stages; i++) {
        FV_TRY(probe(l, l->stages[i], t, folds, &probes[i]));
        FV_TRY(fv_watch(ctx, "tried", "stages", i + 1, l->n_stages));
    }
    return FV_OK;
}

static fv_status probe_all(const look *l, fv_stage_probe *probes)
{
    const size_t count = (size_t)fv_feature_table_count(l->table);
    fv_ctx *ctx = l->model->ctx;
    labeled t = {.rows = fv_calloc(ctx, count, sizeof *t.rows),
                 .y = fv_calloc(ctx, count, sizeof *t.y),
                 .fold = fv_calloc(ctx, count, sizeof *t.fold),
                 .groups = fv_calloc(ctx, count, sizeof *t.groups)};
    fv_status status = t.rows && t.y && t.fold && t.groups ? probe_stages(l, &t, probes) : FV_ERR_NO_MEMORY;
    fv_free(ctx, t.rows);
    fv_free(ctx, t.y);
    fv_free(ctx, t.fold);
    fv_free(ctx, t.groups);
    return status;
}

/* ---- together ---- */

static void add_ratio(double ratio, double *logs, int *n)
{
    if (isnan(ratio))
        return;
    *logs += log(ratio < 0.25 ? 0.25 : ratio > 4 ? 4 : ratio);
    ++*n;
}

static void sum_up(const fv_stage_probe *probes, fv_likeness *k)
{
    double logs = 0;
    int n = 0;
    k->best = 0;
    for (int i = 0; i < k->n_probes; i++) /* of equal ones the last */
        k->best = probes[i].accuracy >= probes[k->best].accuracy ? i : k->best;
    k->probes = (1.01 - probes[k->n_probes - 1].accuracy) / (1.01 - probes[k->best].accuracy);
    add_ratio(k->norm / FV_NEAR_NORM, &logs, &n);
    add_ratio(isnan(k->answers) ? NAN : k->answers > 0.0 ? FV_NEAR_ANSWERS / k->answers : 4, &logs, &n);
    add_ratio(k->probes / FV_NEAR_PROBES, &logs, &n);
    k->distance = exp(logs / n);
}

static fv_status measure(look *l, fv_stage_probe *probes, fv_likeness *k)
{
    double sum = 0, one;
    k->samples = fv_feature_table_count(l->table);
    k->norms = l->n_norms;
    k->n_probes = l->n_stages;
    for (int i = 0; i < l->n_norms; i++) {
        FV_TRY(distance_of_norm(l, &l->norms[i], &one));
        sum += one;
    }
    k->norm = l->n_norms > 0 ? sum / l->n_norms : NAN;
    k->answers = NAN;
    if (l->answer)
        FV_TRY(measure_answers(l, &k->answers));
    FV_TRY(probe_all(l, probes));
    sum_up(probes, k);
    return FV_OK;
}

fv_status fv_likeness_measure(fv_model *model, fv_dataset *data, const fv_advise_options *options, fv_arena *arena,
                              fv_stage_probe probes[FV_PROBES_MAX], fv_likeness *likeness)
{
    look l = {.model = model, .data = data, .options = options, .arena = arena};
    *likeness = (fv_likeness){0};
    fv_model_sync(model);
    choose_norms(&l);
    FV_TRY(choose_stages(&l));
    if (options->own_head && model->n_classes > 1 && model->task == FV_TASK_CLASSIFY)
        l.answer = model->graph->outputs[0]->name;
    fv_status status = collect(&l);
    if (status == FV_OK)
        status = measure(&l, probes, likeness);
    fv_feature_table_destroy(&l.table);
    return status;
}
