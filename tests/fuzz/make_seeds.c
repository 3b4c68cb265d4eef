/* SPDX-License-Identifier: Apache-2.0 */
/* Writes first inputs for the fuzzers of image formats and of indexes: make_seeds DIR makes DIR/fuzz_<format>/<n>. */
#include "io/formats.h"
#include "io/zip.h"
#include "support/keras_write.h"
#include "support/tflite_write.h"

#ifdef FV_WITH_TIFF
#include <tiffio.h>
#endif
#ifdef FV_WITH_WEBP
#include <webp/encode.h>
#endif

static const char *root;

static void save(const char *format, const void *data, size_t size)
{
    static int number;
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz_%s", root, format);
    mkdir(path, 0755);
    for (int choice = 0; choice < 32; choice += 7) { /* the fuzzers' options are at the end */
        snprintf(path, sizeof path, "%s/fuzz_%s/%d", root, format, number++);
        FILE *f = fopen(path, "wb");
        const uint8_t tail[5] = {40, 70, 200, 230, (uint8_t)choice};
        if (!f || fwrite(data, 1, size, f) != size || fwrite(tail, 1, 5, f) != 5 || fclose(f) != 0) {
            perror(path);
            exit(1);
        }
    }
}

static void save_planted(const char *format, planted file)
{
    save(format, file.data, file.size);
    free(file.data);
}

