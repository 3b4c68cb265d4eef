/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a model from the sections of a .cfg and the numbers of a .weights. */
#include "io/tensor_file.h"
#include "io/darknet/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "io/darknet/darknet.h"

#define SIDE_MAX 65536

/* ---- what kinds share ---- */

fv_status fv_darknet_refuse_keys(const fv_darknet_net *net, const char *const *keys)
{
    for (; *keys; keys++) {
        const fv_darknet_option *o = fv_darknet_find(net->section, *keys);
        if (o && strcmp(o->value, "0") != 0 && strcmp(o->value, "none") != 0)
            return fv_darknet_cannot(net, "%s=%.40s (line %d) is not supported", *keys, o->value, o->line);
    }
    return FV_OK;
}

void fv_darknet_size(const fv_darknet_net *net, fv_value x, int64_t hwc[3])
{
    const fv_shape *s = fv_import_shape(&net->im, x);
    hwc[0] = s->rank == 4 ? s->dim[1] : 1;
    hwc[1] = s->rank == 4 ? s->dim[2] : 1;
    hwc[2] = s->rank ? s->dim[s->rank - 1] : 1;
}

fv_value fv_darknet_image(fv_darknet_net *net, fv_value x)
{
    int64_t d[3];
    fv_darknet_size(net, x, d);
    return fv_import_reshape(&net->im, x, &(fv_shape){4, {1, d[0], d[1], d[2]}}, true);
}

fv_status fv_darknet_strides(const fv_darknet_net *net, int64_t fallback, int64_t stride[2])
{
    int64_t both;
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "stride", fallback, 1, SIDE_MAX, &both));
    FV_TRY(fv_darknet_int(&net->cfg, net->section, "stride_y", both, 1, SIDE_MAX, &stride[0]));
    return fv_darknet_int(&net->cfg, net->section, "stride_x", both, 1, SIDE_MAX, &stride[1]);
}

/* ---- kinds ---- */

static const void *const tables[] = {fv_darknet_filter_kinds, fv_darknet_plain_kinds};

static bool is_mapped(const void *row)
{
    return ((const fv_darknet_kind *)row)->map != NULL;
}

static const fv_import_rows rows = {tables, sizeof tables / sizeof tables[0], sizeof(fv_darknet_kind), is_mapped};

/* Notes that the section at hand cannot be had. */
static void refuse(fv_darknet_net *net, const char *why)
{
    fv_str_printf(&net->refused, "%s line %d, [%.40s]: %s", net->n_refused++ ? ";" : "", net->section->line,
                  net->section->name, why);
}

static void refuse_kind(fv_darknet_net *net, const fv_darknet_kind *kind)
{
    char why[160];
    refuse(net, kind ? kind->near : fv_import_nearest(&rows, "kind of layer", net->section->name, why));
}

/* ---- the walk ---- */

static fv_status add_output(fv_darknet_net *net, fv_value v)
{
    int64_t d[3];
    fv_foreign *f;
    fv_darknet_size(net, v, d);
    const bool image = fv_import_shape(&net->im, v)->rank == 4;
    const char *name = fv_arena_printf(net->im.arena, "%s", net->label);
    if (!name)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_import_add(&net->im, name, &f));
    f->dtype = FV_F32;
    f->batched = true;
    f->shape = image ? (fv_shape){4, {1, d[2], d[0], d[1]}} : (fv_shape){2, {1, d[2]}};
    f->form[image ? FV_ORDER_LAST : FV_ORDER_FILE] = v.id;
    net->n_outputs++;
    return fv_import_output(&net->im, name, f);
}

/* Whether a failure is of the section at hand alone; its text is then noted. */
static fv_status settle(fv_darknet_net *net, fv_status status)
{
    fv_model *m = net->im.model;
    if (status == FV_OK)
        status = m->error;
    if (status != FV_ERR_UNSUPPORTED && status != FV_ERR_SHAPE && status != FV_ERR_VALUE && status != FV_ERR_ARGUMENT)
        return status;
    refuse(net, m->error != FV_OK ? m->error_text : fv_ctx_error(net->im.ctx));
    m->error = FV_OK;
    return FV_OK;
}

