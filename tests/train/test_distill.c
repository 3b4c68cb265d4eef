/* SPDX-License-Identifier: Apache-2.0 */
/* Knowledge distillation: its loss against the formulas in float64, its bits, what is refused. The gradient of the
 * soft-target loss itself is compared with PyTorch's in test_op_golden. */
#define DIGITS_TRAIN 40
#define DIGITS_TEST  8
#include "digits_fixture.h"

#include <math.h>

#include "model/model.h"
#include "train/distill.h"
#include "train/judge.h"
#include "train/trainer.h"

enum { N = 6, K = 4, SIDE = 12, IMAGE = SIDE * SIDE * 3 };

/* Two convolutions and a dense layer; classes a, b, c, d turned by `turn`. */
static fv_model *net(fv_ctx *ctx, int64_t side, int64_t c, int64_t filters, uint64_t seed, int turn)
{
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", "c"};
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, side, side, c);
    x = fv_conv2d(m, x, .name = "c1", .filters = 5, .kernel = {3, 3}, .stride = {2, 2}, .same = true);
    x = fv_conv2d(m, fv_activate(m, x, FV_RELU), .name = "c2", .filters = filters, .kernel = {3, 3}, .same = true);
    x = fv_dense(m, fv_flatten(m, fv_activate(m, x, FV_RELU)), .name = "fc", .units = K);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, seed, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_set_class_names(m, names + turn, K), FV_OK);
    return m;
}

static fv_ctx *begin(float images[N * IMAGE], int32_t labels[N])
{
    for (int i = 0; i < N * IMAGE; i++)
        images[i] = (float)((uint32_t)i * 2654435761u % 2003u) / 1001.0f - 1.0f;
    for (int i = 0; i < N; i++)
        labels[i] = i % K;
    return fv_test_ctx(2, NULL, NULL);
}

/* What a value of a model is for the images, by a session. */
static float *value_of(fv_model *m, const float *images, const char *name, int64_t count)
{
    fv_session *s = NULL;
    float *out = calloc((size_t)(N * count), sizeof *out);
    assert_non_null(out);
    assert_int_equal(fv_session_create_with(m, &(fv_session_options){.batch = N, .values = &name, .n_values = 1}, &s),
                     FV_OK);
    memcpy(fv_session_input(s), images, N * IMAGE * sizeof *images);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_int_equal(fv_session_get(s, name, out, (size_t)(N * count) * sizeof *out), FV_OK);
    fv_session_destroy(&s);
    return out;
}

static void softmax(const float *z, double t, double p[K])
{
    double sum = 0;
    for (int j = 0; j < K; j++)
        sum += p[j] = exp((double)z[j] / t);
    for (int j = 0; j < K; j++)
        p[j] /= sum;
}

/* task * cross-entropy + distill * T^2 * KL, of a student and two teachers, the second of which has other numbers for
 * the classes. */
static double soft_formula(const float *z, const float *const t[2], const int32_t *labels, const fv_fit_options *o)
{
    double task = 0, divergence = 0;
    for (int i = 0; i < N; i++) {
        double p[K], q[K], first[K], second[K];
        softmax(z + i * K, 1, p);
        task -= log(p[labels[i]]) / N;
        softmax(z + i * K, o->kd_temperature, q);
        softmax(t[0] + i * K, o->kd_temperature, first);
        softmax(t[1] + i * K, o->kd_temperature, second);
        for (int j = 0; j < K; j++) {
            const double mean = (first[j] + 3 * second[(j + K - 1) % K]) / 4; /* its first class is b */
            divergence += mean * log(mean / q[j]) / N;
        }
    }
    return o->task_loss_weight * task + o->distill_loss_weight * o->kd_temperature * o->kd_temperature * divergence;
}

