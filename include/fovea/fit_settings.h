/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a training run, one row each. From the rows follow the members and defaults of fv_fit_options
 * (fovea/train.h), their checks, the flags of `fovea train`, the keys of recipes and of args.yaml, help, and what
 * --resume compares. The program's other settings stand in rows of the same form in tools/fovea/settings.h.
 * How to add one: docs/adding-a-setting.md.
 *
 *   X(kind, member, key, aliases, letter, default, min, max, choices, verbs, level, value, help)
 *
 * kind     decides the member's type: FV_SETTING_KINDS in fovea/settings.h
 * member   its C name
 * key      its flag (--key) and its key in recipes; aliases: further names, separated by commas; letter: of -b
 * default  a C initializer. FV_AUTO: what follows from other settings
 * min, max range of numbers. FV_ABOVE_ZERO, FV_BELOW_ONE: 0 or 1 itself is not in it
 * choices  CHOICE, GRADED: names in the order of their numbers, separated by commas
 * verbs    which verbs of the program take it
 * level    what it is to the run, and what --resume does where it differs: fv_setting_level in fovea/settings.h
 * value    how help shows the value; help: one line
 */
#ifndef FOVEA_FIT_SETTINGS_H
#define FOVEA_FIT_SETTINGS_H

#include <fovea/settings.h>

