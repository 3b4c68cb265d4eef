/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a manifest: the first byte's bits choose CSV or JSON lines, and the task. */
#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const tasks[] = {NULL, "class", "multi-label", "regression"};
    const char *dir = fuzz_dir();
    if (!dir || size < 1)
        return 0;
    const char *name = data[0] & 1 ? "m.jsonl" : "m.csv";
    fuzz_write(dir, "a.png", (const uint8_t *)"no image", 8);
    fuzz_write(dir, name, data + 1, size - 1);
    fuzz_open_file(dir, name, tasks[data[0] >> 1 & 3]);
    return 0;
}
