/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the program share: options, context, messages, results. */
#ifndef FOVEA_CLI_H
#define FOVEA_CLI_H

#include <signal.h>
#include <stdio.h>

#include <fovea/fovea.h>

/* ---- options ---- */

/* Bits of the verbs, in the rows' column. */
enum {
    V_TRAIN = 1 << 0,
    V_EVAL = 1 << 1,
    V_PREDICT = 1 << 2,
    V_INFO = 1 << 3,
    V_DATA = 1 << 4,
    V_RUNS = 1 << 5,
    V_DOCTOR = 1 << 6,
    V_VERSION = 1 << 7,
    V_HELP = 1 << 8,
    V_CONVERT = 1 << 9,
    V_RUN = 1 << 10,
    V_ZOO = 1 << 11,
    V_COMPARE = 1 << 12,
    V_FEATURES = 1 << 13,
    V_LINEAR = 1 << 14,
    V_SEARCH = 1 << 15,
    V_FACTORIZE = 1 << 17,
    V_GROW = 1 << 16,
    V_PLAN = 1 << 18,
    V_BENCH = 1 << 19,
    V_BENCHMARK = 1 << 20,
    V_TUNE = 1 << 21,
    V_SANITY = 1 << 22,
    V_LR_FIND = 1 << 23,
    V_DISTILL = 1 << 24,
    V_PRUNE = 1 << 25,
    V_QUANTIZE = 1 << 26,
    V_CALIBRATE = 1 << 27,
    V_COMPRESS = 1 << 28,
    V_ANY = 0x1fffffff
};

#include "settings.h"

/* What the command line says: a member for each row. */
typedef struct settings {
    const char **positional; /* bare words; NULLs behind them */
    int n_positional, n_words;
    char **words;       /* behind the verb, as they were typed */
    const char *packed; /* what data_open opens instead of data: the cache on disk */
    bool from_nothing;  /* few photographs and no weights to start from: start.c's recipe for them */
    fv_fit_options fit;
    SETTINGS_BEFORE(FV_SETTING_MEMBER)
    SETTINGS_BEHIND(FV_SETTING_MEMBER)
} settings;

enum { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };
enum { NORM_AUTO, NORM_UNIT, NORM_MINUS1_1, NORM_IMAGENET, NORM_DATASET, NORM_PER_IMAGE };
enum { CACHE_NONE, CACHE_RAM, CACHE_DISK };
enum { PRESET_AUTO, PRESET_NONE, PRESET_PHOTOS };
enum { OUT_TEXT, OUT_JSON, OUT_CSV };
enum { MAX_NETWORKS = 8 }; /* that info and benchmark put side by side */

/* A verb of the program. */
typedef struct verb {
    const char *name, *aliases;    /* aliases separated by commas */
    const char *summary;           /* one line */
    const char *usage;             /* behind "fovea NAME" */
    const char *examples;          /* lines */
    unsigned mask;                 /* bit in the option table */
    int positionals;               /* how many bare words it takes */
    fv_status (*run)(settings *c); /* what fails was told when this returns */
} verb;

extern const verb verbs[]; /* ends with a NULL name */

/*
 * Reads the words behind the verb: --flag value, --flag=value, flag=value, -b
 * 8; then the file of -c, whose settings count where no flag was given. *help:
 * -h, --help or --help-all stands among them.
 */
typedef enum help_kind { HELP_NONE, HELP_USUAL, HELP_ALL } help_kind;
fv_status options_read(const verb *v, int argc, char **argv, settings *c, help_kind *help);
/* The settings of a recipe that were not given by then. */
fv_status options_read_recipe(const verb *v, const char *path, settings *c);
/* Whether help shows the option for the verb: false where it is read, so that a run's recipe will do, and means
 * nothing. */
bool option_shown(const verb *v, const fv_setting_row *o);
/* Whether an option was given by flag or file; and whether so, and with another value than its default. */
bool option_given(const char *name);
/* Counts one whose value a bare word has set as given by flag. */
void option_note_given(const char *name);
/* Whether by flag; and the options that were, one by one, with *i from 0. NULL: there are no more. */
bool option_typed(const char *name);
const char *option_typed_next(int *i);
/* Whether word i of the command line begins an option that is among the keys (a blank on both sides of each): how many
 * words it has; else 0. */
int option_at_word(const settings *c, int i, const char *keys);
bool option_changed(const char *name, const settings *c);
/* The value of an option as one types it; `text` is returned. */
const char *option_text(const char *name, const settings *c, char *text, size_t size);
/* Every option that the verb takes with its value, as YAML; the caller frees. */
char *options_yaml(const verb *v, const settings *c);
/* Those of the program's own rows that are of a level: lines `key: value`; the caller frees. */
char *options_identity(const settings *c, fv_setting_level level);
/* What an option is to one action, where the table speaks for several. */
typedef struct option_words {
    const char *name, *value, *help; /* value NULL: none; lists end with a NULL name */
} option_words;
/* Only those of some verbs (a mask) whose name stands in `names`, a space on both sides of each; NULL: all. `own` (may
 * be NULL) takes the place of the table's words. */
void options_help_some(unsigned verbs_mask, const char *names, const option_words *own, FILE *out);
/* Columns of help pages; and `text`, the cursor at column `indent`, broken between words before `width`, and ended. */
int help_width(void);
void help_wrap(FILE *out, const char *text, int indent, int width);
void options_free(void);
/* Another command within this one, of which nothing was given yet; pop ends it, frees what was read of it, and brings
 * this one back. Push false: no memory. */
bool options_push(void);
void options_pop(void);

/* ---- messages ---- */

