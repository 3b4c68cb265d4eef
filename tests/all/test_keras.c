/* SPDX-License-Identifier: Apache-2.0 */
/* Keras files: one small network in every form that there is, wrong files, and real ones with the answers of Keras. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "io/tensor_file.h"
#include "io/zip.h"
#include "support/keras_write.h"

typedef struct scratch {
    char dir[256], path[300];
    hdf5_out out;
    keras_weights weights;
} scratch;

static void write_zip(fv_ctx *ctx, const char *path, const char *config, const hdf5_out *weights)
{
    static const char meta[] = "{\"keras_version\": \"3.4.1\"}";
    fv_zip_writer zip = {.ctx = ctx};
    fv_writer *writer = NULL;
    const fv_zip_part parts[] = {{meta, sizeof meta - 1}, {config, strlen(config)}, {weights->data, weights->size}};
    static const char *const names[] = {"metadata.json", "config.json", "model.weights.h5"};
    assert_int_equal(fv_writer_open(ctx, path, &writer), FV_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fv_zip_put(&zip, writer, names[i], &parts[i], 1), FV_OK);
    assert_int_equal(fv_zip_finish(&zip, writer), FV_OK);
    assert_int_equal(fv_writer_commit(&writer), FV_OK);
    fv_zip_discard(&zip);
}

/* Writes the network; false: this build does not read archives. */
static bool write_form(fv_ctx *ctx, scratch *s, keras_form form)
{
    keras_fill(&s->weights);
    if (form < KERAS_THREE) {
        keras_h5(&s->out, &s->weights, keras_json[form], form == KERAS_NESTED, "2.4.0");
        fv_test_write(s->path, s->out.data, s->out.size);
        return true;
    }
    keras_counted(&s->out, &s->weights, form == KERAS_WINDOWS);
    write_zip(ctx, s->path, keras_json[form], &s->out);
#ifdef FV_WITH_ZIP
    return true;
#else
    return false;
#endif
}

static void begin(scratch *s)
{
    fv_test_dir_create(s->dir);
    snprintf(s->path, sizeof s->path, "%s/net.any", s->dir); /* chosen by content, not by name */
}

static void end(scratch *s)
{
    fv_test_dir_remove(s->dir);
}

/* The network's only output for its only input, as the file has both. */
static fv_tensor *answer(fv_model *m, const fv_tensor *x)
{
    fv_session *session = NULL;
    fv_port_info in, out;
    fv_tensor *y = NULL;
    assert_true(fv_model_port(m, false, 0, &in) && fv_model_port(m, true, 0, &out));
    assert_int_equal(fv_session_create(m, fv_tensor_shape(x)->dim[0], &session), FV_OK);
    assert_int_equal(fv_session_set_tensor(session, in.name, in.layout, x), FV_OK);
    assert_int_equal(fv_session_run(session), FV_OK);
    assert_int_equal(fv_session_get_tensor(session, out.name, out.layout, &y), FV_OK);
    fv_session_destroy(&session);
    return y;
}

static void near(const float *got, const float *want, int64_t count, double relative)
{
    double most = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs((double)got[i] - (double)want[i]);
        most = fabs((double)want[i]) > most ? fabs((double)want[i]) : most;
        worst = d > worst || isnan(d) ? d : worst;
    }
    assert_true(worst <= relative * most);
}

static void check_answer(fv_ctx *ctx, fv_model *m, const keras_weights *w)
{
    const fv_shape shape = {4, {1, KERAS_H, KERAS_W, KERAS_C}};
    float want[KERAS_CLASSES];
    fv_tensor *x = NULL;
    if (!m)
        print_message("%s\n", fv_ctx_error(ctx));
    assert_non_null(m);
    assert_string_equal(fv_model_origin(m), "Keras");
    assert_int_equal(fv_model_parameters(m), 2 * 2 * 2 * 3 + 3 + 6 + 24 + 4);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    for (int64_t i = 0; i < KERAS_H * KERAS_W * KERAS_C; i++)
        ((float *)fv_tensor_data(x))[i] = (float)(i * 5 % 7) / 4 - 0.5f;
    fv_tensor *y = answer(m, x);
    keras_expect(w, fv_tensor_data(x), want);
    near(fv_tensor_data(y), want, KERAS_CLASSES, 1e-5);
    fv_tensor_destroy(&y);
    fv_tensor_destroy(&x);
}

