/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fvbench data: how fast samples come.
 *   fvbench data PATH [--seconds 3] [--batch-size 128] [--augment "crop pad=4; hflip"] [--img-size N]
 * - read_gb_per_s: every record's bytes, fetched and looked at in random order, as a first epoch does it: the file is
 *   opened anew, checksums are verified; one thread. in_order_gb_per_s: one after another. first_gb_per_s: in random
 *   order, with the time that opening takes
 * - img_per_s: through the loader, decoded and augmented in the calling thread, random order
 *
 * Both by processor time of this thread, so that other programs on the machine count little.
 *   fvbench data FILE.fvpack --cold
 * - plain, in_order, random: in turns, by the clock, the file driven out of the page cache before each: read in pieces
 *   of 1 MB as dd does it; its records one after another; and in random order. Best and median
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "base/random.h"
#include "data/dataset.h"
#include "fvbench.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t sum_of(const uint8_t *p, size_t n)
{
    uint64_t sum[4] = {0}, v[4];
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        memcpy(v, p + i, 32);
        for (int k = 0; k < 4; k++)
            sum[k] += v[k];
    }
    for (; i < n; i++)
        sum[0] += p[i];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* One pass over a freshly opened data set, so that every checksum is verified again. */
static fv_status read_once(fv_ctx *ctx, const char *path, uint64_t round, bool in_order, double *gigabytes,
                           double *seconds, double *opening, uint64_t *sum)
{
    fv_dataset *d = NULL;
    double begin = cpu_seconds();
    FV_TRY(fv_dataset_open(ctx, path, NULL, &d));
    const double opened = cpu_seconds() - begin;
    if (!d->source->pixels && !d->source->stored) {
        fv_dataset_destroy(&d);
        return fv_fail(ctx, FV_ERR_UNSUPPORTED, "%s: pixels must be decoded; pack it with --raw", path);
    }
    int64_t bytes = 0;
    int64_t *order = malloc((size_t)d->count * sizeof *order);
    fv_status status = order ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; order && in_order && i < d->count; i++)
        order[i] = i;
    if (order && !in_order)
        fv_permutation(round, FV_RANDOM_TEST, 0, d->count, order);
    begin = cpu_seconds();
    for (int64_t i = 0; status == FV_OK && i < d->count; i++) {
        const fv_source *source = d->source;
        fv_image image = {.h = source->h, .w = source->w, .c = source->c};
        fv_image_error error;
        const uint8_t *pixels = source->pixels; /* looked at where they are, as the loader does */
        if (pixels)
            pixels += d->index[order[i]] * image.h * image.w * image.c;
        else
            status = fv_dataset_fetch(d, order[i], NULL, NULL, &image, NULL, &error);
        if (status != FV_OK)
            break;
        const size_t size = (size_t)(image.h * image.w * image.c) * fv_depth_bytes(image.depth);
        *sum += sum_of(pixels ? pixels : image.data, size);
        bytes += (int64_t)size;
        fv_image_free(ctx, &image);
    }
    *seconds = cpu_seconds() - begin;
    *opening = opened;
    *gigabytes = (double)bytes * 1e-9;
    free(order);
    fv_dataset_destroy(&d);
    return status;
}

static fv_status bench_reading(fv_ctx *ctx, const fvbench_settings *s)
{
    double best[2] = {0.0}, first = 0.0;
    uint64_t sum = 0;
    const double begin = fv_time_monotonic();
    for (uint64_t round = 0; round < 6 || fv_time_monotonic() - begin < s->seconds; round++) {
        double gigabytes = 0.0, seconds = 1.0, opening = 0.0;
        FV_TRY(read_once(ctx, s->problem, round, round % 2 != 0, &gigabytes, &seconds, &opening, &sum));
        best[round % 2] = fmax(best[round % 2], gigabytes / seconds);
        first = round % 2 == 0 ? fmax(first, gigabytes / (seconds + opening)) : first;
    }
    printf("read_gb_per_s=%.2f in_order_gb_per_s=%.2f first_gb_per_s=%.2f sum=%016llx\n", best[0], best[1], first,
           (unsigned long long)sum);
    return FV_OK;
}

/* ---- cold ---- */

static fv_status drive_out(fv_ctx *ctx, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
    if (fd >= 0)
        close(fd);
    return good ? FV_OK : fv_fail(ctx, FV_ERR_IO, "%s: cannot be driven out of the page cache", path);
}

