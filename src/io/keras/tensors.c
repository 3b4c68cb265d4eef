/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras files as named tensors, for a network that is named, in the order of the network where the file tells it:
 * filters [h][w][in][out] become [out][in][h][w], filters of single channels [h][w][in][m] become [in * m][1][h][w],
 * matrices [in][out] become [out][in].
 */
#include <stdio.h>

#include "io/keras/keras.h"
#include "io/keras/net.h"

/* Bytes of turned copies for a byte of the file, and for any file. */
#define COPIES_PER_BYTE 2
#define COPIES_FREE     (INT64_C(1) << 20)

typedef struct reading {
    fv_tensor_file *file;
    fv_hdf5_file hdf5;
    fv_keras_net net; /* for what reads attributes */
    int64_t left;     /* bytes that copies may still take */
} reading;

/* Whether a filter is of single channels, by its name or by the folder of its layer. */
static bool is_depthwise(const char *name)
{
    const size_t length = strlen(name);
    if (strstr(name, "depthwise_kernel"))
        return true;
    return length > 7 && strcmp(name + length - 7, "/vars/0") == 0 &&
           (strstr(name, "depthwise_conv") || strstr(name, "separable_conv"));
}

/* Element [i0][i1].. of the turned shape is at the sum of i * stride. */
static void turn(const char *name, const fv_shape *s, fv_shape *shape, int64_t stride[4])
{
    const int64_t *d = s->dim;
    if (s->rank == 2) {
        *shape = (fv_shape){2, {d[1], d[0]}};
        stride[0] = 1;
        stride[1] = d[1];
        return;
    }
    const bool single = is_depthwise(name);
    const int64_t pixel = d[2] * d[3];
    *shape = single ? (fv_shape){4, {pixel, 1, d[0], d[1]}} : (fv_shape){4, {d[3], d[2], d[0], d[1]}};
    stride[0] = 1;
    stride[1] = single ? 0 : d[3];
    stride[2] = d[1] * pixel;
    stride[3] = pixel;
}

static fv_status turned(reading *r, fv_st_entry *e)
{
    const int64_t size = (int64_t)fv_dtype_size((fv_dtype)e->dtype), count = fv_shape_count(&e->shape);
    int64_t stride[4] = {0}, at[4] = {0}, from = 0;
    fv_shape shape;
    turn(e->name, &e->shape, &shape, stride);
    if (count * size > r->left)
        return fv_tensor_file_bad(r->file, "Keras: its weights are larger than a file of this size should have");
    r->left -= count * size;
    uint8_t *data = fv_arena_alloc(r->file->arena, (size_t)(count * size));
    if (!data)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        memcpy(data + i * size, e->data + from * size, (size_t)size);
        for (int d = shape.rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < shape.dim[d])
                break;
            from -= stride[d] * shape.dim[d];
            at[d] = 0;
        }
    }
    e->shape = shape;
    e->data = data;
    return FV_OK;
}

static fv_status add_entry(reading *r, const char *name, fv_dtype dtype, const fv_shape *shape, const void *data)
{
    fv_st_entry e = {.name = name, .dtype = (int)dtype, .shape = *shape, .data = data, .last = true};
    if (e.shape.rank == 2 || e.shape.rank == 4)
        FV_TRY(turned(r, &e));
    return fv_tensor_file_add(r->file, &e);
}

static fv_status add(reading *r, const fv_hdf5_node *node, const char *name)
{
    if (!node || node->group || node->problem)
        return fv_tensor_file_bad(r->file, "Keras: the weight '%.200s' cannot be read: %s", name,
                                  !node         ? "it is not there"
                                  : node->group ? "it is a group"
                                                : node->problem);
    const uint8_t *data;
    FV_TRY(fv_hdf5_elements(&r->hdf5, node, &data));
    return add_entry(r, name, node->values.dtype, &node->values.shape, data);
}

/* The weights that a layer lists: names without ":0". */
static fv_status add_layer(reading *r, const fv_hdf5_node *group, int64_t *count)
{
    const char **names;
    FV_TRY(fv_keras_texts(&r->net, group, "weight_names", &names, count));
    for (int64_t i = 0; i < *count; i++) {
        const char *name = fv_arena_printf(r->file->arena, "%.*s", (int)strcspn(names[i], ":"), names[i]);
        FV_TRY(name ? add(r, fv_hdf5_find(group, names[i]), name) : FV_ERR_NO_MEMORY);
    }
    return FV_OK;
}

