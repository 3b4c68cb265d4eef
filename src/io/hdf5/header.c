/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of objects: blocks of messages that say what an object is. */
#include <string.h>

#include "io/hdf5/hdf5.h"

enum { SPACE = 0x01, LINK_INFO = 0x02, TYPE = 0x03, LINK = 0x06, LAYOUT = 0x08, FILTERS = 0x0b, ATTRIBUTE = 0x0c };
enum { CONTINUATION = 0x10, SYMBOL_TABLE = 0x11 };
enum { BLOCKS_MAX = 512, RECORD_COST = 256 };

/* A message, or a part of one. */
typedef struct span {
    const uint8_t *data;
    uint64_t size;
} span;

typedef struct block {
    uint64_t at, size;
} block;

/* ---- what elements are ---- */

/* Dimensions. False: damaged. */
static bool read_space(span s, fv_hdf5_values *v)
{
    if (s.size < 4)
        return false;
    const int version = s.data[0], rank = s.data[1];
    const uint64_t head = version == 1 ? 8 : 4;
    if ((version != 1 && version != 2) || s.size < head + 8 * (uint64_t)rank)
        return false;
    v->shape = (fv_shape){.rank = rank <= FV_MAX_RANK ? rank : 0};
    v->count = version == 2 && s.data[3] == 2 ? 0 : 1; /* 2: no elements at all */
    for (int d = 0; d < rank; d++) {
        const uint64_t size = fv_hdf5_number(s.data + head + 8 * d, 8);
        if (size > INT64_MAX || !fv_size_mul(v->count, (int64_t)size, &v->count))
            return false;
        if (rank <= FV_MAX_RANK)
            v->shape.dim[d] = (int64_t)size;
    }
    if (rank > FV_MAX_RANK)
        v->shape.rank = -1;
    return true;
}

static const struct {
    uint32_t size, exponent, mantissa;
    fv_dtype dtype;
} floats[] = {{4, 8, 23, FV_F32}, {8, 11, 52, FV_F64}, {2, 5, 10, FV_F16}, {2, 8, 7, FV_BF16}};

static const struct {
    uint32_t size;
    bool is_signed;
    fv_dtype dtype;
} integers[] = {{1, true, FV_I8}, {1, false, FV_U8}, {2, true, FV_I16}, {4, true, FV_I32}, {8, true, FV_I64}};

static void set_numbers(fv_hdf5_values *v, fv_dtype dtype)
{
    v->kind = FV_HDF5_NUMBERS;
    v->dtype = dtype;
}

/* Kinds of elements that nothing here needs stay OTHER. False: damaged. */
static bool read_type(span s, fv_hdf5_values *v)
{
    if (s.size < 8)
        return false;
    const int class = s.data[0] & 15;
    const uint32_t size = (uint32_t)fv_hdf5_number(s.data + 4, 4);
    const bool little = (s.data[1] & 1) == 0 && (class != 1 || (s.data[1] & 64) == 0);
    v->item_bytes = size;
    if (size == 0)
        return false;
    if (class == 0 && little)
        for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
            if (integers[i].size == size && integers[i].is_signed == ((s.data[1] & 8) != 0))
                set_numbers(v, integers[i].dtype);
    if (class == 1 && little && s.size >= 20)
        for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
            if (floats[i].size == size && floats[i].exponent == s.data[13] && floats[i].mantissa == s.data[15])
                set_numbers(v, floats[i].dtype);
    if (class == 3)
        v->kind = FV_HDF5_TEXT;
    if (class == 5 && size == 2) {
        set_numbers(v, FV_BF16);
        v->opaque = true;
    }
    if (class == 9 && (s.data[1] & 15) == 1 && size == 16)
        v->kind = FV_HDF5_TEXT_APART;
    return true;
}

/* Elements in chunks, which may have gone through filters. */
static const char *read_chunks(const fv_hdf5_file *file, span s, span filters, fv_hdf5_values *v)
{
    fv_hdf5_chunks *chunks = fv_arena_alloc(file->arena, sizeof *chunks);
    if (!chunks)
        return "there is no memory for it";
    *chunks = (fv_hdf5_chunks){.n_filters = 0};
    const char *problem = filters.data ? fv_hdf5_read_filters(filters.data, filters.size, chunks) : NULL;
    if (!problem)
        problem = fv_hdf5_read_chunks(s.data, s.size, v, chunks);
    v->chunks = problem ? NULL : chunks;
    return problem;
}

