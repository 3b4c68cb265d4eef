/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of architecture files that own weights or have friendlier keys than their operator. */
#include <stddef.h>

#include "nn/architecture.h"

const char *const fv_arch_activations[FV_ACTIVATION_COUNT + 1] = {
    "none",       "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid",
    "hard_swish", "silu", "gelu",  "gelu_tanh",  "softmax", NULL};

/* Enumerations are read as int32_t. */
_Static_assert(sizeof(fv_activation) == sizeof(int32_t) && sizeof(fv_init) == sizeof(int32_t), "enum size");

/* An option struct of the layer functions, and what has another sense in files. */
typedef struct conv2d_params {
    fv_conv2d_options o;
    bool bias;
} conv2d_params;

typedef struct conv_transpose2d_params {
    fv_conv_transpose2d_options o;
    bool bias;
} conv_transpose2d_params;

typedef struct dense_params {
    fv_dense_options o;
    bool bias;
} dense_params;

typedef struct layer_norm_params {
    fv_layer_norm_options o;
    bool affine, bias;
} layer_norm_params;

typedef struct dropout_params {
    double rate;
} dropout_params;

typedef struct prelu_params {
    double alpha;
    bool shared;
} prelu_params;

#define MAX (1 << 30)
/* Rows that several layers have; S is the params struct. */
#define KEY_FILTERS(S)                                                                                                 \
    {                                                                                                                  \
        "filters", FV_ATTR_INT, offsetof(S, o.filters), 0, 1, MAX, NULL, "Output channels."                            \
    }
#define KEY_KERNEL(S)                                                                                                  \
    {                                                                                                                  \
        "kernel", FV_ATTR_INT2, offsetof(S, o.kernel), 0, 1, 4096, NULL, "Rows and columns of a filter."               \
    }
#define KEY_STRIDE(S)                                                                                                  \
    {                                                                                                                  \
        "stride", FV_ATTR_INT2, offsetof(S, o.stride), 1, 1, 4096, NULL, "Step between outputs."                       \
    }
#define KEY_DILATION(S)                                                                                                \
    {                                                                                                                  \
        "dilation", FV_ATTR_INT2, offsetof(S, o.dilation), 1, 1, 4096, NULL, "Step between taps."                      \
    }
#define KEY_PAD(S)                                                                                                     \
    {                                                                                                                  \
        "pad", FV_ATTR_PAD, offsetof(S, o.pad), 0, 0, 4096, NULL, "Zeros at top, left, bottom, right."                 \
    }
#define KEY_SAME(S)                                                                                                    \
    {                                                                                                                  \
        "same", FV_ATTR_BOOL, offsetof(S, o.same), 0, 0, 1, NULL, "Pad so that output = ceil(input / stride)."         \
    }
#define KEY_GROUPS(S)                                                                                                  \
    {                                                                                                                  \
        "groups", FV_ATTR_INT, offsetof(S, o.groups), 1, 1, MAX, NULL, "Groups that channels fall into."               \
    }
#define KEY_BIAS(S)                                                                                                    \
    {                                                                                                                  \
        "bias", FV_ATTR_BOOL, offsetof(S, bias), 1, 0, 1, NULL, "Whether a trained number is added per channel."       \
    }
#define KEY_ACTIVATION(S)                                                                                              \
    {                                                                                                                  \
        "activation", FV_ATTR_ENUM, offsetof(S, o.activation), 0, 0, 0, fv_arch_activations, "Applied to the result."  \
    }
#define KEY_INIT(S)                                                                                                    \
    {                                                                                                                  \
        "init", FV_ATTR_ENUM, offsetof(S, o.init), 0, 0, 0, fv_init_list, "How the weights start."                     \
    }
#define KEY_INIT_VALUE(S)                                                                                              \
    {                                                                                                                  \
        "init_value", FV_ATTR_REAL, offsetof(S, o.init_value), 0, -1e30, 1e30, NULL, "Number that goes with init."     \
    }
#define KEY_END                                                                                                        \
    {                                                                                                                  \
        NULL, FV_ATTR_INT, 0, 0, 0, 0, NULL, NULL                                                                      \
    }

