/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorBoard event files. A file is a row of records: u64 length, u32 masked CRC-32C of the length, the bytes, u32
 * masked CRC-32C of the bytes; numbers are little endian. The bytes are a protocol buffer `Event` (TensorFlow,
 * core/util/event.proto): 1 wall_time double, 2 step int64, 3 file_version string, 5 summary; a summary is a row of
 * values: 1 tag string, 2 simple_value float, 4 image (1 height, 2 width, 3 colorspace, 4 encoded_image_string), 5
 * histogram, 9 metadata. The first record holds the version "brain.Event:2".
 */
#ifndef FV_REPORT_EVENTS_H
#define FV_REPORT_EVENTS_H

#include "base/text.h"
#include "report/picture.h"

typedef struct fv_events {
    fv_ctx *ctx;
    char *path;
    int fd;
    int64_t size;   /* of the whole records: what a failed write leaves behind it is cut off */
    fv_str pending; /* records that are not written yet */
} fv_events;

typedef struct fv_scalar {
    const char *tag;
    double value; /* not finite: left out */
} fv_scalar;

/* Makes dir (with parents) and in it events.out.tfevents.SECONDS.HOST.PID.N with the version record; N is the first
 * number from 0 that is free. */
fv_status fv_events_open(fv_ctx *ctx, const char *dir, fv_events **events);
/* Appends one event with these scalars, in one write; nothing when none is finite. */
fv_status fv_events_put(fv_events *events, int64_t step, const fv_scalar *scalars, int count);
/* The same, to be written with later ones: by the next put or flush, or when they are many. What cannot be written is
 * lost. */
fv_status fv_events_add(fv_events *events, int64_t step, const fv_scalar *scalars, int count);
/* The same of a summary, which is freed; nothing when it is empty. */
fv_status fv_events_add_summary(fv_events *events, int64_t step, fv_str *summary);
fv_status fv_events_flush(fv_events *events);
/* One value of a summary, which is freed. */
fv_status fv_events_put_value(fv_events *events, int64_t step, fv_str *value);
fv_status fv_events_put_image(fv_events *events, int64_t step, const char *tag, const fv_picture *picture);
/* For TensorBoard's table of hyperparameters: the lines `key: value` of a recipe; whether the run came to its end. */
fv_status fv_events_begin_run(fv_events *events, const char *recipe);
fv_status fv_events_end_run(fv_events *events, bool good);
/* Flushes, as far as that is possible. */
void fv_events_close(fv_events **events);
/* How far a run has come: epochs that are done, those whose last step is, and steps. */
typedef struct fv_events_done {
    int64_t epochs, last_steps, steps;
} fv_events_done;
/* Cuts off, in every file of dir, what a resumed run will write again, from the first event on that lies behind what is
 * done: an epoch's (tags epoch_...), one of its last step (weights/..., gradients/...), or a step's (all other tags);
 * and half a record. */
fv_status fv_events_cut(fv_ctx *ctx, const char *dir, const fv_events_done *done);
/* Whether a file of dir has a value with that tag and step as the first of its event. */
fv_status fv_events_find(fv_ctx *ctx, const char *dir, const char *tag, int64_t step, bool *found);
/* Removes the event files of earlier runs from dir; *removed counts them. A folder that is not there has none. */
fv_status fv_events_remove(fv_ctx *ctx, const char *dir, int64_t *removed);

#endif
