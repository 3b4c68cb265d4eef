/* SPDX-License-Identifier: Apache-2.0 */
/* Views, passes with dropout and several models against what is made by hand through the public interface. */
#include "pictures.h"

static fv_image part_of(const fv_image *from, int64_t y0, int64_t x0, int64_t h, int64_t w, bool mirrored)
{
    fv_image part = {.data = malloc((size_t)(h * w * from->c)), .h = h, .w = w, .c = from->c};
    assert_non_null(part.data);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            for (int64_t k = 0; k < from->c; k++)
                part.data[(y * w + (mirrored ? w - 1 - x : x)) * from->c + k] =
                    from->data[((y0 + y) * from->w + x0 + x) * from->c + k];
    return part;
}

/* The mean of the predictions for 5 scales x 10 crops, each crop cut out by hand and predicted by itself. */
static void predict_50(fv_ctx *ctx, fv_model *m, const fv_image *image, const int64_t scales[5], double *mean)
{
    const int64_t shorter = image->h < image->w ? image->h : image->w, classes = fv_model_classes(m);
    int64_t size, unused;
    float *p = malloc((size_t)classes * sizeof *p);
    assert_non_null(p);
    fv_model_input_size(m, &size, &unused, &unused);
    memset(mean, 0, (size_t)classes * sizeof *mean);
    for (int s = 0; s < 5; s++) {
        fv_image resized = {0};
        const int64_t h = image->h * scales[s] / shorter, w = image->w * scales[s] / shorter;
        assert_int_equal(fv_image_resize(ctx, image, h, w, true, &resized), FV_OK);
        const int64_t y = (int64_t)nearbyint((double)(h - size) / 2), x = (int64_t)nearbyint((double)(w - size) / 2);
        const int64_t at[5][2] = {{0, 0}, {0, w - size}, {h - size, 0}, {h - size, w - size}, {y, x}};
        for (int v = 0; v < 10; v++) {
            fv_image crop = part_of(&resized, at[v / 2][0], at[v / 2][1], size, size, v % 2);
            assert_int_equal(fv_predict(m, &crop, p), FV_OK);
            for (int64_t k = 0; k < classes; k++)
                mean[k] += (double)p[k] / 50;
            free(crop.data);
        }
        fv_image_free(ctx, &resized);
    }
    free(p);
}

static void assert_near(const float *got, const double *want, double bound)
{
    for (int k = 0; k < CLASSES; k++)
        if (!(fabs((double)got[k] - want[k]) <= bound))
            fail_msg("class %d: %.9g instead of %.9g", k, (double)got[k], want[k]);
}

static fv_predictor *make_predictor(fv_model *m, const fv_predictor_options *o)
{
    fv_predictor *p = NULL;
    assert_int_equal(fv_predictor_create(&m, 1, o, &p), FV_OK);
    return p;
}

/* ---- views ---- */

static void fifty_views(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE, 3, 0, 0), *by_hand = make_model(ctx, SIZE, SIZE, 3, 0, 0);
    const int64_t scales[5] = {16, 21, 24, 30, 40};
    const int64_t sizes[][3] = {{40, 57, 3}, {33, 19, 3}, {64, 64, 1}, {9, 12, 3}, {20, 200, 3}};
    float first[CLASSES], again[CLASSES];
    double want[CLASSES];
    set_resize(m, 18);
    set_resize(by_hand, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fv_image image = make_image(sizes[i][0], sizes[i][1], sizes[i][2], (unsigned)i + 1);
        predict_50(ctx, by_hand, &image, scales, want);
        const int64_t batches[] = {0, 1, 7, 50};
        for (int b = 0; b < 4; b++) {
            fv_predictor *p = make_predictor(
                m, &(fv_predictor_options){.tta = "10crop", .scales = "16,21,24,30,40", .batch_size = batches[b]});
            assert_int_equal(fv_predictor_forwards(p), 50);
            assert_int_equal(fv_predictor_run(p, &image, 0, b ? again : first, NULL), FV_OK);
            fv_predictor_destroy(&p);
            if (b)
                assert_memory_equal(first, again, sizeof first);
        }
        assert_near(first, want, 1e-6);
        free(image.data);
    }
    fv_model_destroy(&m);
    fv_model_destroy(&by_hand);
    fv_ctx_destroy(&ctx);
}