static const fv_attr conv2d_keys[] = {
    KEY_FILTERS(conv2d_params),  KEY_KERNEL(conv2d_params),     KEY_STRIDE(conv2d_params),
    KEY_DILATION(conv2d_params), KEY_PAD(conv2d_params),        KEY_SAME(conv2d_params),
    KEY_GROUPS(conv2d_params),   KEY_BIAS(conv2d_params),       KEY_ACTIVATION(conv2d_params),
    KEY_INIT(conv2d_params),     KEY_INIT_VALUE(conv2d_params), KEY_END,
};

/* No groups: there is one per channel. */
static const fv_attr depthwise_keys[] = {
    KEY_FILTERS(conv2d_params),
    KEY_KERNEL(conv2d_params),
    KEY_STRIDE(conv2d_params),
    KEY_DILATION(conv2d_params),
    KEY_PAD(conv2d_params),
    KEY_SAME(conv2d_params),
    KEY_BIAS(conv2d_params),
    KEY_ACTIVATION(conv2d_params),
    KEY_INIT(conv2d_params),
    KEY_INIT_VALUE(conv2d_params),
    KEY_END,
};

static const fv_attr conv_transpose2d_keys[] = {
    KEY_FILTERS(conv_transpose2d_params),
    KEY_KERNEL(conv_transpose2d_params),
    KEY_STRIDE(conv_transpose2d_params),
    KEY_DILATION(conv_transpose2d_params),
    KEY_PAD(conv_transpose2d_params),
    {"output_pad", FV_ATTR_INT2, offsetof(conv_transpose2d_params, o.output_pad), 0, 0, 4096, NULL,
     "Rows and columns added at the end."},
    KEY_GROUPS(conv_transpose2d_params),
    KEY_BIAS(conv_transpose2d_params),
    KEY_ACTIVATION(conv_transpose2d_params),
    KEY_INIT(conv_transpose2d_params),
    KEY_INIT_VALUE(conv_transpose2d_params),
    KEY_END,
};

static const fv_attr dense_keys[] = {
    {"units", FV_ATTR_INT, offsetof(dense_params, o.units), 0, 1, MAX, NULL, "Outputs."},
    KEY_BIAS(dense_params),
    KEY_ACTIVATION(dense_params),
    KEY_INIT(dense_params),
    KEY_INIT_VALUE(dense_params),
    KEY_END,
};

static const fv_attr pool_keys[] = {
    {"size", FV_ATTR_INT2, offsetof(fv_pool2d_options, size), 0, 1, 4096, NULL, "Rows and columns of a window."},
    {"stride", FV_ATTR_INT2, offsetof(fv_pool2d_options, stride), 0, 1, 4096, NULL, "Step between windows; the size."},
    {"pad", FV_ATTR_PAD, offsetof(fv_pool2d_options, pad), 0, 0, 4096, NULL, "Pixels at top, left, bottom, right."},
    {"ceil", FV_ATTR_BOOL, offsetof(fv_pool2d_options, ceil), 0, 0, 1, NULL, "Whether a part of a window counts."},
    {"exclude_pad", FV_ATTR_BOOL, offsetof(fv_pool2d_options, exclude_pad), 0, 0, 1, NULL,
     "Average over the pixels inside the image only."},
    KEY_END,
};

static const fv_attr batch_norm_keys[] = {
    {"eps", FV_ATTR_REAL, offsetof(fv_batch_norm_options, eps), 0, 0, 1, NULL, "Added to the variance."},
    {"momentum", FV_ATTR_REAL, offsetof(fv_batch_norm_options, momentum), 0, 0, 1, NULL, "Share of the new batch."},
    {"activation", FV_ATTR_ENUM, offsetof(fv_batch_norm_options, activation), 0, 0, 0, fv_arch_activations,
     "Applied to the result."},
    KEY_END,
};

