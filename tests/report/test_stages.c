/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a chain of stages: every stage and layer is on it, any text is only text, and what is not there is not
 * drawn. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <math.h>

#include <fovea/stages.h>

static const fv_stage_row rows[] = {
    {"given", "", "91.00 %", 91, 2.5, 3, 4e6, 100000, 400000, 900000},
    {"prune <b>", "amount=0.5, skip='a&b'", "90.50 %", 90.5, 2.5, 3, 2e6, 50000, 200000, 600000},
    {"quantize", "max-drop=1", "90.50 %", 90.5, 2.5, 4, 2e6, 0, 52000, 300000},
};
enum { ROWS = sizeof rows / sizeof *rows, LAYERS = 40 };

static char *written(const fv_stages_page *page)
{
    enum { ROOM = 1 << 17 };
    assert_int_equal(fv_stages_write_html(ctx, page, fv_test_path(dir, "page.html")), FV_OK);
    FILE *f = fopen(fv_test_path(dir, "page.html"), "rb");
    char *text = malloc(ROOM);
    assert_true(f && text);
    const size_t size = fread(text, 1, ROOM, f);
    assert_in_range(size, 1, ROOM - 1);
    text[size] = '\0';
    fclose(f);
    return text;
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void everything_is_there(void **state)
{
    (void)state;
    fv_stage_layer layers[LAYERS];
    char names[LAYERS][16];
    for (int i = 0; i < LAYERS; i++) {
        snprintf(names[i], sizeof names[i], "layer-%02d", i);
        layers[i] = (fv_stage_layer){names[i], i == 20 ? NAN : 1 + i, i == 21 ? NAN : 0.5 + i};
    }
    const fv_stages_page page = {.title = "net & more",
                                 .about = "120 images",
                                 .metric = "top1",
                                 .command = "fovea compress -c 'a<b>'",
                                 .processor = "any",
                                 .rows = rows,
                                 .n_rows = ROWS,
                                 .layers = layers,
                                 .n_layers = LAYERS};
    char *text = written(&page);
    assert_int_equal(count_of(text, "<tr"), ROWS + 1);
    assert_int_equal(count_of(text, "<circle"), ROWS);
    assert_int_equal(count_of(text, "class=\"over\""), ROWS);
    assert_int_equal(count_of(text, "<rect class=\"before\""), 29); /* of the slowest 30 */
    assert_int_equal(count_of(text, "<rect class=\"after\""), 29);
    assert_int_equal(count_of(text, ">gone") + count_of(text, " gone"), 2);
    assert_non_null(strstr(text, ">10 others: 55 "));
    assert_non_null(strstr(text, "<b>7.69\xC3\x97</b><small>smaller"));
    assert_non_null(strstr(text, "prune &lt;b&gt;"));
    assert_non_null(strstr(text, "&#39;a&amp;b&#39;"));
    assert_int_equal(
        count_of(text, "nan") + count_of(text, "inf,") + count_of(text, "<script") + count_of(text, "http"), 0);
    free(text);
}

/* One model, no layers; a place where nothing can be written. */
static void little_is_there(void **state)
{
    (void)state;
    fv_stages_page page = {
        .title = "t", .about = "", .metric = "mae", .command = "c", .processor = "p", .rows = rows, .n_rows = 1};
    char *text = written(&page);
    assert_int_equal(count_of(text, "nan"), 0);
    free(text);
    assert_int_equal(fv_stages_write_html(ctx, &page, fv_test_path(dir, "none/page.html")), FV_ERR_NOT_FOUND);
}

static fv_status write_once(fv_ctx *own, void *arg)
{
    const fv_stage_layer layers[] = {{"a", 1, 0.5}, {"b", NAN, 0.5}};
    const fv_stages_page page = {.title = "t",
                                 .about = "",
                                 .metric = "top1",
                                 .command = "c",
                                 .processor = "p",
                                 .rows = rows,
                                 .n_rows = ROWS,
                                 .layers = layers,
                                 .n_layers = 2};
    return fv_stages_write_html(own, &page, fv_test_path(dir, arg));
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(write_once, "page.html") > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(little_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