static double gradient(fv_trainer *t, const float *images, const int32_t *labels, fv_ctx *ctx)
{
    double loss = NAN;
    if (fv_trainer_gradient(t, images, labels, N, &loss) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return loss;
}

static void test_soft_targets(void **state)
{
    static float images[N * IMAGE];
    int32_t labels[N];
    (void)state;
    fv_ctx *ctx = begin(images, labels);
    fv_model *student = net(ctx, SIDE, 3, 4, 1, 0), *a = net(ctx, SIDE, 3, 7, 2, 0), *b = net(ctx, SIDE, 3, 6, 3, 1);
    const fv_teacher teachers[] = {{.model = a, .weight = 0.5}, {.model = b, .weight = 1.5}};
    float *t[2] = {value_of(a, images, "fc", K), value_of(b, images, "fc", K)};
    const fv_fit_options options = FV_FIT_OPTIONS(.teachers = teachers, .n_teachers = 2, .kd_temperature = 3,
                                                  .task_loss_weight = 0.3, .distill_loss_weight = 0.6);
    fv_trainer *trainer = NULL;
    assert_int_equal(fv_trainer_create(student, &options, &trainer), FV_OK);
    const double loss = gradient(trainer, images, labels, ctx);
    const double expected = soft_formula(fv_trainer_logits(trainer, NULL), (const float *const *)t, labels, &options);
    if (!(fabs(loss - expected) <= 1e-6 * expected))
        fail_msg("loss %.9g, by the formula %.9g", loss, expected);
    double again = NAN; /* step by step, as a program of its own would do it, and with the target first */
    assert_int_equal(fv_trainer_begin(trainer, N), FV_OK);
    assert_int_equal(fv_trainer_set(trainer, "target", labels), FV_OK);
    assert_int_equal(fv_trainer_set(trainer, "input", images), FV_OK);
    assert_int_equal(fv_trainer_compute(trainer, &again), FV_OK);
    assert_true(again == loss);
    fv_trainer_destroy(&trainer);
    free(t[0]);
    free(t[1]);
    fv_model_destroy(&b);
    fv_model_destroy(&a);
    fv_model_destroy(&student);
    fv_ctx_destroy(&ctx);
}

/* ---- layers ---- */

/* mean((r(s) - t)^2), r by the regressor's weights. */
static double hint_formula(const float *s, const float *t, int64_t places, int64_t c, int64_t k, const float *weight,
                           const float *bias)
{
    double sum = 0;
    for (int64_t i = 0; i < N * places; i++)
        for (int64_t j = 0; j < k; j++) {
            double r = bias[j];
            for (int64_t l = 0; l < c; l++)
                r += (double)weight[j * c + l] * (double)s[i * c + l];
            sum += (r - (double)t[i * k + j]) * (r - (double)t[i * k + j]);
        }
    return sum / (double)(N * places * k);
}

static void attention_map(const float *x, int64_t places, int64_t c, double *map)
{
    double squares = 0;
    for (int64_t i = 0; i < places; i++) {
        map[i] = 0;
        for (int64_t k = 0; k < c; k++)
            map[i] += (double)x[i * c + k] * (double)x[i * c + k] / (double)c;
        squares += map[i] * map[i];
    }
    for (int64_t i = 0; i < places; i++)
        map[i] /= sqrt(squares);
}

static double attention_formula(const float *s, const float *t, int64_t places, int64_t c, int64_t k)
{
    double map[2][SIDE * SIDE], sum = 0;
    for (int64_t i = 0; i < N; i++) {
        attention_map(s + i * places * c, places, c, map[0]);
        attention_map(t + i * places * k, places, k, map[1]);
        for (int64_t p = 0; p < places; p++)
            sum += (map[0][p] - map[1][p]) * (map[0][p] - map[1][p]);
    }
    return sum / (double)(N * places);
}

/* Moves a weight tensor along its gradient: the loss changes as that says. */
static void expect_slope(fv_trainer *t, fv_model *m, const char *name, const float *images, const int32_t *labels)
{
    fv_shape shape;
    fv_ctx *ctx = m->ctx;
    const double step = 1e-3;
    double loss[2], square = 0;
    (void)gradient(t, images, labels, ctx);
    const float *d = fv_trainer_gradient_of(t, name, &shape);
    assert_non_null(d);
    const int64_t n = fv_shape_count(&shape);
    float *kept = malloc((size_t)n * sizeof *kept), *slope = malloc((size_t)n * sizeof *slope);
    assert_true(kept && slope);
    memcpy(slope, d, (size_t)n * sizeof *slope);
    fv_tensor *tensor = fv_model_find_tensor(m, name);
    float *w = tensor ? fv_tensor_data(tensor) : fv_tensor_data(fv_distill_find(t->distill, name));
    memcpy(kept, w, (size_t)n * sizeof *kept);
    for (int64_t i = 0; i < n; i++)
        square += (double)slope[i] * (double)slope[i];
    assert_true(square > 1e-8);
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < n; i++)
            w[i] = (float)((double)kept[i] + (k ? step : -step) * (double)slope[i] / sqrt(square));
        loss[k] = gradient(t, images, labels, ctx);
    }
    memcpy(w, kept, (size_t)n * sizeof *kept);
    const double measured = (loss[1] - loss[0]) / (2 * step), expected = sqrt(square);
    if (!(fabs(measured - expected) <= 0.02 * expected))
        fail_msg("%s: slope %.6g, by differences %.6g", name, expected, measured);
    free(kept);
    free(slope);
}

