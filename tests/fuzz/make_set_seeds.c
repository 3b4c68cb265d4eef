/* SPDX-License-Identifier: Apache-2.0 */
/* Writes first inputs for the fuzzers of manifests, shards, packed files, arrays and networks of Caffe: make_set_seeds
 * DIR makes DIR/fuzz_<kind>/<n>. */
#include "data/planted.h"

#include <fovea/data.h>

#include "data/pack/format.h"
#include "data/source/tar_scan.h"
#include "support/caffe_write.h"

static const char *root;
static char scratch[256];

static void save(const char *kind, const void *data, size_t size)
{
    static int number;
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz_%s/set%d", root, kind, number++);
    fv_test_write(path, data, size);
}

static void make_manifests(void)
{
    static const char *const texts[] = {
        "\000path,label\na.png,cat\n\"a.png\",\"d\"\"og\"\r\n",
        "\002path,label,split,weight,group\na.png,x,train,1,g\na.png,y,train,0.5,\n",
        "\004path,label\na.png,a|b\na.png,\n",
        "\006path,target0,target1\na.png,1,2\na.png,-1e3,0.5\n",
        "\001{\"path\": \"a.png\", \"label\": \"cat\", \"weight\": 2}\n{\"path\": \"a.png\", \"label\": 3}\n",
        "\005{\"path\": \"a.png\", \"label\": [\"x\", \"y\"]}\n",
        "\007{\"path\": \"a.png\", \"label\": [1, 2.5]}\n{\"path\": \"a.png\", \"targets\": [1, 2]}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        save("manifest", texts[i], 1 + strlen(texts[i] + 1));
}

static size_t put_member(uint8_t *to, const char *name, char type, const void *data, size_t size)
{
    fv_tar_header(to, name, (int64_t)size, type);
    memcpy(to + 512, data, size);
    return 512 + (size + 511) / 512 * 512;
}

static void make_shards(void)
{
    static uint8_t archive[1 << 15];
    planted jpeg = planted_make_jpeg((planted_jpeg){.h = 8, .w = 8, .c = 1});
    size_t n = put_member(archive, "a.jpg", '0', jpeg.data, jpeg.size);
    n += put_member(archive + n, "a.cls", '0', "7\n", 2);
    n += put_member(archive + n, "x", 'x', "19 path=b/long.jpg\n18 size=0\n", 19);
    n += put_member(archive + n, "b.jpg", '0', jpeg.data, jpeg.size);
    n += put_member(archive + n, "././@LongLink", 'L', "b/long.json", 12);
    n += put_member(archive + n, "b", '0', "{\"label\": [\"p\", \"q\"], \"weight\": 2}", 35);
    save("tar", archive, n + 1024);
    save("tar", archive, n - 300);
    free(jpeg.data);
}

static void make_packs(void)
{
    static uint8_t data[1 << 17];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char manifest[300], output[300];
    static const char *const texts[] = {"path,label,split,weight\na.jpg,x,train,1\nb.jpg,x,val,2\n",
                                        "path,target0\na.jpg,1\nb.jpg,2\n", "path,label\na.jpg,x|y\nb.jpg,\n"};
    snprintf(manifest, sizeof manifest, "%s/m.csv", scratch);
    snprintf(output, sizeof output, "%s/out.fvpack", scratch);
    planted_save(fv_test_path(scratch, "a.jpg"), planted_make_jpeg((planted_jpeg){.h = 8, .w = 8, .c = 1}));
    planted_save(fv_test_path(scratch, "b.jpg"), planted_make_jpeg((planted_jpeg){.h = 8, .w = 9, .c = 3}));
    for (int i = 0; i < 6; i++) {
        fv_packer *packer = NULL;
        fv_pack_report report;
        fv_test_write_text(manifest, texts[i / 2]);
        if (fv_packer_create(ctx, manifest, NULL, &(fv_pack_options){.raw = i % 2}, &packer) != FV_OK ||
            fv_packer_write(packer, output, &report) != FV_OK) {
            fprintf(stderr, "%s\n", fv_ctx_error(ctx));
            exit(1);
        }
        fv_packer_destroy(&packer);
        FILE *file = fopen(output, "rb");
        const size_t size = file ? fread(data, 1, sizeof data, file) : 0;
        if (file)
            fclose(file);
        save("pack", data + FV_PACK_HEADER, size - (size_t)FV_PACK_HEADER);
    }
    fv_ctx_destroy(&ctx);
}

static size_t put_array(uint8_t *to, const char *descr, const char *shape, size_t bytes)
{
    memset(to, ' ', 128);
    memcpy(to, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int n =
        snprintf((char *)to + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
    to[10 + n] = ' ';
    to[127] = '\n';
    memset(to + 128, 1, bytes);
    return 128 + bytes;
}

static void make_arrays(void)
{
    static const struct {
        const char *labels, *labels_shape, *images, *images_shape;
        size_t labels_bytes, images_bytes;
    } sets[] = {{"<i8", "2,", "|u1", "2, 3, 4, 5", 16, 120},
                {"<f4", "2,", "<f4", "2, 3, 4", 8, 96},
                {"|b1", "2, 3", ">u2", "2, 2, 2, 1", 6, 16},
                {"<f8", "2, 2", "<f8", "2, 2, 2", 32, 64}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        static uint8_t data[4096];
        const size_t n = put_array(data + 2, sets[i].labels, sets[i].labels_shape, sets[i].labels_bytes);
        data[0] = (uint8_t)(n >> 8);
        data[1] = (uint8_t)n;
        save("npy_data", data,
             2 + n + put_array(data + 2 + n, sets[i].images, sets[i].images_shape, sets[i].images_bytes));
    }
}

/* A .caffemodel behind a B; a text and its weights, with a byte 0 between. */
static void make_caffe(void)
{
    static const char *const texts[] = {
        "input: \"data\" input_shape { dim: 1 dim: 2 dim: 6 dim: 6 }\n"
        "layer { name: \"c\" type: \"Convolution\" bottom: \"data\" top: \"c\" convolution_param { num_output: 2 "
        "kernel_size: 3 pad: 1 group: 1 } }\nlayer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"c\" }\n"
        "layer { name: \"p\" type: \"Pooling\" bottom: \"c\" top: \"p\" pooling_param { pool: AVE kernel_size: 3 "
        "stride: 2 "
        "} }\nlayer { name: \"s\" type: \"Softmax\" bottom: \"p\" top: \"s\" }\n",
        "layer { name: \"i\" type: \"Input\" top: \"d\" input_param { shape { dim: [1, 4, 4, 6] } } }\n"
        "layer { name: \"a\" type: \"Slice\" bottom: \"d\" top: \"x\" top: \"y\" slice_param { slice_point: 2 } }\n"
        "layer { name: \"b\" type: \"Eltwise\" bottom: \"x\" bottom: \"y\" top: \"e\" eltwise_param { coeff: 1 coeff: "
        "-1 } }\n"
        "layer { name: \"f\" type: \"Flatten\" bottom: \"e\" top: \"f\" }\n"
        "layer { name: \"g\" type: \"Reshape\" bottom: \"f\" top: \"g\" reshape_param { shape { dim: 0 dim: -1 dim: 3 "
        "} } }\n"
        "layer { name: \"h\" type: \"Permute\" bottom: \"e\" top: \"h\" permute_param { order: 0 order: 2 order: 3 "
        "order: 1 "
        "} }\nlayer { name: \"l\" type: \"LRN\" bottom: \"d\" top: \"l\" lrn_param { norm_region: WITHIN_CHANNEL "
        "local_size: 3 } }\n",
        ("layers { name: \"d\" type: MEMORY_DATA top: \"d\" memory_data_param { channels: 1 height: 4 width: 4 } }\n"
         "layers { name: \"p\" type: POWER bottom: \"d\" top: \"p\" power_param { power: 2 shift: 1 } }\n")};
    static onnx_out file, both;
    static const float w[64] = {0.5f, -1.0f, 2.0f};
    onnx_out param = {.size = 0};
    onnx_out *l = caffe_layer("data", "Data", "", "data,label");
    caffe_add(&file, false, l);
    l = caffe_layer("c", "Convolution", "data", "c");
    caffe_blob(l, false, (const int64_t[]){2, 2, 3, 3}, 4, w);
    caffe_blob(l, false, (const int64_t[]){2}, 1, w);
    onnx_int(&param, 1, 2);
    onnx_int(&param, 3, 1);
    onnx_int(&param, 4, 3);
    onnx_bytes(l, 106, param.data, param.size);
    caffe_add(&file, false, l);
    caffe_add(&file, false, caffe_layer("loss", "SoftmaxWithLoss", "c,label", "loss"));
    both.data[0] = 'B';
    memcpy(both.data + 1, file.data, file.size);
    save("caffe", both.data, file.size + 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t n = strlen(texts[i]) + 1;
        memcpy(both.data, texts[i], n);
        memcpy(both.data + n, file.data, file.size);
        save("caffe", both.data, n + file.size);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_set_seeds DIR\n");
        return 2;
    }
    root = argv[1];
    fv_test_dir_create(scratch);
    make_manifests();
    make_shards();
    make_caffe();
    make_packs();
    make_arrays();
    fv_test_dir_remove(scratch);
    return 0;
}
