/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the files that the tests of the program plant, sound and broken: plant KIND FILE [WORDS]. */
#include "data/corpus.h"

#include <jansson.h>
#include <zlib.h>

#include "plant_nets.h"

static const char *word_after(int argc, char **argv, const char *key)
{
    size_t n = strlen(key);
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], key, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static int number(int argc, char **argv, const char *key, int otherwise)
{
    const char *text = word_after(argc, argv, key);
    return text ? atoi(text) : otherwise;
}

/* ---- images ---- */

static void plant_jpeg(const char *path, int argc, char **argv)
{
    planted_jpeg o = {.h = number(argc, argv, "h", 28),
                      .w = number(argc, argv, "w", 28),
                      .c = number(argc, argv, "c", 3),
                      .quality = number(argc, argv, "quality", 90),
                      .orientation = number(argc, argv, "orientation", 0),
                      .progressive = has_word(argc, argv, "progressive"),
                      .arithmetic = has_word(argc, argv, "arithmetic"),
                      .ycck = has_word(argc, argv, "ycck")};
    planted_save(path, planted_make_jpeg(o));
}

static void plant_png(const char *path, int argc, char **argv)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"grey", PNG_COLOR_TYPE_GRAY},
                 {"rgb", PNG_COLOR_TYPE_RGB},
                 {"palette", PNG_COLOR_TYPE_PALETTE},
                 {"grey-alpha", PNG_COLOR_TYPE_GRAY_ALPHA},
                 {"rgba", PNG_COLOR_TYPE_RGB_ALPHA}};
    int type = PNG_COLOR_TYPE_RGB;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        type = has_word(argc, argv, types[i].name) ? types[i].type : type;
    planted_save(path, planted_make_png(number(argc, argv, "h", 28), number(argc, argv, "w", 28), type,
                                        number(argc, argv, "depth", 8), false, has_word(argc, argv, "trns")));
}

/* Replaces the size in a PNG's header, with the checksum that belongs to it. */
static void plant_png_claim(const char *path, int argc, char **argv)
{
    planted file = planted_make_png(28, 28, PNG_COLOR_TYPE_RGB, 8, false, false);
    unsigned size[2] = {(unsigned)number(argc, argv, "w", 60000), (unsigned)number(argc, argv, "h", 60000)};
    for (int i = 0; i < 8; i++)
        file.data[16 + i] = (uint8_t)(size[i / 4] >> (24 - 8 * (i % 4)));
    uLong crc = crc32(0, file.data + 12, 17);
    for (int i = 0; i < 4; i++)
        file.data[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    planted_save(path, file);
}

/* plant classes DIR count=N NAME...: JPEGs for every class, each class with a picture of its own. */
static void plant_classes(const char *dir, int argc, char **argv)
{
    int n = number(argc, argv, "count", 4), size = number(argc, argv, "size", 28), class = 0;
    for (int i = 0; i < argc; i++) {
        if (strchr(argv[i], '='))
            continue;
        for (int k = 0; k < n; k++) {
            char path[400];
            snprintf(path, sizeof path, "%s/%s/%04d.jpg", dir, argv[i], k);
            planted_save(path, planted_make_jpeg((planted_jpeg){.h = size + k % 3,
                                                                .w = size + (class * 7 + k) % 5,
                                                                .c = class % 2 ? 1 : 3,
                                                                .quality = 70 + (class * 13 + k) % 30}));
        }
        class ++;
    }
}

static unsigned draw(uint64_t *state, unsigned n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33) % n;
}

/* One picture of a class, in one of the forms that cameras and programs write. */
static void plant_random_picture(const char *stem, int k, uint64_t *state)
{
    static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_PALETTE,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    static const char *const extensions[] = {"jpg", "jpg", "JPG", "jpeg", "png", "PNG"};
    const char *extension = extensions[draw(state, sizeof extensions / sizeof *extensions)];
    const bool png = strcasecmp(extension, "png") == 0;
    char path[700];
    snprintf(path, sizeof path, "%s %d.%s", stem, k, extension);
    planted_jpeg jpeg = {.h = 20 + k, .w = 20 + (int)draw(state, 30), .c = draw(state, 4) ? 3 : 1};
    jpeg.quality = 60 + (int)draw(state, 40);
    if (png)
        planted_save(path, planted_make_png(jpeg.h, jpeg.w, types[draw(state, 4)], 8, false, false));
    else
        planted_save(path, planted_make_jpeg(jpeg));
}

