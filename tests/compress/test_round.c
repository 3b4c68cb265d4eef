/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a smaller type: what rounding does, what files hold, and which files are refused. */
#include <math.h>

#include "compress/network.h"
#include "io/safetensors.h"

static int64_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (int64_t)st.st_size;
}

static void same_weights(const fv_model *a, const fv_model *b)
{
    assert_int_equal(a->n_slots, b->n_slots);
    for (int i = 0; i < a->n_slots; i++)
        assert_memory_equal(fv_tensor_const_data(a->slots[i].data), fv_tensor_const_data(b->slots[i].data),
                            fv_tensor_bytes(a->slots[i].data));
}

/* Beyond what rounding to the storage may do; of int8 `most` is the filter's largest. */
static bool too_far(fv_storage storage, double was, double is, double most)
{
    static const double relative[FV_STORAGE_COUNT] = {
        [FV_STORAGE_FP16] = 0x1p-11, [FV_STORAGE_BF16] = 0x1p-8, [FV_STORAGE_INT8] = 0};
    const double step = storage == FV_STORAGE_INT8 ? most / 127 * (1 + 0x1p-7) : 0x1p-24;
    return fabs(was - is) > fabs(was) * relative[storage] + step / 2 + 1e-12;
}

static void check_slot(fv_storage storage, const fv_slot *was, const fv_slot *is)
{
    const bool rounded =
        was->weighted && (was->kind == FV_SLOT_WEIGHT || (was->kind == FV_SLOT_BIAS && storage != FV_STORAGE_INT8));
    const int64_t n = fv_shape_count(&was->shape), each = n / was->shape.dim[0];
    const float *x = fv_slot_data(was), *y = fv_slot_data(is);
    int64_t other = 0;
    for (int64_t i = 0; i < n; i++) {
        double most = 0;
        for (int64_t k = i / each * each; k < i / each * each + each; k++)
            most = fmax(most, fabs((double)x[k]));
        other += x[i] != y[i];
        if (rounded && too_far(storage, (double)x[i], (double)y[i], most))
            fail_msg("%s[%lld]: from %g to %g", was->name, (long long)i, (double)x[i], (double)y[i]);
    }
    assert_true(rounded ? other > n / 2 : other == 0);
}

