/* SPDX-License-Identifier: Apache-2.0 */
/* Ten training steps of every small network against PyTorch (tests/golden/README.md says what is compared and why so).
 */
#include "golden.h"

#include "io/safetensors.h"

enum { BATCH = 16, STEPS = 10 };

typedef struct golden_net {
    const char *file, *zoo; /* zoo NULL: opnet, headnet or gemnet */
    double gradient_bound;
} golden_net;

static const golden_net nets[] = {
    {"mnist_cnn", "mnist_cnn", 1e-4},
    {"mnist_cnn_adam", "mnist_cnn", 1e-4},
    {"lenet", "lenet", 1e-4},
    {"resnet8", "resnet8", 2e-2},
    {"opnet", NULL, 1e-4},
    {"headnet", NULL, 1e-4},
    {"gemnet", NULL, 1e-4}, /* the others are resnet8 with more of the same blocks */
    {"resnet20", "resnet20", 2e-2},
    {"resnet32", "resnet32", 2e-2},
    {"resnet44", "resnet44", 2e-2},
    {"resnet56", "resnet56", 2e-2},
};

static double metadata(const fv_tensor_file *f, const char *key, double def)
{
    const char *text = fv_tensor_file_metadata(f, key);
    return text ? strtod(text, NULL) : def;
}

static void read_floats(const fv_tensor_file *f, const char *name, int64_t *count, float **data)
{
    const fv_st_entry *e = fv_tensor_file_find(f, name);
    if (!e)
        fail_msg("%s: no tensor '%s'", fv_tensor_file_name(f), name);
    *count = fv_shape_count(&e->shape);
    *data = malloc((size_t)*count * sizeof(float) + 1);
    assert_non_null(*data);
    assert_int_equal(fv_tensor_file_floats(f, e, 0, *count, *data), FV_OK);
}

/* ||a - b|| / ||b|| with b the golden samples of `name` and a those of data (this library's order). */
static double distance(const fv_tensor_file *f, const char *name, const fv_slot *slot, const float *data,
                       const float *start)
{
    int64_t count, n = fv_shape_count(&slot->shape);
    float *golden, *file = malloc((size_t)n * sizeof *file), *before = malloc((size_t)n * sizeof *before);
    double diff = 0, norm = 0;
    assert_true(file && before);
    read_floats(f, name, &count, &golden);
    fv_slot_to_file(slot, data, 0, slot->outer, file);
    if (start)
        fv_slot_to_file(slot, start, 0, slot->outer, before);
    int64_t stride = n > count && count > 1 ? (n - 1) / (count - 1) : 1;
    /* The file says the stride; find the one that gives its number of samples. */
    while ((n + stride - 1) / stride > count)
        stride++;
    for (int64_t i = 0; i < count; i++) {
        double b = golden[i], a = file[i * stride], w = start ? before[i * stride] : 0;
        diff += (a - b) * (a - b);
        norm += (b - w) * (b - w);
    }
    free(golden);
    free(file);
    free(before);
    return norm > 0 ? sqrt(diff / norm) : sqrt(diff);
}

static const fv_slot *slot_of(fv_model *m, const char *name)
{
    for (int i = 0; i < m->n_slots; i++)
        if (strcmp(m->slots[i].name, name) == 0)
            return &m->slots[i];
    return NULL;
}

static void compare_gradients(const golden_net *net, const fv_tensor_file *f, fv_model *m, fv_trainer *t)
{
    for (int i = 0; i < m->n_slots; i++) {
        char name[256];
        const fv_slot *slot = &m->slots[i];
        if (slot->kind == FV_SLOT_STATE)
            continue;
        snprintf(name, sizeof name, "grad.%s", slot->name);
        const float *g = fv_trainer_gradient_of(t, slot->name, NULL);
        assert_non_null(g);
        double d = distance(f, name, slot, g, NULL);
        if (!(d <= net->gradient_bound))
            fail_msg("%s: %s: relative distance %.3g, allowed %.3g", net->file, name, d, net->gradient_bound);
    }
}

static void compare_logits(const golden_net *net, const fv_tensor_file *f, fv_trainer *t)
{
    int64_t count;
    float *golden;
    fv_shape shape;
    double worst = 0, largest = 0;
    const float *logits = fv_trainer_logits(t, &shape);
    read_floats(f, "logits", &count, &golden);
    assert_int_equal(count, fv_shape_count(&shape));
    for (int64_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)logits[i] - (double)golden[i]));
        largest = fmax(largest, fabs((double)golden[i]));
    }
    free(golden);
    if (!(worst <= 1e-5 * largest))
        fail_msg("%s: logits of step 0 differ by %.3g of %.3g", net->file, worst, largest);
}

static void compare_weights(const golden_net *net, const fv_tensor_file *f, fv_model *m, float **start)
{
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *slot = &m->slots[i];
        double d = distance(f, slot->name, slot, fv_slot_data(slot), NULL);
        if (!(d <= 1e-4))
            fail_msg("%s: %s: relative distance %.3g after ten steps", net->file, slot->name, d);
        d = distance(f, slot->name, slot, fv_slot_data(slot), start[i]);
        if (!(d <= 2e-2))
            fail_msg("%s: %s: the update differs by %.3g", net->file, slot->name, d);
    }
}

