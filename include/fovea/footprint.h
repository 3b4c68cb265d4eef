/* SPDX-License-Identifier: Apache-2.0 */
/* What networks need where they are used: memory, storage, time; and which of the zoo fit a device. */
#ifndef FOVEA_FOOTPRINT_H
#define FOVEA_FOOTPRINT_H

#include <fovea/machine.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What numbers a network is stored and computed in. */
typedef enum fv_numbers { FV_NUMBERS_FLOAT32, FV_NUMBERS_INT8, FV_NUMBERS_COUNT } fv_numbers;
/** "float32", "int8"; ends with NULL. */
FV_API const char *const *fv_numbers_names(void);

/** A network at work on one image at a time. Auxiliary heads, which only training has, do not count. */
typedef struct fv_footprint {
    int64_t parameters; /* trained elements */
    /** Of what a run reads and does not change, as the network is compiled for inference: batch norms are folded into
     * the filters before them. 4 bytes an element; INT8: 1 for filters and matrices, 4 for all else (biases). */
    int64_t weight_bytes;
    /** The input and the block of activations as the executor plans it: results whose lifetimes do not overlap share
     * their bytes. INT8: a quarter of it. */
    int64_t peak_bytes;
    double macs; /* multiply-adds of an image */
} fv_footprint;
/** Of a finished model. VALUE: no such numbers. */
FV_API fv_status fv_model_footprint(const fv_model *model, fv_numbers numbers, fv_footprint *footprint);

/** How fast a device is: 1e9 multiply-adds a second that networks reach on it, all of them alike. */
typedef struct fv_device_speed {
    double gmacs; /* 0: it is the machine below */
    /** What this machine can do at most, and the share of it that networks reach: a layer takes the longer of its
     * operations at the one rate and its bytes at the other, and a network the sum of its layers over the share. */
    fv_machine machine;
    double share;
} fv_device_speed;
/** Measures this machine with the context's threads, and two networks of the zoo for the share; half a second or so. */
FV_API fv_status fv_device_speed_measure(fv_ctx *ctx, fv_device_speed *speed);

/** Bounds of a device; 0: none. */
typedef struct fv_device_bounds {
    int64_t ram, flash; /* bytes: of the peak, and of the weights */
    double ms;          /* for one image */
    int64_t parameters;
} fv_device_bounds;
enum {
    FV_OVER_RAM = 1 << 0,
    FV_OVER_FLASH = 1 << 1,
    FV_OVER_TIME = 1 << 2,
    FV_NOT_BUILT = 1 << 3,
    FV_OVER_PARAMETERS = 1 << 4
};

/** A network of the zoo and a device. */
typedef struct fv_contender {
    const char *name; /* static */
    int64_t h, w, c;  /* its input */
    fv_footprint need;
    double ms;     /* for one image, expected */
    unsigned over; /* which bounds it breaks; NOT_BUILT: it has no form of this input, and all else is 0 */
} fv_contender;
/** Architecture `name` within bounds. `options` as of fv_model_zoo, `speed` as measured or given. No weights are
 * allocated. UNKNOWN_OPTION, VALUE; OVER_BUDGET, NO_MEMORY. With NOT_BUILT the reason is the context's message. */
FV_API fv_status fv_zoo_contender(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_numbers numbers,
                                  const fv_device_bounds *bounds, const fv_device_speed *speed,
                                  fv_contender *contender);

#ifdef __cplusplus
}
#endif
#endif
