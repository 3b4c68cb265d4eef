/* SPDX-License-Identifier: Apache-2.0 */
/* NPY, NumPy's file of one array: its header, for images and for whole data sets in one file. */
#ifndef FV_IO_NPY_H
#define FV_IO_NPY_H

#include "base/text.h"
#include "io/image.h"

#define FV_NPY_MAX_DIMS 8

typedef struct fv_npy {
    char kind;      /* 'u' unsigned, 'i' signed, 'f' float, 'b' bool */
    int item_bytes; /* of one element */
    bool big;       /* big-endian */
    bool fortran;   /* first index fastest */
    int n_dims;
    int64_t dims[FV_NPY_MAX_DIMS];
    int64_t elements;   /* product of dims, whose bytes fit in int64_t */
    int64_t data_bytes; /* elements * item_bytes */
    size_t data;        /* where the elements begin */
} fv_npy;

bool fv_npy_sniff(const uint8_t *data, size_t size);
/*
 * Reads the header from the file's first `size` bytes (the whole file, or enough of it). Only facts about the header
 * are checked, not that the elements are there. Failures go to job->error: DATA_TRUNCATED, DATA_FORMAT with fault NPY
 * (object and structured dtypes, malformed header, a shape whose bytes overflow).
 */
fv_status fv_npy_parse(fv_image_job *job, const uint8_t *data, size_t size, fv_npy *npy);
/* The header of an array, version 1.0, which ends at a multiple of 64 bytes. UNSUPPORTED: NPY has no such type. */
fv_status fv_npy_header(fv_str *out, fv_dtype dtype, const fv_shape *shape);
/* What an image may consist of: bool, uint8, uint16, float16/32/64. DATA_FORMAT, naming the dtype, for others. */
fv_status fv_npy_check_pixels(fv_image_job *job, const fv_npy *npy, fv_depth *depth);
/*
 * n elements from src, in file order, to pixels: bool to 0 or 255, uint8 and uint16 as they are, floats to float (what
 * is too large becomes infinite).
 */
void fv_npy_convert(const fv_npy *npy, const uint8_t *src, int64_t n, void *dst);

/* Whether dims, taken for height, width and channels, look like channels, height and width: 3 or 4 in front of an
 * image, or few in front of a square. */
bool fv_npy_channels_first(const int64_t dims[3]);

#endif