static fv_status walk_section(fv_darknet_net *net)
{
    const fv_darknet_kind *kind = fv_import_find_row(&rows, net->section->name);
    const fv_darknet_layer *before = &net->layers[net->index - 1];
    fv_darknet_layer *layer = &net->layers[net->index];
    *layer = (fv_darknet_layer){fv_no_value, FV_DARKNET_MISSING};
    if (!kind || !kind->map) {
        refuse_kind(net, kind);
        return FV_OK;
    }
    snprintf(net->label, sizeof net->label, "%s_%d", kind->label, net->index);
    net->im.label = net->im.base = net->label;
    if (!kind->source && before->state == FV_DARKNET_DETECTION) {
        refuse(net, "it takes the boxes of a detection layer, which is where a network ends");
        return FV_OK;
    }
    if (!kind->source && before->state == FV_DARKNET_MISSING)
        return FV_OK;
    fv_value y = fv_no_value;
    FV_TRY(settle(net, kind->map(net, before->value, &y)));
    if (y.id < 0)
        return FV_OK;
    *layer = (fv_darknet_layer){y, kind->detection ? FV_DARKNET_DETECTION : FV_DARKNET_DONE};
    return kind->detection ? add_output(net, y) : FV_OK;
}

/* The input, n h w c, values of [0, 1]. */
static fv_status add_input(fv_darknet_net *net)
{
    const fv_darknet_section *s = net->section;
    int64_t w, h, c;
    FV_TRY(fv_darknet_int(&net->cfg, s, "width", 0, 1, SIDE_MAX, &w));
    FV_TRY(fv_darknet_int(&net->cfg, s, "height", 0, 1, SIDE_MAX, &h));
    FV_TRY(fv_darknet_int(&net->cfg, s, "channels", 0, 1, SIDE_MAX, &c));
    if (!w || !h || !c)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT,
                       "%s:%d: [%s] does not say width, height and channels of images", net->cfg.path, s->line,
                       s->name);
    FV_TRY(fv_import_input(&net->im, "data", FV_F32, &(fv_shape){4, {1, c, h, w}}, true));
    net->layers[-1] = (fv_darknet_layer){{fv_import_find(&net->im, "data")->form[FV_ORDER_LAST]}, FV_DARKNET_DONE};
    return FV_OK;
}

/* What no detection layer took is the result: a row of classes as such. */
static fv_status add_last(fv_darknet_net *net)
{
    const fv_darknet_layer *last = &net->layers[net->cfg.n_sections - 2];
    int64_t d[3];
    if (last->state != FV_DARKNET_DONE)
        return FV_OK;
    fv_value v = last->value;
    fv_darknet_size(net, v, d);
    if (d[0] == 1 && d[1] == 1)
        v = fv_import_reshape(&net->im, v, &(fv_shape){2, {1, d[2]}}, true);
    return add_output(net, v);
}

/* Every section, whatever can be had of them. */
static fv_status walk(fv_darknet_net *net)
{
    FV_TRY(add_input(net));
    for (int i = 1; i < net->cfg.n_sections; i++) {
        net->section = &net->cfg.sections[i];
        net->index = i - 1;
        FV_TRY(walk_section(net));
    }
    if (net->n_refused == 0)
        return add_last(net);
    FV_TRY(fv_str_status(&net->refused));
    return fv_fail(net->im.ctx, FV_ERR_MODEL, "%s: darknet: %d section%s cannot be imported:%s", net->cfg.path,
                   net->n_refused, net->n_refused == 1 ? "" : "s", fv_str_get(&net->refused));
}

/* ---- weights ---- */

/* major, minor, revision; then the number of images seen: 64 bits from 0.2 on, 32 before */
static int64_t header_size(const int32_t version[3])
{
    return version[0] < 1000 && version[1] < 1000 && (int64_t)version[0] * 10 + version[1] >= 2 ? 20 : 16;
}

bool fv_darknet_is_weights(const uint8_t *data, int64_t size)
{
    int32_t version[3];
    if (size < 16)
        return false;
    memcpy(version, data, sizeof version);
    return version[0] == 0 && version[1] >= 1 && version[1] <= 2 && version[2] >= 0 && version[2] < 100;
}

static fv_status open_weights(fv_ctx *ctx, const char *path, const fv_blob *blob, fv_darknet_weights *w)
{
    int32_t version[3];
    *w = (fv_darknet_weights){.path = path};
    if (blob->size < 16)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: darknet: %lld bytes are less than the header of a .weights", path,
                       (long long)blob->size);
    memcpy(version, blob->data, sizeof version);
    const int64_t header = header_size(version);
    if (version[0] < 0 || version[1] < 0 || version[2] < 0 || version[0] > 99999 || version[1] > 99999)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: darknet: it does not begin with the version of a .weights", path);
    if (blob->size < header || (blob->size - header) % 4)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT,
                       "%s: darknet: %lld bytes: a header of %lld and numbers of 4 bytes do not make this", path,
                       (long long)blob->size, (long long)header);
    w->data = blob->data + header;
    w->count = (blob->size - header) / 4;
    w->transposed = version[0] > 1000 || version[1] > 1000;
    return FV_OK;
}

