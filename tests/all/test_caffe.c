/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of Caffe: small ones that the test writes, against plain loops; wrong ones; real ones with Caffe's answers.
 */
#include "caffe_net.h"

#include <fovea/fovea.h>

#include "io/zip.h"
#include "model/model.h"

/* ---- and as files ---- */

/* As a text. `end`: what follows the last layer. */
static void write_text(const files *f, bool average, const char *end)
{
    char text[4096];
    snprintf(
        text, sizeof text,
        "# a comment { with a brace\nname: 'small' input: \"data\" input_dim: [8, %d] input_dim: %d, input_dim: %d;\n"
        "layer { name: \"conv\" type: \"Convolution\" bottom: \"data\" top: \"conv\" param { lr_mult: 1 } "
        "convolution_param < num_output: %d kernel_size: 3 pad: 1 group: 2 weight_filler { type: \"xavier\" } > }\n"
        "layer { name: \"bn\" type: \"BatchNorm\" bottom: \"conv\" top: \"conv\" }\n"
        "layer { name: \"scale\" type: \"Scale\" bottom: \"conv\" top: \"conv\" scale_param { bias_term: true } }\n"
        "layer { name: \"relu\" type: \"ReLU\" bottom: \"conv\" top: \"conv\" }\n"
        "layer { name: \"pool\" type: \"Pooling\" bottom: \"conv\" top: \"pool\" "
        "pooling_param { pool: %s kernel_size: 3 stride: 2 pad: 1 } }\n"
        "layer { name: \"fc\" type: \"InnerProduct\" bottom: \"pool\" top: \"fc\" "
        "inner_product_param { num_output: %d } }\n%s",
        C, H, W, K, average ? "AVE" : "MAX", M, end);
    fv_test_write_text(f->text, text);
}

/* The blobs of a text's layers; of the same types and settings when the file is to be read by itself. */
static void write_weights(const files *f, const numbers *n, bool whole)
{
    onnx_out *file = calloc(1, sizeof *file), *l, param = {.size = 0};
    onnx_text(file, 1, "small");
    if (whole) { /* from here on as a file that was written while training */
        onnx_out crop = {.size = 0}, rule = {.size = 0};
        l = caffe_layer("data", "Data", "", "data,label");
        onnx_int(&rule, 1, 0);
        onnx_bytes(l, 8, rule.data, rule.size);
        onnx_int(&crop, 3, 4);
        onnx_number(&crop, 1 << 3 | 5);
        memcpy(crop.data + crop.size, &(float){0.00390625f}, 4);
        crop.size += 4;
        onnx_bytes(l, 100, crop.data, crop.size);
        caffe_add(file, false, l);
    }
    l = caffe_layer("conv", "Convolution", "data", "conv");
    caffe_blob(l, false, (const int64_t[]){K, C / 2, 3, 3}, 4, &n->conv[0][0][0][0]);
    caffe_blob(l, false, (const int64_t[]){K}, 1, n->bias);
    onnx_int(&param, 1, K);
    onnx_int(&param, 3, 1);
    onnx_int(&param, 4, 3);
    onnx_int(&param, 5, 2);
    onnx_bytes(l, 106, param.data, param.size);
    caffe_add(file, false, l);
    l = caffe_layer("bn", "BatchNorm", "conv", "conv");
    caffe_blob(l, false, (const int64_t[]){K}, 1, n->mean);
    caffe_blob(l, false, (const int64_t[]){K}, 1, n->var);
    caffe_blob(l, false, (const int64_t[]){1}, 1, n->total);
    caffe_add(file, false, l);
    l = caffe_layer("scale", "Scale", "conv", "conv");
    caffe_blob(l, false, (const int64_t[]){K}, 1, n->scale);
    caffe_blob(l, false, (const int64_t[]){K}, 1, n->shift);
    param.size = 0;
    onnx_int(&param, 4, 1);
    onnx_bytes(l, 142, param.data, param.size);
    caffe_add(file, false, l);
    caffe_add(file, false, caffe_layer("relu", "ReLU", "conv", "conv"));
    l = caffe_layer("pool", "Pooling", "conv", "pool");
    param.size = 0;
    onnx_int(&param, 2, 3);
    onnx_int(&param, 3, 2);
    onnx_int(&param, 4, 1);
    onnx_bytes(l, 121, param.data, param.size);
    caffe_add(file, false, l);
    l = caffe_layer("fc", "InnerProduct", "pool", "fc");
    caffe_blob(l, false, (const int64_t[]){M, HIDDEN}, 2, &n->fc[0][0]);
    caffe_blob(l, false, (const int64_t[]){M}, 1, n->fc_bias);
    param.size = 0;
    onnx_int(&param, 1, M);
    onnx_bytes(l, 117, param.data, param.size);
    caffe_add(file, false, l);
    if (whole) {
        caffe_add(file, false, caffe_layer("split", "Split", "fc", "fc_split_0,fc_split_1"));
        caffe_add(file, false, caffe_layer("loss", "SoftmaxWithLoss", "fc_split_0,label", "loss"));
        caffe_add(file, false, caffe_layer("accuracy", "Accuracy", "fc_split_1,label", "accuracy"));
    }
    fv_test_write(f->weights, file->data, file->size);
    free(file);
}

