/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of darknet's layers against plain loops. */
#include "all/darknet.h"

/* The network's first output for noise, which must be `want`. */
static void expect(fv_ctx *ctx, net *n, int minor, const float *x, const double *want, int count)
{
    fv_model *m = NULL;
    int64_t got;
    write_weights(n, minor, n->count);
    const fv_status status = import(ctx, n, &m);
    if (status != FV_OK)
        print_message("%s\n", fv_ctx_error(ctx));
    assert_int_equal(status, FV_OK);
    float *y = run(m, x, 0, &got);
    assert_int_equal(got, count);
    for (int i = 0; i < count; i++)
        if (!(fabs(y[i] - want[i]) <= 1e-5 + 1e-4 * fabs(want[i])))
            fail_msg("element %d is %g, expected %g", i, y[i], want[i]);
    free(y);
    fv_model_destroy(&m);
}

static void fill_input(float *x, int count, double scale)
{
    for (int i = 0; i < count; i++)
        x[i] = (float)scale * noise(1000 + i);
}

typedef struct window {
    int size, stride, pad, dilation, groups;
} window;

static double conv_at(const double *x, int c, const float *wei, window v, int filters, int k, int p, int q)
{
    const int part = c / v.groups, first = k / (filters / v.groups) * part;
    double sum = 0;
    for (int i = 0; i < part; i++)
        for (int r = 0; r < v.size; r++)
            for (int s = 0; s < v.size; s++) {
                const int y = p * v.stride - v.pad + r * v.dilation, z = q * v.stride - v.pad + s * v.dilation;
                if (y >= 0 && y < H && z >= 0 && z < W)
                    sum += x[((first + i) * H + y) * W + z] * wei[((k * part + i) * v.size + r) * v.size + s];
            }
    return sum;
}

static double leaky(double x)
{
    return x > 0 ? x : 0.1 * x;
}

/* A normalized convolution in groups and a plain one behind it, in files of both versions. */
static void test_convolutional(void **state)
{
    static const window cases[] = {{3, 2, 1, 1, 2}, {3, 1, 2, 2, 1}, {1, 1, 0, 1, 4}, {2, 1, 1, 1, 1}, {3, 1, 0, 1, 2}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const window v = cases[i];
        const int reach = (v.size - 1) * v.dilation + 1, k = 8;
        const int p = (H + 2 * v.pad - reach) / v.stride + 1, q = (W + 2 * v.pad - reach) / v.stride + 1;
        float x[C * H * W];
        double wide[C * H * W], want[1024];
        char text[512];
        net n;
        begin(&n);
        fill_input(x, C * H * W, 1);
        for (int j = 0; j < C * H * W; j++)
            wide[j] = x[j];
        const float *shift = add(&n, k, false), *scale = add(&n, k, false), *mean = add(&n, k, false);
        const float *var = add(&n, k, true), *wei = add(&n, k * (C / v.groups) * v.size * v.size, false);
        for (int f = 0; f < k; f++)
            for (int at = 0; at < p * q; at++) {
                const double y = conv_at(wide, C, wei, v, k, f, at / q, at % q);
                want[f * p * q + at] = leaky((y - mean[f]) / (sqrt(var[f]) + 1e-6) * scale[f] + shift[f]);
            }
        snprintf(text, sizeof text,
                 "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=%d\nstride=%d\n%s=%d\ndilation=%d\ngroups=%d\n"
                 "activation=leaky\n",
                 v.size, v.stride, v.pad == 1 ? "pad" : "padding", v.pad == 2 ? 1 : v.pad, v.dilation, v.groups);
        write_cfg(&n, H, W, C, text);
        expect(ctx, &n, 1 + (int)(i % 2), x, want, k * p * q);
        end(&n);
    }
    fv_ctx_destroy(&ctx);
}

static double mish(double x)
{
    return x * tanh(log1p(exp(x)));
}
static double swish(double x)
{
    return x * sigmoid(x);
}
static double relu(double x)
{
    return x > 0 ? x : 0;
}
static double relu6(double x)
{
    return fmin(relu(x), 6);
}
static double linear(double x)
{
    return x;
}
static double elu(double x)
{
    return x < 0 ? exp(x) - 1 : x;
}
static double hard_tanh(double x)
{
    return fmax(-1, fmin(1, x));
}