/* A class of `count` pictures, some in a folder of their own, some broken; what systems leave lies among them. */
static void plant_random_class(const char *dir, const char *name, int count, uint64_t *state)
{
    static const char *const left[] = {"Thumbs.db",     "@eaDir/1.jpg", ".DS_Store",
                                       "._image 1.jpg", "desktop.ini",  "notes.txt"};
    static const char *const stems[] = {"image", "image", "-image", "im'age", "im,age", "im\nage", "\xE5\x9B\xBE"};
    const char *stem = stems[draw(state, sizeof stems / sizeof *stems)];
    char path[600];
    const bool nested = draw(state, 5) == 0;
    const unsigned broken = draw(state, 9);
    snprintf(path, sizeof path, "%s/%s/.keep", dir, name);
    fv_test_write(path, "", 0);
    for (int k = 0; k < count; k++) {
        snprintf(path, sizeof path, "%s/%s/%s%s", dir, name, nested && k % 2 ? "part 1/" : "", stem);
        if (broken < 3 && k == 1) /* text, nothing, or a form that is not read */
            snprintf(path, sizeof path, "%s/%s/broken.%s", dir, name, broken == 2 ? "heic" : "jpg"),
                fv_test_write(path, "text", broken == 1 ? 0 : 4);
        else
            plant_random_picture(path, k, state);
    }
    if (draw(state, 4) == 0) {
        snprintf(path, sizeof path, "%s/%s/%s", dir, name, left[draw(state, sizeof left / sizeof *left)]);
        fv_test_write(path, "thumbs", 6);
    }
}

/* plant random DIR seed=N: a folder of classes as people have them. */
static void plant_random(const char *dir, int argc, char **argv)
{
    static const char *const names[] = {
        "cat",     "dog",          "0",          "1",       "10",     "0.5",       "1.5",     "nan",    "inf",
        "true",    "null",         "a|b",        "Cat",     "train",  "runs",      "hot dog", "hotdog", "a,b",
        "#1",      "100%",         "2024-01-02", "-x",      "1e3",    "x;y",       "a'b",     "~",      "caf\xC3\xA9",
        "qu\"ote", "\xE5\x90\x8D", "c at",       "weights", "@eaDir", "lost+found"};
    /* Names that a text file, a shell or an eye takes for something else. */
    static const char *const odd[] = {"cafe\xCC\x81",
                                      "dog\xE2\x80\x8B",
                                      "hot\xC2\xA0"
                                      "dog",
                                      " cat",
                                      "cat ",
                                      "a\tb",
                                      "a\nb",
                                      "\xFF\xFE",
                                      "=1+1",
                                      "[x]",
                                      "{x}",
                                      "*",
                                      "?",
                                      "0x10",
                                      "+1",
                                      "-1",
                                      "1_000",
                                      "1,5",
                                      "NaN",
                                      "TRUE",
                                      "None",
                                      "val",
                                      "Test",
                                      "a\\b",
                                      "a:b",
                                      ".hidden",
                                      "a.jpg",
                                      "images",
                                      "$HOME",
                                      "&",
                                      "\xEF\xBB\xBF"
                                      "dog",
                                      "01",
                                      "1.0",
                                      "---",
                                      "a=b",
                                      "\"x\"",
                                      "!x",
                                      "%s",
                                      "CON"};
    static const char *const splits[][2] = {{"", ""},
                                            {"", ""},
                                            {"train", "val"},
                                            {"Training", "Validation"},
                                            {"TRAIN", ""},
                                            {"", ""},
                                            {"photos/train", "photos/val"}};
    enum {
        NAMES = sizeof names / sizeof *names,
        ODD = sizeof odd / sizeof *odd,
        SPLITS = sizeof splits / sizeof *splits
    };
    uint64_t state = (uint64_t)number(argc, argv, "seed", 1) * UINT64_C(0x9E3779B97F4A7C15);
    const unsigned layout = draw(&state, SPLITS), first = draw(&state, NAMES);
    const int classes = 2 + (int)draw(&state, 4);
    char path[400];
    for (int k = 0; k < classes; k++) {
        const char *name = names[(first + (unsigned)k * (1 + draw(&state, 7))) % NAMES];
        if (draw(&state, 4) == 0)
            name = odd[draw(&state, ODD)];
        const int count = draw(&state, 20) == 0 ? 0 : 6 + (int)draw(&state, 6);
        for (int side = 0; side < 2; side++) {
            if (side == 1 && !splits[layout][1][0])
                continue;
            snprintf(path, sizeof path, "%s%s%s", dir, splits[layout][side][0] ? "/" : "", splits[layout][side]);
            plant_random_class(path, name, side ? 3 : count, &state);
        }
    }
    snprintf(path, sizeof path, "%s/README.txt", dir);
    if (draw(&state, 3) == 0)
        fv_test_write(path, "read me", 7);
}

