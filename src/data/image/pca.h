/* SPDX-License-Identifier: Apache-2.0 */
/* Principal components of an image set's pixels, for AlexNet's color shift (Krizhevsky et al., 2012). */
#ifndef FV_DATA_PCA_H
#define FV_DATA_PCA_H

#include <fovea/data.h>

__extension__ typedef unsigned __int128 fv_u128;

/* Sums over pixels on the scale of 16 bits (8-bit pixels times 257, floats clamped and rounded): integers, so that the
 * order of images and a split among threads cannot matter. Zero-initialise with c (1 to 16). */
typedef struct fv_color_sums {
    int64_t c, n;
    uint64_t sum[16];
    fv_u128 product[16 * 17 / 2]; /* of channels i >= j at i (i + 1) / 2 + j */
} fv_color_sums;

/* Adds all pixels of an image of sums->c channels (an image of another number of channels adds nothing). */
void fv_color_sums_add(fv_color_sums *sums, const fv_image *image);
void fv_color_sums_merge(fv_color_sums *sums, const fv_color_sums *more);

/* Row i of vector is a unit eigenvector of the covariance of pixels in units of full scale (divided by n - 1), value[i]
 * its eigenvalue: largest first; the component of largest magnitude is positive. */
typedef struct fv_pca {
    int64_t c;
    double value[16], vector[16 * 16]; /* vector: c x c, dense */
} fv_pca;
void fv_pca_rgb(const fv_color_sums *sums, fv_pca *pca);
/* Eigenvalues and eigenvectors of a symmetric c x c matrix by Jacobi's method in float64, in the order and sign above.
 */
void fv_pca_solve(int64_t c, const double *matrix, fv_pca *pca);

#endif
