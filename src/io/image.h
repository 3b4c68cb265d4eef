/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image decoding without messages in the context: failures are told in a struct, so that decoding threads do not
 * overwrite each other's text. A format is one file with one `fv_image_format` and one row in
 * image_formats.def.
 */
#ifndef FV_IO_IMAGE_H
#define FV_IO_IMAGE_H

#include <fovea/data.h>

#include "base/ctx.h"

/* Rows of the published table of faults that decoding can find. */
typedef enum fv_image_fault {
    FV_FAULT_NONE = 0,
    FV_FAULT_TRUNCATED = 1,
    FV_FAULT_MARKERS = 2,
    FV_FAULT_EMPTY = 3,
    FV_FAULT_NOT_IMAGE = 4,
    FV_FAULT_CMYK = 5,
    FV_FAULT_CHANNELS = 6,
    FV_FAULT_SIXTEEN_BIT = 8,
    FV_FAULT_ORIENTATION = 9,
    FV_FAULT_ICC = 10,
    FV_FAULT_CODING = 11,
    FV_FAULT_TOO_LARGE = 12,
    FV_FAULT_TINY = 13,
    FV_FAULT_ANIMATED = 14,
    FV_FAULT_NOT_FINITE = 16,
    FV_FAULT_NPY = 17,
    FV_FAULT_CLASSES = 18,
    FV_FAULT_EMPTY_CLASS = 19,
    FV_FAULT_LAYOUT = 24,
    FV_FAULT_VANISHED = 32,
    FV_FAULT_ONE_CLASS = 34,
    FV_FAULT_PACK = 35,
    FV_FAULT_STALLED = 37,
    FV_FAULT_MACHINE = 81, /* the machine's, not the file's: no descriptors, no memory, a server that is away */
} fv_image_fault;

/* Why an image could not be decoded. */
typedef struct fv_image_error {
    fv_status status;
    fv_image_fault fault;
    int64_t byte; /* where in the file; -1 */
    int64_t h, w; /* what the header said, where its size was what was refused; else 0 */
    char text[256];
} fv_image_error;

/*
 * A caller that needs only a part of the image, or needs it smaller, says so here: once the size is known (upright,
 * as fv_image will have it) `choose` names the box [y0, y1) x [x0, x1) that it will use and the size h x w that it
 * will resize the box to. The decoder may then give just that part, whose pixels are those of the whole image; and,
 * with options.fast only, the whole at 1/2, 1/4 or 1/8 of the size. What it gave is told in the other members. A
 * decoder that gives everything leaves them as they were set: y = x = 0, step = 1. Whether a file is found to be
 * damaged does not depend on the box.
 */
typedef struct fv_image_request {
    void (*choose)(struct fv_image_request *request, int64_t h, int64_t w);
    double y0, x0, y1, x1; /* the box, in pixels of the whole image */
    int64_t h, w;
    int64_t full_h, full_w; /* size of the whole image */
    double y, x, step;      /* the decoded image's top left corner in the whole image, and pixels per decoded pixel */
} fv_image_request;

/* One decoding: what goes in and what comes out. `image` and `notes` are zeroed, `error` is set on failure only. */
typedef struct fv_image_job {
    fv_ctx *ctx;
    const uint8_t *data;
    size_t size;
    fv_decode_options options; /* max_pixels resolved */
    fv_image_request *request; /* may be NULL */
    fv_image image;
    fv_decode_notes notes;
    fv_image_error *error;
    int orientation; /* EXIF, 1 to 8: how the stored rows lie; applied by the caller of decode */
} fv_image_job;

typedef struct fv_image_format {
    const char *name;       /* "jpeg" */
    const char *title;      /* "JPEG" */
    const char *extensions; /* " jpg jpeg ": what such files are usually called, the most usual first */
    const char *library;    /* an optional one that it needs, or NULL */
    bool missing;           /* this build lacks it: decode only says so */
    bool (*sniff)(const uint8_t *data, size_t size);
    /* Fills job->image (the caller frees it even on failure), notes and orientation. */
    fv_status (*decode)(fv_image_job *job);
} fv_image_format;

#define FV_IMAGE_FORMAT(name) extern const fv_image_format fv_image_##name;
#include "io/image_formats.def"
#undef FV_IMAGE_FORMAT

/* What an errno says of a file that cannot be opened or read. */
typedef struct fv_read_fault {
    fv_status status;
    fv_image_fault fault;
} fv_read_fault;
fv_read_fault fv_read_fault_of(int error);
/* Whether a sample that could not be read is worth another try, behind `tries` of them. What the machine lacks may come
 * back: five more, after pauses of `pause` ms, four times that and so on; another failure of reading gets one. */
