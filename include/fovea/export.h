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

/* Options as named arguments, &(fv_dense_options){.units = 10}: alive until the call that they are for has returned. */
#ifdef __cplusplus
extern "C++" template <typename T> inline const T *fv_options_at(const T &options)
{
    return &options;
}
/* Members left out are 0, of which g++ would warn. */
#define FV_OPTIONS(type, ...)                                                                                          \
    fv_options_at(__extension__({                                                                                      \
        _Pragma("GCC diagnostic push");                                                                                \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"");                                            \
        const type fv_options_{__VA_ARGS__};                                                                           \
        _Pragma("GCC diagnostic pop");                                                                                 \
        fv_options_;                                                                                                   \
    }))
#else
#define FV_OPTIONS(type, ...)                                                                                          \
    &(type)                                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#endif

#endif
