/* SPDX-License-Identifier: Apache-2.0 */
/* What PyTorch's pickles name, and the tensors of a state dict. */
#include "io/torch/state.h"

#include <inttypes.h>
#include <string.h>

#include "io/safetensors_dtype.h"

/* ---- the names that are known ---- */

typedef enum row_kind {
    ROW_DICT,      /* makes an empty dict */
    ROW_STORAGE,   /* a kind of storage; `what`: dtype */
    ROW_DTYPE,     /* `what`: dtype */
    ROW_TENSOR,    /* rebuilds a tensor; `what`: place of the dtype among its arguments, 0: the storage's */
    ROW_FIRST,     /* gives its first argument: parameters */
    ROW_TYPED,     /* (function, type, arguments, state): calls the function */
    ROW_OPAQUE,    /* harmless and not looked at */
    ROW_QUANTIZED, /* refused: no plain numbers */
} row_kind;

static const struct row {
    const char *module, *name;
    row_kind kind;
    int what;
} rows[] = {
    {"collections", "OrderedDict", ROW_DICT, 0},
    {"builtins", "dict", ROW_DICT, 0},
    {"__builtin__", "dict", ROW_DICT, 0},
    {"torch", "Size", ROW_FIRST, 0},
    {"torch", "FloatStorage", ROW_STORAGE, FV_F32},
    {"torch", "DoubleStorage", ROW_STORAGE, FV_F64},
    {"torch", "HalfStorage", ROW_STORAGE, FV_F16},
    {"torch", "BFloat16Storage", ROW_STORAGE, FV_BF16},
    {"torch", "LongStorage", ROW_STORAGE, FV_I64},
    {"torch", "IntStorage", ROW_STORAGE, FV_I32},
    {"torch", "ShortStorage", ROW_STORAGE, FV_I16},
    {"torch", "CharStorage", ROW_STORAGE, FV_I8},
    {"torch", "ByteStorage", ROW_STORAGE, FV_U8},
    {"torch", "BoolStorage", ROW_STORAGE, FV_BOOL},
    {"torch.storage", "UntypedStorage", ROW_STORAGE, -1},
    {"torch", "UntypedStorage", ROW_STORAGE, -1},
    {"torch.cuda", "FloatStorage", ROW_STORAGE, FV_F32},
    {"torch.cuda", "DoubleStorage", ROW_STORAGE, FV_F64},
    {"torch.cuda", "HalfStorage", ROW_STORAGE, FV_F16},
    {"torch.cuda", "BFloat16Storage", ROW_STORAGE, FV_BF16},
    {"torch.cuda", "LongStorage", ROW_STORAGE, FV_I64},
    {"torch.cuda", "IntStorage", ROW_STORAGE, FV_I32},
    {"torch.cuda", "ByteStorage", ROW_STORAGE, FV_U8},
    {"torch", "float32", ROW_DTYPE, FV_F32},
    {"torch", "float64", ROW_DTYPE, FV_F64},
    {"torch", "float16", ROW_DTYPE, FV_F16},
    {"torch", "bfloat16", ROW_DTYPE, FV_BF16},
    {"torch", "int64", ROW_DTYPE, FV_I64},
    {"torch", "int32", ROW_DTYPE, FV_I32},
    {"torch", "int16", ROW_DTYPE, FV_I16},
    {"torch", "int8", ROW_DTYPE, FV_I8},
    {"torch", "uint8", ROW_DTYPE, FV_U8},
    {"torch", "bool", ROW_DTYPE, FV_BOOL},
    {"torch._utils", "_rebuild_tensor", ROW_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", ROW_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v3", ROW_TENSOR, 6},
    {"torch._utils", "_rebuild_parameter", ROW_FIRST, 0},
    {"torch._utils", "_rebuild_parameter_with_state", ROW_FIRST, 0},
    {"torch.nn.parameter", "Parameter", ROW_FIRST, 0},
    {"torch.nn.parameter", "Buffer", ROW_FIRST, 0},
    {"torch.jit._pickle", "build_intlist", ROW_FIRST, 0},
    {"torch.jit._pickle", "build_doublelist", ROW_FIRST, 0},
    {"torch.jit._pickle", "build_boollist", ROW_FIRST, 0},
    {"torch.jit._pickle", "build_tensorlist", ROW_FIRST, 0},
    {"torch.jit._pickle", "restore_type_tag", ROW_FIRST, 0},
    {"torch._tensor", "_rebuild_from_type_v2", ROW_TYPED, 0},
    {"torch._utils", "_rebuild_qtensor", ROW_QUANTIZED, 0},
    {"torch._utils", "_rebuild_sparse_tensor", ROW_QUANTIZED, 0},
    {"torch", "device", ROW_OPAQUE, 0},
    {"torch", "Tensor", ROW_OPAQUE, 0},
    {"torch.serialization", "_get_layout", ROW_OPAQUE, 0},
    {"numpy.core.multiarray", "scalar", ROW_OPAQUE, 0},
    {"numpy._core.multiarray", "scalar", ROW_OPAQUE, 0},
    {"numpy", "dtype", ROW_OPAQUE, 0},
    {"_codecs", "encode", ROW_OPAQUE, 0},
};

