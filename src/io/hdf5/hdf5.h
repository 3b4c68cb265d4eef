/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HDF5 files in memory: groups, arrays and attributes as far as files of tensors need them. Files are untrusted: every
 * address, size and count is checked against the bytes there are before it is used, and the work is bounded by them.
 * Read are superblocks 0 to 3, both kinds of object headers, groups as symbol tables or compact links, arrays of
 * numbers in one piece or in chunks (plain, or through deflate and shuffle), attributes of text.
 */
#ifndef FV_IO_HDF5_HDF5_H
#define FV_IO_HDF5_HDF5_H

#include <fovea/tensor.h>

#include "base/arena.h"

typedef enum fv_hdf5_kind { FV_HDF5_OTHER, FV_HDF5_NUMBERS, FV_HDF5_TEXT, FV_HDF5_TEXT_APART } fv_hdf5_kind;

enum { FV_HDF5_FILTERS_MAX = 8 };

/* An array in chunks. */
typedef struct fv_hdf5_chunks {
    int64_t dim[FV_MAX_RANK];        /* of a chunk */
    int filter[FV_HDF5_FILTERS_MAX]; /* in the order in which they were applied */
    int n_filters;
    bool single;    /* one chunk; else `at` is a tree of them */
    uint64_t at;    /* NOWHERE: never written */
    uint64_t bytes; /* of the only chunk, as it is stored */
    uint32_t mask;  /* bit i: filter i was left out of it */
} fv_hdf5_chunks;

/* Elements of an attribute or of an array. */
typedef struct fv_hdf5_values {
    fv_hdf5_kind kind;
    fv_dtype dtype;      /* NUMBERS */
    bool opaque;         /* two bytes each without a meaning: bf16 as Keras writes it */
    int64_t item_bytes;  /* in the file; TEXT_APART: 16, where the text is */
    fv_shape shape;      /* rank above FV_MAX_RANK: NUMBERS becomes OTHER */
    int64_t count;       /* of elements */
    const uint8_t *data; /* in the file, count * item_bytes; NULL: not to be had, or in chunks */
    const fv_hdf5_chunks *chunks;
} fv_hdf5_values;

typedef struct fv_hdf5_attribute {
    const char *name;
    fv_hdf5_values values;
    struct fv_hdf5_attribute *next;
} fv_hdf5_attribute;

typedef struct fv_hdf5_node {
    const char *name; /* in its group; the root's is "" */
    bool group;
    struct fv_hdf5_node *child; /* of a group, in the file's order */
    struct fv_hdf5_node *next;
    fv_hdf5_attribute *attribute;
    fv_hdf5_values values; /* of an array */
    const char *problem;   /* why `values` cannot be had; NULL: they can */
} fv_hdf5_node;

typedef struct fv_hdf5_file {
    fv_ctx *ctx;
    const char *name; /* for messages */
    fv_arena *arena;
    const uint8_t *data; /* from the superblock on */
    int64_t size;
    int64_t work; /* bytes that may still be looked at */
    int64_t left; /* bytes that elements from chunks may still take */
    fv_hdf5_node root;
} fv_hdf5_file;

bool fv_hdf5_is(const uint8_t *data, int64_t size);
/* Reads the tree of a file; `data` must outlive it, what is made lives in `arena`. MODEL_FORMAT, UNSUPPORTED. */
fv_status fv_hdf5_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena,
                       fv_hdf5_file *file);

const fv_hdf5_node *fv_hdf5_child(const fv_hdf5_node *group, const char *name);
/* By a path with '/' between names. */
const fv_hdf5_node *fv_hdf5_find(const fv_hdf5_node *group, const char *path);
const fv_hdf5_values *fv_hdf5_attribute_of(const fv_hdf5_node *node, const char *name);
/* The elements of an array whose `problem` is NULL, those of chunks put together in the file's arena. MODEL_FORMAT. */
fv_status fv_hdf5_elements(fv_hdf5_file *file, const fv_hdf5_node *node, const uint8_t **data);
/* Element i as text, which is in the file and does not end with NUL. */
fv_status fv_hdf5_text(const fv_hdf5_file *file, const fv_hdf5_values *values, int64_t i, const char **text,
                       int64_t *size);

/* ---- between the files of this folder ---- */

#define FV_HDF5_NOWHERE UINT64_MAX

typedef struct fv_hdf5_link {
    const char *name;
    uint64_t address;
    struct fv_hdf5_link *next;
} fv_hdf5_link;

/* What the messages of an object's header say. */
typedef struct fv_hdf5_header {
    uint64_t tree, heap; /* a symbol table; NOWHERE: none */
    bool has_space, has_type, has_layout;
    fv_hdf5_values values; /* of space, type and layout together */
    const char *problem;
    bool dense;         /* links in a heap of their own */
    fv_hdf5_link *link; /* compact links */
    fv_hdf5_attribute *attribute;
} fv_hdf5_header;

/* The bytes [at, at + size); NULL: not within the file. */
const uint8_t *fv_hdf5_bytes(const fv_hdf5_file *file, uint64_t at, uint64_t size);
fv_status fv_hdf5_bad(const fv_hdf5_file *file, const char *what, uint64_t at);
/* Takes from the work that may be done. */
fv_status fv_hdf5_spend(fv_hdf5_file *file, int64_t bytes);
fv_status fv_hdf5_read_header(fv_hdf5_file *file, uint64_t at, fv_hdf5_header *header);

/* What a message says of filters, and a layout (of version 1 to 4, class 2) of chunks. The problem; NULL: none. */
const char *fv_hdf5_read_filters(const uint8_t *data, uint64_t size, fv_hdf5_chunks *chunks);
const char *fv_hdf5_read_chunks(const uint8_t *data, uint64_t size, const fv_hdf5_values *v, fv_hdf5_chunks *chunks);

static inline uint64_t fv_hdf5_number(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

#endif
