/* SPDX-License-Identifier: Apache-2.0 */
/* Model files: round trips, refusals, self-test vectors, allocation failures. */
#include "support/folder.h"

#include <math.h>

#include "base/file.h"
#include "io/safetensors.h"
#include "model/model.h"

/* Every kind of tensor and order: grouped, depthwise and transposed filters, norms, prelu, norm and dense behind a
 * flattened image, a shared parameter. */
static fv_status build(fv_ctx *ctx, fv_model **out)
{
    fv_model *m = NULL;
    fv_value side[2];
    FV_TRY(fv_model_create(ctx, &m));
    const fv_shape alpha = {1, {8}};
    fv_value x = fv_input(m, 9, 11, 2);
    x = fv_conv2d(m, x, .name = "stem", .filters = 8, .kernel = {3, 2}, .same = true, .no_bias = true,
                  .init = FV_INIT_HE_NORMAL);
    x = fv_batch_norm(m, x, .name = "norm", .eps = 1e-3, .activation = FV_HARD_SWISH);
    fv_prefix(m, "block");
    side[0] = fv_conv2d(m, x, .filters = 4, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 2);
    side[1] = fv_conv2d(m, x, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = -1, .activation = FV_SILU);
    x = fv_concat(m, side, 2);
    fv_prefix(m, "");
    x = fv_conv_transpose2d(m, x, .name = "up", .filters = 8, .kernel = {2, 3}, .stride = {2, 2}, .groups = 2);
    x = fv_layer(m, "prelu", (fv_value[]){x, fv_parameter(m, "prelu.weight", &alpha, FV_INIT_CONSTANT, 0.25)}, 2, NULL);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    x = fv_dropout(m, fv_flatten(m, x), 0.25);
    x = fv_batch_norm(m, x, .name = "flat_norm");
    x = fv_dense(m, x, .name = "fc1", .units = 6, .activation = FV_TANH, .init = FV_INIT_GAUSSIAN, .init_value = 0.02);
    x = fv_dense(m, x, .name = "fc2", .units = 3);
    fv_status status = fv_model_finish(m, x);
    if (status != FV_OK)
        fv_model_destroy(&m);
    *out = m;
    return status;
}

static fv_model *make(fv_ctx *ctx)
{
    fv_model *m = NULL;
    if (build(ctx, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 11, FV_INIT_DEFAULT), FV_OK);
    for (int i = 0; i < m->n_slots; i++) { /* states that are not their start */
        if (m->slots[i].kind == FV_SLOT_STATE)
            fv_slot_data(&m->slots[i])[0] += 0.5f;
    }
    for (int i = 0; i < m->n_counters; i++)
        m->counters[i].value = 1234567890123;
    return m;
}

static void assert_same(fv_model *a, fv_model *b)
{
    char x[65], y[65], *s, *t;
    fv_model_sha256(a, x);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    assert_int_equal(fv_model_text(a, &s), FV_OK);
    assert_int_equal(fv_model_text(b, &t), FV_OK);
    assert_string_equal(s, t);
    fv_text_free(a->ctx, s);
    fv_text_free(b->ctx, t);
    assert_string_equal(fv_model_name(a), fv_model_name(b));
    assert_int_equal(a->n_slots, b->n_slots);
    for (int i = 0; i < a->n_slots; i++) {
        assert_int_equal(a->slots[i].kind, b->slots[i].kind);
        assert_int_equal(a->slots[i].head, b->slots[i].head);
        assert_int_equal(a->slots[i].init, b->slots[i].init);
        assert_true(a->slots[i].init_value == b->slots[i].init_value);
        assert_int_equal(a->slots[i].mid, b->slots[i].mid);
        assert_int_equal(a->slots[i].fan_in, b->slots[i].fan_in);
    }
    assert_int_equal(a->n_counters, b->n_counters);
    for (int i = 0; i < a->n_counters; i++) {
        assert_string_equal(a->counters[i].name, b->counters[i].name);
        assert_int_equal(a->counters[i].value, b->counters[i].value);
    }
    assert_memory_equal(&a->pipeline, &b->pipeline, sizeof a->pipeline);
    assert_int_equal(a->n_classes, b->n_classes);
    for (int64_t i = 0; i < a->n_classes; i++)
        assert_string_equal(fv_model_class_name(a, i), fv_model_class_name(b, i));
}

