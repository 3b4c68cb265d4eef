/* SPDX-License-Identifier: Apache-2.0 */
/* Weights by name, with a row in the report for each. All is compared and checked before anything changes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/safetensors_dtype.h"
#include "io/safetensors_model.h"
#include "kernels/kernels.h"
#include "kernels/reduce/reduce.h"

/* Numbers checked at a time. */
#define FV_CHECK_CHUNK ((int64_t)1 << 14)

/* What wrappers put before the names of the network inside: for several devices, compiled, in a training loop. */
static const char *const wrappers[] = {"module.", "_orig_mod.", "model.", "net."};

/* A name without the first wrapper's; NULL: it has none. */
static const char *unwrapped(const char *name)
{
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strncmp(name, wrappers[i], strlen(wrappers[i])) == 0)
            return name + strlen(wrappers[i]);
    return NULL;
}

/* A tensor by its name, or as a wrapped network calls it. */
static const fv_st_entry *find(const fv_tensor_file *file, const char *name)
{
    enum { WRAPPERS = sizeof wrappers / sizeof *wrappers };
    char wrapped[512];
    const fv_st_entry *entry = fv_tensor_file_find(file, name);
    for (int i = 0; !entry && i < WRAPPERS * (WRAPPERS + 1); i++) { /* one wrapper, or one in another */
        const char *outer = i < WRAPPERS ? "" : wrappers[i / WRAPPERS - 1];
        if ((size_t)snprintf(wrapped, sizeof wrapped, "%s%s%s", outer, wrappers[i % WRAPPERS], name) < sizeof wrapped)
            entry = fv_tensor_file_find(file, wrapped);
    }
    return entry;
}

/* The last part of a name, "weight" or "running_mean", which Keras has other words for. */
static const char *leaf(const char *name)
{
    static const char *const words[][2] = {
        {"kernel", "weight"}, {"depthwise_kernel", "weight"},  {"gamma", "weight"},
        {"beta", "bias"},     {"moving_mean", "running_mean"}, {"moving_variance", "running_var"}};
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : dot ? dot + 1 : name;
    for (size_t i = 0; slash && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(last, words[i][0]) == 0)
            return words[i][1];
    return last;
}

/* The first slot from `i` on that counts: with auxiliary heads, or without. */
static int next_slot(const fv_model *model, int i, bool aux)
{
    while (!aux && i < model->n_slots && model->slots[i].aux)
        i++;
    return i;
}

/* Whether the file's float tensors are those of the model in its order, leaf by leaf and shape by shape, whatever their
 * names; the output layer may be missing. A tensor file keeps the order in which a network registers its tensors only
 * where it is PyTorch's or Keras's. */
static bool follows_order(const fv_model *model, const fv_tensor_file *file, bool aux)
{
    int at = next_slot(model, 0, aux), taken = 0;
    for (int64_t i = 0; i < fv_tensor_file_count(file); i++) {
        const fv_st_entry *entry = fv_tensor_file_entry(file, i);
        if (entry->shape.rank == 0 && strcmp(leaf(entry->name), "num_batches_tracked") == 0)
            continue;
        if (at == model->n_slots || strcmp(leaf(entry->name), leaf(model->slots[at].name)) != 0 ||
            !fv_shape_equal(&entry->shape, &model->slots[at].file_shape))
            return false;
        at = next_slot(model, at + 1, aux);
        taken++;
    }
    for (; at < model->n_slots; at = next_slot(model, at + 1, aux))
        if (!model->slots[at].head)
            return false;
    return taken > 0;
}