enum { ROWS = sizeof rows / sizeof *rows, ROW_OBJECT = ROWS /* a class of TorchScript */ };

static int find_row(void *user, const char *module, const char *name)
{
    const fv_torch_state *state = user;
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].module, module) == 0 && strcmp(rows[i].name, name) == 0)
            return i;
    if (state->script && (strcmp(module, "__torch__") == 0 || strncmp(module, "__torch__.", 10) == 0))
        return ROW_OBJECT;
    return -1;
}

/* ---- tensors ---- */

fv_pickle_storage *fv_torch_storage(const fv_torch_state *state, const char *key)
{
    for (int i = 0; i < state->n_storages; i++)
        if (strcmp(state->storage[i]->key, key) == 0)
            return state->storage[i];
    return NULL;
}

/* ('storage', its kind, its key, where it was, its elements) */
static fv_status find_storage(fv_pickle *p, const fv_pickle_value *id, fv_pickle_value **result)
{
    fv_torch_state *state = p->hooks->user;
    fv_pickle_value *const *item = id->item;
    const bool fits = id->kind == FV_PICKLE_TUPLE && id->count >= 5 && item[0]->kind == FV_PICKLE_TEXT &&
                      strcmp(item[0]->text, "storage") == 0 && item[1]->kind == FV_PICKLE_GLOBAL &&
                      item[1]->integer < ROWS && rows[item[1]->integer].kind == ROW_STORAGE &&
                      item[2]->kind == FV_PICKLE_TEXT && item[4]->kind == FV_PICKLE_INT && item[4]->integer >= 0;
    if (!fits)
        return fv_tensor_file_bad(p->file, "the pickle names a storage in an unknown way");
    fv_pickle_storage *storage = fv_torch_storage(state, item[2]->text);
    if (!storage) {
        if (state->n_storages == FV_TORCH_TENSORS)
            return fv_tensor_file_bad(p->file, "more than %d storages", FV_TORCH_TENSORS);
        if (!(storage = fv_pickle_alloc(p, sizeof *storage)))
            return p->status;
        *storage =
            (fv_pickle_storage){.key = item[2]->text, .dtype = rows[item[1]->integer].what, .count = item[4]->integer};
        state->storage[state->n_storages++] = storage;
    }
    fv_pickle_value *value = *result = fv_pickle_make(p, FV_PICKLE_STORAGE);
    if (!value)
        return p->status;
    value->storage = storage;
    return FV_OK;
}

/* Whole numbers of a tuple or list, at most FV_MAX_RANK; -1: it holds something else. */
static int32_t read_ints(const fv_pickle_value *list, int64_t *dim)
{
    if ((list->kind != FV_PICKLE_TUPLE && list->kind != FV_PICKLE_LIST) || list->count > FV_MAX_RANK)
        return -1;
    for (int64_t i = 0; i < list->count; i++) {
        if (list->item[i]->kind != FV_PICKLE_INT || list->item[i]->integer < 0)
            return -1;
        dim[i] = list->item[i]->integer;
    }
    return (int32_t)list->count;
}

