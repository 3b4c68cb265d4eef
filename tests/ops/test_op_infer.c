/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes: good ones give the expected results, bad ones the expected message; attribute ranges; dtypes. */
#include "op_run.h"

/* expect: shapes of the results separated by blanks, or, beginning with '!', a fragment of the message. */
typedef struct infer_case {
    const char *op, *attr;
    const char
        *in; /* shapes separated by blanks: "2x5x5x3", "-": absent, f64:, i32: and u8: in front of other dtypes */
    const char *expect;
} infer_case;

static const infer_case cases[] = {
    {"conv2d", "", "2x5x6x3 4x3x3x3", "2x3x4x4"},
    {"conv2d", "pad=1 stride=2", "2x5x6x3 4x3x3x3 4", "2x3x3x4"},
    {"conv2d", "pad=0,0,1,2 dilation=2", "2x5x6x3 4x3x2x3", "2x2x6x4"},
    {"conv2d", "groups=3", "1x4x4x6 9x1x1x2 - 1x4x4x9", "1x4x4x9"},
    {"conv2d", "groups=3", "1x4x4x64 9x1x1x2", "!conv2d 'it': groups=3 does not divide 64 input channels"},
    {"conv2d", "groups=4", "1x4x4x64 9x1x1x16", "!conv2d 'it': groups=4 does not divide 9 filters"},
    {"conv2d", "groups=2", "1x4x4x64 8x1x1x64",
     "!wei has 64 channels per filter, expected 32 (64 input channels / 2 groups)"},
    {"conv2d", "", "1x4x4x3 8x3x3x3 7", "!bia has shape 7, expected 8 (one per filter)"},
    {"conv2d", "", "1x4x4x3 8x3x3x3 8 1x2x2x7", "!res has shape 1x2x2x7, expected 1x2x2x8 (that of dst)"},
    {"conv2d", "", "4x3 8x3x3x3", "!src must have 4 dimensions (nhwc), found shape 4x3"},
    {"conv2d", "", "1x4x4x3 8x27", "!wei must have 4 dimensions (krsc), found shape 8x27"},
    {"conv2d", "", "1x5x5x3 8x7x7x3",
     "!a 7x7 filter does not fit into the 5x5 input padded to 5x5; use a smaller filter, more padding or a larger "
     "input"},
    {"conv2d", "dilation=3 pad=1", "1x5x9x3 8x4x3x3",
     "!a 10x7 filter (dilated) does not fit into the 5x9 input padded to 7x11"},
    {"conv2d", "", "1x4x4x3 8x70000x1x3", "!filters of 70000x1 taps are too large"},
    {"conv2d_bwd_data", "size=5,6", "2x3x4x4 4x3x3x3", "2x5x6x3"},
    {"conv2d_bwd_data", "size=7,6", "2x3x4x4 4x3x3x3", "!d_dst has shape 2x3x4x4, expected 2x5x4x4"},
    {"conv2d_bwd_weights", "size=3", "2x3x4x4 2x5x6x3", "4x3x3x3"},
    {"conv2d_bwd_weights", "size=2,3", "2x3x4x4 2x5x6x3", "!d_dst has shape 2x3x4x4, expected 2x4x4x4"},
    {"conv2d_bwd_weights", "size=3", "3x3x4x4 2x5x6x3", "!d_dst has shape 3x3x4x4, expected 2x3x4x4"},
    {"conv_transpose2d", "stride=2 pad=1 output_pad=1", "2x4x5x3 3x3x3x6 6", "2x8x10x6"},
    {"conv_transpose2d", "groups=3", "2x4x5x3 3x2x2x4 12", "2x5x6x12"},
    {"conv_transpose2d", "stride=2 output_pad=2", "2x4x5x3 3x3x3x6", "!output_pad=2,2 must be below stride=2,2"},
    {"conv_transpose2d", "pad=4", "2x4x5x3 3x3x3x6", "!the output would be -2x-1; use less padding or a larger filter"},
    {"conv_transpose2d", "", "2x4x5x3 4x3x3x6", "!wei begins with 4, expected the 3 channels of src"},
    {"conv_transpose2d", "groups=2", "2x4x5x3 3x3x3x6", "!groups=2 does not divide 3 input channels"},
    {"conv_transpose2d", "groups=3", "2x4x5x3 3x3x3x2 2", "!bia has shape 2, expected 6 (one per output channel)"},
    {"dense", "", "8x10 4x10 4 8x4", "8x4"},
    {"dense", "", "8x7x7x64 10x64 10 8x7x7x10", "8x7x7x10"},
    {"dense", "", "8x7x7x64 10x3136",
     "!wei has 3136 inputs per unit, expected 64 (features of src, shape 8x7x7x64); put a flatten before it, if all of "
     "a sample is meant"},
    {"dense", "", "8 4x8", "!src must have at least 2 dimensions (n i), found shape 8"},
    {"dense", "", "8x7x7x64 10x64 10 8x10", "!res has shape 8x10, expected 8x7x7x10 (that of dst)"},
    {"dense", "", "8x10 4x11", "!wei has 11 inputs per unit, expected 10 (features of src, shape 8x10)"},
    {"dense", "", "8x10 4x10 8", "!bia has shape 8, expected 4 (one per unit)"},
    {"dense_bwd_data", "", "8x4 4x10", "8x10"},
    {"dense_bwd_data", "", "8x5 4x10", "!d_dst has 5 features but wei has 4 units"},
    {"dense_bwd_weights", "", "8x4 8x10", "4x10"},
    {"dense_bwd_weights", "", "8x4 9x10", "!d_dst has 8 samples but src has 9"},
    {"dense_bwd_data", "", "8x2x3x4 4x10", "8x2x3x10"},
    {"dense_bwd_weights", "", "8x2x3x4 8x2x3x10", "4x10"},
    {"dense_bwd_weights", "", "8x2x3x4 8x2x4x10", "!d_dst has 3 rows but src has 4; they must be equal"},
    {"channel_sum", "", "8x2x2x5", "5"},
    {"channel_sum", "", "8", "!d_dst must have at least 2 dimensions, found 1"},
    {"flatten", "", "8x7x7x64", "8x3136"},
    {"flatten", "", "8x3", "8x3"},
    {"reshape", "dims=4,-1", "2x3x8", "2x4x6"},
    {"reshape", "dims=24", "2x3x8", "2x24"},
    {"reshape", "dims=5,-1", "2x3x8", "!24 elements per sample are no multiple of the 5 that dims fix"},
    {"reshape", "dims=5,5", "2x3x8", "!dims hold 25 elements per sample, src has 24"},
    {"reshape", "dims=-1,-1", "2x3x8", "!dims[1] is -1; every dimension must be at least 1, and only one may be -1"},
    {"reshape", "dims=1,2,3,4,1,1,1,1", "2x3x8", "!dims has 8 numbers, expected at most 7"},
    {"max_pool2d", "", "2x6x7x3", "2x3x3x3"},
    {"max_pool2d", "ceil=true", "2x6x7x3", "2x3x4x3"},
    {"max_pool2d", "size=3 stride=2 pad=1", "2x7x7x3", "2x4x4x3"},
    {"max_pool2d", "size=2 stride=3 pad=1 ceil=true", "2x4x5x2", "2x2x2x2"},
    {"max_pool2d", "size=2 pad=2", "2x6x7x3", "!pad=2,2,2,2 reaches the window size 2x2"},
    {"max_pool2d", "size=8", "2x6x7x3", "!a 8x8 window does not fit into the 6x7 input padded to 6x7"},
    {"max_pool2d_train", "size=15,17", "1x20x20x1", "1x1x1x1 1x1x1x1"},
    {"max_pool2d_train", "size=16", "1x20x20x1", "!a 16x16 window has more than the 255 taps that training allows"},
    {"max_pool2d_bwd", "src_size=6,7", "2x3x3x3 u8:2x3x3x3", "2x6x7x3"},
    {"max_pool2d_bwd", "src_size=6,7", "2x3x3x3 2x3x3x3", "!arg must be u8, found f32"},
    {"max_pool2d_bwd", "src_size=6,7", "2x3x3x3 u8:2x3x3x2", "!arg has shape 2x3x3x2 but d_dst has 2x3x3x3"},
    {"max_pool2d_bwd", "src_size=8,7", "2x3x3x3 u8:2x3x3x3", "!d_dst has shape 2x3x3x3, expected 2x4x3x3"},
    {"avg_pool2d", "size=3 stride=1 pad=1", "2x6x7x3", "2x6x7x3"},
    {"avg_pool2d_bwd", "size=3 stride=1 pad=1 src_size=6,7", "2x6x7x3", "2x6x7x3"},
    {"adaptive_avg_pool2d", "output=6", "2x13x5x3", "2x6x6x3"},
    {"adaptive_avg_pool2d_bwd", "src_size=13,5", "2x6x6x3", "2x13x5x3"},
    {"global_avg_pool", "", "2x13x5x3", "2x1x1x3"},
    {"global_avg_pool_bwd", "src_size=4", "2x1x2x3", "!d_dst has shape 2x1x2x3, expected 2x1x1x3"},
    {"global_max_pool", "", "2x13x5x3", "2x1x1x3"},
    {"global_max_pool", "", "2x13", "!src must have 4 dimensions (nhwc), found shape 2x13"},
    {"batch_norm", "", "2x3x3x4 4 4 4 4", "2x3x3x4"},
    {"batch_norm", "", "2x3x3x4 4 4 3 4", "!mean has shape 3, expected 4 (one per channel of src)"},
    {"batch_norm_train", "", "2x4 4 4 4 4", "2x4 4 4"},
    {"batch_norm_train", "", "1x1x1x4 4 4 4 4",
     "!training needs at least 2 values per channel to have a variance, found 1 (src has shape 1x1x1x4); use a batch "
     "of 2"},
    {"batch_norm_bwd", "", "2x4 2x4 4 4 4", "2x4 4 4"},
    {"batch_norm_bwd", "activation=relu", "2x4 2x4 4 4 4 2x4", "2x4 4 4"},
    {"batch_norm_bwd", "activation=relu", "2x4 2x4 4 4 4", "!activation=relu needs the operand dst"},
    {"batch_norm_bwd", "", "2x4 2x4 4 4 4 2x4", "!the operand dst needs an activation"},
    {"bn_fold", "", "4x3x3x8 - 4 4 4 4", "4x3x3x8 4"},
    {"bn_fold", "", "4x3x3x8 4 4 4 4", "!operand 'var' is missing"},
    {"relu", "", "7", "7"},
    {"relu", "", "i32:7", "!src must be f32 or f64, found i32"},
    {"relu_bwd", "", "7x2 7x3", "!dst has shape 7x3 but d_dst has 7x2; they must be equal"},
    {"batch_norm_train_partial", "", "2x3x3x4", "2x4"},
    {"batch_norm_train_partial", "", "4", "!src must have at least 2 dimensions, found 1"},
    {"batch_norm_train_finish", "", "1x4 4 4 4 4 f64:2x4", "1x4 4 4"},
    {"batch_norm_train_finish", "", "2x4 4 4 4 4 f64:2x3",
     "!sums has shape 2x3, expected 2x4 (two per channel of src)"},
    {"batch_norm_bwd_partial", "activation=relu", "2x4 2x4 4 2x4", "2x4"},
    {"batch_norm_bwd_partial", "activation=relu", "2x4 2x4 4", "!activation=relu needs the operand dst"},
    {"batch_norm_bwd_finish", "", "2x4 2x4 4 4 4 f64:2x4", "2x4 4 4"},
    {"batch_norm_bwd_finish", "", "2x4 2x4 4 4 4 f64:4", "!sums must have 2 dimensions (tc), found shape 4"},
    {"batch_norm_rstd", "", "4", "4"},
    {"channel_sum_partial", "", "8x2x2x5", "5"},
    {"all_reduce", "", "8x2x2x5", "8x2x2x5"},
    {"round_sum", "", "f64:5", "5"},
    {"round_sum", "", "f64:1 8", "1"},
    {"round_sum", "", "5", "!sums must be f64, found f32"},
    {"prelu_bwd_partial", "", "2x3x3x4 2x3x3x4 4", "2x3x3x4 4"},
    {"prelu", "", "2x3x3x4 4", "2x3x3x4"},
    {"prelu", "", "2x3x3x4 1", "2x3x3x4"},
    {"prelu", "", "2x3x3x4 3", "!alpha has 3 slopes, expected 1 or 4 (one per channel of src)"},
    {"prelu_bwd", "", "2x3x3x4 2x3x3x4 4", "2x3x3x4 4"},
    {"dropout", "", "2x3", "2x3"},
    {"stochastic_depth", "", "2x3", "2x3"},
    {"gelu", "approximate=tanh", "2x3", "2x3"},
    {"layer_norm", "", "2x3x3x4 4 4", "2x3x3x4"},
    {"layer_norm", "", "2x3x4 - 4", "2x3x4"},
    {"layer_norm", "", "2x3x3x4 4 3", "!shift has shape 3, expected 4 (one per channel of src)"},
    {"layer_norm", "", "4", "!src must have at least 2 dimensions, found 1"},
    {"layer_norm_bwd", "", "2x3x4 2x3x4 4", "2x3x4"},
    {"layer_norm_bwd", "", "2x3x4 2x3x5", "!src has shape 2x3x5 but d_dst has 2x3x4; they must be equal"},
    {"layer_norm_bwd_scale", "", "2x3x4 2x3x4", "4"},
    {"layer_norm_bwd_scale_partial", "", "2x3x4 2x3x4", "4"},
    {"add", "", "2x3x3x4 2x3x3x4", "2x3x3x4"},
    {"add", "", "2x3x3x4 2x3x3x5",
     "!b has shape 2x3x3x5 beside a of 2x3x3x4; aligned behind, dimensions must be equal"},
    {"mul", "", "2x3x3x4 2x4", "2x3x3x4"},
    {"mul", "", "2x3x3x4 2x1x1x4", "2x3x3x4"},
    {"mul", "", "2x3x3x4 1x1x1x4", "2x3x3x4"},
    {"mul", "", "2x3x3x4 3x1x1x4", "!b has shape 3x1x1x4 beside a of 2x3x3x4; aligned behind"},
    {"sub", "", "4x1 1x6", "4x6"},
    {"div", "", "3 2x4x3", "2x4x3"},
    {"max", "", "2x3 2", "!b has shape 2 beside a of 2x3"},
    {"reduce_sum", "axes=1,-1", "2x3x4x5", "2x4"},
    {"reduce_mean", "axes=1 keepdims=true", "2x3x4", "2x1x4"},
    {"reduce_max", "axes=1,1", "2x3", "!axes name dimension 1 twice"},
    {"reduce_min", "axes=3", "2x3", "!axis=3 does not exist among 2 dimensions; expected -2 to 1"},
    {"expand", "dims=2,3,4", "3x1", "2x3x4"},
    {"expand", "dims=2,3", "4", "!src of shape 4 cannot be repeated to 2x3"},
    {"transpose", "perm=0,3,1,2", "2x3x4x5", "2x5x3x4"},
    {"transpose", "perm=0,0", "2x3", "!perm names dimension 0 twice"},
    {"reshape", "dims=4,-1 whole=true", "2x3x8", "4x12"},
    {"reshape", "dims=0,-1 whole=true", "2x3x8", "2x24"},
    {"concat", "axis=0", "2x3 4x3", "6x3"},
    {"slice", "begin=1 count=2 axis=0", "4x3", "2x3"},
    {"softmax", "axis=2", "2x3", "!axis=2 does not exist"},
    {"clamp", "min=2 max=1", "2x3", "!min=2 is above max=1"},
    {"mul_reduce", "", "2x3x3x4 2x3x3x4", "2x1x1x4"},
    {"concat", "", "2x3x3x4 2x3x3x1 2x3x3x2", "2x3x3x7"},
    {"concat", "", "2x3x3x4 2x3x2x1", "!src1 has shape 2x3x2x1 beside src0 of 2x3x3x4; all dimensions but the last"},
    {"slice", "begin=3 count=2", "2x3x3x5", "2x3x3x2"},
    {"slice", "begin=4 count=2", "2x3x3x5", "!positions 4 to 5 do not lie within the 5 of src"},
    {"slice_bwd", "begin=3 channels=7", "2x3x3x4", "2x3x3x7"},
    {"slice_bwd", "begin=3 channels=6", "2x3x3x4", "!positions 3 to 6 do not lie within the 6 of src"},
    {"channel_shuffle", "groups=3", "2x3x3x6", "2x3x3x6"},
    {"channel_shuffle", "groups=4", "2x3x3x6", "!groups=4 does not divide 6 channels"},
    {"pad", "pad=1,2,3,4 channels=5,6", "2x3x3x1", "2x7x9x12"},
    {"crop", "pad=1,2,3,4 channels=5,6", "2x7x9x12", "2x3x3x1"},
    {"crop", "pad=2", "2x4x9x12", "!nothing is left of src (2x4x9x12) when 4 rows are cut off"},
    {"upsample2d", "scale=2,3", "2x4x5x3", "2x8x15x3"},
    {"upsample2d_bwd", "scale=2,3", "2x8x15x3", "2x4x5x3"},
    {"upsample2d_bwd", "scale=2,3", "2x8x16x3", "!d_dst is 8x16, no multiple of scale=2,3"},
    {"lrn", "", "2x3x3x7", "2x3x3x7"},
    {"softmax", "", "2x3x3x7", "2x3x3x7"},
    {"softmax_cross_entropy", "", "8x10 i32:8", "1 8"},
    {"softmax_cross_entropy", "", "8x10 8x10", "1 8"},
    {"softmax_cross_entropy", "", "8x10 i32:9", "!target must be 8 labels (one per row of logits), found shape 9"},
    {"softmax_cross_entropy", "", "8x10 8x9", "!target has shape 8x9 but logits has 8x10; they must be equal"},
    {"softmax_cross_entropy", "", "8x10 u8:8", "!target must be i32 labels or f32 probabilities, found u8"},
    {"softmax_cross_entropy_bwd", "", "1 8x10 i32:8", "8x10"},
    {"softmax_cross_entropy_bwd", "", "2 8x10 i32:8", "!d_loss has shape 2, expected 1"},
    {"mse", "", "8x10 8x10", "1 8"},
    {"huber", "", "8x10 8x9", "!target has shape 8x9 but src has 8x10"},
    {"sigmoid_bce_bwd", "", "1 8x10 8x10", "8x10"},
};