static void test_layers(void **state)
{
    enum { PLACES = SIDE * SIDE / 4 };
    static float images[N * IMAGE];
    int32_t labels[N];
    (void)state;
    fv_ctx *ctx = begin(images, labels);
    fv_model *student = net(ctx, SIDE, 3, 4, 1, 0), *a = net(ctx, SIDE, 3, 7, 2, 0);
    const fv_teacher teacher = {.model = a, .weight = 1};
    const fv_fit_options options =
        FV_FIT_OPTIONS(.teachers = &teacher, .n_teachers = 1, .distill_loss_weight = 0, .task_loss_weight = 0,
                       .hint = "c2=c2,c1=c1", .hint_loss_weight = 2, .attention = "c?=c?", .attention_loss_weight = 50);
    float *s[2] = {value_of(student, images, "c1", PLACES * 5), value_of(student, images, "c2", PLACES * 4)};
    float *t[2] = {value_of(a, images, "c1", PLACES * 5), value_of(a, images, "c2", PLACES * 7)};
    fv_trainer *trainer = NULL;
    if (fv_trainer_create(student, &options, &trainer) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    const double loss = gradient(trainer, images, labels, ctx);
    const fv_tensor *weight = fv_distill_find(trainer->distill, "hint.c2.weight");
    const fv_tensor *bias = fv_distill_find(trainer->distill, "hint.c2.bias");
    assert_true(weight && bias);
    assert_null(fv_distill_find(trainer->distill, "hint.c1.weight")); /* as many channels */
    static const float eye[25] = {[0] = 1, [6] = 1, [12] = 1, [18] = 1, [24] = 1}, zeros[5];
    const double hint =
        hint_formula(s[0], t[0], PLACES, 5, 5, eye, zeros) +
        hint_formula(s[1], t[1], PLACES, 4, 7, fv_tensor_const_data(weight), fv_tensor_const_data(bias));
    const double attention = attention_formula(s[0], t[0], PLACES, 5, 5) + attention_formula(s[1], t[1], PLACES, 4, 7);
    const double expected = 2 * hint + 50 * attention;
    assert_true(50 * attention > 0.05 * expected && 2 * hint > 0.05 * expected);
    if (!(fabs(loss - expected) <= 1e-5 * expected))
        fail_msg("loss %.9g, by the formulas %.9g", loss, expected);
    expect_slope(trainer, student, "c1.weight", images, labels);
    expect_slope(trainer, student, "c2.weight", images, labels);
    expect_slope(trainer, student, "hint.c2.weight", images, labels);
    /* The regressor is trained along, and no part of the model. */
    float before[7 * 4];
    memcpy(before, fv_tensor_const_data(weight), sizeof before);
    (void)gradient(trainer, images, labels, ctx);
    assert_int_equal(fv_trainer_apply(trainer, 0.1), FV_OK);
    assert_memory_not_equal(before, fv_tensor_const_data(weight), sizeof before);
    assert_null(fv_model_find_tensor(student, "hint.c2.weight"));
    fv_trainer_destroy(&trainer);
    for (int k = 0; k < 2; k++) {
        free(s[k]);
        free(t[k]);
    }
    fv_model_destroy(&a);
    fv_model_destroy(&student);
    fv_ctx_destroy(&ctx);
}

/* ---- images of teachers that want others ---- */

/* Pixels through the student's pipeline and on to the teacher's are what the teacher's makes of them. */
static void test_images(void **state)
{
    enum { S = 8, L = 16 };
    uint8_t pixels[S * S * 3];
    float student[S * S * 3], mapped[L * L * 3], own[L * L * 3];
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int i = 0; i < S * S * 3; i++)
        pixels[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
    const fv_image image = {.data = pixels, .h = S, .w = S, .c = 3};
    const fv_pipeline from = {.h = S, .w = S, .c = 3, .mean = {0.4f, 0.5f, 0.6f}, .std = {0.2f, 0.25f, 0.3f}};
    for (int k = 0; k < 5; k++) {
        fv_pipeline to = from;
        fv_image_map map = {.space.ctx = ctx};
        const int64_t side = k == 4 ? L : S;
        to.h = to.w = side;
        to.bgr = k == 1 || k == 3;
        to.c = k == 2 ? 1 : 3;
        for (int i = 0; i < 3 && k > 0; i++) {
            to.mean[i] = 0.1f * (float)i;
            to.std[i] = 0.5f + 0.1f * (float)i;
        }
        fv_pipeline first = from;
        first.bgr = k == 3;
        assert_int_equal(fv_pipeline_apply(ctx, &first, &image, student), FV_OK);
        assert_int_equal(fv_image_map_make(ctx, "t", &first, &to, &map), FV_OK);
        assert_true(map.same == (k == 0));
        assert_int_equal(fv_image_map_run(&map, student, mapped), FV_OK);
        assert_int_equal(fv_pipeline_apply(ctx, &to, &image, own), FV_OK);
        for (int64_t i = 0; i < side * side * to.c; i++) {
            /* A grey level and a resized pixel are rounded to one of 255 levels in the teacher's own pipeline. */
            const double bound = k == 0 ? 0 : k == 2 || k == 4 ? 0.51 / 255 / 0.5 * 2 : 1e-6;
            if (!(fabs((double)mapped[i] - (double)own[i]) <= bound))
                fail_msg("case %d, number %lld: %.9g, its own %.9g", k, (long long)i, mapped[i], own[i]);
        }
        fv_image_map_free(&map);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- runs ---- */

typedef struct run_case {
    const char *name;
    fv_fit_options options;
    bool cached; /* rows are kept when there is room */
} run_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 2, .lr = 0.02, .batch_size = 16
static const run_case runs[] = {
    {"soft targets", {RUN}, true},
    {"layers", {RUN, .hint = "conv2=conv2", .attention = "conv1=conv1", .attention_loss_weight = 20}, true},
    {"layers of averages", {RUN, .hint = "conv2=conv2", .model_ema = true, .label_smoothing = 0.1}, true},
    {"mixed", {RUN, .augment = "mixup alpha=0.4"}, false},
    {"cut", {RUN, .augment = "crop pad=2", .optimizer = FV_ADAMW, .lr = 1e-3}, false},
    {"frozen", {RUN, .freeze = "conv1", .unfreeze_at = "2:conv1"}, true},
    {"resized", {RUN, .progressive_resize = "1:20,2:28"}, true},
    {"repeated", {RUN, .balance = FV_BALANCE_OVERSAMPLE}, true},
};
#undef RUN
#pragma GCC diagnostic pop

/* A student of digits; resizing needs a network of any size. */
static fv_model *digits_student(fv_ctx *ctx, int filters, uint64_t seed)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 4, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "conv2", .filters = filters, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, fv_global_avg_pool(m, x)), .name = "fc", .units = 10);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, seed, FV_INIT_DEFAULT), FV_OK);
    return m;
}

