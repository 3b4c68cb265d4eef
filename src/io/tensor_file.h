/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named tensors of a file, whatever format it is in. Files are untrusted: a reader checks everything before anything is
 * used, and executes nothing.
 */
#ifndef FV_IO_TENSOR_FILE_H
#define FV_IO_TENSOR_FILE_H

#include <fovea/tensor.h>

#include "base/arena.h"
#include "base/doc.h"
#include "base/file.h"

typedef struct fv_st_entry {
    const char *name;
    int dtype; /* fv_dtype; from FV_DTYPE_COUNT on: one that is not read as numbers (safetensors_dtype.h) */
    fv_shape shape;
    int64_t begin, end; /* safetensors: bytes within the tensor section */
    const uint8_t *data;
    bool last; /* a matrix over a flattened image: its rows are h w c, not c h w */
} fv_st_entry;

typedef struct fv_tensor_file {
    fv_ctx *ctx;
    fv_arena *arena; /* names, entries and what else lives as long as the file */
    const char *name;
    const char *format; /* "safetensors", "PyTorch", ... */
    fv_tensor **own;    /* the files' bytes, n_own of them */
    int n_own;
    fv_doc *doc;
    const fv_doc_node *metadata; /* safetensors' `__metadata__`; NULL: none */
    const uint8_t *tensors;      /* safetensors' tensor section, `size` bytes */
    int64_t size;
    fv_st_entry *entries;
    int64_t count, capacity;
    int32_t *index; /* by name: numbers of entries + 1, n_index of them, a power of two; 0: free */
    int64_t n_index;
    const char *inside; /* where in the file the tensors stood, such as "state_dict"; NULL: at its top */
} fv_tensor_file;

/*
 * Opens a file of any format that holds named tensors, chosen by its content. *file is the caller's. Errors are those
 * of the format: MODEL_FORMAT names what is wrong and where, MODEL_PICKLE the class or function that a pickle asks for
 * and that is no tensor.
 */
fv_status fv_tensor_file_open(fv_ctx *ctx, const char *path, fv_tensor_file **file);
/* The same from memory, which must outlive *file. `name` is for messages, and says where an index lies. */
fv_status fv_tensor_file_parse(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_tensor_file **file);
/* MODEL_FORMAT, saying what it is, of bytes that are no model: a web page, an archive, an image, nothing. */
fv_status fv_tensor_file_check(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size);
/* The bytes of a file of weights, whichever reader wants them: OVER_BUDGET before the first is read where the context's
 * limit leaves no room for them. */
fv_status fv_tensor_file_load(fv_ctx *ctx, const char *path, fv_blob *blob);
void fv_tensor_file_close(fv_tensor_file **file);

fv_ctx *fv_tensor_file_ctx(const fv_tensor_file *file);
const char *fv_tensor_file_name(const fv_tensor_file *file);
/* Entries; safetensors: in the order of their bytes. */
int64_t fv_tensor_file_count(const fv_tensor_file *file);
const fv_st_entry *fv_tensor_file_entry(const fv_tensor_file *file, int64_t i);
const fv_st_entry *fv_tensor_file_find(const fv_tensor_file *file, const char *name);
/* A text of `__metadata__`; NULL: absent. */
const char *fv_tensor_file_metadata(const fv_tensor_file *file, const char *key);

/* Elements [begin, begin + count) as floats, each rounded to one. MODEL_FORMAT when the dtype is not the library's. */
fv_status fv_tensor_file_floats(const fv_tensor_file *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                float *dst);
/* Elements as 64-bit integers; not for floats. */
fv_status fv_tensor_file_integers(const fv_tensor_file *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                  int64_t *dst);

/*
 * The tensor's bytes as one of the library, where they lie as those do and are the file's own; else *tensor is NULL.
 * Whoever changes its elements changes those of the file. `shape`: of as many elements.
 */
fv_status fv_tensor_file_share(const fv_tensor_file *file, const fv_st_entry *entry, const fv_shape *shape,
                               fv_tensor **tensor);

/* ---- for readers ---- */

/* An empty one; `name` is for messages. */
fv_status fv_tensor_file_create(fv_ctx *ctx, const char *name, const char *format, fv_tensor_file **file);
/* Makes the table by which names are found anew: to be called when entries or their names were changed. */
fv_status fv_tensor_file_index(fv_tensor_file *file);
/* Adds an entry (copied; its name and data must outlive the file). A name that is there already is MODEL_FORMAT. */
fv_status fv_tensor_file_add(fv_tensor_file *file, const fv_st_entry *entry);
/* Takes a file's bytes, which live as long as it and what shares them; on failure they stay the caller's. */
fv_status fv_tensor_file_take(fv_tensor_file *file, fv_blob *blob);
/* Takes the bytes of a part of it. */
fv_status fv_tensor_file_take_part(fv_tensor_file *file, const fv_tensor_file *part);
/* OVER_BUDGET where the context's limit leaves no room for so many bytes of a tensor that the file holds in fewer. */
fv_status fv_tensor_file_room(const fv_tensor_file *file, int64_t bytes);
/* FV_ERR_MODEL_FORMAT "FILE: text". */
fv_status fv_tensor_file_bad(const fv_tensor_file *file, const char *format, ...) FV_PRINTF(2, 3);

#endif
