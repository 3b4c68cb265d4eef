/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles of state dicts, as both of PyTorch's formats hold them. */
#ifndef FV_IO_TORCH_STATE_H
#define FV_IO_TORCH_STATE_H

#include "io/torch/pickle.h"

/* Most tensors, and most storages, of a file. */
#define FV_TORCH_TENSORS 16384

typedef struct fv_torch_state {
    fv_tensor_file *file;
    fv_pickle pickle;
    fv_pickle_hooks hooks;
    fv_pickle_storage *storage[FV_TORCH_TENSORS]; /* by the order of their first use */
    int n_storages;
    bool script; /* TorchScript: classes of __torch__ are objects with attributes */
} fv_torch_state;

/* Zeroed; the caller's (fv_free). `size`: bytes of the file, by which memory is bounded. */
fv_status fv_torch_state_create(fv_tensor_file *file, int64_t size, fv_torch_state **state);
fv_pickle_storage *fv_torch_storage(const fv_torch_state *state, const char *key);
/* Adds the tensors of a state dict to the file. All storages have their data. */
fv_status fv_torch_state_add(fv_torch_state *state, const fv_pickle_value *root);

#endif
