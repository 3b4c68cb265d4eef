/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of branches side by side: GoogLeNet and Inception v3. Names are torchvision's. */
#include <stdio.h>
#include <string.h>

#include "nn/zoo.h"

/* "NAME.conv" and "NAME.bn" with ReLU. */
typedef struct conv_row {
    const char *name;
    int64_t filters, kernel[2], stride;
    bool valid; /* not padded; else by half the kernel */
} conv_row;

static fv_value row(fv_model *m, fv_value x, const conv_row *r)
{
    char conv[64], norm[64];
    const int64_t h = r->valid ? 0 : r->kernel[0] / 2, w = r->valid ? 0 : r->kernel[1] / 2;
    snprintf(conv, sizeof conv, "%s.conv", r->name);
    snprintf(norm, sizeof norm, "%s.bn", r->name);
    x = fv_conv2d(m, x, .name = conv, .filters = r->filters, .kernel = {r->kernel[0], r->kernel[1]},
                  .stride = {r->stride, r->stride}, .pad = {h, w, h, w}, .no_bias = true,
                  .init = FV_INIT_HE_NORMAL_FAN_OUT);
    return fv_batch_norm(m, x, .name = norm, .eps = 0.001, .activation = FV_RELU);
}

static fv_value basic(fv_model *m, fv_value x, const char *name, int64_t filters, int64_t kernel, int64_t stride)
{
    return row(m, x, &(conv_row){name, filters, {kernel, kernel}, stride, false});
}

fv_value fv_zoo_inception(fv_model *m, fv_value x, const int64_t filters[6])
{
    fv_value side[4];
    side[0] = basic(m, x, "branch1", filters[0], 1, 1);
    side[1] = basic(m, basic(m, x, "branch2.0", filters[1], 1, 1), "branch2.1", filters[2], 3, 1);
    side[2] = basic(m, basic(m, x, "branch3.0", filters[3], 1, 1), "branch3.1", filters[4], 3, 1);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}, .ceil = true);
    side[3] = basic(m, x, "branch4.1", filters[5], 1, 1);
    return fv_concat(m, side, 4);
}

/* An auxiliary head: means of a 4 x 4 grid, a 1x1, two dense layers. */
static void googlenet_aux(fv_model *m, fv_value x, const fv_zoo_net *net, const char *name)
{
    fv_prefix(m, name);
    x = basic(m, fv_zoo_pool_to(m, x, 4), "conv", 128, 1, 1);
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 1024, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->own_dropout ? 0.7 : net->dropout);
    fv_aux_head(m, fv_dense(m, x, .name = "fc2", .units = net->classes, .init = FV_INIT_GAUSSIAN), 0.3);
    fv_prefix(m, "");
}

/* Szegedy et al., "Going deeper with convolutions", 2014, with batch norm, as torchvision has it. */
fv_value fv_zoo_googlenet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        const char *name;
        int64_t filters[6], pool; /* pool: window of a pooling behind it */
        const char *aux;          /* an auxiliary head behind it, in front of the pooling */
    } rows[] = {{"inception3a", {64, 96, 128, 16, 32, 32}, 0, NULL},
                {"inception3b", {128, 128, 192, 32, 96, 64}, 3, NULL},
                {"inception4a", {192, 96, 208, 16, 48, 64}, 0, "aux1"},
                {"inception4b", {160, 112, 224, 24, 64, 64}, 0, NULL},
                {"inception4c", {128, 128, 256, 24, 64, 64}, 0, NULL},
                {"inception4d", {112, 144, 288, 32, 64, 64}, 0, "aux2"},
                {"inception4e", {256, 160, 320, 32, 128, 128}, 2, NULL},
                {"inception5a", {256, 160, 320, 32, 128, 128}, 0, NULL},
                {"inception5b", {384, 192, 384, 48, 128, 128}, 0, NULL}};
    enum { ROWS = sizeof rows / sizeof *rows };
    fv_value map[ROWS], x = fv_input(m, net->h, net->w, net->c);
    x = basic(m, x, "conv1", 64, 7, 2);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    x = basic(m, x, "conv2", 64, 1, 1);
    x = basic(m, x, "conv3", 192, 3, 1);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    for (int i = 0; i < ROWS; i++) {
        const int64_t pool = rows[i].pool;
        fv_prefix(m, rows[i].name);
        x = map[i] = fv_zoo_inception(m, x, rows[i].filters);
        fv_prefix(m, "");
        if (pool)
            x = fv_max_pool2d(m, x, .size = {pool, pool}, .stride = {2, 2}, .ceil = true);
    }
    for (int i = 0; i < ROWS; i++)
        if (rows[i].aux)
            googlenet_aux(m, map[i], net, rows[i].aux);
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_DEFAULT);
}

