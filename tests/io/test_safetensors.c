/* SPDX-License-Identifier: Apache-2.0 */
/* The format itself: every rule broken once, every element type read, what is written. */
#include "support/folder.h"

#include <math.h>

#include "io/safetensors.h"

/* A file from a header text and a number of bytes 0, 1, 2, ...; its size is returned. */
static int64_t make_file(uint8_t *out, const char *header, int64_t bytes)
{
    int64_t length = (int64_t)strlen(header);
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(out + 8, header, (size_t)length);
    for (int64_t i = 0; i < bytes; i++)
        out[8 + length + i] = (uint8_t)i;
    return 8 + length + bytes;
}

#define T(dtype, shape, begin, end)                                                                                    \
    "{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void test_corrupt(void **state)
{
    static const struct {
        const char *header;
        int64_t bytes;
        const char *words[2];
    } rows[] = {
        {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("F32", "1", 4, 8) "}", 8, {"'a' and 'b' overlap"}},
        {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("F32", "2", 0, 8) "}", 8, {"overlap"}},
        {"{\"a\":" T("F32", "1", 0, 4) ",\"b\":" T("F32", "1", 8, 12) "}", 12, {"4 bytes before tensor 'b'"}},
        {"{\"a\":" T("F32", "1", 4, 8) "}", 8, {"4 bytes before tensor 'a'"}},
        {"{\"a\":" T("F32", "1", 0, 4) "}", 6, {"2 bytes behind", "'a'"}},
        {"{}", 3, {"3 bytes behind"}},
        {"{\"a\":" T("F32", "2", 0, 8) "}", 7, {"'a' ends at byte 8 of 7"}},
        {"{\"a\":" T("F32", "1", 0, 4) ",\"a\":" T("F32", "1", 4, 8) "}", 8, {"\"a\""}},
        {"{\"a\":" T("F33", "1", 0, 4) "}", 4, {"'a': unknown dtype 'F33'"}},
        {"{\"a\":" T("F32", "2", 0, 4) "}", 4, {"'a': 4 bytes do not fit"}},
        {"{\"a\":" T("F32", "4294967296,4294967296", 0, 4) "}", 4, {"'a'"}},
        {"{\"a\":" T("F32", "9223372036854775807", 0, 4) "}", 4, {"'a'"}},
        {"{\"a\":" T("F32", "99999999999999999999", 0, 4) "}", 4, {NULL}},
        {"{\"a\":" T("F32", "-1", 0, 4) "}", 4, {"'a': dimension 0"}},
        {"{\"a\":" T("F32", "1.0", 0, 4) "}", 4, {"'a': dimension 0"}},
        {"{\"a\":" T("F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, {"'a': 9 dimensions"}},
        {"{\"a\":" T("F32", "1", 4, 0) "}", 4, {"'a': data_offsets [4, 0]"}},
        {"{\"a\":" T("F32", "1", -4, 0) "}", 4, {"'a': data_offsets"}},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, {"'a': data_offsets"}},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, {"'a': shape"}},
        {"{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, {"'a': dtype"}},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, {"'a': unknown key 'x'"}},
        {"{\"a\":[]}", 0, {"'a'"}},
        {"{\"__metadata__\":[],\"a\":" T("F32", "1", 0, 4) "}", 4, {"__metadata__"}},
        {"{\"__metadata__\":{\"k\":1},\"a\":" T("F32", "1", 0, 4) "}", 4, {"'k' is no text"}},
        {"{\"a\":" T("F32", "1", 0, 4), 4, {NULL}},
        {"{\"a\":" T("F32", "1", 0, 4) "} x", 4, {NULL}},
        {" {\"a\":" T("F32", "1", 0, 4) "}", 4, {"'{'"}},
        {"", 16, {"'{'"}},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t data[1024];
        fv_tensor_file *file = NULL;
        int64_t size = make_file(data, rows[i].header, rows[i].bytes);
        /* An exact block, so that reading past the end is seen by the sanitizer. */
        uint8_t *exact = malloc((size_t)size);
        memcpy(exact, data, (size_t)size);
        fv_status status = fv_safetensors_parse(ctx, "bad.safetensors", exact, size, &file);
        const char *text = fv_ctx_error(ctx);
        bool good = status == FV_ERR_MODEL_FORMAT && !file && strstr(text, "bad.safetensors");
        for (int k = 0; k < 2 && rows[i].words[k]; k++)
            good = good && strstr(text, rows[i].words[k]);
        if (!good)
            fail_msg("%s gave %s: %s", rows[i].header, fv_status_name(status), text);
        free(exact);
    }
    fv_ctx_destroy(&ctx);
}

/* Header lengths that lie, and files of other kinds. */
static void test_strangers(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        fv_status status;
        const char *word, *hint;
    } rows[] = {
        {"", 0, FV_ERR_MODEL_FORMAT, "0 bytes", ""},
        {"\1\0\0", 3, FV_ERR_MODEL_FORMAT, "3 bytes", ""},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, FV_ERR_MODEL_FORMAT, "at most 100000000", ""},
        {"\1\xe1\xf5\5\0\0\0\0{}", 10, FV_ERR_MODEL_FORMAT, "100000001", ""}, /* 100 MB and one byte */
        {"\xff\0\0\0\0\0\0\0{}", 10, FV_ERR_MODEL_FORMAT, "truncated", ""},
        {"PK\3\4\24\0\0\0\0\0\0\0", 12, FV_ERR_MODEL_FORMAT, "zip", "safetensors"},
        {"\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", 15, FV_ERR_MODEL_FORMAT, "pickle", "safetensors"},
        {"\x1f\x8b\x08\0\0\0\0\0\0\0", 10, FV_ERR_MODEL_FORMAT, "gzip", "unpack"},
        {"<html><body>404", 15, FV_ERR_MODEL_FORMAT, "web page", ""},
        {"version https://git-lfs.github.com/spec/v1", 42, FV_ERR_MODEL_FORMAT, "Git LFS", "git lfs pull"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_tensor_file *file = NULL;
    char path[512];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *name = fv_test_path(dir, "stranger");
        fv_test_write(name, rows[i].bytes, rows[i].size);
        fv_status status = fv_safetensors_open(ctx, name, &file);
        if (status != rows[i].status || !strstr(fv_ctx_error(ctx), rows[i].word) ||
            !strstr(fv_ctx_hint(ctx), rows[i].hint))
            fail_msg("row %d gave %s: %s | %s", (int)i, fv_status_name(status), fv_ctx_error(ctx), fv_ctx_hint(ctx));
        assert_null(file);
    }
    assert_int_equal(fv_safetensors_open(ctx, fv_test_path(dir, "absent"), &file), FV_ERR_NOT_FOUND);
    if (fv_test_data("models/resnet20-12fca82f.th", path)) {
        assert_int_equal(fv_safetensors_open(ctx, path, &file), FV_ERR_MODEL_FORMAT);
        assert_null(file);
    }
    fv_ctx_destroy(&ctx);
}

