/* SPDX-License-Identifier: Apache-2.0 */
/* The network on a page: drawing, filters, activations; what mistakes rest on. */
#define DIGITS_TRAIN 10
#define DIGITS_TEST  60
#include "train/digits_fixture.h"

#include "base/file.h"
#include "base/text.h"
#include "report/lengths.h"
#include "report/network.h"

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* One convolution of 1 x 1 with the weights 1, -1, 0 on images without a pixel of 0, then a dense layer. */
static fv_model *three_filters(fv_ctx *ctx)
{
    fv_model *m;
    const char *name;
    bool trained;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x =
        fv_conv2d(m, fv_input(m, 28, 28, 1), .filters = 3, .kernel = {1, 1}, .activation = FV_RELU, .name = "first");
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .units = 10, .name = "last")), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    fv_pipeline p = *fv_model_pipeline(m);
    p.mean[0] = -1;
    p.std[0] = 1;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    for (int i = 0; i < fv_model_tensor_count(m); i++) {
        fv_tensor *t = fv_model_tensor(m, i, &name, &trained);
        float *w = fv_tensor_data(t);
        if (strcmp(name, "first.weight") == 0)
            memcpy(w, (const float[]){1, -1, 0}, 3 * sizeof *w);
        if (strcmp(name, "first.bias") == 0)
            memset(w, 0, 3 * sizeof *w);
    }
    return m;
}

static void test_activations(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *data = digits_of(ctx, "test");
    fv_model *m = three_filters(ctx);
    fv_str out = {.ctx = ctx};
    assert_int_equal(fv_put_network(&out, m, data), FV_OK);
    const char *page = fv_str_get(&out);
    assert_int_equal(count_of(page, "data:image/svg+xml;base64,"), 1);
    assert_null(strstr(page, "Filters of the first layer")); /* of 1 x 1 there is nothing to see */
    assert_non_null(strstr(page, "Of 32 images"));
    const char *row = strstr(page, "<td>first");
    assert_non_null(row);
    assert_non_null(strstr(row, "<td>28x28x3</td>"));
    /* Of three channels two are 0 everywhere. */
    assert_non_null(strstr(row, "<td>66.7</td><td>66.7</td></tr>"));
    row = strstr(page, "<td>last");
    assert_non_null(row);
    assert_non_null(strstr(row, "<td>10</td>"));
    assert_non_null(strstr(row, "<td>0.0</td><td>0.0</td></tr>"));
    fv_str_free(&out);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
}

static void test_filters(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 32, 3);
    fv_str out = {.ctx = ctx};
    assert_int_equal(fv_put_network(&out, m, NULL), FV_OK);
    assert_non_null(strstr(fv_str_get(&out), "conv1: 16 filters of 3 x 3 x 3."));
    assert_int_equal(count_of(fv_str_get(&out), "data:image/png;base64,"), 1);
    assert_null(strstr(fv_str_get(&out), "Activations"));
    fv_str_free(&out);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* The page of an evaluation by `m`, as text of the context's memory. */
static char *page_of(fv_ctx *ctx, fv_model *m, fv_model *explained)
{
    char path[600];
    uint8_t *text;
    int64_t size;
    fv_metrics metrics;
    fv_evaluation *e;
    fv_dataset *data = digits_of(ctx, "test");
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 10, &e), FV_OK);
    assert_int_equal(fv_evaluate_into(m, data, 10, 0, &metrics, e), FV_OK);
    const fv_evaluation_page page = {"digits", NULL, m, data, &metrics, e, 0, explained};
    snprintf(path, sizeof path, "%s/page.html", folder);
    if (fv_evaluation_write_html(ctx, &page, path) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_file_read(ctx, path, 0, false, &text, &size), FV_OK);
    fv_evaluation_destroy(&e);
    fv_dataset_destroy(&data);
    return (char *)text;
}

static void test_mistakes(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1); /* which knows nothing: most answers are wrong */
    char *page = page_of(ctx, m, m), *part = strstr(page, "<h2>Sure and wrong</h2>");
    assert_non_null(part);
    assert_non_null(strstr(part, "Grad-CAM of layer conv2.relu"));
    *strstr(part, "</div>") = '\0';
    assert_int_equal(count_of(part, "<figure class=\"shot wrong\">"), 12);
    assert_int_equal(count_of(part, "data:image/png"), 12);
    double last = 100; /* the surest first */
    for (const char *at = part; (at = strstr(at, "<b>")) != NULL; at++) {
        const double sure = strtod(strchr(at, ' '), NULL);
        assert_true(sure > 0 && sure <= last);
        last = sure;
    }
    fv_free(ctx, page);
    /* Nothing is explained without a model to ask, and what cannot be explained is said. */
    page = page_of(ctx, m, NULL);
    assert_null(strstr(page, "Sure and wrong"));
    assert_null(strstr(page, "<h2>Network</h2>"));
    fv_free(ctx, page);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 28, 28, 1)), .units = 10)), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    page = page_of(ctx, m, m);
    assert_non_null(strstr(page, "No maps of what these answers rest on: "));
    fv_free(ctx, page);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Norms of a file, with names as CSV has them; half a line at its end is none. */
static void test_lengths(void **state)
{
    static const char text[] = "epoch,step,tensor,weight_norm,gradient_norm\n"
                               "1,1,a.weight,3,0.5\n1,1,\"b,\"\"c\",4,1.2\n"
                               "2,9,a.weight,6,0.25\n2,9,\"b,\"\"c\",8,0\n3,17,a.wei";
    char path[600];
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_str out = {.ctx = ctx};
    snprintf(path, sizeof path, "%s/norms.csv", folder);
    assert_int_equal(fv_put_lengths(&out, path), FV_OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(fv_file_write(ctx, path, text, sizeof text - 1), FV_OK);
    assert_int_equal(fv_put_lengths(&out, path), FV_OK);
    const char *page = fv_str_get(&out);
    assert_non_null(strstr(page, "of all 2 weights"));
    assert_non_null(strstr(page, "<td>a.weight</td><td>3 \xE2\x86\x92 6</td>"));
    assert_non_null(strstr(page, "<td>b,&quot;c</td><td>4 \xE2\x86\x92 8</td>"));
    assert_non_null(strstr(page, "<td>0.5 \xE2\x86\x92 0.25</td>"));
    assert_non_null(strstr(page, "<span class=\"number\">10</span>")); /* 6 and 8 together */
    assert_int_equal(count_of(page, "<polyline"), 4 + 2);
    fv_str_free(&out);
    assert_int_equal(fv_file_write(ctx, path, text, 44), FV_OK); /* the header alone */
    assert_int_equal(fv_put_lengths(&out, path), FV_OK);
    assert_int_equal(out.size, 0);
    fv_ctx_destroy(&ctx);
}

static fv_status put_all(fv_ctx *ctx, void *arg)
{
    fv_str out = {.ctx = ctx};
    fv_model *m = NULL;
    const fv_zoo_options options = {.classes = 10, .channels = 1, .dropout = -1, .img_size = {28, 28}};
    (void)arg;
    fv_status status = fv_model_zoo(ctx, "lenet", &options, &m);
    if (status == FV_OK)
        status = fv_put_network(&out, m, NULL);
    fv_str_free(&out);
    fv_model_destroy(&m);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(put_all, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_activations), cmocka_unit_test(test_filters),
                                       cmocka_unit_test(test_mistakes), cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
