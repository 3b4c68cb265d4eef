/* SPDX-License-Identifier: Apache-2.0 */
/* How far answers are from each other: of two networks, or of one that is computed in several ways. */
#ifndef FOVEA_DIFFERENCE_H
#define FOVEA_DIFFERENCE_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far a tensor is from another. */
typedef struct fv_difference {
    double largest; /* difference of two elements; infinite where one of them is NaN or infinite and the other is not */
    double scale;   /* largest magnitude in the first */
    double relative; /* largest / scale; 0 when they are equal */
    double sqnr;     /* dB: 10 log10 (sum of a^2 / sum of (a - b)^2); infinite when they are equal */
    int64_t at;      /* the element that differs most */
} fv_difference;
/** Element by element, whatever the shapes; false when their numbers of elements differ. */
FV_API bool fv_tensor_compare(const fv_tensor *a, const fv_tensor *b, fv_difference *difference);

/** How a session computes. */
typedef enum fv_execution {
    FV_EXECUTION_FUSED,    /* as all others do: the quickest solvers, layers fused */
    FV_EXECUTION_PLAIN,    /* the same solvers, every layer by itself */
    FV_EXECUTION_REFERENCE /* every layer by itself, by the loops that define it: slow */
} fv_execution;
/** A session that computes in that way. */
FV_API fv_status fv_session_create_as(fv_model *model, int64_t batch, fv_execution execution, fv_session **session);

#ifdef __cplusplus
}
#endif
#endif