static void test_activations(void **state)
{
    static const struct {
        const char *name;
        double (*at)(double x);
    } rows[] = {{"linear", linear},    {"leaky", leaky},       {"relu", relu},   {"relu6", relu6},
                {"logistic", sigmoid}, {"mish", mish},         {"swish", swish}, {"tanh", tanh},
                {"elu", elu},          {"hardtan", hard_tanh}, {NULL, sigmoid}}; /* what a convolution does where
                                                                                    nothing is said */
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float x[64];
        double want[64];
        char text[128];
        net n;
        begin(&n);
        fill_input(x, 64, 40);
        n.numbers[0] = 0.25f;
        n.numbers[1] = 1.0f;
        n.count = 2;
        for (int j = 0; j < 64; j++)
            want[j] = rows[i].at(x[j] + 0.25);
        snprintf(text, sizeof text, "[conv]\nfilters=1\n%s%s\n", rows[i].name ? "activation=" : "# ",
                 rows[i].name ? rows[i].name : "none");
        write_cfg(&n, 8, 8, 1, text);
        expect(ctx, &n, 2, x, want, 64);
        end(&n);
    }
    fv_ctx_destroy(&ctx);
}

/* Weights of a layer behind an image count its elements as darknet does. */
static void test_connected(void **state)
{
    enum { IN = C * H * W, OUT = 7 };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int old = 0; old < 2; old++) {
        float x[IN];
        double want[OUT];
        net n;
        begin(&n);
        fill_input(x, IN, 1);
        const float *shift = add(&n, OUT, false), *wei = add(&n, IN * OUT, false), *scale = add(&n, OUT, false);
        const float *mean = add(&n, OUT, false), *var = add(&n, OUT, true);
        for (int k = 0; k < OUT; k++) {
            double sum = 0;
            for (int i = 0; i < IN; i++)
                sum += x[i] * wei[old ? i * OUT + k : k * IN + i];
            want[k] = relu((sum - mean[k]) / sqrt(var[k]) * scale[k] + shift[k]);
        }
        write_cfg(&n, H, W, C, "[connected]\noutput=7\nbatch_normalize=1\nactivation=relu\n");
        /* of a minor version beyond 1000: the weights lie the other way */
        expect(ctx, &n, old ? 1001 : 2, x, want, OUT);
        end(&n);
    }
    fv_ctx_destroy(&ctx);
}

/* Largest or mean of what a window sees of the image; half of `padding`, rounded down, lies in front. */
static void test_pools(void **state)
{
    static const struct {
        const char *section;
        int size, stride, padding;
    } rows[] = {{"maxpool", 2, 2, -1},   {"maxpool", 2, 1, -1}, {"maxpool", 3, 2, -1},
                {"max", 3, 2, 0},        {"maxpool", 4, 4, -1}, {"local_avgpool", 3, 2, -1},
                {"local_avg", 2, 1, -1}, {"maxpool", 5, 1, -1}, {"maxpool", 3, 1, 1}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int size = rows[i].size, stride = rows[i].stride,
                  padding = rows[i].padding < 0 ? size - 1 : rows[i].padding;
        const int p = (H + padding - size) / stride + 1, q = (W + padding - size) / stride + 1;
        float x[C * H * W];
        double want[C * 100];
        char text[128];
        net n;
        begin(&n);
        fill_input(x, C * H * W, 1);
        for (int at = 0; at < C * p * q; at++) {
            double most = -INFINITY, sum = 0;
            int count = 0;
            for (int tap = 0; tap < size * size; tap++) {
                const int y = at / q % p * stride - padding / 2 + tap / size,
                          z = at % q * stride - padding / 2 + tap % size;
                if (y < 0 || y >= H || z < 0 || z >= W)
                    continue;
                const double v = x[(at / (p * q) * H + y) * W + z];
                most = fmax(most, v);
                sum += v;
                count++;
            }
            want[at] = strncmp(rows[i].section, "max", 3) == 0 ? most : sum / count;
        }
        snprintf(text, sizeof text, "[%s]\nsize=%d\nstride=%d\n", rows[i].section, size, stride);
        if (rows[i].padding >= 0)
            snprintf(text + strlen(text), 32, "padding=%d\n", padding);
        write_cfg(&n, H, W, C, text);
        expect(ctx, &n, 2, x, want, C * p * q);
        end(&n);
    }
    fv_ctx_destroy(&ctx);
}