static void make_jpeg_and_png(void)
{
    const planted_jpeg kinds[] = {{.h = 20, .w = 37, .c = 3},
                                  {.h = 20, .w = 37, .c = 3, .orientation = 6, .quality = 100},
                                  {.h = 20, .w = 37, .c = 1, .restart = 1},
                                  {.h = 20, .w = 17, .c = 4, .ycck = true},
                                  {.h = 20, .w = 17, .c = 3, .progressive = true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        save_planted("jpeg", planted_make_jpeg(kinds[i]));
    save_planted("png", planted_make_png(9, 11, PNG_COLOR_TYPE_RGB, 8, false, true));
    save_planted("png", planted_make_png(9, 11, PNG_COLOR_TYPE_GRAY_ALPHA, 16, true, false));
    save_planted("png", planted_make_png(9, 11, PNG_COLOR_TYPE_PALETTE, 4, false, true));
}

static void make_pnm_and_npy(void)
{
    static const char *const texts[] = {"P1 3 2 101 010 ",         "P2\n# a\n3 2 10 1 2 3 4 5 6 ",
                                        "P3 1 2 255 1 2 3 4 5 6 ", "P4 9 2\nabcd",
                                        "P5 3 2 255\nabcdef",      "P6 1 2 65535\nabcdefghijkl"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        save("pnm", texts[i], strlen(texts[i]));
    static const char *const arrays[] = {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }\n",
                                         "{'descr': '>u2', 'fortran_order': True, 'shape': (3, 4, 2), }\n",
                                         "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n"};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        bytes b = {.size = 0};
        put(&b, "\x93NUMPY\1\0", 8);
        put_uint(&b, strlen(arrays[i]), 2, false);
        put_text(&b, arrays[i]);
        for (int k = 0; k < 48; k++)
            put_uint(&b, (uint64_t)(k % 8 == 7 ? 63 : k), 1, false);
        save("npy", b.data, b.size);
    }
}

static void make_bmp(int bits, int header, int compression)
{
    bytes b = {.size = 0};
    const int colors = bits <= 8 ? 1 << bits : 0, masks = compression ? 16 : 0;
    const int pixels = 14 + header + (header == 40 ? masks : 0) + colors * 4;
    put_text(&b, "BM");
    put_uint(&b, 0, 8, false);
    put_uint(&b, (uint64_t)pixels, 4, false);
    put_uint(&b, (uint64_t)header, 4, false);
    put_uint(&b, 5, 4, false);
    put_uint(&b, 3, 4, false);
    put_uint(&b, 1, 2, false);
    put_uint(&b, (uint64_t)bits, 2, false);
    put_uint(&b, (uint64_t)compression, 4, false);
    put(&b, (const uint8_t[20]){0}, 20);
    for (int i = 0; i < masks / 4; i++)
        put_uint(&b, 0xFFull << (8 * i), 4, false);
    while (b.size < (size_t)pixels + 3 * (size_t)((5 * bits + 31) / 32 * 4))
        put_uint(&b, b.size * 7, 1, false);
    save("bmp", b.data, b.size);
}

/* Codes of 9 bits with a clear in front of each: no string is ever used. And two that are. */
static void make_gif(bool strings)
{
    bytes b = {.size = 0};
    put(&b, "GIF89a\4\0\3\0\x87\0\0", 13);
    for (int i = 0; i < 256 * 3; i++)
        put_uint(&b, (uint64_t)i, 1, false);
    put(&b, "\x21\xF9\4\1\0\0\2\0\x2C\0\0\0\0\4\0\3\0\x40\x08", 19);
    uint8_t data[64] = {0};
    int at = 0;
    for (int i = 0; i < 12; i++) {
        const int code = strings ? (i == 0 ? 256 : i < 3 ? i : 256 + i - 1) : 256;
        for (int k = 0; k < 2; k++) {
            const int v = k == 0 ? code : i;
            for (int bit = 0; bit < 9 && !(strings && k); bit++, at++)
                data[at / 8] |= (uint8_t)((v >> bit & 1) << at % 8);
        }
    }
    put_uint(&b, (uint64_t)(at / 8 + 1), 1, false);
    put(&b, data, (size_t)at / 8 + 1);
    put(&b, "\0;", 2);
    save("gif", b.data, b.size);
}

static void make_optional(void)
{
    uint8_t pixels[16 * 16 * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i / 7);
#ifdef FV_WITH_WEBP
    for (int lossless = 0; lossless < 2; lossless++) {
        uint8_t *out = NULL;
        const size_t n =
            lossless ? WebPEncodeLosslessRGBA(pixels, 16, 16, 64, &out) : WebPEncodeRGBA(pixels, 16, 16, 64, 80, &out);
        save("webp", out, n);
        WebPFree(out);
    }
#endif
#ifdef FV_WITH_TIFF
    static const int kinds[][4] = {{COMPRESSION_NONE, 8, 4, 0},
                                   {COMPRESSION_LZW, 16, 2, 1},
                                   {COMPRESSION_PACKBITS, 32, 1, 0},
                                   {COMPRESSION_ADOBE_DEFLATE, 8, 3, 1}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/seed.tif", root);
        TIFF *t = TIFFOpen(path, i % 2 ? "wb" : "w");
        assert_non_null(t);
        TIFFSetField(t, TIFFTAG_IMAGELENGTH, 16);
        TIFFSetField(t, TIFFTAG_IMAGEWIDTH, 16 * 32 / kinds[i][1] / kinds[i][2]);
        TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, kinds[i][1]);
        TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, kinds[i][2]);
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, kinds[i][1] == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
        TIFFSetField(t, TIFFTAG_PHOTOMETRIC, kinds[i][2] >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
        TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
        TIFFSetField(t, TIFFTAG_COMPRESSION, kinds[i][0]);
        if (kinds[i][3]) {
            TIFFSetField(t, TIFFTAG_TILELENGTH, 16);
            TIFFSetField(t, TIFFTAG_TILEWIDTH, 16);
            uint8_t tile[16 * 16 * 8] = {9};
            TIFFWriteTile(t, tile, 0, 0, 0, 0);
        } else {
            for (uint32_t y = 0; y < 16; y++)
                TIFFWriteScanline(t, pixels + 64 * y, y, 0);
        }
        TIFFClose(t);
        static uint8_t file[1 << 16];
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        const size_t n = fread(file, 1, sizeof file, f);
        fclose(f);
        unlink(path);
        save("tiff", file, n);
    }
#endif
}

/* A text as it stands: whoever reads it has no options at its end. */
static void save_text(const char *format, int number, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz_%s", root, format);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/fuzz_%s/%d", root, format, number);
    FILE *f = fopen(path, "wb");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

