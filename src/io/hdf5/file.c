/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole: superblock, groups and what is in them. */
#include <inttypes.h>
#include <string.h>

#include "io/hdf5/hdf5.h"

static const char signature[] = "\x89HDF\r\n\x1a\n";

enum {
    DEPTH_MAX = 32,
    LEVELS_MAX = 24,
    NODE_COST = 256,
    WORK_PER_BYTE = 8,
    WORK_FREE = 1 << 20,
    CHUNKS_PER_BYTE = 4,
    CHUNKS_FREE = 8 << 20
};

/* ---- what all use ---- */

const uint8_t *fv_hdf5_bytes(const fv_hdf5_file *file, uint64_t at, uint64_t size)
{
    const uint64_t all = (uint64_t)file->size;
    return at <= all && size <= all - at ? file->data + at : NULL;
}

fv_status fv_hdf5_bad(const fv_hdf5_file *file, const char *what, uint64_t at)
{
    if (at == 0)
        return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: HDF5: %s", file->name, what);
    return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: HDF5: %s (byte %" PRIu64 ")", file->name, what, at);
}

fv_status fv_hdf5_spend(fv_hdf5_file *file, int64_t bytes)
{
    if (bytes > file->work)
        return fv_hdf5_bad(file, "its groups and headers refer to each other without end", 0);
    file->work -= bytes;
    return FV_OK;
}

/* ---- groups ---- */

/* A group that is being filled. */
typedef struct filling {
    fv_hdf5_file *file;
    fv_hdf5_node *group, **end; /* end: where the next child goes */
    const char *names;          /* of a symbol table */
    uint64_t names_size;
    int depth;
} filling;

static fv_status read_object(fv_hdf5_file *file, uint64_t at, int depth, fv_hdf5_node *node);

static fv_status add_child(filling *f, const char *name, uint64_t at)
{
    FV_TRY(fv_hdf5_spend(f->file, NODE_COST));
    fv_hdf5_node *node = fv_arena_alloc(f->file->arena, sizeof *node);
    if (!node)
        return FV_ERR_NO_MEMORY;
    *node = (fv_hdf5_node){.name = name};
    *f->end = node;
    f->end = &node->next;
    return read_object(f->file, at, f->depth + 1, node);
}

/* Entries of 40 bytes: where the name is, where the object is, and whether it is only a link by name (2). */
static fv_status read_symbols(filling *f, uint64_t at)
{
    const uint8_t *p = fv_hdf5_bytes(f->file, at, 8);
    const uint64_t count = p ? fv_hdf5_number(p + 6, 2) : 0;
    if (!p || memcmp(p, "SNOD", 4) != 0 || !fv_hdf5_bytes(f->file, at, 8 + 40 * count))
        return fv_hdf5_bad(f->file, "the names of a group are damaged", at);
    FV_TRY(fv_hdf5_spend(f->file, (int64_t)(8 + 40 * count)));
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *entry = p + 8 + 40 * i;
        const uint64_t name = fv_hdf5_number(entry, 8);
        if (fv_hdf5_number(entry + 16, 4) == 2)
            continue;
        if (name >= f->names_size || !memchr(f->names + name, '\0', f->names_size - name))
            return fv_hdf5_bad(f->file, "a name of a group lies outside of its names", at);
        FV_TRY(add_child(f, f->names + name, fv_hdf5_number(entry + 8, 8)));
    }
    return FV_OK;
}

/* Nodes of the tree have keys between their children: key child key child key. */
static fv_status read_tree(filling *f, uint64_t at, int level)
{
    const uint8_t *p = fv_hdf5_bytes(f->file, at, 24);
    const uint64_t count = p ? fv_hdf5_number(p + 6, 2) : 0;
    if (!p || memcmp(p, "TREE", 4) != 0 || p[4] != 0 || p[5] > level || !fv_hdf5_bytes(f->file, at, 32 + 16 * count))
        return fv_hdf5_bad(f->file, "the index of a group is damaged", at);
    FV_TRY(fv_hdf5_spend(f->file, (int64_t)(32 + 16 * count)));
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t child = fv_hdf5_number(p + 32 + 16 * i, 8);
        FV_TRY(p[5] ? read_tree(f, child, p[5] - 1) : read_symbols(f, child));
    }
    return FV_OK;
}

