/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receptive fields against gradients: of each network a linear twin with positive weights is made, and where the
 * gradient of a layer's middle pixel is not zero in the image is what that pixel sees. FOVEA_ALL_ARCHITECTURES=1: every
 * network of the zoo at its own size (minutes).
 */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#include <fovea/fovea.h>

#include "model/model.h"
#include "ops/attr.h"

/* ---- a linear twin ---- */

/* Operators that are linear with positive weights as they stand; all others act on each number by itself (activations,
 * normalization) or join what they are given (products). */
static const char *const kept[] = {"conv2d",
                                   "conv_transpose2d",
                                   "dense",
                                   "avg_pool2d",
                                   "global_avg_pool",
                                   "adaptive_avg_pool2d",
                                   "flatten",
                                   "reshape",
                                   "transpose",
                                   "concat",
                                   "slice",
                                   "channel_shuffle",
                                   "pad",
                                   "crop",
                                   "upsample2d",
                                   "add",
                                   "reduce_mean",
                                   NULL};

static bool is_one_of(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

typedef struct twin {
    const fv_model *of;
    fv_graph *g;
    fv_val **map;
} twin;

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != FV_OK)                                                                                           \
            fail_msg("%s: %s", #call, fv_ctx_error(t->of->ctx));                                                       \
    } while (0)

static fv_val *sum_of(twin *t, const fv_node *node, fv_val *const *in, int n)
{
    fv_val *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!in[i] || in[i]->role == FV_ROLE_PARAM || in[i]->role == FV_ROLE_CONST || in[i]->role == FV_ROLE_STATE)
            continue;
        fv_node *made;
        if (!sum) {
            sum = in[i];
            continue;
        }
        OK(fv_graph_add(t->g, fv_op_find(t->of->ctx, "add"), NULL, NULL, (fv_val *[]){sum, in[i]}, 2, &made));
        sum = made->out[0];
    }
    if (!sum || !fv_shape_equal(&sum->shape, &node->out[0]->shape))
        fail_msg("%s '%s' has no linear twin", node->op->name, node->name);
    return sum;
}

static void twin_node(twin *t, const fv_node *node)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    union {
        fv_conv2d_attr conv;
        fv_pool2d_attr pool;
        uint8_t room[512];
    } attr = {.room = {0}};
    const char *op = node->op->name;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? t->map[node->in[i]->id] : NULL;
    assert_true(node->op->attr_size <= sizeof attr);
    if (node->op->attr_size)
        memcpy(&attr, node->attr, node->op->attr_size);
    if (node->op->traits & FV_T_FUSES_ACTIVATION)
        attr.conv.activation = FV_ACT_NONE;
    op = strcmp(op, "max_pool2d") == 0 ? "avg_pool2d" : strcmp(op, "global_max_pool") == 0 ? "global_avg_pool" : op;
    if (!is_one_of(op, kept)) {
        t->map[node->out[0]->id] = sum_of(t, node, in, node->n_in);
        return;
    }
    OK(fv_graph_add(t->g, fv_op_find(t->of->ctx, op), NULL, node->op->attr_size ? &attr : NULL, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        t->map[node->out[i]->id] = made->out[i];
}

/* Positive filters whose sum over rows, columns and channels is 1 or less, the most of it at the ends of rows and
 * columns: what comes from the edge of a large field must not become 0 on the way. */
static fv_tensor *positive_weights(twin *t, const fv_shape *shape)
{
    fv_tensor *w = NULL;
    const int64_t r = shape->rank == 4 ? shape->dim[1] : 1, s = shape->rank == 4 ? shape->dim[2] : 1;
    const int64_t c = shape->dim[shape->rank - 1];
    OK(fv_tensor_create(t->of->ctx, FV_F32, shape, &w));
    float *to = fv_tensor_data(w);
    for (int64_t i = 0; i < fv_shape_count(shape); i++) {
        const int64_t y = i / c / s % r, x = i / c % s;
        const double rows = r == 1                 ? 1
                            : y == 0 || y == r - 1 ? 0.45
                                                   : 0.1 / (double)r,
                     columns = s == 1                 ? 1
                               : x == 0 || x == s - 1 ? 0.45
                                                      : 0.1 / (double)s;
        to[i] = (float)(rows * columns / (double)c);
    }
    return w;
}

static void make_twin(twin *t, const fv_model *model)
{
    const fv_graph *g = model->graph;
    t->of = model;
    t->map = calloc((size_t)g->n_vals, sizeof(fv_val *));
    assert_non_null(t->map);
    OK(fv_graph_create(model->ctx, fv_op_find, &t->g));
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->role == FV_ROLE_INPUT)
            OK(fv_graph_param(t->g, v->name, FV_ROLE_PARAM, v->dtype, &v->shape, &t->map[i]));
        else if (v->role == FV_ROLE_PARAM && v->shape.rank == 4) {
            fv_tensor *w = positive_weights(t, &v->shape);
            OK(fv_graph_tensor(t->g, v->name, w, &t->map[i]));
            fv_tensor_destroy(&w);
        } else if (v->role != FV_ROLE_COMPUTED && fv_dtype_is_float(v->dtype)) {
            OK(fv_graph_const(t->g, 1.0 / (double)fv_shape_count(&v->shape), v->dtype, &v->shape, &t->map[i]));
        }
    }
    for (int32_t n = 0; n < g->n_nodes; n++)
        twin_node(t, g->nodes[n]);
}

