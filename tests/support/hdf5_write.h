/* SPDX-License-Identifier: Apache-2.0 */
/* Writes small HDF5 files as h5py does by default: groups as symbol tables, arrays of f32 (in one piece, or as with
 * compression='gzip', shuffle=True), attributes of text. */
#ifndef FV_TESTS_HDF5_WRITE_H
#define FV_TESTS_HDF5_WRITE_H

#include <stdint.h>
#include <string.h>
#include <zlib.h>

enum { HDF5_HERE = 96 }; /* size of the superblock */

typedef struct hdf5_out {
    uint8_t data[60000];
    size_t size;
    int filter; /* arrays in chunks through shuffle and deflate, or this one instead of shuffle; 0: in one piece */
} hdf5_out;

/* Texts of an attribute, all of the same number of bytes in the file; count -1: one text, no list. */
typedef struct hdf5_attr {
    const char *name;
    const char *const *texts;
    int count;
} hdf5_attr;

typedef struct hdf5_member {
    const char *name;
    uint64_t address;
} hdf5_member;

static inline void hdf5_int(hdf5_out *o, uint64_t value, int width)
{
    for (int i = 0; i < width; i++)
        o->data[o->size++] = (uint8_t)(value >> 8 * i);
}

static inline void hdf5_bytes(hdf5_out *o, const void *data, size_t size, size_t unit)
{
    memcpy(o->data + o->size, data, size);
    o->size += size;
    while (o->size % unit)
        o->data[o->size++] = 0;
}

static inline void hdf5_begin(hdf5_out *o)
{
    memset(o->data, 0, HDF5_HERE);
    o->size = HDF5_HERE;
}

static inline void hdf5_message(hdf5_out *o, int type, const hdf5_out *body)
{
    hdf5_int(o, (uint64_t)type, 2);
    hdf5_int(o, (body->size + 7) / 8 * 8, 2);
    hdf5_int(o, 0, 4);
    hdf5_bytes(o, body->data, body->size, 8);
}

static inline void hdf5_space(hdf5_out *o, const int64_t *dims, int rank)
{
    hdf5_int(o, 1, 1);
    hdf5_int(o, (uint64_t)rank, 1);
    hdf5_int(o, 0, 6);
    for (int d = 0; d < rank; d++)
        hdf5_int(o, (uint64_t)dims[d], 8);
}

/* An object's header of `count` messages. */
static inline uint64_t hdf5_header(hdf5_out *o, int count, const hdf5_out *messages)
{
    const uint64_t at = o->size;
    hdf5_int(o, 1, 2);
    hdf5_int(o, (uint64_t)count, 2);
    hdf5_int(o, 1, 4);
    hdf5_int(o, messages->size, 8);
    hdf5_bytes(o, messages->data, messages->size, 8);
    return at;
}

enum { HDF5_SHUFFLE = 2, HDF5_DEFLATE = 1 };

/* A chunk of `count` f32, shuffled and deflated; its bytes. */
static inline size_t hdf5_chunk(hdf5_out *o, const float *values, size_t count)
{
    static uint8_t shuffled[8192];
    uLongf size = (uLongf)(sizeof o->data - o->size);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < 4; b++)
            shuffled[b * count + i] = ((const uint8_t *)(values + i))[b];
    compress(o->data + o->size, &size, shuffled, (uLong)(4 * count));
    o->size += size;
    while (o->size % 8)
        o->data[o->size++] = 0;
    return size;
}

/* Chunks of 2 elements of the first dimension (the last chunk may be half empty), and their list; its address. */
static inline uint64_t hdf5_chunks(hdf5_out *o, const int64_t *dims, int rank, const float *values, size_t row)
{
    static float chunk[2048];
    const int64_t count = (dims[0] + 1) / 2;
    uint64_t at[64], size[64];
    for (int64_t i = 0; i < count; i++) {
        const size_t rows = dims[0] - 2 * i < 2 ? 1 : 2;
        memset(chunk, 0, sizeof chunk);
        memcpy(chunk, values + 2 * (size_t)i * row, rows * row * 4);
        at[i] = o->size;
        size[i] = hdf5_chunk(o, chunk, 2 * row);
    }
    const uint64_t tree = o->size;
    hdf5_bytes(o, "TREE\1", 6, 1);
    hdf5_int(o, (uint64_t)count, 2);
    hdf5_int(o, UINT64_MAX, 8);
    hdf5_int(o, UINT64_MAX, 8);
    for (int64_t i = 0; i <= count; i++) {
        hdf5_int(o, i < count ? size[i] : 0, 4);
        hdf5_int(o, 0, 4);
        hdf5_int(o, (uint64_t)(2 * i), 8);
        for (int d = 1; d <= rank; d++)
            hdf5_int(o, 0, 8);
        hdf5_int(o, i < count ? at[i] : 0, 8);
    }
    return tree;
}

