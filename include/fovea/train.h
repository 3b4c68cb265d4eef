/* SPDX-License-Identifier: Apache-2.0 */
/* Training, evaluation, prediction. */
#ifndef FOVEA_TRAIN_H
#define FOVEA_TRAIN_H

#include <fovea/data.h>
#include <fovea/fit_settings.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Optimizers: X(ENUMERATOR, name); each `name` is a row fv_optimizer_<name> in src/train. */
#define FV_OPTIMIZER_LIST(X)                                                                                           \
    X(FV_SGD, sgd)                                                                                                     \
    X(FV_ADAM, adam)                                                                                                   \
    X(FV_ADAMW, adamw)                                                                                                 \
    X(FV_RMSPROP, rmsprop)                                                                                             \
    X(FV_LARS, lars)                                                                                                   \
    X(FV_LAMB, lamb)                                                                                                   \
    X(FV_MUON, muon)
typedef enum fv_optimizer_kind {
#define FV_OPTIMIZER_ROW(id, name) id,
    FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW
        FV_OPTIMIZER_COUNT
} fv_optimizer_kind;

/** Learning-rate schedules: X(ENUMERATOR, name); formulas at fv_schedule_lr. */
#define FV_SCHEDULE_LIST(X)                                                                                            \
    X(FV_CONSTANT, constant)                                                                                           \
    X(FV_STEP, step)                                                                                                   \
    X(FV_COSINE, cosine)                                                                                               \
    X(FV_MULTISTEP, multistep)                                                                                         \
    X(FV_EXP, exp)                                                                                                     \
    X(FV_POLY, poly)                                                                                                   \
    X(FV_COSINE_RESTARTS, cosine_restarts)                                                                             \
    X(FV_CYCLIC, cyclic)                                                                                               \
    X(FV_ONECYCLE, onecycle)                                                                                           \
    X(FV_PLATEAU, plateau)
typedef enum fv_schedule_kind {
#define FV_SCHEDULE_ROW(id, name) id,
    FV_SCHEDULE_LIST(FV_SCHEDULE_ROW)
#undef FV_SCHEDULE_ROW
        FV_SCHEDULE_COUNT
} fv_schedule_kind;

/** NULL-terminated names of optimizers and schedules, in the order of their enumerators. */
FV_API const char *const *fv_optimizer_names(void);
FV_API const char *const *fv_schedule_names(void);

/** Forms of FV_CYCLIC's cycles, and of FV_ONECYCLE's rise and fall: X(ENUMERATOR, name). */
#define FV_CYCLE_LIST(X)                                                                                               \
    X(FV_TRIANGULAR, triangular)                                                                                       \
    X(FV_TRIANGULAR2, triangular2)                                                                                     \
    X(FV_EXP_RANGE, exp_range)
#define FV_ANNEAL_LIST(X)                                                                                              \
    X(FV_ANNEAL_COS, cos)                                                                                              \
    X(FV_ANNEAL_LINEAR, linear)
#define FV_FORM_ROW(id, name) id,
typedef enum fv_cycle_mode { FV_CYCLE_LIST(FV_FORM_ROW) FV_CYCLE_COUNT } fv_cycle_mode;
typedef enum fv_anneal { FV_ANNEAL_LIST(FV_FORM_ROW) FV_ANNEAL_COUNT } fv_anneal;
#undef FV_FORM_ROW

enum { FV_OPTIMIZER_TAKES = 6 };
/** What an optimizer asks for: a row's own words, in src/train/optimizer_<name>.c. */
typedef struct fv_optimizer_info {
    const char *name;
    double lr, tuning_lr, momentum;        /* defaults; tuning_lr: from trained weights */
    const char *takes[FV_OPTIMIZER_TAKES]; /* keys of the settings that belong to some optimizers and to this one; the
                                              others are NULL */
} fv_optimizer_info;
/** NULL when there is no such optimizer. */
FV_API const fv_optimizer_info *fv_optimizer_about(int kind);
FV_API bool fv_optimizer_takes(int kind, const char *key);
/** Whether a setting of schedules, such as "decay-rate", means something to that schedule. */
FV_API bool fv_schedule_takes(int kind, const char *key);

/* ---- metrics ---- */

typedef enum fv_metric_id {
#define FV_METRIC(name, ...) FV_METRIC_##name,
#include <fovea/metrics.def>
    FV_METRIC_COUNT
} fv_metric_id;

