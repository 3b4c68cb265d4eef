/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data check: what is wrong with a data set. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "output.h"
#include "show.h"
#include "watch.h"

static const char *const verdicts[] = {"reject", "quarantine", "warn", "convert"};

static void print_json(const fv_check_report *r, int64_t images, int64_t classes)
{
    json_t *root =
        json_pack("{s:I, s:I, s:[]}", "images", (json_int_t)images, "classes", (json_int_t)classes, "findings");
    json_t *list = json_object_get(root, "findings");
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        json_array_append_new(list, json_pack("{s:i, s:o, s:s, s:o}", "fault", f->fault, "file", show_json(f->file),
                                              "verdict", verdicts[f->verdict], "detail", show_json(f->detail)));
    }
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

/* A kind of finding: same fault, same words up to what differs from file to file. */
typedef struct kind {
    const fv_finding *first;
    int64_t count;
} kind;

static int64_t count_kind(kind *kinds, int room, const fv_finding *f)
{
    const size_t n = strcspn(f->detail, "(0123456789'");
    int k = 0;
    for (; k < room - 1 && kinds[k].first; k++) {
        const fv_finding *g = kinds[k].first;
        if (g->fault == f->fault && g->verdict == f->verdict && strncmp(g->detail, f->detail, n) == 0)
            break;
    }
    if (!kinds[k].first)
        kinds[k].first = f;
    return kinds[k].count++;
}

/* The findings; of each kind the first few, unless all are asked for. */
static void print_findings(const settings *c, const fv_check_report *r)
{
    enum { SHOWN = 5, KINDS = 256 };
    kind kinds[KINDS] = {{0}};
    int64_t more = 0;
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        if (count_kind(kinds, KINDS, f) >= SHOWN && !c->verbose) {
            more++;
            continue;
        }
        printf("%-10s ", verdicts[f->verdict]);
        show_text(stdout, f->file);
        fputs(": ", stdout);
        show_text(stdout, f->detail);
        putchar('\n');
    }
    if (more)
        printf("and %lld more like these (--verbose lists all)\n", (long long)more);
}

/* The files that cannot be used, as RFC 4180 has it. */
static fv_status write_quarantine(const fv_check_report *r, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f) {
        fputs("path,verdict,byte\r\n", f);
        for (int64_t i = 0; i < fv_check_report_count(r); i++) {
            const fv_finding *row = fv_check_report_row(r, i);
            if (row->verdict != FV_VERDICT_QUARANTINE && (row->verdict != FV_VERDICT_REJECT || row->sample < 0))
                continue;
            show_csv(f, row->file);
            fputc(',', f);
            show_csv(f, row->detail);
            if (row->byte >= 0)
                fprintf(f, ",%lld\r\n", (long long)row->byte);
            else
                fputs(",\r\n", f);
        }
    }
    const fv_status status = f && fclose(f) == 0 ? output_write(path, text, size) : FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

/* A file that cannot be used. */
typedef struct bad_file {
    const char *name, *split;
    int64_t sample; /* -1: it never became an image, as a FIFO */
} bad_file;

static int by_file(const void *a, const void *b)
{
    const bad_file *x = a, *y = b;
    if (x->sample != y->sample)
        return x->sample < y->sample ? -1 : 1;
    return x->sample < 0 ? strcmp(x->name, y->name) : 0;
}

/* Files that cannot be used, and those and all others, of a split or altogether. */
typedef struct share {
    const char *split; /* NULL: altogether */
    int64_t bad, all;
} share;

static void add_to(share *shares, int n, const char *split, int64_t bad, int64_t all)
{
    for (int k = 0; k < n; k++) {
        if (shares[k].split && (!split || strcmp(shares[k].split, split) != 0))
            continue;
        shares[k].bad += bad;
        shares[k].all += all;
    }
}

