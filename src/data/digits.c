/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawn digits: pen strokes, jittered, slanted and turned at random, rendered with a soft pen. Only +, -, *, / and sqrt
 * in float64, which IEEE 754 fixes bit for bit, so that a seed gives the same files everywhere.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/digits_strokes.h"

#define SIDE       28
#define AREA       (SIDE * SIDE)
#define MAX_POINTS 32  /* of a style */
#define MAX_PATH   256 /* of the curve through them */
#define STEPS      6   /* pieces of the curve between two points */
#define MAX_DIGITS 10000000

typedef struct point {
    double x, y;
    bool corner, lift; /* a corner; the pen is lifted before this point */
} point;

/* Random numbers of one digit, in order. */
typedef struct draws {
    uint64_t seed, digit, block;
    uint32_t word[4];
    int used;
} draws;

static uint32_t draw(draws *d)
{
    if (d->used == 4) {
        fv_philox(d->seed, FV_RANDOM_DIGITS, d->digit, d->block++, d->word);
        d->used = 0;
    }
    return d->word[d->used++];
}

static double uniform(draws *d, double lo, double hi)
{
    return lo + (hi - lo) * ((double)draw(d) * 0x1p-32);
}

/* Bell-shaped in (-spread, spread). */
static double bell(draws *d, double spread)
{
    const double a = uniform(d, -1.0, 1.0), b = uniform(d, -1.0, 1.0), c = uniform(d, -1.0, 1.0);
    return spread * (a + b + c) / 3.0;
}

static int read_number(const char **text)
{
    int value = 0;
    while (**text >= '0' && **text <= '9')
        value = value * 10 + (*(*text)++ - '0');
    return value;
}

static int parse(const char *text, point *points)
{
    int n = 0;
    bool lift = true;
    while (*text && n < MAX_POINTS) {
        if (*text == ' ' || *text == ';') {
            lift |= *text++ == ';';
            continue;
        }
        point *p = &points[n++];
        p->x = read_number(&text) / 100.0;
        text++; /* the comma */
        p->y = read_number(&text) / 100.0;
        p->lift = lift;
        p->corner = *text == '!';
        text += p->corner;
        lift = false;
    }
    return n;
}

static double spline(double a, double b, double c, double d, double t)
{
    /* Catmull and Rom's cubic between b and c. */
    return b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)));
}

/* The curve through the points. */
static int trace(const point *points, int n, point *path)
{
    int m = 0;
    for (int i = 0; i < n; i++) {
        if (i == n - 1 || points[i + 1].lift) {
            path[m++] = points[i];
            continue;
        }
        const point *b = &points[i], *c = &points[i + 1];
        const point *a = b->lift || b->corner ? b : b - 1;
        const point *d = c->corner || i + 2 >= n || points[i + 2].lift ? c : c + 1;
        for (int s = 0; s < STEPS && m < MAX_PATH - MAX_POINTS; s++) {
            const double t = (double)s / STEPS;
            path[m++] = (point){.x = spline(a->x, b->x, c->x, d->x, t),
                                .y = spline(a->y, b->y, c->y, d->y, t),
                                .lift = b->lift && s == 0};
        }
    }
    return m;
}