static void test_forms(void **state)
{
    static scratch s;
    (void)state;
    begin(&s);
    for (int form = 0; form < KERAS_FORMS; form++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL;
        if (write_form(ctx, &s, form)) {
            (void)fv_model_load(ctx, s.path, &m);
            check_answer(ctx, m, &s.weights);
            fv_model_destroy(&m);
        }
        fv_ctx_destroy(&ctx);
    }
    end(&s);
}

/* Arrays in chunks, compressed: the same network; another filter is refused by its name. */
static void test_chunks(void **state)
{
    static const struct {
        int filter;
        const char *says;
    } rows[] = {{HDF5_SHUFFLE, NULL}, {3, "fletcher32"}, {32000, "lzf"}, {4711, "a filter that is not known"}};
    static scratch s;
    (void)state;
    begin(&s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL;
        s.out.filter = rows[i].filter;
        write_form(ctx, &s, KERAS_SEQUENTIAL);
        const fv_status status = fv_model_load(ctx, s.path, &m);
        if (rows[i].says)
            assert_non_null(strstr(fv_ctx_error(ctx), rows[i].says));
        else
            check_answer(ctx, m, &s.weights);
        assert_int_equal(status, rows[i].says ? FV_ERR_MODEL : FV_OK);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    s.out.filter = 0;
    end(&s);
}

/* ---- weights alone ---- */

/* The file as named tensors: a .h5 by the names that its layers list. */
static void test_tensors(void **state)
{
    static const struct {
        const char *name;
        fv_shape shape;
    } rows[] = {{"c/kernel", {4, {KERAS_K, KERAS_C, 2, 2}}},
                {"b/moving_variance", {1, {KERAS_K}}},
                {"d/kernel", {2, {KERAS_CLASSES, KERAS_Q * KERAS_K}}}};
    static scratch s;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_tensor_file *file = NULL;
    float got;
    (void)state;
    begin(&s);
    for (int form = KERAS_SEQUENTIAL; form <= KERAS_NESTED; form++) {
        write_form(ctx, &s, form);
        assert_int_equal(fv_tensor_file_open(ctx, s.path, &file), FV_OK);
        assert_int_equal(fv_tensor_file_count(file), 8);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const fv_st_entry *e = fv_tensor_file_find(file, rows[i].name);
            assert_non_null(e);
            assert_true(fv_shape_equal(&e->shape, &rows[i].shape));
        }
        const fv_st_entry *filters = fv_tensor_file_find(file, "c/kernel");
        for (int k = 0; k < KERAS_K; k++)
            for (int c = 0; c < KERAS_C; c++)
                for (int p = 0; p < 4; p++) {
                    assert_int_equal(fv_tensor_file_floats(file, filters, (k * KERAS_C + c) * 4 + p, 1, &got), FV_OK);
                    assert_true(got == s.weights.kernel[(p * KERAS_C + c) * KERAS_K + k]);
                }
        fv_tensor_file_close(&file);
    }
    fv_ctx_destroy(&ctx);
    end(&s);
}

