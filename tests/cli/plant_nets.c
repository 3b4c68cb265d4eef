/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of other tools, for tests of the program. */
#include "plant_nets.h"

#include <stdio.h>

#include "support/caffe_write.h"
#include "support/keras_write.h"
#include "support/tflite_write.h"

static void put_file(const char *dir, const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        exit(2);
}

void plant_caffe(const char *dir, int argc, char **argv)
{
    static const char text[] =
        "name: \"small\"\nlayer { name: \"data\" type: \"Input\" top: \"data\" input_param { shape { dim: 1 dim: 3 "
        "dim: 8 dim: 8 } "
        "} }\nlayer { name: \"conv\" type: \"Convolution\" bottom: \"data\" top: \"conv\" convolution_param { "
        "num_output: 4 "
        "kernel_size: 3 stride: 2 } }\nlayer { name: \"relu\" type: \"ReLU\" bottom: \"conv\" top: \"conv\" }\n"
        "layer { name: \"fc\" type: \"InnerProduct\" bottom: \"conv\" top: \"fc\" inner_product_param { num_output: 5 "
        "} }\n";
    onnx_out *file = calloc(1, sizeof *file), *l, param = {.size = 0};
    float w[180], x[2 * 3 * 8 * 8];
    uint32_t seed = 5;
    char npy[128 + sizeof x];
    (void)argc;
    (void)argv;
    for (int i = 0; i < 180; i++)
        w[i] = onnx_draw(&seed);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = onnx_draw(&seed);
    caffe_add(file, false, caffe_layer("data", "Data", "", "data,label"));
    l = caffe_layer("conv", "Convolution", "data", "conv");
    caffe_blob(l, false, (const int64_t[]){4, 3, 3, 3}, 4, w);
    caffe_blob(l, false, (const int64_t[]){4}, 1, w);
    onnx_int(&param, 1, 4);
    onnx_int(&param, 4, 3);
    onnx_int(&param, 6, 2);
    onnx_bytes(l, 106, param.data, param.size);
    caffe_add(file, false, l);
    caffe_add(file, false, caffe_layer("relu", "ReLU", "conv", "conv"));
    l = caffe_layer("fc", "InnerProduct", "conv", "fc");
    caffe_blob(l, false, (const int64_t[]){5, 36}, 2, w);
    caffe_blob(l, false, (const int64_t[]){5}, 1, w);
    param.size = 0;
    onnx_int(&param, 1, 5);
    onnx_bytes(l, 117, param.data, param.size);
    caffe_add(file, false, l);
    caffe_add(file, false, caffe_layer("loss", "SoftmaxWithLoss", "fc,label", "loss"));
    put_file(dir, "a.caffemodel", file->data, file->size);
    put_file(dir, "a.prototxt", text, sizeof text - 1);
    memcpy(npy, "\x93NUMPY\1\0\166\0", 10);
    snprintf(npy + 10, 120, "%-117s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 8, 8), }");
    memcpy(npy + 128, x, sizeof x);
    put_file(dir, "x.npy", npy, sizeof npy);
    free(file);
}

static void save_in(const char *dir, const char *name, const void *head, size_t size, const void *data, size_t more)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(head, 1, size, f) != size || fwrite(data, 1, more, f) != more || fclose(f) != 0)
        exit(2);
}

static void put_floats_npy(const char *dir, const char *name, const char *shape, int count)
{
    char head[129], text[100];
    float *x = calloc((size_t)count, sizeof *x);
    uint32_t seed = 7;
    if (!x)
        exit(2);
    for (int i = 0; i < count; i++)
        x[i] = onnx_draw(&seed);
    memcpy(head, "\x93NUMPY\1\0\166\0", 10);
    snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    snprintf(head + 10, sizeof head - 10, "%-117s\n", text);
    save_in(dir, name, head, 128, x, (size_t)count * sizeof *x);
    free(x);
}

/* A convolution and Relu over images of any size: the file names no dimension but the channels. */
static void put_open_network(const char *dir, const onnx_small *w)
{
    onnx_out *file = calloc(1, sizeof *file), *g = calloc(1, sizeof *g);
    if (!file || !g)
        exit(2);
    onnx_node(g, "Conv", "conv", "image,weight,bias", "a", NULL);
    onnx_node(g, "Relu", "relu", "a", "map", NULL);
    onnx_weight(g, "weight", 1, (const int64_t[]){4, 3, 3, 3}, 4, w->conv, sizeof w->conv);
    onnx_weight(g, "bias", 1, (const int64_t[]){4}, 1, w->conv_bias, sizeof w->conv_bias);
    onnx_value(g, 11, "image", (const int64_t[]){-1, 3, -1, -1}, 4);
    onnx_value(g, 12, "map", (const int64_t[]){-1, 4, -1, -1}, 4);
    onnx_model(file, g, 8, 13);
    save_in(dir, "open.onnx", file->data, file->size, "", 0);
    free(file);
    free(g);
}