/* Tells a failed library call, unless complain() has told why: "fovea: error[E3002]: ..." and its hint. Returns it. */
fv_status report(const fv_ctx *ctx, fv_status status);
/* Tells one of the program's own findings, and returns its status: the verb ends with it. */
fv_status complain(fv_status status, const char *hint, const char *format, ...) FV_PRINTF(3, 4);
/* What is told from here on is of one run of several, `label` (NULL: it no longer is). Where that one may fail, errors
 * of its settings are warnings with that label, and its own warnings are left to its log. */
void messages_of_part(const char *label, bool may_fail);
/* Whether other settings would have cured it. */
bool status_is_of_settings(fv_status status);
/* "train", or "data" and "show": whose help says more where a command cannot be understood. */
void message_topic(const char *name, const char *action);
void warn(const char *format, ...) FV_PRINTF(1, 2);
/* A line for the person watching (stderr), unless --quiet. */
void note(const char *format, ...) FV_PRINTF(1, 2);
extern bool cli_quiet;
/* A progress bar stands on the terminal's line: the next message wipes it first. */
extern volatile bool bar_drawn;
void bar_wipe(void);
/* "1 image", "2 images". `text` has room for 64 bytes and is returned. */
const char *count_of(int64_t n, const char *one, const char *many, char *text);

/* ---- context and signals ---- */

/* Makes the context the options ask for. */
fv_status context_open(const settings *c, fv_ctx **ctx);
extern volatile sig_atomic_t caught_signal;
/* From here on SIGINT, SIGTERM, SIGHUP and what batch systems warn by (SIGUSR1, SIGUSR2, SIGXCPU) ask what runs to
 * clean up and stop; a second SIGINT ends it at once. */
void signals_catch(void);
/* Dies of the signal that was caught, so that whoever waits for us sees which. */
void signals_die(void);

/* ---- models and data ---- */

/* Whether a name is an architecture file's, by its ending: YAML or JSON. */
bool model_is_recipe(const char *name);
/* Whether a name is one of the architectures: some have a dot, as files have. */
bool model_is_architecture(const char *name);
/* Loads a model file, or builds a zoo architecture or an architecture file without weights (*loaded tells which). */
fv_status model_open(fv_ctx *ctx, const settings *c, const char *name, const fv_zoo_options *options, fv_model **model,
                     bool *loaded);
/* --drop-path as fv_zoo_options has it. */
double drop_path_of(const settings *c);
/* --no-aux; `name` is what the user calls the model. */
fv_status model_drop_aux(const settings *c, const char *name, fv_model *model);
/* "aux1.fc2 (0.3), aux2.fc2 (0.3)", auxiliary heads and their weights, or nothing; `text` is returned. */
const char *model_aux_text(const fv_model *model, char *text, size_t size);
/* The same for a verb that needs weights: a model file, or an architecture with --weights. */
fv_status model_open_trained(fv_ctx *ctx, const settings *c, fv_model **model);
/* The same, an architecture being built with options: NULL, or the size and channels of the images. */
fv_status model_open_trained_for(fv_ctx *ctx, const settings *c, const fv_zoo_options *options, fv_model **model);
/* Says that a calibrated model's temperature does not go over to `what`, which is made of it. */
void model_note_temperature(const char *name, const fv_model *model, const char *what);
/* Says what is taken for pixels where a model's file left it open; for verbs that take images. */
void model_note_pixels(const char *name, const fv_model *model);
/* Its class names, numbered as they are; the caller frees the list (not the names). NULL: no memory. */
const char **model_class_names(const fv_model *model);
/* What the options say of reading data: splits, what is accepted, how images are decoded. */
fv_dataset_options data_options(const settings *c);
/* What --task calls what a model does. */
const char *task_of(const fv_model *model);
/* Opens a split of --data with the options' limits; its classes are those of a model by name (NULL: its own). A model
 * whose classes have no names gets those of the data by number, which is said. */
fv_status data_open(fv_ctx *ctx, const settings *c, const char *split, fv_model *classes_of, fv_dataset **dataset);

/* What to do about answers that are not finite. */
extern const char lost_cure[];
/* DIVERGED after a message when a score means nothing, as answers are not finite. */
fv_status metrics_lost(const fv_metrics *m, const fv_dataset *data, const char *model);
/* --split where none is given: val, test, or what is there where the data have no splits. */
fv_status split_choose(fv_ctx *ctx, settings *c);
/* "top1 90.00 %, top5 ...", whatever is measured for the task. */
void metrics_text(const fv_metrics *m, const char *between, FILE *out);

/* ---- verbs ---- */
fv_status verb_train(settings *c);
fv_status verb_distill(settings *c);
fv_status verb_sanity(settings *c);
fv_status verb_lr_find(settings *c);
fv_status verb_tune(settings *c);
fv_status verb_grow(settings *c);
fv_status verb_eval(settings *c);
fv_status verb_predict(settings *c);
fv_status verb_info(settings *c);
fv_status verb_convert(settings *c);
fv_status verb_run(settings *c);
fv_status verb_compare(settings *c);
fv_status verb_factorize(settings *c);
fv_status verb_prune(settings *c);
fv_status verb_quantize(settings *c);
fv_status verb_calibrate(settings *c);
fv_status verb_compress(settings *c);
fv_status verb_features(settings *c);
fv_status verb_linear(settings *c);
fv_status verb_search(settings *c);
fv_status verb_data(settings *c);
fv_status verb_runs(settings *c);
fv_status verb_zoo(settings *c);
fv_status verb_plan(settings *c);
fv_status verb_bench(settings *c);
fv_status verb_benchmark(settings *c);
fv_status verb_doctor(settings *c);
fv_status verb_version(settings *c);
fv_status verb_help(settings *c);

#endif
