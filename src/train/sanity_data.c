/* SPDX-License-Identifier: Apache-2.0 */
#include "train/sanity_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pictures that are sketched, cells of a sketch along a side, and neighbors that answer. */
enum { SKETCHED = 400, OF_A_CLASS = 10, SKETCHED_MOST = 1000, CELLS = 8, NEIGHBORS = 5 };

/* ---- reading ---- */

static fv_status copy_of(fv_ctx *ctx, const void *from, size_t bytes, const void *to)
{
    void *copy = fv_malloc(ctx, bytes > 0 ? bytes : 1);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    memcpy(copy, from, bytes);
    memcpy((void *)(uintptr_t)to, &copy, sizeof copy);
    return FV_OK;
}

static fv_status keep_batch(fv_sanity_data *d, const fv_batch *from)
{
    fv_batch *own = &d->batches[d->count++];
    const size_t n = (size_t)from->n, size = (size_t)(d->h * d->w * d->c);
    own->n = from->n;
    own->n_targets = from->n_targets;
    FV_TRY(copy_of(d->ctx, from->images, n * size * sizeof(float), &own->images));
    FV_TRY(copy_of(d->ctx, from->labels, n * sizeof *from->labels, &own->labels));
    FV_TRY(copy_of(d->ctx, from->samples, n * sizeof *from->samples, &own->samples));
    return from->targets ? copy_of(d->ctx, from->targets, n * (size_t)from->n_targets * sizeof(float), &own->targets)
                         : FV_OK;
}

/* Means over a grid of cells, of each channel. */
static void sketch(const fv_sanity_data *d, const float *image, float *cells)
{
    const int64_t rows = d->h < CELLS ? d->h : CELLS, columns = d->w < CELLS ? d->w : CELLS;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t s = 0; s < columns; s++)
            for (int64_t k = 0; k < d->c; k++) {
                const int64_t top = r * d->h / rows, bottom = (r + 1) * d->h / rows;
                const int64_t left = s * d->w / columns, right = (s + 1) * d->w / columns;
                double sum = 0;
                for (int64_t y = top; y < bottom; y++)
                    for (int64_t x = left; x < right; x++)
                        sum += (double)image[(y * d->w + x) * d->c + k];
                *cells++ = (float)(sum / (double)((bottom - top) * (right - left)));
            }
}

static void sketch_batch(fv_sanity_data *d, const fv_batch *b, int64_t most)
{
    for (int64_t i = 0; i < b->n && d->sketched < most; i++, d->sketched++) {
        sketch(d, b->images + i * d->h * d->w * d->c, d->sketches + d->sketched * d->width);
        d->labels[d->sketched] = b->labels[i];
        d->samples[d->sketched] = b->samples[i];
    }
}

static int64_t pictures(const fv_dataset *dataset)
{
    const int64_t all = fv_dataset_count(dataset), of_classes = OF_A_CLASS * fv_dataset_classes(dataset);
    int64_t n = of_classes > SKETCHED ? of_classes : SKETCHED;
    n = n < SKETCHED_MOST ? n : SKETCHED_MOST;
    return n < all ? n : all;
}

static fv_status read_all(fv_sanity_data *d)
{
    const bool classes = fv_dataset_task(d->dataset) == FV_TASK_CLASSIFY;
    const int64_t most = classes ? pictures(d->dataset) : 0;
    d->width = (d->h < CELLS ? d->h : CELLS) * (d->w < CELLS ? d->w : CELLS) * d->c;
    d->sketches = fv_calloc(d->ctx, (size_t)most + 1, (size_t)d->width * sizeof *d->sketches);
    d->labels = fv_calloc(d->ctx, (size_t)most + 1, sizeof *d->labels);
    d->samples = fv_calloc(d->ctx, (size_t)most + 1, sizeof *d->samples);
    if (!d->sketches || !d->labels || !d->samples)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_loader_start(d->loader, 0, 0));
    for (fv_batch batch; d->count < FV_SANITY_BATCHES || d->sketched < most;) {
        FV_TRY(fv_loader_next(d->loader, &batch));
        if (batch.n == 0)
            break;
        if (d->count < FV_SANITY_BATCHES)
            FV_TRY(keep_batch(d, &batch));
        sketch_batch(d, &batch, most);
        FV_TRY(fv_watch(d->ctx, "looked at", "images", d->sketched, most));
    }
    return d->count > 0 ? FV_OK : fv_fail(d->ctx, FV_ERR_DATA_EMPTY, "the training set has no usable sample");
}