/* Gives the tensors the model's names where other names stand for the same network: *renamed of them. */
static fv_status take_names(const fv_model *model, fv_tensor_file *file, int *renamed)
{
    int known = 0;
    *renamed = 0;
    for (int i = 0; i < model->n_slots; i++)
        known += model->slots[i].head || model->slots[i].aux || find(file, model->slots[i].name) != NULL;
    if (known == model->n_slots)
        return FV_OK;
    const bool aux = follows_order(model, file, true);
    if (!aux && (model->aux.count == 0 || !follows_order(model, file, false)))
        return FV_OK;
    int at = next_slot(model, 0, aux), counter = 0;
    for (int64_t i = 0; i < file->count; i++) {
        const bool counts = file->entries[i].shape.rank == 0;
        if (!counts) {
            *renamed += strcmp(file->entries[i].name, model->slots[at].name) != 0;
            file->entries[i].name = model->slots[at].name;
            at = next_slot(model, at + 1, aux);
            continue;
        }
        while (!aux && counter < model->n_counters && model->slots[model->counters[counter].slot].aux)
            counter++;
        if (counter < model->n_counters)
            file->entries[i].name = model->counters[counter++].name;
    }
    return fv_tensor_file_index(file);
}

static fv_load_row compare(const fv_slot *slot, const fv_st_entry *entry)
{
    fv_load_row row = {.name = slot->name,
                       .verdict = FV_MISSING,
                       .head = slot->head,
                       .aux = slot->aux,
                       .model_shape = slot->file_shape};
    if (!entry)
        return row;
    row.file_shape = entry->shape;
    row.verdict = fv_shape_equal(&entry->shape, &slot->file_shape) ? FV_LOADED : FV_SHAPE_MISMATCH;
    return row;
}

/* Whether the model has a place for a tensor of the file, or holds it in its graph. */
static bool is_known(fv_model *model, const char *name)
{
    for (; name; name = unwrapped(name)) {
        const fv_val *val = fv_graph_find(model->graph, name);
        if (fv_model_slot(model, name) || fv_model_counter(model, name) || (val && val->role == FV_ROLE_CONST))
            return true;
    }
    return false;
}

static fv_status make_report(fv_model *model, const fv_tensor_file *file, fv_load_report **report)
{
    FV_TRY(fv_load_report_create(model->ctx, report));
    for (int i = 0; i < model->n_slots; i++) {
        fv_load_row row = compare(&model->slots[i], find(file, model->slots[i].name));
        FV_TRY(fv_load_report_add(*report, &row));
    }
    for (int64_t i = 0; i < fv_tensor_file_count(file); i++) {
        const fv_st_entry *entry = fv_tensor_file_entry(file, i);
        if (is_known(model, entry->name))
            continue;
        fv_load_row row = {.name = entry->name, .verdict = FV_UNUSED, .file_shape = entry->shape};
        FV_TRY(fv_load_report_add(*report, &row));
    }
    return FV_OK;
}

/* The refusal, with the first tensor that is missing and the first of another shape. */
static fv_status mismatch(fv_model *model, const fv_tensor_file *file, const fv_load_report *report, int loaded)
{
    const fv_load_row *missing = NULL, *other = NULL;
    char first[320] = "", second[512] = "", a[96], b[96];
    bool only_head = loaded > 0;
    int n = 0;
    for (int i = 0; i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        if (row->aux && row->verdict == FV_MISSING)
            continue;
        missing = !missing && row->verdict == FV_MISSING ? row : missing;
        other = !other && row->verdict == FV_SHAPE_MISMATCH ? row : other;
        if (row->verdict == FV_MISSING || row->verdict == FV_SHAPE_MISMATCH) {
            n++;
            only_head = only_head && row->head;
        }
    }
    if (missing)
        snprintf(first, sizeof first, ": '%.200s' is missing", missing->name);
    if (other)
        snprintf(second, sizeof second, "%s '%.200s' is %s in the file and %s in the model", missing ? "," : ":",
                 other->name, fv_shape_text(&other->file_shape, a), fv_shape_text(&other->model_shape, b));
    fv_status status = fv_fail(model->ctx, FV_ERR_MODEL_MISMATCH, "%s: %d of %d tensors do not fit '%s'%s%s",
                               fv_tensor_file_name(file), n, model->n_slots, model->name, first, second);
    if (only_head)
        return fv_fail_hint(model->ctx, status,
                            "only the last layer differs, which depends on the number of classes: `fovea train "
                            "--reset-head` starts it anew");
    return fv_fail_hint(model->ctx, status,
                        "choose the architecture that the file was made for; `fovea train --partial` loads the %d "
                        "tensors that fit",
                        loaded);
}

