/* SPDX-License-Identifier: Apache-2.0 */
/* --freeze: what is frozen keeps every bit, and what is trained is what it would be otherwise. */
#include "golden.h"

enum { N = 8, STEPS = 3 };

typedef struct run {
    fv_ctx *ctx;
    fv_model *m;
    fv_trainer *t;
    float *images;
    int32_t labels[N];
    char **before; /* by slot */
} run;

static fv_status begin(run *r, const char *zoo, const fv_fit_options *o)
{
    int64_t h, w, c;
    *r = (run){.ctx = fv_test_ctx(2, NULL, NULL)};
    assert_int_equal(fv_model_zoo(r->ctx, zoo, NULL, &r->m), FV_OK);
    assert_int_equal(fv_model_init(r->m, 5, FV_INIT_DEFAULT), FV_OK);
    fv_model_input_size(r->m, &h, &w, &c);
    r->images = malloc((size_t)(N * h * w * c) * sizeof *r->images);
    golden_batch(0, N, h, w, c, r->images, r->labels);
    r->before = calloc((size_t)r->m->n_slots, sizeof *r->before);
    for (int i = 0; i < r->m->n_slots; i++) {
        const size_t bytes = fv_tensor_bytes(r->m->slots[i].data);
        r->before[i] = malloc(bytes);
        memcpy(r->before[i], fv_tensor_data(r->m->slots[i].data), bytes);
    }
    return fv_trainer_create(r->m, o, &r->t);
}

static void end(run *r)
{
    fv_trainer_destroy(&r->t);
    for (int i = 0; i < r->m->n_slots; i++)
        free(r->before[i]);
    free(r->before);
    free(r->images);
    fv_model_destroy(&r->m);
    fv_ctx_destroy(&r->ctx);
}

static void step(run *r)
{
    double loss;
    if (fv_trainer_gradient(r->t, r->images, r->labels, N, &loss) != FV_OK)
        fail_msg("%s", fv_ctx_error(r->ctx));
    assert_int_equal(fv_trainer_apply(r->t, 0.05), FV_OK);
}

/* After some steps: slots whose name begins with `trained` changed, all others kept their bits. */
static void expect(run *r, const char *trained)
{
    fv_model_sync(r->m);
    for (int i = 0; i < r->m->n_slots; i++) {
        const fv_slot *slot = &r->m->slots[i];
        const bool same = memcmp(r->before[i], fv_tensor_data(slot->data), fv_tensor_bytes(slot->data)) == 0;
        if (same == (strncmp(slot->name, trained, strlen(trained)) == 0))
            fail_msg("%s %s", slot->name, same ? "is what it was" : "changed");
    }
    for (int i = 0; i < r->m->n_counters; i++) {
        const bool counts = strncmp(r->m->counters[i].name, trained, strlen(trained)) == 0;
        assert_int_equal(r->m->counters[i].value, counts ? STEPS : 0);
    }
}

static void test_what_changes(void **state)
{
    static const struct {
        const char *zoo, *freeze, *trained;
        fv_optimizer_kind optimizer;
        int64_t pieces;
    } rows[] = {
        {"lenet", "-1", "fc3", FV_SGD, 1},
        {"lenet", "4", "fc3", FV_ADAM, 1},
        {"lenet", "conv*,fc1,fc2.*", "fc3", FV_SGD, 4},
        {"resnet8", "-1", "fc", FV_ADAMW, 1},
        {"resnet8", "conv1,bn1,layer1,layer3,fc", "layer2", FV_SGD, 1},
        {"resnet8", "conv1,bn1,layer[12],fc", "layer3", FV_RMSPROP, 1},
    };
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        run r;
        fv_shape shape;
        fv_fit_options o = FV_FIT_OPTIONS(.freeze = rows[k].freeze, .optimizer = rows[k].optimizer, .lr = 0.05,
                                          .model_ema = k % 2 == 0, .grad_accum_steps = rows[k].pieces);
        if (begin(&r, rows[k].zoo, &o) != FV_OK)
            fail_msg("%s: %s", rows[k].freeze, fv_ctx_error(r.ctx));
        for (int i = 0; i < STEPS; i++)
            step(&r);
        expect(&r, rows[k].trained);
        assert_null(fv_trainer_gradient_of(r.t, "conv1.weight", &shape)); /* not even computed */
        end(&r);
    }
}

/* Of a network without batch norm the layers that are trained do in the first step what they do without --freeze. */
static void test_same_step(void **state)
{
    (void)state;
    run a, b;
    const fv_fit_options whole = FV_FIT_OPTIONS(.lr = 0.05, .momentum = 0.9);
    fv_fit_options part = whole;
    part.freeze = "conv1,conv2";
    assert_int_equal(begin(&a, "lenet", &whole), FV_OK);
    assert_int_equal(begin(&b, "lenet", &part), FV_OK);
    step(&a);
    step(&b);
    fv_model_sync(a.m);
    fv_model_sync(b.m);
    int compared = 0;
    for (int i = 0; i < a.m->n_slots; i++) {
        if (strncmp(a.m->slots[i].name, "fc", 2) != 0)
            continue;
        const fv_tensor *x = a.m->slots[i].data, *y = b.m->slots[i].data;
        assert_memory_equal(fv_tensor_data((fv_tensor *)(uintptr_t)x), fv_tensor_data((fv_tensor *)(uintptr_t)y),
                            fv_tensor_bytes(x));
        compared++;
    }
    assert_int_equal(compared, 6);
    end(&a);
    end(&b);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *freeze, *says;
    } rows[] = {
        {"fc9", "no tensor of model 'lenet' is called 'fc9'; its layers are conv1, conv2, fc1, fc2, fc3"},
        {"conv1,con", "is called 'con'"},
        {"*", "nothing is left to train"},
        {"5", "has 5 layers with tensors: expected 1 to 4, or -1 to -4"},
        {"0", "expected 1 to 4"},
        {"-5", "expected 1 to 4"},
        {"conv1,,fc1", "expected names separated by commas"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        run r;
        char text[1024];
        const fv_fit_options o = FV_FIT_OPTIONS(.freeze = rows[k].freeze);
        assert_int_equal(begin(&r, "lenet", &o), FV_ERR_VALUE);
        snprintf(text, sizeof text, "%s; %s", fv_ctx_error(r.ctx), fv_ctx_hint(r.ctx));
        if (!strstr(text, rows[k].says))
            fail_msg("'%s' lacks '%s'", text, rows[k].says);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_changes),
        cmocka_unit_test(test_same_step),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
