/* SPDX-License-Identifier: Apache-2.0 */
/* Models of several inputs and outputs, constants and states of every dtype: built, copied, saved, loaded, refused. */
#include "support/folder.h"

#include <math.h>

#include <fovea/data.h>
#include <fovea/predict.h>

#include "base/file.h"
#include "io/safetensors.h"
#include "model/model.h"

/* Element i of a tensor of that dtype: no two alike within a dtype's range, fractions where it has them. */
static double element(fv_dtype dtype, int64_t i)
{
    return dtype == FV_BOOL ? (double)(i % 2) : (double)(i % 100) + (fv_dtype_is_float(dtype) ? 0.5 : 0.0);
}

static fv_status fill_constant(fv_model *m, fv_ctx *ctx, fv_dtype dtype, int64_t count, fv_value *value)
{
    char name[32];
    fv_tensor *tensor = NULL;
    FV_TRY(fv_tensor_create(ctx, dtype, &(fv_shape){2, {1, count}}, &tensor));
    for (int64_t i = 0; i < count; i++)
        fv_dtype_set(dtype, fv_tensor_data(tensor), i, element(dtype, i));
    snprintf(name, sizeof name, "const.%s.%d", fv_dtype_name(dtype), (int)count);
    *value = fv_constant(m, name, tensor);
    if (count > 1) /* the model has a copy */
        memset(fv_tensor_data(tensor), 0x55, fv_tensor_bytes(tensor));
    fv_tensor_destroy(&tensor);
    return FV_OK;
}

/* Two images, one of them no image to the pipeline, and numbers; constants small and large; states; two outputs. */
static fv_status build(fv_ctx *ctx, fv_model **out)
{
    fv_model *m = NULL;
    *out = NULL;
    FV_TRY(fv_model_create(ctx, &m));
    fv_value a = fv_input(m, 4, 6, 3), b = fv_input_tensor(m, "right", FV_F32, &(fv_shape){4, {1, 4, 6, 3}});
    fv_value row = fv_input_tensor(m, "row", FV_F32, &(fv_shape){2, {1, 200}}), large = {-1}, unused;
    fv_input_tensor(m, "label", FV_I64, &(fv_shape){1, {1}});
    fv_status status = FV_OK;
    for (int t = 0; status == FV_OK && t < FV_DTYPE_COUNT; t++) {
        char name[32];
        snprintf(name, sizeof name, "state.%s", fv_dtype_name((fv_dtype)t));
        fv_state(m, name, (fv_dtype)t, &(fv_shape){4, {2, 2, 3, 5}}, 1.0);
        status = fill_constant(m, ctx, (fv_dtype)t, 3, &unused);
        if (status == FV_OK)
            status = fill_constant(m, ctx, (fv_dtype)t, 200, t == FV_F32 ? &large : &unused);
        if (status == FV_OK)
            status = fill_constant(m, ctx, (fv_dtype)t, 1, &unused);
    }
    fv_output(m, "mask", fv_conv2d(m, fv_concat(m, (fv_value[]){a, b}, 2), .filters = 2, .kernel = {1, 1}));
    fv_output(m, "numbers", fv_dense(m, fv_add(m, row, large), .name = "fc", .units = 5));
    if (status == FV_OK)
        status = fv_model_finish_outputs(m);
    if (status != FV_OK)
        fv_model_destroy(&m);
    *out = m;
    return status;
}