/* An array of f32; its address. */
static inline uint64_t hdf5_array(hdf5_out *o, const int64_t *dims, int rank, const float *values)
{
    static const uint8_t f32[20] = {0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0};
    static hdf5_out messages, body;
    size_t total = 4;
    for (int d = 0; d < rank; d++)
        total *= (size_t)dims[d];
    uint64_t data = o->size;
    if (o->filter)
        data = hdf5_chunks(o, dims, rank, values, total / 4 / (size_t)dims[0]);
    else
        hdf5_bytes(o, values, total, 8);
    messages.size = body.size = 0;
    hdf5_space(&body, dims, rank);
    hdf5_message(&messages, 1, &body);
    body.size = 0;
    hdf5_bytes(&body, f32, sizeof f32, 8);
    hdf5_message(&messages, 3, &body);
    body.size = 0;
    hdf5_int(&body, 3, 1);
    hdf5_int(&body, o->filter ? 2 : 1, 1);
    if (o->filter)
        hdf5_int(&body, (uint64_t)rank + 1, 1);
    hdf5_int(&body, data, 8);
    for (int d = 0; o->filter && d < rank; d++)
        hdf5_int(&body, d ? (uint64_t)dims[d] : 2, 4);
    hdf5_int(&body, o->filter ? 4 : total, o->filter ? 4 : 8);
    hdf5_message(&messages, 8, &body);
    if (!o->filter)
        return hdf5_header(o, 3, &messages);
    body.size = 0;
    hdf5_int(&body, 1, 1);
    hdf5_int(&body, 2, 7);
    for (int i = 0; i < 2; i++) { /* number, length of no name, flags, one value and what fills it up */
        hdf5_int(&body, i ? HDF5_DEFLATE : (uint64_t)o->filter, 4);
        hdf5_int(&body, 0, 2);
        hdf5_int(&body, 1, 2);
        hdf5_int(&body, 4, 8);
    }
    hdf5_message(&messages, 11, &body);
    return hdf5_header(o, 4, &messages);
}

static inline void hdf5_attribute(hdf5_out *messages, const hdf5_attr *a)
{
    static hdf5_out body;
    const int count = a->count < 0 ? 1 : a->count;
    const int64_t dim = count;
    size_t width = 1;
    for (int i = 0; i < count; i++)
        width = strlen(a->texts[i]) > width ? strlen(a->texts[i]) : width;
    body.size = 0;
    hdf5_int(&body, 1, 2);
    hdf5_int(&body, strlen(a->name) + 1, 2);
    hdf5_int(&body, 8, 2);
    hdf5_int(&body, a->count < 0 ? 8 : 16, 2);
    hdf5_bytes(&body, a->name, strlen(a->name) + 1, 8);
    hdf5_int(&body, 0x13, 4); /* text of a fixed length */
    hdf5_int(&body, width, 4);
    hdf5_space(&body, &dim, a->count < 0 ? 0 : 1);
    for (int i = 0; i < count; i++) {
        memset(body.data + body.size, 0, width);
        memcpy(body.data + body.size, a->texts[i], strlen(a->texts[i]));
        body.size += width;
    }
    hdf5_message(messages, 12, &body);
}

/* A group; its address. */
static inline uint64_t hdf5_group(hdf5_out *o, const hdf5_member *members, int count, const hdf5_attr *attrs,
                                  int n_attrs)
{
    static hdf5_out messages, body;
    size_t names = 8;
    for (int i = 0; i < count; i++)
        names += (strlen(members[i].name) + 8) / 8 * 8;
    const uint64_t heap = o->size;
    hdf5_bytes(o, "HEAP\0\0\0\0", 8, 1);
    hdf5_int(o, names, 8);
    hdf5_int(o, 1, 8);
    hdf5_int(o, heap + 32, 8);
    hdf5_int(o, 0, 8);
    for (int i = 0; i < count; i++)
        hdf5_bytes(o, members[i].name, strlen(members[i].name) + 1, 8);
    const uint64_t symbols = o->size;
    hdf5_bytes(o, "SNOD\1\0", 6, 1);
    hdf5_int(o, (uint64_t)count, 2);
    for (int i = 0, at = 8; i < count; i++) {
        hdf5_int(o, (uint64_t)at, 8);
        hdf5_int(o, members[i].address, 8);
        hdf5_int(o, 0, 8);
        hdf5_int(o, 0, 8);
        hdf5_int(o, 0, 8);
        at += (int)(strlen(members[i].name) + 8) / 8 * 8;
    }
    const uint64_t tree = o->size;
    hdf5_bytes(o, "TREE\0\0", 6, 1);
    hdf5_int(o, count ? 1 : 0, 2);
    hdf5_int(o, UINT64_MAX, 8);
    hdf5_int(o, UINT64_MAX, 8);
    hdf5_int(o, 0, 8);
    hdf5_int(o, symbols, 8);
    hdf5_int(o, 0, 8);
    messages.size = body.size = 0;
    hdf5_int(&body, tree, 8);
    hdf5_int(&body, heap, 8);
    hdf5_message(&messages, 17, &body);
    for (int i = 0; i < n_attrs; i++)
        hdf5_attribute(&messages, &attrs[i]);
    return hdf5_header(o, 1 + n_attrs, &messages);
}

/* Writes the superblock, with the address of the root's header. */
static inline void hdf5_end(hdf5_out *o, uint64_t root)
{
    const size_t end = o->size;
    o->size = 0;
    hdf5_bytes(o, "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0", 24, 1);
    hdf5_int(o, 0, 8);
    hdf5_int(o, UINT64_MAX, 8);
    hdf5_int(o, end, 8);
    hdf5_int(o, UINT64_MAX, 8);
    hdf5_int(o, 0, 8);
    hdf5_int(o, root, 8);
    hdf5_int(o, 0, 8);
    hdf5_int(o, 0, 8);
    hdf5_int(o, 0, 8);
    o->size = end;
}

#endif