/* The same with a network that people use, on photographs. */
static void fifty_views_of_photographs(void **state)
{
    (void)state;
    static const char *const files[] = {"flowers5/val/daisy/10172379554_b296050f82_n.jpg",
                                        "flowers5/val/daisy/10437929963_bc13eebe0c.jpg"};
    enum { FILES = 2 };
    const int64_t scales[5] = {224, 256, 384, 480, 640};
    char weights[512], path[512];
#ifdef FV_TEST_REDUCED
    skip(); /* a hundred runs of SqueezeNet; the test before takes the same way */
#endif
    if (!fv_test_data("models/squeezenet1_1.safetensors", weights))
        skip();
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = NULL, *by_hand = NULL;
    float got[1000];
    double want[1000], sum = 0;
    assert_int_equal(fv_model_zoo(ctx, "squeezenet1_1", NULL, &m), FV_OK);
    assert_int_equal(fv_model_load_weights(m, weights, false, NULL), FV_OK);
    assert_int_equal(fv_model_clone(m, &by_hand), FV_OK);
    fv_pipeline pipeline = *fv_model_pipeline(m);
    assert_int_equal(pipeline.resize, FV_RESIZE_SHORT_CROP);
    pipeline.resize = FV_RESIZE_STRETCH;
    assert_int_equal(fv_model_set_pipeline(by_hand, &pipeline), FV_OK);
    fv_predictor *p = make_predictor(m, &(fv_predictor_options){.tta = "10crop", .scales = "224,256,384,480,640"});
    for (int i = 0; i < FILES; i++) {
        fv_image image = {0};
        if (!fv_test_data(files[i], path))
            break;
        assert_int_equal(fv_image_read(ctx, path, NULL, &image, NULL), FV_OK);
        assert_int_equal(fv_predictor_run(p, &image, 0, got, NULL), FV_OK);
        predict_50(ctx, by_hand, &image, scales, want);
        sum = 0;
        for (int k = 0; k < 1000; k++) {
            assert_true(fabs((double)got[k] - want[k]) <= 1e-6);
            sum += (double)got[k];
        }
        assert_true(fabs(sum - 1) < 1e-5);
        fv_image_free(ctx, &image);
    }
    fv_predictor_destroy(&p);
    fv_model_destroy(&m);
    fv_model_destroy(&by_hand);
    fv_ctx_destroy(&ctx);
}

static void few_views(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE + 4, 5, 0, 0);
    fv_image image = make_image(50, 37, 3, 9), turned;
    float got[CLASSES], a[CLASSES], b[CLASSES];
    double want[CLASSES];
    for (int stretch = 0; stretch < 2; stretch++) {
        set_resize(m, stretch ? 0 : 26);
        /* One view is what fv_predict sees. */
        fv_predictor *p = make_predictor(m, NULL);
        assert_int_equal(fv_predictor_run(p, &image, 0, got, NULL), FV_OK);
        assert_int_equal(fv_predict(m, &image, a), FV_OK);
        assert_memory_equal(got, a, sizeof a);
        assert_int_equal(fv_predictor_forwards(p), 1);
        fv_predictor_destroy(&p);
        /* The scale that is the model's own changes nothing; another one does. */
        for (int k = 0; k < 2 && !stretch; k++) {
            p = make_predictor(m, &(fv_predictor_options){.scales = k ? "31" : "26"});
            assert_int_equal(fv_predictor_run(p, &image, 0, got, NULL), FV_OK);
            assert_int_equal(memcmp(got, a, sizeof a) != 0, k);
            fv_predictor_destroy(&p);
        }
    }
    /* Stretched, the mirror image of the input is that of the image. */
    turned = part_of(&image, 0, 0, image.h, image.w, true);
    assert_int_equal(fv_predict(m, &turned, b), FV_OK);
    for (int k = 0; k < CLASSES; k++)
        want[k] = 0.5 * ((double)a[k] + (double)b[k]);
    fv_predictor *p = make_predictor(m, &(fv_predictor_options){.tta = "flip"});
    assert_int_equal(fv_predictor_run(p, &image, 0, got, NULL), FV_OK);
    assert_near(got, want, 2e-2); /* one rounding to 8 bits may go the other way */
    assert_true(memcmp(got, a, sizeof a) != 0);
    fv_predictor_destroy(&p);
    free(turned.data);
    free(image.data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void refused(fv_ctx *ctx, fv_model *const *models, int count, const fv_predictor_options *o, fv_status status,
                    const char *words)
{
    fv_predictor *p = NULL;
    assert_int_equal(fv_predictor_create(models, count, o, &p), status);
    assert_null(p);
    if (!strstr(fv_ctx_error(ctx), words))
        fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), words);
}

