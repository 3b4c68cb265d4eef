/* SPDX-License-Identifier: Apache-2.0 */
/* The number formula of tests/golden/README.md, and the networks that only tests build. */
#ifndef FV_TESTS_GOLDEN_H
#define FV_TESTS_GOLDEN_H

#include "support/support.h"

#include <math.h>
#include <unistd.h>

#include <fovea/fovea.h>

#include "model/model.h"

static inline uint64_t golden_mix(uint64_t s)
{
    uint64_t z = s + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint64_t golden_key(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001B3u;
    return h;
}

static inline double golden_x(uint64_t key, int64_t i)
{
    return (double)(golden_mix(key + (uint64_t)i) >> 40) / 8388608.0 - 1.0;
}

static inline bool golden_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* Where a tensor's numbers lie: base + scale * x. */
static inline void golden_range(const fv_slot *slot, double *base, double *scale)
{
    bool bias = golden_ends(slot->name, "bias");
    *base = 0;
    *scale = bias ? 0.05 : 0;
    if (slot->kind == FV_SLOT_STATE) {
        *base = golden_ends(slot->name, "running_var");
        *scale = 0;
    } else if (slot->kind == FV_SLOT_NORM) {
        bool last = strncmp(slot->name, "layer", 5) == 0 && golden_ends(slot->name, "bn2.weight");
        *base = bias ? 0 : last ? 0.1 : 1;
        *scale = last && !bias ? 0.01 : 0.1;
    } else if (slot->shape.rank == 1 && !bias) { /* PReLU; the exponent of a generalized mean */
        *base = golden_ends(slot->name, ".p") ? 3 : 0.25;
        *scale = 0.05;
    } else if (!bias) {
        int64_t first = slot->file_shape.dim[0];
        *scale = sqrt(6.0 / (double)(fv_shape_count(&slot->file_shape) / first));
    }
}

/* The formula's weights for every tensor of the model, in the file's order and transposed as from a file. */
static inline void golden_start(fv_model *model)
{
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        int64_t n = fv_shape_count(&slot->shape);
        float *file = malloc((size_t)n * sizeof *file);
        double base, scale;
        uint64_t key = golden_key(slot->name);
        assert_non_null(file);
        golden_range(slot, &base, &scale);
        for (int64_t k = 0; k < n; k++)
            file[k] = (float)(base + scale * golden_x(key, k));
        fv_slot_from_file(slot, file, 0, slot->outer, fv_slot_data(slot));
        free(file);
    }
    fv_model_touch(model);
}

/* Input of a step, n x h x w x c from the formula's NCHW; labels modulo 10. */
static inline void golden_batch(int64_t step, int64_t n, int64_t h, int64_t w, int64_t c, float *images,
                                int32_t *labels)
{
    char name[32];
    snprintf(name, sizeof name, "input.%lld", (long long)step);
    uint64_t key = golden_key(name);
    int64_t at = 0;
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t y = 0; y < h; y++)
                for (int64_t x = 0; x < w; x++)
                    images[((b * h + y) * w + x) * c + k] = (float)golden_x(key, at++);
    snprintf(name, sizeof name, "label.%lld", (long long)step);
    key = golden_key(name);
    for (int64_t b = 0; b < n; b++)
        labels[b] = (int32_t)(golden_mix(key + (uint64_t)b) % 10);
}

static inline fv_value golden_layer(fv_model *m, const char *op, fv_value x, const char *name, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){.name = name, .attributes = attributes});
}