/* (storage, offset, sizes, strides, ...) */
static fv_status make_tensor(fv_pickle *p, const struct row *row, const fv_pickle_value *args, fv_pickle_value **result)
{
    fv_pickle_value *const *item = args->item;
    int64_t stride[FV_MAX_RANK] = {0};
    fv_shape shape = {0};
    if (args->count < 4 || args->count <= row->what || item[0]->kind != FV_PICKLE_STORAGE ||
        item[1]->kind != FV_PICKLE_INT || item[1]->integer < 0)
        return fv_tensor_file_bad(p->file, "a tensor without a storage");
    shape.rank = read_ints(item[2], shape.dim);
    if (shape.rank < 0 || read_ints(item[3], stride) != shape.rank)
        return fv_tensor_file_bad(p->file, "a tensor whose sizes and strides are no lists of at most %d numbers",
                                  FV_MAX_RANK);
    int dtype = item[0]->storage->dtype;
    if (row->what) {
        const fv_pickle_value *named = item[row->what];
        if (named->kind != FV_PICKLE_GLOBAL || named->integer >= ROWS || rows[named->integer].kind != ROW_DTYPE)
            return fv_tensor_file_bad(p->file, "a tensor of an unknown dtype");
        dtype = rows[named->integer].what;
    }
    if (dtype < 0)
        return fv_tensor_file_bad(p->file, "a tensor without a dtype");
    fv_pickle_value *value = *result = fv_pickle_make(p, FV_PICKLE_TENSOR);
    fv_pickle_tensor *tensor = value ? fv_pickle_alloc(p, sizeof *tensor) : NULL;
    if (!tensor)
        return p->status;
    *tensor = (fv_pickle_tensor){item[0]->storage, dtype, item[1]->integer, shape, {0}};
    memcpy(tensor->stride, stride, sizeof stride);
    value->tensor = tensor;
    return FV_OK;
}

/* A dict, with the pairs that it is made from (as Python 2 wrote them). */
static fv_status make_dict(fv_pickle *p, bool object, const fv_pickle_value *args, fv_pickle_value **result)
{
    fv_pickle_value *dict = *result = fv_pickle_make(p, FV_PICKLE_DICT);
    const fv_pickle_value *pairs = args->count == 1 && !object ? args->item[0] : NULL;
    if (!dict)
        return p->status;
    dict->integer = object;
    for (int64_t i = 0; pairs && pairs->kind == FV_PICKLE_LIST && i < pairs->count; i++) {
        const fv_pickle_value *pair = pairs->item[i];
        if ((pair->kind != FV_PICKLE_LIST && pair->kind != FV_PICKLE_TUPLE) || pair->count != 2)
            return fv_tensor_file_bad(p->file, "a dict made of something else than pairs");
        if (!fv_pickle_append(p, dict, pair->item, 2))
            return p->status;
    }
    return FV_OK;
}

static fv_status call(fv_pickle *p, const fv_pickle_value *global, fv_pickle_value *args, fv_pickle_value **result)
{
    const struct row *row = global->integer < ROWS ? &rows[global->integer] : NULL;
    const row_kind kind = row ? row->kind : ROW_DICT;
    if (kind == ROW_TENSOR)
        return make_tensor(p, row, args, result);
    if (kind == ROW_FIRST && args->count >= 1) {
        *result = args->item[0];
        return FV_OK;
    }
    if (kind == ROW_TYPED) {
        if (args->count < 3 || args->item[0]->kind != FV_PICKLE_GLOBAL || args->item[2]->kind != FV_PICKLE_TUPLE ||
            (args->item[0]->integer < ROWS && rows[args->item[0]->integer].kind == ROW_TYPED))
            return fv_tensor_file_bad(p->file, "%s with other arguments than a function and a tuple", global->text);
        return call(p, args->item[0], args->item[2], result);
    }
    if (kind == ROW_QUANTIZED)
        return fv_fail_hint(p->file->ctx,
                            fv_tensor_file_bad(p->file, "%s: quantized and sparse tensors are not read", global->text),
                            "save the float weights");
    if (kind == ROW_DICT)
        return make_dict(p, row == NULL, args, result);
    if (kind == ROW_OPAQUE) {
        *result = fv_pickle_make(p, FV_PICKLE_OPAQUE);
        return *result ? FV_OK : p->status;
    }
    return fv_fail(p->file->ctx, FV_ERR_MODEL_PICKLE, "%s: its pickle calls %s in a way that tensors do not need",
                   p->file->name, global->text);
}

