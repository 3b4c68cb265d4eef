/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/zoo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/head.h"

/* Mean and deviation of the images that an architecture is known for. */
typedef struct norm_stats {
    float mean[3], std[3];
} norm_stats;
static const norm_stats norm_imagenet = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
static const norm_stats norm_cifar = {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}};
static const norm_stats norm_lite = {{127.0f / 255, 127.0f / 255, 127.0f / 255},
                                     {128.0f / 255, 128.0f / 255, 128.0f / 255}};
static const norm_stats norm_mnist = {{0.1307f, 0.1307f, 0.1307f}, {0.3081f, 0.3081f, 0.3081f}};

/* name, family, member of it, height, width, channels, classes, dropout, normalization; sorted by name. */
#define FV_ZOO(X)                                                                                                      \
    X("alexnet", alexnet, 0, 224, 224, 3, 1000, 0.5, imagenet)                                                         \
    X("caffenet", caffenet, 0, 227, 227, 3, 1000, 0.5, imagenet)                                                       \
    X("cifar_nin", cifar_nin, 0, 32, 32, 3, 10, 0.5, cifar)                                                            \
    X("convnext_tiny", convnext, 0, 224, 224, 3, 1000, 0, imagenet)                                                    \
    X("densenet121", densenet, 121, 224, 224, 3, 1000, 0, imagenet)                                                    \
    X("ds_cnn", ds_cnn, 0, 49, 10, 1, 12, 0.4, mnist)                                                                  \
    X("efficientnet_b0", efficientnet_b0, 0, 224, 224, 3, 1000, 0.2, imagenet)                                         \
    X("efficientnet_lite0", efficientnet_lite0, 0, 224, 224, 3, 1000, 0.2, lite)                                       \
    X("googlenet", googlenet, 0, 224, 224, 3, 1000, 0.2, imagenet)                                                     \
    X("inception_v3", inception_v3, 0, 299, 299, 3, 1000, 0.5, imagenet)                                               \
    X("lenet", lenet, 0, 28, 28, 1, 10, 0, mnist)                                                                      \
    X("mnasnet1_0", mnasnet1_0, 0, 224, 224, 3, 1000, 0.2, imagenet)                                                   \
    X("mnist_cnn", mnist_cnn, 0, 28, 28, 1, 10, 0, mnist)                                                              \
    X("mobilenet_v1", mobilenet_v1, 100, 224, 224, 3, 1000, 0, imagenet)                                               \
    X("mobilenet_v1_0.25", mobilenet_v1, 25, 96, 96, 3, 2, 0, imagenet)                                                \
    X("mobilenet_v1_0.5", mobilenet_v1, 50, 224, 224, 3, 1000, 0, imagenet)                                            \
    X("mobilenet_v1_0.75", mobilenet_v1, 75, 224, 224, 3, 1000, 0, imagenet)                                           \
    X("mobilenet_v2", mobilenet_v2, 0, 224, 224, 3, 1000, 0.2, imagenet)                                               \
    X("mobilenet_v3_large", mobilenet_v3, 1, 224, 224, 3, 1000, 0.2, imagenet)                                         \
    X("mobilenet_v3_small", mobilenet_v3, 0, 224, 224, 3, 1000, 0.2, imagenet)                                         \
    X("nin", nin, 0, 224, 224, 3, 1000, 0.5, imagenet)                                                                 \
    X("regnet_y_400mf", regnet_y_400mf, 0, 224, 224, 3, 1000, 0, imagenet)                                             \
    X("resnet101", resnet, 101, 224, 224, 3, 1000, 0, imagenet)                                                        \
    X("resnet152", resnet, 152, 224, 224, 3, 1000, 0, imagenet)                                                        \
    X("resnet18", resnet, 18, 224, 224, 3, 1000, 0, imagenet)                                                          \
    X("resnet20", cifar_resnet, 20, 32, 32, 3, 10, 0, cifar)                                                           \
    X("resnet32", cifar_resnet, 32, 32, 32, 3, 10, 0, cifar)                                                           \
    X("resnet34", resnet, 34, 224, 224, 3, 1000, 0, imagenet)                                                          \
    X("resnet44", cifar_resnet, 44, 32, 32, 3, 10, 0, cifar)                                                           \
    X("resnet50", resnet, 50, 224, 224, 3, 1000, 0, imagenet)                                                          \
    X("resnet56", cifar_resnet, 56, 32, 32, 3, 10, 0, cifar)                                                           \
    X("resnet8", cifar_resnet, 8, 32, 32, 3, 10, 0, cifar)                                                             \
    X("resnext50_32x4d", resnext, 50, 224, 224, 3, 1000, 0, imagenet)                                                  \
    X("shufflenet_v2_x0_5", shufflenet_v2, 0, 224, 224, 3, 1000, 0, imagenet)                                          \
    X("shufflenet_v2_x1_0", shufflenet_v2, 1, 224, 224, 3, 1000, 0, imagenet)                                          \
    X("shufflenet_v2_x1_5", shufflenet_v2, 2, 224, 224, 3, 1000, 0, imagenet)                                          \
    X("shufflenet_v2_x2_0", shufflenet_v2, 3, 224, 224, 3, 1000, 0, imagenet)                                          \
    X("squeezenet1_0", squeezenet, 0, 224, 224, 3, 1000, 0.5, imagenet)                                                \
    X("squeezenet1_1", squeezenet, 1, 224, 224, 3, 1000, 0.5, imagenet)                                                \
    X("vgg11", vgg, 11, 224, 224, 3, 1000, 0.5, imagenet)                                                              \
    X("vgg11_bn", vgg_bn, 11, 224, 224, 3, 1000, 0.5, imagenet)                                                        \
    X("vgg13", vgg, 13, 224, 224, 3, 1000, 0.5, imagenet)                                                              \
    X("vgg13_bn", vgg_bn, 13, 224, 224, 3, 1000, 0.5, imagenet)                                                        \
    X("vgg16", vgg, 16, 224, 224, 3, 1000, 0.5, imagenet)                                                              \
    X("vgg16_bn", vgg_bn, 16, 224, 224, 3, 1000, 0.5, imagenet)                                                        \
    X("vgg19", vgg, 19, 224, 224, 3, 1000, 0.5, imagenet)                                                              \
    X("vgg19_bn", vgg_bn, 19, 224, 224, 3, 1000, 0.5, imagenet)                                                        \
    X("wide_resnet50_2", wide_resnet, 50, 224, 224, 3, 1000, 0, imagenet)