/* An index with an entry of each source, and one with a single entry. */
static void make_zoo(void)
{
    static const char sum[] = "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197";
    static const char entry[] =
        "{\"name\": \"a%d\", \"file\": \"a%d.pt\", \"sha256\": \"%s\", \"bytes\": 7, \"license\": "
        "\"MIT\", \"architecture\": \"lenet\", \"task\": \"classify\", \"data\": \"digits\", "
        "\"date\": \"2026-01-02\", \"command\": \"train\", \"note\": \"x\", \"metrics\": "
        "{\"top1\": 0.5, \"n\": 3}, \"source\": {%s%s%s}}";
    static const char *const sources[3] = {"\"file\": true", "\"url\": \"https://a.b/c\"",
                                           "\"package\": \"a==1.0\", \"path\": \"b/c.pt\", \"sha256\": \""};
    for (int count = 1; count <= 3; count += 2) {
        char text[4096] = "{\"format\": 1, \"models\": [";
        for (int i = 0; i < count; i++) {
            const size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "%s", i ? ", " : "");
            const size_t m = strlen(text);
            snprintf(text + m, sizeof text - m, entry, i, i, sum, sources[i], i == 2 ? sum : "", i == 2 ? "\"" : "");
        }
        strcat(text, "]}");
        save_text("zoo", count, text);
    }
}

/* A network of floats, and one of integers. */
static void make_tflite(void)
{
    static tflite_out file;
    tflite_small w;
    tflite_integers q;
    tflite_small_weights(&w);
    tflite_small_file(&file, &w, 0);
    save("tflite", file.data, file.size);
    tflite_integer_weights(&q);
    tflite_integer_file(&file, &q);
    save("tflite", file.data, file.size);
}

static fv_status write_keras(fv_ctx *ctx, const char *path, const fv_zip_part *parts)
{
    static const char *const names[] = {"metadata.json", "config.json", "model.weights.h5"};
    fv_zip_writer zip = {.ctx = ctx};
    fv_writer *writer = NULL;
    FV_TRY(fv_writer_open(ctx, path, &writer));
    for (int i = 0; i < 3; i++)
        FV_TRY(fv_zip_put(&zip, writer, names[i], &parts[i], 1));
    FV_TRY(fv_zip_finish(&zip, writer));
    fv_zip_discard(&zip);
    return fv_writer_commit(&writer);
}

/* A network in each of the forms of Keras; archives need a context. */
static void make_keras(void)
{
    static keras_weights weights;
    static hdf5_out out;
    static const char meta[] = "{\"keras_version\": \"3.4.1\"}";
    char path[512];
    fv_ctx *ctx = NULL;
    snprintf(path, sizeof path, "%s/fuzz_keras", root);
    mkdir(path, 0755);
    keras_fill(&weights);
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
    for (int form = 0; form < KERAS_FORMS && status == FV_OK; form++) {
        const bool archive = form >= KERAS_THREE;
        snprintf(path, sizeof path, "%s/fuzz_keras/%d", root, form);
        if (archive)
            keras_counted(&out, &weights, form == KERAS_WINDOWS);
        else
            keras_h5(&out, &weights, keras_json[form], form == KERAS_NESTED, "2.4.0");
        const fv_zip_part parts[] = {
            {meta, sizeof meta - 1}, {keras_json[form], strlen(keras_json[form])}, {out.data, out.size}};
        fv_writer *writer = NULL;
        if (archive) {
            status = write_keras(ctx, path, parts);
            continue;
        }
        status = fv_writer_open(ctx, path, &writer);
        status = status == FV_OK ? fv_writer_put(writer, out.data, out.size) : status;
        status = status == FV_OK ? fv_writer_commit(&writer) : status;
    }
    if (status != FV_OK) {
        fprintf(stderr, "%s: seeds of Keras were not written\n", path);
        exit(1);
    }
    fv_ctx_destroy(&ctx);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_seeds DIR\n");
        return 2;
    }
    root = argv[1];
    mkdir(root, 0755);
    make_jpeg_and_png();
    make_pnm_and_npy();
    const int bits[] = {1, 4, 8, 24, 32};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        make_bmp(bits[i], 40, 0);
    make_bmp(32, 56, 3);
    make_gif(false);
    make_gif(true);
    make_optional();
    make_zoo();
    make_tflite();
    make_keras();
    return 0;
}
