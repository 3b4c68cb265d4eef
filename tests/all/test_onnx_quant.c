/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of ONNX: QuantizeLinear and DequantizeLinear around operators, and the QLinear ones, against plain loops. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "support/onnx_write.h"

enum { MOST = 4096 };

/* One scale and zero point of 8-bit integers. */
typedef struct pair {
    float scale;
    int zero;
    bool sign;
} pair;

/* A file that grows, and the input that it is run with: x of 2 samples c h w, as integers of `in`. */
typedef struct net {
    onnx_out *graph, *file;
    uint32_t seed;
    int c, h, w;
    pair in;
    float x[MOST];
} net;

static int draw(net *t, int low, int high)
{
    t->seed = t->seed * 1664525u + 1013904223u;
    return low + (int)((t->seed >> 10) % (uint32_t)(high - low + 1));
}

static pair draw_pair(net *t, bool sign, float scale)
{
    const int least = sign ? -128 : 0, at = draw(t, 0, 3);
    const int zero = at == 0 ? least : at == 1 ? least + 128 : draw(t, least, least + 255);
    return (pair){scale * (0.7f + 0.01f * (float)draw(t, 0, 60)), zero, sign};
}

static void put_floats(net *t, const char *name, const float *values, int count)
{
    const int64_t dims[1] = {count};
    onnx_weight(t->graph, name, 1, dims, count == 1 ? 0 : 1, values, (size_t)count * sizeof *values);
}

/* 8-bit integers: `name`.s and `name`.z. */
static void put_pair(net *t, const char *name, pair p)
{
    char text[32];
    const uint8_t zero = (uint8_t)p.zero;
    snprintf(text, sizeof text, "%s.s", name);
    put_floats(t, text, &p.scale, 1);
    snprintf(text, sizeof text, "%s.z", name);
    onnx_weight(t->graph, text, p.sign ? 3 : 2, NULL, 0, &zero, 1);
}

static int quantized(float x, pair p)
{
    const int least = p.sign ? -128 : 0, q = (int)rintf(x / p.scale) + p.zero;
    return q < least ? least : q > least + 255 ? least + 255 : q;
}

/* sum * factor, rounded and saturated. */
static int rescaled(int32_t sum, float factor, pair p)
{
    const int least = p.sign ? -128 : 0;
    const float y = rintf((float)sum * factor) + (float)p.zero;
    return y < (float)least ? least : y > (float)least + 255 ? least + 255 : (int)y;
}

static void net_begin(net *t, uint32_t seed)
{
    *t = (net){.graph = calloc(1, sizeof(onnx_out)), .file = calloc(1, sizeof(onnx_out)), .seed = seed * 7919u + 13u};
    t->c = 2 * draw(t, 1, 3);
    t->h = draw(t, 4, 8);
    t->w = draw(t, 4, 8);
    t->in = draw_pair(t, draw(t, 0, 1) != 0, 0.02f);
    put_pair(t, "in", t->in);
    for (int i = 0; i < 2 * t->c * t->h * t->w; i++)
        t->x[i] = 2.0f * onnx_draw(&t->seed);
    onnx_node(t->graph, "QuantizeLinear", "q", "x,in.s,in.z", "xq", NULL);
}

