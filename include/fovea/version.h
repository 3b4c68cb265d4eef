/* SPDX-License-Identifier: Apache-2.0 */
/* Which fovea this is, for the preprocessor and at run time. */
#ifndef FOVEA_VERSION_H
#define FOVEA_VERSION_H

#include <fovea/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Of these headers. */
#define FOVEA_VERSION_MAJOR 0
#define FOVEA_VERSION_MINOR 1
#define FOVEA_VERSION_PATCH 0
#define FOVEA_VERSION       "0.1.0"
/** Programs built with these headers need a library whose fv_abi_version() is the same: N of libfovea.so.N. */
#define FOVEA_ABI_VERSION 0

/** Of the library that runs: "0.1.0", and its FOVEA_ABI_VERSION. Any thread. */
FV_API const char *fv_version(void);
FV_API int fv_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