bool fv_read_again(const fv_image_error *error, int tries, long pause);
enum { FV_READ_PAUSE = 10 }; /* 3.4 s in all */

/* Fills the job's error and returns status. */
fv_status fv_image_fail(fv_image_job *job, fv_status status, fv_image_fault fault, int64_t byte, const char *format,
                        ...) FV_PRINTF(5, 6);
/* Refuses an empty image and one above max_pixels: to be called with the header's numbers, before any allocation. */
fv_status fv_image_check_size(fv_image_job *job, int64_t h, int64_t w);
/* Whether the context has `bytes` for decoding, to be asked before they are allocated. Little is always granted: plans
 * leave room for the images that they have looked at. OVER_BUDGET. */
fv_status fv_image_afford(fv_image_job *job, int64_t bytes);
/* Allocates job->image, where there is room for it and for what becomes of it: 8 bits, turned upright. */
fv_status fv_image_alloc(fv_image_job *job, int64_t h, int64_t w, int64_t c, fv_depth depth);
/* A file that ends too early: at `byte`, in row `row` of the image (negative: before the first). With `salvage` and an
 * allocated image the rows from `row` on become grey and the status is OK. */
fv_status fv_image_truncated(fv_image_job *job, const char *title, int64_t byte, int64_t row);
/* Refuses a format whose library this build lacks. */
fv_status fv_image_lacks(fv_image_job *job, const fv_image_format *format);
/* Unless options.keep_depth: 16 bits to 8 as round(v 255 / 65535), floats as round(255 v) with v cut off to [0, 1]. */
fv_status fv_image_reduce(fv_image_job *job);
/* Refuses an image of floats that has a NaN or an infinity, naming the first by row, column and channel; notes what is
 * outside 0 to 1. */
fv_status fv_image_check_finite(fv_image_job *job);
/* Remembers a decoder's warning: the first one's text is kept. */
void fv_image_warn(fv_image_job *job, const char *text);

/* Rows [y0, y1) and columns [x0, x1) as the file stores them. */
typedef struct fv_image_part {
    int64_t y0, x0, y1, x1;
} fv_image_part;
/* For decoders that can give a part: with the size h x w as stored and job->orientation known, has the request choose
 * (at most once per decoding) and returns the smallest part that holds the box; without a request the whole. */
fv_image_part fv_image_ask(fv_image_job *job, int64_t h, int64_t w);
/* job->image is that part: tells the request, in upright coordinates. */
void fv_image_gave(fv_image_job *job, int64_t h, int64_t w, const fv_image_part *part);

/* How the stored row and column of an upright pixel (y, x) are found: swapped first, then counted from the end. */
typedef struct fv_orientation {
    bool swap, flip_row, flip_col;
} fv_orientation;
fv_orientation fv_orientation_get(int orientation);
/* Orientation (1 to 8) in a TIFF structure as EXIF has it ("II*\0..." or "MM\0*..."); 1 when absent or malformed. */
int fv_exif_orientation(const uint8_t *data, size_t size);
/* Turns the image so that its first row is the top and its first column the left side. */
fv_status fv_image_orient(fv_ctx *ctx, fv_image *image, int orientation);

/* As fv_image_decode and fv_image_read, telling failures in *error instead of the context. request may be NULL. */
fv_status fv_image_decode_quiet(fv_ctx *ctx, const void *data, size_t size, const fv_decode_options *options,
                                fv_image_request *request, fv_image *image, fv_decode_notes *notes,
                                fv_image_error *error);
fv_status fv_image_read_quiet(fv_ctx *ctx, const char *path, const fv_decode_options *options,
                              fv_image_request *request, fv_image *image, fv_decode_notes *notes,
                              fv_image_error *error);
/* The format that content belongs to, or that has a name; NULL when there is none. */
const fv_image_format *fv_image_sniff(const uint8_t *data, size_t size);
const fv_image_format *fv_image_format_find(const char *name);
/* Whether a file of that name is usually of that format; true also for names without a known extension. */
bool fv_image_extension_fits(const fv_image_format *format, const char *path);
/* Whether files of some format are called so ("jpg"), in any case of letters. */
bool fv_image_extension_known(const char *extension);
/* What content looks like ("HTML", "a GIF image"), for messages. Static storage. */
const char *fv_image_looks_like(const uint8_t *data, size_t size);

#endif
