/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The finest detail and the extent of what is shown.
 *
 *     energy(f)  |F(u, v)|^2 (u^2 + v^2) summed over the ring of frequencies sqrt(u^2 + v^2) = f, F the transform of an
 *                image's brightness in a Hann window: the spectrum of its slopes. Photographs have about as much of it
 *                in every octave as pixels can hold, blurred or enlarged ones none above their own limit
 *     detail     1 / (2 f) for the f below which three quarters of it are: half a period, in pixels of the network's
 * input extent     sqrt(12) times the deviation of places from their center, weighed by the slope squared there: the
 * side of a square filled evenly
 */
#include <math.h>
#include <string.h>

#include "base/angle.h"
#include "base/ctx.h"
#include "data/dataset.h"
#include "data/loader.h"

enum { SAMPLES = 64, LARGEST = 512, BATCH = 8 };
#define SHARE 0.75

typedef struct complex64 {
    double re, im;
} complex64;

typedef struct survey {
    fv_ctx *ctx;
    int64_t h, w, c, side; /* of an image, and of the transform */
    float *grey;           /* h x w */
    complex64 *field;      /* side x side */
    complex64 *line;       /* a column */
    complex64 *turn;       /* e^(-2 pi i k / side) */
    double *ring;          /* energy by frequency, in 1 / side; of all images, each 1 in all */
    double *extents;       /* of an image each */
    int64_t images;        /* that show something */
} survey;

/* ---- transforms ---- */

/* In place, n a power of two that divides `side`; natural order in and out. */
static void transform(complex64 *x, int64_t n, const survey *s)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            const complex64 t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
    }
    for (int64_t half = 1; half < n; half *= 2)
        for (int64_t at = 0; at < n; at += 2 * half)
            for (int64_t k = 0; k < half; k++) {
                const complex64 w = s->turn[k * (s->side / (2 * half))], a = x[at + k], b = x[at + half + k];
                const complex64 t = {b.re * w.re - b.im * w.im, b.re * w.im + b.im * w.re};
                x[at + k] = (complex64){a.re + t.re, a.im + t.im};
                x[at + half + k] = (complex64){a.re - t.re, a.im - t.im};
            }
}

static void transform_field(survey *s)
{
    for (int64_t y = 0; y < s->side; y++)
        transform(s->field + y * s->side, s->side, s);
    for (int64_t x = 0; x < s->side; x++) {
        for (int64_t y = 0; y < s->side; y++)
            s->line[y] = s->field[y * s->side + x];
        transform(s->line, s->side, s);
        for (int64_t y = 0; y < s->side; y++)
            s->field[y * s->side + x] = s->line[y];
    }
}

/* ---- an image ---- */

static void take_grey(survey *s, const float *pixels)
{
    for (int64_t i = 0; i < s->h * s->w; i++) {
        float sum = 0;
        for (int64_t k = 0; k < s->c; k++)
            sum += pixels[i * s->c + k];
        s->grey[i] = sum;
    }
}

static double hann(int64_t i, int64_t n)
{
    double sine, cosine;
    fv_sincos_turns(((double)i + 0.5) / (double)n, &sine, &cosine);
    return 0.5 - 0.5 * cosine;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The middle, of at most `side` pixels a side, without its mean. */
static void fill_field(survey *s)
{
    const int64_t h = least(s->h, s->side), w = least(s->w, s->side);
    const float *from = s->grey + (s->h - h) / 2 * s->w + (s->w - w) / 2;
    double mean = 0;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            mean += (double)from[y * s->w + x];
    mean /= (double)(h * w);
    memset(s->field, 0, (size_t)(s->side * s->side) * sizeof *s->field);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            s->field[y * s->side + x].re = ((double)from[y * s->w + x] - mean) * hann(y, h) * hann(x, w);
}

static double energy_at(const survey *s, int64_t v, int64_t u, int64_t *ring)
{
    const complex64 f = s->field[v * s->side + u];
    const double y = (double)least(v, s->side - v), x = (double)least(u, s->side - u), squared = x * x + y * y;
    *ring = (int64_t)sqrt(squared);
    return (f.re * f.re + f.im * f.im) * squared;
}

static void add_spectrum(survey *s)
{
    double total = 0, energy;
    int64_t ring;
    fill_field(s);
    transform_field(s);
    for (int pass = 0; pass < 2 && (pass == 0 || total > 0); pass++)
        for (int64_t v = 0; v < s->side; v++)
            for (int64_t u = 0; u < s->side; u++) {
                energy = energy_at(s, v, u, &ring);
                if (ring > s->side / 2)
                    continue;
                if (pass == 0)
                    total += energy;
                else
                    s->ring[ring] += energy / total;
            }
}

/* Of a line of sums of weights; 0: there are none. */
static double spread(const double *weight, int64_t n)
{
    double sum = 0, mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += weight[i];
        mean += weight[i] * (double)i;
    }
    if (!(sum > 0))
        return 0;
    mean /= sum;
    for (int64_t i = 0; i < n; i++)
        squares += weight[i] * ((double)i - mean) * ((double)i - mean);
    return sqrt(12 * squares / sum);
}

