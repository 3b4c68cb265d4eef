/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed YAML or JSON document as a read-only tree that knows line and column of every node. */
#ifndef FV_BASE_DOC_H
#define FV_BASE_DOC_H

#include "base/ctx.h"

typedef enum fv_doc_kind {
    FV_DOC_NULL,
    FV_DOC_BOOL,
    FV_DOC_INT,
    FV_DOC_REAL,
    FV_DOC_STRING,
    FV_DOC_LIST,
    FV_DOC_MAP
} fv_doc_kind;

typedef struct fv_doc_node {
    fv_doc_kind kind;
    int line, column;                /* 1-based, in characters */
    const char *text;                /* scalars: as written (strings: value, NUL-terminated) */
    int64_t integer;                 /* BOOL (0/1) and INT */
    double real;                     /* INT and REAL */
    int64_t count;                   /* LIST and MAP: number of children */
    const struct fv_doc_node *child; /* LIST and MAP: array of children */
    const char *key;                 /* children of a MAP */
    int key_line, key_column;
} fv_doc_node;

typedef struct fv_doc fv_doc;

/*
 * Parses text. `name` is shown in messages ("recipe.yaml:3:7: ..."). YAML: the subset of CONVENTIONS (maps, lists,
 * scalars, flow style, comments; no anchors, aliases, tags, several documents; tabs as indentation and duplicate keys
 * are errors; BOM and CRLF are accepted). Depth is limited to 64, nodes to 1,000,000. SYNTAX with name:line:column on
 * error; *doc is NULL then.
 */
fv_status fv_doc_parse_yaml(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_doc **doc);
/* JSON (RFC 8259) through jansson; duplicate keys are errors. */
fv_status fv_doc_parse_json(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_doc **doc);
/* Reads and parses a file: JSON if it begins with '{' or '[', else YAML. */
fv_status fv_doc_read(fv_ctx *ctx, const char *path, fv_doc **doc);
void fv_doc_destroy(fv_doc **doc);

const char *fv_doc_name(const fv_doc *doc);
const fv_doc_node *fv_doc_root(const fv_doc *doc);
/* Child of a map by key, or NULL. */
const fv_doc_node *fv_doc_get(const fv_doc_node *map, const char *key);

/* Records "name:line:column: text" and returns status. */
fv_status fv_doc_fail(const fv_doc *doc, const fv_doc_node *node, fv_status status, const char *format, ...)
    FV_PRINTF(4, 5);
/* Typed reading: VALUE with place, found and expected when the kind is wrong. */
fv_status fv_doc_int(const fv_doc *doc, const fv_doc_node *node, const char *what, int64_t *value);
fv_status fv_doc_real(const fv_doc *doc, const fv_doc_node *node, const char *what, double *value);
fv_status fv_doc_bool(const fv_doc *doc, const fv_doc_node *node, const char *what, bool *value);
fv_status fv_doc_string(const fv_doc *doc, const fv_doc_node *node, const char *what, const char **value);
/* UNKNOWN_OPTION naming the nearest valid key unless every key of map is among `keys` (NULL-terminated). */
fv_status fv_doc_check_keys(const fv_doc *doc, const fv_doc_node *map, const char *const *keys);

#endif
