/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data check: what is wrong with a data set. */
#include <jansson.h>
#include <string.h>

#include "data.h"
#include "show.h"

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

/* How many findings of the kind of row i come before it: same fault, same words before the parenthesis. */
static int64_t earlier_ones(const fv_check_report *r, int64_t i, int64_t limit)
{
    const fv_finding *f = fv_check_report_row(r, i);
    size_t n = strcspn(f->detail, "(");
    int64_t count = 0;
    for (int64_t k = i - 1; k >= 0 && count < limit; k--) {
        const fv_finding *g = fv_check_report_row(r, k);
        count += g->fault == f->fault && g->verdict == f->verdict && strncmp(g->detail, f->detail, n) == 0;
    }
    return count;
}

/* The findings; of each kind the first few, unless all are asked for. */
static void print_findings(const cli *c, const fv_check_report *r)
{
    enum { SHOWN = 5 };
    int64_t more = 0;
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        if (!c->verbose && earlier_ones(r, i, SHOWN) == SHOWN) {
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

int data_check(cli *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "check");
    fv_check_report *r = NULL;
    fv_dataset_options o = {.allow_extra = c->allow_extra,
                            .allow_empty = c->allow_empty,
                            .max_bad = c->max_bad,
                            .decode = {c->max_pixels, c->ignore_exif, c->salvage}};
    if (!path)
        return fv_status_exit_code(FV_ERR_USAGE);
    fv_status status = fv_dataset_check(ctx, path, &o, &r);
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
    fv_check_report_destroy(&r);
    int64_t bad = counts[FV_VERDICT_QUARANTINE];
    if ((double)bad > c->max_bad * (double)images)
        return complain(FV_ERR_DATA_TOO_BAD, "repair or remove the files above, or raise --max-bad",
                        "%s: %lld of %lld files cannot be used, more than the share of %g allowed", path,
                        (long long)bad, (long long)images, c->max_bad);
    return counts[FV_VERDICT_REJECT] ? 3 : 0;
}
