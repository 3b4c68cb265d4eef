/* SPDX-License-Identifier: Apache-2.0 */
/* fovea doctor: what the program finds on this machine. */
#include <jansson.h>

#include "cli.h"

int verb_doctor(cli *c)
{
    fv_ctx *ctx;
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return fv_status_exit_code(status);
    double gib = (double)fv_ctx_memory_limit(ctx) / (1024.0 * 1024 * 1024);
    if (c->json) {
        json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:s}", "version", fv_version(), "processor",
                                 fv_ctx_processor(ctx), "instruction_set", fv_ctx_isa(ctx), "threads",
                                 fv_ctx_threads(ctx), "memory_limit", (json_int_t)fv_ctx_memory_limit(ctx), "device",
                                 "cpu", "jansson", jansson_version_str());
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(root);
    } else {
        printf("fovea            %s\nprocessor        %s\ninstruction set  %s\nthreads          %d\nmemory for plans "
               "%.1f GiB\n"
               "device           cpu (this build has no other)\n",
               fv_version(), fv_ctx_processor(ctx), fv_ctx_isa(ctx), fv_ctx_threads(ctx), gib);
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