/* A converted network takes later weights of the file that it came from, and of a .keras of the same names. */
static void test_load_weights(void **state)
{
    static scratch s;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    begin(&s);
    write_form(ctx, &s, KERAS_FUNCTIONAL);
    assert_int_equal(fv_model_load(ctx, s.path, &m), FV_OK);
    assert_int_equal(fv_model_load_weights(m, s.path, false, NULL), FV_OK);
    for (int form = KERAS_FUNCTIONAL; form < KERAS_FORMS; form++) {
        if (form == KERAS_NESTED || !write_form(ctx, &s, form))
            continue;
        assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
        assert_int_equal(fv_model_load_weights(m, s.path, false, NULL), FV_OK);
        check_answer(ctx, m, &s.weights);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    end(&s);
}

/* ---- what the file says of pixels ---- */

static void test_pixels(void **state)
{
    static const struct {
        const char *front;
        bool said;
    } rows[] = {
        {"", false},
        {"{\"class_name\":\"Rescaling\",\"config\":{\"name\":\"a\",\"scale\":0.00392156862745098}},", true},
        {"{\"class_name\":\"RandomFlip\",\"config\":{\"name\":\"a\"}},{\"class_name\":\"Rescaling\",\"config\":{"
         "\"name\":\"e\",\"scale\":0.00784,\"offset\":-1}},",
         true},
        {"{\"class_name\":\"Rescaling\",\"config\":{\"name\":\"a\",\"scale\":2.0}},", false},
        {"{\"class_name\":\"Normalization\",\"config\":{\"name\":\"a\",\"mean\":[120.0,110.0],\"variance\":[9.0,4.0]}}"
         ",",
         true},
        {"{\"class_name\":\"Normalization\",\"config\":{\"name\":\"a\",\"mean\":[0.4,0.5],\"variance\":[1.0,1.0]}},",
         false},
        {"{\"class_name\":\"Resizing\",\"config\":{\"name\":\"a\",\"height\":2,\"width\":3}},", false},
    };
    static scratch s;
    char json[4096];
    (void)state;
    begin(&s);
    keras_fill(&s.weights);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL;
        const bool open = i + 1 == sizeof rows / sizeof rows[0]; /* the size is that of the Resizing layer */
        snprintf(json, sizeof json,
                 "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"class_name\":\"InputLayer\",\"config\":{"
                 "\"name\":\"i\",\"batch_shape\":[null,%s,2]}},%s%s}]}}",
                 open ? "null,null" : "2,3", rows[i].front, KERAS_CONV);
        keras_h5(&s.out, &s.weights, json, false, "2.4.0");
        fv_test_write(s.path, s.out.data, s.out.size);
        assert_int_equal(fv_model_load(ctx, s.path, &m), FV_OK);
        assert_int_equal(fv_model_pixels_open(m), !rows[i].said);
        assert_true(fabs((double)fv_model_pipeline(m)->std[0] - (rows[i].said ? 1.0 / 255 : 1.0)) < 1e-9);
        assert_int_equal(fv_model_pipeline(m)->w, 3);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    end(&s);
}

/* ---- wrong files ---- */

static const char *replaced(const char *text, const char *from, const char *to, char *out, size_t size)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void test_refused(void **state)
{
    static const struct {
        const char *from, *to;
        fv_status status;
        const char *words[4];
    } rows[] = {
        {"Flatten", "Lambda", FV_ERR_MODEL, {"Lambda 'f'", "never run"}},
        {"Flatten", "Flaten", FV_ERR_MODEL, {"Flaten 'f'", "nearest that is: Flatten"}},
        {"Sequential", "MyNet", FV_ERR_MODEL, {"MyNet", "a class of its own"}},
        {"softmax", "sofmax", FV_ERR_MODEL, {"Dense 'd'", "sofmax"}},
        {"\"valid\"", "\"causal\"", FV_ERR_MODEL, {"Conv2D 'c'", "causal"}},
        {"\"units\":4", "\"units\":5", FV_ERR_MODEL_FORMAT, {"units is 5", "'d'", "4"}},
        {"\"filters\":3", "\"filters\":30", FV_ERR_MODEL_FORMAT, {"filters is 30", "'c'"}},
        {"[2,2]", "[2,1]", FV_ERR_MODEL_FORMAT, {"kernel_size is 1", "'c'"}},
        {"[null,2,3,2]", "[null,2,3,5]", FV_ERR_MODEL, {"Conv2D 'c'", "channels"}},
        {"[null,2,3,2]", "[null,2,null,2]", FV_ERR_MODEL, {"dimension 2 is left open"}},
        {"[null,2,3,2]", "[null,2,9,2]", FV_ERR_MODEL, {"Dense 'd'"}},
        {"[null,2,3,2]", "[null,1000000000,1000000000,1000000000]", FV_ERR_MODEL_FORMAT, {"impossible"}},
        {"\"axis\":-1", "\"axis\":7", FV_ERR_MODEL_FORMAT, {"axis 7"}},
        {"\"name\":\"d\"", "\"name\":\"e\"", FV_ERR_MODEL_FORMAT, {"Dense 'e'", "0 weights", "expected 2"}},
        {"\"layers\":[", "\"layers\":[[", FV_ERR_MODEL_FORMAT, {"model_config"}},
        {"{\"class_name\":\"Sequential\"", "{\"class\":\"Sequential\"", FV_ERR_MODEL_FORMAT, {"class_name"}},
    };
    static scratch s;
    char json[4096];
    (void)state;
    begin(&s);
    keras_fill(&s.weights);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL;
        const char *text = keras_json[KERAS_SEQUENTIAL];
        if (strcmp(rows[i].from, "\"name\":\"d\"") == 0) /* the layer's own name, and its configuration's */
            text = "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[" KERAS_CONV "}," KERAS_FLAT
                   "},{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\"}}]}}";
        keras_h5(&s.out, &s.weights, replaced(text, rows[i].from, rows[i].to, json, sizeof json), false, "2.4.0");
        fv_test_write(s.path, s.out.data, s.out.size);
        const fv_status status = fv_model_load(ctx, s.path, &m);
        for (int k = 0; k < 4 && rows[i].words[k]; k++)
            if (!strstr(fv_ctx_error(ctx), rows[i].words[k]))
                fail_msg("'%s' is not in: %s", rows[i].words[k], fv_ctx_error(ctx));
        assert_int_equal(status, rows[i].status);
        assert_null(m);
        fv_ctx_destroy(&ctx);
    }
    end(&s);
}