static void run_once(fv_model *m, float *output, int64_t count)
{
    fv_session *session = NULL;
    fv_shape shape;
    int64_t h, w, c;
    fv_model_input_size(m, &h, &w, &c);
    if (fv_session_create(m, 1, &session) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    fv_selftest_input(99, 0, h * w * c, fv_session_input(session));
    assert_int_equal(fv_session_run(session), FV_OK);
    const float *data = fv_session_output(session, &shape);
    assert_int_equal(fv_shape_count(&shape), count);
    memcpy(output, data, (size_t)count * sizeof *output);
    fv_session_destroy(&session);
}

static void test_round_trip(void **state)
{
    static const char *const names[] = {"cat \"one\"", "Hündchen", " "};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "a.safetensors"), *again = fv_test_path(dir, "b.safetensors");
    fv_model *m = make(ctx), *copy = NULL, *loaded = NULL;
    float x[3], y[3];
    double worst = -1;
    (void)state;
    fv_pipeline p = *fv_model_pipeline(m);
    p.resize = FV_RESIZE_SHORT_CROP;
    p.resize_size = 33;
    p.mean[1] = 0.1f;
    p.std[0] = 1.0f / 3;
    p.antialias = false;
    p.filter = FV_FILTER_LANCZOS;
    p.background[2] = 7;
    p.contrast = FV_CONTRAST_CLAHE;
    p.standardize = true;
    p.fast_decode = true;
    for (int i = 0; i < 12; i++)
        (i < 3 ? p.pca_value + i : p.pca_axis + i - 3)[0] = 0.5f / (float)(i + 1);
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    assert_int_equal(fv_model_set_class_names(m, names, 3), FV_OK);
    if (fv_model_save(m, path) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    if (fv_model_load(ctx, path, &loaded) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_same(m, loaded);
    run_once(m, x, 3);
    run_once(loaded, y, 3);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(fv_model_selftest(loaded, &worst), FV_OK);
    assert_true(worst == 0); /* the same bits */
    assert_int_equal(fv_model_clone(loaded, &copy), FV_OK);
    assert_same(m, copy);
    assert_int_equal(fv_model_selftest(copy, &worst), FV_OK);

    /* The same model gives the same bytes, also after a round trip. */
    uint8_t *a = NULL, *b = NULL;
    int64_t size_a, size_b;
    assert_int_equal(fv_model_save(loaded, again), FV_OK);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &a, &size_a), FV_OK);
    assert_int_equal(fv_file_read(ctx, again, 0, false, &b, &size_b), FV_OK);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, (size_t)size_a);
    fv_free(ctx, a);
    fv_free(ctx, b);

    /* Starting again with a seed gives what a fresh model starts with: the file knows each tensor's scheme. */
    char u[65], v[65];
    assert_int_equal(fv_model_init(loaded, 5, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(loaded, u);
    fv_model_sha256(m, v);
    assert_string_equal(u, v);
    assert_int_equal(fv_model_selftest(loaded, &worst), FV_ERR_UNSUPPORTED); /* the vectors were for other weights */
    fv_model_destroy(&copy);
    fv_model_destroy(&loaded);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What stands in the file is PyTorch's order. */
static void test_order(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "order.safetensors");
    fv_model *m = make(ctx);
    fv_tensor_file *file = NULL;
    float x;
    (void)state;
    assert_int_equal(fv_model_save(m, path), FV_OK);
    assert_int_equal(fv_safetensors_open(ctx, path, &file), FV_OK);
    assert_string_equal(fv_tensor_file_metadata(file, "format"), "pt");
    bool has = false;
    assert_int_equal(fv_safetensors_verify(file, &has), FV_OK);
    assert_true(has);

    /* up.weight: here c r s k/g = 12 2 3 4, there c k/g r s */
    const fv_st_entry *e = fv_tensor_file_find(file, "up.weight");
    const float *w = fv_tensor_data(fv_model_find_tensor(m, "up.weight"));
    assert_non_null(e);
    assert_true(e->shape.dim[0] == 12 && e->shape.dim[1] == 4 && e->shape.dim[2] == 2 && e->shape.dim[3] == 3);
    for (int64_t c = 0; c < 12; c++)
        for (int64_t k = 0; k < 4; k++)
            for (int64_t r = 0; r < 2; r++)
                for (int64_t s = 0; s < 3; s++) {
                    assert_int_equal(fv_tensor_file_floats(file, e, ((c * 4 + k) * 2 + r) * 3 + s, 1, &x), FV_OK);
                    assert_true(x == w[((c * 2 + r) * 3 + s) * 4 + k]);
                }

    /* fc1.weight and the norm before it stand behind a flattened 9 x 11 x 8 image: columns c h w there */
    e = fv_tensor_file_find(file, "fc1.weight");
    w = fv_tensor_data(fv_model_find_tensor(m, "fc1.weight"));
    const fv_st_entry *g = fv_tensor_file_find(file, "flat_norm.running_mean");
    const float *mean = fv_tensor_data(fv_model_find_tensor(m, "flat_norm.running_mean"));
    const int64_t h = e->shape.dim[1] / 8 / 11, pixels = h * 11;
    assert_int_equal(e->shape.dim[1], pixels * 8);
    for (int64_t o = 0; o < 6; o++)
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            for (int64_t c = 0; c < 8; c++) {
                assert_int_equal(fv_tensor_file_floats(file, e, (o * 8 + c) * pixels + pixel, 1, &x), FV_OK);
                assert_true(x == w[(o * pixels + pixel) * 8 + c]);
                assert_int_equal(fv_tensor_file_floats(file, g, c * pixels + pixel, 1, &x), FV_OK);
                assert_true(x == mean[pixel * 8 + c]);
            }
    e = fv_tensor_file_find(file, "norm.num_batches_tracked");
    int64_t batches = 0;
    assert_true(e && e->dtype == FV_I64 && e->shape.rank == 0);
    assert_int_equal(fv_tensor_file_integers(file, e, 0, 1, &batches), FV_OK);
    assert_int_equal(batches, 1234567890123);
    fv_tensor_file_close(&file);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *name;
        fv_slot_kind kind;
    } rows[] = {
        {"stem.weight", FV_SLOT_WEIGHT},
        {"norm.weight", FV_SLOT_NORM},
        {"norm.bias", FV_SLOT_NORM},
        {"norm.running_var", FV_SLOT_STATE},
        {"block.conv2d_1.bias", FV_SLOT_BIAS},
        {"block.conv2d_2.weight", FV_SLOT_WEIGHT},
        {"up.bias", FV_SLOT_BIAS},
        {"prelu.weight", FV_SLOT_WEIGHT},
        {"fc2.bias", FV_SLOT_BIAS},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_non_null(fv_model_slot(m, rows[i].name));
        assert_int_equal(fv_model_slot(m, rows[i].name)->kind, rows[i].kind);
    }
    assert_true(fv_model_slot(m, "fc2.bias")->head && !fv_model_slot(m, "fc1.bias")->head);
    assert_int_equal(fv_model_slot(m, "up.weight")->fan_in, 4 * 6);
    assert_int_equal(fv_model_slot(m, "up.bias")->fan_in, 4 * 6);
    assert_int_equal(fv_model_slot(m, "stem.weight")->fan_out, 8 * 6);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- refusals ---- */

static void test_nan(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "nan.safetensors");
    fv_model *m = make(ctx), *loaded = NULL;
    float bad[8] = {0, 0, 0, INFINITY};
    (void)state;
    assert_int_equal(fv_model_save(m, path), FV_OK);
    fv_slot_data(fv_model_slot(m, "norm.bias"))[2] = NAN;
    fv_model_touch(m);
    char before[65], after[65];
    assert_int_equal(fv_model_save(m, path), FV_ERR_MODEL_NAN);
    assert_non_null(strstr(fv_ctx_error(ctx), "'norm.bias'"));
    assert_int_equal(fv_model_load(ctx, path, &loaded), FV_OK); /* the old file is intact */

    fv_st_item item = {.name = "norm.bias", .dtype = FV_F32, .shape = {1, {8}}, .data = bad};
    assert_int_equal(fv_safetensors_write(ctx, path, &item, 1, NULL, 0), FV_OK);
    fv_model_sha256(loaded, before);
    assert_int_equal(fv_model_load_weights(loaded, path, true, NULL), FV_ERR_MODEL_NAN);
    assert_non_null(strstr(fv_ctx_error(ctx), "'norm.bias': element 3 is infinite"));
    fv_model_sha256(loaded, after);
    assert_string_equal(before, after);
    fv_model_destroy(&loaded);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Every byte of a model file flipped (a sample), and every truncation (a sample): never accepted, never a crash. */
static void test_damage(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "whole.safetensors"), *broken = fv_test_path(dir, "broken.safetensors");
    fv_model *m = make(ctx), *loaded = NULL;
    uint8_t *data = NULL;
    int64_t size = 0, header = 0;
    (void)state;
    assert_int_equal(fv_model_save(m, path), FV_OK);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &data, &size), FV_OK);
    for (int i = 0; i < 8; i++)
        header |= (int64_t)data[i] << (8 * i);
    for (int64_t at = 8 + header; at < size; at += 97) { /* weights: the checksum sees every bit */
        data[at] ^= 0x10;
        fv_test_write(broken, data, (size_t)size);
        assert_int_equal(fv_model_load(ctx, broken, &loaded), FV_ERR_MODEL_CORRUPT);
        assert_null(loaded);
        data[at] ^= 0x10;
    }
    for (int64_t at = 0; at < 8 + header; at += 3) { /* header: refused, or harmless */
        data[at] ^= 0x02;
        fv_test_write(broken, data, (size_t)size);
        fv_status status = fv_model_load(ctx, broken, &loaded);
        if (status != FV_OK && fv_status_exit_code(status) != 4)
            fail_msg("byte %lld: %s: %s", (long long)at, fv_status_name(status), fv_ctx_error(ctx));
        if (status != FV_OK)
            assert_non_null(strstr(fv_ctx_error(ctx), "broken.safetensors"));
        fv_model_destroy(&loaded);
        data[at] ^= 0x02;
    }
    for (int64_t at = 0; at < size; at += at < 16 ? 1 : 61) {
        fv_test_write(broken, data, (size_t)at);
        fv_status status = fv_model_load(ctx, broken, &loaded);
        if (fv_status_exit_code(status) != 4)
            fail_msg("%lld bytes: %s: %s", (long long)at, fv_status_name(status), fv_ctx_error(ctx));
        assert_null(loaded);
    }
    /* A checksum that does not fit is refused, whichever of the two; without SHA-256 there is none. */
    static const struct {
        const char *key;
        fv_status status;
        bool rename;
        const char *says;
    } rows[] = {{"\"fovea.crc32c\":\"", FV_ERR_MODEL_CORRUPT, false, "'fovea.crc32c' is damaged"},
                {"\"fovea.sha256\":\"", FV_ERR_MODEL_CORRUPT, false, "the weights are damaged: SHA-256"},
                {"\"fovea.crc32c\":\"", FV_OK, true, ""},
                {"\"fovea.sha256\":\"", FV_OK, true, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t *key = memmem(data, (size_t)size, rows[i].key, strlen(rows[i].key));
        assert_non_null(key);
        uint8_t *at = rows[i].rename ? key + 1 : key + strlen(rows[i].key), was = *at;
        *at = rows[i].rename ? 'g' : was == 'f' ? '0' : 'f';
        fv_test_write(broken, data, (size_t)size);
        *at = was;
        assert_int_equal(fv_model_load(ctx, broken, &loaded), rows[i].status);
        if (rows[i].status != FV_OK)
            assert_non_null(strstr(fv_ctx_error(ctx), rows[i].says));
        fv_model_destroy(&loaded);
    }
    fv_free(ctx, data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_foreign_weights(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "foreign.safetensors");
    const float zeros[64] = {0};
    const fv_st_item items[] = {
        {.name = "module.fc2.bias", .dtype = FV_F32, .shape = {1, {3}}, .data = zeros},
        {.name = "fc2.weight", .dtype = FV_F32, .shape = {2, {4, 6}}, .data = zeros},
        {.name = "other", .dtype = FV_F32, .shape = {0}, .data = zeros},
    };
    fv_model *m = make(ctx), *loaded = NULL;
    fv_load_report *report = NULL;
    int counts[4] = {0};
    (void)state;
    fv_model *raw = NULL;
    assert_int_equal(fv_model_create(ctx, &raw), FV_OK);
    assert_int_equal(fv_model_save(raw, path), FV_ERR_ARGUMENT); /* not finished */
    assert_int_equal(fv_model_load_weights(raw, path, true, NULL), FV_ERR_ARGUMENT);
    fv_model_destroy(&raw);
    assert_int_equal(fv_safetensors_write(ctx, path, items, 3, NULL, 0), FV_OK);
    assert_int_equal(fv_model_load_weights(m, path, false, &report), FV_ERR_MODEL_MISMATCH);
    assert_non_null(strstr(fv_ctx_error(ctx), "'stem.weight' is missing"));
    fv_load_report_destroy(&report);
    assert_int_equal(fv_model_load_weights(m, path, true, &report), FV_OK);
    for (int i = 0; i < fv_load_report_count(report); i++)
        counts[fv_load_report_row(report, i)->verdict]++;
    assert_int_equal(counts[FV_LOADED], 1);
    assert_int_equal(counts[FV_MISSING], m->n_slots - 2);
    assert_int_equal(counts[FV_UNUSED], 1);
    assert_int_equal(counts[FV_SHAPE_MISMATCH], 1);
    assert_true(fv_slot_data(fv_model_slot(m, "fc2.bias"))[1] == 0);
    fv_load_report_destroy(&report);
    assert_int_equal(fv_safetensors_write(ctx, path, items + 2, 1, NULL, 0), FV_OK);
    assert_int_equal(fv_model_load_weights(m, path, true, NULL), FV_ERR_MODEL_MISMATCH); /* nothing fits */
    assert_int_equal(fv_model_load(ctx, path, &loaded), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_hint(ctx), "--model"));
    assert_int_equal(fv_model_load(ctx, fv_test_path(dir, "none"), &loaded), FV_ERR_NOT_FOUND);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Names that wrappers made longer: for several devices, compiled, in a training loop, one in another. */
static void test_wrapped_names(void **state)
{
    static const struct {
        const char *name;
        fv_load_verdict verdict;
    } rows[] = {{"fc2.bias", FV_LOADED},
                {"module.fc2.bias", FV_LOADED},
                {"_orig_mod.fc2.bias", FV_LOADED},
                {"model.fc2.bias", FV_LOADED},
                {"model._orig_mod.fc2.bias", FV_LOADED},
                {"module.module.fc2.bias", FV_LOADED},
                {"mymodule.fc2.bias", FV_UNUSED},
                {"ema.fc2.bias", FV_UNUSED}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "wrapped.safetensors");
    const float ones[64] = {1, 1, 1, 1, 1, 1, 1, 1};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fv_st_item items[] = {{.name = rows[i].name, .dtype = FV_F32, .shape = {1, {3}}, .data = ones},
                                    {.name = "fc2.weight", .dtype = FV_F32, .shape = {2, {3, 6}}, .data = ones}};
        fv_model *m = make(ctx);
        fv_load_report *report = NULL;
        int counts[4] = {0};
        assert_int_equal(fv_safetensors_write(ctx, path, items, 2, NULL, 0), FV_OK);
        if (fv_model_load_weights(m, path, true, &report) != FV_OK)
            fail_msg("%s: %s", rows[i].name, fv_ctx_error(ctx));
        for (int k = 0; k < fv_load_report_count(report); k++)
            counts[fv_load_report_row(report, k)->verdict]++;
        if (counts[FV_UNUSED] != (rows[i].verdict == FV_UNUSED))
            fail_msg("%s: %d tensors not used", rows[i].name, counts[FV_UNUSED]);
        assert_int_equal(fv_slot_data(fv_model_slot(m, "fc2.bias"))[1] == 1, rows[i].verdict == FV_LOADED);
        fv_load_report_destroy(&report);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* A network of wide layers: what holds its weights is what its file was read into, turned into the library's order
 * there. The most memory in use while it is loaded is hardly more than the file. */
static void test_read_once(void **state)
{
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL), *other = fv_test_ctx(1, &a, NULL);
    const char *path = fv_test_path(dir, "wide.safetensors"), *again = fv_test_path(dir, "wide again.safetensors");
    fv_model *m = NULL, *loaded = NULL;
    uint8_t *x, *y;
    int64_t size, size_again;
    char u[65], v[65];
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value at = fv_input(m, 6, 6, 16);
    at = fv_conv2d(m, at, .filters = 64, .kernel = {3, 3}, .no_bias = true);
    at = fv_batch_norm(m, at);
    at = fv_conv2d(m, at, .filters = 128, .kernel = {3, 3});
    at = fv_dense(m, fv_flatten(m, at), .units = 256);
    assert_int_equal(fv_model_finish(m, fv_dense(m, at, .units = 7)), FV_OK);
    assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &x, &size), FV_OK);
    assert_true(size > 800000);

    const int64_t before = a.live_bytes;
    if (fv_model_load(other, path, &loaded) != FV_OK)
        fail_msg("%s", fv_ctx_error(other));
    if (a.peak_bytes - before > size + size / 4)
        fail_msg("%lld bytes for a file of %lld", (long long)(a.peak_bytes - before), (long long)size);
    fv_model_sha256(m, u);
    fv_model_sha256(loaded, v);
    assert_string_equal(u, v);
    assert_int_equal(fv_model_save(loaded, again), FV_OK);
    assert_int_equal(fv_file_read(ctx, again, 0, false, &y, &size_again), FV_OK);
    assert_int_equal(size_again, size);
    assert_memory_equal(x, y, (size_t)size);
    /* A tensor that somebody holds outlives the model. */
    fv_tensor *held = NULL;
    assert_int_equal(fv_tensor_share(fv_model_slot(loaded, "conv2d_1.weight")->data, &held), FV_OK);
    fv_model_destroy(&loaded);
    assert_memory_equal(fv_tensor_const_data(held), fv_slot_data(fv_model_slot(m, "conv2d_1.weight")),
                        fv_tensor_bytes(held));
    fv_tensor_destroy(&held);
    fv_free(ctx, x);
    fv_free(ctx, y);
    fv_model_destroy(&m);
    fv_ctx_destroy(&other);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