/* plant pixels FILE h= w= count= [depth=8|16|32]: raw frames of the grey picture that plant png draws. */
static void plant_pixels(const char *path, int argc, char **argv)
{
    const int h = number(argc, argv, "h", 28), w = number(argc, argv, "w", 28), n = number(argc, argv, "count", 1),
              depth = number(argc, argv, "depth", 8), item = depth / 8;
    uint8_t *data = calloc((size_t)n, (size_t)(h * w * item));
    assert_non_null(data);
    uint8_t *p = data;
    for (int i = 0; i < n * h * w; i++, p += item) {
        const uint8_t v = planted_pixel(i / w % h, i % w, 0, h, w);
        memset(p, v, (size_t)item);
        if (depth == 32)
            memcpy(p, &(float){(float)v / 255.0f}, 4);
    }
    fv_test_write(path, data, (size_t)(p - data));
    free(data);
}

/* plant bands DIR count=N: images.npy of N images of 8 x 8 with 12 bands, and labels.npy; the class is told by band 7.
 */
static void plant_bands(const char *dir, int argc, char **argv)
{
    enum { SIDE = 8, BANDS = 12, HEADER = 128 };
    const int n = number(argc, argv, "count", 20);
    const size_t image = SIDE * SIDE * BANDS;
    uint8_t *images = calloc(1, HEADER + (size_t)n * image), *labels = calloc(1, HEADER + (size_t)n);
    uint8_t *files[2] = {images, labels};
    assert_true(images && labels);
    for (int f = 0; f < 2; f++) {
        char text[HEADER], path[400];
        memset(files[f], ' ', HEADER);
        memcpy(files[f], "\x93NUMPY\x01\x00\x76\x00", 10);
        int length =
            f == 0
                ? snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 8, 8, 12), }", n)
                : snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", n);
        memcpy(files[f] + 10, text, (size_t)length);
        files[f][HEADER - 1] = '\n';
        for (int i = 0; i < n; i++) {
            for (size_t e = 0; f == 0 && e < image; e++)
                images[HEADER + (size_t)i * image + e] =
                    (uint8_t)(e % BANDS == 7 ? (i % 2 ? 200 : 50) : (e * 31 + (size_t)i * 17) % 256);
            if (f == 1)
                labels[HEADER + i] = (uint8_t)(i % 2);
        }
        snprintf(path, sizeof path, "%s/%s", dir, f == 0 ? "images.npy" : "labels.npy");
        fv_test_write(path, files[f], HEADER + (size_t)n * (f == 0 ? image : 1));
    }
    free(images);
    free(labels);
}

/* plant floats DIR count=N [scale=S] [from=F]: images.npy of N grey images of 8 x 8 floats from F on, S wide, and
 * labels.npy of two classes. */
static void plant_floats(const char *dir, int argc, char **argv)
{
    enum { SIDE = 8, HEADER = 128, MOST = 100 };
    const int n = number(argc, argv, "count", 20), scale = number(argc, argv, "scale", 1);
    const int from = number(argc, argv, "from", 0);
    static uint8_t images[HEADER + MOST * SIDE * SIDE * 4], labels[HEADER + MOST];
    assert_in_range(n, 1, MOST);
    for (int f = 0; f < 2; f++) {
        uint8_t *file = f ? labels : images;
        char text[HEADER], path[400];
        memset(file, ' ', HEADER);
        memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,%s), }", f ? "|u1" : "<f4", n,
                 f ? "" : " 8, 8");
        memcpy(file + 10, text, strlen(text));
        file[HEADER - 1] = '\n';
        for (int i = 0; i < n * (f ? 1 : SIDE * SIDE); i++) {
            const float value = (float)from + (float)scale * (float)(i * 7 % 101) / 100.0f;
            if (f)
                labels[HEADER + i] = (uint8_t)(i % 2);
            else
                memcpy(images + HEADER + (size_t)i * 4, &value, 4);
        }
        snprintf(path, sizeof path, "%s/%s", dir, f ? "labels.npy" : "images.npy");
        fv_test_write(path, file, HEADER + (size_t)n * (f ? 1 : SIDE * SIDE * 4));
    }
}

/* Scene i: three upright stripes, each lit when its bit of the set is, and a white square somewhere on them. */
static int scene_set(int i)
{
    return 1 + i % 7;
}