/* The same layers of 2014's format, without normalization. */
static void write_old(const files *f, const numbers *n)
{
    onnx_out *file = calloc(1, sizeof *file), *l;
    l = caffe_old_layer("conv", 4, "data", "conv");
    caffe_blob(l, true, (const int64_t[]){K, C / 2, 3, 3}, 4, &n->conv[0][0][0][0]);
    caffe_blob(l, true, (const int64_t[]){K}, 1, n->bias);
    caffe_add(file, true, l);
    l = caffe_old_layer("fc", 14, "conv", "fc");
    caffe_blob(l, true, (const int64_t[]){M, K * H * W}, 2, &n->fc[0][0]);
    caffe_blob(l, true, (const int64_t[]){M}, 1, n->fc_bias);
    caffe_add(file, true, l);
    fv_test_write(f->weights, file->data, file->size);
    free(file);
    fv_test_write_text(f->text, "input: \"data\" input_shape { dim: 1 dim: 4 dim: 7 dim: 6 }\n"
                                "layers { name: \"conv\" type: CONVOLUTION bottom: \"data\" top: \"conv\" blobs_lr: 1 "
                                "convolution_param { num_output: 6 kernel_size: 3 pad: 1 group: 2 } }\n"
                                "layers { name: \"fc\" type: INNER_PRODUCT bottom: \"conv\" top: \"fc\" "
                                "inner_product_param { num_output: 5 } }\n");
}

static fv_model *load(fv_ctx *ctx, const char *path, const fv_import_options *options)
{
    fv_model *m = NULL;
    const fv_status status = fv_model_import(ctx, path, options, &m);
    if (status != FV_OK)
        print_message("%s\n", fv_ctx_error(ctx));
    assert_int_equal(status, FV_OK);
    return m;
}

