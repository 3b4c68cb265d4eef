/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an IDX data set: the first byte says how many of the others are the label file. */
#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *dir = fuzz_dir();
    if (!dir || size < 1)
        return 0;
    const size_t labels = data[0] < size - 1 ? data[0] : size - 1;
    fuzz_write(dir, "train-labels-idx1-ubyte", data + 1, labels);
    fuzz_write(dir, "train-images-idx3-ubyte", data + 1 + labels, size - 1 - labels);
    fuzz_open(dir);
    return 0;
}
