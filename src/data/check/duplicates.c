/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same picture twice: across splits it makes the score too good, under two classes one label is wrong. Equal pixels
 * are always looked for; pictures that look alike when asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/check/check.h"
#include "data/dataset.h"

/*
 * Two pictures are alike when at most RADIUS of their 64 hash bits differ and their thumbnails are nearer than LIMIT.
 * Below MIN_SIDE pixels only equal pixels count: digits and icons resemble each other by nature. Measured on 500
 * photographs of flowers: of copies saved at quality 20, at half the size, brighter, or with 1 % cut off each side at
 * least 98 % are found, with 2.5 % cut off two thirds; photographs of different scenes are never nearer than 0.25.
 */
enum { RADIUS = 10, BANDS = RADIUS / 2 + 1, MIN_SIDE = 48 };
#define LIMIT 0.2

typedef struct keyed {
    uint64_t key[2];
    int64_t sample;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    for (int k = 0; k < 2; k++) {
        if (x->key[k] != y->key[k])
            return x->key[k] < y->key[k] ? -1 : 1;
    }
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static const char *class_of(const fv_check_report *r, const fv_check_sample *s)
{
    return s->label >= 0 ? r->splits[s->split].classes.name[s->label] : "";
}

/* Tells of a pair, or counts it when it is of one class and split. */
static fv_status tell_pair(fv_check_report *r, int64_t first, int64_t second, const char *how)
{
    const fv_check_sample *a = &r->samples[first], *b = &r->samples[second];
    const fv_verdict verdict = r->options.strict ? FV_VERDICT_REJECT : FV_VERDICT_WARN;
    if (strcmp(class_of(r, a), class_of(r, b)) != 0)
        FV_TRY(fv_check_add(r, FV_FAULT_TWO_LABELS, verdict, b->name, second, -1,
                            "%s as %s, but of another class: '%s' and '%s'", how, a->name, class_of(r, b),
                            class_of(r, a)));
    if (a->split != b->split)
        return fv_check_add(r, FV_FAULT_DUPLICATE, verdict, b->name, second, -1,
                            "%s as %s of the %s split: the score will be too good", how, a->name,
                            fv_split_name((fv_split)a->split));
    r->copies += strcmp(class_of(r, a), class_of(r, b)) == 0;
    return FV_OK;
}

/* ---- equal pixels ---- */

static fv_status digest(const fv_check_report *r, int64_t i, uint8_t out[32])
{
    fv_image image;
    fv_image_error error = {.byte = -1};
    fv_sha256 hash;
    memset(out, 0, 32);
    fv_status status = fv_check_image(r, i, &r->options.data.decode, &image, NULL, &error);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    fv_sha256_init(&hash);
    if (status == FV_OK)
        fv_sha256_update(&hash, image.data, (size_t)(image.h * image.w * image.c) * fv_depth_bytes(image.depth));
    else
        fv_sha256_update(&hash, r->samples[i].name, strlen(r->samples[i].name)); /* it has vanished: like no other */
    fv_sha256_final(&hash, out);
    fv_image_free(r->ctx, &image);
    return FV_OK;
}

/* Samples of one hash: each that repeats the pixels of the first of them (by SHA-256), or of another class or split. */
static fv_status tell_group(fv_check_report *r, const keyed *group, int64_t n)
{
    uint8_t first[32], other[32];
    FV_TRY(digest(r, group[0].sample, first));
    for (int64_t i = 1; i < n; i++) {
        FV_TRY(digest(r, group[i].sample, other));
        if (memcmp(first, other, 32) == 0)
            FV_TRY(tell_pair(r, group[0].sample, group[i].sample, "the same pixels"));
    }
    return FV_OK;
}

static fv_status find_equal(fv_check_report *r)
{
    keyed *all = fv_malloc(r->ctx, ((size_t)r->n_samples + 1) * sizeof *all);
    int64_t n = 0;
    if (!all)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < r->n_samples; i++) {
        const fv_check_sample *s = &r->samples[i];
        if (!s->error && !s->constant && s->h * s->w > 1) /* blank pages are told as such */
            all[n++] = (keyed){{s->hash[0], s->hash[1]}, i};
    }
    qsort(all, (size_t)n, sizeof *all, by_key);
    fv_status status = FV_OK;
    for (int64_t from = 0, to; from < n && status == FV_OK; from = to) {
        for (to = from + 1; to < n && memcmp(all[to].key, all[from].key, sizeof all->key) == 0;)
            to++;
        if (to - from > 1)
            status = tell_group(r, all + from, to - from);
    }
    fv_free(r->ctx, all);
    return status;
}