/* The only output for an array in the file's own layout. */
static fv_tensor *run(fv_model *m, const fv_tensor *x, int output)
{
    fv_session *s = NULL;
    fv_port_info in, out;
    fv_tensor *y = NULL;
    assert_true(fv_model_port(m, false, 0, &in) && fv_model_port(m, true, output, &out));
    assert_int_equal(fv_session_create(m, fv_tensor_shape(x)->dim[0], &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, in.name, in.layout, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_int_equal(fv_session_get_tensor(s, out.name, out.layout, &y), FV_OK);
    fv_session_destroy(&s);
    return y;
}

static void check_small(fv_ctx *ctx, fv_model *m, const numbers *n, bool average)
{
    const fv_shape shape = {4, {2, C, H, W}};
    uint32_t seed = 9;
    float want[M];
    fv_tensor *x = NULL;
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    float *data = fv_tensor_data(x);
    for (int i = 0; i < 2 * C * H * W; i++)
        data[i] = onnx_draw(&seed);
    fv_tensor *y = run(m, x, 0);
    assert_int_equal(fv_shape_count(fv_tensor_shape(y)), 2 * M);
    for (int b = 0; b < 2; b++) {
        answer(n, data + b * C * H * W, average, want);
        for (int k = 0; k < M; k++)
            assert_true(fabsf(((const float *)fv_tensor_const_data(y))[b * M + k] - want[k]) <= 1e-5f);
    }
    fv_tensor_destroy(&x);
    fv_tensor_destroy(&y);
}

static void test_small(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_port_info port;
    files f;
    numbers n;
    (void)state;
    fill(&n);
    files_begin(&f);
    const fv_import_options apart = {.weights = f.weights};
    for (int average = 0; average < 2; average++) {
        write_text(&f, average != 0, "");
        write_weights(&f, &n, false);
        fv_model *m = load(ctx, f.text, &apart);
        check_small(ctx, m, &n, average != 0);
        assert_true(fv_model_port(m, true, 0, &port));
        assert_string_equal(port.name, "fc");
        assert_string_equal(fv_model_origin(m), "Caffe");
        assert_true(fv_model_pixels_open(m));
        /* one normalization to train on, with its statistics */
        assert_non_null(fv_model_slot(m, "bn.weight"));
        assert_non_null(fv_model_slot(m, "bn.running_var"));
        fv_model_destroy(&m);
    }
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* A .caffemodel by itself, as training wrote it: losses are left out, and the data layer says what pixels become. */
static void test_alone(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_port_info port;
    fv_model *m = NULL;
    files f;
    numbers n;
    (void)state;
    fill(&n);
    files_begin(&f);
    write_weights(&f, &n, true);
    m = load(ctx, f.weights, &(fv_import_options){.img_size = {H, W}});
    check_small(ctx, m, &n, false);
    assert_int_equal(fv_model_port_count(m, true), 1);
    assert_true(fv_model_port(m, true, 0, &port));
    assert_string_equal(port.name, "fc"); /* not that of the layer which splits it */
    assert_false(fv_model_pixels_open(m));
    assert_true(fv_model_pipeline(m)->std[0] == 1.0f / (255.0f * 0.00390625f));
    fv_model_destroy(&m);
    /* the crop is the size where none is given, which its last layer does not fit */
    assert_int_equal(fv_model_load(ctx, f.weights, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "480 numbers, expected 270"));
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* A text with weights that belong to none of its layers; its model. */
static fv_model *load_text(fv_ctx *ctx, const files *f, const char *layers)
{
    static char text[2048];
    const float one = 1;
    onnx_out *file = calloc(1, sizeof *file), *l = caffe_layer("unused", "Scale", "a", "b");
    caffe_blob(l, false, (const int64_t[]){1}, 1, &one);
    caffe_add(file, false, l);
    fv_test_write(f->weights, file->data, file->size);
    free(file);
    snprintf(text, sizeof text, "%s", layers);
    fv_test_write(f->text, text, strlen(text));
    return load(ctx, f->text, &(fv_import_options){.weights = f->weights});
}

/* Logarithms: to base e, to a base, of a line. */
static void test_log(void **state)
{
    static const struct {
        const char *param;
        double base, scale, shift;
    } rows[] = {{"", 2.718281828459045, 1, 0},
                {"log_param { base: 2 }", 2, 1, 0},
                {"log_param { base: 10 scale: 0.5 shift: 3 }", 10, 0.5, 3}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    files f;
    (void)state;
    files_begin(&f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        fv_tensor *x = NULL;
        snprintf(text, sizeof text,
                 "layer { name: 'x' type: 'Input' top: 'x' input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } } }\n"
                 "layer { name: 'y' type: 'Log' bottom: 'x' top: 'y' %s }\n",
                 rows[i].param);
        fv_model *m = load_text(ctx, &f, text);
        assert_int_equal(fv_tensor_create(ctx, FV_F32, &(fv_shape){4, {1, 2, 3, 4}}, &x), FV_OK);
        for (int k = 0; k < 24; k++)
            ((float *)fv_tensor_data(x))[k] = 0.25f + (float)k;
        fv_tensor *y = run(m, x, 0);
        for (int k = 0; k < 24; k++) {
            const double want = log(rows[i].shift + rows[i].scale * (0.25 + k)) / log(rows[i].base);
            assert_true(fabs((double)((const float *)fv_tensor_const_data(y))[k] - want) < 1e-5);
        }
        fv_tensor_destroy(&x);
        fv_tensor_destroy(&y);
        fv_model_destroy(&m);
    }
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* What a data layer says of pixels: channels of pictures are blue, green, red; a mean of images counts by channel. */
static void test_pixels(void **state)
{
    static const struct {
        const char *transform;
        double mean[3], std; /* red, green, blue */
    } rows[] = {
        {"mean_value: 104 mean_value: 117 mean_value: 123", {123, 117, 104}, 1},
        {"mean_value: 127.5 scale: 0.0078125", {127.5, 127.5, 127.5}, 128},
        {"scale: 0.00390625", {0, 0, 0}, 256},
        {"mean_file: 'elsewhere/mean.binaryproto'", {30, 20, 10.5}, 1},
    };
    static const float image[12] = {10, 11, 10, 11, 20, 20, 20, 20, 29, 31, 30, 30};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    files f;
    char path[512];
    onnx_out *blob = calloc(1, sizeof *blob);
    (void)state;
    files_begin(&f);
    onnx_int(blob, 1, 1);
    onnx_int(blob, 2, 3);
    onnx_int(blob, 3, 2);
    onnx_int(blob, 4, 2);
    onnx_bytes(blob, 5, image, sizeof image);
    snprintf(path, sizeof path, "%s/mean.binaryproto", f.dir);
    fv_test_write(path, blob->data, blob->size);
    free(blob);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "layer { name: 'd' type: 'Data' top: 'data' top: 'label' transform_param { crop_size: 4 force_color: "
                 "true %s }\n"
                 "data_param { source: 'x' batch_size: 8 } include { phase: TEST } }\n"
                 "layer { name: 'c' type: 'Concat' bottom: 'data' bottom: 'data' top: 'two' }\n"
                 "layer { name: 's' type: 'Slice' bottom: 'two' top: 'a' top: 'b'\n"
                 "slice_param { axis: 1 slice_point: 3 } }\n",
                 rows[i].transform);
        fv_model *m = load_text(ctx, &f, text);
        const fv_pipeline *p = fv_model_pipeline(m);
        assert_false(fv_model_pixels_open(m));
        assert_true(p->bgr);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs((double)p->mean[k] * 255 - rows[i].mean[k]) < 1e-4);
            assert_true(fabs((double)p->std[k] * 255 - rows[i].std) < 1e-3);
        }
        fv_model_destroy(&m);
    }
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

static void test_old(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    files f;
    numbers *n = calloc(1, sizeof *n + sizeof(float) * M * K * H * W);
    (void)state;
    fill(n);
    files_begin(&f);
    write_old(&f, n);
    fv_model *m = load(ctx, f.text, &(fv_import_options){.weights = f.weights});
    assert_int_equal(fv_model_classes(m), M);
    fv_model_destroy(&m);
    fv_test_dir_remove(f.dir);
    free(n);
    fv_ctx_destroy(&ctx);
}

/* ---- wrong ones ---- */

#define LAYER(name, type, bottom, top, more)                                                                           \
    "layer { name: \"" name "\" type: \"" type "\" bottom: \"" bottom "\" top: \"" top "\" " more " }\n"

static void test_wrong(void **state)
{
    static const struct {
        const char *end; /* of the text */
        fv_status status;
        const char *words[4];
    } rows[] = {
        {LAYER("x", "Convolutio", "fc", "x", "") LAYER("y", "PriorBox", "x", "y", "")
             LAYER("z", "Python", "fc", "z", ""),
         FV_ERR_MODEL,
         {"3 nodes", "nearest that is: Convolution", "PriorBox 'y'", "Python 'z'"}},
        {LAYER("x", "InnerProduct", "fc", "x", "inner_product_param { num_output: 3 }"),
         FV_ERR_MODEL,
         {"'x'", "no weights"}},
        {LAYER("x", "ReLU", "nothing", "x", ""), FV_ERR_MODEL_FORMAT, {"'x'", "'nothing'", "nothing before it makes"}},
        {LAYER("x", "Pooling", "conv", "x", "pooling_param { kernel_size: 3 stride: 0 }"),
         FV_ERR_MODEL,
         {"stride of 0"}},
        {LAYER("x", "Pooling", "conv", "x", "pooling_param { kernel_size: 99999999 }"),
         FV_ERR_MODEL,
         {"kernel_size of 99999999"}},
        {LAYER("x", "Pooling", "conv", "x", "pooling_param { kernel_size: 2 spread: 3 }"),
         FV_ERR_MODEL,
         {"'spread' (line 9)"}},
        {LAYER("x", "Reshape", "fc", "x", "reshape_param { shape { dim: 0 dim: 7 } }"),
         FV_ERR_MODEL,
         {"'x'", "elements"}},
        {LAYER("x", "Concat", "fc", "x", "concat_param { axis: 9 }"), FV_ERR_MODEL, {"axis 9"}},
        {LAYER("x", "Slice", "fc", "x", "slice_param { slice_point: 77 }"), FV_ERR_MODEL, {"slice_point"}},
        {LAYER("x", "LRN", "conv", "x", "lrn_param { local_size: 4 }"), FV_ERR_MODEL, {"local_size=4"}},
        {LAYER("x", "Permute", "fc", "x", "permute_param { order: 7 }"), FV_ERR_MODEL, {"order"}},
        {LAYER("x", "Pooling", "conv", "x", "pooling_param { kernel_size: many }"),
         FV_ERR_MODEL_FORMAT,
         {"a.prototxt:9", "many"}},
        {LAYER("x", "Pooling", "conv", "x", "pooling_param { pool: MOST }"),
         FV_ERR_MODEL_FORMAT,
         {"a.prototxt:9", "MOST"}},
        {"layer { name: 5 }", FV_ERR_MODEL_FORMAT, {"a.prototxt:9", "quotes"}},
        {"layer { name: \"x", FV_ERR_MODEL_FORMAT, {"a.prototxt:9", "without an end"}},
        {"layer { name: \"x\"", FV_ERR_MODEL_FORMAT, {"a.prototxt:9", "before a { is closed"}},
        {"layer { other { a { b: 3 } ] }", FV_ERR_MODEL_FORMAT, {"a.prototxt:9"}},
        {"layers { name: \"x\" layer { name: \"y\" } }", FV_ERR_MODEL_FORMAT, {"both generations"}},
    };
    fv_test_allocator memory = {0};
    fv_ctx *ctx = fv_test_ctx(1, &memory, NULL);
    files f;
    numbers n;
    (void)state;
    fill(&n);
    files_begin(&f);
    write_weights(&f, &n, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_model *m = NULL;
        write_text(&f, false, rows[i].end);
        memory.peak_bytes = memory.live_bytes;
        const fv_status status = fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.weights}, &m);
        for (int k = 0; k < 4 && rows[i].words[k]; k++)
            if (!strstr(fv_ctx_error(ctx), rows[i].words[k]))
                fail_msg("row %d: '%s' is not in: %s", (int)i, rows[i].words[k], fv_ctx_error(ctx));
        if (status != rows[i].status)
            fail_msg("row %d: status %d, expected %d", (int)i, (int)status, (int)rows[i].status);
        assert_null(m);
        assert_true(memory.peak_bytes < 64 << 20);
    }
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* Which of the two files is which, and what else may be given. */
static void test_files(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    files f;
    numbers n;
    (void)state;
    fill(&n);
    files_begin(&f);
    write_text(&f, false, "");
    write_weights(&f, &n, false);
    assert_int_equal(fv_model_load(ctx, f.text, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_hint(ctx), "--weights FILE.caffemodel"));
    assert_int_equal(fv_model_import(ctx, f.weights, &(fv_import_options){.weights = f.text}, &m), FV_ERR_CONFLICT);
    assert_int_equal(fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.text}, &m), FV_ERR_MODEL_FORMAT);
    assert_non_null(strstr(fv_ctx_error(ctx), "no .caffemodel"));
    fv_test_write_text(f.weights, " \n\t<!DOCTYPE html>\n<html>");
    assert_int_equal(fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.weights}, &m), FV_ERR_MODEL_FORMAT);
    assert_non_null(strstr(fv_ctx_error(ctx), "HTML"));
    fv_test_write_text(f.text, "net: \"train.prototxt\"\nbase_lr: 0.01\n");
    assert_int_equal(fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.weights}, &m), FV_ERR_MODEL_FORMAT);
    assert_non_null(strstr(fv_ctx_hint(ctx), "solver"));
    fv_test_write_text(f.text, "layers { layer { name: \"conv1\" type: \"conv\" } bottom: \"data\" top: \"conv1\" }\n");
    write_weights(&f, &n, false);
    assert_int_equal(fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.weights}, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "V0"));
    assert_null(m);
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* Every file cut at every length is refused, or read. */
static void test_cut(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    files f;
    numbers n;
    char whole[8192];
    (void)state;
    fill(&n);
    files_begin(&f);
    write_text(&f, false, "");
    write_weights(&f, &n, false);
    FILE *in = fopen(f.text, "rb");
    assert_non_null(in);
    const size_t size = fread(whole, 1, sizeof whole, in);
    fclose(in);
    for (size_t cut = 0; cut < size; cut += 7) {
        fv_model *m = NULL;
        fv_test_write(f.text, whole, cut);
        const fv_status status = fv_model_import(ctx, f.text, &(fv_import_options){.weights = f.weights}, &m);
        assert_true((status == FV_OK) == (m != NULL));
        assert_true(status == FV_OK || *fv_ctx_error(ctx));
        fv_model_destroy(&m);
    }
    fv_test_dir_remove(f.dir);
    fv_ctx_destroy(&ctx);
}

