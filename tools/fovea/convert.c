/* SPDX-License-Identifier: Apache-2.0 */
/* fovea convert: a network of another tool as one model file, with what the other file does not say. */
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "class_names.h"
#include "cli.h"
#include "compare.h"
#include "output.h"

/* The file that is written when none is named: the source's name in this folder. */
static fv_status output_path(const settings *c, const char *source, char path[512])
{
    const char *slash = strrchr(source, '/'), *leaf = slash ? slash + 1 : source, *dot = strrchr(leaf, '.');
    const int length = dot && dot > leaf ? (int)(dot - leaf) : (int)strlen(leaf);
    if (c->output)
        snprintf(path, 512, "%s", c->output);
    else
        snprintf(path, 512, "%.*s.safetensors", length > 400 ? 400 : length, leaf);
    if (output_same(path, source) || (c->weights && output_same(path, c->weights)))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the file to be converted",
                        path);
    FV_TRY(output_check(c, NULL, "output", c->output, OUTPUT_MODEL));
    FILE *there = c->output ? NULL : fopen(path, "rb");
    if (there) {
        fclose(there);
        return complain(FV_ERR_CONFLICT, "name the file with --output, which replaces it", "%s is there already", path);
    }
    return FV_OK;
}

/* Auxiliary heads that the weights do not have would stand in the file as zeros. */
static fv_status drop_empty_aux(const char *weights, const fv_load_report *r, fv_model *model)
{
    bool empty = false;
    for (int i = 0; i < fv_load_report_count(r); i++)
        empty |= fv_load_report_row(r, i)->aux && fv_load_report_row(r, i)->verdict == FV_MISSING;
    if (!empty)
        return FV_OK;
    note("%s: without auxiliary heads: left out", weights);
    return fv_model_drop_aux_heads(model);
}

static fv_status open_source(fv_ctx *ctx, settings *c, const char *source, fv_model **model)
{
    const fv_import_options more = {.img_size = {c->img_size[0], c->img_size[1]}, .weights = c->weights};
    const fv_zoo_options zoo = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    bool loaded;
    if (source && option_given("model"))
        return complain(FV_ERR_CONFLICT, "give one of them", "fovea convert: both a file and --model are given");
    if (source) {
        FV_TRY(fv_model_import(ctx, source, &more, model));
        return model_drop_aux(c, source, *model);
    }
    if (!option_given("model") || !c->weights)
        return complain(FV_ERR_USAGE, "fovea convert FILE, or fovea convert --model NAME --weights FILE",
                        "fovea convert: which network?");
    fv_load_report *r = NULL;
    FV_TRY(model_open(ctx, c, c->model, &zoo, model, &loaded));
    if (loaded) /* a file that has its weights apart */
        return FV_OK;
    fv_status status = fv_model_load_weights(*model, c->weights, false, &r);
    if (status == FV_OK)
        status = drop_empty_aux(c->weights, r, *model);
    fv_load_report_destroy(&r);
    return status;
}

/* Mean and deviation of the pixels, where they are given; what is not said anywhere is told. */
static fv_status set_pipeline(const settings *c, fv_model *m)
{
    const fv_real_list *lists[2] = {&c->mean, &c->std};
    fv_pipeline p = *fv_model_pipeline(m);
    if (p.c < 1) {
        if (c->mean.count || c->std.count)
            return complain(FV_ERR_CONFLICT, "drop --mean and --std",
                            "%s takes no single image: there are no pixels to normalize", fv_model_name(m));
        return FV_OK;
    }
    for (int i = 0; i < 2; i++) {
        float *to = i ? p.std : p.mean;
        if (lists[i]->measured)
            return complain(FV_ERR_CONFLICT, "give numbers", "--%s auto: there are no images to measure",
                            i ? "std" : "mean");
        if (lists[i]->count > 1 && lists[i]->count != p.c)
            return complain(FV_ERR_VALUE, NULL, "--%s: %d values, but the network has %lld input channels",
                            i ? "std" : "mean", lists[i]->count, (long long)p.c);
        for (int k = 0; k < 16 && lists[i]->count; k++)
            to[k] = (float)lists[i]->value[lists[i]->count == 1 || k >= p.c ? 0 : k];
    }
    if (option_given("channel-order")) {
        if (p.c != 3)
            return complain(FV_ERR_CONFLICT, "drop --channel-order",
                            "--channel-order: the network has %lld input channels", (long long)p.c);
        p.bgr = c->channel_order == 1;
    } else if (fv_model_pixels_open(m) && p.c == 3 && strcmp(fv_model_origin(m), "Caffe") == 0) {
        note("%s: networks of Caffe mostly take blue, green, red, and the file does not say: red, green, blue taken; "
             "give "
             "--channel-order",
             fv_model_name(m));
    }
    if (fv_model_pixels_open(m) && (!c->mean.count || !c->std.count))
        note("%s: %s files do not say how pixels become numbers: %s%s%s taken; give --mean and --std", fv_model_name(m),
             fv_model_origin(m), c->mean.count ? "" : "mean 0", c->mean.count || c->std.count ? "" : ", ",
             c->std.count ? "" : "std 1");
    return fv_model_set_pipeline(m, &p);
}

