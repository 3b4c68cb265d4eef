/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of darknet that a test makes, and their answers. */
#ifndef FV_TESTS_ALL_DARKNET_H
#define FV_TESTS_ALL_DARKNET_H

#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "model/model.h"

/* Of images, which are c h w. */
enum { H = 5, W = 6, C = 4 };

typedef struct net {
    char dir[256], cfg[512], weights[512];
    float numbers[4096];
    int count;
} net;

static inline void begin(net *n)
{
    n->count = 0;
    fv_test_dir_create(n->dir);
    snprintf(n->cfg, sizeof n->cfg, "%s/a.cfg", n->dir);
    snprintf(n->weights, sizeof n->weights, "%s/a.weights", n->dir);
}

static inline void end(net *n)
{
    fv_test_dir_remove(n->dir);
}

/* The i-th of some numbers in [-1, 1). */
static inline float noise(int i)
{
    return (float)((i * 2654435761u >> 8) & 0xffff) / 32768.0f - 1.0f;
}

/* Appends k numbers: `positive` ones in [0.5, 1.5). */
static inline const float *add(net *n, int k, bool positive)
{
    float *at = n->numbers + n->count;
    for (int i = 0; i < k; i++)
        at[i] = positive ? 1.0f + 0.5f * noise(n->count + i) : noise(n->count + i);
    n->count += k;
    return at;
}

static inline void write_weights(const net *n, int minor, int count)
{
    char bytes[20 + sizeof n->numbers];
    const int32_t version[3] = {0, minor, 0};
    const int header = minor == 2 ? 20 : 16;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, version, sizeof version);
    memcpy(bytes + header, n->numbers, (size_t)count * sizeof(float));
    fv_test_write(n->weights, bytes, (size_t)header + (size_t)count * sizeof(float));
}

static inline void write_cfg(const net *n, int h, int w, int c, const char *layers)
{
    char text[2048];
    snprintf(text, sizeof text, "# made\n\n [net]\nbatch=1\nheight=%d\nwidth = %d ; odd\nchannels=%d\n%s", h, w, c,
             layers);
    char *odd = strstr(text, " ; odd");
    memmove(odd, odd + 6, strlen(odd + 6) + 1);
    fv_test_write_text(n->cfg, text);
}

static inline fv_status import(fv_ctx *ctx, const net *n, fv_model **m)
{
    return fv_model_import(ctx, n->cfg, &(fv_import_options){.weights = n->weights}, m);
}

/* Output `at` for x (c h w), in the order of darknet; *count: how many numbers there are. The caller's (free). */
static inline float *run(fv_model *m, const float *x, int at, int64_t *count)
{
    fv_port_info in, out;
    fv_session *s = NULL;
    fv_tensor *given = NULL, *got = NULL;
    fv_ctx *ctx = m->ctx;
    assert_true(fv_model_port(m, false, 0, &in));
    assert_true(fv_model_port(m, true, at, &out));
    const int64_t *d = in.shape.dim;
    const fv_shape shape = {4, {1, d[3], d[1], d[2]}};
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &given), FV_OK);
    memcpy(fv_tensor_data(given), x, fv_tensor_bytes(given));
    assert_int_equal(fv_session_create(m, 1, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, in.name, FV_LAYOUT_NCHW, given), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_int_equal(fv_session_get_tensor(s, out.name, out.layout, &got), FV_OK);
    float *y = malloc(fv_tensor_bytes(got));
    memcpy(y, fv_tensor_const_data(got), fv_tensor_bytes(got));
    *count = (int64_t)(fv_tensor_bytes(got) / sizeof(float));
    fv_tensor_destroy(&given);
    fv_tensor_destroy(&got);
    fv_session_destroy(&s);
    return y;
}

static inline double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

#endif