/** Measured on a data set; NaN where a number means nothing for the task. */
typedef struct fv_metrics {
    int64_t samples;
#define FV_METRIC(name, ...) double name;
#include <fovea/metrics.def>
    double img_per_s;
    int64_t quarantined;
    int64_t lost;        /* samples for which the model computes NaN or infinity: the scores are NaN then */
    int64_t first_lost;  /* the first of them in the data set; -1: none */
    int64_t one_class;   /* CLASSIFY: the class that all samples are taken for, though they are of several; -1 */
    int64_t never;       /* CLASSIFY: classes of at least 5 samples that no sample is taken for */
    int64_t never_class; /* the first of them; -1: none */
    fv_task task;
} fv_metrics;

/** A row of fovea/metrics.def, which says what its columns mean. */
typedef struct fv_metric {
    const char *name, *title, *brief, *tag;
    const char *called[FV_TASK_COUNT]; /* NULL: not measured for that task */
    bool higher_is_better, percent;
    int decimals;
    size_t offset; /* in fv_metrics */
} fv_metric;
/** The FV_METRIC_COUNT metrics, in the order of their enumerators. */
FV_API const fv_metric *fv_metric_list(int *count);
FV_API double fv_metric_value(const fv_metric *metric, const fv_metrics *measured);
/** A value as people see it, without its " %": in `text`, or "-" when it is not finite. */
FV_API const char *fv_metric_text(const fv_metric *metric, double value, char text[32]);

/** Why a run ended: X(ENUMERATOR, text). */
#define FV_STOP_LIST(X)                                                                                                \
    X(FV_STOP_NOT, "")                                                                                                 \
    X(FV_STOP_DONE, "all epochs done")                                                                                 \
    X(FV_STOP_STEPS, "--max-steps reached")                                                                            \
    X(FV_STOP_EARLY, "early stopping: the monitor stopped improving")                                                  \
    X(FV_STOP_ASKED, "stopped by the caller")                                                                          \
    X(FV_STOP_COMPLETE, "the run was already complete")                                                                \
    X(FV_STOP_FAILED, "failed")
typedef enum fv_stop {
#define FV_STOP_ROW(id, text) id,
    FV_STOP_LIST(FV_STOP_ROW)
#undef FV_STOP_ROW
        FV_STOP_COUNT
} fv_stop;
FV_API const char *fv_stop_text(fv_stop stop);

/* ---- what a run tells ---- */

struct fv_monitor;
struct fv_evaluation;
typedef enum fv_event_kind {
    FV_EVENT_START,
    FV_EVENT_STEP,
    FV_EVENT_EPOCH,
    FV_EVENT_CHECKPOINT,
    FV_EVENT_WARN,
    FV_EVENT_END,
    FV_EVENT_NOTE, /* text: what the run does, that one may want to know */
    FV_EVENT_COUNT
} fv_event_kind;

/** What progress lines and logs are made from. */
typedef struct fv_fit_event {
    fv_event_kind kind;
    int64_t epoch, epochs; /* 1-based epoch in progress */
    int64_t step, steps;   /* step within the epoch, 1-based; steps per epoch */
    int64_t global_step;
    double loss; /* of this step */
/* train_loss, train_top1, ...: running means of the epoch; NaN where they mean nothing for the task. */
#define FV_METRIC(name, ...)
#define FV_METRIC_TRAIN(name, ...) double train_##name;
#include <fovea/metrics.def>
/* val_loss, val_top1, ...: EPOCH, as fv_metrics has them; NaN when not measured. */
#define FV_METRIC(name, ...) double val_##name;
#include <fovea/metrics.def>
    double lr, img_per_s, data_wait, seconds; /* data_wait in [0, 1] */
    int64_t memory;                           /* peak bytes */
    bool best;                                /* this epoch improved the monitor */
    const struct fv_monitor *monitor;         /* what `best` goes by; NULL until it is chosen */
    fv_stop stop;                             /* END */
    fv_status status;                         /* END: what fv_fit_with returns */
    struct fv_trainer *trainer;               /* STEP: whose gradients can be read until it returns; else NULL */
    const char *text;                         /* CHECKPOINT: path; WARN: line; END: why it ended, in words */
} fv_fit_event;