static const fv_attr layer_norm_keys[] = {
    {"eps", FV_ATTR_REAL, offsetof(layer_norm_params, o.eps), 0, 0, 1, NULL, "Added to the variance; 1e-6."},
    {"affine", FV_ATTR_BOOL, offsetof(layer_norm_params, affine), 1, 0, 1, NULL,
     "Whether a trained number multiplies each channel, and (bias) another is added."},
    KEY_BIAS(layer_norm_params),
    KEY_ACTIVATION(layer_norm_params),
    KEY_END,
};

static const fv_attr gem_pool_keys[] = {
    {"p", FV_ATTR_REAL, offsetof(fv_gem_pool_options, p), 3, 1e-3, 1e3, NULL, "Where the exponent starts."},
    {"eps", FV_ATTR_REAL, offsetof(fv_gem_pool_options, eps), 1e-6, 1e-30, 1, NULL, "Smaller numbers count as this."},
    KEY_END,
};

static const fv_attr dropout_keys[] = {
    {"rate", FV_ATTR_REAL, offsetof(dropout_params, rate), 0.5, 0, 0.999, NULL, "Share of numbers set to 0."},
    KEY_END,
};

static const fv_attr prelu_keys[] = {
    {"alpha", FV_ATTR_REAL, offsetof(prelu_params, alpha), 0.25, -1e30, 1e30, NULL, "Where the slopes start."},
    {"shared", FV_ATTR_BOOL, offsetof(prelu_params, shared), 0, 0, 1, NULL, "One slope for all channels."},
    KEY_END,
};

/* ---- making ---- */

static fv_value make_conv2d(fv_arch *a, const char *name, void *params, fv_value x)
{
    conv2d_params *p = params;
    p->o.name = name;
    p->o.no_bias = !p->bias;
    return fv_conv2d_with(a->m, x, &p->o);
}

static fv_value make_depthwise(fv_arch *a, const char *name, void *params, fv_value x)
{
    conv2d_params *p = params;
    p->o.groups = -1;
    return make_conv2d(a, name, p, x);
}

static fv_value make_conv_transpose2d(fv_arch *a, const char *name, void *params, fv_value x)
{
    conv_transpose2d_params *p = params;
    p->o.name = name;
    p->o.no_bias = !p->bias;
    return fv_conv_transpose2d_with(a->m, x, &p->o);
}

static fv_value make_dense(fv_arch *a, const char *name, void *params, fv_value x)
{
    dense_params *p = params;
    p->o.name = name;
    p->o.no_bias = !p->bias;
    return fv_dense_with(a->m, x, &p->o);
}

static fv_value make_max_pool2d(fv_arch *a, const char *name, void *params, fv_value x)
{
    fv_pool2d_options *p = params;
    p->name = name;
    return fv_max_pool2d_with(a->m, x, p);
}

static fv_value make_avg_pool2d(fv_arch *a, const char *name, void *params, fv_value x)
{
    fv_pool2d_options *p = params;
    p->name = name;
    return fv_avg_pool2d_with(a->m, x, p);
}

static fv_value make_batch_norm(fv_arch *a, const char *name, void *params, fv_value x)
{
    fv_batch_norm_options *p = params;
    p->name = name;
    return fv_batch_norm_with(a->m, x, p);
}

static fv_value make_layer_norm(fv_arch *a, const char *name, void *params, fv_value x)
{
    layer_norm_params *p = params;
    p->o.name = name;
    p->o.no_affine = !p->affine;
    p->o.no_bias = !p->bias;
    return fv_layer_norm_with(a->m, x, &p->o);
}

static fv_value make_gem_pool(fv_arch *a, const char *name, void *params, fv_value x)
{
    fv_gem_pool_options *p = params;
    p->name = name;
    return fv_gem_pool_with(a->m, x, p);
}

static fv_value make_dropout(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char op[] = "dropout";
    const dropout_params *p = params;
    const fv_dropout_attr attr = {.rate = a->dropout >= 0 ? a->dropout : p->rate};
    char full[FV_NAME_MAX];
    if (attr.rate == 0 || !fv_nn_name(a->m, op, name, full))
        return x;
    return fv_nn_append(a->m, op, full, &attr, &x, 1);
}

