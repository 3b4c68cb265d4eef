/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_text.h"

#include <math.h>
#include <stdio.h>

#include "cli.h"

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

fv_status memory_tell(const fv_ctx *ctx, const char *what, const fv_memory *plan, const char *cure)
{
    char parts[512];
    const double limit = (double)fv_ctx_memory_limit(ctx) / 1048576;
    if (plan->total > fv_ctx_memory_limit(ctx)) {
        memory_text(plan, 3, parts, sizeof parts);
        return complain(FV_ERR_OVER_BUDGET, cure, "%s needs %.2f MiB, but the limit is %.2f MiB; the largest parts: %s",
                        what, (double)plan->total / 1048576, limit, parts);
    }
    memory_text(plan, 20, parts, sizeof parts);
    note("memory for %s: %.1f MB planned, limit %.1f MB", what, ceil((double)plan->total / 1048576 * 10) / 10, limit);
    note("memory: %s", parts);
    return FV_OK;
}