static fv_status read_symbol_table(filling *f, uint64_t tree, uint64_t heap)
{
    const uint8_t *p = fv_hdf5_bytes(f->file, heap, 32);
    if (!p || memcmp(p, "HEAP", 4) != 0)
        return fv_hdf5_bad(f->file, "the names of a group are damaged", heap);
    f->names_size = fv_hdf5_number(p + 8, 8);
    f->names = (const char *)fv_hdf5_bytes(f->file, fv_hdf5_number(p + 24, 8), f->names_size);
    if (!f->names)
        return fv_hdf5_bad(f->file, "the names of a group lie outside of the file", heap);
    return read_tree(f, tree, LEVELS_MAX);
}

static fv_status read_object(fv_hdf5_file *file, uint64_t at, int depth, fv_hdf5_node *node)
{
    fv_hdf5_header h;
    if (depth > DEPTH_MAX)
        return fv_hdf5_bad(file, "groups within each other, more than 32 deep", at);
    FV_TRY(fv_hdf5_read_header(file, at, &h));
    node->attribute = h.attribute;
    node->values = h.values;
    node->problem = h.problem;
    node->group = !h.has_layout;
    filling f = {.file = file, .group = node, .end = &node->child, .depth = depth};
    if (!node->group)
        return FV_OK;
    if (h.dense)
        return fv_fail_hint(file->ctx,
                            fv_fail(file->ctx, FV_ERR_UNSUPPORTED,
                                    "%s: HDF5: the group '%.100s' has its links in a heap, a form that is not read",
                                    file->name, node->name),
                            "save it again without libver='latest' and track_order");
    if (h.tree != FV_HDF5_NOWHERE)
        FV_TRY(read_symbol_table(&f, h.tree, h.heap));
    for (const fv_hdf5_link *link = h.link; link; link = link->next)
        FV_TRY(add_child(&f, link->name, link->address));
    return FV_OK;
}

/* ---- superblock ---- */

/* Where it is: at the beginning, or behind 512 bytes of the user's, or twice as many, and so on. */
static int64_t superblock(const uint8_t *data, int64_t size)
{
    for (int64_t at = 0; at <= size - 8; at = at ? 2 * at : 512)
        if (memcmp(data + at, signature, 8) == 0)
            return at;
    return -1;
}

bool fv_hdf5_is(const uint8_t *data, int64_t size)
{
    return superblock(data, size) >= 0;
}

fv_status fv_hdf5_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena,
                       fv_hdf5_file *file)
{
    const int64_t at = superblock(data, size);
    *file = (fv_hdf5_file){.ctx = ctx, .name = name, .arena = arena, .root.name = ""};
    if (at < 0)
        return fv_hdf5_bad(file, "it does not begin as HDF5 does", 0);
    file->data = data + at;
    file->size = size - at;
    file->work = file->size < INT64_MAX / 16 ? WORK_PER_BYTE * file->size + WORK_FREE : INT64_MAX;
    file->left = file->size < INT64_MAX / 16 ? CHUNKS_PER_BYTE * file->size + CHUNKS_FREE : INT64_MAX;
    const uint8_t *p = fv_hdf5_bytes(file, 0, 96);
    if (!p)
        return fv_hdf5_bad(file, "the file is cut short", 0);
    const int version = p[8];
    if (version > 3)
        return fv_hdf5_bad(file, "a version of the format that is not known", 8);
    const int widths = version < 2 ? 13 : 9, more = version == 1 ? 4 : 0;
    if (p[widths] != 8 || p[widths + 1] != 8)
        return fv_hdf5_bad(file, "addresses that are not 8 bytes wide", (uint64_t)widths);
    const uint64_t end = fv_hdf5_number(p + (version < 2 ? 40 + more : 28), 8);
    if (end > (uint64_t)file->size && end > (uint64_t)size)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT,
                       "%s: HDF5: the file is cut short: %" PRIi64 " of %" PRIu64 " bytes are there", name, size, end);
    return read_object(file, fv_hdf5_number(p + (version < 2 ? 64 + more : 36), 8), 0, &file->root);
}