static fv_value make_prelu(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char op[] = "prelu";
    const prelu_params *p = params;
    char full[FV_NAME_MAX];
    if (!fv_nn_name(a->m, op, name, full) || !fv_nn_check(a->m, op, full, &x, 1))
        return fv_no_value;
    const fv_shape *src = fv_nn_shape(a->m, x);
    const fv_shape shape = {1, {p->shared ? 1 : src->dim[src->rank - 1]}};
    const fv_value in[2] = {x, fv_nn_param(a->m, full, "weight", FV_ROLE_PARAM, &shape, FV_INIT_CONSTANT, p->alpha)};
    return fv_nn_append(a->m, op, full, NULL, in, 2);
}

#define LAYER(text, S, rows)                                                                                           \
    {                                                                                                                  \
        .name = text, .attr_size = sizeof(S), .attrs = rows                                                            \
    }
#define BLOCK(text, says)                                                                                              \
    {                                                                                                                  \
        .name = #text, .doc = says, .attr_size = sizeof(fv_arch_##text), .attrs = fv_arch_##text##_keys                \
    }
const fv_arch_layer fv_arch_layers[] = {
    {LAYER("avg_pool2d", fv_pool2d_options, pool_keys), "size", make_avg_pool2d},
    {LAYER("batch_norm", fv_batch_norm_options, batch_norm_keys), NULL, make_batch_norm},
    {BLOCK(bottleneck, "1x1, 3x3 and 1x1 convolutions with batch norm, and src added: of a ResNet."), NULL,
     fv_arch_make_bottleneck},
    {LAYER("conv2d", conv2d_params, conv2d_keys), NULL, make_conv2d},
    {LAYER("conv_transpose2d", conv_transpose2d_params, conv_transpose2d_keys), NULL, make_conv_transpose2d},
    {BLOCK(convnext,
           "a depthwise convolution, layer norm, two dense layers for every pixel with gelu between them, and "
           "src added: of a ConvNeXt."),
     NULL, fv_arch_make_convnext},
    {LAYER("dense", dense_params, dense_keys), "units", make_dense},
    {BLOCK(dense_block, "layers that each add channels made of all before them: of a DenseNet."), "layers",
     fv_arch_make_dense_block},
    {{.name = "depthwise_conv2d",
      .doc = "conv2d with a group for each channel: dst[n,p,q,k] sees the one channel of src that k belongs to, and "
             "filters is a multiple of the channels.",
      .attr_size = sizeof(conv2d_params),
      .attrs = depthwise_keys},
     NULL,
     make_depthwise},
    {LAYER("dropout", dropout_params, dropout_keys), "rate", make_dropout},
    {{.name = "gem_pool",
      .doc = "dst[n,0,0,c] = (mean over h, w of max(src, eps)^p)^(1/p): the generalized mean, p trained (Radenovic et "
             "al., "
             "2018).",
      .attr_size = sizeof(fv_gem_pool_options),
      .attrs = gem_pool_keys},
     "p",
     make_gem_pool},
    {BLOCK(inception, "1x1, two 3x3 and a pooling, side by side: of a GoogLeNet."), "filters", fv_arch_make_inception},
    {BLOCK(inverted_residual,
           "widen, filter each channel, narrow, and src added where the shape stays: of a MobileNet."),
     NULL, fv_arch_make_inverted_residual},
    {LAYER("layer_norm", layer_norm_params, layer_norm_keys), NULL, make_layer_norm},
    {LAYER("max_pool2d", fv_pool2d_options, pool_keys), "size", make_max_pool2d},
    {LAYER("prelu", prelu_params, prelu_keys), NULL, make_prelu},
    {BLOCK(shuffle_unit, "half of the channels go through convolutions, then all are mixed: of a ShuffleNet V2."), NULL,
     fv_arch_make_shuffle_unit},
    {BLOCK(squeeze_excite, "dst = src times a factor for each channel, made of the means of all."), "squeeze",
     fv_arch_make_squeeze_excite},
    {.keys = {.name = NULL}},
};
