/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers about a data set, and the report's text. */
#include <stdlib.h>
#include <string.h>

#include "data/check/check.h"

static int compare_int64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Smallest, middle and largest of n > 0 sorted values. */
static void spread(const int64_t *sorted, int64_t n, int64_t *min, int64_t *median, int64_t *max)
{
    *min = sorted[0];
    *median = sorted[n / 2];
    *max = sorted[n - 1];
}

static fv_status measure_sizes(const fv_check_report *r, fv_data_summary *s)
{
    int64_t n = 0, *h = fv_malloc(r->ctx, ((size_t)r->n_samples * 3 + 1) * sizeof *h);
    if (!h)
        return FV_ERR_NO_MEMORY;
    int64_t *w = h + r->n_samples, *both = w + r->n_samples;
    for (int64_t i = 0; i < r->n_samples; i++) {
        const fv_check_sample *sample = &r->samples[i];
        s->bytes += sample->bytes;
        if (sample->error)
            continue;
        h[n] = sample->h;
        w[n] = sample->w;
        both[n++] = sample->h << 31 | sample->w;
    }
    s->usable = n;
    if (n > 0) {
        qsort(h, (size_t)n, sizeof *h, compare_int64);
        qsort(w, (size_t)n, sizeof *w, compare_int64);
        qsort(both, (size_t)n, sizeof *both, compare_int64);
        spread(h, n, &s->h_min, &s->h_median, &s->h_max);
        spread(w, n, &s->w_min, &s->w_median, &s->w_max);
        for (int64_t i = 0; i < n; i++)
            s->sizes += i == 0 || both[i] != both[i - 1];
    }
    fv_free(r->ctx, h);
    return FV_OK;
}

static void measure_classes(const fv_check_report *r, fv_data_summary *s)
{
    const fv_check_counts train = fv_check_split_counts(r, &r->splits[FV_SPLIT_TRAIN]);
    for (int64_t k = 0; k < train.classes->count; k++) {
        const int64_t n = train.images[k];
        s->smallest = k == 0 || n < s->smallest ? n : s->smallest;
        s->largest = n > s->largest ? n : s->largest;
    }
    s->imbalance = s->smallest > 0 ? (double)s->largest / (double)s->smallest : 0.0;
}

/* Advice by how many images the classes have: rules of thumb of transfer learning. */
static void advise(const fv_check_report *r, fv_data_summary *s)
{
    static const struct {
        int64_t below;
        const char *start, *augment;
    } rows[] = {
        {20, "start from a pretrained network (--weights FILE) and train little more than its last layer",
         "strong augmentation: flips, crops, rotation, color; expect the score to vary by several points between "
         "seeds"},
        {200, "start from a pretrained network and fine-tune the last stages at a tenth of the learning rate",
         "strong augmentation: flips, random crops of different scale, color"},
        {2000, "fine-tune a whole pretrained network; a small network from scratch is an option for simple pictures",
         "moderate augmentation: flips and random crops"},
        {INT64_MAX, "enough to train from scratch; fine-tuning still converges sooner",
         "light augmentation: flips and crops with padding"},
    };
    const int64_t classes = r->splits[FV_SPLIT_TRAIN].classes.count;
    if (classes < 1 || r->splits[FV_SPLIT_TRAIN].usable == 0)
        return;
    const int64_t typical = r->splits[FV_SPLIT_TRAIN].usable / classes;
    int n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && n == 0; i++) {
        if (typical < rows[i].below) {
            s->strategy[n++] = rows[i].start;
            s->strategy[n++] = rows[i].augment;
        }
    }
    if (s->imbalance >= 3.0 || s->smallest == 0)
        s->strategy[n++] = "uneven classes: --balance, and judge by the accuracy of each class";
}

fv_status fv_check_report_summary(const fv_check_report *report, fv_data_summary *summary)
{
    fv_data_summary s = {.images = report->n_samples, .classes = report->classes.count};
    int64_t *const counts[FV_SPLIT_COUNT] = {&s.train, &s.val, &s.test};
    for (int k = 0; k < FV_SPLIT_COUNT; k++)
        *counts[k] = report->splits[k].present ? report->splits[k].count : -1;
    *summary = s;
    FV_TRY(measure_sizes(report, &s));
    measure_classes(report, &s);
    advise(report, &s);
    s.channels = fv_pixel_sums_result(&report->sums, s.mean, s.std);
    *summary = s;
    return FV_OK;
}

/* ---- text ---- */