/* Routes of parts, sums of other widths, repeated pixels, what goes, and the classes of a mean. */
static void test_structure(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    float x[C * H * W];
    double want[4096], mean[2 * C], sum = 0;
    net n;
    (void)state;
    fill_input(x, C * H * W, 1);
    begin(&n);
    write_cfg(&n, H, W, C,
              "[dropout]\nprobability=.5\n[route]\nlayers=-1\ngroups=2\ngroup_id=1\n[upsample]\nstride=2\nscale=3\n"
              "[route]\nlayers=1, 0\n[shortcut]\nfrom=-3\n");
    /* layer 4 adds layer 1 (2 channels) to layer 3 (6 channels): -3 is layer 1 */
    for (int c = 0; c < 6; c++)
        for (int i = 0; i < H * W; i++)
            want[c * H * W + i] = x[(c < 2 ? c + 2 : c - 2) * H * W + i] + (c < 2 ? x[(c + 2) * H * W + i] : 0);
    expect(ctx, &n, 2, x, want, 6 * H * W);
    write_cfg(&n, H, W, C, "[upsample]\nstride=2\nscale=3\n");
    for (int c = 0; c < C; c++)
        for (int i = 0; i < 4 * H * W; i++)
            want[c * 4 * H * W + i] = 3 * x[(c * H + i / (2 * W) / 2) * W + i % (2 * W) / 2];
    expect(ctx, &n, 2, x, want, 4 * C * H * W);
    write_cfg(&n, H, W, C, "[route]\nlayers=-1\n"); /* nothing is before it */
    fv_model *m = NULL;
    assert_int_equal(import(ctx, &n, &m), FV_ERR_MODEL_FORMAT);
    write_cfg(&n, H, W, C, "[dropout]\n[route]\nlayers=0,-1\n[avgpool]\n[softmax]\n[cost]\ntype=sse\n");
    for (int c = 0; c < 2 * C; c++) {
        mean[c] = 0;
        for (int i = 0; i < H * W; i++)
            mean[c] += x[c % C * H * W + i] / (double)(H * W);
        sum += exp(mean[c]);
    }
    for (int c = 0; c < 2 * C; c++)
        want[c] = exp(mean[c]) / sum;
    expect(ctx, &n, 2, x, want, 2 * C);
    end(&n);
    fv_ctx_destroy(&ctx);
}

/* One layer times another: by channel, by pixel, element by element; sums with weights of the file. */
static void test_weighed(void **state)
{
    enum { COUNT = C * H * W };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    float x[COUNT];
    double want[COUNT], mean[C];
    net n;
    (void)state;
    fill_input(x, COUNT, 1);
    begin(&n);
    for (int c = 0; c < C; c++) {
        mean[c] = 0;
        for (int i = 0; i < H * W; i++)
            mean[c] += x[c * H * W + i] / (double)(H * W);
    }
    write_cfg(&n, H, W, C, "[dropout]\n[avgpool]\n[scale_channels]\nfrom=-2\nactivation=leaky\n");
    for (int i = 0; i < COUNT; i++)
        want[i] = leaky(mean[i / (H * W)] * x[i]);
    expect(ctx, &n, 2, x, want, COUNT);
    write_cfg(&n, H, W, C,
              "[dropout]\n[route]\nlayers=0\ngroups=4\ngroup_id=1\n[scale_channels]\nfrom=0\nscale_wh=1\n");
    for (int i = 0; i < COUNT; i++)
        want[i] = x[H * W + i % (H * W)] * x[i];
    expect(ctx, &n, 2, x, want, COUNT);
    write_cfg(&n, H, W, C, "[dropout]\n[activation]\nactivation=leaky\n[sam]\nfrom=-2\n");
    for (int i = 0; i < COUNT; i++)
        want[i] = leaky(x[i]) * x[i];
    expect(ctx, &n, 2, x, want, COUNT);
    const float *w = add(&n, 2 * C, false);
    write_cfg(&n, H, W, C, "[dropout]\n[activation]\nactivation=leaky\n[shortcut]\nfrom=0\nweights_type=per_channel\n");
    for (int i = 0; i < COUNT; i++)
        want[i] = leaky(x[i]) * w[i / (H * W)] + x[i] * w[C + i / (H * W)];
    expect(ctx, &n, 2, x, want, COUNT);
    n.count = 3;
    write_cfg(&n, H, W, C,
              "[dropout]\n[activation]\nactivation=leaky\n[shortcut]\nfrom=0,1\nweights_type=per_feature\n");
    for (int i = 0; i < COUNT; i++)
        want[i] = leaky(x[i]) * (w[0] + w[2]) + x[i] * w[1];
    expect(ctx, &n, 2, x, want, COUNT);
    fv_model *m = NULL;
    write_cfg(&n, H, W, C, "[dropout]\n[shortcut]\nfrom=0\nweights_type=per_feature\nweights_normalization=softmax\n");
    assert_int_equal(import(ctx, &n, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "weights_normalization=softmax"));
    write_cfg(&n, H, W, C, "[dropout]\n[scale_channels]\nfrom=0\n");
    assert_int_equal(import(ctx, &n, &m), FV_ERR_MODEL);
    end(&n);
    fv_ctx_destroy(&ctx);
}