/* opnet of tests/golden/README.md: a small network that meets every operator. */
static inline fv_model *golden_opnet(fv_ctx *ctx)
{
    fv_model *m;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 17, 17, 3);
    x = golden_layer(m, "pad", x, "pad", "pad=1,0,0,1");
    x = fv_conv2d(m, x, .name = "stem", .filters = 16, .kernel = {3, 3}, .stride = {2, 2}, .no_bias = true);
    x = fv_batch_norm(m, x, .name = "bn1");
    x = fv_activate(m, x, FV_HARD_SWISH);
    x = fv_conv2d(m, x, .name = "dw", .filters = 16, .kernel = {5, 5}, .pad = {2, 2, 2, 2}, .groups = -1,
                  .no_bias = true);
    x = fv_batch_norm(m, x, .name = "bn2", .eps = 1e-3, .momentum = 0.01);
    x = fv_activate(m, x, FV_SILU);
    x = fv_conv2d(m, x, .name = "grouped", .filters = 32, .kernel = {3, 3}, .pad = {2, 2, 2, 2}, .dilation = {2, 2},
                  .groups = 4);
    fv_value slope = fv_parameter(m, "prelu.weight", &(fv_shape){1, {32}}, FV_INIT_CONSTANT, 0.25);
    x = fv_layer(m, "prelu", (fv_value[]){x, slope}, 2, &(fv_layer_options){.name = "prelu"});
    fv_value s = fv_global_avg_pool(m, x);
    s = fv_conv2d(m, s, .name = "se_reduce", .filters = 8, .kernel = {1, 1}, .activation = FV_RELU);
    s = fv_conv2d(m, s, .name = "se_expand", .filters = 32, .kernel = {1, 1}, .activation = FV_HARD_SIGMOID);
    x = fv_mul(m, x, s);
    x = golden_layer(m, "lrn", x, "lrn", "size=5 alpha=0.1 beta=0.75 k=2");
    fv_value y =
        fv_conv2d(m, x, .name = "down", .filters = 24, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    y = golden_layer(m, "leaky_relu", y, "leaky", "alpha=0.1");
    y = fv_conv_transpose2d(m, y, .name = "up", .filters = 12, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1},
                            .output_pad = {1, 1}, .activation = FV_RELU6);
    fv_value z = fv_conv2d(m, x, .name = "branch", .filters = 12, .kernel = {1, 1}, .activation = FV_TANH);
    fv_value u = fv_avg_pool2d(m, z, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .exclude_pad = true);
    u = golden_layer(m, "upsample2d", u, "up_u", "scale=2 mode=bilinear");
    fv_value v = fv_conv_transpose2d(m, y, .name = "up_dw", .filters = 12, .kernel = {2, 2}, .stride = {2, 2},
                                     .groups = 12, .no_bias = true);
    v = fv_max_pool2d(m, v, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    fv_value w = fv_avg_pool2d(m, z, .size = {2, 2});
    w = golden_layer(m, "upsample2d", w, "up_w", "scale=2 mode=nearest");
    fv_value c = fv_concat(m, (fv_value[]){y, u, v, w}, 4);
    c = golden_layer(m, "channel_shuffle", c, "shuffle", "groups=4");
    c = fv_batch_norm(m, c, .name = "bn3");
    fv_value a = golden_layer(m, "slice", c, "split_a", "begin=0 count=16");
    fv_value b = golden_layer(m, "slice", c, "split_b", "begin=16 count=32");
    c = fv_concat(m, (fv_value[]){fv_activate(m, b, FV_SIGMOID), a}, 2);
    c = fv_conv2d(m, c, .name = "mix", .filters = 16, .kernel = {3, 3}, .stride = {2, 1}, .pad = {0, 1, 0, 1},
                  .groups = 2, .no_bias = true);
    fv_value gate = fv_conv2d(m, c, .name = "gate", .filters = 16, .kernel = {1, 1});
    gate = golden_layer(m, "softmax", gate, "gate_softmax", NULL);
    c = fv_add(m, c, fv_mul(m, c, gate));
    c = fv_avg_pool2d(m, c, .size = {1, 3}, .stride = {1, 2}, .pad = {0, 1, 0, 1});
    c = fv_flatten(m, c);
    c = fv_dense(m, c, .name = "fc1", .units = 32, .activation = FV_RELU);
    c = fv_dense(m, c, .name = "fc2", .units = 10);
    fv_status status = fv_model_finish(m, c);
    if (status != FV_OK)
        fail_msg("opnet: %s", fv_ctx_error(ctx));
    return m;
}

/* headnet of tests/golden/README.md, from an architecture file: an auxiliary head in the middle. */
static inline fv_model *golden_headnet(fv_ctx *ctx)
{
    static const char text[] = "name: headnet\n"
                               "input: [18, 18, 3]\n"
                               "layers:\n"
                               "  - conv2d: {filters: 8, kernel: 3, pad: 1, activation: relu, name: conv1}\n"
                               "  - max_pool2d: 2\n"
                               "  - conv2d: {filters: 12, kernel: 3, pad: 1, bias: false, name: conv2}\n"
                               "  - batch_norm: {activation: relu, name: bn2}\n"
                               "  - aux: 0.3\n"
                               "    layers:\n"
                               "      - adaptive_avg_pool2d: {output: 4}\n"
                               "      - conv2d: {filters: 6, kernel: 1, bias: false, name: conv}\n"
                               "      - batch_norm: {activation: relu, name: bn}\n"
                               "      - flatten\n"
                               "      - dense: {units: 20, activation: relu, name: fc1}\n"
                               "      - dense: {units: 10, name: fc2}\n"
                               "  - conv2d: {filters: 16, kernel: 3, stride: 2, activation: relu, name: conv3}\n"
                               "  - global_avg_pool\n"
                               "  - flatten\n"
                               "  - dense: {units: 10, name: fc}\n";
    char path[] = "/tmp/fovea-headnet-XXXXXX.yaml";
    fv_model *m = NULL;
    const int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    const fv_status status = fv_model_read_architecture(ctx, path, NULL, &m);
    unlink(path);
    if (status != FV_OK)
        fail_msg("headnet: %s (%s)", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    return m;
}

/* gemnet of tests/golden/README.md: a body whose own head gives way to one with a trained pooling. */
static inline fv_model *golden_gemnet(fv_ctx *ctx)
{
    fv_model *m;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 12, 12, 3);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 8, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_conv2d(m, x, .name = "conv2", .filters = 12, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 30, .activation = FV_RELU);
    x = fv_dense(m, fv_dropout(m, x, 0.5), .name = "fc2", .units = 7);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    const fv_head_options o = {.layers = "20,gelu", .pool = FV_POOL_GEM, .classes = 10};
    if (fv_model_replace_head(m, &o, NULL) != FV_OK)
        fail_msg("gemnet: %s (%s)", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    return m;
}

#endif