static fv_model *make(fv_ctx *ctx)
{
    fv_model *m = NULL;
    if (build(ctx, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *slot = &m->slots[i];
        if (slot->kind != FV_SLOT_STATE)
            continue;
        assert_true(fv_dtype_get(slot->dtype, fv_tensor_data(slot->data), 59) == 1.0);
        for (int64_t k = 0; k < fv_tensor_count(slot->data); k++)
            fv_dtype_set(slot->dtype, fv_tensor_data(slot->data), k, element(slot->dtype, k));
    }
    return m;
}

static void assert_same(fv_model *a, fv_model *b)
{
    char x[65], y[65];
    uint8_t first[32], second[32];
    fv_model_sha256(a, x);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    fv_graph_digest(a->graph, first);
    fv_graph_digest(b->graph, second);
    assert_memory_equal(first, second, 32);
    assert_int_equal(a->n_slots, b->n_slots);
    for (int i = 0; i < a->n_slots; i++) {
        assert_int_equal(a->slots[i].dtype, b->slots[i].dtype);
        assert_memory_equal(fv_tensor_data(a->slots[i].data), fv_tensor_data(b->slots[i].data),
                            fv_tensor_bytes(a->slots[i].data));
    }
    for (int32_t i = 0; i < a->graph->n_vals; i++) {
        const fv_val *v = a->graph->vals[i], *w = fv_graph_find(b->graph, v->name);
        if (v->role != FV_ROLE_CONST)
            continue;
        assert_true(w && w->role == FV_ROLE_CONST && w->dtype == v->dtype);
        assert_int_equal(fv_tensor_bytes(v->elements), fv_tensor_bytes(w->elements));
        assert_memory_equal(fv_tensor_data(v->elements), fv_tensor_data(w->elements), fv_tensor_bytes(v->elements));
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx), *clone = NULL, *back = NULL;
    const char *path = fv_test_path(dir, "values.safetensors");
    fv_tensor_file *file = NULL;
    for (int32_t i = 0; i < m->graph->n_vals; i++) {
        const fv_val *v = m->graph->vals[i];
        for (int64_t k = 0; v->role == FV_ROLE_CONST && k < fv_tensor_count(v->elements); k++)
            assert_true(fv_dtype_get(v->dtype, fv_tensor_data(v->elements), k) == element(v->dtype, k));
    }
    assert_int_equal(fv_model_clone(m, &clone), FV_OK);
    assert_same(m, clone);
    if (fv_model_save(m, path) != FV_OK || fv_model_load(ctx, path, &back) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_same(m, back);
    assert_int_equal(back->graph->n_outputs, 2);
    assert_string_equal(back->graph->output_names[0], "mask");
    assert_string_equal(back->graph->output_names[1], "numbers");
    /* Constants of more than FV_CONST_INLINE elements are tensors of the file, smaller ones stand in the graph. */
    assert_int_equal(fv_safetensors_open(ctx, path, &file), FV_OK);
    for (int t = 0; t < FV_DTYPE_COUNT; t++) {
        char name[32];
        snprintf(name, sizeof name, "const.%s.200", fv_dtype_name((fv_dtype)t));
        const fv_st_entry *entry = fv_tensor_file_find(file, name);
        assert_true(entry && entry->dtype == t);
        snprintf(name, sizeof name, "const.%s.3", fv_dtype_name((fv_dtype)t));
        assert_null(fv_tensor_file_find(file, name));
    }
    assert_null(fv_tensor_file_metadata(file, "fovea.pipeline"));
    assert_null(fv_tensor_file_metadata(file, "fovea.selftest"));
    fv_tensor_file_close(&file);
    /* The sum of weights notices what is not f32 as well. */
    char before[65], after[65];
    fv_model_sha256(back, before);
    fv_slot *slot = fv_model_slot(back, "state.i64");
    fv_dtype_set(FV_I64, fv_tensor_data(slot->data), 59, 77.0);
    fv_model_sha256(back, after);
    assert_string_not_equal(before, after);
    /* Weights by name: the dtype of a state must be its own. */
    assert_int_equal(fv_model_load_weights(back, path, false, NULL), FV_OK);
    fv_model_sha256(back, after);
    assert_string_equal(before, after);
    fv_model_destroy(&back);
    fv_model_destroy(&clone);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* A state of another dtype in the file is no state of this model. */
static void test_other_dtype(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "other.safetensors");
    fv_model *m[2];
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fv_model_create(ctx, &m[k]), FV_OK);
        fv_value x = fv_input_tensor(m[k], "x", FV_F32, &(fv_shape){2, {1, 3}});
        fv_state(m[k], "seen", k ? FV_I64 : FV_I32, &(fv_shape){1, {2}}, 5);
        fv_output(m[k], NULL, x);
        assert_int_equal(fv_model_finish_outputs(m[k]), FV_OK);
    }
    assert_int_equal(fv_model_save(m[0], path), FV_OK);
    assert_int_equal(fv_model_load_weights(m[1], path, false, NULL), FV_ERR_MODEL_MISMATCH);
    assert_non_null(strstr(fv_ctx_error(ctx), "'seen' is I32: the model holds I64"));
    fv_model_destroy(&m[0]);
    fv_model_destroy(&m[1]);
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx);
    fv_predictor *predictor = NULL;
    assert_false(fv_model_is_plain(m));
    assert_int_equal(fv_predictor_create(&m, 1, NULL, &predictor), FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(ctx), "has 4 inputs (no image alone) and 2 outputs, the first 'mask'"));
    assert_null(predictor);
    fv_model_destroy(&m);
    static const struct {
        const char *what;
        fv_status status;
    } rows[] = {{"'x' is taken", FV_ERR_ARGUMENT},
                {"expected 1 as the first dimension", FV_ERR_SHAPE},
                {"names of outputs must be unique", FV_ERR_ARGUMENT},
                {"expected one or more of both", FV_ERR_ARGUMENT},
                {"parameters are trained as f32", FV_ERR_UNSUPPORTED}};
    for (int k = 0; k < 5; k++) {
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = fv_input_tensor(m, "x", FV_F32, &(fv_shape){2, {1, 3}});
        if (k == 0)
            fv_input_tensor(m, "x", FV_I32, &(fv_shape){1, {1}});
        if (k == 1)
            fv_input_tensor(m, "y", FV_F32, &(fv_shape){2, {2, 3}});
        if (k == 4)
            fv_model_new_param(m, "p", FV_ROLE_PARAM, FV_F16, &(fv_shape){1, {3}}, FV_INIT_CONSTANT, 0);
        for (int i = 0; k != 3 && i < 2; i++)
            fv_output(m, k == 2 || i == 0 ? "same" : "other", x);
        fv_status status = fv_model_finish_outputs(m);
        if (status != rows[k].status || !strstr(fv_ctx_error(ctx), rows[k].what))
            fail_msg("%d: %s", k, fv_ctx_error(ctx));
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static fv_status build_and_clone(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL, *clone = NULL;
    (void)arg;
    fv_status status = build(ctx, &m);
    if (status == FV_OK)
        status = fv_model_clone(m, &clone);
    fv_model_destroy(&m);
    fv_model_destroy(&clone);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(build_and_clone, NULL) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_dtype),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