fv_status fv_torch_state_create(fv_tensor_file *file, int64_t size, fv_torch_state **out)
{
    fv_torch_state *state = *out = fv_new(file->ctx, fv_torch_state);
    if (!state)
        return FV_ERR_NO_MEMORY;
    state->file = file;
    state->hooks = (fv_pickle_hooks){find_row, call, find_storage, state};
    state->pickle = (fv_pickle){.file = file, .hooks = &state->hooks, .budget = 8 * size + (1 << 24)};
    return FV_OK;
}

/* ---- the state dict ---- */

/* Bytes of a tensor, in the order of its shape: those of the storage, or a copy. */
static fv_status tensor_bytes(fv_torch_state *state, const char *name, const fv_pickle_tensor *t, const uint8_t **data)
{
    const int64_t size = fv_st_dtype_size(t->dtype), count = fv_shape_count(&t->shape);
    int64_t last = t->offset, plain = 1, bytes, index[FV_MAX_RANK] = {0};
    bool in_order = true;
    if (!t->storage->data)
        return fv_tensor_file_bad(state->file, "tensor '%.200s': the numbers of storage '%.60s' are not in the file",
                                  name, t->storage->key);
    const int64_t elements = t->storage->bytes / size;
    if (count < 0 || count > elements || !fv_size_mul(count, size, &bytes))
        return fv_tensor_file_bad(
            state->file, "tensor '%.200s' has more elements than its storage, which holds %" PRId64, name, elements);
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        const int64_t dim = t->shape.dim[i];
        int64_t step;
        if (dim > 1 && (!fv_size_mul(dim - 1, t->stride[i], &step) || !fv_size_add(last, step, &last)))
            last = INT64_MAX;
        in_order = in_order && (dim <= 1 || t->stride[i] == plain);
        plain *= dim;
    }
    if (count > 0 && last >= elements)
        return fv_tensor_file_bad(state->file, "tensor '%.200s' reaches element %" PRId64 " of a storage of %" PRId64,
                                  name, last, elements);
    *data = t->storage->data + (count > 0 ? t->offset * size : 0);
    if (in_order || count == 0)
        return FV_OK;
    uint8_t *copy = fv_pickle_alloc(&state->pickle, bytes);
    if (!copy)
        return state->pickle.status;
    for (int64_t e = 0; e < count; e++) {
        int64_t at = t->offset;
        for (int i = 0; i < t->shape.rank; i++)
            at += index[i] * t->stride[i];
        memcpy(copy + e * size, t->storage->data + at * size, (size_t)size);
        for (int i = t->shape.rank - 1; i >= 0 && ++index[i] == t->shape.dim[i]; i--)
            index[i] = 0;
    }
    *data = copy;
    return FV_OK;
}

/* A part of the tree of dicts, and how often it was visited: parts may be shared. */
typedef struct walk {
    fv_torch_state *state;
    int64_t visits;
} walk;

enum { DEPTH = 24, VISITS = 1 << 20 };

static fv_status add(walk *w, const char *prefix, const fv_pickle_value *dict, int depth);

