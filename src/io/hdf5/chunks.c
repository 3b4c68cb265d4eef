/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays in chunks: blocks of one size, each of which may have gone through filters. A tree lists where they are. Every
 * chunk is looked at once, and what chunks hold together is taken from the file's budget before any memory is.
 */
#include <string.h>
#include <zlib.h>

#include "io/hdf5/hdf5.h"

enum { DEFLATE = 1, SHUFFLE = 2, LEVELS_MAX = 24, DIMS_MAX = FV_MAX_RANK };

static const struct {
    int id;
    const char *problem;
} others[] = {
    {3, "it has checksums (the filter fletcher32), which are not read"},
    {4, "it is compressed by szip, which is not read"},
    {5, "it is stored in fewer bits (the filter nbit), which is not read"},
    {6, "it is stored as scaled integers (the filter scaleoffset), which is not read"},
    {32000, "it is compressed by lzf, which is not read"},
    {32001, "it is compressed by blosc, which is not read"},
    {32004, "it is compressed by lz4, which is not read"},
    {32008, "it is compressed by bitshuffle, which is not read"},
    {32015, "it is compressed by zstd, which is not read"},
};

static const char *filter_problem(int id)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].id == id)
            return others[i].problem;
    return id == DEFLATE || id == SHUFFLE ? NULL : "it has gone through a filter that is not known";
}

/* Version 1 names every filter and fills up to 8 bytes; 2 names those that are not HDF5's own. */
const char *fv_hdf5_read_filters(const uint8_t *data, uint64_t size, fv_hdf5_chunks *chunks)
{
    static const char damaged[] = "its list of filters is damaged";
    if (size < 2 || data[0] < 1 || data[0] > 2)
        return damaged;
    const bool old = data[0] == 1;
    const int count = data[1];
    uint64_t at = old ? 8 : 2;
    if (count > FV_HDF5_FILTERS_MAX)
        return "it has gone through more than 8 filters";
    for (int i = 0; i < count; i++) {
        if (at > size || size - at < 8)
            return damaged;
        const int id = (int)fv_hdf5_number(data + at, 2);
        const bool named = old || id >= 256;
        const uint64_t length = named ? fv_hdf5_number(data + at + 2, 2) : 0;
        const uint64_t values = fv_hdf5_number(data + at + (named ? 6 : 4), 2);
        if (filter_problem(id))
            return filter_problem(id);
        chunks->filter[chunks->n_filters++] = id;
        at += (named ? 8 : 6) + (old ? (length + 7) / 8 * 8 : length) + 4 * (old ? (values + 1) / 2 * 2 : values);
    }
    return NULL;
}

/* ---- where they are ---- */

/* Dimensions of a chunk, and behind them the bytes of an element, `width` bytes each. */
static const char *read_dims(const uint8_t *p, int count, int width, const fv_hdf5_values *v, fv_hdf5_chunks *chunks)
{
    if (count != v->shape.rank + 1 || count < 2 ||
        fv_hdf5_number(p + (count - 1) * width, width) != (uint64_t)v->item_bytes)
        return "its chunks are none of its own shape";
    for (int d = 0; d < count - 1; d++) {
        const uint64_t size = fv_hdf5_number(p + d * width, width);
        if (size < 1 || size > INT32_MAX)
            return "its chunks have impossible dimensions";
        chunks->dim[d] = (int64_t)size;
    }
    return NULL;
}

const char *fv_hdf5_read_chunks(const uint8_t *data, uint64_t size, const fv_hdf5_values *v, fv_hdf5_chunks *chunks)
{
    static const char damaged[] = "its layout is damaged",
                      lists[] = "its chunks are listed in a form that is not read: it was written with "
                                "libver='latest'";
    const int version = data[0];
    if (version == 4) { /* version, class, flags, count, width, dims, index, .. */
        const uint64_t count = size > 5 ? data[3] : 0, width = size > 5 ? data[4] : 0, at = 5 + count * width;
        if (width < 1 || width > 8 || count > DIMS_MAX + 1 || size < at + 1)
            return damaged;
        const bool filtered = (data[2] & 2) != 0;
        if (data[at] != 1)
            return lists;
        if (size < at + 1 + (filtered ? 12 : 0) + 8)
            return damaged;
        chunks->single = true;
        chunks->bytes = filtered ? fv_hdf5_number(data + at + 1, 8) : 0;
        chunks->mask = filtered ? (uint32_t)fv_hdf5_number(data + at + 9, 4) : 0;
        chunks->at = fv_hdf5_number(data + at + 1 + (filtered ? 12 : 0), 8);
        return read_dims(data + 5, (int)count, (int)width, v, chunks);
    }
    const bool old = version < 3;
    const uint64_t count = size > 2 ? data[old ? 1 : 2] : 0, head = old ? 8 : 3;
    if (count > DIMS_MAX + 1 || size < head + 8 + 4 * count)
        return damaged;
    chunks->at = fv_hdf5_number(data + head, 8);
    return read_dims(data + head + 8, (int)count, 4, v, chunks);
}

