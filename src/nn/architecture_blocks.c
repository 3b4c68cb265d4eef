/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of the zoo as layers of architecture files: their parameters stand under the layer's name. */
#include <stdio.h>
#include <string.h>

#include "nn/architecture.h"
#include "nn/zoo.h"

#define MAX (1 << 30)
#define KEY(key, kind, offset, def, min, max, doc)                                                                     \
    {                                                                                                                  \
        key, kind, offset, def, min, max, NULL, doc                                                                    \
    }
#define KEY_ACTIVATION(key, S, member, def, doc)                                                                       \
    {                                                                                                                  \
        key, FV_ATTR_ENUM, offsetof(S, member), def, 0, 0, fv_arch_activations, doc                                    \
    }
#define KEY_END                                                                                                        \
    {                                                                                                                  \
        NULL, FV_ATTR_INT, 0, 0, 0, 0, NULL, NULL                                                                      \
    }

const fv_attr fv_arch_bottleneck_keys[] = {
    KEY("filters", FV_ATTR_INT, offsetof(fv_arch_bottleneck, filters), 0, 4, MAX,
        "Output channels, a multiple of 4; inside are a quarter of them."),
    KEY("stride", FV_ATTR_INT, offsetof(fv_arch_bottleneck, stride), 1, 1, 16, "Of the 3 x 3."),
    KEY("widen", FV_ATTR_INT, offsetof(fv_arch_bottleneck, widen), 1, 1, 1024, "Channels of the 3 x 3, times these."),
    KEY("groups", FV_ATTR_INT, offsetof(fv_arch_bottleneck, groups), 1, 1, MAX, "Of the 3 x 3."),
    KEY_END,
};

const fv_attr fv_arch_inverted_residual_keys[] = {
    KEY("filters", FV_ATTR_INT, offsetof(fv_arch_inverted_residual, o.filters), 0, 1, MAX, "Output channels."),
    KEY("expand", FV_ATTR_INT, offsetof(fv_arch_inverted_residual, expand), 6, 1, 1024,
        "Channels inside, times those of the input."),
    KEY("kernel", FV_ATTR_INT, offsetof(fv_arch_inverted_residual, o.kernel), 3, 1, 64,
        "Rows and columns of the depthwise filter."),
    KEY("stride", FV_ATTR_INT, offsetof(fv_arch_inverted_residual, o.stride), 1, 1, 16, "Of the depthwise filter."),
    KEY("squeeze", FV_ATTR_INT, offsetof(fv_arch_inverted_residual, o.squeeze), 0, 0, MAX,
        "Channels that squeeze and excitation narrows to; 0: there is none."),
    KEY_ACTIVATION("activation", fv_arch_inverted_residual, o.activation, FV_RELU6, "Of the convolutions."),
    KEY_ACTIVATION("inner", fv_arch_inverted_residual, o.inner, FV_RELU, "Between squeeze and excitation."),
    KEY_ACTIVATION("gate", fv_arch_inverted_residual, o.gate, FV_SIGMOID, "Of the factors of the channels."),
    KEY_END,
};

const fv_attr fv_arch_squeeze_excite_keys[] = {
    KEY("squeeze", FV_ATTR_INT, offsetof(fv_arch_squeeze_excite, squeeze), 0, 1, MAX, "Channels to narrow to."),
    KEY_ACTIVATION("inner", fv_arch_squeeze_excite, inner, FV_RELU, "Between squeeze and excitation."),
    KEY_ACTIVATION("gate", fv_arch_squeeze_excite, gate, FV_SIGMOID, "Of the factors of the channels."),
    KEY_END,
};

const fv_attr fv_arch_shuffle_unit_keys[] = {
    KEY("filters", FV_ATTR_INT, offsetof(fv_arch_shuffle_unit, filters), 0, 2, MAX,
        "Output channels, even; with stride 1 as many as come in."),
    KEY("stride", FV_ATTR_INT, offsetof(fv_arch_shuffle_unit, stride), 1, 1, 2, "1, or 2 at the start of a stage."),
    KEY_END,
};

const fv_attr fv_arch_inception_keys[] = {
    KEY("filters", FV_ATTR_INTS, offsetof(fv_arch_inception, filters), 0, 1, MAX,
        "Six: 1 x 1; in front of and of the first 3 x 3; of the second; behind the pooling."),
    KEY_END,
};

const fv_attr fv_arch_dense_block_keys[] = {
    KEY("layers", FV_ATTR_INT, offsetof(fv_arch_dense_block, layers), 0, 1, 1000, "How many."),
    KEY("growth", FV_ATTR_INT, offsetof(fv_arch_dense_block, growth), 32, 1, MAX, "Channels that each adds."),
    KEY_END,
};

