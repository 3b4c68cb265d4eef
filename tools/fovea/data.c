/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data: make and check. */
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "show.h"

static int data_make(cli *c, fv_ctx *ctx)
{
    if (!c->positional[1] || strcmp(c->positional[1], "digits") != 0)
        return complain(FV_ERR_USAGE, "write `fovea data make digits --output DIR`",
                        "fovea data make: %s%s%s; the data set that can be drawn is digits",
                        c->positional[1] ? "there is no '" : "make what?", c->positional[1] ? c->positional[1] : "",
                        c->positional[1] ? "'" : "");
    if (!c->output)
        return complain(FV_ERR_USAGE, NULL, "fovea data make digits: --output DIR is missing");
    fv_status status = fv_make_digits(ctx, c->output, c->train_count, c->test_count, (uint64_t)c->seed);
    if (status != FV_OK)
        return report(ctx, status);
    note("%s: %lld training and %lld test digits, 28 x 28, seed %lld", c->output, (long long)c->train_count,
         (long long)c->test_count, (long long)c->seed);
    return 0;
}

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

static int data_check(cli *c, fv_ctx *ctx)
{
    const char *path = c->data ? c->data : c->positional[1];
    fv_check_report *r = NULL;
    fv_dataset_options o = {.allow_extra = c->allow_extra,
                            .allow_empty = c->allow_empty,
                            .max_bad = c->max_bad,
                            .decode = {c->max_pixels, c->ignore_exif, c->salvage}};
    if (!path)
        return complain(FV_ERR_USAGE, NULL, "fovea data check: which data? give a PATH");
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

int verb_data(cli *c)
{
    static const struct {
        const char *name;
        int (*run)(cli *c, fv_ctx *ctx);
    } actions[] = {{"make", data_make}, {"check", data_check}};
    fv_ctx *ctx;
    for (size_t i = 0; i < 2; i++) {
        if (!c->positional[0] || strcmp(actions[i].name, c->positional[0]) != 0)
            continue;
        fv_status status = context_open(c, &ctx);
        if (status != FV_OK)
            return fv_status_exit_code(status);
        int code = actions[i].run(c, ctx);
        fv_ctx_destroy(&ctx);
        return code;
    }
    return complain(FV_ERR_USAGE, "see `fovea help data`",
                    "fovea data: %s%s%s; the actions are `make digits` and `check PATH`",
                    c->positional[0] ? "there is no '" : "do what?", c->positional[0] ? c->positional[0] : "",
                    c->positional[0] ? "'" : "");
}
