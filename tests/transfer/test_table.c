/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of rows as files, read back, and the rows nearest to one. */
#include "support/support.h"

#include <math.h>

#include <fovea/arrays.h>

#include "transfer/table.h"

enum { ROWS = 7, WIDTH = 2 * 3 * 4 + 5 };
static char folder[256];

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(folder);
    return 0;
}

static float number(int64_t row, int64_t i)
{
    return (float)(row * 31 + i * 7 % 13) * 0.37f - 4.0f + (i == 3 ? 1e-7f : 0);
}

/* Two stages, a map 2 x 3 x 4 and a row of 5; the first alone. */
static fv_feature_table *make(fv_ctx *ctx, int stages, int64_t memory)
{
    static const fv_feature_stage both[] = {{"map.relu", {4, {1, 2, 3, 4}}, {4, {1, 2, 3, 4}}, 24, 0, FV_POOLING_NONE},
                                            {"fc", {2, {1, 5}}, {2, {1, 5}}, 5, 0, FV_POOLING_NONE}};
    static const char *const names[] = {"cat, big", "dog"};
    fv_feature_table *t;
    float row[WIDTH];
    char name[64];
    assert_int_equal(fv_feature_table_create(ctx, both, stages, ROWS,
                                             &(fv_feature_table_options){.memory = memory, .folder = folder}, &t),
                     FV_OK);
    assert_int_equal(fv_feature_table_set_classes(t, names, 2), FV_OK);
    assert_int_equal(fv_feature_table_set_model(t, "net", "0123"), FV_OK);
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < WIDTH; i++)
            row[i] = number(r, i);
        snprintf(name, sizeof name, r == 2 ? "a \"quoted\", name.png" : "folder/%d.png", r);
        assert_int_equal(fv_feature_table_add(t, name, r == 3 ? -1 : r % 2, 0, row), FV_OK);
    }
    assert_int_equal(fv_feature_table_add(t, "more", 0, 0, row), FV_ERR_INTERNAL);
    return t;
}

static void expect_equal(fv_ctx *ctx, const char *path, int stages, bool shapes)
{
    fv_feature_table *t;
    float row[WIDTH], turned[WIDTH];
    if (fv_feature_table_read(ctx, path, &t) != FV_OK)
        fail_msg("%s: %s", path, fv_ctx_error(ctx));
    assert_int_equal(fv_feature_table_count(t), ROWS);
    assert_string_equal(fv_feature_table_stage(t, stages - 1)->name, stages == 2 ? "fc" : "map.relu");
    assert_null(fv_feature_table_stage(t, stages));
    assert_int_equal(fv_feature_table_stage(t, 0)->features.rank, shapes ? 4 : 2);
    assert_string_equal(fv_feature_table_name(t, 2), "a \"quoted\", name.png");
    assert_string_equal(fv_feature_table_digest(t), shapes ? "0123" : "");
    for (int r = 0; r < ROWS; r++) {
        assert_int_equal(fv_feature_table_label(t, r), r == 3 ? -1 : r % 2);
        for (int s = 0; s < stages; s++) {
            const fv_feature_stage map = {.features = {4, {1, 2, 3, 4}}, .width = 24};
            assert_int_equal(fv_feature_table_get(t, s, r, 1, row), FV_OK);
            memcpy(turned, row, sizeof row);
            if (!shapes && s == 0)
                fv_feature_turn(&map, false, row, turned);
            for (int i = 0; i < (s ? 5 : 24); i++)
                if (turned[i] != number(r, s ? 24 + i : i))
                    fail_msg("%s: row %d, stage %d, number %d: %.9g", path, r, s, i, (double)turned[i]);
        }
    }
    assert_string_equal(fv_feature_table_class_name(t, 0), "cat, big");
    fv_feature_table_destroy(&t);
}