/* A column per split there is, and one for its boxes, where there are boxes; classes below each other. */
static void put_counts(fv_check_report *r)
{
    static const char *const what[] = {
        [FV_MARKS_BOXES] = ": images with a box of it, and boxes", [FV_MARKS_PIXELS] = ": images with a pixel of it"};
    const fv_marks_type *marks = r->layout->marks;
    fv_str *out = &r->text;
    const bool boxes = marks && marks->kind == FV_MARKS_BOXES && r->classes.count > 0;
    int64_t usable = 0, sum[FV_SPLIT_COUNT] = {0};
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        if (r->splits[k].present)
            fv_str_printf(out, "%8s%s", fv_split_name((fv_split)k), boxes ? "    boxes" : "");
    }
    fv_str_printf(out, "  class%s\n", marks && r->classes.count > 0 ? what[marks->kind] : "");
    for (int64_t i = 0; i < r->classes.count; i++) {
        for (int k = 0; k < FV_SPLIT_COUNT; k++) {
            const char *split = fv_split_name((fv_split)k);
            if (r->splits[k].present)
                fv_str_printf(out, "%8lld", (long long)fv_check_report_class_count(r, i, split));
            if (r->splits[k].present && boxes) {
                const int64_t n = fv_check_report_class_boxes(r, i, split);
                fv_str_printf(out, " %8lld", (long long)n);
                sum[k] += n;
            }
        }
        fv_str_append(out, "  ");
        fv_str_show(out, r->classes.name[i]);
        fv_str_append(out, "\n");
    }
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        usable += r->splits[k].usable;
        if (r->splits[k].present)
            fv_str_printf(out, "%8lld", (long long)r->splits[k].count);
        if (r->splits[k].present && boxes)
            fv_str_printf(out, " %8lld", (long long)sum[k]);
    }
    fv_str_printf(out, "  in all, %lld of %lld usable\n", (long long)usable, (long long)r->n_samples);
}

typedef struct tally {
    const char *name;
    int64_t count;
} tally;

/* Formats and channels, most frequent first as they come. */
static void put_kinds(fv_check_report *r)
{
    tally formats[16] = {{0}};
    int64_t channels[32] = {0}, depths[FV_DEPTH_COUNT] = {0};
    static const char *const depth_names[FV_DEPTH_COUNT] = {"8 bits", "16 bits", "float"};
    int n = 0;
    const char *comma = "";
    for (int64_t i = 0; i < r->n_samples; i++) {
        const fv_check_sample *s = &r->samples[i];
        if (s->error)
            continue;
        channels[s->c < 31 ? s->c : 31]++;
        depths[s->depth]++;
        int k = 0;
        while (k < n && strcmp(formats[k].name, s->format ? s->format : "") != 0)
            k++;
        if (k < 16) {
            n = k == n ? n + 1 : n;
            formats[k].name = s->format ? s->format : "";
            formats[k].count++;
        }
    }
    fv_str_append(&r->text, "kinds   ");
    for (int k = 0; k < n; k++, comma = ", ")
        fv_str_printf(&r->text, "%s%lld %s", comma, (long long)formats[k].count,
                      formats[k].name[0] ? formats[k].name : "raw");
    for (int k = 0; k < 32; k++) {
        if (channels[k] > 0)
            fv_str_printf(&r->text, "; %lld of %d channel%s", (long long)channels[k], k, k == 1 ? "" : "s");
    }
    for (int k = 1; k < FV_DEPTH_COUNT; k++) {
        if (depths[k] > 0)
            fv_str_printf(&r->text, "; %lld of %s", (long long)depths[k], depth_names[k]);
    }
    fv_str_append(&r->text, "\n");
}

fv_status fv_check_describe(fv_check_report *r)
{
    fv_data_summary s;
    FV_TRY(fv_check_report_summary(r, &s));
    put_counts(r);
    if (s.usable > 0) {
        fv_str_printf(&r->text, "sizes   %lld x %lld", (long long)s.w_min, (long long)s.h_min);
        if (s.sizes > 1)
            fv_str_printf(&r->text, " to %lld x %lld, middle %lld x %lld, %lld different", (long long)s.w_max,
                          (long long)s.h_max, (long long)s.w_median, (long long)s.h_median, (long long)s.sizes);
        fv_str_append(&r->text, "\n");
        put_kinds(r);
    }
    if (r->copies > 0)
        fv_str_printf(&r->text, "copies  %lld images repeat another one of their class and split\n",
                      (long long)r->copies);
    return fv_str_status(&r->text);
}
