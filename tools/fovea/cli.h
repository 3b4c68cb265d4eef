/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the program share: options, context, messages, results. */
#ifndef FOVEA_CLI_H
#define FOVEA_CLI_H

#include <signal.h>
#include <stdio.h>

#include <fovea/fovea.h>

/* ---- options ---- */

enum { MAX_CHANNELS = 16, MAX_SOURCES = 4096 };

typedef struct list_option {
    bool measured; /* "auto": to be found from the data */
    int count;
    double value[MAX_CHANNELS];
} list_option;

/* Values of all options of all verbs; which verb takes which is in options.c. */
typedef struct cli {
    /* what */
    const char *data, *model, *weights, *split, *source, *config;
    const char *positional[8];
    int n_positional;
    /* recipe */
    int64_t epochs, batch_size, max_steps, seed, img_size[2], in_chans;
    bool batch_auto;
    int opt, sched, norm, init, resize, interpolation;
    const char *loss, *monitor;
    double lr, momentum, eps, alpha, wd, l1, clip_norm, clip_value, model_ema_decay, label_smoothing, huber_delta, drop;
    list_option betas, mean, std, scale, ratio, color_jitter;
    const char *augment, *aa, *balance;
    double hflip, vflip, degrees, translate, shear, perspective, lens, pca_jitter, reprob, mixup, cutmix, io_timeout;
    int contrast;
    int64_t clahe_tiles[2];
    double clahe_clip;
    bool no_prefetch;
    bool nesterov, model_ema, bias_decay, norm_decay, restore_best, partial, reset_head;
    double warmup_epochs, warmup_lr, min_lr, decay_epochs, decay_rate, min_delta, val_split;
    int64_t crop_pad, patience, val_interval;
    /* run */
    const char *output, *experiment, *resume, *device;
    const char *task;
    int cache;              /* of train */
    const char *packed;     /* what data_open opens instead of data: the cache on disk */
    const char *quarantine; /* where data_open lists unreadable files; NULL: nowhere */
    bool force, allow_extra, allow_empty, ignore_exif, salvage, fast_decode;
    int64_t threads, workers, memory, recovery_interval, log_interval, max_pixels;
    const char *plan, *conv_algo;
    int64_t plan_effort, plan_workspace;
    double max_bad;
    int progress;
    bool quiet, verbose, no_color, json, selftest, dot, graph, profile;
    const char *trace;
    /* predict, data */
    int64_t topk, limit, train_count;
    const char *sheet;
    int format; /* of data pack */
    bool raw_pixels, original;
    const char *raw; /* form of frames on standard input */
    int64_t shard_size;
    double val_share, test_amount; /* data make: images; data split: a share */
    int out;
    /* looking more than once */
    const char *tta_scales;
    int tta, ensemble;
    int64_t mc_dropout;
    list_option ensemble_weights;
    bool dups, strict, suspicious;
    int64_t augmented, per_class;
    const char *report;
} cli;

enum { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };
enum { NORM_AUTO, NORM_UNIT, NORM_MINUS1_1, NORM_IMAGENET, NORM_DATASET, NORM_PER_IMAGE };
enum { CACHE_NONE, CACHE_RAM, CACHE_DISK };
enum { OUT_TEXT, OUT_JSON, OUT_CSV };

/* A verb of the program. */
typedef struct verb {
    const char *name, *aliases; /* aliases separated by commas */
    const char *summary;        /* one line */
    const char *usage;          /* behind "fovea NAME" */
    const char *examples;       /* lines */
    unsigned mask;              /* bit in the option table */
    int positionals;            /* how many bare words it takes */
    int (*run)(cli *c);
} verb;

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
    V_ANY = 0xffff
};

extern const verb verbs[]; /* ends with a NULL name */

/*
 * Reads the words behind the verb: --flag value, --flag=value, flag=value, -b 8; then the file of -c, whose settings
 * count where no flag was given. Returns 0, or an exit code after a message.
 */
int options_read(const verb *v, int argc, char **argv, cli *c);
/* Whether an option was given by flag or file; and whether so, and with another value than its default. */
bool option_given(const char *name);
bool option_changed(const char *name, const cli *c);
/* Every option that the verb takes with its value, as YAML; the caller frees. */
char *options_yaml(const verb *v, const cli *c);
void options_help(const verb *v, FILE *out);
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

/* ---- messages ---- */

/* Reports a failed library call: "fovea: error[E3002]: ..." and its hint; returns the exit code. */
int report(const fv_ctx *ctx, fv_status status);
/* The exit code for what a verb's work returned: reports it unless complain() has spoken, whose negated exit code is a
 * status above -1000. */
int status_code(const fv_ctx *ctx, fv_status status);
/* Reports one of the program's own findings; returns the exit code. */
int complain(fv_status status, const char *hint, const char *format, ...) FV_PRINTF(3, 4);
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
fv_status context_open(const cli *c, fv_ctx **ctx);
extern volatile sig_atomic_t caught_signal;
/* From here on SIGINT, SIGTERM and SIGHUP ask what runs to clean up and stop; a second SIGINT ends it at once. */
void signals_catch(void);
/* Dies of the signal that was caught, so that whoever waits for us sees which. */
void signals_die(void);

/* ---- models and data ---- */

/* Loads a model file, or builds a zoo architecture or an architecture file without weights (*loaded tells which). */
fv_status model_open(fv_ctx *ctx, const cli *c, const char *name, const fv_zoo_options *options, fv_model **model,
                     bool *loaded);
/* The same for a verb that needs weights: a model file, or an architecture with --weights. */
fv_status model_open_trained(fv_ctx *ctx, const cli *c, fv_model **model);
/* Its class names, numbered as they are; the caller frees the list (not the names). NULL: no memory. */
const char **model_class_names(const fv_model *model);
/* What the options say of reading data: splits, what is accepted, how images are decoded. */
fv_dataset_options data_options(const cli *c);
/* What --task calls what a model does. */
const char *task_of(const fv_model *model);
/* Opens a split of --data with the options' limits; `classes` from a model or NULL. */
fv_status data_open(fv_ctx *ctx, const cli *c, const char *split, const fv_model *classes_of, fv_dataset **dataset);

/* The names of --tta, in its order. */
extern const char *const tta_names[];
/* "top1 90.00 %, top5 ...", whatever is measured for the task. */
/* What to do about answers that are not finite. */
extern const char lost_cure[];
/* The exit code after a message when a score means nothing, as answers are not finite; else 0. */
int metrics_lost(const fv_metrics *m, const fv_dataset *data, const char *model);
void metrics_text(const fv_metrics *m, const char *between, FILE *out);

/* ---- verbs ---- */
int verb_train(cli *c);
int verb_eval(cli *c);
int verb_predict(cli *c);
int verb_info(cli *c);
int verb_data(cli *c);
int verb_runs(cli *c);
int verb_doctor(cli *c);
int verb_version(cli *c);
int verb_help(cli *c);

#endif
