/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing of what reads files by name: the input becomes a file in a folder of the process's own. */
#ifndef FV_TESTS_FUZZ_FILES_H
#define FV_TESTS_FUZZ_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fovea/data.h>

/* The folder, made on the first call and the same for each; NULL when it cannot be made. */
static inline const char *fuzz_dir(void)
{
    static char dir[64];
    if (!dir[0]) {
        snprintf(dir, sizeof dir, "/tmp/fovea-fuzz-XXXXXX");
        if (!mkdtemp(dir))
            return NULL;
    }
    return dir;
}

static inline void fuzz_write(const char *dir, const char *name, const uint8_t *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        return;
    (void)!fwrite(data, 1, size, file);
    fclose(file);
}

/* Opens DIR/NAME (NULL: the folder) as a data set and looks at its first samples. */
static inline void fuzz_open_file(const char *dir, const char *name, const char *task)
{
    static fv_ctx *ctx;
    char path[256];
    /* The memory limit bounds what a file may inflate to. */
    if (!ctx && fv_ctx_create(&(fv_ctx_options){.threads = 1, .memory = 1 << 24}, &ctx) != FV_OK)
        return;
    fv_dataset *dataset = NULL;
    fv_image image;
    snprintf(path, sizeof path, "%s%s%s", dir, name ? "/" : "", name ? name : "");
    if (fv_dataset_open(ctx, path, &(fv_dataset_options){.task = task}, &dataset) == FV_OK) {
        for (int64_t i = 0; i < fv_dataset_count(dataset) && i < 4; i++) {
            if (fv_dataset_image(dataset, i, &image, NULL) == FV_OK)
                fv_image_free(ctx, &image);
        }
    }
    fv_dataset_destroy(&dataset);
}

static inline void fuzz_open(const char *dir)
{
    fuzz_open_file(dir, NULL, NULL);
}

#endif
