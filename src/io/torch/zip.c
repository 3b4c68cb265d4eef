/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch's format since version 1.6, a zip archive: NAME/data.pkl is the pickle, NAME/data/KEY the bytes of a storage,
 * NAME/byteorder "little" or "big". TorchScript's archives have NAME/code/... as well.
 */
#include "io/zip.h"

#include <string.h>

#include "io/torch/state.h"
#include "io/torch/torch.h"

bool fv_torch_is_zip(const uint8_t *data, int64_t size)
{
    return size >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

typedef struct archive {
    fv_tensor_file *file;
    fv_zip *zip;
    char folder[512]; /* "NAME/" or "" */
    bool script;
} archive;

/* The folder of the one data.pkl, and whether there is code beside it. */
static fv_status find_pickle(archive *a)
{
    static const char pickle[] = "data.pkl";
    bool found = false;
    for (int64_t i = 0; i < fv_zip_count(a->zip); i++) {
        const char *name = fv_zip_name(a->zip, i), *slash = strrchr(name, '/');
        const char *base = slash ? slash + 1 : name;
        const size_t folder = (size_t)(base - name);
        if (strcmp(base, pickle) != 0 || folder >= sizeof a->folder || (found && folder >= strlen(a->folder)))
            continue;
        memcpy(a->folder, name, folder);
        a->folder[folder] = '\0';
        found = true;
    }
    if (!found)
        return fv_fail_hint(a->file->ctx, fv_tensor_file_bad(a->file, "a zip archive without data.pkl: not PyTorch's"),
                            "give a file that torch.save or torch.jit.save wrote");
    for (int64_t i = 0; i < fv_zip_count(a->zip); i++) {
        const char *name = fv_zip_name(a->zip, i);
        const size_t folder = strlen(a->folder);
        a->script = a->script || (strncmp(name, a->folder, folder) == 0 && strncmp(name + folder, "code/", 5) == 0);
    }
    return FV_OK;
}

static fv_status read_member(archive *a, const char *member, const uint8_t **data, int64_t *size)
{
    const char *path = fv_arena_printf(a->file->arena, "%s%s", a->folder, member);
    return path ? fv_zip_read(a->zip, path, data, size) : FV_ERR_NO_MEMORY;
}

static fv_status read_storages(archive *a, fv_torch_state *state)
{
    for (int i = 0; i < state->n_storages; i++) {
        fv_pickle_storage *storage = state->storage[i];
        const char *member = fv_arena_printf(a->file->arena, "data/%s", storage->key);
        if (!member)
            return FV_ERR_NO_MEMORY;
        FV_TRY(read_member(a, member, &storage->data, &storage->bytes));
    }
    return FV_OK;
}

static fv_status read_all(archive *a, fv_torch_state *state)
{
    const uint8_t *data, *order;
    fv_pickle_value *root;
    int64_t size, used;
    FV_TRY(read_member(a, "byteorder", &order, &size));
    if (order && size == 3 && memcmp(order, "big", 3) == 0)
        return fv_tensor_file_bad(a->file, "its numbers are big-endian: save it again on another machine");
    FV_TRY(read_member(a, "data.pkl", &data, &size));
    if (!data)
        return fv_tensor_file_bad(a->file, "data.pkl cannot be read");
    state->script = a->script;
    FV_TRY(fv_pickle_read(&state->pickle, data, size, &root, &used));
    FV_TRY(read_storages(a, state));
    return fv_torch_state_add(state, root);
}

fv_status fv_torch_read_zip(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    archive a = {.file = file};
    fv_torch_state *state = NULL;
    fv_status status = fv_zip_open(file->ctx, file->name, data, size, file->arena, 4 * size + (1 << 24), &a.zip);
    if (status == FV_OK)
        status = find_pickle(&a);
    if (status == FV_OK)
        status = fv_torch_state_create(file, size, &state);
    if (status == FV_OK)
        status = read_all(&a, state);
    fv_free(file->ctx, state);
    fv_zip_close(&a.zip);
    return status;
}
