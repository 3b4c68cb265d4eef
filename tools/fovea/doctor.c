/* SPDX-License-Identifier: Apache-2.0 */
/* fovea doctor: what the program finds on this machine. */
#include <jansson.h>

#include "cli.h"

/* Titles of the image formats that this build can read, or of those it cannot with the library each lacks. */
static void list_formats(bool available, char *text, size_t size)
{
    fv_image_format_info f;
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; fv_image_format_at(i, &f); i++) {
        if (f.available != available || used >= size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", f.title);
        if (!available && used < size)
            used += (size_t)snprintf(text + used, size - used, " (%s)", f.library);
    }
}

fv_status verb_doctor(settings *c)
{
    fv_ctx *ctx;
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    char formats[256], absent[256];
    list_formats(true, formats, sizeof formats);
    list_formats(false, absent, sizeof absent);
    double gib = (double)fv_ctx_memory_limit(ctx) / (1024.0 * 1024 * 1024);
    if (c->json) {
        json_t *root =
            json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:s, s:s}", "version", fv_version(), "processor",
                      fv_ctx_processor(ctx), "instruction_set", fv_ctx_isa(ctx), "threads", fv_ctx_threads(ctx),
                      "memory_limit", (json_int_t)fv_ctx_memory_limit(ctx), "device", "cpu", "jansson",
                      jansson_version_str(), "image_formats", formats, "image_formats_absent", absent);
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(root);
    } else {
        printf("fovea            %s\nprocessor        %s\ninstruction set  %s\nthreads          %d\nmemory for plans "
               "%.1f GiB\n"
               "device           cpu (this build has no other)\n",
               fv_version(), fv_ctx_processor(ctx), fv_ctx_isa(ctx), fv_ctx_threads(ctx), gib);
        printf("image formats    %s\n", formats);
        if (absent[0])
            printf("  not built in   %s\n", absent);
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