typedef struct run_how {
    int threads;
    int64_t cache, steps; /* steps 0: all */
    int64_t pieces;
    const char *output;
    bool resume, force;
    uint64_t teacher; /* seed of its weights */
} run_how;

static bool count_notes(void *user, const fv_fit_event *e)
{
    *(int *)user += e->kind == FV_EVENT_NOTE && strstr(e->text, "asked once") != NULL;
    return false;
}

static fv_status run(const run_case *x, const run_how *how, char hex[65], int *notes, char text[512])
{
    fv_ctx *ctx = fv_test_ctx(how->threads, NULL, NULL);
    fv_model *student = digits_student(ctx, 5, 1), *teacher = digits_student(ctx, 8, how->teacher ? how->teacher : 2);
    fv_dataset *data = digits_of(ctx, "train");
    const fv_teacher list = {.model = teacher, .weight = 1};
    fv_fit_options o = x->options;
    o.teachers = &list;
    o.n_teachers = 1;
    o.feature_cache = how->cache;
    o.max_steps = how->steps;
    o.grad_accum_steps = how->pieces ? how->pieces : 1;
    o.output = how->output;
    o.resume = how->resume;
    o.force = how->force;
    o.on_event = count_notes;
    o.user = notes;
    *notes = 0;
    const fv_status status = fv_fit_with(student, data, &o, NULL);
    snprintf(text, 512, "%s", fv_ctx_error(ctx));
    fv_model_sha256(student, hex);
    fv_dataset_destroy(&data);
    fv_model_destroy(&teacher);
    fv_model_destroy(&student);
    fv_ctx_destroy(&ctx);
    return status;
}