/* All that is not supported is named at once. */
static void test_refused_together(void **state)
{
    static scratch s;
    char one[4096], two[4096];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    begin(&s);
    keras_fill(&s.weights);
    replaced(keras_json[KERAS_FUNCTIONAL], "Flatten", "Lambda", one, sizeof one);
    replaced(one, "ReLU", "GroupNormalization", two, sizeof two);
    keras_h5(&s.out, &s.weights, two, false, "2.4.0");
    fv_test_write(s.path, s.out.data, s.out.size);
    assert_int_equal(fv_model_load(ctx, s.path, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "2 nodes"));
    assert_non_null(strstr(fv_ctx_error(ctx), "Lambda 'f'"));
    assert_non_null(strstr(fv_ctx_error(ctx), "GroupNormalization 'r'"));
    fv_ctx_destroy(&ctx);
    end(&s);
}

/* In a network within, a layer that is not known leaves open whose the weights are; even one that nothing takes. */
static void test_unknown_within(void **state)
{
    static scratch s;
    char one[4096], two[4096], three[512], four[4096];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    begin(&s);
    keras_fill(&s.weights);
    replaced(keras_json[KERAS_NESTED], "\"name\":\"c\",\"config\":{\"name\":\"c\"",
             "\"name\":\"x\",\"config\":{\"name\":\"x\"", one, sizeof one);
    replaced(one, "[\"c\",0,0,{}]", "[\"x\",0,0,{}]", two, sizeof two);
    for (int taken = 0; taken < 2; taken++) {
        const char *odd = "{\"class_name\":\"Odd\",\"name\":\"b\",\"config\":{}";
        replaced(two, KERAS_NORM, odd, one, sizeof one);
        if (!taken) {
            char none[256];
            snprintf(none, sizeof none, "%s%s", odd, ",\"inbound_nodes\":[]}");
            snprintf(three, sizeof three, "%s%s", odd, ",\"inbound_nodes\":[[[\"x\",0,0,{}]]]}");
            replaced(one, three, none, four, sizeof four);
            replaced(four, "[\"b\",0,0,{}]", "[\"x\",0,0,{}]", one, sizeof one);
        }
        keras_h5(&s.out, &s.weights, one, true, "2.4.0");
        fv_test_write(s.path, s.out.data, s.out.size);
        assert_int_equal(fv_model_load(ctx, s.path, &m), FV_ERR_MODEL);
        assert_non_null(strstr(fv_ctx_error(ctx), "Conv2D 'n/x'"));
        assert_null(m);
    }
    fv_ctx_destroy(&ctx);
    end(&s);
}

