/* SPDX-License-Identifier: Apache-2.0 */
/* Advice: numbers of likeness that are known beforehand, amounts, and recipes that name layers of the network. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "train/freeze.h"
#include "train/rates.h"

static char folder[256];

static fv_dataset *digits(fv_ctx *ctx, int64_t count)
{
    fv_dataset *data = NULL;
    char path[4200];
    snprintf(path, sizeof path, "%s/%lld", folder, (long long)count);
    if (access(path, F_OK) != 0 && fv_make_digits(ctx, path, count, 10, 3) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    if (fv_dataset_open(ctx, path, &(fv_dataset_options){.split = "train"}, &data) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return data;
}

static fv_advice *advise(fv_ctx *ctx, fv_model *m, int64_t images, const fv_advise_options *o)
{
    fv_advice *advice = NULL;
    fv_dataset *data = digits(ctx, images);
    if (fv_advise(m, data, o, &advice) != FV_OK)
        fail_msg("%s (%s)", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_dataset_destroy(&data);
    return advice;
}

static void set(fv_model *m, const char *name, float value)
{
    fv_tensor *t = fv_model_find_tensor(m, name);
    assert_non_null(t);
    float *x = fv_tensor_data(t);
    for (size_t i = 0; i < fv_tensor_bytes(t) / sizeof *x; i++)
        x[i] = value;
}

/* The image itself behind a 1x1 filter of 1, a batch norm whose statistics are given, and a dense layer. */
static fv_model *plain(fv_ctx *ctx, float mean, float variance)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "conv", .filters = 1, .kernel = {1, 1}, .no_bias = true);
    x = fv_batch_norm(m, x, .name = "norm", .eps = 1e-5);
    x = fv_max_pool2d(m, x, .name = "pool", .size = {7, 7});
    x = fv_dense(m, fv_flatten(m, x), .name = "fc", .units = 10);
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_OK);
    set(m, "conv.weight", 1);
    set(m, "norm.running_mean", mean);
    set(m, "norm.running_var", variance);
    return m;
}