/* 0: it has no slope. `sums`: h + w numbers. */
static double extent_of(const survey *s, double *sums)
{
    double *rows = sums, *columns = sums + s->h;
    memset(sums, 0, (size_t)(s->h + s->w) * sizeof *sums);
    for (int64_t y = 0; y + 1 < s->h; y++)
        for (int64_t x = 0; x + 1 < s->w; x++) {
            const float *p = s->grey + y * s->w + x;
            const double right = (double)(p[1] - p[0]), down = (double)(p[s->w] - p[0]);
            rows[y] += right * right + down * down;
            columns[x] += right * right + down * down;
        }
    return sqrt(spread(rows, s->h) * spread(columns, s->w));
}

/* ---- all of them ---- */

static fv_status open_survey(survey *s, const fv_pipeline *p, int64_t samples)
{
    s->h = p->h;
    s->w = p->w;
    s->c = p->c;
    for (s->side = 8; s->side < LARGEST && s->side < (s->h > s->w ? s->h : s->w);)
        s->side *= 2;
    s->grey = fv_calloc(s->ctx, (size_t)(s->h * s->w), sizeof *s->grey);
    s->field = fv_calloc(s->ctx, (size_t)(s->side * s->side), sizeof *s->field);
    s->line = fv_calloc(s->ctx, (size_t)s->side, sizeof *s->line);
    s->turn = fv_calloc(s->ctx, (size_t)s->side, sizeof *s->turn);
    s->ring = fv_calloc(s->ctx, (size_t)s->side + 1, sizeof *s->ring);
    s->extents = fv_calloc(s->ctx, (size_t)(samples + s->h + s->w), sizeof *s->extents);
    if (!s->grey || !s->field || !s->line || !s->turn || !s->ring || !s->extents)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 0; k < s->side; k++)
        fv_sincos_turns(-(double)k / (double)s->side, &s->turn[k].im, &s->turn[k].re);
    return FV_OK;
}

static void close_survey(survey *s)
{
    void *const parts[] = {s->grey, s->field, s->line, s->turn, s->ring, s->extents};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fv_free(s->ctx, parts[i]);
}

static fv_status look(survey *s, fv_loader *loader, int64_t samples, fv_detail *detail)
{
    fv_batch batch;
    FV_TRY(fv_loader_start(loader, 0, 0));
    while (detail->samples < samples) {
        FV_TRY(fv_loader_next(loader, &batch));
        if (batch.n == 0)
            return FV_OK;
        for (int64_t i = 0; i < batch.n && detail->samples < samples; i++, detail->samples++) {
            take_grey(s, batch.images + i * s->h * s->w * s->c);
            const double extent = extent_of(s, s->extents + samples);
            if (!(extent > 0))
                continue;
            add_spectrum(s);
            s->extents[s->images++] = extent;
        }
        FV_TRY(fv_watch(s->ctx, "looked at", "images", detail->samples, samples));
    }
    return FV_OK;
}

static double median(double *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t k = i; k > 0 && x[k - 1] > x[k]; k--) {
            const double t = x[k];
            x[k] = x[k - 1];
            x[k - 1] = t;
        }
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static void conclude(survey *s, fv_detail *detail)
{
    double before = 0;
    int64_t ring = 0;
    if (s->images == 0)
        return;
    const double bound = SHARE * (double)s->images;
    while (ring < s->side / 2 && before + s->ring[ring] < bound)
        before += s->ring[ring++];
    const double part = s->ring[ring] > 0 ? (bound - before) / s->ring[ring] : 0;
    const double frequency = ((double)ring + (part < 1 ? part : 1)) / (double)s->side;
    detail->detail = frequency < 0.5 ? 0.5 / frequency : 1;
    detail->extent = median(s->extents, s->images);
}

fv_status fv_dataset_detail(fv_dataset *dataset, const fv_pipeline *pipeline, int64_t samples, uint64_t seed,
                            int workers, fv_detail *detail)
{
    const int64_t count = fv_dataset_count(dataset);
    const fv_loader_options options = {.batch_size = BATCH, .shuffle = true, .seed = seed, .workers = workers};
    fv_loader *loader = NULL;
    survey s = {.ctx = dataset->ctx};
    samples = least(samples > 0 ? samples : SAMPLES, count);
    *detail = (fv_detail){.detail = NAN, .extent = NAN};
    fv_status status = open_survey(&s, pipeline, samples);
    if (status == FV_OK)
        status = fv_loader_create(dataset, pipeline, &options, &loader);
    if (status == FV_OK)
        status = look(&s, loader, samples, detail);
    if (status == FV_OK)
        conclude(&s, detail);
    fv_loader_destroy(&loader);
    close_survey(&s);
    return status;
}
