/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: names, shapes, parameter counts and multiply-adds against torchvision's (tests/golden). */
#include "support/support.h"

#include <inttypes.h>
#include <math.h>

#include "model/model.h"

static fv_model *zoo(fv_ctx *ctx, const char *name, const fv_zoo_options *options)
{
    fv_model *m = NULL;
    if (fv_model_zoo(ctx, name, options, &m) != FV_OK)
        fail_msg("%s: %s (%s)", name, fv_ctx_error(ctx), fv_ctx_hint(ctx));
    assert_non_null(m);
    return m;
}

static FILE *golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", getenv("FOVEA_SOURCE_DIR"), name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is missing", path);
    return file;
}

static bool in_zoo(const char *name)
{
    for (int i = 0; fv_zoo_names()[i]; i++) {
        if (strcmp(fv_zoo_names()[i], name) == 0)
            return true;
    }
    return false;
}

static void test_counts(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    FILE *file = golden("param_counts.txt");
    char line[256], name[64], size[64];
    int64_t parameters;
    double macs;
    int seen = 0, known = 0;
    (void)state;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' || sscanf(line, "%63s %63s %" SCNd64 " %lf", name, size, &parameters, &macs) != 4)
            continue;
        if (!in_zoo(name))
            continue;
        fv_model *m = zoo(ctx, name, NULL);
        char text[64];
        int64_t h, w, c, sum = 0;
        double ours = 0;
        fv_model_input_size(m, &h, &w, &c);
        snprintf(text, sizeof text, "%" PRId64 "x%" PRId64 "x%" PRId64, c, h, w);
        assert_string_equal(text, size);
        assert_string_equal(fv_model_name(m), name);
        for (int i = 0; i < fv_model_layer_count(m); i++) {
            fv_layer_info info;
            fv_model_layer(m, i, &info);
            ours += info.training ? 0 : info.macs;
            sum += info.parameters;
        }
        if (fv_model_parameters(m) != parameters || sum != parameters || fabs(ours / macs - 1) > 0.01)
            fail_msg("%s: %lld parameters (layers %lld), %.0f multiply-adds: expected %lld and %.0f", name,
                     (long long)fv_model_parameters(m), (long long)sum, ours, (long long)parameters, macs);
        seen++;
        fv_model_destroy(&m);
    }
    while (fv_zoo_names()[known])
        known++;
    assert_int_equal(seen, known);
    fclose(file);
    fv_ctx_destroy(&ctx);
}

/* Every state_dict name with its shape, in order; batch counters at their place behind the running variance. */
static void test_names(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    FILE *file = golden("zoo_names.txt");
    char line[512], net[64], name[256], shape[96], text[96], current[64] = "";
    fv_model *m = NULL;
    int at = 0, counter = 0, nets = 0;
    (void)state;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' || sscanf(line, "%63s %255s %95s", net, name, shape) != 3 || !in_zoo(net))
            continue;
        if (strcmp(net, current) != 0) {
            if (m && (at != m->n_slots || counter != m->n_counters))
                fail_msg("%s: %d of %d tensors", current, at, m->n_slots);
            fv_model_destroy(&m);
            m = zoo(ctx, net, NULL);
            snprintf(current, sizeof current, "%s", net);
            at = counter = 0;
            nets++;
        }
        if (strcmp(shape, "-") == 0) {
            assert_true(counter < m->n_counters);
            assert_string_equal(m->counters[counter++].name, name);
            continue;
        }
        assert_true(at < m->n_slots);
        assert_string_equal(m->slots[at].name, name);
        assert_string_equal(fv_shape_text(&m->slots[at].file_shape, text), shape);
        at++;
    }
    assert_true(m && at == m->n_slots && counter == m->n_counters);
    assert_true(nets >= 8);
    fv_model_destroy(&m);
    fclose(file);
    fv_ctx_destroy(&ctx);
}

