/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a data set: complete, self-contained, and written or not at all. */
#include "data/corpus.h"

#include <fovea/report.h>

static char dir[256];

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(dir);
    corpus_make(dir, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(dir);
    return 0;
}

static fv_status write_page(fv_ctx *ctx, void *arg)
{
    fv_check_report *report = NULL;
    fv_status status = fv_dataset_check(ctx, dir, NULL, &report);
    if (status == FV_OK)
        status = fv_check_report_write_html(ctx, report, "<flowers> & \"more\"", arg);
    fv_check_report_destroy(&report);
    return status;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

static void page(void **state)
{
    (void)state;
    static char text[1 << 20];
    char path[300];
    snprintf(path, sizeof path, "%s/page.html", dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    if (write_page(ctx, path) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_ctx_destroy(&ctx);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_non_null(strstr(text, "<title>&lt;flowers&gt; &amp; &quot;more&quot;</title>"));
    assert_int_equal(count(text, "<svg "), 2);
    assert_int_equal(count(text, "</svg>"), 2);
    assert_int_equal(count(text, "<tr>"), count(text, "</tr>"));
    assert_true(count(text, "data:image/png;base64,iVBORw0KGgo") > 15);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "http"));
    assert_int_equal(count(text, "<figure class=\"shot\">"), 12); /* six of each class */
    /* The bars of the two classes, of which one has as many images as were filled in. */
    assert_non_null(strstr(text, ">12</text>"));
    const char *end = strstr(text, "</html>\n");
    assert_true(end && end[8] == '\0');
}

static void allocation_failures(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/page.html", dir);
    fv_test_dir_remove(dir); /* a smaller set: each run makes the whole page */
    mkdir(dir, 0777);
    planted_save(fv_test_path(dir, "train/a/0.png"), corpus_flat(20, 20, 7));
    planted_save(fv_test_path(dir, "train/b/0.png"), corpus_flat(30, 10, 9));
    snprintf(path, sizeof path, "%s/page.html", dir);
    assert_true(fv_test_each_allocation(write_page, path) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(page, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