/* ---- what a pixel sees by its gradient ---- */

static void *image;

static void *find_image(void *user, const char *name, const fv_shape *shape)
{
    (void)user, (void)name, (void)shape;
    return image;
}

/* The sum of all channels of one pixel. */
static fv_val *pixel_sum(twin *t, fv_graph *g, fv_val *x, const int64_t at[2])
{
    fv_node *made;
    for (int d = 0; d < 2 && x->shape.rank == 4; d++) {
        const fv_slice_attr part = {.begin = at[d], .count = 1, .axis = 1 + d};
        OK(fv_graph_add(g, fv_op_find(t->of->ctx, "slice"), NULL, &part, &x, 1, &made));
        x = made->out[0];
    }
    OK(fv_graph_add(g, fv_op_find(t->of->ctx, "reduce_sum"), "seen", NULL, &x, 1, &made));
    return made->out[0];
}

static void gradient_sees(twin *t, const fv_node *node, const int64_t at[2], int64_t first[2], int64_t last[2])
{
    fv_graph *g = NULL;
    fv_program *program = NULL;
    fv_instance *instance = NULL;
    fv_store *store = NULL;
    const fv_binding binding = {.find = find_image};
    const fv_val *in = NULL;
    for (int32_t i = 0; i < t->g->n_vals && !in; i++)
        in = t->g->vals[i]->role == FV_ROLE_PARAM ? t->g->vals[i] : NULL;
    assert_non_null(in);
    OK(fv_pass_slice(t->g, NULL, t->map[node->out[0]->id]->name, NULL, 0, &g));
    OK(fv_graph_output(g, pixel_sum(t, g, g->outputs[0], at)));
    OK(fv_store_create(t->of->ctx, &binding, &store));
    const fv_objective loss = {"seen", 1.0};
    OK(fv_program_create(t->of->ctx, g,
                         &(fv_program_options){.batch = 1,
                                               .dtype = FV_F32,
                                               .lowering = FV_LOWER_FROZEN,
                                               .objectives = &loss,
                                               .n_objectives = 1,
                                               .stores = {store}},
                         &program));
    OK(fv_instance_create(program, NULL, NULL, &instance));
    OK(fv_instance_run(instance, NULL));
    const int64_t *d = in->shape.dim;
    float *gradient = malloc((size_t)(d[1] * d[2] * d[3]) * sizeof *gradient);
    assert_non_null(gradient);
    OK(fv_instance_read(instance, fv_program_port_at(program, FV_PORT_GRADIENT, 0), gradient,
                        (size_t)(d[1] * d[2] * d[3]) * sizeof *gradient));
    first[0] = first[1] = INT64_MAX;
    last[0] = last[1] = -1;
    for (int64_t k = 0; k < d[1] * d[2] * d[3]; k++) {
        const int64_t place[2] = {k / d[3] / d[2], k / d[3] % d[2]};
        for (int a = 0; a < 2 && gradient[k] != 0; a++) {
            first[a] = place[a] < first[a] ? place[a] : first[a];
            last[a] = place[a] > last[a] ? place[a] : last[a];
        }
    }
    for (int a = 0; a < 2; a++)
        first[a] = last[a] < 0 ? 0 : first[a];
    free(gradient);
    fv_instance_destroy(&instance);
    fv_program_release(&program);
    fv_store_destroy(&store);
    fv_graph_destroy(&g);
}