/** What a callback may change. */
typedef struct fv_fit_control {
    double lr;      /* step_begin: this step's rate */
    double scale;   /* factor of the schedule's rates from the next step on; it belongs to the run's state */
    bool stop;      /* ends the run behind this step, or epoch, once its state is saved */
    char note[240]; /* a line for those who watch; "": none */
} fv_fit_control;

/** Moments of a run: X(member of fv_callback). step_begin is before the gradient; validation_end has what was
 * measured; epoch_end comes behind it and before files are written. fit_end: not of a run
 * that fails. */
#define FV_CALLBACK_LIST(X)                                                                                            \
    X(fit_begin)                                                                                                       \
    X(fit_end)                                                                                                         \
    X(epoch_begin)                                                                                                     \
    X(epoch_end)                                                                                                       \
    X(step_begin)                                                                                                      \
    X(step_end)                                                                                                        \
    X(validation_begin)                                                                                                \
    X(validation_end)
typedef void (*fv_callback_fn)(void *user, const fv_fit_event *event, fv_fit_control *control);
/** Functions that a run calls, each of which may be NULL. */
typedef struct fv_callback {
#define FV_CALLBACK_MEMBER(name) fv_callback_fn name;
    FV_CALLBACK_LIST(FV_CALLBACK_MEMBER)
#undef FV_CALLBACK_MEMBER
    void *user;
} fv_callback;

typedef enum fv_monitor_id {
#define FV_METRIC(name, ...)
#define FV_METRIC_TRAIN(name, ...) FV_MONITOR_train_##name,
#include <fovea/metrics.def>
#define FV_METRIC(name, ...) FV_MONITOR_val_##name,
#include <fovea/metrics.def>
    FV_MONITOR_COUNT
} fv_monitor_id;

/** What can be watched while training goes on: a metric, of training or of validation. */
typedef struct fv_monitor {
    const char *name; /* "val_top1": as --monitor and in results.csv */
    const fv_metric *metric;
    bool validation;
    size_t offset; /* in fv_fit_event */
} fv_monitor;
/** The FV_MONITOR_COUNT monitors, in the order of their enumerators: those of training first. */
FV_API const fv_monitor *fv_monitor_list(int *count);
FV_API double fv_monitor_value(const fv_monitor *monitor, const fv_fit_event *event);

/**
 * Everything that determines a run's bits (with model, data and seed), and how it is watched. The first members are the
 * rows of fovea/fit_settings.h, which has their types, ranges, defaults and meaning. A value is what it says: a 0 is a
 * 0. So begin with the defaults: fv_fit_defaults(&o), then o.epochs = 5; or in C FV_FIT_OPTIONS(.epochs = 5).
 */
typedef struct fv_fit_options {
    FV_FIT_SETTINGS(FV_SETTING_MEMBER)

    bool soft_targets; /* fv_trainer_gradient is given n x classes floats, also by a loss that takes class labels */
    fv_dataset *validation; /* may be NULL */
    struct fv_evaluation
        *findings;         /* what every validation finds, until the next one (fovea/evaluate.h); may be NULL */
    const char *output;    /* run folder; NULL: nothing is written */
    const char *arguments; /* text for args.yaml; may be NULL */
    const char *identity;  /* further settings that --resume compares, as FV_MEANING: lines `key: value`; may be NULL */
    const char *identity_told; /* and as FV_TOLD */
    bool resume; /* continue the newest valid state in `output`; start where there is none. A run that is over stays as
                    it is, unless the rule that ended it is another now */
    bool force;  /* resume although data or settings of level FV_MEANING differ */
    int64_t feature_cache; /* bytes for what teachers say of images, and a frozen beginning makes of them, which is then
                              computed once an image where augmentation allows it; no bit depends on it. 0: computed
                              each time */
    const struct fv_teacher *teachers; /* whose answers are learned from, too (fovea/distill.h); may be NULL */
    int n_teachers;

    const fv_callback *callbacks; /* called in their order */
    int n_callbacks;
    /** Told of everything, as logs are; returning true stops after saving. May be NULL. */
    bool (*on_event)(void *user, const fv_fit_event *event);
    void *user;
    /** Set by a signal handler: the run finishes its step, saves and returns INTERRUPTED. May be NULL. */
    volatile const int *interrupt;
} fv_fit_options;

