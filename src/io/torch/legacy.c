/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch's format before version 1.6: pickles of a magic number, the protocol's number, facts about the machine, the
 * object and the list of storage keys; then for each key the number of its elements (8 bytes, little endian) and these.
 */
#include <inttypes.h>
#include <string.h>

#include "io/safetensors_dtype.h"
#include "io/torch/state.h"
#include "io/torch/torch.h"

/* 0x1950a86a20f9469cfc6c, little endian, as a pickle of protocol 2 begins with it. */
static const uint8_t magic[] = {0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

/* Any other pickle is refused by the same reader, which names what it asks for. */
/* Safetensors may begin with the same bytes: the size of their header, of which a brace follows. */
bool fv_torch_is_legacy(const uint8_t *data, int64_t size)
{
    if (size > 8 && data[8] == '{' && memcmp(data + 4, "\0\0\0\0", 4) == 0)
        return false;
    return size > 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5;
}

static fv_status read_storages(fv_torch_state *state, const fv_pickle_value *keys, const uint8_t *data, int64_t size)
{
    fv_tensor_file *file = state->file;
    int64_t at = 0;
    if (keys->kind != FV_PICKLE_LIST && keys->kind != FV_PICKLE_TUPLE)
        return fv_tensor_file_bad(file, "no list of storages behind the pickle");
    for (int64_t i = 0; i < keys->count; i++) {
        const char *key = keys->item[i]->kind == FV_PICKLE_TEXT ? keys->item[i]->text : "";
        fv_pickle_storage *storage = fv_torch_storage(state, key);
        uint64_t count = 0;
        if (!storage || storage->data)
            return fv_tensor_file_bad(file, "storage '%.60s' is not among those of the tensors, or there twice", key);
        for (int b = 0; b < 8 && at + 8 <= size; b++)
            count |= (uint64_t)data[at + b] << (8 * b);
        at += 8;
        const int64_t unit = storage->dtype < 0 ? 1 : fv_st_dtype_size(storage->dtype);
        if (at > size || count > (uint64_t)((size - at) / unit))
            return fv_tensor_file_bad(file, "the file ends within storage '%.60s': it is truncated", key);
        storage->data = data + at;
        storage->bytes = (int64_t)count * unit;
        at += storage->bytes;
    }
    return FV_OK;
}

static fv_status read_all(fv_torch_state *state, const uint8_t *data, int64_t size)
{
    enum { MAGIC, PROTOCOL, MACHINE, OBJECT, KEYS, PICKLES };
    fv_pickle_value *value[PICKLES] = {NULL};
    int64_t at = 0, used;
    if (size < (int64_t)sizeof magic || memcmp(data, magic, sizeof magic) != 0) {
        FV_TRY(fv_pickle_read(&state->pickle, data, size, &value[0], &used)); /* names what it should not hold */
        return fv_tensor_file_bad(state->file, "a pickle that torch.save did not write");
    }
    for (int i = 0; i < PICKLES; i++) {
        FV_TRY(fv_pickle_read(&state->pickle, data + at, size - at, &value[i], &used));
        at += used;
    }
    const fv_pickle_value *little =
        value[MACHINE]->kind == FV_PICKLE_DICT ? fv_pickle_get(value[MACHINE], "little_endian") : NULL;
    if (little && little->kind == FV_PICKLE_INT && !little->integer)
        return fv_tensor_file_bad(state->file, "its numbers are big-endian: save it again on another machine");
    FV_TRY(read_storages(state, value[KEYS], data + at, size - at));
    return fv_torch_state_add(state, value[OBJECT]);
}

fv_status fv_torch_read_legacy(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    fv_torch_state *state;
    FV_TRY(fv_torch_state_create(file, size, &state));
    fv_status status = read_all(state, data, size);
    fv_free(file->ctx, state);
    return status;
}
