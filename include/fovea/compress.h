/* SPDX-License-Identifier: Apache-2.0 */
/* Trained models in 8-bit integers, and what that costs, layer by layer. */
#ifndef FOVEA_COMPRESS_H
#define FOVEA_COMPRESS_H

#include <fovea/data.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the range of a value is chosen from what it holds on the calibration images. */
typedef enum fv_calibration {
    FV_CALIBRATION_MSE,        /* the least mean square error of 256 levels */
    FV_CALIBRATION_MINMAX,     /* all that was seen */
    FV_CALIBRATION_PERCENTILE, /* all but a share, half of it at either end */
    FV_CALIBRATION_ENTROPY,    /* the least divergence of the distribution (Migacz, 2017) */
    FV_CALIBRATION_COUNT
} fv_calibration;
/** "mse", "minmax", "percentile", "entropy"; ends with NULL. */
FV_API const char *const *fv_calibration_names(void);

/** What the arrays of a model are that `fovea run` and other programs give it. */
typedef enum fv_quantize_io { FV_IO_FLOAT, FV_IO_INT8, FV_IO_UINT8 } fv_quantize_io;

typedef struct fv_quantize_options {
    fv_calibration calibration;
    double percentile; /* of PERCENTILE [99.99] */
    bool per_tensor;   /* one scale for all filters of a layer, instead of one for each */
    int weight_bits;   /* of weights, from 2 [8]; they take a byte each all the same */
    const char *skip;  /* layers that stay in floats: names, with * and ?, separated by commas; NULL: none */
    fv_quantize_io io;
    bool equalize;        /* channels between two layers are scaled so that they share a range better (Nagel et al.,
                             2019); reads the images twice */
    bool bias_correction; /* biases make up for what rounding the weights adds on average */
    fv_model *ranges; /* a model in integers that was made from the same network: its ranges are taken, no images are
                         read, and `calibration` is NULL; NULL: ranges are those of the images */
    int workers;      /* decoding threads, as fv_loader_options has them */
    int64_t measured; /* calibration images on which errors are measured [16]; negative: none */
    bool force;       /* calibration data that are refused are warned of instead */
} fv_quantize_options;

/** A layer: a node of the network that inference computes, with the activation that rides in it. */
typedef struct fv_quantize_row {
    const char *layer, *op; /* valid as long as the quantizer */
    bool weighted;          /* a convolution or a product */
    bool integer;           /* computed with integers */
    char why[200];          /* why it is not; or what stands out; "" */
    double low, high;       /* range of its result */
    double scale;           /* of its result: low + 255 * scale = high */
    int64_t zero;
    double beyond;           /* share of the calibration's numbers outside of it */
    double own_db, db;       /* signal to noise of its result's median channel, in decibels: it alone in integers; all
                                of them. NaN: not measured, infinite: no error */
    int64_t dead;            /* filters that are all zero */
    int64_t outliers, worst; /* channels of the result that reach 8 times the median one; the largest */
    double outlier_ratio;    /* its largest number by the median channel's */
    double left_out;         /* fv_quantizer_meet: accuracy with this layer alone in floats; NaN: not measured */
    int64_t parameters;
} fv_quantize_row;

/**
 * A model ready to be quantized: normalization folded into weights, and the range of every value observed over
 * calibration images, which are read once, in their order, and not kept. It can make any number of models with other
 * layers in floats without reading them again.
 */
typedef struct fv_quantizer fv_quantizer;

/**
 * Reads the calibration images. `model` is left as it is and may go; the context must outlive the quantizer.
 * UNSUPPORTED: not one image in and one row out; MODEL: it has integers already, or nothing to quantize; DATA_EMPTY:
 * too few images; DATA_CLASSES: all are of one class; DATA: they are unlike what the model was trained on (`force`
 * makes warnings of these two); VALUE: no layer of a name in `skip`; DIVERGED: a value is not finite.
 */
FV_API fv_status fv_quantizer_create(fv_model *model, fv_dataset *calibration, const fv_quantize_options *options,
                                     fv_quantizer **quantizer);
FV_API void fv_quantizer_destroy(fv_quantizer **quantizer);
/** Layers, in their order. */
FV_API int fv_quantizer_count(const fv_quantizer *quantizer);
FV_API const fv_quantize_row *fv_quantizer_row(const fv_quantizer *quantizer, int i);
/** What was noticed of model and images, a sentence each; NULL behind the last. */
FV_API const char *fv_quantizer_warning(const fv_quantizer *quantizer, int i);
/** Images that ranges were observed on. */
FV_API int64_t fv_quantizer_images(const fv_quantizer *quantizer);
/** Pairs of layers between which channels were equalized. */
FV_API int fv_quantizer_equalized(const fv_quantizer *quantizer);
/** Whether layer i stays in floats from here on. ARGUMENT: no such layer, or it has no integer form. */
FV_API fv_status fv_quantizer_keep_float(fv_quantizer *quantizer, int i, bool keep);
/** A model with the layers' integers, which the caller destroys; rows tell what became of each. CONFLICT: `io` asks for
 * integers of a value that stays in floats. */
