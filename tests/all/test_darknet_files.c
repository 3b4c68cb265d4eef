/* SPDX-License-Identifier: Apache-2.0 */
/* Files of darknet: wrong ones, and real networks with the answers of another program. */
#include "all/darknet.h"

#include "base/file.h"
#include "io/zip.h"

/* ---- files that are wrong ---- */

/* Fails with that status, its message holding all of `words` (ends with NULL). */
static void refused(fv_ctx *ctx, const net *n, fv_status want, const char *const *words)
{
    fv_model *m = NULL;
    const fv_status status = import(ctx, n, &m);
    for (; *words; words++)
        if (!strstr(fv_ctx_error(ctx), *words))
            fail_msg("'%s' is not in: %s", *words, fv_ctx_error(ctx));
    if (status != want)
        print_message("%s\n", fv_ctx_error(ctx));
    assert_int_equal(status, want);
    assert_null(m);
}

static void test_lengths(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    net n;
    (void)state;
    begin(&n);
    write_cfg(&n, H, W, C, "[convolutional]\nfilters=3\nsize=1\nactivation=linear\n");
    add(&n, 3 + 3 * C + 1, false);
    for (int minor = 1; minor <= 2; minor++) {
        const int exact = 3 + 3 * C;
        for (int more = -1; more <= 1; more++) {
            write_weights(&n, minor, exact + more);
            if (more)
                refused(ctx, &n, FV_ERR_MODEL_FORMAT,
                        (const char *const[]){"a.weights", more < 0 ? "14 numbers" : "16 numbers", "need 15", NULL});
            else
                assert_int_equal(import(ctx, &n, &m), FV_OK);
            fv_model_destroy(&m);
        }
    }
    fv_test_write(n.weights, "\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abc", 23);
    refused(ctx, &n, FV_ERR_MODEL_FORMAT, (const char *const[]){"23 bytes", NULL});
    fv_test_write(n.weights, "\0\0\0\0\2\0\0\0\0\0", 10);
    refused(ctx, &n, FV_ERR_MODEL_FORMAT, (const char *const[]){"10 bytes", NULL});
    fv_test_write(n.weights, "PK\3\4 this is no file of darknet's weights", 40);
    refused(ctx, &n, FV_ERR_MODEL_FORMAT, (const char *const[]){"version", NULL});
    /* Either file without the other. */
    write_weights(&n, 2, 15);
    assert_int_equal(fv_model_load(ctx, n.cfg, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_hint(ctx), "--weights"));
    assert_int_equal(fv_model_load(ctx, n.weights, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_hint(ctx), ".cfg"));
    end(&n);
    fv_ctx_destroy(&ctx);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *layers;
        fv_status status;
        const char *words[4];
    } rows[] = {
        {"", FV_ERR_MODEL_FORMAT, {"no layer"}},
        {"[convolutional]\nfilters=3x\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "filters=3x"}},
        {"[convolutional]\nfilters=-1\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "filters=-1"}},
        {"[convolutional]\nfilters=99999999999999999999\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "filters=9"}},
        {"[convolutional]\nfilters=2147483647\nsize=65535\n", FV_ERR_MODEL_FORMAT, {"a.cfg:8", "more weights"}},
        {"[connected]\noutput=2147483647\n", FV_ERR_MODEL_FORMAT, {"0 numbers", "need"}},
        {"[convolutional]\nfilters=4\ngroups=3\n", FV_ERR_MODEL_FORMAT, {"groups=3"}},
        {"[maxpool\n", FV_ERR_MODEL_FORMAT, {"a.cfg:8", "[NAME]"}},
        {"maxpool\n", FV_ERR_MODEL_FORMAT, {"a.cfg:8", "KEY=VALUE"}},
        {"[maxpool]\nstride=0\n", FV_ERR_MODEL_FORMAT, {"stride=0"}},
        {"[maxpool]\n[shortcut]\nfrom=1\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "layer 1"}},
        {"[maxpool]\n[route]\nlayers=-1,5\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "layer 5"}},
        {"[maxpool]\n[route]\nlayers=-2\n", FV_ERR_MODEL_FORMAT, {"a.cfg:9", "layer -1"}},
        {"[maxpool]\n[route]\n", FV_ERR_MODEL_FORMAT, {"layers=NUMBERS"}},
        {"[maxpool]\n[route]\nlayers=0,x\n", FV_ERR_MODEL_FORMAT, {"a.cfg:10", "commas"}},
        {"[maxpool]\n[lstm]\n[convolutionl]\nsize=1\n[maxpool]\n[lstm]\n",
         FV_ERR_MODEL,
         {"3 sections", "line 9, [lstm]", "line 10, [convolutionl]"}},
        {"[lstm]\n[convolutionl]\n[lstm]\n", FV_ERR_MODEL, {"line 10, [lstm]", "nearest", "convolutional"}},
        {"[conv]\nactivation=lekay\n[crop]\n", FV_ERR_MODEL, {"line 8", "leaky", "line 10, [crop]"}},
        {"[conv]\nxnor=1\n", FV_ERR_MODEL, {"xnor=1 (line 9)"}},
        {"[yolo]\n[conv]\n", FV_ERR_MODEL, {"line 9", "detection"}},
        {"[yolo]\n[route]\nlayers=0\n", FV_ERR_MODEL, {"line 9", "boxes"}},
        {"[maxpool]\nsize=3\nstride=3\n[route]\nlayers=-1\n[dropout]\n[upsample]\n[shortcut]\nfrom=0\n",
         FV_ERR_MODEL,
         {"adds 2x2 pixels to 4x4"}},
        {"[maxpool]\npadding=7\n", FV_ERR_MODEL, {"line 8", "padding"}},
        {"[reorg]\nstride=2\n", FV_ERR_MODEL, {"stride=2"}},
        {"[softmax]\n", FV_ERR_MODEL, {"5x6 pixels"}},
    };
    fv_test_allocator memory = {0};
    fv_ctx *ctx = fv_test_ctx(1, &memory, NULL);
    net n;
    (void)state;
    begin(&n);
    write_weights(&n, 2, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_cfg(&n, H, W, C, rows[i].layers);
        memory.peak_bytes = memory.live_bytes;
        refused(ctx, &n, rows[i].status, rows[i].words);
        assert_true(memory.peak_bytes < 64 << 20); /* whatever sizes are named */
    }
    fv_test_write_text(n.cfg, "[net]\nwidth=8\n[maxpool]\n");
    refused(ctx, &n, FV_ERR_MODEL_FORMAT, (const char *const[]){"a.cfg:1", "height", NULL});
    fv_test_write_text(n.cfg, "[maxpool]\nwidth=8\n[net]\n"); /* another kind of file */
    refused(ctx, &n, FV_ERR_CONFLICT, (const char *const[]){"of its own", NULL});
    end(&n);
    fv_ctx_destroy(&ctx);
}

/* Images are prepared as darknet prepares them: classifiers see the middle, detectors all of it. */
static void test_pipeline(void **state)
{
    fv_test_log log = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    net n;
    (void)state;
    begin(&n);
    write_weights(&n, 2, 0);
    for (int detects = 0; detects < 2; detects++) {
        fv_model *m = NULL;
        write_cfg(&n, H, W, 3, detects ? "[maxpool]\n[region]\n" : "[maxpool]\n[avgpool]\n");
        assert_int_equal(import(ctx, &n, &m), FV_OK);
        const fv_pipeline *p = fv_model_pipeline(m);
        assert_int_equal(p->h, H);
        assert_int_equal(p->w, W);
        assert_int_equal(p->resize, detects ? FV_RESIZE_STRETCH : FV_RESIZE_SHORT_CROP);
        for (int c = 0; c < 3; c++) {
            assert_true(p->mean[c] == 0.0f);
            assert_true(p->std[c] == 1.0f);
        }
        fv_model_destroy(&m);
    }
    end(&n);
    fv_ctx_destroy(&ctx);
}

static fv_status import_once(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL;
    const fv_status status = import(ctx, arg, &m);
    fv_model_destroy(&m);
    return status;
}

static void test_memory(void **state)
{
    net n;
    (void)state;
    begin(&n);
    write_cfg(&n, H, W, C, "[conv]\nfilters=2\nbatch_normalize=1\nactivation=mish\n[route]\nlayers=0\n[yolo]\n");
    add(&n, 8 + 2 * C, true);
    write_weights(&n, 2, n.count);
    assert_true(fv_test_each_allocation(import_once, &n) > 20);
    end(&n);
}

/* ---- real networks ---- */

/* The floats of a member of an archive of arrays. */
static float *member(fv_ctx *ctx, const char *path, const char *name, int64_t *count)
{
    fv_blob blob;
    fv_arena *arena;
    fv_zip *zip;
    const uint8_t *data;
    int64_t size;
    assert_int_equal(fv_blob_read(ctx, path, &blob), FV_OK);
    assert_int_equal(fv_arena_create(ctx, &arena), FV_OK);
    assert_int_equal(fv_zip_open(ctx, path, blob.data, blob.size, arena, 1 << 28, &zip), FV_OK);
    assert_int_equal(fv_zip_read(zip, name, &data, &size), FV_OK);
    assert_non_null(data);
    const int64_t header = 10 + data[8] + 256 * data[9];
    float *values = malloc((size_t)(size - header));
    memcpy(values, data + header, (size_t)(size - header));
    *count = (size - header) / 4;
    fv_zip_close(&zip);
    fv_arena_destroy(&arena);
    fv_blob_free(ctx, &blob);
    return values;
}

/* How the answers were made of a map: boxes and classes of `anchors` at each pixel; some low scores
 * are 0 there. */
typedef struct head {
    const char *output, *member;
    int side, anchors, classes;
    double unit; /* of anchors, in pixels of the map's image; 1: they are in pixels of the map */
    double anchor[5][2];
    bool region; /* softmax over classes */
} head;

static double decoded(const head *h, const float *map, int a, int row, int col, int k)
{
    const int64_t plane = (int64_t)h->side * h->side;
    const float *v = map + (int64_t)a * (5 + h->classes) * plane + row * h->side + col;
    if (k < 2)
        return (sigmoid(v[k * plane]) + (k ? row : col)) / h->side;
    if (k < 4)
        return exp(v[k * plane]) * h->anchor[a][k - 2] / (h->unit > 1 ? h->unit : h->side);
    const double object = sigmoid(v[4 * plane]);
    double p = sigmoid(v[k * plane]), sum = 0;
    for (int c = 0; c < h->classes && h->region && k > 4; c++)
        sum += exp(v[(5 + c) * plane] - v[k * plane]);
    p = k == 4 ? object : object * (h->region ? 1.0 / sum : p);
    return p;
}

static void check_head(fv_ctx *ctx, fv_model *m, const char *vec, int output, const head *h)
{
    int64_t n_x, n_y, n_want;
    fv_port_info port;
    float *x = member(ctx, vec, "x.npy", &n_x), *want = member(ctx, vec, h->member, &n_want);
    assert_true(fv_model_port(m, true, output, &port));
    assert_string_equal(port.name, h->output);
    float *map = run(m, x, output, &n_y);
    assert_int_equal(n_y, n_want);
    double worst = 0;
    for (int64_t i = 0; i < n_want; i++) {
        const int width = 5 + h->classes, a = (int)(i / width % h->anchors);
        const int pixel = (int)(i / width / h->anchors);
        const double got = decoded(h, map, a, pixel / h->side, pixel % h->side, (int)(i % width));
        if (want[i] == 0 && i % width > 4 && got < 0.2)
            continue;
        const double d = fabs(got - want[i]) / (1e-5 + fabs(want[i]));
        worst = d > worst ? d : worst;
    }
    print_message("%s: largest relative difference %.2g\n", h->output, worst);
    assert_true(worst < 1e-4);
    free(x);
    free(want);
    free(map);
}

static fv_model *real(fv_ctx *ctx, const char *path, const char *name, char vec[600])
{
    char cfg[600], weights[600];
    fv_model *m = NULL;
    snprintf(cfg, sizeof cfg, "%s/%s.cfg", path, name);
    snprintf(weights, sizeof weights, "%s/%s.weights", path, name);
    snprintf(vec, 600, "%s/%s.vec.npz", path, name);
    const fv_status status = fv_model_import(ctx, cfg, &(fv_import_options){.weights = weights}, &m);
    if (status != FV_OK)
        print_message("%s\n", fv_ctx_error(ctx));
    assert_int_equal(status, FV_OK);
    return m;
}

static void test_real(void **state)
{
    char base[512], vec[600];
    const char *path = fv_test_data("foreign/darknet", base);
    fv_ctx *ctx = NULL;
    int64_t count, n_want;
    (void)state;
#ifndef FV_WITH_ZIP /* the vectors are archives */
    skip();
#endif
    if (!path)
        skip();
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    fv_model *m = real(ctx, path, "debian-darknet-tiny/tiny", vec);
    float *x = member(ctx, vec, "x.npy", &count), *want = member(ctx, vec, "y.npy", &n_want);
    float *y = run(m, x, 0, &count);
    assert_int_equal(count, n_want);
    for (int64_t i = 0; i < count; i++)
        assert_true(fabs(y[i] - want[i]) <= 1e-4 * fabs(want[i]));
    free(x);
    free(y);
    free(want);
    fv_model_destroy(&m);
    m = real(ctx, path, "yolo-fastest/yolo-fastest-1.1", vec);
    const head fastest[] = {
        {"yolo_121", "y_yolo_121.npy", 10, 3, 80, 320, {{115, 73}, {119, 199}, {242, 238}}, false},
        {"yolo_130", "y_yolo_130.npy", 20, 3, 80, 320, {{12, 18}, {37, 49}, {52, 132}}, false},
    };
    assert_int_equal(fv_model_port_count(m, true), 2);
    for (int i = 0; i < 2; i++)
        check_head(ctx, m, vec, i, &fastest[i]);
    fv_model_destroy(&m);
    m = real(ctx, path, "yolo-lite/tiny-yolov2-trial5", vec);
    const head lite = {"region_8",
                       "y_detection_out.npy",
                       14,
                       5,
                       20,
                       1,
                       {{1.08, 1.19}, {3.42, 4.41}, {6.63, 11.38}, {9.42, 5.11}, {16.62, 10.52}},
                       true};
    check_head(ctx, m, vec, 0, &lite);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_wrong), cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
