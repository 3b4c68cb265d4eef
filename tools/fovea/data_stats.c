/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data stats: how many, how large, of what kind, how bright; and what that means for training. */
#include <jansson.h>
#include <string.h>

#include "data.h"
#include "output.h"
#include "show.h"

enum { KINDS = 16, BUCKETS = 20 };

/* How many images are of one kind. */
typedef struct tally {
    char name[32];
    int64_t count;
} tally;

typedef struct counts {
    tally formats[KINDS], channels[KINDS], depths[KINDS];
    int64_t sides[BUCKETS]; /* of usable images whose longer side is 2^k to 2^(k+1) - 1 */
} counts;

static void add(tally *list, const char *name)
{
    int k = 0;
    while (k < KINDS - 1 && list[k].count > 0 && strcmp(list[k].name, name) != 0)
        k++;
    snprintf(list[k].name, sizeof list[k].name, "%s", name);
    list[k].count++;
}

static void count_images(const fv_check_report *r, counts *n)
{
    static const char *const depths[FV_DEPTH_COUNT] = {"8", "16", "float"};
    int64_t images, classes;
    memset(n, 0, sizeof *n);
    fv_check_report_totals(r, &images, &classes);
    for (int64_t i = 0; i < images; i++) {
        fv_check_file f;
        char channels[32];
        fv_check_report_sample(r, i, &f);
        if (!f.usable)
            continue;
        snprintf(channels, sizeof channels, "%lld", (long long)f.c);
        add(n->formats, !f.format ? "unknown" : f.format[0] ? f.format : "raw");
        add(n->channels, channels);
        add(n->depths, depths[f.depth]);
        int k = 0;
        for (int64_t side = f.h > f.w ? f.h : f.w; side > 1 && k < BUCKETS - 1; side >>= 1)
            k++;
        n->sides[k]++;
    }
}

/* ---- text ---- */

static void print_kinds(const char *label, const tally *list)
{
    printf("%-10s", label);
    for (int k = 0; k < KINDS && list[k].count > 0; k++)
        printf("%s%s: %lld", k ? ", " : "", list[k].name, (long long)list[k].count);
    putchar('\n');
}

static void print_bar(int64_t count, int64_t most)
{
    for (int64_t k = 0; k < (40 * count + most - 1) / most; k++)
        putchar('#');
    putchar('\n');
}

static void print_sizes(const fv_data_summary *s, const counts *n)
{
    int64_t most = 1;
    printf("width     %lld to %lld, middle %lld\nheight    %lld to %lld, middle %lld\n", (long long)s->w_min,
           (long long)s->w_max, (long long)s->w_median, (long long)s->h_min, (long long)s->h_max,
           (long long)s->h_median);
    printf("sizes     %lld different; by the longer side:\n", (long long)s->sizes);
    for (int k = 0; k < BUCKETS; k++)
        most = n->sides[k] > most ? n->sides[k] : most;
    for (int k = 0; k < BUCKETS; k++) {
        if (n->sides[k] == 0)
            continue;
        printf("  %6lld to %-6lld %8lld  ", 1LL << k, (2LL << k) - 1, (long long)n->sides[k]);
        print_bar(n->sides[k], most);
    }
}

static void print_channels(const char *label, const double *values, int n)
{
    printf("%-10s", label);
    for (int k = 0; k < n; k++)
        printf("%s%.4f", k ? " " : "", values[k]);
    putchar('\n');
}

static void print_splits(const fv_data_summary *s)
{
    const int64_t of[3] = {s->train, s->val, s->test};
    static const char *const names[] = {"train", "val", "test"};
    const char *comma = "";
    for (int k = 0; k < 3; k++) {
        if (of[k] < 0)
            continue;
        printf("%s%s %lld", comma, names[k], (long long)of[k]);
        comma = ", ";
    }
}

static void print_text(const fv_check_report *r, const fv_data_summary *s, const counts *n)
{
    printf("format    %s\nimages    %lld (", fv_check_report_format(r), (long long)s->images);
    print_splits(s);
    printf("), %lld usable, %.1f MB\n", (long long)s->usable, (double)s->bytes / 1e6);
    if (s->classes > 0) {
        printf("classes   %lld, %lld to %lld training images each", (long long)s->classes, (long long)s->smallest,
               (long long)s->largest);
        if (s->imbalance > 0)
            printf(", imbalance %.2f : 1\n", s->imbalance);
        else
            puts(", one is empty");
    }
    if (s->usable > 0) {
        print_sizes(s, n);
        print_kinds("kinds", n->formats);
        print_kinds("channels", n->channels);
        print_kinds("bits", n->depths);
    }
    if (s->channels > 0) {
        print_channels("mean", s->mean, s->channels);
        print_channels("std", s->std, s->channels);
    }
    for (int k = 0; k < 4 && s->strategy[k]; k++) {
        printf("%-10s", k ? "" : "advice");
        help_wrap(stdout, s->strategy[k], 10, help_width());
    }
}

