/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes: every fallible function of fovea returns one. */
#ifndef FOVEA_STATUS_H
#define FOVEA_STATUS_H

#include <fovea/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One row per code: X(NAME, number, "what it means", "what to do about it").
 * The number is stable and is what messages show as E<number>; its thousands are the program's exit code
 * (E2xxx = usage, E3xxx = data, E4xxx = model, E5xxx = memory, E6xxx = device, E7xxx = diverged, E8xxx = gate,
 * E9xxx = input/output, E75xxx = interrupted with the state saved).
 */
#define FV_STATUS_LIST(X)                                                                                              \
    X(FAILED, 1001, "the operation failed", "see the message")                                                         \
    X(UNSUPPORTED, 1002, "this build or operator cannot do that", "see the message for what is possible")              \
    X(INTERNAL, 1003, "a broken invariant inside fovea", "please report it with the command and the message")          \
    X(USAGE, 2001, "wrong use of the command line", "run `fovea help VERB`")                                           \
    X(UNKNOWN_OPTION, 2002, "an option, verb or key that does not exist", "use the nearest valid name shown")          \
    X(VALUE, 2003, "a value of the wrong type or out of range", "use a value in the range shown")                      \
    X(CONFLICT, 2004, "two settings contradict each other", "drop one of them")                                        \
    X(SYNTAX, 2005, "a YAML or JSON file that cannot be parsed", "correct the file at the line and column shown")      \
    X(SHAPE, 2006, "shapes that do not fit together", "change the layer named, or what feeds it")                      \
    X(ARGUMENT, 2007, "a wrong argument to a library function", "see the function's comment")                          \
    X(LOCKED, 2008, "the run folder is in use by another process", "choose another --experiment or wait")              \
    X(DATA, 3001, "data that cannot be used", "see the message")                                                       \
    X(DATA_TRUNCATED, 3002, "a data file that ends too early", "fetch the file again")                                 \
    X(DATA_FORMAT, 3003, "a data file whose content is not what it should be", "check what the file is")               \
    X(DATA_EMPTY, 3004, "no usable samples", "check the path and the folder layout (`fovea help data`)")               \
    X(DATA_CLASSES, 3005, "classes that do not match", "compare the two lists shown")                                  \
    X(DATA_TOO_LARGE, 3006, "an image above the size limit", "raise --max-pixels if you trust the file")               \
    X(DATA_TOO_BAD, 3007, "too many quarantined files", "repair the files listed or raise --max-bad")                  \
    X(MODEL, 4001, "a model file that cannot be used", "see the message")                                              \
    X(MODEL_FORMAT, 4002, "a malformed model or weights file", "fetch or convert the file again")                      \
    X(MODEL_MISMATCH, 4003, "weights that do not fit the architecture", "see the table, or use --partial")             \
    X(MODEL_CORRUPT, 4004, "a checkpoint whose checksum is wrong", "use an older checkpoint")                          \
    X(MODEL_NAN, 4005, "NaN or Inf inside weights", "use an older checkpoint")                                         \
    X(MODEL_PICKLE, 4006, "a pickle that asks for more than tensors",                                                  \
      "save the tensors alone: torch.save(model.state_dict(), FILE)")                                                  \
    X(NO_MEMORY, 5001, "memory could not be allocated", "use a smaller batch or model")                                \
    X(OVER_BUDGET, 5002, "the plan needs more memory than allowed", "use a smaller batch or raise --memory")           \
    X(DEVICE, 6001, "the device asked for is absent or failed", "use --device cpu")                                    \
    X(DIVERGED, 7001, "the loss or a gradient became NaN or Inf", "lower --lr, or check the data named")               \
    X(SANITY, 7002, "a network that does not learn two batches by heart, or only by heart",                            \
      "see the verdict and its evidence")                                                                              \
    X(GATE, 8001, "the accuracy asked for was missed", "see the numbers in the message")                               \
    X(IO, 9001, "reading or writing a file failed", "check the path and its permissions")                              \
    X(NOT_FOUND, 9002, "a file or folder that does not exist", "check the path")                                       \
    X(NO_SPACE, 9003, "the disk is full", "free space or choose another --output")                                     \
    X(PERMISSION, 9004, "a file or folder that may not be read or written", "check its permissions")                   \
    X(INTERRUPTED, 75001, "interrupted by a signal; the state is saved", "`fovea train --resume FOLDER` goes on")

/** Zero is success; every failure is minus the number of its row. */
typedef enum fv_status {
    FV_OK = 0,
#define FV_STATUS_ROW(name, number, text, cure) FV_ERR_##name = -(number),
    FV_STATUS_LIST(FV_STATUS_ROW)
#undef FV_STATUS_ROW
} fv_status;

/** The name of a code ("DATA_TRUNCATED"); "OK" for FV_OK, "UNKNOWN" for a number that is no code. Static storage. */
FV_API const char *fv_status_name(fv_status status);
/** One sentence on what the code means. Static storage, never NULL. */
FV_API const char *fv_status_text(fv_status status);
/** One sentence on what to do about it. Static storage, never NULL. */
FV_API const char *fv_status_cure(fv_status status);
/** The exit code a program should end with: 0 for FV_OK, else the thousands of the number. */
FV_API int fv_status_exit_code(fv_status status);

/** Evaluates a call; when it fails, returns its status from the current function. */
#define FV_TRY(call)                                                                                                   \
    do {                                                                                                               \
        fv_status fv_try_status_ = (call);                                                                             \
        if (fv_try_status_ != FV_OK)                                                                                   \
            return fv_try_status_;                                                                                     \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
