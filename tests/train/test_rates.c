/* SPDX-License-Identifier: Apache-2.0 */
/* --lr-mult and --layer-decay: each tensor's share of the learning rate, and that its step is that of such a rate. */
#include "golden.h"

#include "train/layers.h"
#include "train/rates.h"

enum { N = 8 };

static fv_model *make(fv_ctx *ctx, const char *zoo)
{
    fv_model *m;
    assert_int_equal(fv_model_zoo(ctx, zoo, NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
    return m;
}

static double share_of(const fv_model *m, const double *share, const char *name)
{
    for (int i = 0; i < m->n_slots; i++)
        if (strcmp(m->slots[i].name, name) == 0)
            return share[i];
    fail_msg("no tensor %s", name);
    return 0;
}

static void test_shares(void **state)
{
    static const struct {
        const char *zoo, *mult, *freeze;
        double decay;
        const char *name;
        double share;
    } rows[] = {
        {"lenet", NULL, NULL, 1, "conv1.weight", 1},
        {"lenet", "conv*=0.01,fc3=0.1", NULL, 1, "conv2.bias", 0.01},
        {"lenet", "conv*=0.01,fc3=0.1", NULL, 1, "fc3.weight", 0.1},
        {"lenet", "conv*=0.01,fc3=0.1", NULL, 1, "fc1.weight", 1},
        {"lenet", "*=0.5,fc3=10,fc3.bias=2", NULL, 1, "fc3.bias", 2}, /* the last that names it */
        {"lenet", "*=0.5", "conv1", 1, "conv1.weight", 0},
        {"lenet", NULL, NULL, 0.5, "fc3.bias", 1},
        {"lenet", NULL, NULL, 0.5, "fc2.bias", 0.5},
        {"lenet", NULL, NULL, 0.5, "conv1.weight", 0.0625},
        {"lenet", "conv1=2", NULL, 0.5, "conv1.weight", 0.125},
        {"resnet8", NULL, NULL, 0.5, "bn1.weight", 0}, /* set below */
        {"resnet8", "*.bn?=3", NULL, 1, "layer1.0.bn1.bias", 3},
        {"resnet8", "layer1.0=3", NULL, 1, "layer1.0.conv1.weight", 3},
        {"resnet8", NULL, NULL, 1, "layer1.0.bn1.running_mean", 0},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = make(ctx, rows[k].zoo);
        double share[200], want = rows[k].share;
        const fv_fit_options o =
            FV_FIT_OPTIONS(.lr_mult = rows[k].mult, .layer_decay = rows[k].decay, .freeze = rows[k].freeze);
        if (fv_fit_shares(m, &o, 1, share) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        if (strcmp(rows[k].name, "bn1.weight") == 0)
            want = share_of(m, share, "conv1.weight"); /* of one layer */
        if (share_of(m, share, rows[k].name) != want)
            fail_msg("%s %s: share %g, expected %g", rows[k].zoo, rows[k].name, share_of(m, share, rows[k].name), want);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void expect_tensor(fv_model *a, fv_model *b, const char *name, bool same)
{
    const fv_tensor *x = fv_model_find_tensor(a, name), *y = fv_model_find_tensor(b, name);
    const bool found = memcmp(fv_tensor_data((fv_tensor *)(uintptr_t)x), fv_tensor_data((fv_tensor *)(uintptr_t)y),
                              fv_tensor_bytes(x)) == 0;
    if (found != same)
        fail_msg("%s: %s", name, found ? "the same" : "differs");
}

/* A first step with shares is, tensor by tensor, one at that rate. */
static void test_steps(void **state)
{
    static const fv_optimizer_kind kinds[] = {FV_SGD, FV_ADAM, FV_ADAMW, FV_RMSPROP};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        static float images[N * 28 * 28];
        int32_t labels[N];
        fv_model *m[3];
        golden_batch(0, N, 28, 28, 1, images, labels);
        for (int i = 0; i < 3; i++) { /* with shares; at the whole rate; at a quarter of it */
            fv_trainer *t;
            double loss;
            const fv_fit_options o =
                FV_FIT_OPTIONS(.optimizer = kinds[k], .clip_norm = 1, .lr_mult = i == 0 ? "conv*=0.25,fc1=0.25" : NULL);
            m[i] = make(ctx, "lenet");
            assert_int_equal(fv_trainer_create(m[i], &o, &t), FV_OK);
            assert_int_equal(fv_trainer_gradient(t, images, labels, N, &loss), FV_OK);
            assert_int_equal(fv_trainer_apply(t, i == 2 ? 0.0078125 : 0.03125), FV_OK);
            fv_model_sync(m[i]);
            fv_trainer_destroy(&t);
        }
        expect_tensor(m[0], m[2], "conv1.weight", true);
        expect_tensor(m[0], m[2], "fc1.bias", true);
        expect_tensor(m[0], m[1], "fc2.weight", true);
        expect_tensor(m[0], m[1], "fc3.bias", true);
        expect_tensor(m[0], m[1], "conv2.weight", false);
        for (int i = 0; i < 3; i++)
            fv_model_destroy(&m[i]);
        fv_ctx_destroy(&ctx);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *mult, *says;
    } rows[] = {
        {"fc9=0.1",
         "--lr-mult: no tensor of model 'lenet' is called 'fc9'; its layers are conv1, conv2, fc1, fc2, fc3"},
        {"fc1", "found 'fc1', expected NAME=F"},
        {"fc1=", "found 'fc1=', expected NAME=F"},
        {"=0.1", "found '=0.1'"},
        {"fc1=0", "--freeze keeps tensors as they are"},
        {"fc1=-1", "factor above 0"},
        {"fc1=nan", "factor above 0"},
        {"fc1=0.1,,fc2=1", "found ''"},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx, "lenet");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        char text[1024];
        fv_trainer *t;
        const fv_fit_options o = FV_FIT_OPTIONS(.lr_mult = rows[k].mult);
        assert_int_equal(fv_trainer_create(m, &o, &t), FV_ERR_VALUE);
        snprintf(text, sizeof text, "%s; %s", fv_ctx_error(ctx), fv_ctx_hint(ctx));
        if (!strstr(text, rows[k].says))
            fail_msg("'%s' lacks '%s'", text, rows[k].says);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Parts end at dots and at slashes. */
static void test_layers_of_names(void **state)
{
    static const struct {
        const char *pattern, *tensor;
        bool is;
    } rows[] = {
        {"conv", "conv.weight", true},
        {"conv", "conv/kernel", true},
        {"conv", "conv2/kernel", false},
        {"block_1_*", "block_1_expand/kernel", true},
        {"block_1", "block_1_expand/kernel", false},
        {"block_1_*", "block_13_expand/kernel", false},
        {"net/conv", "net/conv/bias", true},
        {"fire2/squeeze", "fire2/squeeze.weight", true},
        {"fire2", "fire2/squeeze.weight", true},
    };
    static const struct {
        const char *tensor, *layer;
    } layers[] = {{"features.0.weight", "features.0"},
                  {"block_1_expand/kernel", "block_1_expand"},
                  {"fire2/squeeze.weight", "fire2/squeeze"},
                  {"alone", "alone"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fv_layer_named(rows[i].pattern, rows[i].tensor) != rows[i].is)
            fail_msg("'%s' of '%s'", rows[i].pattern, rows[i].tensor);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        assert_int_equal(fv_layer_size(layers[i].tensor), strlen(layers[i].layer));
        assert_memory_equal(layers[i].tensor, layers[i].layer, strlen(layers[i].layer));
    }
}

/* Names of one network each, and their blocks. */
static void test_blocks_of_names(void **state)
{
    enum { MOST = 6 };
    static const struct {
        const char *trunk, *name[MOST], *block[MOST];
    } nets[] = {
        {"features.",
         {"features.0.weight", "features.3.squeeze.weight", "features.3.expand1x1.bias", "classifier.1.weight"},
         {"features.0", "features.3", "features.3", "classifier.1"}},
        {"", /* PyTorch's residual networks */
         {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.10.bn1.bias", "layer3.0.conv1.weight",
          "layer4.1.conv2.weight"},
         {"conv1", "bn1", "layer1.0", "layer2.10", "layer3.0", "layer4.1"}},
        {"features.", /* DenseNet: no part is a number */
         {"features.conv0.weight", "features.denseblock1.denselayer2.norm1.bias", "features.transition1.conv.weight"},
         {"features.conv0", "features.denseblock1", "features.transition1"}},
        {"", /* Keras */
         {"Conv1/kernel", "expanded_conv_project_BN/gamma", "block_1_expand/kernel", "block_13_expand_BN/beta",
          "conv2_block1_1_conv/kernel", "conv2d_7/bias"},
         {"Conv1", "expanded_conv_project_BN", "block_1", "block_13", "conv2_block1_1", "conv2d_7"}},
        {"", /* Caffe */
         {"conv1.weight", "fire2/squeeze1x1.weight", "fire2/expand3x3.bias", "inception_3a/1x1.weight"},
         {"conv1", "fire2", "fire2", "inception_3a"}},
        {"sequential_1/model1/", /* results of a network in a network */
         {"sequential_1/model1/Conv1.relu6", "sequential_1/model1/block_2_add", "sequential_1/model1/out_relu",
          "sequential_3/dense.relu"},
         {"sequential_1/model1/Conv1", "sequential_1/model1/block_2", "sequential_1/model1/out_relu", "sequential_3"}},
        {"/features/features.", /* ONNX, by PyTorch */
         {"/features/features.0/Conv", "/features/features.0/Relu", "/features/features.12/Conv", "/pool/Pool"},
         {"/features/features.0", "/features/features.0", "/features/features.12", "/pool"}},
        {"", {"0.weight", "2.weight", "5.bias"}, {"0", "2", "5"}},
        {"", {"Mixed_5b.branch1x1.conv.weight", "Conv2d_1a_3x3.conv.weight"}, {"Mixed_5b", "Conv2d_1a_3x3"}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++) {
        const char *trunk;
        int n = 0;
        while (n < MOST && nets[k].name[n])
            n++;
        const size_t size = fv_names_trunk(nets[k].name, n, &trunk);
        if (size != strlen(nets[k].trunk) || strncmp(trunk, nets[k].trunk, size) != 0)
            fail_msg("trunk '%.*s', expected '%s'", (int)size, trunk, nets[k].trunk);
        for (int i = 0; i < n; i++) {
            const size_t block = fv_block_size(nets[k].name[i], trunk, size);
            if (block != strlen(nets[k].block[i]) || strncmp(nets[k].name[i], nets[k].block[i], block) != 0)
                fail_msg("'%s': '%.*s', expected '%s'", nets[k].name[i], (int)block, nets[k].name[i], nets[k].block[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),          cmocka_unit_test(test_steps),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_layers_of_names), cmocka_unit_test(test_blocks_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
