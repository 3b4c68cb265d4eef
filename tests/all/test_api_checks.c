/* SPDX-License-Identifier: Apache-2.0 */
/* What callers give the library is checked before it is kept or written: E2007 and nothing changed. */
#include "support/support.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include <fovea/fovea.h>

static fv_model *make_model(fv_ctx *ctx)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 8, 8, 3);
    x = fv_dense(m, fv_flatten(m, x), .units = 5);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    return m;
}

static void size_zero(fv_pipeline *p)
{
    p->std[0] = 0;
}
static void std_nan(fv_pipeline *p)
{
    p->std[1] = NAN;
}
static void std_below(fv_pipeline *p)
{
    p->std[2] = -1;
}
static void std_tiny(fv_pipeline *p)
{
    p->std[0] = 1e-40f;
}
static void mean_inf(fv_pipeline *p)
{
    p->mean[0] = INFINITY;
}
static void mean_nan(fv_pipeline *p)
{
    p->mean[2] = NAN;
}
static void filter(fv_pipeline *p)
{
    p->filter = (fv_filter)99;
}
static void filter_below(fv_pipeline *p)
{
    p->filter = (fv_filter)-1;
}
static void contrast(fv_pipeline *p)
{
    p->contrast = (fv_contrast)99;
}
static void resize(fv_pipeline *p)
{
    p->resize = (fv_resize_mode)99;
}
static void tiles(fv_pipeline *p)
{
    p->clahe_tiles[0] = -5;
}
static void many_tiles(fv_pipeline *p)
{
    p->clahe_tiles[1] = 65;
}
static void clip_nan(fv_pipeline *p)
{
    p->clahe_clip = NAN;
}
static void clip_below(fv_pipeline *p)
{
    p->clahe_clip = -1;
}
static void short_side(fv_pipeline *p)
{
    p->resize = FV_RESIZE_SHORT_CROP, p->resize_size = 3;
}
static void long_side(fv_pipeline *p)
{
    p->resize = FV_RESIZE_SHORT_CROP, p->resize_size = (int64_t)1 << 40;
}
static void pca(fv_pipeline *p)
{
    p->pca_value[0] = NAN;
}
static void pca_axis(fv_pipeline *p)
{
    p->pca_axis[8] = INFINITY;
}

