/* SPDX-License-Identifier: Apache-2.0 */
/* An index of trained networks on any bytes: within a bound of memory, and nothing it accepts leaves its folder. */
#include <stdlib.h>
#include <string.h>

#include "io/zoo/zoo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *bounded_alloc(void *user, size_t bytes, size_t align)
{
    void *ptr = NULL;
    (void)user;
    return bytes <= (size_t)80 << 20 && posix_memalign(&ptr, align, bytes) == 0 ? ptr : NULL;
}

static void bounded_release(void *user, void *ptr, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(ptr);
}

/* A name that a folder can hold and that no command takes for an option. */
static bool is_plain(const char *text)
{
    return *text && *text != '.' && *text != '-' && !strpbrk(text, "/\\ \t\r\n");
}

static void check(const fv_zoo_entry *e)
{
    if (!is_plain(e->name) || !is_plain(e->file) || strlen(e->sha256) != 64 || e->bytes < 1 || !e->license)
        abort();
    if (e->source == FV_ZOO_PACKAGE &&
        (!is_plain(e->from) || *e->member == '/' || strstr(e->member, "..") == e->member || strstr(e->member, "/..") ||
         strlen(e->package_sha256) != 64))
        abort();
    if (e->source == FV_ZOO_URL && strncmp(e->from, "http", 4) != 0)
        abort();
    if (e->source == FV_ZOO_FILE && strcmp(e->from, "/nowhere") != 0)
        abort();
    for (int i = 0; i < e->n_metrics; i++)
        if (!is_plain(e->metrics[i].name) || e->metrics[i].value != e->metrics[i].value)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fv_ctx_options options = {.threads = 1, .allocator = {bounded_alloc, bounded_release, NULL}};
    fv_ctx *ctx = NULL;
    fv_zoo_index *index = NULL;
    if (fv_ctx_create(&options, &ctx) != FV_OK)
        abort();
    if (fv_zoo_index_parse(ctx, "/nowhere/index.json", (const char *)data, size, &index) == FV_OK) {
        for (int i = 0; i < fv_zoo_index_count(index); i++)
            check(fv_zoo_index_entry(index, i));
        fv_zoo_index_destroy(&index);
    } else if (index || !*fv_ctx_error(ctx)) {
        abort(); /* a refusal says why */
    }
    fv_ctx_destroy(&ctx);
    return 0;
}