/* Reads one shape word; rank 0 for "-". */
static op_array shape_of(const char *word)
{
    op_array a = {.dtype = FV_F64};
    if (strncmp(word, "i32:", 4) == 0 || strncmp(word, "u8:", 3) == 0) {
        a.dtype = word[0] == 'i' ? FV_I32 : FV_U8;
        word = strchr(word, ':') + 1;
    }
    if (strncmp(word, "f64:", 4) == 0) {
        a.wide = true;
        word += 4;
    }
    for (const char *p = word; *word != '-' && p; p = strchr(p, 'x') ? strchr(p, 'x') + 1 : NULL)
        a.shape.dim[a.shape.rank++] = strtoll(p, NULL, 10);
    return a;
}

static void results_of(const fv_node *node, char text[256])
{
    text[0] = '\0';
    for (int i = 0; i < node->n_out; i++) {
        char one[96];
        snprintf(text + strlen(text), 256 - strlen(text), "%s%s", i ? " " : "",
                 fv_shape_text(&node->out[i]->shape, one));
    }
}

static void check_case(fv_ctx *ctx, const infer_case *c)
{
    op_array in[16];
    int n_in = 0;
    char words[256], results[256];
    _Alignas(16) unsigned char attr[256] = {0};
    const fv_op *op = fv_op_find(ctx, c->op);
    assert_non_null(op);
    fv_attr_defaults(op, attr);
    OP_OK(ctx, fv_attr_parse(ctx, op, attr, c->attr));
    snprintf(words, sizeof words, "%s", c->in);
    for (char *rest = words, *word; (word = strtok_r(rest, " ", &rest));)
        in[n_in++] = shape_of(word);
    fv_val *vals[16];
    fv_node *node = NULL;
    fv_graph *g = op_graph(ctx, c->op, op->attr_size ? attr : NULL, in, n_in, vals, &node);
    if (c->expect[0] == '!') {
        if (g)
            fail_msg("%s %s (%s) was accepted", c->op, c->attr, c->in);
        if (!strstr(fv_ctx_error(ctx), c->expect + 1))
            fail_msg("%s %s (%s): '%s' lacks '%s'", c->op, c->attr, c->in, fv_ctx_error(ctx), c->expect + 1);
        return;
    }
    if (!g)
        fail_msg("%s %s (%s) was refused: %s", c->op, c->attr, c->in, fv_ctx_error(ctx));
    results_of(node, results);
    if (strcmp(results, c->expect) != 0)
        fail_msg("%s %s (%s): found %s, expected %s", c->op, c->attr, c->in, results, c->expect);
    /* Costs are finite and count every operand. */
    if (op->cost) {
        fv_cost cost = op->cost(node);
        assert_true(cost.macs >= 0 && cost.flops >= 2 * cost.macs && isfinite(cost.flops) && isfinite(cost.bytes));
        assert_true(cost.bytes > 0 || (op->traits & FV_T_VIEW));
    }
    fv_graph_destroy(&g);
}