fv_status fv_sanity_data_open(fv_sanity_data *d, const fv_model *model, fv_dataset *dataset,
                              const fv_fit_options *options, int64_t targets)
{
    const fv_loader_options loader = {.batch_size = options->batch_size,
                                      .shuffle = true,
                                      .seed = (uint64_t)options->seed,
                                      .workers = (int)options->workers,
                                      .targets = targets,
                                      .stuck_after = options->stuck_after};
    *d = (fv_sanity_data){.ctx = model->ctx, .dataset = dataset};
    fv_model_input_size(model, &d->h, &d->w, &d->c);
    FV_TRY(fv_loader_create(dataset, &model->pipeline, &loader, &d->loader));
    return read_all(d);
}

void fv_sanity_data_close(fv_sanity_data *d)
{
    fv_loader_destroy(&d->loader);
    for (int b = 0; b < d->count; b++) {
        const void *const parts[] = {d->batches[b].images, d->batches[b].labels, d->batches[b].targets,
                                     d->batches[b].samples};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            fv_free(d->ctx, (void *)(uintptr_t)parts[i]);
    }
    fv_free(d->ctx, d->sketches);
    fv_free(d->ctx, d->labels);
    fv_free(d->ctx, d->samples);
    *d = (fv_sanity_data){0};
}

/* ---- inputs ---- */

void fv_sanity_inputs_of(const fv_sanity_data *d, fv_sanity_inputs *in)
{
    /* Of a network's input: beyond MOST products overflow what rates are made for, below LEAST they are lost in biases.
     */
    static const double most = 30, least = 0.03;
    const int64_t size = d->h * d->w * d->c;
    const float *first = d->batches[0].images;
    double sum = 0, squares = 0;
    *in = (fv_sanity_inputs){.low = (double)first[0], .high = (double)first[0], .same = true};
    for (int b = 0; b < d->count; b++)
        for (int64_t i = 0; i < d->batches[b].n; i++, in->images++) {
            const float *image = d->batches[b].images + i * size;
            bool constant = true;
            for (int64_t k = 0; k < size; k++) {
                const double x = (double)image[k];
                in->low = x < in->low ? x : in->low;
                in->high = x > in->high ? x : in->high;
                sum += x;
                squares += x * x;
                constant &= k < d->c || image[k] == image[k % d->c];
                in->same &= image[k] == first[k];
            }
            in->constant += constant;
        }
    const double n = (double)in->images * (double)size;
    in->mean = sum / n;
    in->deviation = sqrt(fmax(0, squares / n - in->mean * in->mean));
    in->same &= in->images > 1;
    in->odd = in->deviation < least || fmax(-in->low, in->high) > most;
}

/* ---- labels ---- */

fv_sanity_odds fv_sanity_odds_of(int64_t n, int64_t right, const int64_t *answers, const int64_t *truths,
                                 int64_t classes)
{
    double same = 0;
    for (int64_t k = 0; k < classes; k++)
        same += (double)answers[k] * (double)truths[k];
    const double chance = n > 0 ? same / ((double)n * (double)n) : 0;
    const double spread = sqrt((double)n * chance * (1 - chance));
    return (fv_sanity_odds){.images = n,
                            .right = n > 0 ? (double)right / (double)n : 0,
                            .chance = chance,
                            .sigmas = spread > 0 ? ((double)right - (double)n * chance) / spread : 0};
}

/* Ways to say how near pictures are: by their cells; by these without brightness and contrast; by the mean and the
 * deviation of each channel. Each fills `rows` of `width` numbers. */
typedef struct likeness {
    float *rows;
    int64_t width;
} likeness;

static void by_cells(const fv_sanity_data *d, likeness *l)
{
    l->width = d->width;
    memcpy(l->rows, d->sketches, (size_t)(d->sketched * d->width) * sizeof(float));
}

static void by_form(const fv_sanity_data *d, likeness *l)
{
    l->width = d->width;
    for (int64_t i = 0; i < d->sketched; i++) {
        const float *from = d->sketches + i * d->width;
        double mean = 0, squares = 0;
        for (int64_t k = 0; k < d->width; k++)
            mean += (double)from[k] / (double)d->width;
        for (int64_t k = 0; k < d->width; k++)
            squares += ((double)from[k] - mean) * ((double)from[k] - mean);
        for (int64_t k = 0; k < d->width; k++)
            l->rows[i * d->width + k] = squares > 0 ? (float)(((double)from[k] - mean) / sqrt(squares)) : 0.0f;
    }
}

static void by_color(const fv_sanity_data *d, likeness *l)
{
    const int64_t cells = d->width / d->c;
    l->width = 2 * d->c;
    for (int64_t i = 0; i < d->sketched; i++)
        for (int64_t k = 0; k < d->c; k++) {
            double mean = 0, squares = 0;
            for (int64_t cell = 0; cell < cells; cell++) {
                const double x = (double)d->sketches[i * d->width + cell * d->c + k];
                mean += x / (double)cells;
                squares += x * x / (double)cells;
            }
            l->rows[i * l->width + 2 * k] = (float)mean;
            l->rows[i * l->width + 2 * k + 1] = (float)sqrt(fmax(0, squares - mean * mean));
        }
}