void plant_onnx(const char *dir, int argc, char **argv)
{
    onnx_out *file = calloc(1, sizeof *file);
    onnx_small *w = calloc(1, sizeof *w);
    (void)argc;
    (void)argv;
    if (!file || !w)
        exit(2);
    onnx_small_weights(w);
    onnx_small_file(file, w);
    save_in(dir, "net.onnx", file->data, file->size, "", 0);
    put_floats_npy(dir, "x.npy", "2, 3, 8, 8", 2 * 3 * 8 * 8);
    put_open_network(dir, w);
    put_floats_npy(dir, "wide.npy", "3, 3, 6, 10", 3 * 3 * 6 * 10);
    put_floats_npy(dir, "last.npy", "1, 5, 9, 3", 5 * 9 * 3);
    put_floats_npy(dir, "rows.npy", "2, 3, 64", 2 * 3 * 64);
    save_in(dir, "names.txt", "ant\nbee\ncat\ndog\neel\n", 20, "", 0);
    free(file);
    free(w);
}

void plant_tflite(const char *dir, int argc, char **argv)
{
    static tflite_out file;
    tflite_small w;
    tflite_integers q;
    char head[2][129];
    float x[144];
    (void)argc;
    (void)argv;
    tflite_small_weights(&w);
    tflite_integer_weights(&q);
    for (int bad = 0; bad < 2; bad++) {
        tflite_small_file(&file, &w, bad);
        save_in(dir, bad ? "bad.tflite" : "net.tflite", file.data, file.size, "", 0);
        memset(head[bad], ' ', 128);
        memcpy(head[bad], "\x93NUMPY\1\0\166\0", 10);
        const int length =
            snprintf(head[bad] + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 6, 6, 2), }",
                     bad ? "|i1" : "<f4");
        head[bad][10 + length] = ' ';
        head[bad][127] = '\n';
    }
    tflite_integer_file(&file, &q);
    save_in(dir, "integers.tflite", file.data, file.size, "", 0);
    for (int i = 0; i < 144; i++)
        x[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    save_in(dir, "x.npy", head[0], 128, x, sizeof x);
    save_in(dir, "q.npy", head[1], 128, x, 144);
}

void plant_keras(const char *dir, int argc, char **argv)
{
    static const struct {
        const char *name, *from, *to;
    } files[] = {{"net.h5", "", ""},
                 {"lambda.h5", "Flatten\",\"name\":\"f", "Lambda\",\"name\":\"f"},
                 {"wide.h5", "\"units\":4", "\"units\":5"},
                 {"json.h5", "}]}}", "}]}"},
                 {"lost.h5", "", ""},
                 {"weights.h5", "", ""}};
    static keras_weights w;
    static hdf5_out out;
    char json[4096], path[512];
    keras_fill(&w);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *all = keras_json[KERAS_SEQUENTIAL], *at = strstr(all, files[i].from);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - all), all, files[i].to, at + strlen(files[i].from));
        if (i == 1)
            memcpy(strstr(json, "ReLU"), "ReLX", 4);
        keras_h5(&out, &w, json, false, "2.4.0");
        for (size_t k = 1; k + 16 < out.size && i >= 4; k++) { /* a name of a group, the name of the attribute */
            const char *name = i == 4 ? "\0kernel:0" : "\0model_config";
            if (memcmp(out.data + k, name, strlen(name + 1) + 1) == 0)
                out.data[k + 1] = 'x';
        }
        snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(out.data, 1, out.size, f) != out.size || fclose(f) != 0)
            exit(2);
    }
    char header[129] = "\x93NUMPY\1\0\166";
    float x[KERAS_H * KERAS_W * KERAS_C];
    snprintf(header + 10, sizeof header - 10, "%-117s\n",
             "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3, 2), }");
    for (int i = 0; i < KERAS_H * KERAS_W * KERAS_C; i++)
        x[i] = (float)(i % 5) / 4;
    snprintf(path, sizeof path, "%s/x.npy", dir);
    FILE *f = fopen(path, "wb");
    (void)argc;
    (void)argv;
    if (!f || fwrite(header, 1, 128, f) != 128 || fwrite(x, 1, sizeof x, f) != sizeof x || fclose(f) != 0)
        exit(2);
}