static void shapes_and_messages(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(ctx, &cases[i]);
    fv_ctx_destroy(&ctx);
}

static void convolution_work(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    op_array in[] = {shape_of("2x8x8x6"), shape_of("9x3x3x2"), shape_of("9")};
    fv_conv2d_attr attr = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 3};
    fv_val *vals[3];
    fv_node *node;
    fv_graph *g = op_graph(ctx, "conv2d", &attr, in, 3, vals, &node);
    fv_cost cost = node->op->cost(node);
    assert_true(cost.macs == 2.0 * 64 * 9 * 9 * 2);
    assert_true(cost.flops == 2 * cost.macs + 2.0 * 64 * 9);
    assert_true(cost.bytes == 4.0 * (2 * 64 * 6 + 9 * 9 * 2 + 9 + 2 * 64 * 9));
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

/* Sets every element of an attribute. */
static void set_attribute(const fv_attr *attr, void *data, double value)
{
    char *at = (char *)data + attr->offset;
    int count = attr->kind == FV_ATTR_INT2 ? 2 : attr->kind == FV_ATTR_PAD ? 4 : 1;
    for (int i = 0; i < count; i++) {
        if (attr->kind == FV_ATTR_REAL)
            memcpy(at, &value, sizeof value);
        else if (attr->kind == FV_ATTR_ENUM)
            *(int32_t *)(void *)at = (int32_t)value;
        else
            ((int64_t *)(void *)at)[i] = (int64_t)value;
    }
}

