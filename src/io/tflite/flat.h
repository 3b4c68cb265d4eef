/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a flatbuffer in memory. Nothing is believed: every offset is checked against the size, and what does not
 * fit reads as absent and sets `bad`. No memory is allocated.
 */
#ifndef FV_IO_TFLITE_FLAT_H
#define FV_IO_TFLITE_FLAT_H

#include "base/file.h"

typedef struct fv_flat {
    const uint8_t *data;
    int64_t size;
    bool bad; /* an offset led out of the file */
} fv_flat;

/* at 0: absent; its fields have their defaults. */
typedef struct fv_flat_table {
    fv_flat *flat;
    int64_t at;
} fv_flat_table;

/* `count` elements of the width that was asked for; data need not be aligned. */
typedef struct fv_flat_vector {
    fv_flat *flat;
    int64_t at, count;
} fv_flat_vector;

fv_flat_table fv_flat_root(fv_flat *flat);

/* Fields by number. */
bool fv_flat_has(fv_flat_table t, int field);
int64_t fv_flat_byte(fv_flat_table t, int field, int64_t otherwise); /* signed */
int64_t fv_flat_int(fv_flat_table t, int field, int64_t otherwise);
int64_t fv_flat_long(fv_flat_table t, int field, int64_t otherwise);
double fv_flat_real(fv_flat_table t, int field, double otherwise);
fv_flat_table fv_flat_child(fv_flat_table t, int field);
/* Vectors: `width` bytes an element. Texts end with NUL in the file; "" when absent. */
fv_flat_vector fv_flat_list(fv_flat_table t, int field, int width);
const char *fv_flat_text(fv_flat_table t, int field);

/* Element i of a vector; i < count. */
int64_t fv_flat_list_byte(fv_flat_vector v, int64_t i);
int64_t fv_flat_list_short(fv_flat_vector v, int64_t i); /* unsigned */
int64_t fv_flat_list_int(fv_flat_vector v, int64_t i);
int64_t fv_flat_list_long(fv_flat_vector v, int64_t i);
double fv_flat_list_real(fv_flat_vector v, int64_t i);
fv_flat_table fv_flat_list_child(fv_flat_vector v, int64_t i);
const char *fv_flat_list_text(fv_flat_vector v, int64_t i);
static inline const uint8_t *fv_flat_bytes(fv_flat_vector v)
{
    return v.count > 0 ? v.flat->data + v.at : NULL;
}

#endif
