/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of which the smallest are zero, and files that leave them out. */
#include <math.h>

#include "compress/network.h"
#include "io/safetensors.h"

static int64_t zeros_of(const fv_model *m, const char *name)
{
    const fv_slot *s = fv_model_slot((fv_model *)(uintptr_t)m, name);
    int64_t zeros = 0;
    for (int64_t i = 0; i < fv_shape_count(&s->shape); i++)
        zeros += fv_slot_data(s)[i] == 0;
    return zeros;
}

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

/* Exactly so many, the smallest; a file of them is smaller, reads back the same, and is written the same once more. */
static void test_sparse(void **state)
{
    static const char *const layers[] = {"a.weight", "b.weight", "c.weight", "d.weight"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = network(ctx, 16), *copy, *back;
    fv_sparse_row *rows;
    int count;
    char dir[256], path[300], dense[300];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/s.safetensors", dir);
    snprintf(dense, sizeof dense, "%s/d.safetensors", dir);
    assert_int_equal(fv_model_save(m, dense), FV_OK);
    for (int alike = 0; alike < 2; alike++) {
        const fv_sparsify_options o = {.amount = 0.8, .per_layer = alike == 1};
        int64_t all = 0, zeros = 0;
        assert_int_equal(fv_model_sparsify(m, &o, &copy, &rows, &count), FV_OK);
        assert_int_equal(count, 4);
        for (int i = 0; i < 4; i++) {
            const int64_t n = rows[i].weights;
            float most = 0, least = INFINITY;
            const float *w = fv_slot_data(fv_model_slot(m, layers[i])),
                        *x = fv_slot_data(fv_model_slot(copy, layers[i]));
            for (int64_t k = 0; k < n; k++) {
                if (x[k] == 0)
                    most = fmaxf(most, fabsf(w[k]));
                else
                    least = fminf(least, fabsf(w[k]));
                assert_true(x[k] == 0 || x[k] == w[k]);
            }
            assert_true(most <= least);
            assert_int_equal(zeros_of(copy, layers[i]), rows[i].zeros[1]);
            assert_true(!alike || rows[i].zeros[1] == llround(0.8 * (double)n));
            all += n;
            zeros += rows[i].zeros[1];
        }
        assert_true(alike || zeros == llround(0.8 * (double)all));
        fv_sparse_rows_free(ctx, rows);
        assert_int_equal(fv_model_save(copy, path), FV_OK);
        assert_true((double)size_of(path) < 0.45 * (double)size_of(dense));
        if (fv_model_load(ctx, path, &back) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        same_weights(copy, back);
        const int64_t size = size_of(path);
        assert_int_equal(fv_model_save(back, path), FV_OK);
        assert_int_equal(size_of(path), size);
        assert_int_equal(fv_model_load_weights(m, path, false, NULL), FV_OK); /* by name, into another */
        same_weights(copy, m);
        assert_int_equal(fv_model_load_weights(m, dense, false, NULL), FV_OK);
        fv_model_destroy(&back);
        fv_model_destroy(&copy);
    }
    assert_int_equal(fv_model_sparsify(m, &(fv_sparsify_options){.keep = 2, .of = 4}, &copy, &rows, &count), FV_OK);
    assert_non_null(rows[0].why); /* three inputs */
    const float *x = fv_slot_data(fv_model_slot(copy, "b.weight")), *w = fv_slot_data(fv_model_slot(m, "b.weight"));
    for (int64_t i = 0; i < rows[1].weights; i += 4) {
        int zero = 0;
        for (int k = 0; k < 4; k++) {
            int smaller = 0;
            for (int j = 0; j < 4; j++)
                smaller += fabsf(w[i + j]) < fabsf(w[i + k]);
            zero += x[i + k] == 0;
            assert_true((x[i + k] == 0) == (smaller < 2));
        }
        assert_int_equal(zero, 2);
    }
    fv_sparse_rows_free(ctx, rows);
    fv_model_destroy(&copy);
    fv_model_destroy(&m);
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* Masks and numbers of a file that do not fit each other. */
static void test_sparse_files(void **state)
{
    static const uint8_t mask[2] = {0x13, 0x02};
    static const float values[4] = {1, 2, 3, 4};
    static const struct {
        const char *text;
        int64_t bytes, count;
    } cases[] = {{"{\"w\":[5,2]}", 2, 4},
                 {"{\"w\":[9]}", 2, 4},
                 {"{\"w\":[5,2]}", 2, 3},
                 {"{\"w\":[5,2]}", 1, 4},
                 {"{\"w\":[5,0]}", 2, 4},
                 {"{\"v\":[5,2]}", 2, 4},
                 {"{\"w\":7}", 2, 4},
                 {"[1]", 2, 4},
                 {"{", 2, 4},
                 {"{\"w\":[1e18,9]}", 2, 4},
                 {"{\"w\":[\"a\"]}", 2, 4}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char dir[256], path[300];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/w.safetensors", dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fv_st_item items[] = {
            {.name = "w::mask", .dtype = FV_U8, .shape = {1, {cases[i].bytes}}, .data = mask},
            {.name = "w::values", .dtype = FV_F32, .shape = {1, {cases[i].count}}, .data = values}};
        const fv_st_text text = {"fovea.sparse", cases[i].text};
        fv_tensor_file *file;
        assert_int_equal(fv_safetensors_write(ctx, path, items, 2, &text, 1), FV_OK);
        const fv_status status = fv_safetensors_open(ctx, path, &file);
        assert_int_equal(status, i == 0 ? FV_OK : FV_ERR_MODEL_FORMAT);
        if (i > 0)
            continue;
        const fv_st_entry *e = fv_tensor_file_find(file, "w");
        static const float expected[10] = {1, 2, 0, 0, 3, 0, 0, 0, 0, 4};
        assert_int_equal(fv_tensor_file_count(file), 1);
        assert_int_equal(e->shape.rank, 2);
        assert_memory_equal(e->data, expected, sizeof expected);
        fv_tensor_file_close(&file);
    }
    fv_test_dir_remove(dir);
    fv_ctx_destroy(&ctx);
}

/* ---- memory ---- */

static fv_status all_of_it(fv_ctx *ctx, const char *path)
{
    fv_model *m = NULL, *copy = NULL;
    fv_pruner *p = NULL;
    fv_prune_row *rows = NULL;
    fv_sparse_row *sparse = NULL;
    int count;
    fv_status status = fv_model_load(ctx, path, &m);
    if (status == FV_OK)
        status = fv_pruner_create(m, &(fv_prune_options){.method = FV_PRUNE_BN}, &p);
    if (status == FV_OK)
        status = fv_pruner_choose_macs(p, 0.5, false);
    if (status == FV_OK)
        status = fv_pruner_apply(p, &copy, &rows, &count);
    fv_prune_rows_free(ctx, rows);
    fv_model_destroy(&copy);
    fv_pruner_destroy(&p);
    if (status == FV_OK)
        status = fv_model_sparsify(m, &(fv_sparsify_options){.amount = 0.7}, &copy, &sparse, &count);
    if (status == FV_OK)
        status = fv_model_save(copy, path);
    fv_sparse_rows_free(ctx, sparse);
    fv_model_destroy(&copy);
    fv_model_destroy(&m);
    return status;
}

static void test_allocations(void **state)
{
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    char dir[256], path[300];
    (void)state;
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/s.safetensors", dir);
    fv_model *m = network(ctx, 16);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    fv_model_destroy(&m);
    assert_int_equal(all_of_it(ctx, path), FV_OK);
    a.calls = 0;
    assert_int_equal(all_of_it(ctx, path), FV_OK);
    const int64_t calls = a.calls;
    const int64_t step = FV_TEST_CASES(1 + calls / 150, 1 + calls / 60);
    assert_true(calls > 100);
    for (int64_t i = 1; i <= calls; i += step) {
        const int64_t live = a.live_blocks;
        a.fail_at = i;
        const fv_status status = all_of_it(ctx, path);
        a.fail_at = 0;
        if (status != FV_OK && status != FV_ERR_NO_MEMORY)
            fail_msg("allocation %d: %s", (int)i, fv_ctx_error(ctx));
        assert_int_equal(a.live_blocks, live);
    }
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
    fv_test_dir_remove(dir);
}

static void test_refused(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = network(ctx, 16), *copy;
    fv_sparse_row *rows;
    int count;
    (void)state;
    static const struct {
        fv_sparsify_options o;
        fv_status status;
        const char *text;
    } bad[] = {
        {{.amount = 1}, FV_ERR_VALUE, "amount 1"},
        {{.amount = 0.9999}, FV_ERR_VALUE, "the last of their layer"},
        {{.keep = 4, .of = 4}, FV_ERR_VALUE, "pattern of 4:4"},
        {{.keep = 2, .of = 4, .amount = 0.5}, FV_ERR_CONFLICT, "an amount"},
        {{.keep = 1, .of = 7}, FV_ERR_MODEL, "no multiple of M"},
        {{.amount = 0.5, .skip = "e"}, FV_ERR_VALUE, "is called 'e'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fv_model_sparsify(m, &bad[i].o, &copy, &rows, &count), bad[i].status);
        assert_null(copy);
        assert_null(rows);
        if (!strstr(fv_ctx_error(ctx), bad[i].text))
            fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), bad[i].text);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_sparse_files),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
