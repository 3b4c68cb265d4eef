/* SPDX-License-Identifier: Apache-2.0 */
/* Architecture files: what they can say, and where they are wrong. */
#include "support/folder.h"

#include "model/model.h"

static const char *write_yaml(const char *text)
{
    const char *path = fv_test_path(dir, "net.yaml");
    fv_test_write_text(path, text);
    return path;
}

static fv_model *read_net(fv_ctx *ctx, const char *text, const fv_zoo_options *options)
{
    fv_model *m = NULL;
    if (fv_model_read_architecture(ctx, write_yaml(text), options, &m) != FV_OK)
        fail_msg("%s (%s)", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    return m;
}

static void assert_same_graph(fv_model *a, fv_model *b)
{
    char *s = NULL, *t = NULL;
    assert_int_equal(fv_model_text(a, &s), FV_OK);
    assert_int_equal(fv_model_text(b, &t), FV_OK);
    assert_string_equal(s, t);
    fv_text_free(a->ctx, s);
    fv_text_free(b->ctx, t);
}

/* A file and the C functions give the same graph. */
static void test_same_as_zoo(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    fv_model *a = read_net(ctx,
                           "\xEF\xBB\xBF# with a byte order mark and CRLF\r\n"
                           "input: [28, 28, 1]\r\n"
                           "layers:\r\n"
                           "  - conv2d: {filters: 32, kernel: 3, activation: relu, name: conv1}\r\n"
                           "  - max_pool2d: {size: 2}\r\n"
                           "  - conv2d: {filters: 64, kernel: [3, 3], activation: relu, name: conv2}\r\n"
                           "  - max_pool2d: 2\r\n"
                           "  - flatten\r\n"
                           "  - dense: {units: 10, name: fc}\r\n",
                           NULL);
    fv_model *b = NULL;
    assert_int_equal(fv_model_zoo(ctx, "mnist_cnn", NULL, &b), FV_OK);
    assert_same_graph(a, b);
    assert_string_equal(fv_model_name(a), "net");
    char x[65], y[65];
    assert_int_equal(fv_model_init(a, 1, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(a, x);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    fv_model_destroy(&a);
    fv_model_destroy(&b);
    fv_ctx_destroy(&ctx);
}

/* Blocks of the zoo are layers of files: a network of all of them, its parameters' names and shapes, and a copy of it.
 */
static void test_blocks(void **state)
{
    static const struct {
        const char *name;
        fv_shape shape; /* PyTorch's order */
    } rows[] = {
        {"neck.conv2.weight", {4, {4, 1, 3, 3}}},
        {"neck.downsample.0.weight", {4, {16, 8, 1, 1}}},
        {"mobile.block.0.0.weight", {4, {48, 16, 1, 1}}},
        {"mobile.block.1.0.weight", {4, {48, 1, 5, 5}}},
        {"mobile.block.2.fc1.weight", {4, {4, 48, 1, 1}}},
        {"mobile.block.3.0.weight", {4, {16, 48, 1, 1}}},
        {"squeeze_excite_1.fc2.weight", {4, {16, 2, 1, 1}}},
        {"shuffle_unit_1.branch1.0.weight", {4, {16, 1, 3, 3}}},
        {"shuffle_unit_2.branch2.5.weight", {4, {12, 12, 1, 1}}},
        {"wide.branch3.1.conv.weight", {4, {6, 3, 3, 3}}},
        {"dense.0.dense_block_1.denselayer2.norm1.weight", {1, {24}}},
        {"dense.1.dense_block_2.denselayer1.conv2.weight", {4, {4, 16, 3, 3}}},
        {"next.layer_scale", {3, {36, 1, 1}}},
        {"next.block.0.weight", {4, {36, 1, 5, 5}}},
        {"next.block.3.weight", {2, {72, 36}}},
        {"convnext_1.block.5.weight", {2, {36, 144}}},
        {"layer_norm_1.bias", {1, {36}}},
    };
    static const char text[] = "input: [16, 16, 3]\n"
                               "layers:\n"
                               "  - conv2d: {filters: 8, kernel: 3, pad: 1}\n"
                               "  - bottleneck: {filters: 16, groups: 4, name: neck}\n"
                               "  - bottleneck: {filters: 16}\n"
                               "  - inverted_residual: {filters: 16, expand: 3, kernel: 5, squeeze: 4, name: mobile}\n"
                               "  - squeeze_excite: 2\n"
                               "  - shuffle_unit: {filters: 24, stride: 2}\n"
                               "  - shuffle_unit: {filters: 24}\n"
                               "  - inception: {filters: [4, 2, 8, 3, 6, 2], name: wide}\n"
                               "  - repeat: 2\n"
                               "    name: dense\n"
                               "    layers:\n"
                               "      - dense_block: {layers: 2, growth: 4}\n"
                               "  - convnext: {kernel: 5, expand: 2, drop_path: 0.2, name: next}\n"
                               "  - convnext\n"
                               "  - layer_norm\n"
                               "  - gelu: {approximate: tanh}\n"
                               "  - layer_norm: {eps: 1e-5, bias: false, activation: gelu_tanh, name: last}\n"
                               "  - conv2d: {filters: 8, kernel: 1, activation: gelu}\n"
                               "  - global_avg_pool\n"
                               "  - dense: 5\n";
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    fv_model *m = read_net(ctx, text, NULL), *back = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fv_slot *slot = NULL;
        for (int k = 0; k < m->n_slots; k++)
            slot = strcmp(m->slots[k].name, rows[i].name) == 0 ? &m->slots[k] : slot;
        if (!slot || !fv_shape_equal(&slot->file_shape, &rows[i].shape))
            fail_msg("%s", rows[i].name);
    }
    assert_int_equal(fv_model_clone(m, &back), FV_OK);
    assert_same_graph(m, back);
    fv_model_destroy(&back);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* A stage of the zoo's network written as blocks has its layers, one for one. */
static void test_blocks_of_the_zoo(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *zoo = NULL;
    (void)state;
    fv_model *m = read_net(ctx,
                           "input: [64, 64, 3]\n"
                           "layers:\n"
                           "  - conv2d: {filters: 24, kernel: 3, stride: 2, pad: 1, bias: false, name: conv1.0}\n"
                           "  - batch_norm: {activation: relu, name: conv1.1}\n"
                           "  - max_pool2d: {size: 3, stride: 2, pad: 1}\n"
                           "  - shuffle_unit: {filters: 116, stride: 2, name: stage2.0}\n"
                           "  - shuffle_unit: {filters: 116, name: stage2.1}\n"
                           "  - shuffle_unit: {filters: 116, name: stage2.2}\n"
                           "  - shuffle_unit: {filters: 116, name: stage2.3}\n"
                           "  - global_avg_pool\n"
                           "  - dense: 10\n",
                           NULL);
    const fv_zoo_options options = {.img_size = {64, 64}, .dropout = -1};
    assert_int_equal(fv_model_zoo(ctx, "shufflenet_v2_x1_0", &options, &zoo), FV_OK);
    for (int i = 0; i < m->n_slots - 2; i++) {
        assert_string_equal(m->slots[i].name, zoo->slots[i].name);
        assert_true(fv_shape_equal(&m->slots[i].file_shape, &zoo->slots[i].file_shape));
    }
    for (int i = 0; i < m->graph->n_nodes && strcmp(m->graph->nodes[i]->op->name, "global_avg_pool") != 0; i++)
        assert_ptr_equal(m->graph->nodes[i]->op, zoo->graph->nodes[i]->op);
    assert_true(m->n_slots > 60);
    fv_model_destroy(&zoo);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_block_refusals(void **state)
{
    static const struct {
        const char *layer;
        fv_status status;
        const char *text;
    } rows[] = {
        {"bottleneck: {filters: 18}", FV_ERR_VALUE, "bottleneck 'bottleneck_1': filters=18: expected a multiple of 4"},
        {"bottleneck: {}", FV_ERR_VALUE, "net.yaml:3:5: bottleneck 'bottleneck_1': filters=0"},
        {"inverted_residual: {expand: 2}", FV_ERR_VALUE, "inverted_residual 'inverted_residual_1': filters=0"},
        {"squeeze_excite: {}", FV_ERR_VALUE, "squeeze_excite_1.fc1"},
        {"shuffle_unit: {filters: 12}", FV_ERR_VALUE, "as many as come in"},
        {"shuffle_unit: {filters: 7, stride: 2}", FV_ERR_VALUE, "an even number"},
        {"inception: {filters: [1, 2, 3]}", FV_ERR_VALUE, "expected six numbers"},
        {"inception: {filters: [1, 2, 3, 0, 1, 2]}", FV_ERR_VALUE, "filters"},
        {"dense_block: {growth: 3}", FV_ERR_VALUE, "layers=0"},
        {"convnext: {kernel: 4}", FV_ERR_VALUE, "convnext 'convnext_1': kernel=4: expected an odd number"},
        {"convnext: {drop_path: 1}", FV_ERR_VALUE, "drop_path"},
        {"bottleneck: {filter: 16}", FV_ERR_UNKNOWN_OPTION, "did you mean 'filters'"},
        {"botleneck: {filters: 16}", FV_ERR_UNKNOWN_OPTION, "did you mean 'bottleneck'"},
        {"botleneck: 16", FV_ERR_UNKNOWN_OPTION, "did you mean 'bottleneck'"},
        {"botleneck: [16]", FV_ERR_UNKNOWN_OPTION, "did you mean 'bottleneck'"},
        {"flatten\n  - bottleneck: {filters: 16}", FV_ERR_SHAPE, "expected n x h x w x c"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        fv_model *m = NULL;
        snprintf(text, sizeof text, "input: [16, 16, 8]\nlayers:\n  - %s\n  - global_avg_pool\n  - dense: 3\n",
                 rows[i].layer);
        const fv_status status = fv_model_read_architecture(ctx, write_yaml(text), NULL, &m);
        if (status != rows[i].status || !strstr(fv_ctx_error(ctx), rows[i].text))
            fail_msg("%s: %d, %s", rows[i].layer, status, fv_ctx_error(ctx));
        assert_null(m);
    }
    fv_ctx_destroy(&ctx);
}

static const char residual[] =
    "name: branches\n"
    "input: [16, 16, 3]\n"
    "layers:\n"
    "  - conv2d: {filters: 8, kernel: 3, same: true, bias: false, init: he_normal, id: stem}\n"
    "  - batch_norm: {activation: relu, eps: 1e-3}\n"
    "  - repeat: 2\n"
    "    name: unit\n"
    "    layers:\n"
    "      - conv2d: {filters: 8, kernel: 3, pad: 1, id: a}\n"
    "      - prelu: {shared: true}\n"
    "      - depthwise_conv2d: {kernel: 3, pad: [1, 1]}\n"
    "      - add: [previous, block]\n"
    "      - relu\n"
    "  - conv2d: {filters: 4, kernel: 1, id: left}\n"
    "  - conv_transpose2d: {filters: 6, kernel: 2, stride: 2, from: stem}\n"
    "  - avg_pool2d: {size: 2, id: right}\n"
    "  - concat: {from: [left, right], id: both}\n"
    "  - hard_swish:\n"
    "  - global_avg_pool\n"
    "  - sigmoid\n"
    "  - mul: {from: [both, previous], name: gate}\n"
    "  - upsample2d: {scale: 2, mode: bilinear}\n"
    "  - global_avg_pool\n"
    "  - dropout: 0.3\n"
    "  - dense: 5\n";

static void test_branches(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    fv_model *m = read_net(ctx, residual, NULL);
    assert_string_equal(fv_model_name(m), "branches");
    assert_int_equal(fv_model_classes(m), 5);
    /* 3x3x3x8 + 2x8 + 2 (3x3x8x8+8 + 1 + 3x3x8+8) + (8x4+4) + (8x6x4+6) + (10x5+5) */
    assert_int_equal(fv_model_parameters(m), 216 + 16 + 2 * (584 + 1 + 80) + 36 + 198 + 55);
    static const char *const names[] = {"stem.weight", "unit.0.a.weight", "unit.1.a.bias", "left.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!fv_model_find_tensor(m, names[i]))
            fail_msg("'%s' is missing", names[i]);
    }
    assert_null(fv_model_find_tensor(m, "stem.bias"));
    assert_int_equal(fv_model_slot(m, "stem.weight")->init, FV_INIT_HE_NORMAL);
    bool seen = false;
    for (int i = 0; i < fv_model_layer_count(m); i++) {
        fv_layer_info info;
        fv_model_layer(m, i, &info);
        if (strcmp(info.name, "gate") == 0) {
            seen = true;
            assert_true(info.output.dim[1] == 16 && info.output.dim[3] == 10);
        }
    }
    assert_true(seen);
    fv_model_destroy(&m);

    const fv_zoo_options options = {.classes = 9, .img_size = {24, 0}, .channels = 1, .dropout = 0};
    m = read_net(ctx, residual, &options);
    int64_t h, w, c;
    fv_model_input_size(m, &h, &w, &c);
    assert_true(h == 24 && w == 24 && c == 1);
    assert_int_equal(fv_model_classes(m), 9);
    for (int i = 0; i < m->graph->n_nodes; i++)
        assert_string_not_equal(m->graph->nodes[i]->op->name, "dropout");
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Heads branch off without a trace in what follows, and take the data's classes. */
static void test_aux_heads(void **state)
{
    static const char with[] =
        "input: [12, 12, 2]\n"
        "layers:\n"
        "  - conv2d: {filters: 4, kernel: 3, id: low}\n"
        "  - max_pool2d: 2\n"
        "  - aux: 0.25\n"
        "    name: side\n"
        "    from: low\n"
        "    layers: [flatten, {dense: {units: 6, id: hidden}}, relu, {dense: {units: 3, name: scores}}]\n"
        "  - repeat: 2\n"
        "    name: unit\n"
        "    layers:\n"
        "      - conv2d: {filters: 4, kernel: 3, pad: 1, name: conv}\n"
        "      - aux: 0.5\n"
        "        layers: [global_avg_pool, flatten, {dense: {units: 3, name: fc}}]\n"
        "      - relu\n"
        "  - flatten\n"
        "  - dense: {units: 3, name: fc}\n";
    static const char without[] = "input: [12, 12, 2]\n"
                                  "layers:\n"
                                  "  - conv2d: {filters: 4, kernel: 3, id: low}\n"
                                  "  - max_pool2d: 2\n"
                                  "  - repeat: 2\n"
                                  "    name: unit\n"
                                  "    layers:\n"
                                  "      - conv2d: {filters: 4, kernel: 3, pad: 1, name: conv}\n"
                                  "      - relu\n"
                                  "  - flatten\n"
                                  "  - dense: {units: 3, name: fc}\n";
    static const fv_aux_info heads[] = {{"side.scores", 0.25}, {"unit.0.aux2.fc", 0.5}, {"unit.1.aux3.fc", 0.5}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_aux_info head;
    (void)state;
    fv_model *m = read_net(ctx, with, NULL), *plain = read_net(ctx, without, NULL), *copy = NULL;
    for (int i = 0; i < 3; i++) {
        assert_true(fv_model_aux_head(m, i, &head));
        assert_string_equal(head.name, heads[i].name);
        assert_true(head.weight == heads[i].weight);
    }
    assert_false(fv_model_aux_head(m, 3, &head));
    assert_int_equal(fv_model_aux_parameters(m), 10 * 10 * 4 * 6 + 6 + 6 * 3 + 3 + 2 * (4 * 3 + 3));
    assert_int_equal(fv_model_parameters(m) - fv_model_aux_parameters(m), fv_model_parameters(plain));
    assert_int_equal(fv_model_clone(m, &copy), FV_OK);
    assert_same_graph(m, copy);
    /* What is left without heads has the same tensors in the same order. */
    assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_init(plain, 5, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_drop_aux_heads(m), FV_OK);
    assert_int_equal(m->n_slots, plain->n_slots);
    for (int i = 0; i < m->n_slots; i++) {
        assert_string_equal(m->slots[i].name, plain->slots[i].name);
        assert_memory_equal(fv_slot_data(&m->slots[i]), fv_slot_data(&plain->slots[i]),
                            fv_tensor_bytes(m->slots[i].data));
    }
    fv_model_destroy(&copy);
    fv_model_destroy(&plain);
    fv_model_destroy(&m);
    m = read_net(ctx, with, &(fv_zoo_options){.classes = 7, .dropout = -1});
    int heads_of_seven = 0;
    for (int i = 0; i < m->n_slots; i++)
        heads_of_seven += m->slots[i].head && m->slots[i].shape.dim[0] == 7;
    assert_int_equal(heads_of_seven, 2 * 4);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What is wrong, where, and what would be right. */
static void test_errors(void **state)
{
#define HEAD "input: [8, 8, 4]\nlayers:\n"
    static const struct {
        const char *text;
        fv_status status;
        const char *place, *words[3];
    } rows[] = {
        {HEAD "  - conv2d: {filters: 8, kernal: 3}\n", FV_ERR_UNKNOWN_OPTION, ":3:", {"kernal", "'kernel'"}},
        {HEAD "  - conv2: {filters: 8}\n", FV_ERR_UNKNOWN_OPTION, ":3:", {"'conv2'", "'conv2d'"}},
        {HEAD "  - conv2d: {filters: 8, kernel: 3}\n  - relux\n", FV_ERR_UNKNOWN_OPTION, ":4:", {"relux", "'relu"}},
        {HEAD "  - dense_bwd_data\n", FV_ERR_UNKNOWN_OPTION, ":3:", {"dense_bwd_data"}},
        {HEAD "  - conv2d: {filters: many, kernel: 3}\n", FV_ERR_VALUE, ":3:", {"filters", "many"}},
        {HEAD "  - conv2d: {filters: 0, kernel: 3}\n", FV_ERR_VALUE, ":3:", {"filters"}},
        {HEAD "  - conv2d: {kernel: 3}\n", FV_ERR_VALUE, ":3:", {"filters=0"}},
        {HEAD "  - conv2d: {filters: 8, kernel: 3, activation: rulu}\n", FV_ERR_VALUE, ":3:", {"rulu", "relu"}},
        {HEAD "  - conv2d: 8\n", FV_ERR_VALUE, ":3:", {"map"}},
        {HEAD "  - conv2d: {filters: 8, kernel: 3, groups: 3}\n",
         FV_ERR_SHAPE,
         ":3:",
         {"groups=3", "4 input channels"}},
        {HEAD "  - conv2d: {filters: 6, kernel: 3, groups: 4}\n", FV_ERR_SHAPE, ":3:", {"groups=4", "6 filters"}},
        {HEAD "  - max_pool2d: 4\n  - conv2d: {filters: 8, kernel: 3, name: late}\n",
         FV_ERR_SHAPE,
         ":4:",
         {"'late'", "2x2"}},
        {HEAD "  - conv2d: {filters: 8, kernel: 3, same: true, pad: 1}\n", FV_ERR_CONFLICT, ":3:", {"same", "pad"}},
        {HEAD "  - dense: 10\n", FV_ERR_SHAPE, ":3:", {"1x8x8x4", "one row"}},
        {HEAD "  - flatten\n  - conv2d: {filters: 8, kernel: 3}\n", FV_ERR_SHAPE, ":4:", {"1x256"}},
        {HEAD "  - max_pool2d: {size: 2, id: half}\n  - concat: [half, input]\n",
         FV_ERR_SHAPE,
         ":4:",
         {"1x8x8x4", "1x4x4x4"}},
        {HEAD "  - relu: {id: one}\n  - add: [one, on]\n", FV_ERR_UNKNOWN_OPTION, ":4:", {"'on'", "'one'"}},
        {HEAD "  - relu: {id: a}\n  - relu: {id: a}\n", FV_ERR_VALUE, ":4:", {"'a' is taken"}},
        {HEAD "  - add: {from: []}\n", FV_ERR_VALUE, ":3:", {"0 layers"}},
        {HEAD "  - dense: {units: 3, from: [input, input]}\n", FV_ERR_VALUE, ":3:", {"one input"}},
        {HEAD "  - repeat: 0\n    layers: [relu]\n", FV_ERR_VALUE, ":3:", {"1 to 1000"}},
        {HEAD "  - repeat: 2\n    layer: [relu]\n", FV_ERR_UNKNOWN_OPTION, ":4:", {"'layers'"}},
        {HEAD "  - repeat: 1000\n    layers: [{repeat: 1000, layers: [relu]}]\n",
         FV_ERR_VALUE,
         ":4:",
         {"more than 10000"}},
        {HEAD "  - aux: 0\n    layers: [flatten, dense: 3]\n  - flatten\n  - dense: 3\n",
         FV_ERR_VALUE,
         ":3:",
         {"weight 0", "above 0", "aux1.dense_1"}},
        {HEAD "  - aux: 0.3\n  - flatten\n  - dense: 3\n", FV_ERR_VALUE, ":3:", {"aux needs 'layers'"}},
        {HEAD "  - aux: 0.3\n    layer: [flatten]\n", FV_ERR_UNKNOWN_OPTION, ":4:", {"'layers'"}},
        {HEAD "  - aux: big\n    layers: [flatten, dense: 3]\n", FV_ERR_VALUE, ":3:", {"aux", "big"}},
        {HEAD "  - aux: 0.3\n    layers: [flatten, dense: 3]\n    from: [input, input]\n",
         FV_ERR_VALUE,
         ":3:",
         {"one input"}},
        {HEAD "  - aux: 0.3\n    layers: [flatten, dense: 4]\n  - flatten\n  - dense: 3\n",
         FV_ERR_SHAPE,
         "",
         {"aux1.dense_1", "1x4", "1x3"}},
        {HEAD "  - relu: {id: a}\n  - aux: 0.3\n    layers: [{relu: {id: b}}, flatten, dense: 3]\n  - add: [a, b]\n",
         FV_ERR_UNKNOWN_OPTION,
         ":6:",
         {"'b'"}},
        {HEAD "  - conv2d:\n    filters: 8\n", FV_ERR_VALUE, ":3:", {"indented"}},
        {"input: [8, 8]\nlayers: [relu]\n", FV_ERR_VALUE, ":1:", {"height, width and channels"}},
        {"input: [0, 8, 3]\nlayers: [relu]\n", FV_ERR_SHAPE, ":1:", {"sizes above 0"}},
        {"input: [8, 8, 3]\nlayres: [relu]\n", FV_ERR_UNKNOWN_OPTION, ":2:", {"'layers'"}},
        {"input: [8, 8, 3]\n", FV_ERR_VALUE, ":1:", {"'layers' is missing"}},
        {"input: [8, 8, 3]\nlayers: []\n", FV_ERR_VALUE, ":2:", {"list of layers"}},
        {"input: [8, 8, 3]\ninput: [8, 8, 3]\nlayers: [relu]\n", FV_ERR_SYNTAX, ":2:", {"input"}},
        {"input: [8, 8, 3]\nlayers:\n\t- relu\n", FV_ERR_SYNTAX, ":3:", {"tab"}},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = NULL;
        fv_status status = fv_model_read_architecture(ctx, write_yaml(rows[i].text), NULL, &m);
        char text[8192];
        snprintf(text, sizeof text, "%s | %s", fv_ctx_error(ctx), fv_ctx_hint(ctx));
        char place[32];
        snprintf(place, sizeof place, "net.yaml%s", rows[i].place);
        bool good = status == rows[i].status && !m && strstr(text, place);
        for (int k = 0; k < 3 && rows[i].words[k]; k++)
            good = good && strstr(text, rows[i].words[k]);
        if (!good)
            fail_msg("%s gave %s: %s", rows[i].text, fv_status_name(status), text);
    }
    fv_ctx_destroy(&ctx);
}

static fv_status read_once(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL;
    fv_status status = fv_model_read_architecture(ctx, arg, &(fv_zoo_options){.classes = 3, .dropout = -1}, &m);
    fv_model_destroy(&m);
    return status;
}

static void test_allocation_failures(void **state)
{
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s", write_yaml(residual));
    assert_true(fv_test_each_allocation(read_once, path) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),         cmocka_unit_test(test_blocks_of_the_zoo),
        cmocka_unit_test(test_block_refusals), cmocka_unit_test(test_same_as_zoo),
        cmocka_unit_test(test_branches),       cmocka_unit_test(test_aux_heads),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
