/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX's own conformance cases for the operators that a convolutional network needs, and real networks of its zoo. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conformance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
