/* SPDX-License-Identifier: Apache-2.0 */
/* Features: which values a name means, their numbers, poolings, tables, and a classifier as a model. */
#define DIGITS_TRAIN 60
#define DIGITS_TEST  40
#include "train/digits_fixture.h"

#include <math.h>

#include "train/golden.h"
#include "transfer/features.h"
#include "transfer/stages.h"

/* ---- names ---- */

static void expect_stages(fv_model *m, const char *layers, const char *names)
{
    const fv_val **list;
    int count;
    char text[4096] = "";
    if (fv_stages_find(m, layers, &list, &count) != FV_OK)
        fail_msg("%s of %s: %s", layers, fv_model_name(m), fv_ctx_error(m->ctx));
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", list[i]->name);
    fv_free(m->ctx, list);
    assert_string_equal(text, names);
}

static void test_names(void **state)
{
    static const struct {
        const char *zoo;
        int64_t size, channels;
        const char *layers, *names;
    } rows[] = {
        {"squeezenet1_1", 64, 3, "all",
         "features.0.relu features.2 features.3.concat_1 features.4.concat_2 features.5 features.6.concat_3 "
         "features.7.concat_4 features.8 features.9.concat_5 features.10.concat_6 features.11.concat_7 "
         "features.12.concat_8 classifier.1.relu classifier.3"},
        {"squeezenet1_1", 64, 3, NULL, "features.12.concat_8"},
        /* A module ends with what it pools. */
        {"squeezenet1_1", 64, 3, "classifier,features", "classifier.3 features.12.concat_8"},
        {"squeezenet1_0", 64, 3, "features.2,features.6,features.11", "features.2 features.6 features.11"},
        {"vgg11_bn", 32, 3, "features,classifier,features.3", "features.28 classifier.6 features.3"},
        {"alexnet", 64, 3, "features,features.5", "features.12 features.5"},
        {"densenet121", 32, 3, "features,features.transition1,features.pool0",
         "features.norm5 features.transition1.avg_pool2d_1 features.pool0"},
        {"densenet121", 32, 3, "all",
         "features.norm0.relu features.pool0 features.denseblock1.denselayer5.concat_5 "
         "features.transition1.avg_pool2d_1 features.denseblock2.denselayer11.concat_17 "
         "features.transition2.avg_pool2d_2 features.denseblock3.denselayer23.concat_41 "
         "features.transition3.avg_pool2d_3 features.denseblock4.denselayer15.concat_57 relu global_avg_pool_1 "
         "classifier"},
        {"squeezenet1_1", 64, 3, "features.3,features.0,features.3.concat_1", "features.3.concat_1 features.0"},
        {"squeezenet1_1", 64, 3, "features.?.concat_?",
         "features.3.concat_1 features.4.concat_2 features.6.concat_3 features.7.concat_4 features.9.concat_5"},
        {"squeezenet1_1", 64, 3, "*.squeeze",
         "features.3.squeeze features.4.squeeze features.6.squeeze features.7.squeeze "
         "features.9.squeeze features.10.squeeze features.11.squeeze features.12.squeeze"},
        {"resnet8", 32, 3, "all", "bn1.relu layer1.0.relu_1 layer2.0.relu_2 layer3.0.relu_3 global_avg_pool_1 fc"},
        {"resnet8", 32, 3, NULL, "global_avg_pool_1"},
        {"resnet8", 32, 3, "layer2,layer1.0,bn1,layer1.0.bn2", "layer2.0.relu_2 layer1.0.relu_1 bn1 layer1.0.bn2"},
        {"lenet", 28, 1, "all", "conv1.relu max_pool2d_1 conv2.relu max_pool2d_2 fc1.relu fc2.relu fc3"},
        {"mobilenet_v2", 32, 3, "features.0,features.1,features.18,classifier",
         "features.0.1.relu6 features.1.conv.2 features.18.1.relu6 classifier.1"},
        {"mobilenet_v2", 32, 3, NULL, "global_avg_pool_1"},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = NULL;
        const fv_zoo_options options = {
            .classes = 10, .channels = rows[i].channels, .dropout = -1, .img_size = {rows[i].size, rows[i].size}};
        if (fv_model_zoo(ctx, rows[i].zoo, &options, &m) != FV_OK)
            fail_msg("%s: %s", rows[i].zoo, fv_ctx_error(ctx));
        expect_stages(m, rows[i].layers, rows[i].names);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *layers, *text;
    } rows[] = {
        {"conv7", "no layer 'conv7'"},     {"fc1.rellu", "did you mean 'fc1.relu'"},
        {"conv1,", "separated by commas"}, {"input", "is the image itself"},
        {"conv1.weight", "conv1.weight"},  {"nothing.*", "no layer 'nothing.*'"},
        {"", "separated by commas"},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_features *f;
        assert_int_equal(fv_features_create(m, &(fv_features_options){.layers = rows[i].layers}, &f), FV_ERR_VALUE);
        assert_null(f);
        if (!strstr(fv_ctx_error(ctx), rows[i].text))
            fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), rows[i].text);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- numbers ---- */

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((uint64_t)(i * 2654435761u) % 1999) / 999.0f - 1.0f;
}