static fv_status check_length(const fv_darknet_net *net)
{
    const fv_darknet_weights *w = &net->weights;
    if (w->taken == w->count)
        return FV_OK;
    return fv_fail_hint(net->im.ctx,
                        fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT,
                                "%s: darknet: %lld numbers follow its header, and the layers of %s need %lld", w->path,
                                (long long)w->count, net->cfg.path, (long long)w->taken),
                        w->taken > w->count ? "the file is cut short, or belongs to another .cfg"
                                            : "the file belongs to another .cfg, or one with more layers");
}

/* ---- the whole ---- */

/* How darknet prepares images: / 255 and nothing else; classifiers see the middle, detectors all of it. */
static fv_status set_pipeline(const fv_darknet_net *net, fv_model *m)
{
    fv_pipeline p = *fv_model_pipeline(m);
    const bool detects = net->layers[net->cfg.n_sections - 2].state == FV_DARKNET_DETECTION;
    fv_model_input_size(m, &p.h, &p.w, &p.c);
    if (p.c > 16)
        return FV_OK;
    for (int i = 0; i < 16; i++) {
        p.mean[i] = 0.0f;
        p.std[i] = 1.0f;
    }
    p.filter = FV_FILTER_BILINEAR;
    p.resize = detects ? FV_RESIZE_STRETCH : FV_RESIZE_SHORT_CROP;
    p.resize_size = detects ? 0 : p.h > p.w ? p.h : p.w;
    FV_TRY(fv_model_set_pipeline(m, &p));
    m->card.pixels_said = true;
    fv_log(net->im.ctx, FV_LOG_INFO, "import",
           "%s: images are RGB / 255 of %lldx%lld, mean 0, std 1, as darknet has them", net->cfg.path, (long long)p.h,
           (long long)p.w);
    return FV_OK;
}

static fv_status build(fv_darknet_net *net, const fv_import_source *source, const fv_blob *blob, const char *weights,
                       fv_model **model)
{
    fv_ctx *ctx = net->im.ctx;
    FV_TRY(open_weights(ctx, weights, blob, &net->weights));
    FV_TRY(fv_darknet_parse(ctx, net->im.arena, source->path, source->data, source->size, &net->cfg));
    if (net->cfg.n_sections < 2)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: darknet: there is no layer in it", source->path);
    net->layers = fv_arena_alloc(net->im.arena, (size_t)net->cfg.n_sections * sizeof *net->layers);
    if (!net->layers)
        return FV_ERR_NO_MEMORY;
    net->layers++; /* layer -1: the input */
    net->section = net->cfg.sections;
    FV_TRY(walk(net));
    FV_TRY(check_length(net));
    FV_TRY(fv_import_finish(&net->im, model));
    return set_pipeline(net, *model);
}

fv_status fv_darknet_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                          fv_model **model)
{
    fv_blob blob;
    fv_darknet_net net = {.refused.ctx = ctx};
    *model = NULL;
    if (!options->weights)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL,
                                    "%s: a darknet network without its weights, which are in a file "
                                    "of their own",
                                    source->path),
                            "give it too: --weights FILE.weights");
    FV_TRY(fv_tensor_file_load(ctx, options->weights, &blob));
    fv_status status = fv_import_begin(ctx, source->path, source->size + blob.size, false, &net.im);
    if (status == FV_OK)
        status = build(&net, source, &blob, options->weights, model);
    if (status != FV_OK)
        fv_model_destroy(model);
    fv_import_end(&net.im);
    fv_str_free(&net.refused);
    fv_blob_free(ctx, &blob);
    if (status != FV_OK && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    return status;
}

fv_status fv_darknet_refuse_tensors(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    (void)data;
    (void)size;
    return fv_fail_hint(file->ctx,
                        fv_fail(file->ctx, FV_ERR_MODEL,
                                "%s: the weights of a darknet network, which is in a file of its own", file->name),
                        "give both: --model FILE.cfg --weights %s", file->name);
}

bool fv_darknet_is(const uint8_t *data, int64_t size)
{
    for (int64_t i = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; i < size; i++) {
        const char c = (char)data[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '#' || c == ';') {
            while (i < size && data[i] != '\n')
                i++;
            continue;
        }
        if (c != '[')
            return false;
        const int64_t left = size - i;
        return (left >= 5 && memcmp(data + i, "[net]", 5) == 0) || (left >= 9 && memcmp(data + i, "[network]", 9) == 0);
    }
    return false;
}