/* ---- JSON ---- */

static json_t *json_kinds(const tally *list)
{
    json_t *map = json_object();
    for (int k = 0; k < KINDS && list[k].count > 0; k++)
        json_object_set_new(map, list[k].name, json_integer((json_int_t)list[k].count));
    return map;
}

static json_t *json_reals(const double *values, int n)
{
    json_t *list = json_array();
    for (int k = 0; k < n; k++)
        json_array_append_new(list, json_real(values[k]));
    return list;
}

static json_t *json_classes(const fv_check_report *r, const fv_data_summary *s)
{
    static const char *const names[] = {"train", "val", "test"};
    json_t *list = json_array();
    for (int64_t i = 0; i < s->classes; i++) {
        json_t *row = json_pack("{s:o}", "name", show_json(fv_check_report_class(r, i)));
        for (int k = 0; k < 3; k++) {
            const int64_t n = fv_check_report_class_count(r, i, names[k]);
            const int64_t boxes = fv_check_report_class_boxes(r, i, names[k]);
            char key[32];
            snprintf(key, sizeof key, "%s_boxes", names[k]);
            if (n >= 0)
                json_object_set_new(row, names[k], json_integer((json_int_t)n));
            if (boxes >= 0)
                json_object_set_new(row, key, json_integer((json_int_t)boxes));
        }
        json_array_append_new(list, row);
    }
    return list;
}

static void print_json(const fv_check_report *r, const fv_data_summary *s, const counts *n)
{
    json_t *root = json_pack("{s:s, s:I, s:I, s:I}", "format", fv_check_report_format(r), "images",
                             (json_int_t)s->images, "usable", (json_int_t)s->usable, "bytes", (json_int_t)s->bytes);
    json_object_set_new(root, "classes", json_classes(r, s));
    json_object_set_new(root, "imbalance", s->imbalance > 0 ? json_real(s->imbalance) : json_null());
    json_object_set_new(root, "width",
                        json_pack("{s:I, s:I, s:I}", "min", (json_int_t)s->w_min, "median", (json_int_t)s->w_median,
                                  "max", (json_int_t)s->w_max));
    json_object_set_new(root, "height",
                        json_pack("{s:I, s:I, s:I}", "min", (json_int_t)s->h_min, "median", (json_int_t)s->h_median,
                                  "max", (json_int_t)s->h_max));
    json_object_set_new(root, "sizes", json_integer((json_int_t)s->sizes));
    json_t *sides = json_array();
    for (int k = 0; k < BUCKETS; k++) {
        if (n->sides[k] > 0)
            json_array_append_new(sides, json_pack("{s:I, s:I, s:I}", "from", (json_int_t)1 << k, "to",
                                                   ((json_int_t)2 << k) - 1, "images", (json_int_t)n->sides[k]));
    }
    json_object_set_new(root, "longer_side", sides);
    json_object_set_new(root, "kinds", json_kinds(n->formats));
    json_object_set_new(root, "channels", json_kinds(n->channels));
    json_object_set_new(root, "bits", json_kinds(n->depths));
    json_object_set_new(root, "mean", json_reals(s->mean, s->channels));
    json_object_set_new(root, "std", json_reals(s->std, s->channels));
    json_t *advice = json_array();
    for (int k = 0; k < 4 && s->strategy[k]; k++)
        json_array_append_new(advice, json_string(s->strategy[k]));
    json_object_set_new(root, "advice", advice);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

/* Pixels on another scale: the mean and deviation above are theirs. */
static void warn_scale(const fv_check_report *r)
{
    enum { NOT_FINITE = 16, SCALE = 89 };
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        if (f->verdict == FV_VERDICT_WARN && (f->fault == SCALE || f->fault == NOT_FINITE))
            warn("%s: %s", f->file, f->detail);
    }
}

fv_status data_stats(settings *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "stats");
    fv_check_report *r = NULL;
    fv_data_summary s;
    counts n;
    if (!path)
        return FV_ERR_USAGE;
    FV_TRY(output_check(c, path, "report", c->report, OUTPUT_PAGE));
    fv_status status = data_look(c, ctx, path, &r);
    if (status == FV_OK)
        status = fv_check_report_summary(r, &s);
    if (status == FV_OK) {
        count_images(r, &n);
        if (c->json)
            print_json(r, &s, &n);
        else
            print_text(r, &s, &n);
        warn_scale(r);
        if (c->report)
            status = fv_check_report_write_html(ctx, r, path, c->report);
    }
    fv_check_report_destroy(&r);
    return report(ctx, status);
}