/* Damaged self-test vectors, or a machine that computes something else. */
static void test_selftest(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make(ctx);
    double worst = 0;
    (void)state;
    assert_int_equal(fv_model_selftest(m, &worst), FV_ERR_UNSUPPORTED);
    assert_int_equal(fv_selftest_record(m), FV_OK);
    assert_int_equal(fv_model_selftest(m, NULL), FV_OK);
    m->selftest.output[4] += 0.25f;
    assert_int_equal(fv_model_selftest(m, &worst), FV_ERR_MODEL_CORRUPT);
    assert_true(fabs(worst - 0.25) < 1e-6);
    assert_non_null(strstr(fv_ctx_error(ctx), "output 1 of vector 1"));
    m->selftest.output[4] = NAN;
    assert_int_equal(fv_model_selftest(m, &worst), FV_ERR_MODEL_CORRUPT);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static fv_status save_and_load(fv_ctx *ctx, void *arg)
{
    const char *path = arg;
    fv_model *m = NULL, *loaded = NULL;
    fv_status status = build(ctx, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_model_save(m, path);
    fv_model_destroy(&m);
    if (status == FV_OK)
        status = fv_model_load(ctx, path, &loaded);
    fv_model_destroy(&loaded);
    return status;
}

static fv_status load_only(fv_ctx *ctx, void *arg)
{
    fv_model *loaded = NULL;
    fv_load_report *report = NULL;
    fv_status status = fv_model_load(ctx, arg, &loaded);
    if (status == FV_OK)
        status = fv_model_load_weights(loaded, arg, false, &report);
    fv_load_report_destroy(&report);
    fv_model_destroy(&loaded);
    return status;
}

static void test_allocation_failures(void **state)
{
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/alloc.safetensors", dir);
    assert_true(fv_test_each_allocation(save_and_load, path) > 50);
    assert_true(fv_test_each_allocation(load_only, path) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_nan),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_foreign_weights),
        cmocka_unit_test(test_wrapped_names), cmocka_unit_test(test_read_once),
        cmocka_unit_test(test_selftest),      cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
