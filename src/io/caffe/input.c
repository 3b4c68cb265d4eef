/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs: their sizes, and what data layers say of how images become numbers. */
#ifdef FV_WITH_CAFFE
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "io/caffe/net.h"
#include "io/import/bounded.h"
#include "io/tensor_file.h"

/* A network is followed this far to find how many channels it takes. */
#define HOPS_MAX 64

/* ---- sizes ---- */

static void take_shape(const FvCaffe__BlobShape *from, fv_shape *shape)
{
    shape->rank = from->n_dim > FV_MAX_RANK ? FV_MAX_RANK + 1 : (int32_t)from->n_dim;
    for (int d = 0; d < shape->rank && d < FV_MAX_RANK; d++)
        shape->dim[d] = from->dim[d];
}

/* What an Input layer, or the network itself, says of its input k; rank 0: nothing. */
static void listed_shape(const fv_caffe_layer *l, int k, fv_shape *shape)
{
    const FvCaffe__Net *net = l->net->text;
    *shape = (fv_shape){.rank = 0};
    if (l->message == &net->base) {
        if ((size_t)k < net->n_input_shape)
            take_shape(net->input_shape[k], shape);
        else if ((size_t)(4 * k + 4) <= net->n_input_dim) {
            shape->rank = 4;
            for (int d = 0; d < 4; d++)
                shape->dim[d] = net->input_dim[4 * k + d];
        }
        return;
    }
    const FvCaffe__Input *p = FV_CAFFE_PARAM(l, "input_param", Input, input);
    if (p && p->n_shape)
        take_shape(p->shape[p->n_shape == 1 ? 0 : (size_t)k < p->n_shape ? (size_t)k : p->n_shape - 1], shape);
}

static void dummy_shape(const fv_caffe_layer *l, int k, fv_shape *shape)
{
    const FvCaffe__DummyData *p = FV_CAFFE_PARAM(l, "dummy_data_param", DummyData, dummy_data);
    *shape = (fv_shape){.rank = 0};
    if (!p)
        return;
    if (p->n_shape) {
        take_shape(p->shape[p->n_shape == 1 ? 0 : (size_t)k < p->n_shape ? (size_t)k : p->n_shape - 1], shape);
        return;
    }
    const uint32_t *lists[4] = {p->num, p->channels, p->height, p->width};
    const size_t counts[4] = {p->n_num, p->n_channels, p->n_height, p->n_width};
    for (int d = 0; d < 4; d++) {
        if (counts[d] == 0)
            return;
        shape->dim[d] = lists[d][counts[d] == 1 ? 0 : (size_t)k < counts[d] ? (size_t)k : counts[d] - 1];
    }
    shape->rank = 4;
}

/* The channels that a convolution takes, by its filters; 0: it does not tell. */
static int64_t taken_channels(const fv_caffe_layer *l, int64_t pixels)
{
    if (l->n_blobs < 1)
        return 0;
    const FvCaffe__Blob *b = l->blobs[0];
    const int64_t count = (int64_t)(b->n_data ? b->n_data : b->n_double_data);
    if (strcmp(l->type, "Convolution") == 0) {
        const FvCaffe__Convolution *p = FV_CAFFE_PARAM(l, "convolution_param", Convolution, convolution);
        const int64_t c = b->shape && b->shape->n_dim == 4 ? b->shape->dim[1] : b->channels;
        return p && c > 0 && c < FV_CAFFE_SIDE_MAX ? c * p->group : 0;
    }
    if (strcmp(l->type, "InnerProduct") == 0) {
        const FvCaffe__InnerProduct *p = FV_CAFFE_PARAM(l, "inner_product_param", InnerProduct, inner_product);
        return p && p->num_output && pixels > 0 ? count / p->num_output / pixels : 0;
    }
    return 0;
}

/* The channels of images, which databases do not tell: by the first layer that has weights for them. */
static int64_t find_channels(const fv_caffe_value *v, int64_t pixels)
{
    int64_t c = 0;
    for (int hop = 0; hop < HOPS_MAX && v && v->user && c == 0; hop++) {
        c = taken_channels(v->user, pixels);
        v = v->user->n_top ? &v->user->out[0] : NULL;
    }
    return c;
}

