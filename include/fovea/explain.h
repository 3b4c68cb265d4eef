/* SPDX-License-Identifier: Apache-2.0 */
/* What in an image an answer rests on, as a map over the image. */
#ifndef FOVEA_EXPLAIN_H
#define FOVEA_EXPLAIN_H

#include <fovea/predict.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * GRADCAM (Selvaraju et al., 2017): of a layer's map A (h x w x channels) and the score y of the class before softmax,
 *
 *     a_k = 1/(h w) sum_ij dy / dA_ijk,    map_ij = max(0, sum_k a_k A_ijk)
 *
 * in inference: normalization uses its running statistics, dropout does nothing. Sums are float64, in order.
 *
 * OCCLUSION (Zeiler and Fergus, 2014): a grey patch covers the network's input place by place, its last row and column
 * of places end at the edge, and p is the answer for the class: map_ij is the mean of p - p(covered) over the places
 * that cover pixel ij. Grey is half of full scale; where the pipeline standardizes images, 0.
 */
typedef enum fv_explain_method { FV_EXPLAIN_GRADCAM, FV_EXPLAIN_OCCLUSION, FV_EXPLAIN_COUNT } fv_explain_method;
/** "gradcam", "occlusion" in the order of fv_explain_method; ends with NULL. */
FV_API const char *const *fv_explain_methods(void);

typedef struct fv_explain_options {
    fv_explain_method method;
    /* GRADCAM: whose map, one name as fv_features_options.layers has them. NULL: that of the last convolution, with
     * what follows it place by place: normalization, activation, addition, concatenation. */
    const char *layer;
    int64_t patch[2];  /* OCCLUSION: rows and columns of the patch; [0: a seventh of the input's, rounded up] */
    int64_t stride[2]; /* from place to place; [0: half of the patch, rounded up] */
} fv_explain_options;

/** A model and a method. One thread at a time. */
typedef struct fv_explainer fv_explainer;

/**
 * Compiles what is needed; the model must outlive the explainer and keep its weights meanwhile. `options` may be NULL.
 * VALUE: no such layer, its result is no map of several places, or the model has no convolution whose result is one; a
 * patch larger than the input. UNSUPPORTED: the model does not take one image and give one row of numbers; for GRADCAM
 * something behind the layer has no gradient, as products of integers. NO_MEMORY, OVER_BUDGET.
 */
FV_API fv_status fv_explainer_create(fv_model *model, const fv_explain_options *options, fv_explainer **explainer);
FV_API void fv_explainer_destroy(fv_explainer **explainer);
/** GRADCAM: the name of the layer's value. OCCLUSION: NULL. */
FV_API const char *fv_explainer_layer(const fv_explainer *explainer);
/** OCCLUSION: runs of the network for one map. GRADCAM: 1. */
FV_API int64_t fv_explainer_forwards(const fv_explainer *explainer);

/** A map of h x w cells, row by row, valid until the explainer's next run. */
typedef struct fv_explanation {
    int64_t class_index; /* what is explained: a class or target */
    float answer;        /* of it: its probability, or the value */
    int64_t h, w;        /* GRADCAM: of the layer's map; OCCLUSION: of the network's input */
    const float *map;
    double y0, x0, y1, x1; /* the part of the image, in its pixels and their fractions, that the network sees: cells
                              divide it evenly */
    int64_t image_h, image_w;
} fv_explanation;
/** Explains a class or target, -1: that of the largest answer. The same bits whatever the number of threads. ARGUMENT:
 * no such class. DATA_FORMAT (channels), DIVERGED: an answer or the map is not finite; INTERRUPTED, NO_MEMORY. */
FV_API fv_status fv_explainer_run(fv_explainer *explainer, const fv_image *image, int64_t class_index,
                                  fv_explanation *explanation);

/** The map in the image's coordinates, image_h x image_w floats: between the cells' centers bilinear, beyond the outer
 * ones constant, 0 where the network sees nothing of the image. */
FV_API void fv_explanation_spread(const fv_explanation *explanation, float *dst);
/** The image, its colors muted, below the map: what speaks for the class from yellow to red by its share of the largest
 * number, what speaks against it blue; what the network does not see is darkened. Makes *picture, 8 bits and 3
 * channels, the size of the image, to be freed with fv_image_free. ARGUMENT: the image is of another size. NO_MEMORY.
 */
FV_API fv_status fv_explanation_draw(fv_ctx *ctx, const fv_explanation *explanation, const fv_image *image,
                                     fv_image *picture);

/**
 * The test of Adebayo et al. (2018): a map that shows what the network has learned changes when what it has learned is
 * destroyed. Step i draws the i + 1 last weighted layers anew (each weight from the normal distribution of its tensor's
 * mean and deviation, a pure function of seed and name), leaves the others as they are, and compares maps.
 */
typedef struct fv_randomized {
    const char *layer;  /* the step's: the layers behind it are drawn anew, too */
    double correlation; /* Spearman's, of the two maps' cells, with mean ranks for equal ones; 0: the new map is
                           constant; NaN: so is the one that it is compared with */
} fv_randomized;
/** All steps for one image and class; *rows are the explainer's, until its next call. The model itself is not changed:
 * the explainer keeps a copy. What fv_explainer_run says. */
FV_API fv_status fv_explainer_randomize(fv_explainer *explainer, const fv_image *image, int64_t class_index,
                                        uint64_t seed, const fv_randomized **rows, int *count);

#ifdef __cplusplus
}
#endif
#endif