/* Fast convolutions leave roundings where a direct sum is 0. */
static fv_ctx *direct_ctx(int threads)
{
    fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = "direct"}), FV_OK);
    return ctx;
}

/* ---- against what the model says ---- */

/* Which pixels of a layer are looked at, and how far what `info` says must hold for them. */
typedef enum demand {
    DEMAND_EQUAL, /* start + stride * pixel and the field from there on, clipped to what the layer reads of the image */
    DEMAND_WITHIN /* no pixel sees more than the field: windows differ, or have gaps at the image's edge */
} demand;

static void check_layer(twin *t, const fv_model *m, int i, const int64_t at[2], demand wanted)
{
    const fv_node *node = m->graph->nodes[i];
    const fv_view *v = &m->views[node->out[0]->id];
    int64_t first[2], last[2], lo[2], hi[2], least[2], most[2];
    fv_layer_info l;
    gradient_sees(t, node, at, first, last);
    fv_model_layer(m, i, &l);
    OK(fv_model_layer_sees(m, i, at, lo, hi));
    OK(fv_model_layer_sees(m, i, NULL, least, most));
    for (int d = 0; d < 2; d++) {
        const double begin = v->start[d] + v->jump[d] * (double)at[d];
        int64_t from = (int64_t)floor(begin + 1e-6), to = (int64_t)ceil(begin + v->field[d] - 1e-6) - 1;
        from = l.whole[d] || from < least[d] ? least[d] : from;
        to = l.whole[d] || to > most[d] ? most[d] : to;
        if (lo[d] != first[d] || hi[d] != last[d] || (wanted == DEMAND_EQUAL && (from != first[d] || to != last[d])) ||
            last[d] - first[d] + 1 > l.receptive_field[d])
            fail_msg("%s, '%s' (%s), axis %d, pixel %lld: the gradient is not 0 from %lld to %lld; followed back: %lld "
                     "to %lld; field %lld, stride %lld, start %g: %lld to %lld",
                     m->name, node->name, node->op->name, d, (long long)at[d], (long long)first[d], (long long)last[d],
                     (long long)lo[d], (long long)hi[d], (long long)l.receptive_field[d], (long long)l.jump[d],
                     l.start[d], (long long)from, (long long)to);
    }
}

/* Every map of a network, each once, at its middle pixel; of an uneven one at the first and the last too. */
static int check_network(const fv_model *m, bool uneven)
{
    twin twin_of = {0}, *t = &twin_of;
    int checked = 0;
    make_twin(t, m);
    int64_t h, w, c;
    fv_model_input_size(m, &h, &w, &c);
    image = calloc((size_t)(h * w * c), sizeof(float));
    assert_non_null(image);
    bool *done = calloc((size_t)t->g->n_vals, sizeof *done);
    assert_non_null(done);
    for (int i = 0; i < fv_model_layer_count(m); i++) {
        const fv_val *out = m->graph->nodes[i]->out[0], *of = t->map[out->id];
        if (out->shape.rank != 4 || !of->def || done[of->id])
            continue;
        done[of->id] = true;
        const int64_t p = out->shape.dim[1], q = out->shape.dim[2];
        check_layer(t, m, i, (const int64_t[]){p / 2, q / 2}, uneven ? DEMAND_WITHIN : DEMAND_EQUAL);
        if (uneven) {
            check_layer(t, m, i, (const int64_t[]){0, 0}, DEMAND_WITHIN);
            check_layer(t, m, i, (const int64_t[]){p - 1, q - 1}, DEMAND_WITHIN);
        }
        checked++;
    }
    free(done);
    free(image);
    free(t->map);
    fv_graph_destroy(&t->g);
    return checked;
}