static int scene_at(int i, int axis)
{
    return (int)(((unsigned)i * 2654435761u + 12345u) >> (axis ? 20 : 8) & 0xff) % 22;
}

static void draw_scene(int i, uint8_t *pixels)
{
    const int left = scene_at(i, 0), top = scene_at(i, 1);
    for (int e = 0; e < 28 * 28 * 3; e++) {
        const int y = e / 3 / 28, x = e / 3 % 28, stripe = x * 3 / 28;
        const bool lit = (scene_set(i) >> stripe & 1) && e % 3 == stripe;
        const bool square = y >= top && y < top + 6 && x >= left && x < left + 6;
        pixels[e] = square ? 255 : (uint8_t)((lit ? 150 : 20) + (i * 7 + x * y) % 30);
    }
}

/* plant scenes DIR count=N: scenes as PNGs, sets.csv that says which stripes are lit, values.csv that says where the
 * square is; every fifth to validate on. */
static void plant_scenes(const char *dir, int argc, char **argv)
{
    static const char *const stripes[3] = {"left", "middle", "right"};
    char path[400];
    snprintf(path, sizeof path, "%s/sets.csv", dir);
    fv_test_write(path, "", 0); /* makes the folder */
    FILE *sets = fopen(path, "w");
    snprintf(path, sizeof path, "%s/values.csv", dir);
    FILE *values = fopen(path, "w");
    assert_true(sets && values);
    fputs("path,label,split\n", sets);
    fputs("path,split,target0,target1\n", values);
    for (int i = 0; i < number(argc, argv, "count", 20); i++) {
        const char *split = i % 5 == 4 ? "val" : "train";
        png_image png = {.version = PNG_IMAGE_VERSION, .width = 28, .height = 28, .format = PNG_FORMAT_RGB};
        uint8_t pixels[28 * 28 * 3];
        char label[64] = "";
        for (int k = 0; k < 3; k++)
            if (scene_set(i) >> k & 1)
                snprintf(label + strlen(label), sizeof label - strlen(label), "%s%s", *label ? "|" : "", stripes[k]);
        snprintf(path, sizeof path, "%s/%04d.png", dir, i);
        draw_scene(i, pixels);
        assert_true(png_image_write_to_file(&png, path, 0, pixels, 0, NULL));
        fprintf(sets, "%04d.png,%s,%s\n", i, label, split);
        fprintf(values, "%04d.png,%s,%.6f,%.6f\n", i, split, (scene_at(i, 0) + 3) / 28.0, (scene_at(i, 1) + 3) / 28.0);
    }
    assert_int_equal(fclose(sets) | fclose(values), 0);
}

/* ---- weights ---- */

/* A safetensors file from a header in text and so many bytes of data, 0.5 each four. */
static void write_tensors(const char *path, const char *header, size_t length, size_t bytes)
{
    uint8_t *file = calloc(1, 8 + strlen(header) + bytes + 4);
    assert_non_null(file);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(file + 8, header, strlen(header));
    for (size_t i = 0; i < bytes; i++)
        file[8 + strlen(header) + i] = (uint8_t)(i % 4 == 3 ? 0x3f : 0);
    fv_test_write(path, file, 8 + strlen(header) + bytes);
    free(file);
}