/* Every hand is different: points wander, the whole bends, leans, turns, stretches and moves. Leaves pixels. */
static void distort(draws *d, point *path, int n)
{
    const double bend_x = bell(d, 0.35), bend_y = bell(d, 0.25), lean = 0.12 + bell(d, 0.6);
    const double tan_half = bell(d, 0.28), norm = 1.0 + tan_half * tan_half; /* of half the angle */
    const double cosine = (1.0 - tan_half * tan_half) / norm, sine = 2.0 * tan_half / norm;
    const double height = uniform(d, 15.5, 21.5), width = height * uniform(d, 0.62, 1.05);
    double lo_x = 1e9, hi_x = -1e9, lo_y = 1e9, hi_y = -1e9;
    for (int i = 0; i < n; i++) {
        const double x = path[i].x - 0.5, y = path[i].y - 0.5;
        const double u = (x + bend_x * (y * y - 0.08) - lean * y) * width;
        const double v = (y + bend_y * (x * x - 0.04)) * height;
        path[i].x = cosine * u - sine * v;
        path[i].y = sine * u + cosine * v;
        lo_x = path[i].x < lo_x ? path[i].x : lo_x;
        hi_x = path[i].x > hi_x ? path[i].x : hi_x;
        lo_y = path[i].y < lo_y ? path[i].y : lo_y;
        hi_y = path[i].y > hi_y ? path[i].y : hi_y;
    }
    /* What leans out of the field is made smaller. */
    const double extent = hi_x - lo_x > hi_y - lo_y ? hi_x - lo_x : hi_y - lo_y;
    const double scale = extent > 22.0 ? 22.0 / extent : 1.0;
    const double at_x = SIDE / 2.0 + bell(d, 4.0), at_y = SIDE / 2.0 + bell(d, 4.0);
    for (int i = 0; i < n; i++) {
        path[i].x = at_x + (path[i].x - (lo_x + hi_x) / 2.0) * scale;
        path[i].y = at_y + (path[i].y - (lo_y + hi_y) / 2.0) * scale;
    }
}

static int clamp(double v, int hi)
{
    return v < 0.0 ? 0 : v > (double)hi ? hi : (int)v;
}

/* Lowers depth[pixel], the distance to the pen's edge, where the piece from a to b is nearer. */
static void draw_piece(double *depth, const point *a, const point *b, double radius)
{
    const double reach = radius + 2.5;
    const double dx = b->x - a->x, dy = b->y - a->y, length2 = dx * dx + dy * dy;
    const int x0 = clamp((a->x < b->x ? a->x : b->x) - reach, SIDE),
              x1 = clamp((a->x > b->x ? a->x : b->x) + reach, SIDE);
    const int y0 = clamp((a->y < b->y ? a->y : b->y) - reach, SIDE),
              y1 = clamp((a->y > b->y ? a->y : b->y) + reach, SIDE);
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) {
            const double px = (double)x + 0.5 - a->x, py = (double)y + 0.5 - a->y;
            double t = length2 > 0.0 ? (px * dx + py * dy) / length2 : 0.0;
            t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
            const double ex = px - t * dx, ey = py - t * dy;
            const double distance = sqrt(ex * ex + ey * ey) - radius;
            if (distance < depth[y * SIDE + x])
                depth[y * SIDE + x] = distance;
        }
    }
}

static void render(draws *d, const point *path, int n, uint8_t *pixels)
{
    double depth[AREA];
    for (int i = 0; i < AREA; i++)
        depth[i] = 100.0;
    const double radius = uniform(d, 0.65, 1.55), taper = uniform(d, -0.35, 0.35);
    const double soft = uniform(d, 0.9, 1.9), ink = uniform(d, 200.0, 255.0), grain = uniform(d, 0.0, 14.0);
    for (int i = 0; i + 1 < n; i++) {
        const double along = (double)i / (double)n - 0.5;
        if (!path[i + 1].lift)
            draw_piece(depth, &path[i], &path[i + 1], radius * (1.0 + taper * along));
    }
    for (int i = 0; i < AREA; i++) {
        double cover = 0.5 - depth[i] / soft;
        cover = cover < 0.0 ? 0.0 : cover > 1.0 ? 1.0 : cover;
        double v = ink * cover + uniform(d, -grain, grain);
        pixels[i] = (uint8_t)(v <= 0.0 ? 0 : v >= 255.0 ? 255 : (int)(v + 0.5));
    }
}