/* Where the elements are: in the message, in one piece elsewhere, or in chunks. */
static const char *read_layout(const fv_hdf5_file *file, span s, span filters, fv_hdf5_values *v)
{
    static const char damaged[] = "its layout is damaged";
    if (s.size < 2)
        return damaged;
    const int version = s.data[0];
    const bool old = version < 3;
    const int class = s.data[old && s.size > 2 ? 2 : 1];
    int64_t bytes;
    if (version < 1 || version > 4)
        return damaged;
    if (class > 2)
        return "it lies in several files";
    if (!fv_size_mul(v->count, v->item_bytes, &bytes))
        return damaged;
    if (bytes == 0)
        return "it has no elements";
    if (class == 2)
        return read_chunks(file, s, filters, v);
    if (class == 1) {
        const uint64_t head = old ? 8 : 2;
        if (s.size < head + 8)
            return damaged;
        const uint64_t at = fv_hdf5_number(s.data + head, 8);
        if (at == FV_HDF5_NOWHERE)
            return "it was never written";
        v->data = fv_hdf5_bytes(file, at, (uint64_t)bytes);
        return v->data ? NULL : "its elements lie outside of the file";
    }
    const uint64_t head = old ? 8 + 4 * (uint64_t)s.data[1] + 4 : 4;
    if (s.size < head || s.size - head < (uint64_t)bytes)
        return damaged;
    v->data = s.data + head;
    return NULL;
}

/* ---- attributes and links ---- */

/* The next `size` bytes of s, which are followed by what fills them up to `unit`. */
static bool take(span *s, uint64_t size, uint64_t unit, span *part)
{
    const uint64_t whole = (size + unit - 1) / unit * unit;
    if (whole > s->size)
        return false;
    *part = (span){s->data, size};
    s->data += whole;
    s->size -= whole;
    return true;
}

static fv_status read_attribute(fv_hdf5_file *file, span s, fv_hdf5_header *h)
{
    span name, type, space;
    int64_t bytes;
    FV_TRY(fv_hdf5_spend(file, RECORD_COST));
    if (s.size < 9 || s.data[0] < 1 || s.data[0] > 3)
        return FV_OK;
    const int version = s.data[0];
    const uint64_t unit = version == 1 ? 8 : 1, head = version == 3 ? 9 : 8;
    const uint64_t sizes[3] = {fv_hdf5_number(s.data + 2, 2), fv_hdf5_number(s.data + 4, 2),
                               fv_hdf5_number(s.data + 6, 2)};
    const bool shared = version > 1 && (s.data[1] & 3) != 0;
    span rest = {s.data + head, s.size - head};
    fv_hdf5_values v = {0};
    if (!take(&rest, sizes[0], unit, &name) || !take(&rest, sizes[1], unit, &type) ||
        !take(&rest, sizes[2], unit, &space) || name.size == 0 || name.data[name.size - 1] != '\0' || shared ||
        !read_space(space, &v) || !read_type(type, &v) || !fv_size_mul(v.count, v.item_bytes, &bytes))
        return FV_OK;
    if ((uint64_t)bytes > rest.size)
        return FV_OK;
    v.data = rest.data;
    fv_hdf5_attribute *a = fv_arena_alloc(file->arena, sizeof *a);
    if (!a)
        return FV_ERR_NO_MEMORY;
    *a = (fv_hdf5_attribute){(const char *)name.data, v, h->attribute};
    h->attribute = a;
    return FV_OK;
}

static fv_status read_link(fv_hdf5_file *file, span s, fv_hdf5_header *h)
{
    span part, name;
    FV_TRY(fv_hdf5_spend(file, RECORD_COST));
    if (!take(&s, 2, 1, &part) || part.data[0] != 1)
        return FV_OK;
    const int flags = part.data[1];
    int kind = 0;
    if (flags & 8) {
        if (!take(&s, 1, 1, &part))
            return FV_OK;
        kind = part.data[0];
    }
    if (((flags & 4) && !take(&s, 8, 1, &part)) || ((flags & 16) && !take(&s, 1, 1, &part)) ||
        !take(&s, (uint64_t)1 << (flags & 3), 1, &part))
        return FV_OK;
    const uint64_t length = fv_hdf5_number(part.data, (int)part.size);
    if (length > s.size || !take(&s, length, 1, &name) || kind != 0 || !take(&s, 8, 1, &part))
        return FV_OK;
    fv_hdf5_link *link = fv_arena_alloc(file->arena, sizeof *link);
    char *text = fv_arena_alloc(file->arena, length + 1);
    FV_TRY(fv_hdf5_spend(file, (int64_t)length));
    if (!link || !text)
        return FV_ERR_NO_MEMORY;
    memcpy(text, name.data, length);
    text[length] = '\0';
    *link = (fv_hdf5_link){text, fv_hdf5_number(part.data, 8), h->link};
    h->link = link;
    return FV_OK;
}

/* Links of a group may be in a heap with an index, where there are many. */
static void read_link_info(span s, fv_hdf5_header *h)
{
    const uint64_t head = s.size >= 2 && (s.data[1] & 1) ? 10 : 2;
    if (s.size >= head + 8 && fv_hdf5_number(s.data + head, 8) != FV_HDF5_NOWHERE)
        h->dense = true;
}

/* ---- messages ---- */

/* Those that are read when all others were. */
typedef struct deferred {
    span layout, filters;
} deferred;

