/* SPDX-License-Identifier: Apache-2.0 */
/* The page of several runs: every row and setting is on it, any text is only text, and what has no value has no place.
 */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <math.h>

#include <fovea/trials.h>

static const fv_trials_column columns[] = {{.name = "trial"},
                                           {.name = "val_top1", .axis = true},
                                           {.name = "lr", .axis = true, .logarithmic = true},
                                           {.name = "batch <size>", .axis = true},
                                           {.name = "augment", .axis = true}};
enum { COLUMNS = sizeof columns / sizeof *columns, ROWS = 4 };

static const fv_trials_cell cells[ROWS][COLUMNS] = {
    {{"0", 0}, {"50 %", 50}, {"0.01", 0.01}, {"16", NAN}, {"none", NAN}},
    {{"1", 1}, {"60 %", 60}, {"0.1", 0.1}, {"8", NAN}, {"rrc; <script>", NAN}},
    {{"2", 2}, {"", NAN}, {"10", 10}, {"32", NAN}, {"none", NAN}}, /* diverged */
    {{"3", 3}, {"55 %", 55}, {"1", 1}, {"8", NAN}, {"", NAN}},     /* without one of the settings */
};

static fv_trials_page usual(void)
{
    static const fv_trials_fact facts[] = {{"command", "fovea train '--augment=<b>&'"}};
    return (fv_trials_page){.title = "Search & rescue",
                            .about = "4 trials",
                            .facts = facts,
                            .n_facts = 1,
                            .columns = columns,
                            .n_columns = COLUMNS,
                            .cells = cells[0],
                            .n_rows = ROWS,
                            .best = 1,
                            .score = 1,
                            .higher = true,
                            .curve_x = 0,
                            .note = "so it is"};
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static char *written(const fv_trials_page *page)
{
    enum { ROOM = 1 << 17 };
    assert_int_equal(fv_trials_write_html(ctx, page, fv_test_path(dir, "page.html")), FV_OK);
    FILE *f = fopen(fv_test_path(dir, "page.html"), "rb");
    char *text = malloc(ROOM);
    assert_true(f && text);
    const size_t size = fread(text, 1, ROOM, f);
    assert_in_range(size, 1, ROOM - 1);
    text[size] = '\0';
    fclose(f);
    return text;
}

static void everything_is_there(void **state)
{
    (void)state;
    fv_trials_page page = usual();
    char *text = written(&page);
    assert_int_equal(count_of(text, "<path class=\"run"), ROWS);
    assert_int_equal(count_of(text, "<path class=\"run top\""), 1);
    assert_int_equal(count_of(text, "<tr"), ROWS + 1);
    assert_int_equal(count_of(text, "<tr class=\"best\">"), 1);
    assert_int_equal(count_of(text, "<td>"), ROWS * COLUMNS);
    assert_int_equal(count_of(text, "<line class=\"axis\" x1=\"44.0\""), 1);
    assert_int_equal(count_of(text, "nan"), 0);
    /* Any text is text; nothing is fetched. */
    assert_non_null(strstr(text, "Search &amp; rescue"));
    assert_non_null(strstr(text, "&#39;--augment=&lt;b&gt;&amp;&#39;"));
    assert_int_equal(count_of(text, "<script") + count_of(text, "http") + count_of(text, "<b>&"), 0);
    /* Numbers that are choices stand in their order from below: 8, 16, 32. */
    const char *axis = strstr(text, "batch &lt;size&gt;</text>");
    assert_non_null(axis);
    const char *eight = strstr(axis, ">8</text>"), *sixteen = strstr(axis, ">16</text>"), *more = strstr(axis, ">32<");
    assert_true(eight && sixteen && more && eight < sixteen && sixteen < more);
    /* What has no score begins behind its axis; what lacks a setting ends before it. */
    assert_int_equal(count_of(text, "d=\"M172 "), 1);
    free(text);
}

static void a_table_alone(void **state)
{
    (void)state;
    fv_trials_page page = usual();
    page.score = page.curve_x = -1;
    page.best = -1;
    page.n_facts = 0;
    page.note = NULL;
    char *text = written(&page);
    assert_int_equal(count_of(text, "<svg"), 0);
    assert_int_equal(count_of(text, "<tr class"), 0);
    free(text);
    page.n_rows = 0;
    page.score = 1;
    text = written(&page);
    assert_int_equal(count_of(text, "<path"), 0);
    free(text);
}

static fv_status write_once(fv_ctx *own, void *arg)
{
    const fv_trials_page page = usual();
    return fv_trials_write_html(own, &page, fv_test_path(dir, arg));
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(write_once, "page.html") > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