/* What is written is read back, whatever the form, from memory and from a file. */
static void test_forms(void **state)
{
    static const struct {
        const char *ending;
        int stages;
        bool shapes;
    } forms[] = {{"npy", 1, true},         {"npz", 1, true},  {"npz", 2, true}, {"safetensors", 1, true},
                 {"safetensors", 2, true}, {"csv", 1, false}, {"csv", 2, false}};
    char path[2][400];
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        for (int way = 0; way < 2; way++) {
            fv_feature_table *t = make(ctx, forms[k].stages, way ? -1 : 0);
            snprintf(path[way], sizeof path[way], "%s/t%d.%s", folder, way, forms[k].ending);
            if (fv_feature_table_write(t, path[way]) != FV_OK)
                fail_msg("%s: %s", path[way], fv_ctx_error(ctx));
            fv_feature_table_destroy(&t);
            expect_equal(ctx, path[way], forms[k].stages, forms[k].shapes);
        }
    }
    fv_ctx_destroy(&ctx);
}

/* Arrays are in PyTorch's order. */
static void test_order(void **state)
{
    char path[400];
    fv_arrays *arrays;
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_feature_table *t = make(ctx, 1, 0);
    snprintf(path, sizeof path, "%s/order.npy", folder);
    assert_int_equal(fv_feature_table_write(t, path), FV_OK);
    assert_int_equal(fv_arrays_read(ctx, path, &arrays), FV_OK);
    const fv_tensor *a = fv_arrays_tensor(arrays, 0);
    const fv_shape shape = {4, {ROWS, 4, 2, 3}};
    assert_true(fv_shape_equal(fv_tensor_shape(a), &shape));
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < 4; c++)
            for (int p = 0; p < 6; p++)
                assert_true(((const float *)fv_tensor_const_data(a))[(r * 4 + c) * 6 + p] == number(r, p * 4 + c));
    fv_arrays_destroy(&arrays);
    fv_feature_table_destroy(&t);
    fv_ctx_destroy(&ctx);
}

static void expect_refused(fv_ctx *ctx, const char *path, fv_status status, const char *text)
{
    fv_feature_table *t;
    assert_int_equal(fv_feature_table_read(ctx, path, &t), status);
    assert_null(t);
    if (!strstr(fv_ctx_error(ctx), text))
        fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), text);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *expected;
    } lines[] = {
        {"", "no numbers"},
        {"path,label\n", "no numbers"},
        {"name,label,a:0\nx,y,1\n", "path,label"},
        {"path,label,a:0\n", "no samples"},
        {"path,label,a:0\nx,y,z\n", ":2: 'z' in column 3"},
        {"path,label,a:0\nx,y,1\nx,y,1,2\n", ":3: more than 3 columns"},
        {"path,label,a:0,a:1\nx,y,1\n", ":2: '' in column 4"},
        {"path,label,a\nx,y,1\n", "LAYER:NUMBER"},
    };
    static const char *const about[] = {
        "{}",
        "[]",
        "{\"format\":\"fovea features 1\"}",
        ("{\"format\":\"fovea features 1\",\"stages\":[{\"name\":\"a\",\"shape\":[9],"
         "\"features\":[9],\"pool\":\"none\"}],\"classes\":[],\"samples\":[{\"path\":\"x\"}]}"),
    };
    char path[400], beside[420];
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(path, sizeof path, "%s/bad.csv", folder);
        fv_test_write_text(path, lines[i].text);
        expect_refused(ctx, path, FV_ERR_DATA_FORMAT, lines[i].expected);
    }
    expect_refused(ctx, "rows.txt", FV_ERR_VALUE, "rows.txt");
    fv_feature_table *t = make(ctx, 2, 0);
    snprintf(path, sizeof path, "%s/two.npy", folder);
    assert_int_equal(fv_feature_table_write(t, path), FV_ERR_VALUE);
    fv_feature_table_destroy(&t);
    t = make(ctx, 1, 0);
    snprintf(path, sizeof path, "%s/one.npy", folder);
    snprintf(beside, sizeof beside, "%s.json", path);
    assert_int_equal(fv_feature_table_write(t, path), FV_OK);
    fv_feature_table_destroy(&t);
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        fv_test_write_text(beside, about[i]);
        expect_refused(ctx, path, FV_ERR_DATA_FORMAT, "one.npy");
    }
    fv_ctx_destroy(&ctx);
}