/* ---- real ones ---- */

static void test_real(void **state)
{
    static const struct {
        const char *text, *name;
        double worst; /* of the largest value */
    } rows[] = {
        {"lenet_johnhush/deploy_lenet", "lenet_johnhush/lenet_ORIGINAL", 1e-6},
        {"mtcnn-cholihao/det1", "mtcnn-cholihao/det1", 1e-5},
        {"ultraface/slim-320", "ultraface/slim-320", 1e-5},
        {"wechat-barcode/sr", "wechat-barcode/sr", 1e-5},
    };
    char base[512], text[600], weights[600], vec[600], member[128];
    const char *path = fv_test_data("foreign/caffe", base);
    fv_ctx *ctx = NULL;
    fv_port_info port;
    (void)state;
#ifndef FV_WITH_ZIP /* the vectors are archives */
    skip();
#endif
    if (!path)
        skip();
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_arrays *a = NULL;
        const fv_tensor *x = NULL, *want = NULL;
        snprintf(text, sizeof text, "%s/%s.prototxt", path, rows[i].text);
        snprintf(weights, sizeof weights, "%s/%s.caffemodel", path, rows[i].name);
        snprintf(vec, sizeof vec, "%s/%s.vec.npz", path, rows[i].name);
        fv_model *m = load(ctx, text, &(fv_import_options){.weights = weights});
        assert_int_equal(fv_arrays_read(ctx, vec, &a), FV_OK);
        for (int o = 0; fv_model_port(m, true, o, &port); o++) {
            snprintf(member, sizeof member, "y_%s", port.name);
            for (int k = 0; k < fv_arrays_count(a); k++) {
                x = strcmp(fv_arrays_name(a, k), "x") == 0 ? fv_arrays_tensor(a, k) : x;
                want = strcmp(fv_arrays_name(a, k), member) == 0 ? fv_arrays_tensor(a, k) : want;
            }
            fv_tensor *y = run(m, x, o);
            const float *got = fv_tensor_const_data(y), *w = fv_tensor_const_data(want);
            double most = 0, worst = 0;
            assert_int_equal(fv_shape_count(fv_tensor_shape(y)), fv_shape_count(fv_tensor_shape(want)));
            for (int64_t k = 0; k < fv_shape_count(fv_tensor_shape(y)); k++) {
                most = fmax(most, fabs((double)w[k]));
                worst = fmax(worst, fabs((double)got[k] - (double)w[k]));
            }
            print_message("%s %s: %.2g of %.2g\n", rows[i].name, port.name, worst, most);
            assert_true(worst <= rows[i].worst * most);
            fv_tensor_destroy(&y);
        }
        fv_arrays_destroy(&a);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small), cmocka_unit_test(test_alone),  cmocka_unit_test(test_old),
        cmocka_unit_test(test_log),   cmocka_unit_test(test_pixels), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_files), cmocka_unit_test(test_cut),    cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
