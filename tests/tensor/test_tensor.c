/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <fovea/tensor.h>

#include "base/ctx.h"
#include "tensor/within.h"

static void test_dtypes(void **state)
{
    static const struct {
        fv_dtype dtype;
        const char *name;
        size_t size;
    } rows[] = {{FV_F32, "f32", 4}, {FV_F64, "f64", 8}, {FV_I32, "i32", 4}, {FV_U8, "u8", 1}, {FV_I64, "i64", 8}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(fv_dtype_name(rows[i].dtype), rows[i].name);
        assert_int_equal(fv_dtype_size(rows[i].dtype), rows[i].size);
    }
    assert_int_equal(fv_dtype_size((fv_dtype)99), 0);
}

static void test_shapes(void **state)
{
    char text[96];
    (void)state;
    const fv_shape a = {4, {8, 56, 56, 64}}, b = {3, {8, 56, 56}}, scalar = {0};
    const fv_shape huge = {3, {INT64_C(1) << 32, INT64_C(1) << 32, 2}}, negative = {1, {-1}};
    assert_string_equal(fv_shape_text(&a, text), "8x56x56x64");
    assert_string_equal(fv_shape_text(&scalar, text), "scalar");
    assert_int_equal(fv_shape_count(&a), 8 * 56 * 56 * 64);
    assert_int_equal(fv_shape_count(&scalar), 1);
    assert_int_equal(fv_shape_count(&huge), -1);
    assert_int_equal(fv_shape_count(&negative), -1);
    assert_true(fv_shape_equal(&a, &a));
    assert_false(fv_shape_equal(&a, &b));
    fv_shape wide = {FV_MAX_RANK,
                     {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}};
    assert_true(strlen(fv_shape_text(&wide, text)) < 96);
}

static void test_sharing(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    const fv_shape shape = {2, {3, 5}};
    fv_tensor *x, *y;
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    assert_int_equal(fv_tensor_count(x), 15);
    assert_int_equal((uintptr_t)fv_tensor_data(x) % 64, 0);
    for (int i = 0; i < 15; i++)
        assert_true(((const float *)fv_tensor_const_data(x))[i] == 0.0f);
    assert_int_equal(fv_tensor_share(x, &y), FV_OK);
    ((float *)fv_tensor_data(x))[7] = 2.5f;
    fv_tensor_destroy(&x);
    assert_null(x);
    fv_tensor_destroy(&x);
    assert_true(((const float *)fv_tensor_const_data(y))[7] == 2.5f);
    assert_true(fv_shape_equal(fv_tensor_shape(y), &shape));
    assert_int_equal(fv_tensor_dtype(y), FV_F32);
    fv_tensor_destroy(&y);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void test_bad_shapes(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const fv_shape negative = {2, {3, -5}}, huge = {2, {INT64_C(1) << 61, 4}}, deep = {9, {1, 1, 1, 1, 1}};
    const fv_shape *bad[] = {&negative, &huge, &deep};
    fv_tensor *x;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fv_tensor_create(ctx, FV_F64, bad[i], &x), FV_ERR_ARGUMENT);
        assert_null(x);
        assert_true(fv_ctx_error(ctx)[0] != '\0');
    }
    assert_int_equal(fv_tensor_create(ctx, (fv_dtype)17, &huge, &x), FV_ERR_ARGUMENT);
    fv_ctx_destroy(&ctx);
}

/* Tensors in one buffer, which lives as long as any of them; none where kernels would read what lies behind it. */
static void test_within(void **state)
{
    static const struct {
        int64_t at;
        fv_dtype dtype;
        fv_shape shape;
        bool fits;
    } rows[] = {
        {0, FV_F32, {1, {256}}, true},      {64, FV_F32, {2, {15, 16}}, true},
        {64, FV_I8, {2, {15, 64}}, true},   {960, FV_F64, {2, {1, 8}}, true},
        {1024, FV_F32, {2, {0, 16}}, true}, {32, FV_F32, {1, {16}}, false},
        {0, FV_F32, {2, {4, 24}}, false},   {0, FV_F32, {0}, false},
        {0, FV_F32, {1, {272}}, false},     {1024, FV_F32, {1, {16}}, false},
        {-64, FV_F32, {1, {16}}, false},    {0, (fv_dtype)99, {1, {64}}, false},
        {0, FV_F32, {2, {-1, 16}}, false},
    };
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_tensor *whole, *part;
    void *data = fv_calloc(ctx, 1024, 1);
    (void)state;
    assert_int_equal(fv_tensor_adopt(ctx, data, 1024, &whole), FV_OK);
    assert_int_equal(fv_tensor_bytes(whole), 1024);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fv_status status = fv_tensor_within(whole, rows[i].at, rows[i].dtype, &rows[i].shape, &part);
        assert_int_equal(status, rows[i].fits ? FV_OK : FV_ERR_ARGUMENT);
        assert_int_equal(part != NULL, rows[i].fits);
        if (part)
            assert_ptr_equal(fv_tensor_data(part), (char *)data + rows[i].at);
        fv_tensor_destroy(&part);
    }
    assert_int_equal(fv_tensor_within(whole, 64, FV_F32, &rows[1].shape, &part), FV_OK);
    fv_tensor_destroy(&whole);
    ((float *)fv_tensor_data(part))[239] = 1;
    assert_int_equal(fv_tensor_count(part), 240);
    fv_tensor_destroy(&part);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static fv_status make_and_share(fv_ctx *ctx, void *arg)
{
    const fv_shape shape = {1, {100}};
    fv_tensor *x = NULL, *y = NULL;
    (void)arg;
    fv_status status = fv_tensor_create(ctx, FV_I64, &shape, &x);
    if (status == FV_OK)
        status = fv_tensor_share(x, &y);
    fv_tensor_destroy(&y);
    fv_tensor_destroy(&x);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_int_equal(fv_test_each_allocation(make_and_share, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtypes), cmocka_unit_test(test_shapes),     cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_within), cmocka_unit_test(test_bad_shapes), cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
