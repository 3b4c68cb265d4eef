/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes as text files, one beside each image: lines "class x y w h", the center and size as shares of the image
 * (YOLO); "class x y x y x y ..." is a polygon.
 */
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/file.h"
#include "data/check/check.h"

enum { MAX_FIELDS = 4096 };
#define MAX_LABEL_BYTES (INT64_C(16) << 20)
/* How far a box may reach over the border: rounding of those who wrote it. */
#define SLACK 0.01

typedef struct label_file {
    const fv_check_sample *image;
    int64_t classes; /* 0: not known */
    int64_t lines, bad, polygons;
    int64_t bad_line, bad_byte;
    char why[160];  /* of the first bad line */
    int64_t *boxes; /* of each class; zero between files */
} label_file;

static fv_status list(fv_check_report *r)
{
    FV_TRY(fv_check_pairs_classes(r, FV_FAULT_BOXES));
    return fv_check_pairs_list(r);
}

/* Whether values above 1 are pixels of the image. */
static bool looks_like_pixels(const fv_check_sample *image, const double *v, int n)
{
    double most = 0.0;
    for (int i = 0; i < n; i++) {
        if (v[i] < 0.0)
            return false;
        most = v[i] > most ? v[i] : most;
    }
    return most > 2.0 && (image->error || most <= (double)(image->h > image->w ? image->h : image->w));
}

/* What is wrong with the numbers behind the class, or NULL. */
static const char *judge_numbers(const label_file *f, const double *v, int n, char text[160])
{
    static const char *const names[] = {"x", "y", "w", "h"};
    for (int i = 0; i < n; i++) {
        if (v[i] >= 0.0 && v[i] <= 1.0)
            continue;
        if (looks_like_pixels(f->image, v, n))
            fv_text_format(text, 160,
                           "%g looks like pixels, expected shares of the image (%lld x %lld): divide by its size", v[i],
                           (long long)f->image->w, (long long)f->image->h);
        else
            fv_text_format(text, 160, "%s = %g is %s", n == 4 ? names[i] : "a coordinate", v[i],
                           v[i] < 0.0 ? "negative" : "outside 0 to 1");
        return text;
    }
    if (n != 4)
        return NULL;
    if (v[2] == 0.0 || v[3] == 0.0)
        return "a box without area";
    if (v[0] - v[2] / 2 < -SLACK || v[0] + v[2] / 2 > 1 + SLACK || v[1] - v[3] / 2 < -SLACK ||
        v[1] + v[3] / 2 > 1 + SLACK)
        return "the box reaches outside the image: are x and y its center?";
    return NULL;
}

/* One line; returns what is wrong with it, or NULL. */
static const char *judge_line(label_file *f, char *line, char text[160])
{
    static const char space[] = " \t";
    double v[MAX_FIELDS];
    int n = -1;
    int64_t class = 0;
    char *rest = NULL;
    for (char *field = strtok_r(line, space, &rest); field; field = strtok_r(NULL, space, &rest), n++) {
        double value = 0.0;
        if (n < 0) {
            if (!fv_text_to_int(field, &class) || class < 0) {
                snprintf(text, 160, "class '%.40s' is no number from 0 on", field);
                return text;
            }
            if (f->classes > 0 && class >= f->classes) {
                snprintf(text, 160, "class %lld, but there are %lld: 0 to %lld", (long long)class,
                         (long long)f->classes, (long long)f->classes - 1);
                return text;
            }
            continue;
        }
        if (n >= MAX_FIELDS)
            return "too many numbers";
        if (!fv_text_to_double(field, &value) || !isfinite(value)) {
            snprintf(text, 160, "'%.40s' is no number", field);
            return text;
        }
        v[n] = value;
    }
    const bool polygon = n >= 6 && n % 2 == 0;
    if (n != 4 && n != 5 && !polygon) { /* a fifth number is a confidence */
        snprintf(text, 160, "%d numbers behind the class, expected 4 (x y w h) or a polygon's pairs", n < 0 ? 0 : n);
        return text;
    }
    f->polygons += polygon;
    const char *why = judge_numbers(f, v, polygon ? n : 4, text);
    if (!why && class < f->classes)
        f->boxes[class]++;
    return why;
}