/* Each file once however much is wrong with it. */
static fv_status count_bad(const fv_check_report *r, share *shares, int n)
{
    int64_t images, classes, bad = 0;
    fv_check_report_totals(r, &images, &classes);
    bad_file *files = calloc((size_t)fv_check_report_count(r) + 1, sizeof *files);
    if (!files)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        if (f->verdict == FV_VERDICT_QUARANTINE)
            files[bad++] = (bad_file){f->file, f->split, f->sample};
    }
    if (bad > 0)
        qsort(files, (size_t)bad, sizeof *files, by_file);
    for (int64_t i = 0; i < images; i++) {
        fv_check_file file;
        fv_check_report_sample(r, i, &file);
        add_to(shares, n, file.split, 0, 1);
    }
    for (int64_t i = 0; i < bad; i++) {
        if (i == 0 || by_file(&files[i - 1], &files[i]) != 0)
            add_to(shares, n, files[i].split, 1, files[i].sample < 0);
    }
    free(files);
    return FV_OK;
}

/* A run opens one split, and stops when too many of its files are bad. */
static fv_status judge_shares(const settings *c, const char *path, const share *shares, int n)
{
    for (int k = 0; k < n; k++) {
        const share *s = &shares[k];
        if ((double)s->bad > c->max_bad * (double)s->all)
            return complain(FV_ERR_DATA_TOO_BAD, "repair or remove the files above, or raise --max-bad",
                            "%s: %lld of %lld files%s%s%s cannot be used, more than the share of %g allowed", path,
                            (long long)s->bad, (long long)s->all, s->split ? " of the " : "", s->split ? s->split : "",
                            s->split ? " split" : "", c->max_bad);
    }
    return 0;
}

fv_status data_look(settings *c, fv_ctx *ctx, const char *path, fv_check_report **r)
{
    const char **names = NULL;
    fv_check_options o = {
        .data = {.val_split = c->val_split,
                 .task = c->task,
                 .allow_extra = c->allow_extra,
                 .allow_empty = c->allow_empty,
                 .decode = {.max_pixels = c->max_pixels, .ignore_exif = c->ignore_exif, .salvage = c->salvage}},
        .near_duplicates = c->dups,
        .strict = c->strict,
        .batch_size = option_given("batch-size") ? c->fit.batch_size : 0};
    fv_model *model = NULL;
    if (option_given("model")) {
        bool loaded;
        FV_TRY(model_open(ctx, c, c->model, NULL, &model, &loaded));
        o.data.n_classes = fv_model_classes(model);
        o.data.classes = names = model_class_names(model);
        if (!c->task)
            o.data.task = task_of(model);
    }
    fv_status status = model && !names ? FV_ERR_NO_MEMORY : fv_dataset_check(ctx, path, &o, r);
    watch_end();
    free(names);
    fv_model_destroy(&model);
    return status;
}

fv_status data_check(settings *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "check");
    fv_check_report *r = NULL;
    if (!path)
        return FV_ERR_USAGE;
    FV_TRY(output_check(c, path, "report", c->report, OUTPUT_PAGE));
    FV_TRY(output_check(c, path, "quarantine", c->quarantine, OUTPUT_QUARANTINE));
    if (c->report && c->quarantine && output_same(c->report, c->quarantine))
        return complain(FV_ERR_CONFLICT, "choose another file for one of them",
                        "--report and --quarantine: both are %s", c->report);
    fv_status status = data_look(c, ctx, path, &r);
    if (status != FV_OK)
        return report(ctx, status);
    int64_t images, classes, counts[4] = {0};
    fv_check_report_totals(r, &images, &classes);
    for (int64_t i = 0; i < fv_check_report_count(r); i++)
        counts[fv_check_report_row(r, i)->verdict]++;
    if (c->json) {
        print_json(r, images, classes);
    } else {
        fputs(fv_check_report_text(r), stdout);
        print_findings(c, r);
        printf("%lld images, %lld classes; %lld to reject, %lld to quarantine, %lld warnings, %lld converted\n",
               (long long)images, (long long)classes, (long long)counts[0], (long long)counts[1], (long long)counts[2],
               (long long)counts[3]);
    }
    share shares[] = {{.split = NULL}, {.split = "train"}, {.split = "val"}, {.split = "test"}};
    status = count_bad(r, shares, 4);
    if (status == FV_OK && c->report)
        status = fv_check_report_write_html(ctx, r, path, c->report);
    if (status == FV_OK && c->quarantine)
        status = write_quarantine(r, c->quarantine);
    fv_check_report_destroy(&r);
    if (status == FV_OK)
        status = judge_shares(c, path, shares, 4);
    if (status == FV_OK && counts[FV_VERDICT_REJECT] > 0)
        return FV_ERR_DATA; /* the findings have told why */
    return report(ctx, status);
}
