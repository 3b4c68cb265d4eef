/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the page of a run apart. */
#ifndef FV_TESTS_REPORT_PAGES_H
#define FV_TESTS_REPORT_PAGES_H

#include "support/support.h"

#include "base/file.h"

/* Of results.csv. */
static const char header[] = "epoch,step,time_s,lr,train_loss,train_top1,val_loss,val_top1,val_top5,img_per_s,"
                             "data_wait_pct,peak_mem_mb\n";

static inline char *read_page(fv_ctx *ctx, const char *dir)
{
    uint8_t *data;
    int64_t size;
    assert_int_equal(fv_file_read(ctx, fv_test_path(dir, "report.html"), 0, false, &data, &size), FV_OK);
    return (char *)data;
}

/* Every tag that is opened is closed, in order; no script, nothing fetched. */
static inline void check_page(const char *page)
{
    static const char *const void_tags[] = {"meta", "!DOCTYPE"};
    char stack[32][32];
    int depth = 0;
    for (const char *p = page; (p = strchr(p, '<'));) {
        const char *end = strchr(p, '>');
        assert_non_null(end);
        bool close = p[1] == '/', alone = end[-1] == '/';
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1 + close, " />"), p + 1 + close);
        for (int i = 0; i < 2; i++)
            alone = alone || strcmp(name, void_tags[i]) == 0;
        if (close) {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
        } else if (!alone) {
            assert_true(depth < 32);
            memcpy(stack[depth++], name, sizeof name);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "href"));
    assert_null(strstr(page, "http:"));
    assert_null(strstr(page, "https:"));
    assert_null(strstr(page, "nan"));
}

#endif
