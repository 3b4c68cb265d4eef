/* SPDX-License-Identifier: Apache-2.0 */
/* Building the tree of a document; shared by the YAML and the JSON reader. */
#ifndef FV_BASE_DOC_IMPL_H
#define FV_BASE_DOC_IMPL_H

#include "base/arena.h"
#include "base/doc.h"

#define FV_DOC_DEPTH_MAX 64
#define FV_DOC_NODES_MAX 1000000

struct fv_doc {
    fv_ctx *ctx;
    fv_arena *arena;
    const char *name;
    fv_doc_node root;
};

typedef struct fv_doc_place {
    int line, column;
} fv_doc_place;

/* A list or map that is still open. */
typedef struct fv_doc_frame {
    fv_doc_node node;
    int64_t first; /* index of its first child among the pending nodes */
} fv_doc_frame;

/*
 * Takes the nodes in document order. Children wait in `pending` until their list or map ends, and then move to the
 * arena as one array.
 */
typedef struct fv_doc_builder {
    fv_doc *doc;
    fv_doc_node *pending;
    int64_t pending_count, pending_capacity;
    int64_t nodes;
    int depth;
    bool has_root;
    /* The key that waits for its value, in the innermost map. */
    const char *key;
    fv_doc_place key_place;
    fv_doc_frame frame[FV_DOC_DEPTH_MAX];
} fv_doc_builder;

/* Creates an empty document. */
fv_status fv_doc_create(fv_ctx *ctx, const char *name, fv_doc **doc);
/* Records "name:line:column: text" and returns status. */
fv_status fv_doc_fail_at(const fv_doc *doc, fv_doc_place place, fv_status status, const char *format, ...)
    FV_PRINTF(4, 5);

/* A map is open and waits for a key. */
bool fv_doc_wants_key(const fv_doc_builder *b);
fv_status fv_doc_put_key(fv_doc_builder *b, fv_doc_place place, const char *key, size_t size);
/* A scalar whose kind and values are set; its text is copied. */
fv_status fv_doc_put_scalar(fv_doc_builder *b, fv_doc_place place, fv_doc_node node, const char *text, size_t size);
/* Sets kind and values from a plain scalar by the YAML 1.2 core schema. */
void fv_doc_resolve_plain(const char *text, fv_doc_node *node);
fv_status fv_doc_open(fv_doc_builder *b, fv_doc_place place, fv_doc_kind kind);
/* Closes the innermost list or map: SYNTAX if a map has a key twice. */
fv_status fv_doc_close(fv_doc_builder *b);
/* Frees what the builder holds (not the document). */
void fv_doc_builder_free(fv_doc_builder *b);

#endif