static int check_zoo(fv_ctx *ctx, const char *name, int64_t side)
{
    fv_model *m = NULL;
    if (fv_model_zoo(ctx, name, &(fv_zoo_options){.img_size = {side, side}, .dropout = -1}, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    const int checked = check_network(m, false);
    fv_model_destroy(&m);
    return checked;
}

static void test_zoo(void **state)
{
    static const struct {
        const char *name;
        int64_t side;
    } few[] = {{"lenet", 0}, {"resnet8", 0}, {"squeezenet1_1", 96}, {"mobilenet_v1_0.25", 64}, {NULL, 0}};
    fv_ctx *ctx = direct_ctx(2);
    const char *all = getenv("FOVEA_ALL_ARCHITECTURES"), *only = getenv("FOVEA_ARCHITECTURE");
    (void)state;
    for (int i = 0; !all && few[i].name; i++)
        assert_true(check_zoo(ctx, few[i].name, few[i].side) > 3);
    for (int i = 0; all && fv_zoo_names()[i]; i++) {
        if (only && strcmp(only, fv_zoo_names()[i]) != 0)
            continue;
        const int checked = check_zoo(ctx, fv_zoo_names()[i], strtol(all, NULL, 10) > 1 ? strtol(all, NULL, 10) : 0);
        print_message("%s: %d maps\n", fv_zoo_names()[i], checked);
    }
    fv_ctx_destroy(&ctx);
}

static fv_value layer(fv_model *m, const char *op, fv_value x, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){.attributes = attributes});
}

static void finish_and_check(fv_model *m, bool uneven, int maps)
{
    if (fv_model_finish_outputs(m) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    assert_true(check_network(m, uneven) >= maps);
}

/* What the zoo has little of: uneven padding, strides beside strides, gates, slices and means of maps. */
static void test_others(void **state)
{
    fv_ctx *ctx = direct_ctx(1);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 41, 37, 2);
    x = fv_conv2d(m, x, .filters = 3, .kernel = {3, 2}, .pad = {0, 1, 2, 0}, .dilation = {2, 3});
    fv_value a = fv_conv2d(m, x, .filters = 3, .kernel = {1, 1}, .stride = {2, 2});
    fv_value b = fv_conv2d(m, x, .filters = 3, .kernel = {5, 3}, .stride = {2, 2}, .same = true);
    x = fv_add(m, a, b);
    x = fv_conv2d(m, x, .filters = 4, .kernel = {1, 7}, .pad = {0, 3, 0, 3}, .activation = FV_RELU);
    fv_value part = layer(m, "slice", x, "axis=1 begin=3 count=12");
    part = layer(m, "crop", part, "pad=1,2,3,1");
    fv_output(m, "part", fv_max_pool2d(m, part, .size = {3, 3}, .stride = {2, 2}, .ceil = true));
    fv_value mean = layer(m, "reduce_mean", x, "axes=1,2 keepdims=true");
    fv_value gate = fv_activate(m, fv_conv2d(m, mean, .filters = 4, .kernel = {1, 1}), FV_SIGMOID);
    fv_output(m, "all", fv_conv2d(m, fv_mul(m, x, gate), .filters = 3, .kernel = {3, 3}, .stride = {2, 2}));
    finish_and_check(m, false, 10);
    fv_layer_info l;
    fv_model_layer(m, fv_model_layer_count(m) - 1, &l);
    assert_true(l.whole[0] && l.whole[1] && l.receptive_field[0] == 41 && l.receptive_field[1] == 37);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Windows that differ from pixel to pixel: transposed convolutions, enlarging, adaptive poolings, dilation at edges. */
static void test_uneven(void **state)
{
    fv_ctx *ctx = direct_ctx(1);
    fv_model *m = NULL;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 41, 37, 2);
    x = fv_conv2d(m, x, .filters = 3, .kernel = {3, 2}, .pad = {0, 1, 2, 0}, .dilation = {2, 3}, .stride = {2, 1});
    fv_value up = layer(m, "upsample2d", x, "scale=2");
    up = fv_conv2d(m, up, .filters = 4, .kernel = {3, 3}, .pad = {1, 1, 1, 1});
    up = layer(m, "upsample2d", up, "scale=2,1 mode=bilinear");
    fv_value back = fv_conv_transpose2d(m, x, .filters = 2, .kernel = {4, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    back = fv_conv_transpose2d(m, back, .filters = 2, .kernel = {2, 1}, .stride = {2, 3}, .output_pad = {1, 2});
    fv_value small = layer(m, "adaptive_avg_pool2d", up, "output=5");
    fv_output(m, "small", layer(m, "adaptive_avg_pool2d", small, "output=3,10"));
    fv_output(m, "back", fv_conv2d(m, back, .filters = 1, .kernel = {3, 3}));
    finish_and_check(m, true, 9);
    int64_t first[2], last[2];
    assert_int_equal(fv_model_layer_sees(m, 999, (const int64_t[]){0, 0}, first, last), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_layer_sees(m, 0, (const int64_t[]){0, 99}, first, last), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "there is no number 99"));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zoo), cmocka_unit_test(test_others),
                                       cmocka_unit_test(test_uneven)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