/* A header whose length looks like the start of a pickle, of a page or of an archive is still a header. */
static void test_pickle_like_length(void **state)
{
    static const int lengths[] = {0x280, 0x3c, 0x0a3c, 0x8b1f};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        fv_tensor_file *file = NULL;
        uint8_t *data = calloc(1, (size_t)lengths[i] + 64);
        char *header = calloc(1, (size_t)lengths[i] + 1);
        const char *name = fv_test_path(dir, "lengths");
        memset(header, ' ', (size_t)lengths[i]);
        memcpy(header, "{}", 2);
        const int64_t size = make_file(data, header, 0);
        assert_true(data[0] == (lengths[i] & 255) && data[1] == lengths[i] >> 8);
        fv_test_write(name, data, (size_t)size);
        if (fv_tensor_file_open(ctx, name, &file) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_tensor_file_count(file), 0);
        fv_tensor_file_close(&file);
        free(data);
        free(header);
    }
    fv_ctx_destroy(&ctx);
}

static void test_dtypes(void **state)
{
    /* In another order than their bytes; one scalar, one without elements. */
    static const char header[] =
        "{\"u8\":" T("U8", "2", 38, 40) ",\"f64\":" T("F64", "", 0, 8) ",\"f16\":" T("F16", "5", 8, 18) ",\"bf16\":" T(
            "BF16", "2", 18, 22) ",\"i64\":" T("I64", "1", 22,
                                               30) ",\"i32\":" T("I32", "2", 30,
                                                                 38) ",\"none\":" T("F32", "0,3", 40,
                                                                                    40) ",\"u16\":" T("U16", "1", 40,
                                                                                                      42) "}";
    static const uint8_t bytes[42] = {0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, /* 0.1 */
                                      0x00, 0x3c, 0x01, 0x80, 0xff, 0x7b, 0x00, 0xfc, 0x00, 0x7e, 0x80, 0xbf,
                                      0xc0, 0x7f,                                     /* -1, NaN */
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* -1 */
                                      0x00, 0x00, 0x00, 0x80, 0x07, 0x00, 0x00, 0x00, 200,  7,    0,    0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_tensor_file *file = NULL;
    uint8_t data[1024];
    float x[8];
    int64_t n[2];
    (void)state;
    int64_t size = make_file(data, header, sizeof bytes);
    memcpy(data + size - sizeof bytes, bytes, sizeof bytes);
    if (fv_safetensors_parse(ctx, "t", data, size, &file) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_tensor_file_count(file), 8);
    assert_string_equal(fv_tensor_file_entry(file, 0)->name, "f64");
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "f64"), 0, 1, x), FV_OK);
    assert_true(x[0] == 0.1f);
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "f16"), 0, 5, x), FV_OK);
    assert_true(x[0] == 1 && x[1] == -0x1p-24f && x[2] == 65504 && x[3] == -INFINITY && isnan(x[4]));
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "f16"), 2, 1, x), FV_OK);
    assert_true(x[0] == 65504);
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "bf16"), 0, 2, x), FV_OK);
    assert_true(x[0] == -1 && isnan(x[1]));
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "i64"), 0, 1, x), FV_OK);
    assert_true(x[0] == -1);
    assert_int_equal(fv_tensor_file_integers(file, fv_tensor_file_find(file, "i32"), 0, 2, n), FV_OK);
    assert_true(n[0] == INT32_MIN && n[1] == 7);
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "u8"), 0, 2, x), FV_OK);
    assert_true(x[0] == 200 && x[1] == 7);
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "none"), 0, 0, x), FV_OK);
    assert_int_equal(fv_tensor_file_floats(file, fv_tensor_file_find(file, "u16"), 0, 1, x), FV_ERR_MODEL_FORMAT);
    assert_non_null(strstr(fv_ctx_error(ctx), "'u16' is U16"));
    assert_int_equal(fv_tensor_file_integers(file, fv_tensor_file_find(file, "f64"), 0, 1, n), FV_ERR_MODEL_FORMAT);
    assert_null(fv_tensor_file_find(file, "absent"));
    assert_null(fv_tensor_file_metadata(file, "format"));
    fv_tensor_file_close(&file);
    fv_ctx_destroy(&ctx);
}