static void test_pipelines(void **state)
{
    static const struct {
        void (*spoil)(fv_pipeline *p);
        const char *says;
    } rows[] = {
        {size_zero, "channel 0"},     {std_nan, "channel 1"},
        {std_below, "channel 2"},     {std_tiny, "channel 0"},
        {mean_inf, "channel 0"},      {mean_nan, "channel 2"},
        {filter, "filter 99"},        {filter_below, "filter -1"},
        {contrast, "contrast 99"},    {resize, "resize 99"},
        {tiles, "-5 x 0 tiles"},      {many_tiles, "0 x 65 tiles"},
        {clip_nan, "limit"},          {clip_below, "limit"},
        {short_side, "short side 3"}, {long_side, "short side 1099511627776"},
        {pca, "pca_value[0]"},        {pca_axis, "pca_axis[8]"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx);
    uint8_t pixels[75] = {9};
    float input[8 * 8 * 3];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fv_pipeline before = *fv_model_pipeline(m);
        fv_pipeline p = before;
        rows[i].spoil(&p);
        assert_int_equal(fv_model_set_pipeline(m, &p), FV_ERR_ARGUMENT);
        if (!strstr(fv_ctx_error(ctx), rows[i].says))
            fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), rows[i].says);
        assert_memory_equal(fv_model_pipeline(m), &before, sizeof before);
        /* The same when no model is asked. */
        const fv_image image = {.data = pixels, .h = 5, .w = 5, .c = 3};
        if (rows[i].spoil != short_side) /* which only a network's input makes too small */
            assert_int_equal(fv_pipeline_apply(ctx, &p, &image, input), FV_ERR_ARGUMENT);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_class_names(void **state)
{
    static const char *const names[][5] = {{"a", "", "b", "c", "d"},         {"a", "b", "c", "d", "a"},
                                           {"a", "\xff", "b", "c", "d"},     {"\xed\xa0\x80", "a", "b", "c", "d"},
                                           {"a", "b", "\xc0\x80", "c", "d"}, {"a", "b", "c", "d", NULL}};
    static const char *const good[] = {"a", "\x01\n\"\\", "b", "\xc3\xa9", "d"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx), *again = NULL;
    char folder[256], path[300];
    (void)state;
    fv_test_dir_create(folder);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    assert_int_equal(fv_model_set_class_names(m, good, 5), FV_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(fv_model_set_class_names(m, names[i], 5), FV_ERR_ARGUMENT);
        assert_string_equal(fv_model_class_name(m, 0), "a");
        assert_string_equal(fv_model_class_name(m, 4), "d");
    }
    assert_int_equal(fv_model_set_class_names(m, NULL, 5), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    if (fv_model_load(ctx, path, &again) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int i = 0; i < 5; i++)
        assert_string_equal(fv_model_class_name(again, i), good[i]);
    fv_model_destroy(&again);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(folder);
}

static void test_rates(void **state)
{
    static const double rates[] = {NAN, -0.1, INFINITY};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx);
    fv_trainer *t = NULL;
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 4);
    fv_fit_options odd = o;
    float images[4 * 8 * 8 * 3] = {0.5f};
    const int32_t labels[4] = {0, 1, 2, 3};
    double loss;
    char before[65], after[65];
    (void)state;
    assert_int_equal(fv_trainer_create(m, &o, &t), FV_OK);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        assert_int_equal(fv_trainer_gradient(t, images, labels, 4, &loss), FV_OK);
        fv_model_sha256(m, before);
        assert_int_equal(fv_trainer_apply(t, rates[i]), FV_ERR_ARGUMENT);
        fv_model_sha256(m, after);
        assert_string_equal(before, after);
    }
    assert_int_equal(fv_trainer_apply(t, 0.1), FV_OK); /* the gradient is still there */
    fv_trainer_destroy(&t);
    odd.schedule = (fv_schedule_kind)55;
    assert_true(isnan(fv_schedule_lr(&odd, 1)));
    assert_int_not_equal(fv_trainer_create(m, &odd, &t), FV_OK);
    odd = o;
    odd.optimizer = (fv_optimizer_kind)77;
    assert_int_not_equal(fv_trainer_create(m, &odd, &t), FV_OK);
    odd = o;
    odd.lr = INFINITY;
    assert_int_not_equal(fv_trainer_create(m, &odd, &t), FV_OK);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_loaders(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_dataset *d = NULL;
    fv_loader *l = NULL;
    char folder[256];
    (void)state;
    fv_test_dir_create(folder);
    assert_int_equal(fv_make_digits(ctx, folder, 30, 10, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, folder, NULL, &d), FV_OK);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    const fv_loader_options bad[] = {
        {.batch_size = 0},
        {.batch_size = -4},
        {.batch_size = 4, .workers = -2},
        {.batch_size = 4, .queue = -1},
        {.batch_size = 4, .targets = -1},
        {.batch_size = 4, .balance = (fv_balance)9},
        {.batch_size = 4, .balance = FV_BALANCE_OVERSAMPLE, .balance_power = NAN},
        {.batch_size = 4, .balance = FV_BALANCE_OVERSAMPLE, .balance_power = 9},
        {.batch_size = 4, .stuck_after = NAN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fv_loader_create(d, fv_model_pipeline(m), &bad[i], &l), FV_ERR_ARGUMENT);
        assert_null(l);
    }
    fv_dataset_destroy(&d);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(folder);
}

/* The C library keeps the path of locales that it has taken apart, and never frees it. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define COUNT_LEAKS(on) ((on) ? __lsan_enable() : __lsan_disable())
#else
#define COUNT_LEAKS(on) ((void)(on))
#endif

/* One with a decimal comma: installed, or made in `folder`; 0 where neither can be had. */
static locale_t comma_locale(const char *folder)
{
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    locale_t locale = (locale_t)0;
    char command[600];
    COUNT_LEAKS(false);
    for (int made = 0; made < 2 && !locale; made++) {
        for (size_t i = 0; !locale && i < sizeof commas / sizeof *commas; i++)
            locale = newlocale(LC_ALL_MASK, commas[i], (locale_t)0);
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", folder);
        if (!locale && (made || system(command) != 0))
            break;
        setenv("LOCPATH", folder, 1);
    }
    COUNT_LEAKS(true);
    unsetenv("LOCPATH");
    return locale;
}

