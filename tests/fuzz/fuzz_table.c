/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a table of features. The first says in which form, .npy, .npz, .csv or .safetensors; of a NumPy file the
 * next two say how many of the others are its description. */
#include <string.h>

#include "fuzz/fuzz_files.h"
#include "fuzz/fuzz_memory.h"

#include <fovea/transfer.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is a table: its rows can be looked at, and compared. */
static void look_at(fv_feature_table *t)
{
    const int64_t rows = fv_feature_table_count(t), classes = fv_feature_table_classes(t);
    const fv_feature_stage *stage = fv_feature_table_stage(t, 0);
    fv_match *matches;
    int64_t count;
    if (rows < 1 || !stage || stage->width < 1)
        abort();
    for (int64_t i = 0; i < rows; i++)
        if (!fv_feature_table_name(t, i) || fv_feature_table_label(t, i) < -1 ||
            fv_feature_table_label(t, i) >= classes)
            abort();
    for (int k = 0; k < 8 && (stage = fv_feature_table_stage(t, k)); k++) {
        float *row = malloc((size_t)stage->width * sizeof *row);
        if (!row || !*stage->name || fv_feature_table_get(t, k, rows - 1, 1, row) != FV_OK)
            abort();
        if (fv_feature_table_nearest(t, k, row, -1, 3, &matches, &count) == FV_OK) {
            if (count < 1 || matches[0].row < 0 || matches[0].row >= rows)
                abort();
            fv_matches_free(t, matches);
        }
        free(row);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"rows.npy", "rows.npz", "rows.csv", "rows.safetensors"};
    const char *dir = fuzz_dir();
    fuzz_memory memory;
    fv_feature_table *t;
    char path[256];
    if (!dir || size < 3)
        return 0;
    const int form = data[0] % 4;
    const size_t head = form < 2 ? 3 : 1, said = (size_t)data[1] << 8 | data[2];
    const size_t about = form < 2 ? (said < size - head ? said : size - head) : 0;
    snprintf(path, sizeof path, "%s.json", names[form]);
    if (form < 2)
        fuzz_write(dir, path, data + head, about);
    fuzz_write(dir, names[form], data + head + about, size - head - about);
    snprintf(path, sizeof path, "%s/%s", dir, names[form]);
    fv_ctx *ctx = fuzz_ctx(&memory, size, true);
    const fv_status status = fv_feature_table_read(ctx, path, &t);
    if ((status == FV_OK) != (t != NULL) || (status != FV_OK && !*fv_ctx_error(ctx)))
        abort(); /* a refusal says why */
    if (t)
        look_at(t);
    fv_feature_table_destroy(&t);
    fuzz_ctx_end(ctx, &memory);
    return 0;
}