/* HDF5 that is no network of Keras: weights alone, and files of others. */
static void test_others(void **state)
{
    static scratch s;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    const float one = 1;
    static const char *const layers[] = {"c", "b", "d"};
    const hdf5_attr names = {"layer_names", layers, 3};
    (void)state;
    begin(&s);
    hdf5_begin(&s.out);
    const hdf5_member weights = {"c", hdf5_group(&s.out, NULL, 0, NULL, 0)};
    hdf5_end(&s.out, hdf5_group(&s.out, &weights, 1, &names, 1));
    fv_test_write(s.path, s.out.data, s.out.size);
    assert_int_equal(fv_model_load(ctx, s.path, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "weights alone"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "--model NAME"));
    hdf5_begin(&s.out);
    const hdf5_member other = {"temperature", hdf5_array(&s.out, (const int64_t[]){1}, 1, &one)};
    hdf5_end(&s.out, hdf5_group(&s.out, &other, 1, NULL, 0));
    fv_test_write(s.path, s.out.data, s.out.size);
    assert_int_equal(fv_model_load(ctx, s.path, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "not of Keras"));
    assert_non_null(strstr(fv_ctx_error(ctx), "temperature"));
    fv_ctx_destroy(&ctx);
    end(&s);
}

/* Cut anywhere, and with any byte wrong: read, or refused with a reason. */
static void test_damage(void **state)
{
    static scratch s;
    uint8_t *data;
    int64_t size;
    (void)state;
    begin(&s);
    for (int form = KERAS_SEQUENTIAL; form < KERAS_FORMS; form += 3) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL;
        write_form(ctx, &s, form);
        assert_int_equal(fv_file_read(ctx, s.path, 0, false, &data, &size), FV_OK);
        for (int64_t cut = 16; cut < size; cut += 211) {
            fv_test_write(s.path, data, (size_t)cut);
            assert_int_not_equal(fv_model_load(ctx, s.path, &m), FV_OK);
            assert_true(*fv_ctx_error(ctx) && !m);
        }
        for (int64_t at = 0; at < size; at += 31) {
            data[at] ^= (uint8_t)(at % 3 ? 0xff : 1);
            fv_test_write(s.path, data, (size_t)size);
            if (fv_model_load(ctx, s.path, &m) != FV_OK)
                assert_true(*fv_ctx_error(ctx) && !m);
            fv_model_destroy(&m);
            data[at] ^= (uint8_t)(at % 3 ? 0xff : 1);
        }
        fv_free(ctx, data);
        fv_ctx_destroy(&ctx);
    }
    end(&s);
}

static fv_status load_once(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL;
    const fv_status status = fv_model_load(ctx, ((scratch *)arg)->path, &m);
    fv_model_destroy(&m);
    return status;
}

static void test_memory(void **state)
{
    static scratch s;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    begin(&s);
    write_form(ctx, &s, KERAS_NESTED);
    fv_ctx_destroy(&ctx);
    assert_true(fv_test_each_allocation(load_once, &s) > 20);
    end(&s);
}

/* ---- real networks ---- */

