/* SPDX-License-Identifier: Apache-2.0 */
/* The run folder: its lock, its place on the disk, results.csv and events.jsonl. */
#ifndef FV_TRAIN_JOURNAL_H
#define FV_TRAIN_JOURNAL_H

#include <fovea/train.h>

#include "base/file.h"
#include "base/text.h"

typedef struct fv_journal {
    fv_ctx *ctx;
    char *dir, *weights; /* run folder and its weights/ */
    fv_lock lock;
    int results, events, norms; /* file descriptors, -1: closed */
    double start;
    bool has_gap; /* a line was lost, and that was said */
    fv_str line;  /* of the logs, made in room that is there from the start: a run must not end because of a line */
} fv_journal;

/* Makes and locks the folder, and changes nothing else in it. */
fv_status fv_journal_open(fv_ctx *ctx, const char *dir, fv_journal **journal);

typedef struct fv_journal_start {
    const char *arguments;    /* text of args.yaml; NULL: none is written */
    int64_t checkpoint_bytes; /* there must be room for three */
    int64_t epoch_files;      /* and for so many models of epochs, */
    int64_t model_bytes;      /* each of that size */
    bool resumed;
    int64_t epoch, step; /* resumed: epochs that are done, and steps of the run */
    double seconds;      /* resumed: that the run took so far */
} fv_journal_start;
/*
 * Checks that the folder can be written and has room, removes what killed writers left, writes args.yaml, opens the
 * logs. A fresh run empties them; a resumed one keeps the lines of results.csv up to its epoch and those of norms.csv
 * up to its step (later ones will be written again), and its clock goes on.
 */
fv_status fv_journal_begin(fv_journal *journal, const fv_journal_start *start);
/* A text file of the folder. */
fv_status fv_journal_write(const fv_journal *journal, const char *name, const char *text);
/* Hints at the command that goes on with the run, and what to wait for first (""); returns status. */
fv_status fv_journal_hint(const fv_journal *journal, fv_status status, const char *when);
void fv_journal_close(fv_journal **journal);

/* Writes the line that was made in `line`, and empties it. One that cannot be written is reported through the log. */
void fv_journal_put(fv_journal *journal, int fd);
/* Appends to the logs. A line that cannot be written is reported through the log and does not stop the run. */
void fv_journal_event(fv_journal *journal, const fv_fit_event *event);

#endif
