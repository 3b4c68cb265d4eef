/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a packed file. Its checksums are made right first, or no input would get past them. */
#include <string.h>

#include "base/crc32c.h"
#include "data/pack/format.h"
#include "fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[1 << 17];
    const char *dir = fuzz_dir();
    /* The input is records, tables and footer; the header is always the same. */
    const size_t whole = size + (size_t)FV_PACK_HEADER, at = whole - (size_t)FV_PACK_FOOTER;
    if (!dir || size < (size_t)FV_PACK_FOOTER || whole > sizeof file)
        return 0;
    memset(file, 0, (size_t)FV_PACK_HEADER);
    memcpy(file, FV_PACK_MAGIC, 8);
    fv_pack_put(file + FV_PACK_H_VERSION, FV_PACK_VERSION, 4);
    fv_pack_put(file + FV_PACK_H_CRC, fv_crc32c(file, FV_PACK_H_CRC), 4);
    memcpy(file + FV_PACK_HEADER, data, size);
    uint8_t *footer = file + at;
    memcpy(footer, FV_PACK_END, 8);
    fv_pack_put(footer + FV_PACK_F_FILE_SIZE, whole, 8);
    const uint64_t index = fv_pack_get(footer + FV_PACK_F_INDEX, 8);
    if (index <= at)
        fv_pack_put(footer + FV_PACK_F_TABLES_CRC, fv_crc32c(file + index, at - (size_t)index), 4);
    fv_pack_put(footer + FV_PACK_F_CRC, fv_crc32c(footer, FV_PACK_F_CRC), 4);
    fuzz_write(dir, "f.fvpack", file, whole);
    fuzz_open_file(dir, "f.fvpack", NULL);
    return 0;
}