/* The network as one that slides over images of --img-size. Its own size is what it was trained for: the other one
 * goes into the file's only where that leaves it open. */
static fv_status open_sliding(fv_ctx *ctx, settings *c, const char *source, fv_model **model)
{
    settings plain = *c;
    fv_model *own = NULL;
    plain.img_size[0] = plain.img_size[1] = 0;
    fv_status status = open_source(ctx, &plain, source, &own);
    if (status == FV_ERR_MODEL && c->img_size[0] > 0)
        status = open_source(ctx, c, source, &own);
    if (status == FV_OK)
        status = fv_model_fully_conv(own, c->img_size[0], c->img_size[1], model);
    fv_model_destroy(&own);
    return status;
}

static void describe(const fv_model *m, const char *path)
{
    fv_port_info port;
    char text[96], integers[256];
    printf("%s: %s%s%lld parameters\n", path, fv_model_origin(m) ? fv_model_origin(m) : "",
           fv_model_origin(m) ? ", " : "", (long long)fv_model_parameters(m));
    for (int o = 0; o < 2; o++)
        for (int i = 0; fv_model_port(m, o, i, &port); i++) {
            snprintf(integers, sizeof integers, " (%s in the file: %g x (q - %lld))", fv_dtype_name(port.integers),
                     port.scale, (long long)port.zero);
            printf("  %s %s: %s %s%s\n", o ? "output" : "input ", port.name, fv_dtype_name(port.dtype),
                   fv_shape_text(&port.shape, text),
                   port.layout == FV_LAYOUT_NCHW       ? " (n c h w in the file)"
                   : port.layout == FV_LAYOUT_WHOLE    ? " (without a batch in the file)"
                   : port.layout >= FV_LAYOUT_INTEGERS ? integers
                                                       : "");
        }
    if (model_aux_text(m, integers, sizeof integers)[0])
        printf("  auxiliary heads: %s, for training alone (--no-aux leaves them out)\n", integers);
    if (fv_model_classes(m) > 0 && !fv_model_has_class_names(m))
        note("classes have no names: give --classes FILE");
}

static fv_status execute(fv_ctx *ctx, settings *c, const char *source, fv_model **model)
{
    char path[512];
    FV_TRY(output_path(c, source ? source : c->model, path));
    FV_TRY((c->fully_conv ? open_sliding : open_source)(ctx, c, source, model));
    FV_TRY(set_pipeline(c, *model));
    FV_TRY(class_names_take(c, *model));
    FV_TRY(card_take(c, *model));
    FV_TRY(fv_model_save(*model, path));
    describe(*model, path);
    const fv_status status = compare_execution(ctx, *model, fv_model_name(*model));
    if (status != FV_ERR_OVER_BUDGET && status != FV_ERR_NO_MEMORY)
        return status;
    note("%s: not compared with its layers one by one, which needs more memory",
         fv_model_name(*model)); /* it is saved */
    return FV_OK;
}

fv_status verb_convert(settings *c)
{
    fv_ctx *ctx;
    fv_model *model = NULL;
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, execute(ctx, c, c->positional[0], &model));
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return status;
}