static fv_status add_item(walk *w, const char *name, const fv_pickle_value *value, int depth)
{
    fv_tensor_file *file = w->state->file;
    if (value->kind == FV_PICKLE_DICT)
        return add(w, name, value, depth + 1);
    if (value->kind != FV_PICKLE_TENSOR)
        return FV_OK;
    fv_st_entry entry = {.name = name, .dtype = value->tensor->dtype, .shape = value->tensor->shape};
    if (file->count == FV_TORCH_TENSORS)
        return fv_tensor_file_bad(file, "more than %d tensors", FV_TORCH_TENSORS);
    FV_TRY(tensor_bytes(w->state, name, value->tensor, &entry.data));
    return fv_tensor_file_add(file, &entry);
}

static fv_status add(walk *w, const char *prefix, const fv_pickle_value *dict, int depth)
{
    fv_pickle *p = &w->state->pickle;
    if (depth > DEPTH || w->visits > VISITS)
        return fv_tensor_file_bad(p->file, "the pickle nests containers without end");
    for (int64_t i = 0; i < dict->count; i++) {
        const fv_pickle_value *key = dict->item[2 * i], *value = dict->item[2 * i + 1];
        w->visits++;
        if (key->kind != FV_PICKLE_TEXT || (value->kind != FV_PICKLE_DICT && value->kind != FV_PICKLE_TENSOR))
            continue;
        const size_t before = strlen(prefix);
        if (before + (size_t)key->size > 4096)
            return fv_tensor_file_bad(p->file, "the name of a tensor is longer than 4096 bytes");
        char *name = fv_pickle_alloc(p, (int64_t)before + key->size + 2);
        if (!name)
            return p->status;
        memcpy(name, prefix, before);
        name[before] = '.';
        memcpy(name + before + (before > 0), key->text, (size_t)key->size + 1);
        FV_TRY(add_item(w, name, value, depth));
    }
    return FV_OK;
}

/* Tensors directly in a dict. */
static int64_t tensors_in(const fv_pickle_value *dict)
{
    int64_t n = 0;
    for (int64_t i = 0; i < dict->count; i++)
        n += dict->item[2 * i + 1]->kind == FV_PICKLE_TENSOR;
    return n;
}

/* The dict of weights among what a checkpoint holds: one with such a name, else the one with most tensors. */
static const fv_pickle_value *find_part(const fv_pickle_value *root, const char **name)
{
    static const char *const names[] = {"state_dict", "model_state_dict", "model_state", "state_dict_ema", "model",
                                        "net",        "network",          "params",      "weights",        "module"};
    const fv_pickle_value *best = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const fv_pickle_value *part = fv_pickle_get(root, names[i]);
        if (part && part->kind == FV_PICKLE_DICT && tensors_in(part) > 0) {
            *name = names[i];
            return part;
        }
    }
    for (int64_t i = 0; i < root->count; i++) {
        const fv_pickle_value *key = root->item[2 * i], *part = root->item[2 * i + 1];
        if (key->kind != FV_PICKLE_TEXT || part->kind != FV_PICKLE_DICT || strstr(key->text, "optim"))
            continue;
        if (tensors_in(part) > (best ? tensors_in(best) : 0)) {
            best = part;
            *name = key->text;
        }
    }
    return best;
}

fv_status fv_torch_state_add(fv_torch_state *state, const fv_pickle_value *root)
{
    fv_tensor_file *file = state->file;
    walk w = {state, 0};
    if (root->kind == FV_PICKLE_TENSOR)
        return fv_fail_hint(file->ctx, fv_tensor_file_bad(file, "a single tensor without a name"),
                            "save a dict of tensors: torch.save(model.state_dict(), 'weights.pt')");
    if (root->kind != FV_PICKLE_DICT)
        return fv_tensor_file_bad(file, "its pickle holds no dict of tensors");
    const fv_pickle_value *part = state->script || tensors_in(root) > 0 ? root : find_part(root, &file->inside);
    FV_TRY(add(&w, "", part ? part : root, 0));
    if (file->count == 0)
        return fv_tensor_file_bad(file, "its pickle holds no tensors");
    return FV_OK;
}