static void judge_text(label_file *f, char *data, int64_t size)
{
    int64_t line = 0;
    const bool mark = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0; /* some editors begin a text with it */
    for (char *at = data + (mark ? 3 : 0), *end = data + size, *next; at < end; at = next) {
        char *stop = memchr(at, '\n', (size_t)(end - at)), text[160];
        next = stop ? stop + 1 : end;
        char *tail = stop ? stop : end;
        line++;
        while (tail > at && (tail[-1] == '\r' || tail[-1] == ' '))
            tail--;
        *tail = '\0';
        if (tail == at)
            continue;
        f->lines++;
        const char *why = judge_line(f, at, text);
        if (!why || f->bad++ > 0)
            continue;
        f->bad_line = line;
        f->bad_byte = at - data;
        snprintf(f->why, sizeof f->why, "%s", why);
    }
}

/* A file with a bad line is left out as a whole. */
static fv_status mark_image(fv_check_report *r, int64_t i, const label_file *f)
{
    for (int64_t k = 0; k < f->classes; k++) {
        if (f->boxes[k] > 0 && f->bad == 0)
            FV_TRY(fv_check_mark(r, i, k, f->boxes[k]));
        f->boxes[k] = 0;
    }
    return FV_OK;
}

static fv_status judge_image(fv_check_report *r, int64_t i, int64_t *boxes)
{
    label_file f = {.image = &r->samples[i], .classes = r->classes.count, .boxes = boxes};
    char *stem = fv_check_pairs_name(r, f.image->name, "labels");
    fv_str name = {.ctx = r->ctx};
    fv_str_printf(&name, "%s.txt", stem ? stem : "");
    char *path = stem && !name.failed ? fv_path_join(r->ctx, r->root, name.data) : NULL;
    uint8_t *data = NULL;
    int64_t size = 0;
    fv_status status = path ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && fv_path_exists(path)) { /* an image without boxes may lack the file */
        status = fv_file_read(r->ctx, path, MAX_LABEL_BYTES, false, &data, &size);
        if (status == FV_OK)
            judge_text(&f, (char *)data, size);
        else if (status != FV_ERR_NO_MEMORY)
            status = fv_check_add(r, FV_FAULT_BOXES, FV_VERDICT_QUARANTINE, name.data, i, -1, "%s",
                                  fv_check_said(r, name.data));
    }
    if (status == FV_OK)
        status = mark_image(r, i, &f);
    if (status == FV_OK && f.bad > 0)
        status = fv_check_add(r, FV_FAULT_BOXES, FV_VERDICT_QUARANTINE, name.data, i, f.bad_byte,
                              "line %lld: %s (%lld of %lld lines cannot be used)", (long long)f.bad_line, f.why,
                              (long long)f.bad, (long long)f.lines);
    if (status == FV_OK && f.polygons > 0)
        status = fv_check_add(r, FV_FAULT_BOXES, FV_VERDICT_CONVERT, name.data, i, -1,
                              "%lld of %lld lines are polygons: the box around each is taken", (long long)f.polygons,
                              (long long)f.lines);
    fv_free(r->ctx, data);
    fv_free(r->ctx, path);
    fv_free(r->ctx, stem);
    fv_str_free(&name);
    return status;
}

static fv_status judge(fv_check_report *r)
{
    int64_t *boxes = fv_calloc(r->ctx, (size_t)r->classes.count + 1, sizeof *boxes);
    fv_status status = boxes ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < r->n_samples && status == FV_OK; i++)
        status = judge_image(r, i, boxes);
    fv_free(r->ctx, boxes);
    return status == FV_OK ? fv_check_pairs_lone(r, "labels", ".txt", FV_FAULT_BOXES) : status;
}

const fv_check_layout fv_check_yolo = {.marks = &fv_marks_yolo, .list = list, .judge = judge};