/** All settings at their defaults, everything else empty. */
FV_API void fv_fit_defaults(fv_fit_options *options);
/** Sets one by its key or alias and a text, as flags and recipes do; a TEXT is kept as the pointer that it is. VALUE,
 * UNKNOWN_OPTION. */
FV_API fv_status fv_fit_set(fv_ctx *ctx, fv_fit_options *options, const char *key, const char *text);
/** What fv_fit_with says of options before it looks at data: VALUE, CONFLICT. `steps` of an epoch. */
FV_API fv_status fv_fit_check(fv_ctx *ctx, const fv_fit_options *options, int64_t steps);
/** The rows of fovea/fit_settings.h, in their order; offsets are those in fv_fit_options, verbs 0. */
FV_API const fv_setting_row *fv_fit_settings(int *count);
/** Whether a setting of losses, such as "label-smoothing", means something to that loss (NULL: the default for one
 * class each); and the name of a loss that it belongs to, NULL when it is no setting of losses. */
FV_API bool fv_loss_takes(const char *loss, const char *key);
FV_API const char *fv_loss_of_setting(const char *key);
/** share[0..fv_model_tensor_count): what a run with these options multiplies the learning rate by in an epoch (from 1),
 * for each tensor; 0: it is frozen, or statistics. VALUE as fv_trainer_create has it for freeze, unfreeze_at and
 * lr_mult. */
FV_API fv_status fv_fit_shares(const fv_model *model, const fv_fit_options *options, int64_t epoch, double *share);
/** The epoch (from 1) at which phase i of a run begins, in which unfreeze_at lets more tensors learn or images have
 * another size; phase 0 begins at 1. 0: there is no such phase. VALUE for an unfreeze_at or progressive_resize that is
 * none. */
FV_API fv_status fv_fit_phase(const fv_model *model, const fv_fit_options *options, int phase, int64_t *epoch);
/** Rows and columns of the images that a run with these options trains on in an epoch (from 1): those of
 * progressive_resize, or the network's own. VALUE for one that is none or does not end with the network's own size;
 * CONFLICT where the run ends before that, or the network's weights do not allow the others. */
FV_API fv_status fv_fit_image_size(const fv_model *model, const fv_fit_options *options, int64_t epoch,
                                   int64_t size[2]);
/** Tensors of a parameter's size that the optimizer remembers. */
FV_API int fv_optimizer_slots(const fv_fit_options *options);

/* Members that are named stand behind the defaults and take their place, of which compilers would warn. */
#ifdef __clang__
#define FV_OVERRIDE_QUIETLY _Pragma("GCC diagnostic ignored \"-Winitializer-overrides\"")
#else
#define FV_OVERRIDE_QUIETLY _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#endif
/** In C: options whose named members differ from their defaults, FV_FIT_OPTIONS(.epochs = 5, .momentum = 0). */
#define FV_FIT_OPTIONS(...)                                                                                            \
    __extension__({                                                                                                    \
        _Pragma("GCC diagnostic push")                                                                                 \
            FV_OVERRIDE_QUIETLY const fv_fit_options fv_named_ = {FV_FIT_DEFAULTS __VA_ARGS__};                        \
        _Pragma("GCC diagnostic pop") fv_named_;                                                                       \
    })

typedef struct fv_fit_result {
    int64_t epochs_run, steps_run, best_epoch;
    double best_metric, final_loss;
    fv_stop stop;
    fv_stop ended;             /* COMPLETE: the rule by which the run is over; else as stop */
    const fv_monitor *monitor; /* what best_metric is of */
    int64_t resumed_step;      /* global step it continued from; 0: fresh */
} fv_fit_result;

/**
 * Trains. The model's weights are updated in place. DIVERGED when the loss becomes NaN or Inf: weights and checkpoints
 * are those before that step, the message names the first bad layer and the batch's files; and when the run ends
 * without a best model, as the monitored number was never finite. INTERRUPTED after a signal, state saved. result may
 * be NULL.
 */
