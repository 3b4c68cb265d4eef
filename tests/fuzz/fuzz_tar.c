/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a shard. Checksums of headers are made right first, or hardly any input would get past them. */
#include <string.h>

#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[1 << 16];
    const char *dir = fuzz_dir();
    if (!dir || size > sizeof copy)
        return 0;
    memcpy(copy, data, size);
    for (size_t at = 0; at + 512 <= size; at += 512) {
        unsigned sum = 0;
        char text[8];
        if (copy[at + 156] != '0' && copy[at + 156] != 'x' && copy[at + 156] != 'L')
            continue; /* data, most likely */
        for (size_t i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? ' ' : copy[at + i];
        snprintf(text, sizeof text, "%06o", sum & 0777777);
        memcpy(copy + at + 148, text, 7);
        copy[at + 155] = ' ';
    }
    fuzz_write(dir, "s.tar", copy, size);
    fuzz_open_file(dir, "s.tar", NULL);
    return 0;
}
