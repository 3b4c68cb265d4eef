/* SPDX-License-Identifier: Apache-2.0 */
/* Marks the functions that the shared library exports, and checks printf-like formats where the compiler can. */
#ifndef FOVEA_EXPORT_H
#define FOVEA_EXPORT_H

#if defined(__GNUC__)
#define FV_API              __attribute__((visibility("default")))
#define FV_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#else
#define FV_API
#define FV_PRINTF(fmt, arg)
#endif

#endif
