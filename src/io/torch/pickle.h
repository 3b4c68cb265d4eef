/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of pickles (protocols 2 to 5) that builds values and executes nothing. What a pickle calls by name is handed
 * to the hooks, which know a few names and refuse the others. Memory is bounded by the size of the file.
 */
#ifndef FV_IO_PICKLE_H
#define FV_IO_PICKLE_H

#include "io/tensor_file.h"

typedef enum fv_pickle_kind {
    FV_PICKLE_NONE,
    FV_PICKLE_INT, /* truth values too */
    FV_PICKLE_REAL,
    FV_PICKLE_TEXT,   /* UTF-8, a byte string or bytes; NUL-terminated behind `size` */
    FV_PICKLE_TUPLE,  /* item[0..count) */
    FV_PICKLE_LIST,   /* and sets */
    FV_PICKLE_DICT,   /* item[0..2 count): key, value, key, value */
    FV_PICKLE_GLOBAL, /* text "module.name", number of the hooks' row */
    FV_PICKLE_STORAGE,
    FV_PICKLE_TENSOR,
    FV_PICKLE_OPAQUE, /* something harmless that is not looked at */
} fv_pickle_kind;

/* Numbers that tensors share. */
typedef struct fv_pickle_storage {
    const char *key;
    int dtype;     /* fv_dtype; -1: bytes, as the tensor says */
    int64_t count; /* elements, or bytes */
    const uint8_t *data;
    int64_t bytes; /* of data */
} fv_pickle_storage;

typedef struct fv_pickle_tensor {
    const fv_pickle_storage *storage;
    int dtype;
    int64_t offset;
    fv_shape shape;
    int64_t stride[FV_MAX_RANK];
} fv_pickle_tensor;

typedef struct fv_pickle_value {
    fv_pickle_kind kind;
    int64_t integer; /* INT; GLOBAL: row; DICT: 1 where it stands for an object of a class */
    double real;
    const char *text;
    int64_t size; /* bytes of text */
    struct fv_pickle_value **item;
    int64_t count, capacity;
    fv_pickle_storage *storage;
    fv_pickle_tensor *tensor;
} fv_pickle_value;

typedef struct fv_pickle fv_pickle;
typedef struct fv_pickle_hooks {
    /* The row of a name; -1: refused. */
    int (*find)(void *user, const char *module, const char *name);
    /* What calling a name with `args` (a tuple) gives. */
    fv_status (*call)(fv_pickle *p, const fv_pickle_value *global, fv_pickle_value *args, fv_pickle_value **result);
    /* What an identifier of something outside the pickle stands for. */
    fv_status (*outside)(fv_pickle *p, const fv_pickle_value *id, fv_pickle_value **result);
    void *user;
} fv_pickle_hooks;

/* The room that a pickle may take: `budget` bytes, counted down. */
struct fv_pickle {
    fv_tensor_file *file;
    const fv_pickle_hooks *hooks;
    const uint8_t *data;
    int64_t size, at;
    int64_t budget;
    fv_status status; /* why memory could not be had */
    fv_pickle_value **stack, **memo, **marks;
    int64_t depth, memo_count, n_marks;
    int64_t stack_capacity, memo_capacity, marks_capacity;
    fv_pickle_value none;
};

/* Reads one pickle from data[0..size); *used: its bytes. *value and all in it live as long as the file. */
fv_status fv_pickle_read(fv_pickle *p, const uint8_t *data, int64_t size, fv_pickle_value **value, int64_t *used);

/* For hooks. Memory against the budget; a value of a kind. */
void *fv_pickle_alloc(fv_pickle *p, int64_t size);
fv_pickle_value *fv_pickle_make(fv_pickle *p, fv_pickle_kind kind);
/* Appends n values to a list, tuple or dict (key, value, ...); false: p->status. */
bool fv_pickle_append(fv_pickle *p, fv_pickle_value *list, fv_pickle_value *const *item, int64_t n);
/* The value of a text key of a DICT; NULL: none. */
fv_pickle_value *fv_pickle_get(const fv_pickle_value *dict, const char *key);

#endif
