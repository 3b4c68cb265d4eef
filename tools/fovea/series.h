/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several runs of `fovea train` that one verb makes, each in a run folder of its own within the verb's folder. Nothing
 * else is remembered of them: what is done follows from what was asked for (a record in the folder) and from the run
 * folders, so that a verb that was killed at any moment goes on by being asked again.
 */
#ifndef FOVEA_SERIES_H
#define FOVEA_SERIES_H

#include <jansson.h>

#include "cli.h"
#include "run_scores.h"

typedef struct series_kind {
    const char *command;    /* "tune": as in `fovea tune` */
    const char *root;       /* where folders go without --output */
    const char *record;     /* file of the folder that says what was asked for; NULL: the same command goes on */
    const char *may_differ; /* keys, a blank on both sides of each, that a resumed one may be given anew */
} series_kind;

typedef struct series {
    const series_kind *kind;
    const verb *verb;
    settings *c;
    char dir[4096];
    int lock;
    bool resumed, made; /* made: the folder, by this process */
} series;

/* Makes the folder, or finds the one that --resume goes on with; then the settings are those of the record where none
 * were given. NOT_FOUND, LOCKED, CONFLICT (another series). */
fv_status series_open(series *s, settings *c, const series_kind *kind);
void series_close(series *s);
/* Says where it is, and how it goes on. */
void series_tell(const series *s);
/* Removes a folder that was made for a series that did not come to be. */
void series_abandon(series *s);
/* Whether a folder is one of that kind. */
bool series_is_folder(const series_kind *kind, const char *dir);
/* CONFLICT, USAGE, after a message, unless the runs will be validated. */
fv_status series_check_validation(const series *s);

/* Words of a command. */
typedef struct words {
    char **word;
    int count, room;
} words;
/* The options of `fovea train` that were given, as "--key=value"; false: no memory. */
bool words_given(words *w, const settings *c);
/* Adds a word; one of the same key that is there goes. Takes the text; false: no memory. */
bool words_set(words *w, char *word);
/* Drops the word of a key. */
void words_drop(words *w, const char *key);
void words_free(words *w);
/* As one types it in a shell: "fovea train --data=..."; the caller frees. NULL: no memory. */
char *words_command(const words *w);

typedef enum series_state {
    SERIES_OPEN,     /* not there yet */
    SERIES_REACHED,  /* its scores are of all the epochs that were asked for, or of its end */
    SERIES_DIVERGED, /* as a run */
    SERIES_REFUSED   /* its settings contradict each other, or do not fit into memory */
} series_state;

typedef struct series_run {
    char name[32]; /* of its folder */
    words words;   /* of `fovea train` */
    series_state state;
    run_scores scores;
    bool trained; /* by this process, and not before */
} series_run;

/* Where a run stands by what is in its folder: `epochs` are asked for, 0: all. */
void series_look(const series *s, series_run *run, int64_t epochs);
/* Trains the run to that epoch unless it is there. `may_fail`: what its own settings spoil is told and its state says
 * so; else it is an error. INTERRUPTED after a message. */
fv_status series_train(const series *s, series_run *run, int64_t epochs, bool may_fail);
/* The settings that a run has come to, from its args.yaml: a value, "" where there is none. */
void series_setting(const series *s, const series_run *run, const char *key, char *value, size_t size);
/* Adds a line to the folder's events.jsonl; takes the object. */
fv_status series_log(const series *s, const char *event, json_t *object);
/* The score as people see it: "83.33 %", "-". */
const char *series_score_text(const series_run *run, char text[64]);
/* "done", "diverged", ...; "stopped" where it was trained and is not at its end. */
const char *series_state_name(const series_run *run, bool end);
/* Writes a file of the folder: all of it or what was there. */
fv_status series_write(const series *s, const char *name, const char *text, size_t size);
/* What `fovea VERB --resume DIR` is in a shell. */
void series_resume_hint(const series *s, char *text, size_t size);

#endif