static void test_real(void **state)
{
    static const char *const names[][2] = {
        {"fer/emotion_model", "hdf5"}, {"oarriaga/fer2013_mini_XCEPTION.119-0.65", "hdf5"},
        {"ikukang/mnist_cnn", "h5"},   {"teachable-waste/keras_model", "h5"},
        {"akshatv25/model", "keras"},  {"vietlong/mnist", "keras"},
    };
    char base[512], path[700];
    const char *folder = fv_test_data("foreign/keras", base);
    (void)state;
#ifndef FV_WITH_ZIP /* the vectors are archives */
    skip();
#endif
    if (!folder)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_arrays *vec = NULL;
        fv_model *m = NULL;
        snprintf(path, sizeof path, "%s/%s.vec.npz", folder, names[i][0]);
        assert_int_equal(fv_arrays_read(ctx, path, &vec), FV_OK);
        snprintf(path, sizeof path, "%s/%s.%s", folder, names[i][0], names[i][1]);
        assert_int_equal(fv_model_load(ctx, path, &m), FV_OK);
        const fv_tensor *pair[2] = {NULL, NULL};
        for (int k = 0; k < fv_arrays_count(vec); k++)
            pair[*fv_arrays_name(vec, k) == 'y'] = fv_arrays_tensor(vec, k);
        fv_tensor *y = answer(m, pair[0]);
        assert_true(fv_shape_equal(fv_tensor_shape(y), fv_tensor_shape(pair[1])));
        near(fv_tensor_data(y), fv_tensor_const_data(pair[1]), fv_shape_count(fv_tensor_shape(y)), 1e-4);
        fv_tensor_destroy(&y);
        fv_model_destroy(&m);
        fv_arrays_destroy(&vec);
        fv_ctx_destroy(&ctx);
    }
}

/* MLPerf Tiny's ResNet-8 on its 200 images: 171 right. */
static void test_resnet8(void **state)
{
    char base[512], path[700], line[256], name[128];
    const char *folder = fv_test_data("mlperf-tiny", base);
    const fv_shape shape = {4, {1, 32, 32, 3}};
    int right = 0, total = 0, label, classes;
    fv_model *m = NULL;
    fv_tensor *x = NULL;
    (void)state;
    if (!folder)
        skip();
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    snprintf(path, sizeof path, "%s/image_classification/pretrainedResnet.h5", folder);
    assert_int_equal(fv_model_load(ctx, path, &m), FV_OK);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    snprintf(path, sizeof path, "%s/ic01/y_labels.csv", folder);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    fv_session *session = NULL;
    fv_port_info in, out;
    assert_true(fv_model_port(m, false, 0, &in) && fv_model_port(m, true, 0, &out));
    assert_int_equal(fv_session_create(m, 1, &session), FV_OK);
    while (fgets(line, sizeof line, list)) {
        uint8_t *pixels;
        int64_t size;
        fv_tensor *y = NULL;
        if (sscanf(line, "%120[^,],%d,%d", name, &classes, &label) != 3)
            continue;
        snprintf(path, sizeof path, "%s/ic01/%s", folder, name);
        assert_int_equal(fv_file_read(ctx, path, 0, false, &pixels, &size), FV_OK);
        assert_int_equal(size, 3072);
        for (int i = 0; i < 3072; i++)
            ((float *)fv_tensor_data(x))[i] = pixels[i];
        fv_free(ctx, pixels);
        assert_int_equal(fv_session_set_tensor(session, in.name, in.layout, x), FV_OK);
        assert_int_equal(fv_session_run(session), FV_OK);
        assert_int_equal(fv_session_get_tensor(session, out.name, out.layout, &y), FV_OK);
        const float *p = fv_tensor_const_data(y);
        int best = 0;
        for (int k = 1; k < 10; k++)
            best = p[k] > p[best] ? k : best;
        right += best == label;
        total++;
        fv_tensor_destroy(&y);
    }
    fclose(list);
    assert_int_equal(total, 200);
    assert_int_equal(right, 171);
    fv_session_destroy(&session);
    fv_tensor_destroy(&x);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),          cmocka_unit_test(test_load_weights),
        cmocka_unit_test(test_pixels),           cmocka_unit_test(test_forms),
        cmocka_unit_test(test_chunks),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_together), cmocka_unit_test(test_others),
        cmocka_unit_test(test_unknown_within),   cmocka_unit_test(test_damage),
        cmocka_unit_test(test_memory),           cmocka_unit_test(test_real),
        cmocka_unit_test(test_resnet8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
