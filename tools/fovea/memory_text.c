/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_text.h"

#include <stdio.h>

void memory_text(const fv_memory *plan, int most, char *text, size_t size)
{
    unsigned told = 0;
    size_t used = 0;
    text[0] = 0;
    for (int shown = 0; shown < most && used < size; shown++) {
        const char *title, *name = NULL;
        int64_t bytes, largest = 0;
        int part = 0;
        for (int i = 0; (title = fv_memory_part(plan, i, &bytes)); i++)
            if (bytes > largest && !(told >> i & 1)) {
                largest = bytes;
                name = title;
                part = i;
            }
        if (!name)
            return;
        told |= 1u << part;
        used += (size_t)snprintf(text + used, size - used, "%s%s %.1f MiB", shown ? ", " : "", name,
                                 (double)largest / 1048576);
    }
}