FV_API fv_status fv_fit_with(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_fit_result *result);
/** What a run folder's newest state says. */
typedef struct fv_run_state {
    bool found; /* there is a state; else the rest is 0 */
    int64_t epoch, global_step;
    fv_stop ended; /* by the options' epochs, max_steps or patience the run is over, and all of it is written; NOT: it
                      would go on */
    double time;   /* of its writing, in seconds since 1970 */
} fv_run_state;
/** Looks at the states of the run in `dir` without checking the weights in them; what is damaged counts for nothing. */
FV_API fv_status fv_run_look(fv_ctx *ctx, const char *dir, const fv_fit_options *options, fv_run_state *state);
/** In C: fv_fit(model, data, .epochs = 5, .validation = val). */
#define fv_fit(model, train, ...)                                                                                      \
    __extension__({                                                                                                    \
        const fv_fit_options fv_options_ = FV_FIT_OPTIONS(__VA_ARGS__);                                                \
        fv_fit_with((model), (train), &fv_options_, NULL);                                                             \
    })

/** Time that a run still takes, from the events that it tells. */
typedef struct fv_eta_mean {
    double sum, count;
} fv_eta_mean;
typedef struct fv_eta {
    fv_eta_mean step, validation, rest; /* seconds: of a step, of a validation, of all else at an epoch's end */
    double begin, last;                 /* of the run, and when something ended last */
    int64_t first_step, max_steps, batch, validation_samples, val_interval;
    const char *sizes; /* the options' progressive_resize */
    bool ended;        /* the last event was an epoch's end */
} fv_eta;
/** Keeps the options' text of sizes, which outlives it. */
FV_API void fv_eta_begin(fv_eta *eta, const fv_fit_options *options);
/** Every event of the run, in their order. */
FV_API void fv_eta_event(fv_eta *eta, const fv_fit_event *event);
/** Seconds from `event`, the last one, to the end of the last epoch, its validation and checkpoints among them. */
FV_API double fv_eta_left(const fv_eta *eta, const fv_fit_event *event);

/** Memory that a process has while it trains or scores: X(member, title). */
#define FV_MEMORY_LIST(X)                                                                                              \
    X(code, "program")                                                                                                 \
    X(data, "data")                                                                                                    \
    X(weights, "weights")                                                                                              \
    X(gradients, "gradients")                                                                                          \
    X(optimizer, "optimizer")                                                                                          \
    X(activations, "activations")                                                                                      \
    X(workspace, "workspace")                                                                                          \
    X(packed, "packed weights")                                                                                        \
    X(loader, "batches ahead")                                                                                         \
    X(decoding, "decoding")                                                                                            \
    X(reading, "reading of files")                                                                                     \
    X(report, "report")
/** In bytes, each part as it is when the sum is largest. `code` has the threads' stacks and what a process that holds
 * the library has for itself; `data` the data sets that are open, the graphs and the plans; `optimizer` all that an
 * update remembers, averages among it; `reading` what files took beside the weights that were read from them, as far as
 * it is more than all else will be. */
typedef struct fv_memory {
#define FV_MEMORY_MEMBER(name, title) int64_t name;
    FV_MEMORY_LIST(FV_MEMORY_MEMBER)
#undef FV_MEMORY_MEMBER
    int64_t total;
} fv_memory;
/** Part i of a plan by its title and size; NULL behind the last. */
FV_API const char *fv_memory_part(const fv_memory *memory, int i, int64_t *bytes);
/** What fv_fit_with will have, by compiling (not running) it. train NULL: for photographs in a folder, with validation
 * and checkpoints. */
FV_API fv_status fv_fit_memory(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_memory *memory);
/** What fv_evaluate will have. dataset NULL: photographs in a folder, at least a batch of them. */
FV_API fv_status fv_evaluate_memory(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers,
                                    fv_memory *memory);

/** Scores a model on a data set. The bits do not depend on batch_size. CONFLICT: the labels are not what the model's
 * task asks for. */
FV_API fv_status fv_evaluate(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers,
                             fv_metrics *metrics);

/** The answer for one image: class probabilities, one probability for each class of a multi-label model, or the values;
 * `probabilities` has fv_model_classes elements. Keeps a compiled session in the model. DIVERGED: the answer is not
 * finite. */
FV_API fv_status fv_predict(fv_model *model, const fv_image *image, float *probabilities);

/* ---- one floor lower: one step at a time ---- */

typedef struct fv_trainer fv_trainer;
FV_API fv_status fv_trainer_create(fv_model *model, const fv_fit_options *options, fv_trainer **trainer);
FV_API void fv_trainer_destroy(fv_trainer **trainer);
/**
 * Goes over to what unfreeze_at and progressive_resize say of an epoch (from 1), as fv_fit does at its beginning: call
 * it before the epoch's first gradient. Where that changes what is trained, or on what, *trainer becomes another one,
 * and what was read from the old one is gone; the number of the step and what the optimizer remembers go on, and
 * tensors that begin to learn begin at step 1. The options' texts and teachers must still be there. ARGUMENT for an
 * epoch of an earlier phase; on any other failure *trainer is NULL.
 */