/* f32 takes any numbers, each rounded once; other dtypes take their own. */
static fv_status check_dtype(const fv_model *model, const fv_tensor_file *file, const fv_st_entry *entry,
                             const fv_slot *slot)
{
    if (slot->dtype == FV_F32 || entry->dtype == (int)slot->dtype)
        return FV_OK;
    return fv_fail(model->ctx, FV_ERR_MODEL_MISMATCH, "%s: tensor '%s' is %s: the model holds %s",
                   fv_tensor_file_name(file), entry->name, fv_st_dtype_name(entry->dtype),
                   fv_dtype_find(slot->dtype)->file);
}

/* Whether a tensor's elements are floats as the kernels take them, and none is NaN or infinite. */
static bool all_finite(const fv_model *model, const fv_st_entry *entry)
{
    return entry->dtype == FV_F32 && (uintptr_t)entry->data % sizeof(float) == 0 &&
           fv_kernels_of(model->ctx)
               ->reduce->finite(fv_shape_count(&entry->shape), (const float *)(const void *)entry->data);
}

static fv_status check_finite(fv_model *model, const fv_tensor_file *file, const fv_st_entry *entry, float *chunk)
{
    const bool integers = entry->dtype < FV_DTYPE_COUNT && !fv_dtype_is_float((fv_dtype)entry->dtype);
    const int64_t count = integers ? 0 : fv_shape_count(&entry->shape);
    if (all_finite(model, entry))
        return FV_OK;
    for (int64_t i = 0; i < count; i += FV_CHECK_CHUNK) {
        const int64_t n = count - i < FV_CHECK_CHUNK ? count - i : FV_CHECK_CHUNK;
        FV_TRY(fv_tensor_file_floats(file, entry, i, n, chunk));
        for (int64_t k = 0; k < n; k++) {
            if (!isfinite(chunk[k]))
                return fv_fail(model->ctx, FV_ERR_MODEL_NAN, "%s: tensor '%s': element %" PRId64 " is %s",
                               fv_tensor_file_name(file), entry->name, i + k, isnan(chunk[k]) ? "NaN" : "infinite");
        }
    }
    return FV_OK;
}

/* Reads the tensor into its slot, row by row of the file's order. */
static fv_status fill(const fv_tensor_file *file, const fv_st_entry *entry, const fv_slot *slot, float *row)
{
    void *dst = fv_tensor_data(slot->data);
    const int64_t size = slot->mid * slot->inner;
    const bool here = dst == entry->data, as_here = entry->last && slot->file_shape.rank == 2;
    const bool plain = slot->mid == 1 || slot->inner == 1 || as_here;
    if (here && plain)
        return FV_OK; /* the slot goes on in the file's bytes */
    if (slot->dtype != FV_F32) {
        fv_slot_from_file(slot, entry->data, 0, slot->outer, dst);
        return FV_OK;
    }
    if (plain)
        return fv_tensor_file_floats(file, entry, 0, fv_shape_count(&slot->shape), dst);
    for (int64_t o = 0; o < slot->outer; o++) {
        FV_TRY(fv_tensor_file_floats(file, entry, o * size, size, row));
        fv_slot_from_file(slot, row, o, o + 1, dst);
    }
    return FV_OK;
}