/* ---- Inception v3 ---- */

/* One behind the other, up to a row without a name. */
static fv_value chain(fv_model *m, fv_value x, const conv_row *rows)
{
    for (; rows->name; rows++)
        x = row(m, x, rows);
    return x;
}

/* What every block ends with: the mean of the neighborhood, and a 1x1. */
static fv_value pooled(fv_model *m, fv_value x, int64_t filters)
{
    x = fv_avg_pool2d(m, x, .size = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1});
    return basic(m, x, "branch_pool", filters, 1, 1);
}

static fv_value halved(fv_model *m, fv_value x)
{
    return fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2});
}

static fv_value block_a(fv_model *m, fv_value x, int64_t filters)
{
    static const conv_row five[] = {{"branch5x5_1", 48, {1, 1}, 1, false}, {"branch5x5_2", 64, {5, 5}, 1, false}, {0}},
                          three[] = {{"branch3x3dbl_1", 64, {1, 1}, 1, false},
                                     {"branch3x3dbl_2", 96, {3, 3}, 1, false},
                                     {"branch3x3dbl_3", 96, {3, 3}, 1, false},
                                     {0}};
    fv_value side[4];
    side[0] = basic(m, x, "branch1x1", 64, 1, 1);
    side[1] = chain(m, x, five);
    side[2] = chain(m, x, three);
    side[3] = pooled(m, x, filters);
    return fv_concat(m, side, 4);
}

static fv_value block_b(fv_model *m, fv_value x, int64_t unused)
{
    static const conv_row one[] = {{"branch3x3", 384, {3, 3}, 2, true}, {0}},
                          three[] = {{"branch3x3dbl_1", 64, {1, 1}, 1, false},
                                     {"branch3x3dbl_2", 96, {3, 3}, 1, false},
                                     {"branch3x3dbl_3", 96, {3, 3}, 2, true},
                                     {0}};
    fv_value side[3];
    (void)unused;
    side[0] = chain(m, x, one);
    side[1] = chain(m, x, three);
    side[2] = halved(m, x);
    return fv_concat(m, side, 3);
}

/* `c`: channels of the 1x7 and 7x1 in the middle. */
static fv_value block_c(fv_model *m, fv_value x, int64_t c)
{
    const conv_row seven[] = {{"branch7x7_1", c, {1, 1}, 1, false},
                              {"branch7x7_2", c, {1, 7}, 1, false},
                              {"branch7x7_3", 192, {7, 1}, 1, false},
                              {0}},
                   twice[] = {{"branch7x7dbl_1", c, {1, 1}, 1, false},   {"branch7x7dbl_2", c, {7, 1}, 1, false},
                              {"branch7x7dbl_3", c, {1, 7}, 1, false},   {"branch7x7dbl_4", c, {7, 1}, 1, false},
                              {"branch7x7dbl_5", 192, {1, 7}, 1, false}, {0}};
    fv_value side[4];
    side[0] = basic(m, x, "branch1x1", 192, 1, 1);
    side[1] = chain(m, x, seven);
    side[2] = chain(m, x, twice);
    side[3] = pooled(m, x, 192);
    return fv_concat(m, side, 4);
}

static fv_value block_d(fv_model *m, fv_value x, int64_t unused)
{
    static const conv_row three[] = {{"branch3x3_1", 192, {1, 1}, 1, false},
                                     {"branch3x3_2", 320, {3, 3}, 2, true},
                                     {0}},
                          seven[] = {{"branch7x7x3_1", 192, {1, 1}, 1, false},
                                     {"branch7x7x3_2", 192, {1, 7}, 1, false},
                                     {"branch7x7x3_3", 192, {7, 1}, 1, false},
                                     {"branch7x7x3_4", 192, {3, 3}, 2, true},
                                     {0}};
    fv_value side[3];
    (void)unused;
    side[0] = chain(m, x, three);
    side[1] = chain(m, x, seven);
    side[2] = halved(m, x);
    return fv_concat(m, side, 3);
}

