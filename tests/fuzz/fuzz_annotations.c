/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as annotations: COCO's JSON, or YOLO's label file, whose first line is the list of class names. */
#include <string.h>

#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path)
{
    static fv_ctx *ctx;
    if (!ctx && fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx) != FV_OK)
        return;
    fv_check_report *report = NULL;
    if (fv_dataset_check(ctx, path, NULL, &report) == FV_OK && fv_check_report_text(report)[0] == '\1')
        abort(); /* it is never so: the text must be read */
    fv_check_report_destroy(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t picture[] = "P6 2 2 255\nabcdefghijkl";
    static char yolo[128], json[128];
    const char *dir = fuzz_dir();
    if (!dir || size < 1)
        return 0;
    if (!yolo[0]) {
        char path[160];
        static const char *const below[] = {"", "/images", "/labels"};
        snprintf(yolo, sizeof yolo, "%s/yolo", dir);
        snprintf(json, sizeof json, "%s/coco.json", dir);
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "%s%s", yolo, below[i]);
            mkdir(path, 0700);
        }
        fuzz_write(yolo, "images/a.ppm", picture, sizeof picture - 1);
        fuzz_write(dir, "a.ppm", picture, sizeof picture - 1);
    }
    if (data[0] == '{') {
        fuzz_write(dir, "coco.json", data, size);
        check(json);
        return 0;
    }
    const uint8_t *end = memchr(data, '\n', size);
    const size_t line = end ? (size_t)(end - data) + 1 : 0;
    fuzz_write(yolo, "data.yaml", data, line);
    fuzz_write(yolo, "labels/a.txt", data + line, size - line);
    check(yolo);
    return 0;
}