static fv_status read_plain(fv_ctx *ctx, const char *path, double *gigabytes)
{
    enum { PIECE = 1 << 20 };
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *piece = malloc(PIECE);
    int64_t bytes = 0;
    ssize_t n = fd >= 0 && piece ? 1 : -1;
    while (n > 0) {
        n = read(fd, piece, PIECE);
        bytes += n > 0 ? n : 0;
    }
    free(piece);
    if (fd >= 0)
        close(fd);
    *gigabytes = (double)bytes * 1e-9;
    return n == 0 ? FV_OK : fv_fail(ctx, FV_ERR_IO, "%s: cannot be read", path);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static fv_status bench_cold(fv_ctx *ctx, const fvbench_settings *s)
{
    enum { WAYS = 3, TURNS = 100 };
    static const char *const names[WAYS] = {"plain", "in_order", "random"};
    double rate[WAYS][TURNS];
    const double begin = fv_time_monotonic();
    int turns = 0;
    while (turns < TURNS && (turns < 3 || fv_time_monotonic() - begin < s->seconds)) {
        for (int w = 0; w < WAYS; w++) {
            const int k = (w + turns) % WAYS; /* the disk may have a memory of its own */
            double gigabytes = 0.0, unused;
            uint64_t sum = 0;
            FV_TRY(drive_out(ctx, s->problem));
            const double from = fv_time_monotonic();
            if (k == 0)
                FV_TRY(read_plain(ctx, s->problem, &gigabytes));
            else
                FV_TRY(read_once(ctx, s->problem, (uint64_t)turns, k == 1, &gigabytes, &unused, &unused, &sum));
            rate[k][turns] = gigabytes / (fv_time_monotonic() - from);
        }
        turns++;
    }
    for (int k = 0; k < WAYS; k++) {
        qsort(rate[k], (size_t)turns, sizeof rate[k][0], by_value);
        printf("%s_gb_per_s=%.3f (median %.3f) ", names[k], rate[k][turns - 1], rate[k][turns / 2]);
    }
    printf("turns=%d\n", turns);
    return FV_OK;
}

/* ---- through the loader ---- */

/* Batches of one epoch after another for a while; the best rate of any stretch of 20 batches. */
static fv_status take_batches(fv_loader *loader, double seconds, double *best)
{
    const double begin = fv_time_monotonic();
    for (int64_t epoch = 0; epoch == 0 || fv_time_monotonic() - begin < seconds; epoch++) {
        fv_batch batch;
        FV_TRY(fv_loader_start(loader, epoch, 0));
        do {
            const double from = cpu_seconds();
            int64_t images = 0;
            for (int b = 0; b < 20; b++) {
                FV_TRY(fv_loader_next(loader, &batch));
                images += batch.n;
                if (batch.n == 0)
                    break;
            }
            const double rate = (double)images / (cpu_seconds() - from);
            *best = images > 0 && rate > *best ? rate : *best;
        } while (batch.n > 0 && fv_time_monotonic() - begin < seconds);
    }
    return FV_OK;
}

static fv_status bench_loading(fv_ctx *ctx, const fvbench_settings *s)
{
    fv_dataset *d = NULL;
    fv_loader *loader = NULL;
    int64_t h = 0, w = 0, c = 0;
    double best = 0.0;
    FV_TRY(fv_dataset_open(ctx, s->problem, NULL, &d));
    fv_dataset_size(d, &h, &w, &c);
    fv_pipeline p = {.h = h, .w = w, .c = c};
    if (s->img_size > 0 || h == 0)
        p.h = p.w = s->img_size > 0 ? s->img_size : 224;
    for (int k = 0; k < 16; k++) {
        p.mean[k] = 0.5f;
        p.std[k] = 0.25f;
    }
    const fv_loader_options o = {.batch_size = s->batch > 1 ? s->batch : 128,
                                 .shuffle = true,
                                 .workers = -1,
                                 .augment = s->augment ? s->augment : "crop pad=4; hflip"};
    fv_status status = fv_loader_create(d, &p, &o, &loader);
    if (status == FV_OK)
        status = take_batches(loader, s->seconds, &best);
    if (status == FV_OK)
        printf("img_per_s=%.0f\n", best);
    fv_loader_destroy(&loader);
    fv_dataset_destroy(&d);
    return status;
}

fv_status fvbench_data(fv_ctx *ctx, const fvbench_settings *s)
{
    if (s->cold)
        return bench_cold(ctx, s);
    fv_status status = bench_reading(ctx, s);
    if (status == FV_ERR_UNSUPPORTED)
        status = FV_OK; /* files: only the loader can be measured */
    return status == FV_OK ? bench_loading(ctx, s) : status;
}
