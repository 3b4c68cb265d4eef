/* SPDX-License-Identifier: Apache-2.0 */
/* Reads TensorBoard event files, with other code than what wrote them. */
#ifndef FV_TESTS_REPORT_DECODE_H
#define FV_TESTS_REPORT_DECODE_H

#include "support/support.h"
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <fovea/report.h>
#include "base/file.h"
#include "base/text.h"
#include "report/chart.h"
#include "base/crc32c.h"
#include "report/events.h"
#include "report/page.h"

/* ---- decoding event files, with other code than what wrote them ---- */

typedef struct point {
    char tag[64];
    int64_t step;
    float value;
    int height, width;           /* of an image: those it says and, where its PNG agrees, has */
    double spread[5];            /* of a histogram: min, max, number, sum, sum of squares */
    double limit[32], count[32]; /* and its bins */
    int bins;
    char settings[512]; /* of hyperparameters: "key=value " of each; "end=STATUS" behind the run */
} point;

typedef struct decoded {
    char version[32];
    point points[256];
    int n, records;
} decoded;

static inline uint32_t slow_masked(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> i % 8)) & 1;
        crc = crc >> 1 ^ (bit ? 0x82F63B78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static inline uint64_t little(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* One field: its number, wire type, and value or bytes. Advances *p. */
typedef struct field {
    uint64_t number, type, value;
    const uint8_t *bytes;
} field;

static inline uint64_t take_varint(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        assert_true(*p < end);
        uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80)
            return v;
    }
    fail_msg("a varint of more than ten bytes");
    return 0;
}

static inline field take_field(const uint8_t **p, const uint8_t *end)
{
    uint64_t key = take_varint(p, end);
    field f = {.number = key >> 3, .type = key & 7};
    int fixed = f.type == 1 ? 8 : f.type == 5 ? 4 : 0;
    if (fixed) {
        assert_true(end - *p >= fixed);
        f.value = little(*p, fixed);
        *p += fixed;
    } else {
        assert_true(f.type == 0 || f.type == 2);
        f.value = take_varint(p, end);
    }
    if (f.type == 2) {
        assert_true((uint64_t)(end - *p) >= f.value);
        f.bytes = *p;
        *p += f.value;
    }
    return f;
}

static inline void decode_image(const uint8_t *p, const uint8_t *end, point *out)
{
    int sides[2] = {0}, colors = 0;
    while (p < end) {
        field f = take_field(&p, end);
        if (f.number <= 2)
            sides[f.number - 1] = (int)f.value;
        else if (f.number == 3)
            colors = (int)f.value;
        else {
            assert_true(f.number == 4 && f.value > 24 && memcmp(f.bytes, "\x89PNG\r\n\x1A\n", 8) == 0);
            for (int i = 0; i < 2; i++) { /* width, then height: big endian behind the head of IHDR */
                const uint8_t *b = f.bytes + 16 + 4 * i;
                assert_int_equal(sides[1 - i], b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
            }
        }
    }
    assert_int_equal(colors, 3);
    out->height = sides[0];
    out->width = sides[1];
}

static inline int decode_doubles(field f, double *out)
{
    assert_true(f.type == 2 && f.value % 8 == 0 && f.value <= 32 * 8);
    memcpy(out, f.bytes, f.value);
    return (int)(f.value / 8);
}

static inline void decode_histogram(const uint8_t *p, const uint8_t *end, point *out)
{
    while (p < end) {
        field f = take_field(&p, end);
        if (f.number <= 5 && f.type == 1)
            memcpy(&out->spread[f.number - 1], &f.value, 8);
        else if (f.number == 6)
            out->bins = decode_doubles(f, out->limit);
        else if (f.number == 7)
            assert_int_equal(decode_doubles(f, out->count), out->bins);
        else
            fail_msg("field %d in a histogram", (int)f.number);
    }
}

/* The bytes of the field with that number; the message must have it. */
static inline field find_in(const uint8_t *p, const uint8_t *end, uint64_t number)
{
    while (p < end) {
        field f = take_field(&p, end);
        if (f.number == number)
            return f;
    }
    fail_msg("no field %d", (int)number);
    return (field){0};
}

static inline void decode_setting(field entry, point *out)
{
    const field key = find_in(entry.bytes, entry.bytes + entry.value, 1),
                value = find_in(entry.bytes, entry.bytes + entry.value, 2);
    const uint8_t *p = value.bytes;
    const field v = take_field(&p, value.bytes + value.value);
    const size_t used = strlen(out->settings);
    char text[128];
    double number;
    memcpy(&number, &v.value, sizeof number);
    if (v.number == 2)
        snprintf(text, sizeof text, "%g", number);
    else if (v.number == 3)
        snprintf(text, sizeof text, "'%.*s'", (int)v.value, (const char *)v.bytes);
    else
        snprintf(text, sizeof text, "%s", v.value ? "yes" : "no");
    snprintf(out->settings + used, sizeof out->settings - used, "%.*s=%s ", (int)key.value, (const char *)key.bytes,
             text);
}

static inline void decode_plugin(const uint8_t *p, const uint8_t *end, point *out)
{
    const field plugin = find_in(p, end, 1);
    const field name = find_in(plugin.bytes, plugin.bytes + plugin.value, 1),
                content = find_in(plugin.bytes, plugin.bytes + plugin.value, 2);
    assert_true(name.value == 7 && memcmp(name.bytes, "hparams", 7) == 0);
    const uint8_t *q = content.bytes, *stop = content.bytes + content.value;
    while (q < stop) {
        field f = take_field(&q, stop);
        if (f.number == 4)
            snprintf(out->settings, sizeof out->settings, "end=%d", (int)find_in(f.bytes, f.bytes + f.value, 1).value);
        for (const uint8_t *s = f.bytes; f.number == 3 && s < f.bytes + f.value;) {
            field entry = take_field(&s, f.bytes + f.value);
            if (entry.number == 1)
                decode_setting(entry, out);
        }
    }
}

static inline void decode_value(const uint8_t *p, const uint8_t *end, int64_t step, decoded *d)
{
    assert_true(d->n < 256);
    point *out = &d->points[d->n++];
    *out = (point){.step = step, .value = NAN};
    while (p < end) {
        field f = take_field(&p, end);
        if (f.number == 1 && f.type == 2)
            snprintf(out->tag, sizeof out->tag, "%.*s", (int)f.value, (const char *)f.bytes);
        else if (f.number == 2 && f.type == 5) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&out->value, &bits, 4);
        } else if (f.number == 4 && f.type == 2)
            decode_image(f.bytes, f.bytes + f.value, out);
        else if (f.number == 5 && f.type == 2)
            decode_histogram(f.bytes, f.bytes + f.value, out);
        else if (f.number == 9 && f.type == 2)
            decode_plugin(f.bytes, f.bytes + f.value, out);
        else
            fail_msg("field %d in a value", (int)f.number);
    }
}