static fv_model *make(fv_ctx *ctx, const golden_net *net)
{
    fv_model *m = NULL;
    if (!net->zoo)
        return strcmp(net->file, "headnet") == 0  ? golden_headnet(ctx)
               : strcmp(net->file, "gemnet") == 0 ? golden_gemnet(ctx)
                                                  : golden_opnet(ctx);
    assert_int_equal(fv_model_zoo(ctx, net->zoo, NULL, &m), FV_OK);
    return m;
}

static void run_net(const golden_net *net, int threads)
{
    char path[1024];
    fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
    fv_tensor_file *f;
    fv_model *m;
    fv_trainer *t;
    snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", getenv("FOVEA_SOURCE_DIR"), net->file);
    if (fv_safetensors_open(ctx, path, &f) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    m = make(ctx, net);
    golden_start(m);
    const char *optimizer = fv_tensor_file_metadata(f, "optimizer");
    bool adam = optimizer && strcmp(optimizer, "adam") == 0;
    fv_fit_options o =
        FV_FIT_OPTIONS(.schedule = FV_CONSTANT, .batch_size = BATCH, .optimizer = adam ? FV_ADAM : FV_SGD,
                       .lr = metadata(f, "lr", 0), .momentum = metadata(f, "momentum", 0),
                       .betas = {metadata(f, "beta1", 0.9), metadata(f, "beta2", 0.999)},
                       .eps = metadata(f, "eps", 1e-8), .weight_decay = metadata(f, "weight_decay", 0),
                       .decay_bias = true, .decay_norm = true);
    assert_int_equal(fv_trainer_create(m, &o, &t), FV_OK);
    float **start = calloc((size_t)m->n_slots, sizeof *start);
    for (int i = 0; i < m->n_slots; i++) {
        size_t bytes = (size_t)fv_shape_count(&m->slots[i].shape) * sizeof(float);
        start[i] = malloc(bytes);
        memcpy(start[i], fv_slot_data(&m->slots[i]), bytes);
    }
    int64_t h, w, c, count;
    float *losses;
    fv_model_input_size(m, &h, &w, &c);
    float *images = malloc((size_t)(BATCH * h * w * c) * sizeof *images);
    int32_t labels[BATCH];
    read_floats(f, "loss", &count, &losses);
    assert_int_equal(count, STEPS);
    for (int step = 0; step < STEPS; step++) {
        double loss;
        golden_batch(step, BATCH, h, w, c, images, labels);
        if (fv_trainer_gradient(t, images, labels, BATCH, &loss) != FV_OK)
            fail_msg("%s: %s", net->file, fv_ctx_error(ctx));
        if (!(fabs(loss - (double)losses[step]) <= 1e-5 * fabs((double)losses[step])))
            fail_msg("%s: loss of step %d is %.9g, PyTorch's %.9g", net->file, step, loss, (double)losses[step]);
        if (step == 0) {
            compare_logits(net, f, t);
            compare_gradients(net, f, m, t);
        }
        assert_int_equal(fv_trainer_apply(t, o.lr), FV_OK);
    }
    compare_weights(net, f, m, start);
    for (int i = 0; i < m->n_slots; i++)
        free(start[i]);
    free(start);
    free(losses);
    free(images);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
    fv_tensor_file_close(&f);
    fv_ctx_destroy(&ctx);
}

static void test_net(void **state)
{
    const golden_net *net = *state;
    run_net(net, 2);
}

/* The file's names are the model's, in the same shapes: PyTorch users can load what we save. */
static void test_names(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t k = 0; k < sizeof nets / sizeof nets[0]; k++) {
        char path[1024], *names, *save = NULL;
        fv_tensor_file *f;
        fv_model *m;
        snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", getenv("FOVEA_SOURCE_DIR"), nets[k].file);
        assert_int_equal(fv_safetensors_open(ctx, path, &f), FV_OK);
        m = make(ctx, &nets[k]);
        names = strdup(fv_tensor_file_metadata(f, "names"));
        int found = 0;
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
            if (golden_ends(name, "num_batches_tracked"))
                continue;
            if (!slot_of(m, name))
                fail_msg("%s: the model has no '%s'", nets[k].file, name);
            found++;
        }
        assert_int_equal(found, m->n_slots);
        free(names);
        fv_model_destroy(&m);
        fv_tensor_file_close(&f);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    enum { N = sizeof nets / sizeof nets[0] };
    const int n = FV_TEST_CASES(N, 6);
    struct CMUnitTest tests[N + 1] = {cmocka_unit_test(test_names)};
    for (int i = 0; i < n; i++)
        tests[i + 1] = (struct CMUnitTest){nets[i].file, test_net, NULL, NULL, (void *)(uintptr_t)&nets[i]};
    return cmocka_run_group_tests(tests, NULL, NULL); /* those without a name are not run */
}
