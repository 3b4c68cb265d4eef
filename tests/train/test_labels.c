/* SPDX-License-Identifier: Apache-2.0 */
/* What a model trained in C carries into its file: names of its classes, how images are read, the license. */
#include "data/corpus.h"

#include <fovea/fovea.h>

static fv_status make_model(fv_ctx *ctx, int classes, fv_model **m)
{
    FV_TRY(fv_model_create(ctx, m));
    fv_value x = fv_input(*m, 8, 8, 3);
    x = fv_dense(*m, fv_flatten(*m, x), .units = classes);
    FV_TRY(fv_model_finish(*m, x));
    return fv_model_init(*m, 1, FV_INIT_DEFAULT);
}

static void trained_in_c(void **state)
{
    (void)state;
    char dir[256], path[300];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL, *loaded = NULL, *copy = NULL;
    fv_dataset *data = NULL;
    fv_test_dir_create(dir);
    planted_save(fv_test_path(dir, "train/ant/0.png"), corpus_flat(20, 20, 7));
    planted_save(fv_test_path(dir, "train/bee/0.png"), corpus_flat(30, 10, 9));
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &data), FV_OK);
    assert_int_equal(make_model(ctx, 2, &m), FV_OK);
    assert_false(fv_model_has_class_names(m));
    assert_string_equal(fv_model_class_name(m, 1), "1");
    fv_pipeline p = *fv_model_pipeline(m);
    p.mean[1] = 0.25f;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    assert_null(fv_model_card(m, FV_CARD_LICENSE));
    assert_int_equal(fv_model_set_card(m, FV_CARD_LICENSE, "bad \xFF"), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_set_card(m, FV_CARD_LICENSE, "CC-BY-4.0"), FV_OK);
    assert_int_equal(fv_model_set_card(m, FV_CARD_DATA, "two insects"), FV_OK);
    assert_int_equal(fv_model_set_card(m, FV_CARD_COUNT, "more"), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_set_card(m, FV_CARD_DATE, "2026-01-02"), FV_OK);
    assert_int_equal(fv_model_set_card(m, FV_CARD_DATE, ""), FV_OK);
    assert_int_equal(fv_fit(m, data, .epochs = 1, .batch_size = 2), FV_OK);
    assert_true(fv_model_has_class_names(m));
    snprintf(path, sizeof path, "%s/m.safetensors", dir);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    assert_int_equal(fv_model_load(ctx, path, &loaded), FV_OK);
    assert_int_equal(fv_model_clone(loaded, &copy), FV_OK);
    fv_model *const both[2] = {loaded, copy};
    for (int i = 0; i < 2; i++) {
        assert_string_equal(fv_model_class_name(both[i], 0), "ant");
        assert_string_equal(fv_model_class_name(both[i], 1), "bee");
        assert_true(fv_model_pipeline(both[i])->mean[1] == 0.25f);
        assert_string_equal(fv_model_card(both[i], FV_CARD_LICENSE), "CC-BY-4.0");
        assert_string_equal(fv_model_card(both[i], FV_CARD_DATA), "two insects");
        assert_null(fv_model_card(both[i], FV_CARD_DATE));
        assert_non_null(strstr(fv_model_card(both[i], FV_CARD_METRICS), "train_top1 "));
        assert_non_null(strstr(fv_model_card(both[i], FV_CARD_METRICS), " at epoch 1"));
    }
    /* Names that a model has are kept. */
    const char *const own[2] = {"x", "y"};
    assert_int_equal(fv_model_set_class_names(copy, own, 2), FV_OK);
    assert_int_equal(fv_fit(copy, data, .epochs = 1, .batch_size = 2), FV_OK);
    assert_string_equal(fv_model_class_name(copy, 0), "x");
    assert_int_equal(fv_model_set_card(copy, FV_CARD_LICENSE, NULL), FV_OK);
    assert_null(fv_model_card(copy, FV_CARD_LICENSE));
    /* Data that nobody named are told by their number; a new head has measured nothing. */
    assert_string_equal(fv_model_card(copy, FV_CARD_DATA), "two insects");
    assert_int_equal(fv_model_set_card(copy, FV_CARD_DATA, NULL), FV_OK);
    assert_int_equal(fv_fit(copy, data, .epochs = 1, .batch_size = 2), FV_OK);
    assert_string_equal(fv_model_card(copy, FV_CARD_DATA), "2 images of 2 classes");
    assert_non_null(fv_model_card(copy, FV_CARD_METRICS));
    assert_int_equal(fv_model_reset_head(copy, 3, 1), FV_OK);
    assert_null(fv_model_card(copy, FV_CARD_METRICS));
    assert_string_equal(fv_model_card(copy, FV_CARD_DATA), "2 images of 2 classes");
    fv_model_destroy(&copy);
    fv_model_destroy(&loaded);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trained_in_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