static inline void decode_event(const uint8_t *p, const uint8_t *end, decoded *d)
{
    int64_t step = 0;
    double wall = 0;
    d->records++;
    while (p < end) {
        field f = take_field(&p, end);
        if (f.number == 1 && f.type == 1)
            memcpy(&wall, &f.value, 8);
        else if (f.number == 2 && f.type == 0)
            step = (int64_t)f.value;
        else if (f.number == 3 && f.type == 2) {
            assert_int_equal(d->records, 1);
            snprintf(d->version, sizeof d->version, "%.*s", (int)f.value, (const char *)f.bytes);
        } else if (f.number == 5 && f.type == 2) {
            const uint8_t *q = f.bytes, *summary_end = q + f.value;
            while (q < summary_end) {
                field v = take_field(&q, summary_end);
                assert_int_equal(v.number, 1);
                decode_value(v.bytes, v.bytes + v.value, step, d);
            }
        } else
            fail_msg("field %d of type %d in an event", (int)f.number, (int)f.type);
    }
    assert_true(fabs(wall - fv_time_wall()) < 600);
}

static inline void decode_file(const char *path, decoded *d)
{
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    *d = (decoded){0};
    for (size_t at = 0; at < size;) {
        assert_true(size - at >= 16);
        uint64_t length = little(data + at, 8);
        assert_int_equal(little(data + at + 8, 4), slow_masked(data + at, 8));
        assert_true(size - at - 16 >= length);
        assert_int_equal(little(data + at + 12 + length, 4), slow_masked(data + at + 12, length));
        decode_event(data + at + 12, data + at + 12 + length, d);
        at += 16 + length;
    }
    assert_string_equal(d->version, "brain.Event:2");
}

/* Number of event files in DIR/NAME; the path of the last one in byte order. */
static inline int find_files(const char *dir, const char *name, char path[768])
{
    char folder[512];
    int n = 0;
    snprintf(folder, sizeof folder, "%s/%s", dir, name);
    path[0] = '\0';
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, "events.out.tfevents.", 20) != 0)
            continue;
        char found[768];
        snprintf(found, sizeof found, "%s/%.255s", folder, e->d_name);
        if (strcmp(found, path) > 0)
            memcpy(path, found, sizeof found);
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

static inline const point *find_point(const decoded *d, const char *tag, int64_t step)
{
    const point *found = NULL;
    for (int i = 0; i < d->n; i++)
        if (d->points[i].step == step && strcmp(d->points[i].tag, tag) == 0) {
            assert_null(found);
            found = &d->points[i];
        }
    return found;
}

/* All points of a tag in the files of a folder, counted by their steps. */
static inline void count_points(const char *dir, const char *name, const char *tag, int counts[16])
{
    char **names = NULL;
    int64_t n = 0;
    char path[768];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    memset(counts, 0, 16 * sizeof *counts);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(fv_path_list(ctx, path, &names, &n), FV_OK);
    for (int64_t i = 0; i < n; i++) {
        decoded d;
        snprintf(path, sizeof path, "%s/%s/%s", dir, name, names[i]);
        decode_file(path, &d);
        for (int k = 0; k < d.n; k++)
            if (strcmp(d.points[k].tag, tag) == 0 && d.points[k].step < 16)
                counts[d.points[k].step]++;
    }
    fv_free(ctx, names);
    fv_ctx_destroy(&ctx);
}

#endif