FV_API fv_status fv_trainer_enter_epoch(fv_trainer **trainer, int64_t epoch);
/** Forward and backward: images n x h x w x c (fv_fit_image_size, and the model's channels), labels n (or float targets
 * n x classes). *loss is the batch mean. Gradients are ready. */
FV_API fv_status fv_trainer_gradient(fv_trainer *trainer, const float *images, const void *target, int64_t n,
                                     double *loss);

/** A loss of a network with several outputs, auxiliary heads or losses: what is minimized is the sum of weight * loss.
 */
typedef struct fv_loss_spec {
    const char *loss;   /* a loss operator; NULL: fv_fit_options.loss */
    const char *output; /* name of the value that is compared: an output or any other; NULL: the first output */
    const char *target; /* name that its target gets, for fv_trainer_set; NULL: "target" */
    const char *name;   /* name that the loss gets, for fv_trainer_get; NULL: "loss" */
    double weight;      /* above 0 */
    bool soft_targets;  /* floats like the output, also for a loss that takes class labels (I32) */
} fv_loss_spec;
FV_API fv_status fv_trainer_create_with(fv_model *model, const fv_fit_options *options, const fv_loss_spec *losses,
                                        int32_t n_losses, fv_trainer **trainer);
/** fv_trainer_gradient in pieces, for networks with several inputs or losses: begin a batch of n, set every input and
 * target by name (whole values, in their dtypes), compute. */
FV_API fv_status fv_trainer_begin(fv_trainer *trainer, int64_t n);
FV_API fv_status fv_trainer_set(fv_trainer *trainer, const char *input, const void *data);
FV_API fv_status fv_trainer_compute(fv_trainer *trainer, double *loss);
/** Copies an output or loss of the last computation: its first `bytes`. */
FV_API fv_status fv_trainer_get(const fv_trainer *trainer, const char *output, void *data, size_t bytes);
/** The gradient of a parameter by its name (this library's order: filters k r s c); valid until the next
 * fv_trainer_gradient; NULL: none. */
FV_API const float *fv_trainer_gradient_of(fv_trainer *trainer, const char *parameter, fv_shape *shape);
/** The moving average of a parameter or running statistic by its name, after the last fv_trainer_apply; NULL: none. */
FV_API const float *fv_trainer_average_of(fv_trainer *trainer, const char *name, fv_shape *shape);
/** Logits of the last fv_trainer_gradient. */
FV_API const float *fv_trainer_logits(fv_trainer *trainer, fv_shape *shape);
/** Applies the optimizer with learning rate lr. */
FV_API fv_status fv_trainer_apply(fv_trainer *trainer, double lr);
/** The same with a momentum (beta1 of adam, adamw and lamb) of this step's own, as fv_schedule_momentum says it: of a
 * trainer whose options cycle it. ARGUMENT for a momentum that another trainer would not look at. */
FV_API fv_status fv_trainer_apply_with(fv_trainer *trainer, double lr, double momentum);
/** Learning rate of the schedule at a position measured in epochs (fractions count). What is counted in steps
 * is for fv_schedule_at: here they are infinitely short, and with warmup_steps the rate is NaN. */
FV_API double fv_schedule_lr(const fv_fit_options *options, double epoch);
/** That of a step of a run: `step` and `epoch` from 0, `steps` in each epoch. FV_PLATEAU's is lr: what a run makes of
 * it depends on how it goes. */
FV_API double fv_schedule_at(const fv_fit_options *options, int64_t epoch, int64_t step, int64_t steps);
/** Whether a run's momentum changes from step to step (FV_ONECYCLE with max_momentum above 0), and that of a step, as
 * fv_schedule_at counts it; where it does not change it is momentum, or betas[0]. */
FV_API bool fv_schedule_cycles_momentum(const fv_fit_options *options);
FV_API double fv_schedule_momentum(const fv_fit_options *options, int64_t epoch, int64_t step, int64_t steps);

#ifdef __cplusplus
}
#endif
#endif