static const struct {
    const char *name;
    fv_zoo_build *build;
    fv_zoo_net net;
    const norm_stats *norm;
} fv_zoo[] = {
#define FV_ZOO_ROW(name, family, depth, height, width, channels, classes, dropout, norm)                               \
    {name, fv_zoo_##family, {depth, height, width, channels, classes, dropout, true, 0}, &norm_##norm},
    FV_ZOO(FV_ZOO_ROW)
#undef FV_ZOO_ROW
};

static const char *const zoo_list[] = {
#define FV_ZOO_NAME(name, ...) name,
    FV_ZOO(FV_ZOO_NAME)
#undef FV_ZOO_NAME
        NULL};

const char *const *fv_zoo_names(void)
{
    return zoo_list;
}

fv_value fv_zoo_dropout(fv_model *m, fv_value x, double rate)
{
    return rate == 0 ? x : fv_dropout(m, x, rate);
}

/* Huang et al., "Deep networks with stochastic depth", 2016: deeper branches are left out more often, in a line. */
fv_value fv_zoo_residual(fv_model *m, fv_value branch)
{
    char attributes[64];
    const int at = m->counts.met++, last = m->counts.branches - 1;
    const double rate = last > 0 ? m->counts.drop_path * at / last : m->counts.drop_path;
    if (rate == 0)
        return branch;
    snprintf(attributes, sizeof attributes, "rate=%.17g", rate);
    return fv_layer(m, "stochastic_depth", &branch, 1,
                    &(fv_layer_options){.name = "stochastic_depth", .attributes = attributes});
}

void fv_zoo_prefix(fv_model *m, const char *format, ...)
{
    char text[FV_NAME_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fv_prefix(m, text);
}

/* The row's net with the caller's wishes. */
static fv_status resolve(fv_ctx *ctx, const char *name, const fv_zoo_options *o, fv_zoo_net *net)
{
    if (!o)
        return FV_OK;
    if (o->classes < 0 || o->channels < 0 || o->img_size[0] < 0 || o->img_size[1] < 0 || !(o->dropout < 1) ||
        !(o->drop_path < 1))
        return fv_fail(
            ctx, FV_ERR_VALUE,
            "%s: classes=%lld img_size=%lld,%lld channels=%lld dropout=%g drop_path=%g: expected 0 or more, and less "
            "than 1 for dropout and drop_path",
            name, (long long)o->classes, (long long)o->img_size[0], (long long)o->img_size[1], (long long)o->channels,
            o->dropout, o->drop_path);
    net->classes = o->classes ? o->classes : net->classes;
    net->c = o->channels ? o->channels : net->c;
    if (o->img_size[0] || o->img_size[1]) {
        net->h = o->img_size[0] ? o->img_size[0] : o->img_size[1];
        net->w = o->img_size[1] ? o->img_size[1] : o->img_size[0];
    }
    net->dropout = o->dropout >= 0 ? o->dropout : net->dropout;
    net->own_dropout = !(o->dropout >= 0);
    net->drop_path = o->drop_path;
    return FV_OK;
}

/* Images of `channels` other than the known ones get the mean of the known ones. Photographs are cut out of the middle
 * (256 to 224 and in that ratio), small pictures are stretched. */
static fv_status set_pipeline(fv_model *m, const norm_stats *norm, int64_t channels)
{
    fv_pipeline p = *fv_model_pipeline(m);
    for (int64_t i = 0; i < p.c; i++) {
        bool known = p.c == channels && i < 3;
        p.mean[i] = known ? norm->mean[i] : (norm->mean[0] + norm->mean[1] + norm->mean[2]) / 3;
        p.std[i] = known ? norm->std[i] : (norm->std[0] + norm->std[1] + norm->std[2]) / 3;
    }
    if (norm == &norm_imagenet || norm == &norm_lite) {
        int64_t side = p.h > p.w ? p.h : p.w;
        p.resize = FV_RESIZE_SHORT_CROP;
        p.resize_size = (side * 8 + 3) / 7;
    }
    return fv_model_set_pipeline(m, &p);
}

static fv_status no_such(fv_ctx *ctx, const char *name)
{
    const char *nearest = fv_text_nearest(name, zoo_list);
    fv_status status = fv_fail(ctx, FV_ERR_UNKNOWN_OPTION, "there is no architecture '%s'%s%s%s", name,
                               nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    fv_str names = {.ctx = ctx};
    for (size_t i = 0; zoo_list[i]; i++)
        fv_str_printf(&names, "%s%s", i ? ", " : "", zoo_list[i]);
    fv_fail_hint(ctx, status, "known: %s", fv_str_get(&names));
    fv_str_free(&names);
    return status;
}

/* How many residual branches a network has, by building it for nothing else. */
static fv_status count_branches(fv_ctx *ctx, size_t row, const fv_zoo_net *net, int *count)
{
    fv_model *m = NULL;
    *count = 0;
    if (!(net->drop_path > 0))
        return FV_OK;
    FV_TRY(fv_model_create(ctx, &m));
    fv_zoo[row].build(m, net);
    *count = m->counts.met;
    fv_model_destroy(&m);
    if (*count > 0)
        return FV_OK;
    return fv_fail_hint(
        ctx, fv_fail(ctx, FV_ERR_CONFLICT, "%s has no residual blocks that could be left out", fv_zoo[row].name),
        "leave out --drop-path, or choose a network with residual blocks, such as resnet20");
}

/* Built, and ended by `finish`. */
static fv_status build(fv_ctx *ctx, const char *name, const fv_zoo_options *options,
                       fv_status (*finish)(fv_model *model, fv_value output, const fv_zoo_options *options),
                       fv_model **out, size_t *row)
{
    size_t i = 0;
    fv_model *m = NULL;
    *out = NULL;
    while (zoo_list[i] && strcmp(zoo_list[i], name) != 0)
        i++;
    if (!zoo_list[i])
        return no_such(ctx, name);
    fv_zoo_net net = fv_zoo[i].net;
    FV_TRY(resolve(ctx, name, options, &net));
    int branches;
    FV_TRY(count_branches(ctx, i, &net, &branches));
    FV_TRY(fv_model_create(ctx, &m));
    m->counts.drop_path = branches > 0 ? net.drop_path : 0;
    m->counts.branches = branches;
    snprintf(m->name, sizeof m->name, "%s", name);
    fv_value logits = fv_zoo[i].build(m, &net);
    fv_status status = finish(m, logits, options);
    if (status != FV_OK) {
        fv_model_destroy(&m);
        return fv_fail_prefix(ctx, status, name);
    }
    *row = i;
    *out = m;
    return FV_OK;
}

fv_status fv_model_zoo(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_model **out)
{
    size_t i;
    FV_TRY(build(ctx, name, options, fv_model_finish_as, out, &i));
    fv_status status = set_pipeline(*out, fv_zoo[i].norm, fv_zoo[i].net.c);
    if (status != FV_OK) {
        fv_model_destroy(out);
        return fv_fail_prefix(ctx, status, name);
    }
    return FV_OK;
}

static fv_status finish_draft(fv_model *m, fv_value output, const fv_zoo_options *options)
{
    (void)options;
    return fv_model_draft(m, output);
}

fv_status fv_zoo_draft(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_model **out)
{
    size_t i;
    return build(ctx, name, options, finish_draft, out, &i);
}