/* Rows, columns and channels of what a data layer reads; 0: not said. */
static void image_size(const fv_caffe_layer *l, const FvCaffe__Transform *t, int64_t crop, int64_t hwc[3])
{
    hwc[0] = hwc[1] = crop;
    hwc[2] = t->n_mean_value > 1 ? (int64_t)t->n_mean_value : t->force_gray ? 1 : t->force_color ? 3 : 0;
    if (strcmp(l->type, "MemoryData") == 0) {
        const FvCaffe__MemoryData *p = FV_CAFFE_PARAM(l, "memory_data_param", MemoryData, memory_data);
        if (!p)
            return;
        hwc[0] = crop ? crop : p->height;
        hwc[1] = crop ? crop : p->width;
        hwc[2] = p->channels;
    } else if (strcmp(l->type, "ImageData") == 0) {
        const FvCaffe__ImageData *p = FV_CAFFE_PARAM(l, "image_data_param", ImageData, image_data);
        if (!p)
            return;
        hwc[0] = crop ? crop : p->new_height;
        hwc[1] = crop ? crop : p->new_width;
        hwc[2] = p->is_color ? 3 : 1;
    }
}

/* ---- how pixels become numbers ---- */

/* Old files have the settings of the transform among those of the data. */
static fv_status transform_of(fv_caffe_layer *l, const FvCaffe__Transform **transform)
{
    const FvCaffe__Transform *given = FV_CAFFE_PARAM(l, "transform_param", Transform, transform);
    const FvCaffe__Data *data = FV_CAFFE_PARAM(l, "data_param", Data, data);
    const FvCaffe__ImageData *image = FV_CAFFE_PARAM(l, "image_data_param", ImageData, image_data);
    FvCaffe__Transform *t = fv_arena_alloc(l->net->im.arena, sizeof *t);
    if (!given || !data || !image || !t)
        return FV_ERR_NO_MEMORY;
    *t = *given;
    const bool of_images = strcmp(l->type, "ImageData") == 0;
    if (!t->has_scale && (of_images ? image->has_scale : data->has_scale))
        t->scale = of_images ? image->scale : data->scale;
    if (!t->mean_file)
        t->mean_file = of_images ? image->mean_file : data->mean_file;
    if (!t->has_crop_size)
        t->crop_size = of_images ? image->crop_size : data->crop_size;
    *transform = t;
    return FV_OK;
}

/* The mean of each channel of a .binaryproto, which lies beside the network. */
static fv_status read_mean(fv_caffe_net *net, const char *given)
{
    const char *slash = strrchr(given, '/'), *leaf = slash ? slash + 1 : given, *folder = strrchr(net->path, '/');
    const int length = folder ? (int)(folder - net->path + 1) : 0;
    fv_caffe_pixels *p = &net->pixels;
    fv_blob file;
    fv_bounded memory;
    const char *path = fv_arena_printf(net->im.arena, "%.*s%s", length, net->path, leaf);
    if (!path)
        return FV_ERR_NO_MEMORY;
    if (!*leaf || strcmp(leaf, "..") == 0 || fv_tensor_file_load(net->im.ctx, path, &file) != FV_OK) {
        fv_fail_clear(net->im.ctx);
        return FV_OK;
    }
    fv_bounded_begin(net->im.ctx, file.size, &memory);
    FvCaffe__Blob *b = fv_caffe__blob__unpack(&memory.allocator, (size_t)file.size, file.data);
    fv_blob_free(net->im.ctx, &file);
    if (!b)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: no mean of images, or a damaged one", path);
    const int64_t c = b->shape && b->shape->n_dim >= 3 ? b->shape->dim[b->shape->n_dim - 3] : b->channels;
    if (c < 1 || c > 16 || b->n_data == 0 || b->n_data % (size_t)c) {
        fv_caffe__blob__free_unpacked(b, &memory.allocator);
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT,
                       "%s: Caffe: a mean of images with %lld numbers and %lld channels", path, (long long)b->n_data,
                       (long long)c);
    }
    const size_t plane = b->n_data / (size_t)c;
    for (int64_t k = 0; k < c; k++) {
        double sum = 0;
        for (size_t i = 0; i < plane; i++)
            sum += (double)b->data[(size_t)k * plane + i];
        p->mean[k] = (float)(sum / (double)plane);
    }
    p->n_mean = (int)c;
    fv_caffe__blob__free_unpacked(b, &memory.allocator);
    return FV_OK;
}