/* Near the numbers that were, in so many bytes; read back as saved, and saved again the same. */
static void test_storages(void **state)
{
    static const double share[FV_STORAGE_COUNT] = {1, 0.5, 0.5, 0.25};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char dir[256], path[300], again[300];
    fv_model *m = network(ctx, 16), *copy, *back;
    fv_round_report report;
    double db[FV_STORAGE_COUNT];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    snprintf(again, sizeof again, "%s/b.safetensors", dir);
    assert_int_equal(fv_model_set_card(m, FV_CARD_METRICS, "top1 90 %"), FV_OK);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    const int64_t before = size_of(path);
    int64_t weights = 0;
    for (int i = 0; i < m->n_slots; i++)
        weights += m->slots[i].weighted && m->slots[i].kind == FV_SLOT_WEIGHT ? fv_shape_count(&m->slots[i].shape) : 0;
    for (int s = FV_STORAGE_FP16; s < FV_STORAGE_COUNT; s++) {
        assert_int_equal(fv_model_clone(m, &copy), FV_OK);
        assert_int_equal(fv_model_round(copy, (fv_storage)s, NULL, &report), FV_OK);
        for (int i = 0; i < m->n_slots; i++)
            check_slot((fv_storage)s, &m->slots[i], &copy->slots[i]);
        assert_int_equal(report.tensors, s == FV_STORAGE_INT8 ? 4 : 8);
        assert_non_null(report.worst);
        assert_true(report.worst_db <= report.db);
        db[s] = report.db;
        assert_int_equal(fv_model_save(copy, path), FV_OK);
        assert_true((double)(before - size_of(path)) > (1 - share[s]) * 4 * (double)weights - 1500);
        if (fv_model_load(ctx, path, &back) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        same_weights(copy, back);
        assert_int_equal(fv_model_storage(back), s);
        assert_string_equal(fv_model_card(back, FV_CARD_METRICS), "before it was rounded: top1 90 %");
        double difference;
        assert_int_equal(fv_model_selftest(back, &difference), FV_OK);
        assert_int_equal(fv_model_save(back, again), FV_OK);
        assert_int_equal(size_of(path), size_of(again));
        assert_int_equal(fv_model_load_weights(back, again, false, NULL), FV_OK); /* by name: other weights */
        same_weights(copy, back);
        assert_int_equal(fv_model_storage(back), FV_STORAGE_FLOAT32);
        fv_model_destroy(&back);
        fv_model_destroy(&copy);
    }
    assert_true(db[FV_STORAGE_FP16] > 66 && db[FV_STORAGE_BF16] > 48 && db[FV_STORAGE_INT8] > 36);
    assert_true(db[FV_STORAGE_FP16] > db[FV_STORAGE_BF16] && db[FV_STORAGE_BF16] > db[FV_STORAGE_INT8]);
    fv_model_destroy(&m);
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* Numbers that halves do not reach are named, and nothing is changed; what changes later is saved as it is. */
static void test_what_does_not_fit(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char dir[256], path[300];
    fv_model *m = network(ctx, 16), *was, *back;
    fv_round_report report;
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    fv_slot_data(fv_model_slot(m, "b.weight"))[7] = 65519.0f;
    fv_slot_data(fv_model_slot(m, "c.bias"))[3] = -65520.0f;
    fv_model_touch(m);
    assert_int_equal(fv_model_clone(m, &was), FV_OK);
    assert_int_equal(fv_model_round(m, FV_STORAGE_FP16, NULL, &report), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "'c.bias': element 3 is -65520"));
    same_weights(m, was);
    assert_int_equal(fv_model_storage(m), FV_STORAGE_FLOAT32);
    assert_int_equal(fv_model_round(m, FV_STORAGE_FP16, "nothing", NULL), FV_ERR_VALUE);
    assert_int_equal(fv_model_round(m, FV_STORAGE_FP16, "a,c", &report), FV_OK);
    assert_int_equal(report.tensors, 4);
    assert_true(fv_slot_data(fv_model_slot(m, "b.weight"))[7] == 65504.0f);
    assert_true(fv_slot_data(fv_model_slot(m, "c.bias"))[3] == -65520.0f);
    /* A denormal half is kept, a smaller number is not. */
    fv_slot_data(fv_model_slot(was, "d.weight"))[0] = 0x1.8p-24f;
    fv_slot_data(fv_model_slot(was, "d.weight"))[1] = 0x1p-26f;
    fv_model_touch(was);
    assert_int_equal(fv_model_round(was, FV_STORAGE_FP16, "c", &report), FV_OK);
    assert_int_equal(report.vanished, 1);
    assert_true(fv_slot_data(fv_model_slot(was, "d.weight"))[0] == 0x1p-23f);
    /* Filters of zeros, and of numbers near the least. */
    assert_int_equal(fv_model_round(was, FV_STORAGE_FLOAT32, NULL, NULL), FV_OK);
    memset(fv_slot_data(fv_model_slot(was, "d.weight")), 0, 24 * sizeof(float));
    fv_slot_data(fv_model_slot(was, "d.weight"))[24] = 1e-38f;
    fv_model_touch(was);
    assert_int_equal(fv_model_round(was, FV_STORAGE_INT8, NULL, NULL), FV_OK);
    for (int written = 0; written < 2; written++) {
        assert_int_equal(fv_model_save(was, path), FV_OK);
        if (fv_model_load(ctx, path, &back) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        same_weights(was, back);
        fv_model_destroy(&back);
        fv_model_lend(was); /* a caller may write */
        fv_slot_data(fv_model_slot(was, "a.weight"))[0] = 0.123456789f;
    }
    fv_model_destroy(&was);
    fv_model_destroy(&m);
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* Scales and integers of a file that do not fit each other. */
static void test_files(void **state)
{
    static const int8_t integers[6] = {1, -2, 127, -127, 0, 5};
    static const uint16_t halves[3] = {0x3f80, 0x3f00, 0x4000}; /* 1, 0.5, 2 */
    static const struct {
        const char *storage, *scale;
        fv_dtype dtype, of;
        int64_t count;
    } cases[] = {{"int8", "w::scale", FV_BF16, FV_I8, 2}, {"int8", "w::scale", FV_BF16, FV_I8, 3},
                 {"int8", "w::scale", FV_F16, FV_I8, 2},  {"int8", "v::scale", FV_BF16, FV_I8, 2},
                 {"int8", "w::scale", FV_BF16, FV_U8, 2}, {"int4", "w::scale", FV_BF16, FV_I8, 2},
                 {"", "w::scale", FV_BF16, FV_I8, 2}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char dir[256], path[300];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/w.safetensors", dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fv_st_item items[] = {
            {.name = cases[i].scale, .dtype = cases[i].dtype, .shape = {1, {cases[i].count}}, .data = halves},
            {.name = "w", .dtype = cases[i].of, .shape = {2, {2, 3}}, .data = integers}};
        const fv_st_text text = {"fovea.storage", cases[i].storage};
        fv_tensor_file *file;
        assert_int_equal(fv_safetensors_write(ctx, path, items, 2, &text, 1), FV_OK);
        assert_int_equal(fv_safetensors_open(ctx, path, &file), i == 0 ? FV_OK : FV_ERR_MODEL_FORMAT);
        if (i > 0)
            continue;
        static const float expected[6] = {1, -2, 127, -63.5f, 0, 2.5f};
        const fv_st_entry *e = fv_tensor_file_find(file, "w");
        assert_int_equal(fv_tensor_file_count(file), 1);
        assert_int_equal(e->dtype, FV_F32);
        assert_memory_equal(e->data, expected, sizeof expected);
        fv_tensor_file_close(&file);
    }
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* ---- memory ---- */

static fv_status all_of_it(fv_ctx *ctx, const char *path, const char *to)
{
    fv_model *m = NULL;
    fv_status status = fv_model_load(ctx, path, &m);
    if (status == FV_OK)
        status = fv_model_round(m, FV_STORAGE_INT8, "d", NULL);
    if (status == FV_OK)
        status = fv_model_save(m, to);
    fv_model_destroy(&m);
    if (status == FV_OK)
        status = fv_model_load(ctx, to, &m);
    fv_model_destroy(&m);
    return status;
}

static void test_memory(void **state)
{
    fv_test_allocator t = {0};
    fv_ctx *ctx = fv_test_ctx(1, &t, NULL);
    char dir[256], path[300], to[300];
    fv_model *m = network(ctx, 4);
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    snprintf(to, sizeof to, "%s/b.safetensors", dir);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    fv_model_destroy(&m);
    t.calls = 0;
    assert_int_equal(all_of_it(ctx, path, to), FV_OK);
    const int64_t calls = t.calls, blocks = t.live_blocks;
    int64_t first;
    const int64_t step = fv_test_share(&first) * FV_TEST_CASES(1, 17);
    for (int64_t n = first; n <= calls; n += step) {
        t.calls = 0;
        t.fail_at = n;
        if (all_of_it(ctx, path, to) != FV_ERR_NO_MEMORY)
            fail_msg("allocation %lld: %s", (long long)n, fv_ctx_error(ctx));
        t.fail_at = 0;
        assert_int_equal(t.live_blocks, blocks);
    }
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
    assert_int_equal(t.errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storages), cmocka_unit_test(test_what_does_not_fit),
                                       cmocka_unit_test(test_files), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