static void test_norm_distance(void **state)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    float mean[16], std[16];
    (void)state;
    fv_dataset *data = digits(ctx, 100);
    assert_int_equal(fv_dataset_statistics(data, 0, mean, std), FV_OK);
    fv_dataset_destroy(&data);
    const struct {
        float mean, variance;
        double distance;
    } rows[] = {{mean[0], std[0] * std[0], 0}, {mean[0] + 3, 1, 3}, {mean[0] - 1, 0.25f, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = plain(ctx, rows[i].mean, rows[i].variance);
        fv_advice *a = advise(ctx, m, 100, NULL);
        const fv_likeness *k = fv_advice_likeness(a);
        assert_int_equal(k->norms, 1);
        assert_int_equal(k->samples, 100);
        if (fabs(k->norm - rows[i].distance) > 1e-3)
            fail_msg("distance %g, expected %g", k->norm, rows[i].distance);
        assert_true(isnan(k->answers));
        fv_advice_destroy(&a);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* A last layer that says the same of all images tells nothing of them. */
static void test_answers_that_are_all_the_same(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    fv_model *m = plain(ctx, 0, 1);
    set(m, "fc.weight", 0);
    fv_advice *a = advise(ctx, m, 100, &(fv_advise_options){.own_head = true});
    const fv_likeness *k = fv_advice_likeness(a);
    assert_true(fabs(k->answers) < 1e-6);
    /* The geometric mean of three, the second of which is 4 at most. */
    const double norm = k->norm / FV_NEAR_NORM, probes = k->probes / FV_NEAR_PROBES;
    const double expected = cbrt((norm > 4 ? 4 : norm < 0.25 ? 0.25 : norm) * 4 * (probes > 4 ? 4 : probes));
    assert_true(fabs(k->distance - expected) < 1e-9);
    fv_advice_destroy(&a);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static fv_model *zoo_file(fv_ctx *ctx, const char *name)
{
    char path[4096];
    fv_model *m = NULL;
    snprintf(path, sizeof path, "%s/zoo/%s.safetensors", getenv("FOVEA_SOURCE_DIR"), name);
    if (fv_model_load(ctx, path, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

/* Digits to a network of digits: its last stage is the best one, and it knows what they are. */
static void test_own_data_are_similar(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    fv_model *m = zoo_file(ctx, "ds_cnn-digits");
    fv_advice *few = advise(ctx, m, 100, &(fv_advise_options){.own_head = true, .seed = 4});
    fv_advice *many = advise(ctx, m, 2000, &(fv_advise_options){.own_head = true, .samples = 80});
    const fv_likeness *k = fv_advice_likeness(few);
    assert_true(k->answers > 0.9 && k->answers <= 1.0 + 1e-9 && k->norms > 4 && k->distance < 1);
    assert_int_equal(fv_advice_cell(few), FV_CELL_TOP);
    assert_int_equal(fv_advice_cell(many), FV_CELL_LAST);
    assert_int_equal(fv_advice_likeness(many)->samples, 80);
    assert_int_equal(fv_advice_amounts(many)->typical, 200);
    assert_int_equal(fv_advice_amounts(few)->images, 100);
    assert_null(fv_advice_probe(few, k->n_probes));
    assert_non_null(fv_advice_probe(few, k->n_probes - 1));
    /* No thread changes a bit. */
    fv_ctx *other = fv_test_ctx(3, NULL, NULL);
    fv_model *same = zoo_file(other, "ds_cnn-digits");
    fv_advice *again = advise(other, same, 100, &(fv_advise_options){.own_head = true, .seed = 4, .workers = 2});
    assert_memory_equal(fv_advice_likeness(again), k, sizeof *k);
    for (int i = 0; i < k->n_probes; i++) {
        const fv_stage_probe *p = fv_advice_probe(few, i), *q = fv_advice_probe(again, i);
        assert_true(p->accuracy == q->accuracy && p->error == q->error && strcmp(p->name, q->name) == 0);
    }
    fv_advice_destroy(&again);
    fv_model_destroy(&same);
    fv_ctx_destroy(&other);
    fv_advice_destroy(&few);
    fv_advice_destroy(&many);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What recipes say is about layers of the network, and leaves the new one to be trained at the whole rate. */
static void test_recipes_name_layers(void **state)
{
    static const char *const names[] = {"lenet", "resnet8", "mobilenet_v1_0.25"};
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fv_model *m = NULL;
        const fv_zoo_options options = {.img_size = {32, 32}, .channels = 1, .dropout = -1};
        assert_int_equal(fv_model_zoo(ctx, names[i], &options, &m), FV_OK);
        assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
        fv_advice *a = advise(ctx, m, 100, &(fv_advise_options){.samples = 30});
        for (int cell = 0; cell < FV_CELL_COUNT; cell++) {
            const fv_transfer_recipe *r = fv_advice_recipe(a, (fv_transfer_cell)cell);
            const fv_fit_options o = {.lr_mult = r->lr_mult, .layer_decay = 1};
            bool frozen[400] = {false};
            double rate[400];
            int free_head = 0, kept = 0;
            assert_true(m->n_slots < 400);
            if (cell == FV_CELL_TOP || cell == FV_CELL_STAGES)
                assert_true(r->c > 0 && r->grid > 0 && r->epochs == 0 && !r->augment);
            else
                assert_true(r->c == 0 && r->epochs > 0 && r->lr > 0 && r->augment);
            assert_int_equal(fv_freeze_mark(m, r->freeze, frozen), FV_OK);
            if (fv_rates_mark(m, &o, rate) != FV_OK)
                fail_msg("%s: %s", names[i], fv_ctx_error(ctx));
            for (int s = 0; s < m->n_slots; s++) {
                free_head += m->slots[s].head && !frozen[s] && rate[s] == 1;
                kept += frozen[s];
                if (!m->slots[s].head && !frozen[s] && m->slots[s].kind != FV_SLOT_STATE)
                    assert_true(rate[s] < 1);
            }
            assert_int_equal(free_head, 2);
            assert_true(cell == FV_CELL_MORE ? kept == 0 : kept > 0);
            for (int rule = 0; rule < FV_RULE_COUNT; rule++)
                assert_true(strlen(fv_advice_rule(a, (fv_transfer_cell)cell, (fv_recipe_rule)rule)) > 20);
        }
        assert_null(fv_advice_recipe(a, FV_CELL_COUNT));
        fv_advice_destroy(&a);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* The dropout before the new layer follows from its weights and the images, and is none where the network has none. */
static void test_dropout(void **state)
{
    static const struct {
        double dropout; /* of the network */
        int64_t images;
        double rate; /* of log10(850 / images) / 4 in steps of 0.05: lenet's last layer has 84 * 10 + 10 */
        const char *says;
    } rows[] = {{0.5, 100, 0.25, "dropout 0.25: 850 weights of the new layer for 100 images are 8.5 for each"},
                {0.5, 300, 0.1, "dropout 0.1: 850 weights"},
                {0.5, 1000, 0, "dropout 0: 850 weights of the new layer for 1000 images are 0.85 for each"},
                {0, 100, 0, "this network has no dropout: left out"}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = NULL;
        const fv_zoo_options options = {.dropout = rows[i].dropout};
        assert_int_equal(fv_model_zoo(ctx, "lenet", &options, &m), FV_OK);
        assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
        fv_advice *a = advise(ctx, m, rows[i].images, &(fv_advise_options){.samples = 30});
        for (int cell = FV_CELL_LAST; cell <= FV_CELL_MORE; cell += FV_CELL_MORE - FV_CELL_LAST) {
            assert_true(fv_advice_recipe(a, (fv_transfer_cell)cell)->drop == rows[i].rate);
            const char *rule = fv_advice_rule(a, (fv_transfer_cell)cell, FV_RULE_DROP);
            if (!strstr(rule, rows[i].says))
                fail_msg("'%s' does not say '%s'", rule, rows[i].says);
        }
        fv_advice_destroy(&a);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Blocks of a network whose names have slashes, as Keras writes them. */
static void test_blocks_of_other_names(void **state)
{
    static const char *const names[] = {"net/Conv1",        "net/block_1_conv", "net/block_1_project",
                                        "net/block_2_conv", "net/block_3_conv", "net/block_3_project"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 28, 28, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        x = fv_conv2d(m, x, .name = names[i], .filters = 4, .kernel = {1, 1}, .stride = {1, 2});
    x = fv_dense(m, fv_flatten(m, x), .name = "top/one", .units = 8, .activation = FV_RELU);
    x = fv_dense(m, x, .name = "top/two", .units = 10);
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_OK);
    fv_advice *a = advise(ctx, m, 100, &(fv_advise_options){.samples = 30});
    const fv_transfer_recipe *r = fv_advice_recipe(a, FV_CELL_LAST);
    assert_string_equal(r->lr_mult, "*=0.01,net/block_3_*=0.1,top=0.1,top/two=1");
    assert_string_equal(r->freeze, "3"); /* Conv1 and block_1 */
    /* The last probe is of what the last layer reads, though that is called like it. */
    assert_string_equal(fv_advice_probe(a, fv_advice_likeness(a)->n_probes - 1)->name, "top/one.relu");
    fv_advice_destroy(&a);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Stages that tell classes apart are learned from; where none does, the network has to change. */
static void test_choice(void **state)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    (void)state;
    for (int shut = 0; shut < 2; shut++) {
        fv_model *m = plain(ctx, 3, 1); /* far from its own data */
        set(m, "conv.weight", shut ? 0 : 1);
        fv_advice *a = advise(ctx, m, 100, NULL);
        const double best = fv_advice_probe(a, fv_advice_likeness(a)->best)->accuracy;
        assert_int_equal(fv_advice_cell(a), FV_CELL_STAGES);
        assert_true(shut ? best < 0.2 : best > 0);
        assert_int_equal(fv_advice_choice(a), best < 0.55 ? FV_CELL_MORE : FV_CELL_STAGES);
        fv_advice_destroy(&a);
        fv_model_destroy(&m);
    }
    fv_model *m = zoo_file(ctx, "ds_cnn-digits");
    fv_advice *own = advise(ctx, m, 100, &(fv_advise_options){.own_head = true});
    assert_int_equal(fv_advice_choice(own), FV_CELL_TOP);
    fv_advice_destroy(&own);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = plain(ctx, 0, 1);
    fv_advice *a = NULL;
    (void)state;
    fv_dataset *data = digits(ctx, 100);
    assert_int_equal(fv_advise(m, data, &(fv_advise_options){.samples = 9}, &a), FV_ERR_DATA_EMPTY);
    assert_null(a);
    assert_non_null(strstr(fv_ctx_error(ctx), "of the 9 images"));
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    /* Nothing that new classes would need anew, as in a quantized network. */
    data = digits(ctx, 100);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_max_pool2d(m, fv_input(m, 28, 28, 1), .size = {14, 14});
    if (fv_model_finish(m, fv_flatten(m, x)) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_advise(m, data, NULL, &a), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "no last layer with weights"));
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    fv_test_dir_create(folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm_distance),
        cmocka_unit_test(test_answers_that_are_all_the_same),
        cmocka_unit_test(test_own_data_are_similar),
        cmocka_unit_test(test_recipes_name_layers),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_blocks_of_other_names),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_refusals),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fv_test_dir_remove(folder);
    return failed;
}
