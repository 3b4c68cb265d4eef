/* SPDX-License-Identifier: Apache-2.0 */
/* A first layer that follows from the data: filters whose outputs are uncorrelated and of variance one. */
#ifndef FOVEA_WHITEN_H
#define FOVEA_WHITEN_H

#include <fovea/data.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_whiten_options {
    int64_t samples; /* images that are looked at, drawn by the seed [0: 5000] */
    double eps;      /* added to variances, so that noise is not enlarged without bound [0: 5e-4] */
    uint64_t seed;
    int workers; /* decoding threads, as fv_loader_options has them */
} fv_whiten_options;

typedef struct fv_whiten_report {
    const char *tensor;       /* the filters; valid as long as the model */
    int64_t filters, r, s, c; /* k r s c */
    int64_t samples, patches; /* that were looked at */
    int64_t directions;       /* that the filters use, of r s c */
    double largest, smallest; /* variance along the first and the last of them */
} fv_whiten_report;

/**
 * Sets the filters of the layer that reads the image to the principal directions of r x s x c patches of the training
 * images as the network sees them, without augmentation: with l_i, v_i the eigenvalues (descending) and eigenvectors of
 * the mean of patch patch', filters 2i and 2i + 1 are v_i / sqrt(l_i + eps) and its negative, so that a rectifier
 * behind them loses nothing (Page, 2019; Jordan, 2024). A bias is set to 0. A pure function of model, data set and
 * options, on any number of threads. Filters are meant to stay as they are: fv_fit_options.freeze takes report.tensor.
 *
 * UNSUPPORTED: no convolution reads the image, or one in groups. VALUE: it has more filters than two for each
 * direction. CONFLICT: patches have no variance. What fv_loader_next says. `options` and `report` may be NULL.
 */
FV_API fv_status fv_model_whiten(fv_model *model, fv_dataset *train, const fv_whiten_options *options,
                                 fv_whiten_report *report);

#ifdef __cplusplus
}
#endif

#endif
