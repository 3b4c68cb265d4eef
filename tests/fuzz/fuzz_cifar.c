/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a CIFAR data set: the first byte says how many of the others are the file of class names. */
#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *dir = fuzz_dir();
    if (!dir || size < 1)
        return 0;
    const size_t names = data[0] < size - 1 ? data[0] : size - 1;
    fuzz_write(dir, "batches.meta.txt", data + 1, names);
    fuzz_write(dir, "data_batch_1.bin", data + 1 + names, size - 1 - names);
    fuzz_open(dir);
    return 0;
}