/* Runs the net, whose result is `out` integers of a pair, and compares; ends it. */
static void net_check(net *t, const char *folder, const int *want, int count, pair out, uint32_t seed)
{
    fv_ctx *ctx = NULL;
    fv_model *m = NULL;
    fv_session *s = NULL;
    fv_tensor *x = NULL, *y = NULL;
    fv_port_info port;
    const char *path = fv_test_path(folder, "quant.onnx");
    const fv_shape shape = {4, {2, t->c, t->h, t->w}};
    put_pair(t, "out", out);
    onnx_node(t->graph, "DequantizeLinear", "last", "yq,out.s,out.z", "y", NULL);
    onnx_value(t->graph, 11, "x", (const int64_t[]){-1, t->c, t->h, t->w}, 4);
    onnx_value(t->graph, 12, "y", (const int64_t[]){-1, 1}, 2);
    onnx_model(t->file, t->graph, 8, 17);
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    assert_int_equal(fv_file_write(ctx, path, t->file->data, t->file->size), FV_OK);
    if (fv_model_load(ctx, path, &m) != FV_OK)
        fail_msg("net %u: %s", seed, fv_ctx_error(ctx));
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    memcpy(fv_tensor_data(x), t->x, fv_tensor_bytes(x));
    assert_int_equal(fv_session_create(m, 2, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, "x", FV_LAYOUT_NCHW, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_true(fv_model_port(m, true, 0, &port));
    assert_int_equal(fv_session_get_tensor(s, port.name, port.layout, &y), FV_OK);
    assert_int_equal(fv_shape_count(fv_tensor_shape(y)), count);
    for (int i = 0; i < count; i++) {
        const float got = ((const float *)fv_tensor_const_data(y))[i];
        if (got != (float)(want[i] - out.zero) * out.scale)
            fail_msg("net %u: number %d of %d is %g: %d, expected %d", seed, i, count, (double)got,
                     (int)rintf(got / out.scale) + out.zero, want[i]);
    }
    fv_tensor_destroy(&x);
    fv_tensor_destroy(&y);
    fv_session_destroy(&s);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    free(t->graph);
    free(t->file);
}

/* ---- convolutions ---- */

typedef struct conv {
    int k, groups, size[2], stride[2], gap[2], pad[4], out[2];
    bool sign, each;  /* weights; a scale for each filter */
    int zero, limits; /* limits 1: Relu, 2: Clip */
    float scale[16], low, high;
    int32_t bias[16];
    uint8_t w[MOST];
} conv;

static void draw_conv(net *t, conv *v)
{
    *v = (conv){.k = 2 * draw(t, 1, 4), .sign = draw(t, 0, 2) > 0, .each = draw(t, 0, 1) != 0, .limits = draw(t, 0, 2)};
    v->groups = draw(t, 0, 2) == 0 ? t->c : draw(t, 1, 2);
    v->k = v->groups > 2 ? t->c * draw(t, 1, 2) : v->k;
    v->zero = v->sign ? (v->each ? 0 : draw(t, -5, 5)) : draw(t, 100, 140);
    for (int d = 0; d < 2; d++) {
        const int in = d ? t->w : t->h;
        v->size[d] = draw(t, 1, 3);
        v->stride[d] = draw(t, 1, 2);
        v->gap[d] = draw(t, 1, v->size[d] > 1 && in > 4 ? 2 : 1);
        v->pad[d] = draw(t, 0, v->size[d] - 1);
        v->pad[d + 2] = draw(t, 0, v->size[d] - 1);
        v->out[d] = (in + v->pad[d] + v->pad[d + 2] - (v->size[d] - 1) * v->gap[d] - 1) / v->stride[d] + 1;
    }
    for (int i = 0; i < v->k; i++) {
        v->scale[i] = v->each || i == 0 ? 0.001f * (float)draw(t, 2, 9) : v->scale[0];
        v->bias[i] = draw(t, -2000, 2000);
    }
    for (int i = 0; i < v->k * t->c / v->groups * v->size[0] * v->size[1]; i++)
        v->w[i] = (uint8_t)draw(t, 0, 255);
    v->low = v->limits == 2 ? -0.3f : 0.0f;
    v->high = v->limits == 2 ? 2.5f : INFINITY;
}

static void put_conv(net *t, const conv *v)
{
    float scale[16];
    uint8_t zero[16];
    int32_t zeros[16] = {0};
    const int n = v->each ? v->k : 1;
    const int64_t list[1] = {n}, all[1] = {v->k}, shape[4] = {v->k, t->c / v->groups, v->size[0], v->size[1]};
    const size_t count = (size_t)(v->k * t->c / v->groups * v->size[0] * v->size[1]);
    for (int i = 0; i < v->k; i++) {
        zero[i] = (uint8_t)v->zero;
        scale[i] = t->in.scale * v->scale[i];
    }
    onnx_weight(t->graph, "w", v->sign ? 3 : 2, shape, 4, v->w, count);
    put_floats(t, "w.s", v->scale, n);
    onnx_weight(t->graph, "w.z", v->sign ? 3 : 2, list, v->each ? 1 : 0, zero, (size_t)n);
    onnx_weight(t->graph, "b", 6, all, 1, v->bias, (size_t)v->k * sizeof(int32_t));
    put_floats(t, "b.s", scale, n);
    onnx_weight(t->graph, "b.z", 6, list, v->each ? 1 : 0, zeros, (size_t)n * sizeof(int32_t));
}

static void put_conv_attributes(const conv *v, onnx_out *attr)
{
    int64_t four[4], two[2];
    for (int d = 0; d < 4; d++)
        four[d] = v->pad[d];
    onnx_attr_ints(attr, "pads", four, 4);
    for (int d = 0; d < 2; d++)
        two[d] = v->stride[d];
    onnx_attr_ints(attr, "strides", two, 2);
    for (int d = 0; d < 2; d++)
        two[d] = v->gap[d];
    onnx_attr_ints(attr, "dilations", two, 2);
    onnx_attr_int(attr, "group", v->groups);
}

static int32_t conv_sum(const net *t, const conv *v, int n, int k, int p, int q)
{
    const int c = t->c / v->groups, first = k / (v->k / v->groups) * c;
    int32_t sum = v->bias[k];
    for (int i = 0; i < c; i++)
        for (int r = 0; r < v->size[0]; r++)
            for (int s = 0; s < v->size[1]; s++) {
                const int y = p * v->stride[0] + r * v->gap[0] - v->pad[0];
                const int x = q * v->stride[1] + s * v->gap[1] - v->pad[1];
                const uint8_t w = v->w[((k * c + i) * v->size[0] + r) * v->size[1] + s];
                if (y >= 0 && y < t->h && x >= 0 && x < t->w)
                    sum += (quantized(t->x[((n * t->c + first + i) * t->h + y) * t->w + x], t->in) - t->in.zero) *
                           ((v->sign ? (int)(int8_t)w : (int)w) - v->zero);
            }
    return sum;
}

static int conv_by_hand(const net *t, const conv *v, pair out, int *want)
{
    int count = 0;
    for (int n = 0; n < 2; n++)
        for (int k = 0; k < v->k; k++)
            for (int p = 0; p < v->out[0]; p++)
                for (int q = 0; q < v->out[1]; q++, count++) {
                    const int y = rescaled(conv_sum(t, v, n, k, p, q), t->in.scale * v->scale[k] / out.scale, out);
                    const int low = quantized(v->low, out), high = v->limits == 2 ? quantized(v->high, out) : 1000;
                    want[count] = v->limits && y < low ? low : v->limits && y > high ? high : y;
                }
    return count;
}

/* DQ, DQ, DQ -> Conv -> Relu or Clip -> Q, and QLinearConv. */
static void test_convolutions(void **state)
{
    char folder[256];
    int *want = calloc(MOST, sizeof *want);
    (void)state;
    fv_test_dir_create(folder);
    for (uint32_t seed = 0; seed < 60; seed++) {
        net t;
        conv v;
        onnx_out attr = {.size = 0}, axis = {.size = 0};
        net_begin(&t, seed);
        draw_conv(&t, &v);
        const pair out = draw_pair(&t, t.in.sign, 0.05f);
        const bool whole = seed % 3 == 0;
        put_conv(&t, &v);
        put_conv_attributes(&v, &attr);
        onnx_attr_int(&axis, "axis", 0);
        v.limits = whole ? 0 : v.limits;
        if (whole) {
            onnx_node(t.graph, "QLinearConv", "conv", "xq,in.s,in.z,w,w.s,w.z,out.s,out.z,b", "yq", &attr);
        } else {
            onnx_node(t.graph, "DequantizeLinear", NULL, "xq,in.s,in.z", "xr", NULL);
            onnx_node(t.graph, "DequantizeLinear", NULL, "w,w.s,w.z", "wr", v.each ? &axis : NULL);
            onnx_node(t.graph, "DequantizeLinear", NULL, "b,b.s,b.z", "br", v.each ? &axis : NULL);
            onnx_node(t.graph, "Conv", "conv", "xr,wr,br", "a", &attr);
            put_floats(&t, "low", &v.low, 1);
            put_floats(&t, "high", &v.high, 1);
            if (v.limits)
                onnx_node(t.graph, v.limits == 1 ? "Relu" : "Clip", NULL, v.limits == 1 ? "a" : "a,low,high", "b1",
                          NULL);
            onnx_node(t.graph, "QuantizeLinear", NULL, v.limits ? "b1,out.s,out.z" : "a,out.s,out.z", "yq", NULL);
        }
        net_check(&t, folder, want, conv_by_hand(&t, &v, out, want), out, seed);
    }
    free(want);
    fv_test_dir_remove(folder);
}

/* ---- rows ---- */

/* Flattened images times a matrix: Gemm (either way), MatMul, QLinearMatMul, QGemm. */
static void test_rows(void **state)
{
    enum { UNITS = 3 };
    char folder[256];
    (void)state;
    fv_test_dir_create(folder);
    for (uint32_t seed = 0; seed < 30; seed++) {
        net t;
        uint8_t w[UNITS * 6 * 64];
        int want[2 * UNITS];
        float scale[UNITS], both[UNITS];
        int32_t bias[UNITS];
        const uint8_t zero[UNITS] = {0};
        const int kind = (int)seed % 5; /* 0: Gemm, transposed; 1: Gemm; 2: MatMul; 3: QLinearMatMul; 4: QGemm */
        onnx_out attr = {.size = 0}, axis = {.size = 0}, gemm = {.size = 0};
        net_begin(&t, 100 + seed);
        const int in = t.c * t.h * t.w;
        const pair out = draw_pair(&t, t.in.sign, 0.2f);
        for (int i = 0; i < UNITS; i++) {
            scale[i] = 0.001f * (float)draw(&t, 2, 9);
            both[i] = t.in.scale * scale[i];
            bias[i] = kind == 2 || kind == 3 ? 0 : draw(&t, -3000, 3000);
        }
        for (int i = 0; i < UNITS * in; i++)
            w[i] = (uint8_t)draw(&t, 0, 255);
        const int64_t rows[2] = {UNITS, in}, columns[2] = {in, UNITS}, list[1] = {UNITS};
        onnx_weight(t.graph, "w", 3, kind == 0 ? rows : columns, 2, w, (size_t)(UNITS * in));
        put_floats(&t, "w.s", scale, UNITS);
        onnx_weight(t.graph, "w.z", 3, list, 1, zero, UNITS);
        onnx_weight(t.graph, "b", 6, list, 1, bias, sizeof bias);
        put_floats(&t, "b.s", both, UNITS);
        onnx_attr_int(&attr, "axis", kind == 0 ? 0 : 1);
        onnx_attr_int(&axis, "axis", 0);
        onnx_attr_int(&gemm, "transB", kind == 0);
        if (kind < 3) {
            onnx_node(t.graph, "DequantizeLinear", NULL, "w,w.s,w.z", "wr", &attr);
            onnx_node(t.graph, "DequantizeLinear", NULL, "b,b.s", "br", &axis);
            onnx_node(t.graph, "Flatten", NULL, "xq", "rows", NULL);
            onnx_node(t.graph, "DequantizeLinear", NULL, "rows,in.s,in.z", "xr", NULL);
            onnx_node(t.graph, kind < 2 ? "Gemm" : "MatMul", "fc", kind < 2 ? "xr,wr,br" : "xr,wr", "a",
                      kind < 2 ? &gemm : NULL);
            onnx_node(t.graph, "QuantizeLinear", NULL, "a,out.s,out.z", "yq", NULL);
        } else {
            onnx_out domain = {.size = 0};
            onnx_text(&domain, 7, "com.microsoft");
            onnx_node(t.graph, "Flatten", NULL, "xq", "rows", NULL);
            if (kind == 3)
                onnx_node(t.graph, "QLinearMatMul", "fc", "rows,in.s,in.z,w,w.s,w.z,out.s,out.z", "yq", NULL);
            else
                onnx_node(t.graph, "QGemm", "fc", "rows,in.s,in.z,w,w.s,w.z,b,out.s,out.z", "yq", &domain);
        }
        for (int n = 0; n < 2; n++)
            for (int k = 0; k < UNITS; k++) {
                int32_t sum = bias[k];
                for (int i = 0; i < in; i++)
                    sum += (quantized(t.x[n * in + i], t.in) - t.in.zero) *
                           (int)(int8_t)w[kind == 0 ? k * in + i : i * UNITS + k];
                want[n * UNITS + k] = rescaled(sum, both[k] / out.scale, out);
            }
        net_check(&t, folder, want, 2 * UNITS, out, 100 + seed);
    }
    fv_test_dir_remove(folder);
}

/* ---- averages, and what is computed of integers one by one ---- */

/* AveragePool of 2 x 2 at strides of 1, GlobalAveragePool: exact sums, rounded once; halves, of which there are many
 * where the scale stays, to even. As nodes of floats between DQ and Q, and as nodes of com.microsoft. */
static void test_averages(void **state)
{
    char folder[256];
    int *want = calloc(MOST, sizeof *want);
    (void)state;
    fv_test_dir_create(folder);
    for (uint32_t seed = 0; seed < 24; seed++) {
        net t;
        onnx_out attr = {.size = 0};
        net_begin(&t, 200 + seed);
        const bool global = seed % 2, contrib = seed % 4 > 1;
        const pair out = seed % 3 ? t.in : draw_pair(&t, t.in.sign, 0.01f);
        const int size[2] = {global ? t.h : 2, global ? t.w : 2}, p = t.h - size[0] + 1, q = t.w - size[1] + 1;
        int count = 0;
        if (!global)
            onnx_attr_ints(&attr, "kernel_shape", (const int64_t[]){2, 2}, 2);
        if (contrib) {
            onnx_text(&attr, 7, "com.microsoft");
            onnx_node(t.graph, global ? "QLinearGlobalAveragePool" : "QLinearAveragePool", "pool",
                      "xq,in.s,in.z,out.s,out.z", "yq", &attr);
        } else {
            onnx_node(t.graph, "DequantizeLinear", NULL, "xq,in.s,in.z", "xr", NULL);
            onnx_node(t.graph, global ? "GlobalAveragePool" : "AveragePool", "pool", "xr", "a", &attr);
            onnx_node(t.graph, "QuantizeLinear", NULL, "a,out.s,out.z", "yq", NULL);
        }
        for (int n = 0; n < 2 * t.c; n++)
            for (int i = 0; i < p * q; i++) {
                int32_t sum = 0;
                for (int k = 0; k < size[0] * size[1]; k++)
                    sum +=
                        quantized(t.x[(n * t.h + i / q + k / size[1]) * t.w + i % q + k % size[1]], t.in) - t.in.zero;
                want[count++] = rescaled(sum, t.in.scale / (out.scale * (float)(size[0] * size[1])), out);
            }
        net_check(&t, folder, want, count, out, 200 + seed);
    }
    free(want);
    fv_test_dir_remove(folder);
}

/* Sums, products and pieces of one value with itself, by com.microsoft's names: floats between integers. */
static void test_contrib(void **state)
{
    static const char *const names[] = {"QLinearAdd", "QLinearMul", "QLinearConcat", "QLinearLeakyRelu"};
    char folder[256];
    int *want = calloc(2 * MOST, sizeof *want);
    (void)state;
    fv_test_dir_create(folder);
    for (uint32_t seed = 0; seed < 16; seed++) {
        net t;
        const int kind = (int)seed % 4;
        onnx_out attr = {.size = 0};
        net_begin(&t, 300 + seed);
        const pair out = draw_pair(&t, t.in.sign, 0.03f);
        const int all = t.c * t.h * t.w, count = (kind == 2 ? 4 : 2) * all;
        onnx_text(&attr, 7, "com.microsoft");
        if (kind == 2)
            onnx_attr_int(&attr, "axis", 1);
        onnx_node(t.graph, names[kind], "node",
                  kind == 2   ? "out.s,out.z,xq,in.s,in.z,xq,in.s,in.z"
                  : kind == 3 ? "xq,in.s,in.z,out.s,out.z"
                              : "xq,in.s,in.z,xq,in.s,in.z,out.s,out.z",
                  "yq", &attr);
        for (int i = 0; i < count; i++) {
            const int n = kind == 2 ? i / (2 * all) * all + i % all : i;
            const int whole = quantized(t.x[n], t.in) - t.in.zero;
            const float x = (float)whole * t.in.scale, ratio = t.in.scale * t.in.scale / out.scale;
            const float product = rintf((float)(whole * whole) * ratio + (float)out.zero); /* rounded at the end */
            const int least = out.sign ? -128 : 0;
            want[i] = kind == 1 ? (product > (float)least + 255 ? least + 255 : (int)product)
                                : quantized(kind == 0            ? x + x
                                            : kind == 3 && x < 0 ? x * 0.01f
                                                                 : x,
                                            out);
        }
        net_check(&t, folder, want, count, out, 300 + seed);
    }
    free(want);
    fv_test_dir_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_averages),
        cmocka_unit_test(test_contrib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