/* Layers wherever they are: "conv/bn" is a group in a group. */
static fv_status add_all(reading *r, const fv_hdf5_node *root, int64_t *weights)
{
    for (const fv_hdf5_node *group = root->child; group; group = group->next) {
        int64_t count;
        FV_TRY(add_layer(r, group, &count));
        *weights += count;
        if (group->group && !count)
            FV_TRY(add_all(r, group, weights));
    }
    return FV_OK;
}

/* In the network's order, which the file lists; groups of HDF5 are in that of the alphabet. */
static fv_status add_listed(reading *r, const fv_hdf5_node *root, int64_t *weights)
{
    const char **layers;
    int64_t count, own;
    FV_TRY(fv_keras_texts(&r->net, root, "layer_names", &layers, &count));
    for (int64_t i = 0; i < count; i++) {
        const fv_hdf5_node *group = fv_hdf5_find(root, layers[i]);
        FV_TRY(group ? add_layer(r, group, &own) : FV_OK);
        *weights += group ? own : 0;
    }
    return count ? FV_OK : add_all(r, root, weights);
}

/* All arrays below the layers of Keras 3: layers/conv2d/vars/0. */
static fv_status add_below(reading *r, const fv_hdf5_node *group, const char *path)
{
    for (const fv_hdf5_node *node = group->child; node; node = node->next) {
        char *name = fv_arena_printf(r->file->arena, "%s%s%s", path, *path ? "/" : "", node->name);
        if (!name)
            return FV_ERR_NO_MEMORY;
        for (char *p = name; *p; p++)
            *p = *p == '\\' ? '/' : *p;
        const bool ours = strncmp(name, "layers", 6) == 0 || strncmp(name, "_layer_checkpoint", 17) == 0;
        if (ours)
            FV_TRY(node->group ? add_below(r, node, name) : add(r, node, name));
    }
    return FV_OK;
}

fv_status fv_keras_read_weights(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    reading r = {.file = file, .left = COPIES_PER_BYTE * size + COPIES_FREE};
    int64_t layers = 0;
    FV_TRY(fv_hdf5_open(file->ctx, file->name, data, size, file->arena, &r.hdf5));
    r.net = (fv_keras_net){.ctx = file->ctx, .path = file->name, .arena = file->arena, .weights = r.hdf5};
    const fv_hdf5_node *root = &r.hdf5.root, *inner = fv_hdf5_child(root, "model_weights");
    FV_TRY(add_listed(&r, inner ? inner : root, &layers));
    if (layers == 0)
        FV_TRY(add_below(&r, root, ""));
    if (file->count == 0)
        return fv_tensor_file_bad(file, "HDF5, but not of Keras: there are no weights of layers in it");
    return FV_OK;
}

bool fv_keras_is_weights(const uint8_t *data, int64_t size)
{
    return fv_hdf5_is(data, size);
}

/* Weights of a network's layers in its order, called LAYER/kernel and so on. */
static fv_status add_network(reading *r, const fv_keras_graph *g)
{
    for (int i = 0; i < g->n_layers; i++) {
        const fv_keras_layer *layer = &g->layers[i];
        if (layer->inner)
            FV_TRY(add_network(r, layer->inner));
        for (int w = 0; w < FV_KERAS_WEIGHTS_MAX; w++) {
            const fv_foreign *f = layer->weight[w];
            if (f)
                FV_TRY(add_entry(r, f->name, f->dtype, &f->shape, f->data));
        }
    }
    return FV_OK;
}

/* The network that stands in the archive says which weights are whose. */
static fv_status read_network(reading *r, const uint8_t *data, int64_t size)
{
    fv_keras_net *net = &r->net;
    FV_TRY(fv_keras_open(net, data, size));
    FV_TRY(fv_keras_parse(net, fv_doc_root(net->doc), 0, &net->graph));
    FV_TRY(fv_keras_assign(net));
    return add_network(r, net->graph);
}

fv_status fv_keras_read_archive(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    reading r = {.file = file, .left = COPIES_PER_BYTE * size + COPIES_FREE};
    r.net = (fv_keras_net){.ctx = file->ctx, .path = file->name, .arena = file->arena};
    const fv_status status = read_network(&r, data, size);
    fv_doc_destroy(&r.net.doc);
    return status;
}