fv_status fv_caffe_set_pipeline(fv_caffe_net *net, fv_model *m)
{
    const fv_caffe_pixels *from = &net->pixels;
    const FvCaffe__Transform *t = from->transform;
    fv_pipeline p = *fv_model_pipeline(m);
    fv_model_input_size(m, &p.h, &p.w, &p.c);
    if (!t || p.c < 1 || p.c > 16 || !(t->scale > 0))
        return FV_OK;
    if (t->mean_file && from->n_mean != p.c) {
        fv_log(net->im.ctx, FV_LOG_WARN, "import",
               "%s: its images have the mean of %s, which is not beside it (or has other channels): give --mean",
               net->path, t->mean_file);
        return FV_OK;
    }
    if (t->n_mean_value > 1 && (int64_t)t->n_mean_value != p.c)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: %lld mean_value for %lld channels", net->path,
                       (long long)t->n_mean_value, (long long)p.c);
    p.bgr = from->color; /* as OpenCV reads images for Caffe */
    for (int64_t k = 0; k < p.c; k++) {
        const int64_t at = p.bgr ? p.c - 1 - k : k;
        const float mean = t->mean_file      ? from->mean[at]
                           : t->n_mean_value ? t->mean_value[t->n_mean_value == 1 ? 0 : at]
                                             : 0.0f;
        p.mean[k] = mean / 255.0f;
        p.std[k] = 1.0f / (255.0f * t->scale);
    }
    if (t->mean_file)
        fv_log(net->im.ctx, FV_LOG_INFO, "import",
               "%s: the mean of each channel is taken of %s, where Caffe subtracts that of each pixel", net->path,
               t->mean_file);
    m->card.pixels_said = true;
    return fv_model_set_pipeline(m, &p);
}

/* ---- inputs ---- */

static fv_status too_open(const fv_caffe_layer *l, const char *name, const char *what, const char *hint)
{
    fv_ctx *ctx = l->net->im.ctx;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_MODEL, "%s: Caffe: %s '%.100s': it does not say %s of '%.100s'",
                                l->net->path, l->type, l->name, what, name),
                        "%s", hint);
}

static fv_status add_input(fv_caffe_layer *l, int k, fv_shape shape)
{
    fv_caffe_net *net = l->net;
    fv_import *im = &net->im;
    const fv_import_options *o = net->options;
    const char *name = l->top[k];
    if (shape.rank < 1 || shape.rank > FV_MAX_RANK)
        return too_open(l, name, "how large it is",
                        "write its shape into the text: input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } }");
    for (int d = 2; d < 4 && shape.rank == 4; d++)
        if (o->img_size[d - 2] > 0)
            shape.dim[d] = o->img_size[d - 2];
        else if (shape.dim[d] < 1)
            FV_TRY(fv_import_given_size(im, o, name, shape.rank, d, false, &shape.dim[d]));
    net->batch = shape.dim[0];
    if (!im->whole || shape.dim[0] < 1)
        shape.dim[0] = 1;
    for (int d = 1; d < shape.rank; d++) {
        if (shape.rank == 4 && d >= 2 && shape.dim[d] < 1)
            return too_open(l, name, "how large an image is", "give its size: --img-size HxW");
        if (shape.dim[d] < 1 || shape.dim[d] > INT32_MAX)
            return too_open(l, name, "a size that is possible", "give the network's text with its input's shape");
    }
    if (fv_shape_count(&shape) < 0)
        return too_open(l, name, "a size that is possible", "give the network's text with its input's shape");
    FV_TRY(fv_import_input(im, name, FV_F32, &shape, shape.rank >= 3));
    l->out[k].f = fv_import_find(im, name);
    return FV_OK;
}

/* The images of a data layer; its labels are for training. */
static fv_status add_images(fv_caffe_layer *l, int k)
{
    fv_caffe_net *net = l->net;
    int64_t hwc[3];
    const FvCaffe__Transform *t;
    if (k > 0)
        return fv_import_refuse(&net->im, l->type, l->name, "a layer computes from its labels, which are for training");
    FV_TRY(transform_of(l, &t));
    image_size(l, t, t->crop_size, hwc);
    for (int i = 0; i < 2; i++)
        hwc[i] = net->options->img_size[i] > 0 ? net->options->img_size[i] : hwc[i];
    if (hwc[2] == 0)
        hwc[2] = find_channels(&l->out[k], hwc[0] * hwc[1]);
    if (hwc[0] == 0 || hwc[1] == 0)
        return too_open(l, l->top[k], "how large an image is", "give its size: --img-size HxW");
    if (hwc[2] == 0)
        return too_open(l, l->top[k], "how many channels there are", "give the network's deploy.prototxt: --model");
    net->pixels.transform = t;
    net->pixels.color = hwc[2] == 3;
    if (t->mean_file)
        FV_TRY(read_mean(net, t->mean_file));
    return add_input(l, k, (fv_shape){4, {1, hwc[2], hwc[0], hwc[1]}});
}

fv_status fv_caffe_source(fv_caffe_layer *l)
{
    const bool listed = strcmp(l->type, "Input") == 0, dummy = strcmp(l->type, "DummyData") == 0;
    for (int k = 0; k < l->n_top; k++) {
        fv_shape shape;
        if (l->out[k].users == 0)
            continue;
        if (!listed && !dummy) {
            FV_TRY(add_images(l, k));
            continue;
        }
        if (dummy)
            dummy_shape(l, k, &shape);
        else
            listed_shape(l, k, &shape);
        FV_TRY(add_input(l, k, shape));
    }
    return FV_OK;
}

#endif