/* ---- elements ---- */

typedef struct gathering {
    fv_hdf5_file *file;
    const fv_hdf5_values *v;
    const fv_hdf5_chunks *chunks;
    const char *name;
    uint8_t *to, *chunk[2]; /* chunk: one of them, before and after a filter */
    int64_t chunk_bytes;
    int64_t seen, grid; /* chunks, and how many there are */
    int64_t copied;     /* elements */
} gathering;

static fv_status bad(const gathering *g, const char *what)
{
    return fv_fail(g->file->ctx, FV_ERR_MODEL_FORMAT, "%s: HDF5: '%.100s': %s", g->file->name, g->name, what);
}

/* Byte b of every element stood together. */
static void unshuffle(const uint8_t *from, uint8_t *to, int64_t bytes, int64_t item)
{
    const int64_t count = bytes / item;
    for (int64_t b = 0; b < item; b++)
        for (int64_t i = 0; i < count; i++)
            to[i * item + b] = from[b * count + i];
    memcpy(to + count * item, from + count * item, (size_t)(bytes - count * item));
}

/* The bytes of a chunk as they were before the filters; bit i of `mask`: filter i was left out. */
static fv_status unfiltered(gathering *g, const uint8_t *p, uint64_t size, uint32_t mask, const uint8_t **out)
{
    int into = 0;
    for (int i = g->chunks->n_filters - 1; i >= 0; i--) {
        uint8_t *to = g->chunk[into];
        if (mask >> i & 1)
            continue;
        if (g->chunks->filter[i] == DEFLATE) {
            uLongf length = (uLongf)g->chunk_bytes;
            if (uncompress(to, &length, p, (uLong)size) != Z_OK)
                return bad(g, "a chunk that is compressed is damaged, or larger than it should be");
            size = length;
        } else if (size == (uint64_t)g->chunk_bytes) {
            unshuffle(p, to, g->chunk_bytes, g->v->item_bytes);
        } else {
            return bad(g, "a chunk has another size than it should");
        }
        p = to;
        into = 1 - into;
    }
    *out = p;
    return size == (uint64_t)g->chunk_bytes ? FV_OK : bad(g, "a chunk has another size than it should");
}

/* Copies the part of a chunk that is within the array, row by row. */
static void place(gathering *g, const uint8_t *chunk, const int64_t *offset)
{
    const int rank = g->v->shape.rank;
    const int64_t *all = g->v->shape.dim, *dim = g->chunks->dim, item = g->v->item_bytes;
    int64_t count[DIMS_MAX], at[DIMS_MAX] = {0}, rows = 1;
    for (int d = 0; d < rank; d++) {
        count[d] = all[d] - offset[d] < dim[d] ? all[d] - offset[d] : dim[d];
        rows *= d < rank - 1 ? count[d] : 1;
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t from = 0, to = 0;
        for (int d = 0; d < rank; d++) {
            from = from * dim[d] + at[d];
            to = to * all[d] + offset[d] + at[d];
        }
        memcpy(g->to + to * item, chunk + from * item, (size_t)(count[rank - 1] * item));
        for (int d = rank - 2; d >= 0; d--) {
            if (++at[d] < count[d])
                break;
            at[d] = 0;
        }
    }
    g->copied += rows * count[rank - 1];
}