static double distance(const float *a, const float *b, int64_t width)
{
    double sum = 0;
    for (int64_t k = 0; k < width; k++)
        sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return sum;
}

/* The class that most of the nearest have; of several such, that of the nearest of them. */
static int32_t vote(const fv_sanity_data *d, const likeness *l, int64_t of)
{
    double far[NEIGHBORS];
    int32_t label[NEIGHBORS];
    int n = 0, best = 0, most = 0;
    for (int64_t i = 0; i < d->sketched; i++) {
        const double to = i == of ? INFINITY : distance(l->rows + of * l->width, l->rows + i * l->width, l->width);
        int at = n < NEIGHBORS ? n : NEIGHBORS;
        while (at > 0 && to < far[at - 1])
            at--;
        if (i == of || at == NEIGHBORS)
            continue;
        n = n < NEIGHBORS ? n + 1 : n;
        for (int k = n - 1; k > at; k--) {
            far[k] = far[k - 1];
            label[k] = label[k - 1];
        }
        far[at] = to;
        label[at] = d->labels[i];
    }
    for (int k = 0; k < n; k++) {
        int votes = 0;
        for (int j = 0; j < n; j++)
            votes += label[j] == label[k];
        if (votes > most) {
            most = votes;
            best = k;
        }
    }
    return label[best];
}

static fv_status ask_neighbors(const fv_sanity_data *d, const likeness *l, fv_sanity_odds *odds)
{
    const int64_t classes = fv_dataset_classes(d->dataset);
    int64_t right = 0, *counts = fv_calloc(d->ctx, 2 * (size_t)classes, sizeof *counts);
    if (!counts)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < d->sketched; i++) {
        const int32_t answer = vote(d, l, i);
        right += answer == d->labels[i];
        counts[answer]++;
        counts[classes + d->labels[i]]++;
    }
    *odds = fv_sanity_odds_of(d->sketched, right, counts, counts + classes, classes);
    fv_free(d->ctx, counts);
    return FV_OK;
}

static const char *name_of(const fv_sanity_data *d, struct fv_arena *arena, int64_t i)
{
    char name[512];
    fv_dataset_sample_name(d->dataset, d->samples[i], name, sizeof name);
    return fv_arena_printf(arena, "%s (%.200s)", name, fv_dataset_class_name(d->dataset, d->labels[i]));
}

/* Pictures of different classes that are one to 2 % of the usual distance. */
static fv_status find_pairs(const fv_sanity_data *d, fv_sanity *s)
{
    static const double near = 0.02;
    int64_t within = 0;
    double all = 0, pairs = 0;
    for (int b = 0; b < d->count; b++)
        within += d->batches[b].n;
    for (int64_t i = 0; i < d->sketched; i++)
        for (int64_t k = 0; k < i; k++, pairs++)
            all += distance(d->sketches + i * d->width, d->sketches + k * d->width, d->width);
    for (int64_t i = 0; i < d->sketched; i++)
        for (int64_t k = 0; k < i; k++) {
            if (d->labels[i] == d->labels[k] ||
                distance(d->sketches + i * d->width, d->sketches + k * d->width, d->width) > near * near * all / pairs)
                continue;
            if (s->pairs++ == 0) {
                s->pair[0] = name_of(d, s->arena, k);
                s->pair[1] = name_of(d, s->arena, i);
                if (!s->pair[0] || !s->pair[1])
                    return FV_ERR_NO_MEMORY;
            }
            s->pairs_within += i < within;
        }
    return FV_OK;
}

fv_status fv_sanity_labels_of(const fv_sanity_data *d, fv_sanity *s)
{
    static void (*const ways[])(const fv_sanity_data *d, likeness *l) = {by_cells, by_form, by_color};
    if (d->sketched < 2)
        return FV_OK;
    likeness l = {.rows = fv_calloc(d->ctx, (size_t)d->sketched, (size_t)(d->width + 2 * d->c) * sizeof *l.rows)};
    fv_status status = l.rows ? FV_OK : FV_ERR_NO_MEMORY;
    for (size_t i = 0; status == FV_OK && i < sizeof ways / sizeof *ways; i++) {
        fv_sanity_odds odds;
        ways[i](d, &l);
        status = ask_neighbors(d, &l, &odds);
        if (status == FV_OK && (i == 0 || odds.sigmas > s->neighbors.sigmas))
            s->neighbors = odds;
    }
    fv_free(d->ctx, l.rows);
    return status == FV_OK ? find_pairs(d, s) : status;
}