/* Threads, pieces of a batch, and what is kept of the teacher change no bit; nor does an end in the middle. */
static void test_bits(void **state)
{
    enum { ROOM = 1 << 22, LITTLE = 40 * 4 + 7 * 10 * 4 };
    char hex[65], other[65], text[512];
    int notes;
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        const run_case *x = &runs[i];
        const char *output = fv_test_path(folder, x->name);
        const struct {
            const char *what;
            run_how how;
        } ways[] = {{"two threads and a cache", {.threads = 2, .cache = ROOM}},
                    {"four threads", {.threads = 4}},
                    {"little room", {.threads = 1, .cache = LITTLE}},
                    {"pieces", {.threads = 2, .cache = ROOM, .pieces = 4}},
                    {"an end in the middle", {.threads = 2, .cache = ROOM, .steps = 4, .output = output}},
                    {"resumed", {.threads = 1, .output = output, .resume = true}}};
        if (run(x, &(run_how){.threads = 1}, hex, &notes, text) != FV_OK)
            fail_msg("%s: %s", x->name, text);
        assert_int_equal(notes, 0);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            if (run(x, &ways[k].how, other, &notes, text) != FV_OK)
                fail_msg("%s, %s: %s", x->name, ways[k].what, text);
            if (ways[k].how.steps == 0 && strcmp(hex, other) != 0)
                fail_msg("%s: other bits with %s", x->name, ways[k].what);
            if (ways[k].how.cache == ROOM)
                assert_true((notes > 0) == x->cached);
        }
        /* Without the teacher it is another run, and so it is with another one. */
        assert_int_equal(
            run(x, &(run_how){.threads = 1, .output = output, .resume = true, .teacher = 9}, other, &notes, text),
            FV_ERR_CONFLICT);
        assert_non_null(strstr(text, "the teacher (--teacher) is not what it was"));
    }
}

/* ---- what is refused ---- */