/* ---- looking ---- */

static const fv_hdf5_node *child_of(const fv_hdf5_node *group, const char *name, size_t length)
{
    for (const fv_hdf5_node *node = group->child; node; node = node->next)
        if (strncmp(node->name, name, length) == 0 && node->name[length] == '\0')
            return node;
    return NULL;
}

const fv_hdf5_node *fv_hdf5_child(const fv_hdf5_node *group, const char *name)
{
    return child_of(group, name, strlen(name));
}

const fv_hdf5_node *fv_hdf5_find(const fv_hdf5_node *group, const char *path)
{
    while (group && *path) {
        const size_t length = strcspn(path, "/");
        if (length)
            group = child_of(group, path, length);
        path += length + (path[length] == '/');
    }
    return group;
}

const fv_hdf5_values *fv_hdf5_attribute_of(const fv_hdf5_node *node, const char *name)
{
    for (const fv_hdf5_attribute *a = node->attribute; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            return &a->values;
    return NULL;
}

/* Texts of any length are in a heap for all: their length, the heap's address, their number there. */
static fv_status text_apart(const fv_hdf5_file *file, const uint8_t *where, const char **text, int64_t *size)
{
    const uint64_t length = fv_hdf5_number(where, 4), at = fv_hdf5_number(where + 4, 8);
    const uint64_t index = fv_hdf5_number(where + 12, 4);
    const uint8_t *p = fv_hdf5_bytes(file, at, 16);
    *text = "";
    *size = 0;
    if (length == 0)
        return FV_OK;
    if (!p || memcmp(p, "GCOL", 4) != 0)
        return fv_hdf5_bad(file, "a text is not where its attribute says", at);
    uint64_t left = fv_hdf5_number(p + 8, 8);
    if (left < 16 || !fv_hdf5_bytes(file, at, left))
        return fv_hdf5_bad(file, "the texts of the file are cut short", at);
    for (p += 16, left -= 16; left >= 16;) {
        const uint64_t number = fv_hdf5_number(p, 2), bytes = fv_hdf5_number(p + 8, 8);
        const uint64_t whole = bytes <= left ? (bytes + 7) / 8 * 8 : left;
        if (number == 0 || whole > left - 16)
            break;
        if (number == index && length <= bytes) {
            *text = (const char *)p + 16;
            *size = (int64_t)length;
            return FV_OK;
        }
        p += 16 + whole;
        left -= 16 + whole;
    }
    return fv_hdf5_bad(file, "a text is not where its attribute says", at);
}

fv_status fv_hdf5_text(const fv_hdf5_file *file, const fv_hdf5_values *v, int64_t i, const char **text, int64_t *size)
{
    *text = "";
    *size = 0;
    if (i < 0 || i >= v->count)
        return fv_hdf5_bad(file, "an attribute is empty", 0);
    const uint8_t *p = v->data + i * v->item_bytes;
    if (v->kind == FV_HDF5_TEXT_APART)
        return text_apart(file, p, text, size);
    if (v->kind != FV_HDF5_TEXT)
        return fv_hdf5_bad(file, "an attribute is no text", 0);
    *text = (const char *)p;
    for (int64_t n = v->item_bytes; *size < n && p[*size];)
        ++*size;
    return FV_OK;
}