/* Values asked for together, one in front of a normalization too, have the bits that each has alone and that a whole
 * network gives that computes layer by layer. */
static void test_bits(void **state)
{
    static const char *const zoo[] = {"squeezenet1_1", "resnet8", "mobilenet_v2", "shufflenet_v2_x0_5"};
    static const char *const raw[] = {"features.3.squeeze", "layer1.0.conv1", "features.1.conv.1", "conv1.0"};
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (size_t k = 0; k < FV_TEST_CASES(4, 2); k++) {
        fv_model *m = digits_net(ctx, zoo[k], 32, 3);
        fv_features *f, *one;
        const int64_t size = 32 * 32 * 3;
        assert_int_equal(fv_features_create(m, &(fv_features_options){.layers = "all"}, &f), FV_OK);
        float *x = malloc((size_t)(3 * size) * sizeof *x), *rows = malloc((size_t)(3 * f->width) * sizeof *rows),
              *row = NULL;
        fill(x, 3 * size);
        assert_int_equal(fv_features_prepare(f, 3), FV_OK);
        assert_int_equal(fv_features_rows(f, x, 3, rows), FV_OK);
        for (int s = 0; s < f->count; s += 3) {
            char names[200];
            const int64_t width = f->stages[s].width;
            snprintf(names, sizeof names, "%s%s%s", f->stages[s].name, s % 2 ? "," : "", s % 2 ? raw[k] : "");
            assert_int_equal(fv_features_create(m, &(fv_features_options){.layers = names}, &one), FV_OK);
            assert_int_equal(one->stages[0].width, width);
            row = realloc(row, (size_t)one->width * sizeof *row);
            assert_int_equal(fv_features_prepare(one, 1), FV_OK);
            assert_int_equal(fv_features_rows(one, x + 2 * size, 1, row), FV_OK);
            if (memcmp(row, rows + 2 * f->width + f->stages[s].begin, (size_t)width * sizeof *row) != 0)
                fail_msg("%s: '%s' has other bits as '%s'", zoo[k], f->stages[s].name, names);
            fv_features_destroy(&one);
        }
        fv_session *session;
        m->unfolded = true;
        assert_int_equal(fv_session_create(m, 3, &session), FV_OK);
        memcpy(fv_session_input(session), x, (size_t)(3 * size) * sizeof *x);
        assert_int_equal(fv_session_run(session), FV_OK);
        const fv_feature_stage *last = &f->stages[f->count - 1]; /* the network's own output */
        for (int i = 0; i < 3; i++)
            assert_memory_equal(fv_session_output(session, NULL) + i * last->width, rows + i * f->width + last->begin,
                                (size_t)last->width * sizeof *x);
        fv_session_destroy(&session);
        fv_features_destroy(&f);
        free(x);
        free(rows);
        free(row);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* What PyTorch's forward hooks give of modules in float64, by the modules' names (tests/golden/make_features.py): to
 * 1e-6 of the largest, or to twice what PyTorch's own float32 run is apart from it, where that is more. */
static void test_hooks(void **state)
{
    char path[600], zoo[32], module[64];
    long long count, stride;
    double most, apart;
    int lines = 0;
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    snprintf(path, sizeof path, "%s/tests/golden/features.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "%31s %63s %lld %lld %lf %lf", zoo, module, &count, &stride, &most, &apart) == 6) {
        const double bound = (2 * apart > 1e-6 ? 2 * apart : 1e-6) * most;
        float image[32 * 32 * 3];
        int32_t label;
        fv_model *m = digits_net(ctx, zoo, 32, 3);
        fv_features *f;
        golden_start(m);
        golden_batch(0, 1, 32, 32, 3, image, &label);
        if (fv_features_create(m, &(fv_features_options){.layers = module}, &f) != FV_OK)
            fail_msg("%s %s: %s", zoo, module, fv_ctx_error(ctx));
        assert_int_equal(f->width, count);
        float *row = malloc((size_t)(2 * count) * sizeof *row);
        assert_int_equal(fv_features_prepare(f, 1), FV_OK);
        assert_int_equal(fv_features_rows(f, image, 1, row), FV_OK);
        fv_feature_turn(&f->stages[0], true, row, row + count);
        for (int64_t i = 0; i < count; i += stride) {
            double expected;
            assert_int_equal(fscanf(file, "%lf", &expected), 1);
            if (!(fabs((double)row[count + i] - expected) <= bound))
                fail_msg("%s %s: number %lld is %.9g, expected %.9g to %g", zoo, module, (long long)i,
                         (double)row[count + i], expected, bound);
        }
        free(row);
        fv_features_destroy(&f);
        fv_model_destroy(&m);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 20);
    fv_ctx_destroy(&ctx);
}

/* Pooled rows against plain loops over the map. */
static void test_pools(void **state)
{
    static const int64_t grids[][2] = {{1, 1}, {2, 2}, {3, 2}, {64, 64}};
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 32, 3);
    fv_features *f, *pooled;
    float x[32 * 32 * 3];
    fill(x, 32 * 32 * 3);
    assert_int_equal(fv_features_create(m, &(fv_features_options){.layers = "layer3"}, &f), FV_OK);
    const int64_t h = 8, c = 64;
    assert_int_equal(f->width, h * h * c);
    float *map = malloc((size_t)f->width * sizeof *map), *row = malloc((size_t)f->width * sizeof *row);
    assert_int_equal(fv_features_prepare(f, 1), FV_OK);
    assert_int_equal(fv_features_rows(f, x, 1, map), FV_OK);
    for (int pool = FV_POOLING_AVG; pool < FV_POOLING_COUNT; pool++)
        for (size_t k = 0; k < sizeof grids / sizeof *grids; k++) {
            const fv_features_options o = {
                .layers = "layer3", .pool = (fv_pooling)pool, .grid = {grids[k][0], grids[k][1]}};
            const int64_t rows = grids[k][0] < h ? grids[k][0] : h, columns = grids[k][1] < h ? grids[k][1] : h;
            assert_int_equal(fv_features_create(m, &o, &pooled), FV_OK);
            assert_int_equal(pooled->width, rows * columns * c);
            assert_int_equal(pooled->stages[0].features.dim[1], rows);
            assert_int_equal(fv_features_prepare(pooled, 1), FV_OK);
            assert_int_equal(fv_features_rows(pooled, x, 1, row), FV_OK);
            for (int64_t i = 0; i < pooled->width; i++) {
                const int64_t cell = i / c, y0 = cell / columns * h / rows,
                              y1 = ((cell / columns + 1) * h + rows - 1) / rows, x0 = cell % columns * h / columns,
                              x1 = ((cell % columns + 1) * h + columns - 1) / columns;
                double sum = 0, most = -INFINITY, cubes = 0;
                for (int64_t v = y0; v < y1; v++)
                    for (int64_t u = x0; u < x1; u++) {
                        const double value = (double)map[(v * h + u) * c + i % c];
                        sum += value;
                        most = value > most ? value : most;
                        cubes += pow(value > 1e-6 ? value : 1e-6, 3);
                    }
                const double n = (double)((y1 - y0) * (x1 - x0));
                const double expected = pool == FV_POOLING_AVG   ? sum / n
                                        : pool == FV_POOLING_MAX ? most
                                                                 : pow(cubes / n, 1.0 / 3.0);
                if (fabs((double)row[i] - expected) > 1e-5 * (1 + fabs(expected)))
                    fail_msg("pool %d, grid %d, number %d: %g, expected %g", pool, (int)k, (int)i, (double)row[i],
                             expected);
            }
            fv_features_destroy(&pooled);
        }
    fv_features_destroy(&f);
    free(map);
    free(row);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- tables ---- */

static fv_feature_table *collect(fv_ctx *ctx, fv_model *m, const fv_features_options *o, int64_t memory)
{
    const fv_dataset_options split = {.split = "test"};
    fv_dataset *data;
    fv_features *f;
    fv_feature_table *t;
    assert_int_equal(fv_dataset_open(ctx, data_dir, &split, &data), FV_OK);
    assert_int_equal(fv_features_create(m, o, &f), FV_OK);
    if (fv_features_collect(f, data, &(fv_feature_table_options){.memory = memory, .folder = folder}, &t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_features_destroy(&f);
    fv_dataset_destroy(&data);
    return t;
}

/* Whatever the threads, images at a time, and the place where rows are kept. */
static void test_table(void **state)
{
    static const struct {
        int threads;
        int64_t batch, memory;
    } ways[] = {{1, 0, 0}, {3, 7, -1}, {2, 1, 1 << 20}};
    float *rows[3];
    (void)state;
    int64_t width = 0;
    for (int k = 0; k < 3; k++) {
        fv_ctx *ctx = fv_test_ctx(ways[k].threads, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        const fv_features_options o = {.layers = "conv1.relu,fc2.relu", .batch_size = ways[k].batch};
        fv_feature_table *t = collect(ctx, m, &o, ways[k].memory);
        assert_int_equal(fv_feature_table_count(t), 40);
        assert_int_equal(fv_feature_table_classes(t), 10);
        assert_string_equal(fv_feature_table_stage(t, 1)->name, "fc2.relu");
        assert_null(fv_feature_table_stage(t, 2));
        const int64_t one = fv_feature_table_stage(t, 0)->width, two = fv_feature_table_stage(t, 1)->width;
        width = 40 * (one + two);
        rows[k] = malloc((size_t)width * sizeof(float));
        assert_int_equal(fv_feature_table_get(t, 0, 0, 40, rows[k]), FV_OK);
        assert_int_equal(fv_feature_table_get(t, 1, 0, 25, rows[k] + 40 * one), FV_OK);
        assert_int_equal(fv_feature_table_get(t, 1, 25, 15, rows[k] + 40 * one + 25 * two), FV_OK);
        assert_int_equal(fv_feature_table_get(t, 1, 26, 15, rows[k]), FV_ERR_ARGUMENT);
        assert_true(strlen(fv_feature_table_name(t, 39)) > 0 && fv_feature_table_label(t, 39) >= 0);
        assert_int_equal(fv_feature_table_label(t, 40), -1);
        fv_feature_table_destroy(&t);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
        assert_memory_equal(rows[0], rows[k], (size_t)width * sizeof(float));
    }
    for (int k = 0; k < 3; k++)
        free(rows[k]);
}

/* The model of a classifier answers as the classifier does, is scored alike, and reads back so. */
static void test_model(void **state)
{
    static const struct {
        const char *zoo, *layers;
        int64_t size, channels, grid;
        fv_pooling pool;
    } ways[] = {{"lenet", NULL, 28, 1, 1, FV_POOLING_NONE},
                {"resnet8", "layer2", 32, 3, 2, FV_POOLING_AVG},
                {"resnet8", "layer3", 32, 3, 2, FV_POOLING_MAX},
                {"resnet8", "layer3", 32, 3, 1, FV_POOLING_GEM},
                {"resnet8", "layer3", 16, 3, 1, FV_POOLING_NONE}};
    char path[400];
    (void)state;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        fv_model *m = digits_net(ctx, ways[k].zoo, ways[k].size, ways[k].channels), *saved, *read;
        const fv_features_options o = {
            .layers = ways[k].layers, .pool = ways[k].pool, .grid = {ways[k].grid, ways[k].grid}};
        fv_feature_table *t = collect(ctx, m, &o, 0);
        const int64_t width = fv_feature_table_stage(t, 0)->width;
        float *x = malloc((size_t)(40 * width) * sizeof *x);
        int32_t y[40], said[40];
        const char *names[10];
        fv_linear *l;
        fv_metrics metrics;
        fv_dataset *data;
        int right = 0;
        assert_int_equal(fv_feature_table_get(t, 0, 0, 40, x), FV_OK);
        for (int i = 0; i < 40; i++)
            y[i] = fv_feature_table_label(t, i);
        for (int i = 0; i < 10; i++)
            names[i] = fv_feature_table_class_name(t, i);
        const fv_linear_data d = {x, y, NULL, 40, width, 10};
        assert_int_equal(fv_linear_fit(ctx, &d, &(fv_linear_options){.c = 0.02, .standardize = k % 2}, &l), FV_OK);
        fv_linear_predict(l, x, 40, said, NULL);
        for (int i = 0; i < 40; i++)
            right += said[i] == y[i];
        if (fv_linear_model(m, &o, l, names, &saved) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        snprintf(path, sizeof path, "%s/saved%d.safetensors", folder, (int)k);
        assert_int_equal(fv_model_save(saved, path), FV_OK);
        assert_int_equal(fv_model_load(ctx, path, &read), FV_OK);
        assert_int_equal(fv_model_selftest(read, NULL), FV_OK);
        data = digits_of(ctx, "test");
        assert_int_equal(fv_evaluate(read, data, 8, 1, &metrics), FV_OK);
        if (fabs(metrics.top1 * 40 - right) > 0.01)
            fail_msg("%s: %g right, %d by the classifier", ways[k].zoo, metrics.top1 * 40, right);
        fv_dataset_destroy(&data);
        fv_linear_destroy(&l);
        fv_model_destroy(&read);
        fv_model_destroy(&saved);
        fv_feature_table_destroy(&t);
        free(x);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* The tensors of a model are shared, and outlive the features. */
static void test_memory(void **state)
{
    int64_t before, behind, after;
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "mobilenet_v2", 32, 3);
    fv_features *f;
    fv_ctx_memory(ctx, &before, NULL);
    assert_int_equal(fv_features_create(m, &(fv_features_options){.layers = "features.18"}, &f), FV_OK);
    fv_ctx_memory(ctx, &behind, NULL);
    assert_true(behind - before < 2 << 20);
    assert_true(fv_features_use(f, "features.18.0.weight") && !fv_features_use(f, "classifier.1.weight"));
    fv_features_destroy(&f);
    fv_ctx_memory(ctx, &after, NULL);
    assert_int_equal(after, before);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_unknown_names), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_hooks), cmocka_unit_test(test_pools),         cmocka_unit_test(test_table),
        cmocka_unit_test(test_model), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