typedef struct refused {
    const char *name;
    int64_t side, channels; /* of the teacher; the student's are 28 and 1 */
    int classes;            /* 0: as the student's; 1: one of other names; n: so many */
    fv_pipeline how;        /* contrast and standardize alone */
    fv_fit_options options;
    fv_status status;
    const char *says;
} refused;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 2
static const refused refusals[] = {
    {"other classes", 28, 1, 1, {0}, {RUN}, FV_ERR_DATA_CLASSES, "teacher t knows 10 classes (zero, 1, 2"},
    {"fewer classes", 28, 1, 9, {0}, {RUN}, FV_ERR_DATA_CLASSES, "teacher t knows 9 classes"},
    {"colors", 28, 3, 0, {0}, {RUN}, FV_OK, ""},
    {"bands", 28, 5, 0, {0}, {RUN}, FV_OK, ""},
    {"proportions", 0, 1, 0, {0}, {RUN}, FV_ERR_CONFLICT, "of other proportions"},
    {"contrast", 28, 1, 0, {.contrast = FV_CONTRAST_EQUALIZE}, {RUN}, FV_ERR_CONFLICT, "equalize contrast differently"},
    {"by itself", 28, 1, 0, {.standardize = true}, {RUN}, FV_ERR_CONFLICT, "each standardized by itself"},
    {"no part", 28, 1, 0, {0}, {RUN, .distill_loss_weight = 0}, FV_ERR_CONFLICT, "the teacher has no effect here"},
    {"layers of others", 28, 1, 9, {0}, {RUN, .distill_loss_weight = 0, .hint = "conv2=conv2"}, FV_OK, ""},
    {"no layer",
     28,
     1,
     0,
     {0},
     {RUN, .hint = "conv3=conv2"},
     FV_ERR_VALUE,
     "the student, 'model', has no layer 'conv3'"},
    {"none of the teacher's",
     28,
     1,
     0,
     {0},
     {RUN, .hint = "conv1=x*"},
     FV_ERR_VALUE,
     "the teacher, 'model', has no layer"},
    {"no pair", 28, 1, 0, {0}, {RUN, .hint = "conv1,conv2"}, FV_ERR_VALUE, "expected STUDENT_LAYER=TEACHER_LAYER"},
    {"half a pair", 28, 1, 0, {0}, {RUN, .attention = "conv1="}, FV_ERR_VALUE, "expected STUDENT_LAYER=TEACHER_LAYER"},
    {"as many", 28, 1, 0, {0}, {RUN, .hint = "conv?=conv1"}, FV_ERR_VALUE, "is 2 of the student's layers, 'conv1' 1"},
    {"twice", 28, 1, 0, {0}, {RUN, .hint = "conv1=conv1,conv1=conv1"}, FV_ERR_VALUE, "stands there twice"},
    {"maps", 28, 1, 0, {0}, {RUN, .hint = "conv1=conv2"}, FV_ERR_SHAPE, "rows and columns must be as many"},
    {"rows", 28, 1, 0, {0}, {RUN, .hint = "fc=fc"}, FV_OK, ""},
    {"attention of rows", 28, 1, 0, {0}, {RUN, .attention = "fc=fc"}, FV_ERR_SHAPE, "attention is of maps"},
    {"sizes",
     28,
     1,
     0,
     {0},
     {RUN, .hint = "conv1=conv1", .progressive_resize = "1:20,2:28"},
     FV_ERR_CONFLICT,
     "maps of other sizes"},
};
#undef RUN
#pragma GCC diagnostic pop

static fv_model *refused_teacher(fv_ctx *ctx, const refused *x)
{
    static const char *const names[] = {"zero", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const int classes = x->classes > 1 ? x->classes : 10;
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value v = fv_input(m, x->side ? x->side : 28, x->side ? x->side : 32, x->channels);
    v = fv_conv2d(m, v, .name = "conv1", .filters = 3, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    v = fv_conv2d(m, v, .name = "conv2", .filters = 3, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    v = fv_dense(m, fv_flatten(m, fv_global_avg_pool(m, v)), .name = "fc", .units = classes);
    assert_int_equal(fv_model_finish(m, v), FV_OK);
    assert_int_equal(fv_model_init(m, 4, FV_INIT_DEFAULT), FV_OK);
    fv_pipeline p = *fv_model_pipeline(m);
    p.contrast = x->how.contrast;
    p.standardize = x->how.standardize;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    if (x->classes == 1)
        assert_int_equal(fv_model_set_class_names(m, names, 10), FV_OK);
    return m;
}

static void test_refused(void **state)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *student = digits_student(ctx, 5, 1), *other = digits_student(ctx, 5, 1);
    assert_int_equal(fv_model_set_class_names(student, names, 10), FV_OK);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refused *x = &refusals[i];
        fv_model *teacher = refused_teacher(ctx, x);
        const fv_teacher list = {.model = teacher, .weight = 1, .name = "t"};
        fv_fit_options o = x->options;
        o.teachers = &list;
        o.n_teachers = 1;
        const fv_status status = fv_distill_check(student, &o);
        if (status != x->status || (status != FV_OK && !strstr(fv_ctx_error(ctx), x->says)))
            fail_msg("%s: %s, '%s'", x->name, fv_status_name(status), status == FV_OK ? "" : fv_ctx_error(ctx));
        fv_model_destroy(&teacher);
    }
    const fv_teacher lists[] = {{.model = student, .weight = 1}, {.model = other, .weight = 0}, {.weight = 1}};
    const fv_status expected[] = {FV_ERR_ARGUMENT, FV_ERR_VALUE, FV_ERR_ARGUMENT};
    for (int i = 0; i < 3; i++) {
        const fv_fit_options o = FV_FIT_OPTIONS(.teachers = &lists[i], .n_teachers = 1);
        assert_int_equal(fv_distill_check(student, &o), expected[i]);
    }
    const fv_teacher two[] = {{.model = other, .weight = 1}, {.model = other, .weight = 1}};
    const fv_fit_options layers =
        FV_FIT_OPTIONS(.teachers = two, .n_teachers = 2, .hint = "fc=fc", .distill_loss_weight = 0);
    assert_int_equal(fv_distill_check(student, &layers), FV_ERR_CONFLICT);
    const fv_fit_options many = FV_FIT_OPTIONS(.teachers = two, .n_teachers = FV_TEACHERS_MAX + 1);
    assert_int_equal(fv_distill_check(student, &many), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_set_task(other, FV_TASK_MULTILABEL), FV_OK);
    const fv_fit_options several = FV_FIT_OPTIONS(.teachers = two, .n_teachers = 1);
    assert_int_equal(fv_distill_check(student, &several), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "soft targets are for one class each"));
    fv_trainer *t = NULL;
    const fv_loss_spec spec = {.weight = 1};
    const fv_fit_options usual = FV_FIT_OPTIONS(.teachers = two, .n_teachers = 2);
    assert_int_equal(fv_trainer_create_with(student, &usual, &spec, 1, &t), FV_ERR_CONFLICT);
    fv_model_destroy(&other);
    fv_model_destroy(&student);
    fv_ctx_destroy(&ctx);
}

