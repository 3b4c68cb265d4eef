/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data: make and check. */
#include <jansson.h>
#include <string.h>

#include "cli.h"

static int data_make(cli *c, fv_ctx *ctx)
{
    if (!c->positional[1] || strcmp(c->positional[1], "digits") != 0)
        return complain(FV_ERR_USAGE, NULL, "fovea data make %s: the data set that can be drawn is `digits`",
                        c->positional[1] ? c->positional[1] : "");
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
        json_t *file = json_string(f->file), *detail = json_string(f->detail);
        /* A name that is not UTF-8 still has to be reported. */
        json_array_append_new(list, json_pack("{s:i, s:o, s:s, s:o}", "fault", f->fault, "file",
                                              file ? file : json_string("?"), "verdict", verdicts[f->verdict], "detail",
                                              detail ? detail : json_string("?")));
    }
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
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
        for (int64_t i = 0; i < fv_check_report_count(r); i++) {
            const fv_finding *f = fv_check_report_row(r, i);
            printf("%-10s %s: %s\n", verdicts[f->verdict], f->file, f->detail);
        }
        printf("%lld images, %lld classes; %lld to reject, %lld to quarantine, %lld warnings, %lld converted\n",
               (long long)images, (long long)classes, (long long)counts[0], (long long)counts[1], (long long)counts[2],
               (long long)counts[3]);
    }
    fv_check_report_destroy(&r);
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
    return complain(FV_ERR_USAGE, NULL, "fovea data %s: the actions are `make digits` and `check`",
                    c->positional[0] ? c->positional[0] : "");
}