/* clang-format off */
#define FV_FIT_SETTINGS(X) \
    X(INT, epochs, "epochs", NULL, 0, 100, 1, 1e6, NULL, V_TRAIN | V_PLAN, FV_TOLD, "N", \
      "passes over the training data (20 when fine-tuning)") \
    X(BATCH, batch_size, "batch-size", "batch", 'b', 0, 1, 1e6, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO | V_DATA | \
      V_ROWS | V_CALIBRATE, FV_MEANING, "N|auto", "samples per step; auto: 64, less for small data or memory") \
    X(INT, grad_accum_steps, "grad-accum-steps", NULL, 0, 1, 1, 8, NULL, V_TRAIN, FV_MEANING, "N", \
      "compute a batch in 1, 2, 4 or 8 pieces, for memory: the same bits, but batch norm sees a piece alone") \
    X(INT, max_steps, "max-steps", NULL, 0, 0, 0, 1e15, NULL, V_TRAIN, FV_OUTPUT, "N", \
      "stop after so many steps; 0: no limit, sanity: 300") \
    X(INT, steps_per_epoch, "steps-per-epoch", NULL, 0, 0, 0, 1e9, NULL, V_TRAIN | V_PLAN, FV_MEANING, "N", \
      "steps that are an epoch; the next one goes on in the data where it ended; 0: all of the data") \
    X(INT, seed, "seed", NULL, 0, 0, 0, 9e15, NULL, V_TRAIN | V_DATA | V_EVAL | V_PREDICT | V_COMPARE | V_ROWS | V_PLAN | V_QUANTIZE | V_CALIBRATE | V_COMPRESS, \
      FV_MEANING, "N", \
      "of weights, order, augmentation, splits") \
    X(CHOICE, optimizer, "opt", "optimizer", 0, FV_SGD, 0, 0, FV_OPTIMIZER_LIST(FV_NAME_OF), V_TRAIN | V_PLAN, FV_FIXED, \
      "NAME", "optimizer") \
    X(REAL, lr, "lr", "lr0,learning-rate", 0, FV_AUTO, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_PLAN | V_INFO, FV_MEANING, "F", \
      "learning rate; default: 0.1 for sgd, 1 for lars, 0.02 for muon, 1e-3 for the others; when fine-tuning 1e-3, 0.1, " \
      "2e-3 and 1e-4") \
    X(REAL, momentum, "momentum", NULL, 0, FV_AUTO, 0, 1, NULL, V_TRAIN, FV_MEANING, "F", \
      "of sgd, lars, muon and rmsprop; default: 0.9, 0.95 for muon, 0 for rmsprop") \
    X(FLAG, nesterov, "nesterov", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, "Nesterov's momentum") \
    X(PAIR, betas, "opt-betas", NULL, 0, (0.9, 0.999), 0, FV_BELOW_ONE, NULL, V_TRAIN, FV_MEANING, "F,F", \
      "of adam, adamw and lamb") \
    X(REAL, eps, "opt-eps", NULL, 0, 1e-8, FV_ABOVE_ZERO, 1, NULL, V_TRAIN, FV_MEANING, "F", \
      "of all but sgd and muon: added to what is divided by") \
    X(REAL, alpha, "opt-alpha", NULL, 0, 0.99, 0, 1, NULL, V_TRAIN, FV_MEANING, "F", "of rmsprop") \
    X(REAL, trust_coef, "trust-coef", "trust-coefficient", 0, 1e-3, FV_ABOVE_ZERO, 1e3, NULL, V_TRAIN, FV_MEANING, "F", \
      "of lars: how far a step moves a layer, as a share of its norm and of the rate") \
    X(INT, lookahead, "lookahead", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN, FV_FIXED, "N", \
      "around any optimizer: every N steps slow weights follow, and training goes on from them; 5 is usual, 0: never") \
    X(REAL, lookahead_alpha, "lookahead-alpha", NULL, 0, 0.5, FV_ABOVE_ZERO, 1, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --lookahead: share of the way that they follow") \
    X(REAL, weight_decay, "wd", "weight-decay", 0, 1e-4, 0, 1000, NULL, V_TRAIN, FV_MEANING, "F", \
      "weight decay: L2, decoupled with adamw, lamb and muon") \
    X(REAL, l1, "l1", NULL, 0, 0, 0, 1000, NULL, V_TRAIN, FV_MEANING, "F", "L1 regularization") \
    X(REAL, clip_norm, "clip-grad", "clip-grad-norm,clip-norm", 0, 0, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "largest norm of all gradients together; longer ones are scaled down; 0: any") \
    X(REAL, clip_value, "clip-value", NULL, 0, 0, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "largest magnitude of an element of a gradient; 0: any") \
    X(REAL, max_norm, "max-norm", NULL, 0, 0, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "largest norm of the weights that lead to one output; longer ones are scaled down after each step; 0: any") \
    X(FLAG, model_ema, "model-ema", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_FIXED, NULL, \
      "also keep a moving average of the model: weights/ema.safetensors") \
    X(REAL, model_ema_decay, "model-ema-decay", NULL, 0, 0.9998, 0, 1, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --model-ema: share of the average that a step keeps") \
    X(FLAG, decay_bias, "bias-weight-decay", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "decay biases too") \
    X(FLAG, decay_norm, "norm-weight-decay", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "decay batch-norm scale and shift too") \
    X(FLAG, freeze_norm, "freeze-norm", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "batch norm keeps its running statistics and uses them; scale and shift are trained") \
    X(TEXT, freeze, "freeze", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_INFO, FV_FIXED, "NAMES|N", \
      "tensors that keep their values, batch-norm statistics too: names with * and ?, separated by commas; N: the " \
      "first N layers; -N: all but the last N; none") \
    X(TEXT, unfreeze_at, "unfreeze-at", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_INFO, FV_FIXED, "EPOCH:NAMES,...", \
      "what of --freeze begins to learn with an epoch: names as those of --freeze, or how many layers stay frozen: " \
      "'5:features.1[0-9],10:*'") \
    X(TEXT, progressive_resize, "progressive-resize", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_FIXED, "EPOCH:SIZE,...", \
      "sizes of training images, N or HxW, and the epochs that they begin with; the last is the network's own: " \
      "'1:96,10:128,16:160'") \
    X(TEXT, lr_mult, "lr-mult", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_INFO, FV_MEANING, "NAMES=F,...", \
      "share of the learning rate by tensor, names as those of --freeze: 'features.*=0.01,classifier=0.1'") \
    X(REAL, layer_decay, "layer-decay", NULL, 0, 1, FV_ABOVE_ZERO, 1, NULL, V_TRAIN | V_INFO, FV_MEANING, "F", \
      "share of the learning rate that a layer has of that of the layer behind it") \
    X(CHOICE, schedule, "sched", "lr-scheduler", 0, FV_COSINE, 0, 0, FV_SCHEDULE_LIST(FV_NAME_OF), V_TRAIN | V_PLAN, \
      FV_MEANING, "NAME", "learning-rate schedule") \
    X(REAL, warmup_epochs, "warmup-epochs", "lr-warmup-epochs", 0, 0, 0, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "linear rise from --warmup-lr") \
    X(INT, warmup_steps, "warmup-steps", "lr-warmup-steps", 0, 0, 0, 1e15, NULL, V_TRAIN | V_PLAN, FV_MEANING, "N", \
      "the same, counted in steps") \
    X(REAL, warmup_lr, "warmup-lr", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", "where the rise begins") \
    X(REAL, min_lr, "min-lr", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "where a schedule ends at the lowest; cyclic: where each cycle begins") \
    X(REAL, decay_epochs, "decay-epochs", "lr-step-size", 0, 30, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "step: epochs between decays; exp, and cyclic of exp_range: epochs in which --decay-rate comes about") \
    X(LIST, decay_milestones, "decay-milestones", "milestones,lr-steps", 0, 0, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_PLAN, \
      FV_MEANING, "E,E...", "multistep: epochs of the run, rising, behind which the rate decays") \
    X(REAL, decay_rate, "decay-rate", "lr-gamma", 0, 0.1, FV_ABOVE_ZERO, 1, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "step, multistep, exp, plateau, cyclic of exp_range: factor of a decay") \
    X(REAL, poly_power, "poly-power", "lr-power", 0, 1, FV_ABOVE_ZERO, 100, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "poly: exponent of the share of the run that is left; 1: a line") \
    X(REAL, restart_epochs, "restart-epochs", "T-0", 0, 10, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "cosine_restarts: epochs of the first cycle") \
    X(INT, restart_mult, "restart-mult", "T-mult,lr-cycle-mul", 0, 1, 1, 1000, NULL, V_TRAIN | V_PLAN, FV_MEANING, "N", \
      "cosine_restarts: how many times as long as a cycle the next one is") \
    X(CHOICE, cycle_mode, "cycle-mode", NULL, 0, FV_TRIANGULAR, 0, 0, FV_CYCLE_LIST(FV_NAME_OF), V_TRAIN | V_PLAN, FV_MEANING, \
      "NAME", "cyclic: triangular; triangular2 is half as high with each cycle, exp_range decays") \
    X(REAL, cycle_up, "cycle-up", NULL, 0, 4, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "cyclic: epochs of the rise from --min-lr to --lr") \
    X(REAL, cycle_down, "cycle-down", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "cyclic: epochs of the fall; 0: as --cycle-up") \
    X(REAL, pct_start, "pct-start", NULL, 0, 0.3, 0, 1, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "onecycle: share of the run in which the rate rises to --lr") \
    X(REAL, div_factor, "div-factor", NULL, 0, 25, 1, 1e9, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "onecycle: it begins at --lr / F") \
    X(REAL, final_div_factor, "final-div-factor", NULL, 0, 1e4, 1, 1e12, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "onecycle: it ends at the beginning's rate / F") \
    X(CHOICE, anneal, "anneal", "anneal-strategy", 0, FV_ANNEAL_COS, 0, 0, FV_ANNEAL_LIST(FV_NAME_OF), V_TRAIN | V_PLAN, \
      FV_MEANING, "NAME", "onecycle: how it rises and falls") \
    X(REAL, max_momentum, "max-momentum", NULL, 0, 0, 0, FV_BELOW_ONE, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "onecycle: momentum (beta1 of adam, adamw and lamb) where the rate is lowest; 0.95 is usual, 0: it stays") \
    X(REAL, base_momentum, "base-momentum", NULL, 0, 0.85, FV_ABOVE_ZERO, FV_BELOW_ONE, NULL, V_TRAIN | V_PLAN, FV_MEANING, "F", \
      "with --max-momentum: momentum where the rate is highest") \
    X(INT, patience_epochs, "patience-epochs", NULL, 0, 10, 0, 1e6, NULL, V_TRAIN, FV_MEANING, "N", \
      "plateau: the rate decays when --monitor has not improved for more than N epochs") \
    X(REAL, plateau_threshold, "plateau-threshold", NULL, 0, 1e-4, 0, FV_BELOW_ONE, NULL, V_TRAIN, FV_MEANING, "F", \
      "plateau: what counts as improvement, as a share of the best") \
    X(INT, cooldown_epochs, "cooldown-epochs", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN, FV_MEANING, "N", \
      "plateau: epochs behind a decay that do not count") \
    X(TEXT, loss, "loss", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_MEANING, "NAME", \
      "softmax_cross_entropy (default for one class each), sigmoid_bce (for several), mse (for numbers), mae, huber" \
      ) \
    X(REAL, label_smoothing, "label-smoothing", "smoothing", 0, 0, 0, 0.999, NULL, V_TRAIN, FV_MEANING, "F", \
      "of cross-entropy") \
    X(REAL, huber_delta, "huber-delta", NULL, 0, 1, FV_ABOVE_ZERO, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "of --loss huber") \
    X(REAL, kd_temperature, "kd-temperature", "temperature", 0, 4, 0.01, 1000, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --teacher: what outputs are divided by before probabilities are compared; the higher, the softer") \
    X(REAL, distill_loss_weight, "distill-loss-weight", NULL, 0, 0.9, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --teacher: of the difference from its answers") \
    X(REAL, task_loss_weight, "task-loss-weight", NULL, 0, 0.1, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --teacher: of the loss of the labels") \
    X(TEXT, hint, "hint", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_FIXED, "LAYER=LAYER,...", \
      "with --teacher: layers of the student that are to give what those of the teacher give, by way of a 1x1 layer " \
      "where channels differ; patterns with * and ? that fit as many") \
    X(REAL, hint_loss_weight, "hint-loss-weight", NULL, 0, 1, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --hint: of the mean squared difference") \
    X(TEXT, attention, "attention", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_MEANING, "LAYER=LAYER,...", \
      "with --teacher: the same of where layers are active, whatever their channels (attention transfer)") \
    X(REAL, attention_loss_weight, "attention-loss-weight", NULL, 0, 1000, 0, 1e9, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --attention: of the mean squared difference of maps") \
    X(TEXT, augment, "augment", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_DATA, FV_MEANING, "STEPS", \
      "what happens to training images: `rrc; hflip; rotate degrees=10 p=0.3; mixup alpha=0.2` (`fovea help " \
      "augment` lists the steps), or none; the flags from --scale to --cutmix add to it") \
    X(GRADED, balance, "balance", NULL, 0, FV_BALANCE_NONE, 0, 1, "none,oversample,undersample,weights", V_TRAIN, \
      FV_MEANING, "HOW[=F]", \
      "classes of unequal size: oversample, undersample or weights (of the loss); F in [0, 1] is how far") \
    X(INT, workers, "workers", NULL, 0, 0, -1, 256, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_ROWS | V_QUANTIZE | V_CALIBRATE | V_COMPRESS, FV_SPEED, "N", \
      "decoding threads; 0: as --threads, -1: none") \
    X(REAL, stuck_after, "io-timeout", NULL, 0, 30, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN, FV_SPEED, "S", \
      "seconds after which a file that does not answer is read anew, and then named and left out") \
    X(TEXT, monitor, "monitor", "eval-metric", 0, NULL, 0, 0, NULL, V_TRAIN, FV_MEANING, "METRIC", \
      "what `best` means: val_top1 (default where there is a val split), val_top5, val_loss (default for labels " \
      "that are not one class), val_mean_ap, val_mae, train_loss (default without one), train_top1") \
    X(INT, patience, "patience", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN, FV_TOLD, "N", \
      "stop after N epochs without improvement; 0: never") \
    X(REAL, min_delta, "min-delta", NULL, 0, 0, 0, 1e9, NULL, V_TRAIN, FV_TOLD, "F", "what counts as improvement" \
      ) \
    X(FLAG, restore_best, "restore-best", "restore-best-weights", 0, false, 0, 0, NULL, V_TRAIN, FV_TOLD, NULL, \
      "end with the best weights, in last.safetensors too") \
    X(INT, val_interval, "val-interval", NULL, 0, 1, 1, 1e6, NULL, V_TRAIN, FV_TOLD, "N", \
      "epochs between validations") \
    X(INT, recovery_interval, "recovery-interval", NULL, 0, 0, 0, 1e15, NULL, V_TRAIN, FV_OUTPUT, "N", \
      "steps between recovery states; 0: at epochs only") \
    X(INT, save_period, "save-period", NULL, 0, 0, 0, 1e6, NULL, V_TRAIN, FV_OUTPUT, "N", \
      "keep the model of every N-th epoch: weights/epoch-0012.safetensors; 0: of none") \
    X(INT, checkpoint_hist, "checkpoint-hist", NULL, 0, 0, 0, 100, NULL, V_TRAIN, FV_OUTPUT, "K", \
      "of those (of all epochs without --save-period) keep the K best by --monitor; 0: all")
/* clang-format on */

/* Members and initializers of fv_fit_options. */
#define FV_SETTING_MEMBER(kind, name, ...)                                 FV_MEMBER_##kind(name)
#define FV_SETTING_INITIAL(kind, name, key, aliases, letter, initial, ...) FV_INITIAL_##kind(name, initial)
#define FV_FIT_DEFAULTS                                                    FV_FIT_SETTINGS(FV_SETTING_INITIAL)

#endif