/* The labels' loss may stay as it is while the teacher is learned from: that is no fault of the rate. */
static void test_flat_loss(void **state)
{
    fv_progress p = {.epoch = 2, .first_loss = 2, .lowest_loss = 2};
    fv_fit_options o = FV_FIT_OPTIONS(.lr = 0.1);
    char text[256];
    (void)state;
    assert_true(fv_judge_loss(&p, &o, 2.1, NULL, text));
    o.n_teachers = 1;
    assert_false(fv_judge_loss(&p, &o, 2.1, NULL, text));
    assert_true(fv_judge_loss(&p, &o, 7, NULL, text)); /* it has run away */
}

/* ---- memory that runs out ---- */

static fv_status small(fv_ctx *ctx, int64_t filters, fv_model **model)
{
    FV_TRY(fv_model_create(ctx, model));
    fv_model *m = *model;
    fv_value x = fv_conv2d(m, fv_input(m, 6, 6, 1), .name = "c", .filters = filters, .kernel = {3, 3});
    FV_TRY(fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .name = "fc", .units = 3)));
    return fv_model_init(m, 1, FV_INIT_DEFAULT);
}

static fv_status once(fv_ctx *ctx, void *arg)
{
    static const float images[2 * 36] = {[3] = 1, [50] = 2};
    static const int32_t labels[2] = {0, 2};
    fv_model *student = NULL, *teacher = NULL;
    fv_trainer *t = NULL;
    double loss;
    (void)arg;
    fv_status status = small(ctx, 2, &student);
    if (status == FV_OK)
        status = small(ctx, 3, &teacher);
    const fv_teacher list = {.model = teacher, .weight = 1};
    const fv_fit_options o =
        FV_FIT_OPTIONS(.batch_size = 2, .teachers = &list, .n_teachers = 1, .hint = "c=c", .attention = "c=c");
    if (status == FV_OK)
        status = fv_trainer_create(student, &o, &t);
    if (status == FV_OK)
        status = fv_trainer_gradient(t, images, labels, 2, &loss);
    fv_trainer_destroy(&t);
    fv_model_destroy(&teacher);
    fv_model_destroy(&student);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(once, NULL) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_soft_targets), cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_images),       cmocka_unit_test(test_bits),
                                       cmocka_unit_test(test_refused),      cmocka_unit_test(test_flat_loss),
                                       cmocka_unit_test(test_allocations)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
