/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings of networks: nothing lies on anything else, every text is in its box and large enough to be read. */
#include "support/support.h"

#include <stdlib.h>

#include <fovea/design.h>
#include <fovea/fovea.h>

#include "report/drawing.h"

static fv_model *zoo(fv_ctx *ctx, const char *name)
{
    fv_model *m = NULL;
    if (fv_model_zoo(ctx, name, NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

static bool overlap(double x0, double w0, double y0, double h0, double x1, double w1, double y1, double h1)
{
    return x0 < x1 + w1 && x1 < x0 + w0 && y0 < y1 + h1 && y1 < y0 + h0;
}

/* Boxes beside boxes, and edges that pass beside boxes; all within the picture. */
static void check_places(const char *name, const fv_drawing *d)
{
    for (int i = 0; i < d->n_boxes; i++) {
        const fv_drawn_box *a = &d->boxes[i];
        if (a->x - a->w / 2 < 0 || a->x + a->w / 2 > d->width || a->y < FV_DRAW_TOP || a->y + a->h > d->height)
            fail_msg("%s: '%s' is not in the picture", name, a->name);
        for (int l = 0; l < a->n_lines; l++)
            assert_true((double)strlen(a->lines[l]) * FV_DRAW_WIDE <= a->w);
        for (int k = 0; k < i; k++) {
            const fv_drawn_box *b = &d->boxes[k];
            if (overlap(a->x - a->w / 2, a->w, a->y, a->h, b->x - b->w / 2, b->w, b->y, b->h))
                fail_msg("%s: '%s' lies on '%s'", name, a->name, b->name);
        }
    }
    for (int i = d->n_boxes; i < d->n_items; i++) {
        const fv_drawn_rank *r = &d->ranks[d->items[i].rank];
        for (int k = 0; k < d->n_boxes; k++)
            if (overlap(d->items[i].x - 2, 4, r->y, r->h, d->boxes[k].x - d->boxes[k].w / 2, d->boxes[k].w,
                        d->boxes[k].y, d->boxes[k].h))
                fail_msg("%s: an edge passes through '%s'", name, d->boxes[k].name);
    }
    /* Every edge goes down, within a column or from the last box of one to the top of the next. */
    for (int e = 0; e < d->n_edges; e++) {
        const fv_drawn_box *from = &d->boxes[d->edges[e].from], *to = &d->boxes[d->edges[e].to];
        assert_true(to->rank > from->rank && to->column >= from->column);
        if (from->column == to->column)
            assert_true(to->y >= from->y + from->h + 10);
    }
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void test_zoo(void **state)
{
    static const char *const few[] = {"lenet",         "resnet50", "inception_v3", "mobilenet_v2", "googlenet",
                                      "squeezenet1_1", NULL};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *const *names = getenv("FOVEA_ALL_ARCHITECTURES") ? fv_zoo_names() : few;
    (void)state;
    for (int i = 0; names[i]; i++) {
        fv_model *m = zoo(ctx, names[i]);
        fv_drawing *d = NULL;
        char *svg, *dot;
        assert_int_equal(fv_drawing_create(m, &d), FV_OK);
        check_places(names[i], d);
        assert_int_equal(fv_model_draw(m, FV_DRAWING_SVG, &svg), FV_OK);
        assert_int_equal(count_of(svg, "<g class=\"x k"), d->n_boxes + count_of(svg, "y=\"68\""));
        assert_int_equal(count_of(svg, "marker-end"), d->n_edges);
        for (const char *p = svg; (p = strstr(p, "font-size:")); p++)
            assert_true(strtod(p + 10, NULL) >= 11);
        assert_int_equal(fv_model_draw(m, FV_DRAWING_DOT, &dot), FV_OK);
        assert_int_equal(count_of(dot, " -> "), d->n_edges);
        assert_int_equal(count_of(dot, "subgraph cluster_"), d->n_blocks);
        fv_text_free(ctx, svg);
        fv_text_free(ctx, dot);
        fv_drawing_destroy(&d);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* What shares a box, where ways part and meet, what passes. */
static void test_boxes(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = zoo(ctx, "resnet18");
    fv_drawing *d = NULL;
    int convolutions = 0, joins = 0, passing = 0;
    (void)state;
    assert_int_equal(fv_drawing_create(m, &d), FV_OK);
    for (int i = 0; i < d->n_boxes; i++) {
        convolutions += d->boxes[i].kind == FV_BOX_CONV;
        joins += d->boxes[i].kind == FV_BOX_JOIN;
    }
    for (int e = 0; e < d->n_edges; e++)
        passing += d->edges[e].n_items > 0;
    assert_int_equal(convolutions, 20);
    assert_int_equal(joins, 8);
    assert_int_equal(passing, 8); /* five past a block, three with a convolution in them, shorter than the other way */
    assert_int_equal(d->n_blocks, 8);
    assert_string_equal(d->blocks[0].name, "layer1.0");
    assert_string_equal(d->blocks[7].name, "layer4.1");
    assert_non_null(strstr(d->boxes[1].behind, "batch_norm, relu"));
    fv_drawing_destroy(&d);
    fv_model_destroy(&m);
    /* Numbers one by one in front of a convolution go into its box. */
    m = zoo(ctx, "densenet121");
    assert_int_equal(fv_drawing_create(m, &d), FV_OK);
    for (int i = 0; i < d->n_boxes; i++)
        assert_true(d->boxes[i].kind != FV_BOX_OTHER || strcmp(d->boxes[i].name, "") != 0);
    check_places("densenet121", d);
    fv_drawing_destroy(&d);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Names that are markup elsewhere. */
static void test_names(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    char *svg, *dot;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 4, 4, 1);
    x = fv_conv2d(m, x, .name = "a<b>&\"c\"", .filters = 2, .kernel = {3, 3});
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_draw(m, FV_DRAWING_SVG, &svg), FV_OK);
    assert_non_null(strstr(svg, ">a&lt;b&gt;&amp;\"c\"</text>"));
    assert_int_equal(fv_model_draw(m, FV_DRAWING_DOT, &dot), FV_OK);
    assert_non_null(strstr(dot, "a<b>&\\\"c\\\""));
    fv_text_free(ctx, svg);
    fv_text_free(ctx, dot);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zoo), cmocka_unit_test(test_boxes),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