/* Limits are accepted, what lies behind them is refused with the attribute's name. */
static void attribute_ranges(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int count, checked = 0;
    const fv_op *const *op = fv_op_list(&count);
    for (int i = 0; i < count; i++) {
        for (const fv_attr *attr = op[i]->attrs; attr && attr->key; attr++) {
            if (attr->kind == FV_ATTR_BOOL || attr->kind == FV_ATTR_INTS)
                continue;
            _Alignas(16) unsigned char data[256] = {0};
            fv_attr_defaults(op[i], data);
            OP_OK(ctx, fv_attr_check(ctx, op[i], "it", data));
            const double inside[] = {attr->min, attr->max};
            const double below = attr->min - 1 - 0.01 * fabs(attr->min), above = attr->max + 1 + 0.01 * attr->max;
            const double outside[] = {below, above, attr->kind == FV_ATTR_REAL ? NAN : below};
            for (int j = 0; j < 2; j++) {
                set_attribute(attr, data, inside[j]);
                OP_OK(ctx, fv_attr_check(ctx, op[i], "it", data));
            }
            for (int j = 0; j < 3; j++) {
                set_attribute(attr, data, outside[j]);
                if (fv_attr_check(ctx, op[i], "it", data) == FV_OK)
                    fail_msg("%s %s=%g was accepted", op[i]->name, attr->key, outside[j]);
                assert_non_null(strstr(fv_ctx_error(ctx), attr->key));
                checked++;
            }
        }
    }
    assert_true(checked > 100);
    fv_ctx_destroy(&ctx);
}

static void mixed_float_types(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = NULL;
    fv_val *a, *b;
    fv_node *node;
    fv_shape shape = {.rank = 2, .dim = {2, 3}};
    OP_OK(ctx, fv_graph_create(ctx, fv_op_find, &g));
    OP_OK(ctx, fv_graph_param(g, "a", FV_ROLE_PARAM, FV_F32, &shape, &a));
    OP_OK(ctx, fv_graph_param(g, "b", FV_ROLE_PARAM, FV_F64, &shape, &b));
    assert_int_equal(fv_graph_add(g, &fv_op_add, "sum", NULL, (fv_val *[]){a, b}, 2, &node), FV_ERR_SHAPE);
    assert_non_null(strstr(fv_ctx_error(ctx), "f64"));
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_messages),
        cmocka_unit_test(convolution_work),
        cmocka_unit_test(attribute_ranges),
        cmocka_unit_test(mixed_float_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