static fv_status read_message(fv_hdf5_file *file, int type, int flags, span s, fv_hdf5_header *h, deferred *late)
{
    const bool shared = (flags & 2) != 0;
    if (type == SPACE && !shared && read_space(s, &h->values))
        h->has_space = true;
    if (type == TYPE && !shared && read_type(s, &h->values))
        h->has_type = true;
    if (type == LAYOUT) {
        h->has_layout = true;
        late->layout = s;
    }
    if (type == FILTERS)
        late->filters = s;
    if (type == ATTRIBUTE && !shared)
        return read_attribute(file, s, h);
    if (type == LINK)
        return read_link(file, s, h);
    if (type == LINK_INFO)
        read_link_info(s, h);
    if (type == SYMBOL_TABLE && s.size >= 16) {
        h->tree = fv_hdf5_number(s.data, 8);
        h->heap = fv_hdf5_number(s.data + 8, 8);
    }
    return FV_OK;
}

/* Messages of a block; `head`: bytes before the data of each. */
static fv_status read_block(fv_hdf5_file *file, span s, bool old, int head, fv_hdf5_header *h, deferred *late,
                            block *blocks, int *n_blocks)
{
    while (s.size >= (uint64_t)head) {
        const int type = (int)fv_hdf5_number(s.data, old ? 2 : 1), flags = s.data[old ? 4 : 3];
        const uint64_t size = fv_hdf5_number(s.data + (old ? 2 : 1), 2);
        if (size > s.size - (uint64_t)head)
            return old ? fv_hdf5_bad(file, "a message is longer than its header", 0) : FV_OK; /* a gap at the end */
        const span message = {s.data + head, size};
        if (type == CONTINUATION && size >= 16) {
            if (*n_blocks == BLOCKS_MAX)
                return fv_hdf5_bad(file, "a header of too many blocks", 0);
            blocks[(*n_blocks)++] = (block){fv_hdf5_number(message.data, 8), fv_hdf5_number(message.data + 8, 8)};
        } else {
            FV_TRY(read_message(file, type, flags, message, h, late));
        }
        s.data += (uint64_t)head + size;
        s.size -= (uint64_t)head + size;
    }
    return FV_OK;
}

/* The first block of a header, and how its messages begin. */
static fv_status first_block(const fv_hdf5_file *file, uint64_t at, bool *old, int *head, block *first)
{
    const uint8_t *p = fv_hdf5_bytes(file, at, 16);
    if (!p)
        return fv_hdf5_bad(file, "the header of an object lies outside of the file", at);
    *old = p[0] == 1;
    if (*old) {
        *head = 8;
        *first = (block){at + 16, fv_hdf5_number(p + 8, 4)};
        return FV_OK;
    }
    if (memcmp(p, "OHDR", 4) != 0 || p[4] != 2)
        return fv_hdf5_bad(file, "the header of an object is none", at);
    const int flags = p[5], width = 1 << (flags & 3);
    const uint64_t skip = 6 + (flags & 32 ? 16 : 0) + (flags & 16 ? 4 : 0);
    p = fv_hdf5_bytes(file, at, skip + (uint64_t)width);
    if (!p)
        return fv_hdf5_bad(file, "the header of an object is cut short", at);
    *head = flags & 4 ? 6 : 4;
    *first = (block){at + skip + (uint64_t)width, fv_hdf5_number(p + skip, width)};
    return FV_OK;
}

static fv_status read_blocks(fv_hdf5_file *file, uint64_t at, block *blocks, fv_hdf5_header *h, deferred *late)
{
    bool old = true;
    int head = 8, n_blocks = 1;
    FV_TRY(first_block(file, at, &old, &head, &blocks[0]));
    for (int i = 0; i < n_blocks; i++) {
        span s = {fv_hdf5_bytes(file, blocks[i].at, blocks[i].size), blocks[i].size};
        if (!s.data)
            return fv_hdf5_bad(file, "the header of an object is cut short", at);
        FV_TRY(fv_hdf5_spend(file, (int64_t)s.size + 64));
        if (!old && i > 0) {
            if (s.size < 8 || memcmp(s.data, "OCHK", 4) != 0)
                return fv_hdf5_bad(file, "the continued header of an object is none", at);
            s = (span){s.data + 4, s.size - 8};
        }
        FV_TRY(read_block(file, s, old, head, h, late, blocks, &n_blocks));
    }
    return FV_OK;
}

fv_status fv_hdf5_read_header(fv_hdf5_file *file, uint64_t at, fv_hdf5_header *h)
{
    deferred late = {0};
    *h = (fv_hdf5_header){.tree = FV_HDF5_NOWHERE, .heap = FV_HDF5_NOWHERE};
    block *blocks = fv_malloc(file->ctx, BLOCKS_MAX * sizeof *blocks);
    if (!blocks)
        return FV_ERR_NO_MEMORY;
    fv_status status = read_blocks(file, at, blocks, h, &late);
    fv_free(file->ctx, blocks);
    if (status != FV_OK || !h->has_layout || h->problem)
        return status;
    if (!h->has_space || !h->has_type)
        h->problem = "it does not say what its elements are";
    else if (h->values.kind != FV_HDF5_NUMBERS || h->values.shape.rank < 0)
        h->problem = "its elements are no numbers that are supported";
    else
        h->problem = read_layout(file, late.layout, late.filters, &h->values);
    return status;
}