static void test_options(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int i = 0; fv_zoo_names()[i]; i++) {
        const char *name = fv_zoo_names()[i];
        const fv_zoo_options options = {.classes = 7, .img_size = {81, 97}, .channels = 2, .dropout = 0.25};
        fv_model *m = zoo(ctx, name, &options);
        int64_t h, w, c;
        int dropouts = 0, heads = 0, aux = 0;
        fv_aux_info head;
        fv_model_input_size(m, &h, &w, &c);
        assert_true(h == 81 && w == 97 && c == 2);
        assert_int_equal(fv_model_classes(m), 7);
        for (int k = 0; k < m->graph->n_nodes; k++)
            dropouts += strcmp(m->graph->nodes[k]->op->name, "dropout") == 0;
        assert_true(dropouts >= 1);
        for (int k = 0; k < m->n_slots; k++) {
            heads += m->slots[k].head;
            assert_true(!m->slots[k].head || m->slots[k].file_shape.dim[0] == 7);
        }
        while (fv_model_aux_head(m, aux, &head))
            aux++;
        assert_int_equal(heads, 2 * (1 + aux)); /* weight and bias of the last layer, and of those of auxiliary heads */
        fv_model_destroy(&m);
        m = zoo(ctx, name, &(fv_zoo_options){.dropout = 0});
        for (int k = 0; k < m->graph->n_nodes; k++)
            assert_string_not_equal(m->graph->nodes[k]->op->name, "dropout");
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Which values inference computes, and with which names the heads come and go. */
static void test_aux_heads(void **state)
{
    static const struct {
        const char *name, *heads;
        double weight;
        int count;
        int64_t with, without;
    } rows[] = {{"googlenet", "aux", 0.3, 2, 13004888, 6624904},
                {"inception_v3", "AuxLogits", 0.4, 1, 27161264, 23834568}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = zoo(ctx, rows[i].name, NULL);
        fv_aux_info head;
        int n = 0;
        for (; fv_model_aux_head(m, n, &head); n++) {
            assert_true(strncmp(head.name, rows[i].heads, strlen(rows[i].heads)) == 0);
            assert_true(head.weight == rows[i].weight);
        }
        assert_int_equal(n, rows[i].count);
        assert_int_equal(fv_model_parameters(m), rows[i].with);
        assert_int_equal(fv_model_aux_parameters(m), rows[i].with - rows[i].without);
        assert_int_equal(fv_model_drop_aux_heads(m), FV_OK);
        assert_int_equal(fv_model_parameters(m), rows[i].without);
        assert_int_equal(fv_model_aux_parameters(m), 0);
        assert_false(fv_model_aux_head(m, 0, &head));
        for (int k = 0; k < fv_model_layer_count(m); k++) {
            fv_layer_info info;
            fv_model_layer(m, k, &info);
            assert_false(info.training);
            assert_true(strncmp(info.name, rows[i].heads, strlen(rows[i].heads)) != 0);
        }
        assert_int_equal(fv_model_drop_aux_heads(m), FV_OK); /* nothing left to drop */
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_model_zoo(ctx, "resnet5O", NULL, &m), FV_ERR_UNKNOWN_OPTION);
    assert_null(m);
    assert_non_null(strstr(fv_ctx_error(ctx), "'resnet50'"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "mobilenet_v2"));
    assert_int_equal(fv_model_zoo(ctx, "resnet20", &(fv_zoo_options){.classes = -1}, &m), FV_ERR_VALUE);
    assert_int_equal(fv_model_zoo(ctx, "resnet20", &(fv_zoo_options){.dropout = 1}, &m), FV_ERR_VALUE);
    assert_null(m);
    /* Too small for the five poolings: the layer and its shapes are named. */
    assert_int_equal(fv_model_zoo(ctx, "vgg16", &(fv_zoo_options){.img_size = {16, 16}}, &m), FV_ERR_SHAPE);
    assert_non_null(strstr(fv_ctx_error(ctx), "vgg16: max_pool2d 'features.30'"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "1x1x1x512"));
    assert_null(m);
    fv_ctx_destroy(&ctx);
}

/* Receptive fields as published: 427 for ResNet-50's last stage, 212 for VGG-16's last pooling. */
static void test_receptive_fields(void **state)
{
    static const struct {
        const char *net, *layer;
        int64_t field, jump;
    } rows[] = {
        {"vgg16", "features.28", 196, 16},       {"vgg16", "features.30", 212, 32},
        {"resnet18", "layer4.1.conv2", 435, 32}, {"resnet50", "layer4.2.conv3", 427, 32},
        {"alexnet", "features.10", 163, 16},     {"mnist_cnn", "conv2", 8, 2},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = zoo(ctx, rows[i].net, NULL);
        bool seen = false;
        for (int k = 0; k < fv_model_layer_count(m); k++) {
            fv_layer_info info;
            fv_model_layer(m, k, &info);
            if (strcmp(info.name, rows[i].layer) != 0)
                continue;
            seen = true;
            for (int d = 0; d < 2; d++) {
                if (info.receptive_field[d] != rows[i].field || info.jump[d] != rows[i].jump)
                    fail_msg("%s %s: field %lld, jump %lld", rows[i].net, rows[i].layer,
                             (long long)info.receptive_field[d], (long long)info.jump[d]);
            }
        }
        assert_true(seen);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static fv_status build_resnet8(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL;
    (void)arg;
    fv_status status = fv_model_zoo(ctx, "resnet8", NULL, &m);
    fv_model_destroy(&m);
    return status;
}

static fv_status build_lenet(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL, *copy = NULL;
    (void)arg;
    fv_status status = fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.dropout = 0.5}, &m);
    if (status == FV_OK)
        status = fv_model_clone(m, &copy);
    if (status == FV_OK)
        status = fv_model_reset_head(m, 3, 1);
    fv_model_destroy(&copy);
    fv_model_destroy(&m);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(build_resnet8, NULL) > 20);
    assert_true(fv_test_each_allocation(build_lenet, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_aux_heads),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_receptive_fields),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