/* Every pixel adds its window to the result, whose edge is cut off. */
static void test_deconvolutional(void **state)
{
    enum { K = 3, SIZE = 4, S = 2, PAD = 1, P = (H - 1) * S + SIZE - 2 * PAD, Q = (W - 1) * S + SIZE - 2 * PAD };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    float x[C * H * W];
    static double want[K * P * Q];
    net n;
    (void)state;
    fill_input(x, C * H * W, 1);
    begin(&n);
    const float *bias = add(&n, K, false), *wei = add(&n, C * K * SIZE * SIZE, false);
    for (int i = 0; i < K * P * Q; i++)
        want[i] = bias[i / (P * Q)];
    for (int c = 0; c < C; c++)
        for (int k = 0; k < K; k++)
            for (int i = 0; i < H * W * SIZE * SIZE; i++) {
                const int h = i / (W * SIZE * SIZE), w = i / (SIZE * SIZE) % W, r = i / SIZE % SIZE, s = i % SIZE;
                const int p = h * S + r - PAD, q = w * S + s - PAD;
                if (p >= 0 && p < P && q >= 0 && q < Q)
                    want[(k * P + p) * Q + q] += x[(c * H + h) * W + w] * wei[((c * K + k) * SIZE + r) * SIZE + s];
            }
    write_cfg(&n, H, W, C, "[deconvolutional]\nfilters=3\nsize=4\nstride=2\npadding=1\nactivation=linear\n");
    expect(ctx, &n, 2, x, want, K * P * Q);
    end(&n);
    fv_ctx_destroy(&ctx);
}

/* Darknet's own loops, which take the image for one of other sides. */
static void test_reorg(void **state)
{
    enum { SIDE = 4, S = 2, CHANNELS = 8, COUNT = SIDE * SIDE * CHANNELS };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    float x[COUNT];
    double want[COUNT];
    net n;
    (void)state;
    begin(&n);
    fill_input(x, COUNT, 1);
    for (int k = 0; k < CHANNELS; k++)
        for (int j = 0; j < SIDE; j++)
            for (int i = 0; i < SIDE; i++) {
                const int part = CHANNELS / (S * S), offset = k / part;
                const int w2 = i * S + offset % S, h2 = j * S + offset / S;
                want[i + SIDE * (j + SIDE * k)] = x[w2 + SIDE * S * (h2 + SIDE * S * (k % part))];
            }
    write_cfg(&n, SIDE, SIDE, CHANNELS, "[reorg]\nstride=2\n");
    expect(ctx, &n, 2, x, want, COUNT);
    end(&n);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutional), cmocka_unit_test(test_activations),     cmocka_unit_test(test_connected),
        cmocka_unit_test(test_pools),         cmocka_unit_test(test_structure),       cmocka_unit_test(test_reorg),
        cmocka_unit_test(test_weighed),       cmocka_unit_test(test_deconvolutional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
