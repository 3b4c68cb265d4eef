/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as images.npy and labels.npy: the first two bytes say how many of the others are the labels. */
#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *dir = fuzz_dir();
    if (!dir || size < 2)
        return 0;
    const size_t want = (size_t)data[0] << 8 | data[1], labels = want < size - 2 ? want : size - 2;
    fuzz_write(dir, "labels.npy", data + 2, labels);
    fuzz_write(dir, "images.npy", data + 2 + labels, size - 2 - labels);
    fuzz_open_file(dir, "images.npy", NULL);
    return 0;
}
