/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

bool fv_library_open(const char *const *names, const fv_library_call *calls, size_t n_calls, void *table)
{
    void *library = NULL;
    for (; !library && *names; names++)
        library = dlopen(*names, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    for (size_t i = 0; library && i < n_calls; i++) {
        void *address = dlsym(library, calls[i].name);
        if (!address)
            return false;
        memcpy((char *)table + calls[i].at, &address, sizeof address);
    }
    return library != NULL;
}