static fv_status apply(fv_model *model, const fv_tensor_file *file, const fv_load_report *report)
{
    int64_t size = FV_CHECK_CHUNK;
    for (int i = 0; i < model->n_slots; i++) {
        const int64_t row = model->slots[i].mid * model->slots[i].inner;
        size = row > size ? row : size;
    }
    float *chunk = fv_malloc(model->ctx, (size_t)size * sizeof *chunk);
    if (!chunk)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    for (int pass = 0; status == FV_OK && pass < 2; pass++) {
        if (pass == 1)
            fv_model_touch(model);
        for (int i = 0; status == FV_OK && i < model->n_slots; i++) {
            const fv_st_entry *entry = find(file, model->slots[i].name);
            if (fv_load_report_row(report, i)->verdict != FV_LOADED)
                continue;
            if (pass == 0)
                status = check_dtype(model, file, entry, &model->slots[i]);
            if (status == FV_OK)
                status =
                    pass == 0 ? check_finite(model, file, entry, chunk) : fill(file, entry, &model->slots[i], chunk);
        }
    }
    fv_free(model->ctx, chunk);
    for (int i = 0; status == FV_OK && i < model->n_counters; i++) {
        const fv_st_entry *entry = find(file, model->counters[i].name);
        if (entry && fv_shape_count(&entry->shape) == 1)
            status = fv_tensor_file_integers(file, entry, 0, 1, &model->counters[i].value);
    }
    return status;
}

fv_status fv_weights_load(fv_model *model, const fv_tensor_file *file, bool partial, fv_load_report **out)
{
    fv_load_report *report = NULL;
    int loaded = 0, fine = 0; /* fine: auxiliary heads too that the file does not have */
    fv_status status = make_report(model, file, &report);
    for (int i = 0; status == FV_OK && i < model->n_slots; i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        loaded += row->verdict == FV_LOADED;
        fine += row->verdict == FV_LOADED || (row->aux && row->verdict == FV_MISSING);
    }
    if (status == FV_OK && (loaded == 0 || (fine < model->n_slots && !partial)) && model->n_slots > 0)
        status = mismatch(model, file, report, loaded);
    if (status == FV_OK) {
        fv_model_sync(model); /* what is not loaded stays as a device has it */
        status = apply(model, file, report);
    }
    if (out && (status == FV_OK || status == FV_ERR_MODEL_MISMATCH))
        *out = report;
    else
        fv_load_report_destroy(&report);
    return status;
}

/* Says what was taken off the names, or from around the tensors. */
static void tell(const fv_model *model, const fv_tensor_file *file, int renamed)
{
    const char *path = fv_tensor_file_name(file);
    if (file->inside)
        fv_log(model->ctx, FV_LOG_INFO, "weights", "%s: %s: the tensors are those of its '%.100s'", path, file->format,
               file->inside);
    if (renamed)
        fv_log(model->ctx, FV_LOG_INFO, "weights",
               "%s: %d tensors have other names than '%s' gives them: taken in its order, by which all shapes agree",
               path, renamed, model->name);
    for (int i = 0; i < model->n_slots; i++) {
        const char *name = model->slots[i].name;
        const fv_st_entry *entry = find(file, name);
        const size_t more = entry ? strlen(entry->name) - strlen(name) : 0;
        if (more == 0)
            continue;
        fv_log(model->ctx, FV_LOG_INFO, "weights", "%s: '%.*s' before the names of its tensors is left out", path,
               (int)more, entry->name);
        break;
    }
}

fv_status fv_model_load_weights(fv_model *model, const char *path, bool partial, fv_load_report **report)
{
    fv_tensor_file *file = NULL;
    int renamed = 0;
    if (report)
        *report = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: call fv_model_finish first",
                       model->name);
    FV_TRY(fv_tensor_file_open(model->ctx, path, &file));
    fv_status status = fv_safetensors_verify(file, NULL);
    if (status == FV_OK)
        status = take_names(model, file, &renamed);
    if (status == FV_OK)
        status = fv_weights_load(model, file, partial, report);
    if (status == FV_OK)
        tell(model, file, renamed);
    fv_tensor_file_close(&file);
    return status;
}