const fv_attr fv_arch_convnext_keys[] = {
    KEY("kernel", FV_ATTR_INT, offsetof(fv_arch_convnext, o.kernel), 7, 1, 63,
        "Rows and columns of the depthwise filter, odd."),
    KEY("expand", FV_ATTR_INT, offsetof(fv_arch_convnext, o.expand), 4, 1, 1024,
        "Channels inside, times those of the input."),
    KEY("drop_path", FV_ATTR_REAL, offsetof(fv_arch_convnext, o.drop_path), 0, 0, 0.999,
        "Training: share of samples for which only src goes on."),
    KEY("scale", FV_ATTR_REAL, offsetof(fv_arch_convnext, o.scale), 1e-6, 0, 1e6,
        "Where the trained factors of the channels start; 0: there are none."),
    KEY_END,
};

/* Parameters are named behind the block's own name until `outer` is put back. False once the model has an error. */
static bool enter(fv_arch *a, const char *kind, const char *name, fv_value x, char outer[FV_NAME_MAX])
{
    char full[FV_NAME_MAX];
    snprintf(outer, FV_NAME_MAX, "%s", a->m->prefix);
    if (!fv_nn_name(a->m, kind, name, full) || !fv_nn_check(a->m, kind, full, &x, 1))
        return false;
    const fv_shape *shape = fv_nn_shape(a->m, x);
    char text[96];
    if (shape->rank != 4) {
        fv_nn_refuse(a->m, FV_ERR_SHAPE, "put this block before the flatten", kind, full,
                     "its input is %s: expected n x h x w x c", fv_shape_text(shape, text));
        return false;
    }
    fv_prefix(a->m, full);
    return a->m->error == FV_OK;
}

static fv_value leave(fv_arch *a, const char *outer, fv_value y)
{
    fv_prefix(a->m, outer);
    return y;
}

/* "KIND 'NAME': filters=6: ..." */
static fv_value refuse_filters(fv_arch *a, const char *kind, int64_t filters, const char *expected)
{
    return fv_nn_refuse(a->m, FV_ERR_VALUE, NULL, kind, a->m->prefix, "filters=%lld: expected %s", (long long)filters,
                        expected);
}

fv_value fv_arch_make_bottleneck(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "bottleneck";
    const fv_arch_bottleneck *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->filters < 4 || p->filters % 4 != 0)
        return refuse_filters(a, kind, p->filters, "a multiple of 4");
    return leave(a, outer, fv_zoo_bottleneck(a->m, x, p->filters, p->stride, p->widen, p->groups));
}

fv_value fv_arch_make_inverted_residual(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "inverted_residual";
    fv_arch_inverted_residual *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->o.filters < 1)
        return refuse_filters(a, kind, p->o.filters, "a number above 0");
    p->o.wide = fv_zoo_channels(a->m, x) * p->expand;
    return leave(a, outer, fv_zoo_inverted_residual(a->m, x, &p->o));
}

fv_value fv_arch_make_squeeze_excite(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "squeeze_excite";
    const fv_arch_squeeze_excite *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    return leave(a, outer, fv_zoo_squeeze_excite(a->m, x, "", p->squeeze, p->inner, p->gate));
}

fv_value fv_arch_make_shuffle_unit(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "shuffle_unit";
    const fv_arch_shuffle_unit *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->filters < 2 || p->filters % 2 != 0)
        return refuse_filters(a, kind, p->filters, "an even number");
    if (p->stride == 1 && p->filters != fv_zoo_channels(a->m, x))
        return refuse_filters(a, kind, p->filters, "as many as come in, where the stride is 1");
    return leave(a, outer, fv_zoo_shuffle_unit(a->m, x, p->filters, p->stride));
}

fv_value fv_arch_make_inception(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "inception";
    const fv_arch_inception *p = params;
    int64_t filters[6];
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->filters.count != 6)
        return refuse_filters(a, kind, p->filters.count, "six numbers");
    memcpy(filters, p->filters.value, sizeof filters);
    return leave(a, outer, fv_zoo_inception(a->m, x, filters));
}

fv_value fv_arch_make_dense_block(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "dense_block";
    const fv_arch_dense_block *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->layers < 1)
        return fv_nn_refuse(a->m, FV_ERR_VALUE, NULL, kind, a->m->prefix, "layers=%lld: expected a number above 0",
                            (long long)p->layers);
    return leave(a, outer, fv_zoo_dense_block(a->m, x, p->layers, p->growth));
}

fv_value fv_arch_make_convnext(fv_arch *a, const char *name, void *params, fv_value x)
{
    static const char kind[] = "convnext";
    const fv_arch_convnext *p = params;
    char outer[FV_NAME_MAX];
    if (!enter(a, kind, name, x, outer))
        return fv_no_value;
    if (p->o.kernel % 2 == 0)
        return fv_nn_refuse(a->m, FV_ERR_VALUE, NULL, kind, a->m->prefix, "kernel=%lld: expected an odd number",
                            (long long)p->o.kernel);
    return leave(a, outer, fv_zoo_convnext_block(a->m, x, &p->o));
}