static void views_refused(void **state)
{
    (void)state;
    fv_test_log log = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    fv_model *m = make_model(ctx, SIZE, SIZE, 3, 0, 0);
    refused(ctx, &m, 1, &(fv_predictor_options){.tta = "10crops"}, FV_ERR_VALUE, "did you mean 10crop?");
    refused(ctx, &m, 1, &(fv_predictor_options){.scales = "16,15"}, FV_ERR_VALUE, "a short side of 15 pixels");
    static const char *const bad[] = {"", "16,", "16.5", ",16", "16;20", "99999", "1e3", "16 20"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(ctx, &m, 1, &(fv_predictor_options){.scales = bad[i]}, FV_ERR_VALUE, "whole numbers of pixels");
    refused(ctx, &m, 1, &(fv_predictor_options){.scales = "16,16,16,16,16,16,16,16,16,16,16,16,16,16,16,16,16"},
            FV_ERR_VALUE, "more than 16");
    refused(ctx, &m, 1, &(fv_predictor_options){.mc_dropout = 3}, FV_ERR_CONFLICT, "has no dropout");
    refused(ctx, &m, 1, &(fv_predictor_options){.mc_dropout = -1}, FV_ERR_VALUE, "--mc-dropout -1");
    refused(ctx, &m, 1, &(fv_predictor_options){.weights = (double[]){-1}}, FV_ERR_VALUE, "-1");
    refused(ctx, &m, 1, &(fv_predictor_options){.weights = (double[]){0}}, FV_ERR_VALUE, "all are 0");
    fv_predictor *p = make_predictor(m, &(fv_predictor_options){.tta = "5crop"});
    assert_non_null(strstr(log.text, "the crops of a square image are all the same"));
    fv_image flat = make_image(20, 20, 2, 1);
    float got[CLASSES];
    assert_int_equal(fv_predictor_run(p, &flat, 0, got, NULL), FV_ERR_DATA_FORMAT);
    free(flat.data);
    fv_predictor_destroy(&p);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- passes with dropout ---- */

static void passes_are_functions(void **state)
{
    (void)state;
    float mean[2][CLASSES], std[2][CLASSES], one[41][CLASSES] = {{0}};
    fv_image image = make_image(30, 25, 3, 4);
    for (int threads = 1; threads <= 2; threads++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        fv_model *m = make_model(ctx, SIZE, SIZE, 6, 0.4, 0);
        fv_predictor *p = make_predictor(m, &(fv_predictor_options){.mc_dropout = 40, .seed = 11, .tta = "flip"});
        assert_int_equal(fv_predictor_forwards(p), 80);
        assert_int_equal(fv_predictor_run(p, &image, 8, mean[1], std[1]), FV_OK); /* leaves no trace */
        assert_int_equal(fv_predictor_run(p, &image, 7, mean[threads - 1], std[threads - 1]), FV_OK);
        if (threads == 2) {
            float other[CLASSES];
            assert_int_equal(fv_predictor_run(p, &image, 8, other, NULL), FV_OK);
            assert_true(memcmp(other, mean[1], sizeof other) != 0);
        }
        fv_predictor_destroy(&p);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
    assert_memory_equal(std[0], std[1], sizeof std[0]);
    /* Pass t is the same however many there are: taken out of means of t and t - 1 passes, each is a distribution, and
     * their spread is what is told of 40. */
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE, 6, 0.4, 0);
    for (int n = 1; n <= 40; n++) {
        fv_predictor *p = make_predictor(m, &(fv_predictor_options){.mc_dropout = n, .seed = 11, .tta = "flip"});
        assert_int_equal(fv_predictor_run(p, &image, 7, one[n], std[1]), FV_OK);
        if (n == 1)
            assert_true(std[1][0] == 0.0f);
        fv_predictor_destroy(&p);
    }
    for (int k = 0; k < CLASSES; k++) {
        double squares = 0;
        for (int n = 1; n <= 40; n++) {
            const double pass = n * (double)one[n][k] - (n - 1) * (double)one[n - 1][k];
            assert_true(pass > -1e-5 && pass < 1 + 1e-5);
            squares += (pass - (double)one[40][k]) * (pass - (double)one[40][k]);
        }
        assert_true(std[0][k] > 0);
        assert_true(fabs(sqrt(squares / 39) - (double)std[0][k]) < 1e-4);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    free(image.data);
}

/* What passes leave behind does not grow with their number. */
static void memory_of_passes(void **state)
{
    (void)state;
    int64_t before, after, used[2];
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE, 6, 0.4, 0);
    for (int i = 0; i < 2; i++) {
        fv_ctx_memory(ctx, &before, NULL);
        fv_predictor *p = make_predictor(m, &(fv_predictor_options){.mc_dropout = i ? 1000000 : 16, .tta = "flip"});
        fv_ctx_memory(ctx, &after, NULL);
        used[i] = after - before;
        fv_predictor_destroy(&p);
    }
    assert_true(used[0] > 0);
    assert_int_equal(used[0], used[1]);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* The mean over n passes is off by std / sqrt(n): measured over many samples, of the same image. */
static void error_falls_as_root(void **state)
{
    (void)state;
    enum { SAMPLES = 300 };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE, 2, 0.5, 0);
    fv_image image = make_image(16, 16, 3, 5);
    float truth[CLASSES], spread[CLASSES], mean[CLASSES];
    double rms[3], expected = 0;
    fv_predictor *p = make_predictor(m, &(fv_predictor_options){.mc_dropout = 20000, .seed = 1});
    assert_int_equal(fv_predictor_run(p, &image, 0, truth, spread), FV_OK);
    fv_predictor_destroy(&p);
    for (int k = 0; k < CLASSES; k++)
        expected += (double)spread[k] * (double)spread[k];
    assert_true(expected > 1e-4);
    for (int i = 0; i < 3; i++) {
        const int64_t passes[3] = {2, 8, 32};
        double squares = 0;
        p = make_predictor(m, &(fv_predictor_options){.mc_dropout = passes[i], .seed = 2});
        for (uint64_t s = 0; s < SAMPLES; s++) {
            assert_int_equal(fv_predictor_run(p, &image, s, mean, NULL), FV_OK);
            for (int k = 0; k < CLASSES; k++)
                squares += ((double)mean[k] - (double)truth[k]) * ((double)mean[k] - (double)truth[k]);
        }
        rms[i] = sqrt(squares / SAMPLES);
        fv_predictor_destroy(&p);
        const double ratio = rms[i] / sqrt(expected / (double)passes[i]);
        if (ratio < 0.88 || ratio > 1.14)
            fail_msg("%d passes: error %.5f, %.3f of what the deviation says", (int)passes[i], rms[i], ratio);
    }
    assert_true(rms[0] / rms[2] > 3.3 && rms[0] / rms[2] < 4.8); /* sqrt(16) */
    free(image.data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Dropout stands before a linear layer here, so the mean of the outputs comes to what they are without it: then
 * everything else works as in inference, and states stay. */
static void only_dropout_is_at_work(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = make_model(ctx, SIZE, SIZE, 2, 0.3, 0);
    fv_image image = make_image(16, 16, 3, 6);
    float want[CLASSES], got[CLASSES];
    double plain[CLASSES];
    char before[65], after[65];
    for (int i = 0; i < fv_model_tensor_count(m); i++) {
        bool trained = true;
        fv_tensor *t = fv_model_tensor(m, i, NULL, &trained);
        for (int64_t k = 0; !trained && k < fv_tensor_count(t); k++)
            ((float *)fv_tensor_data(t))[k] = 0.3f + 0.1f * (float)k; /* statistics unlike the image's */
    }
    fv_model_sha256(m, before);
    fv_predictor *p = make_predictor(m, &(fv_predictor_options){.mc_dropout = 20000, .mean_logits = true});
    assert_int_equal(fv_predictor_run(p, &image, 0, got, NULL), FV_OK);
    fv_predictor_destroy(&p);
    p = make_predictor(m, NULL);
    assert_int_equal(fv_predictor_run(p, &image, 0, want, NULL), FV_OK);
    fv_predictor_destroy(&p);
    fv_model_sha256(m, after);
    assert_string_equal(before, after);
    for (int k = 0; k < CLASSES; k++)
        plain[k] = (double)want[k];
    assert_near(got, plain, 0.02);
    free(image.data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- several models ---- */

static void models_together(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m[3] = {make_model(ctx, 16, 16, 1, 0, 0), make_model(ctx, 20, 18, 2, 0, 2),
                      make_model(ctx, 16, 16, 3, 0, 4)};
    const int turn[3] = {0, 2, 4};
    const double weights[3] = {1, 2.5, 0.5};
    set_resize(m[1], 24);
    for (unsigned i = 0; i < 4; i++) {
        fv_image image = make_image(30 + 5 * i, 44, 3, i);
        float p[CLASSES], got[CLASSES];
        double mean[CLASSES] = {0}, weighted[CLASSES] = {0}, logits[CLASSES] = {0}, sum = 0;
        for (int k = 0; k < 3; k++) {
            fv_session *s = NULL;
            assert_int_equal(fv_predict(m[k], &image, p), FV_OK);
            assert_int_equal(fv_session_create(m[k], 1, &s), FV_OK);
            assert_int_equal(fv_pipeline_apply(ctx, fv_model_pipeline(m[k]), &image, fv_session_input(s)), FV_OK);
            assert_int_equal(fv_session_run(s), FV_OK);
            for (int c = 0; c < CLASSES; c++) {
                const int at = (c + turn[k]) % CLASSES;
                mean[at] += (double)p[c] / 3;
                weighted[at] += weights[k] / 4 * (double)p[c];
                logits[at] += weights[k] / 4 * (double)fv_session_output(s, NULL)[c];
            }
            fv_session_destroy(&s);
        }
        for (int c = 0; c < CLASSES; c++)
            sum += exp(logits[c]);
        for (int c = 0; c < CLASSES; c++)
            logits[c] = exp(logits[c]) / sum;
        for (int kind = 0; kind < 3; kind++) {
            fv_predictor *e = NULL;
            const fv_predictor_options o = {.weights = kind ? weights : NULL, .mean_logits = kind == 2};
            assert_int_equal(fv_predictor_create(m, 3, &o, &e), FV_OK);
            assert_int_equal(fv_predictor_forwards(e), 3);
            assert_int_equal(fv_predictor_run(e, &image, 0, got, NULL), FV_OK);
            assert_near(got, kind == 0 ? mean : kind == 1 ? weighted : logits, 1e-6);
            fv_predictor_destroy(&e);
        }
        free(image.data);
    }
    const char *other[CLASSES] = {"ash", "birch", "cedar", "douglas", "oak"};
    assert_int_equal(fv_model_set_class_names(m[2], other, CLASSES), FV_OK);
    refused(ctx, m, 3, NULL, FV_ERR_DATA_CLASSES, "(ash, birch, cedar, douglas, elm)");
    refused(ctx, m, 3, NULL, FV_ERR_DATA_CLASSES, "(ash, birch, cedar, douglas, oak)");
    assert_int_equal(fv_model_set_task(m[1], FV_TASK_MULTILABEL), FV_OK);
    refused(ctx, m, 2, NULL, FV_ERR_CONFLICT, "has classify, 'model' multilabel");
    for (int k = 0; k < 3; k++)
        fv_model_destroy(&m[k]);
    fv_ctx_destroy(&ctx);
}

/* ---- data sets ---- */

static void data_sets(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_dataset *d = NULL;
    fv_model *m = NULL;
    fv_metrics plain, same, views;
    assert_int_equal(fv_make_digits(ctx, dir, 100, 75, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "test"}, &d), FV_OK);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_evaluate(m, d, 10, 0, &plain), FV_OK);
    assert_true(isnan(plain.mae) && isnan(plain.mean_ap));
    fv_predictor *p = make_predictor(m, NULL);
    assert_int_equal(fv_predictor_evaluate(p, d, &same), FV_OK);
    assert_int_equal(same.samples, 75);
    assert_true(same.top1 == plain.top1 && same.top5 == plain.top5);
    assert_true(fabs(same.loss - plain.loss) < 1e-5);
    fv_predictor_destroy(&p);
    /* Views: the mean over the samples of what each gets by itself. */
    p = make_predictor(m, &(fv_predictor_options){.tta = "5crop", .scales = "32,36"});
    double loss = 0;
    int64_t right = 0;
    assert_int_equal(fv_predictor_evaluate(p, d, &views), FV_OK);
    for (int64_t i = 0; i < fv_dataset_count(d); i++) {
        fv_image image = {0};
        float answer[10];
        int best = 0;
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        assert_int_equal(fv_predictor_run(p, &image, (uint64_t)i, answer, NULL), FV_OK);
        for (int k = 1; k < 10; k++)
            best = answer[k] > answer[best] ? k : best;
        right += best == fv_dataset_label(d, i);
        loss -= log((double)answer[fv_dataset_label(d, i)]) / 75;
        fv_image_free(ctx, &image);
    }
    assert_true(fabs(views.top1 - (double)right / 75) < 1e-12);
    assert_true(fabs(views.loss - loss) < 1e-5);
    assert_true(views.loss != same.loss);
    fv_predictor_destroy(&p);
    fv_dataset_destroy(&d);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* ---- each allocation failing once ---- */

typedef struct failing {
    const fv_image *image;
    const char *digits, *file;
} failing;

static fv_status everything(fv_ctx *ctx, void *arg)
{
    const failing *f = arg;
    fv_model *m = NULL;
    fv_predictor *p = NULL;
    fv_dataset *d = NULL;
    fv_metrics metrics;
    fv_answer answer;
    float mean[10];
    const fv_predictor_options o = {.tta = "flip", .scales = "28,33", .mc_dropout = 3};
    fv_status status = fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.dropout = 0.2}, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_dataset_open(ctx, f->digits, &(fv_dataset_options){.split = "test"}, &d);
    if (status == FV_OK)
        status = fv_predictor_create(&m, 1, &o, &p);
    if (status == FV_OK)
        status = fv_predictor_run(p, f->image, 0, mean, NULL);
    if (status == FV_OK)
        status = fv_predictor_evaluate(p, d, &metrics);
    fv_dataset_destroy(&d);
    if (status == FV_OK)
        status = fv_dataset_files(ctx, (const char *const[]){f->file, "absent.png", f->file}, 3, NULL, &d);
    if (status == FV_OK)
        status = fv_predictor_start(p, d, 0);
    for (int i = 0; i < 3 && status == FV_OK; i++)
        status = fv_predictor_next(p, &answer);
    fv_predictor_destroy(&p);
    fv_dataset_destroy(&d);
    fv_model_destroy(&m);
    return status;
}

static void every_allocation(void **state)
{
    (void)state;
    char dir[256], file[300];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_image image = make_image(30, 40, 1, 3);
    assert_int_equal(fv_make_digits(ctx, dir, 10, 3, 1), FV_OK);
    snprintf(file, sizeof file, "%s/image.png", dir);
    assert_int_equal(fv_image_write_png(ctx, file, &image), FV_OK);
    fv_ctx_destroy(&ctx);
    failing f = {&image, dir, file};
    assert_true(fv_test_each_allocation(everything, &f) > 50);
    free(image.data);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_views),
        cmocka_unit_test(fifty_views_of_photographs),
        cmocka_unit_test(few_views),
        cmocka_unit_test(views_refused),
        cmocka_unit_test(passes_are_functions),
        cmocka_unit_test(memory_of_passes),
        cmocka_unit_test(error_falls_as_root),
        cmocka_unit_test(models_together),
        cmocka_unit_test(only_dropout_is_at_work),
        cmocka_unit_test(data_sets),
        cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