static void plant_tensors(const char *path, int argc, char **argv)
{
    static const struct {
        const char *kind, *header;
        size_t bytes;
    } kinds[] = {
        {"overlap",
         "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12},
        {"hole",
         "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
         12},
        {"duplicate",
         "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8},
        {"past-end", "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[0,256]}}", 16},
        {"dtype", "{\"a.weight\":{\"dtype\":\"Q99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"shape", "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,4]}}", 4},
        {"negative", "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4},
        {"overflow",
         "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,4]}}", 4},
        {"not-json", "{\"a.weight\":{\"dtype\":", 4},
        {"huge-header", "{}", 0},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (has_word(argc, argv, kinds[i].kind)) {
            bool huge = strcmp(kinds[i].kind, "huge-header") == 0;
            write_tensors(path, kinds[i].header, huge ? 200000000 : strlen(kinds[i].header), kinds[i].bytes);
            return;
        }
    fail_msg("plant tensors: no such kind");
}

/* Every tensor of a header as bfloat16: the upper halves of its floats. */
static void halve(json_t *root, uint8_t *data, size_t *bytes)
{
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry)
    {
        json_t *offsets = json_object_get(entry, "data_offsets");
        for (size_t i = 0; offsets && i < 2; i++)
            json_array_set_new(offsets, i, json_integer(json_integer_value(json_array_get(offsets, i)) / 2));
        if (offsets)
            json_object_set_new(entry, "dtype", json_string("BF16"));
    }
    for (size_t i = 0; i < *bytes / 4; i++)
        memcpy(data + 2 * i, data + 4 * i + 2, 2);
    *bytes /= 2;
}

/* plant edit FILE from=MODEL [nan=TENSOR] [inf=TENSOR] [huge=TENSOR] [one=TENSOR] [drop=A] [bf16]: a model file as
 * plain weights, changed.
 */
static void plant_edit(const char *path, int argc, char **argv)
{
    const char *from = word_after(argc, argv, "from"), *drop = word_after(argc, argv, "drop");
    static const struct {
        const char *name;
        uint32_t bits;
    } kinds[] = {{"nan", 0x7fc00000u}, {"inf", 0x7f800000u}, {"huge", 0x7f7fffffu}, {"one", 0x3f800000u}};
    FILE *f = fopen(from ? from : "", "rb");
    assert_non_null(f);
    uint8_t head[8];
    size_t length = 0;
    assert_int_equal(fread(head, 1, 8, f), 8);
    for (int i = 0; i < 8; i++)
        length |= (size_t)head[i] << (8 * i);
    char *text = calloc(1, length + 1);
    assert_int_equal(fread(text, 1, length, f), length);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    fseek(f, 0, SEEK_END);
    size_t bytes = (size_t)ftell(f) - 8 - length;
    uint8_t *data = malloc(bytes + 1);
    fseek(f, (long)(8 + length), SEEK_SET);
    assert_int_equal(fread(data, 1, bytes, f), bytes);
    fclose(f);
    for (int k = 0; k < 4; k++) {
        const char *name = word_after(argc, argv, kinds[k].name);
        json_t *entry = name ? json_object_get(root, name) : NULL;
        if (name)
            assert_non_null(entry);
        if (entry)
            memcpy(data + json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0)) + 8,
                   &kinds[k].bits, 4);
    }
    if (has_word(argc, argv, "unsigned"))
        json_object_del(json_object_get(root, "__metadata__"), "fovea.sha256");
    else
        json_object_del(root, "__metadata__");
    if (drop) {
        /* Its bytes stay, under another name: a file may not have holes. */
        json_object_set(root, "something.else", json_object_get(root, drop));
        json_object_del(root, drop);
    }
    if (has_word(argc, argv, "bf16"))
        halve(root, data, &bytes);
    char *header = json_dumps(root, JSON_COMPACT);
    size_t n = strlen(header);
    uint8_t *file = malloc(8 + n + bytes);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)n >> (8 * i));
    memcpy(file + 8, header, n);
    memcpy(file + 8 + n, data, bytes);
    fv_test_write(path, file, 8 + n + bytes);
    json_decref(root);
    free(header);
    free(text);
    free(data);
    free(file);
}

/* plant flip FILE byte=N: one byte of an existing file changed; N below 0 counts from the end. */
static void plant_flip(const char *path, int argc, char **argv)
{
    FILE *f = fopen(path, "r+b");
    long at = number(argc, argv, "byte", -1);
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(f);
    assert_true(c != EOF);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    fputc(c ^ 0x5a, f);
    assert_int_equal(fclose(f), 0);
}

/* plant corpus DIR: every set of the planted corpus in a folder of its name. */
static void plant_corpus(const char *path, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (int i = 0; i < CORPUS_SETS; i++) {
        char dir[400];
        snprintf(dir, sizeof dir, "%s/%s", path, corpus_sets[i].name);
        corpus_make(dir, i);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*plant)(const char *path, int argc, char **argv);
    } kinds[] = {{"jpeg", plant_jpeg},       {"png", plant_png},         {"png-claim", plant_png_claim},
                 {"classes", plant_classes}, {"tensors", plant_tensors}, {"edit", plant_edit},
                 {"flip", plant_flip},       {"bands", plant_bands},     {"pixels", plant_pixels},
                 {"corpus", plant_corpus},   {"scenes", plant_scenes},   {"floats", plant_floats},
                 {"random", plant_random},   {"onnx", plant_onnx},       {"caffe", plant_caffe},
                 {"tflite", plant_tflite},   {"keras", plant_keras}};
    for (size_t i = 0; argc > 2 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0) {
            kinds[i].plant(argv[2], argc - 3, argv + 3);
            return 0;
        }
    fprintf(stderr, "usage: plant KIND FILE [WORDS]\n");
    return 2;
}