/* ---- pictures that look alike ---- */

/*
 * When RADIUS bits are spread over RADIUS / 2 + 1 bands, one band at least has at most one of them: only pictures with
 * a band that is equal, or equal but for one bit, are compared, band by band.
 */
static int band_bits(int b)
{
    return 64 * (b + 1) / BANDS - 64 * b / BANDS;
}

static uint64_t band(uint64_t hash, int b)
{
    return hash >> (64 * b / BANDS) & ((UINT64_C(1) << band_bits(b)) - 1);
}

/* Whether this pair was met in an earlier band. */
static bool met(uint64_t a, uint64_t b, int now)
{
    for (int k = 0; k < now; k++) {
        if (__builtin_popcountll(band(a ^ b, k)) <= 1)
            return true;
    }
    return false;
}

static fv_status compare(fv_check_report *r, const keyed *a, const keyed *b, int now)
{
    if (__builtin_popcountll(a->key[1] ^ b->key[1]) > RADIUS || met(a->key[1], b->key[1], now))
        return FV_OK;
    const int64_t p = a->sample < b->sample ? a->sample : b->sample, q = a->sample + b->sample - p;
    const fv_check_sample *x = &r->samples[p], *y = &r->samples[q];
    if (memcmp(x->hash, y->hash, sizeof x->hash) == 0 || fv_check_thumb_distance(x->thumb, y->thumb) >= LIMIT)
        return FV_OK; /* equal pixels are told already */
    return tell_pair(r, p, q, "nearly the same picture");
}

/* The first of n sorted items whose band is at least `key`. */
static int64_t first_of(const keyed *all, int64_t n, uint64_t key)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (all[middle].key[0] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static fv_status search_band(fv_check_report *r, const keyed *all, int64_t n, int b)
{
    for (int64_t from = 0, to; from < n; from = to) {
        const uint64_t key = all[from].key[0];
        for (to = from + 1; to < n && all[to].key[0] == key;)
            to++;
        for (int64_t i = from; i < to; i++) {
            for (int64_t j = i + 1; j < to; j++)
                FV_TRY(compare(r, &all[i], &all[j], b));
        }
        for (int bit = 0; bit < band_bits(b); bit++) {
            const uint64_t other = key ^ UINT64_C(1) << bit;
            if (other < key)
                continue; /* met from the other side */
            for (int64_t j = first_of(all, n, other); j < n && all[j].key[0] == other; j++) {
                for (int64_t i = from; i < to; i++)
                    FV_TRY(compare(r, &all[i], &all[j], b));
            }
        }
    }
    return FV_OK;
}

static fv_status find_alike(fv_check_report *r)
{
    keyed *all = fv_malloc(r->ctx, ((size_t)r->n_samples + 1) * sizeof *all);
    fv_status status = all ? FV_OK : FV_ERR_NO_MEMORY;
    for (int b = 0; b < BANDS && status == FV_OK; b++) {
        int64_t n = 0;
        for (int64_t i = 0; i < r->n_samples; i++) {
            const fv_check_sample *s = &r->samples[i];
            if (s->thumb && !s->constant && s->h >= MIN_SIDE && s->w >= MIN_SIDE)
                all[n++] = (keyed){{band(s->thumb->hash, b), s->thumb->hash}, i};
        }
        qsort(all, (size_t)n, sizeof *all, by_key);
        status = search_band(r, all, n, b);
    }
    fv_free(r->ctx, all);
    return status;
}

fv_status fv_check_duplicates(fv_check_report *r)
{
    FV_TRY(find_equal(r));
    return r->options.near_duplicates ? find_alike(r) : FV_OK;
}