static void test_write(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "w.safetensors");
    enum { OUTER = 700, MID = 9, INNER = 25 };
    float *big = malloc(sizeof(float) * OUTER * MID * INNER), x;
    const float three[3] = {1, 2, 3};
    const int64_t counter = -5;
    fv_tensor_file *file = NULL;
    (void)state;
    for (int i = 0; i < OUTER * MID * INNER; i++)
        big[i] = (float)i;
    const fv_st_item items[] = {
        {.name = "three", .dtype = FV_F32, .shape = {1, {3}}, .data = three},
        {.name = "big \"quoted\"",
         .dtype = FV_F32,
         .shape = {4, {OUTER, INNER, 3, 3}},
         .data = big,
         .outer = OUTER,
         .mid = MID,
         .inner = INNER},
        {.name = "counter", .dtype = FV_I64, .shape = {0}, .data = &counter},
    };
    const fv_st_text texts[] = {{"note", "line\nand \xC3\xA4 \"quote\""}};
    assert_int_equal(fv_safetensors_write(ctx, path, items, 3, texts, 1), FV_OK);
    if (fv_safetensors_open(ctx, path, &file) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_string_equal(fv_tensor_file_metadata(file, "note"), texts[0].value);
    assert_string_equal(fv_tensor_file_metadata(file, "format"), "pt");
    for (int64_t i = 0; i < fv_tensor_file_count(file); i++) { /* aligned for readers that map them */
        const fv_st_entry *e = fv_tensor_file_entry(file, i);
        assert_int_equal((uintptr_t)e->data % (e->dtype == FV_I64 ? 8 : 4), 0);
    }
    const fv_st_entry *e = fv_tensor_file_find(file, "big \"quoted\"");
    for (int o = 0; o < OUTER; o += 13) {
        for (int c = 0; c < INNER; c++) {
            for (int m = 0; m < MID; m++) {
                assert_int_equal(fv_tensor_file_floats(file, e, (o * INNER + c) * MID + m, 1, &x), FV_OK);
                assert_true(x == (float)((o * MID + m) * INNER + c));
            }
        }
    }
    bool has = false;
    assert_int_equal(fv_safetensors_verify(file, &has), FV_OK);
    assert_true(has);
    fv_tensor_file_close(&file);
    assert_int_equal(fv_safetensors_write(ctx, fv_test_path(dir, "no/such/folder"), items, 3, texts, 1),
                     FV_ERR_NOT_FOUND);
    free(big);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corrupt), cmocka_unit_test(test_strangers), cmocka_unit_test(test_pickle_like_length),
        cmocka_unit_test(test_dtypes),  cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