static void expect_point(const char *folder, const char *file, const char *wanted)
{
    char path[400], *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_true(getdelim(&text, &n, '\0', f) > 0);
    fclose(f);
    assert_non_null(strstr(text, wanted));
    if (strcmp(file, "results.csv") == 0) { /* a comma more would be a column more */
        int commas[2] = {0};
        for (const char *p = text, *line = strchr(text, '\n'); *p && p < strrchr(text, '\n'); p++)
            commas[p > line] += *p == ',';
        assert_int_equal(commas[0], commas[1]);
    }
    free(text);
}

/* A host program with a decimal comma; messages and files keep the point, and it is read. */
static void test_locale(void **state)
{
    char folder[256], path[400];
    (void)state;
    fv_test_dir_create(folder);
    const locale_t locale = comma_locale(folder);
    if (!locale) {
        print_message("no locale with a decimal comma here, nor localedef with de_DE\n");
        fv_test_dir_remove(folder);
        skip();
    }
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const locale_t before = uselocale(locale);
    snprintf(path, sizeof path, "%.1f", 1.5);
    assert_string_equal(path, "1,5"); /* the host's own text */
    fv_model *m = make_model(ctx), *read = NULL;
    fv_pipeline p = *fv_model_pipeline(m);
    p.std[0] = -1.5f;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "-1.5"));
    /* Model files and architectures. */
    p.std[0] = 0.125f;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    assert_int_equal(fv_model_save(m, path), FV_OK);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_load(ctx, path, &m), FV_OK);
    assert_float_equal(fv_model_pipeline(m)->std[0], 0.125f, 0);
    fv_model_destroy(&m);
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("input: [28, 28, 1]\nlayers:\n  - flatten\n  - dropout: {rate: 0.25}\n  - dense: 10\n", f);
    fclose(f);
    assert_int_equal(fv_model_read_architecture(ctx, path, NULL, &read), FV_OK);
    assert_int_equal(fv_model_init(read, 1, FV_INIT_DEFAULT), FV_OK);
    /* A run, with what it writes. */
    fv_dataset *d = NULL;
    char digits[300], run[300];
    snprintf(digits, sizeof digits, "%s/digits", folder);
    snprintf(run, sizeof run, "%s/run", folder);
    assert_int_equal(fv_make_digits(ctx, digits, 30, 10, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, digits, NULL, &d), FV_OK);
    fv_fit_options o;
    fv_fit_defaults(&o);
    assert_int_equal(fv_fit_set(ctx, &o, "lr", "0.0625"), FV_OK);
    assert_int_equal(fv_fit_set(ctx, &o, "lr", "0,0625"), FV_ERR_VALUE);
    o.epochs = 1;
    o.schedule = FV_CONSTANT;
    o.output = run;
    assert_int_equal(fv_fit_with(read, d, &o, NULL), FV_OK);
    expect_point(run, "results.csv", "0.0625");
    expect_point(run, "events.jsonl", "0.0625");
    fv_dataset_destroy(&d);
    fv_model_destroy(&read);
    fv_ctx_destroy(&ctx);
    uselocale(before);
    freelocale(locale);
    fv_test_dir_remove(folder);
}

static void test_no_context(void **state)
{
    (void)state;
    assert_string_equal(fv_ctx_error(NULL), "there is no context");
    assert_non_null(strstr(fv_ctx_hint(NULL), "fv_ctx_create"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pipelines), cmocka_unit_test(test_class_names),
                                       cmocka_unit_test(test_rates),     cmocka_unit_test(test_loaders),
                                       cmocka_unit_test(test_locale),    cmocka_unit_test(test_no_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