/* Digit number `index` of a seed. */
static uint8_t draw_digit(uint64_t seed, uint64_t index, uint8_t *pixels)
{
    draws d = {.seed = seed, .digit = index, .used = 4};
    point points[MAX_POINTS], path[MAX_PATH];
    const int label = (int)((uint64_t)draw(&d) * 10 >> 32);
    int styles = 0;
    while (styles < FV_DIGIT_STYLES && fv_digit_styles[label][styles])
        styles++;
    const int n = parse(fv_digit_styles[label][(uint64_t)draw(&d) * (unsigned)styles >> 32], points);
    const double wander = uniform(&d, 0.04, 0.17);
    for (int i = 0; i < n; i++) {
        points[i].x += bell(&d, wander);
        points[i].y += bell(&d, wander);
    }
    const int m = trace(points, n, path);
    distort(&d, path, m);
    render(&d, path, m, pixels);
    return (uint8_t)label;
}

typedef struct sheet {
    uint64_t seed, first;
    uint8_t *images, *labels; /* behind their headers */
} sheet;

static fv_status draw_one(void *arg, int64_t i)
{
    const sheet *s = arg;
    s->labels[i] = draw_digit(s->seed, s->first + (uint64_t)i, s->images + i * AREA);
    return FV_OK;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static fv_status write_in(fv_ctx *ctx, const char *dir, const char *name, const void *data, int64_t size)
{
    char *path = fv_path_join(ctx, dir, name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_file_write(ctx, path, data, (size_t)size);
    fv_free(ctx, path);
    return status;
}

/* Digits of a split, as IDX files have them. */
typedef struct drawing {
    uint8_t *images, *labels;
    int64_t count;
} drawing;

static fv_status draw_split(fv_ctx *ctx, int64_t n, uint64_t seed, uint64_t first, drawing *d)
{
    *d = (drawing){fv_malloc(ctx, (size_t)(16 + n * AREA)), fv_malloc(ctx, (size_t)(8 + n)), n};
    if (!d->images || !d->labels)
        return FV_ERR_NO_MEMORY;
    const uint32_t header[4] = {0x803, (uint32_t)n, SIDE, SIDE};
    for (int i = 0; i < 4; i++)
        put_u32(d->images + 4 * i, header[i]);
    put_u32(d->labels, 0x801);
    put_u32(d->labels + 4, (uint32_t)n);
    sheet s = {.seed = seed, .first = first, .images = d->images + 16, .labels = d->labels + 8};
    return fv_data_each(ctx, "drew", "digits", n, draw_one, &s);
}

static fv_status write_split(fv_ctx *ctx, const char *dir, const char *images, const char *labels, const drawing *d)
{
    FV_TRY(write_in(ctx, dir, images, d->images, 16 + d->count * AREA));
    return write_in(ctx, dir, labels, d->labels, 8 + d->count);
}

fv_status fv_make_digits(fv_ctx *ctx, const char *dir, int64_t n_train, int64_t n_test, uint64_t seed)
{
    if (n_train < 1 || n_test < 0 || n_train > MAX_DIGITS || n_test > MAX_DIGITS)
        return fv_fail(ctx, FV_ERR_VALUE,
                       "digits: %lld for training and %lld for testing, expected 1 to %d and 0 to "
                       "%d",
                       (long long)n_train, (long long)n_test, MAX_DIGITS, MAX_DIGITS);
    const bool there = fv_path_exists(dir);
    drawing train = {0}, test = {0};
    FV_TRY(fv_path_mkdirs(ctx, dir));
    /* Nothing is written until all is drawn: half a data set would pass for one. */
    fv_status status = draw_split(ctx, n_train, seed, 0, &train);
    if (status == FV_OK && n_test > 0) /* far behind any training digit: test digits do not depend on n_train */
        status = draw_split(ctx, n_test, seed, UINT64_C(1) << 32, &test);
    if (status == FV_OK)
        status = write_split(ctx, dir, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", &train);
    else if (!there)
        (void)remove(dir);
    if (status == FV_OK && n_test > 0)
        status = write_split(ctx, dir, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", &test);
    fv_free(ctx, train.images);
    fv_free(ctx, train.labels);
    fv_free(ctx, test.images);
    fv_free(ctx, test.labels);
    return status;
}