FV_API fv_status fv_quantizer_make(fv_quantizer *quantizer, fv_model **model);
/** Measures the errors of a model that fv_quantizer_make made last, on the images kept for it: rows' db. */
FV_API fv_status fv_quantizer_measure(fv_quantizer *quantizer, fv_model *model);

typedef struct fv_quantize_gate {
    double max_drop; /* accuracy that may be lost, in points of percent */
    int64_t batch_size;
    int workers;
    double before, all, after; /* filled: accuracy of the model given, of all layers in integers, of what was made */
    int kept, trials;          /* layers that stay in floats to meet it; models that were scored on the way */
} fv_quantize_gate;
/**
 * Makes the model in which the fewest layers stay in floats so that the accuracy (fv_metrics.top1) on labeled data is
 * at most max_drop below that of `model`, the one in floats. The layers with the largest errors of their own are left
 * out one by one, and one of them that is enough is it; else they stay from the largest error on until it holds, and
 * those that turn out not to be needed are taken back. GATE naming the layers, when half of those with weights are not
 * enough; *made is NULL then. Errors as of fv_evaluate.
 */
FV_API fv_status fv_quantizer_meet(fv_quantizer *quantizer, fv_model *model, fv_dataset *labeled,
                                   fv_quantize_gate *gate, fv_model **made);

/*
 * ---- training for integers (quantization-aware training: Jacob et al., 2018) ----
 */

/**
 * A model to be trained as any other (fv_fit) that computes, at every step and where it is evaluated, what its integers
 * will: beside each layer of floats stands the one of integers, whose scales follow from weights and ranges; gradients
 * take the way of the floats, but where a range cut off. Ranges begin as the quantizer has them and are states of the
 * model, which follow the batches by a moving average; those of inputs stay. Normalization is folded. The caller
 * destroys it. Layers that stay in floats are those of
 * fv_quantizer_make; rows tell which.
 */
FV_API fv_status fv_quantizer_make_trainable(fv_quantizer *quantizer, fv_model **model);
/** Whether a model is such a one. */
FV_API bool fv_model_trains_integers(const fv_model *model);
/**
 * A quantizer of what such a model has learned: weights and ranges are the model's, nothing is calibrated. What
 * fv_quantizer_make makes of it gives the very numbers that `trained` gives. Of the options `io` counts. MODEL: it is
 * no such model.
 */
FV_API fv_status fv_quantizer_of_trained(fv_model *trained, const fv_quantize_options *options,
                                         fv_quantizer **quantizer);

/** All of it at once: a copy of `model` in integers. */
FV_API fv_status fv_quantize(fv_model *model, fv_dataset *calibration, const fv_quantize_options *options,
                             fv_model **quantized);

/* ---- without calibration ---- */

/** Layers with weights. */
typedef struct fv_dynamic_report {
    int integer, real; /* computed with integers; in floats */
} fv_dynamic_report;
/**
 * A copy in which convolutions and dense layers sum integers: weights of int8 with a scale for each filter, and
 * activations that are rounded to 8 bits on the way in, with the range that each sample has (an answer does not depend
 * on the rest of its batch). Their results are floats, and so is all between them: nothing is calibrated. `skip`: names
 * of layers that stay in floats, with * and ?, separated by commas; NULL: none. VALUE: no layer is called so; MODEL: it
 * has integers already, or nothing to quantize. `report` may be NULL.
 */
FV_API fv_status fv_quantize_dynamic(fv_model *model, const char *skip, fv_dynamic_report *report,
                                     fv_model **quantized);

/* ---- weights alone ---- */

/** What rounding weights did. */
typedef struct fv_round_report {
    int tensors;                /* that are stored smaller */
    int64_t elements, vanished; /* theirs; those of them that were no 0 and are 0 now */
    double db;                  /* signal to noise of all of them, in decibels; infinite: nothing was lost */
    const char *worst;          /* the tensor with the least; NULL: none lost anything. Valid as long as the model */
    double worst_db;
} fv_round_report;
/**
 * Rounds weights to what a smaller type holds, and has files of the model hold them so (fv_model_storage): FP16 and
 * BF16 weights and biases of layers with weights, to the nearest, halves to even; INT8 weights, to -127 to 127 times a
 * bfloat16 for each filter. Normalization stays float32, and so do layers named in `skip` (names, with * and ?,
 * separated by commas; NULL: none) and, with FLOAT32, all. Nothing else changes: the model computes in float32 and can
 * be trained on. VALUE: no layer of a name in `skip`; MODEL: no float weights, or a number that FP16 cannot hold (65504
 * at most), naming it: the model is as it was then. `report` may be NULL.
 */
FV_API fv_status fv_model_round(fv_model *model, fv_storage storage, const char *skip, fv_round_report *report);

#ifdef __cplusplus
}
#endif
#endif