/* ---- search ---- */

static void test_nearest(void **state)
{
    /* rows 1, 4 and 5 are the same, 6 is 0 */
    static const float rows[7][2] = {{1, 0}, {1, 1}, {-1, 0}, {2, 0}, {1, 1}, {1, 1}, {0, 0}};
    static const fv_feature_stage stage = {"s", {2, {1, 2}}, {2, {1, 2}}, 2, 0, FV_POOLING_NONE};
    const float query[2] = {3, 0};
    fv_feature_table *t;
    fv_match *m;
    int64_t n;
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_feature_table_create(ctx, &stage, 1, 7, NULL, &t), FV_OK);
    for (int i = 0; i < 7; i++)
        assert_int_equal(fv_feature_table_add(t, "x", -1, 0, rows[i]), FV_OK);
    assert_int_equal(fv_feature_table_nearest(t, 0, query, -1, 3, &m, &n), FV_OK);
    assert_int_equal(n, 5); /* three, and two copies of the third */
    static const int64_t expected[] = {0, 3, 1, 4, 5};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(m[i].row, expected[i]);
        assert_int_equal(m[i].copy_of, i < 3 ? -1 : 1);
        assert_true(fabs(m[i].similarity - (i < 2 ? 1 : sqrt(0.5))) < 1e-12 && !m[i].same);
    }
    fv_matches_free(t, m);
    assert_int_equal(fv_feature_table_nearest(t, 0, rows[4], 4, 100, &m, &n), FV_OK);
    assert_int_equal(n, 6); /* without itself */
    assert_true(m[0].row == 1 && m[0].same && m[0].copy_of < 0 && m[1].row == 5 && m[1].copy_of == 1);
    assert_true(m[4].row == 6 && m[4].similarity == 0 && m[5].row == 2 && m[5].similarity < -0.7);
    fv_matches_free(t, m);
    assert_int_equal(fv_feature_table_nearest(t, 0, query, -1, 0, &m, &n), FV_ERR_ARGUMENT);
    assert_int_equal(fv_feature_table_nearest(t, 1, query, -1, 1, &m, &n), FV_ERR_ARGUMENT);
    fv_feature_table_destroy(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- memory ---- */

/* Each allocation fails in turn: a status, and nothing is lost. */
static void test_allocations(void **state)
{
    static const char *const endings[] = {"npz", "safetensors", "csv"};
    char path[400];
    fv_test_allocator alloc = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int k = 0; k < 3; k++) {
        fv_feature_table *t = make(ctx, 2, 0);
        snprintf(path, sizeof path, "%s/alloc.%s", folder, endings[k]);
        assert_int_equal(fv_feature_table_write(t, path), FV_OK);
        fv_feature_table_destroy(&t);
        fv_status status = FV_ERR_NO_MEMORY;
        for (int64_t n = 1; status != FV_OK && n < 3000; n++) {
            fv_ctx *other = fv_test_ctx(1, &alloc, NULL);
            alloc.calls = 0;
            alloc.fail_at = n;
            status = fv_feature_table_read(other, path, &t);
            alloc.fail_at = 0;
            if (status != FV_OK && status != FV_ERR_NO_MEMORY && status != FV_ERR_SYNTAX)
                fail_msg("%s: allocation %d: %s", path, (int)n, fv_ctx_error(other));
            fv_feature_table_destroy(&t);
            fv_ctx_destroy(&other);
            assert_int_equal(alloc.live_blocks, 0);
            assert_int_equal(alloc.errors, 0);
        }
        assert_int_equal(status, FV_OK);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_order),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
