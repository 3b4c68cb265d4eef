/* SPDX-License-Identifier: Apache-2.0 */
/* Shared libraries that are opened where they are needed, so that no other use of the program loads them. */
#ifndef FV_BASE_LIBRARY_H
#define FV_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A function and where its address goes: bytes behind the start of a table of pointers. */
typedef struct fv_library_call {
    const char *name;
    size_t at;
} fv_library_call;

/* Opens the first of `names` (which end with NULL) that is there and fills `table`. It stays in the process, so that
 * opening it again costs little. false: none is there, or it lacks one of the functions. Any thread. */
bool fv_library_open(const char *const *names, const fv_library_call *calls, size_t n_calls, void *table);

#endif