static fv_status add_chunk(gathering *g, uint64_t at, uint64_t size, uint32_t mask, const int64_t *offset)
{
    const uint8_t *p = fv_hdf5_bytes(g->file, at, size), *chunk = NULL;
    if (!p)
        return bad(g, "a chunk lies outside of the file");
    if (++g->seen > g->grid)
        return bad(g, "it has more chunks than its dimensions");
    for (int d = 0; d < g->v->shape.rank; d++)
        if (offset[d] < 0 || offset[d] >= g->v->shape.dim[d] || offset[d] % g->chunks->dim[d])
            return bad(g, "a chunk lies outside of its dimensions");
    FV_TRY(unfiltered(g, p, size, mask, &chunk));
    place(g, chunk, offset);
    return FV_OK;
}

/* Nodes of the tree: key child key child key. A key is the bytes of a chunk, a mask, and where its first element is. */
static fv_status read_tree(gathering *g, uint64_t at, int level)
{
    const int rank = g->v->shape.rank;
    const uint64_t key = 8 + 8 * ((uint64_t)rank + 1), each = key + 8;
    const uint8_t *p = fv_hdf5_bytes(g->file, at, 24);
    const uint64_t count = p ? fv_hdf5_number(p + 6, 2) : 0;
    if (!p || memcmp(p, "TREE", 4) != 0 || p[4] != 1 || p[5] > level || !fv_hdf5_bytes(g->file, at, 24 + each * count))
        return bad(g, "the list of its chunks is damaged");
    FV_TRY(fv_hdf5_spend(g->file, (int64_t)(24 + each * count)));
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *entry = p + 24 + each * i;
        const uint64_t child = fv_hdf5_number(entry + key, 8);
        int64_t offset[DIMS_MAX];
        for (int d = 0; d < rank; d++)
            offset[d] = (int64_t)fv_hdf5_number(entry + 8 + 8 * d, 8);
        FV_TRY(p[5] ? read_tree(g, child, p[5] - 1)
                    : add_chunk(g, child, fv_hdf5_number(entry, 4), (uint32_t)fv_hdf5_number(entry + 4, 4), offset));
    }
    return FV_OK;
}

/* How many chunks there are, and the bytes of one; false: more than can be. */
static bool measure(gathering *g)
{
    int64_t total;
    g->grid = 1;
    g->chunk_bytes = g->v->item_bytes;
    for (int d = 0; d < g->v->shape.rank; d++) {
        const int64_t along = (g->v->shape.dim[d] - 1) / g->chunks->dim[d] + 1;
        if (!fv_size_mul(g->chunk_bytes, g->chunks->dim[d], &g->chunk_bytes) || !fv_size_mul(g->grid, along, &g->grid))
            return false;
    }
    if (!fv_size_mul(g->grid, g->chunk_bytes, &total) || !fv_size_add(total, 2 * (g->chunk_bytes / 2), &total) ||
        total > g->file->left)
        return false;
    g->file->left -= total;
    return true;
}

static fv_status gather(gathering *g)
{
    const fv_hdf5_chunks *c = g->chunks;
    const int64_t origin[DIMS_MAX] = {0};
    if (c->at == FV_HDF5_NOWHERE)
        return bad(g, "it was never written");
    if (c->single)
        FV_TRY(add_chunk(g, c->at, c->n_filters ? c->bytes : (uint64_t)g->chunk_bytes, c->mask, origin));
    else
        FV_TRY(read_tree(g, c->at, LEVELS_MAX));
    return g->copied == g->v->count ? FV_OK : bad(g, "some of its chunks were never written");
}

fv_status fv_hdf5_elements(fv_hdf5_file *file, const fv_hdf5_node *node, const uint8_t **data)
{
    const fv_hdf5_values *v = &node->values;
    gathering g = {.file = file, .v = v, .chunks = v->chunks, .name = node->name};
    *data = v->data;
    if (!v->chunks)
        return FV_OK;
    if (!measure(&g))
        return bad(&g, "it is larger than a file of this size should hold");
    g.to = fv_arena_alloc(file->arena, (size_t)(v->count * v->item_bytes));
    g.chunk[0] = fv_malloc(file->ctx, (size_t)g.chunk_bytes);
    g.chunk[1] = fv_malloc(file->ctx, (size_t)g.chunk_bytes);
    fv_status status = g.to && g.chunk[0] && g.chunk[1] ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        memset(g.to, 0, (size_t)(v->count * v->item_bytes));
    if (status == FV_OK)
        status = gather(&g);
    fv_free(file->ctx, g.chunk[0]);
    fv_free(file->ctx, g.chunk[1]);
    *data = g.to;
    return status;
}