/* 1x3 and 3x1 of the same input, side by side. */
static fv_value fork(fv_model *m, fv_value x, const char *wide, const char *high)
{
    fv_value side[2];
    side[0] = row(m, x, &(conv_row){wide, 384, {1, 3}, 1, false});
    side[1] = row(m, x, &(conv_row){high, 384, {3, 1}, 1, false});
    return fv_concat(m, side, 2);
}

static fv_value block_e(fv_model *m, fv_value x, int64_t unused)
{
    static const conv_row twice[] = {
        {"branch3x3dbl_1", 448, {1, 1}, 1, false}, {"branch3x3dbl_2", 384, {3, 3}, 1, false}, {0}};
    fv_value side[4];
    (void)unused;
    side[0] = basic(m, x, "branch1x1", 320, 1, 1);
    side[1] = fork(m, basic(m, x, "branch3x3_1", 384, 1, 1), "branch3x3_2a", "branch3x3_2b");
    side[2] = fork(m, chain(m, x, twice), "branch3x3dbl_3a", "branch3x3dbl_3b");
    side[3] = pooled(m, x, 192);
    return fv_concat(m, side, 4);
}

/* The auxiliary head: a map of 5 x 5, what a 5x5 makes of it, a dense layer. */
static void inception_v3_aux(fv_model *m, fv_value x, const fv_zoo_net *net)
{
    const fv_shape *in = x.id >= 0 ? fv_nn_shape(m, x) : NULL;
    fv_prefix(m, "AuxLogits");
    if (in && in->dim[1] >= 17 && in->dim[2] >= 17)
        x = fv_avg_pool2d(m, x, .size = {5, 5}, .stride = {3, 3});
    else /* of smaller images than its own */
        x = fv_zoo_pool_to(m, x, 5);
    x = basic(m, x, "conv0", 128, 1, 1);
    x = row(m, x, &(conv_row){"conv1", 768, {5, 5}, 1, true});
    x = fv_flatten(m, fv_global_avg_pool(m, x));
    x = fv_dense(m, x, .name = "fc", .units = net->classes, .init = FV_INIT_GAUSSIAN, .init_value = 0.001);
    fv_aux_head(m, x, 0.4);
    fv_prefix(m, "");
}

/* Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015, as torchvision has it. */
fv_value fv_zoo_inception_v3(fv_model *m, const fv_zoo_net *net)
{
    static const conv_row stem[] = {{"Conv2d_1a_3x3", 32, {3, 3}, 2, true},
                                    {"Conv2d_2a_3x3", 32, {3, 3}, 1, true},
                                    {"Conv2d_2b_3x3", 64, {3, 3}, 1, false},
                                    {0}},
                          body[] = {
                              {"Conv2d_3b_1x1", 80, {1, 1}, 1, true}, {"Conv2d_4a_3x3", 192, {3, 3}, 1, true}, {0}};
    static const struct {
        const char *name;
        fv_value (*make)(fv_model *m, fv_value x, int64_t filters);
        int filters;
    } blocks[] = {{"Mixed_5b", block_a, 32},  {"Mixed_5c", block_a, 64},  {"Mixed_5d", block_a, 64},
                  {"Mixed_6a", block_b, 0},   {"Mixed_6b", block_c, 128}, {"Mixed_6c", block_c, 160},
                  {"Mixed_6d", block_c, 160}, {"Mixed_6e", block_c, 192}, {"Mixed_7a", block_d, 0},
                  {"Mixed_7b", block_e, 0},   {"Mixed_7c", block_e, 0}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = halved(m, chain(m, x, stem));
    x = halved(m, chain(m, x, body));
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        fv_prefix(m, blocks[i].name);
        x = blocks[i].make(m, x, blocks[i].filters);
        if (strcmp(blocks[i].name, "Mixed_6e") == 0)
            inception_v3_aux(m, x, net);
    }
    fv_prefix(m, "");
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_GAUSSIAN);
}
